//! A round file, a log or a clock that was changed between a run and its purge.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::deletion::Purge;
use aidlink_office::round_folder::OpenedFolders;
use aidlink_office::signing::SigningKey;
use jiff::Timestamp;

use super::deleting::{check_19, last_record};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, plain_purge, purge, write_journal};
use crate::support::{Round, aidlink, set_mode};

/// It may be data of the round, and no manifest says what it holds.
#[test]
fn what_only_an_edited_round_file_names_is_left_and_told() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let (old, new) = ("veterans.persons.csv", "veterans.corrected.csv");
    fs::copy(finished.round.path(old), finished.round.path(new)).unwrap();
    fs::write(finished.round.path("new.key"), "a key of somebody").unwrap();
    finished.round.replace("round.toml", old, new);
    finished
        .round
        .replace("round.toml", "\"round.key\"", "\"new.key\"");
    let text = "only the round file names it, and no step read it";
    let dry = purge(&finished, &["--dry-run"]);
    assert_eq!(dry.stdout.matches(text).count(), 2, "{}", dry.stdout);
    let left = [new.to_owned(), "new.key".to_owned()].into();
    for _ in 0..2 {
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        assert_eq!(result.stdout.matches(text).count(), 2, "{}", result.stdout);
        let record = last_record(&finished.path(""));
        assert_eq!(paths(&record["left"]), left);
        assert_eq!(check_19(&finished), ("not_held".to_owned(), 2));
    }
    // What the step read is gone, and the rest is here.
    assert!(!finished.round.path(old).exists() && !finished.round.path("round.key").exists());
    assert!(finished.round.path(new).exists() && finished.round.path("new.key").exists());
    // Once a person has deleted it, nothing asks for it.
    for file in [new, "new.key"] {
        fs::remove_file(finished.round.path(file)).unwrap();
    }
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(check_19(&finished), ("held".to_owned(), 0));
}

