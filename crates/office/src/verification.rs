//! Verifies that an output folder is as a step wrote it: no file was changed or
//! added, every missing file is in a deletion record, the log is complete, and the
//! signature is by a named key.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aidlink_faults::configuration::LARGEST_CONFIGURATION;
use aidlink_faults::fault::{Fault, FaultCollector, Place};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{EntryKind, Folder};
use aidlink_policy::pack::CASE_EXPORT;

use crate::accounted::Accounted;
use crate::audit_log::{Event, LARGEST_LOG, LOG, ReadLog, read_log};
use crate::deletion_record::{
    DELETIONS, DeletionFault, DeletionRecord, Deletions, SignedBy, read_deletions,
};
use crate::manifest::{MANIFEST, Manifest, OutputFile, StepKind, manifest_word};
use crate::remains::output_file;
use crate::round::{CENTRE, CONFIGURATION, WrittenRound};
use crate::signing::{LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature};
use crate::step::trusted_comment;
use crate::step_outputs;
use crate::written_path::stays_inside;

/// The public keys whose signatures are accepted.
#[derive(Clone, Debug)]
pub enum NamedKeys {
    /// Exactly these keys, which the user named.
    ByUser(Vec<PublicKey>),
    /// The keys in the round file, each accepted for its own office's steps.
    ByRound(RoundOffices),
}

/// The offices of a round, as its round file names them.
#[derive(Clone, Debug, Default)]
pub struct RoundOffices {
    /// The offices that sign, with their public keys.
    pub signers: Vec<(String, PublicKey)>,
    /// The names of the exports.
    pub exports: Vec<String>,
}

impl RoundOffices {
    /// Returns the office whose step wrote a manifest: `centre` or an agency's id. It follows
    /// from the step and the round file. What the manifest says of agencies is not asked: any
    /// office could name itself there. `None` for the tokens of an export that the round does
    /// not have, or of several agencies.
    pub fn office_of(&self, manifest: &Manifest) -> Option<&str> {
        match manifest.step {
            StepKind::Screen => Some(CENTRE),
            StepKind::Run | StepKind::Resolve => agency_of(CASE_EXPORT),
            StepKind::Tokenise => {
                let mut offices = manifest.exports.iter().map(|read| {
                    let mut exports = self.exports.iter();
                    agency_of(exports.find(|export| **export == read.export)?)
                });
                let first = offices.next()??;
                offices.all(|office| office == Some(first)).then_some(first)
            }
        }
    }
}

/// Returns the agency of an export. The name of a schema begins with it.
fn agency_of(export: &str) -> Option<&str> {
    export.split_once('.').map(|(agency, _)| agency)
}

impl NamedKeys {
    /// Accepts only this key.
    pub fn only(key: PublicKey) -> Self {
        NamedKeys::ByUser(vec![key])
    }

    /// Returns the keys that may have signed a deletion record with
    /// [`DeletionRecord::other_signer`]. A round file names the keys of other offices too,
    /// which have nothing to delete here.
    fn other_signers(&self) -> Vec<&PublicKey> {
        match self {
            NamedKeys::ByUser(keys) => keys.iter().collect(),
            NamedKeys::ByRound(_) => Vec::new(),
        }
    }
}

/// The signer of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The signature is valid, by a named key. The string is the key's office in
    /// the round file; `None` for a key that the user named.
    Named(Option<String>, PublicKey),
    /// The signature is valid, but by a key that was not named for this step.
    NotNamed(PublicKey),
    /// There is no valid signature.
    None,
}

impl Signer {
    /// Returns the key of the valid signature.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        match self {
            Signer::Named(_, key) | Signer::NotNamed(key) => Some(key),
            Signer::None => None,
        }
    }
}

/// Where the inputs of an output folder come from: who signed its manifest, its round, and
/// the key of the round. What one folder records of inputs counts in another one only if all
/// three are the same. Otherwise a record that another office signed, or one of another
/// round, would make inputs count as deleted that somebody took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The key that signed the manifest.
    pub signer: PublicKey,
    round: String,
    /// The id of the round key; at the centre, of the key with which the tokens were made.
    key_id: Option<String>,
}

