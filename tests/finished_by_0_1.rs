//! Verifies, audits and purges a round that version 0.1 finished. The archive holds the
//! hand-made round as that version left it, with exports and keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{CommandResult, aidlink, project, set_mode};

struct Finished(tempfile::TempDir);

impl Finished {
    fn unpack() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = fs::File::open(project().join("tests/files/finished-by-0.1.zip")).unwrap();
        let mut archive = zip::ZipArchive::new(archive).unwrap();
        archive.extract(folder.path()).unwrap();
        set_owner_only(folder.path());
        Finished(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, verb: &[&str], more: &[&str]) -> CommandResult {
        let mut arguments = verb.to_vec();
        let folder = self.path("");
        arguments.extend([folder.to_str().unwrap(), "--lang", "en"]);
        arguments.extend(more);
        aidlink(&arguments)
    }

    fn audit(&self, verb: &[&str], more: &[&str]) -> CommandResult {
        let key = self.path("signing.pub");
        let mut arguments = vec!["--public-key", key.to_str().unwrap()];
        arguments.extend(more);
        self.run(verb, &arguments)
    }
}

/// Sets the file modes that version 0.1 left.
fn set_owner_only(folder: &Path) {
    set_mode(folder, 0o700);
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => set_owner_only(&entry.path()),
            false => set_mode(&entry.path(), 0o600),
        }
    }
}

/// Returns the numbers of the checks in a state.
fn in_state(audit: &CommandResult, state: &str) -> BTreeSet<u64> {
    let documents: Value = serde_json::from_str(&audit.stdout).unwrap();
    let checks = documents[0]["checks"].as_array().unwrap();
    let in_state = checks.iter().filter(|check| check["state"] == state);
    in_state
        .map(|check| check["number"].as_u64().unwrap())
        .collect()
}

#[test]
fn it_is_verified_as_before() {
    let finished = Finished::unpack();
    let result = finished.audit(&["audit", "verify"], &[]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    // A change is still detected.
    let list = finished.path("output/lists/for-review/to-veterans.csv");
    let mut bytes = fs::read(&list).unwrap();
    bytes.push(b'\n');
    fs::write(&list, bytes).unwrap();
    assert_eq!(finished.audit(&["audit", "verify"], &[]).code, 4);
}

#[test]
fn only_the_missing_guarantees_fail_its_audit() {
    let finished = Finished::unpack();
    let audit = finished.audit(&["audit"], &["--json"]);
    assert_eq!(
        in_state(&audit, "not_held"),
        BTreeSet::from([15, 16]),
        "{}",
        audit.stdout
    );
    let output = finished.audit(&["audit"], &[]).stdout;
    for kind in ["role", "seal", "death"] {
        let words = format!("declares no guarantee of `{kind}` on procuratorate.case-parties");
        assert!(output.contains(&words), "{output}");
    }
}

/// Each part of the policy that this version no longer reads is reported with what to change.
#[test]
fn its_policy_is_audited_and_refused_for_a_new_round() {
    let finished = Finished::unpack();
    let policy = fs::read_to_string(finished.path("output/configuration/policy.toml")).unwrap();
    let aids = policy.matches("\n[[aid]]\n").count();
    assert!(aids > 10 && !policy.contains("requires ="));
    // The checks that read the policy's rules and aids, and the lists without grades.
    let audit = finished.audit(&["audit"], &["--json"]);
    let held = in_state(&audit, "held");
    for check in [3, 13, 14, 22, 25] {
        assert!(held.contains(&check), "{check}: {}", audit.stdout);
    }

    fs::write(finished.path("old.toml"), policy).unwrap();
    // Its schemas, since columns that its rules read are named otherwise today.
    fs::rename(
        finished.path("output/configuration/schemas"),
        finished.path("old-schemas"),
    )
    .unwrap();
    let text = fs::read_to_string(finished.path("round.toml")).unwrap();
    let text = text
        .replace("../../../policies/shaoguan.toml", "old.toml")
        .replace("../../../schemas", "old-schemas")
        .replace("../../..", project().to_str().unwrap());
    fs::write(finished.path("round.toml"), text).unwrap();
    fs::remove_dir_all(finished.path("output")).unwrap();
    let round = finished.path("round.toml");
    let result = aidlink(&["run", round.to_str().unwrap(), "--lang", "en"]);
    let missing = "`requires` is missing\n  move what the other system's side must give to `requires`, and leave the aid's own evidence in `qualifies`";
    result.assert_error(2, missing);
    let stderr = &result.stderr;
    assert_eq!(stderr.matches(missing).count(), aids, "{stderr}");
    let places = stderr
        .lines()
        .filter(|line| line.contains(missing.lines().next().unwrap()));
    for line in places {
        let (_, place) = line.split_once("old.toml:").unwrap();
        let line: usize = place.split(':').next().unwrap().parse().unwrap();
        let policy = fs::read_to_string(finished.path("old.toml")).unwrap();
        assert_eq!(policy.lines().nth(line - 1), Some("[[aid]]"));
    }
    for kind in ["role", "seal", "death"] {
        let words = format!("declares no guarantee of `{kind}` on procuratorate.case-parties");
        assert!(stderr.contains(&words), "{stderr}");
    }
    assert!(!finished.path("output").exists());
}

#[test]
fn it_is_purged_and_the_deletion_is_verified() {
    let finished = Finished::unpack();
    let result = finished.run(&["purge"], &["--early", "the test is over"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for gone in [
        "round.key",
        "education.students.csv",
        "output/lists/for-review/to-veterans.csv",
    ] {
        assert!(!finished.path(gone).exists(), "{gone}");
    }
    for kept in [
        "signing.key",
        "round.toml",
        "output/manifest.json",
        "output/audit.jsonl",
    ] {
        assert!(finished.path(kept).exists(), "{kept}");
    }
    assert_eq!(finished.audit(&["audit", "verify"], &[]).code, 0);
    assert_eq!(finished.audit(&["audit"], &[]).code, 4);
}

#[test]
fn its_key_no_longer_makes_tokens() {
    let finished = Finished::unpack();
    fs::remove_dir_all(finished.path("output")).unwrap();
    let text = fs::read_to_string(finished.path("round.toml")).unwrap();
    let project = project();
    let text = text.replace("../../..", project.to_str().unwrap());
    fs::write(finished.path("round.toml"), text).unwrap();
    let round = finished.path("round.toml");
    let result = aidlink(&["run", round.to_str().unwrap(), "--lang", "en"]);
    assert_ne!(result.code, 0);
    assert!(
        result.stderr.contains("the key has the old version 1"),
        "{}",
        result.stderr
    );
    assert!(!finished.path("output").exists());
}
