//! Constants: values that a round file gives to a field in every row of a file. A list
//! of families on dibao has no column for the kind of assistance.

use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform_label;
use jiff::civil::Date;

use crate::pack::{CASE_EXPORT, Guaranteed, Policy, Rule, WhenUnknown};
use crate::schema::{ExportSchema, Field, Role};
use crate::value::{FieldType, Value};

/// The field of the case parties that says whether a person is a victim or a suspect.
const CASE_ROLE: &str = "role";

/// The years in which a date of a constant may be, as in cells.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// The value of a field in every row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The field.
    pub field: String,
    /// The value, of the field's type.
    pub value: Value,
}

/// Why a constant is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantFault {
    /// Whether the value is wrong; otherwise, the field cannot have a constant.
    pub is_of_value: bool,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub hint: Text,
}

impl Constant {
    /// Reads a constant. `written` is the value as a text: a code or a label of the schema,
    /// a number, `true` or `false`, or a date such as `2026-09-30`. Without a policy it is
    /// not checked whether a rule needs the field.
    ///
    /// # Errors
    /// If the field cannot have a constant, or the value is not one of the field's.
    pub fn read(
        schema: &ExportSchema,
        policy: Option<&Policy>,
        field: &str,
        written: &str,
    ) -> Result<Self, ConstantFault> {
        let field = field_for(schema, policy, field).map_err(|(message, hint)| ConstantFault {
            is_of_value: false,
            message,
            hint,
        })?;
        let value = value_of(field, written).ok_or_else(|| ConstantFault {
            is_of_value: true,
            message: Text::new(
                format!("“{written}”不是“{}”的值", field.name),
                format!("`{written}` is not a value of `{}`", field.name),
            ),
            hint: expected(field),
        })?;
        Ok(Constant {
            field: field.name.clone(),
            value,
        })
    }
}

/// Returns whether a constant for a field needs a reason: a rule withholds the rows of
/// which the field is not known, so the constant lets rows pass.
pub fn needs_reason(policy: &Policy, schema: &ExportSchema, field: &str) -> bool {
    let mut rules = policy
        .withhold_rules(&schema.name)
        .filter(|rule| rule.when_unknown == WhenUnknown::Yes);
    rules.any(|rule| Rule::columns(rule).iter().any(|column| column == field))
}

/// Returns message and hint for a field that a schema does not have.
pub fn unknown_field(schema: &ExportSchema, name: &str) -> (Text, Text) {
    let known = schema.fields.iter().map(|field| field.name.as_str());
    let message = Text::new(
        format!("模式 {} 没有字段“{name}”", schema.name),
        format!("the schema `{}` has no field `{name}`", schema.name),
    );
    (message, nearest_name_hint(name, known))
}

/// Returns message and hint for a field that no rule needs.
pub fn unneeded_field(name: &str) -> (Text, Text) {
    let message = Text::new(
        format!("没有规则需要“{name}”，不应读取"),
        format!("no rule needs `{name}`; it must not be read"),
    );
    let hint = Text::new(
        "请删去（个人信息保护法第六条）",
        "remove it (Personal Information Protection Law, Article 6)",
    );
    (message, hint)
}

/// Returns the field, or message and hint if it cannot have a constant.
fn field_for<'s>(
    schema: &'s ExportSchema,
    policy: Option<&Policy>,
    name: &str,
) -> Result<&'s Field, (Text, Text)> {
    let field = schema
        .field(name)
        .ok_or_else(|| unknown_field(schema, name))?;
    let from_a_column = Text::new(
        "请删去，并使用含有该列的导出",
        "remove it and use an export with this column",
    );
    if field.role != Role::Attribute {
        let message = Text::new(
            format!("字段“{name}”因人而异，不能有固定值"),
            format!("the field `{name}` differs from row to row and cannot be a constant"),
        );
        return Err((message, from_a_column));
    }
    if decides_on_roles(schema, policy, name) {
        let message = Text::new(
            format!("字段“{name}”逐人决定该行能否处理，不能有固定值"),
            format!(
                "the field `{name}` decides for each person whether the row may be used, and cannot be a constant"
            ),
        );
        return Err((message, from_a_column));
    }
    if policy.is_some_and(|policy| !policy.columns_needed(schema).contains(name)) {
        return Err(unneeded_field(name));
    }
    if field.field_type == FieldType::String && field.known_codes().is_empty() {
        let message = Text::new(
            format!("字段“{name}”没有代码表，不能有固定值"),
            format!("the field `{name}` has no code list and cannot be a constant"),
        );
        let hint = Text::new("请删去此固定值", "remove this constant");
        return Err((message, hint));
    }
    Ok(field)
}

/// Returns whether a field is the role of the case parties, or one of which a policy
/// guarantees that only certain codes become tokens.
fn decides_on_roles(schema: &ExportSchema, policy: Option<&Policy>, name: &str) -> bool {
    let guarantees = policy.into_iter().flat_map(|policy| &policy.guarantees);
    let mut columns = guarantees.filter_map(|guarantee| match &guarantee.of {
        Guaranteed::Role(codes) if guarantee.on == schema.name => Some(codes.column.as_str()),
        _ => None,
    });
    (schema.name == CASE_EXPORT && name == CASE_ROLE) || columns.any(|column| column == name)
}

