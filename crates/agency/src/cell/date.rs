//! Reads a cell as a date.
//!
//! A form is read only if it has one meaning. What databases and spreadsheets write
//! for "no date" is no date, and a day that no record can mean is unreadable.

use jiff::civil::{Date, DateTime, Time};

use aidlink_policy::reading::DateEpoch;

use super::whole_number::whole_number;
use crate::china_time::in_china;

/// A cell of dates that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenDate {
    /// A day.
    Day(Date),
    /// A month, as its first day.
    Month(Date),
    /// A day of a workbook's date cell with a serial number below `USUAL_SERIALS`. It
    /// may be a birth date; otherwise the cell holds a number that is not a date.
    Early(Date),
    /// A value that means "no date".
    NoDate,
}

/// Serial numbers that are read as days: 1954 to 2064, or four years later with the
/// epoch of 1904. Smaller ones are mostly ages, years and amounts.
pub(crate) const USUAL_SERIALS: std::ops::RangeInclusive<i64> = 20_000..=60_000;

/// Values with which databases and spreadsheets say "no date": the first and last days
/// of SQL Server, Oracle, .NET and Excel. A serial number 0 is Excel's 1900-01-00.
const NO_DATE: [Date; 7] = [
    Date::constant(1, 1, 1),
    Date::constant(1753, 1, 1),
    Date::constant(1899, 12, 30),
    Date::constant(1899, 12, 31),
    Date::constant(1900, 1, 1),
    Date::constant(2999, 12, 31),
    Date::constant(9999, 12, 31),
];
/// The years of dates that can be meant.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;
/// Six digits with an earlier year are a year of two digits, a month and a day:
/// `190312` is a day of 2019.
const FIRST_YEAR_OF_SIX_DIGITS: i16 = 1913;

/// Reads a date in uniform text. Supported are 20240131, 2024/1/31, 2024-01-31, 2024.1.31
/// and 2024年1月31日, each with or without a time; 20240131083000; 202401, 2024-01,
/// 2024.01 and 2024年1月; and serial numbers. A moment with a time zone is its day in China.
///
/// Returns `None` for anything else. 2024.1 may be January, or October that was kept as
/// a number and lost its zero. 24-01-31 and 1/31/2024 have several meanings.
pub fn read(text: &str, epoch: DateEpoch) -> Option<WrittenDate> {
    if let Some(digits) = whole_number(text) {
        return of_digits(digits, epoch);
    }
    let (year, rest) = leading_digits(text);
    if let Some((serial, time)) = text.split_once('.')
        && serial.len() == 5
        && time.bytes().all(|byte| byte.is_ascii_digit())
    {
        // The fraction is the time of day.
        return of_serial(serial, epoch);
    }
    if year.len() != 4 {
        return None;
    }
    let (after_year, rest) = separator(rest, &['-', '/', '.', '年'])?;
    let (month, rest) = leading_digits(rest);
    let is_short = |digits: &str| matches!(digits.len(), 1 | 2);
    if !is_short(month) {
        return None;
    }
    match rest.trim_start() {
        "" if after_year == '.' && month == "1" => return None,
        "" | "月" => return of_month(year, month),
        _ => {}
    }
    let (_, rest) = separator(rest, &['-', '/', '.', '月'])?;
    let (day, rest) = leading_digits(rest);
    if !is_short(day) {
        return None;
    }
    let rest = rest.trim_start_matches(' ');
    let after_day = rest.strip_prefix(['日', '号']);
    if let Some(serial) = rest.strip_prefix('(')
        && let Some(serial) = serial.strip_suffix(')')
        && !serial.is_empty()
        && serial.bytes().all(|byte| byte.is_ascii_digit())
    {
        return match of_parts(year, month, day, Moment::default())? {
            WrittenDate::Day(day) => Some(WrittenDate::Early(day)),
            other => Some(other),
        };
    }
    of_parts(year, month, day, moment(after_day.unwrap_or(rest))?)
}

