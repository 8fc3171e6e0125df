//! `aidlink audit`, for the compliance officer: shows what was read and why,
//! whether anything was changed, and what is left to delete.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::{Language, Text};
use aidlink_office::audit_log::LOG;
use aidlink_office::other_outputs::Judging;
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::round::{Mode, Reads, RoundTerms, WrittenRound};
use aidlink_office::round_folder::RoundFolder;
use aidlink_office::signing::PublicKey;
use aidlink_office::standing::ours_in;
use aidlink_office::terminal::{Form, Output, Progress, ReportedFault, print_faults};
use aidlink_office::unknown_files::UnknownFiles;
use aidlink_office::unread::unread;
use aidlink_office::verification::{NamedKeys, RoundOffices, Signer, Verification, verify};
use jiff::Zoned;
use jiff::civil::Date;
use serde::Serialize;

use super::Ending;
use crate::cli::{AuditArguments, AuditCommand, TrustArguments};
use crate::proof_report::say_proof;
use crate::rerun::{Again, StepInputs, nothing_to_exchange, second_run};
use aidlink_agency::exports::{columns_of, constants_of, open, values_of};
use aidlink_agency::key::RoundKey;
use aidlink_agency::register_export::register_columns;
use aidlink_audit::checks::{self, Check, State};
use aidlink_audit::evidence::{Evidence, OutputRecords, SecondRun};
use aidlink_audit::minimisation::{Matrix, MatrixHead, SeenExport, SeenFile, Verdict, needs};
use aidlink_audit::minimisation_page;
use aidlink_audit::proof::{Proof, ProofState, Proving, first_of};
use aidlink_audit::report_page::{self, AuditedFolder};
use aidlink_files::owner_only::write_new_owner_only;
use aidlink_office::manifest::{ColumnRead, MANIFEST, PolicyUsed, StepKind};
use aidlink_policy::reading::{PlannedExport, ReadingChoice};

/// Audits or verifies output folders, or shows what a round would read.
pub fn run(arguments: AuditArguments, output: Output) -> Ending {
    match &arguments.command {
        Some(AuditCommand::Verify { folder, trust }) => verify_all(folder, trust, output),
        Some(AuditCommand::Matrix {
            round,
            output: folder,
        }) => matrix(round, folder.as_deref(), output),
        None => {
            // The command line requires a folder if there is no verb.
            let folder = arguments.folder.clone().unwrap_or_default();
            audit_all(&folder, &arguments, output)
        }
    }
}

/// Returns the trusted keys: those that the user names, or, if the user names
/// none, those in the round file. Keys in the round file are only as trustworthy
/// as that file.
fn trusted_keys(trust: &TrustArguments, found: &RoundFolder) -> Result<NamedKeys, Faults> {
    if trust.public_keys.is_empty() {
        let file = found.round_file.as_deref();
        // A round file that cannot be read names no signer.
        let written = file.and_then(|file| WrittenRound::read(file).ok());
        let offices = written.map(|written| RoundOffices {
            signers: written.signers(),
            exports: written.export_names().map(str::to_owned).collect(),
        });
        return Ok(NamedKeys::ByRound(offices.unwrap_or_default()));
    }
    let mut faults = FaultCollector::new();
    let mut keys = Vec::new();
    for text in &trust.public_keys {
        keys.extend(faults.take(PublicKey::named(text)));
    }
    faults.finish()?;
    Ok(NamedKeys::ByUser(keys))
}

fn verify_outputs(
    folder: &Path,
    trust: &TrustArguments,
) -> Result<(RoundFolder, Vec<Result<Verification, Fault>>), Faults> {
    let found = RoundFolder::find(folder, trust.round.as_deref())?;
    let trusted = trusted_keys(trust, &found)?;
    let verifications = found
        .outputs
        .iter()
        .map(|output| verify(output, found.round_file.as_deref(), &trusted))
        .collect();
    Ok((found, verifications))
}

