//! Who holds an office's signing key writes something into its manifest that is not so, and signs
//! the folder anew: another day of deletion than the round file has, another limit, lists that are
//! not provisional, another token file than the one that leaves. Everything verifies. What the
//! folder itself says otherwise, the audit must tell.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use crate::audit::FinishedRound;
use crate::reading_files::with_reading_files;
use crate::review::{fill_in, remark};
use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{CommandResult, Round, aidlink};

/// A step of a split round, and the office that signed it.
struct Step {
    finished: FinishedRound,
    office: &'static str,
}

impl Step {
    fn sign_again(&self, change: impl Fn(&mut Value)) {
        let key = format!("{}.signing.key", self.office);
        let key = SigningKey::read(&self.finished.round.path(&key)).unwrap();
        self.finished.sign_again_with_key(&key, change);
    }

    /// Audits the folder; the signers are those of the round file.
    fn audit(&self, more: &[&str]) -> CommandResult {
        let folder = self.finished.path("");
        let folder = folder.to_str().unwrap();
        let arguments = ["audit", folder, "--json", "--lang", "en"];
        aidlink(&[&arguments[..], more].concat())
    }

    fn not_held(&self) -> BTreeSet<u64> {
        not_held(&self.audit(&[]))
    }
}

fn checks(audit: &CommandResult) -> Vec<Value> {
    let documents: Value = serde_json::from_str(&audit.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", audit.stdout, audit.stderr));
    documents[0]["checks"].as_array().unwrap().clone()
}

fn not_held(audit: &CommandResult) -> BTreeSet<u64> {
    let checks = checks(audit).into_iter();
    let not_held = checks.filter(|check| check["state"] == "not_held");
    not_held
        .map(|check| check["number"].as_u64().unwrap())
        .collect()
}

/// Returns what a check says in English.
fn said(audit: &CommandResult, number: u64) -> String {
    let checks = checks(audit);
    let mut checks = checks.iter();
    let check = checks.find(|check| check["number"] == number).unwrap();
    let evidence = check["evidence"].as_array().unwrap().iter();
    let evidence: Vec<&str> = evidence.map(|text| text["en"].as_str().unwrap()).collect();
    evidence.join("; ")
}

/// Returns the line of a key in the round file that a folder keeps.
fn line_of(finished: &FinishedRound, key: &str) -> usize {
    let text = fs::read_to_string(finished.path("configuration/round.toml")).unwrap();
    text.lines().position(|line| line.starts_with(key)).unwrap() + 1
}

/// Every value that a manifest repeats from the round file: where it is, what somebody writes
/// there, and the checks that rest on it.
fn repeated() -> Vec<(&'static str, Value, &'static [u64])> {
    vec![
        ("/retention_until", json!("2066-12-31"), &[19]),
        ("/impact_assessment/id", json!("PIA-INVENTED"), &[1]),
        ("/impact_assessment/valid_until", json!("2099-12-31"), &[1]),
        ("/thresholds/snapshot_age_days", json!(9999), &[12]),
        ("/thresholds/reject_rate", json!(0.9), &[]),
        ("/thresholds/rare_pattern", json!(4), &[]),
        ("/as_of", json!("2026-09-29"), &[12]),
        ("/issued_on", json!("2026-09-29"), &[1]),
        ("/purpose", json!("another"), &[]),
        ("/operator", json!("somebody else"), &[]),
        ("/mode", json!("split"), &[]),
        ("/round", json!("2026Q4"), &[]),
        ("/list_language", json!("en"), &[]),
        ("/key/algorithm", json!("hmac-sm3"), &[]),
        ("/key/file", json!("other.key"), &[]),
        ("/exports/2/snapshot", json!("2026-09-27"), &[12]),
        ("/exports/2/legal_basis", json!("none whatever"), &[2]),
        ("/exports/2/files/0/file", json!("other.csv"), &[]),
        ("/exports/2/reading_blake3", json!("0".repeat(64)), &[]),
        ("/exports/2/schema_blake3", json!("0".repeat(64)), &[]),
        ("/exports/2/agency", json!("education"), &[]),
        ("/policy/id", json!("another"), &[]),
        ("/policy/version", json!("9"), &[]),
        ("/policy/layers/0/version", json!("9"), &[]),
        ("/policy/layers/1/id", json!("another"), &[]),
        ("/calendar/blake3", json!("0".repeat(64)), &[]),
    ]
}

fn put(manifest: &mut Value, at: &str, value: &Value) {
    if let Some(place) = manifest.pointer_mut(at) {
        *place = value.clone();
        return;
    }
    let (parent, name) = at.rsplit_once('/').unwrap();
    manifest.pointer_mut(parent).unwrap()[name] = value.clone();
}

#[test]
fn a_manifest_that_says_otherwise_than_the_kept_configuration_is_told() {
    let finished = FinishedRound::new();
    let honest = finished.manifest();
    for (at, value, citing) in repeated() {
        finished.sign_again(|manifest| put(manifest, at, &value));
        let audit = finished.audit(&["--json"]);
        let found = not_held(&audit);
        assert!(found.contains(&20), "{at}: {found:?}");
        for check in citing {
            assert!(found.contains(check), "{at}: {check} of {found:?}");
        }
        assert_eq!(audit.code, 4, "{at}");
        // Nothing that may be somebody's name is quoted.
        let said = said(&audit, 20);
        for name in ["synthetic operator", "somebody else"] {
            assert!(!said.contains(name), "{said}");
        }
        finished.sign_again(|manifest| *manifest = honest.clone());
    }
    assert_eq!(finished.not_held(&[]), BTreeSet::new());
}

/// The message names the line and, if it is a date or a number, both values.
#[test]
fn what_differs_is_told_with_its_line() {
    let finished = FinishedRound::new();
    finished.sign_again(|manifest| {
        manifest["retention_until"] = "2066-12-31".into();
        manifest["thresholds"]["snapshot_age_days"] = 9999.into();
        manifest["operator"] = "somebody else".into();
    });
    let audit = finished.audit(&["--json"]);
    assert_eq!(not_held(&audit), BTreeSet::from([12, 19, 20]));
    let retention = line_of(&finished, "retention_until");
    let retention = format!(
        "configuration/round.toml:{retention} says retention_until = 2026-12-31, and the manifest says 2066-12-31"
    );
    let days = line_of(&finished, "snapshot_age_days");
    let days = format!(
        "configuration/round.toml:{days} says thresholds.snapshot_age_days = 92, and the manifest says 9999"
    );
    let operator = line_of(&finished, "operator");
    let operator =
        format!("configuration/round.toml:{operator} has another operator than the manifest");
    for (check, words) in [(19, &retention), (12, &days)] {
        assert!(said(&audit, check).contains(words), "{}", audit.stdout);
        assert!(said(&audit, 20).contains(words), "{}", audit.stdout);
    }
    assert!(said(&audit, 20).contains(&operator), "{}", audit.stdout);
    // Without the copy nobody knows.
    let finished = FinishedRound::new();
    fs::remove_file(finished.path("configuration/round.toml")).unwrap();
    finished.sign_again(|_| {});
    assert!(finished.not_held(&[]).contains(&20));
}

/// Defaults that are not written, other spellings, several files and reading files are no
/// differences.
#[test]
fn an_honest_round_has_no_difference_however_its_file_is_written() {
    let round = Round::sample();
    for (from, to) in [
        ("issued_on = 2026-09-30\n", ""),
        ("list_language = \"zh\"\n", ""),
        ("reject_rate = 0.05", "reject_rate = 5e-2"),
        ("file = \"round.key\"", "file = \"./round.key\""),
        (
            "path = \"veterans.persons.csv\"",
            "path = [\"./veterans.persons.csv\"]",
        ),
        ("id = \"PIA-2026-SAMPLE\"", "id = 'PIA-2026-SAMPLE'"),
    ] {
        round.replace("round.toml", from, to);
    }
    let text = round.read("round.toml");
    round.write("round.toml", text.replace('\n', "\r\n"));
    let finished = FinishedRound::of(round);
    assert_eq!(finished.not_held(&[]), BTreeSet::new());
    let round = Round::sample();
    round.replace(
        "round.toml",
        "reject_rate = 0.05",
        "reject_rate = 0.30000000000000004\nrare_pattern = 7",
    );
    let finished = FinishedRound::of(with_reading_files(round, &[]));
    assert_eq!(finished.not_held(&[]), BTreeSet::new());
}

fn split() -> SplitRound {
    let split = SplitRound::sealed(Round::sample());
    split.lists(&EXPORTS, 0);
    split
}

#[test]
fn each_office_of_a_split_round_is_held_to_its_round_file() {
    let mut round = split().round;
    for (folder, office, more) in [
        (
            "at-veterans.persons",
            "veterans",
            &["/exports/0/snapshot", "/exports/0/legal_basis"][..],
        ),
        ("at-centre", "centre", &["/received/1/snapshot"]),
        (
            "at-procuratorate",
            "procuratorate",
            &["/exports/0/snapshot"],
        ),
    ] {
        let step = Step {
            finished: FinishedRound::at(round, folder),
            office,
        };
        assert_eq!(step.not_held(), BTreeSet::new(), "{folder}");
        let honest = step.finished.manifest();
        let mut places = vec!["/retention_until", "/as_of"];
        places.extend(more);
        if folder != "at-procuratorate" {
            places.push("/crossing/0/sealed_to");
        }
        for at in places {
            let value = match at {
                "/crossing/0/sealed_to" => {
                    "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq".into()
                }
                "/exports/0/legal_basis" => "none whatever".into(),
                _ => Value::from("2026-09-27"),
            };
            step.sign_again(|manifest| put(manifest, at, &value));
            let found = step.not_held();
            assert!(found.contains(&20), "{folder}, {at}: {found:?}");
            step.sign_again(|manifest| *manifest = honest.clone());
        }
        round = step.finished.round;
    }
}

/// Replaces a text in each file below a folder of the output; returns how many had it.
fn replace_below(finished: &FinishedRound, below: &str, from: &str, to: &str) -> usize {
    let mut changed = 0;
    for entry in fs::read_dir(finished.path(below)).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text.contains(from) {
            fs::write(&path, text.replace(from, to)).unwrap();
            changed += 1;
        }
    }
    changed
}

