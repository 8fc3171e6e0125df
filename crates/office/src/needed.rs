//! Inputs that an output folder still needs: those of its manifest, until its day of deletion
//! or its purge. Another output of the same inputs may be due before.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
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
    /// Returns what output folders of this office need. Those do not count whose manifest
    /// another key than `signers` validly signed: with a manifest of his own, anybody could keep
    /// data from being deleted. Those that are due by `day`, or that a purge has begun to
    /// delete, need nothing.
    ///
    /// # Errors
    /// When an output folder cannot be read or verified: it may need anything.
    pub fn by<'o>(
        outputs: impl IntoIterator<Item = &'o PathBuf>,
        signers: &[PublicKey],
        day: Date,
    ) -> Result<Self, Faults> {
        let mut faults = FaultCollector::new();
        let mut later = Vec::new();
        for output in outputs {
            match kept_manifest(output, signers) {
                Err(fault) => faults.push(fault),
                Ok(Some(manifest)) if manifest.retention_until > day => {
                    later.push((manifest.retention_until, inputs(&manifest)));
                }
                Ok(_) => {}
            }
        }
        faults.or_value(Some(Needed { outputs: later }))
    }

    /// Returns the last day of deletion of the outputs that need a file.
    pub fn until(&self, file: &RoundFile) -> Option<Date> {
        let outputs = self.outputs.iter();
        let needing = outputs.filter(|(_, inputs)| inputs.iter().any(|one| one.is_same(file)));
        needing.map(|(day, _)| *day).max()
    }
}

/// Returns the manifest of an output folder if one of these keys signed it and no purge has
/// deleted anything; `None` if another key validly signed it, or a purge has begun.
fn kept_manifest(output: &Path, signers: &[PublicKey]) -> Result<Option<Manifest>, Fault> {
    let unknown = || needs_unknown(output);
    let folder = Folder::open(output).map_err(|_| unknown())?;
    let read = |name: &str, longest: u64| folder.read(Path::new(name), longest);
    let bytes = read(MANIFEST, Manifest::LARGEST).map_err(|_| unknown())?;
    let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let signature = read(&signature, LARGEST_SIGNATURE).map_err(|_| unknown())?;
    let signature = std::str::from_utf8(&signature).ok();
    let signature = signature.and_then(Signature::parse).ok_or_else(unknown)?;
    let manifest = Manifest::parse(&bytes).map_err(|_| unknown())?;
    let mut signers_here = signers.iter();
    let Some(signer) = signers_here.find(|signer| signature.verifies(signer, &bytes)) else {
        let stated = manifest.signing.as_ref();
        let stated = stated.and_then(|signing| PublicKey::parse(&signing.public_key));
        let is_by_another = stated.is_some_and(|key| signature.verifies(&key, &bytes));
        return if is_by_another {
            Ok(None)
        } else {
            Err(unknown())
        };
    };
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let signed_by = SignedBy {
        manifest: &manifest,
        manifest_digest: &digest,
        signer,
        folder: folder.mark().ok(),
    };
    let named: Vec<&PublicKey> = signers.iter().collect();
    let deletions = read_deletions(&folder, &signed_by, &named).map_err(|_| unknown())?;
    Ok(deletions.records.is_empty().then_some(manifest))
}

fn needs_unknown(output: &Path) -> Fault {
    Fault::of_file(
        output,
        Text::new(
            "此输出文件夹无法读取或验证，不能确认其是否仍需本轮的输入文件",
            "this output folder cannot be read or verified, so nobody knows whether it still needs inputs of the round",
        ),
        Text::new(
            "请改正权限或从备份恢复，再重新运行；与本轮无关的，请移到别处",
            "correct its permissions or restore it from a backup, and run again; if it has nothing to do with the round, move it elsewhere",
        ),
    )
}
