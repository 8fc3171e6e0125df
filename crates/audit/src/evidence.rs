//! The evidence of an audit: a verified output folder, the round's documents and lists
//! in it, and the round's inputs if they still exist.

use std::path::{Path, PathBuf};

use aidlink_agency::key::RoundKey;
use aidlink_agency::spreadsheet_csv::{Csv, read_csv};
use aidlink_faults::configuration::LARGEST_CONFIGURATION;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::{Language, Text};
use aidlink_files::folder::Folder;
use aidlink_office::accounted::Accounted;
use aidlink_office::as_written::{Difference, differences};
use aidlink_office::content::{Contents, NamedInputs};
use aidlink_office::deletion_record::{DeletionRecord, RoundFile, dated_after};
use aidlink_office::leak_scan::{Scan, scan_folder};
use aidlink_office::manifest::{Manifest, StepKind};
use aidlink_office::needed::{Needed, RoundPlace};
use aidlink_office::open_leftovers::OpenLeftovers;
use aidlink_office::remains::{Remains, remains};
use aidlink_office::round::{CONFIGURATION, WrittenRound};
use aidlink_office::round_folder::RoundFolder;
use aidlink_office::standing::OurOutput;
use aidlink_office::verification::{Provenance, Verification};
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::schema::Schemas;
use jiff::Timestamp;
use jiff::civil::Date;

use super::minimisation::Matrix;
use super::register_evidence::RegisterEvidence;
use aidlink_procuratorate::lists::columns::{ListForm, ListRow};
use aidlink_procuratorate::lists::marking::Marking;
use aidlink_procuratorate::lists::review::{self, read::ReadWorkbook};

/// The documents that the round ran with, read from the folder's copies.
pub struct Documents {
    /// The text of the round file.
    pub round: String,
    /// The schemas.
    pub schemas: Schemas,
    /// The policy.
    pub policy: Policy,
    /// The calendar of working days.
    pub calendar: Calendar,
    /// The minimisation matrix, worked out again.
    pub matrix: Matrix,
}

/// The largest list or rejects file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 30;

/// Reads a file that the step wrote. Returns `None` if the manifest does not list it, or if
/// it is missing, is reached through a link, has another size than in the manifest, is larger
/// than 1 GiB, or cannot be read.
fn read_written(verification: &Verification, path: &str) -> Option<Vec<u8>> {
    let mut outputs = verification.manifest.outputs.iter();
    let stated = outputs.find(|output| output.file == path)?.bytes;
    let bytes = verification
        .opened
        .read(Path::new(path), stated.min(LARGEST_FILE));
    bytes.ok().filter(|bytes| bytes.len() as u64 == stated)
}

/// A match list in the folder.
pub struct List {
    /// Its name, such as `to-civil-affairs.minors`.
    pub name: String,
    /// Its path in the folder.
    pub path: String,
    /// Whether it could be read, and its header, except the marking, is that of a match
    /// list.
    pub has_its_columns: bool,
    /// Its confidentiality marking.
    pub marking: Option<Marking>,
    /// Its rows, each with the line on which it begins; `None` for a row with a wrong
    /// number of cells. Empty if the round's documents, which define the columns, cannot
    /// be read.
    pub rows: Vec<(u64, Option<ListRow>)>,
}

/// A review workbook in the folder.
pub struct ReviewedWorkbook {
    /// Its path in the folder.
    pub path: String,
    /// Whether it is of minors.
    pub minors: bool,
    /// Whether it was filled in.
    pub filled_in: bool,
    /// What is in it; `None` if it cannot be read, also because the round's documents, which
    /// name its sheets, cannot.
    pub read: Option<ReadWorkbook>,
}

/// The evidence that the checks use.
pub struct Evidence {
    /// The verification of the folder.
    pub verification: Verification,
    /// The round's documents, or the faults if they cannot be read.
    pub documents: Result<Documents, Faults>,
    /// What the manifest states otherwise than the folder's copy of the round file; `None` if
    /// that cannot be read.
    pub differences: Option<Vec<Difference>>,
    /// The lists that exist in the folder.
    pub lists: Vec<List>,
    /// The review workbooks that exist in the folder.
    pub workbooks: Vec<ReviewedWorkbook>,
    /// The folder of the round's inputs, which may have been deleted.
    pub round_folder: PathBuf,
    /// The round file, if it exists.
    pub round_file: Option<PathBuf>,
    /// The round's data that still exists.
    pub remains: Remains,
    /// The inputs in whose place a file with other content is: another output's, or any, if records
    /// account for the input.
    pub replaced: Vec<RoundFile>,
    /// The deletion records of other output folders that count for the inputs of this one.
    records: Vec<DeletionRecord>,
    /// Those of them that were written in a copy of their folder.
    elsewhere: Vec<DeletionRecord>,
    /// Journals and records, of this folder and of those that count for its inputs, that are dated
    /// after the clock, as they may be shown.
    pub dated_later: Vec<String>,
    /// Folders of which nobody can tell whether they still need the inputs.
    pub needs_unknown: Vec<Fault>,
    /// The result of the leak scan.
    pub leaks: std::io::Result<Scan>,
    /// The day of the audit.
    pub today: Date,
    /// The exports that the round file plans, if it exists unchanged with all its files.
    pub planned: Option<Vec<PlannedExport>>,
    /// The result of the second run.
    pub second_run: SecondRun,
    /// The register that the step read.
    pub register: RegisterEvidence,
}

