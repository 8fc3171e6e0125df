//! Where an export's bytes come from: a text file, one packed by gzip or zip,
//! or a spreadsheet, whose rows are written out as text once and then go the
//! same way.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use calamine::{Data, Reader, Sheets};
use flate2::read::{DeflateDecoder, MultiGzDecoder};

use aidlink_contract::fault::{Fault, Faults};
use aidlink_contract::text::Text;

use super::pass::SourceRead;

/// Unpacked, a file may be this many times larger than packed, beyond what
/// every file may be. Real exports stay far below; a bomb does not.
const LARGEST_RATIO: u64 = 400;
/// What every file may unpack to.
const ALWAYS_ALLOWED: u64 = 256 << 20;
/// A workbook is read whole, so its parts may not unpack to more than this.
const LARGEST_WORKBOOK: u64 = 2 << 30;

/// Cells of a sheet's grid: a million rows of a hundred columns.
const LARGEST_GRID: u64 = 1 << 27;

/// The kind of a file, by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text as it stands.
    Text,
    /// One text packed by gzip.
    Gzip,
    /// A zip archive of one text.
    Zip,
    /// An XLSX workbook.
    Xlsx,
    /// An XLS workbook.
    Xls,
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
        }
    }
}

/// A file whose format is known, opened as text as often as it is asked.
pub(super) struct Source {
    path: std::path::PathBuf,
    format: Format,
    /// The rows of a spreadsheet; other files are read from the disk.
    sheet: Option<Sheet>,
}

/// A sheet written out as text, and the file it was read from.
struct Sheet {
    csv: Vec<u8>,
    digest: String,
    byte_length: u64,
}

impl Source {
    /// Finds a file's format and, of a spreadsheet, reads the sheet.
    ///
    /// # Errors
    /// When the file cannot be read, is encrypted, damaged, or unpacks beyond
    /// all measure.
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
        } else {
            Format::Text
        };
        let sheet = match format {
            Format::Xlsx | Format::Xls => Some(read_sheet(path, sheet)?),
            Format::Text | Format::Gzip | Format::Zip => None,
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

    /// Digest and size of the file, where it was read whole when it was opened.
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
        let most = packed.saturating_mul(LARGEST_RATIO).max(ALWAYS_ALLOWED);
        Ok(match self.format {
            Format::Gzip => Box::new(Limited {
                inner: MultiGzDecoder::new(BufReader::new(file)),
                left: most,
            }),
            Format::Zip => Box::new(Limited {
                inner: open_zip_member(file)?,
                left: most,
            }),
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

/// Stops a stream that unpacks beyond all measure.
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

fn damaged(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(zh, en),
        Text::new(
            "请用原系统重新导出，或另存为“CSV UTF-8”",
            "export it again from the source system, or save it as \"CSV UTF-8\"",
        ),
    )
}

fn damaged_archive(path: &Path) -> Fault {
    damaged(
        path,
        "压缩文件或工作簿已损坏或不完整",
        "the archive or workbook is damaged or cut short",
    )
}

fn zip_or_workbook(path: &Path) -> Result<Format, Fault> {
    let file = File::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|_| damaged_archive(path))?;
    if archive.index_for_name("[Content_Types].xml").is_some() {
        let mut unpacked: u64 = 0;
        for index in 0..archive.len() {
            let member = archive
                .by_index_raw(index)
                .map_err(|_| damaged_archive(path))?;
            unpacked = unpacked.saturating_add(member.size());
        }
        if unpacked > LARGEST_WORKBOOK {
            return Err(damaged(
                path,
                "工作簿解压后超过2 GiB，拒绝读取",
                "the workbook unpacks to more than 2 GiB and is refused",
            ));
        }
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

fn encrypted(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "文件有密码保护，无法读取",
            "the file is protected by a password",
        ),
        Text::new(
            "请去掉密码后重新提供",
            "remove the password and provide it again",
        ),
    )
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

/// The rows of a sheet as CSV in UTF-8, one line a row, so that a line number
/// is the sheet's row number.
fn read_sheet(path: &Path, named: Option<&str>) -> Result<Sheet, Faults> {
    let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let byte_length = bytes.len() as u64;
    let marker: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    if memchr::memmem::find(&bytes, &marker).is_some() {
        return Err(encrypted(path).into());
    }
    let mut workbook = calamine::open_workbook_auto_from_rs(Cursor::new(bytes))
        .map_err(|_| damaged_archive(path))?;
    let names = workbook.sheet_names();
    let chosen = match named {
        Some(name) if names.iter().any(|other| other == name) => name.to_owned(),
        Some(name) => {
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("工作簿中没有名为“{name}”的工作表"),
                    format!("the workbook has no sheet `{name}`"),
                ),
                aidlink_contract::fault::nearest_name_hint(name, names.iter().map(String::as_str)),
            )
            .into());
        }
        None => first_sheet_with_content(path, &mut workbook, &names)?
            .ok_or_else(|| damaged(path, "工作簿中没有任何内容", "the workbook holds nothing"))?,
    };
    check_extent(path, &mut workbook, &chosen)?;
    let range = workbook
        .worksheet_range(&chosen)
        .map_err(|_| damaged_archive(path))?;
    // A formula without a saved result reads as an empty cell: facts would be lost.
    if let Ok(formulas) = workbook.worksheet_formula(&chosen) {
        let lost = formulas.used_cells().find(|(row, column, formula)| {
            let start = formulas.start().unwrap_or_default();
            let place = (start.0 + *row as u32, start.1 + *column as u32);
            !formula.is_empty()
                && range
                    .get_value(place)
                    .is_none_or(|value| *value == Data::Empty)
        });
        if let Some((row, column, _)) = lost {
            let start = formulas.start().unwrap_or_default();
            let (row, column) = (start.0 + row as u32 + 1, start.1 + column as u32 + 1);
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("第{row}行第{column}列是公式，但没有保存计算结果"),
                    format!("row {row}, column {column} is a formula without a saved result"),
                ),
                Text::new(
                    "请在表格软件中打开并保存后重新提供",
                    "open and save it in a spreadsheet program, and provide it again",
                ),
            )
            .into());
        }
    }
    let mut csv = Vec::new();
    let (first_row, first_column) = range.start().unwrap_or_default();
    csv.extend(std::iter::repeat_n(b'\n', first_row as usize));
    for row in range.rows() {
        csv.extend(std::iter::repeat_n(b',', first_column as usize));
        for (column, value) in row.iter().enumerate() {
            if column > 0 {
                csv.push(b',');
            }
            write_cell(&mut csv, &cell_text(value));
        }
        csv.push(b'\n');
    }
    Ok(Sheet {
        csv,
        digest,
        byte_length,
    })
}

