//! Attempts to make `purge` delete files outside the round, or record a deletion that
//! did not happen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aidlink_files::folder::Folder;
use aidlink_office::deletion_record::RoundFile;
use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::{is_intact, treasure};
use crate::audit::FinishedRound;
use crate::deletion::{kill_purge, overdue_round, paths, purge, record};
use crate::support::{CommandResult, Round, aidlink, command_result, set_mode};

/// Writes a journal or record as an attacker would.
fn write_document(finished: &FinishedRound, path: &str, document: &Value) {
    let file = finished.path(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{document:#}\n")).unwrap();
}

fn file_entry(part: &str, path: &str, bytes: &[u8]) -> Value {
    json!({
        "part": part,
        "file": path,
        "blake3": blake3::hash(bytes).to_hex().to_string(),
        "bytes": bytes.len(),
    })
}

fn manifest_digest(finished: &FinishedRound) -> String {
    let bytes = fs::read(finished.path("manifest.json")).unwrap();
    blake3::hash(&bytes).to_hex().to_string()
}

/// Writes a journal that names `files`, signed by `signer` if there is one. It is
/// written under the current path and under the path of the first version, whose
/// journals were unsigned.
fn write_forged_journal(finished: &FinishedRound, files: Value, signer: Option<&SigningKey>) {
    let digest = manifest_digest(finished);
    let folder = Folder::open(&finished.path("")).unwrap().mark().unwrap();
    let set_aside = files.as_array().unwrap().iter();
    let set_aside = set_aside.map(|file| json!({"file": file, "folder": folder}));
    let set_aside: Vec<Value> = set_aside.collect();
    let journal = json!({
        "format": "aidlink deletion journal",
        "version": 1,
        "round": "2026Q3",
        "manifest_blake3": digest,
        "begun_at": "2026-10-02T08:00:00Z",
        "there": set_aside,
        "set_aside": set_aside,
        "public_key": signer.map_or(String::new(), |key| key.public().to_base64()),
    });
    for name in [
        "deletions/under-way.json",
        "deletions/under-way-2026-10-02T08-00-00Z/deletion-journal.json",
    ] {
        write_document(finished, name, &journal);
        if let Some(key) = signer {
            let bytes = fs::read(finished.path(name)).unwrap();
            let comment = format!("aidlink deletion journal; round 2026Q3; manifest {digest}");
            let signature = key.sign(&bytes, &comment, Path::new("")).unwrap();
            fs::write(finished.path(&format!("{name}.minisig")), signature).unwrap();
        }
    }
}

fn entries_outside(treasure: &Path) -> Value {
    let precious = treasure.join("precious.csv");
    let absolute = precious.to_str().unwrap();
    let bytes = b"not part of the round";
    json!([
        file_entry("output", absolute, bytes),
        file_entry("export", absolute, bytes),
        file_entry("output", "../../treasure/precious.csv", bytes),
        file_entry("export", "../treasure/precious.csv", bytes),
        file_entry("left by a run that was cut off", "../../treasure", b""),
        file_entry(
            "left by a run that was cut off",
            treasure.to_str().unwrap(),
            b""
        ),
        file_entry("key", "../treasure/precious.csv", bytes),
    ])
}

#[test]
fn an_unsigned_journal_cannot_delete_files_outside_the_round() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    write_forged_journal(&finished, entries_outside(&treasure), None);
    purge(&finished, &[]);
    assert!(is_intact(&treasure));
    // Without the journal the purge succeeds.
    fs::remove_dir_all(finished.path("deletions")).unwrap();
    let result = purge(&finished, &[]);
    assert!(is_intact(&treasure), "{}", result.stdout);
}

#[test]
fn a_journal_signed_by_another_key_cannot_delete_files_outside_the_round() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    let key = SigningKey::make(&finished.round.path("stranger.key")).unwrap();
    write_forged_journal(&finished, entries_outside(&treasure), Some(&key));
    purge(&finished, &[]);
    assert!(is_intact(&treasure));
}

#[test]
fn a_journal_signed_by_the_right_key_cannot_delete_files_outside_the_round() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    write_forged_journal(&finished, entries_outside(&treasure), Some(&key));
    purge(&finished, &[]);
    assert!(is_intact(&treasure));
}

#[test]
fn an_unsigned_journal_does_not_turn_a_theft_into_a_deletion() {
    let finished = overdue_round();
    let list = "lists/for-review/to-veterans.csv";
    let bytes = fs::read(finished.path(list)).unwrap();
    fs::remove_file(finished.path(list)).unwrap();
    write_forged_journal(&finished, json!([file_entry("output", list, &bytes)]), None);
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    assert!(
        verified
            .stdout
            .contains("to-veterans.csv: the file is missing"),
        "{}",
        verified.stdout
    );
    let result = purge(&finished, &[]);
    let records = fs::read_dir(finished.path("deletions"))
        .unwrap()
        .filter_map(|entry| {
            fs::read_to_string(entry.unwrap().path().join("deletion-record.json")).ok()
        })
        .map(|text| serde_json::from_str::<Value>(&text).unwrap());
    for record in records {
        assert!(!paths(&record["removed"]).contains(list), "{record}");
        assert!(paths(&record["not_found"]).contains(list), "{record}");
    }
    assert_ne!(result.code, 0, "{}", result.stdout);
}

#[test]
fn a_link_named_like_an_interrupted_run_is_not_followed() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    symlink(&treasure, finished.round.path(".output.partial-evil")).unwrap();
    purge(&finished, &[]);
    assert!(is_intact(&treasure));
    // A run that cleans up does not follow it either.
    let again = Round::sample();
    let treasure = super::treasure(&again.path(".."));
    symlink(&treasure, again.path(".output.partial-evil")).unwrap();
    assert_eq!(again.run().code, 0);
    assert!(is_intact(&treasure));
}

#[test]
fn a_link_in_place_of_a_folder_is_not_followed() {
    for inner in [
        "lists",
        "lists/for-review",
        "rejects",
        "minimisation",
        "configuration",
    ] {
        let finished = overdue_round();
        let treasure = treasure(&finished.round.path(".."));
        let folder = finished.path(inner);
        // The link's target has files of the same names and bytes, so that digests match.
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), treasure.join(entry.file_name())).unwrap();
            }
        }
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>()
        };
        let before = names(&treasure);
        fs::remove_dir_all(&folder).unwrap();
        symlink(&treasure, &folder).unwrap();
        purge(&finished, &[]);
        assert_eq!(names(&treasure), before, "{inner}");
        assert!(is_intact(&treasure), "{inner}");
        assert_eq!(finished.verify().code, 4, "{inner}");
    }
}

