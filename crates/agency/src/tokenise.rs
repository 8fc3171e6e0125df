//! From an export to a token table: one row at a time becomes a token and an
//! outcome for each rule, and nothing else goes on.

mod evaluate;
mod spill;
mod whole;

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable, TableFault};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_policy::pack::{Policy, Rule};
use aidlink_policy::schema::ExportSchema;
use jiff::civil::Date;
use rayon::prelude::*;

use crate::account::{Account, Rest};
use crate::cell::ValueFault;
use crate::identity_check::IdentityCheck;
use crate::national_id::{CheckedId, IdWarning};
use crate::reject::{Reject, RejectReason};
use crate::rules::EvaluationError;
use crate::scan::Export;
use crate::scan::pass::{Counts, Pass, Place, RowFault, RowView, Tally};
use crate::token_set::TokenSet;
use crate::tokeniser::{Scratch, Tokeniser};
use evaluate::{Accepted, Evaluated, ROWS_A_BLOCK, RowColumns};

pub use spill::SpillFault;
pub use whole::{RarePatterns, WholeRegister, tokenise_whole_register};

/// What an export is tokenised with.
pub struct Tokenising<'a> {
    /// The schema of the export.
    pub schema: &'a ExportSchema,
    /// The policy whose rules are evaluated.
    pub policy: &'a Policy,
    /// The round's as-of date.
    pub as_of: Date,
    /// The round's tokeniser.
    pub tokeniser: &'a Tokeniser,
    /// In pooled mode, the tokens of the case parties: rows of others are
    /// counted and not evaluated.
    pub probe: Option<&'a TokenSet>,
    /// Which pass to take over the rows; both give the same.
    pub pass: Pass,
    /// Called with the number of rows read so far.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What tokenising says about an export besides its table.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What became of the rows.
    pub account: Account,
    /// The rejected rows, in the order of the file.
    pub rejects: Vec<Reject>,
    /// Withheld rows by the first withhold rule that held.
    pub withheld_by_rule: BTreeMap<String, u64>,
    /// Rows whose ID is unusual, by the code of the warning.
    pub id_warnings: BTreeMap<&'static str, u64>,
    /// Cells of evaluated rows that could not be read, by field and fault.
    pub value_faults: BTreeMap<(String, ValueFault), u64>,
    /// Fields whose columns were read.
    pub columns_read: Vec<String>,
    /// The files as they were read, in the order of the round file.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Adds a file, and the fields whose columns were read of it.
    fn add_file(&mut self, digest: String, byte_length: u64, fields: &[String]) {
        self.files.push(FileReport {
            digest,
            byte_length,
        });
        for field in fields {
            if !self.columns_read.contains(field) {
                self.columns_read.push(field.clone());
            }
        }
    }

    /// Adds what the checks that every row goes through gave of one file.
    fn add_checked(&mut self, file: usize, export: &Export, counts: Counts, checked: Checked) {
        let account = &mut self.account;
        account.rows += counts.rows;
        account.not_rows.title_lines += export.title_lines();
        account.not_rows.blank_lines += counts.blank_lines;
        account.not_rows.total_lines += counts.total_lines;
        account.rejected += checked.rejects.len() as u64;
        // Places were counted from the first record on; lines count from the file's first.
        let rejects = checked.rejects.into_iter().map(|mut reject| {
            reject.file = file;
            reject.line += export.body_line() - 1;
            reject
        });
        self.rejects.extend(rejects);
        for (warning, count) in IdWarning::ALL.iter().zip(checked.id_warnings) {
            if count > 0 {
                *self.id_warnings.entry(warning.code()).or_default() += count;
            }
        }
    }

    /// Why an export of which nothing could be used was refused.
    fn check_usable(&self, exports: &[Export]) -> Result<(), TokeniseError> {
        match exports.first() {
            Some(export) if self.account.rows > 0 && self.account.rejected == self.account.rows => {
                Err(TokeniseError::NothingUsable(nothing_usable(export, self)))
            }
            _ => Ok(()),
        }
    }
}

/// A file of an export as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// BLAKE3 digest, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub byte_length: u64,
}

