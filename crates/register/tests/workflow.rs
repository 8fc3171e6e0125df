//! What may be recorded, what is refused and why, and what becomes of a lead.

use aidlink_register::decision::{Finding, Reason};
use aidlink_register::event::{Direction, Event, FoundBy};
use aidlink_register::items::{
    Added, Appended, Decision, NewEvent, NewItem, RefusedWhy, Standing, Subject,
};
use aidlink_register::referrals::referral_rows;
use aidlink_register::register::Register;
use aidlink_register::token::RegisterToken;
use aidlink_register::workflow::{Stage, Step, TABLE, allowed};
use jiff::civil::{Date, date};

use crate::support::{
    Place, TODAY, added, append, append_one, batch, event, found, json, lead, person, refused,
};

const LEAD: &str = "04HM-ASW9-dibao";
const START: Date = date(2026, 3, 2);

fn day(number: i8) -> Date {
    date(2026, 4, number)
}

fn register(place: &Place, direction: Direction) -> Register {
    let mut register = place.create();
    let first = found(1, "04HM-ASW9", "dibao", direction, START);
    added(&append(&mut register, vec![NewItem::Found(first)])[0]);
    register
}

fn stage(register: &Register) -> Stage {
    let lead = register.book().lead(&lead(LEAD)).expect("the lead");
    lead.state.as_ref().expect("it was found").stage
}

/// An event of each step.
fn sample(step: Step) -> Event {
    json(match step {
        Step::Found => {
            return Event::Found(
                serde_json::from_str(
                    r#"{"source":"colleague","person":"04HM-ASW9","aid":"dibao","agency":"civil-affairs","direction":"to_social"}"#,
                )
                .expect("fields"),
            );
        }
        Step::Confirmed => r#"{"kind":"checked","fields":{"finding":"confirmed"}}"#,
        Step::Rejected => r#"{"kind":"checked","fields":{"finding":"rejected","reason":"income"}}"#,
        Step::NeedsMore => r#"{"kind":"checked","fields":{"finding":"needs_more"}}"#,
        Step::ToldRights => r#"{"kind":"told_rights","fields":{"way":"in_person"}}"#,
        Step::ConsentGiven => r#"{"kind":"consent","fields":{"answer":"given","by":"person"}}"#,
        Step::ConsentRefused => r#"{"kind":"consent","fields":{"answer":"refused","by":"person"}}"#,
        Step::NotReachable => r#"{"kind":"consent","fields":{"answer":"not_reachable"}}"#,
        Step::JudicialApplied => r#"{"kind":"judicial_aid","fields":{"step":"applied"}}"#,
        Step::JudicialGranted => {
            r#"{"kind":"judicial_aid","fields":{"step":"granted","amount":"20000"}}"#
        }
        Step::JudicialRefused => r#"{"kind":"judicial_aid","fields":{"step":"refused"}}"#,
        Step::JudicialPaid => {
            r#"{"kind":"judicial_aid","fields":{"step":"paid","amount":"20000"}}"#
        }
        Step::Material => r#"{"kind":"material","fields":{"item":"困难证明","state":"there"}}"#,
        Step::Approved => r#"{"kind":"approved","fields":{"paper":"检审〔2026〕3号"}}"#,
        Step::SentOrdinary => {
            r#"{"kind":"sent","fields":{"as":"ordinary","letter":"检移〔2026〕5号"}}"#
        }
        Step::SentInAdvance => r#"{"kind":"sent","fields":{"as":"advance","reasons":"生活无着"}}"#,
        Step::SignedFor => r#"{"kind":"signed_for","fields":{"by":"王五"}}"#,
        Step::Returned => r#"{"kind":"returned","fields":{"why":"not_our_duty","office":"某局"}}"#,
        Step::RepliedEligible => r#"{"kind":"replied","fields":{"reply":"eligible"}}"#,
        Step::RepliedProcedure => {
            r#"{"kind":"replied","fields":{"reply":"procedure","steps":["向镇政府申请"]}}"#
        }
        Step::RepliedNotEligible => {
            r#"{"kind":"replied","fields":{"reply":"not_eligible","reason":"property"}}"#
        }
        Step::RepliedReceives => r#"{"kind":"replied","fields":{"reply":"receives"}}"#,
        Step::RepliedElsewhere => {
            r#"{"kind":"replied","fields":{"reply":"elsewhere","office":"某县"}}"#
        }
        Step::ToldOutcome => {
            r#"{"kind":"told_outcome","fields":{"by":"procuratorate","way":"in_person"}}"#
        }
        Step::AppliedAt => r#"{"kind":"applied_at","fields":{"office":"某镇"}}"#,
        Step::Granted => {
            r#"{"kind":"granted","fields":{"amount":"650.50","per":"month","from":"2026-05-01"}}"#
        }
        Step::GrantedByRegister => {
            r#"{"kind":"granted","fields":{"shown_by":{"register":"civil-affairs.assistance","snapshot":"2026-04-01"}}}"#
        }
        Step::RefusedFinally => r#"{"kind":"refused_finally","fields":{"reason":"not_local"}}"#,
        Step::Moved => r#"{"kind":"moved","fields":{"office":"某县检察院"}}"#,
        Step::VisitPlanned => r#"{"kind":"visit_planned","fields":{"day":"2026-06-01"}}"#,
        Step::VisitedSolved => r#"{"kind":"visited","fields":{"result":"solved"}}"#,
        Step::Visited => r#"{"kind":"visited","fields":{"result":"worse","satisfied":false}}"#,
        Step::Advice => {
            r#"{"kind":"advice","fields":{"advice":"monitoring","office":"农业农村局"}}"#
        }
        Step::Closed => r#"{"kind":"closed","fields":{"reason":"declined"}}"#,
    })
}

