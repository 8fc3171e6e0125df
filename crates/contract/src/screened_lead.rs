//! Screened leads: what the centre tells the procuratorate. References only, no token.

use aidlink_faults::text::Text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// One case row that led to a lead, and the outcomes that did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEvidence {
    /// The index of the row in the case table.
    pub reference: usize,
    /// Rules that were yes: those the aid's `qualifies` names, and every
    /// exclusion and priority rule.
    pub yes: Vec<String>,
    /// Rules of the same set that were unknown, so that a person must look.
    pub unknown: Vec<String>,
    /// The case row qualifies only if an unknown outcome turns out as yes.
    pub needs_review: bool,
}

/// A lead: one person who appears to qualify for one aid and was not referred
/// to it, with every case row that says so. The fields are in the order of the
/// file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenedLead {
    /// The aid's id in the policy.
    pub aid: String,
    /// Whether the person already receives the aid could not be verified: the
    /// export is absent or stale, or the row that would tell is incomplete.
    pub receipt_not_verified: bool,
    /// Whether the person was referred before could not be verified.
    pub referral_not_verified: bool,
    /// The case rows, in the order of their references; never empty.
    #[serde(deserialize_with = "at_least_one")]
    pub cases: Vec<CaseEvidence>,
}

fn at_least_one<'de, D>(deserializer: D) -> Result<Vec<CaseEvidence>, D::Error>
where
    D: Deserializer<'de>,
{
    let cases = Vec::deserialize(deserializer)?;
    match cases.is_empty() {
        true => Err(D::Error::custom("a lead without a case row")),
        false => Ok(cases),
    }
}

/// Why an export cannot verify who receives an aid or was referred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotVerified {
    /// It is not there.
    Absent,
    /// Its snapshot is too old.
    Stale,
}

/// Why the lists of a round are provisional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum Provisional {
    /// An export's share of rejected rows is above the threshold.
    RejectRate {
        /// The export.
        export: String,
        /// The share, 0 to 1.
        rate: f64,
    },
    /// An export's snapshot is older than the threshold.
    Stale {
        /// The export.
        export: String,
    },
}

impl Provisional {
    /// The export that it concerns.
    pub fn export(&self) -> &str {
        match self {
            Provisional::RejectRate { export, .. } | Provisional::Stale { export } => export,
        }
    }

    /// The sentence in a list's heading and on the terminal.
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
