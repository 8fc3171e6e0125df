//! The command `purge`, which is the same at every office.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::secret::black_out_secrets;
use aidlink_faults::text::Text;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::deletion::{Purge, Purged, inputs_in_use, lock_opened};
use crate::deletion_record::{DeletionRecord, RoundFile};
use crate::ending::Ending;
use crate::manifest::Manifest;
use crate::other_outputs::Judging;
use crate::remains::KeyIdOf;
use crate::round::{SIGNING_KEY, WrittenRound};
use crate::round_folder::{RoundFolder, manifest_of, rounds_written_in};
use crate::signing::{PublicKey, SigningKey};
use crate::terminal::Output;
use crate::unknown_files::UnknownFiles;
use crate::unread::unread;

/// Arguments of `purge`.
#[derive(Debug, clap::Args)]
pub struct PurgeArguments {
    /// An output folder, or the folder of the round file / 输出文件夹，或轮次文件所在文件夹
    pub folder: PathBuf,
    /// The round file [default: the one beside the output folder] / 轮次文件，默认为输出文件夹旁的轮次文件
    #[arg(long)]
    pub round: Option<PathBuf>,
    /// The key that signed the manifest; it also signs the deletion record [default: the round file's]
    /// / 签署运行记录的签名私钥，也用于签署删除记录，默认按轮次文件
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Delete before the due date, for this reason; the record states it / 提前删除的理由，写入删除记录
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub early: Option<String>,
    /// Sign the record with another key because the manifest's key is gone, for this reason
    /// / 原签名私钥已不存在，改用另一把私钥签署删除记录的理由
    #[arg(long, value_name = "REASON", value_parser = reason, requires = "signing_key")]
    pub other_signer: Option<String>,
    /// What you found out: leftovers of interrupted runs and files left that records list, and
    /// files that the record of another copy lists, were deleted, as far as they are not here; the
    /// record states it
    /// / 查明的情况：记录所载的中断运行所留文件、未删除的文件，以及另一副本的记录所载的文件，不在此处的确已删除；写入删除记录
    #[arg(long, value_name = "FINDING", value_parser = reason)]
    pub confirm_deleted: Option<String>,
    /// Delete review workbooks that were filled in, too: their decisions are in the register, or not needed
    /// / 连同已填写的核查工作簿一并删除：其中的结论已收录，或不再需要
    #[arg(long)]
    pub filled_in: bool,
    /// Delete exports, too, that came or were changed after the output was written: they are this
    /// round's, and not another one's
    /// / 连同输出写成之后放入或改动过的导出一并删除：确属本轮，而非其他轮次
    #[arg(long)]
    pub came_later: bool,
    /// List what would be deleted and delete nothing / 只列出将删除的文件，不删除
    #[arg(long)]
    pub dry_run: bool,
}

/// Accepts a reason that says something, and no key: it is in the record, which is kept.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("give a reason / 请写明理由".to_owned()),
        text if black_out_secrets(text) != text => {
            Err("the reason holds a key: leave it out / 理由中有密钥，请删去".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}

/// The answer of `purge` for one output folder.
#[derive(Serialize)]
struct PurgeReport<'a> {
    folder: String,
    purge_by: Date,
    is_due: bool,
    nothing_left: bool,
    dry_run: bool,
    /// The review workbooks that were filled in.
    filled_in: &'a [String],
    record: DeletionRecord,
    /// The folders of journals and records of other keys that are dated after the clock.
    dated_after_the_clock: Vec<String>,
    /// The unknown files in the round's folder.
    unknown_files: &'a UnknownFiles,
}

/// Returns the record in a form that may be printed. With `--other-signer` the manifest
/// may be somebody else's, and paths in it may have any length.
fn shown(record: &DeletionRecord) -> DeletionRecord {
    let mut record = record.clone();
    let files = [
        &mut record.removed,
        &mut record.removed_earlier,
        &mut record.not_found,
        &mut record.confirmed,
    ];
    let files = files.into_iter().flatten().map(|file| &mut file.path);
    for path in files.chain(record.left.iter_mut().map(|file| &mut file.path)) {
        *path = shown_path(Path::new(path));
    }
    record
}

