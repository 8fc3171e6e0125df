//! The interface of the workbook readers: the list of sheets, and the cells of a sheet one
//! after another.

use std::ops::ControlFlow;

use aidlink_faults::fault::Fault;
use aidlink_workbook::{MergedAreas, TextBudget};

use super::format::Format;

/// A sheet as the workbook lists it.
#[derive(Clone, Debug)]
pub(super) struct ListedSheet {
    /// The name on its tab.
    pub(super) name: String,
    /// Whether it has a tab.
    pub(super) is_visible: bool,
    /// Whether it may be the table. A chart, a dialog or a sheet of macros is read only by
    /// name.
    pub(super) may_be_table: bool,
}

/// Receives the row and column, from 1, and the text of a cell; `None` for a formula that
/// was saved without its result. A break ends the visit.
pub(super) type Visit<'v> = dyn FnMut(u32, u32, Option<&[u8]>) -> ControlFlow<()> + 'v;

/// The cells of a sheet that are visited.
#[derive(Clone, Copy)]
pub(super) struct Visited<'m> {
    /// Merged areas whose value is visited in each of their rows that has a value of its
    /// own.
    pub(super) filled: &'m MergedAreas,
    /// The last row, if not all are visited.
    pub(super) last_row: Option<u32>,
    /// Limits the bytes of all texts.
    pub(super) budget: TextBudget,
}

/// A workbook in one of the formats.
pub(super) trait SheetReader {
    /// Returns the format of the workbook.
    fn format(&self) -> Format;

    /// Returns the sheets in the order of their tabs.
    fn sheets(&self) -> &[ListedSheet];

    /// Visits the cells of a sheet that have a value, by row and then by column. Returns
    /// the merged areas of the sheet, if all rows were visited.
    ///
    /// # Errors
    /// If the sheet is damaged or exceeds a limit.
    fn visit(
        &mut self,
        sheet: usize,
        visited: Visited<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<MergedAreas, Fault>;
}
