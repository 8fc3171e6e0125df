//! `aidlink register note`: records what happened to a lead or a person, singly or from a
//! table.

use std::path::Path;

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::register::noted::{self, WrittenEvent};
use aidlink_register::chain::Recorded;
use aidlink_register::event::{Corrected, Event, Withdrawn};
use aidlink_register::form::{Known, day, event_of};
use aidlink_register::items::{
    Added, Appended, Batch, NewEvent, NewItem, Refused, RefusedWhy, Subject,
};
use aidlink_register::number::{EventId, LeadNumber, PersonNumber};
use aidlink_register::register::Register;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::refused::{Place, RefusedItem};
use crate::cli::RegisterNoteArguments;
use crate::commands::Ending;

/// The answer of `register note`.
#[derive(Serialize)]
struct Noted {
    added: Vec<NotedEvent>,
    already_there: Vec<NotedEvent>,
    refused: Vec<RefusedItem>,
}

/// An event that is in the register.
#[derive(Serialize)]
struct NotedEvent {
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
}

/// A row of a table, or what the options say.
struct Row {
    place: Place,
    /// What it says, or why it cannot be read.
    written: Result<WrittenEvent, RefusedItem>,
}

/// Records one event, or those of a file.
pub(super) fn run(arguments: &RegisterNoteArguments, output: Output) -> Result<Ending, Ending> {
    let rows = match &arguments.csv {
        Some(file) => read_table(file, arguments.operator.as_deref())?,
        None => vec![Row {
            place: Place::default(),
            written: Ok(of_options(arguments)?),
        }],
    };
    let mut register = arguments.file.open(output)?;
    let today = Zoned::now().date();
    // Rows that are no events are told with the others, in the order of the file.
    let made: Vec<(Row, Option<Result<NewEvent, Refused>>)> = rows
        .into_iter()
        .map(|row| {
            let written = row.written.as_ref().ok();
            let new = written.map(|written| new_event(&register, written, today));
            (row, new)
        })
        .collect();
    let any_refused = made.iter().any(|(_, new)| !matches!(new, Some(Ok(_))));
    let items = made
        .iter()
        .filter_map(|(_, new)| new.as_ref()?.as_ref().ok());
    let batch = Batch {
        items: items.cloned().map(NewItem::Event).collect(),
        recorded_at: Timestamp::now(),
        today,
        all_or_nothing: arguments.all_or_nothing,
    };
    let answers = match arguments.all_or_nothing && any_refused {
        true => Vec::new(),
        false => register.append(&batch)?,
    };
    let mut noted = Noted {
        added: Vec::new(),
        already_there: Vec::new(),
        refused: Vec::new(),
    };
    let mut answers = answers.into_iter();
    for (row, new) in made {
        let written = match row.written {
            Ok(written) => written,
            Err(refused) => {
                noted.refused.push(refused);
                continue;
            }
        };
        let answer = match new {
            Some(Err(refused)) => Appended::Refused(refused),
            // Without an answer, another row was refused and nothing was recorded.
            _ => answers.next().unwrap_or_else(not_alone),
        };
        match answer {
            Appended::Added(added) => noted.added.push(NotedEvent::of(row.place, added)),
            Appended::AlreadyThere(there) => {
                noted.already_there.push(NotedEvent::of(row.place, there));
            }
            Appended::Refused(refused) => {
                let column_of = |field: &str| written.column(field).map(str::to_owned);
                let item = RefusedItem::of(row.place, &refused, column_of);
                noted.refused.push(item);
            }
        }
    }
    say(&noted, output);
    output.json(&noted);
    Ok(Ending::done(!noted.refused.is_empty()))
}

fn not_alone() -> Appended {
    Appended::Refused(Refused {
        why: RefusedWhy::NotAlone,
        field: None,
        message: Text::new(
            "本批中有事项被退回，因此全部未登记",
            "another item was refused, so nothing of the batch was recorded",
        ),
        hint: Text::new("请先更正被退回的事项", "correct the refused item first"),
    })
}

fn say(noted: &Noted, output: Output) {
    for refused in &noted.refused {
        output.say(&refused.text());
    }
    for added in &noted.added {
        let of = added.lead.as_ref().or(added.person.as_ref());
        let of = of.map(String::as_str).unwrap_or_default();
        output.say(&Text::new(
            format!("  {} {of} 已登记", added.id),
            format!("  {} {of} recorded", added.id),
        ));
    }
    let (added, there, refused) = (
        noted.added.len(),
        noted.already_there.len(),
        noted.refused.len(),
    );
    output.say(&Text::new(
        format!("登记{added}项，已有{there}项，退回{refused}项"),
        format!("{added} recorded, {there} already there, {refused} refused"),
    ));
}

