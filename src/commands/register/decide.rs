//! `aidlink register decide`: takes in the decisions on a round's leads from lists that come
//! back filled in.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_agency::spreadsheet_csv;
use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::{Language, Text};
use aidlink_files::owner_only::{exists, write_new_owner_only};
use aidlink_office::round::{Reads, RoundTerms};
use aidlink_office::terminal::Output;
use aidlink_procuratorate::register::case_numbers::{KnownCases, cases_of, names_of};
use aidlink_procuratorate::register::filled::columns::FilledColumn;
use aidlink_procuratorate::register::filled::{
    CASE_NUMBER, FilledRow, FilledRows, IssueDays, Issued, IssuedLead, RefusedRow, RowPlace,
    UnlessStated, read,
};
use aidlink_register::decision::Finding;
use aidlink_register::event::{Event, Found};
use aidlink_register::items::{Appended, Decision, NewItem, Refused};
use aidlink_register::number::LeadNumber;
use aidlink_register::register::Register;
use jiff::Zoned;
use jiff::civil::Date;
use serde::Serialize;

use super::round::{OpenRound, Taken, batch, is_not_taken, open, say_taken, take_leads};
use crate::cli::DecideArguments;
use crate::commands::Ending;

/// What became of the lists.
#[derive(Debug, Serialize)]
struct Report {
    round: String,
    /// What became of the round's leads, if they were not in the register.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<Taken>,
    files: Vec<FileReport>,
    /// Decisions that are new in the register, by finding.
    recorded: BTreeMap<&'static str, u64>,
    /// Decisions that the register had.
    already_there: u64,
    /// The leads that are in the files and left open there.
    left_open: BTreeSet<String>,
    /// The leads of the round without a decision.
    open: Vec<String>,
    refused: Vec<RefusedReport>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    blake3: String,
}

/// A row that is not taken in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct RefusedReport {
    #[serde(skip)]
    place: RowPlace,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<String>,
    row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'static str>,
    /// The header of the column on the lists.
    #[serde(skip)]
    header: Option<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<String>,
    why: String,
    zh: String,
    en: String,
}

/// Takes filled lists into the register.
pub(super) fn run(arguments: &DecideArguments, output: Output) -> Result<Ending, Ending> {
    let what = Text::new("未收录行的文件", "the file of refused rows");
    if let Some(path) = &arguments.refused
        && path.symlink_metadata().is_ok()
    {
        // Told before anything is recorded.
        return Err(exists(path, &what).into());
    }
    let mut open = open(&arguments.round, output)?;
    let mut issued = issued_leads(&open.register, &open.id);
    let mut taken = None;
    if issued.leads.is_empty() || is_not_taken(&open, &arguments.round) {
        taken = Some(take_leads(&mut open, &arguments.round, output)?);
        issued = issued_leads(&open.register, &open.id);
    }
    let (terms, _) = open.written.planned(open.written.mode()?, Reads::Nothing)?;
    let filled = read_lists(arguments, &open, &terms, &issued)?;
    let recorded = record(arguments, &mut open, &terms, &filled)?;
    let report = report(arguments, &open, &issued, taken, &filled, recorded);
    // First, since what was recorded is recorded, whatever becomes of the file.
    say(arguments, &report, output);
    output.json(&report);
    if let Some(path) = &arguments.refused
        && !report.refused.is_empty()
    {
        let bytes = refused_table(&report.refused, output.language);
        write_new_owner_only(path, &bytes, &what).map_err(Faults::from)?;
    }
    let is_refused = !report.refused.is_empty();
    let not_taken = report
        .taken
        .as_ref()
        .is_some_and(|taken| !taken.refused.is_empty());
    Ok(Ending::done(is_refused || not_taken))
}

/// The leads that a round issued, as the register knows them.
struct IssuedLeads {
    /// The days on which the round's lists were issued.
    days: BTreeSet<Date>,
    leads: Vec<IssuedInRegister>,
    /// The round of each number that other rounds issued.
    elsewhere: BTreeMap<String, String>,
    /// The days on which other rounds issued their lists, each with the round.
    other_days: BTreeMap<Date, String>,
    /// The case numbers of all leads of the register.
    cases: KnownCases,
}

