//! Tests of which files of a round are found and which of them may be deleted.

use std::fs;
use std::os::unix::fs::symlink;

use aidlink_files::folder::Folder;

use super::{Doubt, Remains, RoundFile, is_record, remains};
use crate::deletion_record::{
    DeletionFault, FilePart, Journals, SignedBy, lock_for_purge, read_deletions,
};
use crate::finished_round::{FinishedRound, KEY, LIST};
use crate::manifest::Manifest;
use crate::places::Places;
use crate::signing::SigningKey;

/// Finds what is left; the id of a key is the content of its file.
fn find_remains(round: &FinishedRound) -> Remains {
    let key_id = |content: &[u8], _: &Manifest| String::from_utf8(content.to_vec()).ok();
    remains(
        &round.manifest(),
        &round.path("output"),
        round.folder(),
        &key_id,
    )
}

fn paths(files: &[RoundFile]) -> Vec<(FilePart, &str)> {
    files
        .iter()
        .map(|file| (file.part, file.path.as_str()))
        .collect()
}

fn there(remains: &Remains) -> Vec<(FilePart, &str)> {
    let there = remains.there.iter().map(|found| &found.file);
    there.map(|file| (file.part, file.path.as_str())).collect()
}

fn doubts(remains: &Remains) -> Vec<(&str, Doubt)> {
    let doubtful = remains.doubtful.iter();
    doubtful
        .map(|(file, doubt)| (file.path.as_str(), *doubt))
        .collect()
}

#[test]
fn exports_key_and_outputs_are_deleted_and_records_are_kept() {
    let remains = find_remains(&FinishedRound::new());
    assert_eq!(
        there(&remains),
        [
            (FilePart::Export, "exports/students.csv"),
            (FilePart::Key, "round.key"),
            (FilePart::Output, LIST),
            (FilePart::Output, "rejects/education.csv"),
        ]
    );
    assert_eq!(doubts(&remains), []);
    assert_eq!(paths(&remains.gone), []);
}

