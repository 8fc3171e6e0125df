//! `aidlink run`: runs a pooled round, from exports to match lists.

use aidlink_agency::exports::ReadExport;
use aidlink_agency::key::KeyFile;
use aidlink_agency::known_answers;
use aidlink_agency::rejects_file::RejectsFiles;
use aidlink_agency::step::key_used;
use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_office::manifest::{ExportRead, Manifest, StepKind};
use aidlink_office::round::Round;
use aidlink_office::step::{Finished, Step, StepOptions};
use aidlink_office::terminal::{Output, Progress};
use aidlink_procuratorate::lists::RoundLists;
use aidlink_procuratorate::register::in_round::RoundRegister;
use aidlink_procuratorate::summary::{SUMMARY, Summary};

use super::{Ending, PROGRAM, threads};
use crate::cli::RunArguments;
use crate::export_report::say_exports;
use crate::lists_report::say_lists;
use crate::matrix::write_matrix;
use crate::open_register::open_register;
use crate::pooled::{self, RoundResult, RunWith};

/// Runs a round and writes its folder.
pub fn run(arguments: &RunArguments, output: Output) -> Result<Ending, Ending> {
    let pool = threads(&arguments.round, arguments.threads)?;
    let step = Step::begin(StepOptions {
        kind: StepKind::Run,
        program: PROGRAM,
        round: &arguments.round,
        output: arguments.output.as_deref(),
        signing_key: arguments.signing_key.as_deref(),
        export: None,
        known_answers: Some(known_answers::holds),
    })?;
    let round = step.round();
    let Round {
        terms,
        paths,
        exports,
    } = &*round;
    let progress = Progress::new(output);
    let mut key_file = KeyFile::at(&paths.key_file);
    let done = step.perform(|step| {
        let register = open_register(exports, output)?;
        let register = register.as_ref();
        let rejects = RejectsFiles::begin(&step.folder, exports)?;
        let (key, log) = (&mut key_file, &mut step.log);
        let result = pool.install(|| {
            pooled::run(
                terms,
                exports,
                RunWith {
                    register,
                    rejects: Some(&rejects),
                    exchange: None,
                },
                key,
                &progress,
                log,
            )
        })?;
        progress.step(&Text::new("写出清单", "writing lists"));
        let lists = RoundLists::new(terms, round.cases()?, &result.resolved)?;
        let manifest = write(step, &round, &result, &lists, rejects, register)?;
        Ok((manifest, (result, lists)))
    });
    progress.finish();
    let ((result, lists), finished) = done?;
    let summary = pooled::summary(&round.terms, &result, &lists);
    say_summary(&round, &result, &lists, &summary, &finished, output);
    finished.print_json(&round.paths.output, Some(&summary), output);
    Ok(Ending::done(!result.resolved.provisional.is_empty()))
}

fn write(
    step: &mut Step,
    round: &Round,
    result: &RoundResult,
    lists: &RoundLists,
    rejects: RejectsFiles,
    register: Option<&RoundRegister>,
) -> Result<Manifest, Faults> {
    lists.write(&mut step.folder)?;
    rejects.finish(&mut step.folder)?;
    let summary = pooled::summary(&round.terms, result, lists);
    let path = round.paths.output.join(SUMMARY);
    step.folder.write(SUMMARY, &summary.to_file(&path)?)?;
    let exports = result.exports.iter().map(|read| {
        let matched = result.persons_matched.get(&read.planned.schema.name);
        ExportRead {
            persons_matched: matched.map(|(matched, _)| *matched),
            ..read.record()
        }
    });
    let manifest = Manifest {
        list_language: Some(round.terms.list_language),
        provisional: Some(summary.provisional),
        not_verified_by: Some(summary.not_verified_by),
        key: Some(key_used(round, &result.key_id)),
        exports: exports.collect(),
        register: register.map(|register| {
            let mut exports = result.exports.iter();
            let columns = exports.find_map(ReadExport::columns_of_register);
            register.read(columns.unwrap_or_default())
        }),
        ..step.manifest()
    };
    write_matrix(&mut step.folder, &round.terms, &manifest)?;
    Ok(manifest)
}

fn say_summary(
    round: &Round,
    result: &RoundResult,
    lists: &RoundLists,
    summary: &Summary,
    finished: &Finished,
    output: Output,
) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    say(
        format!(
            "轮次 {}（基准日 {}，规则文件 {} 第{}版）",
            round.terms.round, round.terms.as_of, round.terms.policy.id, round.terms.policy.version
        ),
        format!(
            "Round {} (as of {}, policy {} version {})",
            round.terms.round, round.terms.as_of, round.terms.policy.id, round.terms.policy.version
        ),
    );
    if result.key_was_made {
        let file = shown_path(&round.paths.key_file);
        say(
            format!(
                "  已生成轮次密钥 {file}（编号 {}），仅限本人读取",
                result.key_id
            ),
            format!(
                "  made the round's key {file} (id {}), owner-only",
                result.key_id
            ),
        );
    }
    if let Some(text) = finished.key_made() {
        output.say(&text);
    }
    say("各导出的行数：".into(), "Rows of each export:".into());
    say_exports(result.exports.iter(), &round.terms.policy, SUMMARY, output);
    let total = result.resolved.leads.len();
    say(format!("线索{total}条："), format!("{total} leads:"));
    say_lists(round, &result.resolved, lists, summary, output);
}
