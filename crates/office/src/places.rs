//! The folders that hold a round's files, and what of the files of a journal is still in
//! them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::io_reason;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::{EntryKind, Folder, FolderMark, open_named, sync_names_in};
use aidlink_files::partial::Partials;

use crate::aside::{as_recorded, aside_place};
use crate::deletion::by_file::ByFile;
use crate::deletion_record::{FilePart, NOBODY_KNOWS, PlacedFile, RoundFile};
use crate::output_folder::holds_an_output;

/// The folders that hold a round's files.
pub(crate) struct Places {
    /// The output folder.
    pub(crate) output: Folder,
    /// The folder of the round file; `None` if it does not exist.
    round: Option<Folder>,
    /// The parent of the output folder.
    parent: Folder,
    /// The names of what interrupted runs of this output left in the parent.
    pub(crate) leftovers: Vec<OsString>,
    /// The names of those that a program holds locked.
    pub(crate) in_use: Vec<OsString>,
    /// The names of those that cannot be opened or locked.
    pub(crate) not_locked: Vec<OsString>,
    /// The names of those that hold an output folder.
    pub(crate) holding_outputs: Vec<OsString>,
}

impl Places {
    /// Opens the folders. `opened` is the output folder at `output`.
    ///
    /// # Errors
    /// As [`Places::with_round`].
    pub(crate) fn open(opened: Folder, output: &Path, round_folder: &Path) -> io::Result<Self> {
        // The user may name this folder by a link.
        Self::with_round(opened, output, open_named(round_folder))
    }

    /// As [`Places::open`], with the folder of the round file.
    ///
    /// # Errors
    /// When something else is at `output` by now, or the folder that contains it cannot be
    /// listed: what interrupted runs left in it would be missed. When the folder of the round
    /// file exists and cannot be opened.
    pub(crate) fn with_round(
        opened: Folder,
        output: &Path,
        round: io::Result<Folder>,
    ) -> io::Result<Self> {
        let real = std::fs::canonicalize(output)?;
        // The path may lead elsewhere by now, and what is beside that folder is not the
        // round's.
        let parent = opened.container()?;
        let name = Path::new(real.file_name().unwrap_or_default());
        if parent.folder(name)?.id()? != opened.id()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        // Whatever somebody mounted in a leftover is not the run's.
        let parent = parent.staying();
        parent.entries()?;
        let partials = Partials::of(&parent, &real);
        let holds = |name: &OsString| {
            let leftover = parent.folder(Path::new(name));
            leftover.is_ok_and(|leftover| holds_an_output(&leftover))
        };
        let (holding_outputs, leftovers) = partials.abandoned.into_iter().partition(holds);
        Ok(Places {
            output: opened,
            round: match round {
                Ok(folder) => Some(folder),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                // It may hold every input.
                Err(error) => return Err(error),
            },
            parent,
            leftovers,
            holding_outputs,
            in_use: partials.in_use,
            not_locked: partials.unknown,
        })
    }

    /// Returns the folder that paths of files of this part are relative to.
    pub(crate) fn of(&self, part: FilePart) -> Option<&Folder> {
        match part {
            FilePart::Output => Some(&self.output),
            FilePart::CutOff => Some(&self.parent),
            FilePart::Export | FilePart::Received | FilePart::Key => self.round.as_ref(),
        }
    }

