//! Tests `purge`: which files are deleted, which are kept, and what the record contains.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aidlink_agency::key::RoundKey;
use aidlink_files::document::{Document as _, Head};
use aidlink_files::folder::Folder;
use aidlink_office::aside::aside_place;
use aidlink_office::deletion::Purge;
use aidlink_office::deletion_record::{FilePart, Journal, JournalStep, PlacedFile, RoundFile};
use aidlink_office::manifest::Manifest;
use aidlink_office::remains::remains;
use aidlink_office::round_folder::OpenedFolders;
use aidlink_office::signing::SigningKey;
use serde_json::Value;

use crate::audit::FinishedRound;
use crate::support::{CommandResult, Round, aidlink, set_mode};

/// Returns a purge without any option, of outputs in the folder of the round file.
pub fn plain_purge<'p>(
    signing_key: &'p SigningKey,
    outputs: &'p [PathBuf],
    opened: &'p OpenedFolders,
    round_folder: &'p Path,
) -> Purge<'p> {
    Purge {
        outputs,
        siblings: &[],
        opened,
        round_folder,
        rounds: &[],
        round_files: &[],
        unread: &[],
        written_rounds: &NO_ROUNDS,
        came_later: false,
        signing_key,
        program: "aidlink",
        early: None,
        other_signer: None,
        confirmed: None,
        filled_in: false,
        key_id: &RoundKey::id_for,
        dry_run: false,
        now: jiff::Timestamp::now(),
    }
}

/// Returns a finished round whose day of deletion is past.
static NO_ROUNDS: BTreeSet<String> = BTreeSet::new();

pub fn overdue_round() -> FinishedRound {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = 2026-12-31",
        "retention_until = 2026-10-01",
    );
    FinishedRound::of(round)
}

pub fn purge(finished: &FinishedRound, more: &[&str]) -> CommandResult {
    let folder = finished.round.path("");
    let mut arguments = vec!["purge", folder.to_str().unwrap(), "--lang", "en"];
    arguments.extend(more);
    aidlink(&arguments)
}

/// Reads the deletion record in the output folder.
pub fn record(finished: &FinishedRound) -> Value {
    let files = finished.round.output("output");
    let mut records = files
        .iter()
        .filter(|(path, _)| path.ends_with("/deletion-record.json"));
    serde_json::from_slice(records.next().unwrap().1).unwrap()
}

/// Returns the paths of a list of file entries.
pub fn paths(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|file| file["file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn data_that_is_due_is_deleted_and_recorded() {
    let finished = overdue_round();
    // The `truth` folder of the sample is not part of the round.
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let before: BTreeSet<String> = finished.round.output("output").into_keys().collect();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    // Exports and key are gone. The round file and the signing key hold no personal
    // data and are kept.
    assert_eq!(
        finished.round.names(),
        ["output", "round.toml", "signing.key", "signing.pub"]
    );
    let left: BTreeSet<String> = finished.round.output("output").into_keys().collect();
    let gone: BTreeSet<String> = before.difference(&left).cloned().collect();
    let folders = ["lists", "rejects", "review"];
    let of_folders = |path: &String| folders.iter().any(|folder| path.starts_with(folder));
    assert!(gone.iter().all(of_folders), "{gone:?}");
    assert_eq!(gone.len(), 26 + 2 + 5 + 4);
    assert!(folders.iter().all(|folder| !finished.path(folder).exists()));
    let record = record(&finished);
    let inputs = ["round.key"].into_iter().map(str::to_owned);
    let exports = exports_in_manifest(&finished);
    assert_eq!(
        paths(&record["removed"]),
        gone.into_iter().chain(exports).chain(inputs).collect()
    );
    assert_eq!(record["left"], serde_json::json!([]));
    assert!(record["early"].is_null());
    // Every entry has a digest, except the key.
    for file in record["removed"].as_array().unwrap() {
        assert_eq!(file["blake3"].is_null(), file["part"] == "key");
    }
    // Verification accepts the deletions, and the audit passes.
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
    assert!(audit.stdout.contains("Nothing is left to delete"));
    assert!(
        audit.stdout.contains("with a signed record (deletions/)"),
        "{}",
        audit.stdout
    );
    assert!(
        audit.stdout.contains("the key was deleted at"),
        "{}",
        audit.stdout
    );
    // A second purge has nothing to do and writes no second record.
    let again = purge(&finished, &[]);
    assert_eq!(again.code, 0);
    assert!(again.stdout.contains("nothing is left"), "{}", again.stdout);
    let records = fs::read_dir(finished.path("deletions")).unwrap().count();
    assert_eq!(records, 1);
}

fn exports_in_manifest(finished: &FinishedRound) -> BTreeSet<String> {
    let manifest: Value =
        serde_json::from_slice(&fs::read(finished.path("manifest.json")).unwrap()).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    exports.flat_map(|export| paths(&export["files"])).collect()
}

#[test]
fn nothing_is_deleted_early_without_a_reason() {
    let finished = FinishedRound::new();
    let names = finished.round.names();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0);
    assert!(
        result
            .stdout
            .contains("nothing is due before 2026-12-31 (44 files are due then)"),
        "{}",
        result.stdout
    );
    let dry = purge(&finished, &["--dry-run"]);
    assert_eq!(
        dry.stdout.matches("to be deleted by 2026-12-31: ").count(),
        44
    );
    assert_eq!(finished.round.names(), names);
    assert!(!finished.path("deletions").exists());
    let early = purge(&finished, &["--early", "wrong exports"]);
    assert_eq!(early.code, 0, "{}", early.stderr);
    let record = record(&finished);
    // The record gives a reason only if the day of deletion has not come.
    let is_before = jiff::Zoned::now().date() < jiff::civil::date(2026, 12, 31);
    assert_eq!(record["early"] == "wrong exports", is_before);
    assert!(!finished.round.path("round.key").exists());
}

