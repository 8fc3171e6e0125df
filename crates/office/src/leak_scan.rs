//! Searches written files for numbers with the form of an ID number, a telephone
//! number or a bank card number. Names may appear only in the list columns that
//! the policy discloses; the scan does not check this, because it would need the
//! exports to recognise a name.
//!
//! Digests are recognised by their form. Key ids are taken from the manifest, because
//! their sixteen hexadecimal digits may all be decimal and then have the form of a
//! bank card number.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use aidlink_faults::personal_number::{NumberKind, find};
use aidlink_files::folder::{EntryKind, Folder};

use crate::manifest::Manifest;

/// The place and kind of a number that was found, without the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// The kind of number.
    pub kind: NumberKind,
}

/// The result of scanning a folder.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Number of files scanned.
    pub files: u64,
    /// Number of bytes scanned.
    pub bytes: u64,
    /// The numbers that were found.
    pub leaks: Vec<Leak>,
}

/// Key ids that occur in outputs and are not personal numbers.
#[derive(Clone, Debug, Default)]
pub struct KeyIds(BTreeSet<String>);

impl KeyIds {
    /// Collects the ids of the round key, the signing key and the keys of token
    /// files from a manifest. Values that do not have the form of a key id are
    /// ignored, so that a manifest cannot hide other numbers.
    pub fn of(manifest: &Manifest) -> Self {
        let round = manifest.key.iter().map(|key| &key.id);
        let signing = manifest.signing.iter().map(|signing| &signing.key_id);
        let received = manifest.received.iter();
        let received = received.filter_map(|file| file.key_id.as_ref());
        round.chain(signing).chain(received).cloned().collect()
    }

    /// Replaces each id that is a separate word with a letter.
    fn removed_from<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        // An id with letters never has the form of a number.
        let decimal = |id: &&String| id.bytes().all(|byte| byte.is_ascii_digit());
        for id in self.0.iter().filter(decimal) {
            let is_word = |at: usize| {
                let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
                let bytes = text.as_bytes();
                let before = at.checked_sub(1).and_then(|before| bytes.get(before));
                !is_part(before) && !is_part(bytes.get(at + id.len()))
            };
            let places = text.match_indices(id.as_str()).map(|(at, _)| at);
            let places: Vec<usize> = places.filter(|at| is_word(*at)).collect();
            if places.is_empty() {
                continue;
            }
            let mut kept = String::with_capacity(text.len());
            let mut from = 0;
            for at in places {
                kept.push_str(&text[from..at]);
                // A letter, so that digits before and after do not become one number.
                kept.push('k');
                from = at + id.len();
            }
            kept.push_str(&text[from..]);
            text = Cow::Owned(kept);
        }
        text
    }
}

impl FromIterator<String> for KeyIds {
    fn from_iter<I: IntoIterator<Item = String>>(ids: I) -> Self {
        let has_form =
            |id: &String| id.len() == KEY_ID_DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit());
        KeyIds(ids.into_iter().filter(has_form).collect())
    }
}

/// Length of a key id in hexadecimal digits.
const KEY_ID_DIGITS: usize = 16;

/// Scans every file of a folder, ignoring the given key ids.
///
/// # Errors
/// When a file cannot be read.
pub fn scan_folder(folder: &Folder, key_ids: &KeyIds) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for file in folder.files()? {
        if file.kind != EntryKind::File {
            continue;
        }
        let full = folder.path().join(&file.path);
        let bytes = folder.read(&file.path, u64::MAX)?;
        scan.files += 1;
        scan.bytes += bytes.len() as u64;
        let leaks = scan_bytes(&bytes, key_ids).into_iter();
        scan.leaks.extend(leaks.map(|(line, kind)| Leak {
            file: full.clone(),
            line,
            kind,
        }));
    }
    Ok(scan)
}

/// Scans bytes, which need not be UTF-8, and returns the line (from 1) and kind of
/// each number. A number that is split by line breaks is reported on its first
/// line.
pub fn scan_bytes(bytes: &[u8], key_ids: &KeyIds) -> Vec<(u64, NumberKind)> {
    let text = String::from_utf8_lossy(bytes);
    let text = key_ids.removed_from(&text);
    let (mut line, mut from) = (1, 0);
    let numbers = find(&text).into_iter().map(|found| {
        let skipped = &text.as_bytes()[from..found.at.start];
        line += skipped.iter().filter(|byte| **byte == b'\n').count() as u64;
        from = found.at.start;
        (line, found.kind)
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, key_ids: &[&str]) -> Vec<(u64, NumberKind)> {
        let key_ids = key_ids.iter().map(|id| (*id).to_owned()).collect();
        scan_bytes(text.as_bytes(), &key_ids)
    }

    #[test]
    fn digits_inside_a_digest_are_not_reported_and_a_number_outside_is() {
        let digest = format!("{}44990119900101011a{}", "ab".repeat(20), "cd".repeat(3));
        assert_eq!(digest.len(), 64);
        let text = format!("{{\"blake3\":\"{digest}\"}}\n{{\"x\":\"449901199001010111\"}}\n");
        assert_eq!(scan(&text, &[]), [(2, NumberKind::NationalId)]);
    }

    #[test]
    fn a_number_with_separators_is_found_on_its_first_line() {
        for text in [
            "449901 19900101 011X",
            "449901\t19900101\t011X",
            "449901.19900101.011X",
            "449901\r\n19900101\r\n011X",
            "449901\u{ad}19900101\u{200b}011X",
        ] {
            let text = format!("{{\n  \"round\": \"2026Q3\",\n  \"x\": \"{text}\"\n}}\n");
            assert_eq!(scan(&text, &[]), [(3, NumberKind::NationalId)], "{text}");
        }
        let two = "a\n13800001234,1\n\n0751-2000000\n";
        let lines: Vec<u64> = scan(two, &[]).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4]);
        // Invalid UTF-8 does not stop the scan.
        let bytes = [b"\xff\xfe\n".as_slice(), b"13800001234\x80\n"].concat();
        let found = scan_bytes(&bytes, &KeyIds::default());
        assert_eq!(found, [(2, NumberKind::Telephone)]);
    }

    #[test]
    fn a_key_id_is_not_reported_as_a_bank_card_and_other_numbers_are() {
        // A key id of decimal digits that has the form of a bank card number.
        let id = "6222020000000007";
        let text = format!("{{\n  \"signing\": {{ \"key_id\": \"{id}\", \"n\": 1 }}\n}}\n");
        assert_eq!(scan(&text, &[]), [(2, NumberKind::BankCard)]);
        assert_eq!(scan(&text, &[id]), []);
        let comment = format!("round 2026Q3 key {id} 2026-09-30\n");
        assert_eq!(scan(&comment, &[id]), []);
        // Only that id, and only as a whole word.
        assert_eq!(scan("4111111111111111", &[id]), [(1, NumberKind::BankCard)]);
        let telephone = format!("\"{id}\": \"13800001234\"");
        assert_eq!(scan(&telephone, &[id]), [(1, NumberKind::Telephone)]);
        // A manifest cannot hide a number that does not have the form of a key id.
        for number in ["44990119900101011X", "13800001234", "6222020000000000000"] {
            assert_eq!(scan(number, &[number]).len(), 1, "{number}");
        }
    }
}
