//! Turns an export into a token table. Two independent steps handle each row:
//! [`identify`](crate::identify) finds its person, and a [`Tokeniser`] turns the ID
//! number into a token. Rules are evaluated between the two, so a token is made only
//! for rows that leave the agency, and in a pooled round for rows that may be of a case
//! party. Only tokens and outcomes leave the agency.

mod alike;
mod alike_block;
mod empty_columns;
mod error;
mod evaluate;
mod preview;
mod report;
mod row;
mod seen_cells;
mod settings;
mod spill;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeSet;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable};
use aidlink_policy::pack::Rule;
use rayon::prelude::*;

use crate::account::Rest;
use crate::case_parties::CaseParties;
use crate::identify::{IdentifyFindings, OwnedRow};
use crate::identity_check::IdentityCheck;
use crate::person_mark::{PersonMark, PersonMarker};
use crate::rejects_file::TableRejects;
use crate::scan::pass::{Place, RowFault, RowView, Tally};
use crate::scan::{Advance, Export};
use crate::tokeniser::{Fingerprint, Scratch, Tokeniser};
use empty_columns::{EmptySoFar, NeededColumns};
use evaluate::{ROWS_PER_BLOCK, RowColumns};
use row::TokenisedRow;

pub use alike::Way;
pub use error::TokeniseError;
pub use preview::{Preview, preview, preview_by};
pub use report::{FileReport, Report};
pub use row::Listed;
pub use settings::Tokenising;
pub use spill::SpillFault;
pub use whole::{RarePatterns, WholeRegister, tokenise_whole_register};

/// Tokenises the export of case parties. The table has one row for each row of the
/// export that is not withheld and by which an aid could be reached. The case parties are
/// those of the table's rows.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_cases(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(CaseTable, CaseParties, Report), TokeniseError> {
    let (rows, report) = read_rows(exports, tokenising)?;
    let (table, parties) = case_table(&rows, tokenising, origin)?;
    Ok((table, parties, report))
}

fn case_table(
    rows: &[TokenisedRow],
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(CaseTable, CaseParties), TokeniseError> {
    let tokens: Vec<Token> = rows.iter().map(|row| row.token).collect();
    let fingerprints: Vec<Fingerprint> = rows.iter().map(|row| row.fingerprint).collect();
    let parties = CaseParties::new(tokens.clone(), &fingerprints);
    let outcomes = outcome_columns(export_rules(tokenising), rows);
    CaseTable::new(origin, tokens, outcomes)
        .map(|table| (table, parties))
        .map_err(TokeniseError::Table)
}

/// The export of case parties of a pooled round, which is read once.
pub struct PooledCases {
    /// What screening sees of it, as of [`tokenise_cases`].
    pub table: CaseTable,
    /// The case parties.
    pub parties: CaseParties,
    /// What lists need of it, as of [`listed_rows`].
    pub listed: ListedCases,
}

/// Tokenises the export of case parties and keeps what lists need of it.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_pooled_cases(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    marker: &PersonMarker,
    origin: Origin,
) -> Result<(PooledCases, Report), TokeniseError> {
    let (rows, dead_in_register, report) = read_rows_and_dead(exports, tokenising)?;
    let (table, parties) = case_table(&rows, tokenising, origin)?;
    let cases = PooledCases {
        table,
        parties,
        listed: ListedCases::new(rows, dead_in_register, marker),
    };
    Ok((cases, report))
}

/// Tokenises a register. The table has one row per person; the outcomes of the
/// person's rows are combined by OR.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_register(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(RegisterTable, Report), TokeniseError> {
    let (rows, report) = read_rows(exports, tokenising)?;
    let mut persons: Vec<TokenisedRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match persons.last_mut() {
            Some(person) if person.token == row.token => {
                for (combined, outcome) in person.outcomes.iter_mut().zip(row.outcomes) {
                    *combined = combined.or(outcome);
                }
            }
            _ => persons.push(row),
        }
    }
    let tokens = persons.iter().map(|person| person.token).collect();
    let outcomes = outcome_columns(export_rules(tokenising), &persons);
    RegisterTable::new(origin, tokens, outcomes)
        .map(|table| (table, report))
        .map_err(TokeniseError::Table)
}

