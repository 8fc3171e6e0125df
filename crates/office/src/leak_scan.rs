//! Searches written files for numbers with the form of an ID number, a telephone
//! number or a bank card number. Names may appear only in the list columns that
//! the policy discloses; the scan does not check this, because it would need the
//! exports to recognise a name.
//!
//! Digests are recognised by their form. Key ids are taken from the manifest, because
//! their sixteen hexadecimal digits may all be decimal and then have the form of a
//! bank card number.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use aidlink_contract::hexadecimal;
use aidlink_faults::personal_number::{NumberKind, find};
use aidlink_files::document::Document as _;
use aidlink_files::folder::{EntryKind, Folder};

use crate::audit_log::LOG;
use crate::deletion_record::DELETIONS;
use crate::manifest::{MANIFEST, Manifest};

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

    /// Replaces each id that is a separate word with as many letters.
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
                // Letters, so that digits before and after do not become one number.
                kept.push_str(&"k".repeat(id.len()));
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
        KeyIds(ids.into_iter().filter(|id| is_key_id(id)).collect())
    }
}

/// Returns whether a text has the form of a key id. minisign writes its ids in upper case.
fn is_key_id(text: &str) -> bool {
    hexadecimal::is_key_id(&text.to_ascii_lowercase())
}

/// Returns the paths of the files that a step or a purge wrote into a finished folder,
/// and that are not larger than they can be: the outputs in the manifest, the manifest,
/// the log, the signature, and the deletion records.
///
/// Other files are unknown or were changed. Verification reports them; nobody needs to
/// read them, however large they are.
///
/// # Errors
/// When the folder cannot be listed.
pub fn written_files(folder: &Folder, manifest: &Manifest) -> io::Result<Vec<String>> {
    let stated = manifest.outputs.iter();
    let stated: BTreeMap<&str, u64> = stated
        .map(|output| (output.file.as_str(), output.bytes))
        .collect();
    let at_most = |path: &str| {
        let is_document = path == LOG || path.starts_with(MANIFEST);
        match is_document || path.starts_with(DELETIONS) {
            true => Some(Manifest::LARGEST),
            false => stated.get(path).copied(),
        }
    };
    let mut written = Vec::new();
    for file in folder.files()? {
        let path = file.name();
        let Some(at_most) = at_most(&path).filter(|_| file.kind == EntryKind::File) else {
            continue;
        };
        if folder.open_file(&file.path)?.metadata()?.len() <= at_most {
            written.push(path);
        }
    }
    Ok(written)
}

/// Scans the [`written_files`] of a finished folder, ignoring the key ids in its manifest.
///
/// # Errors
/// When a file cannot be read.
pub fn scan_folder(folder: &Folder, manifest: &Manifest) -> io::Result<Scan> {
    let key_ids = KeyIds::of(manifest);
    let mut scan = Scan::default();
    for path in written_files(folder, manifest)? {
        let mut file = folder.open_file(Path::new(&path))?;
        let mut scanner = Scanner::new(&key_ids);
        scan.bytes += io::copy(&mut file, &mut scanner)?;
        scan.files += 1;
        let full = folder.path().join(&path);
        scan.leaks
            .extend(scanner.finish().into_iter().map(|(line, kind)| Leak {
                file: full.clone(),
                line,
                kind,
            }));
    }
    Ok(scan)
}

/// Scans bytes, which need not be UTF-8, and returns the line (from 1) and kind of
/// each number, at most `MOST_LEAKS`. A number that is split by line breaks is reported
/// on its first line.
pub fn scan_bytes(bytes: &[u8], key_ids: &KeyIds) -> Vec<(u64, NumberKind)> {
    let mut scanner = Scanner::new(key_ids);
    scanner.push(bytes);
    scanner.finish()
}

/// The most numbers that are reported of one file. A file of somebody else may have one on
/// each line.
const MOST_LEAKS: usize = 100;
/// The text that is searched at a time, in bytes.
const WINDOW: usize = 1 << 20;
/// The text before and after a number that the search may need to recognise it, in bytes.
/// A number has at most 22 digits, with three separators between two of them.
const MARGIN: usize = 1 << 12;

