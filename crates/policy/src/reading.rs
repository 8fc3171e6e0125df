//! How to read a site's files: the files of each export, and their encoding,
//! sheet, headers, labels, dates and constants as the round file gives them.
//!
//! Reading a round file produces these types, and scanning an export uses them.
//! They hold no data rows.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::constant::Constant;
use crate::schema::ExportSchema;

/// An export whose files this office reads.
#[derive(Clone, Debug)]
pub struct PlannedExport {
    /// Its schema.
    pub schema: ExportSchema,
    /// Its files: one, or several, such as one for each district. None if a register is read
    /// in their place.
    pub files: Vec<PlannedFile>,
    /// The procuratorate's register, if it is read in place of files.
    pub register: Option<PlannedRegister>,
    /// BLAKE3 digest of the office's file `reading/SCHEMA.toml`, hexadecimal, if that says
    /// how the export is read and not the round file.
    pub reading_digest: Option<String>,
    /// The day on which the agency took it.
    pub snapshot: Date,
    /// The legal basis or agreement under which it is used.
    pub legal_basis: String,
    /// A file with only a header is accepted (a first round has no referrals yet).
    pub may_be_empty: bool,
}

/// The procuratorate's register, read in place of the export of earlier referrals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRegister {
    /// The resolved path.
    pub file: PathBuf,
    /// The file of the register's own key.
    pub key: PathBuf,
    /// The public key that signs its head: a key, or the path of its file. `None` if the key is
    /// beside the register.
    pub public_key: Option<String>,
}

/// A file of an export.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// The resolved path.
    pub path: PathBuf,
    /// The path as written in the round file.
    pub written_path: String,
    /// How it is read.
    pub reading: ReadingChoice,
}

/// How a file of an export is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadingChoice {
    /// Its encoding.
    pub encoding: EncodingChoice,
    /// The sheets of a workbook.
    pub sheets: SheetChoice,
    /// A site's own headers: the header in the file, then the field.
    pub headers: Vec<(String, String)>,
    /// A site's own labels.
    pub values: Vec<SiteLabel>,
    /// The day from which the serial numbers of dates count.
    pub epoch: DateEpoch,
    /// The values of fields in every row of the file.
    pub constants: Vec<Constant>,
    /// The reason for a constant that lets rows pass which would be withheld without it.
    pub because: Option<String>,
}

impl ReadingChoice {
    /// Returns the schema for this file: with the site's labels, and without requiring a
    /// column for a field that has a constant.
    pub fn schema_of_file(&self, mut schema: ExportSchema) -> ExportSchema {
        for site in &self.values {
            let mut fields = schema.fields.iter_mut();
            if let Some(field) = fields.find(|field| field.name == site.field) {
                field.add_label(&site.label, &site.code);
            }
        }
        for field in &mut schema.fields {
            field.required &= !self.gives(&field.name);
        }
        schema
    }

    /// Returns whether a field has a constant.
    pub fn gives(&self, field: &str) -> bool {
        self.constants
            .iter()
            .any(|constant| constant.field == field)
    }
}

/// A label of a site that the schema does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLabel {
    /// The field in whose column it occurs.
    pub field: String,
    /// The label.
    pub label: String,
    /// Its code; empty if the label states nothing.
    pub code: String,
}

/// Which sheets of a workbook are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SheetChoice {
    /// The visible sheet that has a header. A workbook with several such sheets is
    /// refused.
    #[default]
    Only,
    /// Every visible sheet that has a header.
    All,
    /// The sheets with these names, visible or not.
    Named(Vec<String>),
}

impl SheetChoice {
    /// The word for [`SheetChoice::All`].
    pub const ALL: &str = "all";
}

/// The encoding in which an export is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingChoice {
    /// Detect: UTF-8 if there is a byte-order mark or the text is valid UTF-8,
    /// otherwise GB18030.
    #[default]
    Detect,
    /// UTF-8.
    Utf8,
    /// GB18030.
    Gb18030,
}

impl EncodingChoice {
    /// The names used in round files.
    pub const NAMES: [(&'static str, EncodingChoice); 4] = [
        ("detect", EncodingChoice::Detect),
        ("utf-8", EncodingChoice::Utf8),
        ("gb18030", EncodingChoice::Gb18030),
        ("gbk", EncodingChoice::Gb18030),
    ];

    /// Returns the encoding with this name; `None` if the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, choice)| choice)
    }
}

/// The day from which a spreadsheet counts the serial numbers of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEpoch {
    /// The usual epoch: 45322 is 2024-01-31.
    #[default]
    Year1900,
    /// The epoch of workbooks created on a Macintosh: 43860 is 2024-01-31.
    Year1904,
}

impl DateEpoch {
    /// Returns the epoch of a year as written in round files.
    pub fn of_year(year: i64) -> Option<Self> {
        [DateEpoch::Year1900, DateEpoch::Year1904]
            .into_iter()
            .find(|epoch| epoch.year() == year)
    }

    /// Returns the epoch's year.
    pub fn year(self) -> i64 {
        match self {
            DateEpoch::Year1900 => 1900,
            DateEpoch::Year1904 => 1904,
        }
    }

    /// Returns the day of serial number 0. The epoch of 1900 counts a 29 February
    /// 1900, which did not exist, so its day 0 is two days before 1 January 1900.
    pub fn day_zero(self) -> Date {
        match self {
            DateEpoch::Year1900 => Date::constant(1899, 12, 30),
            DateEpoch::Year1904 => Date::constant(1904, 1, 1),
        }
    }
}
