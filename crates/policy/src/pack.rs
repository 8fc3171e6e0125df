//! The policy of one place: rules, terms, aids, deadlines and earlier
//! referrals, with citations and with the rules' own test cases.
//!
//! `read` turns a TOML file into a [`Policy`] or reports every fault at once. The
//! cases of rules and guarantees are run where rows are, by the agency's crate.

mod read;

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::rule_language::{Combination, Expression};
use crate::value::Value;
use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Text;

/// What a rule says when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// A ground for judicial aid (SG 二(一)).
    Ground,
    /// A reason why aid is as a rule not given (SG 二(二)); only flagged, never decided.
    Exclusion,
    /// A group to be helped first (SG 一(三)).
    Priority,
    /// Evidence of hardship.
    Hardship,
    /// The person already receives an aid.
    Receiving,
    /// An earlier referral; made from `[[referral_state]]`.
    Referral,
    /// The state of a case row or of a person in a register.
    Status,
    /// The row never becomes a token.
    Withhold,
}

impl RuleKind {
    const ALL: [(RuleKind, &'static str); 8] = [
        (RuleKind::Ground, "ground"),
        (RuleKind::Exclusion, "exclusion"),
        (RuleKind::Priority, "priority"),
        (RuleKind::Hardship, "hardship"),
        (RuleKind::Receiving, "receiving"),
        (RuleKind::Referral, "referral"),
        (RuleKind::Status, "status"),
        (RuleKind::Withhold, "withhold"),
    ];

    /// The word in a policy file.
    pub fn name(self) -> &'static str {
        RuleKind::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The word for a user.
    pub fn title(self) -> Text {
        match self {
            RuleKind::Ground => Text::new("司法救助情形", "ground"),
            RuleKind::Exclusion => Text::new("一般不予救助的情形", "exclusion"),
            RuleKind::Priority => Text::new("优先对象", "priority"),
            RuleKind::Hardship => Text::new("生活困难", "hardship"),
            RuleKind::Receiving => Text::new("正在领取", "receiving"),
            RuleKind::Referral => Text::new("此前转介", "referral"),
            RuleKind::Status => Text::new("状态", "status"),
            RuleKind::Withhold => Text::new("不予处理", "withhold"),
        }
    }
}

/// What becomes of an outcome that a rule cannot decide because a column is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnknown {
    /// It stays unknown, so that a person looks.
    Review,
    /// It counts as no.
    No,
    /// It counts as yes (withhold rules: silence when in doubt).
    Yes,
}

impl WhenUnknown {
    /// The outcome that leaves.
    pub fn apply(self, outcome: Outcome) -> Outcome {
        match (outcome, self) {
            (Outcome::Unknown, WhenUnknown::No) => Outcome::No,
            (Outcome::Unknown, WhenUnknown::Yes) => Outcome::Yes,
            (outcome, _) => outcome,
        }
    }
}

/// A condition on one row of one export.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, also its name in terms and aids.
    pub id: String,
    /// The export whose rows it reads.
    pub on: String,
    /// What it says.
    pub kind: RuleKind,
    /// The condition as written.
    pub when: String,
    /// The condition, checked.
    pub expression: Expression,
    /// What becomes of an undecided outcome.
    pub when_unknown: WhenUnknown,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// What a person must still check.
    pub check: Option<Text>,
    /// A lead that rests on this rule is urgent.
    pub urgent: bool,
    /// Rows with the outcome they must give.
    pub cases: Vec<RuleCase>,
}

/// The as-of date of a case that names no other.
pub const CASE_AS_OF: Date = Date::constant(2026, 9, 30);

/// A row as a policy writes one down to try its rules on.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// The line of the policy file on which it is written.
    pub line: usize,
    /// Columns with a value; all others are empty.
    pub columns: Vec<(String, Value)>,
    /// The age at the as-of date, if given.
    pub age: Option<i64>,
    /// `male` or `female`, if given.
    pub sex: Option<String>,
    /// The as-of date.
    pub as_of: Date,
}

