//! The chain of events: each holds the digest of the one before, so an event that is changed,
//! removed or inserted breaks it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::Event;
use crate::items::Subject;
use crate::number::EventId;

/// The digest before the first event.
pub(crate) const NO_PREVIOUS: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// An event as it is in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its position, from 1.
    pub seq: u64,
    /// Its id.
    pub id: EventId,
    /// Where it counts among the others: its own position, or that of the event that it
    /// corrects.
    pub place: u64,
    /// Whom it concerns; `None` if it is an event of the register.
    pub subject: Option<Subject>,
    /// The day on which it happened.
    pub on: Date,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Who recorded it.
    pub operator: String,
    /// Who approved it.
    pub approver: Option<String>,
    /// Why it was recorded.
    pub because: Option<String>,
    /// The digest of the event before.
    pub previous: String,
    /// Its own digest.
    pub digest: String,
}

/// What the digest of an event covers, as one line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    id: &'a EventId,
    kind: &'a str,
    lead: Option<&'a str>,
    person: Option<&'a str>,
    day: Date,
    recorded_at: Timestamp,
    fields: &'a RawValue,
    operator: &'a str,
    approver: Option<&'a str>,
    because: Option<&'a str>,
    previous: &'a str,
}

/// An event as its kind and its fields in JSON.
pub(crate) struct Written {
    pub(crate) kind: String,
    pub(crate) fields: Box<RawValue>,
}

impl Written {
    /// Writes an event.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let value = serde_json::to_value(event).ok()?;
        let kind = value.get("kind")?.as_str()?.to_owned();
        let fields = serde_json::value::to_raw_value(value.get("fields")?).ok()?;
        Some(Written { kind, fields })
    }

    /// Reads an event. `None` if this program does not know its kind or one of its fields.
    pub(crate) fn read(kind: &str, fields: &str) -> Option<Event> {
        let kind = serde_json::to_string(kind).ok()?;
        let fields: &RawValue = serde_json::from_str(fields).ok()?;
        serde_json::from_str(&format!("{{\"kind\":{kind},\"fields\":{fields}}}")).ok()
    }
}

impl Recorded {
    /// Returns the number of the lead that it concerns.
    pub(crate) fn lead(&self) -> Option<&str> {
        match &self.subject {
            Some(Subject::Lead(number)) => Some(number.as_str()),
            _ => None,
        }
    }

    /// Returns the number of the person whom it concerns, if it concerns no lead.
    pub(crate) fn person(&self) -> Option<&str> {
        match &self.subject {
            Some(Subject::Person(number)) => Some(number.as_str()),
            _ => None,
        }
    }

    /// Returns its digest: BLAKE3 of its line.
    pub(crate) fn computed_digest(&self, written: &Written) -> String {
        let line = Line {
            seq: self.seq,
            id: &self.id,
            kind: &written.kind,
            lead: self.lead(),
            person: self.person(),
            day: self.on,
            recorded_at: self.recorded_at,
            fields: &written.fields,
            operator: &self.operator,
            approver: self.approver.as_deref(),
            because: self.because.as_deref(),
            previous: &self.previous,
        };
        // Texts, numbers and JSON that was read: serialising cannot fail.
        let line = serde_json::to_string(&line).unwrap_or_default();
        blake3::hash(line.as_bytes()).to_hex().to_string()
    }

    /// Returns the id of the event that it corrects or withdraws.
    pub(crate) fn supersedes(&self) -> Option<&EventId> {
        match &self.event {
            Event::Corrected(corrected) => Some(&corrected.of),
            Event::Withdrawn(withdrawn) => Some(&withdrawn.of),
            _ => None,
        }
    }

    /// Returns what happened and when, as corrected; `None` if it only withdraws an event.
    pub fn effective(&self) -> Option<(&Event, Date)> {
        match &self.event {
            Event::Corrected(corrected) => Some((&corrected.event, corrected.on)),
            Event::Withdrawn(_) => None,
            event => Some((event, self.on)),
        }
    }
}
