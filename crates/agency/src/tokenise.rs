//! From an export to a token table: one row at a time becomes a token and an
//! outcome for each rule, and nothing else goes on.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::expression::{EvaluationError, Expression, evaluate};
use aidlink_contract::fault::{Fault, Faults};
use aidlink_contract::outcome::Outcome;
use aidlink_contract::policy::{CASE_EXPORT, Policy, Rule};
use aidlink_contract::schema::{ExportSchema, Field, Role};
use aidlink_contract::text::Text;
use aidlink_contract::token::Token;
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable, TableFault};
use aidlink_contract::value::{Column, FieldType, RowBlock, Value};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::account::{Account, Rest};
use crate::cell::{self, DateEpoch, ValueFault};
use crate::identity_check::IdentityCheck;
use crate::national_id::{IdWarning, Sex};
use crate::reject::{Reject, RejectReason};
use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};
use crate::scan::{Cells, Encoding, Export};
use crate::token_set::TokenSet;
use crate::tokeniser::{Scratch, Tokeniser};

/// Rows that are evaluated together.
const ROWS_A_BLOCK: usize = 4 * 1024;

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

/// A file of an export as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// BLAKE3 digest, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub byte_length: u64,
}

/// One row that became a token.
pub(crate) struct TokenisedRow {
    pub(crate) token: Token,
    /// Outcomes in the order of the policy's outcome rules on this export.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) listed: Listed,
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

/// The rows of an export that become tokens, sorted by token; rows of one
/// token by outcomes and then by what lists show, so that no order of the
/// export is left in them.
pub(crate) fn read_rows(
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
    if report.account.rows > 0
        && report.account.rejected == report.account.rows
        && let Some(export) = exports.first()
    {
        return Err(TokeniseError::NothingUsable(nothing_usable(
            export, &report,
        )));
    }
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
    report.files.push(FileReport {
        digest: read.digest,
        byte_length: read.byte_length,
    });
    for field in &columns.read {
        if !report.columns_read.contains(field) {
            report.columns_read.push(field.clone());
        }
    }
    let account = &mut report.account;
    account.rows += read.counts.rows;
    account.not_rows.title_lines += export.title_lines();
    account.not_rows.blank_lines += read.counts.blank_lines;
    account.not_rows.total_lines += read.counts.total_lines;
    let gathered = read.tally;
    account.rejected += gathered.rejects.len() as u64;
    if let Rest::Probed { unmatched, .. } = &mut account.rest {
        *unmatched += gathered.unmatched;
    }
    // Places were counted from the first record on; lines count from the file's first.
    let rejects = gathered.rejects.into_iter().map(|mut reject| {
        reject.file = index;
        reject.line += export.body_line() - 1;
        reject
    });
    report.rejects.extend(rejects);
    for (warning, count) in IdWarning::ALL.iter().zip(gathered.id_warnings) {
        if count > 0 {
            *report.id_warnings.entry(warning.code()).or_default() += count;
        }
    }
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

/// A row whose ID number was accepted.
struct Accepted {
    cells: Cells,
    token: Token,
    age: Option<i64>,
    sex: Option<Sex>,
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

/// What is gathered from the rows of a block.
#[derive(Default)]
struct Gathered {
    rejects: Vec<Reject>,
    accepted: Vec<Accepted>,
    unmatched: u64,
    scratch: Scratch,
    /// Counts in the order of [`IdWarning::ALL`].
    id_warnings: [u64; IdWarning::ALL.len()],
}

impl Tally<RowCheck<'_>> for Gathered {
    fn row(&mut self, check: &RowCheck<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        match check.identity.check(place, row) {
            Err(reject) => self.rejects.push(reject),
            Ok((row, checked)) => {
                if let Some(warning) = checked.warning {
                    self.id_warnings[warning as usize] += 1;
                }
                let token = check.tokeniser.token(&checked.id, &mut self.scratch);
                if check.probe.is_some_and(|probe| !probe.contains(&token)) {
                    self.unmatched += 1;
                } else {
                    self.accepted.push(Accepted {
                        cells: row.to_cells(),
                        token,
                        age: checked.id.age_at(check.identity.as_of()),
                        sex: checked.id.sex(),
                    });
                }
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
        self.accepted.extend(next.accepted);
        self.unmatched += next.unmatched;
        for (count, more) in self.id_warnings.iter_mut().zip(next.id_warnings) {
            *count += more;
        }
    }
}

/// The rows of a block that become tokens, and what became of the others.
struct Evaluated {
    rows: Vec<TokenisedRow>,
    counts: EvaluatedCounts,
}

/// What evaluating a block counted.
#[derive(Default)]
struct EvaluatedCounts {
    withheld: u64,
    without_outcome: u64,
    kept: u64,
    withheld_by_rule: BTreeMap<String, u64>,
    value_faults: BTreeMap<(String, ValueFault), u64>,
}

impl EvaluatedCounts {
    fn add_to(self, report: &mut Report) {
        report.account.withheld += self.withheld;
        match &mut report.account.rest {
            Rest::Probed { matched, .. } => *matched += self.kept,
            Rest::Evaluated {
                without_outcome,
                sent,
            } => {
                *without_outcome += self.without_outcome;
                *sent += self.kept;
            }
        }
        for (rule, count) in self.withheld_by_rule {
            *report.withheld_by_rule.entry(rule).or_default() += count;
        }
        for (fault, count) in self.value_faults {
            *report.value_faults.entry(fault).or_default() += count;
        }
    }
}

/// The columns that are read of accepted rows, fixed once for an export.
struct RowColumns<'a> {
    tokenising: &'a Tokenising<'a>,
    encoding: Encoding,
    epoch: DateEpoch,
    /// Columns that rules need.
    attributes: Vec<(usize, &'a Field)>,
    /// Columns that lists show; `None` where the export has no such column.
    list_fields: Vec<Option<usize>>,
    outcome_rules: Vec<&'a Rule>,
    withhold_rules: Vec<&'a Rule>,
    /// Fields whose columns are read.
    read: Vec<String>,
}

impl<'a> RowColumns<'a> {
    fn new(export: &Export, tokenising: &'a Tokenising<'a>) -> Self {
        let schema = tokenising.schema;
        let columns = export.columns();
        let index = |field: &Field| columns.index.get(&field.name).copied();
        let needed = tokenising.policy.columns_needed(&schema.name);
        let is_read = |field: &&Field| {
            let needed = match field.role {
                Role::NationalId | Role::List | Role::BirthDate => true,
                Role::Attribute => needed.contains(&field.name),
            };
            needed && index(field).is_some()
        };
        RowColumns {
            tokenising,
            encoding: export.encoding(),
            epoch: export.epoch(),
            attributes: schema
                .fields
                .iter()
                .filter(|field| needed.contains(&field.name))
                .filter_map(|field| Some((index(field)?, field)))
                .collect(),
            list_fields: schema.list_fields().map(index).collect(),
            outcome_rules: tokenising.policy.outcome_rules(&schema.name).collect(),
            withhold_rules: tokenising.policy.withhold_rules(&schema.name).collect(),
            read: schema
                .fields
                .iter()
                .filter(is_read)
                .map(|field| field.name.clone())
                .collect(),
        }
    }

    fn value(
        &self,
        field: &Field,
        encoding: Encoding,
        cell: &[u8],
    ) -> Result<Option<Value>, ValueFault> {
        let cell = encoding.decode(cell).ok_or(ValueFault::Encoding)?;
        cell::read(self.tokenising.schema, field, self.epoch, &cell)
    }

    /// Reads the columns that rules need, withholds, and gives outcomes.
    fn evaluate(&self, rows: &[Accepted]) -> Result<Evaluated, TokeniseError> {
        let mut counts = EvaluatedCounts::default();
        let mut block = RowBlock {
            rows: rows.len(),
            ..RowBlock::default()
        };
        let encodings: Vec<Encoding> = rows
            .iter()
            .map(|row| self.encoding.of_record(row.cells.bytes()))
            .collect();
        let mut unreadable: Vec<Vec<String>> = vec![Vec::new(); rows.len()];
        for (index, field) in &self.attributes {
            let mut column = Column::new(field.field_type);
            for ((row, encoding), unreadable) in rows.iter().zip(&encodings).zip(&mut unreadable) {
                let value = self
                    .value(field, *encoding, row.cells.get(*index))
                    .unwrap_or_else(|fault| {
                        let key = (field.name.clone(), fault);
                        *counts.value_faults.entry(key).or_default() += 1;
                        unreadable.push(field.name.clone());
                        None
                    });
                column.push(value);
            }
            block.columns.insert(field.name.clone(), column);
        }
        add_derived(&mut block, rows);
        let outcomes_of = |rules: &[&Rule]| -> Result<Vec<Vec<Outcome>>, TokeniseError> {
            let named: Vec<(&str, &Expression)> = rules
                .iter()
                .map(|rule| (rule.id.as_str(), &rule.expression))
                .collect();
            let mut columns = evaluate(&named, &block, self.tokenising.as_of)
                .map_err(TokeniseError::Evaluation)?;
            for (column, rule) in columns.iter_mut().zip(rules) {
                for outcome in column {
                    *outcome = rule.when_unknown.apply(*outcome);
                }
            }
            Ok(columns)
        };
        let withheld = outcomes_of(&self.withhold_rules)?;
        let outcomes = outcomes_of(&self.outcome_rules)?;
        let holds = self.holds(&outcomes)?;
        let mut kept = Vec::new();
        for (index, (row, unreadable)) in rows.iter().zip(unreadable).enumerate() {
            let withheld_by = withheld
                .iter()
                .position(|column| column[index] == Outcome::Yes);
            if let Some(rule) = withheld_by {
                counts.withheld += 1;
                *counts
                    .withheld_by_rule
                    .entry(self.withhold_rules[rule].id.clone())
                    .or_default() += 1;
                continue;
            }
            let outcomes: Vec<Outcome> = outcomes.iter().map(|column| column[index]).collect();
            // A probe has found the row to be a case party's: it is matched.
            if self.tokenising.probe.is_none() && !holds[index] {
                counts.without_outcome += 1;
                continue;
            }
            kept.push(TokenisedRow {
                token: row.token,
                outcomes,
                listed: Listed {
                    fields: self
                        .list_fields
                        .iter()
                        .map(|column| {
                            let cell = column.map(|column| row.cells.get(column));
                            let cell = cell.and_then(|cell| encodings[index].decode(cell));
                            {
                                let text = cell.unwrap_or_default();
                                cell::without_numbers(cell::tidy(&text), self.tokenising.as_of)
                            }
                        })
                        .collect(),
                    minor: row.age.is_none_or(|age| age < 18),
                    unreadable,
                },
            });
        }
        counts.kept = kept.len() as u64;
        Ok(Evaluated { rows: kept, counts })
    }
}

impl RowColumns<'_> {
    /// Whether each row may leave: a register's row when any outcome is not no;
    /// a case row when some aid could be reached by it, whatever the registers
    /// say. (`qualifies` has no negation, so yes in every register is the most
    /// that they can say.)
    fn holds(&self, outcomes: &[Vec<Outcome>]) -> Result<Vec<bool>, TokeniseError> {
        let rows = outcomes.first().map_or(0, Vec::len);
        let policy = self.tokenising.policy;
        if self.tokenising.schema.name != CASE_EXPORT {
            let holds = |row: usize| outcomes.iter().any(|column| column[row] != Outcome::No);
            return Ok((0..rows).map(holds).collect());
        }
        let own = self
            .outcome_rules
            .iter()
            .zip(outcomes)
            .map(|(rule, column)| {
                let values = column.iter().map(|outcome| outcome.to_option()).collect();
                (rule.id.clone(), Column::Boolean(values))
            });
        let others = policy
            .rules
            .iter()
            .filter(|rule| rule.on != CASE_EXPORT)
            .map(|rule| (rule.id.clone(), Column::Boolean(vec![Some(true); rows])));
        let block = RowBlock {
            rows,
            columns: own.chain(others).collect(),
        };
        let aids: Vec<(&str, &Expression)> = policy
            .aids
            .iter()
            .map(|aid| (aid.id.as_str(), &aid.qualifies))
            .collect();
        let reached =
            evaluate(&aids, &block, self.tokenising.as_of).map_err(TokeniseError::Evaluation)?;
        let holds = |row: usize| reached.iter().any(|column| column[row] != Outcome::No);
        Ok((0..rows).map(holds).collect())
    }
}

/// The columns that the ID number gives: age, minor, sex.
fn add_derived(block: &mut RowBlock, rows: &[Accepted]) {
    let mut age = Column::new(FieldType::Integer);
    let mut minor = Column::new(FieldType::Boolean);
    let mut sex = Column::new(FieldType::String);
    for row in rows {
        age.push(row.age.map(Value::Integer));
        minor.push(row.age.map(|age| Value::Boolean(age < 18)));
        sex.push(row.sex.map(|sex| {
            Value::String(match sex {
                Sex::Male => "male".to_owned(),
                Sex::Female => "female".to_owned(),
            })
        }));
    }
    for (name, column) in [
        (aidlink_contract::DERIVED_AGE, age),
        (aidlink_contract::DERIVED_MINOR, minor),
        (aidlink_contract::DERIVED_SEX, sex),
    ] {
        block.columns.insert(name.to_owned(), column);
    }
}
