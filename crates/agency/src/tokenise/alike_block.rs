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
            Lookup::Known(judged) => match self.count(judged) {
                None => Found::Counted,
                Some(outcomes) => Found::Leaves(outcomes),
            },
        }
    }

    /// Counts a row. Returns the outcomes with which it leaves, if it does.
    fn count(&mut self, judged: Judged) -> Option<OutcomeBits> {
        match judged {
            Judged::Stays => self.stay += 1,
            Judged::Withheld(rule) => {
                let withheld = &mut self.withheld;
                withheld.resize(withheld.len().max(rule + 1), 0);
                withheld[rule] += 1;
            }
            Judged::Leaves(outcomes) => {
                self.leave += 1;
                return Some(outcomes);
            }
        }
        None
    }

    /// Ends the block. Learns from `rows`, those to evaluate, and takes out of them the rows
    /// whose kind is known then; `leaves` is given each of these that leaves, with its outcomes.
    /// Adds the rows of known kinds to the counts, and returns how many there are.
    ///
    /// # Errors
    /// If the rules cannot be evaluated.
    pub(super) fn end(
        mut self,
        alike: &AlikeRows<'_>,
        rows: &mut Vec<OwnedRow>,
        counts: &mut EvaluatedCounts,
        mut leaves: impl FnMut(&OwnedRow, OutcomeBits),
    ) -> Result<u64, EvaluationError> {
        let new_kinds = std::mem::take(&mut self.new_kinds);
        let new = new_kinds.iter().filter_map(|place| rows.get(*place));
        let new: Vec<&OwnedRow> = new.collect();
        let judged = alike.learn(&new, std::mem::take(&mut self.new_cells))?;
        let mut judged = new_kinds.into_iter().zip(judged).peekable();
        let mut place = 0;
        rows.retain(|row| {
            let new = judged.next_if(|(of_new, _)| *of_new == place);
            place += 1;
            let Some((_, Some(judged))) = new else {
                return true;
            };
            if let Some(outcomes) = self.count(judged) {
                leaves(row, outcomes);
            }
            false
        });
        let of_known_kinds = self.stay + self.leave + self.withheld.iter().sum::<u64>();
        let withheld = alike.rules().zip(self.withheld);
        counts.add_alike(withheld, self.stay, self.leave);
        Ok(of_known_kinds)
    }
}
