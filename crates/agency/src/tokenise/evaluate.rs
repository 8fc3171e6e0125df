//! Evaluates the rules on identified rows: reads the columns that rules need, drops
//! the rows that a withhold rule withholds, and then the rows whose outcomes cannot
//! lead to an aid. It makes no tokens.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use aidlink_contract::outcome::Outcome;
use aidlink_policy::pack::{CASE_EXPORT, Policy, Rule};
use aidlink_policy::reading::DateEpoch;
use aidlink_policy::rule_language::{DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX, Expression};
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::{Column, FieldType, RowBlock, Value};
use jiff::civil::Date;

use super::report::Report;
use super::row::Listed;
use crate::account::Rest;
use crate::cell::{self, ValueFault};
use crate::identify::OwnedRow;
use crate::national_id::{NationalId, Sex};
use crate::rules::{EvaluationError, evaluate};
use crate::scan::{Encoding, Export};

/// Number of rows that are evaluated together.
pub(super) const ROWS_PER_BLOCK: usize = 4 * 1024;

/// Which of the rows that are not withheld are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Rows that may leave the agency; see [`RowColumns::may_leave`].
    WithOutcome,
    /// All rows, because the probe has already selected the case parties' rows.
    All,
}

/// A row that is kept, for tokenising.
pub(super) struct EvaluatedRow<'r> {
    pub(super) id: &'r NationalId,
    /// Outcomes, in the order of the policy's outcome rules on this export.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) listed: Listed,
}

/// The kept rows of a block and the counts of all its rows.
pub(super) struct Evaluated<'r> {
    pub(super) rows: Vec<EvaluatedRow<'r>>,
    pub(super) counts: EvaluatedCounts,
}

/// Counts from evaluating a block.
#[derive(Default)]
pub(super) struct EvaluatedCounts {
    withheld: u64,
    without_outcome: u64,
    kept: u64,
    withheld_by_rule: BTreeMap<String, u64>,
    value_faults: BTreeMap<(String, ValueFault), u64>,
}

impl EvaluatedCounts {
    /// Adds the counts of another block.
    pub(super) fn append(&mut self, next: Self) {
        self.withheld += next.withheld;
        self.without_outcome += next.without_outcome;
        self.kept += next.kept;
        for (rule, count) in next.withheld_by_rule {
            *self.withheld_by_rule.entry(rule).or_default() += count;
        }
        for (fault, count) in next.value_faults {
            *self.value_faults.entry(fault).or_default() += count;
        }
    }

