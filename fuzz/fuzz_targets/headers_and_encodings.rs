//! Reads any bytes as a text export, with every choice of encoding and date epoch, every
//! shipped schema, and headers assigned by the round file. Reading must end with rows or a
//! fault, and header names must not contain long texts or long numbers.
//!
//! The first byte makes the choices. If it asks for assigned headers, the first line gives
//! them (`header=field`, separated by `;`), and the rest is the file.

#![no_main]

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::{Export, Format};
use aidlink_fuzz::{AS_OF, SCHEMAS, ignore_guarded_panics, write_input};
use aidlink_policy::reading::{DateEpoch, EncodingChoice, ReadingChoice};
use aidlink_policy::schema::ExportSchema;
use libfuzzer_sys::fuzz_target;

const CHOICES: [EncodingChoice; 3] = [
    EncodingChoice::Detect,
    EncodingChoice::Utf8,
    EncodingChoice::Gb18030,
];

/// Returns the choices of the first byte: reading options, schema, and whether the first
/// line assigns headers.
fn choices(first: u8) -> (ReadingChoice, &'static ExportSchema, bool) {
    let first = usize::from(first);
    let epochs = [DateEpoch::Year1900, DateEpoch::Year1904];
    let choice = ReadingChoice {
        encoding: CHOICES[first % 3],
        epoch: epochs[first / 3 % 2],
        ..ReadingChoice::default()
    };
    let has_assigned_headers = first / 6 % 2 == 1;
    let schemas = SCHEMAS.0.len();
    let schema = SCHEMAS.0.values().nth(first / 12 % schemas);
    (
        choice,
        schema.expect("the index is in range"),
        has_assigned_headers,
    )
}

/// Parses `header=field` pairs, separated by `;`.
fn assigned_headers(line: &[u8]) -> Vec<(String, String)> {
    let line = String::from_utf8_lossy(line);
    let pairs = line.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(header, field)| (header.to_owned(), field.to_owned()))
        .collect()
}

/// Whether the bytes have no signature of another format. Other targets read those.
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
    ignore_guarded_panics();
    let Some((first, mut bytes)) = input.split_first() else {
        return;
    };
    let (mut choice, schema, has_assigned_headers) = choices(*first);
    if has_assigned_headers {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len());
        choice.headers = assigned_headers(&bytes[..end]);
        bytes = bytes.get(end + 1..).unwrap_or_default();
    }
    if !is_text(bytes) {
        return;
    }
    let path = write_input(bytes);
    let Ok(mut tables) = Export::open(&path, 0, schema, &choice) else {
        return;
    };
    let export = tables.pop().expect("a text has one table");
    assert_eq!(export.format(), Format::Text);
    for header in &export.columns().headers {
        if has_assigned_headers {
            // The round file may name a header with a date in it.
            continue;
        }
        let digits = header.chars().filter(char::is_ascii_digit).count();
        assert!(
            header.len() <= 200 && digits < 8,
            "a header name is too long or contains a number"
        );
    }
    // A line holds at most one row, and matched columns exist. In UTF-16 a line end has a
    // second byte of zero.
    // Rows that U+000B, U+000C, U+0085, U+2028 or U+2029 separate are rows too: their last bytes
    // in UTF-8 and GB18030 are counted.
    let line_ends = bytes.iter().filter(|byte| {
        matches!(**byte, b'\r' | b'\n' | 0x0b | 0x0c | 0x85 | 0xa8 | 0xa9 | 0x35 | 0x36)
    });
    let lines = line_ends.count() as u64 + 1;
    assert!(export.title_lines() < export.body_line() && export.body_line() <= lines);
    let width = export.columns().headers.len();
    assert!(
        export
            .columns()
            .index
            .values()
            .all(|column| *column < width)
    );
    // A second header and another unit refuse the file only when its rows are read.
    let Ok(report) = inspect(&export, AS_OF, &|_| {}) else {
        return;
    };
    let rejects: u64 = report.rejects.values().map(|rows| rows.count).sum();
    assert!(rejects <= report.counts.rows && report.counts.rows <= lines);
    for rows in report.rejects.values() {
        assert!(
            rows.first_lines
                .iter()
                .all(|line| (export.body_line()..=lines).contains(line))
        );
    }
});
