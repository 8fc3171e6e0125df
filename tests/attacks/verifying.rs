//! Attempts to change a finished folder without verification noticing.

use std::fs;
use std::path::Path;

use aidlink_office::signing::SigningKey;

use crate::audit::FinishedRound;
use crate::support::{CommandResult, Round, aidlink};

fn verify(finished: &FinishedRound, more: &[&str]) -> CommandResult {
    let folder = finished.path("");
    let mut arguments = vec!["audit", "verify", folder.to_str().unwrap(), "--lang", "en"];
    arguments.extend(more);
    aidlink(&arguments)
}

/// Returns a finished round whose round file names the public keys of the procuratorate
/// and of veterans affairs, and both keys.
fn round_with_two_signers() -> (FinishedRound, String, String) {
    let round = Round::sample();
    let key = |name: &str| {
        let key = SigningKey::make(&round.path(name)).unwrap();
        key.public().to_base64()
    };
    let (own, other) = (key("signing.key"), key("veterans.key"));
    round.replace(
        "round.toml",
        "key = \"signing.key\"",
        &format!(
            "key = \"signing.key\"\nsigners = {{ procuratorate = \"{own}\", veterans = \"{other}\" }}"
        ),
    );
    (FinishedRound::of(round), own, other)
}

#[test]
fn a_folder_signed_by_another_office_of_the_round_is_not_accepted() {
    let (finished, own, _) = round_with_two_signers();
    assert_eq!(verify(&finished, &[]).code, 0);
    let other = SigningKey::read(&finished.round.path("veterans.key")).unwrap();
    finished.sign_again_with_key(&other, |manifest| {
        manifest["signing"]["key_id"] = other.public().id().into();
        manifest["signing"]["public_key"] = other.public().to_base64().into();
    });
    for more in [&[][..], &["--public-key", &own]] {
        let result = verify(&finished, more);
        assert_eq!(result.code, 4, "{more:?}: {}", result.stdout);
    }
}

/// Whatever a manifest says of agencies, the step and the round file say whose it is.
#[test]
fn an_office_that_calls_itself_the_procuratorate_in_a_manifest_is_not_accepted() {
    for export in [None, Some("veterans.persons"), Some("veterans.of-no-round")] {
        for is_tokens in [false, true] {
            let (finished, ..) = round_with_two_signers();
            let other = SigningKey::read(&finished.round.path("veterans.key")).unwrap();
            finished.sign_again_with_key(&other, |manifest| {
                manifest["signing"]["key_id"] = other.public().id().into();
                manifest["signing"]["public_key"] = other.public().to_base64().into();
                for read in manifest["exports"].as_array_mut().unwrap() {
                    read["agency"] = "veterans".into();
                    if let Some(export) = export {
                        read["export"] = export.into();
                    }
                }
                if is_tokens {
                    manifest["step"] = "tokenise".into();
                }
            });
            let result = verify(&finished, &[]);
            // Of its own export, and of no other, it may have made tokens.
            let is_its_own = is_tokens && export == Some("veterans.persons");
            let message = "in the round file it belongs to veterans, but another office runs";
            assert_eq!(
                result.stdout.contains(message),
                !is_its_own,
                "{export:?} {is_tokens}: {}",
                result.stdout
            );
            assert_eq!(result.code, 4, "{}", result.stdout);
        }
    }
}

#[test]
fn a_signature_by_a_key_other_than_the_manifests_is_not_accepted() {
    let (finished, own, other) = round_with_two_signers();
    let key = SigningKey::read(&finished.round.path("veterans.key")).unwrap();
    finished.sign_again_with_key(&key, |_| {});
    for more in [&[][..], &["--public-key", &own], &["--public-key", &other]] {
        let result = verify(&finished, more);
        assert_eq!(result.code, 4, "{more:?}: {}", result.stdout);
    }
}

#[test]
fn keys_on_the_command_line_replace_those_of_the_round_file() {
    let (finished, _, other) = round_with_two_signers();
    let result = verify(&finished, &["--public-key", &other]);
    assert_eq!(result.code, 4, "{}", result.stdout);
}

