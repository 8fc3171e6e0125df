//! Tests the review workbooks: what is in them, how they are laid out, and that filling one
//! in disturbs neither the proof nor the deletion. They are read with `calamine`, a reader
//! of others, and their XML with `quick-xml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read as _, Write as _};

use calamine::{Data, Reader as _, Xlsx};
use quick_xml::events::Event;
use serde_json::Value;

use crate::audit::FinishedRound;
use crate::cells::id;
use crate::deletion::{overdue_round, paths, purge, record};
use crate::grades::{ROLE_ALONE, round_of};
use crate::sample_round::planted_leads;
use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{Round, csv_records, id_number, project, set_mode};

const ADULTS: &str = "review/adults.xlsx";
const MINORS: &str = "review/minors.xlsx";
const WORKBOOKS: [&str; 2] = [ADULTS, MINORS];

// Reading workbooks

/// A workbook: its sheets in order, each with the texts of its cells by row, and its parts.
struct Book {
    sheets: Vec<(String, Vec<Vec<String>>)>,
    parts: BTreeMap<String, String>,
}

impl Book {
    fn of(bytes: &[u8]) -> Self {
        let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).unwrap();
        let names = workbook.sheet_names();
        let sheets = names.into_iter().map(|name| {
            let range = workbook.worksheet_range(&name).unwrap();
            assert_eq!(range.start(), Some((0, 0)), "{name}");
            let text = |cell: &Data| match cell {
                Data::Empty => String::new(),
                Data::String(text) => text.clone(),
                Data::DateTime(date) => {
                    let (year, month, day, ..) = date.to_ymd_hms_milli();
                    format!("{year:04}-{month:02}-{day:02}")
                }
                other => panic!("{name}: {other:?} is neither text nor a day"),
            };
            let rows = range.rows().map(|row| row.iter().map(text).collect());
            let rows = rows.collect();
            (name.clone(), rows)
        });
        Book {
            sheets: sheets.collect(),
            parts: parts(bytes)
                .into_iter()
                .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
                .collect(),
        }
    }

    fn names(&self) -> Vec<&str> {
        let sheets = self.sheets.iter();
        sheets.map(|(name, _)| name.as_str()).collect()
    }

    fn rows(&self, sheet: &str) -> &[Vec<String>] {
        let found = self.sheets.iter().find(|(name, _)| name == sheet);
        &found.unwrap_or_else(|| panic!("no sheet {sheet}")).1
    }

    /// Returns the rows below the header of a sheet, each by the headers.
    fn records(&self, sheet: &str) -> Vec<BTreeMap<String, String>> {
        let rows = self.rows(sheet);
        let header = &rows[1];
        let distinct: BTreeSet<&String> = header.iter().collect();
        assert_eq!(distinct.len(), header.len(), "{sheet}: a header twice");
        let rows = rows[2..].iter();
        rows.map(|row| header.iter().cloned().zip(row.iter().cloned()).collect())
            .collect()
    }

    /// Returns the XML of a sheet.
    fn xml(&self, sheet: &str) -> &str {
        let place = self.names().iter().position(|name| *name == sheet).unwrap();
        &self.parts[&format!("xl/worksheets/sheet{}.xml", place + 1)]
    }

    fn has_header(&self, sheet: &str, header: &str) -> bool {
        let rows = self.rows(sheet);
        rows.get(1)
            .is_some_and(|row| row.iter().any(|cell| cell == header))
    }
}

/// Returns the files of a zip archive.
pub(crate) fn parts(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut parts = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        parts.insert(file.name().unwrap().into_owned(), content);
    }
    parts
}

/// Returns the elements of an XML text: each name with its attributes and its own text.
fn elements(xml: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found: Vec<(String, BTreeMap<String, String>, String)> = Vec::new();
    let mut open = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return found,
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let (Event::Start(tag) | Event::Empty(tag)) = &event else {
                    unreachable!()
                };
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (
                        attribute.key.as_ref().to_owned(),
                        attribute.value.to_string(),
                    )
                });
                found.push((
                    tag.name().as_ref().to_owned(),
                    attributes.collect(),
                    String::new(),
                ));
                if matches!(event, Event::Start(_)) {
                    open.push(found.len() - 1);
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => {
                if let Some(&index) = open.last() {
                    found[index].2 += &text;
                }
            }
            Event::GeneralRef(name) => {
                if let Some(&index) = open.last() {
                    found[index].2 += &format!("&{};", &*name);
                }
            }
            _ => {}
        }
    }
}

/// Returns the elements of a name.
fn named(xml: &str, name: &str) -> Vec<(BTreeMap<String, String>, String)> {
    let all = elements(xml).into_iter();
    all.filter(|(found, ..)| found == name)
        .map(|(_, attributes, text)| (attributes, text))
        .collect()
}

fn book(round: &Round, output: &str, path: &str) -> Book {
    Book::of(&round.output(output)[path])
}

