//! `aidlink completions`.

use clap::CommandFactory;

use super::Ending;
use crate::cli::{Cli, CompletionsArguments};

/// Prints the completions of a shell.
pub fn run(arguments: &CompletionsArguments) -> Ending {
    let mut command = Cli::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "aidlink",
        &mut std::io::stdout(),
    );
    Ending::Done
}
