//! `aidlink register import`: takes in a ledger that was kept before the register, or an export
//! of referrals.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_agency::register_token::{RegisterKey, RegisterTokeniser};
use aidlink_agency::spreadsheet_csv;
use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::{Language, Text};
use aidlink_files::owner_only::{exists, write_new_owner_only};
use aidlink_files::partial::parent_of;
use aidlink_office::round::site_words::{Forms, SiteWords};
use aidlink_office::terminal::Output;
use aidlink_procuratorate::register::case_numbers::KnownCases;
use aidlink_procuratorate::register::filled::RowPlace;
use aidlink_procuratorate::register::in_round::other_key;
use aidlink_procuratorate::register::ledger_plan::{
    LedgerLead, LedgerStep, Planning, other_persons, twice,
};
use aidlink_procuratorate::register::ledger_table::{
    CellFault, LedgerLine, LedgerTable, LedgerWords, NATIONAL_ID, fields, label_form,
};
use aidlink_procuratorate::register::table::header_form;
use aidlink_register::book::Book;
use aidlink_register::event::Event;
use aidlink_register::items::{Appended, Batch, NewItem};
use aidlink_register::register::Register;
use aidlink_register::workflow::Step;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::refused::{Place, RefusedItem};
use crate::cli::RegisterImportArguments;
use crate::commands::Ending;
use crate::policy_file::{read_policy, read_schemas};

/// The answer of `register import`.
#[derive(Default, Serialize)]
struct Imported {
    file: String,
    /// Rows of leads in the file.
    rows: u64,
    /// Leads that are new in the register.
    new_leads: u64,
    /// Events that are new in the register, by kind.
    added: BTreeMap<String, u64>,
    /// Events that the register had.
    already_there: u64,
    /// Persons whom no round will find again, because the ledger has no ID number of them.
    without_token: BTreeSet<String>,
    /// Columns from which nothing is taken in.
    columns_not_read: BTreeSet<String>,
    /// Sheets without the header of a ledger, each with the number of its rows.
    sheets_not_read: BTreeMap<String, u64>,
    /// What the user must be told of rows that were taken in.
    notes: Vec<RefusedItem>,
    /// What was not taken in.
    refused: Vec<RefusedItem>,
}

/// Takes a file in.
pub(super) fn run(arguments: &RegisterImportArguments, output: Output) -> Result<Ending, Ending> {
    let what = Text::new("未收录内容的文件", "the file of what was not taken in");
    if let Some(path) = &arguments.refused
        && path.symlink_metadata().is_ok()
    {
        // Told before anything is recorded.
        return Err(exists(path, &what).into());
    }
    let schemas = arguments.schemas.as_deref();
    let (policy, _) =
        read_policy(&arguments.policy, schemas).map_err(Ending::WrongConfiguration)?;
    let schemas = read_schemas(&arguments.policy, schemas).map_err(Ending::WrongConfiguration)?;
    let site = match &arguments.reading {
        Some(file) => {
            let forms = Forms {
                header: header_form,
                label: label_form,
            };
            SiteWords::read(file, &fields(), forms).map_err(Ending::WrongConfiguration)?
        }
        None => SiteWords::default(),
    };
    let words = LedgerWords::of(&policy, &schemas, &site);
    let table = words.read(&arguments.table)?;
    let mut register = arguments.file.open(output)?;
    let tokeniser = tokeniser(arguments, &table, &register)?;
    let head = register.head();
    let cases = KnownCases::of_book(register.book());
    let planning = Planning {
        words: &words,
        book: register.book(),
        cases: &cases,
        register: &head.register,
        tokeniser: tokeniser.as_ref(),
        operator: &arguments.operator,
        today: Zoned::now().date(),
    };
    let mut imported = Imported {
        file: shown_path(&arguments.table),
        rows: table.rows.len() as u64,
        columns_not_read: table.not_read.clone(),
        sheets_not_read: table.sheets_not_read.clone(),
        ..Imported::default()
    };
    let leads = planned(&planning, &table, &mut imported);
    record(&mut register, leads, &mut imported)?;
    imported.refused.sort_by(RefusedItem::by_place);
    imported.notes.sort_by(RefusedItem::by_place);
    // First, since what was recorded is recorded, whatever becomes of the file.
    say(&imported, output);
    output.json(&imported);
    if let Some(path) = &arguments.refused
        && !imported.refused.is_empty()
    {
        let bytes = refused_table(&imported.refused, output.language);
        write_new_owner_only(path, &bytes, &what).map_err(Faults::from)?;
    }
    Ok(Ending::done(!imported.refused.is_empty()))
}

