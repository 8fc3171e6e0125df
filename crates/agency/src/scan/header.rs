//! Finds the header and matches its columns to the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::personal_number::{self, shown_name};
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform_header;
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::FieldType;

use super::encoding::{Encoding, marks_length};
use super::header_lines;
use super::headings::{Amounts, Headings};
use super::id_headers::OwnPerson;
use super::limits::{
    HEADER_SEARCH_RECORDS, MAX_COLUMNS, MAX_HEADER_BYTES, RecordLimits, WIDTH_SEARCH_RECORDS,
};
use super::record::{Cells, Dialect, Split, Splitter, is_blank, is_empty};
use super::refusal::toml_strings;
use crate::cell::amount::{
    AmountHeader, AmountUnit, StatedUnit, TitleUnit, names_of, stated_units, units_alone,
};

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
    /// Columns (from 0) with a known header that are not used, because another column has
    /// the field.
    pub passed_over: Vec<usize>,
    /// Columns (from 0) that contain the ID number too, such as that of the certificate's
    /// number, beside the ID column. They are compared with it.
    pub certificates: Vec<usize>,
    /// Columns (from 0) with a known header that are not used, because the title of their
    /// group names another person.
    pub of_other_persons: Vec<usize>,
}

impl ColumnMatch {
    /// Returns the header of a field's column as in the file.
    pub fn header_of(&self, field: &str) -> Option<&str> {
        let index = *self.index.get(field)?;
        self.headers.get(index).map(String::as_str)
    }
}

/// How a table holds its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As text with delimiters.
    Text,
    /// As a grid, in a sheet of a workbook.
    Sheet,
    /// By columns.
    Parquet,
}

/// The header of an export and its position.
pub(super) struct Header {
    pub(super) columns: ColumnMatch,
    pub(super) headings: Headings,
    pub(super) dialect: Dialect,
    /// Byte offset of the first record below the header.
    pub(super) body_start: usize,
    /// Line number of that record, from 1.
    pub(super) body_line: u64,
    pub(super) title_lines: u64,
}

/// A cell of the header.
#[derive(Clone)]
struct HeaderCell {
    /// Uniform text, to compare with accepted headers. Never shown.
    text: String,
    /// In a form that may be shown; empty if there is none.
    shown: String,
}

/// A record that may be the header.
struct Candidate {
    delimiter: u8,
    cells: Vec<HeaderCell>,
    /// The cells of the two records above it, the nearest first.
    above: [Option<Vec<HeaderCell>>; 2],
    /// The lines above that have one cell with content, as uniform text.
    titles: BTreeSet<String>,
    /// Byte offset of the first record above that has an ID number in a cell of its own.
    row_above: Option<usize>,
    /// Byte offsets of this record and of the next one.
    start: usize,
    end: usize,
    /// Number of cells that name a field of the schema.
    known: usize,
    has_id: bool,
    /// The header of an ID column that is another person's.
    id_of_another_person: Option<String>,
}

impl Candidate {
    /// Returns the line number where the record begins, from 1.
    fn line(&self, head: &[u8]) -> u64 {
        line_of(head, self.start)
    }
}

fn line_of(head: &[u8], start: usize) -> u64 {
    1 + newlines(&head[..start])
}

