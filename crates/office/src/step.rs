//! The life of a step, the same for every step of every office: it begins with
//! what must be right before any work, the work is the step's own, and it ends
//! with the manifest, the log and the signature that binds the two. Then the
//! output folder gets its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_policy::pack::CASE_EXPORT;
use serde::Serialize;

use crate::audit_log::{AuditLog, Complete, Event, LOG, Started};
use crate::confinement;
use crate::ending::Ending;
use crate::manifest::{
    CalendarUsed, ImpactAssessment, MANIFEST, Manifest, OutputFile, Passed, PolicyUsed,
    SigningUsed, Software, StepKind,
};
use crate::output_folder::{OutputFolder, WrittenFile};
use crate::round::{Mode, Reads, Round, RoundTerms};
use crate::signing::{SIGNATURE_SUFFIX, SigningKey, public_key_path};
use crate::terminal::Output;
use crate::verification::CENTRE;

/// What a step begins with.
#[derive(Clone, Copy)]
pub struct Beginning<'b> {
    /// The step.
    pub kind: StepKind,
    /// The name of this program.
    pub program: &'static str,
    /// The round file.
    pub round: &'b Path,
    /// The output folder, if it is not the round file's.
    pub output: Option<&'b Path>,
    /// This office's signing key, if it is not the round file's.
    pub signing_key: Option<&'b Path>,
    /// The export that the step works on, if it is one.
    pub export: Option<&'b str>,
    /// Whether a token algorithm gives the known answers; `None` for a step
    /// that makes no tokens.
    pub known_answers: Option<fn(TokenAlgorithm) -> bool>,
}

/// A step under way.
pub struct Step {
    kind: StepKind,
    program: &'static str,
    round: Arc<Round>,
    signing_key: Option<SigningKey>,
    /// The log.
    pub log: AuditLog,
    /// The output folder.
    pub folder: OutputFolder,
}

/// A step that has ended.
pub struct Finished {
    /// The key that signed.
    pub signing_key: SigningKey,
    /// The manifest as it was written.
    pub manifest: Manifest,
    signing_key_path: PathBuf,
}

/// The answer of a step as JSON.
#[derive(Serialize)]
struct StepReport<'a, S> {
    folder: &'a Path,
    manifest: &'a Manifest,
    /// The figures of the lists, for a step that writes lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a S>,
}

impl Finished {
    /// Prints the manifest, and the summary of a step that writes lists, as JSON.
    pub fn print_json<S: Serialize>(&self, folder: &Path, summary: Option<&S>, output: Output) {
        output.json(&StepReport {
            folder,
            manifest: &self.manifest,
            summary,
        });
    }

    /// What a user must know of a signing key that the step made.
    pub fn key_made(&self) -> Option<Text> {
        self.signing_key.made_text(&self.signing_key_path)
    }
}

impl Step {
    /// Begins a step: the round must be sound with all that this step reads of
    /// it, the output folder must not exist, the signing key must be sound where
    /// there is one, and the token algorithm must give the known answers. The
    /// log begins.
    ///
    /// # Errors
    /// How the command ends otherwise.
    pub fn begin(beginning: Beginning<'_>) -> Result<Self, Ending> {
        let round = beginning.read().map_err(Ending::WrongConfiguration)?;
        let Round { terms, paths, .. } = &round;
        OutputFolder::check_destination(&paths.output)
            .map_err(|fault| Ending::WrongConfiguration(fault.into()))?;
        if let Some(holds) = beginning.known_answers
            && !holds(terms.algorithm)
        {
            // A broken build must not make a token.
            return Err(known_answers_differ(&terms.file).into());
        }
        let signing_key = SigningKey::at_the_beginning(&paths.signing_key)?;
        if terms.mode == Mode::Split {
            beginning.check_sender(&round, signing_key.as_ref())?;
        }
        let folder = OutputFolder::begin(&paths.output)?;
        let mut log = AuditLog::new(jiff::Timestamp::now);
        log.record(&beginning.started(terms));
        let granted = confinement::granted();
        log.record(&Event::Confined {
            network: granted.network,
            core_dumps: granted.core_dumps,
        });
        if beginning.known_answers.is_some() {
            log.record(&Event::KnownAnswerTest {
                algorithm: terms.algorithm,
                result: Passed::Passed,
            });
        }
        Ok(Step {
            kind: beginning.kind,
            program: beginning.program,
            round: Arc::new(round),
            signing_key,
            log,
            folder,
        })
    }

    /// The round of the step.
    pub fn round(&self) -> Arc<Round> {
        Arc::clone(&self.round)
    }

