//! Detects and decodes UTF-8 and GB18030, which includes GBK and GB2312, with or without
//! byte-order mark.
//!
//! Comma, semicolon, tab, quote and line feed never occur inside a multi-byte
//! character of GB18030, so records are split as bytes and cells decoded later.

use std::borrow::Cow;
use std::path::Path;

use encoding_rs::GB18030;

use aidlink_faults::fault::{Fault, Place};
use aidlink_faults::text::Text;
use aidlink_policy::reading::EncodingChoice;

/// The encoding of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without byte-order mark.
    #[default]
    Utf8,
    /// UTF-8 with byte-order mark.
    Utf8WithMark,
    /// UTF-16 with byte-order mark. It is converted to UTF-8 before it is split.
    Utf16,
    /// GB18030.
    Gb18030,
}

impl Encoding {
    /// Returns the name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf8WithMark => "utf-8 with byte-order mark",
            Encoding::Utf16 => "utf-16 with byte-order mark",
            Encoding::Gb18030 => "gb18030",
        }
    }

    /// Returns the encoding in which other files are.
    pub(super) fn other(self) -> Encoding {
        match self {
            Encoding::Gb18030 => Encoding::Utf8,
            Encoding::Utf8 | Encoding::Utf8WithMark | Encoding::Utf16 => Encoding::Gb18030,
        }
    }

    /// Returns the encoding of one record of a file in this encoding, from its bytes and
    /// its cells. Files combined from several systems mix encodings, so a record that is
    /// valid only in the other encoding is read in that one.
    ///
    /// A record with a cell that was cut inside a character stays in the file's encoding,
    /// although the remaining bytes are often valid in the other one: four bytes of two
    /// characters in UTF-8 are two other characters in GB18030. So the whole record
    /// decides: characters of three bytes, as Chinese ones are in UTF-8, make up most of
    /// the bytes beyond ASCII of a record in UTF-8, and few of one in GB18030, where they
    /// arise by chance.
    pub(super) fn of_record<'c>(
        self,
        record: &[u8],
        cells: impl Iterator<Item = &'c [u8]> + Clone,
    ) -> Encoding {
        if record.is_ascii() {
            return self;
        }
        let is_whole = |encoding: Encoding| {
            let mut cells = cells.clone().filter(|cell| !cell.is_ascii());
            cells.all(|cell| encoding.is_valid(cell))
        };
        let other = self.other();
        match self {
            Encoding::Gb18030 => {
                // Half of the texts in UTF-8 are valid in GB18030, as other characters.
                // By chance, a text in GB18030 is hardly ever valid in UTF-8.
                let is_utf8 = std::str::from_utf8(record).is_ok() && looks_like_utf8(record);
                if is_utf8 && is_whole(other) {
                    other
                } else {
                    self
                }
            }
            Encoding::Utf8 | Encoding::Utf8WithMark | Encoding::Utf16 => {
                if std::str::from_utf8(record).is_ok() || looks_like_utf8(record) {
                    return self;
                }
                // One cut character is not enough to look like anything.
                let mut beyond_ascii = cells.clone().filter(|cell| !cell.is_ascii());
                let only_cut = beyond_ascii.all(is_cut_utf8);
                if is_whole(other) && !only_cut {
                    other
                } else {
                    self
                }
            }
        }
    }

    fn is_valid(self, text: &[u8]) -> bool {
        match self {
            Encoding::Gb18030 => GB18030
                .decode_without_bom_handling_and_without_replacement(text)
                .is_some(),
            Encoding::Utf8 | Encoding::Utf8WithMark | Encoding::Utf16 => {
                std::str::from_utf8(text).is_ok()
            }
        }
    }

    /// Returns the text of a cell, without the formula of `without_text_formula`.
    /// Returns `None` if the cell is not valid in this encoding.
    pub fn decode(self, cell: &[u8]) -> Option<Cow<'_, str>> {
        match without_text_formula(cell) {
            Some(Cow::Owned(cell)) => Some(Cow::Owned(self.decode_bytes(&cell)?.into_owned())),
            Some(Cow::Borrowed(cell)) => self.decode_bytes(cell),
            None => self.decode_bytes(cell),
        }
    }

    fn decode_bytes(self, cell: &[u8]) -> Option<Cow<'_, str>> {
        if self == Encoding::Gb18030 && !cell.is_ascii() {
            return GB18030.decode_without_bom_handling_and_without_replacement(cell);
        }
        std::str::from_utf8(cell).ok().map(Cow::Borrowed)
    }
}

