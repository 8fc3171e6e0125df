//! What a quote inside a quoted field is.

/// A quote inside a quoted field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuoteInField {
    /// The first of two, which stand for one quote (RFC 4180, 2.7).
    Doubled,
    /// Escaped by a backslash, as MySQL and Hive write a quote. The backslash stays.
    Escaped,
    /// The end of the field's quotes.
    Closing,
}

impl QuoteInField {
    /// Returns the number of bytes that the quote takes.
    pub(super) fn length(self) -> usize {
        match self {
            QuoteInField::Doubled => 2,
            QuoteInField::Escaped | QuoteInField::Closing => 1,
        }
    }
}

/// Returns what the quote at `at` is.
///
/// A backslash is also the end of a path, and the last byte of some characters in
/// GB18030. So it escapes a quote only where the quote could otherwise be neither the
/// end of a field nor followed by it.
pub(super) fn quote_in_field(bytes: &[u8], at: usize, delimiter: u8) -> QuoteInField {
    let after_backslash = at > 0 && bytes.get(at - 1) == Some(&b'\\');
    let next = bytes.get(at + 1);
    let ends_field = |place: usize| !is_text(bytes.get(place), delimiter);
    match next {
        Some(b'"') if after_backslash && ends_field(at + 2) => QuoteInField::Escaped,
        Some(b'"') => QuoteInField::Doubled,
        _ if after_backslash && !ends_field(at + 1) => QuoteInField::Escaped,
        _ => QuoteInField::Closing,
    }
}

/// Returns whether the byte after a closing quote is text, and not the end of the field.
pub(super) fn is_text(byte: Option<&u8>, delimiter: u8) -> bool {
    byte.is_some_and(|byte| !matches!(*byte, b'\n' | b'\r') && *byte != delimiter)
}

/// Returns whether a cell of several lines has swallowed a row: one of its lines has a
/// field that is an ID number. A stray quote opened the cell, and another one in a later
/// row closed it.
pub(super) fn swallows_a_row<'c>(cells: impl Iterator<Item = &'c [u8]>, delimiter: u8) -> bool {
    let is_row = |line: &[u8]| {
        let has_delimiter = line.contains(&delimiter);
        has_delimiter && line.split(|byte| *byte == delimiter).any(is_id_number)
    };
    cells
        .filter(|cell| memchr::memchr(b'\n', cell).is_some())
        .any(|cell| cell.split(|byte| *byte == b'\n').any(is_row))
}

/// Returns whether a field has the form of an ID number and nothing else. The rows of a
/// swallowed cell may have quotes of their own, and text formulas (`="..."`).
fn is_id_number(field: &[u8]) -> bool {
    let is_around = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'=' | b'\'');
    let from = field.iter().position(|byte| !is_around(*byte));
    let to = field.iter().rposition(|byte| !is_around(*byte));
    match from.zip(to).map_or(&[][..], |(from, to)| &field[from..=to]) {
        [digits @ .., last] => {
            matches!(digits.len(), 14 | 17)
                && digits.iter().all(u8::is_ascii_digit)
                && (last.is_ascii_digit() || last.eq_ignore_ascii_case(&b'X'))
        }
        [] => false,
    }
}
