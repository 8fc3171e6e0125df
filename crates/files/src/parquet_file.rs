//! Parquet files whose footer and page headers are checked before the library reads
//! them.
//!
//! The `parquet` library trusts both. A hostile one could make it allocate memory for
//! any number of values, or parse for hours a list that takes hardly any space in the
//! file. And the sizes in the footer bind nobody: what a page unpacks to is stated in
//! its own header. So this module counts pages where they are read.

mod thrift;
mod windows;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    FooterTail, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::SchemaDescPtr;

use crate::guarded::guarded;
use thrift::{Event, Fields, Type, walk};
use windows::Windows;

/// Maximum length of a footer in bytes. It grows with columns times row groups; a
/// thousand row groups of a hundred columns take about 20 MiB.
const LONGEST_FOOTER: u64 = 64 << 20;
/// Length of the end of a file: the length of the footer and the magic.
const TAIL: u64 = 8;
/// Maximum depth of groups in a schema. The library follows them recursively.
const DEEPEST_SCHEMA: usize = 64;

/// Maximum length in bytes of a value of a fixed length. The library takes it for an
/// empty cell too.
const LONGEST_FIXED_VALUE: i64 = 64 << 10;

/// Most page headers are short. The minimum and maximum value of a page can make one
/// longer.
const SHORT_HEADER: usize = 4 << 10;
const LONGEST_HEADER: usize = 1 << 20;
/// Maximum size of an unpacked page in bytes. Most programs write pages of 1 MiB; some
/// write a row group as one page, of up to 100 MB.
const LARGEST_PAGE: u64 = 256 << 20;
/// The pages of a row group may unpack to this many times the size of the file, beyond
/// [`ALWAYS_UNPACKED`].
const MOST_RATIO: u64 = 400;
/// The pages of any row group may unpack to this many bytes.
const ALWAYS_UNPACKED: u64 = 1 << 30;
/// The pages of no row group may unpack to more bytes.
const MOST_UNPACKED: u64 = 4 << 30;
/// Bytes that the library takes for each value of a dictionary, whether or not the
/// page has it.
const DICTIONARY_ENTRY: u64 = 16;

/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY. Their pages contain a second count of
/// values, for which the library allocates memory before it reads the first value, and
/// prefixes that make a page unpack to any size.
const REFUSED_ENCODINGS: [i64; 2] = [6, 7];

const EMPTY: Type = Type::Struct(&[]);
const INTEGERS: Type = Type::List(&Type::Integer);

// The structures of Parquet, from parquet.thrift of Apache parquet-format 2.11.

const STATISTICS: Type = Type::Struct(&[
    (1, Type::Binary),
    (2, Type::Binary),
    (3, Type::Integer),
    (4, Type::Integer),
    (5, Type::Binary),
    (6, Type::Binary),
    (7, Type::Boolean),
    (8, Type::Boolean),
]);

const PAGE_HEADER: &Fields = &[
    (1, Type::Integer),
    (2, Type::Integer),
    (3, Type::Integer),
    (4, Type::Integer),
    // The header of a data page.
    (
        5,
        Type::Struct(&[
            (1, Type::Integer),
            (2, Type::Integer),
            (3, Type::Integer),
            (4, Type::Integer),
            (5, STATISTICS),
        ]),
    ),
    (6, EMPTY),
    // The header of a dictionary page.
    (
        7,
        Type::Struct(&[(1, Type::Integer), (2, Type::Integer), (3, Type::Boolean)]),
    ),
    // The header of a data page of version 2.
    (
        8,
        Type::Struct(&[
            (1, Type::Integer),
            (2, Type::Integer),
            (3, Type::Integer),
            (4, Type::Integer),
            (5, Type::Integer),
            (6, Type::Integer),
            (7, Type::Boolean),
            (8, STATISTICS),
        ]),
    ),
];

const TIME: Type = Type::Struct(&[
    (1, Type::Boolean),
    (2, Type::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)])),
]);

