//! The proof by execution that columns are not used: the cells of the columns that the matrix
//! says were not read are exchanged between rows, the step is run again, and everything that
//! leaves must stay the same.
//!
//! It proves use, not splitting. Which lines are rows, and in which encoding a record is, follows
//! from all cells of a record, also from those that nothing uses afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use aidlink_agency::exports::{ExportExchange, open};
use aidlink_agency::scan::Export;
use aidlink_agency::scan::exchange::{Exchange, Exchanged};
use aidlink_faults::fault::{FaultCollector, Faults};
use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::{Language, Text};
use aidlink_office::crossing::CHECKSUM_SUFFIX;
use aidlink_office::manifest::{ExportRead, Manifest, OutputFile};
use aidlink_office::round::CONFIGURATION;
use aidlink_office::sealed::starts_sealed;
use aidlink_office::signing::SIGNATURE_SUFFIX;
use aidlink_office::verification::Verification;
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::schema::{Role, Schemas};
use serde::Serialize;

use crate::minimisation::{ColumnRow, Matrix, Verdict};

/// What a step reads and gives: the BLAKE3 digest, hexadecimal, of each file by its path. Of a
/// file that crosses, that of its plain content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepDigests {
    /// The exports, and the leads that were received.
    pub inputs: BTreeMap<String, String>,
    /// Every file that leaves the office, and the rejects.
    pub outputs: BTreeMap<String, String>,
}

/// What a verified folder has of what its step gave, for a comparison with a second run.
struct OfFolder {
    /// What the manifest states.
    stated: StepDigests,
    /// Files of which manifest and folder do not say one thing: changed, missing, stated twice,
    /// or with a content that is not the one that leaves.
    differing: BTreeSet<String>,
    /// Files that a deletion record names: nobody can compare them any more.
    deleted: Vec<String>,
}

impl OfFolder {
    fn of(verification: &Verification) -> Self {
        let manifest = &verification.manifest;
        let mut found = OfFolder {
            stated: StepDigests {
                inputs: stated_inputs(manifest),
                outputs: BTreeMap::new(),
            },
            differing: BTreeSet::new(),
            deleted: Vec::new(),
        };
        let compared = manifest.outputs.iter().filter(|output| {
            let folder = output.file.split('/').next().unwrap_or_default();
            // Documents of the round, and the matrix.
            ![CONFIGURATION, "minimisation"].contains(&folder)
        });
        let mut seen = BTreeSet::new();
        for output in compared {
            if !seen.insert(output.file.as_str()) {
                found.differs(&output.file);
            }
            found.compare(verification, output);
        }
        let mut crosses = BTreeSet::new();
        for crossed in &manifest.crossing {
            let is_output = seen.contains(crossed.file.as_str());
            if !crosses.insert(crossed.file.as_str()) || !is_output {
                found.differs(&crossed.file);
            }
        }
        found
    }

    fn differs(&mut self, path: &str) {
        self.differing.insert(path.to_owned());
    }

    /// Compares a file with what the manifest states of it. The content of a file that crosses is
    /// what the second run gives: of a plain one it is the file itself. A sealed one can be opened
    /// by its recipient only, so the manifest is believed.
    fn compare(&mut self, verification: &Verification, output: &OutputFile) {
        let manifest = &verification.manifest;
        let path = &output.file;
        match verification.opened.digest(Path::new(path)) {
            Ok(found) if found == (output.blake3.clone(), output.bytes) => {}
            // People fill it in: what counts is how it was issued.
            Ok(_) if output.is_to_fill_in() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut records = verification.deleted.iter();
                match records.any(|record| record.lists_output(path, &output.blake3)) {
                    true => self.deleted.push(path.clone()),
                    false => self.differs(path),
                }
            }
            Ok(_) | Err(_) => self.differs(path),
        }
        let mut crossing = manifest.crossing.iter();
        let Some(crossed) = crossing.find(|crossed| crossed.file == *path) else {
            if !path.starts_with("to-centre/") {
                let digest = output.blake3.clone();
                self.stated.outputs.insert(path.clone(), digest);
            } else if !is_beside_plain(manifest, path) {
                // It leaves, and no second run gives it.
                self.differs(path);
            }
            return;
        };
        let is_what_leaves = match crossed.sealed_to {
            None => (&crossed.plain_blake3, crossed.plain_bytes) == (&output.blake3, output.bytes),
            Some(_) => {
                let opened = verification.opened.open_file(Path::new(path));
                // One that is not here is told above.
                opened.map_or(true, |file| starts_sealed(file).unwrap_or(false))
            }
        };
        if !is_what_leaves {
            self.differs(path);
        }
        let digest = crossed.plain_blake3.clone();
        self.stated.outputs.insert(path.clone(), digest);
    }
}

