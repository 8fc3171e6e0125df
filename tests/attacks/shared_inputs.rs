//! Two outputs that read the same files by different paths, and copies that only look the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{CommandResult, Round, aidlink, set_mode};

const MESSAGE: &str = "another output folder, which is due on 2099-12-31, still needs it";
const FOLDER: &str = "data";

/// Where the inputs are, and how the later round file names them.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Its own folder holds them, and the older one names them by a longer path.
    NestedRound,
    /// Through links to the files.
    LinkedFiles,
    /// Through a link to their folder.
    LinkedFolder,
    /// By the same path, and the round file was edited since.
    EditedSince,
    /// It has copies of its own, and is beside its own round file.
    OwnCopies,
    /// There are copies, and a round file beside them, and the output is elsewhere.
    CopiesElsewhere,
}

impl Way {
    const ALL: [Way; 6] = [
        Way::NestedRound,
        Way::LinkedFiles,
        Way::LinkedFolder,
        Way::EditedSince,
        Way::OwnCopies,
        Way::CopiesElsewhere,
    ];

    fn output(self) -> &'static str {
        match self {
            Way::OwnCopies => "data/later",
            _ => "later",
        }
    }

    /// Returns the later round file.
    fn prepare(self, round: &Round) -> &'static str {
        let text = round.read("round.toml");
        let is_input = |name: &String| {
            let name = Path::new(name);
            let is = |end: &str| name.extension().is_some_and(|found| found == end);
            is("csv") || is("xlsx") || name == Path::new("round.key")
        };
        let inputs: Vec<String> = round.names().into_iter().filter(is_input).collect();
        let later = text.replace(
            "retention_until = 2026-12-31",
            "retention_until = 2099-12-31",
        );
        let older = text.replace(
            "retention_until = 2026-12-31",
            "retention_until = 2026-10-01",
        );
        let in_folder = |text: &str, folder: &str| {
            let text = text.replace("\npath = \"", &format!("\npath = \"{folder}/"));
            text.replace("\"round.key\"", &format!("\"{folder}/round.key\""))
        };
        let below = |text: &str| {
            let text = text.replace("= \"../../", "= \"../../../");
            text.replace("\"signing.key\"", "\"../signing.key\"")
        };
        fs::create_dir(round.path(FOLDER)).unwrap();
        for input in &inputs {
            let (from, to) = (round.path(input), round.path(FOLDER).join(input));
            match self {
                Way::EditedSince => {}
                Way::OwnCopies | Way::CopiesElsewhere => {
                    fs::copy(from, to).unwrap();
                }
                Way::LinkedFiles => {
                    fs::rename(&from, &to).unwrap();
                    symlink(Path::new(FOLDER).join(input), from).unwrap();
                }
                Way::NestedRound | Way::LinkedFolder => fs::rename(from, to).unwrap(),
            }
        }
        let older_reads_there = matches!(
            self,
            Way::NestedRound | Way::LinkedFiles | Way::LinkedFolder
        );
        let (name, later) = match self {
            Way::NestedRound | Way::OwnCopies | Way::CopiesElsewhere => {
                ("data/round.toml", below(&later))
            }
            Way::LinkedFiles | Way::EditedSince => ("later.toml", later),
            Way::LinkedFolder => {
                symlink(FOLDER, round.path("alias")).unwrap();
                // The key is named by its own path: a secret is not read through a link.
                let later = in_folder(&later, "alias");
                (
                    "later.toml",
                    later.replace("alias/round.key", "data/round.key"),
                )
            }
        };
        let later = match self {
            Way::LinkedFiles => later.replace("\"round.key\"", "\"data/round.key\""),
            _ => later,
        };
        round.write(
            "round.toml",
            match older_reads_there {
                true => in_folder(&older, FOLDER),
                false => older,
            },
        );
        round.write(name, later);
        name
    }
}

fn run(round: &Round, file: &str, output: &str) {
    fs::create_dir_all(round.path(output).parent().unwrap()).unwrap();
    let (file, output) = (round.path(file), round.path(output));
    let (file, output) = (file.to_str().unwrap(), output.to_str().unwrap());
    let result = aidlink(&["run", file, "--output", output, "--lang", "en"]);
    assert_eq!(result.code, 0, "{}", result.stderr);
}

