//! Attempts to make the purge after a killed one call a file deleted or missing that is
//! still there, or lose what the killed one knew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aidlink_agency::key::RoundKey;
use aidlink_files::document::Document as _;
use aidlink_office::aside::aside_place;
use aidlink_office::deletion_record::FilePart;
use aidlink_office::manifest::Manifest;
use aidlink_office::remains::remains;
use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::deleting::{
    assert_finished, assert_left, change_journal, check_19, last_record, records,
};
use crate::audit::FinishedRound;
use crate::deletion::{kill_purge, overdue_round, paths, purge, write_journal};
use crate::support::{CommandResult, aidlink, set_mode};

const LEFTOVER: &str = ".output.partial-abc";
/// The file in the leftover.
const LIST: &str = ".output.partial-abc/lists/list.csv";

/// Returns an overdue round beside whose output an interrupted run left a folder.
fn round_with_leftover() -> FinishedRound {
    let finished = overdue_round();
    let list = finished.round.path(LIST);
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    fs::write(list, "rows").unwrap();
    set_mode(&finished.round.path(LEFTOVER), 0o1700);
    finished
}

/// When a purge is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// After its first journal, before it touches a file.
    Started,
    /// After it has given the file in the leftover its own name.
    Renamed,
    /// After it has set aside all files.
    SetAside,
    /// After it has removed what was in the leftover.
    Removed,
}

impl Killed {
    const ALL: [Self; 4] = [
        Killed::Started,
        Killed::Renamed,
        Killed::SetAside,
        Killed::Removed,
    ];

    fn kill(self, finished: &FinishedRound) {
        if [Killed::Started, Killed::Renamed].contains(&self) {
            let there = write_journal(finished, "2026-10-02T08:00:00Z", |_| false);
            let list = there.iter().find(|file| file.path == LIST).unwrap();
            if self == Killed::Renamed {
                let place = aside_place(list, Path::new(LIST));
                fs::rename(
                    finished.round.path(LIST),
                    finished.round.path(place.to_str().unwrap()),
                )
                .unwrap();
            }
            return;
        }
        let files = kill_purge(finished);
        let mut leftovers = files.iter().filter(|(file, _)| file.path == LIST);
        let (_, place) = leftovers.next().unwrap();
        if self == Killed::Removed {
            fs::remove_file(place).unwrap();
        }
    }
}

#[test]
fn a_leftover_that_is_locked_or_unmarked_is_left_and_not_missing() {
    for killed in [Killed::Started, Killed::Renamed, Killed::SetAside] {
        for (is_locked, is_unmarked) in [(true, false), (false, true), (true, true)] {
            let finished = round_with_leftover();
            let leftover = finished.round.path(LEFTOVER);
            killed.kill(&finished);
            let lock = fs::File::open(&leftover).unwrap();
            if is_locked {
                lock.try_lock().unwrap();
            }
            if is_unmarked {
                set_mode(&leftover, 0o700);
            }
            for _ in 0..2 {
                let result = purge(&finished, &[]);
                assert_left(&finished, &finished.path(""), &result, &[LIST]);
                assert_eq!(fs::read_dir(leftover.join("lists")).unwrap().count(), 1);
            }
            drop(lock);
            set_mode(&leftover, 0o1700);
            let result = purge(&finished, &[]);
            assert_finished(&finished, &result);
            assert!(!leftover.exists(), "{killed:?} {is_locked}");
            let removed = &last_record(&finished.path(""))["removed"];
            assert!(paths(removed).contains(LIST), "{killed:?} {removed}");
        }
    }
}

/// A program that holds a leftover locked may be copying it.
#[test]
fn a_locked_leftover_is_left_also_without_a_killed_purge() {
    let finished = round_with_leftover();
    let lock = fs::File::open(finished.round.path(LEFTOVER)).unwrap();
    lock.try_lock().unwrap();
    let result = purge(&finished, &[]);
    assert_left(&finished, &finished.path(""), &result, &[LIST]);
    assert!(result.stdout.contains("a program is using the file"));
    drop(lock);
    let result = purge(&finished, &[]);
    assert_finished(&finished, &result);
}