/// Whether a file is the signature or the checksum beside a file that crosses plain.
fn is_beside_plain(manifest: &Manifest, path: &str) -> bool {
    let endings = [SIGNATURE_SUFFIX, CHECKSUM_SUFFIX];
    let mut of = endings
        .iter()
        .filter_map(|ending| path.strip_suffix(ending));
    of.any(|of| {
        let mut crossing = manifest.crossing.iter();
        crossing.any(|crossed| crossed.file == of && crossed.sealed_to.is_none())
    })
}

fn stated_inputs(manifest: &Manifest) -> BTreeMap<String, String> {
    let exports = manifest.exports.iter().flat_map(|export| &export.files);
    let exports = exports.map(|file| (file.file.clone(), file.blake3.clone()));
    let received = manifest.received.iter().filter_map(|received| {
        let name = received.path.as_ref().or(received.file.as_ref())?;
        Some((name.clone(), received.plain_blake3.clone()))
    });
    exports.chain(received).collect()
}

impl StepDigests {
    /// Returns the paths of the files that are not the same in both, in order.
    fn differing(&self, other: &Self) -> Vec<String> {
        let differing = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            let mut paths: Vec<String> = one.keys().chain(other.keys()).cloned().collect();
            paths.sort();
            paths.dedup();
            paths.retain(|path| one.get(path) != other.get(path));
            paths
        };
        let mut paths = differing(&self.inputs, &other.inputs);
        paths.extend(differing(&self.outputs, &other.outputs));
        paths
    }
}

/// The result of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofState {
    /// No exchange of unread cells changed anything that leaves.
    Equal,
    /// The exchange of unread cells changed something: a column is used in secret.
    Differs,
    /// Run again without any exchange, the step gives something else. The proof says nothing.
    SecondRunDiffers,
    /// Run again without any exchange, the step fails. The proof says nothing.
    SecondRunFailed,
    /// The step cannot be run again: inputs were deleted or changed.
    NotPossible,
    /// The step reads no exports.
    NotApplicable,
}

/// The proof for one step.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// Its result.
    pub state: ProofState,
    /// Why there is no other result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Text>,
    /// The files that differ on the second run without any exchange.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differ: Vec<String>,
    /// The number of files that leave, or are rejects, and were compared.
    pub files_compared: u64,
    /// The columns that were not read, by export.
    pub exports: Vec<ExportProof>,
}

/// The proof for one export.
#[derive(Clone, Debug, Serialize)]
pub struct ExportProof {
    /// The name of its schema.
    pub export: String,
    /// The title of its schema.
    pub title: Text,
    /// The columns that were not read.
    pub columns: Vec<ColumnProof>,
    /// What the exchange of columns that were read changes.
    pub control: Control,
}

/// The proof for one column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnProof {
    /// Its header; empty if it has none that may be shown.
    pub header: String,
    /// Its place, from 1, if it has no header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// The field of the schema that it holds, if any.
    pub field: Option<String>,
    /// What the matrix says of it; absent if it has no header, and so no line in the matrix.
    #[serde(rename = "use")]
    pub stated: Option<Verdict>,
    /// Rows of the files that have it.
    pub rows: u64,
    /// Rows that were given another cell than their own.
    pub rows_differed: u64,
    /// The result.
    pub result: ColumnResult,
    /// Why the step failed with its cells exchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Text>,
    /// The files that differ if its cells are exchanged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differ: Vec<String>,
}

/// The result for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnResult {
    /// Nothing changed.
    Equal,
    /// Something changed: the column is used.
    Differs,
    /// Something changed, but only if several columns are exchanged together.
    DiffersTogether,
    /// No row was given another cell than its own.
    NotTested,
}

impl ColumnResult {
    /// Returns the words for the user.
    pub fn text(self) -> Text {
        match self {
            ColumnResult::Equal => Text::new("相同", "equal"),
            ColumnResult::Differs => Text::new("不同", "DIFFERS"),
            ColumnResult::DiffersTogether => {
                Text::new("与他列一并对调时不同", "DIFFERS WITH OTHERS")
            }
            ColumnResult::NotTested => Text::new("未检验", "not tested"),
        }
    }

