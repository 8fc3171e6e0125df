//! The rows of a sheet of an XLSX or XLSB workbook, one by one.

use std::io::{BufReader, Read};

use crate::error::{Place, WorkbookError};
use crate::limits::{MOST_ROWS, TextBudget};
use crate::merged::{MergeList, MergedAreas};
use crate::package::{Part, WorkbookFormat};
use crate::row::{Fill, Line, Row};
use crate::shared_strings::SharedStrings;
use crate::styles::CellFormats;
use crate::xlsb_table::XlsbTable;
use crate::xml_table::XmlTable;

/// The rows of a sheet that have content, from first to last.
///
/// Memory holds the current row and a window of the part, however many rows there
/// are.
pub struct Rows<'w, R: Read> {
    table: Table<'w, Part<'w, BufReader<R>>>,
    sheet: &'w str,
    part: &'w str,
    is_finished: bool,
    line: Line<'w>,
    merges: MergeList,
    last_row: u32,
}

/// The table of cells in the form of its part.
enum Table<'w, R> {
    Xml(XmlTable<'w, R>),
    Binary(XlsbTable<'w, R>),
}

impl<'w, R: Read> Rows<'w, R> {
    pub(crate) fn new(
        source: Part<'w, BufReader<R>>,
        format: WorkbookFormat,
        strings: &'w SharedStrings,
        formats: &'w CellFormats,
        sheet: &'w str,
        part: &'w str,
        budget: TextBudget,
    ) -> Result<Self, WorkbookError> {
        let place = || Place {
            sheet: Some(sheet.to_owned()),
            ..Place::of_part(part)
        };
        let table = match format {
            WorkbookFormat::Xlsx => XmlTable::new(source, formats).map(Table::Xml),
            WorkbookFormat::Xlsb => XlsbTable::new(source, formats).map(Table::Binary),
        };
        let table = table.map_err(|fault| fault.at(place()))?;
        Ok(Rows {
            table,
            sheet,
            part,
            is_finished: false,
            line: Line::new(strings, budget),
            merges: MergeList::default(),
            last_row: MOST_ROWS,
        })
    }

    /// Ends the rows after the row of this number. The rest of the part is not read, so
    /// neither its checksum nor its structure is verified. Call this before the first row
    /// is read.
    pub fn up_to(mut self, row: u32) -> Self {
        self.last_row = row;
        self
    }

    /// Returns the merged areas of the sheet, once [`Rows::next_row`] has returned `None`
    /// without [`Rows::up_to`]. The list is usually after the rows.
    pub fn into_merged_areas(self) -> MergedAreas {
        self.merges.finish()
    }

    /// Fills the cells of merged areas with the value of the area's first cell. Only
    /// rows that have a value of their own are filled: a row of merged cells alone would
    /// repeat the row above it. A cell that has a value keeps it. Call this before
    /// the first row is read.
    pub fn filled(mut self, areas: &'w MergedAreas, how: Fill) -> Self {
        self.line.set_filled(areas, how);
        self
    }

    /// Returns the next row with content; `None` after the last row or an error.
    ///
    /// # Errors
    /// If the part is damaged or wrong or exceeds a limit. The place of the error names
    /// the row and cell that were being read.
    #[inline]
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, WorkbookError> {
        if self.is_finished {
            return Ok(None);
        }
        let (line, merges) = (&mut self.line, &mut self.merges);
        let read = match &mut self.table {
            Table::Xml(table) => table.read_row(line, merges, self.last_row),
            Table::Binary(table) => table.read_row(line, merges, self.last_row),
        };
        match read {
            Ok(true) => Ok(Some(self.line.as_row())),
            Ok(false) => {
                self.is_finished = true;
                Ok(None)
            }
            Err(fault) => {
                self.is_finished = true;
                Err(fault.at(self.line.place(self.part, self.sheet)))
            }
        }
    }
}
