//! The policy of one place: rules, terms, aids, deadlines and earlier
//! referrals, with citations and with the rules' own test cases.
//!
//! `read` turns a TOML file into a [`Policy`] or reports every fault at once;
//! `cases` runs the cases that the rules carry.

mod read;

use std::collections::BTreeSet;

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

/// A row and the outcome that its rule must give.
#[derive(Clone, Debug)]
pub struct RuleCase {
    /// The line of the policy file it stands on.
    pub line: usize,
    /// Columns with a value; all others are empty.
    pub row: Vec<(String, Value)>,
    /// The age at the as-of date, if given.
    pub age: Option<i64>,
    /// `male` or `female`, if given.
    pub sex: Option<String>,
    /// The as-of date.
    pub as_of: jiff::civil::Date,
    /// The outcome, after [`WhenUnknown`] was applied.
    pub outcome: Outcome,
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