struct IssuedInRegister {
    on_list: LeadNumber,
    person: String,
    /// As each run of this round, and every other one, has them.
    names: Vec<String>,
    case_numbers: Vec<String>,
}

fn issued_leads(register: &Register, round: &str) -> IssuedLeads {
    let book = register.book();
    let mut issued = IssuedLeads {
        days: BTreeSet::new(),
        leads: Vec::new(),
        elsewhere: BTreeMap::new(),
        other_days: BTreeMap::new(),
        cases: KnownCases::of_book(book),
    };
    for lead in book.leads() {
        let events = book.events_of(lead).filter_map(|event| event.effective());
        for (event, on) in events {
            let Event::Found(Found {
                round: Some(found), ..
            }) = event
            else {
                continue;
            };
            if found.id != round {
                let number = found.lead.as_str().to_lowercase();
                issued.elsewhere.insert(number, found.id.clone());
                issued.other_days.insert(on, found.id.clone());
                continue;
            }
            issued.days.insert(on);
            issued.leads.push(IssuedInRegister {
                person: found.lead.person().as_str().to_owned(),
                on_list: found.lead.clone(),
                names: names_of(book, &lead.person),
                case_numbers: cases_of(book, &lead.person),
            });
        }
    }
    let by_number = |one: &IssuedInRegister, other: &IssuedInRegister| one.on_list == other.on_list;
    issued
        .leads
        .sort_by(|one, other| one.on_list.cmp(&other.on_list));
    // A round that was run again, with a corrected export.
    issued.leads.dedup_by(|one, other| by_number(one, other));
    issued
}

fn read_lists(
    arguments: &DecideArguments,
    open: &OpenRound,
    terms: &RoundTerms,
    issued: &IssuedLeads,
) -> Result<FilledRows, Faults> {
    let mut fields = terms.cases.schema.list_fields();
    let name = fields.find(|field| field.tells_persons_apart());
    let mut fields = terms.cases.schema.list_fields();
    let case_number = fields.find(|field| field.name == CASE_NUMBER);
    let aids = &terms.policy.aids;
    let title_of = |id: &str| aids.iter().find(|aid| aid.id == id).map(|aid| &aid.title);
    let leads = issued.leads.iter().map(|lead| IssuedLead {
        lead_number: lead.on_list.as_str(),
        person_number: &lead.person,
        names: &lead.names,
        case_numbers: &lead.case_numbers,
        aid: title_of(lead.on_list.aid()),
    });
    let other_days = issued.other_days.iter();
    let other_days = other_days.map(|(day, round)| (*day, round.as_str()));
    let issued = Issued {
        round: &open.id,
        days: IssueDays {
            own: issued.days.clone(),
            others: other_days.collect(),
        },
        today: Zoned::now().date(),
        name: name.map(|field| &field.title),
        case_number: case_number.map(|field| &field.title),
        aids: aids.iter().map(|aid| &aid.title).collect(),
        cases: &issued.cases,
        leads: leads.collect(),
        elsewhere: &|number| issued.elsewhere.get(number).cloned(),
        unless_stated: UnlessStated {
            decided_by: arguments.decided_by.clone(),
            decided_on: arguments.decided_on,
        },
    };
    read(&arguments.files, &issued)
}

/// Appends the decisions. Returns the answers, in the order of the rows.
fn record(
    arguments: &DecideArguments,
    open: &mut OpenRound,
    terms: &RoundTerms,
    filled: &FilledRows,
) -> Result<Vec<Appended>, Faults> {
    let operator = arguments.round.operator.as_ref();
    let operator = operator.unwrap_or(&terms.operator);
    let decision = |row: &FilledRow| {
        Some(NewItem::Decision(Decision {
            round: Some(open.id.clone()),
            lead: LeadNumber::parse(&row.lead_number)?,
            finding: row.finding,
            reason: row.reason,
            decided_by: row.decided_by.clone(),
            on: row.decided_on,
            remark: row.remark.clone(),
            operator: operator.clone(),
        }))
    };
    // The numbers are those of the register, so none is left out.
    let items: Vec<NewItem> = filled.taken.iter().filter_map(decision).collect();
    match items.is_empty() {
        true => Ok(Vec::new()),
        false => open.register.append(&batch(items)),
    }
}

