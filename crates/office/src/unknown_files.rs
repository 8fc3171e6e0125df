//! Finds files in a round's folder that aidlink does not know, such as a list that
//! an analyst filled in, a copy of an export, a sealed key or an identity. Only the
//! office knows whether they hold data of the round, so `purge` does not delete
//! them; `audit` and `purge` list them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{EntryKind, Folder};
use serde::Serialize;

use crate::manifest::{MANIFEST, Manifest};
use crate::round::{WrittenRound, relative_to};
use crate::round_folder::RoundFolder;
use crate::signing::public_key_path;
use crate::verification::is_left_by_a_program;

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
}

impl UnknownFiles {
    /// Searches a round's folder. A folder without a round file is not searched,
    /// because it may hold files that have nothing to do with the round.
    pub fn find(found: &RoundFolder) -> Self {
        let Some(round_file) = &found.round_file else {
            return UnknownFiles::default();
        };
        let files = Folder::open(&found.folder).and_then(|folder| folder.files());
        let known = Known::of(found, round_file);
        let mut unknown = UnknownFiles::default();
        for file in files.unwrap_or_default() {
            let path = file.name();
            if known.has(&path) || file.kind == EntryKind::File && is_left_by_a_program(&path) {
                continue;
            }
            unknown.count += 1;
            if unknown.first.len() < MAX_NAMED {
                unknown.first.push(shown_name(&path).into_owned());
            }
        }
        unknown
    }

    /// Returns the lines to print; empty if there are no unknown files.
    pub fn text(&self) -> Vec<Text> {
        if self.count == 0 {
            return Vec::new();
        }
        let count = self.count;
        let mut lines = vec![Text::new(
            format!(
                "轮次文件夹中有{count}个文件不属于已知文件，请核实其中有无本轮数据，并自行删除："
            ),
            format!(
                "{count} files in the round's folder are unknown to aidlink; check whether they hold data of the round, and delete them yourself:"
            ),
        )];
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

/// The files and folders that belong in a round's folder.
struct Known {
    files: BTreeSet<String>,
    /// Folders whose whole content is known; each path ends in `/`.
    folders: Vec<String>,
}

impl Known {
    fn of(found: &RoundFolder, round_file: &Path) -> Self {
        let inside = |path: &Path| relative_to(&found.folder, path);
        let written = WrittenRound::read(round_file).ok();
        let mut paths: Vec<PathBuf> = vec![round_file.to_path_buf()];
        let mut folders: Vec<PathBuf> = found.outputs.clone();
        if let Some(written) = &written {
            if let Ok(key) = written.signing_key_file() {
                paths.push(public_key_path(&key));
                paths.push(key);
            }
            paths.extend(written.key_file().ok());
            paths.extend(written.named_files());
            folders.extend(written.schemas_folder());
        }
        let mut files: BTreeSet<String> = paths.iter().filter_map(|path| inside(path)).collect();
        for output in &found.outputs {
            let Ok(bytes) = std::fs::read(output.join(MANIFEST)) else {
                continue;
            };
            if let Ok(manifest) = Manifest::parse(&bytes) {
                let exports = manifest.exports.iter().flat_map(|export| &export.files);
                files.extend(exports.map(|file| file.file.clone()));
                let received = manifest.received.iter();
                files.extend(received.filter_map(|received| received.path.clone()));
                files.extend(manifest.key.and_then(|key| key.file));
            }
        }
        let folders = folders.iter().filter_map(|folder| inside(folder));
        Known {
            files,
            folders: folders.map(|folder| format!("{folder}/")).collect(),
        }
    }

    fn has(&self, path: &str) -> bool {
        // The next purge deletes the folders of interrupted steps.
        self.files.contains(path)
            || path.contains(".partial-")
            || self.folders.iter().any(|folder| path.starts_with(folder))
    }
}
