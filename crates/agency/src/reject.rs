//! Rows that could not be used, reported to the agency that must correct them.
//!
//! A reject depends only on checks that every row goes through, so it does not
//! reveal a match. It contains no value of the row.

use aidlink_faults::text::Text;

use crate::national_id::IdFault;

/// The reason why a row was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The cell has no usable ID number.
    Id(IdFault),
    /// The birth date of the row differs from the one in the ID number, which is then
    /// probably a guardian's.
    BirthDateContradicts,
    /// More fields than the header, or no field for the ID number.
    FieldCount,
    /// A quote that is not closed, or a quoted field longer than 64 KiB.
    Quote,
    /// A record longer than 1 MiB.
    TooLong,
    /// The ID cell is neither valid UTF-8 nor valid GB18030.
    Encoding,
}

impl RejectReason {
    /// Returns every reason.
    pub fn all() -> impl Iterator<Item = RejectReason> {
        IdFault::ALL.into_iter().map(RejectReason::Id).chain([
            RejectReason::BirthDateContradicts,
            RejectReason::FieldCount,
            RejectReason::Quote,
            RejectReason::TooLong,
            RejectReason::Encoding,
        ])
    }

    /// Returns the code used in rejects files.
    pub fn code(self) -> &'static str {
        match self {
            RejectReason::Id(fault) => fault.code(),
            RejectReason::BirthDateContradicts => "birth_date_contradicts",
            RejectReason::FieldCount => "field_count",
            RejectReason::Quote => "quote",
            RejectReason::TooLong => "record_too_long",
            RejectReason::Encoding => "encoding",
        }
    }

    /// Returns what is wrong and how the agency can correct it.
    pub fn text(self) -> Text {
        match self {
            RejectReason::Id(fault) => fault.text(),
            RejectReason::BirthDateContradicts => Text::new(
                "本行出生日期与证件号码不符，可能填了监护人的号码；请核对",
                "the birth date of this row differs from the one in the ID number, which may be a guardian's; check it",
            ),
            RejectReason::FieldCount => Text::new(
                "本行列数比表头多，或没有证件号码列；请检查有无多余的分隔符、未加引号的换行",
                "the row has more fields than the header, or no field for the ID number; look for extra separators and unquoted line breaks",
            ),
            RejectReason::Quote => Text::new(
                "引号没有配对，本行无法读取；请检查本行的引号",
                "a quote is not closed, so the row cannot be read; check the quotes in this row",
            ),
            RejectReason::TooLong => Text::new(
                "本行超过1 MiB；请检查是否缺少换行",
                "the row is longer than 1 MiB; look for missing line breaks",
            ),
            RejectReason::Encoding => Text::new(
                "证件号码单元格编码错误，无法读取；请以同一编码重新导出",
                "the cell of the ID number is not valid UTF-8 or GB18030; export the file again in a single encoding",
            ),
        }
    }
}

/// One rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Index of the table within the export, from 0: of a file, or of a sheet.
    pub table: usize,
    /// Record number below the header, from 1.
    pub record: u64,
    /// Line of the file where the record begins, from 1.
    pub line: u64,
    /// Header of the faulty column as in the file, if the fault is in one column.
    pub column: Option<String>,
    /// The reason.
    pub reason: RejectReason,
}