    /// Whether the column is used.
    pub fn is_wrong(self) -> bool {
        matches!(self, ColumnResult::Differs | ColumnResult::DiffersTogether)
    }
}

/// The opposite test: the cells of all columns that were read, except that of the ID number, are
/// exchanged. It shows that the exchange reaches the step, and that the comparison can fail.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    /// The number of columns.
    pub columns: u64,
    /// Whether something changed; absent if no row was given another cell.
    pub changes: Option<bool>,
}

impl Proof {
    /// A proof that could not be made.
    pub fn not_made(state: ProofState, why: Text) -> Self {
        Proof {
            state,
            why: Some(why),
            differ: Vec::new(),
            files_compared: 0,
            exports: Vec::new(),
        }
    }

    /// Whether what was found is against the proof.
    pub fn is_wrong(&self) -> bool {
        matches!(
            self.state,
            ProofState::Differs | ProofState::SecondRunDiffers | ProofState::SecondRunFailed
        )
    }

    /// Returns the number of columns with a result.
    pub fn count(&self, is_counted: impl Fn(ColumnResult) -> bool) -> usize {
        let columns = self.exports.iter().flat_map(|export| &export.columns);
        columns.filter(|column| is_counted(column.result)).count()
    }

    /// Returns what was found, in one sentence.
    pub fn sentence(&self) -> Text {
        let why = self.why.clone().unwrap_or_default();
        match self.state {
            ProofState::Equal | ProofState::Differs => {
                let equal = self.count(|result| result == ColumnResult::Equal);
                let differ = self.count(ColumnResult::is_wrong);
                let not_tested = self.count(|result| result == ColumnResult::NotTested);
                let files = self.files_compared;
                Text::new(
                    format!(
                        "未读取的列：相同{equal}列，不同{differ}列，未检验{not_tested}列（比对了{files}个文件）"
                    ),
                    format!(
                        "columns that were not read: {equal} equal, {differ} differ, {not_tested} not tested ({files} files were compared)"
                    ),
                )
            }
            ProofState::SecondRunDiffers => {
                let files = names(&self.differ);
                Text::new(
                    format!(
                        "不能证明：不作任何对调，重新运行的结果也与文件夹不同：{}",
                        files.zh
                    ),
                    format!(
                        "says nothing: run again without any exchange, the step differs from the folder: {}",
                        files.en
                    ),
                )
            }
            ProofState::SecondRunFailed => Text::new(
                format!("不能证明：不作任何对调，重新运行也失败：{}", why.zh),
                format!(
                    "says nothing: run again without any exchange, the step fails: {}",
                    why.en
                ),
            ),
            ProofState::NotPossible => Text::new(
                format!("无法进行：{}", why.zh),
                format!("not possible: {}", why.en),
            ),
            ProofState::NotApplicable => Text::new(
                format!("不适用：{}", why.zh),
                format!("not applicable: {}", why.en),
            ),
        }
    }
}

/// What the proof says and what it does not, for whoever reads its result.
pub fn scope() -> Text {
    Text::new(
        "在未读取的各列中为每行换入他行的单元格，再重新运行，离开本机构的每个文件都须逐字节相同；密封的文件，比对运行记录所载的内容摘要。这证明各列未被使用，不涉及拆分：哪些行是记录、每条记录用何种编码，由该记录的全部单元格共同决定",
        "in the columns that were not read, each row was given the cells of another row, and the step was run again; every file that leaves must be the same byte for byte; of a sealed file, the digest of its content in the manifest is compared. This proves use, not splitting: which lines are rows, and in which encoding a record is, follows from all of its cells",
    )
}

impl ColumnProof {
    /// Returns its header or, without one, its place.
    pub fn name(&self) -> Text {
        match self.place {
            Some(place) => Text::new(
                format!("（第{place}列，无表头）"),
                format!("(column {place}, without a header)"),
            ),
            None => Text::new(self.header.clone(), self.header.clone()),
        }
    }

    /// Returns what the matrix says of it.
    pub fn stated_text(&self) -> Text {
        match self.stated {
            Some(verdict) => verdict.text(),
            None => Text::new("不在核对表中", "not in the matrix"),
        }
    }

    /// Returns why it was not tested, or what differs; empty if it is equal.
    pub fn reason(&self) -> Text {
        if let Some(why) = &self.why {
            return Text::new(
                format!("重新运行失败：{}", why.zh),
                format!("the step fails: {}", why.en),
            );
        }
        match self.result {
            ColumnResult::Equal => Text::default(),
            ColumnResult::Differs | ColumnResult::DiffersTogether => names(&self.differ),
            ColumnResult::NotTested if self.rows == 0 => Text::new("没有行", "there are no rows"),
            ColumnResult::NotTested if self.rows == 1 => {
                Text::new("只有一行", "there is one row only")
            }
            ColumnResult::NotTested => Text::new(
                "没有可换入的不同单元格",
                "no row could be given a cell that differs from its own",
            ),
        }
    }
}

