//! What somebody puts into an output folder, and what one damaged folder would hide.

use std::fs;

use serde_json::Value;

use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, purge};
use crate::support::aidlink;

/// A purge deletes what a step wrote. Copies beside it stay, and nobody may take them for deleted.
#[test]
fn a_purge_names_what_somebody_put_into_an_output_folder() {
    for added in [
        "output/review/adults (filled in).xlsx",
        "output/lists/copy.csv",
        "output/review/~$adults.xlsx",
        "output/summary2.json",
        "output/configuration/schemas/k.json",
        "output/of others/assistance.csv",
    ] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let path = finished.round.path(added);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "a copy").unwrap();
        // Before, while and after the data of the round is deleted.
        for options in [&["--dry-run"][..], &[], &[]] {
            let result = purge(&finished, options);
            let told = "1 files in the round's folder are unknown to aidlink";
            assert!(result.stdout.contains(told), "{added}: {}", result.stdout);
            assert!(
                result.stdout.contains(&format!("  {added}\n")),
                "{}",
                result.stdout
            );
        }
        assert_eq!(fs::read(&path).unwrap(), b"a copy");
        let audit = finished.audit(&[]);
        let last = "No known file is left to delete";
        assert!(audit.stdout.contains(last), "{added}: {}", audit.stdout);
    }
}

/// The counterpart: what a step and a purge write is not unknown, however often they ran.
#[test]
fn what_aidlink_wrote_is_never_unknown() {
    let finished = overdue_round();
    fs::remove_dir_all(finished.round.path("truth")).unwrap();
    for _ in 0..2 {
        let result = purge(&finished, &[]);
        assert!(!result.stdout.contains("unknown"), "{}", result.stdout);
    }
}

/// A folder that cannot be judged does not hide what was found in another.
#[test]
fn a_damaged_manifest_hides_no_change_in_another_output() {
    let finished = FinishedRound::new();
    let second = finished.round.path("output2");
    let arguments = ["--output", second.to_str().unwrap()];
    assert_eq!(finished.round.run_with(&arguments).code, 0);
    fs::write(finished.path("manifest.json"), "damaged").unwrap();
    let folder = finished.round.path("");
    let folder = folder.to_str().unwrap();
    let key = finished.round.path("signing.pub");
    let key = key.to_str().unwrap();
    let run = |verb: &[&str]| {
        let options = ["--lang", "en", "--json", "--public-key", key];
        aidlink(&[verb, &[folder], &options].concat())
    };
    for verb in [&["audit", "verify"][..], &["audit"]] {
        let result = run(verb);
        let documents: Value = serde_json::from_str(&result.stdout).unwrap();
        assert_eq!(documents.as_array().unwrap().len(), 1, "{}", result.stdout);
        assert!(result.stderr.contains("manifest.json"), "{}", result.stderr);
    }
    // Nothing but the damaged one was found.
    assert_eq!(run(&["audit", "verify"]).code, 1);
    fs::write(second.join("summary.json"), "changed").unwrap();
    for verb in [&["audit", "verify"][..], &["audit"]] {
        let result = run(verb);
        assert_eq!(result.code, 4, "{}", result.stderr);
        assert!(result.stdout.contains("summary.json"), "{}", result.stdout);
        assert!(result.stderr.contains("manifest.json"), "{}", result.stderr);
    }
}

/// The record is kept for years, so no key may get into it by a reason.
#[test]
fn a_reason_that_holds_a_key_is_refused() {
    let finished = overdue_round();
    let key = fs::read_to_string(finished.round.path("round.key")).unwrap();
    let key = key
        .split('\'')
        .find(|part| part.starts_with("aidlink-round-key"));
    let bare = "0123456789abcdef".repeat(4);
    for secret in [key.unwrap(), &bare] {
        for option in ["--early", "--confirm-deleted"] {
            let empty = purge(&finished, &[option, " "]);
            assert!(empty.stderr.contains("give a reason"), "{}", empty.stderr);
            let result = purge(&finished, &[option, &format!("as agreed, key {secret}")]);
            assert_eq!(result.code, 2, "{}", result.stdout);
            assert!(
                result.stderr.contains("the reason holds a key"),
                "{}",
                result.stderr
            );
            assert!(!result.stderr.contains(secret), "{}", result.stderr);
        }
    }
    assert!(finished.round.path("round.key").exists());
}

/// A report is not put into any output folder: not into that of another round, and not into one
/// that this audit does not name.
#[test]
fn a_report_of_an_audit_is_added_to_no_output_folder() {
    let finished = FinishedRound::new();
    let other = FinishedRound::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(other.round.path("output"), &moved).unwrap();
    for place in ["report.html", "lists/report.html"] {
        let report = moved.join(place);
        let refused = finished.audit(&["--report", report.to_str().unwrap()]);
        assert_ne!(refused.code, 0, "{}", refused.stdout);
        assert!(
            refused
                .stderr
                .contains("cannot be in the round's folder or an output folder"),
            "{}",
            refused.stderr
        );
        assert!(!report.exists());
    }
}