#[test]
fn a_changed_file_is_left_and_reported() {
    let finished = overdue_round();
    let export = finished.round.path("veterans.persons.csv");
    let mut bytes = fs::read(&export).unwrap();
    bytes.extend_from_slice(b"\n");
    fs::write(&export, &bytes).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    assert!(
        result
            .stdout
            .contains("left: veterans.persons.csv: the content does not match this round's file"),
        "{}",
        result.stdout
    );
    assert!(export.exists());
    assert_eq!(
        paths(&record(&finished)["left"]),
        BTreeSet::from(["veterans.persons.csv".to_owned()])
    );
}

#[test]
fn files_of_an_interrupted_run_are_deleted_too() {
    let finished = overdue_round();
    let partial = finished.round.path(".output.partial-cut");
    fs::create_dir_all(partial.join("lists")).unwrap();
    fs::write(partial.join("lists/a.csv"), "x").unwrap();
    // The mark of a folder that a run is writing.
    set_mode(&partial, 0o1700);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0);
    assert!(!partial.exists());
    assert!(
        result
            .stdout
            .contains(".output.partial-cut/lists/a.csv (left by an interrupted run)"),
        "{}",
        result.stdout
    );
}

/// Returns where a file of the round is.
fn place_of(finished: &FinishedRound, file: &RoundFile) -> PathBuf {
    match file.part {
        FilePart::Output => finished.path(&file.path),
        _ => finished.round.path(&file.path),
    }
}

/// Does what a purge does before it removes the first file, and no more, as if it was
/// killed then. Returns the files, each with its place under the purge's own name.
pub fn kill_purge(finished: &FinishedRound) -> Vec<(RoundFile, PathBuf)> {
    let there = write_journal(finished, "2026-10-02T08:00:00Z", |_| true);
    let set_aside = there.into_iter().map(|file| {
        let from = place_of(finished, &file);
        let place = from.with_file_name(
            aside_place(&file, file.path.as_ref())
                .file_name()
                .unwrap_or_default(),
        );
        fs::rename(from, &place).unwrap();
        (file, place)
    });
    set_aside.collect()
}

