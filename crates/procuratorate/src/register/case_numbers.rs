//! Case numbers and names as the register has them, of every run of a round: what a row says of a
//! person is compared with them.

use std::collections::{BTreeSet, HashSet};

use aidlink_faults::uniform_text::characters;
use aidlink_register::book::Book;
use aidlink_register::event::{About, Event};
use aidlink_register::items::Subject;
use aidlink_register::number::PersonNumber;

use super::filled::words::simplified;

/// The case numbers that are known, of any person.
#[derive(Clone, Debug, Default)]
pub struct KnownCases(HashSet<String>);

/// Marks that separate case numbers. Other signs are in case numbers, too.
const BETWEEN: &str = "、；;，,。|+&";
/// The most characters of a cell that are compared, and of a case number in it.
const LONGEST_CELL: usize = 500;
const LONGEST_NUMBER: usize = 60;
/// A shorter case number is only known where it stands alone.
const SHORTEST_IN_TEXT: usize = 6;
/// The digits that a spreadsheet keeps of a number.
const DIGITS_KEPT: usize = 15;

impl KnownCases {
    /// Returns these case numbers. Several in one text are separated by `；`.
    pub fn of<'t>(numbers: impl IntoIterator<Item = &'t str>) -> Self {
        KnownCases(numbers.into_iter().flat_map(numbers_in).collect())
    }

    /// Returns those that a register has of its leads.
    pub fn of_book(book: &Book) -> Self {
        let mut known = HashSet::new();
        for lead in book.leads() {
            let events = book.events_of(lead).filter_map(|event| event.effective());
            for (event, _) in events {
                let Event::Found(found) = event else { continue };
                let numbers = found.about.case_numbers.iter();
                known.extend(numbers.flat_map(|number| numbers_in(number)));
            }
        }
        KnownCases(known)
    }

    /// Returns whether a cell names the case of somebody else, and none of these, which are the
    /// person's own. A number that nobody has is nobody else's.
    pub fn are_others(&self, cell: &str, own: &[String]) -> bool {
        let own: BTreeSet<String> = own.iter().flat_map(|number| numbers_in(number)).collect();
        if own.is_empty() {
            return false;
        }
        let cell = Compared::of(cell);
        let is_others = |number: &str| self.0.contains(number) && !own.contains(number);
        let others = cell.others(&is_others);
        if others.is_empty() || own.iter().any(|number| cell.is_spoilt(number)) {
            return false;
        }
        // A number that is part of another one, as 2026-1 is of 2026-1-2.
        let is_part = |(start, end): (usize, usize)| {
            let mut around = others.iter();
            around.any(|(from, to)| *from <= start && end <= *to && to - from > end - start)
        };
        let mut of_own = own.iter().flat_map(|number| cell.places(number));
        !of_own.any(|place| !is_part(place))
    }
}

/// Returns the case numbers of a person of every run and round, also those that were corrected.
pub fn cases_of(book: &Book, person: &PersonNumber) -> Vec<String> {
    let about = abouts_of(book, person);
    about.flat_map(|about| about.case_numbers.clone()).collect()
}

/// Returns the names of a person of every run and round, each time as a list joins them.
pub fn names_of(book: &Book, person: &PersonNumber) -> Vec<String> {
    let names = abouts_of(book, person).map(|about| about.names.join("；"));
    let names: BTreeSet<String> = names.filter(|names| !names.is_empty()).collect();
    names.into_iter().collect()
}

fn abouts_of<'b>(book: &'b Book, person: &PersonNumber) -> impl Iterator<Item = &'b About> {
    let subjects = book
        .leads_of(person)
        .map(|lead| Subject::Lead(lead.number.clone()));
    let events = subjects.flat_map(|subject| {
        let events = book.history(&subject).map(|(event, _)| event);
        events.collect::<Vec<_>>()
    });
    events.filter_map(|event| match event.effective() {
        Some((Event::Found(found), _)) => Some(&found.about),
        _ => None,
    })
}

/// Returns the case numbers in a text that the lists or the register wrote.
fn numbers_in(text: &str) -> impl Iterator<Item = String> + use<> {
    let numbers: Vec<String> = text.split(['；', ';']).map(plain).collect();
    numbers.into_iter().filter(|number| !number.is_empty())
}

/// Returns a case number as it is compared: its letters and digits, without 号 at its end.
fn plain(number: &str) -> String {
    let mut plain: String = Compared::of(number).characters.iter().collect();
    if plain.ends_with('号') {
        plain.pop();
    }
    plain
}

/// What stands in front of a character.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    /// The character before it.
    None,
    /// A sign or a blank.
    Sign,
    /// A mark that separates numbers.
    Mark,
}

/// The letters and digits of a cell, in lower case, of one width and simplified.
struct Compared {
    characters: Vec<char>,
    /// What stands in front of each.
    before: Vec<Gap>,
}

impl Compared {
    fn of(text: &str) -> Self {
        let mut compared = Compared {
            characters: Vec::new(),
            before: Vec::new(),
        };
        let mut gap = Gap::Mark;
        let all = characters(text).flat_map(char::to_lowercase);
        for character in all.take(LONGEST_CELL) {
            if character.is_alphanumeric() {
                compared.characters.push(simplified(character));
                compared.before.push(gap);
                gap = Gap::None;
            } else {
                gap = gap.max(match BETWEEN.contains(character) {
                    true => Gap::Mark,
                    false => Gap::Sign,
                });
            }
        }
        compared
    }

    fn character(&self, at: usize) -> Option<char> {
        self.characters.get(at).copied()
    }