/// Headings of lists, summary and manifest say one thing of why the lists are provisional.
#[test]
fn lists_and_manifest_must_agree_on_why_they_are_provisional() {
    let stale = || {
        let round = Round::sample();
        let text = round.read("round.toml");
        let at = text.find("schema = \"procuratorate.referrals\"").unwrap();
        let stale = text[at..].replacen("2026-09-28", "2026-06-29", 1);
        round.write("round.toml", format!("{}{stale}", &text[..at]));
        assert_eq!(round.run().code, 3);
        FinishedRound::at(round, "output")
    };
    const MARK: &str = "·暂定（procuratorate.referrals 数据过旧）";
    let finished = stale();
    assert_eq!(finished.not_held(&[]), BTreeSet::from([12]));
    finished.sign_again(|manifest| manifest["provisional"] = json!([]));
    assert_eq!(finished.not_held(&[]), BTreeSet::from([12, 18]));
    let finished = stale();
    finished.sign_again(|manifest| {
        manifest.as_object_mut().unwrap().remove("provisional");
    });
    assert_eq!(finished.not_held(&[]), BTreeSet::from([12, 18]));
    let finished = stale();
    finished.sign_again(|manifest| manifest["not_verified_by"] = json!({}));
    assert_eq!(finished.not_held(&[]), BTreeSet::from([12, 18]));
    let finished = stale();
    assert!(replace_below(&finished, "lists/for-review", MARK, "") > 5);
    finished.sign_again(|_| {});
    assert_eq!(finished.not_held(&[]), BTreeSet::from([12, 18]));
    // A list that is not provisional, and is called so.
    let finished = FinishedRound::new();
    let confidential = "保密：仅供核查";
    let marked = format!("{confidential}{MARK}");
    assert!(replace_below(&finished, "lists/for-review", confidential, &marked) > 5);
    finished.sign_again(|_| {});
    assert_eq!(finished.not_held(&[]), BTreeSet::from([18]));
    let finished = FinishedRound::new();
    let reason = json!([{"zh": "procuratorate.referrals 数据过旧", "en": "x"}]);
    finished.sign_again(|manifest| manifest["provisional"] = reason.clone());
    assert_eq!(finished.not_held(&[]), BTreeSet::from([18]));
}