fn verify_all(folder: &Path, trust: &TrustArguments, output: Output) -> Ending {
    let (found, verifications) = match verify_outputs(folder, trust) {
        Ok(found) => found,
        Err(faults) => return Ending::Failed(faults),
    };
    let mut unreadable = FaultCollector::new();
    let mut all_right = true;
    let mut reports = Vec::new();
    for verification in verifications {
        match verification {
            Err(fault) => unreadable.push(fault),
            Ok(verification) => {
                say_verification(&verification, output);
                all_right &= verification.faults.is_empty();
                reports.push(verification_report(&verification));
            }
        }
    }
    for text in found.foreign_text() {
        output.say(&text);
    }
    output.json(&reports);
    judged(unreadable, all_right, output)
}

/// Returns how an audit or a verification of several folders ends. What was found in one that
/// could be judged counts for more than one that could not be read.
fn judged(unreadable: FaultCollector, all_held: bool, output: Output) -> Ending {
    match unreadable.finish() {
        Ok(()) => Ending::held(all_held),
        Err(faults) if all_held => Ending::Failed(faults),
        Err(faults) => {
            print_faults(&faults, output.language);
            Ending::NotHeld
        }
    }
}

fn say_verification(verification: &Verification, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let folder = shown_path(&verification.folder);
    let (round, step) = (
        shown_name(&verification.manifest.round),
        verification.manifest.step.name(),
    );
    say(
        format!("轮次 {round}，步骤 {step}：{folder}"),
        format!("Round {round}, step {step}: {folder}"),
    );
    if let Signer::Named(name, key) = &verification.signer {
        let id = key.id();
        let (zh, en) = match name {
            None => (
                "指明的公钥：".to_owned(),
                "the key that you named:".to_owned(),
            ),
            Some(office) => {
                let office = shown_name(office);
                (
                    format!("轮次文件所指明的 {office}："),
                    format!("{office}, as named in the round file:"),
                )
            }
        };
        say(
            format!("  运行记录的签名正确，{zh}{id}"),
            format!("  the manifest is signed by {en} {id}"),
        );
    }
    let (held, entries) = (verification.files_held, verification.log.entries.len());
    say(
        format!("  {held}个文件与运行记录相符，日志有{entries}条"),
        format!("  {held} files match the manifest, {entries} entries in the log"),
    );
    for record in &verification.deleted {
        let (count, at) = (record.all_removed().count(), record.completed_at);
        say(
            format!("  {count}个文件已删除，有签名的删除记录（{at}）"),
            format!("  {count} files were deleted, with a signed record ({at})"),
        );
    }
    for path in &verification.left_by_programs {
        let path = shown_path(Path::new(path));
        say(
            format!("  {path}：办公软件或文件管理器留下的文件，与结果无关，可删去"),
            format!(
                "  {path}: left by an office program or file manager; not part of the result, may be removed"
            ),
        );
    }
    for path in &verification.filled_in {
        let path = shown_path(Path::new(path));
        say(
            format!("  {path}：已填写（与签发时不同，不算改动）"),
            format!("  {path}: filled in (differs from what was issued, and is not a change)"),
        );
    }
    if verification.faults.is_empty() {
        let (zh, en) = match verification.filled_in.is_empty() {
            true => (
                "没有发现改动、缺失或添加",
                "nothing was changed, removed or added",
            ),
            false => (
                "此外没有发现改动、缺失或添加",
                "nothing else was changed, removed or added",
            ),
        };
        say(format!("  {zh}"), format!("  {en}"));
    }
    output.say_faults(verification.faults.iter());
}