const LOGICAL_TYPE: Type = Type::Struct(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Type::Struct(&[(1, Type::Integer), (2, Type::Integer)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Type::Struct(&[(1, Type::Byte), (2, Type::Boolean)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Type::Struct(&[(1, Type::Byte)])),
    (17, Type::Struct(&[(1, Type::Binary)])),
    (18, Type::Struct(&[(1, Type::Binary), (2, Type::Integer)])),
]);

const SCHEMA_ELEMENT: Type = Type::Struct(&[
    (1, Type::Integer),
    (2, Type::Integer),
    (3, Type::Integer),
    (4, Type::Binary),
    (5, Type::Integer),
    (6, Type::Integer),
    (7, Type::Integer),
    (8, Type::Integer),
    (9, Type::Integer),
    (10, LOGICAL_TYPE),
]);

const COLUMN_METADATA: Type = Type::Struct(&[
    (1, Type::Integer),
    (2, INTEGERS),
    (3, Type::List(&Type::Binary)),
    (4, Type::Integer),
    (5, Type::Integer),
    (6, Type::Integer),
    (7, Type::Integer),
    (8, Type::List(&KEY_VALUE)),
    (9, Type::Integer),
    (10, Type::Integer),
    (11, Type::Integer),
    (12, STATISTICS),
    // How many pages have each encoding.
    (
        13,
        Type::List(&Type::Struct(&[
            (1, Type::Integer),
            (2, Type::Integer),
            (3, Type::Integer),
        ])),
    ),
    (14, Type::Integer),
    (15, Type::Integer),
    // Sizes.
    (
        16,
        Type::Struct(&[(1, Type::Integer), (2, INTEGERS), (3, INTEGERS)]),
    ),
    // Geometry.
    (
        17,
        Type::Struct(&[
            (
                1,
                Type::Struct(&[
                    (1, Type::Double),
                    (2, Type::Double),
                    (3, Type::Double),
                    (4, Type::Double),
                    (5, Type::Double),
                    (6, Type::Double),
                    (7, Type::Double),
                    (8, Type::Double),
                ]),
            ),
            (2, INTEGERS),
        ]),
    ),
]);

const COLUMN_CHUNK: Type = Type::Struct(&[
    (1, Type::Binary),
    (2, Type::Integer),
    (3, COLUMN_METADATA),
    (4, Type::Integer),
    (5, Type::Integer),
    (6, Type::Integer),
    (7, Type::Integer),
]);

const ROW_GROUP: Type = Type::Struct(&[
    (1, Type::List(&COLUMN_CHUNK)),
    (2, Type::Integer),
    (3, Type::Integer),
    // The order of the rows.
    (
        4,
        Type::List(&Type::Struct(&[
            (1, Type::Integer),
            (2, Type::Boolean),
            (3, Type::Boolean),
        ])),
    ),
    (5, Type::Integer),
    (6, Type::Integer),
    (7, Type::Integer),
]);

const KEY_VALUE: Type = Type::Struct(&[(1, Type::Binary), (2, Type::Binary)]);

const FOOTER: &Fields = &[
    (1, Type::Integer),
    (2, Type::List(&SCHEMA_ELEMENT)),
    (3, Type::Integer),
    (4, Type::List(&ROW_GROUP)),
    (5, Type::List(&KEY_VALUE)),
    (6, Type::Binary),
    (7, Type::List(&Type::Struct(&[(1, EMPTY)]))),
];

/// The footer of a Parquet file.
pub struct Footer {
    bytes: Vec<u8>,
}

impl Footer {
    /// Reads the footer of a file.
    ///
    /// # Errors
    /// If the file cannot be read, or if it is no Parquet file or its footer is
    /// damaged.
    pub fn read(file: &File) -> io::Result<Self> {
        let mut file = file;
        let length = file.seek(SeekFrom::End(0))?;
        let mut tail = [0; TAIL as usize];
        let before_tail = length.checked_sub(TAIL).ok_or_else(invalid)?;
        file.seek(SeekFrom::Start(before_tail))?;
        file.read_exact(&mut tail)?;
        let tail = FooterTail::try_new(&tail).map_err(|_| invalid())?;
        if tail.is_encrypted_footer() {
            return Err(invalid());
        }
        let length = tail.metadata_length() as u64;
        let start = before_tail.checked_sub(length).ok_or_else(invalid)?;
        if length > LONGEST_FOOTER {
            return Err(invalid());
        }
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; tail.metadata_length()];
        file.read_exact(&mut bytes)?;
        let mut schema = SchemaShape::default();
        walk(&bytes, FOOTER, &mut |path, event| schema.visit(path, event))
            .filter(|_| schema.is_whole())
            .ok_or_else(invalid)?;
        Ok(Footer { bytes })
    }

    /// Decodes the metadata. `schema` replaces the schema in the footer; it must have
    /// the same columns.
    ///
    /// # Errors
    /// If the footer is damaged, or does not have as many rows as its row groups, and these as
    /// many as their columns.
    pub fn decode(&self, schema: Option<SchemaDescPtr>) -> io::Result<Arc<ParquetMetaData>> {
        let options = ParquetMetaDataOptions::new();
        let options = match schema {
            Some(schema) => options.with_schema(schema),
            None => options,
        };
        // A hostile footer can make the library panic.
        let decode =
            || ParquetMetaDataReader::decode_metadata_with_options(&self.bytes, Some(&options));
        let metadata = guarded(decode).and_then(Result::ok).ok_or_else(invalid)?;
        let groups = metadata.row_groups().iter();
        let mut rows = groups.map(|group| u64::try_from(group.num_rows()).ok());
        let rows = rows.try_fold(0_u64, |all, rows| all.checked_add(rows?));
        let of_file = u64::try_from(metadata.file_metadata().num_rows()).ok();
        let has_all = metadata.row_groups().iter().all(|group| {
            // A list has any number of values in a row, and any other column one, if only an
            // empty one.
            let mut columns = group.columns().iter();
            columns.all(|column| {
                column.column_descr().max_rep_level() > 0 || column.num_values() == group.num_rows()
            })
        });
        match rows.is_some() && rows == of_file && has_all {
            true => Ok(Arc::new(metadata)),
            false => Err(invalid()),
        }
    }
}

/// The tree of the schema, of which the footer has the nodes depth first, each with the
/// number of its children. The library allocates memory for as many children as a node
/// claims.
#[derive(Default)]
struct SchemaShape {
    /// Children that the groups on the way to this node still miss.
    missing: Vec<i64>,
    /// Children of this node.
    children: i64,
    nodes: u64,
}

impl SchemaShape {
    fn visit(&mut self, path: &[i16], event: Event) -> Option<()> {
        match (path, event) {
            ([2, 2], Event::Integer(length)) => (length <= LONGEST_FIXED_VALUE).then_some(())?,
            ([2, 5], Event::Integer(children)) => self.children = children,
            ([2], Event::EndOfStruct) => {
                (self.nodes == 0 || !self.missing.is_empty()).then_some(())?;
                self.nodes += 1;
                if let Some(missing) = self.missing.last_mut() {
                    *missing -= 1;
                }
                let children = std::mem::take(&mut self.children);
                (children >= 0 && self.missing.len() < DEEPEST_SCHEMA).then_some(())?;
                self.missing.push(children);
                while self.missing.pop_if(|missing| *missing == 0).is_some() {}
            }
            _ => {}
        }
        Some(())
    }

    fn is_whole(&self) -> bool {
        self.nodes > 0 && self.missing.is_empty()
    }
}

/// A Parquet file whose page headers are checked before the library reads them. The
/// pages that are read through it, of one row group, have a limit together.
pub struct ParquetFile {
    windows: Arc<Mutex<Windows>>,
    length: u64,
    budget: PageBudget,
}

impl ParquetFile {
    /// Wraps a file.
    ///
    /// # Errors
    /// If its length cannot be found out.
    pub fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(ParquetFile {
            windows: Arc::new(Mutex::new(Windows::new(file, length))),
            length,
            budget: PageBudget::for_file(length),
        })
    }

    /// Returns the budget of the pages that are read through this file.
    pub fn budget(&self) -> PageBudget {
        self.budget.clone()
    }
}

