//! Finding the header and matching its columns to the schema.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::fault::{Fault, Faults, Place};
use aidlink_contract::schema::{ExportSchema, Field, Role, normalise_header};
use aidlink_contract::text::Text;

use super::records::{line_breaks_at, newlines, reader};

/// Title lines above a header are few.
const FURTHEST_HEADER: usize = 30;

/// Which column of the file holds which field.
#[derive(Clone, Debug, Default)]
pub struct ColumnMatch {
    /// Field name to column index (from 0).
    pub index: BTreeMap<String, usize>,
    /// The headers as they stand in the file.
    pub headers: Vec<String>,
    /// Headers that match no field, or a field that another column matches better.
    pub unmatched: Vec<String>,
    /// Fields of the schema for which there is no column.
    pub absent: Vec<String>,
}

impl ColumnMatch {
    /// The header of a field's column as it stands in the file.
    pub fn header_of(&self, field: &str) -> Option<&str> {
        let index = *self.index.get(field)?;
        self.headers.get(index).map(String::as_str)
    }
}

/// The header of an export and what lies above it.
pub(super) struct Header {
    pub(super) columns: ColumnMatch,
    pub(super) delimiter: u8,
    /// The column of the ID number (from 0).
    pub(super) id_column: usize,
    /// Byte of the text at which the first record below the header begins.
    pub(super) body_start: usize,
    /// Line of that byte, from 1.
    pub(super) body_line: u64,
    pub(super) title_lines: u64,
}

/// A record that may be the header.
struct Candidate {
    delimiter: u8,
    cells: Vec<String>,
    /// The bytes of the text it stands at.
    start: usize,
    end: usize,
    known: usize,
    has_id: bool,
}

impl Candidate {
    /// The line it begins on, from 1.
    fn line(&self, text: &str) -> u64 {
        1 + newlines(text, 0..self.start)
    }
}

/// Finds the header: the first record that names the ID column and, unless it
/// has one column only, a second field.
pub(super) fn find(path: &Path, text: &str, schema: &ExportSchema) -> Result<Header, Faults> {
    let ranks = Ranks::new(schema);
    let mut best: Option<Candidate> = None;
    for delimiter in [b',', b'\t', b';', b'|'] {
        let mut csv = reader(text.as_bytes(), delimiter);
        let mut record = csv::StringRecord::new();
        for _ in 0..FURTHEST_HEADER {
            // The text is valid UTF-8 and the reader is flexible, so reading
            // from memory fails only at the end.
            if !csv.read_record(&mut record).unwrap_or(false) {
                break;
            }
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            let matched: Vec<&str> = cells
                .iter()
                .filter_map(|cell| ranks.field_of(cell).map(|(field, _)| field))
                .collect();
            let has_id = schema
                .national_id()
                .is_some_and(|id| matched.contains(&id.name.as_str()));
            let candidate = Candidate {
                delimiter,
                known: matched.len(),
                has_id,
                start: {
                    let place = record.position().map_or(0, csv::Position::byte);
                    let place = usize::try_from(place).unwrap_or(usize::MAX);
                    place + line_breaks_at(text, place).bytes
                },
                end: usize::try_from(csv.position().byte()).unwrap_or(usize::MAX),
                cells,
            };
            let single = candidate.cells.len() == 1;
            let plausible = candidate.known >= 2 || (single && candidate.known == 1);
            let better = best
                .as_ref()
                .is_none_or(|best| (candidate.has_id, candidate.known) > (best.has_id, best.known));
            if plausible && better {
                let found = candidate.has_id;
                best = Some(candidate);
                if found {
                    break;
                }
            }
        }
    }
    match best {
        None => Err(no_header(path, schema).into()),
        Some(candidate) if !candidate.has_id => {
            Err(no_id_column(path, schema, candidate.line(text)).into())
        }
        Some(candidate) => matched(path, text, schema, &ranks, candidate),
    }
}

/// Headers of a schema: normalised header to field and rank, lower is better.
struct Ranks(BTreeMap<String, (String, usize)>);

impl Ranks {
    fn new(schema: &ExportSchema) -> Self {
        let mut ranks = BTreeMap::new();
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
    text: &str,
    schema: &ExportSchema,
    ranks: &Ranks,
    candidate: Candidate,
) -> Result<Header, Faults> {
    let mut faults = Faults::new();
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
                two_columns(path, field, &candidate, &found).at(Place::Line(candidate.line(text))),
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
                    faults.push(missing_column(path, field, candidate.line(text)));
                }
            }
        }
    }
    let used: Vec<usize> = columns.index.values().copied().collect();
    columns.unmatched = candidate
        .cells
        .iter()
        .enumerate()
        .filter(|(index, cell)| !used.contains(index) && !cell.trim().is_empty())
        .map(|(_, cell)| cell.trim().to_owned())
        .collect();
    // The candidate names the ID column; were it ambiguous, a fault says so.
    let id_column = schema
        .national_id()
        .and_then(|id| columns.index.get(&id.name))
        .copied();
    let end = candidate.end.min(text.len());
    // The reader may stop between the two halves of a CR LF.
    let half = text[..end].ends_with('\r') && text[end..].starts_with('\n');
    let body_start = end + usize::from(half);
    faults.or_value(id_column.map(|id_column| Header {
        columns,
        id_column,
        delimiter: candidate.delimiter,
        body_start,
        body_line: 1 + newlines(text, 0..body_start),
        title_lines: candidate.line(text) - 1,
    }))
}

fn headers_of(field: &Field) -> String {
    [&field.title.zh, &field.name]
        .into_iter()
        .chain(&field.aliases)
        .take(6)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
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
