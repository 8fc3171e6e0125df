//! Lists that come back filled in: review workbooks and CSV lists, as Excel, WPS and
//! LibreOffice save them.
//!
//! Every row is taken in, counted as open, or refused with its place and the reason. No
//! message shows what a cell holds.

pub mod columns;
mod refusal;
pub(in crate::register) mod row;
pub(in crate::register) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aidlink_agency::scan::plain_rows::{PlainCell, PlainFile, PlainTable};
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::{find, shown_name};
use aidlink_faults::text::Text;
use aidlink_register::approval::names_somebody;
use aidlink_register::decision::{Finding, Reason};
use jiff::civil::Date;

use super::case_numbers::KnownCases;
pub use crate::lists::case_cells::CASE_NUMBER;
use columns::{Columns, FilledColumn, Headers};
pub use refusal::WhyRefused;
use row::{
    Days, Details, FilledIn, Refused, check_day, filled_in, is_lead_number, names_in, readable,
    uniform_number,
};

/// What the lists of a round issued: what a filled list is compared with.
pub struct Issued<'r> {
    /// The id of the round.
    pub round: &'r str,
    /// The days on which rounds issued their lists.
    pub days: IssueDays<'r>,
    /// The day on which the decisions are taken in. None can be later.
    pub today: Date,
    /// The header of the persons' names; `None` if the lists show none.
    pub name: Option<&'r Text>,
    /// The header of the case numbers; `None` if the lists show none.
    pub case_number: Option<&'r Text>,
    /// The titles of the aids of the policy.
    pub aids: Vec<&'r Text>,
    /// The case numbers that are known, of any person.
    pub cases: &'r KnownCases,
    /// The leads of the round.
    pub leads: Vec<IssuedLead<'r>>,
    /// Returns the round that issued a lead number, as far as that is known.
    pub elsewhere: &'r dyn Fn(&str) -> Option<String>,
    /// What holds for rows that do not say it themselves.
    pub unless_stated: UnlessStated,
}

/// The days on which rounds issued their lists.
#[derive(Clone, Debug, Default)]
pub struct IssueDays<'r> {
    /// Those of this round: several if it was run again. No decision is earlier than the first.
    pub own: BTreeSet<Date>,
    /// Those of other rounds that are known, with the round.
    pub others: BTreeMap<Date, &'r str>,
}

impl IssueDays<'_> {
    fn first(&self) -> Date {
        self.own.first().copied().unwrap_or(Date::ZERO)
    }

    /// Returns why a list of this day is not of this round. Later days may be of columns that an
    /// office added.
    fn other_issue(&self, day: Date) -> Option<WhyRefused> {
        if self.own.contains(&day) {
            return None;
        }
        match self.others.get(&day) {
            Some(round) => Some(WhyRefused::OfAnotherRound(shown_name(round).into_owned())),
            None => (day < self.first()).then_some(WhyRefused::OtherIssue),
        }
    }
}

/// A lead as the lists issued it.
#[derive(Clone, Copy, Debug)]
pub struct IssuedLead<'r> {
    /// Its number.
    pub lead_number: &'r str,
    /// The number of the person.
    pub person_number: &'r str,
    /// The names of the person, of each run as its lists join them; empty if they show none.
    pub names: &'r [String],
    /// The case numbers of the person, of every run and round; empty if the lists show none.
    pub case_numbers: &'r [String],
    /// The title of the aid; `None` if it is not known.
    pub aid: Option<&'r Text>,
}

/// What holds for rows that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub struct UnlessStated {
    /// Who decided.
    pub decided_by: Option<String>,
    /// When. Without it, a decision without a day is refused.
    pub decided_on: Option<Date>,
}

/// The place of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// The position of the file among those that are taken in, from 0.
    pub file: usize,
    /// The place of the sheet in its workbook, from 1, and its name in a form that may be
    /// shown; `None` for a text.
    pub sheet: Option<(usize, String)>,
    /// The row of the sheet, or the line of the text; from 1.
    pub row: u64,
}

/// A decision on a lead that is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledRow {
    /// Its row; the first one if several say the same.
    pub place: RowPlace,
    /// The lead's number, as the lists issued it.
    pub lead_number: String,
    /// The person's number.
    pub person_number: String,
    /// The decision.
    pub finding: Finding,
    /// The reason; of a rejected lead only.
    pub reason: Option<Reason>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_on: Date,
    /// The remark.
    pub remark: Option<String>,
}