impl Provenance {
    /// Returns that of the inputs of a manifest that this key signed.
    pub(crate) fn of(manifest: &Manifest, signer: &PublicKey) -> Self {
        let key = manifest.key.as_ref().map(|key| &key.id);
        let mut received = manifest.received.iter();
        Provenance {
            signer: signer.clone(),
            round: manifest.round.clone(),
            key_id: key
                .or_else(|| received.find_map(|file| file.key_id.as_ref()))
                .cloned(),
        }
    }
}

/// The result of verifying an output folder.
pub struct Verification {
    /// The path of the folder.
    pub folder: PathBuf,
    /// The opened folder. Read its files through this.
    pub opened: Folder,
    /// Its manifest.
    pub manifest: Manifest,
    /// BLAKE3 digest of the manifest's bytes, hexadecimal.
    pub manifest_digest: String,
    /// Its log.
    pub log: ReadLog,
    /// Whether the log is the one that the signature and the manifest belong to.
    pub log_is_whole: bool,
    /// The signer of the manifest.
    pub signer: Signer,
    /// Number of files that match the manifest.
    pub files_held: u64,
    /// Workbooks that differ from what was issued, because people fill them in. They are
    /// not counted as tampering.
    pub filled_in: Vec<String>,
    /// The valid deletion records.
    pub deleted: Vec<DeletionRecord>,
    /// The records that were written in another folder, of which this one may be a copy.
    pub deleted_elsewhere: Vec<DeletionRecord>,
    /// The digest of the newest of these records, which the next one names.
    pub last_record: Option<String>,
    /// What is in the folder of deletion records and does not count, by path in the output
    /// folder; and records that count and name an earlier one which is missing.
    pub not_counted: Vec<(String, DeletionFault)>,
    /// Files left by office programs and file managers. They are not counted as
    /// tampering.
    pub left_by_programs: Vec<String>,
    /// Every difference from what the step wrote.
    pub faults: FaultCollector,
}

impl Verification {
    /// Returns where the inputs come from; `None` if the manifest has no valid signature.
    pub fn provenance(&self) -> Option<Provenance> {
        Some(Provenance::of(&self.manifest, self.signer.key()?))
    }
}

/// Verifies an output folder. `round_file` is the round file that it should belong
/// to, if known.
///
/// # Errors
/// When the folder or its manifest cannot be read, or the manifest has a version
/// that this program does not support.
pub fn verify(
    folder: &Path,
    round_file: Option<&Path>,
    named: &NamedKeys,
) -> Result<Verification, Fault> {
    let opened = opened_at(folder, Folder::open(folder))?;
    verify_opened(opened, folder, round_file, named)
}

/// Returns an output folder that was opened at a path, to be verified.
///
/// # Errors
/// When it is missing, a link, or not a folder.
pub(crate) fn opened_at(folder: &Path, opened: io::Result<Folder>) -> Result<Folder, Fault> {
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => no_manifest(folder),
        _ => not_a_real_folder(folder),
    })
}

