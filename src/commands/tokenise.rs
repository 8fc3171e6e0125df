//! `aidlink tokenise`: at an agency, one export becomes a token file for the
//! centre, with the rejects and the account for the agency itself.

use aidlink_agency::account::{Account, Rest};
use aidlink_agency::key::RoundKey;
use aidlink_agency::known_answers;
use aidlink_agency::scan::Export;
use aidlink_agency::scan::pass::Pass;
use aidlink_agency::tokenise::{
    RarePatterns, Report, SpillFault, TokeniseError, Tokenising, tokenise_cases,
    tokenise_whole_register,
};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_contract::token_file::{SentAccount, SourceFile, TokenFileHead, TokenFileWriter};
use aidlink_contract::token_table::Origin;
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::{Language, Text};
use aidlink_office::audit_log::AuditLog;
use aidlink_office::crossing::{CrossedFile, CrossingFile};
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::record::{self, Step};
use aidlink_office::round::{Mode, Reads, Round, RoundTerms};
use aidlink_office::signing::SigningKey;
use aidlink_office::terminal::{self, Progress};
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;
use serde_json::json;

use super::{Ending, threads};
use crate::cli::TokeniseArguments;
use crate::manifest;
use aidlink_agency::exports::{ReadExport, check_report, open, read_export};
use aidlink_agency::rejects_file::rejects_files;

/// What tokenising an export gave.
struct Tokenised {
    export: ReadExport,
    key_id: String,
    file: CrossedFile,
    tokens: u64,
    rare: RarePatterns,
}