impl Control {
    /// Returns what it shows.
    pub fn text(&self) -> Text {
        let columns = self.columns;
        match self.changes {
            Some(true) => Text::new(
                format!("对照：对调已读取的{columns}列，结果改变，与预期相符"),
                format!(
                    "control: with the cells of {columns} columns that were read exchanged, the result changes, as it must"
                ),
            ),
            Some(false) => Text::new(
                format!("对照：对调已读取的{columns}列，结果也不变，此导出的证明没有多少意义"),
                format!(
                    "control: with the cells of {columns} columns that were read exchanged, nothing changes either, so the proof says little of this export"
                ),
            ),
            None => Text::new(
                "对照：除证件号码外，已读取的各列没有可对调的不同单元格",
                "control: beside the ID number, no column that was read has cells that differ between rows",
            ),
        }
    }
}

/// The most paths that a sentence lists.
const MOST_PATHS: usize = 8;

fn names(paths: &[String]) -> Text {
    let more = paths.len().saturating_sub(MOST_PATHS);
    let shown = paths.iter().take(MOST_PATHS);
    let shown: Vec<String> = shown.map(|path| shown_path(Path::new(path))).collect();
    let (more_zh, more_en) = match more {
        0 => (String::new(), String::new()),
        more => (format!("等（另有{more}个）"), format!(" and {more} more")),
    };
    Text::new(
        format!("{}{more_zh}", shown.join("、")),
        format!("{}{more_en}", shown.join(", ")),
    )
}

/// Returns the first of several faults as a text.
pub fn first_of(faults: &Faults) -> Text {
    let fault = faults.iter().next();
    let in_language = |language| fault.map_or_else(String::new, |fault| fault.render(language));
    Text::new(
        in_language(Language::Chinese),
        in_language(Language::English),
    )
}

/// What a proof starts from.
pub struct Proving<'a> {
    /// The folder. The columns of its manifest say what was read.
    pub verification: &'a Verification,
    /// The matrix.
    pub matrix: &'a Matrix,
    /// The policy that the step ran with.
    pub policy: &'a Policy,
    /// The schemas that the step ran with.
    pub schemas: &'a Schemas,
    /// The exports as the round file plans them.
    pub planned: &'a [PlannedExport],
    /// What the step gave when it was run again without any exchange.
    pub second_run: &'a Result<StepDigests, Faults>,
}

/// Runs a step again with exchanged cells.
pub type RunAgain<'r> = dyn FnMut(&ExportExchange) -> Result<StepDigests, Faults> + 'r;