fn audit_all(folder: &Path, arguments: &AuditArguments, output: Output) -> Ending {
    let (found, verifications) = match verify_outputs(folder, &arguments.trust) {
        Ok(found) => found,
        Err(faults) => return Ending::Failed(faults),
    };
    let today = Zoned::now().date();
    let verified = verifications.iter().flatten();
    let signers = verified.clone().filter_map(|one| match &one.signer {
        // As for what other outputs need: the audit says of one that nobody named its key.
        Signer::Named(_, key) | Signer::NotNamed(key) => Some(key.clone()),
        Signer::None => None,
    });
    let judging = Judging {
        signers: &signers.collect::<Vec<PublicKey>>(),
        key_id: &RoundKey::id_for,
        program: "aidlink",
        today,
    };
    let (mut unknown_files, owners) = UnknownFiles::find(&found, judging);
    let mut records: Vec<OutputRecords> = verified.map(OutputRecords::of).collect();
    let others = ours_in(
        &found.folder,
        &found.siblings,
        &found.opened,
        judging.signers,
    );
    records.extend(others.iter().map(OutputRecords::of_other));
    let unread = unread(&found);
    let all_outputs = [found.outputs.as_slice(), &found.siblings].concat();
    // Before the audit, which may take minutes.
    if let Some(path) = arguments.report.as_deref()
        && let Err(fault) = outside(path, &found, &all_outputs).and_then(|()| is_new(path))
    {
        return Ending::Failed(fault.into());
    }
    let mut unreadable = FaultCollector::new();
    let mut reports = Vec::new();
    let mut audited = Vec::new();
    let mut not_proven = FaultCollector::new();
    let mut all_held = true;
    for verification in verifications {
        let verification = match verification {
            Ok(verification) => verification,
            Err(fault) => {
                unreadable.push(fault);
                continue;
            }
        };
        let round_file = found.round_file.as_deref();
        let planned = planned_exports(&verification, round_file);
        let rerun = Rerun::of(&verification, round_file, arguments, output);
        let second_run = rerun.second_run();
        let mut evidence = Evidence::gather(
            verification,
            &found.folder,
            round_file,
            today,
            planned,
            second_run,
        );
        if found.rounds.contains(&evidence.manifest().round) {
            evidence.remains.leave_unread(&unread);
        }
        evidence.rest_on(&records);
        evidence.take_replaced(&records, &found);
        unknown_files.add(owners.unnamed(&found, &evidence.replaced, &RoundKey::id_for));
        evidence.keep_needed(&all_outputs, &found);
        let checks = checks::all(&evidence);
        let proof = arguments
            .prove_minimisation
            .then(|| rerun.proof(&evidence, output));
        let faults = &evidence.verification.faults;
        all_held &= faults.is_empty()
            && checks
                .iter()
                .all(|check| check.finding.state != State::NotHeld)
            && !proof.as_ref().is_some_and(Proof::is_wrong);
        say_verification(&evidence.verification, output);
        say_checks(&evidence, &checks, &unknown_files, output);
        if let Some(proof) = &proof {
            say_proof(proof, output);
            not_proven.extend(not_possible(&evidence.verification.folder, proof));
        }
        reports.push(AuditReport {
            minimisation_proof: proof.clone(),
            ..audit_report(&evidence, checks.clone(), &unknown_files)
        });
        audited.push(AuditedFolder {
            evidence,
            checks,
            proof,
        });
    }
    // Each report lists them all.
    for report in &mut reports {
        report.unknown_files = unknown_files.clone();
    }
    let others = found.foreign_text().into_iter().chain(unknown_files.text());
    let mut others: Vec<Text> = others.collect();
    for text in &others {
        output.say(text);
    }
    output.json(&reports);
    if let Some(path) = arguments.report.as_deref() {
        // A folder that could not be read was not audited, and the report says so.
        let faults = unreadable.iter();
        let both = |fault: &Fault| {
            let [zh, en] = [Language::Chinese, Language::English].map(|one| fault.render(one));
            Text::new(zh, en)
        };
        others.extend(faults.map(both));
        let bytes = report_page::report(&audited, &others, today, output.language);
        let what = Text::new("审计报告", "the audit report");
        if let Err(fault) = write_new_owner_only(path, &bytes, &what) {
            return Ending::Failed(fault.into());
        }
        let path = shown_path(path);
        output.say(&Text::new(
            format!("审计报告已写入 {path}（仅限本人读取）"),
            format!("Audit report written to {path} (owner-only)"),
        ));
    }
    unreadable.extend(not_proven.finish().err().into_iter().flatten());
    judged(unreadable, all_held, output)
}

/// Returns the fault of a proof that was asked for and could not be made.
fn not_possible(folder: &Path, proof: &Proof) -> Option<Fault> {
    let why = proof.why.clone().unwrap_or_default();
    (proof.state == ProofState::NotPossible).then(|| {
        Fault::of_file(
            folder,
            Text::new(
                format!("无法作出运行证明：{}", why.zh),
                format!("the proof by execution is not possible: {}", why.en),
            ),
            Text::new(
                "请在删除数据之前，用原有的轮次文件、导出和密钥运行；密封的线索须加 --identity",
                "make it before data is deleted, with the same round file, exports and key; for sealed leads add --identity",
            ),
        )
    })
}

