//! Signing with minisign (<https://jedisct1.github.io/minisign/>). `minisign -V`
//! verifies the signatures. Every office has its own signing key. Its public key
//! belongs in the minutes, because a signature does not say whose key made it.

use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{
    exists, read_owner_only, write_new_for_everybody, write_new_owner_only,
};
use aidlink_files::regular_file;
use base64::prelude::{BASE64_STANDARD, Engine};
use minisign::{KeyPair, PublicKeyBox, SecretKeyBox, SignatureBox};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::ending::Ending;
use crate::terminal::Output;

/// The suffix of a signature file, appended to the name of the signed file.
pub const SIGNATURE_SUFFIX: &str = ".minisig";

/// The untrusted comment: minisign does not sign it.
const UNTRUSTED: &str = "signature by aidlink; verify with minisign -V";

/// The largest file of a signing key or a public key, in bytes.
const LARGEST_KEY_FILE: u64 = 16 << 10;
/// The largest signature file, in bytes.
pub const LARGEST_SIGNATURE: u64 = 16 << 10;

/// An office's signing key.
pub struct SigningKey {
    secret: minisign::SecretKey,
    public: PublicKey,
    /// Whether the key was made now, not read from a file.
    pub made: bool,
}

/// A public key, which verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign::PublicKey,
}

impl PublicKey {
    /// Parses a public key: the line that begins with `RW`, or the text of a public
    /// key file. `None` if the text is neither.
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

    /// Parses a public key that the user gave: the key itself, or the path of a
    /// public key file.
    ///
    /// # Errors
    /// When it is neither.
    pub fn named(text: &str) -> Result<Self, Fault> {
        if let Some(key) = PublicKey::parse(text) {
            return Ok(key);
        }
        let path = Path::new(text);
        let content = regular_file::read(path, LARGEST_KEY_FILE)?;
        let key = std::str::from_utf8(&content)
            .ok()
            .and_then(PublicKey::parse);
        key.ok_or_else(|| {
            Fault::of_file(
                path,
                Text::new("这不是 minisign 公钥", "this is not a minisign public key"),
                Text::new(
                    "请用 RW 开头的一行，或公钥文件的路径",
                    "give the line that begins with RW, or the path of the public key file",
                ),
            )
        })
    }

    /// Returns the public key of a signing key. Only where the signing key itself is not, for
    /// example at a colleague who reads, the file beside it counts: whoever may write there
    /// could put another one in its place.
    ///
    /// # Errors
    /// When neither can be read, or the file beside the signing key is of another key.
    pub fn of_office(key_file: &Path) -> Result<Self, Fault> {
        let beside = public_key_path(key_file);
        let Some(key) = SigningKey::read_if_present(key_file)? else {
            return PublicKey::named(&beside.to_string_lossy());
        };
        let public = key.public().clone();
        if beside.exists() && PublicKey::named(&beside.to_string_lossy())? != public {
            return Err(Fault::of_file(
                &beside,
                Text::new(
                    "此公钥不是旁边签名私钥的公钥",
                    "this is not the public key of the signing key beside it",
                ),
                Text::new(
                    "请与会议记录中的公钥核对，并查明是谁更换了文件",
                    "compare both with the public key in the minutes, and find out who exchanged the file",
                ),
            ));
        }
        Ok(public)
    }

    /// Returns the key id as `minisign` shows it.
    pub fn id(&self) -> String {
        id_of(self.key.keynum())
    }

    /// Returns the key as the line that begins with `RW`.
    pub fn to_base64(&self) -> String {
        self.key.to_base64()
    }
}

