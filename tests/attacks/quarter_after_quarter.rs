//! One folder for every quarter: exports and keys of the next one come under the names that those
//! of the last one had. Nobody attacks anything. What is recorded of one quarter must stay true,
//! and what is recorded of the other must not touch it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::deleting::{last_record, records};
use super::several_outputs::{check_19_of, run_again};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::aidlink;

/// Exports whose content changes from one quarter to the next. That of the others stays.
pub(super) const CHANGED: [&str; 2] = ["veterans.persons.csv", "education.students.csv"];
pub(super) const KEY: &str = "round.key";

/// Returns the exports of the round, with their content.
pub(super) fn exports(finished: &FinishedRound) -> BTreeMap<String, Vec<u8>> {
    let manifest = finished.manifest();
    let exports = manifest["exports"].as_array().unwrap().iter();
    let files = exports.flat_map(|export| paths(&export["files"]));
    let read = |file: String| {
        let content = fs::read(finished.round.path(&file)).unwrap();
        (file, content)
    };
    files.map(read).collect()
}

/// Puts the exports of the next quarter into the folder, and writes its round file.
pub(super) fn prepare_next(finished: &FinishedRound, last: &BTreeMap<String, Vec<u8>>, day: &str) {
    for (file, content) in last {
        let is_changed = CHANGED.contains(&file.as_str());
        let more: &[u8] = if is_changed { b"\r\n" } else { b"" };
        finished.round.write(file, [content, more].concat());
    }
    let round = &finished.round;
    round.replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    let until = |day: &str| format!("retention_until = {day}");
    round.replace("round.toml", &until("2026-10-01"), &until(day));
}

/// Returns the paths of the inputs in a list of a record.
pub(super) fn inputs_in(record: &Value, list: &str) -> BTreeSet<String> {
    let files = record[list].as_array().unwrap().iter();
    let inputs = files.filter(|file| file["part"] != "output").cloned();
    paths(&inputs.collect::<Vec<Value>>().into())
}

/// Returns what a purge says that its records hold, by output folder.
pub(super) fn said(finished: &FinishedRound, more: &[&str]) -> BTreeMap<String, Value> {
    let folder = finished.round.path("");
    let purge = ["purge", folder.to_str().unwrap(), "--json"];
    let result = aidlink(&[&purge[..], more].concat());
    let documents: Value = serde_json::from_str(&result.stdout).unwrap();
    let documents = documents.as_array().unwrap().iter();
    let lists = documents.map(|document| {
        let record = &document["record"];
        let name = Path::new(document["folder"].as_str().unwrap()).file_name();
        let name = name.unwrap().to_str().unwrap().to_owned();
        let lists = ["removed", "removed_earlier", "left", "not_found"];
        let lists = lists.map(|list| (list, json!(paths(&record[list]))));
        (name, json!(BTreeMap::from(lists)))
    });
    lists.collect()
}

pub(super) fn state_of(finished: &FinishedRound, output: &Path) -> String {
    check_19_of(finished, output).0
}

/// The content of some exports did not change.
#[test]
fn what_a_purge_deletes_for_the_new_quarter_is_left_for_none() {
    for is_purged in [true, false] {
        // The new output comes after the last one by its name, or before it.
        for name in ["output4", "a4"] {
            let finished = overdue_round();
            let (last, exports) = (finished.path(""), exports(&finished));
            if is_purged {
                assert_eq!(purge(&finished, &[]).code, 0);
                assert_eq!(state_of(&finished, &last), "held");
            } else {
                fs::remove_file(finished.round.path(KEY)).unwrap();
            }
            prepare_next(&finished, &exports, "2026-10-02");
            let next = run_again(&finished, name, &[]);
            let dry = said(&finished, &["--dry-run"]);
            assert_eq!(said(&finished, &[]), dry, "{is_purged} {name}");
            let what = format!("{is_purged} {name} {dry:?}");
            for file in exports.keys() {
                assert!(!finished.round.path(file).exists(), "{file}");
            }
            let unchanged = exports
                .keys()
                .filter(|file| !CHANGED.contains(&file.as_str()));
            let unchanged: BTreeSet<String> = unchanged.cloned().collect();
            let all: BTreeSet<String> = exports.keys().cloned().chain([KEY.to_owned()]).collect();
            let record = last_record(&next);
            assert_eq!(inputs_in(&record, "removed"), all, "{what}");
            assert_eq!(record["left"], json!([]), "{what}");
            assert_eq!(state_of(&finished, &next), "held", "{what}");
            // The last quarter's record has them, too, and nothing else of the new one.
            let record = last_record(&last);
            assert_eq!(inputs_in(&record, "removed"), unchanged, "{what}");
            assert_eq!(record["left"], json!([]), "{what}");
            if is_purged {
                assert_eq!(record["not_found"], json!([]), "{what}");
                assert_eq!(state_of(&finished, &last), "held", "{what}");
                assert_eq!(records(&last).len(), 2);
            } else {
                // Nobody knows where they went, and the record says so.
                let gone = &all - &unchanged;
                assert_eq!(inputs_in(&record, "not_found"), gone, "{what}");
            }
            // And it stays so.
            let again = purge(&finished, &[]);
            assert_eq!(
                again.code,
                if is_purged { 0 } else { 3 },
                "{}",
                again.stdout
            );
            assert_eq!(state_of(&finished, &next), "held", "{what}");
        }
    }
}

