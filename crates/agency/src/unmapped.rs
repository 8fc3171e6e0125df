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
    /// Labels that are never shown: too long, with a personal number, possibly with a
    /// name, or too many.
    others: u64,
}

impl UnmappedLabels {
    /// Adds the labels of a row. An empty one stands for a label that may name a person.
    pub fn add(&mut self, labels: Vec<String>) {
        for label in labels {
            let is_short = label.chars().nth(MAX_CHARACTERS).is_none();
            if !label.is_empty() && is_short && black_out(&label) == label {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(labels: &[(&str, u64)]) -> UnmappedLabels {
        let mut all = UnmappedLabels::default();
        for (label, rows) in labels {
            for _ in 0..*rows {
                all.add(vec![(*label).to_owned()]);
            }
        }
        all
    }

    #[test]
    fn a_label_is_shown_from_five_rows_on() {
        let labels = rows(&[("甲", 4), ("乙", 5), ("丙", 9)]);
        assert_eq!(labels.shown(), [("丙", 9), ("乙", 5)]);
        assert_eq!(labels.not_shown(), 4);
        let mut joined = rows(&[("甲", 3)]);
        joined.append(rows(&[("甲", 2), ("丁", 1)]));
        assert_eq!(joined.shown(), [("甲", 5)]);
        assert_eq!(joined.not_shown(), 1);
    }

    #[test]
    fn long_labels_and_personal_numbers_are_only_counted() {
        let long = "长".repeat(31);
        let short = "长".repeat(30);
        let labels = rows(&[
            (&long, 6),
            (&short, 6),
            ("449901199001010119", 6),
            ("低保449901900101011", 6),
            ("电话13800001234", 6),
        ]);
        assert_eq!(labels.shown(), [(short.as_str(), 6)]);
        assert_eq!(labels.not_shown(), 24);
        assert_eq!(labels.rows.len(), 1, "what is never shown is not kept");
    }

    #[test]
    fn the_number_of_labels_kept_is_bounded() {
        let mut labels = UnmappedLabels::default();
        for block in 0..3 {
            let mut next = UnmappedLabels::default();
            for label in 0..2000 {
                next.add(vec![format!("标签{}", block * 2000 + label)]);
            }
            labels.append(next);
        }
        assert_eq!(labels.rows.len(), MAX_LABELS);
        assert_eq!(labels.not_shown(), 6000);
    }
}
