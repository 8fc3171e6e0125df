//! Deletes a round's data when it is due (Personal Information Protection Law,
//! Articles 19 and 47): exports, round key, match lists, and files that crossed
//! between offices. Manifest, log, configuration files and figures are kept: they
//! identify nobody, and the law requires keeping them for three years (Article 56).
//!
//! A file is deleted only if the office's own signed manifest names it and it is
//! an ordinary file with the digest in the manifest. A key must have the key id
//! in the manifest. Links are not followed.
//!
//! A purge writes a signed journal of the files that are there, removes them, and
//! then writes a signed record. A purge that was killed leaves its journal, which
//! proves what was there; the next purge finishes the deletion.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults, io_reason};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document as _, Head};
use aidlink_files::folder::{EntryKind, Folder};
use aidlink_files::partial::{abandoned, parent_of};
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::audit_log::LOG;
use crate::deletion_record::{
    DELETIONS, DeletionRecord, FilePart, Journal, LeftFile, RoundFile, SignedBy,
};
use crate::manifest::{MANIFEST, Manifest, Software};
use crate::signing::SigningKey;
use crate::verification::{NamedKeys, Signer, Verification, stays_inside, verify};

/// The largest accepted key file, in bytes.
const LONGEST_KEY_FILE: u64 = 64 << 10;

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
    pub there: Vec<RoundFile>,
    /// Files that have the name of a file to delete but must not be deleted, with
    /// the reason.
    pub doubtful: Vec<(RoundFile, Doubt)>,
    /// Files that do not exist.
    pub gone: Vec<RoundFile>,
}

/// Why a file with the name of a file to delete is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its content does not match the digest in the manifest.
    Changed,
    /// It is not the key of this round.
    OtherKey,
    /// It is a link, is below a link, is not an ordinary file, or cannot be read.
    NotReal,
}

impl Doubt {
    /// Returns the message for the user.
    pub fn text(self) -> Text {
        match self {
            Doubt::Changed => Text::new(
                "内容与本轮的文件不符，未删除；请人工检查",
                "the content does not match this round's file, so it was not deleted: check it by hand",
            ),
            Doubt::OtherKey => Text::new(
                "不是本轮的密钥，未删除；请人工检查",
                "this is not the key of this round, so it was not deleted: check it by hand",
            ),
            Doubt::NotReal => Text::new(
                "是链接，或不是普通文件，未删除；请人工删除链接所指的文件",
                "this is a link or not an ordinary file, so it was not deleted: delete the file that it points to by hand",
            ),
        }
    }
}

/// The folders that hold a round's files.
struct Places {
    output: Folder,
    /// The folder of the round file; `None` if it cannot be opened.
    round: Option<Folder>,
    /// The parent of the output folder.
    parent: Option<Folder>,
    /// The real path of the output folder.
    output_path: PathBuf,
}

impl Places {
    fn open(output: &Path, round_folder: &Path) -> io::Result<Self> {
        let real = std::fs::canonicalize(output)?;
        let opened = Folder::open(output)?;
        Ok(Places {
            output: opened,
            // The user may name this folder by a link.
            round: std::fs::canonicalize(round_folder)
                .and_then(|folder| Folder::open(&folder))
                .ok(),
            parent: Folder::open(parent_of(&real)).ok(),
            output_path: real,
        })
    }

