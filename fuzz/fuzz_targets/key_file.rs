//! Whatever a key file holds, it is a key of this round and purpose or is
//! refused; and a key that was read is written as it stood. The same of public
//! keys and signatures of a manifest, which nothing else is signed by.

#![no_main]

use std::path::Path;

use aidlink_agency::key::RoundKey;
use aidlink_faults::text::Language;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_office::signing::{PublicKey, Signature};
use libfuzzer_sys::fuzz_target;

const ROUND: &str = "2026Q3";
const PURPOSE: &str = "joint-screening";

/// What stands as a key behind its prefix. A key that stands as a round or purpose
/// alone, between their two apostrophes, is told as what it seems to be.
fn secrets(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_named = |line: &str| {
        let value = line.strip_prefix("round").or(line.strip_prefix("purpose"));
        value.is_some_and(|value| value.matches('\'').count() == 2)
    };
    let named: Vec<&str> = text.lines().filter(|line| is_named(line)).collect();
    text.split("aidlink-round-key-v2:")
        .skip(1)
        .filter_map(move |after| {
            let secret = after.get(..64)?;
            let is_hex = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_hex && !named.iter().any(|line| line.contains(secret))).then_some(secret)
        })
}

/// A public key in the first line, and a signature in the others.
fn signing(text: &str) {
    let (first, others) = text.split_once('\n').unwrap_or((text, ""));
    let key = PublicKey::parse(first);
    if let Some(key) = &key {
        assert!(PublicKey::parse(&key.to_base64()).is_some_and(|again| again.id() == key.id()));
    }
    for text in [text, others] {
        if let Some(signature) = Signature::parse(text) {
            let _ = (signature.comment(), signature.key_id());
            let verifies = key
                .as_ref()
                .is_some_and(|key| signature.verifies(key, b"nothing"));
            assert!(!verifies, "nobody signed this");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        signing(text);
    }
    let path = Path::new("round.key");
    let key = match RoundKey::parse(bytes, path, ROUND, PURPOSE) {
        Ok(key) => key,
        Err(faults) => {
            assert!(faults.iter().next().is_some(), "refused without a fault");
            for fault in faults.iter() {
                let told = fault.render(Language::English);
                assert!(
                    !secrets(bytes).any(|secret| told.contains(secret)),
                    "the key is told"
                );
            }
            return;
        }
    };
    let text = key.to_text();
    let again = RoundKey::parse(text.as_bytes(), path, ROUND, PURPOSE);
    assert!(again.is_ok_and(|again| again.id() == key.id()));
    // One key has one way of writing it but for small and capital letters.
    let hex = text
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches('\'');
    let given = std::str::from_utf8(bytes)
        .expect("a key file is text")
        .to_ascii_lowercase();
    assert!(given.contains(hex), "the key is written in another way");
    for algorithm in TokenAlgorithm::ALL {
        let _ = key.person_subkey(algorithm);
    }
});