fn noted(step: Step, on: Date) -> NewEvent {
    NewEvent {
        approver: Some("李主任".to_owned()),
        ..event(LEAD, on, sample(step))
    }
}

/// The steps by which a lead reaches a stage.
fn way_to(stage: Stage, direction: Direction) -> Option<Vec<Step>> {
    use Step::*;
    Some(match (stage, direction) {
        (Stage::Lead, _) => vec![],
        (Stage::ToSend, Direction::ToSocial) => vec![Confirmed],
        (Stage::AwaitingReceipt, Direction::ToSocial) => vec![Confirmed, SentOrdinary],
        (Stage::WithAgency, Direction::ToSocial) => vec![Confirmed, SentOrdinary, SignedFor],
        (Stage::WithPerson, Direction::ToSocial) => {
            vec![Confirmed, SentOrdinary, SignedFor, RepliedProcedure]
        }
        (Stage::Applied, Direction::ToSocial) => {
            vec![
                Confirmed,
                SentOrdinary,
                SignedFor,
                RepliedProcedure,
                AppliedAt,
            ]
        }
        (Stage::ToDeliver, Direction::ToSocial) => {
            vec![Confirmed, SentOrdinary, SignedFor, RepliedEligible]
        }
        (Stage::Delivered, Direction::ToSocial) => {
            vec![Confirmed, SentOrdinary, SignedFor, RepliedEligible, Granted]
        }
        (Stage::Suitable, Direction::ToJudicial) => vec![Confirmed],
        (Stage::UnderReview, Direction::ToJudicial) => vec![Confirmed, JudicialApplied],
        (Stage::ToPay, Direction::ToJudicial) => vec![Confirmed, JudicialApplied, JudicialGranted],
        (Stage::Delivered, Direction::ToJudicial) => {
            vec![Confirmed, JudicialApplied, JudicialGranted, JudicialPaid]
        }
        (Stage::Moved, _) => vec![Moved],
        (Stage::Closed, _) => vec![Rejected],
        _ => return None,
    })
}

