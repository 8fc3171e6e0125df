//! Appending items one by one: each is checked against its lead as it is at that point.

use aidlink_faults::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::book::{Book, Lead};
use crate::chain::{Recorded, Written};
use crate::checks::{check_fields, check_texts};
use crate::event::{Checked, Event, Found, FoundBy};
use crate::fold::{LeadState, Refusal, advance};
use crate::items::{
    Added, Appended, Decision, FoundLead, NewEvent, NewItem, Refused, RefusedWhy, Standing, Subject,
};
use crate::number::{EventId, LeadNumber, PersonNumber};
use crate::token::RegisterToken;

/// What appending an item changes. The caller writes it to the file, then to the book.
pub(crate) struct Change {
    /// The person, if new.
    pub(crate) person: Option<(PersonNumber, Option<RegisterToken>)>,
    /// The lead, if new.
    pub(crate) lead: Option<Lead>,
    /// The event.
    pub(crate) event: Recorded,
    /// The event as its kind and fields.
    pub(crate) written: Written,
    /// Of a lead that was found: whether it was known.
    pub(crate) standing: Option<Standing>,
}

/// An item that was checked.
pub(crate) enum Checking {
    /// It is to be written.
    Change(Box<Change>),
    /// Nothing is to be written.
    Done(Appended),
}

/// The day and the moment of appending.
#[derive(Clone, Copy)]
pub(crate) struct When {
    pub(crate) recorded_at: Timestamp,
    pub(crate) today: Date,
}

/// Checks an item against a register.
pub(crate) fn check(book: &Book, item: &NewItem, when: When) -> Checking {
    let checked = match item {
        NewItem::Found(found) => check_found(book, found, when),
        NewItem::Decision(decision) => check_decision(book, decision, when),
        NewItem::Event(event) => check_event(book, event, None, when),
    };
    checked.unwrap_or_else(|refused| Checking::Done(Appended::Refused(refused)))
}

fn refused(why: RefusedWhy, message: Text, hint: Text) -> Refused {
    Refused {
        why,
        field: None,
        message,
        hint,
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let why = match refusal {
            Refusal::NotFound => RefusedWhy::Unknown,
            Refusal::NotAllowed { .. } | Refusal::MaterialsOwed => RefusedWhy::NotAllowed,
            Refusal::TooEarly { .. } => RefusedWhy::TooEarly,
        };
        let field = (why == RefusedWhy::TooEarly).then(|| "/on".to_owned());
        Refused {
            field,
            ..refused(why, refusal.message(), refusal.hint())
        }
    }
}

/// Returns the number of a person in this register: the known one, or that of the round,
/// longer if another person has it. A person without a token is the one with this number.
fn number_for(
    book: &Book,
    token: Option<&RegisterToken>,
    of_round: &PersonNumber,
) -> Option<PersonNumber> {
    let Some(token) = token else {
        return Some(of_round.clone());
    };
    if let Some(known) = book.by_token.get(token) {
        return Some(known.clone());
    }
    if !book.persons.contains_key(of_round) {
        return Some(of_round.clone());
    }
    let longer = (0..1000).filter_map(|further: u16| of_round.with_group(&further.to_string()));
    longer
        .into_iter()
        .find(|number| !book.persons.contains_key(number))
}

fn check_found(book: &Book, lead: &FoundLead, when: When) -> Result<Checking, Refused> {
    let person = number_for(book, lead.token.as_ref(), &lead.person_number);
    let number = person.as_ref().and_then(|person| person.lead(&lead.aid));
    let (Some(person), Some(number)) = (person, number) else {
        return Err(Refused {
            field: Some("/fields/aid".to_owned()),
            ..refused(
                RefusedWhy::Fields,
                Text::new("不是救助项目代号", "not the id of an aid"),
                Text::new("请核对规则文件", "check the policy"),
            )
        });
    };
    let found = Found {
        source: lead.source,
        person,
        aid: lead.aid.clone(),
        agency: lead.agency.clone(),
        direction: lead.direction,
        round: lead.round.clone(),
        about: lead.about.clone(),
        grade: lead.grade,
        urgency: lead.urgency,
        minor: lead.minor,
        act_by: lead.act_by,
        evidence: lead.evidence.clone(),
        remark: lead.remark.clone(),
    };
    let event = NewEvent {
        subject: Subject::Lead(number),
        on: lead.on,
        event: Event::Found(found),
        operator: lead.operator.clone(),
        approver: None,
        because: None,
    };
    check_event(book, &event, Some(lead.token), when)
}

