//! The case parties of a pooled round, looked up for every row of every register.

use aidlink_contract::token::Token;

use crate::national_id::NationalId;
use crate::tokeniser::{Fingerprint, Scratch, Tokeniser};

/// The tokens of the case parties, behind a filter of their ID numbers. Most rows of a
/// register are of nobody in the filter, so no token is made of them.
#[derive(Debug, Default)]
pub struct CaseParties {
    /// One bit for each fingerprint, in sixteen bits or more per case party. It fits in a
    /// core's cache.
    filter: Vec<u64>,
    /// Number of bits of the filter, a power of two, less one.
    mask: u64,
    /// Sorted.
    tokens: Vec<Token>,
}

impl CaseParties {
    /// Creates the set of the persons with these tokens. `fingerprints` are those of the
    /// same persons, by the tokeniser that [`CaseParties::contains`] is called with.
    pub fn new(mut tokens: Vec<Token>, fingerprints: &[Fingerprint]) -> Self {
        tokens.sort_unstable();
        tokens.dedup();
        let bits = (tokens.len() * 16).next_power_of_two().max(64);
        let mut filter = vec![0_u64; bits / 64];
        let mask = bits as u64 - 1;
        for fingerprint in fingerprints {
            let bit = fingerprint.0 & mask;
            filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        CaseParties {
            filter,
            mask,
            tokens,
        }
    }

    /// Returns whether a person is a case party. Their token decides; it is not made if
    /// the filter already says no.
    pub fn contains(&self, id: &NationalId, tokeniser: &Tokeniser, scratch: &mut Scratch) -> bool {
        let bit = tokeniser.fingerprint(id).0 & self.mask;
        let word = self.filter.get((bit / 64) as usize).copied().unwrap_or(0);
        word & (1 << (bit % 64)) != 0
            && self
                .tokens
                .binary_search(&tokeniser.token(id, scratch))
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aidlink_contract::token::TokenAlgorithm;
    use jiff::civil::date;

    use super::*;
    use crate::key::RoundKey;
    use crate::national_id::check_digit;

    /// Returns the number of person `index`: of 18 characters, or of 15 for every fifth.
    fn number(index: u32) -> NationalId {
        let (region, sequence) = (449_901 + index % 10, index / 10 % 1000);
        let year = 1930 + index / 10_000 % 90;
        let written = match index % 5 {
            4 => format!("USA4401{:02}0101{:02}", year % 100, index / 5 % 100),
            _ => {
                let body = format!("{region}{year}0101{sequence:03}");
                let last = check_digit(body.as_bytes()) as char;
                format!("{body}{last}")
            }
        };
        match NationalId::parse(&written, date(2026, 9, 30)) {
            Ok(checked) => checked.id,
            Err(_) => panic!("a valid number was refused"),
        }
    }

    #[test]
    fn whoever_the_plain_way_finds_is_found_and_nobody_else() {
        for (seed, algorithm) in (0..).zip(TokenAlgorithm::ALL) {
            let key = RoundKey::from_bytes([seed; 32]);
            let tokeniser = Tokeniser::new(&key.person_subkey(algorithm));
            let scratch = &mut Scratch::default();
            for parties in [0, 1, 3, 40, 3000] {
                let ids: Vec<NationalId> = (0..parties).map(|index| number(index * 7)).collect();
                let tokens: Vec<Token> =
                    ids.iter().map(|id| tokeniser.token(id, scratch)).collect();
                let fingerprints: Vec<Fingerprint> =
                    ids.iter().map(|id| tokeniser.fingerprint(id)).collect();
                let plain: BTreeSet<Token> = tokens.iter().copied().collect();
                let set = CaseParties::new(tokens, &fingerprints);
                for index in 0..30_000 {
                    let id = number(index);
                    assert_eq!(
                        set.contains(&id, &tokeniser, scratch),
                        plain.contains(&tokeniser.token(&id, scratch)),
                        "person {index} among {parties}"
                    );
                }
            }
        }
    }

    #[test]
    fn nobody_is_in_an_empty_set() {
        let key = RoundKey::from_bytes([7; 32]);
        let tokeniser = Tokeniser::new(&key.person_subkey(TokenAlgorithm::HmacSha256));
        for set in [CaseParties::default(), CaseParties::new(Vec::new(), &[])] {
            assert!(!set.contains(&number(1), &tokeniser, &mut Scratch::default()));
        }
    }
}
