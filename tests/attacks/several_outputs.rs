//! Attempts to let one output folder of a round speak for the inputs of another one, to
//! delete what another one needs, or to hide an output folder.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::signing::SigningKey;
use serde_json::Value;

use super::deleting::last_record;
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::{CommandResult, aidlink};

/// The exports of the sample, and its key.
const INPUTS: usize = 7;

/// Runs the round once more, into another output folder.
fn run_again(finished: &FinishedRound, output: &str, more: &[&str]) -> PathBuf {
    let output = finished.round.path(output);
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    let arguments = [&["--output", output.to_str().unwrap()], more].concat();
    let result = finished.round.run_with(&arguments);
    assert_eq!(result.code, 0, "{}", result.stderr);
    output
}

fn purge_one(output: &Path, more: &[&str]) -> CommandResult {
    let arguments = ["purge", output.to_str().unwrap(), "--lang", "en"];
    aidlink(&[&arguments[..], more].concat())
}

/// Returns the state of check 19 of an output folder in an audit of the round's folder, and
/// its evidence.
fn check_19_of(finished: &FinishedRound, output: &Path) -> (String, String) {
    let audit = finished.audit(&["--json"]);
    check_19_in(&audit, output)
}

fn check_19_in(audit: &CommandResult, output: &Path) -> (String, String) {
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    // Two may have the same name.
    let name: PathBuf = output.iter().skip(output.iter().count() - 2).collect();
    let mut documents = documents.as_array().unwrap().iter();
    let is_it = |document: &&Value| {
        let folder = document["folder"].as_str().unwrap();
        Path::new(folder).ends_with(&name)
    };
    let document = documents.find(is_it);
    let document =
        document.unwrap_or_else(|| panic!("{} is not audited: {}", name.display(), audit.stdout));
    let mut checks = document["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["number"] == 19).unwrap();
    let state = check["state"].as_str().unwrap();
    (state.to_owned(), check["evidence"].to_string())
}

/// Checks that inputs that only another folder's record lists do not count as deleted.
fn assert_missing(finished: &FinishedRound, output: &Path, inputs: &[&str]) {
    let (state, evidence) = check_19_of(finished, output);
    assert_eq!(state, "not_held", "{evidence}");
    assert!(
        evidence.contains("missing without a deletion record"),
        "{evidence}"
    );
    for input in inputs {
        assert!(evidence.contains(input), "{input}: {evidence}");
    }
}

/// The other office's record is genuine: it says what happened to its own folder's inputs.
#[test]
fn a_record_of_another_office_makes_no_input_of_this_one_count_as_deleted() {
    for is_older in [false, true] {
        let finished = overdue_round();
        let key = finished.round.path("../stranger.key");
        SigningKey::make(&key).unwrap();
        let signed = ["--signing-key", key.to_str().unwrap()];
        let other = run_again(&finished, "other", &signed);
        let output = finished.path("");
        if is_older {
            let result = purge_one(&other, &signed);
            assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
            let result = purge_one(&output, &[]);
            assert_eq!(result.code, 3, "{}", result.stdout);
            let not_found = paths(&last_record(&output)["not_found"]);
            assert_eq!(not_found.len(), INPUTS, "{not_found:?}");
            assert_missing(&finished, &output, &["round.key", "veterans.persons.csv"]);
        } else {
            // The stranger's folder does not rest on ours either.
            assert_eq!(purge_one(&output, &[]).code, 0);
            assert_eq!(check_19_of(&finished, &output).0, "held");
            assert_eq!(purge_one(&other, &signed).code, 3);
            assert_missing(&finished, &other, &["round.key", "veterans.persons.csv"]);
        }
    }
}

#[test]
fn each_record_of_one_purge_lists_the_inputs_and_stands_alone() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    let other = run_again(&finished, "other", &[]);
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert_eq!(result.stdout.matches("deleted: round.key").count(), 1);
    let text = "7 files that it shares with another output folder";
    assert!(result.stdout.contains(text), "{}", result.stdout);
    for output in [finished.path(""), other] {
        let record = last_record(&output);
        assert_eq!(paths(&record["removed"]).len(), 24, "{record}");
        let key = finished.round.path("signing.pub");
        let audit = ["audit", output.to_str().unwrap(), "--json", "--public-key"];
        let audit = aidlink(&[&audit[..], &[key.to_str().unwrap()]].concat());
        assert_eq!(check_19_in(&audit, &output).0, "held", "{}", audit.stdout);
    }
}

#[test]
fn a_record_of_another_round_makes_no_input_count_as_deleted() {
    let finished = overdue_round();
    let output = finished.path("");
    let other = run_again(&finished, "other", &[]);
    let of_other = FinishedRound::at(finished.round, "other");
    of_other.sign_again(|manifest| manifest["round"] = "2026Q4".into());
    let finished = FinishedRound::at(of_other.round, "output");
    // The key is of this round, so a purge of the other one leaves it.
    let result = purge_one(&other, &[]);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let removed = paths(&last_record(&other)["removed"]);
    assert!(removed.contains("veterans.persons.csv"), "{removed:?}");
    assert_eq!(purge_one(&output, &[]).code, 3);
    assert_missing(&finished, &output, &["veterans.persons.csv"]);
}
