//! Reads a cell as a value of its field's type.
//!
//! A row with an unreadable cell is not rejected. The value counts as unknown,
//! and the report counts the fault.

pub mod amount;
pub mod date;
mod whole_number;

use jiff::civil::Date;

use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::{characters, uniform, uniform_label};
use aidlink_policy::reading::DateEpoch;
use aidlink_policy::schema::{CertificatePart, ExportSchema, Field, Role};
use aidlink_policy::value::{FieldType, Value};

use amount::AmountUnit;
use date::WrittenDate;
use whole_number::whole_number;

use crate::error_value::{MERGED_TEXT, is_error_value};
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
    /// A number outside the range of its field, such as a grade of 0 or 99.
    OutOfRange,
    /// Neither a true value nor a false value of the field.
    UnreadableBoolean,
    /// An error value of a spreadsheet, such as `#N/A`.
    ErrorValue,
    /// Merged with another cell, which has the value.
    Merged,
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
                "日期无法读取，或有多种含义（如 24-1-31、1/5/2024、数值 2024.1）；请写成 2024-01-31",
                "the date cannot be read, or has several meanings (such as 24-1-31, 1/5/2024, the number 2024.1); write it as 2024-01-31",
            ),
            ValueFault::UnknownCode => Text::new(
                "不是代码表中的代码或标签；请核对，或请本轮的经办机构补充标签",
                "not a code or label in the code list; check it, or ask the office that runs the round to add the label",
            ),
            ValueFault::UnreadableInteger => Text::new("应为整数", "expected a whole number"),
            ValueFault::UnreadableNumber => Text::new(
                "应为数值或金额；请写成 35000、35000元 或 3.5万元",
                "expected a number or an amount; write it as 35000, 35000元 or 3.5万元",
            ),
            ValueFault::OutOfRange => Text::new(
                "数值超出该字段的取值范围（如等级为 0 或 99）；请核对，没有内容的请留空",
                "the number is outside the field's range (such as a grade of 0 or 99); check it, and leave the cell empty if there is no value",
            ),
            ValueFault::UnreadableBoolean => Text::new("应为是或否", "expected yes or no (是/否)"),
            ValueFault::ErrorValue => Text::new(
                "单元格是表格软件的错误值（如 #N/A）；请更正公式或填写实际内容",
                "the cell holds an error value of the spreadsheet (such as #N/A); correct the formula or enter the value",
            ),
            ValueFault::Merged => Text::new(
                "单元格与左侧单元格合并，不能确定其内容；请取消合并，逐格填写",
                "the cell is merged with the one to its left, so its value is not known; unmerge the cells and fill in each of them",
            ),
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
            ValueFault::OutOfRange => "out_of_range",
            ValueFault::UnreadableBoolean => "unreadable_boolean",
            ValueFault::ErrorValue => "error_value",
            ValueFault::Merged => "merged",
            ValueFault::Encoding => "encoding",
            ValueFault::TooManyValues => "too_many_values",
        }
    }
}

/// How the cells of a column are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColumnForm {
    /// The day from which serial numbers of dates count.
    pub epoch: DateEpoch,
    /// The unit of amounts that do not state their own.
    pub unit: AmountUnit,
}

/// Reads a cell. An empty cell, one of the missing values and a date that means "no
/// date" are [`Reading::Empty`].
///
/// # Errors
/// The reason why the cell is not a value of the field's type.
pub fn read(
    schema: &ExportSchema,
    field: &Field,
    form: ColumnForm,
    cell: &str,
) -> Result<Reading, ValueFault> {
    let cell = uniform(cell);
    let labels = FieldLabels { schema, field };
    if !field.raw_codes.contains_key(&uniform_label(&cell)) {
        if labels.is_missing(&cell) {
            return Ok(Reading::Empty);
        }
        if is_error_value(&cell) {
            return Err(ValueFault::ErrorValue);
        }
        if cell == MERGED_TEXT {
            return Err(ValueFault::Merged);
        }
    }
    let label = |fault| labels.read(&cell).map_err(|_| fault);
    let value = match field.field_type {
        FieldType::String => return label(ValueFault::UnknownCode),
        FieldType::Integer if labels.is_out_of_range(&cell) => return Err(ValueFault::OutOfRange),
        FieldType::Integer => return label(ValueFault::UnreadableInteger),
        FieldType::Boolean => return label(ValueFault::UnreadableBoolean),
        FieldType::Number => {
            let number = amount::read(&cell, form.unit);
            let number = number.ok_or(ValueFault::UnreadableNumber)?;
            if !field.range.contains(number) {
                return Err(ValueFault::OutOfRange);
            }
            Value::Number(number)
        }
        FieldType::Date => return date_value(field, &cell, form.epoch),
    };
    Ok(Reading::One(value))
}

