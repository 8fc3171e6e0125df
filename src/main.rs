//! aidlink: finds the people whom two aid systems should both be helping while
//! neither has told the other.

use std::process::ExitCode;

use aidlink::cli::{Cli, Command, IdentityCommand, RoundCommand};
use aidlink::commands::{self, Ending, PROGRAM};
use aidlink_agency::key::RoundKey;
use aidlink_office::signing::SigningCommand;
use aidlink_office::{identity, purging, signing, terminal, terms};
use clap::Parser;

fn main() -> ExitCode {
    terminal::begin();
    let cli = Cli::parse();
    let language = cli.language();
    let ending = match cli.command {
        Command::Run(arguments) => Ending::of(commands::run::run(&arguments, language)),
        Command::Tokenise(arguments) => Ending::of(commands::tokenise::run(&arguments, language)),
        Command::Resolve(arguments) => Ending::of(commands::resolve::run(&arguments, language)),
        Command::Identity(arguments) => {
            let IdentityCommand::New { file } = arguments.command;
            identity::make(&file, language)
        }
        Command::Audit(arguments) => commands::audit::run(arguments, language),
        Command::Purge(arguments) => purging::run(&arguments, PROGRAM, &RoundKey::id_for, language),
        Command::Signing(SigningCommand::New { file }) => signing::make(&file, language),
        Command::Round(RoundCommand::Terms { round }) => terms::print(&round, language),
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
