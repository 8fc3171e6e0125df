//! Finds files in a round's folder that aidlink does not know, such as a list that
//! an analyst filled in, a copy of an export, a sealed key or an identity. Only the
//! office knows whether they hold data of the round, so `purge` does not delete
//! them; `audit` and `purge` list them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::Folder;
use aidlink_files::partial::partials;
use serde::Serialize;

use crate::audit_log::LOG;
use crate::deletion_record::{DELETIONS, is_document};
use crate::manifest::{MANIFEST, Manifest};
use crate::other_outputs::{Judging, OfOthers, OtherOutput};
use crate::remains::{aside_paths_of_inputs, aside_paths_of_outputs};
use crate::round::{WrittenRound, relative_to};
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
}

impl UnknownFiles {
    /// Searches a round's folder. A folder without a round file is not searched,
    /// because it may hold files that have nothing to do with the round.
    pub fn find(found: &RoundFolder, judging: Judging<'_>) -> Self {
        let Some(round_file) = &found.round_file else {
            return UnknownFiles {
                incomplete: true,
                other_outputs: OfOthers::find(found, judging, |_| false).told,
                ..UnknownFiles::default()
            };
        };
        let below = found
            .opened
            .open(&found.folder)
            .map(|folder| folder.below());
        let mut known = Known::of(found, round_file);
        let files = below.iter().flat_map(|below| &below.files);
        let here: BTreeSet<String> = files.map(|file| file.name()).collect();
        let is_open = |path: &str| here.contains(path) && !known.has(path);
        let others = OfOthers::find(found, judging, is_open);
        known.add(&others);
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
        for file in below.files {
            let path = file.name();
            if known.has(&path) {
                continue;
            }
            unknown.count += 1;
            if unknown.first.len() < MAX_NAMED {
                unknown.first.push(shown_path(&file.path));
            }
        }
        unknown
    }

    /// Adds files that have a name which aidlink knows, and are others. Paths are relative to the
    /// round's folder.
    pub fn add(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            let path = shown_path(Path::new(&path));
            if self.first.contains(&path) {
                continue;
            }
            self.count += 1;
            if self.first.len() < MAX_NAMED {
                self.first.push(path);
            }
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
    files: BTreeSet<String>,
    /// Folders whose content is checked elsewhere: those of deletion records of the named outputs,
    /// and outputs whose manifest cannot be read, which stop a purge or are told. Each path ends in
    /// `/`.
    folders: Vec<String>,
    /// The folders of deletion records of other outputs, in which each file must be a document.
    of_records: Vec<String>,
    /// The outputs' partial folders, which runs are writing or the next purge deletes.
    partials: Vec<String>,
}

impl Known {
    fn of(found: &RoundFolder, round_file: &Path) -> Self {
        let inside = |path: &Path| relative_to(&found.folder, path);
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
        let mut files: BTreeSet<String> = paths.iter().filter_map(|path| inside(path)).collect();
        let mut folders = Vec::new();
        let outputs = &found.outputs;
        for output in outputs {
            let place = inside(output);
            let manifest = manifest_of(output);
            match (&place, &manifest) {
                (None, _) => {}
                (Some(place), None) => folders.push(format!("{place}/")),
                (Some(place), Some(manifest)) => {
                    // Whatever else is in the folder was added, and a purge leaves it.
                    files.extend(of_output(manifest).map(|path| format!("{place}/{path}")));
                    folders.push(format!("{place}/{DELETIONS}/"));
                }
            }
            if let Some(manifest) = manifest {
                let exports = manifest.exports.iter().flat_map(|export| &export.files);
                files.extend(exports.map(|file| plain(&file.file)));
                let received = manifest.received.iter();
                files.extend(received.filter_map(|received| received.path.as_deref().map(plain)));
                // A killed purge left them; the next one finishes.
                let aside = aside_paths_of_inputs(&manifest);
                files.extend(
                    aside
                        .iter()
                        .filter_map(|path| path.to_str().map(str::to_owned)),
                );
                files.extend(manifest.key.and_then(|key| key.file.as_deref().map(plain)));
            }
        }
        let outputs: Vec<String> = outputs.iter().filter_map(|output| inside(output)).collect();
        let mut partial_paths = Vec::new();
        if let Ok(folder) = Folder::open(&found.folder) {
            for output in outputs.iter().map(Path::new) {
                let Ok(parent) = folder.folder_with(output) else {
                    continue;
                };
                let names = partials(&parent, output).into_iter();
                let paths = names.map(|name| output.with_file_name(name));
                partial_paths.extend(paths.map(|path| path.to_string_lossy().into_owned()));
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
    fn add(&mut self, others: &OfOthers) {
        self.files.extend(others.inputs.iter().cloned());
        for (place, manifest) in &others.folders {
            match manifest {
                None => self.folders.push(format!("{place}/")),
                Some(manifest) => {
                    let own = of_output(manifest).map(|path| format!("{place}/{path}"));
                    self.files.extend(own);
                    self.of_records.push(format!("{place}/{DELETIONS}/"));
                }
            }
        }
    }

    fn has(&self, path: &str) -> bool {
        let is_in = |partial: &String| Path::new(path).starts_with(partial);
        self.files.contains(path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
            || self.partials.iter().any(is_in)
            || self.of_records.iter().any(|folder| {
                let document = path
                    .strip_prefix(folder)
                    .and_then(|path| path.split_once('/'));
                document.is_some_and(|(_, name)| is_document(name))
            })
    }
}
