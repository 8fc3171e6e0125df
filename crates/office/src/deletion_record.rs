//! A deletion record: what was there, when it went, on whose word; signed, so
//! that a missing file can be told from a deleted one (Personal Information
//! Protection Law, 47 and 54). It stands in the output folder, which stays.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use aidlink_files::document::Document;
use aidlink_files::folder::{EntryKind, Folder};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, Software};
use crate::output_folder::OutputFolder;
use crate::signing::{PublicKey, SIGNATURE_SUFFIX, Signature, SigningKey};

/// The folder of an output folder that holds its deletion records.
pub const DELETIONS: &str = "deletions";
/// The record's name in a folder of its own.
const RECORD: &str = "deletion-record.json";
/// The journal's name in a folder of its own.
const JOURNAL: &str = "deletion-journal.json";
/// What the names of journals' folders begin with.
const JOURNAL_PREFIX: &str = "under-way-";
/// Larger records are refused.
const LARGEST_DOCUMENT: u64 = 256 << 20;
/// Signatures are a few lines.
const LARGEST_SIGNATURE: u64 = 16 << 10;

/// What a file was to the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FilePart {
    /// A file of an export.
    #[serde(rename = "export")]
    Export,
    /// A file that came from another office.
    #[serde(rename = "received")]
    Received,
    /// The round's key.
    #[serde(rename = "key")]
    Key,
    /// What the step wrote.
    #[serde(rename = "output")]
    Output,
    /// What a run that was cut off left behind.
    #[serde(rename = "left by a run that was cut off")]
    CutOff,
}

impl FilePart {
    /// The word for a user.
    pub fn text(self) -> Text {
        match self {
            FilePart::Export => Text::new("导出", "export"),
            FilePart::Received => Text::new("收到的文件", "received file"),
            FilePart::Key => Text::new("密钥", "key"),
            FilePart::Output => Text::new("输出", "output"),
            FilePart::CutOff => Text::new("中断的运行所留", "left by an interrupted run"),
        }
    }
}

/// A file of the round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundFile {
    /// What it is.
    pub part: FilePart,
    /// Its path: of an output inside the output folder, else inside the folder
    /// of the round file.
    #[serde(rename = "file")]
    pub path: String,
    /// BLAKE3 digest of its bytes, hexadecimal. None is kept of a key.
    #[serde(rename = "blake3")]
    pub digest: Option<String>,
    /// Bytes.
    #[serde(rename = "bytes")]
    pub byte_length: u64,
}

/// A file that should have been deleted and is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftFile {
    /// What it is.
    pub part: FilePart,
    /// Its path, as of a [`RoundFile`].
    #[serde(rename = "file")]
    pub path: String,
    /// BLAKE3 digest of its bytes, hexadecimal.
    #[serde(rename = "blake3")]
    pub digest: Option<String>,
    /// Bytes.
    #[serde(rename = "bytes")]
    pub byte_length: u64,
    /// Why it is still there.
    pub why: Text,
}

impl LeftFile {
    /// The file with the reason.
    pub fn new(file: RoundFile, why: Text) -> Self {
        LeftFile {
            part: file.part,
            path: file.path,
            digest: file.digest,
            byte_length: file.byte_length,
            why,
        }
    }
}

/// What was deleted of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionRecord {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The program that wrote it.
    pub software: Software,
    /// The round.
    pub round: String,
    /// BLAKE3 digest of the manifest in the folder, hexadecimal.
    #[serde(rename = "manifest_blake3")]
    pub manifest_digest: String,
    /// The day by which the round's data had to be deleted.
    pub purge_by: Date,
    /// Why before that day, if it was before.
    pub early: Option<String>,
    /// Before this moment nothing was deleted.
    pub begun_at: Timestamp,
    /// By this moment everything in `removed` was.
    pub completed_at: Timestamp,
    /// What was there and is no more.
    pub removed: Vec<RoundFile>,
    /// What should have gone and is still there, with the reason.
    pub left: Vec<LeftFile>,
    /// What was not there when the deletion began, and no earlier record names.
    pub not_found: Vec<RoundFile>,
    /// Records are kept to this day at least (Personal Information Protection Law, 56).
    #[serde(rename = "keep_records_until")]
    pub keep_until: Date,
    /// The public half of the key that signs it.
    pub public_key: String,
    /// Why another key than the manifest's signs it, if it does: such a record
    /// proves nothing by itself, and a person must confirm it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_signer: Option<String>,
}

