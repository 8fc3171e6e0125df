//! The key, the algorithm, and what the program could not do.

use aidlink_agency::key::RoundKey;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::check_owner_only;
use aidlink_office::deletion_record::Part;
use aidlink_office::verification::{is_plain, walk};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Finding;
use crate::evidence::{Evidence, StepKind, text};

fn key(evidence: &Evidence) -> &Value {
    evidence.manifest().get("key").unwrap_or(&Value::Null)
}

pub(super) fn key_file(evidence: &Evidence) -> Finding {
    if evidence.step == Some(StepKind::Screen) {
        return Finding::not_applicable("筛查机构没有密钥", "the centre has no key");
    }
    let (id, file) = (text(key(evidence), "id"), text(key(evidence), "file"));
    if !is_id(id) {
        return Finding::not_held("清单没有密钥编号", "the manifest has no key id");
    }
    let deleted = evidence
        .verification
        .deleted
        .iter()
        .find(|record| record.removed.iter().any(|file| file.part == Part::Key));
    let path = evidence.round_folder.join(file);
    if !is_plain(file) || !path.exists() {
        return match deleted {
            Some(record) => Finding::held(
                format!("编号{id}；密钥已于{}删除", record.completed_at),
                format!("id {id}; the key was deleted on {}", record.completed_at),
            ),
            None => Finding::not_applicable(
                format!("编号{id}；密钥文件不在此处"),
                format!("id {id}; the key file is not here"),
            ),
        };
    }
    let name = Text::new("密钥文件", "the key file");
    if let Err(fault) = check_owner_only(&path, &name) {
        return Finding::not_held(
            format!("{file}：{}", fault.message.zh),
            format!("{file}: {}", fault.message.en),
        );
    }
    let purpose = evidence.verification.text("purpose");
    match RoundKey::read(&path, evidence.verification.text("round"), purpose) {
        Err(_) => Finding::not_held(
            format!("{file} 不是本轮的密钥"),
            format!("{file} is not the key of this round"),
        ),
        Ok(key) if key.id() != id => Finding::not_held(
            format!("{file} 的编号不是清单所记的{id}"),
            format!("{file} has another id than the manifest's {id}"),
        ),
        Ok(_) => match leaked_in(evidence, &path) {
            Some(leaked) => Finding::not_held(
                format!("密钥出现在 {leaked} 中：请立即停用"),
                format!("the key stands in {leaked}: stop using it at once"),
            ),
            None => Finding::held(
                format!("{file}：256位，仅限本人；输出中只有编号{id}"),
                format!(
                    "{file}: 256 bits, owner-only; the outputs have its id {id} and nothing else of it"
                ),
            ),
        },
    }
}

/// The first file of the folder in which the key itself stands.
fn leaked_in(evidence: &Evidence, key_file: &std::path::Path) -> Option<String> {
    let content = Zeroizing::new(std::fs::read_to_string(key_file).ok()?);
    let secret = content
        .lines()
        .find_map(|line| line.strip_prefix("key = '"))?;
    let secret = secret.rsplit(':').next()?.trim_end_matches('\'');
    let mut paths = Vec::new();
    walk(&evidence.verification.folder, "", &mut paths).ok()?;
    paths.into_iter().find(|path| {
        let bytes = std::fs::read(evidence.path(path)).unwrap_or_default();
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    })
}

/// Key ids are 16 hexadecimal digits.
fn is_id(id: &str) -> bool {
    id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit())
}

pub(super) fn algorithm(evidence: &Evidence) -> Finding {
    if evidence.step == Some(StepKind::Screen) {
        return Finding::not_applicable("筛查机构不生成令牌", "the centre makes no token");
    }
    let name = text(key(evidence), "algorithm");
    if TokenAlgorithm::named(name).is_none() {
        return Finding::not_held(
            "清单没有写明令牌算法",
            "the manifest names no token algorithm",
        );
    }
    let entries = evidence.verification.log.entries.iter().enumerate();
    let tested = entries.into_iter().find(|(_, entry)| {
        let detail = |key: &str| entry.details.get(key).and_then(Value::as_str);
        entry.event == "known_answer_test"
            && detail("algorithm") == Some(name)
            && detail("result") == Some("passed")
    });
    match tested {
        Some((line, _)) => Finding::held(
            format!("{name}，已通过（audit.jsonl:{}）", line + 1),
            format!("{name}, passed (audit.jsonl:{})", line + 1),
        ),
        None => Finding::not_held(
            format!("日志中没有 {name} 通过已知答案测试的记录"),
            format!("the log does not say that {name} passed its known-answer test"),
        ),
    }
}

pub(super) fn one_key(evidence: &Evidence) -> Finding {
    if evidence.step == Some(StepKind::Screen) {
        let mut ids: Vec<&str> = evidence
            .list("received")
            .iter()
            .map(|file| text(file, "key_id"))
            .collect();
        let files = ids.len();
        ids.sort_unstable();
        ids.dedup();
        return match ids.as_slice() {
            [id] if is_id(id) => Finding::held(
                format!("{files}个令牌文件，编号都是{id}"),
                format!("{files} token files, all of the key {id}"),
            ),
            _ => Finding::not_held(
                "令牌文件出自不同的密钥",
                "the token files are of different keys",
            ),
        };
    }
    let id = text(key(evidence), "id");
    let entries = evidence.verification.log.entries.iter();
    let used: Vec<&str> = entries
        .filter(|entry| entry.event == "key")
        .filter_map(|entry| entry.details.get("id").and_then(Value::as_str))
        .collect();
    let sources = evidence.list("exports").len();
    if used == [id] && is_id(id) {
        Finding::held(
            format!("{sources}个来源，密钥{id}"),
            format!("{sources} sources, the key {id}"),
        )
    } else {
        Finding::not_held(
            "日志中的密钥不是清单所记的那一个",
            "the log has another key than the manifest, or several",
        )
    }
}

pub(super) fn network(evidence: &Evidence) -> Finding {
    const DENIED: &str = "denied by seccomp";
    let confinement = evidence
        .manifest()
        .get("confinement")
        .unwrap_or(&Value::Null);
    let entries = evidence.verification.log.entries.iter().enumerate();
    let logged = entries.into_iter().find(|(_, entry)| {
        entry.event == "confined"
            && entry.details.get("network").and_then(Value::as_str) == Some(DENIED)
            && entry.details.get("core_dumps").and_then(Value::as_str) == Some("off")
    });
    match logged {
        Some((line, _)) if text(confinement, "network") == DENIED => Finding::held(
            format!(
                "内核拒绝程序的一切套接字（seccomp；audit.jsonl:{}）",
                line + 1
            ),
            format!(
                "the kernel refused every socket to the program (seccomp; audit.jsonl:{})",
                line + 1
            ),
        ),
        _ => Finding::not_held(
            "系统没有为程序关闭网络：请查明当时机器是否断网",
            "the system did not deny the network to the program: find out whether the machine had one",
        ),
    }
}
