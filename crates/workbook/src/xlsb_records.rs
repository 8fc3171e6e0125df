//! The binary records of the parts of an XLSB workbook (\[MS-XLSB\] 2.1.4): a type, a size
//! and fields. Numbers are in little-endian order.

use std::io::{self, BufRead, BufReader, Read};

use crate::error::{Bound, Fault, Problem};
use crate::limits::{MOST_ATTRIBUTE_BYTES, MOST_TOKEN_BYTES};

/// The records between the first and the last one of a part, which are known for each
/// kind of part.
pub(crate) struct Records<R> {
    source: BufReader<R>,
    last: u16,
    is_finished: bool,
    /// Where the fields of the current record are.
    place: Kept,
    /// The fields of a record that goes on beyond the buffer, up to [`MOST_TOKEN_BYTES`].
    bytes: Vec<u8>,
}

/// Where the fields of a record are kept.
#[derive(Clone, Copy)]
enum Kept {
    /// In the buffer of the source: where they begin and end.
    InBuffer(usize, usize),
    /// In [`Records::bytes`]; whether the record is longer than they are.
    Copied { is_cut: bool },
}

/// A record.
pub(crate) struct Record<'r> {
    /// Its type.
    pub(crate) kind: u16,
    /// Its fields.
    pub(crate) fields: Fields<'r>,
}

/// The fields of a record that were not read yet.
pub(crate) struct Fields<'r> {
    rest: &'r [u8],
    /// Whether the record goes on after `rest`.
    is_cut: bool,
}

impl<R: Read> Records<R> {
    /// Begins a part that has a record of type `first` at its start, and one of type `last`
    /// at its end.
    ///
    /// # Errors
    /// If the part cannot be read or begins with another record.
    pub(crate) fn new(source: R, first: u16, last: u16) -> Result<Self, Fault> {
        let mut records = Records {
            source: BufReader::with_capacity(BUFFER_BYTES, source),
            last,
            is_finished: false,
            place: Kept::Copied { is_cut: false },
            bytes: Vec::new(),
        };
        if records.kind()? != first {
            return Err(Problem::OtherContent.into());
        }
        records.copy_fields()?;
        Ok(records)
    }

    /// Returns the next record; `None` at the last one, with which the part ends.
    ///
    /// # Errors
    /// If the part cannot be read, or does not end with its last record.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, Fault> {
        if self.is_finished {
            return Ok(None);
        }
        if let Kept::InBuffer(_, length) = self.place {
            self.source.consume(length);
        }
        let kind = match in_buffer(self.source.buffer()) {
            Some((kind, start, end)) => {
                self.place = Kept::InBuffer(start, end);
                kind
            }
            None => {
                let kind = self.kind()?;
                self.place = self.copy_fields()?;
                kind
            }
        };
        if kind == self.last {
            self.is_finished = true;
            if let Kept::InBuffer(_, length) = self.place {
                self.source.consume(length);
            }
            // At the end of the part its checksum is compared.
            return match self.source.fill_buf()?.is_empty() {
                true => Ok(None),
                false => Err(Problem::AfterEnd.into()),
            };
        }
        let (rest, is_cut) = match self.place {
            Kept::InBuffer(start, end) => (&self.source.buffer()[start..end], false),
            Kept::Copied { is_cut } => (self.bytes.as_slice(), is_cut),
        };
        let fields = Fields { rest, is_cut };
        Ok(Some(Record { kind, fields }))
    }

    fn kind(&mut self) -> Result<u16, Fault> {
        let first = self.byte()?;
        Ok(match first < 0x80 {
            true => u16::from(first),
            false => two_byte_kind(first, self.byte()?),
        })
    }

    /// Reads the size and the fields of a record. Memory grows with what is read, and not
    /// with the size that the record states.
    fn copy_fields(&mut self) -> Result<Kept, Fault> {
        let mut size = 0;
        for shift in SIZE_SHIFTS {
            let byte = self.byte()?;
            size |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let kept = size.min(MOST_TOKEN_BYTES as u64);
        self.bytes.clear();
        let read = (&mut self.source).take(kept).read_to_end(&mut self.bytes)? as u64;
        let skipped = io::copy(&mut (&mut self.source).take(size - kept), &mut io::sink())?;
        match read + skipped == size {
            true => Ok(Kept::Copied {
                is_cut: kept < size,
            }),
            false => Err(Problem::CutShort.into()),
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        match (&mut self.source).bytes().next() {
            Some(byte) => Ok(byte?),
            None => Err(Problem::CutShort.into()),
        }
    }
}

/// Bytes of a part that are read at once. Most records are shorter and are not copied.
const BUFFER_BYTES: usize = 64 << 10;

/// The size of a record has seven bits in each of up to four bytes.
const SIZE_SHIFTS: [u32; 4] = [0, 7, 14, 21];

/// Returns the type of the first record in a buffer, and where its fields begin and end;
/// `None` if it goes on after the buffer.
#[inline]
fn in_buffer(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let (kind, mut start) = match *buffer {
        [first, ..] if first < 0x80 => (u16::from(first), 1),
        [first, second, ..] => (two_byte_kind(first, second), 2),
        _ => return None,
    };
    let mut size = 0;
    for shift in SIZE_SHIFTS {
        let byte = *buffer.get(start)?;
        start += 1;
        size |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let end = start + size;
    (end <= buffer.len()).then_some((kind, start, end))
}

/// Returns a type of two bytes, which has seven bits in each.
fn two_byte_kind(first: u8, second: u8) -> u16 {
    u16::from(first & 0x7f) | u16::from(second & 0x7f) << 7
}

impl<'r> Fields<'r> {
    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Fault> {
        self.array().map(f64::from_le_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Problem::Record)?;
        self.rest = rest;
        Ok(*array)
    }

    /// Appends a text in UTF-8: its length in UTF-16 units, and the units (`XLWideString`,
    /// 2.5.169). A half of a pair alone becomes U+FFFD.
    ///
    /// # Errors
    /// If the record is shorter than the text, or the text exceeds a limit.
    pub(crate) fn text(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        let units = self.u32()?;
        self.units(units, text)
    }

    /// Returns a name or a number format.
    ///
    /// # Errors
    /// If the record is shorter than the text, or the text exceeds a limit.
    pub(crate) fn name(&mut self) -> Result<String, Fault> {
        Ok(self.optional_name()?.ok_or(Problem::Record)?)
    }

    /// Returns a name that may be missing (`XLNullableWideString`, 2.5.167).
    ///
    /// # Errors
    /// If the record is shorter than the text, or the text exceeds a limit.
    pub(crate) fn optional_name(&mut self) -> Result<Option<String>, Fault> {
        const MISSING: u32 = u32::MAX;
        let units = self.u32()?;
        if units == MISSING {
            return Ok(None);
        }
        if units as usize > MOST_ATTRIBUTE_BYTES {
            return Err(Bound::AttributeBytes.into());
        }
        let mut name = Vec::new();
        self.units(units, &mut name)?;
        Ok(Some(
            String::from_utf8(name).map_err(|_| Problem::Encoding)?,
        ))
    }

    fn units(&mut self, units: u32, text: &mut Vec<u8>) -> Result<(), Fault> {
        let length = usize::try_from(u64::from(units) * 2);
        let split = length
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = split else {
            return Err(match self.is_cut {
                true => Bound::TokenBytes.into(),
                false => Problem::Record.into(),
            });
        };
        self.rest = rest;
        let units = bytes.chunks_exact(2);
        let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}
