//! Finds files in a round's folder that aidlink does not know, such as a list that
//! an analyst filled in, a copy of an export, a sealed key or an identity. Only the
//! office knows whether they hold data of the round, so `purge` does not delete
//! them; `audit` and `purge` list them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::Folder;
use aidlink_files::partial::partials;
use serde::Serialize;

use crate::audit_log::LOG;
use crate::content::{Contents, NamedInputs};
use crate::deletion_record::{DELETIONS, RoundFile, is_document};
use crate::manifest::{MANIFEST, Manifest};
use crate::other_outputs::{Judging, OfOthers, OtherOutput};
use crate::remains::{KeyIdOf, aside_paths_of_inputs, aside_paths_of_outputs};
use crate::round::{WrittenRound, place_in};
use crate::round_folder::{RoundFolder, manifest_of};
use crate::signing::{SIGNATURE_SUFFIX, public_key_path};
use crate::written_path::plain;

/// The maximum number of files that are listed by name.
const MAX_NAMED: usize = 20;

/// The files in a round's folder that neither a manifest nor the round file names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnknownFiles {
    /// How many there are.
    pub count: usize,
    /// The paths of the first few, relative to the round's folder, with personal
    /// numbers blacked out.
    pub first: Vec<String>,
    /// The folder was not searched, or not completely.
    pub incomplete: bool,
    /// The first few folders in the round's folder that hold what could not be searched, as
    /// they may be shown.
    pub not_searched: Vec<String>,
    /// The output folders in it that were not named. Their own files are not listed one by one.
    pub other_outputs: Vec<OtherOutput>,
    /// The paths of all that were counted.
    #[serde(skip)]
    counted: BTreeSet<PathBuf>,
}

/// What says whose the files are that have the names of inputs.
pub struct Owners {
    /// The inputs of the output folders of this office that were named, and of the others that no
    /// purge has deleted.
    named: Vec<NamedInputs>,
}

impl Owners {
    /// Returns those of the files in the places of `replaced` that are none of an output folder
    /// below the round's folder: no manifest of this office names their content there. One may be
    /// an edited copy of the deleted file.
    pub fn unnamed<'f>(
        &self,
        found: &RoundFolder,
        replaced: impl IntoIterator<Item = &'f RoundFile>,
        key_id: KeyIdOf<'_>,
    ) -> BTreeSet<PathBuf> {
        let Ok(folder) = found.opened.open(&found.folder) else {
            return BTreeSet::new();
        };
        let contents = Contents::of(&folder, key_id);
        let paths: BTreeSet<&str> = replaced
            .into_iter()
            .map(|file| file.path.as_str())
            .collect();
        let paths = paths.into_iter();
        let unnamed = paths.filter(|path| match contents.is_named(path, &self.named) {
            Ok(is_named) => !is_named,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        });
        unnamed.map(PathBuf::from).collect()
    }
}

impl UnknownFiles {
    /// Searches a round's folder. A folder without a round file is not searched,
    /// because it may hold files that have nothing to do with the round.
    pub fn find(found: &RoundFolder, judging: Judging<'_>) -> (Self, Owners) {
        let Some(round_file) = &found.round_file else {
            let others = OfOthers::find(found, judging, |_| false);
            let unknown = UnknownFiles {
                incomplete: true,
                other_outputs: others.told,
                ..UnknownFiles::default()
            };
            let owners = Owners {
                named: others.named,
            };
            return (unknown, owners);
        };
        let below = found
            .opened
            .open(&found.folder)
            .map(|folder| folder.below());
        let mut known = Known::of(found, round_file);
        let files = below.iter().flat_map(|below| &below.files);
        let here: BTreeSet<&Path> = files.map(|file| file.path.as_path()).collect();
        let is_open = |path: &Path| here.contains(path) && !known.has(path);
        let others = OfOthers::find(found, judging, is_open);
        known.add(found, &others);
        let mut unknown = UnknownFiles {
            incomplete: below
                .as_ref()
                .map_or(true, |below| !below.unreadable.is_empty()),
            other_outputs: others.told,
            ..UnknownFiles::default()
        };
        let below = below.unwrap_or_default();
        // Of folders that are nested too deeply the whole path says no more.
        let tops = below.unreadable.iter().map(|(path, _)| path.iter().next());
        let tops: BTreeSet<&Path> = tops.flatten().map(Path::new).collect();
        let tops = tops.into_iter().take(MAX_NAMED);
        unknown.not_searched = tops.map(shown_path).collect();
        let files = below.files.into_iter().map(|file| file.path);
        unknown.add(files.filter(|path| !known.has(path)));
        let owners = Owners {
            named: others.named,
        };
        (unknown, owners)
    }

