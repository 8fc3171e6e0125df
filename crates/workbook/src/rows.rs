//! Reads the rows of a sheet one by one from the XML of its part.

use std::fmt;
use std::io::{BufReader, Read};

use crate::error::{Bound, Fault, Place, Problem, WorkbookError};
use crate::format::NumberFormat;
use crate::limits::{
    MOST_CARRIED_BYTES, MOST_CELL_CHARACTERS, MOST_COLUMNS, MOST_ROW_BYTES, MOST_ROWS, TextBudget,
};
use crate::merged::{MergeList, MergedAreas};
use crate::package::Part;
use crate::reference::Area;
use crate::reference::{parse_cell, parse_number};
use crate::shared_strings::{ALTERNATIVES, SharedStrings, read_raw_text, read_rich_text};
use crate::xml::{Attribute, Scanner, Token, decode_escapes, may_hold_escapes, trim};

/// The error of a formula (ECMA-376-1, 18.17.3, and later additions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorValue {
    /// `#NULL!`
    Null,
    /// `#DIV/0!`
    DivisionByZero,
    /// `#VALUE!`
    Value,
    /// `#REF!`
    Reference,
    /// `#NAME?`
    Name,
    /// `#NUM!`
    Number,
    /// `#N/A`
    NotAvailable,
    /// `#GETTING_DATA`
    GettingData,
    /// `#SPILL!`
    Spill,
    /// `#CALC!`
    Calculation,
    /// Any other error, such as those of later programs.
    Other,
}

impl ErrorValue {
    fn of(text: &[u8]) -> Self {
        match text {
            b"#NULL!" => ErrorValue::Null,
            b"#DIV/0!" => ErrorValue::DivisionByZero,
            b"#VALUE!" => ErrorValue::Value,
            b"#REF!" => ErrorValue::Reference,
            b"#NAME?" => ErrorValue::Name,
            b"#NUM!" => ErrorValue::Number,
            b"#N/A" => ErrorValue::NotAvailable,
            b"#GETTING_DATA" => ErrorValue::GettingData,
            b"#SPILL!" => ErrorValue::Spill,
            b"#CALC!" => ErrorValue::Calculation,
            _ => ErrorValue::Other,
        }
    }

    /// Returns the error as a spreadsheet shows it; `#ERROR` for [`ErrorValue::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorValue::Null => "#NULL!",
            ErrorValue::DivisionByZero => "#DIV/0!",
            ErrorValue::Value => "#VALUE!",
            ErrorValue::Reference => "#REF!",
            ErrorValue::Name => "#NAME?",
            ErrorValue::Number => "#NUM!",
            ErrorValue::NotAvailable => "#N/A",
            ErrorValue::GettingData => "#GETTING_DATA",
            ErrorValue::Spill => "#SPILL!",
            ErrorValue::Calculation => "#CALC!",
            ErrorValue::Other => "#ERROR",
        }
    }
}

/// A number as the file writes it. A spreadsheet keeps fifteen digits: a longer
/// number was rounded before it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'r> {
    /// The digits, with sign, decimal point and exponent if there are any.
    pub text: &'r str,
    /// The number format of the cell.
    pub format: NumberFormat,
}

impl Number<'_> {
    /// Returns the number. An exponent out of range makes it infinite or zero.
    pub fn to_f64(&self) -> f64 {
        // The text was checked when the cell was read, so this cannot fail.
        self.text.parse().unwrap_or(f64::NAN)
    }
}

/// The value of a cell. For a formula, it is the value that was saved with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'r> {
    /// A text, never empty. Also the content of a number, Boolean or date cell that is
    /// not a valid one.
    Text(&'r str),
    /// A number, which may mean a date or a time.
    Number(Number<'r>),
    /// True or false.
    Boolean(bool),
    /// A date, or a date and time, in ISO 8601, as Strict workbooks write them.
    IsoDate(&'r str),
    /// An error.
    Error(ErrorValue),
    /// A formula that was saved without a value. It is not treated as empty, because
    /// data would be lost.
    FormulaWithoutValue,
}

/// A cell with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'r> {
    /// The column, counted from 1.
    pub column: u32,
    /// The value.
    pub value: Value<'r>,
    /// Whether the value comes from the first cell of a merged area ([`Rows::filled`]).
    pub is_filled: bool,
}

/// A row in which at least one cell has a value.
pub struct Row<'r> {
    number: u32,
    cells: &'r [Stored],
    text: &'r [u8],
    strings: &'r SharedStrings,
}

