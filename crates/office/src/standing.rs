//! What an output folder is for others: whose it is, what its manifest names, and what is recorded
//! of it. Only what a key of this office signed counts.

use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::Folder;

use crate::content::NamedInputs;
use crate::deletion_record::{Deletions, SignedBy, read_deletions};
use crate::manifest::{MANIFEST, Manifest};
use crate::round::place_in;
use crate::round_folder::OpenedFolders;
use crate::signing::{LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature};
use crate::verification::Provenance;

/// What an output folder is for others.
pub(crate) enum Standing {
    /// One of this office's keys signed its manifest.
    Ours(Box<OurOutput>),
    /// Another key validly signed its manifest.
    ByAnotherKey,
}

/// An output folder of this office, with a manifest that one of its keys signed.
pub struct OurOutput {
    /// Its path.
    pub path: PathBuf,
    /// The folder, open.
    pub folder: Folder,
    /// Its manifest.
    pub manifest: Manifest,
    /// BLAKE3 digest of the manifest's bytes, hexadecimal.
    pub(crate) manifest_digest: String,
    /// The key that signed it.
    pub(crate) signer: PublicKey,
    /// What is in its folder of deletion records.
    pub deletions: Deletions,
}

impl OurOutput {
    /// Whether a purge has deleted its data.
    pub fn is_purged(&self) -> bool {
        !self.deletions.records.is_empty()
    }

    /// Returns where its inputs come from.
    pub fn provenance(&self) -> Provenance {
        Provenance::of(&self.manifest, &self.signer)
    }

    /// Returns the inputs that it names.
    pub fn named(&self) -> NamedInputs {
        NamedInputs::of(&self.manifest, &self.signer)
    }

    /// Returns what its journals and records must match.
    pub(crate) fn signed_by(&self) -> SignedBy<'_> {
        SignedBy {
            manifest: &self.manifest,
            manifest_digest: &self.manifest_digest,
            signer: &self.signer,
            folder: self.folder.mark().ok(),
        }
    }
}

/// Returns those of the output folders that are this office's. `signers` are its keys. Those that
/// cannot be read or verified count for nothing.
pub(crate) fn ours<'o>(
    outputs: impl IntoIterator<Item = &'o PathBuf>,
    opened: &OpenedFolders,
    signers: &[PublicKey],
) -> Vec<OurOutput> {
    let standings = outputs.into_iter().filter_map(|output| {
        match standing_of(output, opened.open(output), signers) {
            Ok(Standing::Ours(ours)) => Some(*ours),
            Ok(Standing::ByAnotherKey) | Err(_) => None,
        }
    });
    standings.collect()
}

/// Returns those of the output folders that are this office's and in the round's folder itself. In
/// a subfolder, such as a backup of the round, the inputs that a manifest and a record name are
/// other files at the same paths.
pub fn ours_in<'o>(
    round_folder: &Path,
    outputs: impl IntoIterator<Item = &'o PathBuf>,
    opened: &OpenedFolders,
    signers: &[PublicKey],
) -> Vec<OurOutput> {
    let is_in = |output: &&PathBuf| {
        let place = place_in(round_folder, output);
        place.is_some_and(|place| place.components().count() == 1)
    };
    ours(outputs.into_iter().filter(is_in), opened, signers)
}

/// Judges an output folder. `signers` are this office's keys.
///
/// # Errors
/// When it cannot be read or verified.
pub(crate) fn standing_of(
    output: &Path,
    opened: io::Result<Folder>,
    signers: &[PublicKey],
) -> Result<Standing, Fault> {
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
            Ok(Standing::ByAnotherKey)
        } else {
            Err(unknown())
        };
    };
    let mut ours = OurOutput {
        path: output.to_path_buf(),
        manifest_digest: blake3::hash(&bytes).to_hex().to_string(),
        signer: signer.clone(),
        deletions: Deletions::default(),
        folder,
        manifest,
    };
    let named: Vec<&PublicKey> = signers.iter().collect();
    let deletions = read_deletions(&ours.folder, &ours.signed_by(), &named);
    ours.deletions = deletions.map_err(|_| unknown())?;
    Ok(Standing::Ours(Box::new(ours)))
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
