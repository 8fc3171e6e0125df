//! Rows of workbooks and Parquet files written out as CSV in UTF-8, one line a row.

use calamine::ExcelDateTime;

use aidlink_workbook::TextBudget;

use super::limits::largest_grid;
use super::record::other_line_end;
use crate::cell::date::of_date_cell;

/// Returns a number as digits. A number of more than fifteen digits was rounded when
/// it became a floating-point number. It is written in scientific notation, so that an
/// ID number is rejected as damaged and not taken for another person's.
pub(super) fn float_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else if number.abs() >= 1e15 {
        format!("{number:E}").replace('E', "E+")
    } else {
        number.to_string()
    }
}

/// Returns the day of a cell that holds a date or a moment, in the workbook's own
/// epoch. The time of day is dropped. A number that cannot be meant as a day is written
/// as it is.
pub(super) fn day_text(moment: &ExcelDateTime) -> String {
    let serial = moment.as_f64();
    let (year, month, day, ..) = moment.to_ymd_hms_milli();
    of_date_cell(serial, (year, month, day)).unwrap_or_else(|| float_text(serial))
}

/// Every error value of a spreadsheet, such as `#N/A`.
pub(super) const ERROR_TEXT: &str = "#ERROR";

/// Writes a cell, with quotes if it needs them. Line breaks of every kind become spaces, so
/// that each row is one line.
pub(super) fn write_cell(csv: &mut Vec<u8>, text: &[u8]) {
    let is_special = |(at, byte): (usize, &u8)| match byte {
        b',' | b'"' | b'\n' | b'\r' => true,
        // The first bytes of the others.
        0x0b | 0x0c | 0xc2 | 0xe2 => other_line_end(&text[at..], true) > 0,
        _ => false,
    };
    if !text.iter().enumerate().any(is_special) {
        csv.extend_from_slice(text);
        return;
    }
    csv.push(b'"');
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'"' => csv.extend_from_slice(b"\"\""),
            b'\n' | b'\r' => csv.push(b' '),
            byte => match other_line_end(&text[text.len() - after.len() - 1..], true) {
                0 => csv.push(*byte),
                length => {
                    csv.push(b' ');
                    rest = &after[length - 1..];
                }
            },
        }
    }
    csv.push(b'"');
}

/// The reason why a sheet cannot be written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLarge {
    /// Its text is longer than the budget.
    Text(TextBudget),
    /// A cell is so far outside the table that the lines would consist almost only of
    /// commas.
    Grid,
}

/// The CSV text of a sheet. It has one line for each row from row 1 to the last row
/// with content. The lines above the first row with content are empty; every other
/// line has one field for each column up to the last one with content.
///
/// Rows and cells are added in order. The width of the sheet is known only at the
/// end; until then a line ends with the last cell of its row.
pub(super) struct SheetText {
    csv: Vec<u8>,
    /// The last column of each row, from 1; 0 where the row is blank.
    last_columns: Vec<u32>,
    cells: u64,
    budget: TextBudget,
}

impl SheetText {
    /// Creates a text without lines. `budget` limits the bytes of the finished text.
    pub(super) fn new(budget: TextBudget) -> Self {
        SheetText {
            csv: Vec::new(),
            last_columns: Vec::new(),
            cells: 0,
            budget,
        }
    }

    /// Adds a cell. Row and column count from 1. Cells must be added in order, by row
    /// and then by column.
    ///
    /// # Errors
    /// If the text exceeds the budget.
    pub(super) fn add(&mut self, row: u32, column: u32, text: &[u8]) -> Result<(), TooLarge> {
        while self.last_columns.len() < row as usize {
            if !self.last_columns.is_empty() {
                self.csv.push(b'\n');
            }
            self.last_columns.push(0);
        }
        if let Some(last) = self.last_columns.last_mut() {
            let commas = column.saturating_sub((*last).max(1));
            let length = self.csv.len() + commas as usize;
            self.csv.resize(length, b',');
            *last = column;
        }
        write_cell(&mut self.csv, text);
        self.cells += 1;
        self.check_length(self.csv.len())
    }

    /// Checks that a cell that is not added yet does not exceed the budget.
    pub(super) fn check_cell(&self, text: &[u8]) -> Result<(), TooLarge> {
        self.check_length(self.csv.len() + text.len())
    }

