//! Digests and key ids as the files of the wire write them. What comes from
//! another office and may be shown is checked here first, so that no other text
//! gets to a list, a terminal or a log by it.

/// Hexadecimal digits of a BLAKE3 digest.
const DIGEST: usize = 64;
/// Hexadecimal digits of a key id.
const KEY_ID: usize = 16;

/// Whether a text is a BLAKE3 digest: 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    is_hexadecimal(text, DIGEST)
}

/// Whether a text is a key id: 16 lower-case hexadecimal digits.
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
    fn only_lower_case_digits_of_the_right_number_count() {
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
        // As many bytes, and as many digits with something else among them.
        for text in ["四四九九1234", "0123456789abcde\n", "449901199001011X"] {
            assert!(!is_key_id(text), "{text}");
        }
    }
}