/// A row and the outcome that its rule must give.
#[derive(Clone, Debug)]
pub struct RuleCase {
    /// The row.
    pub row: CaseRow,
    /// The outcome, after [`WhenUnknown`] was applied.
    pub outcome: Outcome,
}

/// Rows of an export that never become tokens, declared with the withhold rules
/// that see to it and with rows on which this is tried.
///
/// A guarantee is tried on its own rules alone, so no other withhold rule can
/// hide that one of them was weakened. More rules, more cases, more ages and
/// fewer codes that pass only ever withhold more rows: a layer on top of a policy
/// can widen a guarantee in these ways without knowing the rest of it.
#[derive(Clone, Debug)]
pub struct Guarantee {
    /// Its id.
    pub id: String,
    /// The line of the policy file on which it begins.
    pub line: usize,
    /// The export whose rows it concerns.
    pub on: String,
    /// What it guarantees.
    pub of: Guaranteed,
    /// The withhold rules that keep it; at least one, all on the same export.
    pub rules: Vec<String>,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// Rows that are withheld or pass; at least one of each.
    pub cases: Vec<GuaranteeCase>,
}

/// What a guarantee is about.
#[derive(Clone, Debug)]
pub enum Guaranteed {
    /// Only people with certain roles are looked at.
    Role(PassingCodes),
    /// Sealed records are not.
    Seal,
    /// The dead are not.
    Death,
}

impl Guaranteed {
    /// The words in a policy file. A policy must declare each on the case parties.
    pub const NAMES: [&'static str; 3] = ["role", "seal", "death"];

    /// The word in a policy file.
    pub fn name(&self) -> &'static str {
        match self {
            Guaranteed::Role(_) => "role",
            Guaranteed::Seal => "seal",
            Guaranteed::Death => "death",
        }
    }
}

/// The codes of a column with which a row passes. Every other code of its code
/// list, and an empty cell, is withheld at every age.
#[derive(Clone, Debug)]
pub struct PassingCodes {
    /// The column; beside it the guarantee's rules read the age alone.
    pub column: String,
    /// The codes that pass.
    pub passes: Vec<String>,
    /// Every other code of the column's code list.
    pub withheld: Vec<String>,
    /// The ages at which each code is tried, beside an unknown age.
    pub ages: Vec<i64>,
}

/// A row and whether its guarantee withholds it.
#[derive(Clone, Debug)]
pub struct GuaranteeCase {
    /// The row.
    pub row: CaseRow,
    /// Whether one of the guarantee's rules must be yes on it; else none may be.
    pub withheld: bool,
}

/// A named combination of rules.
#[derive(Clone, Debug)]
pub struct Term {
    /// Its id.
    pub id: String,
    /// Title in both languages.
    pub title: Text,
    /// The combination as written.
    pub means: String,
    /// The combination in rule ids alone.
    pub combination: Combination,
}

/// Which way a lead goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the procuratorate to a social agency.
    ToSocial,
    /// From a social agency's register to judicial aid.
    ToJudicial,
}

impl Direction {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Direction::ToSocial => "to_social",
            Direction::ToJudicial => "to_judicial",
        }
    }
}

/// An aid and who qualifies for it.
#[derive(Clone, Debug)]
pub struct Aid {
    /// Its id.
    pub id: String,
    /// Which way its leads go.
    pub direction: Direction,
    /// The agency that gives it.
    pub agency: String,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// Who qualifies, as written.
    pub qualifies_text: String,
    /// Who qualifies, in rule ids, AND and OR only.
    pub qualifies: Combination,
    /// Who already receives it, as written.
    pub settled_text: Option<String>,
    /// Who already receives it, in rule ids.
    pub settled: Option<Combination>,
    /// Who was referred to it before, in rule ids; made from `[[referral_state]]`.
    pub referred: Combination,
    /// What a person must still check.
    pub check: Option<Text>,
    /// The deadline of its leads.
    pub deadline: String,
}

/// A period within which something must be done.
#[derive(Clone, Debug)]
pub struct PolicyDeadline {
    /// Its id.
    pub id: String,
    /// Title in both languages.
    pub title: Text,
    /// Working days; the first day is not counted.
    pub working_days: u32,
    /// Document and article.
    pub cites: Vec<String>,
}

