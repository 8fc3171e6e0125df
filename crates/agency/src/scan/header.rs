//! Finds the header and matches its columns to the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::personal_number::{self, shown_name};
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform_header;
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::FieldType;

use super::encoding::Encoding;
use super::limits::{HEADER_SEARCH_RECORDS, MAX_COLUMNS, MAX_HEADER_BYTES, RecordLimits};
use super::record::{Cells, Dialect, Split, Splitter};
use crate::cell::amount::{AmountUnit, TitleUnit, header_with_unit};

/// The columns of a file, matched to the fields of the schema.
#[derive(Clone, Debug, Default)]
pub struct ColumnMatch {
    /// Column index (from 0) by field name.
    pub index: BTreeMap<String, usize>,
    /// The headers as in the file.
    pub headers: Vec<String>,
    /// Fields of the schema that have no column in the file.
    pub absent: Vec<String>,
    /// The units of columns of numbers that the header or a title line states, by field.
    pub units: BTreeMap<String, AmountUnit>,
}

impl ColumnMatch {
    /// Returns the header of a field's column as in the file.
    pub fn header_of(&self, field: &str) -> Option<&str> {
        let index = *self.index.get(field)?;
        self.headers.get(index).map(String::as_str)
    }
}

/// The header of an export and its position.
pub(super) struct Header {
    pub(super) columns: ColumnMatch,
    pub(super) dialect: Dialect,
    /// Byte offset of the first record below the header.
    pub(super) body_start: usize,
    /// Line number of that record, from 1.
    pub(super) body_line: u64,
    pub(super) title_lines: u64,
}

/// The first records of a file, split with each delimiter.
pub(super) struct Head<'b> {
    bytes: &'b [u8],
    /// Length of the byte-order mark.
    skip: usize,
    encoding: Encoding,
    records: Vec<(u8, Vec<HeadRecord>)>,
}

/// A record at the start of a file.
struct HeadRecord {
    cells: Vec<HeadCell>,
    /// Byte offset where the record begins.
    start: usize,
    /// Line number where the record begins, from 1.
    line: u64,
    /// Byte offset and line number of the next record.
    end: usize,
    next_line: u64,
}

/// A cell that may be a header.
struct HeadCell {
    /// The text as it may be shown.
    shown: String,
    /// The text in the form in which it is compared.
    uniform: String,
}

/// A record that may be the header.
struct Candidate<'r> {
    delimiter: u8,
    record: &'r HeadRecord,
    /// The cells that name a field of the schema.
    known: Vec<KnownCell<'r>>,
    has_id: bool,
}

/// A cell that names a field.
#[derive(Clone, Copy)]
struct KnownCell<'r> {
    field: &'r str,
    /// A lower rank is a better match.
    rank: usize,
    column: usize,
}