    /// Opens the folder that holds a file of a journal and whose identity the journal gives,
    /// and returns it with its path. The leftover of a run may have another name by now.
    fn holder_of(&self, placed: &PlacedFile) -> io::Result<(PathBuf, Folder)> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let base = self.of(placed.file.part).ok_or_else(missing)?;
        let parent = Path::new(&placed.file.path).parent();
        let parts: Vec<&OsStr> = parent.into_iter().flat_map(Path::iter).collect();
        let found = find(base, Path::new(""), &parts, placed.folder);
        if let Ok(Some(found)) = found {
            return Ok(found);
        }
        if placed.file.part == FilePart::CutOff
            && let Some((_, parts)) = parts.split_first()
        {
            let entries = base.entries()?.into_iter();
            for entry in entries.filter(|entry| entry.kind == EntryKind::Folder) {
                let name = Path::new(&entry.name);
                // Folders that cannot be read may have nothing to do with the round.
                if let Ok(inner) = base.folder(name)
                    && let Ok(Some(found)) = find(&inner, name, parts, placed.folder)
                {
                    return Ok(found);
                }
            }
        }
        found?.ok_or_else(missing)
    }

    /// Whether nothing has a file's name, or the purge's name for it, in its folder.
    pub(crate) fn lacks(&self, file: &RoundFile) -> bool {
        self.is_missing(file, Path::new(&file.path)) && self.lacks_aside(file)
    }

    /// Whether nothing has the purge's name for a file.
    fn lacks_aside(&self, file: &RoundFile) -> bool {
        self.is_missing(file, &aside_place(file, Path::new(&file.path)))
    }

    fn is_missing(&self, file: &RoundFile, place: &Path) -> bool {
        self.of(file.part).is_some_and(|folder| {
            let kind = folder.kind(place);
            kind.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        })
    }

    /// Whether what has a file's name, or the purge's name for it, in its folder certainly is not
    /// the file, and neither leads to it nor holds it: an empty folder, a pipe, or a link that
    /// leads nowhere.
    pub(crate) fn holds_no_file(&self, file: &RoundFile) -> bool {
        let Some(folder) = self.of(file.part) else {
            return false;
        };
        let path = Path::new(&file.path);
        let is_missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        let names = [path.to_path_buf(), aside_place(file, path)];
        names.iter().all(|name| match folder.kind(name) {
            Ok(EntryKind::File) => false,
            Ok(EntryKind::Folder) => {
                let entries = folder.folder(name).and_then(|inner| inner.entries());
                entries.is_ok_and(|entries| entries.is_empty())
            }
            Ok(EntryKind::Link) => {
                std::fs::metadata(folder.path().join(name)).is_err_and(is_missing)
            }
            Ok(_) => true,
            Err(error) => is_missing(error),
        })
    }

    /// Whether a leftover may still be at its path in a record, in which numbers are blacked
    /// out: it is there, or a folder in the path cannot be read.
    pub(crate) fn may_hold_leftover(&self, path: &Path) -> bool {
        let parts: Vec<&OsStr> = path.iter().collect();
        may_hold(&self.parent, &parts)
    }

    /// Returns the paths of the files in a leftover of an interrupted run, relative to the
    /// parent of the output folder.
    ///
    /// # Errors
    /// When a folder in it cannot be read.
    pub(crate) fn files_of_leftover(&self, name: &OsStr) -> io::Result<Vec<PathBuf>> {
        let (parent, name) = (&self.parent, Path::new(name));
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

/// Whether a path of a record may exist below a folder.
fn may_hold(folder: &Folder, parts: &[&OsStr]) -> bool {
    let Some((part, inner)) = parts.split_first() else {
        return true;
    };
    let Ok(entries) = folder.entries() else {
        return true;
    };
    let recorded = as_recorded(part);
    let mut entries = entries.into_iter();
    entries.any(|entry| {
        let is_it = as_recorded(&entry.name) == recorded;
        is_it
            && match (entry.kind, inner) {
                (_, []) => true,
                (EntryKind::Folder, _) => {
                    let below = folder.folder(Path::new(&entry.name));
                    below.map_or(true, |below| may_hold(&below, inner))
                }
                _ => false,
            }
    })
}

/// Finds a folder by its path below another one, and by its identity. In the paths of
/// journals numbers are blacked out, so several folders may match. `at` is the path of
/// `folder`.
fn find(
    folder: &Folder,
    at: &Path,
    parts: &[&OsStr],
    mark: FolderMark,
) -> io::Result<Option<(PathBuf, Folder)>> {
    let Some((part, parts)) = parts.split_first() else {
        let found = (folder.mark()? == mark).then(|| folder.try_clone());
        return Ok(found.transpose()?.map(|folder| (at.to_path_buf(), folder)));
    };
    for entry in folder.entries()? {
        let name = Path::new(&entry.name);
        if entry.kind == EntryKind::Folder
            && as_recorded(&entry.name) == as_recorded(part)
            && let Some(found) = find(&folder.folder(name)?, &at.join(name), parts, mark)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What is known of a file of a journal.
#[derive(Clone, Debug)]
pub(crate) enum Presence {
    /// Its folder was listed and has neither the file's name nor the purge's name for it, or another
    /// output's file has its name.
    Gone,
    /// Its folder has one of these names.
    Seen {
        /// Whether it has the purge's name.
        is_set_aside: bool,
        /// Whether an ordinary file has one of them, which may be this file.
        is_file: bool,
        /// What to do.
        why: Text,
    },
    /// Its folder is not here, with what to do.
    FolderGone(Text),
    /// Its folder cannot be listed, with what to do.
    Unknown(Text),
}

/// The listed folders of files of journals.
pub(crate) struct Listings<'p> {
    pub(crate) places: &'p Places,
    /// Whether the disk must confirm that files are gone.
    syncs: bool,
    /// Files in whose place another output's file is.
    of_others: ByFile<()>,
    /// By part, path in the journal, and identity.
    listed: BTreeMap<(FilePart, PathBuf, FolderMark), io::Result<Listing>>,
}

/// A listed folder.
struct Listing {
    /// Its path now.
    path: PathBuf,
    /// The names as records have them, and whether an ordinary file has each.
    names: BTreeMap<String, bool>,
    /// Whether the disk has them.
    synced: io::Result<()>,
}

impl<'p> Listings<'p> {
    /// `of_others` are the files in whose place another output's file is.
    pub(crate) fn new(places: &'p Places, syncs: bool, of_others: ByFile<()>) -> Self {
        Listings {
            places,
            syncs,
            of_others,
            listed: BTreeMap::new(),
        }
    }

    /// Whether nothing has a file's name or the purge's name for it, or only another output's file
    /// has its name.
    pub(crate) fn lacks(&self, file: &RoundFile) -> bool {
        let is_of_another = self.of_others.has(file);
        self.places.lacks(file) || is_of_another && self.places.lacks_aside(file)
    }

    /// Returns what is known of a file. Every folder is listed once.
    pub(crate) fn presence(&mut self, placed: &PlacedFile) -> Presence {
        let file = &placed.file;
        let path = Path::new(&file.path);
        let folder = path.parent().unwrap_or(path);
        let key = (file.part, folder.to_path_buf(), placed.folder);
        let listed = self.listed.entry(key).or_insert_with(|| {
            let (path, holder) = self.places.holder_of(placed)?;
            let mut names = BTreeMap::new();
            for entry in holder.entries()? {
                let is_file = names.entry(as_recorded(&entry.name)).or_default();
                *is_file |= entry.kind == EntryKind::File;
            }
            // A killed purge may have removed files and not have waited for the disk.
            let synced = match self.syncs {
                true => sync_names_in(&holder),
                false => Ok(()),
            };
            Ok(Listing {
                path,
                names,
                synced,
            })
        });
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Presence::FolderGone(folder_unknown(error));
            }
            Err(error) => return Presence::Unknown(folder_unknown(error)),
        };
        let aside = as_recorded(aside_place(file, path).file_name().unwrap_or_default());
        // Leftovers with the same name have numbers after it.
        let asides = listed.names.range(aside.clone()..);
        let mut asides = asides.take_while(|(name, _)| name.starts_with(&aside));
        let first = asides.next();
        let own = as_recorded(path.file_name().unwrap_or_default());
        let own = listed.names.get_key_value(&own);
        let own = own.filter(|_| !self.of_others.has(file));
        match first.or(own) {
            Some((name, _)) => {
                let mut here = first.into_iter().chain(own).chain(asides);
                let is_file = here.any(|(_, is_file)| *is_file);
                Presence::Seen {
                    is_set_aside: first.is_some(),
                    is_file,
                    why: still_there(&listed.path.join(name), is_file),
                }
            }
            None => match &listed.synced {
                Ok(()) => Presence::Gone,
                Err(error) => Presence::Unknown(not_synced(error)),
            },
        }
    }
}

