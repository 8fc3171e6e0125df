//! The forms of numbers: which digits they have, and in which groups.

use crate::text::Text;

/// The kind of a number, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberKind {
    /// 18 digits (the last may be X) or 15 digits, with a possible date of birth
    /// (GB 11643-1999; 15 digits: before 1999), also as part of a disabled person's
    /// certificate; or the three letters and twelve digits of a foreigner's permanent
    /// residence card of 2017.
    NationalId,
    /// A mobile number (11 digits beginning with 13 to 19) or a landline number with
    /// its area code, also after the prefix 0, 86 or 0086; or ten digits beginning
    /// with 400 or 800.
    Telephone,
    /// 16 to 19 digits with a prefix that banks use and a correct check digit (ISO/IEC
    /// 7812-1).
    BankCard,
}

impl NumberKind {
    /// Returns the name of the kind in both languages.
    pub fn text(self) -> Text {
        match self {
            NumberKind::NationalId => Text::new(
                "证件号码形式的数字",
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

/// The value of an X.
pub(super) const X: u8 = 10;

/// The most digits in a form: an ID number and four more in a certificate.
pub(super) const LONGEST: usize = 22;

/// The fewest digits in a form: area code 010 and seven digits.
pub(super) const SHORTEST: usize = 10;

/// Digits that may be one number, and how they are grouped. In each set of places, bit
/// `n` is the place before digit `n`; bit 0 is never set.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'d> {
    /// Values from 0 to 9, or [`X`].
    pub(super) values: &'d [u8],
    /// Places with a separator.
    pub(super) cuts: u32,
    /// Places with a separator that is common in lists: a comma, a colon.
    pub(super) list_cuts: u32,
    /// Whether a plus sign precedes the first digit.
    pub(super) plus: bool,
    /// Whether any digit is a Chinese numeral.
    pub(super) chinese: bool,
}

/// Returns the set of the given places.
const fn places<const N: usize>(places: [usize; N]) -> u32 {
    let mut set = 0;
    let mut index = 0;
    while index < N {
        set |= 1 << places[index];
        index += 1;
    }
    set
}

impl<'d> Candidate<'d> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn only_cut_at(&self, allowed: u32) -> bool {
        self.cuts & !allowed == 0
    }

    fn is_cut_as(&self, groupings: &[u32]) -> bool {
        groupings.contains(&self.cuts)
    }

    /// Returns whether the digits are in groups of `size`; the last group may be shorter.
    fn is_cut_every(&self, size: usize) -> bool {
        // Single Chinese numerals with separators (一、二、三) are a list of items.
        !(self.chinese && size == 1) && self.cuts == every(size, self.len())
    }

    /// Returns the digits from a place on.
    fn from(&self, place: usize) -> Candidate<'d> {
        Candidate {
            values: self.values.get(place..).unwrap_or_default(),
            cuts: (self.cuts >> place) & !1,
            list_cuts: (self.list_cuts >> place) & !1,
            plus: false,
            chinese: self.chinese,
        }
    }

    fn groups(&self) -> impl Iterator<Item = &'d [u8]> {
        let (values, cuts) = (self.values, self.cuts);
        let mut from = 0;
        (1..=values.len())
            .filter(move |place| *place == values.len() || cuts & 1 << place != 0)
            .map(move |place| {
                let group = &values[from..place];
                from = place;
                group
            })
    }

    /// Returns whether the groups are round amounts (3000，4000，5000 元). Amounts do
    /// not begin with 0.
    fn is_list_of_amounts(&self) -> bool {
        self.cuts != 0
            && self.groups().enumerate().all(|(index, group)| {
                group.first() != Some(&0)
                    && match index {
                        0 => group.ends_with(&[0]),
                        _ => group.ends_with(&[0, 0]),
                    }
            })
    }

    /// Returns whether the groups begin like a date (2026-09-30 2026-10-14): a series of
    /// dates and times is not an ID number.
    fn begins_with_a_date(&self) -> bool {
        let eight = self.cuts & places([1, 2, 3, 4, 5, 6, 7, 8]);
        let seven = eight & !places([8]);
        eight == places([4, 6, 8]) || seven == places([4, 5, 7]) || seven == places([4, 6, 7])
    }
}

fn every(size: usize, length: usize) -> u32 {
    (size..length)
        .step_by(size)
        .fold(0, |cuts, place| cuts | 1 << place)
}

/// Returns the kind of number that the candidate is as a whole.
pub(super) fn kind_of(candidate: &Candidate) -> Option<NumberKind> {
    if is_id(candidate) {
        return Some(NumberKind::NationalId);
    }
    if candidate.values.contains(&X) {
        return None;
    }
    if is_telephone(candidate) {
        return Some(NumberKind::Telephone);
    }
    is_bank_card(candidate).then_some(NumberKind::BankCard)
}