/// Deletes the data that is due, and reports what was deleted.
pub fn run(asked: &PurgeArguments, program: &str, key_id: KeyIdOf<'_>, output: Output) -> Ending {
    let (found, signer, purged) = match purge(asked, program, key_id) {
        Ok(purged) => purged,
        Err(faults) => return Ending::Failed(faults),
    };
    for one in &purged {
        say(one, asked.dry_run, output);
    }
    if let Some(text) = register_stays(&found, &purged) {
        output.say(&text);
    }
    let judging = Judging {
        signers: &[signer],
        key_id,
        program,
        today: Zoned::now().date(),
    };
    let (mut unknown_files, owners) = UnknownFiles::find(&found, judging);
    let replaced = purged.iter().flat_map(|one| &one.replaced);
    unknown_files.add(owners.unnamed(&found, replaced, key_id));
    let told = found.foreign_text().into_iter();
    for text in told.chain(uncertain(&found)).chain(unknown_files.text()) {
        output.say(&text);
    }
    let reports = purged.iter().map(|one| PurgeReport {
        folder: shown_path(&one.output),
        purge_by: one.purge_by,
        is_due: one.is_due,
        nothing_left: one.nothing_left,
        dry_run: asked.dry_run,
        filled_in: &one.filled_in,
        record: shown(&one.record),
        dated_after_the_clock: one
            .dated_later
            .iter()
            .map(|path| shown_path(Path::new(path)))
            .collect(),
        unknown_files: &unknown_files,
    });
    output.json(&reports.collect::<Vec<_>>());
    Ending::done(purged.iter().any(|one| {
        let is_open = !one.record.left.is_empty()
            || !one.record.not_found.is_empty()
            || one.record.other_names() > 0;
        let is_refused = asked.dry_run && !asked.filled_in && !one.filled_in.is_empty();
        one.is_due && (is_open || is_refused)
    }))
}

/// Purges. Returns what was found, and the key that signed the records.
fn purge(
    asked: &PurgeArguments,
    program: &str,
    key_id: KeyIdOf<'_>,
) -> Result<(RoundFolder, PublicKey, Vec<Purged>), Faults> {
    let found = find(asked)?;
    let key_file = match &asked.signing_key {
        Some(file) => file.clone(),
        None => signing_key_of(&found),
    };
    if !key_file.exists() {
        return Err(Fault::of_file(
            &key_file,
            Text::new(
                "找不到签名私钥：删除记录须签署",
                "the signing key is missing: a deletion record must be signed",
            ),
            Text::new(
                "请用 --signing-key 指明签署运行记录的签名私钥",
                "name the key that signed the manifest with --signing-key",
            ),
        )
        .into());
    }
    if let Some(round_file) = &asked.round {
        check_round(round_file, &found)?;
    }
    let signing_key = SigningKey::read(&key_file)?;
    // A run may have ended since: no other one begins from now on.
    let first = found.opened.open(&found.folder);
    let id = first.as_ref().ok().and_then(|folder| folder.id().ok());
    let _lock = lock_opened(first, &found.folder, asked.dry_run)?;
    let (first, before) = (found.folder, found.opened);
    let found = find(asked)?;
    found.opened.check_since(&before)?;
    let now = found.opened.open(&found.folder);
    // Another folder may be at its path by now, and that one is not locked.
    if found.folder != first || id != now.ok().and_then(|folder| folder.id().ok()) {
        return Err(inputs_in_use(&found.folder).into());
    }
    let purged = Purge {
        outputs: &found.outputs,
        siblings: &found.siblings,
        opened: &found.opened,
        round_folder: &found.folder,
        rounds: &found.rounds,
        round_files: &found.round_files,
        unread: &unread(&found),
        written_rounds: &rounds_written_in(&found.folder),
        came_later: asked.came_later,
        signing_key: &signing_key,
        program,
        early: asked.early.as_deref(),
        other_signer: asked.other_signer.as_deref(),
        confirmed: asked.confirm_deleted.as_deref(),
        filled_in: asked.filled_in,
        key_id,
        dry_run: asked.dry_run,
        now: Timestamp::now(),
    }
    .run_locked()?;
    Ok((found, signing_key.public().clone(), purged))
}

/// Finds the round.
///
/// # Errors
/// When a folder cannot be searched, or a run is writing an output: there may be an output that
/// needs the inputs.
fn find(asked: &PurgeArguments) -> Result<RoundFolder, Faults> {
    // Before anything else: what is wrong with it tells more than what follows from that.
    let id_in = |file: &Path| WrittenRound::read(file)?.stated_id();
    if let Some(round_file) = &asked.round {
        id_in(round_file)?;
    }
    let found = RoundFolder::find(&asked.folder, asked.round.as_deref())?;
    // Somebody may have moved or changed it meanwhile. Without it nobody can tell whose files are
    // beside it.
    if let Some(round_file) = asked.round.as_ref().filter(|_| found.rounds.is_empty()) {
        id_in(round_file)?;
        return Err(is_changing(round_file).into());
    }
    let mut unsearched = FaultCollector::new();
    for fault in &found.unsearched {
        unsearched.push(fault.clone());
    }
    for output in &found.under_way {
        unsearched.push(is_being_written(output));
    }
    unsearched.finish()?;
    Ok(found)
}

