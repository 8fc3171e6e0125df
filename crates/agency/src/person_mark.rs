//! The mark of a person within a round: what the numbers on the procuratorate's lists are
//! made of. It is a MAC of the person's token under a subkey of its own, so that lists
//! show nothing of a token.

use aidlink_contract::token::Token;

use crate::key::MarkSubkey;
use crate::tokeniser::{Scratch, Tokeniser};

/// Makes the marks of a round.
pub struct PersonMarker(Tokeniser);

/// 128 bits that identify a person within a round. The same key and ID number give the
/// same mark, whatever else an export says of the person.
///
/// `Debug` prints none of its bits: lists show its beginning beside a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonMark([u8; Token::LENGTH]);

impl PersonMarker {
    /// Creates the marker of a round.
    pub fn new(subkey: &MarkSubkey) -> Self {
        PersonMarker(Tokeniser::new(&subkey.0))
    }

    /// Returns the mark of a person: the left 16 bytes of the MAC of the token.
    pub fn mark(&self, token: &Token, scratch: &mut Scratch) -> PersonMark {
        PersonMark(self.0.truncated(token.as_bytes(), scratch))
    }
}

impl PersonMark {
    /// Creates a mark from its bytes.
    pub fn from_bytes(bytes: [u8; Token::LENGTH]) -> Self {
        PersonMark(bytes)
    }

    /// Returns its bytes.
    pub fn as_bytes(&self) -> &[u8; Token::LENGTH] {
        &self.0
    }
}

impl std::fmt::Debug for PersonMark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PersonMark(..)")
    }
}

#[cfg(test)]
mod tests {
    use aidlink_contract::token::TokenAlgorithm;

    use super::*;
    use crate::key::RoundKey;

    #[test]
    fn marks_depend_on_token_key_and_algorithm_and_are_no_tokens() {
        let token = Token::from_bytes([7; Token::LENGTH]);
        let other = Token::from_bytes([8; Token::LENGTH]);
        let mut marks = Vec::new();
        for key in [[1; 32], [2; 32]] {
            let key = RoundKey::from_bytes(key);
            for algorithm in TokenAlgorithm::ALL {
                let marker = PersonMarker::new(&key.mark_subkey(algorithm));
                let tokeniser = Tokeniser::new(&key.person_subkey(algorithm));
                let scratch = &mut Scratch::default();
                for token in [token, other] {
                    let mark = marker.mark(&token, scratch);
                    assert_eq!(mark, marker.mark(&token, scratch));
                    marks.push(mark);
                    // Under the subkey of tokens it would be another value.
                    let under_tokens = tokeniser.truncated(token.as_bytes(), scratch);
                    marks.push(PersonMark(under_tokens));
                }
            }
        }
        let all = marks.len();
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), all);
        assert_eq!(format!("{:?}", marks[0]), "PersonMark(..)");
    }

    /// With OpenSSL 3: `openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:0101...
    /// -kdfopt info:"aidlink v2 person number hmac-sha256; round r; purpose p" HKDF`, then
    /// `openssl mac -digest SHA256 -macopt hexkey:SUBKEY HMAC` of sixteen bytes 07.
    #[test]
    fn openssl_gives_the_same_mark() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let openssl = |arguments: &[&str], input: &[u8]| -> String {
            let mut child = Command::new("openssl")
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("openssl is installed (package openssl)");
            let mut stdin = child.stdin.take().expect("piped");
            stdin.write_all(input).expect("openssl reads");
            drop(stdin);
            let output = child.wait_with_output().expect("openssl ends");
            assert!(output.status.success());
            let text = String::from_utf8_lossy(&output.stdout);
            text.replace([':', '\n', ' '], "").to_lowercase()
        };
        let key = RoundKey::from_bytes([1; 32]);
        for algorithm in TokenAlgorithm::ALL {
            let info = format!(
                "info:aidlink v2 person number {}; round r; purpose p",
                algorithm.name()
            );
            let hexkey = format!("hexkey:{}", "01".repeat(32));
            let subkey = openssl(
                &[
                    "kdf",
                    "-keylen",
                    "32",
                    "-kdfopt",
                    "digest:SHA256",
                    "-kdfopt",
                    &hexkey,
                    "-kdfopt",
                    &info,
                    "HKDF",
                ],
                b"",
            );
            let digest = match algorithm {
                TokenAlgorithm::HmacSha256 => "SHA256",
                TokenAlgorithm::HmacSm3 => "SM3",
            };
            let hexkey = format!("hexkey:{subkey}");
            let mac = ["mac", "-digest", digest, "-macopt", &hexkey, "HMAC"];
            let mac = openssl(&mac, &[7; 16]);
            let marker = PersonMarker::new(&key.mark_subkey(algorithm));
            let mark = marker.mark(&Token::from_bytes([7; 16]), &mut Scratch::default());
            assert_eq!(hex::encode(mark.as_bytes()), mac[..32]);
        }
    }
}
