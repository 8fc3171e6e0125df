//! Finds the output folders and the round file of a round, from an output folder
//! or from the folder of the round file.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audit_log::LOG;
use crate::manifest::{MANIFEST, Manifest};
use crate::remains::inputs;
use crate::round::{CONFIGURATION, WrittenRound};
use crate::signing::SIGNATURE_SUFFIX;
use aidlink_faults::fault::{Fault, Refusal, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{EntryKind, Folder, open_named};
use aidlink_files::partial::{is_named_like_a_partial, is_under_way, parent_of};

/// Folders that were opened when the user named them. Folders below them are opened from there,
/// part by part and through no link: somebody may exchange one for a link at any time.
#[derive(Clone, Debug, Default)]
pub struct OpenedFolders {
    by_path: Vec<(PathBuf, Arc<Folder>)>,
}

impl OpenedFolders {
    fn add(&mut self, path: &Path, folder: &Arc<Folder>) {
        self.by_path.push((path.to_path_buf(), folder.clone()));
    }

    /// Returns the folder that was opened at this very path.
    fn at(&self, path: &Path) -> Option<Arc<Folder>> {
        let mut opened = self.by_path.iter();
        let found = opened.find(|(opened, _)| opened == path);
        found.map(|(_, folder)| folder.clone())
    }

    /// Opens a folder, from the one above it that is open. If none is, the user named it: then
    /// links in the path are followed, and the folder itself must not be one.
    ///
    /// # Errors
    /// If it is missing or not a folder, or a part of the path below an open folder is a link.
    pub fn open(&self, path: &Path) -> io::Result<Folder> {
        for (above, folder) in &self.by_path {
            match path.strip_prefix(above) {
                Ok(below) if below.as_os_str().is_empty() => return folder.try_clone(),
                Ok(below) => return folder.folder(below),
                Err(_) => {}
            }
        }
        Folder::open(path)
    }
}

/// The output folders and the round file of a round.
#[derive(Clone, Debug)]
pub struct RoundFolder {
    /// The folder of the round file; paths of inputs are relative to it.
    pub folder: PathBuf,
    /// The round file, if it was found.
    pub round_file: Option<PathBuf>,
    /// The folders in which it was searched, open. Open output folders through them.
    pub opened: OpenedFolders,
    /// The output folders that the user named.
    pub outputs: Vec<PathBuf>,
    /// The other output folders, which may share inputs with them: everywhere below the round's
    /// folder, also inside output folders and beside other round files, of which some are copies.
    pub siblings: Vec<PathBuf>,
    /// The ids in the round file that the user named, or else in all round files in the folder.
    pub rounds: Vec<String>,
    /// The round files there and everywhere below, without the copies in output folders.
    pub round_files: Vec<FoundRoundFile>,
    /// The folders that could not be searched for them, also those in output folders.
    pub unsearched: Vec<Fault>,
    /// Unfinished output folders anywhere below the round's folder that a run is writing. It
    /// may be reading the inputs.
    pub under_way: Vec<PathBuf>,
    /// Folders beside the output folders with a manifest that is none of a step, and nothing
    /// else that a step writes.
    pub foreign: Vec<PathBuf>,
}

/// A round file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundRoundFile {
    /// The folder that holds it; paths of inputs are relative to it.
    pub folder: PathBuf,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub digest: String,
}

impl RoundFolder {
    /// Returns the lines to print of the folders that only look like output folders.
    pub fn foreign_text(&self) -> Vec<Text> {
        let folders = self.foreign.iter().map(|folder| shown_path(folder));
        let lines = folders.map(|folder| {
            Text::new(
                format!(
                    "{folder}：其中的 {MANIFEST} 不是程序写出的运行记录，也没有日志和签名，不作为输出文件夹处理；如系被损坏的输出文件夹，请从备份恢复"
                ),
                format!(
                    "{folder}: its {MANIFEST} is none that a step wrote, and there is neither log nor signature, so it does not count as an output folder; if it is a damaged one, restore it from a backup"
                ),
            )
        });
        lines.collect()
    }

