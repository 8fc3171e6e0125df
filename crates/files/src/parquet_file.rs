//! Parquet files with checked page headers.
//!
//! The `parquet` library trusts page headers. A hostile header could make it allocate
//! memory for any number of values, or parse for hours a list that takes hardly any
//! space in the file. So this module checks each page header before the library
//! reads it.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// Most page headers are short. The minimum and maximum value of a page can make one
/// longer.
const SHORT_HEADER: u64 = 4 << 10;
const LONGEST_HEADER: u64 = 1 << 20;
/// Types of Thrift's compact protocol that occur in page headers. Lists, sets and maps
/// do not.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const SHORT_INTEGER: u8 = 4;
const INTEGER: u8 = 5;
const LONG_INTEGER: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;
const MAX_DEPTH: usize = 4;

/// Returns whether a field of a page header has the type of its definition. The library
/// looks only at the number of a field; with another type it would lose its place in
/// the header.
fn has_expected_type(path: &[i16], kind: u8) -> bool {
    match path {
        [1..=4] | [5, 1..=4] | [7, 1..=2] | [8, 1..=6] => kind == INTEGER,
        [5..=8] | [5, 5] | [8, 8] => kind == STRUCT,
        [7, 3] | [8, 7] | [5, 5, 7..=8] | [8, 8, 7..=8] => matches!(kind, TRUE | FALSE),
        [5, 5, 1..=2 | 5..=6] | [8, 8, 1..=2 | 5..=6] => kind == BINARY,
        [5, 5, 3..=4] | [8, 8, 3..=4] => kind == LONG_INTEGER,
        _ => true,
    }
}

/// The fields that name the encoding of the values, in the headers of data pages of
/// version 1 and 2.
const ENCODING_FIELDS: [&[i16]; 2] = [&[5, 2], &[8, 4]];
/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY. Their pages contain a second count of
/// values, for which the library allocates memory before it reads the first value.
const REFUSED_ENCODINGS: [i32; 2] = [6, 7];

/// A Parquet file whose page headers are checked before the library reads them.
pub struct ParquetFile(pub File);

impl Length for ParquetFile {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for ParquetFile {
    type T = PageHeader;

    /// Returns a reader of the page header that begins at `start`. The header is checked
    /// at the first read, because the library also requests readers at places that it
    /// never reads.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(PageHeader {
            file: self.0.try_clone()?,
            start,
            header: None,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// A reader of a page header, which is checked before its first byte is returned.
pub struct PageHeader {
    file: File,
    start: u64,
    header: Option<Cursor<Vec<u8>>>,
}

impl PageHeader {
    fn read_checked(&mut self) -> io::Result<Cursor<Vec<u8>>> {
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut header = Vec::new();
        for most in [SHORT_HEADER, LONGEST_HEADER] {
            let left = most - header.len() as u64;
            (&mut self.file).take(left).read_to_end(&mut header)?;
            if let Some(length) = header_length(&header) {
                header.truncate(length);
                return Ok(Cursor::new(header));
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

impl Read for PageHeader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut header = match self.header.take() {
            Some(header) => header,
            None => self.read_checked()?,
        };
        let read = header.read(buffer);
        self.header = Some(header);
        read
    }
}

/// Returns the length of a page header; `None` if it does not end within `bytes`, is
/// malformed or is refused.
fn header_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut path = Vec::new();
    skip_struct(&mut rest, &mut path)?;
    Some(bytes.len() - rest.len())
}

fn skip_struct(rest: &mut &[u8], path: &mut Vec<i16>) -> Option<()> {
    (path.len() < MAX_DEPTH).then_some(())?;
    let mut field = 0_i16;
    loop {
        let byte = take(rest, 1)?[0];
        let kind = byte & 0x0f;
        if kind == STOP {
            return Some(());
        }
        field = match byte >> 4 {
            // Truncated to 16 bits, as in the library.
            0 => zigzag(varint(rest)?) as i16,
            step => field.checked_add(i16::from(step))?,
        };
        path.push(field);
        has_expected_type(path, kind).then_some(())?;
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(take(rest, 1)?),
            DOUBLE => drop(take(rest, 8)?),
            BINARY => {
                let length = usize::try_from(varint(rest)?).ok()?;
                take(rest, length)?;
            }
            STRUCT => skip_struct(rest, path)?,
            SHORT_INTEGER | INTEGER | LONG_INTEGER => {
                let value = zigzag(varint(rest)?) as i32;
                let is_encoding = ENCODING_FIELDS.contains(&path.as_slice());
                (!is_encoding || !REFUSED_ENCODINGS.contains(&value)).then_some(())?;
            }
            _ => return None,
        }
        path.pop();
    }
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
