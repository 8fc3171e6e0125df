//! Attempts to let one output folder of a round speak for the inputs of another one, to
//! delete what another one needs, or to hide an output folder.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::signing::SigningKey;
use serde_json::{Value, json};

use super::deleting::last_record;
use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, paths, purge};
use crate::support::{CommandResult, aidlink, set_mode};

/// The exports of the sample, and its key.
const INPUTS: usize = 7;

/// Runs the round once more, into another output folder.
pub fn run_again(finished: &FinishedRound, output: &str, more: &[&str]) -> PathBuf {
    let output = finished.round.path(output);
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    let arguments = [&["--output", output.to_str().unwrap()], more].concat();
    let result = finished.round.run_with(&arguments);
    assert_eq!(result.code, 0, "{}", result.stderr);
    output
}

fn round_id(finished: &FinishedRound) -> String {
    let manifest = fs::read(finished.path("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["round"].as_str().unwrap().to_owned()
}

fn purge_one(output: &Path, more: &[&str]) -> CommandResult {
    let arguments = ["purge", output.to_str().unwrap(), "--lang", "en"];
    aidlink(&[&arguments[..], more].concat())
}

/// Returns the state of check 19 of an output folder in an audit of the round's folder, and
/// its evidence.
pub fn check_19_of(finished: &FinishedRound, output: &Path) -> (String, String) {
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
        assert_eq!(paths(&record["removed"]).len(), 44, "{record}");
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
    let id = |from: &str, to: &str| {
        let line = |id: &str| format!("round = \"{id}\"");
        finished.round.replace("round.toml", &line(from), &line(to));
    };
    let own = round_id(&finished);
    id(&own, "2026Q4");
    let result = purge_one(&other, &[]);
    id("2026Q4", &own);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let removed = paths(&last_record(&other)["removed"]);
    assert!(removed.contains("veterans.persons.csv"), "{removed:?}");
    assert_eq!(purge_one(&output, &[]).code, 3);
    assert_missing(&finished, &output, &["veterans.persons.csv"]);
}

/// The key was lost between two runs, and the second run made a new one.
#[test]
fn a_record_of_another_key_makes_no_input_count_as_deleted() {
    for are_named_together in [true, false] {
        let finished = overdue_round();
        let (output, key) = (finished.path(""), finished.round.path("round.key"));
        let away = finished.round.path("../first.key");
        fs::rename(&key, &away).unwrap();
        let other = run_again(&finished, "other", &[]);
        let is_deleted = |record: &Value| {
            let mut removed = record["removed"].as_array().unwrap().iter();
            removed.any(|file| file["part"] == "key")
        };
        if are_named_together {
            // The second key is where the first one was.
            let result = purge(&finished, &[]);
            assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
            let (first, second) = (last_record(&output), last_record(&other));
            assert!(!is_deleted(&first) && is_deleted(&second), "{first}");
            assert_eq!(second["left"], json!([]));
            assert_eq!(first["left"], json!([]));
            assert_eq!(paths(&first["not_found"]), ["round.key".to_owned()].into());
            let message = "and is another output folder's: find out where this one went";
            assert!(result.stdout.contains(message), "{}", result.stdout);
        } else {
            assert_eq!(purge_one(&other, &[]).code, 0);
            assert!(is_deleted(&last_record(&other)));
            assert_eq!(purge_one(&output, &[]).code, 3);
        }
        // The first key was not deleted, but taken.
        assert!(away.exists());
        assert_missing(&finished, &output, &["round.key"]);
        assert_eq!(check_19_of(&finished, &other).0, "held");
    }
}

#[test]
fn an_export_that_was_corrected_between_two_runs_is_either_removed_or_missing() {
    for is_longer in [true, false] {
        for (older, newer) in [("output", "second"), ("output", "another")] {
            let finished = overdue_round();
            let export = "veterans.persons.csv";
            let mut bytes = fs::read(finished.round.path(export)).unwrap();
            match is_longer {
                true => bytes.extend_from_slice(b"\r\n"),
                false => {
                    let end = bytes
                        .trim_ascii_end()
                        .iter()
                        .rposition(|byte| *byte == b'\n');
                    bytes.truncate(end.unwrap() + 1);
                }
            }
            fs::write(finished.round.path(export), &bytes).unwrap();
            let corrected = blake3::hash(&bytes).to_hex().to_string();
            let newer = run_again(&finished, newer, &[]);
            let older = finished.round.path(older);
            let result = purge(&finished, &[]);
            assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
            let entries = |output: &Path, list: &str| -> Vec<Value> {
                let record = last_record(output);
                let files = record[list].as_array().unwrap().iter();
                files
                    .filter(|file| file["file"] == export)
                    .cloned()
                    .collect()
            };
            // The corrected one was removed, and is in no other list.
            let [removed] = entries(&newer, "removed").try_into().unwrap();
            assert_eq!(removed["blake3"], corrected.as_str());
            // The first one was not there.
            let [missing] = entries(&older, "not_found").try_into().unwrap();
            assert_ne!(missing["blake3"], corrected.as_str());
            for (output, lists) in [
                (&newer, ["left", "not_found", "removed_earlier"]),
                (&older, ["left", "removed", "removed_earlier"]),
            ] {
                for list in lists {
                    assert!(entries(output, list).is_empty(), "{list}");
                }
            }
            let digest = missing["blake3"].as_str().unwrap();
            for text in [
                format!("{export} (export, {}...)", &digest[..8]),
                "the file in its place has other content".to_owned(),
            ] {
                assert!(result.stdout.contains(&text), "{}", result.stdout);
            }
            assert_eq!(check_19_of(&finished, &newer).0, "held");
            assert_missing(&finished, &older, &[export, &digest[..8]]);
        }
    }
}

/// A purge of one output alone cannot know that the file in the place is the other's.
#[test]
fn a_corrected_export_is_left_by_the_older_output_alone() {
    let finished = overdue_round();
    let export = finished.round.path("veterans.persons.csv");
    let before = fs::read(&export).unwrap();
    fs::write(&export, [&before[..], b"\r\n"].concat()).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 3, "{}", result.stdout);
    assert!(export.exists());
    let record = last_record(&finished.path(""));
    // The entry is of the round's file, and not of what is in its place.
    let digest = blake3::hash(&before).to_hex().to_string();
    let left = record["left"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{record}");
    assert_eq!(left[0]["blake3"], digest.as_str());
    assert_eq!(record["not_found"], json!([]));
}

/// Where somebody may keep an output folder of the round.
const HIDING_PLACES: [&str; 4] = [
    "results/2026/output",
    ".output",
    "results/.second",
    ".hidden/deep/er/output",
];

#[test]
fn an_output_in_a_subfolder_or_with_a_hidden_name_is_found() {
    for place in HIDING_PLACES {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let hidden = run_again(&finished, place, &[]);
        // What a killed run left beside it is found with it.
        let leftover = format!(
            ".{}.partial-abc",
            hidden.file_name().unwrap().to_str().unwrap()
        );
        let leftover = hidden.with_file_name(leftover);
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("list.csv"), "rows").unwrap();
        set_mode(&leftover, 0o1700);
        let (state, evidence) = {
            let audit = finished.audit(&["--json"]);
            let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
            assert_eq!(documents.as_array().unwrap().len(), 2, "{place}");
            assert_eq!(documents[0]["unknown_files"]["count"], 0, "{place}");
            let folders = documents.as_array().unwrap().iter();
            let mut folders = folders.map(|one| one["folder"].as_str().unwrap());
            assert!(folders.any(|folder| folder.ends_with(place)), "{place}");
            check_19_in(&audit, &hidden)
        };
        assert_eq!(state, "not_held", "{place}");
        assert!(evidence.contains("45 files are still here"), "{evidence}");
        let result = purge(&finished, &[]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        assert!(
            !hidden.join("lists").exists() && !leftover.exists(),
            "{place}"
        );
        assert_eq!(check_19_of(&finished, &hidden).0, "held", "{place}");
        let audit = finished.audit(&[]);
        assert!(audit.stdout.contains("Nothing is left to delete"));
    }
}

#[test]
fn a_foreign_manifest_below_the_rounds_folder_stops_no_purge() {
    let finished = overdue_round();
    for folder in ["program/web", ".program"] {
        let folder = finished.round.path(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("manifest.json"), "{\"name\": \"a program\"}").unwrap();
    }
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(result.stdout.contains("program/web/manifest.json"));
    // One that a step wrote is found, although its log and signature are gone.
    let finished = overdue_round();
    let hidden = run_again(&finished, "results/output", &[]);
    for name in ["audit.jsonl", "manifest.json.minisig"] {
        fs::remove_file(hidden.join(name)).unwrap();
    }
    assert_eq!(check_19_of(&finished, &hidden).0, "not_held");
    assert_eq!(purge(&finished, &[]).code, 1);
}

/// The inputs of another round's outputs are beside its own round file.
#[test]
fn an_output_of_a_round_in_a_subfolder_is_its_own_rounds() {
    let finished = overdue_round();
    let folder = finished.round.path("");
    let inner = folder.join("earlier");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&folder, &folder.parent().unwrap().join("earlier")])
        .status();
    assert!(copied.unwrap().success());
    fs::rename(folder.parent().unwrap().join("earlier"), &inner).unwrap();
    let result = purge(&finished, &[]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert!(inner.join("output/lists").exists());
    assert!(inner.join("round.key").exists());
    // Nobody is left in the dark about it.
    assert!(
        result.stdout.contains("unknown to aidlink"),
        "{}",
        result.stdout
    );
}

/// Makes an output that is due later than the first one.
fn run_with_later_day(finished: &FinishedRound, output: &str, more: &[&str]) -> PathBuf {
    finished.round.replace(
        "round.toml",
        "retention_until = 2026-10-01",
        "retention_until = 2099-12-31",
    );
    run_again(finished, output, more)
}

#[test]
fn inputs_that_another_output_still_needs_are_kept_whichever_folder_is_named() {
    for (place, is_named_alone) in [
        ("newer", false),
        ("newer", true),
        ("results/.newer", false),
        ("results/.newer", true),
    ] {
        let finished = overdue_round();
        fs::remove_dir_all(finished.round.path("truth")).unwrap();
        let output = finished.path("");
        let newer = run_with_later_day(&finished, place, &[]);
        let before = finished.round.names();
        let purge = || match is_named_alone {
            true => purge_one(&output, &[]),
            false => purge(&finished, &[]),
        };
        let dry = match is_named_alone {
            true => purge_one(&output, &["--dry-run"]),
            false => crate::deletion::purge(&finished, &["--dry-run"]),
        };
        let message = "another output folder, which is due on 2099-12-31, still needs it";
        for result in [dry, purge()] {
            assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
            let said = result.stdout.matches(message).count();
            assert_eq!(said, INPUTS, "{}", result.stdout);
            // Nobody has to search for it.
            let named = result.stdout.matches(&format!("({place})")).count();
            assert_eq!(named, INPUTS, "{}", result.stdout);
        }
        assert_eq!(finished.round.names(), before);
        assert!(!output.join("lists").exists() && newer.join("lists").exists());
        let record = last_record(&output);
        assert_eq!(paths(&record["left"]).len(), INPUTS);
        let mut left = record["left"].as_array().unwrap().iter();
        let names_it = |left: &Value| {
            let why = &left["why"];
            [&why["en"], &why["zh"]]
                .iter()
                .all(|why| why.as_str().unwrap().contains(place))
        };
        assert!(left.all(names_it), "{record}");
        assert_eq!(paths(&record["removed"]).len(), 37);
        // Nothing is wrong, and the audit says why the inputs are here.
        for audit in [
            finished.audit(&["--json"]),
            aidlink(&["audit", output.to_str().unwrap(), "--json"]),
        ] {
            let (state, evidence) = check_19_in(&audit, &output);
            assert_eq!(state, "held", "{evidence}");
            let text = "another output folder still needs 7 inputs, until 2099-12-31";
            assert!(evidence.contains(text), "{evidence}");
        }
        // When the newer one goes, they go, and both records say so.
        let early = ["--early", "wrong round"];
        let result = crate::deletion::purge(&finished, &early);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        for output in [&output, &newer] {
            let record = last_record(output);
            assert_eq!(record["left"], json!([]));
            assert!(paths(&record["removed"]).contains("round.key"), "{record}");
            assert_eq!(check_19_of(&finished, output).0, "held");
        }
    }
}

/// With a manifest of his own anybody could keep data from being deleted, or with one that a
/// purge has emptied.
#[test]
fn a_strangers_or_a_purged_output_keeps_no_input_from_being_deleted() {
    for is_strangers in [true, false] {
        let finished = overdue_round();
        let key = finished.round.path("../stranger.key");
        SigningKey::make(&key).unwrap();
        let signed = ["--signing-key", key.to_str().unwrap()];
        let more: &[&str] = if is_strangers { &signed } else { &[] };
        let newer = run_with_later_day(&finished, "newer", more);
        let mut kept = Vec::new();
        if !is_strangers {
            // One export is in use elsewhere and was left.
            let export = finished.round.path("veterans.persons.csv");
            let away = finished.round.path("../away.csv");
            fs::rename(&export, &away).unwrap();
            assert_eq!(purge_one(&newer, &["--early", "x"]).code, 3);
            fs::rename(&away, &export).unwrap();
            kept.push(export);
        } else {
            kept.push(finished.round.path("round.key"));
        }
        let (state, evidence) = check_19_of(&finished, &finished.path(""));
        assert_eq!(state, "not_held");
        assert!(evidence.contains("files are still here"), "{evidence}");
        let result = purge_one(&finished.path(""), &[]);
        assert_eq!(
            result.stdout.matches("still needs it").count(),
            0,
            "{}",
            result.stdout
        );
        for file in kept {
            assert!(!file.exists(), "{}", file.display());
        }
    }
}

fn is_export(name: &str) -> bool {
    name.ends_with(".csv") || name.ends_with(".xlsx")
}

/// The same file may be written as `./a.csv` or `.//a.csv`.
#[test]
fn inputs_are_deleted_or_kept_however_the_round_file_writes_their_paths() {
    for start in ["./", ".//", "././"] {
        for is_needed in [false, true] {
            let finished = overdue_round();
            fs::remove_dir_all(finished.round.path("truth")).unwrap();
            fs::remove_dir_all(finished.path("")).unwrap();
            let plain = finished.round.read("round.toml");
            let written = plain.replace("path = \"", &format!("path = \"{start}"));
            let written = written.replace("file = \"round.key\"", "file = \"./round.key\"");
            assert_ne!(written, plain);
            fs::write(finished.round.path("round.toml"), &written).unwrap();
            let output = run_again(&finished, "output", &[]);
            let manifest = fs::read_to_string(output.join("manifest.json")).unwrap();
            assert!(!manifest.contains("\"./"), "{manifest}");
            if is_needed {
                // The later one writes them plainly.
                fs::write(finished.round.path("round.toml"), &plain).unwrap();
                run_with_later_day(&finished, "newer", &[]);
            }
            let result = purge_one(&output, &[]);
            let names = finished.round.names();
            let kept = names.iter().filter(|name| is_export(name)).count();
            let (code, expected) = if is_needed { (3, INPUTS - 1) } else { (0, 0) };
            assert_eq!(result.code, code, "{}{}", result.stdout, result.stderr);
            assert_eq!(kept, expected, "{names:?}");
            assert_eq!(finished.round.path("round.key").exists(), is_needed);
            let record = last_record(&output);
            let list = if is_needed { "left" } else { "removed" };
            assert!(
                paths(&record[list]).contains("veterans.persons.csv"),
                "{record}"
            );
            assert_eq!(check_19_of(&finished, &output).0, "held");
        }
    }
}

/// A way to make an output folder unreadable.
type Spoil = fn(&Path);

/// Nobody can tell what such an output still needs, so nothing is deleted.
#[test]
fn an_output_that_cannot_be_verified_stops_the_purge() {
    let ways: [(&str, Spoil); 5] = [
        ("deletions", |output| {
            std::os::unix::fs::symlink("/nowhere", output.join("deletions")).unwrap();
        }),
        ("a damaged signature", |output| {
            let path = output.join("manifest.json.minisig");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, format!("{text}x\n")).unwrap();
        }),
        ("no signature", |output| {
            fs::remove_file(output.join("manifest.json.minisig")).unwrap();
        }),
        ("no manifest", |output| {
            fs::remove_file(output.join("manifest.json")).unwrap();
        }),
        ("a changed manifest", |output| {
            let path = output.join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("2099-12-31", "2026-01-01")).unwrap();
        }),
    ];
    for (way, spoil) in ways {
        let finished = overdue_round();
        let newer = run_with_later_day(&finished, "results/newer", &[]);
        spoil(&newer);
        let before = finished.round.output("");
        for more in [&[][..], &["--dry-run"]] {
            let result = purge_one(&finished.path(""), more);
            assert_eq!(result.code, 1, "{way}: {}", result.stdout);
            assert!(
                result.stderr.contains("results/newer"),
                "{way}: {}",
                result.stderr
            );
            let text = "nobody knows whether it still needs inputs";
            assert!(result.stderr.contains(text), "{way}: {}", result.stderr);
        }
        assert_eq!(finished.round.output(""), before, "{way}");
        let audit = aidlink(&["audit", finished.path("").to_str().unwrap(), "--json"]);
        let (state, evidence) = check_19_in(&audit, &finished.path(""));
        assert_eq!(state, "not_held", "{way}");
        assert!(
            evidence.contains("nobody knows whether it still needs"),
            "{way}: {evidence}"
        );
    }
}

