//! Tables that people write for the register: any file that a filled list may be, row by row
//! under its headers.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_agency::scan::plain_rows::{PlainCell, PlainFile, PlainTable};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::{uniform, uniform_header};
use aidlink_register::number::{EventId, LeadNumber, PersonNumber};
use jiff::civil::Date;

use super::filled::row::{day_of, readable};
use super::filled::words::folded;
use super::filled::{RowPlace, WhyRefused};

/// The longest cell that is compared with headers, in bytes.
const LONGEST_HEADER: usize = 200;

/// A header of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// As a message may show it.
    pub shown: String,
    /// In the form in which headers are compared: see [`header_form`].
    pub form: String,
}

/// Returns a header in the form in which headers are compared: its letters and digits alone,
/// in lower case and simplified, without the number of its column and marks such as `（必填）`.
pub fn header_form(header: &str) -> String {
    folded(&uniform_header(header))
}

/// A row with content.
pub struct TableRow<'t> {
    /// Where it is.
    pub place: RowPlace,
    /// The headers above it; empty above the first header.
    pub headers: &'t [Header],
    /// Its cells, in the order of the headers; a reason if the row cannot be split, or is wider
    /// than the header.
    pub cells: Result<&'t [PlainCell], WhyRefused>,
}

/// A cell that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The header of its column, as a message may show it.
    pub column: String,
    /// Why.
    pub why: WhyRefused,
}

impl TableRow<'_> {
    /// Returns the text of each cell that is not blank, with the place of its column, without
    /// the apostrophe with which spreadsheets keep a text a text.
    ///
    /// # Errors
    /// The cells that hold no text, with their columns.
    pub fn texts(&self) -> Result<BTreeMap<usize, &str>, Vec<BadCell>> {
        let cells = match &self.cells {
            Ok(cells) => *cells,
            Err(why) => {
                return Err(vec![BadCell {
                    column: String::new(),
                    why: why.clone(),
                }]);
            }
        };
        let mut texts = BTreeMap::new();
        let mut bad = Vec::new();
        for (place, cell) in cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !cell.is_blank())
        {
            match readable(cell) {
                Ok(text) => {
                    let text = text.trim();
                    let text = text.strip_prefix(['\'', '＇']).unwrap_or(text).trim();
                    if !text.is_empty() {
                        texts.insert(place, text);
                    }
                }
                Err(why) => bad.push(BadCell {
                    column: self.column(place),
                    why,
                }),
            }
        }
        match bad.is_empty() {
            true => Ok(texts),
            false => Err(bad),
        }
    }

    /// Returns the header of a column, as a message may show it.
    pub fn column(&self, place: usize) -> String {
        let header = self.headers.get(place);
        header.map_or_else(String::new, |header| header.shown.clone())
    }
}

/// Reads a table file, every sheet of a workbook, and calls `on_row` with each row but headers.
/// `is_header` gets the forms of the cells of a row. Headers may be in any row and be repeated.
///
/// # Errors
/// If the file cannot be read, or has no header: then nothing was handed over.
pub fn read(
    path: &Path,
    is_header: &dyn Fn(&[&str]) -> bool,
    expected: &Text,
    on_row: &mut dyn FnMut(&TableRow<'_>),
) -> Result<(), Faults> {
    let file = PlainFile::read(path)?;
    let is_header = |cells: &[PlainCell]| {
        // A row of data may have words that are headers, too.
        if states_number(cells) {
            return false;
        }
        let headers = headers_of(cells);
        let forms: Vec<&str> = headers.iter().map(|header| header.form.as_str()).collect();
        is_header(&forms)
    };
    let has_header = |table: &PlainTable| {
        let mut has = false;
        table.rows(&is_header, &mut |row| {
            has |= row.cells.is_some_and(|cells| is_header(&cells));
        });
        has
    };
    if !file.tables.iter().any(has_header) {
        return Err(Fault::of_file(
            path,
            Text::new(
                "此文件中没有可识别的表头",
                "no row of this file is a header that is known",
            ),
            expected.clone(),
        )
        .into());
    }
    for table in &file.tables {
        let mut headers: Vec<Header> = Vec::new();
        table.rows(&is_header, &mut |row| {
            if let Some(cells) = row.cells.as_deref().filter(|cells| is_header(cells)) {
                headers = headers_of(cells);
                return;
            }
            on_row(&TableRow {
                place: RowPlace {
                    file: 0,
                    sheet: table.sheet.clone(),
                    row: row.line,
                },
                headers: &headers,
                cells: row.cells.as_deref().ok_or(WhyRefused::Row),
            });
        });
    }
    Ok(())
}

/// Returns whether a cell holds the number of a lead, a person or an event, perhaps beside other
/// words.
pub fn states_number(cells: &[PlainCell]) -> bool {
    let mut texts = cells.iter().filter_map(PlainCell::text).map(uniform);
    texts.any(|text| {
        let is_number =
            |word: &str| LeadNumber::parse(word).is_some() || EventId::parse(word).is_some();
        // Beside other words, digits alone may be years.
        let is_person = |word: &str| {
            let has_letter = word.contains(|c: char| c.is_ascii_alphabetic());
            has_letter && PersonNumber::parse(word).is_some()
        };
        let is_of_number = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (PersonNumber::parse(&text).is_some() && !are_years(&text))
            || text
                .split(|c: char| !is_of_number(c))
                .any(|word| is_number(word) || is_person(word))
    })
}

/// Whether a text is of years, such as `2025-2026`.
fn are_years(text: &str) -> bool {
    let is_year = |group: &str| {
        let year: Option<u16> = group.trim().parse().ok();
        year.is_some_and(|year| (1900..2100).contains(&year))
    };
    text.split('-').all(is_year)
}

fn headers_of(cells: &[PlainCell]) -> Vec<Header> {
    let header = |cell: &PlainCell| {
        let text = cell.text().unwrap_or_default().trim();
        match text.len() <= LONGEST_HEADER {
            true => Header {
                shown: shown_name(text).into_owned(),
                form: header_form(text),
            },
            false => Header::default(),
        }
    };
    cells.iter().map(header).collect()
}

/// Returns the day that a cell states, in every form that exports have; `None` if it is no day,
/// or only a month.
pub fn day(text: &str) -> Option<Date> {
    day_of(text)
}
