//! Inputs that an output folder still needs: those of its manifest, until its day of deletion
//! or its purge. Another output of the same inputs may be due before.
//!
//! What an output reads is whatever is at the paths that its round file names. Programs replace
//! files by copies of themselves at any moment, so a file at such a path is needed, whichever file
//! it is. The file system only adds to that: links, and other names of the same file. A file with
//! the content of an input is not needed only if the output reads another one: by a path that
//! differs, through no link, from the folder in which its round file certainly is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{FaultCollector, Faults};
use aidlink_files::folder::{FileId, FileState, Folder, Identity, digest_of};
use aidlink_files::regular_file;
use jiff::civil::Date;

use crate::deletion_record::{FilePart, RoundFile};
use crate::manifest::Manifest;
use crate::remains::{
    FoundFile, KeyIdOf, LONGEST_KEY_FILE, NeededBy, inputs_with_path, inputs_without_path,
};
use crate::round_folder::{FoundRoundFile, OpenedFolders, may_hold_another_round_file};
use crate::signing::PublicKey;
use crate::standing::{Standing, standing_of};
use crate::written_path::{plain, stays_inside};

/// Inputs that output folders still need.
pub struct Needed {
    outputs: Vec<Later>,
    /// The folder to which paths of inputs that are to be deleted are relative; `None` if it
    /// cannot be opened.
    round: Option<Folder>,
}

/// Where the inputs are that are to be deleted.
#[derive(Clone, Copy)]
pub struct RoundPlace<'r> {
    /// The folder to which their paths are relative.
    pub folder: &'r Path,
    /// The folders that are open.
    pub opened: &'r OpenedFolders,
    /// The round files in it and below.
    pub round_files: &'r [FoundRoundFile],
    /// The digests of the round files of the outputs that are to be deleted.
    pub made_from: &'r [&'r str],
}

/// An output folder that needs its inputs.
struct Later {
    /// Its path, relative to the round's folder if it is below it.
    output: PathBuf,
    manifest: Manifest,
    with_path: Vec<RoundFile>,
    without_path: Vec<RoundFile>,
    /// The folder to which its paths are relative, by its path below the round's. `None` if nobody
    /// can tell: then each file with the content of an input may be that input.
    home: Option<PathBuf>,
    /// The files that have the content of an input, as they were when it was compared.
    copies: RefCell<BTreeMap<PathBuf, (FileId, FileState)>>,
}

impl RoundPlace<'_> {
    /// Returns the path of a folder below the round's; `None` if it is not below it.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        let real = || std::fs::canonicalize(self.folder).ok();
        let below = path.strip_prefix(self.folder).map(Path::to_path_buf);
        let below = below.ok();
        let below = below.or_else(|| path.strip_prefix(real()?).ok().map(Path::to_path_buf))?;
        let below: PathBuf = below
            .components()
            .filter(|part| *part != std::path::Component::CurDir)
            .collect();
        (below.as_os_str().is_empty() || below.to_str().is_some_and(stays_inside)).then_some(below)
    }

    /// Returns the folder in which the round file of an output certainly is: the nearest one
    /// above the output with a round file, if that is still the one in the manifest. A copy of it
    /// elsewhere, such as a backup, says nothing of the files that the output read. Nor does one
    /// between the output and the round's folder, unless each folder above it has round files, and
    /// each is the one of another output: this one may have been made from one that was edited or
    /// moved since, or that cannot be read.
    /// `made_from` are the digests of the round files of all outputs.
    fn home_of(&self, output: &Path, manifest: &Manifest, made_from: &[String]) -> Option<PathBuf> {
        let output = self.below(output)?;
        let round_files = self.round_files.iter();
        let round_files = round_files.filter_map(|file| Some((self.below(&file.folder)?, file)));
        let round_files: Vec<(PathBuf, &FoundRoundFile)> = round_files.collect();
        let digests_in = |folder: &Path| {
            let here = round_files.iter().filter(|(at, _)| at == folder);
            let digests = here.map(|(_, file)| file.digest.as_deref());
            digests.collect::<Vec<Option<&str>>>()
        };
        let mut above = output.ancestors().skip(1);
        let home = above.find(|folder| !digests_in(folder).is_empty())?;
        let own = manifest.round_file_blake3.as_str();
        let is_of_another = |digest: &str| {
            let mut known = made_from.iter().map(String::as_str);
            let is_known = known.any(|known| known == digest) || self.made_from.contains(&digest);
            is_known && digest != own
        };
        let here = digests_in(home);
        // One that cannot be read may be the one that was edited since.
        let is_home = here.contains(&Some(own)) && !here.contains(&None);
        let is_only = above.all(|folder| {
            let digests = digests_in(folder);
            let mut certain = digests.iter();
            // A folder without one may have lost the one from which the output was made.
            !digests.is_empty()
                && certain.all(|digest| digest.is_some_and(is_of_another))
                && !self.may_hold_another(folder, is_of_another)
        });
        (is_home && is_only).then(|| home.to_path_buf())
    }

    /// Whether a folder below the round's may hold a round file that is not named like one and is
    /// not that of another output. No manifest says how the round file was called.
    fn may_hold_another(&self, folder: &Path, is_of_another: impl Fn(&str) -> bool) -> bool {
        let opened = self.opened.open(&self.folder.join(folder));
        let found = opened.and_then(|opened| may_hold_another_round_file(&opened, is_of_another));
        found.unwrap_or(true)
    }
}

