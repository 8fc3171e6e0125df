//! Filled lists as people fill them in and as programs save them.

#[path = "../../workbook/tests/sheets/made_xlsb.rs"]
mod made_xlsb;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aidlink_agency::spreadsheet_csv::read_csv;
use aidlink_faults::personal_number::find;
use aidlink_faults::text::{Language, Text};
use aidlink_procuratorate::register::case_numbers::KnownCases;
use aidlink_procuratorate::register::filled::{
    FilledRow, FilledRows, IssueDays, Issued, IssuedLead, UnlessStated, read,
};
use jiff::civil::Date;
use proptest::prelude::*;

const ISSUED_ON: Date = Date::constant(2026, 9, 30);
const TODAY: Date = Date::constant(2026, 11, 29);

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/files/filled")
}

fn table(name: &str) -> Vec<Vec<String>> {
    let bytes = std::fs::read(files().join(name)).expect("a file of the folder");
    let (_, rows) = read_csv(&bytes).expect("a table");
    rows.into_iter().map(|(_, cells)| cells).collect()
}

fn leads() -> Vec<Vec<String>> {
    table("leads.csv")
}

/// Reads files against the leads of `leads.csv`.
fn read_with(paths: &[PathBuf], unless_stated: UnlessStated) -> Result<FilledRows, String> {
    let mut leads = leads();
    for lead in &mut leads {
        let (name, case) = (lead[2].clone(), lead[3].clone());
        lead.extend([name.clone(), format!("{name}-2"), case.clone()]);
        lead.push(format!("{case}-2"));
    }
    let name = Text::new("姓名", "Name");
    let case_number = Text::new("案号", "Case number");
    let titles: Vec<Text> = leads
        .iter()
        .map(|lead| Text::new(&lead[4], &lead[4]))
        .collect();
    let issued = Issued {
        round: "HAND",
        days: IssueDays {
            own: BTreeSet::from([ISSUED_ON]),
            others: BTreeMap::from([(Date::constant(2026, 10, 1), "2026Q2")]),
        },
        today: TODAY,
        name: Some(&name),
        case_number: Some(&case_number),
        aids: titles.iter().collect(),
        cases: &KnownCases::of(leads.iter().map(|lead| lead[3].as_str())),
        leads: leads
            .iter()
            .zip(&titles)
            .map(|(lead, title)| IssuedLead {
                lead_number: &lead[0],
                person_number: &lead[1],
                // As two runs had it: the name was corrected between them.
                names: &lead[5..7],
                case_numbers: &lead[7..9],
                aid: Some(title),
            })
            .collect(),
        elsewhere: &|number| (number == "7777-7777-dibao").then(|| "2026Q2".to_owned()),
        unless_stated,
    };
    read(paths, &issued).map_err(|faults| {
        let faults = faults.iter().map(|fault| fault.render(Language::English));
        faults.collect()
    })
}

fn read_files(paths: &[PathBuf]) -> FilledRows {
    read_with(paths, UnlessStated::default()).expect("lists")
}

fn read_one(path: &Path) -> FilledRows {
    read_files(&[path.to_owned()])
}

/// What became of each lead, as in `story.csv`.
fn outcome(rows: &FilledRows) -> BTreeMap<String, Vec<String>> {
    let taken: BTreeMap<&str, &FilledRow> = rows
        .taken
        .iter()
        .map(|row| (row.lead_number.as_str(), row))
        .collect();
    assert_eq!(taken.len(), rows.taken.len(), "a lead is taken in once");
    let outcome = leads().into_iter().map(|lead| {
        let number = lead[0].clone();
        let is_open = rows.empty.contains(&number);
        let said = match taken.get(number.as_str()) {
            Some(row) => {
                assert!(!is_open);
                assert_eq!(row.person_number, lead[1]);
                vec![
                    row.finding.name().to_owned(),
                    row.reason
                        .map_or(String::new(), |reason| reason.name().to_owned()),
                    row.decided_by.clone().unwrap_or_default(),
                    row.decided_on.to_string(),
                    row.remark.clone().unwrap_or_default(),
                ]
            }
            None if is_open => vec!["open".to_owned()],
            None => vec!["refused".to_owned()],
        };
        (number, said)
    });
    outcome.collect()
}

fn expected(name: &str) -> BTreeMap<String, Vec<String>> {
    let rows = table(name).into_iter();
    rows.map(|row| (row[0].clone(), row[1..].to_vec()))
        .collect()
}

fn codes(rows: &FilledRows) -> Vec<(&'static str, Option<&'static str>)> {
    let refused = rows.refused.iter();
    refused
        .map(|row| (row.why.code(), row.column.map(|column| column.name())))
        .collect()
}

#[test]
fn a_workbook_says_the_same_whichever_program_saved_it() {
    let mut places = BTreeSet::new();
    for name in [
        "story.xlsx",
        "story-libreoffice.xlsx",
        "story-libreoffice.xls",
        "story-libreoffice.ods",
    ] {
        let rows = read_one(&files().join(name));
        assert_eq!(outcome(&rows), expected("story.csv"), "{name}");
        let why: Vec<&str> = rows.refused.iter().map(|row| row.why.code()).collect();
        let mut sorted = why.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            [
                "in_the_future",
                "no_reason",
                "personal_number",
                "unknown_reason"
            ],
            "{name}"
        );
        // Sheets and rows are those that a person sees.
        for row in &rows.refused {
            let (place, sheet) = row.place.sheet.clone().expect("a workbook");
            assert!(place > 1 && row.place.row > 2, "{name}");
            places.insert((row.why.code(), sheet, row.place.row));
        }
        assert_eq!(rows.files.len(), 1);
        assert_eq!(rows.files[0].blake3.len(), 64);
    }
    assert_eq!(places.len(), 4, "{places:?}");
    assert!(
        places.contains(&("no_reason", "人员".to_owned(), 5)),
        "{places:?}"
    );
}

#[test]
fn the_sheet_of_persons_alone_decides_all_leads_of_a_person_in_every_encoding() {
    for name in [
        "persons-utf-8.csv",
        "persons-gb18030.csv",
        "persons-utf-16.csv",
        "persons-semicolon.csv",
    ] {
        let rows = read_one(&files().join(name));
        let outcome = outcome(&rows);
        for (number, said) in &outcome {
            let person = &number[..4];
            let expected: &[&str] = match person {
                "0A4P" => &["confirmed", "", "张核", "2026-10-08", ""],
                "HGQK" => &["rejected", "other", "张核", "2026-10-08", "本人已出国定居"],
                "4EW9" => &["refused"],
                _ => &["open"],
            };
            assert_eq!(said, expected, "{name}: {number}");
        }
        assert_eq!(codes(&rows), [("no_reason", Some("reason"))], "{name}");
    }
}

#[test]
fn a_workbook_that_people_rearranged_is_read_all_the_same() {
    for name in ["messy.xlsx", "messy.ods"] {
        let rows = read_one(&files().join(name));
        assert_eq!(outcome(&rows), expected("messy.csv"), "{name}");
        let mut why: Vec<&str> = rows.refused.iter().map(|row| row.why.code()).collect();
        why.sort_unstable();
        assert_eq!(
            why,
            [
                "error_value",
                "in_the_future",
                "no_reason",
                "personal_number",
                "unknown_decision",
                "unknown_decision",
                "unknown_reason"
            ],
            "{name}"
        );
    }
}

#[test]
fn the_same_list_twice_and_in_two_forms_is_taken_in_once() {
    let story = files().join("story.xlsx");
    let once = read_one(&story);
    for other in [
        "story.xlsx",
        "story-libreoffice.ods",
        "story-libreoffice.xls",
    ] {
        let twice = read_files(&[story.clone(), files().join(other)]);
        assert_eq!(twice.taken, once.taken, "{other}");
        assert_eq!(twice.empty, once.empty);
        // Each copy of a row that is refused is told.
        assert_eq!(twice.refused.len(), 2 * once.refused.len());
    }
}

// Lists that are written here.

const HEADER: [&str; 7] = [
    "线索编号",
    "姓名",
    "核查结论",
    "理由",
    "备注",
    "核查人",
    "核查日期",
];
const LEAD: &str = "NABH-P6VM-dibao";
const NAME: &str = "J5-poor-student";