    /// Searches a folder that the user named: an output folder, a round's folder, or another
    /// folder that holds output folders. `round_file` is the round file, if the user named
    /// one.
    ///
    /// # Errors
    /// When the folder does not exist or no output folder is found.
    pub fn find(named: &Path, round_file: Option<&Path>) -> Result<Self, Fault> {
        if !named.is_dir() {
            return Err(Fault::of_file(
                named,
                Text::new("找不到此文件夹", "the folder does not exist"),
                Text::new(
                    "请指明输出文件夹，或轮次文件所在的文件夹",
                    "name an output folder, or the folder of the round file",
                ),
            ));
        }
        let mut foreign = Vec::new();
        let mut opened = OpenedFolders::default();
        // What the user named is opened once. Somebody may exchange it, or a folder above it, for
        // a link at any time.
        let (folder, outputs, base) = if is_output_folder(named) {
            // Paths such as `.` have no parent as written.
            let real = fs::canonicalize(named).unwrap_or_else(|_| named.to_path_buf());
            let folder = parent_of(&real).to_path_buf();
            let base = match Folder::open(named) {
                Ok(output) => {
                    let base = output.container();
                    opened.add(named, &Arc::new(output));
                    base
                }
                // A link, which is refused later.
                Err(_) => open_named(&folder),
            };
            (folder, vec![named.to_path_buf()], base.map(Arc::new))
        } else {
            let is_of_round = round_file.is_some() || holds_a_round_file(named);
            let base = open_named(named).map_err(|error| Fault::unreadable(named, &error))?;
            let base = Arc::new(base);
            opened.add(named, &base);
            let outputs = outputs_in(&base, named, is_of_round, &mut foreign);
            (named.to_path_buf(), outputs, Ok(base))
        };
        if outputs.is_empty() {
            return Err(Fault::of_file(
                named,
                Text::new("此处没有输出文件夹", "there is no output folder here"),
                Text::new(
                    "请指明输出文件夹，或轮次文件所在的文件夹",
                    "name an output folder, or the folder of the round file",
                ),
            ));
        }
        let named_rounds = round_file.map(|file| vec![file.to_path_buf()]);
        let (folder, round_file, base) = match round_file {
            Some(file) => {
                let folder = parent_of(file).to_path_buf();
                let base = open_named(&folder).map(Arc::new);
                if let Ok(base) = &base {
                    check_same_tree(named, &opened.at(named), &folder, base)?;
                }
                (folder, Some(file.to_path_buf()), base)
            }
            None => {
                let found = round_file_in(&folder, &outputs);
                (folder, found, base)
            }
        };
        let real = |path: &PathBuf| fs::canonicalize(path).ok();
        let named: Vec<PathBuf> = outputs.iter().filter_map(real).collect();
        let beside = round_files_in(&folder).into_iter();
        let beside = beside.map(|(path, _)| path).collect();
        let mut search = SiblingSearch::default();
        // A folder that holds nothing of a round may hold anything else.
        let is_of_round = round_file.is_some()
            || holds_a_round_file(&folder)
            || outputs.iter().any(|output| has_inputs_in(output, &folder));
        let levels = if is_of_round { DEEPEST } else { 0 };
        let mut siblings: Vec<PathBuf> = Vec::new();
        match base {
            Ok(base) => {
                let real_folder = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
                for path in [&folder, &real_folder] {
                    opened.add(path, &base);
                }
                search.search(&base, &folder, levels);
                // Another folder may be at these paths by now, or a link.
                let below =
                    |path: &PathBuf| Some(real_folder.join(path.strip_prefix(&folder).ok()?));
                siblings.extend(search.found.iter().filter_map(below));
                siblings.extend(search.linked.iter().filter_map(real));
            }
            Err(error) => search.not_searched(&folder, &error),
        }
        siblings.sort();
        siblings.dedup();
        siblings.retain(|other| !named.contains(other));
        let mut round_files = search.round_files;
        let of_named = round_file.as_ref().and_then(|file| {
            let digest = WrittenRound::read(file).ok()?.digest().to_owned();
            let folder = parent_of(file).to_path_buf();
            Some(FoundRoundFile { folder, digest })
        });
        round_files.extend(of_named);
        Ok(RoundFolder {
            folder,
            round_file,
            opened,
            outputs,
            siblings,
            rounds: ids_of(named_rounds.unwrap_or(beside)),
            round_files,
            unsearched: search.unsearched,
            under_way: search.under_way,
            foreign,
        })
    }
}

