//! Files that cross from one office to another. The sender signs the plain bytes
//! with a [`Statement`]. The file is then sealed to its recipient with the
//! signature inside. If the round file lists it under `plain`, it is not sealed,
//! and has a signature file and a SHA-256 checksum file beside it, which
//! `minisign -V` and `sha256sum -c` can check.

use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::refused_name;
use aidlink_faults::text::Text;
use aidlink_files::regular_file;
use sha2::{Digest, Sha256};

use crate::manifest::Crossed;
use crate::output_folder::{OutputFolder, StreamedFile, WrittenFile};
use crate::round::{CENTRE, Crossing, RoundTerms};
use crate::sealed::{Opener, PlainFile, SealedWriter, copy_to_unnamed_file, is_sealed};
use crate::signing::{LARGEST_SIGNATURE, SIGNATURE_SUFFIX, Signature, SignatureStream, SigningKey};
use crate::statement::{Content, Statement, TO_PLAIN, split_signature, take_signature, trailer};

/// The suffix of sealed files.
pub const SEALED_SUFFIX: &str = ".age";
/// The suffix of checksum files.
pub const CHECKSUM_SUFFIX: &str = ".sha256";
/// The largest checksum file, in bytes: one line.
const LARGEST_CHECKSUM: u64 = 4 << 10;

impl Crossing {
    /// Returns the recipient as written in a [`Statement`].
    pub fn to(&self) -> String {
        match self {
            Crossing::Sealed(recipient) => recipient.to_string(),
            Crossing::Plain => TO_PLAIN.to_owned(),
        }
    }
}

/// Writes a file for another office.
pub struct CrossingFile {
    name: String,
    output: Output,
    signature: SignatureStream,
    digest: blake3::Hasher,
    checksum: Sha256,
    byte_length: u64,
}

enum Output {
    Plain(Box<StreamedFile>),
    Sealed {
        file: Box<SealedWriter<StreamedFile>>,
        recipient: String,
    },
}

/// A finished file for another office.
#[derive(Clone, Debug)]
pub struct CrossedFile {
    /// The file in the output folder.
    pub written: WrittenFile,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_digest: String,
    /// Bytes of its plain text.
    pub plain_length: u64,
    /// Its recipient; `None` if it is not sealed.
    pub sealed_to: Option<String>,
}

impl CrossedFile {
    /// Returns the manifest entry of the file; `to` is the receiving office.
    pub fn record(&self, to: &str) -> Crossed {
        Crossed {
            file: self.written.path.clone(),
            to: to.to_owned(),
            sealed_to: self.sealed_to.clone(),
            plain_blake3: self.plain_digest.clone(),
            plain_bytes: self.plain_length,
        }
    }
}

impl CrossingFile {
    /// Creates a file at this path in the output folder; `.age` is appended if it
    /// is sealed. The sender's key signs it with the statement.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(
        folder: &OutputFolder,
        path: &str,
        crossing: &Crossing,
        sender: &SigningKey,
        statement: &Statement,
    ) -> Result<Self, Fault> {
        let (name, output) = match crossing {
            Crossing::Plain => (
                path.to_owned(),
                Output::Plain(Box::new(folder.stream(path)?)),
            ),
            Crossing::Sealed(recipient) => {
                let name = format!("{path}{SEALED_SUFFIX}");
                let file = folder.stream(&name)?;
                let fault = file.fault();
                let sealed = recipient.seal(file).map_err(|error| fault(&error))?;
                let output = Output::Sealed {
                    file: Box::new(sealed),
                    recipient: recipient.to_string(),
                };
                (name, output)
            }
        };
        Ok(CrossingFile {
            name,
            output,
            signature: sender.sign_stream(statement.to_comment()),
            digest: blake3::Hasher::new(),
            checksum: Sha256::new(),
            byte_length: 0,
        })
    }

    /// Finishes the file. The signature is appended inside the seal; for a plain
    /// file, signature and checksum are written beside it.
    ///
    /// # Errors
    /// When the disk is full or the system provides no random numbers.
    pub fn finish(self, folder: &mut OutputFolder) -> Result<CrossedFile, Fault> {
        let fault = folder.write_fault(&self.name);
        let no_signature = || fault(&io::Error::other("the system provides no random numbers"));
        let signature = self.signature.finish().ok_or_else(no_signature)?;
        let (file, sealed_to) = match self.output {
            Output::Plain(file) => (*file, None),
            Output::Sealed {
                mut file,
                recipient,
            } => {
                let ended = file
                    .write_all(trailer(&signature).as_bytes())
                    .and_then(|()| file.finish());
                (ended.map_err(|error| fault(&error))?, Some(recipient))
            }
        };
        let written = folder.add(file.finish()?);
        if sealed_to.is_none() {
            let base = self.name.rsplit('/').next().unwrap_or(&self.name);
            let line = format!("{}  {base}\n", hex::encode(self.checksum.finalize()));
            folder.write(&format!("{}{CHECKSUM_SUFFIX}", self.name), line.as_bytes())?;
            folder.write(
                &format!("{}{SIGNATURE_SUFFIX}", self.name),
                signature.as_bytes(),
            )?;
        }
        Ok(CrossedFile {
            written,
            plain_digest: self.digest.finalize().to_hex().to_string(),
            plain_length: self.byte_length,
            sealed_to,
        })
    }
}

