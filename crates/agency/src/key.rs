//! The round key, its owner-only file, and the subkeys derived from it.

use std::path::{Path, PathBuf};

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::{Fault, Faults, Place, size_text};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{read_owner_only, write_new_owner_only};
use aidlink_office::manifest::Manifest;

/// The version of the keys that this program creates. Version 1, from aidlink 0.1,
/// did not bind the subkey and the id to the round and purpose.
pub const KEY_VERSION: u64 = 2;
/// The prefix of the key value in a key file. The version follows it.
const KEY_PREFIX: &str = "aidlink-round-key-v";
/// The largest key file in bytes. The round and the purpose in it are a line each.
pub const LARGEST_KEY_FILE: u64 = 64 << 10;

/// The key of a round: 32 random bytes, with the round and purpose they belong to.
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
    version: u64,
    round: String,
    purpose: String,
}

/// The subkey for the tokens of persons.
pub struct PersonSubkey {
    pub(crate) key: Zeroizing<[u8; 32]>,
    pub(crate) algorithm: TokenAlgorithm,
}

/// The subkey for the marks of persons, from which the numbers on lists are made.
pub struct MarkSubkey(pub(crate) PersonSubkey);

impl RoundKey {
    /// Creates a key and writes its owner-only file. Never overwrites an existing
    /// file.
    ///
    /// # Errors
    /// If the file exists or cannot be written, or the system provides no random
    /// numbers.
    pub fn create(path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| {
            Fault::of_file(
                path,
                Text::new(
                    "系统无法提供随机数",
                    "the system cannot provide random numbers",
                ),
                Text::new(
                    "请检查系统的随机数生成器",
                    "check the random number generator of the system",
                ),
            )
        })?;
        let key = RoundKey {
            bytes,
            version: KEY_VERSION,
            round: round.to_owned(),
            purpose: purpose.to_owned(),
        };
        key.write_new(path)?;
        Ok(key)
    }

    /// Writes the owner-only key file. Never overwrites an existing file.
    ///
    /// # Errors
    /// If the file exists or cannot be written, if the round or purpose contains an
    /// apostrophe or a control character, or if the file would be too large to read.
    pub fn write_new(&self, path: &Path) -> Result<(), Faults> {
        for text in [&self.round, &self.purpose] {
            if text.contains('\'') || text.chars().any(char::is_control) {
                return Err(Fault::of_file(
                    path,
                    Text::new(
                        "轮次编号和目的不能含单引号或控制字符",
                        "round and purpose must not contain an apostrophe or a control character",
                    ),
                    Text::new("请更正轮次文件", "correct the round file"),
                )
                .into());
            }
        }
        let content = self.to_text();
        if content.len() as u64 > LARGEST_KEY_FILE {
            let size = size_text(LARGEST_KEY_FILE);
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("密钥文件将大于{}，程序不再能读取", size.zh),
                    format!(
                        "the key file would be larger than {}, and could not be read again",
                        size.en
                    ),
                ),
                Text::new(
                    "请缩短轮次文件中的 purpose",
                    "shorten `purpose` in the round file",
                ),
            )
            .into());
        }
        let what = Text::new("密钥文件", "the key file");
        write_new_owner_only(path, content.as_bytes(), &what)?;
        Ok(())
    }

    /// Returns the content of the key file, for sealing to an agency.
    pub fn to_text(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(hex::encode(self.bytes.as_slice()));
        Zeroizing::new(format!(
            "# aidlink: secret. Anyone with this key can find the ID number behind every token\n\
             # of this round. Keep it owner-only; delete it when the round is closed.\n\
             # 机密：持有此密钥者可查出本轮每个令牌对应的证件号码。仅限本人读取，本轮结束后请删除。\n\
             round = '{}'\n\
             purpose = '{}'\n\
             key = '{KEY_PREFIX}{}:{}'\n",
            self.round, self.purpose, self.version, *hex,
        ))
    }

    /// Reads a key file for making tokens.
    ///
    /// # Errors
    /// If users other than the owner may access the file, if it is not a key file,
    /// or if the key belongs to another round or purpose or has version 1.
    pub fn read(path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        let what = Text::new("密钥文件", "the key file");
        let content = Zeroizing::new(read_owner_only(path, LARGEST_KEY_FILE, &what)?);
        Self::parse(&content, path, round, purpose)
    }

    /// Parses the content of a key file for making tokens. `path` is used in
    /// messages.
    ///
    /// # Errors
    /// If the content is not a key, or the key belongs to another round or purpose
    /// or has version 1.
    pub fn parse(content: &[u8], path: &Path, round: &str, purpose: &str) -> Result<Self, Faults> {
        let key = Self::parse_any_version(content, path, round, purpose)?;
        if key.version != KEY_VERSION {
            let version = key.version;
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("密钥为旧版本（第{version}版），未与轮次和目的绑定，不能用于本版本的轮次"),
                    format!(
                        "the key has the old version {version}, which is not bound to its round and purpose; it cannot be used in new rounds"
                    ),
                ),
                Text::new(
                    "请移走旧密钥，用 aidlink key new 生成新密钥，各机构重新开始本轮；已完成的轮次仍可核查和删除",
                    "move the old key away, create a new one with `aidlink key new`, and restart the round at every office; finished rounds can still be audited and purged",
                ),
            )
            .into());
        }
        Ok(key)
    }

    /// Parses a key of any version, for checking a finished round.
    ///
    /// # Errors
    /// If the content is not a key, or the key belongs to another round or purpose.
    pub fn parse_any_version(
        content: &[u8],
        path: &Path,
        round: &str,
        purpose: &str,
    ) -> Result<Self, Faults> {
        let invalid = || {
            Fault::of_file(
                path,
                Text::new("这不是有效的密钥文件", "this is not a valid key file"),
                Text::new(
                    "请用 aidlink key new 生成，或请发送方重新发送",
                    "create one with `aidlink key new`, or ask the sender for it again",
                ),
            )
        };
        let content = std::str::from_utf8(content).map_err(|_| invalid())?;
        let value = |name: &str| value_of(content, name);
        let (Some(named_round), Some(named_purpose), Some((_, key))) =
            (value("round"), value("purpose"), value("key"))
        else {
            return Err(invalid().into());
        };
        for ((line, named), expected, what) in [
            (named_round, round, ("轮次", "round")),
            (named_purpose, purpose, ("目的", "purpose")),
        ] {
            if named != expected {
                let named = shown_name(named);
                return Err(Fault::of_file(
                    path,
                    Text::new(
                        format!("密钥的{}为“{named}”，应为“{expected}”", what.0),
                        format!(
                            "the key is for another {}, `{named}`; expected `{expected}`",
                            what.1
                        ),
                    ),
                    Text::new("请使用本轮的密钥", "use the key of this round"),
                )
                .at(Place::LineColumn { line, column: 1 })
                .into());
            }
        }
        let (version, hex) = key
            .strip_prefix(KEY_PREFIX)
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(invalid)?;
        let version = match version {
            "1" => 1,
            "2" => KEY_VERSION,
            _ => return Err(invalid().into()),
        };
        Ok(RoundKey {
            bytes: decode_hex(hex).ok_or_else(invalid)?,
            version,
            round: round.to_owned(),
            purpose: purpose.to_owned(),
        })
    }

    /// Returns the id of the key in `content`. Returns `None` if the content is not a
    /// key of the manifest's round, or has another version than the manifest records.
    pub fn id_for(content: &[u8], manifest: &Manifest) -> Option<String> {
        let path = Path::new("");
        let key = Self::parse_any_version(content, path, &manifest.round, &manifest.purpose);
        let key = key.ok()?;
        let stated = manifest.key.as_ref()?.version.unwrap_or(1);
        (key.version == stated).then(|| key.id())
    }

    /// Returns the version of the key.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Derives bytes with HKDF-SHA-256 (RFC 5869) without salt. `info` contains the
    /// use of the output, the round and the purpose, so a key file that is edited for
    /// another round gives different tokens.
    fn derive(&self, use_of_output: &str, output: &mut [u8]) {
        let info = match self.version {
            1 => format!("aidlink v1 {use_of_output}"),
            // A round's id has no semicolon, so different pairs give different texts.
            _ => format!(
                "aidlink v2 {use_of_output}; round {}; purpose {}",
                self.round, self.purpose
            ),
        };
        // RFC 5869 allows up to 255 x 32 bytes. These outputs have at most 32.
        let expanded =
            Hkdf::<Sha256>::new(None, self.bytes.as_ref()).expand(info.as_bytes(), output);
        debug_assert!(expanded.is_ok());
    }

    /// Returns the key id: 64 bits of separate HKDF output, hexadecimal. It reveals
    /// nothing about the key.
    pub fn id(&self) -> String {
        let mut id = [0; 8];
        self.derive("key id", &mut id);
        hex::encode(id)
    }

    /// Derives the subkey for the tokens of persons. The algorithm's name is part of
    /// the derivation, so each algorithm has its own subkey.
    pub fn person_subkey(&self, algorithm: TokenAlgorithm) -> PersonSubkey {
        let mut key = Zeroizing::new([0; 32]);
        self.derive(&format!("person token {}", algorithm.name()), key.as_mut());
        PersonSubkey { key, algorithm }
    }

    /// Derives the subkey for the marks of persons, with the round's token algorithm.
    pub fn mark_subkey(&self, algorithm: TokenAlgorithm) -> MarkSubkey {
        let mut key = Zeroizing::new([0; 32]);
        self.derive(&format!("person number {}", algorithm.name()), key.as_mut());
        MarkSubkey(PersonSubkey { key, algorithm })
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        RoundKey {
            bytes: Zeroizing::new(bytes),
            version: KEY_VERSION,
            round: "r".to_owned(),
            purpose: "p".to_owned(),
        }
    }
}