/// The deletion records of an output folder, for the audit of the others.
pub struct OutputRecords {
    folder: PathBuf,
    provenance: Option<Provenance>,
    records: Vec<DeletionRecord>,
    elsewhere: Vec<DeletionRecord>,
    dated_later: Vec<String>,
    /// The inputs that its manifest names; `None` if that has no valid signature.
    named: Option<NamedInputs>,
}

impl OutputRecords {
    /// Returns those of a verified folder.
    pub fn of(verification: &Verification) -> Self {
        OutputRecords {
            folder: verification.folder.clone(),
            provenance: verification.provenance(),
            records: verification.deleted.clone(),
            elsewhere: verification.deleted_elsewhere.clone(),
            dated_later: dated_later(verification),
            named: verification
                .provenance()
                .map(|own| NamedInputs::of(&verification.manifest, &own.signer)),
        }
    }

    /// Returns those of another output folder of this office, which is not audited.
    pub fn of_other(other: &OurOutput) -> Self {
        OutputRecords {
            folder: other.path.clone(),
            provenance: Some(other.provenance()),
            records: other.deletions.records.clone(),
            // Nobody is asked about a folder that is not audited.
            elsewhere: Vec::new(),
            dated_later: later_in(&other.folder, &other.path),
            named: Some(other.named()),
        }
    }
}

/// The result of running a pooled round again in memory.
pub enum SecondRun {
    /// It was not requested.
    NotAsked,
    /// The round file, an export or the key is missing or was changed.
    NotPossible,
    /// It failed.
    Failed,
    /// It produced this output.
    Made(SecondOutput),
}

/// The output of a second run.
#[derive(Clone, Debug)]
pub struct SecondOutput {
    /// Path and BLAKE3 digest, hexadecimal, of each file of rejects.
    pub rejects: Vec<(String, String)>,
    /// Path and bytes of each list.
    pub lists: Vec<(String, Vec<u8>)>,
    /// Path and BLAKE3 digest, hexadecimal, of each review workbook.
    pub workbooks: Vec<(String, String)>,
    /// Path and bytes of each file of person pages.
    pub person_pages: Vec<(String, Vec<u8>)>,
    /// The bytes of the summary.
    pub summary: Vec<u8>,
}

impl Evidence {
    /// Gathers the evidence of a verified folder.
    pub fn gather(
        verification: Verification,
        round_folder: &Path,
        round_file: Option<&Path>,
        today: Date,
        planned: Option<Vec<PlannedExport>>,
        second_run: SecondRun,
    ) -> Self {
        let output = verification.folder.clone();
        let documents = documents(&verification);
        let form = documents.as_ref().ok().and_then(|documents| {
            let cases = documents.schemas.get(CASE_EXPORT)?;
            Some(ListForm::of(cases, list_language(&verification.manifest)))
        });
        let mut lists = Vec::new();
        // The verification has reported folders that cannot be read.
        for file in verification.opened.below().files {
            let path = file.name();
            let name = path
                .strip_prefix("lists/for-review/")
                .and_then(|name| name.strip_suffix(".csv"));
            if let Some(name) = name
                && !verification.left_by_programs.contains(&path)
            {
                let bytes = read_written(&verification, &path);
                let content = bytes.and_then(|bytes| read_csv(&bytes));
                lists.push(list(&path, name, content, form.as_ref()));
            }
        }
        let policy = documents.as_ref().ok().map(|documents| &documents.policy);
        let workbooks = workbooks(&verification, policy);
        let round = kept_round(&verification);
        Evidence {
            documents,
            differences: round.map(|round| differences(&round, &verification.manifest)),
            lists,
            workbooks,
            remains: remains(
                &verification.manifest,
                &output,
                round_folder,
                &RoundKey::id_for,
            ),
            replaced: Vec::new(),
            records: Vec::new(),
            elsewhere: Vec::new(),
            dated_later: dated_later(&verification),
            needs_unknown: Vec::new(),
            register: RegisterEvidence::find(&verification, round_folder, round_file),
            leaks: scan_folder(&verification.opened, &verification.manifest),
            round_folder: round_folder.to_path_buf(),
            round_file: round_file.map(Path::to_path_buf),
            verification,
            today,
            planned,
            second_run,
        }
    }

