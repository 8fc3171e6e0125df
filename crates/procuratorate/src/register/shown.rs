//! What a round shows of leads that are open in the register: whose aid is received by now, who
//! has died, who is registered elsewhere. The round writes each as a table of events for
//! `register note`; `register take` records what is received itself, because the folder is signed
//! and says which register shows it, and tells the rest, which a person must look into.

use std::collections::BTreeSet;

use aidlink_agency::person_mark::PersonMark;
use aidlink_agency::spreadsheet_csv::{read_csv, to_bytes};
use aidlink_agency::tokenise::Listed;
use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::schema::ExportSchema;
use aidlink_register::form::{Field, Holds, form_of, header_of};
use aidlink_register::number::LeadNumber;
use aidlink_register::workflow::Stage;
use jiff::civil::Date;

use super::in_round::{EarlierLead, KnownPersons};

/// The field of the case parties with the place where a person is registered.
pub const REGISTERED_PLACE: &str = "registered_place";

/// What a round shows of open leads. The numbers are those of the register, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownLeads {
    /// The leads whose aid is received; `None` if the centre did not say so.
    pub received: Option<Vec<ShownReceived>>,
    /// The leads of persons of whom a case row says that they have died.
    pub dead: Vec<LeadNumber>,
    /// The leads of persons whose case rows name other places of registration than the register.
    pub moved: Vec<LeadNumber>,
}

/// An open lead whose aid is received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShownReceived {
    /// Its number.
    pub lead: LeadNumber,
    /// The id of the rule that says so; its export is the register that shows it.
    pub rule: String,
}

/// A person who was referred to an aid and receives it.
pub(crate) struct ReceivedBy {
    pub(crate) person: PersonMark,
    pub(crate) aid: String,
    pub(crate) rule: String,
}

impl ShownLeads {
    /// Returns what a round shows. `received` is what the centre says, `dead` are the open leads
    /// of persons of whom a case row says that they have died, `cases` the other case rows, each
    /// with its person.
    pub(crate) fn of<'c>(
        schema: &ExportSchema,
        known: &KnownPersons,
        received: Option<Vec<ReceivedBy>>,
        dead: BTreeSet<LeadNumber>,
        cases: impl Iterator<Item = (PersonMark, &'c Listed)>,
    ) -> Self {
        let received = received.map(|received| {
            let mut shown: Vec<ShownReceived> = received
                .into_iter()
                .filter_map(|one| {
                    let person = known.persons.get(&one.person)?;
                    let lead = person.leads.get(&one.aid)?;
                    // The centre answers of leads that are referred, and of no others. Whether
                    // somebody who died received it before is for a person to say.
                    let is_referred = lead.is_open() && lead.stage != Stage::Lead;
                    let is_proven = is_referred && !dead.contains(&lead.number);
                    is_proven.then(|| ShownReceived {
                        lead: lead.number.clone(),
                        rule: one.rule,
                    })
                })
                .collect();
            shown.sort();
            shown
        });
        let moved = moved(schema, known, cases);
        let moved = moved.into_iter().filter(|lead| !dead.contains(lead));
        ShownLeads {
            received,
            moved: moved.collect(),
            dead: dead.into_iter().collect(),
        }
    }
}

/// Returns the open leads of persons of whom no case row names a place of registration that the
/// register has.
fn moved<'c>(
    schema: &ExportSchema,
    known: &KnownPersons,
    cases: impl Iterator<Item = (PersonMark, &'c Listed)>,
) -> BTreeSet<LeadNumber> {
    let mut fields = schema.reviewer_fields();
    let Some(column) = fields.position(|field| field.name == REGISTERED_PLACE) else {
        return BTreeSet::new();
    };
    let mut elsewhere: BTreeSet<LeadNumber> = BTreeSet::new();
    let mut as_before: BTreeSet<LeadNumber> = BTreeSet::new();
    for (person, listed) in cases {
        let person = known.persons.get(&person);
        let (Some(place), Some(person)) = (place_of(listed, column), person) else {
            continue;
        };
        for lead in person.leads.values().filter(|lead| lead.is_open()) {
            let Some(registered) = &lead.registered_at else {
                continue;
            };
            let mut parts = registered.split(['；', ';']).map(str::trim);
            let is_as_before = *registered == place || parts.any(|before| before == place);
            match is_as_before {
                true => as_before.insert(lead.number.clone()),
                false => elsewhere.insert(lead.number.clone()),
            };
        }
    }
    elsewhere.difference(&as_before).cloned().collect()
}

