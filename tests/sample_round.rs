//! Tests the committed sample: exactly the planted leads are found, runs are
//! reproducible, and no output contains an ID number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::review::parts;
use crate::support::{Round, aidlink, csv_records, csv_rows, files_below, project};

/// What a list and the truth say of a lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lead {
    pub(crate) cases: String,
    person: String,
    pub(crate) aid: String,
    pub(crate) grade: String,
}

/// Returns case numbers in a fixed order.
fn sorted(cases: &str, separator: &str) -> String {
    let mut cases: Vec<&str> = cases.split(separator).collect();
    cases.sort_unstable();
    cases.join(";")
}

fn aid_titles() -> Vec<(String, String)> {
    let schemas = aidlink_policy::schema::Schemas::read(&project().join("schemas"));
    let policy = aidlink_policy::pack::Policy::read(
        &project().join("policies/shaoguan.toml"),
        &schemas.unwrap(),
    );
    policy
        .unwrap()
        .aids
        .iter()
        .map(|aid| (aid.id.clone(), aid.title.zh.clone()))
        .collect()
}

/// Returns list name and lead of every row of every list of an output folder.
pub(crate) fn leads_below(output: &Path) -> Vec<(String, Lead)> {
    let titles = aid_titles();
    let mut leads = Vec::new();
    for (name, bytes) in files_below(output) {
        let Some(list) = name.strip_prefix("lists/for-review/") else {
            continue;
        };
        for row in csv_records(&bytes) {
            let title = row["救助项目"].split('〔').next().unwrap();
            let (aid, _) = titles.iter().find(|(_, zh)| zh == title).unwrap();
            let grade = match row["依据程度"].as_str() {
                "已有依据" => "established",
                "待核实" => "to_be_clarified",
                other => panic!("{other} is not a grade"),
            };
            let lead = Lead {
                cases: sorted(&row["案号"], "；"),
                person: row["姓名"].clone(),
                aid: aid.clone(),
                grade: grade.to_owned(),
            };
            leads.push((list.to_owned(), lead));
        }
    }
    leads
}

fn leads(round: &Round, output: &str) -> Vec<(String, Lead)> {
    leads_below(&round.path(output))
}

/// Returns the planted leads of a truth folder.
pub(crate) fn planted_leads(truth: &Path) -> BTreeSet<Lead> {
    let rows = csv_records(&std::fs::read(truth.join("planted-leads.csv")).unwrap());
    let count = rows.len();
    let lead = |row: BTreeMap<String, String>| Lead {
        cases: sorted(&row["cases"], ";"),
        person: row["person"].clone(),
        aid: row["aid"].clone(),
        grade: row["grade"].clone(),
    };
    let planted: BTreeSet<Lead> = rows.into_iter().map(lead).collect();
    assert_eq!(planted.len(), count, "a lead is planted twice");
    planted
}

/// Asserts that the lists of an output folder hold exactly these leads, with their grades.
pub(crate) fn assert_leads(output: &Path, planted: &BTreeSet<Lead>) {
    let found = leads_below(output);
    let distinct: BTreeSet<Lead> = found.iter().map(|(_, lead)| lead.clone()).collect();
    assert_eq!(distinct.len(), found.len(), "a lead is listed twice");
    let missed: Vec<_> = planted.difference(&distinct).collect();
    let false_leads: Vec<_> = distinct.difference(planted).collect();
    assert_eq!((missed, false_leads), (vec![], vec![]));
}

fn truth_folder() -> PathBuf {
    project().join("sample_data/2026Q3/truth")
}

#[test]
fn every_planted_lead_is_found_and_no_other() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let planted = planted_leads(&truth_folder());
    let count = |grade: &str| planted.iter().filter(|lead| lead.grade == grade).count();
    assert!(count("established") > 200);
    assert!(count("to_be_clarified") > 30);
    assert_leads(&round.path("output"), &planted);
}

