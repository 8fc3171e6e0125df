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

use crate::audit::Written;
use crate::support::{Ended, Round, aidlink};

/// A round whose day of deletion is long past.
pub fn due() -> Written {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = 2026-12-31",
        "retention_until = 2026-10-01",
    );
    Written::of(round)
}

pub fn purge(written: &Written, more: &[&str]) -> Ended {
    let folder = written.round.path("");
    let mut arguments = vec!["purge", folder.to_str().unwrap(), "--lang", "en"];
    arguments.extend(more);
    aidlink(&arguments)
}

/// The deletion record in the output folder.
pub fn record(written: &Written) -> Value {
    let files = written.round.output("output");
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
fn what_is_due_goes_and_the_record_proves_it() {
    let written = due();
    // The planted truth of the sample is not a file of the round.
    fs::remove_dir_all(written.round.path("truth")).unwrap();
    let before: BTreeSet<String> = written.round.output("output").into_keys().collect();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    // The round's folder: no export, no key; the round file and this office's
    // signing key are no data of a person.
    assert_eq!(
        written.round.names(),
        ["output", "round.toml", "signing.key", "signing.pub"]
    );
    let left: BTreeSet<String> = written.round.output("output").into_keys().collect();
    let gone: BTreeSet<String> = before.difference(&left).cloned().collect();
    assert!(
        gone.iter()
            .all(|path| path.starts_with("lists/") || path.starts_with("rejects/"))
    );
    assert_eq!(gone.len(), 10 + 5);
    assert!(!written.path("lists").exists() && !written.path("rejects").exists());
    let record = record(&written);
    let inputs = ["round.key"].into_iter().map(str::to_owned);
    let exports = written_exports(&written);
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
    assert_eq!(written.verify().code, 0, "{}", written.verify().stdout);
    let audit = written.audit(&[]);
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
    let again = purge(&written, &[]);
    assert_eq!(again.code, 0);
    assert!(again.stdout.contains("nothing is left"), "{}", again.stdout);
    let records = fs::read_dir(written.path("deletions")).unwrap().count();
    assert_eq!(records, 1);
}

fn written_exports(written: &Written) -> BTreeSet<String> {
    let manifest: Value =
        serde_json::from_slice(&fs::read(written.path("manifest.json")).unwrap()).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    exports.flat_map(|export| paths(&export["files"])).collect()
}

#[test]
fn before_its_day_nothing_goes_but_for_a_reason() {
    let written = Written::new();
    let names = written.round.names();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 0);
    assert!(
        ended
            .stdout
            .contains("nothing is due before 2026-12-31 (22 files are due then)"),
        "{}",
        ended.stdout
    );
    let dry = purge(&written, &["--dry-run"]);
    assert_eq!(
        dry.stdout.matches("to be deleted by 2026-12-31: ").count(),
        22
    );
    assert_eq!(written.round.names(), names);
    assert!(!written.path("deletions").exists());
    let early = purge(&written, &["--early", "wrong exports"]);
    assert_eq!(early.code, 0, "{}", early.stderr);
    let record = record(&written);
    // Before the day the record says why.
    let is_before = jiff::Zoned::now().date() < jiff::civil::date(2026, 12, 31);
    assert_eq!(record["early"] == "wrong exports", is_before);
    assert!(!written.round.path("round.key").exists());
}

#[test]
fn a_file_that_is_another_now_is_left_and_told() {
    let written = due();
    let export = written.round.path("veterans.persons.csv");
    let mut bytes = fs::read(&export).unwrap();
    bytes.extend_from_slice(b"\n");
    fs::write(&export, &bytes).unwrap();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(
        ended
            .stdout
            .contains("left: veterans.persons.csv: the content does not match this round's file"),
        "{}",
        ended.stdout
    );
    assert!(export.exists());
    assert_eq!(
        paths(&record(&written)["left"]),
        BTreeSet::from(["veterans.persons.csv".to_owned()])
    );
}

#[test]
fn what_a_run_that_was_cut_off_left_goes_too() {
    let written = due();
    let partial = written.round.path(".output.partial-cut");
    fs::create_dir_all(partial.join("lists")).unwrap();
    fs::write(partial.join("lists/a.csv"), "x").unwrap();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 0);
    assert!(!partial.exists());
    assert!(
        ended
            .stdout
            .contains(".output.partial-cut/lists/a.csv (left by an interrupted run)"),
        "{}",
        ended.stdout
    );
}

