//! JSON documents with a type: each names its format and version, is written and
//! read by the same type, and is refused when it is of another.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::Path;

use aidlink_faults::fault::{Fault, Place};
use aidlink_faults::text::Text;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A version beyond this is not aidlink's. It is not shown: a number in a file
/// from outside may be an ID number.
const LARGEST_VERSION: u64 = 9_999;

/// A kind of JSON document. Its fields `format` and `version` are those of
/// [`Head`]; reading refuses fields that the type does not have.
pub trait Document: Serialize + DeserializeOwned {
    /// What `format` says.
    const FORMAT: &'static str;
    /// The versions that this program reads; it writes the last of them.
    const VERSIONS: RangeInclusive<u64>;
    /// The version of documents that name none, if there ever were such.
    const VERSION_UNNAMED: Option<u64> = None;

    /// What stands first in a document that is written now.
    fn head() -> Head {
        Head {
            format: Self::FORMAT.to_owned(),
            version: *Self::VERSIONS.end(),
        }
    }

    /// The document as a file's content: indented, with a line feed at the end.
    fn to_bytes(&self) -> Vec<u8> {
        // Types of documents have only text keys, so serialising cannot fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The document on one line, without spaces and without a line feed.
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

/// Which document it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The name of the format.
    pub format: String,
    /// Its version.
    pub version: u64,
}

/// The head of any document. Manifests of version 2 call it `manifest_version`
/// and name no format.
#[derive(Deserialize)]
struct AnyHead {
    format: Option<String>,
    #[serde(alias = "manifest_version")]
    version: Option<u64>,
}

/// Why a document was refused. None of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// It is not JSON, or lacks what its format has, or has more.
    Damaged {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is another kind of document.
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
    /// The sentence for a user. `what` names the kind of document.
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
                format!("由更新版本的程序写出（{zh}第{version}版，本程序认识到第{known}版）"),
                format!(
                    "a newer aidlink wrote it ({en} version {version}; this one reads up to {known})"
                ),
            ),
            DocumentFault::Older { version, known } => Text::new(
                format!("由旧版本的程序写出（{zh}第{version}版，本程序从第{known}版起认识）"),
                format!(
                    "an older aidlink wrote it ({en} version {version}; this one reads from {known} on)"
                ),
            ),
        }
    }

    /// What to do about it.
    pub fn hint(self) -> Text {
        match self {
            DocumentFault::Damaged { .. } | DocumentFault::OtherFormat => {
                Text::new("请从备份取回", "restore it from a backup")
            }
            DocumentFault::Newer { .. } => Text::new(
                "请用那个版本或更新的版本",
                "use that version of aidlink or a newer one",
            ),
            DocumentFault::Older { .. } => Text::new(
                "请用当时的版本，或重新运行",
                "use the version of that time, or run the step again",
            ),
        }
    }

    /// As a fault of a file.
    pub fn of_file(self, path: &Path, what: &Text) -> Fault {
        let fault = Fault::of_file(path, self.text(what), self.hint());
        match self {
            DocumentFault::Damaged { line, column } => fault.at(Place::LineColumn { line, column }),
            _ => fault,
        }
    }
}

fn parse<T: Document>(bytes: &[u8]) -> Result<T, DocumentFault> {
    let damaged = |error: serde_json::Error| DocumentFault::Damaged {
        line: error.line(),
        column: error.column(),
    };
    let head: AnyHead = serde_json::from_slice(bytes).map_err(damaged)?;
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

/// Reads a map and refuses a key that is named twice; serde by itself keeps the
/// last. For `#[serde(deserialize_with = "...")]`.
///
/// # Errors
/// When a key is named twice, or a value cannot be read.
pub fn map_without_repeats<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct WithoutRepeats<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for WithoutRepeats<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<String, V>()? {
                if map.insert(key, value).is_some() {
                    return Err(A::Error::custom("a key is named twice"));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(WithoutRepeats(PhantomData))
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
    }

    #[test]
    fn a_document_is_read_back_and_others_are_refused_by_what_they_are() {
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
        // An ID number in the place of a version is not shown.
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
    fn a_map_that_names_a_key_twice_is_refused() {
        #[derive(Debug, Deserialize)]
        struct Counts(#[serde(deserialize_with = "map_without_repeats")] BTreeMap<String, u64>);
        let read = |text: &str| serde_json::from_str::<Counts>(text).map(|counts| counts.0);
        let counts = read(r#"{"a":1,"b":2}"#).expect("two keys");
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [1, 2]);
        for refused in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            "[]",
            r#"{"a":"1"}"#,
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
