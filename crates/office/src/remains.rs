//! Finds what is left of a round's data: exports, received files, round key, what the
//! step wrote about persons, and what interrupted runs left.
//!
//! A file is the round's only if the office's own signed manifest names it and it is
//! an ordinary file with the digest in the manifest. A key must have the key id in the
//! manifest. Links are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::{
    EntryKind, FileId, FileState, Folder, FolderMark, Identity, digest_of,
};
use aidlink_files::regular_file;
use jiff::civil::Date;

use crate::aside::{as_recorded, aside_name, aside_name_in, aside_place};
use crate::audit_log::LOG;
use crate::deletion_record::{
    DELETIONS, FilePart, NOT_READ, OTHER_CONTENT, OTHER_KEY, OUTSIDE, PlacedFile, RoundFile,
};
use crate::manifest::{MANIFEST, Manifest, OutputFile};
use crate::places::Places;
use crate::written_path::{plain, stays_inside};

/// The largest accepted key file, in bytes.
pub(crate) const LONGEST_KEY_FILE: u64 = 64 << 10;

/// A leftover of an interrupted run that is larger is deleted without a digest, so that
/// neither a purge nor an audit reads it to its end.
const LONGEST_DIGESTED_LEFTOVER: u64 = 1 << 30;

/// Returns the id of the round key in the content of a file, for the round of the
/// manifest; `None` if it is not a key of that round. At the centre, which has no
/// key, this always returns `None`.
pub type KeyIdOf<'k> = &'k dyn Fn(&[u8], &Manifest) -> Option<String>;

/// Whether a file of an output folder is kept when the rest is deleted. Such files
/// hold figures, column names, rules and digests, but no personal data.
pub fn is_record(path: &str) -> bool {
    let folder = path.split('/').next().unwrap_or_default();
    matches!(folder, "configuration" | "minimisation" | DELETIONS)
        || matches!(path, "summary.json" | LOG)
        || path.starts_with(MANIFEST)
}

/// What is left of a round's data.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    /// Files that exist and must be deleted.
    pub there: Vec<FoundFile>,
    /// Files that should be deleted but that a purge must not delete, with the reason.
    pub doubtful: Vec<(RoundFile, Doubt)>,
    /// Files that do not exist.
    pub gone: Vec<RoundFile>,
    /// Those of them in whose place another output's file is.
    pub of_others: Vec<RoundFile>,
    /// Whether the folders could not be opened or listed, so that nothing is known.
    pub not_searched: bool,
    /// Which outputs need the files in `doubtful` that are needed, by part and path.
    needed_by: BTreeMap<(FilePart, String), NeededBy>,
}

impl FoundFile {
    /// Returns the entry of a journal.
    pub(crate) fn journaled(&self) -> PlacedFile {
        PlacedFile {
            file: self.file.recorded(),
            folder: self.folder,
        }
    }
}

impl Remains {
    /// Keeps the inputs that other outputs still need. `needing` returns the one that needs a file
    /// longest.
    pub fn keep(&mut self, needing: impl Fn(&FoundFile) -> Option<NeededBy>) {
        let (doubtful, needed_by) = (&mut self.doubtful, &mut self.needed_by);
        self.there.retain(|found| {
            let file = &found.file;
            let Some(by) = file.is_input().then(|| needing(found)).flatten() else {
                return true;
            };
            doubtful.push((file.clone(), Doubt::Needed(by.until)));
            needed_by.insert((file.part, file.path.clone()), by);
            false
        });
    }

    /// Leaves all inputs that are here, for this reason: the round file beside them is of another
    /// round, or nobody can tell of which.
    pub(crate) fn leave_inputs(&mut self, doubt: Doubt, which: impl Fn(&FoundFile) -> bool) {
        let doubtful = &mut self.doubtful;
        self.there.retain(|found| {
            let is_left = found.file.is_input() && which(found);
            if is_left {
                doubtful.push((found.file.clone(), doubt));
            }
            !is_left
        });
    }

