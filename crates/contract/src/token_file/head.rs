//! The head of a token file: its origin and row account, and how the file's
//! metadata store them.

use std::ops::RangeInclusive;

use aidlink_files::document::Document;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::hexadecimal::{is_digest, is_key_id};
use crate::token::TokenAlgorithm;
use crate::token_table::Origin;

/// The origin of an agency's token file and what became of the export's rows.
/// The file's metadata hold it as JSON on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Metadata", into = "Metadata")]
pub struct TokenFileHead {
    /// Where the file comes from.
    pub origin: Origin,
    /// BLAKE3 digest of the export's schema, hexadecimal.
    pub schema_digest: String,
    /// BLAKE3 digest of the agency's own file that says how the export is read,
    /// hexadecimal; `None` if the round file says it.
    pub reading_digest: Option<String>,
    /// Names of the fields that rules need and that a register lacks or never fills. They let
    /// the procuratorate say why a person could not be judged. Empty for the case parties:
    /// the procuratorate has their export.
    pub fields_missing: Vec<String>,
    /// The files of the case parties' export, which let the procuratorate find
    /// its rows again. Empty for a register: nobody needs them, and the content
    /// of a small export could be guessed from its digest.
    pub sources: Vec<SourceFile>,
    /// What became of the export's rows.
    pub account: SentAccount,
    /// Whether the procuratorate asks who of those whom it referred receives the aid, because it
    /// follows up on its leads in a register. Only its export of referrals may ask.
    pub asks_who_receives: bool,
}

/// A file that an export was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// BLAKE3 digest of its bytes, hexadecimal.
    #[serde(rename = "blake3")]
    pub digest: String,
    /// Length in bytes.
    #[serde(rename = "bytes")]
    pub byte_length: u64,
}

/// The row account of an export at its agency:
/// rows = rejected + withheld + without outcome + sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentAccount {
    /// Rows below the header.
    pub rows: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// Rows withheld by a withhold rule.
    pub withheld: u64,
    /// Rows on which no rule holds.
    pub without_outcome: u64,
    /// Rows that became part of a token's outcomes.
    pub sent: u64,
}

impl SentAccount {
    /// Returns whether every row is accounted for.
    pub fn adds_up(&self) -> bool {
        [self.rejected, self.withheld, self.without_outcome]
            .into_iter()
            .try_fold(self.sent, u64::checked_add)
            == Some(self.rows)
    }

    /// Returns the share of rows rejected, 0 to 1.
    pub fn reject_rate(&self) -> f64 {
        if self.rows == 0 {
            0.0
        } else {
            self.rejected as f64 / self.rows as f64
        }
    }
}

impl Document for TokenFileHead {
    const FORMAT: &'static str = "aidlink token file";
    // Version 2 cannot ask who receives an aid.
    const VERSIONS: RangeInclusive<u64> = 2..=3;
}

impl TokenFileHead {
    /// Returns whether the digests and the key id have the right form. They may
    /// be shown and logged, so a head with any other text in their place is
    /// refused.
    pub fn is_well_formed(&self) -> bool {
        let origin = &self.origin;
        is_key_id(&origin.key_id)
            && is_digest(&origin.policy_digest)
            && is_digest(&self.schema_digest)
            && self.reading_digest.as_deref().is_none_or(is_digest)
            && self.sources.iter().all(|source| is_digest(&source.digest))
    }
}

/// A head as it is stored in the metadata, with the fields in that order.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    format: String,
    version: u64,
    round: String,
    as_of: Date,
    export: String,
    snapshot: Date,
    policy_blake3: String,
    schema_blake3: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reading_blake3: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields_missing: Vec<String>,
    algorithm: TokenAlgorithm,
    key_id: String,
    sources: Vec<SourceFile>,
    account: SentAccount,
    #[serde(default, skip_serializing_if = "is_false")]
    asks_who_receives: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<TokenFileHead> for Metadata {
    fn from(head: TokenFileHead) -> Self {
        let origin = head.origin;
        Metadata {
            format: TokenFileHead::FORMAT.to_owned(),
            version: version(head.asks_who_receives),
            round: origin.round,
            as_of: origin.as_of,
            export: origin.export,
            snapshot: origin.snapshot,
            policy_blake3: origin.policy_digest,
            schema_blake3: head.schema_digest,
            reading_blake3: head.reading_digest,
            fields_missing: head.fields_missing,
            algorithm: origin.algorithm,
            key_id: origin.key_id,
            sources: head.sources,
            account: head.account,
            asks_who_receives: head.asks_who_receives,
        }
    }
}

impl TryFrom<Metadata> for TokenFileHead {
    type Error = &'static str;

    fn try_from(metadata: Metadata) -> Result<Self, Self::Error> {
        if metadata.version != version(metadata.asks_who_receives) {
            return Err("version and `asks_who_receives` do not belong together");
        }
        Ok(TokenFileHead {
            origin: Origin {
                round: metadata.round,
                as_of: metadata.as_of,
                policy_digest: metadata.policy_blake3,
                key_id: metadata.key_id,
                algorithm: metadata.algorithm,
                export: metadata.export,
                snapshot: metadata.snapshot,
            },
            schema_digest: metadata.schema_blake3,
            reading_digest: metadata.reading_blake3,
            fields_missing: metadata.fields_missing,
            sources: metadata.sources,
            account: metadata.account,
            asks_who_receives: metadata.asks_who_receives,
        })
    }
}

