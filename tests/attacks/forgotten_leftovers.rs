//! Attempts to make a purge forget what an interrupted run left. No manifest names it, so only
//! the records do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::deleting::{assert_finished, assert_left, check_19, last_record};
use super::{is_intact, treasure};
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::set_mode;

const LEFTOVER: &str = ".output.partial-abc";

/// Something that an interrupted run left and that a purge cannot remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// An unfinished output folder that a program holds locked.
    LockedFolder,
    /// A file that a program holds locked.
    LockedFile,
    /// A link in an unfinished folder.
    Link,
    /// A folder that is nested too deeply to be read.
    DeepFolder,
    /// Two files whose names differ only in a number that records black out; one is a link.
    SameName,
}

impl Left {
    const ALL: [Self; 5] = [
        Left::LockedFolder,
        Left::LockedFile,
        Left::Link,
        Left::DeepFolder,
        Left::SameName,
    ];

    /// Makes it. Returns the path in a record, and the lock.
    fn make(self, finished: &FinishedRound) -> (&'static str, Option<fs::File>) {
        let leftover = finished.round.path(LEFTOVER);
        if self == Left::LockedFile {
            fs::write(&leftover, "rows").unwrap();
            set_mode(&leftover, 0o1600);
        } else {
            fs::create_dir(&leftover).unwrap();
        }
        let path = match self {
            Left::LockedFile => LEFTOVER,
            Left::LockedFolder => {
                fs::write(leftover.join("list.csv"), "rows").unwrap();
                ".output.partial-abc/list.csv"
            }
            Left::Link => {
                symlink("elsewhere", leftover.join("list.csv")).unwrap();
                ".output.partial-abc/list.csv"
            }
            Left::DeepFolder => {
                let deep: PathBuf = std::iter::repeat_n("x", 70).collect();
                fs::create_dir_all(leftover.join(deep)).unwrap();
                LEFTOVER
            }
            Left::SameName => {
                fs::write(leftover.join("13800001234.csv"), "rows").unwrap();
                symlink("elsewhere", leftover.join("13800001235.csv")).unwrap();
                ".output.partial-abc/***.csv"
            }
        };
        if self != Left::LockedFile {
            set_mode(&leftover, 0o1700);
        }
        let is_locked = matches!(self, Left::LockedFolder | Left::LockedFile);
        let lock = is_locked.then(|| {
            let lock = fs::File::open(&leftover).unwrap();
            lock.try_lock().unwrap();
            lock
        });
        (path, lock)
    }
}

const NOT_SEEN: &str = "lists it as left, this purge did not find it, and no purge removed it";

#[test]
fn a_leftover_that_was_left_and_then_moved_away_is_asked_for_until_it_is_accounted_for() {
    for left in Left::ALL {
        let finished = overdue_round();
        let (path, lock) = left.make(&finished);
        let leftover = finished.round.path(LEFTOVER);
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 3, "{left:?} {}", result.stdout);
        let listed = &last_record(&finished.path(""))["left"];
        assert_eq!(paths(listed), [path.to_owned()].into(), "{left:?}");
        drop(lock);
        let away = finished.round.path("../away");
        fs::rename(&leftover, &away).unwrap();
        for _ in 0..3 {
            let result = purge(&finished, &[]);
            assert_left(&finished, &finished.path(""), &result, &[path]);
            assert!(result.stdout.contains(NOT_SEEN), "{}", result.stdout);
            let audit = finished.audit(&[]).stdout;
            assert!(
                audit.contains("files of interrupted runs as left"),
                "{audit}"
            );
        }
        // It is back: a purge deletes it, or reports it again.
        fs::rename(&away, &leftover).unwrap();
        let result = purge(&finished, &[]);
        assert!(
            !result.stdout.contains(NOT_SEEN),
            "{left:?} {}",
            result.stdout
        );
        match left {
            Left::LockedFolder | Left::LockedFile => {
                assert_finished(&finished, &result);
                assert!(!leftover.exists());
                // A later purge has nothing to say.
                assert_finished(&finished, &purge(&finished, &[]));
            }
            Left::Link | Left::DeepFolder | Left::SameName => {
                assert_left(&finished, &finished.path(""), &result, &[path]);
            }
        }
    }
}