    /// Takes the inputs for gone of which a record says that they were deleted, and in whose place
    /// a file with other content is: that is not the file, and where a folder is used round after
    /// round, it is the next round's. Returns them.
    pub fn take_replaced(&mut self, is_recorded: impl Fn(&RoundFile) -> bool) -> Vec<RoundFile> {
        let replaced = self.take_for_gone(|file, doubt| {
            doubt.is_of_other_content() && file.is_input() && is_recorded(file)
        });
        replaced.into_iter().map(|(file, _)| file).collect()
    }

    /// Takes the inputs for gone in whose place another output's file is: a file with other content,
    /// and `is_of_another` says that a manifest names it there. What became of an output's own file,
    /// records and journals say.
    pub fn take_of_others(&mut self, is_of_another: impl Fn(&RoundFile) -> bool) {
        let taken = self.take_for_gone(|file, doubt| {
            doubt.is_of_other_content() && file.is_input() && is_of_another(file)
        });
        self.of_others
            .extend(taken.into_iter().map(|(file, _)| file));
    }

    /// Takes files for gone of which the purge has found out more. Returns them.
    pub(crate) fn take_for_gone(
        &mut self,
        is_gone: impl Fn(&RoundFile, Doubt) -> bool,
    ) -> Vec<(RoundFile, Doubt)> {
        let taken = self
            .doubtful
            .extract_if(.., |(file, doubt)| is_gone(file, *doubt));
        let taken: Vec<(RoundFile, Doubt)> = taken.collect();
        self.gone.extend(taken.iter().map(|(file, _)| file.clone()));
        taken
    }

    /// Adds files that only the round file names and no step read.
    pub fn leave_unread(&mut self, unread: &[RoundFile]) {
        let unread = unread.iter().map(|file| (file.clone(), Doubt::NotRead));
        self.doubtful.extend(unread);
    }

    /// Returns the files in the round's folders that are still to be deleted.
    pub fn to_delete(&self) -> impl Iterator<Item = &RoundFile> {
        let there = self.there.iter().map(|found| &found.file);
        let doubtful = self.doubtful.iter();
        let is_to_go = |doubt: &Doubt| !matches!(doubt, Doubt::Outside | Doubt::Needed(_));
        let doubtful = doubtful.filter(move |(_, doubt)| is_to_go(doubt));
        there.chain(doubtful.map(|(file, _)| file))
    }

    /// Returns the inputs that other outputs still need, each with the day until which.
    pub fn needed(&self) -> impl Iterator<Item = (&RoundFile, Date)> {
        let doubtful = self.doubtful.iter();
        doubtful.filter_map(|(file, doubt)| match doubt {
            Doubt::Needed(day) => Some((file, *day)),
            _ => None,
        })
    }

    /// Returns the inputs that other outputs still need, each with the one that needs it longest.
    pub(crate) fn needed_by(&self) -> impl Iterator<Item = (&RoundFile, &NeededBy)> {
        let needed = self.needed();
        needed.filter_map(|(file, _)| {
            let by = self.needed_by.get(&(file.part, file.path.clone()))?;
            Some((file, by))
        })
    }

    /// Returns the files that exist: those to be deleted, and those that a purge must not
    /// delete.
    pub(crate) fn all_here(&self) -> impl Iterator<Item = &RoundFile> {
        let there = self.there.iter().map(|found| &found.file);
        there.chain(self.doubtful.iter().map(|(file, _)| file))
    }

    /// Returns those of them that the manifest names below the folders of the round. Another file
    /// outside them, or one that no step read, may have the same name in records.
    pub(crate) fn named_here(&self) -> impl Iterator<Item = &RoundFile> {
        let there = self.there.iter().map(|found| &found.file);
        let doubtful = self.doubtful.iter();
        let doubtful = doubtful.filter(|(_, doubt)| doubt.is_of_manifest());
        there.chain(doubtful.map(|(file, _)| file))
    }

    /// Returns the files of which something that may be the file is here.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &RoundFile> {
        let there = self.there.iter().map(|found| &found.file);
        let doubtful = self.doubtful.iter();
        let is_seen = |doubt: &Doubt| {
            use Doubt::{CameLater, Changed, Needed, OtherKey, OtherRound, UnknownRound};
            matches!(
                doubt,
                Changed | OtherKey | Needed(_) | OtherRound | UnknownRound | CameLater
            )
        };
        let doubtful = doubtful.filter(move |(_, doubt)| is_seen(doubt));
        there.chain(doubtful.map(|(file, _)| file))
    }

    /// Returns the files that were read from outside the round's folder.
    pub fn outside(&self) -> impl Iterator<Item = &RoundFile> {
        let doubtful = self.doubtful.iter();
        let outside = doubtful.filter(|(_, doubt)| *doubt == Doubt::Outside);
        outside.map(|(file, _)| file)
    }
}

