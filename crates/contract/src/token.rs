//! The token: the only identifier of a person that the centre sees.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// How tokens are made. Round files, key derivation and token files record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// HMAC (FIPS 198-1) with SHA-256 (FIPS 180-4).
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SM3 (GB/T 32905-2016), which a cryptography assessment under
    /// GB/T 39786 expects.
    #[serde(rename = "hmac-sm3")]
    HmacSm3,
}

impl TokenAlgorithm {
    /// Every algorithm.
    pub const ALL: [TokenAlgorithm; 2] = [TokenAlgorithm::HmacSha256, TokenAlgorithm::HmacSm3];

    /// Returns the name that round files and token files use.
    pub fn name(self) -> &'static str {
        match self {
            TokenAlgorithm::HmacSha256 => "hmac-sha256",
            TokenAlgorithm::HmacSm3 => "hmac-sm3",
        }
    }

    /// Returns the algorithm with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// 128 bits that identify one person within one round: HMAC over the
/// normalised ID number under the round's `person` subkey, truncated
/// (NIST SP 800-107r1, 5.3.3 allows truncation to the leftmost bits).
///
/// A key holder can enumerate all possible ID numbers, so a token is
/// de-identified, not anonymous (Personal Information Protection Law, 73).
/// For the same reason `Debug` prints none of its bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; Token::LENGTH]);

impl Token {
    /// Length of a token in bytes.
    pub const LENGTH: usize = 16;

    /// Creates a token from its bytes.
    pub fn from_bytes(bytes: [u8; Token::LENGTH]) -> Self {
        Token(bytes)
    }

    /// Returns the bytes as they are stored in a token file.
    pub fn as_bytes(&self) -> &[u8; Token::LENGTH] {
        &self.0
    }
}

/// The order of the bytes. As one number they compare faster than one by one, and joins compare
/// every token.
impl Ord for Token {
    fn cmp(&self, other: &Self) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for Token {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(..)")
    }
}
