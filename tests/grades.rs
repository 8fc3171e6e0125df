//! The grades of leads: what one side of an aid and the other give together, and that a
//! column which an export lacks counts like one that is empty.

use std::collections::BTreeMap;

use crate::cells::{id, round};
use crate::support::{Round, csv_records, id_number};

/// The columns of an export that says nothing of a victim but the role. Without the seal
/// every row would be withheld.
pub(crate) const ROLE_ALONE: &str = "身份证号,案号,姓名,诉讼地位,封存标志";
const NOBODY: usize = 900;

/// A round of these case parties and recipients of assistance. The other registers are
/// there, and know none of the case parties.
pub(crate) fn round_of(cases: &str, assistance: &str) -> Round {
    let nobody = id(NOBODY);
    let exports = [
        ("procuratorate.case-parties", cases.to_owned()),
        (
            "procuratorate.referrals",
            format!("national_id,aid,state,state_on\n{nobody},dibao,closed,2026-09-01\n"),
        ),
        (
            "civil-affairs.assistance",
            format!("national_id,kind,status\n{nobody},dibao,active\n{assistance}"),
        ),
        (
            "education.students",
            format!("national_id,enrolment_status,hardship_student\n{nobody},enrolled,true\n"),
        ),
        (
            "disabled-federation.persons",
            format!("national_id,certificate_status,grade\n{nobody},valid,1\n"),
        ),
        (
            "veterans.persons",
            format!("national_id,kind,status\n{nobody},veteran,active\n"),
        ),
    ];
    let files = exports
        .each_ref()
        .map(|(schema, _)| (*schema, format!("{schema}.small.csv")));
    let named: Vec<(&str, &str)> = files
        .iter()
        .map(|(schema, file)| (*schema, file.as_str()))
        .collect();
    let round = round(&named);
    for ((_, text), (_, file)) in exports.iter().zip(&named) {
        round.write(file, text);
    }
    round
}

/// Runs a round and returns its leads: list, case number, aid, urgency and grade.
fn leads(round: &Round) -> Vec<String> {
    let result = round.run();
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let mut leads = Vec::new();
    for (list, bytes) in round.match_lists("output") {
        let list = list.trim_start_matches("lists/for-review/");
        for row in csv_records(&bytes) {
            let aid = row["Aid"].split('〔').next().unwrap();
            leads.push(
                [
                    list.trim_end_matches(".csv"),
                    &row["Case number"],
                    aid,
                    &row["Urgency"],
                    &row["Grade"],
                ]
                .join("|"),
            );
        }
    }
    leads
}

// Worked examples

#[test]
fn of_a_victim_whose_role_alone_is_known_a_register_decides() {
    let row = |sequence: usize| format!("{},C{sequence},赵某,被害人,否\n", id(sequence));
    let on_dibao = format!("{},dibao,active\n", id(1));
    // Number 2 is on no register.
    let cases = format!("{ROLE_ALONE}\n{}{}", row(1), row(2));
    let round = round_of(&cases, &on_dibao);
    // Dibao itself is settled.
    let expected = [
        "to-civil-affairs|C1|Temporary relief|3 ordinary|to be clarified",
        "to-judicial-aid|C1|State judicial aid|3 ordinary|to be clarified",
    ];
    assert_eq!(leads(&round), expected);
    // Both rows leave the agency, which cannot know of the register.
    let cases = round.export_in_manifest("procuratorate.case-parties");
    assert_eq!(cases["account"]["sent"], 2, "{cases}");
    let list = &round.lists("output")["lists/for-review/to-judicial-aid.csv"];
    let lead = &csv_records(list)[0];
    assert!(lead["Grounds and evidence"].starts_with("Receives dibao"));
    let unknown = &lead["Conditions not yet known"];
    for ground in [
        "Victim of a crime seriously injured",
        "Victim of a crime with a major loss of property",
    ] {
        assert!(unknown.contains(ground), "{unknown}");
    }
    assert!(!unknown.contains("(indicated)"), "{unknown}");
}

