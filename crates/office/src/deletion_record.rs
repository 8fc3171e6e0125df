//! Deletion records: what was there, when it was deleted, and why. They are
//! signed, so that a deleted file can be distinguished from a missing one
//! (Personal Information Protection Law, Articles 47 and 54). They are kept in
//! the output folder.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use aidlink_faults::fault::{Fault, io_reason, size_text};
use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::Text;
use aidlink_files::document::Document;
use aidlink_files::folder::{Below, EntryKind, Folder, FolderMark};
use aidlink_files::partial::PARTIAL;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::manifest::Software;
use crate::signing::{PublicKey, SIGNATURE_SUFFIX, Signature, SigningKey};
use crate::written_path::plain;

mod signed;

pub(crate) use signed::shown_round;
pub use signed::{DELETIONS, LARGEST_DOCUMENT, SignedBy};
use signed::{SignedDocument, Stated, partial_name, read_pair, read_with_signature, signature_of};

/// The prefix of the names of journal folders.
const JOURNAL_PREFIX: &str = "under-way-";
/// The suffix of the names of journal folders of files that have been set aside.
const SET_ASIDE_SUFFIX: &str = "-set-aside";
/// The file name of a record; each record has its own folder.
const RECORD: &str = DeletionRecord::FILE;
/// The file name of a journal; each journal has its own folder.
const JOURNAL: &str = Journal::FILE;

/// Whether a file in a folder of a record or journal is named like one, or its signature.
pub(crate) fn is_document(name: &str) -> bool {
    let name = name.strip_suffix(SIGNATURE_SUFFIX).unwrap_or(name);
    [RECORD, JOURNAL].contains(&name)
}

/// In the reason why a file is left: another document says that it was deleted, which does not
/// count for this purge.
pub(crate) const PROVES_NOTHING: &str = "that proves nothing";
/// The reason why a file outside the round's folder is left.
pub(crate) const OUTSIDE: &str = "the file is outside the round's folder, or a link led there, so it was not deleted: delete it by hand";
/// The reason why a file is left that no step read.
pub(crate) const NOT_READ: &str = "only the round file names it, and no step read it (the round file was edited after the run), so nobody can tell what it holds, and it was not deleted: check it, delete it by hand, and note it in the minutes";
/// In the reason why a file is left: its folder is not here or could not be listed.
pub(crate) const NOBODY_KNOWS: &str = "so nobody knows whether it was deleted";
/// The reason why a file is left in whose place is one with other content.
pub(crate) const OTHER_CONTENT: &str =
    "the content does not match this round's file, so it was not deleted: check it by hand";
/// The reason why a key is left in whose place is another one.
pub(crate) const OTHER_KEY: &str =
    "this is not the key of this round, so it was not deleted: check it by hand";

/// How the reasons begin that have one of these. None of them holds a path.
const UNSEEN_BEGIN: [&str; 5] = [
    "an interrupted purge that another key (public key ",
    "the deletion record of ",
    "an interrupted purge was deleting it, and it is gone, but the disk does not confirm it (",
    "an interrupted purge was deleting it, but the folder that held it is not here, ",
    "an interrupted purge was deleting it, but its folder cannot be read (",
];

/// The kind of a round's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FilePart {
    /// A file of an export.
    #[serde(rename = "export")]
    Export,
    /// A file received from another office.
    #[serde(rename = "received")]
    Received,
    /// The round key.
    #[serde(rename = "key")]
    Key,
    /// A file that the step wrote.
    #[serde(rename = "output")]
    Output,
    /// A file left by an interrupted run.
    #[serde(rename = "left by a run that was cut off")]
    CutOff,
}

impl FilePart {
    /// Returns the word for the user.
    pub fn text(self) -> Text {
        match self {
            FilePart::Export => Text::new("导出", "export"),
            FilePart::Received => Text::new("收到的文件", "received file"),
            FilePart::Key => Text::new("密钥", "key"),
            FilePart::Output => Text::new("输出", "output"),
            FilePart::CutOff => Text::new("中断的运行留下的", "left by an interrupted run"),
        }
    }
}

/// A file of the round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundFile {
    /// Its kind.
    pub part: FilePart,
    /// Its path: relative to the output folder for an output, to the parent of the
    /// output folder for a file left by an interrupted run, and to the folder of
    /// the round file otherwise. A received file from outside that folder has its name
    /// alone. Records and journals have it with personal numbers blacked out.
    #[serde(rename = "file")]
    pub path: String,
    /// BLAKE3 digest of its bytes, hexadecimal; `None` for a key.
    #[serde(rename = "blake3")]
    pub digest: Option<String>,
    /// The key id of a key, by which it is told from another one at the same path; `None` in
    /// records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Length in bytes.
    #[serde(rename = "bytes")]
    pub byte_length: u64,
    /// Other names (hard links) of the file, under which its content remains after the
    /// deletion.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_names: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RoundFile {
    /// Whether it is an input of the round, which all its output folders share.
    pub fn is_input(&self) -> bool {
        !matches!(self.part, FilePart::Output | FilePart::CutOff)
    }

    /// Returns the file as records and journals name it, with personal numbers in its
    /// path blacked out. Its digest still says which file it was.
    pub fn recorded(&self) -> Self {
        RoundFile {
            path: black_out(&plain(&self.path)).into_owned(),
            ..self.clone()
        }
    }

    /// Returns the most bytes that the file takes in a record or journal, whatever becomes of
    /// it: its path twice as a name and four times in a reason, each character escaped at
    /// worst, and the rest.
    pub(crate) fn most_bytes_recorded(&self) -> u64 {
        2_000 + 12 * self.path.len() as u64
    }

    /// Returns what tells the content from another one at the same path: the digest, or the
    /// id of a key.
    pub fn content(&self) -> Option<&str> {
        self.digest.as_deref().or(self.key_id.as_deref())
    }

    /// Returns whether both have the same part and path, after personal numbers are blacked
    /// out, whatever their content.
    pub fn is_at_path_of(&self, other: &RoundFile) -> bool {
        let path = |file: &RoundFile| black_out(&plain(&file.path)).into_owned();
        self.part == other.part && path(self) == path(other)
    }

    /// Returns whether both name the same file: the same part and path, and no different
    /// contents.
    pub fn is_same(&self, other: &RoundFile) -> bool {
        let contents = self.content().zip(other.content());
        self.is_at_path_of(other) && contents.is_none_or(|(one, other)| one == other)
    }
}

