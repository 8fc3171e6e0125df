//! The account of an export: every row is somewhere, and the figures add up.

/// What became of the rows of one export. Blank lines and total lines are no
/// rows and are counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows below the header.
    pub rows: u64,
    /// Rows without a usable ID number, or that could not be read as rows.
    pub rejected: u64,
    /// Rows that a withhold rule kept at home.
    pub withheld: u64,
    /// What became of the others.
    pub rest: Rest,
    /// Blank lines, title lines and total lines.
    pub not_rows: NotRows,
}

/// What became of the rows that were neither rejected nor withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Every row was evaluated.
    Evaluated {
        /// Rows on which no rule holds: they stay home.
        without_outcome: u64,
        /// Rows whose token and outcomes leave.
        sent: u64,
    },
    /// Only rows of case parties were evaluated (pooled mode).
    Probed {
        /// Rows whose token is a case party's.
        matched: u64,
        /// Rows whose token is not.
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

/// Lines of an export that are no rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotRows {
    /// Lines above the header.
    pub title_lines: u64,
    /// Lines with nothing in any cell.
    pub blank_lines: u64,
    /// Lines of totals (合计).
    pub total_lines: u64,
}

impl Account {
    /// Whether every row is accounted for.
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

    /// The share of rows rejected, 0 when there are none.
    pub fn reject_rate(&self) -> f64 {
        if self.rows == 0 {
            0.0
        } else {
            self.rejected as f64 / self.rows as f64
        }
    }
}
