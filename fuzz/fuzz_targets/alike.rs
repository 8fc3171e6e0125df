//! Judges the rows of a text export in two ways: each row, and rows that no rule can tell apart
//! once. Both must say the same, with blocks of any size. The first byte chooses the schema, the
//! next two the size of a block.

#![no_main]

use aidlink_agency::scan::pass::Pass;
use aidlink_agency::scan::{Export, Format};
use aidlink_agency::tokenise::{Way, preview_by};
use aidlink_fuzz::{AS_OF, POLICY, SCHEMAS, ignore_guarded_panics, write_input};
use aidlink_policy::reading::ReadingChoice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &[u8])| {
    ignore_guarded_panics();
    let (schema, block_bytes, bytes) = input;
    let schemas = SCHEMAS.0.values();
    let schema = schemas.cycle().nth(usize::from(schema));
    let schema = schema.expect("there are schemas");
    let path = write_input(bytes);
    let Ok(exports) = Export::open(&path, 0, schema, &ReadingChoice::default()) else {
        return;
    };
    if exports.iter().any(|export| export.format() != Format::Text) {
        return;
    }
    // Blocks so small that most rows are in one that begins when others are known.
    let pass = Pass::Fast {
        block_bytes: usize::from(block_bytes % 2048).max(1),
    };
    let told = |by| match preview_by(by, &exports, schema, &POLICY, AS_OF, &|_| {}) {
        Ok(preview) => format!("{preview:?}"),
        // Which of two faults is met first depends on the blocks.
        Err(_) => "a fault".to_owned(),
    };
    assert!(told((Way::Plain, Pass::DEFAULT)) == told((Way::Alike, pass)));
});
