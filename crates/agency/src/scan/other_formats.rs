//! Recognises files that are not CSV, whatever their name says, and says what they are.

use std::path::Path;

use aidlink_faults::fault::{Fault, Place};
use aidlink_faults::text::Text;

use super::encoding::marks_length;

/// A format that is not read here.
struct OtherFormat {
    zh: &'static str,
    en: &'static str,
    remedy: Remedy,
}

/// What the person who has the file can do.
enum Remedy {
    SaveAs,
    Unpack,
}

/// Refuses a text that is not CSV. `head` are its first bytes, unpacked.
///
/// # Errors
/// The fault that names the format.
pub(super) fn refuse(path: &Path, head: &[u8]) -> Result<(), Fault> {
    let zero = memchr::memchr(0, head);
    let (format, line) = match (of(head), zero) {
        (Some(format), _) => (format, None),
        (None, None) => return Ok(()),
        (None, Some(offset)) => {
            let line = memchr::memchr_iter(b'\n', &head[..offset]).count() as u64 + 1;
            let binary = save_as("含空字节的二进制文件", "binary (it contains a NUL byte)");
            (binary, Some(line))
        }
    };
    let remedy = match format.remedy {
        Remedy::SaveAs => Text::new(
            "请用能打开此文件的软件另存为 XLSX 或“CSV UTF-8”",
            "open it in a program that can read it, and save it as XLSX or \"CSV UTF-8\"",
        ),
        Remedy::Unpack => Text::new(
            "请解压，并在轮次文件中列出其中的文件",
            "unpack it, and list the files in it in the round file",
        ),
    };
    let fault = Fault::of_file(
        path,
        Text::new(
            format!("文件是{}，不是 CSV", format.zh),
            format!("the file is {}, not CSV", format.en),
        ),
        remedy,
    );
    Err(match line {
        Some(line) => fault.at(Place::Line(line)),
        None => fault,
    })
}

fn save_as(zh: &'static str, en: &'static str) -> OtherFormat {
    let remedy = Remedy::SaveAs;
    OtherFormat { zh, en, remedy }
}

fn unpack(zh: &'static str, en: &'static str) -> OtherFormat {
    let remedy = Remedy::Unpack;
    OtherFormat { zh, en, remedy }
}

fn of(head: &[u8]) -> Option<OtherFormat> {
    let start = head
        .get(marks_length(head)..)
        .unwrap_or_default()
        .trim_ascii_start();
    let starts_with = |tag: &[u8]| {
        start
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    // No title and no heading begins with a tag.
    let is_markup = matches!(start, [b'<', second, ..]
        if second.is_ascii_alphabetic() || matches!(second, b'!' | b'?'));
    if is_markup && is_flat_open_document(start) {
        Some(save_as(
            "单一 XML 的 OpenDocument 文件（FODS）",
            "a flat OpenDocument file (FODS, XML)",
        ))
    } else if is_markup {
        Some(save_as("网页或 XML", "a web page or XML"))
    } else if starts_with(b"MIME-Version:") {
        Some(save_as("网页归档（MHT）", "a web archive (MHT)"))
    } else if starts_with(b"%PDF-") {
        Some(save_as("PDF", "a PDF document"))
    } else if starts_with(b"{\\rtf") {
        Some(save_as("RTF 文档", "an RTF document"))
    } else if starts_with(b"ID;P") {
        Some(save_as("SYLK 电子表格", "a SYLK spreadsheet"))
    } else if is_json(start) {
        Some(save_as("JSON", "JSON"))
    } else if head.starts_with(b"PK\x03\x04") {
        Some(unpack(
            "压缩包中的工作簿或压缩包",
            "a workbook or an archive inside an archive",
        ))
    } else if head.starts_with(b"\xd0\xcf\x11\xe0") {
        Some(unpack(
            "压缩包中的工作簿（XLS）",
            "a workbook (XLS) inside an archive",
        ))
    } else if head.starts_with(b"PAR1") {
        Some(unpack(
            "压缩包中的 Parquet 文件",
            "a Parquet file inside an archive",
        ))
    } else if head.starts_with(b"\x1f\x8b") {
        Some(unpack(
            "压缩了两次的文件（gzip）",
            "compressed twice (gzip)",
        ))
    } else if head.get(257..262) == Some(b"ustar") {
        Some(unpack("tar 归档", "a tar archive"))
    } else if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        Some(unpack("7z 压缩包", "a 7z archive"))
    } else if head.starts_with(b"Rar!\x1a\x07") {
        Some(unpack("RAR 压缩包", "a RAR archive"))
    } else {
        None
    }
}

/// Recognises an OpenDocument file that is not packed by the name space of its root
/// element.
fn is_flat_open_document(start: &[u8]) -> bool {
    const NAME_SPACE: &[u8] = b"urn:oasis:names:tc:opendocument:xmlns:office:";
    memchr::memmem::find(start, NAME_SPACE).is_some()
}

/// Recognises an object, or an array of objects.
fn is_json(start: &[u8]) -> bool {
    let inside = match start {
        [b'[', rest @ ..] => rest.trim_ascii_start(),
        _ => start,
    };
    match inside {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')),
        _ => false,
    }
}