/// An export that did not come to a split round makes the lists provisional that need it; one that
/// is not joined is named by them.
#[test]
fn lists_and_manifest_must_agree_on_what_is_missing() {
    let split = SplitRound::sealed(Round::sample());
    let came: Vec<&str> = EXPORTS
        .into_iter()
        .filter(|export| *export != "veterans.persons")
        .collect();
    split.lists(&came, 3);
    let step = Step {
        finished: FinishedRound::at(split.round, "at-procuratorate"),
        office: "procuratorate",
    };
    assert_eq!(step.not_held(), BTreeSet::new());
    let path = step.finished.path("lists/for-review/to-veterans.csv");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("·暂定（").unwrap();
    let (_, after) = rest.split_once('）').unwrap();
    fs::write(&path, format!("{before}{after}")).unwrap();
    step.sign_again(|_| {});
    assert_eq!(step.not_held(), BTreeSet::from([18]));

    let round = Round::sample();
    let text = round.read("round.toml");
    let (kept, _) = text
        .split_once("\n[[export]]\nschema = \"veterans.persons\"")
        .unwrap();
    // The same of what is not joined.
    let left = "\n[[not_joined]]\nschema = \"veterans.persons\"\nbecause = \"no agreement\"\n";
    round.write("round.toml", format!("{kept}{left}"));
    let finished = FinishedRound::of(round);
    assert_eq!(finished.not_held(&[]), BTreeSet::new());
    assert!(
        replace_below(
            &finished,
            "lists/for-review",
            "·未与下列数据比对（",
            "·暂定（"
        ) > 5
    );
    finished.sign_again(|_| {});
    assert_eq!(finished.not_held(&[]), BTreeSet::from([18]));
}

