//! The start and the end of a step, the same for every step of every office.
//! [`Step::begin`] checks everything that must be right before any work. After
//! the work, [`Step::perform`] writes the manifest, the log and the signature
//! that binds the two, and gives the output folder its final name.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_files::folder::Folder;
use aidlink_files::partial::parent_of;
use aidlink_policy::pack::CASE_EXPORT;
use serde::Serialize;

use crate::audit_log::{AuditLog, Complete, Event, LOG, Started};
use crate::confinement;
use crate::ending::Ending;
use crate::manifest::{
    CalendarUsed, ImpactAssessment, MANIFEST, Manifest, OutputFile, OutputKind, Passed, PolicyUsed,
    SigningUsed, Software, StepKind,
};
use crate::output_folder::{OutputFolder, WrittenFile};
use crate::round::{CENTRE, Mode, Reads, Round, RoundTerms};
use crate::signing::{SIGNATURE_SUFFIX, SigningKey};
use crate::step_outputs;
use crate::terminal::Output;

/// The arguments of [`Step::begin`].
#[derive(Clone, Copy)]
pub struct StepOptions<'o> {
    /// The step.
    pub kind: StepKind,
    /// The name of this program.
    pub program: &'static str,
    /// The round file.
    pub round: &'o Path,
    /// The output folder, if not the one in the round file.
    pub output: Option<&'o Path>,
    /// This office's signing key, if not the one in the round file.
    pub signing_key: Option<&'o Path>,
    /// The export that the step works on, if it works on a single one.
    pub export: Option<&'o str>,
    /// The known-answer test of a token algorithm; `None` for a step that makes
    /// no tokens.
    pub known_answers: Option<fn(TokenAlgorithm) -> bool>,
}

/// A step in progress.
pub struct Step {
    kind: StepKind,
    program: &'static str,
    round: Arc<Round>,
    signing_key: Option<SigningKey>,
    /// The log.
    pub log: AuditLog,
    /// The output folder.
    pub folder: OutputFolder,
    /// Keeps purges of the round's inputs away until the step has ended.
    _held: Option<File>,
}

/// A finished step.
pub struct Finished {
    /// The key that signed the manifest.
    pub signing_key: SigningKey,
    /// The manifest as it was written.
    pub manifest: Manifest,
    signing_key_path: PathBuf,
}

/// The answer of a step as JSON.
#[derive(Serialize)]
struct StepReport<'a, S> {
    folder: String,
    manifest: &'a Manifest,
    /// The figures of the lists, for a step that writes lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a S>,
}

impl Finished {
    /// Prints the manifest, and the summary of a step that writes lists, as JSON.
    pub fn print_json<S: Serialize>(&self, folder: &Path, summary: Option<&S>, output: Output) {
        output.json(&StepReport {
            folder: shown_path(folder),
            manifest: &self.manifest,
            summary,
        });
    }

    /// What a user must know of a signing key that the step made.
    pub fn key_made(&self) -> Option<Text> {
        self.signing_key.new_key_notice(&self.signing_key_path)
    }
}

impl Step {
    /// Reads the round and starts the log.
    ///
    /// # Errors
    /// When the round or an export of this step has a fault, the output folder
    /// exists, a purge of the round is under way, the signing key cannot be used, or
    /// the token algorithm fails its known-answer test. In a split round also when the signing key is missing
    /// or is not the one in the round file.
    pub fn begin(options: StepOptions<'_>) -> Result<Self, Ending> {
        let round = options.read().map_err(Ending::WrongConfiguration)?;
        let Round { terms, paths, .. } = &round;
        OutputFolder::check_path_in(parent_of(&terms.file), &paths.output)
            .and_then(|()| OutputFolder::check_destination(&paths.output))
            .map_err(|fault| Ending::WrongConfiguration(fault.into()))?;
        if let Some(passes) = options.known_answers
            && !passes(terms.algorithm)
        {
            // A broken build must not make tokens.
            return Err(known_answers_differ(&terms.file).into());
        }
        let held = hold_round_folder(parent_of(&terms.file))?;
        let signing_key = SigningKey::read_if_present(&paths.signing_key)?;
        if terms.mode == Mode::Split {
            options.check_sender(&round, signing_key.as_ref())?;
        }
        let folder = OutputFolder::begin(&paths.output)?;
        let mut log = AuditLog::new(jiff::Timestamp::now);
        log.record(&options.started(terms));
        let granted = confinement::granted();
        log.record(&Event::Confined {
            network: granted.network,
            core_dumps: granted.core_dumps,
        });
        if options.known_answers.is_some() {
            log.record(&Event::KnownAnswerTest {
                algorithm: terms.algorithm,
                result: Passed::Passed,
            });
        }
        Ok(Step {
            kind: options.kind,
            program: options.program,
            round: Arc::new(round),
            signing_key,
            log,
            folder,
            _held: held,
        })
    }

    /// Returns the round of the step.
    pub fn round(&self) -> Arc<Round> {
        Arc::clone(&self.round)
    }