/// Formats a key id as minisign does: in hexadecimal, last byte first.
fn id_of(keynum: &[u8]) -> String {
    keynum
        .iter()
        .rev()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

impl SigningKey {
    /// Reads a key file, or makes a key with its public key beside it if the file
    /// does not exist.
    ///
    /// # Errors
    /// When the file is readable by others, is not a signing key, is protected by a
    /// password, or cannot be written.
    pub fn read_or_make(path: &Path) -> Result<Self, Fault> {
        if path.exists() {
            return Self::read(path);
        }
        match Self::make(path) {
            // Another step has made it in the meantime.
            Err(_) if path.exists() => Self::read(path),
            made => made,
        }
    }

    /// Reads a key file; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`SigningKey::read_or_make`].
    pub fn read_if_present(path: &Path) -> Result<Option<Self>, Fault> {
        path.exists().then(|| Self::read(path)).transpose()
    }

    /// Returns the message for the user if the key is new.
    pub fn new_key_notice(&self, path: &Path) -> Option<Text> {
        self.made.then(|| {
            let (path, public) = (shown_path(path), self.public.to_base64());
            Text::new(
                format!("  已生成签名私钥 {path}，仅限本人读取。请将公钥 {public} 记入会议记录"),
                format!("  made the signing key {path}, readable only by its owner. Record its public key in the minutes: {public}"),
            )
        })
    }

    /// Reads a key file made by aidlink or by `minisign -G -W`.
    ///
    /// # Errors
    /// As [`SigningKey::read_or_make`].
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let what = Text::new("签名私钥", "the signing key");
        let content = Zeroizing::new(read_owner_only(path, LARGEST_KEY_FILE, &what)?);
        let content = std::str::from_utf8(&content).map_err(|_| not_a_key(path))?;
        let boxed = SecretKeyBox::from_string(content).map_err(|_| not_a_key(path))?;
        let secret = boxed.into_unencrypted_secret_key().ok();
        let secret = secret.or_else(|| without_checksum(content));
        let secret = secret.ok_or_else(|| {
            // The library reports both cases in the same way.
            Fault::of_file(
                path,
                Text::new(
                    "签名私钥有口令保护，或已损坏",
                    "the signing key is protected by a password, or damaged",
                ),
                Text::new(
                    "程序签名时无人输入口令：请用 aidlink signing new 或 minisign -G -W 生成无口令的私钥",
                    "nobody can enter a password while a step runs: make a key without one with `aidlink signing new` or `minisign -G -W`",
                ),
            )
        })?;
        let key = minisign::PublicKey::from_secret_key(&secret).map_err(|_| not_a_key(path))?;
        write_missing_public_key(path, &key);
        Ok(SigningKey {
            secret,
            public: PublicKey { key },
            made: false,
        })
    }

    /// Makes an owner-only key file and its public key file beside it.
    ///
    /// # Errors
    /// When one of the files exists or cannot be written.
    pub fn make(path: &Path) -> Result<Self, Fault> {
        let no_randomness = |_| {
            Fault::of_file(
                path,
                Text::new(
                    "系统无法提供随机数",
                    "the system provides no random numbers",
                ),
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
            // It may verify signatures of an earlier key.
            return Err(exists(&public_path, &what));
        }
        write_new_owner_only(
            path,
            secret.as_bytes(),
            &Text::new("签名私钥", "the signing key"),
        )?;
        // If this fails, the key stays, and whoever reads it next writes its public key: another
        // step may have used it meanwhile, or have done so already.
        if let Err(fault) = write_new_for_everybody(&public_path, public.as_bytes(), &what) {
            let there = regular_file::read(&public_path, public.len() as u64);
            if !there.is_ok_and(|there| there == public.as_bytes()) {
                return Err(fault);
            }
        }
        Ok(SigningKey {
            secret: pair.sk,
            public: PublicKey { key: pair.pk },
            made: true,
        })
    }

    /// Returns the public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes together with a trusted comment, which `minisign -V` shows.
    /// Returns the text of the signature file; `path` is only named in the fault.
    ///
    /// # Errors
    /// When the system provides no random numbers.
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
                Text::new("无法签署文件", "cannot sign the file"),
                Text::new(
                    "请检查系统能否提供随机数",
                    "check that the system provides random numbers",
                ),
            )
        })
    }
}

/// Signs bytes that are pushed one chunk at a time. The minisign library signs
/// from a reader, so another thread runs it and reads the chunks.
pub struct SignatureStream {
    chunks: std::sync::mpsc::SyncSender<Vec<u8>>,
    worker: std::thread::JoinHandle<Option<String>>,
}

/// The reader for the other thread.
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
                // The sender was dropped: no more chunks.
                Err(_) => return Ok(0),
            }
        }
    }
}

impl SigningKey {
    /// Starts a signature with this trusted comment.
    pub fn sign_stream(&self, comment: String) -> SignatureStream {
        // At most 8 chunks wait, so memory stays bounded.
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
    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // If the worker has ended, `finish` returns `None`.
        let _ = self.chunks.send(bytes.to_vec());
    }

    /// Returns the text of the signature file; `None` if the system provides no
    /// random numbers.
    pub fn finish(self) -> Option<String> {
        drop(self.chunks);
        self.worker.join().ok().flatten()
    }
}

/// The verbs of `signing`, the same at every office.
#[derive(Debug, clap::Subcommand)]
pub enum SigningCommand {
    /// Make a signing key and its public key, and print the public key / 生成签名私钥和公钥，并输出公钥
    New {
        /// The file to make; it must not exist / 要生成的文件，须尚不存在
        file: PathBuf,
    },
}

/// The answer of `signing new`.
#[derive(Serialize)]
struct MadeSigningKey<'a> {
    file: &'a str,
    public_key: &'a str,
}