fn is_changing(round_file: &Path) -> Fault {
    Fault::of_file(
        round_file,
        Text::new(
            "读取时此轮次文件被移动或改动，未删除任何文件",
            "this round file was moved or changed while it was read; nothing was deleted",
        ),
        Text::new("请查明后重新运行", "find out why, and run again"),
    )
}

/// Returns the lines to print of files that may be round files of other rounds. Inputs are left
/// because of them if none is this round's.
fn uncertain(found: &RoundFolder) -> Vec<Text> {
    if !found.rounds.is_empty() {
        return Vec::new();
    }
    let files = found.uncertain_round_files().map(|file| shown_path(&file));
    let lines = files.map(|file| {
        Text::new(
            format!("{file}：无法读取或格式有误，不能确认是否为轮次文件、属于哪一轮次"),
            format!(
                "{file}: it cannot be read or has a mistake, so nobody can tell whether it is a round file, and of which round"
            ),
        )
    });
    lines.collect()
}

fn is_being_written(output: &Path) -> Fault {
    Fault::of_file(
        output,
        Text::new(
            "有运行正在写此输出文件夹，可能正在读取本轮的输入文件，未删除任何文件",
            "a run is writing this output folder and may be reading inputs of the round; nothing was deleted",
        ),
        Text::new("请待其结束后重新运行", "run again when it has ended"),
    )
}

/// Refuses a round file that the user named and that is of another round than the outputs: the
/// files beside it are that round's.
fn check_round(round_file: &Path, found: &RoundFolder) -> Result<(), Faults> {
    let mut manifests = found.manifests();
    let is_of_another = |manifest: &Manifest| !found.rounds.contains(&manifest.round);
    if found.rounds.is_empty() || !manifests.any(|manifest| is_of_another(&manifest)) {
        return Ok(());
    }
    Err(Fault::of_file(
        round_file,
        Text::new(
            "这是另一轮次的轮次文件，未删除任何文件",
            "this is the round file of another round; nothing was deleted",
        ),
        Text::new(
            "请用 --round 指明输出文件夹所属轮次的轮次文件",
            "name the round file of the output folder's round with --round",
        ),
    )
    .into())
}

/// Returns the signing key that the round file names, or the one with the usual
/// name in the round's folder.
fn signing_key_of(found: &RoundFolder) -> PathBuf {
    let written = found
        .round_file
        .as_deref()
        .and_then(|file| WrittenRound::read(file).ok()?.signing_key_file().ok());
    written.unwrap_or_else(|| found.folder.join(SIGNING_KEY))
}

/// Returns the sentence about the register, which no purge deletes; `None` if no step read one.
fn register_stays(found: &RoundFolder, purged: &[Purged]) -> Option<Text> {
    let mut manifests = purged.iter().filter_map(|one| manifest_of(&one.output));
    if !manifests.any(|manifest| manifest.register.is_some()) {
        return None;
    }
    let file = found.round_file.as_deref();
    let written = file.and_then(|file| WrittenRound::read(file).ok());
    let register = written.and_then(|written| written.register());
    let path = register.map(|register| shown_path(&register.file));
    let (zh, en) = match path {
        Some(path) => (format!("登记簿 {path} "), format!("the register {path}")),
        None => ("登记簿".to_owned(), "the register".to_owned()),
    };
    Some(Text::new(
        format!(
            "{zh}不属于本轮，登记簿和密钥都不删除：保存到何时由本机构规定（个人信息保护法第十九条）"
        ),
        format!(
            "{en} is not part of the round and stays, with its key: the office sets how long it is kept (Personal Information Protection Law, Article 19)"
        ),
    ))
}

