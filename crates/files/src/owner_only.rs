//! Files for secrets: only their owner may read or change them, and they are written
//! completely or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::folder::sync_names;
use crate::partial::{lock, parent_of, prefix_of, remove_abandoned, secret_write_lock, unmark};
use crate::regular_file;
use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;

/// Opens a secret for reading, and refuses it if others may access it. `what` names the
/// file in the message.
///
/// # Errors
/// If the file cannot be opened or is not a regular file, and as for
/// [`check_owner_only`].
pub fn open_owner_only(path: &Path, what: &Text) -> Result<File, Fault> {
    let file = regular_file::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    check_owner_only(&file, path, what)?;
    Ok(file)
}

/// Refuses a file that users other than its owner may read, change or execute. It must be
/// open, so that nobody can exchange it afterwards.
///
/// Outside Unix nothing is checked: there, the permissions of the folder must protect the
/// file.
///
/// # Errors
/// If the permissions cannot be read, or give others any access.
pub fn check_owner_only(file: &File, path: &Path, what: &Text) -> Result<(), Fault> {
    let is_open = is_open_to_others(file).map_err(|error| Fault::unreadable(path, &error))?;
    if !is_open {
        return Ok(());
    }
    let shown = shown_path(path);
    Err(Fault::of_file(
        path,
        Text::new(
            format!("{}可被他人读取或改写，拒绝使用", what.zh),
            format!("others may read or change {}; it is refused", what.en),
        ),
        Text::new(
            format!("请执行 chmod 600 {shown}；如可能已泄露，请更换"),
            format!("run `chmod 600 {shown}`; if someone may have read it, create a new one"),
        ),
    ))
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// Opens a secret like [`open_owner_only`] and reads it. The caller must wipe the bytes.
///
/// # Errors
/// As for [`open_owner_only`], and if the file has more than `at_most` bytes.
pub fn read_owner_only(path: &Path, at_most: u64, what: &Text) -> Result<Vec<u8>, Fault> {
    let file = open_owner_only(path, what)?;
    regular_file::read_open(&file, at_most).map_err(|error| Fault::unreadable(path, &error))
}

/// Writes a new file that only its owner may read. The file is written completely or
/// not at all, even if the program is killed. `what` names the file in the message.
///
/// # Errors
/// If the file already exists or cannot be written.
pub fn write_new_owner_only(path: &Path, bytes: &[u8], what: &Text) -> Result<(), Fault> {
    write_new(path, bytes, Readers::Owner, what)
}

/// Writes a new file that everybody may read, such as a public key. Otherwise like
/// [`write_new_owner_only`].
///
/// # Errors
/// If the file already exists or cannot be written.
pub fn write_new_for_everybody(path: &Path, bytes: &[u8], what: &Text) -> Result<(), Fault> {
    write_new(path, bytes, Readers::Everybody, what)
}

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    Owner,
    Everybody,
}

fn write_new(path: &Path, bytes: &[u8], readers: Readers, what: &Text) -> Result<(), Fault> {
    write_whole(path, bytes, readers).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return exists(path, what);
        }
        let reason = io_reason(&error);
        Fault::of_file(
            path,
            Text::new(
                format!("无法写入{}：{}", what.zh, reason.zh),
                format!("cannot write {}: {}", what.en, reason.en),
            ),
            Text::new("请检查文件夹和权限", "check the folder and its permissions"),
        )
    })
}

/// Returns the fault of a file that already exists; existing files are never
/// overwritten.
pub fn exists(path: &Path, what: &Text) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("{}已存在，不会覆盖", what.zh),
            format!("{} exists and is not overwritten", what.en),
        ),
        Text::new(
            "请换一个文件名，或确认旧文件不再需要后将其移走",
            "choose another name, or move the old file away if it is no longer needed",
        ),
    )
}

#[cfg(unix)]
fn let_everybody_read(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o1644))
}

