//! Classifies characters for the search.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The class of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Character {
    /// A digit and its value.
    Digit(u8, Script),
    /// The check character X, or a character that looks like it.
    X,
    /// A letter from A to Z other than X.
    Latin { capital: bool },
    /// A character without a width of its own: zero-width characters, marks on the
    /// preceding character, tags.
    ZeroWidth,
    /// A character that is neither a letter nor a digit.
    Separator,
    /// A character that cannot be part of a number.
    Other,
}

/// The kind of a digit. Where the kind changes, a number may begin or end, as in
/// 同一13800000000 or ①13800000000, or it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Decimal digits of any script.
    Decimal,
    /// Superscripts, circled digits and the like.
    Decorated,
    /// Chinese numerals.
    Chinese,
}

/// The zero of every run of ten decimal digits (general category Nd), from Unicode
/// 17.0, `DerivedGeneralCategory.txt`. A test compares it with `unicode-properties`.
const ZEROS: [u32; 77] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
    0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50,
    0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce,
    0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// Runs of decorated digits: first code point, its value, length of the run. These
/// are the characters with `Numeric_Type=Digit` (Unicode, `DerivedNumericType.txt`),
/// and the two circled zeros among pictures that have `Numeric_Type=Numeric`.
const DECORATED: [(u32, u8, u32); 23] = [
    (0xb2, 2, 2),
    (0xb9, 1, 1),
    (0x1369, 1, 9),
    (0x19da, 1, 1),
    (0x2070, 0, 1),
    (0x2074, 4, 6),
    (0x2080, 0, 10),
    (0x2460, 1, 9),
    (0x2474, 1, 9),
    (0x2488, 1, 9),
    (0x24ea, 0, 1),
    (0x24f5, 1, 9),
    (0x24ff, 0, 1),
    (0x2776, 1, 9),
    (0x2780, 1, 9),
    (0x278a, 1, 9),
    (0x10a40, 1, 4),
    (0x10e60, 1, 9),
    (0x11052, 1, 9),
    (0x1f100, 0, 1),
    (0x1f101, 0, 10),
    (0x1f10b, 0, 1),
    (0x1f10c, 0, 1),
];

/// Returns the class of a character.
pub(super) fn character(c: char) -> Character {
    match c {
        '0'..='9' => Character::Digit(c as u8 - b'0', Script::Decimal),
        // Most characters of lists are ideographs, and no lookalike of X is one.
        _ if is_ideograph(c) => match chinese(c) {
            Some(value) => Character::Digit(value, Script::Chinese),
            None => Character::Other,
        },
        // X and its lookalikes: full-width letters, Cyrillic and Greek letters, Roman
        // numerals, multiplication signs, ballot x.
        'X' | 'x' | 'Ｘ' | 'ｘ' | 'Х' | 'х' | 'Χ' | 'χ' | 'Ⅹ' | 'ⅹ' | '×' | '✕' | '✖' | '╳'
        | '⨯' | '❌' | '❎' => Character::X,
        'A'..='Z' | 'Ａ'..='Ｚ' => Character::Latin { capital: true },
        'a'..='z' | 'ａ'..='ｚ' => Character::Latin { capital: false },
        '\0'..='\u{7f}' => Character::Separator,
        _ if is_mathematical_x(c) => Character::X,
        _ => beyond_ascii(c),
    }
}

fn beyond_ascii(c: char) -> Character {
    if let Some(value) = chinese(c) {
        return Character::Digit(value, Script::Chinese);
    }
    if let Some(value) = decorated(c) {
        return Character::Digit(value, Script::Decorated);
    }
    if is_zero_width(c) {
        return Character::ZeroWidth;
    }
    if !c.is_alphanumeric() {
        return Character::Separator;
    }
    match decimal(c) {
        Some(value) => Character::Digit(value, Script::Decimal),
        None => Character::Other,
    }
}

