//! Checks of the procuratorate's register, which a round may read and which outlives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::{NumberKind, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::folder::{EntryKind, Folder};
use aidlink_files::owner_only::check_owner_only;
use aidlink_files::regular_file;
use aidlink_office::audit_log::{Count, Event as Logged};
use aidlink_office::round::round_around;
use aidlink_procuratorate::register::in_round::book_of;
use aidlink_register::approval::Unapproved;
use aidlink_register::register::Register;
use aidlink_register::texts::numbers_in;
use zeroize::Zeroizing;

use super::finding::Finding;
use super::key::contains;
use crate::evidence::Evidence;
use crate::register_bytes::numbers_in_bytes;
use crate::register_evidence::{ReadRegister, RegisterEvidence};

/// Files that the register may have beside it.
const BESIDE: [&str; 7] = [
    "",
    "-wal",
    "-shm",
    "-journal",
    ".lock",
    ".head.json",
    ".head.json.minisig",
];
/// The signing key of a register, in its folder.
const SIGNING_KEY: &str = "signing.key";
/// The most leads, events or files that one piece of evidence names.
const MOST_NAMED: usize = 50;
/// Files in a round's folder in which the key is searched are at most this large, in bytes. A
/// copy of a key file, with whatever around it, is far smaller.
const LARGEST_COPY: u64 = 1 << 20;

/// Returns the result if there is no register to look at.
fn not_there(register: &RegisterEvidence) -> Option<Finding> {
    match register {
        RegisterEvidence::NotRead => Some(Finding::not_applicable(
            "此步骤不读取登记簿",
            "this step reads no register",
        )),
        RegisterEvidence::NotHere(why) => Some(Finding::not_applicable(&*why.zh, &*why.en)),
        RegisterEvidence::NotHeld(..) | RegisterEvidence::Held(..) => None,
    }
}

/// Returns the register, if it is as it was signed; otherwise the result of a check that must
/// trust its events.
fn held(evidence: &Evidence) -> Result<(&ReadRegister, &Register), Finding> {
    match &evidence.register {
        RegisterEvidence::Held(read, register) => Ok((read, register)),
        RegisterEvidence::NotHeld(..) => Err(Finding::not_applicable(
            "登记簿与签名不符（见第26项），其内容不可信",
            "the register is not as it was signed (check 26), so its events prove nothing",
        )),
        other => Err(not_there(other).unwrap_or_else(|| Finding::not_applicable("", ""))),
    }
}

/// Joins names, at most `MOST_NAMED`.
fn named(names: &[String]) -> Text {
    let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    let (zh, en) = (shown.join("、"), shown.join(", "));
    match more {
        0 => Text::new(zh, en),
        more => Text::new(
            format!("{zh}等（另有{more}个）"),
            format!("{en} and {more} more"),
        ),
    }
}

pub(super) fn approver(evidence: &Evidence) -> Finding {
    let (_, register) = match held(evidence) {
        Ok(held) => held,
        Err(finding) => return finding,
    };
    let round = &evidence.manifest().round;
    let book = register.book();
    let (mut leads, mut steps) = (0_u64, 0_u64);
    let mut wrong: BTreeMap<Unapproved, Vec<String>> = BTreeMap::new();
    for lead in book.leads().filter(|lead| book.is_of_round(lead, round)) {
        leads += 1;
        let approvals = book.approvals(lead, round);
        steps += approvals.steps;
        for why in approvals.wrong {
            wrong.entry(why).or_default().push(lead.number.to_string());
        }
    }
    if leads == 0 {
        return Finding::not_applicable(
            "登记簿中没有本轮的线索（尚未收录）",
            "the register has no leads of this round (it was not taken)",
        );
    }
    if steps == 0 {
        return Finding::not_applicable(
            format!("本轮线索{leads}条，尚无审批或移送"),
            format!("{leads} leads of this round; none was approved or sent yet"),
        );
    }
    let wrong = wrong.iter().map(|(why, leads)| {
        let (why, leads) = (why.text(), named(leads));
        Text::new(
            format!("{}：{}", why.zh, leads.zh),
            format!("{}: {}", why.en, leads.en),
        )
    });
    Finding::of(
        wrong.collect(),
        Text::new(
            format!("本轮线索{leads}条，审批、移送共{steps}次，均由经办人以外的人批准"),
            format!(
                "{leads} leads of this round, {steps} approvals and sendings, each approved by somebody other than the operator"
            ),
        ),
    )
}

pub(super) fn whole(evidence: &Evidence) -> Finding {
    if let Some(finding) = not_there(&evidence.register) {
        return finding;
    }
    match &evidence.register {
        RegisterEvidence::Held(read, register) => {
            let head = register.head();
            let (events, persons, last) = (head.events, head.persons, &head.last);
            let digest = head.digest();
            let path = shown_path(&read.at.file);
            let mut held = vec![Text::new(
                format!(
                    "{path}：{events}项逐项相连，{persons}人，末项摘要 {last}，登记簿摘要 {digest}，签名和表结构无误"
                ),
                format!(
                    "{path}: {events} events, each with the digest of the one before, {persons} persons, digest of the last {last}, of the register {digest}; signature, tables and triggers are right"
                ),
            )];
            held.extend(register.notices().iter().cloned());
            Finding::of_each(Vec::new(), held)
        }
        RegisterEvidence::NotHeld(_, faults) => Finding::of_each(messages(faults), Vec::new()),
        RegisterEvidence::NotRead | RegisterEvidence::NotHere(_) => Finding::not_applicable("", ""),
    }
}

