//! A sheet as the workbook lists it.

use crate::date::DateEpoch;
use crate::error::{Bound, Fault};
use crate::limits::MOST_SHEETS;

/// Whether a sheet is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// The sheet has a tab.
    #[default]
    Visible,
    /// The sheet is hidden; the user can show it through the tab menu.
    Hidden,
    /// The sheet is hidden; only a program can show it.
    VeryHidden,
}

/// The kind of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetKind {
    /// Rows of cells.
    Worksheet,
    /// One chart, without rows.
    Chartsheet,
    /// An Excel 5 dialog.
    DialogSheet,
    /// Excel 4 macros, in cells.
    MacroSheet,
    /// Any other kind, or a sheet without a relationship to a part.
    Other,
}

/// A sheet of a workbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The name on the tab.
    pub name: String,
    /// Whether it is shown.
    pub visibility: Visibility,
    /// The kind of the sheet.
    pub kind: SheetKind,
    /// The part of the package that holds the sheet; `None` if there is none.
    pub part: Option<String>,
}

impl SheetKind {
    /// Returns the kind for the last segment of a relationship's type.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "worksheet" => SheetKind::Worksheet,
            "chartsheet" => SheetKind::Chartsheet,
            "dialogsheet" => SheetKind::DialogSheet,
            "xlMacrosheet" | "xlIntlMacrosheet" => SheetKind::MacroSheet,
            _ => SheetKind::Other,
        }
    }
}

/// The content of the workbook part.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) sheets: Vec<ListedSheet>,
    pub(crate) date_epoch: DateEpoch,
}

/// A sheet in the workbook part.
pub(crate) struct ListedSheet {
    pub(crate) name: String,
    pub(crate) visibility: Visibility,
    /// The id of the relationship to its part.
    pub(crate) relationship: String,
}

impl Listed {
    pub(crate) fn add(&mut self, sheet: ListedSheet) -> Result<(), Fault> {
        if self.sheets.len() == MOST_SHEETS {
            return Err(Bound::Sheets.into());
        }
        self.sheets.push(sheet);
        Ok(())
    }
}
