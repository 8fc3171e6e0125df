//! Deleting a round's data: what goes, what stays, what the record proves.

use std::collections::BTreeSet;
use std::fs;

use aidlink_agency::key::RoundKey;
use aidlink_files::document::{Document as _, Head};
use aidlink_office::deletion::Purge;
use aidlink_office::deletion_record::Journal;
use aidlink_office::manifest::Manifest;
use aidlink_office::signing::SigningKey;
use serde_json::Value;

use crate::audit::FinishedRound;
use crate::support::{CommandResult, Round, aidlink};

/// A round whose day of deletion is long past.
pub fn due() -> FinishedRound {
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

/// The deletion record in the output folder.
pub fn record(finished: &FinishedRound) -> Value {
    let files = finished.round.output("output");
    let mut records = files
        .iter()
        .filter(|(path, _)| path.ends_with("/deletion-record.json"));
    serde_json::from_slice(records.next().unwrap().1).unwrap()
}

pub fn paths(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|file| file["file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn data_that_is_due_is_deleted_and_recorded() {
    let finished = due();
    // The planted truth of the sample is not a file of the round.
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let before: BTreeSet<String> = finished.round.output("output").into_keys().collect();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    // The round's folder: no export, no key; the round file and this office's
    // signing key are no data of a person.
    assert_eq!(
        finished.round.names(),
        ["output", "round.toml", "signing.key", "signing.pub"]
    );
    let left: BTreeSet<String> = finished.round.output("output").into_keys().collect();
    let gone: BTreeSet<String> = before.difference(&left).cloned().collect();
    assert!(
        gone.iter()
            .all(|path| path.starts_with("lists/") || path.starts_with("rejects/"))
    );
    assert_eq!(gone.len(), 10 + 5);
    assert!(!finished.path("lists").exists() && !finished.path("rejects").exists());
    let record = record(&finished);
    let inputs = ["round.key"].into_iter().map(str::to_owned);
    let exports = written_exports(&finished);
    assert_eq!(
        paths(&record["removed"]),
        gone.into_iter().chain(exports).chain(inputs).collect()
    );
    assert_eq!(record["left"], serde_json::json!([]));
    assert!(record["early"].is_null());
    // No digest of a key is kept, and of everything else one is.
    for file in record["removed"].as_array().unwrap() {
        assert_eq!(file["blake3"].is_null(), file["part"] == "key");
    }
    // Nothing is missing in the eyes of the verification, and the check holds.
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
    // A second time there is nothing to do, and no second record.
    let again = purge(&finished, &[]);
    assert_eq!(again.code, 0);
    assert!(again.stdout.contains("nothing is left"), "{}", again.stdout);
    let records = fs::read_dir(finished.path("deletions")).unwrap().count();
    assert_eq!(records, 1);
}

fn written_exports(finished: &FinishedRound) -> BTreeSet<String> {
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
            .contains("nothing is due before 2026-12-31 (22 files are due then)"),
        "{}",
        result.stdout
    );
    let dry = purge(&finished, &["--dry-run"]);
    assert_eq!(
        dry.stdout.matches("to be deleted by 2026-12-31: ").count(),
        22
    );
    assert_eq!(finished.round.names(), names);
    assert!(!finished.path("deletions").exists());
    let early = purge(&finished, &["--early", "wrong exports"]);
    assert_eq!(early.code, 0, "{}", early.stderr);
    let record = record(&finished);
    // Before the day the record says why.
    let is_before = jiff::Zoned::now().date() < jiff::civil::date(2026, 12, 31);
    assert_eq!(record["early"] == "wrong exports", is_before);
    assert!(!finished.round.path("round.key").exists());
}

#[test]
fn a_changed_file_is_left_and_reported() {
    let finished = due();
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
    let finished = due();
    let partial = finished.round.path(".output.partial-cut");
    fs::create_dir_all(partial.join("lists")).unwrap();
    fs::write(partial.join("lists/a.csv"), "x").unwrap();
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

/// Killed after the list was written and a part removed: the next call goes on,
/// and its record has everything that was there.
#[test]
fn an_interrupted_purge_is_finished_by_the_next() {
    let whole = due();
    assert_eq!(purge(&whole, &[]).code, 0);
    let all = paths(&record(&whole)["removed"]);

    let finished = due();
    let manifest = fs::read(finished.path("manifest.json")).unwrap();
    let manifest = Manifest::parse(&manifest).unwrap();
    let remains = aidlink_office::deletion::remains(
        &manifest,
        &finished.path(""),
        &finished.round.path(""),
        &RoundKey::id_for,
    );
    let Head { format, version } = Journal::head();
    let begun_at = "2026-10-02T08:00:00Z".parse().unwrap();
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let digest = blake3::hash(&fs::read(finished.path("manifest.json")).unwrap());
    let journal = Journal {
        format,
        version,
        round: manifest.round.clone(),
        manifest_digest: digest.to_hex().to_string(),
        begun_at,
        there: remains.there,
        public_key: key.public().to_base64(),
    };
    journal.write(&finished.path(""), begun_at, &key).unwrap();
    fs::remove_file(finished.path("lists/for-review/to-veterans.csv")).unwrap();
    fs::remove_file(finished.round.path("education.students.csv")).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let record = record(&finished);
    assert_eq!(paths(&record["removed"]), all);
    assert_eq!(record["begun_at"], "2026-10-02T08:00:00Z");
    let left = fs::read_dir(finished.path("deletions")).unwrap().count();
    assert_eq!(left, 1, "the record alone");
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn a_changed_deletion_record_is_not_accepted() {
    let finished = due();
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
    for said in [
        "the deletion record is invalid: it is damaged, belongs to another folder, or is not signed by the key that signed the manifest",
        "to-veterans.csv: the file is missing, and no deletion record names it",
    ] {
        assert!(result.stdout.contains(said), "{}", result.stdout);
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
    let finished = due();
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
    let still: Vec<String> = names
        .into_iter()
        .filter(|name| name != "signing.key")
        .collect();
    assert_eq!(finished.round.names(), still);
}

#[test]
fn nothing_is_deleted_if_the_clock_is_earlier_than_the_log() {
    let finished = due();
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let outputs = [finished.path("")];
    let round_folder = finished.round.path("");
    let purge = Purge {
        outputs: &outputs,
        round_folder: &round_folder,
        signing_key: &key,
        program: "aidlink",
        early: Some("test"),
        other_signer: None,
        key_id: &RoundKey::id_for,
        dry_run: false,
        now: "2020-01-01T00:00:00Z".parse().unwrap(),
    };
    let Err(faults) = purge.run() else {
        panic!("the clock cannot be right")
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

/// An output that lies elsewhere: its inputs are not looked for in the wrong place
/// and then taken for gone.
#[test]
fn inputs_not_found_beside_the_output_are_reported() {
    let finished = due();
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
    let told =
        "missing, and no deletion record names it: round.key (key); if the round file is elsewhere";
    assert!(result.stdout.contains(told), "{}", result.stdout);
    assert!(finished.round.path("round.key").exists());
    let audit = aidlink(&["audit", output, "--lang", "en"]);
    assert!(
        !audit.stdout.contains("Nothing is left to delete"),
        "{}",
        audit.stdout
    );
    // Named, they are found.
    let round = finished.round.path("round.toml");
    let with_round = [&arguments[..], &["--round", round.to_str().unwrap()]].concat();
    let result = aidlink(&with_round);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert!(!finished.round.path("round.key").exists());
}

/// Two outputs of one round share its inputs, and one record of them serves both.
#[test]
fn one_outputs_deletion_record_covers_the_inputs_of_the_other() {
    let finished = due();
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

#[test]
fn unknown_files_are_listed_and_never_deleted() {
    let finished = due();
    let folder = finished.round.path("");
    let put = |name: &str| {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    };
    let unknown = [
        "to-veterans (filled in).csv",
        "civil-affairs.key.age",
        "office.identity",
        "old/copy of education.students.csv",
    ];
    // A name that may not be shown as it is, and files of office programs.
    for name in unknown
        .iter()
        .chain(&["13800001234.xlsx", "~$list.xlsx", ".DS_Store", "Thumbs.db"])
    {
        put(name);
    }
    fs::remove_dir_all(folder.join("truth")).unwrap();
    for (before, dry) in [(true, true), (false, false), (false, true)] {
        let arguments: &[&str] = if dry { &["--dry-run"] } else { &[] };
        let said = purge(&finished, arguments).stdout;
        assert!(
            said.contains("5 files in the round's folder are unknown to aidlink"),
            "{said}"
        );
        for name in unknown {
            assert!(said.contains(name), "{name}: {said}");
            assert!(folder.join(name).exists(), "{name}");
        }
        assert!(
            !said.contains("13800001234") && !said.contains("Thumbs"),
            "{said}"
        );
        let audit = finished.audit(&[]).stdout;
        assert!(audit.contains("office.identity"), "{audit}");
        assert!(!audit.contains("Nothing is left to delete"), "{audit}");
        assert_eq!(
            before,
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
