//! The values of a round file that manifests repeat, for whoever compares the two.

use std::ops::Range;

use aidlink_faults::configuration::Located;
use aidlink_faults::fault::Place;

use super::checking::RARE_PATTERN;
use super::written::{Written, WrittenExport, WrittenRound, WrittenSealing};
use crate::sealed::Recipient;
use crate::written_path::plain;

/// The value of `sealing.centre` and `sealing.procuratorate` for files that cross plain.
pub const CROSSES_PLAIN: &str = "plain";

/// A value of a round file, or its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenValue {
    /// Its key, such as `retention_until` or `thresholds.reject_rate`.
    pub key: &'static str,
    /// The schema of its `[[export]]`, for keys that begin with `export.`.
    pub export: Option<String>,
    /// Its line, from 1; `None` for a default.
    pub line: Option<usize>,
    /// The value as a text, in the form of [`in_one_form`] if it is a share.
    pub value: String,
}

/// Returns a share in the one form in which shares are compared: a JSON document may give it
/// back with another last digit.
pub fn in_one_form(share: f64) -> String {
    let rounded = format!("{:.12e}", share + 0.0).parse::<f64>();
    rounded.unwrap_or(share).to_string()
}

impl WrittenRound {
    /// Returns the values that manifests repeat. What is missing or invalid and has no default
    /// is left out.
    pub fn values(&self) -> Vec<WrittenValue> {
        let mut found = Found {
            round: self,
            values: Vec::new(),
        };
        found.text("round", &self.round);
        found.text("purpose", &self.purpose);
        found.text("mode", &self.mode);
        found.text("operator", &self.operator);
        let issued_on = self.issued_on.value().or(self.as_of.value());
        for (key, date) in [
            ("as_of", self.as_of.value()),
            ("issued_on", issued_on),
            ("retention_until", self.retention_until.value()),
        ] {
            found.located(key, None, date);
        }
        match self.list_language.value() {
            Some(word) => found.located("list_language", None, Some(word)),
            None => found.push("list_language", None, None, "zh".to_owned()),
        }
        if let Some(assessment) = self.impact_assessment.value() {
            found.located("impact_assessment.id", None, assessment.id.as_ref());
            let until = assessment.valid_until.as_ref();
            found.located("impact_assessment.valid_until", None, until);
        }
        if let Some(key) = self.key.value() {
            found.text("key.algorithm", &key.algorithm);
            if let Some(file) = key.file.value() {
                found.push("key.file", None, Some(&file.at), plain(&file.value));
            }
        }
        found.thresholds();
        if let Some(sealing) = self.sealing.value() {
            found.sealing(sealing);
        }
        for export in self.exports.value().into_iter().flatten() {
            found.export(export);
        }
        found.values
    }
}

/// The values that were found.
struct Found<'w> {
    round: &'w WrittenRound,
    values: Vec<WrittenValue>,
}

impl Found<'_> {
    fn push(
        &mut self,
        key: &'static str,
        export: Option<&str>,
        at: Option<&Range<usize>>,
        value: String,
    ) {
        let place = at.and_then(|at| self.round.document.place_of(at.start).1);
        self.values.push(WrittenValue {
            key,
            export: export.map(str::to_owned),
            line: match place {
                Some(Place::LineColumn { line, .. }) => Some(line),
                _ => None,
            },
            value,
        });
    }

    fn located<T: ToString>(
        &mut self,
        key: &'static str,
        export: Option<&str>,
        written: Option<&Located<T>>,
    ) {
        if let Some(written) = written {
            self.push(key, export, Some(&written.at), written.value.to_string());
        }
    }

    fn text(&mut self, key: &'static str, written: &Written<Located<String>>) {
        self.located(key, None, written.value());
    }

    fn thresholds(&mut self) {
        let Some(table) = self.round.thresholds.value() else {
            return;
        };
        let (days, rate) = (table.snapshot_age_days, table.reject_rate);
        if let Some(days) = days {
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            self.push("thresholds.snapshot_age_days", None, None, days.to_string());
        }
        if let Some(rate) = rate {
            self.push("thresholds.reject_rate", None, None, in_one_form(rate));
        }
        let rare = table.rare_pattern.as_ref();
        let persons = rare.and_then(|rare| u64::try_from(rare.value).ok());
        let persons = persons.unwrap_or(RARE_PATTERN).to_string();
        let at = rare.map(|rare| &rare.at);
        self.push("thresholds.rare_pattern", None, at, persons);
    }

    fn sealing(&mut self, sealing: &WrittenSealing) {
        for (key, recipient, kind) in [
            ("sealing.centre", &sealing.centre, "tokens"),
            ("sealing.procuratorate", &sealing.procuratorate, "leads"),
        ] {
            let mut plain = sealing.plain.value().into_iter().flatten();
            if let Some(plain) = plain.find(|plain| plain.value == kind) {
                let value = CROSSES_PLAIN.to_owned();
                self.push(key, None, Some(&plain.at), value);
            } else if let Some(written) = recipient.value()
                && let Some(recipient) = Recipient::parse(&written.value)
            {
                self.push(key, None, Some(&written.at), recipient.to_string());
            }
        }
    }

    fn export(&mut self, export: &WrittenExport) {
        let Some(schema) = &export.schema else {
            return;
        };
        let name = Some(schema.value.as_str());
        self.located("export.snapshot", name, export.snapshot.as_ref());
        self.located("export.legal_basis", name, export.legal_basis.as_ref());
        // Paths are in the reading file, if there is one.
        let mut paths: Vec<String> = export.paths().map(|path| plain(&path.value)).collect();
        paths.sort();
        paths.dedup();
        self.push("export.path", name, Some(&schema.at), paths.join("\n"));
        let reading = export.reading().map(|file| file.document.digest());
        let reading = reading.unwrap_or_default().to_owned();
        self.push("export.reading", name, Some(&schema.at), reading);
    }
}
