//! What went in and what became of every row.

use std::collections::BTreeMap;

use aidlink_agency::rules::is_withheld;
use aidlink_faults::text::Text;
use aidlink_office::deletion_record::{Part, RoundFile};
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_policy::value::Value as Cell;
use serde_json::Value;

use super::{Finding, no_documents};
use crate::evidence::{Evidence, StepKind, joined, list, number, read_csv, text};

fn is_digest(digest: &str) -> bool {
    digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit())
}

pub(super) fn inputs(evidence: &Evidence) -> Finding {
    let mut wrong = Vec::new();
    let (mut files, mut rows) = (0, 0);
    for export in evidence.list("exports") {
        let name = text(export, "export");
        let account = export.get("account").unwrap_or(&Value::Null);
        let (counted, snapshot) = (number(account, "rows"), text(export, "snapshot"));
        let dated = snapshot.parse::<jiff::civil::Date>().is_ok();
        let digests = list(export, "files")
            .iter()
            .all(|file| is_digest(text(file, "blake3")));
        files += list(export, "files").len();
        rows += counted.unwrap_or(0);
        if !dated || counted.is_none() || !digests || list(export, "files").is_empty() {
            wrong.push(Text::new(
                format!("{name} 缺少摘要、行数或提取日"),
                format!("{name} lacks a digest, the number of rows or the snapshot"),
            ));
        }
    }
    for file in evidence.list("received") {
        files += 1;
        rows += file
            .get("account_at_the_agency")
            .and_then(|account| number(account, "rows"))
            .unwrap_or(0);
        if !is_digest(text(file, "plain_blake3")) {
            let name = text(file, "file");
            wrong.push(Text::new(
                format!("{name} 缺少摘要"),
                format!("{name} has no digest"),
            ));
        }
    }
    if files == 0 {
        wrong.push(Text::new("清单没有任何输入", "the manifest names no input"));
    }
    let is_input = |file: &&RoundFile| matches!(file.part, Part::Export | Part::Received);
    for file in evidence.remains.changed.iter().filter(is_input) {
        wrong.push(Text::new(
            format!("{} 已不是当时读取的内容", file.path),
            format!("{} is not any more what was read", file.path),
        ));
    }
    let there = evidence.remains.there.iter().filter(is_input).count();
    Finding::of(
        wrong,
        Text::new(
            format!("{files}个文件，{rows}行；仍在的{there}个文件与摘要相符"),
            format!(
                "{files} files, {rows} rows; the {there} files that are still here fit their digests"
            ),
        ),
    )
}

