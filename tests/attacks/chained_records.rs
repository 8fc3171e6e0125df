//! Attempts to remove, rename or hide something among the deletion records.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::signing::SigningKey;

use super::deleting::{check_19, records, write_signed};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, purge};
use crate::support::{aidlink, set_mode};

const LEFTOVER: &str = ".output.partial-abc";

/// Returns the folders in `deletions`, oldest first.
fn folders(output: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(output.join("deletions")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|folder| folder.unwrap().path()).collect();
    folders.sort();
    folders
}

/// Purges three times: the first purge removes the data, the others find what a program holds
/// locked. Returns the folders of the records.
fn purged_three_times(finished: &FinishedRound) -> Vec<PathBuf> {
    assert_eq!(purge(finished, &[]).code, 0);
    let leftover = finished.round.path(LEFTOVER);
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("list.csv"), "rows").unwrap();
    set_mode(&leftover, 0o1700);
    let lock = fs::File::open(&leftover).unwrap();
    lock.try_lock().unwrap();
    for _ in 0..2 {
        assert_eq!(purge(finished, &[]).code, 3);
    }
    let folders = folders(&finished.path(""));
    assert_eq!(folders.len(), 3);
    folders
}

const MISSING: &str = "the deletion record before this one is not here, or is invalid";

#[test]
fn a_deletion_record_before_the_last_cannot_be_removed_unnoticed() {
    let finished = overdue_round();
    let folders = purged_three_times(&finished);
    let all = records(&finished.path(""));
    assert!(all[0].get("previous_record_blake3").is_none(), "{}", all[0]);
    for (earlier, later) in [(0, 1), (1, 2)] {
        let bytes = fs::read(folders[earlier].join("deletion-record.json")).unwrap();
        let digest = blake3::hash(&bytes).to_hex();
        assert_eq!(all[later]["previous_record_blake3"], digest.as_str());
    }
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    // Whoever has no key takes the leftover and the records that ask for it.
    let away = finished.round.path("../taken");
    fs::rename(finished.round.path(LEFTOVER), &away).unwrap();
    for removed in [vec![0], vec![1], vec![0, 1]] {
        for is_damaged in [false, true] {
            let kept: Vec<(PathBuf, Vec<u8>)> = removed
                .iter()
                .map(|at| folders[*at].join("deletion-record.json.minisig"))
                .map(|path| (path.clone(), fs::read(path).unwrap()))
                .collect();
            let aside = finished.round.path("../aside");
            for at in &removed {
                match is_damaged {
                    true => {
                        let signature = folders[*at].join("deletion-record.json.minisig");
                        fs::write(signature, "damaged").unwrap();
                    }
                    false => {
                        fs::create_dir_all(&aside).unwrap();
                        fs::rename(&folders[*at], aside.join(at.to_string())).unwrap();
                    }
                }
            }
            let verified = finished.verify();
            assert_eq!(verified.code, 4, "{removed:?}: {}", verified.stdout);
            assert!(verified.stdout.contains(MISSING), "{}", verified.stdout);
            let audit = finished.audit(&[]).stdout;
            let text = "of them are not here, or are invalid (deletions/)";
            assert!(audit.contains(text), "{audit}");
            assert_eq!(check_19(&finished).0, "not_held");
            for (at, (path, bytes)) in removed.iter().zip(kept) {
                match is_damaged {
                    true => fs::write(path, bytes).unwrap(),
                    false => fs::rename(aside.join(at.to_string()), &folders[*at]).unwrap(),
                }
            }
        }
    }
    // A later purge heals nothing.
    fs::rename(&away, finished.round.path(LEFTOVER)).unwrap();
    fs::remove_dir_all(&folders[1]).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    assert!(finished.verify().stdout.contains(MISSING));
    assert_eq!(check_19(&finished).0, "not_held");
}