/// Runs the sample and returns it with its two workbooks.
fn sample() -> (Round, [Book; 2]) {
    let round = Round::sample();
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let books = WORKBOOKS.map(|path| book(&round, "output", path));
    (round, books)
}

/// The sheet of each list of the sample.
const SHEETS: [(&str, &str); 13] = [
    ("to-civil-affairs", "韶关市民政局"),
    ("to-disabled-federation", "韶关市残疾人联合会"),
    ("to-education", "韶关市教育局"),
    ("to-health", "卫生健康部门"),
    ("to-human-resources", "韶关市人力资源和社会保障局"),
    ("to-judicial-aid", "司法救助"),
    ("to-justice", "司法行政部门"),
    ("to-medical-insurance", "韶关市医疗保障局"),
    ("to-rural-revitalisation", "韶关市乡村振兴办公室"),
    ("to-trade-union", "韶关市总工会"),
    ("to-veterans", "韶关市退役军人事务局"),
    ("to-womens-federation", "韶关市妇女联合会"),
    ("to-youth-league", "共青团韶关市委员会"),
];

fn list(round: &Round, name: &str, minors: bool) -> Vec<BTreeMap<String, String>> {
    let suffix = if minors { ".minors" } else { "" };
    csv_records(&round.output("output")[&format!("lists/for-review/{name}{suffix}.csv")])
}

// What is in them

#[test]
fn every_lead_of_the_lists_is_once_on_the_sheet_of_its_agency() {
    let (round, books) = sample();
    // Every list of the round has a sheet in the table above.
    let lists: BTreeSet<String> = round
        .match_lists("output")
        .into_keys()
        .map(|path| {
            let name = path.trim_start_matches("lists/for-review/");
            name.trim_end_matches(".csv")
                .trim_end_matches(".minors")
                .to_owned()
        })
        .collect();
    assert_eq!(lists, SHEETS.map(|(list, _)| list.to_owned()).into());
    let mut leads = 0;
    for (minors, book) in [(false, &books[0]), (true, &books[1])] {
        for (name, sheet) in SHEETS {
            let listed = list(&round, name, minors);
            if listed.is_empty() {
                assert!(!book.names().contains(&sheet), "{sheet}");
                continue;
            }
            let records = book.records(sheet);
            assert_eq!(records.len(), listed.len(), "{sheet}");
            leads += records.len();
            // In the same order, with the same words.
            for (record, lead) in records.iter().zip(&listed) {
                for column in [
                    "线索编号",
                    "轻重缓急",
                    "依据程度",
                    "案号",
                    "姓名",
                    "承办人",
                    "救助项目",
                    "依据和证据",
                    "尚不明确的条件",
                    "一般不予救助的情形（须核查）",
                    "优先对象",
                    "核查事项",
                    "办理期限",
                    "期限说明",
                    "规则",
                ] {
                    assert_eq!(record[column], lead[column], "{sheet}: {column}");
                }
                for empty in ["核查结论", "理由", "备注", "核查人", "核查日期"] {
                    assert_eq!(record[empty], "", "{sheet}: {empty}");
                }
                assert!(lead["办理期限"] == record["办理期限"], "{record:?}");
                assert_eq!(record["办理期限"].len(), "2026-10-13".len());
            }
            // The ids of rules are in the last column.
            assert_eq!(book.rows(sheet)[1].last().unwrap(), "规则");
        }
    }
    assert_eq!(
        leads,
        planted_leads(&project().join("sample_data/2026Q3/truth")).len()
    );
}

#[test]
fn every_person_is_once_on_the_sheet_of_persons_with_all_leads() {
    let (round, books) = sample();
    let mut persons = Vec::new();
    for (minors, book) in [(false, &books[0]), (true, &books[1])] {
        let leads = SHEETS.map(|(name, _)| list(&round, name, minors)).concat();
        let mut by_number: BTreeMap<&str, &BTreeMap<String, String>> = leads
            .iter()
            .map(|lead| (lead["线索编号"].as_str(), lead))
            .collect();
        assert_eq!(by_number.len(), leads.len(), "a number twice");
        let mut places = Vec::new();
        for person in book.records("人员") {
            let own: Vec<_> = person["线索编号"]
                .lines()
                .map(|number| by_number.remove(number).expect("a lead of nobody else"))
                .collect();
            assert_eq!(person["救助项目"].lines().count(), own.len());
            for (line, lead) in person["救助项目"].lines().zip(&own) {
                let aid = lead["救助项目"].split('〔').next().unwrap();
                assert!(
                    line.ends_with(&format!("：{aid}（{}）", lead["依据程度"])),
                    "{line}"
                );
                assert_eq!(lead["姓名"], person["姓名"]);
                let cases: BTreeSet<&str> = person["案号"].split('；').collect();
                assert!(lead["案号"].split('；').all(|case| cases.contains(case)));
            }
            // The most urgent, the surest, the first day.
            let least = |column: &str| own.iter().map(|lead| lead[column].as_str()).min().unwrap();
            assert_eq!(person["轻重缓急"], least("轻重缓急"));
            assert!(
                own.iter()
                    .any(|lead| lead["依据程度"] == person["依据程度"])
            );
            let any_established = own.iter().any(|lead| lead["依据程度"] == "已有依据");
            assert_eq!(person["依据程度"] == "已有依据", any_established);
            assert_eq!(least("办理期限"), person["办理期限"]);
            places.push((person["轻重缓急"].clone(), !any_established));
            persons.push(person["姓名"].clone());
        }
        assert!(
            by_number.is_empty(),
            "leads without a person: {}",
            by_number.len()
        );
        assert!(places.is_sorted());
    }
    let planted = csv_records(round.read("truth/planted-leads.csv").as_bytes());
    let planted: BTreeSet<&str> = planted.iter().map(|lead| lead["person"].as_str()).collect();
    let distinct: BTreeSet<&str> = persons.iter().map(String::as_str).collect();
    assert_eq!(distinct, planted);
}