#[test]
fn a_person_confirms_that_a_leftover_was_deleted() {
    for left in Left::ALL {
        for purges_before in [0, 1] {
            let finished = overdue_round();
            let (path, lock) = left.make(&finished);
            assert_eq!(purge(&finished, &[]).code, 3);
            // While it is here there is nothing to confirm.
            let confirm = ["--confirm-deleted", "wiped by 13800001234"];
            let result = purge(&finished, &confirm);
            assert_left(&finished, &finished.path(""), &result, &[path]);
            drop(lock);
            let away = finished.round.path("../away");
            fs::rename(finished.round.path(LEFTOVER), away).unwrap();
            for _ in 0..purges_before {
                assert_eq!(purge(&finished, &[]).code, 3);
            }
            let result = purge(&finished, &confirm);
            assert_finished(&finished, &result);
            let record = last_record(&finished.path(""));
            assert_eq!(paths(&record["confirmed"]), [path.to_owned()].into());
            assert_eq!(record["confirmed_because"], "wiped by ***");
            let text = format!("a person confirms that it was deleted: {path}");
            assert!(result.stdout.contains(&text), "{}", result.stdout);
            let audit = finished.audit(&[]).stdout;
            let text = "a person confirms that 1 files that are not here were deleted";
            assert!(audit.contains(text), "{audit}");
            // Once is enough.
            for arguments in [&[][..], &confirm] {
                let result = purge(&finished, arguments);
                assert_eq!(result.code, 0, "{}", result.stdout);
                assert!(result.stdout.contains("nothing is left"));
            }
            assert_eq!(check_19(&finished).0, "held");
        }
    }
}

/// Without its mark, or in a folder that cannot be opened, it is still there.
#[test]
fn a_person_cannot_confirm_away_a_leftover_that_is_still_there() {
    for left in Left::ALL {
        for is_unmarked in [true, false] {
            let finished = overdue_round();
            let (path, lock) = left.make(&finished);
            assert_eq!(purge(&finished, &[]).code, 3);
            drop(lock);
            let leftover = finished.round.path(LEFTOVER);
            let confirm = ["--confirm-deleted", "wiped"];
            if is_unmarked {
                set_mode(&leftover, 0o700);
                let result = purge(&finished, &confirm);
                assert_left(&finished, &finished.path(""), &result, &[path]);
                let message = "without the mark that a run gives it";
                assert!(result.stdout.contains(message), "{}", result.stdout);
            } else {
                let traced = ["-P", LEFTOVER, "-e", "inject=openat,openat2:error=EACCES"];
                let Some((code, text)) = purge_with(&finished, &traced, &confirm) else {
                    return;
                };
                assert_eq!(code, 3, "{left:?} {text}");
                let record = last_record(&finished.path(""));
                assert!(paths(&record["left"]).contains(path), "{left:?} {record}");
            }
            let record = last_record(&finished.path(""));
            assert!(record.get("confirmed").is_none(), "{left:?} {record}");
            // When it is gone, it can be confirmed.
            fs::rename(&leftover, finished.round.path("../away")).unwrap();
            assert_finished(&finished, &purge(&finished, &confirm));
        }
    }
}