// The proof by execution

const TOKENS: &str = "to-centre/veterans.persons.tokens.parquet";

fn tokenised(split: SplitRound) -> Step {
    let result = split.tokenise("veterans.persons");
    assert_eq!(result.code, 0, "{}", result.stderr);
    Step {
        finished: FinishedRound::at(split.round, "at-veterans.persons"),
        office: "veterans",
    }
}

fn proof(step: &Step) -> Value {
    proof_in(&step.audit(&["--prove-minimisation"]))
}

fn proof_in(result: &CommandResult) -> Value {
    let documents: Value = serde_json::from_str(&result.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", result.stdout, result.stderr));
    documents[0]["minimisation_proof"].clone()
}

fn append(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.push(b'\n');
    fs::write(path, bytes).unwrap();
}

fn assert_differs(step: &Step, files: &[&str], what: &str) {
    let result = step.audit(&["--prove-minimisation"]);
    let proof = proof_in(&result);
    assert_eq!(proof["state"], "second_run_differs", "{what}: {proof:#}");
    assert_eq!(proof["differ"], json!(files), "{what}");
    assert_eq!(result.code, 4, "{what}");
}

/// The file that leaves is another one than the digest that the manifest states of its content.
#[test]
fn another_token_file_than_the_stated_one_is_not_called_equal() {
    type Change<'c> = &'c dyn Fn(&Step);
    let plain_cases: [(&str, Change<'_>, &[&str]); 7] = [
        (
            "another file, signed anew",
            &|step| {
                append(&step.finished.path(TOKENS));
                step.sign_again(|_| {});
            },
            &[TOKENS],
        ),
        (
            "another file on the disk only",
            &|step| append(&step.finished.path(TOKENS)),
            &[TOKENS],
        ),
        (
            "the file is gone",
            &|step| fs::remove_file(step.finished.path(TOKENS)).unwrap(),
            &[TOKENS],
        ),
        (
            "stated twice, the genuine one last",
            &|step| {
                step.sign_again(|manifest| {
                    let crossing = manifest["crossing"].as_array_mut().unwrap();
                    let mut other = crossing[0].clone();
                    other["plain_blake3"] = "0".repeat(64).into();
                    crossing.insert(0, other);
                })
            },
            &[TOKENS],
        ),
        (
            "called sealed",
            &|step| {
                step.sign_again(|manifest| {
                    manifest["crossing"][0]["sealed_to"] =
                        "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq".into();
                })
            },
            &[
                TOKENS,
                "to-centre/veterans.persons.tokens.parquet.minisig",
                "to-centre/veterans.persons.tokens.parquet.sha256",
            ],
        ),
        (
            "another length",
            &|step| {
                step.sign_again(|manifest| manifest["crossing"][0]["plain_bytes"] = 1.into());
            },
            &[TOKENS],
        ),
        (
            "a second file that leaves",
            &|step| {
                let second = step.finished.path("to-centre/second.tokens.parquet");
                fs::copy(step.finished.path(TOKENS), second).unwrap();
                step.sign_again(|_| {});
            },
            &["to-centre/second.tokens.parquet"],
        ),
    ];
    for (what, change, files) in plain_cases {
        let step = tokenised(SplitRound::plain(Round::sample()));
        if what == "another file, signed anew" {
            assert_eq!(proof(&step)["state"], "equal");
        }
        change(&step);
        assert_differs(&step, files, what);
    }
    let sealed = format!("{TOKENS}.age");
    let sealed_cases: [(&str, Change<'_>); 3] = [
        ("changed on the disk only", &|step| {
            append(&step.finished.path(&format!("{TOKENS}.age")));
        }),
        ("not sealed after all", &|step| {
            fs::write(step.finished.path(&format!("{TOKENS}.age")), "plain").unwrap();
            step.sign_again(|_| {});
        }),
        ("gone", &|step| {
            fs::remove_file(step.finished.path(&format!("{TOKENS}.age"))).unwrap();
        }),
    ];
    for (what, change) in sealed_cases {
        let step = tokenised(SplitRound::sealed(Round::sample()));
        if what == "gone" {
            assert_eq!(proof(&step)["state"], "equal");
        }
        change(&step);
        assert_differs(&step, &[&sealed], what);
    }
}

/// What was changed on the disk is not called equal, whatever it is, except a workbook that was
/// filled in: that counts as it was issued.
#[test]
fn a_file_that_was_changed_on_the_disk_is_not_called_equal() {
    let finished = FinishedRound::new();
    let prove = || {
        let result = finished.audit(&["--prove-minimisation", "--json"]);
        (result.code, proof_in(&result))
    };
    fill_in(&finished, "review/adults.xlsx", remark("已电话核实"));
    let (code, proof) = prove();
    assert_eq!((code, &proof["state"]), (0, &json!("equal")), "{proof:#}");
    for file in [
        "lists/for-review/to-veterans.csv",
        "lists/not-judged.csv",
        "review/persons.html",
        "rejects/veterans.csv",
        "summary.json",
    ] {
        let path = finished.path(file);
        let bytes = fs::read(&path).unwrap();
        append(&path);
        let (code, proof) = prove();
        assert_eq!(code, 4, "{file}");
        assert_eq!(proof["state"], "second_run_differs", "{file}");
        assert_eq!(proof["differ"], json!([file]));
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(prove().1["state"], "equal");
}