fn purge(round: &Round, more: &[&str]) -> CommandResult {
    let output = round.path("older");
    let arguments = ["purge", output.to_str().unwrap(), "--lang", "en"];
    let file = round.path("round.toml");
    let named = ["--round", file.to_str().unwrap()];
    aidlink(&[&arguments[..], &named, more].concat())
}

/// Which file an input is says the file system, and not the text of its path.
#[test]
fn an_input_is_kept_by_whatever_path_a_later_output_reads_it() {
    for way in Way::ALL {
        let round = Round::sample();
        let later = way.prepare(&round);
        run(&round, "round.toml", "older");
        run(&round, later, way.output());
        if matches!(way, Way::EditedSince) {
            let text = round.read(later);
            round.write(later, format!("{text}\n# edited\n"));
        }
        let needed = match way {
            Way::OwnCopies => 0,
            _ => 7,
        };
        for more in [&["--dry-run"][..], &[]] {
            let result = purge(&round, more);
            let told = result.stdout.matches(MESSAGE).count();
            assert_eq!(told, needed, "{way:?}: {}{}", result.stdout, result.stderr);
        }
        let holds = |folder: &str| fs::read_dir(round.path(folder)).unwrap().count();
        match way {
            Way::OwnCopies => {
                assert!(!round.path("veterans.persons.csv").exists());
                assert!(!round.path("round.key").exists());
                assert_eq!(holds(FOLDER), 7 + 2);
            }
            Way::EditedSince | Way::CopiesElsewhere => {
                assert!(round.path("veterans.persons.csv").exists())
            }
            _ => assert!(holds(FOLDER) >= 7, "{way:?}"),
        }
    }
}

/// Returns a round with an output that is due and, in another folder, one of the same inputs that
/// is not.
fn round_with_later_output(output: &str) -> Round {
    let round = Round::sample();
    let later = Way::EditedSince.prepare(&round);
    run(&round, "round.toml", "older");
    let text = round.read(later);
    round.write("round.toml", text);
    fs::remove_file(round.path(later)).unwrap();
    fs::remove_dir_all(round.path(FOLDER)).unwrap();
    run(&round, "round.toml", output);
    round
}

/// Copies round file and inputs into a folder of the round.
fn back_up(round: &Round, folder: &str) -> Vec<String> {
    let manifest: Value = serde_json::from_str(&round.read("older/manifest.json")).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    let files = exports.flat_map(|export| export["files"].as_array().unwrap());
    let files = files.map(|file| file["file"].as_str().unwrap().to_owned());
    let inputs: Vec<String> = files.chain(["round.key".to_owned()]).collect();
    assert_eq!(inputs.len(), 7);
    fs::create_dir_all(round.path(folder)).unwrap();
    for file in inputs.iter().map(String::as_str).chain(["round.toml"]) {
        fs::copy(round.path(file), round.path(folder).join(file)).unwrap();
    }
    inputs
}

fn purge_all(round: &Round, more: &[&str]) -> CommandResult {
    let folder = round.path("");
    aidlink(
        &[
            &["purge", folder.to_str().unwrap(), "--lang", "en"][..],
            more,
        ]
        .concat(),
    )
}

/// The backup's round file is the only one with the digest in the manifest. It does not say which
/// files the output read.
#[test]
fn a_backup_of_round_file_and_inputs_frees_no_input() {
    type Change = fn(&Round);
    let changes: [(&str, Change); 3] = [
        ("edited", |round| {
            let text = round.read("round.toml");
            round.write("round.toml", format!("{text}\n# a remark\n"));
        }),
        ("moved", |round| {
            fs::remove_file(round.path("round.toml")).unwrap();
        }),
        ("unchanged", |_| {}),
    ];
    for (name, change) in changes {
        // The backup is beside the output that needs the inputs, or around it.
        for backup in ["backup", "sub"] {
            let round = round_with_later_output("sub/later");
            let inputs = back_up(&round, backup);
            change(&round);
            for more in [&["--dry-run"][..], &[]] {
                let result = purge_all(&round, more);
                let told = result.stdout.matches(MESSAGE).count();
                let what = format!("{name} {backup}: {}{}", result.stdout, result.stderr);
                assert_eq!(told, 7, "{what}");
            }
            for input in &inputs {
                assert!(round.path(backup).join(input).exists(), "{input}");
                assert!(round.path(input).exists(), "{name} {backup} {input}");
            }
        }
    }
}

