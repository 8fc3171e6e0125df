//! Output folders with names that cannot be written down, and folders that only look like one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use crate::deletion::{overdue_round, purge};
use crate::split_round::SplitRound;
use crate::support::{Round, command_result};

/// Records could not say which folder it was, and a purge would not find its leftovers.
#[test]
fn an_output_folder_whose_name_is_not_text_is_refused_before_any_work() {
    let pooled = Round::sample();
    let split = SplitRound::plain(Round::sample());
    let aidlink = Path::new(env!("CARGO_BIN_EXE_aidlink")).to_path_buf();
    let screen = aidlink.with_file_name("aidlink-screen");
    let verbs: [(&Path, &Round, &[&str]); 4] = [
        (&aidlink, &pooled, &["run"]),
        (
            &aidlink,
            &split.round,
            &["tokenise", "--export", "veterans.persons"],
        ),
        (&aidlink, &split.round, &["resolve", "--leads", "none"]),
        (&screen, &split.round, &["run", "--tokens", "none"]),
    ];
    for (program, round, verb) in verbs {
        for name in [&b"out\xff"[..], b"in\xfe/out", b"\xc0/\xff"] {
            let name = OsStr::from_bytes(name);
            let output = round.path("").join(name);
            fs::create_dir_all(output.parent().unwrap()).unwrap();
            let before = round.names_of_bytes();
            let mut command = Command::new(program);
            let (first, more) = verb.split_first().unwrap();
            command.arg(first).arg(round.path("round.toml")).args(more);
            command.arg("--output").arg(&output).args(["--lang", "en"]);
            let result = command_result(command.output().unwrap());
            assert_eq!(result.code, 2, "{verb:?}: {}", result.stderr);
            let text = "the name of the output folder is not UTF-8 text";
            assert!(result.stderr.contains(text), "{verb:?}: {}", result.stderr);
            assert_eq!(round.names_of_bytes(), before, "{verb:?}");
        }
    }
}

/// Where the round's folder is does not matter.
#[test]
fn a_round_in_a_folder_whose_name_is_not_text_runs() {
    let round = Round::sample();
    let folder = round.path("").join(OsStr::from_bytes(b"round\xff"));
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(round.path("")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_aidlink"));
    command.arg("run").arg(folder.join("round.toml"));
    let result = command_result(command.output().unwrap());
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(folder.join("output/manifest.json").exists());
}

impl Round {
    fn names_of_bytes(&self) -> Vec<OsString> {
        let names = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<OsString> = names.map(|name| name.unwrap().file_name()).collect();
        names.sort();
        names
    }
}
