//! A row of a filled list: whose it is, and what was filled in.

use aidlink_agency::cell::date::{self, WrittenDate};
use aidlink_agency::scan::plain_rows::PlainCell;
use aidlink_faults::personal_number::{black_out, find};
use aidlink_faults::uniform_text::{uniform, uniform_label};
use aidlink_policy::reading::DateEpoch;
use aidlink_register::decision::{Finding, Reason};
use jiff::civil::Date;

use super::columns::{Columns, FilledColumn};
use super::refusal::WhyRefused;
use super::words;

/// Why a row is refused, and the column.
pub(super) type Refused = (Option<FilledColumn>, WhyRefused);

/// The days between which a decision can be.
#[derive(Clone, Copy)]
pub(super) struct Days {
    /// The day on which the list was issued.
    pub(super) issued_on: Date,
    /// Today.
    pub(super) today: Date,
}

/// What is filled in beside a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Details {
    pub(super) by: Option<String>,
    pub(super) on: Option<Date>,
    pub(super) remark: Option<String>,
}

impl Details {
    /// Returns these details, completed by those that another row of the same list says of
    /// the same lead.
    pub(super) fn completed_by(self, other: &Details) -> Details {
        let remark = match (self.remark, &other.remark) {
            (Some(own), Some(other)) if own != *other => Some(format!("{own}；{other}")),
            (own, other) => own.or_else(|| other.clone()),
        };
        Details {
            by: self.by.or_else(|| other.by.clone()),
            on: self.on.or(other.on),
            remark,
        }
    }
}

/// What was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FilledIn {
    /// Nothing.
    Nothing,
    /// Details, without a decision.
    Details(Details),
    /// A decision.
    Decision(Finding, Option<Reason>, Details),
}

/// The most characters of a remark, and of a name.
const LONGEST_REMARK: usize = 1_000;
const LONGEST_NAME: usize = 100;

/// Reads what was filled into a row.
///
/// # Errors
/// Why the row is refused.
pub(super) fn filled_in(
    columns: &Columns,
    cells: &[PlainCell],
    days: Days,
) -> Result<FilledIn, Refused> {
    let text = |column| match columns.cell(column, cells) {
        None => Ok(None),
        Some(cell) => readable(cell).map(Some).map_err(|why| (Some(column), why)),
    };
    let finding = text(FilledColumn::Decision)?;
    let reason = text(FilledColumn::Reason)?;
    let details = Details {
        by: free_text(
            text(FilledColumn::DecidedBy)?,
            FilledColumn::DecidedBy,
            LONGEST_NAME,
        )?,
        on: day(text(FilledColumn::DecidedOn)?, days)?,
        remark: free_text(
            text(FilledColumn::Remark)?,
            FilledColumn::Remark,
            LONGEST_REMARK,
        )?,
    };
    let refused = |column, why| Err((Some(column), why));
    let reason = match reason {
        None => None,
        Some(text) => match words::reason(text) {
            Some(reason) => Some(reason),
            None => return refused(FilledColumn::Reason, WhyRefused::UnknownReason),
        },
    };
    let Some(text) = finding else {
        return match (reason, details == Details::default()) {
            (Some(_), _) => refused(FilledColumn::Decision, WhyRefused::ReasonWithoutDecision),
            (None, true) => Ok(FilledIn::Nothing),
            (None, false) => Ok(FilledIn::Details(details)),
        };
    };
    let Some(finding) = words::finding(text) else {
        return refused(FilledColumn::Decision, WhyRefused::UnknownDecision);
    };
    match (finding, reason) {
        (Finding::Rejected, None) => refused(FilledColumn::Reason, WhyRefused::NoReason),
        (Finding::Confirmed | Finding::NeedsMore, Some(_)) => {
            refused(FilledColumn::Reason, WhyRefused::ReasonNotTaken)
        }
        _ => Ok(FilledIn::Decision(finding, reason, details)),
    }
}

/// Returns the text of a cell.
pub(in crate::register) fn readable(cell: &PlainCell) -> Result<&str, WhyRefused> {
    match cell {
        PlainCell::Text(text) => Ok(text),
        PlainCell::ErrorValue => Err(WhyRefused::ErrorValue),
        PlainCell::Merged => Err(WhyRefused::Merged),
        PlainCell::NoResult => Err(WhyRefused::NoResult),
        PlainCell::Encoding => Err(WhyRefused::Encoding),
    }
}

/// Reads a text that is kept as it is, without control characters and the marks with which
/// spreadsheets keep a text a text.
fn free_text(
    text: Option<&str>,
    column: FilledColumn,
    longest: usize,
) -> Result<Option<String>, Refused> {
    let Some(text) = text else { return Ok(None) };
    if !find(text).is_empty() {
        return Err((Some(column), WhyRefused::PersonalNumber));
    }
    let text = black_out(text);
    let text = text.trim();
    let text = text.strip_prefix(['\'', '＇']).unwrap_or(text).trim();
    if text.chars().count() > longest {
        return Err((Some(column), WhyRefused::TooLong));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn day(text: Option<&str>, days: Days) -> Result<Option<Date>, Refused> {
    let Some(text) = text else { return Ok(None) };
    let refused = |why| Err((Some(FilledColumn::DecidedOn), why));
    let Some(day) = day_of(text) else {
        return refused(WhyRefused::UnreadableDay);
    };
    match check_day(day, days) {
        Ok(day) => Ok(Some(day)),
        Err(why) => refused(why),
    }
}

/// Returns the day that a cell states; `None` if it cannot be read to the day.
pub(in crate::register) fn day_of(text: &str) -> Option<Date> {
    match date::read(&uniform(text), DateEpoch::default()) {
        Some(WrittenDate::Day(day) | WrittenDate::Early(day)) => Some(day),
        Some(WrittenDate::Month(_) | WrittenDate::NoDate) | None => None,
    }
}

/// Returns a day on which a decision can have been made.
///
/// # Errors
/// Why it cannot.
pub(super) fn check_day(day: Date, days: Days) -> Result<Date, WhyRefused> {
    if day > days.today {
        Err(WhyRefused::InTheFuture)
    } else if day < days.issued_on {
        Err(WhyRefused::BeforeIssue)
    } else {
        Ok(day)
    }
}

/// Returns a number of a person or a lead in the form in which numbers are compared.
pub(super) fn uniform_number(text: &str) -> String {
    uniform_label(text)
}

/// Returns whether a uniform number has the form of a person's: letters and digits of
/// Crockford's base 32 in groups of four.
fn is_person_number(number: &str) -> bool {
    let is_group = |group: &str| {
        (1..=4).contains(&group.len())
            && group
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() && !b"ilou".contains(&byte))
    };
    let mut groups = number.split('-');
    let first_two = groups.by_ref().take(2).filter(|group| group.len() == 4);
    first_two.count() == 2 && number.split('-').all(is_group)
}

/// Returns whether a uniform number has the form of a lead's: that of a person, and the id
/// of an aid.
pub(super) fn is_lead_number(number: &str) -> bool {
    let is_aid = |aid: &str| {
        !aid.is_empty()
            && aid
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let parts = number.rsplit_once('-');
    parts.is_some_and(|(person, aid)| is_person_number(person) && is_aid(aid))
}

/// Returns the names in a cell, in the form in which they are compared. A lead of several
/// case rows may have several, joined by `；`.
pub(in crate::register) fn names_in(text: &str) -> impl Iterator<Item = String> {
    let names = text.split(['；', ';']).map(words::folded);
    names.filter(|name| !name.is_empty())
}
