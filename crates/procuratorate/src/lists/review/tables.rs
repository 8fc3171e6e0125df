//! The sheets with rows: persons, the leads of an agency, persons who could not be judged.

use aidlink_agency::person_mark::PersonMark;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::RoundTerms;

use super::book::{Column, Content, Table, Use};
use crate::lists::case_cells::distinct;
use crate::lists::columns::{self, ListForm, Urgency, remark_header};
use crate::lists::match_list::ListedLead;
use crate::lists::not_judged::{NotJudgedRow, number_header};
use crate::lists::persons::{Person, persons};

/// What the tables of a workbook have in common.
pub(super) struct Layout<'t> {
    terms: &'t RoundTerms,
    form: ListForm,
    language: Language,
    /// The titles of the list fields.
    fields: Vec<&'t str>,
    /// The position of the name among them.
    name: Option<usize>,
    /// Whether the round reads a register, so that there are columns of earlier leads.
    has_register: bool,
}

impl<'t> Layout<'t> {
    pub(super) fn new(terms: &'t RoundTerms, has_register: bool) -> Self {
        let language = terms.list_language;
        let schema = &terms.cases.schema;
        let fields = schema.list_fields();
        Layout {
            terms,
            form: ListForm::of(schema, language),
            language,
            fields: fields
                .map(|field| field.title.in_language(language))
                .collect(),
            name: schema
                .list_fields()
                .position(|field| field.tells_persons_apart()),
            has_register,
        }
    }

    fn text(&self, zh: &str, en: &str) -> String {
        Text::new(zh, en).in_language(self.language).to_owned()
    }

    fn header(&self, column: columns::Column) -> String {
        let header = column.header();
        header.map_or_else(String::new, |text| {
            text.in_language(self.language).to_owned()
        })
    }

    /// Returns the columns of the name, and of the decision beside it.
    fn name_and_decision(&self) -> Vec<Column> {
        let remark = remark_header();
        let remark = remark.in_language(self.language);
        let named = |column, width, purpose| Column::new(&self.header(column), width, purpose);
        let decision = [
            named(columns::Column::Decision, (9, 9), Use::Finding),
            named(columns::Column::Reason, (10, 10), Use::Reason),
            Column::new(remark, (12, 12), Use::Free),
            named(columns::Column::DecidedBy, (7, 7), Use::Free),
            named(columns::Column::DecidedOn, (10, 10), Use::Day),
        ];
        self.name_column().into_iter().chain(decision).collect()
    }

    fn person_number(&self) -> Column {
        let header = number_header();
        Column::new(header.in_language(self.language), (10, 11), Use::Given)
    }

    fn about(&self) -> Column {
        let header = self.text("人员情况", "About the person");
        Column::new(&header, (12, 16), Use::Given)
    }

    fn name_column(&self) -> Option<Column> {
        let name = self.name.map(|name| self.fields[name]);
        name.map(|name| Column::new(name, (7, 10), Use::Given))
    }

    /// Returns the columns of the list fields besides the name.
    fn other_fields(&self) -> impl Iterator<Item = Column> {
        let others = self.fields.iter().enumerate();
        let others = others.filter(|(index, _)| Some(*index) != self.name);
        others.map(|(_, title)| Column::new(title, (7, 14), Use::Given))
    }

    /// Returns the values of the name and of the other list fields.
    fn split_fields(&self, fields: &[String]) -> (Option<Content>, Vec<Content>) {
        let content = |value: &String| Content::Text(value.clone());
        let name = self.name.and_then(|name| fields.get(name)).map(content);
        let others = fields.iter().enumerate();
        let others = others.filter(|(index, _)| Some(*index) != self.name);
        (name, others.map(|(_, value)| content(value)).collect())
    }

    fn urgency(&self, urgency: Urgency) -> Content {
        let text = urgency.text().in_language(self.language).to_owned();
        match urgency {
            Urgency::Urgent => Content::Strong(text),
            Urgency::Priority | Urgency::Ordinary => Content::Text(text),
        }
    }

