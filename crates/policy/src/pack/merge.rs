//! Merges the layers of a policy into one document, in which every part keeps its place, and
//! notes where each part comes from.
//!
//! A layer adds parts, replaces, amends or drops parts of the layers below by their ids and
//! says why, sets parameters, and widens guarantees. Whether the merged policy is valid is
//! checked afterwards, as for a policy of one file.

mod parameters;
mod uses;
mod widen;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use aidlink_faults::configuration::{Document, Entry, Located, Node};
use aidlink_faults::fault::{FaultCollector, nearest_name_hint};
use aidlink_faults::text::Text;

use super::layer_files::{EXTENDS, LayerFile};
use super::merged_parameter::{MergedParameter, effective};
use super::origin::{Change, ChangeKind, Dropped, Layer, Origin, Origins, PartKind, Spot};

/// Marks a part that takes the place of one below.
const REPLACE: &str = "replace";
/// Marks a part whose keys take the place of those of one below.
const AMEND: &str = "amend";
/// Why a part is replaced, amended, dropped or widened.
const BECAUSE: &str = "because";
/// Parts that a layer leaves out.
pub(super) const DROP: &str = "drop";
/// Additions to guarantees.
pub(super) const WIDEN: &str = "widen";
/// The test rows of a rule or guarantee.
const CASE: &str = "case";

/// A policy whose layers are merged, but that has not been checked.
#[derive(Debug)]
pub(super) struct Merged {
    /// The merged policy, in the form of a policy of one file, with its parameters.
    pub(super) document: Document,
    /// Rules as they were before a layer amended them, with the cases that the layers below
    /// wrote for them.
    pub(super) earlier: Vec<Located<Node>>,
    /// The parameters with the values that the layers give them.
    pub(super) parameters: Vec<MergedParameter>,
    /// The layers, and where each part comes from.
    pub(super) origins: Origins,
    /// What is wrong with the layers.
    pub(super) faults: FaultCollector,
}

/// A part, as the layers read so far have it.
struct Part {
    kind: PartKind,
    /// Its id, if it has a valid one.
    id: Option<String>,
    table: Located<Node>,
    /// The number of the layer that wrote it last.
    layer: usize,
    origin: Origin,
    /// Whether a layer drops it.
    is_dropped: bool,
}

struct Merger {
    document: Document,
    faults: FaultCollector,
    /// The number of the layer that is being merged.
    layer: usize,
    parts: Vec<Part>,
    /// The positions in `parts` of those with an id.
    positions: HashMap<(PartKind, String), usize>,
    /// Everything else at the top level: id, version and title, and what is unknown.
    others: Vec<Entry>,
    earlier: Vec<Located<Node>>,
    /// The rules that guarantees of the layers below name, and the places of these names.
    guarded: BTreeMap<String, Range<usize>>,
    parameters: Vec<MergedParameter>,
    /// The positions in `parameters` by name.
    parameter_positions: HashMap<String, usize>,
}

/// What a part does to the layers below.
struct Intent {
    kind: ChangeKind,
    because: String,
}

/// Merges layers, the lowest first.
pub(super) fn merge(files: Vec<LayerFile>) -> Merged {
    let mut faults = FaultCollector::new();
    let top = files.len().saturating_sub(1);
    let mut layers = Vec::new();
    let mut documents = Vec::new();
    for (number, file) in files.into_iter().enumerate() {
        let mut found = FaultCollector::new();
        layers.push(layer_of(&file, &mut found));
        // Those of the top layer are found again when the merged policy is checked.
        if number < top {
            faults.extend(found);
        }
        documents.push(file.document);
    }
    let (document, roots) = Document::stacked(documents);
    faults.extend(document.syntax_faults());
    let mut merger = Merger {
        document,
        faults,
        layer: 0,
        parts: Vec::new(),
        positions: HashMap::new(),
        others: Vec::new(),
        earlier: Vec::new(),
        guarded: BTreeMap::new(),
        parameters: Vec::new(),
        parameter_positions: HashMap::new(),
    };
    for (number, root) in roots.into_iter().enumerate() {
        merger.layer = number;
        merger.merge_layer(root, number == top);
    }
    merger.reinstate_what_is_used();
    merger.finish(layers)
}

fn layer_of(file: &LayerFile, faults: &mut FaultCollector) -> Layer {
    let mut root = file.document.root();
    let mut text = |key| {
        let text = root.string(key, faults);
        text.map(|text| text.value).unwrap_or_default()
    };
    let (id, version) = (text("id"), text("version"));
    root.text("title", faults);
    Layer {
        id,
        version,
        file: file.document.path().to_path_buf(),
        digest: file.document.digest().to_owned(),
        content: file.bytes.as_slice().into(),
    }
}

