//! `aidlink register show`: shows leads, and their events.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::{Fault, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_office::text_table::{WIDTH, WordTable};
use aidlink_policy::pack::Policy;
use aidlink_register::book::{Book, Lead};
use aidlink_register::chain::Recorded;
use aidlink_register::event::Event;
use aidlink_register::form::said;
use aidlink_register::items::Subject;
use aidlink_register::ledger::Names;
use aidlink_register::number::{LeadNumber, PersonNumber};
use aidlink_register::workflow::{Closure, Stage, Step};
use jiff::civil::Date;
use serde::Serialize;

use crate::cli::RegisterShowArguments;
use crate::commands::Ending;
use crate::policy_file::read_policy;

/// A lead as it is shown.
#[derive(Serialize)]
struct ShownLead<'b> {
    lead: &'b LeadNumber,
    person: &'b PersonNumber,
    names: Vec<String>,
    case_numbers: Vec<String>,
    agency: &'b str,
    /// Its name, if the policy has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    agency_name: Option<Text>,
    direction: &'static str,
    stage: Option<Stage>,
    since: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closure: Option<Closure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<ShownEvent<'b>>,
}

/// An event as it is shown.
#[derive(Serialize)]
struct ShownEvent<'b> {
    id: String,
    on: Date,
    #[serde(flatten)]
    event: &'b Event,
    operator: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'b str>,
    /// The event that corrected or withdrew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
}

/// Events that concern a person and no single lead.
#[derive(Serialize)]
struct OfPerson<'b> {
    person: &'b PersonNumber,
    names: Vec<String>,
    events: Vec<ShownEvent<'b>>,
}

/// The answer of `register show`.
#[derive(Serialize)]
struct Shown<'b> {
    leads: Vec<ShownLead<'b>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    of_persons: Vec<OfPerson<'b>>,
}

/// Shows the leads that fit all options.
pub(super) fn run(arguments: &RegisterShowArguments, output: Output) -> Result<Ending, Ending> {
    let stage = arguments.stage.as_deref().map(stage_named).transpose()?;
    let lead = match &arguments.lead {
        None => None,
        Some(text) => Some(LeadNumber::parse(text).ok_or_else(|| no_number("--lead"))?),
    };
    let person = match &arguments.person {
        None => None,
        Some(text) => Some(PersonNumber::parse(text).ok_or_else(|| no_number("--person"))?),
    };
    let (policy, _) = read_policy(&arguments.policy, arguments.schemas.as_deref())
        .map_err(Ending::WrongConfiguration)?;
    let register = arguments.file.open_to_read(output)?;
    let book = register.book();
    let agency = arguments.agency.as_deref().map(str::trim);
    let agency = agency.map(|agency| agency_named(agency, &policy, book));
    let agency = agency.transpose()?;
    let contains = |texts: &[String], part: &Option<String>| {
        let part = part.as_deref().map(str::trim);
        part.is_none_or(|part| texts.iter().any(|text| text.contains(part)))
    };
    let fits = |one: &Lead| {
        let about = book.about(one);
        lead.as_ref().is_none_or(|lead| one.number == *lead)
            && person.as_ref().is_none_or(|person| one.person == *person)
            && stage.is_none_or(|stage| one.state.as_ref().is_some_and(|at| at.stage == stage))
            && agency
                .as_ref()
                .is_none_or(|agency| book.agency_of(one) == agency)
            && contains(&about.names, &arguments.name)
            && contains(&about.case_numbers, &arguments.case)
    };
    let leads: Vec<ShownLead<'_>> = book
        .leads()
        .filter(|one| fits(one))
        .map(|one| shown(book, one, &policy, arguments.events))
        .collect();
    // Events that concern no single lead, of the persons whose leads are shown.
    let mut persons: Vec<&PersonNumber> = leads.iter().map(|lead| lead.person).collect();
    persons.dedup();
    let of_persons: Vec<OfPerson<'_>> = match arguments.events {
        true => persons
            .into_iter()
            .map(|person| OfPerson {
                person,
                names: book.names_of(person),
                events: history(book, &Subject::Person(person.clone())),
            })
            .filter(|of_person| !of_person.events.is_empty())
            .collect(),
        false => Vec::new(),
    };
    let shown = Shown { leads, of_persons };
    say_table(&shown.leads, output);
    if arguments.events {
        say_events(&shown, output);
    }
    let count = shown.leads.len();
    output.say(&Text::new(
        format!("{count}条线索"),
        match count {
            1 => "1 lead".to_owned(),
            count => format!("{count} leads"),
        },
    ));
    output.json(&shown);
    Ok(Ending::Done)
}

