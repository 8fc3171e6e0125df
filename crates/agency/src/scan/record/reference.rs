//! Splits a record by itself, without what earlier attempts have found. Tests compare
//! [`Splitter`](super::Splitter) with it.

use super::super::limits::RecordLimits;
use super::quote::{QuoteInField, is_text, quote_in_field, swallows_a_row};
use super::splitter::Oddities;
use super::{Cells, Split};

/// Splits the record that begins at `start`. Also returns the position after it, or
/// after its first line if it is rejected.
pub(crate) fn split(
    bytes: &[u8],
    start: usize,
    more_follows: bool,
    delimiter: u8,
    width: Option<usize>,
    limits: RecordLimits,
    cells: &mut Cells,
) -> (Split, usize) {
    cells.clear();
    let after_line = || {
        let rest = bytes.get(start..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(bytes.len(), |at| start + at + 1)
    };
    let width_fits = |cells: &Cells| {
        width.is_none_or(|width| cells.len() >= width && cells.extra_is_blank(width))
    };
    let mut at = start;
    let mut spans_lines = false;
    let mut text_after_quote = false;
    let mut oddities = Oddities::default();
    loop {
        // At the start of a field.
        let mut closed_at = None;
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            let content = cells.bytes.len();
            loop {
                match bytes.get(at) {
                    None if more_follows => return (Split::Incomplete, start),
                    None => return (Split::Quote, after_line()),
                    Some(b'"') => {
                        let quote = quote_in_field(bytes, at, delimiter);
                        at += quote.length();
                        if quote == QuoteInField::Closing {
                            break;
                        }
                        cells.bytes.push(b'"');
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
            text_after_quote |= is_text(bytes.get(at), delimiter);
            closed_at = Some(cells.bytes.len());
        }
        loop {
            if at - start > limits.record_bytes {
                return (Split::TooLong, after_line());
            }
            match bytes.get(at) {
                Some(byte) if *byte == delimiter => {
                    oddities.end_field(cells, closed_at);
                    cells.end_cell();
                    at += 1;
                    break;
                }
                None | Some(b'\n') => {
                    cells.trim_line_ending(closed_at);
                    oddities.end_line(cells, closed_at);
                    cells.end_cell();
                    let is_row = || width_fits(cells) && !swallows_a_row(cells.iter(), delimiter);
                    if spans_lines && (text_after_quote || !is_row()) {
                        return (Split::Quote, after_line());
                    }
                    return (oddities.outcome(), (at + 1).min(bytes.len()));
                }
                Some(byte) => {
                    oddities.see(*byte);
                    cells.bytes.push(*byte);
                    at += 1;
                }
            }
        }
    }
}
