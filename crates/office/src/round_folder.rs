//! Finds the output folders and the round file of a round, from an output folder
//! or from the folder of the round file.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audit_log::LOG;
use crate::manifest::{MANIFEST, Manifest};
use crate::remains::{aside_paths_of_inputs, inputs};
use crate::round::{CONFIGURATION, StatedRound, WrittenRound};
use crate::signing::SIGNATURE_SUFFIX;
use aidlink_faults::configuration::LARGEST_CONFIGURATION;
use aidlink_faults::fault::{Fault, Refusal, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{EntryKind, FileId, Folder, open_named};
use aidlink_files::partial::{is_named_like_a_partial, is_under_way, parent_of};

/// Folders that were opened when the user named them. Folders below them are opened from there,
/// part by part and through no link: somebody may exchange one for a link at any time.
#[derive(Clone, Debug, Default)]
pub struct OpenedFolders {
    by_path: Vec<(PathBuf, Arc<Folder>)>,
    /// The search of the round's folder, if there was one.
    searched: Option<Arc<Searched>>,
}

/// How a round's folder was searched for output folders, and those that were found.
#[derive(Debug)]
struct Searched {
    folder: Arc<Folder>,
    at: PathBuf,
    levels: usize,
    found: BTreeSet<FoundOutput>,
    /// What interrupted runs left. The purge itself locks some of them.
    leftovers: BTreeSet<PathBuf>,
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

    /// Searches the round's folder again, just before inputs are removed. One that was moved
    /// while it was searched before may have been seen neither where it was nor where it is.
    ///
    /// # Errors
    /// If there is an output folder that the first search did not find there, or a run is writing
    /// one, or a folder cannot be searched: there may be an output that needs the inputs.
    pub(crate) fn check_outputs(&self) -> Result<(), Fault> {
        let Some(searched) = &self.searched else {
            return Ok(());
        };
        let mut search = SiblingSearch::default();
        search.search(&searched.folder, &searched.at, searched.levels);
        let mut found = search.found.iter().chain(&search.linked);
        if let Some(output) = found.find(|output| !searched.found.contains(output)) {
            return Err(appeared(&output.path));
        }
        let mut written = search.under_way.iter();
        if let Some(output) = written.find(|output| !searched.leftovers.contains(*output)) {
            return Err(appeared(output));
        }
        search.unsearched.into_iter().next().map_or(Ok(()), Err)
    }

    /// Checks that all output folders are where a search before this one found them.
    ///
    /// # Errors
    /// If one was moved or removed between both.
    pub(crate) fn check_since(&self, earlier: &OpenedFolders) -> Result<(), Fault> {
        let (Some(earlier), Some(now)) = (&earlier.searched, &self.searched) else {
            return Ok(());
        };
        let moved = earlier.found.difference(&now.found).next();
        moved.map_or(Ok(()), |output| Err(moved_away(&output.path)))
    }
}

fn appeared(output: &Path) -> Fault {
    Fault::of_file(
        output,
        Text::new(
            "查找之后此处才有此输出文件夹（新写出，或从别处移来），其可能需要本轮的输入文件，purge 已停止，未删除其输入文件",
            "this output folder was written or moved here after the search for output folders, and it may need inputs of the round, so `purge` stopped before it deleted any",
        ),
        Text::new(
            "请勿移动输出文件夹，重新运行 purge",
            "leave the output folders where they are, and run `purge` again",
        ),
    )
}

fn moved_away(output: &Path) -> Fault {
    Fault::of_file(
        output,
        Text::new(
            "查找过程中此输出文件夹被移走，其可能需要本轮的输入文件，未删除任何文件",
            "this output folder was moved away during the search, and it may need inputs of the round; nothing was deleted",
        ),
        Text::new(
            "请勿移动输出文件夹，重新运行 purge",
            "leave the output folders where they are, and run `purge` again",
        ),
    )
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

/// A round file, or what may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundRoundFile {
    /// The folder that holds it; paths of inputs are relative to it.
    pub folder: PathBuf,
    /// Its name.
    pub name: OsString,
    /// BLAKE3 digest of its bytes, hexadecimal; `None` if nobody can tell whether it is a round
    /// file, or of which round.
    pub digest: Option<String>,
}

impl RoundFolder {
    /// Returns the files in the round's folder of which nobody can tell whether they are round
    /// files, or of which round.
    pub fn uncertain_round_files(&self) -> impl Iterator<Item = PathBuf> {
        let files = self.round_files.iter();
        let files = files.filter(|file| file.digest.is_none() && file.folder == self.folder);
        files.map(|file| file.folder.join(&file.name))
    }

    /// Returns the manifests of the output folders that the user named, as far as they can be
    /// read. They are not verified.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = Manifest> {
        let outputs = self.outputs.iter();
        outputs.filter_map(|output| manifest_in(&self.opened.open(output).ok()?))
    }

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
        // What the user named is opened once. Somebody may exchange it, or a folder above it, for
        // a link at any time, or rename it: what is in it is read through the open folder.
        let first = Folder::open(named);
        let is_link = first.is_err();
        let first = first.or_else(|_| open_named(named));
        Self::find_in(named, first, is_link, round_file)
    }

    /// As [`RoundFolder::find`], of a folder that is open: `first` is the one at `named`, to which
    /// a link leads or not.
    fn find_in(
        named: &Path,
        first: io::Result<Folder>,
        is_link: bool,
        round_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let mut foreign = Vec::new();
        let mut opened = OpenedFolders::default();
        let is_output = match &first {
            Ok(first) => is_named_like_an_output(named) || is_output_folder_in(first),
            // A file in it may be read all the same.
            Err(_) => is_output_folder(named),
        };
        let (folder, mut outputs, base) = if is_output {
            // Paths such as `.` have no parent as written.
            let real = fs::canonicalize(named).unwrap_or_else(|_| named.to_path_buf());
            let folder = parent_of(&real).to_path_buf();
            let base = match first {
                Ok(output) if !is_link => {
                    let base = output.container();
                    opened.add(named, &Arc::new(output));
                    base
                }
                // A link, which is refused later.
                _ => open_named(&folder),
            };
            (folder, vec![named.to_path_buf()], base.map(Arc::new))
        } else {
            let base = first.map_err(|error| Fault::unreadable(named, &error))?;
            let is_of_round = round_file.is_some() || holds_a_round_file(&base, named);
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
        let (named_folder, named_file) = (named, round_file);
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
                let found = base.as_ref().ok();
                let found = found.and_then(|base| round_file_in(base, &folder, &outputs, &opened));
                (folder, found, base)
            }
        };
        let mut search = SiblingSearch::default();
        let mut siblings: Vec<PathBuf> = Vec::new();
        let mut rounds = Vec::new();
        let mut of_named = None;
        match base {
            Ok(base) => {
                let here = files_in(&base, &folder).unwrap_or_else(|error| {
                    search.not_searched(&folder, &error);
                    Vec::new()
                });
                if let Some(file) = named_file {
                    let name = file.file_name().unwrap_or_default();
                    let stated = WrittenRound::stated_in(&base, name, file);
                    if let Ok(StatedRound::Round { digest, id }) = stated {
                        rounds.extend(id);
                        of_named = Some(FoundRoundFile {
                            folder: folder.clone(),
                            name: name.to_owned(),
                            digest: Some(digest),
                        });
                    }
                } else {
                    rounds.extend(here.iter().filter_map(|file| file.id.clone()));
                }
                // An output of another round in a subfolder is purged there, and not with this round.
                let of_others = |output: &PathBuf| {
                    let is_nested = output.parent() != Some(named_folder);
                    !is_output && is_nested && is_of_another_round(opened.open(output), &rounds)
                };
                let (others, own): (Vec<_>, Vec<_>) = outputs.into_iter().partition(of_others);
                outputs = own;
                if let (true, Some(other)) = (outputs.is_empty(), others.first()) {
                    return Err(only_of_other_rounds(named_folder, other));
                }
                // A folder that holds nothing of a round may hold anything else.
                let is_of_round = round_file.is_some()
                    || here.iter().any(|file| file.found.digest.is_some())
                    || outputs
                        .iter()
                        .any(|output| has_inputs_in(opened.open(output), &base));
                let levels = if is_of_round { DEEPEST } else { 0 };
                let real_folder = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
                for path in [&folder, &real_folder] {
                    opened.add(path, &base);
                }
                search.search(&base, &folder, levels);
                let found = search.found.iter().chain(&search.linked);
                opened.searched = Some(Arc::new(Searched {
                    folder: base.clone(),
                    at: folder.clone(),
                    levels,
                    found: found.cloned().collect(),
                    leftovers: search.leftovers.iter().cloned().collect(),
                }));
                let named = Named::of(&outputs, &opened);
                // Another folder may be at these paths by now, or a link.
                let below = |found: &FoundOutput| {
                    let path = real_folder.join(found.path.strip_prefix(&folder).ok()?);
                    (!named.has(&path, found.id)).then_some(path)
                };
                siblings.extend(search.found.iter().filter_map(below));
                let behind = |found: &FoundOutput| {
                    let path = fs::canonicalize(&found.path).ok()?;
                    (!named.has(&path, found.id)).then_some(path)
                };
                siblings.extend(search.linked.iter().filter_map(behind));
            }
            Err(error) => search.not_searched(&folder, &error),
        }
        siblings.sort();
        siblings.dedup();
        let mut round_files = search.round_files;
        round_files.extend(of_named);
        Ok(RoundFolder {
            folder,
            round_file,
            opened,
            outputs,
            siblings,
            rounds,
            round_files,
            unsearched: search.unsearched,
            under_way: search.under_way,
            foreign,
        })
    }
}