    /// Does the work of a step and ends it.
    ///
    /// # Errors
    /// Why the work or its writing failed; nothing is left of the output then.
    pub fn perform<T>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<(Manifest, T), Faults>,
    ) -> Result<(T, Finished), Faults> {
        let (manifest, result) = work(&mut self)?;
        let finished = self.finish(manifest)?;
        Ok((result, finished))
    }

    /// The key with which this office signs what it sends.
    ///
    /// # Errors
    /// When there is none: a split step does not begin without it.
    pub fn sender(&self) -> Result<&SigningKey, Fault> {
        let path = &self.round.paths.signing_key;
        self.signing_key
            .as_ref()
            .ok_or_else(|| no_signing_key(path))
    }

    /// What every manifest says, for the step to add its own part.
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
            policy: PolicyUsed {
                id: terms.policy.id.clone(),
                version: terms.policy.version.clone(),
                blake3: terms.policy.digest.clone(),
            },
            calendar: CalendarUsed {
                blake3: terms.calendar.digest().to_owned(),
            },
            list_language: None,
            provisional: None,
            not_verified_by: None,
            key: None,
            exports: Vec::new(),
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

    /// Writes the round's documents, the manifest, the log and the signature,
    /// and gives the folder its name. The signing key is the one that was there
    /// when the step began; where there was none one is made now, and kept if
    /// the step succeeds.
    fn finish(self, manifest: Manifest) -> Result<Finished, Fault> {
        let Step {
            round,
            signing_key,
            log,
            folder,
            ..
        } = self;
        let (path, output) = (&round.paths.signing_key, &round.paths.output);
        let signing_key = match signing_key {
            Some(key) => key,
            None => SigningKey::read_or_make(path)?,
        };
        let written = write(&round, folder, log, manifest, &signing_key);
        // A folder that is there was signed with it, whatever the disk says of lasting.
        if written.is_err() && signing_key.made && !output.exists() {
            // What cannot be removed serves the next run.
            let _ = std::fs::remove_file(path);
            let _ = std::fs::remove_file(public_key_path(path));
        }
        written.map(|manifest| Finished {
            signing_key,
            manifest,
            signing_key_path: path.to_path_buf(),
        })
    }
}

impl Beginning<'_> {
    /// The office whose step it is, as `[signing.signers]` names it.
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

    /// The other offices know this office by the key that the round file names.
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
                format!("这不是轮次文件为 {office} 所写的签名私钥"),
                format!("this is not the signing key that the round file names for {office}"),
            ),
            Text::new(
                "请用 --signing-key 指明本机构的签名私钥，或更正各机构共用的轮次文件",
                "name this office's key with --signing-key, or correct the round file that all offices share",
            ),
        ))
    }

    /// The round, with the exports whose files a step of this kind reads.
    fn read(&self) -> Result<Round, Faults> {
        let (mode, reads) = match self.kind {
            StepKind::Run => (Mode::Pooled, Reads::All),
            StepKind::Tokenise => (Mode::Split, self.export.map_or(Reads::Nothing, Reads::One)),
            // The centre reads no export: nothing of them is looked at.
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
            // The operator of the round file is the procuratorate's; the centre has its own.
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
    let bytes = manifest.to_bytes();
    folder.write(MANIFEST, &bytes)?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    log.record(&complete(manifest.step, digest));
    folder.write(LOG, log.to_jsonl().as_bytes())?;
    let comment = comment(&manifest.round, manifest.step, log.last_digest());
    let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
    let shown = round.paths.output.join(&path);
    let signature = signing_key.sign(&bytes, &comment, &shown)?;
    folder.write(&path, signature.as_bytes())?;
    folder.complete()?;
    Ok(manifest)
}

/// The trusted comment of a manifest's signature: it binds the log to the manifest.
pub fn comment(round: &str, step: StepKind, last_digest: &str) -> String {
    let step = step.name();
    format!("aidlink manifest; round {round}; step {step}; last log entry {last_digest}")
}

fn output_file(file: &WrittenFile) -> OutputFile {
    OutputFile {
        file: file.path.clone(),
        blake3: file.digest.clone(),
        bytes: file.byte_length,
    }
}

fn no_signing_key(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "找不到签名私钥：分步轮次中送出的文件都须签名",
            "there is no signing key: what an office sends in a split round is signed",
        ),
        Text::new(
            "请用 signing new 生成，把公钥写入轮次文件的 [signing.signers]；或用 --signing-key 指明",
            "make one with `signing new` and put its public key into [signing.signers] of the round file, or name it with --signing-key",
        ),
    )
}

fn known_answers_differ(round_file: &Path) -> Fault {
    Fault::of_file(
        round_file,
        Text::new(
            "令牌算法自检不通过，拒绝运行",
            "the token algorithm fails its known-answer test; the run is refused",
        ),
        Text::new("请重新安装程序", "install the program again"),
    )
}