fn say(purged: &Purged, dry_run: bool, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let record = &purged.record;
    let (folder, round, day) = (shown_path(&purged.output), &record.round, purged.purge_by);
    say(
        format!("轮次 {round}：{folder}"),
        format!("Round {round}: {folder}"),
    );
    if purged.nothing_left {
        let known = record.not_found.is_empty();
        let (zh, en) = match known {
            true => ("没有剩余的数据须删除", "nothing is left to delete"),
            false => (
                "没有剩余的数据须删除，但有文件缺失，没有删除记录能说明其去向",
                "nothing is left to delete, but files are missing and no deletion record accounts for them",
            ),
        };
        say(format!("  {zh}"), format!("  {en}"));
    } else if !purged.is_due && !dry_run {
        let count = record.removed.len();
        say(
            format!(
                "  {day} 之前没有到期的数据（届时须删除{count}个文件）；如需提前删除，请用 --early 写明理由"
            ),
            format!(
                "  nothing is due before {day} ({count} files are due then); to delete them earlier, use --early REASON"
            ),
        );
    } else {
        let (zh, en) = match dry_run {
            true => (
                format!("将删除（删除期限 {day}）"),
                format!("to be deleted by {day}"),
            ),
            false => ("已删除".to_owned(), "deleted".to_owned()),
        };
        let own = record.removed.iter();
        for file in own.filter(|file| !purged.shared.contains(file)) {
            let (path, part) = (shown_path(Path::new(&file.path)), file.part.text());
            say(
                format!("  {zh}：{path}（{}）", part.zh),
                format!("  {en}: {path} ({})", part.en),
            );
            say_other_names(file, output);
        }
        let shared = purged.shared.len();
        if shared > 0 {
            say(
                format!("  与另一输出文件夹共用的{shared}个文件，见该文件夹"),
                format!(
                    "  {shared} files that it shares with another output folder, which lists them"
                ),
            );
        }
        for file in &record.removed_earlier {
            let (path, part) = (shown_path(Path::new(&file.path)), file.part.text());
            say(
                format!("  已由中断的 purge 删除：{path}（{}）", part.zh),
                format!("  deleted by an interrupted purge: {path} ({})", part.en),
            );
            say_other_names(file, output);
        }
        for file in &record.confirmed {
            let path = shown_path(Path::new(&file.path));
            say(
                format!("  不在此处，由人确认已删除：{path}"),
                format!("  not here, and a person confirms that it was deleted: {path}"),
            );
        }
    }
    if dry_run {
        for file in &purged.filled_in {
            say(
                format!("  已填写：{file}：删除前请先收录其中的结论，再加 --filled-in"),
                format!(
                    "  filled in: {file}: take its decisions in first, then delete it with --filled-in"
                ),
            );
        }
    }
    if purged.is_due || dry_run {
        for file in &record.left {
            let (path, why) = (shown_path(Path::new(&file.path)), &file.why);
            say(
                format!("  未删除：{path}：{}", why.zh),
                format!("  left: {path}: {}", why.en),
            );
        }
    }
    for file in &record.not_found {
        let (path, part) = (shown_path(Path::new(&file.path)), file.part.text());
        if purged.left_before.contains(file) {
            say(
                format!(
                    "  不在此处，以前的删除记录载明当时未删除，此后也没有删除记录：{path}（{}）；请查明去向：仍在的，请移回原处后重新运行 purge；确已删除的，请用 --confirm-deleted 写明查明的情况",
                    part.zh
                ),
                format!(
                    "  missing; an earlier deletion record lists it as left, and none since names it: {path} ({}); find out where it went: move it back and run `purge` again or, if it was deleted, say what you found with --confirm-deleted",
                    part.en
                ),
            );
            continue;
        }
        if purged.superseded.iter().any(|other| other.is_same(file)) {
            let content = short(file.content());
            say(
                format!(
                    "  不在此处，也没有删除记录：{path}（{}，{content}...）；其位置上的文件内容不同，属于另一输出文件夹：请查明原文件的去向",
                    part.zh
                ),
                format!(
                    "  missing, and no deletion record names it: {path} ({}, {content}...); the file in its place has other content, and is another output folder's: find out where this one went",
                    part.en
                ),
            );
            continue;
        }
        say(
            format!(
                "  不在此处，也没有删除记录：{path}（{}）；若轮次文件在别处，请用 --round 指明",
                part.zh
            ),
            format!(
                "  missing, and no deletion record names it: {path} ({}); if the round file is elsewhere, name it with --round",
                part.en
            ),
        );
    }
    for path in &purged.dated_later {
        let path = shown_path(Path::new(path));
        say(
            format!(
                "  {path}：由另一把私钥签署，且晚于本机时钟；不能确认由谁签署，不能据此确认任何文件已删除：请移到别处，并记入会议记录"
            ),
            format!(
                "  {path}: another key signed it, and it is dated after this machine's clock; nobody can tell who signed it, and it proves nothing: move it elsewhere, and note it in the minutes"
            ),
        );
    }
    if purged.is_due && !dry_run && !purged.nothing_left {
        let (count, until) = (record.all_removed().count(), record.keep_until);
        say(
            format!(
                "  共{count}个文件，签名的删除记录在 deletions/；运行记录、日志和删除记录须保留至 {until}（个人信息保护法第五十六条）"
            ),
            format!(
                "  {count} files in all; the signed record is in deletions/. Manifest, log and records must be kept until {until} (Personal Information Protection Law, Article 56)"
            ),
        );
    }
}

/// Returns the beginning of a digest or key id, which tells two files at one path apart.
fn short(content: Option<&str>) -> &str {
    let content = content.unwrap_or_default();
    content.get(..8).unwrap_or(content)
}

/// Warns of a file whose content remains under other names.
fn say_other_names(file: &RoundFile, output: Output) {
    let count = file.other_names;
    if count > 0 {
        output.say(&Text::new(
            format!("    此文件另有{count}个名称（硬链接），内容仍在：请找出并人工删除"),
            format!(
                "    {count} other names (hard links) of this file remain, with its content: find and delete them by hand"
            ),
        ));
    }
}