impl Merger {
    fn fault(&mut self, at: &Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }

    fn spot(&self, at: &Range<usize>) -> Spot {
        let (file, place) = self.document.place_of(at.start);
        let line = place.and_then(|place| place.line()).unwrap_or_default();
        Spot {
            file: file.to_path_buf(),
            line: usize::try_from(line).unwrap_or(usize::MAX),
        }
    }

    fn merge_layer(&mut self, root: Vec<Entry>, is_top: bool) {
        self.note_guarded_rules();
        let (mut drops, mut widenings) = (None, None);
        for (key, value) in root {
            let listed = PartKind::LISTED.into_iter();
            let listed = listed.chain([PartKind::Referrals]);
            let kind = listed.clone().find(|kind| kind.key() == key.value);
            match (kind, key.value.as_str(), value.value) {
                (Some(PartKind::Referrals), _, node @ Node::Table(_)) => {
                    let at = value.at;
                    self.merge_part(PartKind::Referrals, Located { value: node, at });
                }
                (Some(kind), _, Node::Array(items)) if kind != PartKind::Referrals => {
                    for item in items {
                        self.merge_part(kind, item);
                    }
                }
                (None, EXTENDS, _) => {}
                (None, "id" | "version" | "title", _) if !is_top => {}
                (None, DROP, node) => drops = Some((key.at, node, value.at)),
                (None, WIDEN, node) => widenings = Some((key.at, node, value.at)),
                (None, "parameters", node) => self.merge_parameters(node, &value.at),
                // What is unknown or of a wrong type is reported when the policy is checked.
                (_, _, node) => {
                    let value = Located {
                        value: node,
                        at: value.at,
                    };
                    self.others.push((key, value));
                }
            }
        }
        // Last, so that it does not matter where in the file they are.
        for (found, is_drop) in [(widenings, false), (drops, true)] {
            let Some((key_at, node, at)) = found else {
                continue;
            };
            for (table, at) in self.tables(node, at, key_at) {
                match is_drop {
                    true => self.drop_part(&table, &at),
                    false => self.widen(table, &at),
                }
            }
        }
    }

    /// Returns the tables of `[[drop]]` or `[[widen]]`.
    fn tables(
        &mut self,
        node: Node,
        at: Range<usize>,
        key_at: Range<usize>,
    ) -> Vec<(Vec<Entry>, Range<usize>)> {
        let items = match node {
            Node::Array(items) => items,
            node => vec![Located { value: node, at }],
        };
        let mut tables = Vec::new();
        for item in items {
            match item.value {
                Node::Table(entries) => tables.push((entries, item.at)),
                _ => self.fault(
                    &item.at.clone(),
                    Text::new("此处应为表（[[…]]）", "expected a table ([[...]])"),
                    Text::new("请更正此值", "correct this value"),
                ),
            }
        }
        if self.layer == 0 && !tables.is_empty() {
            self.fault(
                &key_at,
                Text::new(
                    "此规则文件之下没有其他规则文件",
                    "there is no policy below this one",
                ),
                Text::new(
                    "请添加 extends = …，或删去此表",
                    "add extends = ..., or remove this table",
                ),
            );
            tables.clear();
        }
        tables
    }

    fn note_guarded_rules(&mut self) {
        let guarantees = self.parts.iter().filter(|part| {
            let kind = part.kind == PartKind::Guarantee;
            kind && !part.is_dropped
        });
        for guarantee in guarantees {
            for (name, at) in strings(&guarantee.table, "rules") {
                self.guarded.entry(name.to_owned()).or_insert(at.clone());
            }
        }
    }

    fn merge_part(&mut self, kind: PartKind, table: Located<Node>) {
        let Located {
            value: Node::Table(mut entries),
            at,
        } = table
        else {
            self.push(kind, None, table);
            return;
        };
        let intent = self.intent(&mut entries, &at);
        // There is one [referrals], which needs no id.
        let id = match kind {
            PartKind::Referrals => Some((String::new(), at.clone())),
            _ => value_of(&entries, "id").and_then(|id| match &id.value {
                Node::String(text) => Some((text.clone(), id.at.clone())),
                _ => None,
            }),
        };
        let table = Located {
            value: Node::Table(entries),
            at,
        };
        let Some((id, id_at)) = id else {
            self.push(kind, None, table);
            return;
        };
        let below = self.positions.get(&(kind, id.clone())).copied();
        let below = below.filter(|position| {
            let part = self.parts.get(*position);
            part.is_some_and(|part| part.layer < self.layer && !part.is_dropped)
        });
        match (intent, below) {
            (None, None) => self.push(kind, Some(id), table),
            (None, Some(position)) => self.report_present(kind, &id, &id_at, position),
            (Some(intent), None) => {
                self.report_absent(kind, &id, &id_at, intent.kind);
                self.push(kind, Some(id), table);
            }
            (Some(intent), Some(position)) => {
                if self.may_change(kind, &id, &id_at, position) {
                    self.change(position, table, intent);
                }
            }
        }
    }

