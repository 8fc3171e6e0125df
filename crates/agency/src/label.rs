//! Reads cells that hold labels: words for codes, as offices write them.
//!
//! A cell may hold more than the label: its number in the office's own system
//! (`低保对象-7019`), a word that does not change the code (`残疾退役军人/七级/因战`),
//! or several labels (`肢体,智力`). It is read only if every part of it is understood:
//! a part that is not may change the meaning of the others (`低保 已退出`).

use std::ops::Range;

use aidlink_faults::uniform_text::uniform_label;
use aidlink_policy::schema::Field;
use aidlink_policy::value::{FieldType, Value};

/// The longest cell, in bytes, that is taken apart. Longer ones are sentences.
const MAX_BYTES: usize = 256;

/// The most parts of a cell.
const MAX_PARTS: usize = 16;

/// The most parts of one label that contains separators.
const MAX_PARTS_OF_LABEL: usize = 4;

/// The most digits of a label's number. Longer numbers may be a person's.
const MAX_DIGITS: usize = 6;

/// What a cell states.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Nothing.
    Empty,
    /// One value.
    One(Value),
    /// Several different values, at least two. Only in fields that may have several.
    Several(Vec<Value>),
}

/// The parts of a cell that could not be read, normalised: the labels that have no
/// code, or the whole cell if its parts contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped(pub Vec<String>);

/// How single labels of a field are read.
pub trait Labels {
    /// The field.
    fn field(&self) -> &Field;
    /// Returns the value of a code, a label or a listed number.
    fn value(&self, label: &str) -> Option<Value>;
    /// Returns whether a label means an empty cell.
    fn is_missing(&self, label: &str) -> bool;
}

/// Reads a cell.
///
/// # Errors
/// The parts that could not be read.
pub fn read(labels: &impl Labels, cell: &str) -> Result<Reading, Unmapped> {
    if let Some(reading) = whole(labels, cell) {
        return Ok(reading);
    }
    let plain = uniform_label(cell);
    // Digits on both sides of white space are not one number.
    let is_one = plain.chars().any(char::is_alphabetic) || !cell.contains(char::is_whitespace);
    if plain != cell
        && is_one
        && let Some(reading) = whole(labels, &plain)
    {
        return Ok(reading);
    }
    let unmapped = || Unmapped(vec![plain.clone()]);
    if cell.len() > MAX_BYTES {
        return Err(unmapped());
    }
    let parts = parts_of(cell);
    if parts.len() > MAX_PARTS {
        return Err(unmapped());
    }
    let mut found = Found::default();
    let mut first = 0;
    while let Some(part) = parts.get(first) {
        if !part.is_bound {
            found.items.push(Item::default());
        }
        let text = |end: usize| {
            let text = cell.get(part.bytes.start..end);
            uniform_label(text.unwrap_or_default())
        };
        // A label may contain separators itself, so the longest one is tried first.
        let end = parts.len().min(first + MAX_PARTS_OF_LABEL);
        let mut longer = (first + 1..end).rev();
        let joined = longer.find(|last| {
            let last = &parts[*last];
            let mut ends = [last.closed_at, last.bytes.end].into_iter();
            ends.any(|end| found.add_known(labels, &text(end)))
        });
        if joined.is_none() {
            found.add(labels, text(part.bytes.end));
        }
        first = joined.unwrap_or(first) + 1;
    }
    found.reading(labels, cell).map_err(|unmapped_parts| {
        if unmapped_parts.is_empty() {
            unmapped()
        } else {
            Unmapped(unmapped_parts)
        }
    })
}

/// Reads a cell that is one label. A raw value comes before the missing values: in
/// some fields 无 means no.
fn whole(labels: &impl Labels, cell: &str) -> Option<Reading> {
    if !labels.field().raw_codes.contains_key(cell) && labels.is_missing(cell) {
        return Some(Reading::Empty);
    }
    labels.value(cell).map(Reading::One)
}

/// What a character between two parts says of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// The next part belongs to the one before: `低保-7019`, `低保(01)`.
    Binds,
    /// The next part is another item of a list: `肢体,智力`.
    Lists,
    /// Neither.
    Spaces,
}

impl Separator {
    fn of(character: char) -> Option<Self> {
        match character {
            '-' | '_' | ':' | '.' | '\\' | '(' | '[' | '【' | '〔' | '—' | '–' | '·' => {
                Some(Separator::Binds)
            }
            '、' | ',' | ';' | '|' | '/' | '+' | '&' => Some(Separator::Lists),
            other if other.is_whitespace() || closes(other) => Some(Separator::Spaces),
            _ => None,
        }
    }
}

/// Whether a character is a closing bracket.
fn closes(character: char) -> bool {
    matches!(character, ')' | ']' | '】' | '〕')
}

/// A part of a cell, between separators.
struct Part {
    /// Its bytes in the cell.
    bytes: Range<usize>,
    /// Where closing brackets directly after it end.
    closed_at: usize,
    /// Whether it belongs to the part before it.
    is_bound: bool,
}

fn parts_of(cell: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut before: Vec<Separator> = Vec::new();
    let mut start = None;
    for (at, character) in cell.char_indices().chain([(cell.len(), ' ')]) {
        match (start, Separator::of(character)) {
            (None, None) => start = Some(at),
            (Some(from), Some(separator)) => {
                let after = cell.get(at..).unwrap_or_default();
                let unclosed = after.trim_start_matches(closes);
                parts.push(Part {
                    bytes: from..at,
                    closed_at: cell.len() - unclosed.len(),
                    is_bound: before.contains(&Separator::Binds)
                        && !before.contains(&Separator::Lists),
                });
                before = vec![separator];
                start = None;
            }
            (None, Some(separator)) => before.push(separator),
            (Some(_), None) => {}
        }
    }
    parts
}