fn check_decision(book: &Book, decision: &Decision, when: When) -> Result<Checking, Refused> {
    let number = match &decision.round {
        None => &decision.lead,
        Some(round) => match book.lead_of_round(round, &decision.lead) {
            Some(number) => number,
            None if !book.knows_round(round) => {
                return Err(refused(
                    RefusedWhy::OtherRound,
                    Text::new(
                        "该轮次的线索尚未登记",
                        "no lead of this round is in the register",
                    ),
                    Text::new("请先执行 register take", "run `register take` first"),
                ));
            }
            None if book.leads.contains_key(&decision.lead) => {
                return Err(refused(
                    RefusedWhy::OtherRound,
                    Text::new(
                        format!("线索 {} 不在该轮次的清单上", decision.lead),
                        format!("the lead {} is on no list of this round", decision.lead),
                    ),
                    Text::new("请核对文件属于哪一轮", "check of which round the file is"),
                ));
            }
            None => return Err(unknown_lead(&decision.lead)),
        },
    };
    let lead = book.leads.get(number).ok_or_else(|| unknown_lead(number))?;
    let event = NewEvent {
        subject: Subject::Lead(number.clone()),
        on: decision.on,
        event: Event::Checked(Checked {
            finding: decision.finding,
            reason: decision.reason,
            decided_by: decision.decided_by.clone(),
            remark: decision.remark.clone(),
        }),
        operator: decision.operator.clone(),
        approver: None,
        because: None,
    };
    let checked = check_event(book, &event, None, when);
    if let Err(refused) = &checked
        && refused.why == RefusedWhy::NotAllowed
        && let Some(corrected) = corrected_to(book, number, decision)
    {
        return Ok(Checking::Done(Appended::AlreadyThere(Added {
            id: corrected.id.clone(),
            subject: Subject::Lead(number.clone()),
            standing: None,
        })));
    }
    let earlier = lead.state.as_ref().and_then(|state| state.decision);
    match (checked, earlier) {
        (Err(refused), Some(earlier))
            if refused.why == RefusedWhy::NotAllowed
                && (earlier.finding, earlier.reason) != (decision.finding, decision.reason) =>
        {
            let (finding, on) = (earlier.finding.text(), earlier.on);
            let reason = earlier.reason.map(|reason| reason.text());
            let zh = reason.as_ref().map(|reason| format!("（{}）", reason.zh));
            let en = reason.map(|reason| format!(" ({})", reason.en));
            Err(Refused {
                why: RefusedWhy::DecidedOtherwise,
                message: Text::new(
                    format!(
                        "线索 {number} 已于{on}核查为“{}{}”，与此不同",
                        finding.zh,
                        zh.unwrap_or_default()
                    ),
                    format!(
                        "the lead {number} was decided otherwise on {on}: {}{}",
                        finding.en,
                        en.unwrap_or_default()
                    ),
                ),
                hint: Text::new(
                    "两个决定都不会被悄悄采用：请查明哪个正确：登记簿有误的，用 register note --correct 更正；文件有误的，改正该行",
                    "neither decision replaces the other by itself: find out which is right; correct the register with `register note --correct`, or the row of the file",
                ),
                ..refused
            })
        }
        (checked, _) => checked,
    }
}

/// Returns the correction that counts and says what a decision says. Somebody put the register
/// right by the list, whose row is then there.
fn corrected_to<'b>(
    book: &'b Book,
    number: &LeadNumber,
    decision: &Decision,
) -> Option<&'b Recorded> {
    let said = (decision.finding, decision.reason);
    let says_it = |event: &Recorded| match &event.event {
        Event::Corrected(corrected) => match corrected.event.as_ref() {
            Event::Checked(checked) => (checked.finding, checked.reason) == said,
            _ => false,
        },
        _ => false,
    };
    // Of an earlier handling of the lead it says nothing.
    let state = book.leads.get(number)?.state.as_ref()?;
    let is_of_now = |event: &Recorded| event.effective().is_some_and(|(_, on)| on >= state.opened);
    let subject = Subject::Lead(number.clone());
    let mut history = book.history(&subject);
    let found = history.find(|(event, by)| by.is_none() && says_it(event) && is_of_now(event));
    found.map(|(event, _)| event)
}