fn csv_text(rows: &[&[&str]], delimiter: char) -> String {
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .map(|cell| match cell.contains(['"', '\n', delimiter]) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => (*cell).to_owned(),
            });
        let cells: Vec<String> = cells.collect();
        let _ = write!(text, "{}\r\n", cells.join(&delimiter.to_string()));
    }
    text
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        path
    }

    fn rows(&self, name: &str, rows: &[&[&str]]) -> PathBuf {
        self.write(name, csv_text(rows, ',').as_bytes())
    }

    /// Writes rows filled up to the same width, as a spreadsheet does.
    fn padded(&self, name: &str, rows: &[&[&str]]) -> PathBuf {
        let rows = padded(rows);
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        self.rows(name, &rows)
    }

    /// Reads a list with one row of a lead: decision, reason, remark, by, on.
    fn one(&self, cells: [&str; 5]) -> FilledRows {
        let row = [&[LEAD, NAME], &cells[..]].concat();
        read_one(&self.rows("one.csv", &[&HEADER, &row]))
    }
}

#[test]
fn every_encoding_delimiter_and_line_end_is_read() {
    let folder = Folder::new();
    let rows: [&[&str]; 3] = [
        &HEADER,
        &[
            LEAD,
            NAME,
            "确认",
            "",
            "缺\"收入\"证明,\n待补",
            "张核",
            "2026-10-08",
        ],
        &["NABH-P6VM-judicial_aid", NAME, "", "", "", "", ""],
    ];
    let mut read_forms = 0;
    for delimiter in [',', '\t', ';', '|'] {
        for line_end in ["\r\n", "\n"] {
            let text = csv_text(&rows, delimiter).replace("\r\n", line_end);
            let utf16 = |big: bool| -> Vec<u8> {
                let units = std::iter::once(0xfeff).chain(text.encode_utf16());
                let bytes = units.map(|unit| match big {
                    true => unit.to_be_bytes(),
                    false => unit.to_le_bytes(),
                });
                bytes.flatten().collect()
            };
            let mut forms = vec![
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                utf16(true),
                utf16(false),
            ];
            if delimiter != '|' {
                forms.push(encoding_rs::GB18030.encode(&text).0.into_owned());
            }
            for (form, bytes) in forms.into_iter().enumerate() {
                let found = read_one(&folder.write("form.csv", &bytes));
                let shown = format!("{delimiter:?} {line_end:?} {form}");
                assert_eq!(found.taken.len(), 1, "{shown}: {found:?}");
                let row = &found.taken[0];
                assert_eq!(
                    row.remark.as_deref(),
                    Some("缺\"收入\"证明, 待补"),
                    "{shown}"
                );
                assert_eq!((row.place.row, row.place.sheet.is_none()), (2, true));
                assert_eq!(row.decided_on, Date::constant(2026, 10, 8));
                assert_eq!(found.empty.len(), 1, "{shown}");
                assert!(found.refused.is_empty(), "{shown}");
                read_forms += 1;
            }
        }
    }
    assert_eq!(read_forms, 38);
}

#[test]
fn every_way_to_fill_a_row_in_wrongly_is_told_with_its_column() {
    let folder = Folder::new();
    let long = "长".repeat(1001);
    let name = "名".repeat(101);
    let day = "2026-10-08";
    let cases: &[([&str; 5], &str, Option<&str>)] = &[
        (
            ["不予移送", "", "", "张核", day],
            "no_reason",
            Some("reason"),
        ),
        (
            ["", "收入超标", "", "张核", day],
            "reason_without_decision",
            Some("decision"),
        ),
        (
            ["确认", "收入超标", "", "张核", day],
            "reason_not_taken",
            Some("reason"),
        ),
        (
            ["需补充核实", "其他", "", "张核", day],
            "reason_not_taken",
            Some("reason"),
        ),
        (
            ["同意", "", "", "张核", day],
            "unknown_decision",
            Some("decision"),
        ),
        (
            ["TRUE", "", "", "张核", day],
            "unknown_decision",
            Some("decision"),
        ),
        (
            ["46303", "", "", "张核", day],
            "unknown_decision",
            Some("decision"),
        ),
        (
            ["收入超标", "", "", "张核", day],
            "unknown_decision",
            Some("decision"),
        ),
        (
            ["不予移送", "穷", "", "张核", day],
            "unknown_reason",
            Some("reason"),
        ),
        (
            ["不予移送", "确认", "", "张核", day],
            "unknown_reason",
            Some("reason"),
        ),
        (
            ["不予移送", "其他", "", "张核", day],
            "other_without_remark",
            Some("remark"),
        ),
        (["确认", "", "", "张核", ""], "no_day", Some("decided_on")),
        (
            ["确认", "", "", "张核", "2026-10"],
            "unreadable_day",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "10月8日"],
            "unreadable_day",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "8/10/2026"],
            "unreadable_day",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "昨天"],
            "unreadable_day",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "0"],
            "unreadable_day",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "2026-11-30"],
            "in_the_future",
            Some("decided_on"),
        ),
        (
            ["确认", "", "", "张核", "2026-09-29"],
            "before_issue",
            Some("decided_on"),
        ),
        (
            ["确认", "", "44990119900101011X", "张核", day],
            "personal_number",
            Some("remark"),
        ),
        (
            ["确认", "", "电话 138 0000 1234", "张核", day],
            "personal_number",
            Some("remark"),
        ),
        (
            ["", "", "138-0000-1234", "", ""],
            "personal_number",
            Some("remark"),
        ),
        (
            ["确认", "", "", "13800001234", day],
            "personal_number",
            Some("decided_by"),
        ),
        (["确认", "", &long, "张核", day], "too_long", Some("remark")),
        (["确认", "", "", &name, day], "too_long", Some("decided_by")),
        (["", "", "待查", "", ""], "no_decision", Some("decision")),
        (["", "", "", "张核", ""], "no_decision", Some("decision")),
        (["", "", "", "", day], "no_decision", Some("decision")),
        (
            ["#N/A", "", "", "张核", day],
            "error_value",
            Some("decision"),
        ),
        (
            ["确认", "", "", "#REF!", day],
            "error_value",
            Some("decided_by"),
        ),
        (
            ["确认", "", "########", "张核", day],
            "error_value",
            Some("remark"),
        ),
    ];
    for (cells, code, column) in cases {
        let rows = folder.one(*cells);
        assert_eq!(codes(&rows), [(*code, *column)], "{cells:?}");
        assert!(rows.taken.is_empty() && rows.empty.is_empty(), "{cells:?}");
        assert_eq!(rows.refused[0].place.row, 2);
        for language in [Language::Chinese, Language::English] {
            let text = rows.refused[0].why.text();
            let text = text.in_language(language);
            assert!(text.chars().count() > 8 && find(text).is_empty());
            // No message shows what a cell holds.
            let is_example = |cell: &&&str| day.contains(**cell) || cell.starts_with('#');
            let cells = cells.iter().filter(|cell| cell.chars().count() > 4);
            for cell in cells.filter(|cell| !is_example(cell)) {
                assert!(!text.contains(cell), "{text}");
            }
        }
    }
}

#[test]
fn days_are_read_in_every_form_and_the_first_and_last_day_count() {
    let folder = Folder::new();
    for (written, day) in [
        ("2026-10-08", 8),
        ("2026/10/8", 8),
        ("2026.10.08", 8),
        ("2026年10月8日", 8),
        ("20261008", 8),
        ("46303", 8),
        ("46303.5", 8),
        ("2026-10-08 09:30:00", 8),
        ("2026年10月8日 星期四", 8),
        ("'2026-10-08", 8),
        ("２０２６－１０－０８", 8),
        (" 2026-10-08 ", 8),
    ] {
        let rows = folder.one(["确认", "", "", "张核", written]);
        let taken = rows.taken.first().map(|row| row.decided_on);
        assert_eq!(taken, Some(Date::constant(2026, 10, day)), "{written}");
    }
    for written in ["2026-09-30", "2026-11-29"] {
        let rows = folder.one(["确认", "", "", "张核", written]);
        assert_eq!(rows.taken.len(), 1, "{written}");
    }
}

