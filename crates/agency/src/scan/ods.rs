//! Visits the cells of the sheets of an ODS spreadsheet.
//!
//! All sheets are in one part of the file, so opening reads them all; memory holds the
//! values, within a limit.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Fault;
use aidlink_workbook::{Fill, MergedAreas, OpenDocument, Visibility, WorkbookError};

use super::format::Format;
use super::refusal::of_workbook;
use super::sheet_reader::{ListedSheet, SheetReader, Visit, Visited};
use super::xlsx::visit_row;

/// An open ODS spreadsheet.
struct OdsReader {
    path: PathBuf,
    document: OpenDocument,
    sheets: Vec<ListedSheet>,
}

/// Opens a spreadsheet.
///
/// # Errors
/// If it is not an ODS spreadsheet, or is protected or damaged or exceeds a limit.
pub(super) fn open(path: &Path, bytes: Vec<u8>) -> Result<Box<dyn SheetReader>, Fault> {
    let document = OpenDocument::open(Cursor::new(bytes));
    let document = document.map_err(|error| of_workbook(path, error))?;
    let sheets = document.sheets().iter().map(|sheet| ListedSheet {
        name: sheet.name.clone(),
        is_visible: sheet.visibility == Visibility::Visible,
        may_be_table: true,
    });
    Ok(Box::new(OdsReader {
        path: path.to_path_buf(),
        sheets: sheets.collect(),
        document,
    }))
}

impl SheetReader for OdsReader {
    fn format(&self) -> Format {
        Format::Ods
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
        let refused = |error: WorkbookError| of_workbook(&self.path, error);
        let rows = self.document.rows(sheet, visited.budget);
        let mut rows = rows.map_err(refused)?.filled(visited.filled, Fill::Down);
        if let Some(last) = visited.last_row {
            rows = rows.up_to(last);
        }
        while let Some(row) = rows.next_row().map_err(refused)? {
            if visit_row(&row, self.document.date_epoch(), visit).is_break() {
                return Ok(MergedAreas::default());
            }
        }
        let merged = self.document.merged_areas(sheet).map_err(refused)?;
        Ok(merged.clone())
    }
}
