//! `aidlink register backup`: copies the register while it may be in use.

use std::io::Write;
use std::path::Path;

use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::fault::{Fault, Faults, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::{PartialFile, exists};
use aidlink_files::partial::parent_of;
use aidlink_office::sealed::Recipient;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::register::in_round::other_key;
use aidlink_register::head::Head;
use aidlink_register::register::Register;
use serde::Serialize;

use crate::cli::RegisterBackupArguments;
use crate::commands::Ending;

/// The answer of `register backup`.
#[derive(Serialize)]
struct BackedUp<'a> {
    file: &'a str,
    events: u64,
    digest: &'a str,
    sealed: bool,
}

/// The register's key in the archive.
const KEY: &str = "register.key";

/// Copies the register.
pub(super) fn run(arguments: &RegisterBackupArguments, output: Output) -> Result<Ending, Ending> {
    let register = arguments.file.open_to_read(output)?;
    let head = match &arguments.seal_to {
        None => register.backup(&arguments.out)?,
        Some(recipient) => seal(arguments, &register, recipient)?,
    };
    let sealed = arguments.seal_to.is_some();
    let file = shown_path(&arguments.out);
    let (events, digest) = (head.events, head.digest());
    let text = match sealed {
        false => Text::new(
            format!(
                "已备份登记簿 {file}（{events}项，已核验）。密钥文件须另行备份，与备份分开保管。"
            ),
            format!(
                "backed up the register: {file}, {events} events, verified. Back up the key file too, in another place."
            ),
        ),
        true => Text::new(
            format!(
                "已备份登记簿及其密钥 {file}（{events}项，已核验，已密封）。恢复：age -d -i 身份文件 {file} | tar -x"
            ),
            format!(
                "backed up the register with its key: {file}, {events} events, verified and sealed. To restore: age -d -i IDENTITY {file} | tar -x"
            ),
        ),
    };
    let answer = BackedUp {
        file: &file,
        events,
        digest: &digest,
        sealed,
    };
    output.answer(&text, &file, &answer);
    Ok(Ending::Done)
}

/// Seals the register and its key, as one archive, to a recipient.
fn seal(
    arguments: &RegisterBackupArguments,
    register: &Register,
    recipient: &str,
) -> Result<Head, Ending> {
    let out = &arguments.out;
    let recipient = Recipient::parse(recipient).ok_or_else(|| {
        let fault = Fault::of_file(
            Path::new("--seal-to"),
            Text::new("不是有效的收件人", "this is not a valid recipient"),
            Text::new(
                "收件人以 age1 开头，由 identity new 显示",
                "a recipient begins with age1; `identity new` shows it",
            ),
        );
        Ending::WrongConfiguration(fault.into())
    })?;
    if out.symlink_metadata().is_ok() {
        let what = Text::new("备份文件", "the backup");
        return Err(exists(out, &what).into());
    }
    let key_file = match &arguments.register_key {
        Some(path) => path.clone(),
        None => parent_of(&arguments.file.register).join(KEY),
    };
    let key = RegisterKey::read(&key_file, &register.head().register)
        .map_err(|fault| Ending::WrongConfiguration(fault.into()))?;
    if key.id() != register.key_id() {
        return Err(Ending::WrongConfiguration(other_key(&key_file).into()));
    }
    let (files, head) = register.backup_files()?;
    let written = || -> std::io::Result<()> {
        let mut partial = PartialFile::begin(out)?;
        let mut sealed = recipient.seal(partial.file())?;
        for (name, bytes) in &files {
            add(&mut sealed, name, bytes)?;
        }
        add(&mut sealed, KEY, key.to_text().as_bytes())?;
        // Two empty blocks end an archive.
        sealed.write_all(&[0; 2 * BLOCK])?;
        sealed.finish()?;
        partial.finish()
    };
    written().map_err(|error| {
        let reason = io_reason(&error);
        Faults::from(Fault::of_file(
            out,
            Text::new(
                format!("无法写入备份：{}", reason.zh),
                format!("cannot write the backup: {}", reason.en),
            ),
            Text::new("请检查文件夹和权限", "check the folder and its permissions"),
        ))
    })?;
    Ok(head)
}

/// The size of a block of an archive, in bytes.
const BLOCK: usize = 512;

/// Adds a file to a tar archive (POSIX ustar): its header, its bytes, and zeros to the end of
/// the block. It is owner-only and has no time, so that the same content gives the same bytes.
fn add(archive: &mut impl Write, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        for (place, byte) in header.iter_mut().skip(at).zip(text) {
            *place = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(136, b"00000000000\0");
    // The checksum is that of a header with blanks in its place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (place, byte) in header
        .iter_mut()
        .skip(148)
        .zip(format!("{sum:06o}\0 ").as_bytes())
    {
        *place = *byte;
    }
    archive.write_all(&header)?;
    archive.write_all(bytes)?;
    let rest = bytes.len() % BLOCK;
    match rest {
        0 => Ok(()),
        rest => archive.write_all(&vec![0; BLOCK - rest]),
    }
}