#[test]
fn the_target_of_a_link_in_place_of_a_file_is_not_deleted() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    for (path, target) in [
        (finished.path("lists/for-review/to-veterans.csv"), "list"),
        (finished.round.path("education.students.csv"), "export"),
        (finished.round.path("round.key"), "key"),
    ] {
        let target = treasure.join(target);
        fs::rename(&path, &target).unwrap();
        symlink(&target, &path).unwrap();
    }
    purge(&finished, &[]);
    for target in ["list", "export", "key"] {
        assert!(treasure.join(target).is_file(), "{target}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_blocks_no_command() {
    for path in [
        "lists/for-review/to-veterans.csv",
        "../.output.partial-1/pipe",
        "summary.json",
    ] {
        let finished = overdue_round();
        let pipe = finished.path(path);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        let leftover = finished.round.path(".output.partial-1");
        if leftover.exists() {
            set_mode(&leftover, 0o1700);
        }
        let _ = fs::remove_file(&pipe);
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        for verb in [vec!["audit", "verify"], vec!["audit"], vec!["purge"]] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_aidlink"))
                .args(&verb)
                .arg(finished.round.path(""))
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            // Opening a pipe blocks until something opens its other end.
            let end = Instant::now() + Duration::from_secs(120);
            while child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end, "{verb:?} blocks at {path}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_deletion_record_of_another_folder_is_not_accepted() {
    let other = overdue_round();
    assert_eq!(purge(&other, &[]).code, 0);
    let finished = overdue_round();
    let records = other.path("deletions");
    let record = fs::read_dir(records).unwrap().next().unwrap().unwrap();
    let copy = finished.path("deletions").join(record.file_name());
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(record.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let list = "lists/for-review/to-veterans.csv";
    fs::remove_file(finished.path(list)).unwrap();
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    assert!(
        verified
            .stdout
            .contains("to-veterans.csv: the file is missing"),
        "{}",
        verified.stdout
    );
}

#[test]
fn a_deletion_record_signed_by_another_office_is_not_accepted() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let stranger = SigningKey::make(&finished.round.path("stranger.key")).unwrap();
    let folder = fs::read_dir(finished.path("deletions"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut document = record(&finished);
    document["public_key"] = stranger.public().to_base64().into();
    let bytes = format!("{document:#}\n");
    fs::write(folder.join("deletion-record.json"), &bytes).unwrap();
    let digest = manifest_digest(&finished);
    let comment = format!("aidlink deletion record; round 2026Q3; manifest {digest}");
    let signature = stranger
        .sign(bytes.as_bytes(), &comment, Path::new(""))
        .unwrap();
    fs::write(folder.join("deletion-record.json.minisig"), signature).unwrap();
    let verified = finished.verify();
    assert_eq!(verified.code, 4, "{}", verified.stdout);
    assert!(
        verified
            .stdout
            .contains("the file is missing, and no deletion record names it"),
        "{}",
        verified.stdout
    );
}

#[test]
fn the_key_of_another_round_at_the_same_path_is_kept() {
    let finished = overdue_round();
    let other = finished.round.read("round.key").replace("0123", "3210");
    finished.round.write("round.key", &other);
    set_mode(&finished.round.path("round.key"), 0o600);
    let result = purge(&finished, &[]);
    assert_eq!(finished.round.read("round.key"), other);
    let record = record(&finished);
    assert!(
        !paths(&record["removed"]).contains("round.key"),
        "{}",
        result.stdout
    );
}

#[test]
fn a_folder_in_place_of_a_file_is_never_removed() {
    let finished = overdue_round();
    let list = finished.path("lists/for-review/to-veterans.csv");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    fs::write(list.join("precious.csv"), "not part of the round").unwrap();
    let export = finished.round.path("education.students.csv");
    fs::remove_file(&export).unwrap();
    fs::create_dir(&export).unwrap();
    fs::write(export.join("precious.csv"), "not part of the round").unwrap();
    purge(&finished, &[]);
    assert!(list.join("precious.csv").is_file());
    assert!(export.join("precious.csv").is_file());
}

#[test]
fn a_stranger_cannot_purge_a_round_with_their_own_key() {
    let finished = overdue_round();
    let names = finished.round.names();
    let key = finished.round.path("../stranger.key");
    SigningKey::make(&key).unwrap();
    let result = purge(&finished, &["--signing-key", key.to_str().unwrap()]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert_eq!(finished.round.names(), names);
    // With a reason it is allowed, but the audit does not count the check as held.
    let arguments = [
        "--signing-key",
        key.to_str().unwrap(),
        "--other-signer",
        "the key is lost",
    ];
    assert_eq!(purge(&finished, &arguments).code, 0);
    assert_eq!(record(&finished)["other_signer"], "the key is lost");
    let folder = finished.round.path("");
    let audit = aidlink(&["audit", folder.to_str().unwrap(), "--json"]);
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    let checks = documents[0]["checks"].as_array().unwrap();
    let deletion_check = checks.iter().find(|check| check["number"] == 19).unwrap();
    assert_ne!(deletion_check["state"], "held");
}

#[test]
fn a_journal_put_back_after_the_purge_gives_no_second_record() {
    let finished = overdue_round();
    let list = "lists/for-review/to-veterans.csv";
    let bytes = fs::read(finished.path(list)).unwrap();
    let files = json!([file_entry("output", list, &bytes)]);
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    write_forged_journal(&finished, files.clone(), Some(&key));
    let old = finished.path("deletions/under-way.json");
    fs::remove_file(&old).unwrap();
    fs::remove_file(old.with_extension("json.minisig")).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    let first = record(&finished);
    // The journal of that purge again, signed by the right key.
    write_forged_journal(&finished, files, Some(&key));
    fs::remove_file(&old).unwrap();
    fs::remove_file(old.with_extension("json.minisig")).unwrap();
    let result = purge(&finished, &[]);
    let records = finished.round.output("output").into_keys();
    let records = records.filter(|path| path.ends_with("/deletion-record.json"));
    assert_eq!(records.count(), 1, "{}", result.stdout);
    assert_eq!(record(&finished), first);
}

#[test]
fn a_file_with_other_names_does_not_pass_as_deleted() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    let names = [
        (finished.round.path("veterans.persons.csv"), "export"),
        (finished.path("lists/for-review/to-veterans.csv"), "list"),
        (finished.round.path("round.key"), "key"),
    ];
    for (path, name) in &names {
        fs::hard_link(path, treasure.join(name)).unwrap();
    }
    // Two names that are both of the round leave nothing.
    let both = finished
        .round
        .path("output/lists/for-review/to-education.csv");
    let other = finished
        .round
        .path("output/lists/for-review/to-education.minors.csv");
    let is_pair = fs::read(&both).unwrap() == fs::read(&other).unwrap();
    assert!(!is_pair);
    let message = "1 other names (hard links) of this file remain, with its content";
    let plan = purge(&finished, &["--dry-run"]);
    assert_eq!(plan.code, 3);
    assert_eq!(plan.stdout.matches(message).count(), 3, "{}", plan.stdout);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    assert_eq!(result.stdout.matches(message).count(), 3);
    let record = record(&finished);
    let removed = record["removed"].as_array().unwrap().iter();
    let with_names = removed.filter(|file| file["other_names"] == 1).count();
    assert_eq!(with_names, 3, "{record}");
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 4, "{}", audit.stdout);
    assert!(
        audit
            .stdout
            .contains("3 other names (hard links) of the files deleted at"),
        "{}",
        audit.stdout
    );
    for (path, name) in &names {
        assert!(!path.exists() && treasure.join(name).exists());
    }
}

#[test]
fn no_number_of_a_person_gets_into_a_deletion_record() {
    let finished = overdue_round();
    let numbers = ["44990119900101011X", "13800001234"];
    let leftover = finished.round.path(".output.partial-cut");
    fs::create_dir(&leftover).unwrap();
    for number in numbers {
        fs::write(leftover.join(format!("{number}.csv")), number).unwrap();
    }
    set_mode(&leftover, 0o1700);
    let reason = format!("{} asked for it", numbers[0]);
    // Another output folder, whose name is in the paths of what its runs left.
    let result = purge(&finished, &["--early", &reason]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(!leftover.exists());
    let document = record(&finished);
    for text in [result.stdout, document.to_string()] {
        for number in numbers {
            assert!(!text.contains(number), "{text}");
        }
        assert!(text.contains(".output.partial-cut/***.csv"), "{text}");
    }
    // The digests say which files they were.
    for number in numbers {
        let digest = blake3::hash(number.as_bytes()).to_hex().to_string();
        let mut removed = document["removed"].as_array().unwrap().iter();
        assert!(removed.any(|file| file["blake3"] == digest.as_str()));
    }
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn a_finished_folder_or_key_that_is_named_like_a_leftover_is_kept() {
    for (path, hidden) in [
        ("output", ".output.partial-x"),
        ("round.key", ".round.key.partial-x"),
    ] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let hidden_path = finished.round.path(hidden);
        fs::rename(finished.round.path(path), &hidden_path).unwrap();
        let is_kept = || match path {
            "output" => hidden_path.join("manifest.json.minisig").exists(),
            _ => hidden_path.exists(),
        };
        // The next run makes a new key if there is none.
        let other = finished.round.path("other");
        let more: &[&str] = match path {
            "output" => &[],
            _ => &["--output", other.to_str().unwrap()],
        };
        assert_eq!(finished.round.run_with(more).code, 0);
        assert!(is_kept(), "{hidden}");
        for arguments in [&["--dry-run"][..], &[]] {
            let result = purge(&finished, arguments);
            assert!(is_kept(), "{hidden}");
            // A line for the folder, or one of an unknown file.
            let listed = match path {
                "output" => format!("/{hidden}: a copy of "),
                _ => format!("\n  {hidden}"),
            };
            assert!(result.stdout.contains(&listed), "{}", result.stdout);
        }
        let record = record(&finished);
        assert!(
            !paths(&record["removed"])
                .iter()
                .any(|file| file.starts_with(hidden))
        );
    }
}

#[test]
fn a_locked_folder_hides_nothing_from_verification_and_purge() {
    let finished = overdue_round();
    let hidden = finished.path("deletions/.2026.partial-1");
    fs::create_dir_all(&hidden).unwrap();
    fs::write(hidden.join("precious.csv"), "rows").unwrap();
    let lock = fs::File::open(&hidden).unwrap();
    lock.try_lock().unwrap();
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    for message in [
        "deletions/.2026.partial-1: another purge is running, or a program holds this folder locked",
        "deletions/.2026.partial-1/precious.csv: this file does not belong",
    ] {
        assert!(verified.stdout.contains(message), "{}", verified.stdout);
    }
    let before = finished.round.names();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("another purge is running"),
        "{}",
        result.stderr
    );
    assert_eq!(finished.round.names(), before);
    drop(lock);
    // Another purge holds the output folder itself locked.
    let lock = fs::File::open(finished.path("")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(purge(&finished, &["--dry-run"]).code, 0);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("another purge is running"),
        "{}",
        result.stderr
    );
    assert_eq!(finished.round.names(), before);
    drop(lock);
    assert_eq!(purge(&finished, &[]).code, 0);
}

/// Returns the deletion records in an output folder, oldest first.
pub fn records(output: &Path) -> Vec<Value> {
    let folders = fs::read_dir(output.join("deletions")).into_iter().flatten();
    let folders = folders.map(|folder| folder.unwrap().path());
    let texts =
        folders.filter_map(|folder| fs::read_to_string(folder.join("deletion-record.json")).ok());
    let mut records: Vec<Value> = texts
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect();
    records.sort_by_key(|record| record["completed_at"].as_str().unwrap().to_owned());
    records
}

/// Returns the newest deletion record in an output folder.
pub fn last_record(output: &Path) -> Value {
    records(output).pop().unwrap()
}

/// Returns the state of check 19 of the first output folder, and what is left to delete.
pub fn check_19(finished: &FinishedRound) -> (String, usize) {
    let audit = finished.audit(&["--json"]);
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    let mut checks = documents[0]["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["number"] == 19).unwrap();
    let left = documents[0]["left_to_delete"].as_array().unwrap().len();
    (check["state"].as_str().unwrap().to_owned(), left)
}

/// Checks that a purge after a killed one has left these files, with the reason, and
/// does not call any of them deleted.
pub fn assert_left(
    finished: &FinishedRound,
    output: &Path,
    result: &CommandResult,
    files: &[&str],
) {
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let record = last_record(output);
    let left = paths(&record["left"]);
    for list in ["removed", "removed_earlier", "not_found"] {
        let listed = paths(&record[list]);
        assert!(files.iter().all(|file| !listed.contains(*file)), "{record}");
    }
    assert!(files.iter().all(|file| left.contains(*file)), "{record}");
    assert_eq!(check_19(finished).0, "not_held");
}

/// Checks that a purge has finished what earlier ones had left.
pub fn assert_finished(finished: &FinishedRound, result: &CommandResult) {
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let record = last_record(&finished.path(""));
    assert_eq!(record["left"], json!([]));
    assert_eq!(record["not_found"], json!([]));
    assert_eq!(check_19(finished), ("held".to_owned(), 0));
    let files = fs::read_dir(finished.round.path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("purging-")).count(), 0);
}

fn file_paths(files: &[(RoundFile, PathBuf)]) -> Vec<&str> {
    files.iter().map(|(file, _)| file.path.as_str()).collect()
}

/// A way to keep the next purge from reading a file that a killed one had set aside.
#[derive(Clone, Copy, Debug)]
enum Hidden {
    /// By its permissions. They do not stop the superuser.
    Unreadable,
    /// By a link in its place.
    Linked,
}

#[test]
fn a_file_of_a_killed_purge_that_cannot_be_read_does_not_count_as_deleted() {
    for (hidden, count) in [
        (Hidden::Unreadable, usize::MAX),
        (Hidden::Linked, usize::MAX),
        (Hidden::Linked, 1),
    ] {
        let finished = overdue_round();
        let treasure = treasure(&finished.round.path(".."));
        let mut files = kill_purge(&finished);
        assert_eq!(files.len(), 44);
        files.sort_by_key(|(file, _)| file.path != "veterans.persons.csv");
        files.truncate(count);
        for (index, (_, place)) in files.iter().enumerate() {
            match hidden {
                Hidden::Unreadable => set_mode(place, 0),
                Hidden::Linked => {
                    let moved = treasure.join(index.to_string());
                    fs::rename(place, &moved).unwrap();
                    symlink(moved, place).unwrap();
                }
            }
        }
        if fs::File::open(&files[0].1).is_ok() && matches!(hidden, Hidden::Unreadable) {
            continue;
        }
        let result = purge(&finished, &[]);
        assert_left(&finished, &finished.path(""), &result, &file_paths(&files));
        assert_eq!(check_19(&finished).1, files.len());
        for (_, place) in &files {
            let name = place.file_name().unwrap().to_str().unwrap();
            assert!(result.stdout.contains(name), "{}", result.stdout);
        }
        for (index, (_, place)) in files.iter().enumerate() {
            match hidden {
                Hidden::Unreadable => set_mode(place, 0o600),
                Hidden::Linked => fs::rename(treasure.join(index.to_string()), place).unwrap(),
            }
        }
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        assert!(files.iter().all(|(_, place)| !place.exists()));
    }
}

#[test]
fn a_leftover_of_a_killed_purge_that_is_locked_or_unmarked_does_not_count_as_deleted() {
    for is_locked in [true, false] {
        let finished = overdue_round();
        let leftover = finished.round.path(".output.partial-abc");
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("list.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
        kill_purge(&finished);
        let lock = fs::File::open(&leftover).unwrap();
        if is_locked {
            lock.try_lock().unwrap();
        } else {
            set_mode(&leftover, 0o700);
        }
        for _ in 0..2 {
            let result = purge(&finished, &[]);
            let files = [".output.partial-abc/list.csv"];
            assert_left(&finished, &finished.path(""), &result, &files);
            assert_eq!(fs::read_dir(&leftover).unwrap().count(), 1);
        }
        drop(lock);
        set_mode(&leftover, 0o1700);
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        assert!(!leftover.exists());
    }
}

/// A person may also delete such a file by hand. The purge that left it has seen it, so no
/// interrupted purge removed it, and the person must say so.
#[test]
fn what_a_purge_left_and_a_person_deleted_is_accounted_for_by_the_next() {
    let finished = overdue_round();
    let leftover = finished.round.path(".output.partial-abc");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("list.csv"), "rows").unwrap();
    set_mode(&leftover, 0o1700);
    let files = kill_purge(&finished);
    set_mode(&leftover, 0o700);
    let result = purge(&finished, &[]);
    let left = [".output.partial-abc/list.csv"];
    assert_left(&finished, &finished.path(""), &result, &left);
    let mut files = files.iter().filter(|(file, _)| file.path == left[0]);
    fs::remove_file(&files.next().unwrap().1).unwrap();
    for code in [3, 0] {
        // Once it is recorded as missing, check 19 asks for it.
        let result = purge(&finished, &[]);
        assert_eq!(result.code, code, "{}", result.stdout);
        let record = last_record(&finished.path(""));
        assert!(!paths(&record["removed_earlier"]).contains(left[0]));
        assert_eq!(check_19(&finished).0, "not_held");
    }
    let result = purge(&finished, &["--confirm-deleted", "deleted by hand"]);
    assert_finished(&finished, &result);
}

#[test]
fn files_do_not_count_as_deleted_if_the_output_was_moved_after_a_killed_purge() {
    let finished = overdue_round();
    let files = kill_purge(&finished);
    let inputs = files
        .iter()
        .filter(|(_, place)| !place.starts_with(finished.path("")));
    let inputs: Vec<_> = inputs.cloned().collect();
    assert_eq!(inputs.len(), 7);
    let elsewhere = finished.round.path("../elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("output");
    fs::rename(finished.path(""), &moved).unwrap();
    let key = finished.round.path("signing.key");
    let round = finished.round.path("round.toml");
    let arguments = ["purge", moved.to_str().unwrap(), "--lang", "en"];
    let arguments = [&arguments[..], &["--signing-key", key.to_str().unwrap()]].concat();
    let result = aidlink(&arguments);
    assert_eq!(result.code, 3, "{}", result.stdout);
    let record = last_record(&moved);
    assert_eq!(record["removed_earlier"], json!([]), "{record}");
    let names: Vec<&str> = file_paths(&inputs);
    assert_eq!(record["left"].as_array().unwrap().len(), names.len());
    assert!(
        result.stdout.contains("name the round file with --round"),
        "{}",
        result.stdout
    );
    assert!(inputs.iter().all(|(_, place)| place.exists()));
    // With the round file, or back in its place, it is finished.
    let with_round = [&arguments[..], &["--round", round.to_str().unwrap()]].concat();
    let result = aidlink(&with_round);
    fs::rename(&moved, finished.path("")).unwrap();
    assert_finished(&finished, &result);
    assert!(inputs.iter().all(|(_, place)| !place.exists()));
}

#[test]
fn a_marked_file_of_an_interrupted_run_is_deleted_after_a_killed_purge() {
    let finished = overdue_round();
    let leftover = finished.round.path(".output.partial-abc");
    fs::write(&leftover, "rows").unwrap();
    set_mode(&leftover, 0o1600);
    let files = kill_purge(&finished);
    let result = purge(&finished, &[]);
    assert_finished(&finished, &result);
    assert!(files.iter().all(|(_, place)| !place.exists()));
    let removed = &last_record(&finished.path(""))["removed"];
    assert!(paths(removed).contains(".output.partial-abc"), "{removed}");
}

/// The first of two output folders had removed the common inputs.
#[test]
fn inputs_that_a_killed_purge_removed_are_missing_from_no_record() {
    let finished = overdue_round();
    let other = finished.round.path("zz");
    let result = finished
        .round
        .run_with(&["--output", other.to_str().unwrap()]);
    assert_eq!(result.code, 0);
    for (file, place) in kill_purge(&finished) {
        if file.part != aidlink_office::deletion_record::FilePart::Output {
            fs::remove_file(place).unwrap();
        }
    }
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    for output in [finished.path(""), other] {
        assert_eq!(last_record(&output)["not_found"], json!([]));
    }
}

/// A purge that another one is changing the folder of must not judge it.
#[test]
fn a_purge_takes_the_lock_before_it_verifies_the_folder() {
    let finished = overdue_round();
    finished
        .round
        .replace("output/manifest.json", "joint-screening", "another purpose");
    let lock = fs::File::open(finished.path("")).unwrap();
    lock.try_lock().unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("another purge is running") && !result.stderr.contains("not signed"),
        "{}",
        result.stderr
    );
}

#[test]
fn files_of_another_size_are_not_read_to_their_end() {
    let finished = overdue_round();
    let leftover = finished.round.path(".output.partial-abc");
    fs::create_dir(&leftover).unwrap();
    set_mode(&leftover, 0o1700);
    // Sparse files. Reading one would take hours.
    let changed = [
        "veterans.persons.csv",
        "lists/for-review/to-veterans.csv",
        "round.key",
    ];
    for path in [
        finished.round.path(changed[0]),
        finished.path(changed[1]),
        finished.round.path(changed[2]),
        leftover.join("huge.csv"),
    ] {
        let file = fs::File::options().create(true).append(true).open(path);
        file.unwrap().set_len(1 << 40).unwrap();
    }
    assert_eq!(check_19(&finished).0, "not_held");
    let result = purge(&finished, &[]);
    assert_left(&finished, &finished.path(""), &result, &changed);
    assert!(!leftover.exists());
}

#[test]
fn an_early_purge_that_left_files_does_not_pass_the_audit() {
    let finished = FinishedRound::new();
    let export = finished.round.path("veterans.persons.csv");
    let mut bytes = fs::read(&export).unwrap();
    bytes.push(b'\n');
    fs::write(&export, bytes).unwrap();
    let result = purge(&finished, &["--early", "wrong exports"]);
    assert_left(
        &finished,
        &finished.path(""),
        &result,
        &["veterans.persons.csv"],
    );
}

#[test]
fn the_owner_can_use_the_records_whatever_the_umask() {
    let finished = overdue_round();
    let folder = finished.round.path("");
    let script = "umask 0777; exec \"$0\" purge \"$1\"";
    let result = command_result(
        Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_aidlink")])
            .arg(&folder)
            .output()
            .unwrap(),
    );
    assert_eq!(result.code, 0, "{}", result.stderr);
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    let deletions = finished.path("deletions");
    let entry = fs::read_dir(&deletions).unwrap().next().unwrap();
    let record = entry.unwrap().path();
    assert_eq!((mode(&deletions), mode(&record)), (0o700, 0o700));
    assert_eq!(mode(&record.join("deletion-record.json")), 0o600);
}

/// The round's id may come from somebody else's manifest.
#[test]
fn a_rounds_id_is_shown_and_recorded_without_numbers_and_shortened() {
    let finished = overdue_round();
    let number = "44990119900101011X";
    finished.sign_again(|manifest| {
        manifest["round"] = format!("{number} {}", "x".repeat(2_000)).into();
    });
    let round = finished.round.path("round.toml");
    let with_json = purge(
        &finished,
        &["--dry-run", "--json", "--round", round.to_str().unwrap()],
    );
    let result = purge(&finished, &[]);
    // The key is of another round then.
    assert_eq!(result.code, 3, "{}", result.stderr);
    let record = last_record(&finished.path(""));
    // So are the exports: the round file is of a round with another id.
    let left = paths(&record["left"]);
    assert_eq!(left.len(), 7, "{left:?}");
    assert!(left.contains("round.key"), "{left:?}");
    let verified = finished.verify();
    // The record counts.
    assert!(
        !verified.stdout.contains("deletion record"),
        "{}",
        verified.stdout
    );
    for text in [
        with_json.stdout,
        result.stdout,
        record.to_string(),
        verified.stdout,
    ] {
        assert!(
            !text.contains(number) && !text.contains(&"x".repeat(100)),
            "{text}"
        );
    }
}

/// Changes the journal of [`kill_purge`] and signs it again with a key.
pub fn change_journal(finished: &FinishedRound, key: &SigningKey, change: impl Fn(&mut Value)) {
    let name = "deletions/under-way-2026-10-02T08-00-00Z-set-aside/deletion-journal.json";
    let bytes = fs::read(finished.path(name)).unwrap();
    let mut journal: Value = serde_json::from_slice(&bytes).unwrap();
    change(&mut journal);
    journal["public_key"] = key.public().to_base64().into();
    write_signed(finished, name, "journal", &journal, key);
}

/// Writes a document (a `journal` or `record`) and signs it.
pub fn write_signed(
    finished: &FinishedRound,
    name: &str,
    word: &str,
    document: &Value,
    key: &SigningKey,
) {
    write_document(finished, name, document);
    let bytes = fs::read(finished.path(name)).unwrap();
    let digest = manifest_digest(finished);
    let comment = format!("aidlink deletion {word}; round 2026Q3; manifest {digest}");
    let signature = key.sign(&bytes, &comment, Path::new("")).unwrap();
    fs::write(finished.path(&format!("{name}.minisig")), signature).unwrap();
}

/// A purge set 42 files aside, removed all but those in `output/rejects`, and was killed.
/// Returns the files that it had removed and the others.
#[expect(clippy::type_complexity, reason = "two lists of the same kind")]
fn kill_purge_before_the_rejects(
    finished: &FinishedRound,
) -> (Vec<(RoundFile, PathBuf)>, Vec<(RoundFile, PathBuf)>) {
    let files = kill_purge(finished).into_iter();
    let (kept, removed): (Vec<_>, Vec<_>) =
        files.partition(|(file, _)| file.path.starts_with("rejects/"));
    for (_, place) in &removed {
        fs::remove_file(place).unwrap();
    }
    assert!(removed.len() >= 17 && kept.len() == 5);
    (removed, kept)
}

/// A new folder often gets the inode number of one that was just removed.
#[test]
fn a_new_folder_in_place_of_the_one_in_the_journal_proves_no_deletion() {
    let finished = overdue_round();
    let (removed, kept) = kill_purge_before_the_rejects(&finished);
    let (rejects, elsewhere) = (
        finished.path("rejects"),
        finished.round.path("../elsewhere"),
    );
    let copied = Command::new("cp")
        .arg("-a")
        .args([&rejects, &elsewhere])
        .status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(&rejects).unwrap();
    fs::create_dir(&rejects).unwrap();
    for _ in 0..2 {
        let result = purge(&finished, &[]);
        assert_left(&finished, &finished.path(""), &result, &file_paths(&kept));
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), kept.len());
    let audit = finished.audit(&[]);
    for (file, _) in &removed {
        assert!(!audit.stdout.contains(&file.path), "{}", audit.stdout);
    }
}

/// The root folders of two file systems often have the same inode number.
#[test]
fn a_folder_with_the_inode_number_in_the_journal_on_another_file_system_proves_nothing() {
    for (member, other) in [
        ("created", json!({"seconds": 1, "nanoseconds": 2})),
        ("created", Value::Null),
        ("device", json!(1)),
    ] {
        let finished = overdue_round();
        let files = kill_purge(&finished);
        for (_, place) in &files {
            fs::remove_file(place).unwrap();
        }
        let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
        change_journal(&finished, &key, |journal| {
            for aside in journal["set_aside"].as_array_mut().unwrap() {
                aside["folder"][member] = other.clone();
            }
        });
        let result = purge(&finished, &[]);
        assert_left(&finished, &finished.path(""), &result, &file_paths(&files));
    }
}

/// Something in the way of a purge, which is not a file of the round.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Link,
    Pipe,
    EmptyFolder,
}

impl Obstacle {
    const ALL: [Self; 3] = [Obstacle::Link, Obstacle::Pipe, Obstacle::EmptyFolder];

    fn put(self, path: &Path) {
        match self {
            Obstacle::Link => symlink("elsewhere", path).unwrap(),
            Obstacle::Pipe => {
                let made = Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            }
            Obstacle::EmptyFolder => fs::create_dir(path).unwrap(),
        }
    }

    fn remove(self, path: &Path) {
        match self {
            Obstacle::EmptyFolder => fs::remove_dir(path).unwrap(),
            _ => fs::remove_file(path).unwrap(),
        }
    }
}

/// Whoever does what the messages say must get a clean record in the end.
#[test]
fn what_lies_at_the_names_of_a_deleted_file_does_not_make_it_missing() {
    for obstacle in Obstacle::ALL {
        for is_own_name in [true, false] {
            let finished = overdue_round();
            let (removed, _) = kill_purge_before_the_rejects(&finished);
            let paths = ["veterans.persons.csv", "lists/for-review/to-veterans.csv"];
            let named = removed
                .iter()
                .filter(|(file, _)| paths.contains(&file.path.as_str()));
            let names: Vec<PathBuf> = named
                .map(|(file, place)| match is_own_name {
                    true => place.with_file_name(Path::new(&file.path).file_name().unwrap()),
                    false => place.clone(),
                })
                .collect();
            for name in &names {
                obstacle.put(name);
            }
            for _ in 0..2 {
                let result = purge(&finished, &[]);
                assert_left(&finished, &finished.path(""), &result, &paths);
                // What is reported as left is left.
                let is_there = |name: &PathBuf| fs::symlink_metadata(name).is_ok();
                assert!(names.iter().all(is_there), "{obstacle:?} {is_own_name}");
            }
            for name in &names {
                obstacle.remove(name);
            }
            let result = purge(&finished, &[]);
            assert_finished(&finished, &result);
        }
    }
}

#[test]
fn an_unreadable_folder_of_a_killed_purge_does_not_make_its_files_missing() {
    let finished = overdue_round();
    let mut files = kill_purge(&finished);
    files.retain(|(file, _)| file.path.starts_with("rejects/"));
    fs::remove_file(&files[0].1).unwrap();
    let rejects = finished.path("rejects");
    set_mode(&rejects, 0);
    if fs::read_dir(&rejects).is_ok() {
        return;
    }
    // There may be an output in it that needs the inputs.
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert!(result.stderr.contains("rejects"), "{}", result.stderr);
    assert_eq!(check_19(&finished).0, "not_held");
    set_mode(&rejects, 0o700);
    let result = purge(&finished, &[]);
    assert_finished(&finished, &result);
    let earlier = paths(&last_record(&finished.path(""))["removed_earlier"]);
    assert_eq!(earlier, [files[0].0.path.clone()].into());
}

/// Wherever the second purge is killed, a journal or a record has what is known.
#[test]
fn a_purge_that_is_killed_while_it_writes_journals_and_record_loses_nothing() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    for point in 1..40 {
        let finished = overdue_round();
        let (removed, _) = kill_purge_before_the_rejects(&finished);
        let pipe = &removed[0].1;
        Obstacle::Pipe.put(pipe);
        let kill = format!("inject=renameat2:signal=KILL:when={point}");
        let killed = Command::new("strace")
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=renameat2",
                "-e",
                &kill,
            ])
            .args([env!("CARGO_BIN_EXE_aidlink"), "purge"])
            .arg(finished.round.path(""))
            .output()
            .unwrap();
        Obstacle::Pipe.remove(pipe);
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        if killed.status.code().is_some() {
            // It wrote two journals, one of the uncertain file and the record, and removed
            // three journals.
            assert_eq!(point, 8);
            return;
        }
    }
    panic!("the purge has no end");
}

