//! What is being written stands beside its final name until it is whole:
//! `.NAME.partial-XXXXXX`. Its writer holds a lock on it, which the system
//! releases however the writer ends; so what nobody holds was left behind by a
//! program that was killed, and the next one that writes the same name removes it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// What writers that are gone have left of a destination.
pub fn abandoned(destination: &Path) -> Vec<PathBuf> {
    let prefix = prefix_of(destination);
    let Ok(entries) = fs::read_dir(parent_of(destination)) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .filter(|path| hold(path).is_some())
        .collect();
    found.sort();
    found
}

/// Removes what writers that are gone have left of a destination. What cannot
/// be removed stays: it hinders nobody, and an audit tells of it.
pub fn remove_abandoned(destination: &Path) {
    for path in abandoned(destination) {
        // Held until it is gone: its maker may be about to take the lock.
        let Some(_held) = hold(&path) else { continue };
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let _ = if is_folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
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