    /// Counts what other output folders record of the inputs, if their inputs have the same
    /// provenance as those of this one. What a record that another key signed, for whatever
    /// reason, says of deleted files counts in its own folder only.
    pub fn rest_on(&mut self, outputs: &[OutputRecords]) {
        let Some(own) = self.verification.provenance() else {
            return;
        };
        let signer = own.signer.to_base64();
        let own = Some(own);
        let folder = &self.verification.folder;
        let others = outputs.iter().filter(|other| other.folder != *folder);
        for other in others.filter(|other| other.provenance == own) {
            self.dated_later.extend(other.dated_later.iter().cloned());
            for (counted, records) in [
                (&mut self.records, &other.records),
                (&mut self.elsewhere, &other.elsewhere),
            ] {
                counted.extend(records.iter().map(|record| {
                    match record.public_key == signer {
                        true => record.clone(),
                        // Whoever signed it: that a file was there again makes only more careful.
                        false => record.leaving_only(),
                    }
                }));
            }
        }
    }

    /// Takes the inputs for gone in whose place a file with other content is, if records account for
    /// them, or if that is the file of another one of `outputs`. Call it when it is known what other
    /// output folders record of the inputs.
    pub fn take_replaced(&mut self, outputs: &[OutputRecords], found: &RoundFolder) {
        let accounted = self.accounted_inputs();
        self.replaced = self.remains.take_replaced(|file| accounted.has(file));
        let (Some(own), Ok(folder)) = (
            self.verification.provenance(),
            found.opened.open(&found.folder),
        ) else {
            return;
        };
        let others = outputs
            .iter()
            .filter(|other| other.folder != self.verification.folder)
            .filter_map(|other| other.named.as_ref())
            .filter(|named| named.is_by(&own.signer));
        let contents = Contents::of(&folder, &RoundKey::id_for);
        self.remains.take_of_others(|file| {
            let is_named = contents.is_named(&file.path, others.clone());
            is_named.unwrap_or_default()
        });
        self.replaced.extend(self.remains.of_others.iter().cloned());
    }

    fn accounted_inputs(&self) -> Accounted {
        Accounted::of(self.verification.deleted.iter().chain(&self.records))
    }

    /// Keeps the inputs that `others`, output folders of the round, still need after this one:
    /// after its day of deletion or, once it was purged, after today. `found` says which folders
    /// could not be searched for output folders, and where round files are.
    pub fn keep_needed(&mut self, others: &[PathBuf], found: &RoundFolder) {
        self.needs_unknown.clone_from(&found.unsearched);
        let Some(own) = self.verification.provenance() else {
            return;
        };
        let day = match self.is_purged() {
            true => self.today,
            false => self.today.max(self.manifest().retention_until),
        };
        let folder = &self.verification.folder;
        let others = others.iter().filter(|other| *other != folder);
        let made_from = [self.manifest().round_file_blake3.as_str()];
        let place = RoundPlace {
            folder: &found.folder,
            opened: &found.opened,
            round_files: &found.round_files,
            made_from: &made_from,
        };
        match Needed::by(others, &[own.signer], day, place) {
            Ok(needed) => self
                .remains
                .keep(|found| needed.needing(found, &RoundKey::id_for)),
            Err(faults) => self.needs_unknown.extend(faults),
        }
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.verification.manifest
    }

    /// Returns the step.
    pub fn step(&self) -> StepKind {
        self.manifest().step
    }

    /// Returns the path and line of a key in the folder's copy of the round file.
    pub fn round_line(&self, key: &str) -> String {
        let path = format!("{CONFIGURATION}/round.toml");
        let line = self.documents.as_ref().ok().and_then(|documents| {
            let mut lines = documents.round.lines();
            lines.position(|line| line.trim_start().starts_with(key))
        });
        line.map_or(path.clone(), |line| format!("{path}:{}", line + 1))
    }

    /// Returns what the manifest states of these keys otherwise than the folder's copy of the
    /// round file, from which a check takes them.
    pub fn differing(&self, keys: &[&str]) -> Vec<Text> {
        let differences = self.differences.iter().flatten();
        let differences = differences.filter(|difference| keys.contains(&difference.key));
        differences
            .map(|difference| self.said(difference))
            .collect()
    }