/// The key file of a pooled round. The first run that needs the key creates it. If that run
/// fails, the key stays for the next one: another run may have used it meanwhile.
pub struct KeyFile {
    path: PathBuf,
    /// Whether this process created the file.
    is_made_here: bool,
}

impl KeyFile {
    /// Creates a handle for the key file at `path`.
    pub fn at(path: &Path) -> Self {
        KeyFile {
            path: path.to_path_buf(),
            is_made_here: false,
        }
    }

    /// Returns the path of the key file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether this process created the key.
    pub fn is_made_here(&self) -> bool {
        self.is_made_here
    }

    /// Reads the key, or creates it if the file is missing. In a pooled round the key
    /// never leaves the machine, and only a second run needs it again.
    ///
    /// # Errors
    /// The errors of [`RoundKey::read`] and [`RoundKey::create`].
    pub fn read_or_make(&mut self, round: &str, purpose: &str) -> Result<RoundKey, Faults> {
        if self.path.exists() {
            return RoundKey::read(&self.path, round, purpose);
        }
        match RoundKey::create(&self.path, round, purpose) {
            Ok(key) => {
                self.is_made_here = true;
                Ok(key)
            }
            // Another run has created it in the meantime.
            Err(_) if self.path.exists() => RoundKey::read(&self.path, round, purpose),
            Err(faults) => Err(faults),
        }
    }
}

