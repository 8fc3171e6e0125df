//! OpenDocument spreadsheets (ODF 1.2 and 1.3): all sheets are in one part, which is read
//! in one pass.
//!
//! The part cannot be entered in the middle, so reading each sheet from the file would
//! take time that grows with the square of the number of sheets. Instead one pass stores
//! the cells that have a value in a compact form. A cell or row that the file repeats is
//! stored once and expanded when the rows are returned. What memory holds, and what the
//! cells are expanded to, is limited by [`TextBudget::usual`].

use std::io::{Read, Seek};

use crate::date::DateEpoch;
use crate::error::{Bound, Fault, OtherFile, Place, Problem, WorkbookError};
use crate::format::NumberFormat;
use crate::limits::{
    MOST_CELL_CHARACTERS, MOST_COLUMNS, MOST_ROW_BYTES, MOST_ROWS, MOST_SHEETS, MOST_TOKEN_BYTES,
    TextBudget, Unpacked,
};
use crate::merged::{MergeList, MergedAreas};
use crate::ods_dates::{Moment, days_of_duration};
use crate::ods_styles::{TableStyles, read_common_styles};
use crate::package::{Package, owned_value};
use crate::reference::Area;
use crate::row::{ErrorValue, Fill, Kind, Line, Row, as_range, is_number};
use crate::shared_strings::SharedStrings;
use crate::sheet::{Sheet, SheetKind, Visibility};
use crate::xml::{Attribute, Scanner, Tag, Token, XmlFault, push_text, trim};

const PART: &str = "content.xml";
const STYLES_PART: &str = "styles.xml";

/// An open ODS spreadsheet, with the values of all its sheets.
pub struct OpenDocument {
    sheets: Vec<Sheet>,
    tables: Vec<Table>,
    date_epoch: DateEpoch,
    byte_length: u64,
    /// Empty: only the other formats have shared strings.
    strings: SharedStrings,
}

/// The values of a sheet.
#[derive(Default)]
struct Table {
    /// Rows in the form of [`Reader::end_row`], in pieces, so that none is copied while
    /// the table grows.
    rows: Vec<Vec<u8>>,
    merged: MergedAreas,
    /// Why the sheet could not be read further, and at which row and column.
    fault: Option<(SheetFault, u32, u32)>,
}

/// A fault of one sheet, after which the others can be read.
#[derive(Clone, Copy)]
enum SheetFault {
    Wrong(Problem),
    Beyond(Bound),
}

/// Why reading stops: in the sheet, or in the part.
enum Stop {
    Sheet(SheetFault),
    Part(Fault),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Sheet(SheetFault::Wrong(problem))
    }
}

impl From<Bound> for Stop {
    fn from(bound: Bound) -> Self {
        Stop::Sheet(SheetFault::Beyond(bound))
    }
}

impl From<XmlFault> for Stop {
    fn from(fault: XmlFault) -> Self {
        Stop::Part(fault.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Wrong(problem) => problem.into(),
            Fault::Beyond(bound) => bound.into(),
            Fault::Unreadable(_) => Stop::Part(fault),
        }
    }
}

impl OpenDocument {
    /// Opens a spreadsheet and reads all its sheets. A limit that one sheet exceeds is an
    /// error only when its rows are read.
    ///
    /// # Errors
    /// If the file cannot be read, is not an ODS spreadsheet ([`WorkbookError::Other`]
    /// names its kind), is damaged or exceeds a limit.
    pub fn open<R: Read + Seek>(file: R) -> Result<Self, WorkbookError> {
        let mut package = Package::open(file)?;
        package.check_open_document()?;
        let byte_length = package.byte_length;
        let common_styles = match package.has(STYLES_PART) {
            true => read_common_styles(package.part(STYLES_PART, Unpacked::OTHER)?)
                .map_err(|fault| fault.at(Place::of_part(STYLES_PART)))?,
            false => TableStyles::default(),
        };
        let source = package.part(PART, Unpacked::SHEET)?;
        let at_part = |fault: Fault| fault.at(Place::of_part(PART));
        let budget = TextBudget::usual(byte_length);
        let mut reader = Reader::new(source, budget, &common_styles).map_err(at_part)?;
        match reader.read_document().map_err(at_part)? {
            Body::Spreadsheet => {}
            Body::Other => return Err(WorkbookError::Other(OtherFile::OtherOpenDocument)),
        }
        Ok(OpenDocument {
            sheets: reader.sheets,
            tables: reader.tables,
            date_epoch: reader.date_epoch,
            byte_length,
            strings: SharedStrings::default(),
        })
    }

