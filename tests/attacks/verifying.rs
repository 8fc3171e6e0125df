//! Attempts to change a finished folder so that verification finds nothing.

use std::fs;
use std::path::Path;

use aidlink_office::signing::SigningKey;

use crate::audit::Written;
use crate::support::{Ended, Round, aidlink};

fn verify(written: &Written, more: &[&str]) -> Ended {
    let folder = written.path("");
    let mut arguments = vec!["audit", "verify", folder.to_str().unwrap(), "--lang", "en"];
    arguments.extend(more);
    aidlink(&arguments)
}

/// A finished round whose round file names the keys of the procuratorate and of
/// veterans affairs, and the public keys of both.
fn round_of_two_signers() -> (Written, String, String) {
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
    (Written::of(round), own, other)
}

#[test]
fn a_folder_rewritten_and_signed_by_another_office_of_the_round_is_not_taken_for_the_procuratorates()
 {
    let (written, own, _) = round_of_two_signers();
    assert_eq!(verify(&written, &[]).code, 0);
    let other = SigningKey::read(&written.round.path("veterans.key")).unwrap();
    written.sign_again_with(&other, |manifest| {
        manifest["signing"]["key_id"] = other.public().id().into();
        manifest["signing"]["public_key"] = other.public().to_base64().into();
    });
    for more in [&[][..], &["--public-key", &own]] {
        let ended = verify(&written, more);
        assert_eq!(ended.code, 4, "{more:?}: {}", ended.stdout);
    }
}

#[test]
fn a_signature_by_another_key_than_the_manifest_names_does_not_count() {
    let (written, own, other) = round_of_two_signers();
    let key = SigningKey::read(&written.round.path("veterans.key")).unwrap();
    written.sign_again_with(&key, |_| {});
    for more in [&[][..], &["--public-key", &own], &["--public-key", &other]] {
        let ended = verify(&written, more);
        assert_eq!(ended.code, 4, "{more:?}: {}", ended.stdout);
    }
}

#[test]
fn a_key_on_the_command_line_excludes_those_of_the_round_file() {
    let (written, _, other) = round_of_two_signers();
    let ended = verify(&written, &["--public-key", &other]);
    assert_eq!(ended.code, 4, "{}", ended.stdout);
}

#[test]
fn a_key_that_an_attacker_writes_into_the_round_file_does_not_make_his_folder_the_rounds() {
    let written = Written::new();
    let key = SigningKey::make(&written.round.path("attacker.key")).unwrap();
    let own = fs::read_to_string(written.round.path("signing.pub")).unwrap();
    let own = own.lines().nth(1).unwrap();
    written.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        &format!(
            "key = \"signing.key\"\nsigners = {{ procuratorate = \"{}\" }}",
            key.public().to_base64()
        ),
    );
    written.sign_again_with(&key, |manifest| {
        manifest["signing"]["key_id"] = key.public().id().into();
        manifest["signing"]["public_key"] = key.public().to_base64().into();
    });
    // The round file is not the one that was run, and a named key excludes it.
    assert_eq!(verify(&written, &[]).code, 4);
    assert_eq!(verify(&written, &["--public-key", own]).code, 4);
}

#[test]
fn a_log_that_says_the_same_in_other_bytes_is_changed() {
    let written = Written::new();
    let log = fs::read_to_string(written.path("audit.jsonl")).unwrap();
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 6] = [
        ("a blank", |log| log.replacen(":", ": ", 1)),
        ("an escape", |log| {
            log.replacen("test", "t\\u0065st", 1)
                .replacen("run", "r\\u0075n", 1)
        }),
        ("a key twice", |log| {
            log.replacen('{', "{\"operator\":\"somebody else\",", 1)
        }),
        ("an empty line", |log| log.replacen('\n', "\n\n", 1)),
        ("a carriage return", |log| log.replacen('\n', "\r\n", 1)),
        ("no line feed at the end", |log| log.trim_end().to_owned()),
    ];
    for (what, change) in changes {
        let changed = change(&log);
        assert_ne!(changed, log, "{what}");
        fs::write(written.path("audit.jsonl"), changed).unwrap();
        assert_eq!(written.verify().code, 4, "{what}");
    }
    fs::write(written.path("audit.jsonl"), log).unwrap();
    assert_eq!(written.verify().code, 0);
}

#[test]
fn a_manifest_with_a_key_twice_is_refused() {
    let written = Written::new();
    let key = SigningKey::read(&written.round.path("signing.key")).unwrap();
    let manifest = fs::read_to_string(written.path("manifest.json")).unwrap();
    let twice = manifest.replacen('{', "{\n  \"operator\": \"somebody else\",", 1);
    fs::write(written.path("manifest.json"), &twice).unwrap();
    let old = fs::read_to_string(written.path("manifest.json.minisig")).unwrap();
    let comment = old
        .lines()
        .find_map(|line| line.strip_prefix("trusted comment: "))
        .unwrap();
    let signature = key.sign(twice.as_bytes(), comment, Path::new("")).unwrap();
    fs::write(written.path("manifest.json.minisig"), signature).unwrap();
    assert_ne!(written.verify().code, 0);
}

#[test]
fn files_put_beside_the_results_are_reported() {
    for path in [
        "deletions/note.txt",
        "lists/for-review/to-nobody.csv",
        "manifest.json.bak",
        "configuration/schemas/x.json",
    ] {
        let written = Written::new();
        let file = written.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
        let ended = written.verify();
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(ended.code, 4, "{path}");
        assert!(ended.stdout.contains(name), "{path}: {}", ended.stdout);
    }
}

#[test]
fn a_folder_reached_through_a_link_is_not_taken_for_the_rounds() {
    let written = Written::new();
    let real = written.round.path("elsewhere");
    fs::rename(written.path(""), &real).unwrap();
    std::os::unix::fs::symlink(&real, written.round.path("output")).unwrap();
    assert_ne!(written.verify().code, 0);
}
