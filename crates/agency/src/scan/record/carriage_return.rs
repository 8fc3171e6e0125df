//! Lines that contain carriage returns outside quotes: the line ends of an old Macintosh
//! in a file with other line ends, or line breaks that a program wrote into values
//! without quoting them.

use super::is_line_ending;

/// Returns a copy of a record in which each carriage return outside quotes that does not
/// belong to a line's end is a line feed.
pub(crate) fn broken_at_carriage_returns(record: &[u8], delimiter: u8) -> Vec<u8> {
    let mut lines = record.to_vec();
    let end = record.iter().rposition(|byte| {
        // The record's own line end stays.
        *byte != b'\n' && !is_line_ending(*byte)
    });
    let mut in_quotes = false;
    let mut at_field_start = true;
    for (at, byte) in record
        .iter()
        .enumerate()
        .take(end.map_or(0, |last| last + 1))
    {
        let opens = *byte == b'"' && at_field_start && !in_quotes;
        if opens || (*byte == b'"' && in_quotes) {
            // A doubled quote closes and opens again.
            in_quotes = !in_quotes;
        } else if *byte == b'\r' && !in_quotes {
            lines[at] = b'\n';
        }
        let ends_field = *byte == delimiter || matches!(*byte, b'\r' | b'\n');
        at_field_start = !in_quotes && (ends_field || *byte == b'"');
    }
    lines
}