impl Needed {
    /// Returns what output folders of this office need. Those do not count whose manifest
    /// another key than `signers` validly signed: with a manifest of his own, anybody could keep
    /// data from being deleted. Those that are due by `day`, or that a purge has begun to
    /// delete, need nothing. `place` is where the inputs are that are to be deleted.
    ///
    /// # Errors
    /// When an output folder cannot be read or verified: it may need anything.
    pub fn by<'o>(
        outputs: impl IntoIterator<Item = &'o PathBuf>,
        signers: &[PublicKey],
        day: Date,
        place: RoundPlace<'_>,
    ) -> Result<Self, Faults> {
        let mut faults = FaultCollector::new();
        let mut kept = Vec::new();
        for output in outputs {
            match standing_of(output, place.opened.open(output), signers) {
                Err(fault) => faults.push(fault),
                Ok(Standing::Ours(ours)) if !ours.is_purged() => kept.push((output, ours.manifest)),
                Ok(Standing::Ours(_) | Standing::ByAnotherKey) => {}
            }
        }
        let digests = kept.iter();
        let digests = digests.map(|(_, manifest)| manifest.round_file_blake3.clone());
        let made_from: Vec<String> = digests.collect();
        let later = kept.into_iter();
        let later = later.filter(|(_, manifest)| manifest.retention_until > day);
        let outputs = later.map(|(output, manifest)| Later {
            output: place.below(output).unwrap_or_else(|| output.clone()),
            with_path: inputs_with_path(&manifest),
            without_path: inputs_without_path(&manifest),
            home: place.home_of(output, &manifest, &made_from),
            copies: RefCell::default(),
            manifest,
        });
        let outputs = outputs.collect();
        let round = place.opened.open(place.folder).ok();
        faults.or_value(Some(Needed { outputs, round }))
    }

    /// Returns the output that needs a file longest. Ask again before it is removed: what is at the
    /// paths of the outputs may be exchanged at any moment.
    pub fn needing(&self, file: &FoundFile, key_id: KeyIdOf<'_>) -> Option<NeededBy> {
        let outputs = self.outputs.iter();
        let needing = outputs.filter(|later| later.needs(file, self.round.as_ref(), key_id));
        let needing =
            needing.map(|later| NeededBy::new(later.manifest.retention_until, &later.output));
        needing.max()
    }
}

impl Later {
    fn needs(&self, found: &FoundFile, round: Option<&Folder>, key_id: KeyIdOf<'_>) -> bool {
        let may_be = |input: &&RoundFile| may_be(input, &found.file);
        let mut named = self.with_path.iter().filter(may_be);
        named.any(|input| !self.reads_another(input, found, round, key_id))
            || self.without_path.iter().any(|input| may_be(&input))
    }

    /// Whether an input with the content of a file is certainly another file, with a path of its
    /// own.
    fn reads_another(
        &self,
        input: &RoundFile,
        found: &FoundFile,
        round: Option<&Folder>,
        key_id: KeyIdOf<'_>,
    ) -> bool {
        let (Some(home), Some(round)) = (&self.home, round) else {
            return false;
        };
        let path = plain(&input.path);
        if !stays_inside(&path) {
            return false;
        }
        let (path, own) = (home.join(path), PathBuf::from(plain(&found.file.path)));
        // Whatever is there now: it may be replaced by a copy of itself.
        if path == own {
            return false;
        }
        let is_another = || {
            // Neither is reached through a link.
            let holder = round.folder_with(&path)?;
            let is_at_its_name = holder.mark()? == found.folder && has_name_of(&path, &own);
            let file = round.open_file(&path)?;
            let id = Identity::of(&file)?.id;
            let is_same = is_at_its_name || id == found.id;
            io::Result::Ok(!is_same && self.is_copy(&path, &file, input, key_id)?)
        };
        is_another().unwrap_or(false)
    }

    /// Whether a file at a path has the content of an input.
    fn is_copy(
        &self,
        path: &Path,
        mut file: &File,
        input: &RoundFile,
        key_id: KeyIdOf<'_>,
    ) -> io::Result<bool> {
        let now = (Identity::of(file)?.id, FileState::of(file)?);
        if self.copies.borrow().get(path) == Some(&now) {
            return Ok(true);
        }
        let is_copy = match input.part {
            FilePart::Key => {
                let content = regular_file::read_open(file, LONGEST_KEY_FILE);
                let content = content.map(zeroize::Zeroizing::new);
                let id = content
                    .ok()
                    .and_then(|content| key_id(&content, &self.manifest));
                id.is_some() && id == input.key_id
            }
            _ => {
                let (digest, _) = digest_of(&mut file)?;
                input.digest.as_ref().is_none_or(|input| *input == digest)
            }
        };
        if is_copy {
            self.copies.borrow_mut().insert(path.to_path_buf(), now);
        }
        Ok(is_copy)
    }
}

/// Whether two paths end in the same name, also where the file system takes upper and lower case
/// for the same.
fn has_name_of(one: &Path, other: &Path) -> bool {
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().to_lowercase()
    };
    name(one) == name(other)
}

/// Whether an input may be a file, as far as the manifest says what it holds.
fn may_be(input: &RoundFile, file: &RoundFile) -> bool {
    let is_key = |file: &RoundFile| file.part == FilePart::Key;
    is_key(input) == is_key(file)
        && match (input.content(), file.content()) {
            (Some(one), Some(other)) => one == other,
            _ => input.is_at_path_of(file),
        }
}
