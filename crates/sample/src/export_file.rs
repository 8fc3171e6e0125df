//! Writes rows as an agency's system would, with its headers, codes, encoding and dirt.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use aidlink_faults::fault::Fault;
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::FieldType;
use csv::StringRecord;
use jiff::civil::Date;
use rand::{Rng, RngExt};

use super::columns::{OtherColumn, Part};
use super::dirt::{self, DirtChoice, Kind};
use super::line_writer::{Line, LineWriter};
use super::person::Population;
use super::row::Row;
use super::style::Style;
use super::truth::DirtCount;
use super::workbook::Workbook;
use aidlink_office::output_folder::StreamedFile;

/// The usual length of a line in bytes; longer ones grow.
const LINE_BYTES: usize = 256;

/// The number of forms of [`date_in_form`].
const DATE_FORMS: usize = 7;

/// What the rows of an export are written to.
enum Rows {
    Text(LineWriter),
    Workbook(Box<(Workbook, StreamedFile)>),
}

/// An export that is being written.
pub(super) struct ExportFile<'s> {
    style: Style,
    dirt: &'s DirtChoice,
    fields: Vec<&'s Field>,
    /// The labels of each code of each field.
    labels: Vec<Labels<'s>>,
    other_column: Option<OtherColumn>,
    rows: Rows,
    count: u64,
    dirt_counts: BTreeMap<Kind, DirtCount>,
}

impl<'s> ExportFile<'s> {
    /// Starts a file and writes its header.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn new(
        schema: &'s ExportSchema,
        part: &Part,
        style: Style,
        dirt: &'s DirtChoice,
        file: StreamedFile,
    ) -> Result<Self, Fault> {
        let named = |name: &&str| schema.fields.iter().find(|field| field.name == **name);
        let mut fields: Vec<&Field> = match part.fields {
            Some(names) => names.iter().filter_map(named).collect(),
            None => schema.fields.iter().collect(),
        };
        if style == Style::Semicolons {
            fields.reverse();
        }
        let other = part.other_column.map(|(header, _)| header.to_owned());
        let named = fields.iter().map(|field| header(style, field));
        let header: Vec<String> = named.chain(other).collect();
        let rows = match style {
            Style::Workbook => {
                let workbook = Workbook::new(&schema.title.zh, &header);
                Rows::Workbook(Box::new((workbook, file)))
            }
            _ => Rows::Text(LineWriter::new(style, file)),
        };
        let mut export = ExportFile {
            style,
            dirt,
            labels: fields.iter().map(|field| labels(field)).collect(),
            fields,
            other_column: part.other_column,
            rows,
            count: 0,
            dirt_counts: BTreeMap::new(),
        };
        if style == Style::Gb18030WithTitle {
            export.line(&["社会救助对象花名册（合成数据）"])?;
            export.line(&["单位：元"])?;
        }
        if style != Style::Workbook {
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            export.line(&header)?;
        }
        Ok(export)
    }

    /// Adds a line that begins with the given cells; the others are empty.
    fn line(&mut self, cells: &[&str]) -> Result<(), Fault> {
        let columns = self.fields.len() + usize::from(self.other_column.is_some());
        let cells = cells.iter().copied().chain(std::iter::repeat(""));
        self.push(cells.take(columns).collect(), None)
    }

    fn push(&mut self, mut cells: StringRecord, damage: Option<Kind>) -> Result<(), Fault> {
        if self.style == Style::Excel {
            cells.extend(["", ""]);
        }
        match &mut self.rows {
            Rows::Text(lines) => lines.push(Line { cells, damage }),
            Rows::Workbook(written) => {
                written.0.row(&self.fields, &cells);
                Ok(())
            }
        }
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
                self.style.is_utf8_text() && (self.style != Style::Plain || !row.is_ascii())
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
        let mut cells = StringRecord::with_capacity(LINE_BYTES, self.fields.len() + 3);
        for (field, labels) in self.fields.iter().zip(&self.labels) {
            let cell = match (&id_cell, field.role) {
                (Some(cell), Role::NationalId) => Cow::Borrowed(cell.as_str()),
                (None, Role::NationalId) => self.clean_id(random, row),
                _ => match row.value(&field.name) {
                    "" => Cow::Borrowed(""),
                    value if mixed_dates && field.field_type == FieldType::Date => {
                        date_in_form(value, random.random_range(0..DATE_FORMS))
                    }
                    value => self.cell(random, (field, labels), value, other_codes),
                },
            };
            cells.push_field(&cell);
        }
        if let Some((_, cell)) = self.other_column {
            cells.push_field(cell(row));
        }
        let others = [
            mixed_dates.then_some(Kind::MixedDates),
            other_codes.then_some(Kind::OtherCodes),
            repeated.then_some(Kind::RepeatedRow),
            damage,
        ];
        for is_last in [false, true].into_iter().skip(usize::from(!repeated)) {
            self.count += 1;
            for kind in id_dirt.iter().chain(others.iter().flatten()) {
                let count = self.dirt_counts.entry(*kind).or_default();
                count.add(row.planted);
            }
            let cells = match is_last {
                true => std::mem::take(&mut cells),
                false => cells.clone(),
            };
            self.push(cells, damage)?;
        }
        if self.style == Style::Excel && random.random_bool(0.0005) {
            self.line(&[])?;
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
            let persons = format!("{}人", self.count);
            self.line(&["合计", &persons])?;
        }
        match self.rows {
            Rows::Text(lines) => lines.finish()?,
            Rows::Workbook(written) => {
                let (workbook, mut file) = *written;
                file.write_piece(&workbook.bytes())?;
                file.finish()?;
            }
        }
        Ok(self.dirt_counts)
    }

    /// Returns the clean ID cell. The disabled persons' federation mostly writes the number
    /// of the certificate, and some certificates are reissued.
    fn clean_id<'r>(&self, random: &mut impl Rng, row: &'r Row) -> Cow<'r, str> {
        if self.style != Style::CertificateNumbers || random.random_bool(0.15) {
            return Cow::Borrowed(&row.id);
        }
        let (class, grade) = (row.value("class"), row.value("grade"));
        let reissue = if random.random_bool(0.05) { "B1" } else { "" };
        Cow::Owned(format!("{}{class}{grade}{reissue}", row.id))
    }

    /// Like [`Self::clean_id`], but returns the plain ID number for kinds of dirt that do
    /// not fit a certificate number.
    fn long_id<'r>(&self, random: &mut impl Rng, kind: Kind, row: &'r Row) -> Cow<'r, str> {
        if kind == Kind::FifteenDigits || !kind.is_recoverable() {
            Cow::Borrowed(&row.id)
        } else {
            self.clean_id(random, row)
        }
    }

    /// Returns the cell of a value, with the field's labels for its codes.
    fn cell<'v>(
        &self,
        random: &mut impl Rng,
        (field, labels): (&Field, &Labels<'v>),
        value: &'v str,
        other_codes: bool,
    ) -> Cow<'v, str> {
        let as_label = (self.style != Style::Plain) != other_codes;
        match field.field_type {
            FieldType::Date => date_in_form(value, self.usual_date_form()),
            FieldType::Boolean if as_label => {
                Cow::Borrowed(if value == "true" { "是" } else { "否" })
            }
            FieldType::String | FieldType::Integer if as_label => {
                Cow::Borrowed(label(random, labels, value))
            }
            _ => Cow::Borrowed(value),
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
}