impl Candidate<'_> {
    fn is_better_than(&self, other: &Self) -> bool {
        (self.has_id, self.known.len()) > (other.has_id, other.known.len())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

impl<'b> Head<'b> {
    /// Splits the first bytes of a file. Skips `skip` bytes of byte-order mark.
    pub(super) fn read(bytes: &'b [u8], skip: usize, encoding: Encoding) -> Self {
        // In GB18030 a vertical bar can be part of a character.
        let delimiters: &[u8] = match encoding {
            Encoding::Gb18030 => b",\t;",
            _ => b",\t;|",
        };
        let records = delimiters.iter().map(|delimiter| {
            let records = HeadRecord::read_all(bytes, skip, encoding, *delimiter);
            (*delimiter, records)
        });
        Head {
            records: records.collect(),
            bytes,
            skip,
            encoding,
        }
    }

    /// Returns the text of the lines above a record. Lines in another encoding are left
    /// out.
    fn lines_above(&self, record: &HeadRecord) -> String {
        let above = self.bytes.get(self.skip..record.start).unwrap_or_default();
        let lines = above.split(|byte| *byte == b'\n');
        let lines: Vec<_> = lines
            .filter_map(|line| self.encoding.decode(line))
            .collect();
        lines.join("\n")
    }
}

impl HeadRecord {
    fn read_all(bytes: &[u8], skip: usize, encoding: Encoding, delimiter: u8) -> Vec<Self> {
        let dialect = Dialect {
            delimiter,
            width: 0,
            id_column: 0,
        };
        let mut splitter = Splitter::new(bytes, false, dialect, RecordLimits::DEFAULT);
        let mut cells = Cells::default();
        let mut records = Vec::new();
        let (mut at, mut line) = (skip, 1);
        for _ in 0..HEADER_SEARCH_RECORDS {
            if at >= bytes.len() {
                break;
            }
            let (outcome, end) = splitter.split(at, &mut cells);
            let next_line = line + newlines(&bytes[at..end]);
            if outcome == Split::Record {
                let texts = cells
                    .iter()
                    .map(|cell| HeadCell::new(&encoding.decode(cell)?));
                records.extend(texts.collect::<Option<_>>().map(|cells| HeadRecord {
                    cells,
                    start: at,
                    line,
                    end,
                    next_line,
                }));
            }
            (at, line) = (end, next_line);
        }
        records
    }

    /// Returns the record as a possible header.
    fn candidate<'r>(&'r self, delimiter: u8, ranks: &'r Ranks, id: &str) -> Candidate<'r> {
        let cells = self.cells.iter().enumerate();
        let known = cells.filter_map(|(column, cell)| {
            let (field, rank) = ranks.field_of(&cell.uniform)?;
            Some(KnownCell {
                field,
                rank,
                column,
            })
        });
        let known: Vec<KnownCell> = known.collect();
        Candidate {
            delimiter,
            record: self,
            has_id: known.iter().any(|cell| cell.field == id),
            known,
        }
    }
}

/// Finds the header in the head of a file: the first record that names the ID
/// column and, unless it has only one column, another field.
pub(super) fn find(
    path: &Path,
    head: &Head<'_>,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> Result<Header, Faults> {
    let ranks = Ranks::new(schema, site_headers);
    let id = schema.national_id().map_or("", |id| &id.name);
    let mut best: Option<Candidate> = None;
    for (delimiter, records) in &head.records {
        if let Some(candidate) = first_header(records, *delimiter, &ranks, id)
            && best
                .as_ref()
                .is_none_or(|best| candidate.is_better_than(best))
        {
            best = Some(candidate);
        }
    }
    match best {
        None => Err(no_header(path, schema).into()),
        Some(candidate) if candidate.record.cells.len() > MAX_COLUMNS => {
            Err(too_many_columns(path, candidate.record).into())
        }
        Some(candidate) if !candidate.has_id => {
            Err(no_id_column(path, schema, candidate.record.line).into())
        }
        Some(candidate) => {
            let title_unit = TitleUnit::of(&head.lines_above(candidate.record));
            match_columns(path, schema, candidate, &title_unit)
        }
    }
}

/// Returns the first record that names the ID column, or the record that names the
/// most fields if none does.
fn first_header<'r>(
    records: &'r [HeadRecord],
    delimiter: u8,
    ranks: &'r Ranks,
    id: &str,
) -> Option<Candidate<'r>> {
    let mut best: Option<Candidate> = None;
    for record in records {
        let candidate = record.candidate(delimiter, ranks, id);
        let known = candidate.known.len();
        let plausible = known >= 2 || (record.cells.len() == 1 && known == 1);
        let better = best
            .as_ref()
            .is_none_or(|best| candidate.is_better_than(best));
        if plausible && better {
            let has_id = candidate.has_id;
            best = Some(candidate);
            if has_id {
                break;
            }
        }
    }
    best
}

