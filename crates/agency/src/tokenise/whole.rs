//! Tokenises a whole register, as an agency in a split round does. Every row is
//! evaluated, and memory use does not grow with the export.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use aidlink_contract::token_file::TokenFileWriter;
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::alike::{AlikeRows, Way};
use super::alike_block::{AlikeInBlock, Found};
use super::empty_columns::{EmptySoFar, NeededColumns};
use super::error::TokeniseError;
use super::evaluate::{EvaluatedCounts, ROWS_PER_BLOCK, RowColumns};
use super::report::Report;
use super::settings::Tokenising;
use super::spill::{MAX_RULES, OutcomeBits, PersonRow, Persons, SpillFault, SpillSettings};
use crate::identify::{IdentifyFindings, OwnedRow};
use crate::identity_check::IdentityCheck;
use crate::rejects_file::TableRejects;
use crate::rules::EvaluationError;
use crate::scan::pass::{Place, RowFault, RowView, Tally};
use crate::scan::{Advance, Export};
use crate::tokeniser::{Scratch, Tokeniser};

/// Maximum number of persons in memory; they take about 128 MiB.
const MAX_PERSONS_IN_MEMORY: usize = 4 << 20;

/// Maximum number of different patterns of outcomes that are counted. A register has
/// some hundreds. Beyond the limit, every new pattern counts as rare.
const MAX_PATTERNS: usize = 1 << 20;

/// A register that has been tokenised and written.
pub struct WholeRegister<W: Write + Send> {
    /// The token file, which the caller finishes with its head.
    pub writer: TokenFileWriter<W>,
    /// The report on the rows.
    pub report: Report,
    /// Number of persons, which is the number of tokens written.
    pub persons: u64,
    /// Rare patterns of outcomes.
    pub rare: RarePatterns,
}

/// Counts of the patterns of outcomes that fewer than k persons share. Someone at the
/// centre who knows such a person might recognise them by the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RarePatterns {
    /// Number of different patterns.
    pub patterns: u64,
    /// Number of patterns that fewer than k persons share.
    pub rare: u64,
    /// Number of persons with one of these patterns.
    pub persons: u64,
}