    /// Returns the sheets in the order of their tabs.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// Returns the day from which date cells are counted. The file has dates in ISO 8601;
    /// those from 1900 on are returned as numbers, as in an XLSX workbook, because a
    /// number that somebody typed into a date column is a date in the file too.
    pub fn date_epoch(&self) -> DateEpoch {
        self.date_epoch
    }

    /// Returns the size of the file in bytes.
    pub fn byte_length(&self) -> u64 {
        self.byte_length
    }

    /// Returns the merged areas of a sheet.
    ///
    /// # Errors
    /// If there is no such sheet.
    pub fn merged_areas(&self, sheet: usize) -> Result<&MergedAreas, WorkbookError> {
        let table = self.tables.get(sheet);
        table
            .map(|table| &table.merged)
            .ok_or(WorkbookError::NoSheet(sheet))
    }

    /// Returns the rows of a sheet.
    ///
    /// # Errors
    /// If there is no such sheet.
    pub fn rows(&self, sheet: usize, budget: TextBudget) -> Result<StoredRows<'_>, WorkbookError> {
        match (self.tables.get(sheet), self.sheets.get(sheet)) {
            (Some(table), Some(listed)) => Ok(StoredRows {
                sheet: &listed.name,
                table,
                piece: 0,
                rest: &[],
                repeated: (&[], 0),
                line: Line::new(&self.strings, budget),
                last_row: MOST_ROWS,
                is_finished: false,
            }),
            _ => Err(WorkbookError::NoSheet(sheet)),
        }
    }
}

/// The rows of an ODS sheet that have content, from first to last.
pub struct StoredRows<'w> {
    sheet: &'w str,
    table: &'w Table,
    /// The index of the next piece of the table.
    piece: usize,
    /// The rows of the current piece that were not returned yet.
    rest: &'w [u8],
    /// The cells of the current row, and how often it is still repeated.
    repeated: (&'w [u8], u32),
    line: Line<'w>,
    last_row: u32,
    is_finished: bool,
}

impl<'w> StoredRows<'w> {
    /// Ends the rows after the row of this number.
    pub fn up_to(mut self, row: u32) -> Self {
        self.last_row = row;
        self
    }

    /// Fills the cells of merged areas, as [`Rows::filled`](crate::Rows::filled) does.
    pub fn filled(mut self, areas: &'w MergedAreas, how: Fill) -> Self {
        self.line.set_filled(areas, how);
        self
    }

