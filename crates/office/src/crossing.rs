//! A file on its way from one office to another: sealed to its recipient, or
//! plain where the round asks for that by name, and then with a SHA-256
//! checksum beside it that the ordinary `sha256sum -c` checks.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use sha2::{Digest, Sha256};

use crate::manifest::Crossed;
use crate::output_folder::{OutputFolder, StreamedFile, WrittenFile};
use crate::round::Crossing;
use crate::sealed::{Opener, PlainFile, SealedWriter, is_sealed};

/// What the name of a sealed file ends with.
pub const SEALED_SUFFIX: &str = ".age";
/// What the name of a plain file's checksum ends with.
pub const CHECKSUM_SUFFIX: &str = ".sha256";

/// A file under way to another office.
pub struct CrossingFile {
    name: String,
    output: Output,
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

/// A file that is ready to cross.
#[derive(Clone, Debug)]
pub struct CrossedFile {
    /// The file as it was written.
    pub written: WrittenFile,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_digest: String,
    /// Bytes of its plain text.
    pub plain_length: u64,
    /// Whom it is sealed to; plain otherwise.
    pub sealed_to: Option<String>,
}

impl CrossedFile {
    /// The file in a manifest, on its way to an office.
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
    /// Begins a file of this path in an output folder; `.age` is added when it
    /// is sealed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(folder: &OutputFolder, path: &str, crossing: &Crossing) -> Result<Self, Fault> {
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
            digest: blake3::Hasher::new(),
            checksum: Sha256::new(),
            byte_length: 0,
        })
    }

    /// Ends the file, and writes the checksum beside a plain one.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(self, folder: &mut OutputFolder) -> Result<CrossedFile, Fault> {
        let (file, sealed_to) = match self.output {
            Output::Plain(file) => (*file, None),
            Output::Sealed { file, recipient } => {
                let fault = folder.fault_of(&self.name);
                let file = file.finish().map_err(|error| fault(&error))?;
                (file, Some(recipient))
            }
        };
        let written = folder.add(file.finish()?);
        if sealed_to.is_none() {
            let base = self.name.rsplit('/').next().unwrap_or(&self.name);
            let hex: String = self
                .checksum
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let line = format!("{hex}  {base}\n");
            folder.write(&format!("{}{CHECKSUM_SUFFIX}", self.name), line.as_bytes())?;
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
        // A sealed file is authenticated by its seal.
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

/// Opens a file that came from another office. Where the round seals, a plain
/// file is refused; where it asks for plain files, the checksum must be beside
/// the file and right. Opened content lies in an unnamed file in `beside`.
///
/// # Errors
/// When the file is not what the round says, cannot be opened, or was changed.
pub fn receive(
    path: &Path,
    crossing: &Crossing,
    opener: Option<&Opener>,
    beside: &Path,
) -> Result<PlainFile, Fault> {
    let sealed = is_sealed(path)?;
    match (crossing, sealed, opener) {
        (_, true, Some(opener)) => opener.open_to_unnamed_file(path, beside),
        (_, true, None) => Err(Fault::of_file(
            path,
            Text::new("文件是密封的", "the file is sealed"),
            Text::new(
                "请用 --identity 指明本机构的身份文件",
                "name this office's identity file with --identity",
            ),
        )),
        (Crossing::Sealed(_), false, _) => Err(Fault::of_file(
            path,
            Text::new(
                "文件不是密封的，而本轮要求密封",
                "the file is not sealed, and this round asks for sealed files",
            ),
            Text::new("请发送方密封后重新发送", "ask its sender to send it sealed"),
        )),
        (Crossing::Plain, false, _) => receive_plain(path),
    }
}

fn receive_plain(path: &Path) -> Result<PlainFile, Fault> {
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut digest = blake3::Hasher::new();
    let mut checksum = Sha256::new();
    let mut byte_length = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        let part = buffer.get(..read).unwrap_or_default();
        digest.update(part);
        checksum.update(part);
        byte_length += read as u64;
    }
    file.rewind().map_err(unreadable)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(CHECKSUM_SUFFIX);
    let stated = std::fs::read_to_string(&beside).unwrap_or_default();
    let stated = stated.split_whitespace().next().unwrap_or_default();
    let hex: String = checksum
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if stated.is_empty() {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("旁边没有校验文件（{CHECKSUM_SUFFIX}）"),
                format!("there is no checksum beside it ({CHECKSUM_SUFFIX})"),
            ),
            Text::new(
                "明文文件须附 sha256sum 的校验文件",
                "a plain file comes with its checksum, as `sha256sum` writes it",
            ),
        ));
    }
    if !stated.eq_ignore_ascii_case(&hex) {
        return Err(Fault::of_file(
            path,
            Text::new(
                "文件与其校验值不符：已被改动或不完整",
                "the file does not have its checksum: it was changed or is cut short",
            ),
            Text::new("请发送方重新发送", "ask its sender to send it again"),
        ));
    }
    Ok(PlainFile {
        file,
        digest: digest.finalize().to_hex().to_string(),
        byte_length,
    })
}
