//! Detects that a file was changed or replaced after it was opened. Otherwise an
//! export that another program is still writing could be read in part.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Metadata that changes when a file is changed or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    byte_length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and change time (ctime). A program can reset the modification
    /// time, but not the ctime.
    identity: Identity,
}

#[cfg(unix)]
type Identity = (u64, u64, i64, i64);
#[cfg(not(unix))]
type Identity = ();

impl FileStamp {
    /// Returns the current stamp of the file at a path.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(FileStamp {
            byte_length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(&metadata),
        })
    }

    pub(super) fn byte_length(&self) -> u64 {
        self.byte_length
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
