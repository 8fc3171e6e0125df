//! Finding the output folders of a round, and the round file that they are of,
//! from whatever folder a user names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::audit_log::LOG;
use crate::manifest::{MANIFEST, Manifest};
use crate::round::WrittenRound;
use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::partial::parent_of;

/// What a folder holds of a round.
#[derive(Clone, Debug)]
pub struct RoundFolder {
    /// The folder of the round file: paths of inputs start here.
    pub folder: PathBuf,
    /// The round file, where it is still there.
    pub round_file: Option<PathBuf>,
    /// The output folders.
    pub outputs: Vec<PathBuf>,
}

impl RoundFolder {
    /// Looks at a folder: an output folder, or one that holds output folders.
    /// `round_file` is the one that the user names.
    ///
    /// # Errors
    /// When there is no such folder, or nothing in it that a step wrote.
    pub fn find(named: &Path, round_file: Option<&Path>) -> Result<Self, Fault> {
        if !named.is_dir() {
            return Err(Fault::of_file(
                named,
                Text::new("没有这个文件夹", "there is no such folder"),
                Text::new(
                    "请指明输出文件夹，或轮次文件所在的文件夹",
                    "name an output folder, or the folder of the round file",
                ),
            ));
        }
        let (folder, outputs) = if looks_written(named) {
            // `output/` and `.` have no name to take the parent of.
            let real = fs::canonicalize(named).unwrap_or_else(|_| named.to_path_buf());
            (parent_of(&real).to_path_buf(), vec![named.to_path_buf()])
        } else {
            (named.to_path_buf(), outputs_in(named))
        };
        if outputs.is_empty() {
            return Err(Fault::of_file(
                named,
                Text::new(
                    "这里没有任何步骤的输出文件夹",
                    "there is no output folder of any step here",
                ),
                Text::new(
                    "请指明输出文件夹，或轮次文件所在的文件夹",
                    "name an output folder, or the folder of the round file",
                ),
            ));
        }
        let (folder, round_file) = match round_file {
            Some(file) => (parent_of(file).to_path_buf(), Some(file.to_path_buf())),
            None => {
                let found = round_file_in(&folder, &outputs);
                (folder, found)
            }
        };
        Ok(RoundFolder {
            folder,
            round_file,
            outputs,
        })
    }
}

/// Whether a step wrote the folder, whole or not.
fn looks_written(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".partial-")
        || [MANIFEST, LOG]
            .iter()
            .any(|file| fs::symlink_metadata(folder.join(file)).is_ok())
}

fn outputs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && looks_written(path))
        .filter(|path| {
            // What is under way is told of where its destination is looked at.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with('.')
        })
        .collect();
    found.sort();
    found
}

/// The round file of a folder: the one that a manifest names by its digest, or
/// the only one there is.
fn round_file_in(folder: &Path, outputs: &[PathBuf]) -> Option<PathBuf> {
    let digests: Vec<String> = outputs
        .iter()
        .filter_map(|output| fs::read(output.join(MANIFEST)).ok())
        .filter_map(|bytes| Manifest::parse(&bytes).ok())
        .map(|manifest| manifest.round_file_blake3)
        .collect();
    let entries = fs::read_dir(folder).ok()?;
    let mut round_files: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| {
            let written = WrittenRound::read(&path).ok()?;
            let digest = written.digest().to_owned();
            written.names_a_round().then_some((path, digest))
        })
        .collect();
    round_files.sort();
    let named = round_files
        .iter()
        .find(|(_, digest)| digests.contains(digest));
    match (named, round_files.as_slice()) {
        (Some((path, _)), _) | (None, [(path, _)]) => Some(path.clone()),
        _ => None,
    }
}
