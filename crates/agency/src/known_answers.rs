//! Known-answer test of the token algorithm, run before any token is made:
//! a broken build must not write a list.

use zeroize::Zeroizing;

use crate::key::PersonSubkey;
use crate::tokeniser::{Scratch, Tokeniser};

/// RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
const RFC_4231_CASE_2: [u8; 16] = [
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
];

/// Whether tokens are made as the published answer says.
pub fn hmac_sha256_holds() -> bool {
    // HMAC fills a short key up with zeros, so this is the key of the RFC.
    let mut key = Zeroizing::new([0; 32]);
    key[..4].copy_from_slice(b"Jefe");
    let tokeniser = Tokeniser::new(&PersonSubkey(key));
    let message = b"what do ya want for nothing?";
    tokeniser.truncated(message, &mut Scratch::default()) == RFC_4231_CASE_2
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_answer_is_given() {
        assert!(super::hmac_sha256_holds());
    }
}
