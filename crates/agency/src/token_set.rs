//! The set of the case parties' tokens, looked up for every row of every register.

use aidlink_contract::token::Token;

/// A set of tokens. For nearly every token that is not in the set, one bit of a
/// filter that fits in a core's cache is enough to know; the rest takes a binary
/// search.
#[derive(Debug, Default)]
pub struct TokenSet {
    /// Sixteen bits per token, rounded up to a power of two.
    filter: Vec<u64>,
    mask: u64,
    tokens: Vec<Token>,
}

impl TokenSet {
    /// Creates a set of these tokens.
    pub fn new(tokens: &[Token]) -> Self {
        let mut tokens = tokens.to_vec();
        tokens.sort_unstable();
        tokens.dedup();
        let bits = (tokens.len() * 16).next_power_of_two().max(64);
        let mut filter = vec![0_u64; bits / 64];
        let mask = bits as u64 - 1;
        for token in &tokens {
            let bit = hash_of(token) & mask;
            filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        TokenSet {
            filter,
            mask,
            tokens,
        }
    }

    /// Returns whether a token is in the set.
    pub fn contains(&self, token: &Token) -> bool {
        let bit = hash_of(token) & self.mask;
        let word = self.filter.get((bit / 64) as usize).copied().unwrap_or(0);
        word & (1 << (bit % 64)) != 0 && self.tokens.binary_search(token).is_ok()
    }
}

/// Returns the hash of a token: its last eight bytes, since tokens are uniformly
/// distributed.
fn hash_of(token: &Token) -> u64 {
    let mut last = [0; 8];
    last.copy_from_slice(&token.as_bytes()[8..]);
    u64::from_le_bytes(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_exactly_its_tokens() {
        let token = |seed: u64| {
            let digest = blake3::hash(&seed.to_le_bytes());
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&digest.as_bytes()[..16]);
            Token::from_bytes(bytes)
        };
        let inside: Vec<Token> = (0..1000).map(token).collect();
        let set = TokenSet::new(&inside);
        assert!(inside.iter().all(|token| set.contains(token)));
        assert!((1000..20_000).map(token).all(|token| !set.contains(&token)));
        assert!(!TokenSet::new(&[]).contains(&token(0)));
        assert!(!TokenSet::default().contains(&token(0)));
    }
}
