//! Screened leads, which the centre reports to the procuratorate. They hold
//! references to case rows, never tokens.

use aidlink_faults::text::Text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::grade::Grade;
use crate::outcome::Outcome;

/// One case row that led to a lead, with the outcomes that support it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEvidence {
    /// The index of the row in the case table.
    pub reference: usize,
    /// Ids of the rules with outcome yes, among the rules that the aid's
    /// `requires` and `qualifies` name and all exclusion and priority rules.
    pub yes: Vec<String>,
    /// Ids of the rules in the same set with outcome indicated; a person must
    /// check them.
    pub indicated: Vec<String>,
    /// Ids of the rules in the same set with outcome unknown; a person must
    /// check them. If the grade is established, only exclusion and priority rules.
    pub unknown: Vec<String>,
    /// How sure the lead is by this case row.
    pub grade: Grade,
}

/// A lead: one person who appears to qualify for one aid and was not referred
/// to it, with every case row that qualifies. The fields are in the order in
/// which the file lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenedLead {
    /// The aid's id in the policy.
    pub aid: String,
    /// Whether the person already receives the aid could not be verified: the
    /// export is absent or stale, or the decisive row is incomplete.
    pub receipt_not_verified: bool,
    /// Whether the person was referred before could not be verified.
    pub referral_not_verified: bool,
    /// The case rows, in the order of their references; never empty.
    #[serde(deserialize_with = "at_least_one")]
    pub cases: Vec<CaseEvidence>,
}

impl CaseEvidence {
    /// Returns the ids of the rules with this outcome; of rules that are no there are
    /// none.
    pub fn rules(&self, outcome: Outcome) -> &[String] {
        match outcome {
            Outcome::No => &[],
            Outcome::Unknown => &self.unknown,
            Outcome::Indicated => &self.indicated,
            Outcome::Yes => &self.yes,
        }
    }
}

impl ScreenedLead {
    /// Returns the lead's grade: the best of its case rows.
    pub fn grade(&self) -> Grade {
        let grades = self.cases.iter().map(|case| case.grade);
        grades.max().unwrap_or(Grade::ToBeClarified)
    }
}

/// A person without a lead of whom neither side of some aid is known, so that nothing
/// could be judged. The fields are in the order in which the file lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotJudged {
    /// Ids of the aids that could not be judged, in the policy's order; never empty.
    #[serde(deserialize_with = "at_least_one")]
    pub aids: Vec<String>,
    /// The case rows that could not be judged, in the order of their references; never
    /// empty.
    #[serde(deserialize_with = "at_least_one")]
    pub cases: Vec<CaseNotJudged>,
}

/// A case row by which an aid could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseNotJudged {
    /// The index of the row in the case table.
    pub reference: usize,
    /// Ids of the rules with outcome unknown, among those that `requires` and `qualifies`
    /// of the aids name.
    pub unknown: Vec<String>,
}

/// That a person whom the procuratorate referred to an aid receives it. It says nothing else of
/// the person: neither grade nor any other rule. The fields are in the order in which the file
/// lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedAid {
    /// The aid's id in the policy.
    pub aid: String,
    /// The index of the person's first row in the case table by which this is so.
    pub reference: usize,
    /// The id of the rule that says so: what is received may be another aid that takes the place
    /// of this one. Its export is the register that shows it.
    pub rule: String,
}

fn at_least_one<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items = Vec::deserialize(deserializer)?;
    match items.is_empty() {
        true => Err(D::Error::custom("expected at least one item")),
        false => Ok(items),
    }
}

/// Why an export cannot verify who receives an aid or was referred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotVerified {
    /// The export is absent.
    Absent,
    /// Its snapshot is too old.
    Stale,
    /// The round file leaves it out for a stated reason (`not_joined`).
    NotJoined,
}

/// Why the lists of a round are provisional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum Provisional {
    /// An export's reject rate is above the threshold.
    RejectRate {
        /// The export.
        export: String,
        /// The share of rejected rows, 0 to 1.
        rate: f64,
    },
    /// An export's snapshot is older than the threshold.
    Stale {
        /// The export.
        export: String,
    },
    /// An export that the policy needs did not come, and the round file does not say
    /// that it is not joined.
    Absent {
        /// The export.
        export: String,
    },
}

impl Provisional {
    /// Returns the export concerned.
    pub fn export(&self) -> &str {
        match self {
            Provisional::RejectRate { export, .. }
            | Provisional::Stale { export }
            | Provisional::Absent { export } => export,
        }
    }

    /// Returns the sentence shown in a list's header and on the terminal.
    pub fn text(&self) -> Text {
        match self {
            Provisional::RejectRate { export, rate } => Text::new(
                format!("{export} 拒收率{:.1}%超过阈值", rate * 100.0),
                format!(
                    "{export}: {:.1} % of rows rejected, above the threshold",
                    rate * 100.0
                ),
            ),
            Provisional::Stale { export } => Text::new(
                format!("{export} 数据过旧"),
                format!("{export}: the snapshot is too old"),
            ),
            Provisional::Absent { export } => {
                Text::new(format!("{export} 缺失"), format!("{export}: missing"))
            }
        }
    }
}
