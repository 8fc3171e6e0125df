//! The policy of one place: rules, terms, aids, deadlines and earlier
//! referrals, with citations and test cases.
//!
//! [`Policy::read`] reads a TOML file, and those of the policies below it, merges them and
//! reports all faults at once. Everything else sees the merged policy. The agency crate,
//! which evaluates rows, runs the cases of rules and guarantees.

mod canonical;
mod layer_files;
mod merge;
mod merged_parameter;
mod origin;
mod read;

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

use crate::answer::Answer;
use crate::calendar::{Calendar, Deadline};
use crate::period::Period;
use crate::rule_language::{Combination, Expression, NamedValue};
use crate::schema::ExportSchema;
use crate::value::Value;
use aidlink_contract::grade::Judgement;
use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Text;

pub use layer_files::{PolicySource, files_below};
pub use origin::{Change, ChangeKind, Dropped, Layer, Origin, Origins, PartKind, Spot};

/// The meaning of a rule whose outcome is yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// A ground for judicial aid (SG 二(一)).
    Ground,
    /// A reason for which aid is usually not given (SG 二(二)); flagged for a
    /// person to decide, never applied automatically.
    Exclusion,
    /// A group to be helped first (SG 一(三)).
    Priority,
    /// Evidence of hardship.
    Hardship,
    /// The person already receives an aid.
    Receiving,
    /// An earlier referral; made from `[[referral_state]]`.
    Referral,
    /// A status of a case row or of a person in a register.
    Status,
    /// The row must never become a token.
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

    /// Returns the word used in policy files.
    pub fn name(self) -> &'static str {
        RuleKind::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// Returns the word shown to users.
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

/// How a rule treats the outcome unknown that results from empty columns. What cannot
/// be read is never taken for no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnknown {
    /// Keep it, so that a person reviews the row.
    Review,
    /// Treat it as no.
    No,
    /// Treat it as yes (withhold rules: withhold the row when in doubt).
    Yes,
}

impl WhenUnknown {
    /// Returns the outcome of a condition without regard to a core. A cell that cannot be
    /// read never means no.
    pub fn outcome(self, condition: Answer) -> Outcome {
        match (condition, self) {
            (Answer::Yes, _) => Outcome::Yes,
            (Answer::No, _) | (Answer::Empty, WhenUnknown::No) => Outcome::No,
            (Answer::Empty | Answer::Unreadable, WhenUnknown::Yes) => Outcome::Yes,
            (Answer::Empty | Answer::Unreadable, _) => Outcome::Unknown,
        }
    }
}

/// A condition on one row of one export.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, by which terms and aids name it.
    pub id: String,
    /// The export whose rows it reads.
    pub on: String,
    /// Its kind.
    pub kind: RuleKind,
    /// The condition as written.
    pub when: String,
    /// The condition, parsed and checked.
    pub expression: Expression,
    /// How it treats the outcome unknown.
    pub when_unknown: WhenUnknown,
    /// The fact on which the rule turns. If it holds and the condition is unknown,
    /// the outcome is indicated.
    pub core: Option<Core>,
    /// Whether the outcome is at most indicated (`at_most = "review"`), because a
    /// place's own text is narrower than the rule, or a citation is not confirmed.
    pub at_most_review: bool,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// What a person must still check.
    pub check: Option<Text>,
    /// Whether a lead that rests on this rule is urgent.
    pub urgent: bool,
    /// The names of the parameters that it uses.
    pub parameters: Vec<String>,
    /// Test rows with their expected outcomes.
    pub cases: Vec<RuleCase>,
}

/// The fact on which a rule turns.
#[derive(Clone, Debug)]
pub struct Core {
    /// The fact as written.
    pub text: String,
    /// The fact, parsed and checked.
    pub expression: Expression,
}

impl Rule {
    /// Returns the rule's outcome for a row, from what its condition and its core give on
    /// that row.
    pub fn outcome(&self, condition: Answer, core: Option<Answer>) -> Outcome {
        match condition {
            Answer::Empty | Answer::Unreadable if core == Some(Answer::Yes) => Outcome::Indicated,
            Answer::Yes if self.at_most_review => Outcome::Indicated,
            condition => self.when_unknown.outcome(condition),
        }
    }

    /// Returns the expressions that the outcome depends on: the condition and the
    /// core.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let core = self.core.as_ref().map(|core| &core.expression);
        std::iter::once(&self.expression).chain(core)
    }

    /// Returns the columns that the rule reads, derived ones included.
    pub fn columns(&self) -> BTreeSet<String> {
        self.expressions().flat_map(Expression::columns).collect()
    }
}