/// Returns whether a cell has the form of an ID number and nothing else.
fn is_id_number(cell: &[u8]) -> bool {
    match cell.trim_ascii() {
        [digits @ .., last] => {
            digits.len() == 17
                && digits.iter().all(u8::is_ascii_digit)
                && (last.is_ascii_digit() || last.eq_ignore_ascii_case(&b'X'))
        }
        [] => false,
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Finds the header in the head of a file: the first record that names the ID
/// column and, unless it has only one column, another field.
pub(super) fn find(
    path: &Path,
    head: &[u8],
    layout: Layout,
    encoding: Encoding,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> Result<Header, Faults> {
    let search = Search {
        head,
        encoding,
        accepted: Accepted::new(schema, site_headers),
        schema,
    };
    match search.best() {
        None => Err(no_header(path, layout, schema).into()),
        Some(candidate) if candidate.cells.len() > MAX_COLUMNS => {
            Err(too_many_columns(path, &candidate, head).into())
        }
        Some(candidate) if !candidate.has_id => {
            let line = candidate.line(head);
            Err(match &candidate.id_of_another_person {
                Some(header) => id_of_another_person(path, header, line).into(),
                None => no_id_column(path, schema, line).into(),
            })
        }
        Some(candidate) => search.header(path, layout, candidate),
    }
}

/// Returns whether a record in the head of a file names the ID column. Such a file is an
/// export, even if its header has a fault.
pub(super) fn names_the_id_column(
    head: &[u8],
    encoding: Encoding,
    schema: &ExportSchema,
    site_headers: &[(String, String)],
) -> bool {
    let search = Search {
        head,
        encoding,
        accepted: Accepted::new(schema, site_headers),
        schema,
    };
    search.best().is_some_and(|candidate| candidate.has_id)
}

/// A search for the header of one file.
struct Search<'f> {
    head: &'f [u8],
    encoding: Encoding,
    accepted: Accepted,
    schema: &'f ExportSchema,
}

impl Search<'_> {
    fn splitter(&self, delimiter: u8) -> Splitter<'_> {
        // The width is not known yet.
        Splitter::new(self.head, false, delimiter, None, RecordLimits::DEFAULT)
    }

    /// Returns the record that is the header, or that comes nearest to one.
    fn best(&self) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        // In GB18030 a vertical bar can be part of a character.
        let delimiters: &[u8] = match self.encoding {
            Encoding::Gb18030 => b",\t;",
            _ => b",\t;|",
        };
        for delimiter in delimiters {
            if let Some(candidate) = self.first_header(*delimiter)
                && best.as_ref().is_none_or(|best| {
                    (candidate.has_id, candidate.known) > (best.has_id, best.known)
                })
            {
                best = Some(candidate);
            }
        }
        best.map(|candidate| self.with_all_lines(candidate))
    }

    /// Puts the header together with its other lines, if it has two or three.
    fn with_all_lines(&self, mut candidate: Candidate) -> Candidate {
        let is_known = |name: &str| self.accepted.field_of(&uniform_header(name)).is_some();
        let above = std::mem::take(&mut candidate.above);
        let above = above.iter().map_while(Option::as_ref);
        let above = above.map(|cells| shown(cells));
        for titles in above.take_while(|titles| header_lines::is_line_of_groups(titles)) {
            let id_column = self.id_column(&candidate.cells);
            let names = header_lines::put_together(&titles, &shown(&candidate.cells), is_known);
            candidate.id_of_another_person = match id_column {
                Some(column) => names.get(column).cloned(),
                None => candidate.id_of_another_person,
            };
            candidate.cells = self.cells_of(&names);
        }
        if let Some(id_column) = self.id_column(&candidate.cells)
            && let first = shown(&candidate.cells)
            && let Some((below, end)) =
                self.names_below(&first, id_column, candidate.delimiter, candidate.end)
        {
            let names = header_lines::put_together(&first, &below, is_known);
            candidate.cells = self.cells_of(&names);
            candidate.end = end;
        }
        candidate.has_id = self.id_column(&candidate.cells).is_some();
        candidate
    }

    /// Returns the names of the columns in the one or two lines of the header below its
    /// first line, and the byte offset at which they end.
    fn names_below(
        &self,
        first: &[String],
        id_column: usize,
        delimiter: u8,
        start: usize,
    ) -> Option<(Vec<String>, usize)> {
        let is_known = |name: &str| self.accepted.field_of(&uniform_header(name)).is_some();
        let mut splitter = self.splitter(delimiter);
        let mut line_at = |at: usize| {
            let mut cells = Cells::default();
            if at >= self.head.len() {
                return None;
            }
            match splitter.split(at, &mut cells) {
                (Split::Record, end) => Some((self.names_in(&cells)?, end)),
                _ => None,
            }
        };
        let (second, second_end) = line_at(start)?;
        // Titles of groups within a group are in the second line. With the names below
        // them, it looks like the second line of a header of two.
        if let Some((third, end)) = line_at(second_end)
            && header_lines::is_second_line(&second, &third, id_column)
            && let both = header_lines::put_together(&second, &third, is_known)
            && header_lines::is_second_line(first, &both, id_column)
        {
            return Some((both, end));
        }
        header_lines::is_second_line(first, &second, id_column).then_some((second, second_end))
    }

    fn id_column(&self, cells: &[HeaderCell]) -> Option<usize> {
        let id = &self.schema.national_id()?.name;
        cells.iter().position(|cell| {
            let accepted = self.accepted.field_of(&cell.text);
            accepted.is_some_and(|accepted| accepted.field == *id)
        })
    }

    /// Returns the cells with these names. Two cells together may have the digits of a
    /// number, and then have no name.
    fn cells_of(&self, names: &[String]) -> Vec<HeaderCell> {
        let cell = |name: &String| {
            self.cell_of_text(name).unwrap_or_else(|| HeaderCell {
                text: String::new(),
                shown: String::new(),
            })
        };
        names.iter().map(cell).collect()
    }

    /// Returns the texts of a record that may be the second line of a header. `None` if a
    /// cell has a text that is not shown: it is a row.
    fn names_in(&self, cells: &Cells) -> Option<Vec<String>> {
        let name = |cell: &[u8]| {
            let text = self.encoding.decode(cell)?;
            let cell = self.cell_of_text(&text)?;
            (cell.shown.trim().is_empty() == text.trim().is_empty()).then_some(cell.shown)
        };
        cells.iter().map(name).collect()
    }

    /// Returns the first record that names the ID column and another field, or the record
    /// that names the most fields if none does. If no record names two, returns the one
    /// that names the ID column alone, above a row with an ID number in it: of a list of
    /// numbers the round file may state the rest.
    fn first_header(&self, delimiter: u8) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        let mut of_id_alone: Option<(Candidate, usize)> = None;
        let mut has_number_below = false;
        let mut titles = BTreeSet::new();
        let mut above: [Option<Vec<HeaderCell>>; 2] = [None, None];
        let mut row_above = None;
        let mut splitter = self.splitter(delimiter);
        let mut cells = Cells::default();
        let mut at = marks_length(self.head);
        for _ in 0..HEADER_SEARCH_RECORDS {
            if at >= self.head.len() {
                break;
            }
            let start = at;
            let (outcome, next) = splitter.split(start, &mut cells);
            at = next;
            if outcome != Split::Record {
                continue;
            }
            if cells.iter().any(is_id_number) {
                row_above = row_above.or(Some(start));
            }
            if let Some((_, column)) = &of_id_alone {
                has_number_below |= is_id_number(cells.get(*column));
            }
            let encoding = cells.encoding(self.encoding);
            let header_cells = cells.iter().map(|cell| self.header_cell(encoding, cell));
            let Some(header_cells) = header_cells.collect::<Option<Vec<HeaderCell>>>() else {
                continue;
            };
            let matched: Vec<&str> = header_cells
                .iter()
                .filter_map(|cell| self.accepted.field_of(&cell.text))
                .map(|accepted| accepted.field.as_str())
                .collect();
            let has_id = self
                .schema
                .national_id()
                .is_some_and(|id| matched.contains(&id.name.as_str()));
            let known = matched.len();
            let plausible = known >= 2 || (header_cells.len() == 1 && known == 1);
            let better = best
                .as_ref()
                .is_none_or(|best| (has_id, known) > (best.has_id, best.known));
            let candidate = || Candidate {
                delimiter,
                cells: header_cells.clone(),
                above: above.clone(),
                titles: titles.clone(),
                row_above,
                start,
                end: next,
                known,
                has_id,
                id_of_another_person: None,
            };
            if plausible && better {
                best = Some(candidate());
                if has_id {
                    break;
                }
            } else {
                if let Some(column) = self.id_column(&header_cells)
                    && !has_number_below
                {
                    of_id_alone = Some((candidate(), column));
                }
                let mut filled = header_cells.iter().filter(|cell| !cell.text.is_empty());
                if let (Some(title), None) = (filled.next(), filled.next()) {
                    titles.insert(title.text.clone());
                }
            }
            let [nearest, _] = above;
            above = [Some(header_cells), nearest];
        }
        let of_id_alone = of_id_alone.filter(|_| has_number_below);
        best.or(of_id_alone.map(|(candidate, _)| candidate))
    }

    /// Reads a cell of the header. It may be shown, because headers appear in the manifest
    /// and in rejects, if the round file names it, or if it is short and has no long
    /// number; otherwise, or if it is not text, the column has no name. Returns `None` for a
    /// cell that can only be rows that an unclosed quote in the header line has swallowed.
    fn header_cell(&self, encoding: Encoding, cell: &[u8]) -> Option<HeaderCell> {
        let Some(raw) = encoding.decode(cell) else {
            let text = char::REPLACEMENT_CHARACTER.to_string();
            let shown = String::new();
            return Some(HeaderCell { text, shown });
        };
        self.cell_of_text(&raw)
    }

    /// Returns the cell of the header with this text; see [`Search::header_cell`].
    fn cell_of_text(&self, raw: &str) -> Option<HeaderCell> {
        let text = uniform_header(raw);
        let one_line = raw.replace(['\r', '\n'], " ");
        let is_known = self.accepted.field_of(&text).is_some();
        let digits = raw.chars().filter(char::is_ascii_digit).count();
        let doubtful =
            raw.len() > MAX_HEADER_BYTES || digits >= 8 || !personal_number::find(raw).is_empty();
        let shown = match doubtful && !is_known {
            true if raw.contains('\n') => return None,
            true => String::new(),
            false => shown_name(&one_line).into_owned(),
        };
        Some(HeaderCell { text, shown })
    }

    /// Matches the columns of the header that was found.
    fn header(&self, path: &Path, layout: Layout, candidate: Candidate) -> Result<Header, Faults> {
        let line = candidate.line(self.head);
        let mut shared_units = self.units_above(&candidate);
        let mut faults = FaultCollector::new();
        if let Some(start) = candidate.row_above {
            faults.push(row_above_header(path, line).at(Place::Line(line_of(self.head, start))));
        }
        let mut columns = ColumnMatch {
            headers: candidate
                .cells
                .iter()
                .map(|cell| cell.shown.clone())
                .collect(),
            ..ColumnMatch::default()
        };
        let mut found: BTreeMap<&str, Vec<(Rank, usize)>> = BTreeMap::new();
        for (index, cell) in candidate.cells.iter().enumerate() {
            if let Some(AcceptedHeader { field, rank }) = self.accepted.field_of(&cell.text) {
                // 损失金额（其中现金） is the loss only if no other column is.
                let rank = match self.accepted.has_other_note(&cell.text) {
                    true => Rank::Fallback,
                    false => *rank,
                };
                found.entry(field).or_default().push((rank, index));
            } else if let Some(name) = header_lines::of_another_person(&cell.shown)
                && self.accepted.field_of(&uniform_header(name)).is_some()
            {
                columns.of_other_persons.push(index);
            }
        }
        for field in &self.schema.fields {
            let found = found
                .get(field.name.as_str())
                .map_or(&[][..], Vec::as_slice);
            match chosen(found) {
                Ok(Some(chosen)) => {
                    columns.index.insert(field.name.clone(), chosen);
                    for (rank, index) in found.iter().filter(|(_, index)| *index != chosen) {
                        let is_certificate =
                            *rank == Rank::Fallback && field.role == Role::NationalId;
                        match is_certificate {
                            true => columns.certificates.push(*index),
                            false => columns.passed_over.push(*index),
                        }
                    }
                    let is_named = found.contains(&(Rank::Name, chosen));
                    if field.role == Role::NationalId && !is_named {
                        let others = self.unknown_id_columns(&candidate.cells, field);
                        if !others.is_empty() {
                            let cells = &candidate.cells;
                            let fault = uncertain_id_column(path, field, cells, chosen, &others);
                            faults.push(fault.at(Place::Line(line)));
                        }
                    }
                }
                Ok(None) => {
                    columns.absent.push(field.name.clone());
                    if field.required {
                        faults.push(missing_column(path, field, line));
                    }
                }
                Err(TwoColumns) => {
                    let headers = found
                        .iter()
                        .map(|(_, index)| (&candidate.cells[*index], *index));
                    faults.push(two_columns(path, field, headers).at(Place::Line(line)));
                }
            }
        }
        let amounts: Vec<(&Field, usize)> = self
            .schema
            .fields
            .iter()
            .filter(|field| field.field_type == FieldType::Number)
            .filter_map(|field| Some((field, *columns.index.get(&field.name)?)))
            .collect();
        let columns_of_amounts: BTreeSet<usize> =
            amounts.iter().map(|(_, column)| *column).collect();
        let below = self.units_below(&candidate, &columns_of_amounts);
        for unit in &below {
            // Below the heading of another column a unit says nothing of amounts; the pass
            // over the rows refuses it unless it is their unit.
            let heading = candidate.cells.get(unit.column);
            let has_heading = heading.is_some_and(|cell| !cell.text.is_empty());
            let is_alone = below.len() == 1 && (unit.column == 0 || !has_heading);
            if unit.is_of_all || is_alone {
                for stated in &unit.units {
                    shared_units.entry(*stated).or_insert(unit.line);
                }
            }
        }
        let line_of_shared = shared_units.values().next_back().copied();
        let shared_unit = TitleUnit::one_of(shared_units.into_keys().collect());
        let mut of_amounts = Amounts {
            shared_unit: match shared_unit {
                TitleUnit::Is(unit) => Some(unit),
                TitleUnit::None | TitleUnit::Uncertain(_) => None,
            },
            ..Amounts::default()
        };
        for (field, column) in &amounts {
            let mut own = AmountHeader::of(&candidate.cells[*column].text).units;
            let below = below.iter().filter(|unit| unit.column == *column);
            own.extend(
                below
                    .filter(|unit| !unit.is_of_all)
                    .flat_map(|unit| &unit.units),
            );
            let (unit, stated_at) = match TitleUnit::one_of(own) {
                TitleUnit::None => {
                    let shown = Text::new(field.title.zh.clone(), field.name.clone());
                    of_amounts.others.insert(*column, shown);
                    (shared_unit.clone(), line_of_shared)
                }
                own => {
                    of_amounts.with_own_unit.insert(*column);
                    (own, Some(line))
                }
            };
            match unit {
                TitleUnit::None => {}
                TitleUnit::Is(unit) => {
                    columns.units.insert(field.name.clone(), unit);
                }
                TitleUnit::Uncertain(units) => {
                    let fault = uncertain_unit(path, field, &units);
                    faults.push(fault.at(Place::Line(stated_at.unwrap_or(line))));
                }
            }
        }
        let id = self.schema.national_id();
        // Without an ID column there is already a fault, because the column is ambiguous.
        let id_column = id.and_then(|id| columns.index.get(&id.name)).copied();
        let widths = self.widths(layout, &candidate);
        let headings = self
            .accepted
            .headings(self.encoding, &columns, self.schema, &candidate)
            .with_amounts(of_amounts);
        faults.or_value(id_column.map(|id_column| Header {
            headings,
            dialect: Dialect {
                delimiter: candidate.delimiter,
                width: widths.0.max(id_column + 1),
                fields: widths.1,
                id_column,
            },
            body_start: candidate.end,
            body_line: 1 + newlines(&self.head[..candidate.end]),
            title_lines: line - 1,
            columns,
        }))
    }

    /// Returns the columns that no field has and whose headers speak of the ID number of
    /// the row's own person.
    fn unknown_id_columns(&self, cells: &[HeaderCell], id: &Field) -> Vec<usize> {
        let own = OwnPerson::of(id);
        let cells = cells.iter().enumerate();
        let unknown = cells.filter(|(_, cell)| self.accepted.field_of(&cell.text).is_none());
        unknown
            .filter(|(_, cell)| own.may_be_in(&cell.text))
            .map(|(column, _)| column)
            .collect()
    }

    /// Returns the units that the lines above the header state, with their line numbers.
    fn units_above(&self, candidate: &Candidate) -> BTreeMap<StatedUnit, u64> {
        let above = self.head.get(marks_length(self.head)..candidate.start);
        let lines = above.unwrap_or_default().split(|byte| *byte == b'\n');
        let mut units = BTreeMap::new();
        for (number, line) in (1..).zip(lines) {
            let text = self.encoding.decode(line);
            let text = text.or_else(|| self.encoding.other().decode(line));
            for unit in stated_units(&text.unwrap_or_default()) {
                units.entry(unit).or_insert(number);
            }
        }
        units
    }

    /// Returns the units in the line below the header, if it has nothing but units. In the
    /// pass over the rows it is a footer.
    fn units_below(&self, candidate: &Candidate, of_amounts: &BTreeSet<usize>) -> Vec<UnitBelow> {
        let mut splitter = self.splitter(candidate.delimiter);
        let mut cells = Cells::default();
        let mut at = candidate.end;
        let mut start = at;
        while at < self.head.len() {
            start = at;
            let (outcome, next) = splitter.split(at, &mut cells);
            if outcome != Split::Record || !cells.iter().all(is_empty) {
                break;
            }
            at = next;
        }
        let encoding = cells.encoding(self.encoding);
        let line = line_of(self.head, start);
        let filled = cells.iter().enumerate().filter(|(_, cell)| !is_empty(cell));
        let units = filled.map(|(column, cell)| {
            let text = encoding.decode(cell)?;
            Some(UnitBelow {
                line,
                column,
                is_of_all: text.contains("单位"),
                units: units_alone(&text, of_amounts.contains(&column))?,
            })
        });
        units.collect::<Option<_>>().unwrap_or_default()
    }

    /// Returns the `width` and the `fields` of a [`Dialect`].
    ///
    /// Content beyond the last named column means that cells are shifted: in a text by a
    /// delimiter in a value, in a sheet by cells that were inserted, or deleted from the
    /// header. Blank fields beyond it do not, if header or most rows have them. In Parquet
    /// nothing can be shifted.
    fn widths(&self, layout: Layout, candidate: &Candidate) -> (usize, usize) {
        let header = candidate.cells.len();
        let named = candidate
            .cells
            .iter()
            .rposition(|cell| !cell.text.is_empty());
        let named = named.map_or(header, |last| last + 1);
        match layout {
            Layout::Text => {}
            // Every line is as wide as the sheet.
            Layout::Sheet => return (named, header),
            Layout::Parquet => return (header, header),
        }
        let mut wider: BTreeMap<usize, usize> = BTreeMap::new();
        let mut records = 0;
        let mut splitter = self.splitter(candidate.delimiter);
        let mut cells = Cells::default();
        let mut at = candidate.end;
        while at < self.head.len() && records < WIDTH_SEARCH_RECORDS {
            let (outcome, next) = splitter.split(at, &mut cells);
            at = next;
            if outcome == Split::Record && !cells.iter().all(is_blank) {
                records += 1;
                if cells.len() > header {
                    *wider.entry(cells.len()).or_default() += 1;
                }
            }
        }
        let usual = wider.into_iter().find(|(_, count)| count * 2 > records);
        let fields = usual.map_or(header, |(fields, _)| fields);
        (named, fields)
    }
}

