//! The columns of a filled list: those by which a row is known, and those that people fill
//! in. They are found by their headers, in either language, wherever they are.

use std::collections::BTreeMap;

use aidlink_agency::scan::plain_rows::PlainCell;
use aidlink_faults::text::Text;

use super::words::folded;
use crate::lists::columns::{Column, remark_header};
use crate::lists::not_judged::number_header;
use aidlink_faults::uniform_text::uniform_header;

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilledColumn {
    /// The lead's number; on the sheet of persons all numbers of the person's leads.
    LeadNumber,
    /// The person's number.
    PersonNumber,
    /// The person's name.
    Name,
    /// The number of the case.
    CaseNumber,
    /// The aid; on the sheet of persons all of the person's.
    Aid,
    /// The decision.
    Decision,
    /// The reason for it.
    Reason,
    /// The remark.
    Remark,
    /// Who decided.
    DecidedBy,
    /// The day of the decision.
    DecidedOn,
    /// The day on which the list was issued.
    IssuedOn,
}

impl FilledColumn {
    const ALL: [FilledColumn; 11] = [
        FilledColumn::LeadNumber,
        FilledColumn::PersonNumber,
        FilledColumn::Name,
        FilledColumn::CaseNumber,
        FilledColumn::Aid,
        FilledColumn::Decision,
        FilledColumn::Reason,
        FilledColumn::Remark,
        FilledColumn::DecidedBy,
        FilledColumn::DecidedOn,
        FilledColumn::IssuedOn,
    ];
    /// The columns with which a row is only compared. Offices add columns of their own with the
    /// same header.
    const COMPARED: [FilledColumn; 3] = [
        FilledColumn::CaseNumber,
        FilledColumn::Aid,
        FilledColumn::IssuedOn,
    ];
    /// The columns that people fill in.
    pub(super) const TO_FILL_IN: [FilledColumn; 5] = [
        FilledColumn::Decision,
        FilledColumn::Reason,
        FilledColumn::Remark,
        FilledColumn::DecidedBy,
        FilledColumn::DecidedOn,
    ];

    /// Returns the name in documents.
    pub fn name(self) -> &'static str {
        match self {
            FilledColumn::LeadNumber => "lead_number",
            FilledColumn::PersonNumber => "person_number",
            FilledColumn::Name => "name",
            FilledColumn::CaseNumber => "case_number",
            FilledColumn::Aid => "aid",
            FilledColumn::Decision => "decision",
            FilledColumn::Reason => "reason",
            FilledColumn::Remark => "remark",
            FilledColumn::DecidedBy => "decided_by",
            FilledColumn::DecidedOn => "decided_on",
            FilledColumn::IssuedOn => "issued_on",
        }
    }

    /// Returns the header of the column. `name` is that of the person's name, `case_number` that of
    /// the number of the case.
    pub fn header(self, name: Option<&Text>, case_number: Option<&Text>) -> Text {
        let column = match self {
            FilledColumn::LeadNumber => Column::LeadNumber,
            FilledColumn::Decision => Column::Decision,
            FilledColumn::Reason => Column::Reason,
            FilledColumn::DecidedBy => Column::DecidedBy,
            FilledColumn::DecidedOn => Column::DecidedOn,
            FilledColumn::IssuedOn => Column::IssuedOn,
            FilledColumn::PersonNumber => return number_header(),
            FilledColumn::Remark => return remark_header(),
            FilledColumn::Name => return name.cloned().unwrap_or_default(),
            FilledColumn::CaseNumber => return case_number.cloned().unwrap_or_default(),
            FilledColumn::Aid => Column::Aid,
        };
        column.header().unwrap_or_default()
    }
}

/// The headers of a round's lists in the form in which they are compared.
pub(super) struct Headers(BTreeMap<String, FilledColumn>);

impl Headers {
    /// Returns those of lists on which name and case number have these titles.
    pub(super) fn of(name: Option<&Text>, case_number: Option<&Text>) -> Self {
        let all = FilledColumn::ALL.into_iter();
        let folded = all.flat_map(|column| {
            let Text { zh, en } = column.header(name, case_number);
            [zh, en].map(|header| (folded(&header), column))
        });
        Headers(folded.filter(|(header, _)| !header.is_empty()).collect())
    }