/// Whether the manifest of an output folder is of none of these rounds. One that cannot be read may
/// be of any.
fn is_of_another_round(output: io::Result<Folder>, rounds: &[String]) -> bool {
    let manifest = output.ok().and_then(|output| manifest_in(&output));
    !rounds.is_empty() && manifest.is_some_and(|manifest| !rounds.contains(&manifest.round))
}

fn only_of_other_rounds(named: &Path, output: &Path) -> Fault {
    let output = shown_path(output);
    Fault::of_file(
        named,
        Text::new(
            format!("此处只有另一轮次的输出文件夹：{output}"),
            format!("the only output folders here are of another round: {output}"),
        ),
        Text::new(
            "请指明该输出文件夹，或用 --round 指明其轮次文件",
            "name that output folder, or its round file with --round",
        ),
    )
}

/// The output folders that the user named, to tell them from others.
struct Named {
    ids: Vec<FileId>,
    /// The paths of those that cannot be opened. Nothing is deleted in them.
    not_opened: Vec<PathBuf>,
}

impl Named {
    fn of(outputs: &[PathBuf], opened: &OpenedFolders) -> Self {
        let (mut ids, mut not_opened) = (Vec::new(), Vec::new());
        for output in outputs {
            match opened.open(output).and_then(|folder| folder.id()) {
                // Outside Unix all folders have the same.
                Ok(id) if cfg!(unix) => ids.push(id),
                _ => not_opened.extend(fs::canonicalize(output)),
            }
        }
        Named { ids, not_opened }
    }

