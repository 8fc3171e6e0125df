//! Workbooks: the rows of a sheet written out as text, one line a row, so that
//! a line number is the sheet's row number.

use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{Data, Reader, Sheets, Xls, Xlsx};

use aidlink_faults::fault::{Fault, Faults, nearest_name_hint};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;

use super::compound_file;
use super::limits::largest_grid;
use super::refusal::{damaged, damaged_archive, encrypted};
use super::written_out::{float_text, write_cell};

/// A sheet written out as text, and the file it was read from.
pub(super) struct Sheet {
    pub(super) csv: Vec<u8>,
    pub(super) digest: String,
    pub(super) byte_length: u64,
}

/// The rows of a sheet as CSV in UTF-8, one line a row, so that a line number
/// is the sheet's row number.
pub(super) fn read_sheet(path: &Path, named: Option<&str>) -> Result<Sheet, Faults> {
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
    let is_compound = bytes.starts_with(b"\xd0\xcf\x11\xe0");
    if is_compound && !compound_file::is_bounded(&bytes) {
        return Err(damaged_archive(path).into());
    }
    if !is_compound && !texts_are_as_many_as_said(&bytes) {
        return Err(damaged_archive(path).into());
    }
    // Not whatever the library can open: of other kinds nobody looks at the extent.
    let workbook = match is_compound {
        true => Xls::new(Cursor::new(bytes)).map(Sheets::Xls).ok(),
        false => Xlsx::new(Cursor::new(bytes)).map(Sheets::Xlsx).ok(),
    };
    let mut workbook = workbook.ok_or_else(|| damaged_archive(path))?;
    let names = workbook.sheet_names();
    let chosen = match named {
        Some(name) if names.iter().any(|other| other == name) => name.to_owned(),
        Some(name) => {
            let shown = shown_name(name);
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("工作簿中没有名为“{shown}”的工作表"),
                    format!("the workbook has no sheet `{shown}`"),
                ),
                nearest_name_hint(name, names.iter().map(String::as_str)),
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
            write_cell(&mut csv, cell_text(value).as_bytes());
        }
        csv.push(b'\n');
    }
    Ok(Sheet {
        csv,
        digest,
        byte_length,
    })
}

/// Whether no part of shared texts says that it has more of them than it has
/// bytes: the reader makes room for as many before it has seen one. Control
/// characters stand in no XML, and with them letters could be written otherwise.
fn texts_are_as_many_as_said(bytes: &[u8]) -> bool {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
        return false;
    };
    (0..archive.len()).all(|index| {
        let Ok(mut part) = archive.by_index(index) else {
            return false;
        };
        let name = part.name().map(|name| name.to_ascii_lowercase());
        match name.map(|name| name.ends_with("sharedstrings.xml")) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(_) => return false,
        }
        let mut text = Vec::new();
        part.read_to_end(&mut text).is_ok()
            && !text
                .iter()
                .any(|byte| *byte < b' ' && !byte.is_ascii_whitespace())
            && memchr::memmem::find_iter(&text, b"uniqueCount").all(|at| {
                let after = text[at..].iter().skip("uniqueCount".len());
                let digits: Vec<u8> = after
                    .skip_while(|byte| !byte.is_ascii_digit())
                    .take_while(|byte| byte.is_ascii_digit())
                    .copied()
                    .collect();
                let count = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| digits.parse().ok());
                digits.is_empty() || count.is_some_and(|count: u64| count <= text.len() as u64)
            })
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
    let (mut rows, mut columns, mut filled) = (0_u64, 0_u64, 0_u64);
    while let Some(cell) = cells.next_cell().map_err(|_| damaged_archive(path))? {
        let (row, column) = cell.get_position();
        rows = rows.max(u64::from(row) + 1);
        columns = columns.max(u64::from(column) + 1);
        filled += 1;
    }
    if rows.saturating_mul(columns) > largest_grid(filled) {
        return Err(damaged(
            path,
            "工作表范围过大：远离表格处另有内容",
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

/// What a cell says.
fn cell_text(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => float_text(*number),
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
