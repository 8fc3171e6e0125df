//! `aidlink run --dry-run`: says what the exports of a round would give, without a key and
//! without writing anything.

use std::collections::BTreeMap;

use aidlink_agency::exports::{ReadExport, check_report, open, read_export};
use aidlink_agency::reading_progress;
use aidlink_agency::tokenise::{Preview, preview};
use aidlink_centre::screen::{self, ScreeningTerms};
use aidlink_contract::screened_lead::Provisional;
use aidlink_faults::fault::{FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_office::manifest::ExportAccount;
use aidlink_office::round::{Reads, RoundTerms, WrittenRound};
use aidlink_office::terminal::{Output, Progress};
use aidlink_policy::reading::PlannedExport;
use aidlink_procuratorate::register::in_round::RoundRegister;
use serde::Serialize;

use super::{Ending, threads};
use crate::cli::RunArguments;
use crate::export_report::{say_exports, say_unknown};
use crate::open_register::open_register;
use crate::pooled::open_of_register;

/// The answer of `run --dry-run`.
#[derive(Serialize)]
struct DryRun<'a> {
    round: &'a str,
    exports: Vec<DryExport<'a>>,
    /// Why the lists would be provisional.
    provisional: Vec<Text>,
}

/// What one export would give.
#[derive(Serialize)]
struct DryExport<'a> {
    export: &'a str,
    account: ExportAccount,
    /// For each rule, the rows neither rejected nor withheld for which it is unknown.
    unknown_by_rule: &'a BTreeMap<String, u64>,
    notes: Vec<Text>,
}

/// Reads the exports of a round and says what they would give.
pub fn run(arguments: &RunArguments, output: Output) -> Result<Ending, Ending> {
    let pool = threads(&arguments.round, arguments.threads)?;
    let written = WrittenRound::read(&arguments.round).map_err(Ending::WrongConfiguration)?;
    let mode = written.mode().map_err(Ending::WrongConfiguration)?;
    let planned = written.planned(mode, Reads::All);
    let (terms, planned) = planned.map_err(Ending::WrongConfiguration)?;
    let progress = Progress::new(output);
    let read = open_register(&planned, output)
        .and_then(|register| pool.install(|| read(&terms, &planned, register.as_ref(), &progress)));
    progress.finish();
    let read = read.map_err(Ending::Failed)?;
    output.say(&Text::new(
        format!("轮次 {} 试算（不写任何文件）：", terms.round),
        format!("Round {}, dry run (nothing is written):", terms.round),
    ));
    let exports = read.iter().map(|(export, _)| export);
    say_exports(exports, &terms.policy, "--json", output);
    output.say(&Text::new(
        "试算判断名册的每一行；正式运行只判断其中案件当事人的行，所以不予处理和入选的较少。",
        "A dry run judges every row of a register; the run judges only the rows of case parties, so it withholds and keeps fewer of them.",
    ));
    for (export, unknown) in &read {
        say_unknown(export, &terms.policy, unknown, output);
    }
    let provisional = provisional(&terms, &read);
    for reason in &provisional {
        output.say(&Text::new(
            format!("清单将为暂定：{}", reason.zh),
            format!("The lists would be provisional: {}", reason.en),
        ));
    }
    let exports = read.iter().map(|(export, unknown)| DryExport {
        export: &export.planned.schema.name,
        account: export.account(),
        unknown_by_rule: unknown,
        notes: export.notes(&terms.policy),
    });
    output.json(&DryRun {
        round: &terms.round,
        exports: exports.collect(),
        provisional: provisional.clone(),
    });
    Ok(Ending::done(!provisional.is_empty()))
}

/// An export, and for each rule the rows for which it is unknown.
type Foreseen = (ReadExport, BTreeMap<String, u64>);

fn read(
    terms: &RoundTerms,
    planned: &[PlannedExport],
    register: Option<&RoundRegister>,
    progress: &Progress,
) -> Result<Vec<Foreseen>, Faults> {
    let mut faults = FaultCollector::new();
    let mut opened: Vec<_> = planned
        .iter()
        .map(|planned| (planned, open(&terms.policy, planned, &mut faults)))
        .collect();
    faults.finish()?;
    if let Some(register) = register {
        open_of_register(terms, &mut opened, register)?;
    }
    let mut faults = FaultCollector::new();
    let mut read = Vec::new();
    for (planned, exports) in &opened {
        let on_rows = reading_progress::begin(progress, &planned.schema.title, exports);
        match preview(
            exports,
            &planned.schema,
            &terms.policy,
            terms.as_of,
            &on_rows,
        ) {
            Ok(Preview { report, unknown }) => {
                reading_progress::ended(progress, planned, &report);
                check_report(&terms.policy, planned, exports, &report, &mut faults);
                read.push((read_export(planned, exports, report), unknown));
            }
            Err(error) => faults.extend(error.into_faults(exports)),
        }
    }
    faults.or_value(Some(read))
}

/// Returns why the lists of a round with these exports would be provisional.
fn provisional(terms: &RoundTerms, read: &[Foreseen]) -> Vec<Text> {
    let screening = ScreeningTerms::of(terms);
    let rates = read.iter().map(|(export, _)| {
        let rate = export.report.account.reject_rate();
        (export.planned.schema.name.as_str(), rate)
    });
    let rates: Vec<(&str, f64)> = rates.collect();
    let joined = terms.registers.iter();
    let joined = joined.map(|export| (export.schema.name.as_str(), export.snapshot));
    let not_verified = screen::not_verified(&terms.policy, &screening, &joined.collect());
    let snapshot = terms.cases.snapshot;
    let reasons = screen::provisional(&screening, &rates, snapshot, &not_verified);
    reasons.iter().map(Provisional::text).collect()
}
