//! A row as the readers of all formats store and return it: its cells, the limits of
//! its text, and the values of merged areas.

use std::fmt;

use crate::error::{Bound, Fault, Place, Problem};
use crate::format::NumberFormat;
use crate::limits::{
    MOST_CARRIED_BYTES, MOST_CELL_CHARACTERS, MOST_COLUMNS, MOST_ROW_BYTES, MOST_ROWS, TextBudget,
};
use crate::merged::MergedAreas;
use crate::reference::Area;
use crate::shared_strings::SharedStrings;

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
    pub(crate) fn of(text: &[u8]) -> Self {
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

    /// Returns the error of a code in binary formats (\[MS-XLSB\] 2.5.97.2).
    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            0x00 => ErrorValue::Null,
            0x07 => ErrorValue::DivisionByZero,
            0x0f => ErrorValue::Value,
            0x17 => ErrorValue::Reference,
            0x1d => ErrorValue::Name,
            0x24 => ErrorValue::Number,
            0x2a => ErrorValue::NotAvailable,
            0x2b => ErrorValue::GettingData,
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
    /// Whether the value comes from the first cell of a merged area ([`Rows::filled`](crate::Rows::filled)).
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
pub(crate) struct Stored {
    column: u32,
    /// The index of a shared string, or the start of the cell's text in [`Line::text`].
    start: u32,
    end: u32,
    kind: Kind,
    is_filled: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Shared,
    Text,
    Number(NumberFormat),
    Boolean(bool),
    IsoDate,
    Error(ErrorValue),
    FormulaWithoutValue,
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

/// The current row of a reader, and what is left of the budget.
pub(crate) struct Line<'w> {
    pub(crate) row: u32,
    /// The column of the cell that is read, from 1; 0 outside the cells.
    pub(crate) column: u32,
    pub(crate) cells: Vec<Stored>,
    pub(crate) text: Vec<u8>,
    pub(crate) strings: &'w SharedStrings,
    budget: u64,
    left: u64,
    filling: Option<Filling<'w>>,
}

impl<'w> Line<'w> {
    pub(crate) fn new(strings: &'w SharedStrings, budget: TextBudget) -> Self {
        Line {
            row: 0,
            column: 0,
            cells: Vec::new(),
            text: Vec::new(),
            strings,
            budget: budget.get(),
            left: budget.get(),
            filling: None,
        }
    }

    /// Fills the cells of merged areas; see [`Rows::filled`](crate::Rows::filled).
    pub(crate) fn set_filled(&mut self, areas: &'w MergedAreas, how: Fill) {
        self.filling = Some(Filling {
            ahead: areas.areas(),
            how,
            carried: Vec::new(),
            bytes: 0,
        });
    }

    pub(crate) fn as_row(&self) -> Row<'_> {
        Row {
            number: self.row,
            cells: &self.cells,
            text: &self.text,
            strings: self.strings,
        }
    }

    /// Returns the place of what is read, in a sheet and its part.
    #[cold]
    pub(crate) fn place(&self, part: &str, sheet: &str) -> Place {
        Place {
            part: part.to_owned(),
            sheet: Some(sheet.to_owned()),
            row: (self.row > 0).then_some(self.row),
            column: (self.column > 0).then_some(self.column),
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
    }

    /// Begins the row of this number.
    ///
    /// # Errors
    /// If it is not below the row before, or is beyond the limit.
    #[inline]
    pub(crate) fn begin_row(&mut self, number: u32) -> Result<(), Fault> {
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
        self.clear();
        Ok(())
    }

    /// Sorts the cells by column.
    ///
    /// # Errors
    /// If two cells have the same column.
    #[cold]
    pub(crate) fn sort(&mut self) -> Result<(), Fault> {
        self.cells.sort_by_key(|cell| cell.column);
        let twice = self
            .cells
            .windows(2)
            .find(|pair| pair[0].column == pair[1].column);
        match twice {
            Some(pair) => {
                self.column = pair[0].column;
                Err(Problem::CellTwice.into())
            }
            None => Ok(()),
        }
    }

    /// Stores the last cell again, in the next column and with the same text.
    pub(crate) fn repeat_last(&mut self) -> Result<(), Fault> {
        let Some(last) = self.cells.last().copied() else {
            return Ok(());
        };
        self.column = last.column + 1;
        charge(&mut self.left, self.budget, last.length(self.strings))?;
        self.cells.push(Stored {
            column: self.column,
            ..last
        });
        Ok(())
    }

    /// Drops the text of a cell that turned out to be empty.
    pub(crate) fn drop_text(&mut self, start: usize) -> Result<(), Fault> {
        self.text.truncate(start);
        Ok(())
    }

    /// Stores everything in the row's text from `start` on as a text cell.
    pub(crate) fn store_text(&mut self, start: usize) -> Result<(), Fault> {
        let end = self.text.len();
        let text = std::str::from_utf8(&self.text[start..]).map_err(|_| Problem::Encoding)?;
        check_length(text)?;
        let range = as_range(start, end - start)?;
        self.store(Kind::Text, end, range)
    }

    /// Stores a cell with the shared string of this index, and cuts the row's text at
    /// `text_end`. An empty string is no value.
    pub(crate) fn store_shared(&mut self, index: u32, text_end: usize) -> Result<(), Fault> {
        let text = self.strings.get(index).ok_or(Problem::NoSharedString)?;
        check_length(text)?;
        match text.len() {
            0 => self.drop_text(text_end),
            _ => self.store(Kind::Shared, text_end, index..0),
        }
    }

    /// Stores the cell, and cuts the row's text at `text_end`.
    #[inline]
    pub(crate) fn store(
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
    pub(crate) fn fill(&mut self) -> Result<(), Fault> {
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
    pub(crate) fn length(&self, strings: &SharedStrings) -> usize {
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

/// Subtracts a cell's text and one byte for a separator from the budget.
#[inline]
fn charge(left: &mut u64, budget: u64, length: usize) -> Result<(), Fault> {
    let rest = left.checked_sub(length as u64 + 1);
    *left = rest.ok_or(Bound::Text(budget))?;
    Ok(())
}

#[inline]
pub(crate) fn check_length(text: &str) -> Result<(), Fault> {
    // A text has at least as many bytes as characters.
    match text.len() > MOST_CELL_CHARACTERS && text.encode_utf16().count() > MOST_CELL_CHARACTERS {
        true => Err(Bound::CellCharacters.into()),
        false => Ok(()),
    }
}

#[inline]
pub(crate) fn as_range(start: usize, length: usize) -> Result<std::ops::Range<u32>, Fault> {
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
pub(crate) fn is_number(text: &[u8]) -> bool {
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
