//! The rows of a block that are like others: they are only counted, or leave with outcomes
//! that are known.

use std::sync::Arc;

use super::alike::{AlikeRows, Judged, Known, Lookup, NewCells};
use super::evaluate::EvaluatedCounts;
use super::spill::OutcomeBits;
use crate::identify::{IdentifiedRow, OwnedRow};
use crate::rules::EvaluationError;
use crate::scan::pass::LocatedCells;

/// What was found of the rows of a block that are like others.
#[derive(Default)]
pub(super) struct AlikeInBlock {
    /// Taken when the block begins, so that it is looked up in the same throughout.
    known: Option<Arc<Known>>,
    new_cells: NewCells,
    /// The rows of the block to evaluate, by position, from which a kind may be learned.
    new_kinds: Vec<usize>,
    /// Rows that are withheld, by position of the rule.
    withheld: Vec<u64>,
    stay: u64,
    leave: u64,
}

/// What becomes of a row.
pub(super) enum Found {
    /// It is evaluated.
    ToEvaluate,
    /// It is withheld or has no outcome that leaves, and was counted.
    Counted,
    /// It leaves with these outcomes, and was counted.
    Leaves(OutcomeBits),
}

impl AlikeInBlock {
    /// Looks a row up; without `alike` it is evaluated. `place` is its position among the rows of
    /// the block to evaluate, if it becomes one.
    pub(super) fn look_up(
        &mut self,
        alike: Option<&AlikeRows<'_>>,
        row: &IdentifiedRow<'_>,
        cells: &LocatedCells<'_>,
        place: usize,
    ) -> Found {
        let Some(alike) = alike else {
            return Found::ToEvaluate;
        };
        let known = self.known.get_or_insert_with(|| alike.known());
        match alike.look_up(known, row, cells, &mut self.new_cells) {
            Lookup::Unusual => Found::ToEvaluate,
            Lookup::New => {
                self.new_kinds.push(place);
                Found::ToEvaluate
            }
            Lookup::Known(Judged::Stays) => {
                self.stay += 1;
                Found::Counted
            }
            Lookup::Known(Judged::Withheld(rule)) => {
                let withheld = &mut self.withheld;
                withheld.resize(withheld.len().max(rule + 1), 0);
                withheld[rule] += 1;
                Found::Counted
            }
            Lookup::Known(Judged::Leaves(outcomes)) => {
                self.leave += 1;
                Found::Leaves(outcomes)
            }
        }
    }

    /// Ends the block: adds the rows that are like others to the counts, and learns from those
    /// that are evaluated. Returns the number of rows that were like others.
    ///
    /// # Errors
    /// If the rules cannot be evaluated.
    pub(super) fn end(
        self,
        alike: &AlikeRows<'_>,
        rows: &[OwnedRow],
        counts: &mut EvaluatedCounts,
    ) -> Result<u64, EvaluationError> {
        let like_others = self.stay + self.leave + self.withheld.iter().sum::<u64>();
        let withheld = alike.rules().zip(self.withheld);
        counts.add_alike(withheld, self.stay, self.leave);
        let new = self.new_kinds.iter();
        let new: Vec<&OwnedRow> = new.filter_map(|row| rows.get(*row)).collect();
        alike.learn(&new, self.new_cells)?;
        Ok(like_others)
    }
}