#[test]
fn a_child_whose_mother_was_killed_is_an_urgent_lead_to_be_clarified() {
    let child = id_number("44990120160505901");
    let header = format!("{ROLE_ALONE},被害人死亡,与被害人关系");
    let cases = format!("{header}\n{child},C1,赵某,近亲属,否,是,子女\n");
    let round = round_of(&cases, "");
    let expected = [
        "to-civil-affairs.minors|C1|Guardianship and care of a child|1 urgent|to be clarified",
        "to-civil-affairs.minors|C1|Support for orphans and de facto unsupported children|1 urgent|to be clarified",
        "to-education.minors|C1|Education assistance and student funding|1 urgent|to be clarified",
        "to-womens-federation.minors|C1|Family education guidance|1 urgent|established",
        "to-youth-league.minors|C1|Psychological help for minors|1 urgent|established",
    ];
    assert_eq!(leads(&round), expected);
    let list = &round.lists("output")["lists/for-review/to-civil-affairs.minors.csv"];
    let leads = csv_records(list);
    let lead = leads
        .iter()
        .find(|lead| lead["Aid"].starts_with("Support for orphans"))
        .unwrap();
    assert!(lead["Grounds and evidence"].contains("The victim died; close relative or dependant"));
    let open = &lead["Conditions not yet known"];
    for rule in [
        "close relative or dependant lived mainly on the victim's income",
        "may be de facto unsupported",
    ] {
        let (_, after) = open.split_once(rule).unwrap();
        let (cites, _) = after.split_once(" (indicated)").unwrap();
        assert!(cites.starts_with('〔') && cites.ends_with('〕'), "{open}");
    }
    // What is to be asked is on the list.
    assert!(lead["What to check"].contains("Check whether the other parent lives"));
}

/// What the case export says of the other parent decides the allowance; what it leaves
/// open, in whatever way, a person asks.
#[test]
fn the_state_of_the_other_parent_decides_on_the_allowance() {
    let (established, open) = (Some("established"), Some("to be clarified"));
    let states = [
        ("死亡", established),
        ("被宣告失踪", established),
        ("服刑在押", established),
        ("强制隔离戒毒", established),
        ("重残", established),
        ("患重病", established),
        ("失去联系", established),
        ("被撤销监护资格", established),
        ("被遣送（驱逐）出境", established),
        ("服刑在押、重残", established),
        ("有抚养能力", None),
        ("犯罪嫌疑人", open),
        ("刑事拘留", open),
        ("健在", open),
        ("其他", open),
        ("", open),
        ("不详", open),
        ("情况复杂", open),
    ];
    let header = format!(
        "{ROLE_ALONE},案件类别,被害人死亡,与被害人关系,依靠被害人收入生活,加害人情况,生活困难"
    );
    let facts = "刑事,是,子女,是,无赔偿能力,是";
    let child = |n: usize| id_number(&format!("449901201605059{n:02}"));
    let mut cases = format!("{header},父母另一方情况\n");
    for (n, (state, _)) in states.iter().enumerate() {
        cases += &format!("{},C{n:02},赵某,近亲属,否,{facts},{state}\n", child(n));
    }
    let allowances = |cases: &str| -> BTreeMap<String, String> {
        leads(&round_of(cases, ""))
            .iter()
            .filter(|lead| lead.contains("Support for orphans"))
            .map(|lead| {
                let cells: Vec<&str> = lead.split('|').collect();
                (cells[1].to_owned(), cells[4].to_owned())
            })
            .collect()
    };
    let found = allowances(&cases);
    for (n, (state, grade)) in states.iter().enumerate() {
        let found = found.get(&format!("C{n:02}")).map(String::as_str);
        assert_eq!(found, *grade, "{state}");
    }
    // Without the column.
    let cases = format!("{header}\n{},C1,赵某,近亲属,否,{facts}\n", child(0));
    assert_eq!(allowances(&cases)["C1"], "to be clarified");
}

