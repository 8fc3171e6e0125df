//! An agency's step in a split round: it turns one export into a token file for
//! the centre. The rejects and the row account stay with the agency.

use std::io::Write;
use std::path::Path;

use aidlink_contract::token_file::{SentAccount, SourceFile, TokenFileHead, TokenFileWriter};
use aidlink_contract::token_table::Origin;
use aidlink_faults::fault::{FaultCollector, Faults};
use aidlink_office::audit_log::Event;
use aidlink_office::crossing::{CrossedFile, CrossingFile};
use aidlink_office::manifest::{KeyUsed, Manifest, Passed, TokensSent};
use aidlink_office::round::{Round, RoundTerms};
use aidlink_office::statement::{Content, Statement};
use aidlink_office::step::Step;
use aidlink_office::terminal::Progress;
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::reading::PlannedExport;

use crate::account::{Account, Rest};
use crate::exports::{
    ExportExchange, ReadExport, check_report, fields_without_content, open_with, read_export,
};
use crate::key::{KEY_VERSION, RoundKey};
use crate::reading_progress;
use crate::register_export::{RegisterSource, open_register};
use crate::rejects_file::RejectsFiles;
use crate::scan::Export;
use crate::tokenise::{
    FileReport, RarePatterns, Report, SpillFault, TokeniseError, Tokenising, tokenise_cases,
    tokenise_whole_register,
};
use crate::tokeniser::Tokeniser;

/// The result of tokenising an export.
pub struct Tokenised {
    /// The export.
    pub export: ReadExport,
    /// The token file.
    pub file: CrossedFile,
    /// Figures about the tokens in the file.
    pub sent: TokensSent,
}

impl Tokenised {
    /// Returns the row account of the export.
    pub fn account(&self) -> SentAccount {
        sent_account(&self.export.report.account)
    }
}

/// Tokenises an export into the step's folder. `register` is the register that is read in
/// place of the export's files.
///
/// # Errors
/// All faults of the export and the key, or the reason why the output could not
/// be written.
pub fn tokenise_export(
    step: &mut Step,
    round: &Round,
    planned: &PlannedExport,
    register: Option<&RegisterSource<'_>>,
    progress: &Progress,
) -> Result<(Manifest, Tokenised), Faults> {
    let terms = &round.terms;
    let key_file = &round.paths.key_file;
    let (exports, key) = match register {
        None => open_inputs(terms, key_file, planned, None)?,
        Some(register) => {
            let mut faults = FaultCollector::new();
            let cases = open_with(&terms.policy, round.cases()?, None, &mut faults);
            let (policy, as_of) = (&terms.policy, terms.as_of);
            // What is wrong with the case export is told by its own step, too.
            let opened = match faults.is_empty() {
                true => open_register(register, &planned.schema, policy, as_of, &cases),
                false => Ok(Vec::new()),
            };
            let exports = faults.take(opened).unwrap_or_default();
            let key = faults.take(RoundKey::read(key_file, &terms.round, &terms.purpose));
            (exports, faults.or_value(key)?)
        }
    };
    let key_id = key.id();
    step.log.record(&Event::Key {
        id: key_id.clone(),
        how: None,
        algorithm: terms.algorithm,
    });
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let on_rows = reading_progress::begin(progress, &planned.schema.title, &exports);
    let rejects = RejectsFiles::begin(&step.folder, [planned])?;
    let tokenising = Tokenising {
        rejects: rejects.of_export(planned),
        ..Tokenising::of(terms, planned, &tokeniser, &on_rows)
    };
    let origin = origin(terms, planned, &key_id);
    let crossing = &terms.sealing()?.tokens;
    let path = format!("to-centre/{}.tokens.parquet", planned.schema.name);
    let statement = Statement {
        round: terms.round.clone(),
        terms: terms.terms_digest(),
        content: Content::Tokens(planned.schema.name.clone()),
        key_id: key_id.clone(),
        to: crossing.to(),
    };
    let file = CrossingFile::begin(&step.folder, &path, crossing, step.sender()?, &statement)?;
    let written = write_tokens(
        terms,
        planned,
        &exports,
        &tokenising,
        origin,
        file,
        step.folder.scratch_folder(),
    )
    .map_err(|error| error.into_faults(&exports))?;
    let mut faults = FaultCollector::new();
    check_report(
        &terms.policy,
        planned,
        &exports,
        &written.report,
        &mut faults,
    );
    faults.finish()?;
    let file = written.file.finish(&mut step.folder)?;
    let export = read_export(planned, &exports, written.report);
    rejects.finish(&mut step.folder)?;
    for (file, read) in planned.files.iter().zip(&export.report.files) {
        step.log.record(&Event::FileRead {
            export: None,
            file: file.written_path.clone(),
            blake3: read.digest.clone(),
        });
    }
    let sent = tokens_sent(&export.report.account, written.tokens, written.rare);
    let manifest = Manifest {
        key: Some(key_used(round, &key_id)),
        exports: vec![export.record()],
        tokens: Some(sent),
        crossing: vec![file.record("centre")],
        ..step.manifest()
    };
    Ok((manifest, Tokenised { export, file, sent }))
}

