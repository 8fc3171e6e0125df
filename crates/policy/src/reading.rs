//! How a site's own files are read: which files an export consists of, and what
//! the round file says of their encoding, sheet, headers and dates.
//!
//! This is what the reading of a round hands to the scan of an export. It holds
//! no row of a file.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::schema::ExportSchema;

/// An export whose files this office reads.
#[derive(Clone, Debug)]
pub struct PlannedExport {
    /// Its schema.
    pub schema: ExportSchema,
    /// Its files: one, or one for each district.
    pub files: Vec<PlannedFile>,
    /// The day on which the agency took it.
    pub snapshot: Date,
    /// The legal basis or agreement on which it is used.
    pub legal_basis: String,
    /// How its files are read.
    pub reading: ReadingChoice,
    /// A header alone is no fault (a first round has no referrals yet).
    pub may_be_empty: bool,
}

/// A file of an export.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path as the round file gives it.
    pub written_path: String,
}

/// How the files of an export are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingChoice {
    /// Their encoding.
    pub encoding: EncodingChoice,
    /// The sheet of a workbook; without it the first that holds anything.
    pub sheet: Option<String>,
    /// A site's own headers: header as it stands in the file, and the field.
    pub headers: Vec<(String, String)>,
    /// The day from which serial numbers that stand for dates count.
    pub epoch: DateEpoch,
}

/// The encoding in which an export is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingChoice {
    /// Find out: a byte-order mark or valid UTF-8 is UTF-8, else GB18030.
    #[default]
    Detect,
    /// UTF-8.
    Utf8,
    /// GB18030.
    Gb18030,
}

impl EncodingChoice {
    /// The names in round files.
    pub const NAMES: [(&'static str, EncodingChoice); 4] = [
        ("detect", EncodingChoice::Detect),
        ("utf-8", EncodingChoice::Utf8),
        ("gb18030", EncodingChoice::Gb18030),
        ("gbk", EncodingChoice::Gb18030),
    ];

    /// The encoding of a name; `None` if the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, choice)| choice)
    }
}

/// From which day a spreadsheet counts its serial numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEpoch {
    /// 45322 is 2024-01-31.
    #[default]
    Year1900,
    /// 43860 is 2024-01-31: workbooks first made on a Macintosh.
    Year1904,
}

impl DateEpoch {
    /// The epoch of a year, as round files give it.
    pub fn of_year(year: i64) -> Option<Self> {
        [DateEpoch::Year1900, DateEpoch::Year1904]
            .into_iter()
            .find(|epoch| epoch.year() == year)
    }

    /// The epoch's year.
    pub fn year(self) -> i64 {
        match self {
            DateEpoch::Year1900 => 1900,
            DateEpoch::Year1904 => 1904,
        }
    }

    /// The day of serial number 0. The epoch of 1900 counts a 29 February that
    /// never was, so that its day 0 lies two days before the first of January.
    pub fn day_zero(self) -> Date {
        match self {
            DateEpoch::Year1900 => Date::constant(1899, 12, 30),
            DateEpoch::Year1904 => Date::constant(1904, 1, 1),
        }
    }
}