/// A way to keep a purge from reading a document.
#[derive(Clone, Copy, Debug)]
enum HiddenDocument {
    Linked,
    /// Permissions do not stop the superuser.
    UnreadableFile,
    UnreadableFolder,
}

/// Without it the files that it accounts for would be called missing.
#[test]
fn a_purge_refuses_journals_and_records_that_it_cannot_read() {
    for document in ["deletion-journal.json", "deletion-record.json"] {
        for hidden in [
            HiddenDocument::Linked,
            HiddenDocument::UnreadableFile,
            HiddenDocument::UnreadableFolder,
        ] {
            let finished = overdue_round();
            match document {
                "deletion-record.json" => assert_eq!(purge(&finished, &[]).code, 0),
                _ => drop(kill_purge_before_the_rejects(&finished)),
            }
            let mut folders = fs::read_dir(finished.path("deletions")).unwrap();
            let folder = folders.next().unwrap().unwrap().path();
            let (file, away) = (folder.join(document), finished.round.path("../away.json"));
            match hidden {
                HiddenDocument::Linked => {
                    fs::rename(&file, &away).unwrap();
                    symlink(&away, &file).unwrap();
                }
                HiddenDocument::UnreadableFile => set_mode(&file, 0),
                HiddenDocument::UnreadableFolder => set_mode(&folder, 0),
            }
            if fs::read(&file).is_ok() && !matches!(hidden, HiddenDocument::Linked) {
                continue;
            }
            let names = finished.round.names();
            for arguments in [&[][..], &["--dry-run"]] {
                let result = purge(&finished, arguments);
                assert_eq!(result.code, 1, "{}", result.stdout);
                let name = folder.file_name().unwrap().to_str().unwrap();
                for text in [name, "the record of an earlier purge cannot be read"] {
                    assert!(result.stderr.contains(text), "{}", result.stderr);
                }
                assert_eq!(finished.round.names(), names);
            }
            match hidden {
                HiddenDocument::Linked => fs::rename(&away, &file).unwrap(),
                HiddenDocument::UnreadableFile => set_mode(&file, 0o600),
                HiddenDocument::UnreadableFolder => set_mode(&folder, 0o700),
            }
            let result = purge(&finished, &[]);
            assert_finished(&finished, &result);
        }
    }
}