/// The reason for a file of a journal, something of which is at a place. If it `may_be` the file,
/// nobody can tell later whether that was it.
fn still_there(place: &Path, may_be: bool) -> Text {
    let place = shown_path(place);
    if may_be {
        return Text::new(
            format!(
                "中断的 purge 曾处理此文件，现在 {place} 处有文件，可能就是它，purge 不能确认可以删除；请查明是否有程序占用及其权限，再重新运行 purge；人工检查后删除或移走的，请用 --confirm-deleted 写明查明的情况"
            ),
            format!(
                "an interrupted purge was deleting it, there is a file at {place} now, which may be it, and `purge` cannot be sure that it may delete that one: see whether a program uses it and check its permissions, then run `purge` again; if you check it and delete it by hand or move it away, say what you found with --confirm-deleted"
            ),
        );
    }
    Text::new(
        format!(
            "中断的 purge 曾处理此文件，现在 {place} 处有文件，purge 不能确认可以删除；请查明是否有程序占用及其权限，或人工检查后移走，再重新运行 purge"
        ),
        format!(
            "an interrupted purge was deleting it, there is a file at {place} now, and `purge` cannot be sure that it may delete that one: see whether a program uses it and check its permissions, or check it by hand and move it away, then run `purge` again"
        ),
    )
}

fn not_synced(error: &io::Error) -> Text {
    let reason = io_reason(error);
    Text::new(
        format!(
            "中断的 purge 曾处理此文件，现已不在，但磁盘未确认（{}），不能确认已删除；请检查磁盘后重新运行 purge",
            reason.zh
        ),
        format!(
            "an interrupted purge was deleting it, and it is gone, but the disk does not confirm it ({}), {NOBODY_KNOWS}: check the disk and run `purge` again",
            reason.en
        ),
    )
}

fn folder_unknown(error: &io::Error) -> Text {
    if error.kind() == io::ErrorKind::NotFound {
        return Text::new(
            "中断的 purge 曾处理此文件，但当时所在的文件夹已不在此处，不能确认已删除；请将该文件夹移回原处，或用 --round 指明轮次文件，再重新运行 purge；已找不到的，请将查明的情况记入会议记录，第19项检查仍为不符合",
            format!(
                "an interrupted purge was deleting it, but the folder that held it is not here, {NOBODY_KNOWS}: move that folder back, or name the round file with --round, and run `purge` again; if the folder is gone, note what you found in the minutes, and check 19 stays not held"
            ),
        );
    }
    let reason = io_reason(error);
    Text::new(
        format!(
            "中断的 purge 曾处理此文件，但其文件夹无法读取（{}），不能确认已删除；请检查权限后重新运行 purge",
            reason.zh
        ),
        format!(
            "an interrupted purge was deleting it, but its folder cannot be read ({}), {NOBODY_KNOWS}: check the permissions and run `purge` again",
            reason.en
        ),
    )
}