impl RarePatterns {
    /// Counts the patterns that fewer than `rare_below` rows share.
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

/// Counts the persons with each pattern.
struct PatternCounter<P> {
    counts: HashMap<P, u64, RandomState>,
    uncounted: u64,
}

impl<P> Default for PatternCounter<P> {
    fn default() -> Self {
        PatternCounter {
            counts: HashMap::default(),
            uncounted: 0,
        }
    }
}

impl<P: std::hash::Hash + Eq> PatternCounter<P> {
    fn add(&mut self, pattern: P) {
        let known = self.counts.len();
        match self.counts.get_mut(&pattern) {
            Some(count) => *count += 1,
            None if known < MAX_PATTERNS => {
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

/// Tokenises every row of a register and writes one row per person. The outcomes of
/// the person's rows are combined by OR.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_whole_register<W: Write + Send>(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    writer: TokenFileWriter<W>,
    spill_folder: &Path,
    rare_below: u64,
) -> Result<WholeRegister<W>, TokeniseError> {
    let tokenised = tokenise(
        Way::Alike,
        exports,
        tokenising,
        writer,
        spill_folder,
        rare_below,
    );
    tokenised.map(|(register, _)| register)
}

/// As [`tokenise_whole_register`], in a way. Returns also how many rows were judged by their
/// kind.
///
/// # Errors
/// See [`TokeniseError`].
pub(super) fn tokenise<W: Write + Send>(
    way: Way,
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    mut writer: TokenFileWriter<W>,
    spill_folder: &Path,
    rare_below: u64,
) -> Result<(WholeRegister<W>, u64), TokeniseError> {
    let settings = Arc::new(SpillSettings {
        max_persons: MAX_PERSONS_IN_MEMORY,
        folder: spill_folder.to_path_buf(),
    });
    let mut report = Report::default();
    let mut persons = Persons::default();
    let mut rules = 0;
    let mut of_known_kinds = 0;
    let (schema, policy, as_of) = (tokenising.schema, tokenising.policy, tokenising.as_of);
    for export in exports {
        let columns = RowColumns::new(export, policy, as_of, tokenising.keep());
        rules = columns.outcome_rules.len();
        if rules > MAX_RULES {
            // Otherwise outcomes would be lost silently.
            return Err(TokeniseError::Spill(SpillFault::TooManyRules(rules)));
        }
        let needed = NeededColumns::new(export, policy);
        let context = Context {
            identity: IdentityCheck::new(export, schema, as_of),
            needed: &needed,
            columns: &columns,
            alike: way.alike_rows(&columns),
            tokeniser: tokenising.tokeniser,
            settings: &settings,
            rejects: tokenising.rejects_of(export),
        };
        let before = report.advance();
        let progress = |advance: Advance| (tokenising.progress)(advance.after(before));
        let read = export
            .read::<_, BlockPersons>(tokenising.pass, &context, &progress)
            .map_err(TokeniseError::Unreadable)?;
        report.add_table(export, read.digest, read.byte_length, &columns.read);
        let block_persons = read.tally;
        if let Some(error) = block_persons.error {
            return Err(TokeniseError::Evaluation(error));
        }
        report.add_identified(export, read.counts, &block_persons.findings);
        needed.report_empty(&block_persons.empty, &mut report);
        of_known_kinds += block_persons.of_known_kinds;
        block_persons.counts.add_to(&mut report);
        persons.join(block_persons.persons);
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
    let register = WholeRegister {
        writer,
        report,
        persons: written,
        rare: patterns.rare(rare_below),
    };
    Ok((register, of_known_kinds))
}

/// The context for reading the rows of a file.
struct Context<'a> {
    identity: IdentityCheck,
    needed: &'a NeededColumns<'a>,
    columns: &'a RowColumns<'a>,
    alike: Option<AlikeRows<'a>>,
    tokeniser: &'a Tokeniser,
    settings: &'a Arc<SpillSettings>,
    rejects: Option<TableRejects<'a>>,
}

/// The result of reading a block. It holds rows only until the end of the block, when
/// they are judged and become persons. A row of a kind that is known becomes a person at once.
#[derive(Default)]
struct BlockPersons {
    findings: IdentifyFindings,
    empty: EmptySoFar,
    rows: Vec<OwnedRow>,
    alike: AlikeInBlock,
    /// The rows of ended blocks that were judged by their kind.
    of_known_kinds: u64,
    scratch: Scratch,
    /// Where the cells of a row end.
    cell_ends: Vec<usize>,
    counts: EvaluatedCounts,
    persons: Persons,
    error: Option<EvaluationError>,
}

impl Context<'_> {
    /// Evaluates rows and tokenises those that are kept.
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

impl Tally<Context<'_>> for BlockPersons {
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
                Found::Leaves(outcomes) => {
                    let token = context.tokeniser.token(row.id(), &mut self.scratch);
                    self.persons.push(PersonRow { token, outcomes });
                }
            }
        }
    }

    fn end_of_block(&mut self, context: &Context<'_>) {
        self.persons.set_settings(context.settings);
        let mut rows = std::mem::take(&mut self.rows);
        let alike = std::mem::take(&mut self.alike);
        if let Some(all) = &context.alike {
            let leaves = |row: &OwnedRow, outcomes| {
                let token = context.tokeniser.token(&row.id, &mut self.scratch);
                self.persons.push(PersonRow { token, outcomes });
            };
            match alike.end(all, &mut rows, &mut self.counts, leaves) {
                Ok(of_known_kinds) => self.of_known_kinds = of_known_kinds,
                Err(error) => self.error = Some(error),
            }
        }
        let blocks: Result<Vec<_>, _> = rows
            .par_chunks(ROWS_PER_BLOCK)
            .map(|rows| context.persons(rows))
            .collect();
        match blocks {
            Err(error) => self.error = self.error.take().or(Some(error)),
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

    fn append(&mut self, context: &Context<'_>, next: Self, records: u64, lines: u64) {
        let rejects = self.findings.append(next.findings, records, lines);
        if let Some(file) = &context.rejects {
            file.write(rejects);
        }
        self.empty.append(next.empty);
        self.counts.append(next.counts);
        self.of_known_kinds += next.of_known_kinds;
        self.persons.append(next.persons);
        self.error = self.error.take().or(next.error);
    }
}
