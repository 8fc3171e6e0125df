//! Checks digests and key ids in files from other offices. These values may be
//! shown to users, so the checks keep any other text from reaching a list, a
//! terminal or a log.

/// Number of hexadecimal digits in a BLAKE3 digest.
const DIGEST: usize = 64;
/// Number of hexadecimal digits in a key id.
const KEY_ID: usize = 16;

/// Returns whether a text is a BLAKE3 digest: 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    is_hexadecimal(text, DIGEST)
}

/// Returns whether a text is a key id: 16 lower-case hexadecimal digits.
pub fn is_key_id(text: &str) -> bool {
    is_hexadecimal(text, KEY_ID)
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_digits_of_the_right_length_are_accepted() {
        assert!(is_digest(&"0123456789abcdef".repeat(4)));
        assert!(is_key_id("0123456789abcdef"));
        for text in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789ABCDEF",
        ] {
            assert!(!is_key_id(text) && !is_digest(&text.repeat(4)), "{text}");
        }
        // The right number of bytes, but not all of them hexadecimal digits.
        for text in ["四四九九1234", "0123456789abcde\n", "449901199001011X"] {
            assert!(!is_key_id(text), "{text}");
        }
    }
}
