//! A round as one office needs it: the terms, this office's paths, and the exports
//! that it reads.

use std::path::Path;

use aidlink_faults::fault::{Fault, Faults, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;

use super::checking::{CheckOptions, ExportFiles, PathOptions};
use super::own::{OfficePaths, Reads};
use super::terms::{Mode, RoundTerms};
use super::written::WrittenRound;

/// A checked round, ready for a step of this office.
#[derive(Clone, Debug)]
pub struct Round {
    /// What all offices agree on.
    pub terms: RoundTerms,
    /// This office's own paths.
    pub paths: OfficePaths,
    /// The exports that this office reads, the case parties first.
    pub exports: Vec<PlannedExport>,
}

impl Round {
    /// Replaces the signing key of the round file if `file` is given.
    pub fn with_signing_key(mut self, file: Option<&Path>) -> Self {
        if let Some(file) = file {
            self.paths.signing_key = file.to_path_buf();
        }
        self
    }

    /// Reads and checks a round file with its schemas, policy and calendar. `output`
    /// replaces the output folder of the round file.
    ///
    /// # Errors
    /// All faults at once, of the round file, schemas, policy, calendar and the
    /// exports that this office reads. Also when the round has another mode than
    /// `mode`, or does not have the export of [`Reads::One`].
    pub fn read(
        path: &Path,
        output: Option<&Path>,
        mode: Mode,
        reads: Reads<'_>,
    ) -> Result<Self, Faults> {
        let checked = WrittenRound::read(path)?.check(CheckOptions {
            mode,
            reads,
            paths: PathOptions::All { output },
        });
        let terms_and_paths = checked.terms.zip(checked.paths);
        let (terms, paths) = checked.faults.or_value(terms_and_paths)?;
        let round = Round {
            exports: planned(&terms, checked.files),
            terms,
            paths,
        };
        if let Reads::One(schema) = reads {
            round.export(schema)?;
        }
        Ok(round)
    }

    /// Returns the export of a schema.
    ///
    /// # Errors
    /// When the round has no such export, or this office does not read it.
    pub fn export(&self, schema: &str) -> Result<&PlannedExport, Fault> {
        let mut exports = self.exports.iter();
        let export = exports.find(|export| export.schema.name == schema);
        export.ok_or_else(|| {
            let known = self.terms.exports();
            let known: Vec<&str> = known.map(|export| export.schema.name.as_str()).collect();
            Fault::of_file(
                &self.terms.file,
                Text::new(
                    format!("本轮没有导出“{schema}”"),
                    format!("the round has no export `{schema}`"),
                ),
                nearest_name_hint(schema, known),
            )
        })
    }

    /// Returns the export of case parties.
    ///
    /// # Errors
    /// When this office does not read it.
    pub fn cases(&self) -> Result<&PlannedExport, Fault> {
        self.export(CASE_EXPORT)
    }

    /// Returns the other exports that this office reads, in the order of the round
    /// file.
    pub fn registers(&self) -> impl Iterator<Item = &PlannedExport> {
        let exports = self.exports.iter();
        exports.filter(|export| export.schema.name != CASE_EXPORT)
    }
}

impl WrittenRound {
    /// Checks the round and returns its terms and the exports that this office reads,
    /// the case parties first. For commands that write no output folder: the round
    /// file need not name key file and output folder.
    ///
    /// # Errors
    /// As [`Round::read`], except for faults in this office's own paths and a missing
    /// export of [`Reads::One`].
    pub fn planned(
        &self,
        mode: Mode,
        reads: Reads<'_>,
    ) -> Result<(RoundTerms, Vec<PlannedExport>), Faults> {
        let checked = self.check(CheckOptions {
            mode,
            reads,
            paths: PathOptions::None,
        });
        let terms = checked.faults.or_value(checked.terms)?;
        let exports = planned(&terms, checked.files);
        Ok((terms, exports))
    }
}

fn planned(terms: &RoundTerms, mut files: ExportFiles) -> Vec<PlannedExport> {
    let exports = terms.exports();
    exports
        .filter_map(|export| {
            let read = files.remove(&export.schema.name)?;
            Some(PlannedExport {
                schema: export.schema.clone(),
                files: read.files,
                register: read.register,
                reading_digest: read.reading_digest,
                snapshot: export.snapshot,
                legal_basis: export.legal_basis.clone(),
                may_be_empty: export.may_be_empty,
            })
        })
        .collect()
}
