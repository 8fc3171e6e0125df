//! Files that cross between offices are sealed with age
//! (<https://age-encryption.org/v1>): the ordinary `age` command opens them and
//! makes them. An office opens what was sealed to it with its identity, a file
//! that only its owner may read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::iter;
use std::path::Path;
use std::str::FromStr;

use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use aidlink_faults::fault::{Fault, Faults, io_reason};
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{check_owner_only, write_new_owner_only};
use zeroize::Zeroizing;

/// How a sealed file begins.
const SEALED: &[u8] = b"age-encryption.org/v1\n";

/// An identity file is a few lines.
const LONGEST_IDENTITY_FILE: u64 = 64 << 10;

/// Whom a file is sealed to: an age recipient, `age1...`.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// The recipient of a text, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        x25519::Recipient::from_str(text.trim()).ok().map(Recipient)
    }

    /// Seals what is written. The writer must be finished, or the file is cut short.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn seal<W: Write>(&self, output: W) -> io::Result<SealedWriter<W>> {
        Encryptor::with_recipients(iter::once(&self.0 as &dyn age::Recipient))
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?
            .wrap_output(output)
            .map(SealedWriter)
    }
}

impl PartialEq for Recipient {
    /// Recipients are compared as they are parsed: blanks and capitals of what
    /// somebody wrote do not count.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A sealed file under way.
pub struct SealedWriter<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> SealedWriter<W> {
    /// Writes the last part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A passphrase, as it was typed or as a file holds it.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// The first line of a file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it is empty.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let text = read_secret(path)?;
        let first = text.lines().next().unwrap_or_default();
        if first.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("口令文件是空的", "the passphrase file is empty"),
                Text::new(
                    "请把口令写在第一行",
                    "write the passphrase on the first line",
                ),
            )
            .into());
        }
        Ok(Passphrase(SecretString::from(first.to_owned())))
    }

    /// Seals bytes with the passphrase.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn seal<W: Write>(&self, output: W) -> io::Result<SealedWriter<W>> {
        Encryptor::with_user_passphrase(self.0.clone())
            .wrap_output(output)
            .map(SealedWriter)
    }
}

/// What opens sealed files: the identity of an office, or a passphrase.
pub enum Opener {
    /// An identity.
    Identity(Box<x25519::Identity>),
    /// A passphrase.
    Passphrase(Passphrase),
}

impl Opener {
    /// Reads an identity file as `age-keygen` writes it.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it holds no identity.
    pub fn read_identity(path: &Path) -> Result<Self, Faults> {
        let text = read_secret(path)?;
        let identity = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .and_then(|line| x25519::Identity::from_str(line).ok());
        match identity {
            Some(identity) => Ok(Opener::Identity(Box::new(identity))),
            None => Err(Fault::of_file(
                path,
                Text::new("这不是有效的身份文件", "this is no valid identity file"),
                Text::new(
                    "请用 identity new 或 age-keygen 生成",
                    "make one with `identity new` or `age-keygen`",
                ),
            )
            .into()),
        }
    }

    /// Whom a file is sealed to that this opens, as [`crate::crossing`] has it
    /// signed: the recipient, or that it is a passphrase.
    pub fn to(&self) -> String {
        match self {
            Opener::Identity(identity) => identity.to_public().to_string(),
            Opener::Passphrase(_) => crate::statement::TO_PASSPHRASE.to_owned(),
        }
    }

    /// The plain bytes of a sealed file, one after the other. Each part is
    /// authenticated before it is given.
    ///
    /// # Errors
    /// When the file is not sealed, not to this identity, or damaged.
    pub fn open(&self, path: &Path) -> Result<impl Read + use<>, Fault> {
        let file = File::open(path).map_err(|error| Fault::unreadable(path, &error))?;
        let decryptor = Decryptor::new_buffered(BufReader::new(file))
            .map_err(|error| unopened(path, &error))?;
        let opened = match self {
            Opener::Identity(identity) => {
                let identity: &dyn age::Identity = identity.as_ref();
                decryptor.decrypt(iter::once(identity))
            }
            Opener::Passphrase(passphrase) => {
                let identity = scrypt::Identity::new(passphrase.0.clone());
                decryptor.decrypt(iter::once(&identity as &dyn age::Identity))
            }
        };
        opened.map_err(|error| unopened(path, &error))
    }

