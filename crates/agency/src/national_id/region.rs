//! Region codes of GB/T 2260: an old prefix is a warning, never an error,
//! since a number keeps the code of the place and day it was given.

use std::sync::LazyLock;

/// How a region code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionStanding {
    /// In force, or a prefix that is no region (permits, foreign IDs).
    Current,
    /// Dropped since.
    Old,
    /// In no list known here.
    Unknown,
}

static CURRENT: LazyLock<Vec<u32>> = LazyLock::new(|| codes(include_str!("region_codes.txt")));
static OLD: LazyLock<Vec<u32>> =
    LazyLock::new(|| codes(include_str!("historical_region_codes.txt")));

fn codes(list: &str) -> Vec<u32> {
    let mut codes: Vec<u32> = list
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    codes.sort_unstable();
    codes
}

/// The standing of six ASCII digits.
pub(super) fn standing(digits: &[u8]) -> RegionStanding {
    if matches!(digits, [b'8', b'1'..=b'3', ..] | [b'9', ..]) {
        return RegionStanding::Current;
    }
    let code = digits
        .iter()
        .fold(0_u32, |code, digit| code * 10 + u32::from(digit - b'0'));
    if CURRENT.binary_search(&code).is_ok() {
        RegionStanding::Current
    } else if OLD.binary_search(&code).is_ok() {
        RegionStanding::Old
    } else {
        RegionStanding::Unknown
    }
}
