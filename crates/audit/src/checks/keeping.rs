//! Checks of how the outputs are kept: without personal numbers, owner-only, signed,
//! deleted when due.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::audit_log::LOG;
use aidlink_office::deletion_record::{DeletionFault, RoundFile};
use aidlink_office::verification::Signer;
use jiff::Timestamp;
use jiff::civil::Date;

use super::as_configured;
use super::finding::Finding;
use crate::evidence::Evidence;

pub(super) fn no_numbers(evidence: &Evidence) -> Finding {
    match &evidence.leaks {
        Err(_) => Finding::not_held("输出文件无法读取", "the outputs cannot be read"),
        Ok(scan) => {
            let mut wrong: Vec<Text> = scan
                .leaks
                .iter()
                .map(|leak| {
                    let file = leak.file.strip_prefix(&evidence.verification.folder);
                    let (file, line) = (shown_path(file.unwrap_or(&leak.file)), leak.line);
                    Text::new(
                        format!("{file}:{line} 有{}", leak.kind.text().zh),
                        format!("{file}:{line} contains {}", leak.kind.text().en),
                    )
                })
                .collect();
            wrong.extend(numbers_in_workbooks(evidence));
            let (files, bytes) = (scan.files, scan.bytes);
            Finding::of(
                wrong,
                Text::new(
                    format!(
                        "扫描了{files}个文件，共{bytes}字节，没有证件号码、电话号码、银行卡号形式的数字"
                    ),
                    format!(
                        "{files} files, {bytes} bytes scanned; nothing has the form of an ID, telephone or bank card number"
                    ),
                ),
            )
        }
    }
}

/// Returns the numbers in cells of review workbooks, which are packed, and in which a reviewer
/// may have written one.
fn numbers_in_workbooks(evidence: &Evidence) -> Vec<Text> {
    let workbooks = evidence.workbooks.iter();
    let numbers = workbooks.flat_map(|workbook| {
        let path = &workbook.path;
        let read = workbook.read.iter();
        let numbers = read.flat_map(|read| &read.numbers);
        numbers.map(move |(sheet, row, kind)| {
            let kind = kind.text();
            Text::new(
                format!("{path} 第{sheet}张表第{row}行有{}", kind.zh),
                format!("{path}: sheet {sheet}, row {row} contains {}", kind.en),
            )
        })
    });
    numbers.collect()
}

pub(super) fn small_cells(_evidence: &Evidence) -> Finding {
    Finding::not_applicable(
        "程序尚不生成对外统计：清单、summary.json 和 manifest.json 留在本机构，不得外传",
        "the program publishes no statistics yet: lists, summary.json and manifest.json stay at this office and must not be passed on",
    )
}

pub(super) fn protected(evidence: &Evidence) -> Finding {
    let mut wrong = Vec::new();
    let folder = &evidence.verification.opened;
    let below = folder.below();
    let paths = below.files.iter().map(|file| &file.path);
    let mut open: Vec<String> = paths
        .chain(&below.folders)
        .filter(|path| folder.is_open_to_others(path).unwrap_or(true))
        .map(|path| shown_path(path))
        .collect();
    if folder.is_itself_open_to_others().unwrap_or(true) {
        open.push(".".to_owned());
    }
    wrong.extend(open.iter().map(|path| {
        Text::new(
            format!("{path} 可被他人读取"),
            format!("others may read {path}"),
        )
    }));
    // Without the round's documents, the columns of the lists and the marking are unknown.
    if evidence.documents.is_ok() {
        for list in evidence.lists.iter().filter(|list| list.marking.is_none()) {
            let path = &list.path;
            wrong.push(Text::new(
                format!("{path} 没有标明保密"),
                format!("{path} is not marked confidential"),
            ));
        }
    }
    for workbook in &evidence.workbooks {
        let sheets = workbook.read.iter().flat_map(|read| &read.sheets);
        for sheet in sheets.filter(|sheet| sheet.marking.is_none()) {
            let (path, place) = (&workbook.path, sheet.place);
            wrong.push(Text::new(
                format!("{path} 第{place}张表没有标明保密"),
                format!("{path}: sheet {place} is not marked confidential"),
            ));
        }
    }
    wrong.extend(as_configured::markings(evidence));
    wrong.extend(evidence.differing(&["sealing.centre", "sealing.procuratorate"]));
    let crossing = &evidence.manifest().crossing;
    for file in crossing {
        if file.sealed_to.is_none() {
            let name = &file.file;
            wrong.push(Text::new(
                format!("{name} 按轮次文件的规定以明文传送"),
                format!("{name} is sent unsealed, as the round file allows"),
            ));
        }
    }
    let sealed = if crossing.is_empty() {
        Text::new(
            "没有文件传送给其他机构",
            "no file is sent to another office",
        )
    } else {
        Text::new("传送的文件已密封", "files that are sent are sealed")
    };
    let (files, lists) = (below.files.len(), evidence.lists.len());
    let workbooks = evidence.workbooks.len();
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{files}个文件仅限本人访问；{lists}份清单、{workbooks}份核查工作簿标明保密；{}",
                sealed.zh
            ),
            format!(
                "{files} files are owner-only; {lists} lists and {workbooks} review workbooks are marked confidential; {}",
                sealed.en
            ),
        ),
    )
}

