//! A parameter with the values that the layers of a policy give it.

use aidlink_faults::configuration::{Entry, Located, Node};

use super::origin::Origin;

/// A parameter, as the layers have it.
#[derive(Clone, Debug)]
pub(super) struct MergedParameter {
    /// Its name.
    pub(super) name: Located<String>,
    /// The table that declares it: `type`, `title`, and, for a default, `default` and
    /// `source`.
    pub(super) declaration: Located<Node>,
    /// The values that layers give it, the lowest first. The last one counts. A default is
    /// the first one.
    pub(super) settings: Vec<Setting>,
    /// Where it comes from.
    pub(super) origin: Origin,
}

/// A value of a parameter.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The number of the layer that gives it, from 0 for the lowest.
    pub(super) layer: usize,
    /// The value.
    pub(super) value: Located<Node>,
    /// The citation or `local`. A value without one is local.
    pub(super) source: Option<Located<Node>>,
}

/// The value of `source` where a place decided itself.
pub(super) const LOCAL: &str = "local";

/// Returns `[parameters]` of the merged policy, in which each has the value that counts.
pub(super) fn effective(parameters: &[MergedParameter]) -> Option<Entry> {
    let first = parameters.first()?;
    let at = first.name.at.clone();
    let tables = parameters.iter().map(|parameter| {
        let mut entries = match &parameter.declaration.value {
            Node::Table(entries) => entries.clone(),
            _ => Vec::new(),
        };
        entries.retain(|(key, _)| !["default", "source"].contains(&key.value.as_str()));
        if let Some(setting) = parameter.settings.last() {
            let at = setting.value.at.clone();
            let source = setting.source.clone().unwrap_or(Located {
                value: Node::String(LOCAL.to_owned()),
                at: at.clone(),
            });
            for (key, value) in [("value", setting.value.clone()), ("source", source)] {
                let key = Located {
                    value: key.to_owned(),
                    at: at.clone(),
                };
                entries.push((key, value));
            }
        }
        let table = Located {
            value: Node::Table(entries),
            at: parameter.declaration.at.clone(),
        };
        (parameter.name.clone(), table)
    });
    let key = Located {
        value: "parameters".to_owned(),
        at: at.clone(),
    };
    let value = Node::Table(tables.collect());
    Some((key, Located { value, at }))
}
