//! Typed values of export columns, and blocks of rows held column by column.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

/// The type of a field, as Frictionless Table Schema names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Text or a code of a code list.
    String,
    /// A whole number.
    Integer,
    /// A decimal number.
    Number,
    /// True or false.
    Boolean,
    /// A calendar date.
    Date,
}

impl FieldType {
    /// Returns the name in Frictionless Table Schema.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::String => "string",
            FieldType::Integer => "integer",
            FieldType::Number => "number",
            FieldType::Boolean => "boolean",
            FieldType::Date => "date",
        }
    }

    /// Returns the type with this name in Frictionless Table Schema.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            FieldType::String,
            FieldType::Integer,
            FieldType::Number,
            FieldType::Boolean,
            FieldType::Date,
        ]
        .into_iter()
        .find(|field_type| field_type.name() == name)
    }
}

/// One value of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text or a code.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A calendar date.
    Date(Date),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::String(text) => f.write_str(text),
            Value::Integer(number) => number.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Boolean(truth) => truth.fmt(f),
            Value::Date(day) => day.fmt(f),
        }
    }
}

/// A column of values; `None` is an empty cell, or one that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Texts or codes.
    String(Vec<Option<String>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Decimal numbers.
    Number(Vec<Option<f64>>),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Calendar dates.
    Date(Vec<Option<Date>>),
}

impl Column {
    /// Creates an empty column of a type.
    pub fn new(field_type: FieldType) -> Self {
        match field_type {
            FieldType::String => Column::String(Vec::new()),
            FieldType::Integer => Column::Integer(Vec::new()),
            FieldType::Number => Column::Number(Vec::new()),
            FieldType::Boolean => Column::Boolean(Vec::new()),
            FieldType::Date => Column::Date(Vec::new()),
        }
    }

    /// Creates a column that has the same value in every row.
    pub fn filled(value: &Value, rows: usize) -> Self {
        match value {
            Value::String(text) => Column::String(vec![Some(text.clone()); rows]),
            Value::Integer(number) => Column::Integer(vec![Some(*number); rows]),
            Value::Number(number) => Column::Number(vec![Some(*number); rows]),
            Value::Boolean(truth) => Column::Boolean(vec![Some(*truth); rows]),
            Value::Date(day) => Column::Date(vec![Some(*day); rows]),
        }
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Column::String(values) => values.len(),
            Column::Integer(values) => values.len(),
            Column::Number(values) => values.len(),
            Column::Boolean(values) => values.len(),
            Column::Date(values) => values.len(),
        }
    }

    /// Returns whether the column has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a value. If its type differs from the column's, appends an empty
    /// cell, so that later rows do not shift, and returns `false`.
    pub fn push(&mut self, value: Option<Value>) -> bool {
        match (self, value) {
            (Column::String(values), Some(Value::String(value))) => values.push(Some(value)),
            (Column::Integer(values), Some(Value::Integer(value))) => values.push(Some(value)),
            (Column::Number(values), Some(Value::Number(value))) => values.push(Some(value)),
            (Column::Boolean(values), Some(Value::Boolean(value))) => values.push(Some(value)),
            (Column::Date(values), Some(Value::Date(value))) => values.push(Some(value)),
            (column, value) => {
                match column {
                    Column::String(values) => values.push(None),
                    Column::Integer(values) => values.push(None),
                    Column::Number(values) => values.push(None),
                    Column::Boolean(values) => values.push(None),
                    Column::Date(values) => values.push(None),
                }
                return value.is_none();
            }
        }
        true
    }
}

impl Column {
    /// Returns the value of a row; `None` also if there is no such row.
    pub fn value(&self, row: usize) -> Option<Value> {
        match self {
            Column::String(values) => values.get(row)?.clone().map(Value::String),
            Column::Integer(values) => (*values.get(row)?).map(Value::Integer),
            Column::Number(values) => (*values.get(row)?).map(Value::Number),
            Column::Boolean(values) => (*values.get(row)?).map(Value::Boolean),
            Column::Date(values) => (*values.get(row)?).map(Value::Date),
        }
    }
}

/// Rows held column by column; every column has `rows` values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowBlock {
    /// Number of rows.
    pub rows: usize,
    /// The columns by name.
    pub columns: BTreeMap<String, Column>,
    /// The columns with cells that cannot be read, by name: for each row, whether its
    /// cell is one of them.
    pub unreadable: BTreeMap<String, Vec<bool>>,
}

impl RowBlock {
    /// Appends a copy of a row with another value in one column.
    pub fn push_copy(&mut self, row: usize, column: &str, value: &Value) {
        for (name, values) in &mut self.columns {
            let copied = if name == column {
                Some(value.clone())
            } else {
                values.value(row)
            };
            values.push(copied);
        }
        for unreadable in self.unreadable.values_mut() {
            let copied = unreadable.get(row).copied().unwrap_or_default();
            unreadable.push(copied);
        }
        self.rows += 1;
    }
}
