//! `aidlink register`: what becomes of each lead after a round's lists are out.

pub mod decide;
mod round;
pub mod take;

use aidlink_office::terminal::Output;

use super::Ending;
use crate::cli::{RegisterArguments, RegisterCommand};

/// Runs a verb of `register`.
pub fn run(arguments: &RegisterArguments, output: Output) -> Ending {
    Ending::of(match &arguments.command {
        RegisterCommand::Take(arguments) => take::run(arguments, output),
        RegisterCommand::Decide(arguments) => decide::run(arguments, output),
    })
}