#[test]
fn a_leftover_that_was_renamed_after_a_killed_purge_is_accounted_for() {
    for killed in Killed::ALL {
        let finished = round_with_leftover();
        killed.kill(&finished);
        let renamed = finished.round.path(".output.partial-def");
        fs::rename(finished.round.path(LEFTOVER), &renamed).unwrap();
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        assert!(!renamed.exists(), "{killed:?}");
        let record = last_record(&finished.path(""));
        let list = match killed {
            Killed::Removed => "removed_earlier",
            _ => "removed",
        };
        assert!(paths(&record[list]).contains(LIST), "{killed:?} {record}");
    }
}

/// Under a name that no run gives, only the journal says that it is the round's.
#[test]
fn a_leftover_under_any_name_is_left_with_the_place_where_it_is() {
    for killed in [Killed::Started, Killed::Renamed, Killed::SetAside] {
        let finished = round_with_leftover();
        killed.kill(&finished);
        let renamed = finished.round.path("old files");
        fs::rename(finished.round.path(LEFTOVER), &renamed).unwrap();
        let result = purge(&finished, &[]);
        assert_left(&finished, &finished.path(""), &result, &[LIST]);
        let message = "there is a file at old files/lists/";
        assert!(result.stdout.contains(message), "{}", result.stdout);
        fs::rename(&renamed, finished.round.path(LEFTOVER)).unwrap();
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
    }
}

/// A file of a leftover that somebody took is in no manifest.
#[test]
fn a_file_taken_from_a_leftover_keeps_the_audit_from_passing() {
    let finished = round_with_leftover();
    Killed::Started.kill(&finished);
    fs::remove_file(finished.round.path(LIST)).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    let record = last_record(&finished.path(""));
    assert_eq!(paths(&record["not_found"]), [LIST.to_owned()].into());
    for _ in 0..2 {
        assert_eq!(check_19(&finished).0, "not_held");
        assert!(finished.audit(&[]).stdout.contains(LIST));
        purge(&finished, &[]);
    }
}

/// Purges with another key than the manifest's.
fn purge_as(finished: &FinishedRound, key: &Path) -> CommandResult {
    let key = ["--signing-key", key.to_str().unwrap()];
    purge(finished, &[&key[..], &["--other-signer", "lost"]].concat())
}

fn assert_none_missing(finished: &FinishedRound, result: &CommandResult) {
    let record = last_record(&finished.path(""));
    assert_eq!(record["not_found"], json!([]), "{}", result.stdout);
    assert!(!result.stdout.contains("missing"), "{}", result.stdout);
}

#[test]
fn what_a_purge_with_another_key_deleted_is_not_missing_for_a_normal_one() {
    let finished = overdue_round();
    let other = finished.round.path("../other.key");
    let key = SigningKey::make(&other).unwrap();
    assert_eq!(purge_as(&finished, &other).code, 0);
    let count = paths(&last_record(&finished.path(""))["removed"]).len();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    assert_none_missing(&finished, &result);
    let record = last_record(&finished.path(""));
    assert_eq!(paths(&record["left"]).len(), count);
    let message = format!("another key (public key {}) signed it", key.public().id());
    assert!(result.stdout.contains(&message), "{}", result.stdout);
    assert_eq!(check_19(&finished).0, "not_held");
}

#[test]
fn purges_with_two_keys_in_turn_lose_nothing() {
    for is_other_killed in [true, false] {
        let finished = round_with_leftover();
        let other = finished.round.path("../other.key");
        let key = SigningKey::make(&other).unwrap();
        let files = kill_purge(&finished);
        for (_, place) in files.iter().take(3) {
            fs::remove_file(place).unwrap();
        }
        if is_other_killed {
            change_journal(&finished, &key, |_| {});
        }
        for is_other in [false, true, false, true, false] {
            let is_other = is_other == is_other_killed;
            let result = match is_other {
                true => purge_as(&finished, &other),
                false => purge(&finished, &[]),
            };
            assert!([0, 3].contains(&result.code), "{}", result.stderr);
            assert_none_missing(&finished, &result);
        }
        for (_, place) in &files {
            assert!(!place.exists(), "{}", place.display());
        }
    }
}

/// What happens to a journal or record of an earlier purge.
#[derive(Clone, Copy, Debug)]
enum Damage {
    NoSignature,
    NoDocument,
    EmptyFolder,
    ShortDocument,
    ShortSignature,
    EmptyDocument,
    Changed,
}

