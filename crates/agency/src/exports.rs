//! Opens the files of an export, checks them, and records what was read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aidlink_faults::fault::{Fault, FaultCollector};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_policy::pack::{Policy, Rule, WhenUnknown};

use aidlink_policy::reading::{PlannedExport, PlannedFile, ReadingChoice};
use aidlink_policy::schema::{ExportSchema, Field};

use aidlink_office::manifest::{
    self, ColumnRead, ExportAccount, ExportRead, FileRead, LinesNotRows,
};

use crate::account::{Rest, no_rows};
use crate::cell::amount::AmountUnit;
use crate::scan::exchange::Exchange;
use crate::scan::{Export, SheetNotRead};
use crate::tokenise::Report;

/// Returns the fields that rules need and that every table of an export lacks. `absent`
/// are the fields with neither a column nor a constant in each table. A derived field is not missing if the export has the field from which it is
/// derived, and that one is not missing if the export has all fields derived from it.
fn missing_fields<'s>(
    policy: &Policy,
    schema: &'s ExportSchema,
    absent: &[&[String]],
) -> Vec<&'s Field> {
    let needed = policy.columns_needed(schema);
    let is_absent = |name: &String| absent.iter().all(|absent| absent.contains(name));
    let has_substitute = |field: &Field| {
        let is_needed = |derived: &&Field| needed.contains(&derived.name);
        let mut derived = schema
            .derived_from(&field.name)
            .filter(is_needed)
            .peekable();
        match &field.derived_from {
            Some(from) => !is_absent(&from.field),
            None => derived.peek().is_some() && derived.all(|derived| !is_absent(&derived.name)),
        }
    };
    let fields = schema.fields.iter();
    fields
        .filter(|field| needed.contains(&field.name) && is_absent(&field.name))
        .filter(|field| !has_substitute(field))
        .collect()
}

/// Returns the names of the fields that rules need and that every table of an export
/// lacks, or has without content.
pub fn fields_without_content(
    policy: &Policy,
    schema: &ExportSchema,
    exports: &[Export],
    report: &Report,
) -> Vec<String> {
    let tables = exports.iter().enumerate();
    let absent = tables.map(|(table, export)| {
        let empty = report.empty_columns.iter();
        let empty = empty.filter(|(at, _)| *at == table).map(|(_, name)| name);
        let absent = export.columns().absent.iter();
        absent.chain(empty).cloned().collect()
    });
    let absent: Vec<Vec<String>> = absent.collect();
    let absent: Vec<&[String]> = absent.iter().map(Vec::as_slice).collect();
    let missing = missing_fields(policy, schema, &absent);
    missing.iter().map(|field| field.name.clone()).collect()
}

/// Returns the fields that one of several tables lacks and another one has. `absent` are
/// the fields without a column in each table.
pub fn fields_of_others<'f>(absent: &[&'f [String]], table: usize) -> Vec<&'f str> {
    let own = absent.get(table).copied().unwrap_or_default();
    let has_another = |field: &&String| absent.iter().any(|other| !other.contains(field));
    own.iter().filter(has_another).map(String::as_str).collect()
}

/// Amounts that were read in another unit than yuan.
pub struct ConvertedAmounts<'e> {
    /// The name of the file or sheet; `None` if the amounts of all files and sheets of the
    /// export are in this unit.
    pub only_in: Option<Text>,
    /// The name of the unit.
    pub unit: &'e str,
    /// The fields of the amounts.
    pub fields: Vec<&'e Field>,
}

/// Returns the amounts that were read in another unit than yuan.
pub fn converted_amounts(export: &ReadExport) -> Vec<ConvertedAmounts<'_>> {
    let mut files = export.files.as_slice();
    let first = files.first().map(converted_in);
    let is_same = files.iter().all(|file| Some(converted_in(file)) == first);
    if is_same {
        files = files.get(..1).unwrap_or_default();
    }
    let converted = files.iter().flat_map(|file| {
        let units = converted_in(file).into_iter();
        units.map(move |(unit, fields)| ConvertedAmounts {
            only_in: (!is_same).then(|| file.place()),
            unit,
            fields: fields
                .into_iter()
                .filter_map(|name| export.planned.schema.field(name))
                .collect(),
        })
    });
    converted.collect()
}

