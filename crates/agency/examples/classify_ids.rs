//! Classifies ID numbers, one a line of standard input, as the validator does:
//! `ok`, or the reason's code. For comparison with other validators; the numbers
//! themselves are not printed.

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
        let careful = NationalId::parse(&line, as_of);
        // The quick way must never say yes where the careful one says no.
        if NationalId::parse_plain(line.as_bytes(), as_of).is_some() && careful.is_err() {
            writeln!(out, "quick and careful differ")?;
            continue;
        }
        match careful {
            Ok(checked) => match checked.warning {
                None => writeln!(out, "ok")?,
                Some(warning) => writeln!(out, "ok {}", warning.code())?,
            },
            Err(fault) => writeln!(out, "{}", fault.code())?,
        }
    }
    out.flush()
}
