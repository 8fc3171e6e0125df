//! Searches a text in one pass with a window of bounded length.
//!
//! Whether a digit is part of a number depends only on characters no farther away than
//! the longest form. So the work for each character is bounded, and memory does not
//! grow with the text.

use std::ops::Range;

use super::characters::{Character, Script, character, is_zero_width, separates_list_items};
use super::forms::{self, Candidate, LONGEST, NumberKind, SHORTEST, X};

/// A number that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The kind of number.
    pub kind: NumberKind,
    /// Its byte range in the text, from the first digit (or letter) to the last.
    pub at: Range<usize>,
}

/// The most separators between two groups of a number.
const MAX_SEPARATORS: usize = 3;

/// The number of asterisks in a row that mark blacked-out or masked digits. Digits
/// before and after such a mark never form one number; otherwise blacking out could
/// produce new numbers.
const MARK: usize = 3;

/// How many digits are read ahead: the longest form, the tail of a certificate, and
/// the digit after it.
const READ_AHEAD: usize = LONGEST + 6;

/// How many digits are dropped from the buffer at a time.
const DROP_BLOCK: usize = 4096;

/// The characters between a digit and the previous digit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// No characters, or zero-width characters only.
    None,
    /// As `None`, but the two digits are of different scripts (such as a Chinese
    /// numeral and a decimal digit). A number may begin here, or go on.
    ScriptChange,
    /// Separators; `list` if one of them is common between the items of a list.
    Separator { list: bool },
    /// Letters or too many separators. No number continues across it.
    Break,
}

/// A digit of the text, or an X.
#[derive(Clone, Copy)]
struct Digit {
    value: u8,
    chinese: bool,
    at: usize,
    end: usize,
    gap: Gap,
    /// The last character before the digit is a plus sign.
    plus: bool,
    /// Start of the three letters before the digit, if there are exactly three.
    three_letters: Option<usize>,
    /// Exactly one letter is between the previous digit and this one.
    one_letter: bool,
    /// The next character is a letter.
    letter_behind: bool,
}

/// Returns whether a text has as many digits as the shortest form. Most texts have fewer, and
/// counting them is faster than the search.
pub(super) fn may_hold_number(text: &str) -> bool {
    let is_digit = |c: &char| matches!(character(*c), Character::Digit(..) | Character::X);
    text.len() >= SHORTEST && text.chars().filter(is_digit).take(SHORTEST).count() == SHORTEST
}

/// Returns all numbers in a text that have one of the forms, and the number of steps
/// that the search took.
pub(super) fn search(text: &str) -> (Vec<Found>, u64) {
    let mut search = Search {
        digits: Digits::new(text),
        buffer: Vec::new(),
        dropped: 0,
        found: Vec::new(),
        found_end: 0,
        steps: 0,
    };
    search.run();
    let steps = search.steps + search.digits.steps;
    (search.found, steps)
}

struct Search<'t> {
    digits: Digits<'t>,
    /// The digits around the current one. An index counts digits from the start of the
    /// text; the digit with index `i` is at `buffer[i - dropped]`.
    buffer: Vec<Digit>,
    dropped: usize,
    found: Vec<Found>,
    /// The index after the last number that was found.
    found_end: usize,
    steps: u64,
}

