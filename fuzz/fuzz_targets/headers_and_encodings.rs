//! Text of any bytes under every choice of encoding, every shipped schema and a
//! site's own headers ends with rows or a fault; and what is kept of a header
//! is a name, never a text or a long number.
//!
//! The first byte chooses; where it asks for a site's own headers, the first
//! line gives them (`header=field`, several with `;`), and the rest is the file.

#![no_main]

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::{Export, Format};
use aidlink_fuzz::{AS_OF, SCHEMAS, file_of, let_guarded_panics_pass};
use aidlink_policy::reading::{DateEpoch, EncodingChoice, ReadingChoice};
use aidlink_policy::schema::ExportSchema;
use libfuzzer_sys::fuzz_target;

const CHOICES: [EncodingChoice; 3] = [
    EncodingChoice::Detect,
    EncodingChoice::Utf8,
    EncodingChoice::Gb18030,
];

/// What the first byte chooses.
fn choices(first: u8) -> (ReadingChoice, &'static ExportSchema, bool) {
    let first = usize::from(first);
    let epochs = [DateEpoch::Year1900, DateEpoch::Year1904];
    let choice = ReadingChoice {
        encoding: CHOICES[first % 3],
        epoch: epochs[first / 3 % 2],
        ..ReadingChoice::default()
    };
    let has_site_headers = first / 6 % 2 == 1;
    let schemas = SCHEMAS.0.len();
    let schema = SCHEMAS.0.values().nth(first / 12 % schemas);
    (
        choice,
        schema.expect("less than their number"),
        has_site_headers,
    )
}

/// `header=field`, several with `;`.
fn site_headers(line: &[u8]) -> Vec<(String, String)> {
    let line = String::from_utf8_lossy(line);
    let pairs = line.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(header, field)| (header.to_owned(), field.to_owned()))
        .collect()
}

/// Other targets read these.
fn is_text(bytes: &[u8]) -> bool {
    let magics: [&[u8]; 5] = [
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0",
        b"PAR1",
        b"PARE",
    ];
    !magics.iter().any(|magic| bytes.starts_with(magic))
}

fuzz_target!(|input: &[u8]| {
    let_guarded_panics_pass();
    let Some((first, mut bytes)) = input.split_first() else {
        return;
    };
    let (mut choice, schema, has_site_headers) = choices(*first);
    if has_site_headers {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len());
        choice.headers = site_headers(&bytes[..end]);
        bytes = bytes.get(end + 1..).unwrap_or_default();
    }
    if !is_text(bytes) {
        return;
    }
    let path = file_of(bytes);
    let Ok(export) = Export::open(&path, schema, &choice) else {
        return;
    };
    assert_eq!(export.format(), Format::Text);
    for header in &export.columns().headers {
        let digits = header.chars().filter(char::is_ascii_digit).count();
        assert!(
            header.len() <= 200 && digits < 8,
            "a text or number as a header"
        );
    }
    // A line holds one row at most, and a column that was matched is there.
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    assert!(export.title_lines() < export.body_line() && export.body_line() <= lines);
    let width = export.columns().headers.len();
    assert!(
        export
            .columns()
            .index
            .values()
            .all(|column| *column < width)
    );
    let seen = inspect(&export, schema, AS_OF, &|_| {}).expect("the file does not change");
    let rejects: u64 = seen.rejects.values().map(|rows| rows.count).sum();
    assert!(rejects <= seen.counts.rows && seen.counts.rows <= lines);
    for rows in seen.rejects.values() {
        assert!(
            rows.first_lines
                .iter()
                .all(|line| (export.body_line()..=lines).contains(line))
        );
    }
});
