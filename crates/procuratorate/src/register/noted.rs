//! Tables of events: a row each, as `register note` takes them in.

use std::path::Path;

use aidlink_agency::scan::plain_rows::PlainCell;
use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform;
use aidlink_register::form::{FORMS, Field, Holds, form_of};

use super::filled::words::{finding, pick, reason};
use super::filled::{RowPlace, WhyRefused};
use super::table::{self, BadCell, TableRow, header_form};

/// A column that is no field of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Lead,
    Person,
    Kind,
    On,
    Correct,
    Withdraw,
    Operator,
    Approver,
    Because,
}

/// The columns that are no fields: each by its name, and its header in Chinese.
const COLUMNS: [(Column, &str, &str); 9] = [
    (Column::Lead, "lead", "线索编号"),
    (Column::Person, "person", "人员编号"),
    (Column::Kind, "kind", "事项"),
    (Column::On, "on", "日期"),
    (Column::Correct, "correct", "更正事项编号"),
    (Column::Withdraw, "withdraw", "撤销事项编号"),
    (Column::Operator, "operator", "登记人"),
    (Column::Approver, "approver", "审批人"),
    (Column::Because, "because", "登记原因"),
];

/// An event as a row writes it. Days and choices are as a form has them, if they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenEvent {
    /// The number of the lead.
    pub lead: String,
    /// The number of the person.
    pub person: String,
    /// The kind.
    pub kind: String,
    /// The day.
    pub on: String,
    /// The event that it corrects.
    pub correct: String,
    /// The event that it withdraws.
    pub withdraw: String,
    /// Who records it.
    pub operator: String,
    /// Who approved it.
    pub approver: String,
    /// Why it is recorded.
    pub because: String,
    /// The fields: name or header, and text.
    pub fields: Vec<(String, String)>,
    /// The header of each column that is filled in, by the name of what it holds.
    pub columns: Vec<(String, String)>,
}

impl WrittenEvent {
    /// Returns the header of the column of a field, as a message may show it.
    pub fn column(&self, field: &str) -> Option<&str> {
        let mut columns = self.columns.iter();
        let column = columns.find(|(name, _)| name == field);
        column.map(|(_, header)| header.as_str())
    }
}

/// A row of a table of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedRow {
    /// Where it is.
    pub place: RowPlace,
    /// What it says, or why it cannot be read.
    pub written: Result<WrittenEvent, BadCell>,
}

/// Reads a table of events. Every row with content is there, in the order of the file, but
/// titles above the first header.
///
/// # Errors
/// If the file cannot be read, or has no header.
pub fn read(path: &Path) -> Result<Vec<NotedRow>, Faults> {
    let expected = Text::new(
        "表头须有 线索编号（或人员编号、更正事项编号、撤销事项编号）和 事项 等列",
        "a header names `lead` (or `person`, `correct`, `withdraw`) and `kind`, among others",
    );
    let fields = FORMS.iter().flat_map(|(_, _, fields)| fields.iter());
    let fields: Vec<String> = fields
        .flat_map(|field| [header_form(field.name), header_form(field.zh)])
        .collect();
    let is_header = |forms: &[&str]| {
        let known: Vec<Option<Column>> = forms.iter().map(|form| column_of(form)).collect();
        let names = [
            Column::Lead,
            Column::Person,
            Column::Correct,
            Column::Withdraw,
        ];
        let has = |column: &Column| known.contains(&Some(*column));
        let is_known = |form: &&&str| {
            column_of(form).is_some()
                || (!form.is_empty() && fields.iter().any(|one| one == **form))
        };
        let count = forms.iter().filter(is_known).count();
        let has_whom = names.iter().any(has)
            && (count > 1 || forms.iter().all(|form| form.is_empty() || is_known(&form)));
        // Somebody deleted the column that says whose it is: each row is refused for it.
        let has_what = has(&Column::Kind) && count > 2;
        has_whom || has_what
    };
    let mut rows = Vec::new();
    table::read(path, &is_header, &expected, &mut |row| {
        if row.headers.is_empty() && !names_something(row) {
            // A title, or a sheet of explanations.
            return;
        }
        if is_of_choices(row) {
            return;
        }
        let place = row.place.clone();
        match written(row) {
            Ok(written) => rows.push(NotedRow {
                place,
                written: Ok(written),
            }),
            Err(bad) => rows.extend(bad.into_iter().take(1).map(|bad| NotedRow {
                place: place.clone(),
                written: Err(bad),
            })),
        }
    })?;
    Ok(rows)
}

/// Whether a row is below a header that names neither whose the events are nor their day, and says
/// no event: the sheet holds the choices of drop-downs.
fn is_of_choices(row: &TableRow<'_>) -> bool {
    let columns = row.headers.iter().map(|header| column_of(&header.form));
    let columns: Vec<Option<Column>> = columns.collect();
    let mut named = columns.iter().flatten();
    if columns.is_empty() || named.any(|column| names_whom_or_day(*column)) {
        return false;
    }
    // Of a row with a number, an event was meant.
    let cells = row.cells.as_ref();
    let has_number = cells.is_ok_and(|cells| table::states_number(cells));
    let texts = match row.texts() {
        Ok(texts) if !has_number => texts,
        _ => return false,
    };
    let kind = texts.iter().find_map(|(place, text)| {
        let is_kind = columns.get(*place) == Some(&Some(Column::Kind));
        is_kind.then(|| kind_of(text)).flatten()
    });
    let form = kind.as_deref().and_then(|kind| form_of(kind).ok());
    let Some((_, form)) = form else {
        return true;
    };
    // An event has the fields of its kind.
    let is_of_kind = |place: usize| {
        let Some(header) = row.headers.get(place) else {
            return false;
        };
        let names = |field: &Field| {
            [field.name, field.zh]
                .map(header_form)
                .contains(&header.form)
        };
        column_of(&header.form).is_some() || form.iter().any(names)
    };
    texts.len() < 2 || !texts.keys().all(|place| is_of_kind(*place))
}

