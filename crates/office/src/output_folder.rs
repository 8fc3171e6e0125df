//! The output folder. It is written under a hidden name beside its destination
//! and renamed when it is complete, so a killed run leaves nothing that looks
//! like a result. The next run with the same destination removes the hidden
//! folder of a killed run. Folders have mode 0700, files 0600.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::text::Text;
use aidlink_files::folder::{Folder, rename_new, sync_names};
use aidlink_files::partial::{
    is_named_like_a_partial, lock_new, open_marked, parent_of, prefix_of, remove_abandoned, unmark,
};

use crate::audit_log::LOG;
use crate::interruption;
use crate::manifest::MANIFEST;
use crate::signing::SIGNATURE_SUFFIX;

/// A file that was written.
#[derive(Clone, Debug)]
pub struct WrittenFile {
    /// Its path inside the folder, with `/` as separator.
    pub path: String,
    /// BLAKE3 digest, hexadecimal.
    pub digest: String,
    /// Length in bytes.
    pub byte_length: u64,
    /// Whether people fill it in.
    pub to_fill_in: bool,
}

/// An output folder that is being written. If it is dropped before
/// [`OutputFolder::complete`], it is removed with everything in it.
pub struct OutputFolder {
    partial: tempfile::TempDir,
    /// The lock that keeps other runs from removing the folder as abandoned.
    _held: Option<File>,
    destination: PathBuf,
    written: Vec<WrittenFile>,
}

/// Whether the leftover of a killed run holds an output folder, which somebody moved into it: no
/// step writes a manifest below the top of its folder.
pub(crate) fn holds_an_output(leftover: &Folder) -> bool {
    let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let files = leftover.below().files.into_iter();
    let paths: BTreeSet<PathBuf> = files.map(|file| file.path).collect();
    paths.iter().any(|path| {
        path.components().count() > 1
            && path.file_name().is_some_and(|name| *name == *signature)
            && paths.contains(&path.with_file_name(MANIFEST))
    })
}

impl OutputFolder {
    /// Checks that the destination does not exist.
    ///
    /// # Errors
    /// When it exists, even as an empty folder.
    pub fn check_absent(destination: &Path) -> Result<(), Fault> {
        if fs::symlink_metadata(destination).is_ok() {
            return Err(Fault::of_file(
                destination,
                Text::new(
                    "输出文件夹已存在，不会覆盖",
                    "the output folder already exists and will not be overwritten",
                ),
                Text::new(
                    "请先移走或删除，或用 --output 指定其他文件夹",
                    "move or remove it, or choose another folder with --output",
                ),
            ));
        }
        Ok(())
    }

    /// Checks that the parent folder of the destination exists.
    ///
    /// # Errors
    /// When the parent is missing or is not a folder, or is or is in an output folder.
    pub fn check_parent(destination: &Path) -> Result<(), Fault> {
        let parent = parent_of(destination);
        if parent.is_dir() {
            return Self::check_not_in_another(destination);
        }
        Err(Fault::of_file(
            parent,
            Text::new(
                "输出文件夹的上级文件夹不存在",
                "the parent folder of the output folder does not exist",
            ),
            Text::new("请先建立该文件夹", "create it first"),
        ))
    }

    /// Checks that the destination is in no output folder: it would be a file too many there.
    fn check_not_in_another(destination: &Path) -> Result<(), Fault> {
        let parent = fs::canonicalize(parent_of(destination)).unwrap_or_default();
        let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        let is_output = |folder: &&Path| {
            let has = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
            has(LOG) && has(&signature)
        };
        let Some(outer) = parent.ancestors().find(is_output) else {
            return Ok(());
        };
        Err(Fault::of_file(
            outer,
            Text::new(
                "这是另一次运行的输出文件夹，输出文件夹不能放在其中",
                "this is an output folder, and another one cannot be inside it",
            ),
            Text::new(
                "请用 --output 指定其他位置的文件夹",
                "choose a folder elsewhere with --output",
            ),
        ))
    }

    /// Checks the destination before any work is done.
    ///
    /// # Errors
    /// As [`OutputFolder::check_absent`] and [`OutputFolder::check_parent`]; when the name is not
    /// UTF-8, or it or a folder above it is named like an unfinished one.
    pub fn check_destination(destination: &Path) -> Result<(), Fault> {
        Self::check_name(destination, destination.file_name().unwrap_or_default())?;
        Self::check_no_partial_name(destination)?;
        Self::check_absent(destination).and_then(|()| Self::check_parent(destination))
    }

