//! Inputs that an output folder still needs: those of its manifest, until its day of deletion
//! or its purge. Another output of the same inputs may be due before.
//!
//! Which file an input is says the file system: its path in the manifest is relative to the folder
//! of the round file, may lead through links, and another round file may name the same file by
//! another path.

use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{FileId, Folder, digest_of};
use aidlink_files::regular_file;
use jiff::civil::Date;

use crate::deletion_record::{FilePart, RoundFile, SignedBy, read_deletions};
use crate::manifest::{MANIFEST, Manifest};
use crate::remains::{FoundFile, KeyIdOf, LONGEST_KEY_FILE, inputs_with_path, inputs_without_path};
use crate::round_folder::FoundRoundFile;
use crate::signing::{LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature};

/// Inputs that output folders still need.
pub struct Needed<'n> {
    outputs: Vec<Later>,
    key_id: KeyIdOf<'n>,
}

/// An output folder that needs its inputs.
struct Later {
    manifest: Manifest,
    with_path: Vec<RoundFile>,
    without_path: Vec<RoundFile>,
    /// The folders that its paths may be relative to: they have a round file with the digest in
    /// the manifest. None if it was edited since, or is elsewhere.
    folders: Vec<PathBuf>,
}

impl<'n> Needed<'n> {
    /// Returns what output folders of this office need. Those do not count whose manifest
    /// another key than `signers` validly signed: with a manifest of his own, anybody could keep
    /// data from being deleted. Those that are due by `day`, or that a purge has begun to
    /// delete, need nothing. `open` opens an output folder. `round_files` are those that were
    /// found.
    ///
    /// # Errors
    /// When an output folder cannot be read or verified: it may need anything.
    pub fn by<'o>(
        outputs: impl IntoIterator<Item = &'o PathBuf>,
        open: impl Fn(&Path) -> io::Result<Folder>,
        signers: &[PublicKey],
        day: Date,
        round_files: &[FoundRoundFile],
        key_id: KeyIdOf<'n>,
    ) -> Result<Self, Faults> {
        let mut faults = FaultCollector::new();
        let mut later = Vec::new();
        for output in outputs {
            match kept_manifest(output, open(output), signers) {
                Err(fault) => faults.push(fault),
                Ok(Some(manifest)) if manifest.retention_until > day => {
                    let own = |file: &&FoundRoundFile| file.digest == manifest.round_file_blake3;
                    let folders = round_files.iter().filter(own);
                    let folders = folders.map(|file| file.folder.clone()).collect();
                    later.push(Later {
                        with_path: inputs_with_path(&manifest),
                        without_path: inputs_without_path(&manifest),
                        manifest,
                        folders,
                    });
                }
                Ok(_) => {}
            }
        }
        let outputs = later;
        faults.or_value(Some(Needed { outputs, key_id }))
    }

    /// Returns the last day of deletion of the outputs that need a file.
    pub fn until(&self, file: &FoundFile) -> Option<Date> {
        let outputs = self.outputs.iter();
        let needing = outputs.filter(|later| later.needs(file, self.key_id));
        needing.map(|later| later.manifest.retention_until).max()
    }
}

impl Later {
    fn needs(&self, found: &FoundFile, key_id: KeyIdOf<'_>) -> bool {
        let may_be = |input: &&RoundFile| may_be(input, &found.file);
        let mut named = self.with_path.iter().filter(may_be);
        named.any(|input| self.reads(input, found, key_id))
            || self.without_path.iter().any(|input| may_be(&input))
    }

    /// Whether an input with the content of a file is this file, and no other copy of it.
    fn reads(&self, input: &RoundFile, found: &FoundFile, key_id: KeyIdOf<'_>) -> bool {
        // Then nothing is at the path that it had.
        if found.is_set_aside() && input.is_at_path_of(&found.file) {
            return true;
        }
        let paths = self.folders.iter().map(|folder| folder.join(&input.path));
        let there: Vec<(PathBuf, FileId)> = paths
            .filter_map(|path| FileId::at(&path).ok().map(|id| (path, id)))
            .collect();
        let mut copies = there.iter();
        there.iter().any(|(_, id)| *id == found.id)
            || !copies.any(|(path, _)| self.is_copy(path, input, key_id))
    }

    /// Whether the file at a path has the content of an input.
    fn is_copy(&self, path: &Path, input: &RoundFile, key_id: KeyIdOf<'_>) -> bool {
        if input.part == FilePart::Key {
            let content = regular_file::read(path, LONGEST_KEY_FILE).map(zeroize::Zeroizing::new);
            let id = content
                .ok()
                .and_then(|content| key_id(&content, &self.manifest));
            return id.is_some() && id == input.key_id;
        }
        let digest = regular_file::open(path).and_then(|mut file| digest_of(&mut file));
        let digest = digest.ok().map(|(digest, _)| digest);
        digest.is_some() && input.digest.as_ref().is_none_or(|_| digest == input.digest)
    }
}

/// Whether an input may be a file, as far as the manifest says what it holds.
fn may_be(input: &RoundFile, file: &RoundFile) -> bool {
    let is_key = |file: &RoundFile| file.part == FilePart::Key;
    is_key(input) == is_key(file)
        && match (input.content(), file.content()) {
            (Some(one), Some(other)) => one == other,
            _ => input.is_at_path_of(file),
        }
}

/// Returns the manifest of an output folder if one of these keys signed it and no purge has
/// deleted anything; `None` if another key validly signed it, or a purge has begun.
fn kept_manifest(
    output: &Path,
    opened: io::Result<Folder>,
    signers: &[PublicKey],
) -> Result<Option<Manifest>, Fault> {
    let unknown = || needs_unknown(output);
    let folder = opened.map_err(|_| unknown())?;
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
