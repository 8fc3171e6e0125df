//! The cause of action: the kind of case, the civil cause and the category of the offence
//! that are derived from it.

use std::collections::BTreeMap;

use crate::cells::{id, round};
use crate::support::{Round, csv_records};

/// A victim with a serious injury, of whom the export does not say in a column of its own
/// whether the case is criminal or civil. Of a criminal case the lead is established; of
/// a civil one that is no tort there is none.
const HEADER: &str = "身份证号,案号,姓名,诉讼地位,封存标志,损伤程度,加害人情况";
const CELLS: &str = "赵某,被害人,否,重伤二级,无赔偿能力";

const ESTABLISHED: Option<&str> = Some("established");
const OPEN: Option<&str> = Some("to be clarified");

/// Makes a round of victims on dibao, one for each text of the further columns.
fn round_with(header: &str, rows: &[&str]) -> Round {
    let round = round(&[
        ("procuratorate.case-parties", "cases.csv"),
        ("civil-affairs.assistance", "assistance.csv"),
    ]);
    let mut cases = format!("{HEADER},{header}\n");
    let mut assistance = "national_id,kind,status\n".to_owned();
    for (index, cells) in rows.iter().enumerate() {
        let id = id(index + 1);
        cases += &format!("{id},C{index},{CELLS},{cells}\n");
        assistance += &format!("{id},dibao,active\n");
    }
    round.write("cases.csv", cases);
    round.write("assistance.csv", assistance);
    round
}

/// Returns the grade of each row's lead for judicial aid.
fn grades(round: &Round, rows: usize) -> Vec<Option<String>> {
    let result = round.run();
    assert!(
        [0, 3].contains(&result.code),
        "{}{}",
        result.stdout,
        result.stderr
    );
    let lists = round.lists("output");
    let leads = csv_records(&lists["lists/for-review/to-judicial-aid.csv"]);
    let by_case: BTreeMap<&str, &str> = leads
        .iter()
        .map(|lead| (&*lead["Case number"], &*lead["Grade"]))
        .collect();
    (0..rows)
        .map(|row| {
            by_case
                .get(format!("C{row}").as_str())
                .map(|grade| (*grade).to_owned())
        })
        .collect()
}

fn assert_grades(header: &str, table: &[(&str, Option<&str>)]) -> Round {
    let rows: Vec<&str> = table.iter().map(|(cells, _)| *cells).collect();
    let round = round_with(header, &rows);
    for ((cells, expected), found) in table.iter().zip(grades(&round, rows.len())) {
        assert_eq!(found.as_deref(), *expected, "{header}: {cells}");
    }
    round
}

#[test]
fn charges_and_causes_decide_the_kind_of_case() {
    let table = [
        // As offices write charges.
        ("故意伤害", ESTABLISHED),
        ("故意伤害罪", ESTABLISHED),
        ("故意伤害案", ESTABLISHED),
        ("故意伤害一案", ESTABLISHED),
        ("涉嫌故意伤害", ESTABLISHED),
        ("涉嫌故意伤害罪", ESTABLISHED),
        ("涉嫌故意伤害案", ESTABLISHED),
        ("犯故意伤害罪", ESTABLISHED),
        ("　故意伤害罪 ", ESTABLISHED),
        ("故意伤害（致死）", ESTABLISHED),
        ("交通肇事罪", ESTABLISHED),
        // Names with separators of their own, and several charges.
        ("强制猥亵、侮辱罪", ESTABLISHED),
        ("掩饰、隐瞒犯罪所得、犯罪所得收益罪", ESTABLISHED),
        ("抢劫、故意伤害", ESTABLISHED),
        ("涉嫌抢劫罪；故意伤害罪", ESTABLISHED),
        ("故意伤害罪/强制猥亵、侮辱罪", ESTABLISHED),
        // Of a tort the ground of torts remains open.
        ("机动车交通事故责任纠纷", OPEN),
        ("生命权、身体权、健康权纠纷", OPEN),
        ("健康权纠纷案", OPEN),
        // Of other civil and administrative causes no ground remains.
        ("民间借贷纠纷", None),
        ("赡养纠纷", None),
        ("抚养费纠纷", None),
        ("离婚纠纷一案", None),
        ("劳动争议", None),
        ("工伤保险待遇纠纷", None),
        ("行政处罚", None),
        // All causes count, so one of them may be a crime.
        ("民间借贷纠纷、故意伤害", ESTABLISHED),
        // What is not in the table is not known, and never a no.
        ("", OPEN),
        ("不详", OPEN),
        ("其他", OPEN),
        ("本表没有的罪", OPEN),
        ("故意伤害、本表没有的罪", OPEN),
        ("张三故意伤害案", OPEN),
        ("故意伤害未遂后自首", OPEN),
        ("民间借贷纠纷、本表没有的纠纷", OPEN),
        ("民间借贷纠纷、其他", OPEN),
    ];
    assert_grades("案由", &table);
    // The header is the charge alone.
    assert_grades("罪名", &table[..3]);
    assert_grades("备注", &table.map(|(cells, _)| (cells, OPEN)));
}

