//! The records of an export: their cells, how they are split, and their kinds.
//!
//! A quote has a meaning only at the start of a field. A quoted field may contain
//! line breaks. Its quote counts as stray if the field is longer than 64 KiB or
//! runs to the end of the file, or if the record spans lines and has the wrong
//! width or a quoted field does not end at a delimiter. A stray quote rejects its
//! own line, and reading continues with the next line, so it costs one row and not
//! the rest of the file.

mod lookahead;
#[cfg(test)]
pub(super) mod reference;
mod splitter;
#[cfg(test)]
mod tests;

pub(super) use splitter::{Split, Splitter};

/// The form of an export's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The delimiter between fields.
    pub delimiter: u8,
    /// Number of fields in the header.
    pub width: usize,
    /// The column of the ID number, from 0.
    pub id_column: usize,
}

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
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|column| self.get(column))
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

    /// Returns whether the cells beyond a width are blank.
    fn extra_is_blank(&self, width: usize) -> bool {
        (width..self.len()).all(|column| is_blank(self.get(column)))
    }
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every cell is blank.
    Blank,
    /// A line of totals (合计, 总计 and so on).
    Total,
    /// More fields than the header, or no field for the ID number.
    FieldCount,
    /// A row.
    Row,
}

/// Classifies a record as row, blank line, total, or record of the wrong width.
pub(super) fn kind_of(cells: &Cells, dialect: Dialect) -> Kind {
    // A record with a long number in the ID column is neither blank nor a total.
    let digits = cells
        .get(dialect.id_column)
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    if digits < 15 {
        if cells.iter().all(is_blank) {
            return Kind::Blank;
        }
        if is_total(cells) {
            return Kind::Total;
        }
    }
    // Some programs omit the empty cells at the end of a row, so a short row is
    // accepted.
    if cells.len() > dialect.id_column && cells.extra_is_blank(dialect.width) {
        Kind::Row
    } else {
        Kind::FieldCount
    }
}

/// Returns whether a cell has only white space, including the full-width space of
/// UTF-8 and GB18030.
fn is_blank(cell: &[u8]) -> bool {
    let mut rest = cell.trim_ascii_start();
    while !rest.is_empty() {
        match blank_length(rest) {
            0 => return false,
            length => rest = rest[length..].trim_ascii_start(),
        }
    }
    true
}

/// Returns the number of bytes of the blank character at the start of a text, or 0 if
/// it does not start with one.
fn blank_length(text: &[u8]) -> usize {
    match text {
        [byte, ..] if byte.is_ascii_whitespace() => 1,
        [0xe3, 0x80, 0x80, ..] => 3,
        [0xa1, 0xa1, ..] | [0xc2, 0xa0, ..] => 2,
        _ => 0,
    }
}

/// Returns whether the first non-blank cell begins with 合计, 总计, 小计, 共计, 总数 or
/// 累计, in UTF-8 or GB18030, followed only by figures and their units.
fn is_total(cells: &Cells) -> bool {
    const WORDS: [&str; 6] = ["合计", "总计", "小计", "共计", "总数", "累计"];
    let Some(first) = cells.iter().find(|cell| !is_blank(cell)) else {
        return false;
    };
    if first.len() > 60 {
        return false;
    }
    let is_total_text = |text: &str| {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        WORDS.iter().any(|word| {
            compact.strip_prefix(word).is_some_and(|rest| {
                rest.chars()
                    .all(|c| !c.is_alphabetic() || "人户条名共数".contains(c))
            })
        })
    };
    match std::str::from_utf8(first) {
        Ok(text) => is_total_text(text),
        Err(_) => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(first)
            .is_some_and(|text| is_total_text(&text)),
    }
}