impl HeadCell {
    /// Returns the header in a cell in a form that may be shown, because headers appear
    /// in the manifest and in rejects. Long texts and numbers are dropped, which leaves
    /// the column without a name. Returns `None` for a cell that can only be rows that
    /// an unclosed quote in the header line has swallowed.
    fn new(text: &str) -> Option<Self> {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let doubtful =
            text.len() > MAX_HEADER_BYTES || digits >= 8 || !personal_number::find(text).is_empty();
        let shown = match doubtful {
            true if text.contains('\n') => return None,
            true => String::new(),
            false => shown_name(text).into_owned(),
        };
        Some(HeadCell {
            uniform: uniform_header(&shown),
            shown,
        })
    }
}

/// Field and rank by uniform header. A lower rank is a better match.
struct Ranks {
    ranks: BTreeMap<String, (String, usize)>,
    /// Fields of numbers, whose headers may end with a unit.
    numbers: BTreeSet<String>,
}

impl Ranks {
    fn new(schema: &ExportSchema, site_headers: &[(String, String)]) -> Self {
        let mut ranks = BTreeMap::new();
        // Headers from the round file take precedence over the schema's.
        for (header, field) in site_headers {
            ranks.insert(uniform_header(header), (field.clone(), 0));
        }
        for field in &schema.fields {
            let headers = [&field.name, &field.title.zh]
                .into_iter()
                .chain(&field.aliases);
            for (rank, header) in headers.enumerate() {
                ranks
                    .entry(uniform_header(header))
                    .or_insert((field.name.clone(), rank));
            }
        }
        let numbers = schema
            .fields
            .iter()
            .filter(|field| field.field_type == FieldType::Number)
            .map(|field| field.name.clone());
        Ranks {
            ranks,
            numbers: numbers.collect(),
        }
    }

    /// Returns the field that a uniform header names, and the header's rank.
    fn field_of(&self, header: &str) -> Option<(&str, usize)> {
        let of_amount = || {
            let (header, _) = header_with_unit(header)?;
            let found = self.ranks.get(header)?;
            self.numbers.contains(&found.0).then_some(found)
        };
        self.ranks
            .get(header)
            .or_else(of_amount)
            .map(|(field, rank)| (field.as_str(), *rank))
    }
}

fn match_columns(
    path: &Path,
    schema: &ExportSchema,
    candidate: Candidate<'_>,
    title_unit: &TitleUnit,
) -> Result<Header, Faults> {
    let mut faults = FaultCollector::new();
    let Candidate {
        delimiter,
        record,
        known,
        ..
    } = candidate;
    let mut columns = ColumnMatch {
        headers: record.cells.iter().map(|cell| cell.shown.clone()).collect(),
        ..ColumnMatch::default()
    };
    // Rank and column of the cells that name a field.
    let mut cells_of: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for cell in known {
        let cells = cells_of.entry(cell.field).or_default();
        cells.push((cell.rank, cell.column));
    }
    for field in &schema.fields {
        let mut found = cells_of.remove(field.name.as_str()).unwrap_or_default();
        found.sort_unstable();
        let best = found.first().copied();
        let ambiguous = match (found.first(), found.get(1)) {
            (Some(first), Some(second)) => {
                // 身份证号 beside 残疾人证号 is common, and the order of the aliases
                // decides between them. For other fields only a header from the round
                // file, a name or a title (rank 0 or 1) wins over an alias.
                let ordered = field.role == Role::NationalId || first.0 < 2;
                first.0 == second.0 || !ordered
            }
            _ => false,
        };
        if ambiguous {
            faults.push(two_columns(path, field, record, &found));
            continue;
        }
        match best {
            Some((_, index)) => {
                columns.index.insert(field.name.clone(), index);
                if field.field_type == FieldType::Number {
                    let header = &record.cells[index].uniform;
                    let own = header_with_unit(header).map(|(_, unit)| unit);
                    let unit = match (own, title_unit) {
                        (Some(unit), _) => Some(unit),
                        (None, TitleUnit::Is(unit)) => Some(*unit),
                        (None, TitleUnit::None) => None,
                        (None, TitleUnit::Uncertain(names)) => {
                            faults.push(uncertain_unit(path, field, names));
                            None
                        }
                    };
                    let stated = unit.map(|unit| (field.name.clone(), unit));
                    columns.units.extend(stated);
                }
            }
            None => {
                columns.absent.push(field.name.clone());
                if field.required {
                    faults.push(missing_column(path, field, record.line));
                }
            }
        }
    }
    // Without an ID column there is already a fault, because the column is ambiguous.
    let id_column = schema
        .national_id()
        .and_then(|id| columns.index.get(&id.name))
        .copied();
    faults.or_value(id_column.map(|id_column| Header {
        dialect: Dialect {
            delimiter,
            width: record.cells.len(),
            id_column,
        },
        body_start: record.end,
        body_line: record.next_line,
        title_lines: record.line - 1,
        columns,
    }))
}