/// Both sides are known, and then each by a fact on which its rule turns.
#[test]
fn a_lead_is_established_only_if_both_sides_are() {
    let header = format!("{ROLE_ALONE},案件类别,财产损失金额,追回或获赔金额,加害人情况");
    let grade_of = |cells: &str, register: &str| {
        let cases = format!("{header}\n{},C1,赵某,被害人,否,{cells}\n", id(1));
        let round = round_of(&cases, &format!("{},{register}\n", id(1)));
        let leads = leads(&round);
        let lead = leads
            .iter()
            .find(|lead| lead.contains("State judicial aid"));
        lead.map(|lead| lead.rsplit('|').next().unwrap().to_owned())
    };
    let (known, core, unknown, no) = (
        "刑事,50000,0,无赔偿能力",
        "刑事,50000,,",
        "刑事,,,",
        "刑事,20000,0,无赔偿能力",
    );
    let (receives, indicated, not) = ("dibao,active", "dibao,", "dibao,ended");
    let (established, open) = (Some("established"), Some("to be clarified"));
    for (cells, register, grade) in [
        (known, receives, established),
        (known, indicated, open),
        (core, receives, open),
        (core, indicated, open),
        (unknown, receives, open),
        (unknown, indicated, open),
        (known, ",", open),
        (core, ",", open),
        (unknown, ",", None),
        (known, not, None),
        (unknown, not, None),
    ] {
        assert_eq!(
            grade_of(cells, register).as_deref(),
            grade,
            "{cells} {register}"
        );
    }
    // The loss is too small, and no injury is stated: a person must ask about the injury.
    assert_eq!(grade_of(no, receives).as_deref(), open);
}

#[test]
fn at_most_review_caps_a_lead_at_to_be_clarified() {
    let header = format!("{ROLE_ALONE},案件类别,财产损失金额,追回或获赔金额,加害人情况");
    let cases = format!(
        "{header}\n{},C1,赵某,被害人,否,刑事,50000,0,无赔偿能力\n",
        id(1)
    );
    let assistance = format!("{},dibao,active\n", id(1));
    let lead = |grade: &str| format!("to-judicial-aid|C1|State judicial aid|3 ordinary|{grade}");
    let round = round_of(&cases, &assistance);
    assert!(leads(&round).contains(&lead("established")));
    for rule in ["j4_property_loss", "dibao_receiving"] {
        let round = round_of(&cases, &assistance);
        let policy = "../../policies/national.toml";
        let from = format!("id = \"{rule}\"\n");
        round.replace(policy, &from, &format!("{from}at_most = \"review\"\n"));
        assert!(leads(&round).contains(&lead("to be clarified")), "{rule}");
    }
}

// Missing and empty columns