fn shown(cells: &[HeaderCell]) -> Vec<String> {
    cells.iter().map(|cell| cell.shown.clone()).collect()
}

/// The units in a cell below the header.
struct UnitBelow {
    line: u64,
    column: usize,
    /// Whether they are those of all columns, because the cell calls them units (单位：万元).
    is_of_all: bool,
    units: BTreeSet<StatedUnit>,
}

/// How well a header names its field. A lower rank is a better match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The field's name, or a header from the round file.
    Name,
    /// The field's title.
    Title,
    /// An alias.
    Alias,
    /// A title or alias of the ID column. Several such columns are of several persons,
    /// such as the head of the household and its member.
    Person,
    /// A header of a column that has the field too: the number of a certificate that
    /// contains the ID number.
    Fallback,
}

/// Several columns match a field, and none of them better than the others.
struct TwoColumns;

/// Returns the column of a field, of those that match.
fn chosen(found: &[(Rank, usize)]) -> Result<Option<usize>, TwoColumns> {
    let mut found = found.to_vec();
    found.sort_unstable();
    match found.as_slice() {
        [] => Ok(None),
        [(_, only)] => Ok(Some(*only)),
        [first, second, ..] => {
            // 身份证号 beside 残疾人证号 is common. Of other columns, only a header from
            // the round file, a name or a title wins over an alias.
            let wins = match first.0 {
                Rank::Name | Rank::Title => true,
                Rank::Alias | Rank::Person | Rank::Fallback => second.0 == Rank::Fallback,
            };
            match wins && first.0 < second.0 {
                true => Ok(Some(first.1)),
                false => Err(TwoColumns),
            }
        }
    }
}

