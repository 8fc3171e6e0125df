//! Shows on the terminal how far the reading of an export has come.

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::terminal::Progress;
use aidlink_policy::reading::PlannedExport;

use crate::scan::{Advance, Export};
use crate::tokenise::Report;

/// Begins to show the reading of an export; with the time left, if all its files are texts.
/// Returns what to call while it is read.
pub fn begin<'p>(
    progress: &'p Progress,
    title: &Text,
    tables: &[Export],
) -> impl Fn(Advance) + Sync + use<'p> {
    let total = tables.iter().map(Export::text_length).sum();
    progress.reading(title, total);
    |Advance { rows, bytes }| progress.advance(rows, bytes)
}

/// Leaves a line for each file of an export that was read.
pub fn ended(progress: &Progress, planned: &PlannedExport, report: &Report) {
    for (file, read) in planned.files.iter().zip(&report.files) {
        let (path, bytes) = (shown_path(&file.path), read.byte_length);
        progress.line(&Text::new(
            format!("  已读取 {path}（{bytes}字节）"),
            format!("  read {path} ({bytes} bytes)"),
        ));
    }
}