/// Opens an export and reads the round's key.
///
/// # Errors
/// All faults of both.
fn open_inputs(
    terms: &RoundTerms,
    key_file: &Path,
    planned: &PlannedExport,
    exchange: Option<&ExportExchange>,
) -> Result<(Vec<Export>, RoundKey), Faults> {
    let mut faults = FaultCollector::new();
    let exports = open_with(&terms.policy, planned, exchange, &mut faults);
    let key = faults.take(RoundKey::read(key_file, &terms.round, &terms.purpose));
    Ok((exports, faults.or_value(key)?))
}

/// The digests (BLAKE3, hexadecimal) of what tokenising an export gives.
pub struct TokenisedAgain {
    /// That of the plain token file.
    pub tokens: String,
    /// The path and digest of each rejects file.
    pub rejects: Vec<(String, String)>,
    /// The files of the export, as they were read.
    pub files: Vec<FileReport>,
}

/// Tokenises an export as [`tokenise_export`] does, but keeps digests alone. Of a large register
/// sorted runs go to unnamed files in `scratch`, which vanish with the process.
///
/// # Errors
/// All faults of the export and the key.
pub fn tokenise_again(
    terms: &RoundTerms,
    key_file: &Path,
    planned: &PlannedExport,
    exchange: Option<&ExportExchange>,
    scratch: &Path,
    progress: &Progress,
) -> Result<TokenisedAgain, Faults> {
    let (exports, key) = open_inputs(terms, key_file, planned, exchange)?;
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let on_rows = reading_progress::begin(progress, &planned.schema.title, &exports);
    let rejects = RejectsFiles::begin_digests([planned]);
    let tokenising = Tokenising {
        rejects: rejects.of_export(planned),
        ..Tokenising::of(terms, planned, &tokeniser, &on_rows)
    };
    let written = write_tokens(
        terms,
        planned,
        &exports,
        &tokenising,
        origin(terms, planned, &key.id()),
        blake3::Hasher::new(),
        scratch,
    )
    .map_err(|error| error.into_faults(&exports))?;
    let report = written.report;
    let mut faults = FaultCollector::new();
    check_report(&terms.policy, planned, &exports, &report, &mut faults);
    faults.finish()?;
    Ok(TokenisedAgain {
        tokens: written.file.finalize().to_hex().to_string(),
        rejects: rejects.digests()?,
        files: report.files,
    })
}

/// Returns the origin of an export's tokens. The centre joins tokens only if
/// their origins match.
pub fn origin(terms: &RoundTerms, planned: &PlannedExport, key_id: &str) -> Origin {
    Origin {
        round: terms.round.clone(),
        as_of: terms.as_of,
        policy_digest: terms.policy.digest.clone(),
        key_id: key_id.to_owned(),
        algorithm: terms.algorithm,
        export: planned.schema.name.clone(),
        snapshot: planned.snapshot,
    }
}

/// Returns the manifest entry for the round's key. It includes the file's path,
/// because the key is deleted with the round.
pub fn key_used(round: &Round, id: &str) -> KeyUsed {
    KeyUsed {
        id: id.to_owned(),
        version: Some(KEY_VERSION),
        algorithm: round.terms.algorithm,
        // A step does not start if the test fails.
        known_answer_test: Passed::Passed,
        file: round.terms.relative(&round.paths.key_file),
    }
}

fn tokens_sent(account: &Account, tokens: u64, rare: RarePatterns) -> TokensSent {
    let account = sent_account(account);
    TokensSent {
        tokens,
        share_of_rows_sent: match account.rows {
            0 => 0.0,
            rows => account.sent as f64 / rows as f64,
        },
        patterns: rare.patterns,
        rare_patterns: rare.rare,
        persons_with_a_rare_pattern: rare.persons,
    }
}

/// A token file whose rows are written and which is not closed yet.
struct WrittenTokens<W> {
    file: W,
    report: Report,
    tokens: u64,
    rare: RarePatterns,
}

fn write_tokens<W: Write + Send>(
    terms: &RoundTerms,
    planned: &PlannedExport,
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    origin: Origin,
    file: W,
    scratch: &Path,
) -> Result<WrittenTokens<W>, TokeniseError> {
    let output_error = |error: parquet::errors::ParquetError| {
        TokeniseError::Spill(SpillFault::Output(std::io::Error::other(error.to_string())))
    };
    let (schema, reading_digest) = (&planned.schema, &planned.reading_digest);
    let is_cases = schema.name == CASE_EXPORT;
    let rules: Vec<&str> = terms
        .policy
        .outcome_rules(&schema.name)
        .map(|rule| rule.id.as_str())
        .collect();
    let mut writer = TokenFileWriter::begin(file, &rules).map_err(output_error)?;
    let (writer, report, tokens, rare) = if is_cases {
        let (table, _, report) = tokenise_cases(exports, tokenising, origin.clone())?;
        for (row, token) in table.tokens().iter().enumerate() {
            let outcomes = table.outcomes().0.iter().map(|(_, column)| column[row]);
            writer.push(*token, outcomes).map_err(output_error)?;
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
            scratch,
            terms.thresholds.rare_pattern,
        )?;
        (whole.writer, whole.report, whole.persons, whole.rare)
    };
    let head = TokenFileHead {
        origin,
        schema_digest: schema.digest.clone(),
        reading_digest: reading_digest.clone(),
        fields_missing: match is_cases {
            true => Vec::new(),
            false => fields_without_content(&terms.policy, schema, exports, &report),
        },
        sources: match is_cases {
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
        asks_who_receives: planned.register.is_some(),
    };
    let file = writer.finish(&head).map_err(output_error)?;
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
        // Agencies never probe; only pooled rounds do.
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