/// A document that rules cite, or an agency: an id with its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name in both languages.
    pub name: Text,
    /// A short name for citations on lists; else the id serves.
    pub short: Option<Text>,
}

/// A whole policy, checked: every id it uses is defined, every column exists.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its id, `shaoguan`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Title in both languages.
    pub title: Text,
    /// BLAKE3 digest of the file, hexadecimal.
    pub digest: String,
    /// The documents cited.
    pub sources: Vec<Named>,
    /// The agencies.
    pub agencies: Vec<Named>,
    /// The deadlines.
    pub deadlines: Vec<PolicyDeadline>,
    /// The rules in the order of the file, those made from `[[referral_state]]` last.
    pub rules: Vec<Rule>,
    /// What never becomes a token; on the case parties at least one of each kind.
    pub guarantees: Vec<Guarantee>,
    /// The terms.
    pub terms: Vec<Term>,
    /// The aids in the order of the file.
    pub aids: Vec<Aid>,
    /// The export of earlier referrals, if the policy knows any.
    pub referrals_on: Option<String>,
}

pub use aidlink_contract::token_table::CASE_EXPORT;

impl Policy {
    /// The rule with an id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The aid with an id.
    pub fn aid(&self, id: &str) -> Option<&Aid> {
        self.aids.iter().find(|aid| aid.id == id)
    }

    /// The deadline with an id.
    pub fn deadline(&self, id: &str) -> Option<&PolicyDeadline> {
        self.deadlines.iter().find(|deadline| deadline.id == id)
    }

    /// The name of an agency, or its id when the policy does not name it.
    pub fn agency_name(&self, id: &str) -> Text {
        self.agencies
            .iter()
            .find(|agency| agency.id == id)
            .map_or_else(|| Text::new(id, id), |agency| agency.name.clone())
    }

    /// A citation with the short name of its document: `SG 二(一)1` becomes
    /// 韶关意见 二(一)1.
    pub fn citation(&self, cite: &str) -> Text {
        let (id, article) = cite.split_once(' ').unwrap_or((cite, ""));
        let short = self
            .sources
            .iter()
            .find(|source| source.id == id)
            .and_then(|source| source.short.clone())
            .unwrap_or_else(|| Text::new(id, id));
        let whole = |short: String| format!("{short} {article}").trim_end().to_owned();
        Text::new(whole(short.zh), whole(short.en))
    }

    /// The rules whose outcomes leave an export: all on it but the withhold rules.
    pub fn outcome_rules<'p>(&'p self, export: &'p str) -> impl Iterator<Item = &'p Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.on == export && rule.kind != RuleKind::Withhold)
    }

    /// The ids of the rules whose outcomes leave an export, in their order.
    pub fn rule_ids(&self, export: &str) -> Vec<String> {
        self.outcome_rules(export)
            .map(|rule| rule.id.clone())
            .collect()
    }

    /// The rules that keep rows of an export at home.
    pub fn withhold_rules<'p>(&'p self, export: &'p str) -> impl Iterator<Item = &'p Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.on == export && rule.kind == RuleKind::Withhold)
    }

    /// The guarantee with an id.
    pub fn guarantee(&self, id: &str) -> Option<&Guarantee> {
        self.guarantees.iter().find(|guarantee| guarantee.id == id)
    }

    /// The rules of a guarantee, in its order.
    pub fn rules_of<'p>(&'p self, guarantee: &'p Guarantee) -> impl Iterator<Item = &'p Rule> {
        guarantee.rules.iter().filter_map(|id| self.rule(id))
    }

    /// The columns of an export that its rules read, derived columns left out.
    pub fn columns_needed(&self, export: &str) -> BTreeSet<String> {
        let derived = [
            crate::rule_language::DERIVED_AGE,
            crate::rule_language::DERIVED_MINOR,
            crate::rule_language::DERIVED_SEX,
            crate::rule_language::DERIVED_AS_OF,
        ];
        self.rules
            .iter()
            .filter(|rule| rule.on == export)
            .flat_map(|rule| rule.expression.columns())
            .filter(|column| !derived.contains(&column.as_str()))
            .collect()
    }
}