impl<'r> Row<'r> {
    /// Returns the number of the row, counted from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the cells that have a value, from left to right.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Cell<'r>> + use<'r> {
        let (text, strings) = (self.text, self.strings);
        let text = move |stored: &Stored| {
            let text = text.get(stored.start as usize..stored.end as usize);
            // The text was checked to be UTF-8 when it was read.
            text.and_then(|text| std::str::from_utf8(text).ok())
                .unwrap_or_default()
        };
        self.cells.iter().map(move |stored| Cell {
            column: stored.column,
            is_filled: stored.is_filled,
            value: match stored.kind {
                Kind::Shared => Value::Text(strings.get(stored.start).unwrap_or_default()),
                Kind::Text => Value::Text(text(stored)),
                Kind::Number(format) => Value::Number(Number {
                    text: text(stored),
                    format,
                }),
                Kind::Boolean(truth) => Value::Boolean(truth),
                Kind::IsoDate => Value::IsoDate(text(stored)),
                Kind::Error(error) => Value::Error(error),
                Kind::FormulaWithoutValue => Value::FormulaWithoutValue,
            },
        })
    }
}

/// Cells hold personal data, so their content is not shown.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Row")
            .field("number", &self.number)
            .field("cells", &self.cells.len())
            .finish_non_exhaustive()
    }
}

/// Which cells of a merged area get the value of its first cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Only the cells below the first one, in the same column, such as a household
    /// number that is merged over the household's persons. A title over the whole width
    /// stays in one cell.
    Down,
    /// All cells, including those of a heading that is merged over several columns.
    Whole,
}

/// A cell of the current row.
#[derive(Clone, Copy, Debug)]
struct Stored {
    column: u32,
    /// The index of a shared string, or the start of the cell's text in [`Rows::text`].
    start: u32,
    end: u32,
    kind: Kind,
    is_filled: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Shared,
    Text,
    Number(NumberFormat),
    Boolean(bool),
    IsoDate,
    Error(ErrorValue),
    FormulaWithoutValue,
}

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
    strings: &'w SharedStrings,
    formats: &'w [NumberFormat],
    sheet: &'w str,
    part: &'w str,
    state: State,
    row: u32,
    column: u32,
    cells: Vec<Stored>,
    text: Vec<u8>,
    budget: u64,
    left: u64,
    filling: Option<Filling<'w>>,
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

/// The values of merged areas that fill later cells.
struct Filling<'w> {
    /// The areas that begin below the current row.
    ahead: &'w [Area],
    how: Fill,
    carried: Vec<Carried>,
    bytes: usize,
}

