//! Numbers of persons in the names of folders and files: no purge may show or record one, and
//! none may hide a file.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::deleting::{assert_finished, change_journal, check_19, last_record, records};
use crate::audit::FinishedRound;
use crate::deletion::{kill_purge, overdue_round, paths, purge};
use crate::support::{Round, aidlink, set_mode};

use aidlink_office::signing::SigningKey;

const NUMBER: &str = "44990119900101011X";

/// Writes files into a leftover of a killed run beside a round's output.
fn write_leftover(finished: &FinishedRound, name: &str, files: &[(&str, &str)]) {
    let leftover = finished.round.path(name);
    for (path, content) in files {
        let file = leftover.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    set_mode(&leftover, 0o1700);
}

/// Returns everything that a purge and an audit show and record, without the paths that the
/// user gives.
fn shown(finished: &FinishedRound, output: &str, arguments: &[&str]) -> String {
    let folder = finished.round.path("");
    let mut shown = String::new();
    for verb in [&["purge"][..], &["audit"], &["audit", "verify"]] {
        for more in [&[][..], &["--json"]] {
            let more = match verb {
                ["purge"] => [arguments, more].concat(),
                _ => more.to_vec(),
            };
            let result = aidlink(&[verb, &[folder.to_str().unwrap()], &more].concat());
            shown += &result.stdout;
            shown += &result.stderr;
        }
    }
    let deletions = finished.round.path(output).join("deletions");
    for folder in fs::read_dir(deletions).into_iter().flatten() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            shown += &fs::read_to_string(file.unwrap().path()).unwrap();
        }
    }
    shown
}

fn assert_without_number(shown: &str, digits: &[&str]) {
    for digits in digits {
        let found = shown.lines().find(|line| line.contains(digits));
        assert!(found.is_none(), "{found:?}");
    }
}

#[test]
fn an_output_folder_with_a_number_in_its_name_is_purged_and_never_named() {
    for output in [NUMBER, "of 13800001234", "13800001234.2"] {
        for is_killed in [false, true] {
            let round = Round::sample();
            round.replace(
                "round.toml",
                "retention_until = 2026-12-31",
                "retention_until = 2026-10-01",
            );
            let folder = round.path(output);
            let result = round.run_with(&["--output", folder.to_str().unwrap()]);
            assert_eq!(result.code, 0, "{}", result.stderr);
            let finished = FinishedRound::at(round, output);
            let leftover = format!(".{output}.partial-abc");
            write_leftover(&finished, &leftover, &[("lists/a.csv", "rows")]);
            let mut asides = Vec::new();
            if is_killed {
                // The purge of a stranger had set everything aside: it names leftovers, too.
                asides = kill_purge(&finished);
                let other = finished.round.path("../other.key");
                let other = SigningKey::make(&other).unwrap();
                change_journal(&finished, &other, |_| {});
                for (file, place) in &asides {
                    if file.path.ends_with("a.csv") {
                        fs::remove_file(place).unwrap();
                    }
                }
            }
            let shown = shown(&finished, output, &[]);
            assert_without_number(&shown, &[NUMBER, "13800001234"]);
            let record = &records(&folder)[0];
            let list = if is_killed { "left" } else { "removed" };
            let leftovers = paths(&record[list]);
            assert!(
                leftovers
                    .iter()
                    .any(|path| path.ends_with(".partial-abc/lists/a.csv")),
                "{record}"
            );
            assert_eq!(
                paths(&record["removed"]).len(),
                if is_killed { 44 } else { 45 }
            );
            assert_eq!(record["not_found"], json!([]));
            assert!(asides.iter().all(|(_, place)| !place.exists()));
        }
    }
}