/// A sheet is held as a full grid, so one cell far out would take all memory:
/// the corner is looked for before the grid is made.
fn check_extent(
    path: &Path,
    workbook: &mut Sheets<Cursor<Vec<u8>>>,
    sheet: &str,
) -> Result<(), Fault> {
    let Sheets::Xlsx(xlsx) = workbook else {
        // An XLS sheet has at most 65,536 rows of 256 columns.
        return Ok(());
    };
    let mut cells = xlsx
        .worksheet_cells_reader(sheet)
        .map_err(|_| damaged_archive(path))?;
    let (mut rows, mut columns) = (0_u64, 0_u64);
    while let Some(cell) = cells.next_cell().map_err(|_| damaged_archive(path))? {
        let (row, column) = cell.get_position();
        rows = rows.max(u64::from(row) + 1);
        columns = columns.max(u64::from(column) + 1);
    }
    if rows * columns > LARGEST_GRID {
        return Err(damaged(
            path,
            "工作表范围过大：表格以外很远处有内容",
            "the sheet is too large: something stands far outside the table",
        ));
    }
    Ok(())
}

fn first_sheet_with_content(
    path: &Path,
    workbook: &mut Sheets<Cursor<Vec<u8>>>,
    names: &[String],
) -> Result<Option<String>, Fault> {
    for name in names {
        check_extent(path, workbook, name)?;
        let range = workbook.worksheet_range(name);
        if range.is_ok_and(|range| !range.is_empty()) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// What a cell says. A number of more than fifteen digits was rounded by the
/// spreadsheet: it is written in scientific notation, so that an ID number
/// among them is refused as damaged and not taken for another.
fn cell_text(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}")
        }
        Data::Float(number) if number.abs() >= 1e15 => format!("{number:E}").replace('E', "E+"),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::DateTime(datetime) if datetime.is_datetime() => {
            // Both epochs: the workbook says which is its own.
            let (year, month, day, ..) = datetime.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::DateTime(duration) => duration.as_f64().to_string(),
        Data::Error(_) => "#ERROR".to_owned(),
    }
}

fn write_cell(csv: &mut Vec<u8>, text: &str) {
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain {
        csv.extend_from_slice(text.as_bytes());
        return;
    }
    csv.push(b'"');
    for character in text.chars() {
        match character {
            '"' => csv.extend_from_slice(b"\"\""),
            // One line a row.
            '\n' | '\r' => csv.push(b' '),
            other => {
                let mut buffer = [0; 4];
                csv.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
            }
        }
    }
    csv.push(b'"');
}
