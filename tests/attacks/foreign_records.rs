//! Attempts to pass a deletion record of another folder, or a huge one, for a record of this
//! folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::deleting::{check_19, last_record, write_signed};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::{CommandResult, aidlink, command_result, set_mode};

/// A copy of a round's folder, beside it.
struct Copy<'f> {
    finished: &'f FinishedRound,
    folder: PathBuf,
}

impl<'f> Copy<'f> {
    fn new(finished: &'f FinishedRound) -> Self {
        let original = finished.round.path("");
        let folder = original.parent().unwrap().join("copy");
        let copied = Command::new("cp")
            .arg("-a")
            .args([&original, &folder])
            .status();
        assert!(copied.unwrap().success());
        Copy { finished, folder }
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// Copies the deletion records of the original.
    fn take_records(&self) {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.finished.path("deletions"))
            .arg(self.output())
            .status();
        assert!(copied.unwrap().success());
    }

    /// Removes by hand what a purge would delete. Returns the number of files.
    fn remove_by_hand(&self) -> usize {
        let record = last_record(&self.finished.path(""));
        let removed = record["removed"].as_array().unwrap();
        for file in removed {
            let folder = match file["part"].as_str().unwrap() {
                "output" => self.output(),
                _ => self.folder.clone(),
            };
            fs::remove_file(folder.join(file["file"].as_str().unwrap())).unwrap();
        }
        removed.len()
    }

    fn run(&self, verb: &[&str], more: &[&str]) -> CommandResult {
        let folder = self.folder.to_str().unwrap();
        aidlink(&[verb, &[folder, "--lang", "en"], more].concat())
    }

    fn verify(&self) -> CommandResult {
        let key = self.folder.join("signing.pub");
        let key = ["--public-key", key.to_str().unwrap()];
        self.run(&["audit", "verify"], &key)
    }

    /// Returns the state of check 19, and its evidence in English.
    fn check_19(&self) -> (String, String) {
        let audit = self.run(&["audit"], &["--json"]);
        let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
        let mut checks = documents[0]["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["number"] == 19).unwrap();
        (
            check["state"].as_str().unwrap().to_owned(),
            check["evidence"].to_string(),
        )
    }
}

const ELSEWHERE: &str = "was written in another folder, of which this one may be a copy";

#[test]
fn a_record_of_another_copy_makes_no_file_count_as_deleted() {
    for is_removed_by_hand in [false, true] {
        let finished = overdue_round();
        let copy = Copy::new(&finished);
        assert_eq!(purge(&finished, &[]).code, 0);
        copy.take_records();
        if is_removed_by_hand {
            let count = copy.remove_by_hand();
            let verified = copy.verify();
            assert_eq!(verified.code, 4);
            // Verification sees outputs alone.
            for text in [ELSEWHERE, "37 of the files that it lists are missing here"] {
                assert!(verified.stdout.contains(text), "{}", verified.stdout);
            }
            let (state, evidence) = copy.check_19();
            assert_eq!(state, "not_held");
            let text = format!("{count} files are missing, and the deletion record that names");
            assert!(evidence.contains(&text), "{evidence}");
            for _ in 0..2 {
                let result = copy.run(&["purge"], &[]);
                assert_eq!(result.code, 3, "{}", result.stdout);
                let record = last_record(&copy.output());
                assert_eq!(paths(&record["left"]).len(), count);
                for list in ["removed", "removed_earlier", "not_found"] {
                    assert_eq!(record[list], json!([]), "{record}");
                }
                let text = "in another folder, of which this one may be a copy, and that proves";
                assert!(result.stdout.contains(text), "{}", result.stdout);
                assert_eq!(copy.check_19().0, "not_held");
            }
            // A person may know better, and signs it.
            let confirm = ["--confirm-deleted", "the copy was wiped"];
            let result = copy.run(&["purge"], &confirm);
            assert_eq!(result.code, 0, "{}", result.stdout);
            let record = last_record(&copy.output());
            assert_eq!(paths(&record["confirmed"]).len(), count);
            assert_eq!(record["left"], json!([]));
            assert_eq!(copy.check_19().0, "held");
            assert_eq!(copy.run(&["purge"], &[]).code, 0);
            continue;
        }
        let verified = copy.verify();
        assert_eq!(verified.code, 4);
        for text in [ELSEWHERE, "0 of the files that it lists are missing here"] {
            assert!(verified.stdout.contains(text), "{}", verified.stdout);
        }
        let (state, evidence) = copy.check_19();
        assert_eq!(state, "not_held");
        assert!(evidence.contains("44 files are still here"), "{evidence}");
        // A purge of the copy deletes them, and says so.
        let result = copy.run(&["purge"], &[]);
        assert_eq!(result.code, 0, "{}", result.stdout);
        let own = last_record(&copy.output());
        assert_eq!(paths(&own["removed"]).len(), 44);
        assert_eq!(copy.check_19().0, "held");
    }
}

/// Nobody is accused: the copy says what it can know.
#[test]
fn a_folder_that_was_archived_after_its_purge_needs_a_person_and_calls_nothing_missing() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let copy = Copy::new(&finished);
    let verified = copy.verify();
    assert_eq!(verified.code, 4);
    assert!(verified.stdout.contains(ELSEWHERE), "{}", verified.stdout);
    let audit = copy.run(&["audit"], &[]);
    for text in [&verified.stdout, &audit.stdout] {
        assert!(!text.contains("no deletion record"), "{text}");
        assert!(!text.contains("without a deletion record"), "{text}");
    }
    assert!(audit.stdout.contains("a person must confirm"));
    assert_eq!(copy.check_19().0, "not_held");
    // Moved within the file system it is the same folder.
    fs::remove_dir_all(&copy.folder).unwrap();
    fs::rename(finished.round.path(""), &copy.folder).unwrap();
    assert_eq!(copy.verify().code, 0, "{}", copy.verify().stdout);
    assert_eq!(copy.check_19().0, "held");
}