pub(super) fn retention(evidence: &Evidence) -> Finding {
    let until = evidence.manifest().retention_until;
    let remains = &evidence.remains;
    let left = remains.to_delete().count();
    let outside = remains.outside().count();
    // Files that are gone without a deletion record.
    let mut unproven = evidence.unproven();
    let open = evidence.open_leftovers();
    let missing = open.files().filter(|leftover| leftover.is_missing);
    let missing: BTreeSet<String> = missing
        .map(|leftover| shown_path(Path::new(&leftover.file.path)))
        .collect();
    unproven.extend(missing);
    let is_due = evidence.today >= until;
    // Once a purge has begun, everything should be gone, also before the day.
    let should_be_gone = is_due || evidence.is_purged();
    let mut wrong = evidence.differing(&["retention_until"]);
    if remains.not_searched {
        wrong.push(Text::new(
            "本轮数据所在的文件夹无法打开或查看，不能确认还有哪些数据",
            "the folders of the round's data cannot be opened or listed, so nobody knows what is left",
        ));
    }
    let inputs = remains.to_delete().any(RoundFile::is_input);
    if should_be_gone && inputs {
        wrong.extend(evidence.needs_unknown.iter().map(|fault| {
            let folder = shown_path(&fault.file);
            Text::new(
                format!("{folder} 无法读取或验证，不能确认其是否仍需本轮的输入文件：purge 不会删除"),
                format!("{folder} cannot be read or verified, so nobody knows whether it still needs inputs of the round: `purge` deletes nothing"),
            )
        }));
    }
    if is_due && left > 0 {
        wrong.push(Text::new(
            format!("删除期限 {until} 已到，仍有{left}个文件未删除：请运行 aidlink purge"),
            format!(
                "deletion was due on {until}, and {left} files are still here: run `aidlink purge`"
            ),
        ));
    } else if should_be_gone && left > 0 {
        wrong.push(Text::new(
            format!("已提前删除，但仍有{left}个文件未删除：请运行 aidlink purge"),
            format!(
                "the data was deleted early, but {left} files are still here: run `aidlink purge`"
            ),
        ));
    }
    // No manifest names what interrupted runs left: only the records do. What is here counts
    // above.
    let here: BTreeSet<String> = remains
        .to_delete()
        .map(|file| file.recorded().path)
        .collect();
    let not_here = open.files().filter(|leftover| !leftover.is_missing);
    let not_here = not_here.filter(|leftover| !here.contains(&leftover.file.path));
    let mut by_record: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for leftover in not_here {
        *by_record.entry(leftover.recorded_at).or_default() += 1;
    }
    for (at, left) in by_record {
        wrong.push(Text::new(
            format!("{at} 的删除记录载有{left}个中断的运行留下的文件未删除，以后的记录也未载明已删除：请按其中的说明处理后重新运行 aidlink purge；已人工删除的，请用 --confirm-deleted 写明查明的情况"),
            format!("the deletion record of {at} lists {left} files of interrupted runs as left, and no later one says that they were deleted: do what it says, then run `aidlink purge` again; if they were deleted by hand, say what you found with --confirm-deleted"),
        ));
    }
    if should_be_gone && outside > 0 {
        wrong.push(Text::new(
            format!("{outside}个文件读自轮次文件夹以外，purge 不会删除：须由人确认已经删除"),
            format!("{outside} files were read from outside the round's folder, and `purge` does not delete them: a person must confirm that they were deleted"),
        ));
    }
    if should_be_gone && !unproven.is_empty() {
        let names = unproven.join(", ");
        wrong.push(Text::new(
            format!("文件缺失，且没有删除记录：{names}"),
            format!("missing without a deletion record: {names}"),
        ));
    }
    // Whether or not the day has come: somebody says that a purge was here.
    let elsewhere = evidence.removed_elsewhere().len();
    if elsewhere > 0 {
        wrong.push(Text::new(
            format!("{elsewhere}个文件不在此处，载明其已删除的记录写于另一文件夹，本文件夹可能是其副本：须由人确认已在此处删除（--confirm-deleted）"),
            format!("{elsewhere} files are missing, and the deletion record that names them was written in another folder, of which this one may be a copy: a person must confirm that they were deleted here (--confirm-deleted)"),
        ));
    }
    for path in evidence.dated_later.iter().take(MOST_NAMED) {
        wrong.push(Text::new(
            format!("{path} 的时间晚于本机时钟：时钟不准，或写下时时钟不准，不能确认先后；时钟无误的，请移出输出文件夹并保存，记入会议记录"),
            format!("{path} is dated after this machine's clock, which is wrong or was wrong then: nobody can tell what was recorded first; if the clock is right, move it out of the output folder, keep it, and note it in the minutes"),
        ));
    }
    wrong.extend(not_counted(&evidence.verification.not_counted));
    wrong.extend(earlier_missing(&evidence.verification.not_counted));
    for record in &evidence.verification.deleted {
        let names = record.other_names();
        if names > 0 {
            let at = record.completed_at;
            wrong.push(Text::new(
                format!("{at} 删除的文件另有{names}个名称（硬链接），内容当时仍在：须由人确认已经删除"),
                format!("{names} other names (hard links) of the files deleted at {at} remained, with their content: a person must confirm that they were deleted"),
            ));
        }
        if let Some(reason) = &record.other_signer {
            let at = record.completed_at;
            wrong.push(Text::new(
                format!("{at} 的删除记录由另一把私钥签署（理由：{reason}）：须由人确认"),
                format!("the deletion record of {at} is signed by another key (reason: {reason}): a person must confirm it"),
            ));
        }
    }
    Finding::of_each(wrong, held(evidence, left))
}