#[test]
fn minors_are_in_a_workbook_of_their_own_and_a_workbook_without_content_is_not_made() {
    let child = id_number("44990120160505901");
    let header = format!("{ROLE_ALONE},被害人死亡,与被害人关系");
    let of_child = format!("{child},C1,赵小某,近亲属,否,是,子女\n");
    let of_adult = format!("{},C2,钱大某,被害人,否,,\n", id(1));
    let on_dibao = format!("{},dibao,active\n", id(1));
    for (rows, register, expected) in [
        (of_child.clone(), "", &[MINORS][..]),
        (of_adult.clone(), on_dibao.as_str(), &[ADULTS]),
        (of_child + &of_adult, &on_dibao, &[ADULTS, MINORS]),
    ] {
        let round = round_of(&format!("{header}\n{rows}"), register);
        let result = round.run();
        assert_eq!(result.code, 0, "{}", result.stderr);
        let output = round.output("output");
        let made: Vec<&str> = output
            .keys()
            .filter(|path| path.ends_with(".xlsx"))
            .map(String::as_str)
            .collect();
        assert_eq!(made, expected);
        for path in made {
            let line = format!("to be filled in: {path} (1 persons, ");
            assert!(result.stdout.contains(&line), "{}", result.stdout);
            let parts = Book::of(&output[path]).parts;
            let strings = &parts["xl/sharedStrings.xml"];
            assert_eq!(strings.contains("赵小某"), path == MINORS);
            assert_eq!(strings.contains("钱大某"), path == ADULTS);
        }
    }
}

#[test]
fn who_could_not_be_judged_has_a_sheet() {
    let child = id_number("44990120160505901");
    let row = |id: &str, case: &str| format!("{id},{case},赵某,被害人,否\n");
    let cases = [
        format!("{ROLE_ALONE}\n"),
        row(&id(1), "on-dibao"),
        row(&id(2), "adult"),
        row(&child, "child"),
    ];
    let round = round_of(&cases.concat(), &format!("{},dibao,active\n", id(1)));
    assert_eq!(round.run().code, 0);
    for (path, csv, case) in [
        (ADULTS, "lists/not-judged.csv", "adult"),
        (MINORS, "lists/not-judged.minors.csv", "child"),
    ] {
        let book = book(&round, "output", path);
        let records = book.records("Not judged");
        let listed = csv_records(&round.lists("output")[csv]);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["Case number"], case);
        for column in [
            "Name",
            "Aids that could not be judged",
            "Conditions that could not be judged",
            "Columns without a value that can be read",
        ] {
            assert_eq!(records[0][column], listed[0][column]);
        }
    }
    // There are no leads of minors, so nothing to decide.
    let minors = book(&round, "output", MINORS);
    assert_eq!(minors.names(), ["Read me", "Not judged"]);
}

