//! Splits a record by itself, without what earlier attempts have found. Tests compare
//! [`Splitter`](super::Splitter) with it.

use super::super::limits::RecordLimits;
use super::{Cells, Dialect, Split};

/// Splits the record that begins at `start`. Also returns the position after it, or
/// after its first line if it is rejected.
pub(crate) fn split(
    bytes: &[u8],
    start: usize,
    more_follows: bool,
    dialect: Dialect,
    limits: RecordLimits,
    cells: &mut Cells,
) -> (Split, usize) {
    cells.clear();
    let after_line = || {
        let rest = bytes.get(start..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(bytes.len(), |at| start + at + 1)
    };
    let width_fits =
        |cells: &Cells| cells.len() >= dialect.width && cells.extra_is_blank(dialect.width);
    let mut at = start;
    let mut spans_lines = false;
    let mut text_after_quote = false;
    loop {
        // At the start of a field.
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            let content = cells.bytes.len();
            loop {
                match bytes.get(at) {
                    None if more_follows => return (Split::Incomplete, start),
                    None => return (Split::Quote, after_line()),
                    Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                        cells.bytes.push(b'"');
                        at += 2;
                    }
                    Some(b'"') => {
                        at += 1;
                        break;
                    }
                    Some(byte) => {
                        spans_lines |= *byte == b'\n';
                        cells.bytes.push(*byte);
                        at += 1;
                    }
                }
                if cells.bytes.len() - content > limits.quoted_field_bytes {
                    return (Split::Quote, after_line());
                }
                if at - start > limits.record_bytes {
                    return (Split::TooLong, after_line());
                }
            }
            text_after_quote |= !matches!(bytes.get(at), None | Some(b'\n' | b'\r'))
                && bytes.get(at) != Some(&dialect.delimiter);
        }
        loop {
            if at - start > limits.record_bytes {
                return (Split::TooLong, after_line());
            }
            match bytes.get(at) {
                Some(byte) if *byte == dialect.delimiter => {
                    cells.end_cell();
                    at += 1;
                    break;
                }
                None | Some(b'\n') => {
                    if cells.bytes.last() == Some(&b'\r')
                        && cells.ends.last().copied().unwrap_or(0) < cells.bytes.len()
                    {
                        cells.bytes.pop();
                    }
                    cells.end_cell();
                    if spans_lines && (text_after_quote || !width_fits(cells)) {
                        return (Split::Quote, after_line());
                    }
                    return (Split::Record, (at + 1).min(bytes.len()));
                }
                Some(byte) => {
                    cells.bytes.push(*byte);
                    at += 1;
                }
            }
        }
    }
}
