//! Typed JSON documents. Each document names its format and version. One Rust type
//! writes and reads it; documents of another format or an unknown version are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use aidlink_faults::fault::{Fault, Place, size_text};
use aidlink_faults::text::Text;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest version number that can be aidlink's. Larger numbers are not shown in
/// messages, because a number in a file from outside may be an ID number.
const LARGEST_VERSION: u64 = 9_999;

/// A kind of JSON document. It has the fields `format` and `version` of [`Head`].
/// The type must refuse unknown fields (`#[serde(deny_unknown_fields)]`).
pub trait Document: Serialize + DeserializeOwned {
    /// The value of `format`.
    const FORMAT: &'static str;
    /// The versions that this program reads; it writes the last one.
    const VERSIONS: RangeInclusive<u64>;
    /// The version of documents without a version number, if any were ever written.
    const VERSION_UNNAMED: Option<u64> = None;
    /// The largest document in bytes. Larger ones are neither read nor written.
    const LARGEST: u64 = 256 << 20;

    /// Returns the head of a new document.
    fn head() -> Head {
        Head {
            format: Self::FORMAT.to_owned(),
            version: *Self::VERSIONS.end(),
        }
    }

    /// Serialises the document as the content of a file: indented, with a line feed at
    /// the end.
    fn to_bytes(&self) -> Vec<u8> {
        // Maps in documents have string keys only, so serialising cannot fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Serialises the document as [`Document::to_bytes`] does, for the file at `path`.
    ///
    /// # Errors
    /// If it is larger than [`Document::LARGEST`], so that no program could read it.
    fn to_file(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        let bytes = self.to_bytes();
        check_writable(bytes.len(), Self::LARGEST, path)?;
        Ok(bytes)
    }

    /// Serialises the document on one line, without spaces and without a line feed.
    fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`DocumentFault`].
    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        parse(bytes)
    }
}

/// The format and version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The name of the format.
    pub format: String,
    /// Its version.
    pub version: u64,
}

/// The head of any document. Manifests of version 2 have no `format`, and name their
/// version `manifest_version`.
#[derive(Deserialize)]
struct AnyHead {
    format: Option<String>,
    #[serde(alias = "manifest_version")]
    version: Option<u64>,
}

/// Why a document was refused. It contains nothing from the document but a version
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// It is not JSON, or a field is missing, unknown or of the wrong type.
    Damaged {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is a document of another kind.
    OtherFormat,
    /// A newer program wrote it.
    Newer {
        /// The document's version.
        version: u64,
        /// The newest version that this program reads.
        known: u64,
    },
    /// An older program wrote it, in a version that is no longer read.
    Older {
        /// The document's version.
        version: u64,
        /// The oldest version that this program reads.
        known: u64,
    },
}

impl DocumentFault {
    /// Returns the message. `what` names the kind of document.
    pub fn text(self, what: &Text) -> Text {
        let (zh, en) = (&what.zh, &what.en);
        match self {
            DocumentFault::Damaged { .. } => Text::new(
                format!("这不是{zh}，或已损坏"),
                format!("this is not a {en}, or it is damaged"),
            ),
            DocumentFault::OtherFormat => {
                Text::new(format!("这不是{zh}"), format!("this is not a {en}"))
            }
            DocumentFault::Newer { version, known } => Text::new(
                format!("由更新版本的程序生成（{zh}第{version}版，本程序最高支持第{known}版）"),
                format!(
                    "a newer aidlink wrote it ({en} version {version}; this one reads up to {known})"
                ),
            ),
            DocumentFault::Older { version, known } => Text::new(
                format!("由旧版本的程序生成（{zh}第{version}版，本程序最低支持第{known}版）"),
                format!(
                    "an older aidlink wrote it ({en} version {version}; this one reads from {known} on)"
                ),
            ),
        }
    }

    /// Returns the hint.
    pub fn hint(self) -> Text {
        match self {
            DocumentFault::Damaged { .. } | DocumentFault::OtherFormat => {
                Text::new("请从备份恢复", "restore it from a backup")
            }
            DocumentFault::Newer { .. } => Text::new(
                "请使用生成该文件的 aidlink 版本或更新的版本",
                "use the aidlink version that wrote it, or a newer one",
            ),
            DocumentFault::Older { .. } => Text::new(
                "请使用生成该文件的 aidlink 版本，或重新运行该步骤",
                "use the aidlink version that wrote it, or run the step again",
            ),
        }
    }

    /// Converts it to a fault of a file.
    pub fn of_file(self, path: &Path, what: &Text) -> Fault {
        let fault = Fault::of_file(path, self.text(what), self.hint());
        match self {
            DocumentFault::Damaged { line, column } => fault.at(Place::LineColumn { line, column }),
            _ => fault,
        }
    }
}

/// Refuses to write a document of `length` bytes that is larger than readers accept.
///
/// # Errors
/// If it is larger than `at_most` bytes.
pub fn check_writable(length: usize, at_most: u64, path: &Path) -> Result<(), Fault> {
    if length as u64 <= at_most {
        return Ok(());
    }
    let size = size_text(at_most);
    Err(Fault::of_file(
        path,
        Text::new(
            format!("文件将大于{}，程序不再能读取，未写出", size.zh),
            format!(
                "the file would be larger than {} and could not be read again; it was not written",
                size.en
            ),
        ),
        Text::new(
            "请减少导出的文件和列，缩短轮次文件和规则文件中的文字，或把本轮分成几轮",
            "use fewer files and columns in the exports, shorten the texts in round file and policy, or divide the round",
        ),
    ))
}

