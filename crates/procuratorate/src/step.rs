//! The procuratorate's step of a split round: makes the match lists from the
//! screened leads and its own export of case parties.

use std::path::Path;

use aidlink_agency::exports::{ExportExchange, ReadExport, open_with, read_export};
use aidlink_agency::key::RoundKey;
use aidlink_agency::person_mark::PersonMarker;
use aidlink_agency::reading_progress;
use aidlink_agency::step::key_used;
use aidlink_agency::tokenise::{FileReport, Tokenising};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_contract::leads_file::{ExpectedRound, LeadsFile, LeadsFileFault};
use aidlink_contract::screened_lead::Provisional;
use aidlink_contract::token_file::SourceFile;
use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document as _, DocumentFault};
use aidlink_files::regular_file::read_open;
use aidlink_office::audit_log::{AuditLog, Count, Event};
use aidlink_office::crossing::{Expected, receive};
use aidlink_office::manifest::{Manifest, Received};
use aidlink_office::round::{Round, RoundTerms};
use aidlink_office::sealed::{Opener, PlainFile};
use aidlink_office::step::Step;
use aidlink_office::terminal::Progress;
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;

use crate::lists::RoundLists;
use crate::register::in_round::RoundRegister;
use crate::resolve::{ResolvedRound, ScreenedRound, resolve};
use crate::screened::mismatch;
use crate::summary::{SUMMARY, Summary};

/// The result of resolving.
pub struct Resolved {
    /// The persons whom the leads concern.
    pub round: ResolvedRound,
    /// The lists.
    pub lists: RoundLists,
    /// The id of the screening.
    pub screening: String,
    /// The figures of the lists.
    pub summary: Summary,
}

/// Resolves screened leads and writes the match lists into the step's folder.
///
/// # Errors
/// When the leads belong to another round or export, when the export or the key
/// cannot be read, or when the output cannot be written.
pub fn resolve_leads(
    step: &mut Step,
    round: &Round,
    leads_path: &Path,
    identity: Option<&Path>,
    progress: &Progress,
) -> Result<(Manifest, Resolved), Faults> {
    let terms = &round.terms;
    let register = register_of(round)?;
    let register = register.as_ref();
    let inputs = ResolveInputs {
        terms,
        planned: round.cases()?,
        key_file: &round.paths.key_file,
        leads: leads_path,
        identity,
        register,
        beside: step.folder.scratch_folder(),
    };
    let made = make_lists(&inputs, None, progress, &mut step.log)?;
    made.lists.write(&mut step.folder)?;
    let summary = Summary::new(terms, &made.resolved, &made.lists);
    let path = round.paths.output.join(SUMMARY);
    step.folder.write(SUMMARY, &summary.to_file(&path)?)?;
    let name = leads_path.file_name();
    let manifest = Manifest {
        list_language: Some(terms.list_language),
        provisional: Some(summary.provisional.clone()),
        not_verified_by: Some(summary.not_verified_by.clone()),
        key: Some(key_used(round, &made.key_id)),
        exports: vec![made.export.record()],
        register: register.map(|register| register.read(Vec::new())),
        screening: Some(made.screening.clone()),
        received: vec![Received {
            file: name.map(|name| name.to_string_lossy().into_owned()),
            path: terms.relative(leads_path),
            blake3: Some(made.received.digest_as_received),
            from: Some("centre".to_owned()),
            plain_blake3: made.received.digest,
            plain_bytes: made.received.byte_length,
            key_id: None,
            export: None,
            snapshot: None,
            schema_blake3: None,
            account_at_the_agency: None,
            tokens: None,
        }],
        case_sources: Some(made.case_sources),
        ..step.manifest()
    };
    let resolved = Resolved {
        round: made.resolved,
        lists: made.lists,
        screening: made.screening,
        summary,
    };
    Ok((manifest, resolved))
}