/// A row that is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedRow {
    /// The row.
    pub place: RowPlace,
    /// The column; `None` if the whole row is meant.
    pub column: Option<FilledColumn>,
    /// The lead, if it is known.
    pub lead_number: Option<String>,
    /// The reason.
    pub why: WhyRefused,
}

/// What became of the rows of filled lists.
#[derive(Clone, Debug, Default)]
pub struct FilledRows {
    /// The decisions, by lead number.
    pub taken: Vec<FilledRow>,
    /// The rows that are not taken in, by place.
    pub refused: Vec<RefusedRow>,
    /// The leads that are there and left open: no row decides them, and none of their own is
    /// refused.
    pub empty: BTreeSet<String>,
    /// The files.
    pub files: Vec<FilledFile>,
}

/// A filled list that was read.
#[derive(Clone, Debug)]
pub struct FilledFile {
    /// Its path.
    pub path: PathBuf,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub blake3: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Reads filled lists of a round together.
///
/// # Errors
/// If a file cannot be read, or is no list: then nothing is taken in.
pub fn read(paths: &[PathBuf], issued: &Issued<'_>) -> Result<FilledRows, Faults> {
    let index = Index::of(issued);
    let mut faults = FaultCollector::new();
    let mut rows = FilledRows::default();
    let mut files = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let Some(file) = faults.take(PlainFile::read(path)) else {
            continue;
        };
        rows.files.push(FilledFile {
            path: path.clone(),
            blake3: file.digest.clone(),
            bytes: file.byte_length,
        });
        let mut reading = FileReading::new(&index, place);
        for table in &file.tables {
            reading.table(table);
        }
        if reading.has_decisions || !reading.refused.is_empty() {
            files.push(reading.finish(&mut rows));
        } else {
            faults.push(no_list(path, reading.has_header));
        }
    }
    faults.finish()?;
    merge(files, &index, &mut rows);
    rows.refused.sort();
    rows.refused.dedup();
    Ok(rows)
}

fn no_list(path: &Path, has_header: bool) -> Fault {
    let message = match has_header {
        true => Text::new(
            "此清单没有“核查结论”一列，其中没有可以收录的内容",
            "this list has no column for the decision, so there is nothing to take in",
        ),
        false => Text::new(
            "此文件不是本程序的清单：没有含“线索编号”或“人员编号”的表头",
            "this is no list of this program: no header names the lead number or the person number",
        ),
    };
    let hint = Text::new(
        "请提供填写后的核查工作簿或清单，并保留表头",
        "give a review workbook or a list that was filled in, and keep its header",
    );
    Fault::of_file(path, message, hint)
}

/// The leads of a round by number.
struct Index<'r> {
    issued: &'r Issued<'r>,
    headers: Headers,
    /// The lead of each uniform number.
    leads: BTreeMap<String, &'r IssuedLead<'r>>,
    /// The leads of each person, by uniform number.
    persons: BTreeMap<String, Vec<&'r IssuedLead<'r>>>,
    /// The leads of the persons of each name.
    of_names: BTreeMap<String, Vec<&'r IssuedLead<'r>>>,
}

impl<'r> Index<'r> {
    fn of(issued: &'r Issued<'r>) -> Self {
        let leads = issued.leads.iter();
        let mut persons: BTreeMap<String, Vec<&IssuedLead<'_>>> = BTreeMap::new();
        for lead in leads.clone() {
            let person = uniform_number(lead.person_number);
            persons.entry(person).or_default().push(lead);
        }
        let mut of_names: BTreeMap<String, Vec<&IssuedLead<'_>>> = BTreeMap::new();
        for lead in leads.clone() {
            let names: BTreeSet<String> = lead
                .names
                .iter()
                .flat_map(|names| names_in(names))
                .collect();
            for name in names {
                of_names.entry(name).or_default().push(lead);
            }
        }
        Index {
            issued,
            headers: Headers::of(issued.name, issued.case_number),
            leads: leads
                .map(|lead| (uniform_number(lead.lead_number), lead))
                .collect(),
            persons,
            of_names,
        }
    }

    fn days(&self) -> Days {
        Days {
            issued_on: self.issued.days.first(),
            today: self.issued.today,
        }
    }

