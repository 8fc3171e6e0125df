//! `aidlink resolve`: at the procuratorate, screened leads and its own export
//! of case parties become the match lists.

use std::collections::BTreeSet;
use std::io::Read;

use aidlink_agency::key::RoundKey;
use aidlink_agency::scan::pass::Pass;
use aidlink_agency::tokenise::{FileReport, Tokenising};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_contract::leads_file::LeadsFile;
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::{Language, Text};
use aidlink_office::crossing::receive;
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::record::{self, Step};
use aidlink_office::round::{Mode, Reads, Round};
use aidlink_office::sealed::Opener;
use aidlink_office::signing::SigningKey;
use aidlink_office::terminal::{self, Progress};
use aidlink_office::verification::digest_of;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::reading::PlannedExport;
use aidlink_procuratorate::resolve::{ResolvedLead, resolve};
use serde_json::json;

use super::Ending;
use super::run::write_matrix;
use super::tokenise::{check_algorithm, log_known_answer};
use crate::cli::ResolveArguments;
use crate::manifest;
use aidlink_agency::exports::{open, read_export};
use aidlink_procuratorate::lists::match_list::{MatchList, language_name, match_lists};

/// What resolving gave.
struct Resolved {
    leads: Vec<ResolvedLead>,
    lists: Vec<MatchList>,
    file: LeadsFile,
    signing_key: SigningKey,
}

