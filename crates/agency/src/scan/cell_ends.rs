//! Finds where the cells of a record without quotes end.
//!
//! Cells are short: a search for the next delimiter costs more to begin than to do. Eight bytes
//! are compared at once instead, and each that is a delimiter is one bit of the result.

/// Bytes that are compared at once.
const WIDTH: usize = size_of::<u64>();
/// The lowest bit of each byte.
const LOWEST: u64 = u64::from_ne_bytes([1; WIDTH]);
/// All bits of each byte but the highest.
const BELOW_HIGHEST: u64 = u64::from_ne_bytes([0x7f; WIDTH]);

/// Puts the position of each delimiter, and then the length of the record, into `ends`.
pub(super) fn find(record: &[u8], delimiter: u8, ends: &mut Vec<usize>) {
    ends.clear();
    let (chunks, rest) = record.as_chunks::<WIDTH>();
    let mut start = 0;
    for chunk in chunks {
        let mut found = equal_bytes(*chunk, delimiter);
        while found != 0 {
            ends.push(start + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
        start += WIDTH;
    }
    let of_rest = rest.iter().enumerate();
    ends.extend(of_rest.filter_map(|(at, byte)| (*byte == delimiter).then_some(start + at)));
    ends.push(record.len());
}

/// Returns the highest bit of each byte that is equal to `byte`, the first byte lowest.
fn equal_bytes(chunk: [u8; WIDTH], byte: u8) -> u64 {
    let differs = u64::from_le_bytes(chunk) ^ LOWEST.wrapping_mul(u64::from(byte));
    // The sum has the highest bit of a byte if another bit of it is set, and carries no further.
    !(((differs & BELOW_HIGHEST) + BELOW_HIGHEST) | differs | BELOW_HIGHEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_delimiter_is_found_and_nothing_else(
            record in proptest::collection::vec(
                prop_oneof![Just(b','), Just(b'-'), Just(b','|0x80), Just(b','^1), any::<u8>()],
                0..80,
            ),
            delimiter in prop_oneof![Just(b','), Just(b'\t'), any::<u8>()],
        ) {
            let mut ends = vec![7];
            find(&record, delimiter, &mut ends);
            let mut expected: Vec<usize> = memchr::memchr_iter(delimiter, &record).collect();
            expected.push(record.len());
            prop_assert_eq!(ends, expected);
        }
    }
}
