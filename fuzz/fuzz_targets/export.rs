//! Whatever a file holds, opening and reading it as an export ends with rows or
//! a fault: text in any encoding, gzip, zip, workbooks, Parquet.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::{Export, ReadingChoice};
use aidlink_contract::guarded::is_guarded;
use aidlink_contract::schema::ExportSchema;
use libfuzzer_sys::fuzz_target;

const AS_OF: jiff::civil::Date = jiff::civil::Date::constant(2026, 9, 30);

static SCHEMA: LazyLock<ExportSchema> = LazyLock::new(|| {
    let text = include_bytes!("../../schemas/veterans.persons.json");
    ExportSchema::parse(Path::new("veterans.persons.json"), text).expect("the shipped schema")
});

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// libFuzzer ends at every panic; those that are caught and told as a damaged
/// file are none of ours.
static HOOK: LazyLock<()> = LazyLock::new(|| {
    let fatal = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_guarded() {
            fatal(panic);
        }
    }));
});

fuzz_target!(|bytes: &[u8]| {
    LazyLock::force(&HOOK);
    let path: PathBuf = FOLDER.path().join("export");
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    if let Ok(export) = Export::open(&path, &SCHEMA, &ReadingChoice::default()) {
        let _ = inspect(&export, &SCHEMA, AS_OF, &|_| {});
    }
});
