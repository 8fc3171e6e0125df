//! The sources of an export's text: plain files, gzip and zip archives, and
//! workbooks and Parquet files, whose rows are converted to CSV text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use flate2::read::DeflateDecoder;

use aidlink_faults::fault::{Fault, Faults};
use aidlink_files::regular_file;

use super::format::Format;
use super::header::ColumnMatch;
use super::limits::{ALWAYS_UNPACKED_BYTES, MAX_UNPACK_RATIO};
use super::parquet_rows::{self, ParquetRows};
use super::pass::SourceRead;
use super::refusal::{
    damaged_archive, damaged_text, damaged_utf16, encrypted, not_one_file, unsupported_compression,
};
use super::text_form::InvalidUtf16;
use super::xls;

/// Finds the format of a file. Binary workbooks (XLSB) count as XLSX: only their list of
/// parts says what they are.
///
/// # Errors
/// If the file cannot be read, or is encrypted, damaged or of no known format.
pub(super) fn format_of(path: &Path) -> Result<Format, Faults> {
    let mut start = Vec::new();
    regular_file::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|error| Fault::unreadable(path, &error))?;
    Ok(if start.starts_with(b"\x1f\x8b") {
        Format::Gzip
    } else if start.starts_with(b"PK\x03\x04") {
        zip_or_workbook(path)?
    } else if start.starts_with(b"\xd0\xcf\x11\xe0") {
        Format::Xls
    } else if xls::is_older_than_excel_5(&start) {
        return Err(xls::older_than_excel_5(path).into());
    } else if start.starts_with(parquet_rows::MAGIC) {
        Format::Parquet
    } else if start.starts_with(parquet_rows::MAGIC_ENCRYPTED) {
        return Err(encrypted(path).into());
    } else {
        Format::Text
    })
}

/// A text of a file, which can be read any number of times: that of the whole file, or of
/// a sheet.
pub(super) struct Source {
    path: PathBuf,
    format: Format,
    /// A sheet written out as text. Other files are read from disk.
    sheet: Option<Vec<u8>>,
    digest: Option<(String, u64)>,
    /// The footer of a Parquet file.
    parquet: Option<ParquetRows>,
}

impl Source {
    /// Creates the source for a file of a format other than workbooks.
    ///
    /// # Errors
    /// If the footer of a Parquet file cannot be read.
    pub(super) fn of_file(path: &Path, format: Format) -> Result<Self, Faults> {
        let parquet = match format {
            Format::Parquet => Some(ParquetRows::open(path)?),
            _ => None,
        };
        Ok(Source {
            path: path.to_path_buf(),
            format,
            sheet: None,
            digest: None,
            parquet,
        })
    }

    /// Creates the source for a sheet that is written out as CSV, given the digest and size
    /// of its file.
    pub(super) fn of_sheet(
        path: &Path,
        format: Format,
        csv: Vec<u8>,
        digest: (String, u64),
    ) -> Self {
        Source {
            path: path.to_path_buf(),
            format,
            sheet: Some(csv),
            digest: Some(digest),
            parquet: None,
        }
    }

    /// Checks that the columns which are matched to a field can be read.
    ///
    /// # Errors
    /// If a column of a Parquet file cannot.
    pub(super) fn check(&self, columns: &ColumnMatch) -> Result<(), Faults> {
        match &self.parquet {
            Some(rows) => rows.check(&self.path, columns),
            None => Ok(()),
        }
    }

    /// Returns the fault for an error while the text is read.
    pub(super) fn unreadable(&self, error: &io::Error) -> Fault {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        if error
            .get_ref()
            .is_some_and(|error| error.is::<InvalidUtf16>())
        {
            return damaged_utf16(&self.path);
        }
        match (self.format, error.kind()) {
            (Format::Parquet, _) => parquet_rows::unreadable(&self.path, error),
            (Format::Gzip | Format::Zip, UnexpectedEof | InvalidData | InvalidInput) => {
                damaged_text(&self.path)
            }
            _ => Fault::unreadable(&self.path, error),
        }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Returns the digest and size of the file, if opening it has already read all of
    /// it.
    pub(super) fn digest_at_opening(&self) -> Option<(String, u64)> {
        self.digest.clone()
    }

    /// Returns a reader of the text from its start.
    pub(super) fn text(&self) -> io::Result<Box<dyn SourceRead + '_>> {
        if let Some(csv) = &self.sheet {
            return Ok(Box::new(Cursor::new(csv.as_slice())));
        }
        let file = regular_file::open(&self.path)?;
        let packed = file.metadata()?.len();
        let limit = packed
            .saturating_mul(MAX_UNPACK_RATIO)
            .max(ALWAYS_UNPACKED_BYTES);
        if let Some(rows) = &self.parquet {
            return Ok(Box::new(LimitedReader {
                inner: rows.text(file)?,
                left: limit,
            }));
        }
        Ok(match self.format {
            Format::Gzip => Box::new(LimitedReader {
                inner: GzipReader::new(BufReader::new(file)),
                left: limit,
            }),
            Format::Zip => Box::new(LimitedReader {
                inner: open_zip_member(file)?,
                left: limit,
            }),
            Format::Text
            | Format::Xlsx
            | Format::Xlsb
            | Format::Xls
            | Format::Ods
            | Format::Parquet => Box::new(file),
        })
    }
}