#[test]
fn journals_count_that_the_manifests_signer_or_the_purges_key_signed() {
    for is_by_other in [false, true] {
        let finished = overdue_round();
        let leftover = finished.round.path(".output.partial-abc");
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("list.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
        let (removed, _) = kill_purge_before_the_rejects(&finished);
        assert_eq!(removed.len(), 40);
        let other = finished.round.path("../other.key");
        let key = SigningKey::make(&other).unwrap();
        if is_by_other {
            change_journal(&finished, &key, |_| {});
            for _ in 0..2 {
                let result = purge(&finished, &[]);
                assert_left(
                    &finished,
                    &finished.path(""),
                    &result,
                    &file_paths(&removed),
                );
                assert!(
                    result.stdout.contains(&key.public().id()),
                    "{}",
                    result.stdout
                );
            }
        }
        let arguments = [
            "--signing-key",
            other.to_str().unwrap(),
            "--other-signer",
            "lost",
        ];
        let result = purge(&finished, &arguments);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        let record = last_record(&finished.path(""));
        assert_eq!(paths(&record["removed_earlier"]).len(), 40, "{record}");
        assert_eq!(
            (&record["left"], &record["not_found"]),
            (&json!([]), &json!([]))
        );
        let names = fs::read_dir(finished.path("deletions")).unwrap();
        let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
        // A purge with the manifest's key still needs its own journal: no record of another
        // key counts for it.
        let journals = names.filter(|name| name.contains("under-way")).count();
        assert_eq!(journals, usize::from(!is_by_other));
    }
}

/// A journal of a stranger puts no name into a signed record that the manifest and the
/// names of leftovers do not have.
#[test]
fn a_journal_of_another_key_gets_no_foreign_names_into_a_record() {
    let finished = overdue_round();
    kill_purge(&finished);
    let key = SigningKey::make(&finished.round.path("../other.key")).unwrap();
    let treasure = treasure(&finished.round.path(".."));
    change_journal(&finished, &key, |journal| {
        let mut asides = journal["set_aside"].as_array_mut().unwrap().iter_mut();
        for foreign in entries_outside(&treasure).as_array().unwrap() {
            asides.next().unwrap()["file"] = foreign.clone();
        }
    });
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(is_intact(&treasure));
}

#[test]
fn a_foreign_folder_that_cannot_be_read_hides_no_deletion_record() {
    for is_deep in [true, false] {
        let finished = overdue_round();
        assert_eq!(purge(&finished, &[]).code, 0);
        let foreign = finished.path("deletions/foreign");
        let deep: PathBuf = std::iter::repeat_n("x", 70).collect();
        fs::create_dir_all(foreign.join(if is_deep { &deep } else { Path::new("") })).unwrap();
        if !is_deep {
            set_mode(&foreign, 0);
        }
        if !is_deep && fs::read_dir(&foreign).is_ok() {
            return;
        }
        let verified = finished.verify();
        assert_eq!(verified.code, 4);
        let message = "deletions/foreign: this folder cannot be read";
        assert!(verified.stdout.contains(message), "{}", verified.stdout);
        for message in ["the file is missing", "output: "] {
            assert!(!verified.stdout.contains(message), "{}", verified.stdout);
        }
        // There may be an output in it that needs the inputs.
        let again = purge(&finished, &[]);
        assert_eq!(again.code, 1, "{}", again.stdout);
        assert!(again.stderr.contains("foreign"), "{}", again.stderr);
        if !is_deep {
            set_mode(&foreign, 0o700);
        }
    }
}

#[test]
fn a_file_with_both_names_is_left_with_a_reason_in_words() {
    let finished = overdue_round();
    let files = kill_purge(&finished);
    let (file, place) = &files[0];
    let own = place.with_file_name(Path::new(&file.path).file_name().unwrap());
    fs::copy(place, &own).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3);
    let message = "there is also a file at ";
    assert!(result.stdout.contains(message), "{}", result.stdout);
    assert!(!result.stdout.contains("exists"), "{}", result.stdout);
    assert!(own.exists());
    let result = purge(&finished, &[]);
    assert_finished(&finished, &result);
    assert!(!own.exists());
}

