//! Secrets stand in files that nobody but their owner may read or change, and
//! that are there whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::partial::{hold, parent_of, prefix_of, remove_abandoned, undisturbed};
use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::text::Text;

/// Refuses a file that others than its owner may read or change. `what` is the
/// file's name in the sentence.
///
/// # Errors
/// When it cannot be read or others may.
#[cfg(unix)]
pub fn check_owner_only(path: &Path, what: &Text) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|error| Fault::unreadable(path, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("{}可被他人读取或改写，拒绝使用", what.zh),
                format!("others may read or change {}; it is refused", what.en),
            ),
            Text::new(
                format!("请执行 chmod 600 {}；若已外泄，请更换", path.display()),
                format!(
                    "run chmod 600 {}; if others may have read it, make a new one",
                    path.display()
                ),
            ),
        ));
    }
    Ok(())
}

/// Elsewhere the folder must keep others out.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check_owner_only(_path: &Path, _what: &Text) -> Result<(), Fault> {
    Ok(())
}

/// Writes a file that only its owner may read, whole or not at all, whenever
/// the program is ended; an existing file is never overwritten. `what` is the
/// file's name in the sentence.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write_new_owner_only(path: &Path, bytes: &[u8], what: &Text) -> Result<(), Fault> {
    write_whole(path, bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return exists(path, what);
        }
        let reason = io_reason(&error);
        Fault::of_file(
            path,
            Text::new(
                format!("无法写入{}：{}", what.zh, reason.zh),
                format!("{} cannot be written: {}", what.en, reason.en),
            ),
            Text::new("请检查文件夹和权限", "check the folder and its permissions"),
        )
    })
}

/// The fault of a file that is there and is never overwritten.
pub fn exists(path: &Path, what: &Text) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("{}已存在，不会覆盖", what.zh),
            format!("{} exists and is not overwritten", what.en),
        ),
        Text::new(
            "请换一个文件名，或先确认旧文件已不需要",
            "choose another name, or make sure that the old one is not needed",
        ),
    )
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Told before anything is written, as what it most often is.
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let _undisturbed = undisturbed();
    remove_abandoned(path);
    let folder = parent_of(path);
    // Owner-only from the start: `tempfile` makes files so.
    let mut partial = tempfile::Builder::new()
        .prefix(&prefix_of(path))
        .tempfile_in(folder)?;
    let held = hold(partial.path());
    partial.write_all(bytes)?;
    partial.as_file().sync_all()?;
    partial
        .persist_noclobber(path)
        .map_err(|failed| failed.error)?;
    drop(held);
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        // What may be gone after the next power cut must not be relied on.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_owner_only_and_never_over_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("round.key");
        let what = Text::new("密钥文件", "the key file");
        std::fs::write(folder.path().join(".round.key.partial-gone"), b"half").expect("writable");
        write_new_owner_only(&path, b"secret", &what).expect("nothing is there");
        assert_eq!(std::fs::read(&path).expect("written"), b"secret");
        check_owner_only(&path, &what).expect("owner-only");
        // What a killed program had left is gone too.
        let names = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(names, 1);
        let refused = write_new_owner_only(&path, b"other", &what).expect_err("it exists");
        assert_eq!(
            refused.message.en,
            "the key file exists and is not overwritten"
        );
        assert_eq!(std::fs::read(&path).expect("left as it was"), b"secret");
    }
}