/// Reads a gzip file of one or several members. Zeros after the last member, which tapes
/// and block devices leave, are ignored, as `gzip` does.
struct GzipReader<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipReader<R> {
    fn new(file: R) -> Self {
        GzipReader {
            member: Some(GzDecoder::new(file)),
        }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut file) = self.member.take().map(GzDecoder::into_inner) else {
                break;
            };
            match file.fill_buf()?.first() {
                None => {}
                Some(0) => skip_zeros(file)?,
                Some(_) => self.member = Some(GzDecoder::new(file)),
            }
        }
        Ok(0)
    }
}

/// Reads to the end, where there must be nothing but zeros.
fn skip_zeros(mut file: impl BufRead) -> io::Result<()> {
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = bytes.len();
        file.consume(length);
    }
}

/// A reader that compares the unpacked bytes with the archive's checksum.
struct ChecksumReader<R> {
    inner: R,
    checksum: u32,
    sum: flate2::Crc,
}

impl<R> ChecksumReader<R> {
    fn new(inner: R, checksum: u32) -> Self {
        ChecksumReader {
            inner,
            checksum,
            sum: flate2::Crc::new(),
        }
    }
}

impl<R: Read> Read for ChecksumReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() && self.sum.sum() != self.checksum {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(read)
    }
}

/// A reader that fails if a stream unpacks to more bytes than allowed.
struct LimitedReader<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for LimitedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the unpacked size is implausibly large",
            )
        })?;
        Ok(read)
    }
}

fn zip_or_workbook(path: &Path) -> Result<Format, Fault> {
    let file = regular_file::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|_| damaged_archive(path))?;
    let kinds: Vec<PartKind> = archive
        .file_names()
        .flatten()
        .filter_map(|name| PartKind::of(&name))
        .collect();
    // The list of content types alone does not make an ODS spreadsheet anything else.
    for kind in [PartKind::Workbook, PartKind::OpenDocument, PartKind::Any] {
        if kinds.contains(&kind) {
            return Ok(match kind {
                PartKind::OpenDocument => Format::Ods,
                PartKind::Workbook | PartKind::Any => Format::Xlsx,
            });
        }
    }
    let index = only_member(&archive).map_err(|files| not_one_file(path, files))?;
    let member = archive
        .by_index_raw(index)
        .map_err(|_| damaged_archive(path))?;
    if member.encrypted() {
        return Err(encrypted(path));
    }
    match member.compression() {
        zip::CompressionMethod::Stored | zip::CompressionMethod::Deflated => Ok(Format::Zip),
        other => Err(unsupported_compression(path, &other.to_string())),
    }
}

/// Returns the index of the only file in an archive. Ignores folders, and what Finder and
/// Explorer put beside the files.
///
/// # Errors
/// The number of files, if it is not one.
fn only_member<R: Read + Seek>(archive: &zip::ZipArchive<R>) -> Result<usize, usize> {
    let is_file = |name: &str| {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let is_left_behind = last.starts_with("._")
            || [".ds_store", "thumbs.db", "desktop.ini"]
                .iter()
                .any(|left| last.eq_ignore_ascii_case(left));
        !last.is_empty() && !name.starts_with("__MACOSX/") && !is_left_behind
    };
    let mut files = 0;
    let mut only = 0;
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).and_then(Result::ok);
        if name.is_none_or(|name| is_file(&name)) {
            files += 1;
            only = index;
        }
    }
    if files == 1 { Ok(only) } else { Err(files) }
}

/// What the name of a part says about its archive.
#[derive(Clone, Copy, PartialEq)]
enum PartKind {
    /// The package of an Excel workbook.
    Workbook,
    /// The package of an OpenDocument file.
    OpenDocument,
    /// The package of any document of Microsoft Office.
    Any,
}

impl PartKind {
    /// Recognises a part that only the packages of office documents have. Some writers put
    /// names in lower case or with backslashes. Documents other than spreadsheets count
    /// too: the workbook readers say what they are.
    fn of(name: &str) -> Option<Self> {
        let name = name.replace('\\', "/").to_ascii_lowercase();
        match name.trim_start_matches(['.', '/']) {
            "xl/workbook.xml" | "xl/workbook.bin" => Some(PartKind::Workbook),
            "content.xml" | "meta-inf/manifest.xml" => Some(PartKind::OpenDocument),
            "[content_types].xml" => Some(PartKind::Any),
            _ => None,
        }
    }
}

/// Opens the only member of an archive.
fn open_zip_member(mut file: File) -> io::Result<Box<dyn SourceRead>> {
    let broken = |_| io::Error::from(io::ErrorKind::InvalidData);
    let (start, packed, method, checksum) = {
        let mut archive = zip::ZipArchive::new(BufReader::new(&mut file)).map_err(broken)?;
        let index = only_member(&archive).map_err(|_| io::ErrorKind::InvalidData)?;
        let member = archive.by_index_raw(index).map_err(broken)?;
        let start = member.data_start().ok_or(io::ErrorKind::InvalidData)?;
        (
            start,
            member.compressed_size(),
            member.compression(),
            member.crc32(),
        )
    };
    file.seek(SeekFrom::Start(start))?;
    let bytes = BufReader::new(file.take(packed));
    match method {
        zip::CompressionMethod::Stored => Ok(Box::new(ChecksumReader::new(bytes, checksum))),
        zip::CompressionMethod::Deflated => Ok(Box::new(ChecksumReader::new(
            DeflateDecoder::new(bytes),
            checksum,
        ))),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