/// Returns the fields of a file's amounts that are in another unit than yuan, by the name
/// of the unit.
fn converted_in(file: &ReadFile) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut converted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let yuan = AmountUnit::YUAN.name();
    for column in file.columns.iter().filter(|column| column.read) {
        if let (Some(unit), Some(field)) = (&column.unit, &column.field)
            && *unit != yuan
        {
            converted.entry(unit).or_default().insert(field);
        }
    }
    converted
}

/// An export that has been read.
pub struct ReadExport {
    /// The export's entry in the round file.
    pub planned: PlannedExport,
    /// The files of the export, and the sheets of its workbooks.
    pub files: Vec<ReadFile>,
    /// What happened to the rows.
    pub report: Report,
}

/// A file of an export that has been read, or a sheet of a workbook.
pub struct ReadFile {
    /// The path as written in the round file.
    pub written_path: String,
    /// BLAKE3 digest of the file's bytes, hexadecimal.
    pub digest: String,
    /// Size in bytes.
    pub byte_length: u64,
    /// The name of the file format.
    pub format: &'static str,
    /// The name of the encoding.
    pub encoding: &'static str,
    /// How it was read.
    pub reading: ReadingChoice,
    /// The name of the sheet, in a form that may be shown; `None` if the file is not a
    /// workbook.
    pub sheet: Option<String>,
    /// Number of rows below the header.
    pub rows: u64,
    /// The other sheets of the workbook that have content. Empty if an earlier sheet of the
    /// file lists them.
    pub sheets_not_read: Vec<SheetNotRead>,
    /// The columns, in file order.
    pub columns: Vec<ColumnRead>,
    /// Fields of the schema that have no column in the file.
    pub columns_absent: Vec<String>,
}

impl ReadExport {
    /// Returns what the office should look at: constants by which rows pass that would be
    /// withheld without them, and, since persons may be missing, files and sheets without
    /// rows beside others with rows, files with the same content, sheets that were not read although they may hold
    /// persons, and columns that all files lack, or one file or sheet of several.
    pub fn notes(&self, policy: &Policy) -> Vec<Text> {
        let has_rows = self.report.account.rows > 0;
        let without_rows = self.files.iter().filter(|file| has_rows && file.rows == 0);
        let sheets = self.files.iter().flat_map(|file| &file.sheets_not_read);
        let not_read = sheets.filter(|sheet| sheet.may_hold_persons());
        let given = self.planned.files.iter().filter_map(given_text);
        let mut notes: Vec<Text> = given.collect();
        notes.extend(without_rows.map(ReadFile::without_rows_text));
        notes.extend(self.copies_texts());
        notes.extend(not_read.map(SheetNotRead::text));
        notes.extend(self.missing_text(policy));
        notes.extend(self.withheld_empty_text());
        notes.extend(self.withheld_unread_text());
        let absent = self.absent();
        for (index, file) in self
            .files
            .iter()
            .enumerate()
            .filter(|(_, file)| file.rows > 0)
        {
            let mut lacks = fields_of_others(&absent, index);
            lacks.retain(|field| {
                let mut read = self.report.columns_read.iter();
                let mut planned = self.planned.files.iter();
                read.any(|read| read == field) || planned.any(|file| file.reading.gives(field))
            });
            if !lacks.is_empty() {
                notes.push(file.lacks_text(&self.titles(lacks)));
            }
        }
        notes
    }

