//! What is recorded: events of a lead, of a person or of the register. Everything else is
//! derived from them.
//!
//! The type is the format: an event is stored as its kind and its fields in JSON. Fields
//! that this program does not know are refused.

use aidlink_policy::pack;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::decision::{Finding, Reason};
use crate::number::{EventId, LeadNumber, PersonNumber};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "fields", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "an event is short-lived and there is one at a time"
)]
pub enum Event {
    /// The register was made.
    Created(Created),
    /// The persons' tokens were made anew under another key of the register.
    Rekeyed(Rekeyed),
    /// A person accepted the register although its signed head was missing or ahead of it.
    Accepted(Accepted),

    /// A lead was found: by a round, or otherwise.
    Found(Found),
    /// A person checked the lead.
    Checked(Checked),
    /// The person was told of the rights.
    ToldRights(ToldRights),
    /// The person was asked.
    Consent(Consent),
    /// A step of judicial aid.
    JudicialAid(JudicialAid),
    /// A document that a referral needs.
    Material(Material),
    /// The referral was approved on paper.
    Approved(Approved),
    /// The lead was sent to the agency.
    Sent(Sent),
    /// The agency signed for it.
    SignedFor(SignedFor),
    /// The agency returned it.
    Returned(Returned),
    /// The agency replied.
    Replied(Replied),
    /// The person was told the outcome.
    ToldOutcome(ToldOutcome),
    /// The person applied.
    AppliedAt(AppliedAt),
    /// The aid was granted.
    Granted(Granted),
    /// The aid was refused for good.
    RefusedFinally(RefusedFinally),
    /// The lead went to the office that has jurisdiction.
    Moved(Moved),
    /// A visit was planned.
    VisitPlanned(VisitPlanned),
    /// The person was visited.
    Visited(Visited),
    /// Advice was given in writing.
    Advice(Advice),
    /// An event was wrong: what is right.
    Corrected(Corrected),
    /// An event did not happen.
    Withdrawn(Withdrawn),
    /// The lead was closed.
    Closed(Closed),
}

impl Event {
    /// Returns the name of its kind in documents.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Created(_) => "created",
            Event::Rekeyed(_) => "rekeyed",
            Event::Accepted(_) => "accepted",
            Event::Found(_) => "found",
            Event::Checked(_) => "checked",
            Event::ToldRights(_) => "told_rights",
            Event::Consent(_) => "consent",
            Event::JudicialAid(_) => "judicial_aid",
            Event::Material(_) => "material",
            Event::Approved(_) => "approved",
            Event::Sent(_) => "sent",
            Event::SignedFor(_) => "signed_for",
            Event::Returned(_) => "returned",
            Event::Replied(_) => "replied",
            Event::ToldOutcome(_) => "told_outcome",
            Event::AppliedAt(_) => "applied_at",
            Event::Granted(_) => "granted",
            Event::RefusedFinally(_) => "refused_finally",
            Event::Moved(_) => "moved",
            Event::VisitPlanned(_) => "visit_planned",
            Event::Visited(_) => "visited",
            Event::Advice(_) => "advice",
            Event::Corrected(_) => "corrected",
            Event::Withdrawn(_) => "withdrawn",
            Event::Closed(_) => "closed",
        }
    }
}

/// Fields of [`Event::Created`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// The id of the register: 32 hexadecimal digits.
    pub register: String,
    /// The id of the register's key.
    pub key_id: String,
    /// The public key that signs its heads.
    pub signer: String,
}

/// Fields of [`Event::Rekeyed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rekeyed {
    /// The id of the key from now on.
    pub key_id: String,
    /// How many persons have new tokens.
    pub persons: u64,
}

/// Fields of [`Event::Accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// How many events the head named; `None` if there was no head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_of_head: Option<u64>,
    /// The digest of the last event that the head named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_of_head: Option<String>,
}

/// The direction of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the procuratorate to an agency.
    ToSocial,
    /// To judicial aid.
    ToJudicial,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Direction; 2] = [Direction::ToSocial, Direction::ToJudicial];

    /// Returns the word in documents.
    pub fn name(self) -> &'static str {
        pack::Direction::from(self).name()
    }
}

