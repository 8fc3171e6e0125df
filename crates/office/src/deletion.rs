//! Deleting a round's data when it is due (Personal Information Protection Law,
//! 19 and 47): exports, key, lists, what crossed. Manifest, log, the round's
//! documents and figures stay: they name nobody, and the law wants them for
//! three years (56).
//!
//! First it is written down what is there, then it is removed, then the record
//! is signed. A program that is killed in between leaves the first list, and
//! the next call goes on by it.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults, io_reason};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_files::owner_only::write_new_owner_only;
use aidlink_files::partial::{abandoned, parent_of};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit_log::LOG;
use crate::deletion_record::{
    DELETIONS, DeletionRecord, FilePart, LeftFile, RoundFile, make_folder,
};
use crate::manifest::{MANIFEST, Manifest, Software};
use crate::signing::SigningKey;
use crate::verification::{Named, Signer, Verification, digest_of, is_plain, verify, walk};

/// The list of what is about to be removed.
const UNDER_WAY: &str = "under-way.json";

/// What was about to be removed when a call was interrupted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    format: String,
    version: u64,
    begun_at: Timestamp,
    there: Vec<RoundFile>,
}

impl Document for Journal {
    const FORMAT: &'static str = "aidlink deletion journal";
    const VERSIONS: RangeInclusive<u64> = 1..=1;
}

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
    /// Files that bear the name of one that must go and have other bytes now.
    pub changed: Vec<RoundFile>,
    /// Files that are not there.
    pub gone: Vec<RoundFile>,
}