#[test]
fn a_changed_file_and_the_key_of_another_round_are_not_deleted() {
    let round = FinishedRound::new();
    round.write("exports/students.csv", "rows of the next quarter");
    round.write("round.key", "the next round's key");
    let remains = find_remains(&round);
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
fn a_linked_file_and_a_file_below_a_linked_folder_are_not_deleted() {
    let round = FinishedRound::new();
    for (path, moved_to) in [("output/lists", "lists"), ("round.key", "key-elsewhere")] {
        fs::rename(round.path(path), round.path(moved_to)).expect("a move");
        symlink(round.path(moved_to), round.path(path)).expect("a link");
    }
    let remains = find_remains(&round);
    assert_eq!(
        doubts(&remains),
        [(LIST, Doubt::NotReal), ("round.key", Doubt::NotReal)]
    );
}

#[test]
fn a_missing_file_is_gone_and_a_folder_in_its_place_is_not_deleted() {
    let round = FinishedRound::new();
    fs::remove_file(round.path("exports/students.csv")).expect("a file");
    fs::remove_file(round.path("round.key")).expect("a file");
    fs::create_dir(round.path("round.key")).expect("a fresh folder");
    let remains = find_remains(&round);
    assert_eq!(
        paths(&remains.gone),
        [(FilePart::Export, "exports/students.csv")]
    );
    assert_eq!(doubts(&remains), [("round.key", Doubt::NotReal)]);
}

#[test]
fn what_an_interrupted_run_left_beside_the_output_folder_is_deleted() {
    let round = FinishedRound::new();
    let prefix = aidlink_files::partial::prefix_of(&round.path("output"));
    let prefix = prefix.to_str().expect("text");
    round.write(&format!("{prefix}abc/lists/a.csv"), "leads");
    round.mark_partial(&format!("{prefix}abc"));
    round.write("somebody-elses/lists/a.csv", "leads");
    let remains = find_remains(&round);
    let cut_off: Vec<(FilePart, &str)> = there(&remains)
        .into_iter()
        .filter(|(part, _)| *part == FilePart::CutOff)
        .collect();
    let expected = format!("{prefix}abc/lists/a.csv");
    assert_eq!(cut_off, [(FilePart::CutOff, expected.as_str())]);
}

#[test]
fn a_folder_without_the_mark_of_a_run_was_not_left_by_one() {
    let round = FinishedRound::new();
    let prefix = aidlink_files::partial::prefix_of(&round.path("output"));
    let prefix = prefix.to_str().expect("text");
    round.write(&format!("{prefix}abc/manifest.json"), "{}");
    round.write(&format!("{prefix}abc/lists/a.csv"), "leads");
    let remains = find_remains(&round);
    assert!(
        there(&remains)
            .iter()
            .all(|(part, _)| *part != FilePart::CutOff)
    );
    assert_eq!(doubts(&remains), []);
}

#[test]
fn links_in_a_leftover_are_not_deleted() {
    let round = FinishedRound::new();
    round.write(".output.partial-1bc/a.csv", "leads");
    round.mark_partial(".output.partial-1bc");
    let link = round.path(".output.partial-1bc/link");
    symlink(round.path("exports"), link).expect("a fresh name");
    let remains = find_remains(&round);
    assert_eq!(
        doubts(&remains),
        [(".output.partial-1bc/link", Doubt::NotReal)]
    );
    assert!(there(&remains).contains(&(FilePart::CutOff, ".output.partial-1bc/a.csv")));
}

#[test]
fn inputs_from_outside_the_rounds_folder_are_reported() {
    let round = FinishedRound::new();
    let mut manifest = round.manifest();
    // As a step records a file that a link led to.
    manifest.received.push(crate::manifest::Received {
        file: Some("veterans.tokens.parquet.age".to_owned()),
        path: None,
        blake3: Some("0".repeat(64)),
        plain_blake3: "0".repeat(64),
        plain_bytes: 1,
        ..crate::manifest::Received::default()
    });
    if let Some(key) = &mut manifest.key {
        key.file = None;
    }
    let found = remains(&manifest, &round.path("output"), round.folder(), &|_, _| {
        None
    });
    assert_eq!(
        doubts(&found),
        [
            ("veterans.tokens.parquet.age", Doubt::Outside),
            (KEY, Doubt::Outside)
        ]
    );
    assert_eq!(found.outside().count(), 2);
    assert!(
        found
            .to_delete()
            .all(|file| file.part != FilePart::Received)
    );
}

#[test]
fn records_are_distinguished_from_data() {
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
fn partial_documents_of_a_killed_purge_are_reported_and_removed_by_the_next() {
    let round = FinishedRound::new();
    let key = SigningKey::make(&round.path("signing.key")).expect("a fresh folder");
    let manifest = round.manifest();
    let signed_by = SignedBy {
        manifest: &manifest,
        manifest_digest: "0",
        signer: key.public(),
        folder: None,
    };
    let output = Folder::open(&round.path("output")).expect("an output folder");
    let left = [
        "output/deletions/.under-way-2027.partial-1/deletion-journal.json",
        "output/deletions/.2027.partial-2/deletion-record.json",
    ];
    for file in left {
        round.write(file, "{}");
    }
    let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
    let unfinished = [left[1], left[0]].map(|file| {
        let path = file.trim_start_matches("output/").to_owned();
        (path, DeletionFault::Unfinished)
    });
    assert_eq!(found.faults, unfinished);
    assert!(found.records.is_empty());
    let journals = || {
        let journals = Journals::read(&output, &signed_by, key.public(), &[], |_| true);
        journals.expect("few files")
    };
    assert!(journals().counted.is_empty());
    // Other files in a partial folder are reported too, and a folder that is in use.
    round.write("output/deletions/.2027.partial-2/notes.txt", "x");
    let faults = || {
        let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
        let faults = found.faults.into_iter();
        let other = faults.filter(|(_, fault)| *fault != DeletionFault::Unfinished);
        other.collect::<Vec<_>>()
    };
    let unknown = (
        "deletions/.2027.partial-2/notes.txt".to_owned(),
        DeletionFault::UnknownFile,
    );
    assert_eq!(faults(), std::slice::from_ref(&unknown));
    assert!(lock_for_purge(&output).is_ok());
    let lock = aidlink_files::partial::lock(&round.path("output/deletions/.2027.partial-2"));
    let locked = (
        "deletions/.2027.partial-2".to_owned(),
        DeletionFault::Locked,
    );
    assert_eq!(faults(), [locked, unknown]);
    assert!(lock_for_purge(&output).is_err());
    drop(lock);

    journals().remove(&output, &signed_by, jiff::Timestamp::now());
    for file in left {
        assert!(!round.path(file).exists(), "{file}");
    }
    assert!(
        !round
            .path("output/deletions/.under-way-2027.partial-1")
            .exists()
    );
    // What no purge wrote is not its to delete.
    assert_eq!(
        round.read("output/deletions/.2027.partial-2/notes.txt"),
        "x"
    );
}

/// What is beside a folder that took the output's path is not this round's.
#[test]
fn leftovers_are_not_looked_for_beside_another_folder() {
    let round = FinishedRound::new();
    round.write("foreign/.output.partial-abc/list.csv", "precious");
    round.mark_partial("foreign/.output.partial-abc");
    fs::create_dir(round.path("foreign/output")).expect("a free name");
    let output = round.path("output");
    let opened = Folder::open(&output).expect("an output folder");
    fs::rename(&output, round.path("away")).expect("writable");
    symlink(round.path("foreign/output"), &output).expect("a free name");
    let places = Places::open(opened, &output, round.folder());
    assert!(places.is_err());
}

#[test]
fn what_is_at_a_path_that_leaves_its_folder_is_left() {
    let round = FinishedRound::new();
    round.write("outside.csv", "leads");
    let mut manifest = round.manifest();
    let list = manifest.outputs[0].clone();
    let outside = round.path("outside.csv").display().to_string();
    for path in [
        "../outside.csv",
        "lists/../../outside.csv",
        &outside,
        "",
        ".",
    ] {
        manifest.outputs.push(crate::manifest::OutputFile {
            kind: None,
            file: path.to_owned(),
            ..list.clone()
        });
        manifest.exports[0].files[0].file = path.to_owned();
        if let Some(key) = &mut manifest.key {
            key.file = Some(path.to_owned());
        }
        let found = remains(&manifest, &round.path("output"), round.folder(), &|_, _| {
            None
        });
        let there = found.there.iter().map(|found| &found.file);
        let named = there.chain(&found.gone);
        for file in named {
            assert!(!file.path.contains("outside"), "{}", file.path);
            assert!(!file.path.is_empty() && file.path != ".");
        }
        // Nobody is left in the dark about it.
        for part in [FilePart::Output, FilePart::Export, FilePart::Key] {
            let mut left = found.outside();
            let is_left = left.any(|file| file.part == part && file.path == path);
            assert!(is_left, "{part:?} {path}");
        }
    }
}