struct Carried {
    area: Area,
    stored: Stored,
    /// The text of the value, unless it is a shared string.
    text: Box<[u8]>,
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
            strings,
            formats,
            sheet,
            part,
            state: State::BeforeTable,
            row: 0,
            column: 0,
            cells: Vec::new(),
            text: Vec::new(),
            budget: budget.get(),
            left: budget.get(),
            filling: None,
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
        self.filling = Some(Filling {
            ahead: areas.areas(),
            how,
            carried: Vec::new(),
            bytes: 0,
        });
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
            Ok(true) => Ok(Some(Row {
                number: self.row,
                cells: &self.cells,
                text: &self.text,
                strings: self.strings,
            })),
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
            row: (self.row > 0).then_some(self.row),
            column: (self.column > 0).then_some(self.column),
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
            self.column = 0;
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
                    let number = number.unwrap_or(self.row + 1);
                    if number > self.last_row && self.last_row < MOST_ROWS {
                        return Ok(false);
                    }
                    self.begin_row(number)?;
                    if is_empty {
                        continue;
                    }
                    self.read_cells(is_numbered)?;
                    if !self.cells.is_empty() {
                        self.fill()?;
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
        (self.row, self.column) = (0, 0);
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
        let before = self.row;
        self.row = number;
        if number > MOST_ROWS {
            return Err(Bound::Rows.into());
        }
        if number <= before {
            return Err(match number {
                0 => Problem::Reference.into(),
                _ => Problem::RowOrder.into(),
            });
        }
        self.cells.clear();
        self.text.clear();
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
                        if row != self.row {
                            // A row without a number takes that of its first cell.
                            if is_numbered || last > 0 || row < self.row {
                                return Err(Problem::CellOfOtherRow.into());
                            }
                            self.row = row;
                            if row > MOST_ROWS {
                                return Err(Bound::Rows.into());
                            }
                        }
                        self.column = column;
                    } else {
                        self.column += 1;
                    }
                    is_numbered = true;
                    if self.column > MOST_COLUMNS {
                        return Err(Bound::Columns.into());
                    }
                    is_sorted &= self.column > last;
                    last = self.column;
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
            self.cells.sort_by_key(|cell| cell.column);
            let twice = self
                .cells
                .windows(2)
                .find(|pair| pair[0].column == pair[1].column);
            if let Some(pair) = twice {
                self.column = pair[0].column;
                return Err(Problem::CellTwice.into());
            }
        }
        Ok(())
    }

    /// Reads the content of the cell whose start tag was read last.
    #[inline]
    fn read_cell(&mut self, kind: CellType, format: NumberFormat) -> Result<(), Fault> {
        let start = self.text.len();
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
                            self.text.truncate(start);
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut self.text)?;
                            }
                        }
                        b"v" => {
                            if self.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Value);
                            if !is_empty {
                                read_raw_text(&mut self.scanner, &mut self.text)?;
                            }
                        }
                        b"is" => {
                            if self.text.len() > start {
                                return Err(Problem::ValueTwice.into());
                            }
                            found = Some(Content::Inline);
                            if !is_empty {
                                read_rich_text(&mut self.scanner, &mut self.text)?;
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
            None if is_formula => return self.store(Kind::FormulaWithoutValue, start, 0..0),
            None => return Ok(()),
            Some(Content::Inline) => CellType::InlineText,
            Some(Content::Value) => kind,
        };
        if found == Some(Content::Value)
            && matches!(kind, CellType::Text | CellType::InlineText)
            && may_hold_escapes(&self.text[start..])
        {
            decode_escapes(&mut self.text, start);
        }
        let text = &self.text[start..];
        // A formula whose saved value is the empty text is not without a value.
        if matches!(kind, CellType::Text | CellType::InlineText) {
            return match text.is_empty() {
                true => Ok(()),
                false => self.store_text(start),
            };
        }
        let trimmed = trim(text);
        if trimmed.is_empty() {
            return match is_formula {
                true => self.store(Kind::FormulaWithoutValue, start, 0..0),
                false => self.drop_text(start),
            };
        }
        match kind {
            CellType::Number if is_number(trimmed) => {
                let space = text.len() - text.trim_ascii_start().len();
                let range = as_range(start + space, trimmed.len())?;
                self.store(Kind::Number(format), range.end as usize, range)
            }
            CellType::Shared => {
                let index = parse_number(trimmed).ok_or(Problem::NoSharedString)?;
                let text = self.strings.get(index).ok_or(Problem::NoSharedString)?;
                check_length(text)?;
                match text.len() {
                    0 => self.drop_text(start),
                    _ => self.store(Kind::Shared, start, index..0),
                }
            }
            CellType::Error => {
                let error = ErrorValue::of(trimmed);
                self.store(Kind::Error(error), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"1" | b"true") => {
                self.store(Kind::Boolean(true), start, 0..0)
            }
            CellType::Boolean if matches!(trimmed, b"0" | b"false") => {
                self.store(Kind::Boolean(false), start, 0..0)
            }
            CellType::Date if trimmed[0].is_ascii_digit() && trimmed.is_ascii() => {
                let end = self.text.len();
                let range = as_range(start, end - start)?;
                self.store(Kind::IsoDate, end, range)
            }
            _ => self.store_text(start),
        }
    }

    /// Drops the text of a cell that turned out to be empty.
    fn drop_text(&mut self, start: usize) -> Result<(), Fault> {
        self.text.truncate(start);
        Ok(())
    }

    /// Stores everything in the row's text from `start` on as a text cell.
    fn store_text(&mut self, start: usize) -> Result<(), Fault> {
        let end = self.text.len();
        let text = std::str::from_utf8(&self.text[start..]).map_err(|_| Problem::Encoding)?;
        check_length(text)?;
        let range = as_range(start, end - start)?;
        self.store(Kind::Text, end, range)
    }

    /// Stores the cell, and cuts the row's text at `text_end`.
    #[inline]
    fn store(
        &mut self,
        kind: Kind,
        text_end: usize,
        range: std::ops::Range<u32>,
    ) -> Result<(), Fault> {
        self.text.truncate(text_end);
        if text_end > MOST_ROW_BYTES {
            return Err(Bound::RowBytes.into());
        }
        // The row is full, so this cell has the same position as another one. Without
        // this check, such cells would pile up until the end of the row.
        if self.cells.len() == MOST_COLUMNS as usize {
            return Err(Problem::CellTwice.into());
        }
        let stored = Stored {
            column: self.column,
            start: range.start,
            end: range.end,
            kind,
            is_filled: false,
        };
        let length = stored.length(self.strings);
        charge(&mut self.left, self.budget, length)?;
        self.cells.push(stored);
        Ok(())
    }

    /// Fills cells of the current row with the values of merged areas.
    fn fill(&mut self) -> Result<(), Fault> {
        let Some(filling) = &mut self.filling else {
            return Ok(());
        };
        filling.move_to(self.row, &self.cells, &self.text)?;
        let own = self.cells.len();
        for carried in &filling.carried {
            let Area {
                first_row,
                first_column,
                last_column,
                ..
            } = carried.area;
            let columns = match filling.how {
                Fill::Down if first_row == self.row => continue,
                Fill::Down => first_column..=first_column,
                Fill::Whole => first_column..=last_column,
            };
            let mut stored = carried.stored;
            let mut has_text = carried.text.is_empty();
            for column in columns {
                let others = &self.cells[..own];
                if others
                    .binary_search_by_key(&column, |cell| cell.column)
                    .is_ok()
                {
                    continue;
                }
                self.column = column;
                charge(&mut self.left, self.budget, stored.length(self.strings))?;
                // The text is added only after `charge` allowed it, and once for all columns.
                if !has_text {
                    let range = as_range(self.text.len(), carried.text.len())?;
                    self.text.extend_from_slice(&carried.text);
                    (stored.start, stored.end) = (range.start, range.end);
                    has_text = true;
                }
                self.cells.push(Stored {
                    column,
                    is_filled: true,
                    ..stored
                });
            }
        }
        if self.cells.len() > own {
            self.cells.sort_unstable_by_key(|cell| cell.column);
        }
        Ok(())
    }
}

