//! Round files that are there and cannot be read: nobody can tell of which round they are.

use std::fs;
use std::path::Path;

use super::deleting::last_record;
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::{CommandResult, Round, aidlink, files_below};

const MESSAGE: &str = "nobody can tell of which round it is";
const NEEDED: &str = "another output folder, which is due on 2099-12-31, still needs it";
/// The exports and the key of the sample round.
const INPUTS: usize = 7;

/// A way to make a file unreadable as a round file.
type Damage = fn(&Path);

const DAMAGES: [(&str, Damage); 7] = [
    ("one byte is not UTF-8", |file| {
        let text = fs::read(file).unwrap();
        fs::write(file, [&text[..], b"# \xff\n"].concat()).unwrap();
    }),
    ("a remark in GBK", |file| {
        let text = fs::read(file).unwrap();
        let remark = b"# \xb1\xb8\xd7\xa2\n";
        fs::write(file, [&text[..], remark].concat()).unwrap();
    }),
    ("UTF-16", |file| {
        let text = fs::read_to_string(file).unwrap();
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        fs::write(file, bytes).unwrap();
    }),
    ("a mistake before the id", |file| {
        fs::write(file, "round = \"2026Q4\n").unwrap();
    }),
    ("the id is no text", |file| {
        let text = fs::read_to_string(file).unwrap();
        let text = text.replace("round = \"2026Q3\"", "round = 2026");
        fs::write(file, text).unwrap();
    }),
    ("a folder", |file| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    }),
    ("a link that leads nowhere", |file| {
        fs::remove_file(file).unwrap();
        std::os::unix::fs::symlink("nowhere.toml", file).unwrap();
    }),
];

fn purge_output(finished: &FinishedRound, more: &[&str]) -> CommandResult {
    let (output, key) = (finished.path(""), finished.round.path("signing.key"));
    let output = output.to_str().unwrap();
    let key = key.to_str().unwrap();
    let arguments = ["purge", output, "--signing-key", key, "--lang", "en"];
    aidlink(&[&arguments[..], more].concat())
}

#[test]
fn inputs_beside_a_round_file_that_cannot_be_read_are_left() {
    for (name, damage) in DAMAGES {
        for is_whole in [true, false] {
            let finished = overdue_round();
            let file = finished.round.path("round.toml");
            let whole = fs::read(&file).unwrap();
            damage(&file);
            let result = match is_whole {
                true => purge(&finished, &[]),
                false => purge_output(&finished, &[]),
            };
            let what = format!("{name} {is_whole}: {}{}", result.stdout, result.stderr);
            assert_eq!(result.code, 3, "{what}");
            assert_eq!(result.stdout.matches(MESSAGE).count(), INPUTS, "{what}");
            assert!(
                result.stdout.contains("round.toml: it cannot be read"),
                "{what}"
            );
            assert!(finished.round.path("veterans.persons.csv").exists());
            assert!(finished.round.path("round.key").exists());
            assert!(!finished.path("lists").exists());
            assert_eq!(
                paths(&last_record(&finished.path(""))["left"]).len(),
                INPUTS
            );
            // With the round file of the round they go.
            if file.is_dir() {
                fs::remove_dir(&file).unwrap();
            }
            let _ = fs::remove_file(&file);
            fs::write(&file, whole).unwrap();
            let result = purge(&finished, &[]);
            assert_eq!(result.code, 0, "{name}: {}{}", result.stdout, result.stderr);
            assert!(!finished.round.path("round.key").exists());
        }
    }
}

/// One that can be read says whose inputs they are.
#[test]
fn a_round_file_that_cannot_be_read_keeps_nothing_beside_the_rounds_own() {
    let finished = overdue_round();
    finished.round.write("notes.toml", "not = [readable");
    fs::write(finished.round.path("._round.toml"), b"\x00\x05\x16\x07\xff").unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(!finished.round.path("round.key").exists());
}

/// Returns an overdue round whose folder holds the folder of an earlier round, which is not due, with
/// its own round file and output.
fn round_with_an_earlier_one() -> FinishedRound {
    let finished = FinishedRound::new();
    let folder = finished.round.path("");
    let earlier = finished.round.path("../earlier");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&folder, &earlier])
        .status();
    assert!(copied.unwrap().success());
    for name in ["output", "truth"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    fs::remove_file(folder.join("round.key")).unwrap();
    for (from, to) in [
        ("round = \"2026Q3\"", "round = \"2026Q4\""),
        (
            "retention_until = 2026-12-31",
            "retention_until = 2026-10-01",
        ),
    ] {
        finished.round.replace("round.toml", from, to);
    }
    let result = finished.round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    fs::rename(earlier, folder.join("earlier")).unwrap();
    finished
}