#[test]
fn an_encoding_not_named_in_the_round_file_is_detected() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let named = round.read("round.toml");
    let line = named
        .lines()
        .find(|line| line.starts_with("encoding = \"gb18030\""))
        .unwrap();
    round.write("round.toml", named.replace(line, ""));
    let folder = round.path("output-detected");
    let result = round.run_with(&["--output", folder.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert_eq!(leads(&round, "output"), leads(&round, "output-detected"));
}

/// Returns the figures of an export in the table of where its rows went, with one space
/// between them: rows, rejected, withheld, left out, kept.
pub(crate) fn account_line(stdout: &str, title: &str) -> String {
    let mut lines = stdout.lines().filter(|line| line.trim().starts_with(title));
    let line = lines
        .next()
        .unwrap_or_else(|| panic!("no {title} in {stdout}"));
    let figures = line
        .split_whitespace()
        .filter(|word| word.parse::<u64>().is_ok());
    figures.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_table_of_rows_fits_a_terminal_and_adds_up() {
    let round = Round::sample();
    let file = round.path("round.toml");
    for (language, header) in [("zh", "导出"), ("en", "Export")] {
        let output = format!("output-{language}");
        let arguments = [
            "run",
            file.to_str().unwrap(),
            "--lang",
            language,
            "--output",
        ];
        let output = round.path(&output);
        let result = aidlink(&[&arguments[..], &[output.to_str().unwrap()]].concat());
        assert_eq!(result.code, 0, "{}", result.stderr);
        let mut lines = result.stdout.lines();
        let begin = lines.find(|line| line.trim().starts_with(header));
        let width = unicode_columns(begin.expect("a table"));
        let table: Vec<&str> = lines.take(6).collect();
        for line in &table {
            assert_eq!(unicode_columns(line), width, "{line}");
            assert!(width <= 80, "{line}");
            let figures: Vec<u64> = line
                .split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect();
            let [rows, parts @ ..] = figures.as_slice() else {
                panic!("{line}");
            };
            assert_eq!(parts.len(), 4, "{line}");
            assert_eq!(parts.iter().sum::<u64>(), *rows, "{line}");
        }
    }
}

/// Returns the columns of a terminal that a line takes: two for Chinese characters.
fn unicode_columns(line: &str) -> usize {
    let is_wide = |character: char| ('\u{2e80}'..='\u{ffef}').contains(&character);
    line.chars()
        .map(|character| 1 + usize::from(is_wide(character)))
        .sum()
}

#[test]
fn the_summary_is_in_the_requested_language_and_piped_progress_is_silent() {
    let round = Round::sample();
    let file = round.path("round.toml");
    let result = aidlink(&["run", file.to_str().unwrap(), "--lang", "zh"]);
    assert_eq!(result.code, 0);
    let account = account_line(&result.stdout, "民政社会救助对象");
    assert!(account.starts_with("8019 "), "{account}");
    let planted = planted_leads(&truth_folder()).len();
    let line = format!("线索{planted}条：");
    assert!(result.stdout.contains(&line), "{}", result.stdout);
    assert_eq!(result.stderr, "");
}

#[test]
fn no_planted_non_lead_is_listed() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let listed: BTreeSet<String> = leads(&round, "output")
        .into_iter()
        .flat_map(|(_, lead)| {
            let cases = lead.cases.split(';').map(str::to_owned);
            cases.collect::<Vec<_>>()
        })
        .collect();
    let non_leads = std::fs::read(truth_folder().join("planted-non-leads.csv")).unwrap();
    let non_leads = csv_rows(&non_leads);
    assert!(non_leads.len() > 100);
    for row in non_leads {
        assert!(!listed.contains(&row[0]), "{}: {}", row[2], row[3]);
    }
}

/// Returns the case number and ID cell of each row of the case export.
fn ids_by_case(round: &Round) -> Vec<(String, String)> {
    let text = round.read("procuratorate.case-parties.csv");
    // Split by line, because a stray quote would merge many rows into one.
    let rows = text.lines().skip(1).map(|line| line.split(','));
    rows.map(|mut cells| {
        let id = cells.next().unwrap_or_default().trim_start_matches('"');
        (cells.next().unwrap_or_default().to_owned(), id.to_owned())
    })
    .collect()
}

#[test]
fn minors_and_only_minors_are_on_the_minors_lists() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let ids = ids_by_case(&round);
    let as_of = jiff::civil::date(2026, 9, 30);
    let mut minors = 0;
    for (list, lead) in leads(&round, "output") {
        let case = lead.cases.split(';').next().unwrap();
        let (_, id) = ids.iter().find(|(number, _)| number == case).unwrap();
        let checked = aidlink_agency::national_id::NationalId::parse(id, as_of);
        let Ok(checked) = checked else {
            panic!("planted ID numbers are valid")
        };
        let minor = checked.id.age_at(as_of).unwrap() < 18;
        assert_eq!(list.ends_with(".minors.csv"), minor, "{list}");
        minors += usize::from(minor);
    }
    assert!(minors > 20);
}