    /// Takes `replace`, `amend` and `because` out of a table.
    fn intent(&mut self, entries: &mut Vec<Entry>, at: &Range<usize>) -> Option<Intent> {
        let mut marks = Vec::new();
        for (key, kind) in [
            (REPLACE, ChangeKind::Replaced),
            (AMEND, ChangeKind::Amended),
        ] {
            let Some(mark) = take(entries, key) else {
                continue;
            };
            match mark.value {
                Node::Boolean(true) => marks.push((kind, mark.at)),
                Node::Boolean(false) => {}
                _ => self.fault(
                    &mark.at,
                    Text::new(
                        format!("“{key}”应为 true 或 false"),
                        format!("`{key}` must be true or false"),
                    ),
                    Text::new("请更正此值", "correct this value"),
                ),
            }
        }
        let (kind, mark) = marks.pop()?;
        if !marks.is_empty() {
            self.fault(
                &mark,
                Text::new(
                    "不能同时替换和修改",
                    "a part cannot be both replaced and amended",
                ),
                Text::new(
                    "replace 另写全部内容，amend 只另写所列的键；请删去其中之一",
                    "`replace` writes all of it anew, `amend` only the keys that are given; remove one of them",
                ),
            );
        }
        let because = self.because(entries, at);
        Some(Intent { kind, because })
    }

    /// Takes the reason out of a table.
    fn because(&mut self, entries: &mut Vec<Entry>, at: &Range<usize>) -> String {
        let because = take(entries, BECAUSE);
        match because.as_ref().map(|because| &because.value) {
            Some(Node::String(reason)) if !reason.trim().is_empty() => reason.clone(),
            _ => {
                let at = because.as_ref().map_or(at, |because| &because.at).clone();
                self.fault(
                    &at,
                    Text::new("没有写明理由“because”", "`because` gives no reason"),
                    Text::new(
                        "请写明理由，例如 because = \"本地文件第三条\"",
                        "say why, such as because = \"article 3 of the local document\"",
                    ),
                );
                String::new()
            }
        }
    }

    fn push(&mut self, kind: PartKind, id: Option<String>, table: Located<Node>) {
        let position = self.parts.len();
        let origin = Origin {
            layer: self.layer,
            at: self.spot(&table.at),
            changes: Vec::new(),
        };
        if let Some(id) = &id {
            // Of two parts with one id, which is a fault, the first counts.
            let entry = self.positions.entry((kind, id.clone()));
            let known = *entry.or_insert(position);
            if self.parts.get(known).is_some_and(|part| part.is_dropped) {
                self.positions.insert((kind, id.clone()), position);
            }
        }
        self.parts.push(Part {
            kind,
            id,
            table,
            layer: self.layer,
            origin,
            is_dropped: false,
        });
    }

    /// Reports a part that a layer below has, too.
    fn report_present(&mut self, kind: PartKind, id: &str, at: &Range<usize>, position: usize) {
        let part = named(kind, id);
        let Some(below) = self.parts.get(position) else {
            return;
        };
        let below = self.spot(&below.table.at);
        let hint = match kind {
            PartKind::Guarantee => Text::new(
                "请改用另一个编号，或用 [[widen]] 扩大下层的保证",
                "choose another id, or widen the guarantee below with [[widen]]",
            ),
            PartKind::Referrals => Text::new(
                "请删去，或用 replace = true 和 because 替换",
                "remove it, or replace it with replace = true and because",
            ),
            _ => Text::new(
                "请改用另一个编号，或写明 replace = true（或 amend = true）和 because",
                "choose another id, or write replace = true (or amend = true) and because",
            ),
        };
        let message = Text::new(
            format!("{below} 已有{}", part.zh),
            format!("{below} has the {} already", part.en),
        );
        self.fault(at, message, hint);
    }