#[test]
fn every_step_in_every_stage_is_as_the_table_says() {
    let mut tried = 0;
    for direction in Direction::ALL {
        for at in Stage::ALL {
            let Some(way) = way_to(at, direction) else {
                continue;
            };
            for row in TABLE
                .iter()
                .filter(|row| row.direction.is_none_or(|one| one == direction))
            {
                let place = Place::new();
                let mut register = register(&place, direction);
                let steps = way.iter().map(|step| NewItem::Event(noted(*step, day(1))));
                for answer in append(&mut register, steps.collect()) {
                    added(&answer);
                }
                assert_eq!(stage(&register), at);
                let mut new = noted(row.step, day(2));
                if let Event::Found(found) = &mut new.event {
                    found.direction = direction;
                }
                let answer = append(&mut register, vec![NewItem::Event(new)]).remove(0);
                tried += 1;
                if row.from.contains(&at) {
                    added(&answer);
                    let reopened = row.step == Step::Found && at.is_resting();
                    let expected = if reopened {
                        Stage::Lead
                    } else {
                        row.to.unwrap_or(at)
                    };
                    assert_eq!(stage(&register), expected, "{:?} in {at:?}", row.step);
                } else {
                    let refused = refused(answer);
                    assert_eq!(refused.why, RefusedWhy::NotAllowed);
                    // It says where the lead stands and what is allowed, in both languages.
                    assert!(
                        refused.message.zh.contains(&at.text().zh),
                        "{}",
                        refused.message.zh
                    );
                    assert!(
                        refused.message.en.contains(&at.text().en),
                        "{}",
                        refused.message.en
                    );
                    for step in allowed(at, direction) {
                        assert!(refused.hint.zh.contains(&step.text().zh));
                        assert!(refused.hint.en.contains(&step.text().en));
                    }
                    assert_eq!(stage(&register), at);
                }
            }
        }
    }
    assert!(tried > 450, "{tried}");
}

#[test]
fn days_in_the_future_and_before_the_event_they_follow_are_refused() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let answer = append_one(
        &mut register,
        LEAD,
        TODAY.tomorrow().expect("a day"),
        r#"{"kind":"checked","fields":{"finding":"confirmed"}}"#,
    );
    assert_eq!(refused(answer).why, RefusedWhy::Future);
    let answer = append_one(
        &mut register,
        LEAD,
        date(2026, 3, 1),
        r#"{"kind":"checked","fields":{"finding":"confirmed"}}"#,
    );
    let early = refused(answer);
    assert_eq!(early.why, RefusedWhy::TooEarly);
    assert!(
        early.message.en.contains("2026-03-02"),
        "{}",
        early.message.en
    );
    for (on, step, wrong) in [
        (day(3), Step::Confirmed, None),
        (day(6), Step::SentOrdinary, Some(day(2))),
        (day(6), Step::SignedFor, Some(day(5))),
        (day(6), Step::RepliedEligible, Some(day(5))),
        (day(9), Step::Granted, Some(day(5))),
        (day(9), Step::Visited, Some(day(8))),
        (day(9), Step::VisitedSolved, Some(day(8))),
    ] {
        if let Some(wrong) = wrong {
            let answer = append(&mut register, vec![NewItem::Event(noted(step, wrong))]);
            assert_eq!(
                refused(answer[0].clone()).why,
                RefusedWhy::TooEarly,
                "{step:?}"
            );
        }
        added(&append(&mut register, vec![NewItem::Event(noted(step, on))])[0]);
    }
    // What may have been before the lead was found.
    for step in [Step::ToldRights, Step::JudicialPaid, Step::Advice] {
        added(
            &append(
                &mut register,
                vec![NewItem::Event(noted(step, date(2025, 12, 1)))],
            )[0],
        );
    }
}

