//! The parts of a round that differ between offices: the paths of an office, and
//! the exports that it reads.

use std::path::PathBuf;

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::FaultCollector;
use aidlink_files::partial::parent_of;
use aidlink_policy::pack::{CASE_EXPORT, REFERRALS_EXPORT};

use super::paths::inside;
use super::written::WrittenExport;

/// The exports that an office reads. Their files must exist. Of other exports only
/// the entries in the round file are checked.
#[derive(Clone, Copy, Debug)]
pub enum Reads<'n> {
    /// No export.
    Nothing,
    /// The export of this schema.
    One(&'n str),
    /// Every export.
    All,
    /// Every export whose files all exist.
    Present,
}

impl Reads<'_> {
    /// Whether an office that reads these exports reads the register of the round file. The
    /// register gives the export of earlier referrals, and is needed beside the case parties.
    pub(super) fn reads_register(self) -> bool {
        match self {
            Reads::Nothing => false,
            Reads::One(name) => name == CASE_EXPORT || name == REFERRALS_EXPORT,
            Reads::All | Reads::Present => true,
        }
    }

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
            Reads::Present => {
                let folder = parent_of(document.path());
                let mut paths = export.paths().peekable();
                paths.peek().is_some()
                    && paths.all(|path| {
                        // A path that leaves the folder is reported at the office that
                        // reads it.
                        let full = inside(folder, document, path, &mut FaultCollector::new());
                        full.is_some_and(|full| full.is_file())
                    })
            }
        }
    }
}

/// The paths of an office in its round file.
#[derive(Clone, Debug)]
pub struct OfficePaths {
    /// The file of the round key. The centre does not read it.
    pub key_file: PathBuf,
    /// The output folder.
    pub output: PathBuf,
    /// The file of this office's signing key.
    pub signing_key: PathBuf,
}
