//! Sealing with age (<https://age-encryption.org/v1>); the `age` command can
//! make and open the same files. An office opens files that were sealed to it
//! with its identity file, which only its owner may read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::iter;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use aidlink_faults::fault::{Fault, Faults, Refusal, io_reason};
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{read_owner_only, write_new_owner_only};
use aidlink_files::regular_file;
use zeroize::Zeroizing;

/// The first bytes of a sealed file.
const SEALED: &[u8] = b"age-encryption.org/v1\n";

/// The longest header of a sealed file in bytes. One recipient takes about 200.
const LONGEST_HEADER: u64 = 16 << 10;
/// The highest work factor of a passphrase (log2 of scrypt's N). Opening takes
/// 1 KiB x 2^factor of memory: 1 GiB here; `age -p` chooses 18.
const HIGHEST_WORK_FACTOR: u8 = 20;

/// The largest identity or passphrase file, in bytes.
const LARGEST_IDENTITY_FILE: u64 = 64 << 10;

/// An age recipient, `age1...`, that files are sealed to.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// Parses a recipient; `None` if the text is not one, if everybody could open what is
    /// sealed to it, or if it is a second spelling of a key: then recipients that differ as text
    /// could be the same key.
    pub fn parse(text: &str) -> Option<Self> {
        let recipient = x25519::Recipient::from_str(text.trim()).ok()?;
        let point = point_of(&recipient.to_string())?;
        let is_accepted = is_canonical(&point) && !is_of_low_order(&point);
        is_accepted.then_some(Recipient(recipient))
    }

    /// Returns a writer that seals to this recipient. Call
    /// [`SealedWriter::finish`], or the file is incomplete.
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

/// Returns the bytes of a recipient from its written form, which has been checked: `age1`, 52
/// characters of 5 bits, the last with 4 bits of padding, and 6 of a checksum.
fn point_of(recipient: &str) -> Option<[u8; 32]> {
    const CHARACTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let digits = recipient.strip_prefix("age1")?.get(..52)?;
    let mut point = [0; 32];
    for (at, digit) in digits.chars().enumerate() {
        let value = CHARACTERS.find(digit)?;
        for bit in (0..5).filter(|bit| value >> (4 - bit) & 1 == 1) {
            let place = at * 5 + bit;
            // Beyond the last byte is the padding.
            if let Some(byte) = point.get_mut(place / 8) {
                *byte |= 0x80 >> (place % 8);
            }
        }
    }
    Some(point)
}

/// Whether a point is written as the number below the prime 2^255 - 19 that it is, little-endian.
/// X25519 ignores the highest bit and reduces the rest (RFC 7748, section 5), so other numbers
/// are second spellings.
fn is_canonical(point: &[u8; 32]) -> bool {
    const PRIME: [u8; 32] = {
        let mut prime = [0xff; 32];
        prime[0] = 0xed;
        prime[31] = 0x7f;
        prime
    };
    point.iter().rev().lt(PRIME.iter().rev())
}

/// Whether every secret shared with this point is zero (RFC 7748, section 6.1). The library ends
/// the program on such a point.
fn is_of_low_order(point: &[u8; 32]) -> bool {
    // The points of order 8, little-endian.
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
    ];
    let mut point = *point;
    // The highest bit does not count.
    point[31] &= 0x7f;
    let is_small = point[0] <= 1 && point[1..].iter().all(|byte| *byte == 0);
    // Minus 1, 0 and 1, written as the prime 2^255 - 19 and its neighbours.
    let middle_is_full = point[1..31].iter().all(|byte| *byte == 0xff);
    let is_near_the_prime =
        (0xec..=0xee).contains(&point[0]) && middle_is_full && point[31] == 0x7f;
    is_small || is_near_the_prime || ORDER_8.contains(&point)
}

