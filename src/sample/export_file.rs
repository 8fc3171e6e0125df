//! Writing rows as an agency's system would: its headers, its codes, its
//! encoding, its dirt.

use aidlink_contract::fault::Fault;
use aidlink_contract::schema::{ExportSchema, Field, Role};
use aidlink_contract::value::FieldType;
use encoding_rs::GB18030;
use rand::{Rng, RngExt};

use super::Row;
use super::scenario::UNRECOVERABLE;
use crate::output_folder::StreamedFile;

/// How an agency's system writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// UTF-8, canonical codes.
    Plain,
    /// The procuratorate: UTF-8 with byte-order mark, CR LF, labels.
    CaseParties,
    /// GB18030, two title lines, a total line, dates as 2024年5月1日.
    Gb18030WithTitle,
    /// UTF-8 with byte-order mark, CR LF, empty trailing columns, dates as 2024/5/1.
    Excel,
    /// UTF-8, certificate numbers in the ID column, dates as 20240501.
    CertificateNumbers,
    /// UTF-8, semicolons, every field quoted, columns in another order.
    Semicolons,
}

/// Rows that are encoded and written together.
const ROWS_A_PIECE: usize = 4096;

/// One export under way.
pub(super) struct ExportFile<'s> {
    style: Style,
    fields: Vec<&'s Field>,
    file: StreamedFile,
    piece: Vec<Vec<String>>,
    rows: u64,
    begun: bool,
}

impl<'s> ExportFile<'s> {
    pub(super) fn new(schema: &'s ExportSchema, style: Style, file: StreamedFile) -> Self {
        let mut fields: Vec<&Field> = schema.fields.iter().collect();
        if style == Style::Semicolons {
            fields.reverse();
        }
        let mut export = ExportFile {
            style,
            fields,
            file,
            piece: Vec::new(),
            rows: 0,
            begun: false,
        };
        if style == Style::Gb18030WithTitle {
            export.line(&["社会救助对象花名册（合成数据）"]);
            export.line(&["单位：元"]);
        }
        let header: Vec<String> = export
            .fields
            .iter()
            .map(|field| export.header(field))
            .collect();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        export.line(&header);
        export
    }

    /// A line that begins with these cells.
    fn line(&mut self, cells: &[&str]) {
        let mut line = vec![String::new(); self.fields.len()];
        for (cell, text) in line.iter_mut().zip(cells) {
            (*text).clone_into(cell);
        }
        self.push(line);
    }

    fn push(&mut self, mut line: Vec<String>) {
        if self.style == Style::Excel {
            line.extend([String::new(), String::new()]);
        }
        self.piece.push(line);
    }

