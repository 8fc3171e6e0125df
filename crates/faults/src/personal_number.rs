//! What has the form of a number that identifies a person: ID numbers, residence
//! permits, foreigners' cards, certificates of disabled persons, telephone numbers,
//! bank cards.
//!
//! It knows forms and no ID number: whether a check digit is right seldom
//! matters, for a number with a wrong digit still points to a person. Lists and
//! messages black such numbers out, and the leak scan looks for them wherever a
//! command has written.
//!
//! A number is found however it is written: in digits of any script, in groups
//! with up to three characters between them that are neither letter nor digit, with
//! characters in it that have no width. Which groups a number may have depends on
//! its kind, so that dates, amounts and case numbers stay.
//!
//! Text from outside is shown in one of three ways: [`black_out`] for a cell,
//! [`shown_name`] for a name (of a file, a sheet, a column), [`shown_path`] for a path.
//! Each of them makes control characters harmless first, for what is written is what
//! people read: a tab that becomes a space afterwards would part a number that was
//! whole when it was looked for.

mod characters;
mod forms;
mod search;

use std::borrow::Cow;
use std::path::Path;

pub use forms::NumberKind;
pub use search::Found;

/// Every number of a text that has one of the forms, in order, not overlapping.
///
/// The work is linear in the length of the text, and the memory is that of what is
/// found.
///
/// No context tells a key's id of sixteen digits, all of them decimal by chance,
/// from a bank card: who knows such an id leaves out what equals it.
pub fn find(text: &str) -> Vec<Found> {
    search::search(text).0
}

/// What is written where a number was. A text that was blacked out stays as it is
/// when it is blacked out again.
const MARK: &str = "***";

/// The text as it may be shown: control characters and line breaks are spaces,
/// characters that turn the direction of the text are gone, and every number that
/// [`find`] knows is `***`. The result is never longer than the text.
///
/// ```
/// # use aidlink_faults::personal_number::black_out;
/// assert_eq!(black_out("张某 449901\t19900101\t011X"), "张某 ***");
/// assert_eq!(black_out("（2024）粤9901刑初123号"), "（2024）粤9901刑初123号");
/// ```
pub fn black_out(text: &str) -> Cow<'_, str> {
    without_numbers(harmless(text, LineBreaks::AsSpaces))
}

/// As [`black_out`], for messages of several lines: line breaks stay, but for those
/// within a number. It is for text of this program in which names stand; a name
/// itself is shown by [`shown_name`].
pub fn black_out_lines(text: &str) -> Cow<'_, str> {
    without_numbers(harmless(text, LineBreaks::Kept))
}

/// A text of this program in which keys and digests stand that have to be exact:
/// control characters are spaces, characters that turn the direction of the text are
/// gone, numbers and line breaks stay.
pub fn without_control_characters(text: &str) -> Cow<'_, str> {
    harmless(text, LineBreaks::Kept)
}

/// Names are shown up to so many characters.
pub const LONGEST_SHOWN_NAME: usize = 120;

/// A name that comes from outside (of a file, a sheet, a column, a key) as it may be
/// shown: as [`black_out`], and at most [`LONGEST_SHOWN_NAME`] characters. Of a longer
/// one the middle is left out.
pub fn shown_name(name: &str) -> Cow<'_, str> {
    let shown = black_out(name);
    let length = shown.chars().count();
    if length <= LONGEST_SHOWN_NAME {
        return shown;
    }
    let tail = LONGEST_SHOWN_NAME / 3;
    let head = LONGEST_SHOWN_NAME - tail - 1;
    let shortened: String = shown
        .chars()
        .take(head)
        .chain(['…'])
        .chain(shown.chars().skip(length - tail))
        .collect();
    // What was cut may have the form of a number now.
    Cow::Owned(black_out(&shortened).into_owned())
}

/// A path as it may be shown: each of its parts as [`shown_name`], and the whole as
/// [`black_out`]. What is not UTF-8 is shown as U+FFFD.
pub fn shown_path(path: &Path) -> String {
    let path = path.to_string_lossy();
    let parts: Vec<Cow<str>> = path
        .split(std::path::MAIN_SEPARATOR)
        .map(shown_name)
        .collect();
    let joined = parts.join(std::path::MAIN_SEPARATOR_STR);
    black_out(&joined).into_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineBreaks {
    AsSpaces,
    Kept,
}

/// The text without what a terminal, a spreadsheet or an editor would obey.
fn harmless(text: &str, line_breaks: LineBreaks) -> Cow<'_, str> {
    let is_kept = |c: char| c == '\n' && line_breaks == LineBreaks::Kept;
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let is_harmless = |c: char| is_kept(c) || !is_break(c) && !turns_direction(c);
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .filter_map(|c| match c {
            c if is_harmless(c) => Some(c),
            c if is_break(c) => Some(' '),
            _ => None,
        })
        .collect()
}

/// Direction marks, embeddings, overrides and isolates (Unicode, `Bidi_Control`), and
/// tags, which spell out a text that nobody sees.
fn turns_direction(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'
    )
}

fn without_numbers(text: Cow<'_, str>) -> Cow<'_, str> {
    let found = find(&text);
    if found.is_empty() {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for number in found {
        shown.push_str(&text[from..number.at.start]);
        shown.push_str(MARK);
        from = number.at.end;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests;