    /// Does the work of the step and finishes it.
    ///
    /// # Errors
    /// When the work fails or the output cannot be written; the output folder
    /// is then removed.
    pub fn perform<T>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<(Manifest, T), Faults>,
    ) -> Result<(T, Finished), Faults> {
        let (manifest, result) = work(&mut self)?;
        let finished = self.finish(manifest)?;
        Ok((result, finished))
    }

    /// Returns the key with which this office signs the files it sends.
    ///
    /// # Errors
    /// When the office has none. [`Step::begin`] ensures that a split step has one.
    pub fn sender(&self) -> Result<&SigningKey, Fault> {
        let path = &self.round.paths.signing_key;
        self.signing_key
            .as_ref()
            .ok_or_else(|| no_signing_key(path))
    }

    /// Returns a manifest with the fields that all steps share; the step adds
    /// its own.
    pub fn manifest(&self) -> Manifest {
        let terms = &self.round.terms;
        let Head { format, version } = Manifest::head();
        Manifest {
            format,
            version,
            software: Software::running(self.program),
            mode: terms.mode,
            step: self.kind,
            round: terms.round.clone(),
            round_file_blake3: terms.digest.clone(),
            terms_blake3: Some(terms.terms_digest()),
            as_of: terms.as_of,
            issued_on: terms.issued_on,
            purpose: terms.purpose.clone(),
            impact_assessment: ImpactAssessment {
                id: terms.impact_assessment.clone(),
                valid_until: terms.impact_assessment_until,
            },
            operator: terms.operator.clone(),
            retention_until: terms.retention_until,
            thresholds: terms.thresholds,
            policy: PolicyUsed::of(&terms.policy),
            calendar: CalendarUsed {
                blake3: terms.calendar.digest().to_owned(),
            },
            list_language: None,
            provisional: None,
            not_verified_by: None,
            key: None,
            exports: Vec::new(),
            register: None,
            tokens: None,
            screening: None,
            case_rows: None,
            case_parties: None,
            leads: None,
            received: Vec::new(),
            case_sources: None,
            crossing: Vec::new(),
            signing: None,
            confinement: None,
            outputs: Vec::new(),
        }
    }

    /// Writes the configuration files, the manifest, the log and the signature,
    /// and gives the folder its final name. If the step started without a
    /// signing key, this makes one.
    fn finish(self, manifest: Manifest) -> Result<Finished, Fault> {
        let Step {
            round,
            signing_key,
            log,
            folder,
            ..
        } = self;
        let path = &round.paths.signing_key;
        let signing_key = match signing_key {
            Some(key) => key,
            None => SigningKey::read_or_make(path)?,
        };
        // If this fails, a new key stays for the next step: another one may have used it meanwhile.
        let written = write(&round, folder, log, manifest, &signing_key);
        written.map(|manifest| Finished {
            signing_key,
            manifest,
            signing_key_path: path.to_path_buf(),
        })
    }
}

impl StepOptions<'_> {
    /// Returns the office that runs the step, as named in `[signing.signers]`.
    fn office<'r>(&self, terms: &'r RoundTerms) -> &'r str {
        match self.kind {
            StepKind::Screen => CENTRE,
            StepKind::Tokenise => {
                let export = self.export.and_then(|export| terms.export(export));
                export.map_or("", |export| &export.schema.agency)
            }
            StepKind::Run | StepKind::Resolve => &terms.cases.schema.agency,
        }
    }

    /// Checks that this office has the signing key that the round file names:
    /// the other offices accept no other.
    fn check_sender(&self, round: &Round, signing_key: Option<&SigningKey>) -> Result<(), Fault> {
        let path = &round.paths.signing_key;
        let key = signing_key.ok_or_else(|| no_signing_key(path))?;
        let office = self.office(&round.terms);
        let mut signers = round.terms.signers.iter();
        if signers.any(|(name, signer)| name == office && signer == key.public()) {
            return Ok(());
        }
        Err(Fault::of_file(
            path,
            Text::new(
                format!("签名私钥与轮次文件中 {office} 的公钥不符"),
                format!(
                    "the signing key does not match the public key of {office} in the round file"
                ),
            ),
            Text::new(
                "请用 --signing-key 指明本机构的签名私钥，或更正各机构共用的轮次文件",
                "give this office's signing key with --signing-key, or correct the round file that all offices share",
            ),
        ))
    }

    /// Reads the round, with the exports that a step of this kind needs.
    fn read(&self) -> Result<Round, Faults> {
        let (mode, reads) = match self.kind {
            StepKind::Run => (Mode::Pooled, Reads::All),
            StepKind::Tokenise => (Mode::Split, self.export.map_or(Reads::Nothing, Reads::One)),
            // The centre has no exports.
            StepKind::Screen => (Mode::Split, Reads::Nothing),
            StepKind::Resolve => (Mode::Split, Reads::One(CASE_EXPORT)),
        };
        let round = Round::read(self.round, self.output, mode, reads)?;
        Ok(round.with_signing_key(self.signing_key))
    }

    fn started(&self, terms: &RoundTerms) -> Event {
        let started = Started {
            round: terms.round.clone(),
            round_file_blake3: terms.digest.clone(),
            export: self.export.map(str::to_owned),
            // The round file names the procuratorate's operator, not the centre's.
            operator: (self.kind != StepKind::Screen).then(|| terms.operator.clone()),
            mode: (terms.mode == Mode::Pooled).then(|| terms.mode.name().to_owned()),
        };
        match self.kind {
            StepKind::Run => Event::RoundStarted(started),
            StepKind::Tokenise => Event::TokeniseStarted(started),
            StepKind::Screen => Event::ScreeningStarted(started),
            StepKind::Resolve => Event::ResolveStarted(started),
        }
    }
}