    /// Returns the columns of a row that is a header: it names a number and another column. One
    /// whose column of numbers somebody deleted or renamed names a person or a case and what is
    /// filled in, or most of what is. `None` for any other row, such as the header of a count of
    /// the decisions.
    pub(super) fn read(&self, cells: &[PlainCell]) -> Option<Columns> {
        let mut columns = Columns::default();
        // The last column that was found, while cells are merged with its header.
        let mut merged_with = None;
        for (place, cell) in cells.iter().enumerate() {
            if *cell == PlainCell::Merged {
                let filled_in = |column: &FilledColumn| FilledColumn::TO_FILL_IN.contains(column);
                let column = merged_with.filter(filled_in);
                columns.merged.extend(column.map(|column| (column, place)));
                continue;
            }
            merged_with = None;
            let is_short = |text: &&str| !text.is_empty() && text.len() <= LONGEST_HEADER;
            let Some(text) = cell.text().filter(is_short) else {
                continue;
            };
            let Some(column) = self.0.get(&folded(&uniform_header(text))) else {
                continue;
            };
            merged_with = Some(*column);
            let places = columns.at.entry(*column).or_default();
            places.push(place);
            if places.len() > 1 && !FilledColumn::COMPARED.contains(column) {
                columns.twice = columns.twice.or(Some(*column));
            }
        }
        let has = |column| columns.at.contains_key(&column);
        let has_name = has(FilledColumn::Name);
        let has_case = has(FilledColumn::CaseNumber);
        let count = |all: &[FilledColumn]| all.iter().filter(|column| has(**column)).count();
        let is_filled_in = match has(FilledColumn::Decision) {
            true => {
                let all = columns.at.len();
                let has_most = has_case && all > 3 || has(FilledColumn::DecidedOn) && all > 2;
                has_name || has_most || all > MOST_OF_A_COUNT
            }
            false => {
                (has_name || has_case)
                    && count(&[
                        FilledColumn::Reason,
                        FilledColumn::DecidedBy,
                        FilledColumn::DecidedOn,
                    ]) > 1
            }
        };
        let has_number = columns.has_number() && columns.at.len() > 1;
        (has_number || is_filled_in).then_some(columns)
    }
}

/// The longest cell that is compared with headers, in bytes.
const LONGEST_HEADER: usize = 200;

/// The most columns of a list that a count of the decisions has: aid, decision, reason and who.
const MOST_OF_A_COUNT: usize = 4;

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The places of each, from 0; several of those that are only compared.
    at: BTreeMap<FilledColumn, Vec<usize>>,
    /// The places that are merged with the header of a column that people fill in.
    merged: Vec<(FilledColumn, usize)>,
    /// One that there is twice. Nobody knows which of them counts.
    pub(super) twice: Option<FilledColumn>,
}

impl Columns {
    /// Returns whether there is such a column.
    pub(super) fn has(&self, column: FilledColumn) -> bool {
        self.at.contains_key(&column)
    }

    /// Returns whether there are numbers of leads or persons.
    fn has_number(&self) -> bool {
        self.has(FilledColumn::LeadNumber) || self.has(FilledColumn::PersonNumber)
    }

    /// Returns a column whose header is merged over several, if a row has something below a
    /// further one: nobody knows which of them counts.
    pub(super) fn merged(&self, cells: &[PlainCell]) -> Option<FilledColumn> {
        let is_filled_in = |(_, place): &&(FilledColumn, usize)| {
            let text = cells.get(*place).and_then(PlainCell::text);
            text.is_some_and(|text| !text.trim().is_empty())
        };
        let mut merged = self.merged.iter();
        merged.find(is_filled_in).map(|(column, _)| *column)
    }

    /// Returns whether the column of decisions is gone, or has another header: there are others
    /// that go with it. The sheet of persons who could not be judged has no leads and no reasons.
    pub(super) fn lacks_decision(&self) -> bool {
        let has_details = self.has(FilledColumn::DecidedBy) || self.has(FilledColumn::DecidedOn);
        let is_of_leads = self.has(FilledColumn::LeadNumber) || !self.has_number();
        !self.has(FilledColumn::Decision)
            && (is_of_leads && has_details || self.has(FilledColumn::Reason))
    }

    /// Returns the cell of a row; `None` if the row has none, or a blank one.
    pub(super) fn cell<'c>(
        &self,
        column: FilledColumn,
        cells: &'c [PlainCell],
    ) -> Option<&'c PlainCell> {
        self.cells(column, cells).next()
    }

    /// Returns the cells of a row that are not blank, of all columns with this header.
    pub(super) fn cells<'c>(
        &self,
        column: FilledColumn,
        cells: &'c [PlainCell],
    ) -> impl Iterator<Item = &'c PlainCell> {
        let places = self.at.get(&column).into_iter().flatten();
        let found = places.filter_map(|place| cells.get(*place));
        found.filter(|cell| !cell.is_blank())
    }
}