    /// Returns a sentence for each group of files with the same content: one may be a copy
    /// that was left in the folder.
    fn copies_texts(&self) -> Vec<Text> {
        let mut by_content: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for file in &self.files {
            let paths = by_content.entry(&file.digest).or_default();
            paths.insert(&file.written_path);
        }
        let copies = by_content.into_values().filter(|paths| paths.len() > 1);
        copies
            .map(|paths| {
                let names = Text::names(paths.into_iter().map(str::to_owned));
                Text::new(
                    format!("下列文件内容完全相同：{}；有副本的，请只保留一份", names.zh),
                    format!(
                        "these files have the same content: {}; if one is a copy, keep one of them",
                        names.en
                    ),
                )
            })
            .collect()
    }

    /// Returns the fields with neither a column nor a constant in each file.
    fn absent(&self) -> Vec<&[String]> {
        let files = self.files.iter();
        files.map(|file| &*file.columns_absent).collect()
    }

    /// Returns the fields that rules need and that no file has.
    pub fn missing_fields(&self, policy: &Policy) -> Vec<&Field> {
        missing_fields(policy, &self.planned.schema, &self.absent())
    }

    /// Returns a sentence about the columns that rules need and that no file has.
    fn missing_text(&self, policy: &Policy) -> Option<Text> {
        let missing = self.missing_fields(policy);
        if missing.is_empty() {
            return None;
        }
        let names = self.titles(missing.iter().map(|field| field.name.as_str()));
        Some(Text::new(
            format!("规则需要而导出中没有的列：{}（视同空白）", names.zh),
            format!(
                "columns that rules need and the export lacks: {} (they count as empty)",
                names.en
            ),
        ))
    }

    /// Returns a sentence about rows that are withheld because a cell is empty: one without
    /// a role may be a victim's.
    pub fn withheld_empty_text(&self) -> Option<Text> {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        for (name, rows) in &self.report.withheld_empty {
            if let Some(field) = self.planned.schema.field(name) {
                zh.push(format!("“{}”{rows}行", field.title.zh));
                en.push(format!("{} in {rows} rows", field.title.en));
            }
        }
        (!zh.is_empty()).then(|| {
            Text::new(
                format!(
                    "有的行不予处理，只是因为单元格没有内容，其中可能有被害人：{}；请补填",
                    zh.join("、")
                ),
                format!(
                    "rows are withheld only because a cell is empty, and may be a victim's: {}; fill them in",
                    en.join(", ")
                ),
            )
        })
    }

    /// Returns a sentence about rows that are withheld because a cell cannot be read, and
    /// not because of what it says: a role in words that nobody mapped may be a victim's.
    pub fn withheld_unread_text(&self) -> Option<Text> {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        for (name, rows) in &self.report.withheld_unread {
            if let Some(field) = self.planned.schema.field(name) {
                zh.push(format!("“{}”{rows}行", field.title.zh));
                en.push(format!("{} in {rows} rows", field.title.en));
            }
        }
        (!zh.is_empty()).then(|| {
            Text::new(
                format!(
                    "有的行不予处理，只是因为单元格无法读取，其中可能有被害人：{}；请更正，或在轮次文件的 values 中写明这些用语的代码",
                    zh.join("、")
                ),
                format!(
                    "rows are withheld only because a cell cannot be read, and may be a victim's: {}; correct them, or give the codes of these words in `values` of the round file",
                    en.join(", ")
                ),
            )
        })
    }