    /// Returns the leads of a row without a header, if it has the word of a decision beside name
    /// and case number of their person, or beside the name if lists show no case number.
    fn decided_without_header(&self, cells: &[PlainCell]) -> Option<Vec<&'r IssuedLead<'r>>> {
        // A row with a number is told as one.
        if !cells.iter().any(states_finding) || cells.iter().any(|cell| self.knows(cell)) {
            return None;
        }
        let texts = || cells.iter().filter_map(PlainCell::text);
        let cases: BTreeSet<String> = texts().map(words::folded).collect();
        let has_case = |lead: &&&IssuedLead<'_>| {
            let mut own = lead.case_numbers.iter().map(|case| words::folded(case));
            self.issued.case_number.is_none() || own.any(|case| cases.contains(&case))
        };
        let named = texts().flat_map(names_in);
        let named = named.filter_map(|name| self.of_names.get(&name)).flatten();
        let leads: Vec<&IssuedLead<'_>> = named.filter(has_case).copied().collect();
        (!leads.is_empty()).then_some(leads)
    }

    /// Returns whether a cell states a number of this round.
    fn knows(&self, cell: &PlainCell) -> bool {
        let is_end = |c: char| c.is_whitespace() || "（(【[，,、；;。：:".contains(c);
        let numbers = cell.text().unwrap_or_default().trim().split(is_end);
        let mut numbers = numbers.take(1).map(uniform_number);
        numbers.any(|number| self.leads.contains_key(&number) || self.persons.contains_key(&number))
    }
}

/// A label of the sheet of explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Explained {
    Round,
    /// Anything else that the sheet always says.
    Other,
}

impl Explained {
    fn of(label: &str) -> Option<Self> {
        match words::folded(label).as_str() {
            "轮次" | "round" => Some(Explained::Round),
            "保密" | "confidentiality" | "基准日" | "asof" | "删除期限" | "deleteby" => {
                Some(Explained::Other)
            }
            _ => None,
        }
    }
}

/// For which leads a row speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// One lead.
    Lead,
    /// All leads of a person, unless a row of one of them decides otherwise.
    Person,
}

/// A row that speaks for leads.
struct Speaking {
    place: RowPlace,
    /// The header of its table, if no column of it is that of decisions and the row has the word
    /// of one; without a header, the first such row.
    without_decisions: Option<RowPlace>,
    level: Level,
    said: Result<FilledIn, WhyRefused>,
}

/// The rows of a file while they are read.
struct FileReading<'i> {
    index: &'i Index<'i>,
    file: usize,
    has_header: bool,
    has_decisions: bool,
    /// Another round than this, which the sheet of explanations names.
    other_round: Option<String>,
    /// The labels of a sheet, as far as it may be that of explanations, and the round that it
    /// names.
    explained: (BTreeSet<Explained>, Option<String>),
    /// The header of the table, if no column of it is that of decisions.
    without_decisions: Option<RowPlace>,
    refused: Vec<RefusedRow>,
    rows: Vec<Speaking>,
    /// The positions in `rows` of the rows that speak for a lead, by its number.
    of_leads: BTreeMap<&'i str, Vec<usize>>,
}

/// What a file says of its leads.
struct FileSays<'i> {
    rows: Vec<Speaking>,
    of_leads: BTreeMap<&'i str, Vec<usize>>,
}

impl<'i> FileReading<'i> {
    fn new(index: &'i Index<'i>, file: usize) -> Self {
        FileReading {
            index,
            file,
            has_header: false,
            has_decisions: false,
            other_round: None,
            explained: <_>::default(),
            without_decisions: None,
            refused: Vec::new(),
            rows: Vec::new(),
            of_leads: BTreeMap::new(),
        }
    }

