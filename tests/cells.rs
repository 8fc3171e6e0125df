//! Cells as offices write them, in every format: what is read, what is no date, and what
//! cannot be read, which leads to a person and never to a no.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray};
use rust_xlsxwriter::{Format, Workbook};

use crate::sample_round::account_line;
use crate::support::{CommandResult, Round, csv_records, csv_rows, id_number};

/// Returns a synthetic ID number with this sequence number, born on 1985-05-05.
pub fn id(sequence: usize) -> String {
    id_number(&format!("44990119850505{sequence:03}"))
}

/// A round of case parties and one register, with the files of the sample's policy.
pub fn round(exports: &[(&str, &str)]) -> Round {
    let round = Round::sample();
    let mut text = r#"round = "cells"
as_of = 2026-09-30
purpose = "joint-screening"
mode = "pooled"
operator = "synthetic"
retention_until = 2026-12-31
list_language = "en"
policy = "../../policies/shaoguan.toml"
schemas = "../../schemas"
calendar = "../../calendars/china.toml"
output = "output"
impact_assessment = { id = "PIA", valid_until = 2027-06-30 }
key = { file = "cells.key", algorithm = "hmac-sha256" }
thresholds = { snapshot_age_days = 92, reject_rate = 1.0 }
"#
    .to_owned();
    for (schema, path) in exports {
        text += &format!(
            "[[export]]\nschema = \"{schema}\"\npath = \"{path}\"\nsnapshot = 2026-09-28\nlegal_basis = \"synthetic\"\n"
        );
    }
    round.write("round.toml", text);
    round
}

const CASE_HEADER: &str = "身份证号,案号,姓名,承办人,诉讼地位,案件类别,封存标志,当事人死亡,伤情等级,加害人情况,财产损失金额,追回或获赔金额,生活困难,司法救助办理情况";

/// Returns a victim's row with these cells from 封存标志 to 生活困难.
fn victim(sequence: usize, cells: &str) -> String {
    format!(
        "{},C{sequence},赵某,东检察官,被害人,刑事,{cells},未办理\n",
        id(sequence)
    )
}

/// The leads of an aid by the victims' sequence numbers: whether each is to be clarified,
/// and what is to be checked.
fn leads(round: &Round, aid: &str) -> BTreeMap<usize, (bool, String)> {
    let mut leads = BTreeMap::new();
    for bytes in round.match_lists("output").into_values() {
        for row in csv_records(&bytes) {
            if row["Aid"].starts_with(aid) {
                let sequence = row["Case number"].trim_start_matches('C').parse().unwrap();
                let is_open = row["Grade"] == "to be clarified";
                assert!(is_open || row["Grade"] == "established", "{row:?}");
                leads.insert(sequence, (is_open, row["What to check"].clone()));
            }
        }
    }
    leads
}

fn assert_done(result: &CommandResult) {
    assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
}

/// What the end of a person's assistance makes of the lead for judicial aid, which rests
/// on receiving dibao.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receives {
    Yes,
    No,
    Unknown,
}

