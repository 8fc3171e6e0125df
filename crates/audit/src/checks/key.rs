//! Checks of the key, the token algorithm and network access.

use aidlink_agency::key::{LARGEST_KEY_FILE, RoundKey};
use aidlink_contract::hexadecimal::is_key_id;
use aidlink_faults::text::Text;
use aidlink_files::folder::Folder;
use aidlink_files::owner_only::check_owner_only;
use aidlink_files::regular_file::read_open;
use aidlink_office::deletion_record::{FilePart, RoundFile};
use aidlink_office::leak_scan::written_files;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

use super::finding::Finding;
use crate::evidence::Evidence;
use crate::register_evidence::is_missing;
use aidlink_office::audit_log::Event;
use aidlink_office::confinement::{Confinement, CoreDumps, Network};
use aidlink_office::manifest::{KeyUsed, StepKind};

pub(super) fn key_file(evidence: &Evidence) -> Finding {
    if evidence.step() == StepKind::Screen {
        return Finding::not_applicable("筛查机构没有密钥", "the centre has no key");
    }
    let manifest = evidence.manifest();
    let Some(KeyUsed { id, file, .. }) = manifest.key.as_ref().filter(|key| is_key_id(&key.id))
    else {
        return Finding::not_held("运行记录没有密钥编号", "the manifest has no key id");
    };
    let file = file.as_deref().unwrap_or_default();
    // A record says of which key, except one of version 1.
    let is_it = |file: &RoundFile| {
        file.part == FilePart::Key && file.key_id.as_ref().is_none_or(|of| of == id)
    };
    let records = &evidence.verification.deleted;
    let mut latest = records.iter().rev();
    // A later one may say that the key is there again.
    let last_left = latest.find(|record| record.left.iter().any(|left| is_it(&left.file())));
    let mut later = records
        .iter()
        .filter(|record| last_left.is_none_or(|left| record.completed_at > left.completed_at));
    let deleted = later.find(|record| record.all_removed().any(is_it));
    let path = evidence.round_folder.join(file);
    let opened =
        Folder::open(&evidence.round_folder).and_then(|folder| folder.open_file(Path::new(file)));
    let Ok(opened) = opened else {
        if !is_missing(&path) {
            // Neither gone nor a key file: a link, a folder, or one that nobody here may open.
            return Finding::not_held(
                format!(
                    "{file} 不是可以打开的普通文件（链接、文件夹或无权读取），不能确认密钥仅限本人访问"
                ),
                format!(
                    "{file} is no regular file that can be opened (a link, a folder, or not yours to read), so nobody knows whether the key is owner-only"
                ),
            );
        }
        return match deleted {
            Some(record) => Finding::held(
                format!("编号 {id}；密钥已于 {} 删除", record.completed_at),
                format!("id {id}; the key was deleted at {}", record.completed_at),
            ),
            None => Finding::not_applicable(
                format!("编号 {id}；密钥文件不在此处"),
                format!("id {id}; the key file is not here"),
            ),
        };
    };
    let name = Text::new("密钥文件", "the key file");
    if let Err(fault) = check_owner_only(&opened, &path, &name) {
        return Finding::not_held(
            format!("{file}：{}", fault.message.zh),
            format!("{file}: {}", fault.message.en),
        );
    }
    let content = read_open(&opened, LARGEST_KEY_FILE).unwrap_or_default();
    let content = Zeroizing::new(content);
    match RoundKey::id_for(&content, manifest) {
        None => Finding::not_held(
            format!("{file} 不是本轮的密钥"),
            format!("{file} is not the key of this round"),
        ),
        Some(found) if found != *id => Finding::not_held(
            format!("{file} 的编号与运行记录所记的 {id} 不同"),
            format!("the id of {file} differs from {id} in the manifest"),
        ),
        Some(_) => match leaked_in(evidence, &content) {
            Err(_) => Finding::not_held(
                "输出文件无法读取，不能确认其中没有密钥",
                "the outputs cannot be read, so nobody knows whether the key is in them",
            ),
            Ok(Some(leaked)) => Finding::not_held(
                format!("密钥出现在 {leaked} 中：请立即停用"),
                format!("{leaked} contains the key: stop using the key at once"),
            ),
            Ok(None) => Finding::held(
                format!("{file}：256位，仅限本人访问；输出中只有编号 {id}"),
                format!("{file}: 256 bits, owner-only; the outputs contain only its id {id}"),
            ),
        },
    }
}