    /// Checks that neither the destination nor a folder above it is named like what a killed run
    /// left: the output would not be found, or be deleted with it.
    fn check_no_partial_name(destination: &Path) -> Result<(), Fault> {
        let parent = fs::canonicalize(parent_of(destination)).unwrap_or_default();
        let mut names = parent.iter().chain(destination.file_name());
        if !names.any(is_named_like_a_partial) {
            return Ok(());
        }
        Err(Fault::of_file(
            destination,
            Text::new(
                "输出文件夹或其上级文件夹的名称与中断的运行所留的文件夹（.NAME.partial-...）相同",
                "the output folder, or a folder above it, is named like what an interrupted run leaves (.NAME.partial-...)",
            ),
            Text::new(
                "请用 --output 指定其他位置的文件夹",
                "choose a folder elsewhere with --output",
            ),
        ))
    }

    /// Checks that the destination has a path below the round's folder that can be written
    /// down, if it is there: manifests, records and messages are text.
    ///
    /// # Errors
    /// When a part of the path is not UTF-8.
    pub fn check_path_in(round_folder: &Path, destination: &Path) -> Result<(), Fault> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let parent = real(parent_of(destination));
        let inside = parent.strip_prefix(real(round_folder));
        inside.map_or(Ok(()), |inside| {
            Self::check_name(destination, inside.as_os_str())
        })
    }

    fn check_name(destination: &Path, name: &OsStr) -> Result<(), Fault> {
        if name.to_str().is_some() {
            return Ok(());
        }
        Err(Fault::of_file(
            destination,
            Text::new(
                "输出文件夹的名称不是 UTF-8 文本",
                "the name of the output folder is not UTF-8 text",
            ),
            Text::new(
                "请用 --output 指定其他文件夹，或将上级文件夹改名",
                "choose another folder with --output, or rename the folder that holds it",
            ),
        ))
    }

    /// Creates a hidden folder beside the destination.
    ///
    /// # Errors
    /// When the destination exists or its parent cannot be written.
    pub fn begin(destination: &Path) -> Result<Self, Fault> {
        Self::check_absent(destination)?;
        Self::check_not_in_another(destination)?;
        remove_abandoned(destination, holds_an_output);
        let mut builder = tempfile::Builder::new();
        let prefix = prefix_of(destination);
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(
            aidlink_files::partial::PARTIAL_FOLDER_MODE,
        ));
        let (partial, held) = loop {
            let partial =
                interruption::create_tracked(|| builder.tempdir_in(parent_of(destination)))
                    .map_err(|error| unwritable(destination, &error))?;
            if let Some(held) = lock_new(partial.path()) {
                break (partial, held);
            }
        };
        Ok(OutputFolder {
            _held: held,
            partial,
            destination: destination.to_path_buf(),
            written: Vec::new(),
        })
    }

    /// Writes a file and creates its parent folders.
    ///
    /// # Errors
    /// When the disk is full or the folder cannot be written.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.write_new(path, bytes, false)
    }

    /// Writes a file that people fill in, which the manifest records as such.
    ///
    /// # Errors
    /// As [`OutputFolder::write`].
    pub fn write_to_fill_in(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.write_new(path, bytes, true)
    }

    fn write_new(&mut self, path: &str, bytes: &[u8], to_fill_in: bool) -> Result<(), Fault> {
        let full = self.partial.path().join(path);
        write_file(self.partial.path(), &full, bytes)
            .map_err(|error| unwritable(&self.destination.join(path), &error))?;
        self.written.push(WrittenFile {
            path: path.to_owned(),
            digest: blake3::hash(bytes).to_hex().to_string(),
            byte_length: bytes.len() as u64,
            to_fill_in,
        });
        Ok(())
    }

    /// Creates a file to be written piece by piece. Pass the result of
    /// [`StreamedFile::finish`] to [`OutputFolder::add`].
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn stream(&self, path: &str) -> Result<StreamedFile, Fault> {
        let shown = self.destination.join(path);
        create_file(self.partial.path(), &self.partial.path().join(path))
            .map(|file| StreamedFile {
                file: io::BufWriter::with_capacity(1 << 16, file),
                shown: shown.clone(),
                path: path.to_owned(),
                digest: blake3::Hasher::new(),
                byte_length: 0,
            })
            .map_err(|error| unwritable(&shown, &error))
    }

    /// Records a file that was written piece by piece.
    pub fn add(&mut self, written: WrittenFile) -> WrittenFile {
        self.written.push(written.clone());
        written
    }

    /// Returns a folder for unnamed temporary files, which only the owner may read.
    pub fn scratch_folder(&self) -> &Path {
        self.partial.path()
    }

    /// Returns a function that makes the fault for a failed write to this file.
    pub fn write_fault(&self, path: &str) -> impl Fn(&io::Error) -> Fault + use<> {
        let shown = self.destination.join(path);
        move |error| unwritable(&shown, error)
    }

    /// Returns the files written so far, in order.
    pub fn written(&self) -> &[WrittenFile] {
        &self.written
    }

    /// Gives the folder its final name.
    ///
    /// # Errors
    /// When another run has created the destination meanwhile, when the rename
    /// fails, or when the disk does not confirm it.
    pub fn complete(self) -> Result<(), Fault> {
        let OutputFolder {
            partial,
            _held,
            destination,
            ..
        } = self;
        let failed = |error: io::Error| unwritable(&destination, &error);
        sync_folder(partial.path()).map_err(failed)?;
        let marked = open_marked(partial.path()).map_err(failed)?;
        let renamed = interruption::finish_tracked(|| rename_new(partial.path(), &destination));
        renamed.map_err(|error| {
            // Another run may have created the destination meanwhile.
            match Self::check_absent(&destination) {
                Err(fault) => fault,
                Ok(()) => failed(error),
            }
        })?;
        // The folder was renamed; keep its guard from removing the old path.
        let _ = partial.keep();
        if let Some(marked) = marked {
            unmark(&marked);
        }
        sync_names(parent_of(&destination)).map_err(|error| not_synced(&destination, &error))
    }
}

