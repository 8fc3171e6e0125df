//! Widens guarantees of the layers below: more rules, cases and ages, fewer codes that pass.

use std::ops::Range;

use aidlink_faults::configuration::{Entry, Located, Node};
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;

use super::{CASE, Merger, strings, take, value_of};
use crate::pack::origin::{Change, ChangeKind, PartKind};

/// The key with the codes that pass no longer.
const PASSES_NO_LONGER: &str = "passes_no_longer";
/// The keys whose lists are added to those of the guarantee.
const ADDED: [&str; 2] = ["rules", "ages"];

impl Merger {
    /// Widens a guarantee by one `[[widen]]`.
    pub(super) fn widen(&mut self, mut entries: Vec<Entry>, at: &Range<usize>) {
        let because = self.because(&mut entries, at);
        let Some(id) = take(&mut entries, PartKind::Guarantee.key()) else {
            let message = Text::new("缺少“guarantee”", "`guarantee` is missing");
            let hint = Text::new("请写明保证的编号", "name the guarantee by its id");
            return self.fault(at, message, hint);
        };
        let Node::String(name) = &id.value else {
            let message = Text::new("“guarantee”应为字符串", "`guarantee` must be a string");
            let hint = Text::new("请写编号", "write an id");
            return self.fault(&id.at, message, hint);
        };
        let position = self.positions.get(&(PartKind::Guarantee, name.clone()));
        let position = position.copied().filter(|position| {
            let part = self.parts.get(*position);
            part.is_some_and(|part| part.layer < self.layer || !part.origin.changes.is_empty())
        });
        let Some(position) = position else {
            return self.report_absent(PartKind::Guarantee, name, &id.at, ChangeKind::Widened);
        };
        let keys = ["rules", "ages", PASSES_NO_LONGER, CASE];
        for (key, value) in &entries {
            if !keys.contains(&key.value.as_str()) {
                let message = Text::new(
                    format!("未知的键“{}”", key.value),
                    format!("unknown key `{}`", key.value),
                );
                let hint = nearest_name_hint(&key.value, keys);
                self.fault(&key.at, message, hint);
            } else if !matches!(value.value, Node::Array(_)) {
                let message = Text::new(
                    format!("“{}”应为数组", key.value),
                    format!("`{}` must be an array", key.value),
                );
                let hint = Text::new("请更正此值", "correct this value");
                self.fault(&value.at, message, hint);
            }
        }
        if entries.is_empty() {
            let message = Text::new("没有写明如何扩大", "this widens nothing");
            let hint = Text::new(
                "请添加 rules、ages、passes_no_longer 或 [[widen.case]]",
                "add rules, ages, passes_no_longer or [[widen.case]]",
            );
            self.fault(at, message, hint);
        }
        let added = Located {
            value: Node::Table(entries),
            at: at.clone(),
        };
        self.check_codes(position, &added);
        let change = Change {
            layer: self.layer,
            kind: ChangeKind::Widened,
            because,
            at: self.spot(at),
        };
        if let Some(part) = self.parts.get_mut(position) {
            part.layer = self.layer;
            part.origin.changes.push(change);
            if let Node::Table(guarantee) = &mut part.table.value {
                widened(guarantee, &added);
            }
        }
    }

    /// Checks that the codes that pass no longer did pass.
    fn check_codes(&mut self, position: usize, added: &Located<Node>) {
        let Some(part) = self.parts.get(position) else {
            return;
        };
        let passes = strings(&part.table, "passes").map(|(code, _)| code);
        let passes: Vec<String> = passes.map(str::to_owned).collect();
        for (code, at) in strings(added, PASSES_NO_LONGER) {
            if !passes.iter().any(|passing| passing == code) {
                let message = Text::new(
                    format!("代码“{code}”本来就不放行"),
                    format!("the code `{code}` does not pass as it is"),
                );
                let hint = nearest_name_hint(code, passes.iter().map(String::as_str));
                self.fault(at, message, hint);
            }
        }
    }
}

/// Adds rules, ages and cases to a guarantee and removes codes that pass.
fn widened(guarantee: &mut Vec<Entry>, added: &Located<Node>) {
    let Node::Table(entries) = &added.value else {
        return;
    };
    for key in ADDED {
        if let Some(items) = value_of(entries, key).and_then(items) {
            edit_list(guarantee, key, &added.at, |own| {
                own.extend_from_slice(items)
            });
        }
    }
    let removed: Vec<&str> = strings(added, PASSES_NO_LONGER)
        .map(|(code, _)| code)
        .collect();
    if !removed.is_empty() {
        edit_list(guarantee, "passes", &added.at, |own| {
            own.retain(|code| match &code.value {
                Node::String(code) => !removed.contains(&code.as_str()),
                _ => true,
            });
        });
    }
    if let Some(cases) = value_of(entries, CASE).and_then(items) {
        edit_list(guarantee, CASE, &added.at, |own| {
            // What passed before may be withheld now, so the layer says itself what passes.
            if cases.iter().any(passes) {
                own.retain(|case| !passes(case));
            }
            own.extend_from_slice(cases);
        });
    }
}

/// Whether a case is of a row that is not withheld.
fn passes(case: &Located<Node>) -> bool {
    let Node::Table(entries) = &case.value else {
        return false;
    };
    let withheld = value_of(entries, "withheld");
    withheld.is_some_and(|withheld| matches!(withheld.value, Node::Boolean(false)))
}

fn items(list: &Located<Node>) -> Option<&[Located<Node>]> {
    match &list.value {
        Node::Array(items) => Some(items),
        _ => None,
    }
}

/// Changes a list of a table, which is empty if the table has none. Another value stays as it
/// is: it is reported when the policy is checked.
fn edit_list(
    entries: &mut Vec<Entry>,
    key: &str,
    at: &Range<usize>,
    edit: impl FnOnce(&mut Vec<Located<Node>>),
) {
    let position = entries.iter().position(|(name, _)| name.value == key);
    match position.and_then(|position| entries.get_mut(position)) {
        Some((_, value)) => {
            if let Node::Array(items) = &mut value.value {
                edit(items);
            }
        }
        None => {
            let mut items = Vec::new();
            edit(&mut items);
            let name = Located {
                value: key.to_owned(),
                at: at.clone(),
            };
            let value = Located {
                value: Node::Array(items),
                at: at.clone(),
            };
            entries.push((name, value));
        }
    }
}