    /// Reports a part that no layer below has.
    fn report_absent(&mut self, kind: PartKind, id: &str, at: &Range<usize>, change: ChangeKind) {
        let part = named(kind, id);
        let does = match change {
            ChangeKind::Dropped => Text::new("要删去的", "dropped"),
            ChangeKind::Amended => Text::new("要修改的", "amended"),
            ChangeKind::Widened => Text::new("要扩大的", "widened"),
            ChangeKind::Replaced | ChangeKind::Set => Text::new("要替换的", "replaced"),
        };
        let message = Text::new(
            format!("下层没有{}{}", does.zh, part.zh),
            format!(
                "the {} is {} here, but no policy below has it",
                part.en, does.en
            ),
        );
        if kind == PartKind::Referrals {
            let hint = Text::new(
                "请删去 replace 和 because",
                "remove `replace` and `because`",
            );
            return self.fault(at, message, hint);
        }
        let parts = self.parts.iter();
        let known = parts.filter(|part| part.kind == kind && part.layer < self.layer);
        let known: Vec<String> = known.filter_map(|part| part.id.clone()).collect();
        let hint = nearest_name_hint(id, known.iter().map(String::as_str));
        self.fault(at, message, hint);
    }

    /// Returns whether a layer may replace, amend or drop a part, and reports it if not.
    /// Guarantees, and the rules that they name, stay as they are.
    fn may_change(&mut self, kind: PartKind, id: &str, at: &Range<usize>, position: usize) -> bool {
        let below = self.parts.get(position).map(|part| part.table.at.clone());
        let below = below.map(|at| self.spot(&at));
        match (kind, below, self.guarded.get(id)) {
            (PartKind::Guarantee, Some(below), _) => {
                let message = Text::new(
                    format!("{below} 的保证“{id}”不能替换、修改或删去"),
                    format!(
                        "the guarantee `{id}` of {below} cannot be replaced, amended or dropped"
                    ),
                );
                let hint = Text::new(
                    "保证只能用 [[widen]] 扩大",
                    "guarantees can only be widened, with [[widen]]",
                );
                self.fault(at, message, hint);
                false
            }
            (PartKind::Rule, Some(_), Some(named)) => {
                let named = self.spot(&named.clone());
                let message = Text::new(
                    format!("规则“{id}”是 {named} 的保证所依据的，不能替换、修改或删去"),
                    format!(
                        "a guarantee rests on the rule `{id}` ({named}), so it cannot be replaced, amended or dropped"
                    ),
                );
                let hint = Text::new(
                    "请另立不予处理的规则，用 [[widen]] 加入该保证",
                    "write another withhold rule and add it to the guarantee with [[widen]]",
                );
                self.fault(at, message, hint);
                false
            }
            _ => true,
        }
    }

    /// Replaces or amends a part.
    fn change(&mut self, position: usize, table: Located<Node>, intent: Intent) {
        let at = self.spot(&table.at);
        let layer = self.layer;
        let Some(part) = self.parts.get_mut(position) else {
            return;
        };
        let mut before = std::mem::replace(&mut part.table, table);
        part.layer = layer;
        part.origin.changes.push(Change {
            layer,
            kind: intent.kind,
            because: intent.because,
            at,
        });
        if intent.kind != ChangeKind::Amended {
            return;
        }
        if part.kind == PartKind::Rule {
            self.earlier.push(before.clone());
        }
        let (Node::Table(entries), Node::Table(kept)) = (&mut part.table.value, &mut before.value)
        else {
            return;
        };
        // The cases of the layers below say what the rule gave before; they stay with it.
        let own: BTreeSet<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
        kept.retain(|(key, _)| key.value != CASE && !own.contains(key.value.as_str()));
        entries.append(kept);
    }