/// An end of assistance: how a text cell, or a number in a cell with or without a date
/// format, writes it.
enum End {
    Text(&'static str),
    Number(f64),
    DateCell(f64),
}

fn ends() -> Vec<(End, Receives)> {
    use End::{DateCell, Number, Text};
    use Receives::{No, Unknown, Yes};
    let past = [
        "20240501",
        "20240501.0",
        "20240501083015",
        "2024/5/1",
        "2024-05-01",
        "2024.5.1",
        "2024年5月1日",
        "２０２４年５月１日",
        "2024年5月1号",
        "2024 年 5 月 1 日",
        "2024/5/1 0:00:00",
        "2024-05-01T00:00:00+08:00",
        "2024-04-30T16:00:00.000Z",
        "2024-05",
        "202405",
        "2025.10",
        "2024年5月",
        "45413",
        "45413.0",
        "\u{2068}2024-05-01\u{2069}",
        "'2024-05-01",
    ];
    let none = [
        "",
        "-",
        "0",
        "1900-01-01",
        "1900/1/1 0:00:00",
        "1900/1/0",
        "1899-12-30",
        "0001-01-01",
        "0000-00-00",
        "9999-12-31",
        "20991231",
        "2026-10-01",
        "2026-09-30T16:00:00Z",
    ];
    let unreadable = [
        "长期",
        "24-05-01",
        "5/1/2024",
        "2025.1",
        "2024-02-30",
        "20241301",
        "0024-05-01",
        "#N/A",
        "1970-01-01",
        "19999",
        "2024",
        "2024-05-01至2025-05-01",
    ];
    let mut ends = Vec::new();
    ends.extend(past.map(|text| (Text(text), No)));
    ends.extend(none.map(|text| (Text(text), Yes)));
    ends.extend(unreadable.map(|text| (Text(text), Unknown)));
    ends.extend([20_240_501.0, 45_413.0, 202_405.0, 2024.05].map(|number| (Number(number), No)));
    ends.extend([0.0, 20_991_231.0].map(|number| (Number(number), Yes)));
    ends.extend([2025.1, 2024.0, 67.0, 19_999.0].map(|number| (Number(number), Unknown)));
    ends.extend([45_413.0, 45_413.5, 20_240_501.0, 202_405.0].map(|serial| (DateCell(serial), No)));
    ends.extend([0.0, 2_958_465.0, 46_296.0].map(|serial| (DateCell(serial), Yes)));
    let not_days = [0.5, 67.0, 2024.0, 15_000.0, 2_958_466.0, 4.4e17];
    ends.extend(not_days.map(|serial| (DateCell(serial), Unknown)));
    ends
}

/// Runs the round on a register of recipients of dibao and compares the leads.
pub fn assert_receives(name: &str, file: &[u8], expected: &[Receives]) {
    let round = round(&[
        ("procuratorate.case-parties", "cases.csv"),
        ("civil-affairs.assistance", name),
    ]);
    let victims =
        (1..=expected.len()).map(|sequence| victim(sequence, "否,否,无,无赔偿能力,50000,0,否"));
    round.write(
        "cases.csv",
        format!("{CASE_HEADER}\n{}", victims.collect::<String>()),
    );
    round.write(name, file);
    assert_done(&round.run());
    let leads = leads(&round, "State judicial aid");
    for (sequence, expected) in (1..).zip(expected) {
        let found = match leads.get(&sequence) {
            None => Receives::No,
            Some((false, _)) => Receives::Yes,
            Some((true, _)) => Receives::Unknown,
        };
        assert_eq!(found, *expected, "{name}, row {sequence}");
    }
}

pub const REGISTER_HEADER: [&str; 5] = ["身份证号", "姓名", "救助类别", "在保状态", "结束日期"];

pub fn register_row(sequence: usize) -> [String; 4] {
    [id(sequence), "赵某".into(), "低保".into(), "在保".into()]
}

#[test]
fn an_end_of_assistance_is_read_alike_in_every_text_format() {
    let ends = ends();
    let texts: Vec<(&str, Receives)> = ends
        .iter()
        .filter_map(|(end, receives)| match end {
            End::Text(text) => Some((*text, *receives)),
            _ => None,
        })
        .collect();
    let mut csv = REGISTER_HEADER.join(",") + "\n";
    for (sequence, (text, _)) in (1..).zip(&texts) {
        csv += &format!("{},{text}\n", register_row(sequence).join(","));
    }
    let expected: Vec<Receives> = texts.iter().map(|(_, receives)| *receives).collect();
    assert_receives("a.csv", csv.as_bytes(), &expected);
    assert_receives("b.csv", &encoding_rs::GB18030.encode(&csv).0, &expected);
    let column = |cells: Vec<&str>| Arc::new(StringArray::from(cells)) as ArrayRef;
    let ends = column(texts.iter().map(|(text, _)| *text).collect());
    assert_receives("a.parquet", &parquet(texts.len(), ends), &expected);
}

#[test]
fn an_end_of_assistance_is_read_by_the_kind_of_its_cell_in_a_workbook() {
    let ends = ends();
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy/m/d");
    let sheet = workbook.add_worksheet();
    for (column, header) in (0..).zip(REGISTER_HEADER) {
        sheet.write_string(0, column, header).unwrap();
    }
    for (row, (end, _)) in (1_u32..).zip(&ends) {
        for (column, cell) in (0..).zip(register_row(row as usize)) {
            sheet.write_string(row, column, cell).unwrap();
        }
        match end {
            End::Text(text) => sheet.write_string(row, 4, *text).unwrap(),
            End::Number(number) => sheet.write_number(row, 4, *number).unwrap(),
            End::DateCell(serial) => sheet
                .write_number_with_format(row, 4, *serial, &date)
                .unwrap(),
        };
    }
    let expected: Vec<Receives> = ends.iter().map(|(_, receives)| *receives).collect();
    assert_receives("a.xlsx", &workbook.save_to_buffer().unwrap(), &expected);
}

#[test]
fn an_end_of_assistance_is_read_by_the_type_of_its_parquet_column() {
    use Receives::{No, Unknown, Yes};
    let numbers: Vec<(f64, Receives)> = ends()
        .into_iter()
        .filter_map(|(end, receives)| match end {
            End::Number(number) => Some((number, receives)),
            _ => None,
        })
        .collect();
    let expected: Vec<Receives> = numbers.iter().map(|(_, receives)| *receives).collect();
    let column = Float64Array::from_iter_values(numbers.iter().map(|(number, _)| *number));
    assert_receives(
        "a.parquet",
        &parquet(numbers.len(), Arc::new(column)),
        &expected,
    );
    // 2024-05-01, 2026-10-01, 1900-01-01, 9999-12-31, 1850-01-01, null.
    let days = [
        Some(19_844),
        Some(20_727),
        Some(-25_567),
        Some(2_932_896),
        Some(-43_829),
        None,
    ];
    let expected = [No, Yes, Yes, Yes, Unknown, Yes];
    assert_receives(
        "b.parquet",
        &parquet(6, Arc::new(Date32Array::from(days.to_vec()))),
        &expected,
    );
}

pub fn parquet(rows: usize, ends: ArrayRef) -> Vec<u8> {
    let rows: Vec<[String; 4]> = (1..=rows).map(register_row).collect();
    let texts = (0..4).map(|column| {
        let cells = rows.iter().map(|row| row[column].as_str());
        Arc::new(StringArray::from_iter_values(cells)) as ArrayRef
    });
    let columns = REGISTER_HEADER.into_iter().zip(texts.chain([ends]));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_birth_date_is_compared_however_it_is_written() {
    let round = round(&[
        ("procuratorate.case-parties", "cases.csv"),
        ("civil-affairs.assistance", "a.xlsx"),
    ]);
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy/m/d");
    let sheet = workbook.add_worksheet();
    for (column, header) in (0..).zip(["身份证号", "出生日期", "救助类别", "在保状态"])
    {
        sheet.write_string(0, column, header).unwrap();
    }
    let right = [
        "19850505",
        "1985年5月5号",
        "1985-05-04T16:00:00.000Z",
        "1985-05",
        "1985",
        "不详",
    ];
    let wrong = ["19750505", "1975/5/5 0:00:00", "1985-05-04T15:00:00.000Z"];
    let mut row = 0;
    let mut victims = String::new();
    let mut add = |write: &mut dyn FnMut(u32)| {
        row += 1;
        victims += &victim(row as usize, "否,否,无,无赔偿能力,50000,0,否");
        write(row);
    };
    for text in right.into_iter().chain(wrong) {
        add(&mut |row| {
            sheet.write_string(row, 1, text).unwrap();
        });
    }
    // Eight digits, a year and an age in a date format; the birthday; one before 1954.
    for serial in [19_850_505.0, 1985.0, 41.0, 31_172.0, 15_000.0] {
        add(&mut |row| {
            sheet
                .write_number_with_format(row, 1, serial, &date)
                .unwrap();
        });
    }
    for row in 1..=14 {
        sheet.write_string(row, 0, id(row as usize)).unwrap();
        sheet.write_string(row, 2, "低保").unwrap();
        sheet.write_string(row, 3, "在保").unwrap();
    }
    round.write("a.xlsx", workbook.save_to_buffer().unwrap());
    round.write("cases.csv", format!("{CASE_HEADER}\n{victims}"));
    assert_done(&round.run());
    let found: Vec<usize> = leads(&round, "State judicial aid").into_keys().collect();
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 10, 11, 12, 13]);
    // The others are rejected for their birth date, and nothing else is.
    let rejects = csv_rows(&round.output("output")["rejects/civil-affairs.csv"]);
    let rejects: Vec<[&str; 2]> = rejects
        .iter()
        .map(|row| [row[3].as_str(), row[5].as_str()])
        .collect();
    assert_eq!(
        rejects,
        ["8", "9", "10", "15"].map(|line| [line, "birth_date_contradicts"])
    );
}

