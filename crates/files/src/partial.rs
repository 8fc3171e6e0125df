//! Partial files and folders: they are written under the hidden name
//! `.NAME.partial-XXXXXX` beside their destination `NAME`, and renamed when complete.
//!
//! The writer holds a lock on its partial file. The system releases the lock however
//! the writer ends. So a partial file without a lock is abandoned: its writer was
//! killed. The next writer of the same destination removes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::folder::{EntryKind, Folder};

/// Returns the prefix of the names of a destination's partial files.
pub fn prefix_of(destination: &Path) -> String {
    let name = destination.file_name().unwrap_or_default();
    format!(".{}.partial-", name.to_string_lossy())
}

/// Returns the folder that contains a path.
pub fn parent_of(destination: &Path) -> &Path {
    match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Locks a mutex that is held while a secret is written (a few milliseconds). Code that
/// ends the program locks it first, so that an interruption leaves no partial secret.
pub fn secret_write_lock() -> MutexGuard<'static, ()> {
    static WRITING_SECRET: Mutex<()> = Mutex::new(());
    WRITING_SECRET
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Locks a partial file to show that its writer is alive. On a file system without locks
/// it returns `None`; there, [`abandoned`] finds nothing either.
pub fn lock(partial: &Path) -> Option<File> {
    let file = File::open(partial).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Locks a partial file that was just created. Returns `None` if another program
/// considered it abandoned before it was locked; the caller must create another.
/// Returns `Some(None)` if the file system has no locks.
pub fn lock_new(partial: &Path) -> Option<Option<File>> {
    let file = match File::open(partial) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        // Creating another one would not help.
        Err(_) => return Some(None),
    };
    match file.try_lock() {
        // It may have been removed between opening and locking.
        Ok(()) => partial.exists().then_some(Some(file)),
        Err(fs::TryLockError::WouldBlock) => None,
        // The file system has no locks.
        Err(fs::TryLockError::Error(_)) => Some(None),
    }
}

/// Returns the names of a destination's abandoned partial files in its folder: files and
/// folders that nobody has locked. Links are ignored, because no writer creates any.
pub fn abandoned(folder: &Folder, destination: &Path) -> Vec<OsString> {
    let prefix = prefix_of(destination);
    let entries = folder.entries().unwrap_or_default().into_iter();
    entries
        .map(|entry| entry.name)
        .filter(|name| name.to_string_lossy().starts_with(&prefix))
        .filter(|name| folder.try_lock(name).is_some())
        .collect()
}

/// Removes the abandoned partial files of a destination. Failures are ignored: a
/// leftover does no harm, and `aidlink audit` reports it.
pub fn remove_abandoned(destination: &Path) {
    let Ok(folder) =
        fs::canonicalize(parent_of(destination)).and_then(|folder| Folder::open(&folder))
    else {
        return;
    };
    for name in abandoned(&folder, destination) {
        // The lock is held until the file is gone: its creator may be about to lock it.
        let Some(_held) = folder.try_lock(&name) else {
            continue;
        };
        let _ = match folder.kind(Path::new(&name)) {
            Ok(EntryKind::Folder) => folder.remove_tree(&name),
            _ => folder.remove_file(Path::new(&name)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlocked_partials_are_removed_and_locked_ones_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let destination = folder.path().join("output");
        let of = |end: &str| folder.path().join(format!(".output.partial-{end}"));
        fs::create_dir(of("dead")).expect("writable");
        fs::write(of("dead").join("list.csv"), b"a").expect("writable");
        fs::create_dir(of("alive")).expect("writable");
        let alive = lock(&of("alive"));
        fs::create_dir(folder.path().join(".other.partial-dead")).expect("writable");
        remove_abandoned(&destination);
        assert!(!of("dead").exists());
        assert!(of("alive").exists());
        assert!(folder.path().join(".other.partial-dead").exists());
        drop(alive);
        remove_abandoned(&destination);
        assert!(!of("alive").exists());
    }
}
