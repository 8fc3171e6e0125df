//! Reads the rows of a sheet one by one from the XML of its part.

use std::io::{BufReader, Read};

use crate::error::{Bound, Fault, Place, Problem, WorkbookError};
use crate::format::NumberFormat;
use crate::limits::{MOST_COLUMNS, MOST_ROWS, TextBudget};
use crate::merged::{MergeList, MergedAreas};
use crate::package::Part;
use crate::reference::{parse_cell, parse_number};
use crate::row::{ErrorValue, Fill, Kind, Line, Row, as_range, check_length, is_number};
use crate::shared_strings::{ALTERNATIVES, SharedStrings, read_raw_text, read_rich_text};
use crate::xml::{Attribute, Scanner, Token, decode_escapes, may_hold_escapes, trim};

/// The type that a cell states in its `t` attribute.
#[derive(Clone, Copy, PartialEq)]
enum CellType {
    Number,
    Shared,
    Text,
    InlineText,
    Boolean,
    Date,
    Error,
}

/// The rows of a sheet that have content, from first to last.
///
/// Memory holds the current row and a window of the part, however many rows there
/// are. Elements that do not affect the values are skipped, and so is the extent that
/// the sheet states.
pub struct Rows<'w, R: Read> {
    scanner: Scanner<Part<'w, BufReader<R>>>,
    formats: &'w [NumberFormat],
    sheet: &'w str,
    part: &'w str,
    state: State,
    line: Line<'w>,
    merges: MergeList,
    last_row: u32,
}

#[derive(PartialEq)]
enum State {
    BeforeTable,
    InTable,
    Finished,
}

/// The result of a search for the table of cells.
enum Table {
    Missing,
    Empty,
    Open,
}

impl<'w, R: Read> Rows<'w, R> {
    pub(crate) fn new(
        source: Part<'w, BufReader<R>>,
        strings: &'w SharedStrings,
        formats: &'w [NumberFormat],
        sheet: &'w str,
        part: &'w str,
        budget: TextBudget,
    ) -> Result<Self, WorkbookError> {
        let place = || Place {
            sheet: Some(sheet.to_owned()),
            ..Place::of_part(part)
        };
        let scanner = Scanner::new(source).map_err(|fault| Fault::from(fault).at(place()))?;
        Ok(Rows {
            scanner,
            formats,
            sheet,
            part,
            state: State::BeforeTable,
            line: Line::new(strings, budget),
            merges: MergeList::default(),
            last_row: MOST_ROWS,
        })
    }

    /// Ends the rows after the row of this number. The rest of the part is not read, so
    /// neither its checksum nor its structure is verified. Call this before the first row
    /// is read.
    pub fn up_to(mut self, row: u32) -> Self {
        self.last_row = row;
        self
    }

    /// Returns the merged areas of the sheet, once [`Rows::next_row`] has returned `None`
    /// without [`Rows::up_to`]. The list is usually after the rows.
    pub fn into_merged_areas(self) -> MergedAreas {
        self.merges.finish()
    }

    /// Fills the cells of merged areas with the value of the area's first cell. Only
    /// rows that have a value of their own are filled: a row of merged cells alone would
    /// repeat the row above it. A cell that has a value keeps it. Call this before
    /// the first row is read.
    pub fn filled(mut self, areas: &'w MergedAreas, how: Fill) -> Self {
        self.line.set_filled(areas, how);
        self
    }

    /// Returns the next row with content; `None` after the last row or an error.
    ///
    /// # Errors
    /// If the part is damaged or wrong or exceeds a limit. The place of the error names
    /// the row and cell that were being read.
    #[inline]
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, WorkbookError> {
        if self.state == State::Finished {
            return Ok(None);
        }
        match self.read_row() {
            Ok(true) => Ok(Some(self.line.as_row())),
            Ok(false) => {
                self.state = State::Finished;
                Ok(None)
            }
            Err(fault) => {
                self.state = State::Finished;
                Err(fault.at(self.place()))
            }
        }
    }

    #[cold]
    fn place(&self) -> Place {
        Place {
            part: self.part.to_owned(),
            sheet: Some(self.sheet.to_owned()),
            row: (self.line.row > 0).then_some(self.line.row),
            column: (self.line.column > 0).then_some(self.line.column),
        }
    }