    /// Returns the next row with content; `None` after the last row or an error.
    ///
    /// # Errors
    /// If the sheet is wrong or exceeds a limit. The place of the error names the row and
    /// cell.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, WorkbookError> {
        if self.is_finished {
            return Ok(None);
        }
        match self.read_row() {
            Ok(true) => Ok(Some(self.line.as_row())),
            Ok(false) => {
                self.is_finished = true;
                Ok(None)
            }
            Err(fault) => {
                self.is_finished = true;
                Err(fault.at(self.line.place(PART, self.sheet)))
            }
        }
    }

    fn read_row(&mut self) -> Result<bool, Fault> {
        self.line.clear();
        self.line.column = 0;
        if self.repeated.1 > 0 {
            self.line.row += 1;
            self.repeated.1 -= 1;
        } else {
            while self.rest.is_empty() {
                let Some(piece) = self.table.rows.get(self.piece) else {
                    return self.end();
                };
                self.rest = piece;
                self.piece += 1;
            }
            let mut next = || take_number(&mut self.rest);
            let (down, times, length) = (next(), next(), next());
            self.line.row += down;
            self.repeated = (take_bytes(&mut self.rest, length), times.saturating_sub(1));
        }
        if self.line.row > self.last_row {
            return Ok(false);
        }
        let mut cells = self.repeated.0;
        let mut last = 0;
        while let Some((kind, rest)) = cells.split_first() {
            cells = rest;
            let mut next = || take_number(&mut cells);
            let (right, times, length) = (next(), next(), next());
            let text = take_bytes(&mut cells, length);
            self.line.column = last + right;
            last = self.line.column + times.saturating_sub(1);
            self.add_cell(*kind, text)?;
            for _ in 1..times {
                self.line.repeat_last()?;
            }
        }
        self.line.fill()?;
        Ok(true)
    }

    fn add_cell(&mut self, kind: u8, text: &[u8]) -> Result<(), Fault> {
        let start = self.line.text.len();
        self.line.text.extend_from_slice(text);
        let range = as_range(start, text.len())?;
        let end = start + text.len();
        match kind {
            stored::NUMBER => {
                let kind = Kind::Number(NumberFormat::General);
                self.line.store(kind, end, range)
            }
            stored::DATE => {
                let kind = Kind::Number(NumberFormat::Date);
                self.line.store(kind, end, range)
            }
            stored::MOMENT => {
                let kind = Kind::Number(NumberFormat::DateTime);
                self.line.store(kind, end, range)
            }
            stored::DURATION => {
                let kind = Kind::Number(NumberFormat::Elapsed);
                self.line.store(kind, end, range)
            }
            stored::ISO_DATE => self.line.store(Kind::IsoDate, end, range),
            stored::TRUE => self.line.store(Kind::Boolean(true), start, 0..0),
            stored::FALSE => self.line.store(Kind::Boolean(false), start, 0..0),
            stored::ERROR => {
                let error = ErrorValue::of(text);
                self.line.store(Kind::Error(error), start, 0..0)
            }
            stored::NO_RESULT => self.line.store(Kind::FormulaWithoutValue, start, 0..0),
            _ => self.line.store_text(start),
        }
    }

    /// Ends the rows, with the fault of the sheet if it has one.
    fn end(&mut self) -> Result<bool, Fault> {
        let Some((fault, row, column)) = self.table.fault else {
            return Ok(false);
        };
        (self.line.row, self.line.column) = (row, column);
        Err(match fault {
            SheetFault::Wrong(problem) => problem.into(),
            SheetFault::Beyond(bound) => bound.into(),
        })
    }
}

/// The kinds of stored cells.
mod stored {
    pub(super) const TEXT: u8 = 0;
    pub(super) const NUMBER: u8 = 1;
    pub(super) const DATE: u8 = 2;
    pub(super) const MOMENT: u8 = 3;
    pub(super) const DURATION: u8 = 4;
    pub(super) const ISO_DATE: u8 = 5;
    pub(super) const TRUE: u8 = 6;
    pub(super) const FALSE: u8 = 7;
    pub(super) const ERROR: u8 = 8;
    pub(super) const NO_RESULT: u8 = 9;
}

/// A piece of stored rows grows to this many bytes, and by the row that exceeds them.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes by which a cell counts beyond its text each time it is repeated, because it takes
/// time then.
const EACH_TIME: u64 = 8;
/// Bytes by which a stored cell, row or area counts in memory beyond its text.
const OVERHEAD: u64 = 16;

/// Appends a number, seven bits a byte.
fn put_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> u32 {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let Some((byte, rest)) = bytes.split_first() else {
            break;
        };
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn take_bytes<'b>(bytes: &mut &'b [u8], length: u32) -> &'b [u8] {
    let (taken, rest) = bytes
        .split_at_checked(length as usize)
        .unwrap_or((*bytes, &[]));
    *bytes = rest;
    taken
}

/// What the body of a document is.
enum Body {
    Spreadsheet,
    Other,
}

/// The type of a cell's value (`office:value-type`).
#[derive(Clone, Copy, PartialEq)]
enum ValueType {
    Number,
    Date,
    Time,
    Boolean,
    Text,
    Nothing,
}

/// The attributes that hold a value; the index of each in [`Cell::values`].
const VALUES: [(&[u8], ValueType); 5] = [
    (b"value", ValueType::Number),
    (b"date-value", ValueType::Date),
    (b"time-value", ValueType::Time),
    (b"boolean-value", ValueType::Boolean),
    (b"string-value", ValueType::Text),
];

