//! From an export to a token table: one row at a time becomes a token and an
//! outcome for each rule, and nothing else goes on.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use rayon::prelude::*;

use aidlink_contract::expression::{EvaluationError, Expression, evaluate};
use aidlink_contract::fault::{Fault, Faults};
use aidlink_contract::outcome::Outcome;
use aidlink_contract::policy::{Policy, Rule};
use aidlink_contract::schema::{ExportSchema, Field, Role};
use aidlink_contract::text::Text;
use aidlink_contract::token::Token;
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable, TableFault};
use aidlink_contract::value::{Column, FieldType, RowBlock, Value};

use crate::account::{Account, NotRows, Rest};
use crate::cell::{self, ValueFault};
use crate::national_id::{IdWarning, NationalId, Sex};
use crate::reject::{Reject, RejectReason};
use crate::scan::{Export, Record, RecordFault};
use crate::tokeniser::Tokeniser;

/// Rows that are read, hashed and evaluated together.
const ROWS_A_BLOCK: usize = 16 * 1024;

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
    pub probe: Option<&'a HashSet<Token>>,
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
    /// No row of the export could be used.
    NothingUsable(Fault),
}

impl TokeniseError {
    /// As a fault of the export's file.
    pub fn into_faults(self, export: &Export) -> Faults {
        let internal = |message: Text| {
            Fault::of_file(
                export.path(),
                message,
                Text::new("请报告此问题", "please report this"),
            )
        };
        match self {
            TokeniseError::Evaluation(error) => internal(error.text()).into(),
            TokeniseError::Table(fault) => internal(fault.text()).into(),
            TokeniseError::NothingUsable(fault) => fault.into(),
        }
    }
}

