//! The reasons why a cell has no usable ID number, with the messages for the
//! agency that must correct it.

use aidlink_faults::text::Text;

/// The reason why a cell has no usable ID number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdFault {
    /// The cell is empty.
    Empty,
    /// An error value of a spreadsheet, such as `#N/A`.
    ErrorValue,
    /// The cell is merged with that of the row above: it shows the number of another row.
    Merged,
    /// A placeholder such as all zeros, 123456789012345678 or 不详.
    Placeholder,
    /// Some digits are masked.
    Masked,
    /// Scientific notation: a spreadsheet has turned the number into a float.
    ScientificNotation,
    /// The last three digits are zero and the check digit is wrong: a spreadsheet
    /// has kept only fifteen digits.
    TrailingZeros,
    /// Two or more numbers in one cell.
    TwoInCell,
    /// Characters that do not occur in ID numbers.
    Characters,
    /// The wrong length.
    Length,
    /// Seventeen digits: the check digit is missing.
    CheckDigitMissing,
    /// The birth date is not a date, or is more than 130 years ago.
    BirthDate,
    /// The birth date is after the as-of date.
    BirthDateAfterAsOf,
    /// The check digit does not match.
    CheckDigit,
    /// Twenty or twenty-two characters that do not end in a valid disability class
    /// and grade.
    CertificateTail,
}

impl IdFault {
    /// Every fault.
    pub const ALL: [IdFault; 15] = [
        IdFault::Empty,
        IdFault::ErrorValue,
        IdFault::Merged,
        IdFault::Placeholder,
        IdFault::Masked,
        IdFault::ScientificNotation,
        IdFault::TrailingZeros,
        IdFault::TwoInCell,
        IdFault::Characters,
        IdFault::Length,
        IdFault::CheckDigitMissing,
        IdFault::BirthDate,
        IdFault::BirthDateAfterAsOf,
        IdFault::CheckDigit,
        IdFault::CertificateTail,
    ];

    /// Returns the code used in rejects files.
    pub fn code(self) -> &'static str {
        match self {
            IdFault::Empty => "id_empty",
            IdFault::ErrorValue => "id_error_value",
            IdFault::Merged => "id_merged",
            IdFault::Placeholder => "id_placeholder",
            IdFault::Masked => "id_masked",
            IdFault::ScientificNotation => "id_scientific_notation",
            IdFault::TrailingZeros => "id_trailing_zeros",
            IdFault::TwoInCell => "id_two_in_cell",
            IdFault::Characters => "id_characters",
            IdFault::Length => "id_length",
            IdFault::CheckDigitMissing => "id_check_digit_missing",
            IdFault::BirthDate => "id_birth_date",
            IdFault::BirthDateAfterAsOf => "id_birth_date_after_as_of",
            IdFault::CheckDigit => "id_check_digit",
            IdFault::CertificateTail => "id_certificate_tail",
        }
    }

    /// Returns what is wrong and how the agency can correct it.
    pub fn text(self) -> Text {
        match self {
            IdFault::Empty => Text::new("证件号码为空；请补录", "the ID number is empty; enter it"),
            IdFault::ErrorValue => Text::new(
                "证件号码处是表格软件的错误值（如 #N/A），公式没有查到号码；请补录",
                "an error value of the spreadsheet (such as #N/A) is in place of the ID number: a formula failed; enter the number",
            ),
            IdFault::Merged => Text::new(
                "证件号码单元格与其他单元格合并，不能确定是谁的号码；请取消合并，逐行填写",
                "the cell of the ID number is merged with another one, so it is not known whose number it is; unmerge the cells and enter the number in every row",
            ),
            IdFault::Placeholder => Text::new(
                "证件号码是占位内容；请补录真实号码",
                "the ID number is a placeholder; enter the real one",
            ),
            IdFault::Masked => Text::new(
                "证件号码已脱敏；请导出未脱敏的号码",
                "the ID number is masked; export it unmasked",
            ),
            IdFault::ScientificNotation => Text::new(
                "证件号码被表格软件改成科学计数法，无法还原；请把该列设为文本后从原系统重新导出",
                "a spreadsheet turned the ID number into scientific notation and it cannot be restored; export again from the source system with the column as text",
            ),
            IdFault::TrailingZeros => Text::new(
                "证件号码末三位被表格软件改成零，无法还原；请把该列设为文本后从原系统重新导出",
                "a spreadsheet zeroed the last three digits of the ID number and they cannot be restored; export again from the source system with the column as text",
            ),
            IdFault::TwoInCell => Text::new(
                "一格中有两个证件号码；请每人一行",
                "there are two ID numbers in one cell; give each person a separate row",
            ),
            IdFault::Characters => Text::new(
                "证件号码含有无效字符；请核对",
                "the ID number contains invalid characters; check it",
            ),
            IdFault::Length => Text::new(
                "证件号码位数不对；请核对",
                "the ID number has the wrong length; check it",
            ),
            IdFault::CheckDigitMissing => Text::new(
                "证件号码只有17位，缺一位（多为校验码）；请对照证件补全",
                "the ID number has only 17 digits: one is missing, usually the check digit; complete it from the identity document",
            ),
            IdFault::BirthDate => Text::new(
                "证件号码中的出生日期无效；请核对",
                "the birth date in the ID number is not valid; check it",
            ),
            IdFault::BirthDateAfterAsOf => Text::new(
                "证件号码中的出生日期晚于基准日；请核对号码或本轮基准日",
                "the birth date in the ID number is after the as-of date; check the number, or the round's as-of date",
            ),
            IdFault::CheckDigit => Text::new(
                "证件号码校验码不符，至少有一位录错；请核对",
                "the check digit of the ID number does not match, so at least one character is wrong; check it",
            ),
            IdFault::CertificateTail => Text::new(
                "号码形似残疾人证号，但末尾的类别或等级有误；请核对",
                "the number looks like a disability certificate number, but its class or grade is wrong; check it",
            ),
        }
    }
}