fn parse<T: Document>(bytes: &[u8]) -> Result<T, DocumentFault> {
    let damaged = |error: serde_json::Error| DocumentFault::Damaged {
        line: error.line(),
        column: error.column(),
    };
    let head: AnyHead = from_json(bytes).map_err(damaged)?;
    let (first, last) = (*T::VERSIONS.start(), *T::VERSIONS.end());
    match (head.format, head.version.or(T::VERSION_UNNAMED)) {
        (Some(format), _) if format != T::FORMAT => Err(DocumentFault::OtherFormat),
        (_, None) => Err(DocumentFault::OtherFormat),
        (_, Some(version)) if version > LARGEST_VERSION => Err(DocumentFault::OtherFormat),
        (_, Some(version)) if version > last => Err(DocumentFault::Newer {
            version,
            known: last,
        }),
        (_, Some(version)) if version < first => Err(DocumentFault::Older {
            version,
            known: first,
        }),
        _ => serde_json::from_slice(bytes).map_err(damaged),
    }
}

/// Reads JSON in which no object has a key twice, at any depth. `serde_json` itself keeps the last
/// value of a map, so that a reader of the file could believe the first.
///
/// # Errors
/// If it is not JSON, a key occurs twice, or the value is of another type.
pub fn from_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    let WithoutRepeats = serde_json::from_slice(bytes)?;
    serde_json::from_slice(bytes)
}

/// Any JSON in which no object has a key twice.
struct WithoutRepeats;

impl<'de> Deserialize<'de> for WithoutRepeats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WithoutRepeats)
    }
}

impl<'de> Visitor<'de> for WithoutRepeats {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(WithoutRepeats) = items.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, WithoutRepeats)) = entries.next_entry::<String, _>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        format: String,
        version: u64,
        text: String,
    }

    impl Document for Note {
        const FORMAT: &'static str = "test note";
        const VERSIONS: RangeInclusive<u64> = 2..=3;
        const LARGEST: u64 = 80;
    }

    #[test]
    fn a_document_that_is_too_large_to_read_is_not_written() {
        let Head { format, version } = Note::head();
        let mut note = Note {
            format,
            version,
            text: String::new(),
        };
        note.text = "a".repeat(80 - note.to_bytes().len());
        let path = Path::new("note.json");
        assert_eq!(note.to_file(path).map(|bytes| bytes.len()), Ok(80));
        note.text.push('a');
        let fault = note.to_file(path).expect_err("too large");
        assert_eq!(fault.file, path);
        assert!(fault.message.en.contains("larger than 80 bytes"));
        assert!(fault.message.zh.contains("大于80字节"));
    }

    #[test]
    fn document_is_read_back_and_other_documents_are_refused() {
        let Head { format, version } = Note::head();
        let note = Note {
            format,
            version,
            text: "a".to_owned(),
        };
        let bytes = note.to_bytes();
        assert_eq!(
            note.to_line(),
            r#"{"format":"test note","version":3,"text":"a"}"#
        );
        assert_eq!(Note::parse(note.to_line().as_bytes()).as_ref(), Ok(&note));
        assert_eq!(Note::parse(&bytes), Ok(note));
        let refused = |text: &str| Note::parse(text.as_bytes()).err();
        assert_eq!(
            refused(r#"{"format":"test note","version":9}"#),
            Some(DocumentFault::Newer {
                version: 9,
                known: 3
            })
        );
        assert_eq!(
            refused(r#"{"format":"test note","version":1}"#),
            Some(DocumentFault::Older {
                version: 1,
                known: 2
            })
        );
        assert_eq!(
            refused(r#"{"format":"another","version":3}"#),
            Some(DocumentFault::OtherFormat)
        );
        assert_eq!(refused("{}"), Some(DocumentFault::OtherFormat));
        // A version number that may be an ID number is not reported.
        assert_eq!(
            refused(r#"{"format":"test note","version":449901199001011234}"#),
            Some(DocumentFault::OtherFormat)
        );
        for damaged in [
            "",
            "[",
            r#"{"format":"test note","version":3}"#,
            r#"{"format":"test note","version":3,"text":"a","more":1}"#,
            r#"{"format":"test note","version":3,"text":"a","text":"b"}"#,
        ] {
            assert!(
                matches!(refused(damaged), Some(DocumentFault::Damaged { .. })),
                "{damaged}"
            );
        }
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused_at_any_depth() {
        let read = |text: &str| from_json::<serde_json::Value>(text.as_bytes());
        for whole in [
            r#"{"a":1,"b":2}"#,
            r#"[{"a":1},{"a":2}]"#,
            r#"{"a":{"a":{"a":[-1,1.5,"a",true,null]}}}"#,
            "7",
            "[]",
        ] {
            assert!(read(whole).is_ok(), "{whole}");
        }
        for refused in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"":1,"":{}}"#,
            r#"[1,{"b":[{"a":1,"a":null}]}]"#,
            r#"{"a":{"b":"c","b":"d"}}"#,
        ] {
            let error = read(refused).expect_err(refused);
            assert_eq!(error.line(), 1, "{refused}");
        }
    }
}
