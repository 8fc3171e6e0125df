//! Runs the step of a finished folder again in memory, from the inputs beside the round file.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use aidlink_agency::exports::ExportExchange;
use aidlink_agency::key::KeyFile;
use aidlink_agency::rejects_file::RejectsFiles;
use aidlink_agency::step::tokenise_again;
use aidlink_agency::tokenise::FileReport;
use aidlink_audit::evidence::{SecondOutput, SecondRun};
use aidlink_audit::proof::{StepDigests, first_of};
use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::partial::parent_of;
use aidlink_office::audit_log::AuditLog;
use aidlink_office::manifest::{Manifest, RegisterRead, StepKind};
use aidlink_office::round::{Mode, Reads, RoundTerms, WrittenRound};
use aidlink_office::sealed::is_sealed;
use aidlink_office::terminal::{Output, Progress};
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;
use aidlink_procuratorate::lists::RoundLists;
use aidlink_procuratorate::register::in_round::RoundRegister;
use aidlink_procuratorate::step::{ResolveInputs, resolve_again};
use aidlink_procuratorate::summary::{SUMMARY, Summary};

use crate::pooled::{self, RunWith};

/// Returns why a step has no columns whose cells could be exchanged.
pub(crate) fn nothing_to_exchange(manifest: &Manifest) -> Option<Text> {
    match manifest.step {
        StepKind::Screen => Some(Text::new(
            "筛查机构不读取导出",
            "the centre reads no exports",
        )),
        StepKind::Tokenise if manifest.register.is_some() => Some(Text::new(
            "转介情况取自登记簿，每一列都由程序写出并使用",
            "the referrals come from the register: the program makes every column, and uses it",
        )),
        _ => None,
    }
}

/// What a step needs to be run again.
pub(crate) struct StepInputs {
    kind: StepInput,
    terms: RoundTerms,
    /// The exports that it reads, as the round file plans them.
    pub(crate) exports: Vec<PlannedExport>,
    key_file: PathBuf,
    /// The folder of the round file.
    folder: PathBuf,
    /// The register that the step read, and up to which event.
    register: Option<RegisterRead>,
}

/// What is peculiar to a step.
enum StepInput {
    Run,
    Tokenise {
        /// The name of the token file in the folder.
        tokens: String,
    },
    Resolve {
        /// The screened leads: where they are, and how the manifest names them.
        leads: PathBuf,
        named: String,
        identity: Option<PathBuf>,
    },
}

/// What a step gave when it was run again.
pub(crate) struct Again {
    /// The digests of what it read and gave.
    pub(crate) digests: StepDigests,
    /// What a pooled round gave.
    pub(crate) pooled: Option<SecondOutput>,
}