impl Damage {
    const ALL: [Self; 7] = [
        Damage::NoSignature,
        Damage::NoDocument,
        Damage::EmptyFolder,
        Damage::ShortDocument,
        Damage::ShortSignature,
        Damage::EmptyDocument,
        Damage::Changed,
    ];

    fn apply(self, document: &Path) {
        let signature = document.with_extension("json.minisig");
        let cut = |file: &Path| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        };
        match self {
            Damage::NoSignature => fs::remove_file(signature).unwrap(),
            Damage::NoDocument => fs::remove_file(document).unwrap(),
            Damage::EmptyFolder => {
                fs::remove_file(signature).unwrap();
                fs::remove_file(document).unwrap();
            }
            Damage::ShortDocument => cut(document),
            Damage::ShortSignature => cut(&signature),
            Damage::EmptyDocument => fs::write(document, "").unwrap(),
            Damage::Changed => {
                let text = fs::read_to_string(document).unwrap();
                fs::write(document, text.replacen("\"bytes\": ", "\"bytes\": 1", 1)).unwrap();
            }
        }
    }
}

#[test]
fn a_purge_refuses_journals_and_records_that_are_not_whole() {
    for name in ["deletion-journal.json", "deletion-record.json"] {
        let finished = overdue_round();
        match name {
            "deletion-record.json" => assert_eq!(purge(&finished, &[]).code, 0),
            _ => drop(kill_purge(&finished)),
        }
        let mut folders = fs::read_dir(finished.path("deletions")).unwrap();
        let document = folders.next().unwrap().unwrap().path().join(name);
        let files = [document.clone(), document.with_extension("json.minisig")];
        let before = files.clone().map(|file| fs::read(file).unwrap());
        let names = finished.round.names();
        for damage in Damage::ALL {
            damage.apply(&document);
            for arguments in [&[][..], &["--dry-run"]] {
                let result = purge(&finished, arguments);
                assert_eq!(result.code, 1, "{damage:?} {}", result.stdout);
                for text in [
                    "is missing, cut short, or changed",
                    "restore it from a backup",
                ] {
                    assert!(result.stderr.contains(text), "{damage:?} {}", result.stderr);
                }
                assert_eq!(finished.round.names(), names);
            }
            for (file, bytes) in files.iter().zip(&before) {
                fs::write(file, bytes).unwrap();
            }
        }
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
    }
}

/// Two outputs of one round share its inputs, whichever of them a purge names.
#[test]
fn purges_of_two_outputs_with_common_inputs_do_not_run_at_once() {
    let finished = overdue_round();
    let other = finished.round.path("other");
    let outputs: [PathBuf; 2] = [finished.path(""), other.clone()];
    let result = finished
        .round
        .run_with(&["--output", other.to_str().unwrap()]);
    assert_eq!(result.code, 0);
    // A purge of one of them holds this lock.
    let lock = fs::File::open(finished.round.path("")).unwrap();
    lock.try_lock().unwrap();
    let names = finished.round.names();
    for output in &outputs {
        let result = aidlink(&["purge", output.to_str().unwrap(), "--lang", "en"]);
        assert_eq!(result.code, 1, "{}", result.stdout);
        let message = "another purge is running";
        assert!(result.stderr.contains(message), "{}", result.stderr);
    }
    assert_eq!(finished.round.names(), names);
    drop(lock);
    let result = purge(&finished, &[]);
    assert_finished(&finished, &result);
}

/// Purges while the system makes calls fail, as strace injects them. Returns the exit code;
/// `None` after a kill.
fn purge_with(finished: &FinishedRound, injected: &[String]) -> Option<i32> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    for inject in injected {
        strace.args(["-e", &format!("inject={inject}")]);
    }
    strace.args([env!("CARGO_BIN_EXE_aidlink"), "purge"]);
    let ended = strace.arg(finished.round.path("")).output().unwrap();
    ended.status.code()
}

/// Takes away every file of the round that has its own name. Returns their paths in a record.
fn take_away(finished: &FinishedRound) -> BTreeSet<String> {
    let away = finished.round.path("../away");
    fs::create_dir(&away).unwrap();
    let bytes = fs::read(finished.path("manifest.json")).unwrap();
    let manifest = Manifest::parse(&bytes).unwrap();
    let (output, folder) = (finished.path(""), finished.round.path(""));
    let remains = remains(&manifest, &output, &folder, &RoundKey::id_for);
    let mut taken = BTreeSet::new();
    for found in remains.there {
        let file = found.file;
        if found.place != Path::new(&file.path) {
            continue;
        }
        let folder = match file.part {
            FilePart::Output => &output,
            _ => &folder,
        };
        fs::rename(folder.join(&file.path), away.join(taken.len().to_string())).unwrap();
        taken.insert(file.path);
    }
    taken
}

