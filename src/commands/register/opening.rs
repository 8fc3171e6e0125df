//! How a verb finds the signing key of a register, and opens it.

use std::path::PathBuf;

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;
use aidlink_office::signing::{PublicKey, SigningKey};
use aidlink_office::terminal::Output;
use aidlink_register::register::Register;

use crate::cli::RegisterFile;
use crate::commands::Ending;

/// The signing key in the folder of a register.
pub(super) const SIGNING_KEY: &str = "signing.key";

impl RegisterFile {
    pub(super) fn key_file(&self) -> PathBuf {
        let beside = || parent_of(&self.register).join(SIGNING_KEY);
        self.signing_key.clone().unwrap_or_else(beside)
    }

    /// Reads the office's signing key.
    pub(super) fn signing_key(&self) -> Result<SigningKey, Ending> {
        SigningKey::read(&self.key_file()).map_err(|fault| Ending::WrongConfiguration(fault.into()))
    }

    /// Returns the public key of the office's signing key.
    pub(super) fn signer(&self) -> Result<PublicKey, Ending> {
        PublicKey::of_office(&self.key_file())
            .map_err(|fault| Ending::WrongConfiguration(fault.into()))
    }

    /// Opens the register to append to it, and says what the user must be told.
    pub(super) fn open(&self, output: Output) -> Result<Register, Ending> {
        let register = Register::open(&self.register, self.signing_key()?);
        say_notices(register, output)
    }

    /// Opens the register to read it, and says what the user must be told.
    pub(super) fn open_to_read(&self, output: Output) -> Result<Register, Ending> {
        let register = Register::open_to_read(&self.register, &self.signer()?);
        say_notices(register, output)
    }
}

fn say_notices(register: Result<Register, Faults>, output: Output) -> Result<Register, Ending> {
    let register = register?;
    for notice in register.notices() {
        output.say(&Text::new(
            format!("  ! {}", notice.zh),
            format!("  ! {}", notice.en),
        ));
    }
    Ok(register)
}