/// The start tag of a cell.
#[derive(Default)]
struct Cell {
    kind: Option<ValueType>,
    /// The values of [`VALUES`], decoded.
    values: [Option<Vec<u8>>; 5],
    is_error: bool,
    is_formula: bool,
    times: u64,
    rows_spanned: u64,
    columns_spanned: u64,
}

/// The value of a cell as it is stored. The text is in [`Reader::text`] or here.
enum Found {
    Own(u8),
    With(u8, Vec<u8>),
}

struct Reader<'s, R> {
    scanner: Scanner<R>,
    sheets: Vec<Sheet>,
    tables: Vec<Table>,
    date_epoch: DateEpoch,
    common_styles: &'s TableStyles,
    budget: u64,
    left: u64,
    /// The current row, from 1.
    row: u64,
    column: u64,
    /// The last stored row of the sheet.
    stored_row: u32,
    /// The last column of the last stored cell of the row.
    stored_column: u32,
    /// The cells of the current row, and bytes that they count for if it is repeated.
    cells: Vec<u8>,
    counted: u64,
    /// The merged areas that begin in the current row: column, rows, columns.
    areas: Vec<(u64, u64, u64)>,
    merges: MergeList,
    /// The text of the current cell.
    text: Vec<u8>,
}

impl<'s, R: Read> Reader<'s, R> {
    fn new(source: R, budget: TextBudget, common_styles: &'s TableStyles) -> Result<Self, Fault> {
        Ok(Reader {
            scanner: Scanner::new(source)?,
            sheets: Vec::new(),
            tables: Vec::new(),
            date_epoch: DateEpoch::default(),
            common_styles,
            budget: budget.get(),
            left: budget.get(),
            row: 0,
            column: 0,
            stored_row: 0,
            stored_column: 0,
            cells: Vec::new(),
            counted: 0,
            areas: Vec::new(),
            merges: MergeList::default(),
            text: Vec::new(),
        })
    }

    fn read_document(&mut self) -> Result<Body, Fault> {
        let mut styles = TableStyles::default();
        let (mut in_styles, mut in_body, mut in_sheets) = (false, false, false);
        let mut body = Body::Other;
        loop {
            match self.scanner.token()? {
                Token::Start(tag) => match (tag.depth, tag.local_name()) {
                    (0, b"document-content") => {}
                    (0, _) => return Err(Problem::OtherContent.into()),
                    (1, name) => {
                        in_styles = name == b"automatic-styles" && !tag.is_empty;
                        in_body = name == b"body" && !tag.is_empty;
                    }
                    _ if in_styles => styles.start(&tag)?,
                    (2, b"spreadsheet") if in_body => {
                        body = Body::Spreadsheet;
                        in_sheets = !tag.is_empty;
                    }
                    (3, b"table") if in_sheets => {
                        if self.sheets.len() == MOST_SHEETS {
                            return Err(Bound::Sheets.into());
                        }
                        let is_empty = tag.is_empty;
                        let sheet = read_sheet(&tag, &styles, self.common_styles)?;
                        self.sheets.push(sheet);
                        let table = self.read_table(is_empty)?;
                        self.tables.push(table);
                    }
                    (4, b"null-date") if in_sheets => {
                        for attribute in tag.attributes() {
                            let attribute = attribute?;
                            if attribute.local_name() == b"date-value"
                                && attribute.raw.starts_with(b"1904-01-01")
                            {
                                // The dates before it were counted from 1900.
                                if !self.sheets.is_empty() {
                                    return Err(Problem::OtherContent.into());
                                }
                                self.date_epoch = DateEpoch::Year1904;
                            }
                        }
                    }
                    _ => {}
                },
                Token::End(1) => (in_styles, in_body, in_sheets) = (false, false, false),
                Token::End(2) => in_sheets = false,
                Token::Finished => return Ok(body),
                _ => {}
            }
        }
    }

