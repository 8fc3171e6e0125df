//! Deleting a round's data when it is due (Personal Information Protection Law,
//! 19 and 47): exports, key, lists, what crossed. Manifest, log, the round's
//! documents and figures stay: they name nobody, and the law requires them for
//! three years (56).
//!
//! What goes is found by looking: the files that the office's own manifest
//! names, where they are real files with the bytes that it names. Nothing is
//! removed because a list says so, and nothing through a link.
//!
//! First a signed journal is written of what is there, then it is removed, then
//! the record is signed. A program that is killed in between leaves the
//! journal: it proves what was there, and the next call looks again.

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
use crate::verification::{Named, Signer, Verification, is_plain, verify};

/// A key file is a few lines.
const LONGEST_KEY_FILE: u64 = 64 << 10;

/// The id of the key in a file's content, as the manifest of a round would name
/// it; `None` when it is not a key of that round. The centre knows no keys.
pub type KeyIdOf<'k> = &'k dyn Fn(&[u8], &Manifest) -> Option<String>;

/// Files of an output folder that stay when the rest is deleted: they hold
/// figures, names of columns, rules and digests, and nothing of a person.
pub fn is_record(path: &str) -> bool {
    let folder = path.split('/').next().unwrap_or_default();
    matches!(folder, "configuration" | "minimisation" | DELETIONS)
        || matches!(path, "summary.json" | LOG)
        || path.starts_with(MANIFEST)
}

/// What is left of a round's data.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    /// Files that are there and must go.
    pub there: Vec<RoundFile>,
    /// Files that must go by their name and are not deleted, with the reason:
    /// they have other bytes now, or are links.
    pub doubtful: Vec<(RoundFile, Doubt)>,
    /// Files that are not there.
    pub gone: Vec<RoundFile>,
}

/// Why a file that bears the name of one that must go is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It has other bytes than the round's.
    Changed,
    /// It is the key of another round.
    OtherKey,
    /// It is reached through a link, or is not an ordinary file.
    NotReal,
}

impl Doubt {
    /// The sentence for a user.
    pub fn text(self) -> Text {
        match self {
            Doubt::Changed => Text::new(
                "内容已不是本轮的，未删除；请人工查看",
                "its content is no longer the round's; it was not removed: check it by hand",
            ),
            Doubt::OtherKey => Text::new(
                "不是本轮的密钥，未删除",
                "it is not the key of this round; it was not removed",
            ),
            Doubt::NotReal => Text::new(
                "是链接，或不是普通文件，未删除；所指向的文件请人工删除",
                "it is a link or not an ordinary file; it was not removed: delete what it points to by hand",
            ),
        }
    }
}

/// The folders in which a round's files lie.
struct Places {
    output: Folder,
    /// The folder of the round file; gone where the user has removed it.
    round: Option<Folder>,
    /// The folder that the output folder is in.
    beside: Option<Folder>,
    output_name: PathBuf,
}

impl Places {
    fn open(output: &Path, round_folder: &Path) -> io::Result<Self> {
        let real = std::fs::canonicalize(output)?;
        let opened = Folder::open(output)?;
        Ok(Places {
            output: opened,
            // The user names it, also by a link.
            round: std::fs::canonicalize(round_folder)
                .and_then(|folder| Folder::open(&folder))
                .ok(),
            beside: Folder::open(parent_of(&real)).ok(),
            output_name: real,
        })
    }

    fn of(&self, part: FilePart) -> Option<&Folder> {
        match part {
            FilePart::Output => Some(&self.output),
            FilePart::CutOff => self.beside.as_ref(),
            FilePart::Export | FilePart::Received | FilePart::Key => self.round.as_ref(),
        }
    }
}

/// Looks what is left of the data of an output folder and of the round's
/// inputs. `round_folder` is where the round file is or was.
pub fn remains(
    manifest: &Manifest,
    output: &Path,
    round_folder: &Path,
    key_id: KeyIdOf<'_>,
) -> Remains {
    match Places::open(output, round_folder) {
        Ok(places) => remains_in(manifest, &places, key_id),
        // The verification has reported a folder that cannot be opened.
        Err(_) => Remains::default(),
    }
}