/// A CSV export as rows of cells.
fn rows_of(round: &Round, file: &str) -> Vec<Vec<String>> {
    let text = round.read(file);
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records();
    rows.map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// Runs a round with another content of an export and returns its lists, or `None` if the
/// export is refused.
fn lists_with(
    round: &Round,
    file: &str,
    rows: &[Vec<String>],
) -> Option<BTreeMap<String, Vec<u8>>> {
    let before = std::fs::read(round.path(file)).unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    round.write(file, writer.into_inner().unwrap());
    let folder = round.path("changed");
    let result = round.run_with(&["--output", folder.to_str().unwrap()]);
    round.write(file, before);
    if result.code == 1 {
        return None;
    }
    assert!([0, 3].contains(&result.code), "{}", result.stderr);
    let lists = round.lists("changed");
    std::fs::remove_dir_all(folder).unwrap();
    Some(lists)
}

/// Every column of every export of the round in which every rule, aid and grade appears.
#[test]
fn a_missing_column_and_an_empty_one_give_the_same_lists() {
    let round = Round::hand_made();
    assert_eq!(round.run().code, 0);
    let unchanged = round.lists("output");
    let mut compared = BTreeMap::new();
    let mut with_effect = 0;
    for export in [
        "procuratorate.case-parties",
        "procuratorate.referrals",
        "civil-affairs.assistance",
        "education.students",
        "disabled-federation.persons",
        "veterans.persons",
    ] {
        let file = format!("{export}.csv");
        let rows = rows_of(&round, &file);
        for (column, name) in rows[0].iter().enumerate() {
            let mut without = rows.clone();
            for row in &mut without {
                row.remove(column);
            }
            let mut empty = rows.clone();
            for row in &mut empty[1..] {
                row[column].clear();
            }
            // Without these columns an export is refused.
            let Some(without) = lists_with(&round, &file, &without) else {
                assert!(
                    [
                        "national_id",
                        "case_number",
                        "role",
                        "sealed",
                        "aid",
                        "state"
                    ]
                    .contains(&name.as_str()),
                    "{export}: {name}"
                );
                continue;
            };
            let empty = lists_with(&round, &file, &empty).expect("an empty column is read");
            assert!(without == empty, "{export}: {name}");
            with_effect += usize::from(without != unchanged);
            *compared.entry(export).or_insert(0) += 1;
        }
    }
    assert_eq!(compared.len(), 6);
    assert!(compared["procuratorate.case-parties"] >= 30, "{compared:?}");
    assert!(with_effect >= 40, "{with_effect} of {compared:?}");
}

// Aids for a household

/// Who lives with whom is in no export, so the rows of one case name each other, also across
/// the lists of adults and minors. Not where nobody else is a party, and not in a case with
/// hundreds of victims, who are strangers.
#[test]
fn leads_of_one_case_for_a_household_name_each_other() {
    let child = id_number("44990120160505901");
    let mut parties = vec![
        (id(1), "family", "赵甲"),
        (id(2), "family", "赵乙"),
        (child, "family", "赵丙"),
        (id(3), "alone", "赵丁"),
    ];
    parties.extend((10..22).map(|number| (id(number), "twelve", "钱某")));
    parties.extend((30..43).map(|number| (id(number), "thirteen", "孙某")));
    let cases = parties
        .iter()
        .map(|(id, case, name)| format!("{id},{case},{name},被害人,否\n"));
    let cases = format!("{ROLE_ALONE}\n{}", cases.collect::<String>());
    let margin = parties
        .iter()
        .map(|(id, ..)| format!("{id},dibao_margin,active\n"));
    let round = round_of(&cases, &margin.collect::<String>());
    let result = round.run();
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);

    let lists = round.match_lists("output");
    let rows = lists.values().flat_map(|bytes| csv_records(bytes));
    let rows: Vec<BTreeMap<String, String>> = rows.collect();
    let of = |case: &str, aid: &str| -> Vec<(String, String)> {
        let rows = rows.iter().filter(|row| row["Case number"] == case);
        rows.filter(|row| row["Aid"].starts_with(aid))
            .map(|row| (row["Lead number"].clone(), row["What to check"].clone()))
            .collect()
    };
    for (case, people, is_marked) in [
        ("family", 3, true),
        ("alone", 1, false),
        ("twelve", 12, true),
        ("thirteen", 13, false),
    ] {
        let leads = of(case, "Subsistence allowance (dibao)");
        assert_eq!(leads.len(), people, "{case}");
        for (number, check) in &leads {
            let mark = check.split_once("household to be checked");
            assert_eq!(mark.is_some(), is_marked, "{case}: {check}");
            let mark = mark.map_or("", |(_, after)| after.split('】').next().unwrap());
            for (other, _) in &leads {
                let is_named = is_marked && other != number;
                assert_eq!(mark.contains(other.as_str()), is_named, "{case}: {check}");
            }
        }
    }
    // An aid that one person gets names nobody.
    let leads = of("family", "State judicial aid");
    assert_eq!(leads.len(), 3);
    assert!(
        leads
            .iter()
            .all(|(_, check)| !check.contains("household to be checked"))
    );
}
