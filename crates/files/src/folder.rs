//! Access to the content of a folder without following links.
//!
//! The folder is opened once. Every path below it is then opened part by part, each
//! relative to its parent folder, and a link at any part is refused. So nobody can
//! replace a folder by a link between a check and a deletion. Pipes, devices and
//! sockets are never opened, because opening one may block or have side effects.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use aidlink_faults::fault::Refusal;
use serde::{Deserialize, Serialize};

use crate::regular_file;

/// The kind of a folder entry, determined without following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A link.
    Link,
    /// A pipe, a device or a socket.
    Special,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Its kind.
    pub kind: EntryKind,
}

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path below the folder.
    pub path: PathBuf,
    /// Its kind, which is never [`EntryKind::Folder`].
    pub kind: EntryKind,
}

/// What is below a folder.
#[derive(Debug, Default)]
pub struct Below {
    /// All entries that are not folders, in the order of their paths.
    pub files: Vec<FoundFile>,
    /// The folders, each before the folders in it.
    pub folders: Vec<PathBuf>,
    /// The folders that cannot be read, with the reason. The path of the folder itself is
    /// empty.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

impl Below {
    /// Returns it if everything could be read.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn all(mut self) -> io::Result<Self> {
        match self.unreadable.pop() {
            Some((_, error)) => Err(error),
            None => Ok(self),
        }
    }

    /// Returns the folders that hold nothing.
    pub fn empty_folders(&self) -> impl Iterator<Item = &PathBuf> {
        let files = self.files.iter().map(|file| &file.path);
        let holders: BTreeSet<&Path> = files
            .chain(&self.folders)
            .filter_map(|path| path.parent())
            .collect();
        let folders = self.folders.iter();
        folders.filter(move |folder| !holders.contains(folder.as_path()))
    }
}

impl FoundFile {
    /// Returns the path with `/` as separator, as in manifests.
    pub fn name(&self) -> String {
        let parts: Vec<_> = self
            .path
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        parts.join("/")
    }
}

/// What distinguishes a file or folder from every other one on this machine, whatever its
/// name: device and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Returns the identity of what a path leads to. Links are followed, and nothing is opened.
    ///
    /// # Errors
    /// If nothing is there, or its metadata cannot be read.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Identity::in_metadata(&std::fs::metadata(path)?).id)
    }
}

/// What distinguishes a folder from every other one, also after the machine restarted.
///
/// An inode number alone is not enough: the root folders of two file systems often have
/// the same, and a new folder may get that of a removed one. Together with the time at
/// which the folder was created it is. A device number would tell file systems apart, but
/// it may change when the machine restarts, so it is used only if the file system does not
/// keep the times of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderMark {
    /// The inode number.
    pub inode: u64,
    /// When the folder was created; `None` if the file system does not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Created>,
    /// The device number, if there is no time of creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u64>,
}

/// A time of creation, as the system reports it: since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// Whole seconds.
    pub seconds: u64,
    /// The remaining nanoseconds.
    pub nanoseconds: u32,
}

impl FolderMark {
    fn new(id: FileId, created: Option<Created>) -> Self {
        FolderMark {
            inode: id.inode,
            created,
            device: match created {
                Some(_) => None,
                None => Some(id.device),
            },
        }
    }
}

impl FolderMark {
    /// Whether a folder with the mark `now` may be the one that had this mark, perhaps years
    /// ago. Device numbers are not compared: they change when a file system is mounted again.
    pub fn may_be(self, now: FolderMark) -> bool {
        self.inode == now.inode && (self.created.is_none() || self.created == now.created)
    }
}

impl Created {
    /// Returns when an open folder was created. Some file systems report zero if they do
    /// not know.
    fn of(folder: &File) -> Option<Self> {
        #[cfg(target_os = "linux")]
        let (seconds, nanoseconds) = {
            use rustix::fs::{AtFlags, StatxFlags, statx};
            let stat = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
            if stat.stx_mask & StatxFlags::BTIME.bits() == 0 {
                return None;
            }
            let seconds = u64::try_from(stat.stx_btime.tv_sec).ok()?;
            (seconds, stat.stx_btime.tv_nsec)
        };
        #[cfg(not(target_os = "linux"))]
        let (seconds, nanoseconds) = {
            let created = folder.metadata().and_then(|folder| folder.created()).ok()?;
            let since = created.duration_since(std::time::UNIX_EPOCH).ok()?;
            (since.as_secs(), since.subsec_nanos())
        };
        (seconds > 0).then_some(Created {
            seconds,
            nanoseconds,
        })
    }
}

/// A file and its number of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The file.
    pub id: FileId,
    /// Its names (hard links), including the one by which it was opened.
    pub names: u64,
}

impl Identity {
    /// Returns the identity of an open file. Outside Unix all files have the same id and
    /// one name.
    ///
    /// # Errors
    /// If the metadata cannot be read.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::in_metadata(&file.metadata()?))
    }

    fn in_metadata(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let (device, inode, names) = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino(), metadata.nlink())
        };
        #[cfg(not(unix))]
        let (device, inode, names) = (0, 0, u64::from(metadata.is_file()));
        Identity {
            id: FileId { device, inode },
            names,
        }
    }
}

