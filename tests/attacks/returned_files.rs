//! Attempts to make a file count as deleted that is there again after its deletion was recorded,
//! was seen by a purge, and was taken away.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use aidlink_office::signing::SigningKey;

use super::deleting::{
    assert_finished, assert_left, change_journal, check_19, last_record, records,
};
use crate::audit::FinishedRound;
use crate::deletion::{kill_purge, overdue_round, paths, purge};

/// An export, an output and the key, by their paths in records.
const FILES: [&str; 3] = [
    "veterans.persons.csv",
    "lists/for-review/to-veterans.csv",
    "round.key",
];

/// Returns where a file of [`FILES`] is.
fn place_of(finished: &FinishedRound, file: &str) -> PathBuf {
    match file.starts_with("lists/") {
        true => finished.path(file),
        false => finished.round.path(file),
    }
}

/// Purges while no file can be removed, as strace injects it. `None` if there is no strace.
fn purge_that_cannot_remove(folder: &Path, more: &[&str]) -> Option<i32> {
    Command::new("strace").arg("-V").output().ok()?;
    let purged = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", "inject=unlinkat:error=EPERM:when=1"])
        .args([env!("CARGO_BIN_EXE_aidlink"), "purge"])
        .arg(folder)
        .args(more)
        .output();
    purged.unwrap().status.code()
}

/// Puts a file back that a purge has deleted, so that the next purge leaves it. An input is changed
/// after that purge: with other content it would be another file. Returns `None` if this cannot be
/// tried here.
fn put_back_and_leave(
    finished: &FinishedRound,
    file: &str,
    bytes: &[u8],
    is_changed: bool,
) -> Option<()> {
    let place = place_of(finished, file);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let is_output = file.starts_with("lists/");
    if !(is_changed && is_output) {
        fs::write(&place, bytes).unwrap();
        let code = purge_that_cannot_remove(&finished.round.path(""), &[])?;
        assert_eq!(code, 3, "{file}");
    }
    if is_changed {
        if !is_output {
            fs::rename(find(finished, file), &place).unwrap();
        }
        fs::write(&place, [b"late", bytes].concat()).unwrap();
        assert_eq!(purge(finished, &[]).code, 3, "{file}");
    }
    let left = paths(&last_record(&finished.path(""))["left"]);
    assert!(left.contains(file), "{file} {left:?}");
    assert_eq!(check_19(finished).0, "not_held", "{file}");
    Some(())
}

/// Returns where a file is now: at its path, or under the purge's own name.
fn find(finished: &FinishedRound, file: &str) -> PathBuf {
    let place = place_of(finished, file);
    if place.exists() {
        return place;
    }
    let entries = fs::read_dir(place.parent().unwrap()).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let is_aside = |path: &PathBuf| path.to_string_lossy().contains(".purging-");
    paths.find(is_aside).expect("the file is there")
}

#[test]
fn a_deleted_file_that_a_purge_has_seen_again_is_missing_if_somebody_takes_it() {
    for file in FILES {
        for is_changed in [true, false] {
            for is_brought_back in [true, false] {
                let finished = overdue_round();
                let bytes = fs::read(place_of(&finished, file)).unwrap();
                assert_eq!(purge(&finished, &[]).code, 0);
                assert_eq!(check_19(&finished).0, "held");
                if put_back_and_leave(&finished, file, &bytes, is_changed).is_none() {
                    return;
                }
                let place = find(&finished, file);
                let away = finished.round.path("../away");
                fs::rename(&place, &away).unwrap();
                let what = format!("{file} {is_changed}");
                // Before a purge has said that it is missing, and after.
                for _ in 0..3 {
                    assert_eq!(check_19(&finished).0, "not_held", "{what}");
                    let audit = finished.audit(&[]).stdout;
                    assert!(
                        audit.contains("missing without a deletion record"),
                        "{audit}"
                    );
                    let is_key_deleted = audit.contains("the key was deleted at");
                    assert_eq!(is_key_deleted, file != "round.key", "{audit}");
                    let is_output = file.starts_with("lists/");
                    assert_eq!(finished.verify().code, if is_output { 4 } else { 0 });
                    let result = purge(&finished, &[]);
                    assert_eq!(result.code, 3, "{what} {}", result.stdout);
                    let text = "an earlier deletion record lists it as left";
                    assert!(result.stdout.contains(text), "{}", result.stdout);
                    let missing = paths(&last_record(&finished.path(""))["not_found"]);
                    assert_eq!(missing, [file.to_owned()].into(), "{what}");
                }
                let result = match is_brought_back {
                    true => {
                        fs::create_dir_all(place.parent().unwrap()).unwrap();
                        // As it was when it was deleted first.
                        fs::write(place_of(&finished, file), &bytes).unwrap();
                        purge(&finished, &[])
                    }
                    false => purge(&finished, &["--confirm-deleted", "wiped"]),
                };
                assert_finished(&finished, &result);
                assert_eq!(finished.verify().code, 0);
                let record = last_record(&finished.path(""));
                let list = if is_brought_back {
                    "removed"
                } else {
                    "confirmed"
                };
                assert_eq!(paths(&record[list]), [file.to_owned()].into(), "{what}");
                // And it stays so.
                assert_finished(&finished, &purge(&finished, &[]));
            }
        }
    }
}

