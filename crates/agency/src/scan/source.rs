//! Where an export's bytes come from: a text file, one packed by gzip or zip,
//! a workbook or a Parquet file, whose rows are written out as text and then
//! go the same way.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_files::guarded::guarded;

use super::limits::{ALWAYS_UNPACKED, LARGEST_RATIO};
use super::pass::SourceRead;
use super::refusal::{damaged_archive, encrypted};
use super::{parquet_rows, xls, xlsx};

/// The kind of a file, found by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// One text packed by gzip.
    Gzip,
    /// A zip archive of one text.
    Zip,
    /// An XLSX workbook.
    Xlsx,
    /// An XLS workbook.
    Xls,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// The name in manifests.
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

/// A sheet written out as text, and the file it was read from.
struct Sheet {
    csv: Vec<u8>,
    digest: String,
    byte_length: u64,
}

impl Sheet {
    /// Reads a workbook's file and writes a sheet of it out.
    fn read(
        path: &Path,
        written_out: impl FnOnce(&[u8]) -> Result<Vec<u8>, Faults>,
    ) -> Result<Self, Faults> {
        // The digest is that of the very bytes that are read.
        let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
        Ok(Sheet {
            csv: written_out(&bytes)?,
            digest: blake3::hash(&bytes).to_hex().to_string(),
            byte_length: bytes.len() as u64,
        })
    }
}

/// A file whose format is known. Its text can be read from the start any
/// number of times.
pub(super) struct Source {
    path: std::path::PathBuf,
    format: Format,
    /// The rows of a spreadsheet; other files are read from the disk.
    sheet: Option<Sheet>,
}

impl Source {
    /// Finds a file's format and, of a spreadsheet, reads the sheet.
    ///
    /// # Errors
    /// When the file cannot be read, is encrypted, damaged or too large.
    pub(super) fn open(path: &Path, sheet: Option<&str>) -> Result<Self, Faults> {
        let unreadable = |error: io::Error| Fault::unreadable(path, &error);
        let mut start = Vec::new();
        File::open(path)
            .and_then(|file| file.take(8).read_to_end(&mut start))
            .map_err(unreadable)?;
        let format = if start.starts_with(b"\x1f\x8b") {
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
        };
        let sheet = match format {
            Format::Xlsx => Some(Sheet::read(path, |bytes| {
                xlsx::sheet_as_csv(path, bytes, sheet)
            })?),
            Format::Xls => Some(Sheet::read(path, |bytes| {
                // A hostile workbook can make its reader panic.
                guarded(|| xls::sheet_as_csv(path, bytes, sheet))
                    .unwrap_or_else(|| Err(damaged_archive(path).into()))
            })?),
            Format::Text | Format::Gzip | Format::Zip | Format::Parquet => None,
        };
        Ok(Source {
            path: path.to_path_buf(),
            format,
            sheet,
        })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Digest and size of the file if opening it has already read all of it.
    pub(super) fn digest_at_opening(&self) -> Option<(String, u64)> {
        let sheet = self.sheet.as_ref()?;
        Some((sheet.digest.clone(), sheet.byte_length))
    }

    /// The text from its first byte on.
    pub(super) fn text(&self) -> io::Result<Box<dyn SourceRead + '_>> {
        if let Some(sheet) = &self.sheet {
            return Ok(Box::new(Cursor::new(sheet.csv.as_slice())));
        }
        let file = File::open(&self.path)?;
        let packed = file.metadata()?.len();
        let most = packed.saturating_mul(LARGEST_RATIO).max(ALWAYS_UNPACKED);
        Ok(match self.format {
            Format::Gzip => Box::new(Limited {
                inner: MultiGzDecoder::new(BufReader::new(file)),
                left: most,
            }),
            Format::Zip => Box::new(Limited {
                inner: open_zip_member(file)?,
                left: most,
            }),
            Format::Parquet => Box::new(parquet_rows::ParquetText::open(file)?),
            Format::Text | Format::Xlsx | Format::Xls => Box::new(file),
        })
    }
}

/// Compares what was unpacked with the checksum that the archive states.
struct Checked<R> {
    inner: R,
    checksum: u32,
    sum: flate2::Crc,
}

impl<R> Checked<R> {
    fn new(inner: R, checksum: u32) -> Self {
        Checked {
            inner,
            checksum,
            sum: flate2::Crc::new(),
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() && self.sum.sum() != self.checksum {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(read)
    }
}

/// Stops a stream that unpacks to more than it may.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it unpacks to far more than its size",
            )
        })?;
        Ok(read)
    }
}

fn zip_or_workbook(path: &Path) -> Result<Format, Fault> {
    let file = File::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|_| damaged_archive(path))?;
    if archive.index_for_name("[Content_Types].xml").is_some() {
        return Ok(Format::Xlsx);
    }
    if archive.len() != 1 {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("压缩包中有{}个文件，应只有一个CSV", archive.len()),
                format!(
                    "the archive holds {} files; it must hold one CSV",
                    archive.len()
                ),
            ),
            Text::new(
                "请每个文件单独打包，并在轮次文件中逐一列出",
                "pack each file by itself and list them in the round file",
            ),
        ));
    }
    let member = archive.by_index_raw(0).map_err(|_| damaged_archive(path))?;
    if member.encrypted() {
        return Err(encrypted(path));
    }
    Ok(Format::Zip)
}

/// The bytes of an archive's one member.
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
        zip::CompressionMethod::Stored => Ok(Box::new(Checked::new(bytes, checksum))),
        zip::CompressionMethod::Deflated => {
            Ok(Box::new(Checked::new(DeflateDecoder::new(bytes), checksum)))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
