//! The register through the command line: made, written, shown, exported, verified.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use aidlink_office::signing::SigningKey;
use aidlink_register::event::{About, Direction, FoundBy, Source};
use aidlink_register::items::{Appended, Batch, FoundLead, NewItem};
use aidlink_register::number::PersonNumber;
use aidlink_register::register::Register;
use aidlink_register::token::RegisterToken;
use calamine::Reader as _;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::Value;

use crate::support::{CommandResult, aidlink, csv_records};

const LEAD: &str = "04HM-ASW9-dibao";

/// A register in a temporary folder.
pub struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    /// Makes a register by the command.
    pub fn new() -> Self {
        let kept = Kept {
            folder: tempfile::tempdir().unwrap(),
        };
        let folder = kept.path("register");
        let made = aidlink(&[
            "register",
            "init",
            folder.to_str().unwrap(),
            "--operator",
            "张三",
            "--lang",
            "en",
        ]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        kept
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, suffix: &str) -> PathBuf {
        self.path(&format!("register/register.db{suffix}"))
    }

    /// Puts leads into it, as a round gives them: of the persons 1 to `count`.
    pub fn with_leads(self, count: u8, on: Date) -> Self {
        let key = SigningKey::read(&self.path("register/signing.key")).unwrap();
        let mut register = Register::open(&self.file(""), key).unwrap();
        let numbers = ["04HM-ASW9", "1111-1111", "2222-2222", "3333-3333"];
        let leads = (1..=count).map(|token| {
            let number = PersonNumber::parse(numbers[usize::from(token - 1) % 4]).unwrap();
            NewItem::Found(FoundLead {
                token: Some(RegisterToken([token; 16])),
                person_number: number.clone(),
                aid: "dibao".to_owned(),
                agency: "civil-affairs".to_owned(),
                direction: Direction::ToSocial,
                source: Source::Round,
                round: Some(FoundBy {
                    id: "2026Q3".to_owned(),
                    manifest: "a".repeat(64),
                    lead: number.lead("dibao").unwrap(),
                    provisional: false,
                }),
                about: About {
                    names: vec![format!("=李{token}")],
                    case_numbers: vec![format!("（2026）粤9901刑初{token}号")],
                    ..About::default()
                },
                grade: None,
                urgency: None,
                minor: Some(false),
                act_by: None,
                evidence: Vec::new(),
                remark: None,
                on,
                operator: "张三".to_owned(),
            })
        });
        let batch = Batch {
            items: leads.collect(),
            recorded_at: Timestamp::UNIX_EPOCH,
            today: date(2026, 12, 31),
            all_or_nothing: true,
        };
        for answer in register.append(&batch).unwrap() {
            assert!(matches!(answer, Appended::Added(_)), "{answer:?}");
        }
        self
    }

    pub fn run(&self, verb: &str, more: &[&str]) -> CommandResult {
        let file = self.file("");
        let mut all = vec!["register", verb, "--register", file.to_str().unwrap()];
        all.extend(more);
        all.extend(["--lang", "en"]);
        aidlink(&all)
    }

    pub fn note(&self, more: &[&str]) -> CommandResult {
        let mut all = vec!["--operator", "张三"];
        all.extend(more);
        self.run("note", &all)
    }

    pub fn noted(&self, kind: &str, on: &str, set: &[&str]) {
        let mut all = vec!["--lead", LEAD, "--kind", kind, "--on", on];
        for field in set {
            all.extend(["--set", field]);
        }
        let noted = self.note(&all);
        assert_eq!(noted.code, 0, "{kind}: {}{}", noted.stdout, noted.stderr);
    }

    pub fn json(&self, verb: &str, more: &[&str]) -> Value {
        let mut all = more.to_vec();
        all.push("--json");
        let answer = self.run(verb, &all);
        serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr))
    }
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_register_is_made_owner_only_once_and_outside_rounds() {
    let kept = Kept::new();
    for name in [
        "register.db",
        "register.db.head.json",
        "register.db.head.json.minisig",
        "register.key",
        "signing.key",
    ] {
        assert_eq!(mode(&kept.path("register").join(name)), 0o600, "{name}");
    }
    let folder = kept.path("register");
    let folder = folder.to_str().unwrap();
    aidlink(&[
        "register",
        "init",
        folder,
        "--operator",
        "张三",
        "--lang",
        "en",
    ])
    .assert_error(1, "the folder exists already");
    let round = kept.path("round/deep");
    fs::create_dir_all(&round).unwrap();
    fs::write(kept.path("round/round.toml"), "").unwrap();
    let inside = round.join("register");
    aidlink(&[
        "register",
        "init",
        inside.to_str().unwrap(),
        "--operator",
        "张三",
        "--lang",
        "en",
    ])
    .assert_error(2, "in the folder of a round");
    assert!(!inside.exists());
    // Its answer names the public key for the minutes.
    let other = kept.path("other");
    let made = aidlink(&[
        "register",
        "init",
        other.to_str().unwrap(),
        "--operator",
        "张三",
        "--json",
    ]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let public = fs::read_to_string(other.join("signing.pub")).unwrap();
    assert!(public.contains(made["signing_public_key"].as_str().unwrap()));
    assert_eq!(made["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn events_are_noted_singly_and_refused_with_what_is_allowed() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    kept.noted("checked", "2026-10-09", &["finding=confirmed"]);
    let refused = kept.note(&["--lead", LEAD, "--kind", "signed_for", "--on", "2026-10-12"]);
    assert_eq!(refused.code, 3);
    for words in [
        "to be sent",
        "sent: ordinary (sent)",
        "0 recorded, 0 already there, 1 refused",
    ] {
        assert!(refused.stdout.contains(words), "{}", refused.stdout);
    }
    kept.noted(
        "移送",
        "2026-10-12",
        &["移送方式=移送", "文号=粤检移〔2026〕1号"],
    );
    let again = kept.note(&[
        "--lead",
        LEAD,
        "--kind",
        "sent",
        "--on",
        "2026-10-12",
        "--set",
        "as=ordinary",
        "--set",
        "letter=粤检移〔2026〕1号",
    ]);
    assert_eq!(again.code, 0);
    assert!(
        again.stdout.contains("0 recorded, 1 already there"),
        "{}",
        again.stdout
    );
    for (arguments, words) in [
        (
            vec!["--lead", LEAD, "--kind", "sent", "--set", "az=ordinary"],
            "no such field",
        ),
        (
            vec!["--lead", LEAD, "--kind", "sent", "--set", "az=ordinary"],
            "`az`: ",
        ),
        (
            vec!["--lead", LEAD, "--kind", "snt"],
            "did you mean `sent`?",
        ),
        (
            vec!["--lead", LEAD, "--kind", "signed_for", "--on", "2026-10-01"],
            "`on`: ",
        ),
        (
            vec!["--lead", LEAD, "--kind", "sent", "--set", "as=perhaps"],
            "one of: ordinary, advance",
        ),
        (
            vec!["--lead", "x", "--kind", "sent"],
            "not the number of a lead",
        ),
        (
            vec![
                "--lead",
                "0000-0000-dibao",
                "--kind",
                "closed",
                "--set",
                "reason=dead",
            ],
            "no lead 0000-0000-dibao",
        ),
        (
            vec!["--kind", "closed", "--set", "reason=dead"],
            "neither lead nor person",
        ),
        (
            vec![
                "--lead",
                LEAD,
                "--kind",
                "moved",
                "--set",
                "office=44990119900101011X",
            ],
            "which the register never keeps",
        ),
    ] {
        let refused = kept.note(&arguments);
        assert_eq!(refused.code, 3, "{arguments:?}");
        assert!(
            refused.stdout.contains(words),
            "{words}: {}",
            refused.stdout
        );
        assert!(!refused.stdout.contains("44990119900101011X"));
    }
    kept.note(&["--lead", LEAD, "--kind", "sent", "--set", "nothing"])
        .assert_error(2, "expected NAME=TEXT");
    // Put right, and taken back.
    let shown = kept.json("show", &["--lead", LEAD, "--events"]);
    let events = shown["leads"][0]["events"].as_array().unwrap().clone();
    let id = |kind: &str| {
        let event = events.iter().find(|event| event["kind"] == kind).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let corrected = kept.note(&[
        "--correct",
        &id("sent"),
        "--kind",
        "sent",
        "--on",
        "2026-10-13",
        "--set",
        "as=ordinary",
    ]);
    assert_eq!(corrected.code, 0, "{}", corrected.stdout);
    let withdrawn = kept.note(&["--withdraw", &id("checked")]);
    assert!(
        withdrawn
            .stdout
            .contains("a later event would not be allowed"),
        "{}",
        withdrawn.stdout
    );
    let shown = kept.json("show", &["--lead", LEAD, "--events"]);
    assert_eq!(shown["leads"][0]["since"], "2026-10-13");
    assert_eq!(shown["leads"][0]["stage"], "awaiting_receipt");
    let wrong = shown["leads"][0]["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["id"] == id("sent").as_str())
        .unwrap();
    assert!(wrong["superseded_by"].as_str().is_some());
}

/// Returns how many rows of a table of events were added, and which were refused.
fn noted_from(kept: &Kept, table: &str) -> (usize, Vec<u64>) {
    let file = kept.path("events.csv");
    fs::write(&file, table).unwrap();
    let noted = kept.note(&["--csv", file.to_str().unwrap(), "--json"]);
    let noted: Value = serde_json::from_str(&noted.stdout).unwrap();
    let rows = noted["refused"].as_array().unwrap().iter();
    let rows = rows.map(|one| one["row"].as_u64().unwrap()).collect();
    (noted["added"].as_array().unwrap().len(), rows)
}

/// The column that says whose it is was deleted, a row is sorted above the header, a word is also
/// the name of a column.
#[test]
fn no_row_of_a_table_of_events_is_passed_over() {
    let day = "2026-10-09";
    for (table, added, refused) in [
        // Without the column of numbers.
        (
            format!("事项,日期,核查结论\n核查,{day},确认\n核查,{day},确认\n"),
            0,
            vec![2, 3],
        ),
        (
            format!("kind,on,finding\nchecked,{day},confirmed\n"),
            0,
            vec![2],
        ),
        // The office has other headers for number and day.
        (
            format!("编号,事项,时间,核查结论,核查人\n{LEAD},核查,{day},确认,张核\n"),
            0,
            vec![2],
        ),
        // Above the header, also with a number that has a remark beside it or none.
        (
            format!(
                "登记事项表\n{LEAD} 王,核查,{day},确认\n,核查,{day},确认\n线索编号,事项,日期,核查结论\n{LEAD},核查,{day},确认\n"
            ),
            1,
            vec![2, 3],
        ),
        // The number has a remark at once behind it, and the day no year.
        (
            format!(
                "{LEAD}（已联系）,核查,10月9日,确认\n线索编号,事项,日期,核查结论\n{LEAD},核查,{day},确认\n"
            ),
            1,
            vec![1],
        ),
        // Neither numbers nor days are left.
        (
            "事项,核查结论,理由\n核查,确认,\n核查,不予移送,收入超标\n".to_owned(),
            0,
            vec![2, 3],
        ),
        // The choices of drop-downs are no events.
        (
            format!(
                "事项,核查结论,本人意愿,移送方式,,\n核查,确认,同意,移送,,\n移送,不予移送,不同意,先行移送,,\n线索编号,事项,日期,核查结论,2025-2026,\n{LEAD},核查,{day},确认,,\n"
            ),
            1,
            vec![],
        ),
        // Titles are no rows.
        (
            format!(
                "登记事项表 2025-2026 年度\n填表日期：,{day}\n线索编号,事项,日期,核查结论\n{LEAD},核查,{day},确认\n"
            ),
            1,
            vec![],
        ),
        // The last cells are headers of other columns.
        (
            format!(
                "lead,kind,on,answer,by,remark\n{LEAD},consent,{day},given,person,letter\n1111-1111-dibao,consent,{day},given,person,notice\n"
            ),
            2,
            vec![],
        ),
    ] {
        let kept = Kept::new().with_leads(3, date(2026, 9, 28));
        assert_eq!(noted_from(&kept, &table), (added, refused), "{table}");
    }
}

/// Forms have boxes to tick, and clerks cross words out.
#[test]
fn a_word_that_is_crossed_out_or_not_ticked_is_recorded_as_no_answer() {
    for mark in ["×", "✗", "□", "☐", "[ ]", "?", "≠"] {
        let kept = Kept::new().with_leads(1, date(2026, 9, 28));
        let table = |answer: &str, finding: &str| {
            format!(
                "lead,kind,on,answer,by,finding\n{LEAD},核查,2026-10-08,,,{finding}\n{LEAD},consent,2026-10-09,{answer},person,\n"
            )
        };
        let crossed = table(&format!("{mark}同意"), &format!("{mark}确认"));
        let (added, refused) = noted_from(&kept, &crossed);
        assert_eq!((added, refused), (0, vec![2, 3]), "{mark}");
        let (added, refused) = noted_from(&kept, &table("√同意", "☑确认"));
        assert_eq!((added, refused), (2, vec![]), "{mark}");
    }
}

#[test]
fn events_are_noted_from_a_file_twice_without_a_change_and_every_bad_row_is_told() {
    let kept = Kept::new().with_leads(3, date(2026, 9, 28));
    let file = kept.path("events.csv");
    let rows = "\u{feff}线索编号,事项,日期,核查结论,理由,移送方式,文号,备注\r\n\
        04HM-ASW9-dibao,核查,2026年10月9日,确认,,,,\r\n\
        04HM-ASW9-dibao,移送,2026/10/12,,,移送,粤检移〔2026〕1号,\r\n\
        1111-1111-dibao,checked,2026-10-09,rejected,收入超标,,,电话13800001234\r\n\
        1111-1111-dibao,checked,2026-10-09,rejected,,,,\r\n\
        2222-2222-dibao,checked,2026-10-09,rejected,收入超标,,,\r\n\
        9999-9999-dibao,checked,2026-10-09,confirmed,,,,\r\n\
        2222-2222-dibao,checked,9月9日,confirmed,,,,\r\n";
    fs::write(&file, rows).unwrap();
    let file = file.to_str().unwrap();
    let all = kept.note(&["--csv", file, "--all-or-nothing", "--json"]);
    let all: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!(all["added"].as_array().unwrap().len(), 0);
    assert_eq!(all["refused"].as_array().unwrap().len(), 7);
    for expected in [(3, 0), (0, 3)] {
        let noted = kept.note(&["--csv", file, "--json"]);
        assert_eq!(noted.code, 3);
        assert!(!noted.stdout.contains("13800001234"));
        let noted: Value = serde_json::from_str(&noted.stdout).unwrap();
        let count = |name: &str| noted[name].as_array().unwrap().len();
        assert_eq!((count("added"), count("already_there")), expected);
        let rows: Vec<u64> = noted["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["row"].as_u64().unwrap())
            .collect();
        assert_eq!(rows, [4, 5, 7, 8]);
        let of = |name: &str| -> Vec<String> {
            let refused = noted["refused"].as_array().unwrap().iter();
            let texts = refused.map(|one| one[name].as_str().unwrap_or("").to_owned());
            texts.collect()
        };
        assert_eq!(of("field"), ["remark", "reason", "lead", "on"]);
        // A column that is empty in the row is not named.
        assert_eq!(of("column"), ["备注", "", "线索编号", "日期"]);
        let said = kept.note(&["--csv", file]);
        for words in [
            "row 4, column `备注`: ",
            "row 5, `reason`: ",
            "row 8, column `日期`: ",
        ] {
            assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
        }
    }
}

/// The same events in every form in which office programs save a table.
#[test]
fn events_are_read_from_every_table_that_a_filled_list_may_be() {
    let table: Vec<Vec<&str>> = vec![
        vec!["2026年第四季度办理情况", "", "", "", ""],
        vec!["序号线索编号", "", "", "", ""],
        vec!["线索编号", "事项", "日期", "核查结论", "理由"],
        vec!["04HM-ASW9-dibao", "核查", "20261009", "确认", ""],
        vec!["", "", "", "", ""],
        vec!["线索编号", "事项", "日期", "核查结论", "理由"],
        vec![
            "1111-1111-dibao",
            "核查",
            "2026年10月9日",
            "不予移送",
            "收入超标",
        ],
        vec!["制表：张三", "", "", "", ""],
    ];
    let text = |delimiter: &str| {
        let lines = table.iter().map(|row| row.join(delimiter) + "\r\n");
        lines.collect::<String>()
    };
    let csv = text(",");
    let traditional = csv
        .replace("线索编号", "線索編號")
        .replace("事项", "事項")
        .replace("核查结论", "核查結論")
        .replace("确认", "確認")
        .replace("收入超标", "收入超標");
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let guide = workbook.add_worksheet();
    guide.write_string(0, 0, "说明").unwrap();
    let sheet = workbook.add_worksheet();
    sheet.set_name("办理").unwrap();
    for (row, cells) in (0..).zip(&table) {
        for (column, cell) in (0..).zip(cells) {
            if *cell == "20261009" {
                let day = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 10, 9).unwrap();
                let format = rust_xlsxwriter::Format::new().set_num_format("yyyy/m/d");
                sheet
                    .write_datetime_with_format(row, column, day, &format)
                    .unwrap();
            } else if !cell.is_empty() {
                sheet.write_string(row, column, *cell).unwrap();
            }
        }
    }
    let forms: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("utf-8.csv", csv.clone().into_bytes(), None),
        ("mark.csv", format!("\u{feff}{csv}").into_bytes(), None),
        (
            "gb18030.csv",
            encoding_rs::GB18030.encode(&csv).0.into_owned(),
            None,
        ),
        ("utf-16.txt", utf16(&text("\t")), None),
        ("semicolons.csv", text(";").into_bytes(), None),
        ("traditional.csv", traditional.into_bytes(), None),
        ("cr.csv", csv.replace("\r\n", "\r").into_bytes(), None),
        (
            "book.xlsx",
            workbook.save_to_buffer().unwrap(),
            Some("办理"),
        ),
    ];
    for (name, bytes, sheet) in forms {
        let kept = Kept::new().with_leads(2, date(2026, 9, 28));
        let file = kept.path(name);
        fs::write(&file, bytes).unwrap();
        let noted = kept.note(&["--csv", file.to_str().unwrap(), "--json"]);
        assert_eq!(noted.code, 3, "{name}: {}", noted.stderr);
        let noted: Value = serde_json::from_str(&noted.stdout).unwrap();
        let rows = |list: &str| -> Vec<u64> {
            let items = noted[list].as_array().unwrap().iter();
            items.map(|one| one["row"].as_u64().unwrap()).collect()
        };
        assert_eq!(
            (rows("added"), rows("refused")),
            (vec![4, 7], vec![8]),
            "{name}"
        );
        assert_eq!(noted["added"][0]["sheet"].as_str(), sheet, "{name}");
        let shown = kept.json("show", &["--events"]);
        assert_eq!(shown["leads"][0]["stage"], "to_send", "{name}");
        assert_eq!(shown["leads"][0]["since"], "2026-10-09", "{name}");
        assert_eq!(shown["leads"][1]["reason"], "income", "{name}");
    }
    // Nothing that can be an event.
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    let file = kept.path("none.csv");
    fs::write(&file, "姓名,结果\n某某,好\n").unwrap();
    kept.note(&["--csv", file.to_str().unwrap()])
        .assert_error(1, "no row of this file is a header");
}

fn event_id(kept: &Kept, kind: &str) -> String {
    let shown = kept.json("show", &["--lead", LEAD, "--events"]);
    let events = shown["leads"][0]["events"].as_array().unwrap().clone();
    let counts = |event: &&Value| event["kind"] == kind && event.get("superseded_by").is_none();
    let event = events.iter().rfind(counts);
    event.unwrap_or_else(|| panic!("{kind}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_correction_or_withdrawal_is_of_the_lead_that_is_named_and_loses_nothing() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    kept.noted("checked", "2026-10-09", &["finding=confirmed"]);
    let checked = event_id(&kept, "checked");
    let events = || kept.json("verify", &[])["head"]["events"].clone();
    let before = events();
    for (arguments, words) in [
        (
            vec!["--withdraw", &checked, "--lead", "1111-1111-dibao"],
            "`lead`: the event is of another lead",
        ),
        (
            vec!["--withdraw", &checked, "--person", "1111-1111"],
            "`person`: the event is of another lead",
        ),
        (
            vec!["--withdraw", &checked, "--set", "remark=误登"],
            "`remark`: a withdrawal says nothing else",
        ),
        (
            vec!["--withdraw", &checked, "--on", "2026-10-09"],
            "`on`: a withdrawal says nothing else",
        ),
        (
            vec![
                "--correct",
                &checked,
                "--lead",
                "1111-1111-dibao",
                "--kind",
                "checked",
                "--set",
                "finding=confirmed",
            ],
            "`lead`: the event is of another lead",
        ),
        (
            vec![
                "--correct",
                &checked,
                "--lead",
                "x",
                "--kind",
                "checked",
                "--set",
                "finding=confirmed",
            ],
            "`lead`: the event is of another lead",
        ),
    ] {
        let refused = kept.note(&arguments);
        assert_eq!(refused.code, 3, "{arguments:?}");
        assert!(
            refused.stdout.contains(words),
            "{words}: {}",
            refused.stdout
        );
    }
    // In a table, each row tells its own.
    let file = kept.path("rows.csv");
    let rows = format!(
        "withdraw,correct,lead,kind,on,finding\n\
         {checked},,1111-1111-dibao,,,\n\
         {checked},,,checked,,\n\
         ,{checked},1111-1111-dibao,checked,,confirmed\n\
         {checked},{checked},,,,\n"
    );
    fs::write(&file, rows).unwrap();
    let noted = kept.note(&["--csv", file.to_str().unwrap()]);
    for words in [
        "row 2, column `lead`",
        "row 3, column `kind`",
        "row 4, column `lead`",
        "row 5, column `withdraw`",
    ] {
        assert!(noted.stdout.contains(words), "{words}: {}", noted.stdout);
    }
    assert_eq!(events(), before);
    // A correction without a day keeps the event's.
    let corrected = kept.note(&[
        "--correct",
        &checked,
        "--lead",
        LEAD,
        "--kind",
        "checked",
        "--set",
        "finding=rejected",
        "--set",
        "reason=已死亡",
    ]);
    assert_eq!(corrected.code, 0, "{}", corrected.stdout);
    let shown = kept.json("show", &["--lead", LEAD]);
    assert_eq!(shown["leads"][0]["since"], "2026-10-09");
    assert_eq!(shown["leads"][0]["closure"], "dead");
}

/// What a round says of a lead can be put right; whose lead it is cannot.
#[test]
fn what_a_round_found_is_corrected_and_stays_that_of_the_round() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    let found = event_id(&kept, "found");
    let corrected = kept.note(&[
        "--correct",
        &found,
        "--kind",
        "found",
        "--on",
        "2026-09-25",
        "--set",
        "about.names=王小明",
        "--set",
        "about.handler=赵承办",
    ]);
    assert_eq!(corrected.code, 0, "{}", corrected.stdout);
    let shown = kept.json("show", &["--lead", LEAD, "--events"]);
    let lead = &shown["leads"][0];
    assert_eq!(lead["names"], serde_json::json!(["王小明"]));
    assert_eq!(lead["case_numbers"][0], "（2026）粤9901刑初1号");
    assert_eq!(lead["since"], "2026-09-25");
    let right = lead["events"].as_array().unwrap().iter();
    let mut right = right.filter(|event| event["kind"] == "corrected");
    let right = right.next_back().unwrap()["fields"]["event"]["fields"].clone();
    assert_eq!(right["round"]["id"], "2026Q3");
    assert_eq!(right["source"], "round");
    let again = event_id(&kept, "corrected");
    for (set, words) in [
        (
            "direction=to_judicial",
            "`direction`: person, aid, direction and round of a lead cannot be corrected",
        ),
        (
            "source=colleague",
            "`source`: the source of a lead that a round found",
        ),
        (
            "person=1111-1111",
            "`person`: the event found has no such field",
        ),
        ("aid=tekun", "`aid`: the event found has no such field"),
    ] {
        let refused = kept.note(&["--correct", &again, "--kind", "found", "--set", set]);
        assert_eq!(refused.code, 3, "{set}");
        assert!(
            refused.stdout.contains(words),
            "{words}: {}",
            refused.stdout
        );
    }
    // Nor does another event become the finding of another lead.
    kept.noted("told_rights", "2026-10-08", &["way=call"]);
    let told = event_id(&kept, "told_rights");
    let refused = kept.note(&[
        "--correct",
        &told,
        "--kind",
        "found",
        "--set",
        "source=colleague",
        "--set",
        "direction=to_judicial",
        "--set",
        "agency=procuratorate",
    ]);
    assert!(
        refused.stdout.contains("cannot be corrected"),
        "{}",
        refused.stdout
    );
}

#[test]
fn each_material_is_late_by_its_own_day() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    kept.noted("checked", "2026-09-30", &["finding=confirmed"]);
    for (item, day) in [
        ("收入证明", "by=2026-10-20"),
        ("残疾证", "by=2026-12-20"),
        ("申请书", "by=2026-10-13"),
    ] {
        kept.noted(
            "material",
            "2026-10-08",
            &[&format!("item={item}"), "state=owed", day],
        );
    }
    // A reminder does not give more time.
    kept.noted("material", "2026-10-15", &["item=收入证明", "state=owed"]);
    let due = |as_of: &str| -> Vec<(String, String, u64)> {
        let due = kept.json("due", &["--policy", "shaoguan", "--as-of", as_of, "--all"]);
        let due = due["due"].as_array().unwrap().clone();
        let materials = due.iter().filter(|due| due["kind"] == "materials");
        let told = materials.map(|due| {
            let text = |name: &str| due[name].as_str().unwrap().to_owned();
            (
                text("item"),
                text("standing"),
                due["late_by"].as_u64().unwrap_or(0),
            )
        });
        told.collect()
    };
    let told = |item: &str, standing: &str, late| (item.to_owned(), standing.to_owned(), late);
    assert_eq!(
        due("2026-10-21"),
        [
            told("申请书", "late", 6),
            told("收入证明", "late", 1),
            told("残疾证", "running", 0)
        ]
    );
    kept.noted("material", "2026-10-21", &["item=申请书", "state=there"]);
    assert_eq!(
        due("2026-10-21"),
        [told("收入证明", "late", 1), told("残疾证", "running", 0)]
    );
    let said = kept.run("due", &["--policy", "shaoguan", "--as-of", "2026-10-21"]);
    assert!(
        said.stdout.contains("materials owed (收入证明)"),
        "{}",
        said.stdout
    );
    // The ledger shows the one that is most late.
    let out = kept.path("ledger.csv");
    let arguments = [
        "--policy",
        "shaoguan",
        "--as-of",
        "2026-12-25",
        "--format",
        "csv",
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(kept.run("export", &arguments).code, 0);
    let rows = csv_records(&fs::read(out).unwrap());
    let late: u64 = due("2026-12-25")
        .iter()
        .map(|(_, _, late)| *late)
        .max()
        .unwrap();
    assert_eq!(
        rows[0]["Materials late"],
        format!("late by {late} working days")
    );
}

/// Whoever finds a lead again, or another one of a person who is known, need not say who it is.
#[test]
fn a_lead_that_a_colleague_finds_has_the_name_of_the_person() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    let fields = ["source=colleague", "direction=to_social", "agency=justice"];
    kept.noted("found", "2026-10-08", &fields);
    let other = "04HM-ASW9-legal_aid";
    let mut arguments = vec!["--lead", other, "--kind", "found", "--on", "2026-10-09"];
    arguments.extend(fields.iter().flat_map(|field| ["--set", field]));
    assert_eq!(kept.note(&arguments).code, 0);
    let of = |lead: &str| kept.json("show", &["--lead", lead])["leads"][0].clone();
    assert_eq!(of(LEAD)["names"], serde_json::json!(["=李1"]));
    assert_eq!(of(LEAD)["case_numbers"][0], "（2026）粤9901刑初1号");
    assert_eq!(of(other)["names"], serde_json::json!(["=李1"]));
    // Another aid may be another case.
    assert_eq!(of(other)["case_numbers"], serde_json::json!([]));
    let found = kept.json("show", &["--name", "李1"]);
    assert_eq!(found["leads"].as_array().unwrap().len(), 2);
}

#[test]
fn who_is_to_be_told_the_outcome_stays_so_when_the_lead_is_found_again() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    for (kind, on, set) in [
        ("checked", "2026-10-08", vec!["finding=confirmed"]),
        ("sent", "2026-10-09", vec!["as=ordinary"]),
        ("signed_for", "2026-10-10", vec![]),
        (
            "replied",
            "2026-10-12",
            vec!["reply=not_eligible", "reason=income"],
        ),
        (
            "found",
            "2026-10-20",
            vec![
                "source=colleague",
                "direction=to_social",
                "agency=civil-affairs",
            ],
        ),
    ] {
        kept.noted(kind, on, &set);
    }
    let owed = || {
        let due = kept.json(
            "due",
            &["--policy", "national", "--as-of", "2026-11-02", "--all"],
        );
        let due = due["due"].as_array().unwrap().clone();
        let told = due.iter().filter(|due| due["kind"] == "tell_outcome");
        told.map(|due| due["since"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(owed(), ["2026-10-12"]);
    kept.noted(
        "told_outcome",
        "2026-10-15",
        &["by=procuratorate", "way=post"],
    );
    assert_eq!(owed(), Vec::<String>::new());
    // Nobody is to be told anything else of a lead that was just found again.
    let again = kept.note(&[
        "--lead",
        LEAD,
        "--kind",
        "told_outcome",
        "--on",
        "2026-10-21",
        "--set",
        "by=agency",
        "--set",
        "way=post",
    ]);
    assert_eq!(again.code, 3, "{}", again.stdout);
}

#[test]
fn the_gap_is_of_leads_that_this_office_answers_for() {
    let gap = |steps: &[(&str, &str, Vec<&str>)]| {
        let kept = Kept::new().with_leads(1, date(2026, 9, 28));
        for (kind, on, set) in steps {
            kept.noted(kind, on, set);
        }
        let due = kept.json(
            "due",
            &["--policy", "national", "--as-of", "2026-12-01", "--all"],
        );
        let due = due["due"].as_array().unwrap().clone();
        due.iter().any(|due| due["kind"] == "gap")
    };
    let paid = (
        "judicial_aid",
        "2026-10-08",
        vec!["step=paid", "amount=20000"],
    );
    let confirmed = ("checked", "2026-10-09", vec!["finding=confirmed"]);
    let sent = ("sent", "2026-10-10", vec!["as=ordinary"]);
    let found = |on| {
        (
            "found",
            on,
            vec![
                "source=colleague",
                "direction=to_social",
                "agency=civil-affairs",
            ],
        )
    };
    let refused = (
        "replied",
        "2026-10-12",
        vec!["reply=not_eligible", "reason=income"],
    );
    let granted = ("granted", "2026-10-12", vec![]);
    assert!(gap(std::slice::from_ref(&paid)));
    assert!(!gap(std::slice::from_ref(&confirmed)));
    assert!(!gap(&[
        paid.clone(),
        ("moved", "2026-10-20", vec!["office=某县检察院"])
    ]));
    assert!(gap(&[
        paid.clone(),
        confirmed.clone(),
        sent.clone(),
        refused.clone()
    ]));
    // Also if the lead was found again since the aid was paid.
    assert!(gap(&[
        paid.clone(),
        confirmed.clone(),
        sent.clone(),
        refused,
        found("2026-11-02")
    ]));
    let delivered = [paid, confirmed, sent, granted];
    assert!(!gap(&delivered));
    let again: Vec<_> = delivered
        .iter()
        .cloned()
        .chain([found("2026-11-02")])
        .collect();
    assert!(!gap(&again));
}

#[test]
fn names_of_operators_and_reasons_have_no_numbers_of_persons() {
    let kept = Kept::new();
    let last = kept.json("verify", &[])["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::remove_file(kept.file(".head.json")).unwrap();
    for bad in ["44990119900101011X", "张三13800001234", "张\n三", " "] {
        let folder = kept.path("other");
        let made = aidlink(&[
            "register",
            "init",
            folder.to_str().unwrap(),
            "--operator",
            bad,
            "--lang",
            "en",
        ]);
        assert_eq!(made.code, 2, "{bad:?}: {}", made.stderr);
        assert!(made.stderr.contains("--operator"), "{}", made.stderr);
        assert!(
            !made.stderr.contains("13800001234") && !made.stderr.contains("44990119900101011X")
        );
        assert!(!folder.exists());
        for (operator, because, option) in [(bad, "丢失", "--operator"), ("张三", bad, "--because")]
        {
            let accepted = kept.run(
                "verify",
                &[
                    "--accept",
                    &last,
                    "--operator",
                    operator,
                    "--because",
                    because,
                ],
            );
            assert_eq!(accepted.code, 2, "{bad:?}: {}", accepted.stderr);
            assert!(accepted.stderr.contains(option), "{}", accepted.stderr);
        }
    }
    let accepted = kept.run(
        "verify",
        &["--accept", &last, "--operator", "张三", "--because", "丢失"],
    );
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
}

#[test]
fn only_a_register_that_is_not_as_it_was_signed_is_not_held() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    // Nobody could look.
    let missing = kept.path("missing.db");
    let key = kept.path("register/signing.key");
    let verify = |file: &Path| {
        aidlink(&[
            "register",
            "verify",
            "--register",
            file.to_str().unwrap(),
            "--signing-key",
            key.to_str().unwrap(),
            "--lang",
            "en",
        ])
    };
    assert_eq!(verify(&missing).code, 1);
    let open = kept.path("open.db");
    fs::copy(kept.file(""), &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let told = verify(&open);
    assert_eq!(told.code, 1);
    assert!(told.stderr.contains("others may read"), "{}", told.stderr);
    let newer = kept.path("newer.db");
    let mut bytes = fs::read(kept.file("")).unwrap();
    // `user_version`, big-endian.
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    fs::write(&newer, bytes).unwrap();
    fs::set_permissions(&newer, fs::Permissions::from_mode(0o600)).unwrap();
    let told = verify(&newer);
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains("a newer aidlink made the register"),
        "{}",
        told.stderr
    );
    let no_key = kept.path("no.key");
    let told = kept.run("verify", &["--signing-key", no_key.to_str().unwrap()]);
    assert_eq!(told.code, 2, "{}", told.stderr);
    assert_eq!(kept.run("verify", &[]).code, 0);
    // Somebody changed an operator's name with another program.
    let mut bytes = fs::read(kept.file("")).unwrap();
    let name = "张三".as_bytes();
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[at..at + name.len()].copy_from_slice("张四".as_bytes());
    fs::write(kept.file(""), bytes).unwrap();
    let told = kept.run("verify", &[]);
    assert_eq!(told.code, 4, "{}", told.stderr);
    assert!(told.stdout.contains("breaks at event"), "{}", told.stdout);
}

#[test]
fn leads_are_shown_as_a_table_of_eighty_columns_and_the_history_below() {
    let kept = Kept::new().with_leads(3, date(2026, 9, 28));
    kept.noted(
        "checked",
        "2026-10-09",
        &["finding=rejected", "reason=已死亡"],
    );
    let told = kept.note(&[
        "--person",
        "04HM-ASW9",
        "--kind",
        "told_rights",
        "--on",
        "2026-10-08",
        "--set",
        "way=call",
    ]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    let shown = kept.run("show", &["--events"]);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Lead ") && lines[0].ends_with("Agency"),
        "{}",
        lines[0]
    );
    let row = lines.iter().find(|line| line.starts_with(LEAD)).unwrap();
    for words in ["=李1", "closed", "2026-10-09", "Civil affairs"] {
        assert!(row.contains(words), "{words}: {row}");
    }
    for line in &lines[..4] {
        // A character that is no ASCII takes two columns.
        let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        assert!(width <= 80, "{line}");
    }
    // The history is below the table, each part with number and name.
    let table_ends = lines.iter().position(|line| line.is_empty()).unwrap();
    assert_eq!(table_ends, 4);
    assert!(lines[table_ends..].contains(&format!("{LEAD} =李1").as_str()));
    let of_person = lines
        .iter()
        .position(|line| *line == "04HM-ASW9 =李1")
        .unwrap();
    assert!(
        lines[of_person + 1].contains("told of the rights"),
        "{}",
        shown.stdout
    );
    // A history says why, by whom and with which paper.
    kept.run(
        "note",
        &[
            "--operator",
            "李四",
            "--lead",
            "1111-1111-dibao",
            "--kind",
            "checked",
            "--on",
            "2026-10-09",
            "--set",
            "finding=rejected",
            "--set",
            "reason=income",
            "--set",
            "decided_by=张核",
            "--set",
            "remark=月收入核实",
            "--because",
            "补登",
        ],
    );
    let shown = kept.run("show", &["--events", "--lead", "1111-1111-dibao"]);
    for words in [
        "by 李四",
        "decided by: 张核",
        "月收入核实",
        "recorded because: 补登",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    let json = kept.json("show", &["--events"]);
    assert_eq!(json["of_persons"][0]["person"], "04HM-ASW9");
    assert_eq!(json["leads"][0]["agency_name"]["zh"], "民政部门");
    let all = ["--policy", "national", "--as-of", "2026-12-01", "--all"];
    let due = kept.run("due", &all);
    assert!(
        due.stdout.contains("Civil affairs") && !due.stdout.contains("civil-affairs"),
        "{}",
        due.stdout
    );
}

#[test]
fn a_backup_has_its_name_only_when_it_is_complete() {
    let kept = Kept::new().with_leads(4, date(2026, 9, 28));
    for round in 0..12_u64 {
        let out = kept.path(&format!("backup{round}.db"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_aidlink"));
        command.args(["register", "backup", "--quiet", "--register"]);
        command.args([
            kept.file("").to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ]);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        let _ = child.kill();
        let _ = child.wait();
        if !out.exists() {
            continue;
        }
        let key = kept.path("register/signing.key");
        let verified = aidlink(&[
            "register",
            "verify",
            "--register",
            out.to_str().unwrap(),
            "--signing-key",
            key.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    }
    // One that ran to its end leaves nothing beside.
    let folder = kept.path("kept");
    fs::create_dir(&folder).unwrap();
    let out = folder.join("backup.db");
    assert_eq!(
        kept.run("backup", &["--out", out.to_str().unwrap()]).code,
        0
    );
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "backup.db",
            "backup.db.head.json",
            "backup.db.head.json.minisig"
        ]
    );
    assert_eq!(mode(&out), 0o600);
    // A head that a killed backup left does not hinder the next one.
    let head = |of: &Path| of.with_extension("db.head.json");
    let again = kept.path("again.db");
    fs::copy(kept.file(".head.json"), head(&again)).unwrap();
    kept.noted("checked", "2026-10-09", &["finding=confirmed"]);
    let backup = kept.run("backup", &["--out", again.to_str().unwrap()]);
    assert_eq!(backup.code, 0, "{}", backup.stderr);
    // The head of a register that was lost, of which the older copy knows nothing, stays.
    let lost = kept.path("lost.db");
    fs::copy(kept.file(".head.json"), head(&lost)).unwrap();
    let newest = fs::read(head(&lost)).unwrap();
    let key = kept.path("register/signing.key");
    let backup = aidlink(&[
        "register",
        "backup",
        "--register",
        out.to_str().unwrap(),
        "--signing-key",
        key.to_str().unwrap(),
        "--out",
        lost.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    backup.assert_error(1, "exists and is not overwritten");
    assert!(!lost.exists());
    assert_eq!(fs::read(head(&lost)).unwrap(), newest);
}

#[test]
fn leads_are_found_by_name_case_number_person_agency_and_stage() {
    let kept = Kept::new().with_leads(4, date(2026, 9, 28));
    kept.noted("checked", "2026-10-09", &["finding=confirmed"]);
    for (arguments, expected) in [
        (vec![], 4),
        (vec!["--name", "李2"], 1),
        (vec!["--name", "李"], 4),
        (vec!["--case", "刑初3号"], 1),
        (vec!["--person", "1111-1111"], 1),
        (vec!["--lead", "1111-1111-dibao"], 1),
        (vec!["--agency", "civil-affairs"], 4),
        (vec!["--agency", "education"], 0),
        (vec!["--stage", "to_send"], 1),
        (vec!["--stage", "待核查", "--name", "李1"], 0),
    ] {
        let shown = kept.json("show", &arguments);
        assert_eq!(
            shown["leads"].as_array().unwrap().len(),
            expected,
            "{arguments:?}"
        );
    }
    kept.run("show", &["--stage", "to_sent"])
        .assert_error(2, "did you mean `to_send`?");
    kept.run("show", &["--lead", "dibao"])
        .assert_error(2, "has not the form");
    // An agency by its name, too; one that there is not is no empty answer.
    let shown = kept.json("show", &["--agency", "民政部门"]);
    assert_eq!(shown["leads"].as_array().unwrap().len(), 4);
    kept.run("show", &["--agency", "civil-affair"])
        .assert_error(2, "did you mean `civil-affairs`?");
    // In Chinese the words to choose from, and not the names of the program.
    for (option, word) in [("--stage", "待核查"), ("--agency", "民政部门")] {
        let file = kept.file("");
        let file = file.to_str().unwrap();
        let show = [
            "register",
            "show",
            "--register",
            file,
            option,
            "民政",
            "--lang",
            "zh",
        ];
        let refused = aidlink(&show);
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
}

#[test]
fn what_is_late_counts_in_working_days_and_what_has_no_deadline_is_told() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    let due = |as_of: &str, policy: &str| {
        let due = kept.json("due", &["--policy", policy, "--as-of", as_of, "--all"]);
        due["due"].as_array().unwrap().clone()
    };
    let unchecked = due("2026-12-01", "shaoguan");
    assert_eq!(
        (
            unchecked[0]["kind"].as_str(),
            unchecked[0]["standing"].as_str()
        ),
        (Some("to_check"), Some("no_deadline"))
    );
    assert!(
        unchecked[0]["unset"]["en"]
            .as_str()
            .unwrap()
            .contains("the place sets it")
    );
    // Confirmed before the holiday of October 2026 (1 to 7; 10 October is a make-up working
    // day): five working days later is 13 October.
    kept.noted("checked", "2026-09-30", &["finding=confirmed"]);
    for (as_of, standing, late_by) in [
        ("2026-10-13", "running", None),
        ("2026-10-14", "late", Some(1)),
        ("2026-10-18", "late", Some(3)),
    ] {
        let due = due(as_of, "shaoguan");
        assert_eq!(due.len(), 1);
        assert_eq!(due[0]["due_on"], "2026-10-13");
        assert_eq!(
            (due[0]["kind"].as_str(), due[0]["standing"].as_str()),
            (Some("to_send"), Some(standing))
        );
        assert_eq!(due[0]["late_by"].as_u64(), late_by, "{as_of}");
        assert!(
            due[0]["cites"]
                .as_array()
                .unwrap()
                .iter()
                .any(|cite| cite == "SG 四(一)")
        );
    }
    let unset = due("2026-12-01", "national");
    assert_eq!(unset[0]["standing"], "no_deadline");
    kept.noted("sent", "2026-10-12", &["as=advance", "reasons=生活无着"]);
    let sent = due("2026-10-30", "shaoguan");
    let kinds: Vec<&str> = sent
        .iter()
        .map(|due| due["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["reply", "unsigned", "materials"]);
    assert_eq!(sent[0]["from_sending"], true);
    let text = kept.run("due", &["--policy", "shaoguan", "--as-of", "2026-10-30"]);
    for words in [
        "reply awaited",
        "counted from sending",
        "materials owed",
        "--all lists them",
        "1 late, 2 without a deadline",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    let all = ["--policy", "shaoguan", "--as-of", "2026-10-30", "--all"];
    let all = kept.run("due", &all);
    assert!(all.stdout.contains("no deadline set"), "{}", all.stdout);
    kept.noted("judicial_aid", "2026-08-01", &["step=paid", "amount=20000"]);
    assert!(
        due("2026-10-30", "shaoguan")
            .iter()
            .any(|due| due["kind"] == "gap")
    );
    kept.noted("granted", "2026-11-02", &["amount=650.5", "per=month"]);
    let delivered = due("2026-11-30", "shaoguan");
    let kinds: Vec<&str> = delivered
        .iter()
        .map(|due| due["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["visit"]);
}

#[test]
fn the_ledger_has_a_row_a_lead_and_says_late_in_words() {
    let kept = Kept::new().with_leads(3, date(2026, 9, 28));
    kept.noted("checked", "2026-09-30", &["finding=confirmed"]);
    let export = |format: &str, name: &str, language: &str| {
        let out = kept.path(name);
        let file = kept.file("");
        let done = aidlink(&[
            "register",
            "export",
            "--register",
            file.to_str().unwrap(),
            "--policy",
            "shaoguan",
            "--as-of",
            "2026-10-20",
            "--format",
            format,
            "--out",
            out.to_str().unwrap(),
            "--lang",
            language,
        ]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(mode(&out), 0o600);
        fs::read(out).unwrap()
    };
    let rows = csv_records(&export("csv", "ledger.csv", "zh"));
    assert_eq!(rows.len(), 3);
    let row = rows.iter().find(|row| row["线索编号"] == LEAD).unwrap();
    assert_eq!(row["当前阶段"], "待移送");
    assert_eq!(row["移送日期"], "逾期5个工作日");
    assert_eq!(row["逾期"], "逾期5个工作日");
    assert_eq!(row["接收单位"], "韶关市民政局");
    // A name that would be a formula is text.
    assert_eq!(row["姓名"], "'=李1");
    let json: Value = serde_json::from_slice(&export("json", "ledger.json", "en")).unwrap();
    assert_eq!(json["leads"].as_array().unwrap().len(), 3);
    assert_eq!(json["leads"][0]["sent_on"]["en"], "late by 5 working days");
    let first = export("xlsx", "one.xlsx", "zh");
    assert_eq!(first, export("xlsx", "two.xlsx", "zh"));
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(kept.path("one.xlsx")).unwrap();
    assert_eq!(book.sheet_names(), ["台账", "选项"]);
    let sheet = book.worksheet_range("台账").unwrap();
    let cells: Vec<Vec<String>> = sheet
        .rows()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(cells.len(), 5);
    assert_eq!(cells[1][1], "线索编号");
    assert!(cells[2].contains(&"逾期5个工作日".to_owned()));
    let again = kept.run(
        "export",
        &[
            "--policy",
            "shaoguan",
            "--out",
            kept.path("one.xlsx").to_str().unwrap(),
        ],
    );
    again.assert_error(1, "exists and is not overwritten");
}

#[test]
fn a_changed_register_is_told_and_can_be_accepted_by_its_digest() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    let verified = kept.json("verify", &[]);
    assert_eq!(verified["held"], true);
    let last = verified["digest"].as_str().unwrap().to_owned();
    let backup = kept.path("backup.db");
    let backup = backup.to_str().unwrap();
    assert_eq!(kept.run("backup", &["--out", backup]).code, 0);
    kept.run("backup", &["--out", backup])
        .assert_error(1, "exists and is not overwritten");
    fs::remove_file(kept.file(".head.json")).unwrap();
    let told = kept.run("verify", &[]);
    assert_eq!(told.code, 4);
    assert!(
        told.stdout
            .contains("the head beside the register is missing"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains(&last), "{}", told.stdout);
    assert_eq!(kept.run("show", &[]).code, 1);
    let wrong = kept.run(
        "verify",
        &[
            "--accept",
            &"0".repeat(64),
            "--operator",
            "张三",
            "--because",
            "丢失",
        ],
    );
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stderr.contains("not the one that was given"),
        "{}",
        wrong.stderr
    );
    let accepted = kept.run(
        "verify",
        &["--accept", &last, "--operator", "张三", "--because", "丢失"],
    );
    assert_eq!(accepted.code, 0, "{}", accepted.stdout);
    assert_eq!(kept.json("verify", &[])["held"], true);
    // The backup is a register of its own.
    let key = kept.path("register/signing.key");
    let shown = aidlink(&[
        "register",
        "show",
        "--register",
        backup,
        "--signing-key",
        key.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert!(
        shown.stdout.contains("2 leads"),
        "{}{}",
        shown.stdout,
        shown.stderr
    );
}

#[test]
fn a_killed_command_leaves_a_register_that_holds_and_two_at_once_lose_nothing() {
    let kept = Kept::new().with_leads(4, date(2026, 9, 28));
    let note = |lead: &str, item: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aidlink"));
        command.args([
            "register",
            "note",
            "--operator",
            "张三",
            "--kind",
            "material",
            "--on",
            "2026-10-09",
        ]);
        command.args([
            "--register",
            kept.file("").to_str().unwrap(),
            "--lead",
            lead,
        ]);
        command.args([
            "--set",
            &format!("item=材料{item}"),
            "--set",
            "state=there",
            "--quiet",
        ]);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command
    };
    let events = || kept.json("verify", &[])["head"]["events"].as_u64().unwrap();
    let mut before = events();
    for round in 0..20 {
        let mut child = note(LEAD, round).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round as u64 * 3));
        let _ = child.kill();
        let _ = child.wait();
        let verified = kept.run("verify", &["--json"]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        let now = events();
        assert!(now == before || now == before + 1, "{before} {now}");
        before = now;
    }
    let children = (0..8).map(|index| {
        let lead = ["1111-1111-dibao", "2222-2222-dibao"][index % 2];
        note(lead, 100 + index).spawn().unwrap()
    });
    for mut child in children.collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(events(), before + 8);
}

/// Register and key in one file, which the programs `age` and `tar` restore.
#[test]
fn a_sealed_backup_is_restored_with_age_and_tar() {
    let kept = Kept::new().with_leads(2, date(2026, 9, 28));
    let identity = kept.path("identity.txt");
    let made = Command::new("age-keygen")
        .arg("-o")
        .arg(&identity)
        .output()
        .unwrap();
    assert!(made.status.success());
    let text = fs::read_to_string(&identity).unwrap();
    let recipient = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    let sealed = kept.path("register.age");
    let out = sealed.to_str().unwrap();
    let backup = |recipient: &str| kept.run("backup", &["--out", out, "--seal-to", recipient]);
    assert_eq!(backup("age1nonsense").code, 2);
    let done = backup(recipient);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(mode(&sealed), 0o600);
    backup(recipient).assert_error(1, "exists and is not overwritten");
    let bytes = fs::read(&sealed).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    let folder = kept.path("restored");
    fs::create_dir(&folder).unwrap();
    let opened = Command::new("age")
        .args(["-d", "-i"])
        .arg(&identity)
        .arg(&sealed)
        .output()
        .unwrap();
    assert!(
        opened.status.success(),
        "{}",
        String::from_utf8_lossy(&opened.stderr)
    );
    let archive = kept.path("register.tar");
    fs::write(&archive, opened.stdout).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(&folder)
        .output()
        .unwrap();
    assert!(
        unpacked.status.success(),
        "{}",
        String::from_utf8_lossy(&unpacked.stderr)
    );
    assert_eq!(
        fs::read(folder.join("register.key")).unwrap(),
        fs::read(kept.path("register/register.key")).unwrap()
    );
    for name in [
        "register.db",
        "register.db.head.json",
        "register.db.head.json.minisig",
        "register.key",
    ] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let verified = aidlink(&[
        "register",
        "verify",
        "--register",
        folder.join("register.db").to_str().unwrap(),
        "--signing-key",
        kept.path("register/signing.key").to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    // Nothing plain is left beside the register.
    let names: Vec<String> = fs::read_dir(kept.path("register"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}