/// What a write changes: length and times. So it says whether a file that was read is still as it
/// was, as far as the file system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    length: u64,
    /// When its content was changed: seconds and nanoseconds.
    modified: (i64, i64),
    /// When anything of it was changed. A file with several names has none: removing one of them
    /// is such a change.
    changed: Option<(i64, i64)>,
}

impl FileState {
    /// Whether anything of the file, also its name, was changed after a time: seconds and
    /// nanoseconds. Of a file with several names only whether its content was.
    pub fn changed_after(&self, at: (i64, i64)) -> bool {
        self.changed.unwrap_or(self.modified) > at
    }

    /// Returns the state of an open file. Outside Unix only the length.
    ///
    /// # Errors
    /// If the metadata cannot be read.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        #[cfg(unix)]
        let (modified, changed) = {
            use std::os::unix::fs::MetadataExt;
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            (
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.nlink() == 1).then_some(changed),
            )
        };
        #[cfg(not(unix))]
        let (modified, changed) = ((0, 0), None);
        Ok(FileState {
            length: metadata.len(),
            modified,
            changed,
        })
    }
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// Refuses everything that is not an ordinary file.
fn check_kind(kind: EntryKind) -> io::Result<()> {
    match kind {
        EntryKind::File => Ok(()),
        EntryKind::Folder => Err(io::ErrorKind::IsADirectory.into()),
        EntryKind::Link => Err(Refusal::Link.into()),
        EntryKind::Special => Err(Refusal::NotRegular.into()),
    }
}

/// Returns the parts of a relative path. Refuses empty paths, and paths that may leave
/// the folder.
fn parts_of(path: &Path) -> io::Result<Vec<&OsStr>> {
    let parts: Option<Vec<&OsStr>> = path
        .components()
        .map(|part| match part {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    match parts {
        Some(parts) if !parts.is_empty() => Ok(parts),
        _ => Err(refused("the path leaves its folder")),
    }
}

#[cfg(unix)]
pub use opened::Folder;

#[cfg(not(unix))]
pub use by_path::Folder;

/// Opens the folder to which a path leads, through whatever links. The system follows the path
/// once, so that nobody can exchange a part of it between two steps.
///
/// # Errors
/// If it is missing or not a folder.
#[cfg(unix)]
pub fn open_named(path: &Path) -> io::Result<Folder> {
    Folder::open_through_links(path)
}

/// Opens the folder to which a path leads, through whatever links.
///
/// # Errors
/// If it is missing or not a folder.
#[cfg(not(unix))]
pub fn open_named(path: &Path) -> io::Result<Folder> {
    Folder::open(&std::fs::canonicalize(path)?)
}

/// Waits until the disk has the names in an open folder.
///
/// # Errors
/// If it does not confirm it. Not if the file system does not support it.
pub fn sync_names_in(folder: &Folder) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match folder.sync() {
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => Ok(()),
        other => other,
    }
}

/// Waits until the disk has the names in a folder.
///
/// # Errors
/// If the folder cannot be opened, or the disk does not confirm it.
#[cfg(unix)]
pub fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Does nothing outside Unix, where a program cannot open a folder as a file. Windows keeps
/// names in the journal of its file system.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_names(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Renames without replacing anything, not even an empty folder. Where the system has no
/// such rename, a check precedes it.
///
/// # Errors
/// If something has the new name, or the rename fails.
#[cfg(unix)]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    opened::rename_new_at(rustix::fs::CWD, from, to)
}

/// Renames without replacing anything. A check precedes the rename.
///
/// # Errors
/// If something has the new name, or the rename fails.
#[cfg(not(unix))]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

#[cfg(unix)]
mod opened {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::fs::{
        AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat,
    };

    use super::*;

    /// Refuses links, and does not block on a pipe that replaced a file.
    const NEVER_FOLLOW: OFlags = OFlags::NOFOLLOW
        .union(OFlags::CLOEXEC)
        .union(OFlags::NONBLOCK)
        .union(OFlags::NOCTTY);

    /// How folders are opened.
    const OPENED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(NEVER_FOLLOW);

