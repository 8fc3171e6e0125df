//! Attempts to make `purge` delete files outside the round, or record a deletion that
//! did not happen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::{is_intact, treasure};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge, record};
use crate::support::{Round, aidlink, set_mode};

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
    let journal = json!({
        "format": "aidlink deletion journal",
        "version": 1,
        "round": "2026Q3",
        "manifest_blake3": digest,
        "begun_at": "2026-10-02T08:00:00Z",
        "there": files,
        "set_aside": files,
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
    let files = json!([file_entry(
        "output",
        "lists/for-review/to-veterans.csv",
        b"x"
    )]);
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
            let listed = format!("\n  {hidden}");
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
    let hidden = finished.path("deletions/.2026.partial-x");
    fs::create_dir_all(&hidden).unwrap();
    fs::write(hidden.join("precious.csv"), "rows").unwrap();
    let lock = fs::File::open(&hidden).unwrap();
    lock.try_lock().unwrap();
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    for message in [
        "deletions/.2026.partial-x: another purge is running, or a program holds this folder locked",
        "deletions/.2026.partial-x/precious.csv: this file does not belong",
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
