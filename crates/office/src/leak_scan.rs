//! Whether what was written holds a number that points to a person: the form of
//! an ID number, a telephone, a bank card. Names stand in the list columns that
//! the policy discloses and nowhere else; that a name stands elsewhere only who
//! has the exports can tell.
//!
//! Digests are told apart by their form: 64 hexadecimal digits in one word.

use std::io;
use std::path::PathBuf;

use aidlink_faults::personal_number::{NumberKind, find};
use aidlink_files::folder::{EntryKind, Folder};

/// A leak: where it is, and not what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What has been found.
    pub kind: NumberKind,
}

/// What a scan of a folder gave.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Files that were looked through.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What was found.
    pub leaks: Vec<Leak>,
}

/// Looks through every file of a folder.
///
/// # Errors
/// When one cannot be read.
pub fn scan_folder(folder: &Folder) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for file in folder.files()? {
        if file.kind != EntryKind::File {
            continue;
        }
        let full = folder.path().join(&file.path);
        let bytes = folder.read(&file.path, u64::MAX)?;
        scan.files += 1;
        scan.bytes += bytes.len() as u64;
        let leaks = scan_bytes(&bytes).into_iter();
        scan.leaks.extend(leaks.map(|(line, kind)| Leak {
            file: full.clone(),
            line,
            kind,
        }));
    }
    Ok(scan)
}

/// Looks through bytes, text or not: line (from 1) and kind of each number.
pub fn scan_bytes(bytes: &[u8]) -> Vec<(u64, NumberKind)> {
    let mut leaks = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        // A number is ASCII or full-width; other bytes only end it.
        let text = String::from_utf8_lossy(line);
        for found in find(&without_digests(&text)) {
            leaks.push((index as u64 + 1, found.kind));
        }
    }
    leaks
}

/// The text with every digest as a dash.
fn without_digests(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut word = String::new();
    let flush = |word: &mut String, kept: &mut String| {
        let is_digest = word.len() == DIGEST_DIGITS && word.chars().all(|c| c.is_ascii_hexdigit());
        kept.push_str(if is_digest { "—" } else { word });
        word.clear();
    };
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else {
            flush(&mut word, &mut kept);
            kept.push(character);
        }
    }
    flush(&mut word, &mut kept);
    kept
}

/// Hexadecimal digits of a BLAKE3 or SHA-256 digest.
const DIGEST_DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_digest_is_none_and_one_beside_it_is() {
        let digest = format!("{}44990119900101011a{}", "ab".repeat(20), "cd".repeat(3));
        assert_eq!(digest.len(), DIGEST_DIGITS);
        let text = format!("{{\"blake3\":\"{digest}\"}}\n{{\"x\":\"449901199001010111\"}}\n");
        assert_eq!(scan_bytes(text.as_bytes()), [(2, NumberKind::NationalId)]);
    }
}