/// A confirmation is of what only records name. What a manifest names is missing.
#[test]
fn a_person_cannot_confirm_away_an_input_that_is_missing() {
    let finished = overdue_round();
    fs::remove_file(finished.round.path("veterans.persons.csv")).unwrap();
    let result = purge(&finished, &["--confirm-deleted", "wiped"]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    let record = last_record(&finished.path(""));
    let missing = ["veterans.persons.csv".to_owned()].into();
    assert_eq!(paths(&record["not_found"]), missing);
    assert!(record.get("confirmed").is_none(), "{record}");
    assert_eq!(check_19(&finished).0, "not_held");
}

/// Purges while system calls fail, as strace injects them.
fn purge_with(finished: &FinishedRound, traced: &[&str], more: &[&str]) -> Option<(i32, String)> {
    Command::new("strace").arg("-V").output().ok()?;
    let purged = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(traced)
        .args([env!("CARGO_BIN_EXE_aidlink"), "purge", "--lang", "en"])
        .args(more)
        .arg(finished.round.path(""))
        .output()
        .unwrap();
    let text = String::from_utf8(purged.stdout).unwrap();
    Some((purged.status.code()?, text))
}

/// Nobody can tell whether a run is still writing it.
#[test]
fn a_leftover_that_cannot_be_opened_or_locked_is_listed() {
    let locks = ["-e", "inject=flock:error=ENOLCK"];
    let opening = ["-P", LEFTOVER, "-e", "inject=openat,openat2:error=EACCES"];
    for (traced, path) in [
        (&locks[..], ".output.partial-abc/list.csv"),
        (&opening, LEFTOVER),
    ] {
        let finished = overdue_round();
        let leftover = finished.round.path(LEFTOVER);
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("list.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
        let Some((code, text)) = purge_with(&finished, traced, &[]) else {
            return;
        };
        assert_eq!(code, 3, "{traced:?} {text}");
        assert!(text.contains("it cannot be opened or locked"), "{text}");
        let record = last_record(&finished.path(""));
        assert_eq!(paths(&record["left"]), [path.to_owned()].into(), "{record}");
        assert_eq!(record["removed"].as_array().unwrap().len(), 44);
        assert!(leftover.join("list.csv").exists());
        // When it can be opened again, it goes, and nothing else is asked for.
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        assert!(!leftover.exists());
    }
}

/// A folder that held an unreadable one is asked for as a whole, until something in it goes.
#[test]
fn records_of_an_older_version_that_forgot_a_leftover_are_read_again() {
    let finished = overdue_round();
    let (path, lock) = Left::LockedFolder.make(&finished);
    assert_eq!(purge(&finished, &[]).code, 3);
    drop(lock);
    fs::rename(
        finished.round.path(LEFTOVER),
        finished.round.path("../away"),
    )
    .unwrap();
    assert_eq!(purge(&finished, &[]).code, 3);
    // The second record, as an older program would have written it.
    let mut record = last_record(&finished.path(""));
    let at = record["completed_at"].as_str().unwrap().replace(':', "-");
    record["left"] = json!([]);
    let name = format!("deletions/{at}/deletion-record.json");
    let key = finished.round.path("signing.key");
    let key = aidlink_office::signing::SigningKey::read(&key).unwrap();
    super::deleting::write_signed(&finished, &name, "record", &record, &key);
    assert_eq!(check_19(&finished).0, "not_held");
    let result = purge(&finished, &[]);
    assert_left(&finished, &finished.path(""), &result, &[path]);
    assert!(Path::new(&finished.path("deletions")).exists());
}

/// A folder of somebody else that is mounted elsewhere too.
struct Mount(PathBuf);

impl Mount {
    /// Mounts a folder; `None` if the system does not allow it.
    fn bind(from: &Path, to: &Path) -> Option<Self> {
        fs::create_dir_all(to).unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.arg("--bind").args([from, to]).output().ok()?;
        mounted.status.success().then(|| Mount(to.to_path_buf()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

/// What is in it is not the run's. It may be of the same file system, as here.
#[test]
fn nothing_is_deleted_in_what_is_mounted_in_a_leftover() {
    for place in ["", "lists/deep"] {
        let finished = overdue_round();
        let treasure = treasure(&finished.round.path(".."));
        let leftover = finished.round.path(LEFTOVER);
        fs::create_dir(&leftover).unwrap();
        set_mode(&leftover, 0o1700);
        let at = leftover.join(place);
        fs::create_dir(leftover.join("rejects")).unwrap();
        fs::write(leftover.join("rejects/list.csv"), "rows").unwrap();
        let mode = fs::metadata(&treasure).unwrap().permissions();
        // The mounted folder has the mark of a leftover, too.
        set_mode(&treasure, 0o1700);
        let Some(mounted) = Mount::bind(&treasure, &at) else {
            return;
        };
        let result = purge(&finished, &[]);
        assert!(is_intact(&treasure), "{place}: {}", result.stdout);
        assert_left(&finished, &finished.path(""), &result, &[LEFTOVER]);
        if !place.is_empty() {
            let text = "is mounted in it";
            assert!(result.stdout.contains(text), "{}", result.stdout);
        }
        drop(mounted);
        fs::set_permissions(&treasure, mode).unwrap();
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        assert!(!leftover.exists() && is_intact(&treasure));
    }
}

/// The next run of the same output removes what a killed one left.
#[test]
fn the_next_run_deletes_nothing_in_what_is_mounted_in_a_leftover() {
    let finished = overdue_round();
    let treasure = treasure(&finished.round.path(".."));
    let leftover = finished.round.path(".later.partial-abc");
    fs::create_dir(&leftover).unwrap();
    set_mode(&leftover, 0o1700);
    let Some(mounted) = Mount::bind(&treasure, &leftover.join("lists")) else {
        return;
    };
    let later = finished.round.path("later");
    let run = ["--output", later.to_str().unwrap()];
    assert_eq!(finished.round.run_with(&run).code, 0);
    assert!(is_intact(&treasure) && leftover.exists());
    drop(mounted);
}

/// In records both have the same name.
#[test]
fn one_of_two_equal_leftovers_that_cannot_be_removed_is_deleted_by_the_next_purge() {
    let path = ".output.partial-abc/***.csv";
    let mut is_tried = false;
    for at in 36..60 {
        let finished = overdue_round();
        let leftover = finished.round.path(LEFTOVER);
        fs::create_dir(&leftover).unwrap();
        for name in ["13800138000.csv", "13900139000.csv"] {
            fs::write(leftover.join(name), "rows").unwrap();
        }
        set_mode(&leftover, 0o1700);
        let fails = format!("inject=unlinkat:error=EIO:when={at}");
        let Some((code, _)) = purge_with(&finished, &["-e", &fails], &[]) else {
            return;
        };
        let record = last_record(&finished.path(""));
        if code != 3 || !paths(&record["left"]).contains(path) {
            continue;
        }
        is_tried = true;
        assert!(paths(&record["removed"]).contains(path), "{record}");
        assert_eq!(check_19(&finished).0, "not_held");
        assert_finished(&finished, &purge(&finished, &[]));
        let record = last_record(&finished.path(""));
        assert_eq!(paths(&record["removed"]), [path.to_owned()].into());
        assert!(!leftover.exists());
    }
    assert!(is_tried);
}