    /// Renames within a folder without replacing anything.
    pub(super) fn rename_new_at(folder: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                // The file system does not support the flag.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                other => return other.map_err(io::Error::from),
            }
        }
        // `renameat` would silently replace a file or an empty folder.
        match statat(folder, to, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(rustix::io::Errno::NOENT) => Ok(renameat(folder, from, folder, to)?),
            Err(error) => Err(error.into()),
        }
    }

    /// An open folder.
    #[derive(Debug)]
    pub struct Folder {
        folder: OwnedFd,
        path: PathBuf,
        /// Whether other file systems below it are refused.
        stays: bool,
    }

    impl Folder {
        /// Opens a folder. Links in the path to it are followed; the folder itself must
        /// not be a link.
        ///
        /// # Errors
        /// If it is missing, a link, or not a folder.
        pub fn open(path: &Path) -> io::Result<Self> {
            // Collecting the components removes the `/` in `output/`, which would make
            // the system follow a link.
            let path = match path.as_os_str().is_empty() {
                true => Path::new("."),
                false => path,
            };
            let path: PathBuf = path.components().collect();
            Self::open_at(path, OPENED)
        }

        /// As [`Folder::open`], also of a folder that is a link.
        pub(super) fn open_through_links(path: &Path) -> io::Result<Self> {
            let path = match path.as_os_str().is_empty() {
                true => Path::new("."),
                false => path,
            };
            Self::open_at(path.components().collect(), OPENED - OFlags::NOFOLLOW)
        }

        fn open_at(path: PathBuf, flags: OFlags) -> io::Result<Self> {
            let folder = openat(rustix::fs::CWD, &path, flags, Mode::empty())?;
            Ok(Folder {
                folder,
                path,
                stays: false,
            })
        }

        /// Refuses from now on to open folders below this one on which something is mounted: what
        /// is in them belongs elsewhere.
        #[must_use]
        pub fn staying(self) -> Self {
            Folder {
                stays: true,
                ..self
            }
        }

        /// Returns the path by which the folder was opened, for messages.
        pub fn path(&self) -> &Path {
            &self.path
        }

        /// Opens a folder below this one.
        ///
        /// # Errors
        /// If it is missing or not a folder, or if a part of the path is a link.
        pub fn folder(&self, path: &Path) -> io::Result<Self> {
            let mut folder = self.try_clone()?;
            for part in parts_of(path)? {
                folder = folder.child(part)?;
            }
            Ok(folder)
        }

        /// Opens the same folder once more, wherever it is now.
        ///
        /// # Errors
        /// If too many files are open.
        pub fn try_clone(&self) -> io::Result<Self> {
            Ok(Folder {
                folder: self.folder.try_clone()?,
                path: self.path.clone(),
                stays: self.stays,
            })
        }

        /// Opens the folder that contains this one now, whatever is at its path.
        ///
        /// # Errors
        /// If it cannot be opened.
        pub fn container(&self) -> io::Result<Self> {
            self.child(OsStr::new(".."))
        }

        /// Returns the identity of the folder.
        ///
        /// # Errors
        /// If the metadata cannot be read.
        pub fn id(&self) -> io::Result<FileId> {
            Ok(Identity::of(&File::from(self.folder.try_clone()?))?.id)
        }

        /// Returns what distinguishes the folder also after the machine restarted.
        ///
        /// # Errors
        /// If the metadata cannot be read.
        pub fn mark(&self) -> io::Result<FolderMark> {
            let folder = File::from(self.folder.try_clone()?);
            let id = Identity::of(&folder)?.id;
            Ok(FolderMark::new(id, Created::of(&folder)))
        }

        /// Opens the folder that contains a path below this one.
        ///
        /// # Errors
        /// If it is missing or not a folder, or if a part of the path is a link.
        pub fn folder_with(&self, path: &Path) -> io::Result<Self> {
            Ok(self.parent(path)?.0)
        }

        fn child(&self, name: &OsStr) -> io::Result<Self> {
            let folder = match self.stays {
                true => self.open_here(name)?,
                false => openat(&self.folder, name, OPENED, Mode::empty())?,
            };
            Ok(Folder {
                folder,
                path: self.path.join(name),
                stays: self.stays,
            })
        }

        /// Opens a folder in this one on which nothing is mounted.
        fn open_here(&self, name: &OsStr) -> io::Result<OwnedFd> {
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::{ResolveFlags, openat2};
                use rustix::io::Errno;
                let opened = openat2(
                    &self.folder,
                    name,
                    OPENED,
                    Mode::empty(),
                    ResolveFlags::NO_XDEV,
                );
                match opened {
                    // Before Linux 5.6, or not granted.
                    Err(Errno::NOSYS | Errno::PERM) => {}
                    other => return other.map_err(io::Error::from),
                }
            }
            let folder = openat(&self.folder, name, OPENED, Mode::empty())?;
            // Of the same file system in another place this tells nothing.
            match rustix::fs::fstat(&folder)?.st_dev == rustix::fs::fstat(&self.folder)?.st_dev {
                true => Ok(folder),
                false => Err(io::ErrorKind::CrossesDevices.into()),
            }
        }

        /// Opens the folder that contains a path, and returns it with the last part of
        /// the path.
        fn parent<'p>(&self, path: &'p Path) -> io::Result<(Self, &'p OsStr)> {
            let mut parts = parts_of(path)?;
            // `parts_of` returns at least one part.
            let name = parts.pop().unwrap_or_default();
            let mut folder = self.try_clone()?;
            for part in parts {
                folder = folder.child(part)?;
            }
            Ok((folder, name))
        }

        /// Returns the kind of the entry at a path.
        ///
        /// # Errors
        /// If it is missing, or a folder in the path is a link.
        pub fn kind(&self, path: &Path) -> io::Result<EntryKind> {
            let (folder, name) = self.parent(path)?;
            folder.kind_of(name)
        }

        fn kind_of(&self, name: &OsStr) -> io::Result<EntryKind> {
            let stat = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => EntryKind::File,
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                _ => EntryKind::Special,
            })
        }

        /// Returns the entries of the folder, sorted by name.
        ///
        /// # Errors
        /// If the folder cannot be read.
        pub fn entries(&self) -> io::Result<Vec<Entry>> {
            use std::os::unix::ffi::OsStrExt;
            let mut entries = Vec::new();
            for entry in Dir::read_from(&self.folder)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name == "." || name == ".." {
                    continue;
                }
                match self.kind_of(name) {
                    Ok(kind) => entries.push(Entry {
                        name: name.to_owned(),
                        kind,
                    }),
                    // It was removed while the folder was being read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(entries)
        }

        /// Opens an ordinary file for reading.
        ///
        /// # Errors
        /// If it is missing or not an ordinary file, or if a part of the path is a link.
        pub fn open_file(&self, path: &Path) -> io::Result<File> {
            let (folder, name) = self.parent(path)?;
            check_kind(folder.kind_of(name)?)?;
            let file = openat(
                &folder.folder,
                name,
                OFlags::RDONLY | NEVER_FOLLOW,
                Mode::empty(),
            )?;
            let file = File::from(file);
            // It may have been replaced since its kind was read.
            if !file.metadata()?.is_file() {
                return Err(Refusal::NotRegular.into());
            }
            Ok(file)
        }

        /// Opens an ordinary file in this folder for reading, also one to which a link in it
        /// leads.
        ///
        /// # Errors
        /// If it is missing or not an ordinary file, or the link leads nowhere.
        pub fn open_linked_file(&self, name: &OsStr) -> io::Result<File> {
            let path = Path::new(name);
            if parts_of(path)?.len() != 1 {
                return Err(refused("the name is a path"));
            }
            // Opening a device may already have an effect, so its kind is read first.
            let stat = statat(&self.folder, name, AtFlags::empty())?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Directory => return Err(io::ErrorKind::IsADirectory.into()),
                _ => return Err(Refusal::NotRegular.into()),
            }
            let flags = OFlags::RDONLY.union(NEVER_FOLLOW) - OFlags::NOFOLLOW;
            let file = File::from(openat(&self.folder, name, flags, Mode::empty())?);
            match file.metadata()?.is_file() {
                true => Ok(file),
                false => Err(Refusal::NotRegular.into()),
            }
        }

        /// Returns whether users other than the owner have any permission on the entry at
        /// a path.
        ///
        /// # Errors
        /// As for [`Folder::kind`].
        pub fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
            let (folder, name) = self.parent(path)?;
            let stat = statat(&folder.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(stat.st_mode & 0o077 != 0)
        }

        /// Returns whether the entry at a path has the sticky bit (see [`crate::partial`]).
        ///
        /// # Errors
        /// As for [`Folder::kind`].
        pub fn has_sticky_bit(&self, path: &Path) -> io::Result<bool> {
            let (folder, name) = self.parent(path)?;
            let stat = statat(&folder.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(Mode::from_raw_mode(stat.st_mode).contains(Mode::SVTX))
        }

        /// Returns whether users other than the owner have any permission on the folder
        /// itself.
        ///
        /// # Errors
        /// If the permissions cannot be read.
        pub fn is_itself_open_to_others(&self) -> io::Result<bool> {
            Ok(rustix::fs::fstat(&self.folder)?.st_mode & 0o077 != 0)
        }

        /// Removes the entry at a path unless it is a folder. If it is a link, its target
        /// stays.
        ///
        /// # Errors
        /// If it is missing or a folder, or if a folder in the path is a link.
        pub fn remove_file(&self, path: &Path) -> io::Result<()> {
            let (folder, name) = self.parent(path)?;
            Ok(unlinkat(&folder.folder, name, AtFlags::empty())?)
        }

        /// Removes the entry at a path if it is this file and nobody has written to it since it
        /// had this state. Returns the file's number of names just before; `None` if the entry is
        /// another file or was changed: then it stays.
        ///
        /// The system cannot remove an entry only if it is a certain file, so between
        /// comparison and removal there are a few microseconds. Remove a file under a name
        /// that nobody else uses.
        ///
        /// # Errors
        /// As for [`Folder::remove_file`].
        pub fn remove_file_if(
            &self,
            path: &Path,
            id: FileId,
            state: FileState,
        ) -> io::Result<Option<u64>> {
            let (folder, name) = self.parent(path)?;
            let stat = statat(&folder.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            #[allow(
                clippy::unnecessary_cast,
                clippy::useless_conversion,
                clippy::cast_possible_wrap,
                clippy::cast_sign_loss,
                reason = "the types differ between systems"
            )]
            let (found, names, now) = (
                FileId {
                    device: stat.st_dev as u64,
                    inode: stat.st_ino as u64,
                },
                u64::from(stat.st_nlink),
                FileState {
                    length: stat.st_size as u64,
                    modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
                    changed: state
                        .changed
                        .map(|_| (stat.st_ctime as i64, stat.st_ctime_nsec as i64)),
                },
            );
            if found != id || now != state {
                return Ok(None);
            }
            unlinkat(&folder.folder, name, AtFlags::empty())?;
            Ok(Some(names))
        }

        /// Gives the entry at a path another name in the same folder, without replacing
        /// anything.
        ///
        /// # Errors
        /// If the entry is missing, something has the new name, or a folder in the path is
        /// a link.
        pub fn rename_in_place(&self, path: &Path, name: &OsStr) -> io::Result<()> {
            let (folder, old) = self.parent(path)?;
            rename_new_at(folder.folder.as_fd(), Path::new(old), Path::new(name))
        }

        /// Creates a folder in this one that only its owner may use, and opens it.
        ///
        /// # Errors
        /// If something has the name, or the folder cannot be written.
        pub fn create_folder(&self, name: &OsStr) -> io::Result<Self> {
            mkdirat(&self.folder, name, Mode::RWXU)?;
            self.child(name)
        }

        /// Creates a file in this folder that only its owner may read, and flushes its
        /// content to disk.
        ///
        /// # Errors
        /// If something has the name, or the file cannot be written.
        pub fn create_file(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
            let file = openat(
                &self.folder,
                name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | NEVER_FOLLOW,
                Mode::RUSR | Mode::WUSR,
            )?;
            let mut file = File::from(file);
            io::Write::write_all(&mut file, bytes)?;
            file.sync_all()
        }

        /// Removes an empty folder.
        ///
        /// # Errors
        /// If it is missing, a link, or not empty.
        pub fn remove_empty_folder(&self, path: &Path) -> io::Result<()> {
            let (folder, name) = self.parent(path)?;
            Ok(unlinkat(&folder.folder, name, AtFlags::REMOVEDIR)?)
        }

        /// Flushes changes of the folder's entries to disk.
        ///
        /// # Errors
        /// If the disk does not confirm it.
        pub fn sync(&self) -> io::Result<()> {
            Ok(rustix::fs::fsync(&self.folder)?)
        }

        /// Locks a partial file or folder (see [`crate::partial`]). Returns `None` if its
        /// writer holds the lock, or if the file system has no locks.
        pub fn try_lock(&self, name: &OsStr) -> Option<File> {
            let lockable = self.lockable(name)?;
            lockable.try_lock().ok()?;
            Some(lockable)
        }

        /// Locks the folder itself against other programs that lock it. Returns `None` if
        /// the file system has no locks.
        ///
        /// # Errors
        /// [`io::ErrorKind::WouldBlock`] if a program holds the lock; else if the folder
        /// cannot be opened once more.
        pub fn lock_itself(&self) -> io::Result<Option<File>> {
            self.locked(File::try_lock)
        }

        /// As [`Folder::lock_itself`], but others may hold the folder so at the same time.
        ///
        /// # Errors
        /// As for [`Folder::lock_itself`].
        pub fn hold_itself(&self) -> io::Result<Option<File>> {
            self.locked(File::try_lock_shared)
        }

        fn locked(
            &self,
            lock: impl Fn(&File) -> Result<(), std::fs::TryLockError>,
        ) -> io::Result<Option<File>> {
            let folder = File::from(self.child(OsStr::new("."))?.folder);
            match lock(&folder) {
                Ok(()) => Ok(Some(folder)),
                Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
                Err(std::fs::TryLockError::Error(_)) => Ok(None),
            }
        }

        /// Returns whether a program holds the lock of a partial file or folder.
        pub fn is_locked(&self, name: &OsStr) -> bool {
            let lockable = self.lockable(name);
            lockable.is_some_and(|lockable| {
                matches!(lockable.try_lock(), Err(std::fs::TryLockError::WouldBlock))
            })
        }

        fn lockable(&self, name: &OsStr) -> Option<File> {
            match self.kind_of(name).ok()? {
                EntryKind::File => self.open_file(Path::new(name)).ok(),
                EntryKind::Folder => Some(File::from(self.child(name).ok()?.folder)),
                EntryKind::Link | EntryKind::Special => None,
            }
        }

        /// Returns the file descriptor, for system calls.
        pub fn as_fd(&self) -> BorrowedFd<'_> {
            self.folder.as_fd()
        }
    }
}