#[test]
fn the_same_event_again_changes_nothing_in_one_batch_or_in_two() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let steps = [
        Step::Confirmed,
        Step::ToldRights,
        Step::Material,
        Step::SentOrdinary,
        Step::SignedFor,
    ];
    let items: Vec<NewItem> = steps
        .iter()
        .map(|step| NewItem::Event(noted(*step, day(1))))
        .collect();
    let first = append(&mut register, items.clone());
    let ids: Vec<String> = first.iter().map(added).collect();
    let head = register.head();
    for again in [items.clone(), [items.clone(), items].concat()] {
        for (index, answer) in append(&mut register, again).into_iter().enumerate() {
            match answer {
                Appended::AlreadyThere(Added { id, .. }) => {
                    assert_eq!(id.to_string(), ids[index % ids.len()]);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(register.head(), head);
}

#[test]
fn a_refused_item_does_not_stop_the_others_unless_it_is_all_or_nothing() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let items = vec![
        NewItem::Event(noted(Step::Confirmed, day(1))),
        NewItem::Event(noted(Step::SignedFor, day(1))),
        NewItem::Event(noted(Step::SentOrdinary, day(2))),
    ];
    let head = register.head();
    let mut all = batch(items.clone());
    all.all_or_nothing = true;
    let answers = register.append(&all).expect("it is read");
    let why: Vec<RefusedWhy> = answers
        .into_iter()
        .map(|answer| refused(answer).why)
        .collect();
    assert_eq!(
        why,
        [
            RefusedWhy::NotAlone,
            RefusedWhy::NotAllowed,
            RefusedWhy::NotAlone
        ]
    );
    assert_eq!((register.head(), stage(&register)), (head, Stage::Lead));
    let answers = append(&mut register, items);
    added(&answers[0]);
    assert_eq!(refused(answers[1].clone()).why, RefusedWhy::NotAllowed);
    added(&answers[2]);
    assert_eq!(stage(&register), Stage::AwaitingReceipt);
    drop(register);
    assert_eq!(stage(&place.open()), Stage::AwaitingReceipt);
}

#[test]
fn no_text_has_a_number_that_identifies_a_person() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let number = "44990119900101011X";
    let mut tried = 0;
    let mut refuse = |register: &mut Register, new: NewEvent, field: &str| {
        let said = format!("{:?}", new.event);
        let answer = append(register, vec![NewItem::Event(new)]).remove(0);
        let refused = refused(answer);
        assert_eq!(refused.why, RefusedWhy::Text, "{said}");
        assert_eq!(refused.field.as_deref(), Some(field), "{said}");
        for text in [&refused.message, &refused.hint] {
            assert!(!text.zh.contains(number) && !text.en.contains(number));
        }
        tried += 1;
    };
    for text in [
        number,
        "身份证449901 19900101 011X",
        "电话13800001234",
        "卡号6222020200112233445",
    ] {
        for (fields, field) in [
            (
                r#"{"kind":"checked","fields":{"finding":"confirmed","remark":"TEXT"}}"#,
                "/fields/remark",
            ),
            (
                r#"{"kind":"checked","fields":{"finding":"confirmed","decided_by":"TEXT"}}"#,
                "/fields/decided_by",
            ),
            (
                r#"{"kind":"told_rights","fields":{"way":"call","notice":"TEXT"}}"#,
                "/fields/notice",
            ),
            (
                r#"{"kind":"material","fields":{"item":"TEXT","state":"there"}}"#,
                "/fields/item",
            ),
            (
                r#"{"kind":"sent","fields":{"as":"advance","reasons":"TEXT"}}"#,
                "/fields/reasons",
            ),
            (
                r#"{"kind":"replied","fields":{"reply":"procedure","steps":["一","TEXT"]}}"#,
                "/fields/steps/1",
            ),
            (
                r#"{"kind":"moved","fields":{"office":"TEXT"}}"#,
                "/fields/office",
            ),
            (
                r#"{"kind":"visited","fields":{"result":"same","new_need":"TEXT"}}"#,
                "/fields/new_need",
            ),
        ] {
            let new = event(LEAD, day(1), json(&fields.replace("TEXT", text)));
            refuse(&mut register, new, field);
        }
        let confirmed = event(LEAD, day(1), sample(Step::Confirmed));
        refuse(
            &mut register,
            NewEvent {
                operator: text.to_owned(),
                ..confirmed.clone()
            },
            "/operator",
        );
        refuse(
            &mut register,
            NewEvent {
                approver: Some(text.to_owned()),
                ..confirmed.clone()
            },
            "/approver",
        );
        refuse(
            &mut register,
            NewEvent {
                because: Some(text.to_owned()),
                ..confirmed
            },
            "/because",
        );
        let mut lead = found(2, "0000-0001", "dibao", Direction::ToSocial, START);
        lead.about.names = vec![text.to_owned()];
        let answer = append(&mut register, vec![NewItem::Found(lead)]).remove(0);
        assert_eq!(
            refused(answer).field.as_deref(),
            Some("/fields/about/names/0")
        );
    }
    assert_eq!(tried, 44);
    // Control characters and endless texts neither.
    for text in ["两\\n行", &"长".repeat(1001)] {
        let fields = r#"{"kind":"moved","fields":{"office":"TEXT"}}"#.replace("TEXT", text);
        let answer = append_one(&mut register, LEAD, day(1), &fields);
        assert_eq!(refused(answer).why, RefusedWhy::Text);
    }
    // What the texts of an office are like.
    let fields = r#"{"kind":"sent","fields":{"as":"advance","reasons":"2026年4月1日起住院，欠费12000元","letter":"粤检移〔2026〕12号"}}"#;
    added(
        &append(
            &mut register,
            vec![NewItem::Event(noted(Step::Confirmed, day(1)))],
        )[0],
    );
    added(&append_one(&mut register, LEAD, day(1), fields));
    drop(register);
    for suffix in ["", "-wal", ".head.json"] {
        if let Ok(bytes) = std::fs::read(place.beside(suffix)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains(number) && !text.contains("13800001234"));
        }
    }
}

