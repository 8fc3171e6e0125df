//! The register that a round read, as an audit finds it.

use std::io;
use std::path::{Path, PathBuf};

use aidlink_agency::key::LARGEST_KEY_FILE;
use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::regular_file;
use aidlink_office::audit_log::Event;
use aidlink_office::manifest::RegisterRead;
use aidlink_office::round::{CONFIGURATION, WrittenRound};
use aidlink_office::verification::Verification;
use aidlink_policy::reading::PlannedRegister;
use aidlink_procuratorate::register::in_round::signer;
use aidlink_register::not_verified::NotVerified;
use aidlink_register::register::Register;
use zeroize::Zeroizing;

/// Files that a register may have beside it: what SQLite keeps, the lock, the signed head.
pub const BESIDE: [&str; 6] = [
    "-wal",
    "-shm",
    "-journal",
    ".lock",
    ".head.json",
    ".head.json.minisig",
];
/// The keys of a register, as `register init` names them in its folder.
pub const KEYS: [&str; 2] = ["register.key", "signing.key"];

/// What an audit finds of the register that a round read.
pub enum RegisterEvidence {
    /// The step read none.
    NotRead,
    /// It is not on this machine, as at an auditor who has only the folder of the round. Nobody
    /// can look, for this reason.
    NotHere(Text),
    /// Nobody knows where it is although somebody should, for this reason.
    NotFound(Text),
    /// It is here, or was removed, and could not be verified, for this reason.
    Unverified(ReadRegister, Text),
    /// It is not as it was signed.
    NotHeld(ReadRegister, Faults),
    /// It is as it was signed.
    Held(ReadRegister, Box<Register>),
}

/// A register that a round read.
pub struct ReadRegister {
    /// Where it and its key are.
    pub at: PlannedRegister,
    /// What the manifest states of it.
    pub stated: RegisterRead,
}

/// Whether a register is where a round file says.
enum There {
    /// Something is there, or nobody may look.
    Yes,
    /// Nothing is, but this file of it is.
    Removed(PathBuf),
    /// Nothing of it is.
    No,
}

impl RegisterEvidence {
    /// Looks at the register of a step. `round_file` says where it is, and otherwise the copy of
    /// it in the output folder, which is signed: paths in it are seen from `round_folder`. The
    /// register is opened also if the round file was changed since: a check compares it with
    /// the manifest.
    pub fn find(
        verification: &Verification,
        round_folder: &Path,
        round_file: Option<&Path>,
    ) -> Self {
        let manifest = &verification.manifest;
        let Some(stated) = manifest.register.clone() else {
            let mut events = verification.log.events();
            let was_read = events.any(|(_, event)| matches!(event, Event::RegisterRead { .. }));
            return match was_read {
                false => RegisterEvidence::NotRead,
                true => RegisterEvidence::NotFound(Text::new(
                    "日志记载读取了登记簿，而运行记录未载明：请查明原因",
                    "the log says that a register was read, and the manifest states none: find out why",
                )),
            };
        };
        let given = round_file.map(WrittenRound::read);
        let given = given.as_ref().map(Result::as_ref);
        let named = given.and_then(|given| given.ok()?.register());
        let copy = verification.folder.join(CONFIGURATION).join("round.toml");
        let copy = WrittenRound::read(&copy).ok();
        let signed = copy.and_then(|copy| copy.register_from(round_folder));
        for at in named.into_iter().chain(signed) {
            let read = ReadRegister {
                at,
                stated: stated.clone(),
            };
            match read.there() {
                There::Yes => return RegisterEvidence::look(read),
                There::Removed(beside) => {
                    let beside = shown_path(&beside);
                    let why = Text::new(
                        format!(
                            "登记簿不在此处，而 {beside} 仍在：登记簿被移走或删除，请从备份恢复，并查明原因"
                        ),
                        format!(
                            "the register is not here, but {beside} is: it was removed. Restore a backup, and find out why"
                        ),
                    );
                    return RegisterEvidence::Unverified(read, why);
                }
                There::No => {}
            }
        }
        match given {
            None => RegisterEvidence::NotHere(Text::new(
                "轮次文件不在此处，不知道登记簿在哪里：请在保存轮次文件和登记簿的机器上核查（--round）",
                "the round file is not here, so nobody knows where the register is: audit where round file and register are (--round)",
            )),
            Some(Ok(given)) if given.digest() == manifest.round_file_blake3 => {
                RegisterEvidence::NotHere(Text::new(
                    "登记簿不在轮次文件所写的位置：请在保存登记簿的机器上核查",
                    "the register is not where the round file says: audit where the register is",
                ))
            }
            Some(Ok(_)) => RegisterEvidence::NotFound(Text::new(
                "轮次文件在此步骤之后已改动，不知道登记簿在哪里：请恢复原轮次文件，或用 --round 指明",
                "the round file was changed after the step, so nobody knows where the register is: restore the round file, or name it with --round",
            )),
            Some(Err(_)) => RegisterEvidence::NotFound(Text::new(
                "轮次文件无法读取，不知道登记簿在哪里：请恢复原轮次文件，或用 --round 指明",
                "the round file cannot be read, so nobody knows where the register is: restore the round file, or name it with --round",
            )),
        }
    }

