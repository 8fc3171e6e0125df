//! Writes the minimisation matrix into the output folder of every step that reads
//! exports.

use std::path::Path;

use aidlink_audit::minimisation::{Matrix, MatrixDocument};
use aidlink_audit::minimisation_page;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document as _, check_writable};
use aidlink_office::manifest::Manifest;
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::round::RoundTerms;

/// Writes the minimisation matrix of the columns that a manifest lists.
///
/// # Errors
/// When the columns that the step read are not those that the schema and policy
/// require, or the folder cannot be written.
pub(crate) fn write_matrix(
    folder: &mut OutputFolder,
    terms: &RoundTerms,
    manifest: &Manifest,
) -> Result<(), Faults> {
    let matrix = Matrix::of_manifest(manifest, &terms.policy, &terms.schemas);
    if let Some((part, row)) = matrix.wrong().next() {
        // The readers and the matrix determine independently which columns are needed.
        // If they differ, the program has a defect.
        return Err(Fault::of_file(
            &terms.file,
            Text::new(
                format!("{} 的列与规定不符：{}", part.export, row.verdict.text().zh),
                format!("a column of {}: {}", part.export, row.verdict.text().en),
            ),
            Text::new("请报告此问题", "please report this"),
        )
        .into());
    }
    for (name, bytes) in minimisation_page::files(&matrix) {
        let path = format!("minimisation/{name}");
        check_writable(bytes.len(), MatrixDocument::LARGEST, Path::new(&path))?;
        folder.write(&path, &bytes)?;
    }
    Ok(())
}
