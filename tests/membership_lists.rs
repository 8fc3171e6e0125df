//! Membership lists: names and ID numbers of those who are on a register. Every list of
//! `docs/membership-lists.md` is run with the constants that the page gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::cells::{id, round};
use crate::support::{Round, csv_records};

/// A list of the page: its schema, file and constants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    schema: String,
    file: String,
    constants: String,
}

/// Returns the lists of a page, in their order.
fn lists_of(page: &str) -> Vec<List> {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (mut schema, mut file) = ("", "");
    let mut lists = Vec::new();
    for line in text.lines() {
        let value = |key: &str| line.strip_prefix(key)?.strip_prefix(" = ");
        if let Some(name) = value("schema") {
            schema = name.trim_matches('"');
        } else if let Some(path) = value("path") {
            file = path.trim_matches('"');
        } else if let Some(constants) = value("constants") {
            lists.push(List {
                schema: schema.to_owned(),
                file: file.to_owned(),
                constants: constants.to_owned(),
            });
        }
    }
    lists
}

const CASES: &str = "procuratorate.case-parties";

/// Of every party the export says nothing but the role.
const HEADER: &str = "身份证号,案号,姓名,诉讼地位,封存标志";

/// A round of this list, on which persons 1 and 2 are, and of three parties: victim 1 and
/// suspect 2, who are on the list, and victim 3, who is not.
fn round_of(list: &List, constants: Option<&str>, members: &str) -> Round {
    let round = round(&[(CASES, "cases.csv"), (&list.schema, "list.csv")]);
    if let Some(constants) = constants {
        let path = "path = \"list.csv\"\n";
        round.replace(
            "round.toml",
            path,
            &format!("{path}constants = {constants}\n"),
        );
    }
    let party = |number: usize, role: &str| format!("{},C{number},赵某,{role},否\n", id(number));
    let parties = [
        party(1, "被害人"),
        party(2, "犯罪嫌疑人"),
        party(3, "被害人"),
    ];
    round.write("cases.csv", format!("{HEADER}\n{}", parties.concat()));
    round.write("list.csv", members);
    round
}

fn bare_list() -> String {
    format!(
        "序号,姓名,身份证号,金额\n1,赵某,{},300\n2,钱某,{},300\n",
        id(1),
        id(2)
    )
}

/// Returns the aids of each case number's leads, with the grade.
fn leads(round: &Round) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let result = round.run();
    // The other registers are missing.
    assert!(
        [0, 3].contains(&result.code),
        "{}{}",
        result.stdout,
        result.stderr
    );
    let mut leads: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for bytes in round.match_lists("output").into_values() {
        for row in csv_records(&bytes) {
            let aid = row["Aid"].split('〔').next().unwrap().to_owned();
            let of_case = leads.entry(row["Case number"].clone()).or_default();
            of_case.insert((aid, row["Grade"].clone()));
        }
    }
    leads
}

#[test]
fn a_victim_on_a_bare_list_is_found_and_nobody_else() {
    let pages = ["membership-lists.md", "membership-lists.zh-CN.md"].map(lists_of);
    assert_eq!(pages[0], pages[1]);
    let mut schemas = BTreeSet::new();
    for list in &pages[0] {
        let round = round_of(list, Some(&list.constants), &bare_list());
        let leads = leads(&round);
        assert_eq!(leads.keys().collect::<Vec<_>>(), ["C1"], "{list:?}");
        let judicial_aid = |(aid, _): &(String, String)| aid == "State judicial aid";
        assert!(leads["C1"].iter().any(judicial_aid), "{list:?} {leads:?}");
        schemas.insert(&list.schema);
    }
    assert_eq!(schemas.len(), 4, "every register has a list");
    assert!(pages[0].len() >= 15);
}

#[test]
fn without_its_constants_a_bare_list_is_refused() {
    for list in lists_of("membership-lists.md") {
        let result = round_of(&list, None, &bare_list()).run();
        if list.schema == "civil-affairs.assistance" {
            result.assert_error(1, "the export has no column that a rule needs");
        } else {
            assert_ne!(result.code, 0, "{list:?}");
        }
    }
}

/// Class and grade are in the certificate's number, in the ID column or in its own.
#[test]
fn of_certificate_holders_the_grade_is_in_the_number() {
    let lists = lists_of("membership-lists.md");
    let list = lists
        .iter()
        .find(|list| list.schema == "disabled-federation.persons")
        .unwrap();
    let nursing = (
        "Nursing subsidy for severely disabled persons".to_owned(),
        "to be clarified".to_owned(),
    );
    for (tail, is_severe) in [
        ("41", true),
        ("12", true),
        ("43", false),
        ("44B1", false),
        ("42B1", true),
    ] {
        let number = id(1);
        for members in [
            format!("姓名,身份证号\n赵某,{number}{tail}\n"),
            format!("姓名,残疾人证号\n赵某,{number}{tail}\n"),
            format!("姓名,身份证号,残疾人证号\n赵某,{number},{number}{tail}\n"),
        ] {
            let leads = leads(&round_of(list, Some(&list.constants), &members));
            assert_eq!(leads.keys().collect::<Vec<_>>(), ["C1"], "{members}");
            assert_eq!(
                leads["C1"].contains(&nursing),
                is_severe,
                "{members} {leads:?}"
            );
        }
    }
}
