//! Days of moments, in China.

use jiff::Span;
use jiff::civil::{Date, DateTime};

const EPOCH: Date = Date::constant(1970, 1, 1);
const SECONDS_A_DAY: i64 = 86_400;
const NANOSECONDS_A_SECOND: i64 = 1_000_000_000;

/// China Standard Time.
const HOURS_EAST: i64 = 8;
/// Until this moment (UTC) programs use the local mean time of Shanghai.
const STANDARD_TIME: DateTime = utc_hour(1927, 12, 31, 16);
const MEAN_TIME_SECONDS_EAST: i64 = 8 * 3600 + 5 * 60 + 43;

/// Daylight saving time: from which moment (UTC) to which, an hour further east. From
/// the zone Asia/Shanghai of the IANA time zone database, with which programs write a
/// day of these summers as a moment.
///
/// Versions of the database differ: until 2014 mean time ended with 1927, now with 1900;
/// until 2018 the summer of 1988 began on 10 April, now on the 17th. Of two offsets this
/// has the further east. By it midnight in the other one is an early hour of the same
/// day; the other way round it would be the day before.
const DAYLIGHT_SAVING: [(DateTime, DateTime); 14] = [
    (utc_hour(1919, 4, 12, 16), utc_hour(1919, 9, 30, 15)),
    (utc_hour(1940, 5, 31, 16), utc_hour(1940, 10, 12, 15)),
    (utc_hour(1941, 3, 14, 16), utc_hour(1941, 11, 1, 15)),
    (utc_hour(1942, 1, 30, 16), utc_hour(1945, 9, 1, 15)),
    (utc_hour(1946, 5, 14, 16), utc_hour(1946, 9, 30, 15)),
    (utc_hour(1947, 4, 14, 16), utc_hour(1947, 10, 31, 15)),
    (utc_hour(1948, 4, 30, 16), utc_hour(1948, 9, 30, 15)),
    (utc_hour(1949, 4, 30, 16), utc_hour(1949, 5, 27, 15)),
    (utc_hour(1986, 5, 3, 18), utc_hour(1986, 9, 13, 17)),
    (utc_hour(1987, 4, 11, 18), utc_hour(1987, 9, 12, 17)),
    (utc_hour(1988, 4, 9, 16), utc_hour(1988, 9, 10, 17)),
    (utc_hour(1989, 4, 15, 18), utc_hour(1989, 9, 16, 17)),
    (utc_hour(1990, 4, 14, 18), utc_hour(1990, 9, 15, 17)),
    (utc_hour(1991, 4, 13, 18), utc_hour(1991, 9, 14, 17)),
];

/// From this second of its last minute on, a day is uncertain.
const LAST_CERTAIN_SECOND: i8 = 50;
/// Fractions of a second with which programs write the last moment of a day: none, that
/// of SQL Server, milliseconds, `time.max` of Python, and `LocalTime.MAX` of Java.
const LAST_MOMENTS: [i32; 5] = [0, 997_000_000, 999_000_000, 999_999_000, 999_999_999];

const fn utc_hour(year: i16, month: i8, day: i8, hour: i8) -> DateTime {
    DateTime::constant(year, month, day, hour, 0, 0, 0)
}

/// How a file means its moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// As a clock in the office shows them.
    Local,
    /// As moments in UTC.
    Utc,
    /// In one of the two ways.
    Unknown,
}

impl Clock {
    /// Returns the day in China of a moment, which is counted from 1970-01-01 00:00 in
    /// units of which a second has `units_per_second`.
    ///
    /// Returns `None` if the year is not one of four digits, if the clock is unknown and
    /// the day depends on it, and for a moment a few seconds before midnight: it is
    /// midnight with an error, so the day is the next one, or else the day that ends.
    /// 23:59:59 is the usual last moment of a day.
    pub(crate) fn day(self, moment: i64, units_per_second: i64) -> Option<Date> {
        let moment = date_time(moment, units_per_second)?;
        match self {
            Clock::Local => certain_day(moment),
            Clock::Utc => certain_day(in_china(moment)?),
            Clock::Unknown => {
                let day = certain_day(moment)?;
                (certain_day(in_china(moment)?)? == day).then_some(day)
            }
        }
    }
}

/// Returns the date that is this many days after 1970-01-01; `None` if its year is not
/// one of four digits.
pub(crate) fn date(days: i64) -> Option<Date> {
    let date = EPOCH.checked_add(Span::new().try_days(days).ok()?).ok()?;
    (date.year() >= 1).then_some(date)
}

fn date_time(moment: i64, units_per_second: i64) -> Option<DateTime> {
    let seconds = moment.div_euclid(units_per_second);
    let fraction = moment.rem_euclid(units_per_second) * (NANOSECONDS_A_SECOND / units_per_second);
    let date = date(seconds.div_euclid(SECONDS_A_DAY))?;
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    let time = DateTime::from(date).checked_add(Span::new().seconds(second).nanoseconds(fraction));
    time.ok()
}

/// Returns what a clock in China shows at a moment in UTC.
pub(crate) fn in_china(moment: DateTime) -> Option<DateTime> {
    let is_saving = |(start, end): &(DateTime, DateTime)| (*start..*end).contains(&moment);
    let seconds_east = if DAYLIGHT_SAVING.iter().any(is_saving) {
        (HOURS_EAST + 1) * 3600
    } else if moment < STANDARD_TIME {
        MEAN_TIME_SECONDS_EAST
    } else {
        HOURS_EAST * 3600
    };
    moment.checked_add(Span::new().seconds(seconds_east)).ok()
}

