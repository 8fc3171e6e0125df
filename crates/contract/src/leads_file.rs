//! The file of screened leads, which the centre sends to the procuratorate:
//! JSON on one line, with references to case rows and rule ids but no token.
//! docs/formats.md is the reference.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aidlink_faults::text::Text;
use aidlink_files::document::{Document, DocumentFault};
use serde::{Deserialize, Serialize};

use crate::hexadecimal::is_digest;
use crate::screened_lead::{NotJudged, NotVerified, Provisional, ReceivedAid, ScreenedLead};
use crate::token::TokenAlgorithm;
use crate::token_file::SourceFile;

/// The screened leads of one screening. The fields are in the order in which
/// the file lists them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadsFile {
    /// The name of the format.
    pub format: String,
    /// Its version.
    pub version: u64,
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the policy, hexadecimal.
    #[serde(rename = "policy_blake3")]
    pub policy_digest: String,
    /// The id of the key that made the tokens.
    pub key_id: String,
    /// How tokens were made.
    pub algorithm: TokenAlgorithm,
    /// The id that distinguishes screenings of one round: BLAKE3 over the
    /// digests of the screened token files, hexadecimal.
    pub screening: String,
    /// The files that the case parties were read from; references are valid
    /// for these files only.
    pub case_sources: Vec<SourceFile>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// For each register, the names of the fields that rules need and that it lacks or never fills.
    pub fields_missing: BTreeMap<String, Vec<String>>,
    /// Why the lists are provisional.
    pub provisional: Vec<Provisional>,
    /// The leads in token order.
    pub leads: Vec<ScreenedLead>,
    /// The persons who could not be judged, in token order.
    pub not_judged: Vec<NotJudged>,
    /// The persons who were referred and receive the aid, in the order of references, then of
    /// the aids in the policy; `None` if the procuratorate did not ask for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Vec<ReceivedAid>>,
}

/// The round that a file of screened leads must belong to.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedRound<'r> {
    /// The round's id.
    pub round: &'r str,
    /// BLAKE3 digest of the policy, hexadecimal.
    pub policy_digest: &'r str,
    /// The id of the round's key.
    pub key_id: &'r str,
    /// How tokens are made.
    pub algorithm: TokenAlgorithm,
    /// The exports of the round.
    pub exports: &'r [&'r str],
    /// The exports that rules of the policy read; some may not be in the round.
    pub exports_of_the_policy: &'r [&'r str],
    /// The exports that the round file leaves out.
    pub not_joined: &'r [&'r str],
}

/// Why a file of screened leads was refused. No variant holds text from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadsFileFault {
    /// The file is not a file of screened leads, is damaged, or has a version
    /// that this program does not read.
    Document(DocumentFault),
    /// The file belongs to another round, policy, key or algorithm.
    Differs {
        /// What differs.
        what: Text,
    },
    /// A digest is not in the form of a BLAKE3 digest.
    Digest,
    /// The file names an export that is neither in the round nor used by the
    /// policy.
    Export,
    /// A reject rate is not a number from 0 to 1.
    Rate,
}

impl LeadsFileFault {
    /// Returns the message for a user.
    pub fn text(&self) -> Text {
        match self {
            LeadsFileFault::Document(fault) => {
                fault.text(&Text::new("线索文件", "file of screened leads"))
            }
            LeadsFileFault::Differs { what } => Text::new(
                format!("线索文件的{}与本轮不符", what.zh),
                format!(
                    "the {} of the screened leads does not match this round",
                    what.en
                ),
            ),
            LeadsFileFault::Digest => Text::new(
                "线索文件中有一个摘要不是64位十六进制数",
                "a digest in the file is not 64 hexadecimal digits",
            ),
            LeadsFileFault::Export => Text::new(
                "线索文件中有不属于本轮的导出",
                "the file names an export that is not in this round",
            ),
            LeadsFileFault::Rate => Text::new(
                "线索文件中有一个拒收率不在0到1之间",
                "a reject rate in the file is not between 0 and 1",
            ),
        }
    }

