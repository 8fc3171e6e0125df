//! What of a round is an office's own affair: where it keeps what, and which
//! exports' files it reads.

use std::path::PathBuf;

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::FaultCollector;

use super::paths::inside;
use super::written::WrittenExport;

/// Which exports' files an office reads. Those must be there; of the others the
/// round file's words are checked and nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Reads<'n> {
    /// Those of no export.
    Nothing,
    /// Those of the export of this schema.
    One(&'n str),
    /// Those of every export.
    All,
    /// Those of the exports whose files are all there.
    Present,
}

impl Reads<'_> {
    pub(super) fn reads(
        self,
        document: &Document,
        export: &WrittenExport,
        schema: &Located<String>,
    ) -> bool {
        match self {
            Reads::Nothing => false,
            Reads::One(name) => schema.value == name,
            Reads::All => true,
            Reads::Present => export.paths.iter().all(|path| {
                // A path that leads out is another office's fault, and is told there.
                let full = inside(document, path, &mut FaultCollector::new());
                full.is_some_and(|full| full.is_file())
            }),
        }
    }
}

/// Where an office keeps its own, as its round file says it.
#[derive(Clone, Debug)]
pub struct OfficePaths {
    /// The key file. The centre does not read it.
    pub key_file: PathBuf,
    /// The output folder.
    pub output: PathBuf,
    /// The key with which this office signs.
    pub signing_key: PathBuf,
}
