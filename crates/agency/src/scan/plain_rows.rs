//! The rows of a file without a schema: a list of this program that comes back filled in.
//!
//! Formats, encodings, records and limits are those of exports. What the columns are, and
//! which record is a header, is left to the caller.

use std::io::Read as _;
use std::path::Path;

use aidlink_faults::fault::{Fault, Faults, Refusal};
use aidlink_files::regular_file;
use aidlink_policy::reading::EncodingChoice;

use super::encoding::{self, Encoding, marks_length};
use super::file_stamp::FileStamp;
use super::format::Format;
use super::limits::RecordLimits;
use super::record::{Cells, Split, Splitter, is_blank};
use super::refusal::damaged;
use super::sheets::OpenWorkbook;
use super::source;
use super::{OpenTable, Source};
use crate::error_value::{LOST_RESULT_TEXT, MERGED_TEXT, is_error_value};

/// The largest text that is read, in bytes, unpacked. It is held in memory. A list of a
/// million leads is smaller.
const LARGEST_TEXT: u64 = 1 << 30;

/// A file whose tables are held as text.
pub struct PlainFile {
    /// BLAKE3 digest of the file's bytes, hexadecimal.
    pub digest: String,
    /// Size of the file in bytes.
    pub byte_length: u64,
    /// The sheets of a workbook, or the one table of a text.
    pub tables: Vec<PlainTable>,
}

/// A table: a text, or a sheet of a workbook.
pub struct PlainTable {
    /// The place of the sheet in its workbook, from 1, and its name in a form that may be
    /// shown. `None` for a text.
    pub sheet: Option<(usize, String)>,
    text: Vec<u8>,
    encoding: Encoding,
}

/// A row with content.
pub struct PlainRow {
    /// The row of the sheet, or the line on which the record begins; from 1.
    pub line: u64,
    /// Its cells from the first column on. `None` if the record cannot be split, or is wider
    /// than the header: a value may be in another column than its own.
    pub cells: Option<Vec<PlainCell>>,
}

/// The content of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainCell {
    /// A text, empty for an empty cell. A number, a truth value and a day are as texts, as in
    /// an export.
    Text(String),
    /// An error value of a spreadsheet.
    ErrorValue,
    /// Merged with a cell to its left.
    Merged,
    /// A formula that was saved without its result.
    NoResult,
    /// Not valid in the encoding of the file.
    Encoding,
}

impl PlainCell {
    fn of(cell: &[u8], encoding: Encoding) -> Self {
        match encoding.decode(cell) {
            None => PlainCell::Encoding,
            Some(text) if text == MERGED_TEXT => PlainCell::Merged,
            Some(text) if text == LOST_RESULT_TEXT => PlainCell::NoResult,
            Some(text) if is_error_value(text.trim()) => PlainCell::ErrorValue,
            Some(text) => PlainCell::Text(text.into_owned()),
        }
    }