/// Returns the place of registration that a case row names, as the register may keep it: on one
/// line and without numbers of persons. `column` is its place among the fields for reviewers.
pub(crate) fn place_of(listed: &Listed, column: usize) -> Option<String> {
    let place = black_out(listed.for_reviewers.get(column)?);
    let place = place.trim();
    (!place.is_empty()).then(|| place.to_owned())
}

impl EarlierLead {
    /// Whether somebody is to act on it.
    fn is_open(&self) -> bool {
        !self.stage.is_resting()
    }
}

/// A table of events for the register.
pub struct RegisterTable {
    /// Its path in the output folder.
    pub path: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Number of leads.
    pub leads: usize,
}

/// The tables of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableKind {
    /// Leads whose aid is received.
    Delivered,
    /// Leads of persons who have died.
    Dead,
    /// Leads of persons who are registered elsewhere.
    Moved,
}

impl TableKind {
    /// Returns the path in an output folder.
    pub fn path(self) -> &'static str {
        match self {
            TableKind::Delivered => "lists/for-register/delivered.csv",
            TableKind::Dead => "lists/for-register/dead.csv",
            TableKind::Moved => "lists/for-register/moved.csv",
        }
    }

    /// Returns the kind of its events.
    pub fn event(self) -> &'static str {
        match self {
            TableKind::Delivered => "granted",
            TableKind::Dead => "closed",
            TableKind::Moved => "moved",
        }
    }

    /// Returns the fields of its events that have a column.
    fn fields(self) -> &'static [&'static str] {
        match self {
            TableKind::Delivered => &["what", "shown_by.register", "shown_by.snapshot", "remark"],
            TableKind::Dead => &["reason", "shown_by.register", "shown_by.snapshot", "remark"],
            // Which office it is nobody but a person can tell.
            TableKind::Moved => &["office", "remark"],
        }
    }

    fn header(self, language: Language) -> Vec<String> {
        let columns = ["lead", "kind", "on"].map(|name| match language {
            Language::Chinese => header_of(name).unwrap_or(name),
            Language::English => name,
        });
        let form = form_of(self.event()).map_or(&[][..], |(_, fields)| fields);
        let fields = self.fields().iter().map(|name| {
            let mut fields = form.iter();
            match (language, fields.find(|field| field.name == *name)) {
                (Language::Chinese, Some(field)) => field.zh.to_owned(),
                _ => (*name).to_owned(),
            }
        });
        columns
            .into_iter()
            .map(str::to_owned)
            .chain(fields)
            .collect()
    }
}