    fn of(&self, part: FilePart) -> Option<&Folder> {
        match part {
            FilePart::Output => Some(&self.output),
            FilePart::CutOff => self.parent.as_ref(),
            FilePart::Export | FilePart::Received | FilePart::Key => self.round.as_ref(),
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
    match Places::open(output, round_folder) {
        Ok(places) => remains_in(manifest, &places, key_id),
        // Verification reports a folder that cannot be opened.
        Err(_) => Remains::default(),
    }
}

/// Returns the files of the round's data that a manifest names, with their digests.
fn named_files(manifest: &Manifest) -> Vec<RoundFile> {
    let file = |part, path: &str, digest: Option<&str>, byte_length| RoundFile {
        part,
        path: path.to_owned(),
        digest: digest.map(str::to_owned),
        byte_length,
    };
    let exports = manifest.exports.iter().flat_map(|export| &export.files);
    let exports =
        exports.map(|read| file(FilePart::Export, &read.file, Some(&read.blake3), read.bytes));
    let received = manifest.received.iter().filter_map(|received| {
        let path = received.path.as_ref()?;
        let digest = received.blake3.as_deref();
        Some(file(FilePart::Received, path, digest, 0))
    });
    let outputs = manifest
        .outputs
        .iter()
        .filter(|output| !is_record(&output.file))
        .map(|output| {
            let digest = Some(output.blake3.as_str());
            file(FilePart::Output, &output.file, digest, output.bytes)
        });
    // Digests of keys are never recorded.
    let key = manifest.key.as_ref().and_then(|key| key.file.as_deref());
    let key = key.map(|path| file(FilePart::Key, path, None, 0));
    exports
        .chain(received)
        .chain(outputs)
        .chain(key)
        .filter(|file| stays_inside(&file.path))
        .collect()
}

fn remains_in(manifest: &Manifest, places: &Places, key_id: KeyIdOf<'_>) -> Remains {
    let mut remains = Remains::default();
    for file in named_files(manifest) {
        let Some(folder) = places.of(file.part) else {
            remains.gone.push(file);
            continue;
        };
        let path = Path::new(&file.path);
        match folder.kind(path) {
            Ok(EntryKind::File) => {}
            Ok(_) => {
                remains.doubtful.push((file, Doubt::NotReal));
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                remains.gone.push(file);
                continue;
            }
            // A part of the path is a link or cannot be read.
            Err(_) => {
                remains.doubtful.push((file, Doubt::NotReal));
                continue;
            }
        }
        if file.part == FilePart::Key {
            check_key(manifest, folder, file, key_id, &mut remains);
            continue;
        }
        match folder.digest(path) {
            Ok((found, bytes)) => {
                let matches = Some(&found) == file.digest.as_ref();
                let found = RoundFile {
                    digest: Some(found),
                    byte_length: bytes,
                    ..file
                };
                match matches {
                    true => remains.there.push(found),
                    false => remains.doubtful.push((found, Doubt::Changed)),
                }
            }
            Err(_) => remains.doubtful.push((file, Doubt::NotReal)),
        }
    }
    for name in places.abandoned() {
        remains.there.extend(places.files_of_interrupted_run(&name));
    }
    remains.there.sort();
    remains
}

/// Checks whether a key file holds the key with the id in the manifest; only that
/// key is deleted.
fn check_key(
    manifest: &Manifest,
    folder: &Folder,
    file: RoundFile,
    key_id: KeyIdOf<'_>,
    remains: &mut Remains,
) {
    let stated = manifest.key.as_ref().map(|key| key.id.clone());
    let content = folder.read(Path::new(&file.path), LONGEST_KEY_FILE);
    let content = zeroize::Zeroizing::new(content.unwrap_or_default());
    let file = RoundFile {
        byte_length: content.len() as u64,
        ..file
    };
    match stated.is_some() && key_id(&content, manifest) == stated {
        true => remains.there.push(file),
        false => remains.doubtful.push((file, Doubt::OtherKey)),
    }
}

impl Places {
    /// Returns the names of partial folders and files that interrupted runs of this
    /// output left in the parent folder.
    fn abandoned(&self) -> Vec<std::ffi::OsString> {
        let parent = self.parent.as_ref();
        parent.map_or(Vec::new(), |parent| abandoned(parent, &self.output_path))
    }

    /// Returns the files that an interrupted run left under this name.
    fn files_of_interrupted_run(&self, name: &std::ffi::OsStr) -> Vec<RoundFile> {
        let Some(parent) = &self.parent else {
            return Vec::new();
        };
        let file = |path: String, digest: Option<(String, u64)>| RoundFile {
            part: FilePart::CutOff,
            path,
            byte_length: digest.as_ref().map_or(0, |(_, bytes)| *bytes),
            digest: digest.map(|(digest, _)| digest),
        };
        let shown = name.to_string_lossy();
        let folder = parent.folder(Path::new(name));
        let inside = folder.as_ref().map(Folder::files);
        let files: Vec<RoundFile> = match (&folder, inside) {
            (Ok(folder), Ok(Ok(inside))) => inside
                .iter()
                .map(|found| {
                    let path = format!("{shown}/{}", found.name());
                    file(path, folder.digest(&found.path).ok())
                })
                .collect(),
            _ => Vec::new(),
        };
        match files.is_empty() {
            true => vec![file(
                shown.into_owned(),
                parent.digest(Path::new(name)).ok(),
            )],
            false => files,
        }
    }
}

/// A purge: the deletion of a round's data when it is due.
pub struct Purge<'p> {
    /// Output folders of the round.
    pub outputs: &'p [PathBuf],
    /// The folder where the round file is or was.
    pub round_folder: &'p Path,
    /// The office's signing key.
    pub signing_key: &'p SigningKey,
    /// The name of this program.
    pub program: &'p str,
    /// The reason for deleting before the data is due, if wanted.
    pub early: Option<&'p str>,
    /// The reason why another key than the manifest's signs the record, if so.
    pub other_signer: Option<&'p str>,
    /// Returns the id of a round key.
    pub key_id: KeyIdOf<'p>,
    /// Report what would be deleted, but delete nothing.
    pub dry_run: bool,
    /// The current time.
    pub now: Timestamp,
}

/// The result of a purge for one output folder.
pub struct Purged {
    /// The output folder.
    pub output: PathBuf,
    /// The day by which the data must be deleted.
    pub purge_by: Date,
    /// Whether the data is due or early deletion was requested.
    pub is_due: bool,
    /// The deletion record; in a dry run or before the day, of what would be deleted.
    pub record: DeletionRecord,
    /// Whether there was nothing to delete.
    pub nothing_left: bool,
}

/// The plan for one output folder, made before anything is deleted.
struct PurgePlan {
    verification: Verification,
    places: Places,
    manifest_digest: String,
    purge_by: Date,
    is_due: bool,
    /// Journals of interrupted purges.
    journals: Vec<Journal>,
    remains: Remains,
}

impl Purge<'_> {
    /// Deletes the data that is due. All folders are checked before anything is
    /// deleted.
    ///
    /// # Errors
    /// When a manifest is missing or not signed by this office, the clock is wrong,
    /// or a record cannot be written. Always on systems other than Unix, unless
    /// this is a dry run: there, files cannot be deleted without following links.
    pub fn run(&self) -> Result<Vec<Purged>, Faults> {
        if !cfg!(unix) && !self.dry_run {
            return Err(unsupported_system(self.round_folder).into());
        }
        let mut faults = FaultCollector::new();
        let mut planned = Vec::new();
        for output in self.outputs {
            planned.extend(faults.take(self.plan(output)));
        }
        let planned = faults.or_value(Some(planned))?;
        if !self.dry_run {
            for plan in planned.iter().filter(|plan| plan.has_work()) {
                self.write_journal(plan)?;
            }
        }
        // The round's inputs are shared, so a record in any folder accounts for them.
        let recorded = planned
            .iter()
            .flat_map(|plan| &plan.verification.deleted)
            .flat_map(|record| &record.removed);
        let there = planned.iter().flat_map(|plan| &plan.remains.there);
        let shared: Vec<RoundFile> = recorded
            .chain(there)
            .filter(|file| file.part != FilePart::Output)
            .cloned()
            .collect();
        planned
            .into_iter()
            .map(|plan| self.carry_out(plan, &shared))
            .collect()
    }