#[test]
fn what_the_rows_do_not_say_may_be_said_for_all_of_them() {
    let folder = Folder::new();
    let rows: [&[&str]; 3] = [
        &HEADER,
        &[LEAD, NAME, "确认", "", "", "", ""],
        &[
            "NABH-P6VM-judicial_aid",
            NAME,
            "确认",
            "",
            "",
            "李查",
            "2026-10-09",
        ],
    ];
    let path = folder.rows("list.csv", &rows);
    let unless_stated = UnlessStated {
        decided_by: Some("张核".to_owned()),
        decided_on: Some(Date::constant(2026, 10, 12)),
    };
    let found = read_with(std::slice::from_ref(&path), unless_stated.clone()).expect("a list");
    let said = |row: &FilledRow| (row.decided_by.clone(), row.decided_on.to_string());
    let said: Vec<_> = found.taken.iter().map(said).collect();
    assert_eq!(
        said,
        [
            (Some("张核".to_owned()), "2026-10-12".to_owned()),
            (Some("李查".to_owned()), "2026-10-09".to_owned())
        ]
    );
    // It is checked like any other day.
    let too_late = UnlessStated {
        decided_on: Some(Date::constant(2026, 12, 1)),
        ..unless_stated
    };
    let found = read_with(&[path], too_late).expect("a list");
    assert_eq!(codes(&found), [("in_the_future", Some("decided_on"))]);
    assert_eq!(found.taken.len(), 1);
}

#[test]
fn numbers_and_names_that_are_not_those_of_the_list_are_refused() {
    let folder = Folder::new();
    let decision = ["确认", "", "", "张核", "2026-10-08"];
    for (number, name, code) in [
        // Edited, of another round, of no form, missing.
        ("NABH-P6VN-dibao", NAME, Some("not_of_this_round")),
        ("NABH-P6VM-tekun", NAME, Some("not_of_this_round")),
        ("NABH-P6VM-DIBAO2", NAME, Some("not_of_this_round")),
        ("7777-7777-dibao", NAME, Some("of_another_round")),
        ("NABH-P6VM", NAME, Some("not_a_lead_number")),
        ("HAND-00001", NAME, Some("not_a_lead_number")),
        ("12", NAME, Some("not_a_lead_number")),
        ("低保", NAME, Some("not_a_lead_number")),
        ("44990119900101011X", NAME, Some("not_a_lead_number")),
        ("", NAME, Some("no_number")),
        ("#N/A", NAME, Some("error_value")),
        (LEAD, "J6-disabled", Some("other_name")),
        (LEAD, "J5-poor-student；J6-disabled", None),
        // As another run of the round had it.
        (LEAD, "J5-poor-student-2", None),
        // The same number in another writing, and a name that was cleared.
        (" nabh-p6vm-DIBAO ", NAME, None),
        ("ＮＡＢＨ－Ｐ６ＶＭ－ｄｉｂａｏ", NAME, None),
        ("NABH–P6VM–dibao", NAME, None),
        (LEAD, "", None),
        (LEAD, "'J5 - Poor - Student", None),
    ] {
        let row = [&[number, name], &decision[..]].concat();
        let rows = read_one(&folder.rows("one.csv", &[&HEADER, &row]));
        let found: Vec<&str> = rows.refused.iter().map(|row| row.why.code()).collect();
        assert_eq!(
            found,
            code.into_iter().collect::<Vec<_>>(),
            "{number} {name}"
        );
        assert_eq!(rows.taken.len(), usize::from(code.is_none()), "{number}");
        for row in &rows.taken {
            assert_eq!(row.lead_number, LEAD);
        }
        for row in &rows.refused {
            let text = row.why.text();
            let is_shown = text.en.contains(number) && number.chars().count() > 4;
            assert!(!is_shown, "{text:?}");
        }
    }
    // Notes below a list are no rows, unless something is filled in.
    let notes: [&[&str]; 7] = [
        &HEADER,
        &[LEAD, NAME, "确认", "", "", "张核", "2026-10-08"],
        &["", "", "", "", "", "合计", ""],
        &["填表人：", "张核"],
        &["", "", "", "", "", "", "2026-10-08"],
        &["", "", "确认", "", "", "张核", "2026-10-08"],
        &["", NAME, "", "", "已查", "", ""],
    ];
    let rows = read_one(&folder.rows("notes.csv", &notes));
    assert_eq!(codes(&rows), [("no_number", Some("lead_number")); 2]);
    let places: Vec<u64> = rows.refused.iter().map(|row| row.place.row).collect();
    assert_eq!((rows.taken.len(), places), (1, vec![6, 7]));
}

/// Whoever sorts some columns only may sort names with the numbers. Case and aid stay behind.
#[test]
fn a_number_that_was_sorted_away_from_case_and_aid_is_refused() {
    let folder = Folder::new();
    let header = [
        "线索编号",
        "姓名",
        "核查结论",
        "核查人",
        "核查日期",
        "案号",
        "救助项目",
    ];
    let own = "H005";
    for (case, aid, code) in [
        (own, "最低生活保障〔社会救助暂行办法第九条〕", None),
        ("H006", "最低生活保障", Some(("other_case", "case_number"))),
        (own, "国家司法救助〔…〕", Some(("other_aid", "aid"))),
        (own, "国家司法救助（检察环节）", Some(("other_aid", "aid"))),
        // Other writings, several cases, cleared cells, an aid of no policy.
        (" h００５ ", "'最低生活保障", None),
        ("H006；H005", "", None),
        ("H006、 H005（已结）", "", None),
        ("H006\nH005号等", "", None),
        // As another run of the round had it.
        ("H005-2", "", None),
        // What nobody has: corrected, mistyped, or spoilt by a spreadsheet.
        ("H999", "", None),
        ("1.66E+17", "", None),
        ("H00", "", None),
        ("H0061", "", None),
        ("H006（已结）", "", Some(("other_case", "case_number"))),
        ("【H006】、H077", "", Some(("other_case", "case_number"))),
        ("", "最低生活保障 [Art. 9]", None),
        (own, "低保", None),
        // What cannot be read contradicts nothing.
        ("#N/A", "#N/A", None),
    ] {
        let row = [LEAD, NAME, "确认", "张核", "2026-10-08", case, aid];
        let found = read_one(&folder.rows("list.csv", &[&header, &row]));
        let expected = code.map(|(why, column)| (why, Some(column)));
        assert_eq!(codes(&found), Vec::from_iter(expected), "{case} {aid}");
        assert_eq!(found.taken.len(), usize::from(code.is_none()));
        // Nothing is refused where nothing is filled in.
        let row = [LEAD, NAME, "", "", "", case, aid];
        let found = read_one(&folder.rows("list.csv", &[&header, &row]));
        assert_eq!(
            (found.refused.len(), found.empty.len()),
            (0, 1),
            "{case} {aid}"
        );
    }
    // The sheet of persons: all cases and aids of a person.
    let header = [
        "人员编号",
        "姓名",
        "核查结论",
        "核查人",
        "核查日期",
        "案号",
        "救助项目",
        "线索编号",
    ];
    let aids = "民政局：最低生活保障（已有依据）\n检察院：国家司法救助（已有依据）";
    let numbers = "NABH-P6VM-dibao\nNABH-P6VM-judicial_aid";
    for (case, aids, code) in [
        (own, aids, None),
        ("H006", aids, Some("other_case")),
        // Somebody left one of the aids.
        (own, "检察院：国家司法救助（已有依据）", None),
        (own, "民政局：特困人员供养（已有依据）", Some("other_aid")),
    ] {
        let row = [
            "NABH-P6VM",
            NAME,
            "确认",
            "张核",
            "2026-10-08",
            case,
            aids,
            numbers,
        ];
        let found = read_one(&folder.rows("list.csv", &[&header, &row]));
        let found: Vec<&str> = found.refused.iter().map(|row| row.why.code()).collect();
        assert_eq!(found, Vec::from_iter(code), "{case} {aids}");
    }
}

