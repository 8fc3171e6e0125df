//! Exports with few columns: lists of names and numbers still find everybody who is on
//! one, nobody else, and say of whom too little is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::sample_round::{assert_leads, leads_below, planted_leads};
use crate::support::{Round, aidlink, csv_records, files_below, project};

/// Makes a sample, runs it, and returns its folder and what the run printed.
fn made(arguments: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let round = folder.path().join("round");
    let mut all = vec!["sample", "--out", round.to_str().unwrap()];
    all.extend(arguments);
    let made = aidlink(&all);
    assert_eq!(made.code, 0, "{arguments:?}: {}", made.stderr);
    let file = round.join("round.toml");
    let result = aidlink(&["run", file.to_str().unwrap(), "--lang", "en"]);
    assert_eq!(result.code, 0, "{arguments:?}: {}", result.stderr);
    (folder, result.stdout)
}

fn records(file: &Path) -> Vec<BTreeMap<String, String>> {
    csv_records(&std::fs::read(file).unwrap())
}

/// Returns the case numbers on the lists of persons who could not be judged.
fn not_judged(output: &Path) -> BTreeSet<String> {
    let lists = ["lists/not-judged.csv", "lists/not-judged.minors.csv"];
    let rows = lists
        .into_iter()
        .flat_map(|list| records(&output.join(list)));
    rows.flat_map(|row| cases(&row["案号"], '；')).collect()
}

fn cases(cell: &str, separator: char) -> Vec<String> {
    cell.split(separator).map(str::to_owned).collect()
}

/// Asserts that the lists of a sample hold exactly its planted leads, and that each planted
/// person who is no lead is listed as not judged, or on no list at all if the row is
/// withheld.
fn assert_as_planted(round: &Path) {
    let output = round.join("output");
    let planted = planted_leads(&round.join("truth"));
    assert!(planted.len() > 300);
    assert_leads(&output, &planted);
    let not_judged = not_judged(&output);
    for lead in &planted {
        for case in cases(&lead.cases, ';') {
            assert!(!not_judged.contains(&case), "{case} is a lead");
        }
    }
    let leads: BTreeSet<String> = planted
        .iter()
        .flat_map(|lead| cases(&lead.cases, ';'))
        .collect();
    let mut numbers: BTreeMap<bool, usize> = BTreeMap::new();
    for row in records(&round.join("truth/planted-non-leads.csv")) {
        let expected = row["reason"].starts_with("not judged");
        for case in cases(&row["cases"], ';') {
            assert_eq!(not_judged.contains(&case), expected, "{row:?}");
            assert!(!leads.contains(&case), "{row:?}");
        }
        *numbers.entry(expected).or_default() += 1;
    }
    assert!(numbers[&true] > 60 && numbers[&false] > 30, "{numbers:?}");
}

#[test]
fn the_committed_minimum_gives_its_planted_leads_and_no_other() {
    let round = Round::minimal_sample();
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert_as_planted(&round.path(""));
    // The missing columns are printed, the most useful one first.
    for words in [
        "these columns would decide most: In hardship (",
        "procuratorate.referrals is not joined, as the round file says",
        "gives sealed = false for every row, because: ",
    ] {
        assert!(result.stdout.contains(words), "{}", result.stdout);
    }
}

#[test]
fn the_seed_reproduces_the_committed_minimum() {
    let round = Round::minimal_sample();
    let made = round.root().join("sample_data/made");
    let arguments = [
        "sample",
        "--columns",
        "minimal",
        "--out",
        made.to_str().unwrap(),
    ];
    assert_eq!(aidlink(&arguments).code, 0);
    let committed = project().join("sample_data/minimal");
    let mut files = 0;
    for (file, bytes) in files_below(&made) {
        assert!(
            std::fs::read(committed.join(&file)).unwrap() == bytes,
            "{file}"
        );
        files += 1;
    }
    assert_eq!(files, 19);
}

#[test]
fn every_seed_and_choice_of_columns_gives_its_planted_leads_and_no_other() {
    for columns in ["minimal", "usual"] {
        for more in [
            &["--seed", "2"][..],
            &["--seed", "3"],
            &["--seed", "4", "--dirt", "none"],
            &["--seed", "5", "--scale", "20"],
        ] {
            let (folder, printed) = made(&[&["--columns", columns], more].concat());
            let round = folder.path().join("round");
            assert_as_planted(&round);
            let leads = planted_leads(&round.join("truth"));
            assert!(leads.iter().all(|lead| lead.grade == "to_be_clarified"));
            assert!(printed.contains(&format!("{} leads:", leads.len())));

            let summary = std::fs::read(round.join("output/summary.json")).unwrap();
            let summary: Value = serde_json::from_slice(&summary).unwrap();
            let mut lost: BTreeMap<String, u64> = BTreeMap::new();
            for row in records(&round.join("truth/dirt.csv")) {
                let rows = row["rows"].parse::<u64>().unwrap();
                let rows = if row["recoverable"] == "no" { rows } else { 0 };
                *lost.entry(row["export"].clone()).or_default() += rows;
            }
            for (export, account) in summary["exports"].as_object().unwrap() {
                let lost = lost.get(export).copied().unwrap_or(0);
                assert_eq!(account["rejected"], lost, "{columns} {more:?}: {export}");
            }
        }
    }
}

