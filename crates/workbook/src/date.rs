//! Days of a workbook: numbers counted from its epoch.

use jiff::ToSpan;
use jiff::civil::Date;

/// The day from which a workbook counts its dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEpoch {
    /// 1 is 1900-01-01, and 60 is 1900-02-29, a day that did not exist.
    #[default]
    Year1900,
    /// 0 is 1904-01-01. Excel for the Macintosh used it before 2011.
    Year1904,
}

/// The first number beyond the days that Excel knows: 10000-01-01 in the epoch of 1900.
const BEYOND: f64 = 2_958_466.0;

impl DateEpoch {
    /// The day of a number; its time of day is dropped. `None` for numbers that
    /// stand for no day: negative ones, those beyond the year 9999, and in the
    /// epoch of 1900 those before 1 and 60.
    pub fn day(self, number: f64) -> Option<Date> {
        // Not a number compares as neither.
        if !(0.0..BEYOND).contains(&number) {
            return None;
        }
        let days = number.floor() as i64;
        let zero = match self {
            DateEpoch::Year1904 => Date::constant(1904, 1, 1),
            DateEpoch::Year1900 if days < 1 || days == 60 => return None,
            DateEpoch::Year1900 if days < 60 => Date::constant(1899, 12, 31),
            DateEpoch::Year1900 => Date::constant(1899, 12, 30),
        };
        zero.checked_add(days.days()).ok()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::DateEpoch::{Year1900, Year1904};

    #[test]
    fn numbers_are_days_of_their_epoch() {
        for (epoch, number, day) in [
            (Year1900, 1.0, Some(date(1900, 1, 1))),
            (Year1900, 59.0, Some(date(1900, 2, 28))),
            (Year1900, 60.0, None),
            (Year1900, 61.0, Some(date(1900, 3, 1))),
            (Year1900, 45_322.0, Some(date(2024, 1, 31))),
            (Year1900, 45_322.999, Some(date(2024, 1, 31))),
            (Year1900, 2_958_465.0, Some(date(9999, 12, 31))),
            (Year1900, 2_958_466.0, None),
            (Year1900, 0.5, None),
            (Year1900, -1.0, None),
            (Year1900, f64::NAN, None),
            (Year1900, f64::INFINITY, None),
            (Year1904, 0.0, Some(date(1904, 1, 1))),
            (Year1904, 43_860.0, Some(date(2024, 1, 31))),
            (Year1904, 2_957_003.0, Some(date(9999, 12, 31))),
            (Year1904, 2_957_004.0, None),
        ] {
            assert_eq!(epoch.day(number), day, "{epoch:?} {number}");
        }
    }
}