fn header(style: Style, field: &Field) -> String {
    match (style, field.role) {
        (Style::Plain, _) => field.name.clone(),
        (Style::CertificateNumbers, Role::NationalId) => "残疾人证号".to_owned(),
        (Style::Gb18030WithTitle, Role::NationalId) => "公民身份号码".to_owned(),
        (Style::Excel, Role::NationalId) => "身份证件号".to_owned(),
        _ => field.title.zh.clone(),
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
fn date_in_form(iso: &str, form: usize) -> Cow<'_, str> {
    let mut parts = iso.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Cow::Borrowed(iso);
    };
    let short = |part: &'_ str| part.trim_start_matches('0').to_owned();
    Cow::Owned(match form {
        1 => format!("{year}年{}月{}日", short(month), short(day)),
        2 => format!("{year}/{}/{}", short(month), short(day)),
        3 => format!("{year}{month}{day}"),
        4 => format!("{year}.{month}.{day}"),
        5 => format!("{iso} 00:00:00"),
        6 => match excel_serial(iso) {
            Some(serial) => serial,
            None => return Cow::Borrowed(iso),
        },
        _ => return Cow::Borrowed(iso),
    })
}

/// Returns the serial number of a date in Excel's 1900 system. Returns `None` before
/// 1955, where serial numbers are easily mistaken for other numbers.
fn excel_serial(iso: &str) -> Option<String> {
    let date: Date = iso.parse().ok()?;
    let days = (date - Date::constant(1899, 12, 30)).get_days();
    (date.year() >= 1955).then(|| days.to_string())
}

/// The Chinese labels of each code of a field.
type Labels<'s> = HashMap<&'s str, Vec<&'s str>>;

fn labels(field: &Field) -> Labels<'_> {
    let mut labels = Labels::new();
    let written = field.written_codes.iter();
    for (label, code) in written.filter(|(label, _)| !label.is_ascii()) {
        labels.entry(code).or_default().push(label);
    }
    labels
}

/// Returns one of the labels of a code, because the offices of one agency write it
/// differently; if there is none, the code itself.
fn label<'a>(random: &mut impl Rng, labels: &Labels<'a>, code: &'a str) -> &'a str {
    let of_code = labels.get(code).filter(|of_code| !of_code.is_empty());
    of_code.map_or(code, |of_code| {
        of_code[random.random_range(0..of_code.len())]
    })
}