#[cfg(not(unix))]
mod by_path {
    use super::*;

    /// A folder outside Unix. It is accessed by paths: each part is checked for being a
    /// link before use, and removing is not supported.
    #[derive(Debug)]
    pub struct Folder {
        path: PathBuf,
    }

    fn unsupported() -> io::Error {
        io::ErrorKind::Unsupported.into()
    }

    #[expect(missing_docs, reason = "the same as on Unix")]
    impl Folder {
        pub fn open(path: &Path) -> io::Result<Self> {
            if !std::fs::symlink_metadata(path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Folder {
                path: path.to_path_buf(),
            })
        }

        pub fn path(&self) -> &Path {
            &self.path
        }

        pub fn folder(&self, path: &Path) -> io::Result<Self> {
            let mut folder = self.path.clone();
            for part in parts_of(path)? {
                folder.push(part);
                Folder::open(&folder)?;
            }
            Folder::open(&folder)
        }

        pub fn kind(&self, path: &Path) -> io::Result<EntryKind> {
            let parts = parts_of(path)?;
            if let Some((_, folders)) = parts.split_last()
                && !folders.is_empty()
            {
                self.folder(&folders.iter().collect::<PathBuf>())?;
            }
            let kind = std::fs::symlink_metadata(self.path.join(path))?.file_type();
            Ok(if kind.is_file() {
                EntryKind::File
            } else if kind.is_dir() {
                EntryKind::Folder
            } else if kind.is_symlink() {
                EntryKind::Link
            } else {
                EntryKind::Special
            })
        }