/// A file of the round that exists.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// The file.
    pub file: RoundFile,
    /// Where it is: at its path, or under the name that an interrupted purge gave it.
    pub place: PathBuf,
    /// The folder that holds it.
    pub folder: FolderMark,
    /// The file whose content was checked.
    pub id: FileId,
    /// Its state before that.
    pub state: FileState,
    /// Its names when it was checked.
    names: u64,
}

/// The output folder that needs a file longest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededBy {
    /// Its day of deletion.
    pub until: Date,
    /// Its path, relative to the round's folder if it is below it, as it may be shown. The
    /// beginning of a long one is left out: it is in signed records, of which the size is limited.
    pub output: String,
}

/// The most characters of a path in [`NeededBy::output`].
const LONGEST_PATH: usize = 120;

impl NeededBy {
    pub(crate) fn new(until: Date, output: &Path) -> Self {
        let shown = shown_path(output);
        let more = shown.chars().count().saturating_sub(LONGEST_PATH);
        let output = match more {
            0 => shown,
            _ => format!("...{}", shown.chars().skip(more).collect::<String>()),
        };
        NeededBy { until, output }
    }

    /// Returns the reason for a file that is left.
    pub fn text(&self) -> Text {
        let (day, output) = (self.until, &self.output);
        Text::new(
            format!(
                "另一输出文件夹仍需此文件（{output}，删除期限 {day}），未删除；到期后请再次运行 purge"
            ),
            format!(
                "another output folder, which is due on {day}, still needs it ({output}), so it was not deleted: run `purge` again on that day"
            ),
        )
    }
}

/// Why a file that should be deleted is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its content does not match the digest in the manifest.
    Changed,
    /// It is not the key of this round.
    OtherKey,
    /// It is a link, is below a link, is not an ordinary file, or cannot be read.
    NotReal,
    /// What is under the name that an interrupted purge gave it is a link, is not an
    /// ordinary file, or cannot be read.
    NotRealAside,
    /// A program holds the leftover of an interrupted run locked.
    InUse,
    /// The leftover of an interrupted run cannot be opened, or its file system has no locks.
    NotLocked,
    /// The leftover of an interrupted run holds an output folder.
    HoldsOutput,
    /// Something is mounted in the leftover of an interrupted run.
    Mounted,
    /// The step read it from outside the round's folder, perhaps through a link.
    Outside,
    /// Another output, which is due on this day, still needs it.
    Needed(Date),
    /// The round file beside it is of another round, whose file it may be.
    OtherRound,
    /// Nobody can tell of which round the round file beside it is, and so whose file it is.
    UnknownRound,
    /// It came or was changed after the output was written, and may be another round's.
    CameLater,
    /// Only the round file names it: no step read it.
    NotRead,
}

impl Doubt {
    /// Whether it is a doubt about a file that the manifest names below the folders of the round.
    pub(crate) fn is_of_manifest(self) -> bool {
        !matches!(self, Doubt::Outside | Doubt::NotRead)
    }

    /// Whether what is in the place of the file has other content.
    pub(crate) fn is_of_other_content(self) -> bool {
        matches!(self, Doubt::Changed | Doubt::OtherKey)
    }