/// The loss, in words or a unit, of victims in hardship, who get dibao if it is major.
#[test]
fn an_unreadable_fact_is_a_lead_to_check_that_names_the_column() {
    let round = round(&[("procuratorate.case-parties", "cases.csv")]);
    let firm = [
        "50000",
        "5万",
        "5万元",
        "50000元整",
        "5,0000",
        "￥50,000.00",
        "50000.0",
    ];
    let open = ["约50000", "伍万元", "5-6万", "五万", "#REF!"];
    // Without a loss the ground is not known, and the hardship is.
    let empty = [""];
    let no = ["2.9万", "29999元"];
    let mut text = format!("{CASE_HEADER}\n");
    let all = firm.iter().chain(&open).chain(&empty).chain(&no);
    for (sequence, loss) in (1..).zip(all) {
        text += &victim(sequence, &format!("否,否,无,无赔偿能力,\"{loss}\",0,是"));
    }
    // The seal cannot be read, and is withheld; nor can it be read whether the party died.
    text += &victim(16, "某,否,无,无赔偿能力,50000,0,是");
    text += &victim(17, "否,某,无,无赔偿能力,50000,0,是");
    round.write("cases.csv", text);
    assert_done(&round.run());
    let leads = leads(&round, "Subsistence allowance");
    for (sequence, loss) in (1..).zip(firm) {
        assert!(!leads[&sequence].0, "{loss}");
    }
    for (sequence, loss) in (8..).zip(open) {
        let (is_open, check) = &leads[&sequence];
        assert!(is_open, "{loss}");
        assert!(check.contains("Property loss"), "{loss}: {check}");
    }
    let (is_open, check) = &leads[&13];
    assert!(is_open);
    assert!(!check.contains("could not be read"), "{check}");
    let (is_open, check) = &leads[&17];
    assert!(is_open);
    assert!(
        check.contains("could not be read: Party deceased"),
        "{check}"
    );
    let others: Vec<usize> = leads
        .into_keys()
        .filter(|sequence| *sequence > 13)
        .collect();
    assert_eq!(others, [17]);
}

