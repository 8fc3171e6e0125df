//! `aidlink register take`: records the leads of a finished round in the register.

use aidlink_office::terminal::Output;

use super::round::{open, say_taken, take_leads};
use crate::cli::RoundInRegister;
use crate::commands::Ending;

/// Takes the leads of a round into the register.
pub(super) fn run(arguments: &RoundInRegister, output: Output) -> Result<Ending, Ending> {
    let mut open = open(arguments, output)?;
    let taken = take_leads(&mut open, arguments, output)?;
    say_taken(&taken, output);
    output.json(&taken);
    Ok(Ending::done(!taken.refused.is_empty()))
}
