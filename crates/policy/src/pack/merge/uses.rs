//! Finds where parts of a policy name parts that a layer drops.

use std::collections::HashMap;
use std::ops::Range;

use aidlink_faults::configuration::{Document, Entry, Located, Node};
use aidlink_faults::text::Text;

use super::{Merger, Part, strings, value_of};
use crate::pack::origin::PartKind;

/// A part that is named by another.
struct Use {
    /// What the name may stand for.
    kinds: &'static [PartKind],
    id: String,
    at: Range<usize>,
}

impl Merger {
    /// Reports parts that are dropped although others name them. They stay, so that the
    /// names are not further faults.
    pub(super) fn reinstate_what_is_used(&mut self) {
        let parts = self.parts.iter().enumerate();
        let dropped = parts.filter(|(_, part)| part.is_dropped);
        let dropped: HashMap<(PartKind, &str), usize> = dropped
            .filter_map(|(position, part)| Some(((part.kind, part.id.as_deref()?), position)))
            .collect();
        if dropped.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for part in self.parts.iter().filter(|part| !part.is_dropped) {
            for named in uses(&self.document, part) {
                let mut kinds = named.kinds.iter();
                let position = kinds.find_map(|kind| dropped.get(&(*kind, named.id.as_str())));
                // A part with the same id may have been added above.
                let mut kinds = named.kinds.iter();
                let is_present = kinds.any(|kind| {
                    let position = self.positions.get(&(*kind, named.id.clone()));
                    let part = position.and_then(|position| self.parts.get(*position));
                    part.is_some_and(|part| !part.is_dropped)
                });
                if let Some(position) = position
                    && !is_present
                {
                    found.push((*position, named));
                }
            }
        }
        for (position, named) in found {
            let Some(part) = self.parts.get_mut(position) else {
                continue;
            };
            part.is_dropped = false;
            let title = part.kind.title();
            let Some(drop) = part.origin.changes.last() else {
                continue;
            };
            let message = Text::new(
                format!("{} 删去了{}“{}”，但此处仍用到", drop.at, title.zh, named.id),
                format!(
                    "{} drops the {} `{}`, which is used here",
                    drop.at, title.en, named.id
                ),
            );
            let hint = Text::new(
                "请一并替换或删去用到它的部分，或不删去",
                "replace, amend or drop what uses it, too, or do not drop it",
            );
            self.fault(&named.at, message, hint);
        }
    }
}

/// Returns the names of other parts in a part.
fn uses(document: &Document, part: &Part) -> Vec<Use> {
    let mut uses = Vec::new();
    let Node::Table(entries) = &part.table.value else {
        return uses;
    };
    let mut add = |kinds, id: &str, at: Range<usize>| {
        let id = id.to_owned();
        uses.push(Use { kinds, id, at });
    };
    for (cite, at) in strings(&part.table, "cites") {
        let source = cite.split_whitespace().next().unwrap_or_default();
        add(&[PartKind::Source], source, at.clone());
    }
    let lists: &[(&str, &'static [PartKind])] = match part.kind {
        PartKind::Guarantee => &[("rules", &[PartKind::Rule])],
        PartKind::ReferralState => &[("aids", &[PartKind::Aid])],
        _ => &[],
    };
    for (key, kinds) in lists {
        for (id, at) in strings(&part.table, key) {
            add(kinds, id, at.clone());
        }
    }
    let names: &[(&str, &'static [PartKind])] = match part.kind {
        PartKind::Aid => &[
            ("agency", &[PartKind::Agency]),
            ("deadline", &[PartKind::Deadline]),
        ],
        PartKind::ReferralState => &[("reopened_by", &[PartKind::Rule])],
        _ => &[],
    };
    for (key, kinds) in names {
        if let Some((id, at)) = text(entries, key) {
            add(kinds, id, at.clone());
        }
    }
    let expressions: &[&str] = match part.kind {
        PartKind::Term => &["means"],
        PartKind::Aid => &["requires", "qualifies", "settled"],
        _ => &[],
    };
    for key in expressions {
        let Some((expression, at)) = text(entries, key) else {
            continue;
        };
        let start = document.content_start(at);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in expression.split(|c: char| !is_name(c)) {
            if !word.is_empty() {
                let offset = word.as_ptr() as usize - expression.as_ptr() as usize;
                let at = start + offset..start + offset + word.len();
                add(&[PartKind::Rule, PartKind::Term], word, at);
            }
        }
    }
    uses
}

/// Returns a text of a table.
fn text<'e>(entries: &'e [Entry], key: &str) -> Option<(&'e str, &'e Range<usize>)> {
    let Located { value, at } = value_of(entries, key)?;
    match value {
        Node::String(text) => Some((text, at)),
        _ => None,
    }
}
