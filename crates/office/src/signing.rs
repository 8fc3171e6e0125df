//! Manifests and deletion records are signed with minisign
//! (<https://jedisct1.github.io/minisign/>): the ordinary `minisign -V`
//! verifies them. Every office has a signing key of its own; its public key
//! belongs into the minutes, for a signature says nothing about whose key it is.

use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Fault;
use aidlink_faults::text::{Language, Text};
use aidlink_files::owner_only::{check_owner_only, exists, write_new_owner_only};
use base64::prelude::{BASE64_STANDARD, Engine};
use minisign::{KeyPair, PublicKeyBox, SecretKeyBox, SignatureBox};
use zeroize::Zeroizing;

use crate::ending::Ending;
use crate::terminal;

/// What the name of a signature ends with, behind the name of the signed file.
pub const SIGNATURE_SUFFIX: &str = ".minisig";

/// The comment that is not signed.
const UNTRUSTED: &str = "signature by aidlink; verify with minisign -V";

/// Keys and signatures are a few lines.
const LONGEST_FILE: u64 = 16 << 10;

/// The key with which an office signs.
pub struct SigningKey {
    secret: minisign::SecretKey,
    public: PublicKey,
    /// It was made by this call and not read.
    pub made: bool,
}

/// Whose signature is to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign::PublicKey,
}

impl PublicKey {
    /// The key of a text: the line that begins with `RW`, or a whole public key file.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let key = match text.lines().count() {
            1 => minisign::PublicKey::from_base64(text).ok()?,
            _ => PublicKeyBox::from_string(text)
                .ok()?
                .into_public_key()
                .ok()?,
        };
        Some(PublicKey { key })
    }

    /// The key that a user names: a file, or the text of the key itself.
    ///
    /// # Errors
    /// When it is neither.
    pub fn named(text: &str) -> Result<Self, Fault> {
        if let Some(key) = PublicKey::parse(text) {
            return Ok(key);
        }
        let path = Path::new(text);
        let content = read_small(path)?;
        PublicKey::parse(&content).ok_or_else(|| {
            Fault::of_file(
                path,
                Text::new("这不是minisign公钥", "this is no minisign public key"),
                Text::new(
                    "应为 RW 开头的一行，或公钥文件",
                    "it is the line that begins with RW, or the file that holds it",
                ),
            )
        })
    }

    /// The key's id, as `minisign` shows it.
    pub fn id(&self) -> String {
        id_of(self.key.keynum())
    }

    /// The line that begins with `RW`.
    pub fn to_base64(&self) -> String {
        self.key.to_base64()
    }
}