    /// Reads the sheet whose start tag was read last. After a fault of the sheet the rest
    /// of it is skipped.
    fn read_table(&mut self, is_empty: bool) -> Result<Table, Fault> {
        let mut table = Table::default();
        (self.row, self.stored_row) = (0, 0);
        self.merges = MergeList::default();
        if is_empty {
            return Ok(table);
        }
        let outside = self.scanner.depth() - 1;
        match self.read_rows(&mut table, outside) {
            Ok(()) => {}
            Err(Stop::Part(fault)) => return Err(fault),
            Err(Stop::Sheet(fault)) => {
                let shown = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
                table.fault = Some((fault, shown(self.row), shown(self.column)));
                while self.scanner.depth() > outside {
                    if let Token::Finished = self.scanner.token()? {
                        return Err(Problem::CutShort.into());
                    }
                }
            }
        }
        table.merged = std::mem::take(&mut self.merges).finish();
        Ok(table)
    }

    fn read_rows(&mut self, table: &mut Table, outside: usize) -> Result<(), Stop> {
        loop {
            self.column = 0;
            match self.scanner.token()? {
                Token::Start(tag) => match tag.local_name() {
                    b"table-row" => {
                        let mut times = 1;
                        for attribute in tag.attributes() {
                            let attribute = attribute?;
                            if attribute.local_name() == b"number-rows-repeated" {
                                times = parse_times(&attribute)?;
                            }
                        }
                        let is_empty = tag.is_empty;
                        self.row = self.row.saturating_add(1);
                        if !is_empty {
                            self.read_row(table, times)?;
                        }
                        self.row = self.row.saturating_add(times - 1);
                    }
                    // Their content comes with the next tokens.
                    b"table-rows" | b"table-header-rows" | b"table-row-group" => {}
                    _ => {
                        let is_empty = tag.is_empty;
                        self.scanner.skip(is_empty)?;
                    }
                },
                Token::End(depth) if depth == outside => return Ok(()),
                Token::Finished => return Err(XmlFault::CutShort.into()),
                _ => {}
            }
        }
    }