/// Returns the labels of a cell that have no code, normalised. If each has one but
/// they contradict each other, the whole cell. A label that may name persons is empty.
pub fn unmapped_labels(schema: &ExportSchema, field: &Field, cell: &str) -> Vec<String> {
    let cell = uniform(cell);
    if !field.has_labels() || is_error_value(&cell) || cell == MERGED_TEXT {
        return Vec::new();
    }
    match (FieldLabels { schema, field }).read(&cell) {
        Ok(_) => Vec::new(),
        Err(Unmapped(mut labels)) => {
            let naming = labels
                .iter_mut()
                .filter(|label| field.may_name_persons(label));
            naming.for_each(String::clear);
            labels
        }
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

impl FieldLabels<'_> {
    /// Returns whether a cell is a whole number that the field cannot have. It is not
    /// taken apart: the digits of `-1` may be another value.
    fn is_out_of_range(&self, cell: &str) -> bool {
        let label = uniform_label(cell);
        self.field.field_type == FieldType::Integer
            && self.value(&label).is_none()
            && !self.is_missing(&label)
            && integer(cell).is_some()
    }

    /// Reads a cell of uniform text.
    fn read(&self, cell: &str) -> Result<Reading, Unmapped> {
        if self.is_out_of_range(cell) {
            return Err(Unmapped(vec![uniform_label(cell)]));
        }
        // A library that holds a column of whole numbers as floating point writes 4.0.
        let whole = whole_number(cell).filter(|_| self.value(cell).is_none());
        label::read(self, whole.unwrap_or(cell))
    }
}

impl Labels for FieldLabels<'_> {
    fn field(&self) -> &Field {
        self.field
    }

    fn value(&self, label: &str) -> Option<Value> {
        value_of_label(self.field, label)
    }

    fn is_missing(&self, label: &str) -> bool {
        let is_dashes = !label.is_empty() && label.bytes().all(|byte| byte == b'-');
        let written = if is_dashes { "-" } else { label };
        let mut missing = self.schema.missing_values.iter();
        written.is_empty()
            || missing.any(|missing| missing.eq_ignore_ascii_case(written))
            || self.field.missing_values.contains(written)
    }
}

/// Returns the value of a code or label; `None` if it is none of the field's.
pub fn value_of_label(field: &Field, label: &str) -> Option<Value> {
    let code = field.raw_codes.get(label).map_or(label, String::as_str);
    match field.field_type {
        FieldType::String => code_of(field, code).map(Value::String),
        FieldType::Integer => integer(code)
            .filter(|number| field.range.contains(*number as f64))
            .map(Value::Integer),
        FieldType::Boolean => boolean(field, code).map(Value::Boolean),
        FieldType::Number | FieldType::Date => None,
    }
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
        if is_id_number(&characters(run).collect::<String>(), as_of) {
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

fn code_of(field: &Field, text: &str) -> Option<String> {
    let Some(codes) = &field.codes else {
        return Some(text.to_owned());
    };
    let lower = text.to_ascii_lowercase();
    [text, lower.as_str()]
        .into_iter()
        .find(|candidate| codes.contains(*candidate))
        .map(str::to_owned)
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits.trim_start()),
        None => (1, text.strip_prefix('+').unwrap_or(text).trim_start()),
    };
    let whole = whole_number(digits)?.parse::<i64>().ok();
    whole.map(|number| sign * number)
}