/// Key ids are shown as one number, its last byte first.
fn id_of(keynum: &[u8]) -> String {
    keynum
        .iter()
        .rev()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

impl SigningKey {
    /// Reads a key file, or makes one where there is none, with the public key
    /// beside it.
    ///
    /// # Errors
    /// When others than the owner may read it, when it is no key, is protected
    /// by a password, or cannot be written.
    pub fn read_or_make(path: &Path) -> Result<Self, Fault> {
        if path.exists() {
            Self::read(path)
        } else {
            Self::make(path)
        }
    }

    /// The key of a step that begins; none where the file is not there, and
    /// then one is made once there is something to sign.
    ///
    /// # Errors
    /// As [`SigningKey::read_or_make`].
    pub fn read_if_present(path: &Path) -> Result<Option<Self>, Fault> {
        path.exists().then(|| Self::read(path)).transpose()
    }

    /// What a user must know of a key that was made.
    pub fn new_key_notice(&self, path: &Path) -> Option<Text> {
        self.made.then(|| {
            let (path, public) = (path.display(), self.public.to_base64());
            Text::new(
                format!("  已生成签名私钥 {path}，仅限本人读取。公钥 {public} 请记入会议记录"),
                format!("  made the signing key {path}, owner-only. Put its public key into the minutes: {public}"),
            )
        })
    }

    /// Reads a key file, made here or by `minisign -G -W`.
    ///
    /// # Errors
    /// As [`SigningKey::read_or_make`].
    pub fn read(path: &Path) -> Result<Self, Fault> {
        check_owner_only(path, &Text::new("签名私钥", "the signing key"))?;
        let content = Zeroizing::new(read_small(path)?);
        let boxed = SecretKeyBox::from_string(&content).map_err(|_| no_key(path))?;
        let secret = boxed.into_unencrypted_secret_key().ok();
        let secret = secret.or_else(|| without_checksum(&content));
        let secret = secret.ok_or_else(|| {
            // The library does not tell a password from damage.
            Fault::of_file(
                path,
                Text::new(
                    "签名私钥有口令保护，或已损坏",
                    "the signing key is protected by a password, or damaged",
                ),
                Text::new(
                    "程序无人值守时签名，请用 aidlink signing new 或 minisign -G -W 生成无口令的私钥",
                    "it signs with nobody there to type: make one with `aidlink signing new` or `minisign -G -W`",
                ),
            )
        })?;
        let key = minisign::PublicKey::from_secret_key(&secret).map_err(|_| no_key(path))?;
        write_missing_public_key(path, &key);
        Ok(SigningKey {
            secret,
            public: PublicKey { key },
            made: false,
        })
    }

    /// Makes a key, owner-only, and its public key beside it.
    ///
    /// # Errors
    /// When one of the files exists or cannot be written.
    pub fn make(path: &Path) -> Result<Self, Fault> {
        let no_randomness = |_| {
            Fault::of_file(
                path,
                Text::new("系统不能提供随机数", "the system gives no randomness"),
                Text::new("请检查系统", "check the system"),
            )
        };
        let pair = KeyPair::generate_unencrypted_keypair().map_err(no_randomness)?;
        let secret = pair
            .sk
            .to_box(Some("aidlink signing key, secret / 签名私钥，机密"));
        let secret = Zeroizing::new(secret.map_err(no_randomness)?.into_string());
        let public = pair.pk.to_box().map_err(no_randomness)?.into_string();
        let public_path = public_key_path(path);
        let what = Text::new("签名公钥", "the public key");
        if public_path.exists() {
            // It may be the one by which other signatures are verified.
            return Err(exists(&public_path, &what));
        }
        write_new_owner_only(
            path,
            secret.as_bytes(),
            &Text::new("签名私钥", "the signing key"),
        )?;
        write_new_owner_only(&public_path, public.as_bytes(), &what).inspect_err(|_| {
            // What cannot be removed is whole, and serves the next step.
            let _ = std::fs::remove_file(path);
        })?;
        everybody_may_read(&public_path);
        Ok(SigningKey {
            secret: pair.sk,
            public: PublicKey { key: pair.pk },
            made: true,
        })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes. The trusted comment is signed with them and shown by `minisign -V`.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn sign(&self, bytes: &[u8], comment: &str, path: &Path) -> Result<String, Fault> {
        let signature = minisign::sign(
            Some(&self.public.key),
            &self.secret,
            Cursor::new(bytes),
            Some(comment),
            Some(UNTRUSTED),
        );
        signature.map(SignatureBox::into_string).map_err(|_| {
            Fault::of_file(
                path,
                Text::new("无法签名", "it cannot be signed"),
                Text::new("请检查系统的随机数", "check the system's randomness"),
            )
        })
    }
}

/// A signature over bytes that come one after the other. Another thread takes
/// them in, for the library reads what it signs.
pub struct SignatureStream {
    chunks: std::sync::mpsc::SyncSender<Vec<u8>>,
    worker: std::thread::JoinHandle<Option<String>>,
}

/// What the other thread reads.
struct Chunks {
    chunks: std::sync::mpsc::Receiver<Vec<u8>>,
    current: Cursor<Vec<u8>>,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            match self.chunks.recv() {
                Ok(chunk) => self.current = Cursor::new(chunk),
                // All has come.
                Err(_) => return Ok(0),
            }
        }
    }
}

impl SigningKey {
    /// Begins a signature with this trusted comment.
    pub fn sign_stream(&self, comment: String) -> SignatureStream {
        // A few chunks may wait: memory stays bounded.
        let (sender, chunks) = std::sync::mpsc::sync_channel(8);
        let (secret, public) = (self.secret.clone(), self.public.key.clone());
        let worker = std::thread::spawn(move || {
            let bytes = Chunks {
                chunks,
                current: Cursor::new(Vec::new()),
            };
            let signature = minisign::sign(
                Some(&public),
                &secret,
                bytes,
                Some(&comment),
                Some(UNTRUSTED),
            );
            signature.ok().map(SignatureBox::into_string)
        });
        SignatureStream {
            chunks: sender,
            worker,
        }
    }
}

impl SignatureStream {
    /// Takes in the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // A worker that has ended gives no signature, which is noticed at the end.
        let _ = self.chunks.send(bytes.to_vec());
    }

    /// The text of the signature file; `None` when the system gives no randomness.
    pub fn finish(self) -> Option<String> {
        drop(self.chunks);
        self.worker.join().ok().flatten()
    }
}

/// The verbs of `signing`, the same at every office.
#[derive(Debug, clap::Subcommand)]
pub enum SigningCommand {
    /// Make a signing key, its public key beside it, and print that / 生成签名私钥和公钥
    New {
        /// The file to make; it must not exist / 要生成的文件，不得已存在
        file: PathBuf,
    },
}

/// The command that makes an office's signing key, the same at every office.
pub fn make(file: &Path, language: Language) -> Ending {
    match SigningKey::make(file) {
        Ok(key) => {
            let (shown, public) = (file.display(), key.public().to_base64());
            terminal::say(
                &Text::new(
                    format!(
                        "已生成签名私钥 {shown}，仅限本人读取。公钥（可公开，请记入会议记录）：{public}"
                    ),
                    format!(
                        "made the signing key {shown}, owner-only. Its public key, which belongs into the minutes: {public}"
                    ),
                ),
                language,
            );
            Ending::Done
        }
        Err(fault) => Ending::Failed(fault.into()),
    }
}