    /// Lists the titles of fields.
    fn titles<'f>(&self, fields: impl IntoIterator<Item = &'f str>) -> Text {
        let fields = fields.into_iter();
        let fields: Vec<&Field> = fields
            .filter_map(|field| self.planned.schema.field(field))
            .collect();
        let titles = |pick: fn(&Text) -> &str| {
            let titles: Vec<&str> = fields.iter().map(|field| pick(&field.title)).collect();
            titles.join(", ")
        };
        Text::new(titles(|text| &text.zh), titles(|text| &text.en))
    }

    /// Returns the manifest entry for the export.
    pub fn record(&self) -> ExportRead {
        let planned = &self.planned;
        let has_several = self.files.len() > 1;
        let file = |file: &ReadFile| FileRead {
            file: file.written_path.clone(),
            blake3: file.digest.clone(),
            bytes: file.byte_length,
            format: file.format.to_owned(),
            encoding: file.encoding.to_owned(),
            date_epoch: file.reading.epoch.year(),
            sheet: file.sheet.clone(),
            rows: (has_several || file.sheet.is_some()).then_some(file.rows),
            sheets_not_read: file.sheets_not_read.iter().map(not_read).collect(),
            columns: file.columns.clone(),
            columns_present_and_not_read: file
                .columns
                .iter()
                .filter(|column| !column.read)
                .map(|column| column.header.clone())
                .collect(),
            fields_absent: file.columns_absent.clone(),
            constants: constants_of(&file.reading),
            because: file.reading.because.clone(),
            values: values_of(&file.reading),
        };
        ExportRead {
            export: planned.schema.name.clone(),
            agency: planned.schema.agency.clone(),
            snapshot: planned.snapshot,
            legal_basis: planned.legal_basis.clone(),
            schema_blake3: planned.schema.digest.clone(),
            reading_blake3: planned.reading_digest.clone(),
            fields_read: self.report.columns_read.clone(),
            files: match planned.register {
                None => self.files.iter().map(file).collect(),
                Some(_) => Vec::new(),
            },
            account: self.account(),
            persons_matched: None,
        }
    }

    /// Returns the columns that were taken from a register, if it was read in place of files.
    pub fn columns_of_register(&self) -> Option<Vec<ColumnRead>> {
        self.planned.register.as_ref()?;
        let columns = self.files.iter().flat_map(|file| &file.columns);
        Some(columns.cloned().collect())
    }

    /// Returns the row account, with rejects, withheld rows and warnings counted by
    /// reason.
    pub fn account(&self) -> ExportAccount {
        let report = &self.report;
        let account = &report.account;
        let (evaluated, probed) = match account.rest {
            Rest::Evaluated {
                without_outcome,
                sent,
            } => (Some((without_outcome, sent)), None),
            Rest::Probed { matched, unmatched } => (None, Some((matched, unmatched))),
        };
        let rejected = report.rejected_by_reason.iter();
        let warnings = report.id_warnings.iter();
        let unreadable = report.value_faults.iter();
        ExportAccount {
            rows: account.rows,
            rejected: account.rejected,
            withheld: account.withheld,
            without_outcome: evaluated.map(|(without_outcome, _)| without_outcome),
            sent: evaluated.map(|(_, sent)| sent),
            matched: probed.map(|(matched, _)| matched),
            unmatched: probed.map(|(_, unmatched)| unmatched),
            not_rows: LinesNotRows {
                title_lines: account.not_rows.title_lines,
                blank_lines: account.not_rows.blank_lines,
                total_lines: account.not_rows.total_lines,
                footer_lines: account.not_rows.footer_lines,
                repeated_header_lines: account.not_rows.repeated_header_lines,
            },
            rejected_by_reason: rejected
                .map(|(reason, count)| (reason.code().to_owned(), *count))
                .collect(),
            withheld_by_rule: report.withheld_by_rule.clone(),
            id_warnings: warnings
                .map(|(code, count)| ((*code).to_owned(), *count))
                .collect(),
            unreadable_values: unreadable
                .map(|((field, fault), count)| (format!("{field}: {}", fault.code()), *count))
                .collect(),
        }
    }
}

/// Returns a sentence that says what a file's constants are and why, if there is a reason.
fn given_text(file: &PlannedFile) -> Option<Text> {
    let because = file.reading.because.as_deref()?;
    let path = shown_path(Path::new(&file.written_path));
    let constants = constants_of(&file.reading).into_iter();
    let constants: Vec<String> = constants
        .map(|(field, value)| format!("{field} = {value}"))
        .collect();
    let constants = constants.join(", ");
    Some(Text::new(
        format!("{path}：轮次文件为每一行规定了 {constants}；理由：{because}"),
        format!("{path}: the round file gives {constants} for every row, because: {because}"),
    ))
}

