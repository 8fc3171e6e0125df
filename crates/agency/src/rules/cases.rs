//! Runs the cases of rules: rows with the outcome that the rule must give.

use aidlink_contract::outcome::Outcome;
use aidlink_policy::pack::{CaseRow, Policy, Rule, Spot};
use aidlink_policy::value::{Column, FieldType, RowBlock, Value};

use super::evaluate::{EvaluationError, evaluate_rules};

/// A case for which the rule gave the wrong outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFailure {
    /// The id of the rule.
    pub rule: String,
    /// Where the case is.
    pub at: Spot,
    /// The outcome that the case requires.
    pub expected: Outcome,
    /// The outcome that the rule gave.
    pub actual: Outcome,
}

/// Runs the cases of every rule, each on the rule as the layer has it that wrote the case.
/// Returns their number and the failures.
///
/// # Errors
/// If a rule cannot be evaluated; see [`EvaluationError`].
pub fn test_cases(policy: &Policy) -> Result<(usize, Vec<CaseFailure>), EvaluationError> {
    let mut run = 0;
    let mut failures = Vec::new();
    for rule in policy.rules.iter().chain(&policy.earlier_rules) {
        for case in &rule.cases {
            run += 1;
            let actual = outcome_of(rule, &case.row)?;
            if actual != case.outcome {
                failures.push(CaseFailure {
                    rule: rule.id.clone(),
                    at: case.row.at.clone(),
                    expected: case.outcome,
                    actual,
                });
            }
        }
    }
    Ok((run, failures))
}

/// Evaluates a rule on a row. A withhold rule that rests on a cell that cannot be read is
/// unknown if it does not withhold in doubt.
pub(super) fn outcome_of(rule: &Rule, row: &CaseRow) -> Result<Outcome, EvaluationError> {
    let mut block = RowBlock {
        rows: 1,
        ..RowBlock::default()
    };
    let mut set = |name: &str, value: Value| {
        let field_type = match &value {
            Value::String(_) => FieldType::String,
            Value::Integer(_) => FieldType::Integer,
            Value::Number(_) => FieldType::Number,
            Value::Boolean(_) => FieldType::Boolean,
            Value::Date(_) => FieldType::Date,
        };
        let mut column = Column::new(field_type);
        column.push(Some(value));
        block.columns.insert(name.to_owned(), column);
    };
    for (name, value) in &row.columns {
        set(name, value.clone());
    }
    if let Some(age) = row.age {
        set(
            aidlink_policy::rule_language::DERIVED_AGE,
            Value::Integer(age),
        );
        set(
            aidlink_policy::rule_language::DERIVED_MINOR,
            Value::Boolean(age < 18),
        );
    }
    if let Some(sex) = &row.sex {
        set(
            aidlink_policy::rule_language::DERIVED_SEX,
            Value::String(sex.clone()),
        );
    }
    for name in &row.unreadable {
        block.unreadable.insert(name.clone(), vec![true]);
    }
    let outcomes = evaluate_rules(&[rule], &block, row.as_of)?;
    outcomes
        .first()
        .and_then(|outcomes| outcomes.first())
        .copied()
        .ok_or_else(|| EvaluationError {
            name: rule.id.clone(),
        })
}
