//! A reader of XLSX, XLSB and ODS sheets, row by row.
//!
//! A [`Workbook`] lists its sheets. [`Workbook::rows`] streams the rows of a sheet:
//! memory holds one row and the shared strings, never a whole sheet.
//! [`Workbook::merged_areas`] finds the merged areas in a pass of its own, because
//! the file lists them after the rows. Formulas are not evaluated: the value that
//! was saved with a formula is the value of the cell.
//!
//! The parts of an XLSB workbook hold binary records instead of XML. The rest is the same.
//!
//! An [`OpenDocument`] is an ODS spreadsheet, whose sheets are all in one part. Opening
//! reads them all and stores their values in a compact form.
//!
//! A workbook may be hostile. The reader does not rely on any size that the file
//! states, counts everything that the file repeats, and enforces the [`limits`].
//! Errors name the sheet, row and column and never contain the content of a cell.

mod date;
mod error;
mod format;
pub mod limits;
mod merged;
mod ods;
mod ods_dates;
mod ods_styles;
mod package;
mod reference;
mod row;
mod rows;
mod shared_strings;
mod sheet;
mod styles;
mod workbook;
mod xlsb;
mod xlsb_records;
mod xlsb_table;
mod xml;
mod xml_table;

pub use date::DateEpoch;
pub use error::{Bound, OtherFile, Place, Problem, WorkbookError};
pub use format::NumberFormat;
pub use limits::TextBudget;
pub use merged::MergedAreas;
pub use ods::{OpenDocument, StoredRows};
pub use package::WorkbookFormat;
pub use reference::Area;
pub use row::{Cell, ErrorValue, Fill, Number, Row, Value};
pub use rows::Rows;
pub use sheet::{Sheet, SheetKind, Visibility};
pub use workbook::{RowCount, Workbook};
