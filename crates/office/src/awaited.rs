//! Exports that a round will read which was not run yet: the next quarter's, under the names of the
//! last quarter's and perhaps with the same content, put in place before their run. No manifest
//! names them, so only the round file says whose they are.

use std::collections::BTreeSet;

use crate::manifest::Manifest;
use crate::remains::inputs;
use crate::round::{WrittenRound, relative_to};
use crate::round_folder::{RoundFolder, manifest_of, toml_files_in};
use crate::written_path::plain;

/// Returns the paths of exports that round files here, also drafts, name and that no output was made
/// from, relative to the round's folder. In a split round an office may have read some of its
/// exports and not yet the others.
pub fn awaited(found: &RoundFolder) -> BTreeSet<String> {
    let outputs = found.outputs.iter().chain(&found.siblings);
    let manifests: Vec<Manifest> = outputs.filter_map(|output| manifest_of(output)).collect();
    let read = |written: &WrittenRound| {
        let id = written.round_id().ok();
        let made = manifests.iter().filter(move |made| {
            made.round_file_blake3 == written.digest() || Some(&made.round) == id.as_ref()
        });
        let inputs = made.flat_map(inputs).map(|input| plain(&input.path));
        inputs.collect::<BTreeSet<String>>()
    };
    let files = toml_files_in(&found.folder).into_iter();
    let written = files.filter_map(|file| {
        let written = WrittenRound::read(&file).or_else(|_| WrittenRound::read_draft(&file));
        written.ok().filter(WrittenRound::names_a_round)
    });
    let mut paths = BTreeSet::new();
    for written in written {
        let read = read(&written);
        let files = written.export_files();
        let files = files.filter_map(|(_, path)| relative_to(&found.folder, &path));
        let files = files.map(|path| plain(&path));
        paths.extend(files.filter(|path| !read.contains(path)));
    }
    paths
}