/// Checks that what the user named and the folder of the round file, which were opened one after
/// the other, lie in each other as their paths say.
///
/// # Errors
/// If another folder was put at one of the paths, or above them, meanwhile.
fn check_same_tree(
    named: &Path,
    opened: &Option<Arc<Folder>>,
    folder: &Path,
    base: &Folder,
) -> Result<(), Fault> {
    let (Some(opened), Ok(named_at), Ok(folder_at)) = (
        opened,
        std::path::absolute(named),
        std::path::absolute(folder),
    ) else {
        return Ok(());
    };
    let is_exchanged = |outer: &Folder, below: &Path, inner: &Folder| {
        let found = match below.as_os_str().is_empty() {
            true => outer.try_clone(),
            false => outer.folder(below),
        };
        match found.and_then(|found| Ok(found.id()? != inner.id()?)) {
            Ok(is_another) => is_another,
            // Its path may lead through a link.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    };
    let is_exchanged = match (
        named_at.strip_prefix(&folder_at),
        folder_at.strip_prefix(&named_at),
    ) {
        (Ok(below), _) => is_exchanged(base, below, opened),
        (_, Ok(below)) => is_exchanged(opened, below, base),
        _ => false,
    };
    if !is_exchanged {
        return Ok(());
    }
    Err(Fault::of_file(
        named,
        Text::new(
            "打开时此文件夹或其上级文件夹被换成另一文件夹，未继续",
            "this folder, or one above it, was exchanged for another one while it was opened, so nothing was done",
        ),
        Text::new("请查明后重新运行", "find out why, and run again"),
    ))
}

/// Whether the folder looks like an output folder, complete or not.
fn is_output_folder(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".partial-")
        || [MANIFEST, LOG]
            .iter()
            .any(|file| fs::symlink_metadata(folder.join(file)).is_ok())
}

/// Whether an input that the manifest of an output folder names is below a folder.
fn has_inputs_in(output: &Path, folder: &Path) -> bool {
    let manifest = manifest_of(output);
    let named = manifest.iter().flat_map(inputs);
    named
        .map(|input| folder.join(input.path))
        .any(|path| fs::symlink_metadata(path).is_ok())
}

/// The deepest folder that is searched for output folders, counted from the round's.
const DEEPEST: usize = 64;

/// Returns the output folders in a folder, also hidden ones. If it is a round's folder, also
/// those in folders below it, except in the folders of other rounds, whose inputs are
/// elsewhere. A folder of somebody's own may hold anything, and is not searched. Adds to `foreign`
/// the folders that only have a file with the name of a manifest.
fn outputs_in(
    folder: &Folder,
    path: &Path,
    is_of_round: bool,
    foreign: &mut Vec<PathBuf>,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let levels = if is_of_round { DEEPEST } else { 0 };
    add_outputs(folder, path, levels, &mut found, foreign);
    found.sort();
    foreign.sort();
    found
}

fn add_outputs(
    folder: &Folder,
    at: &Path,
    levels: usize,
    found: &mut Vec<PathBuf>,
    foreign: &mut Vec<PathBuf>,
) {
    for entry in folder.entries().unwrap_or_default() {
        let path = at.join(&entry.name);
        // A link may lead back or out of the round's folder: what it leads to is refused later.
        let is_link = entry.kind == EntryKind::Link;
        let is_folder = entry.kind == EntryKind::Folder || is_link && path.is_dir();
        // Partial folders are reported with the output folder they belong to.
        if !is_folder || is_named_like_a_partial(&entry.name) {
            continue;
        }
        let inner = folder.folder(Path::new(&entry.name));
        let (is_output, has_manifest) = match &inner {
            Ok(inner) => (
                is_written_by_a_step(inner),
                inner.kind(Path::new(MANIFEST)).is_ok(),
            ),
            // It is a link, or only its names may be used.
            Err(_) => (
                is_at_path_of_a_step(&path),
                fs::symlink_metadata(path.join(MANIFEST)).is_ok(),
            ),
        };
        if is_output {
            found.push(path);
            continue;
        }
        if has_manifest {
            foreign.push(path.clone());
        }
        if let Ok(inner) = inner
            && levels > 0
            && !holds_a_round_file(&path)
        {
            add_outputs(&inner, &path, levels - 1, found, foreign);
        }
    }
}

/// A search for all output folders below a folder.
#[derive(Default)]
struct SiblingSearch {
    found: Vec<PathBuf>,
    /// Those that only a link leads to.
    linked: Vec<PathBuf>,
    unsearched: Vec<Fault>,
    under_way: Vec<PathBuf>,
    round_files: Vec<FoundRoundFile>,
}

impl SiblingSearch {
    /// Searches a folder, which is at this path, and the folders below it down to this many
    /// levels. 0 is for a folder of somebody's own, which may hold anything.
    fn search(&mut self, folder: &Folder, at: &Path, levels: usize) {
        let entries = match folder.entries() {
            Ok(entries) => entries,
            Err(error) => return self.not_searched(at, &error),
        };
        if !is_configuration_of_an_output(at) {
            let files = entries.iter().map(|entry| Path::new(&entry.name));
            let files = files.filter(|name| is_toml(name));
            let digests = files.filter_map(|name| {
                let written = WrittenRound::read_in(folder, name, &at.join(name)).ok()?;
                let digest = written.digest().to_owned();
                written.names_a_round().then_some(digest)
            });
            self.round_files
                .extend(digests.map(|digest| FoundRoundFile {
                    folder: at.to_path_buf(),
                    digest,
                }));
        }
        for entry in entries {
            let (name, path) = (&entry.name, at.join(&entry.name));
            // A link may lead back or out of the round's folder.
            let is_link = entry.kind == EntryKind::Link;
            if entry.kind != EntryKind::Folder && !(is_link && path.is_dir()) {
                continue;
            }
            let inner = || folder.folder(Path::new(name));
            // Only while its run is going on does an unfinished one need an input.
            let is_partial = is_named_like_a_partial(name);
            if is_partial {
                if is_under_way(folder, name) {
                    self.under_way.push(path);
                    continue;
                }
                // Without a mark it is a finished one that somebody renamed.
                if folder.has_sticky_bit(Path::new(name)).unwrap_or(true) {
                    self.search_leftover(inner(), &path, levels);
                    continue;
                }
            }
            if is_link {
                if has_been_written_by_a_step(&path).unwrap_or(false) {
                    self.linked.push(path);
                }
                continue;
            }
            let inner = inner();
            let is_output = match &inner {
                Ok(inner) => was_written_by_a_step(inner),
                // Perhaps only its names may be used.
                Err(_) => has_been_written_by_a_step(&path),
            };
            match is_output {
                Ok(true) => self.found.push(path.clone()),
                Ok(false) => {}
                Err(error) if levels > 0 => {
                    self.not_searched(&path, &error);
                    continue;
                }
                Err(_) => continue,
            }
            if is_partial {
                self.search_leftover(inner, &path, levels);
            } else if levels > 1 {
                match inner {
                    Ok(inner) => self.search(&inner, &path, levels - 1),
                    Err(error) => self.not_searched(&path, &error),
                }
            } else if levels == 1 {
                self.not_searched(&path, &Refusal::TooDeep.into());
            }
        }
    }

    /// Searches what a killed run left for outputs that somebody moved into it. A purge leaves
    /// what it cannot read of it.
    fn search_leftover(&mut self, leftover: io::Result<Folder>, path: &Path, levels: usize) {
        let mut inner = SiblingSearch::default();
        if let Ok(leftover) = leftover
            && levels > 1
        {
            inner.search(&leftover, path, levels - 1);
        }
        self.found.append(&mut inner.found);
        self.linked.append(&mut inner.linked);
        self.under_way.append(&mut inner.under_way);
    }

    fn not_searched(&mut self, folder: &Path, error: &io::Error) {
        // It was removed meanwhile, or was never there.
        if error.kind() != io::ErrorKind::NotFound {
            let reason = io_reason(error);
            self.unsearched.push(Fault::of_file(
                folder,
                Text::new(
                    format!(
                        "无法查找其中是否有还需要本轮文件的输出文件夹：{}",
                        reason.zh
                    ),
                    format!(
                        "this folder cannot be searched for outputs that still need files of the round: {}",
                        reason.en
                    ),
                ),
                Text::new(
                    "请核对读取权限，或移出轮次文件夹，再重试",
                    "check that you may read it, or move it out of the round's folder, and try again",
                ),
            ));
        }
    }
}

/// As [`is_written_by_a_step`], of the folder at a path, to which a link may lead.
///
/// # Errors
/// When the folder or its manifest cannot be read.
fn has_been_written_by_a_step(folder: &Path) -> io::Result<bool> {
    let folder = &fs::canonicalize(folder)?;
    for name in [LOG, MANIFEST] {
        match fs::symlink_metadata(folder.join(name)) {
            Ok(metadata) if name == MANIFEST && metadata.is_file() => {
                // Somebody may exchange it for a pipe, which would block.
                Folder::open(folder)?.open_file(Path::new(name))?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(is_at_path_of_a_step(folder))
}

/// As [`is_written_by_a_step`].
///
/// # Errors
/// When the manifest of the folder cannot be read.
fn was_written_by_a_step(folder: &Folder) -> io::Result<bool> {
    for name in [LOG, MANIFEST] {
        match folder.kind(Path::new(name)) {
            Ok(EntryKind::File) if name == MANIFEST => {
                folder.open_file(Path::new(name))?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(is_written_by_a_step(folder))
}

/// Whether a folder has more of an output folder than a file with a name that other programs
/// use too. Such a file somewhere below the round's folder must not stop a purge.
fn is_written_by_a_step(folder: &Folder) -> bool {
    let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let has = |name: &str| folder.kind(Path::new(name)).is_ok();
    has(LOG) || has(&signature) || manifest_in(folder).is_some()
}

/// As [`is_written_by_a_step`], of the folder at a path, to which a link may lead.
fn is_at_path_of_a_step(folder: &Path) -> bool {
    let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let has = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
    has(LOG) || has(&signature) || manifest_of(folder).is_some()
}

/// Whether a folder holds the copies of configuration files in an output folder: paths in its
/// round file are not relative to it.
fn is_configuration_of_an_output(folder: &Path) -> bool {
    folder.file_name() == Some(OsStr::new(CONFIGURATION))
        && folder.parent().is_some_and(is_output_folder)
}

/// Whether a folder holds a round file, whatever its name. A draft is none: no step has read it, so
/// it takes no output folder away from the round around it.
fn holds_a_round_file(folder: &Path) -> bool {
    !round_files_in(folder).is_empty()
}

/// Whether a folder holds a round file, whatever its name, or a draft of one.
pub(crate) fn holds_a_round_file_or_draft(folder: &Path) -> bool {
    let is_round_file = |path: &PathBuf| {
        WrittenRound::read_draft(path).is_ok_and(|written| written.names_a_round())
    };
    toml_files_in(folder).iter().any(is_round_file)
}

/// Returns the manifest of an output folder; `None` if it cannot be read. It is not
/// verified.
pub fn manifest_of(output: &Path) -> Option<Manifest> {
    manifest_in(&Folder::open(output).ok()?)
}

fn manifest_in(output: &Folder) -> Option<Manifest> {
    let bytes = output.read(Path::new(MANIFEST), Manifest::LARGEST).ok()?;
    Manifest::parse(&bytes).ok()
}

/// Returns the round file in a folder: the one whose digest is in a manifest,
/// or else the only one.
fn round_file_in(folder: &Path, outputs: &[PathBuf]) -> Option<PathBuf> {
    let digests: Vec<String> = outputs
        .iter()
        .filter_map(|output| manifest_of(output))
        .map(|manifest| manifest.round_file_blake3)
        .collect();
    let round_files = round_files_in(folder);
    let named = round_files
        .iter()
        .find(|(_, digest)| digests.contains(digest));
    match (named, round_files.as_slice()) {
        (Some((path, _)), _) | (None, [(path, _)]) => Some(path.clone()),
        _ => None,
    }
}

/// Returns the ids of rounds in round files, as far as they can be read.
fn ids_of(round_files: Vec<PathBuf>) -> Vec<String> {
    let round_files = round_files.into_iter();
    let ids = round_files.filter_map(|path| WrittenRound::read(&path).ok()?.round_id().ok());
    ids.collect()
}

fn toml_files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| is_toml(path)).collect()
}

fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// Returns the round files in a folder, each with its digest, in the order of their paths.
fn round_files_in(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut round_files: Vec<(PathBuf, String)> = toml_files_in(folder)
        .into_iter()
        .filter_map(|path| {
            let written = WrittenRound::read(&path).ok()?;
            let digest = written.digest().to_owned();
            written.names_a_round().then_some((path, digest))
        })
        .collect();
    round_files.sort();
    round_files
}
