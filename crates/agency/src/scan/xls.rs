//! Converts a sheet of an XLS workbook to CSV text with one line for each row, so
//! that line numbers are the sheet's row numbers.
//!
//! The reader holds all sheets of a workbook in memory. [`xls_records`] first checks
//! that they fit.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use calamine::{Data, Range, Reader, Xls};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_workbook::TextBudget;

use super::compound_file::{NoWorkbook, container_of, workbook_stream};
use super::refusal::{
    damaged, damaged_archive, encrypted, formula_without_result, no_content, no_such_sheet,
    save_as_xlsx, sheet_too_large,
};
use super::written_out::{ERROR_TEXT, SheetText, TooLarge, day_text, float_text};
use super::xls_records::{RecordFault, shared_text_in_cells};

/// Returns the rows of the named sheet, or of the first one with content, as CSV in
/// UTF-8. A hostile workbook can make the reader panic.
///
/// # Errors
/// If there is no such sheet, if the workbook is protected, damaged or too large, or
/// if a formula was saved without its result.
pub(super) fn sheet_as_csv(
    path: &Path,
    bytes: &[u8],
    named: Option<&str>,
) -> Result<Vec<u8>, Faults> {
    let budget = TextBudget::usual(bytes.len() as u64);
    let stream = workbook_stream(bytes).map_err(|reason| no_workbook(path, reason))?;
    let shared = shared_text_in_cells(&stream).map_err(|reason| not_read(path, reason))?;
    if shared > budget.get() {
        return Err(sheet_too_large(path, None, None, TooLarge::Text(budget)).into());
    }
    let container = container_of(&stream).ok_or_else(|| damaged_archive(path))?;
    drop(stream);
    let mut workbook = Xls::new(Cursor::new(container)).map_err(|_| damaged_archive(path))?;
    let names = workbook.sheet_names();
    let chosen = match named {
        Some(name) => match names.iter().find(|other| *other == name) {
            Some(name) => name,
            None => {
                let names = names.iter().map(String::as_str);
                return Err(no_such_sheet(path, name, names).into());
            }
        },
        None => {
            let holds_something = |name: &&String| {
                let range = workbook.worksheet_range(name);
                range.is_ok_and(|range| !range.is_empty())
            };
            let first = names.iter().find(holds_something);
            first.ok_or_else(|| no_content(path))?
        }
    };
    let range = workbook
        .worksheet_range(chosen)
        .map_err(|_| damaged_archive(path))?;
    if let Some((row, column)) = lost_result(&mut workbook, chosen, &range) {
        return Err(formula_without_result(path, chosen, row, column).into());
    }
    Ok(written_out(path, chosen, &range, budget)?)
}

fn no_workbook(path: &Path, reason: NoWorkbook) -> Fault {
    match reason {
        NoWorkbook::Damaged => damaged_archive(path),
        NoWorkbook::Encrypted => encrypted(path),
        NoWorkbook::Other => damaged(
            path,
            "文件不是 Excel 工作簿，可能是 Word 等其他文档",
            "the file is not an Excel workbook, but perhaps a Word document",
        ),
    }
}

fn not_read(path: &Path, reason: RecordFault) -> Fault {
    match reason {
        RecordFault::Damaged => damaged_archive(path),
        RecordFault::Password => encrypted(path),
        RecordFault::Older => older_than_excel_5(path),
        RecordFault::NoCodePage => save_as_xlsx(
            path,
            "工作簿为 Excel 5.0/95 格式，且未写明文字编码",
            "the workbook is of Excel 5 or 95 and does not say how its texts are encoded",
        ),
    }
}

/// Returns the fault for a workbook in a format before Excel 5.
pub(super) fn older_than_excel_5(path: &Path) -> Fault {
    save_as_xlsx(
        path,
        "工作簿为 Excel 2.0 至 4.0 格式，不支持读取",
        "the workbook is of Excel 2, 3 or 4, which is not supported",
    )
}

/// Returns whether a file begins as a workbook of Excel 2 to 4, which has no container:
/// with BOF, of 4 or 6 bytes.
pub(super) fn is_older_than_excel_5(start: &[u8]) -> bool {
    matches!(start, [0x09, 0x00 | 0x02 | 0x04, 4 | 6, 0, ..])
}

/// Returns the row and column, from 1, of the first formula without a saved result.
/// The reader returns such a cell as empty, so its data would be lost.
fn lost_result(
    workbook: &mut Xls<Cursor<Vec<u8>>>,
    sheet: &str,
    range: &Range<Data>,
) -> Option<(u32, u32)> {
    let formulas = workbook.worksheet_formula(sheet).ok()?;
    let (first_row, first_column) = formulas.start()?;
    formulas
        .used_cells()
        .map(|(row, column, formula)| {
            let place = (first_row + row as u32, first_column + column as u32);
            (place, formula)
        })
        .find(|(place, formula)| {
            let value = range.get_value(*place);
            !formula.is_empty() && value.is_none_or(|value| *value == Data::Empty)
        })
        .map(|((row, column), _)| (row + 1, column + 1))
}

fn written_out(
    path: &Path,
    sheet: &str,
    range: &Range<Data>,
    budget: TextBudget,
) -> Result<Vec<u8>, Fault> {
    let mut csv = SheetText::new(budget);
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, values) in (first_row + 1..).zip(range.rows()) {
        for (column, value) in (first_column + 1..).zip(values) {
            csv.add(row, column, cell_text(value).as_bytes())
                .map_err(|reason| {
                    sheet_too_large(path, Some(sheet), Some((row, column)), reason)
                })?;
        }
    }
    csv.finish()
        .map_err(|reason| sheet_too_large(path, Some(sheet), None, reason))
}

/// Returns the text of a cell.
pub(super) fn cell_text(value: &Data) -> Cow<'_, str> {
    match value {
        Data::Empty => "".into(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.into(),
        Data::Int(number) => number.to_string().into(),
        Data::Float(number) => float_text(*number).into(),
        Data::Bool(truth) => truth.to_string().into(),
        Data::DateTime(moment) if moment.is_datetime() => day_text(moment).into(),
        Data::DateTime(duration) => duration.as_f64().to_string().into(),
        Data::Error(_) => ERROR_TEXT.into(),
    }
}