#[test]
fn the_workbook_is_in_the_language_of_the_lists_and_explains_itself() {
    let round = Round::sample();
    let text = round.read("round.toml");
    assert!(text.contains("list_language = \"zh\"") || !text.contains("list_language"));
    for language in ["zh", "en"] {
        let text = match text.contains("list_language") {
            true => text.replace(
                "list_language = \"zh\"",
                &format!("list_language = \"{language}\""),
            ),
            false => format!("list_language = \"{language}\"\n{text}"),
        };
        // The federation's register is left out, and the lists that need it say so.
        let at = text
            .find("[[export]]\nschema = \"disabled-federation.persons\"")
            .unwrap();
        let end = text[at + 5..]
            .find("[[export]]")
            .map_or(text.len(), |next| at + 5 + next);
        let left_out =
            "not_joined = [{ schema = \"disabled-federation.persons\", because = \"x\" }]\n";
        round.write(
            "round.toml",
            format!("{left_out}{}{}", &text[..at], &text[end..]),
        );
        let output = format!("output-{language}");
        let folder = round.path(&output);
        let result = round.run_with(&["--output", folder.to_str().unwrap()]);
        assert_eq!(result.code, 0, "{}", result.stderr);
        let book = book(&round, &output, ADULTS);
        let (guide, sheets, words) = match language {
            "zh" => (
                "说明",
                ["说明", "人员", "韶关市民政局", "选项"],
                [
                    "仅供检察机关核查",
                    "2026-09-30",
                    "2026-12-31",
                    "韶关",
                    "残疾人",
                    "已有依据",
                    "1 紧急",
                    "【是否已在领取未能核实】",
                    "不予移送",
                    "已填写",
                ],
            ),
            _ => (
                "Read me",
                [
                    "Read me",
                    "Persons",
                    "Shaoguan Civil Affairs Bureau",
                    "Choices",
                ],
                [
                    "For the procuratorate alone",
                    "2026-09-30",
                    "2026-12-31",
                    "Shaoguan",
                    "isab",
                    "established",
                    "1 urgent",
                    "【receipt not verified】",
                    "rejected",
                    "filled in",
                ],
            ),
        };
        for sheet in sheets {
            assert!(book.names().contains(&sheet), "{:?}", book.names());
        }
        let explained = book.rows(guide).concat().join("\n");
        for word in words {
            assert!(explained.contains(word), "{word} is not in: {explained}");
        }
        // In English no word of the program is Chinese: only citations and names are.
        let header = |sheet: &str| book.rows(sheet)[1].join("");
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        for sheet in &sheets[1..] {
            assert_eq!(
                is_chinese(&header(sheet)),
                language == "zh",
                "{}",
                header(sheet)
            );
        }
    }
}

// Numbers

/// Returns the numbers on the lists of a round, by name: of leads with the aid, and of persons
/// who could not be judged.
fn numbers(round: &Round, output: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut numbers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, bytes) in round.lists(output) {
        for row in csv_records(&bytes) {
            let number = row
                .get("Lead number")
                .unwrap_or_else(|| &row["Person number"]);
            let own = numbers.entry(row["Name"].clone()).or_default();
            assert!(own.insert(number.clone()), "{number} twice");
        }
    }
    numbers
}

#[test]
fn a_corrected_export_and_other_persons_leave_the_numbers_as_they_are() {
    let row =
        |sequence: usize, case: &str| format!("{},{case},人{sequence},被害人,否\n", id(sequence));
    let on_dibao = |sequences: &[usize]| -> String {
        sequences
            .iter()
            .map(|sequence| format!("{},dibao,active\n", id(*sequence)))
            .collect()
    };
    let cases = format!(
        "{ROLE_ALONE}\n{}{}{}",
        row(1, "C1"),
        row(2, "C2"),
        row(3, "C3")
    );
    let round = round_of(&cases, &on_dibao(&[1, 2]));
    assert_eq!(round.run().code, 0);
    let before = numbers(&round, "output");
    assert_eq!(before.len(), 3);
    // Another case number, another order, more persons; the third is on a register now.
    let corrected: String = [
        format!("{ROLE_ALONE}\n"),
        row(3, "C3"),
        (4..40)
            .map(|sequence| row(sequence, &format!("C{sequence}")))
            .collect(),
        row(1, "C1-1"),
        row(2, "C2"),
    ]
    .concat();
    let corrected = round_of(&corrected, &on_dibao(&[1, 2, 3]));
    corrected.write("cells.key", round.read("cells.key"));
    set_mode(&corrected.path("cells.key"), 0o600);
    assert_eq!(corrected.run().code, 0);
    let after = numbers(&corrected, "output");
    assert_eq!(after.len(), 39);
    for person in ["人1", "人2"] {
        assert_eq!(before[person], after[person]);
        // Two leads, each with the number of the person and the aid.
        let persons: BTreeSet<&str> = before[person].iter().map(|number| &number[..9]).collect();
        assert_eq!(persons.len(), 1, "{:?}", before[person]);
        assert_eq!(before[person].len(), 2);
        assert!(
            before[person]
                .iter()
                .any(|number| number.ends_with("-judicial_aid"))
        );
    }
    // Whoever could not be judged keeps the number as a lead.
    let number = before["人3"].first().unwrap();
    assert_eq!(number.len(), 9);
    assert!(
        after["人3"]
            .iter()
            .all(|lead| lead.starts_with(&format!("{number}-")))
    );
    // No two persons have the same number, and another key gives others.
    let all: BTreeSet<&str> = after.values().map(|of| &of.first().unwrap()[..9]).collect();
    assert_eq!(all.len(), after.len());
    fs::remove_file(round.path("cells.key")).unwrap();
    let folder = round.path("output-2");
    assert_eq!(
        round.run_with(&["--output", folder.to_str().unwrap()]).code,
        0
    );
    let other = numbers(&round, "output-2");
    for (person, numbers) in &before {
        assert!(numbers.is_disjoint(&other[person]));
    }
    // The workbook has the same numbers.
    let book = book(&corrected, "output", ADULTS);
    let persons: BTreeMap<String, String> = book
        .records("Persons")
        .into_iter()
        .map(|person| (person["Name"].clone(), person["Person number"].clone()))
        .chain(
            book.records("Not judged")
                .into_iter()
                .map(|person| (person["Name"].clone(), person["Person number"].clone())),
        )
        .collect();
    assert_eq!(persons.len(), after.len());
    for (name, number) in persons {
        assert!(
            after[&name].iter().all(|own| own.starts_with(&number)),
            "{name}"
        );
    }
}

