//! Detects and decodes UTF-8, with or without byte-order mark, and GB18030, which
//! includes GBK and GB2312.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without byte-order mark.
    Utf8,
    /// UTF-8 with byte-order mark.
    Utf8WithMark,
    /// GB18030.
    Gb18030,
}

impl Encoding {
    /// Returns the name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf8WithMark => "utf-8 with byte-order mark",
            Encoding::Gb18030 => "gb18030",
        }
    }

    /// Returns the encoding of one record of a file in this encoding. Files combined
    /// from several systems mix encodings, so a record that is valid only in the other
    /// encoding is read in that one. A single cell is not enough to decide: 小学 in
    /// GB18030 is also valid UTF-8 for two other letters.
    pub fn of_record(self, record: &[u8]) -> Encoding {
        if record.is_ascii() {
            return self;
        }
        let utf8 = || std::str::from_utf8(record).is_ok();
        let gb18030 = || {
            GB18030
                .decode_without_bom_handling_and_without_replacement(record)
                .is_some()
        };
        match self {
            Encoding::Utf8 | Encoding::Utf8WithMark if !utf8() && gb18030() => Encoding::Gb18030,
            Encoding::Gb18030 if !gb18030() && utf8() => Encoding::Utf8,
            own => own,
        }
    }

    /// Decodes a cell. A cell that is not valid in this encoding is decoded in the
    /// other one. Returns `None` if it is valid in neither.
    pub fn decode(self, cell: &[u8]) -> Option<Cow<'_, str>> {
        let utf8 = || std::str::from_utf8(cell).ok().map(Cow::Borrowed);
        if cell.is_ascii() {
            return utf8();
        }
        let gb18030 = || GB18030.decode_without_bom_handling_and_without_replacement(cell);
        match self {
            Encoding::Utf8 | Encoding::Utf8WithMark => utf8().or_else(gb18030),
            Encoding::Gb18030 => gb18030().or_else(utf8),
        }
    }
}

pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Detects the encoding of a file from its head.
///
/// # Errors
/// If the file is not text, or if most of its non-ASCII lines are not valid in
/// either encoding, or not in the one that the round file sets.
pub(super) fn detect(path: &Path, head: &[u8], choice: EncodingChoice) -> Result<Encoding, Fault> {
    refuse_other_formats(path, head)?;
    if head.starts_with(UTF8_MARK) && choice != EncodingChoice::Gb18030 {
        return Ok(Encoding::Utf8WithMark);
    }
    // The head may end inside a character, so its last line is not checked.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let utf8 = Validity::of(whole, |line| std::str::from_utf8(line).is_ok());
    let gb18030 = || {
        Validity::of(whole, |line| {
            GB18030
                .decode_without_bom_handling_and_without_replacement(line)
                .is_some()
        })
    };
    match choice {
        EncodingChoice::Utf8 => utf8.accept(path, Encoding::Utf8, "UTF-8"),
        EncodingChoice::Gb18030 => gb18030().accept(path, Encoding::Gb18030, "GB18030"),
        EncodingChoice::Detect if utf8.bad == 0 => Ok(Encoding::Utf8),
        EncodingChoice::Detect => {
            let gb18030 = gb18030();
            if gb18030.bad < utf8.bad {
                gb18030.accept(path, Encoding::Gb18030, "GB18030")
            } else {
                utf8.accept(path, Encoding::Utf8, "UTF-8")
            }
        }
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

    /// Accepts the encoding unless most non-ASCII lines are invalid. A few invalid
    /// lines are tolerated here and reported row by row.
    fn accept(self, path: &Path, encoding: Encoding, name: &str) -> Result<Encoding, Fault> {
        if self.bad * 2 > self.lines {
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("无法识别编码：此行不是有效的{name}"),
                    format!("unknown encoding: this line is not valid {name}"),
                ),
                Text::new(
                    "请另存为“CSV UTF-8”，或在轮次文件中写明 encoding",
                    "save it as \"CSV UTF-8\", or set `encoding` in the round file",
                ),
            )
            .at(Place::Line(self.first_bad)));
        }
        Ok(encoding)
    }
}

/// Refuses files that are not CSV, whatever their name says.
fn refuse_other_formats(path: &Path, head: &[u8]) -> Result<(), Fault> {
    let refuse = |zh: &str, en: &str| {
        Err(Fault::of_file(
            path,
            Text::new(
                format!("文件是{zh}，不是 CSV"),
                format!("the file is {en}, not CSV"),
            ),
            Text::new("请另存为“CSV UTF-8”", "save it as \"CSV UTF-8\""),
        ))
    };
    let start = head.trim_ascii_start();
    let starts_with = |tag: &[u8]| {
        start
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        refuse("UTF-16 文本", "UTF-16 text")
    } else if starts_with(b"<html")
        || starts_with(b"<!doctype")
        || starts_with(b"<table")
        || starts_with(b"<?xml")
    {
        refuse("网页或 XML", "a web page or XML")
    } else if let Some(offset) = memchr::memchr(0, head) {
        refuse("含空字节的二进制文件", "binary (it contains a NUL byte)").map_err(|fault: Fault| {
            let line = memchr::memchr_iter(b'\n', &head[..offset]).count() as u64 + 1;
            fault.at(Place::Line(line))
        })
    } else if memchr::memchr(b'\r', head).is_some() && memchr::memchr(b'\n', head).is_none() {
        refuse("仅以 CR 换行的文本", "text with CR-only line ends")
    } else {
        Ok(())
    }
}
