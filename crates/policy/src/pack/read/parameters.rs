//! Reads `[parameters]`: named values that rules, deadlines and periods use, and that layers
//! set.

use std::collections::{BTreeMap, BTreeSet};

use super::super::merged_parameter::{LOCAL, MergedParameter, Setting};
use super::super::{Named, Parameter, ParameterSetting};
use super::PolicyReader;
use crate::period::Period;
use crate::rule_language::{
    DERIVED_AGE, DERIVED_AS_OF, DERIVED_MINOR, DERIVED_SEX, NamedValue, names_in,
};
use aidlink_faults::configuration::{Located, Node, TableReader};
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;
use jiff::civil::Date;

/// The most items of a list.
const MOST_ITEMS: usize = 200;

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ParameterType {
    Integer,
    Number,
    Amount,
    Date,
    Period,
    Text,
    List,
}

impl ParameterType {
    const ALL: [(ParameterType, &'static str); 7] = [
        (ParameterType::Integer, "integer"),
        (ParameterType::Number, "number"),
        (ParameterType::Amount, "amount"),
        (ParameterType::Date, "date"),
        (ParameterType::Period, "period"),
        (ParameterType::Text, "text"),
        (ParameterType::List, "list"),
    ];

    /// Returns what a value of this type is.
    fn expected(self) -> Text {
        match self {
            ParameterType::Integer => Text::new("整数", "a whole number"),
            ParameterType::Number => Text::new("数", "a number"),
            ParameterType::Amount => {
                Text::new("不小于0的金额（元）", "an amount in yuan, not below 0")
            }
            ParameterType::Date => Text::new("日期，例如 2026-09-30", "a date, such as 2026-09-30"),
            ParameterType::Period => Text::new(
                "时长，例如 \"90 days\"、\"6 months\"、\"1 year\"",
                "a period, such as \"90 days\", \"6 months\", \"1 year\"",
            ),
            ParameterType::Text => Text::new("非空字符串", "a non-empty string"),
            ParameterType::List => Text::new(
                format!("1到{MOST_ITEMS}个字符串、数或日期，不混用"),
                format!("a list of 1 to {MOST_ITEMS} strings, numbers or dates, not mixed"),
            ),
        }
    }

    /// Returns a value of this type.
    fn value(self, node: &Node) -> Option<NamedValue> {
        let value = match (self, node) {
            (ParameterType::Integer, Node::Integer(_)) => scalar(node)?,
            (ParameterType::Number | ParameterType::Amount, Node::Integer(_) | Node::Float(_)) => {
                scalar(node)?
            }
            (ParameterType::Date, Node::Date(_)) => scalar(node)?,
            (ParameterType::Date, Node::String(text)) => NamedValue::Date(text.parse().ok()?),
            (ParameterType::Text, Node::String(_)) => scalar(node)?,
            (ParameterType::Period, Node::String(text)) => NamedValue::Period(Period::parse(text)?),
            (ParameterType::List, Node::Array(items)) => {
                let values = items.iter().map(|item| scalar(&item.value));
                let values = values.collect::<Option<Vec<_>>>()?;
                let kind = values.first().map(std::mem::discriminant)?;
                let same = |value| std::mem::discriminant(value) == kind;
                if values.len() > MOST_ITEMS || !values.iter().all(same) {
                    return None;
                }
                NamedValue::List(values)
            }
            _ => return None,
        };
        match (self, &value) {
            (ParameterType::Amount, NamedValue::Number(amount)) if *amount < 0.0 => None,
            _ => Some(value),
        }
    }
}

/// Returns a number, a date or a text that is not empty.
fn scalar(node: &Node) -> Option<NamedValue> {
    match node {
        Node::Integer(number) => Some(NamedValue::Number(*number as f64)),
        Node::Float(number) if number.is_finite() => Some(NamedValue::Number(*number)),
        Node::Date(date) => Some(NamedValue::Date(*date)),
        Node::String(text) if !text.trim().is_empty() => Some(NamedValue::Text(text.clone())),
        _ => None,
    }
}

impl<'d> PolicyReader<'d> {
    /// Reads all parameters.
    pub(super) fn read_parameters(&mut self, sources: &[Named]) {
        let merged = self.merged;
        for parameter in &merged.parameters {
            let read = self.parameter(parameter, sources);
            self.parameters.extend(read);
        }
    }