/// Nobody can confirm away what is still there, under whatever name.
#[test]
fn a_person_cannot_confirm_away_a_file_that_is_there_again() {
    for file in FILES {
        for is_changed in [true, false] {
            let finished = overdue_round();
            let bytes = fs::read(place_of(&finished, file)).unwrap();
            assert_eq!(purge(&finished, &[]).code, 0);
            if put_back_and_leave(&finished, file, &bytes, is_changed).is_none() {
                return;
            }
            if !is_changed {
                let aside = find(&finished, file);
                let bytes = fs::read(&aside).unwrap();
                fs::write(&aside, [b"late", bytes.as_slice()].concat()).unwrap();
            }
            let result = purge(&finished, &["--confirm-deleted", "wiped"]);
            assert_eq!(result.code, 3, "{file} {}", result.stdout);
            let record = last_record(&finished.path(""));
            assert!(record.get("confirmed").is_none(), "{record}");
            assert_eq!(check_19(&finished).0, "not_held");
            assert!(find(&finished, file).exists());
        }
    }
}

/// Returns the states of check 19 of all output folders of the round.
fn checks_19(finished: &FinishedRound) -> BTreeSet<String> {
    let audit = finished.audit(&["--json"]);
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    let documents = documents.as_array().unwrap().iter();
    let checks = documents.flat_map(|document| document["checks"].as_array().unwrap());
    checks
        .filter(|check| check["number"] == 19)
        .map(|check| check["state"].as_str().unwrap().to_owned())
        .collect()
}

/// Two outputs share the input, and each has a record of its deletion. The purge of one of them
/// sees it again.
#[test]
fn an_input_that_was_seen_again_for_one_output_is_missing_for_all() {
    let finished = overdue_round();
    let other = finished.round.path("other");
    let result = finished
        .round
        .run_with(&["--output", other.to_str().unwrap()]);
    assert_eq!(result.code, 0);
    let export = finished.round.path(FILES[0]);
    let bytes = fs::read(&export).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(checks_19(&finished), ["held".to_owned()].into());
    fs::write(&export, &bytes).unwrap();
    let Some(code) = purge_that_cannot_remove(&other, &[]) else {
        return;
    };
    assert_eq!(code, 3);
    let place = find(&finished, FILES[0]);
    fs::rename(place, finished.round.path("../away")).unwrap();
    for _ in 0..2 {
        assert_eq!(checks_19(&finished), ["not_held".to_owned()].into());
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{}", result.stdout);
    }
    let result = purge(&finished, &["--confirm-deleted", "wiped"]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert_eq!(checks_19(&finished), ["held".to_owned()].into());
}

/// After a killed purge somebody restores a file beside the one that was set aside.
#[test]
fn a_file_of_which_a_copy_is_left_is_in_one_list_of_a_record() {
    for is_taken in [true, false] {
        let finished = overdue_round();
        for (file, place) in kill_purge(&finished) {
            if FILES.contains(&file.path.as_str()) {
                let name = Path::new(&file.path).file_name().unwrap();
                fs::copy(&place, place.with_file_name(name)).unwrap();
            }
        }
        let result = purge(&finished, &[]);
        // No other list has them.
        assert_left(&finished, &finished.path(""), &result, &FILES);
        for file in FILES {
            let place = place_of(&finished, file);
            match is_taken {
                true => fs::rename(&place, finished.round.path("../away")).unwrap(),
                false => assert!(place.exists()),
            }
        }
        let result = purge(&finished, &[]);
        if !is_taken {
            assert_finished(&finished, &result);
            continue;
        }
        assert_eq!(result.code, 3, "{}", result.stdout);
        for record in records(&finished.path("")) {
            for list in ["removed", "removed_earlier"] {
                let listed = paths(&record[list]);
                assert!(FILES.iter().all(|file| !listed.contains(*file)), "{record}");
            }
        }
        let missing = &last_record(&finished.path(""))["not_found"];
        assert_eq!(paths(missing), FILES.map(str::to_owned).into());
        assert_eq!(check_19(&finished).0, "not_held");
    }
}

/// Returns another key, and the arguments with which a purge uses it.
fn other_key(finished: &FinishedRound) -> (SigningKey, Vec<String>) {
    let file = finished.round.path("../other.key");
    let key = SigningKey::make(&file).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let more = ["--signing-key", &file, "--other-signer", "the key was lost"];
    (key, more.map(str::to_owned).to_vec())
}

/// Puts another file in the place of one that was deleted.
fn put_in_place(finished: &FinishedRound, file: &str) -> PathBuf {
    let place = place_of(finished, file);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "what somebody restored").unwrap();
    place
}

