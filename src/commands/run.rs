//! `aidlink run`: a pooled round from raw exports to match lists.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_agency::account::Rest;
use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::{Language, Text};

use super::{Ending, threads};
use crate::cli::RunArguments;
use crate::manifest;
use crate::pooled::{RoundResult, run as run_round};
use aidlink_agency::exports::fields_lacking;
use aidlink_agency::rejects_file::rejects_files;
use aidlink_audit::minimisation::Matrix;
use aidlink_audit::minimisation_page;
use aidlink_office::audit_log::AuditLog;
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::record::{self, Step};
use aidlink_office::round::{Mode, Reads, Round, RoundTerms};
use aidlink_office::signing::SigningKey;
use aidlink_office::terminal::{self, Progress};
use aidlink_procuratorate::lists::match_list::{MatchList, match_lists};

/// Runs a round and writes its folder.
pub fn run(arguments: RunArguments, language: Language) -> Ending {
    let output = arguments.output.as_deref();
    let round = match Round::read(&arguments.round, output, Mode::Pooled, Reads::All) {
        Ok(round) => round,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    if let Err(fault) = OutputFolder::check_destination(&round.paths.output) {
        return Ending::WrongConfiguration(fault.into());
    }
    let pool = match threads(&arguments.round, arguments.threads) {
        Ok(pool) => pool,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let signing_key = match SigningKey::at_the_beginning(&round.paths.signing_key) {
        Ok(key) => key,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let progress = Progress::new(language);
    let mut log = record::begin(
        "round_started",
        &[
            ("round", &round.terms.round),
            ("round_file_blake3", &round.terms.digest),
            ("operator", &round.terms.operator),
            ("mode", "pooled"),
        ],
    );
    let key_was_there = round.paths.key_file.exists();
    let result = pool.install(|| {
        let key_file = &round.paths.key_file;
        run_round(&round.terms, &round.exports, key_file, &progress, &mut log)
    });
    let written = result.and_then(|result| {
        progress.step(&Text::new("写出清单", "writing lists"));
        let lists = match_lists(&round.terms, &result.leads, &result.provisional);
        let signing_key = write(&round, &result, &lists, log, signing_key)?;
        Ok((result, lists, signing_key))
    });
    progress.finish();
    match written {
        Err(faults) => {
            if !key_was_there && !round.paths.output.exists() {
                // A key that this run made for nothing; if it cannot be removed,
                // the next run uses it.
                let _ = std::fs::remove_file(&round.paths.key_file);
            }
            Ending::Failed(faults)
        }
        Ok((result, lists, signing_key)) => {
            say_summary(&round, &result, &lists, &signing_key, language);
            if result.provisional.is_empty() {
                Ending::Done
            } else {
                Ending::ThresholdPassed
            }
        }
    }
}

fn write(
    round: &Round,
    result: &RoundResult,
    lists: &[MatchList],
    log: AuditLog,
    signing_key: Option<SigningKey>,
) -> Result<SigningKey, Faults> {
    let step = Step {
        name: "run",
        last_event: "round_complete",
        terms: &round.terms,
        paths: &round.paths,
    };
    let mut folder = OutputFolder::begin(&round.paths.output)?;
    for list in lists {
        folder.write(&format!("lists/for-review/{}.csv", list.name), &list.bytes)?;
    }
    for (agency, bytes) in rejects_files(&result.exports) {
        folder.write(&format!("rejects/{agency}.csv"), &bytes)?;
    }
    let summary = manifest::summary(&round.terms, result, lists);
    folder.write("summary.json", format!("{summary:#}\n").as_bytes())?;
    step.write_configuration(&mut folder)?;
    let manifest = manifest::manifest(&step, result);
    write_matrix(&mut folder, &round.terms, &manifest)?;
    Ok(step.conclude(folder, log, manifest, signing_key)?)
}

/// Writes the minimisation matrix of what a manifest says.
pub(super) fn write_matrix(
    folder: &mut OutputFolder,
    terms: &RoundTerms,
    manifest: &serde_json::Value,
) -> Result<(), Faults> {
    let matrix = Matrix::of_manifest(manifest, &terms.policy, &terms.schemas);
    if let Some((part, row)) = matrix.wrong().next() {
        // The reading and the matrix work out by themselves what is needed.
        return Err(Fault::of_file(
            &terms.file,
            Text::new(
                format!("{} 的列与规定不符：{}", part.export, row.verdict.text().zh),
                format!("a column of {}: {}", part.export, row.verdict.text().en),
            ),
            Text::new("请报告此问题", "please report this"),
        )
        .into());
    }
    for (name, bytes) in minimisation_page::files(&matrix) {
        folder.write(&format!("minimisation/{name}"), &bytes)?;
    }
    Ok(())
}

fn say_summary(
    round: &Round,
    result: &RoundResult,
    lists: &[MatchList],
    signing_key: &SigningKey,
    language: Language,
) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
    say(
        format!(
            "轮次 {}（基准日 {}，规则 {} 第{}版）",
            round.terms.round, round.terms.as_of, round.terms.policy.id, round.terms.policy.version
        ),
        format!(
            "Round {} (as of {}, policy {} version {})",
            round.terms.round, round.terms.as_of, round.terms.policy.id, round.terms.policy.version
        ),
    );
    if result.key_was_made {
        let file = round.paths.key_file.display();
        say(
            format!(
                "  已生成本轮密钥 {file}（编号 {}），仅限本人读取",
                result.key_id
            ),
            format!(
                "  made the round's key {file} (id {}), owner-only",
                result.key_id
            ),
        );
    }
    if let Some(text) = signing_key.made_text(&round.paths.signing_key) {
        terminal::say(&text, language);
    }
    say("各导出的行数：".into(), "Rows of each export:".into());
    for export in &result.exports {
        let account = &export.report.account;
        let (rows, rejected, withheld) = (account.rows, account.rejected, account.withheld);
        let title = &export.planned.schema.title;
        let (zh, en) = match account.rest {
            Rest::Evaluated {
                without_outcome,
                sent,
            } => (
                format!("无结果{without_outcome} + 参与筛查{sent}"),
                format!("{without_outcome} without outcome + {sent} screened"),
            ),
            Rest::Probed { matched, unmatched } => (
                format!("匹配{matched} + 未匹配{unmatched}"),
                format!("{matched} matched + {unmatched} unmatched"),
            ),
        };
        say(
            format!(
                "  {}：{rows} = 拒收{rejected} + 不处理{withheld} + {zh}",
                title.zh
            ),
            format!(
                "  {}: {rows} = {rejected} rejected + {withheld} withheld + {en}",
                title.en
            ),
        );
        for (rule, count) in &export.report.withheld_by_rule {
            let title = round.terms.policy.rule(rule).map_or_else(
                || Text::new(rule.clone(), rule.clone()),
                |rule| rule.title.clone(),
            );
            say(
                format!("    不处理{count}行：{}", title.zh),
                format!("    {count} rows withheld: {}", title.en),
            );
        }
        let lacking = fields_lacking(&round.terms.policy, export);
        if !lacking.is_empty() {
            let names = |pick: fn(&Text) -> &str| {
                lacking
                    .iter()
                    .map(|field| pick(&field.title))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            say(
                format!(
                    "    注意：规则需要而导出中没有的列：{}（相关结果一律为未知）",
                    names(|text| &text.zh)
                ),
                format!(
                    "    note: columns that rules need and the export lacks: {} (what rests on them is unknown)",
                    names(|text| &text.en)
                ),
            );
        }
        let unreadable: u64 = export.report.value_faults.values().sum();
        if unreadable > 0 {
            say(
                format!("    无法读取的单元格：{unreadable}（见 summary.json）"),
                format!("    cells that could not be read: {unreadable} (see summary.json)"),
            );
        }
    }
    let total = result.leads.len();
    say(format!("线索{total}条："), format!("{total} leads:"));
    say_lists(
        &round.paths.output,
        &result.not_verified_by,
        lists,
        &result.provisional,
        language,
    );
}

/// Says what could not be verified, how many leads stand on each list, and
/// where they were written.
pub(super) fn say_lists(
    output: &Path,
    not_verified_by: &BTreeMap<String, NotVerified>,
    lists: &[MatchList],
    provisional: &[Provisional],
    language: Language,
) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
    for list in lists.iter().filter(|list| list.leads > 0) {
        say(
            format!("  lists/for-review/{}.csv：{}", list.name, list.leads),
            format!("  lists/for-review/{}.csv: {}", list.name, list.leads),
        );
    }
    for (export, reason) in not_verified_by {
        let (zh, en) = match reason {
            NotVerified::Absent => ("缺失", "absent"),
            NotVerified::Stale => ("过旧", "stale"),
        };
        say(
            format!("  {export} {zh}：相关线索标为“未能核实”；只能由它发现的人本轮可能遗漏"),
            format!(
                "  {export} is {en}: leads that need it are marked \"not verified\"; people whom it alone would show may be missed"
            ),
        );
    }
    for reason in provisional {
        let text = reason.text();
        say(
            format!("清单为暂定：{}", text.zh),
            format!("The lists are provisional: {}", text.en),
        );
    }
    let output = output.display();
    say(
        format!("已写入 {output}（保密，仅限本人读取）"),
        format!("Written to {output} (confidential, owner-only)"),
    );
}