impl Search<'_> {
    fn run(&mut self) {
        let mut index = 0;
        while self.read_ahead(index) {
            let first = self.digit(index);
            let begins = self.can_begin_at(index);
            let hit = if first.value == X {
                None
            } else {
                self.number_at(index, begins)
            };
            if let Some((kind, end)) = hit {
                if !begins {
                    self.search_before(index);
                }
                self.add(index, end, kind);
            }
            index += 1;
        }
    }

    fn digit(&self, index: usize) -> Digit {
        self.buffer[index - self.dropped]
    }

    /// Reads until enough digits after `index` are in the buffer. Returns `false` if
    /// there is no digit at `index`.
    fn read_ahead(&mut self, index: usize) -> bool {
        if index - self.dropped > DROP_BLOCK + LONGEST {
            self.buffer.drain(..DROP_BLOCK);
            self.dropped += DROP_BLOCK;
        }
        while self.buffer.len() + self.dropped < index + READ_AHEAD {
            match self.digits.next(self.buffer.last_mut()) {
                Some(digit) => self.buffer.push(digit),
                None => break,
            }
        }
        index < self.buffer.len() + self.dropped
    }

    /// Returns whether a number can begin at an index: there is no digit directly
    /// before it, except an X or the end of a number that was found.
    fn can_begin_at(&self, index: usize) -> bool {
        self.digit(index).gap != Gap::None
            || index == self.found_end
            || index > self.dropped && self.digit(index - 1).value == X
    }

    /// Returns whether a number can end before an index.
    fn can_end_before(&self, end: usize) -> bool {
        match self.buffer.get(end - self.dropped) {
            None => true,
            Some(next) => {
                next.gap != Gap::None || next.value == X || self.digit(end - 1).value == X
            }
        }
    }

    /// Returns the longest number that begins at an index: its kind and the index after
    /// it.
    fn number_at(&mut self, index: usize, begins: bool) -> Option<(NumberKind, usize)> {
        let window = Window::new(&self.buffer[index - self.dropped..]);
        self.steps += window.length as u64;
        if begins {
            for length in (SHORTEST..=window.length).rev() {
                self.steps += 1;
                if !self.can_end_before(index + length) {
                    continue;
                }
                if let Some(kind) = self.kind_of(index, &window.candidate(length)) {
                    let end = index + length;
                    let end = match (kind, length) {
                        (NumberKind::NationalId, 18) => end + self.certificate_tail(end),
                        (NumberKind::NationalId, 20) => end + self.reissue(end),
                        _ => end,
                    };
                    return Some((kind, end));
                }
            }
        }
        let within = window.length >= 18 && forms::is_id_within(&window.candidate(18));
        within.then(|| {
            let end = index + 18;
            (NumberKind::NationalId, end + self.certificate_tail(end))
        })
    }

    /// Returns the kind of the candidate, whose first digit is at `index`.
    fn kind_of(&self, index: usize, candidate: &Candidate) -> Option<NumberKind> {
        forms::kind_of(candidate).or_else(|| {
            (self.digit(index).three_letters.is_some() && forms::is_foreign_2017(candidate))
                .then_some(NumberKind::NationalId)
        })
    }

    /// Returns how many digits after an ID number belong to the number of a disabled
    /// person's certificate: class (1 to 7) and grade (1 to 4) of the disability, and
    /// on reissued certificates a letter and a digit.
    fn certificate_tail(&self, end: usize) -> usize {
        let behind = self.buffer.get(end - self.dropped..).unwrap_or_default();
        let [class, grade, ..] = behind else {
            return 0;
        };
        let is_tail = class.gap != Gap::Break
            && grade.gap == Gap::None
            && (1..=7).contains(&class.value)
            && (1..=4).contains(&grade.value);
        if !is_tail {
            return 0;
        }
        if self.reissue(end + 2) == 1 {
            return 3;
        }
        let may_be_another = match class.gap {
            // A number with a unit (31岁), or the next item of a list.
            Gap::Separator { list } => list || grade.letter_behind,
            _ => false,
        };
        if !may_be_another && self.can_end_before(end + 2) {
            2
        } else {
            0
        }
    }

    /// Returns 1 if the digit at an index is the last digit of a reissued certificate,
    /// otherwise 0.
    fn reissue(&self, index: usize) -> usize {
        let issue = self.buffer.get(index - self.dropped);
        let is_reissue =
            issue.is_some_and(|issue| issue.one_letter) && self.can_end_before(index + 1);
        usize::from(is_reissue)
    }

    /// Searches the digits before a number that begins within a run of digits: they end
    /// at that number, and may form a number themselves.
    fn search_before(&mut self, end: usize) {
        let mut index = end
            .saturating_sub(LONGEST)
            .max(self.found_end)
            .max(self.dropped);
        while index + SHORTEST <= end {
            self.steps += 1;
            let window = Window::new(&self.buffer[index - self.dropped..end - self.dropped]);
            if self.can_begin_at(index) && window.length == end - index {
                self.steps += window.length as u64;
                if let Some(kind) = self.kind_of(index, &window.candidate(window.length)) {
                    self.add(index, end, kind);
                    return;
                }
            }
            index += 1;
        }
    }

    /// Adds a number to the results; merges it with the last one if they overlap.
    fn add(&mut self, index: usize, end: usize, kind: NumberKind) {
        let first = self.digit(index);
        let is_foreign_2017 = kind == NumberKind::NationalId && end - index == FOREIGN_DIGITS;
        let at = match first.three_letters {
            Some(letters) if is_foreign_2017 => letters,
            _ => first.at,
        };
        let text_end = self.digit(end - 1).end;
        match self.found.last_mut() {
            Some(last) if index < self.found_end => {
                if end > self.found_end {
                    last.at.end = text_end;
                    last.kind = last.kind.min(kind);
                }
            }
            last => {
                // The letters before a number may include the X that ends the last one.
                let at = at.max(last.map_or(0, |last| last.at.end));
                self.found.push(Found {
                    kind,
                    at: at..text_end,
                });
            }
        }
        self.found_end = self.found_end.max(end);
    }
}