/// Returns the paths in a list of the newest record.
fn listed(finished: &FinishedRound, list: &str) -> BTreeSet<String> {
    paths(&last_record(&finished.path(""))[list])
}

/// A purge with one key deletes a file, one with another key sees it there again.
#[test]
fn a_file_that_a_purge_has_seen_again_is_missing_whichever_key_signs() {
    for file in FILES {
        for is_other_first in [false, true] {
            let finished = overdue_round();
            let (_, other) = other_key(&finished);
            let other: Vec<&str> = other.iter().map(String::as_str).collect();
            let (first, second) = match is_other_first {
                true => (other.as_slice(), &[][..]),
                false => (&[][..], other.as_slice()),
            };
            let bytes = fs::read(place_of(&finished, file)).unwrap();
            assert_eq!(purge(&finished, first).code, 0, "{file}");
            let place = place_of(&finished, file);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, bytes).unwrap();
            let Some(code) = purge_that_cannot_remove(&finished.round.path(""), second) else {
                return;
            };
            assert_eq!(code, 3, "{file}");
            assert!(listed(&finished, "left").contains(file), "{file}");
            fs::remove_file(find(&finished, file)).unwrap();
            let what = format!("{file} {is_other_first}");
            for _ in 0..2 {
                let result = purge(&finished, first);
                assert_eq!(result.code, 3, "{what} {}", result.stdout);
                let text = "an earlier deletion record lists it as left";
                assert!(result.stdout.contains(text), "{what} {}", result.stdout);
                let key = finished.round.path("../other.pub");
                let audit = finished.audit(&["--public-key", key.to_str().unwrap()]);
                let text = "missing without a deletion record";
                assert!(audit.stdout.contains(text), "{what} {}", audit.stdout);
            }
            // What the others account for stays accounted for.
            let others: Vec<&str> = FILES.into_iter().filter(|other| *other != file).collect();
            let result = purge(&finished, first);
            for other in others {
                assert!(!result.stdout.contains(other), "{what} {}", result.stdout);
            }
        }
    }
}

/// A purge with one key was killed, one with another key sees the file there again.
#[test]
fn a_file_of_a_killed_purge_that_another_key_has_seen_again_is_missing() {
    for file in FILES {
        for is_other_killed in [false, true] {
            let finished = overdue_round();
            let (key, other) = other_key(&finished);
            let other: Vec<&str> = other.iter().map(String::as_str).collect();
            for (_, place) in kill_purge(&finished) {
                fs::remove_file(place).unwrap();
            }
            let (first, second) = match is_other_killed {
                true => {
                    change_journal(&finished, &key, |_| {});
                    (other.as_slice(), &[][..])
                }
                false => (&[][..], other.as_slice()),
            };
            let place = put_in_place(&finished, file);
            let result = purge(&finished, second);
            assert_eq!(result.code, 3, "{file} {}", result.stderr);
            assert!(listed(&finished, "left").contains(file), "{file}");
            fs::remove_file(place).unwrap();
            let result = purge(&finished, first);
            let what = format!("{file} {is_other_killed}: {}", result.stdout);
            assert!(
                !listed(&finished, "removed_earlier").contains(file),
                "{what}"
            );
            assert!(listed(&finished, "not_found").contains(file), "{what}");
            assert_eq!(check_19(&finished).0, "not_held", "{what}");
        }
    }
}
