//! The state of leads in memory and the views in the file say the same.

use std::collections::BTreeMap;

use aidlink_register::book::Book;
use aidlink_register::event::{Direction, Event};
use aidlink_register::items::{NewEvent, NewItem, Subject};
use jiff::civil::date;
use proptest::prelude::*;
use rusqlite::Connection;

use crate::support::{Place, append, event, found, json};

/// What the views or the memory say of a lead.
type Said = Vec<Option<String>>;

fn of_views(connection: &Connection) -> BTreeMap<String, Said> {
    let mut statement = connection
        .prepare(
            "SELECT s.lead, s.stage, s.since, s.closure, s.opened, s.finding, s.decided_on, s.reason,
               o.materials, o.outcome, o.visit, o.visit_planned
             FROM lead_state AS s JOIN owed AS o ON o.lead = s.lead",
        )
        .expect("the views are there");
    let rows = statement.query_map([], |row| {
        let flag = |column| -> rusqlite::Result<Option<String>> {
            Ok(Some((row.get::<_, i64>(column)? == 1).to_string()))
        };
        let mut said: Said = Vec::new();
        for column in 1..8 {
            said.push(row.get(column)?);
        }
        said.extend([flag(8)?, row.get(9)?, flag(10)?, row.get(11)?]);
        Ok((row.get(0)?, said))
    });
    let rows = rows.expect("the views can be read");
    rows.map(|row| row.expect("a row")).collect()
}

fn of_memory(book: &Book) -> BTreeMap<String, Said> {
    let leads = book.leads();
    let said = leads.filter_map(|lead| {
        let state = lead.state.as_ref()?;
        let said = vec![
            Some(state.stage.name().to_owned()),
            Some(state.since.to_string()),
            state.closure.map(|closure| closure.name().to_owned()),
            Some(state.opened.to_string()),
            state
                .decision
                .map(|decided| decided.finding.name().to_owned()),
            state.decision.map(|decided| decided.on.to_string()),
            state.reason.map(|reason| reason.name().to_owned()),
            Some(state.owes_materials().to_string()),
            state.owes_outcome().map(|day| day.to_string()),
            Some(state.owes_visit().to_string()),
            state.visit_planned.map(|day| day.to_string()),
        ];
        Some((lead.number.to_string(), said))
    });
    said.collect()
}

const REASONS: [&str; 13] = [
    "income",
    "property",
    "not_local",
    "receives",
    "disability_or_age",
    "materials_late",
    "declined",
    "not_reachable",
    "not_our_duty",
    "dead",
    "duplicate",
    "moved_away",
    "other",
];