impl StepInputs {
    /// Finds the inputs of the step of a manifest. `identity` opens leads that are sealed.
    ///
    /// # Errors
    /// Why the step cannot be run again.
    pub(crate) fn find(
        manifest: &Manifest,
        round_file: Option<&Path>,
        identity: Option<&Path>,
    ) -> Result<Self, Text> {
        let file = round_file
            .ok_or_else(|| Text::new("轮次文件不在此处", "the round file is not here"))?;
        let written = WrittenRound::read(file).map_err(|faults| first_of(&faults))?;
        if written.digest() != manifest.round_file_blake3 {
            return Err(Text::new(
                "轮次文件在此步骤之后已改动",
                "the round file was changed after the step",
            ));
        }
        let key_file = written.key_file().map_err(|faults| first_of(&faults))?;
        if !key_file.exists() {
            return Err(Text::new(
                "密钥文件已不在此处",
                "the key file is no longer here",
            ));
        }
        let export = manifest.exports.first();
        let export = export.map(|export| export.export.as_str());
        let (mode, reads) = match manifest.step {
            StepKind::Run => (Mode::Pooled, Reads::All),
            StepKind::Tokenise => (Mode::Split, export.map_or(Reads::Nothing, Reads::One)),
            StepKind::Screen => (Mode::Split, Reads::Nothing),
            StepKind::Resolve => (Mode::Split, Reads::One(CASE_EXPORT)),
        };
        let planned = written.planned(mode, reads);
        let (terms, exports) = planned.map_err(|faults| first_of(&faults))?;
        let folder = parent_of(&terms.file).to_path_buf();
        let kind = match manifest.step {
            StepKind::Run => StepInput::Run,
            StepKind::Tokenise => {
                let tokens = manifest.crossing.first();
                let tokens = tokens.ok_or_else(|| {
                    Text::new("运行记录没有令牌文件", "the manifest has no token file")
                })?;
                StepInput::Tokenise {
                    tokens: tokens.file.clone(),
                }
            }
            StepKind::Resolve => {
                let leads = manifest.received.first();
                let named = leads.and_then(|leads| leads.path.clone());
                let named = named.filter(|path| {
                    let mut parts = Path::new(path).components();
                    parts.all(|part| matches!(part, Component::Normal(_)))
                });
                let named = named.filter(|path| folder.join(path).exists());
                let named = named.ok_or_else(|| {
                    Text::new(
                        "收到的线索文件已不在轮次文件夹中",
                        "the screened leads are no longer in the round's folder",
                    )
                })?;
                let leads = folder.join(&named);
                if identity.is_none() && is_sealed(&leads).is_ok_and(|is_sealed| is_sealed) {
                    return Err(Text::new(
                        "收到的线索文件是密封的，须加 --identity",
                        "the screened leads are sealed: add --identity",
                    ));
                }
                StepInput::Resolve {
                    leads,
                    named,
                    identity: identity.map(Path::to_path_buf),
                }
            }
            StepKind::Screen => return Err(nothing_to_exchange(manifest).unwrap_or_default()),
        };
        // Of what an office tokenises, only the referrals come from the register.
        let reads_it =
            manifest.step != StepKind::Tokenise || export == terms.policy.referrals_on.as_deref();
        let names_register = reads_it && exports.iter().any(|export| export.register.is_some());
        if names_register != manifest.register.is_some() {
            return Err(Text::new(
                "轮次文件所指登记簿与运行记录不符",
                "the round file names a register and the manifest does not, or the other way round",
            ));
        }
        if exports.is_empty() {
            return Err(Text::new(
                "轮次文件中没有此步骤的导出",
                "the round file has no export of this step",
            ));
        }
        Ok(StepInputs {
            kind,
            terms,
            exports,
            key_file,
            folder,
            register: manifest.register.clone(),
        })
    }

    /// Opens the register as the step read it: what was recorded since does not count.
    fn register(&self) -> Result<Option<RoundRegister>, Faults> {
        RoundRegister::of(&self.exports, self.register.as_ref())
    }

    /// Runs the step again.
    ///
    /// # Errors
    /// All faults of the inputs, as the step reports them.
    pub(crate) fn run(
        &self,
        exchange: Option<&ExportExchange>,
        output: Output,
    ) -> Result<Again, Faults> {
        let progress = Progress::new(output);
        let again = match &self.kind {
            StepInput::Run => self.run_pooled(exchange, &progress),
            StepInput::Tokenise { tokens } => self.tokenise(tokens, exchange, &progress),
            StepInput::Resolve {
                leads,
                named,
                identity,
            } => self.resolve(leads, named, identity.as_deref(), exchange, &progress),
        };
        progress.finish();
        again
    }

