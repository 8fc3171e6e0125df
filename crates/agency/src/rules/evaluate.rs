//! Evaluates checked expressions column by column with polars.
//!
//! Dates are represented as days since 1970-01-01, whole and decimal numbers as
//! 64-bit floats (exact for whole numbers below 2^53). For nulls, polars' `and` and
//! `or` follow Kleene's logic, which is the three-valued logic of the rules.
//!
//! A second expression, for conditions on columns with unreadable cells only, tells
//! whether a null rests on one of them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use polars::prelude::{
    BooleanChunked, ChunkCompareEq, ChunkCompareIneq, ChunkExpandAtIndex, ChunkFull, ChunkFullNull,
    DataType, NamedFrom, PlSmallStr, PolarsResult, Series,
};

use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Text;
use aidlink_policy::answer::Answer;
use aidlink_policy::pack::Rule;
use aidlink_policy::rule_language::{Comparison, Expression, Operand, moved};
use aidlink_policy::value::{Column, FieldType, RowBlock};

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

/// Evaluates named expressions on a block of rows. Returns one column of answers
/// per expression, with one answer per row. A column that is not in the block counts
/// as empty.
///
/// # Errors
/// If polars fails; see [`EvaluationError`].
pub fn evaluate(
    expressions: &[(&str, &Expression)],
    block: &RowBlock,
    as_of: Date,
) -> Result<Vec<Vec<Answer>>, EvaluationError> {
    if block.rows == 0 {
        return Ok(vec![Vec::new(); expressions.len()]);
    }
    let columns = BlockColumns::new(block, as_of);
    let mut answers = Vec::with_capacity(expressions.len());
    for (name, expression) in expressions {
        let answered = columns.answers(expression);
        let answered = answered.ok().filter(|column| column.len() == block.rows);
        answers.push(answered.ok_or_else(|| EvaluationError {
            name: (*name).to_owned(),
        })?);
    }
    Ok(answers)
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
            let core: Option<&Answer> = cores.as_ref().and_then(|cores| cores.get(row));
            rule.outcome(condition, core.copied())
        };
        conditions.into_iter().enumerate().map(outcome).collect()
    });
    Ok(outcomes.collect())
}

/// The name of columns and values. None is looked up by it.
const NO_NAME: PlSmallStr = PlSmallStr::EMPTY;

fn series_of(column: &Column) -> Series {
    let name = NO_NAME;
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

/// The columns of a block, for evaluating expressions on them.
///
/// A condition or value that is the same for all rows is a column of a single row, which
/// polars extends where it meets a longer one.
struct BlockColumns<'b> {
    rows: usize,
    columns: BTreeMap<&'b str, Series>,
    /// For each column with cells that cannot be read: null there, and otherwise true.
    readable: BTreeMap<&'b str, BooleanChunked>,
    as_of: Date,
}

impl<'b> BlockColumns<'b> {
    fn new(block: &'b RowBlock, as_of: Date) -> Self {
        let columns = block.columns.iter();
        let readable = block.unreadable.iter().map(|(name, unreadable)| {
            let readable = unreadable
                .iter()
                .map(|unreadable| (!unreadable).then_some(true));
            (name.as_str(), readable.collect())
        });
        BlockColumns {
            rows: block.rows,
            columns: columns
                .map(|(name, column)| (name.as_str(), series_of(column)))
                .collect(),
            readable: readable.collect(),
            as_of,
        }
    }

    /// Returns the answer of an expression for each row.
    fn answers(&self, expression: &Expression) -> PolarsResult<Vec<Answer>> {
        let known = self.of_all_rows(self.condition(expression)?);
        let known = known.iter().map(|known| match known {
            Some(true) => Answer::Yes,
            Some(false) => Answer::No,
            None => Answer::Empty,
        });
        let Some(unreadable) = self.rests_on_unreadable(expression)? else {
            return Ok(known.collect());
        };
        let unreadable = self.of_all_rows(unreadable);
        let answers = known.zip(unreadable.iter());
        let answers = answers.map(|(answer, unreadable)| match (answer, unreadable) {
            (Answer::Empty, Some(true)) => Answer::Unreadable,
            (answer, _) => answer,
        });
        Ok(answers.collect())
    }

    /// Extends a condition that is the same for all rows.
    fn of_all_rows(&self, condition: BooleanChunked) -> BooleanChunked {
        match condition.len() {
            1 => condition.new_from_index(0, self.rows),
            _ => condition,
        }
    }