    fn parameter(
        &mut self,
        parameter: &'d MergedParameter,
        sources: &[Named],
    ) -> Option<Parameter> {
        let name = &parameter.name;
        self.check_identifier(name);
        self.check_is_no_column(name);
        let mut table = self.document.table_at(&parameter.declaration)?;
        let word = table.string("type", &mut self.faults);
        let title = table.text("title", &mut self.faults);
        // Their values are among the settings.
        table.node("default");
        table.node("source");
        table.finish(&mut self.faults);
        let word = word?;
        let types = ParameterType::ALL.iter();
        let found = types.clone().find(|(_, name)| *name == word.value);
        let Some((parameter_type, type_name)) = found else {
            let hint = nearest_name_hint(&word.value, types.map(|(_, name)| *name));
            let message = Text::new("未知的参数类型", "unknown type of parameter");
            self.fault(&word.at, message, hint);
            return None;
        };
        if parameter.settings.is_empty() {
            let message = Text::new(
                format!("参数“{}”没有值：没有 default，也没有上层设定", name.value),
                format!(
                    "the parameter `{}` has no value: it has no default, and no policy above sets it",
                    name.value
                ),
            );
            let hint = Text::new(
                format!("请在上层规则文件的 [parameters] 中写 {} = …", name.value),
                format!(
                    "write {} = ... below [parameters] of a policy above",
                    name.value
                ),
            );
            self.fault(&name.at, message, hint);
        }
        let mut settings = Vec::new();
        for setting in &parameter.settings {
            let is_default = setting.layer == parameter.origin.layer;
            let cite = self.source(setting, is_default, &name.at, sources);
            let value = parameter_type.value(&setting.value.value);
            if value.is_none() {
                let expected = parameter_type.expected();
                let message = Text::new(
                    format!("参数“{}”的值应为{}", name.value, expected.zh),
                    format!(
                        "the value of the parameter `{}` must be {}",
                        name.value, expected.en
                    ),
                );
                let hint = Text::new("请更正此值", "correct this value");
                self.fault(&setting.value.at, message, hint);
            }
            settings.extend(value.map(|value| ParameterSetting {
                layer: setting.layer,
                value,
                cite,
            }));
        }
        if settings.is_empty() {
            return None;
        }
        Some(Parameter {
            id: name.value.clone(),
            title: title.unwrap_or_default(),
            type_name,
            settings,
        })
    }

    /// Reads where a value comes from; `None` if the place decided itself.
    fn source(
        &mut self,
        setting: &Setting,
        is_default: bool,
        place: &std::ops::Range<usize>,
        sources: &[Named],
    ) -> Option<String> {
        let hint = Text::new(
            format!("请写文件和条款，或 source = \"{LOCAL}\"（由当地决定）"),
            format!("give document and article, or source = \"{LOCAL}\" (the place decides)"),
        );
        let Some(source) = &setting.source else {
            if is_default {
                let message = Text::new("默认值没有出处“source”", "the default has no `source`");
                self.fault(place, message, hint);
            }
            return None;
        };
        let Node::String(cite) = &source.value else {
            let message = Text::new("“source”应为字符串", "`source` must be a string");
            self.fault(&source.at, message, hint);
            return None;
        };
        if cite == LOCAL {
            return None;
        }
        let document = cite.split_whitespace().next().unwrap_or_default();
        if !sources.iter().any(|source| source.id == document) {
            let names = sources.iter().map(|source| source.id.as_str());
            let hint = nearest_name_hint(document, names.chain([LOCAL]));
            let message = Text::new("未定义的出处", "an undefined source is cited");
            self.fault(&source.at, message, hint);
        }
        Some(cite.clone())
    }

