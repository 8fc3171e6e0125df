//! Inputs that an output folder still needs: those of its manifest, until its day of deletion
//! or its purge. Another output of the same inputs may be due before.

use std::path::{Path, PathBuf};

use aidlink_files::document::Document as _;
use aidlink_files::folder::Folder;
use jiff::civil::Date;

use crate::deletion_record::{RoundFile, SignedBy, read_deletions};
use crate::manifest::{MANIFEST, Manifest};
use crate::remains::inputs;
use crate::signing::{LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature};

/// Inputs that output folders still need.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The inputs of each folder, with its day of deletion.
    outputs: Vec<(Date, Vec<RoundFile>)>,
}

impl Needed {
    /// Returns what output folders of this office need. Only those count whose manifest
    /// `signer` signed: with a manifest of his own, anybody could keep data from being deleted.
    /// Those that are due by `day`, or that a purge has begun to delete, need nothing.
    pub fn by<'o>(
        outputs: impl IntoIterator<Item = &'o PathBuf>,
        signer: &PublicKey,
        day: Date,
    ) -> Self {
        let manifests = outputs.into_iter();
        let manifests = manifests.filter_map(|output| kept_manifest(output, signer));
        let later = manifests.filter(|manifest| manifest.retention_until > day);
        Needed {
            outputs: later
                .map(|manifest| (manifest.retention_until, inputs(&manifest)))
                .collect(),
        }
    }

    /// Returns the last day of deletion of the outputs that need a file.
    pub fn until(&self, file: &RoundFile) -> Option<Date> {
        let outputs = self.outputs.iter();
        let needing = outputs.filter(|(_, inputs)| inputs.iter().any(|one| one.is_same(file)));
        needing.map(|(day, _)| *day).max()
    }
}

/// Returns the manifest of an output folder if this key signed it and no purge has deleted
/// anything.
fn kept_manifest(output: &Path, signer: &PublicKey) -> Option<Manifest> {
    let folder = Folder::open(output).ok()?;
    let bytes = folder.read(Path::new(MANIFEST), Manifest::LARGEST).ok()?;
    let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let signature = folder.read(Path::new(&signature), LARGEST_SIGNATURE).ok()?;
    let signature = Signature::parse(std::str::from_utf8(&signature).ok()?)?;
    if !signature.verifies(signer, &bytes) {
        return None;
    }
    let manifest = Manifest::parse(&bytes).ok()?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let signed_by = SignedBy {
        manifest: &manifest,
        manifest_digest: &digest,
        signer,
        folder: folder.mark().ok(),
    };
    let deletions = read_deletions(&folder, &signed_by, &[]).ok()?;
    deletions.records.is_empty().then_some(manifest)
}
