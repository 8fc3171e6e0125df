//! `aidlink policy diff`: says in words what differs between two policies.

use std::collections::BTreeMap;

use aidlink_faults::text::Text;
use aidlink_office::ending::Ending;
use aidlink_office::terminal::Output;
use aidlink_policy::pack::{Aid, Guarantee, Guaranteed, PartKind, Policy, Rule, WhenUnknown};
use serde::Serialize;

/// A property of a part, in words.
struct Property {
    /// Its name in JSON answers.
    key: &'static str,
    name: Text,
    /// Empty if the part lacks it.
    value: Text,
}

/// A part of a policy, in words.
struct Described<'p> {
    kind: PartKind,
    id: &'p str,
    properties: Vec<Property>,
}

/// What differs, in a JSON answer.
#[derive(Serialize)]
struct Difference<'p> {
    kind: &'static str,
    id: &'p str,
    /// `added`, `removed` or `changed`.
    what: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<PropertyChange>,
}

/// A property that differs, in a JSON answer.
#[derive(Serialize)]
struct PropertyChange {
    property: &'static str,
    before: Text,
    after: Text,
}

/// Prints what differs between two policies.
pub(super) fn run(one: &Policy, other: &Policy, output: Output) -> Ending {
    let (before, after) = (parts_of(one), parts_of(other));
    let name = |policy: &Policy| (policy.id.clone(), policy.version.clone());
    let ((id, version), (other_id, other_version)) = (name(one), name(other));
    let key = |part: &Described<'_>| (part.kind, part.id.to_owned());
    let known: BTreeMap<_, &Described> = before.iter().map(|part| (key(part), part)).collect();
    let kept: BTreeMap<_, &Described> = after.iter().map(|part| (key(part), part)).collect();
    let mut differences = Vec::new();
    output.say(&Text::new(
        format!("{id} 第{version}版 → {other_id} 第{other_version}版"),
        format!("{id} version {version} -> {other_id} version {other_version}"),
    ));
    for part in &before {
        match kept.get(&key(part)) {
            None => {
                say_part(part, &Text::new("没有了", "removed"), output);
                differences.push(difference(part, "removed", Vec::new()));
            }
            Some(other) => {
                let changes = changes(part, other);
                if changes.is_empty() {
                    continue;
                }
                say_part(part, &Text::new("不同", "differs"), output);
                for (property, before, after) in &changes {
                    say_change(property, before, after, output);
                }
                let changes = changes.into_iter();
                let changes = changes.map(|(property, before, after)| PropertyChange {
                    property: property.key,
                    before,
                    after,
                });
                differences.push(difference(part, "changed", changes.collect()));
            }
        }
    }
    for part in &after {
        if !known.contains_key(&key(part)) {
            say_part(part, &Text::new("新增", "added"), output);
            let none = Text::default();
            for property in part.properties.iter().filter(|other| other.value != none) {
                say_change(property, &none, &property.value, output);
            }
            differences.push(difference(part, "added", Vec::new()));
        }
    }
    if differences.is_empty() {
        output.say(&match one.digest == other.digest {
            true => Text::new("两份规则文件相同", "the policies are the same"),
            false => Text::new(
                "两份规则文件只在用例、出处的名称或先后顺序上不同",
                "the policies differ only in cases, names of sources or order",
            ),
        });
    }
    output.json(&differences);
    Ending::Done
}

fn difference<'p>(
    part: &Described<'p>,
    what: &'static str,
    changes: Vec<PropertyChange>,
) -> Difference<'p> {
    Difference {
        kind: part.kind.key(),
        id: part.id,
        what,
        changes,
    }
}

fn say_part(part: &Described<'_>, what: &Text, output: Output) {
    let (kind, id) = (part.kind.title(), part.id);
    let title = part.properties.first().map(|property| &property.value);
    let title = title.cloned().unwrap_or_default();
    output.say(&Text::new(
        format!("{}“{id}”（{}）{}", kind.zh, title.zh, what.zh),
        format!("{} `{id}` ({}) {}", kind.en, title.en, what.en),
    ));
}

fn say_change(property: &Property, before: &Text, after: &Text, output: Output) {
    let name = &property.name;
    let none = Text::default();
    output.say(&match (before == &none, after == &none) {
        (true, _) => Text::new(
            format!("  {}：{}", name.zh, after.zh),
            format!("  {}: {}", name.en, after.en),
        ),
        (_, true) => Text::new(
            format!("  {}：{} → 无", name.zh, before.zh),
            format!("  {}: {} -> none", name.en, before.en),
        ),
        _ => Text::new(
            format!("  {}：{} → {}", name.zh, before.zh, after.zh),
            format!("  {}: {} -> {}", name.en, before.en, after.en),
        ),
    });
}

/// Returns the properties that differ, with both values. Parts of one kind have the same
/// properties in the same order.
fn changes<'d>(
    one: &'d Described<'_>,
    other: &'d Described<'_>,
) -> Vec<(&'d Property, Text, Text)> {
    let both = one.properties.iter().zip(&other.properties);
    let both = both.filter(|(before, after)| before.value != after.value);
    both.map(|(before, after)| (before, before.value.clone(), after.value.clone()))
        .collect()
}

fn property(key: &'static str, zh: &str, en: &str, value: Text) -> Property {
    Property {
        key,
        name: Text::new(zh, en),
        value,
    }
}

/// Returns a text that is the same in both languages, on one line.
fn same(text: &str) -> Text {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Text::new(text.clone(), text)
}

fn list<S: AsRef<str>>(items: &[S]) -> Text {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    same(&items.join(", "))
}

fn optional(text: Option<&str>) -> Text {
    text.map_or(Text::default(), same)
}

