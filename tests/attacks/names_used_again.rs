//! One folder for every quarter, in which the same paths hold the files of one quarter after the
//! other. Outputs are purged one by one or together, and some purges are killed: what is recorded
//! speaks of files by path and content, and not of whatever has their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::deleting::{last_record, records};
use super::quarter_after_quarter::{
    CHANGED, KEY, exports, inputs_in, prepare_next, said, state_of,
};
use super::several_outputs::run_again;
use crate::audit::FinishedRound;
use crate::deletion::{kill_purge, overdue_round, paths, purge, write_journal};
use crate::split_round::SplitRound;
use crate::support::{CommandResult, Round, aidlink, files_below};

fn round() -> FinishedRound {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    finished
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

fn purge_one(output: &Path, more: &[&str]) -> CommandResult {
    let arguments = ["purge", output.to_str().unwrap(), "--lang", "en"];
    aidlink(&[&arguments[..], more].concat())
}

/// Runs the command that a purge prints for another output folder, as a shell reads it.
fn follow(result: &CommandResult) -> CommandResult {
    let (_, command) = result.stdout.split_once("`aidlink ").unwrap();
    let (command, _) = command.split_once('`').unwrap();
    let command = format!("{} {command} --lang en", env!("CARGO_BIN_EXE_aidlink"));
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    CommandResult {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The inputs whose content or key changes with the quarter.
fn changed() -> BTreeSet<String> {
    let changed = CHANGED.into_iter().chain([KEY]);
    changed.map(str::to_owned).collect()
}

fn assert_held(finished: &FinishedRound, outputs: &[&Path], what: &str) {
    for output in outputs {
        let state = state_of(finished, output);
        assert_eq!(state, "held", "{what} {}", output.display());
    }
}

/// Returns the state of check 19 in an audit of one output folder alone.
fn state_alone(output: &Path) -> Value {
    let audit = aidlink(&["audit", output.to_str().unwrap(), "--json"]);
    let audit: Value = serde_json::from_str(&audit.stdout).unwrap();
    let mut checks = audit[0]["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["number"] == 19).unwrap();
    check["state"].clone()
}

/// A backup of the round's folder has files of its own at the same paths. What is recorded of them
/// says nothing of the round's.
#[test]
fn the_purge_of_a_backup_of_the_round_says_nothing_of_the_rounds_own_files() {
    for place in ["backup", "old/2024/backup"] {
        for has_round_file in [true, false] {
            let finished = round();
            let output = finished.path("");
            let root = output.parent().unwrap();
            let elsewhere = tempfile::tempdir().unwrap();
            let (copied, backup) = (elsewhere.path().join("copied"), root.join(place));
            copy(root, &copied);
            if !has_round_file {
                fs::remove_file(copied.join("round.toml")).unwrap();
            }
            copy(&copied, &backup);
            let of_backup = backup.join(output.file_name().unwrap());
            let result = purge_one(&of_backup, &[]);
            if has_round_file {
                assert_eq!(result.code, 0, "{place} {}{}", result.stdout, result.stderr);
            }
            // Nobody has deleted this one.
            let taken = elsewhere.path().join("taken");
            fs::rename(root.join(CHANGED[0]), &taken).unwrap();
            purge_one(&output, &[]);
            let record = last_record(&output);
            let removed = inputs_in(&record, "removed");
            assert!(!removed.contains(CHANGED[0]), "{place} {removed:?}");
            assert_eq!(state_alone(&output), "not_held", "{place} {record}");
        }
    }
}

/// Purges once more, and checks that nothing is left and every output is held.
fn assert_purge_ends_well(finished: &FinishedRound, outputs: &[&Path], what: &str) {
    let result = purge(finished, &[]);
    assert_eq!(result.code, 0, "{what} {}{}", result.stdout, result.stderr);
    assert_held(finished, outputs, what);
}

/// The next quarter's exports and key have come when somebody follows the advice to purge the copy.
#[test]
fn the_purge_of_a_copy_or_second_run_undoes_nothing_that_is_recorded_of_the_first() {
    for is_copy in [true, false] {
        for is_run in [true, false] {
            let finished = round();
            let (first, last) = (finished.path(""), exports(&finished));
            let second = finished.round.path("second");
            match is_copy {
                true => copy(&first, &second),
                false => drop(run_again(&finished, "second", &[])),
            }
            let told = purge_one(&first, &[]);
            assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
            prepare_next(&finished, &last, "2099-12-31");
            let what = format!("{is_copy} {is_run}");
            let next = is_run.then(|| run_again(&finished, "output4", &[]));
            let result = follow(&told);
            assert!(
                !result.stdout.contains("check it by hand"),
                "{what} {}",
                result.stdout
            );
            let left = inputs_in(&last_record(&second), "left");
            assert!(left.is_disjoint(&changed()), "{what} {left:?}");
            let Some(next) = next else {
                // Nobody knows whose they are yet: they are told.
                for file in CHANGED {
                    assert!(result.stdout.contains(file), "{what} {}", result.stdout);
                    fs::remove_file(finished.round.path(file)).unwrap();
                }
                continue;
            };
            assert_held(&finished, &[&first, &second, &next], &what);
            let result = purge(&finished, &["--early", "the quarter is over"]);
            assert_eq!(result.code, 0, "{what} {}{}", result.stdout, result.stderr);
            assert_held(&finished, &[&first, &second, &next], &what);
            // Also in an audit of one of them alone.
            assert_eq!(state_alone(&second), "held", "{what}");
        }
    }
}

/// An earlier program signed that the next quarter's files are left.
#[test]
fn a_record_that_lists_a_file_with_other_content_as_left_ends_no_record() {
    let finished = round();
    let (first, last) = (finished.path(""), exports(&finished));
    let second = run_again(&finished, "second", &[]);
    assert_eq!(purge_one(&first, &[]).code, 0);
    // No other output is here, and no record of one: the purge cannot know whose the files are.
    let away = finished.round.path("../away");
    fs::rename(&first, &away).unwrap();
    prepare_next(&finished, &last, "2099-12-31");
    assert_eq!(purge_one(&second, &[]).code, 3);
    let left = inputs_in(&last_record(&second), "left");
    assert!(CHANGED.iter().all(|file| left.contains(*file)), "{left:?}");
    fs::rename(&away, &first).unwrap();
    for (file, content) in &last {
        if !CHANGED.contains(&file.as_str()) {
            finished.round.write(file, content);
        }
    }
    let next = run_again(&finished, "output4", &[]);
    assert_held(&finished, &[&first, &second, &next], "");
    let result = purge(&finished, &["--early", "the quarter is over"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert_held(&finished, &[&first, &second, &next], "");
}

/// Two quarters with the same exports, each with its own key and round file, both overdue.
fn two_quarters() -> (FinishedRound, PathBuf, PathBuf) {
    let finished = round();
    let first = finished.path("");
    let round_file = fs::read(finished.round.path("round.toml")).unwrap();
    finished.round.write("2026Q3.toml", round_file);
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    finished.round.replace("round.toml", KEY, "round4.key");
    let second = run_again(&finished, "output4", &[]);
    (finished, first, second)
}

/// Writes the journals of a purge that began now and was killed when it had removed all files.
fn kill_when_removed(finished: &FinishedRound) {
    let now = jiff::Timestamp::now().to_string();
    for file in write_journal(finished, &now, |_| true) {
        let place = match file.is_input() {
            true => finished.round.path(&file.path),
            false => finished.path(&file.path),
        };
        fs::remove_file(place).unwrap();
    }
}

#[test]
fn what_a_killed_purge_removed_counts_for_both_quarters() {
    let (finished, first, second) = two_quarters();
    let exports: BTreeSet<String> = exports(&finished).into_keys().collect();
    kill_when_removed(&finished);
    let dry = said(&finished, &["--dry-run"]);
    assert_eq!(said(&finished, &[]), dry);
    for output in [&first, &second] {
        let record = last_record(output);
        let earlier = inputs_in(&record, "removed_earlier");
        assert!(exports.is_subset(&earlier), "{record}");
        assert_eq!(record["not_found"], json!([]), "{record}");
    }
    assert_held(&finished, &[&first, &second], "");
    assert_eq!(purge(&finished, &[]).code, 0);
}

/// The first purge removes the exports of both quarters, and prints the command for the second
/// one. Nobody names both at once.
#[test]
fn quarters_that_are_purged_one_by_one_are_held_once_a_person_confirms_it() {
    for is_last_first in [false, true] {
        let (finished, first, second) = two_quarters();
        let mut outputs = [&first, &second];
        if is_last_first {
            outputs.reverse();
        }
        let [one, other] = outputs;
        let result = purge_one(one, &[]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        let exports: BTreeSet<String> = exports_named_by(other);
        for file in &exports {
            assert!(!finished.round.path(file).exists(), "{file}");
        }
        // The other folder may have been put there, so a person says what became of the files.
        let result = follow(&result);
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        let text = "in an output folder of another round of this office";
        assert!(result.stdout.contains(text), "{}", result.stdout);
        let record = last_record(other);
        assert!(
            exports.is_subset(&inputs_in(&record, "left")),
            "{is_last_first} {record}"
        );
        let confirmed = purge_one(other, &["--confirm-deleted", "the minutes of 1 November"]);
        assert_eq!(
            confirmed.code, 0,
            "{}{}",
            confirmed.stdout, confirmed.stderr
        );
        assert_held(&finished, &[one, other], &is_last_first.to_string());
        for output in [one, other] {
            assert_eq!(state_alone(output), "held", "{is_last_first}");
        }
        assert_eq!(purge(&finished, &[]).code, 0);
    }
}

/// Returns the exports of an output folder, as its manifest names them.
fn exports_named_by(output: &Path) -> BTreeSet<String> {
    let manifest = fs::read(output.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    exports.flat_map(|export| paths(&export["files"])).collect()
}

/// Puts exports in place again with the same content: other files than the last quarter read.
fn deliver_again(finished: &FinishedRound, exports: &BTreeMap<String, Vec<u8>>) {
    for (file, content) in exports {
        let _ = fs::remove_file(finished.round.path(file));
        finished.round.write(file, content);
    }
}

/// Asserts that no purge deletes the exports, with these options or without, unless a person says
/// that they are the last quarter's.
fn assert_exports_are_left(
    finished: &FinishedRound,
    exports: &BTreeMap<String, Vec<u8>>,
    what: &str,
) {
    let output = finished.path("");
    let own = finished.round.path("2026Q3.toml");
    let dry = said(finished, &["--dry-run"]);
    assert_eq!(said(finished, &[]), dry, "{what}");
    // Naming the round file says nothing of the files beside it.
    let named = purge_one(&output, &["--round", own.to_str().unwrap()]);
    assert_eq!(named.code, 3, "{what} {}{}", named.stdout, named.stderr);
    assert!(
        named.stdout.contains("--came-later"),
        "{what} {}",
        named.stdout
    );
    let record = last_record(&output);
    let left = inputs_in(&record, "left");
    for (file, content) in exports {
        let now = fs::read(finished.round.path(file));
        assert_eq!(&now.unwrap(), content, "{what} {file}");
        assert!(left.contains(file), "{what} {record}");
    }
    let meant = purge_one(&output, &["--round", own.to_str().unwrap(), "--came-later"]);
    assert_eq!(meant.code, 0, "{what} {}{}", meant.stdout, meant.stderr);
    for file in exports.keys() {
        assert!(!finished.round.path(file).exists(), "{what} {file}");
    }
    assert_eq!(state_of(finished, &output), "held", "{what}");
}

/// The next quarter's exports are in place, and its round was not run yet. Some registers did not
/// change, so their files are the last quarter's to the byte.
#[test]
fn exports_that_came_for_a_round_which_was_not_run_yet_are_left() {
    let next = |text: &str| text.replace("round = \"2026Q3\"", "round = \"2026Q4\"");
    let draft = |text: &str| {
        let operator = "operator = \"synthetic operator\"";
        assert!(text.contains(operator));
        next(text).replace(operator, "operator = \"【FILL IN】\"")
    };
    // What is read of the exports is in files of its own, or is not written yet.
    let without_exports = |text: &str| {
        let (head, _) = text.split_once("[[export]]").unwrap();
        draft(head)
    };
    let not_utf_8 = |_: &str| "round = \"2026Q4\" # \u{0}\n[".to_owned();
    type Written<'w> = &'w dyn Fn(&str) -> String;
    let all: [(&str, Written<'_>); 5] = [
        ("2026Q4.toml", &next),
        ("round.toml", &next),
        ("next.toml", &draft),
        ("next.TOML", &without_exports),
        ("next.toml", &not_utf_8),
    ];
    for (at, (name, written)) in all.into_iter().enumerate() {
        for is_purged in [true, false] {
            let finished = round();
            let exports = exports(&finished);
            let round_file = fs::read_to_string(finished.round.path("round.toml")).unwrap();
            finished.round.write("2026Q3.toml", &round_file);
            fs::remove_file(finished.round.path("round.toml")).unwrap();
            if is_purged {
                assert_eq!(purge(&finished, &[]).code, 0);
                assert_eq!(state_of(&finished, &finished.path("")), "held");
            }
            finished.round.write(name, written(&round_file));
            deliver_again(&finished, &exports);
            assert_exports_are_left(&finished, &exports, &format!("{at} {is_purged}"));
        }
    }
}

/// A trial of the next quarter in a subfolder read other files, whatever became of it.
#[test]
fn a_trial_of_the_next_quarter_that_was_purged_frees_no_export() {
    for is_earlier in [true, false] {
        let finished = round();
        let exports = exports(&finished);
        let round_file = fs::read_to_string(finished.round.path("round.toml")).unwrap();
        finished.round.write("2026Q3.toml", &round_file);
        fs::remove_file(finished.round.path("round.toml")).unwrap();
        let next = round_file.replace("round = \"2026Q3\"", "round = \"2026Q4\"");
        let trial = || {
            let folder = finished.round.path("test");
            fs::create_dir(&folder).unwrap();
            for name in files_below(&finished.round.path("")).keys() {
                if !name.starts_with("output") && !name.ends_with(".key") && !name.ends_with(".pub")
                {
                    copy(&finished.round.path(name), &folder.join(name));
                }
            }
            let next = next.replace("\"../../", "\"../../../");
            fs::write(folder.join("2026Q4.toml"), next).unwrap();
            let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
            let ran = aidlink(&["run", &at("2026Q4.toml"), "--output", &at("o4")]);
            assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
            let purged = purge_one(&folder.join("o4"), &["--early", "a trial"]);
            assert_eq!(purged.code, 0, "{}{}", purged.stdout, purged.stderr);
        };
        if is_earlier {
            trial();
        }
        finished.round.write("2026Q4.toml", &next);
        deliver_again(&finished, &exports);
        if !is_earlier {
            trial();
        }
        assert_exports_are_left(&finished, &exports, &is_earlier.to_string());
    }
}

/// A purge sees the next quarter's exports, which did not change. Then some are corrected, and the
/// next quarter is run: a person can say what became of the last quarter's.
#[test]
fn files_that_came_again_and_were_then_corrected_can_be_confirmed() {
    let finished = round();
    let exports = exports(&finished);
    let round_file = fs::read_to_string(finished.round.path("round.toml")).unwrap();
    finished.round.write("2026Q3.toml", &round_file);
    assert_eq!(purge(&finished, &[]).code, 0);
    prepare_next(&finished, &exports, "2099-12-31");
    deliver_again(&finished, &exports);
    assert_eq!(purge(&finished, &[]).code, 3);
    for (file, content) in exports
        .iter()
        .filter(|(file, _)| CHANGED.contains(&file.as_str()))
    {
        finished.round.write(file, [content, &b"\r\n"[..]].concat());
    }
    run_again(&finished, "output4", &[]);
    assert_eq!(state_of(&finished, &finished.path("")), "not_held");
    let missing = purge(&finished, &[]).stdout;
    assert_eq!(
        missing
            .matches("say what you found with --confirm-deleted")
            .count(),
        2,
        "{missing}"
    );
    let finding = "deleted in October, as the minutes say";
    purge(&finished, &["--confirm-deleted", finding]);
    // The others are the next quarter's, which needs them.
    let record = last_record(&finished.path(""));
    assert_eq!(record["not_found"], json!([]), "{record}");
    let corrected = CHANGED.into_iter().map(str::to_owned);
    assert_eq!(paths(&record["confirmed"]), corrected.collect(), "{record}");
}

/// In a split round an office reads its exports one by one, and purges between them: the last
/// quarter's file under the same name, to the byte, is the one that the round reads next.
#[test]
fn exports_that_a_split_round_has_not_read_yet_are_left() {
    let exports = ["procuratorate.case-parties", "procuratorate.referrals"];
    for (read_before, read_after) in [
        (&exports[..0], &exports[..]),
        (&exports[..1], &exports[1..]),
        (&exports[1..], &exports[..1]),
    ] {
        let round = Round::sample();
        let due = [
            "retention_until = 2026-12-31",
            "retention_until = 2026-10-01",
        ];
        round.replace("round.toml", due[0], due[1]);
        let split = SplitRound::plain(round);
        for export in exports {
            assert_eq!(split.tokenise(export).code, 0, "{export}");
        }
        let file = |name: &str| split.round.path(name).to_str().unwrap().to_owned();
        let (next, key) = (file("2026Q4.toml"), split.signing_key("procuratorate"));
        let text = split.round.read("round.toml").replace(due[1], due[0]);
        let text = text.replace("round = \"2026Q3\"", "round = \"2026Q4\"");
        split
            .round
            .write("2026Q4.toml", text.replace(KEY, "round4.key"));
        assert_eq!(aidlink(&["key", "new", &next]).code, 0);
        let tokenise = |export: &&str| {
            let output = file(&format!("next-{export}"));
            let arguments = ["tokenise", &next, "--export", export, "--output", &output];
            let result = aidlink(&[&arguments[..], &["--signing-key", &key]].concat());
            assert_eq!(result.code, 0, "{export} {}", result.stderr);
        };
        let contents = files_below(&split.round.path(""));
        let is_export = |path: &&String| exports.iter().any(|export| path.starts_with(export));
        let files: Vec<&String> = contents.keys().filter(is_export).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        for path in &files {
            fs::remove_file(split.round.path(path)).unwrap();
            split.round.write(path, &contents[*path]);
        }
        read_before.iter().for_each(tokenise);
        let folder = file("");
        let purge = || aidlink(&["purge", &folder, "--signing-key", &key, "--lang", "en"]);
        let purged = purge();
        for export in exports {
            let record = last_record(&split.round.path(&format!("at-{export}")));
            let left = inputs_in(&record, "left");
            let is_left =
                |path: &&&String| path.starts_with(export) && left.contains(path.as_str());
            assert_eq!(files.iter().filter(is_left).count(), 1, "{export} {record}");
        }
        assert_eq!(purged.code, 3, "{}{}", purged.stdout, purged.stderr);
        // Once all are read they are the next round's.
        read_after.iter().for_each(tokenise);
        let needed = purge().stdout.matches("still needs it").count();
        assert_eq!(needed, 2, "{read_before:?}");
    }
}

/// A round file that was prepared early keeps nothing that was there before: it is the last
/// quarter's and due.
#[test]
fn a_round_file_that_was_prepared_early_keeps_no_export_of_the_last_quarter() {
    let finished = round();
    let exports = exports(&finished);
    let round_file = fs::read_to_string(finished.round.path("round.toml")).unwrap();
    let next = round_file.replace("round = \"2026Q3\"", "round = \"2026Q4\"");
    finished.round.write("2026Q4.toml", next);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for file in exports.keys() {
        assert!(!finished.round.path(file).exists(), "{file}");
    }
    assert_eq!(state_of(&finished, &finished.path("")), "held");
}

/// The journal says what was there before the second quarter's files came.
#[test]
fn what_was_removed_before_the_other_quarter_was_run_does_not_count_for_it() {
    let finished = round();
    let exports = exports(&finished);
    kill_when_removed(&finished);
    for (file, content) in &exports {
        finished.round.write(file, content);
    }
    let round_file = fs::read(finished.round.path("round.toml")).unwrap();
    finished.round.write("2026Q3.toml", round_file);
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    let second = run_again(&finished, "output4", &[]);
    let taken = CHANGED[0];
    fs::remove_file(finished.round.path(taken)).unwrap();
    assert_eq!(purge(&finished, &[]).code, 3);
    let record = last_record(&second);
    assert!(inputs_in(&record, "not_found").contains(taken), "{record}");
    assert_eq!(state_of(&finished, &second), "not_held");
}

/// Runs a purge of the round's folder under strace. `None` if there is no strace.
fn purge_under_strace(finished: &FinishedRound, options: &[&str]) -> Option<Option<i32>> {
    Command::new("strace").arg("-V").output().ok()?;
    let purged = Command::new("strace")
        .args(["-f", "-qq"])
        .args(options)
        .args([env!("CARGO_BIN_EXE_aidlink"), "purge"])
        .arg(finished.round.path(""))
        .output();
    Some(purged.unwrap().status.code())
}

/// A purge makes a folder for each journal and each record, and asks each time for the one that
/// holds them.
#[test]
fn a_purge_of_two_quarters_that_is_killed_at_any_document_ends_well() {
    for number in 1..=12 {
        let (finished, first, second) = two_quarters();
        let inject = format!("inject=mkdirat:signal=KILL:when={number}");
        let killed = ["-o", "/dev/null", "-e", "trace=mkdirat", "-e", &inject];
        match purge_under_strace(&finished, &killed) {
            None => return,
            Some(code) => assert_ne!(code, Some(0), "{number}"),
        }
        assert_purge_ends_well(&finished, &[&first, &second], &number.to_string());
    }
}

/// An export cannot be opened once, when one of the outputs is planned or purged.
#[test]
fn one_fault_of_the_disk_makes_no_record_list_a_deleted_file_as_left() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let log = log.path().to_str().unwrap().to_owned();
    let (finished, ..) = two_quarters();
    let traced = ["-o", &log, "-e", "trace=openat"];
    if purge_under_strace(&finished, &traced).is_none() {
        return;
    }
    let calls = fs::read_to_string(&log).unwrap();
    let calls = calls.lines().filter(|line| line.contains("openat("));
    let opens = calls.enumerate();
    let opens = opens.filter(|(_, line)| line.contains(CHANGED[0]));
    for (number, _) in opens {
        let (finished, first, second) = two_quarters();
        let inject = format!("inject=openat:error=EIO:when={}", number + 1);
        let fails = ["-o", "/dev/null", "-e", "trace=openat", "-e", &inject];
        purge_under_strace(&finished, &fails);
        for output in [&first, &second] {
            for record in records(output) {
                let left = inputs_in(&record, "left").into_iter();
                let mut gone = left.filter(|file| !finished.round.path(file).exists());
                assert_eq!(gone.next(), None, "{number} {record}");
            }
        }
        assert_purge_ends_well(&finished, &[&first, &second], &number.to_string());
    }
}

#[test]
fn files_of_the_next_quarter_do_not_end_what_a_killed_purge_did() {
    for day in ["2099-12-31", "2026-10-02"] {
        let finished = round();
        let (first, last) = (finished.path(""), exports(&finished));
        kill_when_removed(&finished);
        prepare_next(&finished, &last, day);
        let next = run_again(&finished, "output4", &[]);
        let dry = said(&finished, &["--dry-run"]);
        assert_eq!(said(&finished, &[])["output"], dry["output"], "{day}");
        let record = last_record(&first);
        let earlier = inputs_in(&record, "removed_earlier");
        assert!(changed().is_subset(&earlier), "{record}");
        assert!(
            inputs_in(&record, "left").is_disjoint(&changed()),
            "{record}"
        );
        let result = purge(&finished, &["--early", "the quarter is over"]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        assert_held(&finished, &[&first, &next], day);
    }
}

/// What has the purge's own name may be the file, whatever has its first name.
#[test]
fn an_unknown_file_in_the_place_of_one_that_a_killed_purge_removed_is_left() {
    let finished = round();
    let (first, last) = (finished.path(""), exports(&finished));
    kill_when_removed(&finished);
    prepare_next(&finished, &last, "2099-12-31");
    assert_eq!(purge(&finished, &[]).code, 3);
    let left = inputs_in(&last_record(&first), "left");
    assert!(CHANGED.iter().all(|file| left.contains(*file)), "{left:?}");
    assert_eq!(state_of(&finished, &first), "not_held");
}

/// The last quarter's purged folder is the template of this one.
#[test]
fn records_of_a_copied_folder_count_once_a_person_confirms_them() {
    let finished = round();
    let (first, last) = (finished.path(""), exports(&finished));
    assert_eq!(purge(&finished, &[]).code, 0);
    let other = finished.round.path("../copy");
    copy(&first, &other);
    fs::rename(&first, finished.round.path("../away")).unwrap();
    fs::rename(&other, &first).unwrap();
    prepare_next(&finished, &last, "2099-12-31");
    let next = run_again(&finished, "output4", &[]);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    assert!(
        !result.stdout.contains("check it by hand"),
        "{}",
        result.stdout
    );
    assert_eq!(state_of(&finished, &first), "not_held");
    purge(
        &finished,
        &["--confirm-deleted", "deleted in the last quarter"],
    );
    for _ in 0..2 {
        assert_held(&finished, &[&first, &next], "confirmed");
        purge(&finished, &[]);
    }
    let result = purge(&finished, &["--early", "the quarter is over"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert_held(&finished, &[&first, &next], "purged");
}

/// Returns what a purge and an audit of one output tell of the others, and the unknown files.
fn told(output: &Path) -> Vec<(Value, Value)> {
    let output = output.to_str().unwrap();
    let purge = ["purge", output, "--dry-run", "--json"];
    let audit = ["audit", output, "--json"];
    let answers = [aidlink(&purge).stdout, aidlink(&audit).stdout].into_iter();
    let told = answers.map(|answer| {
        let documents: Value = serde_json::from_str(&answer).unwrap();
        let unknown = &documents[0]["unknown_files"];
        (unknown["other_outputs"].clone(), unknown["first"].clone())
    });
    told.collect()
}

#[test]
fn lists_that_are_in_a_purged_output_again_are_told() {
    let finished = round();
    let (first, second) = (finished.path(""), run_again(&finished, "second", &[]));
    let backup = finished.round.path("../backup");
    copy(&second.join("lists"), &backup);
    assert_eq!(purge(&finished, &[]).code, 0);
    for (others, _) in told(&first) {
        assert_eq!(others[0]["state"], "purged", "{others}");
    }
    copy(&backup, &second.join("lists"));
    for (others, unknown) in told(&first) {
        assert_eq!(others[0]["state"], "returned", "{others}");
        assert!(others[0]["returned"].as_u64().unwrap() > 1, "{others}");
        assert_eq!(unknown, json!([]));
    }
    let result = purge_one(&first, &[]);
    let text = "files of it are still or again in it";
    assert!(result.stdout.contains(text), "{}", result.stdout);
    assert_eq!(follow(&result).code, 0);
    assert!(!second.join("lists").exists());
}

#[test]
fn exports_of_a_purged_quarter_that_are_back_under_common_names_are_told() {
    let finished = round();
    let (first, last) = (finished.path(""), exports(&finished));
    assert_eq!(purge(&finished, &[]).code, 0);
    prepare_next(&finished, &last, "2026-10-02");
    let next = run_again(&finished, "output4", &[]);
    let current = exports_of(&finished);
    assert_eq!(purge(&finished, &[]).code, 0);
    let file = CHANGED[0];
    for (content, other) in [(&last[file], &next), (&current, &first)] {
        finished.round.write(file, content);
        for (_, unknown) in told(other) {
            assert_eq!(unknown, json!([file]), "{}", other.display());
        }
        let result = purge_one(other, &[]);
        assert!(
            result.stdout.contains(&format!("  {file}")),
            "{}",
            result.stdout
        );
        fs::remove_file(finished.round.path(file)).unwrap();
    }
}

fn exports_of(finished: &FinishedRound) -> Vec<u8> {
    fs::read(finished.round.path(CHANGED[0])).unwrap()
}

/// One output is due and the other is not, and the round file is already that of the next quarter.
#[test]
fn a_file_that_is_left_for_two_reasons_is_listed_once() {
    let finished = round();
    let until = |day: &str| format!("retention_until = {day}");
    finished
        .round
        .replace("round.toml", &until("2026-10-01"), &until("2099-12-31"));
    run_again(&finished, "second", &[]);
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    assert_eq!(purge(&finished, &[]).code, 3);
    let record = last_record(&finished.path(""));
    let left = record["left"].as_array().unwrap();
    assert!(!left.is_empty());
    assert_eq!(left.len(), paths(&record["left"]).len(), "{record}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_in_a_folder_whose_name_is_not_utf_8_is_told() {
    use std::os::unix::ffi::OsStrExt as _;
    for is_purged in [false, true] {
        let finished = round();
        let first = finished.path("");
        // In GBK, as from an archive of another system.
        let folder = finished.round.path("");
        let folder = folder.join(std::ffi::OsStr::from_bytes(b"\xb1\xb8"));
        copy(&first, &folder.join("second"));
        if is_purged {
            assert_eq!(purge(&finished, &[]).code, 0);
        }
        for (others, unknown) in told(&first) {
            let state = if is_purged { "purged" } else { "copy" };
            assert_eq!(others[0]["state"], state, "{others}");
            assert_eq!(unknown, json!([]));
        }
    }
}

#[test]
fn the_command_for_a_copy_works_wherever_that_is() {
    for place in ["my backup/output", "backup/output", "it's.bak"] {
        let finished = round();
        let (first, second) = (finished.path(""), finished.round.path(place));
        copy(&first, &second);
        let result = purge_one(&first, &[]);
        assert_eq!(result.code, 0, "{place} {}", result.stdout);
        let result = follow(&result);
        assert_eq!(result.code, 0, "{place} {}{}", result.stdout, result.stderr);
        assert!(!second.join("lists").exists(), "{place}");
        assert_held(&finished, &[&first, &second], place);
    }
}

#[test]
fn the_advice_for_inputs_beside_another_rounds_file_works() {
    let finished = round();
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3);
    let text = "run `purge` again with this output folder, and with that round file after --round";
    assert!(result.stdout.contains(text), "{}", result.stdout);
    let own = finished.round.path("2026Q3.toml");
    fs::copy(finished.path("configuration/round.toml"), &own).unwrap();
    let result = purge_one(&finished.path(""), &["--round", own.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
}

/// A killed purge set an export aside, and a copy of it came back under its name.
#[test]
fn a_dry_run_says_what_a_purge_leaves_because_its_own_name_is_taken() {
    let finished = round();
    let file = CHANGED[0];
    let content = exports_of(&finished);
    kill_purge(&finished);
    finished.round.write(file, content);
    let dry = said(&finished, &["--dry-run"]);
    assert_eq!(said(&finished, &[]), dry);
    assert!(
        dry["output"]["left"]
            .as_array()
            .unwrap()
            .contains(&json!(file))
    );
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(state_of(&finished, &finished.path("")), "held");
}