    /// Reads the row whose start tag was read last.
    fn read_row(&mut self, table: &mut Table, times: u64) -> Result<(), Stop> {
        self.cells.clear();
        self.areas.clear();
        (self.stored_column, self.counted) = (0, 0);
        let outside = self.scanner.depth() - 1;
        loop {
            match self.scanner.token()? {
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    match tag.local_name() {
                        // The value of a covered cell counts, as in an XLSX workbook.
                        b"table-cell" | b"covered-table-cell" => {
                            let cell = Cell::read(&tag)?;
                            self.column = self.column.saturating_add(1);
                            self.read_cell(&cell, is_empty)?;
                            self.column = self.column.saturating_add(cell.times - 1);
                        }
                        _ => self.scanner.skip(is_empty)?,
                    }
                }
                Token::End(depth) if depth == outside => break,
                Token::Finished => return Err(XmlFault::CutShort.into()),
                _ => {}
            }
        }
        self.column = 0;
        self.end_row(table, times)
    }

    /// Reads the content of the cell whose start tag was read last, and stores its value.
    fn read_cell(&mut self, cell: &Cell, is_empty: bool) -> Result<(), Stop> {
        self.text.clear();
        if !is_empty {
            self.read_text()?;
        }
        if cell.rows_spanned > 1 || cell.columns_spanned > 1 {
            self.charge(OVERHEAD)?;
            self.areas
                .push((self.column, cell.rows_spanned, cell.columns_spanned));
        }
        let (kind, own) = match cell.value(&self.text, self.date_epoch) {
            None => return Ok(()),
            Some(Found::Own(kind)) => (kind, None),
            Some(Found::With(kind, text)) => (kind, Some(text)),
        };
        let last = self.column.saturating_add(cell.times - 1);
        if last > u64::from(MOST_COLUMNS) {
            self.column = self.column.max(u64::from(MOST_COLUMNS) + 1);
            return Err(Bound::Columns.into());
        }
        let text = own.as_deref().unwrap_or(&self.text);
        let text = match kind {
            stored::TRUE | stored::FALSE | stored::NO_RESULT => &[],
            _ => text,
        };
        // No token is longer than its limit, and the sum of a cell's texts is checked.
        let length = u32::try_from(text.len()).map_err(|_| Bound::CellCharacters)?;
        let expanded = (u64::from(length) + EACH_TIME).saturating_mul(cell.times);
        self.counted = self.counted.saturating_add(expanded);
        let taken = expanded.saturating_add(OVERHEAD);
        self.left = self
            .left
            .checked_sub(taken)
            .ok_or(Bound::Text(self.budget))?;
        self.cells.push(kind);
        put_number(&mut self.cells, self.column as u32 - self.stored_column);
        put_number(&mut self.cells, cell.times as u32);
        put_number(&mut self.cells, length);
        self.cells.extend_from_slice(text);
        self.stored_column = last as u32;
        if self.cells.len() > MOST_ROW_BYTES {
            return Err(Bound::RowBytes.into());
        }
        Ok(())
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Bound> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(Bound::Text(self.budget))?;
        Ok(())
    }

    /// Stores the current row: rows down from the last stored one, how often it is
    /// repeated, the length of its cells in bytes, and the cells.
    fn end_row(&mut self, table: &mut Table, times: u64) -> Result<(), Stop> {
        let last = self.row.saturating_add(times - 1);
        if !self.areas.is_empty() {
            self.charge((times - 1).saturating_mul(OVERHEAD))?;
            self.add_areas(last)?;
        }
        if self.cells.is_empty() {
            return Ok(());
        }
        if last > u64::from(MOST_ROWS) {
            self.row = self.row.max(u64::from(MOST_ROWS) + 1);
            return Err(Bound::Rows.into());
        }
        let repeated = self.counted.saturating_mul(times - 1);
        self.charge(repeated.saturating_add(OVERHEAD))?;
        if table
            .rows
            .last()
            .is_none_or(|piece| piece.len() >= PIECE_BYTES)
        {
            table.rows.push(Vec::new());
        }
        let length = u32::try_from(self.cells.len()).map_err(|_| Bound::RowBytes)?;
        if let Some(piece) = table.rows.last_mut() {
            put_number(piece, self.row as u32 - self.stored_row);
            put_number(piece, times as u32);
            put_number(piece, length);
            piece.extend_from_slice(&self.cells);
        }
        self.stored_row = last as u32;
        Ok(())
    }

    /// Adds the merged areas that begin in the current row, and in its repetitions up to
    /// the row `last`.
    fn add_areas(&mut self, last: u64) -> Result<(), Stop> {
        let most = u64::from(u32::MAX);
        for row in self.row..=last {
            for (column, rows, columns) in &self.areas {
                let number = |number: u64| number.min(most) as u32;
                self.merges.add(Area {
                    first_row: number(row),
                    first_column: number(*column),
                    last_row: number(row.saturating_add(rows - 1)),
                    last_column: number(column.saturating_add(columns - 1)),
                })?;
            }
        }
        Ok(())
    }

    /// Reads the text of the cell whose start tag was read last: its paragraphs, one a
    /// line. Annotations and drawings are skipped.
    fn read_text(&mut self) -> Result<(), Stop> {
        let outside = self.scanner.depth() - 1;
        let mut has_paragraph = false;
        loop {
            if self.text.len() > MOST_TOKEN_BYTES {
                return Err(Bound::CellCharacters.into());
            }
            match self.scanner.token()? {
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    match tag.local_name() {
                        b"p" | b"h" => {
                            if has_paragraph {
                                self.text.push(b'\n');
                            }
                            has_paragraph = true;
                            if !is_empty {
                                self.read_paragraph()?;
                            }
                        }
                        b"list" | b"list-item" | b"list-header" | b"section" => {}
                        b"table" => return Err(Problem::SecondTable.into()),
                        _ => self.scanner.skip(is_empty)?,
                    }
                }
                Token::End(depth) if depth == outside => return Ok(()),
                Token::Finished => return Err(XmlFault::CutShort.into()),
                _ => {}
            }
        }
    }

    /// Appends the text of the paragraph whose start tag was read last. White space
    /// counts as one space, and as none at the start (ODF 1.3, part 3, 6.1.2).
    fn read_paragraph(&mut self) -> Result<(), Stop> {
        let outside = self.scanner.depth() - 1;
        let mut is_after_space = true;
        loop {
            if self.text.len() > MOST_TOKEN_BYTES {
                return Err(Bound::CellCharacters.into());
            }
            let start = self.text.len();
            match self.scanner.token()? {
                Token::Text(raw) => {
                    push_text(raw, &mut self.text)?;
                    is_after_space = collapse(&mut self.text, start, is_after_space);
                }
                Token::Data(raw) => {
                    self.text.extend_from_slice(raw);
                    is_after_space = collapse(&mut self.text, start, is_after_space);
                }
                Token::Start(tag) => {
                    let is_empty = tag.is_empty;
                    match tag.local_name() {
                        b"s" => {
                            let mut count = 1;
                            for attribute in tag.attributes() {
                                let attribute = attribute?;
                                if attribute.local_name() == b"c" {
                                    count = parse_times(&attribute)?;
                                }
                            }
                            if count > MOST_CELL_CHARACTERS as u64 {
                                return Err(Bound::CellCharacters.into());
                            }
                            self.text.resize(start + count as usize, b' ');
                            is_after_space = false;
                        }
                        b"tab" => {
                            self.text.push(b'\t');
                            is_after_space = false;
                        }
                        b"line-break" => {
                            self.text.push(b'\n');
                            is_after_space = false;
                        }
                        name if is_not_text(name) => self.scanner.skip(is_empty)?,
                        // Spans, links and fields: their text comes with the next tokens.
                        _ => {}
                    }
                }
                Token::End(depth) if depth == outside => return Ok(()),
                Token::Finished => return Err(XmlFault::CutShort.into()),
                Token::End(_) => {}
            }
        }
    }
}

