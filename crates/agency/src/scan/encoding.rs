//! UTF-8 with or without byte-order mark, or GB18030 (and so GBK and GB2312).

use std::path::Path;

use encoding_rs::GB18030;

use aidlink_contract::fault::{Fault, Place};
use aidlink_contract::text::Text;

/// The encoding that an export was read in.
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
}

/// What a round says of an export's encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingChoice {
    /// Find out: a byte-order mark or valid UTF-8 is UTF-8, else GB18030.
    #[default]
    Detect,
    /// UTF-8.
    Utf8,
    /// GB18030.
    Gb18030,
}

impl EncodingChoice {
    /// The names in round files.
    pub const NAMES: [(&'static str, EncodingChoice); 4] = [
        ("detect", EncodingChoice::Detect),
        ("utf-8", EncodingChoice::Utf8),
        ("gb18030", EncodingChoice::Gb18030),
        ("gbk", EncodingChoice::Gb18030),
    ];
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of an export.
pub(super) fn decode(
    path: &Path,
    mut bytes: Vec<u8>,
    choice: EncodingChoice,
) -> Result<(String, Encoding), Fault> {
    refuse_other_formats(path, &bytes)?;
    if bytes.starts_with(UTF8_MARK) && choice != EncodingChoice::Gb18030 {
        bytes.drain(..UTF8_MARK.len());
        return utf8(path, bytes).map(|text| (text, Encoding::Utf8WithMark));
    }
    match choice {
        EncodingChoice::Utf8 => utf8(path, bytes).map(|text| (text, Encoding::Utf8)),
        EncodingChoice::Gb18030 => gb18030(path, &bytes),
        EncodingChoice::Detect => match String::from_utf8(bytes) {
            Ok(text) => Ok((text, Encoding::Utf8)),
            Err(error) => {
                let utf8_ends = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
                gb18030(path, error.as_bytes()).map_err(|fault| match fault.place {
                    // The encoding that reads further is the one meant.
                    Some(Place::Line(line)) if line < utf8_ends => {
                        undecodable(path, utf8_ends, "UTF-8")
                    }
                    _ => fault,
                })
            }
        },
    }
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|error| {
        let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
        undecodable(path, line, "UTF-8")
    })
}

fn gb18030(path: &Path, bytes: &[u8]) -> Result<(String, Encoding), Fault> {
    if let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok((text.into_owned(), Encoding::Gb18030));
    }
    // A line feed is never part of a multi-byte character, so lines can be
    // tried one by one to find the place.
    let bad = bytes
        .split(|byte| *byte == b'\n')
        .position(|line| {
            GB18030
                .decode_without_bom_handling_and_without_replacement(line)
                .is_none()
        })
        .unwrap_or(0);
    Err(undecodable(path, bad as u64 + 1, "GB18030"))
}

fn line_at(bytes: &[u8], offset: usize) -> u64 {
    bytes[..offset]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count() as u64
        + 1
}

fn undecodable(path: &Path, line: u64, tried: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("无法识别编码：此行不是有效的{tried}"),
            format!("unknown encoding: this line is not valid {tried}"),
        ),
        Text::new(
            "请另存为“CSV UTF-8”，或在轮次文件中写明 encoding",
            "save it as \"CSV UTF-8\", or name the `encoding` in the round file",
        ),
    )
    .at(Place::Line(line))
}

/// Files that are no CSV under whatever name.
fn refuse_other_formats(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
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
    if bytes.starts_with(b"PK\x03\x04") {
        refuse("XLSX或ZIP", "XLSX or ZIP")
    } else if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        refuse("旧版XLS", "an old XLS")
    } else if bytes.starts_with(b"PAR1") {
        refuse("Parquet", "Parquet")
    } else if bytes.starts_with(b"\x1f\x8b") {
        refuse("gzip压缩文件", "gzip")
    } else if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        refuse("UTF-16文本", "UTF-16 text")
    } else if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        refuse("含空字节的二进制文件", "binary (it holds a NUL byte)")
            .map_err(|fault: Fault| fault.at(Place::Line(line_at(bytes, offset))))
    } else {
        Ok(())
    }
}
