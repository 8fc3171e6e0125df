//! The head of a register: how many events it has, and the digest of the last. It is signed
//! with the office's key. It is in the register, where it is written with the events that it
//! is about, and in a file beside it, so that an older register put back is told.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use aidlink_files::document::Document;
use serde::{Deserialize, Serialize};

use crate::number::PersonNumber;
use crate::token::RegisterToken;

/// What is signed of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The id of the register.
    pub register: String,
    /// The id of the key that makes its tokens.
    pub key_id: String,
    /// Number of events.
    pub events: u64,
    /// The digest of the last event, hexadecimal.
    pub last: String,
    /// Number of persons.
    pub persons: u64,
    /// The digest of the persons' numbers and tokens, hexadecimal.
    pub persons_digest: String,
}

impl Head {
    /// Returns the digest of the register, hexadecimal: BLAKE3 of the head as it is written. It
    /// covers the events and the persons with their tokens.
    pub fn digest(&self) -> String {
        blake3::hash(&self.to_bytes()).to_hex().to_string()
    }
}

impl Document for Head {
    const FORMAT: &'static str = "aidlink register head";
    const VERSIONS: RangeInclusive<u64> = 1..=1;
    const LARGEST: u64 = 64 << 10;
}

/// The trusted comment of a head's signature.
pub(crate) const COMMENT: &str = "head of a register by aidlink";

/// Returns the path of the head of the register at `path`.
pub fn head_path(path: &Path) -> PathBuf {
    with_suffix(path, ".head.json")
}

/// Returns a path with this text after its last part.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Returns the digest of persons, hexadecimal: BLAKE3 over a line for each, in the order of
/// the numbers: number, space, token in hexadecimal or `-` without one, line feed.
pub(crate) fn persons_digest<'a>(
    persons: impl Iterator<Item = (&'a PersonNumber, &'a Option<RegisterToken>)>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    for (number, token) in persons {
        hasher.update(number.as_str().as_bytes());
        hasher.update(b" ");
        match token {
            Some(token) => hasher.update(hex::encode(token.0).as_bytes()),
            None => hasher.update(b"-"),
        };
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}
