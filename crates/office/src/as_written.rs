//! Whether a manifest says what its round file says. Who may sign a manifest may write another
//! day of deletion or another limit into it than the round file has, of which a copy is kept.

use std::collections::BTreeMap;

use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::{Language, Text};

use crate::manifest::Manifest;
use crate::round::{CENTRE, CONFIGURATION, CROSSES_PLAIN, WrittenRound, WrittenValue, in_one_form};

/// The keys whose values a message may show: dates, numbers, and words of the program. Others
/// may name a person.
const SHOWN: [&str; 11] = [
    "as_of",
    "issued_on",
    "retention_until",
    "mode",
    "list_language",
    "impact_assessment.valid_until",
    "thresholds.snapshot_age_days",
    "thresholds.reject_rate",
    "thresholds.rare_pattern",
    "key.algorithm",
    "export.snapshot",
];

/// A value that a manifest states otherwise than the round file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its key, as in [`WrittenValue`].
    pub key: &'static str,
    /// The schema of its `[[export]]`.
    pub export: Option<String>,
    /// Its line in the round file, from 1, if it is written there and the line is known.
    pub line: Option<usize>,
    /// What the round file says; `None` if it has no such key.
    written: Option<String>,
    /// What the manifest says.
    stated: String,
}

impl Difference {
    /// Returns what differs. `place` is the place in the copy of the round file if
    /// [`Difference::line`] is not known.
    pub fn text(&self, place: &str) -> Text {
        let place = match self.line {
            Some(line) => format!("{CONFIGURATION}/round.toml:{line}"),
            None => place.to_owned(),
        };
        let key = match &self.export {
            Some(export) => format!("{} ({})", self.key, shown_name(export)),
            None => self.key.to_owned(),
        };
        let stated = &self.stated;
        match &self.written {
            None => Text::new(
                format!("{place} 没有 {key}，而运行记录有"),
                format!("{place} has no {key}, and the manifest states one"),
            ),
            Some(written) if SHOWN.contains(&self.key) => Text::new(
                format!("{place} 写明 {key} = {written}，而运行记录为 {stated}"),
                format!("{place} says {key} = {written}, and the manifest says {stated}"),
            ),
            Some(_) => Text::new(
                format!("{place} 的 {key} 与运行记录所记不同"),
                format!("{place} has another {key} than the manifest"),
            ),
        }
    }
}

/// Returns what a manifest states otherwise than its round file, in the order of the manifest.
pub fn differences(round: &WrittenRound, manifest: &Manifest) -> Vec<Difference> {
    let values = round.values();
    let mut written: BTreeMap<(&str, Option<&str>), &WrittenValue> = BTreeMap::new();
    for value in &values {
        let key = (value.key, value.export.as_deref());
        written.entry(key).or_insert(value);
    }
    let stated = stated(manifest).into_iter();
    let differing = stated.filter_map(|(key, export, stated)| {
        let written = written.get(&(key, export.as_deref())).copied();
        let is_it = written.is_some_and(|written| written.value == stated);
        (!is_it).then(|| Difference {
            key,
            export,
            line: written.and_then(|written| written.line),
            written: written.map(|written| written.value.clone()),
            stated,
        })
    });
    differing.collect()
}

/// What a manifest states of a key, and of which export, in the form of [`WrittenValue`].
type Stated = (&'static str, Option<String>, String);

fn stated(manifest: &Manifest) -> Vec<Stated> {
    let thresholds = &manifest.thresholds;
    let assessment = &manifest.impact_assessment;
    let mut stated: Vec<Stated> = [
        ("round", manifest.round.clone()),
        ("mode", manifest.mode.name().to_owned()),
        ("as_of", manifest.as_of.to_string()),
        ("issued_on", manifest.issued_on.to_string()),
        ("purpose", manifest.purpose.clone()),
        ("impact_assessment.id", assessment.id.clone()),
        (
            "impact_assessment.valid_until",
            assessment.valid_until.to_string(),
        ),
        ("operator", manifest.operator.clone()),
        ("retention_until", manifest.retention_until.to_string()),
        (
            "thresholds.snapshot_age_days",
            thresholds.snapshot_age_days.to_string(),
        ),
        (
            "thresholds.reject_rate",
            in_one_form(thresholds.reject_rate),
        ),
        (
            "thresholds.rare_pattern",
            thresholds.rare_pattern.to_string(),
        ),
    ]
    .map(|(key, value)| (key, None, value))
    .into();
    if let Some(language) = manifest.list_language {
        let word = match language {
            Language::Chinese => "zh",
            Language::English => "en",
        };
        stated.push(("list_language", None, word.to_owned()));
    }
    if let Some(key) = &manifest.key {
        let algorithm = key.algorithm.name().to_owned();
        stated.push(("key.algorithm", None, algorithm));
        if let Some(file) = &key.file {
            stated.push(("key.file", None, file.clone()));
        }
    }
    for export in &manifest.exports {
        let name = || Some(export.export.clone());
        let snapshot = export.snapshot.to_string();
        stated.push(("export.snapshot", name(), snapshot));
        let basis = export.legal_basis.clone();
        stated.push(("export.legal_basis", name(), basis));
        // The register has no files.
        if export.files.is_empty() && manifest.register.is_some() {
            continue;
        }
        let files = export.files.iter();
        let mut paths: Vec<&str> = files.map(|file| file.file.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        stated.push(("export.path", name(), paths.join("\n")));
        let reading = export.reading_blake3.clone();
        stated.push(("export.reading", name(), reading.unwrap_or_default()));
    }
    for received in &manifest.received {
        if let (Some(export), Some(snapshot)) = (&received.export, received.snapshot) {
            let export = Some(export.clone());
            stated.push(("export.snapshot", export, snapshot.to_string()));
        }
    }
    for crossed in &manifest.crossing {
        let key = match crossed.to == CENTRE {
            true => "sealing.centre",
            false => "sealing.procuratorate",
        };
        let recipient = crossed.sealed_to.clone();
        let recipient = recipient.unwrap_or_else(|| CROSSES_PLAIN.to_owned());
        stated.push((key, None, recipient));
    }
    stated
}
