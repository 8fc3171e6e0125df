//! Tests of which files of a round are found and which of them may be deleted.

use std::fs;

use aidlink_files::folder::Folder;

use super::{Doubt, Remains, is_record, remains};
use crate::deletion_record::{FilePart, Journal, SignedBy, read_deletions};
use crate::finished_round::{FinishedRound, LIST};
use crate::manifest::Manifest;
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
fn exports_key_and_outputs_are_deleted_and_records_are_kept() {
    let remains = find_remains(&FinishedRound::new());
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
    use std::os::unix::fs::symlink;
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
    round.write(&format!("{prefix}abc/lists/a.csv"), "leads");
    round.write("somebody-elses/lists/a.csv", "leads");
    let remains = find_remains(&round);
    let cut_off: Vec<(FilePart, &str)> = paths(&remains.there)
        .into_iter()
        .filter(|(part, _)| *part == FilePart::CutOff)
        .collect();
    let expected = format!("{prefix}abc/lists/a.csv");
    assert_eq!(cut_off, [(FilePart::CutOff, expected.as_str())]);
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
fn partial_documents_of_a_killed_purge_are_ignored_and_removed_by_the_next() {
    let round = FinishedRound::new();
    let key = SigningKey::make(&round.path("signing.key")).expect("a fresh folder");
    let manifest = round.manifest();
    let signed_by = SignedBy {
        manifest: &manifest,
        manifest_digest: "0",
        signer: key.public(),
    };
    let output = Folder::open(&round.path("output")).expect("an output folder");
    let left = [
        "output/deletions/.under-way-2027.partial-a/deletion-journal.json",
        "output/deletions/.2027.partial-b/deletion-record.json",
    ];
    for file in left {
        round.write(file, "{}");
    }
    let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
    assert!(found.faults.is_empty());
    assert!(found.records.is_empty());
    assert!(Journal::read_all(&output, &signed_by).is_empty());
    // Other files in a partial folder are reported.
    round.write("output/deletions/.2027.partial-b/notes.txt", "x");
    let found = read_deletions(&output, &signed_by, &[]).expect("a folder");
    let faults: Vec<&str> = found.faults.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(faults, ["deletions/.2027.partial-b/notes.txt"]);

    Journal::remove_all(&output);
    for file in left {
        let folder = round.path(file);
        assert!(!folder.parent().expect("a folder").exists(), "{file}");
    }
}

#[test]
fn a_path_that_leaves_its_folder_is_ignored() {
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
        let named = found.there.iter().chain(&found.gone);
        let named = named.chain(found.doubtful.iter().map(|(file, _)| file));
        for file in named {
            assert!(!file.path.contains("outside"), "{}", file.path);
            assert!(!file.path.is_empty() && file.path != ".");
        }
    }
}