/// The key that signed both manifests is lost.
#[test]
fn another_signer_keeps_what_later_outputs_need() {
    for is_named_alone in [true, false] {
        let finished = overdue_round();
        let newer = run_with_later_day(&finished, "newer", &[]);
        let key = finished.round.path("../new.key");
        SigningKey::make(&key).unwrap();
        let more = [
            "--signing-key",
            key.to_str().unwrap(),
            "--other-signer",
            "lost",
        ];
        let output = finished.path("");
        let result = match is_named_alone {
            true => purge_one(&output, &more),
            false => purge(&finished, &more),
        };
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        assert_eq!(result.stdout.matches("still needs it").count(), INPUTS);
        assert!(finished.round.path("round.key").exists() && newer.join("lists").exists());
        assert!(!output.join("lists").exists());
    }
}

/// Inputs count as missing only where somebody could look.
#[test]
fn a_folder_of_the_round_that_cannot_be_opened_is_not_empty() {
    let finished = overdue_round();
    let away = finished.round.path("../elsewhere");
    fs::create_dir(&away).unwrap();
    let output = away.join("output");
    fs::rename(finished.path(""), &output).unwrap();
    // A link to itself cannot be opened, whoever tries.
    let folder = finished.round.path("../folder");
    std::os::unix::fs::symlink("folder", &folder).unwrap();
    let round_file = folder.join("round.toml");
    let key = finished.round.path("signing.key");
    let more = [
        "--round",
        round_file.to_str().unwrap(),
        "--signing-key",
        key.to_str().unwrap(),
    ];
    for dry in [&["--dry-run"][..], &[]] {
        let result = purge_one(&output, &[&more[..], dry].concat());
        assert_eq!(result.code, 1, "{}", result.stdout);
        assert!(result.stderr.contains("folder"), "{}", result.stderr);
        assert!(output.join("lists").exists() && !output.join("deletions").exists());
    }
}