/// Reads the register's key if the file has ID numbers: they become tokens, and go no further.
fn tokeniser(
    arguments: &RegisterImportArguments,
    table: &LedgerTable,
    register: &Register,
) -> Result<Option<RegisterTokeniser>, Ending> {
    let has_id = |line: &LedgerLine| line.text(NATIONAL_ID).is_some();
    let mut lines = table.rows.iter().filter_map(|(_, line)| line.as_ref().ok());
    if !lines.any(has_id) {
        return Ok(None);
    }
    let path = match &arguments.register_key {
        Some(path) => path.clone(),
        None => parent_of(&arguments.file.register).join("register.key"),
    };
    let key = RegisterKey::read(&path, &register.head().register)
        .map_err(|fault| Ending::WrongConfiguration(fault.into()))?;
    match key.id() == register.key_id() {
        true => Ok(Some(key.tokeniser())),
        false => Err(Ending::WrongConfiguration(other_key(&path).into())),
    }
}

fn place_of(place: &RowPlace) -> Place {
    Place {
        sheet: place.sheet.as_ref().map(|(_, name)| name.clone()),
        row: Some(place.row),
    }
}

fn told(place: &RowPlace, fault: &CellFault) -> RefusedItem {
    RefusedItem::of_cell(
        place_of(place),
        &fault.column,
        fault.message.clone(),
        fault.hint.clone(),
    )
}

/// A lead with the line that says it.
struct OfLine<'t> {
    line: &'t LedgerLine,
    lead: LedgerLead,
}

/// Plans the leads of the rows. Rows that cannot be used, and leads of which several rows say
/// different things, are told.
fn planned<'t>(
    planning: &Planning<'_>,
    table: &'t LedgerTable,
    imported: &mut Imported,
) -> Vec<OfLine<'t>> {
    let mut lines: Vec<&LedgerLine> = Vec::new();
    let mut leads = Vec::new();
    for (place, line) in &table.rows {
        let planned = match line {
            Ok(line) => planning.leads(line),
            Err(fault) => Err(fault.clone()),
        };
        match (planned, line) {
            (Ok(planned), Ok(line)) => {
                lines.extend(planned.iter().map(|_| line));
                leads.extend(planned);
            }
            (Err(fault), _) => imported.refused.push(told(place, &fault)),
            (Ok(_), Err(_)) => {}
        }
    }
    let twice = twice(&leads);
    let others = other_persons(&leads);
    let mut kept = Vec::new();
    for (at, (line, lead)) in lines.into_iter().zip(leads).enumerate() {
        if let Some(earlier) = others.get(&at) {
            let row = earlier.row;
            let fault = line.fault(
                "person",
                Text::new(
                    format!("编号与第{row}行相同，但不是同一人"),
                    format!("the number is that of row {row}, but the person is another one"),
                ),
                Text::new("请核对编号和姓名", "check number and name"),
            );
            imported.refused.push(told(&lead.place, &fault));
            continue;
        }
        let Some(places) = twice.get(&lead.number) else {
            kept.push(OfLine { line, lead });
            continue;
        };
        let rows: Vec<String> = places.iter().map(|place| place.row.to_string()).collect();
        let fault = CellFault {
            column: String::new(),
            message: Text::new(
                format!(
                    "线索 {} 有多行（第{}行），内容不一，均未收录",
                    lead.number,
                    rows.join("、")
                ),
                format!(
                    "rows {} are of the lead {} and say different things, so none of them is taken in",
                    rows.join(", "),
                    lead.number
                ),
            ),
            hint: Text::new("请只保留一行", "keep one of them"),
        };
        imported.refused.push(told(&lead.place, &fault));
    }
    kept
}