    /// Returns the message for the user about this file.
    pub fn text(self, file: &RoundFile) -> Text {
        match self {
            Doubt::Changed => Text::new("内容与本轮的文件不符，未删除；请人工检查", OTHER_CONTENT),
            Doubt::OtherKey => Text::new("不是本轮的密钥，未删除；请人工检查", OTHER_KEY),
            Doubt::NotReal => Text::new(
                "是链接、不是普通文件或无法读取，未删除；如是链接，请人工删除其所指的文件",
                "this is a link, not an ordinary file, or cannot be read, so it was not deleted: if it is a link, delete the file that it points to by hand",
            ),
            Doubt::NotRealAside => {
                let place = shown_path(&aside_place(file, Path::new(&file.path)));
                Text::new(
                    format!(
                        "中断的 purge 已将其改名为 {place}；现在那里是链接、不是普通文件或无法读取，未删除；请改正权限，或将文件放回该处，再重新运行 purge"
                    ),
                    format!(
                        "an interrupted purge renamed it to {place}: what is there now is a link, not an ordinary file, or cannot be read, so it was not deleted: correct its permissions, or put the file back there, and run `purge` again"
                    ),
                )
            }
            Doubt::InUse => Text::new(
                "有程序正在使用，未删除；请待其结束后重新运行 purge",
                "a program is using the file, so it was not deleted: run `purge` again when it has ended",
            ),
            Doubt::NotLocked => Text::new(
                "无法打开或无法加锁，不能确认是否仍有程序在写，未删除；请改正权限后重新运行 purge，或确认没有程序在写之后人工删除",
                "it cannot be opened or locked, so nobody can tell whether a program is still writing it, and it was not deleted: correct its permissions and run `purge` again, or make sure that no program is writing it and delete it by hand",
            ),
            Doubt::HoldsOutput => Text::new(
                "中断的运行所留的文件夹中有输出文件夹，未删除；请将该输出文件夹移到别处，再重新运行 purge",
                "what the interrupted run left holds an output folder, so it was not deleted: move that output folder elsewhere, and run `purge` again",
            ),
            Doubt::Mounted => Text::new(
                "其中挂载了另一文件系统或文件夹，未删除；请卸载后重新运行 purge",
                "another file system or folder is mounted in it, so it was not deleted: unmount it and run `purge` again",
            ),
            // `NeededBy` says which one.
            Doubt::Needed(day) => Text::new(
                format!(
                    "另一输出文件夹仍需此文件（删除期限 {day}），未删除；到期后请再次运行 purge"
                ),
                format!(
                    "another output folder, which is due on {day}, still needs it, so it was not deleted: run `purge` again on that day"
                ),
            ),
            Doubt::OtherRound => Text::new(
                "此处的轮次文件属于另一轮次，此文件可能是那一轮的，未删除；请将本轮的轮次文件（副本在 configuration/round.toml）放在本轮输入文件所在的文件夹，再指明本输出文件夹重新运行 purge，并用 --round 指明该轮次文件",
                "the round file here is of another round, and this may be that round's file, so it was not deleted: put this round's file (a copy is configuration/round.toml) into the folder of this round's inputs, and run `purge` again with this output folder, and with that round file after --round",
            ),
            Doubt::UnknownRound => Text::new(
                "此处有无法读取的轮次文件（*.toml），不能确认属于哪一轮次，此文件可能是那一轮的，未删除；请改正该文件（保存为 UTF-8，更正格式错误和权限），不是轮次文件的移到别处，或用 --round 指明本轮的轮次文件，再重新运行 purge",
                "a round file here (*.toml) cannot be read, so nobody can tell of which round it is, and this may be that round's file, so it was not deleted: correct that file (save it as UTF-8, mend its TOML and its permissions), move it elsewhere if it is no round file, or name this round's file with --round, and run `purge` again",
            ),
            Doubt::CameLater => Text::new(
                "此文件是在本输出写成之后放入、改动或改名的，此处又有其他轮次的轮次文件（或草稿），可能是那一轮的，未删除；那一轮尚未运行的，请先运行；确是本轮的，请加 --came-later 重新运行 purge",
                "it was put here, changed or renamed after this output was written, and there is another round's file here, or a draft, so it may be that round's and was not deleted: run that round first if it was not run yet; if the file is this round's, run `purge` again with --came-later",
            ),
            Doubt::NotRead => Text::new(
                "只有轮次文件列有此文件，没有步骤读取过（轮次文件在运行之后被改动），不能确认其内容，未删除；请人工检查、删除，并记入会议记录",
                NOT_READ,
            ),
            Doubt::Outside => Text::new(
                "在轮次文件夹以外，或经链接指向其外，未删除；请人工删除",
                OUTSIDE,
            ),
        }
    }
}

