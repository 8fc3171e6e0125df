//! Attempts to make `purge` delete what is not the round's, or to make it swear
//! that something was deleted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::{is_whole, treasure};
use crate::audit::FinishedRound;
use crate::deletion::{due, paths, purge, record};
use crate::support::{Round, aidlink, set_mode};

/// A journal or record in the folder `deletions`, as an attacker writes it.
fn put_document(finished: &FinishedRound, path: &str, document: &Value) {
    let file = finished.path(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{document:#}\n")).unwrap();
}

fn file(part: &str, path: &str, bytes: &[u8]) -> Value {
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

/// A journal that names other files, signed by `signer` if there is one; also
/// under the name that the first version used, which had no signature.
fn forged_journal(finished: &FinishedRound, files: Value, signer: Option<&SigningKey>) {
    let digest = manifest_digest(finished);
    let journal = json!({
        "format": "aidlink deletion journal",
        "version": 1,
        "round": "2026Q3",
        "manifest_blake3": digest,
        "begun_at": "2026-10-02T08:00:00Z",
        "there": files,
        "public_key": signer.map_or(String::new(), |key| key.public().to_base64()),
    });
    for name in [
        "deletions/under-way.json",
        "deletions/under-way-2026-10-02T08-00-00Z/deletion-journal.json",
    ] {
        put_document(finished, name, &journal);
        if let Some(key) = signer {
            let bytes = fs::read(finished.path(name)).unwrap();
            let comment = format!("aidlink deletion journal; round 2026Q3; manifest {digest}");
            let signature = key.sign(&bytes, &comment, Path::new("")).unwrap();
            fs::write(finished.path(&format!("{name}.minisig")), signature).unwrap();
        }
    }
}

fn all_paths_outside(treasure: &Path) -> Value {
    let precious = treasure.join("precious.csv");
    let absolute = precious.to_str().unwrap();
    let bytes = b"nobody's to delete";
    json!([
        file("output", absolute, bytes),
        file("export", absolute, bytes),
        file("output", "../../treasure/precious.csv", bytes),
        file("export", "../treasure/precious.csv", bytes),
        file("left by a run that was cut off", "../../treasure", b""),
        file(
            "left by a run that was cut off",
            treasure.to_str().unwrap(),
            b""
        ),
        file("key", "../treasure/precious.csv", bytes),
    ])
}

#[test]
fn an_unsigned_journal_cannot_delete_files_outside_the_round() {
    let finished = due();
    let treasure = treasure(&finished.round.path(".."));
    forged_journal(&finished, all_paths_outside(&treasure), None);
    purge(&finished, &[]);
    assert!(is_whole(&treasure));
    // Without it the purge does its work.
    fs::remove_dir_all(finished.path("deletions")).unwrap();
    let result = purge(&finished, &[]);
    assert!(is_whole(&treasure), "{}", result.stdout);
}

#[test]
fn a_journal_signed_by_another_key_cannot_delete_files_outside_the_round() {
    let finished = due();
    let treasure = treasure(&finished.round.path(".."));
    let key = SigningKey::make(&finished.round.path("stranger.key")).unwrap();
    forged_journal(&finished, all_paths_outside(&treasure), Some(&key));
    purge(&finished, &[]);
    assert!(is_whole(&treasure));
}

#[test]
fn a_journal_signed_by_the_right_key_cannot_delete_files_outside_the_round() {
    let finished = due();
    let treasure = treasure(&finished.round.path(".."));
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    forged_journal(&finished, all_paths_outside(&treasure), Some(&key));
    purge(&finished, &[]);
    assert!(is_whole(&treasure));
}

#[test]
fn an_unsigned_journal_does_not_turn_a_theft_into_a_deletion() {
    let finished = due();
    let list = "lists/for-review/to-veterans.csv";
    let bytes = fs::read(finished.path(list)).unwrap();
    fs::remove_file(finished.path(list)).unwrap();
    forged_journal(&finished, json!([file("output", list, &bytes)]), None);
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
    let named = fs::read_dir(finished.path("deletions"))
        .unwrap()
        .filter_map(|entry| {
            fs::read_to_string(entry.unwrap().path().join("deletion-record.json")).ok()
        })
        .map(|text| serde_json::from_str::<Value>(&text).unwrap());
    for record in named {
        assert!(!paths(&record["removed"]).contains(list), "{record}");
        assert!(paths(&record["not_found"]).contains(list), "{record}");
    }
    assert_ne!(result.code, 0, "{}", result.stdout);
}

#[test]
fn a_link_named_like_an_interrupted_run_is_not_followed() {
    let finished = due();
    let treasure = treasure(&finished.round.path(".."));
    symlink(&treasure, finished.round.path(".output.partial-evil")).unwrap();
    purge(&finished, &[]);
    assert!(is_whole(&treasure));
    // Nor does a run follow it when it clears up.
    let again = Round::sample();
    let treasure = super::treasure(&again.path(".."));
    symlink(&treasure, again.path(".output.partial-evil")).unwrap();
    assert_eq!(again.run().code, 0);
    assert!(is_whole(&treasure));
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
        let finished = due();
        let treasure = treasure(&finished.round.path(".."));
        let folder = finished.path(inner);
        // The same names and bytes behind the link: the file's digest proves nothing.
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
        assert!(is_whole(&treasure), "{inner}");
        assert_eq!(finished.verify().code, 4, "{inner}");
    }
}

#[test]
fn the_target_of_a_link_in_place_of_a_file_is_not_deleted() {
    let finished = due();
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
        let finished = due();
        let pipe = finished.path(path);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
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
            // An opened pipe waits for its other end for ever.
            let end = Instant::now() + Duration::from_secs(120);
            while child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end, "{verb:?} waits at {path}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_deletion_record_of_another_folder_is_not_accepted() {
    let other = due();
    assert_eq!(purge(&other, &[]).code, 0);
    let finished = due();
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
    let finished = due();
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
    let finished = due();
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
    let finished = due();
    let list = finished.path("lists/for-review/to-veterans.csv");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    fs::write(list.join("precious.csv"), "nobody's to delete").unwrap();
    let export = finished.round.path("education.students.csv");
    fs::remove_file(&export).unwrap();
    fs::create_dir(&export).unwrap();
    fs::write(export.join("precious.csv"), "nobody's to delete").unwrap();
    purge(&finished, &[]);
    assert!(list.join("precious.csv").is_file());
    assert!(export.join("precious.csv").is_file());
}

#[test]
fn a_stranger_cannot_purge_a_round_with_their_own_key() {
    let finished = due();
    let names = finished.round.names();
    let key = finished.round.path("../stranger.key");
    SigningKey::make(&key).unwrap();
    let result = purge(&finished, &["--signing-key", key.to_str().unwrap()]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert_eq!(finished.round.names(), names);
    // With a reason it is result, and the audit has a person confirm it.
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
    let of_deletion = checks.iter().find(|check| check["number"] == 19).unwrap();
    assert_ne!(of_deletion["state"], "held");
}