#[test]
fn a_value_of_its_own_column_comes_before_the_cause() {
    assert_grades(
        "案由,案件类别",
        &[
            ("民间借贷纠纷,刑事", ESTABLISHED),
            ("本表没有的纠纷,刑事", ESTABLISHED),
            ("民间借贷纠纷,", None),
            ("故意伤害罪,", ESTABLISHED),
            ("故意伤害罪,其他", None),
            // A cell that cannot be read is not replaced.
            ("故意伤害罪,甲类", OPEN),
            ("民间借贷纠纷,甲类", OPEN),
        ],
    );
    assert_grades(
        "案由,民事案由,诉讼赔偿情况",
        &[
            ("生命权、身体权、健康权纠纷,,未获赔偿", ESTABLISHED),
            ("机动车交通事故责任纠纷,,未获赔偿", ESTABLISHED),
            ("机动车交通事故责任纠纷,民间借贷纠纷,未获赔偿", None),
            ("民间借贷纠纷,健康权纠纷,未获赔偿", ESTABLISHED),
            ("民间借贷纠纷,,未获赔偿", None),
        ],
    );
}

#[test]
fn a_constant_is_a_cause_too() {
    for (constant, expected) in [
        ("cause_of_action = \"故意伤害罪\"", ESTABLISHED),
        ("cause_of_action = \"民间借贷纠纷\"", None),
        ("case_kind = \"criminal\"", ESTABLISHED),
    ] {
        let round = round_with("备注", &["", ""]);
        let path = "path = \"cases.csv\"\n";
        round.replace(
            "round.toml",
            path,
            &format!("{path}constants = {{ {constant} }}\n"),
        );
        for found in grades(&round, 2) {
            assert_eq!(found.as_deref(), expected, "{constant}");
        }
    }
}

#[test]
fn causes_that_are_not_in_the_table_are_counted_once_and_listed_without_names() {
    let titles = ["王小二等人诈骗案", "王小二诈骗", "王小二非法占地案"];
    let cells: Vec<&str> = ["本表没有的罪"; 5]
        .into_iter()
        .chain(titles.into_iter().flat_map(|title| [title; 6]))
        .collect();
    let round = round_with("案由", &cells);
    let result = round.run();
    assert!(
        result
            .stdout
            .contains("values.cause_of_action.\"本表没有的罪\" = \"?\" # 5 rows")
    );
    assert!(!result.stdout.contains("王小二"), "{}", result.stdout);
    let cases = round.export_in_manifest("procuratorate.case-parties");
    // Two fields are derived from each cell.
    assert_eq!(
        cases["account"]["unreadable_values"],
        serde_json::json!({ "cause_of_action: unknown_code": 23 })
    );
    // A label of the round file is read as the schema's are.
    let path = "path = \"cases.csv\"\n";
    round.replace(
        "round.toml",
        path,
        &format!("{path}values.cause_of_action.\"本表没有的罪\" = \"intentional_injury\"\n"),
    );
    assert_eq!(
        grades_of_second_run(&round, 5),
        vec![ESTABLISHED.map(str::to_owned); 5]
    );
}

fn grades_of_second_run(round: &Round, rows: usize) -> Vec<Option<String>> {
    std::fs::remove_dir_all(round.path("output")).unwrap();
    grades(round, rows)
}

/// Where the columns of its own are filled, the cause is not read and not counted.
#[test]
fn a_cause_is_read_only_where_a_row_needs_it() {
    let round = round_with(
        "案由,案件类别,民事案由,犯罪类别",
        &[
            "本表没有的罪,刑事,其他,其他",
            "本表没有的罪,民事,健康权纠纷,其他",
        ],
    );
    let result = round.run();
    assert!(
        !result.stdout.contains("cause_of_action"),
        "{}",
        result.stdout
    );
}