/// One row that became a token.
struct TokenisedRow {
    token: Token,
    /// Outcomes in the order of the policy's outcome rules on this export.
    outcomes: Vec<Outcome>,
    listed: Listed,
}

/// What the procuratorate's lists show of its own row.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The schema's list fields, in the schema's order.
    pub fields: Vec<String>,
    /// Whether the person is a minor at the as-of date; a person whose age is
    /// not known counts as one, since a minors' list is the more protected.
    pub minor: bool,
    /// Fields of the row that could not be read.
    pub unreadable: Vec<String>,
}

/// Why an export could not be tokenised.
#[derive(Debug)]
pub enum TokeniseError {
    /// A rule could not be evaluated.
    Evaluation(EvaluationError),
    /// The table came out against its own contract.
    Table(TableFault),
    /// The file could not be read to its end.
    Unreadable(Fault),
    /// No row of the export could be used.
    NothingUsable(Fault),
    /// Tokens could not be put aside, or written.
    Spill(SpillFault),
}

impl TokeniseError {
    /// As a fault of the export's first file.
    pub fn into_faults(self, exports: &[Export]) -> Faults {
        let path = exports.first().map(Export::path).unwrap_or(Path::new(""));
        let internal = |message: Text| {
            Fault::of_file(
                path,
                message,
                Text::new("请报告此问题", "please report this"),
            )
        };
        match self {
            TokeniseError::Evaluation(error) => internal(error.text()).into(),
            TokeniseError::Table(fault) => internal(fault.text()).into(),
            TokeniseError::NothingUsable(fault) | TokeniseError::Unreadable(fault) => fault.into(),
            TokeniseError::Spill(fault) => fault.into_fault(path).into(),
        }
    }
}

/// Tokenises the export of case parties: one row of the table per party-case
/// row on which any rule holds or cannot be decided.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_cases(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(CaseTable, Report), TokeniseError> {
    let (rows, report) = read_rows(exports, tokenising)?;
    let tokens = rows.iter().map(|row| row.token).collect();
    let outcomes = outcome_columns(export_rules(tokenising), &rows);
    CaseTable::new(origin, tokens, outcomes)
        .map(|table| (table, report))
        .map_err(TokeniseError::Table)
}

/// Tokenises a register: one row of the table a person, the outcomes of the
/// person's rows joined by OR.
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
                for (joined, outcome) in person.outcomes.iter_mut().zip(row.outcomes) {
                    *joined = joined.or(outcome);
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

/// What lists show of each row of the table that [`tokenise_cases`] makes, by
/// the row's index.
///
/// # Errors
/// See [`TokeniseError`].
pub fn listed_rows(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
) -> Result<(Vec<Listed>, Report), TokeniseError> {
    let (rows, report) = read_rows(exports, tokenising)?;
    Ok((rows.into_iter().map(|row| row.listed).collect(), report))
}

/// The rows of an export that become tokens, sorted by token; rows of one
/// token by outcomes and then by what lists show, so that no order of the
/// export is left in them.
fn read_rows(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
) -> Result<(Vec<TokenisedRow>, Report), TokeniseError> {
    let mut rows = Vec::new();
    let mut report = Report::default();
    if tokenising.probe.is_some() {
        report.account.rest = Rest::Probed {
            matched: 0,
            unmatched: 0,
        };
    }
    for (index, export) in exports.iter().enumerate() {
        rows.extend(read_file(index, export, tokenising, &mut report)?);
    }
    report.check_usable(exports)?;
    rows.par_sort_by(|one, other| {
        (one.token, &one.outcomes, &one.listed).cmp(&(other.token, &other.outcomes, &other.listed))
    });
    Ok((rows, report))
}

/// The rows of one file of an export; what became of the others is added to
/// the report.
fn read_file(
    index: usize,
    export: &Export,
    tokenising: &Tokenising<'_>,
    report: &mut Report,
) -> Result<Vec<TokenisedRow>, TokeniseError> {
    let columns = RowColumns::new(export, tokenising);
    let check = RowCheck::new(export, tokenising);
    let before = report.account.rows;
    let progress = |rows| (tokenising.progress)(before + rows);
    let read = export
        .read::<_, Gathered>(tokenising.pass, &check, &progress)
        .map_err(TokeniseError::Unreadable)?;
    report.add_file(read.digest, read.byte_length, &columns.read);
    let gathered = read.tally;
    if let Rest::Probed { unmatched, .. } = &mut report.account.rest {
        *unmatched += gathered.unmatched;
    }
    report.add_checked(index, export, read.counts, gathered.checked);
    let blocks: Vec<Result<Evaluated, TokeniseError>> = gathered
        .accepted
        .par_chunks(ROWS_A_BLOCK)
        .map(|block| columns.evaluate(block))
        .collect();
    let mut rows = Vec::new();
    for block in blocks {
        let block = block?;
        rows.extend(block.rows);
        block.counts.add_to(report);
    }
    Ok(rows)
}

fn nothing_usable(export: &Export, report: &Report) -> Fault {
    let mut counts: BTreeMap<RejectReason, u64> = BTreeMap::new();
    for reject in &report.rejects {
        *counts.entry(reject.reason).or_default() += 1;
    }
    let commonest = counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(reason, _)| reason.text())
        .unwrap_or_default();
    Fault::of_file(
        export.path(),
        Text::new(
            format!("{}行全部被拒收，没有可用的行", report.account.rows),
            format!(
                "all {} rows were rejected; none can be used",
                report.account.rows
            ),
        ),
        Text::new(
            format!("最常见的原因：{}", commonest.zh),
            format!("the commonest reason: {}", commonest.en),
        ),
    )
}