/// The number of digits after the three letters of a foreigner's card of 2017.
const FOREIGN_DIGITS: usize = 12;

/// Consecutive digits that can belong to the same number. In the sets `cuts`,
/// `list_cuts` and `chinese`, bit `n` belongs to digit `n`.
struct Window {
    values: [u8; LONGEST],
    cuts: u32,
    list_cuts: u32,
    chinese: u32,
    plus: bool,
    length: usize,
}

impl Window {
    fn new(digits: &[Digit]) -> Self {
        let mut window = Window {
            values: [0; LONGEST],
            cuts: 0,
            list_cuts: 0,
            chinese: 0,
            plus: digits.first().is_some_and(|digit| digit.plus),
            length: 0,
        };
        for (place, digit) in digits.iter().take(LONGEST).enumerate() {
            match digit.gap {
                _ if place == 0 => {}
                Gap::None | Gap::ScriptChange => {}
                Gap::Separator { list } => {
                    window.cuts |= 1 << place;
                    window.list_cuts |= u32::from(list) << place;
                }
                Gap::Break => break,
            }
            window.values[place] = digit.value;
            window.chinese |= u32::from(digit.chinese) << place;
            window.length = place + 1;
        }
        window
    }

    fn candidate(&self, length: usize) -> Candidate<'_> {
        let within = (1 << length) - 1;
        Candidate {
            values: &self.values[..length],
            cuts: self.cuts & within,
            list_cuts: self.list_cuts & within,
            plus: self.plus,
            chinese: self.chinese & within != 0,
        }
    }
}

/// Reads the digits of a text one by one.
struct Digits<'t> {
    text: &'t str,
    at: usize,
    /// The end of the last ASCII word that was tested for being a digest.
    word_end: usize,
    last_script: Option<Script>,
    steps: u64,
}

impl<'t> Digits<'t> {
    fn new(text: &'t str) -> Self {
        Digits {
            text,
            at: 0,
            word_end: 0,
            last_script: None,
            steps: 0,
        }
    }

    /// Returns the next digit, and updates `last` with what directly follows it.
    fn next(&mut self, mut last: Option<&mut Digit>) -> Option<Digit> {
        let mut before = Before {
            x_at: last
                .as_ref()
                .and_then(|last| (last.value == X).then_some(last.at)),
            ..Before::default()
        };
        while let Some(c) = self.text.get(self.at..)?.chars().next() {
            self.steps += 1;
            let at = self.at;
            self.at += c.len_utf8();
            if at >= self.word_end && c.is_ascii_alphanumeric() && self.skips_digest(at) {
                before.other();
                continue;
            }
            match character(c) {
                Character::ZeroWidth => {
                    if let (true, Some(last)) = (before.is_empty(), last.as_deref_mut()) {
                        last.end = self.at;
                    }
                }
                Character::Digit(value, script) => {
                    return Some(self.digit(value, Some(script), at, &before, last.is_some()));
                }
                Character::X => {
                    // An X is a letter if it follows letters or another X.
                    let is_behind_digit = last.as_ref().is_some_and(|last| last.value != X);
                    if before.letters == 0 && is_behind_digit && before.gap() != Gap::Break {
                        return Some(self.digit(X, self.last_script, at, &before, true));
                    }
                    mark_letter(&before, last.as_deref_mut());
                    before.letter(at, c.is_uppercase());
                }
                Character::Latin { capital } => {
                    mark_letter(&before, last.as_deref_mut());
                    before.letter(at, capital);
                }
                Character::Separator => before.separator(c),
                Character::Other => {
                    mark_letter(&before, last.as_deref_mut());
                    before.other();
                }
            }
        }
        None
    }