/// Returns the first file of the folder that contains the key itself. `key_file` is a key file
/// of the round, which may spell the key otherwise than the program does.
///
/// # Errors
/// If a file that the step wrote cannot be read.
fn leaked_in(evidence: &Evidence, key_file: &[u8]) -> io::Result<Option<String>> {
    let manifest = evidence.manifest();
    let (round, purpose) = (&manifest.round, &manifest.purpose);
    let key = RoundKey::parse_any_version(key_file, Path::new(""), round, purpose);
    let text = key.map_err(|_| io::ErrorKind::InvalidData)?.to_text();
    let secret = digits_of_key(&text).ok_or(io::ErrorKind::InvalidData)?;
    let verification = &evidence.verification;
    for path in written_files(&verification.opened, &verification.manifest)? {
        let opened = verification.opened.open_file(Path::new(&path))?;
        if contains_digits(opened, &secret)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Returns the hexadecimal digits of a key, lower-case, from the text of its file as the program
/// writes it.
pub(super) fn digits_of_key(text: &str) -> Option<Zeroizing<String>> {
    let line = text.lines().find(|line| line.starts_with("key = '"))?;
    let digits = line.rsplit(':').next()?.trim_end_matches('\'');
    (!digits.is_empty()).then(|| Zeroizing::new(digits.to_ascii_lowercase()))
}

/// Returns whether a file contains these hexadecimal digits, in lower or upper case. There is at
/// least one, and they are given in lower case. Reads the file piece by piece.
pub(super) fn contains_digits(mut file: impl Read, digits: &str) -> io::Result<bool> {
    let wanted = digits.as_bytes();
    let mut buffer = vec![0; (1 << 16).max(2 * wanted.len())];
    let mut filled = 0;
    loop {
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(false);
        }
        buffer[filled..filled + read].make_ascii_lowercase();
        filled += read;
        let mut windows = buffer[..filled].windows(wanted.len());
        if windows.any(|window| window == wanted) {
            return Ok(true);
        }
        // The digits may continue in the next piece.
        let kept = filled.min(wanted.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
}

pub(super) fn algorithm(evidence: &Evidence) -> Finding {
    if evidence.step() == StepKind::Screen {
        return Finding::not_applicable("筛查机构不生成令牌", "the centre makes no tokens");
    }
    let Some(key) = &evidence.manifest().key else {
        return Finding::not_held(
            "运行记录没有写明令牌算法",
            "the manifest names no token algorithm",
        );
    };
    let name = key.algorithm.name();
    let tested = evidence.verification.log.events().find(|(_, event)| {
        matches!(event, Event::KnownAnswerTest { algorithm, .. } if *algorithm == key.algorithm)
    });
    match tested {
        Some((line, _)) => Finding::held(
            format!("{name}，已通过（audit.jsonl:{line}）"),
            format!("{name}, passed (audit.jsonl:{line})"),
        ),
        None => Finding::not_held(
            format!("日志中没有 {name} 通过已知答案测试的记录"),
            format!("the log has no record that {name} passed its known-answer test"),
        ),
    }
}

pub(super) fn one_key(evidence: &Evidence) -> Finding {
    if evidence.step() == StepKind::Screen {
        let received = evidence.manifest().received.iter();
        let mut ids: Vec<&str> = received
            .map(|file| file.key_id.as_deref().unwrap_or_default())
            .collect();
        let files = ids.len();
        ids.sort_unstable();
        ids.dedup();
        return match ids.as_slice() {
            [id] if is_key_id(id) => Finding::held(
                format!("{files}个令牌文件，密钥编号均为 {id}"),
                format!("{files} token files, all made with key {id}"),
            ),
            _ => Finding::not_held(
                "令牌文件不是用同一密钥生成的，或缺少有效的密钥编号",
                "the token files were not all made with one key, or lack a valid key id",
            ),
        };
    }
    let id = evidence.manifest().key.as_ref();
    let id = id.map_or("", |key| key.id.as_str());
    let used: Vec<&str> = evidence
        .verification
        .log
        .events()
        .filter_map(|(_, event)| match event {
            Event::Key { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let sources = evidence.manifest().exports.len();
    if used == [id] && is_key_id(id) {
        Finding::held(
            format!("{sources}个来源，密钥编号 {id}"),
            format!("{sources} sources, key {id}"),
        )
    } else {
        Finding::not_held(
            "日志中的密钥与运行记录所记的不同，或不止一个",
            "the log names another key than the manifest, or several keys",
        )
    }
}

pub(super) fn network(evidence: &Evidence) -> Finding {
    let granted = evidence.manifest().confinement;
    let logged = evidence.verification.log.events().find(|(_, event)| {
        matches!(
            event,
            Event::Confined {
                network: Network::Denied,
                core_dumps: CoreDumps::Off
            }
        )
    });
    match logged {
        Some((line, _)) if granted.is_some_and(Confinement::is_full) => Finding::held(
            format!("内核禁止程序使用任何套接字（seccomp；audit.jsonl:{line}）"),
            format!("the kernel denied the program all sockets (seccomp; audit.jsonl:{line})"),
        ),
        _ => Finding::not_held(
            "系统没有禁止程序使用网络：请查明当时机器是否断网",
            "the system did not deny the program network access: find out whether the machine was connected",
        ),
    }
}