fn report(
    arguments: &DecideArguments,
    open: &OpenRound,
    issued: &IssuedLeads,
    taken: Option<Taken>,
    filled: &FilledRows,
    answers: Vec<Appended>,
) -> Report {
    let mut recorded = BTreeMap::new();
    let mut already_there = 0;
    let mut refused: Vec<RefusedReport> = filled
        .refused
        .iter()
        .map(|row| refused_in_file(arguments, row))
        .collect();
    let mut decided = BTreeSet::new();
    for (row, answer) in filled.taken.iter().zip(answers) {
        match answer {
            Appended::Added(_) => {
                *recorded.entry(row.finding.name()).or_default() += 1;
                decided.insert(row.lead_number.as_str());
            }
            Appended::AlreadyThere(_) => {
                already_there += 1;
                decided.insert(row.lead_number.as_str());
            }
            Appended::Refused(why) => refused.push(RefusedReport {
                column: column_of(&why).map(FilledColumn::name),
                header: column_of(&why).and_then(header_of),
                lead: Some(row.lead_number.clone()),
                why: "register".to_owned(),
                zh: format!("{}；{}", why.message.zh, why.hint.zh),
                en: format!("{}; {}", why.message.en, why.hint.en),
                ..of_place(arguments, &row.place)
            }),
        }
    }
    refused.sort();
    let refused_leads: BTreeSet<&str> = refused
        .iter()
        .filter_map(|row| row.lead.as_deref())
        .collect();
    let is_open = |lead: &&IssuedInRegister| {
        let number = lead.on_list.as_str();
        !decided.contains(number)
            && !refused_leads.contains(number)
            && !is_decided(&open.register, &open.id, &lead.on_list)
    };
    let open_leads = issued.leads.iter().filter(is_open);
    Report {
        round: open.id.clone(),
        taken,
        files: filled
            .files
            .iter()
            .map(|file| FileReport {
                file: shown_path(&file.path),
                blake3: file.blake3.clone(),
            })
            .collect(),
        recorded,
        already_there,
        left_open: filled.empty.clone(),
        open: open_leads
            .map(|lead| lead.on_list.as_str().to_owned())
            .collect(),
        refused,
    }
}

/// Returns whether the register has a decision on a lead of a round.
fn is_decided(register: &Register, round: &str, on_list: &LeadNumber) -> bool {
    let number = register.lead_of_round(round, on_list).ok().flatten();
    let lead = number.and_then(|number| register.book().lead(&number));
    let state = lead.and_then(|lead| lead.state.as_ref());
    state.is_some_and(|state| state.decision.is_some())
}

fn of_place(arguments: &DecideArguments, place: &RowPlace) -> RefusedReport {
    let file = arguments.files.get(place.file);
    RefusedReport {
        file: file.map_or(String::new(), |file| shown_path(file)),
        sheet: place.sheet.as_ref().map(|(_, name)| name.clone()),
        row: place.row,
        place: place.clone(),
        column: None,
        header: None,
        lead: None,
        why: String::new(),
        zh: String::new(),
        en: String::new(),
    }
}

/// Returns the header of a column in both languages; `None` for that of the name, which the
/// schema gives.
fn header_of(column: FilledColumn) -> Option<(String, String)> {
    let Text { zh, en } = column.header(None, None);
    (!zh.is_empty()).then_some((zh, en))
}

/// Returns the column of a list in which the field stands that the register refuses.
fn column_of(refused: &Refused) -> Option<FilledColumn> {
    Some(match refused.field_name()?.as_str() {
        "lead" => FilledColumn::LeadNumber,
        "finding" => FilledColumn::Decision,
        "reason" => FilledColumn::Reason,
        "remark" => FilledColumn::Remark,
        "decided_by" => FilledColumn::DecidedBy,
        "on" => FilledColumn::DecidedOn,
        _ => return None,
    })
}

