//! A register in memory: its persons, leads and events, and what follows from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::chain::{NO_PREVIOUS, Recorded};
use crate::event::{About, Created, Direction, Event, Found};
use crate::fold::{LeadState, Refusal, advance};
use crate::items::Subject;
use crate::number::{EventId, LeadNumber, PersonNumber};
use crate::token::RegisterToken;
use jiff::civil::Date;

/// A lead with its events.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Its number.
    pub number: LeadNumber,
    /// The person.
    pub person: PersonNumber,
    /// The id of the aid.
    pub aid: String,
    /// The id of the agency of which it was first found.
    pub agency: String,
    /// The direction.
    pub direction: Direction,
    /// The positions in the register of the events that count, in the order in which they do.
    pub(crate) events: Vec<usize>,
    /// Where it stands; `None` if every event was withdrawn.
    pub state: Option<LeadState>,
}

impl Lead {
    /// Returns a lead as an event finds it, before that event counts.
    pub(crate) fn found(number: LeadNumber, found: &Found) -> Self {
        Lead {
            number,
            person: found.person.clone(),
            aid: found.aid.clone(),
            agency: found.agency.clone(),
            direction: found.direction,
            events: Vec::new(),
            state: None,
        }
    }
}

/// Fills in what a description leaves open of who the person is, and in which case.
fn complete(about: &mut About, earlier: &About) {
    for (own, of_earlier) in [
        (&mut about.names, &earlier.names),
        (&mut about.case_numbers, &earlier.case_numbers),
    ] {
        if own.is_empty() {
            own.clone_from(of_earlier);
        }
    }
    for (own, of_earlier) in [
        (&mut about.handler, &earlier.handler),
        (&mut about.unit, &earlier.unit),
        (&mut about.sex, &earlier.sex),
        (&mut about.matter, &earlier.matter),
    ] {
        if own.is_none() {
            own.clone_from(of_earlier);
        }
    }
}

/// A register in memory.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub(crate) created: Option<Created>,
    pub(crate) key_id: String,
    /// The persons. One that a ledger without ID numbers brought in has no token: no round finds
    /// the person again.
    pub(crate) persons: BTreeMap<PersonNumber, Option<RegisterToken>>,
    pub(crate) by_token: BTreeMap<RegisterToken, PersonNumber>,
    pub(crate) leads: BTreeMap<LeadNumber, Lead>,
    by_person: BTreeMap<PersonNumber, BTreeSet<LeadNumber>>,
    pub(crate) events: Vec<Recorded>,
    by_id: HashMap<EventId, usize>,
    /// Events that were corrected or withdrawn, with those that did so.
    superseded: BTreeMap<usize, usize>,
    /// All events of a lead or a person, whether they count or not.
    history: HashMap<Subject, Vec<usize>>,
    /// Events of persons that count, by person.
    pub(crate) of_persons: BTreeMap<PersonNumber, Vec<usize>>,
    /// Leads by round and number on the round's lists.
    by_round: BTreeMap<(String, LeadNumber), LeadNumber>,
    /// How many leads were taken from the round with this manifest.
    by_manifest: BTreeMap<String, u64>,
}

/// Why events do not make a register.
pub(crate) enum Inconsistent {
    /// An event corrects or withdraws one that does not count, or is of another subject.
    Superseding,
    /// An event concerns a lead or a person that is not there.
    Unknown,
    /// An event cannot follow.
    Workflow,
}

impl Book {
    /// Returns the digest of the last event.
    pub(crate) fn last_digest(&self) -> &str {
        self.events
            .last()
            .map_or(NO_PREVIOUS, |event| event.digest.as_str())
    }

    /// Returns an event by its id.
    pub fn event(&self, id: &EventId) -> Option<&Recorded> {
        self.by_id.get(id).and_then(|index| self.events.get(*index))
    }

