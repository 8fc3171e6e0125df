//! `aidlink register note`: records what happened to a lead or a person, singly or from a
//! CSV file.

use std::path::Path;

use aidlink_faults::fault::{Fault, Faults, Place};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;
use aidlink_office::terminal::Output;
use aidlink_register::event::{Corrected, Event, Withdrawn};
use aidlink_register::form::{day, event_of};
use aidlink_register::items::{
    Added, Appended, Batch, NewEvent, NewItem, Refused, RefusedWhy, Subject,
};
use aidlink_register::number::{EventId, LeadNumber, PersonNumber};
use aidlink_register::register::Register;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::refused::RefusedItem;
use crate::cli::RegisterNoteArguments;
use crate::commands::Ending;

/// The largest CSV file, in bytes.
const LARGEST_CSV: u64 = 64 << 20;

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
    row: Option<u64>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
}

/// What a person writes of an event.
#[derive(Default)]
struct Written {
    /// The row of the file.
    row: Option<u64>,
    lead: String,
    person: String,
    kind: String,
    on: String,
    correct: String,
    withdraw: String,
    operator: String,
    approver: String,
    because: String,
    fields: Vec<(String, String)>,
}

/// Records one event, or those of a file.
pub(super) fn run(arguments: &RegisterNoteArguments, output: Output) -> Result<Ending, Ending> {
    let written = match &arguments.csv {
        Some(file) => read_csv(file, &arguments.operator)?,
        None => vec![of_options(arguments)?],
    };
    let mut register = arguments.file.open(output)?;
    let today = Zoned::now().date();
    // Rows that are no events are told with the others, in the order of the file.
    let made: Vec<(Option<u64>, Result<NewEvent, Refused>)> = written
        .iter()
        .map(|written| (written.row, new_event(&register, written, today)))
        .collect();
    let any_refused = made.iter().any(|(_, new)| new.is_err());
    let items = made.iter().filter_map(|(_, new)| new.as_ref().ok());
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
        let answer = match new {
            Err(refused) => Appended::Refused(refused),
            // Without an answer, another row was refused and nothing was recorded.
            Ok(_) => answers.next().unwrap_or_else(not_alone),
        };
        match answer {
            Appended::Added(added) => noted.added.push(NotedEvent::of(row, added)),
            Appended::AlreadyThere(there) => noted.already_there.push(NotedEvent::of(row, there)),
            Appended::Refused(refused) => noted.refused.push(RefusedItem::of(row, refused)),
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
    fn of(row: Option<u64>, added: Added) -> Self {
        let (lead, person) = match added.subject {
            Subject::Lead(lead) => (Some(lead.to_string()), None),
            Subject::Person(person) => (None, Some(person.to_string())),
        };
        NotedEvent {
            row,
            id: added.id.to_string(),
            lead,
            person,
        }
    }
}

fn of_options(arguments: &RegisterNoteArguments) -> Result<Written, Ending> {
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
    Ok(Written {
        row: None,
        lead: text(&arguments.lead),
        person: text(&arguments.person),
        kind: text(&arguments.kind),
        on: arguments.on.map(|on| on.to_string()).unwrap_or_default(),
        correct: text(&arguments.correct),
        withdraw: text(&arguments.withdraw),
        operator: arguments.operator.clone(),
        approver: text(&arguments.approver),
        because: text(&arguments.because),
        fields: fields.collect::<Result<_, _>>()?,
    })
}

/// Reads a CSV file: a header, then an event in each row. The columns `lead`, `person`,
/// `kind`, `on`, `correct`, `withdraw`, `operator`, `approver` and `because` say what the
/// options say; every other column is a field. Empty cells count as not written.
fn read_csv(file: &Path, operator: &str) -> Result<Vec<Written>, Faults> {
    let content = regular_file::read(file, LARGEST_CSV)?;
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(content);
    let unreadable = |line: u64, message: Text| {
        let hint = Text::new(
            "请另存为 UTF-8 编码的 CSV 文件",
            "save it as a CSV file in UTF-8",
        );
        Fault::of_file(file, message, hint).at(Place::Line(line))
    };
    let not_text = || Text::new("不是 UTF-8 编码的文字", "this is not text in UTF-8");
    let header = reader
        .headers()
        .map_err(|_| unreadable(1, not_text()))?
        .clone();
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut all = Vec::new();
    for record in reader.records() {
        let row = all.len() as u64 + 2;
        let record = record.map_err(|_| unreadable(row, not_text()))?;
        let mut written = Written {
            row: Some(row),
            operator: operator.to_owned(),
            ..Written::default()
        };
        if record.len() > names.len() {
            return Err(unreadable(
                row,
                Text::new("该行的列比表头多", "the row has more cells than the header"),
            )
            .into());
        }
        for (name, cell) in names.iter().zip(record.iter().map(str::trim)) {
            if cell.is_empty() {
                continue;
            }
            let place = match name.as_str() {
                "lead" | "线索编号" => &mut written.lead,
                "person" | "人员编号" => &mut written.person,
                "kind" | "事项" => &mut written.kind,
                "on" | "日期" => &mut written.on,
                "correct" | "更正事项编号" => &mut written.correct,
                "withdraw" | "撤销事项编号" => &mut written.withdraw,
                "operator" | "登记人" => &mut written.operator,
                "approver" | "审批人" => &mut written.approver,
                "because" | "登记原因" => &mut written.because,
                _ => {
                    written.fields.push((name.clone(), cell.to_owned()));
                    continue;
                }
            };
            *place = cell.to_owned();
        }
        all.push(written);
    }
    Ok(all)
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
fn new_event(register: &Register, written: &Written, today: Date) -> Result<NewEvent, Refused> {
    let on = match written.on.as_str() {
        "" => today,
        text => day(text).ok_or_else(|| {
            refused(
                "on",
                "不是日期",
                "this is not a date",
                ("日期写法如 2026-10-08", "write a date such as 2026-10-08"),
            )
        })?,
    };
    let of = match (written.correct.as_str(), written.withdraw.as_str()) {
        ("", "") => None,
        (text, "") | ("", text) => Some(event_named(register, text)?),
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
        Some((_, subject)) => subject.clone(),
        None => subject(written)?,
    };
    let fields = written.fields.iter();
    let fields = fields.map(|(name, text)| (name.as_str(), text.as_str()));
    let known = match &subject {
        Subject::Lead(lead) => Some((lead.person().to_string(), lead.aid().to_owned())),
        Subject::Person(_) => None,
    };
    let known = known
        .as_ref()
        .map(|(person, aid)| (person.as_str(), aid.as_str()));
    let (event, on) = match of {
        Some((of, _)) if written.correct.is_empty() => (Event::Withdrawn(Withdrawn { of }), today),
        Some((of, _)) => {
            let event = Box::new(event_of(&written.kind, fields, known)?);
            // The correction is made today; `on` is the day that is right.
            (Event::Corrected(Corrected { of, on, event }), today)
        }
        None => (event_of(&written.kind, fields, known)?, on),
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

fn event_named(register: &Register, text: &str) -> Result<(EventId, Subject), Refused> {
    let id = EventId::parse(text);
    let event = id.as_ref().and_then(|id| register.book().event(id));
    match (id, event.and_then(|event| event.subject.clone())) {
        (Some(id), Some(subject)) => Ok((id, subject)),
        _ => Err(Refused {
            why: RefusedWhy::NoSuchEvent,
            ..refused(
                "of",
                "没有该事项",
                "there is no such event",
                (
                    "请用 register show --events 查看事项编号，如 E-04HM-ASW9",
                    "see the ids of events with `register show --events`, such as E-04HM-ASW9",
                ),
            )
        }),
    }
}

fn subject(written: &Written) -> Result<Subject, Refused> {
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
