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
    if let Ok(export) = Export::open(&path, schema, &ReadingChoice::default()) {
        let _ = inspect(&export, schema, AS_OF, &|_| {});
    }
});