impl PartialEq for Recipient {
    /// Compares the parsed recipients, so spaces and upper case in the written
    /// form make no difference.
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

/// Writes a sealed file.
pub struct SealedWriter<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> SealedWriter<W> {
    /// Writes the last part of the file.
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

/// A passphrase.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Reads the passphrase from the first line of a file.
    ///
    /// # Errors
    /// When the file cannot be read, is readable by others, or its first line is
    /// empty.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let text = read_secret(path)?;
        let first = text.lines().next().unwrap_or_default();
        if first.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new(
                    "口令文件的首行为空",
                    "the first line of the passphrase file is empty",
                ),
                Text::new("请把口令写在首行", "write the passphrase on the first line"),
            )
            .into());
        }
        Ok(Passphrase(SecretString::from(first.to_owned())))
    }

    /// Returns a writer that seals with the passphrase. Call
    /// [`SealedWriter::finish`], or the file is incomplete.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn seal<W: Write>(&self, output: W) -> io::Result<SealedWriter<W>> {
        Encryptor::with_user_passphrase(self.0.clone())
            .wrap_output(output)
            .map(SealedWriter)
    }
}

/// The secret that opens sealed files.
pub enum Opener {
    /// An office's identity.
    Identity(Box<x25519::Identity>),
    /// A passphrase.
    Passphrase(Passphrase),
}

impl Opener {
    /// Reads an identity file in the format of `age-keygen`.
    ///
    /// # Errors
    /// When the file cannot be read, is readable by others, or holds no identity.
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
                Text::new("这不是有效的身份文件", "this is not a valid identity file"),
                Text::new(
                    "请用 identity new 或 age-keygen 生成",
                    "make one with `identity new` or `age-keygen`",
                ),
            )
            .into()),
        }
    }

    /// Returns the recipient of the files that this opens, as written in a
    /// [`Statement`](crate::statement::Statement).
    pub fn to(&self) -> String {
        match self {
            Opener::Identity(identity) => identity.to_public().to_string(),
            Opener::Passphrase(_) => crate::statement::TO_PASSPHRASE.to_owned(),
        }
    }

    /// Returns a reader of the plain bytes of a sealed file. It authenticates each
    /// part before returning it.
    ///
    /// # Errors
    /// When the file is not sealed, is sealed to another identity, or is damaged.
    pub fn open(&self, path: &Path) -> Result<impl Read + use<>, Fault> {
        let (plain, _) = self.open_digested(path)?;
        Ok(plain)
    }

    /// As [`Opener::open`]. Returns also the digest of the bytes as they are in the file,
    /// which is complete when the plain text was read to its end.
    fn open_digested(&self, path: &Path) -> Result<(impl Read + use<>, SharedDigest), Fault> {
        let mut file = regular_file::open(path).map_err(|error| Fault::unreadable(path, &error))?;
        let start = checked_start(path, &mut file)?;
        let digest = SharedDigest::default();
        let file = Digesting {
            // The file may be changed in place: what was checked is what is opened.
            content: io::Cursor::new(start).chain(file),
            digest: digest.clone(),
        };
        let decryptor = Decryptor::new_buffered(BufReader::new(file))
            .map_err(|error| unopened(path, &error))?;
        let opened = match self {
            Opener::Identity(identity) => {
                let identity: &dyn age::Identity = identity.as_ref();
                decryptor.decrypt(iter::once(identity))
            }
            Opener::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(passphrase.0.clone());
                identity.set_max_work_factor(HIGHEST_WORK_FACTOR);
                decryptor.decrypt(iter::once(&identity as &dyn age::Identity))
            }
        };
        let plain = opened.map_err(|error| unopened(path, &error))?;
        Ok((plain, digest))
    }

    /// Opens a sealed file into an unnamed file in the folder `beside`. The system
    /// removes an unnamed file when it is closed, even if the program is killed.
    ///
    /// # Errors
    /// As [`Opener::open`]; also when the disk has no room for the plain text.
    pub fn open_to_unnamed_file(&self, path: &Path, beside: &Path) -> Result<PlainFile, Fault> {
        let (mut plain, digest) = self.open_digested(path)?;
        let opened = copy_to_unnamed_file(&mut plain, beside, |_| damaged(path), |_| {})?;
        Ok(PlainFile {
            digest_as_received: digest.finish(),
            ..opened
        })
    }

    /// Opens a small sealed file into memory.
    ///
    /// # Errors
    /// As [`Opener::open`]; also when the plain text is larger than `limit` bytes.
    pub fn open_to_memory(&self, path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let most = limit.saturating_add(1);
        // Reserved at once: a growing buffer would leave copies of a secret behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(usize::try_from(most).unwrap_or(0)));
        self.open(path)?
            .take(most)
            .read_to_end(&mut plain)
            .map_err(|_| damaged(path))?;
        if plain.len() as u64 > limit {
            let refused = Refusal::TooLarge { at_most: limit };
            return Err(Fault::unreadable(path, &refused.into()));
        }
        Ok(plain)
    }
}