/// The default as-of date of a case.
pub const CASE_AS_OF: Date = Date::constant(2026, 9, 30);

/// A test row in a policy file.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// Where the case is.
    pub at: Spot,
    /// The columns with a value; all others are empty.
    pub columns: Vec<(String, Value)>,
    /// The columns whose cell cannot be read.
    pub unreadable: Vec<String>,
    /// The age at the as-of date, if given.
    pub age: Option<i64>,
    /// `male` or `female`, if given.
    pub sex: Option<String>,
    /// The as-of date.
    pub as_of: Date,
}

/// A test row with the outcome that its rule must have.
#[derive(Clone, Debug)]
pub struct RuleCase {
    /// The row.
    pub row: CaseRow,
    /// The expected outcome of the rule; see [`Rule::outcome`].
    pub outcome: Outcome,
}

/// A promise that certain rows of an export never become tokens, with the
/// withhold rules that keep it and test rows that verify it.
///
/// A guarantee is tested with its own rules only, so that another withhold rule
/// cannot hide a weakened one. More rules, cases and ages, and fewer passing
/// codes, can only withhold more rows. A layer on top of a policy can therefore
/// widen a guarantee in these ways without knowing the rest of the policy.
#[derive(Clone, Debug)]
pub struct Guarantee {
    /// Its id.
    pub id: String,
    /// Where it starts.
    pub at: Spot,
    /// The export whose rows it concerns.
    pub on: String,
    /// The property that it guarantees.
    pub of: Guaranteed,
    /// The ids of the withhold rules that keep it; at least one, all on the same
    /// export.
    pub rules: Vec<String>,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// Test rows that are withheld or pass; at least one of each.
    pub cases: Vec<GuaranteeCase>,
}

/// The property that a guarantee is about.
#[derive(Clone, Debug)]
pub enum Guaranteed {
    /// Only persons with certain roles become tokens.
    Role(PassingCodes),
    /// Sealed records do not become tokens.
    Seal,
    /// Dead persons do not become tokens.
    Death,
}

impl Guaranteed {
    /// The words used in policy files. A policy must declare a guarantee of each
    /// on the case parties.
    pub const NAMES: [&'static str; 3] = ["role", "seal", "death"];

    /// Returns the word used in policy files.
    pub fn name(&self) -> &'static str {
        match self {
            Guaranteed::Role(_) => "role",
            Guaranteed::Seal => "seal",
            Guaranteed::Death => "death",
        }
    }
}

/// The codes of a column with which a row passes. Rows with any other code of
/// the code list, or with an empty cell, are withheld at every age.
#[derive(Clone, Debug)]
pub struct PassingCodes {
    /// The column. The guarantee's rules read only this column and the age.
    pub column: String,
    /// The codes that pass.
    pub passes: Vec<String>,
    /// Every other code of the column's code list.
    pub withheld: Vec<String>,
    /// The ages at which each code is tested, besides an unknown age.
    pub ages: Vec<i64>,
}

/// A test row and whether its guarantee withholds it.
#[derive(Clone, Debug)]
pub struct GuaranteeCase {
    /// The row.
    pub row: CaseRow,
    /// Whether at least one of the guarantee's rules must be yes for the row; if
    /// not, none may be.
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
    /// The combination with terms replaced by rules.
    pub combination: Combination,
}

/// The direction of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the procuratorate to a social agency.
    ToSocial,
    /// From a social agency's register to judicial aid.
    ToJudicial,
}

impl Direction {
    /// Returns the word used in files.
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
    /// The direction of its leads.
    pub direction: Direction,
    /// The agency that gives it.
    pub agency: String,
    /// Title in both languages.
    pub title: Text,
    /// Document and article.
    pub cites: Vec<String>,
    /// What the other system's side must give, as written.
    pub requires_text: String,
    /// What the other system's side must give, as a combination of rules without
    /// negation.
    pub requires: Combination,
    /// The aid's own evidence, as written.
    pub qualifies_text: String,
    /// The aid's own evidence, as a combination of rules without negation.
    pub qualifies: Combination,
    /// Who already receives it, as written.
    pub settled_text: Option<String>,
    /// Who already receives it, as a combination of rules.
    pub settled: Option<Combination>,
    /// Who was referred to it before, as a combination of rules made from
    /// `[[referral_state]]`.
    pub referred: Combination,
    /// Whether a household gets it as a whole.
    pub household: bool,
    /// What a person must still check.
    pub check: Option<Text>,
    /// The id of the deadline of its leads.
    pub deadline: String,
}

