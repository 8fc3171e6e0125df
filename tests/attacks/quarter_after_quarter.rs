//! One folder for every quarter: exports and keys of the next one come under the names that those
//! of the last one had. Nobody attacks anything. What is recorded of one quarter must stay true,
//! and what is recorded of the other must not touch it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::deleting::{last_record, records};
use super::several_outputs::{check_19_of, run_again};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::aidlink;

/// Exports whose content changes from one quarter to the next. That of the others stays.
const CHANGED: [&str; 2] = ["veterans.persons.csv", "education.students.csv"];
const KEY: &str = "round.key";

/// Returns the exports of the round, with their content.
fn exports(finished: &FinishedRound) -> BTreeMap<String, Vec<u8>> {
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
fn prepare_next(finished: &FinishedRound, last: &BTreeMap<String, Vec<u8>>, day: &str) {
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
fn inputs_in(record: &Value, list: &str) -> BTreeSet<String> {
    let files = record[list].as_array().unwrap().iter();
    let inputs = files.filter(|file| file["part"] != "output").cloned();
    paths(&inputs.collect::<Vec<Value>>().into())
}

/// Returns what a purge says that its records hold, by output folder.
fn said(finished: &FinishedRound, more: &[&str]) -> BTreeMap<String, Value> {
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

fn state_of(finished: &FinishedRound, output: &Path) -> String {
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