    /// Returns what a difference says.
    pub fn said(&self, difference: &Difference) -> Text {
        let key = difference.key.rsplit('.').next().unwrap_or_default();
        difference.text(&self.round_line(key))
    }

    /// Returns the language of the lists.
    pub fn list_language(&self) -> Language {
        list_language(self.manifest())
    }

    /// Returns whether the folder has an entry of this path.
    pub fn has(&self, path: &str) -> bool {
        self.verification.opened.kind(Path::new(path)).is_ok()
    }

    /// Reads a file that the step wrote. Returns `None` if it is missing, has another size
    /// than in the manifest, or cannot be read.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        read_written(&self.verification, path)
    }

    /// Returns the full path of a file of the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.verification.folder.join(path)
    }

    /// Returns the paths of the files that are missing and that no deletion record names, as
    /// they may be shown.
    pub fn unproven(&self) -> Vec<String> {
        let gone = self.gone_without_record();
        let gone = gone.filter(|file| !self.is_removed_elsewhere(file));
        let paths = gone.map(|file| {
            let path = shown_path(Path::new(&file.path));
            let records = self.verification.deleted.iter().chain(&self.records);
            let mut removed = records.flat_map(DeletionRecord::all_removed);
            // Another file was at the path later, and was deleted.
            match file.content().and_then(|content| content.get(..8)) {
                Some(short) if removed.any(|other| other.is_at_path_of(file)) => {
                    format!("{path} ({short}...)")
                }
                _ => path,
            }
        });
        paths.collect()
    }

    /// Returns the paths of the files that are missing and that only a deletion record of
    /// another folder names, of which this one may be a copy, as they may be shown.
    pub fn removed_elsewhere(&self) -> Vec<String> {
        let gone = self.gone_without_record();
        shown(gone.filter(|file| self.is_removed_elsewhere(file)))
    }

    fn gone_without_record(&self) -> impl Iterator<Item = &RoundFile> {
        let accounted = Accounted::of(&self.verification.deleted);
        let of_inputs = self.accounted_inputs();
        let gone = self.remains.gone.iter();
        gone.filter(move |file| match file.is_input() {
            true => !of_inputs.has(file),
            false => !accounted.has(file),
        })
    }

    fn is_removed_elsewhere(&self, file: &RoundFile) -> bool {
        let lists = |records: &[DeletionRecord]| {
            let mut removed = records.iter().flat_map(DeletionRecord::accounted);
            removed.any(|other| other.is_same(file))
        };
        lists(&self.verification.deleted_elsewhere) || file.is_input() && lists(&self.elsewhere)
    }

    /// Returns the files of interrupted runs that a deletion record lists as left or missing
    /// and that no later one accounts for. No manifest names them.
    pub fn open_leftovers(&self) -> OpenLeftovers {
        OpenLeftovers::of(&self.verification.deleted)
    }

    /// Returns whether the folder has a deletion record.
    pub fn is_purged(&self) -> bool {
        !self.verification.deleted.is_empty()
    }
}

/// Returns the journals and records of a folder that are dated after the clock.
fn dated_later(verification: &Verification) -> Vec<String> {
    later_in(&verification.opened, &verification.folder)
}

/// Returns the deletion records and journals in an output folder that are dated after the clock.
fn later_in(opened: &Folder, folder: &Path) -> Vec<String> {
    let paths = dated_after(opened, Timestamp::now(), |_, _| true);
    let paths = paths.iter().map(|path| folder.join(path));
    paths.map(|path| shown_path(&path)).collect()
}

fn shown<'f>(files: impl Iterator<Item = &'f RoundFile>) -> Vec<String> {
    files
        .map(|file| shown_path(Path::new(&file.path)))
        .collect()
}

fn documents(verification: &Verification) -> Result<Documents, Faults> {
    let manifest = &verification.manifest;
    let folder = verification.folder.join(CONFIGURATION);
    let schemas_folder = Path::new(CONFIGURATION).join("schemas");
    // A link could lead to documents that are not the round's.
    verification
        .opened
        .folder(&schemas_folder)
        .map_err(|error| Fault::unreadable(&verification.folder.join(&schemas_folder), &error))?;
    let schemas = Schemas::read(&folder.join("schemas"))?;
    let policy = policy(verification, &folder, &schemas)?;
    let calendar = Calendar::read(&folder.join("calendar.toml"))?;
    let round_file = Path::new(CONFIGURATION).join("round.toml");
    let round = verification.opened.read(&round_file, LARGEST_CONFIGURATION);
    let round = String::from_utf8(round.unwrap_or_default()).unwrap_or_default();
    let matrix = Matrix::of_manifest(manifest, &policy, &schemas);
    Ok(Documents {
        round,
        schemas,
        policy,
        calendar,
        matrix,
    })
}

