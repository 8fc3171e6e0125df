//! Synthetic people: an ID number of an unassigned region with a right check
//! digit, and a name that nobody bears.

use std::collections::HashSet;

use jiff::civil::Date;
use rand::{Rng, RngExt};

use super::AS_OF;

/// One synthetic person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) birth: Date,
}

/// The people of a round: the case parties are known one by one, so that
/// nobody else is given the number of one of them.
pub(super) struct Population {
    /// How many times the planted people of a county.
    pub(super) planted_times: usize,
    case_parties: HashSet<String>,
    /// Case parties on whom no ground holds; some stand in registers.
    pub(super) ordinary_parties: Vec<Person>,
}

const SURNAMES: [&str; 24] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨",
    "朱", "秦", "尤", "许", "何", "吕", "施", "张",
];
const ORDINALS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];

impl Population {
    pub(super) fn new(scale: u32) -> Self {
        Population {
            planted_times: (scale as usize / 10).max(1),
            case_parties: HashSet::new(),
            ordinary_parties: Vec::new(),
        }
    }

    /// A new case party.
    pub(super) fn case_party(
        &mut self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
    ) -> Person {
        let person = self.other(random, ages);
        self.case_parties.insert(person.id.clone());
        person
    }

    /// Somebody who is no case party, of an age within a range of whole years
    /// at the as-of date.
    pub(super) fn other(
        &self,
        random: &mut impl Rng,
        ages: std::ops::RangeInclusive<i32>,
    ) -> Person {
        loop {
            let age = random.random_range(ages.clone());
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
            let region = 449_901 + random.random_range(0..10);
            let sequence = random.random_range(1..999);
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
            };
        }
    }
}

/// The check character of seventeen digits by ISO 7064 MOD 11-2 as the
/// standard's text gives it (doubling and adding), not by the weights that the
/// validator uses.
fn check_character(body: &str) -> char {
    let product = body.bytes().fold(0_u32, |product, digit| {
        (product + u32::from(digit - b'0')) * 2 % 11
    });
    match (12 - product) % 11 {
        10 => 'X',
        digit => char::from(b'0' + digit as u8),
    }
}
