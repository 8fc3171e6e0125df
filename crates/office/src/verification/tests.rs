//! Tests of what verification reports, and whose signatures it accepts.

use std::fs;

use aidlink_contract::token::TokenAlgorithm;

use super::*;
use crate::audit_log::{AuditLog, Complete};
use crate::finished_round::{FinishedRound, LIST};
use crate::manifest::{ExportRead, Passed};
use crate::signing::SigningKey;

/// Returns a finished round and the key that signed it.
fn finished() -> (FinishedRound, SigningKey) {
    let round = FinishedRound::new();
    let key = round.key("signing.key");
    round.finish(&key, round.manifest());
    (round, key)
}

/// Verifies the output folder with this key as the named key.
fn verify_with(round: &FinishedRound, key: &SigningKey) -> Verification {
    let named = NamedKeys::only(key.public().clone());
    verify(&round.path("output"), None, &named).expect("an output folder")
}

/// Returns the faults: path in the output folder, and English message.
fn faults(round: &FinishedRound, found: &Verification) -> Vec<(String, String)> {
    let output = round.path("output");
    let faults = found.faults.iter().map(|fault| {
        let file = fault.file.strip_prefix(&output).unwrap_or(&fault.file);
        (file.display().to_string(), fault.message.en.clone())
    });
    faults.collect()
}

#[test]
fn an_unchanged_folder_has_no_fault() {
    let (round, key) = finished();
    let found = verify_with(&round, &key);
    assert_eq!(faults(&round, &found), []);
    assert_eq!(found.files_held, 3);
    assert_eq!(found.signer, Signer::Named(None, key.public().clone()));
    assert_eq!(found.log.entries.len(), 3);
}

#[test]
fn each_change_is_reported_at_the_changed_file() {
    type Change = fn(&FinishedRound);
    let changes: [(Change, &[(&str, &str)]); 13] = [
        (
            |round| round.write(&format!("output/{LIST}"), "leadS"),
            &[(LIST, "the file was changed")],
        ),
        (
            |round| fs::remove_file(round.path("output/summary.json")).expect("a file"),
            &[(
                "summary.json",
                "the file is missing, and no deletion record names it",
            )],
        ),
        (
            |round| {
                fs::remove_file(round.path("output/summary.json")).expect("a file");
                fs::create_dir(round.path("output/summary.json")).expect("a folder");
            },
            &[(
                "summary.json",
                "the file cannot be read, or is not an ordinary file",
            )],
        ),
        (
            |round| round.write("output/lists/for-review/more.csv", "x"),
            &[(
                "lists/for-review/more.csv",
                "the manifest does not list this file: it was added later",
            )],
        ),
        (
            |round| round.write("output/deletions/note.txt", "x"),
            &[(
                "deletions/note.txt",
                "this file does not belong in the folder of deletion records: it was added later",
            )],
        ),
        (
            |round| {
                let manifest = round.read("output/manifest.json");
                let changed = manifest.replace("\"R\"", "\"S\"");
                round.write("output/manifest.json", &changed);
            },
            &[
                (
                    "manifest.json",
                    "the manifest does not match its signature: one of them was changed",
                ),
                ("audit.jsonl", "the log belongs to another manifest"),
            ],
        ),
        (
            |round| {
                // The same JSON with other bytes.
                let manifest = round.read("output/manifest.json");
                round.write("output/manifest.json", &(manifest + "\n"));
            },
            &[
                (
                    "manifest.json",
                    "the manifest does not match its signature: one of them was changed",
                ),
                ("audit.jsonl", "the log belongs to another manifest"),
            ],
        ),
        (
            |round| {
                let signature = round.path("output/manifest.json.minisig");
                fs::remove_file(signature).expect("a file");
            },
            &[("manifest.json.minisig", "the signature file is missing")],
        ),
        (
            |round| round.write("output/manifest.json.minisig", "x"),
            &[(
                "manifest.json.minisig",
                "this is not a minisign signature, or it is damaged",
            )],
        ),
        (
            |round| fs::remove_file(round.path("output/audit.jsonl")).expect("a file"),
            &[("audit.jsonl", "the log is missing")],
        ),
        (
            |round| {
                let log = round.read("output/audit.jsonl");
                let end = log.trim_end().rfind('\n').expect("lines");
                round.write("output/audit.jsonl", &log[..=end]);
            },
            &[("audit.jsonl", "the end of the log is missing")],
        ),
        (
            |round| {
                // Another valid log that ends with the same manifest.
                let manifest = round.read("output/manifest.json");
                let mut log = AuditLog::new(|| jiff::Timestamp::UNIX_EPOCH);
                log.record(&Event::KnownAnswerTest {
                    algorithm: TokenAlgorithm::HmacSha256,
                    result: Passed::Passed,
                });
                log.record(&Event::RoundComplete(Complete {
                    manifest_blake3: blake3::hash(manifest.as_bytes()).to_hex().to_string(),
                }));
                round.write("output/audit.jsonl", &log.to_jsonl());
            },
            &[("audit.jsonl", "the log does not match the signature")],
        ),
        (
            |round| round.write("output/configuration/policy.toml", "x"),
            &[
                (
                    "configuration/policy.toml",
                    "the manifest does not list this file: it was added later",
                ),
                (
                    "configuration/policy.toml",
                    "the file does not match its digest in the manifest",
                ),
            ],
        ),
    ];
    for (change, expected) in changes {
        let (round, key) = finished();
        change(&round);
        let found = faults(&round, &verify_with(&round, &key));
        let id = format!(" (key {})", key.public().id());
        let found: Vec<(String, String)> = found
            .into_iter()
            .map(|(file, message)| (file, message.replace(&id, "")))
            .collect();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(file, message)| (file.as_str(), message.as_str()))
            .collect();
        assert_eq!(found, expected);
    }
}

