//! The round key: a file that only its owner may read, and the subkeys made from it.

use std::fmt::Write as _;

use std::path::Path;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::{Fault, Faults, Place};
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{check_owner_only, write_new_owner_only};

/// HKDF label of the subkey that tokens of persons are made with; the name of
/// the algorithm follows, so that no subkey serves two.
const LABEL_PERSON: &str = "aidlink v1 person token ";
/// HKDF label of the key id.
const LABEL_KEY_ID: &[u8] = b"aidlink v1 key id";
/// The prefix that tells a key file from other files.
const KEY_PREFIX: &str = "aidlink-round-key-v1:";

/// The 32 random bytes of a round, with the round and purpose they were made for.
///
/// It cannot be printed:
/// ```compile_fail
/// fn print(key: &aidlink_agency::key::RoundKey) { println!("{key:?}"); }
/// ```
/// nor serialised:
/// ```compile_fail
/// fn serialise<T: serde::Serialize>(_: &T) {}
/// fn try_it(key: &aidlink_agency::key::RoundKey) { serialise(key) }
/// ```
/// It can be used:
/// ```
/// fn id(key: &aidlink_agency::key::RoundKey) -> String { key.id() }
/// ```
pub struct RoundKey {
    bytes: Zeroizing<[u8; 32]>,
}

/// The subkey that tokens of persons are made with.
pub struct PersonSubkey {
    pub(crate) key: Zeroizing<[u8; 32]>,
    pub(crate) algorithm: TokenAlgorithm,
}

impl RoundKey {
    /// Makes a new key and writes its file, owner-only; an existing file is
    /// never overwritten.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the system gives no randomness.
    pub fn create(path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| {
            Fault::of_file(
                path,
                Text::new("系统不能提供随机数", "the system gives no randomness"),
                Text::new("请检查系统", "check the system"),
            )
        })?;
        let key = RoundKey { bytes };
        key.write_new(path, round, purpose)?;
        Ok(key)
    }

    /// Writes the key's file, owner-only; an existing file is never overwritten.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn write_new(&self, path: &Path, round: &str, purpose: &str) -> Result<(), Faults> {
        for text in [round, purpose] {
            if text.contains('\'') || text.chars().any(char::is_control) {
                return Err(Fault::of_file(
                    path,
                    Text::new(
                        "轮次编号和用途不能含单引号或控制字符",
                        "round and purpose must not hold an apostrophe or a control character",
                    ),
                    Text::new("请更正轮次文件", "correct the round file"),
                )
                .into());
            }
        }
        let content = self.to_text(round, purpose);
        let what = Text::new("密钥文件", "the key file");
        write_new_owner_only(path, content.as_bytes(), &what)?;
        Ok(())
    }

    /// The content of the key's file, to be sealed to an agency.
    pub fn to_text(&self, round: &str, purpose: &str) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for byte in self.bytes.iter() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Zeroizing::new(format!(
            "# aidlink: secret. Whoever holds this key can find the ID number behind every token\n\
             # of this round. Keep it owner-only; delete it when the round is closed.\n\
             # 机密：持有此密钥者可还原本轮全部令牌。仅限本人读取，本轮结束后销毁。\n\
             round = '{}'\n\
             purpose = '{}'\n\
             key = '{KEY_PREFIX}{}'\n",
            round, purpose, *hex,
        ))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When others than the owner may read it, when it is no key file, or when
    /// it was made for another round or purpose.
    pub fn read(path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        check_owner_only(path, &Text::new("密钥文件", "the key file"))?;
        // Read by hand and wiped: a general parser would leave copies of the key.
        let content =
            Zeroizing::new(std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?);
        Self::parse(&content, path, round, purpose)
    }

    /// Reads the content of a key file; `path` is where it came from.
    ///
    /// # Errors
    /// When it is none, or of another round or purpose.
    pub fn parse(content: &[u8], path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        let no_key = || {
            Fault::of_file(
                path,
                Text::new("这不是有效的密钥文件", "this is no valid key file"),
                Text::new(
                    "请用 aidlink key new 生成，或向发放方重新索取",
                    "make one with `aidlink key new`, or ask its giver again",
                ),
            )
        };
        let content = std::str::from_utf8(content).map_err(|_| no_key())?;
        let value = |name: &str| {
            content.lines().enumerate().find_map(|(index, line)| {
                let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
                let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                // Of a line with a further apostrophe nothing is shown: the key may follow.
                (!value.contains('\'')).then_some((index + 1, value))
            })
        };
        let (Some(named_round), Some(named_purpose), Some((_, key))) =
            (value("round"), value("purpose"), value("key"))
        else {
            return Err(no_key().into());
        };
        for ((line, named), wanted, what) in [
            (named_round, round, ("轮次", "round")),
            (named_purpose, purpose, ("用途", "purpose")),
        ] {
            if named != wanted {
                return Err(Fault::of_file(
                    path,
                    Text::new(
                        format!("密钥属于另一{}“{named}”，本轮为“{wanted}”", what.0),
                        format!(
                            "the key is for another {}, `{named}`; this round says `{wanted}`",
                            what.1
                        ),
                    ),
                    Text::new("请使用本轮的密钥", "use the key of this round"),
                )
                .at(Place::LineColumn { line, column: 1 })
                .into());
            }
        }
        let bytes = key
            .strip_prefix(KEY_PREFIX)
            .and_then(decode_hex)
            .ok_or_else(no_key)?;
        Ok(RoundKey { bytes })
    }

    fn derive(&self, label: &[u8], output: &mut [u8]) {
        // RFC 5869 allows up to 255 x 32 bytes; these outputs have at most 32.
        let expanded = Hkdf::<Sha256>::new(None, self.bytes.as_ref()).expand(label, output);
        debug_assert!(expanded.is_ok());
    }

    /// An id that reveals nothing about the key: 64 bits of HKDF output under
    /// a label of its own, hexadecimal.
    pub fn id(&self) -> String {
        let mut id = [0; 8];
        self.derive(LABEL_KEY_ID, &mut id);
        id.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The subkey for tokens of persons.
    pub fn person_subkey(&self, algorithm: TokenAlgorithm) -> PersonSubkey {
        let mut key = Zeroizing::new([0; 32]);
        let label = format!("{LABEL_PERSON}{}", algorithm.name());
        self.derive(label.as_bytes(), key.as_mut());
        PersonSubkey { key, algorithm }
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        RoundKey {
            bytes: Zeroizing::new(bytes),
        }
    }
}