/// The folder has another inode number then, as every copy has: its records may be of files
/// that somebody took from this one.
#[test]
fn a_folder_that_was_restored_in_place_calls_nothing_missing_and_a_person_confirms_it() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    let (output, backup) = (finished.path(""), finished.round.path("../backup"));
    for (from, to) in [(&output, &backup), (&backup, &output)] {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
        if from == &output {
            fs::remove_dir_all(from).unwrap();
        }
    }
    let (state, _) = check_19(&finished);
    assert_eq!(state, "not_held");
    for result in [finished.audit(&[]), purge(&finished, &["--dry-run"])] {
        assert!(
            !result.stdout.contains("missing without"),
            "{}",
            result.stdout
        );
        assert!(
            !result.stdout.contains("no deletion record"),
            "{}",
            result.stdout
        );
    }
    assert_eq!(purge(&finished, &[]).code, 3);
    let result = purge(
        &finished,
        &["--confirm-deleted", "restored from the backup"],
    );
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert_eq!(check_19(&finished).0, "held");
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(check_19(&finished).0, "held");
}

/// A record of version 1 does not name its folder, and counts in every copy.
#[test]
fn a_record_without_a_folder_counts_as_before() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let folder = fs::read_dir(finished.path("deletions")).unwrap().next();
    let folder = folder.unwrap().unwrap().file_name();
    let name = format!(
        "deletions/{}/deletion-record.json",
        folder.to_str().unwrap()
    );
    let mut record = last_record(&finished.path(""));
    let members = record.as_object_mut().unwrap();
    assert!(members.remove("folder").is_some());
    members.insert("version".to_owned(), 1.into());
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    write_signed(&finished, &name, "record", &record, &key);
    let copy = Copy::new(&finished);
    assert_eq!(copy.verify().code, 0, "{}", copy.verify().stdout);
    assert_eq!(copy.check_19().0, "held");
}

/// A list in a signed document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// Files that are not the round's, more than a document may have.
    TooMany,
    /// As many of them as it may have.
    Foreign,
    /// Files with names of leftovers of the round.
    Leftovers,
}

impl Listed {
    /// Returns the entries of the list.
    fn entries(self) -> String {
        let (length, path) = match self {
            Listed::TooMany => (33 << 20, "a"),
            Listed::Foreign => ((32 << 20) - 4096, "a"),
            Listed::Leftovers => ((32 << 20) - 4096, ".output.partial-"),
        };
        let mut entries = String::new();
        for number in 0_u64.. {
            let comma = if number > 0 { "," } else { "" };
            let entry = format!(
                r#"{comma}{{"part":"left by a run that was cut off","file":"{path}{number:x}","blake3":null,"bytes":0}}"#
            );
            if entries.len() + entry.len() > length {
                return entries;
            }
            entries.push_str(&entry);
        }
        entries
    }
}