fn complete(kind: StepKind, manifest_blake3: String) -> Event {
    let complete = Complete { manifest_blake3 };
    match kind {
        StepKind::Run => Event::RoundComplete(complete),
        StepKind::Tokenise => Event::TokeniseComplete(complete),
        StepKind::Screen => Event::ScreeningComplete(complete),
        StepKind::Resolve => Event::ResolveComplete(complete),
    }
}

fn write(
    round: &Round,
    mut folder: OutputFolder,
    mut log: AuditLog,
    mut manifest: Manifest,
    signing_key: &SigningKey,
) -> Result<Manifest, Fault> {
    for file in &round.terms.configuration {
        folder.write(&file.path, &file.bytes)?;
    }
    for file in folder.written() {
        log.record(&Event::FileWritten {
            file: file.path.clone(),
            blake3: file.digest.clone(),
        });
    }
    manifest.signing = Some(SigningUsed {
        key_id: signing_key.public().id(),
        public_key: signing_key.public().to_base64(),
    });
    manifest.confinement = Some(confinement::granted());
    manifest.outputs = folder.written().iter().map(output_file).collect();
    let output = &round.paths.output;
    let mut outputs = manifest.outputs.iter();
    if let Some(other) = outputs.find(|output| !step_outputs::writes(&manifest, output)) {
        // Verification would refuse the folder: the program has a defect.
        return Err(not_of_the_step(&output.join(&other.file)));
    }
    let bytes = manifest.to_file(&output.join(MANIFEST))?;
    folder.write(MANIFEST, &bytes)?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    log.record(&complete(manifest.step, digest));
    folder.write(LOG, log.to_file(&output.join(LOG))?.as_bytes())?;
    let comment = trusted_comment(&manifest.round, manifest.step, log.last_digest());
    let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let shown = output.join(&path);
    let signature = signing_key.sign(&bytes, &comment, &shown)?;
    folder.write(&path, signature.as_bytes())?;
    folder.complete()?;
    Ok(manifest)
}

/// Returns the trusted comment of a manifest's signature, which binds the log to
/// the manifest.
pub fn trusted_comment(round: &str, step: StepKind, last_digest: &str) -> String {
    let step = step.name();
    format!("aidlink manifest; round {round}; step {step}; last log entry {last_digest}")
}

fn output_file(file: &WrittenFile) -> OutputFile {
    OutputFile {
        file: file.path.clone(),
        blake3: file.digest.clone(),
        bytes: file.byte_length,
        kind: file.to_fill_in.then_some(OutputKind::ToFillIn),
    }
}

/// Holds the folder of the inputs, so that no purge deletes them meanwhile. Several steps may
/// hold it. Returns `None` if the file system has no locks, or the folder cannot be opened: the
/// step says itself what it cannot read.
///
/// # Errors
/// When a purge holds the folder.
fn hold_round_folder(folder: &Path) -> Result<Option<File>, Fault> {
    let opened = std::fs::canonicalize(folder).and_then(|folder| Folder::open(&folder));
    match opened.and_then(|folder| folder.hold_itself()) {
        Ok(held) => Ok(held),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Fault::of_file(
            folder,
            Text::new(
                "purge 正在删除本轮的输入文件，或有程序占用此文件夹",
                "a purge is deleting inputs of the round, or a program holds this folder locked",
            ),
            Text::new("请待其结束后重新运行", "run again when it has ended"),
        )),
        Err(_) => Ok(None),
    }
}

fn not_of_the_step(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "本步骤不应写出此文件",
            "the step should not write this file",
        ),
        Text::new("请报告此问题", "please report this"),
    )
}

fn no_signing_key(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "找不到签名私钥：分步模式中送出的文件都须签名",
            "the signing key is missing: files that an office sends in a split round must be signed",
        ),
        Text::new(
            "请用 signing new 生成，并把公钥写入轮次文件的 [signing.signers]；或用 --signing-key 指明",
            "make one with `signing new` and add its public key to [signing.signers] of the round file, or give its path with --signing-key",
        ),
    )
}

fn known_answers_differ(round_file: &Path) -> Fault {
    Fault::of_file(
        round_file,
        Text::new(
            "令牌算法未通过已知答案测试，未运行",
            "the token algorithm failed its known-answer test; nothing was run",
        ),
        Text::new("请重新安装程序", "reinstall the program"),
    )
}
