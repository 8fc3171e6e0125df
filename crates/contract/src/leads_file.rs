//! The file of screened leads: what the centre sends to the procuratorate.
//! JSON; it holds references to case rows and names of rules, and no token.
//! docs/formats.md is the reference.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::screened_lead::{CaseEvidence, NotVerified, Provisional, ScreenedLead};
use crate::token::TokenAlgorithm;
use crate::token_file::{SourceFile, sources_from_json, sources_to_json};
use aidlink_faults::text::Text;

/// What the file's `format` says.
pub const FORMAT: &str = "aidlink screened leads";
/// The version of the format.
pub const VERSION: u64 = 1;

/// The screened leads of one screening.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadsFile {
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the policy, hexadecimal.
    pub policy_digest: String,
    /// The id of the key that made the tokens.
    pub key_id: String,
    /// How tokens were made.
    pub algorithm: TokenAlgorithm,
    /// Tells screenings of one round apart: BLAKE3 over the digests of the
    /// token files that were screened.
    pub screening: String,
    /// The files that the case parties were read from: references hold for
    /// these and no others.
    pub case_sources: Vec<SourceFile>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// Why the lists are provisional.
    pub provisional: Vec<Provisional>,
    /// The leads in token order.
    pub leads: Vec<ScreenedLead>,
}

/// Why a file of screened leads was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadsFileFault {
    /// It is not a file of screened leads of this version, or is damaged.
    Unreadable,
    /// It is of another round, policy, key or algorithm.
    Differs {
        /// What differs.
        what: Text,
    },
}

impl LeadsFileFault {
    /// The sentence for a user.
    pub fn text(&self) -> Text {
        match self {
            LeadsFileFault::Unreadable => Text::new(
                "这不是本版本的筛查线索文件，或已损坏",
                "this is no file of screened leads of this version, or it is damaged",
            ),
            LeadsFileFault::Differs { what } => Text::new(
                format!("线索文件的{}与本轮不同", what.zh),
                format!(
                    "the screened leads are of another {} than this round",
                    what.en
                ),
            ),
        }
    }
}

impl LeadsFile {
    /// As a file's content, the same for the same screening.
    pub fn to_bytes(&self) -> Vec<u8> {
        let not_verified: Map<String, Value> = self
            .not_verified_by
            .iter()
            .map(|(export, reason)| (export.clone(), reason.name().into()))
            .collect();
        let provisional: Vec<Value> = self
            .provisional
            .iter()
            .map(|reason| match reason {
                Provisional::RejectRate { export, rate } => {
                    json!({"reason": "reject_rate", "export": export, "rate": rate})
                }
                Provisional::Stale { export } => json!({"reason": "stale", "export": export}),
            })
            .collect();
        let leads: Vec<Value> = self.leads.iter().map(lead_to_json).collect();
        let document = json!({
            "format": FORMAT,
            "version": VERSION,
            "round": self.round,
            "policy_blake3": self.policy_digest,
            "key_id": self.key_id,
            "algorithm": self.algorithm.name(),
            "screening": self.screening,
            "case_sources": sources_to_json(&self.case_sources),
            "not_verified_by": not_verified,
            "provisional": provisional,
            "leads": leads,
        });
        format!("{document}\n").into_bytes()
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// [`LeadsFileFault::Unreadable`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LeadsFileFault> {
        serde_json::from_slice(bytes)
            .ok()
            .and_then(|document| from_json(&document))
            .ok_or(LeadsFileFault::Unreadable)
    }

    /// Refuses leads of another round, policy, key or algorithm.
    ///
    /// # Errors
    /// [`LeadsFileFault::Differs`].
    pub fn check(
        &self,
        round: &str,
        policy_digest: &str,
        key_id: &str,
        algorithm: TokenAlgorithm,
    ) -> Result<(), LeadsFileFault> {
        let what = if self.round != round {
            Text::new("轮次", "round")
        } else if self.policy_digest != policy_digest {
            Text::new("规则文件", "policy")
        } else if self.algorithm != algorithm {
            Text::new("令牌算法", "token algorithm")
        } else if self.key_id != key_id {
            Text::new("密钥", "key")
        } else {
            return Ok(());
        };
        Err(LeadsFileFault::Differs { what })
    }
}

fn lead_to_json(lead: &ScreenedLead) -> Value {
    let cases: Vec<Value> = lead
        .cases
        .iter()
        .map(|case| {
            json!({
                "reference": case.reference,
                "yes": case.yes,
                "unknown": case.unknown,
                "needs_review": case.needs_review,
            })
        })
        .collect();
    json!({
        "aid": lead.aid,
        "receipt_not_verified": lead.receipt_not_verified,
        "referral_not_verified": lead.referral_not_verified,
        "cases": cases,
    })
}

fn from_json(document: &Value) -> Option<LeadsFile> {
    let text = |key: &str| document.get(key)?.as_str().map(str::to_owned);
    let known = text("format")? == FORMAT && document.get("version")?.as_u64()? == VERSION;
    known.then_some(())?;
    let not_verified = |(export, reason): (&String, &Value)| {
        let word = reason.as_str()?;
        let reason = NotVerified::ALL
            .into_iter()
            .find(|known| known.name() == word)?;
        Some((export.clone(), reason))
    };
    let provisional = |reason: &Value| {
        let export = reason.get("export")?.as_str()?.to_owned();
        match reason.get("reason")?.as_str()? {
            "reject_rate" => Some(Provisional::RejectRate {
                export,
                rate: reason.get("rate")?.as_f64()?,
            }),
            "stale" => Some(Provisional::Stale { export }),
            _ => None,
        }
    };
    let not_verified_by = document.get("not_verified_by")?.as_object()?.iter();
    let reasons = document.get("provisional")?.as_array()?.iter();
    let leads = document.get("leads")?.as_array()?.iter();
    Some(LeadsFile {
        round: text("round")?,
        policy_digest: text("policy_blake3")?,
        key_id: text("key_id")?,
        algorithm: TokenAlgorithm::named(&text("algorithm")?)?,
        screening: text("screening")?,
        case_sources: sources_from_json(document.get("case_sources")?)?,
        not_verified_by: not_verified_by.map(not_verified).collect::<Option<_>>()?,
        provisional: reasons.map(provisional).collect::<Option<_>>()?,
        leads: leads.map(lead_from_json).collect::<Option<_>>()?,
    })
}

fn lead_from_json(lead: &Value) -> Option<ScreenedLead> {
    let case = |case: &Value| {
        let rules = |key: &str| -> Option<Vec<String>> {
            let rules = case.get(key)?.as_array()?.iter();
            rules.map(|rule| rule.as_str().map(str::to_owned)).collect()
        };
        Some(CaseEvidence {
            reference: usize::try_from(case.get("reference")?.as_u64()?).ok()?,
            yes: rules("yes")?,
            unknown: rules("unknown")?,
            needs_review: case.get("needs_review")?.as_bool()?,
        })
    };
    let cases: Vec<CaseEvidence> = lead
        .get("cases")?
        .as_array()?
        .iter()
        .map(case)
        .collect::<Option<_>>()?;
    (!cases.is_empty()).then_some(())?;
    Some(ScreenedLead {
        aid: lead.get("aid")?.as_str()?.to_owned(),
        cases,
        receipt_not_verified: lead.get("receipt_not_verified")?.as_bool()?,
        referral_not_verified: lead.get("referral_not_verified")?.as_bool()?,
    })
}