/// The parts of a number may be the names of nested folders.
#[test]
fn a_number_across_the_parts_of_a_path_is_blacked_out() {
    for path in [
        "449901/19900101/011X",
        "449901/19900101/011X.csv",
        "44990119900101/011X/list.csv",
        "a/4499/0119/9001/0101/1X",
        "44990119900101011/X",
    ] {
        for is_killed in [false, true] {
            let finished = overdue_round();
            write_leftover(&finished, ".output.partial-abc", &[(path, "rows")]);
            if is_killed {
                kill_purge(&finished);
            }
            let shown = shown(&finished, "output", &[]);
            let joined = path.split('.').next().unwrap();
            assert_without_number(&shown, &[joined, NUMBER]);
            assert!(!finished.round.path(".output.partial-abc").exists());
            assert_finished(&finished, &purge(&finished, &[]));
        }
    }
}

/// Each file is a line and an entry of its own, and one purge deletes them all.
#[test]
fn files_whose_names_differ_only_in_a_number_are_counted_and_deleted_each() {
    for (is_killed, kept) in [(false, 0), (true, 0), (true, 2)] {
        let finished = overdue_round();
        let names = ["13800001111.csv", "13800002222.csv", "13800003333.csv"];
        let files = names.map(|name| (name, "rows"));
        write_leftover(&finished, ".output.partial-abc", &files);
        fs::write(finished.round.path(".output.partial-abc/other.csv"), "rows").unwrap();
        if is_killed {
            // A purge was killed when it had renamed one of them.
            let leftover = finished.round.path(".output.partial-abc");
            let journaled =
                crate::deletion::write_journal(&finished, "2026-10-02T08:00:00Z", |_| false);
            let mut journaled = journaled
                .iter()
                .filter(|file| file.path.contains(names[kept]));
            let file = journaled.next().unwrap();
            let aside = aidlink_office::aside::aside_place(file, Path::new(&file.path));
            let aside = aside.file_name().unwrap().to_str().unwrap();
            fs::rename(leftover.join(names[kept]), leftover.join(aside)).unwrap();
        }
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        let line = "deleted: .output.partial-abc/***.csv (left by an interrupted run)";
        assert_eq!(result.stdout.matches(line).count(), 3, "{}", result.stdout);
        let record = last_record(&finished.path(""));
        let removed = record["removed"].as_array().unwrap().iter();
        let equal = removed.filter(|file| file["file"] == ".output.partial-abc/***.csv");
        assert_eq!(equal.count(), 3, "{record}");
        assert!(
            result.stdout.contains("48 files in all"),
            "{}",
            result.stdout
        );
    }
}

#[test]
fn folders_that_are_nested_too_deeply_are_named() {
    let finished = overdue_round();
    let top = finished.round.path("of 13800001234");
    // Longer than a path may be: each folder is moved into the next.
    fs::create_dir(&top).unwrap();
    for _ in 0..100 {
        let outer = finished.round.path("outer");
        fs::create_dir(&outer).unwrap();
        fs::rename(&top, outer.join("n")).unwrap();
        fs::rename(&outer, &top).unwrap();
    }
    // An output in it may need the inputs, so nothing is deleted.
    let refused = purge(&finished, &[]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let text = "this folder cannot be searched for outputs that still need files of the round: folders are nested too deeply";
    assert!(refused.stderr.contains(text), "{}", refused.stderr);
    assert!(!refused.stderr.contains("13800001234"));
    let folder = finished.round.path("");
    let audit = aidlink(&["audit", folder.to_str().unwrap(), "--lang", "en"]);
    let text = "  not searched completely: of ***";
    assert!(audit.stdout.contains(text), "{}", audit.stdout);
    assert!(audit.stdout.contains("could not be searched completely"));
    assert_eq!(check_19(&finished).0, "not_held");
    let away = finished.round.path("../away");
    fs::rename(&top, &away).unwrap();
    assert_finished(&finished, &purge(&finished, &[]));
    assert_eq!(check_19(&finished).0, "held");
    fs::rename(&away, &top).unwrap();
    // In an output folder, verification names the folder and the reason.
    fs::rename(&top, finished.path("lists")).unwrap();
    let verified = finished.verify();
    let text = "the file cannot be read: folders are nested too deeply";
    assert!(verified.stdout.contains(text), "{}", verified.stdout);
}