/// A folder whose round file cannot be read, or is gone, may be another round's: nothing in it is
/// deleted with this one, and nobody is left in the dark about it.
#[test]
fn the_output_of_an_earlier_round_in_a_subfolder_stays_whatever_became_of_its_round_file() {
    let renamed: (&str, Damage) = ("renamed", |file| {
        fs::rename(file, file.with_extension("bak")).unwrap();
    });
    let whole: (&str, Damage) = ("whole", |_| {});
    let draft: (&str, Damage) = ("a draft", |file| {
        let text = fs::read_to_string(file).unwrap();
        fs::write(file, text + "# 【FILL IN】\n").unwrap();
    });
    for (name, damage) in DAMAGES.into_iter().chain([renamed, whole, draft]) {
        let finished = round_with_an_earlier_one();
        damage(&finished.round.path("earlier/round.toml"));
        let before = files_below(&finished.round.path("earlier"));
        let result = purge(&finished, &["--early", "the round was cancelled"]);
        assert!([0, 3].contains(&result.code), "{name}: {}", result.stderr);
        assert!(!finished.path("lists").exists(), "{name}");
        let after = files_below(&finished.round.path("earlier"));
        assert!(after == before, "{name}: {}", result.stdout);
        assert!(
            result.stdout.contains("earlier/output"),
            "{name}: {}",
            result.stdout
        );
    }
}

