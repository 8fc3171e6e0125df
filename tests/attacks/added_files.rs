//! What somebody puts into an output folder, and what one damaged folder would hide.

use std::fs;
use std::path::Path;

use aidlink_office::aside::aside_place;
use aidlink_office::deletion_record::{FilePart, RoundFile};
use aidlink_office::signing::SigningKey;
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

fn told(command: &[&str], output: &str) -> (String, Value) {
    let run = |more: &[&str]| {
        let result = aidlink(&[command, &[output], more].concat());
        assert!([0, 3, 4].contains(&result.code), "{}", result.stderr);
        result.stdout
    };
    let documents: Value = serde_json::from_str(&run(&["--json"])).unwrap();
    let unknown = documents[0]["unknown_files"].clone();
    (run(&["--lang", "en"]), unknown)
}

/// A purge and an audit of one output.
const COMMANDS: [&[&str]; 2] = [&["purge", "--dry-run"], &["audit"]];

/// Lists in it name persons, and no purge of the first one deletes them.
#[test]
fn a_copy_of_the_output_folder_is_told_and_its_files_are_not_listed() {
    for (place, added) in [
        ("output.bak", None),
        ("backup/output", None),
        (".output", None),
        ("output.bak", Some("veterans.persons.csv")),
        ("output.bak", Some("deletions/veterans.persons.csv")),
        ("output.bak", Some("deletions/1/veterans.persons.csv")),
    ] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let copy = finished.round.path(place);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([finished.path(""), copy.clone()])
            .status();
        assert!(copied.unwrap().success());
        if let Some(added) = added {
            let added = copy.join(added);
            fs::create_dir_all(added.parent().unwrap()).unwrap();
            fs::copy(finished.round.path("veterans.persons.csv"), added).unwrap();
        }
        let output = finished.round.path("output");
        for command in COMMANDS {
            let (text, unknown) = told(command, output.to_str().unwrap());
            let line = text.lines().find(|line| line.contains("a copy of"));
            let line = line.unwrap_or_else(|| panic!("{place}: {text}"));
            assert!(line.contains(&format!("{place}: a copy of")), "{line}");
            assert!(line.contains("aidlink purge"), "{line}");
            let others = unknown["other_outputs"].as_array().unwrap();
            assert_eq!(others.len(), 1, "{unknown}");
            assert_eq!(others[0]["state"], "copy", "{unknown}");
            assert_eq!(others[0]["round"], "2026Q3", "{unknown}");
            let listed: Vec<String> = added.iter().map(|file| format!("{place}/{file}")).collect();
            assert_eq!(unknown["first"], serde_json::json!(listed), "{unknown}");
        }
        // A purge of the round's folder deletes it, too. It refuses what is no record there.
        let code = purge(&finished, &[]).code;
        let is_refused = added.is_some_and(|added| added.starts_with("deletions/1/"));
        assert_eq!(code, i32::from(is_refused), "{added:?}");
        assert_eq!(copy.join("lists").exists(), is_refused, "{added:?}");
    }
}

/// What the manifest of another output is worth for the files beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    /// It names the file and needs it.
    Names,
    /// As before, and a killed purge has set the file aside.
    SetAside,
    /// It names another content.
    NamesAnother,
    /// Somebody else signed it.
    Foreign,
    /// A purge has deleted its data, and the file was put there again.
    Purged,
}

/// Anybody may put a manifest there, and an old one says nothing of a file that is there now.
#[test]
fn a_file_beside_another_output_is_known_only_if_that_one_needs_it() {
    let export = "exports/q2.csv";
    for other in [
        Other::Names,
        Other::SetAside,
        Other::NamesAnother,
        Other::Foreign,
        Other::Purged,
    ] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let second = finished.round.path("second");
        let key = finished.round.path(match other {
            Other::Foreign => "../stranger.key",
            _ => "signing.key",
        });
        if other == Other::Foreign {
            SigningKey::make(&key).unwrap();
        }
        let output = ["--output", second.to_str().unwrap()];
        let signed = ["--signing-key", key.to_str().unwrap()];
        let result = finished.round.run_with(&[output, signed].concat());
        assert_eq!(result.code, 0, "{}", result.stderr);
        let content = "rows of another quarter";
        let digest = blake3::hash(content.as_bytes()).to_hex().to_string();
        let second = FinishedRound::at(finished.round, "second");
        let change = |manifest: &mut Value| {
            let files = manifest["exports"][0]["files"].as_array_mut().unwrap();
            let mut file = files[0].clone();
            file["file"] = export.into();
            file["blake3"] = digest.as_str().into();
            file["bytes"] = content.len().into();
            files.push(file);
        };
        let key = SigningKey::read(&key).unwrap();
        second.sign_again_with_key(&key, change);
        let finished = FinishedRound::at(second.round, "output");
        fs::create_dir_all(finished.round.path("exports")).unwrap();
        if other == Other::Purged {
            finished.round.write(export, content);
            let second = finished.round.path("second");
            let result = aidlink(&["purge", second.to_str().unwrap(), "--lang", "en"]);
            assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
            assert!(!finished.round.path(export).exists());
        }
        let input = RoundFile {
            part: FilePart::Export,
            path: export.to_owned(),
            digest: Some(digest.clone()),
            key_id: None,
            byte_length: content.len() as u64,
            other_names: 0,
        };
        let place = match other {
            Other::SetAside => aside_place(&input, Path::new(export)),
            _ => export.into(),
        };
        let place = place.to_str().unwrap();
        let content = match other {
            Other::NamesAnother => "other rows",
            _ => content,
        };
        finished.round.write(place, content);
        let output = finished.path("");
        for command in COMMANDS {
            let (text, unknown) = told(command, output.to_str().unwrap());
            let is_known = matches!(other, Other::Names | Other::SetAside);
            let counted = text.contains("1 files beside it are its inputs");
            assert_eq!(counted, is_known, "{other:?}: {text}");
            let listed = unknown["first"].as_array().unwrap();
            let is_listed = listed.iter().any(|file| file == place);
            assert_eq!(is_listed, !is_known, "{other:?}: {unknown}");
            let state = match other {
                Other::Foreign => "not_verified",
                Other::Purged => "purged",
                _ => "due",
            };
            let others = &unknown["other_outputs"];
            assert_eq!(others[0]["state"], state, "{unknown}");
            assert_eq!(others[0]["inputs"], u64::from(is_known), "{unknown}");
        }
    }
}