/// Records of another signer count only for whoever names its key, and those of a copy are the
/// same records.
#[test]
fn no_record_is_missing_from_a_chain_that_is_whole() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let leftover = finished.round.path(LEFTOVER);
    let make = || {
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("list.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
    };
    let other = finished.round.path("../other.key");
    let other_key = SigningKey::make(&other).unwrap();
    let by_other = [
        "--signing-key",
        other.to_str().unwrap(),
        "--other-signer",
        "x",
    ];
    for more in [&by_other[..], &[], &by_other, &[]] {
        make();
        let result = purge(&finished, more);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    }
    assert_eq!(records(&finished.path("")).len(), 5);
    let copy = finished.round.path("../copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([finished.path("").as_path(), &copy])
        .status();
    assert!(copied.unwrap().success());
    let own = finished.round.path("signing.pub");
    let key = other_key.public().to_base64();
    for folder in [finished.path(""), copy] {
        for named in [&[][..], &["--public-key", &key]] {
            let verify = ["audit", "verify", folder.to_str().unwrap(), "--lang", "en"];
            let own = ["--public-key", own.to_str().unwrap()];
            let verified = aidlink(&[&verify[..], &own, named].concat());
            assert!(!verified.stdout.contains(MISSING), "{}", verified.stdout);
        }
    }
}

/// A record of an older version does not name the one before it.
#[test]
fn records_that_name_no_earlier_one_are_accepted() {
    let finished = overdue_round();
    let folders = purged_three_times(&finished);
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    for (folder, mut record) in folders.iter().zip(records(&finished.path(""))) {
        record
            .as_object_mut()
            .unwrap()
            .remove("previous_record_blake3");
        let name = folder.file_name().unwrap().to_str().unwrap();
        let name = format!("deletions/{name}/deletion-record.json");
        write_signed(&finished, &name, "record", &record, &key);
    }
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    // A later one names the last of them.
    assert_eq!(purge(&finished, &[]).code, 0);
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    fs::remove_dir_all(&folders[2]).unwrap();
    assert!(finished.verify().stdout.contains(MISSING));
}

/// The name of a record's folder says which record it is, and in which order they were written.
#[test]
fn a_record_counts_only_under_its_own_name() {
    for other in ["9", "2020-01-01T00-00-00Z", "2026-10-02T08-00-00Z-2"] {
        for is_copy in [true, false] {
            let finished = overdue_round();
            assert_eq!(purge(&finished, &[]).code, 0);
            let folder = folders(&finished.path("")).pop().unwrap();
            let other = folder.with_file_name(other);
            match is_copy {
                true => {
                    fs::create_dir(&other).unwrap();
                    for name in ["deletion-record.json", "deletion-record.json.minisig"] {
                        fs::copy(folder.join(name), other.join(name)).unwrap();
                    }
                }
                false => fs::rename(&folder, &other).unwrap(),
            }
            let verified = finished.verify();
            let text = "the name of the folder is not the time in its deletion record";
            assert!(verified.stdout.contains(text), "{}", verified.stdout);
            assert_eq!(verified.code, 4);
            assert_eq!(check_19(&finished).0, "not_held");
            // Without the record a purge would call every file missing.
            let result = purge(&finished, &[]);
            assert_eq!(result.code, 1, "{}", result.stdout);
            assert!(result.stderr.contains(text), "{}", result.stderr);
            match is_copy {
                true => fs::remove_dir_all(&other).unwrap(),
                false => fs::rename(&other, &folder).unwrap(),
            }
            assert_eq!(purge(&finished, &[]).code, 0);
            assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
        }
    }
}

/// An empty folder can say something with its name.
#[test]
fn whatever_is_put_among_the_records_is_told() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let folder = folders(&finished.path("")).pop().unwrap();
    for place in [
        "empty",
        "a/b",
        "2026-10-02T08-00-00Z",
        "under-way-2026-10-02T08-00-00Z",
        ".2026-10-02T08-00-00Z.partial-1",
        "a/file.txt",
        "file.txt",
        "2026-10-02T08-00-00Z/deep/er",
        "IN/empty",
        "IN/deep/er",
        "IN/file.txt",
    ] {
        let path = match place.strip_prefix("IN/") {
            Some(inner) => folder.join(inner),
            None => finished.path("deletions").join(place),
        };
        let mut top = path.clone();
        while !top.parent().unwrap().exists() {
            top.pop();
        }
        match place.ends_with(".txt") {
            true => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "something").unwrap();
            }
            false => fs::create_dir_all(&path).unwrap(),
        }
        let verified = finished.verify();
        assert_eq!(verified.code, 4, "{place}: {}", verified.stdout);
        let last = path.file_name().unwrap().to_str().unwrap();
        assert!(
            verified.stdout.contains(last),
            "{place}: {}",
            verified.stdout
        );
        match top.is_dir() {
            true => fs::remove_dir_all(&top).unwrap(),
            false => fs::remove_file(&top).unwrap(),
        }
        assert_eq!(finished.verify().code, 0, "{place}");
    }
}
