//! Recognises the header of an export where it is repeated among the rows, as in a file
//! that was put together from several, or printed with a header on each page.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform_header;

use super::encoding::{Encoding, marks_length};
use super::limits::MAX_HEADER_BYTES;
use crate::cell::amount::{AmountHeader, AmountUnit, StatedUnit};

/// A header among the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    /// The same columns as the first header, perhaps without the last ones, or a title
    /// line again.
    Same,
    /// Other columns. The rows below cannot be read by the first header.
    Other,
}

/// The headings of an export, as uniform text. The default recognises nothing.
#[derive(Debug, Default)]
pub struct Headings {
    encoding: Encoding,
    /// The headings of the first header, from the first column on.
    columns: Vec<String>,
    /// The same, without empty ones.
    own: BTreeSet<String>,
    /// The column in which the export has each field, by the field's accepted headings;
    /// `None` if it has no such column.
    fields: BTreeMap<String, Option<usize>>,
    /// The columns that have a field.
    matched: BTreeSet<usize>,
    /// Those whose field has labels, such as a kind or a status.
    with_labels: BTreeSet<usize>,
    /// Those whose field is any text, such as a name.
    with_text: BTreeSet<usize>,
    /// Headings of the ID column.
    id_headings: BTreeSet<String>,
    /// The lines above the header that have one cell with content.
    titles: BTreeSet<String>,
    /// The most digits that a heading or title has.
    most_digits: usize,
    amounts: Amounts,
}

/// The columns of amounts and what the header says of their units.
#[derive(Clone, Debug, Default)]
pub(super) struct Amounts {
    /// The columns that state their own unit.
    pub(super) with_own_unit: BTreeSet<usize>,
    /// The titles and names of the fields of the others, by column.
    pub(super) others: BTreeMap<usize, Text>,
    /// The unit of the others, if a line beside the header states it.
    pub(super) shared_unit: Option<AmountUnit>,
}

impl Amounts {
    pub(super) fn contains(&self, column: usize) -> bool {
        self.with_own_unit.contains(&column) || self.others.contains_key(&column)
    }
}

impl Headings {
    /// `columns` are the headings of the first header, `fields` the columns by accepted
    /// heading, all as uniform text. `with_labels` are the columns of fields with labels.
    pub(super) fn new(
        encoding: Encoding,
        columns: Vec<String>,
        fields: BTreeMap<String, Option<usize>>,
        with_labels: BTreeSet<usize>,
        id_headings: BTreeSet<String>,
        titles: BTreeSet<String>,
    ) -> Self {
        let filled = columns.iter().filter(|heading| !heading.is_empty());
        let texts = columns.iter().chain(fields.keys()).chain(&titles);
        let most_digits = texts.map(|text| digits(text.as_bytes())).max();
        Headings {
            most_digits: most_digits.unwrap_or(0),
            encoding,
            own: filled.cloned().collect(),
            columns,
            matched: fields.values().copied().flatten().collect(),
            fields,
            with_labels,
            with_text: BTreeSet::new(),
            id_headings,
            titles,
            amounts: Amounts::default(),
        }
    }

    /// Returns the encoding of the file.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns whether the field of a column has labels, such as a kind or a status.
    pub(super) fn has_labels(&self, column: usize) -> bool {
        self.with_labels.contains(&column)
    }

    /// Sets the columns whose field is any text, such as a name.
    pub(super) fn with_text(self, with_text: BTreeSet<usize>) -> Self {
        Headings { with_text, ..self }
    }

    /// Returns whether the field of a column is any text, such as a name.
    pub(super) fn has_text(&self, column: usize) -> bool {
        self.with_text.contains(&column)
    }

    pub(super) fn with_amounts(self, amounts: Amounts) -> Self {
        Headings { amounts, ..self }
    }

    pub(super) fn amounts(&self) -> &Amounts {
        &self.amounts
    }

    /// Returns whether a unit is another one than that of the columns of amounts whose own
    /// headings state none.
    pub(super) fn is_other_unit(&self, unit: StatedUnit) -> bool {
        let shared = self.amounts.shared_unit.unwrap_or(AmountUnit::YUAN);
        !self.amounts.others.is_empty() && unit != StatedUnit::Yuan(shared)
    }

    /// Returns whether a heading states the units that the first heading of a column of
    /// amounts states.
    fn has_units_of(&self, column: usize, heading: &str) -> bool {
        let units = |heading: &str| AmountHeader::of(heading).units;
        let own = self.columns.get(column).map_or("", String::as_str);
        !self.amounts.contains(column) || units(own) == units(heading)
    }

    /// Returns whether the cells of a record are a header: more than half of those with
    /// content are headings, and one of them that of the ID column.
    pub(super) fn repeated_in(&self, cells: &[&[u8]]) -> Option<Repetition> {
        // Most records that are no rows for want of an ID number have other numbers.
        let has_number = |cell: &&[u8]| digits(cell) > self.most_digits;
        if cells.iter().any(has_number) {
            return None;
        }
        let (mut filled, mut named) = (0, 0);
        let mut names_id = false;
        let mut same = true;
        let mut only = None;
        for (column, cell) in cells.iter().enumerate() {
            if filled >= 2 && (filled - named) * 2 >= cells.len() {
                // Whatever the rest is, not more than half are headings.
                return None;
            }
            let text = self.text_of(cell);
            let known = text.as_ref().and_then(|text| self.fields.get(text));
            let is_own = text.as_ref() == self.columns.get(column);
            // A heading that no field has matters only in the column of a field.
            same &= is_own
                || match known {
                    Some(at) => {
                        let text = text.as_deref().unwrap_or_default();
                        *at == Some(column) && self.has_units_of(column, text)
                    }
                    None => !self.matched.contains(&column),
                };
            match text {
                Some(text) if text.is_empty() => continue,
                Some(text) => {
                    named += usize::from(known.is_some() || self.own.contains(&text));
                    names_id |= self.id_headings.contains(&text);
                    only = Some(text);
                }
                None => {}
            }
            filled += 1;
        }
        if filled == 1 && only.is_some_and(|text| self.titles.contains(&text)) {
            return Some(Repetition::Same);
        }
        let enough = named >= self.own.len().min(2);
        (names_id && enough && named * 2 > filled).then_some(match same {
            true => Repetition::Same,
            false => Repetition::Other,
        })
    }

    /// Returns the heading in a cell; `None` for a cell that is too long or not text.
    fn text_of(&self, cell: &[u8]) -> Option<String> {
        if cell.len() > MAX_HEADER_BYTES {
            return None;
        }
        let cell = cell.get(marks_length(cell)..).unwrap_or_default();
        let quoted = cell
            .strip_prefix(b"\"")
            .and_then(|cell| cell.strip_suffix(b"\""));
        // Of two files put together, the second begins with a byte-order mark, before
        // which a quote does not open a field, and may be in the other encoding.
        let cell = quoted.unwrap_or(cell);
        let own = self.encoding.decode(cell);
        let text = own.or_else(|| self.encoding.other().decode(cell))?;
        Some(uniform_header(&text))
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().filter(|byte| byte.is_ascii_digit()).count()
}