/// Killed after the list was written and a part removed: the next call goes on,
/// and its record has everything that was there.
#[test]
fn a_purge_that_was_cut_off_is_finished_by_the_next() {
    let whole = due();
    assert_eq!(purge(&whole, &[]).code, 0);
    let all = paths(&record(&whole)["removed"]);

    let written = due();
    let manifest = fs::read(written.path("manifest.json")).unwrap();
    let manifest = Manifest::parse(&manifest).unwrap();
    let remains = aidlink_office::deletion::remains(
        &manifest,
        &written.path(""),
        &written.round.path(""),
        &RoundKey::id_for,
    );
    let Head { format, version } = Journal::head();
    let begun_at = "2026-10-02T08:00:00Z".parse().unwrap();
    let key = SigningKey::read(&written.round.path("signing.key")).unwrap();
    let digest = blake3::hash(&fs::read(written.path("manifest.json")).unwrap());
    let journal = Journal {
        format,
        version,
        round: manifest.round.clone(),
        manifest_digest: digest.to_hex().to_string(),
        begun_at,
        there: remains.there,
        public_key: key.public().to_base64(),
    };
    journal.write(&written.path(""), begun_at, &key).unwrap();
    fs::remove_file(written.path("lists/for-review/to-veterans.csv")).unwrap();
    fs::remove_file(written.round.path("education.students.csv")).unwrap();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let record = record(&written);
    assert_eq!(paths(&record["removed"]), all);
    assert_eq!(record["begun_at"], "2026-10-02T08:00:00Z");
    let left = fs::read_dir(written.path("deletions")).unwrap().count();
    assert_eq!(left, 1, "the record alone");
    assert_eq!(written.verify().code, 0);
}

#[test]
fn a_record_that_was_changed_counts_for_nothing() {
    let written = due();
    assert_eq!(purge(&written, &[]).code, 0);
    let files = written.round.output("output");
    let path = files
        .keys()
        .find(|path| path.ends_with("/deletion-record.json"))
        .unwrap();
    written
        .round
        .replace(&format!("output/{path}"), "\"bytes\": ", "\"bytes\": 1");
    let ended = written.verify();
    assert_eq!(ended.code, 4);
    for said in [
        "the deletion record is invalid: it is damaged, belongs to another folder, or is not signed by the key that signed the manifest",
        "to-veterans.csv: the file is missing, and no deletion record names it",
    ] {
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
    }
    let audit = written.audit(&[]);
    assert!(
        audit.stdout.contains("missing without a deletion record"),
        "{}",
        audit.stdout
    );
}

#[test]
fn nothing_is_deleted_by_a_manifest_that_this_office_did_not_sign() {
    let written = due();
    let names = written.round.names();
    written
        .round
        .replace("output/manifest.json", "joint-screening", "another purpose");
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .stderr
            .contains("the manifest is not signed with this office's signing key"),
        "{}",
        ended.stderr
    );
    fs::remove_file(written.round.path("signing.key")).unwrap();
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("the signing key is missing"),
        "{}",
        ended.stderr
    );
    let still: Vec<String> = names
        .into_iter()
        .filter(|name| name != "signing.key")
        .collect();
    assert_eq!(written.round.names(), still);
}

#[test]
fn a_clock_that_stands_before_the_log_deletes_nothing() {
    let written = due();
    let key = SigningKey::read(&written.round.path("signing.key")).unwrap();
    let outputs = [written.path("")];
    let round_folder = written.round.path("");
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
    assert!(written.round.path("round.key").exists());
}

/// An output that lies elsewhere: its inputs are not looked for in the wrong place
/// and then taken for gone.
#[test]
fn inputs_that_are_not_beside_the_output_are_told() {
    let written = due();
    let elsewhere = tempfile::tempdir().unwrap();
    let output = elsewhere.path().join("output");
    let output = output.to_str().unwrap();
    assert_eq!(written.round.run_with(&["--output", output]).code, 0);
    let key = written.round.path("signing.key");
    let arguments = [
        "purge",
        output,
        "--signing-key",
        key.to_str().unwrap(),
        "--lang",
        "en",
    ];
    let ended = aidlink(&arguments);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    let told =
        "missing, and no deletion record names it: round.key (key); if the round file is elsewhere";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert!(written.round.path("round.key").exists());
    let audit = aidlink(&["audit", output, "--lang", "en"]);
    assert!(
        !audit.stdout.contains("Nothing is left to delete"),
        "{}",
        audit.stdout
    );
    // Named, they are found.
    let round = written.round.path("round.toml");
    let with_round = [&arguments[..], &["--round", round.to_str().unwrap()]].concat();
    let ended = aidlink(&with_round);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(!written.round.path("round.key").exists());
}

/// Two outputs of one round share its inputs, and one record of them serves both.
#[test]
fn what_one_outputs_record_tells_of_the_inputs_holds_for_the_other() {
    let written = due();
    let other = written.round.path("other");
    let other = other.to_str().unwrap();
    assert_eq!(written.round.run_with(&["--output", other]).code, 0);
    let first = written.path("");
    let ended = aidlink(&["purge", first.to_str().unwrap(), "--lang", "en"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let ended = purge(&written, &[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let audit = written.audit(&[]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
    assert!(
        !audit.stdout.contains("no record tells"),
        "{}",
        audit.stdout
    );
}

#[test]
fn files_that_aidlink_does_not_know_are_listed_and_never_deleted() {
    let written = due();
    let folder = written.round.path("");
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
        let said = purge(&written, arguments).stdout;
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
        let audit = written.audit(&[]).stdout;
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
    let audit = written.audit(&[]).stdout;
    assert!(
        audit.contains("Nothing is left to delete") && !audit.contains("unknown to aidlink"),
        "{audit}"
    );
}
