//! The register that a round read, as an audit finds it.

use std::path::{Path, PathBuf};

use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_office::manifest::{Manifest, RegisterRead};
use aidlink_office::round::WrittenRound;
use aidlink_policy::reading::PlannedRegister;
use aidlink_procuratorate::register::in_round::signer;
use aidlink_register::not_verified::NotVerified;
use aidlink_register::register::Register;

/// What an audit finds of the register that a round read.
pub enum RegisterEvidence {
    /// The step read none.
    NotRead,
    /// Nobody can look, for this reason.
    NotHere(Text),
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

impl RegisterEvidence {
    /// Looks at the register of a step. `round_file` says where it is. It is opened also if the
    /// round file was changed since: a check compares the register with the manifest.
    pub fn find(manifest: &Manifest, round_file: Option<&Path>) -> Self {
        let Some(stated) = manifest.register.clone() else {
            return RegisterEvidence::NotRead;
        };
        let not_here = |zh: &str, en: &str| RegisterEvidence::NotHere(Text::new(zh, en));
        let written = round_file.and_then(|file| WrittenRound::read(file).ok());
        let Some(written) = written else {
            return not_here(
                "轮次文件不在此处或无法读取，不知道登记簿在哪里",
                "the round file is not here or cannot be read, so nobody knows where the register is",
            );
        };
        let Some(at) = written.register() else {
            return not_here(
                "轮次文件没有写明登记簿（[register]）",
                "the round file names no register ([register])",
            );
        };
        if !at.file.is_file() {
            return not_here(
                "登记簿不在轮次文件所写的位置",
                "the register is not where the round file says",
            );
        }
        let read = ReadRegister { at, stated };
        let first = |faults: &Faults| {
            let first = faults.iter().next().map(|fault| fault.message.clone());
            RegisterEvidence::NotHere(first.unwrap_or_default())
        };
        let signer = match signer(&read.at) {
            Ok(signer) => signer,
            Err(fault) => return first(&fault.into()),
        };
        match Register::verify(&read.at.file, &signer) {
            Ok(register) => RegisterEvidence::Held(read, Box::new(register)),
            Err(NotVerified::NotHeld(faults)) => RegisterEvidence::NotHeld(read, faults),
            Err(NotVerified::Unknown(faults)) => first(&faults),
        }
    }

    /// Returns the register, whether it is as it was signed or not.
    pub fn there(&self) -> Option<&ReadRegister> {
        match self {
            RegisterEvidence::NotRead | RegisterEvidence::NotHere(_) => None,
            RegisterEvidence::NotHeld(read, _) | RegisterEvidence::Held(read, _) => Some(read),
        }
    }
}

impl ReadRegister {
    /// Returns the path of a file beside the register.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.at.file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Reads the register's key.
    ///
    /// # Errors
    /// As [`RegisterKey::read`].
    pub fn key(&self) -> Result<RegisterKey, Fault> {
        RegisterKey::read(&self.at.key, &self.stated.register)
    }
}
