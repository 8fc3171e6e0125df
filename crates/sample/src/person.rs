//! Synthetic people: an ID number of an unassigned region with a correct check digit, and
//! a name that nobody has.

use std::collections::HashSet;
use std::ops::Deref;

use jiff::civil::Date;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::columns::Columns;
use super::distribution::{self as shares, AS_OF, COUNTIES, MEN, chance, draw};

/// A text of so many bytes. There are millions of persons, so it is kept in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Short<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Deref for Short<BYTES> {
    type Target = str;

    fn deref(&self) -> &str {
        // It is made of a text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const BYTES: usize> Short<BYTES> {
    /// Joins texts, which have so many bytes together.
    fn joined(texts: [&str; 3]) -> Self {
        let mut bytes = [0; BYTES];
        let all = texts.iter().flat_map(|text| text.bytes());
        for (byte, of_text) in bytes.iter_mut().zip(all) {
            *byte = of_text;
        }
        Short(bytes)
    }
}

/// An ID number.
pub(super) type Id = Short<18>;

/// One synthetic person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: Id,
    /// A surname, 某 and an ordinal.
    pub(super) name: Short<9>,
    pub(super) birth: Date,
    pub(super) age: i32,
}

/// A household that receives assistance.
pub(super) struct Household {
    pub(super) number: u64,
    pub(super) kind: &'static str,
    pub(super) area: &'static str,
    /// The persons on assistance, with their relationship to the head.
    pub(super) members: Vec<(Person, &'static str)>,
}

/// The people of a round.
///
/// The ID numbers of all case parties are kept, so that nobody else gets one of them.
/// Households are not kept: each is derived from its number, so that a member can appear
/// in several registers without being stored.
pub(super) struct Population {
    /// The factor by which the counts of the scenarios are multiplied.
    pub(super) planted_times: usize,
    /// Which columns the exports have.
    pub(super) columns: Columns,
    case_parties: HashSet<Id>,
    /// The number of cases that are not planted so far.
    pub(super) ordinary_cases: u64,
    /// Their parties who may appear in registers without being leads.
    pub(super) ordinary_parties: Vec<Person>,
    /// The number of households in the register of assistance so far.
    pub(super) households: u64,
    /// The last household, with the members who are not written yet, in reverse order.
    pub(super) current: Option<Household>,
    household_seed: u64,
}

const SURNAMES: [&str; 24] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨",
    "朱", "秦", "尤", "许", "何", "吕", "施", "张",
];
const ORDINALS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];

impl Person {
    /// Returns whether the ID number is a woman's: its sequence number is even (GB 11643).
    pub(super) fn is_woman(&self) -> bool {
        let sequence = self.id.as_bytes().get(16);
        sequence.is_some_and(|digit| digit % 2 == 0)
    }
}

impl Population {
    pub(super) fn new(scale: u32, seed: u64, columns: Columns) -> Self {
        Population {
            planted_times: (scale as usize / 10).max(1),
            columns,
            case_parties: HashSet::new(),
            ordinary_cases: 0,
            ordinary_parties: Vec::new(),
            households: 0,
            current: None,
            household_seed: seed,
        }
    }

    /// Creates a case party.
    pub(super) fn case_party(
        &mut self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
        men: u32,
    ) -> Person {
        let age = random.random_range(ages);
        let person = self.person(random, age, men);
        self.case_parties.insert(person.id);
        person
    }

    /// Creates a person who is not a case party.
    pub(super) fn other(
        &self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
    ) -> Person {
        let age = random.random_range(ages);
        self.person(random, age, MEN)
    }