impl Document for DeletionRecord {
    const FORMAT: &'static str = "aidlink deletion record";
    const VERSIONS: RangeInclusive<u64> = 1..=2;
}

impl DeletionRecord {
    /// Whether the record names an output of these bytes.
    pub fn removed(&self, path: &str, digest: &str) -> bool {
        self.removed.iter().any(|file| {
            file.part == FilePart::Output
                && file.path == path
                && file.digest.as_deref() == Some(digest)
        })
    }

    /// Writes the record and its signature into a folder of their own, whole or
    /// not at all.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, output: &Path, key: &SigningKey) -> Result<(), Fault> {
        let comment = comment("record", &self.round, &self.manifest_digest);
        let name = stamp(self.completed_at);
        write_signed(output, &name, RECORD, &self.to_bytes(), &comment, key)
    }
}

/// What was about to be removed when a deletion began. It proves what was
/// there, where its deletion was interrupted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The round.
    pub round: String,
    /// BLAKE3 digest of the manifest in the folder, hexadecimal.
    #[serde(rename = "manifest_blake3")]
    pub manifest_digest: String,
    /// Before this moment nothing was deleted.
    pub begun_at: Timestamp,
    /// What was there, or had been by an earlier journal.
    pub there: Vec<RoundFile>,
    /// The public half of the key that signs it.
    pub public_key: String,
}

impl Document for Journal {
    const FORMAT: &'static str = "aidlink deletion journal";
    const VERSIONS: RangeInclusive<u64> = 1..=1;
}

impl Journal {
    /// Writes the journal beside earlier ones, which stay until the record is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, output: &Path, now: Timestamp, key: &SigningKey) -> Result<(), Fault> {
        let comment = comment("journal", &self.round, &self.manifest_digest);
        let name = format!("{JOURNAL_PREFIX}{}", stamp(now));
        write_signed(output, &name, JOURNAL, &self.to_bytes(), &comment, key)
    }

    /// The journals of an output folder that count.
    pub fn read_all(output: &Folder, signed_by: &SignedBy<'_>) -> Vec<Self> {
        let Ok(folder) = output.folder(Path::new(DELETIONS)) else {
            return Vec::new();
        };
        let entries = folder.entries().unwrap_or_default().into_iter();
        entries
            .filter(|entry| is_journal(&entry.name))
            .filter_map(|entry| {
                let (bytes, signature) = read_signed(&folder, &entry.name, JOURNAL)?;
                let journal = Journal::parse(&bytes).ok()?;
                let comment = comment("journal", &journal.round, &journal.manifest_digest);
                let counts = signed_by.is_of_folder(&journal.round, &journal.manifest_digest)
                    && signature.verifies(signed_by.signer, &bytes)
                    && signature.comment() == comment;
                counts.then_some(journal)
            })
            .collect()
    }

    /// Removes all journals, for a record has taken their place, and what calls
    /// that were killed while they wrote have left. What cannot be removed is of
    /// no use to anybody.
    pub fn remove_all(output: &Folder) {
        let Ok(folder) = output.folder(Path::new(DELETIONS)) else {
            return;
        };
        for entry in folder.entries().unwrap_or_default() {
            // Held until it is gone: nobody is writing it.
            let held = match is_begun(&entry.name) {
                true => folder.try_lock(&entry.name),
                false => None,
            };
            if is_journal(&entry.name) || held.is_some() {
                let _ = folder.remove_tree(&entry.name);
            }
        }
        let _ = folder.sync();
    }
}

