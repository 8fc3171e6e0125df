//! Replaces the terms that terms name by the rules that they combine.

use std::collections::{BTreeMap, BTreeSet, btree_set};

use aidlink_faults::text::Text;

use crate::rule_language::{Combination, NodeBudget, TooLarge};

/// Why a term has no expansion.
#[derive(Debug)]
pub(super) enum TermFault<'w> {
    /// The ids of a cycle of terms; the last one is the first one.
    Cycle(Vec<&'w str>),
    /// The expansion would have too many nodes.
    TooLarge(TooLarge),
}

impl TermFault<'_> {
    pub(super) fn message(&self) -> Text {
        match self {
            TermFault::Cycle(cycle) => Text::new(
                format!("术语循环引用：{}", cycle.join(" → ")),
                format!(
                    "the terms refer to each other in a cycle: {}",
                    cycle.join(" -> ")
                ),
            ),
            TermFault::TooLarge(fault) => fault.message(),
        }
    }

    pub(super) fn hint(&self) -> Text {
        match self {
            TermFault::Cycle(_) => {
                Text::new("请消除循环引用", "remove one reference from the cycle")
            }
            TermFault::TooLarge(fault) => fault.hint(),
        }
    }
}

/// A term that is being expanded.
struct Open<'w> {
    id: &'w str,
    combination: &'w Combination,
    /// The names in it that have not been visited yet.
    names: btree_set::IntoIter<&'w str>,
}

/// Expands terms, by id. Each is expanded once, after the terms that it names. A cycle is
/// reported for one of its terms. Its other terms, and terms that name a faulty term, have
/// no entry.
pub(super) fn expand_terms<'w>(
    written: &'w BTreeMap<String, Combination>,
    budget: &mut NodeBudget,
) -> BTreeMap<&'w str, Result<Combination, TermFault<'w>>> {
    let mut expanded: BTreeMap<&str, Result<Combination, TermFault>> = BTreeMap::new();
    // Terms that have been expanded or are being expanded.
    let mut visited: BTreeSet<&str> = BTreeSet::new();
    let mut open_ids: BTreeSet<&str> = BTreeSet::new();
    // Not recursive: a chain of terms may be as long as the policy.
    let mut open: Vec<Open> = Vec::new();
    for start in written.keys() {
        let mut next = Some(start.as_str());
        loop {
            if let Some(id) = next.take()
                && let Some((id, combination)) = written.get_key_value(id)
            {
                if open_ids.contains(id.as_str()) {
                    let from = open.iter().position(|term| term.id == id).unwrap_or(0);
                    let mut cycle: Vec<&str> = open.drain(from..).map(|term| term.id).collect();
                    for id in &cycle {
                        open_ids.remove(id);
                    }
                    cycle.push(id);
                    expanded.insert(id, Err(TermFault::Cycle(cycle)));
                } else if visited.insert(id) {
                    open_ids.insert(id);
                    open.push(Open {
                        id,
                        combination,
                        names: combination.rules().into_iter(),
                    });
                }
            }
            let Some(term) = open.last_mut() else { break };
            next = term.names.next();
            if next.is_some() {
                continue;
            }
            let expansion = |name: &str| expanded.get(name).and_then(|term| term.as_ref().ok());
            let mut names = term.combination.rules().into_iter();
            if names.all(|name| !written.contains_key(name) || expansion(name).is_some()) {
                let result = term.combination.substitute(&expansion, budget);
                expanded.insert(term.id, result.map_err(TermFault::TooLarge));
            }
            open_ids.remove(term.id);
            open.pop();
        }
    }
    expanded
}
