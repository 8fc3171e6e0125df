//! Runs and purges of the same round at the same time.

use std::fs;

use crate::deletion::{overdue_round, purge};
use crate::support::{aidlink, set_mode};

/// The run may be reading any input, and no manifest says so yet.
#[test]
fn a_purge_waits_for_a_run_that_is_writing_an_output() {
    for place in [
        ".later.partial-abc",
        "results/.later.partial-abc",
        ".hidden/.later.partial-x.partial-abc",
    ] {
        let finished = overdue_round();
        let unfinished = finished.round.path(place);
        fs::create_dir_all(&unfinished).unwrap();
        set_mode(&unfinished, 0o1700);
        let lock = fs::File::open(&unfinished).unwrap();
        lock.try_lock().unwrap();
        let names = finished.round.names();
        let (folder, output) = (finished.round.path(""), finished.path(""));
        for named in [&folder, &output] {
            for more in [&[][..], &["--dry-run"]] {
                let arguments = ["purge", named.to_str().unwrap(), "--lang", "en"];
                let result = aidlink(&[&arguments[..], more].concat());
                assert_eq!(result.code, 1, "{place}: {}", result.stdout);
                for text in [place, "a run is writing", "run again when it has ended"] {
                    assert!(result.stderr.contains(text), "{text}: {}", result.stderr);
                }
            }
        }
        assert_eq!(finished.round.names(), names);
        assert!(!finished.path("deletions").exists());
        // Nobody waits for a run that was killed.
        drop(lock);
        let result = purge(&finished, &[]);
        assert_eq!(
            result.code, 0,
            "{place}: {}{}",
            result.stdout, result.stderr
        );
    }
}

/// What has the sticky bit or a lock alone is no run.
#[test]
fn a_purge_waits_for_nothing_that_is_no_run() {
    for (mode, is_finished) in [(0o700, false), (0o1700, true)] {
        let finished = overdue_round();
        let folder = finished.round.path(".later.partial-abc");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, mode);
        if is_finished {
            fs::create_dir(finished.round.path("later")).unwrap();
        }
        let lock = fs::File::open(&folder).unwrap();
        lock.try_lock().unwrap();
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    }
}

/// Whichever begins first.
#[test]
fn a_run_and_a_purge_of_one_round_do_not_go_on_at_once() {
    let finished = overdue_round();
    let (folder, later) = (finished.round.path(""), finished.round.path("later"));
    let run = || {
        finished
            .round
            .run_with(&["--output", later.to_str().unwrap()])
    };
    let held = fs::File::open(&folder).unwrap();
    // As a purge holds it.
    held.try_lock().unwrap();
    let result = run();
    assert_eq!(result.code, 1, "{}", result.stdout);
    let text = "a purge is deleting inputs of the round";
    assert!(result.stderr.contains(text), "{}", result.stderr);
    assert!(!later.exists());
    held.unlock().unwrap();
    // As a run holds it. Another run may begin.
    held.try_lock_shared().unwrap();
    let names = finished.round.names();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    let text = "a run that reads inputs of the round";
    assert!(result.stderr.contains(text), "{}", result.stderr);
    assert_eq!(finished.round.names(), names);
    assert_eq!(run().code, 0);
    drop(held);
    assert_eq!(purge(&finished, &[]).code, 0);
    assert!(!finished.round.path("round.key").exists());
}