    /// Returns the condition: null where it rests on a cell that is empty or cannot be
    /// read.
    fn condition(&self, expression: &Expression) -> PolarsResult<BooleanChunked> {
        Ok(match expression {
            Expression::Constant(truth) => BooleanChunked::full(NO_NAME, *truth, 1),
            Expression::Column(name) => match self.columns.get(name.as_str()) {
                Some(column) => column.bool()?.clone(),
                None => BooleanChunked::full_null(NO_NAME, 1),
            },
            Expression::Not(expression) => !self.condition(expression)?,
            Expression::And(left, right) => self.condition(left)? & self.condition(right)?,
            Expression::Or(left, right) => self.condition(left)? | self.condition(right)?,
            Expression::IsUnknown(inner) => {
                self.if_readable(self.condition(inner)?.is_null(), expression)
            }
            Expression::IsNull(operand) => {
                self.if_readable(self.value(operand)?.is_null(), expression)
            }
            Expression::Compare {
                left,
                comparison,
                right,
            } => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                match comparison {
                    Comparison::Equal => left.equal(&right),
                    Comparison::NotEqual => left.not_equal(&right),
                    Comparison::Less => left.lt(&right),
                    Comparison::LessOrEqual => left.lt_eq(&right),
                    Comparison::Greater => left.gt(&right),
                    Comparison::GreaterOrEqual => left.gt_eq(&right),
                }?
            }
        })
    }

    fn value(&self, operand: &Operand) -> PolarsResult<Series> {
        let null = |data_type| Series::full_null(NO_NAME, 1, &data_type);
        Ok(match operand {
            Operand::Column { name, field_type } => match self.columns.get(name.as_str()) {
                Some(column) => column.clone(),
                None => null(match field_type {
                    FieldType::String => DataType::String,
                    FieldType::Integer | FieldType::Number => DataType::Float64,
                    FieldType::Boolean => DataType::Boolean,
                    FieldType::Date => DataType::Int32,
                }),
            },
            Operand::String(text) => Series::new(NO_NAME, [text.as_str()]),
            Operand::Number(number) => Series::new(NO_NAME, [*number]),
            Operand::Date(date) => Series::new(NO_NAME, [days_since_epoch(*date)]),
            // A date out of range makes the comparison unknown.
            Operand::AsOf { months, days } => match moved(self.as_of, *months, *days) {
                Some(date) => Series::new(NO_NAME, [days_since_epoch(date)]),
                None => null(DataType::Int32),
            },
            Operand::Arithmetic {
                left,
                subtract,
                right,
            } => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                match subtract {
                    true => (&left - &right)?,
                    false => (&left + &right)?,
                }
            }
        })
    }

    /// Makes `is_null` null where a column of `expression` cannot be read. There the
    /// column is null, and true AND null is null.
    fn if_readable(&self, is_null: BooleanChunked, expression: &Expression) -> BooleanChunked {
        let readable = self.readable_columns(expression);
        readable
            .into_iter()
            .fold(is_null, |all, readable| &all & readable)
    }

    /// Returns where an expression's columns with unreadable cells can be read.
    fn readable_columns(&self, expression: &Expression) -> Vec<&BooleanChunked> {
        let columns = expression.columns();
        let columns = columns
            .iter()
            .filter_map(|name| self.readable.get(name.as_str()));
        columns.collect()
    }

    /// Returns whether a condition that is null rests on a cell that cannot be read;
    /// `None` if its columns have no such cell in the block.
    ///
    /// Where it does, no other part decides the condition: neither side of an AND is
    /// false, neither side of an OR true.
    fn rests_on_unreadable(&self, expression: &Expression) -> PolarsResult<Option<BooleanChunked>> {
        let any = |one: BooleanChunked, other: BooleanChunked| one | other;
        Ok(match expression {
            Expression::Constant(_) => None,
            Expression::Not(inner) => self.rests_on_unreadable(inner)?,
            Expression::And(..) | Expression::Or(..) => {
                let mut parts = Vec::new();
                for part in parts_of(expression) {
                    parts.extend(self.rests_on_unreadable(part)?);
                }
                match parts.into_iter().reduce(any) {
                    Some(any) => Some(any & self.condition(expression)?.is_null()),
                    None => None,
                }
            }
            Expression::Column(_)
            | Expression::Compare { .. }
            | Expression::IsNull(_)
            | Expression::IsUnknown(_) => {
                let readable = self.readable_columns(expression).into_iter();
                readable.map(BooleanChunked::is_null).reduce(any)
            }
        })
    }
}

