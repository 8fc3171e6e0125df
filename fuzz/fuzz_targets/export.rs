//! Whatever a file holds, opening and reading it as an export ends with rows or
//! a fault: text in any encoding, gzip, zip, workbooks, Parquet.

#![no_main]

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::Export;
use aidlink_fuzz::{AS_OF, file_of, let_guarded_panics_pass, schema};
use aidlink_policy::reading::ReadingChoice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let_guarded_panics_pass();
    let path = file_of(bytes);
    let schema = schema("veterans.persons");
    if let Ok(export) = Export::open(&path, schema, &ReadingChoice::default()) {
        let _ = inspect(&export, schema, AS_OF, &|_| {});
    }
});
