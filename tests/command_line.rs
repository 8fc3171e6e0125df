//! The command line: one small file in `tests/cli` for each thing that it does,
//! named for it. `TRYCMD=overwrite` writes what the commands print into the files.
//!
//! A `.trycmd` file runs its commands in the project's folder. A `.toml` file runs one
//! command, or a few by the shell, in a copy of the round `tests/rounds/town`.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use aidlink::cli::{Cli, VERBS};
use aidlink_faults::text::Language;
use aidlink_office::command_line::in_language;
use clap::{CommandFactory as _, Parser as _};

use crate::support::Round;

#[test]
fn commands_do_what_their_files_show() {
    let aidlink = Path::new(env!("CARGO_BIN_EXE_aidlink"));
    let folder = aidlink.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    trycmd::TestCases::new()
        .case("tests/cli/*/*.trycmd")
        .case("tests/cli/*/*.toml")
        .default_bin_path(aidlink)
        .register_bin(
            "aidlink-screen",
            aidlink.with_file_name("aidlink-screen").as_path(),
        )
        .register_bin("sh", Path::new("/bin/sh"))
        .env("PATH", format!("{folder}:{path}"))
        .env("LANG", "C.UTF-8");
}

/// Every command of a program with its path, such as `policy test`.
fn commands(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let mut all = vec![(path.to_owned(), command.clone())];
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name());
        all.extend(commands(inner, path.trim()));
    }
    all
}

fn is_chinese(text: &str) -> bool {
    text.chars()
        .any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character))
}

#[test]
fn every_help_text_exists_in_both_languages() {
    for (path, command) in commands(&Cli::command(), "") {
        let about = command.get_about().expect("a text").to_string();
        let arguments = command.get_arguments();
        let texts = arguments
            .filter_map(|argument| argument.get_help().map(ToString::to_string))
            .chain([about]);
        for text in texts {
            let flat = text.replace('\n', " ");
            let (en, zh) = flat.rsplit_once(" / ").unwrap_or_default();
            assert!(!en.is_empty() && !is_chinese(en), "{path}: {text}");
            assert!(is_chinese(zh), "{path}: {text}");
        }
    }
}

#[test]
fn the_help_of_a_language_holds_no_word_of_the_other() {
    for language in [Language::Chinese, Language::English] {
        let shown = in_language(Cli::command(), VERBS, language);
        for (path, mut command) in commands(&shown, "") {
            let help = command.render_long_help().to_string();
            match language {
                Language::English => assert!(!is_chinese(&help), "{path}: {help}"),
                Language::Chinese => {
                    for word in [
                        "Usage",
                        "Options",
                        "Arguments",
                        "Commands",
                        "Print",
                        "default",
                        "possible",
                    ] {
                        assert!(!help.contains(word), "{path}: {word}: {help}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_verb_has_an_example_that_parses_and_its_exit_codes() {
    let all = commands(&Cli::command(), "");
    for (path, command) in &all {
        let is_group = command.get_subcommands().next().is_some() && path != "audit";
        let Some(help) = VERBS.iter().find(|help| help.verb == path) else {
            assert!(is_group, "{path} has no example");
            continue;
        };
        assert!(
            !help.exit_codes.is_empty() && !help.examples.is_empty(),
            "{path}"
        );
        for example in help
            .examples
            .iter()
            .filter(|example| !example.ends_with("--help"))
        {
            let words = example.replace("\"round withdrawn\"", "withdrawn");
            let parsed = Cli::try_parse_from(words.split(' '));
            assert!(
                parsed.is_ok(),
                "{example}: {:?}",
                parsed.err().map(|error| error.to_string())
            );
        }
    }
    for help in VERBS {
        assert!(
            all.iter().any(|(path, _)| path == help.verb),
            "{}",
            help.verb
        );
    }
}

/// The output is longer than a pipe holds, so the command cannot end before it is read.
#[cfg(target_os = "linux")]
#[test]
fn a_running_command_leaves_no_core_dump_and_opens_no_socket() {
    let round = Round::sample();
    let mut child = Command::new(env!("CARGO_BIN_EXE_aidlink"))
        .args(["audit", "matrix", "--json"])
        .arg(round.path("round.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    let about = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let limits = about("limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(core, ["0", "0", "bytes"], "{limits}");
    // 2: a filter of system calls.
    assert!(about("status").contains("\nSeccomp:\t2\n"));
    drop(output);
    child.wait().unwrap();
}