/// A column that a decision needs was deleted, renamed or merged with another.
#[test]
fn decisions_without_the_column_of_numbers_or_of_decisions_are_told() {
    let folder = Folder::new();
    let day = "2026-10-08";
    let list: [&[&str]; 2] = [&HEADER, &[LEAD, NAME, "", "", "", "", ""]];
    let path = folder.rows("list.csv", &list);
    for (header, row, code) in [
        (
            vec!["姓名", "核查结论", "理由", "核查日期"],
            vec![NAME, "确认", "", day],
            ("no_column", Some("lead_number")),
        ),
        (
            vec!["", "核查结论", "理由", "核查日期"],
            vec!["", "确认", "", day],
            ("no_column", Some("lead_number")),
        ),
        (
            vec!["线索编号", "姓名", "结论", "理由", "核查日期"],
            vec![LEAD, NAME, "确认", "", day],
            ("no_column", Some("decision")),
        ),
        (
            vec!["线索编号", "姓名", "核查结论（旧）", "核查人", "核查日期"],
            vec![LEAD, NAME, "确认", "", ""],
            ("no_column", Some("decision")),
        ),
        // Both.
        (
            vec!["姓名", "案号", "结论", "理由", "核查人", "核查日期"],
            vec![NAME, "H005", "确认", "", "张核", day],
            ("no_column", Some("decision")),
        ),
        (
            vec!["编号", "姓名", "核查意见", "核查人", "核查日期"],
            vec![LEAD, NAME, "确认", "张核", day],
            ("no_column", Some("decision")),
        ),
        // With nothing else of a list.
        (
            vec!["姓名", "核查结论"],
            vec![NAME, "确认"],
            ("no_column", Some("lead_number")),
        ),
    ] {
        let found = read_files(&[path.clone(), folder.rows("other.csv", &[&header, &row])]);
        assert_eq!(codes(&found), [code], "{header:?}");
        assert!(found.taken.is_empty());
        // Alone, too.
        assert_eq!(
            codes(&read_one(&folder.rows("other.csv", &[&header, &row]))),
            [code]
        );
    }
}

/// The headers of all sheets name numbers, and one of them decisions in words of its own. Nothing
/// else of the sheet says that it is one to be filled in.
#[test]
fn a_sheet_whose_decisions_have_another_header_is_told() {
    let folder = Folder::new();
    let day = "2026-10-08";
    let book = |sheets: &[&[&[&str]]]| {
        let mut book = rust_xlsxwriter::Workbook::new();
        for rows in sheets {
            let sheet = book.add_worksheet();
            for (at, row) in (0..).zip(*rows) {
                for (column, cell) in (0..).zip(*row) {
                    sheet.write_string(at, column, *cell).expect("written");
                }
            }
        }
        folder.write("book.xlsx", &book.save_to_buffer().expect("a workbook"))
    };
    let unless_stated = || UnlessStated {
        decided_by: Some("张核".to_owned()),
        decided_on: Some(Date::constant(2026, 10, 8)),
    };
    let open: [&[&str]; 2] = [&HEADER, &[LEAD, NAME, "", "", "", "", ""]];
    // All leads of the person.
    let decided = ["dibao", "education_assistance", "judicial_aid"]
        .map(|aid| format!("NABH-P6VM-{aid}"))
        .map(|number| {
            [
                number,
                NAME.into(),
                "确认".into(),
                "".into(),
                "".into(),
                "张核".into(),
                day.into(),
            ]
        });
    let decided = decided
        .each_ref()
        .map(|row| row.each_ref().map(String::as_str));
    let decided: [&[&str]; 4] = [&HEADER, &decided[0], &decided[1], &decided[2]];
    for header in [
        "核查结论1",
        "核查结论（确认/不予移送/需补充核实）",
        "是否移送",
        "核查意见",
        "",
    ] {
        for (of_numbers, number) in [
            ("线索编号", LEAD),
            ("Lead number", LEAD),
            // The sheet of persons, of which only this is left.
            ("人员编号", "NABH-P6VM"),
        ] {
            let own: [&[&str]; 2] = [&[of_numbers, "姓名", header], &[number, NAME, "确认"]];
            let path = book(&[&own, &open]);
            let found = read_with(&[path], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [("no_column", Some("decision"))], "{header}");
            let place = &found.refused[0].place;
            assert_eq!(
                (place.sheet.as_ref().map(|of| of.0), place.row),
                (Some(1), 1)
            );
            assert!(found.taken.is_empty());
            // Nor is a table told that has no word of a decision: whom to visit, and who does it.
            let visits: [&[&str]; 2] = [&[of_numbers, "姓名", "分工"], &[number, NAME, "张核"]];
            let found = read_with(&[book(&[&visits, &open])], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [], "{header}");
            assert!(!found.empty.is_empty() && found.taken.is_empty());
            // Of leads that are decided elsewhere it may say what it likes.
            let path = book(&[&own, &decided]);
            let found = read_with(&[path], unless_stated()).expect("a list");
            assert_eq!((found.taken.len(), codes(&found)), (3, vec![]), "{header}");
        }
        // A person of whom one lead is still open is not decided by the others.
        let of_person: [&[&str]; 2] = [&["人员编号", "姓名", header], &["NABH-P6VM", NAME, "确认"]];
        let path = book(&[&of_person, &[decided[0], decided[1]]]);
        let found = read_with(&[path], unless_stated()).expect("a list");
        assert_eq!(
            (found.taken.len(), codes(&found)),
            (1, vec![("no_column", Some("decision"))]),
            "{header}"
        );
    }
}

/// The same decision without a day in two files, and the day in a further row of one of them.
#[test]
fn details_in_one_file_complete_the_decisions_of_all() {
    let folder = Folder::new();
    let decided = [LEAD, NAME, "确认", "", "", "张核", ""];
    let day = [LEAD, NAME, "", "", "", "", "2026-10-08"];
    let with_day: &[&[&str]] = &[&HEADER, &day, &decided];
    let without: &[&[&str]] = &[&HEADER, &decided];
    let one = folder.rows("with.csv", with_day);
    let other = folder.rows("without.csv", without);
    let days = folder.rows("days.csv", &[&HEADER, &day]);
    for paths in [
        vec![one.clone(), other.clone()],
        vec![other.clone(), one],
        vec![days.clone(), other.clone()],
        vec![other, days],
    ] {
        let found = read_files(&paths);
        assert_eq!(codes(&found), [], "{paths:?}");
        assert_eq!(found.taken.len(), 1);
        assert_eq!(found.taken[0].decided_on, Date::constant(2026, 10, 8));
    }
}

/// A sheet that lost its column of numbers, and of which the decisions have another header.
#[test]
fn a_sheet_without_numbers_and_with_another_header_is_told() {
    let folder = Folder::new();
    let unless_stated = || UnlessStated {
        decided_by: Some("张核".to_owned()),
        decided_on: Some(Date::constant(2026, 10, 8)),
    };
    let book = |sheets: &[&[&[&str]]]| {
        let mut book = rust_xlsxwriter::Workbook::new();
        for rows in sheets {
            let sheet = book.add_worksheet();
            for (at, row) in (0..).zip(*rows) {
                for (column, cell) in (0..).zip(*row) {
                    sheet.write_string(at, column, *cell).expect("written");
                }
            }
        }
        folder.write("book.xlsx", &book.save_to_buffer().expect("a workbook"))
    };
    let open: [&[&str]; 2] = [&HEADER, &[LEAD, NAME, "", "", "", "", ""]];
    for header in [
        "核查意见",
        "是否移送",
        "核查结论（确认/不予移送/需补充核实）",
        "",
    ] {
        for header in [
            vec!["姓名", "案号", header],
            vec!["姓名", "案号", header, "理由"],
            vec!["姓名", "", header],
        ] {
            let own: [&[&str]; 3] = [&header, &["某人", "H999", "确认"], &[NAME, "H005", "确认"]];
            let found = read_with(&[book(&[&own, &open])], unless_stated()).expect("a list");
            assert_eq!(
                codes(&found),
                [("no_column", Some("decision"))],
                "{header:?}"
            );
            let place = &found.refused[0].place;
            assert_eq!(
                (place.sheet.as_ref().map(|of| of.0), place.row),
                (Some(1), 3),
                "{header:?}"
            );
            assert!(found.taken.is_empty());
            // A row that has its number is told as one without a header, and not twice.
            let numbered: [&[&str]; 1] = [&[LEAD, NAME, "H005", "确认"]];
            let found = read_with(&[book(&[&numbered, &open])], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [("no_header", None)], "{header:?}");
            // A line above the header of an intact list is none of its rows.
            let signed: [&[&str]; 3] = [&["复核", NAME, "H005", "确认"], open[0], open[1]];
            let found = read_with(&[book(&[&signed])], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [], "{header:?}");
            // Nor is a table told that only has the name.
            let calls: [&[&str]; 2] = [&["姓名", "电话", "电话回访"], &[NAME, "无", "确认"]];
            let found = read_with(&[book(&[&calls, &open])], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [], "{header:?}");
            // A table of whom to visit has no word of a decision.
            let visits: [&[&str]; 2] = [&header, &[NAME, "H005", "已访"]];
            let found = read_with(&[book(&[&visits, &open])], unless_stated()).expect("a list");
            assert_eq!(codes(&found), [], "{header:?}");
        }
    }
}