    fn run_pooled(
        &self,
        exchange: Option<&ExportExchange>,
        progress: &Progress,
    ) -> Result<Again, Faults> {
        let register = self.register()?;
        let rejects = RejectsFiles::begin_digests(&self.exports);
        let result = pooled::run(
            &self.terms,
            &self.exports,
            RunWith {
                register: register.as_ref(),
                rejects: Some(&rejects),
                exchange,
            },
            &mut KeyFile::at(&self.key_file),
            progress,
            &mut AuditLog::new(jiff::Timestamp::now),
        )?;
        // The case parties come first.
        let lists = RoundLists::new(&self.terms, &self.exports[0], &result.resolved)?;
        let summary = pooled::summary(&self.terms, &result, &lists);
        let mut digests = StepDigests {
            inputs: BTreeMap::new(),
            outputs: digests_of(&lists, &summary),
        };
        let rejects = rejects.digests()?;
        digests.outputs.extend(rejects.iter().cloned());
        for read in &result.exports {
            digests
                .inputs
                .extend(inputs(&read.planned, &read.report.files));
        }
        let pooled = SecondOutput {
            rejects,
            summary: summary.to_bytes(),
            lists: lists
                .files()
                .map(|(path, bytes)| (path, bytes.to_vec()))
                .collect(),
            workbooks: lists
                .workbooks
                .iter()
                .map(|workbook| (workbook.path.to_owned(), digest(&workbook.bytes)))
                .collect(),
            person_pages: lists
                .person_pages
                .iter()
                .map(|pages| (pages.path.to_owned(), pages.bytes.clone()))
                .collect(),
        };
        Ok(Again {
            digests,
            pooled: Some(pooled),
        })
    }

    fn tokenise(
        &self,
        tokens: &str,
        exchange: Option<&ExportExchange>,
        progress: &Progress,
    ) -> Result<Again, Faults> {
        let planned = &self.exports[0];
        let made = tokenise_again(
            &self.terms,
            &self.key_file,
            planned,
            exchange,
            &self.folder,
            progress,
        )?;
        let mut outputs: BTreeMap<String, String> = made.rejects.into_iter().collect();
        outputs.insert(tokens.to_owned(), made.tokens);
        Ok(Again {
            digests: StepDigests {
                inputs: inputs(planned, &made.files).collect(),
                outputs,
            },
            pooled: None,
        })
    }

    fn resolve(
        &self,
        leads: &Path,
        named: &str,
        identity: Option<&Path>,
        exchange: Option<&ExportExchange>,
        progress: &Progress,
    ) -> Result<Again, Faults> {
        let planned = &self.exports[0];
        let register = self.register()?;
        let read = ResolveInputs {
            terms: &self.terms,
            planned,
            key_file: &self.key_file,
            leads,
            identity,
            register: register.as_ref(),
            beside: &self.folder,
        };
        let made = resolve_again(&read, exchange, progress)?;
        let mut inputs: BTreeMap<String, String> = inputs(planned, &made.files).collect();
        inputs.insert(named.to_owned(), made.leads);
        Ok(Again {
            digests: StepDigests {
                inputs,
                outputs: digests_of(&made.lists, &made.summary),
            },
            pooled: None,
        })
    }
}

/// Returns what check 23 compares.
pub(crate) fn second_run(again: Result<&Again, &Faults>) -> SecondRun {
    match again {
        Ok(Again {
            pooled: Some(pooled),
            ..
        }) => SecondRun::Made(pooled.clone()),
        // Split steps are not compared by the check.
        Ok(Again { pooled: None, .. }) => SecondRun::NotPossible,
        Err(_) => SecondRun::Failed,
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn digests_of(lists: &RoundLists, summary: &Summary) -> BTreeMap<String, String> {
    let files = lists.files().map(|(path, bytes)| (path, digest(bytes)));
    let workbooks = lists.workbooks.iter();
    let workbooks = workbooks.map(|workbook| (workbook.path.to_owned(), digest(&workbook.bytes)));
    let pages = lists.person_pages.iter();
    let pages = pages.map(|pages| (pages.path.to_owned(), digest(&pages.bytes)));
    let summary = (SUMMARY.to_owned(), digest(&summary.to_bytes()));
    files
        .chain(workbooks)
        .chain(pages)
        .chain([summary])
        .collect()
}

fn inputs<'r>(
    planned: &'r PlannedExport,
    files: &'r [FileReport],
) -> impl Iterator<Item = (String, String)> + 'r {
    let files = planned.files.iter().zip(files);
    files.map(|(file, read)| (file.written_path.clone(), read.digest.clone()))
}
