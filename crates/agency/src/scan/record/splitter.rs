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
use super::lookahead::{FirstLine, Lookahead, Stop, is_text};
use super::{Cells, Dialect, is_blank};

/// The result of splitting at one position of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// A record. Its cells have been filled in.
    Record,
    /// A stray quote. The line is rejected.
    Quote,
    /// A record longer than 1 MiB. The line is rejected.
    TooLong,
    /// The bytes end inside a quoted field and more bytes follow.
    Incomplete,
}

/// Splits the records of one block from its start to its end.
pub(crate) struct Splitter<'b> {
    bytes: &'b [u8],
    more_follows: bool,
    dialect: Dialect,
    limits: RecordLimits,
    lookahead: Lookahead,
    /// The end of the bytes that failed attempts have scanned.
    failed_until: usize,
    /// Number of bytes that were scanned.
    #[cfg(test)]
    pub(super) scanned: usize,
}

impl<'b> Splitter<'b> {
    pub(crate) fn new(
        bytes: &'b [u8],
        more_follows: bool,
        dialect: Dialect,
        limits: RecordLimits,
    ) -> Self {
        Splitter {
            bytes,
            more_follows,
            dialect,
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

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
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
            Split::Record => (end + 1).min(self.bytes.len()),
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
        let width = self.dialect.width;
        let is_first_attempt = start >= self.failed_until;
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
                        None => return (self.unclosed(), at),
                        Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                            cells.bytes.push(b'"');
                            at += 2;
                        }
                        Some(b'"') => {
                            at += 1;
                            break;
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
                        let outcome = self.look_ahead(&FirstLine {
                            start,
                            end: at,
                            fields: cells.len(),
                            content: own_part.len(),
                            text_after_quote,
                            extra_is_blank: cells.extra_is_blank(width)
                                && (cells.len() < width || is_blank(own_part)),
                        });
                        if outcome != Split::Record {
                            return (outcome, at);
                        }
                    }
                }
                text_after_quote |= is_text(bytes.get(at), self.dialect.delimiter);
            }
            loop {
                if at - start > self.limits.record_bytes {
                    return (Split::TooLong, at);
                }
                match bytes.get(at) {
                    Some(byte) if *byte == self.dialect.delimiter => {
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
                        let fits = || cells.len() >= width && cells.extra_is_blank(width);
                        if spans_lines && is_first_attempt && (text_after_quote || !fits()) {
                            return (Split::Quote, at);
                        }
                        return (Split::Record, at);
                    }
                    Some(byte) => {
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
            match self.lookahead.step(self.bytes, self.dialect.delimiter) {
                None => {}
                Some(Stop::Unclosed) => break self.unclosed(),
                Some(Stop::RecordEnd) => {
                    break match self.lookahead.fits(line, entry, self.dialect.width) {
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
