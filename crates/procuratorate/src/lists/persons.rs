//! The persons of a round's leads: what the sheet of persons and the person pages show.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aidlink_agency::person_mark::PersonMark;
use aidlink_contract::grade::Grade;

use super::about_person::AboutPerson;
use super::case_cells::distinct;
use super::columns::Urgency;
use super::match_list::ListedLead;

/// A person with all leads, sorted by urgency, grade and number. There is at least one.
pub(super) struct Person<'l> {
    pub(super) leads: Vec<&'l ListedLead<'l>>,
}

impl Person<'_> {
    /// Returns the number of the person.
    pub(super) fn number(&self) -> &str {
        let first = self.leads.first();
        first.map_or("", |lead| lead.person_number.as_str())
    }

    /// Returns the urgency of the most urgent lead.
    pub(super) fn urgency(&self) -> Urgency {
        let urgencies = self.leads.iter().map(|lead| lead.urgency);
        urgencies.min().unwrap_or(Urgency::Ordinary)
    }

    /// Returns the best grade.
    pub(super) fn grade(&self) -> Option<Grade> {
        self.leads.iter().map(|lead| lead.grade).max()
    }

    /// Returns what reviewers see of the person. All leads are of the same rows or of some of
    /// them, so the facts of all are joined.
    pub(super) fn about(&self) -> AboutPerson {
        let mut about: Vec<(String, String)> = Vec::new();
        for (title, value) in self.leads.iter().flat_map(|lead| &lead.parts.about.0) {
            match about.iter_mut().find(|(known, _)| known == title) {
                None => about.push((title.clone(), value.clone())),
                Some((_, known)) => {
                    let values = known.split('；').chain(value.split('；'));
                    *known = distinct(values).join("；");
                }
            }
        }
        AboutPerson(about)
    }

    /// Returns the values of the list fields, of which there are `count`; several values of
    /// a field are joined.
    pub(super) fn case_fields(&self, count: usize) -> Vec<String> {
        let joined = (0..count).map(|index| {
            let leads = self.leads.iter();
            let values = leads.filter_map(|lead| lead.row.case_fields.get(index));
            distinct(values.flat_map(|value| value.split('；'))).join("；")
        });
        joined.collect()
    }
}

/// Returns the persons of leads, sorted by the most urgent lead of each, then by the best
/// grade, then by the number.
pub(super) fn persons<'l>(leads: &[&'l ListedLead<'l>]) -> Vec<Person<'l>> {
    let mut by_mark: BTreeMap<PersonMark, Vec<&ListedLead<'_>>> = BTreeMap::new();
    for lead in leads {
        by_mark.entry(lead.person).or_default().push(lead);
    }
    let persons = by_mark.into_values().map(|mut leads| {
        leads.sort_by(|one, other| {
            let place = |lead: &ListedLead<'_>| (lead.urgency, Reverse(lead.grade));
            (place(one), &one.row.number).cmp(&(place(other), &other.row.number))
        });
        Person { leads }
    });
    let mut persons: Vec<Person<'_>> = persons.collect();
    persons.sort_by_cached_key(|person| {
        let number = person.number().to_owned();
        (person.urgency(), Reverse(person.grade()), number)
    });
    persons
}