// How they are laid out

#[test]
fn every_sheet_is_laid_out_for_the_screen_and_for_a4() {
    let (_, books) = sample();
    for book in &books {
        let defined = named(&book.parts["xl/workbook.xml"], "definedName");
        for (place, (sheet, rows)) in book.sheets.iter().enumerate() {
            let xml = book.xml(sheet);
            let one = |name: &str| {
                let mut found = named(xml, name);
                assert_eq!(found.len(), 1, "{sheet}: {name}");
                found.remove(0)
            };
            // Every sheet is marked, on the screen and on paper.
            assert!(rows[0][0].starts_with("保密：仅供核查"), "{sheet}");
            let (header, footer) = (one("oddHeader").1, one("oddFooter").1);
            for line in [&header, &footer] {
                assert!(line.contains("&amp;C保密：仅供核查"), "{line}");
            }
            assert!(footer.contains("第 &amp;P 页，共 &amp;N 页"), "{footer}");
            let page = one("pageSetup").0;
            assert_eq!(page["paperSize"], "9", "A4");
            assert_eq!(page["orientation"], "landscape");
            assert_eq!(page["fitToHeight"], "0", "as many pages as it takes");
            assert_eq!(
                page.get("fitToWidth").map_or("1", |width| width.as_str()),
                "1"
            );
            assert_eq!(one("pageSetUpPr").0["fitToPage"], "1");
            // Columns that can be read, and not wider than a page at a readable size.
            let mut widths: Vec<f64> = Vec::new();
            for (column, _) in named(xml, "col") {
                let number = |name: &str| column[name].parse::<usize>().unwrap();
                let width: f64 = column["width"].parse().unwrap();
                assert!(width >= 7.0, "{sheet}");
                widths.extend((number("min")..=number("max")).map(|_| width));
            }
            let ids = rows[1].last().is_some_and(|header| header == "规则");
            let printed = widths.len() - usize::from(ids);
            let total: f64 = widths[..printed].iter().sum();
            assert!(total <= 280.0, "{sheet}: {total}");
            // Every row has a height, because not every program works one out.
            let heights = named(xml, "row");
            let heights = heights.iter().filter(|(row, _)| row.contains_key("ht"));
            assert!(heights.count() + 2 >= rows.len(), "{sheet}");
            if sheet == "说明" {
                continue;
            }
            let pane = one("pane").0;
            assert_eq!(
                (&*pane["state"], &*pane["ySplit"]),
                ("frozen", "2"),
                "{sheet}"
            );
            let (last, columns) = (rows.len(), rows[1].len());
            let filter = &one("autoFilter").0["ref"];
            let name = calamine_column(columns);
            assert_eq!(*filter, format!("A2:{name}{last}"), "{sheet}");
            // The header is on every page; the ids of rules are not printed.
            let of_sheet = |of: &str| {
                let own = defined.iter().find(|(attributes, _)| {
                    attributes["name"] == of && attributes["localSheetId"] == place.to_string()
                });
                own.unwrap_or_else(|| panic!("{sheet}: {of}")).1.clone()
            };
            assert!(of_sheet("_xlnm.Print_Titles").ends_with("!$1:$2"));
            let printed = match rows[1].last().unwrap().as_str() {
                "规则" => calamine_column(columns - 1),
                _ => name,
            };
            let area = of_sheet("_xlnm.Print_Area");
            assert!(
                area.ends_with(&format!("!$A$1:${printed}${last}")),
                "{area}"
            );
            // The name stays in view.
            if let Some(at) = rows[1].iter().position(|header| header == "姓名") {
                assert_eq!(pane["xSplit"], (at + 1).to_string(), "{sheet}");
            }
        }
    }
}

/// Returns the letters of the column with this number, counted from 1.
fn calamine_column(number: usize) -> String {
    let letter = |number: usize| char::from(b'A' + (number % 26) as u8);
    match number - 1 {
        index if index < 26 => letter(index).to_string(),
        index => format!("{}{}", letter(index / 26 - 1), letter(index)),
    }
}

