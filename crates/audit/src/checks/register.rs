//! Checks of the procuratorate's register, which a round may read and which outlives it.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_agency::register_token::{KEY_PREFIX, RegisterKey};
use aidlink_faults::fault::{Faults, io_reason};
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
use super::key::{contains_digits, digits_of_key};
use crate::evidence::Evidence;
use crate::register_bytes::numbers_in_bytes;
use crate::register_evidence::{BESIDE, ReadRegister, RegisterEvidence, is_missing};

/// The most leads, events or files that one piece of evidence names.
const MOST_NAMED: usize = 50;
/// Files in a round's folder in which the key is searched are at most this large, in bytes. A
/// copy of a key file, with whatever around it, is far smaller.
const LARGEST_COPY: u64 = 1 << 20;

fn not_read() -> Finding {
    Finding::not_applicable("此步骤不读取登记簿", "this step reads no register")
}

fn not_checked(why: &Text) -> Finding {
    Finding::not_applicable(
        format!("未核查：{}", why.zh),
        format!("not checked: {}", why.en),
    )
}

/// Returns the register that a check can look at, whether it is as it was signed or not;
/// otherwise the result.
fn there(evidence: &Evidence) -> Result<&ReadRegister, Finding> {
    match &evidence.register {
        RegisterEvidence::NotRead => Err(not_read()),
        RegisterEvidence::NotHere(why) => Err(not_checked(why)),
        RegisterEvidence::NotFound(why) => Err(Finding::not_held(&*why.zh, &*why.en)),
        RegisterEvidence::Unverified(read, _)
        | RegisterEvidence::NotHeld(read, _)
        | RegisterEvidence::Held(read, _) => Ok(read),
    }
}