fn title(text: &Text) -> Property {
    property("title", "名称", "title", text.clone())
}

fn parts_of(policy: &Policy) -> Vec<Described<'_>> {
    let mut parts = Vec::new();
    for (kind, named) in [
        (PartKind::Source, &policy.sources),
        (PartKind::Agency, &policy.agencies),
    ] {
        parts.extend(named.iter().map(|named| Described {
            kind,
            id: &named.id,
            properties: vec![title(&named.name)],
        }));
    }
    parts.extend(policy.deadlines.iter().map(|deadline| Described {
        kind: PartKind::Deadline,
        id: &deadline.id,
        properties: vec![
            title(&deadline.title),
            property("period", "期间", "period", deadline.period()),
            property("cites", "出处", "cites", list(&deadline.cites)),
        ],
    }));
    parts.extend(policy.parameters.iter().map(|parameter| {
        let setting = parameter.setting();
        let value = setting.map_or(String::new(), ToString::to_string);
        let local = Text::new("由当地决定", "local");
        let cite = setting.and_then(|setting| setting.cite.as_deref());
        Described {
            kind: PartKind::Parameter,
            id: &parameter.id,
            properties: vec![
                title(&parameter.title),
                property("value", "值", "value", same(&value)),
                property("source", "出处", "source", cite.map_or(local, same)),
                property("type", "类型", "type", same(parameter.type_name)),
            ],
        }
    }));
    parts.extend(policy.rules.iter().map(rule));
    parts.extend(policy.guarantees.iter().map(guarantee));
    parts.extend(policy.terms.iter().map(|term| Described {
        kind: PartKind::Term,
        id: &term.id,
        properties: vec![
            title(&term.title),
            property("means", "即", "means", same(&term.means)),
        ],
    }));
    parts.extend(policy.aids.iter().map(|one| aid(policy, one)));
    parts
}

fn rule(rule: &Rule) -> Described<'_> {
    let when_unknown = match rule.when_unknown {
        WhenUnknown::Review => "review",
        WhenUnknown::No => "no",
        WhenUnknown::Yes => "yes",
    };
    let core = rule.core.as_ref().map(|core| core.text.as_str());
    let at_most = rule.at_most_review.then_some("review");
    Described {
        kind: PartKind::Rule,
        id: &rule.id,
        properties: vec![
            title(&rule.title),
            property("kind", "种类", "kind", rule.kind.title()),
            property("on", "针对", "on", same(&rule.on)),
            property("when", "条件", "condition", same(&rule.when)),
            property("parameters", "参数", "parameters", list(&rule.parameters)),
            property("core", "关键事实", "core", optional(core)),
            property("at_most", "结果最多为", "at most", optional(at_most)),
            property("unknown", "空白时", "if empty", same(when_unknown)),
            property("urgent", "紧急", "urgent", yes_or_no(rule.urgent)),
            property("check", "需人工核实", "a person checks", text(&rule.check)),
            property("cites", "出处", "cites", list(&rule.cites)),
        ],
    }
}

fn guarantee(guarantee: &Guarantee) -> Described<'_> {
    let codes = match &guarantee.of {
        Guaranteed::Role(codes) => Some(codes),
        Guaranteed::Seal | Guaranteed::Death => None,
    };
    let passes = codes.map_or(Text::default(), |codes| list(&codes.passes));
    let ages = codes.map_or(Text::default(), |codes| {
        let ages: Vec<String> = codes.ages.iter().map(i64::to_string).collect();
        list(&ages)
    });
    Described {
        kind: PartKind::Guarantee,
        id: &guarantee.id,
        properties: vec![
            title(&guarantee.title),
            property("of", "保证种类", "of", same(guarantee.of.name())),
            property("on", "针对", "on", same(&guarantee.on)),
            property("rules", "规则", "rules", list(&guarantee.rules)),
            property("passes", "放行", "passes", passes),
            property("ages", "年龄", "ages", ages),
            property(
                "cases",
                "用例数",
                "cases",
                same(&guarantee.cases.len().to_string()),
            ),
            property("cites", "出处", "cites", list(&guarantee.cites)),
        ],
    }
}

fn yes_or_no(value: bool) -> Text {
    match value {
        true => Text::new("是", "yes"),
        false => Text::new("否", "no"),
    }
}

fn aid<'p>(policy: &'p Policy, aid: &'p Aid) -> Described<'p> {
    let days = policy.deadline(&aid.deadline).map(|deadline| {
        let (id, period) = (&deadline.id, deadline.period());
        Text::new(
            format!("{id}（{}）", period.zh),
            format!("{id} ({})", period.en),
        )
    });
    let referred: Vec<&str> = aid.referred.rules().into_iter().collect();
    Described {
        kind: PartKind::Aid,
        id: &aid.id,
        properties: vec![
            title(&aid.title),
            property("direction", "方向", "direction", same(aid.direction.name())),
            property("agency", "机构", "agency", same(&aid.agency)),
            property(
                "requires",
                "另一方须有",
                "requires",
                same(&aid.requires_text),
            ),
            property(
                "qualifies",
                "符合条件",
                "qualifies",
                same(&aid.qualifies_text),
            ),
            property(
                "settled",
                "已在领取",
                "settled",
                optional(aid.settled_text.as_deref()),
            ),
            property("referred", "已转介", "referred", list(&referred)),
            property("deadline", "期限", "deadline", days.unwrap_or_default()),
            property(
                "household",
                "按户救助",
                "for a household",
                yes_or_no(aid.household),
            ),
            property("check", "需人工核实", "a person checks", text(&aid.check)),
            property("cites", "出处", "cites", list(&aid.cites)),
        ],
    }
}

fn text(text: &Option<Text>) -> Text {
    text.clone().unwrap_or_default()
}
