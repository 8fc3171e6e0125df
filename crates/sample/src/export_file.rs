//! Writes rows as an agency's system would, with its headers, codes, encoding and dirt.

use std::collections::BTreeMap;

use aidlink_faults::fault::Fault;
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::FieldType;
use encoding_rs::GB18030;
use jiff::civil::Date;
use rand::{Rng, RngExt};

use super::columns::{OtherColumn, Part};
use super::dirt::{self, DirtChoice, Kind};
use super::person::Population;
use super::row::Row;
use super::truth::DirtCount;
use super::workbook::Workbook;
use aidlink_office::output_folder::StreamedFile;

/// The style of an agency's exports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// UTF-8, canonical headers and codes.
    Plain,
    /// UTF-8 with byte-order mark, CR LF, labels.
    Labels,
    /// A workbook with a merged title and date cells.
    Workbook,
    /// GB18030, two title lines, a total line, dates as 2024年5月1日.
    Gb18030WithTitle,
    /// UTF-8 with byte-order mark, CR LF, empty trailing columns, dates as 2024/5/1.
    Excel,
    /// UTF-8, certificate numbers in the ID column, dates as 20240501.
    CertificateNumbers,
    /// UTF-8, semicolons, every field quoted, columns in reverse order.
    Semicolons,
}

impl Style {
    /// Returns the file extension.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Style::Workbook => "xlsx",
            _ => "csv",
        }
    }

    fn is_utf8_text(self) -> bool {
        !matches!(self, Style::Gb18030WithTitle | Style::Workbook)
    }

    fn starts_with_mark(self) -> bool {
        matches!(self, Style::Excel | Style::Labels)
    }
}

/// The number of rows that are encoded and written together.
const ROWS_PER_PIECE: usize = 4096;

/// The number of forms of [`date_in_form`].
const DATE_FORMS: usize = 7;

/// A line to be written: its cells, and damage to apply to the CSV text.
struct Line {
    cells: Vec<String>,
    damage: Option<Kind>,
}

/// An export that is being written.
pub(super) struct ExportFile<'s> {
    style: Style,
    dirt: &'s DirtChoice,
    fields: Vec<&'s Field>,
    other_column: Option<OtherColumn>,
    file: StreamedFile,
    piece: Vec<Line>,
    workbook: Option<Workbook>,
    rows: u64,
    started: bool,
    counts: BTreeMap<Kind, DirtCount>,
}

impl<'s> ExportFile<'s> {
    pub(super) fn new(
        schema: &'s ExportSchema,
        part: &Part,
        style: Style,
        dirt: &'s DirtChoice,
        file: StreamedFile,
    ) -> Self {
        let named = |name: &&str| schema.fields.iter().find(|field| field.name == **name);
        let mut fields: Vec<&Field> = match part.fields {
            Some(names) => names.iter().filter_map(named).collect(),
            None => schema.fields.iter().collect(),
        };
        if style == Style::Semicolons {
            fields.reverse();
        }
        let mut export = ExportFile {
            style,
            dirt,
            fields,
            other_column: part.other_column,
            file,
            piece: Vec::new(),
            workbook: None,
            rows: 0,
            started: false,
            counts: BTreeMap::new(),
        };
        if style == Style::Gb18030WithTitle {
            export.line(&["社会救助对象花名册（合成数据）"]);
            export.line(&["单位：元"]);
        }
        let other = export.other_column.map(|(header, _)| header.to_owned());
        let fields = export.fields.iter().map(|field| export.header(field));
        let header: Vec<String> = fields.chain(other).collect();
        if style == Style::Workbook {
            export.workbook = Some(Workbook::new(&schema.title.zh, &header));
        } else {
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            export.line(&header);
        }
        export
    }

    /// Adds a line that begins with the given cells; the others are empty.
    fn line(&mut self, cells: &[&str]) {
        let columns = self.fields.len() + usize::from(self.other_column.is_some());
        let mut line = vec![String::new(); columns];
        for (cell, text) in line.iter_mut().zip(cells) {
            (*text).clone_into(cell);
        }
        self.push(line, None);
    }