/// The field of an accepted header.
struct AcceptedHeader {
    field: String,
    rank: Rank,
}

/// The accepted headers, as uniform text.
struct Accepted {
    headers: BTreeMap<String, AcceptedHeader>,
    /// Those of fields of numbers, which may end with a unit.
    of_numbers: Vec<String>,
}

impl Accepted {
    fn new(schema: &ExportSchema, site_headers: &[(String, String)]) -> Self {
        let mut accepted = BTreeMap::new();
        let mut accept = |header: &str, field: &str, rank: Rank| {
            let field = field.to_owned();
            accepted
                .entry(uniform_header(header))
                .or_insert(AcceptedHeader { field, rank });
        };
        // Headers from the round file take precedence over the schema's.
        for (header, field) in site_headers {
            accept(header, field, Rank::Name);
        }
        for field in &schema.fields {
            let is_id = field.role == Role::NationalId;
            let (title, alias) = match is_id {
                true => (Rank::Person, Rank::Person),
                false => (Rank::Title, Rank::Alias),
            };
            accept(&field.name, &field.name, Rank::Name);
            accept(&field.title.zh, &field.name, title);
            for header in &field.aliases {
                accept(header, &field.name, alias);
            }
            for header in &field.fallback_aliases {
                accept(header, &field.name, Rank::Fallback);
            }
        }
        let is_number = |name: &str| {
            let field = schema.field(name);
            field.is_some_and(|field| field.field_type == FieldType::Number)
        };
        let of_numbers = accepted.iter();
        let of_numbers = of_numbers.filter(|(_, accepted)| is_number(&accepted.field));
        Accepted {
            of_numbers: of_numbers.map(|(header, _)| header.clone()).collect(),
            headers: accepted,
        }
    }