/// The same purge deletes them as what they are.
#[test]
fn what_an_edited_round_file_names_in_an_output_or_a_leftover_is_not_left() {
    for file in [
        "output/rejects/veterans.csv",
        ".output.partial-x/lists/veterans.csv",
    ] {
        let finished = overdue_round();
        let leftover = finished.round.path(".output.partial-x");
        fs::create_dir_all(leftover.join("lists")).unwrap();
        fs::write(leftover.join("lists/veterans.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
        let old = "path = \"veterans.persons.csv\"";
        let new = format!("path = \"{file}\"");
        finished.round.replace("round.toml", old, &new);
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 0, "{file}: {}{}", result.stdout, result.stderr);
        assert!(!finished.round.path(file).exists());
        let record = last_record(&finished.path(""));
        assert!(paths(&record["left"]).is_empty(), "{record}");
        assert_eq!(check_19(&finished), ("held".to_owned(), 0));
    }
}

/// A later output read it: then its manifest names it.
#[test]
fn what_a_later_output_read_is_no_unread_file() {
    let finished = overdue_round();
    let (old, new) = ("veterans.persons.csv", "veterans.corrected.csv");
    fs::copy(finished.round.path(old), finished.round.path(new)).unwrap();
    finished.round.replace("round.toml", old, new);
    let later = finished.round.path("later");
    let run = ["--output", later.to_str().unwrap()];
    assert_eq!(finished.round.run_with(&run).code, 0);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for file in [old, new] {
        assert!(!finished.round.path(file).exists());
    }
}

/// Nobody could tell whether the files beside it are the round's.
#[test]
fn a_named_round_file_that_does_not_say_of_which_round_it_is_is_refused() {
    for line in ["round = 2026", "round = [\"2026Q3\"]", "round = true", ""] {
        let finished = overdue_round();
        finished
            .round
            .replace("round.toml", "round = \"2026Q3\"", line);
        let names = finished.round.names();
        let file = finished.round.path("round.toml");
        let named = ["--round", file.to_str().unwrap()];
        for more in [&["--dry-run"][..], &[]] {
            let result = purge(&finished, &[&named[..], more].concat());
            assert_eq!(result.code, 1, "{line}: {}", result.stdout);
            assert!(result.stderr.contains("round.toml"), "{}", result.stderr);
        }
        assert_eq!(finished.round.names(), names);
        assert!(finished.path("lists").exists());
    }
}

/// A way to damage a log.
type Damage = fn(&Path);

/// Whoever has no key takes the log away, and with it the times that the clock is compared with.
#[test]
fn a_clock_that_was_set_back_is_noticed_without_a_log() {
    let ways: [Damage; 4] = [
        |log| fs::remove_file(log).unwrap(),
        |log| fs::write(log, "").unwrap(),
        |log| {
            let text = fs::read_to_string(log).unwrap();
            fs::write(log, text.replacen('a', "b", 1)).unwrap();
        },
        |log| {
            let text = fs::read_to_string(log).unwrap();
            let first = text.lines().next().unwrap();
            fs::write(log, format!("{first}\n")).unwrap();
        },
    ];
    for damage in ways {
        let finished = overdue_round();
        damage(&finished.path("audit.jsonl"));
        let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
        let (outputs, folder) = ([finished.path("")], finished.round.path(""));
        let purge_at = |now: Timestamp| {
            let opened = OpenedFolders::default();
            let purge = Purge {
                early: Some("test"),
                now,
                ..plain_purge(&key, &outputs, &opened, &folder)
            };
            purge.run().map(|_| ())
        };
        let hour_ago = Timestamp::now() - jiff::Span::new().hours(1);
        for early in ["2026-09-01T00:00:00Z".parse().unwrap(), hour_ago] {
            let faults = purge_at(early).expect_err("the clock is wrong");
            let fault = faults.iter().next().unwrap();
            let text = "this machine's clock is earlier than";
            assert!(fault.message.en.contains(text), "{}", fault.message.en);
            assert!(finished.round.path("round.key").exists());
        }
        // Data that is due is not kept because its log is lost.
        assert!(purge_at(Timestamp::now()).is_ok());
        assert!(!finished.round.path("round.key").exists());
        assert_eq!(finished.verify().code, 4);
    }
}

/// Returns a purge with the clock of another time. `outputs` are those of `folder`.
fn purge_at(now: Timestamp, key: &SigningKey, outputs: &[PathBuf], folder: &Path) {
    let opened = OpenedFolders::default();
    let purge = Purge {
        now,
        ..plain_purge(key, outputs, &opened, folder)
    };
    assert!(purge.run().is_ok());
}

/// Of two statements about a file nobody could tell which is the later one.
#[test]
fn nothing_is_deleted_while_a_journal_or_record_is_dated_after_the_clock() {
    let text = "this machine's clock is earlier than";
    let later = Timestamp::now() + jiff::Span::new().hours(24 * 30);
    for is_journal in [true, false] {
        let finished = overdue_round();
        let second = finished.round.path("second");
        let run = ["--output", second.to_str().unwrap()];
        assert_eq!(finished.round.run_with(&run).code, 0);
        match is_journal {
            true => {
                write_journal(&finished, &later.to_string(), |_| true);
            }
            false => {
                let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
                let folder = finished.round.path("");
                purge_at(later, &key, &[finished.path("")], &folder);
                // Somebody restored it.
                fs::write(finished.round.path("veterans.persons.csv"), "rows").unwrap();
            }
        }
        let names = finished.round.names();
        let (first, second) = (finished.path(""), finished.round.path("second"));
        let whole = finished.round.path("");
        for folder in [&first, &second, &whole] {
            for more in [&[][..], &["--dry-run"]] {
                let purge = ["purge", folder.to_str().unwrap(), "--lang", "en"];
                let result = aidlink(&[&purge[..], more].concat());
                assert_eq!(result.code, 1, "{is_journal} {}", result.stdout);
                assert!(result.stderr.contains(text), "{}", result.stderr);
            }
        }
        assert_eq!(finished.round.names(), names);
        assert!(second.join("lists").exists());
        let audit = finished.audit(&[]).stdout;
        let told = audit.matches("is dated after this machine's clock").count();
        assert_eq!(told, 2, "{audit}");
        assert_eq!(check_19(&finished).0, "not_held");
    }
}

/// The clock was wrong when the older output was purged, or while it was. Nothing waits for that
/// time once the record is out of the way.
#[test]
fn a_document_of_a_wrong_clock_is_moved_away_and_the_purge_goes_on() {
    let later = Timestamp::now() + jiff::Span::new().hours(24 * 365 * 50);
    for is_journal in [true, false] {
        let finished = overdue_round();
        let second = finished.round.path("second");
        let run = ["--output", second.to_str().unwrap()];
        assert_eq!(finished.round.run_with(&run).code, 0);
        match is_journal {
            true => {
                write_journal(&finished, &later.to_string(), |_| false);
            }
            false => {
                let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
                let folder = finished.round.path("");
                purge_at(later, &key, &[finished.path("")], &folder);
            }
        }
        let deletions = finished.path("deletions");
        let document = fs::read_dir(&deletions).unwrap().next().unwrap().unwrap();
        let name = document.file_name().into_string().unwrap();
        for lang in ["en", "zh"] {
            let folder = finished.round.path("");
            let purge = ["purge", folder.to_str().unwrap(), "--lang", lang];
            let result = aidlink(&purge);
            assert_eq!(result.code, 1, "{}", result.stdout);
            let hint = match lang {
                "en" => "move this folder out of the output folder",
                _ => "请将此文件夹移出输出文件夹",
            };
            assert!(result.stderr.contains(hint), "{}", result.stderr);
            assert!(result.stderr.contains(&name), "{}", result.stderr);
        }
        fs::rename(document.path(), finished.round.path("../kept")).unwrap();
        let result = purge(&finished, &[]);
        let expected = if is_journal { 0 } else { 3 };
        assert_eq!(result.code, expected, "{}{}", result.stdout, result.stderr);
        assert!(!second.join("lists").exists());
        assert!(!finished.round.path("round.key").exists());
        let state = if is_journal { "held" } else { "not_held" };
        assert_eq!(check_19(&finished).0, state, "{is_journal}");
    }
}

/// Anybody who may write into the folder can make a key and sign with it.
#[test]
fn a_document_of_a_foreign_key_that_is_dated_after_the_clock_stops_no_purge() {
    let later = Timestamp::now() + jiff::Span::new().hours(24 * 365 * 70);
    let finished = overdue_round();
    let folder = finished.round.path("");
    let copy = finished.round.path("../copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&folder, &copy])
        .status();
    assert!(copied.unwrap().success());
    let key = SigningKey::make(&copy.join("foreign.key")).unwrap();
    let outputs = [copy.join("output")];
    let opened = OpenedFolders::default();
    let purged = Purge {
        other_signer: Some("mine"),
        now: later,
        ..plain_purge(&key, &outputs, &opened, &copy)
    };
    assert!(purged.run().is_ok());
    fs::rename(copy.join("output/deletions"), finished.path("deletions")).unwrap();
    let text = "another key signed it, and it is dated after this machine's clock";
    for more in [&["--dry-run"][..], &[]] {
        let result = purge(&finished, more);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        assert!(result.stdout.contains(text), "{}", result.stdout);
    }
    assert!(!finished.round.path("round.key").exists());
    let own = fs::read_dir(finished.path("deletions")).unwrap();
    let own = own.map(|entry| entry.unwrap().path());
    let foreign = own.max().unwrap();
    fs::rename(foreign, finished.round.path("../kept")).unwrap();
    assert_eq!(check_19(&finished), ("held".to_owned(), 0));
}

/// In records both have the same name.
#[test]
fn a_key_is_recorded_beside_one_whose_name_differs_in_a_number() {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = 2026-12-31",
        "retention_until = 2026-10-01",
    );
    let (old, new) = ("13800138000.key", "13900139000.key");
    round.replace("round.toml", "\"round.key\"", &format!("\"{old}\""));
    fs::rename(round.path("round.key"), round.path(old)).unwrap();
    let finished = FinishedRound::of(round);
    finished.round.replace("round.toml", old, new);
    fs::write(finished.round.path(new), "a key of somebody").unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    assert!(!finished.round.path(old).exists() && finished.round.path(new).exists());
    let record = last_record(&finished.path(""));
    assert!(paths(&record["removed"]).contains("***.key"), "{record}");
    assert!(paths(&record["left"]).contains("***.key"), "{record}");
    let audit = finished.audit(&[]).stdout;
    assert!(
        !audit.contains("missing without a deletion record"),
        "{audit}"
    );
    fs::remove_file(finished.round.path(new)).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(check_19(&finished), ("held".to_owned(), 0));
}
