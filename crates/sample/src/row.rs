//! Rows of exports before they are written.

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
    pub(super) values: Vec<(&'static str, String)>,
}

impl Row {
    pub(super) fn new(id: &str, values: &[(&'static str, &str)]) -> Self {
        Row {
            id: id.to_owned(),
            planted: false,
            damaged: false,
            values: values
                .iter()
                .map(|(field, value)| (*field, (*value).to_owned()))
                .collect(),
        }
    }

    pub(super) fn value(&self, field: &str) -> &str {
        self.values
            .iter()
            .rev()
            .find(|(name, _)| *name == field)
            .map_or("", |(_, value)| value)
    }

    pub(super) fn planted(mut self) -> Self {
        self.planted = true;
        self
    }

    pub(super) fn with(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.values.push((field, value.into()));
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
