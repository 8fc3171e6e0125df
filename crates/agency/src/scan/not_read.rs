//! Sheets of a workbook that were not read. They are reported with their rows, so that
//! nobody in them is lost in silence.

use aidlink_faults::personal_number::{self, NumberKind};
use aidlink_faults::text::Text;

/// Why a sheet was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNotRead {
    /// It is hidden.
    Hidden,
    /// It has no header.
    NoHeader,
    /// Other sheets were chosen.
    NotNamed,
}

impl WhyNotRead {
    /// Returns the code used in manifests.
    pub fn code(self) -> &'static str {
        match self {
            WhyNotRead::Hidden => "hidden",
            WhyNotRead::NoHeader => "no_header",
            WhyNotRead::NotNamed => "not_named",
        }
    }
}

/// A sheet with content that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetNotRead {
    /// Its name, in a form that may be shown.
    pub sheet: String,
    /// Why it was not read.
    pub why: WhyNotRead,
    /// Whether it has a header.
    pub has_header: bool,
    /// What it holds; `None` if it cannot be read.
    pub holds: Option<RowsNotRead>,
}

/// The rows of a sheet that was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsNotRead {
    /// Rows with content: below the header, or all if there is no header.
    pub rows: u64,
    /// Those of them in which a cell has the form of an ID number.
    pub with_id: u64,
}

impl RowsNotRead {
    /// Returns whether a cell has the form of an ID number.
    pub(super) fn is_id(cell: &[u8]) -> bool {
        const SHORTEST_ID: usize = 15;
        if cell.len() < SHORTEST_ID {
            return false;
        }
        let found = std::str::from_utf8(cell).map(personal_number::find);
        let mut found = found.unwrap_or_default().into_iter();
        found.any(|found| found.kind == NumberKind::NationalId)
    }
}

impl SheetNotRead {
    /// Returns whether the sheet may hold persons, unlike notes and lists of codes.
    pub fn may_hold_persons(&self) -> bool {
        let rows_of_table = |rows: RowsNotRead| self.has_header && rows.rows > 0;
        let holds = |rows: RowsNotRead| rows.with_id > 0 || rows_of_table(rows);
        self.holds.is_none_or(holds)
    }

    /// Returns a sentence about the sheet.
    pub fn text(&self) -> Text {
        let sheet = &self.sheet;
        let (why_zh, why_en) = match self.why {
            WhyNotRead::Hidden => ("已隐藏", "hidden"),
            WhyNotRead::NoHeader => (
                "没有含证件号码列的表头",
                "it has no header with an ID column",
            ),
            WhyNotRead::NotNamed => ("选定的是其他工作表", "other sheets were chosen"),
        };
        let (rows_zh, rows_en) = match self.holds {
            Some(RowsNotRead { rows, with_id }) => (
                format!("有内容的行{rows}行，其中{with_id}行有证件号码"),
                format!("{rows} rows, {with_id} of them with an ID number"),
            ),
            None => ("内容无法读取".to_owned(), "it cannot be read".to_owned()),
        };
        Text::new(
            format!("未读取工作表“{sheet}”（{why_zh}）：{rows_zh}"),
            format!("sheet `{sheet}` was not read ({why_en}): {rows_en}"),
        )
    }
}
