//! Output folders with names that cannot be written down, and folders that only look like one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use crate::deletion::{overdue_round, purge};
use crate::split_round::SplitRound;
use crate::support::{Round, command_result, set_mode};

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

/// It would not be found, or be deleted as what a killed run left.
#[test]
fn an_output_folder_named_like_an_unfinished_one_is_refused_before_any_work() {
    for name in [
        ".later.partial-x",
        ".stuff.partial-1/later",
        ".output.partial-x/deep/later",
        "link/later",
    ] {
        let round = Round::sample();
        fs::create_dir_all(round.path(".stuff.partial-1")).unwrap();
        std::os::unix::fs::symlink(".stuff.partial-1", round.path("link")).unwrap();
        let output = round.path(name);
        fs::create_dir_all(output.parent().unwrap()).unwrap();
        let before = round.names_of_bytes();
        let result = round.run_with(&["--output", output.to_str().unwrap()]);
        assert_eq!(result.code, 2, "{name}: {}", result.stderr);
        let text = "is named like what an interrupted run leaves";
        assert!(result.stderr.contains(text), "{name}: {}", result.stderr);
        assert!(!output.exists());
        assert_eq!(round.names_of_bytes(), before, "{name}");
    }
}

/// Somebody moved it there, or an older version wrote it there.
#[test]
fn an_output_in_the_leftover_of_a_killed_run_is_left_and_keeps_its_inputs() {
    for leftover in [".output.partial-x", ".third.partial-x"] {
        let finished = overdue_round();
        let (from, to) = ("until = 2026-10-01", "until = 2099-12-31");
        finished.round.replace("round.toml", from, to);
        let run = |output: &str| {
            let output = finished.round.path(output);
            let result = finished
                .round
                .run_with(&["--output", output.to_str().unwrap()]);
            assert_eq!(result.code, 0, "{}", result.stderr);
        };
        run("later");
        let leftover = finished.round.path(leftover);
        fs::create_dir(&leftover).unwrap();
        let later = leftover.join("later");
        fs::rename(finished.round.path("later"), &later).unwrap();
        set_mode(&leftover, 0o1700);
        // Of this one the second leftover is.
        run("third");
        fs::rename(
            finished.round.path("third"),
            finished.round.path("../elsewhere"),
        )
        .unwrap();
        assert!(later.join("lists").exists());
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        let text = "another output folder, which is due on 2099-12-31, still needs it";
        assert_eq!(result.stdout.matches(text).count(), 7, "{}", result.stdout);
        let told = result.stdout.contains("holds an output folder");
        assert_eq!(told, leftover.ends_with(".output.partial-x"));
        assert!(later.join("lists").exists());
        assert!(finished.round.path("round.key").exists());
    }
}

/// Where the round's folder is does not matter.
#[test]
fn a_round_in_a_folder_whose_name_is_not_text_runs() {
    let round = Round::sample();
    let folder = round.path("");
    let folder = folder
        .parent()
        .unwrap()
        .join(OsStr::from_bytes(b"round\xff"));
    fs::rename(round.path(""), &folder).unwrap();
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

/// Other programs have files of this name, too: extensions of browsers, packages.
#[test]
fn a_foreign_manifest_stops_no_purge_and_is_told() {
    let foreign = [
        "{}",
        "{\"manifest_version\": 3}",
        "no JSON",
        "{\"format\": \"other\"}",
    ];
    for place in ["extension", "deep/extension"] {
        for content in foreign {
            let finished = overdue_round();
            let folder = finished.round.path(place);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("manifest.json"), content).unwrap();
            let dry = purge(&finished, &["--dry-run"]);
            let result = purge(&finished, &[]);
            for result in [&dry, &result] {
                assert_eq!(result.code, 0, "{content}: {}", result.stderr);
                let told = result.stdout.contains(place);
                assert!(told, "{content}: {}", result.stdout);
            }
            assert!(folder.join("manifest.json").exists());
            assert!(!finished.path("lists").exists());
            let audit = finished.audit(&[]);
            assert_eq!(audit.code, 0, "{content}: {}{}", audit.stdout, audit.stderr);
            assert!(audit.stdout.contains(place), "{content}: {}", audit.stdout);
            assert_eq!(finished.verify().code, 0);
        }
    }
}

/// What a step has finished counts, however it was damaged.
#[test]
fn a_damaged_output_folder_is_no_foreign_one() {
    for lost in ["manifest.json", "manifest.json.minisig", "audit.jsonl"] {
        let finished = overdue_round();
        let other = finished.round.path("other");
        let result = finished
            .round
            .run_with(&["--output", other.to_str().unwrap()]);
        assert_eq!(result.code, 0);
        fs::remove_file(other.join(lost)).unwrap();
        fs::write(other.join("manifest.json"), "{}").unwrap();
        let before = finished.round.names();
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 1, "{lost}: {}", result.stdout);
        assert!(result.stderr.contains("other"), "{}", result.stderr);
        assert_eq!(finished.round.names(), before);
    }
}
