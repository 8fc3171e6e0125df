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
use aidlink_procuratorate::lists::columns::{ListForm, ListRow, Marking};

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

/// A match list as it is in the folder.
pub struct List {
    /// `to-civil-affairs.minors`.
    pub name: String,
    /// Its path in the folder.
    pub path: String,
    /// Whether its header, the marking apart, is that of a list.
    pub has_its_columns: bool,
    /// Its marking.
    pub marking: Option<Marking>,
    /// Its rows, each with the line it begins on; `None` for one that has not as
    /// many cells as a list has columns. Not read where the round's documents,
    /// which say what the columns are, cannot be read.
    pub rows: Vec<(u64, Option<ListRow>)>,
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
        let form = documents.as_ref().ok().and_then(|documents| {
            let cases = documents.schemas.get(CASE_EXPORT)?;
            Some(ListForm::of(cases, list_language(&verification.manifest)))
        });
        let mut lists = Vec::new();
        // The verification has reported a folder that cannot be listed.
        for file in verification.opened.files().unwrap_or_default() {
            let path = file.name();
            let name = path
                .strip_prefix("lists/for-review/")
                .and_then(|name| name.strip_suffix(".csv"));
            if let Some(name) = name
                && let Some(list) = read_list(&verification.opened, &path, name, form.as_ref())
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

    /// The language of the lists.
    pub fn list_language(&self) -> Language {
        list_language(self.manifest())
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
    let policy = Policy::read_of_finished_round(&folder.join("policy.toml"), &schemas)?;
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

fn list_language(manifest: &Manifest) -> Language {
    manifest.list_language.unwrap_or(Language::Chinese)
}

fn read_list(output: &Folder, path: &str, name: &str, form: Option<&ListForm>) -> Option<List> {
    let bytes = output.read(Path::new(path), LARGEST_FILE).ok()?;
    let (header, rows) = read_csv(&bytes)?;
    let rows = form.map(|form| {
        let rows = rows.iter();
        let rows = rows.map(|(line, cells)| (*line, ListRow::parse(form, cells)));
        rows.collect()
    });
    Some(List {
        name: name.to_owned(),
        path: path.to_owned(),
        has_its_columns: form.is_some_and(|form| form.has_header(&header)),
        marking: form.and_then(|form| form.marking(&header)),
        rows: rows.unwrap_or_default(),
    })
}

/// The header and the rows of a CSV file that a step wrote, each row with the
/// line of the file on which it begins; the header begins on line 1.
#[expect(clippy::type_complexity, reason = "a header and rows with their lines")]
pub fn read_csv(bytes: &[u8]) -> Option<(Vec<String>, Vec<(u64, Vec<String>)>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let mut lines = Lines::of(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.line_of_record(usize::try_from(start).ok()?);
        rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    let header = if rows.is_empty() {
        Vec::new()
    } else {
        rows.remove(0).1
    };
    Some((header, rows))
}

/// Counts lines as an editor shows them. `csv` ends a record after the CR of a
/// CR LF, so the position of the next one, and its line, is still before the LF.
struct Lines<'b> {
    bytes: &'b [u8],
    /// How many bytes were counted.
    counted: usize,
    line: u64,
}

impl<'b> Lines<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Lines {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// The line on which a record begins whose position is this byte. Positions
    /// must not go back.
    fn line_of_record(&mut self, position: usize) -> u64 {
        let rest = self.bytes.get(position..).unwrap_or_default();
        // Empty lines before a record are no records.
        let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = position + breaks.count();
        for at in self.counted..start.min(self.bytes.len()) {
            let ends_a_line = match self.bytes[at] {
                b'\n' => true,
                b'\r' => self.bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(ends_a_line);
        }
        self.counted = self.counted.max(start);
        self.line
    }
}

/// Names joined for both languages.
pub fn joined<S: AsRef<str>>(names: &[S]) -> Text {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    Text::new(names.join("、"), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::read_csv;

    /// The lines of the rows; the header is on line 1.
    fn lines(text: &str) -> Vec<u64> {
        let (_, rows) = read_csv(text.as_bytes()).unwrap_or_default();
        rows.iter().map(|(line, _)| *line).collect()
    }

    #[test]
    fn a_row_is_on_the_line_that_an_editor_shows() {
        for end in ["\r\n", "\n", "\r"] {
            let text = |lines: &[&str]| lines.join("\u{0}").replace('\u{0}', end) + end;
            assert_eq!(lines(&text(&["a,b", "1,2", "3,4", "5,6"])), [2, 3, 4]);
            let marked = format!("\u{feff}{}", text(&["a,b", "1,2", "3,4"]));
            assert_eq!(lines(&marked), [2, 3]);
            // A quoted line break is a line, and the row begins where it begins.
            let quoted = text(&["a,\"b", "c\"", "1,\"2", "", "3\"", "4,5", "", "6,7"]);
            assert_eq!(lines(&quoted), [3, 6, 8], "{end:?}");
            // Without a line break at the end.
            assert_eq!(lines(text(&["a,b", "1,2"]).trim_end()), [2]);
        }
        assert_eq!(lines(""), [0; 0]);
        assert_eq!(lines("a,b\r\n"), [0; 0]);
    }
}