/// Reads the folder's copy of the round file, also if the manifest states another digest: the
/// verification says so. `None` if it is missing, reached through a link, or cannot be read.
fn kept_round(verification: &Verification) -> Option<WrittenRound> {
    let file = Path::new(CONFIGURATION).join("round.toml");
    verification.opened.open_file(&file).ok()?;
    WrittenRound::read(&verification.folder.join(&file)).ok()
}

/// Reads the policy of the folder, from the copies of all its layers.
fn policy(verification: &Verification, folder: &Path, schemas: &Schemas) -> Result<Policy, Faults> {
    let used = &verification.manifest.policy;
    let path = folder.join("policy.toml");
    for layer in &used.layers {
        let file = Path::new(CONFIGURATION).join(&layer.file);
        let parent = file.parent().unwrap_or(&file);
        let opened = verification.opened.folder(parent);
        opened.map_err(|error| Fault::unreadable(&verification.folder.join(&file), &error))?;
    }
    let policy = Policy::read_of_finished_round(&path, schemas)?;
    let copies: Vec<(String, &str)> = policy
        .copies()
        .map(|(name, layer)| (name, layer.digest.as_str()))
        .collect();
    let stated = used.layers.iter();
    let stated: Vec<(String, &str)> = stated
        .map(|layer| (layer.file.clone(), layer.blake3.as_str()))
        .collect();
    // aidlink 0.1 stated no layers, and the digest of the file.
    let is_it = used.layers.is_empty() || (policy.digest == used.blake3 && copies == stated);
    if is_it {
        return Ok(policy);
    }
    let fault = Fault::of_file(
        &path,
        Text::new(
            "规则文件或其下层文件与运行记录不符",
            "the policy, or one below it, is not that of the manifest",
        ),
        Text::new("请从备份恢复", "restore it from a backup"),
    );
    Err(fault.into())
}

/// Reads the review workbooks that exist in the folder, also those that were filled in.
fn workbooks(verification: &Verification, policy: Option<&Policy>) -> Vec<ReviewedWorkbook> {
    let manifest = &verification.manifest;
    let outputs = manifest.outputs.iter();
    let to_fill_in = outputs.filter(|output| output.is_to_fill_in());
    let there =
        to_fill_in.filter(|output| verification.opened.kind(Path::new(&output.file)).is_ok());
    let read = there.map(|output| {
        let path = &output.file;
        let minors = path == review::MINORS;
        let bytes = verification.opened.read(Path::new(path), LARGEST_FILE).ok();
        let read = bytes.zip(policy).and_then(|(bytes, policy)| {
            review::read::read(&bytes, policy, list_language(manifest)).ok()
        });
        ReviewedWorkbook {
            path: path.clone(),
            minors,
            filled_in: verification.filled_in.contains(path),
            read,
        }
    });
    read.collect()
}

fn list_language(manifest: &Manifest) -> Language {
    manifest.list_language.unwrap_or(Language::Chinese)
}

/// `content` is `None` for a list that cannot be read.
fn list(path: &str, name: &str, content: Option<Csv>, form: Option<&ListForm>) -> List {
    let of_version_0_1 = form.cloned().map(ListForm::of_version_0_1);
    let is_of_version_0_1 = of_version_0_1.as_ref().zip(content.as_ref());
    let is_of_version_0_1 =
        is_of_version_0_1.is_some_and(|(form, (header, _))| form.has_header(header));
    let form = match is_of_version_0_1 {
        true => of_version_0_1.as_ref(),
        false => form,
    };
    let read = form.zip(content);
    let header = read.as_ref().map(|(form, (header, _))| (form, header));
    List {
        name: name.to_owned(),
        path: path.to_owned(),
        has_its_columns: header.is_some_and(|(form, header)| form.has_header(header)),
        marking: header.and_then(|(form, header)| form.marking(header)),
        rows: read.map_or(Vec::new(), |(form, (_, rows))| {
            let rows = rows.iter();
            let rows = rows.map(|(line, cells)| (*line, ListRow::parse(form, cells)));
            rows.collect()
        }),
    }
}

/// Joins names for both languages.
pub fn joined<S: AsRef<str>>(names: &[S]) -> Text {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    Text::new(names.join("、"), names.join(", "))
}
