//! aidlink finds people who qualify for both judicial and social aid and whom
//! neither system has referred to the other.

use std::process::ExitCode;

use aidlink::cli::{Cli, Command, RoundVerb, VERBS};
use aidlink::commands::{self, Ending, PROGRAM};
use aidlink_agency::key::RoundKey;
use aidlink_office::{command_line, identity, purging, signing, terminal, terms};

fn main() -> ExitCode {
    terminal::begin();
    let cli: Cli = match command_line::parse(VERBS) {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    let output = cli.common.output();
    let ending = match cli.command {
        Command::Run(arguments) if arguments.dry_run => {
            Ending::of(commands::dry_run::run(&arguments, output))
        }
        Command::Run(arguments) => Ending::of(commands::run::run(&arguments, output)),
        Command::Tokenise(arguments) => Ending::of(commands::tokenise::run(&arguments, output)),
        Command::Resolve(arguments) => Ending::of(commands::resolve::run(&arguments, output)),
        Command::Audit(arguments) => commands::audit::run(arguments, output),
        Command::Purge(arguments) => purging::run(&arguments, PROGRAM, &RoundKey::id_for, output),
        Command::Signing(command) => signing::run(&command, output),
        Command::Round(RoundVerb::New(arguments)) => commands::round::new(&arguments, output),
        Command::Round(RoundVerb::OfOffice(command)) => terms::run(&command, output),
        Command::Key(arguments) => commands::key::run(arguments, output),
        Command::Identity(command) => identity::run(&command, output),
        Command::Policy(arguments) => commands::policy::run(arguments, output),
        Command::Schema(arguments) => commands::schema::run(arguments, output),
        Command::Register(arguments) => commands::register::run(arguments, output),
        Command::Sample(arguments) => commands::sample::run(arguments, output),
        Command::Completions(arguments) => commands::completions::run(&arguments),
    };
    command_line::end(&ending, output)
}
