//! What has the form of an ID number, a telephone number or a bank card number.
//!
//! It knows forms and no ID number: whether a check digit is right does not
//! matter, for a number with a wrong digit still points to a person. Lists
//! black such numbers out, and the leak scan looks for them wherever a command
//! has written.

use std::ops::Range;

/// What a number is, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberKind {
    /// 18 digits (the last may be X) or 15, with a possible date of birth
    /// (GB 11643-1999; 15 digits: before 1999).
    NationalId,
    /// 11 digits from 13 to 19, also behind 86; or a landline with its area code.
    Telephone,
    /// 16 to 19 digits as banks issue them, with a right check digit (ISO/IEC 7812-1).
    BankCard,
}

impl NumberKind {
    /// The words in both languages.
    pub fn text(self) -> crate::text::Text {
        use crate::text::Text;
        match self {
            NumberKind::NationalId => Text::new(
                "身份证号形式的数字",
                "a number with the form of an ID number",
            ),
            NumberKind::Telephone => Text::new(
                "电话号码形式的数字",
                "a number with the form of a telephone number",
            ),
            NumberKind::BankCard => Text::new(
                "银行卡号形式的数字",
                "a number with the form of a bank card number",
            ),
        }
    }
}

/// A number that was found, by the bytes of the text it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: NumberKind,
    /// Where it stands.
    pub at: Range<usize>,
}

/// A digit of the text, or an X behind digits.
#[derive(Clone, Copy)]
struct Digit {
    value: u8,
    at: usize,
    end: usize,
    /// A separator stands between the digit before and this one.
    separated: bool,
}

/// The value that stands for an X.
const X: u8 = 10;

/// Every number of a text that has one of the forms, in order, not overlapping.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut run: Vec<Digit> = Vec::new();
    let mut separators = 0;
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        match (digit_of(character), run.is_empty()) {
            (Some(X), true) => {}
            (Some(value), _) => {
                run.push(Digit {
                    value,
                    at,
                    end,
                    separated: separators > 0 && !run.is_empty(),
                });
                separators = 0;
                if value == X {
                    look(&mut run, &mut found);
                }
            }
            (None, true) => {}
            (None, false) if is_invisible(character) => {}
            // A bracket and a space.
            (None, false) if is_separator(character) && separators < 2 => separators += 1,
            (None, false) => {
                look(&mut run, &mut found);
                separators = 0;
            }
        }
    }
    look(&mut run, &mut found);
    found
}

fn digit_of(character: char) -> Option<u8> {
    match character {
        '0'..='9' => Some(character as u8 - b'0'),
        // Full-width digits, as input methods write them.
        '０'..='９' => u8::try_from(character as u32 - '０' as u32).ok(),
        'x' | 'X' | 'ｘ' | 'Ｘ' | '×' => Some(X),
        _ => None,
    }
}

fn is_separator(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{3000}' | '-' | '－' | '–' | '‐' | '(' | ')' | '（' | '）'
    )
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}')
}

/// Looks at a run of digits with single separators; takes what it looked at.
fn look(run: &mut Vec<Digit>, found: &mut Vec<Found>) {
    let digits = std::mem::take(run);
    let mut rest = digits.as_slice();
    // A number stands alone or as groups; the longest run of groups that has a
    // form counts, else one group after the other.
    while !rest.is_empty() {
        let group = 1 + rest
            .iter()
            .skip(1)
            .take_while(|digit| !digit.separated)
            .count();
        let ends = (group..=rest.len()).rev();
        let whole = ends.filter(|end| rest.get(*end).is_none_or(|next| next.separated));
        let hit = whole
            .filter_map(|end| kind_of(&rest[..end]).map(|kind| (kind, 0, end)))
            .next()
            .or_else(|| {
                inside(&rest[..group]).map(|(start, end)| (NumberKind::NationalId, start, end))
            });
        match hit {
            Some((kind, start, end)) => {
                found.push(Found {
                    kind,
                    at: rest[start].at..rest[end - 1].end,
                });
                rest = &rest[end..];
            }
            None => rest = &rest[group..],
        }
    }
}

/// What a run is that is one number and nothing else.
fn kind_of(digits: &[Digit]) -> Option<NumberKind> {
    let values: Vec<u8> = digits.iter().map(|digit| digit.value).collect();
    let grouped = digits.iter().skip(1).any(|digit| digit.separated);
    if grouped && looks_like_dates(digits) {
        return None;
    }
    if is_id(&values) {
        return Some(NumberKind::NationalId);
    }
    if values.contains(&X) {
        return None;
    }
    if is_telephone(digits, &values) {
        return Some(NumberKind::Telephone);
    }
    is_bank_card(&values).then_some(NumberKind::BankCard)
}

/// Days and times in a row (2026-09-30 2026-10-14) are no number.
fn looks_like_dates(digits: &[Digit]) -> bool {
    let mut groups = Vec::new();
    for digit in digits {
        match groups.last_mut() {
            Some(length) if !digit.separated => *length += 1,
            _ => groups.push(1),
        }
    }
    groups.starts_with(&[4, 2, 2])
        || groups.starts_with(&[4, 1, 2])
        || groups.starts_with(&[4, 2, 1])
}

