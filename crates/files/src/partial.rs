//! Partial files and folders: they are written under the hidden name
//! `.NAME.partial-XXXXXX` beside their destination `NAME`, and renamed when complete.
//!
//! The writer holds a lock on its partial file. The system releases the lock however
//! the writer ends. So a partial file without a lock is abandoned: its writer was
//! killed. The next writer of the same destination removes it.
//!
//! A partial file or folder also has the sticky bit, which the writer clears after the
//! rename. So a complete one that somebody renamed to `.NAME.partial-XXXXXX` is not
//! mistaken for abandoned work.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::folder::{EntryKind, Folder};

/// The mode of a partial folder: owner only, with the sticky bit.
pub const PARTIAL_FOLDER_MODE: u32 = 0o1700;
/// The mode of a partial file: owner only, with the sticky bit.
pub const PARTIAL_FILE_MODE: u32 = 0o1600;

/// Clears the sticky bit of a file or folder that has its destination's name now. A
/// failure is ignored: the bit does no harm.
#[cfg(unix)]
pub fn unmark(complete: &File) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(metadata) = complete.metadata() {
        let mode = metadata.permissions().mode() & 0o777;
        let _ = complete.set_permissions(fs::Permissions::from_mode(mode));
    }
}

/// Does nothing outside Unix, where nothing counts as abandoned.
#[cfg(not(unix))]
pub fn unmark(_complete: &File) {}

/// Opens a partial folder, to unmark it when it has its destination's name. Returns `None`
/// outside Unix, where it has no mark and cannot be opened as a file.
///
/// # Errors
/// If it cannot be opened.
pub fn open_marked(folder: &Path) -> io::Result<Option<File>> {
    match cfg!(unix) {
        true => File::open(folder).map(Some),
        false => Ok(None),
    }
}

/// What the name of every partial file has after its destination's name.
pub const PARTIAL: &str = ".partial-";

/// Whether this may be the name of a partial file of some destination.
pub fn is_named_like_a_partial(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') && name.contains(PARTIAL)
}

/// Returns the prefix of the names of a destination's partial files.
pub fn prefix_of(destination: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(destination.file_name().unwrap_or_default());
    prefix.push(PARTIAL);
    prefix
}

/// Returns the name of the destination of a partial file; `None` if the name is none of a
/// partial file.
fn destination_of(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?.strip_prefix('.')?;
    name.rfind(PARTIAL).and_then(|at| name.get(..at))
}

/// Whether a program is writing the partial folder of this name: it is marked and locked, and
/// nothing has the name of its destination. Where the system has no locks nobody can tell.
pub fn is_under_way(folder: &Folder, name: &OsStr) -> bool {
    let Some(destination) = destination_of(name) else {
        return false;
    };
    let there = folder.kind(Path::new(destination));
    there.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        && folder.has_sticky_bit(Path::new(name)).unwrap_or(false)
        && folder.is_locked(name)
}

