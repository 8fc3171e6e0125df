//! Whether an output folder is what a step wrote: nothing changed, nothing
//! missing that was not deleted by record, nothing added, the log whole to its
//! last entry, all of it signed by somebody whose key was named.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Place};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;

use crate::audit_log::{Event, LOG, ReadLog, read_log};
use crate::deletion_record::{DELETIONS, DeletionRecord};
use crate::manifest::{MANIFEST, Manifest, manifest_word};
use crate::round::{CONFIGURATION, WrittenRound};
use crate::signing::{PublicKey, SIGNATURE_SUFFIX, Signature};
use crate::step::comment;

/// A manifest larger than this is none.
const LARGEST_DOCUMENT: u64 = 256 << 20;

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// A name for each key: an office of the round, or how the user named it.
    pub keys: Vec<(String, PublicKey)>,
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key that was named, with its name.
    Named(String, PublicKey),
    /// The signature is right, by a key that nobody named.
    NotNamed(PublicKey),
    /// There is no right signature.
    None,
}

/// What looking at an output folder gave.
pub struct Verification {
    /// The folder.
    pub folder: PathBuf,
    /// Its manifest, as far as it can be read.
    pub manifest: Manifest,
    /// Its log.
    pub log: ReadLog,
    /// Who signed the manifest.
    pub signer: Signer,
    /// Files that are there as the manifest says.
    pub files_held: u64,
    /// Files that were deleted by a signed record.
    pub deleted: Vec<DeletionRecord>,
    /// Everything that is not as it was written.
    pub faults: FaultCollector,
}

/// Looks at an output folder. `round_file` is the round file that it should be
/// of, where there is one.
///
/// # Errors
/// When the folder is none that a step wrote, or not one that this program
/// understands: there is nothing to verify then.
pub fn verify(
    folder: &Path,
    round_file: Option<&Path>,
    named: &Named,
) -> Result<Verification, Fault> {
    let manifest_path = folder.join(MANIFEST);
    let bytes = match read(&manifest_path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_manifest(folder)),
        Err(error) => return Err(Fault::unreadable(&manifest_path, &error)),
    };
    let manifest =
        Manifest::parse(&bytes).map_err(|fault| fault.of_file(&manifest_path, &manifest_word()))?;
    let mut looking = Looking {
        folder,
        named,
        manifest: &manifest,
        faults: FaultCollector::new(),
    };
    let signature = looking.signature(&bytes);
    let signer = looking.signer(&bytes, signature.as_ref());
    let log = looking.log(&bytes, signature.as_ref());
    let deleted = looking.deletion_records(&signer);
    let files_held = looking.outputs(&deleted);
    looking.configuration();
    if let Some(round_file) = round_file {
        looking.round(round_file);
    }
    let faults = looking.faults;
    Ok(Verification {
        folder: folder.to_path_buf(),
        log,
        signer,
        files_held,
        deleted,
        faults,
        manifest,
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST_DOCUMENT)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn no_manifest(folder: &Path) -> Fault {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_partial = name.starts_with('.') && name.contains(".partial-");
    let there = |path: &str| fs::symlink_metadata(folder.join(path)).is_ok();
    let is_half = there(LOG) || there("lists") || there("to-centre") || there("to-procuratorate");
    let (message, hint) = if !folder.is_dir() {
        (
            Text::new("没有这个文件夹", "there is no such folder"),
            Text::new("请检查路径", "check the path"),
        )
    } else if is_partial {
        (
            Text::new(
                "这是中断的运行留下的半成品，不是结果",
                "a run that was cut off left this; it is no result",
            ),
            Text::new(
                "请重新运行；同一输出的下一次运行会删去它",
                "run again: the next run of the same output removes it",
            ),
        )
    } else if is_half {
        (
            Text::new(
                "文件夹不完整：缺少 manifest.json",
                "this is half a folder: manifest.json is missing",
            ),
            Text::new(
                "程序总是一次写全；请查明是谁删去了它，向其索回",
                "a step writes its folder whole: find out who removed it and get it back",
            ),
        )
    } else {
        (
            Text::new(
                "这不是程序写出的输出文件夹：没有 manifest.json",
                "this is no output folder: it has no manifest.json",
            ),
            Text::new(
                "请指明输出文件夹，或轮次文件所在的文件夹",
                "name an output folder, or the folder of the round file",
            ),
        )
    };
    Fault::of_file(folder, message, hint)
}

/// What a name is that a manifest gives: below the folder and nowhere else.
pub fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// BLAKE3 digest of a file, hexadecimal; only of a file that stands there itself.
pub fn digest_of(path: &Path) -> io::Result<(String, u64)> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut digest = blake3::Hasher::new();
    let bytes = io::copy(&mut fs::File::open(path)?, &mut digest)?;
    Ok((digest.finalize().to_hex().to_string(), bytes))
}

struct Looking<'l> {
    folder: &'l Path,
    named: &'l Named,
    manifest: &'l Manifest,
    faults: FaultCollector,
}