#[test]
fn adding_a_key_to_the_round_file_does_not_make_its_signature_count() {
    let finished = FinishedRound::new();
    let key = SigningKey::make(&finished.round.path("attacker.key")).unwrap();
    let own = fs::read_to_string(finished.round.path("signing.pub")).unwrap();
    let own = own.lines().nth(1).unwrap();
    finished.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        &format!(
            "key = \"signing.key\"\nsigners = {{ procuratorate = \"{}\" }}",
            key.public().to_base64()
        ),
    );
    finished.sign_again_with_key(&key, |manifest| {
        manifest["signing"]["key_id"] = key.public().id().into();
        manifest["signing"]["public_key"] = key.public().to_base64().into();
    });
    // Refused because the round file was changed after the run, and because the key
    // named on the command line is the only one that counts.
    assert_eq!(verify(&finished, &[]).code, 4);
    assert_eq!(verify(&finished, &["--public-key", own]).code, 4);
}

#[test]
fn a_log_with_the_same_content_in_other_bytes_counts_as_changed() {
    let finished = FinishedRound::new();
    let log = fs::read_to_string(finished.path("audit.jsonl")).unwrap();
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 6] = [
        ("a blank", |log| log.replacen(":", ": ", 1)),
        ("an escape", |log| {
            log.replacen("test", "t\\u0065st", 1)
                .replacen("run", "r\\u0075n", 1)
        }),
        ("a duplicate key", |log| {
            log.replacen('{', "{\"operator\":\"somebody else\",", 1)
        }),
        ("an empty line", |log| log.replacen('\n', "\n\n", 1)),
        ("a carriage return", |log| log.replacen('\n', "\r\n", 1)),
        ("no line feed at the end", |log| log.trim_end().to_owned()),
    ];
    for (what, change) in changes {
        let changed = change(&log);
        assert_ne!(changed, log, "{what}");
        fs::write(finished.path("audit.jsonl"), changed).unwrap();
        assert_eq!(finished.verify().code, 4, "{what}");
    }
    fs::write(finished.path("audit.jsonl"), log).unwrap();
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn a_manifest_with_a_duplicate_key_is_refused() {
    let finished = FinishedRound::new();
    let key = SigningKey::read(&finished.round.path("signing.key")).unwrap();
    let manifest = fs::read_to_string(finished.path("manifest.json")).unwrap();
    let with_duplicate = manifest.replacen('{', "{\n  \"operator\": \"somebody else\",", 1);
    fs::write(finished.path("manifest.json"), &with_duplicate).unwrap();
    let old = fs::read_to_string(finished.path("manifest.json.minisig")).unwrap();
    let comment = old
        .lines()
        .find_map(|line| line.strip_prefix("trusted comment: "))
        .unwrap();
    let signature = key
        .sign(with_duplicate.as_bytes(), comment, Path::new(""))
        .unwrap();
    fs::write(finished.path("manifest.json.minisig"), signature).unwrap();
    finished
        .verify()
        .assert_error(1, "this is not a manifest, or it is damaged");
}

#[test]
fn files_added_to_the_output_folder_are_reported() {
    for path in [
        "deletions/note.txt",
        "deletions/under-way-x/deletion-journal.json",
        "deletions/under-way-x/note.txt",
        "deletions/x/deletion-record.json",
        "deletions/.x/deletion-record.json",
        "deletions/.x/note.txt",
        "deletions/.2027.partial-1/deletion-record.json",
        "deletions/.2027.partial-1/note.txt",
        "deletions/2027/deletion-journal.json",
        "deletions/2027/deeper/deletion-record.json",
        "lists/for-review/to-nobody.csv",
        "manifest.json.bak",
        "configuration/schemas/x.json",
    ] {
        let finished = FinishedRound::new();
        let file = finished.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
        let result = finished.verify();
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(result.code, 4, "{path}");
        assert!(result.stdout.contains(name), "{path}: {}", result.stdout);
    }
}