/// Writes the journal that a purge writes before it removes the files that it has set
/// aside. Returns all files that are to be deleted.
pub fn write_journal(
    finished: &FinishedRound,
    begun_at: &str,
    is_set_aside: impl Fn(&RoundFile) -> bool,
) -> Vec<RoundFile> {
    let bytes = fs::read(finished.path("manifest.json")).unwrap();
    let manifest = Manifest::parse(&bytes).unwrap();
    let (output, folder) = (finished.path(""), finished.round.path(""));
    let remains = remains(&manifest, &output, &folder, &RoundKey::id_for);
    let there: Vec<RoundFile> = remains.there.into_iter().map(|found| found.file).collect();
    let Head { format, version } = Journal::head();
    let begun_at = begun_at.parse().unwrap();
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let placed = |file: &RoundFile| {
        let place = place_of(finished, file);
        let folder = Folder::open(place.parent().unwrap()).unwrap();
        PlacedFile {
            file: file.recorded(),
            folder: folder.mark().unwrap(),
        }
    };
    let set_aside = there.iter().filter(|file| is_set_aside(file));
    let journal = Journal {
        format,
        version,
        round: manifest.round.clone(),
        manifest_digest: blake3::hash(&bytes).to_hex().to_string(),
        begun_at,
        own_begun_at: None,
        set_aside: set_aside.map(placed).collect(),
        there: there.iter().map(placed).collect(),
        public_key: key.public().to_base64(),
    };
    let output = Folder::open(&output).unwrap();
    let step = JournalStep::SetAside;
    journal.write(&output, begun_at, step, &key).unwrap();
    there
}

/// Whether [`write_journal`] should list a file as set aside.
fn is_one_of_two(file: &RoundFile) -> bool {
    ["lists/for-review/to-veterans.csv", "education.students.csv"].contains(&file.path.as_str())
}

/// The purge is killed after it removed some of the files that it had set aside. The next
/// purge continues, and its record lists every file.
#[test]
fn an_interrupted_purge_is_finished_by_the_next() {
    let whole = overdue_round();
    assert_eq!(purge(&whole, &[]).code, 0);
    let all = paths(&record(&whole)["removed"]);

    let finished = overdue_round();
    write_journal(&finished, "2026-10-02T08:00:00Z", is_one_of_two);
    fs::remove_file(finished.path("lists/for-review/to-veterans.csv")).unwrap();
    fs::remove_file(finished.round.path("education.students.csv")).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let record = record(&finished);
    let earlier = paths(&record["removed_earlier"]);
    assert_eq!(earlier.len(), 2);
    let removed = paths(&record["removed"]);
    assert!(removed.is_disjoint(&earlier));
    assert_eq!(&removed | &earlier, all);
    assert_eq!(record["not_found"], serde_json::json!([]));
    assert!(
        result
            .stdout
            .contains("deleted by an interrupted purge: education.students.csv (export)"),
        "{}",
        result.stdout
    );
    assert_eq!(record["begun_at"], "2026-10-02T08:00:00Z");
    let count = fs::read_dir(finished.path("deletions")).unwrap().count();
    assert_eq!(count, 1, "only the record is left");
    assert_eq!(finished.verify().code, 0);
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
}

/// A killed purge had listed the files, but had not set them aside. Somebody else took
/// some of them away.
#[test]
fn a_file_that_somebody_took_after_a_killed_purge_does_not_count_as_deleted() {
    let finished = overdue_round();
    write_journal(&finished, "2026-10-02T08:00:00Z", is_one_of_two);
    let taken = [
        "lists/for-review/to-civil-affairs.csv",
        "veterans.persons.csv",
    ];
    fs::remove_file(finished.path(taken[0])).unwrap();
    let elsewhere = finished.round.path("../veterans.persons.csv");
    fs::rename(finished.round.path(taken[1]), elsewhere).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let record = record(&finished);
    assert_eq!(
        paths(&record["not_found"]),
        taken.map(str::to_owned).into_iter().collect()
    );
    for list in ["removed", "removed_earlier"] {
        let listed = paths(&record[list]);
        assert!(taken.iter().all(|taken| !listed.contains(*taken)), "{list}");
    }
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 4);
    assert!(
        audit.stdout.contains("missing without a deletion record"),
        "{}",
        audit.stdout
    );
}

#[test]
fn a_changed_deletion_record_is_not_accepted() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let files = finished.round.output("output");
    let path = files
        .keys()
        .find(|path| path.ends_with("/deletion-record.json"))
        .unwrap();
    finished
        .round
        .replace(&format!("output/{path}"), "\"bytes\": ", "\"bytes\": 1");
    let result = finished.verify();
    assert_eq!(result.code, 4);
    for message in [
        "the deletion record is invalid: it is damaged, belongs to another folder, or is not signed by the key that signed the manifest",
        "to-veterans.csv: the file is missing, and no deletion record names it",
    ] {
        assert!(result.stdout.contains(message), "{}", result.stdout);
    }
    let audit = finished.audit(&[]);
    assert!(
        audit.stdout.contains("missing without a deletion record"),
        "{}",
        audit.stdout
    );
}

