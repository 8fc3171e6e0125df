//! Texts that are converted while they are read: UTF-16 with a byte-order mark, such as
//! "Unicode text" of Excel, and texts with carriage returns as line ends.

use std::io::{self, Read};

use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE};

use super::pass::SourceRead;

/// The form of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextForm {
    /// The encoding of a text in UTF-16.
    utf16: Option<&'static encoding_rs::Encoding>,
    /// Most lines end with a carriage return alone.
    carriage_returns: bool,
}

impl TextForm {
    /// Finds the form from the first bytes of a text, and returns those of the converted
    /// text too.
    ///
    /// # Errors
    /// If the text cannot be read.
    pub(super) fn of<'s>(
        text: impl Fn() -> io::Result<Box<dyn SourceRead + 's>>,
        head_bytes: u64,
    ) -> io::Result<(Self, Vec<u8>)> {
        let read_head = |form: TextForm| form.head(text()?, head_bytes);
        let mut form = TextForm::default();
        let mut head = read_head(form)?;
        form.utf16 = match head.get(..2) {
            Some(b"\xff\xfe") => Some(UTF_16LE),
            Some(b"\xfe\xff") => Some(UTF_16BE),
            _ => None,
        };
        if form.utf16.is_some() {
            head = read_head(form)?;
        }
        form.carriage_returns =
            memchr::memchr(b'\r', &head).is_some() && ends_lines_with_carriage_returns(&head);
        if form.carriage_returns {
            head = read_head(form)?;
        }
        Ok((form, head))
    }

    /// Returns the form of a text that is read as it is, and its first bytes.
    ///
    /// # Errors
    /// If the text cannot be read.
    pub(super) fn unconverted<'s>(
        text: impl Fn() -> io::Result<Box<dyn SourceRead + 's>>,
        head_bytes: u64,
    ) -> io::Result<(Self, Vec<u8>)> {
        let form = TextForm::default();
        Ok((form, form.head(text()?, head_bytes)?))
    }

    fn head<'s>(self, text: Box<dyn SourceRead + 's>, head_bytes: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let converted = self.converted(text);
        converted.take(head_bytes).read_to_end(&mut head)?;
        Ok(head)
    }

    pub(super) fn is_utf16(self) -> bool {
        self.utf16.is_some()
    }

    /// Returns a reader of the converted text.
    pub(super) fn converted<'s>(self, text: Box<dyn SourceRead + 's>) -> Box<dyn SourceRead + 's> {
        let text = match self.utf16 {
            None => text,
            Some(encoding) => Box::new(Utf16Reader {
                inner: text,
                decoder: encoding.new_decoder_with_bom_removal(),
                encoded: Vec::new(),
                decoded: Vec::new(),
                taken: 0,
                ended: false,
            }),
        };
        match self.carriage_returns {
            false => text,
            true => Box::new(CarriageReturnReader {
                inner: text,
                after_carriage_return: false,
            }),
        }
    }
}

/// Returns whether most lines end with a carriage return alone. A line break inside a
/// cell may be any.
fn ends_lines_with_carriage_returns(head: &[u8]) -> bool {
    let (mut alone, mut line_feeds) = (0_u64, 0_u64);
    let mut in_quotes = false;
    let mut after_carriage_return = false;
    for byte in head {
        if !in_quotes && after_carriage_return && !matches!(byte, b'\r' | b'\n') {
            alone += 1;
        }
        after_carriage_return = *byte == b'\r';
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'\n' if !in_quotes => line_feeds += 1,
            _ => {}
        }
    }
    alone += u64::from(after_carriage_return);
    alone > line_feeds
}

/// The error for a text that is not valid UTF-16: it was cut inside a character, or has
/// half of a character.
#[derive(Debug)]
pub(super) struct InvalidUtf16;

impl std::error::Error for InvalidUtf16 {}

impl std::fmt::Display for InvalidUtf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the text is not valid UTF-16")
    }
}

/// Converts UTF-16 to UTF-8.
///
/// A text that is not valid is an error, because no single row can be blamed: after a lost
/// byte, all characters are others.
struct Utf16Reader<'s> {
    inner: Box<dyn SourceRead + 's>,
    decoder: encoding_rs::Decoder,
    /// Bytes that are not decoded yet.
    encoded: Vec<u8>,
    decoded: Vec<u8>,
    /// Bytes of `decoded` that have been read.
    taken: usize,
    ended: bool,
}

/// Bytes of UTF-16 that are decoded together.
const DECODED_TOGETHER: u64 = 64 << 10;

impl Read for Utf16Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.decoded.len() && !self.ended {
            self.encoded.clear();
            let read = (&mut self.inner)
                .take(DECODED_TOGETHER)
                .read_to_end(&mut self.encoded)?;
            self.ended = read == 0;
            let room = self
                .decoder
                .max_utf8_buffer_length_without_replacement(read);
            self.decoded.clear();
            self.decoded
                .resize(room.ok_or(io::ErrorKind::InvalidData)?, 0);
            let (result, _, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.encoded,
                &mut self.decoded,
                self.ended,
            );
            if result != DecoderResult::InputEmpty {
                return Err(io::Error::new(io::ErrorKind::InvalidData, InvalidUtf16));
            }
            self.decoded.truncate(written);
            self.taken = 0;
        }
        let rest = self.decoded.get(self.taken..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

/// Replaces carriage returns by line feeds, and a carriage return with a line feed by one
/// line feed.
struct CarriageReturnReader<'s> {
    inner: Box<dyn SourceRead + 's>,
    after_carriage_return: bool,
}

impl Read for CarriageReturnReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.inner.read(buffer)?;
            let mut kept = 0;
            for at in 0..read {
                let byte = buffer[at];
                let belongs_to_line_end = byte == b'\n' && self.after_carriage_return;
                self.after_carriage_return = byte == b'\r';
                if !belongs_to_line_end {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Nothing read means that the text has ended.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}
