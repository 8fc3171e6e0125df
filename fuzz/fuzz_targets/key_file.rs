//! Reads any bytes as a round key file, public key or signature. A key file must give a key
//! of this round and purpose or be refused without showing the key. A key that was read
//! must be written as it was. No signature may verify.

#![no_main]

use std::path::Path;

use aidlink_agency::key::RoundKey;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::text::Language;
use aidlink_office::signing::{PublicKey, Signature};
use libfuzzer_sys::fuzz_target;

const ROUND: &str = "2026Q3";
const PURPOSE: &str = "joint-screening";

/// Returns the hexadecimal keys after a key prefix. Keys that are the value of `round` or
/// `purpose` are left out, because faults show those values.
fn secrets(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_shown_value = |line: &str| {
        let value = line.strip_prefix("round").or(line.strip_prefix("purpose"));
        value.is_some_and(|value| value.matches('\'').count() == 2)
    };
    let named_lines: Vec<&str> = text.lines().filter(|line| is_shown_value(line)).collect();
    text.split("aidlink-round-key-v2:")
        .skip(1)
        .filter_map(move |after| {
            let secret = after.get(..64)?;
            let is_hex = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_hex && !named_lines.iter().any(|line| line.contains(secret))).then_some(secret)
        })
}

/// Reads the first line as a public key and the rest as a signature.
fn check_signing(text: &str) {
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
            assert!(!verifies, "accepted a signature that nobody made");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_signing(text);
    }
    let path = Path::new("round.key");
    let key = match RoundKey::parse(bytes, path, ROUND, PURPOSE) {
        Ok(key) => key,
        Err(faults) => {
            assert!(faults.iter().next().is_some(), "refused without a fault");
            for fault in faults.iter() {
                let message = fault.render(Language::English);
                assert!(
                    !secrets(bytes).any(|secret| message.contains(secret)),
                    "a fault shows the key"
                );
            }
            return;
        }
    };
    let text = key.to_text();
    let again = RoundKey::parse(text.as_bytes(), path, ROUND, PURPOSE);
    assert!(again.is_ok_and(|again| again.id() == key.id()));
    // A key can be written in one way only, except for the case of letters.
    let hex = text
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches('\'');
    let given = std::str::from_utf8(bytes)
        .expect("a valid key file is text")
        .to_ascii_lowercase();
    assert!(given.contains(hex), "the key is not written as it was read");
    for algorithm in TokenAlgorithm::ALL {
        let _ = key.person_subkey(algorithm);
    }
});