/// The files that a manifest names as the round's data, with their digests.
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
    // No digest of a key is ever kept.
    let key = manifest.key.as_ref().and_then(|key| key.file.as_deref());
    let key = key.map(|path| file(FilePart::Key, path, None, 0));
    exports
        .chain(received)
        .chain(outputs)
        .chain(key)
        .filter(|file| is_plain(&file.path))
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
            // A part of the path is a link, or cannot be read.
            Err(_) => {
                remains.doubtful.push((file, Doubt::NotReal));
                continue;
            }
        }
        if file.part == FilePart::Key {
            look_at_key(manifest, folder, file, key_id, &mut remains);
            continue;
        }
        match folder.digest(path) {
            Ok((found, bytes)) => {
                let is_it = Some(&found) == file.digest.as_ref();
                let found = RoundFile {
                    digest: Some(found),
                    byte_length: bytes,
                    ..file
                };
                match is_it {
                    true => remains.there.push(found),
                    false => remains.doubtful.push((found, Doubt::Changed)),
                }
            }
            Err(_) => remains.doubtful.push((file, Doubt::NotReal)),
        }
    }
    for name in places.abandoned() {
        remains.there.extend(places.cut_off(&name));
    }
    remains.there.sort();
    remains
}

/// A key is deleted only when it is the one that the manifest names.
fn look_at_key(
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
    /// What writers that are gone have left of the output folder.
    fn abandoned(&self) -> Vec<std::ffi::OsString> {
        let beside = self.beside.as_ref();
        beside.map_or(Vec::new(), |beside| abandoned(beside, &self.output_name))
    }

    /// The files in what a run that was cut off left.
    fn cut_off(&self, name: &std::ffi::OsStr) -> Vec<RoundFile> {
        let Some(beside) = &self.beside else {
            return Vec::new();
        };
        let file = |path: String, digest: Option<(String, u64)>| RoundFile {
            part: FilePart::CutOff,
            path,
            byte_length: digest.as_ref().map_or(0, |(_, bytes)| *bytes),
            digest: digest.map(|(digest, _)| digest),
        };
        let shown = name.to_string_lossy();
        let folder = beside.folder(Path::new(name));
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
                beside.digest(Path::new(name)).ok(),
            )],
            false => files,
        }
    }
}

/// What is asked for.
pub struct Purge<'p> {
    /// Output folders of the round.
    pub outputs: &'p [PathBuf],
    /// Where the round file is or was.
    pub round_folder: &'p Path,
    /// The office's signing key.
    pub signing_key: &'p SigningKey,
    /// The name of this program.
    pub program: &'p str,
    /// Why before the day, if it is to be before.
    pub early: Option<&'p str>,
    /// Why another key than the manifest's signs the record, if it does.
    pub other_signer: Option<&'p str>,
    /// The id of a key in a file.
    pub key_id: KeyIdOf<'p>,
    /// Only say what would be done.
    pub only_say: bool,
    /// The moment.
    pub now: Timestamp,
}

/// What became of one output folder's round.
pub struct Purged {
    /// The output folder.
    pub output: PathBuf,
    /// The day by which the data must be deleted.
    pub purge_by: Date,
    /// The data is due, or early deletion was asked for.
    pub is_due: bool,
    /// What was deleted, or is to be.
    pub record: DeletionRecord,
    /// An earlier record says that everything is gone, and nothing has come since.
    pub nothing_left: bool,
}

/// One output folder, looked over before anything is removed.
struct Planned {
    verification: Verification,
    places: Places,
    manifest_digest: String,
    purge_by: Date,
    is_due: bool,
    /// Journals of calls that were interrupted.
    journals: Vec<Journal>,
    remains: Remains,
}