fn unknown_lead(number: &LeadNumber) -> Refused {
    Refused {
        field: Some("/lead".to_owned()),
        ..refused(
            RefusedWhy::Unknown,
            Text::new(
                format!("登记簿中没有线索 {number}"),
                format!("the register has no lead {number}"),
            ),
            Text::new(
                "请核对编号；本轮线索须先用 register take 登记",
                "check the number; leads of a round come in with `register take`",
            ),
        )
    }
}

fn unknown_person(number: &PersonNumber) -> Refused {
    Refused {
        field: Some("/person".to_owned()),
        ..refused(
            RefusedWhy::Unknown,
            Text::new(
                format!("登记簿中没有人员 {number}"),
                format!("the register has no person {number}"),
            ),
            Text::new(
                "请核对编号；人员随轮次的线索登记",
                "check the number; persons come in with the leads of a round",
            ),
        )
    }
}

/// The event that a correction or a withdrawal is of, if it counts and concerns the same.
fn replaced<'b>(book: &'b Book, of: &EventId, subject: &Subject) -> Result<&'b Recorded, Refused> {
    let counting = book.counting(of);
    counting
        .filter(|event| event.subject.as_ref() == Some(subject))
        .ok_or_else(|| {
            let (zh, en) = match book.event(of) {
                None => ("没有该事项", "there is no such event"),
                Some(_) if counting.is_none() => (
                    "该事项已被更正或撤销，不再有效",
                    "the event was corrected or withdrawn, and no longer counts",
                ),
                Some(_) => (
                    "该事项不属于此线索或人员",
                    "the event is of another lead or person",
                ),
            };
            Refused {
                field: Some("/fields/of".to_owned()),
                ..refused(
                    RefusedWhy::NoSuchEvent,
                    Text::new(zh, en),
                    Text::new(
                        "请用 register show 查看事项编号",
                        "see the ids of events with `register show`",
                    ),
                )
            }
        })
}

/// Checks an event. `brings` is the token of the person whom it may bring into the register.
fn check_event(
    book: &Book,
    new: &NewEvent,
    brings: Option<Option<RegisterToken>>,
    when: When,
) -> Result<Checking, Refused> {
    check_fields(&new.event, new.approver.as_deref(), when.today)?;
    let written = Written::of(&new.event).ok_or_else(|| {
        refused(
            RefusedWhy::Fields,
            Text::new("无法写出该事项", "the event cannot be written"),
            Text::new("请报告此问题", "please report it"),
        )
    })?;
    let value = serde_json::from_str(written.fields.get()).unwrap_or_default();
    check_texts(
        &value,
        &new.operator,
        new.approver.as_deref(),
        new.because.as_deref(),
    )?;
    let right_day = match &new.event {
        Event::Corrected(corrected) => corrected.on,
        _ => new.on,
    };
    if new.on > when.today || right_day > when.today {
        return Err(Refused {
            field: Some("/on".to_owned()),
            ..refused(
                RefusedWhy::Future,
                Text::new(
                    format!("日期在今天（{}）之后", when.today),
                    format!("the day is after today ({})", when.today),
                ),
                Text::new("请核对日期", "check the day"),
            )
        });
    }
    if let Some(id) = already_there(book, new)? {
        return Ok(Checking::Done(Appended::AlreadyThere(Added {
            id,
            subject: new.subject.clone(),
            standing: None,
        })));
    }
    let Planned { lead, standing } = match &new.subject {
        Subject::Person(person) => check_person_event(book, new, person)?,
        Subject::Lead(number) => check_lead_event(book, new, number, brings.is_some())?,
    };
    let person = brings.and_then(|token| match &new.event {
        Event::Found(found) if !book.persons.contains_key(&found.person) => {
            Some((found.person.clone(), token))
        }
        _ => None,
    });
    let seq = book.events.len() as u64 + 1;
    let mut event = Recorded {
        seq,
        id: new_id(book, seq, new, &written),
        place: seq,
        subject: Some(new.subject.clone()),
        on: new.on,
        recorded_at: when.recorded_at,
        event: new.event.clone(),
        operator: new.operator.trim().to_owned(),
        approver: new.approver.clone(),
        because: new.because.clone(),
        previous: book.last_digest().to_owned(),
        digest: String::new(),
    };
    if let Some(of) = event.supersedes().and_then(|of| book.event(of)) {
        event.place = of.place;
    }
    event.digest = event.computed_digest(&written);
    Ok(Checking::Change(Box::new(Change {
        person,
        lead,
        event,
        written,
        standing,
    })))
}

