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

fn at_least_one<'de, D>(deserializer: D) -> Result<Vec<CaseEvidence>, D::Error>
where
    D: Deserializer<'de>,
{
    let cases = Vec::deserialize(deserializer)?;
    match cases.is_empty() {
        true => Err(D::Error::custom("a lead must have at least one case row")),
        false => Ok(cases),
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
}

impl Provisional {
    /// Returns the export concerned.
    pub fn export(&self) -> &str {
        match self {
            Provisional::RejectRate { export, .. } | Provisional::Stale { export } => export,
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
        }
    }
}
