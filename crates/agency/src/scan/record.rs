//! The records of an export: their cells, how they are split, and their kinds.
//!
//! A quote has a meaning only at the start of a field. A quoted field may contain
//! line breaks. Its quote counts as stray if the field is longer than 64 KiB or
//! runs to the end of the file, or if the record spans lines and has the wrong
//! width or a quoted field does not end at a delimiter. A stray quote rejects its
//! own line, and reading continues with the next line, so it costs one row and not
//! the rest of the file.
//!
//! A line ends with a line feed. Carriage returns and Ctrl-Z (the end of a file under
//! DOS) before it belong to the line's end.

mod carriage_return;
mod kind;
mod lookahead;
mod quote;
#[cfg(test)]
pub(super) mod reference;
mod splitter;
#[cfg(test)]
mod tests;

use super::encoding::Encoding;
pub(super) use carriage_return::{
    broken_at_carriage_returns, broken_at_other_line_ends, may_have_other_line_ends, other_line_end,
};
pub(super) use kind::{Kind, has_long_number, is_blank, is_empty, kind_of};
pub(super) use splitter::{Split, Splitter};

/// The form of an export's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The delimiter between fields.
    pub delimiter: u8,
    /// Number of columns up to the last one that may have content. Content beyond it
    /// means that the row is shifted.
    pub width: usize,
    /// Number of fields that a row may have, at least `width`. Those beyond `width` are
    /// blank. A row with more was shifted by a delimiter in a value, even if its last
    /// fields are blank.
    pub fields: usize,
    /// The column of the ID number, from 0.
    pub id_column: usize,
}

/// The byte with which DOS programs mark the end of a file.
pub(super) const CTRL_Z: u8 = 0x1a;

/// The cells of one record, as bytes in the file's encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Bytes between two cells: 1 for the delimiter if the record was copied as a
    /// whole, otherwise 0.
    gap: usize,
}

impl Cells {
    /// Copies these cells.
    pub(super) fn of(cells: &[&[u8]]) -> Self {
        let mut copied = Cells::default();
        for cell in cells {
            copied.bytes.extend_from_slice(cell);
            copied.end_cell();
        }
        copied
    }

    /// Returns a cell, or an empty slice beyond the last one.
    pub fn get(&self, column: usize) -> &[u8] {
        let start = match column {
            0 => 0,
            _ => match self.ends.get(column - 1) {
                Some(end) => end + self.gap,
                None => return &[],
            },
        };
        self.ends
            .get(column)
            .and_then(|end| self.bytes.get(start..*end))
            .unwrap_or_default()
    }

    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the bytes of all cells.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns all cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|column| self.get(column))
    }

    /// Returns the encoding of the record, in a file that is otherwise in `file`.
    pub fn encoding(&self, file: Encoding) -> Encoding {
        file.of_record(self.bytes(), self.iter())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.gap = 0;
    }

    /// Copies a record that has no quotes.
    pub(super) fn take_unquoted(&mut self, record: &[u8], delimiter: u8) {
        self.clear();
        self.bytes.extend_from_slice(record);
        let delimiters = memchr::memchr_iter(delimiter, record);
        self.ends.extend(delimiters.chain([record.len()]));
        self.gap = 1;
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// Removes the line ending from the last cell, which is not ended yet. `closed_at` is
    /// the length of the cells at its closing quote, if it has one.
    fn trim_line_ending(&mut self, closed_at: Option<usize>) {
        let start = closed_at.or(self.ends.last().copied()).unwrap_or(0);
        let cell = self.bytes.get(start..).unwrap_or_default();
        let kept = cell.iter().rposition(|byte| !is_line_ending(*byte));
        self.bytes.truncate(start + kept.map_or(0, |last| last + 1));
    }

    /// Returns whether the cells beyond a width are blank.
    fn extra_is_blank(&self, width: usize) -> bool {
        (width..self.len()).all(|column| is_blank(self.get(column)))
    }
}

/// Returns whether a byte before a line feed or the end of the file belongs to the line's
/// end. Text mode on Windows, applied twice, leaves two carriage returns.
fn is_line_ending(byte: u8) -> bool {
    matches!(byte, b'\r' | CTRL_Z)
}