/// What follows from an event that is allowed.
struct Planned {
    lead: Option<Lead>,
    standing: Option<Standing>,
}

fn check_person_event(
    book: &Book,
    new: &NewEvent,
    person: &PersonNumber,
) -> Result<Planned, Refused> {
    if !book.persons.contains_key(person) {
        return Err(unknown_person(person));
    }
    let of_person = |event: &Event| {
        matches!(
            event,
            Event::ToldRights(_) | Event::JudicialAid(_) | Event::Advice(_)
        )
    };
    let allowed = match &new.event {
        Event::Corrected(corrected) => {
            replaced(book, &corrected.of, &new.subject)?;
            of_person(&corrected.event)
        }
        Event::Withdrawn(withdrawn) => {
            replaced(book, &withdrawn.of, &new.subject)?;
            true
        }
        event => of_person(event),
    };
    if !allowed {
        return Err(refused(
            RefusedWhy::NotAllowed,
            Text::new(
                "此类事项须登记到线索，不能只登记到人员",
                "events of this kind concern a lead, not only a person",
            ),
            Text::new(
                "对人员可登记：告知权利（told_rights）、司法救助（judicial_aid）、书面建议（advice）",
                "of a person: told_rights, judicial_aid, advice",
            ),
        ));
    }
    Ok(Planned {
        lead: None,
        standing: None,
    })
}

/// Returns the event that says the same, if it is in the register: the same day, kind and
/// fields. One that was corrected since is there too, so that the same file read twice
/// changes nothing.
///
/// # Errors
/// If it was withdrawn, and nobody says why it is recorded again.
fn already_there(book: &Book, new: &NewEvent) -> Result<Option<EventId>, Refused> {
    let is_same = |event: &Recorded| match &new.event {
        Event::Corrected(_) | Event::Withdrawn(_) => event.event == new.event,
        other => event.effective() == Some((other, new.on)),
    };
    let mut withdrawn = None;
    for (event, by) in book.history(&new.subject) {
        if !is_same(event) {
            continue;
        }
        match by.map(|by| &by.event) {
            Some(Event::Withdrawn(_)) => withdrawn = by,
            _ => return Ok(Some(event.id.clone())),
        }
    }
    match withdrawn {
        Some(by) if new.because.is_none() => Err(refused(
            RefusedWhy::NotAllowed,
            Text::new(
                format!("同一事项曾登记，后于{}撤销", by.on),
                format!("the same event was recorded, and withdrawn on {}", by.on),
            ),
            Text::new(
                "如确有其事，请写明再次登记的原因（because）",
                "if it did happen, say why it is recorded again (because)",
            ),
        )),
        _ => Ok(None),
    }
}

