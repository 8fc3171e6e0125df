//! What an audit looks at: an output folder as it was verified, the round's
//! documents in it, its lists, and, where they are still there, the round's
//! inputs.

use std::path::{Path, PathBuf};

use aidlink_agency::key::RoundKey;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::{Language, Text};
use aidlink_files::folder::Folder;
use aidlink_office::deletion::{Remains, remains};
use aidlink_office::deletion_record::{DeletionRecord, FilePart, RoundFile};
use aidlink_office::leak_scan::{KeyIds, Scan, scan_folder};
use aidlink_office::manifest::{Manifest, StepKind};
use aidlink_office::round::CONFIGURATION;
use aidlink_office::verification::Verification;
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::schema::Schemas;
use jiff::civil::Date;

use super::minimisation::Matrix;
use aidlink_procuratorate::lists::match_list::Columns;

/// The documents by which the round ran, as the folder keeps them.
pub struct Documents {
    /// The text of the round file.
    pub round: String,
    /// The schemas.
    pub schemas: Schemas,
    /// The policy.
    pub policy: Policy,
    /// The working days.
    pub calendar: Calendar,
    /// What may be read and what was.
    pub matrix: Matrix,
}

/// Larger files are not read.
const LARGEST_FILE: u64 = 1 << 30;

/// A match list as it stands in the folder.
pub struct List {
    /// `to-civil-affairs.minors`.
    pub name: String,
    /// Its path in the folder.
    pub path: String,
    /// Its header.
    pub header: Vec<String>,
    /// Its rows, each with the line it begins on.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// All that the checks look at.
pub struct Evidence {
    /// The folder as it was verified.
    pub verification: Verification,
    /// The round's documents; the faults of those that cannot be read.
    pub documents: Result<Documents, Faults>,
    /// The lists; deleted ones are none.
    pub lists: Vec<List>,
    /// Where the round's inputs are or were.
    pub round_folder: PathBuf,
    /// The round file, where it is there.
    pub round_file: Option<PathBuf>,
    /// What is left of the round's data.
    pub remains: Remains,
    /// Deletion records of this and the round's other output folders.
    pub records: Vec<DeletionRecord>,
    /// What the leak scan found.
    pub leaks: std::io::Result<Scan>,
    /// The day of the audit.
    pub today: Date,
    /// The exports as the round file plans them, where it is there and
    /// unchanged, and all files with it.
    pub planned: Option<Vec<PlannedExport>>,
    /// What a second run gave.
    pub second_run: SecondRun,
}

/// What a second run of a pooled round in memory gave.
pub enum SecondRun {
    /// It was not asked for.
    NotAsked,
    /// The round file, an export or the key is gone or was changed.
    NotPossible,
    /// It failed.
    Failed,
    /// It gave these lists.
    Made(SecondOutput),
}

/// What a second run would have written.
pub struct SecondOutput {
    /// Name and bytes of each list.
    pub lists: Vec<(String, Vec<u8>)>,
    /// The bytes of the summary.
    pub summary: Vec<u8>,
}

impl Evidence {
    /// Gathers it.
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
        let mut lists = Vec::new();
        // The verification has reported a folder that cannot be listed.
        for file in verification.opened.files().unwrap_or_default() {
            let path = file.name();
            let name = path
                .strip_prefix("lists/for-review/")
                .and_then(|name| name.strip_suffix(".csv"));
            if let Some(name) = name
                && let Some(list) = read_list(&verification.opened, &path, name)
            {
                lists.push(list);
            }
        }
        Evidence {
            documents,
            lists,
            remains: remains(
                &verification.manifest,
                &output,
                round_folder,
                &RoundKey::id_for,
            ),
            records: verification.deleted.clone(),
            leaks: scan_folder(&verification.opened, &KeyIds::of(&verification.manifest)),
            round_folder: round_folder.to_path_buf(),
            round_file: round_file.map(Path::to_path_buf),
            verification,
            today,
            planned,
            second_run,
        }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.verification.manifest
    }

    /// The step.
    pub fn step(&self) -> StepKind {
        self.manifest().step
    }