/// Beside the output is the round file of the next round, with the same exports.
#[test]
fn inputs_beside_the_round_file_of_another_round_are_left() {
    let finished = overdue_round();
    let output = finished.path("");
    let own = round_id(&finished);
    let line = |id: &str| format!("round = \"{id}\"");
    finished
        .round
        .replace("round.toml", &line(&own), &line("2026Q4"));
    let round_file = finished.round.path("round.toml");
    let named = ["--round", round_file.to_str().unwrap()];
    let result = purge_one(&output, &named);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert!(
        result.stderr.contains("of another round"),
        "{}",
        result.stderr
    );
    assert!(output.join("lists").exists());
    let result = purge_one(&output, &[]);
    assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
    let record = last_record(&output);
    assert_eq!(paths(&record["left"]).len(), INPUTS, "{record}");
    assert!(finished.round.path("round.key").exists());
    assert!(!output.join("lists").exists());
    // With the round file of the round they go.
    finished
        .round
        .replace("round.toml", &line("2026Q4"), &line(&own));
    let result = purge_one(&output, &named);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(!finished.round.path("round.key").exists());
}

#[test]
fn what_an_output_needs_counts_wherever_it_lies_below_the_rounds_folder() {
    for (place, has_round_file) in [("output/newer", false), ("copy/newer", true)] {
        let finished = overdue_round();
        let newer = run_with_later_day(&finished, "newer", &[]);
        let place = finished.round.path(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::rename(newer, &place).unwrap();
        if has_round_file {
            let copy = place.with_file_name("round.toml");
            fs::copy(finished.round.path("round.toml"), copy).unwrap();
        }
        let result = purge_one(&finished.path(""), &[]);
        assert_eq!(result.code, 3, "{}{}", result.stdout, result.stderr);
        assert_eq!(result.stdout.matches("still needs it").count(), INPUTS);
        assert!(finished.round.path("round.key").exists());
    }
}

#[test]
fn no_output_is_written_into_an_output_folder() {
    let finished = overdue_round();
    for place in ["output/second", "output/lists/second"] {
        let place = finished.round.path(place);
        let result = finished
            .round
            .run_with(&["--output", place.to_str().unwrap()]);
        assert!(result.code != 0 && !place.exists(), "{}", result.stdout);
        assert!(
            result.stderr.contains("cannot be inside it"),
            "{}",
            result.stderr
        );
    }
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn a_purge_takes_no_empty_reason_and_no_other_signer_that_is_none() {
    let finished = overdue_round();
    let key = finished.round.path("signing.key");
    for option in ["--early", "--other-signer", "--confirm-deleted"] {
        for reason in ["", " ", "\u{3000}"] {
            let more = [option, reason, "--signing-key", key.to_str().unwrap()];
            let result = purge(&finished, &more);
            assert_eq!(
                result.code, 2,
                "{option}: {}{}",
                result.stdout, result.stderr
            );
        }
    }
    let more = [
        "--other-signer",
        "x",
        "--signing-key",
        key.to_str().unwrap(),
    ];
    assert_eq!(purge(&finished, &more).code, 0);
    let record = last_record(&finished.path(""));
    assert!(record["other_signer"].is_null(), "{record}");
}
