//! Tests the person pages, what reviewers see of a person, and the page of an audit: what is
//! on them, for whom, and that they are files without anything from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::audit::FinishedRound;
use crate::cells::id;
use crate::grades::{ROLE_ALONE, round_of};
use crate::support::{Round, aidlink, csv_records};

const ADULTS: &str = "review/persons.html";
const MINORS: &str = "review/persons.minors.html";

/// Returns the pages of a file, one for each person.
fn pages(round: &Round, path: &str) -> Vec<String> {
    let file = String::from_utf8(round.output("output")[path].clone()).unwrap();
    let pages = file.split("<section class=\"person\">").skip(1);
    pages.map(str::to_owned).collect()
}

/// Returns the numbers of the leads on the lists of adults, or of minors, by person.
fn leads_by_person(round: &Round, minors: bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, bytes) in round.match_lists("output") {
        if path.ends_with(".minors.csv") != minors {
            continue;
        }
        for record in csv_records(&bytes) {
            let lead = &record["线索编号"];
            let person = lead[..9].to_owned();
            found.entry(person).or_default().insert(lead.clone());
        }
    }
    found
}

/// What would fetch something from elsewhere, or run.
const FOREIGN: [&str; 8] = [
    "<script", "<img", "<link", "<iframe", "href=", "src=", "url(", "http",
];

#[test]
fn every_person_with_leads_has_one_page_with_all_of_them() {
    let round = Round::sample();
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    for (path, minors) in [(ADULTS, false), (MINORS, true)] {
        let expected = leads_by_person(&round, minors);
        let pages = pages(&round, path);
        assert_eq!(pages.len(), expected.len(), "{path}");
        let told = format!("{path}（{}人）", pages.len());
        let told_en = format!("{path} ({} persons)", pages.len());
        let stdout = &result.stdout;
        assert!(
            stdout.contains(&told) || stdout.contains(&told_en),
            "{stdout}"
        );
        let mut seen = BTreeSet::new();
        for page in &pages {
            let of_page = |person: &&String| page.contains(&format!("人员编号 {person}"));
            let persons: Vec<&String> = expected.keys().filter(of_page).collect();
            let [person] = persons[..] else {
                panic!("{persons:?} on a page");
            };
            assert!(seen.insert(person.clone()), "{person} twice");
            for (other, leads) in &expected {
                for lead in leads {
                    // A lead of the same case may be named as such.
                    let is_there = page.contains(&format!(">{lead}<"));
                    assert_eq!(is_there, other == person, "{lead} on the page of {person}");
                }
            }
            assert!(page.contains("保密：仅供核查"), "{person}");
            for words in ["本人意愿", "走访记录", "性别", "年龄", "诉讼地位", "□ 确认"]
            {
                assert!(page.contains(words), "{words} for {person}");
            }
            assert_eq!(page.contains("监护人同意"), minors, "{person}");
        }
    }
}

#[test]
fn a_page_says_which_register_shows_what_and_when() {
    let cases = format!("{ROLE_ALONE}\n{},2026-1,某甲,被害人,否\n", id(1));
    let round = round_of(&cases, &format!("{},dibao,active\n", id(1)));
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let [page] = &pages(&round, ADULTS)[..] else {
        panic!("one person");
    };
    // The row of the register, with the day of its snapshot.
    let evidence = page.split("<h2>1. Evidence</h2>").nth(1).expect("evidence");
    let (evidence, aids) = evidence.split_once("<h2>").unwrap();
    assert!(evidence.contains(", 2026-"), "{evidence}");
    // Each lead names it by its number.
    assert!(aids.contains("rests on evidence 1"), "{aids}");
    assert!(page.contains("<th>To find out</th>"), "{page}");
}

