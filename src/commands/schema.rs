//! `aidlink schema check`: checks an export before the round, for the person who
//! took it from the agency's system.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_agency::account::{all_rejected, no_rows};
use aidlink_agency::cell::amount::AmountUnit;
use aidlink_agency::exports::{
    ReadExport, check_columns, check_filled, fields_of_others, read_export, sheets_not_read,
};
use aidlink_agency::inspect::{Inspection, Occurrences, inspect};
use aidlink_agency::reading_progress;
use aidlink_agency::scan::{Export, ExportFile, SheetNotRead};
use aidlink_agency::tokenise::{Preview, preview};
use aidlink_agency::unmapped::UnmappedLabels;
use aidlink_faults::fault::{Fault, FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::round::{Mode, Reads, WrittenRound};
use aidlink_policy::constant::{Constant, needs_reason};
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::{PlannedExport, PlannedFile, ReadingChoice, SheetChoice};
use aidlink_policy::schema::{ExportSchema, Field, Role, Schemas};
use aidlink_policy::shipped;
use jiff::civil::Date;
use serde::Serialize;

use super::Ending;
use crate::cli::{SchemaArguments, SchemaCheckArguments, SchemaCommand};
use crate::export_report::{say_unknown, say_withheld};
use crate::labels_report::{line_of, say_unmapped};
use aidlink_office::terminal::{Output, Progress};

/// Checks an export.
pub fn run(arguments: SchemaArguments, output: Output) -> Ending {
    let SchemaCommand::Check(arguments) = arguments.command;
    let basis = match &arguments.round {
        Some(round) => Basis::of_round(round, &arguments.export),
        None => Basis::of_options(&arguments),
    };
    let basis = match basis {
        Ok(basis) => basis,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let (policy, as_of) = (&basis.policy, basis.as_of);
    let opened = match &basis.planned {
        Some(planned) => open_as_planned(planned).map_err(Ending::Failed),
        None => open(&arguments, &basis),
    };
    let Opened {
        schema,
        tables: exports,
        fits_better,
    } = match opened {
        Ok(opened) => opened,
        Err(ending) => return ending,
    };
    if let Some(text) = &fits_better {
        output.say(&Text::new(
            format!("提示：{}", text.zh),
            format!("Note: {}", text.en),
        ));
    }
    let progress = Progress::new(output);
    let inspections: Result<Vec<Inspection>, Fault> = exports
        .iter()
        .map(|export| {
            let title = &export.schema().title;
            let on_rows = reading_progress::begin(&progress, title, std::slice::from_ref(export));
            inspect(export, as_of, &on_rows)
        })
        .collect();
    progress.finish();
    let inspections = match inspections {
        Ok(inspections) => inspections,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let sheets_not_read = match exports.first() {
        Some(first) => sheets_not_read(first, &exports),
        None => Vec::new(),
    };
    let absent: Vec<&[String]> = exports
        .iter()
        .map(|export| &*export.columns().absent)
        .collect();
    let checked = exports.iter().zip(&inspections).enumerate();
    let checked: Vec<CheckedExport> = checked
        .map(|(index, (export, inspection))| CheckedExport {
            schema,
            export,
            policy: policy.as_ref(),
            is_planned: basis.planned.is_some(),
            inspection,
            fields_of_other_sheets: fields_of_others(&absent, index),
        })
        .collect();
    for export in &checked {
        export.say(output);
    }
    for sheet in &sheets_not_read {
        let Text { zh, en } = sheet.text();
        output.say(&Text::new(format!("提示：{zh}"), format!("Note: {en}")));
    }
    let preview = policy
        .as_ref()
        .map(|policy| foresee(&basis, schema, &exports, policy, &progress));
    let foreseen = match preview.transpose() {
        Ok(foreseen) => foreseen,
        Err(faults) => return Ending::Failed(faults),
    };
    match (&foreseen, policy) {
        (Some((export, unknown)), Some(policy)) => say_foreseen(export, policy, unknown, output),
        _ => output.say(&Text::new(
            "提示：程序自带的规则文件与这些模式不符，未核查轮次将如何处理；请用 --policy 指明规则文件",
            "Note: the policy that comes with the program does not fit these schemas, so what a round would do was not checked; name a policy with --policy",
        )),
    }
    let refusals = refusals(&checked);
    for fault in &refusals {
        let (message, hint) = (&fault.message, &fault.hint);
        output.say(&Text::new(
            format!("轮次将拒绝此导出：{}\n  {}", message.zh, hint.zh),
            format!("A round refuses this export: {}\n  {}", message.en, hint.en),
        ));
    }
    let refused_by_a_round: Vec<&Text> = refusals.iter().map(|fault| &fault.message).collect();
    match checked.as_slice() {
        [export] => output.json(&SchemaReport {
            refused_by_a_round,
            ..export.report(&sheets_not_read)
        }),
        several => output.json(&SheetsReport {
            sheets: several
                .iter()
                .map(|export| export.report(&sheets_not_read))
                .collect(),
            refused_by_a_round,
        }),
    }
    let is_clean = refusals.is_empty() && checked.iter().all(CheckedExport::is_clean);
    Ending::done(!is_clean)
}

/// An export as a round would read it, and for each rule the rows for which it is unknown.
type Foreseen = (ReadExport, BTreeMap<String, u64>);

/// Foresees what the export gives in a round with the policy.
fn foresee(
    basis: &Basis,
    schema: &ExportSchema,
    exports: &[Export],
    policy: &Policy,
    progress: &Progress,
) -> Result<Foreseen, Faults> {
    let path = exports.first().map_or(Path::new(""), Export::path);
    let of_options = || PlannedExport {
        reading_digest: None,
        register: None,
        schema: schema.clone(),
        files: vec![PlannedFile {
            path: path.to_path_buf(),
            written_path: path.to_string_lossy().into_owned(),
            reading: ReadingChoice::default(),
        }],
        snapshot: basis.as_of,
        legal_basis: String::new(),
        may_be_empty: false,
    };
    let planned = basis.planned.clone().unwrap_or_else(of_options);
    let on_rows = reading_progress::begin(progress, &schema.title, exports);
    let preview = preview(exports, schema, policy, basis.as_of, &on_rows);
    progress.finish();
    let Preview { report, unknown } = preview.map_err(|error| error.into_faults(exports))?;
    Ok((read_export(&planned, exports, report), unknown))
}

/// Prints what a round would withhold and could not judge.
fn say_foreseen(
    export: &ReadExport,
    policy: &Policy,
    unknown: &BTreeMap<String, u64>,
    output: Output,
) {
    let withheld = export.report.account.withheld;
    if withheld == 0 && unknown.is_empty() {
        return;
    }
    let (id, version) = (&policy.id, &policy.version);
    output.say(&Text::new(
        format!("按规则文件 {id} 第{version}版，轮次将："),
        format!("A round by the policy {id} version {version}:"),
    ));
    say_withheld(export, policy, output);
    let notes = [export.withheld_empty_text(), export.withheld_unread_text()];
    for text in notes.into_iter().flatten() {
        output.say(&Text::new(
            format!("    注意：{}", text.zh),
            format!("    note: {}", text.en),
        ));
    }
    say_unknown(export, policy, unknown, output);
}

/// Returns why a round with the policy refuses the export, although it can be opened.
fn refusals(checked: &[CheckedExport<'_>]) -> Vec<Fault> {
    let mut faults = FaultCollector::new();
    let mut rows = 0;
    let mut rejected = BTreeMap::new();
    for export in checked {
        if let Some(policy) = export.policy {
            check_columns(policy, export.schema, export.export, &mut faults);
            let is_empty = |field: &str| export.inspection.is_empty(field);
            check_filled(policy, export.schema, export.export, is_empty, &mut faults);
        }
        rows += export.inspection.counts.rows;
        for (reason, seen) in &export.inspection.rejects {
            *rejected.entry(*reason).or_default() += seen.count;
        }
    }
    let mut found: Vec<Fault> = faults.into_iter().collect();
    if let Some(first) = checked.first() {
        let path = first.export.path();
        let without_rows = match rows {
            0 => Some(no_rows(path)),
            rows => all_rejected(path, rows, &rejected),
        };
        found.extend(without_rows.map(|fault| Fault {
            message: Text::new(
                format!("{}（除非该导出另有含可用记录的文件）", fault.message.zh),
                format!(
                    "{} (unless another file of the export has usable rows)",
                    fault.message.en
                ),
            ),
            ..fault
        }));
    }
    found
}

/// What an export is checked by.
struct Basis {
    schemas: Schemas,
    policy: Option<Policy>,
    as_of: Date,
    /// The export with this file alone, as the round file plans it; `None` if the command
    /// line says how the file is read.
    planned: Option<PlannedExport>,
}

impl Basis {
    /// Reads schemas and policy as the command line names them.
    fn of_options(arguments: &SchemaCheckArguments) -> Result<Self, Faults> {
        let here = Path::new("schemas");
        let folder = match &arguments.schemas {
            None if here.is_dir() => Some(here),
            named => named.as_deref(),
        };
        let schemas = match folder {
            Some(folder) => Schemas::read(folder)?,
            None => shipped::schemas()?,
        };
        let policy = match &arguments.policy {
            Some(path) => Some(Policy::read(path, &schemas)?),
            None => Policy::shipped(&shipped::POLICY, &schemas).ok(),
        };
        if let Some(name) = &arguments.schema
            && schemas.get(name).is_none()
        {
            let known = schemas.0.keys().map(String::as_str);
            let fault = Fault::of_file(
                folder.unwrap_or(here),
                Text::new(
                    format!("没有名为“{name}”的模式"),
                    format!("there is no schema `{name}`"),
                ),
                nearest_name_hint(name, known),
            );
            return Err(fault.into());
        }
        let today = || {
            jiff::Timestamp::now()
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date()
        };
        Ok(Basis {
            schemas,
            policy,
            as_of: arguments.as_of.unwrap_or_else(today),
            planned: None,
        })
    }

    /// Reads a round file that names the file of the export.
    fn of_round(round: &Path, file: &Path) -> Result<Self, Faults> {
        let unreadable = |error| Fault::unreadable(file, &error);
        let real_file = file.canonicalize().map_err(unreadable)?;
        let written = WrittenRound::read(round)?;
        // A mode that does not exist is reported with the other faults.
        let mode = written.mode().unwrap_or(Mode::Pooled);
        let reads = written
            .schema_of_file(file)
            .map_or(Reads::Nothing, Reads::One);
        let (terms, planned) = written.planned(mode, reads)?;
        let Some(mut planned) = planned.into_iter().next() else {
            return Err(Fault::of_file(
                round,
                Text::new(
                    format!("轮次文件没有写 {}", shown_path(file)),
                    format!("the round file does not name {}", shown_path(file)),
                ),
                Text::new(
                    "请将其写入该导出的 path，或去掉 --round",
                    "add it to the `path` of its export, or leave out --round",
                ),
            )
            .into());
        };
        planned.files.retain(|planned| {
            planned
                .path
                .canonicalize()
                .is_ok_and(|path| path == real_file)
        });
        Ok(Basis {
            as_of: terms.as_of,
            schemas: terms.schemas,
            policy: Some(terms.policy),
            planned: Some(planned),
        })
    }
}

/// Opens the file of an export as the round file plans it. Returns its tables.
fn open_as_planned(planned: &PlannedExport) -> Result<Opened<'_>, Faults> {
    let mut faults = FaultCollector::new();
    let mut tables = Vec::new();
    for (index, file) in planned.files.iter().enumerate() {
        match Export::open(&file.path, index, &planned.schema, &file.reading) {
            Ok(opened) => tables.extend(opened),
            Err(found) => faults.extend(found),
        }
    }
    Ok(Opened {
        schema: &planned.schema,
        tables: faults.or_value(Some(tables))?,
        fits_better: None,
    })
}

/// Reads the constants of the command line.
fn constants(
    arguments: &SchemaCheckArguments,
    policy: Option<&Policy>,
    schema: &ExportSchema,
) -> Result<Vec<Constant>, Faults> {
    let mut faults = FaultCollector::new();
    let mut constants: Vec<Constant> = Vec::new();
    let option = Path::new("--constant");
    for (field, value) in &arguments.constants {
        if constants.iter().any(|given| given.field == *field) {
            faults.push(Fault::of_file(
                option,
                Text::new(
                    format!("“{field}”有两个固定值"),
                    format!("the field `{field}` has two constants"),
                ),
                Text::new("请删去一个", "remove one of them"),
            ));
        }
        match Constant::read(schema, policy, field, value) {
            Ok(constant) => constants.push(constant),
            Err(fault) => faults.push(Fault::of_file(option, fault.message, fault.hint)),
        }
    }
    faults.or_value(Some(constants))
}

/// Opens the export by the named schema, or, if none is named, by the schema that
/// knows most of its columns. Returns its tables.
fn open<'b>(arguments: &SchemaCheckArguments, basis: &'b Basis) -> Result<Opened<'b>, Ending> {
    let sheets = match (&arguments.sheet, arguments.sheets.as_slice()) {
        (Some(sheet), _) => SheetChoice::Named(vec![sheet.clone()]),
        (None, []) => SheetChoice::Only,
        (None, [all]) if all == SheetChoice::ALL => SheetChoice::All,
        (None, names) => SheetChoice::Named(names.to_vec()),
    };
    let choice = ReadingChoice {
        sheets,
        epoch: arguments.date_epoch,
        ..ReadingChoice::default()
    };
    let mut file = ExportFile::open(&arguments.export).map_err(Ending::Failed)?;
    let is_named = |schema: &&ExportSchema| {
        let name = arguments.schema.as_ref();
        name.is_none_or(|name| *name == schema.name)
    };
    let mut best: Option<(usize, &ExportSchema, ReadingChoice)> = None;
    let mut refused: Option<(usize, Faults)> = None;
    for schema in basis.schemas.0.values().filter(is_named) {
        match constants(arguments, basis.policy.as_ref(), schema) {
            Ok(constants) => {
                let choice = ReadingChoice {
                    constants,
                    ..choice.clone()
                };
                let known = file.known_columns(schema, &choice);
                // If no schema fits, the faults by one of them are enough.
                if best.as_ref().is_none_or(|(most, ..)| known > *most) {
                    best = Some((known, schema, choice));
                }
            }
            Err(faults) => {
                let known = file.known_columns(schema, &choice);
                if refused.as_ref().is_none_or(|(most, _)| known > *most) {
                    refused = Some((known, faults));
                }
            }
        }
    }
    let most = best.as_ref().map(|(most, ..)| *most);
    if let Some((known, faults)) = refused
        && most.is_none_or(|most| known > most)
    {
        return Err(Ending::WrongConfiguration(faults));
    }
    let best = FaultCollector::new()
        .or_value(best)
        .map_err(Ending::Failed)?;
    let (known, schema, choice) = best;
    // Without a name the schema is the one that fits best.
    let named = arguments.schema.as_ref();
    let fits_better =
        named.and_then(|_| fits_better(&mut file, &basis.schemas, schema, known, &choice));
    let tables = file.tables(0, schema, &choice).map_err(|found| {
        let hint = Text::new("请用该模式再查", "check it again with that schema");
        let named = fits_better.iter();
        let named = named.map(|text| Fault::of_file(&arguments.export, text.clone(), hint.clone()));
        let mut faults = FaultCollector::new();
        faults.extend(named);
        faults.extend(found);
        Ending::Failed(faults.into_faults())
    })?;
    Ok(Opened {
        schema,
        tables,
        fits_better,
    })
}

/// An export that was opened.
struct Opened<'b> {
    schema: &'b ExportSchema,
    tables: Vec<Export>,
    /// That another schema than the named one knows more columns of the file.
    fits_better: Option<Text>,
}