    fn check_length(&self, bytes: usize) -> Result<(), TooLarge> {
        match bytes as u64 > self.budget.get() {
            true => Err(TooLarge::Text(self.budget)),
            false => Ok(()),
        }
    }

    /// Returns the text, with its lines filled up to the width of the sheet. It is
    /// empty if no cell was added.
    ///
    /// # Errors
    /// If the text exceeds the budget, or a cell is far outside the table.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        let Some(width) = self.last_columns.iter().copied().max() else {
            return Ok(self.csv);
        };
        if self.last_columns.len() as u64 * u64::from(width) > largest_grid(self.cells) {
            return Err(TooLarge::Grid);
        }
        self.csv.push(b'\n');
        let blank = |last: &&u32| **last == 0;
        let above = self.last_columns.iter().take_while(blank).count();
        let lines = self.last_columns.get(above..).unwrap_or_default();
        let missing = |last: &u32| (width - (*last).max(1)) as usize;
        let mut to = self.csv.len() + lines.iter().map(missing).sum::<usize>();
        self.check_length(to)?;
        // Lines are moved to their places from the last one to the first, so that the
        // text is not held twice. The commas still to be added fit between `from` and
        // `to`.
        let mut from = self.csv.len();
        self.csv.resize(to, b',');
        for last in lines.iter().rev() {
            if from == to {
                break;
            }
            let end = from - 1;
            let start = memchr::memrchr(b'\n', &self.csv[..end]).map_or(0, |at| at + 1);
            self.csv[to - 1] = b'\n';
            let commas = to - 1 - missing(last);
            self.csv[commas..to - 1].fill(b',');
            let place = commas - (end - start);
            self.csv.copy_within(start..end, place);
            (from, to) = (start, place);
        }
        Ok(self.csv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cells: &[(u32, u32, &str)], budget: u64) -> Result<String, TooLarge> {
        let mut text = SheetText::new(TextBudget::bytes(budget));
        for (row, column, cell) in cells {
            text.add(*row, *column, cell.as_bytes())?;
        }
        text.finish()
            .map(|csv| String::from_utf8(csv).expect("UTF-8"))
    }

    #[test]
    fn every_line_is_as_wide_as_the_sheet_and_is_the_row_of_its_number() {
        for (cells, csv) in [
            (&[][..], ""),
            (&[(1, 1, "a")], "a\n"),
            (&[(3, 2, "a")], "\n\n,a\n"),
            (&[(1, 1, "a"), (2, 3, "b")], "a,,\n,,b\n"),
            (&[(2, 3, "a"), (4, 1, "b")], "\n,,a\n,,\nb,,\n"),
            (
                &[(1, 1, "a,b"), (1, 2, "c\nd"), (2, 1, "\""), (2, 4, "")],
                "\"a,b\",\"c d\",,\n\"\"\"\",,,\n",
            ),
        ] {
            assert_eq!(text(cells, 1000).as_deref(), Ok(csv));
        }
    }

    #[test]
    fn a_line_break_of_every_kind_is_a_space() {
        for end in [
            "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
        ] {
            let cells = [(1, 1, &*format!("甲{end}乙{end}{end}")), (1, 2, "“…”é")];
            let csv = "\"甲 乙  \",“…”é\n".to_owned();
            assert_eq!(text(&cells, 1000), Ok(csv), "{end:?}");
        }
    }

    #[test]
    fn the_text_is_as_long_as_its_budget_allows_commas_and_quotes_counted() {
        for (cells, length) in [
            (&[(1, 1, "abcd")][..], 5),
            (&[(1, 1, "\"\"\"")], 9),
            (&[(1, 1, "a"), (2, 9, "b")], 20),
            (&[(9, 1, "a")], 10),
        ] {
            assert_eq!(text(cells, length).map(|csv| csv.len() as u64), Ok(length));
            let beyond = TooLarge::Text(TextBudget::bytes(length - 1));
            assert_eq!(text(cells, length - 1), Err(beyond));
        }
    }

    #[test]
    fn a_cell_far_outside_the_table_takes_no_memory() {
        let far = [(1, 1, "a"), (1 << 20, 5, "b")];
        assert_eq!(text(&far, u64::MAX), Err(TooLarge::Grid));
        let near = [(1, 1, "a"), (1 << 20, 4, "b")];
        assert!(text(&near, u64::MAX).is_ok());
    }
}
