//! What is found of a round's data, and what keeps a file from being deleted.

use std::fs;

use aidlink_files::folder::Folder;

use super::{Doubt, Remains, is_record, remains};
use crate::deletion_record::{FilePart, Journal, SignedBy, read_deletions};
use crate::finished_round::{FinishedRound, LIST};
use crate::manifest::Manifest;
use crate::signing::SigningKey;

/// What is left; a key's id is its content.
fn look(round: &FinishedRound) -> Remains {
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
fn exports_key_and_outputs_must_go_and_records_stay() {
    let remains = look(&FinishedRound::new());
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
    let place = FinishedRound::new();
    place.write("exports/students.csv", "rows of the next quarter");
    place.write("round.key", "the next round's key");
    let remains = look(&place);
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
    let place = FinishedRound::new();
    for (path, moved_to) in [("output/lists", "lists"), ("round.key", "key-elsewhere")] {
        fs::rename(place.path(path), place.path(moved_to)).expect("it is moved");
        symlink(place.path(moved_to), place.path(path)).expect("a link is made");
    }
    let remains = look(&place);
    assert_eq!(
        doubts(&remains),
        [(LIST, Doubt::NotReal), ("round.key", Doubt::NotReal)]
    );
}

#[test]
fn what_is_not_there_is_gone_and_a_folder_of_the_name_is_in_doubt() {
    let place = FinishedRound::new();
    fs::remove_file(place.path("exports/students.csv")).expect("it is removed");
    fs::remove_file(place.path("round.key")).expect("it is removed");
    fs::create_dir(place.path("round.key")).expect("a folder is made");
    let remains = look(&place);
    assert_eq!(
        paths(&remains.gone),
        [(FilePart::Export, "exports/students.csv")]
    );
    assert_eq!(doubts(&remains), [("round.key", Doubt::NotReal)]);
}

#[test]
fn what_a_killed_run_left_beside_the_output_folder_must_go_too() {
    let place = FinishedRound::new();
    let of_output = aidlink_files::partial::prefix_of(&place.path("output"));
    place.write(&format!("{of_output}abc/lists/a.csv"), "leads");
    place.write("somebody-elses/lists/a.csv", "leads");
    let remains = look(&place);
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
    let place = FinishedRound::new();
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

#[test]
fn a_path_that_leads_out_of_its_folder_is_never_looked_at() {
    let place = FinishedRound::new();
    place.write("outside.csv", "leads");
    let mut manifest = place.manifest();
    let list = manifest.outputs[0].clone();
    let outside = place.path("outside.csv").display().to_string();
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
        let found = remains(&manifest, &place.path("output"), place.folder(), &|_, _| {
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
