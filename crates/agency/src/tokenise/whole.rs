//! Tokenising a whole register, as an agency of a split round does: every row
//! is evaluated, and memory does not grow with the export.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use aidlink_contract::token_file::TokenFileWriter;
use rayon::prelude::*;

use super::evaluate::{Accepted, EvaluatedCounts, ROWS_A_BLOCK, RowColumns};
use super::spill::{MOST_RULES, OutcomeBits, PersonRow, Persons, SpillFault, SpillSettings};
use super::{Checked, Report, RowCheck, TokeniseError, Tokenising};
use crate::scan::Export;
use crate::scan::pass::{Place, RowFault, RowView, Tally};
use crate::tokeniser::Scratch;

/// Persons that are sorted in memory: 128 MiB of them.
const PERSONS_IN_MEMORY: usize = 4 << 20;

/// Different patterns of outcomes that are counted; a register has some
/// hundreds. Beyond, every further pattern counts as rare.
const MOST_PATTERNS: usize = 1 << 20;

/// A register that was tokenised and written.
pub struct WholeRegister<W: Write + Send> {
    /// The file, to be finished with its head.
    pub writer: TokenFileWriter<W>,
    /// What became of the rows.
    pub report: Report,
    /// Tokens written.
    pub persons: u64,
    /// Patterns of outcomes that few persons have.
    pub rare: RarePatterns,
}

/// Patterns of outcomes that fewer than k persons have: at the centre, such a
/// pattern may tell who somebody is to whoever knows the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RarePatterns {
    /// How many different patterns there are.
    pub patterns: u64,
    /// Patterns that fewer than k persons have.
    pub rare: u64,
    /// Persons who have one of these.
    pub persons: u64,
}

impl RarePatterns {
    /// Counts patterns of outcomes that fewer than `rare_below` rows have.
    pub fn count<P: std::hash::Hash + Eq>(
        patterns: impl Iterator<Item = P>,
        rare_below: u64,
    ) -> Self {
        let mut counter = PatternCounter::default();
        for pattern in patterns {
            counter.add(pattern);
        }
        counter.rare(rare_below)
    }
}

/// How many persons have which pattern.
struct PatternCounter<P> {
    counts: HashMap<P, u64>,
    uncounted: u64,
}

impl<P> Default for PatternCounter<P> {
    fn default() -> Self {
        PatternCounter {
            counts: HashMap::new(),
            uncounted: 0,
        }
    }
}

impl<P: std::hash::Hash + Eq> PatternCounter<P> {
    fn add(&mut self, pattern: P) {
        let known = self.counts.len();
        match self.counts.get_mut(&pattern) {
            Some(count) => *count += 1,
            None if known < MOST_PATTERNS => {
                self.counts.insert(pattern, 1);
            }
            None => self.uncounted += 1,
        }
    }

    fn rare(&self, below: u64) -> RarePatterns {
        let rare = self.counts.values().filter(|count| **count < below);
        let (patterns, persons) = rare.fold((0, 0), |(patterns, persons), count| {
            (patterns + 1, persons + count)
        });
        RarePatterns {
            patterns: self.counts.len() as u64 + self.uncounted,
            rare: patterns + self.uncounted,
            persons: persons + self.uncounted,
        }
    }
}

/// Tokenises every row of a register and writes one row a person, the outcomes
/// of the person's rows joined by OR.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_whole_register<W: Write + Send>(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    mut writer: TokenFileWriter<W>,
    spill_folder: &Path,
    rare_below: u64,
) -> Result<WholeRegister<W>, TokeniseError> {
    let settings = Arc::new(SpillSettings {
        persons: PERSONS_IN_MEMORY,
        folder: spill_folder.to_path_buf(),
    });
    let mut report = Report::default();
    let mut persons = Persons::default();
    let mut rules = 0;
    for (index, export) in exports.iter().enumerate() {
        let columns = RowColumns::new(export, tokenising);
        rules = columns.outcome_rules.len();
        if rules > MOST_RULES {
            // Beyond that an outcome would be lost without a word.
            return Err(TokeniseError::Spill(SpillFault::TooManyRules(rules)));
        }
        let check = WholeCheck {
            row: RowCheck::new(export, tokenising),
            columns: &columns,
            settings: &settings,
        };
        let before = report.account.rows;
        let progress = |rows| (tokenising.progress)(before + rows);
        let read = export
            .read::<_, Gathered>(tokenising.pass, &check, &progress)
            .map_err(TokeniseError::Unreadable)?;
        report.add_file(read.digest, read.byte_length, &columns.read);
        let gathered = read.tally;
        if let Some(error) = gathered.error {
            return Err(error);
        }
        report.add_checked(index, export, read.counts, gathered.checked);
        gathered.counts.add_to(&mut report);
        persons.join(gathered.persons);
    }
    report.check_usable(exports)?;
    let mut written = 0;
    let mut patterns: PatternCounter<OutcomeBits> = PatternCounter::default();
    persons
        .for_each(|person| {
            written += 1;
            patterns.add(person.outcomes);
            let outcomes = (0..rules).map(|rule| person.outcomes.of(rule));
            writer
                .push(person.token, outcomes)
                .map_err(|error| SpillFault::Output(std::io::Error::other(error.to_string())))
        })
        .map_err(TokeniseError::Spill)?;
    Ok(WholeRegister {
        writer,
        report,
        persons: written,
        rare: patterns.rare(rare_below),
    })
}

/// What looks at the rows of a file.
struct WholeCheck<'a> {
    row: RowCheck<'a>,
    columns: &'a RowColumns<'a>,
    settings: &'a Arc<SpillSettings>,
}

/// What is gathered from a block: accepted rows only until its end, when they
/// are evaluated and become persons.
#[derive(Default)]
struct Gathered {
    checked: Checked,
    scratch: Scratch,
    accepted: Vec<Accepted>,
    counts: EvaluatedCounts,
    persons: Persons,
    error: Option<TokeniseError>,
}

impl Tally<WholeCheck<'_>> for Gathered {
    fn row(&mut self, check: &WholeCheck<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let taken = self.checked.row(&check.row, place, row, &mut self.scratch);
        if let Some((row, checked, token)) = taken {
            let as_of = check.row.identity.as_of();
            self.accepted
                .push(Accepted::new(&row, &checked, token, as_of));
        }
    }

    fn end_of_block(&mut self, check: &WholeCheck<'_>) {
        self.persons.set(check.settings);
        let accepted = std::mem::take(&mut self.accepted);
        let evaluated: Result<Vec<_>, _> = accepted
            .par_chunks(ROWS_A_BLOCK)
            .map(|rows| check.columns.evaluate(rows))
            .collect();
        match evaluated {
            Err(error) => self.error = Some(error),
            Ok(blocks) => {
                for block in blocks {
                    self.counts.append(block.counts);
                    for row in block.rows {
                        self.persons.push(PersonRow {
                            token: row.token,
                            outcomes: OutcomeBits::new(&row.outcomes),
                        });
                    }
                }
            }
        }
    }

    fn append(&mut self, next: Self, records: u64, lines: u64) {
        self.checked.append(next.checked, records, lines);
        self.counts.append(next.counts);
        self.persons.append(next.persons);
        self.error = self.error.take().or(next.error);
    }
}
