//! The sources of an export's text: plain files, gzip and zip archives, and
//! workbooks and Parquet files, whose rows are converted to CSV text.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;

use super::limits::{ALWAYS_UNPACKED_BYTES, MAX_UNPACK_RATIO};
use super::parquet_rows;
use super::pass::SourceRead;
use super::refusal::{damaged_archive, encrypted};

/// The format of a file, found from its first bytes and not from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// A text compressed with gzip.
    Gzip,
    /// A zip archive with one text.
    Zip,
    /// An XLSX workbook.
    Xlsx,
    /// An XLS workbook.
    Xls,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// Returns the name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Gzip => "gzip",
            Format::Zip => "zip",
            Format::Xlsx => "xlsx",
            Format::Xls => "xls",
            Format::Parquet => "parquet",
        }
    }
}

/// Finds the format of a file.
///
/// # Errors
/// If the file cannot be read, or is encrypted, damaged or of no known format.
pub(super) fn format_of(path: &Path) -> Result<Format, Faults> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|error| Fault::unreadable(path, &error))?;
    Ok(if start.starts_with(b"\x1f\x8b") {
        Format::Gzip
    } else if start.starts_with(b"PK\x03\x04") {
        zip_or_workbook(path)?
    } else if start.starts_with(b"\xd0\xcf\x11\xe0") {
        Format::Xls
    } else if start.starts_with(parquet_rows::MAGIC) {
        parquet_rows::check(path)?;
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
}

impl Source {
    /// Creates the source for a file of a format other than workbooks.
    pub(super) fn of_file(path: &Path, format: Format) -> Self {
        Source {
            path: path.to_path_buf(),
            format,
            sheet: None,
            digest: None,
        }
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
        let file = File::open(&self.path)?;
        let packed = file.metadata()?.len();
        let limit = packed
            .saturating_mul(MAX_UNPACK_RATIO)
            .max(ALWAYS_UNPACKED_BYTES);
        Ok(match self.format {
            Format::Gzip => Box::new(LimitedReader {
                inner: MultiGzDecoder::new(BufReader::new(file)),
                left: limit,
            }),
            Format::Zip => Box::new(LimitedReader {
                inner: open_zip_member(file)?,
                left: limit,
            }),
            Format::Parquet => Box::new(parquet_rows::ParquetText::open(file)?),
            Format::Text | Format::Xlsx | Format::Xls => Box::new(file),
        })
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
    let file = File::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|_| damaged_archive(path))?;
    if archive
        .file_names()
        .flatten()
        .any(|name| is_part_of_package(&name))
    {
        return Ok(Format::Xlsx);
    }
    if archive.len() != 1 {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("压缩包中有{}个文件，应只有一个 CSV 文件", archive.len()),
                format!(
                    "the archive contains {} files; expected one CSV file",
                    archive.len()
                ),
            ),
            Text::new(
                "请每个文件单独打包，并在轮次文件中逐一列出",
                "pack each file separately and list each one in the round file",
            ),
        ));
    }
    let member = archive.by_index_raw(0).map_err(|_| damaged_archive(path))?;
    if member.encrypted() {
        return Err(encrypted(path));
    }
    Ok(Format::Zip)
}

/// Returns whether a name in an archive is one that only the package of an office
/// document has. Some writers put it in lower case or with backslashes. OpenDocument
/// files count too: the workbook reader says what they are.
fn is_part_of_package(name: &str) -> bool {
    let name = name.replace('\\', "/").to_ascii_lowercase();
    let name = name.trim_start_matches(['.', '/']);
    matches!(
        name,
        "[content_types].xml" | "xl/workbook.xml" | "xl/workbook.bin" | "content.xml"
    )
}

/// Opens the only member of an archive.
fn open_zip_member(mut file: File) -> io::Result<Box<dyn SourceRead>> {
    let broken = |_| io::Error::from(io::ErrorKind::InvalidData);
    let (start, packed, method, checksum) = {
        let mut archive = zip::ZipArchive::new(BufReader::new(&mut file)).map_err(broken)?;
        let member = archive.by_index_raw(0).map_err(broken)?;
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