/// Returns the constants of a file by field, as the manifest and the matrix show them.
pub fn constants_of(reading: &ReadingChoice) -> BTreeMap<String, String> {
    let constants = reading.constants.iter();
    constants
        .map(|constant| (constant.field.clone(), constant.value.to_string()))
        .collect()
}

/// Returns the site's labels of a file and their codes, by field.
pub fn values_of(reading: &ReadingChoice) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut values: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for site in &reading.values {
        let labels = values.entry(site.field.clone()).or_default();
        labels.insert(site.label.clone(), site.code.clone());
    }
    values
}

impl ReadFile {
    /// Returns the name of the file, with that of the sheet.
    fn place(&self) -> Text {
        let file = shown_path(Path::new(&self.written_path));
        match &self.sheet {
            Some(sheet) => Text::new(
                format!("{file}，工作表“{sheet}”"),
                format!("{file}, sheet `{sheet}`"),
            ),
            None => Text::new(file.clone(), file),
        }
    }

    /// Returns a sentence that the file or sheet has no rows.
    fn without_rows_text(&self) -> Text {
        let Text { zh, en } = self.place();
        Text::new(
            format!("{zh}：表头下没有任何记录"),
            format!("{en}: there are no records below the header"),
        )
    }

    /// Returns a sentence that the file or sheet lacks columns that others have.
    fn lacks_text(&self, fields: &Text) -> Text {
        let Text { zh, en } = self.place();
        let rows = self.rows;
        Text::new(
            format!(
                "{zh}（{rows}行）缺少其他文件或工作表有的列：{}（这些行视同空白）",
                fields.zh
            ),
            format!(
                "{en} ({rows} rows) lacks columns that other files or sheets have: {} (they count as empty in these rows)",
                fields.en
            ),
        )
    }
}

/// Returns the sheets of a workbook that are not read, not even as another part of the
/// export.
pub fn sheets_not_read(workbook: &Export, exports: &[Export]) -> Vec<SheetNotRead> {
    let is_other_part =
        |export: &&Export| export.path() == workbook.path() && export.file() != workbook.file();
    let read = exports.iter().filter(is_other_part);
    let mut not_read = workbook.sheets_not_read().to_vec();
    for read in read.filter_map(Export::sheet) {
        // Names that are shown may be the same for several sheets, so each takes away one.
        if let Some(place) = not_read.iter().position(|sheet| sheet.sheet == read) {
            not_read.remove(place);
        }
    }
    not_read
}

fn not_read(sheet: &SheetNotRead) -> manifest::SheetNotRead {
    manifest::SheetNotRead {
        sheet: sheet.sheet.clone(),
        why: sheet.why.code().to_owned(),
        rows: sheet.holds.map(|rows| rows.rows),
        rows_with_id: sheet.holds.map(|rows| rows.with_id),
    }
}

/// Returns the columns that have a header, in file order.
pub fn columns_of(export: &Export, is_read: impl Fn(&str) -> bool) -> Vec<ColumnRead> {
    let columns = export.columns();
    let fields = columns.index.iter();
    let mut field_at: BTreeMap<usize, &String> = fields.map(|(field, at)| (*at, field)).collect();
    // The numbers of certificates contain the ID number and are read with it.
    if let Some(id) = field_at.get(&export.dialect().id_column).copied() {
        field_at.extend(columns.certificates.iter().map(|at| (*at, id)));
    }
    let headers = columns.headers.iter().enumerate();
    headers
        .filter(|(_, header)| !header.trim().is_empty())
        .map(|(index, header)| {
            let field = field_at.get(&index).copied();
            ColumnRead {
                header: header.trim().to_owned(),
                field: field.cloned(),
                read: field.is_some_and(|field| is_read(field)),
                unit: field
                    .and_then(|field| columns.units.get(field))
                    .map(|unit| unit.name()),
            }
        })
        .collect()
}