/// What resolving reads.
pub struct ResolveInputs<'a> {
    /// The terms of the round.
    pub terms: &'a RoundTerms,
    /// The export of case parties.
    pub planned: &'a PlannedExport,
    /// The file of the round key.
    pub key_file: &'a Path,
    /// The screened leads as they were received.
    pub leads: &'a Path,
    /// The identity that opens them, if they are sealed.
    pub identity: Option<&'a Path>,
    /// The register that the round file names, if it names one.
    pub register: Option<&'a RoundRegister>,
    /// A folder for the opened leads, in an unnamed file.
    pub beside: &'a Path,
}

/// What resolving again gives.
pub struct ResolvedAgain {
    /// The lists.
    pub lists: RoundLists,
    /// The figures of the lists.
    pub summary: Summary,
    /// BLAKE3 digest of the plain leads, hexadecimal.
    pub leads: String,
    /// The files of the export, as they were read.
    pub files: Vec<FileReport>,
}

/// Resolves screened leads as [`resolve_leads`] does, and writes nothing.
///
/// # Errors
/// When the leads, the export or the key cannot be read, or do not belong together.
pub fn resolve_again(
    inputs: &ResolveInputs<'_>,
    exchange: Option<&ExportExchange>,
    progress: &Progress,
) -> Result<ResolvedAgain, Faults> {
    let mut log = AuditLog::new(jiff::Timestamp::now);
    let made = make_lists(inputs, exchange, progress, &mut log)?;
    Ok(ResolvedAgain {
        summary: Summary::new(inputs.terms, &made.resolved, &made.lists),
        lists: made.lists,
        leads: made.received.digest,
        files: made.export.report.files,
    })
}

/// The lists of a round, and what they were made from.
struct MadeLists {
    key_id: String,
    received: PlainFile,
    screening: String,
    case_sources: Vec<SourceFile>,
    export: ReadExport,
    resolved: ResolvedRound,
    lists: RoundLists,
}

fn make_lists(
    inputs: &ResolveInputs<'_>,
    exchange: Option<&ExportExchange>,
    progress: &Progress,
    log: &mut AuditLog,
) -> Result<MadeLists, Faults> {
    let (terms, planned, leads_path) = (inputs.terms, inputs.planned, inputs.leads);
    let key = RoundKey::read(inputs.key_file, &terms.round, &terms.purpose)?;
    let key_id = key.id();
    log.record(&Event::Key {
        id: key_id.clone(),
        how: None,
        algorithm: terms.algorithm,
    });
    let opener = inputs.identity.map(Opener::read_identity).transpose()?;
    let opener = opener.as_ref();
    let received = receive(leads_path, terms, Expected::Leads, opener, inputs.beside)?;
    let plain = received.plain;
    let file = read_leads(leads_path, &plain, terms, &key_id)?;
    if file.received.is_some() && inputs.register.is_none() {
        return Err(not_asked(leads_path).into());
    }
    if received.statement.key_id != file.key_id {
        return Err(other_key_signed(leads_path).into());
    }
    log.record(&Event::LeadsReceived {
        screening: file.screening.clone(),
        plain_blake3: plain.digest.clone(),
        leads: Count(file.leads.len() as u64),
    });
    let mut faults = FaultCollector::new();
    let exports = open_with(&terms.policy, planned, exchange, &mut faults);
    faults.finish()?;
    let register = inputs.register;
    if let Some(register) = register {
        log.record(&register.logged());
    }
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let marker = PersonMarker::new(&key.mark_subkey(terms.algorithm));
    let on_rows = reading_progress::begin(progress, &planned.schema.title, &exports);
    let tokenising = Tokenising::of(terms, planned, &tokeniser, &on_rows);
    let screened: Vec<FileReport> = file
        .case_sources
        .iter()
        .map(|source| FileReport {
            digest: source.digest.clone(),
            byte_length: source.byte_length,
        })
        .collect();
    let LeadsFile {
        screening,
        case_sources,
        ..
    } = file;
    let found = ScreenedRound {
        leads: file.leads,
        not_judged: file.not_judged,
        provisional: file.provisional,
        not_verified_by: file.not_verified_by,
        fields_missing: file.fields_missing,
        received: file.received,
    };
    let (mut resolved, report) =
        resolve(&exports, &tokenising, &marker, &screened, found, register)?;
    own_reject_rate(
        &mut resolved.provisional,
        report.account.reject_rate(),
        terms.thresholds.reject_rate,
    );
    let export = read_export(planned, &exports, report);
    log.record(&Event::Resolved {
        leads: Count(resolved.leads.len() as u64),
    });
    let lists = RoundLists::new(terms, planned, &resolved)?;
    Ok(MadeLists {
        key_id,
        received: plain,
        screening,
        case_sources,
        export,
        resolved,
        lists,
    })
}

