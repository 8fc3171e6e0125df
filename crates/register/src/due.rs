//! What is late, what is running, and for what nobody set a period.

use std::collections::BTreeMap;

use aidlink_faults::text::Text;
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::{DeadlineLength, Policy};
use jiff::civil::Date;
use serde::Serialize;

use crate::book::{Book, Lead};
use crate::event::{CloseReason, Direction, Event, JudicialAidStep, MaterialState, Reply};
use crate::fold::LeadState;
use crate::number::{LeadNumber, PersonNumber};
use crate::workflow::{Clock, Closure, Stage};

/// The periods of a policy, by clock. A clock without one is told as having none.
#[derive(Clone, Debug, Default)]
pub struct Clocks(BTreeMap<Clock, Period>);

/// A period.
#[derive(Clone, Debug)]
struct Period {
    working_days: Option<u32>,
    unset: Option<Text>,
    cites: Vec<String>,
}

impl Clocks {
    /// Returns the periods that a policy sets under the ids of the clocks.
    pub fn of(policy: &Policy) -> Self {
        let clocks = Clock::ALL.into_iter().filter_map(|clock| {
            let deadline = policy.deadline(clock.id())?;
            let (working_days, unset) = match &deadline.length {
                DeadlineLength::WorkingDays(days) => (Some(*days), None),
                DeadlineLength::Unset(why) => (None, Some(why.clone())),
            };
            let period = Period {
                working_days,
                unset,
                cites: deadline.cites.clone(),
            };
            Some((clock, period))
        });
        Clocks(clocks.collect())
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    /// A person is to check the lead.
    ToCheck,
    /// The confirmed lead is to be sent.
    ToSend,
    /// The agency has not signed for the lead.
    Unsigned,
    /// The agency is to reply.
    Reply,
    /// Materials are owed.
    Materials,
    /// The person is to be told of the rights.
    TellRights,
    /// The person is to be told the outcome.
    TellOutcome,
    /// The person is to be visited.
    Visit,
    /// Judicial aid was paid, and no social aid was given: temporary relief is proposed.
    Gap,
}

impl DueKind {
    /// All of them.
    pub const ALL: [DueKind; 9] = [
        DueKind::ToCheck,
        DueKind::ToSend,
        DueKind::Unsigned,
        DueKind::Reply,
        DueKind::Materials,
        DueKind::TellRights,
        DueKind::TellOutcome,
        DueKind::Visit,
        DueKind::Gap,
    ];

    /// Returns the words for users.
    pub fn text(self) -> Text {
        match self {
            DueKind::ToCheck => Text::new("待核查", "to be checked"),
            DueKind::ToSend => Text::new("待移送", "to be sent"),
            DueKind::Unsigned => Text::new("未签收", "not signed for"),
            DueKind::Reply => Text::new("待反馈", "reply awaited"),
            DueKind::Materials => Text::new("欠材料", "materials owed"),
            DueKind::TellRights => Text::new("待告知权利", "person to be told of the rights"),
            DueKind::TellOutcome => Text::new("待告知本人结果", "person to be told the outcome"),
            DueKind::Visit => Text::new("待回访", "visit due"),
            DueKind::Gap => Text::new(
                "已获司法救助、尚无社会救助，建议临时救助",
                "judicial aid paid, no social aid given: temporary relief proposed",
            ),
        }
    }
}

/// Whether something due is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The last day is over.
    Late,
    /// Nobody set a period, so nobody can say whether it is late.
    NoDeadline,
    /// The period runs.
    Running,
}

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Whether it is late.
    pub standing: Standing,
    /// What.
    pub kind: DueKind,
    /// The lead; `None` if it concerns all leads of the person.
    pub lead: Option<LeadNumber>,
    /// The person.
    pub person: PersonNumber,
    /// The names of the person.
    pub names: Vec<String>,
    /// The material that is owed; `None` if it is something else, or nobody recorded which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The id of the agency that the lead is for.
    pub agency: Option<String>,
    /// The day from which it counts.
    pub since: Date,
    /// Whether it counts from sending, because nobody recorded the receipt.
    pub from_sending: bool,
    /// The last day.
    pub due_on: Option<Date>,
    /// Whether the last day may change: the notice of days off for its year is not known.
    pub provisional: bool,
    /// By how many working days it is late.
    pub late_by: Option<u32>,
    /// The id of the clock's deadline in the policy.
    pub clock: Option<&'static str>,
    /// Document and article of the period.
    pub cites: Vec<String>,
    /// Why nobody set a period, as the policy says.
    pub unset: Option<Text>,
}

