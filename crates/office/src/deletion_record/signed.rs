//! Reads and writes the signed documents in `deletions`: records and journals. Each is in a
//! subfolder of its own, with its signature beside it. The trusted comment of the signature
//! binds it to the manifest of the output folder.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, from_json};
use aidlink_files::folder::{Folder, FolderMark};
use aidlink_files::partial::prefix_of;
use serde::Deserialize;

use crate::manifest::Manifest;
use crate::signing::{LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature, SigningKey};

/// The subfolder of an output folder that holds its deletion records.
pub const DELETIONS: &str = "deletions";
/// The largest record or journal that is read or written, in bytes. An entry of a file takes
/// some 400 bytes, and one that was left some 2,000, so this is enough for more than ten
/// thousand files. A purge of more is refused before it deletes anything.
pub const LARGEST_DOCUMENT: u64 = 32 << 20;

/// What a valid record or journal must match: the manifest of its folder and the
/// manifest's signer.
pub struct SignedBy<'s> {
    /// The manifest.
    pub manifest: &'s Manifest,
    /// Its BLAKE3 digest, hexadecimal.
    pub manifest_digest: &'s str,
    /// The key that signed it.
    pub signer: &'s PublicKey,
    /// The output folder that holds it; `None` if that cannot be found out.
    pub folder: Option<FolderMark>,
}

impl SignedBy<'_> {
    /// Whether a document is one of this manifest.
    pub(super) fn is_of_manifest(&self, stated: &Stated) -> bool {
        shown_name(&stated.round) == shown_round(self.manifest)
            && stated.manifest_digest == self.manifest_digest
    }
}

/// Returns the round's id as records and journals have it. With `--other-signer` the
/// manifest may be somebody else's and have anything as id.
pub(crate) fn shown_round(manifest: &Manifest) -> String {
    shown_name(&manifest.round).into_owned()
}

/// What a record or journal states of itself. It is read before the signature is verified, so
/// it leaves out the lists of files: anyone can write long ones.
#[derive(Deserialize)]
pub(super) struct Stated {
    /// The round's id, as it may be shown.
    pub(super) round: String,
    /// BLAKE3 digest of the manifest, hexadecimal.
    #[serde(rename = "manifest_blake3")]
    pub(super) manifest_digest: String,
    /// The public key of the key that signs the document.
    pub(super) public_key: String,
    /// The reason why another key than the manifest's signs a record, if so.
    #[serde(default)]
    pub(super) other_signer: Option<String>,
}

impl Stated {
    /// Reads what a document states.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`], if it does not.
    pub(super) fn read(bytes: &[u8]) -> io::Result<Self> {
        from_json(bytes).map_err(|_| invalid())
    }

    /// Returns the key that signs the document.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`], if it is not a public key.
    pub(super) fn key(&self) -> io::Result<PublicKey> {
        PublicKey::parse(&self.public_key).ok_or_else(invalid)
    }
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// A document in `deletions`.
pub(super) trait SignedDocument: Document {
    /// Its file name.
    const FILE: &'static str;
    /// The word for it in the trusted comment.
    const WORD: &'static str;

    /// Returns what the document states of itself.
    fn stated(&self) -> Stated;

    /// Reads the document of a subfolder that was signed for this manifest by a key that
    /// `is_accepted`, and returns it with the key.
    ///
    /// # Errors
    /// When it cannot be read or is larger than [`LARGEST_DOCUMENT`];
    /// [`io::ErrorKind::InvalidData`] for every other document.
    fn read_signed(
        folder: &Folder,
        name: &OsStr,
        signed_by: &SignedBy<'_>,
        is_accepted: impl Fn(&PublicKey) -> bool,
    ) -> io::Result<(Self, PublicKey)> {
        let (bytes, signature) = read_with_signature(folder, name, Self::FILE)?;
        let stated = Stated::read(&bytes)?;
        match signed_by.is_of_manifest(&stated) && is_accepted(&stated.key()?) {
            true => Self::parse_signed(&bytes, &signature),
            false => Err(invalid()),
        }
    }

    /// Parses a document of any manifest that the key in it has signed. The signature is
    /// verified first.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for every other document.
    fn parse_signed(bytes: &[u8], signature: &Signature) -> io::Result<(Self, PublicKey)> {
        let stated = Stated::read(bytes)?;
        let key = stated.key()?;
        if signature.comment() != comment(Self::WORD, &stated) || !signature.verifies(&key, bytes) {
            return Err(invalid());
        }
        let document = Self::parse(bytes).map_err(|_| invalid())?;
        Ok((document, key))
    }