fn messages(faults: &Faults) -> Vec<Text> {
    let faults = faults.iter();
    faults
        .map(|fault| {
            let path = shown_path(&fault.file);
            Text::new(
                format!("{path}：{}", fault.message.zh),
                format!("{path}: {}", fault.message.en),
            )
        })
        .collect()
}

pub(super) fn as_read(evidence: &Evidence) -> Finding {
    let (read, register) = match held(evidence) {
        Ok(held) => held,
        Err(finding) => return finding,
    };
    let mut wrong = Vec::new();
    let stated = &read.stated;
    if let Err(fault) = book_of(register, stated) {
        wrong.push(fault.message);
    }
    let logged = evidence.verification.log.events().any(|(_, event)| {
        matches!(event, Logged::RegisterRead { register, events: Count(events), last }
            if *register == stated.register && *events == stated.events && *last == stated.last)
    });
    if !logged {
        wrong.push(Text::new(
            "日志没有按运行记录所述读取登记簿的记录",
            "the log does not say that the register was read as the manifest states",
        ));
    }
    let (events, last) = (stated.events, &stated.last);
    let since = register.head().events.saturating_sub(events);
    Finding::of(
        wrong,
        Text::new(
            format!(
                "运行记录所述的前{events}项（末项摘要 {last}）即现登记簿的前{events}项，此后新增{since}项"
            ),
            format!(
                "the {events} events of the manifest (digest of the last {last}) are the first of the register; {since} were recorded since"
            ),
        ),
    )
}

pub(super) fn protected(evidence: &Evidence) -> Finding {
    if let Some(finding) = not_there(&evidence.register) {
        return finding;
    }
    let Some(read) = evidence.register.there() else {
        return Finding::not_applicable("", "");
    };
    let what = Text::new("登记簿或其密钥", "the register or its key");
    let mut wrong = Vec::new();
    let beside = BESIDE.iter().map(|suffix| read.beside(suffix));
    let signing = read.at.file.with_file_name(SIGNING_KEY);
    let mut files = 0;
    for path in beside.chain([read.at.key.clone(), signing]) {
        if path.symlink_metadata().is_err() {
            continue;
        }
        files += 1;
        let opened = regular_file::open(&path);
        let is_open_to_others = match &opened {
            Ok(file) => check_owner_only(file, &path, &what).is_err(),
            Err(_) => true,
        };
        if is_open_to_others {
            let path = shown_path(&path);
            wrong.push(Text::new(
                format!("{path} 可被他人读取或改写，或不是普通文件"),
                format!("others may read or change {path}, or it is no regular file"),
            ));
        }
    }
    for path in [&read.at.file, &read.at.key] {
        if let Some(round) = round_around(path, &evidence.round_folder) {
            let (path, round) = (shown_path(path), shown_path(&round));
            wrong.push(Text::new(
                format!("{path} 在轮次文件夹 {round} 中"),
                format!("{path} is in the folder of a round, {round}"),
            ));
        }
    }
    let key = match read.at.key.is_file() {
        false => {
            let path = shown_path(&read.at.key);
            Text::new(
                format!("密钥 {path} 不在此处"),
                format!("the key {path} is not here"),
            )
        }
        true => match secret_of(read) {
            None => {
                wrong.push(Text::new(
                    "密钥文件不是登记簿的密钥",
                    "the key file is not the key of the register",
                ));
                Text::default()
            }
            Some(secret) => {
                match copies_of(&secret, &evidence.round_folder) {
                    Ok(copies) => wrong.extend(copies.iter().map(|path| {
                        let path = shown_path(path);
                        Text::new(
                            format!("{path} 中有登记簿的密钥：请立即移走，并更换密钥（register rekey）"),
                            format!(
                                "{path} contains the key of the register: remove it at once, and make a new key (register rekey)"
                            ),
                        )
                    })),
                    Err(_) => wrong.push(Text::new(
                        "轮次文件夹无法查看，不能确认其中没有登记簿的密钥",
                        "the round's folder cannot be listed, so nobody knows whether the key of the register is in it",
                    )),
                }
                Text::new(
                    "轮次文件夹中没有登记簿的密钥",
                    "the key of the register is not in the round's folder",
                )
            }
        },
    };
    Finding::of(
        wrong,
        Text::new(
            format!("{files}个文件仅限本人访问；{}", key.zh),
            format!("{files} files are owner-only; {}", key.en),
        ),
    )
}

