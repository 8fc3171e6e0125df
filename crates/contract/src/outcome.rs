//! The outcome of a rule: yes, no, or unknown.

/// The outcome of a rule for one row or one person.
///
/// The order of the variants matters: the outcomes of a person's rows are
/// combined by OR, which is the maximum in Kleene's order no < unknown < yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The condition does not hold.
    No,
    /// A column that the condition depends on is empty or unreadable.
    Unknown,
    /// The condition holds.
    Yes,
}

impl Outcome {
    /// Combines two outcomes by OR in Kleene's three-valued logic.
    pub fn or(self, other: Outcome) -> Outcome {
        self.max(other)
    }

    /// Combines two outcomes by AND in Kleene's three-valued logic.
    pub fn and(self, other: Outcome) -> Outcome {
        self.min(other)
    }

    /// Converts to a nullable Boolean; `None` means unknown.
    pub fn to_option(self) -> Option<bool> {
        match self {
            Outcome::No => Some(false),
            Outcome::Unknown => None,
            Outcome::Yes => Some(true),
        }
    }

    /// Converts from a nullable Boolean; `None` means unknown.
    pub fn from_option(value: Option<bool>) -> Outcome {
        match value {
            Some(false) => Outcome::No,
            None => Outcome::Unknown,
            Some(true) => Outcome::Yes,
        }
    }

    /// Returns the word that policy cases and reports use.
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