    fn push(&mut self, mut cells: Vec<String>, damage: Option<Kind>) {
        if self.style == Style::Excel {
            cells.extend([String::new(), String::new()]);
        }
        self.piece.push(Line { cells, damage });
    }

    /// Writes a row with its dirt.
    fn row(
        &mut self,
        random: &mut impl Rng,
        population: &Population,
        row: &Row,
    ) -> Result<(), Fault> {
        let (id_dirt, id_cell) = self.soiled_id(random, population, row).unzip();
        let lost = id_dirt.is_some_and(|kind| !kind.is_recoverable());
        let can = |kind| match kind {
            // ASCII is the same in both encodings.
            Kind::OtherEncoding => {
                let ascii = row.values.iter().all(|(_, value)| value.is_ascii());
                self.style.is_utf8_text() && (self.style != Style::Plain || !ascii)
            }
            Kind::RepeatedRow => true,
            Kind::MixedDates => {
                self.style != Style::Workbook && self.has_value(row, FieldType::Date)
            }
            Kind::OtherCodes => {
                self.style != Style::Workbook
                    && (self.has_value(row, FieldType::Boolean)
                        || self.has_value(row, FieldType::String))
            }
            // At most one kind of damage per row, so that each rejected row counts once.
            Kind::StrayQuote | Kind::SurplusCell => self.style != Style::Workbook && !lost,
            _ => false,
        };
        let mut has = |kind| can(kind) && self.dirt.has(random, kind, row.planted);
        let mixed_dates = has(Kind::MixedDates);
        let other_codes = has(Kind::OtherCodes);
        let repeated = has(Kind::RepeatedRow);
        let damage = [Kind::OtherEncoding, Kind::StrayQuote, Kind::SurplusCell]
            .into_iter()
            .find(|kind| has(*kind));
        let other = self.other_column.map(|(_, cell)| cell(row).to_owned());
        let cells: Vec<String> = self
            .fields
            .iter()
            .map(|field| match (&id_cell, field.role) {
                (Some(cell), Role::NationalId) => String::clone(cell),
                (None, Role::NationalId) => self.clean_id(random, row),
                _ => self.cell(random, field, row, mixed_dates, other_codes),
            })
            .chain(other)
            .collect();
        let others = [
            mixed_dates.then_some(Kind::MixedDates),
            other_codes.then_some(Kind::OtherCodes),
            repeated.then_some(Kind::RepeatedRow),
            damage,
        ];
        for _ in 0..=usize::from(repeated) {
            self.rows += 1;
            for kind in id_dirt.iter().chain(others.iter().flatten()) {
                self.counts.entry(*kind).or_default().add(row.planted);
            }
            match &mut self.workbook {
                Some(workbook) => workbook.row(&self.fields, &cells),
                None => self.push(cells.clone(), damage),
            }
        }
        if self.style == Style::Excel && random.random_bool(0.0005) {
            self.line(&[]);
        }
        if self.piece.len() >= ROWS_PER_PIECE {
            self.write_piece()?;
        }
        Ok(())
    }

    /// Returns whether the row has a value in a field of this type.
    fn has_value(&self, row: &Row, field_type: FieldType) -> bool {
        self.fields.iter().any(|field| {
            field.field_type == field_type
                && field.role != Role::NationalId
                && !row.value(&field.name).is_empty()
        })
    }

    /// Returns the kind of dirt of the row's ID cell and the cell with it; `None` if the
    /// cell is clean.
    fn soiled_id(
        &self,
        random: &mut impl Rng,
        population: &Population,
        row: &Row,
    ) -> Option<(Kind, String)> {
        let kind = if row.damaged {
            dirt::beyond_repair(random)
        } else {
            self.dirt.of_id(random, row.planted)?
        };
        // Another person's number is recognisable only by a birth date that differs.
        let states_birth = |field: &&Field| field.role == Role::BirthDate;
        if kind == Kind::Guardian && !self.fields.iter().any(states_birth) {
            return None;
        }
        let long = self.long_id(random, kind, row);
        dirt::soil(random, kind, &row.id, &long, population).map(|cell| (kind, cell))
    }