/// How a purge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    /// It cannot make the folder of its record.
    NoRecord,
    /// It is killed then.
    Killed,
}

/// A program that has a file open can write into it whatever its name is.
#[test]
fn a_file_that_is_written_to_after_it_was_compared_is_not_deleted() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    for (new, end) in [
        ("new data of somebody", End::Complete),
        ("x", End::Complete),
        ("x", End::NoRecord),
        ("x", End::Killed),
    ] {
        let finished = overdue_round();
        let export = "veterans.persons.csv";
        // The folder of all documents, and one for each journal, were made before.
        let fails = match end {
            End::Complete => "inject=mkdirat:error=EIO:when=1000",
            End::NoRecord => "inject=mkdirat:error=ENOSPC:when=5",
            End::Killed => "inject=mkdirat:signal=KILL:when=5",
        };
        let path = finished.round.path(export);
        let open = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let deletions = finished.path("deletions");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::os::unix::fs::FileExt;
                let until = Instant::now() + Duration::from_secs(60);
                while Instant::now() < until {
                    let folders = fs::read_dir(&deletions).into_iter().flatten();
                    let mut names = folders.map(|folder| folder.unwrap().file_name());
                    let is_set_aside = |name: std::ffi::OsString| {
                        let name = name.to_string_lossy().into_owned();
                        name.starts_with("under-way-") && name.ends_with("-set-aside")
                    };
                    if names.any(is_set_aside) {
                        open.write_all_at(new.as_bytes(), 0).unwrap();
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            // The first removal waits, and so do all after it.
            let result = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null"])
                .args(["-e", "inject=unlinkat:delay_enter=1500000:when=1"])
                .args(["-e", fails])
                .args([env!("CARGO_BIN_EXE_aidlink"), "purge", "--lang", "en"])
                .arg(finished.round.path(""))
                .output();
            let result = result.unwrap();
            let output = finished.path("");
            if end != End::Complete {
                assert_ne!(result.status.code(), Some(0));
                assert!(records(&output).is_empty(), "{end:?}");
                return;
            }
            let result = command_result(result);
            assert_left(&finished, &output, &result, &[export]);
            let text = "was replaced or changed while the data was being deleted";
            assert!(result.stdout.contains(text), "{}", result.stdout);
        });
        let is_new = |path: &Path| fs::read(path).unwrap().starts_with(new.as_bytes());
        if end == End::Complete {
            assert!(is_new(&path));
            assert!(!finished.path("lists").exists());
        }
        // Somebody takes it away from its own name.
        let taken = finished.round.path("../taken.csv");
        let is_taken = path.exists();
        if is_taken {
            fs::rename(&path, &taken).unwrap();
        }
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{end:?} {}", result.stdout);
        let record = last_record(&finished.path(""));
        for list in ["removed", "removed_earlier"] {
            assert!(!paths(&record[list]).contains(export), "{end:?} {record}");
        }
        assert_eq!(check_19(&finished).0, "not_held");
        if !is_taken {
            let names = finished.round.names();
            let mut asides = names.iter().filter(|name| name.contains("purging-"));
            let aside = asides.next().expect("the file keeps the purge's name");
            assert!(is_new(&finished.round.path(aside)));
        }
    }
}