fn boolean(field: &Field, text: &str) -> Option<bool> {
    let is_in = |values: &[String]| values.iter().any(|value| value.eq_ignore_ascii_case(text));
    match (is_in(&field.true_values), is_in(&field.false_values)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// The day of Unix time 0. It is a birthday of many people, but in other fields it comes
/// from a zero.
const UNIX_DAY_ZERO: Date = Date::constant(1970, 1, 1);

fn date_value(field: &Field, text: &str, epoch: DateEpoch) -> Result<Reading, ValueFault> {
    let is_birth_date = field.role == Role::BirthDate;
    match date::read(text, epoch) {
        Some(WrittenDate::NoDate) => Ok(Reading::Empty),
        Some(WrittenDate::Early(day)) if is_birth_date => Ok(Reading::One(Value::Date(day))),
        Some(WrittenDate::Day(day)) if is_birth_date || day != UNIX_DAY_ZERO => {
            Ok(Reading::One(Value::Date(day)))
        }
        Some(WrittenDate::Month(first)) => Ok(Reading::One(Value::Date(first))),
        Some(WrittenDate::Early(_) | WrittenDate::Day(_)) | None => Err(ValueFault::UnreadableDate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Fields of every type, some of whose codes, missing values and booleans are written
    /// in full width.
    fn schema() -> ExportSchema {
        let json = r#"{"name":"agency.export","title":"导出","aidlink":{"agency":"agency","title_en":"Export"},
            "missingValues":["","-","／","无"],
            "fields":[
            {"name":"id","type":"string","title":"号","aidlink":{"title_en":"ID","role":"national_id"}},
            {"name":"born","type":"date","title":"生日","aidlink":{"title_en":"Born","role":"birth_date"}},
            {"name":"kind","type":"string","title":"类","constraints":{"enum":["one","two"]},
             "aidlink":{"title_en":"Kind","codes":{"重伤（一级）":"one","01":"one","2":"two","Ⅱ类":"two"}}},
            {"name":"note","type":"string","title":"注","aidlink":{"title_en":"Note"}},
            {"name":"grade","type":"integer","title":"级","aidlink":{"title_en":"Grade","codes":{"二级":2}}},
            {"name":"level","type":"integer","title":"等","constraints":{"minimum":1,"maximum":4},
             "aidlink":{"title_en":"Level","several":true,"codes":{"二级":2,"九":"4"}}},
            {"name":"cost","type":"number","title":"费","constraints":{"minimum":0},"aidlink":{"title_en":"Cost"}},
            {"name":"loss","type":"number","title":"损失","aidlink":{"title_en":"Loss"}},
            {"name":"poor","type":"boolean","title":"困难","trueValues":["是","1","Ｙ","true"],"falseValues":["否","0","N","false"],
             "aidlink":{"title_en":"Poor"}},
            {"name":"since","type":"date","title":"始","aidlink":{"title_en":"Since"}}]}"#;
        ExportSchema::parse(std::path::Path::new("agency.export.json"), json.as_bytes())
            .expect("a valid schema")
    }

    /// Reads a cell that states at most one value.
    fn read_in(field: &str, form: ColumnForm, cell: &str) -> Result<Option<Value>, ValueFault> {
        let schema = schema();
        let field = schema.field(field).expect("a field");
        match read(&schema, field, form, cell)? {
            Reading::Empty => Ok(None),
            Reading::One(value) => Ok(Some(value)),
            Reading::Several(values) => panic!("{cell}: {values:?}"),
        }
    }

    fn read_as(field: &str, cell: &str) -> Result<Option<Value>, ValueFault> {
        read_in(field, ColumnForm::default(), cell)
    }

    #[test]
    fn every_type_is_read_however_it_is_written() {
        let string = |text: &str| Value::String(text.into());
        for (field, cells, value) in [
            (
                "kind",
                "重伤（一级）|重伤(一级)|'重伤（一级）|\u{2068}重伤(一级)\u{2069}",
                string("one"),
            ),
            ("kind", "01|０１|one|ONE|Ｏｎｅ", string("one")),
            ("kind", "2|2.0|2.00|２|II类|Ⅱ类|\u{feff}2", string("two")),
            (
                "grade",
                "4|4.0|４|+4|4.0000000000|'4|4．0",
                Value::Integer(4),
            ),
            ("grade", "-4|－4|−4|-4.0", Value::Integer(-4)),
            ("grade", "二级|⼆级|“二级”", Value::Integer(2)),
            ("poor", "是|1|1.0|１|y|Ｙ|TRUE|\"是\"", Value::Boolean(true)),
            ("poor", "否|0|0.0|n|FALSE|'否'", Value::Boolean(false)),
            (
                "loss",
                "35000|35000.0|35,000|3,5000|￥35,000.00|35000元|35000元整|3.5万|3.5万元|人民币3.5万元整|３．５万元|35 000",
                Value::Number(35_000.0),
            ),
            ("loss", "2.9999万|29999|29,999元", Value::Number(29_999.0)),
            ("loss", "-5|-5元|￥-5|-￥5", Value::Number(-5.0)),
            ("note", "甲乙| 甲乙 |'甲乙|‘甲乙’", string("甲乙")),
        ] {
            for cell in cells.split('|') {
                assert_eq!(
                    read_as(field, cell),
                    Ok(Some(value.clone())),
                    "{field}: {cell}"
                );
            }
            assert_eq!(
                read_as(field, "#MERGED"),
                Err(ValueFault::Merged),
                "{field}"
            );
        }
    }

    #[test]
    fn what_is_empty_and_what_cannot_be_read_are_told_apart() {
        for field in ["kind", "note", "grade", "loss", "poor", "since", "born"] {
            for cell in [
                "", " ", "'", "''", "\u{feff}", "-", "－", "—", "——", "--", "/", "／", "无",
            ] {
                assert_eq!(read_as(field, cell), Ok(None), "{field}: {cell:?}");
            }
            for cell in ["#N/A", "#n/a", "#REF!", "########", "＃VALUE!", "#ERROR"] {
                assert_eq!(
                    read_as(field, cell),
                    Err(ValueFault::ErrorValue),
                    "{field}: {cell}"
                );
            }
        }
        for (field, cells, fault) in [
            ("kind", "其他|3|重伤|1.5", ValueFault::UnknownCode),
            (
                "grade",
                "四|4.5|4级|4e0|1,0|9999999999999999999",
                ValueFault::UnreadableInteger,
            ),
            (
                "loss",
                "约5万|5万余|叁万|人民币叁万元|5万5千|5²|1e5|3,5|3,50,000|5美元|1.2.3|(5)|元|万|不超过5万|5..|,5",
                ValueFault::UnreadableNumber,
            ),
            ("poor", "不清楚|2|1.5|是否", ValueFault::UnreadableBoolean),
            ("since", "长期|1970-01-01|昨天", ValueFault::UnreadableDate),
        ] {
            for cell in cells.split('|') {
                assert_eq!(read_as(field, cell), Err(fault), "{field}: {cell}");
            }
        }
    }

    #[test]
    fn numbers_outside_the_range_of_their_field_are_unreadable_however_they_are_written() {
        for cell in ["1", "4", "01", "+4", "4.0", "４", "二级"] {
            assert!(matches!(read_as("level", cell), Ok(Some(_))), "{cell}");
        }
        let outside = "0|00|０|0.0|-0|5|05|5.0|99|-1|- 1|－1|-1.0|−4|-4|+5|+ 5|2147483647|9223372036854775807";
        for cell in outside.split('|') {
            assert_eq!(
                read_as("level", cell),
                Err(ValueFault::OutOfRange),
                "{cell}"
            );
        }
        // A number that the field cannot have is not passed over beside another.
        for cell in [
            "0,1",
            "1,5",
            "0-1",
            "1/99",
            "二级,9",
            "5级",
            "9999999999999999999",
        ] {
            assert_eq!(
                read_as("level", cell),
                Err(ValueFault::UnreadableInteger),
                "{cell}"
            );
        }
        for (cell, read) in [
            ("0", Ok(Some(Value::Number(0.0)))),
            ("-0.01", Err(ValueFault::OutOfRange)),
            ("-1元", Err(ValueFault::OutOfRange)),
            ("￥-3.5万", Err(ValueFault::OutOfRange)),
        ] {
            assert_eq!(read_as("cost", cell), read, "{cell}");
        }
    }

    #[test]
    fn every_whole_number_of_the_shipped_schemas_has_a_range() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");
        let schemas = aidlink_policy::schema::Schemas::read(std::path::Path::new(folder));
        let mut numbers = 0;
        for schema in schemas.expect("the shipped schemas").0.values() {
            let fields = schema.fields.iter();
            for field in fields.filter(|field| field.field_type == FieldType::Integer) {
                numbers += 1;
                for cell in ["0", "00", "-1", "11", "99"] {
                    assert_eq!(
                        read(schema, field, ColumnForm::default(), cell),
                        Err(ValueFault::OutOfRange),
                        "{}: {cell}",
                        field.name
                    );
                }
            }
        }
        assert!(numbers >= 2, "grades of disability and of injury");
    }

    /// A round may give such a number a meaning, as for any label without a code.
    #[test]
    fn a_number_outside_the_range_is_a_label_without_a_code() {
        let mut schema = schema();
        let form = ColumnForm::default();
        let labels = |schema: &ExportSchema| {
            unmapped_labels(schema, schema.field("level").expect("a field"), "99")
        };
        assert_eq!(labels(&schema), ["99"]);
        for (code, reading) in [("", Reading::Empty), ("3", Reading::One(Value::Integer(3)))] {
            let mut fields = schema.fields.iter_mut();
            let level = fields.find(|field| field.name == "level").expect("a field");
            level.add_label("99", code);
            let level = schema.field("level").expect("a field");
            assert_eq!(read(&schema, level, form, "99"), Ok(reading));
            assert_eq!(labels(&schema), [""; 0]);
        }
    }

    #[test]
    fn a_column_in_ten_thousands_is_converted_except_where_a_cell_states_its_unit() {
        let stated = amount::stated_units("单位：万元");
        let amount::TitleUnit::Is(unit) = amount::TitleUnit::one_of(stated) else {
            panic!("no unit");
        };
        let form = ColumnForm {
            unit,
            ..ColumnForm::default()
        };
        for (cells, yuan) in [
            ("5|5.0|5.00|￥5|5万|5万元|50000元|50,000元整", 50_000.0),
            ("0.0001", 1.0),
            ("2.9999", 29_999.0),
            ("0", 0.0),
        ] {
            for cell in cells.split('|') {
                let number = read_in("loss", form, cell);
                assert_eq!(number, Ok(Some(Value::Number(yuan))), "{cell}");
            }
        }
    }

    #[test]
    fn days_are_read_by_the_purpose_of_their_field() {
        let day = |year, month, day| Ok(Some(Value::Date(Date::constant(year, month, day))));
        // Day zero of Unix is a birthday, but otherwise a zero.
        assert_eq!(read_as("born", "1970-01-01"), day(1970, 1, 1));
        assert_eq!(
            read_as("since", "1970-01-01"),
            Err(ValueFault::UnreadableDate)
        );
        // A date cell with a small number may hold a birthday, but otherwise an age or a year.
        assert_eq!(read_as("born", "1941-01-24 (15000)"), day(1941, 1, 24));
        assert_eq!(
            read_as("since", "1941-01-24 (15000)"),
            Err(ValueFault::UnreadableDate)
        );
        assert_eq!(read_as("since", "1941-01-24"), day(1941, 1, 24));
        for cell in ["2024", "85", "15000"] {
            for field in ["born", "since"] {
                assert_eq!(
                    read_as(field, cell),
                    Err(ValueFault::UnreadableDate),
                    "{cell}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_cell_makes_the_readers_panic(text in "\\PC{0,20}") {
            for field in ["kind", "note", "grade", "loss", "poor", "since", "born"] {
                let _ = read_as(field, &text);
            }
        }
    }
}