#[cfg(unix)]
#[test]
fn links_are_refused_even_if_they_lead_to_the_right_bytes() {
    use std::os::unix::fs::symlink;
    let not_ordinary = "the file cannot be read, or is not an ordinary file";
    // A link in place of the file, and of a folder above it.
    for (path, expected) in [
        (LIST, vec![(LIST, not_ordinary)]),
        (
            "lists",
            vec![
                (LIST, not_ordinary),
                (
                    "lists",
                    "the manifest does not list this file: it was added later",
                ),
            ],
        ),
    ] {
        let (round, key) = finished();
        let at = round.path("output").join(path);
        fs::rename(&at, round.path("elsewhere")).expect("a move");
        symlink(round.path("elsewhere"), &at).expect("a link");
        let found = faults(&round, &verify_with(&round, &key));
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(file, message)| (file.as_str(), message.as_str()))
            .collect();
        assert_eq!(found, expected, "{path}");
    }
    let (round, key) = finished();
    symlink(round.path("output"), round.path("link")).expect("a link");
    let named = NamedKeys::only(key.public().clone());
    let refused = verify(&round.path("link"), None, &named).map(|_| ());
    let refused = refused.expect_err("a link to the folder");
    assert_eq!(refused.message.en, "this is not a folder, or it is a link");
}

#[test]
fn a_key_is_accepted_only_for_the_office_it_was_named_for() {
    let (round, key) = finished();
    let other = round.key("other.key");
    let signer_of = |named: &NamedKeys| {
        let found = verify(&round.path("output"), None, named).expect("an output folder");
        let faults = faults(&round, &found);
        (found.signer, faults)
    };
    let (own, foreign) = (key.public().clone(), other.public().clone());
    let round_file = |signers: &[(&str, &PublicKey)]| {
        let signers = signers.iter();
        NamedKeys::ByRound(RoundOffices {
            signers: signers
                .map(|(office, key)| ((*office).to_owned(), (*key).clone()))
                .collect(),
            exports: Vec::new(),
            register: None,
        })
    };
    // A pooled run belongs to the agency of the case parties, although this manifest has
    // only an export of another one.
    let cases = [
        (NamedKeys::only(own.clone()), None),
        (NamedKeys::ByUser(vec![foreign.clone(), own.clone()]), None),
        (
            NamedKeys::only(foreign.clone()),
            Some("it is not one of the keys given with --public-key"),
        ),
        (
            NamedKeys::ByUser(Vec::new()),
            Some("it is not one of the keys given with --public-key"),
        ),
        (round_file(&[]), Some("no public key was named")),
        (
            round_file(&[("procuratorate", &foreign)]),
            Some("it is not one of the keys in the round file"),
        ),
        (
            round_file(&[("centre", &own), ("education", &own)]),
            Some(
                "in the round file it belongs to centre, education, but another office runs the step `run`",
            ),
        ),
    ];
    for (named, why) in cases {
        let (signer, faults) = signer_of(&named);
        match why {
            None => {
                assert_eq!(signer, Signer::Named(None, own.clone()));
                assert_eq!(faults, []);
            }
            Some(why) => {
                assert_eq!(signer, Signer::NotNamed(own.clone()), "{named:?}");
                let [(file, message)] = faults.as_slice() else {
                    panic!("expected one fault: {faults:?}");
                };
                assert_eq!(file, "manifest.json.minisig");
                assert!(message.ends_with(why), "{message}");
            }
        }
    }
}

