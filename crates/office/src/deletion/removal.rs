//! Sets files aside and removes them, so that nobody can exchange a file between the check
//! and the removal.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::io_reason;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::{FileId, Folder, FolderMark, sync_names_in};

use super::by_file::ByFile;
use super::done::{Done, Refused, SetAside};
use crate::aside::{as_recorded, aside_name, aside_name_in, aside_place, numbered};
use crate::deletion_record::{FilePart, LeftFile, RoundFile};
use crate::needed::Needed;
use crate::remains::{Doubt, FoundFile, Look, Search};

/// Folders in which a purge has renamed or removed files. The disk may still have the names as
/// they were.
#[derive(Default)]
pub(super) struct Unsynced {
    /// The folder of the last file. Files of one folder follow each other, so that few folders are
    /// open.
    last: Option<(FolderMark, Folder)>,
    failed: Option<io::Error>,
}

impl Unsynced {
    fn add(&mut self, mark: FolderMark, folder: Folder) {
        if self.last.as_ref().is_none_or(|(last, _)| *last != mark) {
            self.sync_last();
            self.last = Some((mark, folder));
        }
    }

    fn sync_last(&mut self) {
        if let Some((_, folder)) = self.last.take()
            && let Err(error) = sync_names_in(&folder)
        {
            self.failed.get_or_insert(error);
        }
    }

    /// Waits until the disk has the names.
    ///
    /// # Errors
    /// If it does not confirm it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.sync_last();
        self.failed.map_or(Ok(()), Err)
    }
}

/// The removal of files of one output folder.
pub(super) struct Removal<'r> {
    /// Finds and checks them.
    pub(super) search: Search<'r>,
    /// What other outputs need.
    pub(super) needed: Option<&'r Needed>,
}