impl Write for CrossingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.output {
            Output::Plain(file) => file.write(bytes)?,
            Output::Sealed { file, .. } => file.write(bytes)?,
        };
        let part = bytes.get(..written).unwrap_or_default();
        self.digest.update(part);
        self.signature.push(part);
        // A sealed file needs no checksum: its seal authenticates it.
        if matches!(self.output, Output::Plain(_)) {
            self.checksum.update(part);
        }
        self.byte_length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(file) => file.flush(),
            Output::Sealed { file, .. } => file.flush(),
        }
    }
}

/// A file from another office, opened and verified.
pub struct ReceivedFile {
    /// Its plain content.
    pub plain: PlainFile,
    /// The sender's statement.
    pub statement: Statement,
    /// The office that signed it: `centre` or an agency's id.
    pub sender: String,
}

/// The expected content of a received file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The tokens of an export of the round.
    Tokens,
    /// Screened leads.
    Leads,
}

/// Refuses a file whose name, or path in the round's folder, must not be kept.
fn check_name(path: &Path, terms: &RoundTerms) -> Result<(), Fault> {
    let inside = terms.below(path).unwrap_or_default();
    let mut names = path.file_name().into_iter().chain([inside.as_os_str()]);
    let refused = names.find_map(|name| match name.to_str() {
        Some(name) => refused_name(name),
        None => Some(Text::new(
            "文件或其文件夹的名称不是 UTF-8 文本；名称会写入运行记录和日志",
            "the name of the file, or of its folder, is not UTF-8 text; names are written to the manifest and the log",
        )),
    });
    match refused {
        None => Ok(()),
        Some(message) => Err(Fault::of_file(
            path,
            message,
            Text::new("请更改文件名后重新运行", "rename the file and run again"),
        )),
    }
}

/// Opens a file from another office and verifies its sender. A plain file is
/// refused unless the round file allows it, and must have a matching checksum
/// file beside it. The content of a sealed file is written to an unnamed file
/// in `beside`.
///
/// # Errors
/// When the file is not sealed as the round requires, cannot be opened, was
/// changed, or is not signed by the expected office for this round and recipient.
pub fn receive(
    path: &Path,
    terms: &RoundTerms,
    expected: Expected,
    opener: Option<&Opener>,
    beside: &Path,
) -> Result<ReceivedFile, Fault> {
    check_name(path, terms)?;
    let sealing = terms.sealing()?;
    let crossing = match expected {
        Expected::Tokens => &sealing.tokens,
        Expected::Leads => &sealing.leads,
    };
    let (mut plain, signature) = open(path, crossing, opener, beside)?;
    let statement =
        Statement::parse(&signature.comment()).ok_or_else(|| wrong_statement(path, None))?;
    let sender = check_statement(path, terms, expected, crossing, &statement)?;
    let mut keys = terms.signers.iter().filter(|(office, _)| *office == sender);
    let is_signed = keys.any(|(_, key)| {
        let rewound = plain.file.rewind().is_ok();
        rewound && signature.verifies_reader(key, &mut plain.file)
    });
    if !is_signed {
        return Err(wrong_sender(path, terms, &sender));
    }
    plain
        .file
        .rewind()
        .map_err(|error| Fault::unreadable(path, &error))?;
    Ok(ReceivedFile {
        plain,
        statement,
        sender,
    })
}