/// Returns that another schema knows more columns of a file, if one does.
fn fits_better(
    file: &mut ExportFile,
    schemas: &Schemas,
    schema: &ExportSchema,
    known: usize,
    choice: &ReadingChoice,
) -> Option<Text> {
    let others = schemas.0.values().filter(|other| other.name != schema.name);
    let others = others.map(|other| (file.known_columns(other, choice), other));
    let (most, other) = others.max_by_key(|(known, _)| *known)?;
    (most > known).then(|| {
        let (name, title) = (&other.name, &other.title);
        Text::new(
            format!("此文件更像“{}”（{name}）：该模式识别其中{most}列，{} 识别{known}列", title.zh, schema.name),
            format!("this looks like another export, {name} ({}): that schema knows {most} of its columns, {} knows {known}", title.en, schema.name),
        )
    })
}

/// The answer of `schema check` for a workbook of which several sheets are read.
#[derive(Serialize)]
struct SheetsReport<'a> {
    sheets: Vec<SchemaReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by_a_round: Vec<&'a Text>,
}

/// The answer of `schema check`.
#[derive(Serialize)]
struct SchemaReport<'a> {
    schema: &'a str,
    /// The name of the sheet, if the file is a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sheets_not_read: Vec<ReportedSheet<'a>>,
    format: &'static str,
    encoding: &'static str,
    /// Counted from 1.
    header_line: u64,
    rows: u64,
    blank_lines: u64,
    total_lines: u64,
    footer_lines: u64,
    repeated_header_lines: u64,
    columns: Vec<ReportedColumn<'a>>,
    /// The values of fields in every row.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    constants: BTreeMap<&'a str, String>,
    headers_not_known: Vec<&'a str>,
    /// Known headers of columns that are not used, because another column has the field.
    headers_passed_over: Vec<&'a str>,
    /// Headers of columns that contain the ID number too and are compared with it.
    headers_compared: Vec<&'a str>,
    /// Headers of columns that are not read, because their title names another person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers_of_other_persons: Vec<&'a str>,
    fields_absent: &'a [String],
    /// Those that another sheet has. Empty if a single table is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields_of_other_sheets: Vec<&'a str>,
    /// The key is the code of the reason.
    rejects: BTreeMap<String, ReportedRows>,
    /// The key is the code of the warning.
    id_warnings: BTreeMap<String, ReportedRows>,
    /// The key is `field: code`.
    unreadable: BTreeMap<String, ReportedRows>,
    /// The key is the field.
    labels_without_code: BTreeMap<&'a str, ReportedLabels<'a>>,
    /// Why a round refuses the export; empty for one sheet of several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by_a_round: Vec<&'a Text>,
}