impl Aid {
    /// Judges the aid for one case row; `of` returns the outcome of a rule.
    pub fn judge(&self, of: &impl Fn(&str) -> Outcome) -> Judgement {
        Judgement::of(self.requires.outcome(of), self.qualifies.outcome(of))
    }

    /// Returns the rule by which the aid is settled because a register says that something is
    /// received; `None` if it is not settled, or only by an application or by the case itself.
    /// `of` returns the outcome of a rule, `is_of_a_register` says whether a rule is one of kind
    /// [`RuleKind::Receiving`] on a register. A register shows nothing of judicial aid, which the
    /// procuratorate gives itself.
    pub fn received_by<'a>(
        &'a self,
        of: &impl Fn(&str) -> Outcome,
        is_of_a_register: &impl Fn(&str) -> bool,
    ) -> Option<&'a str> {
        let settled = self.settled.as_ref();
        let settled = settled.filter(|_| self.direction == Direction::ToSocial);
        settled?.yes_by(of, is_of_a_register)
    }

    /// Returns whether [`Aid::received_by`] can return this rule.
    pub fn may_be_received_by(&self, rule: &str) -> bool {
        let settled = self.settled.as_ref();
        let settled = settled.filter(|_| self.direction == Direction::ToSocial);
        settled.is_some_and(|settled| settled.may_be_yes_by(rule))
    }

    /// Returns the ids of the rules that a lead for the aid rests on.
    pub fn rests_on(&self) -> BTreeSet<&str> {
        let mut rules = self.requires.rules();
        rules.extend(self.qualifies.rules());
        rules
    }
}

/// A named value of a policy, which layers set.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, as rules use it.
    pub id: String,
    /// Title in both languages.
    pub title: Text,
    /// The word for its type in policy files.
    pub type_name: &'static str,
    /// Its values, those of the lowest layer first. The last one counts; there is at least
    /// one.
    pub settings: Vec<ParameterSetting>,
}

/// A value that a layer gives a parameter.
#[derive(Clone, Debug)]
pub struct ParameterSetting {
    /// The number of the layer, from 0 for the lowest.
    pub layer: usize,
    /// The value.
    pub value: NamedValue,
    /// Document and article; `None` if the place decided itself (`local`).
    pub cite: Option<String>,
}

impl Parameter {
    /// Returns the value that counts.
    pub fn setting(&self) -> Option<&ParameterSetting> {
        self.settings.last()
    }

    /// Returns the value that counts for a layer without those above it. If it has none yet,
    /// returns the first one above.
    fn as_of_layer(&self, layer: usize) -> Option<&ParameterSetting> {
        let mut known = self.settings.iter().rev();
        let known = known.find(|setting| setting.layer <= layer);
        known.or_else(|| self.settings.first())
    }
}

impl fmt::Display for ParameterSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(formatter, &self.value)
    }
}

fn write_value(formatter: &mut fmt::Formatter<'_>, value: &NamedValue) -> fmt::Result {
    match value {
        NamedValue::Number(number) => write!(formatter, "{number}"),
        NamedValue::Text(text) => formatter.write_str(text),
        NamedValue::Date(date) => write!(formatter, "{date}"),
        NamedValue::Period(period) => write!(formatter, "{period}"),
        NamedValue::List(values) => {
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    formatter.write_str(", ")?;
                }
                write_value(formatter, value)?;
            }
            Ok(())
        }
    }
}

/// A period within which something must be done.
#[derive(Clone, Debug)]
pub struct PolicyDeadline {
    /// Its id.
    pub id: String,
    /// Title in both languages.
    pub title: Text,
    /// What the period runs from.
    pub from: DeadlineStart,
    /// How long it is.
    pub length: DeadlineLength,
    /// Document and article.
    pub cites: Vec<String>,
}

impl PolicyDeadline {
    /// Returns the last day of the period as far as the issue of a list tells it:
    /// as if the period ran from that day. `None` if the length is not set.
    pub fn counted_from_issue(&self, issued_on: Date, calendar: &Calendar) -> Option<Deadline> {
        match self.length {
            DeadlineLength::WorkingDays(days) => calendar.deadline(issued_on, days),
            DeadlineLength::Unset(_) => None,
        }
    }

