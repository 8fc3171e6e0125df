//! Rows that could not be used, for the agency that must correct them.
//!
//! A reject rests only on checks that every row goes through, so it betrays
//! no match. It holds no value of the row.

use aidlink_faults::text::Text;

use crate::national_id::IdFault;

/// Why a row was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The cell of the ID number.
    Id(IdFault),
    /// The birth date of the row is not the one of its ID number, which is
    /// then likely a guardian's.
    BirthDateContradicts,
    /// More fields than the header has, or none for the ID number.
    FieldCount,
    /// A quote that is not closed, or a quoted field longer than 64 KiB.
    Quote,
    /// A record longer than 1 MiB.
    TooLong,
    /// The ID cell is not valid in any encoding that is known here.
    Encoding,
}

impl RejectReason {
    /// Every reason, for docs.
    pub fn all() -> impl Iterator<Item = RejectReason> {
        IdFault::ALL.into_iter().map(RejectReason::Id).chain([
            RejectReason::BirthDateContradicts,
            RejectReason::FieldCount,
            RejectReason::Quote,
            RejectReason::TooLong,
            RejectReason::Encoding,
        ])
    }

    /// The code in rejects files.
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

    /// What is wrong and what the agency should correct.
    pub fn text(self) -> Text {
        match self {
            RejectReason::Id(fault) => fault.text(),
            RejectReason::BirthDateContradicts => Text::new(
                "本行出生日期与证件号码不符，可能填了监护人的号码；请核对",
                "the row's birth date is not that of the ID number, which may be a guardian's; check it",
            ),
            RejectReason::FieldCount => Text::new(
                "本行列数比表头多，或没有证件号码列；请检查多余的分隔符、未加引号的换行",
                "the row has more fields than the header, or none for the ID number; look for surplus separators and unquoted line breaks",
            ),
            RejectReason::Quote => Text::new(
                "引号没有配对，本行无法读取；请检查本行的引号",
                "a quote is not closed and the row cannot be read; check the quotes of this line",
            ),
            RejectReason::TooLong => Text::new(
                "本行超过1 MiB；请检查是否缺少换行",
                "the row is longer than 1 MiB; look for missing line breaks",
            ),
            RejectReason::Encoding => Text::new(
                "证件号码单元格编码错误，无法读取；请以同一编码重新导出",
                "the cell of the ID number is in no known encoding; export the file again in one encoding",
            ),
        }
    }
}

/// One rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Which of the export's files, from 0.
    pub file: usize,
    /// Record number below the header, from 1.
    pub record: u64,
    /// Line in the file on which the record begins, from 1.
    pub line: u64,
    /// The column as its header stands in the file, when one is to blame.
    pub column: Option<String>,
    /// Why.
    pub reason: RejectReason,
}