#[test]
fn an_office_is_accepted_only_for_its_own_steps() {
    let round = FinishedRound::new();
    let offices = RoundOffices {
        signers: Vec::new(),
        exports: ["education.students", CASE_EXPORT, "veterans.persons"]
            .map(str::to_owned)
            .to_vec(),
    };
    let of = |step: StepKind, exports: &[&str], agency: &str| {
        let mut manifest = round.manifest();
        manifest.step = step;
        let read = manifest.exports[0].clone();
        let exports = exports.iter().map(|export| ExportRead {
            export: (*export).to_owned(),
            agency: agency.to_owned(),
            ..read.clone()
        });
        manifest.exports = exports.collect();
        offices.office_of(&manifest).map(str::to_owned)
    };
    let students = ["education.students"].as_slice();
    let cases = [CASE_EXPORT].as_slice();
    for (step, exports, office) in [
        (StepKind::Screen, students, Some("centre")),
        (StepKind::Tokenise, students, Some("education")),
        (StepKind::Tokenise, cases, Some("procuratorate")),
        (StepKind::Tokenise, &[], None),
        (StepKind::Tokenise, &["education.teachers"], None),
        (
            StepKind::Tokenise,
            &["education.students", "veterans.persons"],
            None,
        ),
        (StepKind::Run, cases, Some("procuratorate")),
        (StepKind::Run, students, Some("procuratorate")),
        (StepKind::Run, &[], Some("procuratorate")),
        (StepKind::Resolve, cases, Some("procuratorate")),
        (StepKind::Resolve, students, Some("procuratorate")),
    ] {
        // Whatever the manifest says of agencies.
        for agency in ["procuratorate", "education", "centre"] {
            let found = of(step, exports, agency);
            assert_eq!(found.as_deref(), office, "{step:?} {exports:?} {agency}");
        }
    }
    // A signer named by the round file.
    let key = round.key("signing.key");
    let mut manifest = round.manifest();
    manifest.step = StepKind::Tokenise;
    round.finish(&key, manifest);
    let named = NamedKeys::ByRound(RoundOffices {
        signers: vec![
            ("centre".to_owned(), round.key("other.key").public().clone()),
            ("education".to_owned(), key.public().clone()),
        ],
        ..offices
    });
    let found = verify(&round.path("output"), None, &named).expect("an output folder");
    let office = Some("education".to_owned());
    assert_eq!(found.signer, Signer::Named(office, key.public().clone()));
}

#[test]
fn a_manifest_signed_by_a_key_that_it_does_not_name_has_no_signer() {
    let (round, key) = finished();
    let other = round.key("other.key");
    // Sign with another key, but leave the first key in the manifest.
    let bytes = fs::read(round.path("output/manifest.json")).expect("readable");
    let original = round.read("output/manifest.json.minisig");
    let comment = Signature::parse(&original).expect("a signature").comment();
    let signed = other.sign(&bytes, &comment, &round.path("output"));
    round.write("output/manifest.json.minisig", &signed.expect("randomness"));
    for named in [&key, &other] {
        let found = verify_with(&round, named);
        assert_eq!(found.signer, Signer::None);
        assert_eq!(faults(&round, &found).len(), 1);
    }
}

#[test]
fn a_folder_that_is_not_a_finished_output_folder_is_refused() {
    let round = FinishedRound::new();
    let named = NamedKeys::ByUser(Vec::new());
    let refused = |path: &str| {
        let refused = verify(&round.path(path), None, &named).map(|_| ());
        refused.expect_err(path).message.en
    };
    fs::create_dir(round.path("empty")).expect("a folder");
    fs::create_dir(round.path(".output.partial-a")).expect("a folder");
    for (path, message) in [
        ("nowhere", "the folder does not exist"),
        (
            "empty",
            "this is not an output folder: it has no manifest.json",
        ),
        (
            "output",
            "the folder is incomplete: manifest.json is missing",
        ),
        (
            ".output.partial-a",
            "an interrupted run left this folder; it is not a result",
        ),
    ] {
        assert_eq!(refused(path), message, "{path}");
    }
}

#[test]
fn files_of_office_programs_are_recognised_by_name() {
    for path in [
        "lists/for-review/~$to-education.csv",
        "Thumbs.db",
        "lists/.DS_Store",
        "lists/for-review/.~lock.to-education.csv#",
    ] {
        assert!(is_left_by_a_program(path), "{path}");
    }
    for path in ["lists/for-review/to-education.csv", "a/~b", "Thumbs.db/a"] {
        assert!(!is_left_by_a_program(path), "{path}");
    }
}
