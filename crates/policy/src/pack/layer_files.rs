//! Finds and reads the files of a policy: its own, and those of the policies below it, which
//! `extends` names. What is in them is merged and checked elsewhere.

use std::path::{Path, PathBuf};

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION, Located, Node};
use aidlink_faults::fault::{Fault, Faults, nearest_name};
use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;

use crate::shipped::{POLICIES, Shipped, policy_name};

/// The key by which a policy names the policy below it.
pub(super) const EXTENDS: &str = "extends";

/// The most files of one policy. A nation, a province, a city and a county are four.
const MOST_LAYERS: usize = 8;

/// Where a policy is: a file, or one that comes with the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// A file.
    File(PathBuf),
    /// One that comes with the program, by its name without `.toml`.
    Shipped(&'static str),
}

impl PolicySource {
    /// Interprets what a person wrote. A text with a separator of paths, or that ends in
    /// `.toml`, is a path, which is seen from `folder`; any other is the name of a policy
    /// that comes with the program.
    ///
    /// # Errors
    /// What is wrong and what to do, when no policy of this name comes with the program.
    pub fn of_text(written: &str, folder: &Path) -> Result<Self, (Text, Text)> {
        if written.contains(['/', '\\']) || written.ends_with(".toml") {
            return Ok(PolicySource::File(folder.join(written)));
        }
        let mut names = POLICIES.iter().map(policy_name);
        if let Some(name) = names.clone().find(|name| *name == written) {
            return Ok(PolicySource::Shipped(name));
        }
        let shown = shown_name(written);
        let message = Text::new(
            format!("程序没有自带名为“{shown}”的规则文件"),
            format!("no policy `{shown}` comes with the program"),
        );
        let hint = match nearest_name(written, names.clone()) {
            Some(name) => Text::new(
                format!("是否应为“{name}”？路径请以 .toml 结尾"),
                format!("did you mean `{name}`? A path ends in .toml"),
            ),
            None => {
                let first = names.next().unwrap_or_default();
                let names = names.fold(first.to_owned(), |list, name| format!("{list}, {name}"));
                Text::new(
                    format!("自带的规则文件：{names}；路径请以 .toml 结尾"),
                    format!("policies that come with the program: {names}; a path ends in .toml"),
                )
            }
        };
        Err((message, hint))
    }

    /// Returns the path by which faults name the policy.
    pub fn shown(&self) -> PathBuf {
        match self {
            PolicySource::File(path) => path.clone(),
            PolicySource::Shipped(name) => {
                Path::new("<aidlink>/policies").join(format!("{name}.toml"))
            }
        }
    }

    /// Reads the policy's bytes.
    fn bytes(&self) -> Result<Vec<u8>, Fault> {
        match self {
            PolicySource::File(path) => regular_file::read(path, LARGEST_CONFIGURATION),
            PolicySource::Shipped(name) => {
                let is_it = |policy: &&Shipped| policy_name(policy) == *name;
                let text = POLICIES.iter().find(is_it).map_or("", |policy| policy.text);
                Ok(text.as_bytes().to_vec())
            }
        }
    }

    /// Returns what tells this policy from another, by whatever path it is named.
    fn identity(&self) -> PathBuf {
        let shown = self.shown();
        match self {
            PolicySource::File(path) => path.canonicalize().unwrap_or(shown),
            PolicySource::Shipped(_) => shown,
        }
    }
}

/// One file of a policy.
#[derive(Debug)]
pub(super) struct LayerFile {
    /// The file's content.
    pub(super) bytes: Vec<u8>,
    /// Its keys and their places.
    pub(super) document: Document,
}

impl LayerFile {
    /// Parses a file that begins a policy or is below one.
    pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Fault> {
        let document = Document::of_bytes(path, bytes.clone())?;
        Ok(LayerFile { bytes, document })
    }

    fn extends(&self) -> Option<&Located<Node>> {
        let mut entries = self.document.entries().iter();
        let (_, value) = entries.find(|(key, _)| key.value == EXTENDS)?;
        Some(value)
    }

    /// Whether the file has any of the keys that every policy has.
    fn is_policy(&self) -> bool {
        let mut keys = self.document.entries().iter();
        keys.any(|(key, _)| ["id", "version", "title"].contains(&key.value.as_str()))
    }
}

