//! `aidlink register`: what becomes of each lead after a round's lists are out.

use aidlink_office::terminal::Output;

use super::Ending;
use crate::cli::{RegisterArguments, RegisterCommand};

mod backup;
mod decide;
mod due;
mod export;
mod import;
mod init;
mod note;
mod opening;
mod refused;
mod rekey;
mod round;
mod show;
mod take;
mod terms;
mod verify;

/// Runs a verb of `register`.
pub fn run(arguments: RegisterArguments, output: Output) -> Ending {
    Ending::of(match arguments.command {
        RegisterCommand::Init(arguments) => init::run(&arguments, output),
        RegisterCommand::Take(arguments) => take::run(&arguments, output),
        RegisterCommand::Decide(arguments) => decide::run(&arguments, output),
        RegisterCommand::Note(arguments) => note::run(&arguments, output),
        RegisterCommand::Import(arguments) => import::run(&arguments, output),
        RegisterCommand::Show(arguments) => show::run(&arguments, output),
        RegisterCommand::Due(arguments) => due::run(&arguments, output),
        RegisterCommand::Export(arguments) => export::run(&arguments, output),
        RegisterCommand::Backup(arguments) => backup::run(&arguments, output),
        RegisterCommand::Rekey(arguments) => rekey::run(&arguments, output),
        RegisterCommand::Verify(arguments) => verify::run(&arguments, output),
    })
}