/// Returns the day that a cell states, `None` if it states none to the day.
pub(crate) fn stated_day(text: &str, epoch: DateEpoch) -> Option<Date> {
    match read(text, epoch)? {
        WrittenDate::Day(day) | WrittenDate::Early(day) => Some(day),
        WrittenDate::Month(_) | WrittenDate::NoDate => None,
    }
}

/// Returns the text for a date cell of a workbook, from which [`read`] reads it again.
/// `day` is the day of its serial number in the workbook's own epoch, as far as the
/// number is one of a day.
///
/// People type eight digits of a date, a year, an age or an amount into cells that
/// happen to have a date format, and formulas put 0 there.
pub(crate) fn of_date_cell(serial: f64, day: (u16, u8, u8)) -> Option<String> {
    /// The serial numbers from which days are written, of 2199-12-31 and of 9999-12-31.
    /// Up to the first, numbers are years, ages and the like.
    const FIRST: f64 = 2_200.0;
    const LAST: f64 = 109_575.0;
    const LAST_OF_ALL: f64 = 2_958_466.0;
    let (year, month, day) = day;
    let iso = format!("{year:04}-{month:02}-{day:02}");
    let is_last_day = matches!((year, month, day), (2999 | 9999, 12, 31));
    if serial >= *USUAL_SERIALS.start() as f64 && serial < LAST
        || serial < LAST_OF_ALL && is_last_day
    {
        Some(iso)
    } else if serial >= FIRST && serial < *USUAL_SERIALS.start() as f64 {
        Some(format!("{iso} ({})", serial.floor()))
    } else {
        None
    }
}

fn of_digits(digits: &str, epoch: DateEpoch) -> Option<WrittenDate> {
    match digits.len() {
        1 => (digits == "0").then_some(WrittenDate::NoDate),
        5 => of_serial(digits, epoch),
        6 => {
            let year: i16 = digits[..4].parse().ok()?;
            (year >= FIRST_YEAR_OF_SIX_DIGITS).then_some(())?;
            of_month(&digits[..4], &digits[4..])
        }
        8 => of_parts(&digits[..4], &digits[4..6], &digits[6..], Moment::default()),
        // With hour and minute, second, millisecond.
        12 | 14 | 17 => {
            let part = |at: usize| digits.get(at..at + 2).unwrap_or("0");
            clock_time(part(8), part(10), part(12))?;
            of_parts(
                &digits[..4],
                &digits[4..6],
                &digits[6..8],
                Moment::default(),
            )
        }
        _ => None,
    }
}

fn of_serial(digits: &str, epoch: DateEpoch) -> Option<WrittenDate> {
    let serial: i64 = digits.parse().ok()?;
    USUAL_SERIALS.contains(&serial).then_some(())?;
    let days = jiff::Span::new().try_days(serial).ok()?;
    let day = epoch.day_zero().checked_add(days).ok()?;
    Some(WrittenDate::Day(day))
}

fn of_month(year: &str, month: &str) -> Option<WrittenDate> {
    let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    YEARS
        .contains(&first.year())
        .then_some(WrittenDate::Month(first))
}

fn of_parts(year: &str, month: &str, day: &str, moment: Moment) -> Option<WrittenDate> {
    let (year, month, day): (i16, i8, i8) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    if matches!((year, month, day), (0, 0, 0) | (1900, 1, 0)) {
        return Some(WrittenDate::NoDate);
    }
    let day = moment.day_in_china(Date::new(year, month, day).ok()?)?;
    if NO_DATE.contains(&day) {
        return Some(WrittenDate::NoDate);
    }
    YEARS.contains(&day.year()).then_some(WrittenDate::Day(day))
}

/// A time of day and the offset of its zone.
#[derive(Clone, Copy, Default)]
struct Moment {
    time: Time,
    /// Seconds east of UTC, if the text names a zone.
    east: Option<i64>,
}

impl Moment {
    /// Returns the day in China on which the moment is; without a zone it is `day`.
    fn day_in_china(self, day: Date) -> Option<Date> {
        let Some(east) = self.east else {
            return Some(day);
        };
        let utc = plus_seconds(day.to_datetime(self.time), -east)?;
        Some(in_china(utc)?.date())
    }
}