impl Removal<'_> {
    /// Gives each file the purge's own name and checks it again under that name. Puts a
    /// file that is another one now back, unless it is one of `stated`, which journals of earlier
    /// purges list as set aside. Adds the files that it leaves to `done`. Skips inputs in
    /// `handled`, and leaves leftovers that are not in `locks`. Returns the files, and whether the
    /// disk has their new names.
    pub(super) fn set_aside(
        &self,
        there: &[FoundFile],
        locks: &BTreeMap<&OsStr, File>,
        stated: &ByFile<()>,
        handled: &mut BTreeSet<(FilePart, PathBuf)>,
        done: &mut Done,
    ) -> (Vec<SetAside>, io::Result<()>) {
        let mut set_aside = Vec::new();
        let mut unsynced = Unsynced::default();
        let mut names = OwnNames::of(there);
        for found in there {
            let file = &found.file;
            if file.is_input() && !handled.insert((file.part, found.place.clone())) {
                continue;
            }
            let leftover = found.place.iter().next().unwrap_or_default();
            if file.part == FilePart::CutOff && !locks.contains_key(leftover) {
                done.left.push(LeftFile::new(file, Doubt::InUse.text(file)));
                continue;
            }
            let place = names.place(found);
            match self.set_one_aside(found, place, stated.has(file), &mut unsynced) {
                Ok(aside) => set_aside.push(aside),
                Err(refused) => done.leave(file, refused),
            }
        }
        (set_aside, unsynced.finish())
    }

    /// Returns those of the files that cannot be set aside because something has the purge's own name
    /// for them, as a dry run says.
    pub(super) fn taken(&self, there: &[FoundFile]) -> Vec<LeftFile> {
        let mut names = OwnNames::of(there);
        let taken = there.iter().filter_map(|found| {
            let place = names.place(found);
            let holder = (found.place != place).then(|| self.holder(found).ok())??;
            let is_taken = holder.kind(Path::new(name_of(&place))).is_ok();
            is_taken.then(|| LeftFile::new(&found.file, both_names(&place)))
        });
        taken.collect()
    }

    /// Removes files that have been set aside. `there` are all files that were found. Returns
    /// the removed files, and adds the others to `done`.
    ///
    /// # Errors
    /// If the disk does not confirm the removals: files may be there again after a failure.
    pub(super) fn remove(
        &self,
        there: &[FoundFile],
        set_aside: Vec<SetAside>,
        done: &mut Done,
    ) -> io::Result<Vec<RoundFile>> {
        let mut unsynced = Unsynced::default();
        let mut removed: Vec<FoundFile> = Vec::new();
        let mut names_left: BTreeMap<FileId, u64> = BTreeMap::new();
        for aside in set_aside {
            match self.remove_one(&aside, &mut unsynced) {
                Ok(names) => {
                    names_left.insert(aside.found.id, names.saturating_sub(1));
                    removed.push(aside.found);
                }
                Err(refused) => done.leave(&aside.found.file, refused),
            }
        }
        unsynced.finish()?;
        let appeared = self.appeared(there, &done.left);
        done.left.extend(appeared);
        for found in &mut removed {
            // What the last of its own names left.
            found.file.other_names = names_left.get(&found.id).copied().unwrap_or_default();
        }
        Ok(removed.into_iter().map(|found| found.file).collect())
    }

    /// Locks what interrupted runs left: a run that has just created its folder may be
    /// about to lock it.
    pub(super) fn lock_leftovers(&self) -> BTreeMap<&OsStr, File> {
        let parent = self.search.places.of(FilePart::CutOff);
        let leftovers = self.search.places.leftovers.iter();
        let locks = leftovers.filter_map(|name| Some((name.as_os_str(), parent?.try_lock(name)?)));
        locks.collect()
    }

    /// Opens the folder of a file that was found.
    ///
    /// # Errors
    /// The reason, if another folder is at its path now: nobody could tell later in which of
    /// them the file was.
    fn holder(&self, found: &FoundFile) -> Result<Folder, Text> {
        let folder = self.search.places.of(found.file.part);
        let holder = folder.ok_or_else(disappeared)?.folder_with(&found.place);
        let holder = holder.map_err(|error| not_removed(&error))?;
        match holder.mark() {
            Ok(mark) if mark == found.folder => Ok(holder),
            Ok(_) => Err(changed(&found.place)),
            Err(error) => Err(not_removed(&error)),
        }
    }

    /// Returns why a file must stay that another output needs by now. What is at the paths of the
    /// output may have been exchanged since the plan was made.
    fn needed(&self, found: &FoundFile) -> Option<Text> {
        let needed = self.needed.filter(|_| found.file.is_input())?;
        let by = needed.needing(found, self.search.key_id)?;
        Some(by.text())
    }

    /// Gives a file the purge's own name, that of `place`, and checks it under that name.
    /// `is_stated` says whether a journal of an earlier purge lists it as set aside.
    ///
    /// # Errors
    /// The reason, if it cannot be renamed, is another file now, or another output needs it.
    pub(super) fn set_one_aside(
        &self,
        found: &FoundFile,
        place: PathBuf,
        is_stated: bool,
        unsynced: &mut Unsynced,
    ) -> Result<SetAside, Refused> {
        // Somebody may exchange the folder at any time, so it is opened once.
        let holder = self.holder(found)?;
        if let Some(why) = self.needed(found) {
            return Err(why.into());
        }
        let from = &found.place;
        if *from != place {
            let renamed = holder.rename_in_place(Path::new(name_of(from)), name_of(&place));
            renamed.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => both_names(&place),
                _ => not_removed(&error),
            })?;
        }
        let looked = self.search.look_in(&holder, &found.file, &place);
        let now = match looked {
            // Without a digest only the identity says that it is the same file.
            Look::Ours(now)
                if now.file.part != FilePart::CutOff
                    || now.file.digest.is_some()
                    || now.id == found.id =>
            {
                now
            }
            Look::Ours(_) | Look::Doubtful(..) if is_stated => {
                let from = from.clone();
                let mut found = found.clone();
                found.place = place;
                return Err(kept_for_now(SetAside { found, from }));
            }
            Look::Ours(_) | Look::Doubtful(..) => {
                return Err(put_back(&holder, &place, from).into());
            }
            Look::Unreachable | Look::Missing => return Err(disappeared().into()),
        };
        unsynced.add(now.folder, holder);
        Ok(SetAside {
            found: now,
            from: from.clone(),
        })
    }

    /// Removes a file that was set aside. Returns its number of names before.
    ///
    /// # Errors
    /// The reason, if it cannot be removed, is another file now, was written to since, or another
    /// output needs it. It keeps
    /// the purge's own name: the journal says that it was set aside, and under its old name it
    /// could be moved away and would count as deleted.
    pub(super) fn remove_one(
        &self,
        aside: &SetAside,
        unsynced: &mut Unsynced,
    ) -> Result<u64, Refused> {
        let FoundFile {
            place, id, state, ..
        } = &aside.found;
        let holder = self.holder(&aside.found)?;
        if let Some(why) = self.needed(&aside.found) {
            let kept = Some(aside.clone());
            return Err(Refused { why, kept });
        }
        match holder.remove_file_if(Path::new(name_of(place)), *id, *state) {
            Ok(Some(names)) => {
                unsynced.add(aside.found.folder, holder);
                Ok(names)
            }
            Ok(None) => Err(kept_for_now(aside.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(disappeared().into()),
            Err(error) => Err(kept_aside(place, &error).into()),
        }
    }

    /// Gives a file that was set aside its name back. A file that cannot get it back keeps
    /// the purge's own name, by which the next purge finds it.
    pub(super) fn restore(&self, aside: &SetAside) {
        if let Ok(holder) = self.holder(&aside.found) {
            let _ = put_back(&holder, &aside.found.place, &aside.from);
        }
    }

    /// Returns what appeared in leftovers meanwhile and is not among the files in `left`.
    fn appeared(&self, there: &[FoundFile], left: &[LeftFile]) -> Vec<LeftFile> {
        let left: BTreeSet<&str> = left.iter().map(|left| left.path.as_str()).collect();
        let is_left = |path: &str| left.contains(path);
        // The leftover may have had another name when the journal was written.
        let known = there
            .iter()
            .filter(|found| is_left(&found.file.recorded().path));
        let (known, known_asides): (BTreeSet<PathBuf>, BTreeSet<String>) = known
            .map(|found| (found.place.clone(), aside_name(&found.file)))
            .unzip();
        let places = self.search.places;
        let leftovers = places.leftovers.iter();
        let paths = leftovers.flat_map(|name| places.files_of_leftover(name).unwrap_or_default());
        let files = paths
            .filter(|path| !known.contains(path))
            .filter(|path| !aside_name_in(path).is_some_and(|name| known_asides.contains(&name)))
            .map(|path| RoundFile {
                part: FilePart::CutOff,
                path: path.to_string_lossy().into_owned(),
                digest: None,
                key_id: None,
                byte_length: 0,
                other_names: 0,
            });
        let files = files.filter(|file| !is_left(&file.recorded().path));
        files.map(|file| LeftFile::new(&file, appeared())).collect()
    }

    /// Removes the folders that are empty now, in the output folder and in leftovers.
    /// Keeps those at the names of files in `left`, which are reported, and those that hold
    /// such files: without its folder nobody can see later that a file is gone.
    pub(super) fn remove_empty_folders(&self, left: &[LeftFile]) {
        let (of_output, of_leftovers) = names_of(left);
        let output = &self.search.places.output;
        remove_empty_folders(output, Path::new(""), &of_output);
        let _ = output.sync();
        let Some(parent) = self.search.places.of(FilePart::CutOff) else {
            return;
        };
        for name in &self.search.places.leftovers {
            let name = Path::new(name);
            if let Ok(leftover) = parent.folder(name) {
                remove_empty_folders(&leftover, name, &of_leftovers);
                if !holds_any(name, &of_leftovers) {
                    let _ = parent.remove_empty_folder(name);
                }
            }
        }
        let _ = parent.sync();
    }
}

/// The names that a purge gives the files that it found.
struct OwnNames<'n> {
    /// Where the files are.
    taken: BTreeSet<&'n Path>,
    /// The next number for leftovers with the same name.
    next: BTreeMap<PathBuf, u64>,
}