/// A name that points to another row is nobody's once the row stands alone.
#[test]
fn a_decision_of_the_same_as_above_names_nobody() {
    let folder = Folder::new();
    for name in ["同上", "（同上）", "无", "ditto"] {
        let row = [LEAD, NAME, "确认", "", "", name, "2026-10-08"];
        let found = read_one(&folder.rows("list.csv", &[&HEADER, &row]));
        assert_eq!(codes(&found), [("no_name", Some("decided_by"))], "{name}");
    }
}

/// Offices add sheets and columns of their own.
#[test]
fn sheets_and_columns_of_an_office_refuse_nothing() {
    let folder = Folder::new();
    let day = "2026-10-08";
    let list: [&[&str]; 2] = [&HEADER, &[LEAD, NAME, "确认", "", "", "张核", day]];
    let path = folder.rows("list.csv", &list);
    let own: [&[&[&str]]; 7] = [
        &[
            &["核查结论", "理由", "核查人", "条数"],
            &["确认", "", "张核", "12"],
        ],
        &[
            &["救助项目", "核查结论", "理由", "核查人", "条数"],
            &["最低生活保障", "确认", "", "张核", "7"],
        ],
        &[&["救助项目", "核查结论", "条数"], &["低保", "确认", "3"]],
        &[
            &["救助项目", "核查结论", "案号", "条数"],
            &["低保", "确认", "H005", "3"],
        ],
        &[&["姓名", "电话", "备注"], &[NAME, "无", "已访"]],
        &[&["姓名", "案号", "救助项目"], &[NAME, "H005", "低保"]],
        &[&["轮次", "2026Q2"], &["说明", "共两轮"]],
    ];
    let mut book = rust_xlsxwriter::Workbook::new();
    for rows in std::iter::once(&list[..]).chain(own) {
        let sheet = book.add_worksheet();
        for (at, row) in (0..).zip(rows) {
            for (column, cell) in (0..).zip(*row) {
                sheet.write_string(at, column, *cell).expect("written");
            }
        }
    }
    let book = folder.write("own.xlsx", &book.save_to_buffer().expect("a workbook"));
    for path in [path, book] {
        let found = read_one(&path);
        assert_eq!((found.taken.len(), codes(&found)), (1, vec![]));
    }
    // A case number and an aid of one's own beside those of the list, wherever they are.
    let header = [
        "案号",
        "线索编号",
        "姓名",
        "核查结论",
        "核查人",
        "核查日期",
        "案号",
        "救助项目",
        "救助项目",
    ];
    for (first, second, aid, code) in [
        ("H006", "H005", "特困人员供养", None),
        ("H005", "H006", "低保金", None),
        ("", "H005", "", None),
        ("H006", "H077", "", Some("other_case")),
    ] {
        let aids = ["最低生活保障", aid];
        let row = [
            first, LEAD, NAME, "确认", "张核", day, second, aids[0], aids[1],
        ];
        let found = read_one(&folder.rows("own.csv", &[&header, &row]));
        let why: Vec<&str> = found.refused.iter().map(|row| row.why.code()).collect();
        assert_eq!(why, Vec::from_iter(code), "{first} {second}");
    }
}

/// A header that is merged over two columns, with the decisions in the second one.
#[test]
fn what_stands_below_the_rest_of_a_merged_header_is_told() {
    let folder = Folder::new();
    for (first, second, expected) in [
        ("", "确认", Some("merged_header")),
        ("确认", "不予移送", Some("merged_header")),
        ("确认", "", None),
    ] {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        let format = rust_xlsxwriter::Format::new();
        for (column, header) in [(0, "线索编号"), (1, "姓名"), (4, "核查人"), (5, "核查日期")]
        {
            sheet.write_string(0, column, header).expect("written");
        }
        sheet
            .merge_range(0, 2, 0, 3, "核查结论", &format)
            .expect("merged");
        for (column, cell) in (0..).zip([LEAD, NAME, first, second, "张核", "2026-10-08"]) {
            sheet.write_string(1, column, cell).expect("written");
        }
        let path = folder.write("merged.xlsx", &book.save_to_buffer().expect("a workbook"));
        let found = read_one(&path);
        let why: Vec<&str> = found.refused.iter().map(|row| row.why.code()).collect();
        assert_eq!(why, Vec::from_iter(expected), "{first} {second}");
        assert_eq!(found.taken.len(), usize::from(expected.is_none()));
    }
}

/// Lists of the quarter before have the numbers of the same persons.
#[test]
fn a_list_with_the_day_of_another_issue_is_refused() {
    let folder = Folder::new();
    let header = [
        "线索编号",
        "姓名",
        "核查结论",
        "核查人",
        "核查日期",
        "签发日期",
    ];
    for (day, code) in [
        ("2026-09-30", None),
        ("2026年9月30日", None),
        ("46295", None),
        ("2026/9/30", None),
        ("2026-06-30", Some("other_issue")),
        ("2026/6/30", Some("other_issue")),
        ("2026-10-01", Some("of_another_round")),
        // A column of the office, and what cannot be read to the day.
        ("2026-11-20", None),
        ("6/7/2026", None),
        ("2026年6月", None),
        ("#N/A", None),
        ("", None),
    ] {
        let row = [LEAD, NAME, "确认", "张核", "2026-10-08", day];
        let found = read_one(&folder.rows("list.csv", &[&header, &row]));
        let expected = code.map(|why| (why, Some("issued_on")));
        assert_eq!(codes(&found), Vec::from_iter(expected), "{day}");
        assert_eq!(found.taken.len(), usize::from(code.is_none()), "{day}");
    }
}

/// Only the sheet of explanations says of which round a workbook is.
#[test]
fn what_an_office_writes_of_rounds_above_its_table_refuses_nothing() {
    let folder = Folder::new();
    for round in [
        "2026年第三季度",
        "2026q3",
        "2026Q3（第一批）",
        "共两轮",
        "hand",
    ] {
        let rows: [&[&str]; 5] = [
            &["保密", "内部资料"],
            &["轮次", round],
            &["基准日", "2026-09-30"],
            &HEADER,
            &[LEAD, NAME, "确认", "", "", "张核", "2026-10-08"],
        ];
        let mut book = rust_xlsxwriter::Workbook::new();
        for own in [&rows[..], &[&["轮次", round]]] {
            let sheet = book.add_worksheet();
            for (at, row) in (0..).zip(own) {
                for (column, cell) in (0..).zip(*row) {
                    sheet.write_string(at, column, *cell).expect("written");
                }
            }
        }
        let book = folder.write("own.xlsx", &book.save_to_buffer().expect("a workbook"));
        for path in [folder.padded("own.csv", &rows), book] {
            let found = read_one(&path);
            assert_eq!((found.taken.len(), codes(&found)), (1, vec![]), "{round}");
        }
    }
}

#[test]
fn an_edited_number_is_told_even_if_nothing_is_filled_in() {
    let folder = Folder::new();
    let rows: [&[&str]; 3] = [
        &HEADER,
        &["NABH-P6VN-dibao", NAME, "", "", "", "", ""],
        &[LEAD, NAME, "", "", "", "", ""],
    ];
    let found = read_one(&folder.rows("list.csv", &rows));
    assert_eq!(codes(&found), [("not_of_this_round", Some("lead_number"))]);
    assert_eq!(found.empty.len(), 1);
}