/// A purge that cannot write a document gives the files their names back. Whatever is taken
/// from there exists, and no later purge may call it deleted.
#[test]
fn what_a_failed_purge_gave_back_and_somebody_took_never_counts_as_deleted() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    // A purge makes two folders for each journal, flushes five times and renames once. In
    // between it renames 44 files in five folders, and flushes each.
    let fail =
        |call: &str, error: &str, point: usize| vec![format!("{call}:error={error}:when={point}")];
    let first_journal_or_record = [
        fail("mkdirat", "EROFS", 2),
        fail("fsync", "ENOSPC", 1),
        fail("renameat2", "EACCES", 1),
        fail("fsync", "ENOSPC", 21),
    ];
    // A read-only or full folder, a foreign file in the way; it is killed while it gives the
    // names back.
    let mut second_journal = vec![
        fail("mkdirat", "EROFS", 3),
        fail("mkdirat", "EEXIST", 4),
        fail("fsync", "EIO", 6),
        fail("fsync", "ENOSPC", 11),
        fail("fsync", "EIO", 14),
        fail("renameat2", "EACCES", 46),
    ];
    for point in [46, 89] {
        let kill = format!("renameat2:signal=KILL:when={point}");
        second_journal.push([fail("fsync", "ENOSPC", 12), vec![kill]].concat());
    }
    let mut given_back = 0;
    for was_killed in [false, true] {
        let first = first_journal_or_record.iter().filter(|_| !was_killed);
        for injected in first.chain(&second_journal) {
            let finished = overdue_round();
            if was_killed {
                // Somebody puts the files back that an earlier purge had set aside.
                for (file, place) in kill_purge(&finished) {
                    let name = Path::new(&file.path).file_name().unwrap();
                    fs::rename(&place, place.with_file_name(name)).unwrap();
                }
            }
            let code = purge_with(&finished, injected);
            let taken = take_away(&finished);
            given_back += taken.len();
            let result = purge(&finished, &["--json"]);
            assert!([0, 3].contains(&result.code), "{}", result.stderr);
            // A purge that finds nothing but missing files writes no record.
            let reported: Value = serde_json::from_str(&result.stdout).unwrap();
            let mut accounted = BTreeSet::new();
            for record in [
                records(&finished.path("")),
                vec![reported[0]["record"].clone()],
            ]
            .concat()
            {
                for list in ["removed", "removed_earlier"] {
                    let listed = paths(&record[list]);
                    let wrong: Vec<_> = listed.intersection(&taken).collect();
                    assert!(wrong.is_empty(), "{injected:?} {wrong:?}");
                    accounted.extend(listed);
                }
                for list in ["left", "not_found"] {
                    accounted.extend(paths(&record[list]));
                }
            }
            assert_eq!(accounted.len(), 44, "{injected:?} {code:?}");
        }
    }
    assert!(given_back > 44);
}

/// In records their names differ only in a number that is blacked out.
#[test]
fn each_of_several_equal_leftovers_is_recorded_after_a_kill() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let numbers = ["13800001234", "13800001235", "13800001236"];
    // The removals are the first calls; one after them removes a journal.
    for kill in 1..=numbers.len() + 1 {
        let leftover = finished.round.path(".output.partial-abc");
        fs::create_dir(&leftover).unwrap();
        for number in numbers {
            fs::write(leftover.join(format!("{number}.csv")), "rows").unwrap();
        }
        set_mode(&leftover, 0o1700);
        let before = records(&finished.path("")).len();
        let killed = purge_with(&finished, &[format!("unlinkat:signal=KILL:when={kill}")]);
        assert_eq!(killed, None, "{kill}");
        let result = purge(&finished, &[]);
        assert_finished(&finished, &result);
        let records = records(&finished.path(""));
        let recorded = records[before..].iter().flat_map(|record| {
            let lists = ["removed", "removed_earlier"].map(|list| record[list].as_array().unwrap());
            lists.into_iter().flatten()
        });
        let names: Vec<&str> = recorded
            .map(|file| file["file"].as_str().unwrap())
            .collect();
        assert_eq!(names, [".output.partial-abc/***.csv"; 3], "{kill}");
        assert!(!leftover.exists());
    }
}

