//! The names that a purge gives files before it removes them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::black_out;
use aidlink_files::partial::PARTIAL;

use crate::deletion_record::{FilePart, RoundFile};

/// What the names begin with that a purge gives files before it removes them.
const ASIDE_PREFIX: &str = ".purging-";
/// The number of hexadecimal digits in them. A longer number would be blacked out in messages,
/// like a key.
const ASIDE_DIGITS: usize = 24;

/// Returns the name that a purge gives a file, in the same folder, before it removes it.
/// Every purge gives a file the same name, so that the next one finds it.
pub(crate) fn aside_name(file: &RoundFile) -> String {
    let mut digest = blake3::Hasher::new();
    // Journals name the file with numbers blacked out, and lead to the same name.
    let path = black_out(&file.path);
    for part in [
        serde_json::to_string(&file.part)
            .unwrap_or_default()
            .as_str(),
        path.as_ref(),
        file.content().unwrap_or_default(),
    ] {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let digest = digest.finalize().to_hex();
    let short: String = digest.chars().take(ASIDE_DIGITS).collect();
    format!("{ASIDE_PREFIX}{short}")
}

/// Returns the path of a file after a purge gave it its name before the removal. A file
/// that is itself the leftover of a run keeps the beginning of its name, by which it is
/// found.
pub fn aside_place(file: &RoundFile, place: &Path) -> PathBuf {
    let aside = aside_name(file);
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let is_leftover = file.part == FilePart::CutOff && place.components().count() == 1;
    let prefix = name.rfind(PARTIAL).filter(|_| is_leftover);
    place.with_file_name(match prefix {
        Some(at) => {
            let prefix = name.get(..at).unwrap_or_default();
            format!("{prefix}{PARTIAL}{}", aside.trim_start_matches('.'))
        }
        None => aside,
    })
}

/// Returns the name for the next file that would get the same one: leftovers whose names differ
/// only in a number that is blacked out, and that have the same content. `number` is 2 for the
/// second.
pub(crate) fn numbered(place: &Path, number: u64) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!("{name}-{number}"))
}

/// Returns the purge's own name in the path of a file that a purge may have set aside, without
/// the number of [`numbered`]. Of a file that is itself the leftover of a run it is the end of
/// the name.
pub(crate) fn aside_name_in(place: &Path) -> Option<String> {
    let name = place.file_name()?.to_str()?;
    let name = match name.rsplit_once(PARTIAL) {
        Some((_, end)) if !name.starts_with(ASIDE_PREFIX) => format!(".{end}"),
        _ => name.to_owned(),
    };
    let name = name.get(..ASIDE_PREFIX.len() + ASIDE_DIGITS)?;
    name.starts_with(ASIDE_PREFIX).then(|| name.to_owned())
}

/// Returns a name as it is in the paths of records.
pub(crate) fn as_recorded(name: &OsStr) -> String {
    black_out(&name.to_string_lossy()).into_owned()
}
