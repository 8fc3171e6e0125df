//! Opens files that may be anything: the name of a round file may belong to a pipe, a
//! device or a file of terabytes. Opening and reading must not block, and must not take
//! more memory than the caller allows.
//!
//! Files below a folder whose links must not be followed are opened with
//! [`crate::folder::Folder`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use aidlink_faults::fault::{Fault, Refusal};

/// Opens a regular file for reading. A link to one is followed.
///
/// # Errors
/// If it is missing, a folder, or not a regular file ([`Refusal::NotRegular`]).
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a device may already have an effect, so its kind is read first.
    check_kind(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    never_block(&mut options);
    let file = options.open(path)?;
    // It may have been replaced in between.
    check_kind(&file.metadata()?)?;
    Ok(file)
}

/// Opening a pipe waits for its writer unless this flag is set. Reading a regular file is
/// the same with it.
#[cfg(unix)]
fn never_block(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY);
    options.custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn never_block(_options: &mut OpenOptions) {}

fn check_kind(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match metadata.is_file() {
        true => Ok(()),
        false => Err(Refusal::NotRegular.into()),
    }
}

/// Opens a regular file and reads it. A link to one is followed.
///
/// # Errors
/// If it cannot be read, is not a regular file, or has more than `at_most` bytes.
pub fn read(path: &Path, at_most: u64) -> Result<Vec<u8>, Fault> {
    open(path)
        .and_then(|file| read_open(&file, at_most))
        .map_err(|error| Fault::unreadable(path, &error))
}

/// Reads the rest of an open regular file.
///
/// The memory is reserved at once: a secret is not left behind in a smaller buffer.
///
/// # Errors
/// If it cannot be read, or has more than `at_most` bytes ([`Refusal::TooLarge`]). A file
/// that states a larger size is refused before it is read.
pub fn read_open(file: &File, at_most: u64) -> io::Result<Vec<u8>> {
    let too_large = || Err(Refusal::TooLarge { at_most }.into());
    let length = file.metadata()?.len();
    if length > at_most {
        return too_large();
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // The file may be growing.
    file.take(at_most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > at_most {
        true => too_large(),
        false => Ok(bytes),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"content").expect("writable");
        symlink(path("file"), path("link")).expect("writable");
        for name in ["file", "link"] {
            assert_eq!(read(&path(name), 7).expect("readable"), b"content");
        }
        let made = Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("mkfifo is installed").success());
        symlink(path("pipe"), path("link to pipe")).expect("writable");
        symlink("/dev/zero", path("device")).expect("writable");
        symlink("loop", path("loop")).expect("writable");
        let socket = std::os::unix::net::UnixListener::bind(path("socket"));
        assert!(socket.is_ok());
        for name in ["pipe", "link to pipe", "device", "socket"] {
            let fault = read(&path(name), 7).expect_err(name);
            assert_eq!(
                fault.message.en,
                "the file cannot be read: it is a pipe, a device or a socket"
            );
            assert_eq!(fault.file, path(name));
        }
        for name in ["loop", "missing", "."] {
            assert!(open(&path(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_larger_file_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.toml");
        let file = File::create(&path).expect("writable");
        for (length, at_most, words) in [
            (8, 7, "it is larger than 7 bytes"),
            (4097, 4096, "it is larger than 4 KiB"),
            // A sparse file takes no room on the disk.
            (1 << 40, 256 << 20, "it is larger than 256 MiB"),
            (1 << 40, 1 << 30, "it is larger than 1 GiB"),
        ] {
            file.set_len(length).expect("a sparse file");
            let fault = read(&path, at_most).expect_err(words);
            assert!(fault.message.en.ends_with(words), "{}", fault.message.en);
            assert_eq!(fault.file, path);
        }
        file.set_len(4096).expect("writable");
        assert_eq!(read(&path, 4096).expect("within the limit").len(), 4096);
    }
}
