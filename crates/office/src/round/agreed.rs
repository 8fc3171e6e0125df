//! The digest of what all offices of a round must agree on.
//!
//! It is taken over the terms and not over the file's bytes: an office may
//! comment its file, name its own paths and say how its own exports are read,
//! and two offices still can read out to each other that they mean the same
//! round.

use jiff::civil::Date;
use serde::Serialize;

use super::terms::{Crossing, RoundTerms};

/// The format of what is digested. With the version it keeps the digest apart
/// from every other that a round has.
const FORMAT: &str = "aidlink-round-terms";
/// Its version: another number where a key is added, removed or changes its meaning.
const VERSION: u32 = 1;

/// The canonical form: its JSON, keys in this order and without spaces, is
/// digested.
#[derive(Serialize)]
struct AgreedTerms<'t> {
    format: &'static str,
    version: u32,
    round: &'t str,
    mode: &'static str,
    as_of: Date,
    issued_on: Date,
    purpose: &'t str,
    impact_assessment: AgreedAssessment<'t>,
    retention_until: Date,
    algorithm: &'static str,
    thresholds: AgreedThresholds,
    sealing: Option<AgreedSealing>,
    signers: Vec<AgreedSigner<'t>>,
    policy_blake3: &'t str,
    calendar_blake3: &'t str,
    exports: Vec<AgreedExport<'t>>,
}

#[derive(Serialize)]
struct AgreedAssessment<'t> {
    id: &'t str,
    valid_until: Date,
}

#[derive(Serialize)]
struct AgreedThresholds {
    snapshot_age_days: i32,
    reject_rate: f64,
    rare_pattern: u64,
}

#[derive(Serialize)]
struct AgreedSealing {
    tokens: AgreedCrossing,
    leads: AgreedCrossing,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum AgreedCrossing {
    SealedTo(String),
    Plain,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct AgreedSigner<'t> {
    name: &'t str,
    public_key: String,
}

#[derive(Serialize)]
struct AgreedExport<'t> {
    schema: &'t str,
    schema_blake3: &'t str,
    snapshot: Date,
    legal_basis: &'t str,
    may_be_empty: bool,
}

impl AgreedCrossing {
    fn of(crossing: &Crossing) -> Self {
        match crossing {
            Crossing::Sealed(recipient) => AgreedCrossing::SealedTo(recipient.to_string()),
            Crossing::Plain => AgreedCrossing::Plain,
        }
    }
}

impl<'t> AgreedTerms<'t> {
    fn of(terms: &'t RoundTerms) -> Self {
        let signers = terms.signers.iter();
        let mut signers: Vec<AgreedSigner<'t>> = signers
            .map(|(name, key)| AgreedSigner {
                name,
                public_key: key.to_base64(),
            })
            .collect();
        signers.sort();
        AgreedTerms {
            format: FORMAT,
            version: VERSION,
            round: &terms.round,
            mode: terms.mode.name(),
            as_of: terms.as_of,
            issued_on: terms.issued_on,
            purpose: &terms.purpose,
            impact_assessment: AgreedAssessment {
                id: &terms.impact_assessment,
                valid_until: terms.impact_assessment_until,
            },
            retention_until: terms.retention_until,
            algorithm: terms.algorithm.name(),
            thresholds: AgreedThresholds {
                snapshot_age_days: terms.thresholds.snapshot_age_days,
                // A zero has no sign: `-0.0` is the same share.
                reject_rate: terms.thresholds.reject_rate + 0.0,
                rare_pattern: terms.thresholds.rare_pattern,
            },
            sealing: terms.sealing.as_ref().map(|sealing| AgreedSealing {
                tokens: AgreedCrossing::of(&sealing.tokens),
                leads: AgreedCrossing::of(&sealing.leads),
            }),
            signers,
            policy_blake3: &terms.policy.digest,
            calendar_blake3: terms.calendar.digest(),
            exports: terms
                .exports()
                .map(|export| AgreedExport {
                    schema: &export.schema.name,
                    schema_blake3: &export.schema.digest,
                    snapshot: export.snapshot,
                    legal_basis: &export.legal_basis,
                    may_be_empty: export.may_be_empty,
                })
                .collect(),
        }
    }
}

impl RoundTerms {
    /// BLAKE3 digest of what all offices must agree on, 64 hexadecimal digits:
    /// id, mode, dates, purpose, assessment, algorithm, thresholds, who seals
    /// and signs, policy, calendar, and the exports with their schemas.
    ///
    /// Comments, the order of keys, operator, language of the lists, paths, and
    /// how an office reads its own files do not count. The order of the
    /// registers does: the screening of a round is known by it.
    pub fn terms_digest(&self) -> String {
        let mut digest = blake3::Hasher::new();
        // JSON can say every plain value, and a digest refuses no byte.
        let _ = serde_json::to_writer(&mut digest, &AgreedTerms::of(self));
        digest.finalize().to_hex().to_string()
    }

    /// The first half of [`RoundTerms::terms_digest`] in eight groups of four,
    /// to be read out and compared by eye.
    pub fn terms_digest_short(&self) -> String {
        let digest = self.terms_digest();
        let groups = digest.as_bytes().chunks(4).take(8);
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }
}
