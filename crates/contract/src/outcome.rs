//! The outcome of a rule: yes, no, or unknown.

/// What a rule says of one row, or of one person.
///
/// The order matters: outcomes of several rows of one person are joined by OR,
/// which is the maximum of Kleene's order no < unknown < yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The condition does not hold.
    No,
    /// A column that decides it is empty or unreadable.
    Unknown,
    /// The condition holds.
    Yes,
}

impl Outcome {
    /// OR in Kleene's three-valued logic.
    pub fn or(self, other: Outcome) -> Outcome {
        self.max(other)
    }

    /// AND in Kleene's three-valued logic.
    pub fn and(self, other: Outcome) -> Outcome {
        self.min(other)
    }

    /// As a nullable Boolean, null being unknown.
    pub fn to_option(self) -> Option<bool> {
        match self {
            Outcome::No => Some(false),
            Outcome::Unknown => None,
            Outcome::Yes => Some(true),
        }
    }

    /// From a nullable Boolean, null being unknown.
    pub fn from_option(value: Option<bool>) -> Outcome {
        match value {
            Some(false) => Outcome::No,
            None => Outcome::Unknown,
            Some(true) => Outcome::Yes,
        }
    }

    /// The word that policy cases and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::No => "no",
            Outcome::Unknown => "unknown",
            Outcome::Yes => "yes",
        }
    }
}

impl std::ops::Not for Outcome {
    type Output = Outcome;

    fn not(self) -> Outcome {
        match self {
            Outcome::No => Outcome::Yes,
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Yes => Outcome::No,
        }
    }
}