impl From<pack::Direction> for Direction {
    fn from(direction: pack::Direction) -> Self {
        match direction {
            pack::Direction::ToSocial => Direction::ToSocial,
            pack::Direction::ToJudicial => Direction::ToJudicial,
        }
    }
}

impl From<Direction> for pack::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::ToSocial => pack::Direction::ToSocial,
            Direction::ToJudicial => pack::Direction::ToJudicial,
        }
    }
}

/// Where a lead comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A round's lists.
    Round,
    /// A colleague.
    Colleague,
    /// An agency.
    Agency,
    /// The person or a relative.
    Applicant,
    /// A petition.
    Petition,
}

/// Fields of [`Event::Found`]: the lead as its source gives it, and the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Where it comes from.
    pub source: Source,
    /// The person's number in the register.
    pub person: PersonNumber,
    /// The id of the aid.
    pub aid: String,
    /// The id of the agency that gives the aid or, of a lead to judicial aid from an agency,
    /// of the agency that sent it.
    pub agency: String,
    /// The direction.
    pub direction: Direction,
    /// The round, if a round found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<FoundBy>,
    /// The person as known then.
    #[serde(default)]
    pub about: About,
    /// How sure it is: `established` or `to_be_clarified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// How soon it must be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// Whether the person was a minor or of unknown age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<bool>,
    /// The day by which the list asks for a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_by: Option<Date>,
    /// What speaks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// How sure a lead is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// A person must clarify what is not known.
    ToBeClarified,
    /// Both sides are established.
    Established,
}

/// How soon a lead must be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// At once.
    Urgent,
    /// Before others.
    Priority,
    /// In its turn.
    Ordinary,
}

/// The round that found a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundBy {
    /// The id of the round.
    pub id: String,
    /// The digest of the manifest of its output folder, hexadecimal.
    pub manifest: String,
    /// The lead's number on the round's lists.
    pub lead: LeadNumber,
    /// Whether the lists are provisional.
    #[serde(default, skip_serializing_if = "is_false")]
    pub provisional: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A person as a lead describes one. No ID number, no telephone number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The names that the export gives, as listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The case numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub case_numbers: Vec<String>,
    /// Who handles the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The unit that handles the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The place of registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<String>,
    /// The place where the person lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives_at: Option<String>,
    /// The guardian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardian: Option<String>,
    /// The sex, as listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    /// The age in years on the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<u8>,
    /// The number of the household's matter, if the place numbers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
}

/// What speaks for a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The id of the rule.
    pub rule: String,
    /// The export on which the rule is evaluated.
    pub register: String,
    /// The snapshot date of the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Date>,
}

/// Fields of [`Event::Checked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// What was found.
    pub finding: Finding,
    /// Why it is rejected. Only a rejection has a reason, and it must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Who decided, as the list says; `None` if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// In which way a person was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// In person.
    InPerson,
    /// By post.
    Post,
    /// By telephone.
    Call,
    /// By a message.
    Message,
}

/// Fields of [`Event::ToldRights`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRights {
    /// The way; `None` if a ledger that was taken in does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// The number of the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What a person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The person agrees.
    Given,
    /// The person does not want the aid.
    Refused,
    /// The person could not be reached.
    NotReachable,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// The person.
    Person,
    /// The guardian. Under 14 the guardian decides.
    Guardian,
}

/// Fields of [`Event::Consent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The answer.
    pub answer: Answer,
    /// By whom; `None` if nobody was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AnsweredBy>,
    /// The ids of the agencies that may be told. Empty: the agency of the lead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A step of judicial aid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudicialAidStep {
    /// Applied for.
    Applied,
    /// Granted.
    Granted,
    /// Refused.
    Refused,
    /// Paid.
    Paid,
}

/// Fields of [`Event::JudicialAid`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudicialAid {
    /// The step.
    pub step: JudicialAidStep,
    /// The amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The organ: procuratorate, court, police...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organ: Option<String>,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// The state of a material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaterialState {
    /// It is there.
    There,
    /// It is owed.
    Owed,
    /// It is waived.
    Waived,
}

