//! Dates and times of OpenDocument files, which are in ISO 8601, as the serial numbers that
//! the other formats have.

use crate::date::DateEpoch;

/// A date, or a date and time, from 1900 on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    /// Days since 1970-01-01.
    day: i64,
    /// The part of the day that has passed.
    fraction: f64,
    pub(crate) has_time: bool,
}

/// Days from 1899-12-30 and from 1904-01-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 25_569;
const DAYS_FROM_1904_TO_1970: i64 = 24_107;

impl Moment {
    /// Parses `YYYY-MM-DD`, alone or with `Thh:mm:ss` and a fraction of a second, which is
    /// ignored. A year may have up to seven digits: the date of a number such as 20240131.
    /// `None` for other forms, days that do not exist, years before 1900, and a moment with
    /// a time zone.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4..=7)?;
        let month = digits(parts.next()?, 2..=2)?;
        let day = digits(parts.next()?, 2..=2)?;
        let is_day = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if parts.next().is_some() || !is_day || year < 1900 {
            return None;
        }
        let seconds = match time {
            Some(time) => seconds_of(time)?,
            None => 0,
        };
        Some(Moment {
            day: days_since_1970(year, month, day),
            fraction: seconds as f64 / 86_400.0,
            has_time: time.is_some(),
        })
    }

    /// Returns the serial number, as a spreadsheet counts it.
    pub(crate) fn serial(self, epoch: DateEpoch) -> f64 {
        let to_1970 = match epoch {
            DateEpoch::Year1900 => DAYS_TO_1970,
            DateEpoch::Year1904 => DAYS_FROM_1904_TO_1970,
        };
        (self.day + to_1970) as f64 + self.fraction
    }
}

/// Parses a duration such as `PT12H30M05.5S` and returns it in days.
pub(crate) fn days_of_duration(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut rest = text.strip_prefix("PT").filter(|rest| !rest.is_empty())?;
    let mut seconds = 0.0;
    for (unit, length) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if !number.bytes().all(is_number) {
            return None;
        }
        seconds += number.parse::<f64>().ok()? * length;
        rest = after;
    }
    rest.is_empty().then_some(sign * seconds / 86_400.0)
}

/// Parses a number of so many digits.
fn digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let is_number = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Parses a time of day and returns its second.
fn seconds_of(time: &str) -> Option<i64> {
    let (time, fraction) = match time.split_once(['.', ',']) {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    if fraction.is_some_and(|fraction| digits(fraction, 1..=18).is_none()) {
        return None;
    }
    let mut parts = time.split(':').map(|part| digits(part, 2..=2));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let is_time = hours < 24 && minutes < 60 && seconds < 60 && parts.next().is_none();
    is_time.then_some(hours * 3600 + minutes * 60 + seconds)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts the days from 1970-01-01 to a date of the Gregorian calendar after year 0.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that a leap day is the last day of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400;
    days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Moment, days_of_duration};
    use crate::date::DateEpoch::{Year1900, Year1904};

    #[test]
    fn dates_have_the_serial_numbers_of_a_spreadsheet() {
        for (text, serial) in [
            ("2024-01-31", 45_322.0),
            ("2024-02-29", 45_351.0),
            ("1900-03-01", 61.0),
            ("1900-01-01", 2.0),
            ("2199-12-31", 109_574.0),
            ("9999-12-31", 2_958_465.0),
            ("2024-01-31T12:00:00", 45_322.5),
            ("2024-01-31T00:00", 45_322.0),
            ("2024-01-31T18:00:00.999999999", 45_322.75),
        ] {
            let moment = Moment::parse(text.as_bytes()).expect(text);
            assert_eq!(moment.serial(Year1900), serial, "{text}");
            assert_eq!(moment.serial(Year1904), serial - 1462.0, "{text}");
            assert_eq!(moment.has_time, text.contains('T'), "{text}");
        }
        for text in [
            "",
            "2024",
            "2024-01",
            "2024-1-31",
            "2024-13-01",
            "2023-02-29",
            "2024-00-01",
            "2024-01-00",
            "2024-01-31-01",
            "1899-12-30",
            "-2024-01-31",
            "99999999-01-01",
            "2024-01-31T24:00:00",
            "2024-01-31T16:00:00Z",
            "2024-01-31T16:00:00.Z",
            "2024-01-31T16",
            "2024-01-31 16:00:00",
            "2024-01-31T16:00:00:00",
        ] {
            assert_eq!(Moment::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn durations_are_parts_of_a_day() {
        for (text, days) in [
            ("PT12H00M00S", Some(0.5)),
            ("PT36H", Some(1.5)),
            ("PT0S", Some(0.0)),
            ("PT90M", Some(0.0625)),
            ("-PT06H00M00.0000S", Some(-0.25)),
            ("PT", None),
            ("", None),
            ("P1D", None),
            ("PT1M1H", None),
            ("PT+1H", None),
            ("PT1e3H", None),
            ("PTH", None),
        ] {
            assert_eq!(days_of_duration(text.as_bytes()), days, "{text}");
        }
    }
}