    fn digit(
        &mut self,
        value: u8,
        script: Option<Script>,
        at: usize,
        before: &Before,
        has_last: bool,
    ) -> Digit {
        let gap = match before.gap() {
            _ if !has_last => Gap::Break,
            Gap::None if script != self.last_script => Gap::ScriptChange,
            gap => gap,
        };
        self.last_script = script;
        Digit {
            value,
            chinese: script == Some(Script::Chinese),
            at,
            end: self.at,
            gap,
            plus: before.plus,
            three_letters: before.three_letters(),
            one_letter: before.is_one_letter(),
            letter_behind: false,
        }
    }

    /// Skips a digest or key id that begins here, and returns whether it did. A digest
    /// is a word with a usual number of hexadecimal digits, at least two of them letters.
    ///
    /// A word next to an asterisk is not a digest: a number may have been blacked out
    /// there, and blacking out must not turn a word into a digest. Nor is a word next
    /// to full-width letters, digits of other scripts or lookalikes of X, or after a
    /// zero-width character.
    fn skips_digest(&mut self, at: usize) -> bool {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        self.steps += length as u64;
        self.word_end = at + length;
        let word = &rest[..length];
        let parts =
            |c: char| c != '*' && matches!(character(c), Character::Separator | Character::Other);
        let (text_before, text_from) = self.text.split_at(at);
        let before = text_before.chars().next_back();
        let behind = text_from[length..].chars().next();
        let is_digest = before.is_none_or(parts)
            && behind.is_none_or(|c| parts(c) || is_zero_width(c))
            && matches!(length, 16 | 32 | 40 | 64 | 96 | 128)
            && word.iter().all(u8::is_ascii_hexdigit)
            && word
                .iter()
                .filter(|byte| byte.is_ascii_alphabetic())
                .count()
                >= 2;
        if is_digest {
            self.at = self.word_end;
        }
        is_digest
    }
}

fn mark_letter(before: &Before, last: Option<&mut Digit>) {
    if let (true, Some(last)) = (before.is_empty(), last) {
        last.letter_behind = true;
    }
}

/// What was read since the last digit. The gap and the letters before the next digit
/// follow from it.
#[derive(Default)]
struct Before {
    /// Separators since the last digit or letter.
    separators: usize,
    list: bool,
    asterisks: usize,
    marked: bool,
    plus: bool,
    /// Place of the last digit if it is an X, which may be the first of three letters.
    x_at: Option<usize>,
    /// Length of the last run of letters.
    letters: usize,
    letters_at: usize,
    capitals: bool,
    /// A character other than a separator was read.
    broken: bool,
    /// Something other than the last run of letters was read.
    more: bool,
}

impl Before {
    fn is_empty(&self) -> bool {
        self.separators == 0 && !self.broken
    }

    fn separator(&mut self, c: char) {
        self.separators += 1;
        self.list |= separates_list_items(c);
        self.asterisks = if c == '*' { self.asterisks + 1 } else { 0 };
        self.marked |= self.asterisks >= MARK;
        self.plus = matches!(c, '+' | '＋' | '﹢');
    }

    fn letter(&mut self, at: usize, capital: bool) {
        if self.letters == 0 || self.separators > 0 {
            self.more |= !self.is_empty();
            self.letters = 0;
            self.letters_at = at;
            self.capitals = true;
        }
        self.letters += 1;
        self.capitals &= capital;
        self.broken = true;
        self.new_gap();
    }

    fn other(&mut self) {
        self.letters = 0;
        self.broken = true;
        self.more = true;
        self.new_gap();
    }

    fn new_gap(&mut self) {
        self.separators = 0;
        self.asterisks = 0;
        self.marked = false;
        self.plus = false;
    }

    fn gap(&self) -> Gap {
        if self.broken || self.marked || self.separators > MAX_SEPARATORS {
            Gap::Break
        } else if self.separators > 0 {
            Gap::Separator { list: self.list }
        } else {
            Gap::None
        }
    }

    /// Returns the start of the three letters before the next digit. They must be
    /// directly before it, or be capitals with at most a few separators after them.
    fn three_letters(&self) -> Option<usize> {
        let near = self.separators == 0
            || self.capitals && self.separators <= MAX_SEPARATORS && !self.marked;
        match self.letters {
            3 if near => Some(self.letters_at),
            2 if near && !self.more => self.x_at,
            _ => None,
        }
    }

    fn is_one_letter(&self) -> bool {
        self.letters == 1 && !self.more && self.separators == 0
    }
}
