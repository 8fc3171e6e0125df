//! Finds the output folders and the round file of a round, from an output folder
//! or from the folder of the round file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::audit_log::LOG;
use crate::manifest::{MANIFEST, Manifest};
use crate::round::WrittenRound;
use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::Folder;
use aidlink_files::partial::parent_of;

/// The output folders and the round file of a round.
#[derive(Clone, Debug)]
pub struct RoundFolder {
    /// The folder of the round file; paths of inputs are relative to it.
    pub folder: PathBuf,
    /// The round file, if it was found.
    pub round_file: Option<PathBuf>,
    /// The output folders.
    pub outputs: Vec<PathBuf>,
}

impl RoundFolder {
    /// Searches a folder that the user named: an output folder, or a folder that
    /// holds output folders. `round_file` is the round file, if the user named one.
    ///
    /// # Errors
    /// When the folder does not exist or no output folder is found.
    pub fn find(named: &Path, round_file: Option<&Path>) -> Result<Self, Fault> {
        if !named.is_dir() {
            return Err(Fault::of_file(
                named,
                Text::new("找不到此文件夹", "the folder does not exist"),
                Text::new(
                    "请指明输出文件夹，或轮次文件所在的文件夹",
                    "name an output folder, or the folder of the round file",
                ),
            ));
        }
        let (folder, outputs) = if is_output_folder(named) {
            // Paths such as `.` have no parent as written.
            let real = fs::canonicalize(named).unwrap_or_else(|_| named.to_path_buf());
            (parent_of(&real).to_path_buf(), vec![named.to_path_buf()])
        } else {
            (named.to_path_buf(), outputs_in(named))
        };
        if outputs.is_empty() {
            return Err(Fault::of_file(
                named,
                Text::new("此处没有输出文件夹", "there is no output folder here"),
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

/// Whether the folder looks like an output folder, complete or not.
fn is_output_folder(folder: &Path) -> bool {
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
        .filter(|path| path.is_dir() && is_output_folder(path))
        .filter(|path| {
            // Partial folders are reported with the output folder they belong to.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with('.')
        })
        .collect();
    found.sort();
    found
}

/// Returns the manifest of an output folder; `None` if it cannot be read. It is not
/// verified.
pub fn manifest_of(output: &Path) -> Option<Manifest> {
    let folder = Folder::open(output).ok()?;
    let bytes = folder.read(Path::new(MANIFEST), Manifest::LARGEST).ok()?;
    Manifest::parse(&bytes).ok()
}

/// Returns the round file in a folder: the one whose digest is in a manifest,
/// or else the only one.
fn round_file_in(folder: &Path, outputs: &[PathBuf]) -> Option<PathBuf> {
    let digests: Vec<String> = outputs
        .iter()
        .filter_map(|output| manifest_of(output))
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
