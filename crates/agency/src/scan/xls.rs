//! Visits the cells of the sheets of an XLS workbook.
//!
//! The reader holds all sheets of a workbook in memory. [`super::xls_records`] first checks
//! that they fit.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use calamine::{Data, Range, Reader, SheetType, SheetVisible, Xls};

use aidlink_faults::fault::Fault;
use aidlink_workbook::{Area, MergedAreas, TextBudget};

use super::compound_file::{NoWorkbook, container_of, workbook_stream};
use super::format::Format;
use super::refusal::{damaged, damaged_archive, encrypted, save_as_xlsx, sheet_too_large};
use super::sheet_reader::{ListedSheet, SheetReader, Visit, Visited};
use super::written_out::{ERROR_TEXT, TooLarge, day_text, float_text};
use super::xls_records::{RecordFault, shared_text_in_cells};

/// An open XLS workbook.
struct XlsReader {
    path: PathBuf,
    workbook: Xls<Cursor<Vec<u8>>>,
    sheets: Vec<ListedSheet>,
    grid: Option<Grid>,
}

/// Opens a workbook. A hostile workbook can make the reader panic.
///
/// # Errors
/// If the workbook is protected, damaged or too large.
pub(super) fn open(path: &Path, bytes: Vec<u8>) -> Result<Box<dyn SheetReader>, Fault> {
    let budget = TextBudget::usual(bytes.len() as u64);
    let stream = workbook_stream(&bytes).map_err(|reason| no_workbook(path, reason))?;
    drop(bytes);
    let shared = shared_text_in_cells(&stream).map_err(|reason| not_read(path, reason))?;
    if shared > budget.get() {
        return Err(sheet_too_large(path, None, None, TooLarge::Text(budget)));
    }
    let container = container_of(&stream).ok_or_else(|| damaged_archive(path))?;
    drop(stream);
    let workbook = Xls::new(Cursor::new(container)).map_err(|_| damaged_archive(path))?;
    let sheets = workbook.sheets_metadata().iter().map(|sheet| ListedSheet {
        name: sheet.name.clone(),
        is_visible: sheet.visible == SheetVisible::Visible,
        may_be_table: sheet.typ == SheetType::WorkSheet,
    });
    Ok(Box::new(XlsReader {
        path: path.to_path_buf(),
        sheets: sheets.collect(),
        grid: None,
        workbook,
    }))
}

impl SheetReader for XlsReader {
    fn format(&self) -> Format {
        Format::Xls
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
        let Grid {
            values, formulas, ..
        } = self.grid(sheet)?;
        let (first_row, first_column) = values.start().unwrap_or_default();
        let mut filling = Filling::new(visited.filled);
        for (row, cells) in (first_row..).zip(values.rows()) {
            if visited.last_row.is_some_and(|last| row >= last) {
                return Ok(MergedAreas::default());
            }
            filling.move_to(row + 1);
            let is_blank = cells.iter().all(|cell| *cell == Data::Empty);
            for (column, cell) in (first_column..).zip(cells).filter(|_| !is_blank) {
                let cell = match cell {
                    Data::Empty => {
                        let first_row = filling.first_row_of(column + 1);
                        first_row.and_then(|first| values.get_value((first - 1, column)))
                    }
                    cell => Some(cell),
                };
                let text = cell.map(cell_text).filter(|text| !text.is_empty());
                if let Some(text) = text
                    && visit(row + 1, column + 1, Some(text.as_bytes())).is_break()
                {
                    return Ok(MergedAreas::default());
                }
            }
        }
        if let Some((row, column)) = lost_result(values, formulas)
            && visit(row, column, None).is_break()
        {
            return Ok(MergedAreas::default());
        }
        self.merged_areas(sheet)
    }
}

/// The cells of a sheet.
struct Grid {
    sheet: usize,
    values: Range<Data>,
    formulas: Range<String>,
}

impl XlsReader {
    /// Returns the cells of a sheet. The reader copies them, so the last sheet is kept.
    fn grid(&mut self, sheet: usize) -> Result<&Grid, Fault> {
        let is_kept = |grid: &Grid| grid.sheet == sheet;
        if !self.grid.as_ref().is_some_and(is_kept) {
            let name = &self.sheets[sheet].name;
            let damaged = |_| damaged_archive(&self.path);
            self.grid = None;
            self.grid = Some(Grid {
                sheet,
                values: self.workbook.worksheet_range(name).map_err(damaged)?,
                formulas: self.workbook.worksheet_formula(name).map_err(damaged)?,
            });
        }
        self.grid
            .as_ref()
            .ok_or_else(|| damaged_archive(&self.path))
    }

    fn merged_areas(&self, sheet: usize) -> Result<MergedAreas, Fault> {
        let areas = self
            .workbook
            .merge_cells_by_sheet_name(&self.sheets[sheet].name);
        let areas = areas.map_err(|_| damaged_archive(&self.path))?;
        let areas = areas.into_iter().map(|area| Area {
            first_row: area.start.0 + 1,
            first_column: area.start.1 + 1,
            last_row: area.end.0 + 1,
            last_column: area.end.1 + 1,
        });
        Ok(MergedAreas::of(areas.collect()))
    }
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
fn lost_result(values: &Range<Data>, formulas: &Range<String>) -> Option<(u32, u32)> {
    let (first_row, first_column) = formulas.start()?;
    formulas
        .used_cells()
        .map(|(row, column, formula)| {
            let place = (first_row + row as u32, first_column + column as u32);
            (place, formula)
        })
        .find(|(place, formula)| {
            let value = values.get_value(*place);
            !formula.is_empty() && value.is_none_or(|value| *value == Data::Empty)
        })
        .map(|((row, column), _)| (row + 1, column + 1))
}

/// The merged areas that reach a row from above. Rows and columns count from 1.
struct Filling<'m> {
    row: u32,
    /// The areas that begin below the row.
    ahead: &'m [Area],
    /// The areas that reach the row, sorted by first column.
    reaching: Vec<Area>,
}

impl<'m> Filling<'m> {
    fn new(areas: &'m MergedAreas) -> Self {
        Filling {
            row: 0,
            ahead: areas.areas(),
            reaching: Vec::new(),
        }
    }

    fn move_to(&mut self, row: u32) {
        self.row = row;
        self.reaching.retain(|area| area.last_row >= row);
        while let Some((area, ahead)) = self.ahead.split_first() {
            if area.first_row > row {
                break;
            }
            self.ahead = ahead;
            let place = |other: &Area| other.first_column < area.first_column;
            let place = self.reaching.partition_point(place);
            self.reaching.insert(place, *area);
        }
    }

    /// Returns the row that has the value for a column of the current row.
    fn first_row_of(&self, column: u32) -> Option<u32> {
        let found = self
            .reaching
            .binary_search_by_key(&column, |area| area.first_column);
        let area = self.reaching.get(found.ok()?)?;
        (area.first_row < self.row).then_some(area.first_row)
    }
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