/// What an item of a cell holds: a label with its number, or one of them.
#[derive(Default)]
struct Item {
    /// The different values of its labels.
    values: Vec<Value>,
    /// Its numbers, each with the value that it is a listed number of.
    numbers: Vec<Option<Value>>,
}

impl Item {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.numbers.is_empty()
    }
}

/// The parts of a cell by what they are.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    /// Whether it has a qualifier.
    qualified: bool,
    /// Whether it has a part that means an empty cell.
    missing: bool,
    /// The parts that are none of these.
    unmapped: Vec<String>,
}

impl Found {
    /// Returns the item to which the next part belongs.
    fn item(&mut self) -> &mut Item {
        if self.items.is_empty() {
            self.items.push(Item::default());
        }
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// Adds a part.
    fn add(&mut self, labels: &impl Labels, part: String) {
        let understood = self.add_number(labels, &part)
            || self.add_known(labels, &part)
            || self.add_qualified(labels, &part)
            || self.add_numbered(labels, &part);
        if !understood && !self.unmapped.contains(&part) {
            self.unmapped.push(part);
        }
    }

    fn add_number(&mut self, labels: &impl Labels, part: &str) -> bool {
        let value = labels.value(part);
        let is_number = !part.is_empty()
            && part.len() <= MAX_DIGITS
            && part.bytes().all(|byte| byte.is_ascii_digit())
            // In a field of numbers it is a value, and one that the field cannot have.
            && (value.is_some() || labels.field().field_type != FieldType::Integer);
        if is_number {
            // An integer field reads every number in its range, but not every one is listed.
            let listed = value.filter(|value| match value {
                Value::Integer(number) => {
                    let mut codes = labels.field().raw_codes.values();
                    codes.any(|code| *code == number.to_string())
                }
                _ => true,
            });
            self.item().numbers.push(listed);
        }
        is_number
    }

    /// Adds a label, or a word that means an empty cell.
    fn add_known(&mut self, labels: &impl Labels, part: &str) -> bool {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        match whole(labels, part) {
            Some(Reading::One(value)) => {
                let values = &mut self.item().values;
                if !values.contains(&value) {
                    values.push(value);
                }
                true
            }
            Some(_) => {
                self.missing = true;
                true
            }
            None => false,
        }
    }

    /// Adds a qualifier, or a label with a qualifier before or after it: `肢体二级`.
    fn add_qualified(&mut self, labels: &impl Labels, part: &str) -> bool {
        let qualifiers = &labels.field().qualifiers;
        if qualifiers.contains(part) {
            self.qualified = true;
            return true;
        }
        qualifiers.iter().any(|qualifier| {
            let before = part.strip_prefix(qualifier.as_str());
            let after = part.strip_suffix(qualifier.as_str());
            let mut rests = [before, after].into_iter().flatten();
            rests.any(|rest| self.add_known(labels, rest))
        })
    }

    /// Adds a label with its number directly before or after it: `01低保`. One digit
    /// after a label may be a grade, so it is not taken for a number.
    fn add_numbered(&mut self, labels: &impl Labels, part: &str) -> bool {
        let label = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let before = part.len() - label.len();
        let bare = label.trim_end_matches(|c: char| c.is_ascii_digit());
        let after = label.len() - bare.len();
        let numbered = match (before, after) {
            (1.., 0) => Some((&part[..before], label)),
            (0, 2..) => Some((&label[bare.len()..], bare)),
            _ => None,
        };
        numbered.is_some_and(|(number, label)| {
            number.len() <= MAX_DIGITS
                && self.add_known(labels, label)
                && self.add_number(labels, number)
        })
    }

    /// Returns the reading of the whole cell, or the parts that are not understood:
    /// none if the parts contradict each other.
    fn reading(self, labels: &impl Labels, cell: &str) -> Result<Reading, Vec<String>> {
        let contradiction = || Err(Vec::new());
        if !self.unmapped.is_empty() {
            return Err(self.unmapped);
        }
        if self.missing {
            // Beside a label such a word may deny it: `低保（无）`.
            let mut items = self.items.iter();
            let alone = !self.qualified && items.all(Item::is_empty);
            return if alone {
                Ok(Reading::Empty)
            } else {
                contradiction()
            };
        }
        let mut values: Vec<Value> = Vec::new();
        let mut numbers = Vec::new();
        for mut item in self.items {
            let value = item.values.pop();
            if !item.values.is_empty() {
                return contradiction();
            }
            match value {
                None => numbers.extend(item.numbers),
                // The number of a label must not be another label's.
                Some(value) if item.numbers.iter().flatten().any(|listed| *listed != value) => {
                    return contradiction();
                }
                Some(value) if values.contains(&value) => {}
                Some(value) => values.push(value),
            }
        }
        if !values.is_empty() {
            if numbers
                .iter()
                .flatten()
                .any(|listed| !values.contains(listed))
            {
                return contradiction();
            }
        } else {
            // Several numbers alone are codes only in a list: `1-4` may be a range.
            let mut separators = cell.chars().filter_map(Separator::of);
            let is_list =
                numbers.len() == 1 || separators.all(|separator| separator != Separator::Binds);
            let listed: Option<Vec<Value>> = numbers.into_iter().collect();
            for value in listed.filter(|_| is_list).unwrap_or_default() {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        match values.len() {
            0 => contradiction(),
            1 => Ok(Reading::One(values.swap_remove(0))),
            _ if labels.field().several => Ok(Reading::Several(values)),
            _ => contradiction(),
        }
    }
}
