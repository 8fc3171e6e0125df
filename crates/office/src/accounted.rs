//! The files for which deletion records account. A record that lists a file as left says that the
//! file is there again: earlier records prove nothing of it any more.

use jiff::Timestamp;

use crate::deletion::by_file::ByFile;
use crate::deletion_record::{DeletionRecord, FilePart, LeftFile, RoundFile};

/// What records say of files, with the times of the records. Leftovers of interrupted runs may
/// have the same name, so that one is removed and another one left: for them each record that
/// lists one as removed counts, and [`crate::open_leftovers`] asks for the others.
#[derive(Clone, Default)]
pub struct Accounted {
    removed: ByFile<Timestamp>,
    left: ByFile<Timestamp>,
}

impl Accounted {
    /// Returns what records say, of the folder itself and, for inputs, of others that count for
    /// them.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r DeletionRecord>) -> Self {
        let mut accounted = Accounted::default();
        for record in records {
            for file in record.accounted() {
                accounted.add_removed(file, record.completed_at);
            }
            for file in record.left.iter().map(LeftFile::file) {
                accounted.add_left(&file, record.completed_at);
            }
        }
        accounted
    }

    pub(crate) fn add_removed(&mut self, file: &RoundFile, at: Timestamp) {
        self.removed.add(file, at);
    }

    pub(crate) fn add_left(&mut self, file: &RoundFile, at: Timestamp) {
        if file.part != FilePart::CutOff {
            self.left.add(file, at);
        }
    }

    /// Whether a record says that a file was deleted, and no record since that it was left.
    pub fn has(&self, file: &RoundFile) -> bool {
        self.times(file).next().is_some()
    }

    /// Returns the times of the records that account for a file.
    pub(crate) fn times(&self, file: &RoundFile) -> impl Iterator<Item = Timestamp> {
        let last_left = self.left.of(file).max().copied();
        let times = self.removed.of(file).copied();
        // Earlier versions listed a file of which a copy was left in both lists of a record.
        times.filter(move |at| last_left.is_none_or(|left| *at > left))
    }

    /// Whether a record lists a file as left that may be confirmed to be deleted.
    pub(crate) fn was_left(&self, file: &RoundFile) -> bool {
        self.left.has(file)
    }
}