/// Returns the evidence of a retention check that is held. `left` files are to be deleted.
fn held(evidence: &Evidence, left: usize) -> Vec<Text> {
    let place = evidence.round_line("retention_until");
    let until = evidence.manifest().retention_until;
    let records = &evidence.verification.deleted;
    let mut held = vec![match records.last() {
        Some(record) => Text::new(
            format!(
                "{} 开始删除，{} 完成，有签名的删除记录（deletions/）；记录保留至 {}",
                record.begun_at, record.completed_at, record.keep_until
            ),
            format!(
                "deleted from {} to {}, with a signed record (deletions/); records are kept until {}",
                record.begun_at, record.completed_at, record.keep_until
            ),
        ),
        None => Text::new(
            format!("删除期限 {until}（{place}）；届时须删除{left}个文件"),
            format!("{left} files must be deleted by {until} ({place})"),
        ),
    }];
    let needed: Vec<Date> = evidence.remains.needed().map(|(_, day)| day).collect();
    if let Some(day) = needed.iter().max() {
        let count = needed.len();
        held.push(Text::new(
            format!("另一输出文件夹仍需{count}个输入文件，最迟至 {day}"),
            format!("another output folder still needs {count} inputs, until {day} at the latest"),
        ));
    }
    let confirmed: usize = records.iter().map(|record| record.confirmed.len()).sum();
    if confirmed > 0 {
        held.push(Text::new(
            format!("{confirmed}个不在此处的文件由人确认已删除（deletions/）"),
            format!("a person confirms that {confirmed} files that are not here were deleted (deletions/)"),
        ));
    }
    held
}

