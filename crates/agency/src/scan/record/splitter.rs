//! Splits a block record by record, in time linear in its length.
//!
//! A stray quote can make a record run on for up to 1 MiB before it is rejected. Only
//! its first line is then dropped, and the record that begins on the next line may run
//! on as far. A few megabytes would take minutes if each attempt scanned those bytes
//! again, so the [`Lookahead`] keeps what an attempt has found beyond its first line.
//!
//! Most records of several lines are valid. The lookahead would scan them a second time, so
//! it is used only after an attempt has failed, for the records that begin in the bytes
//! which that attempt has scanned. Such bytes are scanned once by the failed attempt, once
//! by the lookahead and once for the record that they belong to.

use super::super::limits::RecordLimits;
use super::kind::is_blank;
use super::lookahead::{FirstLine, Lookahead, Stop};
use super::quote::{QuoteInField, is_text, quote_in_field, swallows_a_row};
use super::{Cells, is_line_ending};

/// The result of splitting at one position of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// A record. Its cells have been filled in.
    Record,
    /// A record in which text follows a closing quote, or a quote after a blank is not
    /// closed.
    TextAfterQuote,
    /// A record with a carriage return outside quotes that does not end its line.
    CarriageReturn,
    /// A stray quote. The line is rejected.
    Quote,
    /// A record longer than 1 MiB. The line is rejected.
    TooLong,
    /// The bytes end inside a quoted field and more bytes follow.
    Incomplete,
}

/// What a scan notices in a record that can be split, but not believed.
#[derive(Default)]
pub(super) struct Oddities {
    /// A carriage return outside quotes after which nothing has followed yet.
    pending: bool,
    carriage_return: bool,
    text_after_quote: bool,
}

impl Oddities {
    /// Notes a byte outside quotes that is part of a field.
    pub(super) fn see(&mut self, byte: u8) {
        match byte {
            b'\r' => self.pending = true,
            byte if self.pending && !is_line_ending(byte) => self.carriage_return = true,
            _ => {}
        }
    }

    /// Notes the end of a field at a delimiter. `closed_at` is the length of the cells
    /// at the field's closing quote.
    pub(super) fn end_field(&mut self, cells: &Cells, closed_at: Option<usize>) {
        self.carriage_return |= self.pending;
        self.end_line(cells, closed_at);
    }

    /// Notes the end of the last field.
    pub(super) fn end_line(&mut self, cells: &Cells, closed_at: Option<usize>) {
        let start = closed_at.unwrap_or_else(|| cells.ends.last().copied().unwrap_or(0));
        let text = cells.bytes.get(start..).unwrap_or_default();
        self.text_after_quote |= match closed_at {
            Some(_) => !is_blank(text),
            // A quote after a blank opens no field. If it closes none either, the field
            // was to go on after a delimiter.
            None => {
                let quoted = text.trim_ascii();
                text.first().is_some_and(u8::is_ascii_whitespace)
                    && quoted.starts_with(b"\"")
                    && (quoted.len() == 1 || !quoted.ends_with(b"\""))
            }
        };
    }

    /// Returns the outcome of a record that has been split.
    pub(super) fn outcome(&self) -> Split {
        match (self.carriage_return, self.text_after_quote) {
            (true, _) => Split::CarriageReturn,
            (false, true) => Split::TextAfterQuote,
            (false, false) => Split::Record,
        }
    }
}

/// Splits the records of one block from its start to its end.
pub(crate) struct Splitter<'b> {
    bytes: &'b [u8],
    more_follows: bool,
    delimiter: u8,
    width: Option<usize>,
    limits: RecordLimits,
    lookahead: Lookahead,
    /// The end of the bytes that failed attempts have scanned.
    failed_until: usize,
    /// Number of bytes that were scanned.
    #[cfg(test)]
    pub(super) scanned: usize,
}