impl NotedEvent {
    fn of(place: Place, added: Added) -> Self {
        let (lead, person) = match added.subject {
            Subject::Lead(lead) => (Some(lead.to_string()), None),
            Subject::Person(person) => (None, Some(person.to_string())),
        };
        NotedEvent {
            sheet: place.sheet,
            row: place.row,
            id: added.id.to_string(),
            lead,
            person,
        }
    }
}

fn of_options(arguments: &RegisterNoteArguments) -> Result<WrittenEvent, Ending> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = arguments.set.iter().map(|written| {
        let parts = written.split_once('=');
        let parts = parts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        parts.ok_or_else(|| {
            let fault = Fault::of_file(
                Path::new("--set"),
                Text::new("写法应为 名称=内容", "expected NAME=TEXT"),
                Text::new("例如 --set as=ordinary", "for example --set as=ordinary"),
            );
            Ending::WrongConfiguration(fault.into())
        })
    });
    Ok(WrittenEvent {
        lead: text(&arguments.lead),
        person: text(&arguments.person),
        kind: text(&arguments.kind),
        on: arguments.on.map(|on| on.to_string()).unwrap_or_default(),
        correct: text(&arguments.correct),
        withdraw: text(&arguments.withdraw),
        operator: text(&arguments.operator),
        approver: text(&arguments.approver),
        because: text(&arguments.because),
        fields: fields.collect::<Result<_, _>>()?,
        columns: Vec::new(),
    })
}

/// Reads a table. Rows that name no operator are recorded by `operator`; without one they
/// are refused.
fn read_table(file: &Path, operator: Option<&str>) -> Result<Vec<Row>, Faults> {
    let rows = noted::read(file)?.into_iter();
    let rows = rows.map(|row| {
        let place = Place {
            sheet: row.place.sheet.map(|(_, name)| name),
            row: Some(row.place.row),
        };
        let written = match row.written {
            Ok(mut written) => {
                if written.operator.trim().is_empty() {
                    written.operator = operator.unwrap_or_default().to_owned();
                }
                Ok(written)
            }
            Err(bad) => Err(RefusedItem::of_cell(
                place.clone(),
                &bad.column,
                bad.why.text(),
                Text::default(),
            )),
        };
        Row { place, written }
    });
    Ok(rows.collect())
}

fn refused(field: &str, zh: &str, en: &str, hint: (&str, &str)) -> Refused {
    Refused {
        why: RefusedWhy::Fields,
        field: Some(field.to_owned()),
        message: Text::new(zh, en),
        hint: Text::new(hint.0, hint.1),
    }
}

/// Makes an event of what a person wrote. A correction or a withdrawal finds its lead or
/// person itself.
fn new_event(
    register: &Register,
    written: &WrittenEvent,
    today: Date,
) -> Result<NewEvent, Refused> {
    if written.operator.trim().is_empty() {
        return Err(refused(
            "operator",
            "未写明登记人",
            "nobody is named who records it",
            (
                "请填写“登记人”列，或用 --operator 统一指明",
                "fill in the column `operator`, or name one for all such rows with --operator",
            ),
        ));
    }
    let on = match written.on.as_str() {
        "" => None,
        text => Some(day(text).ok_or_else(|| {
            refused(
                "on",
                "不是日期",
                "this is not a date",
                ("日期写法如 2026-10-08", "write a date such as 2026-10-08"),
            )
        })?),
    };
    let of = match (written.correct.as_str(), written.withdraw.as_str()) {
        ("", "") => None,
        (text, "") => Some(event_named(register, "correct", text)?),
        ("", text) => Some(event_named(register, "withdraw", text)?),
        _ => {
            return Err(refused(
                "withdraw",
                "不能同时更正和撤销",
                "an event is corrected or withdrawn, not both",
                ("请只填一项", "write one of the two"),
            ));
        }
    };
    let subject = match &of {
        Some((_, subject)) => {
            check_subject(written, subject)?;
            subject.clone()
        }
        None => subject(written)?,
    };
    let fields = written.fields.iter();
    let fields = fields.map(|(name, text)| (name.as_str(), text.as_str()));
    let lead = match &subject {
        Subject::Lead(lead) => Some((lead.person().to_string(), lead.aid().to_owned())),
        Subject::Person(_) => None,
    };
    let lead = lead
        .as_ref()
        .map(|(person, aid)| (person.as_str(), aid.as_str()));
    let (event, on) = match of {
        Some((wrong, _)) if written.correct.is_empty() => {
            check_only_withdraws(written)?;
            let of = wrong.id.clone();
            (Event::Withdrawn(Withdrawn { of }), today)
        }
        Some((wrong, _)) => {
            let was = wrong.effective();
            let known = Known {
                lead,
                corrects: was.map(|(event, _)| event),
            };
            let event = Box::new(event_of(&written.kind, fields, known)?);
            // The correction is made today; its own day is the one that is right. If nobody
            // writes one, that of the event was right.
            let right = on.or(was.map(|(_, on)| on)).unwrap_or(wrong.on);
            let of = wrong.id.clone();
            let corrected = Corrected {
                of,
                on: right,
                event,
            };
            (Event::Corrected(corrected), today)
        }
        None => {
            let known = Known {
                lead,
                corrects: None,
            };
            let event = event_of(&written.kind, fields, known)?;
            (event, on.unwrap_or(today))
        }
    };
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(NewEvent {
        subject,
        on,
        event,
        operator: written.operator.clone(),
        approver: optional(&written.approver),
        because: optional(&written.because),
    })
}