fn plus_seconds(moment: DateTime, seconds: i64) -> Option<DateTime> {
    let span = jiff::Span::new().try_seconds(seconds).ok()?;
    moment.checked_add(span).ok()
}

/// Reads what may follow a day: nothing, a weekday, or a time with or without a zone.
fn moment(text: &str) -> Option<Moment> {
    let text = text.strip_prefix(['T', 't']).unwrap_or(text);
    let text = without_weekday(text.trim_start());
    let (text, is_afternoon) = match text.strip_prefix("下午").or(text.strip_prefix("晚上")) {
        Some(rest) => (rest.trim_start(), true),
        None => {
            let morning = ["上午", "中午", "凌晨", "早上"];
            let rest = morning.into_iter().find_map(|word| text.strip_prefix(word));
            (rest.unwrap_or(text).trim_start(), false)
        }
    };
    if text.is_empty() {
        return Some(Moment::default());
    }
    let (hour, rest) = leading_digits(text);
    let (minute, rest) = next_part(rest, &[':', '时', '点']);
    let (second, rest) = next_part(rest, &[':', '分']);
    let rest = rest.strip_prefix('秒').unwrap_or(rest);
    // Fractions of a second.
    let rest = match rest.strip_prefix(['.', ',', ':']) {
        Some(rest) => match leading_digits(rest) {
            ("", _) => return None,
            (_, rest) => rest,
        },
        None => rest,
    };
    let rest = rest.trim_start();
    let (rest, is_evening) = match rest.get(..2) {
        Some(half) if half.eq_ignore_ascii_case("pm") => (&rest[2..], true),
        Some(half) if half.eq_ignore_ascii_case("am") => (&rest[2..], false),
        _ => (rest, false),
    };
    let mut time = clock_time(hour, minute, second)?;
    if (is_afternoon || is_evening) && time.hour() < 12 {
        time = Time::new(time.hour() + 12, time.minute(), time.second(), 0).ok()?;
    }
    Some(Moment {
        time,
        east: zone(rest.trim())?,
    })
}

fn without_weekday(text: &str) -> &str {
    let inner = text.strip_prefix('(').unwrap_or(text);
    let weekday = ["星期", "礼拜", "周"].into_iter().find_map(|word| {
        let rest = inner.strip_prefix(word)?;
        rest.strip_prefix(['一', '二', '三', '四', '五', '六', '日', '天'])
    });
    match weekday {
        Some(rest) => rest.strip_prefix(')').unwrap_or(rest).trim_start(),
        None => text,
    }
}

/// Reads a separator and digits; the digits are empty if there are none.
fn next_part<'t>(text: &'t str, separators: &[char]) -> (&'t str, &'t str) {
    match text.strip_prefix(separators) {
        Some(rest) => leading_digits(rest),
        None => ("", text),
    }
}

/// Returns a time of day; an empty minute or second is 0. 24:00 is 23:59:59, so that the
/// day stays.
fn clock_time(hour: &str, minute: &str, second: &str) -> Option<Time> {
    let number = |digits: &str| match digits.len() {
        0 => Some(0),
        1 | 2 => digits.parse::<i8>().ok(),
        _ => None,
    };
    if hour.is_empty() {
        return None;
    }
    match (number(hour)?, number(minute)?, number(second)?) {
        (24, 0, 0) => Time::new(23, 59, 59, 0).ok(),
        // A leap second.
        (hour, minute, 60) => Time::new(hour, minute, 59, 0).ok(),
        (hour, minute, second) => Time::new(hour, minute, second, 0).ok(),
    }
}

