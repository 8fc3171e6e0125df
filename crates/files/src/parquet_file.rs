//! A file from which the pages of a Parquet file are read. The library believes
//! what a page's head says: it would make room for as many texts as a head
//! counts, or walk a list that takes no room in the file for hours. So each head
//! is looked at before the library has it.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// Heads are short, but for the least and the greatest text of a page.
const SHORT_HEAD: u64 = 4 << 10;
const LONGEST_HEAD: u64 = 1 << 20;
/// Types of Thrift's compact protocol that stand in heads of pages; lists, sets
/// and maps do not.
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
const DEEPEST: usize = 4;
/// Fields of a page's head that the library reads: it goes by the number of the
/// field alone, so the type must be right, or it would read on at another place.
fn is_right(path: &[i16], kind: u8) -> bool {
    match path {
        [1..=4] | [5, 1..=4] | [7, 1..=2] | [8, 1..=6] => kind == INTEGER,
        [5..=8] | [5, 5] | [8, 8] => kind == STRUCT,
        [7, 3] | [8, 7] | [5, 5, 7..=8] | [8, 8, 7..=8] => matches!(kind, TRUE | FALSE),
        [5, 5, 1..=2 | 5..=6] | [8, 8, 1..=2 | 5..=6] => kind == BINARY,
        [5, 5, 3..=4] | [8, 8, 3..=4] => kind == LONG_INTEGER,
        _ => true,
    }
}
/// Where a head names the encoding of its values: in the heads of data pages of
/// the first and the second version.
const ENCODINGS: [&[i16]; 2] = [&[5, 2], &[8, 4]];
/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: their pages say a second time how
/// many values they have, and room is made for as many before one is read.
const REFUSED: [i32; 2] = [6, 7];

/// A file of which pages are read.
pub struct ParquetFile(pub File);

impl Length for ParquetFile {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for ParquetFile {
    type T = PageHead;

    /// The head that begins here. It is looked at when it is read: the library
    /// also asks for readers at places that it then does not read.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(PageHead {
            file: self.0.try_clone()?,
            start,
            head: None,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// The head of a page, looked at before its first byte is given.
pub struct PageHead {
    file: File,
    start: u64,
    head: Option<Cursor<Vec<u8>>>,
}

impl PageHead {
    fn look(&mut self) -> io::Result<Cursor<Vec<u8>>> {
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut head = Vec::new();
        for most in [SHORT_HEAD, LONGEST_HEAD] {
            let left = most - head.len() as u64;
            (&mut self.file).take(left).read_to_end(&mut head)?;
            if let Some(length) = length_of_head(&head) {
                head.truncate(length);
                return Ok(Cursor::new(head));
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

impl Read for PageHead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut head = match self.head.take() {
            Some(head) => head,
            None => self.look()?,
        };
        let read = head.read(buffer);
        self.head = Some(head);
        read
    }
}

/// How long the head of a page is; `None` where it does not end, or is none that
/// is read.
fn length_of_head(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut path = Vec::new();
    skip_struct(&mut rest, &mut path)?;
    Some(bytes.len() - rest.len())
}

fn skip_struct(rest: &mut &[u8], path: &mut Vec<i16>) -> Option<()> {
    (path.len() < DEEPEST).then_some(())?;
    let mut field = 0_i16;
    loop {
        let byte = take(rest, 1)?[0];
        let kind = byte & 0x0f;
        if kind == STOP {
            return Some(());
        }
        field = match byte >> 4 {
            // Cut as the library cuts it.
            0 => zigzag(varint(rest)?) as i16,
            step => field.checked_add(i16::from(step))?,
        };
        path.push(field);
        is_right(path, kind).then_some(())?;
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
                let is_encoding = ENCODINGS.contains(&path.as_slice());
                (!is_encoding || !REFUSED.contains(&value)).then_some(())?;
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