/// Returns the parts of a chain of ANDs or of ORs. Conditions of the whole chain are then
/// needed only once.
fn parts_of(chain: &Expression) -> Vec<&Expression> {
    let is_and = matches!(chain, Expression::And(..));
    let mut parts = Vec::new();
    let mut left = vec![chain];
    while let Some(expression) = left.pop() {
        match expression {
            Expression::And(one, other) if is_and => left.extend([&**one, &**other]),
            Expression::Or(one, other) if !is_and => left.extend([&**one, &**other]),
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use aidlink_policy::pack::WhenUnknown;
    use aidlink_policy::rule_language::{Scope, ScopeColumn, parse};
    use aidlink_policy::value::{FieldType, Value};

    const AS_OF: Date = Date::constant(2026, 9, 30);

    /// A cell of a test row.
    #[derive(Clone, Debug)]
    enum Cell {
        Value(Value),
        Empty,
        Unreadable,
    }

    /// The oracle: evaluates the same expression row by row, without polars. In an AND
    /// a no decides, then what cannot be read, then what is empty.
    fn evaluate_row(expression: &Expression, row: &dyn Fn(&str) -> Cell) -> Answer {
        let of_cell = |cell: Cell, of_value: &dyn Fn(Value) -> Option<bool>| match cell {
            Cell::Unreadable => Answer::Unreadable,
            Cell::Empty => Answer::Empty,
            Cell::Value(value) => of_value(value).map_or(Answer::Empty, answer),
        };
        let is_empty = |cell: Cell| match cell {
            Cell::Unreadable => Answer::Unreadable,
            Cell::Empty => Answer::Yes,
            Cell::Value(_) => Answer::No,
        };
        let is_true = |value: Value| match value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        };
        let first_of = |order: [Answer; 3], otherwise: Answer, sides: [Answer; 2]| {
            let mut order = order.into_iter();
            order.find(|one| sides.contains(one)).unwrap_or(otherwise)
        };
        let name_of = |expression: &Expression| expression.columns().into_iter().next();
        match expression {
            Expression::Constant(truth) => answer(*truth),
            Expression::Column(name) => of_cell(row(name), &is_true),
            Expression::Not(inner) => match evaluate_row(inner, row) {
                Answer::Yes => Answer::No,
                Answer::No => Answer::Yes,
                unknown => unknown,
            },
            Expression::And(left, right) => first_of(
                [Answer::No, Answer::Unreadable, Answer::Empty],
                Answer::Yes,
                [evaluate_row(left, row), evaluate_row(right, row)],
            ),
            Expression::Or(left, right) => first_of(
                [Answer::Yes, Answer::Unreadable, Answer::Empty],
                Answer::No,
                [evaluate_row(left, row), evaluate_row(right, row)],
            ),
            Expression::IsUnknown(_) | Expression::IsNull(_) => {
                is_empty(row(&name_of(expression).expect("a column")))
            }
            Expression::Compare {
                left,
                comparison,
                right,
            } => {
                let mut columns = expression.columns().into_iter();
                if columns.any(|name: String| matches!(row(&name), Cell::Unreadable)) {
                    return Answer::Unreadable;
                }
                let value = |name: &str| match row(name) {
                    Cell::Value(value) => Some(value),
                    _ => None,
                };
                let sides = evaluate_operand(left, &value).zip(evaluate_operand(right, &value));
                let order = sides.and_then(|(left, right)| match (&left, &right) {
                    (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
                    (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
                    (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
                    _ => None,
                });
                order.map_or(Answer::Empty, |order| {
                    answer(match comparison {
                        Comparison::Equal => order.is_eq(),
                        Comparison::NotEqual => order.is_ne(),
                        Comparison::Less => order.is_lt(),
                        Comparison::LessOrEqual => order.is_le(),
                        Comparison::Greater => order.is_gt(),
                        Comparison::GreaterOrEqual => order.is_ge(),
                    })
                })
            }
        }
    }

    fn answer(truth: bool) -> Answer {
        if truth { Answer::Yes } else { Answer::No }
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
            values: Default::default(),
        }
    }

    const COLUMNS: [(&str, FieldType); 5] = [
        ("kind", FieldType::String),
        ("grade", FieldType::Integer),
        ("loss", FieldType::Number),
        ("sealed", FieldType::Boolean),
        ("started_on", FieldType::Date),
    ];

    /// A cell for each of [`COLUMNS`].
    type Row = [Cell; 5];

    fn block_of(rows: &[Row]) -> RowBlock {
        let mut block = RowBlock {
            rows: rows.len(),
            ..RowBlock::default()
        };
        for (index, (name, field_type)) in COLUMNS.into_iter().enumerate() {
            let mut column = Column::new(field_type);
            for row in rows {
                column.push(match &row[index] {
                    Cell::Value(value) => Some(value.clone()),
                    Cell::Empty | Cell::Unreadable => None,
                });
            }
            block.columns.insert(name.to_owned(), column);
            let unreadable = rows
                .iter()
                .map(|row| matches!(row[index], Cell::Unreadable));
            let unreadable: Vec<bool> = unreadable.collect();
            if unreadable.contains(&true) {
                block.unreadable.insert(name.to_owned(), unreadable);
            }
        }
        block
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let cell = |value: BoxedStrategy<Value>| {
            prop_oneof![
                3 => value.prop_map(Cell::Value),
                1 => Just(Cell::Empty),
                1 => Just(Cell::Unreadable),
            ]
        };
        let kind = prop::sample::select(vec!["dibao", "tekun"]);
        let loss = prop::sample::select(vec![0.0, 29_999.99, 30_000.0, 50_000.0]);
        let started_on = (0_i32..2000)
            .prop_map(|days| moved(Date::constant(2022, 1, 1), 0, days).expect("a date in range"));
        let row = (
            cell(kind.prop_map(|kind| Value::String(kind.into())).boxed()),
            cell((0_i64..6).prop_map(Value::Integer).boxed()),
            cell(loss.prop_map(Value::Number).boxed()),
            cell(any::<bool>().prop_map(Value::Boolean).boxed()),
            cell(started_on.prop_map(Value::Date).boxed()),
        );
        let row = row.prop_map(|(kind, grade, loss, sealed, started_on)| {
            [kind, grade, loss, sealed, started_on]
        });
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
            for (row, found) in rows.iter().zip(&outcomes[0]) {
                let expected = evaluate_row(&expression, &|name| {
                    let place = COLUMNS.iter().position(|(column, _)| *column == name);
                    place.map_or(Cell::Empty, |place| row[place].clone())
                });
                prop_assert_eq!(*found, expected, "{} on {:?}", text, row);
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
        let mut row = [const { Cell::Empty }; 5];
        row[3] = Cell::Value(Value::Boolean(true));
        let block = block_of(&[row]);
        assert_eq!(
            evaluate(&[("rule", &expression)], &block, AS_OF),
            Ok(vec![vec![Answer::Yes]])
        );
    }

    #[test]
    fn a_missing_column_is_unknown() {
        let expression = parse("grade <= 2 OR sealed", &scope()).expect("valid");
        let block = RowBlock {
            rows: 2,
            ..RowBlock::default()
        };
        assert_eq!(
            evaluate(&[("rule", &expression)], &block, AS_OF),
            Ok(vec![vec![Answer::Empty; 2]])
        );
    }

    #[test]
    fn what_cannot_be_read_is_never_no() {
        let rule = |text: &str| parse(text, &scope()).expect("valid");
        let value = |value: Value| Cell::Value(value);
        let dibao = || value(Value::String("dibao".into()));
        let tekun = || value(Value::String("tekun".into()));
        use Cell::{Empty, Unreadable};
        // kind and loss, and the outcomes with `unknown` "no", "review" and "yes".
        for (text, kind, loss, outcomes) in [
            ("loss >= 1", dibao(), Unreadable, "unknown unknown yes"),
            ("loss >= 1", dibao(), Empty, "no unknown yes"),
            ("loss IS NULL", dibao(), Unreadable, "unknown unknown yes"),
            (
                "loss IS NOT NULL",
                dibao(),
                Unreadable,
                "unknown unknown yes",
            ),
            (
                "loss IS NOT NULL AND loss >= 1",
                dibao(),
                Unreadable,
                "unknown unknown yes",
            ),
            ("loss IS NOT NULL AND loss >= 1", dibao(), Empty, "no no no"),
            (
                "kind = 'dibao' AND loss >= 1",
                tekun(),
                Unreadable,
                "no no no",
            ),
            (
                "kind = 'dibao' OR loss >= 1",
                dibao(),
                Unreadable,
                "yes yes yes",
            ),
            (
                "kind = 'dibao' AND loss >= 1",
                Empty,
                Unreadable,
                "unknown unknown yes",
            ),
            (
                "kind = 'dibao' OR loss >= 1",
                Empty,
                Unreadable,
                "unknown unknown yes",
            ),
            (
                "NOT (loss - grade >= 1)",
                dibao(),
                Unreadable,
                "unknown unknown yes",
            ),
            (
                "kind IN ('dibao')",
                Unreadable,
                Empty,
                "unknown unknown yes",
            ),
            (
                "(kind = 'dibao' AND loss >= 1) OR grade = 1",
                tekun(),
                Unreadable,
                "no unknown yes",
            ),
        ] {
            let row = [kind, Empty, loss, Empty, Empty];
            let answers = evaluate(
                &[("rule", &rule(text))],
                &block_of(std::slice::from_ref(&row)),
                AS_OF,
            );
            let answer = answers.expect("valid")[0][0];
            let found: Vec<&str> = [WhenUnknown::No, WhenUnknown::Review, WhenUnknown::Yes]
                .into_iter()
                .map(|when_unknown| when_unknown.outcome(answer).name())
                .collect();
            assert_eq!(found.join(" "), outcomes, "{text} on {row:?}");
        }
    }
}