/// A call by which a purge changes or flushes a folder, as strace shows it.
struct Call {
    call: String,
    /// The folder, or the file that is flushed.
    folder: String,
    /// The names in it.
    names: Vec<String>,
    is_of_folder: bool,
    succeeded: bool,
}

impl Call {
    fn parse(line: &str) -> Option<Self> {
        let (before, rest) = line.split_once('(')?;
        let (_, path) = rest.split_once('<')?;
        let quoted = rest.split('"').skip(1).step_by(2);
        Some(Call {
            call: before.split(' ').next_back()?.to_owned(),
            folder: path.split_once('>')?.0.to_owned(),
            names: quoted.map(str::to_owned).collect(),
            is_of_folder: rest.contains("AT_REMOVEDIR"),
            succeeded: line.ends_with("= 0"),
        })
    }

    fn is(&self, call: &str, folder: &str) -> bool {
        self.succeeded && self.call == call && self.folder == folder
    }

    /// Whether it gives a journal or record its name.
    fn names_document(&self, is_name: impl Fn(&str) -> bool) -> bool {
        self.succeeded
            && self.call == "renameat2"
            && self.folder.ends_with("/deletions")
            && self.names.last().is_some_and(|name| is_name(name))
    }

    fn is_in_deletions(&self) -> bool {
        self.folder.contains("/deletions")
    }
}

/// Purges, and returns the exit code and the calls.
fn trace(finished: &FinishedRound, injected: &[String]) -> (Option<i32>, Vec<Call>) {
    let calls = finished.round.path("../calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-o", calls.to_str().unwrap()]);
    strace.args(["-e", "trace=renameat2,unlinkat,fsync"]);
    for inject in injected {
        strace.args(["-e", &format!("inject={inject}")]);
    }
    strace.args([env!("CARGO_BIN_EXE_aidlink"), "purge"]);
    let ended = strace.arg(finished.round.path("")).output().unwrap();
    let text = fs::read_to_string(calls).unwrap();
    (
        ended.status.code(),
        text.lines().filter_map(Call::parse).collect(),
    )
}

fn has_strace() -> bool {
    Command::new("strace").arg("-V").output().is_ok()
}

/// Returns the places in the calls at which the second journal and the record get their names.
fn documents(calls: &[Call]) -> (usize, usize) {
    let journal = |call: &Call| call.names_document(|name| name.ends_with("-set-aside"));
    let record = |call: &Call| call.names_document(|name| name.starts_with('2'));
    (
        calls.iter().position(journal).expect("a journal"),
        calls.iter().position(record).expect("a record"),
    )
}

/// Checks that the disk has what was renamed before the journal says so, and what was removed
/// before the record does.
fn assert_synced(calls: &[Call]) {
    let (journal, record) = documents(calls);
    let is_synced = |folder: &str, after: usize, before: usize| {
        let between = calls.get(after..before).unwrap_or_default();
        between.iter().any(|call| call.is("fsync", folder))
    };
    for (at, call) in calls.iter().enumerate() {
        let folder = call.folder.as_str();
        if !call.succeeded || call.is_in_deletions() {
            continue;
        }
        let names = call.names.join(" ");
        match call.call.as_str() {
            "renameat2" if at < journal => {
                assert!(is_synced(folder, at, journal), "{folder} {names}");
            }
            "unlinkat" if !call.is_of_folder => {
                assert!(is_synced(folder, at, record), "{folder} {names}");
            }
            "unlinkat" => {
                let mut later = calls.iter().skip(at);
                let is_removed = later.any(|later| {
                    let name = later.names.first();
                    later.is_of_folder
                        && name.is_some_and(|name| folder == format!("{}/{name}", later.folder))
                });
                let is_synced = is_synced(folder, at, calls.len());
                assert!(is_removed || is_synced, "{folder} {names}");
            }
            _ => {}
        }
    }
}

