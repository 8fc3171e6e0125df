//! Says in words which layer of a policy a part comes from.

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_policy::pack::{Change, Layer, Origin, PartKind, Policy};
use serde::Serialize;

/// A policy below another, in a JSON answer.
#[derive(Serialize)]
pub(super) struct LayerBelow<'p> {
    id: &'p str,
    version: &'p str,
    file: String,
    blake3: &'p str,
}

/// Where a part comes from, in a JSON answer.
#[derive(Serialize)]
pub(super) struct ToldOrigin<'p> {
    policy: &'p str,
    version: &'p str,
    file: String,
    line: usize,
    changes: Vec<ToldChange<'p>>,
}

/// What a layer made of a part, in a JSON answer.
#[derive(Serialize)]
pub(super) struct ToldChange<'p> {
    change: &'static str,
    policy: &'p str,
    version: &'p str,
    file: String,
    line: usize,
    /// Absent for parameters.
    #[serde(skip_serializing_if = "str::is_empty")]
    because: &'p str,
}

/// Returns the policies below a policy, the next one first.
pub(super) fn layers(policy: &Policy) -> Vec<LayerBelow<'_>> {
    let below = policy.origins.layers.iter().rev().skip(1);
    let told = below.map(|layer| LayerBelow {
        id: &layer.id,
        version: &layer.version,
        file: shown_path(&layer.file),
        blake3: &layer.digest,
    });
    told.collect()
}

/// Prints the policies below a policy.
pub(super) fn say_layers(policy: &Policy, output: Output) {
    for layer in policy.origins.layers.iter().rev().skip(1) {
        let (id, version, file) = (&layer.id, &layer.version, shown_path(&layer.file));
        output.say(&Text::new(
            format!("  建立在 {id} 第{version}版之上：{file}"),
            format!("  on top of {id} version {version}: {file}"),
        ));
    }
}

/// Returns where a part comes from, if the policy has several layers.
pub(super) fn told<'p>(policy: &'p Policy, part: PartKind, id: &str) -> Option<ToldOrigin<'p>> {
    let origin = known(policy, part, id)?;
    let layer = layer(policy, origin.layer)?;
    let changes = origin.changes.iter().filter_map(|change| {
        let layer = self::layer(policy, change.layer)?;
        Some(ToldChange {
            change: change.kind.name(),
            policy: &layer.id,
            version: &layer.version,
            file: shown_path(&change.at.file),
            line: change.at.line,
            because: &change.because,
        })
    });
    Some(ToldOrigin {
        policy: &layer.id,
        version: &layer.version,
        file: shown_path(&origin.at.file),
        line: origin.at.line,
        changes: changes.collect(),
    })
}

/// Prints where a part comes from, if the policy has several layers.
pub(super) fn say(policy: &Policy, part: PartKind, id: &str, output: Output) {
    if let Some(origin) = known(policy, part, id) {
        say_origin(policy, origin, output);
    }
}

/// Prints an origin, a line for each layer.
pub(super) fn say_origin(policy: &Policy, origin: &Origin, output: Output) {
    let Some(first) = layer(policy, origin.layer) else {
        return;
    };
    output.say(&Text::new(
        format!(
            "  来自：{} 第{}版（{}）",
            first.id, first.version, origin.at
        ),
        format!(
            "  from: {} version {} ({})",
            first.id, first.version, origin.at
        ),
    ));
    for change in &origin.changes {
        output.say(&changed(policy, change));
    }
}

fn changed(policy: &Policy, change: &Change) -> Text {
    let layer = layer(policy, change.layer);
    let (id, version) = layer.map_or(("", ""), |layer| (&layer.id, &layer.version));
    let (word, at) = (change.kind.title(), &change.at);
    let because = match change.because.trim() {
        "" => Text::default(),
        because => Text::new(format!("：{because}"), format!(": {because}")),
    };
    Text::new(
        format!("  由 {id} 第{version}版{}（{at}）{}", word.zh, because.zh),
        format!(
            "  {} by {id} version {version} ({at}){}",
            word.en, because.en
        ),
    )
}

/// Returns the layer that a part comes from, and those that changed it, in brackets; empty if
/// the policy has one layer.
pub(super) fn short(policy: &Policy, part: PartKind, id: &str) -> Text {
    let Some(origin) = known(policy, part, id) else {
        return Text::default();
    };
    let name = |number| layer(policy, number).map_or("", |layer| layer.id.as_str());
    let mut text = Text::new(
        format!(" [{}", name(origin.layer)),
        format!(" [{}", name(origin.layer)),
    );
    for change in &origin.changes {
        let (by, word) = (name(change.layer), change.kind.title());
        text.zh += &format!("，由 {by} {}", word.zh);
        text.en += &format!(", {} by {by}", word.en);
    }
    Text::new(text.zh + "]", text.en + "]")
}

fn known<'p>(policy: &'p Policy, part: PartKind, id: &str) -> Option<&'p Origin> {
    let has_layers = policy.origins.layers.len() > 1;
    policy.origins.of(part, id).filter(|_| has_layers)
}

fn layer(policy: &Policy, number: usize) -> Option<&Layer> {
    policy.origins.layers.get(number)
}