/// Which records and journals of a folder count: those of its manifest, signed
/// by the manifest's signer.
pub struct SignedBy<'s> {
    /// The manifest.
    pub manifest: &'s Manifest,
    /// Its BLAKE3 digest, hexadecimal.
    pub manifest_digest: &'s str,
    /// Who signed it.
    pub signer: &'s PublicKey,
}

impl SignedBy<'_> {
    fn is_of_folder(&self, round: &str, manifest_digest: &str) -> bool {
        round == self.manifest.round && manifest_digest == self.manifest_digest
    }
}

/// What is in the folder of deletions.
#[derive(Default)]
pub struct Deletions {
    /// Records that count, in the order of time.
    pub records: Vec<DeletionRecord>,
    /// What does not count, or does not belong there, by its path in the output
    /// folder.
    pub faults: Vec<(String, DeletionFault)>,
}

/// What is wrong with something in the folder of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionFault {
    /// A record that is damaged, of another folder, or not signed as it must be.
    DoesNotCount,
    /// A record that another key signed, which nobody named.
    UnknownSigner,
    /// Something that no deletion writes.
    Unknown,
}

impl DeletionFault {
    /// The sentence for a user.
    pub fn text(self) -> Text {
        match self {
            DeletionFault::DoesNotCount => Text::new(
                "删除记录已损坏，不属于此文件夹，或不是签署运行记录的机构所签：不作数",
                "the deletion record is damaged, of another folder, or not signed by the manifest's signer: it counts for nothing",
            ),
            DeletionFault::UnknownSigner => Text::new(
                "删除记录由另一把无人指明的私钥签署：不作数",
                "the deletion record is signed by another key, which nobody named: it counts for nothing",
            ),
            DeletionFault::Unknown => Text::new(
                "删除记录的文件夹中没有此文件的位置：是后来放入的",
                "nothing of a deletion has this name: it was put here later",
            ),
        }
    }

    /// What to do about it.
    pub fn hint(self) -> Text {
        match self {
            DeletionFault::DoesNotCount => Text::new("请从备份取回", "restore it from a backup"),
            DeletionFault::UnknownSigner => Text::new(
                "请与会议记录中的公钥核对；若相符，请用 --public-key 指明",
                "compare its key with the minutes; if it is that one, name it with --public-key",
            ),
            DeletionFault::Unknown => Text::new("请移到别处", "move it elsewhere"),
        }
    }
}