/// Finds what is left of an output folder's data and of the round's inputs.
/// `round_folder` is the folder where the round file is or was.
pub fn remains(
    manifest: &Manifest,
    output: &Path,
    round_folder: &Path,
    key_id: KeyIdOf<'_>,
) -> Remains {
    let opened = Folder::open(output);
    match opened.and_then(|opened| Places::open(opened, output, round_folder)) {
        Ok(places) => Search {
            manifest,
            places: &places,
            key_id,
        }
        .remains(&[]),
        Err(_) => Remains {
            not_searched: true,
            ..Remains::default()
        },
    }
}

/// Returns the paths that the manifest's inputs have while a purge removes them, relative to
/// the round file's folder.
pub(crate) fn aside_paths_of_inputs(manifest: &Manifest) -> Vec<PathBuf> {
    aside_paths(manifest, |part| part != FilePart::Output)
}

/// Returns the paths that the manifest's outputs have while a purge removes them, relative to
/// the output folder.
pub(crate) fn aside_paths_of_outputs(manifest: &Manifest) -> Vec<PathBuf> {
    aside_paths(manifest, |part| part == FilePart::Output)
}

fn aside_paths(manifest: &Manifest, is_asked: impl Fn(FilePart) -> bool) -> Vec<PathBuf> {
    let files = named_files(manifest).into_iter();
    let files = files.filter(|file| is_asked(file.part));
    files
        .map(|file| aside_place(&file, Path::new(&file.path)))
        .collect()
}

fn round_file(part: FilePart, path: &str, digest: Option<&str>, byte_length: u64) -> RoundFile {
    RoundFile {
        part,
        path: plain(path),
        digest: digest.map(str::to_owned),
        key_id: None,
        byte_length,
        other_names: 0,
    }
}

/// Returns an output that a manifest names.
pub(crate) fn output_file(output: &OutputFile) -> RoundFile {
    let digest = Some(output.blake3.as_str());
    round_file(FilePart::Output, &output.file, digest, output.bytes)
}

/// Digests of keys are never recorded.
fn key_file(path: &str, id: &str) -> RoundFile {
    RoundFile {
        key_id: Some(id.to_owned()),
        ..round_file(FilePart::Key, path, None, 0)
    }
}

/// Returns the files of the round's data that a manifest names, with their digests.
fn named_files(manifest: &Manifest) -> Vec<RoundFile> {
    let files = all_named_files(manifest).into_iter();
    files.filter(|file| stays_inside(&file.path)).collect()
}

/// Returns also those whose paths lead out of their folder.
fn all_named_files(manifest: &Manifest) -> Vec<RoundFile> {
    let exports = manifest.exports.iter().flat_map(|export| &export.files);
    let exports = exports
        .map(|read| round_file(FilePart::Export, &read.file, Some(&read.blake3), read.bytes));
    let received = manifest.received.iter().filter_map(|received| {
        let path = received.path.as_ref()?;
        let digest = received.blake3.as_deref();
        Some(round_file(FilePart::Received, path, digest, 0))
    });
    let outputs = manifest
        .outputs
        .iter()
        .filter(|output| !is_record(&output.file))
        .map(output_file);
    let key = manifest.key.as_ref();
    let key = key.and_then(|key| Some(key_file(key.file.as_deref()?, &key.id)));
    exports.chain(received).chain(outputs).chain(key).collect()
}

/// Returns the inputs that a manifest names, with their digests.
pub(crate) fn inputs(manifest: &Manifest) -> Vec<RoundFile> {
    let files = named_files(manifest).into_iter();
    files.filter(RoundFile::is_input).collect()
}

/// Returns the files of the round's data that a manifest names, as records name them.
pub(crate) fn recorded_files(manifest: &Manifest) -> BTreeSet<(FilePart, String)> {
    let files = named_files(manifest).into_iter();
    let files = files.map(|file| file.recorded());
    files.map(|file| (file.part, file.path)).collect()
}

/// Returns the inputs that the step read from outside the round's folder, of which the manifest
/// has the name of a received file but no path, and the id of a key; and files whose paths lead
/// out of their folder.
fn files_outside(manifest: &Manifest) -> Vec<RoundFile> {
    let named = all_named_files(manifest).into_iter();
    let named = named.filter(|file| !stays_inside(&file.path));
    inputs_without_path(manifest)
        .into_iter()
        .chain(named)
        .collect()
}