/// Checks a statement and returns the office that must have signed it.
fn check_statement(
    path: &Path,
    terms: &RoundTerms,
    expected: Expected,
    crossing: &Crossing,
    statement: &Statement,
) -> Result<String, Fault> {
    let differs = |zh, en| Err(wrong_statement(path, Some(Text::new(zh, en))));
    if statement.round != terms.round {
        return differs("轮次", "round");
    }
    if statement.terms != terms.terms_digest() {
        return differs("轮次约定", "terms");
    }
    if statement.to != crossing.to() {
        return differs("收件人公钥", "recipient");
    }
    match (expected, &statement.content) {
        (Expected::Leads, Content::Leads) => Ok(CENTRE.to_owned()),
        (Expected::Tokens, Content::Tokens(export)) => match terms.export(export) {
            Some(export) => Ok(export.schema.agency.clone()),
            None => differs("导出", "export"),
        },
        _ => differs("内容", "content"),
    }
}

/// Verifies the round key in an opened file and returns its plain bytes. `to` is
/// the recipient that opened the file.
///
/// # Errors
/// When the file is not signed by the procuratorate for this round and recipient.
pub fn verify_key<'o>(
    path: &Path,
    terms: &RoundTerms,
    opened: &'o [u8],
    to: &str,
) -> Result<(&'o [u8], Statement), Fault> {
    let (plain, signature) = split_signature(opened).ok_or_else(|| not_signed(path))?;
    let statement =
        Statement::parse(&signature.comment()).ok_or_else(|| wrong_statement(path, None))?;
    let differs = |zh, en| Err(wrong_statement(path, Some(Text::new(zh, en))));
    if statement.round != terms.round {
        return differs("轮次", "round");
    }
    if statement.terms != terms.terms_digest() {
        return differs("轮次约定", "terms");
    }
    if statement.content != Content::Key {
        return differs("内容", "content");
    }
    if statement.to != to {
        return differs("收件人公钥", "recipient");
    }
    let sender = &terms.cases.schema.agency;
    let mut keys = terms.signers.iter().filter(|(office, _)| office == sender);
    if !keys.any(|(_, key)| signature.verifies(key, plain)) {
        return Err(wrong_sender(path, terms, sender));
    }
    Ok((plain, statement))
}

type Opened = (PlainFile, Signature);

fn open(
    path: &Path,
    crossing: &Crossing,
    opener: Option<&Opener>,
    beside: &Path,
) -> Result<Opened, Fault> {
    let sealed = is_sealed(path)?;
    match (crossing, sealed, opener) {
        (_, true, Some(opener)) => open_sealed(path, opener, beside),
        (_, true, None) => Err(Fault::of_file(
            path,
            Text::new("文件是密封的", "the file is sealed"),
            Text::new(
                "请用 --identity 指明本机构的身份文件",
                "give this office's identity file with --identity",
            ),
        )),
        (Crossing::Sealed(_), false, _) => Err(Fault::of_file(
            path,
            Text::new(
                "文件未密封，而本轮要求密封",
                "the file is not sealed, but this round requires sealed files",
            ),
            Text::new("请发送方密封后重新发送", "ask the sender to send it sealed"),
        )),
        (Crossing::Plain, false, _) => open_plain(path, beside),
    }
}

