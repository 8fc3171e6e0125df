//! Whether a file is still the one that was opened: an export that another
//! program is still writing, or replaces, must not be half read.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What tells a file from itself before and after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    byte_length: u64,
    modified: Option<SystemTime>,
    /// The file itself, and when anything about it last changed: a program can
    /// set the time of modification back, and not this.
    identity: Identity,
}

#[cfg(unix)]
type Identity = (u64, u64, i64, i64);
#[cfg(not(unix))]
type Identity = ();

impl FileStamp {
    /// The stamp of the file that is at a path now.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(FileStamp {
            byte_length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(&metadata),
        })
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (
        metadata.dev(),
        metadata.ino(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Identity {}