impl<'n> OwnNames<'n> {
    fn of(there: &'n [FoundFile]) -> Self {
        OwnNames {
            taken: there.iter().map(|found| found.place.as_path()).collect(),
            next: BTreeMap::new(),
        }
    }

    /// Returns the place of a file under the purge's own name, which an earlier purge may have
    /// given it.
    fn place(&mut self, found: &FoundFile) -> PathBuf {
        let aside = aside_place(&found.file, &found.place);
        if found.file.part != FilePart::CutOff {
            return aside;
        }
        if aside_name_in(&found.place) == Some(aside_name(&found.file)) {
            return found.place.clone();
        }
        let next = self.next.entry(aside.clone()).or_insert(1);
        loop {
            let place = match *next {
                1 => aside.clone(),
                number => numbered(&aside, number),
            };
            *next += 1;
            if !self.taken.contains(place.as_path()) {
                return place;
            }
        }
    }
}

/// Gives what is at `place` the name back that it had at `from`, without replacing
/// anything. `holder` is the folder of both. Returns the message that it was changed and
/// where it is.
fn put_back(holder: &Folder, place: &Path, from: &Path) -> Text {
    let is_back = place != from
        && holder
            .rename_in_place(Path::new(name_of(place)), name_of(from))
            .is_ok();
    changed(if is_back { from } else { place })
}

