//! Measures a lower bound for the time of a round: hashing alone. Reads and digests
//! every file and makes one token of a constant ID number for each line, on all
//! threads. Splits, parses and looks up nothing.

use std::io::Read;
use std::time::Instant;

use aidlink_agency::key::RoundKey;
use aidlink_agency::national_id::NationalId;
use aidlink_agency::tokeniser::{Scratch, Tokeniser};
use aidlink_contract::token::TokenAlgorithm;
use jiff::civil::date;
use rayon::prelude::*;

const BLOCK: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key_file = std::env::temp_dir().join(format!("hashing-bound-{}.key", std::process::id()));
    let key = RoundKey::create(&key_file, "bound", "bound");
    let Ok(key) = key else {
        return Err("cannot create a key".into());
    };
    std::fs::remove_file(&key_file)?;
    let tokeniser = Tokeniser::new(&key.person_subkey(TokenAlgorithm::HmacSha256));
    let checked = NationalId::parse_plain(b"44990119900101011X", date(2026, 9, 30));
    let checked = checked.ok_or("the number is not valid")?;
    let started = Instant::now();
    let mut lines = 0;
    let mut folded = 0_u8;
    for path in std::env::args().skip(1) {
        let mut file = std::fs::File::open(path)?;
        let mut digest = blake3::Hasher::new();
        let mut read_batch = || -> std::io::Result<Vec<Vec<u8>>> {
            let mut batch = Vec::new();
            for _ in 0..rayon::current_num_threads() * 4 {
                let mut block = Vec::with_capacity(BLOCK);
                (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
                if block.is_empty() {
                    break;
                }
                digest.update(&block);
                batch.push(block);
            }
            Ok(batch)
        };
        let mut batch = read_batch()?;
        while !batch.is_empty() {
            let (next, hashed) = rayon::join(&mut read_batch, || {
                batch
                    .par_iter()
                    .map(|block| {
                        let mut scratch = Scratch::default();
                        let lines = block.iter().filter(|byte| **byte == b'\n').count();
                        let folded = (0..lines).fold(0, |folded, _| {
                            folded ^ tokeniser.token(&checked.id, &mut scratch).as_bytes()[0]
                        });
                        (lines, folded)
                    })
                    .reduce(|| (0, 0), |one, other| (one.0 + other.0, one.1 ^ other.1))
            });
            lines += hashed.0;
            folded ^= hashed.1;
            batch = next?;
        }
        folded ^= digest.finalize().as_bytes()[0];
    }
    let seconds = started.elapsed().as_secs_f64();
    use std::io::Write;
    writeln!(
        std::io::stdout(),
        "{{\"lines\": {lines}, \"seconds\": {seconds:.3}, \"folded\": {folded}}}"
    )?;
    Ok(())
}