    pub(super) fn row(&mut self, random: &mut impl Rng, row: &Row) -> Result<(), Fault> {
        let cells = self
            .fields
            .iter()
            .map(|field| self.cell(random, field, row));
        let cells = cells.collect();
        self.push(cells);
        self.rows += 1;
        if self.style == Style::Excel && random.random_bool(0.0005) {
            self.line(&[]);
        }
        if self.piece.len() >= ROWS_A_PIECE {
            self.write_piece()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Fault> {
        if self.style == Style::Gb18030WithTitle {
            let persons = format!("{}人", self.rows);
            self.line(&["合计", &persons]);
        }
        self.write_piece()?;
        self.file.finish()
    }

    fn write_piece(&mut self) -> Result<(), Fault> {
        let bytes = self.encode(&self.piece);
        self.piece.clear();
        if !self.begun && matches!(self.style, Style::Excel | Style::CaseParties) {
            self.file.write(b"\xef\xbb\xbf")?;
        }
        self.begun = true;
        self.file.write(&bytes)
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

    fn cell(&self, random: &mut impl Rng, field: &Field, row: &Row) -> String {
        if field.role == Role::NationalId {
            return self.id_cell(random, &row.id, row);
        }
        let value = row.value(&field.name);
        if value.is_empty() || self.style == Style::Plain {
            return value.to_owned();
        }
        match field.field_type {
            FieldType::Boolean => (if value == "true" { "是" } else { "否" }).to_owned(),
            FieldType::Date => self.date(value),
            FieldType::String | FieldType::Integer => raw_code(field, value),
            FieldType::Number => value.to_owned(),
        }
    }

    fn date(&self, iso: &str) -> String {
        let parts: Vec<&str> = iso.split('-').collect();
        let [year, month, day] = parts.as_slice() else {
            return iso.to_owned();
        };
        let short = |part: &str| part.trim_start_matches('0').to_owned();
        match self.style {
            Style::Gb18030WithTitle => format!("{year}年{}月{}日", short(month), short(day)),
            Style::Excel => format!("{year}/{}/{}", short(month), short(day)),
            Style::CertificateNumbers => format!("{year}{month}{day}"),
            _ => iso.to_owned(),
        }
    }

    /// The ID number as people write it: mostly clean, some of it dirty but
    /// recoverable, and on rows that are nobody's case a little beyond repair.
    fn id_cell(&self, random: &mut impl Rng, id: &str, row: &Row) -> String {
        if let Some(id) = id.strip_prefix(UNRECOVERABLE) {
            return beyond_repair(random, id);
        }
        if self.style == Style::Plain {
            return id.to_owned();
        }
        let roll = random.random_range(0..1000);
        if self.style == Style::CertificateNumbers && roll < 850 {
            let (class, grade) = (row.value("class"), row.value("grade"));
            let reissue = if roll < 40 { "B1" } else { "" };
            return format!("{id}{class}{grade}{reissue}");
        }
        // Planted and background rows are alike here: only recoverable dirt,
        // except for people who stand in one register alone.
        let alone = row
            .values
            .iter()
            .any(|(field, _)| *field == "school" || *field == "monthly_amount");
        match roll {
            850..=869 => id.to_lowercase(),
            870..=879 => full_width(id),
            880..=889 => format!("'{id}"),
            890..=904 => format!(" {id}\u{a0}"),
            905..=911 => format!("{} {} {}", &id[..6], &id[6..14], &id[14..]),
            912..=917 => format!("{}\u{200b}{}", &id[..6], &id[6..]),
            918..=923 => id.replace('X', "×"),
            924..=929 => format!("{}-{}-{}", &id[..6], &id[6..14], &id[14..]),
            930..=949 if &id[6..8] == "19" => format!("{}{}", &id[..6], &id[8..17]),
            950..=959 if alone => beyond_repair(random, id),
            _ => id.to_owned(),
        }
    }

    fn encode(&self, table: &[Vec<String>]) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(if self.style == Style::Semicolons {
                b';'
            } else {
                b','
            })
            .terminator(if matches!(self.style, Style::Excel | Style::CaseParties) {
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
        for row in table {
            // Rows have equal width and memory does not fail.
            let _ = writer.write_record(row);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        match self.style {
            Style::Gb18030WithTitle => {
                let text = String::from_utf8_lossy(&bytes);
                GB18030.encode(&text).0.into_owned()
            }
            _ => bytes,
        }
    }
}

/// A raw value in Chinese that the schema maps to the code, else the code.
fn raw_code(field: &Field, code: &str) -> String {
    field
        .raw_codes
        .iter()
        .find(|(raw, mapped)| mapped.as_str() == code && !raw.is_ascii())
        .map_or_else(|| code.to_owned(), |(raw, _)| raw.clone())
}

fn full_width(id: &str) -> String {
    id.chars()
        .map(|c| char::from_u32(c as u32 + 0xfee0).unwrap_or(c))
        .collect()
}

/// Damage that nobody can undo.
fn beyond_repair(random: &mut impl Rng, id: &str) -> String {
    match random.random_range(0..6) {
        0 => format!("{}.{}E+17", &id[..1], &id[1..6]),
        // Ends in a wrong check digit too, for no sample number ends in 000.
        1 => format!("{}**********{}", &id[..4], &id[14..]),
        2 => "不详".to_owned(),
        3 => id[..17].to_owned(),
        4 => String::new(),
        _ => "111111111111111111".to_owned(),
    }
}
