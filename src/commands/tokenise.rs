//! `aidlink tokenise`: turns one export of an agency into a token file for the
//! centre.

use aidlink_agency::known_answers;
use aidlink_agency::step::{Tokenised, tokenise_export};
use aidlink_contract::token_file::SentAccount;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::manifest::{Manifest, StepKind};
use aidlink_office::round::Round;
use aidlink_office::step::{Finished, Step, StepOptions};
use aidlink_office::terminal::{Output, Progress};

use super::{Ending, PROGRAM, threads};
use crate::cli::TokeniseArguments;
use crate::labels_report::say_unmapped;
use crate::matrix::write_matrix;
use crate::open_register::open_register;

/// Tokenises an export and writes its folder.
pub fn run(arguments: &TokeniseArguments, output: Output) -> Result<Ending, Ending> {
    let pool = threads(&arguments.round, arguments.threads)?;
    let step = Step::begin(StepOptions {
        kind: StepKind::Tokenise,
        program: PROGRAM,
        round: &arguments.round,
        output: arguments.output.as_deref(),
        signing_key: arguments.signing_key.as_deref(),
        export: Some(&arguments.export),
        known_answers: Some(known_answers::holds),
    })?;
    let round = step.round();
    let progress = Progress::new(output);
    let result = step.perform(|step| {
        let planned = round.export(&arguments.export)?;
        let register = match planned.register {
            Some(_) => open_register(&round.exports, output)?,
            None => None,
        };
        let (manifest, tokenised) = match &register {
            None => pool.install(|| tokenise_export(step, &round, planned, None, &progress))?,
            Some(register) => {
                step.log.record(&register.logged());
                register.with_source(round.terms.as_of, |source| {
                    pool.install(|| tokenise_export(step, &round, planned, Some(source), &progress))
                })?
            }
        };
        let manifest = Manifest {
            register: register.map(|register| {
                let columns = tokenised.export.columns_of_register();
                register.read(columns.unwrap_or_default())
            }),
            ..manifest
        };
        write_matrix(&mut step.folder, &round.terms, &manifest)?;
        Ok((manifest, tokenised))
    });
    progress.finish();
    let (tokenised, finished) = result?;
    say(&round, &tokenised, &finished, output);
    finished.print_json(&round.paths.output, None::<&()>, output);
    let rate = tokenised.export.report.account.reject_rate();
    Ok(Ending::done(rate > round.terms.thresholds.reject_rate))
}

fn say(round: &Round, tokenised: &Tokenised, finished: &Finished, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let terms = &round.terms;
    let schema = &tokenised.export.planned.schema;
    let SentAccount {
        rows,
        rejected,
        withheld,
        without_outcome,
        sent,
    } = tokenised.account();
    say(
        format!("轮次 {}，{}", terms.round, schema.title.zh),
        format!("Round {}, {}", terms.round, schema.title.en),
    );
    say(
        format!(
            "  {rows}行 = 拒收{rejected} + 不予处理{withheld} + 无结果{without_outcome}（留在本机构）+ 送出{sent}"
        ),
        format!(
            "  {rows} rows = {rejected} rejected + {withheld} withheld + {without_outcome} without outcome (they stay here) + {sent} sent"
        ),
    );
    say_unmapped(schema, &tokenised.export.report.unmapped, output);
    for text in tokenised.export.notes(&terms.policy) {
        say(
            format!("  注意：{}", text.zh),
            format!("  note: {}", text.en),
        );
    }
    let tokens = tokenised.sent.tokens;
    let share = tokenised.sent.share_of_rows_sent * 100.0;
    say(
        format!("  送出令牌{tokens}个，占行数的{share:.1}%；除令牌和规则结果外，未送出其他内容"),
        format!(
            "  {tokens} tokens, {share:.1} % of the rows; only tokens and the outcomes of rules are sent"
        ),
    );
    let (persons, rare) = (
        tokenised.sent.persons_with_a_rare_pattern,
        tokenised.sent.rare_patterns,
    );
    if persons > 0 {
        let k = terms.thresholds.rare_pattern;
        say(
            format!(
                "  注意：{persons}人的结果组合罕见（共{rare}种，每种不足{k}人），熟悉情况的人可能据此认出本人"
            ),
            format!(
                "  note: {persons} persons have a pattern of outcomes that fewer than {k} persons share ({rare} patterns); somebody who knows such a person might recognise it"
            ),
        );
    }
    if let Some(text) = finished.key_made() {
        output.say(&text);
    }
    let file = round.paths.output.join(&tokenised.file.written.path);
    let file = shown_path(&file);
    match &tokenised.file.sealed_to {
        Some(_) => say(
            format!("已密封，请送筛查机构：{file}"),
            format!("Sealed; send it to the centre: {file}"),
        ),
        None => say(
            format!("明文（按轮次文件的规定），请连同校验文件和签名送筛查机构：{file}"),
            format!(
                "Not sealed, as the round file requires; send it to the centre with its checksum and signature: {file}"
            ),
        ),
    }
}
