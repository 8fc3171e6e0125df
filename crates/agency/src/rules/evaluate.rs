//! Evaluates checked expressions column by column with polars.
//!
//! Dates are represented as days since 1970-01-01, whole and decimal numbers as
//! 64-bit floats (exact for whole numbers below 2^53). For nulls, polars' `and` and
//! `or` follow Kleene's logic, which is the three-valued logic of the rules.

use jiff::civil::Date;
use polars::prelude::{
    Column as PolarsColumn, DataFrame, Expr, IntoLazy, NULL, NamedFrom, Series, col, lit,
};

use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Text;
use aidlink_policy::pack::Rule;
use aidlink_policy::rule_language::{Comparison, Expression, Operand, moved};
use aidlink_policy::value::{Column, RowBlock};

/// An expression that could not be evaluated. The cause is a bug or a lack of
/// memory, never the data. The polars message is dropped, because it may contain
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// The name under which the expression was evaluated.
    pub name: String,
}

impl EvaluationError {
    /// Returns the message for the user.
    pub fn text(&self) -> Text {
        Text::new(
            format!("规则“{}”无法计算（程序内部错误）", self.name),
            format!(
                "the rule `{}` could not be evaluated (internal error)",
                self.name
            ),
        )
    }
}

/// Evaluates named expressions on a block of rows. Returns one column of outcomes
/// per expression, with one outcome per row. An outcome is unknown if a cell that
/// decides it is empty. A column that is not in the block counts as empty.
///
/// # Errors
/// If polars fails; see [`EvaluationError`].
pub fn evaluate(
    expressions: &[(&str, &Expression)],
    block: &RowBlock,
    as_of: Date,
) -> Result<Vec<Vec<Outcome>>, EvaluationError> {
    if block.rows == 0 {
        return Ok(vec![Vec::new(); expressions.len()]);
    }
    let failed = |name: &str| EvaluationError { name: name.into() };
    let mut columns: Vec<PolarsColumn> = block
        .columns
        .iter()
        .map(|(name, column)| series_of(name, column).into())
        .collect();
    // This column gives the frame its height; the block may have no columns.
    columns.push(Series::new(ROWS.into(), vec![true; block.rows]).into());
    let frame = DataFrame::new(block.rows, columns).map_err(|_| failed(""))?;
    let present = |name: &str| block.columns.contains_key(name);
    let selected: Vec<Expr> = expressions
        .iter()
        .enumerate()
        .map(|(index, (_, expression))| {
            // A constant gives a single row. OR with a false column extends it to all
            // rows.
            let all_false = col(ROWS).and(lit(false));
            translate(expression, &present, as_of)
                .or(all_false)
                .alias(format!("outcome{index}"))
        })
        .collect();
    let result = frame
        .lazy()
        .select(selected)
        .collect()
        .map_err(|_| failed(expressions.first().map_or("", |(name, _)| name)))?;
    expressions
        .iter()
        .enumerate()
        .map(|(index, (name, _))| {
            let column = result
                .column(&format!("outcome{index}"))
                .map_err(|_| failed(name))?;
            let booleans = column.bool().map_err(|_| failed(name))?;
            let outcomes: Vec<Outcome> = booleans.iter().map(Outcome::from_option).collect();
            if outcomes.len() == block.rows {
                Ok(outcomes)
            } else {
                Err(failed(name))
            }
        })
        .collect()
}

/// Evaluates rules on a block of rows. Returns one column of outcomes per rule, with
/// one outcome per row; see [`Rule::outcome`].
///
/// # Errors
/// If polars fails; see [`EvaluationError`].
pub fn evaluate_rules(
    rules: &[&Rule],
    block: &RowBlock,
    as_of: Date,
) -> Result<Vec<Vec<Outcome>>, EvaluationError> {
    let named: Vec<(&str, &Expression)> = rules
        .iter()
        .flat_map(|rule| {
            rule.expressions()
                .map(|expression| (rule.id.as_str(), expression))
        })
        .collect();
    let mut columns = evaluate(&named, block, as_of)?.into_iter();
    let outcomes = rules.iter().map(|rule| {
        let conditions = columns.next().unwrap_or_default();
        let cores = rule.core.as_ref().and_then(|_| columns.next());
        let outcome = |(row, condition)| {
            let core: Option<&Outcome> = cores.as_ref().and_then(|cores| cores.get(row));
            rule.outcome(condition, core.copied())
        };
        conditions.into_iter().enumerate().map(outcome).collect()
    });
    Ok(outcomes.collect())
}

