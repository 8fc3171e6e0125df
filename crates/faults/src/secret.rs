//! Blacks out text that may be a key. A field of a file may hold a key by mistake, or
//! because the file is another one than it seems, such as an identity file under the name
//! of a round file.
//!
//! The search goes by form: 32 or more letters and digits in a row, or `+` and `=`, with a
//! digit among them. Every key that aidlink reads has this form: a round key (64
//! hexadecimal digits), an age identity, a minisign secret key. With such a row, what is
//! connected to it by a `/` is blacked out too, because base64 has this sign; a path seldom
//! has such a long part. Public keys of minisign and recipients of age are recognised by
//! their prefix and length and stay, because users must compare and copy them.

use std::borrow::Cow;

/// The fewest characters of a key: 128 bits in hexadecimal.
const SHORTEST: usize = 32;

/// Replaces a key.
const MARK: &str = "***";

/// Returns the text with everything that has the form of a key replaced by `***`. The
/// result is never longer than the text.
///
/// ```
/// # use aidlink_faults::secret::black_out_secrets;
/// let key = "0123456789abcdef".repeat(4);
/// assert_eq!(black_out_secrets(&format!("round `{key}`")), "round `***`");
/// assert_eq!(black_out_secrets("civil-affairs.assistance"), "civil-affairs.assistance");
/// ```
pub fn black_out_secrets(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut copied = 0;
    let mut at = 0;
    for run in text.split(|c: char| !is_of_key(c)) {
        let end = at + run.len();
        if is_secret(run) {
            shown.push_str(&text[copied..at]);
            shown.push_str(MARK);
            copied = end;
        }
        // The character that ended the run.
        at = end + text[end..].chars().next().map_or(0, char::len_utf8);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[copied..]);
    Cow::Owned(shown)
}

/// Returns whether a text has only characters that a key may have.
pub(crate) fn is_all_of_key(text: &str) -> bool {
    text.chars().all(is_of_key)
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

fn is_secret(run: &str) -> bool {
    // A public key of minisign, a recipient of age.
    let is_public = run.len() == 56 && run.starts_with("RW")
        || run.len() == 62 && run.to_ascii_lowercase().starts_with("age1");
    let is_long = |part: &str| part.len() >= SHORTEST && part.bytes().any(|b| b.is_ascii_digit());
    run.split('/').any(is_long) && !is_public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_blacked_out_and_other_text_stays() {
        let hex = "0123456789abcdef".repeat(4);
        let age = format!("AGE-SECRET-KEY-1{}", "QPZRY9X8GF2TVDW0S3JN54KHCE".repeat(2));
        let base64 = "RWRCSwAAAABrZXkgb2YgdGVzdHM12345678+Kw/".repeat(5);
        for (text, shown) in [
            (hex.clone(), "***"),
            (hex.to_uppercase(), "***"),
            (hex[..32].to_owned(), "***"),
            (
                format!("aidlink-round-key-v2:{hex}"),
                "aidlink-round-key-v2:***",
            ),
            (age, "AGE-SECRET-KEY-***"),
            (base64, "***"),
            (format!("甲{hex}乙 {hex}"), "甲***乙 ***"),
        ] {
            assert_eq!(black_out_secrets(&text), shown, "{text}");
            assert_eq!(black_out_secrets(shown), shown);
        }
        for text in [
            "",
            &hex[..31],
            "agriculturalMachineryDrivingLicence",
            "/srv/offices/2026Q3/rounds/sealed/output/lists",
            "procuratorate.case-parties",
            "2026Q3-civil-affairs-assistance-register-2.csv",
            "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudc6pspqd6pv6z",
        ] {
            assert!(
                matches!(black_out_secrets(text), Cow::Borrowed(_)),
                "{text}"
            );
        }
    }
}