#[test]
fn nothing_is_deleted_if_this_office_did_not_sign_the_manifest() {
    let finished = overdue_round();
    let names = finished.round.names();
    finished
        .round
        .replace("output/manifest.json", "joint-screening", "another purpose");
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1);
    assert!(
        result
            .stderr
            .contains("the manifest is not signed with this office's signing key"),
        "{}",
        result.stderr
    );
    fs::remove_file(finished.round.path("signing.key")).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("the signing key is missing"),
        "{}",
        result.stderr
    );
    let names_without_key: Vec<String> = names
        .into_iter()
        .filter(|name| name != "signing.key")
        .collect();
    assert_eq!(finished.round.names(), names_without_key);
}

#[test]
fn nothing_is_deleted_if_the_clock_is_earlier_than_the_log() {
    let finished = overdue_round();
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let outputs = [finished.path("")];
    let round_folder = finished.round.path("");
    let opened = OpenedFolders::default();
    let purge = Purge {
        early: Some("test"),
        now: "2020-01-01T00:00:00Z".parse().unwrap(),
        ..plain_purge(&key, &outputs, &opened, &round_folder)
    };
    let Err(faults) = purge.run() else {
        panic!("the purge must refuse a wrong clock")
    };
    let fault = faults.iter().next().unwrap();
    assert!(
        fault
            .message
            .en
            .contains("clock is earlier than this round's log"),
        "{}",
        fault.message.en
    );
    assert!(finished.round.path("round.key").exists());
}

/// The output folder is not beside its round file. Inputs that are not found there
/// must not count as deleted.
#[test]
fn inputs_not_found_beside_the_output_are_reported() {
    let finished = overdue_round();
    let elsewhere = tempfile::tempdir().unwrap();
    let output = elsewhere.path().join("output");
    let output = output.to_str().unwrap();
    assert_eq!(finished.round.run_with(&["--output", output]).code, 0);
    let key = finished.round.path("signing.key");
    let arguments = [
        "purge",
        output,
        "--signing-key",
        key.to_str().unwrap(),
        "--lang",
        "en",
    ];
    let result = aidlink(&arguments);
    assert_eq!(result.code, 3, "{}", result.stdout);
    let message =
        "missing, and no deletion record names it: round.key (key); if the round file is elsewhere";
    assert!(result.stdout.contains(message), "{}", result.stdout);
    assert!(finished.round.path("round.key").exists());
    let audit = aidlink(&["audit", output, "--lang", "en"]);
    assert!(
        !audit.stdout.contains("Nothing is left to delete"),
        "{}",
        audit.stdout
    );
    // With --round they are found.
    let round = finished.round.path("round.toml");
    let with_round = [&arguments[..], &["--round", round.to_str().unwrap()]].concat();
    let result = aidlink(&with_round);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert!(!finished.round.path("round.key").exists());
}