    /// Adds files, each once: also those that have a name which aidlink knows, and are others. Paths
    /// are relative to the round's folder.
    pub fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths {
            if self.counted.contains(&path) {
                continue;
            }
            self.count += 1;
            if self.first.len() < MAX_NAMED {
                self.first.push(shown_path(&path));
            }
            self.counted.insert(path);
        }
    }

    /// Returns whether the folder was searched completely and holds no unknown file, and no other
    /// output folder with data.
    pub fn is_empty(&self) -> bool {
        let mut others = self.other_outputs.iter();
        self.count == 0 && !self.incomplete && others.all(OtherOutput::is_purged)
    }

    /// Returns the lines to print; empty if there are no unknown files.
    pub fn text(&self) -> Vec<Text> {
        let others = self.other_outputs.iter().take(MAX_NAMED);
        let mut lines: Vec<Text> = others.map(OtherOutput::text).collect();
        if self.other_outputs.len() > MAX_NAMED {
            let more = self.other_outputs.len() - MAX_NAMED;
            lines.push(Text::new(
                format!("另有{more}个其他输出文件夹"),
                format!("and {more} more output folders"),
            ));
        }
        if self.incomplete {
            lines.push(Text::new(
                "轮次文件夹未能全部查看，请自行核实其中有无本轮数据",
                "the round's folder could not be searched completely; check yourself whether it holds data of the round",
            ));
        }
        lines.extend(self.not_searched.iter().map(|path| {
            Text::new(
                format!("  未能全部查看：{path}"),
                format!("  not searched completely: {path}"),
            )
        }));
        if self.count == 0 {
            return lines;
        }
        let count = self.count;
        lines.push(Text::new(
            format!(
                "轮次文件夹中有{count}个文件不属于已知文件，请核实其中有无本轮数据，并自行删除："
            ),
            format!(
                "{count} files in the round's folder are unknown to aidlink; check whether they hold data of the round, and delete them yourself:"
            ),
        ));
        let named = self.first.iter();
        lines.extend(named.map(|path| Text::new(format!("  {path}"), format!("  {path}"))));
        if count > self.first.len() {
            let more = count - self.first.len();
            lines.push(Text::new(
                format!("  另有{more}个"),
                format!("  and {more} more"),
            ));
        }
        lines
    }
}

/// Returns the paths of what belongs in an output folder, deletion records aside.
fn of_output(manifest: &Manifest) -> impl Iterator<Item = String> {
    let outputs = manifest.outputs.iter().map(|output| plain(&output.file));
    // A killed purge left them; the next one finishes.
    let aside = aside_paths_of_outputs(manifest).into_iter();
    let aside = aside.map(|path| path.to_string_lossy().into_owned());
    let own = [
        MANIFEST.to_owned(),
        format!("{MANIFEST}{SIGNATURE_SUFFIX}"),
        LOG.to_owned(),
    ];
    let all: Vec<String> = outputs.chain(aside).chain(own).collect();
    all.into_iter()
}

/// The files and folders that belong in a round's folder.
struct Known {
    files: BTreeSet<PathBuf>,
    /// Folders whose content is checked elsewhere: those of deletion records of the named outputs,
    /// and outputs whose manifest cannot be read, which stop a purge or are told.
    folders: Vec<PathBuf>,
    /// The folders of deletion records of other outputs, in which each file must be a document.
    of_records: Vec<PathBuf>,
    /// The outputs' partial folders, which runs are writing or the next purge deletes.
    partials: Vec<PathBuf>,
}