/// Refuses a file that was changed and gets its name back when the records are written.
fn kept_for_now(aside: SetAside) -> Refused {
    let place = &aside.found.place;
    if *place == aside.from {
        return changed(place).into();
    }
    Refused {
        why: changed_and_kept(&aside.from, place),
        kept: Some(aside),
    }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// Removes the empty folders below a folder, except those that are or hold any of `kept`.
/// `path` is the path of the folder where those of `kept` begin.
fn remove_empty_folders(folder: &Folder, path: &Path, kept: &[PathBuf]) {
    let folders = folder.folders().unwrap_or_default();
    let mut parents = BTreeSet::new();
    for inner in folders.iter().rev() {
        // This fails for folders that are not empty, as intended.
        if !holds_any(&path.join(inner), kept) && folder.remove_empty_folder(inner).is_ok() {
            parents.extend(inner.parent());
        }
    }
    for parent in parents {
        let parent = match parent.as_os_str().is_empty() {
            true => folder.try_clone(),
            false => folder.folder(parent),
        };
        // It may be removed itself. No record says that a folder is gone.
        let _ = parent.and_then(|parent| parent.sync());
    }
}

/// Whether any of the paths is this one or below it. In paths of records numbers are
/// blacked out.
fn holds_any(path: &Path, paths: &[PathBuf]) -> bool {
    let path: PathBuf = path.iter().map(as_recorded).collect();
    paths.iter().any(|other| other.starts_with(&path))
}

/// Returns the paths, with numbers blacked out, at which files in `left` are or were: those
/// of outputs, and those of what interrupted runs left.
fn names_of(left: &[LeftFile]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut outputs, mut leftovers) = (Vec::new(), Vec::new());
    for file in left {
        let names = match file.part {
            FilePart::Output => &mut outputs,
            FilePart::CutOff => &mut leftovers,
            FilePart::Export | FilePart::Received | FilePart::Key => continue,
        };
        let path = Path::new(&file.path);
        for name in [path, &aside_place(&file.file(), path)] {
            names.push(name.iter().map(as_recorded).collect());
        }
    }
    (outputs, leftovers)
}

/// The reason for a file whose name of the purge's own is taken.
fn both_names(place: &Path) -> Text {
    let place = shown_path(place);
    Text::new(
        format!(
            "purge 给此文件的名称 {place} 也已有文件，未删除；那里如仍有文件，请人工检查，再重新运行 purge"
        ),
        format!(
            "there is also a file at {place}, the name that `purge` gives this one, so it was not deleted: check by hand what is still there, and run `purge` again"
        ),
    )
}

fn appeared() -> Text {
    Text::new(
        "删除过程中新出现的文件，未删除；请人工检查",
        "the file appeared while the data was being deleted, so it was not deleted: check it by hand",
    )
}

fn changed(now_at: &Path) -> Text {
    let path = shown_path(now_at);
    Text::new(
        format!("删除过程中被换成另一文件或被改动，未删除；现在的文件在 {path}，请人工检查"),
        format!(
            "the file was replaced or changed while the data was being deleted, so it was not deleted: check what is at {path} now by hand"
        ),
    )
}

fn changed_and_kept(from: &Path, place: &Path) -> Text {
    let (from, place) = (shown_path(from), shown_path(place));
    Text::new(
        format!(
            "删除过程中被换成另一文件或被改动，未删除；现在的文件在 {from}，不在那里的则在 {place}，请人工检查"
        ),
        format!(
            "the file was replaced or changed while the data was being deleted, so it was not deleted: check what is at {from} now, or else at {place}, by hand"
        ),
    )
}

fn disappeared() -> Text {
    Text::new(
        "删除过程中文件不见了，不是由本次删除移除的：请查明去向",
        "the file disappeared while the data was being deleted, and this purge did not delete it: find out where it went",
    )
}

/// The reason for a file that was set aside and cannot be removed.
fn kept_aside(place: &Path, error: &io::Error) -> Text {
    let (place, reason) = (shown_path(place), io_reason(error));
    Text::new(
        format!(
            "无法删除：{}；文件现在在 {place}，请排除原因后重新运行 purge",
            reason.zh
        ),
        format!(
            "cannot delete the file: {}; it is at {place} now: remove the cause, and run `purge` again",
            reason.en
        ),
    )
}

fn not_removed(error: &io::Error) -> Text {
    if error.kind() == io::ErrorKind::NotFound {
        return disappeared();
    }
    let reason = io_reason(error);
    Text::new(
        format!("无法删除：{}", reason.zh),
        format!("cannot delete the file: {}", reason.en),
    )
}
