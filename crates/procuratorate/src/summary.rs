//! The summary of a round for the clerk: leads by aid and by list, and the row
//! accounts. It holds no cell values.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_office::manifest::ExportAccount;
use aidlink_office::round::RoundTerms;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::lists::RoundLists;
use crate::lists::earlier::Status;
use crate::lists::not_judged::{FindGaps, Gap, Gaps};
use crate::resolve::ResolvedRound;

/// The file name of the summary in an output folder.
pub const SUMMARY: &str = "summary.json";

/// The figures of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The name of the format; empty in version 1, which had no such field.
    #[serde(default)]
    pub format: String,
    /// The version of the format; 0 in version 1, which had no such field.
    #[serde(default)]
    pub version: u64,
    /// The round's id.
    pub round: String,
    /// The as-of date.
    pub as_of: Date,
    /// The day on which leads are issued.
    pub issued_on: Date,
    /// The policy.
    pub policy: PolicyNamed,
    /// Number of leads.
    pub leads: u64,
    /// Number of leads by aid.
    pub leads_by_aid: BTreeMap<String, LeadsOfAid>,
    /// Number of leads by list.
    pub leads_by_list: BTreeMap<String, u64>,
    /// Number of leads that are new to the procuratorate's register, carried and open again;
    /// `None` if the round reads no register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_by_status: Option<LeadsByStatus>,
    /// What the round shows of leads that are open in the register; `None` if the round reads no
    /// register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_leads: Option<OpenLeadsShown>,
    /// The persons who could not be judged; `None` before version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<NotJudgedFigures>,
    /// Why the lists are provisional; empty if they are not.
    pub provisional: Vec<Text>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// The row account of each export; in a pooled round only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, ExportAccount>,
}

/// The id and version of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyNamed {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
}

/// The number of leads for one aid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadsOfAid {
    /// Leads of adults.
    pub adults: u64,
    /// Leads of minors and of persons of unknown age.
    pub minors: u64,
}

/// The number of leads of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadsByStatus {
    /// Nobody knew them.
    pub new: u64,
    /// They were found before, and nobody has ended them.
    pub carried: u64,
    /// They had ended.
    pub open_again: u64,
}

/// The number of leads that are open in the register and of which the round shows something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLeadsShown {
    /// The aid is received; `None` if the centre did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// The person has died.
    pub dead: u64,
    /// The person is registered elsewhere.
    pub moved: u64,
}

/// The number of persons who could not be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotJudgedFigures {
    /// Adults.
    pub adults: u64,
    /// Minors and persons of unknown age.
    pub minors: u64,
    /// For each rule, the persons for whom it is unknown.
    pub by_rule: BTreeMap<String, u64>,
    /// The columns that have no value for these persons. Those that would decide most come
    /// first: a column that is the only gap of a rule before one of
    /// several.
    pub by_column: Vec<ColumnWithoutValue>,
}

/// A column and the persons who could not be judged and for whom it has no value that can
/// be read, or whose rows are in a register without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnWithoutValue {
    /// The export.
    pub export: String,
    /// The field's name in the schema.
    pub field: String,
    /// Number of persons.
    pub persons: u64,
}

impl NotJudgedFigures {
    fn new(terms: &RoundTerms, round: &ResolvedRound) -> Self {
        let mut figures = NotJudgedFigures::default();
        let gaps = FindGaps::new(terms, &round.fields_missing);
        // The weight and the number of persons of each field.
        let mut by_field: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        for person in &round.not_judged {
            match person.minor {
                true => figures.minors += 1,
                false => figures.adults += 1,
            }
            let Gaps { rules, fields } = gaps.of(person);
            for rule in rules {
                *figures.by_rule.entry(rule.id.clone()).or_default() += 1;
            }
            for Gap {
                schema,
                field,
                weight,
            } in fields
            {
                let name = (schema.name.as_str(), field.name.as_str());
                let (weights, persons) = by_field.entry(name).or_default();
                *weights += weight;
                *persons += 1;
            }
        }
        let mut by_field: Vec<_> = by_field.into_iter().collect();
        // Stable: fields that decide the same stay in the order of their names.
        by_field.sort_by_key(|(_, (weight, _))| Reverse(*weight));
        let by_field = by_field.into_iter();
        figures.by_column = by_field
            .map(|((export, field), (_, persons))| ColumnWithoutValue {
                export: export.to_owned(),
                field: field.to_owned(),
                persons,
            })
            .collect();
        figures
    }
}

impl Document for Summary {
    const FORMAT: &'static str = "aidlink summary";
    const VERSIONS: RangeInclusive<u64> = 1..=3;
    const VERSION_UNNAMED: Option<u64> = Some(1);
}

impl Summary {
    /// Creates the summary of a resolved round and its lists.
    pub fn new(terms: &RoundTerms, resolved: &ResolvedRound, lists: &RoundLists) -> Self {
        let leads = &resolved.leads;
        let Head { format, version } = Summary::head();
        let mut leads_by_aid: BTreeMap<String, LeadsOfAid> = BTreeMap::new();
        for aid in &terms.policy.aids {
            let mut figures = LeadsOfAid::default();
            for lead in leads.iter().filter(|lead| lead.screened.aid == aid.id) {
                match lead.minor {
                    true => figures.minors += 1,
                    false => figures.adults += 1,
                }
            }
            leads_by_aid.insert(aid.id.clone(), figures);
        }
        Summary {
            format,
            version,
            round: terms.round.clone(),
            as_of: terms.as_of,
            issued_on: terms.issued_on,
            policy: PolicyNamed {
                id: terms.policy.id.clone(),
                version: terms.policy.version.clone(),
            },
            leads: leads.len() as u64,
            leads_by_aid,
            leads_by_list: lists
                .for_review
                .iter()
                .map(|list| (list.name.clone(), list.leads as u64))
                .collect(),
            leads_by_status: lists.by_status.as_ref().map(|leads| {
                let of = |status| leads.get(&status).copied().unwrap_or_default();
                LeadsByStatus {
                    new: of(Status::New),
                    carried: of(Status::Carried),
                    open_again: of(Status::OpenAgain),
                }
            }),
            open_leads: resolved.shown.as_ref().map(|shown| OpenLeadsShown {
                delivered: shown.received.as_ref().map(|leads| leads.len() as u64),
                dead: shown.dead.len() as u64,
                moved: shown.moved.len() as u64,
            }),
            not_judged: Some(NotJudgedFigures::new(terms, resolved)),
            provisional: resolved.provisional.iter().map(Provisional::text).collect(),
            not_verified_by: resolved.not_verified_by.clone(),
            exports: BTreeMap::new(),
        }
    }
}