/// Makes an office's signing key and prints its public key.
pub fn run(command: &SigningCommand, output: Output) -> Ending {
    let SigningCommand::New { file } = command;
    let public = match SigningKey::make(file) {
        Ok(key) => key.public().to_base64(),
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let shown = shown_path(file);
    let text = Text::new(
        format!("已生成签名私钥 {shown}，仅限本人读取。公钥（可公开，请记入会议记录）：{public}"),
        format!(
            "made the signing key {shown}, owner-only. Its public key (record it in the minutes): {public}"
        ),
    );
    let made = MadeSigningKey {
        file: &shown,
        public_key: &public,
    };
    output.answer(&text, &public, &made);
    Ending::Done
}

/// Returns the path of the public key file: `signing.pub` for `signing.key`.
pub fn public_key_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// A signature.
pub struct Signature(SignatureBox);

impl Signature {
    /// Parses the text of a signature file that this program wrote. `None` for every other
    /// text: the signature does not cover its first line, and what follows the fourth.
    pub fn parse(text: &str) -> Option<Self> {
        let signature = Signature::parse_of_minisign(text)?;
        let comment = signature.0.untrusted_comment().ok()?;
        let is_ours = comment == UNTRUSTED && signature.0.to_string() == text;
        is_ours.then_some(signature)
    }

    /// Parses the text of a signature file as `minisign` does: with any untrusted comment,
    /// and with any text after the signature.
    pub fn parse_of_minisign(text: &str) -> Option<Self> {
        // The format has four lines; the library panics on fewer.
        (text.lines().count() >= 4)
            .then(|| SignatureBox::from_string(text).ok())
            .flatten()
            .map(Signature)
    }

    /// Returns the key id that the signature names.
    pub fn key_id(&self) -> String {
        id_of(self.0.keynum())
    }

    /// Returns the trusted comment. Do not rely on it before the signature is
    /// verified.
    pub fn comment(&self) -> String {
        self.0.trusted_comment().unwrap_or_default()
    }

    /// Whether this key signed these bytes and the trusted comment.
    pub fn verifies(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        self.verifies_reader(key, Cursor::new(bytes))
    }

    /// Like [`Signature::verifies`], for bytes from a reader.
    pub fn verifies_reader(&self, key: &PublicKey, bytes: impl Read + Seek) -> bool {
        minisign::verify(&key.key, &self.0, bytes, true, false, false).is_ok()
    }
}

/// Parses a key made by `minisign -G -W`. minisign 0.11 writes no checksum into
/// it, and the library rejects it as damaged.
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

/// Writes the public key beside a signing key if it is missing: a program that
/// was killed while it made both leaves the signing key alone. Failing to write
/// it is not an error, because the manifest holds the public key too.
fn write_missing_public_key(path: &Path, key: &minisign::PublicKey) {
    let public_path = public_key_path(path);
    if !public_path.exists()
        && let Ok(public) = key.to_box()
    {
        let what = Text::new("签名公钥", "the public key");
        let text = public.into_string();
        let _ = write_new_for_everybody(&public_path, text.as_bytes(), &what);
    }
}

fn not_a_key(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new("这不是签名私钥", "this is not a signing key"),
        Text::new(
            "请用 aidlink signing new 或 minisign -G -W 生成",
            "make one with `aidlink signing new` or `minisign -G -W`",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_only_its_bytes_comment_and_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("signing.key");
        let key = SigningKey::read_or_make(&path).expect("writable");
        assert!(key.made);
        let again = SigningKey::read_or_make(&path).expect("readable");
        assert!(!again.made);
        assert_eq!(again.public(), key.public());
        let text = again.sign(b"manifest", "log 1", &path).expect("randomness");
        let signature = Signature::parse(&text).expect("a signature");
        assert_eq!(signature.comment(), "log 1");
        assert_eq!(signature.key_id(), key.public().id());
        assert!(signature.verifies(key.public(), b"manifest"));
        assert!(!signature.verifies(key.public(), b"manifesto"));
        let changed = text.replace("log 1", "log 2");
        let changed = Signature::parse(&changed).expect("a signature");
        assert!(!changed.verifies(key.public(), b"manifest"));
        // A second call changes neither file; a missing public key is written again.
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
    fn a_signature_file_of_aidlink_has_its_four_lines_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = SigningKey::make(&folder.path().join("signing.key")).expect("writable");
        for comment in ["log 1", "", "轮次 1"] {
            let text = key.sign(b"manifest", comment, folder.path());
            let text = text.expect("randomness");
            assert!(Signature::parse(&text).is_some(), "{text}");
            let comment = format!("trusted comment: {comment}");
            for changed in [
                text.replacen("aidlink", "somebody", 1),
                text.replacen("-V", "-V 449901199001011234", 1),
                text.replace('\n', "\r\n"),
                text.replace(&comment, &format!("{comment} ")),
                text.replacen('\n', " \n", 2),
                format!("{text}\n"),
                format!("{text}449901199001011234\n"),
                text.trim_end().to_owned(),
            ] {
                assert!(Signature::parse(&changed).is_none(), "{changed:?}");
                let signature = Signature::parse_of_minisign(&changed);
                let verifies = |signature: Signature| signature.verifies(key.public(), b"manifest");
                assert!(signature.is_some_and(verifies), "{changed:?}");
            }
        }
    }

    #[test]
    fn parsing_rejects_malformed_text_without_a_panic() {
        for text in [
            "",
            "\n\n\n\n",
            "a\nb\nc\nd\n",
            "untrusted comment: x\nAAAA\ntrusted comment: \nBB",
        ] {
            assert!(Signature::parse_of_minisign(text).is_none(), "{text:?}");
            assert!(PublicKey::parse(text).is_none(), "{text:?}");
        }
    }
}
