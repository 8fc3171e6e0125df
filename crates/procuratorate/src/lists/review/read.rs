//! Reads a review workbook back, also one that was filled in: what an audit must know of
//! it. Everything in it may have been changed.

use std::io::Cursor;

use aidlink_faults::personal_number::{NumberKind, find};
use aidlink_faults::text::Language;
use aidlink_policy::pack::Policy;
use aidlink_workbook::{SheetKind, TextBudget, Value, Workbook, WorkbookError};

use super::Sheets;
use crate::lists::columns::Column;
use crate::lists::marking::Marking;

/// The row of the header, counted from 1.
const HEADER_ROW: u32 = 2;
/// The most numbers of persons that are reported of a workbook.
const MOST_NUMBERS: usize = 100;

/// A review workbook.
#[derive(Clone, Debug, Default)]
pub struct ReadWorkbook {
    /// Its sheets with rows.
    pub sheets: Vec<ReadSheet>,
    /// The numbers of persons in it, at most 100: the place of the sheet, counted from 1, the
    /// row, and the kind of number.
    pub numbers: Vec<(usize, u32, NumberKind)>,
}

/// A sheet of a review workbook.
#[derive(Clone, Debug)]
pub struct ReadSheet {
    /// Its place in the workbook, counted from 1.
    pub place: usize,
    /// The marking above the header.
    pub marking: Option<Marking>,
    /// The name of the list of which it shows the leads, without `.minors`; `None` for
    /// another sheet.
    pub list: Option<String>,
    /// Its lead numbers, each with its row, if it has a column of lead numbers. On the sheet
    /// of persons a row may have several.
    pub leads: Option<Vec<(u32, String)>>,
}

/// Reads a workbook of a round, in memory that grows with the file.
///
/// # Errors
/// When it is no workbook, is damaged, or exceeds the limits of the reader.
pub fn read(
    bytes: &[u8],
    policy: &Policy,
    language: Language,
) -> Result<ReadWorkbook, WorkbookError> {
    let names = Sheets::of(policy, language);
    let number_header = Column::LeadNumber.header().unwrap_or_default();
    let number_header = number_header.in_language(language);
    let mut workbook = Workbook::open(Cursor::new(bytes))?;
    let budget = TextBudget::usual(workbook.byte_length());
    let sheets = workbook.sheets().to_vec();
    let mut read = ReadWorkbook::default();
    for (index, sheet) in sheets.iter().enumerate() {
        if sheet.kind != SheetKind::Worksheet || sheet.part.is_none() {
            continue;
        }
        let mut of_lists = names.of_lists.iter();
        let list = of_lists.find(|(_, name)| **name == sheet.name);
        let mut found = ReadSheet {
            place: index + 1,
            marking: None,
            list: list.map(|(list, _)| list.clone()),
            leads: None,
        };
        let mut number_column = None;
        let mut rows = workbook.rows(index, budget)?;
        while let Some(row) = rows.next_row()? {
            let at = row.number();
            let mut row_text = String::new();
            for cell in row.cells() {
                let text = match cell.value {
                    Value::Text(text) | Value::IsoDate(text) => text,
                    Value::Number(number) => number.text,
                    Value::Boolean(_) | Value::Error(_) | Value::FormulaWithoutValue => continue,
                };
                if (at, cell.column) == (1, 1) {
                    found.marking = Marking::parse(text, language);
                }
                if at == HEADER_ROW && text == number_header {
                    number_column = Some(cell.column);
                    found.leads = Some(Vec::new());
                }
                if at > HEADER_ROW
                    && number_column == Some(cell.column)
                    && let Some(leads) = &mut found.leads
                {
                    leads.extend(text.lines().map(|number| (at, number.to_owned())));
                }
                row_text.push_str(text);
                // A letter: digits of two cells are not one number.
                row_text.push('年');
            }
            let numbers = find(&row_text).into_iter();
            let room = MOST_NUMBERS - read.numbers.len();
            let numbers = numbers.map(|number| (index + 1, at, number.kind));
            read.numbers.extend(numbers.take(room));
        }
        read.sheets.push(found);
    }
    Ok(read)
}