fn uncertain_unit(path: &Path, field: &Field, names: &BTreeSet<String>) -> Fault {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Fault::of_file(
        path,
        Text::new(
            format!(
                "表头上方写有金额单位“{}”，无法确定“{}”的单位",
                names.join("、"),
                field.title.zh
            ),
            format!(
                "the lines above the header name the unit {}: the unit of `{}` is uncertain",
                names.join(", "),
                field.name
            ),
        ),
        Text::new(
            format!("请在该列表头中写明单位，如：{}（万元）", field.title.zh),
            format!(
                "write the unit in yuan into the column's header, such as {}（万元）",
                field.title.zh
            ),
        ),
    )
}

/// Returns the first few headers that are accepted for a field.
fn headers_of(field: &Field) -> String {
    let mut headers: Vec<&str> = Vec::new();
    let all = [&field.title.zh, &field.name].into_iter();
    for header in all.chain(&field.aliases) {
        if !headers.contains(&header.as_str()) && headers.len() < 6 {
            headers.push(header);
        }
    }
    headers.join(", ")
}

fn no_header(path: &Path, schema: &ExportSchema) -> Fault {
    let id = schema.national_id().map(headers_of).unwrap_or_default();
    Fault::of_file(
        path,
        Text::new(
            format!("前{HEADER_SEARCH_RECORDS}行内没有找到表头"),
            format!("no header was found in the first {HEADER_SEARCH_RECORDS} lines"),
        ),
        Text::new(
            format!(
                "请确认这是“{}”的导出，且有证件号码列（如：{id}）",
                schema.title.zh
            ),
            format!(
                "check that this is an export of \"{}\" and has an ID column (such as: {id})",
                schema.title.en
            ),
        ),
    )
}

fn no_id_column(path: &Path, schema: &ExportSchema, line: u64) -> Fault {
    let id = schema.national_id().map(headers_of).unwrap_or_default();
    Fault::of_file(
        path,
        Text::new("表头中没有证件号码列", "the header has no ID column"),
        Text::new(
            format!("请添加该列，表头可为：{id}"),
            format!("add the column; its header may be: {id}"),
        ),
    )
    .at(Place::Line(line))
}

fn missing_column(path: &Path, field: &Field, line: u64) -> Fault {
    let headers = headers_of(field);
    Fault::of_file(
        path,
        Text::new(
            format!("缺少必需的列“{}”（{}）", field.title.zh, field.name),
            format!(
                "the required column `{}` ({}) is missing",
                field.name, field.title.en
            ),
        ),
        Text::new(
            format!("请添加该列，表头可为：{headers}"),
            format!("add the column; its header may be: {headers}"),
        ),
    )
    .at(Place::Line(line))
}