/// Checks that a withdrawal says nothing else: what it says would be lost.
fn check_only_withdraws(written: &WrittenEvent) -> Result<(), Refused> {
    let field = written.fields.first().map(|(name, _)| name.as_str());
    let field = field
        .or((!written.kind.is_empty()).then_some("kind"))
        .or((!written.on.is_empty()).then_some("on"));
    match field {
        None => Ok(()),
        Some(field) => Err(refused(
            &aidlink_faults::personal_number::shown_name(field),
            "撤销时不能填写其他内容",
            "a withdrawal says nothing else",
            (
                "如要更正，请改用更正（correct）；撤销的原因写在登记原因（because）中",
                "to put something right, correct the event (correct); say why it is withdrawn in `because`",
            ),
        )),
    }
}

/// Checks that a lead or person that is named beside a correction or a withdrawal is that of the
/// event: somebody may have mistaken one id for another.
fn check_subject(written: &WrittenEvent, subject: &Subject) -> Result<(), Refused> {
    let of_event = match subject {
        Subject::Lead(lead) => (Some(lead.clone()), lead.person()),
        Subject::Person(person) => (None, person.clone()),
    };
    let other = |field| {
        Err(Refused {
            why: RefusedWhy::NoSuchEvent,
            ..refused(
                field,
                "该事项不属于所写的线索或人员",
                "the event is of another lead or person than the one that is named",
                (
                    "请核对事项编号和线索（人员）编号",
                    "check the id of the event, and the number",
                ),
            )
        })
    };
    if !written.lead.is_empty() && LeadNumber::parse(&written.lead) != of_event.0 {
        return other("lead");
    }
    let person = PersonNumber::parse(&written.person);
    if !written.person.is_empty() && person.as_ref() != Some(&of_event.1) {
        return other("person");
    }
    Ok(())
}

fn event_named<'r>(
    register: &'r Register,
    field: &str,
    text: &str,
) -> Result<(&'r Recorded, Subject), Refused> {
    let id = EventId::parse(text);
    let event = id.as_ref().and_then(|id| register.book().event(id));
    let found = event.and_then(|event| Some((event, event.subject.clone()?)));
    found.ok_or_else(|| Refused {
        why: RefusedWhy::NoSuchEvent,
        ..refused(
            field,
            "没有该事项",
            "there is no such event",
            (
                "请用 register show --events 查看事项编号，如 E-04HM-ASW9",
                "see the ids of events with `register show --events`, such as E-04HM-ASW9",
            ),
        )
    })
}

fn subject(written: &WrittenEvent) -> Result<Subject, Refused> {
    match (written.lead.as_str(), written.person.as_str()) {
        (lead, "") if !lead.is_empty() => {
            LeadNumber::parse(lead).map(Subject::Lead).ok_or_else(|| {
                refused(
                    "lead",
                    "不是线索编号",
                    "this is not the number of a lead",
                    ("线索编号如 04HM-ASW9-dibao", "such as 04HM-ASW9-dibao"),
                )
            })
        }
        ("", person) if !person.is_empty() => PersonNumber::parse(person)
            .map(Subject::Person)
            .ok_or_else(|| {
                refused(
                    "person",
                    "不是人员编号",
                    "this is not the number of a person",
                    ("人员编号如 04HM-ASW9", "such as 04HM-ASW9"),
                )
            }),
        ("", _) => Err(refused(
            "lead",
            "未写明线索或人员",
            "neither lead nor person is named",
            ("请填写线索编号或人员编号", "name one of the two"),
        )),
        _ => Err(refused(
            "person",
            "线索和人员只能写一个",
            "lead and person are both named",
            ("请只填一项", "write one of the two"),
        )),
    }
}
