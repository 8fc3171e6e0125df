//! Converts a sheet of an XLS workbook to CSV text with one line for each row, so
//! that line numbers are the sheet's row numbers.
//!
//! The reader holds all sheets of a workbook in memory. [`compound_file`] first
//! checks that they fit.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use calamine::{Data, Range, Reader, Xls};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_workbook::TextBudget;

use super::compound_file;
use super::refusal::{
    damaged_archive, encrypted, formula_without_result, no_content, no_such_sheet, sheet_too_large,
};
use super::written_out::{ERROR_TEXT, SheetText, TooLarge, day_text, float_text};

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
    let marker: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    if memchr::memmem::find(bytes, &marker).is_some() {
        return Err(encrypted(path).into());
    }
    let budget = TextBudget::usual(bytes.len() as u64);
    let shared = compound_file::shared_text_in_cells(bytes);
    let shared = shared.ok_or_else(|| damaged_archive(path))?;
    if shared > budget.get() {
        return Err(sheet_too_large(path, None, None, TooLarge::Text(budget)).into());
    }
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(|_| damaged_archive(path))?;
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
        return Err(formula_without_result(path, row, column).into());
    }
    Ok(written_out(path, chosen, &range, budget)?)
}

/// Returns the row and column, from 1, of the first formula without a saved result.
/// The reader returns such a cell as empty, so its data would be lost.
fn lost_result(
    workbook: &mut Xls<Cursor<&[u8]>>,
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