    /// Returns the field of a header in uniform text.
    fn field_of(&self, header: &str) -> Option<&AcceptedHeader> {
        let of_amount = || {
            let name = AmountHeader::name_among(header, &self.of_numbers)?;
            self.headers.get(name)
        };
        self.headers.get(header).or_else(of_amount)
    }

    /// Returns whether a header is that of a field of numbers with a note that is no unit
    /// and not known to say nothing of the amounts.
    fn has_other_note(&self, header: &str) -> bool {
        !self.headers.contains_key(header) && !AmountHeader::of(header).is_understood
    }

    fn headings(
        &self,
        encoding: Encoding,
        columns: &ColumnMatch,
        schema: &ExportSchema,
        candidate: &Candidate,
    ) -> Headings {
        let id = schema.national_id();
        let with_labels = schema.fields.iter().filter(|field| field.has_labels());
        let with_labels = with_labels.filter_map(|field| columns.index.get(&field.name).copied());
        let is_text = |field: &&Field| {
            let is_string = field.field_type == FieldType::String && !field.has_labels();
            is_string && field.role != Role::NationalId
        };
        let with_text = schema.fields.iter().filter(is_text);
        let with_text = with_text.filter_map(|field| columns.index.get(&field.name).copied());
        let accepted = self.headers.iter();
        let fields = accepted.map(|(header, accepted)| {
            let column = columns.index.get(&accepted.field).copied();
            (header.clone(), column)
        });
        let is_id = |accepted: &AcceptedHeader| id.is_some_and(|id| id.name == accepted.field);
        let of_id = self.headers.iter().filter(|(_, accepted)| is_id(accepted));
        Headings::new(
            encoding,
            candidate
                .cells
                .iter()
                .map(|cell| cell.text.clone())
                .collect(),
            fields.collect(),
            with_labels.collect(),
            of_id.map(|(header, _)| header.clone()).collect(),
            candidate.titles.clone(),
        )
        .with_text(with_text.collect())
    }
}