    /// Returns the length and the start in words.
    pub fn period(&self) -> Text {
        let from = self.from.title();
        match &self.length {
            DeadlineLength::WorkingDays(days) => Text::new(
                format!("{}起{days}个工作日", from.zh),
                match days {
                    1 => format!("1 working day {}", from.en),
                    days => format!("{days} working days {}", from.en),
                },
            ),
            DeadlineLength::Unset(reason) => Text::new(
                format!("未定，{}起算：{}", from.zh, reason.zh),
                format!("not set, {}: {}", from.en, reason.en),
            ),
        }
    }
}

/// How long a period is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadlineLength {
    /// Number of working days; the first day is not counted.
    WorkingDays(u32),
    /// The source sets no number of days, for this reason.
    Unset(Text),
}

/// What a period runs from. A round knows only the day on which a list is issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadlineStart {
    /// The day on which a person confirms the lead.
    #[default]
    Confirmation,
    /// The day on which the lead is received by the office that must act.
    Receipt,
    /// The day on which the list is issued.
    Issue,
    /// The day on which the lead is sent.
    Sending,
    /// The day of the agency's reply.
    Reply,
    /// The day on which the aid is given.
    Delivery,
}

impl DeadlineStart {
    /// All of them.
    pub const ALL: [DeadlineStart; 6] = [
        DeadlineStart::Confirmation,
        DeadlineStart::Receipt,
        DeadlineStart::Issue,
        DeadlineStart::Sending,
        DeadlineStart::Reply,
        DeadlineStart::Delivery,
    ];

    /// Returns the word of the policy file.
    pub fn name(self) -> &'static str {
        match self {
            DeadlineStart::Confirmation => "confirmation",
            DeadlineStart::Receipt => "receipt",
            DeadlineStart::Issue => "issue",
            DeadlineStart::Sending => "sending",
            DeadlineStart::Reply => "reply",
            DeadlineStart::Delivery => "delivery",
        }
    }

    /// Returns the words for users.
    pub fn title(self) -> Text {
        match self {
            DeadlineStart::Confirmation => {
                Text::new("自线索确认之日", "from confirmation of the lead")
            }
            DeadlineStart::Receipt => Text::new("自收到线索之日", "from receipt of the lead"),
            DeadlineStart::Issue => Text::new("自清单签发之日", "from the issue of the list"),
            DeadlineStart::Sending => Text::new("自移送之日", "from sending the lead"),
            DeadlineStart::Reply => Text::new("自收到反馈之日", "from the agency's reply"),
            DeadlineStart::Delivery => Text::new("自救助落实之日", "from giving the aid"),
        }
    }
}

/// An id with a name: an agency, or a document that rules cite.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name in both languages.
    pub name: Text,
    /// A short name for citations on lists; without it, lists show the id.
    pub short: Option<Text>,
    /// The id of the policy of the place that issued the document; `None` if it holds
    /// everywhere.
    pub place: Option<String>,
}

/// The end of a citation that was not compared with the text of its document.
const UNCONFIRMED: &str = "（待核 to be confirmed）";

/// `[[referral_state]]`: how long a referral in one of these states keeps the person from being
/// a lead for the same aid.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferralState {
    /// The codes of the states.
    pub states: Vec<String>,
    /// The ids of the aids; empty for all.
    pub aids: Vec<String>,
    /// How long.
    pub suppresses: Suppression,
    /// The day before which the state must not have been reached: then it counts no longer.
    pub lapses_on: Option<Date>,
    /// The rule on the case parties that lets the person be a lead again.
    pub reopened_by: Option<String>,
    /// Title in both languages.
    pub title: Text,
    /// The articles.
    pub cites: Vec<String>,
    /// What a person must check.
    pub check: Option<Text>,
}

/// How long an earlier referral keeps the person from being a lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Suppression {
    /// As long as it is in the state.
    Always,
    /// Not at all.
    Never,
    /// For a time from the day on which it reached the state.
    For(Period),
}

impl ReferralState {
    /// Whether it holds for an aid.
    pub fn applies_to(&self, aid: &str) -> bool {
        self.aids.is_empty() || self.aids.iter().any(|other| other == aid)
    }
}