    /// Creates a person of the given age in whole years on the as-of date. `men` is the
    /// probability in thousandths that it is a man. The person is not a case party.
    pub(super) fn person(&self, random: &mut impl Rng, age: i32, men: u32) -> Person {
        loop {
            // At least 5 days after the birthday for this age and well before the next
            // one, so that the age is exact in spite of leap years.
            let days_back = i64::from(age) * 365 + i64::from(age) / 4 + random.random_range(5..350);
            let Some(birth) = jiff::Span::new()
                .try_days(days_back)
                .ok()
                .and_then(|span| AS_OF.checked_sub(span).ok())
            else {
                continue;
            };
            let region = draw(random, &COUNTIES);
            // GB 11643: odd sequence numbers are for men.
            let sequence =
                2 * random.random_range(0..499) + if chance(random, men) { 1 } else { 2 };
            let id = id(region, birth, sequence);
            // A number that ends in 000 looks like one rounded by a spreadsheet.
            if id.ends_with("000") || self.case_parties.contains(&id) {
                continue;
            }
            let surname = SURNAMES[random.random_range(0..SURNAMES.len())];
            let ordinal = ORDINALS[random.random_range(0..ORDINALS.len())];
            return Person {
                id,
                name: Short::joined([surname, "某", ordinal]),
                birth,
                age,
            };
        }
    }

    /// Returns the household with a number, always the same.
    pub(super) fn household(&self, number: u64) -> Household {
        let mut random = ChaCha8Rng::seed_from_u64(self.household_seed);
        // Stream 0 generates everything else.
        random.set_stream(number + 1);
        let random = &mut random;
        let kind = draw(random, &shares::ASSISTANCE_KINDS);
        let alone = matches!(kind, "tekun" | "temporary_relief");
        let rural = if kind == "tekun" {
            shares::RURAL_TEKUN
        } else {
            shares::RURAL_DIBAO
        };
        let rural = chance(random, rural);
        let size = match (alone, rural) {
            (true, _) => 1,
            (_, true) => draw(random, &shares::RURAL_HOUSEHOLD_SIZES),
            (_, false) => draw(random, &shares::URBAN_HOUSEHOLD_SIZES),
        };
        let ages = match kind {
            "tekun" => &shares::TEKUN_AGES,
            _ => &shares::HEAD_AGES,
        };
        let head = shares::draw_age(random, ages);
        let mut members = vec![(self.person(random, head, shares::ASSISTED_MEN), "self")];
        for place in 1..size {
            let roll = random.random_range(0..100);
            let (age, relationship) = match roll {
                0..45 if place == 1 => (head + random.random_range(-4..=4), "spouse"),
                0..15 if head < 60 => (head + random.random_range(20..=35), "parent"),
                _ => (head - random.random_range(20..=38), "child"),
            };
            let person = self.person(random, age.clamp(1, 95), MEN);
            members.push((person, relationship));
        }
        Household {
            number,
            kind,
            area: if rural { "rural" } else { "urban" },
            members,
        }
    }

    /// Returns a person on assistance whose age is within a range, if a few attempts find
    /// one.
    pub(super) fn assisted(
        &self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
    ) -> Option<Person> {
        if self.households == 0 {
            return None;
        }
        (0..8).find_map(|_| {
            let household = self.household(random.random_range(0..self.households));
            let mut members = household.members.into_iter();
            members.find_map(|(person, _)| ages.contains(&person.age).then_some(person))
        })
    }
}

/// Returns the ID number of these parts, with its check character.
fn id(region: u32, birth: Date, sequence: u32) -> Id {
    let day =
        i32::from(birth.year()) * 10_000 + i32::from(birth.month()) * 100 + i32::from(birth.day());
    let mut left = u64::from(region) * 100_000_000_000
        + u64::from(day.unsigned_abs()) * 1_000
        + u64::from(sequence);
    let mut body = Short([b'0'; 17]);
    for digit in body.0.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let mut check = [0; 4];
    Short::joined([&body, check_character(&body).encode_utf8(&mut check), ""])
}

/// Returns the check character of seventeen digits by ISO 7064 MOD 11-2. It uses the
/// recursive method of the standard, and not the weights that the validator uses, so that
/// the two are independent.
pub(super) fn check_character(body: &str) -> char {
    let product = body.bytes().fold(0_u32, |product, digit| {
        (product + u32::from(digit - b'0')) * 2 % 11
    });
    match (12 - product) % 11 {
        10 => 'X',
        digit => char::from(b'0' + digit as u8),
    }
}