/// Puts the next quarter's exports and key beside the last quarter's output, which is purged.
/// Runs it if `is_run`, and else puts any key there.
fn follow(finished: &FinishedRound, is_run: bool) -> Option<PathBuf> {
    let exports = exports(finished);
    assert_eq!(purge(finished, &[]).code, 0);
    prepare_next(finished, &exports, "2099-12-31");
    if is_run {
        return Some(run_again(finished, "output4", &[]));
    }
    for file in exports
        .keys()
        .filter(|file| !CHANGED.contains(&file.as_str()))
    {
        fs::remove_file(finished.round.path(file)).unwrap();
    }
    finished.round.write(KEY, "a key of somebody");
    None
}

/// Returns the unknown files that an audit and a purge tell.
fn unknown(finished: &FinishedRound) -> Vec<BTreeSet<String>> {
    let folder = finished.round.path("");
    let purge = aidlink(&["purge", folder.to_str().unwrap(), "--dry-run", "--json"]);
    let answers = [finished.audit(&["--json"]).stdout, purge.stdout];
    let told = answers.iter().flat_map(|answer| {
        let documents: Value = serde_json::from_str(answer).unwrap();
        let documents = documents.as_array().unwrap().clone();
        documents.into_iter().map(|document| {
            let files = document["unknown_files"]["first"]
                .as_array()
                .unwrap()
                .clone();
            let files = files.iter().map(|file| file.as_str().unwrap().to_owned());
            files.collect()
        })
    });
    told.collect()
}

/// The last quarter's files are deleted, and its record says so, whatever is at their paths now.
#[test]
fn files_of_the_new_quarter_do_not_undo_what_is_recorded_of_the_last_one() {
    for is_purged_between in [true, false] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let last = finished.path("");
        let next = follow(&finished, true).unwrap();
        let mine: BTreeSet<String> = CHANGED
            .into_iter()
            .chain([KEY])
            .map(str::to_owned)
            .collect();
        for round in 0..3 {
            let (state, evidence) = check_19_of(&finished, &last);
            assert_eq!(state, "held", "{round}: {evidence}");
            assert!(!evidence.contains("still here"), "{evidence}");
            let told = unknown(&finished);
            assert!(told.iter().all(BTreeSet::is_empty), "{told:?}");
            if is_purged_between {
                let result = purge(&finished, &[]);
                assert!(
                    !result.stdout.contains("check it by hand"),
                    "{}",
                    result.stdout
                );
                for record in records(&last) {
                    let left = inputs_in(&record, "left");
                    assert!(left.is_disjoint(&mine), "{left:?}");
                }
            }
        }
        let result = purge(&finished, &["--early", "the round is over"]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        assert!(mine.iter().all(|file| !finished.round.path(file).exists()));
        assert!(mine.is_subset(&inputs_in(&last_record(&next), "removed")));
        for output in [&last, &next] {
            let (state, evidence) = check_19_of(&finished, output);
            assert_eq!(state, "held", "{evidence}");
        }
    }
}

/// A later output of the same round reads an export that was corrected after the purge of the
/// first one.
#[test]
fn a_correction_after_a_purge_does_not_undo_what_is_recorded() {
    let finished = overdue_round();
    let (last, exports) = (finished.path(""), exports(&finished));
    let key = fs::read(finished.round.path(KEY)).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    prepare_next(&finished, &exports, "2099-12-31");
    let id = |quarter: &str| format!("round = \"{quarter}\"");
    finished
        .round
        .replace("round.toml", &id("2026Q4"), &id("2026Q3"));
    finished.round.write(KEY, key);
    crate::support::set_mode(&finished.round.path(KEY), 0o600);
    let next = run_again(&finished, "output4", &[]);
    purge(&finished, &[]);
    let left = inputs_in(&last_record(&last), "left");
    assert!(CHANGED.iter().all(|file| !left.contains(*file)), "{left:?}");
    let result = purge(&finished, &["--early", "the round is over"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for output in [&last, &next] {
        assert_eq!(state_of(&finished, output), "held");
    }
}

/// Nobody has read the new files yet, or one is an edited copy: they prove nothing and undo
/// nothing, and a person is told of them.
#[test]
fn a_file_that_nobody_knows_in_the_place_of_a_deleted_one_is_told_and_kept() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let last = finished.path("");
    follow(&finished, false);
    let put: BTreeSet<String> = CHANGED
        .into_iter()
        .chain([KEY])
        .map(str::to_owned)
        .collect();
    for _ in 0..2 {
        let told = unknown(&finished);
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|files| *files == put), "{told:?}");
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        let text = "3 files in the round's folder are unknown to aidlink";
        assert!(result.stdout.contains(text), "{}", result.stdout);
        for file in &put {
            assert!(
                result.stdout.contains(&format!("  {file}")),
                "{}",
                result.stdout
            );
            assert!(finished.round.path(file).exists());
        }
        assert_eq!(records(&last).len(), 1);
        assert_eq!(state_of(&finished, &last), "held");
    }
    for file in &put {
        fs::remove_file(finished.round.path(file)).unwrap();
    }
    assert_eq!(state_of(&finished, &last), "held");
    assert_eq!(purge(&finished, &[]).code, 0);
}

/// No record says that the last quarter's files were deleted. A purge cannot know whose the new
/// ones are.
#[test]
fn files_in_the_place_of_those_that_no_record_names_are_left() {
    let finished = overdue_round();
    let (last, exports) = (finished.path(""), exports(&finished));
    prepare_next(&finished, &exports, "2099-12-31");
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let left = inputs_in(&last_record(&last), "left");
    assert!(CHANGED.iter().all(|file| left.contains(*file)), "{left:?}");
    assert_eq!(state_of(&finished, &last), "not_held");
}
