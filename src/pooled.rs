//! A pooled round: tokenises, screens and resolves in one process.
//!
//! Each step sees only what it would see in a split round: screening sees token
//! tables, resolving sees references and the rows of the procuratorate's own export. This export
//! is read once for both.

use std::collections::BTreeMap;

use aidlink_agency::case_parties::CaseParties;
use aidlink_agency::key::KeyFile;
use aidlink_agency::person_mark::PersonMarker;
use aidlink_agency::reading_progress;
use aidlink_agency::register_export::open_register;
use aidlink_agency::rejects_file::RejectsFiles;
use aidlink_agency::scan::Export;
use aidlink_agency::step::origin;
use aidlink_agency::tokenise::{
    ListedCases, Report, Tokenising, tokenise_pooled_cases, tokenise_register,
};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_centre::screen::{ScreeningTerms, provisional, screen};
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_procuratorate::register::in_round::RoundRegister;
use aidlink_procuratorate::resolve::{ResolvedRound, ScreenedRound, resolve_listed};

use aidlink_agency::exports::{
    ExportExchange, ReadExport, check_report, fields_without_content, open_with, read_export,
};
use aidlink_office::audit_log::{AuditLog, Count, Event};
use aidlink_office::round::RoundTerms;
use aidlink_office::terminal::Progress;
use aidlink_policy::reading::PlannedExport;
use aidlink_procuratorate::lists::RoundLists;
use aidlink_procuratorate::summary::Summary;

/// The result of a pooled round.
pub struct RoundResult {
    /// The exports; the case parties come first.
    pub exports: Vec<ReadExport>,
    /// What was found, with the persons it concerns.
    pub resolved: ResolvedRound,
    /// For each register, the number of its persons who are case parties, and of
    /// those who are not.
    pub persons_matched: BTreeMap<String, (u64, u64)>,
    /// The id of the key.
    pub key_id: String,
    /// Whether this run made the key.
    pub key_was_made: bool,
}

/// Returns the figures of a pooled round, for `summary.json`.
pub fn summary(terms: &RoundTerms, result: &RoundResult, lists: &RoundLists) -> Summary {
    let exports = result.exports.iter();
    let exports = exports.map(|export| (export.planned.schema.name.clone(), export.account()));
    Summary {
        exports: exports.collect(),
        ..Summary::new(terms, &result.resolved, lists)
    }
}

/// Returns the names of the fields that rules need and that each register lacks.
fn fields_missing(
    terms: &RoundTerms,
    opened: &[(&PlannedExport, Vec<Export>)],
    reports: &[Report],
) -> BTreeMap<String, Vec<String>> {
    // The case parties come first.
    let registers = opened.iter().zip(reports).skip(1);
    let registers = registers.map(|((planned, tables), report)| {
        let schema = &planned.schema;
        let names = fields_without_content(&terms.policy, schema, tables, report);
        (schema.name.clone(), names)
    });
    registers.filter(|(_, names)| !names.is_empty()).collect()
}

/// Makes the table of the export in place of which the register is read. `opened` are the
/// exports; the case parties come first.
///
/// # Errors
/// If the case export cannot be read.
pub fn open_of_register(
    terms: &RoundTerms,
    opened: &mut [(&PlannedExport, Vec<Export>)],
    register: &RoundRegister,
) -> Result<(), Faults> {
    let Some(((_, cases), others)) = opened.split_first_mut() else {
        return Ok(());
    };
    let mut others = others.iter_mut();
    let Some((planned, tables)) = others.find(|(planned, _)| planned.register.is_some()) else {
        return Ok(());
    };
    *tables = register.with_source(terms.as_of, |source| {
        open_register(source, &planned.schema, &terms.policy, terms.as_of, cases)
    })?;
    Ok(())
}

/// What a round is run with beside its exports and its key.
#[derive(Clone, Copy, Default)]
pub struct RunWith<'a> {
    /// The procuratorate's register, if the round file names one.
    pub register: Option<&'a RoundRegister>,
    /// Where rejected rows are written while they are read; otherwise they are only counted.
    pub rejects: Option<&'a RejectsFiles>,
    /// The cells that are exchanged between rows, to prove that nothing uses them.
    pub exchange: Option<&'a ExportExchange>,
}