impl Cell {
    fn read(tag: &Tag<'_>) -> Result<Self, Stop> {
        let mut cell = Cell {
            times: 1,
            rows_spanned: 1,
            columns_spanned: 1,
            ..Cell::default()
        };
        for attribute in tag.attributes() {
            let attribute = attribute?;
            match attribute.local_name() {
                // LibreOffice writes it twice, and an error only in its own name space.
                b"value-type" => match attribute.raw {
                    b"error" => cell.is_error = true,
                    b"float" | b"percentage" | b"currency" => {
                        cell.kind = Some(ValueType::Number);
                    }
                    b"date" => cell.kind = Some(ValueType::Date),
                    b"time" => cell.kind = Some(ValueType::Time),
                    b"boolean" => cell.kind = Some(ValueType::Boolean),
                    b"string" => cell.kind = Some(ValueType::Text),
                    b"void" => cell.kind = Some(ValueType::Nothing),
                    _ => return Err(Problem::CellKind.into()),
                },
                b"formula" => cell.is_formula = true,
                b"number-columns-repeated" => cell.times = parse_times(&attribute)?,
                b"number-rows-spanned" => cell.rows_spanned = parse_times(&attribute)?,
                b"number-columns-spanned" => cell.columns_spanned = parse_times(&attribute)?,
                name => {
                    if let Some(index) = VALUES.iter().position(|(known, _)| *known == name) {
                        let text = attribute.text()?.into_owned().into_bytes();
                        cell.values[index] = Some(text);
                    }
                }
            }
        }
        Ok(cell)
    }

