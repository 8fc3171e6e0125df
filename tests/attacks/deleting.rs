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
use crate::audit::Written;
use crate::deletion::{due, paths, purge, record};
use crate::support::{Round, aidlink, set_mode};

/// A journal or record in the folder `deletions`, as an attacker writes it.
fn put_document(written: &Written, path: &str, document: &Value) {
    let file = written.path(path);
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

fn manifest_digest(written: &Written) -> String {
    let bytes = fs::read(written.path("manifest.json")).unwrap();
    blake3::hash(&bytes).to_hex().to_string()
}

/// A journal that names other files, signed by `signer` if there is one; also
/// under the name that the first version used, which had no signature.
fn forged_journal(written: &Written, files: Value, signer: Option<&SigningKey>) {
    let digest = manifest_digest(written);
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
        put_document(written, name, &journal);
        if let Some(key) = signer {
            let bytes = fs::read(written.path(name)).unwrap();
            let comment = format!("aidlink deletion journal; round 2026Q3; manifest {digest}");
            let signature = key.sign(&bytes, &comment, Path::new("")).unwrap();
            fs::write(written.path(&format!("{name}.minisig")), signature).unwrap();
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
fn an_unsigned_journal_that_names_files_elsewhere_deletes_none_of_them() {
    let written = due();
    let treasure = treasure(&written.round.path(".."));
    forged_journal(&written, all_paths_outside(&treasure), None);
    purge(&written, &[]);
    assert!(is_whole(&treasure));
    // Without it the purge does its work.
    fs::remove_dir_all(written.path("deletions")).unwrap();
    let ended = purge(&written, &[]);
    assert!(is_whole(&treasure), "{}", ended.stdout);
}

#[test]
fn a_journal_signed_by_another_key_that_names_files_elsewhere_deletes_none_of_them() {
    let written = due();
    let treasure = treasure(&written.round.path(".."));
    let key = SigningKey::make(&written.round.path("stranger.key")).unwrap();
    forged_journal(&written, all_paths_outside(&treasure), Some(&key));
    purge(&written, &[]);
    assert!(is_whole(&treasure));
}

#[test]
fn a_journal_signed_by_the_right_key_is_no_list_of_files_to_delete() {
    let written = due();
    let treasure = treasure(&written.round.path(".."));
    let key = SigningKey::read(&written.round.path("signing.key")).unwrap();
    forged_journal(&written, all_paths_outside(&treasure), Some(&key));
    purge(&written, &[]);
    assert!(is_whole(&treasure));
}

#[test]
fn an_unsigned_journal_does_not_turn_a_theft_into_a_deletion() {
    let written = due();
    let list = "lists/for-review/to-veterans.csv";
    let bytes = fs::read(written.path(list)).unwrap();
    fs::remove_file(written.path(list)).unwrap();
    forged_journal(&written, json!([file("output", list, &bytes)]), None);
    let verified = written.verify();
    assert_eq!(verified.code, 4);
    assert!(
        verified
            .stdout
            .contains("to-veterans.csv: the file is missing"),
        "{}",
        verified.stdout
    );
    let ended = purge(&written, &[]);
    let named = fs::read_dir(written.path("deletions"))
        .unwrap()
        .filter_map(|entry| {
            fs::read_to_string(entry.unwrap().path().join("deletion-record.json")).ok()
        })
        .map(|text| serde_json::from_str::<Value>(&text).unwrap());
    for record in named {
        assert!(!paths(&record["removed"]).contains(list), "{record}");
        assert!(paths(&record["not_found"]).contains(list), "{record}");
    }
    assert_ne!(ended.code, 0, "{}", ended.stdout);
}

#[test]
fn a_link_named_like_a_cut_off_run_leads_nowhere() {
    let written = due();
    let treasure = treasure(&written.round.path(".."));
    symlink(&treasure, written.round.path(".output.partial-evil")).unwrap();
    purge(&written, &[]);
    assert!(is_whole(&treasure));
    // Nor does a run follow it when it clears up.
    let again = Round::sample();
    let treasure = super::treasure(&again.path(".."));
    symlink(&treasure, again.path(".output.partial-evil")).unwrap();
    assert_eq!(again.run().code, 0);
    assert!(is_whole(&treasure));
}

#[test]
fn a_folder_exchanged_for_a_link_leads_nowhere() {
    for inner in [
        "lists",
        "lists/for-review",
        "rejects",
        "minimisation",
        "configuration",
    ] {
        let written = due();
        let treasure = treasure(&written.round.path(".."));
        let folder = written.path(inner);
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
        purge(&written, &[]);
        assert_eq!(names(&treasure), before, "{inner}");
        assert!(is_whole(&treasure), "{inner}");
        assert_eq!(written.verify().code, 4, "{inner}");
    }
}

#[test]
fn a_file_exchanged_for_a_link_keeps_its_target() {
    let written = due();
    let treasure = treasure(&written.round.path(".."));
    for (path, target) in [
        (written.path("lists/for-review/to-veterans.csv"), "list"),
        (written.round.path("education.students.csv"), "export"),
        (written.round.path("round.key"), "key"),
    ] {
        let target = treasure.join(target);
        fs::rename(&path, &target).unwrap();
        symlink(&target, &path).unwrap();
    }
    purge(&written, &[]);
    for target in ["list", "export", "key"] {
        assert!(treasure.join(target).is_file(), "{target}");
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_stops_nothing() {
    for path in [
        "lists/for-review/to-veterans.csv",
        "../.output.partial-1/pipe",
        "summary.json",
    ] {
        let written = due();
        let pipe = written.path(path);
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
                .arg(written.round.path(""))
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
fn a_deletion_record_of_another_folder_counts_for_nothing() {
    let other = due();
    assert_eq!(purge(&other, &[]).code, 0);
    let written = due();
    let records = other.path("deletions");
    let record = fs::read_dir(records).unwrap().next().unwrap().unwrap();
    let copy = written.path("deletions").join(record.file_name());
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(record.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let list = "lists/for-review/to-veterans.csv";
    fs::remove_file(written.path(list)).unwrap();
    let verified = written.verify();
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
fn a_deletion_record_signed_by_another_office_counts_for_nothing() {
    let written = due();
    assert_eq!(purge(&written, &[]).code, 0);
    let stranger = SigningKey::make(&written.round.path("stranger.key")).unwrap();
    let folder = fs::read_dir(written.path("deletions"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut document = record(&written);
    document["public_key"] = stranger.public().to_base64().into();
    let bytes = format!("{document:#}\n");
    fs::write(folder.join("deletion-record.json"), &bytes).unwrap();
    let digest = manifest_digest(&written);
    let comment = format!("aidlink deletion record; round 2026Q3; manifest {digest}");
    let signature = stranger
        .sign(bytes.as_bytes(), &comment, Path::new(""))
        .unwrap();
    fs::write(folder.join("deletion-record.json.minisig"), signature).unwrap();
    let verified = written.verify();
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
fn the_key_of_another_round_at_the_same_place_stays() {
    let written = due();
    let other = written.round.read("round.key").replace("0123", "3210");
    written.round.write("round.key", &other);
    set_mode(&written.round.path("round.key"), 0o600);
    let ended = purge(&written, &[]);
    assert_eq!(written.round.read("round.key"), other);
    let record = record(&written);
    assert!(
        !paths(&record["removed"]).contains("round.key"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_folder_in_the_place_of_a_file_is_never_removed() {
    let written = due();
    let list = written.path("lists/for-review/to-veterans.csv");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    fs::write(list.join("precious.csv"), "nobody's to delete").unwrap();
    let export = written.round.path("education.students.csv");
    fs::remove_file(&export).unwrap();
    fs::create_dir(&export).unwrap();
    fs::write(export.join("precious.csv"), "nobody's to delete").unwrap();
    purge(&written, &[]);
    assert!(list.join("precious.csv").is_file());
    assert!(export.join("precious.csv").is_file());
}

#[test]
fn a_stranger_cannot_purge_a_round_with_a_key_of_his_own() {
    let written = due();
    let names = written.round.names();
    let key = written.round.path("../stranger.key");
    SigningKey::make(&key).unwrap();
    let ended = purge(&written, &["--signing-key", key.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert_eq!(written.round.names(), names);
    // With a reason it is done, and the audit has a person confirm it.
    let arguments = [
        "--signing-key",
        key.to_str().unwrap(),
        "--other-signer",
        "the key is lost",
    ];
    assert_eq!(purge(&written, &arguments).code, 0);
    assert_eq!(record(&written)["other_signer"], "the key is lost");
    let folder = written.round.path("");
    let audit = aidlink(&["audit", folder.to_str().unwrap(), "--json"]);
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    let checks = documents[0]["checks"].as_array().unwrap();
    let of_deletion = checks.iter().find(|check| check["number"] == 19).unwrap();
    assert_ne!(of_deletion["state"], "held");
}