#[test]
fn fields_that_contradict_each_other_are_refused_with_their_place() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    for (fields, field) in [
        (
            r#"{"kind":"checked","fields":{"finding":"rejected"}}"#,
            "/fields/reason",
        ),
        (
            r#"{"kind":"checked","fields":{"finding":"confirmed","reason":"income"}}"#,
            "/fields/reason",
        ),
        (
            r#"{"kind":"consent","fields":{"answer":"given"}}"#,
            "/fields/by",
        ),
        (
            r#"{"kind":"consent","fields":{"answer":"not_reachable","by":"person"}}"#,
            "/fields/by",
        ),
        (
            r#"{"kind":"sent","fields":{"as":"advance"}}"#,
            "/fields/reasons",
        ),
        (
            r#"{"kind":"sent","fields":{"as":"advance","reasons":"  "}}"#,
            "/fields/reasons",
        ),
        (
            r#"{"kind":"sent","fields":{"as":"ordinary","reasons":"急"}}"#,
            "/fields/reasons",
        ),
        (
            r#"{"kind":"replied","fields":{"reply":"not_eligible"}}"#,
            "/fields/reason",
        ),
        (
            r#"{"kind":"replied","fields":{"reply":"eligible","reason":"income"}}"#,
            "/fields/reason",
        ),
        (
            r#"{"kind":"judicial_aid","fields":{"step":"paid","reason":"income"}}"#,
            "/fields/reason",
        ),
        (r#"{"kind":"approved","fields":{}}"#, "/approver"),
        (
            r#"{"kind":"material","fields":{"item":" ","state":"there"}}"#,
            "/fields/item",
        ),
        (
            r#"{"kind":"created","fields":{"register":"00","key_id":"k","signer":"s"}}"#,
            "/kind",
        ),
    ] {
        let refused = refused(append_one(&mut register, LEAD, day(1), fields));
        assert_eq!(
            (refused.why, refused.field.as_deref()),
            (RefusedWhy::Fields, Some(field)),
            "{fields}"
        );
    }
    let own = NewEvent {
        approver: Some("张三".to_owned()),
        ..noted(Step::Approved, day(1))
    };
    let refused = refused(append(&mut register, vec![NewItem::Event(own)]).remove(0));
    assert_eq!(refused.field.as_deref(), Some("/approver"));
    // Fields that nobody knows, and kinds.
    for text in [
        r#"{"kind":"checked","fields":{"finding":"confirmed","other":1}}"#,
        r#"{"kind":"checked","fields":{"finding":"perhaps"}}"#,
        r#"{"kind":"dreamt","fields":{}}"#,
        r#"{"kind":"granted","fields":{"amount":13800001234}}"#,
        r#"{"kind":"granted","fields":{"amount":"13800001234"}}"#,
    ] {
        assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
    }
}

fn decision(round: &str, finding: Finding, reason: Option<Reason>, on: Date) -> Decision {
    Decision {
        round: Some(round.to_owned()),
        lead: lead(LEAD),
        finding,
        reason,
        decided_by: Some("王检察官".to_owned()),
        on,
        remark: None,
        operator: "张三".to_owned(),
    }
}

#[test]
fn decisions_find_their_lead_by_round_and_number_and_never_replace_another() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let round = format!("R{START}");
    let decide = |register: &mut Register, decision: Decision| {
        append(register, vec![NewItem::Decision(decision)]).remove(0)
    };
    let other = decide(
        &mut register,
        decision("R2", Finding::Confirmed, None, day(1)),
    );
    assert_eq!(refused(other).why, RefusedWhy::OtherRound);
    let unknown = Decision {
        lead: lead("04HM-ASW8-dibao"),
        ..decision(&round, Finding::Confirmed, None, day(1))
    };
    assert_eq!(
        refused(decide(&mut register, unknown)).why,
        RefusedWhy::Unknown
    );
    added(&decide(
        &mut register,
        decision(&round, Finding::NeedsMore, None, day(1)),
    ));
    assert_eq!(stage(&register), Stage::Lead);
    added(&decide(
        &mut register,
        decision(&round, Finding::Confirmed, None, day(2)),
    ));
    let same = decide(
        &mut register,
        decision(&round, Finding::Confirmed, None, day(2)),
    );
    assert!(matches!(same, Appended::AlreadyThere(_)), "{same:?}");
    let otherwise = refused(decide(
        &mut register,
        decision(&round, Finding::Rejected, Some(Reason::Income), day(3)),
    ));
    assert_eq!(otherwise.why, RefusedWhy::DecidedOtherwise);
    assert!(
        otherwise.message.en.contains("2026-04-02: confirmed"),
        "{}",
        otherwise.message.en
    );
    assert_eq!(stage(&register), Stage::ToSend);
}