/// Searches a file piece by piece. Two windows overlap, so that each number is in the
/// middle of one of them.
struct Scanner<'k> {
    key_ids: &'k KeyIds,
    /// The bytes of a character whose rest is in the next piece.
    undecoded: Vec<u8>,
    /// The current window.
    text: String,
    /// How much of the window was reported with the window before.
    reported: usize,
    /// The line on which the window begins, from 1.
    line: u64,
    found: Vec<(u64, NumberKind)>,
}

impl<'k> Scanner<'k> {
    fn new(key_ids: &'k KeyIds) -> Self {
        Scanner {
            key_ids,
            undecoded: Vec::new(),
            text: String::new(),
            reported: 0,
            line: 1,
            found: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(WINDOW) {
            self.decode(piece);
            if self.text.len() >= WINDOW {
                let end = self.text.floor_char_boundary(self.text.len() - MARGIN);
                self.report(end);
                let kept_from = self.text.floor_char_boundary(end - MARGIN);
                self.line += line_feeds(&self.text[..kept_from]);
                self.text.drain(..kept_from);
                self.reported = end - kept_from;
            }
        }
    }

    /// Appends bytes to the window. Those that are not UTF-8 become U+FFFD.
    fn decode(&mut self, piece: &[u8]) {
        self.undecoded.extend_from_slice(piece);
        let mut decoded = 0;
        for chunk in self.undecoded.utf8_chunks() {
            self.text.push_str(chunk.valid());
            decoded += chunk.valid().len();
            let invalid = chunk.invalid();
            let is_at_the_end = decoded + invalid.len() == self.undecoded.len();
            let is_begun =
                std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if invalid.is_empty() || is_at_the_end && is_begun {
                continue;
            }
            self.text.push(char::REPLACEMENT_CHARACTER);
            decoded += invalid.len();
        }
        self.undecoded.drain(..decoded);
    }

    /// Reports the numbers that begin before `end` and were not yet reported.
    fn report(&mut self, end: usize) {
        let text = self.key_ids.removed_from(&self.text);
        let (mut line, mut from) = (self.line, 0);
        for found in find(&text) {
            let start = found.at.start;
            line += line_feeds(&text[from..start]);
            from = start;
            let is_new = (self.reported..end).contains(&start);
            if is_new && self.found.len() < MOST_LEAKS {
                self.found.push((line, found.kind));
            }
        }
    }

    fn finish(mut self) -> Vec<(u64, NumberKind)> {
        self.report(self.text.len());
        self.found
    }
}

impl io::Write for Scanner<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line_feeds(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
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
    fn a_number_at_the_end_of_a_window_is_found_once() {
        // A key id of decimal digits that has the form of a bank card number.
        let id = "6222020000000007";
        let numbers = format!("\n449901 19900101\n011X {id}\n");
        // The end of a window, where it is reported to, and where the next one begins.
        for place in [0, MARGIN, 2 * MARGIN, WINDOW] {
            for distance in 0..=numbers.len() {
                // One line of characters of three bytes.
                let before = (2 * WINDOW - place - distance) / 3;
                let text = ["名".repeat(before), numbers.clone(), "单".repeat(WINDOW)].concat();
                let found = scan(&text, &[id]);
                assert_eq!(found, [(2, NumberKind::NationalId)], "{place} {distance}");
            }
        }
    }

    #[test]
    fn pieces_may_end_within_a_character() {
        let text = "名单\n姓名 13800001234\u{feff}\n";
        let bytes = [text.as_bytes(), b"\xe5\n\xff13800001235 \xe5\x90"].concat();
        let expected = [(2, NumberKind::Telephone), (4, NumberKind::Telephone)];
        for length in 1..bytes.len() {
            let key_ids = KeyIds::default();
            let mut scanner = Scanner::new(&key_ids);
            for piece in bytes.chunks(length) {
                scanner.push(piece);
            }
            assert_eq!(scanner.finish(), expected, "{length}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_numbers_does_not_fill_the_memory() {
        let text = "13800001234\n".repeat(10_000);
        assert_eq!(scan(&text, &[]).len(), MOST_LEAKS);
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