fn export_rules<'a>(tokenising: &Tokenising<'a>) -> Vec<&'a Rule> {
    tokenising
        .policy
        .outcome_rules(&tokenising.schema.name)
        .collect()
}

fn outcome_columns(rules: Vec<&Rule>, rows: &[TokenisedRow]) -> OutcomeColumns {
    OutcomeColumns(
        rules
            .iter()
            .enumerate()
            .map(|(index, rule)| {
                let outcomes = rows.iter().map(|row| row.outcomes[index]).collect();
                (rule.id.clone(), outcomes)
            })
            .collect(),
    )
}

/// A case row as the procuratorate's lists need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRow {
    /// The mark of its person.
    pub person: PersonMark,
    /// The token of the person in the register, if the settings have its tokeniser.
    pub in_register: Option<[u8; Token::LENGTH]>,
    /// The outcomes of the policy's rules on the case export, in their order.
    pub outcomes: Vec<Outcome>,
    /// What lists show of it.
    pub listed: Listed,
}

/// The rows of the case export as the procuratorate's lists need them.
pub struct ListedCases {
    /// The rows, in the order of the table that [`tokenise_cases`] returns.
    pub rows: Vec<ListedRow>,
    /// The tokens in the register of persons of whom a row, which is withheld for it, says that
    /// they have died. Empty if the settings have no tokeniser of a register.
    pub dead_in_register: BTreeSet<[u8; Token::LENGTH]>,
}

impl ListedCases {
    fn new(
        rows: Vec<TokenisedRow>,
        dead_in_register: BTreeSet<[u8; Token::LENGTH]>,
        marker: &PersonMarker,
    ) -> Self {
        let mut scratch = Scratch::default();
        let listed = rows.into_iter().map(|row| ListedRow {
            person: marker.mark(&row.token, &mut scratch),
            in_register: row.in_register,
            outcomes: row.outcomes,
            listed: row.listed,
        });
        ListedCases {
            rows: listed.collect(),
            dead_in_register,
        }
    }
}

/// Returns what lists show of the case rows, and whose they are.
///
/// # Errors
/// See [`TokeniseError`].
pub fn listed_rows(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    marker: &PersonMarker,
) -> Result<(ListedCases, Report), TokeniseError> {
    let (rows, dead_in_register, report) = read_rows_and_dead(exports, tokenising)?;
    Ok((ListedCases::new(rows, dead_in_register, marker), report))
}

/// Reads the rows of an export that become tokens. Sorts them by token, then by
/// outcomes and list fields, so that the order of the export is lost.
fn read_rows(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
) -> Result<(Vec<TokenisedRow>, Report), TokeniseError> {
    let (rows, _, report) = read_rows_and_dead(exports, tokenising)?;
    Ok((rows, report))
}

/// The tokens of persons in the register.
type InRegister = BTreeSet<[u8; Token::LENGTH]>;

/// As [`read_rows`], and returns of whom rows say that they have died.
fn read_rows_and_dead(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
) -> Result<(Vec<TokenisedRow>, InRegister, Report), TokeniseError> {
    let mut rows = Vec::new();
    let mut dead = InRegister::new();
    let mut report = Report::default();
    if tokenising.probe.is_some() {
        report.account.rest = Rest::Probed {
            matched: 0,
            unmatched: 0,
        };
    }
    for export in exports {
        rows.extend(read_file(export, tokenising, &mut dead, &mut report)?);
    }
    report
        .check_usable(exports)
        .map_err(TokeniseError::NothingUsable)?;
    rows.par_sort_by(|one, other| {
        (one.token, &one.outcomes, &one.listed).cmp(&(other.token, &other.outcomes, &other.listed))
    });
    Ok((rows, dead, report))
}

