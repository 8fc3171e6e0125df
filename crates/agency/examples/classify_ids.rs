//! Reads ID numbers, one per line, from standard input. Prints `ok` or the code of
//! the reason for each, for comparison with other validators. Does not print the
//! numbers.

use std::io::{BufRead, BufWriter, Write};

use aidlink_agency::national_id::NationalId;

fn main() -> std::io::Result<()> {
    let as_of = match std::env::args().nth(1).map(|date| date.parse()) {
        Some(Ok(date)) => date,
        _ => {
            eprintln!("usage: classify_ids AS_OF_DATE < numbers");
            std::process::exit(2);
        }
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let full = NationalId::parse(&line, as_of);
        // The fast path must never accept a number that the full parser refuses.
        if NationalId::parse_plain(line.as_bytes(), as_of).is_some() && full.is_err() {
            writeln!(out, "the fast path and the full parser differ")?;
            continue;
        }
        match full {
            Ok(checked) => match checked.warning {
                None => writeln!(out, "ok")?,
                Some(warning) => writeln!(out, "ok {}", warning.code())?,
            },
            Err(fault) => writeln!(out, "{}", fault.code())?,
        }
    }
    out.flush()
}
