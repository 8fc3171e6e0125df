//! Lines that contain carriage returns outside quotes: the line ends of an old Macintosh
//! in a file with other line ends, or line breaks that a program wrote into values
//! without quoting them. Other characters that some programs end lines with are treated
//! alike where a record has too many fields, or an ID number on either side of one.

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

/// Characters that end a line in some programs: line tabulation and form feed, and in UTF-8
/// next line (U+0085), line separator and paragraph separator (U+2028, U+2029).
const OTHER_LINE_ENDS: [&[u8]; 5] = [
    b"\x0b",
    b"\x0c",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9",
];

/// Returns the length in bytes of such a character at the start of a text; 0 if there is none.
pub(crate) fn other_line_end(text: &[u8], is_utf8: bool) -> usize {
    let mut ends = OTHER_LINE_ENDS.iter();
    let end = ends.find(|end| (is_utf8 || end.len() == 1) && text.starts_with(end));
    end.map_or(0, |end| end.len())
}

/// Returns whether a text has the bytes of such a character, in whatever encoding. All
/// records are searched, most of them in vain.
pub(crate) fn may_have_other_line_ends(text: &[u8]) -> bool {
    let is_end = |at: usize| other_line_end(&text[at..], true) > 0;
    memchr::memchr3_iter(0x0b, 0x0c, 0xe2, text).any(is_end)
        || memchr::memchr_iter(0xc2, text).any(is_end)
}

/// Returns a copy of a record in which each such character outside quotes is a line feed;
/// `None` if there is none.
pub(crate) fn broken_at_other_line_ends(
    record: &[u8],
    delimiter: u8,
    is_utf8: bool,
) -> Option<Vec<u8>> {
    let mut lines = Vec::with_capacity(record.len());
    let mut found = false;
    let mut in_quotes = false;
    let mut at_field_start = true;
    let mut rest = record;
    while let [byte, after @ ..] = rest {
        let end = other_line_end(rest, is_utf8);
        if end > 0 && !in_quotes {
            found = true;
            lines.push(b'\n');
            at_field_start = true;
            rest = rest.get(end..).unwrap_or_default();
            continue;
        }
        if *byte == b'"' && (in_quotes || at_field_start) {
            in_quotes = !in_quotes;
        }
        at_field_start = !in_quotes && (*byte == delimiter || matches!(*byte, b'"' | b'\n'));
        lines.push(*byte);
        rest = after;
    }
    found.then_some(lines)
}