    /// Returns the hint for a user.
    pub fn hint(&self) -> Text {
        match self {
            LeadsFileFault::Document(fault @ DocumentFault::Newer { .. }) => fault.hint(),
            _ => Text::new(
                "请筛查机构使用本轮的轮次文件重新筛查",
                "ask the centre to screen again with the round file of this round",
            ),
        }
    }
}

impl Document for LeadsFile {
    const FORMAT: &'static str = "aidlink screened leads";
    // Version 3 says nothing of received aids.
    const VERSIONS: RangeInclusive<u64> = 3..=4;
    // Some millions of leads.
    const LARGEST: u64 = 1 << 30;

    fn to_bytes(&self) -> Vec<u8> {
        let mut line = self.to_line();
        line.push('\n');
        line.into_bytes()
    }
}

impl LeadsFile {
    /// Returns the version of a new file. A file without received aids is of version 3, which an
    /// older aidlink at the procuratorate reads too.
    pub fn version_with(received: Option<&[ReceivedAid]>) -> u64 {
        match received {
            None => *Self::VERSIONS.start(),
            Some(_) => *Self::VERSIONS.end(),
        }
    }

    /// Checks that the leads belong to the expected round, policy, key and
    /// algorithm, and that digests, exports and rates are well-formed, so that
    /// no arbitrary text from another office reaches a list, a terminal or a
    /// log. The caller, who has the policy, the schemas and the export, must check aids,
    /// rules, fields and references.
    ///
    /// # Errors
    /// See [`LeadsFileFault`].
    pub fn check(&self, expected: &ExpectedRound<'_>) -> Result<(), LeadsFileFault> {
        let difference = if self.version != Self::version_with(self.received.as_deref()) {
            Some(Text::new("版本", "version"))
        } else if self.round != expected.round {
            Some(Text::new("轮次", "round"))
        } else if self.policy_digest != expected.policy_digest {
            Some(Text::new("规则文件", "policy"))
        } else if self.algorithm != expected.algorithm {
            Some(Text::new("令牌算法", "token algorithm"))
        } else if self.key_id != expected.key_id {
            Some(Text::new("密钥", "key"))
        } else {
            None
        };
        if let Some(what) = difference {
            return Err(LeadsFileFault::Differs { what });
        }
        let sources = self.case_sources.iter().map(|source| &source.digest);
        if !sources
            .chain([&self.screening])
            .all(|digest| is_digest(digest))
        {
            return Err(LeadsFileFault::Digest);
        }
        let in_round = |export: &str| expected.exports.contains(&export);
        let in_round_or_policy = |export: &String| {
            in_round(export) || expected.exports_of_the_policy.contains(&export.as_str())
        };
        // Only its absence lets an export outside the round make the lists provisional.
        let is_known = |reason: &Provisional| match reason {
            Provisional::Absent { export } => in_round_or_policy(export),
            Provisional::RejectRate { export, .. } | Provisional::Stale { export } => {
                in_round(export)
            }
        };
        let is_left_out = |export: &String| expected.not_joined.contains(&export.as_str());
        let known = self.not_verified_by.iter().all(|(export, why)| {
            in_round_or_policy(export) && (*why != NotVerified::NotJoined || is_left_out(export))
        }) && self.provisional.iter().all(is_known)
            && self.fields_missing.keys().all(|export| in_round(export));
        if !known {
            return Err(LeadsFileFault::Export);
        }
        // Each export has at most one reason of each kind. Without this bound, the
        // centre could make the procuratorate write a manifest that is too large to
        // read again.
        let exports = expected.exports.len();
        let exports = exports.saturating_add(expected.exports_of_the_policy.len());
        let kinds = exports.saturating_mul(2);
        if self.provisional.len() > kinds {
            return Err(LeadsFileFault::Export);
        }
        let is_share = |reason: &Provisional| match reason {
            Provisional::RejectRate { rate, .. } => (0.0..=1.0).contains(rate),
            Provisional::Stale { .. } | Provisional::Absent { .. } => true,
        };
        match self.provisional.iter().all(is_share) {
            true => Ok(()),
            false => Err(LeadsFileFault::Rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::Grade;
    use crate::screened_lead::{CaseEvidence, CaseNotJudged};

    const DIGEST: &str = "3e833381390cd43fc0f8374229b14c43fdab7861c3c8814a85e8556a4507b421";
    const NUMBER: &str = "449901199001011234";

    const ROUND: ExpectedRound<'static> = ExpectedRound {
        round: "2026Q3",
        policy_digest: DIGEST,
        key_id: "d432a71f3462fef5",
        algorithm: TokenAlgorithm::HmacSm3,
        exports: &["procuratorate.case-parties", "veterans.persons"],
        exports_of_the_policy: &["veterans.persons", "education.students"],
        not_joined: &["education.students"],
    };

    fn leads() -> LeadsFile {
        let case = |reference, indicated: &[&str], grade| CaseEvidence {
            reference,
            yes: vec!["j1".into(), "dibao".into()],
            indicated: indicated.iter().map(|rule| (*rule).to_owned()).collect(),
            unknown: vec!["x2".into()],
            grade,
        };
        LeadsFile {
            format: LeadsFile::FORMAT.to_owned(),
            version: LeadsFile::version_with(None),
            round: "2026Q3".into(),
            policy_digest: DIGEST.into(),
            key_id: "d432a71f3462fef5".into(),
            algorithm: TokenAlgorithm::HmacSm3,
            screening: DIGEST.into(),
            case_sources: vec![SourceFile {
                digest: DIGEST.into(),
                byte_length: 11_837,
            }],
            not_verified_by: [
                ("veterans.persons".into(), NotVerified::Stale),
                ("education.students".into(), NotVerified::Absent),
            ]
            .into(),
            fields_missing: [("veterans.persons".into(), vec!["kind".into()])].into(),
            provisional: vec![
                Provisional::RejectRate {
                    export: "veterans.persons".into(),
                    rate: 0.0625,
                },
                Provisional::Stale {
                    export: "veterans.persons".into(),
                },
                Provisional::Absent {
                    export: "education.students".into(),
                },
            ],
            leads: vec![ScreenedLead {
                aid: "judicial_aid".into(),
                receipt_not_verified: true,
                referral_not_verified: false,
                cases: vec![
                    case(0, &[], Grade::Established),
                    case(3, &["j3"], Grade::ToBeClarified),
                ],
            }],
            not_judged: vec![NotJudged {
                aids: vec!["judicial_aid".into(), "dibao".into()],
                cases: vec![CaseNotJudged {
                    reference: 7,
                    unknown: vec!["j1".into()],
                }],
            }],
            received: None,
        }
    }

    #[test]
    fn the_written_format_is_stable() {
        let expected = format!(
            r#"{{"format":"aidlink screened leads","version":3,"round":"2026Q3","policy_blake3":"{DIGEST}","key_id":"d432a71f3462fef5","algorithm":"hmac-sm3","screening":"{DIGEST}","case_sources":[{{"blake3":"{DIGEST}","bytes":11837}}],"not_verified_by":{{"education.students":"absent","veterans.persons":"stale"}},"fields_missing":{{"veterans.persons":["kind"]}},"provisional":[{{"reason":"reject_rate","export":"veterans.persons","rate":0.0625}},{{"reason":"stale","export":"veterans.persons"}},{{"reason":"absent","export":"education.students"}}],"leads":[{{"aid":"judicial_aid","receipt_not_verified":true,"referral_not_verified":false,"cases":[{{"reference":0,"yes":["j1","dibao"],"indicated":[],"unknown":["x2"],"grade":"established"}},{{"reference":3,"yes":["j1","dibao"],"indicated":["j3"],"unknown":["x2"],"grade":"to_be_clarified"}}]}}],"not_judged":[{{"aids":["judicial_aid","dibao"],"cases":[{{"reference":7,"unknown":["j1"]}}]}}]}}"#
        ) + "\n";
        let bytes = leads().to_bytes();
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
        assert_eq!(LeadsFile::parse(&bytes), Ok(leads()));
        assert_eq!(leads().check(&ROUND), Ok(()));
    }

    #[test]
    fn received_aids_come_last_and_only_if_they_were_asked_for() {
        let received = vec![ReceivedAid {
            aid: "dibao".into(),
            reference: 9,
            rule: "dibao_receiving".into(),
        }];
        for received in [Vec::new(), received] {
            let file = LeadsFile {
                version: LeadsFile::version_with(Some(&received)),
                received: Some(received),
                ..leads()
            };
            let bytes = file.to_bytes();
            let text = String::from_utf8_lossy(&bytes);
            let expected = match file.received.as_ref().map(Vec::len) {
                Some(1) => {
                    r#","received":[{"aid":"dibao","reference":9,"rule":"dibao_receiving"}]}"#
                }
                _ => r#","received":[]}"#,
            };
            assert!(text.trim_end().ends_with(expected), "{text}");
            assert!(text.contains("\"version\":4,"), "{text}");
            assert_eq!(LeadsFile::parse(&bytes), Ok(file));
        }
        // A received aid says nothing else.
        let more = leads().to_line().replacen(
            "\"not_judged\"",
            "\"received\":[{\"aid\":\"a\",\"reference\":0,\"rule\":\"r\",\"grade\":\"established\"}],\"not_judged\"",
            1,
        );
        assert!(LeadsFile::parse(more.as_bytes()).is_err());
    }

    #[test]
    fn a_damaged_file_or_another_kind_of_file_is_refused() {
        let good = leads().to_line();
        let refused = |from: &str, to: &str| {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            let fault = LeadsFile::parse(text.as_bytes()).expect_err(from);
            LeadsFileFault::Document(fault).text().en
        };
        assert_eq!(
            refused("\"version\":3", "\"version\":5"),
            "a newer aidlink wrote it (file of screened leads version 5; this one reads up to 4)"
        );
        // Version 1 had no grades, version 2 no persons who were not judged.
        assert_eq!(
            refused("\"version\":3", "\"version\":2"),
            "an older aidlink wrote it (file of screened leads version 2; this one reads from 3 on)"
        );
        assert_eq!(
            refused("aidlink screened leads", NUMBER),
            "this is not a file of screened leads"
        );
        assert_eq!(
            refused("\"version\":3", &format!("\"version\":{NUMBER}")),
            "this is not a file of screened leads"
        );
        let stale = r#"{"reason":"stale","export":"veterans.persons"}"#;
        for (from, to) in [
            ("{", "["),
            // A missing key or value; additional keys.
            ("\"screening\":", "\"screened\":"),
            ("\"indicated\":[],", ""),
            ("\"grade\":\"established\"", "\"grade\":null"),
            ("\"grade\":\"established\"", "\"grade\":\"no_lead\""),
            ("{\"aid\":", "{\"name\":\"\",\"aid\":"),
            ("{\"reference\":0,", "{\"reference\":0,\"note\":\"\","),
            ("\"bytes\":11837", "\"bytes\":11837,\"path\":\"\""),
            (stale, r#"{"reason":"stale","export":"a","rate":0.5}"#),
            (stale, r#"{"reason":"reject_rate","export":"a"}"#),
            (stale, r#"{"reason":"late","export":"a"}"#),
            ("\"absent\"", "\"late\""),
            // Repeated keys.
            ("\"round\":", "\"round\":\"2026Q3\",\"round\":"),
            ("\"reference\":0", "\"reference\":0,\"reference\":0"),
            (
                "\"veterans.persons\":\"stale\"",
                "\"education.students\":\"stale\"",
            ),
            (stale, r#"{"reason":"stale","export":"a","export":"b"}"#),
            (stale, r#"{"reason":"stale","reason":"stale","export":"a"}"#),
            // Values that are not numbers of the expected kind.
            ("\"reference\":0", "\"reference\":-1"),
            ("0.0625", "1e999"),
            ("0.0625", "\"0.0625\""),
        ] {
            let message = refused(from, to);
            let damaged = "this is not a file of screened leads, or it is damaged";
            assert_eq!(message, damaged, "{from} -> {to}");
        }
        // Without a case row or an aid.
        type Emptied = fn(&mut LeadsFile);
        let emptied: [Emptied; 3] = [
            |file| file.leads[0].cases.clear(),
            |file| file.not_judged[0].cases.clear(),
            |file| file.not_judged[0].aids.clear(),
        ];
        for empty in emptied {
            let mut file = leads();
            empty(&mut file);
            assert!(LeadsFile::parse(&file.to_bytes()).is_err());
        }
    }

    #[test]
    fn leads_of_another_round_are_refused_and_the_difference_is_named() {
        type Change = fn(&mut LeadsFile);
        let changes: [(Change, &str); 4] = [
            (|leads| leads.round = NUMBER.into(), "round"),
            (|leads| leads.policy_digest = NUMBER.into(), "policy"),
            (
                |leads| leads.algorithm = TokenAlgorithm::HmacSha256,
                "token algorithm",
            ),
            (|leads| leads.key_id = NUMBER.into(), "key"),
        ];
        for (change, what) in changes {
            let mut leads = leads();
            change(&mut leads);
            let message = leads.check(&ROUND).expect_err(what).text();
            let expected = format!("the {what} of the screened leads does not match this round");
            assert_eq!(message.en, expected);
            assert!(!message.zh.contains(NUMBER));
        }
    }

    #[test]
    fn arbitrary_text_in_checked_fields_is_refused() {
        let stale = |export: &str| Provisional::Stale {
            export: export.into(),
        };
        let missing = |export: &str| Provisional::Absent {
            export: export.into(),
        };
        let rate = |export: &str, rate| Provisional::RejectRate {
            export: export.into(),
            rate,
        };
        let refused = |change: &dyn Fn(&mut LeadsFile)| {
            let mut leads = leads();
            change(&mut leads);
            leads.check(&ROUND).err()
        };
        for text in ["", "张某", NUMBER, &DIGEST[1..], &DIGEST.to_uppercase()] {
            let screening = refused(&|leads| leads.screening = text.into());
            assert_eq!(screening, Some(LeadsFileFault::Digest), "{text}");
            let source = refused(&|leads| leads.case_sources[0].digest = text.into());
            assert_eq!(source, Some(LeadsFileFault::Digest), "{text}");
            for reason in [stale(text), rate(text, 0.5), missing(text)] {
                let provisional = refused(&|leads| leads.provisional.push(reason.clone()));
                assert_eq!(provisional, Some(LeadsFileFault::Export), "{text}");
            }
            let not_verified = refused(&|leads| {
                let entry = (text.to_owned(), NotVerified::Absent);
                leads.not_verified_by.extend([entry]);
            });
            assert_eq!(not_verified, Some(LeadsFileFault::Export), "{text}");
        }
        // An export that the policy uses but the round does not have.
        let absent = refused(&|leads| leads.provisional.push(stale("education.students")));
        assert_eq!(absent, Some(LeadsFileFault::Export));
        // Only what the round file leaves out is not joined.
        let not_joined = |export: &str| {
            refused(&|leads| {
                let entry = (export.to_owned(), NotVerified::NotJoined);
                leads.not_verified_by.extend([entry]);
            })
        };
        assert_eq!(not_joined("education.students"), None);
        assert_eq!(not_joined("veterans.persons"), Some(LeadsFileFault::Export));
        for share in [-0.01, 1.01, 1e300, f64::NAN, f64::INFINITY] {
            let rate = refused(&|leads| leads.provisional.push(rate("veterans.persons", share)));
            assert_eq!(rate, Some(LeadsFileFault::Rate), "{share}");
        }
        for share in [0.0, 1.0] {
            let rate = refused(&|leads| leads.provisional.push(rate("veterans.persons", share)));
            assert_eq!(rate, None, "{share}");
        }
    }
}