/// Fields of [`Event::Material`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// What it is, such as `困难证明`.
    pub item: String,
    /// Its state.
    pub state: MaterialState,
    /// The register whose evidence replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// The day by which it is to be handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Date>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::Approved`]. The approver is a field of every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// The number of the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// How a lead was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentAs {
    /// With all materials.
    Ordinary,
    /// Before all materials are there; it takes a reason.
    Advance,
}

/// Fields of [`Event::Sent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// How.
    #[serde(rename = "as")]
    pub how: SentAs,
    /// Why in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<String>,
    /// The number of the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    /// The id of the agency, if it is not the lead's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// Who took it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::SignedFor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFor {
    /// Who signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Why an agency returned a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedWhy {
    /// It is another office's duty.
    NotOurDuty,
    /// Something is missing.
    Incomplete,
    /// The person is registered elsewhere.
    NotRegisteredHere,
}

/// Fields of [`Event::Returned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// Why.
    pub why: ReturnedWhy,
    /// The office that the agency names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What an agency replied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The person is eligible.
    Eligible,
    /// The person must apply: steps and materials.
    Procedure,
    /// The person is not eligible. It takes a reason.
    NotEligible,
    /// The person receives the aid already.
    Receives,
    /// Another place is in charge.
    Elsewhere,
}

/// Fields of [`Event::Replied`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replied {
    /// The reply.
    pub reply: Reply,
    /// Why the person is not eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the person must do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// What the person must bring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub materials: Vec<String>,
    /// The office in charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<String>,
    /// The number of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Who told the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// The procuratorate.
    Procuratorate,
    /// The agency.
    Agency,
}

/// Fields of [`Event::ToldOutcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldOutcome {
    /// By whom; `None` if a ledger that was taken in does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ToldBy>,
    /// The way; `None` if a ledger that was taken in does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::AppliedAt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedAt {
    /// Where, such as the township.
    pub office: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// How often an amount is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Every month.
    Month,
    /// Once.
    Once,
}

/// Fields of [`Event::Granted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// What was granted, if it is not the lead's aid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// From which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// How often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// The register that shows it; `None` if the agency said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_by: Option<ShownBy>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A register that shows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownBy {
    /// The export.
    pub register: String,
    /// Its snapshot date.
    pub snapshot: Date,
}

/// Fields of [`Event::RefusedFinally`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedFinally {
    /// Why.
    pub reason: Reason,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::Moved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The office that has jurisdiction.
    pub office: String,
    /// When the sender of the lead was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_told_on: Option<Date>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::VisitPlanned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitPlanned {
    /// For which day.
    pub day: Date,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What a visit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitResult {
    /// The hardship is over.
    Solved,
    /// It is less.
    Eased,
    /// It is the same.
    Same,
    /// It is worse.
    Worse,
}

/// Fields of [`Event::Visited`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visited {
    /// What was found.
    pub result: VisitResult,
    /// Whether the person is satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfied: Option<bool>,
    /// A new need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_need: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A kind of written advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviceKind {
    /// To take the household into monitoring.
    Monitoring,
    /// Procuratorial advice (检察建议).
    Procuratorial,
}

/// Fields of [`Event::Advice`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// Which.
    pub advice: AdviceKind,
    /// To which office.
    pub office: String,
    /// The number of the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Fields of [`Event::Corrected`]: the event that was meant, of the same kind or another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// The event that was wrong.
    pub of: EventId,
    /// The day that is right.
    pub on: Date,
    /// What is right.
    pub event: Box<Event>,
}

/// Fields of [`Event::Withdrawn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// The event that did not happen.
    pub of: EventId,
}

/// Why a lead was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The aid reached the person.
    Delivered,
    /// The aid was refused.
    Refused,
    /// The person does not want it.
    Declined,
    /// The person has died.
    Dead,
    /// The person has moved away.
    MovedAway,
    /// The lead is handled under another number.
    Duplicate,
    /// The person could not be reached.
    NoContact,
}

/// Fields of [`Event::Closed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// The register that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_by: Option<ShownBy>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}