/// Returns whether a character is of the block CJK Unified Ideographs, in which all are letters.
fn is_ideograph(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn decimal(c: char) -> Option<u8> {
    let before = ZEROS.partition_point(|zero| *zero <= c as u32);
    let zero = ZEROS.get(before.checked_sub(1)?)?;
    let value = c as u32 - zero;
    (value < 10).then_some(value as u8)
}

fn decorated(c: char) -> Option<u8> {
    let before = DECORATED.partition_point(|(first, _, _)| *first <= c as u32);
    let (first, value, count) = DECORATED.get(before.checked_sub(1)?)?;
    let place = c as u32 - first;
    (place < *count).then(|| value + place as u8)
}

/// Returns the value of a Chinese numeral from zero to nine: ordinary, financial
/// (大写), circled or Suzhou numerals (U+3021 to U+3029). 十 and 百 are not digits,
/// because ID and telephone numbers are not read out with them.
fn chinese(c: char) -> Option<u8> {
    Some(match c {
        '〇' | '零' | '○' | '◯' => 0,
        '一' | '壹' | '壱' | '弌' | '幺' | '㊀' | '㈠' => 1,
        '二' | '贰' | '貳' | '貮' | '弐' | '弍' | '㊁' | '㈡' => 2,
        '三' | '叁' | '參' | '叄' | '弎' | '㊂' | '㈢' => 3,
        '四' | '肆' | '㊃' | '㈣' => 4,
        '五' | '伍' | '㊄' | '㈤' => 5,
        '六' | '陆' | '陸' | '㊅' | '㈥' => 6,
        '七' | '柒' | '㊆' | '㈦' => 7,
        '八' | '捌' | '㊇' | '㈧' => 8,
        '九' | '玖' | '㊈' | '㈨' => 9,
        '\u{3021}'..='\u{3029}' => (c as u32 - 0x3020) as u8,
        _ => return None,
    })
}

/// Returns whether a character is X or x of a mathematical alphabet. There are
/// thirteen alphabets of 26 capitals and 26 small letters, from U+1D400.
fn is_mathematical_x(c: char) -> bool {
    (0x1d400..0x1d6a4).contains(&(c as u32)) && (c as u32 - 0x1d400) % 26 == 23
}

/// Returns whether a character is a format character, a mark on the preceding
/// character, or ignorable for display (Unicode, `Default_Ignorable_Code_Point`).
pub(super) fn is_zero_width(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    matches!(
        c.general_category(),
        GeneralCategory::Format | GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    ) || matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{2065}' | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns whether a character is more likely to separate the items of a list than
/// the groups of one number.
pub(super) fn separates_list_items(c: char) -> bool {
    matches!(
        c,
        ',' | '，' | '﹐' | '､' | '、' | '﹑' | ';' | '；' | ':' | '：' | '|' | '｜' | '。'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_covers_exactly_the_decimal_digits_of_unicode() {
        let mut digits = 0;
        for c in '\0'..=char::MAX {
            let is_digit = c.general_category() == GeneralCategory::DecimalNumber;
            let value = decimal(c);
            assert_eq!(value.is_some(), is_digit, "U+{:04X}", c as u32);
            if let Some(value) = value {
                assert_eq!(
                    character(c),
                    Character::Digit(value, Script::Decimal),
                    "U+{:04X}",
                    c as u32
                );
                assert_eq!(u32::from(value), digits % 10, "U+{:04X}", c as u32);
                digits += 1;
            }
        }
        assert_eq!(digits as usize, ZEROS.len() * 10);
    }

    #[test]
    fn ideographs_are_neither_digits_nor_marks_nor_separators() {
        for c in ('\0'..=char::MAX).filter(|c| is_ideograph(*c)) {
            let is_letter = c.general_category() == GeneralCategory::OtherLetter;
            let is_digit = decorated(c).or_else(|| decimal(c)).is_some();
            let plain = is_letter && c.is_alphanumeric() && !is_zero_width(c) && !is_digit;
            assert!(plain, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn decorated_and_chinese_digits_have_their_values() {
        for (text, value) in [
            ("0٠०０𝟎𝟘⁰₀⓪⓿🄋🄌🄀🄁零〇○", 0),
            ("1١१１𝟏𝟙¹₁①⑴⒈❶➀➊⓵一壹幺㊀㈠〡", 1),
            ("9٩९９𝟗𝟡⁹₉⑨⑼⒐❾➈➒⓽九玖㊈㈨〩", 9),
        ] {
            for c in text.chars() {
                assert!(
                    matches!(character(c), Character::Digit(found, _) if found == value),
                    "{c}"
                );
            }
        }
        for c in "XxＸｘХхΧχⅩⅹ×✕✖𝐗𝑋𝚡".chars() {
            assert_eq!(character(c), Character::X, "{c}");
        }
        for c in "½⑩Ⅻ十百年号éжא".chars() {
            assert_eq!(character(c), Character::Other, "{c}");
        }
    }

    #[test]
    fn characters_without_width_are_zero_width() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{20e3}',
            '\u{301}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0031}',
            '\u{e0100}',
        ] {
            assert_eq!(character(c), Character::ZeroWidth, "U+{:04X}", c as u32);
        }
    }
}