    fn plan(&self, output: &Path) -> Result<PurgePlan, Faults> {
        let own = NamedKeys::only(self.signing_key.public().clone());
        let verification = verify(output, None, &own)?;
        match (&verification.signer, self.other_signer) {
            (Signer::Named(..), _) | (Signer::NotNamed(_), Some(_)) => {}
            // A manifest signed by somebody else must not decide what is deleted.
            _ => return Err(not_signed_here(output).into()),
        }
        self.check_clock(&verification)?;
        let purge_by = verification.manifest.retention_until;
        let today = self.now.to_zoned(jiff::tz::TimeZone::system()).date();
        let unreadable = |error: io::Error| Fault::unreadable(output, &error);
        let places = Places::open(output, self.round_folder).map_err(unreadable)?;
        let (manifest_digest, _) = places
            .output
            .digest(Path::new(MANIFEST))
            .map_err(unreadable)?;
        let signed_by = SignedBy {
            manifest: &verification.manifest,
            manifest_digest: &manifest_digest,
            signer: self.signing_key.public(),
        };
        let mut journals = Journal::read_all(&places.output, &signed_by);
        // A record has replaced the journals before it: one that is back was copied.
        let last_record = verification
            .deleted
            .iter()
            .map(|record| record.completed_at)
            .max();
        journals.retain(|journal| last_record.is_none_or(|last| journal.begun_at > last));
        Ok(PurgePlan {
            remains: remains_in(&verification.manifest, &places, self.key_id),
            is_due: today >= purge_by || self.early.is_some(),
            manifest_digest,
            verification,
            places,
            purge_by,
            journals,
        })
    }