fn decode_hex(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    // `from_str_radix` would take a sign for a digit.
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aidlink_faults::text::Language;

    static_assertions::assert_not_impl_any!(
        RoundKey: std::fmt::Debug, std::fmt::Display, Clone, Copy
    );
    static_assertions::assert_not_impl_any!(
        PersonSubkey: std::fmt::Debug, std::fmt::Display, Clone, Copy
    );

    fn refused(result: Result<RoundKey, Faults>) -> String {
        match result {
            Ok(_) => "accepted".into(),
            Err(faults) => faults
                .iter()
                .map(|fault| fault.message.in_language(Language::English).to_owned())
                .collect(),
        }
    }

    #[test]
    fn a_key_file_serves_its_own_round_and_purpose_and_no_other() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.key");
        let key = RoundKey::create(&path, "2026Q3", "joint-screening").map(|key| key.id());
        let again = RoundKey::read(&path, "2026Q3", "joint-screening").map(|key| key.id());
        assert!(key.is_ok() && key == again);
        assert_eq!(
            refused(RoundKey::read(&path, "2026Q4", "joint-screening")),
            "the key is for another round, `2026Q3`; this round says `2026Q4`"
        );
        assert_eq!(
            refused(RoundKey::read(&path, "2026Q3", "other")),
            "the key is for another purpose, `joint-screening`; this round says `other`"
        );
        assert_eq!(
            refused(RoundKey::create(&path, "2026Q3", "joint-screening")),
            "the key file exists and is not overwritten"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.key");
        RoundKey::create(&path, "r", "p")
            .map(|_| ())
            .expect("a new key");
        let mode = std::fs::metadata(&path)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
                .expect("own file");
            assert_eq!(
                refused(RoundKey::read(&path, "r", "p")),
                "others may read or change the key file; it is refused"
            );
        }
    }

    #[test]
    fn a_spoilt_key_file_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for content in [
            "round = 'r'\npurpose = 'p'\nkey = 'aidlink-round-key-v1:abcd'\n",
            "round = 'r'\npurpose = 'p'\nkey = 0xabcdefabcdef\n",
            "aidlink-round-key-v1:0123456789abcdef0123456789abcdef",
            "",
        ] {
            let path = folder.path().join("spoilt.key");
            std::fs::write(&path, content).expect("a writable folder");
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("own file");
            assert_eq!(
                refused(RoundKey::read(&path, "r", "p")),
                "this is no valid key file"
            );
        }
    }
}