/// The lists are compared with a join that knows nothing of rules: an ID number that is in
/// the case export and on a list.
#[test]
fn whoever_is_on_a_list_of_people_in_hardship_is_found_and_never_a_suspect() {
    for columns in ["minimal", "usual"] {
        let (folder, _) = made(&["--columns", columns, "--dirt", "none"]);
        let round = folder.path().join("round");
        let case_export = "procuratorate.case-parties.csv";
        let mut in_hardship = BTreeSet::new();
        for (file, bytes) in files_below(&round) {
            let is_register = file.ends_with(".csv") && !file.contains('/') && file != case_export;
            if !is_register || file.starts_with("procuratorate.") {
                continue;
            }
            let entitled = [
                "disabled",
                "bereaved_family",
                "demobilised_rural",
                "ill_returned",
            ];
            for row in csv_records(&bytes) {
                let is_in_hardship = match (file.as_str(), row.get("kind")) {
                    ("veterans.persons.veterans.csv" | "veterans.persons.families.csv", _) => false,
                    (_, Some(kind)) => entitled.contains(&kind.as_str()),
                    // Relief given long ago says nothing of today.
                    ("civil-affairs.assistance.relief.csv", _) => row
                        .get("started_on")
                        .is_none_or(|day| day.as_str() >= "2026-03-30"),
                    _ => true,
                };
                if is_in_hardship {
                    in_hardship.insert(row["national_id"].clone());
                }
            }
        }
        let output = round.join("output");
        let found: BTreeSet<String> = leads_below(&output)
            .into_iter()
            .flat_map(|(_, lead)| cases(&lead.cases, ';'))
            .collect();
        let not_judged = not_judged(&output);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in records(&round.join(case_export)) {
            let case = &row["case_number"];
            let is_known = in_hardship.contains(&row["national_id"]);
            let (lead, open, group) = match row["role"].as_str() {
                "suspect" | "defendant" | "other" if is_known => (false, false, "withheld, known"),
                "suspect" | "defendant" | "other" => (false, false, "withheld"),
                // The policy has one ground for witnesses, and an export that does not
                // state it gives no reason to ask.
                "witness" => (false, false, "witness"),
                _ if is_known => (true, false, "found"),
                _ => (false, true, "not judged"),
            };
            *counts.entry(group).or_default() += 1;
            assert_eq!(found.contains(case), lead, "{columns}: {row:?}");
            assert_eq!(not_judged.contains(case), open, "{columns}: {row:?}");
        }
        for group in [
            "withheld, known",
            "withheld",
            "witness",
            "found",
            "not judged",
        ] {
            assert!(counts[group] > 50, "{columns}: {counts:?}");
        }
    }
}

/// Returns the rows of the table in which each row adds columns: the fields, and the
/// numbers of leads that are established and to be clarified and of persons not judged.
fn rows_of_the_page(page: &str) -> Vec<(Vec<String>, [u64; 3])> {
    let text = std::fs::read_to_string(project().join(page)).unwrap();
    let cells = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [columns, _, established, open, not_judged] = cells.as_slice() else {
            return None;
        };
        let number = |cell: &str| cell.parse::<u64>().ok();
        let numbers = [number(established)?, number(open)?, number(not_judged)?];
        let fields = columns.split('`').skip(1).step_by(2).map(str::to_owned);
        Some((fields.collect(), numbers))
    });
    cells.collect()
}

#[test]
fn the_page_on_the_minimum_has_the_figures_of_the_program() {
    let mut rows = rows_of_the_page("docs/minimum.md");
    assert_eq!(rows.len(), 13);
    assert_eq!(rows, rows_of_the_page("docs/minimum.zh-CN.md"));
    let (folder, _) = made(&["--dirt", "none"]);
    let round = folder.path().join("round");
    let export = round.join("procuratorate.case-parties.csv");
    let parties = records(&export);
    let mut columns = [
        "national_id",
        "case_number",
        "name",
        "handler",
        "role",
        "sealed",
    ]
    .map(str::to_owned)
    .to_vec();
    // Nobody in the sample depends on the columns that the table leaves out.
    let in_table = |column: &&String| {
        columns.contains(column) || rows.iter().any(|(added, _)| added.contains(column))
    };
    let others: Vec<String> = parties[0]
        .keys()
        .filter(|column| !in_table(column))
        .cloned()
        .collect();
    assert!(others.len() > 10);
    let last = rows[rows.len() - 1].1;
    rows.push((others, last));
    for (index, (added, figures)) in rows.into_iter().enumerate() {
        columns.extend(added);
        let mut writer = csv::Writer::from_path(&export).unwrap();
        writer.write_record(&columns).unwrap();
        for party in &parties {
            writer
                .write_record(columns.iter().map(|column| &party[column]))
                .unwrap();
        }
        drop(writer);
        let output = round.join(format!("output-{index}"));
        let file = round.join("round.toml");
        let arguments = [
            "run",
            file.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ];
        assert_eq!(aidlink(&arguments).code, 0);
        let leads = leads_below(&output);
        let of_grade = |grade| leads.iter().filter(|(_, lead)| lead.grade == grade).count() as u64;
        let summary = std::fs::read(output.join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        let not_judged = ["adults", "minors"].map(|of| summary["not_judged"][of].as_u64().unwrap());
        let found = [
            of_grade("established"),
            of_grade("to_be_clarified"),
            not_judged.iter().sum(),
        ];
        assert_eq!(found, figures, "{columns:?}");
    }
}