    /// Checks that the clock is not before the times in the log and in earlier
    /// records. Otherwise a record could date the deletion before the files were
    /// written.
    fn check_clock(&self, verification: &Verification) -> Result<(), Fault> {
        let logged = verification.log.entries.iter().filter_map(|entry| entry.at);
        let records = verification.deleted.iter();
        let records = records.map(|record| record.completed_at);
        if logged.chain(records).any(|at| at > self.now) {
            return Err(Fault::of_file(
                &verification.folder.join(LOG),
                Text::new(
                    "本机时钟早于本轮日志或删除记录：时钟不准，或已被调回",
                    "this machine's clock is earlier than this round's log or deletion records: it is wrong or was set back",
                ),
                Text::new("请先校准时钟", "correct the clock first"),
            ));
        }
        Ok(())
    }

    fn write_journal(&self, plan: &PurgePlan) -> Result<(), Fault> {
        let Head { format, version } = Journal::head();
        let journal = Journal {
            format,
            version,
            round: plan.verification.manifest.round.clone(),
            manifest_digest: plan.manifest_digest.clone(),
            begun_at: plan.begun_at(self.now),
            // Includes files that an interrupted purge has removed, so that they
            // remain proven.
            there: plan.all_files(),
            public_key: self.signing_key.public().to_base64(),
        };
        journal.write(&plan.verification.folder, self.now, self.signing_key)
    }

    fn carry_out(&self, plan: PurgePlan, shared: &[RoundFile]) -> Result<Purged, Faults> {
        let output = plan.verification.folder.clone();
        let deletes = !self.dry_run && plan.is_due;
        let mut left: Vec<LeftFile> = Vec::new();
        for (file, doubt) in &plan.remains.doubtful {
            left.push(LeftFile::new(file.clone(), doubt.text()));
        }
        let removed = match deletes {
            false => plan.all_files(),
            true => {
                let (removed, failed) = plan.remove();
                left.extend(failed);
                removed
            }
        };
        let nothing_left = removed.is_empty() && left.is_empty();
        let not_found = plan.not_found(&removed, shared);
        let completed_at = Timestamp::now().max(self.now);
        let today = completed_at.to_zoned(jiff::tz::TimeZone::system()).date();
        let Head { format, version } = DeletionRecord::head();
        let record = DeletionRecord {
            format,
            version,
            software: Software::running(self.program),
            public_key: self.signing_key.public().to_base64(),
            other_signer: self.other_signer.map(str::to_owned),
            round: plan.verification.manifest.round.clone(),
            manifest_digest: plan.manifest_digest.clone(),
            purge_by: plan.purge_by,
            early: self
                .early
                .filter(|_| today < plan.purge_by)
                .map(str::to_owned),
            begun_at: plan.begun_at(self.now),
            completed_at,
            removed,
            left,
            not_found,
            // Three years from the deletion, because the deletion is part of the
            // processing.
            keep_until: today.checked_add(Span::new().years(3)).unwrap_or(Date::MAX),
        };
        if deletes && !nothing_left {
            record.write(&output, self.signing_key)?;
            // The record replaces the journals.
            Journal::remove_all(&plan.places.output);
        }
        Ok(Purged {
            output,
            purge_by: plan.purge_by,
            is_due: plan.is_due,
            record,
            nothing_left,
        })
    }
}

impl PurgePlan {
    fn has_work(&self) -> bool {
        self.is_due && !self.all_files().is_empty()
    }

    fn begun_at(&self, now: Timestamp) -> Timestamp {
        let times = self.journals.iter().map(|journal| journal.begun_at);
        times.min().unwrap_or(now).min(now)
    }

    /// Returns the files that are there, and the files that are gone but were there
    /// according to the journals of interrupted purges.
    fn all_files(&self) -> Vec<RoundFile> {
        let mut all = self.remains.there.clone();
        let same =
            |one: &RoundFile, other: &RoundFile| one.part == other.part && one.path == other.path;
        let still_exists = |file: &RoundFile| {
            let doubtful = self.remains.doubtful.iter().map(|(file, _)| file);
            let mut there = self.remains.there.iter().chain(doubtful);
            there.any(|other| same(other, file))
        };
        let journals = self.journals.iter().flat_map(|journal| &journal.there);
        all.extend(journals.filter(|file| !still_exists(file)).cloned());
        all.sort();
        all.dedup_by(|one, other| same(one, other));
        all
    }

