//! `aidlink register`: what becomes of each lead after a round's lists are out.

use std::path::PathBuf;

use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;
use aidlink_office::signing::{PublicKey, SigningKey, public_key_path};
use aidlink_office::terminal::Output;
use aidlink_register::items::Refused;
use aidlink_register::register::Register;
use serde::Serialize;

use super::Ending;
use crate::cli::{RegisterArguments, RegisterCommand, RegisterFile};

mod backup;
mod decide;
mod due;
mod export;
mod init;
mod note;
mod round;
mod show;
mod take;
mod terms;
mod verify;

/// The signing key in the folder of a register.
const SIGNING_KEY: &str = "signing.key";

/// Runs a verb of `register`.
pub fn run(arguments: RegisterArguments, output: Output) -> Ending {
    Ending::of(match arguments.command {
        RegisterCommand::Init(arguments) => init::run(&arguments, output),
        RegisterCommand::Take(arguments) => take::run(&arguments, output),
        RegisterCommand::Decide(arguments) => decide::run(&arguments, output),
        RegisterCommand::Note(arguments) => note::run(&arguments, output),
        RegisterCommand::Show(arguments) => show::run(&arguments, output),
        RegisterCommand::Due(arguments) => due::run(&arguments, output),
        RegisterCommand::Export(arguments) => export::run(&arguments, output),
        RegisterCommand::Backup(arguments) => backup::run(&arguments, output),
        RegisterCommand::Verify(arguments) => verify::run(&arguments, output),
    })
}

impl RegisterFile {
    fn key_file(&self) -> PathBuf {
        let beside = || parent_of(&self.register).join(SIGNING_KEY);
        self.signing_key.clone().unwrap_or_else(beside)
    }

    /// Reads the office's signing key.
    fn signing_key(&self) -> Result<SigningKey, Ending> {
        SigningKey::read(&self.key_file()).map_err(|fault| Ending::WrongConfiguration(fault.into()))
    }

    /// Reads the public key beside the signing key, or that of the signing key itself.
    fn signer(&self) -> Result<PublicKey, Ending> {
        let public = public_key_path(&self.key_file());
        if public.exists() {
            let named = PublicKey::named(&public.to_string_lossy());
            return named.map_err(|fault| Ending::WrongConfiguration(fault.into()));
        }
        Ok(self.signing_key()?.public().clone())
    }

    /// Opens the register to append to it, and says what the user must be told.
    fn open(&self, output: Output) -> Result<Register, Ending> {
        let register = Register::open(&self.register, self.signing_key()?);
        say_notices(register, output)
    }

    /// Opens the register to read it, and says what the user must be told.
    fn open_to_read(&self, output: Output) -> Result<Register, Ending> {
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

/// An item that the register refused, for a report.
#[derive(Debug, Serialize)]
struct RefusedItem {
    /// The row of the file, from 1 for the header; `None` without a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    message: Text,
    /// What is allowed, or what to do.
    hint: Text,
}

impl RefusedItem {
    fn of(row: Option<u64>, refused: Refused) -> Self {
        RefusedItem {
            row,
            field: refused.field.map(|field| shown_name(&field).into_owned()),
            message: refused.message,
            hint: refused.hint,
        }
    }

    /// Returns it as two lines for the terminal.
    fn text(&self) -> Text {
        let zh_row = self
            .row
            .map(|row| format!("第{row}行："))
            .unwrap_or_default();
        let en_row = self
            .row
            .map(|row| format!("row {row}: "))
            .unwrap_or_default();
        let field = self.field.as_deref();
        let zh_field = field
            .map(|field| format!("（{field}）"))
            .unwrap_or_default();
        let en_field = field.map(|field| format!(" ({field})")).unwrap_or_default();
        Text::new(
            format!(
                "  ! {zh_row}{}{zh_field}\n    {}",
                self.message.zh, self.hint.zh
            ),
            format!(
                "  ! {en_row}{}{en_field}\n    {}",
                self.message.en, self.hint.en
            ),
        )
    }
}
