//! What is found of a round's data, and what keeps a file from being deleted.

use std::fs;
use std::path::PathBuf;

use aidlink_files::document::Document as _;
use aidlink_files::folder::Folder;

use super::{Doubt, Remains, is_record, remains};
use crate::deletion_record::{FilePart, Journal, SignedBy, read_deletions};
use crate::manifest::Manifest;
use crate::signing::SigningKey;

const LIST: &str = "lists/for-review/to-education.csv";
const KEY: &str = "the round's key";

/// A round's folder with an export, a key and an output folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place {
            folder: tempfile::tempdir().expect("a folder for the test"),
        };
        for (path, content) in [
            ("exports/students.csv", "rows"),
            ("round.key", KEY),
            ("output/lists/for-review/to-education.csv", "leads"),
            ("output/rejects/students.csv", "rejects"),
            ("output/summary.json", "{}"),
        ] {
            place.write(path, content);
        }
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, content).expect("the file is written");
    }

    /// The manifest of what [`Place::new`] has written.
    fn manifest(&self) -> Manifest {
        let digest = |content: &str| blake3::hash(content.as_bytes()).to_hex().to_string();
        let text = format!(
            r#"{{
  "format": "aidlink manifest", "version": 3,
  "software": {{"name": "aidlink", "version": "0", "build": {{"executable_blake3": "0", "system": "test"}}}},
  "mode": "pooled", "step": "run", "round": "R", "round_file_blake3": "0",
  "as_of": "2026-09-30", "issued_on": "2026-09-30", "purpose": "p",
  "impact_assessment": {{"id": "PIA", "valid_until": "2027-06-30"}},
  "operator": "o", "retention_until": "2026-12-31",
  "thresholds": {{"snapshot_age_days": 92, "reject_rate": 0.05, "rare_pattern": 5}},
  "policy": {{"id": "p", "version": "1", "blake3": "0"}}, "calendar": {{"blake3": "0"}},
  "key": {{"id": "{KEY}", "algorithm": "hmac-sha256", "known_answer_test": "passed", "file": "round.key"}},
  "exports": [{export}],
  "signing": null, "confinement": null,
  "outputs": [
    {{"file": "{LIST}", "blake3": "{leads}", "bytes": 5}},
    {{"file": "rejects/students.csv", "blake3": "{rejects}", "bytes": 7}},
    {{"file": "../outside.csv", "blake3": "{leads}", "bytes": 5}},
    {{"file": "summary.json", "blake3": "{summary}", "bytes": 2}}
  ]
}}"#,
            export = self.export(&digest("rows")),
            leads = digest("leads"),
            rejects = digest("rejects"),
            summary = digest("{}"),
        );
        Manifest::parse(text.as_bytes()).expect("the manifest is whole")
    }

    fn export(&self, digest: &str) -> String {
        format!(
            r#"{{"export": "education.students", "agency": "education", "snapshot": "2026-09-28",
      "legal_basis": "b", "schema_blake3": "0", "fields_read": [],
      "account": {{"rows": 1, "rejected": 0, "withheld": 0, "not_rows": {{"title_lines": 0, "blank_lines": 0, "total_lines": 0}}, "rejected_by_reason": {{}}, "withheld_by_rule": {{}}, "id_warnings": {{}}, "unreadable_values": {{}}}},
      "files": [{{"file": "exports/students.csv", "blake3": "{digest}", "bytes": 4,
        "format": "csv", "encoding": "utf-8", "date_epoch": 1900, "columns": [],
        "columns_present_and_not_read": [], "fields_absent": []}}]}}"#
        )
    }

    /// What is left; a key's id is its content.
    fn look(&self) -> Remains {
        let key_id = |content: &[u8], _: &Manifest| String::from_utf8(content.to_vec()).ok();
        remains(
            &self.manifest(),
            &self.path("output"),
            self.folder.path(),
            &key_id,
        )
    }
}

fn paths(files: &[super::RoundFile]) -> Vec<(FilePart, &str)> {
    files
        .iter()
        .map(|file| (file.part, file.path.as_str()))
        .collect()
}

fn doubts(remains: &Remains) -> Vec<(&str, Doubt)> {
    let doubtful = remains.doubtful.iter();
    doubtful
        .map(|(file, doubt)| (file.path.as_str(), *doubt))
        .collect()
}

