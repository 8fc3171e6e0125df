//! Data of a round that its round file names and that no step read: the round file was edited
//! after the step. No manifest says what they hold, so a purge does not delete them, and says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aidlink_files::partial::{parent_of, prefix_of};

use crate::deletion_record::{FilePart, RoundFile};
use crate::manifest::{Manifest, StepKind};
use crate::remains::inputs;
use crate::round::{WrittenRound, relative_to};
use crate::round_folder::{RoundFolder, manifest_of};
use crate::written_path::plain;

/// Returns the files of exports and the key that the round file names, that exist, and that no
/// manifest of an output folder of the round names. Of a split round only those of the exports
/// that steps here have read: the others are other offices'.
pub fn unread(found: &RoundFolder) -> Vec<RoundFile> {
    let written = found.round_file.as_deref();
    let Some(written) = written.and_then(|file| WrittenRound::read(file).ok()) else {
        return Vec::new();
    };
    let outputs = found.outputs.iter().chain(&found.siblings);
    let manifests: Vec<Manifest> = outputs.filter_map(|output| manifest_of(output)).collect();
    let named: BTreeSet<String> = manifests
        .iter()
        .flat_map(inputs)
        .map(|file| file.path)
        .collect();
    let reads_all = manifests.iter().any(|one| one.step == StepKind::Run);
    let reads = |export: &str| {
        let mut exports = manifests.iter().flat_map(|manifest| &manifest.exports);
        reads_all || exports.any(|read| read.export == export)
    };
    let exports = written.export_files();
    let exports = exports.filter(|(export, _)| reads(export));
    let exports = exports.map(|(_, path)| (FilePart::Export, path));
    let has_key = manifests.iter().any(|manifest| manifest.key.is_some());
    let key = written.key_file().ok().filter(|_| has_key);
    let key = key.map(|path| (FilePart::Key, path));
    let others = exports
        .chain(key)
        .filter(|(_, path)| !is_purged(found, path));
    let files = others.filter_map(|(part, path)| {
        let name = plain(&relative_to(&found.folder, &path)?);
        let length = fs::symlink_metadata(&path).ok()?.len();
        (!named.contains(&name)).then_some(RoundFile {
            part,
            path: name,
            digest: None,
            key_id: None,
            byte_length: length,
            other_names: 0,
        })
    });
    let files: BTreeSet<RoundFile> = files.collect();
    files.into_iter().collect()
}

/// Whether a purge deletes a file as an output that a manifest names, or as what a killed run of
/// an output left.
fn is_purged(found: &RoundFolder, path: &Path) -> bool {
    let Ok(holder) = fs::canonicalize(parent_of(path)) else {
        return false;
    };
    let path = holder.join(path.file_name().unwrap_or_default());
    let outputs = found.outputs.iter();
    let mut outputs = outputs.filter_map(|output| fs::canonicalize(output).ok());
    outputs.any(|output| match path.strip_prefix(&output) {
        Ok(inside) => manifest_of(&output).is_some_and(|manifest| {
            let mut written = manifest.outputs.iter();
            written.any(|written| Path::new(&written.file) == inside)
        }),
        Err(_) => {
            let beside = path.strip_prefix(parent_of(&output)).ok();
            let first = beside.and_then(|beside| beside.iter().next());
            let prefix = prefix_of(&output);
            first.is_some_and(|first| {
                let first = first.as_encoded_bytes();
                first.starts_with(prefix.as_encoded_bytes())
            })
        }
    })
}