pub(super) fn accounts(evidence: &Evidence) -> Finding {
    let mut wrong = Vec::new();
    let mut sums = 0;
    let mut add_up = |name: &str, account: &Value, parts: &[&str]| {
        let parts: Option<Vec<u64>> = parts.iter().map(|part| number(account, part)).collect();
        let sum = parts.map(|parts| parts.iter().sum::<u64>());
        sums += 1;
        if sum.is_none() || sum != number(account, "rows").or(number(account, "tokens")) {
            wrong.push(Text::new(
                format!("{name} 的行数核对不平"),
                format!("the account of {name} does not add up"),
            ));
        }
    };
    const EVALUATED: [&str; 4] = ["rejected", "withheld", "without_outcome", "sent"];
    const PROBED: [&str; 4] = ["rejected", "withheld", "matched", "unmatched"];
    for export in evidence.list("exports") {
        let account = export.get("account").unwrap_or(&Value::Null);
        let is_probed = account.get("matched").is_some();
        add_up(
            text(export, "export"),
            account,
            if is_probed { &PROBED } else { &EVALUATED },
        );
    }
    for file in evidence.list("received") {
        if let Some(account) = file.get("account_at_the_agency") {
            add_up(text(file, "export"), account, &EVALUATED);
        }
        if let Some(tokens) = file.get("tokens").filter(|tokens| !tokens.is_null()) {
            add_up(text(file, "export"), tokens, &["matched", "unmatched"]);
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
    if !evidence.step.is_some_and(StepKind::reads_exports)
        || evidence.step == Some(StepKind::Resolve)
    {
        return Finding::not_applicable("此步骤不写拒收", "this step writes no rejects");
    }
    let mut wrong = Vec::new();
    // Reason to figure, of each agency, by the manifest and by the files.
    let mut stated: BTreeMap<&str, BTreeMap<(String, String), u64>> = BTreeMap::new();
    let mut rejected = 0;
    for export in evidence.list("exports") {
        let account = export.get("account").unwrap_or(&Value::Null);
        let reasons = account.get("rejected_by_reason").and_then(Value::as_object);
        let of_agency = stated.entry(text(export, "agency")).or_default();
        let mut sum = 0;
        for (reason, count) in reasons.into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            sum += count;
            of_agency.insert((text(export, "export").to_owned(), reason.clone()), count);
        }
        rejected += sum;
        if Some(sum) != number(account, "rejected") {
            let name = text(export, "export");
            wrong.push(Text::new(
                format!("{name} 的拒收原因之和不等于拒收行数"),
                format!("the reasons of {name} do not add up to its rejected rows"),
            ));
        }
    }
    let mut read = 0;
    for (agency, stated) in &stated {
        let path = format!("rejects/{agency}.csv");
        let Ok(bytes) = std::fs::read(evidence.path(&path)) else {
            continue;
        };
        let Some((header, rows)) = read_csv(&bytes) else {
            wrong.push(Text::new(
                format!("{path} 无法读取"),
                format!("{path} cannot be read"),
            ));
            continue;
        };
        read += 1;
        let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (line, row) in &rows {
            // A value could only stand where text does: the columns are counted,
            // and record and line are numbers.
            let cell = |index: usize| row.get(index).map(String::as_str).unwrap_or_default();
            let is_number = |index: usize| cell(index).parse::<u64>().is_ok();
            if row.len() != header.len() || header.len() != 8 || !is_number(2) || !is_number(3) {
                wrong.push(Text::new(
                    format!("{path}:{line} 的列不是拒收文件的列"),
                    format!("{path}:{line} has not the columns of a rejects file"),
                ));
            }
            *found
                .entry((cell(0).to_owned(), cell(5).to_owned()))
                .or_default() += 1;
        }
        if found != *stated {
            wrong.push(Text::new(
                format!("{path} 的行数与清单所记的原因和数目不同"),
                format!("{path} has other reasons or figures than the manifest"),
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
            let (file, line) = (leak.file.display(), leak.line);
            wrong.push(Text::new(
                format!("{file}:{line} 有{}", leak.kind.text().zh),
                format!("{file}:{line} holds {}", leak.kind.text().en),
            ));
        }
    }
    Finding::of(
        wrong,
        Text::new(
            format!("拒收{rejected}行，按原因与清单相符；查看{read}个文件，没有原值"),
            format!(
                "{rejected} rejected rows, by reason as in the manifest; {read} files looked at, no value in them"
            ),
        ),
    )
}

pub(super) fn snapshots(evidence: &Evidence) -> Finding {
    let limit = evidence
        .manifest()
        .get("thresholds")
        .and_then(|thresholds| thresholds.get("snapshot_age_days"))
        .and_then(Value::as_i64);
    let (Some(limit), Some(as_of)) = (limit, evidence.date("as_of")) else {
        return Finding::not_held(
            "清单没有期限或基准日",
            "the manifest has no limit or as-of date",
        );
    };
    let mut wrong = Vec::new();
    let mut oldest = 0;
    let all = evidence
        .list("exports")
        .iter()
        .chain(evidence.list("received"));
    for export in all.filter(|export| export.get("snapshot").is_some()) {
        let name = text(export, "export");
        let snapshot = text(export, "snapshot").parse::<jiff::civil::Date>();
        let age = snapshot
            .ok()
            .and_then(|snapshot| as_of.since(snapshot).ok())
            .map(|age| i64::from(age.get_days()));
        match age {
            Some(age) if (0..=limit).contains(&age) => oldest = oldest.max(age),
            Some(age) => wrong.push(Text::new(
                format!("{name} 距基准日{age}天，期限{limit}天；清单应为暂定"),
                format!("{name} is {age} days old at the as-of date, the limit is {limit}; lists must be provisional"),
            )),
            None => wrong.push(Text::new(format!("{name} 没有提取日"), format!("{name} has no snapshot"))),
        }
    }
    let place = evidence.round_line("snapshot_age_days");
    Finding::of(
        wrong,
        Text::new(
            format!("最久{oldest}天，期限{limit}天（{place}）"),
            format!("the oldest is {oldest} days, the limit {limit} ({place})"),
        ),
    )
}

/// Rows as a case export could have them, asked of the policy itself.
fn withheld(evidence: &Evidence, row: &[(&str, Cell)], age: Option<i64>) -> Option<bool> {
    let documents = evidence.documents.as_ref().ok()?;
    let as_of = evidence.date("as_of")?;
    is_withheld(&documents.policy, CASE_EXPORT, row, age, as_of).ok()
}

fn no_cases(evidence: &Evidence) -> Option<Finding> {
    (!evidence.reads_cases()).then(|| {
        Finding::not_applicable("此步骤不读取案件当事人", "this step reads no case parties")
    })
}

pub(super) fn roles(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_cases(evidence) {
        return finding;
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let schema = documents.schemas.get(CASE_EXPORT);
    let roles = schema
        .and_then(|schema| schema.field("role"))
        .and_then(|field| field.codes.clone());
    let Some(roles) = roles else {
        return Finding::not_held(
            "案件当事人的模式没有诉讼地位的代码表",
            "the schema of the case parties has no list of roles",
        );
    };
    let row = |role: Option<&str>| {
        let mut row = vec![
            ("sealed", Cell::Boolean(false)),
            ("deceased", Cell::Boolean(false)),
        ];
        row.extend(role.map(|role| ("role", Cell::String(role.to_owned()))));
        row
    };
    let mut through = Vec::new();
    let mut held_back = Vec::new();
    for role in &roles {
        match withheld(evidence, &row(Some(role)), Some(40)) {
            Some(true) => held_back.push(role.clone()),
            Some(false) => through.push(role.clone()),
            None => return no_documents(),
        }
    }
    let mut wrong = Vec::new();
    for role in ["suspect", "defendant"] {
        for age in [15, 17, 40] {
            if roles.contains(role) && withheld(evidence, &row(Some(role)), Some(age)) != Some(true)
            {
                wrong.push(Text::new(
                    format!("规则不排除{age}岁的 {role}"),
                    format!("the policy does not withhold a {role} of {age} years"),
                ));
            }
        }
    }
    if withheld(evidence, &row(None), Some(40)) != Some(true) {
        wrong.push(Text::new(
            "规则不排除没有写明诉讼地位的行",
            "the policy does not withhold a row without a role",
        ));
    }
    if held_back.is_empty() {
        wrong.push(Text::new(
            "规则对任何诉讼地位都不排除",
            "the policy withholds no role",
        ));
    }
    let (through, held_back) = (joined(&through), joined(&held_back));
    Finding::of(
        wrong,
        Text::new(
            format!(
                "逐一试验规则：放行 {}；排除 {} 和空白",
                through.zh, held_back.zh
            ),
            format!(
                "the policy was asked role by role: lets through {}; withholds {} and none stated",
                through.en, held_back.en
            ),
        ),
    )
}

pub(super) fn sealed(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_cases(evidence) {
        return finding;
    }
    let row = |sealed: Option<bool>| {
        let mut row = vec![
            ("role", Cell::String("victim".to_owned())),
            ("deceased", Cell::Boolean(false)),
        ];
        row.extend(sealed.map(|sealed| ("sealed", Cell::Boolean(sealed))));
        row
    };
    let mut wrong = Vec::new();
    for (sealed, zh, en) in [
        (Some(true), "封存的行", "a sealed row"),
        (
            None,
            "没有写明是否封存的行",
            "a row that does not say whether it is sealed",
        ),
    ] {
        match withheld(evidence, &row(sealed), Some(40)) {
            Some(true) => {}
            Some(false) => wrong.push(Text::new(
                format!("规则不排除{zh}"),
                format!("the policy does not withhold {en}"),
            )),
            None => return no_documents(),
        }
    }
    let cases = evidence
        .list("exports")
        .iter()
        .find(|export| text(export, "export") == CASE_EXPORT);
    let by_rule = cases.and_then(|export| export.get("account")?.get("withheld_by_rule"));
    let count = by_rule
        .and_then(|rules| number(rules, "withhold_sealed"))
        .unwrap_or(0);
    Finding::of(
        wrong,
        Text::new(
            format!("已试验规则：封存和未写明的都排除；本轮因封存排除{count}行"),
            format!(
                "the policy was asked: sealed and not stated are withheld; {count} rows of this round for the seal"
            ),
        ),
    )
}