#[test]
fn a_second_run_and_any_number_of_threads_give_the_same_bytes() {
    let round = Round::sample();
    for (output, threads) in [("output", "1"), ("output-again", "1"), ("output-many", "5")] {
        let folder = round.path(output);
        let arguments = ["--output", folder.to_str().unwrap(), "--threads", threads];
        assert_eq!(round.run_with(&arguments).code, 0);
    }
    let without_log = |output: &str| {
        let mut files = round.output(output);
        assert!(files.remove("audit.jsonl").is_some());
        // The signature covers the log's digest and contains randomness.
        assert!(files.remove("manifest.json.minisig").is_some());
        files
    };
    let first = without_log("output");
    assert_eq!(
        first.len(),
        26 + 2 + 2 + 2 + 5 + 10 + 5 + 2,
        "lists, not-judged lists, workbooks, person pages, rejects, documents, matrix, summary and manifest"
    );
    assert!(first == without_log("output-again"));
    assert!(first == without_log("output-many"));
}

#[test]
fn the_row_order_of_an_export_does_not_affect_the_lists() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    for file in [
        "procuratorate.case-parties.csv",
        "disabled-federation.persons.csv",
    ] {
        let text = round.read(file);
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        round.write(file, lines.join("\n") + "\n");
    }
    let reversed = round.path("output-reversed");
    assert_eq!(
        round
            .run_with(&["--output", reversed.to_str().unwrap()])
            .code,
        0
    );
    assert!(round.lists("output") == round.lists("output-reversed"));
}

#[test]
fn no_output_contains_an_id_number() {
    let round = Round::sample();
    let result = round.run();
    let ids: BTreeSet<String> = ids_by_case(&round)
        .into_iter()
        .map(|(_, id)| {
            id.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
        })
        // Full-width numbers have no ASCII digits and are left out here.
        .filter(|id| id.len() >= 15)
        .collect();
    assert!(ids.len() > 1900);
    let mut texts = vec![result.stdout, result.stderr];
    for (path, bytes) in round.output("output") {
        // Workbooks are packed.
        let files = match path.ends_with(".xlsx") {
            true => parts(&bytes).into_values().collect(),
            false => vec![bytes],
        };
        texts.extend(
            files
                .into_iter()
                .map(|file| String::from_utf8(file).unwrap()),
        );
    }
    for text in texts {
        // Any long run that begins like an ID number of the sample: region 4499.
        for (at, _) in text.match_indices("4499") {
            let run: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == 'X')
                .collect();
            assert!(run.len() < 15, "found a run of {} digits", run.len());
        }
        assert!(ids.iter().all(|id| !text.contains(id.as_str())));
    }
}

#[test]
fn every_account_adds_up_and_rejects_are_counted_by_reason() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let summary: Value = serde_json::from_slice(&round.output("output")["summary.json"]).unwrap();
    let exports = summary["exports"].as_object().unwrap();
    assert_eq!(exports.len(), 6);
    for (name, account) in exports {
        let figure = |key: &str| account[key].as_u64().unwrap_or(0);
        let parts = [
            "rejected",
            "withheld",
            "without_outcome",
            "sent",
            "matched",
            "unmatched",
        ];
        let sum: u64 = parts.iter().map(|part| figure(part)).sum();
        assert_eq!(figure("rows"), sum, "{name}");
        let by_reason: u64 = account["rejected_by_reason"]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(figure("rejected"), by_reason, "{name}");
        assert_eq!(
            account["unreadable_values"],
            serde_json::json!({}),
            "{name}"
        );
    }
    // Lines of the civil affairs export that are not rows.
    let not_rows = &exports["civil-affairs.assistance"]["not_rows"];
    assert_eq!(not_rows["title_lines"], 2);
    assert_eq!(not_rows["total_lines"], 1);
}

