//! A deletion record: what was there, when it went, on whose word; signed, so
//! that a missing file can be told from a deleted one (Personal Information
//! Protection Law, 47 and 54). It stands in the output folder, which stays.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector};
use aidlink_faults::text::Text;
use aidlink_files::document::Document;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::manifest::Software;
use crate::output_folder::OutputFolder;
use crate::signing::{SIGNATURE_SUFFIX, Signature, SigningKey};

/// The folder of an output folder that holds its deletion records.
pub const DELETIONS: &str = "deletions";
/// The record's name in a folder of its own.
const RECORD: &str = "deletion-record.json";

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
}

impl Document for DeletionRecord {
    const FORMAT: &'static str = "aidlink deletion record";
    const VERSIONS: RangeInclusive<u64> = 1..=1;
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
        let folder = output.join(DELETIONS);
        make_folder(&folder)?;
        // A colon cannot stand in a name on Windows, where copies may go.
        let stamp = self.completed_at.to_string().replace(':', "-");
        let destination = folder.join(stamp);
        let mut folder = OutputFolder::begin(&destination)?;
        let bytes = self.to_bytes();
        folder.write(RECORD, &bytes)?;
        let comment = format!(
            "aidlink deletion record; round {}; manifest {}",
            self.round, self.manifest_digest
        );
        let signature = key.sign(&bytes, &comment, &destination)?;
        folder.write(&format!("{RECORD}{SIGNATURE_SUFFIX}"), signature.as_bytes())?;
        folder.complete()
    }

    /// The records of an output folder in the order of time, and what is wrong
    /// with others. `verifies` says whether a signature counts.
    pub fn read_all(
        output: &Path,
        verifies: impl Fn(&Signature, &[u8]) -> bool,
    ) -> (Vec<Self>, FaultCollector) {
        let mut faults = FaultCollector::new();
        let mut records = Vec::new();
        let entries = match fs::read_dir(output.join(DELETIONS)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    faults.push(Fault::unreadable(&output.join(DELETIONS), &error));
                }
                return (records, faults);
            }
        };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with('.') {
                // Under way, or left by a program that was killed.
                continue;
            }
            let path = entry.path().join(RECORD);
            let signature_path = entry.path().join(format!("{RECORD}{SIGNATURE_SUFFIX}"));
            let bytes = fs::read(&path).unwrap_or_default();
            let signature = fs::read_to_string(&signature_path).ok();
            let signature = signature.and_then(|text| Signature::parse(&text));
            let signed = signature.is_some_and(|signature| verifies(&signature, &bytes));
            match DeletionRecord::parse(&bytes) {
                Ok(record) if signed => records.push(record),
                _ => faults.push(Fault::of_file(
                    &path,
                    Text::new(
                        "删除记录的签名不对，或记录已损坏：不作数",
                        "the deletion record is damaged, or not signed by this office: it counts for nothing",
                    ),
                    Text::new("请从备份取回", "get it back from a copy"),
                )),
            }
        }
        records.sort_by_key(|record| record.completed_at);
        (records, faults)
    }
}

/// Makes a folder, owner-only, where there is none.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Fault> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
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
