//! Searches the bytes of a register for numbers of persons. The file holds texts one directly
//! after the other, so a day and the time after it, or two digests, would have the form of a
//! number; what the program itself writes is therefore left out first.

use std::io::{self, Read};

use aidlink_faults::personal_number::{NumberKind, find};

/// The bytes that are searched at a time.
const WINDOW: usize = 1 << 20;
/// The bytes that two windows share. No number is longer.
const OVERLAP: usize = 1 << 12;
/// The fewest hexadecimal digits in a row, with a letter among them, that are a part of a digest.
const DIGEST: usize = 32;

/// Returns the kinds of the numbers in a file, at most one for each window.
///
/// # Errors
/// If it cannot be read.
pub fn numbers_in_bytes(mut file: impl Read) -> io::Result<Vec<NumberKind>> {
    let mut kinds = Vec::new();
    let mut window = Vec::with_capacity(WINDOW + OVERLAP);
    loop {
        let wanted = (WINDOW + OVERLAP - window.len()) as u64;
        let read = file.by_ref().take(wanted).read_to_end(&mut window)?;
        if read == 0 {
            return Ok(kinds);
        }
        let found = find(&without_own(&window));
        kinds.extend(found.first().map(|found| found.kind));
        let from = window.len().saturating_sub(OVERLAP);
        window.drain(..from);
    }
}

/// Returns bytes as text, without what the program writes: days, times, digests. All other bytes
/// that are no text become letters, across which no number goes. There are four of them, because
/// three before a number could be a part of it.
fn without_own(bytes: &[u8]) -> String {
    let mut text: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let is_no_text = matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127);
        let own = match is_no_text {
            true => Some(1),
            false => time(rest).or_else(|| digest(rest)),
        };
        match own {
            Some(length) => {
                if !text.ends_with(b"kkkk") {
                    text.extend_from_slice(b"kkkk");
                }
                at += length;
            }
            None => {
                text.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns the length of a day, or of a time after it, at the beginning of bytes:
/// `2026-09-30`, `2026-09-30T08:00:00.123Z`.
fn time(bytes: &[u8]) -> Option<usize> {
    const DAY: &[u8] = b"dddd-dd-dd";
    const TIME: &[u8] = b"Tdd:dd:dd";
    let is_of = |bytes: &[u8], form: &[u8]| {
        bytes.len() >= form.len()
            && bytes.iter().zip(form).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                form => byte == form,
            })
    };
    if !is_of(bytes, DAY) {
        return None;
    }
    let rest = &bytes[DAY.len()..];
    if !is_of(rest, TIME) {
        return Some(DAY.len());
    }
    let rest = &rest[TIME.len()..];
    let mut fraction = 0;
    if rest.first() == Some(&b'.') {
        let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit());
        fraction = 1 + digits.count();
    }
    let zone = usize::from(rest.get(fraction) == Some(&b'Z'));
    Some(DAY.len() + TIME.len() + fraction + zone)
}

/// Returns the length of a digest, or of several directly after each other, at the beginning of
/// bytes.
fn digest(bytes: &[u8]) -> Option<usize> {
    let is_hex = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let length = bytes.iter().take_while(is_hex).count();
    let has_letter = bytes[..length].iter().any(u8::is_ascii_lowercase);
    (length >= DIGEST && has_letter).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(bytes: &[u8]) -> Vec<NumberKind> {
        numbers_in_bytes(bytes).expect("bytes in memory")
    }

    #[test]
    fn what_the_program_writes_is_no_number_and_what_a_person_writes_is() {
        let digest = "4499011990010101".repeat(3) + "0123456789abcdef";
        let own = [
            "04HM-ASW9-dibao2026-09-302026-11-29T19:15:15.123456789Z{}".to_owned(),
            format!("{digest}{digest}"),
            // A digest whose beginning is on another page.
            digest[30..].to_owned(),
        ];
        for text in &own {
            assert_eq!(kinds(text.as_bytes()), [], "{text}");
        }
        let (id, telephone) = ("449901199001010111", "13800001234");
        for (number, kind) in [
            (id, NumberKind::NationalId),
            (telephone, NumberKind::Telephone),
        ] {
            for text in [
                number.to_owned(),
                format!("\0\u{1}{number}\0"),
                format!("found{number}2026-09-302026-11-29T19:15:15Z"),
                format!("{}{number}", own[0]),
            ] {
                assert_eq!(kinds(text.as_bytes()), [kind], "{text:?}");
            }
        }
    }

    #[test]
    fn a_number_between_two_windows_is_found() {
        for before in [0, WINDOW - 5, WINDOW + OVERLAP - 5, 2 * WINDOW] {
            let mut bytes = vec![0_u8; before];
            bytes.extend_from_slice(b"13800001234");
            bytes.resize(bytes.len() + WINDOW, 0);
            assert!(!kinds(&bytes).is_empty(), "{before}");
        }
        assert_eq!(kinds(&vec![0; 3 * WINDOW]), []);
    }
}
