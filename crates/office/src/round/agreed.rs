//! The digest of a round's terms, by which offices compare their round files.
//!
//! It is computed over the terms and not over the bytes of the file, so that an
//! office may add comments, use its own paths and set how its exports are read.

use jiff::civil::Date;
use serde::Serialize;

use super::terms::{Crossing, RoundTerms};

/// The name of the digested format. It makes the digest different from digests of
/// other formats.
const FORMAT: &str = "aidlink-round-terms";
/// The version of the format, to be increased if a key is added, is removed or
/// changes its meaning.
const VERSION: u32 = 2;

/// The canonical form of the terms. Its JSON, with keys in this order and without
/// spaces, is digested.
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
    not_joined: Vec<AgreedNotJoined<'t>>,
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

#[derive(Serialize)]
struct AgreedNotJoined<'t> {
    schema: &'t str,
    because: &'t str,
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
                // `-0.0` becomes `0.0`, which is the same share.
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
            not_joined: terms
                .not_joined
                .iter()
                .map(|left| AgreedNotJoined {
                    schema: &left.export,
                    because: &left.because,
                })
                .collect(),
        }
    }
}

impl RoundTerms {
    /// Returns the BLAKE3 digest of the terms, 64 hexadecimal digits. It covers the
    /// round's id, mode, dates, purpose, impact assessment, token algorithm,
    /// thresholds, sealing, signers, policy, calendar, the exports with their
    /// schemas, and the exports that are not joined.
    ///
    /// It does not cover comments, the order of keys, operator, language of the
    /// lists, paths, and how an office reads its own files. The order of the
    /// registers is covered, because the id of a screening depends on it.
    pub fn terms_digest(&self) -> String {
        let mut digest = blake3::Hasher::new();
        // Cannot fail: all values can be serialised, and a hasher accepts every byte.
        let _ = serde_json::to_writer(&mut digest, &AgreedTerms::of(self));
        digest.finalize().to_hex().to_string()
    }

    /// Returns the first half of [`RoundTerms::terms_digest`] in eight groups of four
    /// digits, for comparing by telephone.
    pub fn terms_digest_short(&self) -> String {
        let digest = self.terms_digest();
        let groups = digest.as_bytes().chunks(4).take(8);
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }
}