/// The checks that every row goes through, and what makes tokens.
struct RowCheck<'a> {
    identity: IdentityCheck,
    tokeniser: &'a Tokeniser,
    probe: Option<&'a TokenSet>,
}

impl<'a> RowCheck<'a> {
    fn new(export: &Export, tokenising: &'a Tokenising<'a>) -> Self {
        RowCheck {
            identity: IdentityCheck::new(export, tokenising.schema, tokenising.as_of),
            tokeniser: tokenising.tokeniser,
            probe: tokenising.probe,
        }
    }
}

/// What the checks that every row goes through gave.
#[derive(Default)]
struct Checked {
    rejects: Vec<Reject>,
    /// Counts in the order of [`IdWarning::ALL`].
    id_warnings: [u64; IdWarning::ALL.len()],
}

impl Checked {
    /// Takes a row whose ID number was accepted, with its token.
    fn row<'v>(
        &mut self,
        check: &RowCheck<'_>,
        place: Place,
        row: Result<RowView<'v>, RowFault>,
        scratch: &mut Scratch,
    ) -> Option<(RowView<'v>, CheckedId, Token)> {
        match check.identity.check(place, row) {
            Err(reject) => {
                self.rejects.push(reject);
                None
            }
            Ok((row, checked)) => {
                if let Some(warning) = checked.warning {
                    self.id_warnings[warning as usize] += 1;
                }
                let token = check.tokeniser.token(&checked.id, scratch);
                Some((row, checked, token))
            }
        }
    }

    fn append(&mut self, next: Self, records: u64, lines: u64) {
        self.rejects
            .extend(next.rejects.into_iter().map(|mut reject| {
                reject.record += records;
                reject.line += lines;
                reject
            }));
        for (count, more) in self.id_warnings.iter_mut().zip(next.id_warnings) {
            *count += more;
        }
    }
}

/// What is gathered from the rows of a block.
#[derive(Default)]
struct Gathered {
    checked: Checked,
    accepted: Vec<Accepted>,
    unmatched: u64,
    scratch: Scratch,
}

impl Tally<RowCheck<'_>> for Gathered {
    fn row(&mut self, check: &RowCheck<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let taken = self.checked.row(check, place, row, &mut self.scratch);
        let Some((row, checked, token)) = taken else {
            return;
        };
        if check.probe.is_some_and(|probe| !probe.contains(&token)) {
            self.unmatched += 1;
        } else {
            self.accepted
                .push(Accepted::new(&row, &checked, token, check.identity.as_of()));
        }
    }

    fn append(&mut self, next: Self, records: u64, lines: u64) {
        self.checked.append(next.checked, records, lines);
        self.accepted.extend(next.accepted);
        self.unmatched += next.unmatched;
    }
}