#[cfg(not(unix))]
fn let_everybody_read(_file: &File) -> io::Result<()> {
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    // Checked here too, so that the usual error is reported before anything is written.
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let _lock = secret_write_lock();
    // Before it is locked, another program may take the partial file for what a killed one left,
    // and remove it.
    let mut again = 0..MOST_ATTEMPTS;
    let named = loop {
        let mut partial = PartialFile::begin(path)?;
        partial.file().write_all(bytes)?;
        if readers == Readers::Everybody {
            // On the open file, before it has its name: whoever may write in the folder
            // could exchange a named file for a link to a secret.
            let_everybody_read(partial.file())?;
        }
        match partial.named() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && again.next().is_some() => {}
            named => break named?,
        }
    };
    // If only the names cannot be synced, the file stays: another program may use the key by now.
    named.sync()
}

/// How often a file is written again whose partial file somebody removed.
const MOST_ATTEMPTS: u8 = 8;

/// A new owner-only file under the hidden name of a partial file, until it is complete. If it is
/// dropped, it is removed; if the program is killed, the next writer removes it.
pub struct PartialFile {
    partial: tempfile::NamedTempFile,
    held: Option<File>,
    destination: PathBuf,
}

impl PartialFile {
    /// Makes an empty one beside its destination.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn begin(destination: &Path) -> io::Result<Self> {
        remove_abandoned(destination, |_| false);
        let prefix = prefix_of(destination);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(
            crate::partial::PARTIAL_FILE_MODE,
        ));
        let partial = builder.tempfile_in(parent_of(destination))?;
        let held = lock(partial.path());
        Ok(PartialFile {
            partial,
            held,
            destination: destination.to_path_buf(),
        })
    }

    /// Returns the open file.
    pub fn file(&mut self) -> &mut File {
        self.partial.as_file_mut()
    }

    /// Returns its path until it is complete.
    pub fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the file its name, and returns when that is on the disk.
    ///
    /// # Errors
    /// If the destination exists by now, or the file cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let named = self.named()?;
        named.sync().inspect_err(|_| {
            // Without the sync, the file may be lost at a power failure, so report an error
            // and leave nothing. Another program may have put its own file there meanwhile.
            if File::open(&named.path).is_ok_and(|there| is_same(&there, &named.file)) {
                let _ = std::fs::remove_file(&named.path);
            }
        })
    }

    fn named(self) -> io::Result<NamedFile> {
        self.partial.as_file().sync_all()?;
        let file = self
            .partial
            .persist_noclobber(&self.destination)
            .map_err(|failed| failed.error)?;
        unmark(&file);
        drop(self.held);
        Ok(NamedFile {
            file,
            path: self.destination,
        })
    }
}

/// A complete file under its name, which may not be on the disk yet.
struct NamedFile {
    file: File,
    path: PathBuf,
}

impl NamedFile {
    fn sync(&self) -> io::Result<()> {
        sync_names(parent_of(&self.path))
    }
}

#[cfg(unix)]
fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |file: &File| file.metadata().ok().map(|data| (data.dev(), data.ino()));
    of(one).is_some() && of(one) == of(other)
}

#[cfg(not(unix))]
fn is_same(_one: &File, _other: &File) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_owner_only_and_never_overwrites_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.key");
        let what = Text::new("密钥文件", "the key file");
        let partial = folder.path().join(".round.key.partial-gone");
        std::fs::write(&partial, b"half").expect("writable");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(crate::partial::PARTIAL_FILE_MODE);
            std::fs::set_permissions(&partial, mode).expect("writable");
        }
        write_new_owner_only(&path, b"secret", &what).expect("no file at the path");
        assert_eq!(std::fs::read(&path).expect("written"), b"secret");
        open_owner_only(&path, &what).expect("owner-only");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).expect("written").permissions();
            assert_eq!(mode.mode() & 0o7777, 0o600);
        }
        // The partial file of a killed writer was removed.
        let names = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(names, 1);
        let fault = write_new_owner_only(&path, b"other", &what).expect_err("file exists");
        assert_eq!(
            fault.message.en,
            "the key file exists and is not overwritten"
        );
        assert_eq!(std::fs::read(&path).expect("unchanged"), b"secret");
    }
}