/// The step of a folder, run again if that was asked for.
enum Rerun {
    NotAsked,
    /// It cannot be run again, for this reason.
    NotPossible(Text),
    Run {
        inputs: Box<StepInputs>,
        again: Result<Again, Faults>,
    },
}

impl Rerun {
    fn of(
        verification: &Verification,
        round_file: Option<&Path>,
        arguments: &AuditArguments,
        output: Output,
    ) -> Self {
        let manifest = &verification.manifest;
        // Without a proof, only a pooled round is compared.
        let is_compared = arguments.rerun && manifest.step == StepKind::Run;
        if !is_compared && !arguments.prove_minimisation {
            return match arguments.rerun {
                true => Rerun::NotPossible(Text::default()),
                false => Rerun::NotAsked,
            };
        }
        if let Some(why) = nothing_to_exchange(manifest) {
            return Rerun::NotPossible(why);
        }
        let inputs = StepInputs::find(manifest, round_file, arguments.identity.as_deref());
        match inputs {
            Err(why) => Rerun::NotPossible(why),
            Ok(inputs) => {
                let again = inputs.run(None, output);
                if let Err(faults) = &again {
                    output.say_faults(faults.iter());
                }
                let inputs = Box::new(inputs);
                Rerun::Run { inputs, again }
            }
        }
    }

    /// Returns what check 23 compares.
    fn second_run(&self) -> SecondRun {
        match self {
            Rerun::NotAsked => SecondRun::NotAsked,
            Rerun::NotPossible(_) => SecondRun::NotPossible,
            Rerun::Run { again, .. } => second_run(again.as_ref()),
        }
    }

    /// Makes the proof by execution.
    fn proof(self, evidence: &Evidence, output: Output) -> Proof {
        let manifest = evidence.manifest();
        if let Some(why) = nothing_to_exchange(manifest) {
            return Proof::not_made(ProofState::NotApplicable, why);
        }
        let (inputs, again) = match self {
            Rerun::Run { inputs, again } => (inputs, again),
            Rerun::NotAsked => return Proof::not_made(ProofState::NotPossible, Text::default()),
            Rerun::NotPossible(why) => {
                return Proof::not_made(ProofState::NotPossible, not_here(evidence, why));
            }
        };
        let documents = match &evidence.documents {
            Ok(documents) => documents,
            Err(faults) => {
                return Proof::not_made(ProofState::NotPossible, first_of(faults));
            }
        };
        let second_run = again.map(|again| again.digests);
        let proving = Proving {
            verification: &evidence.verification,
            matrix: &documents.matrix,
            policy: &documents.policy,
            schemas: &documents.schemas,
            planned: &inputs.exports,
            second_run: &second_run,
        };
        // One line for all runs, of which each would leave a line for every file.
        let progress = Progress::new(output);
        let quiet = Output {
            form: Form::Quiet,
            ..output
        };
        let mut runs = 0;
        let proof = proving.prove(&mut |exchange| {
            runs += 1;
            let export = shown_name(&exchange.export);
            progress.step(&Text::new(
                format!("运行证明，第{runs}次重新运行：{export}"),
                format!("proof by execution, run {runs}: {export}"),
            ));
            let again = inputs.run(Some(exchange), quiet)?;
            Ok(again.digests)
        });
        progress.finish();
        proof
    }
}

/// Returns why a step cannot be run again, with the deletion of its inputs if there is a record.
fn not_here(evidence: &Evidence, why: Text) -> Text {
    match evidence.verification.deleted.last() {
        None => why,
        Some(record) => {
            let at = record.completed_at;
            Text::new(
                format!("本轮数据已于 {at} 删除，有签名的删除记录（{}）", why.zh),
                format!(
                    "the round's data was deleted at {at}, with a signed record ({})",
                    why.en
                ),
            )
        }
    }
}