    fn table(&mut self, table: &PlainTable) {
        let index = self.index;
        let headers = &index.headers;
        let is_header = |cells: &[PlainCell]| headers.read(cells).is_some();
        let mut columns: Option<Columns> = None;
        let mut above = Vec::new();
        table.rows(&is_header, &mut |row| {
            let place = RowPlace {
                file: self.file,
                sheet: table.sheet.clone(),
                row: row.line,
            };
            let Some(cells) = row.cells else {
                self.refuse(place, None, (None, WhyRefused::Row));
                return;
            };
            if let Some(found) = headers.read(&cells) {
                self.has_header = true;
                let has_decisions = found.has(FilledColumn::Decision);
                self.has_decisions |= has_decisions;
                self.without_decisions = (!has_decisions).then(|| place.clone());
                if let Some(column) = found.twice {
                    let why = (Some(column), WhyRefused::TwoColumns);
                    self.refuse(place, None, why);
                } else if found.lacks_decision() {
                    let why = (Some(FilledColumn::Decision), WhyRefused::NoColumn);
                    self.refuse(place, None, why);
                }
                columns = Some(found);
                return;
            }
            match &columns {
                None => {
                    let leads = self.index.decided_without_header(&cells);
                    above.extend(leads.map(|leads| (place.clone(), leads)));
                    self.row_without_header(place, &cells);
                }
                // Told at the header.
                Some(columns) if columns.twice.is_some() || columns.lacks_decision() => {}
                Some(columns) => self.row(place, columns, &cells),
            }
        });
        // With a header, what is above it is no row of the list.
        if columns.is_none() {
            self.decisions_without_header(above);
        }
        let (labels, round) = std::mem::take(&mut self.explained);
        // An office may write of a round above its table, or on a sheet of its own.
        let is_explanations = columns.is_none() && labels.len() > 1;
        let uniform_round = uniform_number(index.issued.round);
        let round = round.filter(|round| is_explanations && uniform_number(round) != uniform_round);
        if let Some(round) = round {
            self.other_round = Some(shown_name(round.trim()).into_owned());
        }
    }

    fn refuse(&mut self, place: RowPlace, lead_number: Option<&str>, (column, why): Refused) {
        self.refused.push(RefusedRow {
            place,
            column,
            lead_number: lead_number.map(str::to_owned),
            why,
        });
    }

    /// Takes a row above the header, or of a sheet without one.
    fn row_without_header(&mut self, place: RowPlace, cells: &[PlainCell]) {
        if cells.iter().any(|cell| self.index.knows(cell)) {
            self.refuse(place, None, (None, WhyRefused::NoHeader));
            return;
        }
        let text = |at: usize| cells.get(at).and_then(PlainCell::text);
        let label = text(0).and_then(Explained::of);
        if let Some(label) = label {
            self.explained.0.insert(label);
            if label == Explained::Round {
                let round = text(1).filter(|round| !round.trim().is_empty());
                self.explained.1 = round.map(str::to_owned);
            }
        }
    }

    /// Takes the rows of a sheet without a header that have the word of a decision on leads: it may
    /// have lost both the column of numbers and the header of the decisions.
    fn decisions_without_header(&mut self, rows: Vec<(RowPlace, Vec<&'i IssuedLead<'i>>)>) {
        let first = rows.first().map(|(place, _)| place.clone());
        for (place, leads) in rows {
            let said = Ok(FilledIn::Nothing);
            self.speak(place, first.clone(), Level::Person, said, leads);
        }
    }

    /// Adds a row that speaks for leads.
    fn speak(
        &mut self,
        place: RowPlace,
        without_decisions: Option<RowPlace>,
        level: Level,
        said: Result<FilledIn, WhyRefused>,
        leads: Vec<&'i IssuedLead<'i>>,
    ) {
        let position = self.rows.len();
        self.rows.push(Speaking {
            place,
            without_decisions,
            level,
            said,
        });
        for lead in leads {
            let rows = self.of_leads.entry(lead.lead_number).or_default();
            if rows.last() != Some(&position) {
                rows.push(position);
            }
        }
    }