#[test]
fn a_file_of_another_size_is_changed_and_an_unknown_file_is_listed_without_reading_them() {
    let finished = FinishedRound::new();
    // Sparse files, which take no room on the disk. Reading them would take hours.
    let huge = |path: &str| {
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(finished.path(path));
        file.unwrap().set_len(1 << 40).unwrap();
    };
    huge("added.csv");
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 4, "{}", audit.stderr);
    assert!(
        audit
            .stdout
            .contains("added.csv: the manifest does not list this file")
    );
    huge("lists/for-review/to-civil-affairs.csv");
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    assert!(
        verified
            .stdout
            .contains("to-civil-affairs.csv: the file was changed")
    );
    huge("audit.jsonl");
    huge("manifest.json.minisig");
    let verified = finished.verify();
    assert_eq!(verified.code, 4);
    assert!(
        verified
            .stdout
            .contains("audit.jsonl: the file cannot be read: it is larger than 256 MiB"),
        "{}",
        verified.stdout
    );
    huge("manifest.json");
    let verified = finished.verify();
    assert_eq!(verified.code, 1);
    assert!(
        verified
            .stderr
            .contains("manifest.json: the file cannot be read: it is larger than 256 MiB")
    );
}

#[test]
fn a_number_in_a_large_output_is_found_wherever_it_is() {
    let finished = FinishedRound::new();
    // Two windows of the scan meet at one MiB.
    let mut summary = fs::read(finished.path("summary.json")).unwrap();
    summary.resize(3 << 20, b'\n');
    for at in [(1 << 20) - 9, 2 << 20, (3 << 20) - 19] {
        summary[at..at + 18].copy_from_slice(b"449901199001011234");
    }
    fs::write(finished.path("summary.json"), summary).unwrap();
    finished.sign_again(|_| {});
    let audit = finished.audit(&[]);
    let found = audit
        .stdout
        .matches("contains a number with the form of an ID number");
    assert_eq!(found.count(), 3, "{}", audit.stdout);
}

#[test]
fn a_round_id_of_a_foreign_manifest_is_shown_without_its_number() {
    let finished = FinishedRound::new();
    let number = "449901199001011234";
    finished.sign_again(|manifest| manifest["round"] = number.into());
    for more in [&[][..], &["--json"]] {
        let result = finished.audit(more);
        let output = result.stdout + &result.stderr;
        assert!(
            output.contains("***") && !output.contains(number),
            "{output}"
        );
    }
}

#[test]
fn an_output_folder_that_is_a_link_is_refused() {
    let finished = FinishedRound::new();
    let real = finished.round.path("elsewhere");
    fs::rename(finished.path(""), &real).unwrap();
    std::os::unix::fs::symlink(&real, finished.round.path("output")).unwrap();
    finished
        .verify()
        .assert_error(1, "this is not a folder, or it is a link");
}

/// Returns all output of a command for a finished round, as text and as JSON.
fn answers(finished: &FinishedRound, command: &[&str]) -> String {
    let folder = finished.round.path("");
    let form = [&["--lang", "en"][..], &["--json"]];
    let results = form.map(|form| aidlink(&[command, &[folder.to_str().unwrap()], form].concat()));
    results
        .map(|result| result.stdout + &result.stderr)
        .concat()
}

#[test]
fn fields_of_a_foreign_manifest_are_shown_without_numbers_and_keys() {
    let (finished, ..) = round_with_two_signers();
    let (id, phone) = ("449901199001011234", "13800001234");
    let hex = "0123456789abcdef".repeat(4);
    let age = "QPZRY9X8GF2TVDW0S3JN54KHCE".repeat(2);
    finished.sign_again(|manifest| {
        manifest["round"] = id.into();
        manifest["purpose"] = phone.into();
        manifest["operator"] = id.into();
        manifest["exports"][0]["files"][0]["file"] = format!("{id}.csv").into();
        manifest["key"]["file"] = format!("{phone}.key").into();
        let outputs = manifest["outputs"].as_array_mut().unwrap();
        let names = [
            &hex,
            &format!("AGE-SECRET-KEY-1{age}"),
            id,
            &"b/".repeat(1 << 20),
        ];
        for name in names {
            let mut output = outputs[0].clone();
            output["file"] = format!("lists/{name}.csv").into();
            outputs.push(output);
        }
    });
    let long = "b/".repeat(2000);
    let numbers = [id, phone];
    for (command, secrets) in [
        (&["audit"][..], &[id, phone, &hex, &age, &long][..]),
        (&["audit", "verify"], &[id, phone, &hex, &age, &long]),
        (&["purge", "--dry-run"], &numbers),
    ] {
        let answers = answers(&finished, command);
        assert!(answers.contains("lists/***.csv"), "{command:?}");
        for secret in secrets {
            let at = answers.find(secret);
            let before = at.map(|at| answers[..at].lines().next_back());
            assert_eq!(before, None, "{command:?}");
        }
    }
}