fn check_lead_event(
    book: &Book,
    new: &NewEvent,
    number: &LeadNumber,
    brings_person: bool,
) -> Result<Planned, Refused> {
    let known = book.leads.get(number);
    let anew = match (&new.event, known) {
        (Event::Found(found), known) => {
            let fits = found.person == number.person()
                && found.aid == number.aid()
                && known.is_none_or(|lead| lead.direction == found.direction);
            if !fits {
                return Err(Refused {
                    field: Some("/fields".to_owned()),
                    ..refused(
                        RefusedWhy::Fields,
                        Text::new(
                            format!("线索 {number} 的人员、救助项目或方向与登记簿不符"),
                            format!(
                                "person, aid or direction of the lead {number} are not those of the register"
                            ),
                        ),
                        Text::new("请核对", "check them"),
                    )
                });
            }
            if !brings_person && !book.persons.contains_key(&found.person) {
                return Err(unknown_person(&found.person));
            }
            known.is_none().then(|| Lead::found(number.clone(), found))
        }
        (_, Some(_)) => None,
        (_, None) => return Err(unknown_lead(number)),
    };
    let Some(lead) = known.or(anew.as_ref()) else {
        return Err(unknown_lead(number));
    };
    let state = match &new.event {
        Event::Corrected(corrected) => {
            let wrong = replaced(book, &corrected.of, &new.subject)?;
            if let Event::Found(is) = corrected.event.as_ref() {
                let round = match wrong.effective() {
                    Some((Event::Found(was), _)) => was.round.as_ref(),
                    _ => None,
                };
                check_same_lead(lead, is, round)?;
            }
            let becomes = (corrected.event.as_ref(), corrected.on);
            replay(book, lead, &wrong.id, Some(becomes))?
        }
        Event::Withdrawn(withdrawn) => {
            let wrong = replaced(book, &withdrawn.of, &new.subject)?;
            replay(book, lead, &wrong.id, None)?
        }
        event => advance(lead.state.as_ref(), lead.direction, event, new.on)?,
    };
    let standing = matches!(new.event, Event::Found(_)).then(|| {
        let reopened = |state: &LeadState| state.reopened;
        match (&lead.state, &state) {
            (None, _) => Standing::New,
            (Some(before), Some(after)) if reopened(after) > reopened(before) => Standing::Reopened,
            _ => Standing::Carried,
        }
    });
    Ok(Planned {
        lead: anew,
        standing,
    })
}

/// Checks that a `found` event that corrects another one is of the same lead, and of the round
/// that found it.
fn check_same_lead(lead: &Lead, found: &Found, round: Option<&FoundBy>) -> Result<(), Refused> {
    let differs = [
        ("person", found.person != lead.person),
        ("aid", found.aid != lead.aid),
        ("direction", found.direction != lead.direction),
        ("round", found.round.as_ref() != round),
    ];
    let Some((field, _)) = differs.into_iter().find(|(_, differs)| *differs) else {
        return Ok(());
    };
    Err(Refused {
        field: Some(format!("/fields/event/fields/{field}")),
        ..refused(
            RefusedWhy::Fields,
            Text::new(
                "线索的人员、救助项目、方向和轮次不能更正",
                "person, aid, direction and round of a lead cannot be corrected",
            ),
            Text::new(
                "请办结（closed）该线索，另行登记",
                "close the lead (closed), and record another one",
            ),
        )
    })
}

/// Returns the state of a lead with an event replaced or left out.
fn replay(
    book: &Book,
    lead: &Lead,
    wrong: &EventId,
    becomes: Option<(&Event, Date)>,
) -> Result<Option<LeadState>, Refused> {
    let events = book.events_of(lead).filter_map(|event| match &event.id {
        id if id == wrong => becomes,
        _ => event.effective(),
    });
    Book::replay(lead.direction, events).map_err(|refusal| {
        let message = refusal.message();
        Refused {
            message: Text::new(
                format!("如此更正，其后登记的事项就不成立：{}", message.zh),
                format!(
                    "with this, a later event would not be allowed: {}",
                    message.en
                ),
            ),
            hint: Text::new(
                "请先撤销或更正其后的事项",
                "withdraw or correct the later event first",
            ),
            ..Refused::from(refusal)
        }
    })
}

/// Returns an id that no event has.
pub(crate) fn new_id(book: &Book, seq: u64, new: &NewEvent, written: &Written) -> EventId {
    let subject = match &new.subject {
        Subject::Lead(number) => number.as_str(),
        Subject::Person(number) => number.as_str(),
    };
    let mut tries = 0_u64..;
    loop {
        let attempt = tries.next().unwrap_or_default();
        let text = format!(
            "aidlink register event {attempt} {seq} {subject} {} {} {}",
            new.on,
            written.kind,
            written.fields.get()
        );
        let digest = blake3::hash(text.as_bytes());
        let bits = digest.as_bytes()[..5]
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let id = EventId::of(bits);
        if !book.has_id(&id) {
            return id;
        }
    }
}