fn refused_in_file(arguments: &DecideArguments, row: &RefusedRow) -> RefusedReport {
    let text = row.why.text();
    RefusedReport {
        column: row.column.map(|column| column.name()),
        header: row.column.and_then(header_of),
        lead: row.lead_number.clone(),
        why: row.why.code().to_owned(),
        zh: text.zh,
        en: text.en,
        ..of_place(arguments, &row.place)
    }
}

fn refused_table(refused: &[RefusedReport], language: Language) -> Vec<u8> {
    let header = [
        ("文件", "File"),
        ("工作表", "Sheet"),
        ("行", "Row"),
        ("栏目", "Column"),
        ("线索编号", "Lead number"),
        ("原因代码", "Code"),
        ("原因和处理办法", "Reason, and what to do"),
    ];
    let header = header.map(|(zh, en)| Text::new(zh, en).in_language(language).to_owned());
    let rows = refused.iter().map(|row| {
        let text = match language {
            Language::Chinese => &row.zh,
            Language::English => &row.en,
        };
        vec![
            row.file.clone(),
            row.sheet.clone().unwrap_or_default(),
            row.row.to_string(),
            row.column.unwrap_or_default().to_owned(),
            row.lead.clone().unwrap_or_default(),
            row.why.clone(),
            text.clone(),
        ]
    });
    let table: Vec<Vec<String>> = std::iter::once(header.to_vec()).chain(rows).collect();
    spreadsheet_csv::to_bytes(&table)
}

/// The most refused rows that are shown on the terminal.
const MOST_SHOWN: usize = 50;

fn say(arguments: &DecideArguments, report: &Report, output: Output) {
    if let Some(taken) = &report.taken {
        say_taken(taken, output);
    }
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let round = &report.round;
    say(
        format!("轮次 {round} 的核查结论："),
        format!("Decisions of round {round}:"),
    );
    for finding in Finding::ALL {
        let count = report.recorded.get(finding.name()).copied().unwrap_or(0);
        let word = finding.text();
        say(
            format!("  {}：收录{count}条", word.zh),
            format!("  {}: {count} recorded", word.en),
        );
    }
    let (already, open, refused) = (
        report.already_there,
        report.open.len(),
        report.refused.len(),
    );
    say(
        format!("  此前已收录：{already}条"),
        format!("  recorded before: {already}"),
    );
    say(
        format!("  尚无结论：{open}条"),
        format!("  still open: {open}"),
    );
    let left_open = report.left_open.len();
    say(
        format!("  其中文件中列出但未填写：{left_open}条"),
        format!("  of them in the files, and not filled in: {left_open}"),
    );
    say(
        format!("  未收录的行：{refused}行"),
        format!("  rows not taken in: {refused}"),
    );
    for row in report.refused.iter().take(MOST_SHOWN) {
        let place = |sheet: &str,
                     row_of: &dyn Fn(u64) -> String,
                     column: &dyn Fn(&(String, String)) -> String| {
            let sheet_name = row.sheet.as_ref().map(|name| format!("{sheet}{name}"));
            let parts = [
                Some(row.file.clone()),
                sheet_name,
                Some(row_of(row.row)),
                row.header.as_ref().map(column),
                row.lead.clone(),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>()
        };
        say(
            format!(
                "    {}：{}",
                place("工作表", &|row| format!("第{row}行"), &|(zh, _)| {
                    format!("“{zh}”栏")
                })
                .join("，"),
                row.zh
            ),
            format!(
                "    {}: {}",
                place("sheet ", &|row| format!("row {row}"), &|(_, en)| {
                    format!("column `{en}`")
                })
                .join(", "),
                row.en
            ),
        );
    }
    if refused > MOST_SHOWN {
        let more = refused - MOST_SHOWN;
        say(
            format!("    另有{more}行，请用 --refused 写入文件"),
            format!("    and {more} more: write them to a file with --refused"),
        );
    }
    if let Some(path) = arguments.refused.as_ref().filter(|_| refused > 0) {
        let path = shown_path(path);
        say(
            format!("  未收录的行已写入 {path}"),
            format!("  the rows not taken in are in {path}"),
        );
    }
}
