//! Who could not be judged is on a list of its own with what is missing, and what a round
//! was not joined with is in the headings.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cells::id;
use crate::grades::{ROLE_ALONE, round_of};
use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{Round, aidlink, csv_records, id_number};

const ADULTS: &str = "lists/not-judged.csv";
const MINORS: &str = "lists/not-judged.minors.csv";
const GAPS: &str = "Columns without a value that can be read";

fn rows(round: &Round, list: &str) -> Vec<BTreeMap<String, String>> {
    csv_records(&round.lists("output")[list])
}

fn case_numbers(round: &Round, list: &str) -> Vec<String> {
    let rows = rows(round, list).into_iter();
    let mut numbers: Vec<String> = rows.map(|row| row["Case number"].clone()).collect();
    numbers.sort();
    numbers
}

fn summary(round: &Round) -> Value {
    serde_json::from_slice(&round.output("output")["summary.json"]).unwrap()
}

#[test]
fn whom_nothing_decides_is_listed_and_nobody_else() {
    let child = id_number("44990120160505901");
    let row = |id: &str, case: &str, role: &str| format!("{id},{case},赵某,{role},否\n");
    let cases = [
        format!("{ROLE_ALONE}\n"),
        row(&id(1), "on-dibao", "被害人"),
        row(&id(2), "on-no-register", "被害人"),
        row(&id(3), "suspect", "犯罪嫌疑人"),
        row(&child, "child", "被害人"),
        // A person of two cases, one of them as a suspect, is listed once.
        row(&id(4), "victim", "被害人"),
        row(&id(4), "also-suspect", "犯罪嫌疑人"),
        row(&id(5), "two-b", "被害人"),
        row(&id(5), "two-a", "被害人"),
    ]
    .concat();
    let round = round_of(&cases, &format!("{},dibao,active\n", id(1)));
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let adults = case_numbers(&round, ADULTS);
    assert_eq!(adults.len(), 3, "{adults:?}");
    assert_eq!(adults[0], "on-no-register");
    assert!(["two-a；two-b", "two-b；two-a"].contains(&adults[1].as_str()));
    assert_eq!(adults[2], "victim");
    assert_eq!(case_numbers(&round, MINORS), ["child"]);

    let figures = &summary(&round)["not_judged"];
    assert_eq!(
        (&figures["adults"], &figures["minors"]),
        (&3.into(), &1.into())
    );
    // What a person would fill in first comes first: the only column of a rule.
    let by_column = figures["by_column"].as_array().unwrap();
    assert_eq!(by_column[0]["field"], "hardship", "{figures}");
    let injury = by_column
        .iter()
        .find(|column| column["field"] == "injury_level");
    assert_eq!(injury.unwrap()["persons"], 4);
    for column in by_column {
        assert!(column["persons"].as_u64().unwrap() <= 4, "{figures}");
    }
    assert_eq!(figures["by_rule"]["j1_serious_injury"], 4, "{figures}");
    for words in [
        "4 persons could not be judged",
        "lists/not-judged.csv: 3",
        "lists/not-judged.minors.csv: 1",
        "these columns would decide most: In hardship (4), ",
    ] {
        assert!(result.stdout.contains(words), "{}", result.stdout);
    }
}

#[test]
fn the_list_says_what_is_missing_empty_or_unreadable() {
    let header = format!("{ROLE_ALONE},伤情程度,财产损失金额");
    let row = |sequence: usize, cells: &str| {
        format!("{},C{sequence},赵某,被害人,否,{cells}\n", id(sequence))
    };
    let cases = [
        format!("{header}\n"),
        row(1, ","),
        // Not a level of injury, and not an amount.
        row(2, "很重,许多"),
        row(3, "轻微伤,"),
    ]
    .concat();
    let round = round_of(&cases, "");
    assert_eq!(round.run().code, 0);
    let rows = rows(&round, ADULTS);
    let gaps: BTreeMap<&str, Vec<&str>> = rows
        .iter()
        .map(|row| (row["Case number"].as_str(), row[GAPS].split('；').collect()))
        .collect();
    let (injury, loss, missing) = ("Level of injury", "Property loss", "In hardship");
    for (case, named, not_named) in [
        ("C1", &[injury, loss, missing][..], &[][..]),
        ("C2", &[injury, loss, missing], &[]),
        ("C3", &[loss, missing], &[injury]),
    ] {
        for title in named {
            assert!(gaps[case].contains(title), "{case} {title}: {gaps:?}");
        }
        for title in not_named {
            assert!(!gaps[case].contains(title), "{case} {title}: {gaps:?}");
        }
    }
    for row in &rows {
        assert!(!row["Aids that could not be judged"].is_empty());
        assert!(!row["Conditions that could not be judged"].is_empty());
    }
    assert_eq!(rows.len(), 3);
}