/// The bytes to which the pages of a row group may still unpack.
#[derive(Clone)]
pub struct PageBudget(Arc<AtomicU64>);

impl PageBudget {
    /// What is left once a page has exceeded the budget.
    const EXCEEDED: u64 = u64::MAX;

    fn for_file(length: u64) -> Self {
        let by_ratio = length.saturating_mul(MOST_RATIO);
        let bytes = by_ratio.clamp(ALWAYS_UNPACKED, MOST_UNPACKED);
        PageBudget(Arc::new(AtomicU64::new(bytes)))
    }

    /// Returns whether a page was refused because it or all pages together would
    /// unpack to too many bytes.
    pub fn is_exceeded(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::EXCEEDED
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let left = self.0.load(Ordering::Relaxed);
        let rest = match left.checked_sub(bytes) {
            Some(rest) if bytes <= LARGEST_PAGE && !self.is_exceeded() => rest,
            _ => Self::EXCEEDED,
        };
        self.0.store(rest, Ordering::Relaxed);
        match rest {
            Self::EXCEEDED => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Ok(()),
        }
    }
}

impl Length for ParquetFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for ParquetFile {
    type T = PageHeader;

    /// Returns a reader of the page header that begins at `start`. The header is checked
    /// at the first read, because the library also requests readers at places that it
    /// never reads.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(PageHeader {
            windows: Arc::clone(&self.windows),
            start,
            budget: self.budget.clone(),
            header: None,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // The library believes the footer how long a column is, and allocates memory
        // before it reads.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("a page ends beyond the file".to_owned()));
        }
        Ok(read(&self.windows, start, length)?)
    }
}

