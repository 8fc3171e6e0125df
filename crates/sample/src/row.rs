//! Rows of exports before they are written.

use std::ops::Range;

/// A row of an export before it is written: field names and canonical values. The ID
/// number is separate, because it is written with its own dirt.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) id: String,
    /// Whether the row is of a planted person. Such rows are never damaged at random, so
    /// that the truth about them holds.
    pub(super) planted: bool,
    /// Whether the ID number will be damaged beyond repair.
    pub(super) damaged: bool,
    /// The texts of all values, one after another: there are millions of rows.
    text: String,
    /// The fields, each with the place of its value.
    values: Vec<(&'static str, Range<usize>)>,
}

impl Row {
    pub(super) fn new(id: &str, values: &[(&'static str, &str)]) -> Self {
        let mut row = Row {
            id: id.to_owned(),
            ..Row::default()
        };
        // Rows of registers get two more values.
        row.values.reserve(values.len() + 2);
        values
            .iter()
            .fold(row, |row, (field, value)| row.with(field, value))
    }

    /// Returns the value of a field, the last one if it was set several times; empty if it was
    /// not.
    pub(super) fn value(&self, field: &str) -> &str {
        let mut values = self.values.iter().rev();
        let value = values.find(|(name, _)| *name == field);
        let value = value.and_then(|(_, place)| self.text.get(place.clone()));
        value.unwrap_or_default()
    }

    /// Whether no value has other characters than those of ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    pub(super) fn planted(mut self) -> Self {
        self.planted = true;
        self
    }

    /// Sets a field.
    pub(super) fn with(mut self, field: &'static str, value: impl AsRef<str>) -> Self {
        let start = self.text.len();
        self.text.push_str(value.as_ref());
        self.values.push((field, start..self.text.len()));
        self
    }
}

/// The rows of planted people, by export.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) case_parties: Vec<Row>,
    pub(super) referrals: Vec<Row>,
    pub(super) assistance: Vec<Row>,
    pub(super) students: Vec<Row>,
    pub(super) disabled: Vec<Row>,
    pub(super) veterans: Vec<Row>,
}