    /// What stands in front of a character, or behind the last one.
    fn gap(&self, at: usize) -> Gap {
        self.before.get(at).copied().unwrap_or(Gap::Mark)
    }

    /// Whether the characters on both sides of a place are digits of one number.
    fn cuts_digits(&self, at: usize) -> bool {
        let is_digit = |at: Option<usize>| {
            let character = at.and_then(|at| self.character(at));
            character.is_some_and(|character| character.is_ascii_digit())
        };
        self.gap(at) == Gap::None && is_digit(Some(at)) && is_digit(at.checked_sub(1))
    }

    /// Returns the places at which a number stands, however it is divided.
    fn places(&self, number: &str) -> Vec<(usize, usize)> {
        let number: Vec<char> = number.chars().collect();
        let windows = self.characters.windows(number.len().max(1)).enumerate();
        let places = windows.filter(|(_, window)| *window == number.as_slice());
        let places = places.map(|(start, _)| (start, start + number.len()));
        let is_whole =
            |(start, end): &(usize, usize)| !self.cuts_digits(*start) && !self.cuts_digits(*end);
        places.filter(is_whole).collect()
    }

    /// Returns the places of known numbers: whole ones, between marks, beside words.
    fn others(&self, is_known: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
        let is_latin = |at: usize| {
            let character = self.character(at);
            character.is_some_and(|character| character.is_ascii_alphanumeric())
        };
        let mut places = Vec::new();
        for start in 0..self.characters.len() {
            if self.gap(start) != Gap::Mark && is_latin(start.saturating_sub(1)) {
                continue;
            }
            let mut number = String::new();
            let characters = self.characters.iter().enumerate();
            for (at, character) in characters.skip(start).take(LONGEST_NUMBER) {
                if at > start && self.gap(at) == Gap::Mark {
                    break;
                }
                number.push(*character);
                let end = at + 1;
                if self.gap(end) != Gap::Mark && is_latin(end) {
                    continue;
                }
                let behind = end + usize::from(self.character(end) == Some('号'));
                let is_alone = self.gap(start) == Gap::Mark && self.gap(behind) != Gap::None;
                let is_long = end - start >= SHORTEST_IN_TEXT;
                if (is_alone || is_long) && is_known(&number) {
                    places.push((start, end));
                }
            }
        }
        places
    }

    /// Whether the cell is what a spreadsheet makes of a number: without the zeros in front, and
    /// with zeros for the digits that it does not keep.
    fn is_spoilt(&self, number: &str) -> bool {
        let cell: String = self.characters.iter().collect();
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if cell.is_empty() || !are_digits(&cell) || !are_digits(number) {
            return false;
        }
        let (cell, number) = (cell.trim_start_matches('0'), number.trim_start_matches('0'));
        let kept = cell.split_at_checked(DIGITS_KEPT);
        let is_rounded = kept.is_some_and(|(digits, zeros)| {
            let are_zeros = zeros.bytes().all(|byte| byte == b'0');
            are_zeros && cell.len() == number.len() && number.starts_with(digits)
        });
        cell == number || is_rounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a case number that is somebody else's is refused.
    #[test]
    fn a_number_is_somebody_elses_only_if_somebody_else_has_it() {
        let known = KnownCases::of([
            "（2026）粤9901刑初7号",
            "（2026）粤9901刑初8号；（2026）粤9901刑初9号",
            "2026-1",
            "2026-12",
            "2026-1-2",
            "1000000000000010",
            "1000000000000012",
            "1000000000000013",
            "000123",
            "H005",
            "H006",
        ]);
        let all = |own: &str, cells: &[(&str, bool)]| {
            for (cell, expected) in cells {
                let found = known.are_others(cell, &[own.to_owned()]);
                assert_eq!(found, *expected, "{own}: {cell}");
            }
        };
        all(
            "（2026）粤9901刑初7号",
            &[
                ("（2026）粤9901刑初8号", true),
                ("(2026) 粤9901 刑初 8", true),
                ("（2026）粤9901刑初8号（已结）", true),
                ("原案号（2026）粤9901刑初9号等", true),
                ("H006", true),
                ("（2026）粤9901刑初8号、H006", true),
                // Own ones, however they are written and whatever is beside them.
                ("（2026）粤9901刑初7号", false),
                ("(2026)粤9901刑初7", false),
                ("【（2026）粤9901刑初7号】（已结）", false),
                ("（2026）粤9901刑初8号、（2026）粤9901刑初7号", false),
                ("（2026）粤9901刑初7号\n（2026）粤9901刑初8号等2件", false),
                // What nobody has.
                ("（2026）粤9901刑初70号", false),
                ("（2026）粤9901刑初88号", false),
                ("（2026）粤9901刑初7-1号", false),
                ("1.66E+17", false),
                ("2026年1月", false),
                ("H006（已结）", true),
                ("见H006页", false),
                ("7", false),
                ("********", false),
                ("——", false),
                ("", false),
            ],
        );
        all(
            "2026-1",
            &[
                ("2026-12", true),
                ("2026-1-2", true),
                ("2026-1", false),
                ("2026-1、2026-12", false),
                ("2026-1、2", false),
                ("2026-1 2026-12", false),
                ("2026/1", false),
            ],
        );
        all("2026-12", &[("2026-1", true), ("2026-121", false)]);
        all(
            "1000000000000012",
            &[
                ("1000000000000010", false),
                ("1E+15", false),
                ("1000000000000013", true),
            ],
        );
        all("000123", &[("123", false), ("H005", true)]);
        // Of whom the register has no case, nothing is said.
        assert!(!known.are_others("H006", &[]));
    }
}