/// A checked policy: all ids it uses are defined and all columns exist.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its id, such as `shaoguan`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Title in both languages.
    pub title: Text,
    /// BLAKE3 digest of what the merged policy says, hexadecimal. Comments, the order of
    /// keys and the division into layers do not count.
    pub digest: String,
    /// The documents cited.
    pub sources: Vec<Named>,
    /// The agencies.
    pub agencies: Vec<Named>,
    /// The deadlines.
    pub deadlines: Vec<PolicyDeadline>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The rules in the order of the file, followed by the rules made from
    /// `[[referral_state]]`.
    pub rules: Vec<Rule>,
    /// Rules as a layer has them that wrote cases for them, where a layer above amended them
    /// or set a parameter that they use. They serve to run these cases and judge no row.
    pub earlier_rules: Vec<Rule>,
    /// The guarantees; at least one of each kind on the case parties.
    pub guarantees: Vec<Guarantee>,
    /// The terms.
    pub terms: Vec<Term>,
    /// The aids in the order of the file.
    pub aids: Vec<Aid>,
    /// The export of earlier referrals, if the policy uses one.
    pub referrals_on: Option<String>,
    /// What becomes of earlier referrals, by their state.
    pub referral_states: Vec<ReferralState>,
    /// The layers, and where each part comes from.
    pub origins: Origins,
}

pub use aidlink_contract::token_table::CASE_EXPORT;

/// The name of the export of earlier referrals, in place of which a round may read the
/// procuratorate's register.
pub const REFERRALS_EXPORT: &str = "procuratorate.referrals";

/// The name of a policy's copy in a finished round.
const COPY: &str = "policy.toml";

impl Policy {
    /// Returns the files of the policy, its own first, each on top of the next, with the
    /// names of their copies in a finished round. From the first copy the policy can be read
    /// again, because copies count before what `extends` names.
    pub fn copies(&self) -> impl Iterator<Item = (String, &Layer)> {
        let layers = self.origins.layers.iter().rev().enumerate();
        layers.map(|(number, layer)| match number {
            0 => (COPY.to_owned(), layer),
            number => (layer_files::copy_below(COPY, number), layer),
        })
    }

