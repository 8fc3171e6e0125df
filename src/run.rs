//! A pooled round: tokenise, screen and resolve composed in one process.
//!
//! Each step takes what the last one gives, and nothing else crosses the wall:
//! screening sees token tables, resolving sees references and the
//! procuratorate's own export.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_agency::key::RoundKey;
use aidlink_agency::known_answers;
use aidlink_agency::resolve::{ResolvedLead, resolve};
use aidlink_agency::scan::Export;
use aidlink_agency::scan::pass::Pass;
use aidlink_agency::token_set::TokenSet;
use aidlink_agency::tokenise::{Report, Tokenising, tokenise_cases, tokenise_register};
use aidlink_agency::tokeniser::{ALGORITHM, Tokeniser};
use aidlink_centre::screen::{NotVerified, ScreeningTerms, screen};
use aidlink_contract::fault::{Fault, Faults};
use aidlink_contract::policy::WhenUnknown;
use aidlink_contract::text::Text;
use aidlink_contract::token_table::Origin;

use crate::audit::log::AuditLog;
use crate::round::{Plan, PlannedExport};
use crate::terminal::Progress;

/// An export after it was read.
pub struct ReadExport {
    /// What the round says of it.
    pub planned: PlannedExport,
    /// Its files.
    pub files: Vec<ReadFile>,
    /// What became of its rows.
    pub report: Report,
}

/// A file of an export after it was read.
pub struct ReadFile {
    /// Its path as the round file gives it.
    pub written_path: String,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub byte_length: u64,
    /// The kind of file.
    pub format: &'static str,
    /// The encoding it was read in.
    pub encoding: &'static str,
    /// Headers that were present and not read.
    pub columns_not_read: Vec<String>,
    /// Fields of the schema for which there is no column.
    pub columns_absent: Vec<String>,
}

/// Why the lists of a round are provisional.
#[derive(Clone, Debug, PartialEq)]
pub enum Provisional {
    /// An export's share of rejected rows is above the threshold.
    RejectRate {
        /// The export.
        export: String,
        /// The share, 0 to 1.
        rate: f64,
    },
    /// An export's snapshot is older than the threshold.
    Stale {
        /// The export.
        export: String,
    },
}

/// What a round gives.
pub struct RoundResult {
    /// The exports, the case parties first.
    pub exports: Vec<ReadExport>,
    /// The leads in token order.
    pub leads: Vec<ResolvedLead>,
    /// For each register: persons of it that are a case party, and that are not.
    pub persons_matched: BTreeMap<String, (u64, u64)>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// Why the lists are provisional; empty when they are not.
    pub provisional: Vec<Provisional>,
    /// The id of the key.
    pub key_id: String,
    /// The key was made by this run.
    pub key_was_made: bool,
}