    fn row(&mut self, place: RowPlace, columns: &Columns, cells: &[PlainCell]) {
        let is_filled_in = FilledColumn::TO_FILL_IN
            .into_iter()
            .any(|column| columns.cell(column, cells).is_some());
        let has_leads = columns.has(FilledColumn::LeadNumber);
        if !has_leads && !columns.has(FilledColumn::Decision) {
            // The sheet of persons who could not be judged, of whom there are no leads.
            if is_filled_in {
                self.refuse(place, None, (None, WhyRefused::NotALead));
                return;
            }
        }
        let (level, leads) = match self.leads_of(columns, cells, is_filled_in) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(refused) => {
                self.refuse(place, None, refused);
                return;
            }
        };
        let one = match leads.as_slice() {
            [lead] => Some(lead.lead_number),
            _ => None,
        };
        let checked = check_names(columns, cells, &leads)
            .and_then(|()| self.check_compared(columns, cells, &leads))
            .and_then(|()| match columns.merged(cells) {
                Some(column) => Err((Some(column), WhyRefused::MergedHeader)),
                None => Ok(()),
            });
        // What stands below the rest of a merged header is filled in, too.
        let is_filled_in = is_filled_in || columns.merged(cells).is_some();
        let said = match checked {
            Ok(()) => filled_in(columns, cells, self.index.days()),
            // Whoever sorts some columns only leaves rows that are not filled in, too.
            Err(refused) if is_filled_in => Err(refused),
            Err(_) => Ok(FilledIn::Nothing),
        };
        let said = said.map_err(|refused| {
            let why = refused.1.clone();
            self.refuse(place.clone(), one, refused);
            why
        });
        let without_decisions = self.without_decisions.clone();
        let without_decisions = without_decisions.filter(|_| cells.iter().any(states_finding));
        self.speak(place, without_decisions, level, said, leads);
    }

    /// Returns the leads for which a row speaks; `None` for a row that is no lead's, such as
    /// a note below the list.
    fn leads_of(
        &self,
        columns: &Columns,
        cells: &[PlainCell],
        is_filled_in: bool,
    ) -> Result<Option<(Level, Vec<&'i IssuedLead<'i>>)>, Refused> {
        let text = |column| match columns.cell(column, cells) {
            None => Ok(None),
            Some(cell) => readable(cell).map(Some).map_err(|why| (Some(column), why)),
        };
        let numbers = match text(FilledColumn::LeadNumber) {
            Err(_) if !is_filled_in => return Ok(None),
            numbers => numbers?,
        };
        let person = text(FilledColumn::PersonNumber)?.map(uniform_number);
        let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
        let is_of_persons = columns.has(FilledColumn::PersonNumber);
        let level = match is_of_persons || numbers.len() > 1 {
            true => Level::Person,
            false => Level::Lead,
        };
        if numbers.is_empty() {
            let number_column = match is_of_persons {
                true => FilledColumn::PersonNumber,
                false => FilledColumn::LeadNumber,
            };
            let why_none = match columns.has(number_column) {
                true => WhyRefused::NoNumber,
                false => WhyRefused::NoColumn,
            };
            // A note, a total or a signature below the list decides nothing.
            let decides = [FilledColumn::Decision, FilledColumn::Reason]
                .into_iter()
                .any(|column| columns.cell(column, cells).is_some());
            let has_name = columns.cell(FilledColumn::Name, cells).is_some();
            let is_note = !is_filled_in || !(decides || has_name);
            return match &person {
                None if is_note => Ok(None),
                None => Err((Some(number_column), why_none)),
                Some(person) => match self.index.persons.get(person) {
                    Some(leads) => Ok(Some((level, leads.clone()))),
                    None if !is_filled_in => Ok(None),
                    None => Err((Some(number_column), WhyRefused::NotOfThisRound)),
                },
            };
        }
        let mut leads = Vec::new();
        for number in numbers {
            let number = uniform_number(number);
            match self.index.leads.get(&number) {
                Some(lead) => leads.push(*lead),
                // A note below the list.
                None if !is_filled_in && !is_lead_number(&number) => return Ok(None),
                None => {
                    let why = self.why_unknown(&number);
                    return Err((Some(FilledColumn::LeadNumber), why));
                }
            }
        }
        let is_persons = |lead: &&IssuedLead<'_>| {
            let mut persons = person.iter();
            persons.all(|person| uniform_number(lead.person_number) == *person)
        };
        let first = leads.first().map(|lead| lead.person_number);
        let is_one = leads.iter().all(|lead| Some(lead.person_number) == first);
        match is_one && leads.iter().all(is_persons) {
            true => Ok(Some((level, leads))),
            false => Err((Some(FilledColumn::PersonNumber), WhyRefused::OtherPerson)),
        }
    }

    /// Checks that a row does not say the case, the aid or the day of issue of another lead: whoever
    /// sorts some columns only may sort the name with the number.
    fn check_compared(
        &self,
        columns: &Columns,
        cells: &[PlainCell],
        leads: &[&IssuedLead<'_>],
    ) -> Result<(), Refused> {
        let issued = self.index.issued;
        let texts = |column| {
            let cells = columns.cells(column, cells);
            cells.filter_map(PlainCell::text).collect::<Vec<_>>()
        };
        let own: Vec<String> = leads
            .iter()
            .flat_map(|lead| lead.case_numbers.iter().cloned())
            .collect();
        let cases = texts(FilledColumn::CaseNumber);
        let mut others = cases.iter().map(|text| issued.cases.are_others(text, &own));
        if !cases.is_empty() && others.all(|is_others| is_others) {
            return Err((Some(FilledColumn::CaseNumber), WhyRefused::OtherCase));
        }
        let aids = texts(FilledColumn::Aid);
        let aids: Vec<String> = aids.into_iter().map(words::folded).collect();
        let names = |title: &Text| {
            let titles = [&title.zh, &title.en].map(|title| words::folded(title));
            let mut titles = titles.iter().filter(|title| !title.is_empty());
            titles.any(|title| aids.iter().any(|aid| aid.contains(title.as_str())))
        };
        // The title may have been corrected in the policy since.
        let is_other = |lead: &&IssuedLead<'_>| lead.aid.is_some_and(|aid| !names(aid));
        // A person's row need not name all aids of the person.
        if leads.iter().all(is_other) && issued.aids.iter().any(|aid| names(aid)) {
            return Err((Some(FilledColumn::Aid), WhyRefused::OtherAid));
        }
        let days = texts(FilledColumn::IssuedOn)
            .into_iter()
            .filter_map(row::day_of);
        // One that is of this round is enough.
        let whose: Option<Vec<WhyRefused>> = days.map(|day| issued.days.other_issue(day)).collect();
        match whose.and_then(|mut whose| whose.pop()) {
            Some(why) => Err((Some(FilledColumn::IssuedOn), why)),
            None => Ok(()),
        }
    }

    fn why_unknown(&self, number: &str) -> WhyRefused {
        if !is_lead_number(number) {
            return WhyRefused::NotALeadNumber;
        }
        match (self.index.issued.elsewhere)(number) {
            Some(round) => WhyRefused::OfAnotherRound(shown_name(&round).into_owned()),
            None => WhyRefused::NotOfThisRound,
        }
    }

    /// Hands over what the file says, and adds the rows that are refused to `rows`.
    fn finish(mut self, rows: &mut FilledRows) -> FileSays<'i> {
        if let Some(round) = &self.other_round {
            for refused in &mut self.refused {
                if refused.why == WhyRefused::NotOfThisRound {
                    refused.why = WhyRefused::OfAnotherRound(round.clone());
                }
            }
            // A register keeps the numbers of persons, so they may be of this round, too.
            let number = Some(FilledColumn::LeadNumber);
            for row in &mut self.rows {
                if !matches!(row.said, Ok(FilledIn::Decision(..) | FilledIn::Details(_))) {
                    continue;
                }
                let why = WhyRefused::OfAnotherRound(round.clone());
                row.said = Err(why.clone());
                self.refused.push(RefusedRow {
                    place: row.place.clone(),
                    column: number,
                    lead_number: None,
                    why,
                });
            }
        }
        rows.refused.extend(self.refused);
        FileSays {
            rows: self.rows,
            of_leads: self.of_leads,
        }
    }
}