/// A cell that is merged with another one is neither empty nor a no.
#[test]
fn a_fact_in_a_merged_cell_is_a_lead_to_check_that_names_the_column() {
    let round = round(&[("procuratorate.case-parties", "cases.xlsx")]);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, CASE_HEADER.split(',')).unwrap();
    // Nothing; offender and loss; name and handler; kind of case and seal.
    for (row, merged) in (1..).zip([None, Some(9), Some(2), Some(5)]) {
        let line = victim(row as usize, "否,否,无,无赔偿能力,50000,0,是");
        let cells: Vec<&str> = line.trim_end().split(',').collect();
        sheet.write_row(row, 0, cells.iter().copied()).unwrap();
        if let Some(column) = merged {
            let text = cells[usize::from(column)];
            let area = sheet.merge_range(row, column, row, column + 1, text, &Format::new());
            area.unwrap();
        }
    }
    round.write("cases.xlsx", workbook.save_to_buffer().unwrap());
    assert_done(&round.run());
    let leads = leads(&round, "Subsistence allowance");
    assert_eq!(Vec::from_iter(leads.keys().copied()), [1, 2, 3]);
    let [(first, _), (second, loss), (third, handler)] = [&leads[&1], &leads[&2], &leads[&3]];
    assert_eq!([*first, *second, *third], [false, true, false]);
    assert!(loss.contains("could not be read: Property loss"), "{loss}");
    assert!(handler.contains("could not be read: Handler"), "{handler}");
}

#[test]
fn amounts_in_another_unit_are_converted_and_reported_or_refused() {
    let rows = |loss: [&str; 2]| {
        let row = |(sequence, loss)| victim(sequence, &format!("否,否,无,无赔偿能力,{loss},0,是"));
        (1..).zip(loss).map(row).collect::<String>()
    };
    let in_header = CASE_HEADER.replace("财产损失金额", "财产损失金额（万元）");
    for (titles, header, converted) in [
        ("情况表\n,,单位：万元\n", CASE_HEADER, true),
        ("", in_header.as_str(), true),
        ("单位：元\n", in_header.as_str(), true),
        ("单位：元\n", CASE_HEADER, false),
        ("填报单位：某院\n", CASE_HEADER, false),
    ] {
        let round = round(&[("procuratorate.case-parties", "cases.csv")]);
        // Three in ten thousands of yuan are major, 2.9 are not.
        round.write(
            "cases.csv",
            format!("{titles}{header}\n{}", rows(["3.0", "2.9"])),
        );
        let result = round.run();
        assert_done(&result);
        let found: Vec<usize> = leads(&round, "Subsistence allowance").into_keys().collect();
        assert_eq!(
            found,
            if converted { vec![1] } else { vec![] },
            "{titles}{header}"
        );
        let said = result
            .stdout
            .contains("amounts in 万元 are converted to yuan: Property loss");
        assert_eq!(said, converted, "{}", result.stdout);
        let cases = round.export_in_manifest("procuratorate.case-parties");
        assert_eq!(cases["account"]["rejected"], 0, "{titles}{header}");
        assert_eq!(
            cases.to_string().contains("\"unit\":\"万元\""),
            converted,
            "{titles}{header}"
        );
    }
    let round = round(&[("procuratorate.case-parties", "cases.csv")]);
    round.write(
        "cases.csv",
        format!("单位：元、万元\n{CASE_HEADER}\n{}", rows(["3", "3"])),
    );
    round
        .run()
        .assert_error(1, "the unit of `property_loss` is uncertain");
}