/// Wherever the sheet of explanations is.
#[test]
fn a_workbook_of_another_round_is_known_by_its_explanations() {
    for order in ["guide, list", "empty, guide, list", "list, guide"] {
        let folder = Folder::new();
        let mut book = rust_xlsxwriter::Workbook::new();
        for sheet in order.split(", ") {
            let written = book.add_worksheet();
            let rows: &[&[&str]] = match sheet {
                "guide" => &[&["保密"], &[], &[], &["轮次", "2026Q2"]],
                "list" => &[
                    &[],
                    &HEADER,
                    &["0000-0000-dibao", "x", "确认", "", "", "", "2026-10-08"],
                    // A register keeps the numbers of persons: this one is of both rounds.
                    &[LEAD, NAME, "确认", "", "", "张核", "2026-10-08"],
                    &["NABH-P6VM-judicial_aid", NAME],
                ],
                _ => &[],
            };
            for (at, row) in (0..).zip(rows) {
                for (column, cell) in (0..).zip(*row) {
                    written.write_string(at, column, *cell).expect("written");
                }
            }
        }
        let path = folder.write("other.xlsx", &book.save_to_buffer().expect("a workbook"));
        let rows = read_one(&path);
        let refused = [("of_another_round", Some("lead_number")); 2];
        assert_eq!(codes(&rows), refused, "{order}");
        assert!(rows.taken.is_empty());
        let is_told = |row: &aidlink_procuratorate::register::filled::RefusedRow| {
            row.why.text().en.contains("2026Q2")
        };
        assert!(rows.refused.iter().all(is_told));
    }
}

/// Both rows of a lead that is decided twice, in one file and in two.
#[test]
fn two_decisions_that_differ_are_both_told_and_neither_wins() {
    let folder = Folder::new();
    let base = ["确认", "", "", "张核", "2026-10-08"];
    for (at, other) in [
        (0, "需补充核实"),
        (2, "另有说明"),
        (3, "李查"),
        (4, "2026-10-09"),
    ] {
        let mut second = base;
        second[at] = other;
        let [first, second] = [base, second].map(|cells| [&[LEAD, NAME], &cells[..]].concat());
        let one = [folder.rows("both.csv", &[&HEADER, &first, &second])];
        let two = [
            folder.rows("first.csv", &[&HEADER, &first]),
            folder.rows("second.csv", &[&HEADER, &second]),
        ];
        for paths in [&one[..], &two[..]] {
            let rows = read_files(paths);
            let contradicted = ("contradicted", Some("decision"));
            assert_eq!(codes(&rows), [contradicted, contradicted], "{other}");
            assert!(rows.taken.is_empty() && rows.empty.is_empty());
            let leads = rows.refused.iter().map(|row| row.lead_number.as_deref());
            assert!(leads.into_iter().all(|lead| lead == Some(LEAD)));
            let places: BTreeSet<_> = rows.refused.iter().map(|row| &row.place).collect();
            assert_eq!(places.len(), 2);
        }
    }
    // A row that is refused does not let another one of the lead win.
    let good = [&[LEAD, NAME], &base[..]].concat();
    let bad = [LEAD, NAME, "不予移送", "", "", "张核", "2026-10-08"];
    let rows = read_one(&folder.rows("both.csv", &[&HEADER, &good, &bad]));
    assert_eq!(
        codes(&rows),
        [
            ("contradicted", Some("decision")),
            ("no_reason", Some("reason"))
        ]
    );
    let two = [
        folder.rows("first.csv", &[&HEADER, &good]),
        folder.rows("second.csv", &[&HEADER, &bad]),
    ];
    assert!(read_files(&two).taken.is_empty());
    // One that nobody filled in does.
    let open = [LEAD, NAME, "", "", "", "", ""];
    let two = [
        folder.rows("first.csv", &[&HEADER, &open]),
        folder.rows("second.csv", &[&HEADER, &good]),
    ];
    let rows = read_files(&two);
    assert_eq!(
        (rows.taken.len(), rows.empty.len(), rows.refused.len()),
        (1, 0, 0)
    );
}

#[test]
fn the_sheet_of_persons_holds_unless_a_lead_is_decided_on_its_own() {
    let folder = Folder::new();
    let persons = [
        "人员编号",
        "姓名",
        "核查结论",
        "理由",
        "备注",
        "核查人",
        "核查日期",
        "线索编号",
    ];
    let all = "NABH-P6VM-dibao\nNABH-P6VM-education_assistance\nNABH-P6VM-judicial_aid";
    let person = [
        "NABH-P6VM",
        NAME,
        "不予移送",
        "本人放弃",
        "三次",
        "张核",
        "2026-10-08",
        all,
    ];
    let lead = [LEAD, NAME, "确认", "", "", "李查", "2026-10-09"];
    let said = |rows: &FilledRows| -> Vec<(String, &'static str, Option<String>)> {
        let said = |row: &FilledRow| {
            let aid = row.lead_number.rsplit('-').next().unwrap_or_default();
            (aid.to_owned(), row.finding.name(), row.remark.clone())
        };
        rows.taken.iter().map(said).collect()
    };
    let three = Some("三次".to_owned());
    let rejected = |aid: &str| (aid.to_owned(), "rejected", three.clone());
    let whole = vec![
        ("dibao".to_owned(), "confirmed", None),
        rejected("education_assistance"),
        rejected("judicial_aid"),
    ];
    // Whatever the order of the tables.
    for rows in [
        [&persons[..], &person, &HEADER, &lead],
        [&HEADER[..], &lead, &persons, &person],
    ] {
        let found = read_one(&folder.padded("both.csv", &rows));
        assert_eq!(said(&found), whole);
        assert!(found.refused.is_empty());
    }
    // In two files it is two copies that differ.
    let two = [
        folder.rows("persons.csv", &[&persons, &person]),
        folder.rows("lead.csv", &[&HEADER, &lead]),
    ];
    let found = read_files(&two);
    assert_eq!(said(&found).len(), 2);
    assert_eq!(codes(&found), [("contradicted", Some("decision")); 2]);
    // A lead whose own row is refused does not take the decision on the person.
    let wrong = [LEAD, NAME, "同意", "", "", "李查", "2026-10-09"];
    let rows = [&persons[..], &person, &HEADER, &wrong];
    let found = read_one(&folder.padded("both.csv", &rows));
    assert_eq!(codes(&found), [("unknown_decision", Some("decision"))]);
    assert_eq!(said(&found).len(), 2);
    // A remark beside a lead goes with the decision on the person, and the other way round.
    let remark = [LEAD, NAME, "", "", "已核", "", ""];
    let rows = [&persons[..], &person, &HEADER, &remark];
    let found = read_one(&folder.padded("both.csv", &rows));
    assert_eq!(
        said(&found)[0],
        (
            "dibao".to_owned(),
            "rejected",
            Some("三次；已核".to_owned())
        )
    );
    let mut only_remark = person;
    (only_remark[2], only_remark[3]) = ("", "");
    let rows = [&persons[..], &only_remark, &HEADER, &lead];
    let found = read_one(&folder.padded("both.csv", &rows));
    assert_eq!(
        said(&found),
        [("dibao".to_owned(), "confirmed", three.clone())]
    );
    assert!(found.refused.is_empty() && found.empty.len() == 2);
    // Without the column of lead numbers, all leads of the person.
    let rows = [&persons[..7], &person[..7]];
    let found = read_one(&folder.rows("both.csv", &rows));
    assert_eq!(said(&found).len(), 3);
    // Numbers of different persons.
    for (number, leads, code) in [
        ("NABH-P6VM", "4EW9-YQE1-dibao", "other_person"),
        (
            "NABH-P6VM",
            "NABH-P6VM-dibao 4EW9-YQE1-dibao",
            "other_person",
        ),
        (
            "NABH-P6VM",
            "NABH-P6VM-dibao NABH-P6VM-tekun",
            "not_of_this_round",
        ),
        ("4EW9-YQE1", all, "other_person"),
        ("4EW9-YQE2", "", "not_of_this_round"),
        ("", "", "no_number"),
    ] {
        let mut person = person;
        (person[0], person[7]) = (number, leads);
        let found = read_one(&folder.rows("both.csv", &[&persons, &person]));
        let why: Vec<&str> = found.refused.iter().map(|row| row.why.code()).collect();
        assert_eq!(
            (why, found.taken.len()),
            (vec![code], 0),
            "{number} {leads}"
        );
    }
}