fn certain_day(moment: DateTime) -> Option<Date> {
    let time = moment.time();
    let is_last = (time.hour(), time.minute()) == (23, 59)
        && time.second() >= LAST_CERTAIN_SECOND
        && !(time.second() == 59 && LAST_MOMENTS.contains(&time.subsec_nanosecond()));
    (!is_last && moment.year() >= 1).then_some(moment.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds from 1970-01-01 00:00 to a moment.
    fn seconds(moment: &str) -> i64 {
        let moment: DateTime = moment.parse().expect("a moment");
        let span = moment - DateTime::from(EPOCH);
        span.get_days() as i64 * SECONDS_A_DAY
            + i64::from(span.get_hours()) * 3600
            + span.get_minutes() * 60
            + span.get_seconds()
    }

    fn days(moment: &str) -> [Option<String>; 3] {
        [Clock::Local, Clock::Utc, Clock::Unknown]
            .map(|clock| clock.day(seconds(moment), 1).map(|day| day.to_string()))
    }

    #[test]
    fn a_moment_in_utc_is_its_day_in_china() {
        for (moment, local, utc) in [
            ("2024-01-30T15:59:59", "2024-01-30", "2024-01-30"),
            ("2024-01-30T16:00:00", "2024-01-30", "2024-01-31"),
            ("1969-12-31T16:00:00", "1969-12-31", "1970-01-01"),
            // Midnight in summers with daylight saving time, and before and after.
            ("1990-06-14T15:00:00", "1990-06-14", "1990-06-15"),
            ("1988-09-10T16:30:00", "1988-09-10", "1988-09-11"),
            ("1991-09-14T16:00:00", "1991-09-14", "1991-09-15"),
            ("1992-06-14T15:00:00", "1992-06-14", "1992-06-14"),
            ("1943-12-31T15:00:00", "1943-12-31", "1944-01-01"),
            // Where versions of the time zone database differ, midnight in each.
            ("1988-04-11T15:00:00", "1988-04-11", "1988-04-12"),
            ("1988-04-11T16:00:00", "1988-04-11", "1988-04-12"),
            ("1919-06-14T15:00:00", "1919-06-14", "1919-06-15"),
            ("1926-05-14T15:54:17", "1926-05-14", "1926-05-15"),
            ("1926-05-14T16:00:00", "1926-05-14", "1926-05-15"),
            ("1900-01-14T15:54:17", "1900-01-14", "1900-01-15"),
        ] {
            let [of_local, of_utc, _] = days(moment);
            assert_eq!(of_local.as_deref(), Some(local), "{moment}");
            assert_eq!(of_utc.as_deref(), Some(utc), "{moment}");
        }
    }

    #[test]
    fn with_an_unknown_clock_a_day_counts_only_if_both_clocks_show_it() {
        for (moment, day) in [
            ("2024-01-31T00:00:00", Some("2024-01-31")),
            ("2024-01-31T08:30:00", Some("2024-01-31")),
            ("2024-01-31T16:00:00", None),
            ("2024-01-31T23:59:59", None),
        ] {
            assert_eq!(days(moment)[2].as_deref(), day, "{moment}");
        }
    }

    #[test]
    fn a_moment_a_few_seconds_before_midnight_has_no_certain_day() {
        let day = |text: &str, fraction: i64| {
            let moment = seconds(text) * 1_000_000 + fraction;
            Clock::Local.day(moment, 1_000_000).is_some()
        };
        assert!(day("2024-01-30T23:59:49", 999_999));
        assert!(!day("2024-01-30T23:59:50", 0));
        assert!(!day("2024-01-30T23:59:58", 999_999));
        assert!(!day("2024-01-30T23:59:59", 999_993));
        assert!(day("2024-01-30T23:59:59", 0));
        assert!(day("2024-01-30T23:59:59", 997_000));
        assert!(day("2024-01-30T23:59:59", 999_999));
        assert!(day("2024-01-31T00:00:00", 0));
        // In China it is not midnight then.
        assert!(Clock::Utc.day(seconds("2024-01-30T23:59:57"), 1).is_some());
        assert!(Clock::Utc.day(seconds("2024-01-30T15:59:57"), 1).is_none());
    }

    #[test]
    fn moments_and_days_beyond_the_calendar_have_no_day() {
        for moment in [i64::MIN, i64::MAX, -62_135_596_801, 253_402_300_800] {
            for clock in [Clock::Local, Clock::Unknown] {
                assert_eq!(clock.day(moment, 1), None, "{moment}");
            }
        }
        // The last day of the calendar ends in China when it has begun elsewhere.
        assert_eq!(Clock::Utc.day(253_402_300_799, 1), None);
        assert_eq!(date(-719_163), None);
        assert_eq!(date(-719_162), Some(Date::constant(1, 1, 1)));
        assert_eq!(date(2_932_896), Some(Date::constant(9999, 12, 31)));
        for days in [2_932_897, i64::MIN, i64::MAX] {
            assert_eq!(date(days), None);
        }
    }
}