    /// Whether a folder that was found is one of them. Its path alone does not say so: another
    /// folder, or a link, may have been at the path of the named one for a moment.
    fn has(&self, path: &PathBuf, id: Option<FileId>) -> bool {
        match id {
            Some(id) if self.ids.contains(&id) => true,
            _ => self.not_opened.contains(path),
        }
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

/// Whether the folder at a path looks like an output folder, complete or not.
fn is_output_folder(folder: &Path) -> bool {
    let has = |file: &&str| fs::symlink_metadata(folder.join(file)).is_ok();
    is_named_like_an_output(folder) || [MANIFEST, LOG].iter().any(has)
}

/// As [`is_output_folder`], of an open folder, whatever its name.
fn is_output_folder_in(folder: &Folder) -> bool {
    let has = |file: &&str| folder.kind(Path::new(file)).is_ok();
    [MANIFEST, LOG].iter().any(has)
}

/// Whether a folder is named like an output folder that is not complete.
fn is_named_like_an_output(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".partial-")
}

/// Whether an input that the manifest of an output folder names is below a folder, perhaps under
/// the name that a purge gave it, or nobody can tell.
fn has_inputs_in(output: io::Result<Folder>, folder: &Folder) -> bool {
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let read = output.and_then(|output| output.read(Path::new(MANIFEST), Manifest::LARGEST));
    let manifest = match read {
        Ok(bytes) => Manifest::parse(&bytes).ok(),
        Err(error) => return !is_missing(&error),
    };
    let named = manifest.iter().flat_map(|manifest| {
        let named = inputs(manifest).into_iter();
        let named = named.map(|input| PathBuf::from(input.path));
        named.chain(aside_paths_of_inputs(manifest))
    });
    let mut kinds = named.map(|path| folder.kind(&path));
    // Behind a link there may be one, too.
    kinds.any(|kind| kind.map_or_else(|error| !is_missing(&error), |_| true))
}

/// The deepest folder that is searched for output folders, counted from the round's.
const DEEPEST: usize = 64;

/// Returns the output folders in a folder, also hidden ones. If it is a round's folder, also
/// those in folders below it, except in the folders of other rounds, whose inputs are
/// elsewhere, and in those of which nobody can tell. A folder of somebody's own may hold anything, and is not searched. Adds to `foreign`
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
            && !may_hold_a_round_file(&inner, &path)
        {
            add_outputs(&inner, &path, levels - 1, found, foreign);
        }
    }
}