fn stage_named(text: &str) -> Result<Stage, Ending> {
    let mut stages = Stage::ALL.into_iter();
    let text = text.trim();
    let stage = stages.find(|stage| stage.name() == text || stage.text().zh == text);
    stage.ok_or_else(|| {
        let names = Stage::ALL.iter().map(|stage| stage.name());
        let words = Stage::ALL.map(|stage| stage.text().zh);
        let fault = Fault::of_file(
            Path::new("--stage"),
            Text::new("没有这个阶段", "there is no such stage"),
            Text::new(
                format!("可写：{}", words.join("、")),
                nearest_name_hint(text, names).en,
            ),
        );
        Ending::WrongConfiguration(fault.into())
    })
}

/// Returns the id of an agency that is named by it or by its name: one of the policy, or one
/// that has a lead.
fn agency_named(text: &str, policy: &Policy, book: &Book) -> Result<String, Ending> {
    let of_policy = policy.agencies.iter();
    let mut known: BTreeMap<&str, Text> = of_policy
        .map(|agency| (agency.id.as_str(), agency.name.clone()))
        .collect();
    for lead in book.leads() {
        let id = book.agency_of(lead);
        known.entry(id).or_insert_with(|| Text::new(id, id));
    }
    let mut all = known.iter();
    let is_it = |id: &str, name: &Text| [id, &name.zh, &name.en].contains(&text);
    let found = all.find(|(id, name)| is_it(id, name));
    found.map(|(id, _)| (*id).to_owned()).ok_or_else(|| {
        let zh: Vec<&str> = known.values().map(|name| name.zh.as_str()).collect();
        let fault = Fault::of_file(
            Path::new("--agency"),
            Text::new("没有这个单位", "there is no such agency"),
            Text::new(
                format!("可写：{}", zh.join("、")),
                nearest_name_hint(text, known.keys().copied()).en,
            ),
        );
        Ending::WrongConfiguration(fault.into())
    })
}

fn no_number(option: &str) -> Ending {
    let fault = Fault::of_file(
        Path::new(option),
        Text::new("编号的形式不对", "this number has not the form"),
        Text::new(
            "人员编号如 04HM-ASW9，线索编号如 04HM-ASW9-dibao",
            "a person's number is such as 04HM-ASW9, a lead's such as 04HM-ASW9-dibao",
        ),
    );
    Ending::WrongConfiguration(fault.into())
}

fn shown<'b>(book: &'b Book, lead: &'b Lead, policy: &Policy, events: bool) -> ShownLead<'b> {
    let about = book.about(lead);
    let state = lead.state.as_ref();
    ShownLead {
        lead: &lead.number,
        person: &lead.person,
        names: about.names,
        case_numbers: about.case_numbers,
        agency: book.agency_of(lead),
        agency_name: Names::agency(policy, book.agency_of(lead)),
        direction: lead.direction.name(),
        stage: state.map(|state| state.stage),
        since: state.map(|state| state.since),
        closure: state.and_then(|state| state.closure),
        reason: state
            .and_then(|state| state.reason)
            .map(|reason| reason.name()),
        events: match events {
            true => history(book, &Subject::Lead(lead.number.clone())),
            false => Vec::new(),
        },
    }
}

fn history<'b>(book: &'b Book, subject: &Subject) -> Vec<ShownEvent<'b>> {
    let events = book.history(subject);
    let events = events.map(
        |(event, by): (&'b Recorded, Option<&'b Recorded>)| ShownEvent {
            id: event.id.to_string(),
            on: event.on,
            event: &event.event,
            operator: &event.operator,
            approver: event.approver.as_deref(),
            because: event.because.as_deref(),
            superseded_by: by.map(|by| by.id.to_string()),
        },
    );
    events.collect()
}

