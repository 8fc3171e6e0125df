//! The numbers of persons and leads. A person's number is made of the person's mark, so it
//! is the same on every list of the round, in pooled and in split mode, and after a run with
//! a corrected export. A person whom the register knows keeps the number of the first round.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_agency::person_mark::PersonMark;

use crate::register::in_round::KnownPersons;

/// Crockford's base 32: digits and letters without I, L, O and U, which are taken for others.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The characters of a number, unless it must be told from another one.
const CHARACTERS: usize = 8;
/// The characters of a whole mark: 128 bits.
const MOST_CHARACTERS: usize = 26;
/// The characters between two hyphens.
const GROUP: usize = 4;

/// The numbers of the persons of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonNumbers(BTreeMap<PersonMark, String>);

impl PersonNumbers {
    /// Returns the numbers of these persons: the first eight characters of each mark in
    /// base 32. Where several marks begin alike, all of them get as many more characters as
    /// it takes until they all differ, and none is the number of another person of the
    /// register. Persons of the register keep theirs.
    pub(super) fn of(
        marks: impl IntoIterator<Item = PersonMark>,
        known: Option<&KnownPersons>,
    ) -> Self {
        let bare = |number: &String| number.replace('-', "");
        let taken = known.iter().flat_map(|known| &known.numbers).map(bare);
        let taken: BTreeSet<String> = taken.collect();
        let mut kept: BTreeMap<PersonMark, String> = BTreeMap::new();
        let mut alike: BTreeMap<String, BTreeMap<PersonMark, String>> = BTreeMap::new();
        for mark in marks {
            if let Some(person) = known.and_then(|known| known.persons.get(&mark)) {
                kept.insert(mark, person.number.clone());
                continue;
            }
            let characters = base_32(&mark);
            let first = characters[..CHARACTERS].to_owned();
            alike.entry(first).or_default().insert(mark, characters);
        }
        let numbers = alike.into_values().flat_map(|alike| {
            let length = (CHARACTERS..MOST_CHARACTERS)
                .find(|length| {
                    let mut beginnings: Vec<&str> =
                        alike.values().map(|all| &all[..*length]).collect();
                    beginnings.sort_unstable();
                    beginnings.windows(2).all(|pair| pair[0] != pair[1])
                        && !beginnings.iter().any(|number| taken.contains(*number))
                })
                .unwrap_or(MOST_CHARACTERS);
            let numbers = alike.into_iter();
            numbers.map(move |(mark, characters)| (mark, in_groups(&characters[..length])))
        });
        PersonNumbers(kept.into_iter().chain(numbers).collect())
    }

    /// Returns the number of a person, empty if it is none of these persons.
    pub(super) fn person(&self, mark: &PersonMark) -> &str {
        self.0.get(mark).map_or("", String::as_str)
    }

    /// Returns the number of a person's lead: that of the person, and the aid.
    pub(super) fn lead(&self, mark: &PersonMark, aid: &str) -> String {
        format!("{}-{aid}", self.person(mark))
    }
}

/// Returns the beginning that all numbers of a person have: the first characters of the mark,
/// without hyphens.
pub(crate) fn beginning(mark: &PersonMark) -> String {
    let mut characters = base_32(mark);
    characters.truncate(CHARACTERS);
    characters
}

/// Returns the same of a number of a person; `None` if it is too short to be one.
pub(crate) fn beginning_of(number: &str) -> Option<String> {
    let characters: String = number
        .chars()
        .filter(|c| *c != '-')
        .take(CHARACTERS)
        .collect();
    (characters.chars().count() == CHARACTERS).then_some(characters)
}

/// Returns whether a number is one of the person with this mark.
pub(crate) fn is_number_of(number: &str, mark: &PersonMark) -> bool {
    let characters: String = number.chars().filter(|c| *c != '-').collect();
    characters.len() >= CHARACTERS && base_32(mark).starts_with(&characters)
}

/// Returns a mark in base 32: five bits a character, from the left; the last two characters
/// end with zeros.
fn base_32(mark: &PersonMark) -> String {
    let bits = u128::from_be_bytes(*mark.as_bytes());
    let character = |index: usize| {
        let shifted = (index + 1) * 5;
        let five = match shifted.checked_sub(128) {
            None => bits >> (128 - shifted),
            Some(beyond) => bits << beyond,
        };
        char::from(ALPHABET[(five & 31) as usize])
    };
    (0..MOST_CHARACTERS).map(character).collect()
}