/// Where the public key of a signing key stands: `signing.key` and `signing.pub`.
pub fn public_key_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// A signature as it was read.
pub struct Signature(SignatureBox);

impl Signature {
    /// Reads the text of a signature file.
    pub fn parse(text: &str) -> Option<Self> {
        // The library's own reading indexes lines; four are what the format has.
        (text.lines().count() >= 4)
            .then(|| SignatureBox::from_string(text).ok())
            .flatten()
            .map(Signature)
    }

    /// The id of the key that made it, as it says.
    pub fn key_id(&self) -> String {
        id_of(self.0.keynum())
    }

    /// What stands in the trusted comment; trusted only once verified.
    pub fn comment(&self) -> String {
        self.0.trusted_comment().unwrap_or_default()
    }

    /// Whether this key made it of these bytes and of its comment.
    pub fn verifies(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        self.verifies_reader(key, Cursor::new(bytes))
    }

    /// The same of bytes that are read.
    pub fn verifies_reader(&self, key: &PublicKey, bytes: impl Read + Seek) -> bool {
        minisign::verify(&key.key, &self.0, bytes, true, false, false).is_ok()
    }
}

/// A key that `minisign -G -W` made: version 0.11 writes no checksum into it,
/// and the library then takes it for damaged.
fn without_checksum(content: &str) -> Option<minisign::SecretKey> {
    const CHECKSUM: usize = 32;
    let line = content.lines().nth(1)?.trim();
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(line).ok()?);
    let is_plain = bytes.get(2..4)? == [0, 0];
    let (_, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if !is_plain || checksum != [0; CHECKSUM] {
        return None;
    }
    minisign::SecretKey::from_bytes(&bytes).ok()
}

/// The public key beside a signing key: a program that was killed while it made
/// both may have left the one without the other. Where it cannot be written the
/// manifest has it all the same.
fn write_missing_public_key(path: &Path, key: &minisign::PublicKey) {
    let public_path = public_key_path(path);
    if !public_path.exists()
        && let Ok(public) = key.to_box()
    {
        let what = Text::new("签名公钥", "the public key");
        let text = public.into_string();
        if write_new_owner_only(&public_path, text.as_bytes(), &what).is_ok() {
            everybody_may_read(&public_path);
        }
    }
}

/// A public key is for everybody; where that cannot be set its owner hands it on.
fn everybody_may_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn no_key(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new("这不是签名私钥", "this is no signing key"),
        Text::new(
            "请用 aidlink signing new 或 minisign -G -W 生成",
            "make one with `aidlink signing new` or `minisign -G -W`",
        ),
    )
}

fn read_small(path: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text))
        .map_err(|error| Fault::unreadable(path, &error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_bytes_its_comment_and_its_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("signing.key");
        let key = SigningKey::read_or_make(&path).expect("writable");
        assert!(key.made);
        let again = SigningKey::read_or_make(&path).expect("made before");
        assert!(!again.made);
        assert_eq!(again.public(), key.public());
        let text = again.sign(b"manifest", "log 1", &path).expect("randomness");
        let signature = Signature::parse(&text).expect("whole");
        assert_eq!(signature.comment(), "log 1");
        assert_eq!(signature.key_id(), key.public().id());
        assert!(signature.verifies(key.public(), b"manifest"));
        assert!(!signature.verifies(key.public(), b"manifesto"));
        let moved = text.replace("log 1", "log 2");
        let moved = Signature::parse(&moved).expect("whole");
        assert!(!moved.verifies(key.public(), b"manifest"));
        // A second call changes neither half, and half a pair is made whole.
        let public = std::fs::read(public_key_path(&path)).expect("written");
        assert!(SigningKey::make(&path).is_err());
        assert_eq!(std::fs::read(public_key_path(&path)).expect("left"), public);
        std::fs::remove_file(public_key_path(&path)).expect("ours");
        assert!(SigningKey::read(&path).is_ok());
        assert_eq!(
            std::fs::read(public_key_path(&path)).expect("made again"),
            public
        );
        let other = SigningKey::make(&folder.path().join("other.key")).expect("writable");
        assert!(!signature.verifies(other.public(), b"manifest"));
        let public = std::fs::read_to_string(public_key_path(&path)).expect("written");
        assert_eq!(PublicKey::parse(&public).as_ref(), Some(key.public()));
    }

    #[test]
    fn no_text_makes_reading_panic() {
        for text in [
            "",
            "\n\n\n\n",
            "a\nb\nc\nd\n",
            "untrusted comment: x\nAAAA\ntrusted comment: \nBB",
        ] {
            assert!(Signature::parse(text).is_none(), "{text:?}");
            assert!(PublicKey::parse(text).is_none(), "{text:?}");
        }
    }
}