#[test]
fn pages_are_single_files_without_anything_from_elsewhere() {
    let finished = FinishedRound::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let report = elsewhere.path().join("report.html");
    let result = finished.audit(&["--report", report.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    let report = fs::read_to_string(report).unwrap();
    let files = finished.round.output("output");
    let pages = files.iter().filter(|(path, _)| path.ends_with(".html"));
    let pages = pages.map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes)));
    let mut count = 0;
    for (path, page) in pages.chain([("the report", report.as_str().into())]) {
        count += 1;
        assert!(page.starts_with("<!DOCTYPE html>"), "{path}");
        for foreign in FOREIGN {
            assert!(!page.contains(foreign), "{foreign} in {path}");
        }
    }
    assert_eq!(count, 5);
}

#[test]
fn what_reviewers_see_is_on_no_csv_list() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    for (path, bytes) in round.lists("output") {
        let text = String::from_utf8(bytes).unwrap();
        for title in ["性别", "人员情况", "诉讼地位"] {
            let header = text.lines().next().unwrap();
            assert!(!header.contains(title), "{title} in {path}");
        }
    }
    let matrix = round.read("output/minimisation/matrix.json");
    let matrix: serde_json::Value = serde_json::from_str(&matrix).unwrap();
    let columns = matrix["exports"][0]["columns"].as_array().unwrap();
    let of = |name: &str| {
        let mut found = columns.iter().filter(|column| column["field"] == name);
        found.next().unwrap().clone()
    };
    let (id, role) = (of("national_id"), of("role"));
    assert!(
        id["leaves"]
            .as_array()
            .unwrap()
            .contains(&"sex_and_age".into())
    );
    assert!(
        role["leaves"]
            .as_array()
            .unwrap()
            .contains(&"review_field".into())
    );
    for column in [id, role] {
        let seen_by = column["seen_by"].as_array().unwrap();
        let reviewers = "the procuratorate's reviewers (review/)";
        assert!(seen_by.contains(&reviewers.into()), "{seen_by:?}");
    }
}

// The report of an audit

#[test]
fn the_report_names_every_check_with_its_result_and_evidence() {
    let finished = FinishedRound::new();
    let elsewhere = tempfile::tempdir().unwrap();
    for (language, result_word) in [("zh", "符合"), ("en", "held")] {
        let path = elsewhere.path().join(format!("report-{language}.html"));
        let path = path.to_str().unwrap();
        let (folder, key) = (finished.round.path(""), finished.round.path("signing.pub"));
        let (folder, key) = (folder.to_str().unwrap(), key.to_str().unwrap());
        let arguments = ["audit", folder, "--public-key", key, "--report", path];
        let result = aidlink(&[&arguments[..], &["--lang", language]].concat());
        assert_eq!(result.code, 0, "{}", result.stderr);
        let report = fs::read_to_string(path).unwrap();
        let rows = report.matches("<tr").count();
        // The header, 30 checks, and the line of signatures.
        assert_eq!(rows, 32, "{language}");
        assert!(report.contains(result_word));
        let digest = blake3_of(&finished.round.output("output")["manifest.json"]);
        assert!(report.contains(&digest), "{language}");
        // It is never overwritten.
        let again = finished.audit(&["--report", path]);
        assert_eq!(again.code, 1, "{}", again.stdout);
        assert_eq!(fs::read_to_string(path).unwrap(), report);
    }
}

fn blake3_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn a_report_says_what_was_changed_and_is_refused_inside_the_round() {
    let finished = FinishedRound::new();
    for inside in [
        "report.html",
        "output/report.html",
        "output/lists/report.html",
    ] {
        let path = finished.round.path(inside);
        let result = finished.audit(&["--report", path.to_str().unwrap()]);
        assert_eq!(result.code, 1, "{inside}: {}", result.stdout);
        assert!(!path.exists(), "{inside}");
    }
    let list = finished.path("lists/for-review/to-education.csv");
    let changed = fs::read_to_string(&list).unwrap().replace("确认", "不");
    fs::write(&list, changed + "x").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("report.html");
    let result = finished.audit(&["--report", path.to_str().unwrap()]);
    assert_eq!(result.code, 4, "{}", result.stderr);
    let report = fs::read_to_string(path).unwrap();
    assert!(report.contains("to-education.csv"), "{report}");
}
