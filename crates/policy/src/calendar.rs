//! Working days and deadlines.
//!
//! A period of n working days excludes its first day (Civil Code 201, Criminal
//! Procedure Law 105), days off and weekends. It includes make-up working days
//! (SG 五(一): 五日之内 means working days).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::{Date, Weekday};

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION};
use aidlink_faults::fault::{Fault, Faults, Place};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;

/// The days off and make-up working days of the years whose notice is known.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    digest: String,
    years: BTreeMap<i16, Year>,
}

#[derive(Clone, Debug, Default)]
struct Year {
    holidays: BTreeSet<Date>,
    make_up_working_days: BTreeSet<Date>,
}

/// The last day of a period, with a mark if it may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The last day of the period.
    pub on: Date,
    /// The period reaches into a year whose notice is not in the calendar, so
    /// only that year's weekends were treated as days off.
    pub provisional: bool,
}

impl Calendar {
    /// Reads a calendar file (`calendars/china.toml`).
    ///
    /// # Errors
    /// Every fault of the file at once, each with its place.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        Calendar::parse(path, regular_file::read(path, LARGEST_CONFIGURATION)?)
    }

    /// Parses the content of a calendar file. `path` is used in messages.
    ///
    /// # Errors
    /// As [`Calendar::read`].
    pub fn parse(path: &Path, content: Vec<u8>) -> Result<Self, Faults> {
        let document = Document::of_bytes(path, content)?;
        let mut faults = document.syntax_faults();
        let mut calendar = Calendar {
            digest: document.digest().to_owned(),
            ..Calendar::default()
        };
        let mut root = document.root();
        for mut table in root.tables("year", &mut faults) {
            let number = table.integer("year", &mut faults);
            table.optional_string("source", &mut faults);
            let holidays = table.dates("holidays", &mut faults);
            let make_up = table.dates("make_up_working_days", &mut faults);
            let Some(number) = number else {
                table.finish(&mut faults);
                continue;
            };
            let mut year = Year::default();
            for (day, kind) in holidays
                .iter()
                .map(|day| (day, true))
                .chain(make_up.iter().map(|day| (day, false)))
            {
                if i64::from(day.value.year()) != number {
                    faults.push(document.fault(
                        day.at.clone(),
                        Text::new(
                            format!("日期 {} 不属于{number}年", day.value),
                            format!("the date {} is not in the year {number}", day.value),
                        ),
                        Text::new("请移到相应年份", "move it to the table of its year"),
                    ));
                } else if kind {
                    year.holidays.insert(day.value);
                } else {
                    year.make_up_working_days.insert(day.value);
                }
            }
            if let Some(both) = year
                .holidays
                .intersection(&year.make_up_working_days)
                .next()
            {
                faults.push(table.fault_here(
                    Text::new(
                        format!("{both} 同时列为放假日和补班日"),
                        format!("{both} is listed both as a day off and as a make-up working day"),
                    ),
                    Text::new(
                        "请对照放假通知删去其一",
                        "check the notice and remove one of them",
                    ),
                ));
            }
            if let Ok(number) = i16::try_from(number) {
                calendar.years.insert(number, year);
            }
            table.finish(&mut faults);
        }
        root.finish(&mut faults);
        if calendar.years.is_empty() && faults.is_empty() {
            faults.push(
                Fault::of_file(
                    path,
                    Text::new("日历中没有年份", "the calendar has no year"),
                    Text::new("请添加 [[year]]", "add a [[year]] table"),
                )
                .at(Place::LineColumn { line: 1, column: 1 }),
            );
        }
        faults.or_value(Some(calendar))
    }

    /// Returns the BLAKE3 digest of the file, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns whether the notice for a year is in the calendar.
    pub fn covers(&self, year: i16) -> bool {
        self.years.contains_key(&year)
    }

    /// Returns whether a day is a working day; in a year without a notice,
    /// whether it is a weekday.
    pub fn is_working_day(&self, day: Date) -> bool {
        let weekday = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        match self.years.get(&day.year()) {
            None => weekday,
            Some(year) => {
                year.make_up_working_days.contains(&day)
                    || (weekday && !year.holidays.contains(&day))
            }
        }
    }

    /// Returns the day on which a period of `working_days` that begins on `from`
    /// ends; `None` only beyond the last representable date (in the year 9999).
    pub fn deadline(&self, from: Date, working_days: u32) -> Option<Deadline> {
        let mut on = from;
        let mut left = working_days;
        let mut provisional = !self.covers(from.year());
        while left > 0 {
            on = on.tomorrow().ok()?;
            provisional |= !self.covers(on.year());
            if self.is_working_day(on) {
                left -= 1;
            }
        }
        Some(Deadline { on, provisional })
    }
}