    /// Returns the sheet of the leads of one list.
    pub(super) fn leads(&self, name: String, marking: String, leads: &[&ListedLead<'_>]) -> Table {
        let given = |column, width| Column::new(&self.header(column), width, Use::Given);
        let mut columns = vec![
            given(columns::Column::LeadNumber, (10, 13)),
            given(columns::Column::Urgency, (7, 8)),
            given(columns::Column::Grade, (7, 9)),
        ];
        let frozen = columns.len() + usize::from(self.name.is_some());
        columns.extend(self.name_and_decision());
        columns.push(given(columns::Column::ActBy, (10, 10)));
        columns.push(given(columns::Column::AboutActBy, (8, 8)));
        if self.has_register {
            columns.extend([
                given(columns::Column::Status, (7, 8)),
                given(columns::Column::WhyAgain, (10, 18)),
                given(columns::Column::LastDecision, (10, 14)),
            ]);
        }
        columns.push(self.about());
        columns.extend(self.other_fields());
        columns.extend([
            given(columns::Column::Aid, (12, 14)),
            given(columns::Column::Grounds, (12, 22)),
            given(columns::Column::Unknown, (8, 17)),
            given(columns::Column::Exclusions, (8, 12)),
            given(columns::Column::Priority, (8, 12)),
            given(columns::Column::ToCheck, (12, 23)),
            Column::new(&self.header(columns::Column::Rules), (10, 24), Use::Ids),
        ]);
        let rows = leads.iter().map(|lead| self.lead_row(lead)).collect();
        Table {
            name,
            marking,
            columns,
            rows,
            frozen: frozen as u16,
        }
    }

    fn lead_row(&self, lead: &ListedLead<'_>) -> Vec<Content> {
        let row = &lead.row;
        let text = |text: &str| Content::Text(text.to_owned());
        let (name, others) = self.split_fields(&row.case_fields);
        let mut cells = vec![
            text(&row.number),
            self.urgency(lead.urgency),
            text(lead.grade.title().in_language(self.language)),
        ];
        cells.extend(name);
        cells.extend(to_fill_in());
        cells.push(lead.act_by.map_or(Content::Empty, |by| Content::Day(by.on)));
        let note = lead.act_by.map(|by| by.note());
        let note = note.map(|note| note.in_language(self.language).to_owned());
        cells.push(note.map_or(Content::Empty, Content::Text));
        if self.has_register {
            let status = lead.status.map(|status| status.text());
            let status = status.map(|status| status.in_language(self.language).to_owned());
            cells.push(status.map_or(Content::Empty, Content::Text));
            cells.extend([text(&row.why_again), text(&row.last_decision)]);
        }
        cells.push(Content::Lines(lead.parts.about.lines(self.language)));
        cells.extend(others);
        let rules = row.rules.value().map(columns::AppliedRules::write);
        cells.extend([
            text(row.aid.text()),
            text(&row.grounds),
            text(&row.unknown),
            text(&row.exclusions),
            text(&row.priority),
            text(&row.to_check.write(self.form.language)),
            Content::Text(rules.unwrap_or_default()),
        ]);
        cells
    }

    /// Returns the sheet of persons, each with all leads. Sorted by the most urgent lead of
    /// each, then by the best grade, then by the number.
    pub(super) fn persons(
        &self,
        name: String,
        marking: String,
        leads: &[&ListedLead<'_>],
    ) -> Table {
        let given = |column, width| Column::new(&self.header(column), width, Use::Given);
        let mut columns = vec![self.person_number()];
        columns.extend(self.name_and_decision());
        let frozen = 1 + usize::from(self.name.is_some());
        columns.extend([
            given(columns::Column::Urgency, (7, 8)),
            given(columns::Column::Grade, (7, 9)),
            given(columns::Column::ActBy, (10, 10)),
            self.about(),
        ]);
        columns.extend(self.other_fields());
        columns.extend([
            Column::new(&self.text("救助项目", "Aids"), (20, 46), Use::Given),
            given(columns::Column::Priority, (8, 16)),
            given(columns::Column::LeadNumber, (12, 26)),
        ]);
        let rows = persons(leads);
        let rows = rows.iter().map(|person| self.person_row(person)).collect();
        Table {
            name,
            marking,
            columns,
            rows,
            frozen: frozen as u16,
        }
    }

    fn person_row(&self, person: &Person<'_>) -> Vec<Content> {
        let leads = &person.leads;
        let (name, others) = self.split_fields(&person.case_fields(self.fields.len()));
        let mut cells = vec![Content::Text(person.number().to_owned())];
        cells.extend(name.into_iter().chain(to_fill_in()));
        cells.push(self.urgency(person.urgency()));
        let grade = person.grade();
        let grade = grade.map(|grade| grade.title().in_language(self.language).to_owned());
        cells.push(grade.map_or(Content::Empty, Content::Text));
        let first = leads.iter().filter_map(|lead| lead.act_by).map(|by| by.on);
        cells.push(first.min().map_or(Content::Empty, Content::Day));
        cells.push(Content::Lines(person.about().lines(self.language)));
        cells.extend(others);
        let aids = leads.iter().map(|lead| self.aid_line(lead)).collect();
        let priorities = leads.iter().map(|lead| lead.row.priority.as_str());
        let priorities = distinct(priorities).join("；");
        let numbers = leads.iter().map(|lead| lead.row.number.clone()).collect();
        cells.extend([
            Content::Lines(aids),
            Content::Text(priorities),
            Content::Lines(numbers),
        ]);
        cells
    }

    /// Returns the line of a lead on the sheet of persons: who gives the aid, the aid,
    /// how sure it is, and what the register says of it.
    fn aid_line(&self, lead: &ListedLead<'_>) -> String {
        let agency = self.terms.policy.agency_name(&lead.aid.agency);
        let agency = agency.in_language(self.language);
        let aid = lead.aid.title.in_language(self.language);
        let grade = lead.grade.title();
        let grade = grade.in_language(self.language).to_owned();
        let status = lead.status.map(|status| status.text());
        let status = status.map(|status| status.in_language(self.language).to_owned());
        let because = |title: &Text, said: &String| {
            let title = title.in_language(self.language);
            (!said.is_empty()).then(|| match self.language {
                Language::Chinese => format!("{title}：{said}"),
                Language::English => format!("{title}: {said}"),
            })
        };
        let why = because(&Text::new("原因", "why"), &lead.row.why_again);
        let decision = Text::new("上次核查", "last decision");
        let decision = because(&decision, &lead.row.last_decision);
        let said = [Some(grade), status, why, decision].into_iter().flatten();
        let said: Vec<String> = said.collect();
        match self.language {
            Language::Chinese => format!("{agency}：{aid}（{}）", said.join("，")),
            Language::English => format!("{agency}: {aid} ({})", said.join(", ")),
        }
    }

    /// Returns the sheet of persons who could not be judged.
    pub(super) fn not_judged(
        &self,
        name: String,
        marking: String,
        header: &[String; 3],
        rows: &[&NotJudgedRow],
    ) -> Table {
        let remark = remark_header();
        let remark = remark.in_language(self.language);
        let mut columns = vec![self.person_number()];
        columns.extend(self.name_column());
        let frozen = columns.len();
        let named = |column, width, purpose| Column::new(&self.header(column), width, purpose);
        columns.extend([
            Column::new(remark, (20, 20), Use::Free),
            named(columns::Column::DecidedBy, (7, 7), Use::Free),
            named(columns::Column::DecidedOn, (10, 10), Use::Day),
        ]);
        columns.extend(self.other_fields());
        let widths = [(20, 40), (20, 50), (20, 50)];
        let given = header.iter().zip(widths);
        columns.extend(given.map(|(header, width)| Column::new(header, width, Use::Given)));
        let rows = rows.iter().map(|row| {
            let (name, others) = self.split_fields(&row.case_fields);
            let to_fill_in = std::iter::repeat_n(Content::Empty, 3);
            let texts = row.texts.iter().map(|text| Content::Text(text.clone()));
            let number = [Content::Text(row.number.clone())].into_iter();
            let first = number.chain(name).chain(to_fill_in);
            first.chain(others).chain(texts).collect()
        });
        Table {
            name,
            marking,
            rows: rows.collect(),
            columns,
            frozen: frozen as u16,
        }
    }
}

/// Returns the cells of a decision, for a person to fill in.
fn to_fill_in() -> impl Iterator<Item = Content> {
    std::iter::repeat_n(Content::Empty, 5)
}

/// Returns how many persons leads are of.
pub(super) fn count_persons(leads: &[&ListedLead<'_>]) -> usize {
    let mut marks: Vec<PersonMark> = leads.iter().map(|lead| lead.person).collect();
    marks.sort();
    marks.dedup();
    marks.len()
}