    /// Writes the remaining rows. Returns the number of rows with each kind of dirt.
    fn finish(mut self) -> Result<BTreeMap<Kind, DirtCount>, Fault> {
        if self.style == Style::Gb18030WithTitle {
            let persons = format!("{}人", self.rows);
            self.line(&["合计", &persons]);
        }
        match self.workbook.take() {
            Some(workbook) => self.file.write_piece(&workbook.bytes())?,
            None => self.write_piece()?,
        }
        self.file.finish()?;
        Ok(self.counts)
    }

    fn write_piece(&mut self) -> Result<(), Fault> {
        let bytes = self.encode(&self.piece);
        self.piece.clear();
        if !self.started && self.style.starts_with_mark() {
            self.file.write_piece(b"\xef\xbb\xbf")?;
        }
        self.started = true;
        self.file.write_piece(&bytes)
    }

    fn header(&self, field: &Field) -> String {
        match (self.style, field.role) {
            (Style::Plain, _) => field.name.clone(),
            (Style::CertificateNumbers, Role::NationalId) => "残疾人证号".to_owned(),
            (Style::Gb18030WithTitle, Role::NationalId) => "公民身份号码".to_owned(),
            (Style::Excel, Role::NationalId) => "身份证件号".to_owned(),
            _ => field.title.zh.clone(),
        }
    }

    /// Returns the clean ID cell. The disabled persons' federation mostly writes the number
    /// of the certificate, and some certificates are reissued.
    fn clean_id(&self, random: &mut impl Rng, row: &Row) -> String {
        if self.style != Style::CertificateNumbers || random.random_bool(0.15) {
            return row.id.clone();
        }
        let (class, grade) = (row.value("class"), row.value("grade"));
        let reissue = if random.random_bool(0.05) { "B1" } else { "" };
        format!("{}{class}{grade}{reissue}", row.id)
    }

    /// Like [`Self::clean_id`], but returns the plain ID number for kinds of dirt that do
    /// not fit a certificate number.
    fn long_id(&self, random: &mut impl Rng, kind: Kind, row: &Row) -> String {
        if kind == Kind::FifteenDigits || !kind.is_recoverable() {
            row.id.clone()
        } else {
            self.clean_id(random, row)
        }
    }

    fn cell(
        &self,
        random: &mut impl Rng,
        field: &Field,
        row: &Row,
        mixed_dates: bool,
        other_codes: bool,
    ) -> String {
        let value = row.value(&field.name);
        if value.is_empty() {
            return String::new();
        }
        let labels = (self.style != Style::Plain) != other_codes;
        match field.field_type {
            FieldType::Date if mixed_dates => {
                date_in_form(value, random.random_range(0..DATE_FORMS))
            }
            FieldType::Date => date_in_form(value, self.usual_date_form()),
            FieldType::Boolean if labels => (if value == "true" { "是" } else { "否" }).to_owned(),
            FieldType::String | FieldType::Integer if labels => raw_code(random, field, value),
            _ => value.to_owned(),
        }
    }

    fn usual_date_form(&self) -> usize {
        match self.style {
            Style::Gb18030WithTitle => 1,
            Style::Excel => 2,
            Style::CertificateNumbers => 3,
            _ => 0,
        }
    }