#[test]
fn a_signature_file_holds_nothing_but_the_signature() {
    let finished = FinishedRound::new();
    let path = finished.path("manifest.json.minisig");
    let written = fs::read_to_string(&path).unwrap();
    let changes = [
        written.replacen("aidlink", "somebody", 1),
        written.replacen("minisign -V", "449901199001011234", 1),
        written.replace('\n', "\r\n"),
        written.replacen("trusted comment: ", "trusted comment:  ", 2),
        format!("{written}\n"),
        format!("{written}449901199001011234\n"),
        format!("{written}{written}"),
    ];
    for changed in changes {
        assert_ne!(changed, written);
        fs::write(&path, &changed).unwrap();
        let result = finished.verify();
        assert_eq!(result.code, 4, "{changed}");
        let is_reported = result
            .stdout
            .contains("manifest.json.minisig: the text around the signature was changed");
        assert!(is_reported, "{}", result.stdout);
    }
    fs::write(&path, written).unwrap();
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn another_office_of_the_round_cannot_record_a_deletion() {
    let (finished, own, other) = round_with_two_signers();
    let folder = finished.round.path("");
    let key = finished.round.path("veterans.key");
    let purge = [
        "purge",
        folder.to_str().unwrap(),
        "--early",
        "test",
        "--signing-key",
        key.to_str().unwrap(),
        "--other-signer",
        "because 13800001234",
    ];
    assert_eq!(aidlink(&purge).code, 0);
    // The round file names the other office's key.
    let result = verify(&finished, &[]);
    assert_eq!(result.code, 4, "{}", result.stdout);
    for message in [
        "it is signed by another key, whose public key was not named",
        "the file is missing, and no deletion record names it",
    ] {
        assert!(result.stdout.contains(message), "{}", result.stdout);
    }
    // A user who names it accepts the record, and is reminded of it.
    let keys = ["--public-key", &own, "--public-key", &other];
    let result = verify(&finished, &keys);
    assert_eq!(result.code, 4, "{}", result.stdout);
    assert!(
        result
            .stdout
            .contains("is signed by another key (reason: because ***)"),
        "{}",
        result.stdout
    );
    assert!(!result.stdout.contains("the file is missing"));
}

#[test]
fn an_audit_reads_no_output_of_another_size() {
    let finished = FinishedRound::new();
    let changed = [
        (
            "rejects/education.csv",
            [": the file was changed", " cannot be read"],
        ),
        (
            "lists/for-review/to-veterans.csv",
            [": the file was changed", " was changed, or does not have"],
        ),
    ];
    for (path, _) in changed {
        let mut bytes = fs::read(finished.path(path)).unwrap();
        bytes.extend_from_slice("不应读取,1,2,3,4\r\n".as_bytes());
        fs::write(finished.path(path), bytes).unwrap();
    }
    let audit = finished.audit(&[]);
    assert_eq!(audit.code, 4);
    for (path, messages) in changed {
        // A message about a line would show that the file was read.
        let place = format!("{path}:");
        let has_line = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        let is_read = audit.stdout.split(&place).skip(1).any(has_line);
        assert!(!is_read, "{}", audit.stdout);
        for message in messages {
            let message = format!("{path}{message}");
            assert!(audit.stdout.contains(&message), "{}", audit.stdout);
        }
    }
}

/// A reader that replaces bytes which are no text would see no difference.
#[test]
fn a_byte_of_the_log_cannot_be_exchanged_for_one_that_reads_the_same() {
    let round = Round::sample();
    let text = round.read("round.toml");
    let lines = text
        .lines()
        .map(|line| match line.starts_with("operator = ") {
            true => "operator = \"x\u{fffd}y\"",
            false => line,
        });
    let changed: Vec<&str> = lines.collect();
    round.write("round.toml", changed.join("\n") + "\n");
    let finished = FinishedRound::of(round);
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    let path = finished.path("audit.jsonl");
    let log = fs::read(&path).unwrap();
    let sign = "\u{fffd}".as_bytes();
    let at = log.windows(3).position(|bytes| bytes == sign).unwrap();
    for other in [&b"\xff"[..], b"\xc3", b"\xf0\x9f"] {
        let exchanged = [&log[..at], other, &log[at + 3..]].concat();
        fs::write(&path, exchanged).unwrap();
        let result = finished.verify();
        assert_eq!(result.code, 4, "{}{}", result.stdout, result.stderr);
        let said = result.stdout + &result.stderr;
        assert!(said.contains("the log is not UTF-8 text"), "{said}");
    }
}

/// The holder of the signing key hands out a file of his own as the step's.
#[test]
fn a_manifest_that_lists_what_its_step_does_not_write_is_not_accepted() {
    let message = |step: &str| format!("the step `{step}` writes no such file");
    let others = [
        "notes.txt",
        "summary.csv",
        "lists/for-review/to-.csv",
        "lists/for-review/notes.csv",
        "lists/for-review/deep/to-veterans.csv",
        "lists/to-veterans.csv",
        "review/other.xlsx",
        "rejects/customs.csv",
        "to-centre/veterans.persons.tokens.parquet.age",
        "to-procuratorate/leads.json.age",
        "configuration/notes.toml",
        "configuration/schemas/deep/a.json",
        "configuration/reading/of-no-export.toml",
        "minimisation/matrix.csv",
        "other/to-veterans.csv",
    ];
    let finished = FinishedRound::new();
    finished.sign_again(|_| {});
    assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    for other in others {
        let path = finished.path(other);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "a file of the signer's own").unwrap();
        finished.sign_again(|_| {});
        let result = finished.verify();
        assert_eq!(result.code, 4, "{other}: {}", result.stdout);
        let found = result.stdout.matches(&message("run")).count();
        assert_eq!(found, 1, "{other}: {}", result.stdout);
        fs::remove_file(path).unwrap();
    }
    // A list is not to be filled in, and a workbook is.
    for (file, kind) in [
        ("lists/for-review/to-veterans.csv", Some("to_fill_in")),
        ("review/adults.xlsx", None),
    ] {
        finished.sign_again(|manifest| {
            let outputs = manifest["outputs"].as_array_mut().unwrap();
            let output = outputs.iter_mut().find(|output| output["file"] == file);
            let output = output.unwrap().as_object_mut().unwrap();
            match kind {
                Some(kind) => output.insert("kind".to_owned(), kind.into()),
                None => output.remove("kind"),
            };
        });
        let result = finished.verify();
        assert!(result.stdout.contains(&message("run")), "{}", result.stdout);
        let changed = finished.path(file);
        let bytes = fs::read(&changed).unwrap();
        fs::write(&changed, "changed").unwrap();
        assert_eq!(finished.verify().code, 4);
        fs::write(changed, bytes).unwrap();
        finished.sign_again(|manifest| {
            let outputs = manifest["outputs"].as_array_mut().unwrap();
            for output in outputs {
                let is_workbook = output["file"].as_str().unwrap().ends_with(".xlsx");
                let output = output.as_object_mut().unwrap();
                match is_workbook {
                    true => output.insert("kind".to_owned(), "to_fill_in".into()),
                    false => output.remove("kind"),
                };
            }
        });
        assert_eq!(finished.verify().code, 0, "{}", finished.verify().stdout);
    }
    // Lists of an agency, and rejects of a step that reads only what the centre found.
    for (step, listed) in [
        ("tokenise", "to-veterans.csv"),
        ("resolve", "rejects/veterans.csv"),
        ("screen", "summary.json"),
    ] {
        finished.sign_again(|manifest| manifest["step"] = step.into());
        let result = finished.verify();
        assert_eq!(result.code, 4, "{}", result.stdout);
        let faults = result.stdout.lines();
        let is_told = |line: &str| line.contains(listed) && line.contains(&message(step));
        assert!(faults.into_iter().any(is_told), "{step}: {}", result.stdout);
    }
    // The same file twice.
    finished.sign_again(|manifest| {
        let outputs = manifest["outputs"].as_array_mut().unwrap();
        outputs.push(outputs[0].clone());
    });
    assert!(finished.verify().stdout.contains("lists this file twice"));
}
