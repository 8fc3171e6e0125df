//! The sheets of a workbook: which of them are read, which are not and what they hold,
//! and their rows written out as text.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::shown_name;
use aidlink_files::guarded::guarded;
use aidlink_files::regular_file;
use aidlink_policy::reading::{ReadingChoice, SheetChoice};
use aidlink_policy::schema::ExportSchema;
use aidlink_workbook::{Area, MergedAreas, TextBudget};

use super::encoding::Encoding;
use super::format::Format;
use super::header::{self, Header, Layout};
use super::limits::{HEAD_BYTES, HEADER_SEARCH_RECORDS, MAX_WORKBOOK_BYTES};
use super::merging::{Covered, Merging};
use super::not_read::{RowsNotRead, SheetNotRead, WhyNotRead};
use super::refusal::{
    damaged_archive, formula_without_result, in_sheet, no_content, no_header_in_any_sheet,
    no_such_sheet, several_sheets, sheet_too_large,
};
use super::sheet_reader::{ListedSheet, SheetReader, Visit, Visited};
use super::written_out::{SheetText, TooLarge};
use super::{ods, xls, xlsx};
use crate::error_value::{LOST_RESULT_TEXT, MERGED_TEXT};

/// A sheet that is read, written out as CSV in UTF-8.
pub(super) struct Table {
    /// Its name, in a form that may be shown.
    pub(super) sheet: String,
    pub(super) csv: Vec<u8>,
    pub(super) header: Header,
}

/// The sheets of a workbook that are read, and the others that have content.
pub(super) struct Tables {
    pub(super) read: Vec<Table>,
    pub(super) not_read: Vec<SheetNotRead>,
}

/// A sheet that is written out as CSV in UTF-8 without a schema.
pub(super) struct PlainSheet {
    /// Its place in the workbook, from 1.
    pub(super) place: usize,
    /// Its name, in a form that may be shown.
    pub(super) name: String,
    pub(super) csv: Vec<u8>,
}

/// An open workbook.
pub(super) struct OpenWorkbook {
    path: PathBuf,
    reader: Box<dyn SheetReader>,
    digest: String,
    byte_length: u64,
    /// The first lines of each sheet as CSV; `None` until they are needed.
    heads: Vec<Option<Result<Vec<u8>, Fault>>>,
}

impl OpenWorkbook {
    /// Opens a workbook and reads its list of sheets.
    ///
    /// # Errors
    /// If the file cannot be read or is not a workbook, or is protected, damaged or too
    /// large.
    pub(super) fn open(path: &Path, format: Format) -> Result<Self, Faults> {
        let bytes = regular_file::read(path, MAX_WORKBOOK_BYTES)?;
        // The digest covers the bytes that are parsed.
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let byte_length = bytes.len() as u64;
        // A hostile workbook can make a library panic: the XLS reader, or zip and inflate
        // under the others.
        let reader = guarded(|| match format {
            Format::Xls => xls::open(path, bytes),
            Format::Ods => ods::open(path, bytes),
            _ => xlsx::open(path, bytes),
        });
        let reader = reader.unwrap_or_else(|| Err(damaged_archive(path)))?;
        Ok(OpenWorkbook {
            path: path.to_path_buf(),
            heads: reader.sheets().iter().map(|_| None).collect(),
            reader,
            digest,
            byte_length,
        })
    }

    /// Returns the format of the file.
    pub(super) fn format(&self) -> Format {
        self.reader.format()
    }

    /// Returns the BLAKE3 digest of the file, hexadecimal, and its size in bytes.
    pub(super) fn digest(&self) -> (String, u64) {
        (self.digest.clone(), self.byte_length)
    }

    /// Returns the number of fields that have a column, in the sheet that has most of
    /// them among those that may be read; 0 if none has a header.
    pub(super) fn known_columns(&mut self, schema: &ExportSchema, choice: &ReadingChoice) -> usize {
        let mut most = 0;
        for sheet in self.readable(choice) {
            if let Ok(header) = self.header(sheet, schema, choice) {
                most = most.max(header.columns.index.len());
            }
        }
        most
    }