/// States the reject rate of the case export if it is above the threshold, in the place of what
/// the centre says of it: of its own export the procuratorate knows it.
fn own_reject_rate(provisional: &mut Vec<Provisional>, rate: f64, threshold: f64) {
    let is_of_cases = |reason: &Provisional| matches!(reason, Provisional::RejectRate { export, .. } if export == CASE_EXPORT);
    let place = provisional.iter().position(is_of_cases);
    provisional.retain(|reason| !is_of_cases(reason));
    if rate > threshold {
        let export = CASE_EXPORT.to_owned();
        let own = Provisional::RejectRate { export, rate };
        provisional.insert(place.unwrap_or(provisional.len()), own);
    }
}

/// Opens the register that the round file names, up to the head up to which the referrals were
/// tokenised, so that the lists say of a person what the centre was told.
fn register_of(round: &Round) -> Result<Option<RoundRegister>, Faults> {
    let mut exports = round.exports.iter();
    if !exports.any(|export| export.register.is_some()) {
        return Ok(None);
    }
    let head = RoundRegister::head_of_tokenise(&round.terms)?;
    RoundRegister::of(&round.exports, Some(&head))
}

fn other_key_signed(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "签名中注明的密钥与线索文件不符",
            "the signature names a different key than the file of screened leads",
        ),
        Text::new(
            "请筛查机构重新筛查并发送",
            "ask the centre to screen and send again",
        ),
    )
}

/// Returns the fault of leads that answer what this round file does not ask.
fn not_asked(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "线索文件写明谁在领取救助，而轮次文件没有登记簿（[register]），没有询问",
            "the file says who receives aids, and the round file, which has no [register], did not ask",
        ),
        Text::new(
            "请用生成转介令牌时的轮次文件运行",
            "use the round file with which the referrals were tokenised",
        ),
    )
}

/// Reads the screened leads and checks that they belong to this round.
fn read_leads(
    path: &Path,
    plain: &PlainFile,
    terms: &RoundTerms,
    key_id: &str,
) -> Result<LeadsFile, Fault> {
    let bytes = read_open(&plain.file, LeadsFile::LARGEST)
        .map_err(|error| Fault::unreadable(path, &error))?;
    let refused = |fault: &LeadsFileFault| Fault::of_file(path, fault.text(), fault.hint());
    let file = LeadsFile::parse(&bytes).map_err(|fault| match fault {
        DocumentFault::Damaged { line, column } => {
            refused(&LeadsFileFault::Document(fault)).at(Place::LineColumn { line, column })
        }
        _ => refused(&LeadsFileFault::Document(fault)),
    })?;
    let exports = terms.exports().map(|export| export.schema.name.as_str());
    let exports: Vec<&str> = exports.collect();
    let exports_of_the_policy = terms.policy.registers_used();
    let exports_of_the_policy: Vec<&str> = exports_of_the_policy.into_iter().collect();
    let not_joined = terms.not_joined.iter().map(|left| left.export.as_str());
    let not_joined: Vec<&str> = not_joined.collect();
    let expected = ExpectedRound {
        round: &terms.round,
        policy_digest: &terms.policy.digest,
        key_id,
        algorithm: terms.algorithm,
        exports: &exports,
        exports_of_the_policy: &exports_of_the_policy,
        not_joined: &not_joined,
    };
    file.check(&expected).map_err(|fault| refused(&fault))?;
    match mismatch(terms, &file) {
        Some(text) => Err(Fault::of_file(
            path,
            text,
            Text::new(
                "请筛查机构使用本轮的轮次文件重新筛查",
                "ask the centre to screen again with the round file of this round",
            ),
        )),
        None => Ok(file),
    }
}