/// Copies content into an unnamed file in the folder `beside`, and passes each part to `also`.
/// The system removes the file when it is closed.
///
/// # Errors
/// `unreadable` if the content cannot be read; also when the disk has no room for it.
pub(crate) fn copy_to_unnamed_file(
    content: &mut impl Read,
    beside: &Path,
    unreadable: impl Fn(io::Error) -> Fault,
    mut also: impl FnMut(&[u8]),
) -> Result<PlainFile, Fault> {
    let no_room = |error: io::Error| no_room(beside, &error);
    let mut file = tempfile::tempfile_in(beside).map_err(no_room)?;
    let mut digest = blake3::Hasher::new();
    let mut byte_length = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let part = buffer.get(..read).unwrap_or_default();
        digest.update(part);
        also(part);
        byte_length += read as u64;
        file.write_all(part).map_err(no_room)?;
    }
    file.rewind().map_err(no_room)?;
    let digest = digest.finalize().to_hex().to_string();
    Ok(PlainFile {
        file,
        digest_as_received: digest.clone(),
        digest,
        byte_length,
    })
}

/// The fault of an opened file that cannot be written into a folder.
fn no_room(beside: &Path, error: &io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        beside,
        Text::new(
            format!("无法写出打开的内容：{}", reason.zh),
            format!("cannot write the opened file: {}", reason.en),
        ),
        Text::new("请腾出磁盘空间", "free some disk space"),
    )
}

/// An opened file.
pub struct PlainFile {
    /// The file, positioned at its start.
    pub file: File,
    /// BLAKE3 digest of the content, hexadecimal.
    pub digest: String,
    /// Length of the content in bytes.
    pub byte_length: u64,
    /// BLAKE3 digest of the bytes that were read, sealed or not, hexadecimal. It is that of
    /// the opened file: another one could be at the path by now.
    pub digest_as_received: String,
}

/// The digest of what was read so far.
#[derive(Clone, Default)]
struct SharedDigest(Arc<Mutex<blake3::Hasher>>);

impl SharedDigest {
    fn hasher(&self) -> MutexGuard<'_, blake3::Hasher> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self) -> String {
        self.hasher().finalize().to_hex().to_string()
    }
}

/// Digests content while it is read.
struct Digesting<R> {
    content: R,
    digest: SharedDigest,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        let part = buffer.get(..read).unwrap_or_default();
        self.digest.hasher().update(part);
        Ok(read)
    }
}

/// Whether a file is sealed, judged by its first bytes.
///
/// # Errors
/// When the file cannot be read.
pub fn is_sealed(path: &Path) -> Result<bool, Fault> {
    regular_file::open(path)
        .and_then(starts_sealed)
        .map_err(|error| Fault::unreadable(path, &error))
}

/// Returns whether a file begins as a sealed one does.
///
/// # Errors
/// When it cannot be read.
pub fn starts_sealed(file: impl Read) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(SEALED.len() as u64).read_to_end(&mut start)?;
    Ok(start == SEALED)
}