/// Reads a policy and those below it, the lowest one first.
///
/// # Errors
/// When a file cannot be read or is not a policy, or a policy would be below itself. Except
/// of the first file, the place is that of the `extends` that leads there.
pub(super) fn read(source: &PolicySource) -> Result<Vec<LayerFile>, Faults> {
    let top = LayerFile::parse(&source.shown(), source.bytes()?)?;
    let mut sources = vec![source.clone()];
    let mut layers = vec![top];
    while let Some((layer, own)) = layers.last().zip(sources.last()) {
        let Some(extends) = layer.extends() else {
            break;
        };
        let copy = copy_of(source, layers.len());
        let below = source_below(layer, own, extends, copy)?;
        let refused = |message, hint| layer.document.fault(extends.at.clone(), message, hint);
        let identity = below.identity();
        if let Some(from) = sources.iter().position(|own| own.identity() == identity) {
            let cycle = sources.iter().skip(from).chain([&below]);
            let cycle: Vec<String> = cycle.map(|source| shown_path(&source.shown())).collect();
            let message = Text::new(
                format!("规则文件循环引用：{}", cycle.join(" → ")),
                format!(
                    "the policies extend each other in a cycle: {}",
                    cycle.join(" -> ")
                ),
            );
            let hint = Text::new(
                "请删去其中一处 extends",
                "remove one `extends` of the cycle",
            );
            return Err(refused(message, hint).into());
        }
        if layers.len() == MOST_LAYERS {
            let message = Text::new(
                format!("规则文件超过{MOST_LAYERS}层"),
                format!("the policy has more than {MOST_LAYERS} layers"),
            );
            let hint = Text::new("请合并其中几层", "put some of them together");
            return Err(refused(message, hint).into());
        }
        let shown = shown_path(&below.shown());
        let read = below
            .bytes()
            .and_then(|bytes| LayerFile::parse(&below.shown(), bytes));
        let read = match read {
            Ok(read) if read.is_policy() => read,
            Ok(_) => {
                let message = Text::new(
                    format!("{shown} 不是规则文件：没有 id、version、title"),
                    format!("{shown} is not a policy: it has no `id`, `version` and `title`"),
                );
                let hint = Text::new("请检查文件是否选错", "check that this is the right file");
                return Err(refused(message, hint).into());
            }
            Err(fault) => {
                let message = Text::new(
                    format!("下层规则文件 {shown} 不能用：{}", fault.message.zh),
                    format!(
                        "the policy below, {shown}, is not usable: {}",
                        fault.message.en
                    ),
                );
                return Err(refused(message, fault.hint).into());
            }
        };
        sources.push(below);
        layers.push(read);
    }
    layers.reverse();
    Ok(layers)
}

/// Returns the files that a policy file extends, however many of them can be read, without
/// those that come with the program.
pub fn files_below(path: &Path) -> Vec<PathBuf> {
    let top = PolicySource::File(path.to_path_buf());
    let mut files: Vec<PathBuf> = Vec::new();
    let mut source = top.clone();
    while files.len() < MOST_LAYERS {
        let read = source.bytes();
        let read = read.and_then(|bytes| LayerFile::parse(&source.shown(), bytes));
        let Ok(layer) = read else { break };
        let Some(extends) = layer.extends() else {
            break;
        };
        let copy = copy_of(&top, files.len() + 1);
        match source_below(&layer, &source, extends, copy) {
            Ok(PolicySource::File(below)) => {
                files.push(below.clone());
                source = PolicySource::File(below);
            }
            _ => break,
        }
    }
    files
}

/// Returns the path of the copy of a layer below a policy file. The layer below the file is
/// number 1, the one below that number 2.
///
/// A finished round keeps such copies, because what `extends` names may be changed or moved
/// afterwards. They are in a folder beside the file, and count before what it names.
pub(super) fn copy_below(file: &str, number: usize) -> String {
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    format!("{stem}.layers/{number}.toml")
}

/// Returns the path of a copy of a layer below a policy, if there are copies.
fn copy_of(source: &PolicySource, number: usize) -> Option<PathBuf> {
    let PolicySource::File(path) = source else {
        return None;
    };
    let name = path.file_name()?.to_str()?;
    let copy = path.with_file_name(copy_below(name, number));
    copy.parent()?.is_dir().then_some(copy)
}

fn folder_of(source: &PolicySource) -> &Path {
    match source {
        PolicySource::File(path) => path.parent().unwrap_or(Path::new("")),
        PolicySource::Shipped(_) => Path::new(""),
    }
}

/// Returns where the policy below a layer is.
fn source_below(
    layer: &LayerFile,
    own: &PolicySource,
    extends: &Located<Node>,
    copy: Option<PathBuf>,
) -> Result<PolicySource, Fault> {
    let refused = |message, hint| layer.document.fault(extends.at.clone(), message, hint);
    let Node::String(written) = &extends.value else {
        let message = Text::new("“extends”应为字符串", "`extends` must be a string");
        let hint = Text::new(
            "请写自带规则文件的名称，或相对于本文件的路径，例如 extends = \"省.toml\"",
            "write the name of a policy that comes with the program, or a path seen from this file, such as extends = \"province.toml\"",
        );
        return Err(refused(message, hint));
    };
    if let Some(copy) = copy {
        return Ok(PolicySource::File(copy));
    }
    PolicySource::of_text(written, folder_of(own)).map_err(|(message, hint)| refused(message, hint))
}