/// A file that is written piece by piece.
pub struct StreamedFile {
    file: io::BufWriter<File>,
    shown: PathBuf,
    path: String,
    digest: blake3::Hasher,
    byte_length: u64,
}

impl StreamedFile {
    /// Writes a piece.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write_piece(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.write_all(bytes)
            .map_err(|error| unwritable(&self.shown, &error))
    }

    /// Returns a function that makes the fault for a failed write to this file.
    pub fn fault(&self) -> impl Fn(&io::Error) -> Fault + use<> {
        let shown = self.shown.clone();
        move |error| unwritable(&shown, error)
    }

    /// Writes the buffered bytes and syncs the file to disk.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<WrittenFile, Fault> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| unwritable(&self.shown, &error))?;
        Ok(WrittenFile {
            path: self.path,
            digest: self.digest.finalize().to_hex().to_string(),
            byte_length: self.byte_length,
            to_fill_in: false,
        })
    }
}

impl Write for StreamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.byte_length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn write_file(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_file(root, path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Creates a file and its parent folders below `root`. `root` itself is not
/// created: if it is missing, somebody has removed it.
fn create_file(root: &Path, path: &Path) -> io::Result<File> {
    let below = path
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok());
    let mut folder = root.to_path_buf();
    for part in below.into_iter().flat_map(Path::components) {
        folder.push(part);
        match owner_only_folder().create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn owner_only_folder() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(not(unix))]
fn owner_only_folder() -> fs::DirBuilder {
    fs::DirBuilder::new()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folder(&entry.path())?;
        }
    }
    sync_names(folder)
}

/// The fault for a complete folder whose rename may not survive a power cut.
fn not_synced(path: &Path, error: &io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        path,
        Text::new(
            format!("结果已写全，但无法确认已写入磁盘：{}", reason.zh),
            format!(
                "the output is complete, but the disk did not confirm it: {}",
                reason.en
            ),
        ),
        Text::new(
            "请检查磁盘，并用 aidlink audit verify 核对结果",
            "check the disk, then check the output with `aidlink audit verify`",
        ),
    )
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let hint = if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        Text::new(
            "磁盘已满；请腾出空间后重新运行",
            "the disk is full; free some space and run again",
        )
    } else {
        Text::new(
            "请检查磁盘和写入权限",
            "check the disk and the write permission",
        )
    };
    let reason = io_reason(error);
    Fault::of_file(
        path,
        Text::new(
            format!("无法写入输出：{}；未留下任何结果", reason.zh),
            format!(
                "cannot write the output: {}; no result was left behind",
                reason.en
            ),
        ),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_complete_or_not_at_all() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let destination = parent.path().join("output");
        let mut folder = OutputFolder::begin(&destination).expect("a fresh folder");
        folder.write("lists/a.csv", b"a").expect("writable");
        assert!(!destination.exists());
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 0);

        let mut folder = OutputFolder::begin(&destination).expect("a fresh folder");
        folder.write("lists/a.csv", b"a").expect("writable");
        folder.complete().expect("no other run");
        assert_eq!(
            fs::read(destination.join("lists/a.csv")).expect("written"),
            b"a"
        );
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 1);
        assert!(OutputFolder::begin(&destination).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &str| {
                let metadata = fs::metadata(destination.join(path)).expect("written");
                metadata.permissions().mode() & 0o7777
            };
            assert_eq!(
                (mode(""), mode("lists"), mode("lists/a.csv")),
                (0o700, 0o700, 0o600)
            );
        }
    }
}
