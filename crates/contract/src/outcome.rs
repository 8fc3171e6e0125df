//! The outcome of a rule: no, unknown, indicated, or yes.

/// The outcome of a rule for one row or one person.
///
/// The order of the variants matters: no < unknown < indicated < yes. OR is the
/// maximum and AND the minimum, so the outcomes of a person's rows are combined by
/// the maximum. Without *indicated* this is Kleene's three-valued logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The condition does not hold.
    No = 0,
    /// A column that the condition depends on is empty, missing or unreadable.
    Unknown = 1,
    /// The fact on which the rule turns holds, and the rest is unknown; or the
    /// condition holds, but the rule may only be reviewed (`at_most = "review"`).
    Indicated = 2,
    /// The condition holds.
    Yes = 3,
}

impl Outcome {
    /// All outcomes in their order.
    pub const ALL: [Outcome; 4] = [
        Outcome::No,
        Outcome::Unknown,
        Outcome::Indicated,
        Outcome::Yes,
    ];

    /// Combines two outcomes by OR: the greater one.
    pub fn or(self, other: Outcome) -> Outcome {
        self.max(other)
    }

    /// Combines two outcomes by AND: the lesser one.
    pub fn and(self, other: Outcome) -> Outcome {
        self.min(other)
    }

    /// Converts from a nullable Boolean; `None` means unknown.
    pub fn from_option(value: Option<bool>) -> Outcome {
        match value {
            Some(false) => Outcome::No,
            None => Outcome::Unknown,
            Some(true) => Outcome::Yes,
        }
    }

    /// Returns the number that stands for the outcome in a token file, 0 to 3.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the outcome with this number, if there is one.
    pub fn of_code(code: u8) -> Option<Outcome> {
        Outcome::ALL.get(usize::from(code)).copied()
    }

    /// Returns whether the condition is neither known to hold nor known not to hold.
    pub fn is_open(self) -> bool {
        matches!(self, Outcome::Unknown | Outcome::Indicated)
    }

    /// Returns the word that policy cases and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::No => "no",
            Outcome::Unknown => "unknown",
            Outcome::Indicated => "indicated",
            Outcome::Yes => "yes",
        }
    }
}

/// Turns yes and no about. An outcome that is open stays unknown: a fact that is only
/// indicated is no evidence for the opposite.
impl std::ops::Not for Outcome {
    type Output = Outcome;

    fn not(self) -> Outcome {
        match self {
            Outcome::No => Outcome::Yes,
            Outcome::Unknown | Outcome::Indicated => Outcome::Unknown,
            Outcome::Yes => Outcome::No,
        }
    }
}