impl Proving<'_> {
    /// Makes the proof: one run with all unread columns of an export exchanged at once, one for
    /// each column if that differs, and one with the columns that were read.
    pub fn prove(&self, again: &mut RunAgain<'_>) -> Proof {
        let manifest = &self.verification.manifest;
        let folder = OfFolder::of(self.verification);
        let stated = &folder.stated;
        let second = match self.second_run {
            Ok(second) => second,
            Err(faults) => return Proof::not_made(ProofState::SecondRunFailed, first_of(faults)),
        };
        let mut differ = folder.differing.clone();
        differ.extend(stated.differing(second));
        if !differ.is_empty() {
            return Proof {
                state: ProofState::SecondRunDiffers,
                why: None,
                differ: differ.into_iter().collect(),
                files_compared: stated.outputs.len() as u64,
                exports: Vec::new(),
            };
        }
        if !folder.deleted.is_empty() {
            let files = names(&folder.deleted);
            let why = Text::new(
                format!("文件已按记录删除，无法比对：{}", files.zh),
                format!(
                    "files were deleted, with a signed record, and cannot be compared: {}",
                    files.en
                ),
            );
            return Proof::not_made(ProofState::NotPossible, why);
        }
        let mut exports = Vec::new();
        for export in &manifest.exports {
            // The program makes every column of what it reads from the register.
            if export.files.is_empty() && manifest.register.is_some() {
                continue;
            }
            match self.columns_of(export) {
                Ok(columns) => exports.push(self.prove_export(export, columns, second, again)),
                Err(why) => return Proof::not_made(ProofState::NotPossible, why),
            }
        }
        let mut proof = Proof {
            state: ProofState::Equal,
            why: None,
            differ: Vec::new(),
            files_compared: stated.outputs.len() as u64,
            exports,
        };
        if proof.count(ColumnResult::is_wrong) > 0 {
            proof.state = ProofState::Differs;
        }
        proof
    }

    /// Returns the columns of an export, in the order of its files, with what the manifest says
    /// of them.
    fn columns_of(&self, export: &ExportRead) -> Result<Columns, Text> {
        let mut planned = self.planned.iter();
        let planned = planned.find(|planned| planned.schema.name == export.export);
        let name = shown_name(&export.export);
        let planned = planned.ok_or_else(|| {
            Text::new(
                format!("轮次文件中没有导出“{name}”"),
                format!("the round file has no export `{name}`"),
            )
        })?;
        let mut faults = FaultCollector::new();
        let opened = open(self.policy, planned, &mut faults);
        faults.finish().map_err(|faults| first_of(&faults))?;
        Columns::of(export, &opened).ok_or_else(|| {
            Text::new(
                format!("“{name}”的列与运行记录所列的不同"),
                format!("the columns of `{name}` are not those that the manifest lists"),
            )
        })
    }

    fn prove_export(
        &self,
        export: &ExportRead,
        columns: Columns,
        second: &StepDigests,
        again: &mut RunAgain<'_>,
    ) -> ExportProof {
        let schema = self.schemas.get(&export.export);
        let mut compare = |exchanged: &[&Column]| -> Compared {
            let exchange = columns.exchange(&export.export, exchanged);
            let outcome = match again(&exchange) {
                Ok(made) => (second.differing(&made), None),
                Err(faults) => (Vec::new(), Some(first_of(&faults))),
            };
            Compared {
                counted: counted(&exchange, exchanged),
                differ: outcome.0,
                why: outcome.1,
            }
        };
        let unread: Vec<&Column> = columns.all.iter().filter(|column| !column.read).collect();
        let mut proofs = Vec::new();
        if !unread.is_empty() {
            let together = compare(&unread);
            for (column, counted) in unread.iter().zip(&together.counted) {
                let tested = counted.differed > 0;
                if column.header.is_empty() && !tested {
                    // Nothing is in it.
                    continue;
                }
                let stated = self.matrix_row(&export.export, column);
                proofs.push((
                    *column,
                    ColumnProof {
                        header: column.header.clone(),
                        place: column.place(),
                        field: column.field.clone(),
                        stated: stated.map(|row| row.verdict),
                        rows: counted.rows,
                        rows_differed: counted.differed,
                        result: match tested {
                            true => ColumnResult::Equal,
                            false => ColumnResult::NotTested,
                        },
                        why: None,
                        differ: Vec::new(),
                    },
                ));
            }
            if together.changes() {
                for (column, proof) in &mut proofs {
                    if proof.result == ColumnResult::Equal {
                        let alone = compare(&[*column]);
                        if alone.changes() {
                            proof.result = ColumnResult::Differs;
                            proof.differ = alone.differ;
                            proof.why = alone.why;
                        }
                    }
                }
                let found = proofs.iter();
                let mut found = found.filter(|(_, proof)| proof.result == ColumnResult::Differs);
                if found.next().is_none() {
                    let tested = proofs.iter_mut().map(|(_, proof)| proof);
                    for proof in tested.filter(|proof| proof.result == ColumnResult::Equal) {
                        proof.result = ColumnResult::DiffersTogether;
                        proof.differ = together.differ.clone();
                        proof.why = together.why.clone();
                    }
                }
            }
        }
        let is_id = |column: &Column| {
            let field = column.field.as_ref();
            let field = field.and_then(|field| schema?.field(field));
            field.is_some_and(|field| field.role == Role::NationalId)
        };
        let read = columns.all.iter().filter(|column| column.read);
        let read: Vec<&Column> = read.filter(|column| !is_id(column)).collect();
        let control = match read.is_empty() {
            true => None,
            false => Some(compare(&read)),
        };
        let has_cells = |control: &Compared| control.counted.iter().any(|one| one.differed > 0);
        ExportProof {
            export: export.export.clone(),
            title: schema.map_or_else(Text::default, |schema| schema.title.clone()),
            columns: proofs.into_iter().map(|(_, proof)| proof).collect(),
            control: Control {
                columns: read.len() as u64,
                changes: control.filter(has_cells).map(|control| control.changes()),
            },
        }
    }

    /// Returns what the matrix says of a column.
    fn matrix_row(&self, export: &str, column: &Column) -> Option<&ColumnRow> {
        let mut parts = self.matrix.exports.iter();
        let part = parts.find(|part| part.export == export)?;
        part.columns.iter().find(|row| match &column.field {
            Some(_) => row.field == column.field,
            None => row.field.is_none() && row.headers.contains(&column.header),
        })
    }
}