/// Fills rows up to the same width, as a spreadsheet does.
fn padded<'r>(rows: &[&[&'r str]]) -> Vec<Vec<&'r str>> {
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let rows = rows.iter().map(|row| {
        let mut row = row.to_vec();
        row.resize(width, "");
        row
    });
    rows.collect()
}

#[test]
fn headers_are_known_in_both_languages_and_doubled_ones_are_told() {
    let folder = Folder::new();
    let cells = [LEAD, NAME, "确认", "", "", "张核", "2026-10-08"];
    let english = [
        "Lead number",
        "Name",
        "Decision",
        "Reason",
        "Remark",
        "Decided by",
        "Decided on",
    ];
    let traditional = [
        "線索編號",
        "姓名",
        "核查結論",
        "理由",
        "備註",
        "核查人",
        "核查日期",
    ];
    let numbered = [
        "1.线索编号",
        " 姓 名 ",
        "核查\n结论",
        "理由",
        "备注：",
        "核查人",
        "核查日期",
    ];
    for header in [english, traditional, numbered] {
        let found = read_one(&folder.rows("list.csv", &[&header, &cells]));
        let is_numbered = header == numbered;
        // The number of a column is no part of its header.
        assert_eq!(found.taken.len(), 1, "{header:?} {is_numbered}");
    }
    let doubled: [&[&str]; 2] = [
        &["线索编号", "核查结论", "核查结论"],
        &[LEAD, "确认", "不予移送"],
    ];
    let found = read_one(&folder.rows("list.csv", &doubled));
    assert_eq!(codes(&found), [("two_columns", Some("decision"))]);
    assert!(found.taken.is_empty());
    // Without a header, or without a decision.
    for (rows, word) in [
        (
            vec![vec!["a", "b"], vec!["c", "d"]],
            "no list of this program",
        ),
        (
            vec![vec!["线索编号", "姓名"], vec![LEAD, NAME]],
            "no column for the decision",
        ),
    ] {
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let path = folder.rows("list.csv", &rows);
        let Err(message) = read_with(&[path], UnlessStated::default()) else {
            panic!("no list was read")
        };
        assert!(message.contains(word), "{message}");
    }
    let found = read_one(&folder.rows("list.csv", &[&cells, &HEADER, &cells]));
    assert_eq!(codes(&found), [("no_header", None)]);
    // The lead is in the row below the header, too.
    assert_eq!(found.taken.len(), 1);
}

#[test]
fn a_shifted_row_of_a_text_is_refused() {
    let folder = Folder::new();
    let shifted = [LEAD, NAME, "x", "确认", "", "", "张核", "2026-10-08"];
    let short = [
        "NABH-P6VM-judicial_aid",
        NAME,
        "确认",
        "",
        "",
        "张核",
        "2026-10-08",
    ];
    let found = read_one(&folder.rows("list.csv", &[&HEADER, &shifted, &short]));
    assert_eq!(codes(&found), [("row", None)]);
    assert_eq!(found.taken.len(), 1);
}

#[test]
fn merged_cells_hold_for_their_rows_and_not_for_other_columns() {
    let folder = Folder::new();
    let mut book = rust_xlsxwriter::Workbook::new();
    let plain = rust_xlsxwriter::Format::new();
    let sheet = book.add_worksheet();
    for (column, header) in (0..).zip(HEADER) {
        sheet.write_string(0, column, header).expect("written");
    }
    let numbers = [
        "NABH-P6VM-dibao",
        "NABH-P6VM-education_assistance",
        "NABH-P6VM-judicial_aid",
    ];
    for (row, number) in (1..).zip(numbers) {
        sheet.write_string(row, 0, number).expect("written");
        sheet.write_string(row, 1, NAME).expect("written");
        if row < 3 {
            sheet.write_string(row, 2, "确认").expect("written");
        }
    }
    sheet
        .merge_range(1, 5, 3, 5, "张核", &plain)
        .expect("merged");
    sheet
        .merge_range(1, 6, 3, 6, "2026-10-08", &plain)
        .expect("merged");
    sheet
        .merge_range(3, 2, 3, 4, "不予移送", &plain)
        .expect("merged");
    let path = folder.write("merged.xlsx", &book.save_to_buffer().expect("a workbook"));
    let found = read_one(&path);
    assert_eq!(found.taken.len(), 2);
    for row in &found.taken {
        assert_eq!(row.decided_by.as_deref(), Some("张核"));
        assert_eq!(row.decided_on, Date::constant(2026, 10, 8));
    }
    assert_eq!(codes(&found), [("merged", Some("reason"))]);
}

#[test]
fn cells_of_other_types_are_read_as_what_they_show() {
    let folder = Folder::new();
    let mut book = rust_xlsxwriter::Workbook::new();
    let day = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    let sheet = book.add_worksheet();
    for (column, header) in (0..).zip(HEADER) {
        sheet.write_string(0, column, header).expect("written");
    }
    let all = leads();
    let written: usize = 8;
    for (row, lead) in (1..).zip(all.iter().take(written)) {
        sheet.write_string(row, 0, &lead[0]).expect("written");
        sheet.write_string(row, 1, &lead[2]).expect("written");
        sheet.write_string(row, 2, "确认").expect("written");
        sheet.write_string(row, 5, "张核").expect("written");
        sheet.write_string(row, 6, "2026-10-08").expect("written");
    }
    let moment = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 10, 8)
        .and_then(|day| day.and_hms(17, 45, 0))
        .expect("a moment");
    sheet
        .write_datetime_with_format(1, 6, &moment, &day)
        .expect("written");
    sheet.write_number(2, 6, 46303).expect("written");
    sheet.write_number(3, 6, 20261008).expect("written");
    sheet.write_boolean(4, 2, true).expect("written");
    let formula = rust_xlsxwriter::Formula::new("=\"确\"&\"认\"").set_result("确认");
    sheet.write_formula(5, 2, formula).expect("written");
    let error = rust_xlsxwriter::Formula::new("=NA()").set_result("#N/A");
    sheet.write_formula(6, 2, error).expect("written");
    sheet.write_number(7, 2, 1).expect("written");
    sheet.write_boolean(8, 6, false).expect("written");
    let found = read_one(&folder.write("types.xlsx", &book.save_to_buffer().expect("a book")));
    let taken: BTreeSet<&str> = found
        .taken
        .iter()
        .map(|row| row.lead_number.as_str())
        .collect();
    for (row, lead) in (1..).zip(all.iter().take(written)) {
        let is_taken = matches!(row, 1 | 2 | 3 | 5);
        assert_eq!(taken.contains(lead[0].as_str()), is_taken, "row {row}");
    }
    assert!(
        found
            .taken
            .iter()
            .all(|row| row.decided_on == Date::constant(2026, 10, 8))
    );
    assert_eq!(
        codes(&found),
        [
            ("unknown_decision", Some("decision")),
            ("error_value", Some("decision")),
            ("unknown_decision", Some("decision")),
            ("unreadable_day", Some("decided_on")),
        ]
    );
}

/// Excel's binary workbooks, also with a hidden sheet.
#[test]
fn binary_workbooks_and_hidden_sheets_are_read() {
    use made_xlsb::{MadeSheet, MadeXlsb, row, text};
    let sheet = |state: u32, rows: &[&[&str]]| {
        let table = (0..).zip(rows).flat_map(|(number, cells)| {
            let cells = (0..)
                .zip(*cells)
                .flat_map(|(column, cell)| text(column, cell));
            row(number).into_iter().chain(cells).collect::<Vec<_>>()
        });
        MadeSheet {
            name: format!("sheet{state}"),
            state,
            table: table.collect(),
            merged: Vec::new(),
        }
    };
    let lead = |number| [number, NAME, "确认", "", "", "张核", "2026-10-08"];
    let book = MadeXlsb {
        sheets: vec![
            sheet(0, &[&["保密"], &HEADER, &lead(LEAD)]),
            sheet(1, &[&HEADER, &lead("NABH-P6VM-judicial_aid")]),
        ],
        ..MadeXlsb::default()
    };
    let folder = Folder::new();
    let found = read_one(&folder.write("list.xlsb", &book.packed()));
    assert_eq!(found.taken.len(), 2, "{found:?}");
    assert!(found.refused.is_empty());
    let places = found
        .taken
        .iter()
        .map(|row| (row.place.sheet.clone(), row.place.row));
    let places: Vec<_> = places.collect();
    assert_eq!(
        places,
        [
            (Some((1, "sheet0".to_owned())), 3),
            (Some((2, "sheet1".to_owned())), 2)
        ]
    );
}