/// Computes what is due on a day.
struct Reckoning<'a> {
    book: &'a Book,
    as_of: Date,
    clocks: &'a Clocks,
    calendar: &'a Calendar,
}

/// Returns what is due as of a day: late ones first, then those without a period, then those
/// that run; within these by last day and number. Periods count in working days, as the
/// policy sets them. Leads stand as the register says now, not as it said on that day.
pub fn due(book: &Book, as_of: Date, clocks: &Clocks, calendar: &Calendar) -> Vec<Due> {
    let reckoning = Reckoning {
        book,
        as_of,
        clocks,
        calendar,
    };
    let mut all: Vec<Due> = book
        .leads()
        .flat_map(|lead| reckoning.of_lead(lead))
        .collect();
    all.extend(book.persons().filter_map(|person| reckoning.gap(person)));
    all.sort_by(|one, other| {
        let place = |due: &Due| (due.standing, due.due_on, due.since);
        place(one).cmp(&place(other)).then_with(|| {
            (&one.lead, &one.person, one.kind, &one.item).cmp(&(
                &other.lead,
                &other.person,
                other.kind,
                &other.item,
            ))
        })
    });
    all
}

impl Reckoning<'_> {
    fn of_lead(&self, lead: &Lead) -> Vec<Due> {
        let Some(state) = &lead.state else {
            return Vec::new();
        };
        let mut all = Vec::new();
        let mut push = |kind, clock, since| all.push(self.counted(lead, kind, clock, since));
        match state.stage {
            Stage::Lead => {
                let clock = match lead.direction {
                    Direction::ToSocial => Clock::Confirm,
                    Direction::ToJudicial => Clock::Verify,
                };
                push(DueKind::ToCheck, clock, state.opened);
            }
            Stage::ToSend => push(DueKind::ToSend, Clock::Transfer, state.since),
            Stage::AwaitingReceipt => {
                push(DueKind::Unsigned, Clock::ChaseReceipt, state.since);
                push(DueKind::Reply, Clock::Reply, state.since);
            }
            Stage::WithAgency => push(DueKind::Reply, Clock::Reply, state.since),
            Stage::Suitable if state.rights_told.is_none_or(|told| told < state.opened) => {
                push(DueKind::TellRights, Clock::TellRights, state.since);
            }
            _ => {}
        }
        if let Some(since) = state.owes_outcome() {
            push(DueKind::TellOutcome, Clock::TellOutcome, since);
        }
        if state.owes_materials() {
            all.extend(self.materials(lead, state));
        }
        if state.owes_visit() {
            let due = self.counted(lead, DueKind::Visit, Clock::Visit, state.since);
            all.push(match state.visit_planned {
                Some(day) => self.on(due, day),
                None => due,
            });
        }
        for due in &mut all {
            due.from_sending = due.kind == DueKind::Reply && state.stage == Stage::AwaitingReceipt;
        }
        all
    }

    /// Each material that is owed, with its own day; or all of them, if the lead was sent in
    /// advance and nobody recorded which.
    fn materials(&self, lead: &Lead, state: &LeadState) -> Vec<Due> {
        let counted = |since| self.counted(lead, DueKind::Materials, Clock::Supplement, since);
        let owed = state.materials.iter();
        let owed = owed.filter(|(_, (state, ..))| *state == MaterialState::Owed);
        let mut all: Vec<Due> = owed
            .map(|(item, (_, since, by))| {
                let due = Due {
                    item: Some(item.clone()),
                    ..counted(*since)
                };
                match by {
                    Some(day) => self.on(due, *day),
                    None => due,
                }
            })
            .collect();
        if all.is_empty() {
            all.push(counted(state.sent.map_or(state.since, |(_, on)| on)));
        }
        all
    }

    /// Something with a period of the policy.
    fn counted(&self, lead: &Lead, kind: DueKind, clock: Clock, since: Date) -> Due {
        let period = self.clocks.0.get(&clock);
        let days = period.and_then(|period| period.working_days);
        let deadline = days.and_then(|days| self.calendar.deadline(since, days));
        let due = Due {
            standing: Standing::NoDeadline,
            kind,
            lead: Some(lead.number.clone()),
            person: lead.person.clone(),
            names: self.book.names_of(&lead.person),
            item: None,
            agency: Some(self.book.agency_of(lead).to_owned()),
            since,
            from_sending: false,
            due_on: None,
            provisional: deadline.is_some_and(|deadline| deadline.provisional),
            late_by: None,
            clock: Some(clock.id()),
            cites: period
                .map(|period| period.cites.clone())
                .unwrap_or_default(),
            unset: period.and_then(|period| period.unset.clone()),
        };
        match deadline {
            Some(deadline) => self.on(due, deadline.on),
            None => due,
        }
    }

    /// The same with this last day.
    fn on(&self, due: Due, day: Date) -> Due {
        let late_by = (self.as_of > day).then(|| self.working_days_after(day));
        Due {
            standing: match late_by {
                Some(_) => Standing::Late,
                None => Standing::Running,
            },
            due_on: Some(day),
            late_by,
            unset: None,
            ..due
        }
    }

    /// Returns the number of working days after a day, up to and with the day of reckoning.
    fn working_days_after(&self, day: Date) -> u32 {
        let mut count = 0;
        let mut at = day;
        while at < self.as_of {
            let Ok(next) = at.tomorrow() else {
                break;
            };
            at = next;
            count += u32::from(self.calendar.is_working_day(at));
        }
        count
    }

    /// Judicial aid was paid, a lead for social aid is open or was refused, and none was given
    /// since. Another office answers for a lead that was moved.
    fn gap(&self, person: &PersonNumber) -> Option<Due> {
        let leads: Vec<&Lead> = self.book.leads_of(person).collect();
        let is_paid = |event: &Event| matches!(event, Event::JudicialAid(aid) if aid.step == JudicialAidStep::Paid);
        let events = leads.iter().flat_map(|lead| self.book.events_of(lead));
        let events = events.chain(self.book.events_of_person(person));
        let paid = events
            .filter_map(|event| event.effective())
            .filter(|(event, _)| is_paid(event))
            .map(|(_, on)| on)
            .max()?;
        let social = leads
            .iter()
            .filter(|lead| lead.direction == Direction::ToSocial);
        let mut in_need = false;
        for lead in social {
            let Some(state) = &lead.state else {
                continue;
            };
            let events = self.book.events_of(lead);
            let mut events = events.filter_map(|event| event.effective());
            // Also before the lead was found again.
            if events.any(|(event, on)| is_given(event) && on >= paid) {
                return None;
            }
            match (state.stage, state.closure) {
                (Stage::Delivered, _)
                | (_, Some(Closure::Delivered | Closure::Receives | Closure::Dead)) => return None,
                (Stage::Moved, _) => {}
                (_, None | Some(Closure::Refused)) => in_need = true,
                _ => {}
            }
        }
        in_need.then(|| Due {
            standing: Standing::NoDeadline,
            kind: DueKind::Gap,
            lead: None,
            person: person.clone(),
            names: self.book.names_of(person),
            item: None,
            agency: None,
            since: paid,
            from_sending: false,
            due_on: None,
            provisional: false,
            late_by: None,
            clock: None,
            cites: Vec::new(),
            unset: None,
        })
    }
}

/// Whether an event says that the person has the aid.
fn is_given(event: &Event) -> bool {
    match event {
        Event::Granted(_) => true,
        Event::Replied(replied) => replied.reply == Reply::Receives,
        Event::Closed(closed) => closed.reason == CloseReason::Delivered,
        _ => false,
    }
}