    /// Whether an id is taken.
    pub(crate) fn has_id(&self, id: &EventId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Returns an event that counts, by its id.
    pub(crate) fn counting(&self, id: &EventId) -> Option<&Recorded> {
        let index = self.by_id.get(id)?;
        let event = self.events.get(*index)?;
        (!self.superseded.contains_key(index) && event.effective().is_some()).then_some(event)
    }

    /// Returns the leads, in the order of their numbers.
    pub fn leads(&self) -> impl Iterator<Item = &Lead> {
        self.leads.values()
    }

    /// Returns a lead by its number.
    pub fn lead(&self, number: &LeadNumber) -> Option<&Lead> {
        self.leads.get(number)
    }

    /// Returns the leads of a person, in the order of their numbers.
    pub fn leads_of(&self, person: &PersonNumber) -> impl Iterator<Item = &Lead> {
        let leads = self.by_person.get(person).into_iter().flatten();
        leads.filter_map(|number| self.leads.get(number))
    }

    /// Adds a lead.
    pub(crate) fn add_lead(&mut self, lead: Lead) {
        let leads = self.by_person.entry(lead.person.clone()).or_default();
        leads.insert(lead.number.clone());
        self.leads.insert(lead.number.clone(), lead);
    }

    /// Returns the person as the lead's `found` events describe one: the last of them. Whoever
    /// finds a lead again, or finds one of a person who is known, need not say anew who it is and
    /// in which case; places, guardian and age may have changed since, and are not taken from an
    /// earlier event.
    pub fn about(&self, lead: &Lead) -> About {
        let mut found = self.found_events(lead);
        let Some(last) = found.next() else {
            return About::default();
        };
        let mut about = last.about.clone();
        // A round says all that it knows.
        let mut is_whole = last.round.is_some();
        for earlier in found {
            if is_whole {
                break;
            }
            is_whole = earlier.round.is_some();
            complete(&mut about, &earlier.about);
        }
        if about.names.is_empty() {
            about.names = self.names_of(&lead.person);
        }
        about
    }

    /// Returns the last `found` event of a lead.
    pub fn last_found<'b>(&'b self, lead: &'b Lead) -> Option<&'b Found> {
        self.found_events(lead).next()
    }

    /// Returns the `found` events of a lead, the last one first.
    fn found_events<'b>(&'b self, lead: &'b Lead) -> impl Iterator<Item = &'b Found> {
        let events = lead.events.iter().rev();
        events
            .filter_map(|index| self.events.get(*index)?.effective())
            .filter_map(|(event, _)| match event {
                Event::Found(found) => Some(found),
                _ => None,
            })
    }

    /// Returns the names of a person, each once, in the order of the leads.
    pub fn names_of(&self, person: &PersonNumber) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for lead in self.leads_of(person) {
            let mut found = self.found_events(lead).map(|found| &found.about.names);
            for name in found.find(|names| !names.is_empty()).into_iter().flatten() {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Returns the id of the agency that the lead is at: to which it was last sent, or for
    /// which it was last found.
    pub fn agency_of<'b>(&'b self, lead: &'b Lead) -> &'b str {
        let events = lead.events.iter().rev();
        let agency = events
            .filter_map(|index| self.events.get(*index)?.effective())
            .find_map(|(event, _)| match event {
                Event::Sent(sent) => sent.agency.as_deref(),
                Event::Found(found) => Some(found.agency.as_str()),
                _ => None,
            });
        agency.unwrap_or(&lead.agency)
    }

    /// Returns the numbers of the persons, in order.
    pub fn persons(&self) -> impl Iterator<Item = &PersonNumber> {
        self.persons.keys()
    }

    /// Returns the number of a person; `None` if the register does not know the token.
    pub fn person_of(&self, token: &RegisterToken) -> Option<&PersonNumber> {
        self.by_token.get(token)
    }

    /// Whether a person is known.
    pub fn has_person(&self, number: &PersonNumber) -> bool {
        self.persons.contains_key(number)
    }

    /// Whether rounds find a person again: one that a ledger without ID numbers brought in has no
    /// token.
    pub fn has_token(&self, number: &PersonNumber) -> bool {
        self.persons.get(number).is_some_and(Option::is_some)
    }

    /// Returns all events, in the order in which they were recorded.
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// Returns all events of a lead or a person, each with the event that corrected or withdrew
    /// it.
    pub fn history(
        &self,
        subject: &Subject,
    ) -> impl Iterator<Item = (&Recorded, Option<&Recorded>)> {
        let indices = self.history.get(subject).into_iter().flatten();
        indices.filter_map(|index| {
            let by = self.superseded.get(index);
            let by = by.and_then(|by| self.events.get(*by));
            self.events.get(*index).map(|event| (event, by))
        })
    }

    /// Returns the events of a lead that count, in the order in which they do.
    pub fn events_of<'b>(&'b self, lead: &'b Lead) -> impl Iterator<Item = &'b Recorded> {
        lead.events
            .iter()
            .filter_map(|index| self.events.get(*index))
    }

    /// Returns the events of a person that count and concern no lead.
    pub fn events_of_person<'b>(
        &'b self,
        person: &PersonNumber,
    ) -> impl Iterator<Item = &'b Recorded> {
        let indices = self.of_persons.get(person).into_iter().flatten();
        indices.filter_map(|index| self.events.get(*index))
    }

    /// Returns the register's number of a lead that a round's lists have under this one.
    pub(crate) fn lead_of_round(&self, round: &str, lead: &LeadNumber) -> Option<&LeadNumber> {
        self.by_round.get(&(round.to_owned(), lead.clone()))
    }

    /// Whether leads were taken from a round.
    pub(crate) fn knows_round(&self, round: &str) -> bool {
        let mut rounds = self.by_round.keys();
        rounds.any(|(known, _)| known == round)
    }

    /// Returns how many leads were taken from the round with this manifest.
    pub(crate) fn taken_from(&self, manifest: &str) -> u64 {
        self.by_manifest.get(manifest).copied().unwrap_or_default()
    }

    /// Adds a person.
    pub(crate) fn add_person(&mut self, number: PersonNumber, token: Option<RegisterToken>) {
        if let Some(token) = token {
            self.by_token.insert(token, number.clone());
        }
        self.persons.insert(number, token);
    }

    /// Gives a person another token.
    pub(crate) fn replace_token(&mut self, number: &PersonNumber, token: RegisterToken) {
        if let Some(known) = self.persons.get_mut(number) {
            if let Some(before) = known.replace(token) {
                self.by_token.remove(&before);
            }
            self.by_token.insert(token, number.clone());
        }
    }

    /// Returns the state of a lead if its events were those of `events`, in their order.
    pub(crate) fn replay<'e>(
        direction: Direction,
        events: impl Iterator<Item = (&'e Event, Date)>,
    ) -> Result<Option<LeadState>, Refusal> {
        let mut state = None;
        for (event, on) in events {
            state = advance(state.as_ref(), direction, event, on)?;
        }
        Ok(state)
    }

    /// Adds an event that is in the register, with what follows from it. Events that correct
    /// or withdraw others are told by their `supersedes`.
    ///
    /// # Errors
    /// If it does not fit the events before it.
    pub(crate) fn add_event(&mut self, recorded: Recorded) -> Result<(), Inconsistent> {
        let index = self.events.len();
        match &recorded.event {
            Event::Created(created) => {
                self.key_id.clone_from(&created.key_id);
                self.created = Some(created.clone());
            }
            Event::Rekeyed(rekeyed) => self.key_id.clone_from(&rekeyed.key_id),
            _ => {}
        }
        let replaced = match recorded.supersedes() {
            None => None,
            Some(of) => {
                let replaced = self.counting(of).ok_or(Inconsistent::Superseding)?;
                if replaced.subject != recorded.subject {
                    return Err(Inconsistent::Superseding);
                }
                self.by_id.get(of).copied()
            }
        };
        let counts = recorded.effective().is_some();
        let indices = match &recorded.subject {
            None => None,
            Some(Subject::Person(person)) => {
                if !self.persons.contains_key(person) {
                    return Err(Inconsistent::Unknown);
                }
                Some(self.of_persons.entry(person.clone()).or_default())
            }
            Some(Subject::Lead(lead)) => {
                let lead = self.leads.get_mut(lead).ok_or(Inconsistent::Unknown)?;
                Some(&mut lead.events)
            }
        };
        if let Some(indices) = indices {
            match replaced.and_then(|of| indices.iter().position(|other| *other == of)) {
                Some(at) if counts => indices[at] = index,
                Some(at) => {
                    indices.remove(at);
                }
                None if replaced.is_some() => return Err(Inconsistent::Superseding),
                None => indices.push(index),
            }
        }
        if let Some((Event::Found(found), _)) = recorded.effective()
            && let (Some(round), Some(Subject::Lead(lead))) = (&found.round, &recorded.subject)
        {
            let key = (round.id.clone(), round.lead.clone());
            self.by_round.insert(key, lead.clone());
            if replaced.is_none() {
                *self.by_manifest.entry(round.manifest.clone()).or_default() += 1;
            }
        }
        let lead = match &recorded.subject {
            Some(Subject::Lead(lead)) => Some(lead.clone()),
            _ => None,
        };
        self.superseded.extend(replaced.map(|of| (of, index)));
        if let Some(subject) = &recorded.subject {
            self.history.entry(subject.clone()).or_default().push(index);
        }
        self.by_id.insert(recorded.id.clone(), index);
        self.events.push(recorded);
        let Some(lead) = lead.and_then(|lead| self.leads.get(&lead)) else {
            return Ok(());
        };
        let state = match (replaced, self.events.last().and_then(Recorded::effective)) {
            (None, Some((event, on))) => advance(lead.state.as_ref(), lead.direction, event, on),
            _ => Book::replay(
                lead.direction,
                self.events_of(lead).filter_map(Recorded::effective),
            ),
        };
        let state = state.map_err(|_| Inconsistent::Workflow)?;
        let number = lead.number.clone();
        if let Some(lead) = self.leads.get_mut(&number) {
            lead.state = state;
        }
        Ok(())
    }
}