    /// Returns the rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Returns the parameter with this name.
    pub fn parameter(&self, id: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.id == id)
    }

    /// Returns the aid with this id.
    pub fn aid(&self, id: &str) -> Option<&Aid> {
        self.aids.iter().find(|aid| aid.id == id)
    }

    /// Returns what becomes of an earlier referral for an aid in a state.
    pub fn referral_state(&self, aid: &str, state: &str) -> Option<&ReferralState> {
        let mut states = self.referral_states.iter();
        states.find(|one| one.applies_to(aid) && one.states.iter().any(|known| known == state))
    }

    /// Returns the deadline with this id.
    pub fn deadline(&self, id: &str) -> Option<&PolicyDeadline> {
        self.deadlines.iter().find(|deadline| deadline.id == id)
    }

    /// Returns the name of an agency, or its id if the policy does not name it.
    pub fn agency_name(&self, id: &str) -> Text {
        self.agencies
            .iter()
            .find(|agency| agency.id == id)
            .map_or_else(|| Text::new(id, id), |agency| agency.name.clone())
    }

    /// Returns a citation with the short name of its document: `SG 二(一)1`
    /// becomes 韶关意见 二(一)1.
    pub fn citation(&self, cite: &str) -> Text {
        let (cite, mark) = match cite.strip_suffix(UNCONFIRMED) {
            Some(cite) => (cite, Text::new("（待核）", " (to be confirmed)")),
            None => (cite, Text::default()),
        };
        let (id, article) = cite.split_once(' ').unwrap_or((cite, ""));
        let short = self
            .source(id)
            .and_then(|source| source.short.clone())
            .unwrap_or_else(|| Text::new(id, id));
        let whole = |short: String, mark: String| {
            let named = format!("{short} {article}");
            format!("{}{mark}", named.trim_end())
        };
        Text::new(whole(short.zh, mark.zh), whole(short.en, mark.en))
    }

    /// Returns the citations as lists show them. A document of another place is no basis
    /// here, so it is shown only where nothing else is cited.
    pub fn citations_on_lists(&self, cites: &[String]) -> Vec<Text> {
        let is_of_here = |cite: &&String| {
            let id = cite.split(' ').next().unwrap_or_default();
            let place = self.source(id).and_then(|source| source.place.as_ref());
            let mut layers = self.origins.layers.iter();
            place.is_none_or(|place| layers.any(|layer| layer.id == *place))
        };
        let of_here: Vec<&String> = cites.iter().filter(is_of_here).collect();
        let shown = match of_here.is_empty() {
            true => cites.iter().collect(),
            false => of_here,
        };
        shown.into_iter().map(|cite| self.citation(cite)).collect()
    }

    fn source(&self, id: &str) -> Option<&Named> {
        self.sources.iter().find(|source| source.id == id)
    }

    /// Returns the exports that rules read, without that of the case parties.
    pub fn registers_used(&self) -> BTreeSet<&str> {
        let exports = self.rules.iter().map(|rule| rule.on.as_str());
        exports.filter(|export| *export != CASE_EXPORT).collect()
    }

    /// Returns the rules whose outcomes are sent to the centre: all rules on the
    /// export except withhold rules.
    pub fn outcome_rules<'p>(&'p self, export: &'p str) -> impl Iterator<Item = &'p Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.on == export && rule.kind != RuleKind::Withhold)
    }

    /// Whether a rule says that a register shows something as received.
    pub fn is_receipt(&self, rule: &str) -> bool {
        let own = [Some(CASE_EXPORT), self.referrals_on.as_deref()];
        self.rule(rule).is_some_and(|rule| {
            rule.kind == RuleKind::Receiving && !own.contains(&Some(rule.on.as_str()))
        })
    }

    /// Returns the ids of [`outcome_rules`](Self::outcome_rules), in their order.
    pub fn rule_ids(&self, export: &str) -> Vec<String> {
        self.outcome_rules(export)
            .map(|rule| rule.id.clone())
            .collect()
    }

    /// Returns the withhold rules on an export.
    pub fn withhold_rules<'p>(&'p self, export: &'p str) -> impl Iterator<Item = &'p Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.on == export && rule.kind == RuleKind::Withhold)
    }

    /// Returns the guarantee with this id.
    pub fn guarantee(&self, id: &str) -> Option<&Guarantee> {
        self.guarantees.iter().find(|guarantee| guarantee.id == id)
    }

    /// Returns the rules of a guarantee, in its order.
    pub fn rules_of<'p>(&'p self, guarantee: &'p Guarantee) -> impl Iterator<Item = &'p Rule> {
        guarantee.rules.iter().filter_map(|id| self.rule(id))
    }

    /// Returns the columns that the rules on an export read, and those from which their
    /// values are derived; without the columns derived from the ID number.
    pub fn columns_needed(&self, export: &ExportSchema) -> BTreeSet<String> {
        let derived = [
            crate::rule_language::DERIVED_AGE,
            crate::rule_language::DERIVED_MINOR,
            crate::rule_language::DERIVED_SEX,
            crate::rule_language::DERIVED_AS_OF,
        ];
        let rules = self.rules.iter().filter(|rule| rule.on == export.name);
        let mut needed: BTreeSet<String> = rules
            .flat_map(Rule::columns)
            .filter(|column| !derived.contains(&column.as_str()))
            .collect();
        let fields = export.fields.iter();
        let sources: Vec<String> = fields
            .filter(|field| needed.contains(&field.name))
            .filter_map(|field| Some(field.derived_from.as_ref()?.field.clone()))
            .collect();
        needed.extend(sources);
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(when_unknown: WhenUnknown, at_most_review: bool) -> Rule {
        Rule {
            id: "rule".into(),
            on: CASE_EXPORT.into(),
            kind: RuleKind::Ground,
            when: String::new(),
            expression: Expression::Constant(true),
            when_unknown,
            core: None,
            at_most_review,
            title: Text::default(),
            cites: Vec::new(),
            check: None,
            urgent: false,
            parameters: Vec::new(),
            cases: Vec::new(),
        }
    }

    #[test]
    fn condition_and_core_give_the_outcome() {
        use Answer::{Empty, Unreadable};
        use Outcome::{Indicated, No, Unknown, Yes};
        let cores = [
            None,
            Some(Answer::No),
            Some(Empty),
            Some(Unreadable),
            Some(Answer::Yes),
        ];
        for at_most_review in [false, true] {
            for (when_unknown, of_empty, of_unreadable) in [
                (WhenUnknown::Review, Unknown, Unknown),
                (WhenUnknown::No, No, Unknown),
                (WhenUnknown::Yes, Yes, Yes),
            ] {
                let rule = rule(when_unknown, at_most_review);
                let holds = if at_most_review { Indicated } else { Yes };
                for core in cores {
                    // A core matters only where the condition is not known.
                    assert_eq!(rule.outcome(Answer::Yes, core), holds);
                    assert_eq!(rule.outcome(Answer::No, core), No);
                    let has_core = core == Some(Answer::Yes);
                    for (condition, without) in [(Empty, of_empty), (Unreadable, of_unreadable)] {
                        let expected = if has_core { Indicated } else { without };
                        assert_eq!(rule.outcome(condition, core), expected);
                    }
                }
            }
        }
    }
}