/// Refuses a path at which there is something.
fn is_new(path: &Path) -> Result<(), Fault> {
    match std::fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(_) => Err(Fault::of_file(
            path,
            Text::new("文件已存在", "the file exists already"),
            Text::new("请用 --report 指明别处", "name another place with --report"),
        )),
    }
}

/// Refuses a report in an output folder, where it would be a file that was added after
/// signing, or in the round's folder, where it would be an unknown file of the next audit.
fn outside(path: &Path, found: &RoundFolder, outputs: &[PathBuf]) -> Result<(), Fault> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // One that is not there cannot be written to, which says so itself.
    let Ok(parent) = parent.canonicalize() else {
        return Ok(());
    };
    let folders = outputs.iter().chain([&found.folder]);
    let mut folders = folders.filter_map(|folder| folder.canonicalize().ok());
    // Also in an output folder that this audit does not know, of this round or another.
    let is_output = |folder: &Path| {
        [MANIFEST, LOG]
            .iter()
            .all(|name| folder.join(name).symlink_metadata().is_ok())
    };
    if folders.any(|folder| parent.starts_with(&folder)) || parent.ancestors().any(is_output) {
        return Err(Fault::of_file(
            path,
            Text::new(
                "审计报告不能写在轮次文件夹或输出文件夹里",
                "the audit report cannot be in the round's folder or an output folder",
            ),
            Text::new("请用 --report 指明别处", "name another place with --report"),
        ));
    }
    Ok(())
}

/// Returns the exports as the round file plans them. `None` if the round file is
/// missing or has changed, or an export is missing.
fn planned_exports(
    verification: &Verification,
    round_file: Option<&Path>,
) -> Option<Vec<PlannedExport>> {
    let written = WrittenRound::read(round_file?).ok()?;
    let manifest = &verification.manifest;
    if written.digest() != manifest.round_file_blake3 {
        return None;
    }
    let planned = match manifest.mode {
        Mode::Pooled => written.planned(Mode::Pooled, Reads::All),
        Mode::Split => {
            let export = &manifest.exports.first()?.export;
            written.planned(Mode::Split, Reads::One(export))
        }
    };
    let (_, exports) = planned.ok()?;
    // An export that is not in the round file cannot be read again.
    (!exports.is_empty()).then_some(exports)
}

fn say_checks(evidence: &Evidence, checks: &[Check], unknown: &UnknownFiles, output: Output) {
    let say = |text: &Text| output.say(text);
    for check in checks {
        let (number, state) = (check.number, check.finding.state.text());
        say(&Text::new(
            format!("{number:>4} {}  {}", state.zh, check.title.zh),
            format!("{number:>4} {}  {}", state.en, check.title.en),
        ));
        for text in &check.finding.evidence {
            say(&Text::new(
                format!("              {}", text.zh),
                format!("                       {}", text.en),
            ));
        }
    }
    let count = |state| {
        checks
            .iter()
            .filter(|check| check.finding.state == state)
            .count()
    };
    let (held, not_held) = (count(State::Held), count(State::NotHeld));
    let not_applicable = count(State::NotApplicable);
    say(&Text::new(
        format!("符合{held}项，不符合{not_held}项，不适用{not_applicable}项"),
        format!("{held} held, {not_held} not held, {not_applicable} not applicable"),
    ));
    if evidence.step().reads_exports() {
        let page = shown_path(&evidence.path("minimisation"));
        say(&Text::new(
            format!("读取了什么、为何读取、谁能看到：{page}/matrix.zh.html"),
            format!("What was read, why, and who sees it: {page}/matrix.en.html"),
        ));
    }
    let left = evidence.remains.to_delete().count();
    let until = evidence.manifest().retention_until;
    let (unproven, elsewhere) = (
        evidence.unproven().len(),
        evidence.removed_elsewhere().len(),
    );
    if elsewhere > 0 {
        say(&Text::new(
            format!("{elsewhere}个文件不在此处，载明其已删除的记录写于另一文件夹"),
            format!(
                "{elsewhere} files are missing, and the deletion record that names them was written in another folder"
            ),
        ));
    }
    if unproven > 0 {
        say(&Text::new(
            format!(
                "{unproven}个文件不在此处，也没有删除记录；若轮次文件在别处，请用 --round 指明"
            ),
            format!(
                "{unproven} files are missing, and no deletion record names them; if the round file is elsewhere, name it with --round"
            ),
        ));
    } else if elsewhere == 0 && left == 0 && !unknown.is_empty() {
        say(&Text::new(
            "已知文件中没有剩余的数据须删除",
            "No known file is left to delete",
        ));
    } else if elsewhere == 0 && left == 0 {
        say(&Text::new(
            "没有剩余的数据须删除",
            "Nothing is left to delete",
        ));
    }
    if left > 0 {
        let folder = shown_path(&evidence.verification.folder);
        say(&Text::new(
            format!("须在 {until} 前删除{left}个文件：aidlink purge {folder} --dry-run 可列出"),
            format!(
                "{left} files must be deleted by {until}: `aidlink purge {folder} --dry-run` lists them"
            ),
        ));
    }
}