/// Checks that the name in a row is one that its leads had: whoever sorts some columns only gives
/// a decision to another person.
fn check_names(
    columns: &Columns,
    cells: &[PlainCell],
    leads: &[&IssuedLead<'_>],
) -> Result<(), Refused> {
    let Some(cell) = columns.cell(FilledColumn::Name, cells) else {
        return Ok(());
    };
    let column = Some(FilledColumn::Name);
    let found = readable(cell).map_err(|why| (column, why))?;
    let found: BTreeSet<String> = names_in(found).collect();
    let are_there = |names: &String| names_in(names).all(|name| found.contains(&name));
    let is_named =
        |lead: &&IssuedLead<'_>| lead.names.is_empty() || lead.names.iter().any(are_there);
    match leads.iter().all(is_named) {
        true => Ok(()),
        false => Err((column, WhyRefused::OtherName)),
    }
}

/// What the rows of a lead say together.
enum Verdict {
    /// Nobody filled them in.
    Open,
    /// A row that speaks for it is refused.
    Refused,
    /// They say the same, first in the row at this position.
    Decided(usize, Box<Said>),
    /// They do not say the same.
    Contradicted(Vec<usize>),
}

/// A decision with all its details.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    finding: Finding,
    reason: Option<Reason>,
    details: Details,
}

