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

/// Everybody made so far, so that no ID number is made twice.
pub(super) struct People {
    ids: HashSet<String>,
}

const SURNAMES: [&str; 24] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨",
    "朱", "秦", "尤", "许", "何", "吕", "施", "张",
];
const ORDINALS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];

impl People {
    pub(super) fn new() -> Self {
        People {
            ids: HashSet::new(),
        }
    }

    /// A new person whose age at the as-of date is within a range of whole years.
    pub(super) fn make(
        &mut self,
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
            if id.ends_with("000") || !self.ids.insert(id.clone()) {
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
