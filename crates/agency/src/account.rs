//! The account of an export's rows: every row is counted exactly once. Exports without
//! usable rows are refused.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;

use crate::reject::RejectReason;

/// Counts what happened to the rows of one export. Blank lines and total lines
/// are not rows and are counted separately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows below the header.
    pub rows: u64,
    /// Rows without a usable ID number, or that could not be read as rows.
    pub rejected: u64,
    /// Rows that a withhold rule kept at the agency.
    pub withheld: u64,
    /// All other rows.
    pub rest: Rest,
    /// Lines that are not rows.
    pub not_rows: NotRows,
}

/// Counts of the rows that were neither rejected nor withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Every row was evaluated.
    Evaluated {
        /// Rows whose outcomes cannot lead to an aid. They stay at the agency.
        without_outcome: u64,
        /// Rows whose token and outcomes leave the agency.
        sent: u64,
    },
    /// Only the rows of case parties were evaluated (pooled mode).
    Probed {
        /// Rows of case parties.
        matched: u64,
        /// Rows of other persons.
        unmatched: u64,
    },
}

impl Default for Rest {
    fn default() -> Self {
        Rest::Evaluated {
            without_outcome: 0,
            sent: 0,
        }
    }
}

/// Counts of lines that are not rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotRows {
    /// Lines above the header.
    pub title_lines: u64,
    /// Lines in which every cell is empty.
    pub blank_lines: u64,
    /// Lines of totals (合计).
    pub total_lines: u64,
    /// Signatures, notes and page numbers (填表人, 注, 第 1 页).
    pub footer_lines: u64,
    /// Lines in which the header or a title is repeated.
    pub repeated_header_lines: u64,
}

impl Account {
    /// Returns whether every row is counted exactly once.
    pub fn adds_up(&self) -> bool {
        let rest = match self.rest {
            Rest::Evaluated {
                without_outcome,
                sent,
            } => without_outcome + sent,
            Rest::Probed { matched, unmatched } => matched + unmatched,
        };
        self.rows == self.rejected + self.withheld + rest
    }

    /// Returns the share of rejected rows, or 0 if there are no rows.
    pub fn reject_rate(&self) -> f64 {
        if self.rows == 0 {
            0.0
        } else {
            self.rejected as f64 / self.rows as f64
        }
    }
}

/// Returns the fault for an export without rows.
pub fn no_rows(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "表头下没有任何记录",
            "there are no records below the header",
        ),
        Text::new(
            "请重新导出；若确实没有记录，请在轮次文件中写 may_be_empty = true",
            "export it again; if it has no records, set may_be_empty = true in the round file",
        ),
    )
}

/// Returns a fault if an export has rows and all of them were rejected. `rejected` is the
/// number of rejected rows by reason.
pub fn all_rejected(
    path: &Path,
    rows: u64,
    rejected: &BTreeMap<RejectReason, u64>,
) -> Option<Fault> {
    let (most_common, _) = rejected.iter().max_by_key(|(_, count)| **count)?;
    if rejected.values().sum::<u64>() < rows {
        return None;
    }
    let reason = most_common.text();
    Some(Fault::of_file(
        path,
        Text::new(
            format!("{rows}行全部被拒收，没有可用的行"),
            format!("all {rows} rows were rejected, so none can be used"),
        ),
        Text::new(
            format!("最常见的原因：{}", reason.zh),
            format!("the most common reason: {}", reason.en),
        ),
    ))
}