/// Reads a time zone. Returns seconds east of UTC, `Some(None)` without a zone or for
/// China's time, and `None` for anything else.
fn zone(text: &str) -> Option<Option<i64>> {
    let text = match text.strip_prefix("UTC").or(text.strip_prefix("GMT")) {
        Some("") => return Some(Some(0)),
        Some(offset) => offset,
        None => text,
    };
    match text {
        "" | "CST" | "北京时间" => return Some(None),
        "Z" | "z" => return Some(Some(0)),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, rest) = leading_digits(digits);
    let (hours, minutes) = match (hours.len(), rest.strip_prefix(':')) {
        (4, None) if rest.is_empty() => hours.split_at(2),
        (1 | 2, None) if rest.is_empty() => (hours, "0"),
        (1 | 2, Some(minutes)) if minutes.len() == 2 => (hours, minutes),
        _ => return None,
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// Splits a text after its leading digits.
fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

/// Reads one separator with the spaces around it.
fn separator<'t>(text: &'t str, separators: &[char]) -> Option<(char, &'t str)> {
    let text = text.trim_start_matches(' ');
    let separator = text.chars().next().filter(|c| separators.contains(c))?;
    let rest = &text[separator.len_utf8()..];
    Some((separator, rest.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<WrittenDate> {
        read(
            &aidlink_faults::uniform_text::uniform(text),
            DateEpoch::Year1900,
        )
    }

    #[test]
    fn every_form_with_one_meaning_is_read() {
        let day = WrittenDate::Day(Date::constant(2024, 5, 1));
        for text in [
            "20240501",
            "20240501.0",
            "20240501.00",
            "２０２４０５０１",
            "202405010830",
            "20240501083015",
            "20240501235959000",
            "2024/5/1",
            "2024-05-01",
            "2024.5.1",
            "2024.05.01",
            "2024－05－01",
            "2024–5–1",
            "2024年5月1日",
            "2024年05月01日",
            "2024年5月1号",
            "２０２４年５⽉１⽇",
            "2024 年 5 月 1 日",
            "2024 - 5 - 1",
            " 2024年5月1日 ",
            "'2024-05-01",
            "'2024-05-01'",
            "\u{202a}2024-05-01\u{202c}",
            "2024年5月1",
            "2024/5/1 0:00:00",
            "2024-05-01 00:00:00.000",
            "2024-05-01T08:30:00",
            "2024-05-01 8:30",
            "2024-05-01 24:00:00",
            "2024-05-01T00:00:00+08:00",
            "2024-05-01T00:00:00+0800",
            "2024-05-01 00:00:00 CST",
            "2024年5月1日8时30分",
            "2024年5月1日 下午3:20",
            "2024/5/1 3:20:00 PM",
            "2024-05-01 星期三",
            "2024年5月1日（周三）",
            "2024-05-01\u{3000}08:30",
            "45413",
            "45413.0",
            "45413.5",
            "2024-04-30T16:00:00.000Z",
            "2024-04-30T16:00:00Z",
            "2024-05-01T15:59:59Z",
            "2024-04-30 16:00:00 UTC",
            "2024-05-01T01:30:00+09:00",
            "2024-04-30T11:00:00-05:00",
        ] {
            assert_eq!(of(text), Some(day), "{text}");
        }
        let epoch = DateEpoch::Year1904;
        assert_eq!(read("43951", epoch), Some(day));
        let month = Some(WrittenDate::Month(Date::constant(2024, 10, 1)));
        for text in [
            "202410",
            "202410.0",
            "2024-10",
            "2024/10",
            "2024.10",
            "2024年10月",
            "2024 年 10 月",
            "２０２４．１０",
        ] {
            assert_eq!(of(text), month, "{text}");
        }
    }

    #[test]
    fn a_form_with_several_meanings_or_none_is_not_read() {
        for text in [
            "",
            "2024",
            "2024年",
            "24-05-01",
            "24.5.1",
            "5/1/2024",
            "1/5/24",
            "31/1/2024",
            "240501",
            "850505",
            "190312",
            "2024.1",
            "2025.1",
            "2024.10000",
            "2024.00",
            "2024.13",
            "2024-13-01",
            "2024-02-30",
            "20240230",
            "20241301",
            "202413",
            "2024-05-00",
            "2024-05-01 25:00",
            "2024-05-01 至今",
            "2024-05-01至2025-05-01",
            "2024-05-01, 2024-06-01",
            "2024-05-01 待定",
            "2024年5月上旬",
            "昨天",
            "99999",
            "19999",
            "1",
            "0.5",
            "-1",
            "45413-1",
            "1714492800",
            "1714492800000",
            "20240501250000",
            "2024-05-01T00:00:00+25:00",
            "20240501T00",
            "二〇二四年",
            "2204-05-01x",
            "0024-05-01",
            "1850-01-01",
            "2454-02-19",
            "9999-01-01",
            "99990101",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_databases_write_for_no_date_is_no_date() {
        for text in [
            "0",
            "0.0",
            "0000-00-00",
            "0000-00-00 00:00:00",
            "00000000",
            "1900-01-00",
            "1900/1/0",
            "1900-01-01",
            "1900/1/1",
            "19000101",
            "1900-01-01 00:00:00.000",
            "1899-12-30",
            "1899/12/31",
            "0001-01-01",
            "0001-01-01 00:00:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+08:00",
            "1753-01-01",
            "9999-12-31",
            "99991231",
            "9999-12-31 23:59:59",
            "2999-12-31",
            "1899-12-29T16:00:00.000Z",
            "1899-12-31T15:54:17.000Z",
        ] {
            assert_eq!(of(text), Some(WrittenDate::NoDate), "{text}");
        }
        assert_eq!(
            of("2099-12-31"),
            Some(WrittenDate::Day(Date::constant(2099, 12, 31)))
        );
    }

    /// Midnight in China, as JavaScript writes it in UTC.
    #[test]
    fn a_moment_of_a_summer_with_daylight_saving_time_is_its_day() {
        for (text, day) in [
            ("1985-05-04T16:00:00.000Z", (1985, 5, 5)),
            ("1986-05-03T16:00:00.000Z", (1986, 5, 4)),
            ("1986-05-04T15:00:00.000Z", (1986, 5, 5)),
            ("1988-06-30T15:00:00.000Z", (1988, 7, 1)),
            ("1991-09-14T15:00:00.000Z", (1991, 9, 15)),
            ("1991-09-15T15:00:00.000Z", (1991, 9, 15)),
            ("1991-09-15T16:00:00.000Z", (1991, 9, 16)),
            ("1992-06-30T15:00:00.000Z", (1992, 6, 30)),
        ] {
            let day = Date::constant(day.0, day.1, day.2);
            assert_eq!(of(text), Some(WrittenDate::Day(day)), "{text}");
        }
    }

    #[test]
    fn a_number_in_a_date_cell_is_a_day_if_it_can_be_one() {
        let day = |serial: f64| {
            let (year, month, day, ..) =
                calamine::ExcelDateTime::new(serial, calamine::ExcelDateTimeType::DateTime, false)
                    .to_ymd_hms_milli();
            of_date_cell(serial, (year, month, day))
        };
        assert_eq!(day(45_413.0).as_deref(), Some("2024-05-01"));
        assert_eq!(day(45_413.9).as_deref(), Some("2024-05-01"));
        assert_eq!(day(20_000.0).as_deref(), Some("1954-10-03"));
        assert_eq!(day(109_574.0).as_deref(), Some("2199-12-31"));
        assert_eq!(day(2_958_465.0).as_deref(), Some("9999-12-31"));
        let early = day(15_000.5);
        assert_eq!(early.as_deref(), Some("1941-01-24 (15000)"));
        let birthday = Date::constant(1941, 1, 24);
        assert_eq!(
            early.as_deref().and_then(of),
            Some(WrittenDate::Early(birthday))
        );
        assert_eq!(
            stated_day("1941-01-24 (15000)", DateEpoch::Year1900),
            Some(birthday)
        );
        for serial in [
            0.0,
            0.5,
            1.0,
            67.0,
            2024.0,
            202_405.0,
            2_958_466.0,
            20_240_501.0,
            -1.0,
            4.4e17,
        ] {
            assert_eq!(day(serial), None, "{serial}");
        }
    }
}