#[test]
fn a_person_keeps_the_first_number_and_a_lead_is_new_carried_or_reopened() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let again = |register: &mut Register, token: u8, number: &str, on: Date| match append(
        register,
        vec![NewItem::Found(found(
            token,
            number,
            "dibao",
            Direction::ToSocial,
            on,
        ))],
    )
    .remove(0)
    {
        Appended::Added(Added {
            subject: Subject::Lead(lead),
            standing: Some(standing),
            ..
        }) => (lead.to_string(), standing),
        other => panic!("{other:?}"),
    };
    // The next round has another number for the same person, and this number for another.
    assert_eq!(
        again(&mut register, 1, "ZZZZ-ZZZZ", date(2026, 6, 1)),
        (LEAD.to_owned(), Standing::Carried)
    );
    assert_eq!(
        again(&mut register, 2, "04HM-ASW9", date(2026, 6, 1)),
        ("04HM-ASW9-0-dibao".to_owned(), Standing::New)
    );
    assert_eq!(
        register.person_of(&RegisterToken([2; 16])),
        Some(&person("04HM-ASW9-0"))
    );
    let of_round = register.lead_of_round("R2026-06-01", &lead("ZZZZ-ZZZZ-dibao"));
    assert_eq!(of_round, Ok(Some(lead(LEAD))));
    added(
        &append(
            &mut register,
            vec![NewItem::Event(noted(Step::Rejected, date(2026, 6, 3)))],
        )[0],
    );
    // A round from before the rejection does not open it again.
    let older = found(
        1,
        "YYYY-YYYY",
        "dibao",
        Direction::ToSocial,
        date(2026, 5, 1),
    );
    assert_eq!(
        refused(append(&mut register, vec![NewItem::Found(older)]).remove(0)).why,
        RefusedWhy::TooEarly
    );
    assert_eq!(
        again(&mut register, 1, "XXXX-XXXX", date(2026, 9, 1)),
        (LEAD.to_owned(), Standing::Reopened)
    );
    let state = register
        .book()
        .lead(&lead(LEAD))
        .and_then(|lead| lead.state.clone())
        .expect("a state");
    assert_eq!(
        (state.stage, state.reopened, state.decision),
        (Stage::Lead, 1, None)
    );
    assert_eq!(
        state.before.map(|(stage, _, reason)| (stage, reason)),
        Some((Stage::Closed, Some(Reason::Income)))
    );
    assert_eq!(register.taken_from(&"a".repeat(64)), Ok(4));
}

