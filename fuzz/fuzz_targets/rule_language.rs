//! Parses any text as a rule or a combination of rules. Parsing must give an expression or
//! faults with valid positions. A rule evaluated by column must give the same outcomes as a
//! simple evaluation by row, and a combination the same as a condition with the same text on
//! Boolean columns.
//!
//! The first byte chooses condition or combination; the rest is the text.

#![no_main]

use std::sync::LazyLock;

use aidlink_agency::rules::evaluate;
use aidlink_contract::outcome::Outcome;
use aidlink_fuzz::AS_OF;
use aidlink_policy::answer::Answer;
use aidlink_policy::pack::WhenUnknown;
use aidlink_policy::rule_language::{NamedValue,
    Combination, Comparison, Expression, ExpressionFault, Negation, NodeBudget, Operand, Scope,
    ScopeColumn, parse,
};
use aidlink_policy::value::{Column, FieldType, RowBlock, Value};
use jiff::civil::Date;
use libfuzzer_sys::fuzz_target;

static CONDITIONS: LazyLock<Scope> = LazyLock::new(|| {
    let column = |name: &str, field_type, codes: &[&str]| ScopeColumn {
        name: name.to_owned(),
        field_type,
        codes: (!codes.is_empty()).then(|| codes.iter().map(|code| (*code).to_owned()).collect()),
    };
    Scope {
        columns: vec![
            column("kind", FieldType::String, &["dibao", "tekun"]),
            column("name", FieldType::String, &[]),
            column("grade", FieldType::Integer, &[]),
            column("loss", FieldType::Number, &[]),
            column("sealed", FieldType::Boolean, &[]),
            column("started_on", FieldType::Date, &[]),
            column("as_of", FieldType::Date, &[]),
        ],
        values: [
            ("least_loss", NamedValue::Number(30000.0)),
            ("usual_kind", NamedValue::Text("dibao".to_owned())),
            ("kinds", NamedValue::List(vec![NamedValue::Text("dibao".to_owned())])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
    }
});

/// The rule names for combinations.
static RULES: LazyLock<Vec<String>> = LazyLock::new(|| ["a", "b", "c"].map(str::to_owned).to_vec());

/// The same names, as Boolean columns.
static RULE_COLUMNS: LazyLock<Scope> = LazyLock::new(|| Scope {
    columns: RULES
        .iter()
        .map(|name| ScopeColumn {
            name: name.clone(),
            field_type: FieldType::Boolean,
            codes: None,
        })
        .collect(),
    values: Default::default(),
});

/// Rows in which values and empty cells are mixed.
static ROWS: LazyLock<RowBlock> = LazyLock::new(|| {
    let truths = vec![Some(true), None, Some(false), Some(true), None, Some(false)];
    let mut moved = truths.clone();
    moved.rotate_left(1);
    let texts = |texts: [&str; 6]| {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Column::String(texts.map(text).to_vec())
    };
    let day = |year, month, day| Some(Date::constant(year, month, day));
    let columns = [
        ("kind", texts(["dibao", "tekun", "", "dibao", "tekun", ""])),
        ("name", texts(["", "张某", "x", "'", "dibao", "X"])),
        (
            "grade",
            Column::Integer(vec![
                Some(1),
                Some(-2),
                Some(i64::MAX),
                None,
                Some(0),
                Some(4),
            ]),
        ),
        (
            "loss",
            Column::Number(vec![
                Some(0.0),
                Some(-0.0),
                Some(29_999.99),
                Some(1e300),
                None,
                Some(2.0),
            ]),
        ),
        ("sealed", Column::Boolean(truths.clone())),
        (
            "started_on",
            Column::Date(vec![
                day(2026, 3, 30),
                day(1970, 1, 1),
                None,
                day(2024, 2, 29),
                Some(Date::MIN),
                Some(Date::MAX),
            ]),
        ),
        ("a", Column::Boolean(truths)),
        ("b", Column::Boolean(moved)),
        // Column `c` is missing, as in an export without it.
    ];
    RowBlock {
        rows: 6,
        columns: columns
            .map(|(name, column)| (name.to_owned(), column))
            .into(),
        ..RowBlock::default()
    }
});

fn cell(name: &str, row: usize) -> Option<Value> {
    match ROWS.columns.get(name)? {
        Column::String(values) => values[row].clone().map(Value::String),
        Column::Integer(values) => values[row].map(|number| Value::Number(number as f64)),
        Column::Number(values) => values[row].map(Value::Number),
        Column::Boolean(values) => values[row].map(Value::Boolean),
        Column::Date(values) => values[row].map(Value::Date),
    }
}

/// Evaluates the expression on one row.
fn evaluate_row(expression: &Expression, row: usize) -> Outcome {
    let known = |truth| Outcome::from_option(Some(truth));
    match expression {
        Expression::Constant(truth) => known(*truth),
        Expression::Column(name) => Outcome::from_option(match cell(name, row) {
            Some(Value::Boolean(truth)) => Some(truth),
            _ => None,
        }),
        Expression::Not(inner) => !evaluate_row(inner, row),
        Expression::And(left, right) => evaluate_row(left, row).and(evaluate_row(right, row)),
        Expression::Or(left, right) => evaluate_row(left, row).or(evaluate_row(right, row)),
        Expression::IsUnknown(inner) => known(evaluate_row(inner, row) == Outcome::Unknown),
        Expression::IsNull(operand) => known(value(operand, row).is_none()),
        Expression::Compare {
            left,
            comparison,
            right,
        } => {
            let sides = value(left, row).zip(value(right, row));
            Outcome::from_option(sides.and_then(|sides| compare(&sides.0, *comparison, &sides.1)))
        }
    }
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Date(left), Value::Date(right)) => left.cmp(right),
        // Sums of infinities can be NaN, which compares as the greatest number.
        (Value::Number(left), Value::Number(right)) => left
            .partial_cmp(right)
            .unwrap_or_else(|| left.is_nan().cmp(&right.is_nan())),
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
}

fn value(operand: &Operand, row: usize) -> Option<Value> {
    Some(match operand {
        Operand::Column { name, .. } => cell(name, row)?,
        Operand::String(text) => Value::String(text.clone()),
        Operand::Number(number) => Value::Number(*number),
        Operand::Date(date) => Value::Date(*date),
        Operand::AsOf { months, days } => {
            let month = jiff::Span::new().try_months(*months).ok()?;
            let day = jiff::Span::new().try_days(*days).ok()?;
            Value::Date(AS_OF.checked_add(month).ok()?.checked_add(day).ok()?)
        }
        Operand::Arithmetic {
            left,
            subtract,
            right,
        } => match (value(left, row)?, value(right, row)?) {
            (Value::Number(left), Value::Number(right)) if *subtract => Value::Number(left - right),
            (Value::Number(left), Value::Number(right)) => Value::Number(left + right),
            _ => return None,
        },
    })
}

fn check_positions(text: &str, faults: &[ExpressionFault]) {
    assert!(!faults.is_empty(), "refused without a fault");
    for fault in faults {
        assert!(
            text.is_char_boundary(fault.offset),
            "a position inside a character"
        );
    }
}

fn outcome(answer: &Answer) -> Outcome {
    WhenUnknown::Review.outcome(*answer)
}

fn condition(text: &str) {
    let expression = match parse(text, &CONDITIONS) {
        Ok(expression) => expression,
        Err(faults) => return check_positions(text, &faults),
    };
    for name in expression.columns() {
        assert!(CONDITIONS.columns.iter().any(|column| column.name == name));
    }
    let outcomes =
        evaluate(&[("rule", &expression)], &ROWS, AS_OF).expect("the rule can be evaluated");
    for (row, answer) in outcomes[0].iter().enumerate() {
        assert_eq!(outcome(answer), evaluate_row(&expression, row), "row {row}");
    }
}

fn combination(text: &str, negation: Negation) {
    let combination = match Combination::parse(text, &RULES, negation) {
        Ok(combination) => combination,
        Err(faults) => return check_positions(text, &faults),
    };
    assert!(
        combination
            .rules()
            .iter()
            .all(|rule| RULES.iter().any(|known| known == rule))
    );
    let substituted = combination.substitute(&|_| None, &mut NodeBudget::default());
    assert!(substituted.as_ref() == Ok(&combination));
    let expression = parse(text, &RULE_COLUMNS).expect("a combination is also a condition");
    let outcomes =
        evaluate(&[("rule", &expression)], &ROWS, AS_OF).expect("the rule can be evaluated");
    for (row, answer) in outcomes[0].iter().enumerate() {
        let outcome_of = |rule: &str| evaluate_row(&Expression::Column(rule.to_owned()), row);
        assert_eq!(
            outcome(answer),
            combination.outcome(&outcome_of),
            "row {row}"
        );
    }
}

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    match choice % 3 {
        0 => condition(text),
        1 => combination(text, Negation::Refused),
        _ => combination(text, Negation::Allowed),
    }
});