fn names_whom_or_day(column: Column) -> bool {
    match column {
        Column::Lead | Column::Person | Column::Correct | Column::Withdraw | Column::On => true,
        Column::Kind | Column::Operator | Column::Approver | Column::Because => false,
    }
}

fn column_of(form: &str) -> Option<Column> {
    let mut columns = COLUMNS.iter();
    let column = columns.find(|(_, name, zh)| *name == form || header_form(zh) == form);
    column.map(|(column, ..)| *column)
}

/// Whether a row without a header has the number of a lead, a person or an event, or a kind of
/// event and a day.
fn names_something(row: &TableRow<'_>) -> bool {
    let Ok(cells) = row.cells.as_ref() else {
        return false;
    };
    let texts = || cells.iter().filter_map(PlainCell::text);
    let is_event = texts().any(|text| kind_of(text).is_some())
        && texts().any(|text| table::day(text).is_some());
    is_event || table::states_number(cells)
}

fn written(row: &TableRow<'_>) -> Result<WrittenEvent, Vec<BadCell>> {
    if row.headers.is_empty() {
        return Err(vec![BadCell {
            column: String::new(),
            why: WhyRefused::NoHeader,
        }]);
    }
    let texts = row.texts()?;
    let mut event = WrittenEvent::default();
    let mut fields = Vec::new();
    for (place, text) in texts {
        let Some(header) = row
            .headers
            .get(place)
            .filter(|header| !header.form.is_empty())
        else {
            return Err(vec![BadCell {
                column: String::new(),
                why: WhyRefused::Row,
            }]);
        };
        let Some(column) = column_of(&header.form) else {
            fields.push((header, text));
            continue;
        };
        let name = COLUMNS.iter().find(|(one, ..)| *one == column);
        let name = name.map_or("", |(_, name, _)| name);
        let place = match column {
            Column::Lead => &mut event.lead,
            Column::Person => &mut event.person,
            Column::Kind => &mut event.kind,
            Column::On => &mut event.on,
            Column::Correct => &mut event.correct,
            Column::Withdraw => &mut event.withdraw,
            Column::Operator => &mut event.operator,
            Column::Approver => &mut event.approver,
            Column::Because => &mut event.because,
        };
        if !place.is_empty() {
            return Err(vec![BadCell {
                column: header.shown.clone(),
                why: WhyRefused::TwoColumns,
            }]);
        }
        *place = match column {
            Column::On => table::day(text).map_or_else(|| text.to_owned(), |day| day.to_string()),
            Column::Kind => kind_of(text).unwrap_or_else(|| text.to_owned()),
            Column::Lead | Column::Person | Column::Correct | Column::Withdraw => {
                uniform(text).into_owned()
            }
            _ => text.to_owned(),
        };
        event.columns.push((name.to_owned(), header.shown.clone()));
    }
    let form = form_of(&event.kind).map_or(&[][..], |(_, form)| form);
    for (header, text) in fields {
        let mut of_form = form.iter();
        let field = of_form.find(|field| {
            [field.name, field.zh]
                .map(header_form)
                .contains(&header.form)
        });
        let (name, text) = match field {
            Some(field) => (field.name.to_owned(), canonical(field, text)),
            None => (header.shown.clone(), text.to_owned()),
        };
        event.columns.push((name.clone(), header.shown.clone()));
        event.fields.push((name, text));
    }
    Ok(event)
}

/// Returns the name of the kind that a cell means.
fn kind_of(text: &str) -> Option<String> {
    let forms = FORMS.iter();
    let words = forms.flat_map(|(name, zh, _)| [*name, *zh].map(|word| (*name, word)));
    pick(text, words).map(str::to_owned)
}

/// Returns what a cell says in the form in which a field takes it. What cannot be read stays
/// as it is, and is refused there.
pub fn canonical(field: &Field, text: &str) -> String {
    let as_written = || text.to_owned();
    match field.holds {
        Holds::Text | Holds::Texts => as_written(),
        Holds::Day => table::day(text).map_or_else(as_written, |day| day.to_string()),
        Holds::Amount => {
            let amount = uniform(text);
            let amount = amount.trim().trim_end_matches('元').trim_end();
            amount.to_owned()
        }
        Holds::YesNo | Holds::Age => uniform(text).trim().to_owned(),
        Holds::Choice(choices) => {
            let choices = choices.iter();
            let words = choices.flat_map(|(code, zh)| [*code, *zh].map(|word| (*code, word)));
            pick(text, words).map_or_else(as_written, str::to_owned)
        }
        Holds::Finding => finding(text).map_or_else(as_written, |one| one.name().to_owned()),
        Holds::Reason => reason(text).map_or_else(as_written, |one| one.name().to_owned()),
    }
}