/// Reads the rows of one table that become tokens and adds the table to the report.
fn read_file(
    export: &Export,
    tokenising: &Tokenising<'_>,
    dead: &mut InRegister,
    report: &mut Report,
) -> Result<Vec<TokenisedRow>, TokeniseError> {
    let (schema, policy, as_of) = (tokenising.schema, tokenising.policy, tokenising.as_of);
    let columns = RowColumns::new(export, policy, as_of, tokenising.keep());
    let needed = NeededColumns::new(export, policy);
    let context = Context {
        identity: IdentityCheck::new(export, schema, as_of),
        needed: &needed,
        probe: tokenising.probe.map(|parties| Probe {
            parties,
            tokeniser: tokenising.tokeniser,
        }),
        rejects: tokenising.rejects_of(export),
    };
    let before = report.advance();
    let progress = |advance: Advance| (tokenising.progress)(advance.after(before));
    let read = export
        .read::<_, BlockRows>(tokenising.pass, &context, &progress)
        .map_err(TokeniseError::Unreadable)?;
    report.add_table(export, read.digest, read.byte_length, &columns.read);
    let block_rows = read.tally;
    if let Rest::Probed { unmatched, .. } = &mut report.account.rest {
        *unmatched += block_rows.unmatched;
    }
    report.add_identified(export, read.counts, &block_rows.findings);
    needed.report_empty(&block_rows.empty, report);
    let blocks: Vec<_> = block_rows
        .rows
        .par_chunks(ROWS_PER_BLOCK)
        .map(|block| {
            let evaluated = columns.evaluate(block).map_err(TokeniseError::Evaluation)?;
            let mut scratch = Scratch::default();
            let tokenise = |row: evaluate::EvaluatedRow<'_>| TokenisedRow {
                token: tokenising.tokeniser.token(row.id, &mut scratch),
                fingerprint: tokenising.tokeniser.fingerprint(row.id),
                outcomes: row.outcomes,
                in_register: tokenising
                    .register
                    .map(|register| register.token(row.id, &mut scratch)),
                listed: row.listed,
            };
            let rows: Vec<_> = evaluated.rows.into_iter().map(tokenise).collect();
            let dead = tokenising.register.into_iter().flat_map(|register| {
                let ids = evaluated.dead.iter();
                ids.map(|id| register.token(id, &mut Scratch::default()))
            });
            let dead: Vec<_> = dead.collect();
            Ok((rows, dead, evaluated.counts))
        })
        .collect();
    let mut rows = Vec::new();
    for block in blocks {
        let (block, of_block, counts) = block?;
        rows.extend(block);
        dead.extend(of_block);
        counts.add_to(report);
    }
    Ok(rows)
}

/// The context for reading the rows of a file.
struct Context<'a> {
    identity: IdentityCheck,
    needed: &'a NeededColumns<'a>,
    probe: Option<Probe<'a>>,
    rejects: Option<TableRejects<'a>>,
}

/// Finds the rows of case parties, in a pooled round.
struct Probe<'a> {
    parties: &'a CaseParties,
    tokeniser: &'a Tokeniser,
}

/// The rows and findings of a block.
#[derive(Default)]
struct BlockRows {
    findings: IdentifyFindings,
    empty: EmptySoFar,
    rows: Vec<OwnedRow>,
    /// Rows of persons who are not case parties.
    unmatched: u64,
    scratch: Scratch,
}

impl Tally<Context<'_>> for BlockRows {
    fn row(&mut self, context: &Context<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let Some(row) = self.findings.identify(&context.identity, place, row) else {
            return;
        };
        let cell = |column| row.row().cell(column);
        context.needed.note(row.row(), cell, &mut self.empty);
        if let Some(Probe { parties, tokeniser }) = context.probe.as_ref()
            && !parties.contains(row.id(), tokeniser, &mut self.scratch)
        {
            self.unmatched += 1;
            return;
        }
        self.rows.push(row.into_owned());
    }

    fn append(&mut self, context: &Context<'_>, next: Self, records: u64, lines: u64) {
        let rejects = self.findings.append(next.findings, records, lines);
        if let Some(file) = &context.rejects {
            file.write(rejects);
        }
        self.empty.append(next.empty);
        self.rows.extend(next.rows);
        self.unmatched += next.unmatched;
    }
}
