//! A round as one office begins with it: what all agree on, where this office
//! keeps its own, and the exports whose files it reads.

use std::path::Path;

use aidlink_faults::fault::{Fault, Faults, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;

use super::checking::{Asked, AskedPaths, ExportFiles};
use super::own::{OfficePaths, Reads};
use super::terms::{Mode, RoundTerms};
use super::written::WrittenRound;

/// A round that a step of this office can begin with.
#[derive(Clone, Debug)]
pub struct Round {
    /// What the round says to every office.
    pub terms: RoundTerms,
    /// This office's own paths.
    pub paths: OfficePaths,
    /// The exports whose files this office reads, the case parties first.
    pub exports: Vec<PlannedExport>,
}

impl Round {
    /// The same with another signing key than the round file's, if one is named.
    pub fn with_signing_key(mut self, file: Option<&Path>) -> Self {
        if let Some(file) = file {
            self.paths.signing_key = file.to_path_buf();
        }
        self
    }

    /// Reads a round file and all that it names. `output` replaces the round
    /// file's own output folder.
    ///
    /// # Errors
    /// Every fault of the round, schemas, policy, calendar and of the exports
    /// that this office reads, at once; also when the round is of another mode
    /// than the command is for, or has no export that [`Reads::One`] names.
    pub fn read(
        path: &Path,
        output: Option<&Path>,
        mode: Mode,
        reads: Reads<'_>,
    ) -> Result<Self, Faults> {
        let checked = WrittenRound::read(path)?.check(Asked {
            mode,
            reads,
            paths: AskedPaths::All { output },
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

    /// The export of a schema, if this office reads its files.
    ///
    /// # Errors
    /// When the round has no such export, or its files were not asked for.
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

    /// The export of case parties, if this office reads its files.
    ///
    /// # Errors
    /// When its files were not asked for.
    pub fn cases(&self) -> Result<&PlannedExport, Fault> {
        self.export(CASE_EXPORT)
    }

    /// The other exports whose files this office reads, in the order of the
    /// round file.
    pub fn registers(&self) -> impl Iterator<Item = &PlannedExport> {
        let exports = self.exports.iter();
        exports.filter(|export| export.schema.name != CASE_EXPORT)
    }
}

impl WrittenRound {
    /// What all offices agree on, and the exports whose files this office
    /// reads, the case parties first: for a command that writes nothing of the
    /// round. The file need not name key file, signing key and output.
    ///
    /// # Errors
    /// As [`Round::read`], but for this office's own paths. An export that
    /// [`Reads::One`] names and the round does not have is left out.
    pub fn planned(
        &self,
        mode: Mode,
        reads: Reads<'_>,
    ) -> Result<(RoundTerms, Vec<PlannedExport>), Faults> {
        let checked = self.check(Asked {
            mode,
            reads,
            paths: AskedPaths::None,
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
            let (files, reading) = files.remove(&export.schema.name)?;
            Some(PlannedExport {
                schema: export.schema.clone(),
                files,
                snapshot: export.snapshot,
                legal_basis: export.legal_basis.clone(),
                reading,
                may_be_empty: export.may_be_empty,
            })
        })
        .collect()
}
