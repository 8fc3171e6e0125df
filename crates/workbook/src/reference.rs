//! References to cells (`B7`) and areas (`A1:C9`).

/// A rectangle of cells. Rows and columns count from 1; the last ones are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Area {
    /// The first row.
    pub first_row: u32,
    /// The first column.
    pub first_column: u32,
    /// The last row.
    pub last_row: u32,
    /// The last column.
    pub last_column: u32,
}

/// Returns the row and column of a reference, counted from 1. They are not checked
/// against the size of a sheet, and saturate.
#[inline]
pub(crate) fn parse_cell(reference: &[u8]) -> Option<(u32, u32)> {
    let letters = reference.strip_prefix(b"$").unwrap_or(reference);
    let mut column: u32 = 0;
    let mut length = 0;
    for byte in letters {
        let letter = (byte | 0x20).wrapping_sub(b'a');
        if letter >= 26 {
            break;
        }
        column = column
            .saturating_mul(26)
            .saturating_add(u32::from(letter) + 1);
        length += 1;
    }
    let digits = &letters[length..];
    let digits = digits.strip_prefix(b"$").unwrap_or(digits);
    let row = parse_number(digits)?;
    (column > 0 && row > 0).then_some((row, column))
}

/// Parses a whole number; saturates if it is too large.
#[inline]
pub(crate) fn parse_number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    let mut number: u32 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(u32::from(digit));
    }
    Some(number)
}

/// Parses an area. Its corners may be written in any order.
pub(crate) fn parse_area(reference: &[u8]) -> Option<Area> {
    let colon = reference.iter().position(|byte| *byte == b':');
    let (one, other) = match colon {
        Some(colon) => (&reference[..colon], &reference[colon + 1..]),
        None => (reference, reference),
    };
    let ((row, column), (other_row, other_column)) = (parse_cell(one)?, parse_cell(other)?);
    Some(Area {
        first_row: row.min(other_row),
        first_column: column.min(other_column),
        last_row: row.max(other_row),
        last_column: column.max(other_column),
    })
}

#[cfg(test)]
mod tests {
    use super::{Area, parse_area, parse_cell};

    #[test]
    fn cell_references_are_parsed() {
        for (reference, cell) in [
            ("A1", Some((1, 1))),
            ("Z9", Some((9, 26))),
            ("AA10", Some((10, 27))),
            ("XFD1048576", Some((1_048_576, 16_384))),
            ("xfd1", Some((1, 16_384))),
            ("$B$7", Some((7, 2))),
            ("XFE1", Some((1, 16_385))),
            ("ZZZZZZZZZZZZ1", Some((1, u32::MAX))),
            ("A99999999999", Some((u32::MAX, 1))),
            ("", None),
            ("A", None),
            ("1", None),
            ("A0", None),
            ("A1B", None),
            ("A 1", None),
            ("A-1", None),
            ("甲1", None),
        ] {
            assert_eq!(parse_cell(reference.as_bytes()), cell, "{reference}");
        }
    }

    #[test]
    fn corners_of_an_area_may_be_in_any_order() {
        let area = Area {
            first_row: 2,
            first_column: 1,
            last_row: 9,
            last_column: 3,
        };
        for reference in ["A2:C9", "C9:A2", "C2:A9", "$A$9:$C$2"] {
            assert_eq!(parse_area(reference.as_bytes()), Some(area), "{reference}");
        }
        for reference in ["A2:", ":A2", "A2:C", "A:C", "2:9", "A1:B2:C3", ""] {
            assert_eq!(parse_area(reference.as_bytes()), None, "{reference}");
        }
    }
}
