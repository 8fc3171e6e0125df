//! Attempts to lead a purge out of the round's folder by exchanging a folder while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aidlink_office::deletion::{Purge, Purged};
use aidlink_office::round_folder::RoundFolder;
use aidlink_office::signing::SigningKey;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, plain_purge, purge};
use crate::support::{Round, files_below};

/// The folder above the output folder, which is exchanged.
const ABOVE: &str = "sub";

/// Returns an overdue round whose output folder is in another folder, and the copy of that folder
/// outside the round's.
fn round_and_copy() -> (FinishedRound, PathBuf) {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = 2026-12-31",
        "retention_until = 2026-10-01",
    );
    fs::create_dir(round.path(ABOVE)).unwrap();
    let output = round.path("sub/output");
    let result = round.run_with(&["--output", output.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    let finished = FinishedRound::at(round, "sub/output");
    let copy = finished.round.path("../copy");
    copy_folder(&finished.round.path(ABOVE), &copy);
    (finished, copy)
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// Puts a link to the copy in place of the folder.
fn exchange(finished: &FinishedRound, copy: &Path) {
    let above = finished.round.path(ABOVE);
    fs::rename(&above, finished.round.path("sub.away")).unwrap();
    symlink(copy, above).unwrap();
}

/// Returns the names and content of the files below a folder.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files_below(folder)
}

/// Exchanges two names all the time while something runs. In the end both are as before.
fn while_exchanging(swap: &(impl Fn() -> bool + Sync), run: impl FnOnce()) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut is_away = false;
            while !is_done.load(Ordering::Relaxed) || is_away {
                is_away ^= swap();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        run();
        is_done.store(true, Ordering::Relaxed);
    });
}

/// Purges the outputs that were found.
fn purge_found(finished: &FinishedRound, found: &RoundFolder) -> Option<Vec<Purged>> {
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let purge = Purge {
        siblings: &found.siblings,
        rounds: &found.rounds,
        round_files: &found.round_files,
        ..plain_purge(&key, &found.outputs, &found.opened, &found.folder)
    };
    purge.run().ok()
}

#[test]
fn a_folder_that_is_exchanged_for_a_link_after_the_search_leads_nowhere() {
    // The user names the round's folder, the output folder, or a link to the round's folder.
    for named in [".", "sub/output", "../named"] {
        let (finished, copy) = round_and_copy();
        symlink(
            finished.round.path("").canonicalize().unwrap(),
            finished.round.path("../named"),
        )
        .unwrap();
        let before = content(&copy);
        let round = finished.round.path("round.toml");
        let named = finished.round.path(named);
        let found = RoundFolder::find(&named, Some(&round)).unwrap();
        assert_eq!(found.outputs.len(), 1);
        exchange(&finished, &copy);
        let purged = purge_found(&finished, &found);
        assert_eq!(content(&copy), before, "{}", named.display());
        // What the user named is open, or nothing was deleted.
        if purged.is_none() {
            assert!(finished.round.path("round.key").exists());
            assert!(finished.round.path("sub.away/output/lists").exists());
        }
    }
}

