//! UTF-8 with or without byte-order mark, or GB18030 (and so GBK and GB2312).
//!
//! Comma, semicolon, tab, quote and line feed never occur inside a multi-byte
//! character of GB18030, so records are split first and cells decoded after.

use std::borrow::Cow;
use std::path::Path;

use encoding_rs::GB18030;

use aidlink_faults::fault::{Fault, Place};
use aidlink_faults::text::Text;
use aidlink_policy::reading::EncodingChoice;

/// The encoding that an export is read in.
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
    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf8WithMark => "utf-8 with byte-order mark",
            Encoding::Gb18030 => "gb18030",
        }
    }

    /// The encoding of one record of a file in this encoding. A file that was
    /// put together from several systems mixes encodings; a record that is not
    /// valid in the file's own and is in the other is read in the other. (A
    /// single cell does not tell: 小学 in GB18030 is valid UTF-8 for two other
    /// letters. A whole record does.)
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

    /// The text of a cell. Files that were put together from several systems
    /// mix encodings, so a cell that is not valid in the file's encoding is
    /// read in the other; `None` when it is valid in neither.
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

/// The encoding of a file, from its head.
///
/// # Errors
/// When the file is not text, or most of its lines beyond ASCII are valid in
/// neither encoding (or not in the one that the round names).
pub(super) fn detect(path: &Path, head: &[u8], choice: EncodingChoice) -> Result<Encoding, Fault> {
    refuse_other_formats(path, head)?;
    if head.starts_with(UTF8_MARK) && choice != EncodingChoice::Gb18030 {
        return Ok(Encoding::Utf8WithMark);
    }
    // The head may end inside a character; its last line is left out.
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

/// How many lines beyond ASCII there are, and how many are not valid.
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

    /// A few bad lines come from another system; each is reported as a row.
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
                    "save it as \"CSV UTF-8\", or name the `encoding` in the round file",
                ),
            )
            .at(Place::Line(self.first_bad)));
        }
        Ok(encoding)
    }
}

/// Refuses files that are not CSV, whatever their name.
fn refuse_other_formats(path: &Path, head: &[u8]) -> Result<(), Fault> {
    let refuse = |zh: &str, en: &str| {
        Err(Fault::of_file(
            path,
            Text::new(
                format!("文件是{zh}，不是CSV"),
                format!("the file is {en}, not CSV"),
            ),
            Text::new("请另存为“CSV UTF-8”", "save it as \"CSV UTF-8\""),
        ))
    };
    let start = head.trim_ascii_start();
    let begins = |tag: &[u8]| {
        start
            .get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    };
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        refuse("UTF-16文本", "UTF-16 text")
    } else if begins(b"<html") || begins(b"<!doctype") || begins(b"<table") || begins(b"<?xml") {
        refuse("网页或XML", "a web page or XML")
    } else if let Some(offset) = memchr::memchr(0, head) {
        refuse("含空字节的二进制文件", "binary (it holds a NUL byte)").map_err(|fault: Fault| {
            let line = memchr::memchr_iter(b'\n', &head[..offset]).count() as u64 + 1;
            fault.at(Place::Line(line))
        })
    } else if memchr::memchr(b'\r', head).is_some() && memchr::memchr(b'\n', head).is_none() {
        refuse("以CR换行的文本", "text whose line ends are CR alone")
    } else {
        Ok(())
    }
}