/// A file of a journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacedFile {
    /// The file, with the path that it had before a purge renamed it.
    pub file: RoundFile,
    /// The folder that holds it. Only in this folder can a later purge see that the file
    /// is gone.
    pub folder: FolderMark,
}

/// A file that should have been deleted and was not, or disappeared meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftFile {
    /// Its kind.
    pub part: FilePart,
    /// Its path, as in [`RoundFile::path`].
    #[serde(rename = "file")]
    pub path: String,
    /// BLAKE3 digest of the round's file, hexadecimal, whatever is at its path now; `None`
    /// for a key, and for what an interrupted run left and nobody could read.
    #[serde(rename = "blake3")]
    pub digest: Option<String>,
    /// The key id, as in [`RoundFile::key_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Length in bytes.
    #[serde(rename = "bytes")]
    pub byte_length: u64,
    /// Why it was not deleted.
    pub why: Text,
    /// Whether its purge has seen something that may be the file; `None` in earlier records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
}

impl LeftFile {
    /// Combines a file, as records name it, with the reason. Something that may be the file was
    /// seen.
    pub fn new(file: &RoundFile, why: Text) -> Self {
        Self::with(file, why, true)
    }

    /// As [`LeftFile::new`], if the purge only found a statement that proves nothing to it, or
    /// could not look.
    pub(crate) fn unseen(file: &RoundFile, why: Text) -> Self {
        Self::with(file, why, false)
    }

    fn with(file: &RoundFile, why: Text, is_seen: bool) -> Self {
        let file = file.recorded();
        LeftFile {
            part: file.part,
            path: file.path,
            digest: file.digest,
            key_id: file.key_id,
            byte_length: file.byte_length,
            why,
            seen: Some(is_seen),
        }
    }

    /// Whether its purge has seen something that may be the file. Not if it only found a statement
    /// that proves nothing to it, or could not look. In earlier records only the reason says so.
    pub(crate) fn is_seen(&self) -> bool {
        let why = &self.why.en;
        // Other reasons hold a path, and that may hold any words.
        let has_no_path = || UNSEEN_BEGIN.iter().any(|begin| why.starts_with(begin));
        let is_unseen = |words: &&str| why.contains(*words);
        let words = [PROVES_NOTHING, NOBODY_KNOWS];
        let by_words = || !(has_no_path() && words.iter().any(is_unseen));
        self.seen.unwrap_or_else(by_words)
    }

    /// Whether it was read from outside the round's folder.
    pub(crate) fn is_outside(&self) -> bool {
        self.why.en == OUTSIDE
    }

    /// Whether it is an input in whose place its purge has seen a file with other content. That is
    /// not the file: where a folder is used round after round, it may be the next round's.
    pub(crate) fn is_of_other_content(&self) -> bool {
        let is_input = !matches!(self.part, FilePart::Output | FilePart::CutOff);
        is_input && [OTHER_CONTENT, OTHER_KEY].contains(&self.why.en.as_str())
    }

    /// Whether it is none of the files that the manifest names below the round's folder: it was
    /// outside, or no step read it. Another file may have its name in records.
    pub(crate) fn is_of_no_manifest(&self) -> bool {
        self.is_outside() || self.why.en == NOT_READ
    }

    /// Returns the file.
    pub fn file(&self) -> RoundFile {
        RoundFile {
            part: self.part,
            path: self.path.clone(),
            digest: self.digest.clone(),
            key_id: self.key_id.clone(),
            byte_length: self.byte_length,
            other_names: 0,
        }
    }
}

/// The record of a purge of one output folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionRecord {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The program that wrote it.
    pub software: Software,
    /// The round's id, as it may be shown.
    pub round: String,
    /// BLAKE3 digest of the manifest in the folder, hexadecimal.
    #[serde(rename = "manifest_blake3")]
    pub manifest_digest: String,
    /// The output folder. A record of another folder, of which this one may be a copy, says
    /// nothing of files here. `None` in records of version 1, which count in every copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderMark>,
    /// BLAKE3 digest, hexadecimal, of the record before this one, as far as the key that signs
    /// it counts here. So only the last record can be removed without a trace. `None` in the
    /// first record, and in records of version 1.
    #[serde(
        rename = "previous_record_blake3",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub previous: Option<String>,
    /// The day by which the round's data had to be deleted.
    pub purge_by: Date,
    /// The reason for deleting before that day, if it was earlier.
    pub early: Option<String>,
    /// The start of the deletion. If purges were interrupted, the start of the
    /// first.
    pub begun_at: Timestamp,
    /// The end of the deletion.
    pub completed_at: Timestamp,
    /// Files that this purge deleted.
    pub removed: Vec<RoundFile>,
    /// Files that an interrupted purge had set aside under names of its own, as its
    /// signed journal says, and that are no longer in the folder where they were.
    #[serde(default)]
    pub removed_earlier: Vec<RoundFile>,
    /// Files that this purge should have deleted and did not, each with the reason.
    pub left: Vec<LeftFile>,
    /// Files that were missing when the deletion started, and that neither an earlier
    /// record nor the journal of an interrupted purge accounts for: nobody knows who
    /// removed them.
    pub not_found: Vec<RoundFile>,
    /// Files that are not here and of which a person confirms that they were deleted:
    /// leftovers of interrupted runs that this record or an earlier one would list as left or
    /// missing, other files that an earlier one lists as left, and files that the record of
    /// another folder lists as removed, of which this one may be a copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<RoundFile>,
    /// What the person found out about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_because: Option<String>,
    /// The day until which records must be kept (Personal Information Protection
    /// Law, Article 56).
    #[serde(rename = "keep_records_until")]
    pub keep_until: Date,
    /// The public key of the key that signs the record.
    pub public_key: String,
    /// The reason why another key than the manifest's signs the record, if so. Such
    /// a record counts only if a user names its public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_signer: Option<String>,
}