/// A sheet that was not read.
#[derive(Serialize)]
struct ReportedSheet<'a> {
    sheet: &'a str,
    why: &'static str,
    /// Absent if the sheet cannot be read.
    rows: Option<u64>,
    rows_with_id: Option<u64>,
}

impl<'a> ReportedSheet<'a> {
    fn new(sheet: &'a SheetNotRead) -> Self {
        ReportedSheet {
            sheet: &sheet.sheet,
            why: sheet.why.code(),
            rows: sheet.holds.map(|rows| rows.rows),
            rows_with_id: sheet.holds.map(|rows| rows.with_id),
        }
    }
}

#[derive(Serialize)]
struct ReportedColumn<'a> {
    header: &'a str,
    field: &'a str,
    /// Absent if no policy was named.
    read_by_a_round: Option<bool>,
    /// Cells with a value.
    filled: Option<u64>,
    /// The unit of amounts, if the header or a title line states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// The labels of a field that have no code.
#[derive(Serialize)]
struct ReportedLabels<'a> {
    labels: Vec<ReportedLabel<'a>>,
    /// Number of cells whose labels are not shown.
    not_shown: u64,
}

#[derive(Serialize)]
struct ReportedLabel<'a> {
    label: &'a str,
    rows: u64,
    /// The line for the round file.
    line: String,
}

