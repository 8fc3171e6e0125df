//! The numbers of persons and leads, and ids of events. They are checked by form, because
//! they are shown in messages where a text of another form must not be.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Crockford's base 32, as the numbers on lists have it.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The most characters of a number, hyphens included.
const LONGEST: usize = 100;
/// The fewest characters of a person's number: two groups of four. So a number alone is never
/// taken for that of a lead.
const SHORTEST: usize = 9;

/// The number of a person: groups of base-32 characters, such as `04HM-ASW9`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PersonNumber(String);

/// The number of a lead: that of the person and the aid, such as `04HM-ASW9-dibao`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LeadNumber(String);

/// The id of an event: two groups of base-32 characters after `E-`, such as `E-04HM-ASW9`.
/// A mistyped id is an id that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventId(String);

/// The fewest digits of an ID or telephone number.
const DIGITS_OF_A_NUMBER: usize = 11;

fn is_person(text: &str) -> bool {
    let mut groups = text.split('-');
    let of_form = |group: &str| {
        !group.is_empty() && group.len() <= 4 && group.bytes().all(|b| ALPHABET.contains(&b))
    };
    text.len() <= LONGEST
        && text.len() >= SHORTEST
        && text.split('-').all(of_form)
        && groups.by_ref().take(2).all(|group| group.len() == 4)
        && !is_number_of_a_person(text)
}

/// Whether a text is an ID or telephone number that somebody divided into groups. Numbers on
/// lists have forty random bits and a further group at most, so none of them is that long and
/// without letters.
fn is_number_of_a_person(text: &str) -> bool {
    let characters: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    let digits = characters.iter().filter(|b| b.is_ascii_digit()).count();
    let ends_with_x = characters.last() == Some(&b'X');
    digits >= DIGITS_OF_A_NUMBER && digits + usize::from(ends_with_x) == characters.len()
}

/// Whether a text is an aid, an agency or another id of a policy.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

impl PersonNumber {
    /// Returns a number of this form; `None` for every other text. Blanks around it and
    /// small letters are accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        is_person(&text).then_some(PersonNumber(text))
    }

    /// Returns the number of this person's lead for an aid; `None` if that is no id of an aid.
    pub fn lead(&self, aid: &str) -> Option<LeadNumber> {
        let is_aid = is_id(aid) && !aid.contains('-');
        is_aid.then(|| LeadNumber(format!("{}-{aid}", self.0)))
    }

    /// Returns the number made of the lowest forty bits.
    pub fn of(bits: u64) -> Self {
        PersonNumber(groups(bits))
    }

    /// Returns the number with a further group.
    pub(crate) fn with_group(&self, group: &str) -> Option<Self> {
        PersonNumber::parse(&format!("{}-{group}", self.0))
    }
}

impl LeadNumber {
    /// Returns a number of this form; `None` for every other text. Blanks around it are
    /// accepted, and letters of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let (person, aid) = text.trim().rsplit_once('-')?;
        PersonNumber::parse(person)?.lead(&aid.to_ascii_lowercase())
    }

    /// Returns the number of the person.
    pub fn person(&self) -> PersonNumber {
        let (person, _) = self.0.rsplit_once('-').unwrap_or((&self.0, ""));
        PersonNumber(person.to_owned())
    }

    /// Returns the aid.
    pub fn aid(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(_, aid)| aid)
    }
}

impl EventId {
    /// Returns an id of this form; `None` for every other text. Blanks around it and small
    /// letters are accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let groups = text.strip_prefix("E-")?;
        (groups.len() == 9 && is_person(groups)).then_some(EventId(text))
    }

    /// Returns the id made of forty bits.
    pub(crate) fn of(bits: u64) -> Self {
        EventId(format!("E-{}", groups(bits)))
    }
}

/// Returns two groups of four characters, made of the lowest forty bits.
fn groups(bits: u64) -> String {
    let character = |place: u32| {
        let five = (bits >> (35 - 5 * place)) & 31;
        char::from(ALPHABET[five as usize])
    };
    let characters: String = (0..8).map(character).collect();
    format!("{}-{}", &characters[..4], &characters[4..])
}

macro_rules! as_text {
    ($number:ident, $what:literal) => {
        impl $number {
            /// Returns it as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $number {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $number {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let number = $number::parse(&text).filter(|number| number.0 == text);
                number.ok_or_else(|| serde::de::Error::custom($what))
            }
        }
    };
}

as_text!(PersonNumber, "not a person's number");
as_text!(LeadNumber, "not a lead's number");
as_text!(EventId, "not an event's id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_their_form_or_nothing() {
        let lead = LeadNumber::parse(" 04hm-asw9-Temporary_Relief ").expect("a number");
        assert_eq!(lead.as_str(), "04HM-ASW9-temporary_relief");
        assert_eq!(lead.person().as_str(), "04HM-ASW9");
        assert_eq!(lead.aid(), "temporary_relief");
        let longer = LeadNumber::parse("04HM-ASW9-0-dibao").expect("a longer number");
        assert_eq!(longer.person().as_str(), "04HM-ASW9-0");
        for other in [
            "",
            "-",
            "dibao",
            "04HM-ASW9",
            "04HM-ASW9-",
            "04HMASW9X-dibao",
            "04HM-ASWI-dibao",
            "04HM--dibao",
            "44990119900101011X-dibao",
            "04HM-ASW9-低保",
            "=04HM-ASW9-dibao",
            // Telephone and ID numbers in groups.
            "138-1234-5678-dibao",
            "1381-2345-678-dibao",
            "4499-0119-9001-0101-1X-dibao",
            "4499-0119-9001-0101-12-dibao",
            "4499-0190-0101-011-dibao",
        ] {
            assert_eq!(LeadNumber::parse(other), None, "{other}");
        }
        assert_eq!(EventId::of(0).as_str(), "E-0000-0000");
        assert_eq!(EventId::of((1 << 40) - 1).as_str(), "E-ZZZZ-ZZZZ");
        assert_eq!(
            EventId::parse("e-zzzz-zzzz"),
            Some(EventId::of((1 << 40) - 1))
        );
        for other in [
            "E-ZZZZ",
            "ZZZZ-ZZZZ",
            "E-ZZZZ-ZZZZ-Z",
            "E-ZZZZZ-ZZZ",
            "E-ZZZU-ZZZZ",
        ] {
            assert_eq!(EventId::parse(other), None, "{other}");
        }
    }
}