    /// Where a key of the round file stands in the folder's copy.
    pub fn round_line(&self, key: &str) -> String {
        let path = format!("{CONFIGURATION}/round.toml");
        let line = self.documents.as_ref().ok().and_then(|documents| {
            let mut lines = documents.round.lines();
            lines.position(|line| line.trim_start().starts_with(key))
        });
        line.map_or(path.clone(), |line| format!("{path}:{}", line + 1))
    }

    /// Whether the case parties were read.
    pub fn reads_cases(&self) -> bool {
        let mut exports = self.manifest().exports.iter();
        exports.any(|export| export.export == CASE_EXPORT)
    }

    /// Where the columns of the lists stand.
    pub fn columns(&self) -> Option<Columns> {
        let documents = self.documents.as_ref().ok()?;
        let cases = documents.schemas.get(CASE_EXPORT)?;
        Some(Columns::of(cases.list_fields().count()))
    }

    /// The language of the lists.
    pub fn list_language(&self) -> Language {
        let stated = self.manifest().list_language;
        stated.unwrap_or(Language::Chinese)
    }

    /// The content of a file of the folder; `None` where it is missing, or is
    /// reached through a link.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.verification
            .opened
            .read(Path::new(path), LARGEST_FILE)
            .ok()
    }

    /// Where a file of the folder is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.verification.folder.join(path)
    }

    /// Files that are gone and of which no deletion record tells.
    pub fn unproven(&self) -> Vec<&str> {
        let of_records = |file: &RoundFile| {
            let mut own = self
                .verification
                .deleted
                .iter()
                .flat_map(|record| &record.removed);
            let mut others = self.records.iter().flat_map(|record| &record.removed);
            let is_it = |other: &RoundFile| other.part == file.part && other.path == file.path;
            own.any(is_it) || file.part != FilePart::Output && others.any(is_it)
        };
        let gone = self.remains.gone.iter().filter(|file| !of_records(file));
        gone.map(|file| file.path.as_str()).collect()
    }

    /// Whether all of the round's data was deleted by record.
    pub fn is_purged(&self) -> bool {
        !self.verification.deleted.is_empty()
    }
}

fn documents(verification: &Verification) -> Result<Documents, Faults> {
    let manifest = &verification.manifest;
    let folder = verification.folder.join(CONFIGURATION);
    let schemas_folder = Path::new(CONFIGURATION).join("schemas");
    // Documents elsewhere are not those of the round.
    verification
        .opened
        .folder(&schemas_folder)
        .map_err(|error| Fault::unreadable(&verification.folder.join(&schemas_folder), &error))?;
    let schemas = Schemas::read(&folder.join("schemas"))?;
    let policy = Policy::read(&folder.join("policy.toml"), &schemas)?;
    let calendar = Calendar::read(&folder.join("calendar.toml"))?;
    let round = std::fs::read_to_string(folder.join("round.toml")).unwrap_or_default();
    let matrix = Matrix::of_manifest(manifest, &policy, &schemas);
    Ok(Documents {
        round,
        schemas,
        policy,
        calendar,
        matrix,
    })
}

fn read_list(output: &Folder, path: &str, name: &str) -> Option<List> {
    let bytes = output.read(Path::new(path), LARGEST_FILE).ok()?;
    let (header, rows) = read_csv(&bytes)?;
    Some(List {
        name: name.to_owned(),
        path: path.to_owned(),
        header,
        rows,
    })
}

/// The header and the rows of a CSV file that a step wrote, rows with their lines.
#[expect(clippy::type_complexity, reason = "a header and rows with their lines")]
pub fn read_csv(bytes: &[u8]) -> Option<(Vec<String>, Vec<(u64, Vec<String>)>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    let header = if rows.is_empty() {
        Vec::new()
    } else {
        rows.remove(0).1
    };
    Some((header, rows))
}

/// Names joined for both languages.
pub fn joined<S: AsRef<str>>(names: &[S]) -> Text {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    Text::new(names.join("、"), names.join(", "))
}
