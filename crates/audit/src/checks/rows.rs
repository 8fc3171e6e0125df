//! Checks of the inputs and of where every row went.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_agency::rules::{Breach, try_guarantee};
use aidlink_contract::hexadecimal::is_digest;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::audit_log::Event;
use aidlink_office::deletion_record::{FilePart, RoundFile};
use aidlink_office::remains::Doubt;
use aidlink_policy::pack::{CASE_EXPORT, Guarantee, Guaranteed, REFERRALS_EXPORT};

use super::finding::{Finding, no_documents, no_exports};
use crate::evidence::{Evidence, joined};
use aidlink_agency::spreadsheet_csv::read_csv;
use aidlink_office::manifest::{Manifest, StepKind};

pub(super) fn inputs(evidence: &Evidence) -> Finding {
    let manifest = evidence.manifest();
    let mut wrong = Vec::new();
    let (mut files, mut rows) = (0, 0);
    for export in &manifest.exports {
        let name = &export.export;
        files += export.files.len();
        rows += export.account.rows;
        let digests = export.files.iter().all(|file| is_digest(&file.blake3));
        let is_of_register = manifest.register.is_some() && name == REFERRALS_EXPORT;
        if !digests || export.files.is_empty() && !is_of_register {
            wrong.push(Text::new(
                format!("{name} 没有文件，或缺少摘要"),
                format!("{name} has no files, or a digest is missing"),
            ));
        }
    }
    if let Some(register) = &manifest.register {
        files += 1;
        if !is_digest(&register.last) {
            wrong.push(Text::new(
                "登记簿缺少最后一项的摘要",
                "the digest of the register's last event is missing",
            ));
        }
    }
    for file in &manifest.received {
        files += 1;
        rows += file.account_at_the_agency.map_or(0, |account| account.rows);
        if !is_digest(&file.plain_blake3) {
            let name = file.file.as_deref().unwrap_or_default();
            wrong.push(Text::new(
                format!("{name} 缺少摘要"),
                format!("{name} has no digest"),
            ));
        }
    }
    wrong.extend(not_in_the_manifest(evidence));
    if files == 0 {
        wrong.push(Text::new(
            "运行记录中没有任何输入",
            "the manifest lists no inputs",
        ));
    } else if !has_what_its_step_reads(manifest) {
        wrong.push(Text::new(
            "运行记录缺少本步骤必读的输入",
            "the manifest lacks an input that its step always reads",
        ));
    }
    let is_input = |file: &&RoundFile| matches!(file.part, FilePart::Export | FilePart::Received);
    let doubtful = evidence.remains.doubtful.iter();
    // Files outside the round's folder are not looked for.
    let doubtful =
        doubtful.filter(|(_, doubt)| !matches!(doubt, Doubt::Outside | Doubt::Needed(_)));
    for file in doubtful.map(|(file, _)| file).filter(is_input) {
        let path = shown_path(Path::new(&file.path));
        wrong.push(Text::new(
            format!("{path} 在读取后已被改动"),
            format!("{path} was changed since it was read"),
        ));
    }
    let there = evidence.remains.there.iter().map(|found| &found.file);
    let needed = evidence.remains.needed().map(|(file, _)| file);
    let there = there.chain(needed).filter(is_input).count();
    Finding::of(
        wrong,
        Text::new(
            format!("{files}个文件，{rows}行；仍在的{there}个文件与摘要相符"),
            format!(
                "{files} files, {rows} rows; the {there} files that are still here match their digests"
            ),
        ),
    )
}

/// Returns whether the manifest has the export that every step of its kind reads, and the case
/// parties' files that the screening was of.
fn has_what_its_step_reads(manifest: &Manifest) -> bool {
    let mut exports = manifest.exports.iter();
    let mut received = manifest.received.iter();
    let has_export = match manifest.step {
        StepKind::Tokenise => exports.next().is_some(),
        StepKind::Run | StepKind::Resolve => exports.any(|one| one.export == CASE_EXPORT),
        StepKind::Screen => received.any(|one| one.export.as_deref() == Some(CASE_EXPORT)),
    };
    let files = manifest.exports.iter().flat_map(|export| &export.files);
    let files: BTreeSet<&String> = files.map(|file| &file.blake3).collect();
    let mut screened = manifest.case_sources.iter().flatten();
    has_export && screened.all(|source| files.contains(&source.digest))
}

/// Returns the inputs that the log names and the manifest does not: what is not in it is neither
/// accounted for nor deleted.
fn not_in_the_manifest(evidence: &Evidence) -> Vec<Text> {
    let manifest = evidence.manifest();
    let exports = manifest.exports.iter();
    let files = exports.flat_map(|export| export.files.iter().map(|file| &file.blake3));
    let files: BTreeSet<&String> = files.collect();
    let received = manifest.received.iter();
    let received: BTreeSet<(Option<&str>, &String)> = received
        .map(|file| (file.export.as_deref(), &file.plain_blake3))
        .collect();
    let events = evidence.verification.log.events();
    let missing = events.filter_map(|(line, event)| {
        let is_there = match event {
            Event::FileRead { blake3, .. } => files.contains(blake3),
            Event::TokenFileReceived {
                export,
                plain_blake3,
            } => received.contains(&(Some(export), plain_blake3)),
            Event::LeadsReceived { plain_blake3, .. } => received.contains(&(None, plain_blake3)),
            _ => return None,
        };
        (!is_there).then(|| {
            Text::new(
                format!("audit.jsonl 第{line}行所记的输入不在运行记录中"),
                format!("the input in line {line} of audit.jsonl is not in the manifest"),
            )
        })
    });
    missing.collect()
}