/// Returns the register, if it is as it was signed; otherwise the result of a check that must
/// trust its events.
fn held(evidence: &Evidence) -> Result<(&ReadRegister, &Register), Finding> {
    let read = there(evidence)?;
    match &evidence.register {
        RegisterEvidence::Held(_, register) => Ok((read, register)),
        RegisterEvidence::Unverified(_, why) => Err(Finding::not_held(
            format!("无法核查，登记簿未能验证（见第26项）。{}", why.zh),
            format!(
                "cannot be checked, for the register could not be verified (check 26). {}",
                why.en
            ),
        )),
        _ => Err(Finding::not_held(
            "无法核查：登记簿与签名不符（见第26项），其内容不可信",
            "cannot be checked: the register is not as it was signed (check 26), so its events prove nothing",
        )),
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
    let (read, register) = match &evidence.register {
        RegisterEvidence::Held(read, register) => (read, register),
        RegisterEvidence::NotHeld(_, faults) => {
            return Finding::of_each(messages(faults), Vec::new());
        }
        RegisterEvidence::Unverified(_, why) => {
            return Finding::not_held(
                format!("登记簿未能验证。{}", why.zh),
                format!("the register could not be verified. {}", why.en),
            );
        }
        RegisterEvidence::NotRead => return not_read(),
        RegisterEvidence::NotHere(why) => return not_checked(why),
        RegisterEvidence::NotFound(why) => return Finding::not_held(&*why.zh, &*why.en),
    };
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
    Finding::of_each(Vec::new(), held).with_digests([last.as_str(), digest.as_str()])
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
    .with_digests([last.as_str()])
}

pub(super) fn protected(evidence: &Evidence) -> Finding {
    let read = match there(evidence) {
        Ok(read) => read,
        Err(finding) => {
            // A key that was copied into the round's folder is found without the register.
            let copies = match &evidence.register {
                RegisterEvidence::NotRead => Vec::new(),
                _ => copies_of(&[], &evidence.round_folder),
            };
            return match copies.is_empty() {
                true => finding,
                false => Finding::of_each(copies, Vec::new()),
            };
        }
    };
    let mut wrong = Vec::new();
    let beside = BESIDE.iter().map(|suffix| read.beside(suffix));
    let register = [read.at.file.clone()];
    let mut files = 0;
    for path in register.into_iter().chain(beside).chain(read.keys()) {
        if is_missing(&path) {
            continue;
        }
        files += 1;
        wrong.extend(open_to_others(&path));
    }
    if is_missing(&read.at.file) {
        let path = shown_path(&read.at.file);
        wrong.push(Text::new(
            format!("登记簿 {path} 不在此处，不能确认谁可以读取"),
            format!("the register {path} is not here, so nobody knows who may read it"),
        ));
    }
    for path in [&read.at.file, &read.at.key] {
        if let Some(round) = round_around(path, Some(&evidence.round_folder)) {
            let (path, round) = (shown_path(path), shown_path(&round));
            wrong.push(Text::new(
                format!("{path} 在轮次文件夹 {round} 中"),
                format!("{path} is in the folder of a round, {round}"),
            ));
        }
    }
    let known = read.known_keys();
    wrong.extend(copies_of(&known, &evidence.round_folder));
    let key = match (is_missing(&read.at.key), read.has_named_key()) {
        (true, _) => {
            let path = shown_path(&read.at.key);
            let searched = match known.is_empty() {
                true => Text::new(
                    "轮次文件夹中没有登记簿的密钥文件",
                    "no key file of a register is in the round's folder",
                ),
                false => Text::new(
                    "登记簿旁另有其密钥，不在轮次文件夹中",
                    "the key beside the register is not in the round's folder",
                ),
            };
            Text::new(
                format!("密钥 {path} 不在此处；{}", searched.zh),
                format!("the key {path} is not here, and {}", searched.en),
            )
        }
        (false, false) => {
            wrong.push(Text::new(
                "密钥文件无法读取，或不是登记簿的密钥",
                "the key file cannot be read, or is not the key of the register",
            ));
            Text::default()
        }
        (false, true) => Text::new(
            "轮次文件夹中没有登记簿的密钥",
            "the key of the register is not in the round's folder",
        ),
    };
    Finding::of(
        wrong,
        Text::new(
            format!("{files}个文件仅限本人访问；{}", key.zh),
            format!("{files} files are owner-only; {}", key.en),
        ),
    )
}

/// Returns what is wrong if others may access a file, or nobody can tell.
fn open_to_others(path: &Path) -> Option<Text> {
    let what = Text::new("登记簿或其密钥", "the register or its key");
    let shown = shown_path(path);
    let opened = regular_file::open(path);
    match opened {
        Ok(file) => check_owner_only(&file, path, &what).is_err().then(|| {
            Text::new(
                format!("{shown} 可被他人读取或改写：请执行 chmod 600 {shown}，并查明谁可能看过"),
                format!(
                    "others may read or change {shown}: run `chmod 600 {shown}`, and find out who may have seen it"
                ),
            )
        }),
        Err(error) => {
            let reason = io_reason(&error);
            Some(Text::new(
                format!("{shown} 无法打开（{}），不能确认谁可以读取", reason.zh),
                format!(
                    "{shown} cannot be opened ({}), so nobody knows who may read it",
                    reason.en
                ),
            ))
        }
    }
}

/// Returns what is wrong if files below a folder contain a key of a register, or if nobody can
/// tell. A key file is recognised by its prefix, and the digits of `keys` wherever they are.
fn copies_of(keys: &[RegisterKey], folder: &Path) -> Vec<Text> {
    let not_listed = || {
        vec![Text::new(
            "轮次文件夹无法查看，不能确认其中没有登记簿的密钥",
            "the round's folder cannot be listed, so nobody knows whether the key of the register is in it",
        )]
    };
    let secrets = keys.iter();
    let secrets = secrets.map(|key| digits_of_key(&key.to_text()));
    let secrets: Option<Vec<Zeroizing<String>>> = secrets.collect();
    let Some(secrets) = secrets else {
        return not_listed();
    };
    let Ok(opened) = Folder::open(folder) else {
        return not_listed();
    };
    let prefix = Zeroizing::new(KEY_PREFIX.to_owned());
    let wanted: Vec<Zeroizing<String>> = secrets.into_iter().chain([prefix]).collect();
    let below = opened.below();
    let (mut copies, mut unknown) = (Vec::new(), Vec::new());
    for (path, _) in &below.unreadable {
        match path.as_os_str().is_empty() {
            true => return not_listed(),
            false => unknown.push(shown_path(path)),
        }
    }
    for file in below
        .files
        .iter()
        .filter(|file| file.kind == EntryKind::File)
    {
        let path = &file.path;
        let there = folder.join(path).symlink_metadata();
        if there.is_ok_and(|metadata| metadata.len() > LARGEST_COPY) {
            continue;
        }
        let mut contained = wanted
            .iter()
            .map(|wanted| contains_digits(opened.open_file(path)?, wanted));
        match contained.find(|contained| !matches!(contained, Ok(false))) {
            None => {}
            Some(Ok(_)) => copies.push(shown_path(path)),
            Some(Err(_)) => unknown.push(shown_path(path)),
        }
    }
    let mut wrong: Vec<Text> = copies
        .iter()
        .map(|path| {
            Text::new(
                format!("{path} 中有登记簿的密钥：请立即移走，并更换密钥（register rekey）"),
                format!(
                    "{path} contains the key of the register: remove it at once, and make a new key (register rekey)"
                ),
            )
        })
        .collect();
    if !unknown.is_empty() {
        let paths = named(&unknown);
        wrong.push(Text::new(
            format!("轮次文件夹中有无法打开的文件，不能确认其中没有登记簿的密钥，请由有权读取的人核查：{}", paths.zh),
            format!("files in the round's folder cannot be opened, so nobody knows whether the key of the register is in them; let somebody audit who may read them: {}", paths.en),
        ));
    }
    wrong
}

pub(super) fn no_numbers(evidence: &Evidence) -> Finding {
    let read = match there(evidence) {
        Ok(read) => read,
        Err(finding) => return finding,
    };
    let mut wrong = Vec::new();
    let mut texts = 0;
    let is_held = matches!(evidence.register, RegisterEvidence::Held(..));
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
    for suffix in ["", "-wal", "-journal", ".head.json"] {
        let path = read.beside(suffix);
        if !suffix.is_empty() && is_missing(&path) {
            continue;
        }
        files += 1;
        let shown = shown_path(&path);
        let opened = regular_file::open(&path).map(std::io::BufReader::new);
        match opened.and_then(numbers_in_bytes) {
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
    let searched = match is_held {
        true => Text::new(
            format!("{texts}项的全部文字、{files}个文件的字节"),
            format!("all texts of {texts} events and the bytes of {files} files"),
        ),
        false => Text::new(
            format!("{files}个文件的字节（事项未能读取，见第26项）"),
            format!("the bytes of {files} files (the events could not be read: check 26)"),
        ),
    };
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{}中，没有证件号码、电话号码、银行卡号形式的数字",
                searched.zh
            ),
            format!(
                "{}: nothing has the form of an ID, telephone or bank card number",
                searched.en
            ),
        ),
    )
}

pub(super) fn retention(evidence: &Evidence) -> Finding {
    let read = match there(evidence) {
        Ok(read) => read,
        Err(finding) => return finding,
    };
    let mut wrong = Vec::new();
    if is_missing(&read.at.file) {
        let path = shown_path(&read.at.file);
        wrong.push(Text::new(
            format!("登记簿 {path} 不在此处，而它的其他文件仍在：请从备份恢复，并查明由谁删除"),
            format!("the register {path} is not here, and other files of it are: restore a backup, and find out who deleted it"),
        ));
    }
    // A purge deletes what is in the round's folder and what the manifest names.
    if let Some(round) = round_around(&read.at.file, Some(&evidence.round_folder)) {
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
        true if is_missing(&read.at.key) => (
            "本轮数据已删除，登记簿仍在，密钥不在此处",
            "the round's data was deleted, the register is there, and its key is not here",
        ),
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
