//! Finds the header and matches its columns to the schema.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::personal_number::{self, shown_name};
use aidlink_faults::text::Text;
use aidlink_policy::schema::{ExportSchema, Field, Role, normalise_header};

use super::encoding::Encoding;
use super::header_lines;
use super::limits::{HEADER_SEARCH_RECORDS, MAX_HEADER_BYTES, RecordLimits};
use super::record::{Cells, Dialect, Split, Splitter};

/// The columns of a file, matched to the fields of the schema.
#[derive(Clone, Debug, Default)]
pub struct ColumnMatch {
    /// Column index (from 0) by field name.
    pub index: BTreeMap<String, usize>,
    /// The headers as in the file.
    pub headers: Vec<String>,
    /// Fields of the schema that have no column in the file.
    pub absent: Vec<String>,
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

/// A record that may be the header.
struct Candidate {
    delimiter: u8,
    cells: Vec<String>,
    /// Byte offsets of this record and of the next one.
    start: usize,
    end: usize,
    /// The cells of the record above it.
    above: Option<Vec<String>>,
    /// Number of cells that name a field of the schema.
    known: usize,
    has_id: bool,
    /// The header of an ID column that is another person's.
    id_of_another_person: Option<String>,
}

impl Candidate {
    /// Returns the line number where the record begins, from 1.
    fn line(&self, head: &[u8]) -> u64 {
        1 + newlines(&head[..self.start])
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Finds the header in the head of a file: the first record that names the ID
/// column and, unless it has only one column, another field. Skips `skip` bytes of
/// byte-order mark.
pub(super) fn find(
    path: &Path,
    head: &[u8],
    skip: usize,
    encoding: Encoding,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> Result<Header, Faults> {
    let ranks = Ranks::new(schema, site_headers);
    match search(head, skip, encoding, schema, &ranks) {
        None => Err(no_header(path, schema).into()),
        Some(candidate) if !candidate.has_id => {
            let line = candidate.line(head);
            Err(match &candidate.id_of_another_person {
                Some(header) => id_of_another_person(path, header, line).into(),
                None => no_id_column(path, schema, line).into(),
            })
        }
        Some(candidate) => match_columns(path, head, schema, &ranks, candidate),
    }
}

/// Returns whether a record in the head of a file names the ID column. Such a file is an
/// export, even if its header has a fault.
pub(super) fn names_the_id_column(
    head: &[u8],
    skip: usize,
    encoding: Encoding,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> bool {
    let ranks = Ranks::new(schema, site_headers);
    search(head, skip, encoding, schema, &ranks).is_some_and(|candidate| candidate.has_id)
}

/// Returns the record that is the header, or that comes nearest to one.
fn search(
    head: &[u8],
    skip: usize,
    encoding: Encoding,
    schema: &ExportSchema,
    ranks: &Ranks,
) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    // In GB18030 a vertical bar can be part of a character.
    let delimiters: &[u8] = match encoding {
        Encoding::Gb18030 => b",\t;",
        _ => b",\t;|",
    };
    for delimiter in delimiters {
        let candidate = first_header(head, skip, encoding, *delimiter, ranks, schema);
        if let Some(candidate) = candidate
            && best
                .as_ref()
                .is_none_or(|best| (candidate.has_id, candidate.known) > (best.has_id, best.known))
        {
            best = Some(candidate);
        }
    }
    best.map(|candidate| candidate.with_both_lines(head, encoding, schema, ranks))
}

/// Returns the first record that names the ID column, or the record that names the
/// most fields if none does.
fn first_header(
    head: &[u8],
    skip: usize,
    encoding: Encoding,
    delimiter: u8,
    ranks: &Ranks,
    schema: &ExportSchema,
) -> Option<Candidate> {
    let dialect = Dialect {
        delimiter,
        width: 0,
        id_column: 0,
    };
    let mut best: Option<Candidate> = None;
    let mut splitter = Splitter::new(head, false, dialect, RecordLimits::DEFAULT);
    let mut cells = Cells::default();
    let mut at = skip;
    let mut above = None;
    for _ in 0..HEADER_SEARCH_RECORDS {
        if at >= head.len() {
            break;
        }
        let start = at;
        let (outcome, next) = splitter.split(start, &mut cells);
        at = next;
        if outcome != Split::Record {
            continue;
        }
        let Some(texts) = header_texts(&cells, encoding) else {
            continue;
        };
        let matched: Vec<&str> = texts
            .iter()
            .filter_map(|cell| ranks.field_of(cell).map(|(field, _)| field))
            .collect();
        let has_id = schema
            .national_id()
            .is_some_and(|id| matched.contains(&id.name.as_str()));
        let known = matched.len();
        let plausible = known >= 2 || (texts.len() == 1 && known == 1);
        let better = best
            .as_ref()
            .is_none_or(|best| (has_id, known) > (best.has_id, best.known));
        if plausible && better {
            best = Some(Candidate {
                delimiter,
                cells: texts.clone(),
                start,
                end: next,
                above: above.take(),
                known,
                has_id,
                id_of_another_person: None,
            });
            if has_id {
                break;
            }
        }
        above = Some(texts);
    }
    best
}

/// Returns the texts of a record that may be the header, or `None` if it is none.
fn header_texts(cells: &Cells, encoding: Encoding) -> Option<Vec<String>> {
    cells
        .iter()
        .map(|cell| header_text(&encoding.decode(cell)?))
        .collect()
}

/// Returns the texts of a record that may be the second line of a header. `None` if a cell
/// has a text that is not shown: it is a row.
fn names_in(cells: &Cells, encoding: Encoding) -> Option<Vec<String>> {
    let name = |cell: &[u8]| {
        let text = encoding.decode(cell)?;
        let name = header_text(&text)?;
        (name.trim().is_empty() == text.trim().is_empty()).then_some(name)
    };
    cells.iter().map(name).collect()
}

impl Candidate {
    /// Puts the header together with its other line, if it has two.
    fn with_both_lines(
        mut self,
        head: &[u8],
        encoding: Encoding,
        schema: &ExportSchema,
        ranks: &Ranks,
    ) -> Self {
        let is_known = |name: &str| ranks.field_of(name).is_some();
        let id_column = |cells: &[String]| {
            let id = &schema.national_id()?.name;
            let of_id = |cell: &String| ranks.field_of(cell).is_some_and(|(name, _)| name == id);
            cells.iter().position(of_id)
        };
        if let Some(above) = self.above.take()
            && header_lines::is_line_of_groups(&above)
        {
            let id_column = id_column(&self.cells);
            self.cells = header_lines::put_together(&above, &self.cells, is_known);
            self.id_of_another_person =
                id_column.and_then(|column| self.cells.get(column).cloned());
        }
        let dialect = Dialect {
            delimiter: self.delimiter,
            width: 0,
            id_column: 0,
        };
        let mut below = Cells::default();
        let mut splitter = Splitter::new(head, false, dialect, RecordLimits::DEFAULT);
        if let Some(id_column) = id_column(&self.cells)
            && self.end < head.len()
            && let (Split::Record, end) = splitter.split(self.end, &mut below)
            && let Some(below) = names_in(&below, encoding)
            && header_lines::is_second_line(&self.cells, &below, id_column)
        {
            self.cells = header_lines::put_together(&self.cells, &below, is_known);
            self.end = end;
        }
        // Two cells together may have the digits of a number.
        for cell in &mut self.cells {
            *cell = header_text(cell).unwrap_or_default();
        }
        self.has_id = id_column(&self.cells).is_some();
        self
    }
}

/// Returns the header in a cell in a form that may be shown, because headers appear
/// in the manifest and in rejects. Long texts and numbers are dropped, which leaves
/// the column without a name. Returns `None` for a cell that can only be rows that
/// an unclosed quote in the header line has swallowed.
fn header_text(text: &str) -> Option<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let doubtful =
        text.len() > MAX_HEADER_BYTES || digits >= 8 || !personal_number::find(text).is_empty();
    match doubtful {
        true if text.contains('\n') => None,
        true => Some(String::new()),
        false => Some(shown_name(text).into_owned()),
    }
}

/// Field and rank by normalised header. A lower rank is a better match.
struct Ranks(BTreeMap<String, (String, usize)>);

impl Ranks {
    fn new(schema: &ExportSchema, site_headers: &[(String, String)]) -> Self {
        let mut ranks = BTreeMap::new();
        // Headers from the round file take precedence over the schema's.
        for (header, field) in site_headers {
            ranks.insert(normalise_header(header), (field.clone(), 0));
        }
        for field in &schema.fields {
            let headers = [&field.name, &field.title.zh]
                .into_iter()
                .chain(&field.aliases);
            for (rank, header) in headers.enumerate() {
                ranks
                    .entry(normalise_header(header))
                    .or_insert((field.name.clone(), rank));
            }
        }
        Ranks(ranks)
    }

    fn field_of(&self, header: &str) -> Option<(&str, usize)> {
        self.0
            .get(&normalise_header(header))
            .map(|(field, rank)| (field.as_str(), *rank))
    }
}

fn match_columns(
    path: &Path,
    head: &[u8],
    schema: &ExportSchema,
    ranks: &Ranks,
    candidate: Candidate,
) -> Result<Header, Faults> {
    let mut faults = FaultCollector::new();
    let mut columns = ColumnMatch {
        headers: candidate.cells.clone(),
        ..ColumnMatch::default()
    };
    for field in &schema.fields {
        let mut found: Vec<(usize, usize)> = candidate
            .cells
            .iter()
            .enumerate()
            .filter_map(|(index, cell)| {
                ranks
                    .field_of(cell)
                    .filter(|(name, _)| *name == field.name)
                    .map(|(_, rank)| (rank, index))
            })
            .collect();
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
            faults.push(
                two_columns(path, field, &candidate, &found).at(Place::Line(candidate.line(head))),
            );
            continue;
        }
        match best {
            Some((_, index)) => {
                columns.index.insert(field.name.clone(), index);
            }
            None => {
                columns.absent.push(field.name.clone());
                if field.required {
                    faults.push(missing_column(path, field, candidate.line(head)));
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
            delimiter: candidate.delimiter,
            width: candidate.cells.len(),
            id_column,
        },
        body_start: candidate.end,
        body_line: 1 + newlines(&head[..candidate.end]),
        title_lines: candidate.line(head) - 1,
        columns,
    }))
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

fn id_of_another_person(path: &Path, header: &str, line: u64) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("两行表头中唯一的证件号码列“{header}”属于另一人"),
            format!("the only ID column in the header of two lines, `{header}`, is another person's"),
        ),
        Text::new(
            "请添加本人的证件号码列；如该列就是本人的号码，请在轮次文件的该导出中写 headers = { \"两行连写的表头\" = \"national_id\" }",
            "add a column with each person's own number; if this is it, set `headers = { \"BOTH LINES TOGETHER\" = \"national_id\" }` for the export in the round file",
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

fn two_columns(
    path: &Path,
    field: &Field,
    candidate: &Candidate,
    found: &[(usize, usize)],
) -> Fault {
    let places: Vec<String> = found
        .iter()
        .map(|(_, index)| format!("{}({})", candidate.cells[*index].trim(), index + 1))
        .collect();
    let places = places.join(", ");
    Fault::of_file(
        path,
        Text::new(
            format!("有多列对应字段“{}”：{places}", field.title.zh),
            format!("several columns match the field `{}`: {places}", field.name),
        ),
        Text::new(
            "请只保留一列，或把其余列改名",
            "keep one column, or rename the others",
        ),
    )
}
