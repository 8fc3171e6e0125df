//! The tokens under which the procuratorate's register keeps persons, and the register's own
//! key in its owner-only file.
//!
//! A register outlives its rounds, and each round has another key. So a person is known in it
//! by a MAC of the ID number under a key that no round has; tokens of a round and tokens of a
//! register have nothing in common.

use std::path::Path;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use aidlink_contract::token::{Token, TokenAlgorithm};
use aidlink_faults::fault::{Fault, Place};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{exists, read_owner_only, write_new_owner_only};

use crate::key::{LARGEST_KEY_FILE, PersonSubkey, decode_hex, value_of};
use crate::national_id::NationalId;
use crate::tokeniser::{Scratch, Tokeniser};

/// The prefix of the key in a register's key file.
pub const KEY_PREFIX: &str = "aidlink-register-key-v1:";

/// The key of a register: 32 random bytes, with the register they belong to.
///
/// It cannot be printed:
/// ```compile_fail
/// fn print(key: &aidlink_agency::register_token::RegisterKey) { println!("{key:?}"); }
/// ```
pub struct RegisterKey {
    bytes: Zeroizing<[u8; 32]>,
    register: String,
    algorithm: TokenAlgorithm,
}

/// Makes the tokens of a register.
pub struct RegisterTokeniser(Tokeniser);

impl RegisterKey {
    /// Creates a key and writes its owner-only file. Never overwrites an existing file.
    /// `register` is the register's id.
    ///
    /// # Errors
    /// As for [`RegisterKey::generate`] and [`RegisterKey::write_new`].
    pub fn create(path: &Path, register: &str, algorithm: TokenAlgorithm) -> Result<Self, Fault> {
        let key = Self::generate(path, register, algorithm)?;
        key.write_new(path)?;
        Ok(key)
    }

    /// Creates a key in memory. `path`, where it will be, is used in messages.
    ///
    /// # Errors
    /// If there is something at `path`, the register's id has an apostrophe or a control character,
    /// or the system provides no random numbers.
    pub fn generate(path: &Path, register: &str, algorithm: TokenAlgorithm) -> Result<Self, Fault> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path, &what()));
        }
        if register.contains('\'') || register.chars().any(char::is_control) {
            return Err(Fault::of_file(
                path,
                Text::new(
                    "登记簿编号不能含单引号或控制字符",
                    "the id of a register must not contain an apostrophe or a control character",
                ),
                Text::new("请更正登记簿编号", "correct the id of the register"),
            ));
        }
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
        Ok(RegisterKey {
            bytes,
            register: register.to_owned(),
            algorithm,
        })
    }

    /// Writes the owner-only key file. Never overwrites an existing file.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), Fault> {
        write_new_owner_only(path, self.to_text().as_bytes(), &what())
    }

    /// Reads a key file. `register` is the id of the register to which it must belong.
    ///
    /// # Errors
    /// If users other than the owner may access the file, if it is not the key file of a
    /// register, or belongs to another one.
    pub fn read(path: &Path, register: &str) -> Result<Self, Fault> {
        let content = Zeroizing::new(read_owner_only(path, LARGEST_KEY_FILE, &what())?);
        Self::parse(&content, path, register)
    }

    /// Parses the content of a key file. `path` is used in messages.
    ///
    /// # Errors
    /// As for [`RegisterKey::read`], without the access.
    pub fn parse(content: &[u8], path: &Path, register: &str) -> Result<Self, Fault> {
        let invalid = || {
            Fault::of_file(
                path,
                Text::new(
                    "这不是登记簿的密钥文件",
                    "this is not the key file of a register",
                ),
                Text::new(
                    "请使用 aidlink register init 生成的密钥文件，或从备份恢复；轮次的密钥不能代替",
                    "use the key file that `aidlink register init` made, or restore it from a backup; the key of a round is another one",
                ),
            )
        };
        let content = std::str::from_utf8(content).map_err(|_| invalid())?;
        let value = |name: &str| value_of(content, name);
        let (Some((line, named)), Some((_, algorithm)), Some((_, key))) =
            (value("register"), value("algorithm"), value("key"))
        else {
            return Err(invalid());
        };
        let hex = key.strip_prefix(KEY_PREFIX).ok_or_else(invalid)?;
        let bytes = decode_hex(hex).ok_or_else(invalid)?;
        let algorithm = TokenAlgorithm::named(algorithm).ok_or_else(invalid)?;
        if named != register {
            let named = shown_name(named);
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("密钥属于另一登记簿（{named}）"),
                    format!("the key is that of another register, `{named}`"),
                ),
                Text::new(
                    "请使用与此登记簿一同生成的密钥文件",
                    "use the key file that was made with this register",
                ),
            )
            .at(Place::Line(line as u64)));
        }
        Ok(RegisterKey {
            bytes,
            register: register.to_owned(),
            algorithm,
        })
    }

    /// Returns the content of the key file, for sealing with a backup.
    pub fn to_text(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(hex::encode(self.bytes.as_slice()));
        Zeroizing::new(format!(
            "# aidlink: secret. The register's own key. Anyone with this key can find the ID number\n\
             # behind every entry of the register. Keep it owner-only, apart from the register and\n\
             # from every round. Without it no new round can be taken into the register.\n\
             # 机密：登记簿的密钥。持有此密钥者可查出登记簿中每人的证件号码。仅限本人读取，与登记簿和\n\
             # 各轮次分开保管；没有它，新的轮次无法记入登记簿。\n\
             register = '{}'\n\
             algorithm = '{}'\n\
             key = '{KEY_PREFIX}{}'\n",
            self.register,
            self.algorithm.name(),
            *hex,
        ))
    }

    /// Derives bytes with HKDF-SHA-256 (RFC 5869) without salt. `info` contains the use of
    /// the output and the register, so the key of a round in another guise gives other
    /// tokens, and so does a key file that is edited for another register.
    fn derive(&self, use_of_output: &str, output: &mut [u8]) {
        let info = format!(
            "aidlink register v1 {use_of_output}; register {}",
            self.register
        );
        // RFC 5869 allows up to 255 x 32 bytes. These outputs have at most 32.
        let expanded =
            Hkdf::<Sha256>::new(None, self.bytes.as_ref()).expand(info.as_bytes(), output);
        debug_assert!(expanded.is_ok());
    }

    /// Returns the token algorithm.
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// Returns the key id: 64 bits of separate HKDF output, hexadecimal. It reveals nothing
    /// about the key.
    pub fn id(&self) -> String {
        let mut id = [0; 8];
        self.derive("key id", &mut id);
        hex::encode(id)
    }

    /// Returns the tokeniser of the register.
    pub fn tokeniser(&self) -> RegisterTokeniser {
        let mut key = Zeroizing::new([0; 32]);
        self.derive(
            &format!("person token {}", self.algorithm.name()),
            key.as_mut(),
        );
        let algorithm = self.algorithm;
        RegisterTokeniser(Tokeniser::new(&PersonSubkey { key, algorithm }))
    }
}