impl Document for DeletionRecord {
    const FORMAT: &'static str = "aidlink deletion record";
    const VERSIONS: RangeInclusive<u64> = 1..=2;
    const LARGEST: u64 = LARGEST_DOCUMENT;
}

impl DeletionRecord {
    /// Returns the files that this purge or an interrupted one deleted.
    pub fn all_removed(&self) -> impl Iterator<Item = &RoundFile> {
        self.removed.iter().chain(&self.removed_earlier)
    }

    /// Returns the record without what it says of files that were deleted: only which were left.
    #[must_use]
    pub fn leaving_only(&self) -> Self {
        DeletionRecord {
            removed: Vec::new(),
            removed_earlier: Vec::new(),
            not_found: Vec::new(),
            confirmed: Vec::new(),
            ..self.clone()
        }
    }

    /// Returns the files for which the record accounts: those deleted, and those of which a
    /// person confirms it.
    pub fn accounted(&self) -> impl Iterator<Item = &RoundFile> {
        self.all_removed().chain(&self.confirmed)
    }

    /// Whether the record lists an output with this path and digest as deleted.
    pub fn lists_output(&self, path: &str, digest: &str) -> bool {
        let path = black_out(path);
        self.accounted().any(|file| {
            file.part == FilePart::Output
                && file.path == path
                && file.digest.as_deref() == Some(digest)
        })
    }

    /// Whether the record is of the output folder that `signed_by` names, and not of another
    /// copy of it.
    fn is_of_folder(&self, signed_by: &SignedBy<'_>) -> bool {
        let Some(folder) = self.folder else {
            return true;
        };
        signed_by.folder.is_some_and(|now| folder.may_be(now))
    }

    /// Returns the number of other names (hard links) under which deleted files remained.
    pub fn other_names(&self) -> u64 {
        let names = self.all_removed().map(|file| file.other_names);
        names.fold(0, u64::saturating_add)
    }

    /// Writes the record and its signature into a new folder, atomically.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, output: &Folder, key: &SigningKey) -> Result<(), Fault> {
        self.write_signed(output, &self.name(), key)
    }

    /// Returns the name of its folder.
    fn name(&self) -> String {
        stamp(self.completed_at)
    }
}

impl SignedDocument for DeletionRecord {
    const FILE: &'static str = "deletion-record.json";
    const WORD: &'static str = "record";

    fn stated(&self) -> Stated {
        Stated {
            round: self.round.clone(),
            manifest_digest: self.manifest_digest.clone(),
            public_key: self.public_key.clone(),
            other_signer: self.other_signer.clone(),
        }
    }
}

/// The list of files that a purge is about to delete. If the purge is interrupted,
/// the journal proves what was there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The round's id, as it may be shown.
    pub round: String,
    /// BLAKE3 digest of the manifest in the folder, hexadecimal.
    #[serde(rename = "manifest_blake3")]
    pub manifest_digest: String,
    /// The start of the deletion. If purges were interrupted, the start of the
    /// first.
    pub begun_at: Timestamp,
    /// The start of the purge that set its files aside, if that is not `begun_at`: an interrupted
    /// one began before, or the journal keeps what a record left uncertain. Else `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_begun_at: Option<Timestamp>,
    /// Files that are to be deleted.
    pub there: Vec<PlacedFile>,
    /// Those that have been renamed to names of the purge's own, checked under them, and
    /// are removed next.
    pub set_aside: Vec<PlacedFile>,
    /// The public key of the key that signs the journal.
    pub public_key: String,
}

/// When a purge writes a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalStep {
    /// Before it touches a file.
    Start,
    /// Before it removes the files that it has set aside.
    SetAside,
}

impl Document for Journal {
    const FORMAT: &'static str = "aidlink deletion journal";
    const VERSIONS: RangeInclusive<u64> = 1..=1;
    const LARGEST: u64 = LARGEST_DOCUMENT;
}

impl Journal {
    /// Writes the journal beside earlier ones, which are kept until the record is
    /// written. `now` is the start of this purge.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(
        &self,
        output: &Folder,
        now: Timestamp,
        step: JournalStep,
        key: &SigningKey,
    ) -> Result<(), Fault> {
        self.write_signed(output, &Self::folder_name(now, step), key)
    }

    /// Returns the start of the purge that set its files aside. What was stated before that does
    /// not say what became of them.
    pub(crate) fn set_aside_at(&self) -> Timestamp {
        self.own_begun_at.unwrap_or(self.begun_at)
    }

    /// Whether an output folder certainly has no journal of this step of the purge that
    /// started at `now`.
    pub(crate) fn is_missing(output: &Folder, now: Timestamp, step: JournalStep) -> bool {
        let path = Path::new(DELETIONS).join(Self::folder_name(now, step));
        let kind = output.kind(&path);
        kind.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the name of the folder of a journal. `now` is the start of its purge.
    fn folder_name(now: Timestamp, step: JournalStep) -> String {
        let suffix = match step {
            JournalStep::Start => "",
            JournalStep::SetAside => SET_ASIDE_SUFFIX,
        };
        format!("{JOURNAL_PREFIX}{}{suffix}", stamp(now))
    }
}