    /// Reports a parameter with the name of a column: rules name both alike.
    fn check_is_no_column(&mut self, name: &Located<String>) {
        let derived = [DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX, DERIVED_AS_OF];
        let schemas = self.schemas.0.values();
        let mut fields = schemas.flat_map(|schema| &schema.fields);
        let is_column = fields.any(|field| field.name == name.value);
        if is_column || derived.contains(&name.value.as_str()) {
            let message = Text::new(
                format!("“{}”是列名，不能作参数名", name.value),
                format!(
                    "`{}` is the name of a column and cannot be that of a parameter",
                    name.value
                ),
            );
            self.fault(
                &name.at,
                message,
                Text::new("请改用另一个名称", "choose another name"),
            );
        }
    }

    /// Returns the names of the parameters that conditions use.
    pub(super) fn parameters_in(&self, texts: &[&Located<String>]) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        if self.parameters.is_empty() {
            return used;
        }
        for text in texts {
            let names = names_in(&text.value).into_iter();
            used.extend(names.filter(|name| self.find(name).is_some()));
        }
        used
    }

    /// Reports parameters in a withhold rule: a guarantee must not depend on a value that a
    /// place sets.
    pub(super) fn refuse_parameters(&mut self, when: &Located<String>) {
        let message = Text::new(
            "不予处理的规则不能使用参数",
            "a withhold rule cannot use parameters",
        );
        let hint = Text::new("请在规则中直接写明值", "write the value in the rule itself");
        self.fault(&when.at, message, hint);
    }

    fn find(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.id == name)
    }

    /// Returns the values that count for a layer without those above it.
    pub(super) fn values(&self, layer: usize) -> BTreeMap<String, NamedValue> {
        let values = self.parameters.iter().filter_map(|parameter| {
            let setting = parameter.as_of_layer(layer)?;
            Some((parameter.id.clone(), setting.value.clone()))
        });
        values.collect()
    }

    /// Whether a layer above another one sets one of these parameters to another value.
    pub(super) fn is_set_above(&self, names: &[String], layer: usize) -> bool {
        names.iter().any(|name| {
            let parameter = self.find(name);
            parameter.is_some_and(|parameter| {
                let value = |setting: Option<&ParameterSetting>| {
                    setting.map(|setting| setting.value.clone())
                };
                value(parameter.as_of_layer(layer)) != value(parameter.setting())
            })
        })
    }

    /// Returns the value of a parameter of type `period`.
    pub(super) fn period_named(&self, name: &str) -> Option<Period> {
        match self.find(name)?.setting()?.value {
            NamedValue::Period(period) => Some(period),
            _ => None,
        }
    }

    /// Returns the value of a parameter of type `date`.
    pub(super) fn date_named(&self, name: &str) -> Option<Date> {
        match self.find(name)?.setting()?.value {
            NamedValue::Date(day) => Some(day),
            _ => None,
        }
    }

    /// Reads the working days of a deadline: a number, or the name of a parameter of type
    /// `integer`.
    pub(super) fn working_days(&mut self, table: &mut TableReader<'d>) -> Option<i64> {
        let Some(node) = table.node("working_days") else {
            return table.integer("working_days", &mut self.faults);
        };
        let Node::String(name) = &node.value else {
            return table.integer("working_days", &mut self.faults);
        };
        let integers = self.parameters.iter();
        let integers = integers.filter(|parameter| parameter.type_name == "integer");
        let names: Vec<&str> = integers.map(|parameter| parameter.id.as_str()).collect();
        let name = Located {
            value: name.clone(),
            at: node.at.clone(),
        };
        let hint = match names.is_empty() {
            true => Text::new("请写工作日数", "write a number of working days"),
            false => nearest_name_hint(&name.value, names.iter().copied()),
        };
        match self.find(&name.value).and_then(Parameter::setting) {
            Some(ParameterSetting {
                value: NamedValue::Number(days),
                ..
            }) if names.contains(&name.value.as_str()) => Some(*days as i64),
            _ => {
                let message = Text::new(
                    "没有此整数参数",
                    "there is no parameter of type integer with this name",
                );
                self.fault(&name.at, message, hint);
                None
            }
        }
    }
}