    /// Writes the document and its signature into a new subfolder of `deletions`. The
    /// subfolder gets its name when it is complete.
    ///
    /// # Errors
    /// When they cannot be written, or the document is larger than [`LARGEST_DOCUMENT`].
    fn write_signed(&self, output: &Folder, name: &str, key: &SigningKey) -> Result<(), Fault> {
        let destination = output.path().join(DELETIONS).join(name);
        let bytes = self.to_file(&destination)?;
        let comment = comment(Self::WORD, &self.stated());
        let signature = key.sign(&bytes, &comment, &destination)?;
        let files = [
            (Self::FILE.to_owned(), bytes.as_slice()),
            (signature_of(Self::FILE), signature.as_bytes()),
        ];
        write_files(output, name, &files).map_err(|error| {
            let reason = io_reason(&error);
            Fault::of_file(
                &destination,
                Text::new(
                    format!("无法写入删除记录：{}", reason.zh),
                    format!("cannot write the deletion record: {}", reason.en),
                ),
                Text::new(
                    "请检查磁盘和写入权限",
                    "check the disk and the write permission",
                ),
            )
        })
    }
}

/// Returns the trusted comment, which binds a document to the folder's manifest.
fn comment(word: &str, stated: &Stated) -> String {
    let Stated {
        round,
        manifest_digest,
        ..
    } = stated;
    format!("aidlink deletion {word}; round {round}; manifest {manifest_digest}")
}

/// Returns the name of the signature of a document.
pub(super) fn signature_of(document: &str) -> String {
    format!("{document}{SIGNATURE_SUFFIX}")
}

/// Reads a document and its signature from a subfolder.
///
/// # Errors
/// When either cannot be read, or the signature cannot be parsed.
pub(super) fn read_with_signature(
    folder: &Folder,
    name: &OsStr,
    document: &str,
) -> io::Result<(Vec<u8>, Signature)> {
    let (bytes, signature) = read_pair(folder, name, document).map_err(|(_, error)| error)?;
    let signature = std::str::from_utf8(&signature)
        .ok()
        .and_then(Signature::parse);
    Ok((bytes, signature.ok_or_else(invalid)?))
}

/// Reads the bytes of a document and of its signature from a subfolder.
///
/// # Errors
/// The path in the folder that cannot be read, with the error.
pub(super) fn read_pair(
    folder: &Folder,
    name: &OsStr,
    document: &str,
) -> Result<(Vec<u8>, Vec<u8>), (PathBuf, io::Error)> {
    let name = Path::new(name);
    let inner = folder.folder(name);
    let inner = inner.map_err(|error| (name.to_path_buf(), error))?;
    let read = |file: &str, at_most| {
        let read = inner.read(Path::new(file), at_most);
        read.map_err(|error| (name.join(file), error))
    };
    let bytes = read(document, LARGEST_DOCUMENT)?;
    let signature = read(&signature_of(document), LARGEST_SIGNATURE)?;
    Ok((bytes, signature))
}

/// Writes into the opened folder and not by its path, which may lead elsewhere by now.
fn write_files(output: &Folder, name: &str, files: &[(String, &[u8])]) -> io::Result<()> {
    let deletions = Path::new(DELETIONS);
    let folder = match output.create_folder(deletions.as_os_str()) {
        // A link is refused here: it would put the record elsewhere.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => output.folder(deletions)?,
        made => made?,
    };
    // The name has the time, and only one purge of the folder runs at a time.
    let partial = partial_name(name);
    let partial = OsStr::new(&partial);
    let written = (|| {
        let inner = folder.create_folder(partial)?;
        // Until the folder is complete, the lock shows that its writer is alive.
        let _held = folder.try_lock(partial);
        for (file, bytes) in files {
            inner.create_file(OsStr::new(file), bytes)?;
        }
        inner.sync()?;
        folder.rename_in_place(Path::new(partial), OsStr::new(name))
    })();
    if written.is_err() {
        let _ = folder.remove_tree(partial);
    }
    written?;
    folder.sync()?;
    output.sync()
}

/// Returns the temporary name of a folder that is being written or removed.
pub(super) fn partial_name(name: &str) -> String {
    let prefix = prefix_of(Path::new(name));
    format!("{}{}", prefix.to_string_lossy(), std::process::id())
}