impl SignedDocument for Journal {
    const FILE: &'static str = "deletion-journal.json";
    const WORD: &'static str = "journal";

    fn stated(&self) -> Stated {
        Stated {
            round: self.round.clone(),
            manifest_digest: self.manifest_digest.clone(),
            public_key: self.public_key.clone(),
            other_signer: None,
        }
    }
}

/// A journal or record of another key. It proves nothing, but nobody may call the files in it
/// missing.
pub struct OtherDocument {
    /// The public key of the key that signed it.
    pub public_key: String,
    /// The end of the deletion; of a journal, the start of the purge that set its files aside.
    pub at: Timestamp,
    /// Whether it is a record.
    pub is_record: bool,
    /// The files of the round that it lists as set aside or deleted, if no later document of
    /// another key does.
    pub files: Vec<RoundFile>,
    /// Those that its purge has seen and left.
    pub seen: Vec<RoundFile>,
}

/// The most bytes that files which only documents of other keys name may take in a record.
const MOST_BYTES_OF_OTHERS: u64 = LARGEST_DOCUMENT / 4;

/// The journals of an output folder.
#[derive(Default)]
pub struct Journals {
    /// Those that count: signed by the manifest's signer or by a key that is accepted, and
    /// not replaced by a record.
    pub counted: Vec<Journal>,
    /// Journals and records that another key signed for this folder.
    pub by_others: Vec<OtherDocument>,
    /// The names of the folders of those that the purge's own key signed. Those of another
    /// key are still needed by a purge with that key, for which no record of this one counts.
    names: BTreeSet<OsString>,
}

impl Journals {
    /// Reads the journals of an output folder and ignores the invalid ones. `own` is the
    /// key of the purge. `records` are the valid records of the folder. Of documents of other
    /// keys it keeps the files that `is_of_round`.
    ///
    /// # Errors
    /// When documents of other keys list more files than a record of this purge could hold.
    pub fn read(
        output: &Folder,
        signed_by: &SignedBy<'_>,
        own: &PublicKey,
        records: &[DeletionRecord],
        is_of_round: impl Fn(&RoundFile) -> bool,
    ) -> Result<Self, Fault> {
        let mut journals = Journals::default();
        let Ok(folder) = output.folder(Path::new(DELETIONS)) else {
            return Ok(journals);
        };
        let signer = signed_by.signer.to_base64();
        // A record has replaced the journals before it that counted for it: one that is
        // back was copied. What it left uncertain is in a journal that begins at its end.
        let is_replaced = |journal: &Journal| {
            records.iter().any(|record| {
                record.completed_at > journal.begun_at
                    && [&signer, &record.public_key].contains(&&journal.public_key)
            })
        };
        let is_by_other = |key: &PublicKey| ![signed_by.signer, own].contains(&key);
        // The number of the document that says last what became of a file.
        let mut last: BTreeMap<RoundFile, usize> = BTreeMap::new();
        let mut bytes_of_others = 0;
        // One document at a time is in memory.
        for entry in folder.entries().unwrap_or_default() {
            let name = &entry.name;
            let by_other = match () {
                () if is_stamp(&name.to_string_lossy()) => {
                    let record = DeletionRecord::read_signed(&folder, name, signed_by, is_by_other);
                    let Ok((record, _)) = record else { continue };
                    let left = record.left.iter();
                    let seen = left.filter(|left| left.is_seen() && !left.is_of_no_manifest());
                    OtherDocument {
                        seen: seen.map(LeftFile::file).collect(),
                        files: [record.removed, record.removed_earlier].concat(),
                        public_key: record.public_key,
                        at: record.completed_at,
                        is_record: true,
                    }
                }
                () if is_journal(name) => {
                    let journal = Journal::read_signed(&folder, name, signed_by, |_| true);
                    let Ok((journal, key)) = journal else {
                        continue;
                    };
                    if !is_by_other(&key) {
                        if key == *own {
                            journals.names.insert(entry.name);
                        }
                        if !is_replaced(&journal) {
                            journals.counted.push(journal);
                        }
                        continue;
                    }
                    let at = journal.set_aside_at();
                    let files = journal.set_aside.into_iter();
                    OtherDocument {
                        files: files.map(|placed| placed.file).collect(),
                        seen: Vec::new(),
                        public_key: journal.public_key,
                        at,
                        is_record: false,
                    }
                }
                () => continue,
            };
            let files = by_other.files.iter().map(RoundFile::recorded);
            for file in files.filter(|file| is_of_round(file)) {
                let bytes = file.most_bytes_recorded();
                match last.entry(file) {
                    Entry::Vacant(vacant) => {
                        bytes_of_others += bytes;
                        vacant.insert(journals.by_others.len());
                    }
                    Entry::Occupied(mut known) => {
                        let earlier = journals.by_others.get(*known.get());
                        if earlier.is_some_and(|earlier| earlier.at < by_other.at) {
                            known.insert(journals.by_others.len());
                        }
                    }
                }
            }
            if bytes_of_others > MOST_BYTES_OF_OTHERS {
                return Err(too_many_by_others(&folder.path().join(name)));
            }
            let seen = by_other.seen.iter().map(RoundFile::recorded);
            let seen = seen.filter(|file| is_of_round(file)).collect();
            let other = OtherDocument {
                files: Vec::new(),
                seen,
                ..by_other
            };
            journals.by_others.push(other);
        }
        for (file, number) in last {
            if let Some(document) = journals.by_others.get_mut(number) {
                document.files.push(file);
            }
        }
        Ok(journals)
    }

