//! What a purge did in one output folder: which files it removed and which it left.

use std::path::PathBuf;

use aidlink_faults::text::Text;

use crate::deletion_record::{LeftFile, RoundFile};
use crate::remains::{Doubt, FoundFile};

/// What a purge did in one output folder.
#[derive(Clone, Default)]
pub(super) struct Done {
    /// The files that it removed.
    pub(super) removed: Vec<RoundFile>,
    /// The files that it left, with the reason.
    pub(super) left: Vec<LeftFile>,
    /// Those of them that get their names back when the records are written.
    pub(super) kept: Vec<SetAside>,
}

impl Done {
    /// Leaves a file.
    pub(super) fn leave(&mut self, file: &RoundFile, refused: Refused) {
        self.left.push(LeftFile::new(file, refused.why));
        self.kept.extend(refused.kept);
    }

    /// Takes back that files were left for these doubts. What the purge could not remove stays.
    pub(super) fn retract(&mut self, files: &[(RoundFile, Doubt)]) {
        let files = files.iter();
        let entries = files.map(|(file, doubt)| LeftFile::new(file, doubt.text(file)));
        let entries: Vec<LeftFile> = entries.collect();
        // Whether something that may be the file was seen or not.
        let is_entry = |left: &LeftFile| {
            let left = LeftFile {
                seen: Some(true),
                ..left.clone()
            };
            entries.contains(&left)
        };
        self.left.retain(|left| !is_entry(left));
    }
}

/// A file that was given the purge's own name.
#[derive(Clone)]
pub(super) struct SetAside {
    pub(super) found: FoundFile,
    /// Where it was.
    pub(super) from: PathBuf,
}

/// Why a file was not set aside or not removed.
pub(super) struct Refused {
    pub(super) why: Text,
    /// The file, if it keeps the purge's own name until the records are written: a journal says
    /// that it was set aside, so under its old name it could be moved away and would count as
    /// deleted.
    pub(super) kept: Option<SetAside>,
}

impl From<Text> for Refused {
    fn from(why: Text) -> Self {
        Refused { why, kept: None }
    }
}