/// Whether this is the name of a partial file of a destination. Names are compared byte by
/// byte, and the partial file of `NAME.partial-x` is none of `NAME`.
fn is_partial_of(name: &OsStr, prefix: &OsStr) -> bool {
    let (name, prefix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes());
    let rest = name.strip_prefix(prefix);
    let holds_another = |rest: &[u8]| {
        let mut parts = rest.windows(PARTIAL.len());
        parts.any(|part| part == PARTIAL.as_bytes())
    };
    rest.is_some_and(|rest| !holds_another(rest))
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
/// it returns `None`; there, nothing counts as abandoned either ([`Partials`]). Nor does it
/// outside Unix, where a locked file could not be written.
pub fn lock(partial: &Path) -> Option<File> {
    if !cfg!(unix) {
        return None;
    }
    let file = File::open(partial).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Locks a partial file that was just created. Returns `None` if another program
/// considered it abandoned before it was locked; the caller must create another.
/// Returns `Some(None)` if the file system has no locks, and outside Unix.
pub fn lock_new(partial: &Path) -> Option<Option<File>> {
    if !cfg!(unix) {
        return Some(None);
    }
    let file = match File::open(partial) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
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

/// Returns the names of a destination's partial files and folders in its folder, abandoned
/// or being written. Links, and files and folders that no writer marked, are ignored.
pub fn partials(folder: &Folder, destination: &Path) -> Vec<OsString> {
    let prefix = prefix_of(destination);
    let entries = folder.entries().unwrap_or_default().into_iter();
    entries
        .filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Folder))
        .map(|entry| entry.name)
        .filter(|name| is_partial_of(name, &prefix))
        .filter(|name| folder.has_sticky_bit(Path::new(name)).unwrap_or(false))
        .collect()
}

/// A destination's partial files and folders in its folder, by their names.
#[derive(Clone, Debug, Default)]
pub struct Partials {
    /// Those that nobody has locked: their writers were killed.
    pub abandoned: Vec<OsString>,
    /// Those that a program holds locked.
    pub in_use: Vec<OsString>,
    /// Those that cannot be opened, or whose file system has no locks: nobody can tell whether
    /// their writers are alive.
    pub unknown: Vec<OsString>,
}

impl Partials {
    /// Finds those of a destination.
    pub fn of(folder: &Folder, destination: &Path) -> Self {
        let mut found = Partials::default();
        for name in partials(folder, destination) {
            // A lock is released at once.
            let list = match () {
                () if folder.try_lock(&name).is_some() => &mut found.abandoned,
                () if folder.is_locked(&name) => &mut found.in_use,
                () => &mut found.unknown,
            };
            list.push(name);
        }
        found
    }
}

/// Removes the abandoned partial files of a destination, except the folders that `is_kept`.
/// Failures are ignored: a leftover does no harm, and `aidlink audit` reports it.
pub fn remove_abandoned(destination: &Path, is_kept: impl Fn(&Folder) -> bool) {
    let Ok(folder) =
        fs::canonicalize(parent_of(destination)).and_then(|folder| Folder::open(&folder))
    else {
        return;
    };
    // Whatever somebody mounted in a leftover is not the run's.
    let folder = folder.staying();
    for name in Partials::of(&folder, destination).abandoned {
        // The lock is held until the file is gone: its creator may be about to lock it.
        let Some(_held) = folder.try_lock(&name) else {
            continue;
        };
        let _ = match folder.kind(Path::new(&name)) {
            Ok(EntryKind::Folder)
                if folder.folder(Path::new(&name)).is_ok_and(|it| is_kept(&it)) =>
            {
                continue;
            }
            Ok(EntryKind::Folder) => folder.remove_tree(&name),
            _ => folder.remove_file(Path::new(&name)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_marked_and_unlocked_partials_are_removed() {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let destination = folder.path().join("output");
        let of = |end: &str| folder.path().join(format!(".output.partial-{end}"));
        let create = |path: &Path| {
            let mut builder = fs::DirBuilder::new();
            builder.mode(PARTIAL_FOLDER_MODE);
            builder.create(path).expect("writable");
            fs::write(path.join("list.csv"), b"a").expect("writable");
        };
        create(&of("dead"));
        create(&of("alive"));
        let alive = lock(&of("alive"));
        // Those of other destinations, also of names that differ in bytes that are no text.
        create(&folder.path().join(".other.partial-dead"));
        create(&of("other.partial-dead"));
        let bytes = |byte: u8| {
            use std::os::unix::ffi::OsStrExt;
            OsStr::from_bytes(&[b'o', byte]).to_owned()
        };
        let mut like = prefix_of(Path::new(&bytes(0xfe)));
        like.push("dead");
        create(&folder.path().join(&like));
        remove_abandoned(&folder.path().join(bytes(0xff)), |_| false);
        assert!(folder.path().join(&like).exists());
        remove_abandoned(&folder.path().join(bytes(0xfe)), |_| false);
        assert!(!folder.path().join(&like).exists());
        // Complete ones that somebody renamed.
        create(&of("renamed"));
        unmark(&File::open(of("renamed")).expect("readable"));
        let mode = fs::metadata(of("renamed")).expect("there").permissions();
        assert_eq!(mode.mode() & 0o7777, 0o700);
        fs::write(of("key"), b"a complete key").expect("writable");
        remove_abandoned(&destination, |_| false);
        assert!(!of("dead").exists());
        assert!(of("alive").exists());
        assert!(folder.path().join(".other.partial-dead").exists());
        assert!(of("other.partial-dead").exists());
        drop(alive);
        remove_abandoned(&destination, |_| false);
        assert!(!of("alive").exists());
        assert!(of("renamed").join("list.csv").exists());
        assert!(of("key").exists());
    }
}