    /// Removes the journals that were read and that the purge's key signed, those that the
    /// purge that started at `now` has written, and what killed purges left of documents.
    /// Call it once a record has replaced the journals. Everything else stays, and
    /// verification reports it. Failures are ignored: leftovers do no harm.
    pub fn remove(&self, output: &Folder, signed_by: &SignedBy<'_>, now: Timestamp) {
        let steps = [JournalStep::Start, JournalStep::SetAside];
        let written = steps.map(|step| OsString::from(Journal::folder_name(now, step)));
        let Ok(folder) = output.folder(Path::new(DELETIONS)) else {
            return;
        };
        for entry in folder.entries().unwrap_or_default() {
            if is_partial(&entry.name) {
                // The lock is held until the folder is removed: its creator may be about
                // to lock it.
                if let Some(_held) = folder.try_lock(&entry.name) {
                    remove_documents(&folder, &entry.name);
                }
            } else if (self.names.contains(&entry.name) || written.contains(&entry.name))
                && Journal::read_signed(&folder, &entry.name, signed_by, |_| true).is_ok()
            {
                // A journal that is removed in part would not be valid.
                let partial = partial_name(&entry.name.to_string_lossy());
                let partial = OsStr::new(&partial);
                let renamed = folder.rename_in_place(Path::new(&entry.name), partial);
                if renamed.is_ok() {
                    remove_documents(&folder, partial);
                }
            }
        }
        let _ = folder.sync();
    }
}

fn too_many_by_others(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "由另一把私钥签署的文件列有过多文件，一份删除记录容纳不下",
            "documents that another key signed list more files than a deletion record can hold",
        ),
        Text::new(
            "请将此文件夹移到别处，记入会议记录，然后重新运行",
            "move this folder elsewhere, note it in the minutes, and run again",
        ),
    )
}

/// Removes the documents in a partial folder, and the folder if it is empty then.
fn remove_documents(folder: &Folder, partial: &OsStr) {
    let Ok(inner) = folder.folder(Path::new(partial)) else {
        return;
    };
    for document in [JOURNAL, RECORD] {
        for name in [document.to_owned(), signature_of(document)] {
            let _ = inner.remove_file(Path::new(&name));
        }
    }
    let _ = folder.remove_empty_folder(Path::new(partial));
}

/// The content of the `deletions` folder.
#[derive(Default)]
pub struct Deletions {
    /// The valid records, oldest first.
    pub records: Vec<DeletionRecord>,
    /// Those that would be valid in another folder with the same manifest, of which this one
    /// may be a copy; oldest first.
    pub elsewhere: Vec<DeletionRecord>,
    /// Invalid records and foreign files, by path in the output folder; and valid records that
    /// name an earlier one which is not here.
    pub faults: Vec<(String, DeletionFault)>,
    /// BLAKE3 digest, hexadecimal, of the newest record of both kinds.
    pub last: Option<String>,
}

/// A fault in the `deletions` folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionFault {
    /// A record that is damaged, belongs to another folder, or is not signed by the
    /// manifest's signer.
    InvalidRecord,
    /// A record or journal that is larger than any that a purge writes.
    TooLarge,
    /// A record that is signed by another key, whose public key was not named.
    UnknownSigner,
    /// A file or folder that no purge writes.
    UnknownFile,
    /// A file in a folder that an interrupted purge was writing or removing.
    Unfinished,
    /// An unfinished folder that a program holds locked.
    Locked,
    /// A folder that cannot be read, or has a folder in it that cannot be read.
    Unreadable,
    /// A valid record in a folder of another name than the record's time.
    OtherName,
    /// A valid record that names an earlier one which is not here, or does not count.
    EarlierMissing,
}

impl DeletionFault {
    /// Returns the message for the user.
    pub fn text(self) -> Text {
        match self {
            DeletionFault::InvalidRecord => Text::new(
                "删除记录无效：已损坏、不属于此文件夹，或不是由签署运行记录的私钥签署",
                "the deletion record is invalid: it is damaged, belongs to another folder, or is not signed by the key that signed the manifest",
            ),
            DeletionFault::TooLarge => {
                let size = size_text(LARGEST_DOCUMENT);
                Text::new(
                    format!("删除记录无效：大于{}，purge 不会写出这样大的文件", size.zh),
                    format!(
                        "the deletion record is invalid: it is larger than {}, and no purge writes such a file",
                        size.en
                    ),
                )
            }
            DeletionFault::UnknownSigner => Text::new(
                "删除记录无效：由另一把私钥签署，而其公钥未被指明",
                "the deletion record is invalid: it is signed by another key, whose public key was not named",
            ),
            DeletionFault::UnknownFile => Text::new(
                "此文件不应在删除记录文件夹中：是后来放入的",
                "this file does not belong in the folder of deletion records: it was added later",
            ),
            DeletionFault::Unfinished => Text::new(
                "中断的 purge 未写完或未移除此文件，或此文件是后来放入的",
                "an interrupted purge did not finish or remove this file, or it was added later",
            ),
            DeletionFault::Locked => Text::new(
                "另一个 purge 正在运行，或有程序占用此文件夹",
                "another purge is running, or a program holds this folder locked",
            ),
            DeletionFault::Unreadable => Text::new(
                "无法读取此文件夹，其中如有删除记录，未予计入",
                "this folder cannot be read; a deletion record in it does not count",
            ),
            DeletionFault::OtherName => Text::new(
                "文件夹名称不是其中删除记录的完成时间：已被改名，或是副本；未予计入",
                "the name of the folder is not the time in its deletion record: it was renamed, or is a copy, and does not count",
            ),
            DeletionFault::EarlierMissing => Text::new(
                "此删除记录之前的一份删除记录不在此处，或无效",
                "the deletion record before this one is not here, or is invalid",
            ),
        }
    }

