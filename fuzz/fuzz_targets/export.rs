//! Opens and reads any bytes as an export: text in any encoding, gzip, zip, workbooks,
//! Parquet. Reading must end with rows or a fault.

#![no_main]

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::Export;
use aidlink_fuzz::{AS_OF, ignore_guarded_panics, schema, write_input};
use aidlink_policy::reading::ReadingChoice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    ignore_guarded_panics();
    let path = write_input(bytes);
    let schema = schema("veterans.persons");
    let choice = ReadingChoice::default();
    for export in Export::open(&path, 0, schema, &choice).into_iter().flatten() {
        let _ = inspect(&export, AS_OF, &|_| {});
    }
});