    /// Returns the value of the cell. `text` is what it shows.
    fn value(&self, text: &[u8], epoch: DateEpoch) -> Option<Found> {
        // Older programs give an error no type of its own.
        if self.is_error || self.is_formula && is_error_text(text) {
            return Some(match text.is_empty() {
                true => Found::With(stored::ERROR, b"#ERROR".to_vec()),
                false => Found::Own(stored::ERROR),
            });
        }
        let of = |kind: ValueType| {
            let index = VALUES.iter().position(|(_, known)| *known == kind)?;
            self.values[index].as_deref().map(trim)
        };
        let stated = VALUES.iter().map(|(_, kind)| *kind);
        let kind = self
            .kind
            .or_else(|| stated.into_iter().find(|kind| of(*kind).is_some()));
        let shown = || match text.is_empty() {
            true => None,
            false => Some(Found::Own(stored::TEXT)),
        };
        let with = |kind: u8, text: &[u8]| Some(Found::With(kind, text.to_vec()));
        let value = kind.and_then(of).filter(|value| !value.is_empty());
        let found = match (kind, value) {
            (Some(ValueType::Nothing), _) => None,
            (Some(ValueType::Text), _) => {
                let [.., string] = &self.values;
                match string.as_deref().filter(|string| !string.is_empty()) {
                    Some(string) => with(stored::TEXT, string),
                    None => return shown(),
                }
            }
            (None, _) | (_, None) => shown(),
            (Some(ValueType::Number), Some(value)) => match is_number(value) {
                true => with(stored::NUMBER, value),
                false => with(stored::TEXT, value),
            },
            (Some(ValueType::Date), Some(value)) => match Moment::parse(value) {
                Some(moment) => with(
                    match moment.has_time {
                        true => stored::MOMENT,
                        false => stored::DATE,
                    },
                    moment.serial(epoch).to_string().as_bytes(),
                ),
                None => with(stored::ISO_DATE, value),
            },
            (Some(ValueType::Time), Some(value)) => match days_of_duration(value) {
                Some(days) => with(stored::DURATION, days.to_string().as_bytes()),
                None => with(stored::TEXT, value),
            },
            (Some(ValueType::Boolean), Some(b"true" | b"1")) => Some(Found::Own(stored::TRUE)),
            (Some(ValueType::Boolean), Some(b"false" | b"0")) => Some(Found::Own(stored::FALSE)),
            (Some(ValueType::Boolean), Some(value)) => with(stored::TEXT, value),
        };
        found.or_else(|| self.is_formula.then_some(Found::Own(stored::NO_RESULT)))
    }
}

/// Collapses the white space of a text from `start` on. Returns whether the text ends
/// with white space that can be continued.
fn collapse(text: &mut Vec<u8>, start: usize, mut is_after_space: bool) -> bool {
    let mut end = start;
    for at in start..text.len() {
        let is_space = matches!(text[at], b' ' | b'\t' | b'\n' | b'\r');
        if is_space && is_after_space {
            continue;
        }
        text[end] = if is_space { b' ' } else { text[at] };
        end += 1;
        is_after_space = is_space;
    }
    text.truncate(end);
    is_after_space
}

/// Returns whether an element inside a paragraph is no part of its text: annotations,
/// notes, readings of characters, and drawings.
fn is_not_text(name: &[u8]) -> bool {
    matches!(
        name,
        b"annotation"
            | b"annotation-end"
            | b"note"
            | b"ruby-text"
            | b"script"
            | b"event-listeners"
            | b"frame"
            | b"g"
            | b"rect"
            | b"line"
            | b"polyline"
            | b"polygon"
            | b"regular-polygon"
            | b"path"
            | b"circle"
            | b"ellipse"
            | b"connector"
            | b"caption"
            | b"measure"
            | b"control"
            | b"custom-shape"
            | b"scene"
    )
}

/// Returns whether a text is an error as spreadsheets show it.
fn is_error_text(text: &[u8]) -> bool {
    let is_numbered = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    ErrorValue::of(text) != ErrorValue::Other || text.strip_prefix(b"Err:").is_some_and(is_numbered)
}

/// Parses how often something is repeated, or how many cells it covers. 0 counts as 1, as
/// in LibreOffice; numbers beyond 64 bits as the largest.
fn parse_times(attribute: &Attribute<'_>) -> Result<u64, Stop> {
    let text = attribute.text()?;
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Reference.into());
    }
    Ok(digits.parse().unwrap_or(u64::MAX).max(1))
}

fn read_sheet(tag: &Tag<'_>, own: &TableStyles, common: &TableStyles) -> Result<Sheet, Fault> {
    let mut style = String::new();
    let mut sheet = Sheet {
        name: String::new(),
        visibility: Visibility::Visible,
        kind: SheetKind::Worksheet,
        part: Some(PART.to_owned()),
    };
    for attribute in tag.attributes() {
        let attribute = attribute?;
        match attribute.local_name() {
            b"name" => sheet.name = owned_value(&attribute)?,
            b"style-name" => style = owned_value(&attribute)?,
            _ => {}
        }
    }
    if own.hide(&style, common) {
        sheet.visibility = Visibility::Hidden;
    }
    Ok(sheet)
}
