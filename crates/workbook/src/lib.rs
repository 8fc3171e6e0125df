//! XLSX sheets read row by row.
//!
//! A [`Workbook`] says what sheets it has; [`Workbook::rows`] gives the rows of
//! one as a stream, so that memory holds one row and the shared strings and never
//! a sheet; [`Workbook::merged_areas`] reads the sheet once before for the areas
//! that stand after its rows. Formulas are not looked at: the value that was
//! saved with one is its value.
//!
//! A workbook may be hostile. Nothing that it says of its own size is believed,
//! everything that it repeats is counted, and [`limits`] says what it may come
//! to. Errors name the sheet, row and column and show nothing of a cell.

mod date;
mod error;
mod format;
pub mod limits;
mod merged;
mod package;
mod reference;
mod rows;
mod shared_strings;
mod styles;
mod workbook;
mod xml;

pub use date::DateEpoch;
pub use error::{Bound, OtherFile, Place, Problem, WorkbookError};
pub use format::NumberFormat;
pub use limits::TextBudget;
pub use merged::MergedAreas;
pub use reference::Area;
pub use rows::{Cell, ErrorValue, Fill, Number, Row, Rows, Value};
pub use workbook::{RowCount, Sheet, SheetKind, Visibility, Workbook};
