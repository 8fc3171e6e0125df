//! Reads a cell as a value of its field's type.
//!
//! A row with an unreadable cell is not rejected. The value counts as unknown,
//! and the report counts the fault.

use std::borrow::Cow;

use jiff::civil::Date;

use aidlink_faults::invisible::is_invisible;
use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::Text;
use aidlink_policy::reading::DateEpoch;
use aidlink_policy::schema::{CertificatePart, ExportSchema, Field};
use aidlink_policy::value::{FieldType, Value};

use crate::label::{self, Labels, Reading, Unmapped};
use crate::national_id::{CertificateTail, IdFault, NationalId};

/// Why a cell could not be read as its field's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueFault {
    /// Not a date in a supported format, or an impossible date.
    UnreadableDate,
    /// Neither a code in the code list nor a raw value that maps to one.
    UnknownCode,
    /// Not a whole number.
    UnreadableInteger,
    /// Not a number.
    UnreadableNumber,
    /// Neither a true value nor a false value of the field.
    UnreadableBoolean,
    /// Neither valid UTF-8 nor valid GB18030.
    Encoding,
    /// So many values in the cells of one row that not all combinations are judged.
    TooManyValues,
}

impl ValueFault {
    /// Returns what is wrong and how to correct it.
    pub fn text(self) -> Text {
        match self {
            ValueFault::UnreadableDate => Text::new(
                "日期无法读取；请写成 2024-01-31",
                "the date cannot be read; write it as 2024-01-31",
            ),
            ValueFault::UnknownCode => Text::new(
                "不是代码表中的代码或标签；请核对，或请本轮的经办机构补充标签",
                "not a code or label in the code list; check it, or ask the office that runs the round to add the label",
            ),
            ValueFault::UnreadableInteger => Text::new("应为整数", "expected a whole number"),
            ValueFault::UnreadableNumber => Text::new("应为数值", "expected a number"),
            ValueFault::UnreadableBoolean => Text::new("应为是或否", "expected yes or no (是/否)"),
            ValueFault::Encoding => Text::new(
                "编码错误，无法读取；请以同一编码重新导出",
                "not valid UTF-8 or GB18030; export the file again in a single encoding",
            ),
            ValueFault::TooManyValues => Text::new(
                "该行的单元格所含的值过多；请拆成数行",
                "the cells of the row hold too many values; split it into several rows",
            ),
        }
    }

    /// Returns the code used in reports.
    pub fn code(self) -> &'static str {
        match self {
            ValueFault::UnreadableDate => "unreadable_date",
            ValueFault::UnknownCode => "unknown_code",
            ValueFault::UnreadableInteger => "unreadable_integer",
            ValueFault::UnreadableNumber => "unreadable_number",
            ValueFault::UnreadableBoolean => "unreadable_boolean",
            ValueFault::Encoding => "encoding",
            ValueFault::TooManyValues => "too_many_values",
        }
    }
}

/// Reads a cell.
///
/// # Errors
/// The reason why the cell is not a value of the field's type.
pub fn read(
    schema: &ExportSchema,
    field: &Field,
    epoch: DateEpoch,
    cell: &str,
) -> Result<Reading, ValueFault> {
    let cell = tidy(cell);
    let labels = FieldLabels { schema, field };
    let label = |fault| label::read(&labels, cell).map_err(|_| fault);
    let value = match field.field_type {
        FieldType::String => return label(ValueFault::UnknownCode),
        FieldType::Integer => return label(ValueFault::UnreadableInteger),
        FieldType::Boolean => return label(ValueFault::UnreadableBoolean),
        FieldType::Number | FieldType::Date if labels.is_missing(cell) => {
            return Ok(Reading::Empty);
        }
        FieldType::Number => Value::Number(number(cell)?),
        FieldType::Date => Value::Date(date(cell, epoch).ok_or(ValueFault::UnreadableDate)?),
    };
    Ok(Reading::One(value))
}

/// Returns the labels of a cell that have no code, normalised. If each has one but
/// they contradict each other, the whole cell.
pub fn unmapped_labels(schema: &ExportSchema, field: &Field, cell: &str) -> Vec<String> {
    if !field.has_labels() {
        return Vec::new();
    }
    let labels = FieldLabels { schema, field };
    match label::read(&labels, tidy(cell)) {
        Ok(_) => Vec::new(),
        Err(Unmapped(labels)) => labels,
    }
}

/// Returns the value that the number of a disability certificate states for a field.
pub fn of_certificate(field: &Field, certificate: CertificateTail) -> Option<Value> {
    let digit = match field.certificate_part? {
        CertificatePart::Class => certificate.class,
        CertificatePart::Grade => certificate.grade,
    };
    value_of_label(field, &digit.to_string())
}

/// The labels of a field as its schema defines them.
struct FieldLabels<'a> {
    schema: &'a ExportSchema,
    field: &'a Field,
}