/// The name of the helper column. No field has it, because field names have no
/// spaces.
const ROWS: &str = " rows";

fn series_of(name: &str, column: &Column) -> Series {
    let name = name.into();
    match column {
        Column::String(values) => Series::new(
            name,
            values.iter().map(Option::as_deref).collect::<Vec<_>>(),
        ),
        Column::Integer(values) => Series::new(
            name,
            values
                .iter()
                .map(|value| value.map(|number| number as f64))
                .collect::<Vec<_>>(),
        ),
        Column::Number(values) => Series::new(name, values.as_slice()),
        Column::Boolean(values) => Series::new(name, values.as_slice()),
        Column::Date(values) => Series::new(
            name,
            values
                .iter()
                .map(|value| value.map(days_since_epoch))
                .collect::<Vec<_>>(),
        ),
    }
}

fn days_since_epoch(date: Date) -> i32 {
    let epoch = Date::constant(1970, 1, 1);
    // The days between any two years from -9999 to 9999 fit in an `i32`.
    date.since(epoch).map_or(0, |span| span.get_days())
}

fn translate(expression: &Expression, present: &impl Fn(&str) -> bool, as_of: Date) -> Expr {
    let inner = |expression: &Expression| translate(expression, present, as_of);
    match expression {
        Expression::Constant(truth) => lit(*truth),
        Expression::Column(name) if present(name) => col(name.as_str()),
        Expression::Column(_) => lit(NULL).cast(polars::prelude::DataType::Boolean),
        Expression::Not(expression) => inner(expression).not(),
        Expression::And(left, right) => inner(left).and(inner(right)),
        Expression::Or(left, right) => inner(left).or(inner(right)),
        Expression::IsUnknown(expression) => inner(expression).is_null(),
        Expression::IsNull(operand) => value_of(operand, present, as_of).is_null(),
        Expression::Compare {
            left,
            comparison,
            right,
        } => {
            let left = value_of(left, present, as_of);
            let right = value_of(right, present, as_of);
            match comparison {
                Comparison::Equal => left.eq(right),
                Comparison::NotEqual => left.neq(right),
                Comparison::Less => left.lt(right),
                Comparison::LessOrEqual => left.lt_eq(right),
                Comparison::Greater => left.gt(right),
                Comparison::GreaterOrEqual => left.gt_eq(right),
            }
        }
    }
}

