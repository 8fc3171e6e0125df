//! The lists of a round: the match lists, which a person at the procuratorate checks, the
//! persons who could not be judged, the workbooks in which the reviewers decide, and the
//! pages for whoever visits a person.

mod about_person;
pub(crate) mod case_cells;
pub mod columns;
pub mod earlier;
pub mod marking;
pub mod match_list;
pub mod not_judged;
pub(crate) mod numbers;
pub mod person_pages;
mod persons;
pub mod review;
mod same_case;

use std::collections::BTreeMap;

use aidlink_contract::screened_lead::NotVerified;
use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::round::RoundTerms;
use aidlink_policy::constant::needs_reason;
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::value::Value;

use crate::register::shown::{self, RegisterTable};
use crate::resolve::ResolvedRound;
use earlier::Status;
use marking::RoundMarking;
use match_list::{ListedLead, MatchList};
use not_judged::NotJudgedList;
use numbers::PersonNumbers;
use person_pages::PersonPages;
use review::ReviewWorkbook;

/// The lists of a round, ready to be written.
pub struct RoundLists {
    /// The match lists, also those without leads.
    pub for_review: Vec<MatchList>,
    /// The persons who could not be judged: adults, then minors.
    pub not_judged: Vec<NotJudgedList>,
    /// The workbooks for the reviewers: of adults, of minors; only those with content.
    pub workbooks: Vec<ReviewWorkbook>,
    /// The pages of persons with leads: of adults, of minors; only those with content.
    pub person_pages: Vec<PersonPages>,
    /// Number of leads of each status; `None` without a register.
    pub by_status: Option<BTreeMap<Status, u64>>,
    /// The tables of events for the register; only those with leads.
    pub for_register: Vec<RegisterTable>,
}

impl RoundLists {
    /// Makes the lists of a round. `cases` is its export of case parties.
    ///
    /// # Errors
    /// When there are more leads than a workbook can hold.
    pub fn new(
        terms: &RoundTerms,
        cases: &PlannedExport,
        round: &ResolvedRound,
    ) -> Result<Self, Fault> {
        let not_joined = round.not_verified_by.iter();
        let not_joined = not_joined.filter(|(_, why)| **why != NotVerified::Stale);
        let marking = RoundMarking {
            provisional: &round.provisional,
            not_joined: not_joined
                .filter_map(|(export, _)| {
                    Some((export.as_str(), &terms.schemas.get(export)?.title))
                })
                .collect(),
            stated: stated(terms, cases),
        };
        let leads = round.leads.iter().map(|lead| lead.person);
        let not_judged = round.not_judged.iter().map(|person| person.person);
        let known = round.known.as_ref();
        let numbers = PersonNumbers::of(leads.chain(not_judged), known);
        let leads = match_list::listed_leads(terms, &round.leads, &numbers, known);
        let not_judged = not_judged::not_judged_rows(terms, round, &numbers);
        // The workbooks take as long as lists and pages together.
        let (workbooks, (for_review, person_pages)) = rayon::join(
            || review::workbooks(terms, &leads, &not_judged, &marking),
            || {
                rayon::join(
                    || match_list::match_lists(terms, &leads, &marking),
                    || person_pages::person_pages(terms, &leads, &marking),
                )
            },
        );
        Ok(RoundLists {
            for_review,
            not_judged: not_judged::not_judged_lists(terms, &not_judged, &marking),
            workbooks: workbooks?,
            person_pages,
            by_status: known.map(|_| by_status(&leads)),
            for_register: match &round.shown {
                Some(shown) => shown::tables(terms, shown),
                None => Vec::new(),
            },
        })
    }

    /// Returns path and content of each list, without the workbooks and the pages.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let for_review = self.for_review.iter();
        let for_review = for_review.map(|list| (list.path(), list.bytes.as_slice()));
        let not_judged = self.not_judged.iter();
        let for_register = self.for_register.iter();
        for_review
            .chain(not_judged.map(|list| (list.path.to_owned(), list.bytes.as_slice())))
            .chain(for_register.map(|table| (table.path.to_owned(), table.bytes.as_slice())))
    }

    /// Writes lists, workbooks and pages into a folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &mut OutputFolder) -> Result<(), Fault> {
        for (path, bytes) in self.files() {
            folder.write(&path, bytes)?;
        }
        for workbook in &self.workbooks {
            folder.write_to_fill_in(workbook.path, &workbook.bytes)?;
        }
        for pages in &self.person_pages {
            folder.write(pages.path, &pages.bytes)?;
        }
        Ok(())
    }
}

fn by_status(leads: &[ListedLead<'_>]) -> BTreeMap<Status, u64> {
    let mut by_status: BTreeMap<Status, u64> = Status::ALL.map(|status| (status, 0)).into();
    for status in leads.iter().filter_map(|lead| lead.status) {
        *by_status.entry(status).or_default() += 1;
    }
    by_status
}

/// Returns the constants that let case rows pass which would be withheld without them, with
/// the reasons, each once.
fn stated(terms: &RoundTerms, cases: &PlannedExport) -> Vec<Text> {
    let mut stated: Vec<Text> = Vec::new();
    for file in &cases.files {
        let because = file.reading.because.as_deref().unwrap_or_default();
        for constant in &file.reading.constants {
            let Some(field) = cases.schema.field(&constant.field) else {
                continue;
            };
            if needs_reason(&terms.policy, &cases.schema, &constant.field) {
                let (title, value) = (&field.title, &constant.value);
                let value = match value {
                    Value::Boolean(true) => Text::new("是", "yes"),
                    Value::Boolean(false) => Text::new("否", "no"),
                    other => Text::new(other.to_string(), other.to_string()),
                };
                let text = Text::new(
                    format!("{} = {}，理由：{because}", title.zh, value.zh),
                    format!("{} = {}, because: {because}", title.en, value.en),
                );
                if !stated.contains(&text) {
                    stated.push(text);
                }
            }
        }
    }
    stated
}