impl Labels for FieldLabels<'_> {
    fn field(&self) -> &Field {
        self.field
    }

    fn value(&self, label: &str) -> Option<Value> {
        value_of_label(self.field, label)
    }

    fn is_missing(&self, label: &str) -> bool {
        let mut missing = self.schema.missing_values.iter();
        label.is_empty()
            || missing.any(|missing| missing == label)
            || self.field.missing_values.contains(label)
    }
}

fn value_of_label(field: &Field, label: &str) -> Option<Value> {
    let code = field.raw_codes.get(label).map_or(label, String::as_str);
    match field.field_type {
        FieldType::String => code_of(field, code).map(Value::String),
        FieldType::Integer => integer(code).ok().map(Value::Integer),
        FieldType::Boolean => boolean(field, code).ok().map(Value::Boolean),
        FieldType::Number | FieldType::Date => None,
    }
}

/// Removes surrounding white space and the leading apostrophe with which a
/// spreadsheet marks text.
pub fn tidy(cell: &str) -> &str {
    let trimmed = cell.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    trimmed.strip_prefix('\'').unwrap_or(trimmed).trim()
}

/// Returns the text of a cell as lists show it. Control characters become spaces.
/// Anything that looks like an ID number, telephone number or bank card number,
/// however it is written, is blacked out, because it does not belong in such a
/// field. Other long numbers, such as case numbers, are kept.
pub fn without_numbers(text: &str, as_of: Date) -> String {
    black_out(&without_id_runs(text, as_of)).into_owned()
}

/// Blacks out runs of digits that are ID numbers, including damaged ones.
fn without_id_runs(text: &str, as_of: Date) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, shown: &mut String| {
        if is_id_number(&half_width(run), as_of) {
            shown.push_str("***");
        } else {
            shown.push_str(run);
        }
        run.clear();
    };
    for character in text.chars() {
        let digit = character.is_ascii_digit() || ('０'..='９').contains(&character);
        let check = matches!(character, 'x' | 'X' | 'ｘ' | 'Ｘ') && run.chars().count() >= 17;
        if digit || check {
            run.push(character);
        } else {
            flush(&mut run, &mut shown);
            shown.push(character);
        }
    }
    flush(&mut run, &mut shown);
    shown
}

fn is_id_number(run: &str, as_of: Date) -> bool {
    let id = run.len() >= 15
        && match NationalId::parse(run, as_of) {
            Ok(_) => true,
            // An ID number with a wrong digit is still an ID number.
            Err(fault) => matches!(
                fault,
                IdFault::CheckDigit
                    | IdFault::CheckDigitMissing
                    | IdFault::CertificateTail
                    | IdFault::TwoInCell
            ),
        };
    let inside = run
        .as_bytes()
        .windows(18)
        .any(|window| NationalId::parse_plain(window, as_of).is_some());
    id || inside
}

fn half_width(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| matches!(c, '\u{ff01}'..='\u{ff5e}')) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|character| match character {
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(character as u32 - 0xfee0).unwrap_or(character)
            }
            other => other,
        })
        .collect()
}

fn code_of(field: &Field, text: &str) -> Option<String> {
    let Some(codes) = &field.codes else {
        return Some(text.to_owned());
    };
    let plain = half_width(text);
    [text, plain.as_ref(), plain.to_ascii_lowercase().as_str()]
        .into_iter()
        .find(|candidate| codes.contains(*candidate))
        .map(str::to_owned)
}

fn integer(text: &str) -> Result<i64, ValueFault> {
    let plain = half_width(text);
    let plain = plain.strip_suffix(".0").unwrap_or(&plain);
    plain.parse().map_err(|_| ValueFault::UnreadableInteger)
}

fn number(text: &str) -> Result<f64, ValueFault> {
    let plain: String = half_width(text)
        .chars()
        .filter(|c| !matches!(c, ',' | '元' | '¥' | '￥' | ' '))
        .collect();
    let decimal = plain
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    plain
        .parse::<f64>()
        .ok()
        .filter(|number| decimal && number.is_finite())
        .ok_or(ValueFault::UnreadableNumber)
}

fn boolean(field: &Field, text: &str) -> Result<bool, ValueFault> {
    let plain = half_width(text);
    let is_in = |values: &[String]| {
        values
            .iter()
            .any(|value| value == text || value.eq_ignore_ascii_case(&plain))
    };
    if is_in(&field.true_values) {
        Ok(true)
    } else if is_in(&field.false_values) {
        Ok(false)
    } else {
        Err(ValueFault::UnreadableBoolean)
    }
}

/// Reads a date. Supported are 20240131, 2024/1/31, 2024-01-31, 2024.1.31 and
/// 2024年1月31日, each with or without a time; 202401, 2024-01 and 2024年1月, which
/// give the first of the month; and spreadsheet serial numbers.
pub fn date(text: &str, epoch: DateEpoch) -> Option<Date> {
    let (date, _) = date_and_precision(text, epoch)?;
    Some(date)
}