/// Whether the register has the event: the same step on the same day. What else it says may be
/// more than a ledger shows.
fn is_there(book: &Book, lead: &LedgerLead, step: &LedgerStep) -> bool {
    let Some(known) = book.lead(&lead.number) else {
        return false;
    };
    let mut events = book.events_of(known).filter_map(|event| event.effective());
    if lead.of_state_alone {
        // The day of a state is not that of the steps before it, so a later export of the same
        // lead has other days for what the register knows.
        return match &step.item {
            NewItem::Found(_) => known.state.is_some(),
            NewItem::Event(new) => events.any(|(event, _)| Step::of(event) == Step::of(&new.event)),
            NewItem::Decision(_) => false,
        };
    }
    match &step.item {
        NewItem::Found(found) => {
            // What was found earlier, or is being handled, is not found again.
            let is_later = known
                .state
                .as_ref()
                .is_none_or(|state| state.stage.is_resting() && found.on > state.since);
            !is_later
        }
        NewItem::Event(new) => events.any(|(event, on)| {
            match (event, &new.event) {
                // A ledger has no day on which these were recorded.
                (Event::Material(known), Event::Material(new)) => {
                    (&known.item, known.state) == (&new.item, new.state)
                }
                (Event::VisitPlanned(known), Event::VisitPlanned(new)) => known.day == new.day,
                (event, wanted) => Step::of(event) == Step::of(wanted) && on == new.on,
            }
        }),
        NewItem::Decision(_) => false,
    }
}

/// Appends what is new, and tells what the register refuses.
fn record(
    register: &mut Register,
    leads: Vec<OfLine<'_>>,
    imported: &mut Imported,
) -> Result<(), Faults> {
    let mut items = Vec::new();
    // The position of the lead, and the step, of each item.
    let mut of_items: Vec<(usize, LedgerStep)> = Vec::new();
    let mut planned_numbers = BTreeSet::new();
    for (at, of_line) in leads.iter().enumerate() {
        let lead = &of_line.lead;
        for note in &lead.notes {
            imported.notes.push(told(&lead.place, note));
        }
        if !planned_numbers.insert(lead.number.clone()) {
            // Another row says the same.
            imported.already_there += lead.steps.len() as u64;
            continue;
        }
        for step in &lead.steps {
            match is_there(register.book(), lead, step) {
                true => imported.already_there += 1,
                false => {
                    items.push(step.item.clone());
                    of_items.push((at, step.clone()));
                }
            }
        }
    }
    if items.is_empty() {
        return Ok(());
    }
    let answers = register.append(&Batch {
        items,
        recorded_at: Timestamp::now(),
        today: Zoned::now().date(),
        all_or_nothing: false,
    })?;
    // Of a lead only the first refusal is told in full: the others follow from it.
    let mut refused: BTreeMap<usize, (RefusedItem, u64)> = BTreeMap::new();
    for ((at, step), answer) in of_items.into_iter().zip(answers) {
        let Some(of_line) = leads.get(at) else {
            continue;
        };
        let lead = &of_line.lead;
        match answer {
            Appended::Added(_) => {
                let kind = kind_of(&step.item);
                if kind == "found" {
                    imported.new_leads += 1;
                    if lead.without_token {
                        imported.without_token.insert(lead.person.to_string());
                    }
                }
                *imported.added.entry(kind).or_default() += 1;
            }
            Appended::AlreadyThere(_) => imported.already_there += 1,
            Appended::Refused(why) => {
                if let Some((_, more)) = refused.get_mut(&at) {
                    *more += 1;
                    continue;
                }
                let header = |name: &str| of_line.line.headers.get(name).cloned();
                let column_of = |field: &str| {
                    let of_ledger = match field {
                        "about.names" => "name",
                        "about.case_numbers" => "case_number",
                        "on" | "lead" => step.column,
                        field => field.strip_prefix("about.").unwrap_or(field),
                    };
                    header(of_ledger).or_else(|| header(step.column))
                };
                let mut item = RefusedItem::of(place_of(&lead.place), &why, column_of);
                item.in_column(header(step.column));
                refused.insert(at, (item, 0));
            }
        }
    }
    for (item, more) in refused.into_values() {
        imported.refused.push(item.with_more(more));
    }
    Ok(())
}