/// Returns the inputs that a manifest names with their paths, wherever these lead.
pub(crate) fn inputs_with_path(manifest: &Manifest) -> Vec<RoundFile> {
    let files = all_named_files(manifest).into_iter();
    files.filter(RoundFile::is_input).collect()
}

/// Returns the inputs of which a manifest has no path.
pub(crate) fn inputs_without_path(manifest: &Manifest) -> Vec<RoundFile> {
    let received = manifest.received.iter();
    let received = received.filter(|received| received.path.is_none());
    let received = received.map(|received| {
        let name = received.file.as_deref().unwrap_or_default();
        let digest = received.blake3.as_deref();
        round_file(FilePart::Received, name, digest, 0)
    });
    let key = manifest.key.as_ref().filter(|key| key.file.is_none());
    let key = key.map(|key| key_file(&key.id, &key.id));
    received.chain(key).collect()
}

/// A search for the files of a manifest.
#[derive(Clone, Copy)]
pub(crate) struct Search<'s> {
    pub(crate) manifest: &'s Manifest,
    pub(crate) places: &'s Places,
    pub(crate) key_id: KeyIdOf<'s>,
}

/// What is at a place where a file of the round may be.
pub(crate) enum Look {
    /// The file.
    Ours(FoundFile),
    /// Something that must not be deleted.
    Doubtful(RoundFile, Doubt),
    /// A folder in the path is a link or cannot be read.
    Unreachable,
    /// Nothing.
    Missing,
}