/// Any event of a lead, of any kind, with fields that are right in themselves.
fn any_event() -> impl Strategy<Value = Event> {
    let reason = || prop::sample::select(&REASONS[..]);
    prop_oneof![
        2 => prop::sample::select(&["confirmed", "needs_more"][..]).prop_map(|finding| {
            format!(r#"{{"kind":"checked","fields":{{"finding":"{finding}"}}}}"#)
        }),
        1 => reason().prop_map(|reason| {
            format!(r#"{{"kind":"checked","fields":{{"finding":"rejected","reason":"{reason}"}}}}"#)
        }),
        1 => Just(r#"{"kind":"told_rights","fields":{"way":"call"}}"#.to_owned()),
        1 => prop::sample::select(&["given", "refused"][..]).prop_map(|answer| {
            format!(r#"{{"kind":"consent","fields":{{"answer":"{answer}","by":"guardian"}}}}"#)
        }),
        1 => Just(r#"{"kind":"consent","fields":{"answer":"not_reachable"}}"#.to_owned()),
        2 => prop::sample::select(&["applied", "granted", "paid", "refused"][..]).prop_map(|step| {
            format!(r#"{{"kind":"judicial_aid","fields":{{"step":"{step}","amount":"5000"}}}}"#)
        }),
        1 => reason().prop_map(|reason| {
            format!(r#"{{"kind":"judicial_aid","fields":{{"step":"refused","reason":"{reason}"}}}}"#)
        }),
        2 => (prop::sample::select(&["there", "owed", "waived"][..]), 0..2).prop_map(|(state, item)| {
            format!(r#"{{"kind":"material","fields":{{"item":"材料{item}","state":"{state}"}}}}"#)
        }),
        3 => Just(r#"{"kind":"sent","fields":{"as":"ordinary"}}"#.to_owned()),
        2 => Just(r#"{"kind":"sent","fields":{"as":"advance","reasons":"情况紧急"}}"#.to_owned()),
        2 => Just(r#"{"kind":"signed_for","fields":{}}"#.to_owned()),
        1 => Just(r#"{"kind":"returned","fields":{"why":"incomplete"}}"#.to_owned()),
        3 => prop::sample::select(&["eligible", "procedure", "receives", "elsewhere"][..])
            .prop_map(|reply| format!(r#"{{"kind":"replied","fields":{{"reply":"{reply}"}}}}"#)),
        2 => reason().prop_map(|reason| {
            format!(r#"{{"kind":"replied","fields":{{"reply":"not_eligible","reason":"{reason}"}}}}"#)
        }),
        2 => Just(r#"{"kind":"told_outcome","fields":{"by":"agency","way":"post"}}"#.to_owned()),
        1 => Just(r#"{"kind":"applied_at","fields":{"office":"某镇"}}"#.to_owned()),
        2 => Just(r#"{"kind":"granted","fields":{"amount":"600","per":"month"}}"#.to_owned()),
        1 => Just(r#"{"kind":"granted","fields":{"shown_by":{"register":"civil-affairs.assistance","snapshot":"2026-06-01"}}}"#.to_owned()),
        1 => reason().prop_map(|reason| {
            format!(r#"{{"kind":"refused_finally","fields":{{"reason":"{reason}"}}}}"#)
        }),
        1 => Just(r#"{"kind":"moved","fields":{"office":"某县"}}"#.to_owned()),
        1 => Just(r#"{"kind":"visit_planned","fields":{"day":"2027-03-01"}}"#.to_owned()),
        2 => prop::sample::select(&["solved", "eased", "same", "worse"][..])
            .prop_map(|result| format!(r#"{{"kind":"visited","fields":{{"result":"{result}"}}}}"#)),
        1 => prop::sample::select(&["delivered", "refused", "declined", "dead", "moved_away", "duplicate", "no_contact"][..])
            .prop_map(|reason| format!(r#"{{"kind":"closed","fields":{{"reason":"{reason}"}}}}"#)),
    ]
    .prop_map(|text| json(&text))
}

#[derive(Clone, Debug)]
enum Doing {
    Found,
    Event(Event),
    Correct(usize, Event),
    Withdraw(usize),
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        2 => Just(Doing::Found),
        16 => any_event().prop_map(Doing::Event),
        2 => (any::<usize>(), any_event()).prop_map(|(which, event)| Doing::Correct(which, event)),
        1 => any::<usize>().prop_map(Doing::Withdraw),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn memory_and_views_agree_whatever_happens(
        direction in prop::sample::select(&Direction::ALL[..]),
        doings in prop::collection::vec((doing(), 0_i32..3), 1..80),
    ) {
        let place = Place::new();
        let mut register = place.create();
        let mut day = date(2026, 1, 5);
        let (number, mut stages) = ("04HM-ASW9-dibao", std::collections::BTreeSet::new());
        let first = found(1, "04HM-ASW9", "dibao", direction, day);
        append(&mut register, vec![NewItem::Found(first)]);
        for (doing, days) in doings {
            day = day.saturating_add(jiff::Span::new().days(days));
            let counting: Vec<_> = register.book().lead(&crate::support::lead(number))
                .map(|lead| register.book().events_of(lead).map(|event| event.id.clone()).collect())
                .unwrap_or_default();
            let one = |which: usize| counting.get(which % counting.len().max(1)).cloned();
            let new = match doing {
                Doing::Found => NewItem::Found(found(1, "04HM-ASW9", "dibao", direction, day)),
                Doing::Event(what) => NewItem::Event(event(number, day, what)),
                Doing::Correct(which, what) => {
                    let Some(of) = one(which) else { continue };
                    let right = aidlink_register::event::Corrected { of, on: day, event: Box::new(what) };
                    NewItem::Event(event(number, day, Event::Corrected(right)))
                }
                Doing::Withdraw(which) => {
                    let Some(of) = one(which) else { continue };
                    let wrong = aidlink_register::event::Withdrawn { of };
                    NewItem::Event(NewEvent {
                        subject: Subject::Lead(crate::support::lead(number)),
                        ..event(number, day, Event::Withdrawn(wrong))
                    })
                }
            };
            append(&mut register, vec![new]);
            let said = of_memory(register.book());
            stages.extend(said.values().filter_map(|said| said[0].clone()));
            let views = Connection::open(place.file()).expect("the file opens");
            prop_assert_eq!(of_views(&views), said);
        }
        // What is in memory is what a fresh reading of the file gives.
        let said = of_memory(register.book());
        drop(register);
        prop_assert_eq!(of_memory(place.open().book()), said);
    }
}