fn kind_of(item: &NewItem) -> String {
    match item {
        NewItem::Found(_) => "found".to_owned(),
        NewItem::Decision(_) => "checked".to_owned(),
        NewItem::Event(new) => new.event.kind().to_owned(),
    }
}

fn refused_table(refused: &[RefusedItem], language: Language) -> Vec<u8> {
    let header = [
        ("工作表", "Sheet"),
        ("行", "Row"),
        ("栏目", "Column"),
        ("原因和处理办法", "Reason, and what to do"),
    ];
    let header = header.map(|(zh, en)| Text::new(zh, en).in_language(language).to_owned());
    let rows = refused.iter().map(|item| item.cells(language).to_vec());
    let table: Vec<Vec<String>> = std::iter::once(header.to_vec()).chain(rows).collect();
    spreadsheet_csv::to_bytes(&table)
}

/// The most rows that are shown on the terminal.
const MOST_SHOWN: usize = 50;

/// Says the first of these, and how many more there are.
fn say_some(items: &[RefusedItem], where_to_find_more: &Text, output: Output) {
    for item in items.iter().take(MOST_SHOWN) {
        output.say(&item.text());
    }
    let more = items.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        let Text { zh, en } = where_to_find_more;
        output.say(&Text::new(
            format!("  另有{more}处，{zh}"),
            format!("  and {more} more: {en}"),
        ));
    }
}

fn say(imported: &Imported, output: Output) {
    let in_file = Text::new(
        "请用 --refused 写入文件",
        "write them to a file with --refused",
    );
    say_some(&imported.refused, &in_file, output);
    let in_json = Text::new("请用 --json 查看", "see them with --json");
    say_some(&imported.notes, &in_json, output);
    for (sheet, rows) in &imported.sheets_not_read {
        let sheet = shown_name(sheet);
        output.say(&Text::new(
            format!("  未读取工作表“{sheet}”（{rows}行）：没有台账的表头"),
            format!(
                "  the sheet `{sheet}` ({rows} rows) is not read: it has no header of a ledger"
            ),
        ));
    }
    if !imported.columns_not_read.is_empty() {
        let columns = imported.columns_not_read.iter().map(String::as_str);
        let names = Text::names(columns);
        output.say(&Text::new(
            format!("  未收录的栏目：{}", names.zh),
            format!("  columns from which nothing is taken in: {}", names.en),
        ));
    }
    if !imported.without_token.is_empty() {
        let count = imported.without_token.len();
        output.say(&Text::new(
            format!("  新登记的人员中有{count}人没有身份号码：以后的轮次不能自动认出这些人员"),
            format!("  {count} of the new persons have no ID number: later rounds cannot find them again"),
        ));
    }
    let (rows, new, there, refused) = (
        imported.rows,
        imported.new_leads,
        imported.already_there,
        imported.refused.len(),
    );
    let added: u64 = imported.added.values().sum();
    output.say(&Text::new(
        format!("{rows}行：登记线索{new}条、事项{added}项，已有{there}项，未收录{refused}处"),
        format!("{rows} rows: {new} leads and {added} events recorded, {there} already there, {refused} not taken in"),
    ));
}