        pub fn entries(&self) -> io::Result<Vec<Entry>> {
            let mut entries = Vec::new();
            for entry in std::fs::read_dir(&self.path)? {
                let name = entry?.file_name();
                let kind = self.kind(Path::new(&name))?;
                entries.push(Entry { name, kind });
            }
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(entries)
        }

        pub fn open_file(&self, path: &Path) -> io::Result<File> {
            check_kind(self.kind(path)?)?;
            File::open(self.path.join(path))
        }

        pub fn open_linked_file(&self, name: &OsStr) -> io::Result<File> {
            regular_file::open(&self.path.join(name))
        }

        pub fn is_open_to_others(&self, _path: &Path) -> io::Result<bool> {
            Ok(false)
        }

        pub fn is_itself_open_to_others(&self) -> io::Result<bool> {
            Ok(false)
        }

        pub fn try_clone(&self) -> io::Result<Self> {
            Folder::open(&self.path)
        }

        #[must_use]
        pub fn staying(self) -> Self {
            self
        }

        pub fn container(&self) -> io::Result<Self> {
            Folder::open(&self.path.join(".."))
        }

        pub fn folder_with(&self, path: &Path) -> io::Result<Self> {
            parts_of(path)?;
            match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => self.folder(parent),
                _ => self.try_clone(),
            }
        }