/// Tokenises an export and writes its folder.
pub fn run(arguments: TokeniseArguments, language: Language) -> Ending {
    let output = arguments.output.as_deref();
    let reads = Reads::One(&arguments.export);
    let round = match Round::read(&arguments.round, output, Mode::Split, reads) {
        Ok(round) => round,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let planned = match round.export(&arguments.export) {
        Ok(planned) => planned,
        Err(fault) => return Ending::WrongConfiguration(fault.into()),
    };
    if let Err(fault) = OutputFolder::check_destination(&round.paths.output) {
        return Ending::WrongConfiguration(fault.into());
    }
    let pool = match threads(&arguments.round, arguments.threads) {
        Ok(pool) => pool,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let progress = Progress::new(language);
    let signing_key = match SigningKey::at_the_beginning(&round.paths.signing_key) {
        Ok(key) => key,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let done = pool.install(|| tokenise(&round, planned, signing_key, &progress));
    progress.finish();
    match done {
        Err(faults) => Ending::Failed(faults),
        Ok((tokenised, signing_key)) => {
            say(&round, &tokenised, &signing_key, language);
            if tokenised.export.report.account.reject_rate() > round.terms.thresholds.reject_rate {
                Ending::ThresholdPassed
            } else {
                Ending::Done
            }
        }
    }
}

fn tokenise(
    round: &Round,
    planned: &PlannedExport,
    signing_key: Option<SigningKey>,
    progress: &Progress,
) -> Result<(Tokenised, SigningKey), Faults> {
    let terms = &round.terms;
    check_algorithm(terms)?;
    let mut log = record::begin(
        "tokenise_started",
        &[
            ("round", &terms.round),
            ("round_file_blake3", &terms.digest),
            ("export", &planned.schema.name),
            ("operator", &terms.operator),
        ],
    );
    log_known_answer(&mut log, terms);
    let mut faults = FaultCollector::new();
    let exports = open(&terms.policy, planned, &mut faults);
    let key = RoundKey::read(&round.paths.key_file, &terms.round, &terms.purpose);
    let key = faults.take(key);
    let key = faults.or_value(key)?;
    let mut faults = FaultCollector::new();
    let key_id = key.id();
    log.record(
        "key",
        &[("id", &key_id), ("algorithm", terms.algorithm.name())],
    );
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    progress.step(&planned.schema.title);
    let on_rows = |rows| progress.rows(rows);
    let tokenising = Tokenising {
        schema: &planned.schema,
        policy: &terms.policy,
        as_of: terms.as_of,
        tokeniser: &tokeniser,
        probe: None,
        pass: Pass::DEFAULT,
        progress: &on_rows,
    };
    let origin = Origin {
        round: terms.round.clone(),
        as_of: terms.as_of,
        policy_digest: terms.policy.digest.clone(),
        key_id: key_id.clone(),
        algorithm: terms.algorithm,
        export: planned.schema.name.clone(),
        snapshot: planned.snapshot,
    };
    let mut folder = OutputFolder::begin(&round.paths.output)?;
    let crossing = &terms.sealing()?.tokens;
    let path = format!("to-centre/{}.tokens.parquet", planned.schema.name);
    let file = CrossingFile::begin(&folder, &path, crossing)?;
    let written = write_tokens(terms, &exports, &tokenising, origin, file, &folder)
        .map_err(|error| error.into_faults(&exports))?;
    check_report(planned, &exports, &written.report, &mut faults);
    faults.finish()?;
    let file = written.file.finish(&mut folder)?;
    let export = read_export(planned, &exports, written.report);
    let tokenised = Tokenised {
        export,
        key_id,
        file,
        tokens: written.tokens,
        rare: written.rare,
    };
    let signing_key = write(round, &tokenised, folder, log, signing_key)?;
    Ok((tokenised, signing_key))
}

/// A broken build must not make a token.
pub(super) fn check_algorithm(terms: &RoundTerms) -> Result<(), Fault> {
    if known_answers::holds(terms.algorithm) {
        return Ok(());
    }
    Err(Fault::of_file(
        &terms.file,
        Text::new(
            "令牌算法自检不通过，拒绝运行",
            "the token algorithm fails its known-answer test; the run is refused",
        ),
        Text::new("请重新安装程序", "install the program again"),
    ))
}

/// The log says that the test was passed: without it there is no step.
pub(super) fn log_known_answer(log: &mut AuditLog, terms: &RoundTerms) {
    log.record(
        "known_answer_test",
        &[("algorithm", terms.algorithm.name()), ("result", "passed")],
    );
}

/// A token file that was written, not yet closed.
struct WrittenTokens {
    file: CrossingFile,
    report: Report,
    tokens: u64,
    rare: RarePatterns,
}

fn write_tokens(
    terms: &RoundTerms,
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    origin: Origin,
    file: CrossingFile,
    folder: &OutputFolder,
) -> Result<WrittenTokens, TokeniseError> {
    let failed = |error: parquet::errors::ParquetError| {
        TokeniseError::Spill(SpillFault::Output(std::io::Error::other(error.to_string())))
    };
    let schema = tokenising.schema;
    let rules: Vec<&str> = terms
        .policy
        .outcome_rules(&schema.name)
        .map(|rule| rule.id.as_str())
        .collect();
    let mut writer = TokenFileWriter::begin(file, &rules).map_err(failed)?;
    let (writer, report, tokens, rare) = if schema.name == CASE_EXPORT {
        let (table, report) = tokenise_cases(exports, tokenising, origin.clone())?;
        for (row, token) in table.tokens().iter().enumerate() {
            let outcomes = table.outcomes().0.iter().map(|(_, column)| column[row]);
            writer.push(*token, outcomes).map_err(failed)?;
        }
        let tokens = table.tokens().len() as u64;
        let patterns = (0..table.tokens().len()).map(|row| {
            let columns = table.outcomes().0.iter();
            columns.map(|(_, column)| column[row]).collect::<Vec<_>>()
        });
        let rare = RarePatterns::count(patterns, terms.thresholds.rare_pattern);
        (writer, report, tokens, rare)
    } else {
        let whole = tokenise_whole_register(
            exports,
            tokenising,
            writer,
            folder.for_unnamed_files(),
            terms.thresholds.rare_pattern,
        )?;
        (whole.writer, whole.report, whole.persons, whole.rare)
    };
    let head = TokenFileHead {
        origin,
        schema_digest: schema.digest.clone(),
        sources: match schema.name == CASE_EXPORT {
            true => report
                .files
                .iter()
                .map(|file| SourceFile {
                    digest: file.digest.clone(),
                    byte_length: file.byte_length,
                })
                .collect(),
            false => Vec::new(),
        },
        account: sent_account(&report.account),
    };
    let file = writer.finish(&head).map_err(failed)?;
    Ok(WrittenTokens {
        file,
        report,
        tokens,
        rare,
    })
}

fn sent_account(account: &Account) -> SentAccount {
    let (without_outcome, sent) = match account.rest {
        Rest::Evaluated {
            without_outcome,
            sent,
        } => (without_outcome, sent),
        // Nothing is probed at an agency.
        Rest::Probed { matched, unmatched } => (unmatched, matched),
    };
    SentAccount {
        rows: account.rows,
        rejected: account.rejected,
        withheld: account.withheld,
        without_outcome,
        sent,
    }
}

fn write(
    round: &Round,
    tokenised: &Tokenised,
    mut folder: OutputFolder,
    mut log: AuditLog,
    signing_key: Option<SigningKey>,
) -> Result<SigningKey, Faults> {
    for (agency, bytes) in rejects_files(std::slice::from_ref(&tokenised.export)) {
        folder.write(&format!("rejects/{agency}.csv"), &bytes)?;
    }
    for file in &tokenised.export.files {
        log.record(
            "file_read",
            &[("file", &file.written_path), ("blake3", &file.digest)],
        );
    }
    let step = Step {
        name: "tokenise",
        last_event: "tokenise_complete",
        terms: &round.terms,
        paths: &round.paths,
    };
    step.write_configuration(&mut folder)?;
    let file = &tokenised.file;
    let mut document = step.manifest(manifest::PROGRAM);
    document["key"] = manifest::key(&step, &tokenised.key_id);
    document["exports"] = json!([manifest::export(&tokenised.export)]);
    document["tokens"] = json!({
        "tokens": tokenised.tokens,
        "share_of_rows_sent": share_sent(tokenised),
        "patterns": tokenised.rare.patterns,
        "rare_patterns": tokenised.rare.rare,
        "persons_with_a_rare_pattern": tokenised.rare.persons,
    });
    document["crossing"] = json!([{
        "file": file.written.path,
        "to": "centre",
        "sealed_to": file.sealed_to,
        "plain_blake3": file.plain_digest,
        "plain_bytes": file.plain_length,
    }]);
    super::run::write_matrix(&mut folder, &round.terms, &document)?;
    Ok(step.conclude(folder, log, document, signing_key)?)
}

fn share_sent(tokenised: &Tokenised) -> f64 {
    let account = sent_account(&tokenised.export.report.account);
    if account.rows == 0 {
        0.0
    } else {
        account.sent as f64 / account.rows as f64
    }
}

fn say(round: &Round, tokenised: &Tokenised, signing_key: &SigningKey, language: Language) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
    let terms = &round.terms;
    let schema = &tokenised.export.planned.schema;
    let account = sent_account(&tokenised.export.report.account);
    let SentAccount {
        rows,
        rejected,
        withheld,
        without_outcome,
        sent,
    } = account;
    say(
        format!("轮次 {}，{}", terms.round, schema.title.zh),
        format!("Round {}, {}", terms.round, schema.title.en),
    );
    say(
        format!(
            "  {rows}行 = 拒收{rejected} + 不处理{withheld} + 无结果{without_outcome}（留在本机构）+ 送出{sent}"
        ),
        format!(
            "  {rows} rows = {rejected} rejected + {withheld} withheld + {without_outcome} without outcome, which stay here + {sent} sent"
        ),
    );
    let tokens = tokenised.tokens;
    let share = share_sent(tokenised) * 100.0;
    say(
        format!("  送出令牌{tokens}个，占行数的{share:.1}%；除令牌和规则结果外，什么也没有送出"),
        format!(
            "  {tokens} tokens, {share:.1} % of the rows; nothing but tokens and outcomes of rules is sent"
        ),
    );
    let rare = tokenised.rare;
    if rare.persons > 0 {
        let k = terms.thresholds.rare_pattern;
        say(
            format!(
                "  注意：{}人的结果组合少于{k}人共有（{}种组合），熟悉其人者可能认出",
                rare.persons, rare.rare
            ),
            format!(
                "  note: {} persons have a pattern of outcomes that fewer than {k} share ({} patterns); who knows such a person might recognise it",
                rare.persons, rare.rare
            ),
        );
    }
    if let Some(text) = signing_key.made_text(&round.paths.signing_key) {
        terminal::say(&text, language);
    }
    let file = round.paths.output.join(&tokenised.file.written.path);
    let file = file.display();
    match &tokenised.file.sealed_to {
        Some(_) => say(
            format!("已密封，请送筛查机构：{file}"),
            format!("Sealed, to be sent to the centre: {file}"),
        ),
        None => say(
            format!("明文（轮次文件如此要求），请连同校验文件送筛查机构：{file}"),
            format!(
                "Plain, as the round file asks; to be sent to the centre with its checksum: {file}"
            ),
        ),
    }
}