/// Programs replace a file by a copy of itself, such as one that synchronises folders.
#[test]
fn an_input_is_kept_that_is_replaced_by_a_copy_of_itself_while_a_purge_runs() {
    let round = round_with_later_output("sub/later");
    let kept = round.path("../kept");
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    };
    copy(&round.path(""), &kept);
    let kept = kept.canonicalize().unwrap();
    let (input, fresh) = (round.path("veterans.persons.csv"), kept.join("../fresh"));
    let bytes = fs::read(&input).unwrap();
    for _ in 0..8 {
        let is_done = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) && input.exists() {
                    fs::write(&fresh, &bytes).unwrap();
                    let _ = fs::rename(&fresh, &input);
                    std::thread::sleep(Duration::from_micros(500));
                }
            });
            let result = purge_all(&round, &[]);
            is_done.store(true, Ordering::Relaxed);
            result
        });
        let told = result.stdout.matches(MESSAGE).count();
        assert_eq!(told, 7, "{}{}", result.stdout, result.stderr);
        assert!(input.exists());
        fs::remove_dir_all(round.path("")).unwrap();
        copy(&kept, &round.path(""));
    }
}

/// Then no digest says which of them is the round's.
#[test]
fn a_later_output_in_a_subfolder_is_found_whatever_became_of_the_round_files() {
    type Change = fn(&Round, &str);
    let changes: [Change; 3] = [
        |round, file| {
            for file in ["round.toml", file] {
                let text = round.read(file);
                round.write(file, format!("{text}\n# edited\n"));
            }
        },
        |round, file| {
            for file in ["round.toml", file] {
                fs::remove_file(round.path(file)).unwrap();
            }
        },
        |round, file| {
            for file in ["round.toml", file] {
                round.write(file, "not = [readable");
            }
        },
    ];
    for change in changes {
        let round = Round::sample();
        let later = Way::EditedSince.prepare(&round);
        run(&round, "round.toml", "older");
        fs::create_dir(round.path("sub")).unwrap();
        run(&round, later, "sub/later");
        change(&round, later);
        let output = round.path("older");
        let arguments = ["purge", output.to_str().unwrap(), "--lang", "en"];
        let result = aidlink(&arguments);
        let told = result.stdout.matches(MESSAGE).count();
        assert_eq!(told, 7, "{}{}", result.stdout, result.stderr);
        assert!(round.path("round.key").exists());
    }
}

/// A later output may have been moved into the one that is purged.
#[test]
fn a_folder_in_a_named_output_that_hides_a_later_output_stops_the_purge() {
    type Hiding = fn(&Path);
    let ways: [Hiding; 4] = [
        // More folders deep than are searched.
        |sub| {
            let deep: PathBuf = std::iter::repeat_n("x", 70).collect();
            fs::create_dir_all(sub.join(&deep)).unwrap();
            fs::rename(sub.join("later"), sub.join(&deep).join("later")).unwrap();
        },
        |sub| fs::write(sub.join("later/manifest.json"), "{}").unwrap(),
        |sub| fs::remove_file(sub.join("later/manifest.json.minisig")).unwrap(),
        |sub| set_mode(sub, 0),
    ];
    for (number, hide) in ways.into_iter().enumerate() {
        let round = Round::sample();
        let later = Way::EditedSince.prepare(&round);
        run(&round, "round.toml", "older");
        run(&round, later, "later");
        let sub = round.path("older/sub");
        fs::create_dir(&sub).unwrap();
        fs::rename(round.path("later"), sub.join("later")).unwrap();
        hide(&sub);
        if number == 3 && fs::read_dir(&sub).is_ok() {
            // Permissions do not stop the superuser.
            continue;
        }
        let names = round.names();
        for more in [&["--dry-run"][..], &[]] {
            let result = purge(&round, more);
            assert_eq!(result.code, 1, "{number}: {}", result.stdout);
            assert!(result.stderr.contains("older"), "{}", result.stderr);
        }
        assert_eq!(round.names(), names);
        assert!(round.path("older/lists").exists());
        let folder = round.path("older");
        let audit = aidlink(&["audit", folder.to_str().unwrap(), "--json"]);
        let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
        let mut checks = documents[0]["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["number"] == 19).unwrap();
        assert_eq!(check["state"], "not_held", "{number}: {check}");
        let evidence = check["evidence"].to_string();
        let text = "cannot be read or verified";
        assert!(evidence.contains(text), "{number}: {evidence}");
        set_mode(&sub, 0o700);
    }
}