fn value_of(operand: &Operand, present: &impl Fn(&str) -> bool, as_of: Date) -> Expr {
    match operand {
        Operand::Column { name, .. } if present(name) => col(name.as_str()),
        Operand::Column { field_type, .. } => {
            use aidlink_policy::value::FieldType;
            use polars::prelude::DataType;
            lit(NULL).cast(match field_type {
                FieldType::String => DataType::String,
                FieldType::Integer | FieldType::Number => DataType::Float64,
                FieldType::Boolean => DataType::Boolean,
                FieldType::Date => DataType::Int32,
            })
        }
        Operand::String(text) => lit(text.as_str()),
        Operand::Number(number) => lit(*number),
        Operand::Date(date) => lit(days_since_epoch(*date)),
        // A date out of range makes the comparison unknown.
        Operand::AsOf { months, days } => match moved(as_of, *months, *days) {
            Some(date) => lit(days_since_epoch(date)),
            None => lit(NULL).cast(polars::prelude::DataType::Int32),
        },
        Operand::Arithmetic {
            left,
            subtract,
            right,
        } => {
            let left = value_of(left, present, as_of);
            let right = value_of(right, present, as_of);
            if *subtract {
                left - right
            } else {
                left + right
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use aidlink_policy::rule_language::{Scope, ScopeColumn, parse};
    use aidlink_policy::value::{FieldType, Value};

    const AS_OF: Date = Date::constant(2026, 9, 30);

    /// The oracle: evaluates the same expression row by row, without polars.
    fn evaluate_row(expression: &Expression, row: &dyn Fn(&str) -> Option<Value>) -> Outcome {
        match expression {
            Expression::Constant(truth) => Outcome::from_option(Some(*truth)),
            Expression::Column(name) => Outcome::from_option(match row(name) {
                Some(Value::Boolean(truth)) => Some(truth),
                _ => None,
            }),
            Expression::Not(inner) => !evaluate_row(inner, row),
            Expression::And(left, right) => evaluate_row(left, row).and(evaluate_row(right, row)),
            Expression::Or(left, right) => evaluate_row(left, row).or(evaluate_row(right, row)),
            Expression::IsUnknown(inner) => {
                Outcome::from_option(Some(evaluate_row(inner, row) == Outcome::Unknown))
            }
            Expression::IsNull(operand) => {
                Outcome::from_option(Some(evaluate_operand(operand, row).is_none()))
            }
            Expression::Compare {
                left,
                comparison,
                right,
            } => {
                let sides = evaluate_operand(left, row).zip(evaluate_operand(right, row));
                Outcome::from_option(sides.and_then(|(left, right)| {
                    let order = match (&left, &right) {
                        (Value::String(left), Value::String(right)) => left.cmp(right),
                        (Value::Date(left), Value::Date(right)) => left.cmp(right),
                        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right)?,
                        _ => return None,
                    };
                    Some(match comparison {
                        Comparison::Equal => order.is_eq(),
                        Comparison::NotEqual => order.is_ne(),
                        Comparison::Less => order.is_lt(),
                        Comparison::LessOrEqual => order.is_le(),
                        Comparison::Greater => order.is_gt(),
                        Comparison::GreaterOrEqual => order.is_ge(),
                    })
                }))
            }
        }
    }

    fn evaluate_operand(operand: &Operand, row: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
        match operand {
            Operand::Column { name, .. } => row(name).map(|value| match value {
                Value::Integer(number) => Value::Number(number as f64),
                other => other,
            }),
            Operand::String(text) => Some(Value::String(text.clone())),
            Operand::Number(number) => Some(Value::Number(*number)),
            Operand::Date(date) => Some(Value::Date(*date)),
            Operand::AsOf { months, days } => moved(AS_OF, *months, *days).map(Value::Date),
            Operand::Arithmetic {
                left,
                subtract,
                right,
            } => match (evaluate_operand(left, row)?, evaluate_operand(right, row)?) {
                (Value::Number(left), Value::Number(right)) => Some(Value::Number(if *subtract {
                    left - right
                } else {
                    left + right
                })),
                _ => None,
            },
        }
    }

    fn scope() -> Scope {
        let column = |name: &str, field_type, codes: Option<&[&str]>| ScopeColumn {
            name: name.into(),
            field_type,
            codes: codes.map(|codes| codes.iter().map(|code| code.to_string()).collect()),
        };
        Scope {
            columns: vec![
                column("kind", FieldType::String, Some(&["dibao", "tekun"])),
                column("grade", FieldType::Integer, None),
                column("loss", FieldType::Number, None),
                column("sealed", FieldType::Boolean, None),
                column("started_on", FieldType::Date, None),
                column("as_of", FieldType::Date, None),
            ],
        }
    }

    type Row = (
        Option<&'static str>,
        Option<i64>,
        Option<f64>,
        Option<bool>,
        Option<Date>,
    );

    fn block_of(rows: &[Row]) -> RowBlock {
        let column = |column| column;
        RowBlock {
            rows: rows.len(),
            columns: [
                (
                    "kind",
                    column(Column::String(
                        rows.iter().map(|row| row.0.map(str::to_owned)).collect(),
                    )),
                ),
                (
                    "grade",
                    Column::Integer(rows.iter().map(|row| row.1).collect()),
                ),
                (
                    "loss",
                    Column::Number(rows.iter().map(|row| row.2).collect()),
                ),
                (
                    "sealed",
                    Column::Boolean(rows.iter().map(|row| row.3).collect()),
                ),
                (
                    "started_on",
                    Column::Date(rows.iter().map(|row| row.4).collect()),
                ),
            ]
            .into_iter()
            .map(|(name, column)| (name.to_owned(), column))
            .collect(),
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row = (
            prop::option::of(prop::sample::select(vec!["dibao", "tekun"])),
            prop::option::of(0_i64..6),
            prop::option::of(prop::sample::select(vec![
                0.0, 29_999.99, 30_000.0, 50_000.0,
            ])),
            prop::option::of(any::<bool>()),
            prop::option::of((0_i32..2000).prop_map(|days| {
                moved(Date::constant(2022, 1, 1), 0, days).expect("a date in range")
            })),
        );
        prop::collection::vec(row, 1..8)
    }

    fn conditions() -> impl Strategy<Value = String> {
        let atom = prop::sample::select(vec![
            "sealed",
            "sealed IS NULL",
            "kind = 'dibao'",
            "kind <> 'tekun'",
            "kind NOT IN ('dibao')",
            "kind IN ('dibao', 'tekun')",
            "kind IS NOT NULL",
            "grade <= 2",
            "grade BETWEEN 1 AND 4",
            "grade NOT BETWEEN 2 AND 3",
            "loss - 1000 >= 29000",
            "loss + grade > 30001",
            "started_on <= as_of",
            "started_on >= as_of - INTERVAL '6' MONTH",
            "started_on < DATE '2024-02-29' + INTERVAL '1' YEAR",
            "TRUE",
            "FALSE",
        ])
        .prop_map(str::to_owned);
        atom.prop_recursive(5, 24, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|a| format!("NOT ({a})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) AND ({b})")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) OR ({b})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn polars_agrees_with_row_by_row_evaluation(text in conditions(), rows in rows()) {
            let expression = parse(&text, &scope()).expect("a generated condition is valid");
            let outcomes = evaluate(&[("rule", &expression)], &block_of(&rows), AS_OF)
                .expect("polars evaluates every valid condition");
            for (row, outcome) in rows.iter().zip(&outcomes[0]) {
                let expected = evaluate_row(&expression, &|name| match name {
                    "kind" => row.0.map(|kind| Value::String(kind.into())),
                    "grade" => row.1.map(Value::Integer),
                    "loss" => row.2.map(Value::Number),
                    "sealed" => row.3.map(Value::Boolean),
                    "started_on" => row.4.map(Value::Date),
                    _ => None,
                });
                prop_assert_eq!(*outcome, expected, "{} on {:?}", text, row);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            let _ = parse(&text, &scope());
        }
    }

    fn first_fault(text: &str) -> (usize, String, String) {
        let faults = parse(text, &scope()).expect_err("the expression is invalid");
        let fault = &faults[0];
        (
            fault.offset,
            fault.message.en.clone(),
            fault.hint.en.clone(),
        )
    }

    #[test]
    fn faults_point_at_the_place_and_name_the_nearest_right_name() {
        assert_eq!(
            first_fault("sealed AND grad <= 2"),
            (
                11,
                "unknown column `grad`".into(),
                "did you mean `grade`?".into()
            )
        );
        assert_eq!(
            first_fault("kind = 'dibaoo'"),
            (
                7,
                "the code `dibaoo` is not in the code list of `kind`".into(),
                "did you mean `dibao`?".into()
            )
        );
        assert_eq!(
            first_fault("sealed OR\n  grade = 'one'"),
            (
                20,
                "integer cannot be compared with string".into(),
                "compare values of the same type".into()
            )
        );
        assert_eq!(first_fault("kind").0, 0);
        assert_eq!(
            first_fault("started_on = '2024-01-01'").2,
            "write a date as DATE '2026-01-01'"
        );
        assert_eq!(
            first_fault("count(grade) > 1").1,
            "this is not part of the rule language"
        );
        assert_eq!(
            first_fault("sealed AND").1,
            "syntax error in the expression"
        );
        assert_eq!(
            first_fault("(SELECT 1) = 1").1,
            "this is not part of the rule language"
        );
    }

    #[test]
    fn deep_nesting_is_a_fault_not_a_crash() {
        let deep = format!("{}sealed{}", "(".repeat(3000), ")".repeat(3000));
        assert_eq!(first_fault(&deep).1, "the expression is nested too deeply");
        let long = vec!["sealed"; 5000].join(" AND ");
        assert_eq!(first_fault(&long).1, "the expression is longer than 8 KiB");
        let chain = vec!["sealed"; 800].join(" OR ");
        let expression = parse(&chain, &scope()).expect("a long chain within the limit");
        let block = block_of(&[(None, None, None, Some(true), None)]);
        assert_eq!(
            evaluate(&[("rule", &expression)], &block, AS_OF),
            Ok(vec![vec![Outcome::Yes]])
        );
    }

    #[test]
    fn a_missing_column_is_unknown() {
        let expression = parse("grade <= 2 OR sealed", &scope()).expect("valid");
        let block = RowBlock {
            rows: 2,
            columns: Default::default(),
        };
        assert_eq!(
            evaluate(&[("rule", &expression)], &block, AS_OF),
            Ok(vec![vec![Outcome::Unknown; 2]])
        );
    }
}