    /// Reads the next row with content; `false` if there is none.
    fn read_row(&mut self) -> Result<bool, Fault> {
        if self.state == State::BeforeTable {
            self.state = State::InTable;
            match self.find_table()? {
                Table::Missing => return Err(Problem::OtherContent.into()),
                Table::Empty => return self.read_to_end(),
                Table::Open => {}
            }
        }
        // The depth outside the table, which is a child of the root.
        const AROUND_TABLE: usize = 1;
        loop {
            self.line.column = 0;
            match self.scanner.token()? {
                Token::Start(tag) if tag.local_name() == b"row" => {
                    let mut number = None;
                    for attribute in tag.attributes() {
                        let attribute = attribute?;
                        if attribute.name == b"r" {
                            number = Some(parse_number_attribute(&attribute)?);
                        }
                    }
                    let is_empty = tag.is_empty;
                    let is_numbered = number.is_some();
                    let number = number.unwrap_or(self.line.row + 1);
                    if number > self.last_row && self.last_row < MOST_ROWS {
                        return Ok(false);
                    }
                    self.begin_row(number)?;
                    if is_empty {
                        continue;
                    }
                    self.read_cells(is_numbered)?;
                    if !self.line.cells.is_empty() {
                        self.line.fill()?;
                        return Ok(true);
                    }
                }
                Token::Start(tag) if tag.local_name() == ALTERNATIVES => {
                    return Err(Problem::Alternatives.into());
                }
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    self.scanner.skip(is_empty)?;
                }
                Token::End(AROUND_TABLE) => break,
                Token::Finished => return Err(Problem::CutShort.into()),
                _ => {}
            }
        }
        self.read_to_end()
    }

    /// Reads the rest of the part after the table. Its checksum is compared at the end.
    fn read_to_end(&mut self) -> Result<bool, Fault> {
        (self.line.row, self.line.column) = (0, 0);
        match self.find_table()? {
            Table::Missing => Ok(false),
            Table::Empty | Table::Open => Err(Problem::SecondTable.into()),
        }
    }

    /// Reads up to the table of cells.
    fn find_table(&mut self) -> Result<Table, Fault> {
        loop {
            match self.scanner.token()? {
                Token::Start(tag) if tag.depth == 1 && tag.local_name() == b"sheetData" => {
                    return Ok(match tag.is_empty {
                        true => Table::Empty,
                        false => Table::Open,
                    });
                }
                Token::Start(tag) => self.merges.start(&tag)?,
                Token::End(depth) => self.merges.end(depth),
                Token::Finished => return Ok(Table::Missing),
                _ => {}
            }
        }
    }

    #[inline]
    fn begin_row(&mut self, number: u32) -> Result<(), Fault> {
        let before = self.line.row;
        self.line.row = number;
        if number > MOST_ROWS {
            return Err(Bound::Rows.into());
        }
        if number <= before {
            return Err(match number {
                0 => Problem::Reference.into(),
                _ => Problem::RowOrder.into(),
            });
        }
        self.line.clear();
        Ok(())
    }

    /// Reads the cells of the row whose start tag was read last.
    fn read_cells(&mut self, mut is_numbered: bool) -> Result<(), Fault> {
        let mut is_sorted = true;
        let mut last = 0;
        loop {
            match self.scanner.token()? {
                Token::Start(tag) if tag.local_name() == b"c" => {
                    let is_empty = tag.is_empty;
                    let (mut reference, mut kind, mut format) = (None, CellType::Number, None);
                    for attribute in tag.attributes() {
                        let attribute = attribute?;
                        match attribute.name {
                            b"r" => reference = Some(parse_reference(&attribute)?),
                            b"t" => kind = parse_type(&attribute)?,
                            b"s" => format = Some(parse_number_attribute(&attribute)?),
                            _ => {}
                        }
                    }
                    if let Some((row, column)) = reference {
                        if row != self.line.row {
                            // A row without a number takes that of its first cell.
                            if is_numbered || last > 0 || row < self.line.row {
                                return Err(Problem::CellOfOtherRow.into());
                            }
                            self.line.row = row;
                            if row > MOST_ROWS {
                                return Err(Bound::Rows.into());
                            }
                        }
                        self.line.column = column;
                    } else {
                        self.line.column += 1;
                    }
                    is_numbered = true;
                    if self.line.column > MOST_COLUMNS {
                        return Err(Bound::Columns.into());
                    }
                    is_sorted &= self.line.column > last;
                    last = self.line.column;
                    if !is_empty {
                        let format = format
                            .and_then(|format| self.formats.get(format as usize))
                            .copied()
                            .unwrap_or_default();
                        self.read_cell(kind, format)?;
                    }
                }
                Token::Start(tag) if tag.local_name() == ALTERNATIVES => {
                    return Err(Problem::Alternatives.into());
                }
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    self.scanner.skip(is_empty)?;
                }
                Token::End(_) => break,
                Token::Finished => return Err(Problem::CutShort.into()),
                Token::Text(_) | Token::Data(_) => {}
            }
        }
        if !is_sorted {
            self.line.sort()?;
        }
        Ok(())
    }

    /// Reads the content of the cell whose start tag was read last.
    #[inline]
    fn read_cell(&mut self, kind: CellType, format: NumberFormat) -> Result<(), Fault> {
        let start = self.line.text.len();
        let mut found = None;
        let mut is_formula = false;
        loop {
            match self.scanner.token()? {
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    match tag.local_name() {
                        // Some writers give a text both ways; the inline text counts.
                        b"v" if kind == CellType::InlineText && found == Some(Content::Inline) => {
                            self.scanner.skip(is_empty)?;
                        }
                        b"is" if kind == CellType::InlineText && found == Some(Content::Value) => {
                            self.line.text.truncate(start);
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut self.line.text)?;
                            }
                        }
                        b"v" => {
                            if self.line.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Value);
                            if !is_empty {
                                read_raw_text(&mut self.scanner, &mut self.line.text)?;
                            }
                        }
                        b"is" => {
                            if self.line.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut self.line.text)?;
                            }
                        }
                        ALTERNATIVES => return Err(Problem::Alternatives.into()),
                        name => {
                            is_formula |= name == b"f";
                            self.scanner.skip(is_empty)?;
                        }
                    }
                }
                Token::End(_) => break,
                Token::Finished => return Err(Problem::CutShort.into()),
                Token::Text(_) | Token::Data(_) => {}
            }
        }
        let kind = match found {
            None if is_formula => return self.line.store(Kind::FormulaWithoutValue, start, 0..0),
            None => return Ok(()),
            Some(Content::Inline) => CellType::InlineText,
            Some(Content::Value) => kind,
        };
        if found == Some(Content::Value)
            && matches!(kind, CellType::Text | CellType::InlineText)
            && may_hold_escapes(&self.line.text[start..])
        {
            decode_escapes(&mut self.line.text, start);
        }
        let text = &self.line.text[start..];
        // A formula whose saved value is the empty text is not without a value.
        if matches!(kind, CellType::Text | CellType::InlineText) {
            return match text.is_empty() {
                true => Ok(()),
                false => self.line.store_text(start),
            };
        }
        let trimmed = trim(text);
        if trimmed.is_empty() {
            return match is_formula {
                true => self.line.store(Kind::FormulaWithoutValue, start, 0..0),
                false => self.line.drop_text(start),
            };
        }
        match kind {
            CellType::Number if is_number(trimmed) => {
                let space = text.len() - text.trim_ascii_start().len();
                let range = as_range(start + space, trimmed.len())?;
                self.line
                    .store(Kind::Number(format), range.end as usize, range)
            }
            CellType::Shared => {
                let index = parse_number(trimmed).ok_or(Problem::NoSharedString)?;
                let text = self
                    .line
                    .strings
                    .get(index)
                    .ok_or(Problem::NoSharedString)?;
                check_length(text)?;
                match text.len() {
                    0 => self.line.drop_text(start),
                    _ => self.line.store(Kind::Shared, start, index..0),
                }
            }
            CellType::Error => {
                let error = ErrorValue::of(trimmed);
                self.line.store(Kind::Error(error), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"1" | b"true") => {
                self.line.store(Kind::Boolean(true), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"0" | b"false") => {
                self.line.store(Kind::Boolean(false), start, 0..0)
            }
            CellType::Date if trimmed[0].is_ascii_digit() && trimmed.is_ascii() => {
                let end = self.line.text.len();
                let range = as_range(start, end - start)?;
                self.line.store(Kind::IsoDate, end, range)
            }
            _ => self.line.store_text(start),
        }
    }
}

/// The element in which a cell holds its content.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Value,
    Inline,
}

#[inline]
fn parse_reference(attribute: &Attribute<'_>) -> Result<(u32, u32), Fault> {
    match parse_cell(attribute.raw) {
        Some(cell) => Ok(cell),
        // It may contain an entity or have white space around it.
        None => parse_cell(attribute.text()?.trim().as_bytes()).ok_or(Problem::Reference.into()),
    }
}

#[inline]
fn parse_number_attribute(attribute: &Attribute<'_>) -> Result<u32, Fault> {
    match parse_number(attribute.raw) {
        Some(number) => Ok(number),
        None => parse_number(attribute.text()?.trim().as_bytes()).ok_or(Problem::Reference.into()),
    }
}

#[inline]
fn parse_type(attribute: &Attribute<'_>) -> Result<CellType, Fault> {
    Ok(match attribute.raw {
        b"s" => CellType::Shared,
        b"n" => CellType::Number,
        b"str" => CellType::Text,
        b"inlineStr" => CellType::InlineText,
        b"b" => CellType::Boolean,
        b"d" => CellType::Date,
        b"e" => CellType::Error,
        _ => return Err(Problem::CellKind.into()),
    })
}