impl FileSays<'_> {
    fn verdict(&self, positions: &[usize]) -> Verdict {
        let of_level = |level: Level| {
            let rows = positions
                .iter()
                .filter_map(|at| Some((*at, self.rows.get(*at)?)));
            rows.filter(move |(_, row)| row.level == level)
        };
        let mut base: Option<(usize, Said)> = None;
        for level in [Level::Lead, Level::Person] {
            let decided = of_level(level).filter_map(|(at, row)| match &row.said {
                Ok(FilledIn::Decision(finding, reason, details)) => Some((
                    at,
                    Said {
                        finding: *finding,
                        reason: *reason,
                        details: details.clone(),
                    },
                )),
                _ => None,
            });
            let decided: Vec<(usize, Said)> = decided.collect();
            let is_refused = of_level(level).any(|(_, row)| row.said.is_err());
            let differ = decided.windows(2).any(|pair| pair[0].1 != pair[1].1);
            if differ || (is_refused && !decided.is_empty()) {
                return Verdict::Contradicted(decided.into_iter().map(|(at, _)| at).collect());
            }
            if is_refused {
                return Verdict::Refused;
            }
            if let Some(first) = decided.into_iter().next() {
                base = Some(first);
                break;
            }
        }
        match base {
            Some((at, said)) => Verdict::Decided(at, Box::new(said)),
            None => Verdict::Open,
        }
    }

    /// Returns the rows that only have details of a decision, by their positions: those of the lead
    /// before those of its person.
    fn details<'s>(&'s self, positions: &'s [usize]) -> impl Iterator<Item = (usize, &'s Details)> {
        let of_level = move |level: Level| {
            positions.iter().filter_map(move |at| {
                let row = self.rows.get(*at).filter(|row| row.level == level)?;
                match &row.said {
                    Ok(FilledIn::Details(details)) => Some((*at, details)),
                    _ => None,
                }
            })
        };
        of_level(Level::Lead).chain(of_level(Level::Person))
    }
}

/// Puts together what the files say of each lead.
fn merge(files: Vec<FileSays<'_>>, index: &Index<'_>, rows: &mut FilledRows) {
    // The rows with details that go with a decision.
    let mut heard: BTreeSet<(usize, usize)> = BTreeSet::new();
    // The leads of rows with details, as far as nothing decides them.
    let mut undecided: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    for lead in &index.issued.leads {
        let number = lead.lead_number;
        let mut decided: Vec<(usize, usize, Said)> = Vec::new();
        let mut contradicted: Vec<(usize, usize)> = Vec::new();
        let (mut is_there, mut is_refused) = (false, false);
        // As in one file, details complete the decision of whichever file.
        let mut details: Vec<&Details> = Vec::new();
        // The rows with details in files that do not decide the lead.
        let mut loose: Vec<(usize, usize)> = Vec::new();
        for (file, says) in files.iter().enumerate() {
            let Some(positions) = says.of_leads.get(number) else {
                continue;
            };
            is_there = true;
            details.extend(says.details(positions).map(|(_, details)| details));
            match says.verdict(positions) {
                Verdict::Open => loose.extend(says.details(positions).map(|(at, _)| (file, at))),
                Verdict::Refused => is_refused = true,
                Verdict::Decided(at, said) => {
                    heard.extend(positions.iter().map(|at| (file, *at)));
                    decided.push((file, at, *said));
                }
                Verdict::Contradicted(all) => {
                    contradicted.extend(all.into_iter().map(|at| (file, at)));
                }
            }
        }
        let differ = decided.windows(2).any(|pair| pair[0].2 != pair[1].2);
        if differ || is_refused || !contradicted.is_empty() {
            contradicted.extend(decided.drain(..).map(|(file, at, _)| (file, at)));
        }
        let has_details = !loose.is_empty();
        match decided.first_mut() {
            Some((.., said)) => {
                for details in details {
                    said.details = said.details.clone().completed_by(details);
                }
                heard.extend(loose);
            }
            None => {
                for row in loose {
                    undecided.entry(row).or_default().push(number);
                }
            }
        }
        let refuse = |(file, at): (usize, usize), column, why| {
            let says = files.get(file)?;
            Some(RefusedRow {
                place: says.rows.get(at)?.place.clone(),
                column,
                lead_number: Some(number.to_owned()),
                why,
            })
        };
        let column = Some(FilledColumn::Decision);
        let all = contradicted.iter();
        let all = all.filter_map(|row| refuse(*row, column, WhyRefused::Contradicted));
        rows.refused.extend(all);
        if let Some((file, at, said)) = decided.into_iter().next() {
            match complete(said, index) {
                Ok((said, decided_on)) => {
                    let place = files.get(file).and_then(|says| says.rows.get(at));
                    rows.taken.extend(place.map(|row| FilledRow {
                        place: row.place.clone(),
                        lead_number: number.to_owned(),
                        person_number: lead.person_number.to_owned(),
                        finding: said.finding,
                        reason: said.reason,
                        decided_by: said.details.by,
                        decided_on,
                        remark: said.details.remark,
                    }));
                }
                Err((column, why)) => rows.refused.extend(refuse((file, at), column, why)),
            }
        } else if is_there && contradicted.is_empty() && !is_refused && !has_details {
            rows.empty.insert(number.to_owned());
        }
    }
    rows.taken
        .sort_by(|one, other| one.lead_number.cmp(&other.lead_number));
    rows.refused.extend(lost_decisions(&files, &rows.empty));
    for (row, leads) in &undecided {
        // The refusal of the row names its lead, if it is one.
        if heard.contains(row) || leads.len() > 1 {
            let leads = leads.iter().map(|lead| (*lead).to_owned());
            rows.empty.extend(leads);
        }
    }
    for (file, says) in files.iter().enumerate() {
        for (at, row) in says.rows.iter().enumerate() {
            if matches!(row.said, Ok(FilledIn::Details(_))) && !heard.contains(&(file, at)) {
                rows.refused.push(RefusedRow {
                    place: row.place.clone(),
                    column: Some(FilledColumn::Decision),
                    lead_number: match undecided.get(&(file, at)).map(Vec::as_slice) {
                        Some([lead]) => Some((*lead).to_owned()),
                        _ => None,
                    },
                    why: WhyRefused::NoDecision,
                });
            }
        }
    }
}

