//! How sure a lead is.

use serde::{Deserialize, Serialize};

use aidlink_faults::text::Text;

use crate::outcome::Outcome;

/// How sure a lead is. The order of the variants matters: of several case rows the
/// best grade counts, which is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// At least one side has evidence, and nothing speaks against the other; a
    /// person must clarify what is not known.
    ToBeClarified,
    /// Both sides are established.
    Established,
}

/// What the two sides of an aid give for one case row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// One side does not hold.
    NoLead,
    /// Neither side holds or is excluded: nothing is known.
    NotJudged,
    /// A lead of this grade.
    Lead(Grade),
}

impl Judgement {
    /// Judges an aid by the outcomes of `requires` (the other system's side) and
    /// `qualifies` (the aid's own evidence).
    pub fn of(requires: Outcome, qualifies: Outcome) -> Self {
        match requires.and(qualifies) {
            Outcome::No => Judgement::NoLead,
            Outcome::Yes => Judgement::Lead(Grade::Established),
            _ if requires.or(qualifies) >= Outcome::Indicated => {
                Judgement::Lead(Grade::ToBeClarified)
            }
            _ => Judgement::NotJudged,
        }
    }

    /// Returns the grade, if this is a lead.
    pub fn grade(self) -> Option<Grade> {
        match self {
            Judgement::Lead(grade) => Some(grade),
            Judgement::NoLead | Judgement::NotJudged => None,
        }
    }
}

impl Grade {
    /// Both grades, the surer one first.
    pub const ALL: [Grade; 2] = [Grade::Established, Grade::ToBeClarified];

    /// Returns the word in files.
    pub fn name(self) -> &'static str {
        match self {
            Grade::ToBeClarified => "to_be_clarified",
            Grade::Established => "established",
        }
    }

    /// Returns the word on lists.
    pub fn title(self) -> Text {
        match self {
            Grade::ToBeClarified => Text::new("待核实", "to be clarified"),
            Grade::Established => Text::new("已有依据", "established"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Indicated, No, Unknown, Yes};

    #[test]
    fn two_sides_give_the_grade_of_the_table() {
        let established = Judgement::Lead(Grade::Established);
        let to_be_clarified = Judgement::Lead(Grade::ToBeClarified);
        for (requires, qualifies, expected) in [
            (No, No, Judgement::NoLead),
            (No, Unknown, Judgement::NoLead),
            (No, Indicated, Judgement::NoLead),
            (No, Yes, Judgement::NoLead),
            (Unknown, Unknown, Judgement::NotJudged),
            (Unknown, Indicated, to_be_clarified),
            (Unknown, Yes, to_be_clarified),
            (Indicated, Indicated, to_be_clarified),
            (Indicated, Yes, to_be_clarified),
            (Yes, Yes, established),
        ] {
            assert_eq!(Judgement::of(requires, qualifies), expected);
            assert_eq!(Judgement::of(qualifies, requires), expected);
        }
    }

    #[test]
    fn better_evidence_never_takes_a_lead_away() {
        for requires in Outcome::ALL {
            for qualifies in Outcome::ALL {
                for better in Outcome::ALL
                    .into_iter()
                    .filter(|better| *better >= qualifies)
                {
                    assert!(
                        Judgement::of(requires, better).grade()
                            >= Judgement::of(requires, qualifies).grade()
                    );
                }
            }
        }
    }
}