/// Looks what is left of the data of an output folder and of the round's
/// inputs. `round_folder` is where the round file is or was.
pub fn remains(manifest: &Manifest, output: &Path, round_folder: &Path) -> Remains {
    let mut remains = Remains::default();
    let mut files: Vec<(FilePart, Option<String>, Option<String>, u64)> = Vec::new();
    for file in manifest.exports.iter().flat_map(|export| &export.files) {
        let digest = Some(file.blake3.clone());
        files.push((
            FilePart::Export,
            Some(file.file.clone()),
            digest,
            file.bytes,
        ));
    }
    for file in &manifest.received {
        let (path, digest) = (file.path.clone(), file.blake3.clone());
        files.push((FilePart::Received, path, digest, 0));
    }
    for file in &manifest.outputs {
        let digest = Some(file.blake3.clone());
        files.push((
            FilePart::Output,
            Some(file.file.clone()),
            digest,
            file.bytes,
        ));
    }
    let key = manifest.key.as_ref().and_then(|key| key.file.clone());
    files.push((FilePart::Key, key, None, 0));
    for (part, path, digest, byte_length) in files {
        let Some(path) = path.filter(|path| is_plain(path)) else {
            continue;
        };
        if part == FilePart::Output && is_record(&path) {
            continue;
        }
        let full = place(part, &path, output, round_folder);
        let file = |digest, byte_length| RoundFile {
            part,
            path: path.clone(),
            digest,
            byte_length,
        };
        match digest_of(&full) {
            // No digest of a key is ever kept.
            Ok((_, found_bytes)) if part == FilePart::Key => {
                remains.there.push(file(None, found_bytes));
            }
            Ok((found, found_bytes)) if Some(&found) == digest.as_ref() => {
                remains.there.push(file(Some(found), found_bytes));
            }
            Ok((found, found_bytes)) => remains.changed.push(file(Some(found), found_bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                remains.gone.push(file(digest, byte_length));
            }
            Err(_) => remains.changed.push(file(None, byte_length)),
        }
    }
    for partial in abandoned(output) {
        let name = partial
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut inside = Vec::new();
        // What cannot be listed is removed all the same.
        let _ = walk(&partial, "", &mut inside);
        for path in inside {
            let found = digest_of(&partial.join(&path));
            remains.there.push(RoundFile {
                part: FilePart::CutOff,
                path: format!("{name}/{path}"),
                byte_length: found.as_ref().map_or(0, |(_, bytes)| *bytes),
                digest: found.ok().map(|(digest, _)| digest),
            });
        }
        if !remains
            .there
            .iter()
            .any(|file| file.path.starts_with(&name))
        {
            remains.there.push(RoundFile {
                part: FilePart::CutOff,
                path: name,
                digest: None,
                byte_length: 0,
            });
        }
    }
    remains.there.sort();
    remains
}

fn place(part: FilePart, path: &str, output: &Path, round_folder: &Path) -> PathBuf {
    match part {
        FilePart::Output => output.join(path),
        FilePart::CutOff => parent_of(output).join(path),
        FilePart::Export | FilePart::Received | FilePart::Key => round_folder.join(path),
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
    manifest_digest: String,
    purge_by: Date,
    is_due: bool,
    begun_at: Timestamp,
    /// What an interrupted call was about to remove.
    begun: Vec<RoundFile>,
    remains: Remains,
}

impl Purge<'_> {
    /// Deletes what is due. Every folder is looked over before anything is
    /// removed of any.
    ///
    /// # Errors
    /// When a folder is not what its manifest says, when the clock cannot be
    /// right, or when a record cannot be written.
    pub fn run(&self) -> Result<Vec<Purged>, Faults> {
        let mut faults = FaultCollector::new();
        let mut planned = Vec::new();
        for output in self.outputs {
            match self.plan(output) {
                Ok(plan) => planned.push(plan),
                Err(found) => faults.extend(found),
            }
        }
        let planned = faults.or_value(Some(planned))?;
        if !self.only_say {
            for plan in planned.iter().filter(|plan| plan.is_to_do()) {
                self.write_down(plan)?;
            }
        }
        // What one folder's record tells of the round's inputs holds for all.
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
        let own = Named {
            keys: vec![(String::new(), self.signing_key.public().clone())],
        };
        let verification = verify(output, None, &own)?;
        if !matches!(verification.signer, Signer::Named(..)) {
            // A manifest that somebody else wrote must not say what is deleted.
            return Err(Fault::of_file(
                &output.join(MANIFEST),
                Text::new(
                    "清单不是用本机构的签名私钥签的，不按它删除",
                    "the manifest is not signed with this office's key; nothing is deleted by it",
                ),
                Text::new(
                    "请用 --signing-key 指明当时的签名私钥，并用 aidlink audit verify 查明",
                    "name the signing key of that time with --signing-key, and see `aidlink audit verify`",
                ),
            )
            .into());
        }
        let purge_by = verification.manifest.retention_until;
        self.check_clock(&verification)?;
        let today = self.now.to_zoned(jiff::tz::TimeZone::system()).date();
        let is_due = today >= purge_by || self.early.is_some();
        let (begun_at, begun) = self.begun(output);
        let manifest_digest = digest_of(&output.join(MANIFEST))
            .map_err(|error| Fault::unreadable(&output.join(MANIFEST), &error))?;
        Ok(Planned {
            remains: remains(&verification.manifest, output, self.round_folder),
            manifest_digest: manifest_digest.0,
            verification,
            purge_by,
            is_due,
            begun_at,
            begun,
        })
    }

    /// A clock that stands before the round's own log would date a deletion
    /// before what was deleted.
    fn check_clock(&self, verification: &Verification) -> Result<(), Fault> {
        let last = verification
            .log
            .entries
            .iter()
            .filter_map(|entry| entry.at)
            .max();
        let records = verification
            .deleted
            .iter()
            .map(|record| record.completed_at);
        if last.into_iter().chain(records).any(|at| at > self.now) {
            return Err(Fault::of_file(
                &verification.folder.join(LOG),
                Text::new(
                    "本机时钟早于本轮日志：时钟不对，或被调回",
                    "this machine's clock stands before the round's own log: it is wrong or was set back",
                ),
                Text::new("请先校正时钟", "set the clock right first"),
            ));
        }
        Ok(())
    }

    /// What a call that was interrupted had written down.
    fn begun(&self, output: &Path) -> (Timestamp, Vec<RoundFile>) {
        let path = output.join(DELETIONS).join(UNDER_WAY);
        let journal = fs::read(&path).ok();
        let journal = journal.and_then(|bytes| Journal::parse(&bytes).ok());
        journal.map_or((self.now, Vec::new()), |journal| {
            (journal.begun_at, journal.there)
        })
    }

    fn write_down(&self, plan: &Planned) -> Result<(), Fault> {
        let folder = plan.verification.folder.join(DELETIONS);
        make_folder(&folder)?;
        let path = folder.join(UNDER_WAY);
        let Head { format, version } = Journal::head();
        let journal = Journal {
            format,
            version,
            begun_at: plan.begun_at,
            there: plan.all(),
        };
        // The new list has all that is left of the old one.
        let _ = fs::remove_file(&path);
        write_new_owner_only(
            &path,
            &journal.to_bytes(),
            &Text::new("删除清单", "the list of what is deleted"),
        )
    }

    fn carry_out(&self, plan: Planned, shared: &[RoundFile]) -> Result<Purged, Faults> {
        let output = plan.verification.folder.clone();
        let mut removed = Vec::new();
        let mut left: Vec<LeftFile> = Vec::new();
        for file in &plan.remains.changed {
            let why = Text::new(
                "内容已不是本轮的，未删除；请人工查看",
                "its content is not the round's any more; it was not removed: look at it",
            );
            left.push(LeftFile::new(file.clone(), why));
        }
        for file in plan.all() {
            if self.only_say || !plan.is_due {
                removed.push(file);
                continue;
            }
            let full = place(file.part, &file.path, &output, self.round_folder);
            match remove(&full) {
                Ok(()) => removed.push(file),
                Err(error) => {
                    let reason = io_reason(&error);
                    let why = Text::new(
                        format!("无法删除：{}", reason.zh),
                        format!("it cannot be removed: {}", reason.en),
                    );
                    left.push(LeftFile::new(file, why));
                }
            }
        }
        let nothing_left = removed.is_empty() && left.is_empty();
        let earlier = |file: &RoundFile| {
            let records = plan.verification.deleted.iter();
            records
                .flat_map(|record| &record.removed)
                .chain(shared)
                .any(|removed| removed.part == file.part && removed.path == file.path)
        };
        let not_found: Vec<RoundFile> = plan
            .remains
            .gone
            .iter()
            .filter(|file| !removed.iter().any(|removed| removed.path == file.path))
            .filter(|file| !earlier(file))
            .cloned()
            .collect();
        let completed_at = Timestamp::now().max(self.now);
        let today = completed_at.to_zoned(jiff::tz::TimeZone::system()).date();
        let Head { format, version } = DeletionRecord::head();
        let record = DeletionRecord {
            format,
            version,
            software: Software::running(self.program),
            public_key: self.signing_key.public().to_base64(),
            round: plan.verification.manifest.round.clone(),
            manifest_digest: plan.manifest_digest,
            purge_by: plan.purge_by,
            early: (today < plan.purge_by)
                .then(|| self.early.map(str::to_owned))
                .flatten(),
            begun_at: plan.begun_at,
            completed_at,
            removed,
            left,
            not_found,
            // Three years from the deletion, which is part of the processing.
            keep_until: today.checked_add(Span::new().years(3)).unwrap_or(Date::MAX),
        };
        if !self.only_say && plan.is_due && !nothing_left {
            remove_empty_folders(&output);
            for partial in abandoned(&output) {
                let _ = fs::remove_dir_all(&partial);
            }
            make_lasting(&output, self.round_folder);
            record.write(&output, self.signing_key)?;
            // The record has taken the list's place.
            let _ = fs::remove_file(output.join(DELETIONS).join(UNDER_WAY));
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

    /// What is there, and what an interrupted call has removed already.
    fn all(&self) -> Vec<RoundFile> {
        let mut all = self.remains.there.clone();
        let changed = |file: &&RoundFile| {
            let mut changed = self.remains.changed.iter();
            !changed.any(|other| other.part == file.part && other.path == file.path)
        };
        all.extend(self.begun.iter().filter(changed).cloned());
        all.sort();
        all.dedup_by(|one, other| one.part == other.part && one.path == other.path);
        all
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        // An earlier call has removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Folders in which nothing is left; the records keep theirs.
fn remove_empty_folders(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
            // Fails where something is left, as it should.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// A file is gone for good only when its folder was written; a system that
/// cannot say so has at least been asked.
fn make_lasting(output: &Path, round_folder: &Path) {
    for folder in [output, parent_of(output), round_folder] {
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
}
