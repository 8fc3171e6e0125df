//! The known-answer test of the token algorithm. It runs before any token is made,
//! so that a broken build writes no lists.

use aidlink_contract::token::TokenAlgorithm;
use zeroize::Zeroizing;

use crate::key::PersonSubkey;
use crate::tokeniser::{Scratch, Tokeniser};

/// RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
const RFC_4231_CASE_2: [u8; 16] = [
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
];

/// The same key and data with SM3, as computed by `openssl mac -digest SM3`. A test
/// recomputes it.
const SM3_OF_THE_SAME: [u8; 16] = [
    0x2e, 0x87, 0xf1, 0xd1, 0x68, 0x62, 0xe6, 0xd9, 0x64, 0xb5, 0x0a, 0x52, 0x00, 0xbf, 0x2b, 0x10,
];

/// Returns whether the token algorithm gives the known answer.
pub fn holds(algorithm: TokenAlgorithm) -> bool {
    // HMAC pads a short key with zeros, so this is the key of the RFC.
    let mut key = Zeroizing::new([0; 32]);
    key[..4].copy_from_slice(b"Jefe");
    let tokeniser = Tokeniser::new(&PersonSubkey { key, algorithm });
    let message = b"what do ya want for nothing?";
    let answer = match algorithm {
        TokenAlgorithm::HmacSha256 => RFC_4231_CASE_2,
        TokenAlgorithm::HmacSm3 => SM3_OF_THE_SAME,
    };
    tokeniser.truncated(message, &mut Scratch::default()) == answer
}

#[cfg(test)]
mod tests {
    #[test]
    fn openssl_gives_the_answer_for_sm3() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut openssl = Command::new("openssl")
            .args(["mac", "-digest", "SM3", "-macopt", "key:Jefe", "HMAC"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is installed (package openssl)");
        let mut input = openssl.stdin.take().expect("piped");
        input
            .write_all(b"what do ya want for nothing?")
            .expect("openssl reads");
        drop(input);
        let output = openssl.wait_with_output().expect("openssl ends");
        let hex: String = super::SM3_OF_THE_SAME
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&hex));
    }

    #[test]
    fn the_known_answers_are_given() {
        for algorithm in super::TokenAlgorithm::ALL {
            assert!(super::holds(algorithm), "{}", algorithm.name());
        }
    }
}
