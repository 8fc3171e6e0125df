//! No cell makes the reading of ID numbers panic, and the quick way says yes
//! only where the careful one does.

#![no_main]

use aidlink_agency::cell;
use aidlink_agency::national_id::NationalId;
use aidlink_policy::reading::DateEpoch;
use libfuzzer_sys::fuzz_target;

const AS_OF: jiff::civil::Date = jiff::civil::Date::constant(2026, 9, 30);

fuzz_target!(|bytes: &[u8]| {
    let quick = NationalId::parse_plain(bytes, AS_OF);
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(quick.is_none());
        return;
    };
    let careful = NationalId::parse(text, AS_OF).ok();
    if let Some(quick) = &quick {
        assert!(careful.as_ref().is_some_and(|careful| {
            careful.id.birth_date() == quick.id.birth_date() && careful.id.sex() == quick.id.sex()
        }));
    }
    if let Some(checked) = &careful {
        let age = checked.id.age_at(AS_OF);
        assert!(age.is_none_or(|age| (0..200).contains(&age)));
    }
    for epoch in [DateEpoch::Year1900, DateEpoch::Year1904] {
        let _ = cell::date(text, epoch);
    }
    // What a list shows holds no run that is an ID number.
    let shown = cell::without_numbers(text, AS_OF);
    for run in shown.split(|c: char| !c.is_ascii_alphanumeric()) {
        assert!(run.len() != 18 || NationalId::parse_plain(run.as_bytes(), AS_OF).is_none());
    }
});