/// Resolves screened leads and writes the lists.
pub fn run(arguments: ResolveArguments, language: Language) -> Ending {
    let output = arguments.output.as_deref();
    let reads = Reads::One(CASE_EXPORT);
    let round = match Round::read(&arguments.round, output, Mode::Split, reads) {
        Ok(round) => round,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let cases = match round.cases() {
        Ok(cases) => cases,
        Err(fault) => return Ending::WrongConfiguration(fault.into()),
    };
    if let Err(fault) = OutputFolder::check_destination(&round.paths.output) {
        return Ending::WrongConfiguration(fault.into());
    }
    let signing_key = match SigningKey::at_the_beginning(&round.paths.signing_key) {
        Ok(key) => key,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let progress = Progress::new(language);
    let done = resolve_leads(&round, cases, &arguments, signing_key, &progress);
    progress.finish();
    match done {
        Err(faults) => Ending::Failed(faults),
        Ok(resolved) => {
            say(&round, &resolved, language);
            if resolved.file.provisional.is_empty() {
                Ending::Done
            } else {
                Ending::ThresholdPassed
            }
        }
    }
}

fn resolve_leads(
    round: &Round,
    cases: &PlannedExport,
    arguments: &ResolveArguments,
    signing_key: Option<SigningKey>,
    progress: &Progress,
) -> Result<Resolved, Faults> {
    let terms = &round.terms;
    check_algorithm(terms)?;
    let mut log = record::begin(
        "resolve_started",
        &[
            ("round", &terms.round),
            ("round_file_blake3", &terms.digest),
            ("operator", &terms.operator),
        ],
    );
    let key = RoundKey::read(&round.paths.key_file, &terms.round, &terms.purpose)?;
    log_known_answer(&mut log, terms);
    log.record(
        "key",
        &[("id", &key.id()), ("algorithm", terms.algorithm.name())],
    );
    let mut folder = OutputFolder::begin(&round.paths.output)?;
    let opener = match &arguments.identity {
        Some(file) => Some(Opener::read_identity(file)?),
        None => None,
    };
    let crossing = &terms.sealing()?.leads;
    let leads_path = arguments.leads.as_path();
    let mut plain = receive(
        leads_path,
        crossing,
        opener.as_ref(),
        folder.for_unnamed_files(),
    )?;
    let mut bytes = Vec::new();
    plain
        .file
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::unreadable(leads_path, &error))?;
    let key_id = key.id();
    let refused = |text: Text| {
        Fault::of_file(
            leads_path,
            text,
            Text::new(
                "请筛查机构用本轮的轮次文件重新筛查",
                "ask the centre to screen again with this round's file",
            ),
        )
    };
    let file = LeadsFile::parse(&bytes).map_err(|fault| refused(fault.text()))?;
    file.check(&terms.round, &terms.policy.digest, &key_id, terms.algorithm)
        .map_err(|fault| refused(fault.text()))?;
    if let Some(text) = not_of_this_policy(&terms.policy, &file) {
        return Err(refused(text).into());
    }
    log.record(
        "leads_received",
        &[
            ("screening", &file.screening),
            ("plain_blake3", &plain.digest),
            ("leads", &file.leads.len().to_string()),
        ],
    );
    let mut faults = FaultCollector::new();
    let exports = open(&terms.policy, cases, &mut faults);
    faults.finish()?;
    progress.step(&cases.schema.title);
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let on_rows = |rows| progress.rows(rows);
    let tokenising = Tokenising {
        schema: &cases.schema,
        policy: &terms.policy,
        as_of: terms.as_of,
        tokeniser: &tokeniser,
        probe: None,
        pass: Pass::DEFAULT,
        progress: &on_rows,
    };
    let screened: Vec<FileReport> = file
        .case_sources
        .iter()
        .map(|source| FileReport {
            digest: source.digest.clone(),
            byte_length: source.byte_length,
        })
        .collect();
    let (leads, report) = resolve(&exports, &tokenising, &screened, file.leads.clone())?;
    let export = read_export(cases, &exports, report);
    log.record("resolved", &[("leads", &leads.len().to_string())]);

    let lists = match_lists(terms, &leads, &file.provisional);
    for list in &lists {
        folder.write(&format!("lists/for-review/{}.csv", list.name), &list.bytes)?;
    }
    let mut summary = manifest::leads_summary(terms, &leads, &lists);
    summary["provisional"] = manifest::reasons(&file.provisional).into();
    summary["not_verified_by"] = manifest::not_verified(&file.not_verified_by).into();
    folder.write("summary.json", format!("{summary:#}\n").as_bytes())?;
    let step = Step {
        name: "resolve",
        last_event: "resolve_complete",
        terms,
        paths: &round.paths,
    };
    step.write_configuration(&mut folder)?;
    let mut document = step.manifest(manifest::PROGRAM);
    document["list_language"] = language_name(terms.list_language).into();
    document["provisional"] = manifest::reasons(&file.provisional).into();
    document["not_verified_by"] = manifest::not_verified(&file.not_verified_by).into();
    document["key"] = manifest::key(&step, &key_id);
    document["exports"] = json!([manifest::export(&export)]);
    document["screening"] = file.screening.clone().into();
    document["received"] = json!([{
        "file": leads_path.file_name().map(|name| name.to_string_lossy()),
        "path": terms.relative(leads_path),
        "blake3": digest_of(leads_path).ok().map(|(digest, _)| digest),
        "from": "centre",
        "plain_blake3": plain.digest,
        "plain_bytes": plain.byte_length,
    }]);
    document["case_sources"] = screened
        .iter()
        .map(|source| json!({"blake3": source.digest, "bytes": source.byte_length}))
        .collect::<Vec<_>>()
        .into();
    write_matrix(&mut folder, terms, &document)?;
    let signing_key = step.conclude(folder, log, document, signing_key)?;
    Ok(Resolved {
        leads,
        lists,
        file,
        signing_key,
    })
}

/// What in the leads cannot come of screening by this policy.
fn not_of_this_policy(policy: &Policy, file: &LeadsFile) -> Option<Text> {
    let mut seen = BTreeSet::new();
    for lead in &file.leads {
        if policy.aid(&lead.aid).is_none() {
            return Some(Text::new(
                "线索文件中有规则文件没有的救助项目",
                "the file names an aid that the policy does not have",
            ));
        }
        for case in &lead.cases {
            let mut rules = case.yes.iter().chain(&case.unknown);
            if rules.any(|rule| policy.rule(rule).is_none()) {
                return Some(Text::new(
                    "线索文件中有规则文件没有的规则",
                    "the file names a rule that the policy does not have",
                ));
            }
            if !seen.insert((lead.aid.as_str(), case.reference)) {
                return Some(Text::new(
                    "线索文件中同一线索出现两次",
                    "a lead stands twice in the file",
                ));
            }
        }
    }
    None
}

fn say(round: &Round, resolved: &Resolved, language: Language) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
    let (id, screening) = (&round.terms.round, short(&resolved.file.screening));
    let leads = resolved.leads.len();
    say(
        format!("轮次 {id}，筛查 {screening}：线索{leads}条"),
        format!("Round {id}, screening {screening}: {leads} leads"),
    );
    if let Some(text) = resolved.signing_key.made_text(&round.paths.signing_key) {
        terminal::say(&text, language);
    }
    super::run::say_lists(
        &round.paths.output,
        &resolved.file.not_verified_by,
        &resolved.lists,
        &resolved.file.provisional,
        language,
    );
}

/// The beginning of a digest, to tell screenings apart by eye.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