        pub fn id(&self) -> io::Result<FileId> {
            Ok(FileId {
                device: 0,
                inode: 0,
            })
        }

        pub fn mark(&self) -> io::Result<FolderMark> {
            let folder = File::open(&self.path)?;
            Ok(FolderMark::new(self.id()?, Created::of(&folder)))
        }

        pub fn has_sticky_bit(&self, _path: &Path) -> io::Result<bool> {
            Ok(false)
        }

        pub fn remove_file(&self, _path: &Path) -> io::Result<()> {
            Err(unsupported())
        }

        pub fn remove_file_if(
            &self,
            _path: &Path,
            _id: FileId,
            _state: FileState,
        ) -> io::Result<Option<u64>> {
            Err(unsupported())
        }

        pub fn rename_in_place(&self, _path: &Path, _name: &OsStr) -> io::Result<()> {
            Err(unsupported())
        }

        pub fn create_folder(&self, _name: &OsStr) -> io::Result<Self> {
            Err(unsupported())
        }

        pub fn create_file(&self, _name: &OsStr, _bytes: &[u8]) -> io::Result<()> {
            Err(unsupported())
        }

        pub fn remove_empty_folder(&self, _path: &Path) -> io::Result<()> {
            Err(unsupported())
        }

        pub fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        pub fn try_lock(&self, _name: &OsStr) -> Option<File> {
            None
        }

        pub fn lock_itself(&self) -> io::Result<Option<File>> {
            Ok(None)
        }

        pub fn hold_itself(&self) -> io::Result<Option<File>> {
            Ok(None)
        }

        pub fn is_locked(&self, _name: &OsStr) -> bool {
            false
        }
    }
}

