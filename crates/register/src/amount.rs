//! Amounts of money.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first amount that is too large, in fen: 100 million yuan. Amounts have at most ten
/// digits in fen, so that none can be a telephone number or an ID number.
const TOO_LARGE: u64 = 10_000_000_000;

/// An amount in yuan, exact to the fen. In documents a text such as `1200.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u64);

impl Amount {
    /// Returns an amount of so many fen; `None` from 100 million yuan on.
    pub fn of_fen(fen: u64) -> Option<Self> {
        (fen < TOO_LARGE).then_some(Amount(fen))
    }

    /// Returns it in fen.
    pub fn fen(self) -> u64 {
        self.0
    }

    /// Reads an amount in yuan: digits, and up to two decimals. `None` for every other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (yuan, decimals) = text.split_once('.').unwrap_or((text, "00"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(yuan) || !digits(decimals) || decimals.len() > 2 || yuan.len() > 8 {
            return None;
        }
        let fen: u64 = decimals.parse().ok()?;
        let fen = if decimals.len() == 1 { fen * 10 } else { fen };
        Amount::of_fen(yuan.parse::<u64>().ok()? * 100 + fen)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (yuan, 0) => write!(formatter, "{yuan}"),
            (yuan, fen) => write!(formatter, "{yuan}.{fen:02}"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Amount::parse(&text).ok_or_else(|| serde::de::Error::custom("not an amount in yuan"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_to_the_fen() {
        for (text, fen) in [
            ("0", 0),
            ("1200", 120_000),
            ("1200.5", 120_050),
            ("0.05", 5),
        ] {
            assert_eq!(Amount::parse(text).map(Amount::fen), Some(fen), "{text}");
        }
        assert_eq!(
            Amount::parse("99999999.99").map(Amount::fen),
            Some(TOO_LARGE - 1)
        );
        for other in [
            "",
            ".",
            "1.",
            ".5",
            "1.234",
            "-1",
            "1e3",
            "１２",
            "1,200",
            "100000000",
            "13800001234",
        ] {
            assert_eq!(Amount::parse(other), None, "{other}");
        }
        for text in ["0", "1200", "1200.50", "0.05"] {
            assert_eq!(
                Amount::parse(text)
                    .map(|amount| amount.to_string())
                    .as_deref(),
                Some(text)
            );
        }
    }
}