fn open_sealed(path: &Path, opener: &Opener, beside: &Path) -> Result<Opened, Fault> {
    let mut opened = opener.open_to_unnamed_file(path, beside)?;
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let (signature, length) = take_signature(&mut opened.file)
        .map_err(unreadable)?
        .ok_or_else(|| not_signed(path))?;
    // The digest of the opened file included the signature.
    let mut digest = blake3::Hasher::new();
    io::copy(&mut opened.file, &mut digest).map_err(unreadable)?;
    opened.file.rewind().map_err(unreadable)?;
    let plain = PlainFile {
        file: opened.file,
        digest: digest.finalize().to_hex().to_string(),
        byte_length: length,
        digest_as_received: opened.digest_as_received,
    };
    Ok((plain, signature))
}

/// Copies a plain file into an unnamed file in `beside`: what is verified is what is
/// read, even if somebody changes the file meanwhile. A file without a checksum is
/// refused before it is copied.
fn open_plain(path: &Path, beside: &Path) -> Result<Opened, Fault> {
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let stated = read_beside(path, CHECKSUM_SUFFIX, LARGEST_CHECKSUM)?;
    let stated = stated.split_whitespace().next().unwrap_or_default();
    if stated.is_empty() {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("缺少校验文件（{CHECKSUM_SUFFIX}）"),
                format!("the checksum file ({CHECKSUM_SUFFIX}) is missing"),
            ),
            Text::new(
                "请发送方提供校验文件，并与明文文件放在一起",
                "ask the sender for it and put it beside the plain file",
            ),
        ));
    }
    let mut source = regular_file::open(path).map_err(unreadable)?;
    let mut checksum = Sha256::new();
    let plain = copy_to_unnamed_file(&mut source, beside, unreadable, |part| {
        checksum.update(part);
    })?;
    if !stated.eq_ignore_ascii_case(&hex::encode(checksum.finalize())) {
        return Err(Fault::of_file(
            path,
            Text::new(
                "文件与校验值不符：已被改动，或不完整",
                "the file does not match its checksum: it was changed or is incomplete",
            ),
            Text::new("请发送方重新发送", "ask the sender to send it again"),
        ));
    }
    let signature = read_beside(path, SIGNATURE_SUFFIX, LARGEST_SIGNATURE)?;
    let signature = Signature::parse_of_minisign(&signature).ok_or_else(|| not_signed(path))?;
    Ok((plain, signature))
}

/// Reads the small file with this suffix beside `path`; empty if it is missing or not
/// UTF-8.
fn read_beside(path: &Path, suffix: &str, at_most: u64) -> Result<String, Fault> {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    let beside = PathBuf::from(name);
    if !beside.exists() {
        return Ok(String::new());
    }
    let bytes = regular_file::read(&beside, at_most)?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn not_signed(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new("文件没有发送方的签名", "the file has no sender's signature"),
        Text::new(
            "请发送方用本版本的程序重新生成；明文文件须附签名文件（.minisig）",
            "ask the sender to make it again with this version; a plain file needs its signature file (.minisig)",
        ),
    )
}

fn wrong_statement(path: &Path, part: Option<Text>) -> Fault {
    let message = match part {
        None => Text::new(
            "签名未注明文件的轮次和收件人公钥",
            "the signature does not state the round and the recipient of the file",
        ),
        Some(part) => Text::new(
            format!("签名中注明的{}与本轮不符", part.zh),
            format!("the signature states the wrong {}", part.en),
        ),
    };
    Fault::of_file(
        path,
        message,
        Text::new(
            "请与发送方核对轮次约定的摘要（aidlink round terms），再请其重新发送",
            "compare the digest of the terms (`aidlink round terms`) with the sender, then ask for the file again",
        ),
    )
}

fn wrong_sender(path: &Path, terms: &RoundTerms, office: &str) -> Fault {
    let name = match office {
        CENTRE => Text::new("筛查机构", "the centre"),
        agency => terms.policy.agency_name(agency),
    };
    Fault::of_file(
        path,
        Text::new(
            format!("签名不属于{}，或文件已被改动", name.zh),
            format!(
                "the file was not signed by {}, or was changed after signing",
                name.en
            ),
        ),
        Text::new(
            format!(
                "请{}用与轮次文件所列公钥对应的签名私钥重新签署并发送",
                name.zh
            ),
            format!(
                "ask {} to send it again, signed with the key whose public key is in the round file",
                name.en
            ),
        ),
    )
}