impl Folder {
    /// Returns all entries below the folder that are not folders, in the order of their
    /// paths. Links are listed and not followed.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn files(&self) -> io::Result<Vec<FoundFile>> {
        Ok(self.below().all()?.files)
    }

    /// Returns all folders below the folder, each before the folders in it.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn folders(&self) -> io::Result<Vec<PathBuf>> {
        Ok(self.below().all()?.folders)
    }

    /// Returns what is below the folder, without what is in folders that cannot be read.
    /// Links are listed and not followed.
    pub fn below(&self) -> Below {
        let mut below = Below::default();
        self.add_below(Path::new(""), &mut below);
        below
    }

    fn add_below(&self, prefix: &Path, below: &mut Below) {
        let entries = match check_depth(prefix).and_then(|()| self.entries()) {
            Ok(entries) => entries,
            Err(error) => return below.unreadable.push((prefix.to_path_buf(), error)),
        };
        for entry in entries {
            let path = prefix.join(&entry.name);
            if entry.kind != EntryKind::Folder {
                below.files.push(FoundFile {
                    path,
                    kind: entry.kind,
                });
                continue;
            }
            below.folders.push(path.clone());
            match self.folder(Path::new(&entry.name)) {
                Ok(inner) => inner.add_below(&path, below),
                Err(error) => below.unreadable.push((path, error)),
            }
        }
    }

    /// Reads an ordinary file of at most `at_most` bytes.
    ///
    /// # Errors
    /// As for [`Folder::open_file`], and if the file is larger.
    pub fn read(&self, path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
        regular_file::read_open(&self.open_file(path)?, at_most)
    }

    /// Returns the BLAKE3 digest (hexadecimal) and the length in bytes of an ordinary
    /// file.
    ///
    /// # Errors
    /// As for [`Folder::open_file`], and if the file cannot be read.
    pub fn digest(&self, path: &Path) -> io::Result<(String, u64)> {
        digest_of(&mut self.open_file(path)?)
    }

    /// Removes a folder in this one with everything in it. Links in it are removed, their
    /// targets stay.
    ///
    /// # Errors
    /// If something in it cannot be removed.
    pub fn remove_tree(&self, name: &OsStr) -> io::Result<()> {
        self.remove_tree_at(Path::new(name), Path::new(name))
    }

    fn remove_tree_at(&self, name: &Path, path: &Path) -> io::Result<()> {
        check_depth(path)?;
        let folder = self.folder(name)?;
        for entry in folder.entries()? {
            let inner = Path::new(&entry.name);
            match entry.kind {
                EntryKind::Folder => folder.remove_tree_at(inner, &path.join(inner))?,
                _ => folder.remove_file(inner)?,
            }
        }
        self.remove_empty_folder(name)
    }
}

/// Returns the BLAKE3 digest (hexadecimal) and the length in bytes of what is left to read.
///
/// # Errors
/// If it cannot be read.
pub fn digest_of(content: &mut impl Read) -> io::Result<(String, u64)> {
    let mut digest = blake3::Hasher::new();
    let bytes = io::copy(content, &mut digest)?;
    Ok((digest.finalize().to_hex().to_string(), bytes))
}

/// The deepest nesting of folders that is walked. Each level takes stack and an
/// open folder.
const DEEPEST: usize = 64;

