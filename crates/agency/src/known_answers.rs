//! Known-answer test of the token algorithm, run before any token is made:
//! a broken build must not write a list.

use crate::tokeniser::{keyed, truncated};

/// RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
const RFC_4231_CASE_2: [u8; 16] = [
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
];

/// Whether HMAC-SHA-256 gives the published answer.
pub fn hmac_sha256_holds() -> bool {
    truncated(&keyed(b"Jefe"), b"what do ya want for nothing?") == RFC_4231_CASE_2
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_answer_is_given() {
        assert!(super::hmac_sha256_holds());
    }
}
