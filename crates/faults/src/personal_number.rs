//! Finds and blacks out numbers that have the form of a number that identifies a
//! person: ID numbers, residence permits, foreigners' cards, certificates of disabled
//! persons, telephone numbers, bank cards.
//!
//! The search goes by form. It seldom requires a correct check digit, because a
//! number with a wrong digit still points to a person. Lists and messages black such
//! numbers out, and the leak scan searches all output files for them.
//!
//! A number is found in digits of any script, with zero-width characters in it, and
//! in groups that are separated by up to three characters that are neither letters
//! nor digits. Each kind of number has its own allowed groupings, so that dates,
//! amounts and case numbers are not blacked out.
//!
//! Text from outside is shown through one of these functions: [`black_out`] for a
//! cell, [`shown_name`] for a field of a file (a round's id, the name of a sheet, a column
//! or an office), [`shown_path`] for a path, [`shown_message`] for a whole message. Each of
//! them replaces control characters before it searches, so that the search sees the same
//! text as the reader.

mod characters;
mod forms;
mod search;

use std::borrow::Cow;
use std::path::Path;

use crate::secret::{black_out_secrets, is_all_of_key};
use crate::text::Text;

pub use forms::NumberKind;
pub use search::Found;

/// Returns all numbers in a text that have one of the forms, in order and without
/// overlaps.
///
/// Time is linear in the length of the text; memory is proportional to the number of
/// results.
///
/// A key id has sixteen hexadecimal digits. If all of them happen to be decimal, the
/// search cannot distinguish it from a bank card number; a caller that knows the id
/// must ignore results that equal it.
pub fn find(text: &str) -> Vec<Found> {
    match search::may_hold_number(text) {
        true => search::search(text).0,
        false => Vec::new(),
    }
}

/// Replaces a number. Blacking out a text a second time does not change it.
const MARK: &str = "***";

/// Returns the text in a form that may be shown: control characters and line breaks
/// become spaces, characters that change the direction of the text are removed, and
/// every number that [`find`] finds becomes `***`. The result is never longer than the
/// text.
///
/// ```
/// # use aidlink_faults::personal_number::black_out;
/// assert_eq!(black_out("张某 449901\t19900101\t011X"), "张某 ***");
/// assert_eq!(black_out("（2024）粤9901刑初123号"), "（2024）粤9901刑初123号");
/// ```
pub fn black_out(text: &str) -> Cow<'_, str> {
    without_numbers(harmless(text, LineBreaks::AsSpaces))
}

/// Like [`black_out`], for messages of several lines: line breaks outside numbers are
/// kept. Use it for the program's own text that quotes names; use [`shown_name`] for
/// a name alone.
pub fn black_out_lines(text: &str) -> Cow<'_, str> {
    without_numbers(harmless(text, LineBreaks::Kept))
}

/// Returns the program's own text with its control characters replaced by spaces and
/// characters that change the direction of the text removed. Numbers and line breaks
/// are kept. Use it for text with keys and digests, which must be exact.
pub fn without_control_characters(text: &str) -> Cow<'_, str> {
    harmless(text, LineBreaks::Kept)
}

/// Returns why the name of a file cannot be kept in a manifest or a log: it has a
/// personal number or a control character. It cannot be blacked out there, because
/// deletion needs the exact path. `None` if it can be kept.
pub fn refused_name(name: &str) -> Option<Text> {
    (black_out(name) != name).then(|| {
        Text::new(
            "文件名含有证件号码、电话号码或银行卡号形式的数字，或含有控制字符；文件名会写入运行记录和日志",
            "the file name contains digits in the form of an ID, telephone or bank card number, or a control character; file names are written to the manifest and the log",
        )
    })
}

/// The most characters of a field of a file that are shown.
pub const LONGEST_SHOWN_NAME: usize = 80;
/// The most characters of each part of a path that are shown.
const LONGEST_SHOWN_PART: usize = 120;
/// The most characters of a path that are shown.
const LONGEST_SHOWN_PATH: usize = 1000;
/// The most characters of a message that are shown. A hint may list many names.
const LONGEST_SHOWN_MESSAGE: usize = 6000;

/// Returns a field of a file from outside (an id, the name of a sheet, a column, a key)
/// in a form that may be shown: like [`black_out`], without keys
/// ([`black_out_secrets`]), and at most [`LONGEST_SHOWN_NAME`] characters long. The middle
/// of a longer one is replaced by `…`.
pub fn shown_name(name: &str) -> Cow<'_, str> {
    shortened(
        without_keys_and_numbers(name, LineBreaks::AsSpaces),
        LONGEST_SHOWN_NAME,
    )
}

/// Returns a message of the program in a form that may be printed, whatever the fields that
/// it quotes: like [`black_out_lines`], without keys, and not longer than a screen can show.
pub fn shown_message(text: &str) -> Cow<'_, str> {
    shortened(
        without_keys_and_numbers(text, LineBreaks::Kept),
        LONGEST_SHOWN_MESSAGE,
    )
}

fn without_keys_and_numbers(text: &str, line_breaks: LineBreaks) -> Cow<'_, str> {
    let without_keys = match harmless(text, line_breaks) {
        Cow::Borrowed(text) => black_out_secrets(text),
        Cow::Owned(text) => Cow::Owned(black_out_secrets(&text).into_owned()),
    };
    without_numbers(without_keys)
}

/// Replaces the middle of a longer text by `…`.
fn shortened(shown: Cow<'_, str>, longest: usize) -> Cow<'_, str> {
    let length = shown.chars().count();
    if length <= longest {
        return shown;
    }
    let tail = longest / 3;
    let head = longest - tail - 1;
    let shortened: String = shown
        .chars()
        .take(head)
        .chain(['…'])
        .chain(shown.chars().skip(length - tail))
        .collect();
    // Shortening may have joined digits into a number.
    Cow::Owned(black_out_lines(&shortened).into_owned())
}

/// Returns a path in a form that may be shown: without numbers, in each part and across
/// parts, and without keys; long parts and long paths are shortened. Bytes that are not
/// UTF-8 become U+FFFD.
pub fn shown_path(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = harmless(&path, LineBreaks::AsSpaces);
    // Base64 has `/`, so the rest of a key may be in the other parts. Lower-case words, as
    // the names of folders are, stay.
    let has_key = matches!(black_out_secrets(&path), Cow::Owned(_));
    let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut shown = String::new();
    for (index, part) in path.split(std::path::MAIN_SEPARATOR).enumerate() {
        if index > 0 {
            shown.push(std::path::MAIN_SEPARATOR);
        }
        let part = match has_key && is_all_of_key(part) && !is_word(part) {
            true => Cow::Borrowed(MARK),
            false => without_numbers(black_out_secrets(part)),
        };
        shown.push_str(&shortened(part, LONGEST_SHOWN_PART));
    }
    shortened(without_numbers(Cow::Owned(shown)), LONGEST_SHOWN_PATH).into_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineBreaks {
    AsSpaces,
    Kept,
}

/// Removes or replaces characters that a terminal, a spreadsheet or an editor would
/// interpret.
fn harmless(text: &str, line_breaks: LineBreaks) -> Cow<'_, str> {
    let is_kept = |c: char| c == '\n' && line_breaks == LineBreaks::Kept;
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let is_harmless = |c: char| is_kept(c) || !is_break(c) && !changes_direction(c);
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

/// Returns whether a character is a direction mark, embedding, override or isolate
/// (Unicode, `Bidi_Control`), or a tag character, which can spell out invisible text.
fn changes_direction(c: char) -> bool {
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