impl Search<'_> {
    /// Finds what is left. `journaled` are the files in journals of interrupted purges.
    pub(crate) fn remains(&self, journaled: &[PlacedFile]) -> Remains {
        let journaled = JournaledLeftovers::of(journaled);
        let mut remains = Remains::default();
        for file in named_files(self.manifest) {
            self.add(file, &mut remains);
        }
        for name in &self.places.leftovers {
            self.add_leftover(name, &journaled, &mut remains);
        }
        let places = self.places;
        for (names, doubt) in [
            (&places.in_use, Doubt::InUse),
            (&places.not_locked, Doubt::NotLocked),
            (&places.holding_outputs, Doubt::HoldsOutput),
        ] {
            let files = names
                .iter()
                .flat_map(|name| self.leftover_files(name, &journaled));
            let files = files.map(|(file, _)| (file, doubt));
            remains.doubtful.extend(files);
        }
        let outside = files_outside(self.manifest).into_iter();
        remains
            .doubtful
            .extend(outside.map(|file| (file, Doubt::Outside)));
        count_other_names(&mut remains.there);
        remains
            .there
            .sort_by(|one, other| one.file.cmp(&other.file));
        remains
    }

    fn add(&self, file: RoundFile, remains: &mut Remains) {
        let path = PathBuf::from(&file.path);
        let aside = aside_place(&file, &path);
        let mut exists = false;
        match self.look(&file, &path) {
            Look::Ours(found) => {
                remains.there.push(found);
                exists = true;
            }
            Look::Doubtful(found, doubt) => {
                remains.doubtful.push((found, doubt));
                exists = true;
            }
            Look::Unreachable => {
                remains.doubtful.push((file.clone(), Doubt::NotReal));
                exists = true;
            }
            Look::Missing => {}
        }
        match self.look(&file, &aside) {
            Look::Ours(found) => {
                remains.there.push(found);
                exists = true;
            }
            // Nobody has exchanged it, as far as is known.
            Look::Doubtful(found, Doubt::NotReal) => {
                remains.doubtful.push((found, Doubt::NotRealAside));
                exists = true;
            }
            // Somebody exchanged the file under the purge's own name.
            Look::Doubtful(found, doubt) => {
                let path = aside.to_string_lossy().into_owned();
                remains.doubtful.push((RoundFile { path, ..found }, doubt));
            }
            // It is in the same folder as the other name.
            Look::Unreachable | Look::Missing => {}
        }
        if !exists {
            remains.gone.push(file);
        }
    }

    fn add_leftover(
        &self,
        name: &OsStr,
        journaled: &JournaledLeftovers<'_>,
        remains: &mut Remains,
    ) {
        let files = self.places.files_of_leftover(name);
        let is_mounted = files.is_err_and(|error| error.kind() == io::ErrorKind::CrossesDevices);
        for (file, path) in self.leftover_files(name, journaled) {
            match self.look(&file, &path) {
                Look::Ours(found) => remains.there.push(found),
                Look::Doubtful(found, Doubt::NotReal) if is_mounted => {
                    remains.doubtful.push((found, Doubt::Mounted));
                }
                Look::Doubtful(found, doubt) => remains.doubtful.push((found, doubt)),
                Look::Unreachable => remains.doubtful.push((file, Doubt::NotReal)),
                Look::Missing => {}
            }
        }
    }

    /// Returns the files in a leftover of an interrupted run, each with its place. A folder
    /// that cannot be read counts as one file.
    fn leftover_files(
        &self,
        name: &OsStr,
        journaled: &JournaledLeftovers<'_>,
    ) -> Vec<(RoundFile, PathBuf)> {
        let new = |path: &Path| round_file(FilePart::CutOff, &path.to_string_lossy(), None, 0);
        let files = self.places.files_of_leftover(name);
        let files = files
            .unwrap_or_else(|_| vec![PathBuf::from(name)])
            .into_iter();
        let named = files.map(|path| {
            let file = self.journaled(&path, journaled);
            (file.unwrap_or_else(|| new(&path)), path)
        });
        named.collect()
    }

    /// Returns the file that a journal names and that is now at a path: a killed purge may
    /// have renamed it, or somebody its folder.
    fn journaled(&self, path: &Path, journaled: &JournaledLeftovers<'_>) -> Option<RoundFile> {
        if let Some(placed) = aside_name_in(path).and_then(|name| journaled.by_aside.get(&name)) {
            return Some(placed.file.clone());
        }
        if journaled.by_place.is_empty() {
            return None;
        }
        let holder = self.places.of(FilePart::CutOff)?.folder_with(path).ok()?;
        let name = as_recorded(path.file_name()?);
        let placed = journaled.by_place.get(&(holder.mark().ok()?, name))?;
        // Everything in a leftover is deleted, whatever its content is by now.
        Some(round_file(FilePart::CutOff, &placed.file.path, None, 0))
    }

    /// Checks whether what is at a place is the file. A file that an interrupted run left
    /// need not have a digest.
    fn look(&self, file: &RoundFile, place: &Path) -> Look {
        let Some(folder) = self.places.of(file.part) else {
            return Look::Missing;
        };
        match folder.folder_with(place) {
            Ok(holder) => self.look_in(&holder, file, place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Missing,
            Err(_) => Look::Unreachable,
        }
    }

    /// Like [`Search::look`], in the opened folder that holds the place, whatever is at its
    /// path.
    pub(crate) fn look_in(&self, holder: &Folder, file: &RoundFile, place: &Path) -> Look {
        let name = Path::new(place.file_name().unwrap_or_default());
        let checked = match holder.kind(name) {
            Ok(EntryKind::File) => self.open_and_check(holder, file, place),
            Ok(_) => return Look::Doubtful(file.clone(), Doubt::NotReal),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Look::Missing,
            Err(_) => return Look::Unreachable,
        };
        checked.unwrap_or_else(|error| match error.kind() {
            // It was removed meanwhile.
            io::ErrorKind::NotFound => Look::Missing,
            _ => Look::Doubtful(file.clone(), Doubt::NotReal),
        })
    }

    /// Returns the greatest length that the file can have, in bytes.
    fn longest(&self, file: &RoundFile) -> u64 {
        match (file.part, &file.digest) {
            (FilePart::Key, _) => LONGEST_KEY_FILE,
            (FilePart::CutOff, None) => LONGEST_DIGESTED_LEFTOVER,
            // The manifest gives the length of the plain text. Sealing adds a header, and 16
            // bytes to each 64 KiB.
            (FilePart::Received, _) if file.byte_length == 0 => {
                let mut received = self.manifest.received.iter();
                let received = received.find(|one| {
                    one.path
                        .as_deref()
                        .is_some_and(|path| plain(path) == file.path)
                });
                let plain = received.map_or(0, |received| received.plain_bytes);
                plain.saturating_add(plain / 1024).saturating_add(1 << 20)
            }
            _ => file.byte_length,
        }
    }

    /// Whether the manifest says that people fill an output in.
    fn is_to_fill_in(&self, file: &RoundFile) -> bool {
        let mut outputs = self.manifest.outputs.iter();
        outputs.any(|output| output.file == file.path && output.is_to_fill_in())
    }

    fn open_and_check(&self, holder: &Folder, file: &RoundFile, place: &Path) -> io::Result<Look> {
        let opened = holder.open_file(Path::new(place.file_name().unwrap_or_default()))?;
        let Identity { id, names } = Identity::of(&opened)?;
        // Before its content is read: then a write meanwhile shows.
        let state = FileState::of(&opened)?;
        let longest = self.longest(file);
        let length = opened.metadata()?.len();
        let (digest, byte_length, doubt) = match file.part {
            FilePart::CutOff if length > longest && file.digest.is_none() => (None, length, None),
            // People fill it in: its name says that it is the round's, whatever it holds by
            // now. Records name it as it was issued.
            FilePart::Output if self.is_to_fill_in(file) => {
                (file.digest.clone(), file.byte_length, None)
            }
            _ if length > longest => (None, length, Some(Doubt::Changed)),
            FilePart::Key => {
                // One that cannot be read may be the key.
                let content = regular_file::read_open(&opened, longest)?;
                let content = zeroize::Zeroizing::new(content);
                let stated = self.manifest.key.as_ref().map(|key| key.id.clone());
                let is_ours = stated.is_some() && (self.key_id)(&content, self.manifest) == stated;
                let doubt = (!is_ours).then_some(Doubt::OtherKey);
                (None, content.len() as u64, doubt)
            }
            part => {
                // The file may be growing.
                let mut content = (&opened).take(longest.saturating_add(1));
                let (digest, byte_length) = digest_of(&mut content)?;
                let is_ours = match &file.digest {
                    Some(expected) => *expected == digest,
                    None => part == FilePart::CutOff,
                };
                (
                    Some(digest),
                    byte_length,
                    (!is_ours).then_some(Doubt::Changed),
                )
            }
        };
        Ok(match doubt {
            // Records name the round's file, and not what is in its place.
            Some(doubt) => Look::Doubtful(file.clone(), doubt),
            None => Look::Ours(FoundFile {
                file: RoundFile {
                    digest,
                    byte_length,
                    ..file.clone()
                },
                place: place.to_path_buf(),
                folder: holder.mark()?,
                id,
                state,
                names,
            }),
        })
    }
}