/// The unit is in a line below the header, for all columns of amounts or for each of them.
#[test]
fn a_line_of_units_below_the_header_is_no_row_and_its_unit_counts() {
    let in_columns = |loss: &str, recovered: &str| format!(",,,,,,,,,,{loss},{recovered},,\n");
    let converted = [
        "单位：万元\n".to_owned(),
        "（单位：万元）,,,\n".to_owned(),
        "万元\n".to_owned(),
        ",,\n（万元）\n".to_owned(),
        "金额单位：人民币万元,,\n".to_owned(),
        "本表以万元为单位\n".to_owned(),
        ",,,,,,,,,,,,,单位：万元\n".to_owned(),
        ",,,,,,,,,,单位：万元,,,\n".to_owned(),
        in_columns("万元", "万元"),
        in_columns("（万元）", "（元）"),
        in_columns("单位：人、万元", ""),
    ];
    let as_written = [
        "单位：元\n".to_owned(),
        in_columns("元", ""),
        in_columns("（元）", "（万元）"),
    ];
    let refused = [
        // The unit of the other column of amounts is not known.
        in_columns("万元", ""),
        in_columns("", "（万元）"),
        in_columns("美元", "元"),
        "单位：元、万元\n".to_owned(),
        "单位：港币\n".to_owned(),
        // Below the heading of a column that holds no amounts.
        ",,万元\n".to_owned(),
    ];
    let run = |below: &str, gb18030: bool| {
        let round = round(&[("procuratorate.case-parties", "cases.csv")]);
        let row = |sequence, loss| victim(sequence, &format!("否,否,无,无赔偿能力,{loss},0,是"));
        let text = format!("{CASE_HEADER}\n{below}{}{}", row(1, "3.0"), row(2, "2.9"));
        match gb18030 {
            true => round.write("cases.csv", encoding_rs::GB18030.encode(&text).0),
            false => round.write("cases.csv", text),
        }
        let result = round.run();
        (round, result)
    };
    for gb18030 in [false, true] {
        let lines = converted.iter().map(|line| (line, vec![1]));
        let lines = lines.chain(as_written.iter().map(|line| (line, vec![])));
        for (below, expected) in lines {
            let (round, result) = run(below, gb18030);
            assert_done(&result);
            let found: Vec<usize> = leads(&round, "Subsistence allowance").into_keys().collect();
            assert_eq!(found, expected, "{below}");
            let account = account_line(&result.stdout, "Procuratorate: parties");
            assert!(account.starts_with("2 0 "), "{below}{}", result.stdout);
        }
        for below in &refused {
            let (_, result) = run(below, gb18030);
            assert_eq!(result.code, 1, "{below}{}", result.stdout);
            let messages = [
                "is uncertain",
                "cases.csv (line 2): this line states a unit of money",
            ];
            let is_named = messages
                .iter()
                .any(|message| result.stderr.contains(message));
            assert!(is_named, "{below}{}", result.stderr);
        }
    }
}

/// A line below the rows states a unit. Amounts of columns whose headers state their own
/// are not in doubt.
#[test]
fn a_footer_with_another_unit_than_that_of_the_amounts_refuses_the_file() {
    let own = CASE_HEADER.replace("财产损失金额", "财产损失金额（元）");
    let own = own.replace("追回或获赔金额", "追回或获赔金额（元）");
    let other = [
        "单位：万元",
        "（单位：万元）",
        "金额单位：人民币万元,,制表人：甲",
        "制表人：甲,,,单位：千元",
        "注：本表金额单位均为万元。",
        "说明：金额以万元计",
        "备注：以万元为单位,,",
        "合计（万元）,,,,,,,,,,6,0,,",
        "万元",
        ",,,,,,,,,,万元,,,",
        "单位：美元",
        "单位：元、万元",
    ];
    let same = [
        "单位：元",
        "注：本表金额单位为元。",
        "合计（元）",
        "制表人：甲,,单位：人民币元",
        "注：共发放 5 万元",
    ];
    let run = |titles: &str, header: &str, footer: &str| {
        let round = round(&[("procuratorate.case-parties", "cases.csv")]);
        let row = victim(1, "否,否,无,无赔偿能力,3.0,0,是");
        round.write("cases.csv", format!("{titles}{header}\n{row}{footer}\n"));
        round.run()
    };
    for footer in other {
        let result = run("", CASE_HEADER, footer);
        assert_eq!(result.code, 1, "{footer}{}", result.stdout);
        let message = "cases.csv (line 3): this line states a unit of money, but the header states \
                       none: the unit of `property_loss`, `recovered_amount` is uncertain";
        assert!(result.stderr.contains(message), "{footer}{}", result.stderr);
        assert_done(&run("", &own, footer));
    }
    for footer in same {
        assert_done(&run("", CASE_HEADER, footer));
    }
    assert_done(&run("单位：万元\n", CASE_HEADER, "单位：万元"));
    assert_eq!(run("单位：万元\n", CASE_HEADER, "单位：元").code, 1);
}

/// Where a table of victims states a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stated {
    Above,
    InHeader,
    Below,
    InFoot,
}

/// What a statement of a unit does to amounts without their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amounts {
    InTenThousands,
    AsWritten,
    Refused,
}