/// What a run with exchanged cells gave.
struct Compared {
    /// What came of each column.
    counted: Vec<Exchanged>,
    /// The files that differ.
    differ: Vec<String>,
    /// Why the step failed.
    why: Option<Text>,
}

impl Compared {
    fn changes(&self) -> bool {
        !self.differ.is_empty() || self.why.is_some()
    }
}

/// The columns of an export.
struct Columns {
    /// The number of its tables.
    tables: usize,
    all: Vec<Column>,
}

/// What columns of several tables have in common if they are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    header: String,
    /// Of columns without a header.
    place: Option<usize>,
    field: Option<String>,
    read: bool,
}

/// A column of an export, which several of its tables may have.
struct Column {
    /// Empty if it has none that may be shown.
    header: String,
    field: Option<String>,
    read: bool,
    /// The tables that have it, and its place in each, from 0.
    places: Vec<(usize, usize)>,
}

impl Column {
    /// Returns its place, from 1, if it has no header.
    fn place(&self) -> Option<u64> {
        let (_, place) = self.places.first()?;
        self.header.is_empty().then_some(*place as u64 + 1)
    }
}

impl Columns {
    /// Returns the columns of the tables that were opened, with what the manifest says of them;
    /// `None` if it lists others.
    fn of(export: &ExportRead, opened: &[Export]) -> Option<Self> {
        if export.files.len() != opened.len() {
            return None;
        }
        let mut all: Vec<Column> = Vec::new();
        let mut known: BTreeMap<(Alike, usize), usize> = BTreeMap::new();
        for (table, (stated, opened)) in export.files.iter().zip(opened).enumerate() {
            let mut stated = stated.columns.iter();
            let mut in_table: BTreeMap<Alike, usize> = BTreeMap::new();
            for (place, header) in opened.columns().headers.iter().enumerate() {
                let header = header.trim().to_owned();
                // The manifest lists those that have a header.
                let stated = match header.is_empty() {
                    true => None,
                    false => Some(stated.next().filter(|column| column.header == header)?),
                };
                let alike = Alike {
                    place: header.is_empty().then_some(place),
                    field: stated.and_then(|column| column.field.clone()),
                    read: stated.is_some_and(|column| column.read),
                    header,
                };
                // A header may be there several times.
                let before = in_table.entry(alike.clone()).or_default();
                let key = (alike, *before);
                *before += 1;
                if let Some(column) = known.get(&key).and_then(|at| all.get_mut(*at)) {
                    column.places.push((table, place));
                    continue;
                }
                all.push(Column {
                    header: key.0.header.clone(),
                    field: key.0.field.clone(),
                    read: key.0.read,
                    places: vec![(table, place)],
                });
                known.insert(key, all.len() - 1);
            }
            if stated.next().is_some() {
                return None;
            }
        }
        Some(Columns {
            tables: opened.len(),
            all,
        })
    }

    /// Returns the exchange of the cells of these columns.
    fn exchange(&self, export: &str, exchanged: &[&Column]) -> ExportExchange {
        let tables = (0..self.tables).map(|table| {
            let places = exchanged.iter().flat_map(|column| &column.places);
            let places = places.filter(|(of, _)| *of == table);
            Arc::new(Exchange::of(places.map(|(_, place)| *place).collect()))
        });
        ExportExchange {
            export: export.to_owned(),
            tables: tables.collect(),
        }
    }
}

/// Returns what came of each of these columns, in all tables.
fn counted(exchange: &ExportExchange, exchanged: &[&Column]) -> Vec<Exchanged> {
    let mut sums = vec![Exchanged::default(); exchanged.len()];
    for (table, exchange) in exchange.tables.iter().enumerate() {
        let counted = exchange.counted();
        let mut counted = counted.iter();
        // In the order in which the columns of the table were given.
        for (column, sum) in exchanged.iter().zip(&mut sums) {
            let places = column.places.iter().filter(|(of, _)| *of == table);
            for counted in places.filter_map(|_| counted.next()) {
                sum.rows += counted.rows;
                sum.differed += counted.differed;
            }
        }
    }
    sums
}
