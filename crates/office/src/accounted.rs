//! The files for which deletion records account. A record that lists a file as left says that the
//! file is there again: earlier records prove nothing of it any more.

use jiff::Timestamp;

use crate::deletion::by_file::ByFile;
use crate::deletion_record::{DeletionRecord, FilePart, LeftFile, RoundFile};

/// Which record says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The end of its purge.
    pub(crate) at: Timestamp,
    /// The key that signed it, if it is not the manifest's.
    other_key: Option<String>,
    /// Of a file that a record lists as left: whether its purge has seen something that may be
    /// the file.
    is_seen: bool,
    /// Whether what it has seen has other content.
    is_other: bool,
}

impl Recorded {
    pub(crate) fn by(record: &DeletionRecord) -> Self {
        let is_by_other = record.other_signer.is_some();
        Recorded {
            at: record.completed_at,
            other_key: is_by_other.then(|| record.public_key.clone()),
            is_seen: false,
            is_other: false,
        }
    }

    /// As [`Recorded::by`], of a file that the record lists as left.
    pub(crate) fn leaving(record: &DeletionRecord, left: &LeftFile) -> Self {
        Recorded {
            is_seen: left.is_seen(),
            is_other: left.is_of_other_content(),
            ..Recorded::by(record)
        }
    }

    /// What a record of another key says that does not count otherwise: that its purge, which
    /// ended `at` that time, has seen a file.
    pub(crate) fn seen_by_another(at: Timestamp, key: &str) -> Self {
        Recorded {
            at,
            other_key: Some(key.to_owned()),
            is_seen: true,
            is_other: false,
        }
    }

    /// Whether this record, which lists a file as left, ends what `removed` proves of it: always
    /// if its purge has seen the file, whoever signed it. What has other content is not the file,
    /// and ends nothing. For a purge with another key nothing is proven by `removed`, so it lists
    /// as left, unseen, what that record accounts for.
    fn ends(&self, removed: &Recorded) -> bool {
        let counts = removed.other_key.is_none() || removed.other_key == self.other_key;
        // Earlier versions listed a file of which a copy was left in both lists of a record.
        !self.is_other && (self.is_seen || counts) && self.at >= removed.at
    }
}

/// What records say of files, with the times of the records. Leftovers of interrupted runs may
/// have the same name, so that one is removed and another one left: for them each record that
/// lists one as removed counts, and [`crate::open_leftovers`] asks for the others.
#[derive(Clone, Default)]
pub struct Accounted {
    removed: ByFile<Recorded>,
    left: ByFile<Recorded>,
}

impl Accounted {
    /// Returns what records say, of the folder itself and, for inputs, of others that count for
    /// them.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r DeletionRecord>) -> Self {
        let mut accounted = Accounted::default();
        for record in records {
            for file in record.accounted() {
                accounted.add_removed(file, Recorded::by(record));
            }
            for left in record.left.iter().filter(|left| !left.is_of_no_manifest()) {
                accounted.add_left(&left.file(), Recorded::leaving(record, left));
            }
        }
        accounted
    }

    pub(crate) fn add_removed(&mut self, file: &RoundFile, by: Recorded) {
        self.removed.add(file, by);
    }

    pub(crate) fn add_left(&mut self, file: &RoundFile, by: Recorded) {
        if file.part != FilePart::CutOff {
            self.left.add(file, by);
        }
    }

    /// Whether a record says that a file was deleted, and no record since that it was left.
    pub fn has(&self, file: &RoundFile) -> bool {
        self.times(file).next().is_some()
    }

    /// Returns the times of the records that account for a file.
    pub(crate) fn times(&self, file: &RoundFile) -> impl Iterator<Item = Timestamp> {
        let left: Vec<&Recorded> = self.left.of(file).collect();
        let removed = self.removed.of(file);
        let removed = removed.filter(move |removed| !left.iter().any(|left| left.ends(removed)));
        removed.map(|removed| removed.at)
    }

    /// Whether a purge that ended at this time or later has seen a file again and left it. The
    /// journal of what a record left uncertain has the same time as the record.
    pub(crate) fn is_seen_since(&self, file: &RoundFile, at: Timestamp) -> bool {
        let mut left = self.left.of(file);
        left.any(|left| left.is_seen && left.at >= at)
    }

    /// As [`Accounted::is_seen_since`], and not only a file with other content in its place.
    pub(crate) fn is_itself_seen_since(&self, file: &RoundFile, at: Timestamp) -> bool {
        let mut left = self.left.of(file);
        left.any(|left| left.is_seen && !left.is_other && left.at >= at)
    }

    /// Whether a record lists a file as left that may be confirmed to be deleted.
    pub(crate) fn was_left(&self, file: &RoundFile) -> bool {
        self.left.has(file)
    }
}