/// Opens the files of an export and checks that each has the columns without
/// which it cannot be used.
pub fn open(policy: &Policy, planned: &PlannedExport, faults: &mut FaultCollector) -> Vec<Export> {
    let mut files = Vec::new();
    for (index, file) in planned.files.iter().enumerate() {
        match Export::open(&file.path, index, &planned.schema, &file.reading) {
            Ok(tables) => {
                for export in &tables {
                    check_columns(policy, &planned.schema, export, faults);
                }
                files.extend(tables);
            }
            Err(found) => faults.extend(found),
        }
    }
    let mut whole = BTreeSet::new();
    for export in files.iter().filter(|export| export.sheet().is_none()) {
        if !whole.insert(export.path()) {
            faults.push(Fault::of_file(
                export.path(),
                Text::new(
                    "此文件不是工作簿，却按不同的工作表写了两次",
                    "the file is named twice with different sheets, and it is not a workbook",
                ),
                Text::new(
                    "请从轮次文件中删去一处",
                    "remove one of them from the round file",
                ),
            ));
        }
    }
    files
}

/// The cells of one export that are exchanged between its rows while it is read.
pub struct ExportExchange {
    /// The name of its schema.
    pub export: String,
    /// An exchange for each of its tables, in the order of [`open`].
    pub tables: Vec<Arc<Exchange>>,
}

/// Opens an export as [`open`] does. If cells of this export are exchanged, every reading of it
/// exchanges them.
pub fn open_with(
    policy: &Policy,
    planned: &PlannedExport,
    exchange: Option<&ExportExchange>,
    faults: &mut FaultCollector,
) -> Vec<Export> {
    let mut tables = open(policy, planned, faults);
    if let Some(exchange) = exchange.filter(|exchange| exchange.export == planned.schema.name) {
        for (table, exchange) in tables.iter_mut().zip(&exchange.tables) {
            table.exchange_cells(Arc::clone(exchange));
        }
    }
    tables
}

/// Returns the fields of which an empty cell withholds its row.
pub(crate) fn deciding_fields<'s>(policy: &Policy, schema: &'s ExportSchema) -> Vec<&'s Field> {
    let rules = policy.withhold_rules(&schema.name);
    let rules = rules.filter(|rule| rule.when_unknown == WhenUnknown::Yes);
    let columns = rules.flat_map(Rule::columns);
    let columns: BTreeSet<String> = columns.collect();
    let fields = columns.iter().filter_map(|name| schema.field(name));
    fields.collect()
}

/// Returns the fault for a column that withholds every row, because it is missing or empty.
fn withholds_every_row(export: &Export, field: &Field, (zh, en): (&str, &str)) -> Fault {
    let (name, title) = (&field.name, &field.title);
    export.in_sheet(Fault::of_file(
        export.path(),
        Text::new(
            format!("{zh}列“{}”（{name}），所有行都将不予处理", title.zh),
            format!(
                "the column `{name}` ({}) is {en}, so every row would be withheld",
                title.en
            ),
        ),
        Text::new(
            "请添加该列并逐行填写",
            "add the column and fill it in on every row",
        ),
    ))
}

/// Adds a fault for each column that withholds every row, because it is empty in all of
/// them. `is_empty` returns whether a field's column is.
pub fn check_filled(
    policy: &Policy,
    schema: &ExportSchema,
    export: &Export,
    is_empty: impl Fn(&str) -> bool,
    faults: &mut FaultCollector,
) {
    for field in deciding_fields(policy, schema) {
        if export.columns().index.contains_key(&field.name) && is_empty(&field.name) {
            faults.push(withholds_every_row(
                export,
                field,
                ("每行都未填写", "empty in every row"),
            ));
        }
    }
}

