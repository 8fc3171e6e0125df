//! Tokenising a whole register, as an agency of a split round does: every row
//! is evaluated, and memory does not grow with the export.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use aidlink_contract::token_file::TokenFileWriter;
use rayon::prelude::*;

use super::error::TokeniseError;
use super::evaluate::{EvaluatedCounts, ROWS_A_BLOCK, RowColumns};
use super::report::Report;
use super::settings::Tokenising;
use super::spill::{MOST_RULES, OutcomeBits, PersonRow, Persons, SpillFault, SpillSettings};
use crate::identify::{IdentifyFindings, OwnedRow};
use crate::identity_check::IdentityCheck;
use crate::rules::EvaluationError;
use crate::scan::Export;
use crate::scan::pass::{Place, RowFault, RowView, Tally};
use crate::tokeniser::{Scratch, Tokeniser};

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

/// Patterns of outcomes that fewer than k persons have: at the centre, somebody
/// who knows such a person may recognise them by the pattern.
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
    let (schema, policy, as_of) = (tokenising.schema, tokenising.policy, tokenising.as_of);
    for (index, export) in exports.iter().enumerate() {
        let columns = RowColumns::new(export, schema, policy, as_of, tokenising.keep());
        rules = columns.outcome_rules.len();
        if rules > MOST_RULES {
            // Beyond that an outcome would be lost without a word.
            return Err(TokeniseError::Spill(SpillFault::TooManyRules(rules)));
        }
        let look = Look {
            identity: IdentityCheck::new(export, schema, as_of),
            columns: &columns,
            tokeniser: tokenising.tokeniser,
            settings: &settings,
        };
        let before = report.account.rows;
        let progress = |rows| (tokenising.progress)(before + rows);
        let read = export
            .read::<_, Gathered>(tokenising.pass, &look, &progress)
            .map_err(TokeniseError::Unreadable)?;
        report.add_file(read.digest, read.byte_length, &columns.read);
        let gathered = read.tally;
        if let Some(error) = gathered.error {
            return Err(TokeniseError::Evaluation(error));
        }
        report.add_identified(index, export, read.counts, gathered.findings);
        gathered.counts.add_to(&mut report);
        persons.join(gathered.persons);
    }
    report
        .check_usable(exports)
        .map_err(TokeniseError::NothingUsable)?;
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
struct Look<'a> {
    identity: IdentityCheck,
    columns: &'a RowColumns<'a>,
    tokeniser: &'a Tokeniser,
    settings: &'a Arc<SpillSettings>,
}

/// What is gathered from a block: rows only until its end, when they are
/// evaluated and become persons.
#[derive(Default)]
struct Gathered {
    findings: IdentifyFindings,
    rows: Vec<OwnedRow>,
    counts: EvaluatedCounts,
    persons: Persons,
    error: Option<EvaluationError>,
}

impl Look<'_> {
    /// Evaluates rows; those on which an outcome holds become persons.
    fn persons(
        &self,
        rows: &[OwnedRow],
    ) -> Result<(Vec<PersonRow>, EvaluatedCounts), EvaluationError> {
        let evaluated = self.columns.evaluate(rows)?;
        let mut scratch = Scratch::default();
        let persons = evaluated.rows.iter().map(|row| PersonRow {
            token: self.tokeniser.token(row.id, &mut scratch),
            outcomes: OutcomeBits::new(&row.outcomes),
        });
        Ok((persons.collect(), evaluated.counts))
    }
}

impl Tally<Look<'_>> for Gathered {
    fn row(&mut self, look: &Look<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let row = self.findings.identify(&look.identity, place, row);
        self.rows.extend(row.map(|row| row.into_owned()));
    }

    fn end_of_block(&mut self, look: &Look<'_>) {
        self.persons.set(look.settings);
        let rows = std::mem::take(&mut self.rows);
        let blocks: Result<Vec<_>, _> = rows
            .par_chunks(ROWS_A_BLOCK)
            .map(|rows| look.persons(rows))
            .collect();
        match blocks {
            Err(error) => self.error = Some(error),
            Ok(blocks) => {
                for (persons, counts) in blocks {
                    self.counts.append(counts);
                    for person in persons {
                        self.persons.push(person);
                    }
                }
            }
        }
    }

    fn append(&mut self, next: Self, records: u64, lines: u64) {
        self.findings.append(next.findings, records, lines);
        self.counts.append(next.counts);
        self.persons.append(next.persons);
        self.error = self.error.take().or(next.error);
    }
}