    fn look(read: ReadRegister) -> Self {
        let unverified = |read, faults: &Faults| {
            let first = faults.iter().next().map(told);
            RegisterEvidence::Unverified(read, first.unwrap_or_default())
        };
        let signer = match signer(&read.at) {
            Ok(signer) => signer,
            Err(fault) => return unverified(read, &fault.into()),
        };
        match Register::verify(&read.at.file, &signer) {
            Ok(register) => RegisterEvidence::Held(read, Box::new(register)),
            Err(NotVerified::NotHeld(faults)) => RegisterEvidence::NotHeld(read, faults),
            Err(NotVerified::Unknown(faults)) => unverified(read, &faults),
        }
    }
}

/// Returns what a fault says: where, what, and what to do.
fn told(fault: &Fault) -> Text {
    let path = shown_path(&fault.file);
    let (message, hint) = (&fault.message, &fault.hint);
    Text::new(
        format!("{path}：{}（{}）", message.zh, hint.zh),
        format!("{path}: {} ({})", message.en, hint.en),
    )
}

/// Whether nothing has this name. A folder that nobody may search is no proof of that.
pub fn is_missing(path: &Path) -> bool {
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    let found = path.symlink_metadata();
    found.is_err_and(|error| kinds.contains(&error.kind()))
}

impl ReadRegister {
    fn there(&self) -> There {
        if !is_missing(&self.at.file) {
            return There::Yes;
        }
        let beside = BESIDE.iter().map(|suffix| self.beside(suffix));
        let mut others = beside.chain(self.keys());
        match others.find(|path| path.symlink_metadata().is_ok()) {
            Some(path) => There::Removed(path),
            None => There::No,
        }
    }

    /// Returns where its keys are, or may be.
    pub fn keys(&self) -> Vec<PathBuf> {
        let usual = KEYS.map(|name| self.at.file.with_file_name(name));
        let mut keys = vec![self.at.key.clone()];
        keys.extend(usual.into_iter().filter(|path| *path != self.at.key));
        keys
    }

    /// Returns the path of a file beside the register.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.at.file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Reads the register's keys, from wherever they are or may be, also if others may access
    /// their files: another check says so. What is no key of the register is left out.
    pub fn known_keys(&self) -> Vec<RegisterKey> {
        let keys = self.keys();
        keys.iter().filter_map(|path| self.key_at(path)).collect()
    }

    /// Whether the file that the round file names is a key of the register.
    pub fn has_named_key(&self) -> bool {
        self.key_at(&self.at.key).is_some()
    }

    fn key_at(&self, path: &Path) -> Option<RegisterKey> {
        let content = regular_file::read(path, LARGEST_KEY_FILE).ok()?;
        let content = Zeroizing::new(content);
        RegisterKey::parse(&content, path, &self.stated.register).ok()
    }
}
