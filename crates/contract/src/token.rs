//! The token: all that the centre ever sees of a person.

/// 128 bits that stand for one person within one round: HMAC over the
/// normalised ID number under the round's `person` subkey, truncated
/// (NIST SP 800-107r1, 5.3.3 allows truncation to the leftmost bits).
///
/// Whoever holds the key can enumerate all possible ID numbers, so a token is
/// de-identified, not anonymous (Personal Information Protection Law, 73).
/// It is therefore not printed either: `Debug` shows no bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; Token::LENGTH]);

impl Token {
    /// Bytes of a token.
    pub const LENGTH: usize = 16;

    /// The token with these bytes.
    pub fn from_bytes(bytes: [u8; Token::LENGTH]) -> Self {
        Token(bytes)
    }

    /// The bytes, as a token file holds them.
    pub fn as_bytes(&self) -> &[u8; Token::LENGTH] {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(..)")
    }
}