/// The verification of one folder as JSON.
#[derive(Serialize)]
struct VerificationReport {
    folder: String,
    round: String,
    step: StepKind,
    /// Absent if no trusted key signed the manifest.
    signer: Option<ReportedSigner>,
    files_held: u64,
    /// Workbooks that were filled in.
    filled_in: Vec<String>,
    faults: Vec<ReportedFault>,
}

/// The audit of one folder as JSON.
#[derive(Serialize)]
struct AuditReport {
    #[serde(flatten)]
    verification: VerificationReport,
    checks: Vec<Check>,
    left_to_delete: Vec<String>,
    /// The unknown files in the round's folder.
    unknown_files: UnknownFiles,
    delete_by: Date,
    /// The proof by execution, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimisation_proof: Option<Proof>,
}

#[derive(Serialize)]
struct ReportedSigner {
    /// The owner of the key, as the user or the round file names it.
    named: Option<String>,
    key_id: String,
}

fn verification_report(verification: &Verification) -> VerificationReport {
    let manifest = &verification.manifest;
    let shown = |name: &str| shown_name(name).into_owned();
    let signer = match &verification.signer {
        Signer::Named(name, key) => Some((name.as_deref().map(shown), key.id())),
        Signer::NotNamed(key) => Some((None, key.id())),
        Signer::None => None,
    };
    VerificationReport {
        folder: shown_path(&verification.folder),
        round: shown(&manifest.round),
        step: manifest.step,
        signer: signer.map(|(named, key_id)| ReportedSigner { named, key_id }),
        files_held: verification.files_held,
        filled_in: verification
            .filled_in
            .iter()
            .map(|path| shown_path(Path::new(path)))
            .collect(),
        faults: verification.faults.iter().map(ReportedFault::of).collect(),
    }
}

fn audit_report(
    evidence: &Evidence,
    checks: Vec<Check>,
    unknown_files: &UnknownFiles,
) -> AuditReport {
    let remains = &evidence.remains;
    let left = remains.to_delete().chain(remains.outside());
    AuditReport {
        verification: verification_report(&evidence.verification),
        checks,
        left_to_delete: left.map(|file| shown_path(Path::new(&file.path))).collect(),
        unknown_files: unknown_files.clone(),
        delete_by: evidence.manifest().retention_until,
        minimisation_proof: None,
    }
}