/// Runs a round.
///
/// # Errors
/// The faults of the key and of all exports at once, or of the step that failed.
pub fn run(plan: &Plan, progress: &Progress, log: &mut AuditLog) -> Result<RoundResult, Faults> {
    if !known_answers::hmac_sha256_holds() {
        return Err(Fault::of_file(
            &plan.file,
            Text::new(
                "令牌算法自检不通过，拒绝运行",
                "the token algorithm fails its known-answer test; the run is refused",
            ),
            Text::new("请重新安装程序", "install the program again"),
        )
        .into());
    }
    let mut faults = Faults::new();
    progress.step(&Text::new("读取导出", "reading exports"));
    let mut opened: Vec<(&PlannedExport, Vec<Export>)> = Vec::new();
    for planned in plan.exports() {
        let mut files = Vec::new();
        for file in &planned.files {
            match Export::open(&file.path, &planned.schema, &planned.reading) {
                Ok(export) => {
                    check_columns(plan, planned, &export, &mut faults);
                    files.push(export);
                }
                Err(found) => faults.extend(found),
            }
        }
        opened.push((planned, files));
    }
    // A key is made only for a round whose exports can be read.
    let key = if faults.is_empty() || plan.key_file.exists() {
        read_or_make_key(plan)
            .map_err(|found| faults.extend(found))
            .ok()
    } else {
        None
    };
    let (Some((key, key_was_made)), true) = (key, faults.is_empty()) else {
        return Err(faults);
    };
    let key_id = key.id();
    let made = if key_was_made { "made" } else { "read" };
    log.record(
        "key",
        &[("id", &key_id), ("how", made), ("algorithm", ALGORITHM)],
    );

    let tokeniser = Tokeniser::new(&key.person_subkey());
    let origin = |planned: &PlannedExport| Origin {
        round: plan.round.clone(),
        policy_digest: plan.policy.digest.clone(),
        key_id: key_id.clone(),
        algorithm: ALGORITHM.to_owned(),
        export: planned.schema.name.clone(),
        snapshot: planned.snapshot,
    };
    let on_rows = |rows| progress.rows(rows);
    let mut cases = None;
    let mut case_parties = TokenSet::default();
    let mut registers = Vec::new();
    let mut reports = Vec::new();
    for (index, (planned, export)) in opened.iter().enumerate() {
        progress.step(&planned.schema.title);
        // The case parties come first: every other export streams past their tokens.
        let is_cases = index == 0;
        let tokenising = Tokenising {
            schema: &planned.schema,
            policy: &plan.policy,
            as_of: plan.as_of,
            tokeniser: &tokeniser,
            probe: (!is_cases).then_some(&case_parties),
            pass: Pass::DEFAULT,
            progress: &on_rows,
        };
        let report = if is_cases {
            tokenise_cases(export, &tokenising, origin(planned)).map(|(table, report)| {
                case_parties = TokenSet::new(table.tokens());
                cases = Some(table);
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
                check_report(planned, export, &report, &mut faults);
                for (file, read) in planned.files.iter().zip(&report.files) {
                    log.record(
                        "file_read",
                        &[
                            ("export", &planned.schema.name),
                            ("file", &file.written_path),
                            ("blake3", &read.digest),
                        ],
                    );
                }
                log.record(
                    "export_tokenised",
                    &[
                        ("export", &planned.schema.name),
                        ("rows", &report.account.rows.to_string()),
                        ("rejected", &report.account.rejected.to_string()),
                        ("withheld", &report.account.withheld.to_string()),
                    ],
                );
                reports.push(report);
            }
            Err(error) => faults.extend(error.into_faults(export)),
        }
    }
    let (Some(cases), true) = (cases, faults.is_empty()) else {
        return Err(faults);
    };

    progress.step(&Text::new("筛查", "screening"));
    let terms = ScreeningTerms {
        as_of: plan.as_of,
        snapshot_age_days: plan.thresholds.snapshot_age_days,
    };
    let screening = screen(&plan.policy, terms, &cases, &registers).map_err(|error| {
        Fault::of_file(
            &plan.file,
            error.text(),
            Text::new("请检查轮次文件", "check the round file"),
        )
    })?;
    log.record("screened", &[("leads", &screening.leads.len().to_string())]);

    progress.step(&Text::new("还原线索", "resolving leads"));
    let (planned, export) = &opened[0];
    let tokenising = Tokenising {
        schema: &planned.schema,
        policy: &plan.policy,
        as_of: plan.as_of,
        tokeniser: &tokeniser,
        probe: None,
        pass: Pass::DEFAULT,
        progress: &on_rows,
    };
    let screened = &reports[0].files;
    let leads = resolve(export, &tokenising, screened, screening.leads)?;
    log.record("resolved", &[("leads", &leads.len().to_string())]);

    let exports: Vec<ReadExport> = opened
        .iter()
        .zip(reports)
        .map(|((planned, export), report)| read_export(planned, export, report))
        .collect();
    let provisional = provisional(plan, terms, &exports, &screening.not_verified_by);
    Ok(RoundResult {
        exports,
        leads,
        persons_matched: screening.matched,
        not_verified_by: screening.not_verified_by,
        provisional,
        key_id,
        key_was_made,
    })
}

/// In a pooled round the key never leaves the machine and nothing needs it
/// afterwards but a second run, so a missing one is made.
fn read_or_make_key(plan: &Plan) -> Result<(RoundKey, bool), Faults> {
    if plan.key_file.exists() {
        RoundKey::read(&plan.key_file, &plan.round, &plan.purpose).map(|key| (key, false))
    } else {
        RoundKey::create(&plan.key_file, &plan.round, &plan.purpose).map(|key| (key, true))
    }
}

/// Columns without which an export cannot mean what the round takes it for:
/// those on which it rests whether a row may be looked at at all, and at least
/// one that a rule needs.
fn check_columns(plan: &Plan, planned: &PlannedExport, export: &Export, faults: &mut Faults) {
    let columns = export.columns();
    let silent = plan
        .policy
        .withhold_rules(&planned.schema.name)
        .filter(|rule| rule.when_unknown == WhenUnknown::Yes)
        .flat_map(|rule| rule.expression.columns());
    for name in silent.collect::<std::collections::BTreeSet<String>>() {
        if let Some(field) = planned.schema.field(&name)
            && !columns.index.contains_key(&name)
        {
            faults.push(Fault::of_file(
                export.path(),
                Text::new(
                    format!("缺少列“{}”（{name}）：没有它，所有行都不能处理", field.title.zh),
                    format!("the column `{name}` ({}) is missing: without it every row would be withheld", field.title.en),
                ),
                Text::new("请添加该列并逐行填写", "add the column and fill it in on every row"),
            ));
        }
    }
    let needed = plan.policy.columns_needed(&planned.schema.name);
    if !needed.is_empty() && !needed.iter().any(|name| columns.index.contains_key(name)) {
        faults.push(Fault::of_file(
            export.path(),
            Text::new(
                "导出中没有任何规则需要的列",
                "the export has no column that a rule needs",
            ),
            Text::new(
                format!("请确认这是“{}”的导出", planned.schema.title.zh),
                format!(
                    "check that this is an export of \"{}\"",
                    planned.schema.title.en
                ),
            ),
        ));
    }
}

fn check_report(planned: &PlannedExport, exports: &[Export], report: &Report, faults: &mut Faults) {
    let path = exports.first().map(Export::path).unwrap_or(Path::new(""));
    if report.account.rows == 0 && !planned.may_be_empty {
        faults.push(Fault::of_file(
            path,
            Text::new("表头下没有任何记录", "there is no record below the header"),
            Text::new(
                "请重新导出；若确实没有记录，请在轮次文件中写 may_be_empty = true",
                "export it again; if there truly is none, say may_be_empty = true in the round file",
            ),
        ));
    }
    if !report.account.adds_up() {
        faults.push(Fault::of_file(
            path,
            Text::new("行数核对不平", "the account of the rows does not add up"),
            Text::new("请报告此问题", "please report this"),
        ));
    }
}

fn read_export(planned: &PlannedExport, exports: &[Export], report: Report) -> ReadExport {
    let files = planned
        .files
        .iter()
        .zip(exports)
        .zip(&report.files)
        .map(|((file, export), read)| {
            let columns = export.columns();
            let is_read = |header: &&String| {
                report
                    .columns_read
                    .iter()
                    .any(|field| columns.header_of(field) == Some(header.as_str()))
            };
            ReadFile {
                written_path: file.written_path.clone(),
                digest: read.digest.clone(),
                byte_length: read.byte_length,
                format: export.format().name(),
                encoding: export.encoding().name(),
                columns_not_read: columns
                    .headers
                    .iter()
                    .filter(|header| !header.trim().is_empty() && !is_read(header))
                    .map(|header| header.trim().to_owned())
                    .collect(),
                columns_absent: columns.absent.clone(),
            }
        })
        .collect();
    ReadExport {
        planned: planned.clone(),
        files,
        report,
    }
}

fn provisional(
    plan: &Plan,
    terms: ScreeningTerms,
    exports: &[ReadExport],
    not_verified_by: &BTreeMap<String, NotVerified>,
) -> Vec<Provisional> {
    let rates = exports.iter().filter_map(|export| {
        let rate = export.report.account.reject_rate();
        (rate > plan.thresholds.reject_rate).then(|| Provisional::RejectRate {
            export: export.planned.schema.name.clone(),
            rate,
        })
    });
    let stale = not_verified_by
        .iter()
        .filter(|(_, reason)| **reason == NotVerified::Stale)
        .map(|(export, _)| Provisional::Stale {
            export: export.clone(),
        });
    let stale_cases = terms
        .is_stale(plan.cases.snapshot)
        .then(|| Provisional::Stale {
            export: plan.cases.schema.name.clone(),
        });
    rates.chain(stale_cases).chain(stale).collect()
}