/// Verifies an output folder that is open, as [`verify`] does. `folder` is its path.
///
/// # Errors
/// When its manifest cannot be read, or has a version that this program does not support.
pub(crate) fn verify_opened(
    opened: Folder,
    folder: &Path,
    round_file: Option<&Path>,
    named: &NamedKeys,
) -> Result<Verification, Fault> {
    let manifest_path = folder.join(MANIFEST);
    let bytes = match opened.read(Path::new(MANIFEST), Manifest::LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_manifest(folder)),
        Err(error) => return Err(Fault::unreadable(&manifest_path, &error)),
    };
    let manifest =
        Manifest::parse(&bytes).map_err(|fault| fault.of_file(&manifest_path, &manifest_word()))?;
    let manifest_digest = blake3::hash(&bytes).to_hex().to_string();
    let mut check = Check {
        digest: &manifest_digest,
        folder,
        opened: &opened,
        named,
        manifest: &manifest,
        bytes: &bytes,
        filled_in: Vec::new(),
        left_by_programs: Vec::new(),
        faults: FaultCollector::new(),
    };
    let signature = check.signature();
    let signer = check.signer(signature.as_ref());
    let before = check.faults.iter().count();
    let log = check.log(signature.as_ref());
    let log_is_whole = check.faults.iter().count() == before;
    let deletions = check.deletion_records(&signer);
    let files_held = check.outputs(&deletions);
    check.configuration();
    if let Some(round_file) = round_file {
        check.round(round_file);
    }
    let Check {
        filled_in,
        left_by_programs,
        faults,
        ..
    } = check;
    Ok(Verification {
        folder: folder.to_path_buf(),
        opened,
        log,
        log_is_whole,
        signer,
        files_held,
        filled_in,
        deleted: deletions.records,
        deleted_elsewhere: deletions.elsewhere,
        last_record: deletions.last,
        not_counted: deletions.faults,
        left_by_programs,
        faults,
        manifest,
        manifest_digest,
    })
}

fn not_a_real_folder(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "这不是文件夹，或是一个链接",
            "this is not a folder, or it is a link",
        ),
        Text::new(
            "请指明文件夹本身，不要用链接",
            "give the path of the folder itself, not of a link",
        ),
    )
}

fn no_manifest(folder: &Path) -> Fault {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_partial = name.starts_with('.') && name.contains(".partial-");
    let has = |path: &str| fs::symlink_metadata(folder.join(path)).is_ok();
    let is_incomplete = has(LOG) || has("lists") || has("to-centre") || has("to-procuratorate");
    let (message, hint) = if !folder.is_dir() {
        (
            Text::new("找不到此文件夹", "the folder does not exist"),
            Text::new("请检查路径", "check the path"),
        )
    } else if is_partial {
        (
            Text::new(
                "这是中断的运行留下的文件夹，不是结果",
                "an interrupted run left this folder; it is not a result",
            ),
            Text::new(
                "请重新运行：下次使用同一输出文件夹运行时会将其删除",
                "run again: the next run with the same output folder removes it",
            ),
        )
    } else if is_incomplete {
        (
            Text::new(
                "文件夹不完整：缺少 manifest.json",
                "the folder is incomplete: manifest.json is missing",
            ),
            Text::new(
                "程序写出的文件夹总是完整的：请查明文件去向，并从备份恢复",
                "a step always writes a complete folder: find out who removed the file, and restore it from a backup",
            ),
        )
    } else {
        (
            Text::new(
                "这不是程序写出的输出文件夹：没有 manifest.json",
                "this is not an output folder: it has no manifest.json",
            ),
            Text::new(
                "请指明输出文件夹，或轮次文件所在的文件夹",
                "name an output folder, or the folder of the round file",
            ),
        )
    };
    Fault::of_file(folder, message, hint)
}

/// Whether an office program or a file manager made the file, judged by its name.
fn is_left_by_a_program(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("~$")
        || name.starts_with(".~lock.")
        || name.starts_with("._")
        || ["Thumbs.db", ".DS_Store", "desktop.ini"].contains(&name)
}

/// A verification in progress.
struct Check<'c> {
    folder: &'c Path,
    opened: &'c Folder,
    named: &'c NamedKeys,
    manifest: &'c Manifest,
    digest: &'c str,
    bytes: &'c [u8],
    filled_in: Vec<String>,
    left_by_programs: Vec<String>,
    faults: FaultCollector,
}