#[test]
fn corrections_and_withdrawals_are_events_and_must_leave_a_history_that_holds() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let items = [Step::Confirmed, Step::SentOrdinary, Step::SignedFor];
    let answers = append(
        &mut register,
        items
            .iter()
            .map(|step| NewItem::Event(noted(*step, day(5))))
            .collect(),
    );
    let ids: Vec<String> = answers.iter().map(added).collect();
    let right = |of: &str, on: &str, kind: &str, fields: &str| {
        format!(
            r#"{{"kind":"corrected","fields":{{"of":"{of}","on":"{on}","event":{{"kind":"{kind}","fields":{fields}}}}}}}"#
        )
    };
    // The lead was not confirmed at all: but it was sent.
    let wrong = right(
        &ids[0],
        "2026-04-05",
        "checked",
        r#"{"finding":"rejected","reason":"income"}"#,
    );
    let told = refused(append_one(&mut register, LEAD, day(9), &wrong));
    assert_eq!(told.why, RefusedWhy::NotAllowed);
    assert!(
        told.message
            .en
            .contains("a later event would not be allowed"),
        "{}",
        told.message.en
    );
    let withdraw = format!(r#"{{"kind":"withdrawn","fields":{{"of":"{}"}}}}"#, ids[1]);
    assert_eq!(
        refused(append_one(&mut register, LEAD, day(9), &withdraw)).why,
        RefusedWhy::NotAllowed
    );
    // Another day of sending holds.
    let moved = right(&ids[1], "2026-04-04", "sent", r#"{"as":"ordinary"}"#);
    assert_eq!(
        refused(append_one(&mut register, LEAD, day(9), &moved)).why,
        RefusedWhy::TooEarly
    );
    let confirmed = right(
        &ids[0],
        "2026-04-03",
        "checked",
        r#"{"finding":"confirmed"}"#,
    );
    added(&append_one(&mut register, LEAD, day(9), &confirmed));
    let sent = added(&append_one(&mut register, LEAD, day(9), &moved));
    let again = append_one(&mut register, LEAD, day(9), &moved);
    assert!(matches!(again, Appended::AlreadyThere(_)), "{again:?}");
    // What was corrected no longer counts; the correction can be corrected.
    let once_more = right(&ids[1], "2026-04-05", "sent", r#"{"as":"ordinary"}"#);
    assert_eq!(
        refused(append_one(&mut register, LEAD, day(9), &once_more)).why,
        RefusedWhy::NoSuchEvent
    );
    let once_more = right(&sent, "2026-04-05", "sent", r#"{"as":"ordinary"}"#);
    added(&append_one(&mut register, LEAD, day(9), &once_more));
    // From the end, everything can be withdrawn.
    let withdraw = format!(r#"{{"kind":"withdrawn","fields":{{"of":"{}"}}}}"#, ids[2]);
    added(&append_one(&mut register, LEAD, day(9), &withdraw));
    assert_eq!(stage(&register), Stage::AwaitingReceipt);
    // The withdrawn event again, from the same file: told, unless somebody says why.
    let signed = noted(Step::SignedFor, day(5));
    let told = refused(append(&mut register, vec![NewItem::Event(signed.clone())]).remove(0));
    assert!(
        told.message.en.contains("withdrawn on 2026-04-09"),
        "{}",
        told.message.en
    );
    let because = NewEvent {
        because: Some("回执已找到".to_owned()),
        ..signed
    };
    added(&append(&mut register, vec![NewItem::Event(because)])[0]);
    assert_eq!(stage(&register), Stage::WithAgency);
    // The history is all there.
    assert_eq!(register.book().events().len(), 10);
    drop(register);
    assert_eq!(stage(&place.open()), Stage::WithAgency);
}

#[test]
fn events_of_a_person_are_recorded_without_a_lead() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let of_person = |number: &str, step: Step| {
        NewItem::Event(NewEvent {
            subject: Subject::Person(person(number)),
            ..noted(step, day(1))
        })
    };
    for step in [Step::ToldRights, Step::JudicialPaid, Step::Advice] {
        added(&append(&mut register, vec![of_person("04HM-ASW9", step)])[0]);
    }
    let answer = append(&mut register, vec![of_person("04HM-ASW9", Step::Confirmed)]).remove(0);
    assert_eq!(refused(answer).why, RefusedWhy::NotAllowed);
    let answer = append(
        &mut register,
        vec![of_person("04HM-ASW0", Step::ToldRights)],
    )
    .remove(0);
    assert_eq!(refused(answer).why, RefusedWhy::Unknown);
    let answer = append_one(
        &mut register,
        "04HM-ASW9-tekun",
        day(1),
        r#"{"kind":"closed","fields":{"reason":"dead"}}"#,
    );
    assert_eq!(refused(answer).why, RefusedWhy::Unknown);
    assert_eq!(
        register
            .book()
            .events_of_person(&person("04HM-ASW9"))
            .count(),
        3
    );
}

#[test]
fn the_next_round_sees_each_lead_as_a_referral() {
    for (steps, state) in [
        (vec![], "not_referred"),
        (vec![Step::NeedsMore], "not_referred"),
        (vec![Step::Confirmed], "confirmed"),
        (
            vec![Step::Confirmed, Step::SentInAdvance],
            "transferred_in_advance",
        ),
        (
            vec![Step::Confirmed, Step::SentInAdvance, Step::Material],
            "awaiting_receipt",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary],
            "awaiting_receipt",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary, Step::SignedFor],
            "received",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary, Step::RepliedProcedure],
            "materials_needed",
        ),
        (
            vec![
                Step::Confirmed,
                Step::SentOrdinary,
                Step::RepliedProcedure,
                Step::AppliedAt,
            ],
            "under_review",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary, Step::RepliedEligible],
            "eligible",
        ),
        (
            vec![
                Step::Confirmed,
                Step::SentOrdinary,
                Step::RepliedNotEligible,
            ],
            "not_eligible",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary, Step::RepliedReceives],
            "aid_delivered",
        ),
        (
            vec![Step::Confirmed, Step::SentOrdinary, Step::Returned],
            "confirmed",
        ),
        (vec![Step::GrantedByRegister], "aid_delivered"),
        (vec![Step::GrantedByRegister, Step::Visited], "followed_up"),
        (vec![Step::GrantedByRegister, Step::VisitedSolved], "closed"),
        (vec![Step::Rejected], "not_suitable"),
        (vec![Step::ConsentRefused], "declined"),
        (vec![Step::Moved], "jurisdiction_transferred"),
    ] {
        let place = Place::new();
        let mut register = register(&place, Direction::ToSocial);
        let items = steps
            .iter()
            .map(|step| NewItem::Event(noted(*step, day(1))));
        for answer in append(&mut register, items.collect()) {
            added(&answer);
        }
        let rows = referral_rows(register.book(), &RegisterToken([1; 16]));
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].state, rows[0].aid.as_str()),
            (state, "dibao"),
            "{steps:?}"
        );
        assert_eq!(
            rows[0].case_number.as_deref(),
            Some("（2026）粤9901刑初12号")
        );
    }
    for (reason, state) in [
        ("declined", "declined"),
        ("dead", "dead"),
        ("duplicate", "duplicate"),
        ("not_reachable", "not_reachable"),
        ("moved_away", "moved_away"),
        ("not_local", "moved_away"),
        ("not_our_duty", "returned"),
        ("receives", "aid_delivered"),
        ("income", "not_suitable"),
    ] {
        let place = Place::new();
        let mut register = register(&place, Direction::ToSocial);
        let fields = format!(
            r#"{{"kind":"checked","fields":{{"finding":"rejected","reason":"{reason}"}}}}"#
        );
        added(&append_one(&mut register, LEAD, day(1), &fields));
        let rows = referral_rows(register.book(), &RegisterToken([1; 16]));
        assert_eq!((rows[0].state, rows[0].reason), (state, Some(reason)));
        assert_eq!(rows[0].state_on, day(1));
    }
    let place = Place::new();
    let register = register(&place, Direction::ToSocial);
    assert!(referral_rows(register.book(), &RegisterToken([9; 16])).is_empty());
}