/// Returns the key as its file writes it; `None` if it is no key of the register.
fn secret_of(read: &ReadRegister) -> Option<Zeroizing<String>> {
    let text = read.key().ok()?.to_text();
    let line = text.lines().find(|line| line.starts_with("key = '"))?;
    let secret = line.rsplit(':').next()?.trim_end_matches('\'');
    Some(Zeroizing::new(secret.to_owned()))
}

/// Returns the files below a folder that contain a key.
fn copies_of(secret: &str, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = Folder::open(folder)?;
    let mut copies = Vec::new();
    for file in folder.files()? {
        if file.kind != EntryKind::File {
            continue;
        }
        let Ok(opened) = folder.open_file(&file.path) else {
            continue;
        };
        let is_small = opened
            .metadata()
            .is_ok_and(|metadata| metadata.len() <= LARGEST_COPY);
        if is_small && contains(opened, secret.as_bytes()).unwrap_or(false) {
            copies.push(file.path);
        }
    }
    Ok(copies)
}

pub(super) fn no_numbers(evidence: &Evidence) -> Finding {
    if let Some(finding) = not_there(&evidence.register) {
        return finding;
    }
    let Some(read) = evidence.register.there() else {
        return Finding::not_applicable("", "");
    };
    let mut wrong = Vec::new();
    let mut texts = 0;
    if let RegisterEvidence::Held(_, register) = &evidence.register {
        for event in register.book().events() {
            texts += 1;
            for (field, kind) in numbers_in(event) {
                let (id, kind) = (&event.id, kind.text());
                wrong.push(Text::new(
                    format!("事项 {id} 的 {field} 有{}", kind.zh),
                    format!("event {id}: `{field}` contains {}", kind.en),
                ));
            }
        }
    }
    // Also what no table shows any more.
    let mut files = 0;
    for suffix in ["", "-wal", ".head.json"] {
        let path = read.beside(suffix);
        let Ok(file) = regular_file::open(&path) else {
            continue;
        };
        files += 1;
        let shown = shown_path(&path);
        match numbers_in_bytes(std::io::BufReader::new(file)) {
            Ok(kinds) => {
                let mut kinds: Vec<NumberKind> = kinds;
                kinds.sort_unstable();
                kinds.dedup();
                wrong.extend(kinds.iter().map(|kind| {
                    let kind = kind.text();
                    Text::new(
                        format!("{shown} 的字节中有{}", kind.zh),
                        format!("the bytes of {shown} contain {}", kind.en),
                    )
                }));
            }
            Err(_) => wrong.push(Text::new(
                format!("{shown} 无法读取"),
                format!("{shown} cannot be read"),
            )),
        }
    }
    if let Some(more) = wrong.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        wrong.truncate(MOST_NAMED);
        wrong.push(Text::new(
            format!("另有{more}处"),
            format!("and {more} more"),
        ));
    }
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{texts}项的全部文字、{files}个文件的字节中，没有证件号码、电话号码、银行卡号形式的数字"
            ),
            format!(
                "all texts of {texts} events and the bytes of {files} files: nothing has the form of an ID, telephone or bank card number"
            ),
        ),
    )
}

pub(super) fn retention(evidence: &Evidence) -> Finding {
    if let Some(finding) = not_there(&evidence.register) {
        return finding;
    }
    let Some(read) = evidence.register.there() else {
        return Finding::not_applicable("", "");
    };
    let mut wrong = Vec::new();
    // A purge deletes what is in the round's folder and what the manifest names.
    if let Some(round) = round_around(&read.at.file, &evidence.round_folder) {
        let round = shown_path(&round);
        wrong.push(Text::new(
            format!("登记簿在轮次文件夹 {round} 中，会随轮次一同删除或遗留"),
            format!(
                "the register is in the folder of a round, {round}, and is deleted or left with it"
            ),
        ));
    }
    let name = read.at.file.file_name().unwrap_or_default();
    let named = |path: &str| Path::new(path).file_name() == Some(name);
    let records = evidence.verification.deleted.iter();
    let mut removed = records.flat_map(|record| record.all_removed());
    if removed.any(|file| named(&file.path)) {
        wrong.push(Text::new(
            "删除记录载有与登记簿同名的文件",
            "a deletion record names a file with the name of the register",
        ));
    }
    let (path, until) = (
        shown_path(&read.at.file),
        evidence.manifest().retention_until,
    );
    let purged = evidence.is_purged();
    let (zh, en) = match purged {
        true => (
            "本轮数据已删除，登记簿和密钥仍在",
            "the round's data was deleted, and register and key are there",
        ),
        false => (
            "purge 不删除登记簿和密钥",
            "`purge` deletes neither register nor key",
        ),
    };
    Finding::of_each(
        wrong,
        vec![
            Text::new(
                format!("本轮数据须于 {until} 前删除；{zh}：{path}"),
                format!("the round's data must be deleted by {until}; {en}: {path}"),
            ),
            Text::new(
                "登记簿的保存期限由本机构规定并记入会议记录，程序不知道（个保法19）",
                "how long the register is kept the office sets and notes in the minutes; no program knows (PIPL 19)",
            ),
        ],
    )
}
