//! Whose file is at a path. Where a folder is used round after round, the inputs of several outputs
//! have the same paths: only the content says which output's file it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aidlink_files::folder::{Folder, digest_of};
use aidlink_files::regular_file;
use zeroize::Zeroizing;

use crate::deletion_record::RoundFile;
use crate::manifest::Manifest;
use crate::remains::{KeyIdOf, LONGEST_KEY_FILE, inputs};
use crate::signing::PublicKey;

/// The inputs that a verified manifest names.
pub struct NamedInputs {
    manifest: Manifest,
    /// The key that signed it.
    signer: PublicKey,
    inputs: Vec<RoundFile>,
}

impl NamedInputs {
    /// Returns those of a manifest that this key signed.
    pub fn of(manifest: &Manifest, signer: &PublicKey) -> Self {
        NamedInputs {
            inputs: inputs(manifest),
            manifest: manifest.clone(),
            signer: signer.clone(),
        }
    }

    /// Returns the digest of the round file from which the output was made.
    pub(crate) fn made_from(&self) -> &str {
        &self.manifest.round_file_blake3
    }

    /// Whether this key signed the manifest.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        self.signer == *key
    }
}

/// The content of files below a folder. Each file is read once, but keys are not kept.
pub struct Contents<'c> {
    folder: &'c Folder,
    key_id: KeyIdOf<'c>,
    /// By path and the most bytes that were read.
    digests: RefCell<BTreeMap<(PathBuf, u64), String>>,
}

impl<'c> Contents<'c> {
    /// Returns those of the files below a folder. `key_id` returns the id of a round key.
    pub fn of(folder: &'c Folder, key_id: KeyIdOf<'c>) -> Self {
        Contents {
            folder,
            key_id,
            digests: RefCell::default(),
        }
    }

    /// Whether what is at a path is the file that one of the manifests names there.
    ///
    /// # Errors
    /// When it is missing or cannot be opened.
    pub fn is_named<'n>(
        &self,
        path: &str,
        named: impl IntoIterator<Item = &'n NamedInputs>,
    ) -> io::Result<bool> {
        let place = Path::new(path);
        // Also if nobody names it.
        self.open(place)?;
        for named in named {
            let mut inputs = named.inputs.iter().filter(|input| input.path == path);
            if inputs.any(|input| self.is(place, input, &named.manifest).unwrap_or_default()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what is at a place has the content of an input of a manifest.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn is(
        &self,
        place: &Path,
        input: &RoundFile,
        manifest: &Manifest,
    ) -> io::Result<bool> {
        let opened = self.open(place)?;
        let length = opened.metadata()?.len();
        if input.key_id.is_some() {
            if length > LONGEST_KEY_FILE {
                return Ok(false);
            }
            let content = Zeroizing::new(regular_file::read_open(&opened, LONGEST_KEY_FILE)?);
            return Ok((self.key_id)(&content, manifest) == input.key_id);
        }
        // Of received files the manifest has another length.
        let may_be = input.byte_length == 0 || input.byte_length == length;
        let Some(digest) = input.digest.as_ref().filter(|_| may_be) else {
            return Ok(false);
        };
        let key = (place.to_path_buf(), length);
        if let Some(known) = self.digests.borrow().get(&key) {
            return Ok(known == digest);
        }
        // The file may be growing.
        let (found, _) = digest_of(&mut (&opened).take(length))?;
        let is_it = found == *digest;
        self.digests.borrow_mut().insert(key, found);
        Ok(is_it)
    }

    /// Opens a file, through no link.
    fn open(&self, place: &Path) -> io::Result<std::fs::File> {
        let holder = self.folder.folder_with(place)?;
        holder.open_file(Path::new(place.file_name().unwrap_or_default()))
    }
}
