//! Reads the table of cells of an XLSX sheet from the XML of its part.

use std::io::Read;

use crate::error::{Bound, Fault, Problem};
use crate::format::NumberFormat;
use crate::limits::{MOST_COLUMNS, MOST_ROWS};
use crate::merged::MergeList;
use crate::reference::{parse_cell, parse_number};
use crate::row::{ErrorValue, Kind, Line, as_range, is_number};
use crate::shared_strings::{ALTERNATIVES, read_raw_text, read_rich_text};
use crate::styles::CellFormats;
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

/// The table of cells of a sheet. Elements that do not affect the values are skipped, and
/// so is the extent that the sheet states.
pub(crate) struct XmlTable<'w, R> {
    scanner: Scanner<R>,
    formats: &'w CellFormats,
    is_begun: bool,
}

/// The result of a search for the table of cells.
enum Table {
    Missing,
    Empty,
    Open,
}

impl<'w, R: Read> XmlTable<'w, R> {
    pub(crate) fn new(source: R, formats: &'w CellFormats) -> Result<Self, Fault> {
        Ok(XmlTable {
            scanner: Scanner::new(source)?,
            formats,
            is_begun: false,
        })
    }

    /// Reads the next row with content; `false` if there is none up to the row `last_row`.
    /// Merged areas on the way are added to `merges`.
    pub(crate) fn read_row(
        &mut self,
        line: &mut Line<'_>,
        merges: &mut MergeList,
        last_row: u32,
    ) -> Result<bool, Fault> {
        if !self.is_begun {
            self.is_begun = true;
            match self.find_table(merges)? {
                Table::Missing => return Err(Problem::OtherContent.into()),
                Table::Empty => return self.read_to_end(line, merges),
                Table::Open => {}
            }
        }
        // The depth outside the table, which is a child of the root.
        const AROUND_TABLE: usize = 1;
        loop {
            line.column = 0;
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
                    let number = number.unwrap_or(line.row + 1);
                    if number > last_row && last_row < MOST_ROWS {
                        return Ok(false);
                    }
                    line.begin_row(number)?;
                    if is_empty {
                        continue;
                    }
                    self.read_cells(line, is_numbered)?;
                    if !line.cells.is_empty() {
                        line.fill()?;
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
        self.read_to_end(line, merges)
    }

    /// Reads the rest of the part after the table. Its checksum is compared at the end.
    fn read_to_end(&mut self, line: &mut Line<'_>, merges: &mut MergeList) -> Result<bool, Fault> {
        (line.row, line.column) = (0, 0);
        match self.find_table(merges)? {
            Table::Missing => Ok(false),
            Table::Empty | Table::Open => Err(Problem::SecondTable.into()),
        }
    }

    /// Reads up to the table of cells.
    fn find_table(&mut self, merges: &mut MergeList) -> Result<Table, Fault> {
        loop {
            match self.scanner.token()? {
                Token::Start(tag) if tag.depth == 1 && tag.local_name() == b"sheetData" => {
                    return Ok(match tag.is_empty {
                        true => Table::Empty,
                        false => Table::Open,
                    });
                }
                Token::Start(tag) if tag.depth == 1 && tag.local_name() == b"row" => {
                    return Err(Problem::OutsideTable.into());
                }
                Token::Start(tag) => merges.start(&tag)?,
                Token::End(depth) => merges.end(depth),
                Token::Finished => return Ok(Table::Missing),
                _ => {}
            }
        }
    }

    /// Reads the cells of the row whose start tag was read last.
    fn read_cells(&mut self, line: &mut Line<'_>, mut is_numbered: bool) -> Result<(), Fault> {
        let mut is_sorted = true;
        let mut last = 0;
        loop {
            match self.scanner.token()? {
                Token::Start(tag) if tag.local_name() == b"c" => {
                    let is_empty = tag.is_empty;
                    let (mut reference, mut kind, mut format) = (None, CellType::Number, 0);
                    for attribute in tag.attributes() {
                        let attribute = attribute?;
                        match attribute.name {
                            b"r" => reference = Some(parse_reference(&attribute)?),
                            b"t" => kind = parse_type(&attribute)?,
                            b"s" => format = parse_number_attribute(&attribute)?,
                            _ => {}
                        }
                    }
                    if let Some((row, column)) = reference {
                        if row != line.row {
                            // A row without a number takes that of its first cell.
                            if is_numbered || last > 0 || row < line.row {
                                return Err(Problem::CellOfOtherRow.into());
                            }
                            line.row = row;
                            if row > MOST_ROWS {
                                return Err(Bound::Rows.into());
                            }
                        }
                        line.column = column;
                    } else {
                        line.column += 1;
                    }
                    is_numbered = true;
                    if line.column > MOST_COLUMNS {
                        return Err(Bound::Columns.into());
                    }
                    is_sorted &= line.column > last;
                    last = line.column;
                    if !is_empty {
                        self.read_cell(line, kind, self.formats.get(format))?;
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
            line.sort()?;
        }
        Ok(())
    }

    /// Reads the content of the cell whose start tag was read last.
    #[inline]
    fn read_cell(
        &mut self,
        line: &mut Line<'_>,
        kind: CellType,
        format: Option<NumberFormat>,
    ) -> Result<(), Fault> {
        let start = line.text.len();
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
                            line.text.truncate(start);
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut line.text)?;
                            }
                        }
                        b"v" => {
                            if line.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Value);
                            if !is_empty {
                                read_raw_text(&mut self.scanner, &mut line.text)?;
                            }
                        }
                        b"is" => {
                            if line.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut line.text)?;
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
            None if is_formula => return line.store(Kind::FormulaWithoutValue, start, 0..0),
            None => return Ok(()),
            Some(Content::Inline) => CellType::InlineText,
            Some(Content::Value) => kind,
        };
        if found == Some(Content::Value)
            && matches!(kind, CellType::Text | CellType::InlineText)
            && may_hold_escapes(&line.text[start..])
        {
            decode_escapes(&mut line.text, start);
        }
        let text = &line.text[start..];
        // A formula whose saved value is the empty text is not without a value.
        if matches!(kind, CellType::Text | CellType::InlineText) {
            return match text.is_empty() {
                true => Ok(()),
                false => line.store_text(start),
            };
        }
        let trimmed = trim(text);
        if trimmed.is_empty() {
            return match is_formula {
                true => line.store(Kind::FormulaWithoutValue, start, 0..0),
                false => line.drop_text(start),
            };
        }
        match kind {
            CellType::Number if is_number(trimmed) => {
                let format = format.ok_or(Problem::NoFormat)?;
                let space = text.len() - text.trim_ascii_start().len();
                let range = as_range(start + space, trimmed.len())?;
                line.store(Kind::Number(format), range.end as usize, range)
            }
            CellType::Shared => {
                let index = parse_number(trimmed).ok_or(Problem::NoSharedString)?;
                line.store_shared(index, start)
            }
            CellType::Error => {
                let error = ErrorValue::of(trimmed);
                line.store(Kind::Error(error), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"1" | b"true") => {
                line.store(Kind::Boolean(true), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"0" | b"false") => {
                line.store(Kind::Boolean(false), start, 0..0)
            }
            CellType::Date if trimmed[0].is_ascii_digit() && trimmed.is_ascii() => {
                let end = line.text.len();
                let range = as_range(start, end - start)?;
                line.store(Kind::IsoDate, end, range)
            }
            _ => line.store_text(start),
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
