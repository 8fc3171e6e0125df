//! Foresees what an export gives in a round, without a key: the rules judge every row, and the
//! outcomes are only counted.

use std::collections::{BTreeMap, HashMap};

use aidlink_contract::outcome::Outcome;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::ExportSchema;
use foldhash::fast::RandomState;
use jiff::civil::Date;
use rayon::prelude::*;

use super::alike::{AlikeRows, Way};
use super::alike_block::{AlikeInBlock, Found};
use super::empty_columns::{EmptySoFar, NeededColumns};
use super::error::TokeniseError;
use super::evaluate::{EvaluatedCounts, Keep, ROWS_PER_BLOCK, RowColumns};
use super::report::Report;
use super::spill::OutcomeBits;
use crate::account::Rest;
use crate::identify::{IdentifyFindings, OwnedRow};
use crate::identity_check::IdentityCheck;
use crate::rules::EvaluationError;
use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};
use crate::scan::{Advance, Export};

/// What an export gives in a round.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The report on the rows, as of a round in which this agency tokenises the export.
    pub report: Report,
    /// For each rule, the rows that are neither rejected nor withheld and for which it is
    /// unknown. Rules that are known for every row are not in it.
    pub unknown: BTreeMap<String, u64>,
}

/// Foresees what an export gives in a round.
///
/// # Errors
/// See [`TokeniseError`], but an export without usable rows is no error.
pub fn preview(
    exports: &[Export],
    schema: &ExportSchema,
    policy: &Policy,
    as_of: Date,
    progress: &(dyn Fn(Advance) + Sync),
) -> Result<Preview, TokeniseError> {
    let by = (Way::Alike, Pass::DEFAULT);
    preview_by(by, exports, schema, policy, as_of, progress)
}

/// As [`preview`], in a way and a pass. Tests and fuzzing hold every one to the plain way.
///
/// # Errors
/// As [`preview`].
pub fn preview_by(
    (way, pass): (Way, Pass),
    exports: &[Export],
    schema: &ExportSchema,
    policy: &Policy,
    as_of: Date,
    progress: &(dyn Fn(Advance) + Sync),
) -> Result<Preview, TokeniseError> {
    let mut report = Report::default();
    let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
    let (mut without_outcome, mut sent) = (0, 0);
    for export in exports {
        let columns = RowColumns::new(export, policy, as_of, Keep::All);
        let needed = NeededColumns::new(export, policy);
        let context = Context {
            identity: IdentityCheck::new(export, schema, as_of),
            needed: &needed,
            columns: &columns,
            alike: way.alike_rows(&columns),
        };
        let before = report.advance();
        let read = export
            .read::<_, BlockPatterns>(pass, &context, &|advance| progress(advance.after(before)))
            .map_err(TokeniseError::Unreadable)?;
        report.add_table(export, read.digest, read.byte_length, &columns.read);
        let patterns = read.tally;
        if let Some(error) = patterns.error {
            return Err(TokeniseError::Evaluation(error));
        }
        report.add_identified(export, read.counts, &patterns.findings);
        needed.report_empty(&patterns.empty, &mut report);
        patterns.counts.add_to(&mut report);
        let rules = columns.outcome_rules.len();
        let of_alike = patterns.of_alike.into_iter().map(|(outcomes, rows)| {
            let outcomes = (0..rules).map(|rule| outcomes.of(rule));
            (outcomes.collect(), rows)
        });
        for (outcomes, rows) in patterns.patterns.into_iter().chain(of_alike) {
            match columns.may_leave(&outcomes) {
                true => sent += rows,
                false => without_outcome += rows,
            }
            for (rule, outcome) in columns.outcome_rules.iter().zip(outcomes) {
                if outcome == Outcome::Unknown {
                    *unknown.entry(rule.id.clone()).or_default() += rows;
                }
            }
        }
    }
    report.account.rest = Rest::Evaluated {
        without_outcome,
        sent,
    };
    Ok(Preview { report, unknown })
}

/// The context for reading the rows of a file.
struct Context<'a> {
    identity: IdentityCheck,
    needed: &'a NeededColumns<'a>,
    columns: &'a RowColumns<'a>,
    alike: Option<AlikeRows<'a>>,
}

/// The rows of a block, counted by the outcomes of all rules. Few patterns occur.
#[derive(Default)]
struct BlockPatterns {
    findings: IdentifyFindings,
    empty: EmptySoFar,
    rows: Vec<OwnedRow>,
    alike: AlikeInBlock,
    /// Where the cells of a row end.
    cell_ends: Vec<usize>,
    counts: EvaluatedCounts,
    /// Of the rows that were evaluated themselves.
    patterns: HashMap<Vec<Outcome>, u64>,
    /// Of those that are like others.
    of_alike: HashMap<OutcomeBits, u64, RandomState>,
    error: Option<EvaluationError>,
}

impl Tally<Context<'_>> for BlockPatterns {
    fn row(&mut self, context: &Context<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        if let Some(row) = self.findings.identify(&context.identity, place, row) {
            let cells = row.row().located(&mut self.cell_ends);
            let cell = |column| cells.get(column);
            context.needed.note(row.row(), cell, &mut self.empty);
            let place = self.rows.len();
            match self
                .alike
                .look_up(context.alike.as_ref(), &row, &cells, place)
            {
                Found::ToEvaluate => self.rows.push(row.into_owned()),
                Found::Counted => {}
                Found::Leaves(outcomes) => *self.of_alike.entry(outcomes).or_default() += 1,
            }
        }
    }

    fn end_of_block(&mut self, context: &Context<'_>) {
        let mut rows = std::mem::take(&mut self.rows);
        let alike = std::mem::take(&mut self.alike);
        if let Some(all) = &context.alike {
            let leaves = |_: &OwnedRow, outcomes| *self.of_alike.entry(outcomes).or_default() += 1;
            let ended = alike.end(all, &mut rows, &mut self.counts, leaves);
            self.error = ended.err();
        }
        let blocks: Result<Vec<_>, _> = rows
            .par_chunks(ROWS_PER_BLOCK)
            .map(|rows| {
                let evaluated = context.columns.evaluate(rows)?;
                let outcomes = evaluated.rows.into_iter().map(|row| row.outcomes);
                Ok((outcomes.collect::<Vec<_>>(), evaluated.counts))
            })
            .collect();
        match blocks {
            Err(error) => self.error = self.error.take().or(Some(error)),
            Ok(blocks) => {
                for (outcomes, counts) in blocks {
                    self.counts.append(counts);
                    for outcomes in outcomes {
                        *self.patterns.entry(outcomes).or_default() += 1;
                    }
                }
            }
        }
    }

    fn append(&mut self, _context: &Context<'_>, next: Self, records: u64, lines: u64) {
        // Rejects are only counted.
        drop(self.findings.append(next.findings, records, lines));
        self.empty.append(next.empty);
        self.counts.append(next.counts);
        for (outcomes, rows) in next.patterns {
            *self.patterns.entry(outcomes).or_default() += rows;
        }
        for (outcomes, rows) in next.of_alike {
            *self.of_alike.entry(outcomes).or_default() += rows;
        }
        self.error = self.error.take().or(next.error);
    }
}