fn states_finding(cell: &PlainCell) -> bool {
    cell.text().and_then(words::finding).is_some()
}

/// Returns the headers without a column of decisions above rows with the word of a decision on
/// leads that no row decides, or the first of such rows without a header: the column may have
/// another header now. An office's own table
/// without such words, or of leads that are decided elsewhere, says nothing.
fn lost_decisions<'f>(
    files: &'f [FileSays<'_>],
    empty: &'f BTreeSet<String>,
) -> impl Iterator<Item = RefusedRow> {
    let of_file = |says: &'f FileSays<'_>| {
        let leads = says.of_leads.iter();
        let undecided = leads.filter(|(lead, _)| empty.contains(**lead));
        let positions = undecided.flat_map(|(_, positions)| positions);
        positions.filter_map(|at| says.rows.get(*at)?.without_decisions.as_ref())
    };
    let headers: BTreeSet<&RowPlace> = files.iter().flat_map(of_file).collect();
    headers.into_iter().map(|header| RefusedRow {
        place: header.clone(),
        column: Some(FilledColumn::Decision),
        lead_number: None,
        why: WhyRefused::NoColumn,
    })
}

/// Completes a decision by what holds for all rows, and checks it as a whole.
fn complete(mut said: Said, index: &Index<'_>) -> Result<(Said, Date), Refused> {
    let unless_stated = &index.issued.unless_stated;
    let details = &mut said.details;
    details.by = details
        .by
        .take()
        .or_else(|| unless_stated.decided_by.clone());
    if !details.by.as_deref().is_some_and(names_somebody) {
        return Err((Some(FilledColumn::DecidedBy), WhyRefused::NoName));
    }
    let day = details.on.or(unless_stated.decided_on);
    let day = day.ok_or((Some(FilledColumn::DecidedOn), WhyRefused::NoDay))?;
    let day = check_day(day, index.days()).map_err(|why| (Some(FilledColumn::DecidedOn), why))?;
    if said.reason == Some(Reason::Other) && details.remark.is_none() {
        return Err((Some(FilledColumn::Remark), WhyRefused::OtherWithoutRemark));
    }
    // Remarks of several rows may hold a number together.
    if details
        .remark
        .as_deref()
        .is_some_and(|remark| !find(remark).is_empty())
    {
        return Err((Some(FilledColumn::Remark), WhyRefused::PersonalNumber));
    }
    Ok((said, day))
}
