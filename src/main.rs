//! aidlink: finds the people whom two aid systems should both be helping while
//! neither has told the other.

use std::process::ExitCode;

use aidlink::cli::{Cli, Command, IdentityCommand, SigningCommand};
use aidlink::commands::{self, Ending};
use aidlink_office::{identity, signing, terminal};
use clap::Parser;

fn main() -> ExitCode {
    terminal::begin();
    let cli = Cli::parse();
    let language = cli.language();
    let ending = match cli.command {
        Command::Run(arguments) => commands::run::run(arguments, language),
        Command::Tokenise(arguments) => commands::tokenise::run(arguments, language),
        Command::Resolve(arguments) => commands::resolve::run(arguments, language),
        Command::Identity(arguments) => {
            let IdentityCommand::New { file } = arguments.command;
            identity::make(&file, language)
        }
        Command::Audit(arguments) => commands::audit::run(arguments, language),
        Command::Purge(arguments) => commands::purge::run(&arguments, language),
        Command::Signing(arguments) => {
            let SigningCommand::New { file } = arguments.command;
            signing::make(&file, language)
        }
        Command::Key(arguments) => commands::key::run(arguments, language),
        Command::Policy(arguments) => commands::policy::run(arguments, language),
        Command::Schema(arguments) => commands::schema::run(arguments, language),
        Command::Sample(arguments) => commands::sample::run(arguments, language),
        Command::Completions(arguments) => commands::completions::run(&arguments),
    };
    if let Ending::Failed(faults) | Ending::WrongConfiguration(faults) = &ending {
        terminal::print_faults(faults, language);
    }
    ExitCode::from(ending.exit_code())
}