/// An output folder that a search found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FoundOutput {
    path: PathBuf,
    /// Which folder it is; `None` if it cannot be opened.
    id: Option<FileId>,
}

/// A search for all output folders below a folder.
#[derive(Default)]
struct SiblingSearch {
    found: Vec<FoundOutput>,
    /// Those that only a link leads to, at the path of the link.
    linked: Vec<FoundOutput>,
    unsearched: Vec<Fault>,
    under_way: Vec<PathBuf>,
    /// The folders named like what an interrupted run left that no run is writing.
    leftovers: Vec<PathBuf>,
    round_files: Vec<FoundRoundFile>,
}

impl SiblingSearch {
    /// Searches a folder, which is at this path, and the folders below it down to this many
    /// levels. 0 is for a folder of somebody's own, which may hold anything.
    fn search(&mut self, folder: &Folder, at: &Path, levels: usize) {
        match files_in(folder, at) {
            Ok(found) => {
                let found = found.into_iter().map(|file| file.found);
                self.round_files.extend(found);
                self.search_folders(folder, at, levels);
            }
            Err(error) => self.not_searched(at, &error),
        }
    }

    /// As [`SiblingSearch::search`], without the files in the folder itself.
    fn search_folders(&mut self, folder: &Folder, at: &Path, levels: usize) {
        let entries = match folder.entries() {
            Ok(entries) => entries,
            Err(error) => return self.not_searched(at, &error),
        };
        let is_output_folder = is_output_folder_in(folder);
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
                self.leftovers.push(path.clone());
                // Without a mark it is a finished one that somebody renamed.
                if folder.has_sticky_bit(Path::new(name)).unwrap_or(true) {
                    self.search_leftover(inner(), &path, levels);
                    continue;
                }
            }
            if is_link {
                if has_been_written_by_a_step(&path).unwrap_or(false) {
                    let id = FileId::at(&path).ok();
                    self.linked.push(FoundOutput { path, id });
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
                Ok(true) => self.found.push(FoundOutput {
                    path: path.clone(),
                    id: inner.as_ref().ok().and_then(|inner| inner.id().ok()),
                }),
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
                    // Copies of configuration files: paths in the round file are not relative
                    // to their folder.
                    Ok(inner) if is_output_folder && name == CONFIGURATION => {
                        self.search_folders(&inner, &path, levels - 1);
                    }
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
        self.leftovers.append(&mut inner.leftovers);
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

/// Whether a folder holds a round file, whatever its name. A draft is none: no step has read it, so
/// it takes no output folder away from the round around it. `at` is the path of the folder.
fn holds_a_round_file(folder: &Folder, at: &Path) -> bool {
    let files = files_in(folder, at).unwrap_or_default();
    files.iter().any(|file| file.found.digest.is_some())
}

/// As [`holds_a_round_file`], or holds a file of which nobody can tell.
fn may_hold_a_round_file(folder: &Folder, at: &Path) -> bool {
    files_in(folder, at).is_ok_and(|files| !files.is_empty())
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
fn round_file_in(
    folder: &Folder,
    at: &Path,
    outputs: &[PathBuf],
    opened: &OpenedFolders,
) -> Option<PathBuf> {
    let digests: Vec<String> = outputs
        .iter()
        .filter_map(|output| manifest_in(&opened.open(output).ok()?))
        .map(|manifest| manifest.round_file_blake3)
        .collect();
    let files = files_in(folder, at).unwrap_or_default().into_iter();
    let round_files = files.filter_map(|file| {
        let path = at.join(&file.found.name);
        Some((path, file.found.digest?))
    });
    let round_files: Vec<(PathBuf, String)> = round_files.collect();
    let named = round_files
        .iter()
        .find(|(_, digest)| digests.contains(digest));
    match (named, round_files.as_slice()) {
        (Some((path, _)), _) | (None, [(path, _)]) => Some(path.clone()),
        _ => None,
    }
}

pub(crate) fn toml_files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| is_toml(path)).collect()
}

/// Returns the ids in the round files in a folder, also in drafts; empty for one that has none.
pub(crate) fn rounds_written_in(folder: &Path) -> BTreeSet<String> {
    let files = toml_files_in(folder).into_iter();
    let written = files.filter_map(|file| WrittenRound::read_draft(&file).ok());
    let written = written.filter(WrittenRound::names_a_round);
    let ids = written.map(|written| written.round_id().unwrap_or_default());
    ids.collect()
}

fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// A round file in a folder, or what may be one.
struct FileHere {
    found: FoundRoundFile,
    /// The round's id, if it is known.
    id: Option<String>,
}

/// Returns the round files in an open folder, and the files of which nobody can tell whether they
/// are: those that cannot be read or have a mistake before they say so. In the order of their
/// names. `at` is the path of the folder.
///
/// # Errors
/// When the folder cannot be listed.
fn files_in(folder: &Folder, at: &Path) -> io::Result<Vec<FileHere>> {
    let entries = folder.entries()?.into_iter();
    // Systems put files with such names beside others.
    let is_of_system = |name: &OsStr| name.as_encoded_bytes().starts_with(b"._");
    let files = entries.filter(|entry| is_toml(Path::new(&entry.name)));
    let files = files.filter(|entry| !is_of_system(&entry.name));
    let files = files.filter_map(|entry| {
        let (name, path) = (&entry.name, at.join(&entry.name));
        let (digest, id) = match WrittenRound::stated_in(folder, name, &path) {
            Ok(StatedRound::Round { digest, id }) => (id.is_some().then_some(digest), id),
            Ok(StatedRound::None) => return None,
            // It was removed meanwhile.
            Err(_) if is_gone(folder, name) => return None,
            Err(_) => (None, None),
        };
        let (folder, name) = (at.to_path_buf(), entry.name);
        let found = FoundRoundFile {
            folder,
            name,
            digest,
        };
        Some(FileHere { found, id })
    });
    Ok(files.collect())
}

fn is_gone(folder: &Folder, name: &OsStr) -> bool {
    let kind = folder.kind(Path::new(name));
    kind.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether a file that is not named like one may be the round file of an output, or a round file
/// of which nobody knows an output. `known` are the digests of the round files of other outputs.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn may_hold_another_round_file(
    folder: &Folder,
    known: impl Fn(&str) -> bool,
) -> io::Result<bool> {
    for entry in folder.entries()? {
        let name = Path::new(&entry.name);
        if is_toml(name) || entry.kind != EntryKind::File {
            continue;
        }
        let bytes = match folder.read(name, LARGEST_CONFIGURATION) {
            Ok(bytes) => bytes,
            // No step reads a round file of this size.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if is_perhaps_a_round_file(&bytes) && !known(blake3::hash(&bytes).to_hex().as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file has lines that begin as those of a round file, whatever its encoding.
fn is_perhaps_a_round_file(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let has_key = |line: &[u8], key: &[u8]| {
        let line = line.trim_ascii_start().strip_prefix(key);
        line.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    };
    let mut has = [false; 2];
    lines.any(|line| {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        has[0] |= has_key(line, b"round");
        has[1] |= has_key(line, b"mode");
        has == [true; 2]
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::finished_round::FinishedRound;

    const ROUND: &str = "round = \"R\"\nmode = \"pooled\"\n";

    /// Returns a round's folder with an output folder and another one below a subfolder.
    fn round() -> FinishedRound {
        let round = FinishedRound::new();
        let key = round.key("signing.key");
        round.finish(&key, round.manifest());
        round.write("round.toml", ROUND);
        let output = Folder::open(&round.path("output")).expect("a folder");
        for file in output.files().expect("readable") {
            let content = round.read(&format!("output/{}", file.name()));
            round.write(&format!("sub/later/{}", file.name()), &content);
        }
        round
    }

    /// Somebody renames the round's folder once it is open, and perhaps puts a link in its place.
    #[test]
    fn a_folder_that_is_renamed_once_it_is_open_is_searched_all_the_same() {
        type Change = fn(&Path, &Path);
        let changes: [Change; 2] = [
            |folder, away| fs::rename(folder, away).expect("writable"),
            |folder, away| {
                fs::rename(folder, away).expect("writable");
                let empty = away.with_extension("empty");
                fs::create_dir(&empty).expect("writable");
                std::os::unix::fs::symlink(&empty, folder).expect("writable");
            },
        ];
        for named in ["output", ""] {
            for change in changes {
                let round = round();
                let (folder, path) = (round.path(""), round.path(named));
                let folder: PathBuf = folder.components().collect();
                let away = folder.with_extension("away");
                let first = Folder::open(&path);
                change(&folder, &away);
                let found = RoundFolder::find_in(&path, first, false, None);
                let found = found.expect("output folders");
                assert_eq!(found.rounds, ["R"], "{named}");
                assert!(found.unsearched.is_empty());
                assert!(found.round_files.iter().any(|file| file.digest.is_some()));
                let mut all = found.outputs.iter().chain(&found.siblings);
                let later = all.find(|output| output.ends_with("sub/later"));
                let opened = found.opened.open(later.expect("the output below"));
                assert!(manifest_in(&opened.expect("a folder")).is_some(), "{named}");
                let _ = fs::remove_file(&folder);
                let _ = fs::remove_dir(away.with_extension("empty"));
                fs::rename(&away, &folder).expect("writable");
            }
        }
    }

    /// A link to another output is in its place for a moment once it is open.
    #[test]
    fn only_the_folder_that_was_named_is_no_other_output() {
        for is_back in [false, true] {
            let round = round();
            let output = round.path("output");
            let first = Folder::open(&output);
            fs::rename(&output, round.path("away")).expect("writable");
            std::os::unix::fs::symlink(round.path("sub/later"), &output).expect("writable");
            let found = RoundFolder::find_in(&output, first, false, None);
            let found = found.expect("output folders");
            if is_back {
                fs::remove_file(&output).expect("writable");
                fs::rename(round.path("away"), &output).expect("writable");
            }
            let id = |path: &PathBuf| found.opened.open(path).and_then(|folder| folder.id()).ok();
            let later = FileId::at(&round.path("sub/later")).ok();
            let own = found
                .opened
                .open(&output)
                .and_then(|folder| folder.id())
                .ok();
            let others: Vec<_> = found.siblings.iter().map(id).collect();
            assert!(
                others.contains(&later) && !others.contains(&own),
                "{is_back}"
            );
        }
    }

    /// Somebody moves it while the folder is searched, so that the search misses it, or between
    /// two searches.
    #[test]
    fn an_output_that_is_moved_while_a_purge_searches_is_noticed() {
        let moves = [
            ("../sub", "sub/later", true),
            ("sub/later", "arch/later", true),
            ("sub/later", "../gone", false),
        ];
        for (from, to, is_new_there) in moves {
            let round = round();
            fs::create_dir(round.path("arch")).expect("writable");
            let outside = tempfile::tempdir().expect("a temporary folder");
            let at = |path: &str| match path.strip_prefix("../") {
                Some(name) => outside.path().join(name),
                None => round.path(path),
            };
            if from.starts_with("..") {
                fs::rename(round.path("sub/later"), at(from)).expect("writable");
            }
            let find = || RoundFolder::find(&round.path("output"), None).expect("a round");
            let before = find();
            assert!(before.opened.check_outputs().is_ok());
            assert!(find().opened.check_since(&before.opened).is_ok());
            fs::rename(at(from), at(to)).expect("writable");
            assert_eq!(before.opened.check_outputs().is_err(), is_new_there, "{to}");
            let is_moved = find().opened.check_since(&before.opened).is_err();
            assert_eq!(is_moved, !from.starts_with(".."), "{from}");
        }
    }

    /// Its inputs have the purge's own names, and there is no round file.
    #[test]
    fn a_folder_with_inputs_that_were_set_aside_is_that_of_a_round() {
        let round = round();
        fs::remove_file(round.path("round.toml")).expect("writable");
        let manifest = round.manifest();
        let mut inputs = inputs(&manifest);
        inputs.sort();
        for input in &inputs {
            let aside = crate::aside::aside_place(input, Path::new(&input.path));
            fs::rename(round.path(&input.path), round.folder().join(aside)).expect("writable");
        }
        let found = RoundFolder::find(&round.path("output"), None).expect("an output folder");
        assert_eq!(found.siblings.len(), 1);
    }
}