    fn encode(&self, piece: &[Line]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for lines in piece.chunk_by(|one, other| one.damage.is_none() && other.damage.is_none()) {
            let damage = lines.first().and_then(|line| line.damage);
            let mut text = self.csv(lines);
            match damage {
                None | Some(Kind::OtherEncoding) => {}
                // Removes the last closing quote, or inserts an opening quote.
                Some(Kind::StrayQuote) => match text.rfind('"') {
                    Some(at) if self.style == Style::Semicolons => {
                        text.remove(at);
                    }
                    _ => text.insert(0, '"'),
                },
                Some(_) => {
                    let end = text.trim_end_matches(['\r', '\n']).len();
                    let separator = char::from(self.delimiter());
                    text.insert_str(end, &format!("{separator}多余"));
                }
            }
            if damage == Some(Kind::OtherEncoding) || self.style == Style::Gb18030WithTitle {
                bytes.extend_from_slice(&GB18030.encode(&text).0);
            } else {
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    fn delimiter(&self) -> u8 {
        match self.style {
            Style::Semicolons => b';',
            _ => b',',
        }
    }

    fn csv(&self, lines: &[Line]) -> String {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter())
            .terminator(if self.style.starts_with_mark() {
                csv::Terminator::CRLF
            } else {
                csv::Terminator::Any(b'\n')
            })
            .quote_style(if self.style == Style::Semicolons {
                csv::QuoteStyle::Always
            } else {
                csv::QuoteStyle::Necessary
            })
            .from_writer(Vec::new());
        for line in lines {
            // Rows have equal width, and writing to memory cannot fail.
            let _ = writer.write_record(&line.cells);
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

/// The files of an export that are being written.
pub(super) struct ExportFiles<'s>(pub(super) Vec<(Part, ExportFile<'s>)>);

impl ExportFiles<'_> {
    /// Writes a row to each file that holds it.
    pub(super) fn row(
        &mut self,
        random: &mut impl Rng,
        population: &Population,
        row: &Row,
    ) -> Result<(), Fault> {
        for (_, file) in self.0.iter_mut().filter(|(part, _)| part.holds(row)) {
            file.row(random, population, row)?;
        }
        Ok(())
    }

    /// Writes the remaining rows. Returns the number of rows with each kind of dirt.
    pub(super) fn finish(self) -> Result<BTreeMap<Kind, DirtCount>, Fault> {
        let mut counts: BTreeMap<Kind, DirtCount> = BTreeMap::new();
        for (_, file) in self.0 {
            for (kind, count) in file.finish()? {
                counts.entry(kind).or_default().join(count);
            }
        }
        Ok(counts)
    }
}

/// Writes a date in one of the forms of real exports.
fn date_in_form(iso: &str, form: usize) -> String {
    let parts: Vec<&str> = iso.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return iso.to_owned();
    };
    let short = |part: &str| part.trim_start_matches('0').to_owned();
    match form {
        1 => format!("{year}年{}月{}日", short(month), short(day)),
        2 => format!("{year}/{}/{}", short(month), short(day)),
        3 => format!("{year}{month}{day}"),
        4 => format!("{year}.{month}.{day}"),
        5 => format!("{iso} 00:00:00"),
        6 => excel_serial(iso).unwrap_or_else(|| iso.to_owned()),
        _ => iso.to_owned(),
    }
}

/// Returns the serial number of a date in Excel's 1900 system. Returns `None` before
/// 1955, where serial numbers are easily mistaken for other numbers.
fn excel_serial(iso: &str) -> Option<String> {
    let date: Date = iso.parse().ok()?;
    let days = (date - Date::constant(1899, 12, 30)).get_days();
    (date.year() >= 1955).then(|| days.to_string())
}

/// Returns one of the Chinese raw values that the schema maps to the code, because
/// the offices of one agency write it differently; if there is none, the code itself.
fn raw_code(random: &mut impl Rng, field: &Field, code: &str) -> String {
    let of_code = || {
        field
            .written_codes
            .iter()
            .filter(|(raw, mapped)| mapped.as_str() == code && !raw.is_ascii())
            .map(|(raw, _)| raw)
    };
    let count = of_code().count();
    if count == 0 {
        return code.to_owned();
    }
    let chosen = of_code().nth(random.random_range(0..count));
    chosen.cloned().unwrap_or_default()
}
