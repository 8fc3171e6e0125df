//! `aidlink register due`: what is late or due, in working days.

use std::collections::BTreeMap;

use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_register::due::{Due, DueKind, Standing, due};
use aidlink_register::ledger::Names;
use jiff::civil::Date;
use serde::Serialize;

use crate::cli::RegisterDueArguments;
use crate::commands::Ending;

/// The answer of `register due`.
#[derive(Serialize)]
struct DueReport<'a> {
    as_of: Date,
    late: usize,
    no_deadline: usize,
    running: usize,
    due: Vec<ShownDue<'a>>,
}

/// Something that is due, with the names of its agency.
#[derive(Serialize)]
struct ShownDue<'a> {
    #[serde(flatten)]
    due: &'a Due,
    /// The name of the agency, if the policy has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    agency_name: Option<Text>,
}

/// Shows what is late, how much has no deadline and, if asked, each of these and what runs.
pub(super) fn run(arguments: &RegisterDueArguments, output: Output) -> Result<Ending, Ending> {
    let terms = arguments.terms.read()?;
    let register = arguments.file.open_to_read(output)?;
    let all = due(register.book(), terms.as_of, &terms.clocks, &terms.calendar);
    let count = |standing| all.iter().filter(|due| due.standing == standing).count();
    let (late, running) = (count(Standing::Late), count(Standing::Running));
    let no_deadline = count(Standing::NoDeadline);
    let shown = all
        .iter()
        .filter(|due| arguments.all || due.standing != Standing::Running);
    let shown: Vec<ShownDue<'_>> = shown
        .map(|due| {
            let agency = due.agency.as_deref();
            ShownDue {
                due,
                agency_name: agency.and_then(|id| Names::agency(&terms.policy, id)),
            }
        })
        .collect();
    let is_said = |due: &Due| arguments.all || !is_counted_only(due);
    for due in shown.iter().filter(|shown| is_said(shown.due)) {
        output.say(&text(due));
    }
    if !arguments.all {
        say_without_deadline(&all, output);
    }
    let as_of = terms.as_of;
    output.say(&Text::new(
        format!("截至{as_of}：逾期{late}项，未定期限{no_deadline}项，期限内{running}项"),
        format!(
            "as of {as_of}: {late} late, {no_deadline} without a deadline, {running} within theirs"
        ),
    ));
    output.json(&DueReport {
        as_of,
        late,
        no_deadline,
        running,
        due: shown,
    });
    Ok(Ending::Done)
}

/// Says how much of each kind has no deadline. A place that set none would have a line for
/// nearly every lead, and what is late would be lost among them.
fn say_without_deadline(all: &[Due], output: Output) {
    let mut kinds: BTreeMap<DueKind, Vec<&Due>> = BTreeMap::new();
    for due in all.iter().filter(|due| is_counted_only(due)) {
        kinds.entry(due.kind).or_default().push(due);
    }
    for (kind, due) in &kinds {
        let (kind, count) = (kind.text(), due.len());
        let since = due.iter().map(|due| due.since).min();
        let since = since.map(|day| day.to_string()).unwrap_or_default();
        let why = due.iter().find_map(|due| due.unset.as_ref());
        let zh = why.map(|why| format!("（{}）", why.zh)).unwrap_or_default();
        let en = why.map(|why| format!(" ({})", why.en)).unwrap_or_default();
        output.say(&Text::new(
            format!(
                "{}：{count}项未定期限{zh}，最早自{since}起；逐项列出用 --all",
                kind.zh
            ),
            format!(
                "{}: {count} without a deadline{en}, the first since {since}; --all lists them",
                kind.en
            ),
        ));
    }
}

/// Whether something has no line of its own unless it is asked for. A gap is a proposal, and
/// no place sets a deadline for it.
fn is_counted_only(due: &Due) -> bool {
    due.standing == Standing::NoDeadline && due.kind != DueKind::Gap
}

fn text(shown: &ShownDue<'_>) -> Text {
    let due = shown.due;
    let lead = due.lead.as_ref().map(|lead| lead.as_str());
    let number = lead.unwrap_or(due.person.as_str());
    let names = due.names.join("、");
    let mut kind = due.kind.text();
    if let Some(item) = &due.item {
        kind.zh += &format!("（{item}）");
        kind.en += &format!(" ({item})");
    }
    let agency = match &shown.agency_name {
        Some(name) => name.clone(),
        None => Text::names(due.agency.iter()),
    };
    let (mut zh, mut en) = match (due.standing, due.due_on, due.late_by) {
        (_, Some(on), Some(days)) => (
            format!("逾期{days}个工作日（期限{on}）"),
            match days {
                1 => format!("late by 1 working day (due {on})"),
                days => format!("late by {days} working days (due {on})"),
            },
        ),
        (_, Some(on), None) => (format!("期限{on}"), format!("due {on}")),
        (_, None, _) => match &due.unset {
            Some(why) => (
                format!("未定期限：{}", why.zh),
                format!("no deadline set: {}", why.en),
            ),
            None if due.clock.is_some() => ("未定期限".to_owned(), "no deadline set".to_owned()),
            None => (String::new(), String::new()),
        },
    };
    if due.from_sending {
        zh += "，自移送之日起算（签收未登记）";
        en += ", counted from sending (no receipt recorded)";
    }
    if due.provisional {
        zh += "，该年放假安排未公布，可能变动";
        en += ", may change: the days off of that year are not known";
    }
    if !due.cites.is_empty() {
        let cites = due.cites.join("；");
        zh += &format!(" [{cites}]");
        en += &format!(" [{cites}]");
    }
    let since = due.since;
    Text::new(
        format!(
            "{number} {names} {}，{since}起，{} {zh}",
            kind.zh, agency.zh
        ),
        format!(
            "{number} {names} {} since {since}, {} {en}",
            kind.en, agency.en
        ),
    )
}
