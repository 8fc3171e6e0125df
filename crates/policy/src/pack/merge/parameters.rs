//! Gathers the parameters of a policy and the values that its layers give them.

use std::ops::Range;

use aidlink_faults::configuration::{Located, Node};
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;

use super::{Merger, take, value_of};
use crate::pack::merged_parameter::{MergedParameter, Setting};
use crate::pack::origin::{Change, ChangeKind, Origin};

impl Merger {
    /// Merges `[parameters]` of a layer.
    pub(super) fn merge_parameters(&mut self, node: Node, at: &Range<usize>) {
        let Node::Table(entries) = node else {
            let message = Text::new("“parameters”应为表", "`parameters` must be a table");
            return self.fault(at, message, Text::new("请更正此值", "correct this value"));
        };
        for (name, value) in entries {
            let position = self.parameter_positions.get(&name.value).copied();
            let declares = match &value.value {
                Node::Table(entries) => value_of(entries, "type").is_some(),
                _ => false,
            };
            match (position, declares) {
                (None, true) => self.declare(name, value),
                (Some(position), false) => self.set(position, &name, value),
                (None, false) => {
                    let message = Text::new(
                        format!("没有声明参数“{}”", name.value),
                        format!("the parameter `{}` is not declared", name.value),
                    );
                    let known = self.parameters.iter();
                    let known = known.map(|parameter| parameter.name.value.as_str());
                    let hint = match known.clone().next() {
                        Some(_) => nearest_name_hint(&name.value, known),
                        None => Text::new(
                            "请写明 type、title、default 和 source",
                            "give type, title, default and source",
                        ),
                    };
                    self.fault(&name.at, message, hint);
                }
                (Some(position), true) => {
                    let below = self.parameters.get(position);
                    let Some(below) = below.map(|below| self.spot(&below.name.at)) else {
                        continue;
                    };
                    let message = Text::new(
                        format!("{below} 已声明参数“{}”", name.value),
                        format!("{below} declares the parameter `{}` already", name.value),
                    );
                    let hint = Text::new(
                        format!("请只设定其值：{} = …", name.value),
                        format!("set its value only: {} = ...", name.value),
                    );
                    self.fault(&name.at, message, hint);
                }
            }
        }
    }

    fn declare(&mut self, name: Located<String>, declaration: Located<Node>) {
        let Node::Table(entries) = &declaration.value else {
            return;
        };
        let default = value_of(entries, "default");
        let settings = default.map(|default| Setting {
            layer: self.layer,
            value: default.clone(),
            source: value_of(entries, "source").cloned(),
        });
        let origin = Origin {
            layer: self.layer,
            at: self.spot(&name.at),
            changes: Vec::new(),
        };
        let position = self.parameters.len();
        self.parameter_positions
            .insert(name.value.clone(), position);
        self.parameters.push(MergedParameter {
            settings: settings.into_iter().collect(),
            name,
            declaration,
            origin,
        });
    }

    /// Sets a parameter: `name = VALUE`, or `name = { value = VALUE, source = "..." }`.
    fn set(&mut self, position: usize, name: &Located<String>, value: Located<Node>) {
        let (value, source) = match value {
            Located {
                value: Node::Table(mut entries),
                at,
            } => {
                let (value, source) = (take(&mut entries, "value"), take(&mut entries, "source"));
                for (other, _) in &entries {
                    let message = Text::new(
                        format!("未知的键“{}”", other.value),
                        format!("unknown key `{}`", other.value),
                    );
                    let hint = nearest_name_hint(&other.value, ["value", "source"]);
                    self.fault(&other.at, message, hint);
                }
                let Some(value) = value else {
                    let message = Text::new("缺少“value”", "`value` is missing");
                    let hint = Text::new("请添加 value = …", "add value = ...");
                    return self.fault(&at, message, hint);
                };
                (value, source)
            }
            value => (value, None),
        };
        let change = Change {
            layer: self.layer,
            kind: ChangeKind::Set,
            because: String::new(),
            at: self.spot(&name.at),
        };
        let layer = self.layer;
        if let Some(parameter) = self.parameters.get_mut(position) {
            parameter.settings.push(Setting {
                layer,
                value,
                source,
            });
            parameter.origin.changes.push(change);
        }
    }
}