/// A purge has seen it and signed that it was left. Then somebody takes it away.
#[test]
fn what_a_purge_has_seen_after_a_killed_one_and_somebody_took_does_not_count_as_deleted() {
    let files = [
        "veterans.persons.csv",
        "lists/for-review/to-veterans.csv",
        "round.key",
    ];
    for file in files {
        for (is_own_name, is_readable) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            // Permissions do not stop the superuser.
            let again = (is_own_name, is_readable);
            let finished = overdue_round();
            let killed = kill_purge(&finished);
            let (_, aside) = killed.iter().find(|(one, _)| one.path == file).unwrap();
            let own = aside.with_file_name(Path::new(file).file_name().unwrap());
            let place = if is_own_name { &own } else { aside };
            if is_own_name {
                fs::rename(aside, &own).unwrap();
            }
            let content = fs::read(place).unwrap();
            fs::write(place, [b"late", content.as_slice()].concat()).unwrap();
            if !is_readable {
                set_mode(place, 0);
            }
            let result = purge(&finished, &[]);
            assert_left(&finished, &finished.path(""), &result, &[file]);
            assert!(place.exists(), "{file} {again:?}");
            fs::rename(place, finished.round.path("../taken")).unwrap();
            for _ in 0..3 {
                let result = purge(&finished, &[]);
                assert_eq!(result.code, 3, "{file} {again:?} {}", result.stdout);
                for record in records(&finished.path("")) {
                    for list in ["removed", "removed_earlier"] {
                        assert!(!paths(&record[list]).contains(file), "{again:?} {record}");
                    }
                }
                let not_found = paths(&last_record(&finished.path(""))["not_found"]);
                assert_eq!(not_found, [file.to_owned()].into(), "{again:?}");
                assert_eq!(check_19(&finished).0, "not_held", "{file} {again:?}");
            }
        }
    }
}