pub(super) fn accounts(evidence: &Evidence) -> Finding {
    let mut wrong = Vec::new();
    let mut sums = 0;
    let mut check = |name: &str, adds_up: bool| {
        sums += 1;
        if !adds_up {
            wrong.push(Text::new(
                format!("{name} 的行数核对不符"),
                format!("the account of {name} does not add up"),
            ));
        }
    };
    for export in &evidence.manifest().exports {
        check(&export.export, export.account.adds_up());
    }
    for file in &evidence.manifest().received {
        let name = file.export.as_deref().unwrap_or_default();
        if let Some(account) = file.account_at_the_agency {
            check(name, account.adds_up());
        }
        if let Some(tokens) = file.tokens {
            let sum = tokens.matched.checked_add(tokens.unmatched);
            check(name, sum == Some(tokens.tokens));
        }
    }
    Finding::of(
        wrong,
        Text::new(
            format!("{sums}项核对相符（manifest.json 的 account）"),
            format!("{sums} accounts add up (account in manifest.json)"),
        ),
    )
}

pub(super) fn rejects(evidence: &Evidence) -> Finding {
    if matches!(evidence.step(), StepKind::Screen | StepKind::Resolve) {
        return Finding::not_applicable(
            "此步骤不生成拒收文件",
            "this step writes no rejects files",
        );
    }
    let mut wrong = Vec::new();
    // For each agency: rows by export and reason, according to the manifest.
    let mut stated: BTreeMap<&str, BTreeMap<(String, String), u64>> = BTreeMap::new();
    let mut rejected = 0;
    for export in &evidence.manifest().exports {
        let reasons = &export.account.rejected_by_reason;
        let of_agency = stated.entry(&export.agency).or_default();
        for (reason, count) in reasons {
            of_agency.insert((export.export.clone(), reason.clone()), *count);
        }
        let sum: u64 = reasons.values().sum();
        rejected += sum;
        if sum != export.account.rejected {
            let name = &export.export;
            wrong.push(Text::new(
                format!("{name} 的拒收原因之和不等于拒收行数"),
                format!("the figures by reason for {name} do not add up to its rejected rows"),
            ));
        }
    }
    let exports = evidence.manifest().exports.iter();
    let sheets: BTreeSet<(&str, &str)> = exports
        .flat_map(|export| {
            let sheets = export.files.iter().filter_map(|file| file.sheet.as_deref());
            sheets.map(|sheet| (export.export.as_str(), sheet.trim_start_matches('\'')))
        })
        .collect();
    let mut read = 0;
    for (agency, stated) in &stated {
        let path = format!("rejects/{agency}.csv");
        // The file is missing if no row was rejected, or after a deletion.
        if !evidence.has(&path) {
            continue;
        }
        let bytes = evidence.read(&path);
        let Some((header, rows)) = bytes.and_then(|bytes| read_csv(&bytes)) else {
            wrong.push(Text::new(
                format!("{path} 无法读取"),
                format!("{path} cannot be read"),
            ));
            continue;
        };
        read += 1;
        let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (line, row) in &rows {
            // Checking the number of columns, that record and line are numbers, and that
            // the sheet is one that was read, leaves no place for the value of a cell.
            // Version 0.1 wrote no sheets.
            let cell = |index: usize| row.get(index).map(String::as_str).unwrap_or_default();
            let is_number = |index: usize| cell(index).parse::<u64>().is_ok();
            let is_sheet = sheets.contains(&(cell(0), cell(8).trim_start_matches('\'')));
            let has_columns = row.len() == header.len() && matches!(header.len(), 8 | 9);
            if !has_columns || !is_number(2) || !is_number(3) || !(cell(8).is_empty() || is_sheet) {
                wrong.push(Text::new(
                    format!("{path}:{line} 的列与拒收文件应有的列不符"),
                    format!("{path}:{line} does not have the columns of a rejects file"),
                ));
            }
            *found
                .entry((cell(0).to_owned(), cell(5).to_owned()))
                .or_default() += 1;
        }
        if found != *stated {
            wrong.push(Text::new(
                format!("{path} 的拒收原因或行数与运行记录所记不同"),
                format!("the reasons or figures in {path} differ from the manifest"),
            ));
        }
    }
    if let Ok(scan) = &evidence.leaks {
        let rejects = evidence.path("rejects");
        for leak in scan
            .leaks
            .iter()
            .filter(|leak| leak.file.starts_with(&rejects))
        {
            let (file, line) = (shown_path(&leak.file), leak.line);
            wrong.push(Text::new(
                format!("{file}:{line} 有{}", leak.kind.text().zh),
                format!("{file}:{line} contains {}", leak.kind.text().en),
            ));
        }
    }
    Finding::of(
        wrong,
        Text::new(
            format!("拒收{rejected}行，各原因的行数与运行记录相符；检查了{read}个文件，不含原值"),
            format!(
                "{rejected} rejected rows, by reason as in the manifest; {read} files checked, without values of cells"
            ),
        ),
    )
}