/// Tokenises the export of case parties: one row of the table per party-case
/// row on which any rule holds or cannot be decided.
///
/// # Errors
/// See [`TokeniseError`].
pub fn tokenise_cases(
    export: &Export,
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(CaseTable, Report), TokeniseError> {
    let (rows, report) = read_rows(export, tokenising)?;
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
    export: &Export,
    tokenising: &Tokenising<'_>,
    origin: Origin,
) -> Result<(RegisterTable, Report), TokeniseError> {
    let (rows, report) = read_rows(export, tokenising)?;
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
    export: &Export,
    tokenising: &Tokenising<'_>,
) -> Result<(Vec<TokenisedRow>, Report), TokeniseError> {
    let mut reader = RowReader::new(export, tokenising);
    let mut records = export.records();
    let mut rows = Vec::new();
    loop {
        let block: Vec<Result<Record, RecordFault>> = records.by_ref().take(ROWS_A_BLOCK).collect();
        if block.is_empty() {
            break;
        }
        rows.extend(reader.read_block(block)?);
        (tokenising.progress)(reader.report.account.rows);
    }
    let mut report = reader.report;
    report.account.not_rows = NotRows {
        title_lines: export.title_lines(),
        blank_lines: records.blank_lines(),
        total_lines: records.total_lines(),
    };
    if report.account.rows > 0 && report.account.rejected == report.account.rows {
        return Err(TokeniseError::NothingUsable(nothing_usable(
            export, &report,
        )));
    }
    rows.sort_by(|one, other| {
        (one.token, &one.outcomes, &one.listed).cmp(&(other.token, &other.outcomes, &other.listed))
    });
    Ok((rows, report))
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

/// What is read of each row, fixed once for an export.
struct RowReader<'a> {
    tokenising: &'a Tokenising<'a>,
    /// Column of the ID number.
    id_column: usize,
    /// Column of the birth date, where the schema has one.
    birth_date: Option<usize>,
    /// Columns that rules need.
    attributes: Vec<(usize, &'a Field)>,
    /// Columns that lists show; `None` where the export has no such column.
    list_fields: Vec<Option<usize>>,
    outcome_rules: Vec<&'a Rule>,
    withhold_rules: Vec<&'a Rule>,
    id_header: Option<String>,
    birth_date_header: Option<String>,
    report: Report,
}

/// A row whose ID number was accepted.
struct Accepted {
    record: Record,
    token: Token,
    age: Option<i64>,
    sex: Option<Sex>,
}

impl<'a> RowReader<'a> {
    fn new(export: &Export, tokenising: &'a Tokenising<'a>) -> Self {
        let schema = tokenising.schema;
        let columns = export.columns();
        let index = |field: &Field| columns.index.get(&field.name).copied();
        let needed = tokenising.policy.columns_needed(&schema.name);
        let attributes: Vec<(usize, &Field)> = schema
            .fields
            .iter()
            .filter(|field| needed.contains(&field.name))
            .filter_map(|field| Some((index(field)?, field)))
            .collect();
        let birth_date = schema
            .fields
            .iter()
            .find(|field| field.role == Role::BirthDate)
            .and_then(index);
        let list_fields: Vec<Option<usize>> = schema.list_fields().map(index).collect();
        let read = |field: &&Field| {
            let needed = match field.role {
                Role::NationalId | Role::List | Role::BirthDate => true,
                Role::Attribute => needed.contains(&field.name),
            };
            needed && index(field).is_some()
        };
        RowReader {
            tokenising,
            id_column: export.id_column(),
            birth_date,
            attributes,
            list_fields,
            outcome_rules: tokenising.policy.outcome_rules(&schema.name).collect(),
            withhold_rules: tokenising.policy.withhold_rules(&schema.name).collect(),
            id_header: columns.headers.get(export.id_column()).cloned(),
            birth_date_header: birth_date.and_then(|index| columns.headers.get(index).cloned()),
            report: Report {
                columns_read: schema
                    .fields
                    .iter()
                    .filter(read)
                    .map(|field| field.name.clone())
                    .collect(),
                account: Account {
                    rest: match tokenising.probe {
                        Some(_) => Rest::Probed {
                            matched: 0,
                            unmatched: 0,
                        },
                        None => Rest::default(),
                    },
                    ..Account::default()
                },
                ..Report::default()
            },
        }
    }

    fn read_block(
        &mut self,
        block: Vec<Result<Record, RecordFault>>,
    ) -> Result<Vec<TokenisedRow>, TokeniseError> {
        self.report.account.rows += block.len() as u64;
        let this = &*self;
        let checked: Vec<(Result<Accepted, Reject>, Option<IdWarning>)> = block
            .into_par_iter()
            .map(|record| this.accept(record))
            .collect();
        let mut accepted = Vec::new();
        for (row, warning) in checked {
            if let Some(warning) = warning {
                *self.report.id_warnings.entry(warning.code()).or_default() += 1;
            }
            match row {
                Err(reject) => {
                    self.report.account.rejected += 1;
                    self.report.rejects.push(reject);
                }
                Ok(row) => {
                    if let (Some(probe), Rest::Probed { unmatched, .. }) =
                        (self.tokenising.probe, &mut self.report.account.rest)
                        && !probe.contains(&row.token)
                    {
                        *unmatched += 1;
                        continue;
                    }
                    accepted.push(row);
                }
            }
        }
        self.evaluate(accepted)
    }

    /// Checks that every row goes through: record, ID number, birth date.
    fn accept(
        &self,
        record: Result<Record, RecordFault>,
    ) -> (Result<Accepted, Reject>, Option<IdWarning>) {
        let record = match record {
            Ok(record) => record,
            Err(fault) => {
                let (number, line, reason) = match fault {
                    RecordFault::FieldCount { number, line } => {
                        (number, line, RejectReason::FieldCount)
                    }
                    RecordFault::Quote { number, line } => (number, line, RejectReason::Quote),
                };
                let reject = Reject {
                    record: number,
                    line,
                    column: None,
                    reason,
                };
                return (Err(reject), None);
            }
        };
        let reject = |column: &Option<String>, reason| Reject {
            record: record.number,
            line: record.line,
            column: column.clone(),
            reason,
        };
        let cell = record.fields.get(self.id_column).unwrap_or_default();
        let checked = match NationalId::parse(cell, self.tokenising.as_of) {
            Ok(checked) => checked,
            Err(fault) => {
                return (Err(reject(&self.id_header, RejectReason::Id(fault))), None);
            }
        };
        if let Some(index) = self.birth_date {
            let cell = record.fields.get(index).unwrap_or_default();
            // An unreadable birth date contradicts nothing.
            let stated = cell::date_to_the_day(&cell::tidy(cell));
            if let (Some(stated), Some(birth)) = (stated, checked.id.birth_date())
                && stated != birth
            {
                let reason = RejectReason::BirthDateContradicts;
                return (Err(reject(&self.birth_date_header, reason)), None);
            }
        }
        let accepted = Accepted {
            token: self.tokenising.tokeniser.token(&checked.id),
            age: checked.id.age_at(self.tokenising.as_of),
            sex: checked.id.sex(),
            record,
        };
        (Ok(accepted), checked.warning)
    }

    /// Reads the columns that rules need, withholds, and gives outcomes.
    fn evaluate(&mut self, rows: Vec<Accepted>) -> Result<Vec<TokenisedRow>, TokeniseError> {
        let schema = self.tokenising.schema;
        let mut block = RowBlock {
            rows: rows.len(),
            ..RowBlock::default()
        };
        let mut unreadable: Vec<Vec<String>> = vec![Vec::new(); rows.len()];
        for (index, field) in &self.attributes {
            let mut column = Column::new(field.field_type);
            for (row, unreadable) in rows.iter().zip(&mut unreadable) {
                let cell = row.record.fields.get(*index).unwrap_or_default();
                let value = cell::read(schema, field, cell).unwrap_or_else(|fault| {
                    let key = (field.name.clone(), fault);
                    *self.report.value_faults.entry(key).or_default() += 1;
                    unreadable.push(field.name.clone());
                    None
                });
                column.push(value);
            }
            block.columns.insert(field.name.clone(), column);
        }
        add_derived(&mut block, &rows);
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
        let mut kept = Vec::new();
        for (index, (row, unreadable)) in rows.into_iter().zip(unreadable).enumerate() {
            let withheld_by = withheld
                .iter()
                .position(|column| column[index] == Outcome::Yes);
            if let Some(rule) = withheld_by {
                self.report.account.withheld += 1;
                *self
                    .report
                    .withheld_by_rule
                    .entry(self.withhold_rules[rule].id.clone())
                    .or_default() += 1;
                continue;
            }
            let outcomes: Vec<Outcome> = outcomes.iter().map(|column| column[index]).collect();
            let holds = outcomes.iter().any(|outcome| *outcome != Outcome::No);
            match &mut self.report.account.rest {
                Rest::Probed { matched, .. } => *matched += 1,
                Rest::Evaluated {
                    without_outcome, ..
                } if !holds => {
                    *without_outcome += 1;
                    continue;
                }
                Rest::Evaluated { sent, .. } => *sent += 1,
            }
            kept.push(TokenisedRow {
                token: row.token,
                outcomes,
                listed: Listed {
                    fields: self
                        .list_fields
                        .iter()
                        .map(|index| {
                            let cell = index.and_then(|index| row.record.fields.get(index));
                            cell::tidy(cell.unwrap_or_default())
                        })
                        .collect(),
                    minor: row.age.is_none_or(|age| age < 18),
                    unreadable,
                },
            });
        }
        Ok(kept)
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