fn uncertain_unit(path: &Path, field: &Field, units: &BTreeSet<StatedUnit>) -> Fault {
    let names = names_of(units);
    Fault::of_file(
        path,
        Text::new(
            format!(
                "表头或其上下行写有金额单位“{}”，无法确定“{}”的单位",
                names.join("、"),
                field.title.zh
            ),
            format!(
                "the header or the lines beside it name the unit {}: the unit of `{}` is uncertain",
                names.join(", "),
                field.name
            ),
        ),
        unit_into_header(&field.title.zh),
    )
}

/// Returns the fault for a line among or below the rows that states a unit of money that
/// the header does not state.
pub(super) fn another_unit(path: &Path, amounts: &Amounts, line: u64) -> Fault {
    let fields = || amounts.others.values();
    let titles: Vec<&str> = fields().map(|field| field.zh.as_str()).collect();
    let names: Vec<String> = fields().map(|field| format!("`{}`", field.en)).collect();
    let (titles_zh, names_en) = (titles.join("”、“"), names.join(", "));
    let text = match amounts.shared_unit.map(AmountUnit::text) {
        Some(unit) => Text::new(
            format!(
                "此行写有另一金额单位，而表头的上下行写的是{}，无法确定“{titles_zh}”的单位",
                unit.zh
            ),
            format!(
                "this line states another unit of money than {} beside the header: the unit of {names_en} is uncertain",
                unit.en
            ),
        ),
        None => Text::new(
            format!("此行写有金额单位，而表头没有写明，无法确定“{titles_zh}”的单位"),
            format!(
                "this line states a unit of money, but the header states none: the unit of {names_en} is uncertain"
            ),
        ),
    };
    let hint = unit_into_header(titles.first().copied().unwrap_or_default());
    Fault::of_file(path, text, hint).at(Place::Line(line))
}