/// Shows which columns a round would read. Reads only the headers of the exports;
/// in a split round, only of those exports whose files are present.
fn matrix(round: &Path, folder: Option<&Path>, output: Output) -> Ending {
    if let Some(folder) = folder
        && let Err(fault) = OutputFolder::check_destination(folder)
    {
        return Ending::WrongConfiguration(fault.into());
    }
    let (terms, planned) = match planned(round) {
        Ok(planned) => planned,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let mut faults = FaultCollector::new();
    let seen: Vec<Vec<(Vec<ColumnRead>, &ReadingChoice)>> = planned
        .iter()
        .map(|planned| {
            let needed = |name: &str| {
                let schema = &planned.schema;
                let field = schema.field(name);
                field.is_some_and(|field| !needs(&terms.policy, schema, field).is_empty())
            };
            let files = open(&terms.policy, planned, &mut faults);
            let files = files.iter().filter_map(|export| {
                let file = planned.files.get(export.file())?;
                Some((columns_of(export, needed), &file.reading))
            });
            files.collect()
        })
        .collect();
    if let Err(faults) = faults.finish() {
        return Ending::Failed(faults);
    }
    let of_registers: Vec<Option<Vec<ColumnRead>>> = planned
        .iter()
        .map(|planned| {
            planned.register.as_ref()?;
            Some(register_columns(&terms.policy, &planned.schema))
        })
        .collect();
    let exports = planned.iter().zip(&seen).zip(&of_registers);
    let exports = exports.map(|((planned, files), of_register)| {
        let files = files.iter().map(|(columns, reading)| SeenFile {
            columns,
            constants: constants_of(reading),
            because: reading.because.clone(),
            values: values_of(reading),
        });
        let of_register = of_register
            .iter()
            .map(|columns| SeenFile::of_register(columns));
        SeenExport {
            export: &planned.schema.name,
            snapshot: planned.snapshot,
            legal_basis: &planned.legal_basis,
            files: files.chain(of_register).collect(),
        }
    });
    let head = MatrixHead {
        round: terms.round.clone(),
        step: None,
        mode: terms.mode,
        as_of: terms.as_of,
        purpose: terms.purpose.clone(),
        impact_assessment: terms.impact_assessment.clone(),
        policy: PolicyUsed::of(&terms.policy),
    };
    let matrix = Matrix::new(head, exports, &terms.policy, &terms.schemas);
    let written = folder.map(|folder| {
        let mut folder = OutputFolder::begin(folder)?;
        for (name, bytes) in minimisation_page::files(&matrix) {
            folder.write(name, &bytes)?;
        }
        folder.complete()
    });
    if let Some(Err(fault)) = written {
        return Ending::Failed(fault.into());
    }
    say_matrix(&matrix, output);
    if let Some(folder) = folder {
        let folder = shown_path(folder);
        output.say(&Text::new(
            format!("已写入 {folder}"),
            format!("Written to {folder}"),
        ));
    }
    output.json(&matrix.document());
    Ending::Done
}

fn planned(round: &Path) -> Result<(RoundTerms, Vec<PlannedExport>), Faults> {
    let written = WrittenRound::read(round)?;
    match written.mode() {
        Ok(Mode::Split) => written.planned(Mode::Split, Reads::Present),
        // A mode that does not exist is reported with the other faults.
        Ok(Mode::Pooled) | Err(_) => written.planned(Mode::Pooled, Reads::All),
    }
}

fn say_matrix(matrix: &Matrix, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    for part in &matrix.exports {
        let names = |verdict: Verdict| {
            let rows = part.columns.iter().filter(|row| row.verdict == verdict);
            let names: Vec<String> = rows
                .map(|row| row.field.clone().unwrap_or_else(|| row.headers.join(", ")))
                .collect();
            names
        };
        let (read, unread) = (names(Verdict::ReadAsNeeded), names(Verdict::PresentNotRead));
        let absent = names(Verdict::NeededAbsent);
        say(
            format!("{}（{}）", part.title.zh, part.legal_basis),
            format!("{} ({})", part.title.en, part.legal_basis),
        );
        say(
            format!("  将读取{}列：{}", read.len(), read.join("、")),
            format!("  would read {} columns: {}", read.len(), read.join(", ")),
        );
        if !unread.is_empty() {
            say(
                format!("  存在而不读取的{}列：{}", unread.len(), unread.join("、")),
                format!(
                    "  present but not read, {} columns: {}",
                    unread.len(),
                    unread.join(", ")
                ),
            );
        }
        let given: Vec<String> = part
            .columns
            .iter()
            .flat_map(|row| {
                let field = row.field.as_deref().unwrap_or_default();
                let constants = row.constants.iter();
                constants.map(move |given| match &given.because {
                    Some(because) => format!("{field} = {} ({because})", given.value),
                    None => format!("{field} = {}", given.value),
                })
            })
            .collect();
        if !given.is_empty() {
            say(
                format!("  轮次文件写明的固定值：{}", given.join("、")),
                format!("  given by the round file: {}", given.join(", ")),
            );
        }
        if !absent.is_empty() {
            say(
                format!("  需要而导出中没有：{}", absent.join("、")),
                format!("  needed but missing: {}", absent.join(", ")),
            );
        }
    }
}