impl Purge<'_> {
    /// Deletes what is due. Every folder is looked over before anything is
    /// removed of any.
    ///
    /// # Errors
    /// When a folder is not what its manifest says, when the clock cannot be
    /// right, or when a record cannot be written; elsewhere than on Unix, where
    /// folders cannot be emptied without following links.
    pub fn run(&self) -> Result<Vec<Purged>, Faults> {
        if !cfg!(unix) && !self.only_say {
            return Err(not_here(self.round_folder).into());
        }
        let mut faults = FaultCollector::new();
        let mut planned = Vec::new();
        for output in self.outputs {
            planned.extend(faults.take(self.plan(output)));
        }
        let planned = faults.or_value(Some(planned))?;
        if !self.only_say {
            for plan in planned.iter().filter(|plan| plan.is_to_do()) {
                self.write_journal(plan)?;
            }
        }
        // What one folder's record says of the round's inputs holds for all.
        let of_records = planned
            .iter()
            .flat_map(|plan| &plan.verification.deleted)
            .flat_map(|record| &record.removed);
        let there = planned.iter().flat_map(|plan| &plan.remains.there);
        let shared: Vec<RoundFile> = of_records
            .chain(there)
            .filter(|file| file.part != FilePart::Output)
            .cloned()
            .collect();
        planned
            .into_iter()
            .map(|plan| self.carry_out(plan, &shared))
            .collect()
    }

    fn plan(&self, output: &Path) -> Result<Planned, Faults> {
        let own = Named::only(self.signing_key.public().clone());
        let verification = verify(output, None, &own)?;
        match (&verification.signer, self.other_signer) {
            (Signer::Named(..), _) | (Signer::NotNamed(_), Some(_)) => {}
            // A manifest that somebody else wrote must not say what is deleted.
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
        let journals = Journal::read_all(&places.output, &signed_by);
        Ok(Planned {
            remains: remains_in(&verification.manifest, &places, self.key_id),
            is_due: today >= purge_by || self.early.is_some(),
            manifest_digest,
            verification,
            places,
            purge_by,
            journals,
        })
    }

    /// A clock that is before the round's own log would date a deletion before
    /// what was deleted.
    fn check_clock(&self, verification: &Verification) -> Result<(), Fault> {
        let logged = verification.log.entries.iter().filter_map(|entry| entry.at);
        let records = verification.deleted.iter();
        let records = records.map(|record| record.completed_at);
        if logged.chain(records).any(|at| at > self.now) {
            return Err(Fault::of_file(
                &verification.folder.join(LOG),
                Text::new(
                    "本机时钟早于本轮日志：时钟不对，或被调回",
                    "this machine's clock is before the round's own log: it is wrong or was set back",
                ),
                Text::new("请先校正时钟", "set the clock right first"),
            ));
        }
        Ok(())
    }

    fn write_journal(&self, plan: &Planned) -> Result<(), Fault> {
        let Head { format, version } = Journal::head();
        let journal = Journal {
            format,
            version,
            round: plan.verification.manifest.round.clone(),
            manifest_digest: plan.manifest_digest.clone(),
            begun_at: plan.begun_at(self.now),
            // What an interrupted call has removed stays proven.
            there: plan.all(),
            public_key: self.signing_key.public().to_base64(),
        };
        journal.write(&plan.verification.folder, self.now, self.signing_key)
    }

    fn carry_out(&self, plan: Planned, shared: &[RoundFile]) -> Result<Purged, Faults> {
        let output = plan.verification.folder.clone();
        let acts = !self.only_say && plan.is_due;
        let mut left: Vec<LeftFile> = Vec::new();
        for (file, doubt) in &plan.remains.doubtful {
            left.push(LeftFile::new(file.clone(), doubt.text()));
        }
        let removed = match acts {
            false => plan.all(),
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
            // Three years from the deletion, which is part of the processing.
            keep_until: today.checked_add(Span::new().years(3)).unwrap_or(Date::MAX),
        };
        if acts && !nothing_left {
            record.write(&output, self.signing_key)?;
            // The record has taken the journals' place.
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

impl Planned {
    fn is_to_do(&self) -> bool {
        self.is_due && !self.all().is_empty()
    }

    fn begun_at(&self, now: Timestamp) -> Timestamp {
        let begun = self.journals.iter().map(|journal| journal.begun_at);
        begun.min().unwrap_or(now).min(now)
    }

    /// What is there, and what the journals of interrupted calls prove to have
    /// been there and is gone now.
    fn all(&self) -> Vec<RoundFile> {
        let mut all = self.remains.there.clone();
        let same =
            |one: &RoundFile, other: &RoundFile| one.part == other.part && one.path == other.path;
        let still = |file: &RoundFile| {
            let doubtful = self.remains.doubtful.iter().map(|(file, _)| file);
            let mut there = self.remains.there.iter().chain(doubtful);
            there.any(|other| same(other, file))
        };
        let journals = self.journals.iter().flat_map(|journal| &journal.there);
        all.extend(journals.filter(|file| !still(file)).cloned());
        all.sort();
        all.dedup_by(|one, other| same(one, other));
        all
    }

    /// Removes what is there; gives what is gone, by this call or by the
    /// interrupted ones, and what could not be removed.
    fn remove(&self) -> (Vec<RoundFile>, Vec<LeftFile>) {
        let mut removed = Vec::new();
        let mut left = Vec::new();
        let mut touched: BTreeSet<(FilePart, PathBuf)> = BTreeSet::new();
        for file in self.all() {
            let is_there = self.remains.there.contains(&file);
            // A partial folder goes as a whole below.
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
                // The journal proves that it was there, and it is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => removed.push(file),
                Err(error) => left.push(LeftFile::new(file, not_removed(&error))),
            }
        }
        for name in self.places.abandoned() {
            self.places.remove_abandoned(&name);
        }
        // A file is gone for good only when its folder was written; a system
        // that cannot say so has at least been asked.
        for (part, path) in &touched {
            if let Some(folder) = self.places.of(*part) {
                let _ = folder.sync_parent(path);
            }
        }
        self.remove_empty_folders();
        let _ = self.places.output.sync();
        (removed, left)
    }

    /// Folders of the output in which nothing is left; the records keep theirs.
    fn remove_empty_folders(&self) {
        let folders = self.places.output.folders().unwrap_or_default();
        for folder in folders.iter().rev() {
            // Fails where something is left, as it should.
            let _ = self.places.output.remove_empty_folder(folder);
        }
    }

    /// Files that are not there, and that neither this deletion nor an earlier
    /// record accounts for.
    fn not_found(&self, removed: &[RoundFile], shared: &[RoundFile]) -> Vec<RoundFile> {
        let records = self.verification.deleted.iter();
        let earlier: Vec<&RoundFile> = records
            .flat_map(|record| &record.removed)
            .chain(shared)
            .chain(removed)
            .collect();
        let gone = self.remains.gone.iter();
        gone.filter(|file| {
            let is_it = |other: &&&RoundFile| other.part == file.part && other.path == file.path;
            earlier.iter().find(is_it).is_none()
        })
        .cloned()
        .collect()
    }
}

impl Places {
    fn remove_abandoned(&self, name: &std::ffi::OsStr) {
        let Some(beside) = &self.beside else { return };
        // Held until it is gone: its maker may be about to take the lock.
        let Some(_held) = beside.try_lock(name) else {
            return;
        };
        let _ = match beside.kind(Path::new(name)) {
            Ok(EntryKind::Folder) => beside.remove_tree(name),
            _ => beside.remove_file(Path::new(name)),
        };
        let _ = beside.sync();
    }
}

fn not_removed(error: &io::Error) -> Text {
    let reason = io_reason(error);
    Text::new(
        format!("无法删除：{}", reason.zh),
        format!("it cannot be removed: {}", reason.en),
    )
}

fn not_signed_here(output: &Path) -> Fault {
    Fault::of_file(
        &output.join(MANIFEST),
        Text::new(
            "运行记录不是用本机构的签名私钥签的，不按它删除",
            "the manifest is not signed with this office's key; nothing is deleted by it",
        ),
        Text::new(
            "请用 --signing-key 指明当时的签名私钥，并用 aidlink audit verify 查明；私钥已不在的，请用 --other-signer 写明理由",
            "name the signing key of that time with --signing-key, and run `aidlink audit verify`; if that key is gone, say why with --other-signer",
        ),
    )
}

fn not_here(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "本系统不能在不跟随链接的情况下删除文件",
            "this system cannot delete files without following links",
        ),
        Text::new(
            "请在Linux或macOS上运行 purge",
            "run `purge` on Linux or macOS",
        ),
    )
}

#[cfg(all(test, unix))]
mod tests;