fn read(windows: &Mutex<Windows>, start: u64, length: usize) -> io::Result<Bytes> {
    // After a panic, the windows that are left are whole.
    let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
    windows.read(start, length)
}

/// A reader of a page header, which is checked before its first byte is returned.
pub struct PageHeader {
    windows: Arc<Mutex<Windows>>,
    start: u64,
    budget: PageBudget,
    header: Option<Bytes>,
}

impl PageHeader {
    fn read_checked(&self) -> io::Result<Bytes> {
        for most in [SHORT_HEADER, LONGEST_HEADER] {
            let mut header = read(&self.windows, self.start, most)?;
            if let Some((length, size)) = checked_header(&header) {
                self.budget.take(size)?;
                header.truncate(length);
                return Ok(header);
            }
        }
        Err(invalid())
    }
}

impl Read for PageHeader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut header = match self.header.take() {
            Some(header) => header,
            None => self.read_checked()?,
        };
        let read = (&mut header).reader().read(buffer);
        self.header = Some(header);
        read
    }
}

/// Returns the length of a page header, and the bytes that its page takes in memory.
/// Returns `None` if the header does not end within `bytes`, is malformed or is refused.
fn checked_header(bytes: &[u8]) -> Option<(usize, u64)> {
    let (mut unpacked, mut packed, mut entries) = (0, 0, 0);
    let length = walk(bytes, PAGE_HEADER, &mut |path, event| {
        let Event::Integer(value) = event else {
            return Some(());
        };
        let size = u64::try_from(value).ok();
        match path {
            [2] => unpacked = size?,
            [3] => packed = size?,
            // The number of values of a dictionary.
            [7, 1] => entries = size?,
            // The encoding of the values.
            [5, 2] | [8, 4] if REFUSED_ENCODINGS.contains(&value) => return None,
            _ => {}
        }
        Some(())
    })?;
    let of_page = unpacked.max(packed);
    // A value of a dictionary takes at least a bit.
    (entries / 8 <= of_page).then_some(())?;
    Some((
        length,
        of_page.saturating_add(entries.saturating_mul(DICTIONARY_ENTRY)),
    ))
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A structure in Thrift's compact protocol.
    #[derive(Clone, Default)]
    struct Struct(Vec<u8>);

    impl Struct {
        fn raw(mut self, field: i16, kind: u8, content: &[u8]) -> Self {
            self.0.push(kind);
            self.0.extend(varint(zigzag(field.into())));
            self.0.extend_from_slice(content);
            self
        }

        fn integer(self, field: i16, value: i64) -> Self {
            self.raw(field, 6, &varint(zigzag(value)))
        }

        fn text(self, field: i16, text: &str) -> Self {
            let content = [varint(text.len() as u64), text.as_bytes().to_vec()];
            self.raw(field, 8, &content.concat())
        }

        fn structure(self, field: i16, inner: Struct) -> Self {
            self.raw(field, 12, &inner.end())
        }

        /// A list of structures that claims this length.
        fn list_of(self, field: i16, length: u64, elements: &[Struct]) -> Self {
            let elements = elements.iter().cloned().flat_map(Struct::end);
            let content: Vec<u8> = list_head(12, length).into_iter().chain(elements).collect();
            self.raw(field, 9, &content)
        }

        fn list(self, field: i16, elements: &[Struct]) -> Self {
            self.list_of(field, elements.len() as u64, elements)
        }

        fn end(mut self) -> Vec<u8> {
            self.0.push(0);
            self.0
        }
    }

    fn zigzag(value: i64) -> u64 {
        ((value << 1) ^ (value >> 63)) as u64
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn list_head(kind: u8, length: u64) -> Vec<u8> {
        [vec![0xf0 | kind], varint(length)].concat()
    }

    fn group(name: &str, children: i64) -> Struct {
        Struct::default().text(4, name).integer(5, children)
    }

    /// A column of whole numbers.
    fn column() -> Struct {
        Struct::default().integer(1, 1).integer(3, 0).text(4, "a")
    }

    fn footer_with(schema: &[Struct]) -> Struct {
        Struct::default()
            .integer(1, 1)
            .list(2, schema)
            .integer(3, 0)
            .list(4, &[])
    }

    fn footer() -> Struct {
        footer_with(&[group("root", 1), column()])
    }

    fn read(footer: &[u8]) -> io::Result<Arc<ParquetMetaData>> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let length = (footer.len() as u32).to_le_bytes();
        for part in [b"PAR1", footer, &length, b"PAR1"] {
            file.write_all(part).expect("writable");
        }
        Footer::read(&file).and_then(|footer| footer.decode(None))
    }

    #[test]
    fn a_footer_is_decoded_with_fields_that_this_version_does_not_know() {
        for footer in [
            footer(),
            footer().raw(99, 9, &[list_head(5, 3), vec![1, 2, 3]].concat()),
            footer().raw(99, 9, &list_head(2, 0)),
            footer().structure(99, Struct::default().integer(1, 7).raw(2, 1, &[])),
            footer().raw(-7, 7, &[0; 8]),
        ] {
            let metadata = read(&footer.end()).expect("a sound footer");
            assert_eq!(metadata.file_metadata().schema_descr().num_columns(), 1);
        }
    }

    #[test]
    fn a_footer_that_claims_more_than_it_has_is_refused_at_once() {
        let many = i32::MAX as u64;
        let booleans = |kind| [list_head(kind, many)].concat();
        let mut deep = vec![group("root", 1)];
        deep.extend(std::iter::repeat_n(group("a", 1), 100_000));
        deep.push(column());
        for (what, footer) in [
            // Elements that take no space, an hour for a few hundred bytes.
            ("list", footer().raw(99, 9, &booleans(1))),
            ("set", footer().raw(99, 10, &booleans(2))),
            (
                "list of lists",
                footer().raw(99, 9, &[list_head(9, 1), booleans(1)].concat()),
            ),
            (
                "list in a structure",
                footer().structure(99, Struct::default().raw(1, 9, &booleans(1))),
            ),
            (
                "list in a column",
                footer_with(&[group("root", 1), column().raw(99, 9, &booleans(1))]),
            ),
            (
                "map",
                footer().raw(99, 11, &[varint(many), vec![0x11]].concat()),
            ),
            // A list hidden in a text.
            ("text", footer().text(4, "\u{19}\u{7f}")),
            // Memory for so many elements.
            ("row groups", footer().list_of(4, many, &[])),
            ("schema", footer().list_of(2, many, &[])),
            (
                "children",
                footer_with(&[group("root", many as i64), column()]),
            ),
            ("no children", footer_with(&[group("root", -1), column()])),
            (
                "too many columns",
                footer_with(&[group("root", 1), column(), column()]),
            ),
            (
                "length of a value",
                footer_with(&[group("root", 1), column().integer(2, (64 << 10) + 1)]),
            ),
            // The library follows them recursively.
            ("depth", footer_with(&deep)),
        ] {
            assert!(read(&footer.end()).is_err(), "{what}");
        }
        let sound = footer().end();
        for length in 0..sound.len() {
            assert!(read(&sound[..length]).is_err(), "{length} bytes");
        }
    }

    /// The header of a page that unpacks from and to so many bytes.
    fn page(unpacked: i64, packed: i64) -> Struct {
        Struct::default()
            .integer(1, 0)
            .integer(2, unpacked)
            .integer(3, packed)
    }

    /// The header of a data page with this encoding.
    fn data(encoding: i64) -> Struct {
        let values = Struct::default().integer(1, 5).integer(2, encoding);
        page(9, 9).structure(5, values.integer(3, 3).integer(4, 3))
    }

    #[test]
    fn a_page_counts_with_what_it_takes_in_memory() {
        let dictionary =
            |entries: i64| page(100, 9).structure(7, Struct::default().integer(1, entries));
        for (header, size) in [
            (page(100, 9), Some(100)),
            (page(9, 100), Some(100)),
            (page(-1, 9), None),
            (page(9, -1), None),
            (dictionary(4), Some(164)),
            (dictionary(807), Some(100 + 807 * 16)),
            // No page of 100 bytes has so many values.
            (dictionary(808), None),
            (data(0), Some(9)),
            (data(8), Some(9)),
            (data(6), None),
            (data(7), None),
        ] {
            let bytes = header.end();
            let checked = checked_header(&[&bytes[..], &[1, 2, 3]].concat());
            assert_eq!(checked, size.map(|size| (bytes.len(), size)));
        }
    }

    #[test]
    fn pages_of_a_row_group_have_a_limit_together() {
        const MIB: u64 = 1 << 20;
        for (length, page, pages) in [
            (1000, 64 * MIB, 16),
            (1000, 256 * MIB, 4),
            (1000, 256 * MIB + 1, 0),
            (u64::MAX, 256 * MIB, 16),
            (u64::MAX, 256 * MIB + 1, 0),
        ] {
            let budget = PageBudget::for_file(length);
            for number in 0..pages {
                assert!(budget.take(page).is_ok(), "page {number}");
            }
            assert!(!budget.is_exceeded());
            assert!(budget.take(page).is_err());
            assert!(budget.is_exceeded());
            // And nothing after it.
            assert!(budget.take(0).is_err());
        }
    }

    #[test]
    fn no_page_lies_beyond_the_file() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[7; 100]).expect("writable");
        let file = ParquetFile::new(file).expect("a length");
        assert_eq!(&file.get_bytes(90, 10).expect("in the file")[..], &[7; 10]);
        for (start, length) in [(90, 11), (101, 0), (0, 1 << 40), (u64::MAX, 2)] {
            assert!(file.get_bytes(start, length).is_err());
        }
    }
}