    /// Returns the hint for the user.
    pub fn hint(self) -> Text {
        match self {
            DeletionFault::InvalidRecord => Text::new("请从备份恢复", "restore it from a backup"),
            DeletionFault::TooLarge => Text::new(
                "请移到别处，并记入会议记录",
                "move it elsewhere, and note it in the minutes",
            ),
            DeletionFault::UnknownSigner => Text::new(
                "请与会议记录中的公钥核对；若相符，请用 --public-key 指明",
                "compare its public key with the minutes; if they match, give it with --public-key",
            ),
            DeletionFault::UnknownFile => Text::new("请移到别处", "move it elsewhere"),
            DeletionFault::Unfinished => Text::new(
                "请重新运行 purge，会将其删除；仍在的，请移到别处",
                "run `purge` again, which removes it; if it is still there, move it elsewhere",
            ),
            DeletionFault::Locked => Text::new(
                "请待其结束后重新运行；如无 purge 在运行，请查明占用此文件夹的程序",
                "run again when it has ended; if no purge is running, find out which program holds the folder",
            ),
            DeletionFault::Unreadable => Text::new(
                "请检查权限；如不是 purge 写的，请移到别处",
                "check its permissions, or move it elsewhere if no purge wrote it",
            ),
            DeletionFault::OtherName => rename_back(),
            DeletionFault::EarlierMissing => Text::new(
                "请查明去向，并从备份恢复",
                "find out where it went, and restore it from a backup",
            ),
        }
    }
}

fn rename_back() -> Text {
    Text::new(
        "请按其中的 completed_at 改回名称（冒号写作短横），如是副本请移到别处",
        "rename it to the `completed_at` in it, with `-` for `:`, or move it elsewhere if it is a copy",
    )
}

/// Reads the `deletions` folder. `named` are the public keys that are accepted for
/// records with [`DeletionRecord::other_signer`].
///
/// # Errors
/// When the folder cannot be read.
pub fn read_deletions(
    output: &Folder,
    signed_by: &SignedBy<'_>,
    named: &[&PublicKey],
) -> io::Result<Deletions> {
    let mut found = Deletions::default();
    let mut chain = Chain::default();
    let folder = match output.folder(Path::new(DELETIONS)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in folder.entries()? {
        let name = entry.name.to_string_lossy().into_owned();
        if entry.kind != EntryKind::Folder {
            let path = format!("{DELETIONS}/{name}");
            found.faults.push((path, DeletionFault::UnknownFile));
            continue;
        }
        if is_partial(&entry.name) && folder.is_locked(&entry.name) {
            let path = format!("{DELETIONS}/{name}");
            found.faults.push((path, DeletionFault::Locked));
        }
        let (document, expected) = match () {
            () if is_partial(&entry.name) => (None, vec![JOURNAL, RECORD]),
            () if is_journal(&entry.name) => (Some(JOURNAL), vec![JOURNAL]),
            () if is_stamp(&name) => (Some(RECORD), vec![RECORD]),
            () => (None, Vec::new()),
        };
        let inner = folder.folder(Path::new(&entry.name));
        let below = inner.map(|inner| inner.below());
        let Ok(below) = below.and_then(Below::all) else {
            let path = format!("{DELETIONS}/{name}");
            found.faults.push((path, DeletionFault::Unreadable));
            continue;
        };
        for empty in below.empty_folders() {
            let path = Path::new(DELETIONS).join(&entry.name).join(empty);
            let path = path.to_string_lossy().into_owned();
            found.faults.push((path, DeletionFault::UnknownFile));
        }
        let files = below.files;
        for file in &files {
            let inner = file.name();
            let base = inner.strip_suffix(SIGNATURE_SUFFIX).unwrap_or(&inner);
            let is_expected = file.kind == EntryKind::File && expected.contains(&base);
            let fault = match document {
                Some(_) if is_expected => continue,
                // Nobody can tell what an unfinished document was to become.
                None if is_expected => DeletionFault::Unfinished,
                _ => DeletionFault::UnknownFile,
            };
            found
                .faults
                .push((format!("{DELETIONS}/{name}/{inner}"), fault));
        }
        if document.is_none() && files.is_empty() {
            let path = format!("{DELETIONS}/{name}");
            let fault = match expected.is_empty() {
                true => DeletionFault::UnknownFile,
                false => DeletionFault::Unfinished,
            };
            found.faults.push((path, fault));
        }
        if document.is_none() {
            continue;
        }
        if is_journal(&entry.name) {
            // Only the next purge needs a journal, but other bytes must not hide as one.
            let is_accepted = |key: &PublicKey| key == signed_by.signer || named.contains(&key);
            let journal = Journal::read_signed(&folder, &entry.name, signed_by, is_accepted);
            if let Err(error) = journal {
                let path = format!("{DELETIONS}/{name}/{JOURNAL}");
                found.faults.push((path, refused(&error)));
            }
            continue;
        }
        let path = format!("{DELETIONS}/{name}/{RECORD}");
        match read_valid_record(&folder, &entry.name, signed_by, named) {
            Ok((record, _)) if record.name() != name => {
                found.faults.push((path, DeletionFault::OtherName));
            }
            Ok((record, digest)) => {
                chain.add(path, &record, digest);
                match record.is_of_folder(signed_by) {
                    true => found.records.push(record),
                    false => found.elsewhere.push(record),
                }
            }
            Err(fault) => found.faults.push((path, fault)),
        }
    }
    let missing = chain.missing().into_iter();
    let missing = missing.map(|path| (path, DeletionFault::EarlierMissing));
    found.faults.extend(missing);
    found.last = chain.last();
    for records in [&mut found.records, &mut found.elsewhere] {
        records.sort_by_key(|record| record.completed_at);
    }
    Ok(found)
}

/// The valid records of a folder, each of which names the one before it.
#[derive(Default)]
struct Chain {
    /// Times, digests and paths of the records.
    records: Vec<(Timestamp, String, String)>,
    /// The digests that records name, with the path of the record that does.
    named: Vec<(String, String)>,
}

impl Chain {
    fn add(&mut self, path: String, record: &DeletionRecord, digest: String) {
        let previous = record.previous.iter();
        self.named
            .extend(previous.map(|previous| (previous.clone(), path.clone())));
        self.records.push((record.completed_at, digest, path));
    }

    /// Returns the paths of the records that name one which is not here.
    fn missing(&self) -> Vec<String> {
        let is_here = |digest: &str| self.records.iter().any(|(_, here, _)| here == digest);
        let missing = self.named.iter().filter(|(digest, _)| !is_here(digest));
        missing.map(|(_, path)| path.clone()).collect()
    }

    /// Returns the digest of the newest record.
    fn last(mut self) -> Option<String> {
        self.records.sort();
        self.records.pop().map(|(_, digest, _)| digest)
    }
}

fn in_use(path: &Path) -> Fault {
    let fault = DeletionFault::Locked;
    Fault::of_file(path, fault.text(), fault.hint())
}

/// Locks an output folder for a purge. Returns `None` if the file system has no locks.
///
/// # Errors
/// When another purge of the folder is running, or a program holds an unfinished folder
/// in `deletions` locked: nobody knows what it is writing.
pub fn lock_for_purge(output: &Folder) -> Result<Option<File>, Fault> {
    let lock = output.lock_itself().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => in_use(output.path()),
        _ => Fault::unreadable(output.path(), &error),
    })?;
    if let Ok(folder) = output.folder(Path::new(DELETIONS)) {
        let entries = folder.entries().unwrap_or_default().into_iter();
        let mut partial = entries.filter(|entry| is_partial(&entry.name));
        if let Some(locked) = partial.find(|entry| folder.is_locked(&entry.name)) {
            return Err(in_use(&folder.path().join(locked.name)));
        }
    }
    Ok(lock)
}

