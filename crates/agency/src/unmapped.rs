//! Counts the labels that neither the schema nor the round file maps to a code.
//!
//! A label is the wording of a register, not of a person, if many rows have it. Only
//! such labels are shown; the others are only counted.

use std::collections::BTreeMap;

use aidlink_faults::personal_number::black_out;

/// The number of rows from which a label is shown. Fewer rows could be a person's.
pub const SHOWN_FROM_ROWS: u64 = 5;

/// The longest label, in characters, that is shown. Longer ones are sentences.
const MAX_CHARACTERS: usize = 30;

/// The most labels of a field that are kept.
const MAX_LABELS: usize = 1000;

/// The unmapped labels of one field, with the number of rows of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnmappedLabels {
    rows: BTreeMap<String, u64>,
    /// Labels that are never shown: too long, with a personal number, or too many.
    others: u64,
}

impl UnmappedLabels {
    /// Adds the labels of a row.
    pub fn add(&mut self, labels: Vec<String>) {
        for label in labels {
            let is_short = label.chars().nth(MAX_CHARACTERS).is_none();
            if is_short && black_out(&label) == label {
                self.add_rows(label, 1);
            } else {
                self.others += 1;
            }
        }
    }

    /// Appends the labels of further rows.
    pub fn append(&mut self, next: Self) {
        self.others += next.others;
        for (label, rows) in next.rows {
            self.add_rows(label, rows);
        }
    }

    fn add_rows(&mut self, label: String, rows: u64) {
        if let Some(known) = self.rows.get_mut(&label) {
            *known += rows;
        } else if self.rows.len() < MAX_LABELS {
            self.rows.insert(label, rows);
        } else {
            self.others += rows;
        }
    }

    /// Returns the labels that may be shown, each with its number of rows, the most
    /// frequent first.
    pub fn shown(&self) -> Vec<(&str, u64)> {
        let rows = self.rows.iter();
        let mut shown: Vec<(&str, u64)> = rows
            .filter(|(_, rows)| **rows >= SHOWN_FROM_ROWS)
            .map(|(label, rows)| (label.as_str(), *rows))
            .collect();
        shown.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        shown
    }

    /// Returns the number of occurrences of all other labels.
    pub fn not_shown(&self) -> u64 {
        let rows = self.rows.values();
        self.others + rows.filter(|rows| **rows < SHOWN_FROM_ROWS).sum::<u64>()
    }
}

/// Appends the unmapped labels of further rows, by field.
pub fn append<K: Ord>(all: &mut BTreeMap<K, UnmappedLabels>, next: BTreeMap<K, UnmappedLabels>) {
    for (field, labels) in next {
        all.entry(field).or_default().append(labels);
    }
}