pub(super) fn snapshots(evidence: &Evidence) -> Finding {
    let manifest = evidence.manifest();
    let (limit, as_of) = (manifest.thresholds.snapshot_age_days, manifest.as_of);
    let mut wrong =
        evidence.differing(&["thresholds.snapshot_age_days", "as_of", "export.snapshot"]);
    let mut oldest = 0;
    let exports = manifest.exports.iter();
    let exports = exports.map(|export| (export.export.as_str(), export.snapshot));
    let received = manifest.received.iter();
    let received = received.filter_map(|file| Some((file.export.as_deref()?, file.snapshot?)));
    for (name, snapshot) in exports.chain(received) {
        // The difference of two dates in days always fits.
        let age = as_of.since(snapshot).map_or(i32::MAX, |age| age.get_days());
        if (0..=limit).contains(&age) {
            oldest = oldest.max(age);
        } else {
            wrong.push(Text::new(
                format!("{name} 的提取日距基准日{age}天，阈值为{limit}天；清单应为暂定"),
                format!("{name} was {age} days old on the as-of date, and the limit is {limit}; the lists must be provisional"),
            ));
        }
    }
    let place = evidence.round_line("snapshot_age_days");
    Finding::of(
        wrong,
        Text::new(
            format!("最早的提取日距基准日{oldest}天，阈值为{limit}天（{place}）"),
            format!(
                "the oldest was {oldest} days old on the as-of date, and the limit is {limit} ({place})"
            ),
        ),
    )
}

pub(super) fn roles(evidence: &Evidence) -> Finding {
    guarantees(evidence, &["role"])
}

pub(super) fn seal_and_death(evidence: &Evidence) -> Finding {
    guarantees(evidence, &["seal", "death"])
}

/// Tries the policy's guarantees on the exports of this step, and counts the rows
/// that their rules withheld.
fn guarantees(evidence: &Evidence, kinds: &[&str]) -> Finding {
    if evidence.manifest().exports.is_empty() {
        return no_exports();
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let policy = &documents.policy;
    let mut wrong = Vec::new();
    let mut held = Vec::new();
    for guarantee in &policy.guarantees {
        let mut exports = evidence.manifest().exports.iter();
        let export = exports.find(|export| export.export == guarantee.on);
        let (Some(export), true) = (export, kinds.contains(&guarantee.of.name())) else {
            continue;
        };
        match try_guarantee(policy, guarantee) {
            Ok(trial) if trial.breaches.is_empty() => {
                let by_rule = &export.account.withheld_by_rule;
                let counts = guarantee.rules.iter().filter_map(|rule| by_rule.get(rule));
                held.push(held_text(guarantee, trial.cases, counts.sum()));
            }
            Ok(trial) => wrong.extend(trial.breaches.iter().map(Breach::text)),
            Err(error) => wrong.push(error.text()),
        }
    }
    let mut exports = evidence.manifest().exports.iter();
    if exports.any(|export| export.export == CASE_EXPORT) {
        for kind in kinds {
            let mut guarantees = policy.guarantees.iter();
            if !guarantees.any(|other| other.on == CASE_EXPORT && other.of.name() == *kind) {
                wrong.push(Text::new(
                    format!("规则文件没有针对 {CASE_EXPORT} 声明“{kind}”的保证"),
                    format!("the policy declares no guarantee of `{kind}` on {CASE_EXPORT}"),
                ));
            }
        }
    }
    if wrong.is_empty() && held.is_empty() {
        return Finding::not_applicable(
            "此步骤读取的导出没有此类保证",
            "this step reads no export with such a guarantee",
        );
    }
    Finding::of_each(wrong, held)
}

/// Returns the evidence for a guarantee that holds.
fn held_text(guarantee: &Guarantee, cases: usize, rows: u64) -> Text {
    let (id, title) = (&guarantee.id, &guarantee.title);
    let codes = match &guarantee.of {
        Guaranteed::Role(codes) => {
            let (passes, withheld) = (joined(&codes.passes), joined(&codes.withheld));
            Text::new(
                format!(
                    "处理 {}；不予处理 {}、空白和无法读取的内容；",
                    passes.zh, withheld.zh
                ),
                format!(
                    "{} are processed; {}, empty and unreadable cells are withheld; ",
                    passes.en, withheld.en
                ),
            )
        }
        Guaranteed::Seal | Guaranteed::Death => Text::default(),
    };
    Text::new(
        format!(
            "{}（{id}，{}）：{}{cases}个用例通过；本轮据此不予处理{rows}行",
            title.zh, guarantee.on, codes.zh
        ),
        format!(
            "{} ({id}, {}): {}{cases} cases passed; it withheld {rows} rows of this round",
            title.en, guarantee.on, codes.en
        ),
    )
}