/// Statements of units, separated by lines.
const STATED_UNITS: [(Stated, Amounts, &str); 11] = [
    (
        Stated::Above,
        Amounts::InTenThousands,
        "单 位：万 元\n金额：万元\n单位：万\n單位：萬元\n计量单位：人民币（萬圓）\n\
         注：金额以万元为单位，保留两位小数\n说明：1.金额按万元统计；2.其他",
    ),
    (
        Stated::Above,
        Amounts::AsWritten,
        "（元）\n单 位：元\n本表统计损失3万元以上案件，单位：元\n填报单位：万元店镇\n\
         2026年损失超过5万元的被害人名单\n万州区名册",
    ),
    (
        Stated::Above,
        Amounts::Refused,
        "单位：元（表中金额列为万元）\n财产损失情况万元\n金额折算为美元后填写\n单位：分\n\
         单位：w元\nUnit: 10000 yuan",
    ),
    (
        Stated::InHeader,
        Amounts::InTenThousands,
        "（万）\n(单位:万)\n（人民币：万元）\n(万元 保留两位小数)\n（万元人民币）\n（单位为万元）\n\
         (以万元计)\n（萬元）\n（估算）（万元）\n（万元）*必填\n 万元\n（万元",
    ),
    (
        Stated::InHeader,
        Amounts::AsWritten,
        "（元）\n（必填）\n*必填\n（可空）\n（保留两位小数）\n（估算）\n（单位：元）（选填）",
    ),
    (
        Stated::InHeader,
        Amounts::Refused,
        "（分）\n（角）\n（w）\n(w元)\n（折合万元）\n（精确到万元）\n（元、万元）\n（美元）\n（日圆 必填）",
    ),
    (
        Stated::Below,
        Amounts::InTenThousands,
        "文本,,文本,,,,,,,,万元,（元）,,\n（萬 元）\n必填,,选填,,,,,,,,（万）,元,,\n文本,,,,,,,,,,万,元,,\n单位：万\n\
         ,,,,,,,,,,数值（万元）,数值（元）,,\n,,↵,,,,,,,,,,万元,万元,,",
    ),
    (
        Stated::Below,
        Amounts::Refused,
        "18位,,中文,,,,,,,,万元,元,,\n以上万元,,,,,,,,,,,,,\n,,,,,,,,,,角,元,,",
    ),
    (
        Stated::InFoot,
        Amounts::AsWritten,
        "合计,,,,,,,,,,59000元,,,\n合计,,,,,,,,,,5.9,,,\n合计（大写）：人民币伍万玖千元整\n\
         注：共发放 5 万元\n共2人\n填报单位：万元店镇",
    ),
    (
        Stated::InFoot,
        Amounts::Refused,
        "合计,,,,,,,,,,5.9万元,,,\n合计：5.9万\n小计,,,,,,,,,,5.9 萬元,,,\n\
         说明：1.财产损失金额以万元计；2.其他\n（以上金额单位：万元）\n以上金额均为万元\n\
         注：金额系万元数\n备注：表内损失折为美元\n单 位：萬 元\n,,人,,,,,,,,万元,,,",
    ),
    (Stated::InFoot, Amounts::Refused, "单位：分\n注：以角为单位"),
];

/// The forms in which offices give the same table.
#[derive(Clone, Copy, Debug)]
enum FileForm {
    Utf8,
    Gb18030,
    Xlsx,
}

impl FileForm {
    fn write(self, round: &Round, text: &str) {
        match self {
            FileForm::Utf8 => round.write("cases.csv", text),
            FileForm::Gb18030 => round.write("cases.csv", encoding_rs::GB18030.encode(text).0),
            FileForm::Xlsx => {
                let mut workbook = Workbook::new();
                write_sheet(workbook.add_worksheet(), text);
                round.write("cases.xlsx", workbook.save_to_buffer().unwrap());
            }
        }
    }

    fn file(self) -> &'static str {
        match self {
            FileForm::Utf8 | FileForm::Gb18030 => "cases.csv",
            FileForm::Xlsx => "cases.xlsx",
        }
    }
}

/// Writes lines of text without quotes as rows of a sheet.
fn write_sheet(sheet: &mut rust_xlsxwriter::Worksheet, text: &str) {
    for (row, line) in (0..).zip(text.lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            if !cell.is_empty() {
                sheet.write_string(row, column, cell).unwrap();
            }
        }
    }
}

/// Two victims in hardship: a loss of 3.0 in ten thousands is major, 2.9 is not.
fn two_victims() -> String {
    let row = |sequence, loss| victim(sequence, &format!("否,否,无,无赔偿能力,{loss},0,是"));
    row(1, "3.0") + &row(2, "2.9")
}