/// Makes an owner-only identity file in the format of `age-keygen` and returns
/// its recipient.
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
    let what = Text::new("文件", "the file");
    let bytes = read_owner_only(path, LARGEST_IDENTITY_FILE, &what)?;
    String::from_utf8(bytes)
        .map(Zeroizing::new)
        .map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            let not_text = io::Error::from(io::ErrorKind::InvalidData);
            Fault::unreadable(path, &not_text).into()
        })
}

/// Reads the start of a sealed file, which has the whole header. Refuses a header that is longer
/// than [`LONGEST_HEADER`]: the time in which the library reads a header grows with the square of
/// its length. Refuses one that is sealed to several recipients of whatever kind: others than this
/// office could open it. One line of filler, as programs add it, is allowed.
fn checked_start(path: &Path, file: &mut File) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let mut start = Vec::new();
    file.take(LONGEST_HEADER)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    let is_cut_off = start.len() as u64 == LONGEST_HEADER;
    // The last line of a header begins so.
    let end = start.windows(5).position(|bytes| bytes == b"\n--- ");
    if !start.starts_with(SEALED) {
        return Ok(start);
    }
    let header = start.get(..end.unwrap_or(start.len())).unwrap_or_default();
    let lines = header.split(|byte| *byte == b'\n');
    let kinds = lines.filter_map(|line| line.strip_prefix(b"->"));
    let kinds = kinds.map(|line| line.trim_ascii_start().split(|byte| *byte == b' ').next());
    let (fillers, recipients): (Vec<&[u8]>, Vec<&[u8]>) = kinds
        .map(Option::unwrap_or_default)
        .partition(|kind| kind.ends_with(b"-grease"));
    // The library refuses a passphrase beside anything else.
    let is_known = matches!(recipients.as_slice(), [] | [b"X25519"] | [b"scrypt"]);
    if !is_known || fillers.len() > 1 {
        return Err(Fault::of_file(
            path,
            Text::new(
                "文件密封给了不止一个收件人，或收件人的类型不是 X25519",
                "the file is sealed to more than one recipient, or to one of another kind than X25519",
            ),
            Text::new(
                "请发送方只密封给一个收件人，重新发送，并查明另一收件人是谁",
                "ask the sender to seal it to one recipient and to send it again, and find out who the other one is",
            ),
        ));
    }
    if end.is_some() || !is_cut_off {
        return Ok(start);
    }
    Err(Fault::of_file(
        path,
        Text::new(
            "密封文件的头部超过16 KiB",
            "the header of the sealed file is longer than 16 KiB",
        ),
        Text::new(
            "请发送方只密封给一个收件人，并重新发送",
            "ask the sender to seal it to one recipient and to send it again",
        ),
    ))
}

fn damaged(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "密封文件已被改动，或不完整",
            "the sealed file was changed or is incomplete",
        ),
        Text::new("请发送方重新发送", "ask the sender to send it again"),
    )
}

fn unopened(path: &Path, error: &DecryptError) -> Fault {
    let (message, hint) = match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed => (
            Text::new(
                "无法打开：文件用其他收件人公钥密封，或口令不正确",
                "cannot open the file: it was sealed to another recipient, or the passphrase is wrong",
            ),
            Text::new(
                "请使用与轮次文件所列收件人公钥对应的身份文件，或核对口令",
                "use the identity file that belongs to the recipient in the round file, or check the passphrase",
            ),
        ),
        DecryptError::ExcessiveWork { .. } => (
            Text::new(
                "口令加密的强度参数过高，打开耗时过长",
                "the work factor of the passphrase encryption is too high; opening the file would take too long",
            ),
            Text::new("请发送方重新密封", "ask the sender to seal it again"),
        ),
        DecryptError::InvalidMac => return damaged(path),
        DecryptError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Fault::unreadable(path, error);
        }
        _ => (
            Text::new(
                "这不是 age 密封文件，或文件头已损坏",
                "this is not a file sealed with age, or its header is damaged",
            ),
            Text::new("请发送方重新发送", "ask the sender to send it again"),
        ),
    };
    Fault::of_file(path, message, hint)
}