/// Returns a value of a key file and its line, from 1; `None` if it is not there once, between
/// apostrophes. A file is not read with a TOML parser, which would leave copies of the key in
/// memory.
pub(crate) fn value_of<'c>(content: &'c str, name: &str) -> Option<(usize, &'c str)> {
    let mut stated = content.lines().enumerate().filter_map(|(index, line)| {
        let value = line.trim_start().strip_prefix(name)?;
        Some((index + 1, value.trim_start().strip_prefix('=')?))
    });
    // Of two, a person could believe the other one.
    let (Some((line, value)), None) = (stated.next(), stated.next()) else {
        return None;
    };
    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    // Reject a value with another apostrophe: the key might follow it and would appear in a
    // message.
    (!value.contains('\'')).then_some((line, value))
}

pub(crate) fn decode_hex(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(hex, bytes.as_mut_slice()).ok()?;
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

    /// A key file with a line that states something again in the place of ROUND.
    const TWICE: &str = "round = 'r'\npurpose = 'p'\nkey = 'aidlink-round-key-v2:0000000000000000000000000000000000000000000000000000000000000000'\nROUND\n";

    fn error_of(result: Result<RoundKey, Faults>) -> String {
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
            error_of(RoundKey::read(&path, "2026Q4", "joint-screening")),
            "the key is for another round, `2026Q3`; expected `2026Q4`"
        );
        assert_eq!(
            error_of(RoundKey::read(&path, "2026Q3", "other")),
            "the key is for another purpose, `joint-screening`; expected `other`"
        );
        assert_eq!(
            error_of(RoundKey::create(&path, "2026Q3", "joint-screening")),
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
                error_of(RoundKey::read(&path, "r", "p")),
                "others may read or change the key file; it is refused"
            );
        }
    }

    #[test]
    fn editing_round_or_purpose_of_a_key_file_changes_subkey_and_id() {
        let path = Path::new("round.key");
        let of = |round: &str, purpose: &str| {
            let text = format!(
                "round = '{round}'\npurpose = '{purpose}'\nkey = '{KEY_PREFIX}2:{}'\n",
                "5a".repeat(32)
            );
            let Ok(key) = RoundKey::parse(text.as_bytes(), path, round, purpose) else {
                panic!("a valid key file was refused")
            };
            let subkey = key.person_subkey(TokenAlgorithm::HmacSha256);
            (key.id(), subkey.key.to_vec())
        };
        let all = [
            of("2026Q3", "joint-screening"),
            of("2026Q4", "joint-screening"),
            of("2026Q3", "another"),
            of("2026", "Q3"),
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(one.0, other.0);
                assert_ne!(one.1, other.1);
            }
        }
    }

    #[test]
    fn a_version_1_key_gives_its_old_id_but_makes_no_tokens() {
        let text = format!(
            "round = 'r'\npurpose = 'p'\nkey = '{KEY_PREFIX}1:{}'\n",
            "0123456789abcdef".repeat(4)
        );
        let path = Path::new("round.key");
        let error = error_of(RoundKey::parse(text.as_bytes(), path, "r", "p"));
        assert!(
            error.starts_with("the key has the old version 1,"),
            "{error}"
        );
        let Ok(key) = RoundKey::parse_any_version(text.as_bytes(), path, "r", "p") else {
            panic!("a valid key file was refused")
        };
        // openssl kdf -keylen 8 -kdfopt digest:SHA256 -kdfopt hexkey:0123... -kdfopt
        // info:"aidlink v1 key id" HKDF
        assert_eq!((key.version(), key.id().as_str()), (1, "37173d2b1cff34e0"));
    }

    #[test]
    fn the_first_run_makes_the_key_and_the_next_one_reads_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.key");
        let id = |file: &mut KeyFile| match file.read_or_make("r", "p") {
            Ok(key) => key.id(),
            Err(_) => panic!("cannot create or read the key"),
        };
        let (mut first, mut next) = (KeyFile::at(&path), KeyFile::at(&path));
        assert_eq!(id(&mut first), id(&mut next));
        assert!(first.is_made_here());
        assert!(!next.is_made_here());
    }

    #[test]
    fn a_spoilt_key_file_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for content in [
            "round = 'r'\npurpose = 'p'\nkey = 'aidlink-round-key-v2:abcd'\n",
            "round = 'r'\npurpose = 'p'\nkey = 'aidlink-round-key-v3:00000000000000000000000000000000000000000000000000000000000000'\n",
            "round = 'r'\npurpose = 'p'\nkey = 0xabcdefabcdef\n",
            &TWICE.replace("ROUND", "round = 'r'"),
            &TWICE.replace("ROUND", " round = 'other'"),
            &TWICE.replace("ROUND", "purpose='p'"),
            &TWICE.replace("ROUND", "key = 'aidlink-round-key-v2:1111111111111111111111111111111111111111111111111111111111111111'"),
            "aidlink-round-key-v2:0123456789abcdef0123456789abcdef",
            "",
        ] {
            let path = folder.path().join("spoilt.key");
            std::fs::write(&path, content).expect("a writable folder");
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("own file");
            assert_eq!(
                error_of(RoundKey::read(&path, "r", "p")),
                "this is not a valid key file"
            );
        }
    }
}