    /// Removes the files. Returns the files that are gone, whether by this purge or
    /// an interrupted one, and the files that could not be removed.
    fn remove(&self) -> (Vec<RoundFile>, Vec<LeftFile>) {
        let mut removed = Vec::new();
        let mut left = Vec::new();
        let mut touched: BTreeSet<(FilePart, PathBuf)> = BTreeSet::new();
        for file in self.all_files() {
            let is_there = self.remains.there.contains(&file);
            // Partial folders are removed as a whole below.
            if !is_there || file.part == FilePart::CutOff {
                removed.push(file);
                continue;
            }
            let path = PathBuf::from(&file.path);
            let done = match self.places.of(file.part) {
                Some(folder) => folder.remove_file(&path),
                None => Err(io::ErrorKind::NotFound.into()),
            };
            match done {
                Ok(()) => {
                    touched.insert((file.part, path));
                    removed.push(file);
                }
                // Somebody else moved or deleted it in between: this purge did not.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    left.push(LeftFile::new(file, disappeared()));
                }
                Err(error) => left.push(LeftFile::new(file, not_removed(&error))),
            }
        }
        for name in self.places.abandoned() {
            self.places.remove_abandoned(&name);
        }
        // What of a leftover could not be removed is still there, whatever was tried.
        let still_there: Vec<RoundFile> = removed
            .extract_if(.., |file| self.places.has_leftover(file))
            .collect();
        left.extend(
            still_there.into_iter().map(|file| {
                LeftFile::new(file, not_removed(&io::ErrorKind::PermissionDenied.into()))
            }),
        );
        // A removal is lasting only after its folder is synced. Errors are ignored:
        // not every file system supports it.
        for (part, path) in &touched {
            if let Some(folder) = self.places.of(*part) {
                let _ = folder.sync_parent(path);
            }
        }
        self.remove_empty_folders();
        let _ = self.places.output.sync();
        (removed, left)
    }

    /// Removes the empty subfolders of the output folder.
    fn remove_empty_folders(&self) {
        let folders = self.places.output.folders().unwrap_or_default();
        for folder in folders.iter().rev() {
            // This fails for folders that are not empty, as intended.
            let _ = self.places.output.remove_empty_folder(folder);
        }
    }

    /// Returns the missing files that neither this purge nor an earlier record
    /// accounts for.
    fn not_found(&self, removed: &[RoundFile], shared: &[RoundFile]) -> Vec<RoundFile> {
        let records = self.verification.deleted.iter();
        let earlier: Vec<&RoundFile> = records
            .flat_map(|record| &record.removed)
            .chain(shared)
            .chain(removed)
            .collect();
        let gone = self.remains.gone.iter();
        gone.filter(|file| {
            let same = |other: &&&RoundFile| other.part == file.part && other.path == file.path;
            earlier.iter().find(same).is_none()
        })
        .cloned()
        .collect()
    }
}

impl Places {
    /// Whether a file of an interrupted run is still there.
    fn has_leftover(&self, file: &RoundFile) -> bool {
        let parent = self
            .parent
            .as_ref()
            .filter(|_| file.part == FilePart::CutOff);
        parent.is_some_and(|parent| parent.kind(Path::new(&file.path)).is_ok())
    }

    fn remove_abandoned(&self, name: &std::ffi::OsStr) {
        let Some(parent) = &self.parent else { return };
        // The lock is held until the removal is done: a run that has just created
        // the folder may be about to lock it.
        let Some(_held) = parent.try_lock(name) else {
            return;
        };
        let _ = match parent.kind(Path::new(name)) {
            Ok(EntryKind::Folder) => parent.remove_tree(name),
            _ => parent.remove_file(Path::new(name)),
        };
        let _ = parent.sync();
    }
}

fn disappeared() -> Text {
    Text::new(
        "删除过程中文件不见了，不是由本次删除移除的：请查明去向",
        "the file disappeared while the data was being deleted, and this purge did not delete it: find out where it went",
    )
}

fn not_removed(error: &io::Error) -> Text {
    let reason = io_reason(error);
    Text::new(
        format!("无法删除：{}", reason.zh),
        format!("cannot delete the file: {}", reason.en),
    )
}

fn not_signed_here(output: &Path) -> Fault {
    Fault::of_file(
        &output.join(MANIFEST),
        Text::new(
            "运行记录不是由本机构的签名私钥签署，未删除任何文件",
            "the manifest is not signed with this office's signing key; nothing was deleted",
        ),
        Text::new(
            "请用 --signing-key 指明当时的签名私钥，并用 aidlink audit verify 查明原因；私钥已不存在的，请用 --other-signer 写明理由",
            "give the signing key that signed it with --signing-key, and run `aidlink audit verify`; if that key no longer exists, give the reason with --other-signer",
        ),
    )
}

fn unsupported_system(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "本系统不能在不跟随链接的情况下删除文件",
            "this system cannot delete files without following links",
        ),
        Text::new(
            "请在 Linux 或 macOS 上运行 purge",
            "run `purge` on Linux or macOS",
        ),
    )
}

#[cfg(all(test, unix))]
mod tests;