/// Returns characters in groups of four with hyphens, which are easier to read out, and
/// which no spreadsheet takes for a number or for a power of ten.
fn in_groups(characters: &str) -> String {
    let mut grouped = String::with_capacity(characters.len() * 5 / 4);
    for (index, character) in characters.chars().enumerate() {
        if index > 0 && index % GROUP == 0 {
            grouped.push('-');
        }
        grouped.push(character);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn mark(first: [u8; 8]) -> PersonMark {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first);
        PersonMark::from_bytes(bytes)
    }

    #[test]
    fn a_mark_is_written_in_crockfords_base_32() {
        // Python: the 128 bits, two zeros after them, in groups of five.
        for (bytes, expected) in [
            ([0; 16], "00000000000000000000000000"),
            ([0xff; 16], "ZZZZZZZZZZZZZZZZZZZZZZZZZW"),
            (
                [
                    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76,
                    0x54, 0x32, 0x10,
                ],
                "04HMASW9NF6YZZPWQAC7CN1J20",
            ),
        ] {
            assert_eq!(base_32(&PersonMark::from_bytes(bytes)), expected);
        }
    }

    #[test]
    fn a_number_has_eight_characters_in_two_groups_whoever_else_is_there() {
        let one = mark([0x01, 0x23, 0x45, 0x67, 0x89, 0, 0, 0]);
        let other = mark([0xff; 8]);
        for marks in [vec![one], vec![one, other], vec![other, one, other]] {
            let numbers = PersonNumbers::of(marks, None);
            assert_eq!(numbers.person(&one), "04HM-ASW9");
            assert_eq!(numbers.lead(&one, "dibao"), "04HM-ASW9-dibao");
            assert_eq!(beginning_of("04HM-ASW9"), Some(beginning(&one)));
            assert!(is_number_of("04HM-ASW9", &one) && !is_number_of("04HM-ASW9", &other));
        }
        assert_eq!(PersonNumbers::of([one], None).person(&other), "");
    }

    #[test]
    fn numbers_that_would_be_alike_are_all_longer_and_the_others_stay() {
        // Alike in 40 bits, in 45 bits, and in none.
        let alike = [
            mark([1, 2, 3, 4, 5, 0x00, 0x10, 0]),
            mark([1, 2, 3, 4, 5, 0x00, 0x20, 0]),
            mark([1, 2, 3, 4, 5, 0xf8, 0x00, 0]),
        ];
        let other = mark([9; 8]);
        let numbers = PersonNumbers::of(alike.into_iter().chain([other]), None);
        let of_alike: BTreeSet<&str> = alike.iter().map(|mark| numbers.person(mark)).collect();
        assert_eq!(of_alike.len(), 3);
        let lengths: BTreeSet<usize> = of_alike.iter().map(|number| number.len()).collect();
        assert_eq!(lengths.len(), 1, "{of_alike:?}");
        assert!(lengths.iter().all(|length| *length > 9));
        assert_eq!(numbers.person(&other).len(), 9);
        for mark in alike {
            let number = numbers.person(&mark);
            assert_eq!(beginning_of(number), Some(beginning(&mark)));
            let persons = alike.iter().filter(|mark| is_number_of(number, mark));
            assert_eq!(persons.count(), 1, "{number}");
        }
        assert!(!is_number_of("", &other) && beginning_of("0").is_none());
        // Whatever the order.
        let turned = PersonNumbers::of([other].into_iter().chain(alike.into_iter().rev()), None);
        for mark in alike {
            assert_eq!(turned.person(&mark), numbers.person(&mark));
        }
        // Marks that differ only in the last bit still have different numbers.
        let last = [
            PersonMark::from_bytes([7; 16]),
            PersonMark::from_bytes({
                let mut bytes = [7; 16];
                bytes[15] = 6;
                bytes
            }),
        ];
        let numbers = PersonNumbers::of(last, None);
        assert_ne!(numbers.person(&last[0]), numbers.person(&last[1]));
    }

    #[test]
    fn whoever_the_register_knows_keeps_the_number_and_nobody_else_gets_it() {
        use crate::register::in_round::KnownPerson;
        let (known, new, other) = (mark([9; 8]), mark([1; 8]), mark([2; 8]));
        let of_new = PersonNumbers::of([new], None).person(&new).to_owned();
        let person = |number: &str| KnownPerson {
            number: number.to_owned(),
            leads: BTreeMap::new(),
        };
        // The number that the mark of another person would give, and one like a longer one.
        let longer = format!("{of_new}-0");
        let characters = base_32(&new);
        let register = KnownPersons {
            numbers: [of_new.clone(), longer, in_groups(&characters[..9])].into(),
            persons: [(known, person(&of_new))].into(),
        };
        for marks in [[known, new, other], [other, new, known]] {
            let numbers = PersonNumbers::of(marks, Some(&register));
            assert_eq!(numbers.person(&known), of_new);
            let number = numbers.person(&new);
            assert!(is_number_of(number, &new), "{number}");
            assert!(!register.numbers.contains(number), "{number}");
            assert_eq!(numbers.person(&other).len(), 9);
            assert_eq!(numbers.lead(&known, "dibao"), format!("{of_new}-dibao"));
        }
    }
}