#[test]
fn the_disk_has_what_a_journal_or_record_says() {
    if !has_strace() {
        return;
    }
    let finished = round_with_leftover();
    // Empty folders in one that stays.
    let list = finished.path("lists/for-review/to-veterans.csv");
    let changed = [fs::read(&list).unwrap(), b"late".to_vec()].concat();
    fs::write(&list, changed).unwrap();
    fs::create_dir_all(finished.path("lists/empty/empty")).unwrap();
    let (code, calls) = trace(&finished, &[]);
    assert_eq!(code, Some(3));
    assert!(!finished.path("lists/empty").exists());
    assert_synced(&calls);
}

/// The purge was killed before it waited for the disk. Whatever the next one calls deleted must
/// not be there again after a failure of the machine.
#[test]
fn the_disk_has_what_a_killed_purge_removed_before_the_next_one_says_so() {
    if !has_strace() {
        return;
    }
    for kill in [3, 20, 44] {
        let killed = || {
            let finished = overdue_round();
            let code = purge_with(&finished, &[format!("unlinkat:signal=KILL:when={kill}")]);
            assert_eq!(code, None);
            finished
        };
        let finished = killed();
        let (code, calls) = trace(&finished, &[]);
        assert_eq!(code, Some(0), "{kill}");
        assert_synced(&calls);
        let (_, record) = documents(&calls);
        let is_late = |call: &Call| call.succeeded && call.call == "fsync";
        let synced: BTreeSet<PathBuf> = calls[..record]
            .iter()
            .filter(|call| is_late(call))
            .map(|call| PathBuf::from(&call.folder))
            .collect();
        let earlier = &last_record(&finished.path(""))["removed_earlier"];
        assert_eq!(earlier.as_array().unwrap().len(), kill - 1);
        for file in earlier.as_array().unwrap() {
            let base = match file["part"] == "output" {
                true => finished.path(""),
                false => finished.round.path(""),
            };
            let path = base.canonicalize().unwrap();
            let path = path.join(file["file"].as_str().unwrap());
            assert!(synced.contains(path.parent().unwrap()), "{kill} {file}");
        }
        // The disk does not confirm it: each flush between the removals and the record.
        let last = calls[..record]
            .iter()
            .rposition(|call| call.call == "unlinkat" && !call.is_in_deletions());
        let flushes = |calls: &[Call]| calls.iter().filter(|call| call.call == "fsync").count();
        let before = flushes(&calls[..last.unwrap()]);
        let documents = calls[..record].iter().rev();
        let documents = documents.take_while(|call| call.is_in_deletions());
        let of_record = documents.filter(|call| call.call == "fsync").count();
        let last_flush = flushes(&calls[..record]) - of_record;
        assert!(last_flush > before);
        for flush in before + 1..=last_flush {
            let finished = killed();
            let (code, _) = trace(&finished, &[format!("fsync:error=EIO:when={flush}")]);
            match code {
                Some(1) => assert!(records(&finished.path("")).is_empty(), "{kill} {flush}"),
                Some(3) => {
                    let record = last_record(&finished.path(""));
                    let left = paths(&record["left"]);
                    assert!(!left.is_empty(), "{kill} {flush}");
                    assert!(left.is_disjoint(&paths(&record["removed_earlier"])));
                    assert_eq!(check_19(&finished).0, "not_held");
                }
                other => panic!("{kill} {flush} {other:?}"),
            }
            assert_finished(&finished, &purge(&finished, &[]));
        }
    }
}

/// A purge stops before it calls something deleted that the disk does not confirm.
#[test]
fn a_purge_records_nothing_that_the_disk_does_not_confirm() {
    if !has_strace() {
        return;
    }
    let (code, calls) = trace(&overdue_round(), &[]);
    assert_eq!(code, Some(0));
    let (_, record) = documents(&calls);
    let flushes = calls[..record].iter().filter(|call| call.call == "fsync");
    let of_folders = flushes
        .enumerate()
        .filter(|(_, call)| !call.is_in_deletions())
        .map(|(at, _)| at + 1);
    let of_folders: Vec<usize> = of_folders.collect();
    assert!(of_folders.len() > 10, "{of_folders:?}");
    for flush in of_folders {
        let finished = overdue_round();
        let code = purge_with(&finished, &[format!("fsync:error=EIO:when={flush}")]);
        assert_eq!(code, Some(1), "{flush}");
        assert!(records(&finished.path("")).is_empty(), "{flush}");
        assert_finished(&finished, &purge(&finished, &[]));
    }
}
