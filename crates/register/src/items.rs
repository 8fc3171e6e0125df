//! What is appended to a register, and what became of it.

use aidlink_faults::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::decision::{Finding, Reason};
use crate::event::{About, Direction, Event, Evidence, FoundBy, Grade, Source, Urgency};
use crate::number::{EventId, LeadNumber, PersonNumber};
use crate::token::RegisterToken;

/// What a command wants to append.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The items, in their order.
    pub items: Vec<NewItem>,
    /// When they are recorded.
    pub recorded_at: Timestamp,
    /// The day of today where the office is: no event may be later.
    pub today: Date,
    /// Whether nothing is appended if one item is refused.
    pub all_or_nothing: bool,
}

/// An item of a batch.
#[derive(Clone, Debug)]
pub enum NewItem {
    /// A lead that was found.
    Found(FoundLead),
    /// A decision that a list brings back.
    Decision(Decision),
    /// Any other event.
    Event(NewEvent),
}

/// A lead that was found. The register numbers the person: a person whose token it knows
/// keeps the number.
#[derive(Clone, Debug)]
pub struct FoundLead {
    /// The person. Without a token, the person is the one with `person_number`: no round finds
    /// the person again.
    pub token: Option<RegisterToken>,
    /// The person's number on the round's lists, which a person who is new here gets.
    pub person_number: PersonNumber,
    /// The id of the aid.
    pub aid: String,
    /// The id of the agency.
    pub agency: String,
    /// The direction.
    pub direction: Direction,
    /// Where it comes from.
    pub source: Source,
    /// The round, if a round found it.
    pub round: Option<FoundBy>,
    /// The person as listed.
    pub about: About,
    /// How sure it is.
    pub grade: Option<Grade>,
    /// How soon it must be checked.
    pub urgency: Option<Urgency>,
    /// Whether the person is a minor or of unknown age.
    pub minor: Option<bool>,
    /// The day by which the list asks for a decision.
    pub act_by: Option<Date>,
    /// What speaks for it.
    pub evidence: Vec<Evidence>,
    /// A remark.
    pub remark: Option<String>,
    /// The day: of a round, the day on which the lists were issued.
    pub on: Date,
    /// Who records it.
    pub operator: String,
}

/// A decision on a lead, as a filled list gives it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The round whose list it is; `None` if the lead's number is that of the register.
    pub round: Option<String>,
    /// The number of the lead on the list.
    pub lead: LeadNumber,
    /// What was found.
    pub finding: Finding,
    /// Why it is rejected.
    pub reason: Option<Reason>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// The day of the decision.
    pub on: Date,
    /// A remark.
    pub remark: Option<String>,
    /// Who records it.
    pub operator: String,
}

/// Whom or what an event concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A lead.
    Lead(LeadNumber),
    /// A person, whatever the lead.
    Person(PersonNumber),
}

/// An event to append.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Whom it concerns.
    pub subject: Subject,
    /// The day on which it happened.
    pub on: Date,
    /// What happened.
    pub event: Event,
    /// Who records it.
    pub operator: String,
    /// Who approved it.
    pub approver: Option<String>,
    /// Why it is recorded, if that is not plain.
    pub because: Option<String>,
}

/// What became of an item of a batch. The answers are in the order of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It was appended.
    Added(Added),
    /// The same event is there already: nothing changed.
    AlreadyThere(Added),
    /// It was refused.
    Refused(Refused),
}

/// An event that is in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The id of the event.
    pub id: EventId,
    /// Whom it concerns. The numbers are those of the register, not of a round.
    pub subject: Subject,
    /// Of a lead that was found: whether it was known.
    pub standing: Option<Standing>,
}

/// Whether a found lead was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is new.
    New,
    /// It is being handled.
    Carried,
    /// It was closed, and is open again.
    Reopened,
}

/// Why an item was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The kind of refusal.
    pub why: RefusedWhy,
    /// The field that is at fault, such as `/fields/remark`; `None` if it is the whole item.
    pub field: Option<String>,
    /// What is wrong. It has no value of the item but numbers of leads, days and words of
    /// the workflow.
    pub message: Text,
    /// What is allowed, or what to do.
    pub hint: Text,
}

/// A kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusedWhy {
    /// The register has no such lead or person.
    Unknown,
    /// The lead is known, but not from this round.
    OtherRound,
    /// The lead was decided otherwise.
    DecidedOtherwise,
    /// The workflow does not allow the step.
    NotAllowed,
    /// The day is after today.
    Future,
    /// The day is before the event that it follows.
    TooEarly,
    /// A text has a number that identifies a person, or no form that the register keeps.
    Text,
    /// The event that is corrected or withdrawn does not exist, or no longer counts.
    NoSuchEvent,
    /// Fields are missing, or contradict each other.
    Fields,
    /// Another item was refused, and the caller wanted all or nothing.
    NotAlone,
}

impl Refused {
    /// Returns the name of the field at fault as a form has it, such as `remark` for
    /// `/fields/event/fields/remark`; `None` if it is the whole item.
    pub fn field_name(&self) -> Option<String> {
        let field = self.field.as_deref()?;
        let plain = field.strip_prefix("/fields/event").unwrap_or(field);
        let plain = plain.strip_prefix("/fields").unwrap_or(plain);
        let parts = plain.split('/').filter(|part| !part.is_empty());
        // The place in a list of texts.
        let parts = parts.filter(|part| part.parse::<usize>().is_err());
        let name = parts.collect::<Vec<_>>().join(".");
        Some(name).filter(|name| !name.is_empty())
    }
}
