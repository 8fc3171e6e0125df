//! Tests deadlines with the shipped calendar.

use std::path::Path;

use aidlink_policy::calendar::{Calendar, Deadline};
use jiff::civil::{Date, date};

fn calendar() -> Calendar {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../calendars/china.toml");
    Calendar::read(&path).expect("the shipped calendar is valid")
}

#[test]
fn each_year_has_the_working_days_of_its_notice() {
    let calendar = calendar();
    for (year, expected) in [(2023, 249), (2024, 251), (2025, 248), (2026, 248)] {
        let mut day = date(year, 1, 1);
        let mut count = 0;
        while day.year() == year {
            count += usize::from(calendar.is_working_day(day));
            day = day.tomorrow().expect("in range");
        }
        assert_eq!(count, expected, "{year}");
    }
}

#[test]
fn deadlines_skip_holidays_and_count_make_up_days() {
    let calendar = calendar();
    let checks: [(Date, u32, Date); 7] = [
        (date(2023, 9, 27), 5, date(2023, 10, 10)),
        (date(2024, 2, 8), 5, date(2024, 2, 21)),
        (date(2025, 9, 28), 5, date(2025, 10, 11)),
        (date(2025, 9, 30), 5, date(2025, 10, 14)),
        (date(2026, 2, 13), 5, date(2026, 2, 27)),
        (date(2026, 2, 13), 20, date(2026, 3, 19)),
        (date(2023, 12, 29), 10, date(2024, 1, 15)),
    ];
    for (from, working_days, on) in checks {
        let expected = Deadline {
            on,
            provisional: false,
        };
        assert_eq!(
            calendar.deadline(from, working_days),
            Some(expected),
            "{from}"
        );
    }
}

#[test]
fn a_deadline_that_reaches_into_a_year_without_notice_is_provisional() {
    let calendar = calendar();
    // 2026-12-30 and 31 are working days; in 2027 every weekday counts.
    let deadline = calendar.deadline(date(2026, 12, 29), 5);
    assert_eq!(
        deadline,
        Some(Deadline {
            on: date(2027, 1, 5),
            provisional: true
        })
    );
    assert_eq!(
        calendar
            .deadline(date(2026, 12, 24), 5)
            .map(|d| d.provisional),
        Some(false)
    );
}

#[test]
fn a_deadline_beyond_the_last_date_is_none() {
    assert_eq!(calendar().deadline(Date::MAX, 5), None);
}