impl RegisterTokeniser {
    /// Returns the token of a person in the register: the left 16 bytes of the MAC of the ID
    /// number.
    pub fn token(&self, id: &NationalId, scratch: &mut Scratch) -> [u8; Token::LENGTH] {
        *self.0.token(id, scratch).as_bytes()
    }
}

fn what() -> Text {
    Text::new("登记簿的密钥文件", "the key file of the register")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use jiff::civil::Date;

    use super::*;

    static_assertions::assert_not_impl_any!(
        RegisterKey: std::fmt::Debug, std::fmt::Display, Clone, Copy
    );

    fn key(bytes: [u8; 32], register: &str, algorithm: TokenAlgorithm) -> RegisterKey {
        RegisterKey {
            bytes: Zeroizing::new(bytes),
            register: register.to_owned(),
            algorithm,
        }
    }

    fn id(seventeen: &str) -> (String, NationalId) {
        let check = crate::national_id::check_digit(seventeen.as_bytes()) as char;
        let number = format!("{seventeen}{check}");
        match NationalId::parse(&number, Date::constant(2026, 9, 30)) {
            Ok(checked) => (number, checked.id),
            Err(_) => panic!("a valid number was refused"),
        }
    }

    fn openssl(arguments: &[&str], input: &str) -> String {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is installed (package openssl)");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("openssl reads");
        drop(stdin);
        let output = child.wait_with_output().expect("openssl ends");
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout);
        text.replace([':', '\n', ' '], "").to_lowercase()
    }

    /// With OpenSSL 3, as for the tokens of rounds: HKDF, then HMAC.
    #[test]
    fn openssl_gives_the_same_tokens_and_key_ids() {
        for (seed, algorithm) in (1..5_u8).zip(TokenAlgorithm::ALL.into_iter().cycle()) {
            let bytes: [u8; 32] = std::array::from_fn(|index| seed.wrapping_mul(73) ^ index as u8);
            let register = format!("register-{seed}");
            let key = key(bytes, &register, algorithm);
            let hexkey = format!("hexkey:{}", hex::encode(bytes));
            let derived = |what: &str, length: &str| {
                let info = format!("info:aidlink register v1 {what}; register {register}");
                let options = [
                    "kdf",
                    "-keylen",
                    length,
                    "-kdfopt",
                    "digest:SHA256",
                    "-kdfopt",
                    &hexkey,
                    "-kdfopt",
                    &info,
                    "HKDF",
                ];
                openssl(&options, "")
            };
            assert_eq!(key.id(), derived("key id", "8"));
            let subkey = derived(&format!("person token {}", algorithm.name()), "32");
            let hexkey = format!("hexkey:{subkey}");
            let digest = match algorithm {
                TokenAlgorithm::HmacSha256 => "SHA256",
                TokenAlgorithm::HmacSm3 => "SM3",
            };
            for seventeen in ["44990119900101123", "44990120080229004"] {
                let (number, id) = id(seventeen);
                let token = key.tokeniser().token(&id, &mut Scratch::default());
                let mac = ["mac", "-digest", digest, "-macopt", &hexkey, "HMAC"];
                assert_eq!(hex::encode(token), openssl(&mac, &number)[..32]);
            }
        }
    }

    #[test]
    fn a_token_depends_on_person_key_register_and_algorithm() {
        let persons = ["44990119900101123", "44990120080229004"].map(|number| id(number).1);
        let mut tokens = Vec::new();
        let mut ids = Vec::new();
        for bytes in [[1; 32], [2; 32]] {
            for register in ["a", "b"] {
                for algorithm in TokenAlgorithm::ALL {
                    let key = key(bytes, register, algorithm);
                    ids.push(key.id());
                    let tokeniser = key.tokeniser();
                    let scratch = &mut Scratch::default();
                    for person in &persons {
                        let token = tokeniser.token(person, scratch);
                        assert_eq!(token, tokeniser.token(person, scratch));
                        tokens.push(token);
                    }
                    // The same bytes as the key of a round give another token.
                    let round = crate::key::RoundKey::from_bytes(bytes);
                    let round = Tokeniser::new(&round.person_subkey(algorithm));
                    for person in &persons {
                        tokens.push(*round.token(person, scratch).as_bytes());
                    }
                }
            }
        }
        tokens.sort_unstable();
        tokens.dedup();
        // The tokens of the rounds do not depend on the register.
        assert_eq!(tokens.len(), 16 + 8);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn a_key_file_is_read_back_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("register.key");
        for algorithm in TokenAlgorithm::ALL {
            let _ = std::fs::remove_file(&path);
            let made = RegisterKey::create(&path, "R-1", algorithm).expect("written");
            let read = RegisterKey::read(&path, "R-1").expect("readable");
            assert_eq!(made.id(), read.id());
            let (_, person) = id("44990119900101123");
            let scratch = &mut Scratch::default();
            assert_eq!(
                made.tokeniser().token(&person, scratch),
                read.tokeniser().token(&person, scratch)
            );
            // Never overwritten.
            assert!(RegisterKey::create(&path, "R-1", algorithm).is_err());
            assert_eq!(
                RegisterKey::read(&path, "R-1").map(|key| key.id()).ok(),
                Some(read.id())
            );
            let other = RegisterKey::read(&path, "R-2")
                .err()
                .expect("another register");
            assert!(other.message.en.contains("another register"));
        }
        let text = RegisterKey::read(&path, "R-1").expect("readable").to_text();
        let message = |content: &str| {
            let fault = RegisterKey::parse(content.as_bytes(), &path, "R-1").err();
            fault.map(|fault| {
                (
                    fault.message.en.clone(),
                    fault.render(aidlink_faults::text::Language::English),
                )
            })
        };
        assert_eq!(message(&text), None);
        let secret = text.split(KEY_PREFIX).nth(1).expect("the key");
        let secret = &secret[..64];
        for damaged in [
            String::new(),
            "key".to_owned(),
            text.replace(KEY_PREFIX, "aidlink-round-key-v2:"),
            text.replace(KEY_PREFIX, "aidlink-register-key-v2:"),
            text.replace("hmac-sm3", "hmac-md5"),
            text.replace(secret, &secret[..62]),
            text.replace(secret, &format!("{secret}00")),
            text.replace("register = ", "round = "),
            text.replace("R-1'", &format!("R-1' key = '{secret}'")),
        ] {
            let (found, shown) = message(&damaged).expect("refused");
            assert_eq!(found, "this is not the key file of a register");
            assert!(!shown.contains(&secret[..16]));
        }
        assert!(
            RegisterKey::create(&folder.path().join("b"), "a'b", TokenAlgorithm::HmacSm3).is_err()
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_have_access() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("register.key");
        RegisterKey::create(&path, "R", TokenAlgorithm::HmacSha256).expect("written");
        let mode = |path: &Path| {
            let metadata = std::fs::metadata(path).expect("there");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(RegisterKey::read(&path, "R").is_err());
    }
}