fn refused(error: &io::Error) -> DeletionFault {
    match error.kind() {
        io::ErrorKind::FileTooLarge => DeletionFault::TooLarge,
        _ => DeletionFault::InvalidRecord,
    }
}

/// Reads a record, and returns it with its digest. Of one that no key may have signed only what
/// it states of itself is parsed.
fn read_valid_record(
    folder: &Folder,
    name: &OsStr,
    signed_by: &SignedBy<'_>,
    named: &[&PublicKey],
) -> Result<(DeletionRecord, String), DeletionFault> {
    let read = || {
        let (bytes, signature) = read_with_signature(folder, name, RECORD)?;
        let stated = Stated::read(&bytes)?;
        let key = stated.key()?;
        let is_by_other = stated.other_signer.is_some();
        let is_accepted = key == *signed_by.signer || is_by_other && named.contains(&&key);
        Ok(match signed_by.is_of_manifest(&stated) {
            false => Err(DeletionFault::InvalidRecord),
            true if is_accepted => {
                let (record, _) = DeletionRecord::parse_signed(&bytes, &signature)?;
                Ok((record, blake3::hash(&bytes).to_hex().to_string()))
            }
            true if is_by_other && signature.verifies(&key, &bytes) => {
                Err(DeletionFault::UnknownSigner)
            }
            true => Err(DeletionFault::InvalidRecord),
        })
    };
    read().unwrap_or_else(|error| Err(refused(&error)))
}

