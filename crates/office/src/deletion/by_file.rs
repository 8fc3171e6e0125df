//! Values of files, by what records know of them.

use std::collections::BTreeMap;

use crate::deletion_record::{FilePart, RoundFile};

/// The part and the path of a file, as records have it.
type Name = (FilePart, String);

/// Values of files. Files are compared as by [`RoundFile::is_same`].
#[derive(Clone)]
pub(crate) struct ByFile<T> {
    /// With the content of each file ([`RoundFile::content`]).
    values: BTreeMap<Name, Vec<(Option<String>, T)>>,
}

impl<T> Default for ByFile<T> {
    fn default() -> Self {
        ByFile {
            values: BTreeMap::new(),
        }
    }
}

impl<T> ByFile<T> {
    pub(crate) fn add(&mut self, file: &RoundFile, value: T) {
        let content = file.content().map(str::to_owned);
        let file = file.recorded();
        let values = self.values.entry((file.part, file.path)).or_default();
        values.push((content, value));
    }

    pub(crate) fn of(&self, file: &RoundFile) -> impl Iterator<Item = &T> {
        let content = file.content().map(str::to_owned);
        let file = file.recorded();
        let values = self
            .values
            .get(&(file.part, file.path))
            .into_iter()
            .flatten();
        let same = values.filter(move |(other, _)| {
            let contents = content.as_ref().zip(other.as_ref());
            contents.is_none_or(|(one, other)| one == other)
        });
        same.map(|(_, value)| value)
    }

    pub(crate) fn has(&self, file: &RoundFile) -> bool {
        self.of(file).next().is_some()
    }
}

impl<'f> FromIterator<&'f RoundFile> for ByFile<()> {
    fn from_iter<I: IntoIterator<Item = &'f RoundFile>>(files: I) -> Self {
        let mut by_file = ByFile::default();
        for file in files {
            by_file.add(file, ());
        }
        by_file
    }
}