impl<'a> ReportedLabels<'a> {
    fn new(field: &str, labels: &'a UnmappedLabels) -> Self {
        let shown = labels.shown().into_iter();
        ReportedLabels {
            labels: shown
                .map(|(label, rows)| ReportedLabel {
                    label,
                    rows,
                    line: line_of(field, label),
                })
                .collect(),
            not_shown: labels.not_shown(),
        }
    }
}

/// The number of rows with the same finding, and the lines of the first few.
#[derive(Serialize)]
struct ReportedRows {
    count: u64,
    first_lines: Vec<u64>,
    zh: String,
    en: String,
}

impl ReportedRows {
    fn new(seen: &Occurrences, text: Text) -> Self {
        ReportedRows {
            count: seen.count,
            first_lines: seen.first_lines.clone(),
            zh: text.zh,
            en: text.en,
        }
    }
}

/// An export and what the check found in it.
struct CheckedExport<'a> {
    schema: &'a ExportSchema,
    export: &'a Export,
    policy: Option<&'a Policy>,
    /// Whether the round file says how it is read.
    is_planned: bool,
    inspection: &'a Inspection,
    /// Fields without a column that another sheet has.
    fields_of_other_sheets: Vec<&'a str>,
}

impl CheckedExport<'_> {
    /// Whether no row and no cell is left to correct.
    fn is_clean(&self) -> bool {
        self.inspection.rejects.is_empty() && self.inspection.unreadable.is_empty()
    }

    /// Whether a round would read a field; `None` if no policy was named.
    fn is_read(&self, name: &str) -> Option<bool> {
        let field = self.schema.field(name)?;
        let needed = self.policy?.columns_needed(self.schema);
        Some(field.role != Role::Attribute || needed.contains(name))
    }

    fn unknown_headers(&self) -> Vec<&str> {
        let columns = self.export.columns();
        let matched = columns.index.values().chain(&columns.passed_over);
        let matched = matched.chain(&columns.certificates);
        let matched = matched.chain(&columns.of_other_persons);
        let matched: BTreeSet<usize> = matched.copied().collect();
        columns
            .headers
            .iter()
            .enumerate()
            .filter(|(index, header)| !matched.contains(index) && !header.trim().is_empty())
            .map(|(_, header)| header.trim())
            .collect()
    }

    fn headers_at(&self, indices: &[usize]) -> Vec<&str> {
        let headers = &self.export.columns().headers;
        let at = indices.iter();
        at.filter_map(|index| headers.get(*index))
            .map(|header| header.trim())
            .collect()
    }

    fn report<'a>(&'a self, sheets_not_read: &'a [SheetNotRead]) -> SchemaReport<'a> {
        let columns = self.export.columns();
        let inspection = self.inspection;
        SchemaReport {
            schema: &self.schema.name,
            sheet: self.export.sheet(),
            sheets_not_read: sheets_not_read.iter().map(ReportedSheet::new).collect(),
            format: self.export.format().name(),
            encoding: self.export.encoding().name(),
            header_line: self.export.title_lines() + 1,
            rows: inspection.counts.rows,
            blank_lines: inspection.counts.blank_lines,
            total_lines: inspection.counts.total_lines,
            footer_lines: inspection.counts.footer_lines,
            repeated_header_lines: inspection.counts.repeated_header_lines,
            columns: self
                .schema
                .fields
                .iter()
                .filter_map(|field| {
                    Some(ReportedColumn {
                        header: columns.header_of(&field.name)?.trim(),
                        field: &field.name,
                        read_by_a_round: self.is_read(&field.name),
                        filled: inspection.filled.get(&field.name).copied(),
                        unit: columns.units.get(&field.name).map(|unit| unit.name()),
                    })
                })
                .collect(),
            constants: self
                .export
                .constants()
                .iter()
                .map(|given| (given.field.as_str(), given.value.to_string()))
                .collect(),
            headers_not_known: self.unknown_headers(),
            headers_passed_over: self.headers_at(&columns.passed_over),
            headers_compared: self.headers_at(&columns.certificates),
            headers_of_other_persons: self.headers_at(&columns.of_other_persons),
            fields_absent: &columns.absent,
            fields_of_other_sheets: self.fields_of_other_sheets.clone(),
            rejects: inspection
                .rejects
                .iter()
                .map(|(reason, seen)| {
                    let code = reason.code().to_owned();
                    (code, ReportedRows::new(seen, reason.text()))
                })
                .collect(),
            id_warnings: inspection
                .id_warnings
                .iter()
                .map(|(warning, seen)| {
                    let code = warning.code().to_owned();
                    (code, ReportedRows::new(seen, warning.text()))
                })
                .collect(),
            unreadable: inspection
                .unreadable
                .iter()
                .map(|((field, fault), seen)| {
                    let code = format!("{field}: {}", fault.code());
                    (code, ReportedRows::new(seen, fault.text()))
                })
                .collect(),
            labels_without_code: inspection
                .unmapped
                .iter()
                .map(|(field, labels)| (field.as_str(), ReportedLabels::new(field, labels)))
                .collect(),
            refused_by_a_round: Vec::new(),
        }
    }

    fn say(&self, output: Output) {
        let say = |zh: String, en: String| output.say(&Text::new(zh, en));
        let counts = &self.inspection.counts;
        let (format, encoding) = (self.export.format().name(), self.export.encoding().name());
        let header_line = self.export.title_lines() + 1;
        say(
            format!("{}（{}）", self.schema.title.zh, self.schema.name),
            format!("{} ({})", self.schema.title.en, self.schema.name),
        );
        if let Some(sheet) = self.export.sheet() {
            say(format!("工作表“{sheet}”："), format!("Sheet `{sheet}`:"));
        }
        say(
            format!(
                "  {format}，{encoding}，表头在第{header_line}行，记录{}行，空行{}行，合计行{}行",
                counts.rows, counts.blank_lines, counts.total_lines
            ),
            format!(
                "  {format}, {encoding}, header on line {header_line}, {} rows, {} blank lines, {} lines of totals",
                counts.rows, counts.blank_lines, counts.total_lines
            ),
        );
        if counts.footer_lines + counts.repeated_header_lines > 0 {
            say(
                format!(
                    "  另有落款、注、页码等{}行，重复的表头或标题{}行，不计为记录",
                    counts.footer_lines, counts.repeated_header_lines
                ),
                format!(
                    "  not rows: {} lines of signatures, notes or page numbers, {} lines that repeat the header or a title",
                    counts.footer_lines, counts.repeated_header_lines
                ),
            );
        }
        say("识别的列：".into(), "Recognised columns:".into());
        for field in &self.schema.fields {
            let Some(header) = self.export.columns().header_of(&field.name) else {
                continue;
            };
            let (zh, en) = match self.is_read(&field.name) {
                None => ("", ""),
                Some(true) => ("，读取", ", read"),
                Some(false) => ("，不读取", ", not read"),
            };
            let unit = self.export.columns().units.get(&field.name);
            let unit = unit.filter(|unit| **unit != AmountUnit::YUAN);
            let (unit_zh, unit_en) = unit.map_or_else(Default::default, |unit| {
                let name = unit.text();
                (
                    format!("，单位为{}，换算为元", name.zh),
                    format!(", in {}, converted to yuan", name.en),
                )
            });
            let header = header.trim();
            say(
                format!(
                    "  {header} → {}（{}）{zh}{unit_zh}",
                    field.title.zh, field.name
                ),
                format!(
                    "  {header} -> {} ({}){en}{unit_en}",
                    field.name, field.title.en
                ),
            );
        }
        for given in self.export.constants() {
            let Some(field) = self.schema.field(&given.field) else {
                continue;
            };
            let (name, title, value) = (&field.name, &field.title, &given.value);
            say(
                format!("  固定值 {value} → {}（{name}）", title.zh),
                format!("  constant {value} -> {name} ({})", title.en),
            );
            let needs_reason = |policy| needs_reason(policy, self.schema, name);
            if !self.is_planned && self.policy.is_some_and(needs_reason) {
                say(
                    format!("  提示：轮次文件须以 because 写明 {name} 固定值的理由"),
                    format!(
                        "  Note: in the round file the constant for {name} needs a reason, `because`"
                    ),
                );
            }
        }
        let unknown = self.unknown_headers();
        if !unknown.is_empty() {
            let names = Text::names(unknown);
            say(
                format!("未识别的表头（不读取）：{}", names.zh),
                format!("Unknown headers (not read): {}", names.en),
            );
        }
        let columns = self.export.columns();
        let compared = self.headers_at(&columns.certificates).join(", ");
        if !compared.is_empty() {
            say(
                format!("与证件号码核对的列：{compared}"),
                format!("Columns compared with the ID number: {compared}"),
            );
        }
        let passed_over = self.headers_at(&columns.passed_over).join(", ");
        if !passed_over.is_empty() {
            say(
                format!("已识别但不读取的表头（该字段已有其他列）：{passed_over}"),
                format!(
                    "Known headers of columns not read, because another column has the field: {passed_over}"
                ),
            );
        }
        let of_others = self.headers_at(&columns.of_other_persons).join(", ");
        if !of_others.is_empty() {
            say(
                format!("标题写明属于另一人的列（不读取）：{of_others}"),
                format!("Columns not read, because their title names another person: {of_others}"),
            );
        }
        // Fields that nothing reads are not missed.
        let absent = self.export.columns().absent.iter();
        let absent = absent.filter(|name| self.is_read(name) != Some(false));
        let absent: Vec<&Field> = absent.filter_map(|name| self.schema.field(name)).collect();
        if !absent.is_empty() {
            let joined = |pick: fn(&Text) -> &str, between: &str| {
                let titles: Vec<&str> = absent.iter().map(|field| pick(&field.title)).collect();
                titles.join(between)
            };
            let (zh, en) = (joined(|text| &text.zh, "、"), joined(|text| &text.en, "; "));
            say(
                format!("导出中没有对应列的字段：{zh}"),
                format!("Schema fields without a column: {en}"),
            );
        }
        let rows = counts.rows;
        let lacks = self.fields_of_other_sheets.join(", ");
        let lacks_columns = !lacks.is_empty() && rows > 0;
        if lacks_columns {
            say(
                format!("提示：本表（{rows}行）缺少其他工作表有的列：{lacks}；这些行视同空白"),
                format!(
                    "Note: this sheet ({rows} rows) lacks columns that other sheets have: {lacks}; they count as empty in its rows"
                ),
            );
        }
        for (reason, seen) in &self.inspection.rejects {
            say_occurrences(
                ("将被拒收", "Would be rejected"),
                seen,
                None,
                &reason.text(),
                output,
            );
        }
        for ((field, fault), seen) in &self.inspection.unreadable {
            let header = self.export.columns().header_of(field).map(str::trim);
            say_occurrences(
                ("无法读取", "Cannot be read"),
                seen,
                header,
                &fault.text(),
                output,
            );
        }
        say_unmapped(self.schema, &self.inspection.unmapped, output);
        for (warning, seen) in &self.inspection.id_warnings {
            say_occurrences(("提示", "Note"), seen, None, &warning.text(), output);
        }
        if counts.rows == 0 {
            say(
                "提示：表头下没有任何记录".into(),
                "Note: there are no records below the header".into(),
            );
        } else if self.is_clean() && !lacks_columns {
            say("没有需要更正的内容".into(), "Nothing to correct".into());
        }
    }
}

fn say_occurrences(
    (head_zh, head_en): (&str, &str),
    seen: &Occurrences,
    header: Option<&str>,
    text: &Text,
    output: Output,
) {
    // Words between the numbers: several numbers in a row can look like a telephone number.
    let lines = |of: &dyn Fn(&u64) -> String, between: &str| {
        let lines: Vec<String> = seen.first_lines.iter().map(of).collect();
        lines.join(between)
    };
    let lines_zh = lines(&|line| format!("第{line}行"), "、");
    let lines_en = lines(&|line| format!("line {line}"), ", ");
    let column_zh = header.map_or(String::new(), |header| format!("列“{header}”，"));
    let column_en = header.map_or(String::new(), |header| format!("column `{header}`, "));
    output.say(&Text::new(
        format!(
            "{head_zh}：{}行（{column_zh}如{lines_zh}）：{}",
            seen.count, text.zh
        ),
        format!(
            "{head_en}: {} rows ({column_en}such as {lines_en}): {}",
            seen.count, text.en
        ),
    ));
}
