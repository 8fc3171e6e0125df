//! Synthetic people: an ID number of an unassigned region with a right check
//! digit, and a name that nobody bears.

use std::collections::HashSet;

use jiff::civil::Date;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::distribution::{self as shares, AS_OF, COUNTIES, MEN, draw, holds};

/// One synthetic person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) birth: Date,
    pub(super) age: i32,
}

/// A household that receives assistance.
pub(super) struct Household {
    pub(super) number: u64,
    pub(super) kind: &'static str,
    pub(super) area: &'static str,
    /// The persons on assistance with their relationship to the head.
    pub(super) members: Vec<(Person, &'static str)>,
}

/// The people of a round: the case parties are known one by one, so that
/// nobody else is given the number of one of them. Households are not kept:
/// each follows from its number, so that several registers can hold a person.
pub(super) struct Population {
    /// How many times the planted people of a county.
    pub(super) planted_times: usize,
    case_parties: HashSet<String>,
    /// Case parties on whom no ground holds; some stand in registers.
    pub(super) ordinary_parties: Vec<Person>,
    /// Households in the register of assistance so far.
    pub(super) households: u64,
    /// Persons of the last one who are still to be written.
    pub(super) waiting: Vec<(Person, &'static str)>,
    household_seed: u64,
}

const SURNAMES: [&str; 24] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨",
    "朱", "秦", "尤", "许", "何", "吕", "施", "张",
];
const ORDINALS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];

impl Population {
    pub(super) fn new(scale: u32, seed: u64) -> Self {
        Population {
            planted_times: (scale as usize / 10).max(1),
            case_parties: HashSet::new(),
            ordinary_parties: Vec::new(),
            households: 0,
            waiting: Vec::new(),
            household_seed: seed,
        }
    }

    /// A new case party.
    pub(super) fn case_party(
        &mut self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
        men: u32,
    ) -> Person {
        let age = random.random_range(ages);
        let person = self.person(random, age, men);
        self.case_parties.insert(person.id.clone());
        person
    }

    /// Somebody who is no case party.
    pub(super) fn other(
        &self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
    ) -> Person {
        let age = random.random_range(ages);
        self.person(random, age, MEN)
    }

    /// Somebody of an age in whole years at the as-of date, and a man with a
    /// chance in thousandths; no case party.
    pub(super) fn person(&self, random: &mut impl Rng, age: i32, men: u32) -> Person {
        loop {
            // Born between one day and a year less a day before the birthday
            // of that age: the age is exact whatever the day.
            let days_back = i64::from(age) * 365 + i64::from(age) / 4 + random.random_range(5..350);
            let Some(birth) = jiff::Span::new()
                .try_days(days_back)
                .ok()
                .and_then(|span| AS_OF.checked_sub(span).ok())
            else {
                continue;
            };
            let region = draw(random, &COUNTIES);
            // GB 11643: odd numbers of sequence are men's.
            let sequence = 2 * random.random_range(0..499) + if holds(random, men) { 1 } else { 2 };
            let body = format!(
                "{region}{:04}{:02}{:02}{sequence:03}",
                birth.year(),
                birth.month(),
                birth.day()
            );
            let id = format!("{body}{}", check_character(&body));
            // Ends in 000: what a spreadsheet leaves of a damaged number.
            if id.ends_with("000") || self.case_parties.contains(&id) {
                continue;
            }
            let surname = SURNAMES[random.random_range(0..SURNAMES.len())];
            let ordinal = ORDINALS[random.random_range(0..ORDINALS.len())];
            return Person {
                id,
                name: format!("{surname}某{ordinal}"),
                birth,
                age,
            };
        }
    }

    /// The household of a number, the same each time.
    pub(super) fn household(&self, number: u64) -> Household {
        let mut random = ChaCha8Rng::seed_from_u64(self.household_seed);
        // Stream 0 makes everything else.
        random.set_stream(number + 1);
        let random = &mut random;
        let kind = draw(random, &shares::ASSISTANCE_KINDS);
        let alone = matches!(kind, "tekun" | "temporary_relief");
        let rural = if kind == "tekun" {
            shares::RURAL_TEKUN
        } else {
            shares::RURAL_DIBAO
        };
        let rural = holds(random, rural);
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

    /// Somebody who receives assistance and whose age is within a range, if
    /// a few tries find one.
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

/// The check character of seventeen digits by ISO 7064 MOD 11-2 as the
/// standard's text gives it (doubling and adding), not by the weights that the
/// validator uses.
pub(super) fn check_character(body: &str) -> char {
    let product = body.bytes().fold(0_u32, |product, digit| {
        (product + u32::from(digit - b'0')) * 2 % 11
    });
    match (12 - product) % 11 {
        10 => 'X',
        digit => char::from(b'0' + digit as u8),
    }
}