#[test]
fn materials_that_are_owed_hold_back_ordinary_sending() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    added(
        &append(
            &mut register,
            vec![NewItem::Event(noted(Step::Confirmed, day(1)))],
        )[0],
    );
    let owed = r#"{"kind":"material","fields":{"item":"困难证明","state":"owed"}}"#;
    added(&append_one(&mut register, LEAD, day(1), owed));
    let told = refused(
        append(
            &mut register,
            vec![NewItem::Event(noted(Step::SentOrdinary, day(2)))],
        )
        .remove(0),
    );
    assert_eq!(told.why, RefusedWhy::NotAllowed);
    assert!(told.message.en.contains("materials are owed"));
    added(&append_one(
        &mut register,
        LEAD,
        day(2),
        &owed.replace("owed", "waived"),
    ));
    added(
        &append(
            &mut register,
            vec![NewItem::Event(noted(Step::SentOrdinary, day(2)))],
        )[0],
    );
}

#[test]
fn a_round_is_known_by_its_manifest() {
    let place = Place::new();
    let mut register = register(&place, Direction::ToSocial);
    let mut bad = found(3, "0000-0003", "dibao", Direction::ToSocial, START);
    bad.round = Some(FoundBy {
        manifest: "not a digest".to_owned(),
        ..bad.round.clone().expect("a round")
    });
    let told = refused(append(&mut register, vec![NewItem::Found(bad)]).remove(0));
    assert_eq!(told.field.as_deref(), Some("/fields/round/manifest"));
    assert_eq!(register.taken_from(&"a".repeat(64)), Ok(1));
    assert_eq!(register.taken_from(&"b".repeat(64)), Ok(0));
}