#[test]
fn decisions_have_drop_downs_beside_the_name() {
    let (_, books) = sample();
    for book in &books {
        let choices = book.records("选项");
        let of = |column: &str| -> Vec<&str> {
            let rows = choices.iter().filter(|row| row["栏目"] == column);
            rows.map(|row| row["选项"].as_str()).collect()
        };
        assert_eq!(of("核查结论"), ["确认", "不予移送", "需补充核实"]);
        let reasons = of("理由");
        for reason in ["收入超标", "本人放弃", "无法联系", "已死亡", "重复", "其他"]
        {
            assert!(reasons.contains(&reason));
        }
        assert!(
            choices
                .iter()
                .all(|row| !row["代码"].is_empty() && !row["何时选用"].is_empty())
        );
        let mut sheets = 0;
        for (sheet, rows) in &book.sheets {
            if !book.has_header(sheet, "核查结论") {
                continue;
            }
            sheets += 1;
            let header = &rows[1];
            let at = |name: &str| header.iter().position(|header| header == name).unwrap();
            // Directly after the name.
            let name = at("姓名");
            assert_eq!(
                header[name + 1..name + 6],
                ["核查结论", "理由", "备注", "核查人", "核查日期"]
            );
            let validations = named(book.xml(sheet), "dataValidation");
            let formulas = named(book.xml(sheet), "formula1");
            assert_eq!(validations.len(), formulas.len());
            let of_column = |name: &str| {
                let letter = calamine_column(at(name) + 1);
                let range = format!("{letter}3:{letter}{}", rows.len());
                let index = validations
                    .iter()
                    .position(|(attributes, _)| {
                        attributes["sqref"] == range
                            || (rows.len() == 3 && attributes["sqref"] == format!("{letter}3"))
                    })
                    .unwrap_or_else(|| panic!("{sheet}: no validation of {name}"));
                (
                    validations[index].0["type"].clone(),
                    formulas[index].1.clone(),
                )
            };
            let list = |from: usize, to: usize| {
                let range = format!("选项!$B${from}:$B${to}");
                move |(kind, formula): (String, String)| {
                    assert_eq!(kind, "list");
                    assert_eq!(
                        formula.replace(['\'', '='], "").replace("&apos;", ""),
                        range
                    );
                }
            };
            list(3, 5)(of_column("核查结论"));
            list(6, 5 + reasons.len())(of_column("理由"));
            assert_eq!(of_column("核查日期").0, "date");
        }
        assert!(sheets >= 3, "{sheets}");
    }
}

// What an export says stays text

#[test]
fn nothing_in_an_export_becomes_a_formula_a_link_or_a_number_of_a_person() {
    let names = [
        "=1+1",
        "=HYPERLINK(\"http://x\",\"y\")",
        "+1",
        "@SUM(A1)",
        "-2",
        "<r><t>x</t></r>",
        "_x003D_1",
        "a&b<c>\"d'",
        "{=1}",
        "449901199001010111",
        "电话13800001234",
    ];
    let mut cases = format!("{ROLE_ALONE}\n");
    let mut register = String::new();
    for (sequence, name) in (1..).zip(names) {
        let quoted = name.replace('"', "\"\"");
        cases += &format!("{},C{sequence},\"{quoted}\",被害人,否\n", id(sequence));
        register += &format!("{},dibao,active\n", id(sequence));
    }
    let round = round_of(&cases, &register);
    assert_eq!(round.run().code, 0);
    let book = book(&round, "output", ADULTS);
    let persons = book.records("Persons");
    let shown: BTreeSet<&str> = persons
        .iter()
        .map(|person| person["Name"].as_str())
        .collect();
    let expected = [
        "'=1+1",
        "'=HYPERLINK(\"http://x\",\"y\")",
        "'+1",
        "'@SUM(A1)",
        "'-2",
        "'<r><t>x</t></r>",
        "_x003D_1",
        "a&b<c>\"d'",
        "{=1}",
        "***",
        "电话***",
    ];
    assert_eq!(shown, expected.into());
    for (name, part) in &book.parts {
        for element in ["f", "hyperlink", "oleObject", "externalReference"] {
            assert!(named(part, element).is_empty(), "{name}: {element}");
        }
        assert!(!part.contains("TargetMode=\"External\""), "{name}");
        for word in ["vba", "macro", "externalLink", "connection"] {
            assert!(!name.to_lowercase().contains(word), "{name}");
        }
    }
}

// Proof and deletion

/// Writes a decision into the first lead of a sheet, as an office program would: another
/// archive with another content.
pub fn fill_in(finished: &FinishedRound, path: &str, change: impl Fn(&str, String) -> String) {
    let file = finished.path(path);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts(&fs::read(&file).unwrap()) {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(&name, options).unwrap();
        let content = change(&name, String::from_utf8(content).unwrap());
        archive.write_all(content.as_bytes()).unwrap();
    }
    fs::write(&file, archive.finish().unwrap().into_inner()).unwrap();
    set_mode(&file, 0o600);
}