    pub(super) fn add_to(self, report: &mut Report) {
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

/// The columns to read and the rules to evaluate, found once per file.
pub(super) struct RowColumns<'a> {
    schema: &'a ExportSchema,
    policy: &'a Policy,
    as_of: Date,
    keep: Keep,
    encoding: Encoding,
    epoch: DateEpoch,
    /// Columns that rules need.
    attributes: Vec<(usize, &'a Field)>,
    /// Fields that lists show, with their columns; `None` if the file has no such column.
    list_fields: Vec<(&'a Field, Option<usize>)>,
    pub(super) outcome_rules: Vec<&'a Rule>,
    withhold_rules: Vec<&'a Rule>,
    /// Fields whose columns are read.
    pub(super) read: Vec<String>,
}

impl<'a> RowColumns<'a> {
    pub(super) fn new(
        export: &Export,
        schema: &'a ExportSchema,
        policy: &'a Policy,
        as_of: Date,
        keep: Keep,
    ) -> Self {
        let columns = export.columns();
        let index = |field: &Field| columns.index.get(&field.name).copied();
        let needed = policy.columns_needed(&schema.name);
        let is_read = |field: &&Field| {
            let needed = match field.role {
                Role::NationalId | Role::List | Role::BirthDate => true,
                Role::Attribute => needed.contains(&field.name),
            };
            needed && index(field).is_some()
        };
        RowColumns {
            schema,
            policy,
            as_of,
            keep,
            encoding: export.encoding(),
            epoch: export.epoch(),
            attributes: schema
                .fields
                .iter()
                .filter(|field| needed.contains(&field.name))
                .filter_map(|field| Some((index(field)?, field)))
                .collect(),
            list_fields: schema
                .list_fields()
                .map(|field| (field, index(field)))
                .collect(),
            outcome_rules: policy.outcome_rules(&schema.name).collect(),
            withhold_rules: policy.withhold_rules(&schema.name).collect(),
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
        cell::read(self.schema, field, self.epoch, &cell)
    }

    /// Evaluates all rules on a block of rows.
    pub(super) fn evaluate<'r>(
        &self,
        rows: &'r [OwnedRow],
    ) -> Result<Evaluated<'r>, EvaluationError> {
        let mut counts = EvaluatedCounts::default();
        let mut block = RowBlock {
            rows: rows.len(),
            ..RowBlock::default()
        };
        let encodings: Vec<Encoding> = rows
            .iter()
            .map(|row| row.cells.encoding(self.encoding))
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
        add_derived(&mut block, rows, self.as_of);
        let outcomes_of = |rules: &[&Rule]| -> Result<Vec<Vec<Outcome>>, EvaluationError> {
            let named: Vec<(&str, &Expression)> = rules
                .iter()
                .map(|rule| (rule.id.as_str(), &rule.expression))
                .collect();
            let mut columns = evaluate(&named, &block, self.as_of)?;
            for (column, rule) in columns.iter_mut().zip(rules) {
                for outcome in column {
                    *outcome = rule.when_unknown.apply(*outcome);
                }
            }
            Ok(columns)
        };
        let withheld = outcomes_of(&self.withhold_rules)?;
        let outcomes = outcomes_of(&self.outcome_rules)?;
        // Only few patterns of outcomes occur, so the answer is cached for each.
        let mut may_leave: HashMap<Vec<Outcome>, bool> = HashMap::new();
        let mut kept = Vec::new();
        for (index, (row, mut unreadable)) in rows.iter().zip(unreadable).enumerate() {
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
            if self.keep == Keep::WithOutcome {
                let row_may_leave = match may_leave.get(&outcomes) {
                    Some(cached) => *cached,
                    None => {
                        let answer = self.may_leave(&outcomes);
                        may_leave.insert(outcomes.clone(), answer);
                        answer
                    }
                };
                if !row_may_leave {
                    counts.without_outcome += 1;
                    continue;
                }
            }
            let mut fields = Vec::with_capacity(self.list_fields.len());
            for (field, column) in &self.list_fields {
                let cell = column.map_or(&[][..], |column| row.cells.get(column));
                let text = encodings[index].decode(cell).unwrap_or_else(|| {
                    let key = (field.name.clone(), ValueFault::Encoding);
                    *counts.value_faults.entry(key).or_default() += 1;
                    unreadable.push(field.name.clone());
                    Cow::Borrowed("")
                });
                fields.push(cell::without_numbers(cell::tidy(&text), self.as_of));
            }
            kept.push(EvaluatedRow {
                id: &row.id,
                outcomes,
                listed: Listed {
                    fields,
                    minor: row.id.age_at(self.as_of).is_none_or(|age| age < 18),
                    unreadable,
                },
            });
        }
        counts.kept = kept.len() as u64;
        Ok(Evaluated { rows: kept, counts })
    }
}

impl RowColumns<'_> {
    /// Returns whether a row may leave the agency: a register row if any outcome is
    /// yes or unknown, a case row if an aid could be reached with the most favourable register
    /// outcomes.
    fn may_leave(&self, outcomes: &[Outcome]) -> bool {
        if self.schema.name != CASE_EXPORT {
            return outcomes.iter().any(|outcome| *outcome != Outcome::No);
        }
        // `qualifies` has no negation, so yes in every register is the most favourable
        // case.
        let best_case = |id: &str| {
            let own = self.outcome_rules.iter().position(|rule| rule.id == id);
            own.and_then(|place| outcomes.get(place).copied())
                .unwrap_or(Outcome::Yes)
        };
        let mut aids = self.policy.aids.iter();
        aids.any(|aid| aid.qualifies.outcome(&best_case) != Outcome::No)
    }
}

/// Adds the columns derived from the ID number: age, minor and sex.
fn add_derived(block: &mut RowBlock, rows: &[OwnedRow], as_of: Date) {
    let mut age = Column::new(FieldType::Integer);
    let mut minor = Column::new(FieldType::Boolean);
    let mut sex = Column::new(FieldType::String);
    for row in rows {
        let years = row.id.age_at(as_of);
        age.push(years.map(Value::Integer));
        minor.push(years.map(|years| Value::Boolean(years < 18)));
        sex.push(row.id.sex().map(|sex| {
            Value::String(match sex {
                Sex::Male => "male".to_owned(),
                Sex::Female => "female".to_owned(),
            })
        }));
    }
    for (name, column) in [
        (DERIVED_AGE, age),
        (DERIVED_MINOR, minor),
        (DERIVED_SEX, sex),
    ] {
        block.columns.insert(name.to_owned(), column);
    }
}
