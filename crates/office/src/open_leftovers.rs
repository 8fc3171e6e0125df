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
            for file in record.accounted() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, digest: Option<&str>) -> RoundFile {
        RoundFile {
            part: FilePart::CutOff,
            path: path.to_owned(),
            digest: digest.map(str::to_owned),
            key_id: None,
            byte_length: 0,
            other_names: 0,
        }
    }

    fn open(files: &[(&str, Option<&str>)]) -> OpenLeftovers {
        let mut open = OpenLeftovers::default();
        for (path, digest) in files {
            open.add(OpenLeftover {
                file: file(path, *digest),
                recorded_at: Timestamp::UNIX_EPOCH,
                is_missing: false,
            });
        }
        open
    }

    fn paths(open: &OpenLeftovers) -> Vec<(&str, Option<&str>)> {
        let files = open.files().map(|leftover| &leftover.file);
        files
            .map(|file| (file.path.as_str(), file.digest.as_deref()))
            .collect()
    }

    #[test]
    fn an_entry_settles_one_file_and_the_folders_above_it() {
        let names = [
            (".o.partial-a", None),
            (".o.partial-a/lists", None),
            (".o.partial-a/lists/***.csv", Some("1")),
            (".o.partial-a/lists/***.csv", Some("2")),
            (".o.partial-ab", None),
        ];
        let mut open = open(&names);
        // Another content is another file.
        assert!(open.settle(&file(names[2].0, Some("3"))).is_none());
        assert_eq!(paths(&open), [names[2], names[3], names[4]]);
        // The one with the same content, and then, where nothing is known, any.
        let found = open.settle(&file(names[2].0, Some("2"))).expect("a file");
        assert_eq!(found.file.digest.as_deref(), Some("2"));
        assert!(open.settle(&file(names[2].0, None)).is_some());
        assert_eq!(paths(&open), [names[4]]);
        // A file that a manifest names is none of them.
        let output = RoundFile {
            part: FilePart::Output,
            ..file(".o.partial-ab", None)
        };
        assert!(open.settle(&output).is_none());
        assert_eq!(paths(&open), [names[4]]);
    }

    #[test]
    fn numbers_in_the_name_of_a_file_are_compared_as_records_have_them() {
        let mut open = open(&[(".o.partial-a/***.csv", None)]);
        let found = open.settle(&file(".o.partial-a/13800001234.csv", Some("1")));
        assert!(found.is_some());
        assert_eq!(open.into_files().count(), 0);
    }
}