    /// Leaves a part out.
    fn drop_part(&mut self, entries: &[Entry], at: &Range<usize>) {
        let mut entries = entries.to_vec();
        let because = self.because(&mut entries, at);
        let kinds = PartKind::LISTED.into_iter().map(PartKind::key);
        let Some((key, value)) = entries.first() else {
            let known = kinds.collect::<Vec<_>>().join(", ");
            let message = Text::new("没有写明删去什么", "this does not say what is dropped");
            let hint = Text::new(
                format!("请写明种类和编号，例如 rule = \"...\"（{known}）"),
                format!("give kind and id, such as rule = \"...\" ({known})"),
            );
            return self.fault(at, message, hint);
        };
        if let Some((other, _)) = entries.get(1) {
            let message = Text::new(
                format!("未知的键“{}”", other.value),
                format!("unknown key `{}`", other.value),
            );
            let hint = Text::new(
                "每个 [[drop]] 只写一个编号和理由",
                "each [[drop]] has one id and its reason",
            );
            self.fault(&other.at.clone(), message, hint);
        }
        let kind = PartKind::LISTED
            .into_iter()
            .find(|kind| kind.key() == key.value);
        let Some(kind) = kind else {
            let message = Text::new(
                format!("不能删去“{}”", key.value),
                format!("`{}` is not a kind of part that can be dropped", key.value),
            );
            return self.fault(
                &key.at.clone(),
                message,
                nearest_name_hint(&key.value, kinds),
            );
        };
        let Node::String(id) = &value.value else {
            let message = Text::new(
                format!("“{}”应为字符串", key.value),
                format!("`{}` must be a string", key.value),
            );
            let hint = Text::new("请写编号", "write an id");
            return self.fault(&value.at.clone(), message, hint);
        };
        let below = self.positions.get(&(kind, id.clone())).copied();
        let below = below.filter(|position| {
            let part = self.parts.get(*position);
            part.is_some_and(|part| part.layer < self.layer && !part.is_dropped)
        });
        let Some(position) = below else {
            return self.report_absent(kind, id, &value.at, ChangeKind::Dropped);
        };
        if !self.may_change(kind, id, &value.at, position) {
            return;
        }
        let at = self.spot(&value.at);
        let layer = self.layer;
        if let Some(part) = self.parts.get_mut(position) {
            part.is_dropped = true;
            part.origin.changes.push(Change {
                layer,
                kind: ChangeKind::Dropped,
                because,
                at,
            });
        }
    }

    fn finish(self, layers: Vec<Layer>) -> Merged {
        let Merger {
            document,
            faults,
            parts,
            others,
            earlier,
            parameters,
            ..
        } = self;
        let mut root = others;
        let mut origins = Origins {
            layers,
            ..Origins::default()
        };
        let mut lists: BTreeMap<PartKind, Vec<Located<Node>>> = BTreeMap::new();
        for part in parts {
            match (part.is_dropped, part.id) {
                (true, Some(id)) => origins.dropped.push(Dropped {
                    part: part.kind,
                    id,
                    origin: part.origin,
                }),
                (_, id) => {
                    if let Some(id) = id {
                        origins.parts.entry((part.kind, id)).or_insert(part.origin);
                    }
                    lists.entry(part.kind).or_default().push(part.table);
                }
            }
        }
        for (kind, mut tables) in lists {
            let at = tables.first().map_or(0..0, |table| table.at.clone());
            let key = Located {
                value: kind.key().to_owned(),
                at: at.clone(),
            };
            let value = match kind {
                PartKind::Referrals => tables.pop().map_or(Node::Array(Vec::new()), |t| t.value),
                _ => Node::Array(tables),
            };
            root.push((key, Located { value, at }));
        }
        for parameter in &parameters {
            let key = (PartKind::Parameter, parameter.name.value.clone());
            origins.parts.insert(key, parameter.origin.clone());
        }
        root.extend(effective(&parameters));
        Merged {
            document: document.with_root(root),
            earlier,
            parameters,
            origins,
            faults,
        }
    }
}

/// Returns the kind and the id of a part. There is one `[referrals]`, which has no id.
fn named(kind: PartKind, id: &str) -> Text {
    let title = kind.title();
    match kind {
        PartKind::Referrals => title,
        _ => Text::new(
            format!("{}“{id}”", title.zh),
            format!("{} `{id}`", title.en),
        ),
    }
}

/// Returns the value of a key.
fn value_of<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Located<Node>> {
    let mut entries = entries.iter();
    entries
        .find(|(name, _)| name.value == key)
        .map(|(_, value)| value)
}

/// Takes a key out of a table.
fn take(entries: &mut Vec<Entry>, key: &str) -> Option<Located<Node>> {
    let position = entries.iter().position(|(name, _)| name.value == key)?;
    Some(entries.remove(position).1)
}

/// Returns the texts of a list of a table.
fn strings<'t>(
    table: &'t Located<Node>,
    key: &str,
) -> impl Iterator<Item = (&'t str, &'t Range<usize>)> {
    let list = match &table.value {
        Node::Table(entries) => value_of(entries, key),
        _ => None,
    };
    let items = match list.map(|list| &list.value) {
        Some(Node::Array(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match &item.value {
        Node::String(text) => Some((text.as_str(), &item.at)),
        _ => None,
    })
}