fn unit_into_header(title: &str) -> Text {
    Text::new(
        format!(
            "请在每个金额列的表头中写明单位，如：{title}（元）或 {title}（万元）；外币、角、分请先换算为元"
        ),
        format!(
            "write the unit into the header of each column of amounts, such as {title}（元） or {title}（万元）; convert other currencies, 角 and 分 to yuan"
        ),
    )
}

/// Returns the first few headers that are accepted for a field.
fn headers_of(field: &Field) -> String {
    let mut headers: Vec<&str> = Vec::new();
    let all = [&field.title.zh, &field.name].into_iter();
    for header in all.chain(&field.aliases).chain(&field.fallback_aliases) {
        if !headers.contains(&header.as_str()) && headers.len() < 6 {
            headers.push(header);
        }
    }
    headers.join(", ")
}

fn no_header(path: &Path, layout: Layout, schema: &ExportSchema) -> Fault {
    let id = schema.national_id().map(headers_of).unwrap_or_default();
    let (delimiters_zh, delimiters_en) = match layout {
        Layout::Text => (
            "；各列须以逗号、制表符或分号（均为半角）分隔，UTF-8 文件也可用 |",
            "; columns must be separated by commas, tabs or semicolons, in UTF-8 also by |",
        ),
        Layout::Sheet | Layout::Parquet => ("", ""),
    };
    Fault::of_file(
        path,
        Text::new(
            format!("前{HEADER_SEARCH_RECORDS}行内没有找到表头"),
            format!("no header was found in the first {HEADER_SEARCH_RECORDS} lines"),
        ),
        Text::new(
            format!(
                "请确认这是“{}”的导出，且有证件号码列（如：{id}）{delimiters_zh}；表头上方行数过多时请删去",
                schema.title.zh
            ),
            format!(
                "check that this is an export of \"{}\" and has an ID column (such as: {id}){delimiters_en}; delete lines above the header if there are more",
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

fn two_columns<'c>(
    path: &Path,
    field: &Field,
    found: impl Iterator<Item = (&'c HeaderCell, usize)>,
) -> Fault {
    let places = found.map(|(cell, index)| format!("{}({})", cell.shown.trim(), index + 1));
    let places = Text::names(places);
    Fault::of_file(
        path,
        Text::new(
            format!("有多列对应字段“{}”：{}", field.title.zh, places.zh),
            format!(
                "several columns match the field `{}`: {}",
                field.name, places.en
            ),
        ),
        Text::new(
            format!(
                "请只保留一列；或在轮次文件的 headers 中写明用哪一列，如 headers = {{ \"表头\" = \"{}\" }}",
                field.name
            ),
            format!(
                "keep one column, or name the right one in the round file, such as headers = {{ \"HEADER\" = \"{}\" }}",
                field.name
            ),
        ),
    )
}

/// Returns the fault for an ID column, `chosen`, beside `others` with unknown headers that
/// speak of an ID number too.
fn uncertain_id_column(
    path: &Path,
    id: &Field,
    cells: &[HeaderCell],
    chosen: usize,
    others: &[usize],
) -> Fault {
    let header = |column: usize| cells.get(column).map_or("", |cell| cell.shown.trim());
    let place = |column: usize| format!("{}({})", header(column), column + 1);
    let others_shown = Text::names(others.iter().map(|column| place(*column)));
    let line = |column: usize| {
        let header = header(column).replace(['\r', '\n'], " ");
        format!(
            "headers = {{ {} = \"{}\" }}",
            toml_strings(&[&header]),
            id.name
        )
    };
    let first = others.first().copied().unwrap_or(chosen);
    Fault::of_file(
        path,
        Text::new(
            format!(
                "无法确定本人的证件号码列：{}是已知表头，但{}也像是证件号码",
                place(chosen),
                others_shown.zh
            ),
            format!(
                "the ID column is uncertain: the header {} is known, but {} may be each person's own number",
                place(chosen),
                others_shown.en
            ),
        ),
        Text::new(
            format!(
                "请在轮次文件的该导出中写明本人的证件号码列：{} 或 {}；或删去另一列",
                line(first),
                line(chosen)
            ),
            format!(
                "name the column with each person's own number for the export in the round file: {} or {}; or delete the other column",
                line(first),
                line(chosen)
            ),
        ),
    )
}

/// Returns the fault for a row above the header, which is on `line`.
fn row_above_header(path: &Path, line: u64) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("此行有证件号码，却在表头（第{line}行）之上"),
            format!("this line has an ID number, but is above the header on line {line}"),
        ),
        Text::new(
            "请把表头移到所有记录之上；若上方另有表头，请在轮次文件的 headers 中写明其证件号码列",
            "move the header above all rows; if another header is above, name its ID column under `headers` in the round file",
        ),
    )
}

/// Returns the fault for a header among the rows that has other columns than the first.
pub(super) fn another_header(path: &Path, line: u64) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "此行是另一个表头，各列与前面的表头不同",
            "this line is another header, and its columns differ from those of the first",
        ),
        Text::new(
            "请从此行起另存为一个文件，并在轮次文件中一并列出",
            "move this line and the lines below it into a file of their own, and list both files in the round file",
        ),
    )
    .at(Place::Line(line))
}

fn too_many_columns(path: &Path, candidate: &Candidate, head: &[u8]) -> Fault {
    let columns = candidate.cells.len();
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
    .at(Place::Line(candidate.line(head)))
}

#[cfg(test)]
mod tests {
    use aidlink_faults::text::Language;

    use super::*;

    /// Returns the header of a table with this first line, or the messages.
    fn found(line: &str, encoding: Encoding) -> Result<Header, Vec<String>> {
        let schema = include_bytes!("../../../../schemas/veterans.persons.json");
        let path = Path::new("veterans.csv");
        let schema = ExportSchema::parse(path, schema).expect("the shipped schema");
        let bytes = format!("title\n{line}\n");
        find(
            path,
            bytes.as_bytes(),
            Layout::Sheet,
            encoding,
            &schema,
            &[],
        )
        .map_err(|faults| {
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
                assert_eq!(header.dialect.fields, 16_384);
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
                 keep one column, or name the right one in the round file, such as headers = {{ \"HEADER\" = \"kind\" }}",
                places.join(", ")
            );
            assert_eq!(found(&line, Encoding::Utf8).err(), Some(vec![expected]));
        }
    }
}