    /// The plain text in a file that has no name and is gone when it is closed,
    /// however the program ends, with the BLAKE3 digest of the plain text.
    ///
    /// # Errors
    /// As [`Opener::open`]; also when there is no room for the plain text.
    pub fn open_to_unnamed_file(&self, path: &Path, beside: &Path) -> Result<PlainFile, Fault> {
        let mut plain = self.open(path)?;
        let no_room = |error: io::Error| {
            Fault::of_file(
                beside,
                Text::new(
                    format!("无处存放解封的内容：{}", io_reason(&error).zh),
                    format!(
                        "there is no place for the opened file: {}",
                        io_reason(&error).en
                    ),
                ),
                Text::new("请腾出磁盘空间", "free some disk space"),
            )
        };
        let mut file = tempfile::tempfile_in(beside).map_err(no_room)?;
        let mut digest = blake3::Hasher::new();
        let mut byte_length = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = match plain.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(cut_short(path)),
            };
            let part = buffer.get(..read).unwrap_or_default();
            digest.update(part);
            byte_length += read as u64;
            file.write_all(part).map_err(no_room)?;
        }
        file.rewind().map_err(no_room)?;
        Ok(PlainFile {
            file,
            digest: digest.finalize().to_hex().to_string(),
            byte_length,
        })
    }

    /// The plain text in memory, for small files.
    ///
    /// # Errors
    /// As [`Opener::open`]; also when the file is larger than `most` bytes.
    pub fn open_to_memory(&self, path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut plain = Zeroizing::new(Vec::new());
        self.open(path)?
            .take(most + 1)
            .read_to_end(&mut plain)
            .map_err(|_| cut_short(path))?;
        if plain.len() as u64 > most {
            return Err(Fault::of_file(
                path,
                Text::new("文件过大", "the file is too large"),
                Text::new("请确认是所要的文件", "check that it is the right file"),
            ));
        }
        Ok(plain)
    }
}

/// An opened file.
pub struct PlainFile {
    /// Its content, from the start.
    pub file: File,
    /// BLAKE3 digest of the content, hexadecimal.
    pub digest: String,
    /// Bytes of the content.
    pub byte_length: u64,
}

/// Whether a file is sealed, by its first bytes.
///
/// # Errors
/// When it cannot be read.
pub fn is_sealed(path: &Path) -> Result<bool, Fault> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SEALED.len() as u64).read_to_end(&mut start))
        .map_err(|error| Fault::unreadable(path, &error))?;
    Ok(start == SEALED)
}

/// Makes an identity, owner-only, in the form of `age-keygen`; gives its recipient.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn new_identity(path: &Path) -> Result<Recipient, Faults> {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public();
    let secret = identity.to_string();
    let text = Zeroizing::new(format!(
        "# public key: {recipient}\n{}\n",
        secret.expose_secret()
    ));
    let what = Text::new("文件", "the file");
    write_new_owner_only(path, text.as_bytes(), &what)?;
    Ok(Recipient(recipient))
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, Faults> {
    check_owner_only(path, &Text::new("文件", "the file"))?;
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(LONGEST_IDENTITY_FILE).read_to_string(&mut text))
        .map_err(unreadable)?;
    Ok(text)
}

fn cut_short(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "密封文件已被改动或不完整",
            "the sealed file was changed or is cut short",
        ),
        Text::new("请发送方重新发送", "ask its sender to send it again"),
    )
}

fn unopened(path: &Path, error: &DecryptError) -> Fault {
    let (message, hint) = match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed => (
            Text::new(
                "打不开：不是密封给此身份的，或口令不对",
                "it cannot be opened: it was sealed to another identity, or the passphrase is wrong",
            ),
            Text::new(
                "请使用轮次文件所列收件人的身份文件，或核对口令",
                "use the identity of the recipient that the round file names, or check the passphrase",
            ),
        ),
        DecryptError::ExcessiveWork { .. } => (
            Text::new(
                "口令加密的强度参数过高，拒绝打开",
                "opening it by passphrase would take far too long; it is refused",
            ),
            Text::new("请发送方重新密封", "ask its sender to seal it again"),
        ),
        DecryptError::InvalidMac => return cut_short(path),
        DecryptError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Fault::unreadable(path, error);
        }
        _ => (
            Text::new(
                "这不是age密封文件，或文件头已损坏",
                "this is no file sealed with age, or its head is damaged",
            ),
            Text::new("请发送方重新发送", "ask its sender to send it again"),
        ),
    };
    Fault::of_file(path, message, hint)
}