fn value_of(field: &Field, written: &str) -> Option<Value> {
    let written = written.trim();
    let label = uniform_label(written);
    let code = field.raw_codes.get(&label).map_or(written, String::as_str);
    match field.field_type {
        FieldType::String => {
            let codes = field.known_codes();
            let code = [code, label.as_str()]
                .into_iter()
                .find(|code| codes.contains(code))?;
            Some(Value::String(code.to_owned()))
        }
        FieldType::Integer => {
            let number: i64 = code.parse().ok()?;
            let is_in_range = field.range.contains(number as f64);
            is_in_range.then_some(Value::Integer(number))
        }
        FieldType::Number => {
            let number: f64 = written.parse().ok()?;
            let is_in_range = number.is_finite() && field.range.contains(number);
            is_in_range.then_some(Value::Number(number))
        }
        FieldType::Boolean => {
            let is_in = |word: &str, values: &[String]| {
                label == word || values.iter().any(|value| uniform_label(value) == label)
            };
            match (
                is_in("true", &field.true_values),
                is_in("false", &field.false_values),
            ) {
                (true, _) => Some(Value::Boolean(true)),
                (false, true) => Some(Value::Boolean(false)),
                (false, false) => None,
            }
        }
        FieldType::Date => {
            let day: Date = written.parse().ok()?;
            YEARS.contains(&day.year()).then_some(Value::Date(day))
        }
    }
}

/// Returns the hint that says which values a field has.
fn expected(field: &Field) -> Text {
    match field.field_type {
        FieldType::String => {
            let codes: Vec<&str> = field.known_codes().into_iter().collect();
            let codes = codes.join(", ");
            Text::new(
                format!("请选用：{codes}"),
                format!("choose one of {codes}, or a label of the schema"),
            )
        }
        FieldType::Integer => Text::new(
            "请写模式所允许的整数",
            "write a whole number that the schema allows",
        ),
        FieldType::Number => Text::new(
            "请写模式所允许的数",
            "write a number that the schema allows",
        ),
        FieldType::Boolean => Text::new("请写 true 或 false", "write true or false"),
        FieldType::Date => Text::new("请写成 2026-09-30 的形式", "write it as 2026-09-30"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::schema::Schemas;

    fn shipped() -> Schemas {
        // Read at run time, because two checkouts may share a target folder.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let schemas = Path::new(&package).join("../../schemas");
        Schemas::read(&schemas).expect("the shipped schemas")
    }

    #[test]
    fn a_value_is_a_code_or_label_of_the_schema_or_of_the_type() {
        let schemas = shipped();
        let text = |text: &str| Some(Value::String(text.to_owned()));
        for (schema, field, written, value) in [
            ("civil-affairs.assistance", "kind", "dibao", text("dibao")),
            ("civil-affairs.assistance", "kind", " DIBAO ", text("dibao")),
            (
                "civil-affairs.assistance",
                "kind",
                "农村 低保",
                text("dibao"),
            ),
            ("civil-affairs.assistance", "kind", "低保, 特困", None),
            ("civil-affairs.assistance", "kind", "低保-7019", None),
            ("civil-affairs.assistance", "kind", "", None),
            ("disabled-federation.persons", "class", "4", text("4")),
            ("disabled-federation.persons", "class", "8", None),
            (
                "disabled-federation.persons",
                "grade",
                "1",
                Some(Value::Integer(1)),
            ),
            (
                "disabled-federation.persons",
                "grade",
                "一级",
                Some(Value::Integer(1)),
            ),
            ("disabled-federation.persons", "grade", "99", None),
            ("disabled-federation.persons", "grade", "1.5", None),
            (
                "disabled-federation.persons",
                "economic_hardship",
                "否",
                Some(Value::Boolean(false)),
            ),
            (
                "disabled-federation.persons",
                "economic_hardship",
                "True",
                Some(Value::Boolean(true)),
            ),
            (
                "disabled-federation.persons",
                "economic_hardship",
                "不详",
                None,
            ),
            (
                "procuratorate.case-parties",
                "property_loss",
                "3.5",
                Some(Value::Number(3.5)),
            ),
            ("procuratorate.case-parties", "property_loss", "NaN", None),
            ("procuratorate.case-parties", "property_loss", "inf", None),
            (
                "procuratorate.case-parties",
                "offence_on",
                "2026-01-31",
                Some(Value::Date(Date::constant(2026, 1, 31))),
            ),
            (
                "procuratorate.case-parties",
                "offence_on",
                "2026-02-30",
                None,
            ),
            (
                "procuratorate.case-parties",
                "offence_on",
                "0001-01-01",
                None,
            ),
        ] {
            let schema = schemas.get(schema).expect("shipped");
            let read = Constant::read(schema, None, field, written);
            match (read, value) {
                (Ok(constant), Some(value)) => assert_eq!(constant.value, value, "{written}"),
                (Err(fault), None) => assert!(fault.is_of_value, "{field} = {written}: {fault:?}"),
                (read, value) => panic!("{field} = {written}: {read:?}, not {value:?}"),
            }
        }
    }

    #[test]
    fn what_differs_from_person_to_person_is_no_constant() {
        let schemas = shipped();
        for (schema, field) in [
            ("procuratorate.case-parties", "national_id"),
            ("procuratorate.case-parties", "handler"),
            ("procuratorate.case-parties", "role"),
            ("education.students", "birth_date"),
            ("education.students", "school"),
            ("education.students", "no_such"),
        ] {
            let schema = schemas.get(schema).expect("shipped");
            let read = Constant::read(schema, None, field, "other");
            assert!(read.is_err_and(|fault| !fault.is_of_value), "{field}");
        }
    }
}