/// Checks that no missing column would cause every row to be withheld, and that the
/// file has at least one column that a rule needs.
pub fn check_columns(
    policy: &Policy,
    schema: &ExportSchema,
    export: &Export,
    faults: &mut FaultCollector,
) {
    let columns = export.columns();
    for field in deciding_fields(policy, schema) {
        if !export.has_field(&field.name) {
            faults.push(withholds_every_row(export, field, ("缺少", "missing")));
        }
    }
    let needed = policy.columns_needed(schema);
    if !needed.is_empty() && !needed.iter().any(|name| export.has_field(name)) {
        let of_others = columns.of_other_persons.iter();
        let of_others = of_others.filter_map(|column| columns.headers.get(*column));
        let hint = match columns.of_other_persons.is_empty() {
            true => Text::new(
                format!("请确认这是“{}”的导出", schema.title.zh),
                format!("check that this is an export of \"{}\"", schema.title.en),
            ),
            false => {
                let names = Text::names(of_others);
                Text::new(
                    format!(
                        "这些列的标题写明属于另一人：{}；如属本人，请在其上方另加标题（如：本人）",
                        names.zh
                    ),
                    format!(
                        "the titles of these columns name another person: {}; if they are the row's own, write another title above them (such as 本人)",
                        names.en
                    ),
                )
            }
        };
        faults.push(export.in_sheet(Fault::of_file(
            export.path(),
            Text::new(
                "导出中没有任何规则需要的列",
                "the export has no column that a rule needs",
            ),
            hint,
        )));
    }
}

/// Adds a fault if an export has no rows, if a column that is empty in every row withholds
/// them all, or if the row counts do not add up.
pub fn check_report(
    policy: &Policy,
    planned: &PlannedExport,
    exports: &[Export],
    report: &Report,
    faults: &mut FaultCollector,
) {
    let path = exports.first().map(Export::path).unwrap_or(Path::new(""));
    // A register may know none of the case parties.
    let may_be_empty = planned.may_be_empty || planned.register.is_some();
    if report.account.rows == 0 && !may_be_empty {
        faults.push(no_rows(path));
    }
    for (table, export) in exports.iter().enumerate() {
        let empty = report.empty_columns.iter();
        let is_empty = |field: &str| {
            empty
                .clone()
                .any(|(at, name)| *at == table && name == field)
        };
        check_filled(policy, &planned.schema, export, is_empty, faults);
    }
    if !report.account.adds_up() {
        faults.push(Fault::of_file(
            path,
            Text::new("行数核对不符", "the row counts do not add up"),
            Text::new("请报告此问题", "please report this"),
        ));
    }
}

/// Combines an export's entry in the round file with the result of reading it.
pub fn read_export(planned: &PlannedExport, exports: &[Export], report: Report) -> ReadExport {
    let is_read = |field: &str| report.columns_read.iter().any(|read| read == field);
    let mut workbooks = BTreeSet::new();
    let mut files = Vec::new();
    for (export, rows) in exports.iter().zip(&report.rows_of_tables) {
        let Some(read) = report.files.get(export.file()) else {
            continue;
        };
        let register = || {
            let register = planned.register.as_ref()?;
            Some((shown_path(&register.file), ReadingChoice::default()))
        };
        let file = planned.files.get(export.file());
        let file = file.map(|file| (file.written_path.clone(), file.reading.clone()));
        let Some((written_path, reading)) = file.or_else(register) else {
            continue;
        };
        // A workbook may also be named for several parts of the export.
        let is_first = workbooks.insert(export.path());
        files.push(ReadFile {
            written_path,
            digest: read.digest.clone(),
            byte_length: read.byte_length,
            format: export.format().name(),
            encoding: export.encoding().name(),
            reading,
            sheet: export.sheet().map(str::to_owned),
            rows: *rows,
            sheets_not_read: match is_first {
                true => sheets_not_read(export, exports),
                false => Vec::new(),
            },
            columns: columns_of(export, is_read),
            columns_absent: export.columns().absent.clone(),
        });
    }
    ReadExport {
        planned: planned.clone(),
        files,
        report,
    }
}