#[test]
fn each_agency_gets_its_own_rejects_with_place_and_reason() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let files = round.output("output");
    let summary: Value = serde_json::from_slice(&files["summary.json"]).unwrap();
    for (agency, export) in [
        ("civil-affairs", "civil-affairs.assistance"),
        ("education", "education.students"),
    ] {
        let rows = csv_rows(&files[&format!("rejects/{agency}.csv")]);
        let rejected = summary["exports"][export]["rejected"].as_u64().unwrap();
        assert!(rejected > 50);
        assert_eq!(rows.len() as u64, rejected);
        for row in rows {
            assert_eq!(row[0], export);
            let (record, line): (u64, u64) = (row[2].parse().unwrap(), row[3].parse().unwrap());
            assert!(line > record);
            let reasons = ["birth_date_contradicts", "quote", "field_count"];
            assert!(
                row[5].starts_with("id_") || reasons.contains(&row[5].as_str()),
                "{}",
                row[5]
            );
            assert!(!row[6].is_empty() && !row[7].is_empty());
        }
    }
}

#[test]
fn the_manifest_has_the_digest_of_every_file_and_the_log_is_chained() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let files = round.output("output");
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["mode"], "pooled");
    let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let outputs = manifest["outputs"].as_array().unwrap();
    assert_eq!(
        outputs.len() + 3,
        files.len(),
        "every file except manifest, signature and log"
    );
    for output in outputs {
        let bytes = &files[output["file"].as_str().unwrap()];
        assert_eq!(output["blake3"], digest(bytes));
        assert_eq!(output["bytes"], bytes.len());
    }
    for export in manifest["exports"].as_array().unwrap() {
        let file = &export["files"][0];
        let bytes = std::fs::read(round.path(file["file"].as_str().unwrap())).unwrap();
        assert_eq!(file["blake3"], digest(&bytes));
    }
    let log = String::from_utf8(files["audit.jsonl"].clone()).unwrap();
    let read = aidlink_office::audit_log::read_log(&log);
    assert_eq!(read.fault, None);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "round_complete");
    assert_eq!(
        last["details"]["manifest_blake3"],
        digest(&files["manifest.json"])
    );
    assert!(read.entries.len() > 20);
}

#[test]
fn a_column_that_nothing_needs_is_not_read() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let files = round.output("output");
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let exports = manifest["exports"].as_array().unwrap();
    let assistance = exports
        .iter()
        .find(|export| export["export"] == "civil-affairs.assistance")
        .unwrap();
    let names = |key: &str| -> Vec<String> {
        let values = match key {
            "fields_read" => &assistance[key],
            _ => &assistance["files"][0][key],
        };
        let values = values.as_array().unwrap();
        values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    let read = names("fields_read");
    assert_eq!(
        read,
        [
            "national_id",
            "birth_date",
            "kind",
            "area",
            "status",
            "started_on",
            "ended_on",
            "died_on"
        ]
    );
    let not_read = names("columns_present_and_not_read");
    assert_eq!(
        not_read,
        ["姓名", "户编号", "与户主关系", "月救助金额"],
        "columns read and not read must be all columns of the export"
    );
}

#[test]
fn deadlines_skip_the_national_holiday_and_count_the_make_up_day() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let list = &round.output("output")["lists/for-review/to-judicial-aid.csv"];
    // Five working days after 30 September 2026: 8, 9, 10 (make-up), 12 and 13 October.
    let rows = csv_records(list);
    assert!(rows.len() > 50);
    for row in rows {
        assert_eq!(row["办理期限"], "2026-10-13");
        assert_eq!(row["期限说明"], "暂定：自收到线索之日起算");
    }
}