impl Check<'_> {
    fn fault(&mut self, path: &str, message: Text, hint: Text) {
        self.faults
            .push(Fault::of_file(&self.folder.join(path), message, hint));
    }

    fn signature(&mut self) -> Option<Signature> {
        let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        let signature = match self.opened.read(Path::new(&path), LARGEST_SIGNATURE) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).unwrap_or_default();
                let signature = Signature::parse_of_minisign(&text);
                if signature.is_some() && Signature::parse(&text).is_none() {
                    self.fault(
                        &path,
                        Text::new(
                            "签名之外的内容被改动或添加",
                            "the text around the signature was changed or added to",
                        ),
                        from_a_backup(),
                    );
                }
                signature
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fault(
                    &path,
                    Text::new("缺少签名文件", "the signature file is missing"),
                    Text::new(
                        "没有签名，运行记录不能作为证据：请查明签名文件的去向",
                        "without it the manifest proves nothing: find out who removed it",
                    ),
                );
                return None;
            }
            Err(_) => None,
        };
        if signature.is_none() {
            self.fault(
                &path,
                Text::new(
                    "这不是 minisign 签名，或已损坏",
                    "this is not a minisign signature, or it is damaged",
                ),
                from_a_backup(),
            );
        }
        signature
    }

    /// Returns the signer. The manifest names the key that signs it, so a signature
    /// by any other key is a fault.
    fn signer(&mut self, signature: Option<&Signature>) -> Signer {
        let Some(signature) = signature else {
            return Signer::None;
        };
        let stated = self.manifest.signing.as_ref();
        let stated = stated.and_then(|signing| PublicKey::parse(&signing.public_key));
        let Some(key) = stated.filter(|key| signature.verifies(key, self.bytes)) else {
            let id = signature.key_id();
            self.fault(
                MANIFEST,
                Text::new(
                    format!("运行记录与其签名不符（公钥 {id}）：其中之一被改动"),
                    format!(
                        "the manifest does not match its signature (key {id}): one of them was changed"
                    ),
                ),
                Text::new(
                    "此文件夹不能作为证据：请从备份恢复",
                    "the folder proves nothing in this state: restore it from a backup",
                ),
            );
            return Signer::None;
        };
        match self.named {
            NamedKeys::ByUser(keys) => {
                if keys.contains(&key) {
                    return Signer::Named(None, key);
                }
                self.not_named(
                    &key,
                    &Text::new(
                        "不在所指明的公钥之中",
                        "it is not one of the keys given with --public-key",
                    ),
                );
            }
            NamedKeys::ByRound(offices) => {
                let step_office = offices.office_of(self.manifest);
                let signers = &offices.signers;
                let mut named = signers.iter().filter(|(_, signer)| *signer == key);
                let offices: Vec<&str> = named.clone().map(|(office, _)| office.as_str()).collect();
                if let Some((office, _)) =
                    named.find(|(office, _)| Some(office.as_str()) == step_office)
                {
                    return Signer::Named(Some(office.clone()), key);
                }
                let why = match (signers.is_empty(), offices.is_empty()) {
                    (true, _) => Text::new("没有指明任何公钥", "no public key was named"),
                    (false, true) => Text::new(
                        "不在轮次文件所列的公钥之中",
                        "it is not one of the keys in the round file",
                    ),
                    (false, false) => {
                        let step = self.manifest.step.name();
                        let offices = offices.join(", ");
                        Text::new(
                            format!("在轮次文件中它属于 {offices}，而步骤 {step} 由其他机构执行"),
                            format!(
                                "in the round file it belongs to {offices}, but another office runs the step `{step}`"
                            ),
                        )
                    }
                };
                self.not_named(&key, &why);
            }
        }
        Signer::NotNamed(key)
    }

    fn not_named(&mut self, key: &PublicKey, why: &Text) {
        let (id, line) = (key.id(), key.to_base64());
        self.fault(
            &format!("{MANIFEST}{SIGNATURE_SUFFIX}"),
            Text::new(
                format!("签名正确，但其公钥 {id} 未被指明：{}", why.zh),
                format!(
                    "the signature is valid, but its public key {id} was not named: {}",
                    why.en
                ),
            ),
            Text::new(
                format!("请与会议记录中的公钥核对；若相符，请加 --public-key {line}"),
                format!(
                    "compare it with the public key in the minutes; if they match, add --public-key {line}"
                ),
            ),
        );
    }

    fn log(&mut self, signature: Option<&Signature>) -> ReadLog {
        let read = self.opened.read(Path::new(LOG), LARGEST_LOG);
        let text = match &read {
            Ok(bytes) => {
                // Several bytes would read like the sign that replaces them.
                if let Err(error) = std::str::from_utf8(bytes) {
                    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    let lines = before.iter().filter(|byte| **byte == b'\n').count();
                    let message = Text::new("日志不是 UTF-8 文本", "the log is not UTF-8 text");
                    let fault = Fault::of_file(&self.folder.join(LOG), message, from_a_backup())
                        .at(Place::Line(lines as u64 + 1));
                    self.faults.push(fault);
                }
                String::from_utf8_lossy(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let missing = Text::new("缺少日志", "the log is missing");
                self.fault(LOG, missing, from_a_backup());
                "".into()
            }
            Err(error) => {
                let fault = Fault::unreadable(&self.folder.join(LOG), error);
                self.faults.push(fault);
                "".into()
            }
        };
        let log = read_log(&text);
        if read.is_err() {
            return log;
        }
        if let Some(fault) = log.fault {
            let fault = Fault::of_file(&self.folder.join(LOG), fault.text(), from_a_backup())
                .at(Place::Line(fault.line()));
            self.faults.push(fault);
            return log;
        }
        let last = log.entries.last().and_then(|entry| entry.event.as_ref());
        let complete = last.and_then(Event::complete);
        let names_manifest =
            complete.is_some_and(|complete| complete.manifest_blake3 == self.digest);
        let wrong = if complete.is_none() {
            Some(Text::new("日志的末尾缺失", "the end of the log is missing"))
        } else if !names_manifest {
            Some(Text::new(
                "日志属于另一份运行记录",
                "the log belongs to another manifest",
            ))
        } else {
            signature.and_then(|signature| {
                let expected = trusted_comment(
                    &self.manifest.round,
                    self.manifest.step,
                    log.last_digest().unwrap_or_default(),
                );
                (signature.comment() != expected)
                    .then(|| Text::new("日志与签名不符", "the log does not match the signature"))
            })
        };
        if let Some(wrong) = wrong {
            self.fault(LOG, wrong, from_a_backup());
        }
        log
    }

    /// Reads the deletion records. Valid are those of this manifest that are signed by its
    /// signer or, with a reason, by another key that the user named. The latter are reported,
    /// and everything that does not count.
    fn deletion_records(&mut self, signer: &Signer) -> Deletions {
        let Some(key) = signer.key() else {
            return Deletions::default();
        };
        let signed_by = SignedBy {
            manifest: self.manifest,
            manifest_digest: self.digest,
            signer: key,
            folder: self.opened.mark().ok(),
        };
        match read_deletions(self.opened, &signed_by, &self.named.other_signers()) {
            Ok(found) => {
                for (path, fault) in &found.faults {
                    self.fault(path, fault.text(), fault.hint());
                }
                for record in found.records.iter().chain(&found.elsewhere) {
                    if let Some(reason) = &record.other_signer {
                        self.signed_by_another(record, reason);
                    }
                }
                found
            }
            Err(error) => {
                let folder = self.folder.join(DELETIONS);
                self.faults.push(Fault::unreadable(&folder, &error));
                Deletions::default()
            }
        }
    }

    /// Reports a record that was written in another folder. `missing` of the outputs that it
    /// lists are not here.
    fn written_elsewhere(&mut self, record: &DeletionRecord, missing: usize) {
        let at = record.completed_at;
        self.fault(
            DELETIONS,
            Text::new(
                format!(
                    "{at} 的删除记录写于另一文件夹，本文件夹可能是其副本：所列文件中有{missing}个不在此处，记录不能说明其在此处是否由 purge 删除"
                ),
                format!(
                    "the deletion record of {at} was written in another folder, of which this one may be a copy: {missing} of the files that it lists are missing here, and it does not say whether a purge deleted them here"
                ),
            ),
            Text::new(
                "如系删除之后复制、归档或恢复，请记入会议记录；否则请查明文件去向",
                "if the folder was copied, archived or restored after the deletion, note it in the minutes; otherwise find out where the files went",
            ),
        );
    }

    fn signed_by_another(&mut self, record: &DeletionRecord, reason: &str) {
        let at = record.completed_at;
        self.fault(
            DELETIONS,
            Text::new(
                format!("{at} 的删除记录由另一把私钥签署（理由：{reason}）"),
                format!("the deletion record of {at} is signed by another key (reason: {reason})"),
            ),
            Text::new(
                "须由人确认：请与会议记录核对",
                "a person must confirm it: compare it with the minutes",
            ),
        );
    }

    /// Compares the files with the manifest and returns how many match.
    fn outputs(&mut self, deletions: &Deletions) -> u64 {
        let mut listed: BTreeMap<&str, &OutputFile> = BTreeMap::new();
        for output in &self.manifest.outputs {
            if !stays_inside(&output.file) {
                self.fault(
                    MANIFEST,
                    Text::new(
                        "运行记录中有指向文件夹以外的路径",
                        "the manifest names a path outside the folder",
                    ),
                    Text::new("此运行记录不可信", "do not trust this manifest"),
                );
                continue;
            }
            if !step_outputs::writes(self.manifest, output) {
                self.not_written_by_the_step(&output.file);
            }
            if listed.insert(&output.file, output).is_some() {
                self.fault(
                    &output.file,
                    Text::new(
                        "运行记录将此文件列了两次",
                        "the manifest lists this file twice",
                    ),
                    Text::new("此运行记录不可信", "do not trust this manifest"),
                );
            }
        }
        let mut held = 0;
        let accounted = Accounted::of(&deletions.records);
        let mut missing_elsewhere = vec![0; deletions.elsewhere.len()];
        for (path, output) in &listed {
            match self.is_as_written(output) {
                Ok(true) => held += 1,
                Ok(false) if output.is_to_fill_in() => self.filled_in.push((*path).to_owned()),
                Ok(false) => {
                    let hint = match path.starts_with("lists/") {
                        true => Text::new(
                            "请从备份恢复该清单；核查结论填在 review/ 的工作簿中",
                            "restore the list from a backup; decisions are filled into the workbooks in review/",
                        ),
                        false => from_a_backup(),
                    };
                    self.fault(path, Text::new("文件被改动", "the file was changed"), hint);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if accounted.has(&output_file(output)) {
                        continue;
                    }
                    let lists = |record: &DeletionRecord| record.lists_output(path, &output.blake3);
                    let elsewhere = deletions.elsewhere.iter().zip(&mut missing_elsewhere);
                    let elsewhere = elsewhere.filter(|(record, _)| lists(record));
                    let counts: Vec<&mut usize> = elsewhere.map(|(_, count)| count).collect();
                    if counts.is_empty() {
                        self.fault(
                            path,
                            Text::new(
                                "文件缺失，也没有删除记录",
                                "the file is missing, and no deletion record names it",
                            ),
                            Text::new(
                                "请查明去向；到期的文件请用 aidlink purge 删除",
                                "find out where it went; delete files that are due with `aidlink purge`",
                            ),
                        );
                    }
                    for count in counts {
                        *count += 1;
                    }
                }
                Err(_) => self.fault(
                    path,
                    Text::new(
                        "无法读取，或不是普通文件",
                        "the file cannot be read, or is not an ordinary file",
                    ),
                    Text::new("请检查该文件", "check the file"),
                ),
            }
        }
        for (record, missing) in deletions.elsewhere.iter().zip(missing_elsewhere) {
            self.written_elsewhere(record, missing);
        }
        self.added_files(&listed);
        held
    }

    fn not_written_by_the_step(&mut self, path: &str) {
        let step = self.manifest.step.name();
        self.fault(
            path,
            Text::new(
                format!("运行记录列有此文件，而步骤 {step} 不写出这样的文件，或不以此类别写出"),
                format!(
                    "the manifest lists this file, but the step `{step}` writes no such file, or not of this kind"
                ),
            ),
            Text::new(
                "签署者放入了自己的文件：此运行记录不可信",
                "the signer put in a file of his own: do not trust this manifest",
            ),
        );
    }

    /// Returns whether a file has the size and the digest in the manifest. A file of
    /// another size is not read.
    fn is_as_written(&self, output: &OutputFile) -> io::Result<bool> {
        let mut file = self.opened.open_file(Path::new(&output.file))?;
        if file.metadata()?.len() != output.bytes {
            return Ok(false);
        }
        let mut digest = blake3::Hasher::new();
        io::copy(&mut (&mut file).take(output.bytes), &mut digest)?;
        Ok(digest.finalize().to_hex().as_str() == output.blake3)
    }

    /// Reports files that the manifest does not list.
    fn added_files(&mut self, listed: &BTreeMap<&str, &OutputFile>) {
        let below = self.opened.below();
        let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        let deletions = format!("{DELETIONS}/");
        for (path, error) in &below.unreadable {
            // The search for deletion records reports those among them.
            if !path.starts_with(DELETIONS) {
                let folder: PathBuf = self.folder.join(path).components().collect();
                self.faults.push(Fault::unreadable(&folder, error));
            }
        }
        for file in below.files {
            let path = file.name();
            let known = listed.contains_key(path.as_str())
                || [MANIFEST, LOG, &signature].contains(&path.as_str())
                || path.starts_with(&deletions);
            if known {
                continue;
            }
            if file.kind == EntryKind::File && is_left_by_a_program(&path) {
                self.left_by_programs.push(path);
                continue;
            }
            self.fault(
                &path,
                Text::new(
                    "运行记录中没有此文件：是后来放入的",
                    "the manifest does not list this file: it was added later",
                ),
                Text::new("请移到别处", "move it elsewhere"),
            );
        }
    }

    /// Checks that round file and policy in the folder are those in the manifest.
    fn configuration(&mut self) {
        let mut stated = vec![("round.toml", &self.manifest.round_file_blake3)];
        let policy = &self.manifest.policy;
        match policy.layers.as_slice() {
            // aidlink 0.1 had policies of one file.
            [] => stated.push(("policy.toml", &policy.blake3)),
            layers => {
                let layers = layers.iter();
                stated.extend(layers.map(|layer| (layer.file.as_str(), &layer.blake3)));
            }
        }
        for (name, digest) in stated {
            let path = format!("{CONFIGURATION}/{name}");
            // A file that cannot be read, or is too large, is reported as an output.
            let found = self.opened.read(Path::new(&path), LARGEST_CONFIGURATION);
            if found.is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() != digest) {
                self.fault(
                    &path,
                    Text::new(
                        "与运行记录中的摘要不符",
                        "the file does not match its digest in the manifest",
                    ),
                    from_a_backup(),
                );
            }
        }
    }

    /// Checks that the folder belongs to this round file.
    fn round(&mut self, round_file: &Path) {
        let Ok(written) = WrittenRound::read(round_file) else {
            return;
        };
        if written.digest() == self.manifest.round_file_blake3 {
            return;
        }
        let own = &self.manifest.round;
        let (message, hint) = match written.round_id().ok() {
            Some(other) if other != *own => (
                Text::new(
                    format!("输出文件夹属于轮次 {own}，而轮次文件属于轮次 {other}"),
                    format!(
                        "the output folder belongs to round {own}, but the round file to round {other}"
                    ),
                ),
                Text::new(
                    "请检查输出文件夹是否被调换或放错了位置",
                    "check whether the output folder was swapped or moved to the wrong place",
                ),
            ),
            _ => (
                Text::new(
                    "轮次文件在运行之后被改动",
                    "the round file was changed after the run",
                ),
                Text::new(
                    "请与运行时的轮次文件 configuration/round.toml 比较",
                    "compare it with configuration/round.toml, the round file of the run",
                ),
            ),
        };
        self.faults.push(Fault::of_file(round_file, message, hint));
    }
}

fn from_a_backup() -> Text {
    Text::new("请从备份恢复", "restore it from a backup")
}

#[cfg(test)]
mod tests;
