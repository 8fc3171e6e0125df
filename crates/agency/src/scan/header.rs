//! Finding the header and matching its columns to the schema.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::personal_number::{self, shown_name};
use aidlink_faults::text::Text;
use aidlink_policy::schema::{ExportSchema, Field, Role, normalise_header};

use super::encoding::Encoding;
use super::limits::{FURTHEST_HEADER, LONGEST_HEADER};
use super::record::{Cells, Dialect, Split, split};

/// Which column of the file holds which field.
#[derive(Clone, Debug, Default)]
pub struct ColumnMatch {
    /// Field name to column index (from 0).
    pub index: BTreeMap<String, usize>,
    /// The headers as the file has them.
    pub headers: Vec<String>,
    /// Fields of the schema for which there is no column.
    pub absent: Vec<String>,
}

impl ColumnMatch {
    /// The header of a field's column as the file has it.
    pub fn header_of(&self, field: &str) -> Option<&str> {
        let index = *self.index.get(field)?;
        self.headers.get(index).map(String::as_str)
    }
}

/// The header of an export and what lies above it.
pub(super) struct Header {
    pub(super) columns: ColumnMatch,
    pub(super) dialect: Dialect,
    /// Byte of the file at which the first record below the header begins.
    pub(super) body_start: usize,
    /// Line of that byte, from 1.
    pub(super) body_line: u64,
    pub(super) title_lines: u64,
}

/// A record that may be the header.
struct Candidate {
    delimiter: u8,
    cells: Vec<String>,
    /// Where it begins in the file, and where the next record does.
    start: usize,
    end: usize,
    known: usize,
    has_id: bool,
}

impl Candidate {
    /// The line it begins on, from 1.
    fn line(&self, head: &[u8]) -> u64 {
        1 + newlines(&head[..self.start])
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Finds the header in the head of a file: the first record that names the ID
/// column and, unless it has one column only, a second field. `skip` bytes of
/// byte-order mark are passed over.
pub(super) fn find(
    path: &Path,
    head: &[u8],
    skip: usize,
    encoding: Encoding,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> Result<Header, Faults> {
    let ranks = Ranks::new(schema, site_headers);
    let mut best: Option<Candidate> = None;
    // In GB18030 a vertical bar can be half of a character.
    let delimiters: &[u8] = match encoding {
        Encoding::Gb18030 => b",\t;",
        _ => b",\t;|",
    };
    for delimiter in delimiters {
        let candidate = first_header(head, skip, encoding, *delimiter, &ranks, schema);
        if let Some(candidate) = candidate
            && best
                .as_ref()
                .is_none_or(|best| (candidate.has_id, candidate.known) > (best.has_id, best.known))
        {
            best = Some(candidate);
        }
    }
    match best {
        None => Err(no_header(path, schema).into()),
        Some(candidate) if !candidate.has_id => {
            Err(no_id_column(path, schema, candidate.line(head)).into())
        }
        Some(candidate) => matched(path, head, schema, &ranks, candidate),
    }
}

/// The first record that names the ID column, or else the one that names most fields.
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
    let mut cells = Cells::default();
    let mut at = skip;
    for _ in 0..FURTHEST_HEADER {
        if at >= head.len() {
            break;
        }
        let start = at;
        let (outcome, next) = split(head, start, false, dialect, &mut cells);
        at = next;
        if outcome != Split::Record {
            continue;
        }
        let texts: Option<Vec<String>> = cells
            .iter()
            .map(|cell| header_text(&encoding.decode(cell)?))
            .collect();
        let Some(texts) = texts else { continue };
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
                cells: texts,
                start,
                end: next,
                known,
                has_id,
            });
            if has_id {
                break;
            }
        }
    }
    best
}

/// The header in a cell, as it may be shown: headers are recorded in the manifest and
/// stand in rejects. A long text or number is dropped: the column then has no name.
/// `None` when the cell can only be rows that an unclosed quote in the header line
/// took in.
fn header_text(text: &str) -> Option<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let doubtful =
        text.len() > LONGEST_HEADER || digits >= 8 || !personal_number::find(text).is_empty();
    match doubtful {
        true if text.contains('\n') => None,
        true => Some(String::new()),
        false => Some(shown_name(text).into_owned()),
    }
}

/// Headers of a schema: normalised header to field and rank, lower is better.
struct Ranks(BTreeMap<String, (String, usize)>);

impl Ranks {
    fn new(schema: &ExportSchema, site_headers: &[(String, String)]) -> Self {
        let mut ranks = BTreeMap::new();
        // A site's own headers take precedence over the schema's.
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

fn matched(
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
                // 身份证号 beside 残疾人证号 is common; the order of the aliases
                // says which is meant. For other fields only name and title do.
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
    // The candidate names the ID column; were it ambiguous, a fault says so.
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

/// The first few headers under which a field is known.
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
            format!("前{FURTHEST_HEADER}行内没有找到表头"),
            format!("no header was found in the first {FURTHEST_HEADER} lines"),
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
        Text::new("表头中没有证件号码列", "the header names no ID column"),
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
            "keep one of them, or rename the others",
        ),
    )
}
