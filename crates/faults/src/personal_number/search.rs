//! One pass over a text with a window of bounded length.
//!
//! Nothing is decided by what stands farther from a digit than the longest form,
//! so the work for each character is bounded and memory does not grow with the text.

use std::ops::Range;

use super::characters::{Character, Script, character, is_nothing, parts_a_list};
use super::forms::{self, Candidate, LONGEST, NumberKind, SHORTEST, X};

/// A number that was found, by the bytes of the text it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: NumberKind,
    /// Its bytes, from the first digit (or letter) to the last.
    pub at: Range<usize>,
}

/// So many characters that are neither letter nor digit may part two groups.
const MOST_SEPARATORS: usize = 3;

/// So many asterisks in a row mark what was blacked out or masked. Digits before and
/// behind are two numbers: else blacking out would bring new numbers about.
const MARK: usize = 3;

/// Digits that are read ahead: the longest form, the tail of a certificate, and the
/// digit behind.
const AHEAD: usize = LONGEST + 6;

/// Digits that are dropped at once when they lie behind.
const DROPPED: usize = 4096;

/// What stands between a digit and the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Nothing, or what has no width.
    None,
    /// Nothing, but one is a Chinese numeral, or circled, and the other is not: a
    /// number may begin here, and may go on.
    Change,
    /// Separators; whether one of them parts a list.
    Separator { list: bool },
    /// Letters, or many separators: no number goes on.
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
    /// A plus sign is the last before the digit.
    plus: bool,
    /// Where three letters begin that stand before the digit.
    three_letters: Option<usize>,
    /// Exactly one letter stands between the digit before and this one.
    one_letter: bool,
    /// A letter stands directly behind.
    letter_behind: bool,
}

/// Every number of a text that has one of the forms, and the steps that were taken.
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
    /// The digits around the present one; indices count from the text's first digit.
    buffer: Vec<Digit>,
    dropped: usize,
    found: Vec<Found>,
    /// The index behind the last number that was found.
    found_end: usize,
    steps: u64,
}