/// Writes records that a stranger signed. Each is as long as possible.
fn write_huge_records(finished: &FinishedRound, key: &SigningKey, listed: Listed) {
    let bytes = fs::read(finished.path("manifest.json")).unwrap();
    let manifest = blake3::hash(&bytes).to_hex().to_string();
    let public_key = key.public().to_base64();
    let software = serde_json::from_slice::<Value>(&bytes).unwrap()["software"].clone();
    let entries = listed.entries();
    for day in 1..=2 {
        let folder = finished.path(&format!("deletions/2026-10-0{day}T08-00-00Z"));
        fs::create_dir_all(&folder).unwrap();
        let document = format!(
            r#"{{"format":"aidlink deletion record","version":2,"software":{software},"round":"2026Q3","manifest_blake3":"{manifest}","purge_by":"2026-10-01","early":null,"begun_at":"2026-10-0{day}T08:00:00Z","completed_at":"2026-10-0{day}T08:00:00Z","removed":[{entries}],"left":[],"not_found":[],"keep_records_until":"2029-10-01","public_key":"{public_key}","other_signer":"a reason"}}"#
        );
        let comment = format!("aidlink deletion record; round 2026Q3; manifest {manifest}");
        let signature = key
            .sign(document.as_bytes(), &comment, Path::new(""))
            .unwrap();
        let file = folder.join("deletion-record.json");
        fs::write(&file, document).unwrap();
        fs::write(file.with_extension("json.minisig"), signature).unwrap();
    }
}

/// Runs a command that may use 1 GB of address space.
fn run_in_little_memory(verb: &[&str], folder: &Path) -> CommandResult {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_aidlink"));
    command.args(verb).arg(folder).args(["--lang", "en"]);
    command_result(command.output().unwrap())
}

#[test]
fn huge_records_of_a_stranger_are_refused_by_name_in_little_memory() {
    for (listed, reason, purged) in [
        (
            Listed::TooMany,
            "it is larger than 32 MiB",
            "it is larger than 32 MiB",
        ),
        (Listed::Foreign, "it is signed by another key", ""),
        (
            Listed::Leftovers,
            "it is signed by another key",
            "list more files than a deletion record can hold",
        ),
    ] {
        let finished = overdue_round();
        let key = SigningKey::make(&finished.round.path("../stranger.key")).unwrap();
        write_huge_records(&finished, &key, listed);
        let folder = finished.round.path("");
        let verified = run_in_little_memory(&["audit", "verify"], &folder);
        assert_eq!(verified.code, 4, "{listed:?} {}", verified.stderr);
        assert_eq!(verified.stdout.matches(reason).count(), 2, "{listed:?}");
        let audit = run_in_little_memory(&["audit"], &folder);
        assert_eq!(audit.code, 4, "{listed:?} {}", audit.stderr);
        let text = "2 documents in deletions/ do not count: deletions/2026-10-01T08-00-00Z/";
        assert!(audit.stdout.contains(text), "{listed:?} {}", audit.stdout);
        assert_eq!(check_19(&finished).0, "not_held");
        let result = run_in_little_memory(&["purge"], &folder);
        if purged.is_empty() {
            assert_eq!(result.code, 0, "{listed:?} {}", result.stderr);
            continue;
        }
        assert_eq!(result.code, 1, "{listed:?} {}", result.stderr);
        for text in [purged, "deletions/2026-10-0"] {
            assert!(result.stderr.contains(text), "{listed:?} {}", result.stderr);
        }
        assert!(finished.round.path("round.key").exists());
    }
}

/// A purge must be able to write down what it deletes.
#[test]
fn a_purge_of_more_files_than_a_record_holds_deletes_nothing() {
    // Also of files that a record names alike.
    for first in [0_u64, 13_800_000_000] {
        let finished = overdue_round();
        let leftover = finished.round.path(".output.partial-abc");
        fs::create_dir(&leftover).unwrap();
        for number in first..first + 8_000 {
            let name = format!("{number}.{}", "n".repeat(200));
            fs::write(leftover.join(name), "x").unwrap();
        }
        set_mode(&leftover, 0o1700);
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 1, "{}", result.stdout);
        for text in ["larger than 32 MiB; nothing was deleted", "by hand"] {
            assert!(result.stderr.contains(text), "{}", result.stderr);
        }
        assert_eq!(fs::read_dir(&leftover).unwrap().count(), 8_000);
        assert!(finished.round.path("round.key").exists());
        assert!(!finished.path("deletions").exists());
    }
}

/// Whatever a person deletes, no purge can delete such a round.
#[test]
fn a_round_of_more_exports_than_a_record_holds_is_told_what_to_do() {
    let finished = overdue_round();
    finished.sign_again(|manifest| {
        let files = manifest["exports"][0]["files"].as_array_mut().unwrap();
        let mut file = files[0].clone();
        file["columns"] = json!([]);
        for number in 0..3_000 {
            file["file"] = format!("exports/{number}{}.csv", "/n".repeat(450)).into();
            files.push(file.clone());
        }
    });
    let before = finished.round.names();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    for text in [
        "larger than 32 MiB; nothing was deleted",
        "the manifest names more files than one deletion record can hold",
    ] {
        assert!(result.stderr.contains(text), "{}", result.stderr);
    }
    assert!(
        !result.stderr.contains("interrupted runs"),
        "{}",
        result.stderr
    );
    assert_eq!(finished.round.names(), before);
}
