//! Files in the places of inputs of which a deletion record says that they were deleted. Where a
//! folder is used round after round, they are the next round's. Of others only a person can tell
//! what they hold: one may be an edited copy of the deleted file.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::Path;

use aidlink_files::folder::{Folder, digest_of};
use aidlink_files::regular_file;
use zeroize::Zeroizing;

use crate::deletion_record::RoundFile;
use crate::manifest::Manifest;
use crate::remains::{KeyIdOf, LONGEST_KEY_FILE, inputs};
use crate::round_folder::{RoundFolder, manifest_of};

/// Returns the paths, relative to the round's folder, of those of the files in the places of
/// `replaced` that are none of an output folder below the round's folder: no manifest there
/// names their content.
pub fn unnamed<'f>(
    found: &RoundFolder,
    replaced: impl IntoIterator<Item = &'f RoundFile>,
    key_id: KeyIdOf<'_>,
) -> BTreeSet<String> {
    let paths: BTreeSet<&str> = replaced
        .into_iter()
        .map(|file| file.path.as_str())
        .collect();
    let Ok(folder) = found.opened.open(&found.folder) else {
        return BTreeSet::new();
    };
    if paths.is_empty() {
        return BTreeSet::new();
    }
    let outputs: BTreeSet<_> = found.outputs.iter().chain(&found.siblings).collect();
    let manifests = outputs.into_iter().filter_map(|output| manifest_of(output));
    let manifests = manifests.map(|manifest| (inputs(&manifest), manifest));
    let manifests: Vec<(Vec<RoundFile>, Manifest)> = manifests.collect();
    let unnamed = paths.into_iter().filter(|path| {
        let path: &str = path;
        let named = manifests.iter().flat_map(move |(inputs, manifest)| {
            let inputs = inputs.iter().filter(move |file| file.path == path);
            inputs.map(move |file| (file, manifest))
        });
        let named: Vec<(&RoundFile, &Manifest)> = named.collect();
        match is_one_of(&folder, Path::new(path), &named, key_id) {
            Ok(is_named) => !is_named,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    });
    unnamed.map(str::to_owned).collect()
}

/// Whether what is at a path is one of the files, each with the manifest that names it.
fn is_one_of(
    folder: &Folder,
    path: &Path,
    named: &[(&RoundFile, &Manifest)],
    key_id: KeyIdOf<'_>,
) -> io::Result<bool> {
    let holder = folder.folder_with(path)?;
    let mut opened = holder.open_file(Path::new(path.file_name().unwrap_or_default()))?;
    let length = opened.metadata()?.len();
    // Of received files the length in the manifest is another one.
    let may_be = |file: &RoundFile| file.byte_length == 0 || file.byte_length == length;
    let digests = named.iter().filter(|(file, _)| may_be(file));
    let digests = digests.filter_map(|(file, _)| file.digest.as_deref());
    let digests: BTreeSet<&str> = digests.collect();
    if !digests.is_empty() {
        let (digest, _) = digest_of(&mut (&opened).take(length))?;
        if digests.contains(digest.as_str()) {
            return Ok(true);
        }
    }
    let mut keys = named.iter().filter(|(file, _)| file.key_id.is_some());
    if length > LONGEST_KEY_FILE || keys.clone().next().is_none() {
        return Ok(false);
    }
    io::Seek::rewind(&mut opened)?;
    let content = Zeroizing::new(regular_file::read_open(&opened, LONGEST_KEY_FILE)?);
    Ok(keys.any(|(file, manifest)| key_id(&content, manifest) == file.key_id))
}