/// Returns the tables that have a lead.
pub(crate) fn tables(terms: &RoundTerms, shown: &ShownLeads) -> Vec<RegisterTable> {
    let language = terms.list_language;
    let issued = terms.issued_on.to_string();
    let cases = [CASE_EXPORT.to_owned(), terms.cases.snapshot.to_string()];
    let remark = remark(&terms.round).in_language(language).to_owned();
    let table = |kind: TableKind, leads: Vec<(&LeadNumber, Vec<String>)>| {
        let event = match language {
            Language::Chinese => form_title(kind.event()),
            Language::English => kind.event(),
        };
        let count = leads.len();
        let mut rows = vec![kind.header(language)];
        rows.extend(leads.into_iter().map(|(lead, fields)| {
            let first = [lead.to_string(), event.to_owned(), issued.clone()];
            let rest = fields.into_iter().chain([remark.clone()]);
            first.into_iter().chain(rest).collect()
        }));
        (count > 0).then(|| RegisterTable {
            path: kind.path(),
            bytes: to_bytes(&rows),
            leads: count,
        })
    };
    let received = shown.received.iter().flatten().filter_map(|one| {
        // Always there: the centre's screening and the check of its leads need both.
        let rule = terms.policy.rule(&one.rule)?;
        let register = terms.export(&rule.on)?;
        let fields = vec![
            rule.title.in_language(language).to_owned(),
            rule.on.clone(),
            register.snapshot.to_string(),
        ];
        Some((&one.lead, fields))
    });
    let dead_reason = match language {
        Language::Chinese => choice_title("closed", "reason", "dead"),
        Language::English => "dead",
    };
    let dead = shown.dead.iter().map(|lead| {
        let [register, snapshot] = cases.clone();
        (lead, vec![dead_reason.to_owned(), register, snapshot])
    });
    let moved = shown.moved.iter().map(|lead| (lead, vec![String::new()]));
    let tables = [
        table(TableKind::Delivered, received.collect()),
        table(TableKind::Dead, dead.collect()),
        table(TableKind::Moved, moved.collect()),
    ];
    tables.into_iter().flatten().collect()
}

/// Returns the remark of the events: which round shows it.
pub(crate) fn remark(round: &str) -> Text {
    Text::new(format!("轮次 {round}"), format!("round {round}"))
}

/// Returns the word for a kind of event in Chinese.
fn form_title(kind: &'static str) -> &'static str {
    let mut forms = aidlink_register::form::FORMS.iter();
    let form = forms.find(|(name, _, _)| *name == kind);
    form.map_or(kind, |(_, zh, _)| zh)
}

/// Returns the word for a choice of a field in Chinese.
fn choice_title(kind: &str, field: &str, code: &'static str) -> &'static str {
    let form = form_of(kind).map_or(&[][..], |(_, fields)| fields);
    let mut fields = form.iter();
    match fields.find(|one| one.name == field) {
        Some(Field {
            holds: Holds::Choice(choices),
            ..
        }) => {
            let mut choices = choices.iter();
            choices
                .find(|(name, _)| *name == code)
                .map_or(code, |(_, zh)| zh)
        }
        _ => code,
    }
}

/// A row of the table of received aids, as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredLead {
    /// The number of the lead.
    pub lead: LeadNumber,
    /// The day on which the lists were issued.
    pub on: Date,
    /// What is received, in words.
    pub what: String,
    /// The export that shows it.
    pub register: String,
    /// The day of its snapshot.
    pub snapshot: Date,
    /// The remark.
    pub remark: String,
}

/// Reads the table of received aids; `None` if it is none of this version.
pub(crate) fn read_delivered(bytes: &[u8], language: Language) -> Option<Vec<DeliveredLead>> {
    let (header, rows) = read_csv(bytes)?;
    if header != TableKind::Delivered.header(language) {
        return None;
    }
    let row = |(_, cells): &(u64, Vec<String>)| match cells.as_slice() {
        [lead, _, on, what, register, snapshot, remark] => Some(DeliveredLead {
            lead: LeadNumber::parse(lead)?,
            on: on.parse().ok()?,
            what: what.clone(),
            register: register.clone(),
            snapshot: snapshot.parse().ok()?,
            remark: remark.clone(),
        }),
        _ => None,
    };
    rows.iter().map(row).collect()
}

/// Reads the numbers of the leads of another table; `None` if it is none of this version.
pub(crate) fn read_leads(
    kind: TableKind,
    bytes: &[u8],
    language: Language,
) -> Option<Vec<LeadNumber>> {
    let (header, rows) = read_csv(bytes)?;
    if header != kind.header(language) {
        return None;
    }
    let leads = rows
        .iter()
        .map(|(_, cells)| LeadNumber::parse(cells.first()?));
    leads.collect()
}