/// Returns the version of a head. One that does not ask is of version 2, which an older centre
/// reads too.
fn version(asks_who_receives: bool) -> u64 {
    let versions = TokenFileHead::VERSIONS;
    match asks_who_receives {
        false => *versions.start(),
        true => *versions.end(),
    }
}

#[cfg(test)]
mod tests {
    use aidlink_files::document::DocumentFault;

    use super::*;

    const DIGEST: &str = "3e833381390cd43fc0f8374229b14c43fdab7861c3c8814a85e8556a4507b421";

    fn head() -> TokenFileHead {
        TokenFileHead {
            origin: Origin {
                round: "2026Q3".into(),
                as_of: Date::constant(2026, 9, 30),
                policy_digest: DIGEST.into(),
                key_id: "d432a71f3462fef5".into(),
                algorithm: TokenAlgorithm::HmacSm3,
                export: "procuratorate.case-parties".into(),
                snapshot: Date::constant(2026, 9, 28),
            },
            schema_digest: DIGEST.into(),
            reading_digest: Some(DIGEST.into()),
            fields_missing: vec!["kind".into()],
            sources: vec![SourceFile {
                digest: DIGEST.into(),
                byte_length: 7,
            }],
            account: SentAccount {
                rows: 10,
                rejected: 1,
                withheld: 2,
                without_outcome: 3,
                sent: 4,
            },
            asks_who_receives: false,
        }
    }

    #[test]
    fn the_metadata_format_is_stable() {
        let expected = format!(
            r#"{{"format":"aidlink token file","version":2,"round":"2026Q3","as_of":"2026-09-30","export":"procuratorate.case-parties","snapshot":"2026-09-28","policy_blake3":"{DIGEST}","schema_blake3":"{DIGEST}","reading_blake3":"{DIGEST}","fields_missing":["kind"],"algorithm":"hmac-sm3","key_id":"d432a71f3462fef5","sources":[{{"blake3":"{DIGEST}","bytes":7}}],"account":{{"rows":10,"rejected":1,"withheld":2,"without_outcome":3,"sent":4}}}}"#
        );
        assert_eq!(head().to_line(), expected);
        assert_eq!(TokenFileHead::parse(expected.as_bytes()), Ok(head()));
        assert!(head().is_well_formed());
        let asks = TokenFileHead {
            asks_who_receives: true,
            ..head()
        };
        let expected = expected
            .replace("\"version\":2", "\"version\":3")
            .replace("\"sent\":4}}", "\"sent\":4},\"asks_who_receives\":true}");
        assert_eq!(asks.to_line(), expected);
        assert_eq!(TokenFileHead::parse(expected.as_bytes()), Ok(asks));
    }

    #[test]
    fn a_head_without_a_reading_file_and_with_all_fields_does_not_mention_them() {
        let head = TokenFileHead {
            reading_digest: None,
            fields_missing: Vec::new(),
            ..head()
        };
        let line = head.to_line();
        assert!(
            !line.contains("reading_blake3") && !line.contains("fields_missing"),
            "{line}"
        );
        assert_eq!(TokenFileHead::parse(line.as_bytes()), Ok(head));
    }

    #[test]
    fn metadata_with_unknown_or_missing_keys_or_another_version_are_refused() {
        let good = head().to_line();
        let read = |from: &str, to: &str| {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            TokenFileHead::parse(text.as_bytes()).expect_err(from)
        };
        assert_eq!(
            read("\"version\":2", "\"version\":4"),
            DocumentFault::Newer {
                version: 4,
                known: 3
            }
        );
        // Version 1 had three outcomes.
        assert_eq!(
            read("\"version\":2", "\"version\":1"),
            DocumentFault::Older {
                version: 1,
                known: 2
            }
        );
        let other = DocumentFault::OtherFormat;
        assert_eq!(read("aidlink token file", "aidlink screened leads"), other);
        for (from, to) in [
            ("\"round\":\"2026Q3\",", ""),
            ("\"sent\":4", "\"sent\":4,\"kept\":0"),
            ("\"key_id\"", "\"name\":\"x\",\"key_id\""),
            ("\"key_id\"", "\"key_id\":\"d432a71f3462fef5\",\"key_id\""),
            ("hmac-sm3", "hmac-md5"),
            ("2026-09-30", "30.9.2026"),
            ("\"rows\":10", "\"rows\":-1"),
            ("\"version\":2", "\"version\":2.0"),
        ] {
            let fault = read(from, to);
            assert!(matches!(fault, DocumentFault::Damaged { .. }), "{from}");
        }
    }

    #[test]
    fn a_head_with_text_in_place_of_a_digest_is_malformed() {
        let changes: [fn(&mut TokenFileHead, String); 5] = [
            |head, text| head.origin.key_id = text,
            |head, text| head.origin.policy_digest = text,
            |head, text| head.schema_digest = text,
            |head, text| head.reading_digest = Some(text),
            |head, text| head.sources[0].digest = text,
        ];
        for change in changes {
            for text in ["", "张某", "449901199001011234", &DIGEST[1..]] {
                let mut head = head();
                change(&mut head, text.to_owned());
                assert!(!head.is_well_formed(), "{text}");
            }
        }
    }
}