    /// Returns the text; `None` if the cell holds anything else.
    pub fn text(&self) -> Option<&str> {
        match self {
            PlainCell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether there is nothing in the cell, or only white space.
    pub fn is_blank(&self) -> bool {
        self.text().is_some_and(|text| text.trim().is_empty())
    }
}

impl PlainFile {
    /// Reads a file. Of a workbook, every sheet that may be a table is read, also a hidden
    /// one.
    ///
    /// # Errors
    /// If the file cannot be read, changes while it is read, is empty, protected, damaged,
    /// too large or of no format that is read.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let unreadable = |error| Fault::unreadable(path, &error);
        let stamp = FileStamp::of(path).map_err(unreadable)?;
        let file = match source::format_of(path)? {
            format @ (Format::Xlsx | Format::Xlsb | Format::Xls | Format::Ods) => {
                of_workbook(path, format)?
            }
            format @ (Format::Text | Format::Gzip | Format::Zip) => of_text(path, format)?,
            Format::Parquet => {
                let (zh, en) = (
                    "Parquet 文件不是填写后的清单",
                    "a Parquet file is not a filled list",
                );
                return Err(damaged(path, zh, en).into());
            }
        };
        match FileStamp::of(path).map_err(unreadable)? == stamp {
            true => Ok(file),
            false => Err(Fault::changed_while_read(path).into()),
        }
    }
}

fn of_workbook(path: &Path, format: Format) -> Result<PlainFile, Faults> {
    let mut workbook = OpenWorkbook::open(path, format)?;
    let sheets = workbook.plain_sheets()?.into_iter();
    let tables = sheets.map(|sheet| PlainTable {
        sheet: Some((sheet.place, sheet.name)),
        text: sheet.csv,
        encoding: Encoding::Utf8,
    });
    let tables = tables.collect();
    let (digest, byte_length) = workbook.digest();
    Ok(PlainFile {
        digest,
        byte_length,
        tables,
    })
}

fn of_text(path: &Path, format: Format) -> Result<PlainFile, Faults> {
    let OpenTable { form, head, .. } = OpenTable::open(path, format)?;
    let encoding = match form.is_utf16() {
        true => Encoding::Utf16,
        false => encoding::detect(path, &head, EncodingChoice::Detect)?,
    };
    let source = Source::of_file(path, format)?;
    let mut text = Vec::new();
    let converted = source.text().map(|text| form.converted(text));
    let read = converted.and_then(|converted| {
        converted.take(LARGEST_TEXT + 1).read_to_end(&mut text)?;
        match text.len() as u64 > LARGEST_TEXT {
            true => Err(Refusal::TooLarge {
                at_most: LARGEST_TEXT,
            }
            .into()),
            false => Ok(()),
        }
    });
    read.map_err(|error| source.unreadable(&error))?;
    let mut digest = blake3::Hasher::new();
    let hashed = regular_file::open(path).and_then(|file| digest.update_reader(file).map(|_| ()));
    hashed.map_err(|error| Fault::unreadable(path, &error))?;
    Ok(PlainFile {
        byte_length: digest.count(),
        digest: digest.finalize().to_hex().to_string(),
        tables: vec![PlainTable {
            sheet: None,
            text,
            encoding,
        }],
    })
}

impl PlainTable {
    /// Calls `on_row` with each row that has content. `is_header` recognises a header: the
    /// first one says by what a text is delimited, and how wide its rows are.
    pub fn rows(&self, is_header: &dyn Fn(&[PlainCell]) -> bool, on_row: &mut dyn FnMut(PlainRow)) {
        let (delimiter, width) = match self.header(is_header) {
            Some((delimiter, width)) => (delimiter, Some(width)),
            None => (b',', None),
        };
        self.split(delimiter, width, &mut |line, cells| {
            let cells = cells.filter(|cells| {
                // A sheet is a grid: nothing is shifted by a delimiter.
                self.sheet.is_some() || width.is_none_or(|width| cells.len() <= width)
            });
            on_row(PlainRow { line, cells });
            true
        });
    }

    /// Finds the first header in the text, with any delimiter.
    fn header(&self, is_header: &dyn Fn(&[PlainCell]) -> bool) -> Option<(u8, usize)> {
        // In GB18030 a vertical bar can be part of a character.
        let delimiters: &[u8] = match (&self.sheet, self.encoding) {
            (Some(_), _) => b",",
            (None, Encoding::Gb18030) => b",\t;",
            (None, _) => b",\t;|",
        };
        let mut first: Option<(u64, u8, usize)> = None;
        for delimiter in delimiters {
            let mut found = None;
            self.split(*delimiter, None, &mut |line, cells| {
                if let Some(cells) = cells.filter(|cells| is_header(cells)) {
                    found = Some((line, *delimiter, cells.len()));
                }
                found.is_none()
            });
            first = first.into_iter().chain(found).min();
        }
        first.map(|(_, delimiter, width)| (delimiter, width))
    }

    /// Splits the text, until `on_record` returns `false`. Blank records are passed over.
    fn split(
        &self,
        delimiter: u8,
        width: Option<usize>,
        on_record: &mut dyn FnMut(u64, Option<Vec<PlainCell>>) -> bool,
    ) {
        let limits = RecordLimits::DEFAULT;
        let mut splitter = Splitter::new(&self.text, false, delimiter, width, limits);
        let mut cells = Cells::default();
        let mut at = marks_length(&self.text);
        let mut line = 1;
        while at < self.text.len() {
            let (outcome, next) = splitter.split(at, &mut cells);
            // Always further on: nothing follows, so no record is incomplete.
            let next = next.max(at + 1);
            let record = self.text.get(at..next).unwrap_or_default();
            let goes_on = match outcome {
                Split::Record if cells.iter().all(is_blank) => true,
                Split::Record => {
                    let encoding = cells.encoding(self.encoding);
                    let cells = cells.iter().map(|cell| PlainCell::of(cell, encoding));
                    on_record(line, Some(cells.collect()))
                }
                _ => on_record(line, None),
            };
            if !goes_on {
                return;
            }
            line += memchr::memchr_iter(b'\n', record).count() as u64;
            at = next;
        }
    }
}