#[test]
fn what_is_written_beside_persons_who_could_not_be_judged_is_told() {
    let folder = Folder::new();
    let header = ["人员编号", "姓名", "备注", "核查人", "核查日期"];
    let rows: [&[&str]; 5] = [
        &HEADER,
        &[LEAD, NAME, "", "", "", "", ""],
        &header,
        &["1111-1111", "某人", "已查", "", ""],
        &["2222-2222", "某人", "", "", ""],
    ];
    let found = read_one(&folder.padded("list.csv", &rows));
    assert_eq!(codes(&found), [("not_a_lead", None)]);
    assert_eq!(found.empty.len(), 1);
}

/// Files that are cut, and files that want to take all memory or never to end.
#[test]
fn no_file_hangs_or_panics() {
    let folder = Folder::new();
    for name in [
        "story.xlsx",
        "story-libreoffice.xls",
        "story-libreoffice.ods",
        "messy.ods",
    ] {
        let whole = std::fs::read(files().join(name)).expect("a file");
        for part in 1..12 {
            let cut = &whole[..whole.len() * part / 12];
            let path = folder.write(name, cut);
            if let Ok(rows) = read_with(&[path], UnlessStated::default()) {
                assert!(rows.taken.is_empty(), "{name} cut at {}", cut.len());
            }
        }
        // Bytes that were changed.
        for seed in 0..12_usize {
            let mut changed = whole.clone();
            for step in 0..20 {
                let at = (seed * 7919 + step * 104_729) % changed.len();
                changed[at] = changed[at].wrapping_add(seed as u8 | 1);
            }
            let _ = read_with(&[folder.write(name, &changed)], UnlessStated::default());
        }
    }
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/files/hostile");
    let mut read_files = 0;
    for entry in std::fs::read_dir(hostile).expect("a folder") {
        let path = entry.expect("an entry").path();
        let _ = read_with(&[path], UnlessStated::default());
        read_files += 1;
    }
    assert!(read_files > 5);
    // A million columns, a million rows, a line without an end, a quote without an end.
    let columns = format!("线索编号{}核查结论\n{LEAD}", ",".repeat(1_000_000));
    let lines = format!(
        "线索编号,核查结论,核查日期\n{}",
        format!("{LEAD},确认,\n").repeat(60_000)
    );
    let quote = format!(
        "线索编号,核查结论,核查日期\n\"{}",
        format!("{LEAD},确认,\n").repeat(100_000)
    );
    let blank = "\n".repeat(5_000_000);
    for (name, text) in [("c", columns), ("l", lines), ("q", quote), ("b", blank)] {
        let path = folder.write(&format!("{name}.csv"), text.as_bytes());
        match read_with(&[path], UnlessStated::default()) {
            Ok(rows) => assert!(rows.taken.is_empty(), "{name}"),
            Err(message) => assert!(!message.is_empty()),
        }
    }
    for bytes in [
        &b""[..],
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0",
        b"PAR1",
        b"%PDF-1.7",
        b"\x00\x01",
    ] {
        let path = folder.write("other.xlsx", bytes);
        assert!(read_with(&[path], UnlessStated::default()).is_err());
    }
    assert!(
        read_with(
            &[folder.0.path().join("none.xlsx")],
            UnlessStated::default()
        )
        .is_err()
    );
    assert!(read_with(&[folder.0.path().to_owned()], UnlessStated::default()).is_err());
}

/// A sheet that unpacks to far more than it is.
#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let folder = Folder::new();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, header) in (0..).zip(HEADER) {
        sheet.write_string(0, column, header).expect("written");
    }
    // One cell far outside.
    sheet.write_string(1_000_000, 16_000, "x").expect("written");
    let path = folder.write("far.xlsx", &book.save_to_buffer().expect("a workbook"));
    let Err(message) = read_with(&[path], UnlessStated::default()) else {
        panic!("a sheet of sixteen thousand million cells was read")
    };
    assert!(message.contains("too large"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However a list was filled in: each lead is taken in, refused or open, exactly once,
    /// and the order of rows, of columns and of files changes nothing.
    #[test]
    fn every_lead_is_accounted_for_in_any_order(
        filled in prop::collection::vec((0_usize..19, 0_usize..7, 0_usize..4, 0_usize..4), 0..30),
        rotate in 0_usize..30,
        columns in Just((0..HEADER.len()).collect::<Vec<_>>()).prop_shuffle(),
        split in 0_usize..30,
    ) {
        let folder = Folder::new();
        let all = leads();
        let findings = ["", "确认", "不予移送", "需补充核实", "x", "confirmed", "REJECTED"];
        let reasons = ["", "收入超标", "other", "?"];
        let days = ["2026-10-08", "2026/10/9", "", "2027-01-01"];
        let rows: Vec<Vec<String>> = filled
            .iter()
            .map(|(lead, finding, reason, day)| {
                let lead = &all[*lead];
                let cells = [
                    lead[0].as_str(), &lead[2], findings[*finding], reasons[*reason], "", "张核", days[*day],
                ];
                cells.map(str::to_owned).to_vec()
            })
            .collect();
        let list = |rows: &[Vec<String>], order: &[usize]| {
            let header = HEADER.map(str::to_owned).to_vec();
            let rows = [header].into_iter().chain(rows.iter().cloned());
            let rows: Vec<Vec<String>> = rows
                .map(|row| order.iter().map(|at| row[*at].clone()).collect())
                .collect();
            let rows: Vec<Vec<&str>> =
                rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
            let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
            csv_text(&rows, ',')
        };
        let usual: Vec<usize> = (0..HEADER.len()).collect();
        let path = folder.write("one.csv", list(&rows, &usual).as_bytes());
        let one = read_one(&path);
        let taken: BTreeSet<&str> = one.taken.iter().map(|row| row.lead_number.as_str()).collect();
        let refused: BTreeSet<&str> =
            one.refused.iter().filter_map(|row| row.lead_number.as_deref()).collect();
        for lead in &all {
            let is_there = rows.iter().any(|row| row[0] == lead[0]);
            let number = lead[0].as_str();
            let told = [taken.contains(number), refused.contains(number), one.empty.contains(number)];
            let is_told = told.iter().filter(|is_it| **is_it).count();
            prop_assert_eq!(is_told, usize::from(is_there), "{}", number);
        }
        let mut turned = rows.clone();
        if !turned.is_empty() {
            let by = rotate % turned.len();
            turned.rotate_left(by);
        }
        let other = folder.write("other.csv", list(&turned, &columns).as_bytes());
        prop_assert_eq!(outcome(&read_one(&other)), outcome(&one));
        // Split into two files.
        let at = split.min(rows.len());
        let two = [
            folder.write("a.csv", list(&rows[..at], &usual).as_bytes()),
            folder.write("b.csv", list(&rows[at..], &usual).as_bytes()),
        ];
        let two = read_files(&two);
        let decided = |rows: &FilledRows| -> BTreeSet<String> {
            rows.taken.iter().map(|row| row.lead_number.clone()).collect()
        };
        prop_assert_eq!(decided(&two), decided(&one));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        before in "[,\"\n\r\t;线索编号核查结论0-9A-Z-]{0,60}",
    ) {
        let folder = Folder::new();
        let text = [csv_text(&[&HEADER], ',').as_bytes(), before.as_bytes(), &bytes].concat();
        let _ = read_with(&[folder.write("any.csv", &text)], UnlessStated::default());
    }
}
