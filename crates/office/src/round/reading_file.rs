//! `reading/SCHEMA.toml` beside the round file: how this office reads its own export.
//! The other offices of a round do not need it, so it is not part of the terms.

use std::path::Path;

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION};
use aidlink_faults::fault::{FaultCollector, Faults};
use aidlink_files::regular_file;

use super::parts::{Nesting, WrittenPart, parts};
use super::{READING, TO_FILL_IN};

/// A parsed file. It has the keys that an `[[export]]` has for its files, at the top
/// level. Paths are relative to the round file, as they are there.
#[derive(Debug)]
pub(super) struct ReadingFile {
    pub(super) document: Document,
    pub(super) parts: Vec<WrittenPart>,
    pub(super) faults: FaultCollector,
}

impl ReadingFile {
    /// Reads the file of a schema; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, is too large, or has places that are not
    /// filled in.
    pub(super) fn find(folder: &Path, schema: &str) -> Result<Option<Self>, Faults> {
        let name = relative_path(schema);
        // Schemas are named with letters, digits, points and hyphens. Whatever else the
        // round file has in its place is reported as an unknown schema.
        if schema.contains(['/', '\\']) {
            return Ok(None);
        }
        let path = folder.join(name);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let bytes = regular_file::read(&path, LARGEST_CONFIGURATION)?;
        let document = Document::of_bytes(&path, bytes)?;
        document.unfilled(&TO_FILL_IN).finish()?;
        let mut faults = document.syntax_faults();
        let mut table = document.root();
        let parts = parts(&mut table, Nesting::ReadingFile, &mut faults).unwrap_or_default();
        table.finish(&mut faults);
        Ok(Some(ReadingFile {
            document,
            parts,
            faults,
        }))
    }
}

/// Returns the path of the file of a schema, relative to the round file's folder.
pub(super) fn relative_path(schema: &str) -> String {
    format!("{READING}/{schema}.toml")
}