/// An output that is not due needs the inputs. It must not be missed because somebody exchanges
/// the folder above it after the search.
#[test]
fn an_output_that_needs_inputs_is_not_missed_behind_an_exchanged_folder() {
    let (finished, copy) = round_and_copy();
    let due = finished.round.path("due");
    let result = finished
        .round
        .run_with(&["--output", due.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    let round = finished.round.path("round.toml");
    let found = RoundFolder::find(&due, Some(&round)).unwrap();
    assert_eq!(found.siblings.len(), 1);
    // Nothing in the copy needs them: a purge has deleted it.
    fs::remove_dir_all(copy.join("output")).unwrap();
    exchange(&finished, &copy);
    assert!(purge_found(&finished, &found).is_none());
    assert!(due.join("lists").exists());
    assert!(finished.round.path("round.key").exists());
}

/// Somebody moves an output that is not due while the round's folder is searched, so that the search
/// sees it neither where it was nor where it is.
#[test]
fn an_output_that_is_moved_while_the_folder_is_searched_keeps_its_inputs() {
    for target in ["arch/later", "later", ".hidden/deep/later"] {
        let finished = overdue_round();
        finished.round.replace(
            "round.toml",
            "retention_until = 2026-10-01",
            "retention_until = 2099-12-31",
        );
        let later = finished.round.path("../later");
        let result = finished
            .round
            .run_with(&["--output", later.to_str().unwrap()]);
        assert_eq!(result.code, 0, "{}", result.stderr);
        let round = finished.round.path("round.toml");
        let found = RoundFolder::find(&finished.path(""), Some(&round)).unwrap();
        assert!(found.siblings.is_empty());
        let target = finished.round.path(target);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(&later, &target).unwrap();
        let before = content(&finished.round.path(""));
        assert!(purge_found(&finished, &found).is_none());
        assert_eq!(content(&finished.round.path("")), before);
        // The next purge knows it, and keeps what it needs.
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        assert!(finished.round.path("round.key").exists());
    }
}

/// Somebody exchanges it all the time.
#[test]
fn a_purge_deletes_nothing_through_a_folder_that_is_exchanged_all_the_time() {
    let (finished, copy) = round_and_copy();
    let (above, link) = (finished.round.path(ABOVE), finished.round.path("../link"));
    symlink(&copy, &link).unwrap();
    let swap = || renameat_with(CWD, &above, CWD, &link, RenameFlags::EXCHANGE).is_ok();
    if !swap() || !swap() {
        // The file system cannot do it.
        return;
    }
    let kept = finished.round.path("../kept");
    copy_folder(&finished.round.path(""), &kept);
    // Not by way of the round's folder, which is removed below.
    let kept = kept.canonicalize().unwrap();
    let before = content(&copy);
    for _ in 0..12 {
        while_exchanging(&swap, || {
            purge(&finished, &[]);
        });
        assert_eq!(content(&copy), before);
        fs::remove_dir_all(finished.round.path("")).unwrap();
        copy_folder(&kept, &finished.round.path(""));
    }
}

/// Somebody exchanges a folder above the round's all the time. The user names the output folder,
/// and is in the round's folder.
#[test]
fn a_purge_of_an_output_does_not_leave_the_folder_that_holds_it() {
    let finished = overdue_round();
    let root = finished.round.path("../above");
    fs::create_dir(&root).unwrap();
    let root = root.canonicalize().unwrap();
    let (above, away, link) = (root.join("p"), root.join("t"), root.join("link"));
    symlink(&away, &link).unwrap();
    let swap = || renameat_with(CWD, &above, CWD, &link, RenameFlags::EXCHANGE).is_ok();
    for more in [&[][..], &["--round", "round.toml"]] {
        for _ in 0..12 {
            for folder in [&above, &away] {
                fs::create_dir(folder).unwrap();
                copy_folder(&finished.round.path(""), &folder.join("round"));
            }
            if !swap() || !swap() {
                // The file system cannot do it.
                return;
            }
            let before = content(&away);
            while_exchanging(&swap, || {
                // The shell enters the folder whatever is above it later.
                let purged = Command::new(env!("CARGO_BIN_EXE_aidlink"))
                    .args(["purge", "output", "--lang", "en"])
                    .args(more)
                    .current_dir(above.join("round"))
                    .output();
                purged.unwrap();
            });
            let after = content(&away);
            let inside = content(&above);
            for kept in [after, inside] {
                let record = kept
                    .keys()
                    .find(|path| path.ends_with("/deletion-record.json"));
                let Some(record) = record else {
                    assert_eq!(kept, before, "files are gone without a record");
                    continue;
                };
                let record: serde_json::Value = serde_json::from_slice(&kept[record]).unwrap();
                for file in crate::deletion::paths(&record["removed"]) {
                    let is_there = kept.contains_key(&format!("round/{file}"));
                    assert!(!is_there, "{file} is recorded as deleted and is there");
                }
            }
            for folder in [&above, &away] {
                fs::remove_dir_all(folder).unwrap();
            }
        }
    }
}