    /// Writes out the chosen sheets, and counts the rows of the others.
    ///
    /// # Errors
    /// If the choice does not decide which sheets are read, or one of them has no header,
    /// is damaged or exceeds a limit.
    pub(super) fn tables(
        &mut self,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Tables, Faults> {
        let chosen = self.chosen(schema, choice)?;
        let mut left = TextBudget::usual(self.byte_length).get();
        let mut faults = FaultCollector::new();
        let mut read = Vec::new();
        for sheet in &chosen {
            let table = self.table(*sheet, schema, choice, TextBudget::bytes(left));
            if let Some(table) = faults.take(table) {
                left = left.saturating_sub(table.csv.len() as u64);
                read.push(table);
            }
        }
        faults.finish()?;
        // Last, because counting uses up what the parts may unpack to.
        let not_read = self.not_read(&chosen, schema, choice);
        Ok(Tables { read, not_read })
    }

    fn listed(&self, sheet: usize) -> &ListedSheet {
        &self.reader.sheets()[sheet]
    }

    /// Returns the sheets that may be read. Hidden ones are read only by name.
    fn readable(&self, choice: &ReadingChoice) -> Vec<usize> {
        let is_readable = |sheet: &ListedSheet| match &choice.sheets {
            SheetChoice::Named(names) => names.iter().any(|name| self.is_named(sheet, name)),
            SheetChoice::Only | SheetChoice::All => sheet.is_visible && sheet.may_be_table,
        };
        let sheets = self.reader.sheets().iter().enumerate();
        sheets
            .filter(|(_, sheet)| is_readable(sheet))
            .map(|(index, _)| index)
            .collect()
    }

    /// Returns the sheets that are read.
    fn chosen(
        &mut self,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Vec<usize>, Faults> {
        let readable = self.readable(choice);
        if let SheetChoice::Named(names) = &choice.sheets {
            self.check_names(names)?;
            return Ok(readable);
        }
        let mut candidates = Vec::new();
        for sheet in &readable {
            // A sheet that cannot be read may be the table, so it is not passed over. Only
            // the first one is reported: what the whole workbook may unpack to is used up
            // for the others too.
            if has_header(self.head(*sheet)?, schema, choice) {
                candidates.push(*sheet);
            }
        }
        if candidates.is_empty() {
            return Err(self.no_header(&readable, schema, choice));
        }
        if choice.sheets == SheetChoice::Only && candidates.len() > 1 {
            return Ok(vec![self.only_one_with_rows(
                &candidates,
                schema,
                choice,
            )?]);
        }
        Ok(candidates)
    }

    /// Returns whether a name in the round file is that of a sheet. White space around them
    /// cannot be seen, so it counts only where two sheets differ by nothing else.
    fn is_named(&self, sheet: &ListedSheet, name: &str) -> bool {
        let mut sheets = self.reader.sheets().iter();
        sheet.name == name
            || (sheet.name.trim() == name.trim() && !sheets.any(|other| other.name == name))
    }

    fn check_names(&self, names: &[String]) -> Result<(), Faults> {
        let listed = self.reader.sheets().iter();
        let sheets = listed.clone().map(|sheet| sheet.name.as_str());
        let mut faults = FaultCollector::new();
        for name in names {
            if !listed.clone().any(|sheet| self.is_named(sheet, name)) {
                faults.push(no_such_sheet(&self.path, name, sheets.clone()));
            }
        }
        faults.finish()
    }

    /// Returns the sheet that has rows below its header. The others are templates.
    fn only_one_with_rows(
        &mut self,
        candidates: &[usize],
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<usize, Faults> {
        let mut counted = Vec::new();
        for sheet in candidates {
            let rows = self.rows(*sheet, schema, choice)?.rows;
            counted.push((*sheet, rows));
        }
        let mut with_rows = counted.iter().filter(|(_, rows)| *rows > 0);
        match (with_rows.next(), with_rows.next()) {
            (Some((only, _)), None) => Ok(*only),
            _ => {
                let sheets = counted.iter();
                let sheets = sheets.map(|(sheet, rows)| (self.listed(*sheet).name.as_str(), *rows));
                Err(several_sheets(&self.path, sheets.collect()).into())
            }
        }
    }

    /// Returns why no sheet is an export of the schema.
    fn no_header(
        &mut self,
        readable: &[usize],
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Faults {
        let mut with_content = Vec::new();
        for sheet in readable {
            if self.head(*sheet).is_ok_and(|head| !head.is_empty()) {
                with_content.push(*sheet);
            }
        }
        let mut others = self.not_read(readable, schema, choice);
        others.retain(SheetNotRead::may_hold_persons);
        let Some(first) = with_content.first() else {
            return match others.is_empty() {
                true => no_content(&self.path).into(),
                false => no_header_in_any_sheet(&self.path, &[], &others, None).into(),
            };
        };
        let Err(faults) = self.header(*first, schema, choice) else {
            return no_content(&self.path).into();
        };
        if with_content.len() == 1 && others.is_empty() {
            return self.in_sheet(*first, faults);
        }
        let names: Vec<&str> = with_content
            .iter()
            .map(|sheet| self.listed(*sheet).name.as_str())
            .collect();
        let hint = faults.iter().next().map(|fault| fault.hint.clone());
        no_header_in_any_sheet(&self.path, &names, &others, hint).into()
    }

    /// Puts the name of the sheet into faults, if the workbook has several sheets.
    fn in_sheet(&self, sheet: usize, faults: Faults) -> Faults {
        match self.reader.sheets().len() {
            1 => faults,
            _ => faults.map(|fault| in_sheet(&self.listed(sheet).name, fault)),
        }
    }

    /// Returns the sheets with content that are not read.
    fn not_read(
        &mut self,
        read: &[usize],
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Vec<SheetNotRead> {
        let sheets = self.reader.sheets().iter().enumerate();
        let others: Vec<(usize, ListedSheet)> = sheets
            .filter(|(index, _)| !read.contains(index))
            .map(|(index, sheet)| (index, sheet.clone()))
            .collect();
        let mut not_read = Vec::new();
        for (index, sheet) in others {
            let holds = self.rows(index, schema, choice).ok();
            if holds == Some(RowsNotRead::default()) {
                continue;
            }
            let head = self.head(index);
            let has_header = head.map(|head| has_header(head, schema, choice));
            let why = match (sheet.is_visible, &has_header) {
                (false, _) => WhyNotRead::Hidden,
                (true, Ok(false)) => WhyNotRead::NoHeader,
                // One that cannot be read is passed over only if others are named.
                (true, Ok(true) | Err(_)) => WhyNotRead::NotNamed,
            };
            not_read.push(SheetNotRead {
                sheet: shown_name(&sheet.name).into_owned(),
                why,
                has_header: has_header.unwrap_or(false),
                holds,
            });
        }
        not_read
    }

    /// Returns the first lines of a sheet as CSV.
    fn head(&mut self, sheet: usize) -> Result<&[u8], Fault> {
        if self.heads[sheet].is_none() {
            let budget = TextBudget::usual(self.byte_length);
            let head = self.text(sheet, Extent::Head, budget);
            self.heads[sheet] = Some(head.map(|(csv, _)| csv));
        }
        match &self.heads[sheet] {
            Some(Ok(head)) => Ok(head),
            Some(Err(fault)) => Err(fault.clone()),
            None => Ok(&[]),
        }
    }

    /// Finds the header of a sheet in its first lines.
    fn header(
        &mut self,
        sheet: usize,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Header, Faults> {
        let path = self.path.clone();
        header_of(&path, self.head(sheet)?, schema, choice)
    }

    /// Writes out a sheet, with the values of its merged areas in all their rows.
    fn table(
        &mut self,
        sheet: usize,
        schema: &ExportSchema,
        choice: &ReadingChoice,
        budget: TextBudget,
    ) -> Result<Table, Faults> {
        // The fault for a sheet that cannot be read names the sheet itself.
        self.head(sheet)?;
        let header = self.header(sheet, schema, choice);
        let header = header.map_err(|faults| self.in_sheet(sheet, faults))?;
        let nothing = Merging::default();
        let (mut csv, merged) = self.text(sheet, Extent::Whole(&nothing), budget)?;
        let merging = Merging::new(&merged, &header, schema);
        if !merging.is_nothing() {
            // A sheet lists its merged areas after the rows, so they are read again.
            drop(csv);
            (csv, _) = self.text(sheet, Extent::Whole(&merging), budget)?;
        }
        // The sheet may be wider than its first lines.
        let header = header_of(&self.path, &csv, schema, choice);
        let header = header.map_err(|faults| self.in_sheet(sheet, faults))?;
        Ok(Table {
            sheet: shown_name(&self.listed(sheet).name).into_owned(),
            header: with_merged_headers(header, &merged),
            csv,
        })
    }

    /// Writes out every sheet that may be a table, also a hidden one, without a schema. The
    /// value of a merged area is in all rows of its first column.
    ///
    /// # Errors
    /// If a sheet is damaged or exceeds a limit, or an XLS workbook has a formula without
    /// its result.
    pub(super) fn plain_sheets(&mut self) -> Result<Vec<PlainSheet>, Fault> {
        let mut left = TextBudget::usual(self.byte_length).get();
        let sheets: Vec<ListedSheet> = self.reader.sheets().to_vec();
        let mut written = Vec::new();
        for (index, sheet) in sheets.into_iter().enumerate() {
            if !sheet.may_be_table {
                continue;
            }
            let budget = TextBudget::bytes(left);
            let nothing = Merging::default();
            let (mut csv, merged) = self.text(index, Extent::Plain(&nothing), budget)?;
            let merging = Merging::of_all_columns(&merged);
            if !merging.is_nothing() {
                drop(csv);
                (csv, _) = self.text(index, Extent::Plain(&merging), budget)?;
            }
            left = left.saturating_sub(csv.len() as u64);
            written.push(PlainSheet {
                place: index + 1,
                name: shown_name(&sheet.name).into_owned(),
                csv,
            });
        }
        Ok(written)
    }

    /// Writes out a sheet as CSV. Returns its merged areas too, if the whole sheet is
    /// written.
    fn text(
        &mut self,
        sheet: usize,
        extent: Extent<'_>,
        budget: TextBudget,
    ) -> Result<(Vec<u8>, MergedAreas), Fault> {
        let nothing = Merging::default();
        let (merging, last_row) = match extent {
            Extent::Head => (&nothing, Some(HEADER_SEARCH_RECORDS as u32)),
            Extent::Whole(merging) | Extent::Plain(merging) => (merging, None),
        };
        // The reader of XLS reports only the first formula without a result.
        let marks_lost = matches!(extent, Extent::Plain(_)) && self.format() != Format::Xls;
        let mut writing = Writing {
            csv: SheetText::new(budget),
            merging,
            covered: Covered::new(merging),
            row: 0,
            joined: None,
        };
        let mut refused = None;
        let visited = Visited {
            filled: &merging.filled,
            last_row,
            budget,
        };
        let merged = self.visit(sheet, visited, &mut |row, column, text| {
            let added = match (text, extent) {
                (Some(text), _) => writing.add(row, column, text).map_err(Refused::TooLarge),
                // It matters only if the sheet is read.
                (None, Extent::Head) => Ok(()),
                (None, _) if marks_lost => {
                    let lost = LOST_RESULT_TEXT.as_bytes();
                    writing.add(row, column, lost).map_err(Refused::TooLarge)
                }
                (None, Extent::Whole(_) | Extent::Plain(_)) => Err(Refused::NoResult),
            };
            match added {
                Ok(()) => ControlFlow::Continue(()),
                Err(reason) => {
                    refused = Some((row, column, reason));
                    ControlFlow::Break(())
                }
            }
        })?;
        let (path, name) = (&self.path, self.listed(sheet).name.as_str());
        match refused {
            Some((row, column, Refused::NoResult)) => {
                return Err(formula_without_result(path, name, row, column));
            }
            Some((row, column, Refused::TooLarge(reason))) => {
                let cell = Some((row, column));
                return Err(sheet_too_large(path, Some(name), cell, reason));
            }
            None => {}
        }
        let csv = writing.finish();
        let csv = csv.map_err(|reason| sheet_too_large(path, Some(name), None, reason))?;
        Ok((csv, merged))
    }

    /// Counts the rows of a sheet that have content, below its header if it has one.
    fn rows(
        &mut self,
        sheet: usize,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<RowsNotRead, Fault> {
        let header = self.header(sheet, schema, choice);
        let first = header.map_or(1, |header| header.body_line);
        let mut rows = RowsNotRead::default();
        let (mut row_of_last, mut row_of_last_id) = (0, 0);
        let visited = Visited {
            filled: &MergedAreas::default(),
            last_row: None,
            budget: TextBudget::bytes(u64::MAX),
        };
        self.visit(sheet, visited, &mut |row, _, text| {
            if let Some(text) = text
                && u64::from(row) >= first
            {
                rows.rows += u64::from(row != row_of_last);
                row_of_last = row;
                if row != row_of_last_id && RowsNotRead::is_id(text) {
                    rows.with_id += 1;
                    row_of_last_id = row;
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    fn visit(
        &mut self,
        sheet: usize,
        visited: Visited<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<MergedAreas, Fault> {
        guarded(|| self.reader.visit(sheet, visited, visit))
            .unwrap_or_else(|| Err(damaged_archive(&self.path)))
    }
}

/// How much of a sheet is written out.
#[derive(Clone, Copy)]
enum Extent<'m> {
    /// The lines that are searched for the header.
    Head,
    /// All rows.
    Whole(&'m Merging),
    /// All rows of a sheet without a schema. A formula without its result is marked.
    Plain(&'m Merging),
}

/// Why a cell is not written out.
enum Refused {
    TooLarge(TooLarge),
    NoResult,
}

/// The text of a sheet while it is written.
struct Writing<'m> {
    csv: SheetText,
    merging: &'m Merging,
    covered: Covered<'m>,
    row: u32,
    /// The column and the text of the cells that a merged header makes one, while further
    /// ones may follow.
    joined: Option<(u32, Vec<u8>)>,
}

impl Writing<'_> {
    fn add(&mut self, row: u32, column: u32, text: &[u8]) -> Result<(), TooLarge> {
        if row != self.row {
            self.end_row()?;
            self.row = row;
            self.covered.begin_row(row);
        }
        self.add_covered(column)?;
        self.covered.pass(row, column);
        self.add_joined(column, text)
    }

    /// Writes the covered cells of the row before a column.
    fn add_covered(&mut self, before: u32) -> Result<(), TooLarge> {
        while let Some(column) = self.covered.next_before(before) {
            self.add_joined(column, MERGED_TEXT.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a cell. Cells below a header that is merged over their columns are one. The
    /// separator keeps two numbers from being read as one.
    fn add_joined(&mut self, column: u32, text: &[u8]) -> Result<(), TooLarge> {
        const BETWEEN: &[u8] = b" / ";
        let first = self.merging.wide_header_over(self.row, column);
        match (&mut self.joined, first) {
            (Some((joined, texts)), Some(first)) if *joined == first => {
                texts.extend_from_slice(BETWEEN);
                texts.extend_from_slice(text);
                return self.csv.check_cell(texts);
            }
            _ => self.end_joined()?,
        }
        match first {
            Some(first) => {
                self.joined = Some((first, text.to_vec()));
                Ok(())
            }
            None => self.csv.add(self.row, column, text),
        }
    }

    fn end_joined(&mut self) -> Result<(), TooLarge> {
        match self.joined.take() {
            Some((column, text)) => self.csv.add(self.row, column, &text),
            None => Ok(()),
        }
    }

    fn end_row(&mut self) -> Result<(), TooLarge> {
        self.add_covered(u32::MAX)?;
        self.end_joined()
    }

    fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        self.end_row()?;
        self.csv.finish()
    }
}

/// Finds the header in the first lines of a sheet.
fn header_of(
    path: &Path,
    csv: &[u8],
    schema: &ExportSchema,
    choice: &ReadingChoice,
) -> Result<Header, Faults> {
    let (head, utf8) = (head_of(csv), Encoding::Utf8);
    header::find(path, head, Layout::Sheet, utf8, schema, &choice.headers)
}

/// Returns a header whose last cell names all columns that it is merged over.
fn with_merged_headers(mut header: Header, merged: &MergedAreas) -> Header {
    let lines = header.title_lines + 1..header.body_line;
    let is_header = |area: &&Area| lines.contains(&u64::from(area.last_row));
    let areas = merged.areas().iter().filter(is_header);
    let last = areas.map(|area| area.last_column as usize).max();
    let dialect = &mut header.dialect;
    dialect.width = dialect.width.max(last.unwrap_or(0)).min(dialect.fields);
    header
}

/// Returns whether a line among the first ones of a sheet names the ID column.
fn has_header(csv: &[u8], schema: &ExportSchema, choice: &ReadingChoice) -> bool {
    header::names_the_id_column(head_of(csv), Encoding::Utf8, schema, &choice.headers)
}

fn head_of(csv: &[u8]) -> &[u8] {
    &csv[..csv.len().min(HEAD_BYTES as usize)]
}
