//! The syntax tree of a checked expression, and the columns that it may name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::period::Period;
use crate::value::FieldType;

/// Derived column: the age in whole years at the as-of date.
pub const DERIVED_AGE: &str = "age";
/// Derived column: whether the person is under 18 at the as-of date
/// (Law on the Protection of Minors, article 2).
pub const DERIVED_MINOR: &str = "minor";
/// Derived column: the sex encoded in the ID number (GB 11643).
pub const DERIVED_SEX: &str = "sex";
/// Derived column: the round's as-of date.
pub const DERIVED_AS_OF: &str = "as_of";

/// A column that an expression may name.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Its code list, if it has one. Texts compared with the column must be in
    /// the list.
    pub codes: Option<BTreeSet<String>>,
}

/// A named value that an expression may use in place of a written one.
#[derive(Clone, Debug, PartialEq)]
pub enum NamedValue {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A date.
    Date(Date),
    /// A period, to be added to or subtracted from a date.
    Period(Period),
    /// Values for IN. None of them is a period or a list.
    List(Vec<NamedValue>),
}

/// The names that an expression may use.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The columns.
    pub columns: Vec<ScopeColumn>,
    /// The named values. No column has the name of one.
    pub values: BTreeMap<String, NamedValue>,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value of an expression: a column, a literal, or arithmetic on them.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A column of the row.
    Column {
        /// Its name.
        name: String,
        /// Its type.
        field_type: FieldType,
    },
    /// A text.
    String(String),
    /// A number, whole or decimal.
    Number(f64),
    /// A date.
    Date(Date),
    /// The round's as-of date, shifted by months and days.
    AsOf {
        /// Months added (negative: subtracted), applied first.
        months: i32,
        /// Days added (negative: subtracted).
        days: i32,
    },
    /// The sum or difference of two numbers.
    Arithmetic {
        /// The left number.
        left: Box<Operand>,
        /// Whether the right number is subtracted.
        subtract: bool,
        /// The right number.
        right: Box<Operand>,
    },
}

/// A condition, checked for names and types.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// TRUE or FALSE.
    Constant(bool),
    /// A Boolean column.
    Column(String),
    /// Negation; unknown stays unknown.
    Not(Box<Expression>),
    /// True if both sides are true.
    And(Box<Expression>, Box<Expression>),
    /// True if at least one side is true.
    Or(Box<Expression>, Box<Expression>),
    /// A comparison; unknown when a side is empty or cannot be read.
    Compare {
        /// Left side.
        left: Operand,
        /// The operator.
        comparison: Comparison,
        /// Right side.
        right: Operand,
    },
    /// Whether a column is empty; unknown only when its cell cannot be read.
    IsNull(Operand),
    /// Whether a Boolean column is empty; unknown only when its cell cannot be read.
    IsUnknown(Box<Expression>),
}

impl Operand {
    /// Returns the type of the operand's value.
    pub fn field_type(&self) -> FieldType {
        match self {
            Operand::Column { field_type, .. } => *field_type,
            Operand::String(_) => FieldType::String,
            Operand::Number(_) | Operand::Arithmetic { .. } => FieldType::Number,
            Operand::Date(_) | Operand::AsOf { .. } => FieldType::Date,
        }
    }

    /// Returns the sum of the numbers that are written in the operand, each with its sign.
    /// It is not finite if the sum, or one inside it, exceeds all numbers.
    pub(super) fn literal_sum(&self) -> f64 {
        match self {
            Operand::Number(number) => *number,
            Operand::Arithmetic {
                left,
                subtract,
                right,
            } => match subtract {
                true => left.literal_sum() - right.literal_sum(),
                false => left.literal_sum() + right.literal_sum(),
            },
            Operand::Column { .. }
            | Operand::String(_)
            | Operand::Date(_)
            | Operand::AsOf { .. } => 0.0,
        }
    }

    fn collect_columns(&self, names: &mut BTreeSet<String>) {
        match self {
            Operand::Column { name, .. } => {
                names.insert(name.clone());
            }
            Operand::Arithmetic { left, right, .. } => {
                left.collect_columns(names);
                right.collect_columns(names);
            }
            Operand::String(_) | Operand::Number(_) | Operand::Date(_) | Operand::AsOf { .. } => {}
        }
    }
}

impl Expression {
    /// Returns the names of the columns that the expression reads.
    pub fn columns(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.collect_columns(&mut names);
        names
    }

    fn collect_columns(&self, names: &mut BTreeSet<String>) {
        match self {
            Expression::Constant(_) => {}
            Expression::Column(name) => {
                names.insert(name.clone());
            }
            Expression::Not(inner) | Expression::IsUnknown(inner) => inner.collect_columns(names),
            Expression::And(left, right) | Expression::Or(left, right) => {
                left.collect_columns(names);
                right.collect_columns(names);
            }
            Expression::Compare { left, right, .. } => {
                left.collect_columns(names);
                right.collect_columns(names);
            }
            Expression::IsNull(operand) => operand.collect_columns(names),
        }
    }
}

/// Shifts a date by months (clamping to the last day of the month) and then by
/// days; `None` if the result is out of range.
pub fn moved(date: Date, months: i32, days: i32) -> Option<Date> {
    let span = |value: i32, unit: fn(jiff::Span, i64) -> Result<jiff::Span, jiff::Error>| {
        unit(jiff::Span::new(), i64::from(value)).ok()
    };
    date.checked_add(span(months, |span, value| span.try_months(value))?)
        .ok()?
        .checked_add(span(days, |span, value| span.try_days(value))?)
        .ok()
}