/// Runs a round. `planned` lists all of its exports; the case parties come first.
///
/// # Errors
/// All faults of the key and the exports together, or those of the step that failed.
pub fn run(
    terms: &RoundTerms,
    planned: &[PlannedExport],
    with: RunWith<'_>,
    key_file: &mut KeyFile,
    progress: &Progress,
    log: &mut AuditLog,
) -> Result<RoundResult, Faults> {
    let RunWith {
        register,
        rejects,
        exchange,
    } = with;
    let mut faults = FaultCollector::new();
    progress.step(&Text::new("读取导出", "reading exports"));
    let mut opened: Vec<(&PlannedExport, Vec<Export>)> = planned
        .iter()
        .map(|planned| {
            let tables = open_with(&terms.policy, planned, exchange, &mut faults);
            (planned, tables)
        })
        .collect();
    if let Some(register) = register
        && faults.is_empty()
    {
        log.record(&register.logged());
        faults.take(open_of_register(terms, &mut opened, register));
    }
    // A key is made only if all exports can be read.
    let key = if faults.is_empty() || key_file.path().exists() {
        faults.take(key_file.read_or_make(&terms.round, &terms.purpose))
    } else {
        None
    };
    let key = faults.or_value(key)?;
    let mut faults = FaultCollector::new();
    let key_id = key.id();
    let how = if key_file.is_made_here() {
        "made"
    } else {
        "read"
    };
    log.record(&Event::Key {
        id: key_id.clone(),
        how: Some(how.to_owned()),
        algorithm: terms.algorithm,
    });

    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let marker = PersonMarker::new(&key.mark_subkey(terms.algorithm));
    let origin = |planned: &PlannedExport| origin(terms, planned, &key_id);
    let mut cases = None;
    let mut case_parties = CaseParties::default();
    let mut registers = Vec::new();
    let mut reports = Vec::new();
    for (index, (planned, export)) in opened.iter().enumerate() {
        let on_rows = reading_progress::begin(progress, &planned.schema.title, export);
        // The case parties come first, because each row of every other export is
        // looked up among them.
        let is_cases = index == 0;
        let tokenising = Tokenising {
            register: register.filter(|_| is_cases).map(RoundRegister::tokeniser),
            probe: (!is_cases).then_some(&case_parties),
            rejects: rejects.and_then(|rejects| rejects.of_export(planned)),
            ..Tokenising::of(terms, planned, &tokeniser, &on_rows)
        };
        let report = if is_cases {
            let read = tokenise_pooled_cases(export, &tokenising, &marker, origin(planned));
            read.map(|(read, report)| {
                case_parties = read.parties;
                cases = Some((read.table, read.listed));
                report
            })
        } else {
            tokenise_register(export, &tokenising, origin(planned)).map(|(table, report)| {
                registers.push(table);
                report
            })
        };
        match report {
            Ok(report) => {
                reading_progress::ended(progress, planned, &report);
                check_report(&terms.policy, planned, export, &report, &mut faults);
                for (file, read) in planned.files.iter().zip(&report.files) {
                    log.record(&Event::FileRead {
                        export: Some(planned.schema.name.clone()),
                        file: file.written_path.clone(),
                        blake3: read.digest.clone(),
                    });
                }
                log.record(&Event::ExportTokenised {
                    export: planned.schema.name.clone(),
                    rows: Count(report.account.rows),
                    rejected: Count(report.account.rejected),
                    withheld: Count(report.account.withheld),
                });
                reports.push(report);
            }
            Err(error) => faults.extend(error.into_faults(export)),
        }
    }
    let (cases, listed): (_, ListedCases) = faults.or_value(cases)?;

    progress.step(&Text::new("筛查", "screening"));
    let screening_terms = ScreeningTerms {
        asks_who_receives: register.is_some(),
        ..ScreeningTerms::of(terms)
    };
    let screening =
        screen(&terms.policy, &screening_terms, &cases, &registers).map_err(|error| {
            Fault::of_file(
                &terms.file,
                error.text(),
                Text::new("请检查轮次文件", "check the round file"),
            )
        })?;
    log.record(&Event::Screened {
        screening: None,
        leads: Count(screening.leads.len() as u64),
    });

    let reject_rates: Vec<(&str, f64)> = opened
        .iter()
        .zip(&reports)
        .map(|((planned, _), report)| {
            let rate = report.account.reject_rate();
            (planned.schema.name.as_str(), rate)
        })
        .collect();
    let provisional = provisional(
        &screening_terms,
        &reject_rates,
        terms.cases.snapshot,
        &screening.not_verified_by,
    );

    progress.step(&Text::new("还原线索", "resolving leads"));
    let (planned, export) = &opened[0];
    let found = ScreenedRound {
        leads: screening.leads,
        not_judged: screening.not_judged,
        provisional,
        not_verified_by: screening.not_verified_by,
        received: screening.received,
        fields_missing: fields_missing(terms, &opened, &reports),
    };
    let resolved = resolve_listed(
        export,
        listed,
        &planned.schema,
        &terms.policy,
        found,
        register,
    )?;
    log.record(&Event::Resolved {
        leads: Count(resolved.leads.len() as u64),
    });

    let exports: Vec<ReadExport> = opened
        .iter()
        .zip(reports)
        .map(|((planned, export), report)| read_export(planned, export, report))
        .collect();
    Ok(RoundResult {
        exports,
        resolved,
        persons_matched: screening.matched,
        key_id,
        key_was_made: key_file.is_made_here(),
    })
}