#[test]
fn lists_are_sorted_by_urgency_grade_and_number() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let mut grades_of_an_urgency = 0;
    for (name, bytes) in round.match_lists("output") {
        let order = |row: BTreeMap<String, String>| {
            let is_open = row["依据程度"] == "待核实";
            (row["轻重缓急"].clone(), is_open, row["线索编号"].clone())
        };
        let rows: Vec<_> = csv_records(&bytes).into_iter().map(order).collect();
        assert!(rows.is_sorted(), "{name}: {rows:#?}");
        let both = rows.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        grades_of_an_urgency += both.filter(|pair| pair[0].1 != pair[1].1).count();
    }
    assert!(grades_of_an_urgency > 3);
}

#[test]
fn the_seed_reproduces_the_committed_sample() {
    let round = Round::sample();
    let made = round.root().join("sample_data/made");
    let result = aidlink(&["sample", "--seed", "1", "--out", made.to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    for file in [
        "procuratorate.case-parties.csv",
        "procuratorate.referrals.xlsx",
        "civil-affairs.assistance.csv",
        "education.students.csv",
        "disabled-federation.persons.csv",
        "veterans.persons.csv",
        "truth/planted-leads.csv",
        "truth/planted-non-leads.csv",
        "truth/dirt.csv",
        "round.toml",
    ] {
        let committed = std::fs::read(project().join("sample_data/2026Q3").join(file)).unwrap();
        assert!(
            std::fs::read(made.join(file)).unwrap() == committed,
            "{file}"
        );
    }
}

#[test]
fn every_seed_gives_its_planted_leads_and_no_other() {
    for seed in 2..6 {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("round");
        let seed = seed.to_string();
        assert_eq!(
            aidlink(&["sample", "--seed", &seed, "--out", out.to_str().unwrap()]).code,
            0
        );
        let round = out.join("round.toml");
        let result = aidlink(&["run", round.to_str().unwrap(), "--lang", "en"]);
        assert_eq!(result.code, 0, "{}", result.stderr);
        let planted = planted_leads(&out.join("truth"));
        assert_leads(&out.join("output"), &planted);
        let line = format!("{} leads:", planted.len());
        assert!(
            result.stdout.contains(&line),
            "seed {seed}: {}",
            result.stdout
        );
    }
}

/// Each kind of dirt is put on three rows of ten. Recoverable dirt rejects no row;
/// unrecoverable dirt rejects its own rows only, and no lead is lost.
#[test]
fn every_kind_of_dirt_rejects_exactly_the_rows_in_its_truth_file() {
    let help = aidlink(&["sample", "--out", "x", "--dirt", "none,?=1"]).stderr;
    let (_, list) = help.split_once("the kinds are ").unwrap();
    let kinds: Vec<&str> = list.lines().next().unwrap().split(", ").collect();
    assert_eq!(kinds.len(), 24);
    for kind in kinds {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("round");
        let dirt = format!("realistic,{kind}=0.3");
        let made = aidlink(&["sample", "--dirt", &dirt, "--out", out.to_str().unwrap()]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let round = out.join("round.toml");
        let result = aidlink(&["run", round.to_str().unwrap(), "--lang", "en"]);
        assert!([0, 3].contains(&result.code), "{kind}: {}", result.stderr);

        let truth = |file: &str| csv_rows(&std::fs::read(out.join("truth").join(file)).unwrap());
        let summary: Value =
            serde_json::from_slice(&std::fs::read(out.join("output/summary.json")).unwrap())
                .unwrap();
        assert_eq!(summary["leads"], truth("planted-leads.csv").len(), "{kind}");
        let mut lost: BTreeMap<String, u64> = BTreeMap::new();
        for row in truth("dirt.csv") {
            let [export, _, recoverable, rows, _] = row.as_slice() else {
                panic!("dirt.csv has five columns");
            };
            let rows: u64 = rows.parse().unwrap();
            let rows = if recoverable == "no" { rows } else { 0 };
            *lost.entry(export.clone()).or_default() += rows;
        }
        for (export, account) in summary["exports"].as_object().unwrap() {
            let lost = lost.get(export).copied().unwrap_or(0);
            assert_eq!(account["rejected"], lost, "{kind}: {export}");
        }
    }
}
