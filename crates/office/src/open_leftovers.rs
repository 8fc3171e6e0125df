//! Leftovers of interrupted runs that a deletion record lists as left or missing, and that no
//! later record accounts for. No manifest names them, so they must be carried from record to
//! record: otherwise nothing would ask for one that somebody moves away.

use std::collections::BTreeMap;
use std::mem;

use jiff::Timestamp;

use crate::deletion_record::{DeletionRecord, FilePart, RoundFile};

/// A leftover that no record accounts for.
#[derive(Clone, Debug)]
pub struct OpenLeftover {
    /// The file, as the last record names it that lists it. A folder that could not be read is
    /// one file.
    pub file: RoundFile,
    /// The end of the purge that listed it first.
    pub recorded_at: Timestamp,
    /// Whether the last record lists it as missing, and not as left.
    pub is_missing: bool,
}

/// The leftovers that no record accounts for. Several may have the same path: in the paths of
/// records numbers are blacked out.
#[derive(Clone, Debug, Default)]
pub struct OpenLeftovers {
    by_path: BTreeMap<String, Vec<OpenLeftover>>,
}

impl OpenLeftovers {
    /// Returns those of an output folder. `records` are its valid records, oldest first.
    pub fn of(records: &[DeletionRecord]) -> Self {
        let mut open = OpenLeftovers::default();
        for record in records {
            for file in record.all_removed().chain(&record.confirmed) {
                open.settle(file);
            }
            // A record says anew what became of each. Those of aidlink 0.1 forget some.
            let mut earlier = mem::take(&mut open);
            let left = record.left.iter().map(|left| (left.file(), false));
            let missing = record.not_found.iter().map(|file| (file.clone(), true));
            let listed = left.chain(missing);
            for (file, is_missing) in listed.filter(|(file, _)| file.part == FilePart::CutOff) {
                let first = earlier.settle(&file);
                open.add(OpenLeftover {
                    file,
                    recorded_at: first.map_or(record.completed_at, |first| first.recorded_at),
                    is_missing,
                });
            }
            earlier.into_files().for_each(|leftover| open.add(leftover));
        }
        open
    }

    fn add(&mut self, leftover: OpenLeftover) {
        let path = leftover.file.path.clone();
        self.by_path.entry(path).or_default().push(leftover);
    }

    /// Removes a leftover of which a record says what became of it, and the folders above it
    /// that could not be read before. Returns the leftover.
    pub fn settle(&mut self, file: &RoundFile) -> Option<OpenLeftover> {
        if file.part != FilePart::CutOff || self.by_path.is_empty() {
            return None;
        }
        let path = file.recorded().path;
        for (at, _) in path.match_indices('/') {
            self.by_path.remove(path.get(..at).unwrap_or_default());
        }
        let same = self.by_path.get_mut(&path)?;
        let exact = same.iter().position(|one| one.file.digest == file.digest);
        let at = exact.or_else(|| same.iter().position(|one| one.file.is_same(file)))?;
        let found = same.remove(at);
        if same.is_empty() {
            self.by_path.remove(&path);
        }
        Some(found)
    }

    /// Returns the leftovers, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = &OpenLeftover> {
        self.by_path.values().flatten()
    }

    /// Returns the leftovers, in the order of their paths.
    pub fn into_files(self) -> impl Iterator<Item = OpenLeftover> {
        self.by_path.into_values().flatten()
    }
}