impl Stored {
    /// Returns the length of the text in bytes.
    #[inline]
    fn length(&self, strings: &SharedStrings) -> usize {
        match self.kind {
            Kind::Shared => strings.get(self.start).unwrap_or_default().len(),
            _ => (self.end - self.start) as usize,
        }
    }
}

impl Filling<'_> {
    /// Removes the areas that end above the row, and adds those that begin in it.
    fn move_to(&mut self, row: u32, cells: &[Stored], text: &[u8]) -> Result<(), Fault> {
        let bytes = &mut self.bytes;
        self.carried.retain(|carried| {
            let reaches = carried.area.last_row >= row;
            if !reaches {
                *bytes -= carried.text.len();
            }
            reaches
        });
        while let Some((area, rest)) = self.ahead.split_first() {
            if area.first_row > row {
                break;
            }
            self.ahead = rest;
            let first = cells.binary_search_by_key(&area.first_column, |cell| cell.column);
            // An area whose first cell has no value, or whose first row was skipped
            // because it has no content, fills nothing.
            let Some(stored) = first.ok().filter(|_| area.first_row == row) else {
                continue;
            };
            let stored = cells[stored];
            let text = match stored.kind {
                Kind::Shared => &[],
                _ => &text[stored.start as usize..stored.end as usize],
            };
            self.bytes += text.len();
            if self.bytes > MOST_CARRIED_BYTES {
                return Err(Bound::CarriedBytes.into());
            }
            self.carried.push(Carried {
                area: *area,
                stored,
                text: text.into(),
            });
        }
        Ok(())
    }
}

/// The element in which a cell holds its content.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Value,
    Inline,
}

/// Subtracts a cell's text and one byte for a separator from the budget.
#[inline]
fn charge(left: &mut u64, budget: u64, length: usize) -> Result<(), Fault> {
    let rest = left.checked_sub(length as u64 + 1);
    *left = rest.ok_or(Bound::Text(budget))?;
    Ok(())
}

#[inline]
fn check_length(text: &str) -> Result<(), Fault> {
    // A text has at least as many bytes as characters.
    match text.len() > MOST_CELL_CHARACTERS && text.encode_utf16().count() > MOST_CELL_CHARACTERS {
        true => Err(Bound::CellCharacters.into()),
        false => Ok(()),
    }
}

#[inline]
fn as_range(start: usize, length: usize) -> Result<std::ops::Range<u32>, Fault> {
    let range = u32::try_from(start)
        .ok()
        .zip(u32::try_from(start + length).ok());
    // Cannot fail: the texts of a row are limited far below 4 GiB.
    range
        .map(|(start, end)| start..end)
        .ok_or(Bound::RowBytes.into())
}

/// Returns whether a text is a number in XML notation, except infinity and NaN.
#[inline]
fn is_number(text: &[u8]) -> bool {
    let text = match text {
        [b'+' | b'-', rest @ ..] => rest,
        text => text,
    };
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut length = whole;
    if let [b'.', after @ ..] = rest {
        let fraction = digits(after);
        length += fraction;
        rest = &after[fraction..];
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = match after {
            [b'+' | b'-', after @ ..] => after,
            after => after,
        };
        let exponent = digits(after);
        return length > 0 && exponent > 0 && exponent == after.len();
    }
    length > 0 && rest.is_empty()
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