impl Search<'_> {
    fn run(&mut self) {
        let mut index = 0;
        while self.read_ahead(index) {
            let first = self.digit(index);
            let begins = self.begins(index);
            let hit = if first.value == X {
                None
            } else {
                self.number_at(index, begins)
            };
            if let Some((kind, end)) = hit {
                if !begins {
                    self.look_before(index);
                }
                self.add(index, end, kind);
            }
            index += 1;
        }
    }

    fn digit(&self, index: usize) -> Digit {
        self.buffer[index - self.dropped]
    }

    /// Reads on, until enough lies ahead. `false` where no digit is left.
    fn read_ahead(&mut self, index: usize) -> bool {
        if index - self.dropped > DROPPED + LONGEST {
            self.buffer.drain(..DROPPED);
            self.dropped += DROPPED;
        }
        while self.buffer.len() + self.dropped < index + AHEAD {
            match self.digits.next(self.buffer.last_mut()) {
                Some(digit) => self.buffer.push(digit),
                None => break,
            }
        }
        index < self.buffer.len() + self.dropped
    }

    /// Whether a number can begin with a digit: none stands directly before, but for
    /// an X or a number that was found.
    fn begins(&self, index: usize) -> bool {
        self.digit(index).gap != Gap::None
            || index == self.found_end
            || index > self.dropped && self.digit(index - 1).value == X
    }

    /// Whether a number can end before an index.
    fn ends(&self, end: usize) -> bool {
        match self.buffer.get(end - self.dropped) {
            None => true,
            Some(next) => {
                next.gap != Gap::None || next.value == X || self.digit(end - 1).value == X
            }
        }
    }

    /// The index behind the longest number that begins at an index.
    fn number_at(&mut self, index: usize, begins: bool) -> Option<(NumberKind, usize)> {
        let window = Window::new(&self.buffer[index - self.dropped..]);
        self.steps += window.length as u64;
        if begins {
            for length in (SHORTEST..=window.length).rev() {
                self.steps += 1;
                if !self.ends(index + length) {
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

    /// What digits are that begin at an index.
    fn kind_of(&self, index: usize, candidate: &Candidate) -> Option<NumberKind> {
        forms::kind_of(candidate).or_else(|| {
            (self.digit(index).three_letters.is_some() && forms::is_foreign_2017(candidate))
                .then_some(NumberKind::NationalId)
        })
    }

    /// How many digits behind an ID number make it that of a disabled person's
    /// certificate: class (1 to 7) and grade (1 to 4) of the disability; on
    /// certificates that were issued again a letter and a digit follow.
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
            // A number and a unit (31岁), or the next of a list.
            Gap::Separator { list } => list || grade.letter_behind,
            _ => false,
        };
        if !may_be_another && self.ends(end + 2) {
            2
        } else {
            0
        }
    }

    /// Whether the digit at an index is the last of a certificate that was issued again.
    fn reissue(&self, index: usize) -> usize {
        let issue = self.buffer.get(index - self.dropped);
        let is_reissue = issue.is_some_and(|issue| issue.one_letter) && self.ends(index + 1);
        usize::from(is_reissue)
    }

    /// A number was found that begins in the midst of digits: what stands before now
    /// ends there, and may be a number too.
    fn look_before(&mut self, end: usize) {
        let mut index = end
            .saturating_sub(LONGEST)
            .max(self.found_end)
            .max(self.dropped);
        while index + SHORTEST <= end {
            self.steps += 1;
            let window = Window::new(&self.buffer[index - self.dropped..end - self.dropped]);
            if self.begins(index) && window.length == end - index {
                self.steps += window.length as u64;
                if let Some(kind) = self.kind_of(index, &window.candidate(window.length)) {
                    self.add(index, end, kind);
                    return;
                }
            }
            index += 1;
        }
    }

    /// Adds a number; one that overlaps with the last is one number with it.
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
                // Letters before a number may include the X at the end of the last.
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

/// Digits behind the three letters of a foreigner's card of 2017.
const FOREIGN_DIGITS: usize = 12;

/// The digits from one on that can belong to the same number.
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
                Gap::None | Gap::Change => {}
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

/// The digits of a text, one after the other.
struct Digits<'t> {
    text: &'t str,
    at: usize,
    /// The end of the last ASCII word that was measured.
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

    /// The next digit. The last one learns what stands directly behind it.
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
            if at >= self.word_end && c.is_ascii_alphanumeric() && self.passes_digest(at) {
                before.other();
                continue;
            }
            match character(c) {
                Character::Nothing => {
                    if let (true, Some(last)) = (before.is_empty(), last.as_deref_mut()) {
                        last.end = self.at;
                    }
                }
                Character::Digit(value, script) => {
                    return Some(self.digit(value, Some(script), at, &before, last.is_some()));
                }
                Character::X => {
                    // An X behind letters is one of them, and one behind an X too.
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
            Gap::None if script != self.last_script => Gap::Change,
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

    /// Whether a digest or the id of a key begins here: a word of so many hexadecimal
    /// digits of which two at least are letters. It is passed. Beside digits and letters
    /// of other scripts none lies, nor beside an asterisk, for there a number may have
    /// been blacked out: the same words have to be digests before and after.
    fn passes_digest(&mut self, at: usize) -> bool {
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
            && behind.is_none_or(|c| parts(c) || is_nothing(c))
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

/// What was read since the last digit.
#[derive(Default)]
struct Before {
    /// Separators since the last digit or letter.
    separators: usize,
    list: bool,
    asterisks: usize,
    marked: bool,
    plus: bool,
    /// Where the last digit is, if it is an X: it may be a letter after all.
    x_at: Option<usize>,
    /// Letters that follow one another.
    letters: usize,
    letters_at: usize,
    capitals: bool,
    /// Any letter, or what is no separator.
    broken: bool,
    /// More than the letters that follow one another.
    more: bool,
}

impl Before {
    fn is_empty(&self) -> bool {
        self.separators == 0 && !self.broken
    }

    fn separator(&mut self, c: char) {
        self.separators += 1;
        self.list |= parts_a_list(c);
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
        if self.broken || self.marked || self.separators > MOST_SEPARATORS {
            Gap::Break
        } else if self.separators > 0 {
            Gap::Separator { list: self.list }
        } else {
            Gap::None
        }
    }

    /// Three letters, directly before or in capitals.
    fn three_letters(&self) -> Option<usize> {
        let near = self.separators == 0
            || self.capitals && self.separators <= MOST_SEPARATORS && !self.marked;
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
