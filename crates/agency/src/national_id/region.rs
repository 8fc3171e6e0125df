//! Region codes of GB/T 2260. An old region code is a warning, never an error,
//! because a number keeps the code that was in force when it was issued.

use std::sync::LazyLock;

/// Whether a region code is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionStanding {
    /// In force, or the prefix of a permit or foreign ID, which is not a region.
    Current,
    /// Abolished.
    Old,
    /// Not in the lists that this program has.
    Unknown,
}

static CURRENT: LazyLock<Codes> = LazyLock::new(|| Codes::new(include_str!("region_codes.txt")));
static OLD: LazyLock<Codes> =
    LazyLock::new(|| Codes::new(include_str!("historical_region_codes.txt")));

/// A set of six-digit codes. It has one bit per code, because every row looks one
/// up.
struct Codes(Vec<u64>);

impl Codes {
    fn new(list: &str) -> Self {
        let mut bits = vec![0; 1_000_000 / 64 + 1];
        for code in list
            .lines()
            .filter_map(|line| line.trim().parse::<usize>().ok())
        {
            if let Some(word) = bits.get_mut(code / 64) {
                *word |= 1_u64 << (code % 64);
            }
        }
        Codes(bits)
    }

    fn contains(&self, code: usize) -> bool {
        let word = self.0.get(code / 64).copied().unwrap_or(0);
        word & (1 << (code % 64)) != 0
    }
}

/// Looks up a region code of six ASCII digits.
pub(super) fn standing(digits: &[u8]) -> RegionStanding {
    if matches!(digits, [b'8', b'1'..=b'3', ..] | [b'9', ..]) {
        return RegionStanding::Current;
    }
    let code = digits
        .iter()
        .fold(0_usize, |code, digit| code * 10 + usize::from(digit - b'0'));
    if CURRENT.contains(code) {
        RegionStanding::Current
    } else if OLD.contains(code) {
        RegionStanding::Old
    } else {
        RegionStanding::Unknown
    }
}