/// Writes a text into the cell for the remark of the first row of each sheet that has one.
pub fn remark(text: &str) -> impl Fn(&str, String) -> String {
    move |name, content| {
        let at = content.find("<c r=\"G3\"");
        let Some(at) = at.filter(|_| name.starts_with("xl/worksheets/")) else {
            return content;
        };
        let end = at + content[at..].find('>').unwrap() + 1;
        if !content[at..end].ends_with("/>") {
            return content;
        }
        let cell = format!("<c r=\"G3\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
        format!("{}{cell}{}", &content[..at], &content[end..])
    }
}

#[test]
fn a_workbook_that_was_filled_in_is_no_tampering() {
    let finished = FinishedRound::new();
    let files = |result: &str| -> u64 {
        let (before, _) = result.split_once(" files match").unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = finished.verify();
    assert_eq!(before.code, 0, "{}", before.stdout);
    assert!(!before.stdout.contains("filled in"));
    fill_in(&finished, ADULTS, remark("已电话核实"));
    let result = finished.verify();
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for words in [
        "review/adults.xlsx: filled in",
        "nothing else was changed, removed or added",
    ] {
        assert!(result.stdout.contains(words), "{}", result.stdout);
    }
    assert!(!result.stdout.contains("review/minors.xlsx"));
    assert_eq!(files(&result.stdout) + 1, files(&before.stdout));
    // The audit reads it, and the second run is compared with what was issued.
    let result = finished.audit(&["--rerun", "--json"]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    let audit: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(audit[0]["filled_in"].as_array().unwrap().len(), 1);
    // What an office program leaves beside it is none of the output.
    fs::write(finished.path("review/~$adults.xlsx"), "x").unwrap();
    assert_eq!(finished.verify().code, 0);
    // A list must stay as it is, and so must a workbook's name.
    let lists = finished.path("lists/for-review/to-veterans.csv");
    let list = fs::read(&lists).unwrap();
    fs::write(&lists, [&list[..], b"x"].concat()).unwrap();
    assert_eq!(finished.verify().code, 4);
    fs::write(&lists, list).unwrap();
    let copy = finished.path("review/adults (2).xlsx");
    fs::write(&copy, "x").unwrap();
    let result = finished.verify();
    assert_eq!(result.code, 4);
    assert!(
        result.stdout.contains("it was added later"),
        "{}",
        result.stdout
    );
    fs::remove_file(copy).unwrap();
    // A missing workbook is missing.
    fs::remove_file(finished.path(ADULTS)).unwrap();
    let result = finished.verify();
    assert_eq!(result.code, 4);
    let missing = "review/adults.xlsx: the file is missing, and no deletion record names it";
    assert!(result.stdout.contains(missing), "{}", result.stdout);
    // So is one whose place a link or a folder has taken.
    for make in [
        (|at: &std::path::Path| std::os::unix::fs::symlink("minors.xlsx", at).unwrap())
            as fn(&std::path::Path),
        |at| fs::create_dir(at).unwrap(),
    ] {
        let at = finished.path(ADULTS);
        make(&at);
        assert_eq!(finished.verify().code, 4);
        fs::remove_file(&at)
            .or_else(|_| fs::remove_dir(&at))
            .unwrap();
    }
}

#[test]
fn a_manifest_cannot_allow_a_list_to_be_filled_in() {
    let finished = FinishedRound::new();
    finished.sign_again(|manifest| {
        for output in manifest["outputs"].as_array_mut().unwrap() {
            output["kind"] = "to_fill_in".into();
        }
    });
    let refused = finished.verify();
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    let refused = refused
        .stdout
        .matches("writes no such file, or not of this kind");
    // All but the workbooks, whose kind it is.
    assert!(refused.count() > 40);
    for path in ["lists/for-review/to-veterans.csv", "summary.json"] {
        let file = finished.path(path);
        let content = fs::read(&file).unwrap();
        fs::write(&file, [&content[..], b" "].concat()).unwrap();
        let result = finished.verify();
        assert_eq!(result.code, 4, "{path}");
        assert!(
            result.stdout.contains("the file was changed"),
            "{}",
            result.stdout
        );
        fs::write(&file, content).unwrap();
    }
}

#[test]
fn the_audit_checks_what_is_in_a_workbook() {
    type Change = fn(&str, String) -> String;
    let unmarked: Change = |name, content| match name {
        "xl/sharedStrings.xml" => content.replace("保密：仅供核查", "仅供核查"),
        _ => content,
    };
    let finished = FinishedRound::new();
    let issued = fs::read(finished.path(ADULTS)).unwrap();
    let book = Book::of(&issued);
    let number = |sheet: &str| book.records(sheet)[0]["线索编号"].clone();
    let of_civil_affairs = number("韶关市民政局");
    let of_veterans = number("韶关市退役军人事务局");
    let of_minor = Book::of(&fs::read(finished.path(MINORS)).unwrap());
    let of_minor = of_minor.records("韶关市民政局")[0]["线索编号"].clone();
    let place = |sheet: &str| {
        let place = book.names().iter().position(|name| *name == sheet).unwrap();
        format!("xl/worksheets/sheet{}.xml", place + 1)
    };
    // Puts another lead into the first row of a sheet.
    let lead = |sheet: &str, number: &str| {
        let (part, number) = (place(sheet), number.to_owned());
        move |name: &str, content: String| {
            if name != part {
                return content;
            }
            let at = content.find("<c r=\"A3\"").unwrap();
            let end = at + content[at..].find("</c>").unwrap() + 4;
            let cell = format!("<c r=\"A3\" t=\"inlineStr\"><is><t>{number}</t></is></c>");
            format!("{}{cell}{}", &content[..at], &content[end..])
        }
    };
    let not_held = |change: &dyn Fn(&str, String) -> String| {
        fill_in(&finished, ADULTS, change);
        let found = finished.not_held(&[]);
        fs::write(finished.path(ADULTS), &issued).unwrap();
        found
    };
    assert_eq!(not_held(&remark("属实")), [].into());
    assert_eq!(not_held(&remark("电话 138 0000 1234")), [5].into());
    assert_eq!(not_held(&remark("44990119900101011X")), [5].into());
    assert_eq!(
        not_held(&lead("韶关市退役军人事务局", &of_civil_affairs)),
        [13].into()
    );
    assert_eq!(not_held(&lead("韶关市民政局", &of_minor)), [14].into());
    assert_eq!(
        not_held(&lead("韶关市退役军人事务局", &of_veterans)),
        [].into()
    );
    assert_eq!(not_held(&unmarked), [18].into());
    // What is no workbook any more.
    fs::write(finished.path(ADULTS), "no workbook").unwrap();
    assert_eq!(finished.not_held(&[]), [13].into());
    assert_eq!(finished.verify().code, 0);
    fs::write(finished.path(ADULTS), &issued).unwrap();
    // Others may read it.
    set_mode(&finished.path(ADULTS), 0o644);
    assert_eq!(finished.not_held(&[]), [18].into());
    set_mode(&finished.path(ADULTS), 0o600);
    // Issued with another content than a second run gives, and without some leads.
    fill_in(&finished, ADULTS, lead("韶关市退役军人事务局", "2026Q3-0"));
    finished.sign_again(|_| {});
    assert_eq!(finished.not_held(&["--rerun"]), [13, 14, 23].into());
}

#[test]
fn a_purge_deletes_a_workbook_that_was_filled_in() {
    let finished = overdue_round();
    fill_in(&finished, ADULTS, remark("属实"));
    // Nothing else may hold what was filled in: nobody deletes it unawares.
    let before = finished.round.output("output");
    let refused = purge(&finished, &[]);
    assert_eq!(refused.code, 1, "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains(ADULTS), "{}", refused.stderr);
    assert!(refused.stderr.contains("--filled-in"), "{}", refused.stderr);
    assert!(finished.round.output("output") == before);
    let planned = purge(&finished, &["--dry-run"]);
    assert_eq!(planned.code, 3, "a purge would refuse: {}", planned.stdout);
    assert_eq!(purge(&finished, &["--dry-run", "--filled-in"]).code, 0);
    assert!(
        planned.stdout.contains(&format!("filled in: {ADULTS}")),
        "{}",
        planned.stdout
    );
    let result = purge(&finished, &["--filled-in"]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let left = finished.round.output("output");
    assert!(left.keys().all(|path| !path.starts_with("review/")));
    let record = record(&finished);
    let removed = paths(&record["removed"]);
    assert!(
        WORKBOOKS.iter().all(|path| removed.contains(*path)),
        "{removed:?}"
    );
    assert_eq!(record["left"], Value::Array(Vec::new()));
    assert_eq!(finished.verify().code, 0);
    assert_eq!(finished.not_held(&[]), [].into());
}

// The same bytes

#[test]
fn workbooks_are_the_same_on_every_run_and_in_split_mode() {
    let workbooks = |round: &Round, output: &str| {
        let mut files = round.output(output);
        files.retain(|path, _| path.starts_with("review/"));
        files
    };
    let (round, _) = sample();
    let first = workbooks(&round, "output");
    // Two workbooks, and two files of person pages.
    assert_eq!(first.len(), 4);
    for run in ["output-2", "output-3"] {
        let folder = round.path(run);
        assert_eq!(
            round.run_with(&["--output", folder.to_str().unwrap()]).code,
            0
        );
        assert!(workbooks(&round, run) == first, "{run}");
    }
    let split = SplitRound::plain(Round::sample());
    split.lists(&EXPORTS, 0);
    assert!(workbooks(&split.round, "at-procuratorate") == first);
    // The document was made on the day of issue, whenever it was made.
    let core = &Book::of(&first[ADULTS]).parts["docProps/core.xml"];
    let times = ["dcterms:created", "dcterms:modified"].map(|name| named(core, name)[0].1.clone());
    assert!(
        times.iter().all(|time| time.starts_with("2026-")),
        "{times:?}"
    );
    let text = round.read("round.toml");
    let issued = text
        .lines()
        .find_map(|line| line.strip_prefix("issued_on = "));
    let issued = issued.unwrap_or("2026-09-30");
    assert!(
        times.iter().all(|time| time.starts_with(issued)),
        "{times:?} {issued}"
    );
}
