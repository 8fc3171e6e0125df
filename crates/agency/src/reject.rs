//! Rows that could not be used, reported to the agency that must correct them.
//!
//! A reject depends only on checks that every row goes through, so it does not
//! reveal a match. It contains no value of the row.

use aidlink_faults::text::Text;
use aidlink_policy::schema::Role;

use crate::national_id::IdFault;

/// The reason why a row was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The cell has no usable ID number.
    Id(IdFault),
    /// The birth date of the row differs from the one in the ID number, which is then
    /// probably a guardian's.
    BirthDateContradicts,
    /// The number of the row's certificate contains another ID number.
    CertificateContradicts,
    /// More fields than the header, or no field for the ID number.
    FieldCount,
    /// A quote that is not closed, text after a closing quote, or a quoted field longer
    /// than 64 KiB.
    Quote,
    /// A carriage return in the middle of the row.
    LineBreak,
    /// A record longer than 1 MiB.
    TooLong,
    /// The ID cell is not valid in the encoding of its row.
    Encoding,
}

impl RejectReason {
    /// Returns every reason.
    pub fn all() -> impl Iterator<Item = RejectReason> {
        IdFault::ALL.into_iter().map(RejectReason::Id).chain([
            RejectReason::BirthDateContradicts,
            RejectReason::CertificateContradicts,
            RejectReason::FieldCount,
            RejectReason::Quote,
            RejectReason::LineBreak,
            RejectReason::TooLong,
            RejectReason::Encoding,
        ])
    }

    /// Returns the code used in rejects files.
    pub fn code(self) -> &'static str {
        match self {
            RejectReason::Id(fault) => fault.code(),
            RejectReason::BirthDateContradicts => "birth_date_contradicts",
            RejectReason::CertificateContradicts => "certificate_contradicts",
            RejectReason::FieldCount => "field_count",
            RejectReason::Quote => "quote",
            RejectReason::LineBreak => "line_break",
            RejectReason::TooLong => "record_too_long",
            RejectReason::Encoding => "encoding",
        }
    }

    /// Returns the role of the field whose cell is faulty; `None` if the fault is not in
    /// one cell.
    pub fn role(self) -> Option<Role> {
        match self {
            RejectReason::Id(_) | RejectReason::CertificateContradicts | RejectReason::Encoding => {
                Some(Role::NationalId)
            }
            RejectReason::BirthDateContradicts => Some(Role::BirthDate),
            RejectReason::FieldCount
            | RejectReason::Quote
            | RejectReason::LineBreak
            | RejectReason::TooLong => None,
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
            RejectReason::CertificateContradicts => Text::new(
                "本行残疾人证号中的证件号码与证件号码列不同，可能有一个是他人的号码；请核对",
                "the certificate's number of this row contains another ID number than the ID column, and one of them may be another person's; check them",
            ),
            RejectReason::FieldCount => Text::new(
                "本行列数比表头或其他行多，或没有证件号码列；请检查有无多余的分隔符、未加引号的换行、错位的单元格，或最后几列缺少表头",
                "the row has more fields than the header or the other rows, or no field for the ID number; look for extra separators, unquoted line breaks, shifted cells, and last columns without a header",
            ),
            RejectReason::Quote => Text::new(
                "引号没有配对，或引号后另有文字，本行无法读取；请检查本行的引号",
                "a quote is not closed, or text follows a closing quote, so the row cannot be read; check the quotes in this row",
            ),
            RejectReason::LineBreak => Text::new(
                "本行中间有回车符（CR）或其他换行符，可能是几行连在一起；请每人一行，并去掉单元格内的换行，或给该单元格加引号",
                "a carriage return (CR) or another line break is inside the row, which may be several rows; give each person a separate row, and remove line breaks from cells or put quotes around them",
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

/// One rejected row. A file may have millions of them, so it holds no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Record number below the header, from 1.
    pub record: u64,
    /// Number of the line where the record begins, from 1 below the header.
    pub line: u64,
    /// The reason.
    pub reason: RejectReason,
}
