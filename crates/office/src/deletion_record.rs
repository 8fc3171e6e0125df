//! A deletion record: what was there, when it went, on whose word; signed, so
//! that a missing file can be told from a deleted one (Personal Information
//! Protection Law, 47 and 54). It stands in the output folder, which stays.

use std::fs;
use std::io;
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector};
use aidlink_faults::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::output_folder::OutputFolder;
use crate::signing::{SIGNATURE_SUFFIX, Signature, SigningKey};

/// The folder of an output folder that holds its deletion records.
pub const DELETIONS: &str = "deletions";
/// The record's name in a folder of its own.
const RECORD: &str = "deletion-record.json";
const FORMAT: &str = "aidlink deletion record";
const VERSION: u64 = 1;

/// What a file was to the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A file of an export.
    Export,
    /// A file that came from another office.
    Received,
    /// The round's key.
    Key,
    /// What the step wrote.
    Output,
    /// What a run that was cut off left behind.
    CutOff,
}

impl Part {
    const ALL: [Part; 5] = [
        Part::Export,
        Part::Received,
        Part::Key,
        Part::Output,
        Part::CutOff,
    ];

    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Part::Export => "export",
            Part::Received => "received",
            Part::Key => "key",
            Part::Output => "output",
            Part::CutOff => "left by a run that was cut off",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// A file of the round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundFile {
    /// What it is.
    pub part: Part,
    /// Its path: of an output inside the output folder, else inside the folder
    /// of the round file.
    pub path: String,
    /// BLAKE3 digest of its bytes, hexadecimal. None is kept of a key.
    pub digest: Option<String>,
    /// Bytes.
    pub byte_length: u64,
}

impl RoundFile {
    fn to_json(&self) -> Value {
        json!({
            "part": self.part.name(),
            "file": self.path,
            "blake3": self.digest,
            "bytes": self.byte_length,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(RoundFile {
            part: Part::named(value.get("part")?.as_str()?)?,
            path: value.get("file")?.as_str()?.to_owned(),
            digest: value.get("blake3")?.as_str().map(str::to_owned),
            byte_length: value.get("bytes")?.as_u64()?,
        })
    }

    /// Reads a list of files, as [`files_to_json`] writes it.
    pub(crate) fn list_from_json(value: &Value) -> Option<Vec<Self>> {
        value.as_array()?.iter().map(RoundFile::from_json).collect()
    }
}

/// A list of files in a record.
pub(crate) fn files_to_json(files: &[RoundFile]) -> Value {
    files.iter().map(RoundFile::to_json).collect()
}

/// What was deleted of a round.
#[derive(Clone, Debug)]
pub struct DeletionRecord {
    /// The round.
    pub round: String,
    /// BLAKE3 digest of the manifest in the folder.
    pub manifest_digest: String,
    /// The day by which the round's data had to be deleted.
    pub purge_by: String,
    /// Why before that day, if it was before.
    pub early: Option<String>,
    /// Before this moment nothing was deleted.
    pub begun_at: Timestamp,
    /// By this moment everything in `removed` was.
    pub completed_at: Timestamp,
    /// What was there and is no more.
    pub removed: Vec<RoundFile>,
    /// What should have gone and is still there, with the reason.
    pub left: Vec<(RoundFile, Text)>,
    /// What was not there when the deletion began, and no earlier record tells of.
    pub not_found: Vec<RoundFile>,
    /// Records are kept to this day at least (Personal Information Protection Law, 56).
    pub keep_until: Date,
}

impl DeletionRecord {
    /// Whether the record tells of an output of these bytes.
    pub fn removed(&self, path: &str, digest: &str) -> bool {
        self.removed.iter().any(|file| {
            file.part == Part::Output && file.path == path && file.digest.as_deref() == Some(digest)
        })
    }

    fn to_json(&self, software: Value, public_key: &str) -> Value {
        let left: Vec<Value> = self
            .left
            .iter()
            .map(|(file, why)| {
                let mut file = file.to_json();
                file["why"] = json!({"zh": why.zh, "en": why.en});
                file
            })
            .collect();
        json!({
            "format": FORMAT,
            "version": VERSION,
            "software": software,
            "round": self.round,
            "manifest_blake3": self.manifest_digest,
            "purge_by": self.purge_by,
            "early": self.early,
            "begun_at": self.begun_at.to_string(),
            "completed_at": self.completed_at.to_string(),
            "removed": files_to_json(&self.removed),
            "left": left,
            "not_found": files_to_json(&self.not_found),
            "keep_records_until": self.keep_until.to_string(),
            "public_key": public_key,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str();
        (text("format")? == FORMAT && value.get("version")?.as_u64()? == VERSION).then_some(())?;
        let left = value.get("left")?.as_array()?.iter().map(|entry| {
            let why = entry.get("why")?;
            let text = Text::new(why.get("zh")?.as_str()?, why.get("en")?.as_str()?);
            Some((RoundFile::from_json(entry)?, text))
        });
        Some(DeletionRecord {
            round: text("round")?.to_owned(),
            manifest_digest: text("manifest_blake3")?.to_owned(),
            purge_by: text("purge_by")?.to_owned(),
            early: value.get("early")?.as_str().map(str::to_owned),
            begun_at: text("begun_at")?.parse().ok()?,
            completed_at: text("completed_at")?.parse().ok()?,
            removed: RoundFile::list_from_json(value.get("removed")?)?,
            left: left.collect::<Option<_>>()?,
            not_found: RoundFile::list_from_json(value.get("not_found")?)?,
            keep_until: text("keep_records_until")?.parse().ok()?,
        })
    }

    /// Writes the record and its signature into a folder of their own, whole or
    /// not at all.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, output: &Path, software: Value, key: &SigningKey) -> Result<(), Fault> {
        let folder = output.join(DELETIONS);
        make_folder(&folder)?;
        // A colon cannot stand in a name on Windows, where copies may go.
        let stamp = self.completed_at.to_string().replace(':', "-");
        let destination = folder.join(stamp);
        let mut folder = OutputFolder::begin(&destination)?;
        let document = self.to_json(software, &key.public().to_base64());
        let bytes = format!("{document:#}\n").into_bytes();
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
            let record = serde_json::from_slice(&bytes).ok();
            match record.and_then(|value| DeletionRecord::from_json(&value)) {
                Some(record) if signed => records.push(record),
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
