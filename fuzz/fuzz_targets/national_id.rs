//! Reads any bytes as an ID number and a date. Parsing must not panic, the fast parser must
//! accept only what the full parser accepts, and text for lists must not contain a valid
//! ID number.

#![no_main]

use aidlink_agency::cell;
use aidlink_agency::national_id::NationalId;
use aidlink_policy::reading::DateEpoch;
use libfuzzer_sys::fuzz_target;

const AS_OF: jiff::civil::Date = jiff::civil::Date::constant(2026, 9, 30);

fuzz_target!(|bytes: &[u8]| {
    let fast = NationalId::parse_plain(bytes, AS_OF);
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(fast.is_none());
        return;
    };
    let full = NationalId::parse(text, AS_OF).ok();
    if let Some(fast) = &fast {
        assert!(full.as_ref().is_some_and(|full| {
            full.id.birth_date() == fast.id.birth_date() && full.id.sex() == fast.id.sex()
        }));
    }
    if let Some(checked) = &full {
        let age = checked.id.age_at(AS_OF);
        assert!(age.is_none_or(|age| (0..200).contains(&age)));
    }
    for epoch in [DateEpoch::Year1900, DateEpoch::Year1904] {
        let _ = cell::date::read(text, epoch);
    }
    // Text shown on lists must not contain a valid ID number.
    let shown = cell::without_numbers(text, AS_OF);
    for run in shown.split(|c: char| !c.is_ascii_alphanumeric()) {
        assert!(run.len() != 18 || NationalId::parse_plain(run.as_bytes(), AS_OF).is_none());
    }
});