/// If there are no others, their paths say what to name.
#[test]
fn a_folder_with_outputs_of_another_round_only_is_refused() {
    let finished = overdue_round();
    fs::create_dir(finished.round.path("results")).unwrap();
    fs::rename(finished.path(""), finished.round.path("results/output")).unwrap();
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    let result = purge(&finished, &["--early", "the round was cancelled"]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert!(
        result.stderr.contains("results/output"),
        "{}",
        result.stderr
    );
    assert!(finished.round.path("results/output/lists").exists());
}

/// The round file in the folder is of another round, and the named one cannot be read.
#[test]
fn a_named_round_file_that_is_missing_or_cannot_be_read_is_refused() {
    let missing: (&str, Damage) = ("missing", |file| fs::remove_file(file).unwrap());
    let draft: (&str, Damage) = ("a draft", |file| {
        let text = fs::read_to_string(file).unwrap();
        let line = text.lines().find(|line| line.starts_with("operator"));
        let marked = "operator = \"【FILL IN】\"";
        fs::write(file, text.replace(line.unwrap(), marked)).unwrap();
    });
    let empty: (&str, Damage) = ("empty", |file| fs::write(file, "").unwrap());
    for (name, damage) in DAMAGES.into_iter().chain([missing, draft, empty]) {
        let finished = overdue_round();
        let named = finished.round.path("r3.toml");
        fs::copy(finished.round.path("round.toml"), &named).unwrap();
        damage(&named);
        finished
            .round
            .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
        let names = finished.round.names();
        let round = ["--round", named.to_str().unwrap()];
        for more in [&["--dry-run"][..], &[]] {
            let result = purge_output(&finished, &[&round[..], more].concat());
            assert_eq!(result.code, 1, "{name}: {}{}", result.stdout, result.stderr);
            assert!(
                result.stderr.contains("r3.toml"),
                "{name}: {}",
                result.stderr
            );
            let is_misled = result.stderr.contains("was moved or changed");
            assert!(!is_misled, "{name}: {}", result.stderr);
        }
        assert_eq!(finished.round.names(), names, "{name}");
        assert!(finished.path("lists").exists(), "{name}");
    }
}

fn run(round: &Round, file: &str, output: &str) {
    fs::create_dir_all(round.path(output).parent().unwrap()).unwrap();
    let (file, output) = (round.path(file), round.path(output));
    let (file, output) = (file.to_str().unwrap(), output.to_str().unwrap());
    let result = aidlink(&["run", file, "--output", output, "--lang", "en"]);
    assert_eq!(result.code, 0, "{}", result.stderr);
}

/// Returns the inputs of an output in a round's folder.
fn inputs_of(round: &Round, output: &str) -> Vec<String> {
    let manifest = round.read(&format!("{output}/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    let files = exports.flat_map(|export| export["files"].as_array().unwrap());
    let files = files.map(|file| file["file"].as_str().unwrap().to_owned());
    files.chain(["round.key".to_owned()]).collect()
}

fn copy_into(round: &Round, from: &str, inputs: &[String], to: &str) {
    fs::create_dir_all(round.path(to)).unwrap();
    for input in inputs {
        let from = round.path(from).join(input);
        fs::copy(from, round.path(to).join(input)).unwrap();
    }
}

fn days(round: &Round) -> (String, String) {
    let text = round.read("round.toml");
    let with = |day: &str| {
        let day = format!("retention_until = {day}");
        text.replace("retention_until = 2026-12-31", &day)
    };
    (with("2026-10-01"), with("2099-12-31"))
}

fn purge_older(round: &Round) -> CommandResult {
    let output = round.path("older");
    aidlink(&["purge", output.to_str().unwrap(), "--lang", "en"])
}

/// The later output was made from a round file beside the older one's, and lies in a folder with a
/// backup.
#[test]
fn a_backup_frees_no_input_while_a_round_file_above_it_cannot_be_read() {
    let renamed: (&str, Damage) = ("another name", |file| {
        fs::rename(file, file.with_extension("conf")).unwrap();
    });
    let edited: (&str, Damage) = ("another name, and edited", |file| {
        let text = fs::read_to_string(file).unwrap();
        fs::write(file.with_extension("conf"), format!("{text}# edited\n")).unwrap();
        fs::remove_file(file).unwrap();
    });
    for (name, damage) in DAMAGES.into_iter().take(4).chain([renamed, edited]) {
        let round = Round::sample();
        let (older, later) = days(&round);
        round.write("round.toml", older);
        round.write("round2.toml", &later);
        run(&round, "round.toml", "older");
        run(&round, "round2.toml", "b/later");
        let inputs = inputs_of(&round, "older");
        copy_into(&round, "", &inputs, "b");
        round.write("b/round.toml", later);
        damage(&round.path("round2.toml"));
        let result = purge_older(&round);
        let told = result.stdout.matches(NEEDED).count();
        assert_eq!(told, INPUTS, "{name}: {}{}", result.stdout, result.stderr);
        for input in &inputs {
            assert!(round.path(input).exists(), "{name} {input}");
        }
    }
}

/// The later output was made from a round file in a folder between its own and the round's.
#[test]
fn a_backup_frees_no_input_if_a_folder_above_it_has_lost_its_round_file() {
    let ways: [(&str, Damage); 4] = [
        ("moved into the backup", |file| {
            let backup = file.with_file_name("b").join("round.toml");
            fs::rename(file, backup).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("another name", |file| {
            fs::rename(file, file.with_extension("conf")).unwrap();
        }),
        ("edited", |file| {
            let text = fs::read_to_string(file).unwrap();
            fs::write(file, format!("{text}# edited\n")).unwrap();
        }),
    ];
    for (name, change) in ways {
        let round = Round::sample();
        let (older, later) = days(&round);
        round.write("round.toml", &older);
        run(&round, "round.toml", "first");
        let inputs = inputs_of(&round, "first");
        fs::remove_dir_all(round.path("first")).unwrap();
        copy_into(&round, "", &inputs, "a");
        for input in &inputs {
            fs::remove_file(round.path(input)).unwrap();
        }
        let older = older.replace("\npath = \"", "\npath = \"a/");
        round.write(
            "round.toml",
            older.replace("\"round.key\"", "\"a/round.key\""),
        );
        let later = later.replace("= \"../../", "= \"../../../");
        let later = later.replace("\"signing.key\"", "\"../signing.key\"");
        round.write("a/round.toml", &later);
        run(&round, "round.toml", "older");
        run(&round, "a/round.toml", "a/b/later");
        copy_into(&round, "a", &inputs, "a/b");
        round.write("a/b/round.toml", later);
        change(&round.path("a/round.toml"));
        let result = purge_older(&round);
        let told = result.stdout.matches(NEEDED).count();
        assert_eq!(told, INPUTS, "{name}: {}{}", result.stdout, result.stderr);
        for input in &inputs {
            assert!(round.path("a").join(input).exists(), "{name} {input}");
        }
    }
}
