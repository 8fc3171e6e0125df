//! Visits the cells of the sheets of an XLSX or XLSB workbook.
//!
//! Rows are streamed: memory holds the file, the shared strings and the current row, each
//! within a limit.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use calamine::{ExcelDateTime, ExcelDateTimeType};

use aidlink_faults::fault::Fault;
use aidlink_workbook::{
    DateEpoch, Fill, MergedAreas, Number, NumberFormat, Problem, Row, SheetKind, Value, Visibility,
    Workbook, WorkbookError, WorkbookFormat,
};

use super::format::Format;
use super::refusal::of_workbook;
use super::sheet_reader::{ListedSheet, SheetReader, Visit, Visited};
use super::written_out::{ERROR_TEXT, day_text, float_text};

/// An open XLSX or XLSB workbook.
struct XlsxReader {
    path: PathBuf,
    workbook: Workbook<Cursor<Vec<u8>>>,
    sheets: Vec<ListedSheet>,
}

/// Opens a workbook.
///
/// # Errors
/// If it is not an XLSX or XLSB workbook, or is protected or damaged or exceeds a limit.
pub(super) fn open(path: &Path, bytes: Vec<u8>) -> Result<Box<dyn SheetReader>, Fault> {
    let workbook = Workbook::open(Cursor::new(bytes));
    let workbook = workbook.map_err(|error| of_workbook(path, error))?;
    let sheets = workbook.sheets().iter().map(|sheet| ListedSheet {
        name: sheet.name.clone(),
        is_visible: sheet.visibility == Visibility::Visible,
        // A sheet of unknown kind may be the table.
        may_be_table: matches!(sheet.kind, SheetKind::Worksheet | SheetKind::Other),
    });
    Ok(Box::new(XlsxReader {
        path: path.to_path_buf(),
        sheets: sheets.collect(),
        workbook,
    }))
}

impl SheetReader for XlsxReader {
    fn format(&self) -> Format {
        match self.workbook.format() {
            WorkbookFormat::Xlsx => Format::Xlsx,
            WorkbookFormat::Xlsb => Format::Xlsb,
        }
    }

    fn sheets(&self) -> &[ListedSheet] {
        &self.sheets
    }

    fn visit(
        &mut self,
        sheet: usize,
        visited: Visited<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<MergedAreas, Fault> {
        let path = &self.path;
        let refused = |error: WorkbookError| of_workbook(path, error);
        let epoch = self.workbook.date_epoch();
        let may_be_table = self.sheets[sheet].may_be_table;
        let rows = self.workbook.rows(sheet, visited.budget);
        let mut rows = rows.map_err(refused)?.filled(visited.filled, Fill::Down);
        if let Some(last) = visited.last_row {
            rows = rows.up_to(last);
        }
        loop {
            let row = match rows.next_row() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                // Charts and dialogs have no table of cells.
                Err(WorkbookError::Wrong(Problem::OtherContent, _)) if !may_be_table => break,
                Err(error) => return Err(refused(error)),
            };
            if visit_row(&row, epoch, visit).is_break() {
                return Ok(MergedAreas::default());
            }
        }
        Ok(rows.into_merged_areas())
    }
}

/// Visits the cells of a row.
pub(super) fn visit_row(row: &Row<'_>, epoch: DateEpoch, visit: &mut Visit<'_>) -> ControlFlow<()> {
    for cell in row.cells() {
        let mut visit = |text| visit(row.number(), cell.column, text);
        match cell.value {
            Value::Text(text) | Value::IsoDate(text) => visit(Some(text.as_bytes())),
            Value::Number(number) => visit(Some(number_text(number, epoch).as_bytes())),
            Value::Boolean(truth) => visit(Some(truth.to_string().as_bytes())),
            Value::Error(_) => visit(Some(ERROR_TEXT.as_bytes())),
            Value::FormulaWithoutValue => visit(None),
        }?;
    }
    ControlFlow::Continue(())
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
