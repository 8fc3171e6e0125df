//! Converts a sheet of an XLSX workbook to CSV text with one line for each row, so
//! that line numbers are the sheet's row numbers.
//!
//! Rows are streamed: memory holds the shared strings, the current row and the CSV
//! text, each within a limit.

use std::io::Cursor;
use std::path::Path;

use calamine::{ExcelDateTime, ExcelDateTimeType};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_workbook::{
    DateEpoch, Number, NumberFormat, Sheet, SheetKind, TextBudget, Value, Workbook, WorkbookError,
};

use super::refusal::{
    formula_without_result, no_content, no_such_sheet, of_workbook, sheet_too_large,
};
use super::written_out::{ERROR_TEXT, SheetText, day_text, float_text};

/// Returns the rows of the named sheet, or of the first one with content, as CSV in
/// UTF-8.
///
/// # Errors
/// If there is no such sheet, if the workbook is protected or damaged or exceeds a
/// limit, or if a formula was saved without its result.
pub(super) fn sheet_as_csv(
    path: &Path,
    bytes: &[u8],
    named: Option<&str>,
) -> Result<Vec<u8>, Faults> {
    let workbook = Workbook::open(Cursor::new(bytes));
    let mut workbook = workbook.map_err(|error| of_workbook(path, error))?;
    let sheets = workbook.sheets().to_vec();
    let Some(name) = named else {
        // Charts, dialogs and macros are not tables. Any other sheet that cannot be read
        // is an error: it may be the table.
        let is_table = |(_, sheet): &(usize, &Sheet)| {
            !matches!(
                sheet.kind,
                SheetKind::Chartsheet | SheetKind::DialogSheet | SheetKind::MacroSheet
            )
        };
        for (index, sheet) in sheets.iter().enumerate().filter(is_table) {
            let csv = written_out(path, &mut workbook, index, &sheet.name)?;
            if !csv.is_empty() {
                return Ok(csv);
            }
        }
        return Err(no_content(path).into());
    };
    match sheets.iter().position(|sheet| sheet.name == name) {
        Some(index) => Ok(written_out(path, &mut workbook, index, name)?),
        None => {
            let names = sheets.iter().map(|sheet| sheet.name.as_str());
            Err(no_such_sheet(path, name, names).into())
        }
    }
}

/// Returns the rows of a sheet; empty if it has no content.
fn written_out(
    path: &Path,
    workbook: &mut Workbook<Cursor<&[u8]>>,
    index: usize,
    name: &str,
) -> Result<Vec<u8>, Fault> {
    let refused = |error: WorkbookError| of_workbook(path, error);
    let epoch = workbook.date_epoch();
    let budget = TextBudget::usual(workbook.byte_length());
    let mut csv = SheetText::new(budget);
    let mut rows = workbook.rows(index, budget).map_err(refused)?;
    while let Some(row) = rows.next_row().map_err(refused)? {
        for cell in row.cells() {
            let (row, column) = (row.number(), cell.column);
            let added = match cell.value {
                Value::Text(text) | Value::IsoDate(text) => csv.add(row, column, text.as_bytes()),
                Value::Number(number) => {
                    csv.add(row, column, number_text(number, epoch).as_bytes())
                }
                Value::Boolean(truth) => csv.add(row, column, truth.to_string().as_bytes()),
                Value::Error(_) => csv.add(row, column, ERROR_TEXT.as_bytes()),
                Value::FormulaWithoutValue => {
                    return Err(formula_without_result(path, name, row, column));
                }
            };
            added
                .map_err(|reason| sheet_too_large(path, Some(name), Some((row, column)), reason))?;
        }
    }
    csv.finish()
        .map_err(|reason| sheet_too_large(path, Some(name), None, reason))
}

/// Returns the text of a number, which is the same as in an XLS workbook.
fn number_text(number: Number<'_>, epoch: DateEpoch) -> String {
    let value = number.to_f64();
    match number.format {
        NumberFormat::General | NumberFormat::Text => float_text(value),
        NumberFormat::Elapsed => value.to_string(),
        NumberFormat::Date | NumberFormat::Time | NumberFormat::DateTime => {
            let is_1904 = epoch == DateEpoch::Year1904;
            let kind = ExcelDateTimeType::DateTime;
            day_text(&ExcelDateTime::new(value, kind, is_1904))
        }
    }
}