/// The most documents that [`not_counted`] names.
const MOST_NAMED: usize = 10;

/// Returns what is wrong if documents in `deletions/` do not count: one of them may list files
/// that were left.
fn not_counted(faults: &[(String, DeletionFault)]) -> Option<Text> {
    let refused = faults.iter().filter(|(_, fault)| {
        matches!(
            fault,
            DeletionFault::InvalidRecord
                | DeletionFault::TooLarge
                | DeletionFault::UnknownSigner
                | DeletionFault::Unreadable
                | DeletionFault::OtherName
        )
    });
    let count = refused.clone().count();
    let named = refused.take(MOST_NAMED).map(|(path, fault)| {
        let (path, why) = (shown_path(Path::new(path)), fault.text());
        Text::new(
            format!("{path}（{}）", why.zh),
            format!("{path} ({})", why.en),
        )
    });
    let named: Vec<Text> = named.collect();
    let more = if count > named.len() {
        ["，等", ", ..."]
    } else {
        ["", ""]
    };
    (count > 0).then(|| {
        let zh: Vec<&str> = named.iter().map(|text| text.zh.as_str()).collect();
        let en: Vec<&str> = named.iter().map(|text| text.en.as_str()).collect();
        Text::new(
            format!(
                "deletions/ 中有{count}份文件未予计入：{}{}",
                zh.join("、"),
                more[0]
            ),
            format!(
                "{count} documents in deletions/ do not count: {}{}",
                en.join(", "),
                more[1]
            ),
        )
    })
}

/// Returns what is wrong if records name an earlier one that is not here: it may list files that
/// were left.
fn earlier_missing(faults: &[(String, DeletionFault)]) -> Option<Text> {
    let missing = faults.iter();
    let missing = missing.filter(|(_, fault)| *fault == DeletionFault::EarlierMissing);
    let count = missing.count();
    (count > 0).then(|| {
        Text::new(
            format!("{count}份删除记录之前的删除记录不在此处，或无效（deletions/）"),
            format!("the deletion records before {count} of them are not here, or are invalid (deletions/)"),
        )
    })
}

pub(super) fn log(evidence: &Evidence) -> Finding {
    let verification = &evidence.verification;
    let log = evidence.path(LOG);
    let mut wrong: Vec<Text> = verification
        .faults
        .iter()
        .filter(|fault| {
            let name = fault.file.file_name().unwrap_or_default().to_string_lossy();
            fault.file == log || name.starts_with("manifest.json")
        })
        .map(|fault| {
            let name = fault.file.file_name().unwrap_or_default().to_string_lossy();
            Text::new(
                format!("{name}：{}", fault.message.zh),
                format!("{name}: {}", fault.message.en),
            )
        })
        .collect();
    wrong.extend(as_configured::manifest(evidence));
    let entries = verification.log.entries.len();
    let signer = match &verification.signer {
        Signer::Named(name, key) => format!("{} {}", name.as_deref().unwrap_or_default(), key.id()),
        Signer::NotNamed(key) => key.id(),
        Signer::None => String::new(),
    };
    let signer = signer.trim();
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{entries}条日志逐条相连，签名涵盖末条的摘要（公钥 {signer}）；运行记录与 configuration/ 一致"
            ),
            format!(
                "{entries} entries; the signature covers the digest of the last one (key {signer}); the manifest says what configuration/ says"
            ),
        ),
    )
}