/// Reads what is in the folder of deletions. `named` are the keys whose
/// signatures count for records that another key signed.
///
/// # Errors
/// When the folder cannot be read.
pub fn read_deletions(
    output: &Folder,
    signed_by: &SignedBy<'_>,
    named: &[&PublicKey],
) -> io::Result<Deletions> {
    let mut found = Deletions::default();
    let folder = match output.folder(Path::new(DELETIONS)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in folder.entries()? {
        let name = entry.name.to_string_lossy().into_owned();
        if entry.kind != EntryKind::Folder {
            let path = format!("{DELETIONS}/{name}");
            found.faults.push((path, DeletionFault::Unknown));
            continue;
        }
        if is_begun(&entry.name) {
            // Under way, or left by a call that was killed: it counts for
            // nothing, and the next deletion removes it.
            if folder.try_lock(&entry.name).is_some() {
                let inner = folder.folder(Path::new(&entry.name))?;
                let unknown = inner.files()?.into_iter().filter(|file| {
                    let parts = [JOURNAL, RECORD];
                    let name = file.name();
                    let document = name.strip_suffix(SIGNATURE_SUFFIX).unwrap_or(&name);
                    file.kind != EntryKind::File || !parts.contains(&document)
                });
                found.faults.extend(unknown.map(|file| {
                    let path = format!("{DELETIONS}/{name}/{}", file.name());
                    (path, DeletionFault::Unknown)
                }));
            }
            continue;
        }
        let document = match is_journal(&entry.name) {
            true => JOURNAL,
            false => RECORD,
        };
        let signature = format!("{document}{SIGNATURE_SUFFIX}");
        let inner = folder.folder(Path::new(&entry.name))?;
        for file in inner.files()? {
            let inner = file.name();
            let expected = inner == document || inner == signature;
            if !expected || file.kind != EntryKind::File {
                let path = format!("{DELETIONS}/{name}/{inner}");
                found.faults.push((path, DeletionFault::Unknown));
            }
        }
        if is_journal(&entry.name) {
            // A journal counts for the next deletion, and for nobody else.
            continue;
        }
        let path = format!("{DELETIONS}/{name}/{RECORD}");
        match record_that_counts(&folder, &entry.name, signed_by, named) {
            Ok(record) => found.records.push(record),
            Err(fault) => found.faults.push((path, fault)),
        }
    }
    found.records.sort_by_key(|record| record.completed_at);
    Ok(found)
}

fn record_that_counts(
    folder: &Folder,
    name: &OsStr,
    signed_by: &SignedBy<'_>,
    named: &[&PublicKey],
) -> Result<DeletionRecord, DeletionFault> {
    let does_not_count = DeletionFault::DoesNotCount;
    let (bytes, signature) = read_signed(folder, name, RECORD).ok_or(does_not_count)?;
    let record = DeletionRecord::parse(&bytes).map_err(|_| does_not_count)?;
    let comment = comment("record", &record.round, &record.manifest_digest);
    if !signed_by.is_of_folder(&record.round, &record.manifest_digest)
        || signature.comment() != comment
    {
        return Err(does_not_count);
    }
    if signature.verifies(signed_by.signer, &bytes) {
        return Ok(record);
    }
    let by_another = named.iter().any(|key| signature.verifies(key, &bytes));
    match (&record.other_signer, by_another) {
        (Some(_), true) => Ok(record),
        (Some(_), false) => Err(DeletionFault::UnknownSigner),
        (None, _) => Err(does_not_count),
    }
}

/// The document of a folder and its signature, as far as they can be read.
fn read_signed(folder: &Folder, name: &OsStr, document: &str) -> Option<(Vec<u8>, Signature)> {
    let inner = folder.folder(Path::new(name)).ok()?;
    let bytes = inner.read(Path::new(document), LARGEST_DOCUMENT).ok()?;
    let signature = format!("{document}{SIGNATURE_SUFFIX}");
    let signature = inner.read(Path::new(&signature), LARGEST_SIGNATURE).ok()?;
    let signature = Signature::parse(std::str::from_utf8(&signature).ok()?)?;
    Some((bytes, signature))
}

fn write_signed(
    output: &Path,
    name: &str,
    document: &str,
    bytes: &[u8],
    comment: &str,
    key: &SigningKey,
) -> Result<(), Fault> {
    let folder = output.join(DELETIONS);
    make_folder(&folder)?;
    let destination = folder.join(name);
    let mut folder = OutputFolder::begin(&destination)?;
    folder.write(document, bytes)?;
    let signature = key.sign(bytes, comment, &destination)?;
    folder.write(
        &format!("{document}{SIGNATURE_SUFFIX}"),
        signature.as_bytes(),
    )?;
    folder.complete()
}

/// The trusted comment: which folder the document is of.
fn comment(what: &str, round: &str, manifest_digest: &str) -> String {
    format!("aidlink deletion {what}; round {round}; manifest {manifest_digest}")
}

fn is_journal(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(JOURNAL_PREFIX)
}

/// A folder that is written under this name until it is whole.
fn is_begun(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

/// A moment as a name. A colon cannot stand in a name on Windows, where copies may go.
fn stamp(at: Timestamp) -> String {
    at.to_string().replace(':', "-")
}

/// Makes a folder, owner-only, where there is none.
fn make_folder(folder: &Path) -> Result<(), Fault> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A link in its place would lead the record elsewhere.
            Folder::open(folder).map(|_| ())
        }
        other => other,
    };
    made.map_err(|error| {
        let reason = aidlink_faults::fault::io_reason(&error);
        Fault::of_file(
            folder,
            Text::new(
                format!("无法写入删除记录：{}", reason.zh),
                format!("the deletion record cannot be written: {}", reason.en),
            ),
            Text::new(
                "请检查磁盘和写入权限",
                "check the disk and that you may write there",
            ),
        )
    })
}