fn two_columns(path: &Path, field: &Field, record: &HeadRecord, found: &[(usize, usize)]) -> Fault {
    let columns = found.iter().map(|(_, column)| {
        let header = record.cells.get(*column).map_or("", |cell| &cell.shown);
        format!("{}({})", header.trim(), column + 1)
    });
    let columns = Text::names(columns);
    Fault::of_file(
        path,
        Text::new(
            format!("有多列对应字段“{}”：{}", field.title.zh, columns.zh),
            format!(
                "several columns match the field `{}`: {}",
                field.name, columns.en
            ),
        ),
        Text::new(
            "请只保留一列，或把其余列改名",
            "keep one column, or rename the others",
        ),
    )
    .at(Place::Line(record.line))
}

fn too_many_columns(path: &Path, record: &HeadRecord) -> Fault {
    let columns = record.cells.len();
    Fault::of_file(
        path,
        Text::new(
            format!("表头有{columns}列，超过上限{MAX_COLUMNS}列"),
            format!("the header has {columns} columns; the maximum is {MAX_COLUMNS}"),
        ),
        Text::new(
            "请删去多余的列或分隔符",
            "remove the columns or delimiters that are not needed",
        ),
    )
    .at(Place::Line(record.line))
}

#[cfg(test)]
mod tests {
    use aidlink_faults::text::Language;

    use super::*;

    /// Returns the header of a CSV text with this first line, or the messages.
    fn found(line: &str, encoding: Encoding) -> Result<Header, Vec<String>> {
        let schema = include_bytes!("../../../../schemas/veterans.persons.json");
        let path = Path::new("veterans.csv");
        let schema = ExportSchema::parse(path, schema).expect("the shipped schema");
        let bytes = format!("title\n{line}\n");
        let head = Head::read(bytes.as_bytes(), 0, encoding);
        find(path, &head, &schema, &[]).map_err(|faults| {
            let faults = faults.iter();
            faults
                .map(|fault| fault.render(Language::English))
                .collect()
        })
    }

    /// The ID column is the first or the last one; other columns have names or not.
    #[test]
    fn headers_of_up_to_16384_columns_are_read_and_wider_ones_are_refused() {
        for delimiter in [",", "\t", ";", "|"] {
            for (name, first) in [("", true), ("", false), ("x", true), ("姓名x", false)] {
                let line = |columns: usize| {
                    let mut cells = vec![name; columns];
                    let id = if first { 0 } else { columns - 1 };
                    cells[id] = "national_id";
                    cells[columns / 2] = "kind";
                    cells.join(delimiter)
                };
                let header = found(&line(16_384), Encoding::Utf8).expect("within the limit");
                assert_eq!(header.dialect.width, 16_384);
                assert_eq!(header.columns.index["kind"], 8_192);
                assert_eq!((header.title_lines, header.body_line), (1, 3));
                for columns in [16_385, 100_000] {
                    let faults = found(&line(columns), Encoding::Utf8).err();
                    let expected = format!(
                        "veterans.csv (line 2): the header has {columns} columns; the maximum is 16384\n  \
                         remove the columns or delimiters that are not needed"
                    );
                    assert_eq!(faults, Some(vec![expected]), "{delimiter:?}, {name}");
                }
            }
        }
    }

    #[test]
    fn a_message_about_columns_of_the_same_field_names_twenty_of_them() {
        for (columns, listed, more) in [
            (2, 2, ""),
            (20, 20, ""),
            (21, 20, " and 1 more"),
            (16_000, 20, " and 15980 more"),
        ] {
            let line = format!("national_id{}", ",类别".repeat(columns));
            let places = (2..listed + 2).map(|column| format!("类别({column})"));
            let places: Vec<String> = places.collect();
            let expected = format!(
                "veterans.csv (line 2): several columns match the field `kind`: {}{more}\n  \
                 keep one column, or rename the others",
                places.join(", ")
            );
            assert_eq!(found(&line, Encoding::Utf8).err(), Some(vec![expected]));
        }
    }
}