#[test]
fn exports_key_and_outputs_must_go_and_records_stay() {
    let remains = Place::new().look();
    let mut there = paths(&remains.there);
    there.sort_unstable();
    assert_eq!(
        there,
        [
            (FilePart::Export, "exports/students.csv"),
            (FilePart::Key, "round.key"),
            (FilePart::Output, LIST),
            (FilePart::Output, "rejects/students.csv"),
        ]
    );
    assert_eq!(doubts(&remains), []);
    assert_eq!(paths(&remains.gone), []);
}

#[test]
fn a_file_of_other_bytes_and_the_key_of_another_round_are_not_the_rounds() {
    let place = Place::new();
    place.write("exports/students.csv", "rows of the next quarter");
    place.write("round.key", "the next round's key");
    let remains = place.look();
    assert_eq!(
        doubts(&remains),
        [
            ("exports/students.csv", Doubt::Changed),
            ("round.key", Doubt::OtherKey),
        ]
    );
    assert_eq!(remains.there.len(), 2);
}

#[test]
fn nothing_is_found_through_a_link_neither_of_a_file_nor_of_a_folder_above() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    for (path, moved_to) in [("output/lists", "lists"), ("round.key", "key-elsewhere")] {
        fs::rename(place.path(path), place.path(moved_to)).expect("it is moved");
        symlink(place.path(moved_to), place.path(path)).expect("a link is made");
    }
    let remains = place.look();
    assert_eq!(
        doubts(&remains),
        [(LIST, Doubt::NotReal), ("round.key", Doubt::NotReal)]
    );
}

#[test]
fn what_is_not_there_is_gone_and_a_folder_of_the_name_is_in_doubt() {
    let place = Place::new();
    fs::remove_file(place.path("exports/students.csv")).expect("it is removed");
    fs::remove_file(place.path("round.key")).expect("it is removed");
    fs::create_dir(place.path("round.key")).expect("a folder is made");
    let remains = place.look();
    assert_eq!(
        paths(&remains.gone),
        [(FilePart::Export, "exports/students.csv")]
    );
    assert_eq!(doubts(&remains), [("round.key", Doubt::NotReal)]);
}

#[test]
fn what_a_killed_run_left_beside_the_output_folder_must_go_too() {
    let place = Place::new();
    let of_output = aidlink_files::partial::prefix_of(&place.path("output"));
    place.write(&format!("{of_output}abc/lists/a.csv"), "leads");
    place.write("somebody-elses/lists/a.csv", "leads");
    let remains = place.look();
    let cut_off: Vec<(FilePart, &str)> = paths(&remains.there)
        .into_iter()
        .filter(|(part, _)| *part == FilePart::CutOff)
        .collect();
    let expected = format!("{of_output}abc/lists/a.csv");
    assert_eq!(cut_off, [(FilePart::CutOff, expected.as_str())]);
}

#[test]
fn records_stay_and_data_goes() {
    for kept in [
        "manifest.json",
        "manifest.json.minisig",
        "audit.jsonl",
        "summary.json",
        "configuration/round.toml",
        "minimisation/matrix.json",
        "deletions/x/deletion-record.json",
    ] {
        assert!(is_record(kept), "{kept}");
    }
    for data in [
        "lists/for-review/to-education.csv",
        "rejects/education.csv",
        "to-centre/veterans.persons.tokens.parquet.age",
        "configurations/x",
        "lists/manifest.json",
        "lists/summary.json",
    ] {
        assert!(!is_record(data), "{data}");
    }
}

#[test]
fn what_a_killed_call_left_of_a_document_counts_for_nothing_and_goes_with_the_next() {
    let place = Place::new();
    let key = SigningKey::make(&place.path("signing.key")).expect("a fresh folder");
    let manifest = place.manifest();
    let signed_by = SignedBy {
        manifest: &manifest,
        manifest_digest: "0",
        signer: key.public(),
    };
    let output = Folder::open(&place.path("output")).expect("it is there");
    let left = [
        "output/deletions/.under-way-2027.partial-a/deletion-journal.json",
        "output/deletions/.2027.partial-b/deletion-record.json",
    ];
    for file in left {
        place.write(file, "{}");
    }
    let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
    assert!(found.faults.is_empty());
    assert!(found.records.is_empty());
    assert!(Journal::read_all(&output, &signed_by).is_empty());
    // What no program of ours writes is reported, there too.
    place.write("output/deletions/.2027.partial-b/notes.txt", "x");
    let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
    let faults: Vec<&str> = found.faults.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(faults, ["deletions/.2027.partial-b/notes.txt"]);

    Journal::remove_all(&output);
    for file in left {
        let folder = place.path(file);
        assert!(!folder.parent().expect("a folder").exists(), "{file}");
    }
}
