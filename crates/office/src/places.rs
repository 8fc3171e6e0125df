//! The folders that hold a round's files, and what of the files of a journal is still in
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::io_reason;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::{EntryKind, Folder, FolderMark};
use aidlink_files::partial::abandoned;

use crate::aside::{as_recorded, aside_place};
use crate::deletion_record::{AsideFile, FilePart};

/// The folders that hold a round's files.
pub(crate) struct Places {
    /// The output folder.
    pub(crate) output: Folder,
    /// The folder of the round file; `None` if it cannot be opened.
    round: Option<Folder>,
    /// The parent of the output folder.
    parent: Option<Folder>,
    /// The names of what interrupted runs of this output left in the parent.
    pub(crate) leftovers: Vec<OsString>,
}

impl Places {
    /// Opens the folders. `opened` is the output folder at `output`.
    ///
    /// # Errors
    /// When something else is at `output` by now.
    pub(crate) fn open(opened: Folder, output: &Path, round_folder: &Path) -> io::Result<Self> {
        let real = std::fs::canonicalize(output)?;
        // The path may lead elsewhere by now, and what is beside that folder is not the
        // round's.
        let parent = opened.container().ok();
        if let Some(parent) = &parent {
            let name = Path::new(real.file_name().unwrap_or_default());
            if parent.folder(name)?.id()? != opened.id()? {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        let leftovers = parent.as_ref().map(|parent| abandoned(parent, &real));
        Ok(Places {
            output: opened,
            // The user may name this folder by a link.
            round: std::fs::canonicalize(round_folder)
                .and_then(|folder| Folder::open(&folder))
                .ok(),
            parent,
            leftovers: leftovers.unwrap_or_default(),
        })
    }

    /// Returns the folder that paths of files of this part are relative to.
    pub(crate) fn of(&self, part: FilePart) -> Option<&Folder> {
        match part {
            FilePart::Output => Some(&self.output),
            FilePart::CutOff => self.parent.as_ref(),
            FilePart::Export | FilePart::Received | FilePart::Key => self.round.as_ref(),
        }
    }

    /// Returns the folder that contains a file of a journal, and whose identity the journal
    /// gives. In the journal's path numbers are blacked out, so several folders may match.
    fn folder_of(&self, aside: &AsideFile) -> io::Result<Folder> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let path = Path::new(&aside.file.path);
        let mut folders = vec![self.of(aside.file.part).ok_or_else(missing)?.try_clone()?];
        for part in path.parent().into_iter().flat_map(Path::iter) {
            let mut inner = Vec::new();
            for folder in &folders {
                for entry in folder.entries()? {
                    if entry.kind == EntryKind::Folder
                        && as_recorded(&entry.name) == as_recorded(part)
                    {
                        inner.push(folder.folder(Path::new(&entry.name))?);
                    }
                }
            }
            folders = inner;
        }
        for folder in folders {
            if folder.mark()? == aside.folder {
                return Ok(folder);
            }
        }
        Err(missing())
    }

    /// Checks of each file whether it is certainly gone: the folder in which a purge had
    /// set it aside can be listed, and has neither the file's name nor the purge's name
    /// for it. Otherwise the result is the reason for the doubt.
    pub(crate) fn check_gone<'a>(
        &self,
        set_aside: impl Iterator<Item = &'a AsideFile>,
    ) -> Vec<(&'a AsideFile, Result<(), Text>)> {
        let mut listed: BTreeMap<(FilePart, &Path, FolderMark), io::Result<BTreeSet<String>>> =
            BTreeMap::new();
        let mut checked = Vec::new();
        for aside in set_aside {
            let file = &aside.file;
            let path = Path::new(&file.path);
            let folder = path.parent().unwrap_or(path);
            let names = listed
                .entry((file.part, folder, aside.folder))
                .or_insert_with(|| {
                    let entries = self.folder_of(aside)?.entries()?;
                    Ok(entries
                        .iter()
                        .map(|entry| as_recorded(&entry.name))
                        .collect())
                });
            let place = aside_place(file, path);
            let is_there = |names: &BTreeSet<String>, path: &Path| {
                names.contains(&as_recorded(path.file_name().unwrap_or_default()))
            };
            let gone = match names {
                Err(error) => Err(folder_unknown(error)),
                Ok(names) if is_there(names, &place) => Err(still_there(&place)),
                Ok(names) if is_there(names, path) => Err(still_there(path)),
                Ok(_) => Ok(()),
            };
            checked.push((aside, gone));
        }
        checked
    }

    /// Returns the paths of the files in a leftover of an interrupted run, relative to the
    /// parent of the output folder.
    ///
    /// # Errors
    /// When a folder in it cannot be read.
    pub(crate) fn files_of_leftover(&self, name: &OsStr) -> io::Result<Vec<PathBuf>> {
        let Some(parent) = &self.parent else {
            return Ok(Vec::new());
        };
        let name = Path::new(name);
        match parent.kind(name) {
            Ok(EntryKind::Folder) => {
                let files = parent.folder(name)?.files()?.into_iter();
                Ok(files.map(|file| name.join(file.path)).collect())
            }
            Ok(_) => Ok(vec![name.to_path_buf()]),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn still_there(place: &Path) -> Text {
    let place = shown_path(place);
    Text::new(
        format!(
            "中断的 purge 曾处理此文件，现在 {place} 处有文件，purge 不能确认可以删除；请查明是否有程序占用及其权限，或人工检查后移走，再重新运行 purge"
        ),
        format!(
            "an interrupted purge was deleting it, there is a file at {place} now, and `purge` cannot be sure that it may delete that one: see whether a program uses it and check its permissions, or check it by hand and move it away, then run `purge` again"
        ),
    )
}

fn folder_unknown(error: &io::Error) -> Text {
    if error.kind() == io::ErrorKind::NotFound {
        return Text::new(
            "中断的 purge 曾处理此文件，但当时所在的文件夹已不在此处，不能确认已删除；请将该文件夹移回原处，或用 --round 指明轮次文件，再重新运行 purge；已找不到的，请将查明的情况记入会议记录，第19项检查仍为不符合",
            "an interrupted purge was deleting it, but the folder that held it is not here, so nobody knows whether it was deleted: move that folder back, or name the round file with --round, and run `purge` again; if the folder is gone, note what you found in the minutes, and check 19 stays not held",
        );
    }
    let reason = io_reason(error);
    Text::new(
        format!(
            "中断的 purge 曾处理此文件，但其文件夹无法读取（{}），不能确认已删除；请检查权限后重新运行 purge",
            reason.zh
        ),
        format!(
            "an interrupted purge was deleting it, but its folder cannot be read ({}), so nobody knows whether it was deleted: check the permissions and run `purge` again",
            reason.en
        ),
    )
}