fn check_depth(path: &Path) -> io::Result<()> {
    match path.components().count() > DEEPEST {
        true => Err(Refusal::TooDeep.into()),
        false => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Creates a folder with a file in a subfolder, and another folder with a file that
    /// must stay.
    fn two_folders() -> (tempfile::TempDir, Folder, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("lists")).expect("writable");
        fs::write(folder.path().join("lists/a.csv"), b"a").expect("writable");
        fs::write(elsewhere.path().join("precious"), b"p").expect("writable");
        let opened = Folder::open(folder.path()).expect("a folder");
        (folder, opened, elsewhere)
    }

    #[test]
    fn files_are_found_and_read_without_following_links() {
        let (folder, opened, elsewhere) = two_folders();
        symlink(elsewhere.path(), folder.path().join("link")).expect("writable");
        symlink(
            elsewhere.path().join("precious"),
            folder.path().join("lists/link"),
        )
        .expect("writable");
        let found: Vec<(String, EntryKind)> = opened
            .files()
            .expect("readable")
            .iter()
            .map(|file| (file.name(), file.kind))
            .collect();
        assert_eq!(
            found,
            [
                ("link".to_owned(), EntryKind::Link),
                ("lists/a.csv".to_owned(), EntryKind::File),
                ("lists/link".to_owned(), EntryKind::Link),
            ]
        );
        assert_eq!(
            opened.read(Path::new("lists/a.csv"), 1).expect("a file"),
            b"a"
        );
        assert!(opened.read(Path::new("lists/a.csv"), 0).is_err());
        for path in [
            "link/precious",
            "lists/link",
            "../precious",
            "/etc/hostname",
            "lists/../lists/a.csv",
            "",
            ".",
        ] {
            assert!(opened.read(Path::new(path), 100).is_err(), "{path}");
            assert!(opened.digest(Path::new(path)).is_err(), "{path}");
        }
        assert!(Folder::open(&folder.path().join("link")).is_err());
        assert!(Folder::open(&folder.path().join("link/")).is_err());
    }

    #[test]
    fn a_new_folder_has_another_mark_even_with_the_inode_number_of_a_removed_one() {
        let (folder, opened, _elsewhere) = two_folders();
        let lists = folder.path().join("lists");
        let mark = || opened.folder(Path::new("lists"))?.mark();
        let before = mark().expect("readable");
        fs::write(lists.join("b.csv"), b"b").expect("writable");
        fs::rename(&lists, folder.path().join("away")).expect("writable");
        fs::rename(folder.path().join("away"), &lists).expect("writable");
        assert_eq!(mark().expect("readable"), before);
        assert_ne!(before.created.is_some(), before.device.is_some());
        if before.created.is_none() {
            return;
        }
        // The clock of the file system advances in steps.
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::remove_dir_all(&lists).expect("writable");
        fs::create_dir(&lists).expect("writable");
        assert_ne!(mark().expect("readable"), before);
    }

    #[test]
    fn nothing_is_removed_through_a_link() {
        let (folder, opened, elsewhere) = two_folders();
        symlink(elsewhere.path(), folder.path().join("link")).expect("writable");
        assert!(opened.remove_file(Path::new("link/precious")).is_err());
        assert!(opened.remove_tree(OsStr::new("link")).is_err());
        fs::create_dir(folder.path().join("tree")).expect("writable");
        symlink(elsewhere.path(), folder.path().join("tree/inner")).expect("writable");
        fs::write(folder.path().join("tree/file"), b"x").expect("writable");
        opened.remove_tree(OsStr::new("tree")).expect("removable");
        assert!(!folder.path().join("tree").exists());
        // A link itself can be removed.
        opened.remove_file(Path::new("link")).expect("a link");
        assert!(elsewhere.path().join("precious").exists());
    }

    #[test]
    fn replacing_an_opened_folder_by_a_link_has_no_effect() {
        let (folder, opened, elsewhere) = two_folders();
        let lists = opened.folder(Path::new("lists")).expect("a folder");
        fs::rename(folder.path().join("lists"), folder.path().join("away")).expect("writable");
        symlink(elsewhere.path(), folder.path().join("lists")).expect("writable");
        assert!(lists.remove_file(Path::new("precious")).is_err());
        lists
            .remove_file(Path::new("a.csv"))
            .expect("a file of the opened folder");
        assert!(elsewhere.path().join("precious").exists());
        assert!(!folder.path().join("away/a.csv").exists());
    }

    #[test]
    fn a_rename_and_a_new_file_replace_nothing() {
        let (folder, opened, _elsewhere) = two_folders();
        fs::write(folder.path().join("lists/b.csv"), b"b").expect("writable");
        fs::create_dir(folder.path().join("lists/empty")).expect("writable");
        for taken in ["b.csv", "empty"] {
            let renamed = opened.rename_in_place(Path::new("lists/a.csv"), OsStr::new(taken));
            let error = renamed.expect_err("the name is taken");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{taken}");
        }
        let lists = opened.folder(Path::new("lists")).expect("a folder");
        assert!(lists.create_file(OsStr::new("b.csv"), b"x").is_err());
        assert!(lists.create_folder(OsStr::new("empty")).is_err());
        symlink(folder.path(), folder.path().join("lists/link")).expect("writable");
        assert!(lists.create_file(OsStr::new("link"), b"x").is_err());
        assert_eq!(
            fs::read(folder.path().join("lists/b.csv")).expect("there"),
            b"b"
        );
        opened
            .rename_in_place(Path::new("lists/a.csv"), OsStr::new("c.csv"))
            .expect("a free name");
        assert_eq!(
            fs::read(folder.path().join("lists/c.csv")).expect("there"),
            b"a"
        );
    }

    #[test]
    fn only_the_same_file_is_removed_and_its_names_are_counted() {
        let (folder, opened, _elsewhere) = two_folders();
        let path = Path::new("lists/a.csv");
        let identity = |path: &Path| {
            let file = opened.open_file(path).expect("a file");
            Identity::of(&file).expect("metadata")
        };
        let checked = identity(path);
        assert_eq!(checked.names, 1);
        // A foreign file with the same content takes the name.
        fs::rename(folder.path().join(path), folder.path().join("moved")).expect("writable");
        fs::write(folder.path().join(path), b"a").expect("writable");
        let state = |path: &Path| {
            let file = opened.open_file(path).expect("a file");
            FileState::of(&file).expect("metadata")
        };
        let removed = opened.remove_file_if(path, checked.id, state(path));
        assert_eq!(removed.expect("an entry"), None);
        assert!(folder.path().join(path).exists());
        fs::hard_link(folder.path().join("moved"), folder.path().join("other")).expect("a link");
        let moved = Path::new("moved");
        let before = state(moved);
        fs::write(folder.path().join(moved), b"bb").expect("writable");
        let removed = opened.remove_file_if(moved, checked.id, before);
        assert_eq!(removed.expect("an entry"), None);
        let removed = opened.remove_file_if(moved, checked.id, state(moved));
        assert_eq!(removed.expect("an entry"), Some(2));
        assert_eq!(identity(Path::new("other")), checked);
    }

    #[test]
    fn pipes_and_devices_are_never_opened() {
        let (folder, opened, _elsewhere) = two_folders();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo is installed");
        assert!(made.success());
        let listening = std::os::unix::net::UnixListener::bind(folder.path().join("socket"));
        assert!(listening.is_ok());
        for name in ["pipe", "socket"] {
            let path = Path::new(name);
            assert_eq!(opened.kind(path).expect("an entry"), EntryKind::Special);
            // Opening a pipe without a writer would block forever.
            assert!(opened.digest(path).is_err());
            assert!(opened.try_lock(OsStr::new(name)).is_none());
            opened.remove_file(path).expect("removable");
        }
    }
}