impl Looking<'_> {
    fn fault(&mut self, path: &str, message: Text, hint: Text) {
        self.faults
            .push(Fault::of_file(&self.folder.join(path), message, hint));
    }

    fn signature(&mut self, _manifest: &[u8]) -> Option<Signature> {
        let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        let signature = match read(&self.folder.join(&path)) {
            Ok(bytes) => String::from_utf8(bytes)
                .ok()
                .and_then(|text| Signature::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fault(
                    &path,
                    Text::new("缺少签名文件", "the signature is missing"),
                    Text::new(
                        "没有签名，清单就不能证明什么：请查明是谁删去了它",
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
                    "这不是minisign签名，或已损坏",
                    "this is no minisign signature, or it is damaged",
                ),
                Text::new("请从备份取回", "get it back from a copy"),
            );
        }
        signature
    }

    /// Whose the signature is. A key in the manifest itself tells a signature
    /// by a stranger from a manifest that was changed, and nothing more.
    fn signer(&mut self, manifest: &[u8], signature: Option<&Signature>) -> Signer {
        let Some(signature) = signature else {
            return Signer::None;
        };
        let named = self.named.keys.iter();
        if let Some((name, key)) = named
            .clone()
            .find(|(_, key)| signature.verifies(key, manifest))
        {
            return Signer::Named(name.clone(), key.clone());
        }
        let stated = self.manifest.signing.as_ref();
        let stated = stated.and_then(|signing| PublicKey::parse(&signing.public_key));
        let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        match stated.filter(|key| signature.verifies(key, manifest)) {
            Some(key) => {
                let id = key.id();
                let (zh, en) = match self.named.keys.is_empty() {
                    true => ("没有指明任何公钥", "no public key was named"),
                    false => (
                        "不在所指明的公钥之中",
                        "it is none of those that were named",
                    ),
                };
                self.fault(
                    &path,
                    Text::new(
                        format!("签名本身正确，但出自无人指明的公钥 {id}：{zh}"),
                        format!("the signature is right, but by the key {id}, which nobody named: {en}"),
                    ),
                    Text::new(
                        format!(
                            "请与会议记录中的公钥核对；若相符，请加 --public-key {}",
                            key.to_base64()
                        ),
                        format!(
                            "compare it with the public key in the minutes; if it is that one, say --public-key {}",
                            key.to_base64()
                        ),
                    ),
                );
                Signer::NotNamed(key)
            }
            None => {
                self.fault(
                    MANIFEST,
                    Text::new(
                        format!("清单与其签名不符（公钥 {}）：清单或签名被改动", signature.key_id()),
                        format!(
                            "the manifest does not fit its signature (key {}): one of them was changed",
                            signature.key_id()
                        ),
                    ),
                    Text::new(
                        "此文件夹不能作为证据；请从备份取回",
                        "the folder proves nothing as it is; get it back from a copy",
                    ),
                );
                Signer::None
            }
        }
    }

    fn log(&mut self, manifest: &[u8], signature: Option<&Signature>) -> ReadLog {
        let read = read(&self.folder.join(LOG));
        let text = match &read {
            Ok(bytes) => String::from_utf8_lossy(bytes),
            Err(_) => {
                self.fault(
                    LOG,
                    Text::new("缺少日志", "the log is missing"),
                    Text::new("请从备份取回", "get it back from a copy"),
                );
                "".into()
            }
        };
        let log = read_log(&text);
        if read.is_err() {
            return log;
        }
        let copy = || Text::new("请从备份取回日志", "get the log back from a copy");
        if let Some(fault) = log.fault {
            let told = Fault::of_file(&self.folder.join(LOG), fault.text(), copy())
                .at(Place::Line(fault.line()));
            self.faults.push(told);
            return log;
        }
        let digest = blake3::hash(manifest).to_hex().to_string();
        let last = log.entries.last().and_then(|entry| entry.event.as_ref());
        let complete = last.and_then(Event::complete);
        let ends_here = complete.is_some_and(|complete| complete.manifest_blake3 == digest);
        if complete.is_none() {
            self.fault(
                LOG,
                Text::new("日志的末尾缺失", "the end of the log is missing"),
                copy(),
            );
        } else if !ends_here {
            self.fault(
                LOG,
                Text::new(
                    "日志所记的清单不是这一份",
                    "the log ends with another manifest than this one",
                ),
                copy(),
            );
        } else if let Some(signature) = signature {
            let expected = comment(
                &self.manifest.round,
                self.manifest.step,
                log.last_digest().unwrap_or_default(),
            );
            if signature.comment() != expected {
                self.fault(
                    LOG,
                    Text::new(
                        "日志不是签名所指的那一份",
                        "the log is not the one that was signed",
                    ),
                    copy(),
                );
            }
        }
        log
    }

    /// The deletion records of the folder; one that is not signed by the same
    /// office counts for nothing.
    fn deletion_records(&mut self, signer: &Signer) -> Vec<DeletionRecord> {
        let (records, faults) = DeletionRecord::read_all(self.folder, |signature, bytes| {
            let named = self.named.keys.iter().map(|(_, key)| key);
            let signers = match signer {
                Signer::Named(_, key) | Signer::NotNamed(key) => Some(key),
                Signer::None => None,
            };
            named
                .chain(signers)
                .any(|key| signature.verifies(key, bytes))
        });
        self.faults.extend(faults);
        records
    }

    /// Compares the files with the manifest; gives how many are as it says.
    fn outputs(&mut self, deleted: &[DeletionRecord]) -> u64 {
        let mut listed: BTreeMap<String, String> = BTreeMap::new();
        for output in &self.manifest.outputs {
            if !is_plain(&output.file) {
                self.fault(
                    MANIFEST,
                    Text::new(
                        "清单中有越出文件夹的路径",
                        "the manifest names a path outside of the folder",
                    ),
                    Text::new("此清单不可信", "do not trust this manifest"),
                );
                continue;
            }
            listed.insert(output.file.clone(), output.blake3.clone());
        }
        let mut held = 0;
        for (path, digest) in &listed {
            match digest_of(&self.folder.join(path)) {
                Ok((found, _)) if found == *digest => held += 1,
                Ok(_) => {
                    let hint = match path.starts_with("lists/") {
                        true => Text::new(
                            "核查结论请填在副本上；请从备份取回",
                            "who checks leads fills in a copy; get the list back from one",
                        ),
                        false => Text::new("请从备份取回", "get it back from a copy"),
                    };
                    self.fault(path, Text::new("文件被改动", "the file was changed"), hint);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let by_record = deleted.iter().any(|record| record.removed(path, digest));
                    if !by_record {
                        self.fault(
                            path,
                            Text::new(
                                "文件缺失，也没有删除记录",
                                "the file is missing, and no deletion record tells of it",
                            ),
                            Text::new(
                                "请查明去向；应删的文件请用 aidlink purge 删除",
                                "find out where it went; what is to be deleted is deleted with `aidlink purge`",
                            ),
                        );
                    }
                }
                Err(_) => self.fault(
                    path,
                    Text::new(
                        "无法读取，或不是普通文件",
                        "it cannot be read, or is no plain file",
                    ),
                    Text::new("请检查该文件", "look at the file"),
                ),
            }
        }
        let mut found = Vec::new();
        if let Err(error) = walk(self.folder, "", &mut found) {
            self.faults.push(Fault::unreadable(self.folder, &error));
        }
        let signature = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        for path in found {
            let known = listed.contains_key(&path)
                || [MANIFEST, LOG, &signature].contains(&path.as_str())
                || path.starts_with(&format!("{DELETIONS}/"));
            if !known {
                self.fault(
                    &path,
                    Text::new(
                        "清单中没有此文件：是后来放入的",
                        "the manifest does not know this file: it was put here later",
                    ),
                    Text::new("请移到别处", "move it elsewhere"),
                );
            }
        }
        held
    }

    /// The documents in the folder must be those that the manifest says were used.
    fn configuration(&mut self) {
        let stated = [
            ("round.toml", self.manifest.round_file_blake3.clone()),
            ("policy.toml", self.manifest.policy.blake3.clone()),
        ];
        for (name, digest) in stated {
            let path = format!("{CONFIGURATION}/{name}");
            let found = digest_of(&self.folder.join(&path));
            if found.is_ok_and(|(found, _)| found != digest) {
                self.fault(
                    &path,
                    Text::new(
                        "不是清单所说的那份文件",
                        "this is not the document that the manifest names",
                    ),
                    Text::new("请从备份取回", "get it back from a copy"),
                );
            }
        }
    }

    /// The folder must be of this round file, and not of another round.
    fn round(&mut self, round_file: &Path) {
        let stated = &self.manifest.round_file_blake3;
        let Ok(bytes) = read(round_file) else { return };
        if blake3::hash(&bytes).to_hex().as_str() == stated.as_str() {
            return;
        }
        let mine = self.manifest.round.clone();
        let written = WrittenRound::read(round_file);
        let other = written.and_then(|written| written.round_id()).ok();
        let (message, hint) = match other {
            Some(other) if other != mine => (
                Text::new(
                    format!("文件夹属于轮次 {mine}，而轮次文件是 {}", other),
                    format!(
                        "the folder is of round {mine}, and the round file of {}",
                        other
                    ),
                ),
                Text::new(
                    "结果被调换，或放错了文件夹",
                    "the folder was swapped, or lies in the wrong place",
                ),
            ),
            _ => (
                Text::new(
                    "轮次文件在运行之后被改动",
                    "the round file was changed since the run",
                ),
                Text::new(
                    "运行时的轮次文件在 configuration/round.toml",
                    "the one that was used is configuration/round.toml",
                ),
            ),
        };
        self.faults.push(Fault::of_file(round_file, message, hint));
    }
}

/// Every file below a folder, by its path there; links are not followed and
/// count as files.
pub fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}