impl Known {
    fn of(found: &RoundFolder, round_file: &Path) -> Self {
        let inside = |path: &Path| place_in(&found.folder, path);
        let written = WrittenRound::read(round_file).ok();
        let mut paths: Vec<PathBuf> = vec![round_file.to_path_buf()];
        if let Some(written) = &written {
            if let Ok(key) = written.signing_key_file() {
                paths.push(public_key_path(&key));
                paths.push(key);
            }
            paths.extend(written.key_file().ok());
            paths.extend(written.named_files());
            let schemas = written
                .schemas_folder()
                .and_then(|folder| folder.read_dir().ok());
            let schemas = schemas.into_iter().flatten().flatten();
            let schemas = schemas.map(|entry| entry.path());
            paths.extend(schemas.filter(|path| path.extension().is_some_and(|end| end == "json")));
        }
        let mut files: BTreeSet<PathBuf> = paths.iter().filter_map(|path| inside(path)).collect();
        let mut folders = Vec::new();
        let outputs = &found.outputs;
        for output in outputs {
            let place = inside(output);
            let manifest = manifest_of(output);
            match (&place, &manifest) {
                (None, _) => {}
                (Some(place), None) => folders.push(place.clone()),
                (Some(place), Some(manifest)) => {
                    // Whatever else is in the folder was added, and a purge leaves it.
                    files.extend(of_output(manifest).map(|path| place.join(path)));
                    folders.push(place.join(DELETIONS));
                }
            }
            if let Some(manifest) = manifest {
                let exports = manifest.exports.iter().flat_map(|export| &export.files);
                files.extend(exports.map(|file| PathBuf::from(plain(&file.file))));
                let received = manifest.received.iter();
                let received = received.filter_map(|received| received.path.as_deref());
                files.extend(received.map(|path| PathBuf::from(plain(path))));
                // A killed purge left them; the next one finishes.
                files.extend(aside_paths_of_inputs(&manifest));
                let key = manifest.key.and_then(|key| key.file.as_deref().map(plain));
                files.extend(key.map(PathBuf::from));
            }
        }
        let outputs: Vec<PathBuf> = outputs.iter().filter_map(|output| inside(output)).collect();
        let mut partial_paths = Vec::new();
        if let Ok(folder) = Folder::open(&found.folder) {
            for output in &outputs {
                let Ok(parent) = folder.folder_with(output) else {
                    continue;
                };
                let names = partials(&parent, output).into_iter();
                partial_paths.extend(names.map(|name| output.with_file_name(name)));
            }
        }
        Known {
            files,
            partials: partial_paths,
            folders,
            of_records: Vec::new(),
        }
    }

    /// Adds what is told of other output folders in a line each.
    fn add(&mut self, found: &RoundFolder, others: &OfOthers) {
        self.files.extend(others.inputs.iter().cloned());
        // Of one from which no output was made nobody knows what it is for.
        let made_from = others.named.iter().map(NamedInputs::made_from);
        let made_from: BTreeSet<&str> = made_from.collect();
        let round_files = found.round_files.iter().filter(|file| {
            let digest = file.digest.as_deref();
            digest.is_some_and(|digest| made_from.contains(digest))
        });
        let paths = round_files
            .filter_map(|file| Some(place_in(&found.folder, &file.folder)?.join(&file.name)));
        self.files.extend(paths);
        for (place, manifest) in &others.folders {
            match manifest {
                None => self.folders.push(place.clone()),
                Some(manifest) => {
                    let own = of_output(manifest).map(|path| place.join(path));
                    self.files.extend(own);
                    self.of_records.push(place.join(DELETIONS));
                }
            }
        }
    }

    fn has(&self, path: &Path) -> bool {
        let is_in = |folder: &PathBuf| path.starts_with(folder);
        self.files.contains(path)
            || self.folders.iter().any(is_in)
            || self.partials.iter().any(is_in)
            || self.of_records.iter().any(|folder| {
                // One folder for each document.
                let document = path.strip_prefix(folder).ok();
                let document = document.filter(|path| path.components().count() == 2);
                let name = document.and_then(|path| path.file_name()?.to_str());
                name.is_some_and(is_document)
            })
    }
}