/// Returns whether a text is valid UTF-8, but for a character that was cut at its beginning
/// or its end.
fn is_cut_utf8(text: &[u8]) -> bool {
    // The bytes of a character after its first.
    let continues = |byte: &u8| byte & 0xc0 == 0x80;
    let cut = text
        .iter()
        .take(3)
        .take_while(|byte| continues(byte))
        .count();
    match std::str::from_utf8(&text[cut..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Returns whether characters of three or more bytes in UTF-8 make up at least half of
/// the bytes beyond ASCII.
fn looks_like_utf8(text: &[u8]) -> bool {
    let beyond_ascii = text.iter().filter(|byte| !byte.is_ascii()).count();
    let chinese: usize = text
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars())
        .map(char::len_utf8)
        .filter(|length| *length >= 3)
        .sum();
    chinese * 2 >= beyond_ascii
}

/// Returns the text in a formula such as `="001"`, with which programs keep a spreadsheet
/// from taking digits for a number. Returns `None` for any other cell.
pub(super) fn without_text_formula(cell: &[u8]) -> Option<Cow<'_, [u8]>> {
    let formula = cell.trim_ascii().strip_prefix(b"=")?;
    let text = formula
        .trim_ascii_start()
        .strip_prefix(b"\"")?
        .strip_suffix(b"\"")?;
    if memchr::memchr(b'"', text).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut unescaped = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'"' && bytes.next() != Some(&b'"') {
            // Another formula, such as ="a"&"b".
            return None;
        }
        unescaped.push(*byte);
    }
    Some(Cow::Owned(unescaped))
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const GB18030_MARK: &[u8] = b"\x84\x31\x95\x33";

/// Returns the length of the byte-order marks at the start of a text. Programs that add
/// one to a file that has one already leave several.
pub(super) fn marks_length(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some(after) = [UTF8_MARK, GB18030_MARK]
        .iter()
        .find_map(|mark| rest.strip_prefix(*mark))
    {
        rest = after;
    }
    text.len() - rest.len()
}

/// Detects the encoding of a text from its head.
///
/// # Errors
/// If most of its non-ASCII lines are not valid in either encoding, or not in the one
/// that the round file sets.
pub(super) fn detect(path: &Path, head: &[u8], choice: EncodingChoice) -> Result<Encoding, Fault> {
    let utf8_name = match head.starts_with(UTF8_MARK) {
        true => Encoding::Utf8WithMark,
        false => Encoding::Utf8,
    };
    // The head may end inside a character, so its last line is not checked.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let whole = whole.get(marks_length(head)..).unwrap_or_default();
    let validity = |encoding: Encoding| Validity::of(whole, |line| encoding.is_valid(line));
    let utf8 = validity(Encoding::Utf8);
    let (encoding, found) = match choice {
        EncodingChoice::Utf8 => (utf8_name, utf8),
        EncodingChoice::Gb18030 => (Encoding::Gb18030, validity(Encoding::Gb18030)),
        EncodingChoice::Detect if utf8.bad == 0 => (utf8_name, utf8),
        EncodingChoice::Detect => {
            // A mark of UTF-8 is no proof: programs put one before text in GB18030.
            let gb18030 = validity(Encoding::Gb18030);
            // Most lines in UTF-8 are valid in GB18030 too, as other characters, so a few
            // cells that were cut inside a character do not decide.
            match gb18030.bad < utf8.bad && !looks_like_utf8(whole) {
                true => (Encoding::Gb18030, gb18030),
                false => (utf8_name, utf8),
            }
        }
    };
    match found.is_acceptable() {
        true => Ok(encoding),
        false => Err(wrong_encoding(path, choice, encoding).at(Place::Line(found.first_bad))),
    }
}

/// The number of non-ASCII lines and of those that are not valid.
struct Validity {
    lines: u64,
    bad: u64,
    first_bad: u64,
}

impl Validity {
    fn of(text: &[u8], valid: impl Fn(&[u8]) -> bool) -> Self {
        let mut validity = Validity {
            lines: 0,
            bad: 0,
            first_bad: 0,
        };
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.is_ascii() {
                continue;
            }
            validity.lines += 1;
            if !valid(line) {
                validity.bad += 1;
                if validity.first_bad == 0 {
                    validity.first_bad = index as u64 + 1;
                }
            }
        }
        validity
    }

    /// Returns whether at most half of the non-ASCII lines are invalid. A few invalid
    /// lines are tolerated here and reported row by row.
    fn is_acceptable(&self) -> bool {
        self.bad * 2 <= self.lines
    }
}

/// Returns the fault for a text that is not in the encoding that was found or chosen.
fn wrong_encoding(path: &Path, choice: EncodingChoice, encoding: Encoding) -> Fault {
    let name = match encoding {
        Encoding::Gb18030 => "GB18030",
        Encoding::Utf8 | Encoding::Utf8WithMark | Encoding::Utf16 => "UTF-8",
    };
    let (message, hint) = match choice {
        EncodingChoice::Detect => (
            Text::new(
                format!("无法识别编码：此行不是有效的{name}"),
                format!("unknown encoding: this line is not valid {name}"),
            ),
            Text::new(
                "请另存为“CSV UTF-8”，或用原系统重新导出",
                "save it as \"CSV UTF-8\", or export it again from the source system",
            ),
        ),
        EncodingChoice::Utf8 | EncodingChoice::Gb18030 => (
            Text::new(
                format!("轮次文件中的 encoding 为{name}，但此行不是有效的{name}"),
                format!(
                    "`encoding` in the round file is {name}, but this line is not valid {name}"
                ),
            ),
            Text::new(
                "请从该导出中删去 encoding，由程序识别；或把文件另存为“CSV UTF-8”",
                "remove `encoding` from the export, so that it is detected, or save the file as \"CSV UTF-8\"",
            ),
        ),
    };
    Fault::of_file(path, message, hint)
}