impl<'b> Splitter<'b> {
    /// `width` is the number of columns that a record of several lines must have; `None`
    /// allows any.
    pub(crate) fn new(
        bytes: &'b [u8],
        more_follows: bool,
        delimiter: u8,
        width: Option<usize>,
        limits: RecordLimits,
    ) -> Self {
        Splitter {
            bytes,
            more_follows,
            delimiter,
            width,
            limits,
            lookahead: Lookahead::default(),
            failed_until: 0,
            #[cfg(test)]
            scanned: 0,
        }
    }

    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Splits the record that begins at `start`. Also returns the position after it, or
    /// after its first line if it is rejected.
    ///
    /// Each call must start at a line start, at or after the position that the call before
    /// it returned. Only the first call may start anywhere. Then all calls together take
    /// time linear in the length of the block.
    pub(crate) fn split(&mut self, start: usize, cells: &mut Cells) -> (Split, usize) {
        let (outcome, end) = self.scan(start, cells);
        #[cfg(test)]
        {
            self.scanned += end - start;
        }
        let next = match outcome {
            Split::Record | Split::TextAfterQuote | Split::CarriageReturn => {
                (end + 1).min(self.bytes.len())
            }
            Split::Incomplete => start,
            Split::Quote | Split::TooLong => {
                self.failed_until = self.failed_until.max(end);
                let rest = self.bytes.get(start..).unwrap_or_default();
                memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |at| start + at + 1)
            }
        };
        (outcome, next)
    }

    /// Scans a record, and fills its cells if it is one. Also returns the position where
    /// the scan ended. Where an earlier attempt has failed, a rejected record is scanned at
    /// most to the end of its first line.
    fn scan(&mut self, start: usize, cells: &mut Cells) -> (Split, usize) {
        cells.clear();
        let bytes = self.bytes;
        let is_first_attempt = start >= self.failed_until;
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
                        None => return (self.unclosed(), at),
                        Some(b'"') => {
                            let quote = quote_in_field(bytes, at, self.delimiter);
                            at += quote.length();
                            if quote == QuoteInField::Closing {
                                break;
                            }
                            cells.bytes.push(b'"');
                        }
                        Some(byte) => {
                            cells.bytes.push(*byte);
                            at += 1;
                        }
                    }
                    if cells.bytes.len() - content > self.limits.quoted_field_bytes {
                        return (Split::Quote, at);
                    }
                    if at - start > self.limits.record_bytes {
                        return (Split::TooLong, at);
                    }
                    if !spans_lines && cells.bytes.last() == Some(&b'\n') {
                        spans_lines = true;
                        if is_first_attempt {
                            continue;
                        }
                        let own_part = cells.bytes.get(content..).unwrap_or_default();
                        let within = |width: usize| {
                            cells.extra_is_blank(width)
                                && (cells.len() < width || is_blank(own_part))
                        };
                        let outcome = self.look_ahead(&FirstLine {
                            start,
                            end: at,
                            fields: cells.len(),
                            content: own_part.len(),
                            text_after_quote,
                            extra_is_blank: self.width.is_none_or(within),
                        });
                        if outcome != Split::Record {
                            return (outcome, at);
                        }
                    }
                }
                text_after_quote |= is_text(bytes.get(at), self.delimiter);
                closed_at = Some(cells.bytes.len());
            }
            loop {
                if at - start > self.limits.record_bytes {
                    return (Split::TooLong, at);
                }
                match bytes.get(at) {
                    Some(byte) if *byte == self.delimiter => {
                        oddities.end_field(cells, closed_at);
                        cells.end_cell();
                        at += 1;
                        break;
                    }
                    None | Some(b'\n') => {
                        cells.trim_line_ending(closed_at);
                        oddities.end_line(cells, closed_at);
                        cells.end_cell();
                        let fits = self.width.is_none_or(|width| {
                            cells.len() >= width && cells.extra_is_blank(width)
                        });
                        if spans_lines && is_first_attempt && (text_after_quote || !fits) {
                            return (Split::Quote, at);
                        }
                        if spans_lines && swallows_a_row(cells.iter(), self.delimiter) {
                            return (Split::Quote, at);
                        }
                        return (oddities.outcome(), at);
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

    /// Decides a record that goes on inside a quoted field after its first line. The
    /// checks and their order are those of a scan byte by byte.
    fn look_ahead(&mut self, line: &FirstLine) -> Split {
        let entry = self.lookahead.enter(line);
        #[cfg(test)]
        let from = self.lookahead.at();
        let outcome = loop {
            if self.lookahead.quoted_field_bytes() > self.limits.quoted_field_bytes {
                break Split::Quote;
            }
            // The length is not checked between an opening quote and the content.
            if !self.lookahead.is_at_opening_quote()
                && self.lookahead.at() - line.start > self.limits.record_bytes
            {
                break Split::TooLong;
            }
            match self.lookahead.step(self.bytes, self.delimiter) {
                None => {}
                Some(Stop::Unclosed) => break self.unclosed(),
                Some(Stop::RecordEnd) => {
                    break match self.lookahead.fits(line, entry, self.width) {
                        true => Split::Record,
                        false => Split::Quote,
                    };
                }
            }
        };
        #[cfg(test)]
        {
            self.scanned += self.lookahead.at() - from;
        }
        outcome
    }

    /// Returns the result for bytes that end inside a quoted field.
    fn unclosed(&self) -> Split {
        match self.more_follows {
            true => Split::Incomplete,
            false => Split::Quote,
        }
    }
}