#[test]
fn a_unit_is_read_in_many_spellings_and_otherwise_refuses_the_file() {
    let rows = two_victims();
    for form in [FileForm::Utf8, FileForm::Gb18030, FileForm::Xlsx] {
        for (stated, amounts, spelling) in STATED_UNITS
            .iter()
            .flat_map(|(stated, amounts, all)| all.lines().map(|one| (*stated, *amounts, one)))
        {
            let case = format!("{form:?} {stated:?} {amounts:?} {spelling}");
            let header = |note: &str| {
                let loss = format!("财产损失金额{note}");
                CASE_HEADER.replace("财产损失金额", &loss)
            };
            let spelling = spelling.replace('↵', "\n");
            let (text, line) = match stated {
                Stated::Above => (format!("{spelling}\n{CASE_HEADER}\n{rows}"), 1),
                Stated::InHeader => (format!("{}\n{rows}", header(&spelling)), 1),
                Stated::Below => {
                    let line = 1 + spelling.lines().count();
                    (format!("{CASE_HEADER}\n{spelling}\n{rows}"), line)
                }
                Stated::InFoot => (format!("{CASE_HEADER}\n{rows}{spelling}\n"), 4),
            };
            let round = round(&[("procuratorate.case-parties", form.file())]);
            form.write(&round, &text);
            let result = round.run();
            if amounts == Amounts::Refused {
                assert_eq!(result.code, 1, "{case}\n{}", result.stdout);
                let place = format!("{} (line {line}):", form.file());
                // The header is named for itself and the lines beside it.
                let beside = format!(
                    "{} (line 1): the header or the lines beside it",
                    form.file()
                );
                let has_place = result.stderr.contains(&place)
                    || (stated == Stated::Below && result.stderr.contains(&beside));
                assert!(has_place, "{case}\n{}", result.stderr);
                for words in [
                    "the unit of `property_loss`",
                    "is uncertain",
                    "财产损失金额（万元）",
                ] {
                    assert!(result.stderr.contains(words), "{case}\n{}", result.stderr);
                }
                continue;
            }
            assert_done(&result);
            let cases = round.export_in_manifest("procuratorate.case-parties");
            assert_eq!(cases["account"]["rejected"], 0, "{case}");
            let found: Vec<usize> = leads(&round, "Subsistence allowance").into_keys().collect();
            let expected = match amounts {
                Amounts::InTenThousands => vec![1],
                Amounts::AsWritten | Amounts::Refused => vec![],
            };
            assert_eq!(found, expected, "{case}");
            let reported = result
                .stdout
                .contains("amounts in 万元 are converted to yuan");
            assert_eq!(reported, amounts == Amounts::InTenThousands, "{case}");
        }
    }
}

/// The hint of a refusal is followed: the unit in the header decides.
#[test]
fn a_unit_in_the_header_of_each_column_settles_every_other_statement() {
    let header = CASE_HEADER.replace("金额", "金额（万元）");
    let uncertain = "单位：元（表中金额列为万元）";
    let round = round(&[("procuratorate.case-parties", "cases.csv")]);
    let text = format!("{uncertain}\n{header}\n{}注：{uncertain}\n", two_victims());
    round.write("cases.csv", text);
    assert_done(&round.run());
    let found: Vec<usize> = leads(&round, "Subsistence allowance").into_keys().collect();
    assert_eq!(found, [1]);
}

/// A title of a group above or beside the names states the unit of the amounts below it.
#[test]
fn a_unit_in_a_header_of_two_lines_counts() {
    let groups = |title: &str| format!("本人,,,,,,,,,,{title},,,\n");
    let names = CASE_HEADER.replace("财产损失金额,追回或获赔金额", "损失情况（万元）,");
    let below = ",,,,,,,,,,财产损失金额,追回或获赔金额,,\n";
    for (lines, is_refused) in [
        (groups("损失情况（万元）") + CASE_HEADER + "\n", false),
        (format!("{names}\n{below}"), false),
        (groups("损失情况万元") + CASE_HEADER + "\n", true),
        (names.replace("（万元）", "折万元") + "\n" + below, true),
    ] {
        let round = round(&[("procuratorate.case-parties", "cases.csv")]);
        round.write("cases.csv", format!("{lines}{}", two_victims()));
        let result = round.run();
        if is_refused {
            assert_eq!(result.code, 1, "{lines}{}", result.stdout);
            assert!(result.stderr.contains("is uncertain"), "{}", result.stderr);
        } else {
            assert_done(&result);
            let found: Vec<usize> = leads(&round, "Subsistence allowance").into_keys().collect();
            assert_eq!(found, [1], "{lines}");
        }
    }
}