/// A person of whom a register has a row, and a rule on it is unknown because the register
/// lacks a column.
#[test]
fn a_column_that_a_register_lacks_is_named_in_pooled_and_split_rounds() {
    let students = "national_id,enrolment_status,stage\n";
    let cases = format!("{ROLE_ALONE}\n{},C1,赵某,被害人,否\n", id(1));
    let make = || {
        let round = round_of(&cases, "");
        round.write(
            "education.students.small.csv",
            format!("{students}{},enrolled,primary\n", id(1)),
        );
        round
    };
    let pooled = make();
    let result = pooled.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let row = rows(&pooled, ADULTS).remove(0);
    let gap = "Education: students and their funding: Student from a household in hardship";
    assert!(row[GAPS].split('；').any(|column| column == gap), "{row:?}");
    let by_column = &summary(&pooled)["not_judged"]["by_column"];
    let of_register = |column: &&Value| column["export"] == "education.students";
    let columns: Vec<&Value> = by_column
        .as_array()
        .unwrap()
        .iter()
        .filter(of_register)
        .collect();
    assert_eq!(columns.len(), 1, "{by_column}");
    assert_eq!(columns[0]["field"], "hardship_student");
    let split = SplitRound::plain(make());
    std::fs::copy(pooled.path("cells.key"), split.round.path("cells.key")).unwrap();
    assert!(pooled.lists("output") == split.lists(&EXPORTS, 0));
}

/// Each list names the registers that it needs and that the round was not joined with.
#[test]
fn a_register_that_did_not_come_is_in_the_heading_of_the_lists_that_need_it() {
    let cases = format!("{ROLE_ALONE}\n{},C1,赵某,被害人,否\n", id(1));
    let without_veterans = |head: &str| {
        let round = round_of(&cases, "");
        let text = round.read("round.toml");
        let at = text.find("schema = \"veterans.persons\"").unwrap();
        let start = text[..at].rfind("[[export]]").unwrap();
        let next = text[at..].find("[[export]]");
        let end = next.map_or(text.len(), |next| at + next);
        round.write(
            "round.toml",
            format!("{head}{}{}", &text[..start], &text[end..]),
        );
        round
    };
    let left_out = "not_joined = [{ schema = \"veterans.persons\", because = \"none here\" }]\n";
    for (head, code, marking) in [
        (
            "",
            3,
            "CONFIDENTIAL: for review only. PROVISIONAL (veterans.persons: missing). NOT SCREENED AGAINST (Veterans affairs: veterans and others entitled to preferential treatment)",
        ),
        (
            left_out,
            0,
            "CONFIDENTIAL: for review only. NOT SCREENED AGAINST (Veterans affairs: veterans and others entitled to preferential treatment)",
        ),
    ] {
        let round = without_veterans(head);
        let result = round.run();
        assert_eq!(result.code, code, "{}{}", result.stdout, result.stderr);
        let lists = round.lists("output");
        let last = |list: &str| {
            let text = String::from_utf8_lossy(&lists[list]).into_owned();
            let header = text.lines().next().unwrap().to_owned();
            header.trim_end_matches('"').to_owned()
        };
        for list in [
            "lists/for-review/to-veterans.csv",
            "lists/for-review/to-veterans.minors.csv",
            "lists/for-review/to-judicial-aid.csv",
            ADULTS,
            MINORS,
        ] {
            assert!(last(list).ends_with(marking), "{list}: {}", last(list));
        }
        assert_eq!(
            summary(&round)["provisional"].as_array().unwrap().len(),
            usize::from(code == 3)
        );
        let folder = round.path("output");
        let audit = aidlink(&["audit", folder.to_str().unwrap(), "--lang", "en"]);
        assert!(audit.stdout.contains("\n  14 held "), "{}", audit.stdout);
    }
}

/// A constant by which rows pass that would be withheld without it.
#[test]
fn what_the_round_file_states_of_every_case_row_is_in_the_headings() {
    let cases = format!("身份证号,案号,姓名,诉讼地位\n{},C1,赵某,被害人\n", id(1));
    let round = round_of(&cases, "");
    let text = round.read("round.toml");
    let path = "path = \"procuratorate.case-parties.small.csv\"\n";
    assert!(text.contains(path));
    let stated =
        format!("{path}constants = {{ sealed = false }}\nbecause = \"checked (by hand)\"\n");
    round.write("round.toml", text.replacen(path, &stated, 1));
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    for (list, bytes) in round.lists("output") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let header = text.lines().next().unwrap();
        assert!(
            header.contains("STATED FOR EVERY CASE ROW BY THE ROUND FILE (")
                && header.contains("= no, because: checked (by hand))"),
            "{list}: {header}"
        );
    }
}