fn number(values: &[u8]) -> u32 {
    values
        .iter()
        .fold(0, |number, value| number * 10 + u32::from(*value))
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Returns whether the values are a date (YYYYMMDD) of the years 1850 to 2099.
fn is_date(values: &[u8]) -> bool {
    values.len() == 8
        && (1850..2100).contains(&number(&values[..4]))
        && is_day(number(&values[4..6]), number(&values[6..]))
}

fn is_id(candidate: &Candidate) -> bool {
    match candidate.len() {
        18 => {
            has_form_of_eighteen(candidate.values)
                && (is_grouped_as_eighteen(candidate)
                    // In other groupings, which figures of a table may have too, the
                    // check digit must be correct.
                    || has_check_digit(candidate.values)
                        && !candidate.begins_with_a_date()
                        && (candidate.cuts.count_ones() <= 5 || candidate.is_cut_every(2)))
        }
        15 => {
            has_form_of_fifteen(candidate.values)
                && (candidate.only_cut_at(places([6, 8, 10, 12])) && candidate.cuts != places([8])
                    || [1, 3, 4, 5]
                        .into_iter()
                        .any(|size| candidate.is_cut_every(size)))
        }
        // The certificate of a disabled person: an ID number and two to four digits.
        20..=LONGEST => candidate.cuts == 0 && has_form_of_eighteen(&candidate.values[..18]),
        _ => false,
    }
}

/// Returns whether the groups are region, date of birth (or its parts), sequence and
/// check digit, or all of one size.
fn is_grouped_as_eighteen(candidate: &Candidate) -> bool {
    candidate.only_cut_at(places([6, 10, 12, 14, 17]))
        || [1, 3, 4, 5, 6, 7, 8, 9]
            .into_iter()
            .any(|size| candidate.is_cut_every(size))
}

/// Returns whether 18 digits within a longer run are an ID number. Here the check digit
/// must be correct.
pub(super) fn is_id_within(candidate: &Candidate) -> bool {
    candidate.len() == 18
        && has_form_of_eighteen(candidate.values)
        && is_grouped_as_eighteen(candidate)
        && has_check_digit(candidate.values)
}

/// Returns whether 18 digits contain a date of the years 1850 to 2099, and an X at
/// most in the last place.
fn has_form_of_eighteen(values: &[u8]) -> bool {
    values.first() != Some(&0) && is_date(&values[6..14]) && !values[..17].contains(&X)
}

/// Returns whether 15 digits contain a month and a day. Digits that begin with a
/// complete date are not an ID number: no region code begins with 18, 19 or 20.
fn has_form_of_fifteen(values: &[u8]) -> bool {
    values.first() != Some(&0)
        && is_day(number(&values[8..10]), number(&values[10..12]))
        && !values.contains(&X)
        && !is_date(&values[..8])
}

/// Returns whether twelve digits have the form of those after the three letters of a
/// foreigner's permanent residence card of 2017: four digits for province and city,
/// six for the date of birth, two more.
pub(super) fn is_foreign_2017(candidate: &Candidate) -> bool {
    candidate.len() == 12
        && (candidate.only_cut_at(places([4, 10]))
            || [1, 3, 4, 6]
                .into_iter()
                .any(|size| candidate.is_cut_every(size)))
        && !candidate.values.contains(&X)
        && matches!(
            number(&candidate.values[..2]),
            11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83
        )
        && is_day(
            number(&candidate.values[6..8]),
            number(&candidate.values[8..10]),
        )
}

/// Prefixes of a number within China.
const PREFIXES: [&[u8]; 7] = [
    &[],
    &[0],
    &[8, 6],
    &[0, 8, 6],
    &[8, 6, 0],
    &[0, 0, 8, 6],
    &[0, 0, 8, 6, 0],
];

/// Returns whether the digits are a number of the Chinese numbering plan: mobile,
/// landline with its area code, 400 or 800 number.
fn is_telephone(candidate: &Candidate) -> bool {
    let singles = candidate.is_cut_every(1);
    let is_behind_prefix = PREFIXES.iter().any(|prefix| {
        if !candidate.values.starts_with(prefix) {
            return false;
        }
        let rest = candidate.from(prefix.len());
        if is_mobile(&rest, singles) {
            return true;
        }
        // A landline number begins with 0 within the country; after 86 the 0 may be
        // missing.
        match prefix {
            [] | [8, 6] | [0, 0, 8, 6] => {
                is_landline(&rest, singles) || {
                    let is_international = prefix.len() == 4
                        || prefix.len() == 2
                            && (candidate.plus || candidate.cuts & places([2]) != 0);
                    is_international && is_landline_without_zero(&rest, singles)
                }
            }
            _ => false,
        }
    });
    is_behind_prefix || is_service_number(candidate, singles)
}

/// Returns whether the digits are a mobile number: 1[3-9] and nine more.
fn is_mobile(rest: &Candidate, singles: bool) -> bool {
    let values = rest.values;
    if !(values.len() == 11 && values[0] == 1 && (3..=9).contains(&values[1])) {
        return false;
    }
    if singles || rest.cuts == 0 {
        return true;
    }
    let is_list = rest.list_cuts != 0;
    if is_list && rest.is_list_of_amounts() {
        return false;
    }
    if rest.is_cut_as(&[
        places([3, 7]),
        places([3]),
        places([3, 6]),
        places([3, 8]),
        places([3, 6, 9]),
    ]) {
        return true;
    }
    // 1995-1999 120 is two years, 1995 0131 120 a year and a day.
    let begins_as_year = (1900..2000).contains(&number(&values[..4]));
    let next = number(&values[4..8]);
    let goes_on_as_date = (1850..2100).contains(&next) || is_day(next / 100, next % 100);
    let four_first = rest.is_cut_as(&[places([4, 8]), places([4, 7])]);
    !is_list
        && !rest.is_list_of_amounts()
        && (four_first && !(begins_as_year && goes_on_as_date)
            || rest.is_cut_as(&[places([7]), places([3, 5, 7, 9]), places([3, 7, 9])]))
}

/// Returns whether the digits are a landline number: area code 010, 02x or 0[3-9]xx,
/// and seven or eight digits.
fn is_landline(rest: &Candidate, singles: bool) -> bool {
    let values = rest.values;
    let area = match values {
        [0, 1, 0, ..] | [0, 2, ..] => 3,
        [0, 3..=9, ..] => 4,
        _ => return false,
    };
    let Some(local) = values.get(area..) else {
        return false;
    };
    if !(matches!(local.len(), 7 | 8) && local[0] > 1) || is_date(local) {
        return false;
    }
    // Without separators, an area code of three digits must have eight digits after it.
    let undivided = rest.cuts == 0 && (area == 4 || local.len() == 8);
    undivided
        || singles
        || rest.is_cut_as(&[
            places([area]),
            places([area, area + 3]),
            places([area, area + 4]),
        ])
}

/// Like [`is_landline`], for digits after the country code, without the leading 0.
fn is_landline_without_zero(rest: &Candidate, singles: bool) -> bool {
    let mut values = [0; LONGEST + 1];
    let length = rest.len().min(LONGEST);
    values[1..=length].copy_from_slice(&rest.values[..length]);
    let national = Candidate {
        values: &values[..=length],
        cuts: rest.cuts << 1,
        list_cuts: rest.list_cuts << 1,
        ..*rest
    };
    is_landline(&national, singles)
}

/// Returns whether the digits are a 400 or 800 number of ten digits.
fn is_service_number(candidate: &Candidate, singles: bool) -> bool {
    let values = candidate.values;
    if !(values.len() == 10 && matches!(values, [4 | 8, 0, 0, ..])) {
        return false;
    }
    match candidate.cuts {
        // Four zeros at the end suggest an amount.
        0 => !values.ends_with(&[0; 4]),
        _ => {
            singles
                || candidate.is_cut_as(&[
                    places([3]),
                    places([3, 6]),
                    places([3, 7]),
                    places([4, 7]),
                ]) && !candidate.is_list_of_amounts()
        }
    }
}

/// Returns whether the digits have the length and prefix of a card that Chinese banks
/// issue (UnionPay 62; older cards 60, 68, 69 and 9558; 16 digits from 3, 4 or 5 for
/// the international networks), and a correct check digit. One in ten long case
/// numbers has a correct check digit too, so digits with a year after the first six
/// are not a card.
fn is_bank_card(candidate: &Candidate) -> bool {
    let values = candidate.values;
    let issued = matches!(
        (values.len(), values),
        (16..=19, [6, 2, ..]) | (16, [3..=5, ..]) | (19, [6, 0 | 8 | 9, ..] | [9, 5, 5, 8, ..])
    );
    issued
        && (candidate.only_cut_at(places([4, 8, 12, 16]))
            || candidate.only_cut_at(places([6, 10, 14, 18]))
            || candidate.only_cut_at(places([6, 12, 18]))
            || [1, 3, 5, 7, 8, 9]
                .into_iter()
                .any(|size| candidate.is_cut_every(size)))
        && !(2000..2100).contains(&number(&values[6..10]))
        && !candidate.is_list_of_amounts()
        && luhn(values)
}

/// Checks the digits with the Luhn formula (ISO/IEC 7812-1, annex B).
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

/// Checks the check digit of 18 digits (GB 11643-1999, 4.2).
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