fn number(values: &[u8]) -> u32 {
    values
        .iter()
        .fold(0, |number, value| number * 10 + u32::from(*value))
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// 18 digits with a day of the years 1850 to 2099, or 15 with a day.
fn is_id(values: &[u8]) -> bool {
    // The X stands in the last place alone.
    let Some((last, body)) = values.split_last() else {
        return false;
    };
    if body.contains(&X) || values.first() == Some(&0) {
        return false;
    }
    match values.len() {
        18 => {
            (1850..2100).contains(&number(&values[6..10]))
                && is_day(number(&values[10..12]), number(&values[12..14]))
        }
        15 => *last != X && is_day(number(&values[8..10]), number(&values[10..12])),
        _ => false,
    }
}

fn is_telephone(digits: &[Digit], values: &[u8]) -> bool {
    let mobile =
        |values: &[u8]| values.len() == 11 && values[0] == 1 && (3..=9).contains(&values[1]);
    if mobile(values) || values.starts_with(&[8, 6]) && mobile(&values[2..]) {
        return true;
    }
    // An area code of three digits (010, 02x) or four, then seven or eight.
    if values.first() != Some(&0) || values.get(1) == Some(&0) {
        return false;
    }
    let area = match values.get(1) {
        Some(1 | 2) => 3,
        _ => 4,
    };
    let local = values.len().saturating_sub(area);
    // Other numbers look so too where the area code is no group of its own.
    let separated = digits.get(area).is_some_and(|digit| digit.separated)
        && !digits
            .iter()
            .take(area)
            .skip(1)
            .any(|digit| digit.separated);
    separated && (7..=8).contains(&local) && values.get(area).is_some_and(|first| *first > 1)
}

/// Lengths and beginnings of cards that Chinese banks issue (UnionPay 62, and
/// 60, 68, 69 and 9558 of older ones; 16 digits from 3, 4 or 5 of the
/// international networks). A long case number has a year behind its region and
/// is none, though one in ten has a right check digit.
fn is_bank_card(values: &[u8]) -> bool {
    let issued = matches!(
        (values.len(), values),
        (16..=19, [6, 2, ..]) | (16, [3..=5, ..]) | (19, [6, 0 | 8 | 9, ..] | [9, 5, 5, 8, ..])
    );
    let year = values.get(6..10).map(number);
    let is_case_number = year.is_some_and(|year| (2000..2100).contains(&year));
    issued && !is_case_number && luhn(values)
}

/// ISO/IEC 7812-1, annex B.
fn luhn(values: &[u8]) -> bool {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(place, value)| {
            let value = u32::from(*value);
            match place % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// An ID number inside a longer run: the certificate of a disabled person is
/// the ID number and two to four characters.
fn inside(group: &[Digit]) -> Option<(usize, usize)> {
    let values: Vec<u8> = group.iter().map(|digit| digit.value).collect();
    if (20..=22).contains(&values.len()) && is_id(&values[..18]) {
        return Some((0, group.len()));
    }
    (values.len() > 18)
        .then(|| {
            (0..=values.len() - 18).find(|start| {
                let window = &values[*start..*start + 18];
                is_id(window) && has_check_digit(window)
            })
        })
        .flatten()
        .map(|start| (start, start + 18))
}

/// GB 11643-1999, 4.2.
fn has_check_digit(values: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = WEIGHTS
        .iter()
        .zip(values)
        .map(|(weight, value)| weight * u32::from(*value))
        .sum();
    let check = [1, 0, X, 9, 8, 7, 6, 5, 4, 3, 2].get(sum as usize % 11);
    check == values.get(17)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<NumberKind> {
        find(text).into_iter().map(|found| found.kind).collect()
    }

    #[test]
    fn numbers_are_found_in_every_way_of_writing() {
        use NumberKind::{BankCard, NationalId, Telephone};
        for (text, kind) in [
            // The check digit is right in the first and wrong in the second.
            ("44990119900101011X", NationalId),
            ("449901199001010111", NationalId),
            ("张某44990119900101011x，男", NationalId),
            ("id=44990119900101011X;", NationalId),
            ("abc44990119900101011Xdef", NationalId),
            ("449901 19900101 011X", NationalId),
            ("449901-19900101-011X", NationalId),
            ("４４９９０１１９９００１０１０１１Ｘ", NationalId),
            ("449901\u{200b}19900101011X", NationalId),
            ("449901900101011", NationalId),
            ("44990119900101011X43", NationalId),
            ("44990119900101011X43B1", NationalId),
            ("13800000000", Telephone),
            ("+86 138 0000 0000", Telephone),
            ("138-0000-0000", Telephone),
            ("0751-2000000", Telephone),
            ("(020) 20000000", Telephone),
            ("6222020000000000000", BankCard),
            ("6222 0200 0000 0000 000", BankCard),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
    }

    #[test]
    fn what_is_none_is_left_alone() {
        for text in [
            "",
            "（2026）粤99刑初123号",
            "2026-09-30 2026-10-14",
            "2026-09-30 12:00:00",
            "2026Q3-00001",
            "12345678901",
            "449901199013010110",
            "10123456789012345678",
            "000000000000000000",
            "1234567890",
            "6222020000000000001",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "甲 13800000000、449901 19900101 011X。";
        let parts: Vec<&str> = find(text)
            .into_iter()
            .map(|found| &text[found.at])
            .collect();
        assert_eq!(parts, ["13800000000", "449901 19900101 011X"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_search_panic(text in "[0-9xX０-９ \\-()年\\u{200b}]{0,60}") {
            for found in find(&text) {
                proptest::prop_assert!(text.get(found.at).is_some());
            }
        }

        /// Whatever stands before and behind, a number is found.
        #[test]
        fn a_number_among_other_text_is_found(
            before in "[a-z，。年=:/]{0,5}",
            behind in "[a-w，。年=:/]{0,5}",
            region in "[1-9][0-9]{5}",
            year in 1900_u32..2030,
            month in 1_u32..13,
            day in 1_u32..32,
            tail in "[0-9]{3}[0-9X]",
        ) {
            let text = format!("{before}{region}{year}{month:02}{day:02}{tail}{behind}");
            proptest::prop_assert!(kinds(&text).contains(&NumberKind::NationalId), "{}", text);
        }
    }
}
