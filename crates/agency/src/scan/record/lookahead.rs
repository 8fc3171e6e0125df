//! Scans a record beyond its first line and keeps what later attempts need.
//!
//! A line break outside quotes ends a record. Therefore every line of a record after
//! the first begins inside a quoted field, and how the scan goes on from such a line
//! start depends on the bytes alone and not on where the record began. If an attempt
//! fails and a later one reaches a line start that the failed one has passed, both go
//! on in the same way.
//!
//! The later attempt differs only in what is on its first line: the number of fields,
//! and whether there is text after a closing quote or beyond the header's width. The
//! length of the field that continues is the same for both, because the same quote
//! opens it. Proof: suppose that one attempt opens this field at a quote which the other
//! passes inside a field that it opened earlier. A delimiter or line feed precedes the
//! quote, so a run of quotes begins with it. The other attempt stays inside its field, so
//! the run is even. But then the last quote of the run closes the field that the first
//! attempt opened with the first quote, and that field does not continue.
//!
//! A record that begins later may also run on further, so the position of the lookahead
//! only ever moves forward, and each byte is scanned once.

use std::collections::VecDeque;

use super::kind::blank_length;
use super::quote::{QuoteInField, is_text, quote_in_field};

/// The first line of a record that continues on the next line.
pub(super) struct FirstLine {
    pub(super) start: usize,
    /// The position after the line feed, inside a quoted field.
    pub(super) end: usize,
    /// Number of fields that end on the line.
    pub(super) fields: usize,
    /// Content bytes, on this line, of the field that continues.
    pub(super) content: usize,
    /// Text follows a closing quote.
    pub(super) text_after_quote: bool,
    /// The cells beyond the header's width are blank on this line.
    pub(super) extra_is_blank: bool,
}

/// The state of the lookahead at a line start.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    at: usize,
    /// The field that continues.
    field: usize,
}

/// Why the lookahead cannot go on. Its state stays as it is.
pub(super) enum Stop {
    /// The record ends.
    RecordEnd,
    /// The bytes end inside a quoted field.
    Unclosed,
}

/// A scan from a line start inside a quoted field to the position that the last attempt
/// needed. Fields are numbered from the first one, which is field 0.
#[derive(Default)]
pub(super) struct Lookahead {
    at: usize,
    in_quotes: bool,
    /// The current field.
    field: usize,
    /// Content bytes of the current field inside its quotes.
    content: usize,
    /// The line starts that have been passed, from the last one that was entered.
    lines: VecDeque<Entry>,
    /// The position after the last closing quote that is followed by text.
    text_after_quote: Option<usize>,
    /// The position and field of the last byte that is not blank.
    last_text: Option<(usize, usize)>,
    /// The end of the last blank character of several bytes.
    blank_until: usize,
}

impl Lookahead {
    /// Enters at the end of a first line. Starts anew there unless an earlier attempt has
    /// passed this line start.
    pub(super) fn enter(&mut self, line: &FirstLine) -> Entry {
        while self.lines.front().is_some_and(|entry| entry.at < line.end) {
            self.lines.pop_front();
        }
        match self.lines.front() {
            Some(entry) if entry.at == line.end => *entry,
            _ => self.start(line),
        }
    }

    fn start(&mut self, line: &FirstLine) -> Entry {
        let entry = Entry {
            at: line.end,
            field: 0,
        };
        // The queue keeps its memory.
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        lines.push_back(entry);
        *self = Lookahead {
            at: line.end,
            in_quotes: true,
            content: line.content,
            lines,
            ..Lookahead::default()
        };
        entry
    }

    /// Returns the position up to which the bytes have been scanned.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_opening_quote(&self) -> bool {
        self.in_quotes && self.content == 0
    }

    /// Returns the content bytes of the current field inside its quotes. No attempt goes
    /// on after a field that is too long, so the fields before it are short enough.
    pub(super) fn quoted_field_bytes(&self) -> usize {
        self.content
    }

    /// Scans the next byte, and the opening quote after a delimiter.
    pub(super) fn step(&mut self, bytes: &[u8], delimiter: u8) -> Option<Stop> {
        let next = bytes.get(self.at + 1);
        match bytes.get(self.at) {
            None if self.in_quotes => return Some(Stop::Unclosed),
            Some(b'"') if self.in_quotes => match quote_in_field(bytes, self.at, delimiter) {
                QuoteInField::Closing => {
                    self.in_quotes = false;
                    self.at += 1;
                    if is_text(next, delimiter) {
                        self.text_after_quote = Some(self.at);
                    }
                }
                kind => {
                    self.last_text = Some((self.at, self.field));
                    self.content += 1;
                    self.at += kind.length();
                }
            },
            Some(byte) if self.in_quotes => {
                self.note_text(bytes);
                self.content += 1;
                self.at += 1;
                if *byte == b'\n' {
                    self.lines.push_back(Entry {
                        at: self.at,
                        field: self.field,
                    });
                }
            }
            Some(byte) if *byte == delimiter => {
                self.field += 1;
                self.content = 0;
                self.at += 1;
                if next == Some(&b'"') {
                    self.in_quotes = true;
                    self.at += 1;
                }
            }
            None | Some(b'\n') => return Some(Stop::RecordEnd),
            Some(_) => {
                self.note_text(bytes);
                self.at += 1;
            }
        }
        None
    }

    fn note_text(&mut self, bytes: &[u8]) {
        if self.at < self.blank_until {
            return;
        }
        match blank_length(bytes.get(self.at..).unwrap_or_default()) {
            0 => self.last_text = Some((self.at, self.field)),
            length => self.blank_until = self.at + length,
        }
    }

    /// Returns whether a record of several lines that ends here has the header's width,
    /// and no text after a closing quote. Additional blank cells are allowed. Without
    /// `width`, any number of cells is.
    pub(super) fn fits(&self, line: &FirstLine, entry: Entry, width: Option<usize>) -> bool {
        let text_after_quote =
            line.text_after_quote || self.text_after_quote.is_some_and(|at| at > line.end);
        let Some(width) = width else {
            return !text_after_quote;
        };
        let fields = line.fields + (self.field - entry.field) + 1;
        let extra_is_blank = line.extra_is_blank
            && self.last_text.is_none_or(|(at, field)| {
                match width.checked_sub(line.fields) {
                    // The field that continues is itself beyond the width.
                    None | Some(0) => at < line.end,
                    Some(fields_within) => field < entry.field + fields_within,
                }
            });
        !text_after_quote && fields >= width && extra_is_blank
    }
}
