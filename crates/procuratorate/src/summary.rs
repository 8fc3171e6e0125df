//! The summary of a round for the clerk: leads by aid and by list, and the row
//! accounts. It holds no cell values.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_office::manifest::ExportAccount;
use aidlink_office::round::RoundTerms;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::lists::match_list::MatchList;
use crate::resolve::ResolvedLead;

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

impl Document for Summary {
    const FORMAT: &'static str = "aidlink summary";
    const VERSIONS: RangeInclusive<u64> = 1..=2;
    const VERSION_UNNAMED: Option<u64> = Some(1);
}

impl Summary {
    /// Creates the summary of resolved leads and their lists.
    pub fn new(
        terms: &RoundTerms,
        leads: &[ResolvedLead],
        lists: &[MatchList],
        provisional: &[Provisional],
        not_verified_by: &BTreeMap<String, NotVerified>,
    ) -> Self {
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
                .iter()
                .map(|list| (list.name.clone(), list.leads as u64))
                .collect(),
            provisional: provisional.iter().map(Provisional::text).collect(),
            not_verified_by: not_verified_by.clone(),
            exports: BTreeMap::new(),
        }
    }
}
