//! What is being written stands beside its final name until it is whole:
//! `.NAME.partial-XXXXXX`. Its writer holds a lock on it, which the system
//! releases however the writer ends; so what nobody holds was left behind by a
//! program that was killed, and the next one that writes the same name removes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::folder::{EntryKind, Folder};

/// What the name of something under way begins with.
pub fn prefix_of(destination: &Path) -> String {
    let name = destination.file_name().unwrap_or_default();
    format!(".{}.partial-", name.to_string_lossy())
}

/// The folder that a path stands in.
pub fn parent_of(destination: &Path) -> &Path {
    match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Held while a secret is written, which takes milliseconds: who ends the program
/// takes it first, so that an interruption leaves no part of one behind.
pub fn undisturbed() -> MutexGuard<'static, ()> {
    static UNDISTURBED: Mutex<()> = Mutex::new(());
    UNDISTURBED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the lock that says that the writer lives. Where the file system has
/// no locks nothing is held, and nothing is ever taken for abandoned either.
pub fn hold(under_way: &Path) -> Option<File> {
    let file = File::open(under_way).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Takes the lock on something that was just made. `None` where another program
/// took it for abandoned in that moment and removes it: then another is made.
pub fn hold_new(under_way: &Path) -> Option<Option<File>> {
    let file = match File::open(under_way) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        // Another that is made would be no better.
        Err(_) => return Some(None),
    };
    match file.try_lock() {
        // It may have been removed between opening and locking.
        Ok(()) => under_way.exists().then_some(Some(file)),
        Err(fs::TryLockError::WouldBlock) => None,
        // No locks here.
        Err(fs::TryLockError::Error(_)) => Some(None),
    }
}

/// Names of what writers that are gone have left of a destination, in its
/// folder: real files and folders that nobody holds. A link is never one, for
/// no writer makes any.
pub fn abandoned(folder: &Folder, destination: &Path) -> Vec<OsString> {
    let prefix = prefix_of(destination);
    let entries = folder.entries().unwrap_or_default().into_iter();
    entries
        .map(|entry| entry.name)
        .filter(|name| name.to_string_lossy().starts_with(&prefix))
        .filter(|name| folder.try_hold(name).is_some())
        .collect()
}

/// Removes what writers that are gone have left of a destination. What cannot
/// be removed stays: it does no harm, and an audit reports it.
pub fn remove_abandoned(destination: &Path) {
    let Ok(folder) =
        fs::canonicalize(parent_of(destination)).and_then(|folder| Folder::open(&folder))
    else {
        return;
    };
    for name in abandoned(&folder, destination) {
        // Held until it is gone: its maker may be about to take the lock.
        let Some(_held) = folder.try_hold(&name) else {
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
    fn what_nobody_holds_is_removed_and_what_is_held_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let destination = folder.path().join("output");
        let of = |end: &str| folder.path().join(format!(".output.partial-{end}"));
        fs::create_dir(of("dead")).expect("writable");
        fs::write(of("dead").join("list.csv"), b"a").expect("writable");
        fs::create_dir(of("alive")).expect("writable");
        let alive = hold(&of("alive"));
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