#[test]
fn a_header_that_repeats_with_another_unit_refuses_the_file() {
    let with_unit =
        |unit: &str| CASE_HEADER.replace("财产损失金额", &format!("财产损失金额{unit}"));
    for (first, second, is_refused) in [
        ("（万元）", "（万元）", false),
        ("（万元）", "（元）", true),
        ("（万元）", "", true),
        ("", "（万元）", true),
    ] {
        let round = round(&[("procuratorate.case-parties", "cases.csv")]);
        let (first, second) = (with_unit(first), with_unit(second));
        let rows = two_victims();
        let (one, two) = rows.split_once('\n').unwrap();
        round.write("cases.csv", format!("{first}\n{one}\n{second}\n{two}"));
        let result = round.run();
        assert_eq!(result.code == 1, is_refused, "{second}{}", result.stderr);
    }
}

#[test]
fn converted_amounts_of_some_sheets_or_files_are_reported_for_these() {
    let table = |titles: &str, rows: &str| format!("{titles}{CASE_HEADER}\n{rows}");
    let rows = two_victims();
    let (one, two) = rows.split_once('\n').unwrap();
    for (second, reported, whole) in [
        (
            "",
            "cases.xlsx, sheet `甲`: amounts in 万元 are converted",
            false,
        ),
        ("单位：万元\n", "amounts in 万元 are converted", true),
    ] {
        let round = round(&[("procuratorate.case-parties", "cases.xlsx")]);
        round.replace(
            "round.toml",
            "path = \"cases.xlsx\"\n",
            "path = \"cases.xlsx\"\nsheets = \"all\"\n",
        );
        let mut workbook = Workbook::new();
        for (name, titles, row) in [("甲", "单位：万元\n", one), ("乙", second, two)] {
            let sheet = workbook.add_worksheet();
            sheet.set_name(name).unwrap();
            write_sheet(sheet, &table(titles, row));
        }
        round.write("cases.xlsx", workbook.save_to_buffer().unwrap());
        let result = round.run();
        assert_done(&result);
        let lines = result.stdout.lines();
        let lines: Vec<&str> = lines
            .filter(|line| line.contains("are converted"))
            .collect();
        assert_eq!(lines.len(), 1, "{}", result.stdout);
        assert!(lines[0].trim_start().starts_with(reported), "{}", lines[0]);
        assert_eq!(!lines[0].contains("cases.xlsx"), whole, "{}", lines[0]);
    }
    let round = round(&[("procuratorate.case-parties", "a.csv")]);
    round.replace(
        "round.toml",
        "path = \"a.csv\"",
        "path = [\"a.csv\", \"b.csv\"]",
    );
    round.write("a.csv", table("", one));
    round.write("b.csv", table("单位：万元\n", two));
    let result = round.run();
    assert_done(&result);
    let expected = "    b.csv: amounts in 万元 are converted to yuan: Property loss";
    assert!(result.stdout.contains(expected), "{}", result.stdout);
    assert_eq!(result.stdout.matches("are converted").count(), 1);
}

#[test]
fn another_currency_is_refused_wherever_it_is_stated() {
    for currency in ["美元", "万美元", "港币", "欧元", "USD", "外币"] {
        let in_header = format!("财产损失金额（{currency}）");
        for (titles, header) in [
            ("", CASE_HEADER.replace("财产损失金额", &in_header)),
            (&*format!("单位：{currency}\n"), CASE_HEADER.to_owned()),
        ] {
            let round = round(&[("procuratorate.case-parties", "cases.csv")]);
            let row = victim(1, "否,否,无,无赔偿能力,50000,0,是");
            round.write("cases.csv", format!("{titles}{header}\n{row}"));
            let result = round.run();
            assert_eq!(result.code, 1, "{header}{}", result.stdout);
            let message = "the unit of `property_loss` is uncertain";
            assert!(result.stderr.contains(message), "{}", result.stderr);
        }
    }
}

#[test]
fn direction_marks_and_quotes_change_no_row() {
    for (mark, end) in [
        ("\u{2068}", "\u{2069}"),
        ("\u{202a}", "\u{202c}"),
        ("\u{feff}", ""),
        ("'", "'"),
        ("'", ""),
        ("“", "”"),
        ("\u{200b}", "\u{fe0f}"),
    ] {
        let quoted = |cells: &[String]| {
            let cells = cells.iter().map(|cell| format!("{mark}{cell}{end}"));
            cells.collect::<Vec<_>>().join(",") + "\n"
        };
        let header = REGISTER_HEADER.map(str::to_owned);
        // An end that is read as blank would be a Yes in both rows.
        let row = |sequence, end: &str| {
            let mut cells = register_row(sequence).to_vec();
            cells.push(end.into());
            quoted(&cells)
        };
        let text = quoted(&header) + &row(1, "2026-10-01") + &row(2, "2024-05-01");
        assert_receives("a.csv", text.as_bytes(), &[Receives::Yes, Receives::No]);
    }
}