/// The files in leftovers of interrupted runs that journals name.
struct JournaledLeftovers<'j> {
    /// By the purge's own name.
    by_aside: BTreeMap<String, &'j PlacedFile>,
    /// By their folder and their name in it.
    by_place: BTreeMap<(FolderMark, String), &'j PlacedFile>,
}

impl<'j> JournaledLeftovers<'j> {
    fn of(journaled: &'j [PlacedFile]) -> Self {
        let leftovers = journaled.iter();
        let leftovers = leftovers.filter(|placed| placed.file.part == FilePart::CutOff);
        let by_place = leftovers.clone().filter_map(|placed| {
            let name = Path::new(&placed.file.path).file_name()?;
            Some(((placed.folder, as_recorded(name)), placed))
        });
        let by_place = by_place.collect();
        JournaledLeftovers {
            by_aside: leftovers
                .map(|placed| (aside_name(&placed.file), placed))
                .collect(),
            by_place,
        }
    }
}

/// Counts the names of each file that are not among the files to delete.
fn count_other_names(there: &mut [FoundFile]) {
    let mut own: BTreeMap<FileId, u64> = BTreeMap::new();
    for found in there.iter() {
        *own.entry(found.id).or_default() += 1;
    }
    for found in there {
        let own = own.get(&found.id).copied().unwrap_or_default();
        found.file.other_names = found.names.saturating_sub(own);
    }
}

#[cfg(all(test, unix))]
mod tests;