/// Reads a date like [`date`], but returns `None` if the day is not stated.
pub fn date_to_the_day(text: &str, epoch: DateEpoch) -> Option<Date> {
    let (date, precision) = date_and_precision(text, epoch)?;
    (precision == Precision::Day).then_some(date)
}

#[derive(PartialEq)]
enum Precision {
    Day,
    Month,
}

fn date_and_precision(text: &str, epoch: DateEpoch) -> Option<(Date, Precision)> {
    let plain = half_width(text);
    let day = plain
        .split([' ', 'T'])
        .next()
        .unwrap_or_default()
        .trim_end_matches('日');
    let parts: Vec<&str> = day
        .split(['-', '/', '.', '年', '月'])
        .filter(|part| !part.is_empty())
        .collect();
    if !parts
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let make = |year: &str, month: &str, day: &str| {
        if year.len() != 4 || month.len() > 2 || day.len() > 2 {
            return None;
        }
        Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
    };
    let exact = |date: Option<Date>| date.map(|date| (date, Precision::Day));
    let month = |date: Option<Date>| date.map(|date| (date, Precision::Month));
    match parts.as_slice() {
        [year, month, day] => exact(make(year, month, day)),
        [year, month_of_year] => month(make(year, month_of_year, "1")),
        [digits] => match digits.len() {
            8 => exact(make(&digits[..4], &digits[4..6], &digits[6..])),
            6 => month(make(&digits[..4], &digits[4..], "1")),
            // Serial numbers 20000 to 60000 are the years 1954 to 2064, or four
            // years later with the epoch of 1904.
            5 => {
                let serial: i64 = digits.parse().ok()?;
                (20_000..=60_000).contains(&serial).then_some(())?;
                let span = jiff::Span::new().try_days(serial).ok()?;
                exact(epoch.day_zero().checked_add(span).ok())
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_format_is_read() {
        let day = Some(Date::constant(2024, 1, 31));
        for text in [
            "20240131",
            "2024/1/31",
            "2024-01-31",
            "2024.1.31",
            "2024年1月31日",
            "2024年01月31日",
            "45322",
            "2024-01-31 00:00:00",
            "2024-01-31T08:30:00",
            "２０２４-０１-３１",
        ] {
            assert_eq!(date(text, DateEpoch::Year1900), day, "{text}");
        }
        let month = Some(Date::constant(2024, 1, 1));
        for text in ["202401", "2024-01", "2024年1月"] {
            assert_eq!(date(text, DateEpoch::Year1900), month, "{text}");
            let to_the_day = date_to_the_day(text, DateEpoch::Year1900);
            assert_eq!(to_the_day, None, "{text}");
        }
        assert_eq!(date("43860", DateEpoch::Year1904), day);
        for text in [
            "",
            "2024",
            "2024-13-01",
            "20240230",
            "31/1/2024",
            "昨天",
            "99999",
            "1",
        ] {
            assert_eq!(date(text, DateEpoch::Year1900), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_do_not_belong_on_a_list_are_blacked_out() {
        let as_of = Date::constant(2026, 9, 30);
        for (text, shown) in [
            ("韶检刑诉受〔2026〕123号", "韶检刑诉受〔2026〕123号"),
            // Long case numbers are kept.
            ("44020326000123", "44020326000123"),
            ("202644020300000012345678", "202644020300000012345678"),
            ("甲 44990119900101011X", "甲 ***"),
            ("甲 449901199001010119", "甲 ***"),
            ("44990119900101011X42", "***"),
            ("４４９９０１１９９００１０１０１１Ｘ", "***"),
            ("甲13800001234乙", "甲***乙"),
            ("449901900101011", "***"),
            ("44020320260012345", "44020320260012345"),
            ("4402032026000122", "4402032026000122"),
            ("甲 449901 19900101 011X", "甲 ***"),
            ("甲，电话0751-2000000", "甲，电话***"),
            ("甲 6222 0200 0000 0000 000", "甲 ***"),
            ("甲 449901\t19900101\t011X", "甲 ***"),
            ("甲 449901\r\n19900101\r\n011X", "甲 ***"),
            ("甲 449901.19900101.011X", "甲 ***"),
            ("甲 449901\u{2009}1990\u{ad}0101_011Х", "甲 ***"),
            ("电话：+86 138 0000 1234", "电话：+***"),
            ("电话：008613800001234", "电话：***"),
            ("电话：〇一三八〇〇〇〇一二三四", "电话：***"),
            ("甲\t乙\u{202e}丙", "甲 乙丙"),
            (
                "二〇二六年三月，2024-01-31至2024-02-29",
                "二〇二六年三月，2024-01-31至2024-02-29",
            ),
        ] {
            assert_eq!(without_numbers(text, as_of), shown, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_cell_makes_the_readers_panic(text in "\\PC{0,20}") {
            let _ = (date(&text, DateEpoch::Year1900), integer(&text), number(&text));
        }
    }
}