/// Two outputs of one round share its inputs, so one record of the inputs covers both.
#[test]
fn one_outputs_deletion_record_covers_the_inputs_of_the_other() {
    let finished = overdue_round();
    let other = finished.round.path("other");
    let other = other.to_str().unwrap();
    assert_eq!(finished.round.run_with(&["--output", other]).code, 0);
    let first = finished.path("");
    let result = aidlink(&["purge", first.to_str().unwrap(), "--lang", "en"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
    assert!(
        !audit.stdout.contains("no record tells"),
        "{}",
        audit.stdout
    );
}

/// Both outputs name the inputs; one purge deletes them once.
#[test]
fn one_purge_of_two_outputs_deletes_their_common_inputs_once() {
    let finished = overdue_round();
    let other = finished.round.path("other");
    let other = other.to_str().unwrap();
    assert_eq!(finished.round.run_with(&["--output", other]).code, 0);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert_eq!(result.stdout.matches("deleted: round.key").count(), 1);
}

#[test]
fn unknown_files_are_listed_and_never_deleted() {
    let finished = overdue_round();
    let folder = finished.round.path("");
    let create = |name: &str| {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    };
    let unknown = [
        "to-veterans (filled in).csv",
        "civil-affairs.key.age",
        "office.identity",
        "old/copy of education.students.csv",
        // Data can hide under the name of a leftover, of an office program or a system.
        ".round.key.partial-x",
        "old.partial-list.csv",
        "~$list.xlsx",
        ".DS_Store",
        "Thumbs.db",
    ];
    for name in unknown {
        create(name);
    }
    // A name that must be blacked out.
    create("13800001234.xlsx");
    fs::remove_dir_all(folder.join("truth")).unwrap();
    for (is_first, is_dry_run) in [(true, true), (false, false), (false, true)] {
        let arguments: &[&str] = if is_dry_run { &["--dry-run"] } else { &[] };
        let output = purge(&finished, arguments).stdout;
        assert!(
            output.contains("10 files in the round's folder are unknown to aidlink"),
            "{output}"
        );
        for name in unknown {
            assert!(output.contains(name), "{name}: {output}");
            assert!(folder.join(name).exists(), "{name}");
        }
        assert!(!output.contains("13800001234"), "{output}");
        let audit = finished.audit(&[]).stdout;
        assert!(audit.contains("office.identity"), "{audit}");
        assert!(!audit.contains("Nothing is left to delete"), "{audit}");
        assert_eq!(
            is_first,
            !audit.contains("No known file is left to delete"),
            "{audit}"
        );
    }
    for name in unknown {
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::remove_file(folder.join("13800001234.xlsx")).unwrap();
    let audit = finished.audit(&[]).stdout;
    assert!(
        audit.contains("Nothing is left to delete") && !audit.contains("unknown to aidlink"),
        "{audit}"
    );
}

/// They must be kept three years, and another purge deletes what is due.
#[test]
fn the_files_of_an_output_beside_the_named_one_are_not_unknown() {
    for (place, code_of_second) in [("second", 0), ("results/second", 3)] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let second = finished.round.path(place);
        fs::create_dir_all(second.parent().unwrap()).unwrap();
        let run = ["--output", second.to_str().unwrap()];
        assert_eq!(finished.round.run_with(&run).code, 0);
        // The first purge deletes the inputs of both, and only its record names them. It counts for
        // the second one if the folder of the inputs is known, which here no `--round` names.
        for (output, code) in [(finished.path(""), 0), (second, code_of_second)] {
            let key = finished.round.path("signing.key");
            let named = ["--signing-key", key.to_str().unwrap(), "--lang", "en"];
            let result = aidlink(&[&["purge", output.to_str().unwrap()], &named[..]].concat());
            assert_eq!(result.code, code, "{}{}", result.stdout, result.stderr);
            assert!(
                !result.stdout.contains("unknown to aidlink"),
                "{place}: {}",
                result.stdout
            );
        }
    }
}

#[test]
fn a_round_folder_that_cannot_be_searched_is_not_called_empty() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    assert_eq!(purge(&finished, &[]).code, 0);
    let deep = "d/".repeat(70);
    fs::create_dir_all(finished.round.path(&deep)).unwrap();
    fs::write(finished.round.path("office.identity"), "x").unwrap();
    let audit = finished.audit(&[]).stdout;
    assert!(
        audit.contains("could not be searched completely"),
        "{audit}"
    );
    // Nobody knows whether an output that needs the inputs is in there.
    let purged = purge(&finished, &[]);
    assert_eq!(purged.code, 1, "{}", purged.stdout);
    for output in [audit, purged.stdout] {
        assert!(!output.contains("Nothing is left to delete"), "{output}");
    }
}

/// The day on which data is due is the day of the machine's time zone.
#[test]
fn the_day_is_that_of_the_time_zone() {
    // Their clocks differ by 26 hours, so that their days always do.
    let (east, west) = ("Pacific/Kiritimati", "Etc/GMT+12");
    let day = std::process::Command::new("date")
        .env("TZ", east)
        .arg("+%F")
        .output()
        .unwrap();
    let day = String::from_utf8(day.stdout).unwrap();
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = 2026-12-31",
        &format!("retention_until = {}", day.trim()),
    );
    let finished = FinishedRound::of(round);
    for (zone, is_due) in [(east, true), (west, false)] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_aidlink"))
            .env("TZ", zone)
            .args(["purge", "--dry-run", "--json"])
            .arg(finished.round.path(""))
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer[0]["is_due"], is_due, "{zone}: {answer}");
    }
}