/// Checks that every journal and record of an output folder can be read and is whole.
///
/// # Errors
/// When one cannot be read, is a link or not an ordinary file, lacks its document or its
/// signature, was cut short or changed, or is a record in a folder of another name: without it
/// a purge would call files missing that an earlier one deleted.
pub fn check_readable(output: &Folder) -> Result<(), Fault> {
    let unreadable = |path: &Path, error: &io::Error| {
        let reason = io_reason(error);
        Fault::of_file(
            path,
            Text::new(
                format!("无法读取以前的 purge 的记录：{}", reason.zh),
                format!(
                    "the record of an earlier purge cannot be read: {}",
                    reason.en
                ),
            ),
            Text::new(
                "请检查权限；如不是 purge 写的，请移到别处；然后重新运行",
                "check the permissions, or move it elsewhere if no purge wrote it, and run again",
            ),
        )
    };
    let deletions = Path::new(DELETIONS);
    let folder = match output.folder(deletions) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&output.path().join(deletions), &error)),
    };
    let entries = folder.entries();
    for entry in entries.map_err(|error| unreadable(folder.path(), &error))? {
        let document = match () {
            () if is_journal(&entry.name) => JOURNAL,
            () if is_stamp(&entry.name.to_string_lossy()) => RECORD,
            () => continue,
        };
        let (bytes, signature) = match read_pair(&folder, &entry.name, document) {
            Ok(pair) => pair,
            Err((path, error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(not_whole(&folder.path().join(path)));
            }
            Err((path, error)) => return Err(unreadable(&folder.path().join(path), &error)),
        };
        let signature = std::str::from_utf8(&signature)
            .ok()
            .and_then(Signature::parse);
        let name = match (document, signature) {
            (_, None) => None,
            (JOURNAL, Some(signature)) => {
                let journal = Journal::parse_signed(&bytes, &signature).ok();
                journal.map(|_| entry.name.clone())
            }
            (_, Some(signature)) => {
                let record = DeletionRecord::parse_signed(&bytes, &signature).ok();
                record.map(|(record, _)| OsString::from(record.name()))
            }
        };
        let place = folder.path().join(&entry.name);
        match name {
            None => return Err(not_whole(&place.join(document))),
            Some(name) if name != entry.name => {
                let text = DeletionFault::OtherName.text();
                return Err(Fault::of_file(&place, text, rename_back()));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Returns the folders, by their paths in an output folder, of the journals and records that are
/// dated after `now` and that a key validly signed. `counts` decides by that key and the round in
/// them. Which of two statements about a file is the later one cannot be told with them.
pub fn dated_after(
    output: &Folder,
    now: Timestamp,
    counts: impl Fn(&PublicKey, &str) -> bool,
) -> Vec<String> {
    let deletions = output.folder(Path::new(DELETIONS));
    let Ok(folder) = deletions else {
        return Vec::new();
    };
    let date = |name: &OsStr| {
        let (at, key, round) = if is_journal(name) {
            let (bytes, signature) = read_with_signature(&folder, name, JOURNAL).ok()?;
            let (journal, key) = Journal::parse_signed(&bytes, &signature).ok()?;
            (
                journal.set_aside_at().max(journal.begun_at),
                key,
                journal.round,
            )
        } else if is_stamp(&name.to_string_lossy()) {
            let (bytes, signature) = read_with_signature(&folder, name, RECORD).ok()?;
            let (record, key) = DeletionRecord::parse_signed(&bytes, &signature).ok()?;
            let at = record.completed_at.max(record.begun_at);
            (at, key, record.round)
        } else {
            return None;
        };
        let path = format!("{DELETIONS}/{}", name.to_string_lossy());
        (at > now && counts(&key, &round)).then_some(path)
    };
    let entries = folder.entries().unwrap_or_default();
    let paths = entries.iter().filter_map(|entry| date(&entry.name));
    paths.collect()
}

/// The fault for a journal or record that lacks a part, or is not as it was signed.
fn not_whole(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "以前的 purge 的记录或其签名缺失、不完整或被改动",
            "the record of an earlier purge or its signature is missing, cut short, or changed",
        ),
        Text::new(
            "请从备份恢复；如无备份，或不是 purge 写的，请将其文件夹移到别处，并记入会议记录；然后重新运行",
            "restore it from a backup; if there is none, or no purge wrote it, move its folder elsewhere, note it in the minutes, and run again",
        ),
    )
}

fn is_journal(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let stamp = name.strip_prefix(JOURNAL_PREFIX);
    let stamp = stamp.map(|stamp| stamp.strip_suffix(SET_ASIDE_SUFFIX).unwrap_or(stamp));
    stamp.is_some_and(is_stamp)
}

/// Whether this is the temporary name of a folder that is not complete.
fn is_partial(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let parts = name
        .strip_prefix('.')
        .and_then(|name| name.rsplit_once(PARTIAL));
    parts.is_some_and(|(document, process)| {
        let is_document = is_stamp(document) || is_journal(OsStr::new(document));
        is_document && !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Formats a time as a file name. Colons are replaced: Windows, where copies may be
/// kept, does not allow them.
fn stamp(at: Timestamp) -> String {
    at.to_string().replace(':', "-")
}

/// Whether a name may be what [`stamp`] returns.
fn is_stamp(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-.TZ".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(why: &str, seen: Option<bool>) -> LeftFile {
        LeftFile {
            part: FilePart::Export,
            path: "a.csv".to_owned(),
            digest: None,
            key_id: None,
            byte_length: 1,
            why: Text::new(String::new(), why.to_owned()),
            seen,
        }
    }

    /// A path in the reason may hold any words.
    #[test]
    fn whether_a_left_file_was_seen_is_not_read_from_a_path() {
        let cannot = "cannot delete the file: denied; it is at";
        let there = "an interrupted purge was deleting it, there is a file at";
        for begin in [cannot, there] {
            for words in [PROVES_NOTHING, NOBODY_KNOWS] {
                let why = format!("{begin} {words}/.purging-1 now");
                assert!(left(&why, None).is_seen(), "{why}");
            }
        }
        for why in [
            format!(
                "an interrupted purge that another key (public key K) signs was deleting it, and {PROVES_NOTHING} to a purge with this key"
            ),
            format!(
                "the deletion record of 2026-01-01T00:00:00Z says that it was deleted, but in another folder, of which this one may be a copy, and {PROVES_NOTHING} here"
            ),
            format!(
                "an interrupted purge was deleting it, but the folder that held it is not here, {NOBODY_KNOWS}: move it"
            ),
            format!(
                "an interrupted purge was deleting it, but its folder cannot be read (denied), {NOBODY_KNOWS}: check"
            ),
            format!(
                "an interrupted purge was deleting it, and it is gone, but the disk does not confirm it (error), {NOBODY_KNOWS}: check"
            ),
        ] {
            assert!(!left(&why, None).is_seen(), "{why}");
            assert!(left(&why, Some(true)).is_seen(), "{why}");
        }
        assert!(!left(cannot, Some(false)).is_seen());
    }

    #[test]
    fn records_without_the_field_are_read() {
        let text = r#"{"part": "export", "file": "a.csv", "blake3": null, "bytes": 1,
            "why": {"zh": "", "en": "changed"}}"#;
        let read: LeftFile = serde_json::from_str(text).expect("an entry");
        assert!(read.seen.is_none() && read.is_seen());
        let written = serde_json::to_string(&left("changed", Some(false))).expect("JSON");
        let read: LeftFile = serde_json::from_str(&written).expect("an entry");
        assert!(!read.is_seen());
    }
}