/// Shows a line for each lead. The number of a lead begins with that of its person.
fn say_table(leads: &[ShownLead<'_>], output: Output) {
    if leads.is_empty() {
        return;
    }
    let word = |text: &Text| text.in_language(output.language).to_owned();
    let header = [
        (Text::new("线索编号", "Lead"), true),
        (Text::new("姓名", "Name"), false),
        (Text::new("阶段", "Stage"), false),
        (Text::new("自", "Since"), true),
        (Text::new("单位", "Agency"), false),
    ];
    let header = header.iter().map(|(title, whole)| (word(title), *whole));
    let mut table = WordTable::new(header);
    for lead in leads {
        let stage = match (lead.stage, lead.closure) {
            (None, _) => word(&Text::new("全部事项已撤销", "every event was withdrawn")),
            (Some(stage), None) => word(&stage.text()),
            (Some(stage), Some(closure)) => {
                let (stage, closure) = (stage.text(), closure.text());
                word(&Text::new(
                    format!("{}：{}", stage.zh, closure.zh),
                    format!("{}: {}", stage.en, closure.en),
                ))
            }
        };
        let agency = lead.agency_name.as_ref().map(word);
        table.add([
            lead.lead.to_string(),
            lead.names.join("、"),
            stage,
            lead.since.map(|day| day.to_string()).unwrap_or_default(),
            agency.unwrap_or_else(|| lead.agency.to_owned()),
        ]);
    }
    for line in table.lines(WIDTH) {
        output.say(&Text::new(line.clone(), line));
    }
}

/// Shows the history of each lead, and the events that concern no single lead.
fn say_events(shown: &Shown<'_>, output: Output) {
    let heading = |number: &str, names: &[String]| {
        let line = format!("\n{number} {}", names.join("、"));
        output.say(&Text::new(line.clone(), line));
    };
    for lead in &shown.leads {
        heading(lead.lead.as_str(), &lead.names);
        for event in &lead.events {
            output.say(&event.text());
        }
    }
    for of_person in &shown.of_persons {
        heading(of_person.person.as_str(), &of_person.names);
        for event in &of_person.events {
            output.say(&event.text());
        }
    }
}

impl ShownEvent<'_> {
    fn text(&self) -> Text {
        let step = match self.event {
            Event::Corrected(corrected) => {
                let of = &corrected.of;
                let right = Step::of(&corrected.event)
                    .map(Step::text)
                    .unwrap_or_default();
                Text::new(
                    format!("更正 {of}：{} {}", corrected.on, right.zh),
                    format!("corrects {of}: {} {}", corrected.on, right.en),
                )
            }
            Event::Withdrawn(withdrawn) => {
                let of = &withdrawn.of;
                Text::new(format!("撤销 {of}"), format!("withdraws {of}"))
            }
            event => Step::of(event).map(Step::text).unwrap_or_default(),
        };
        let said = match self.event {
            Event::Corrected(corrected) => said(&corrected.event),
            event => said(event),
        };
        let because = self.because.map(|because| {
            Text::new(
                format!("登记原因：{because}"),
                format!("recorded because: {because}"),
            )
        });
        let approver = self.approver.map(|approver| {
            Text::new(
                format!("审批人：{approver}"),
                format!("approver: {approver}"),
            )
        });
        let said: Vec<Text> = said.into_iter().chain(approver).chain(because).collect();
        let joined = |of: fn(&Text) -> &str, between: &str| {
            let texts: Vec<&str> = said.iter().map(of).collect();
            match texts.is_empty() {
                true => String::new(),
                false => format!("\n      {}", texts.join(between)),
            }
        };
        let said = Text::new(joined(|text| &text.zh, "；"), joined(|text| &text.en, "; "));
        let by = self.superseded_by.as_ref();
        let zh = by.map(|by| format!("（已由 {by} 更正或撤销）"));
        let en = by.map(|by| format!(" (superseded by {by})"));
        let (id, on, operator) = (&self.id, self.on, self.operator);
        Text::new(
            format!(
                "  {on} {id} {} 登记人：{operator}{}{}",
                step.zh,
                zh.unwrap_or_default(),
                said.zh
            ),
            format!(
                "  {on} {id} {} by {operator}{}{}",
                step.en,
                en.unwrap_or_default(),
                said.en
            ),
        )
    }
}
