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
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    /// Makes a register by the command.
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.path(&format!("register/register.db{suffix}"))
    }

    /// Puts leads into it, as a round gives them: of the persons 1 to `count`.
    fn with_leads(self, count: u8, on: Date) -> Self {
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

    fn run(&self, verb: &str, more: &[&str]) -> CommandResult {
        let file = self.file("");
        let mut all = vec!["register", verb, "--register", file.to_str().unwrap()];
        all.extend(more);
        all.extend(["--lang", "en"]);
        aidlink(&all)
    }

    fn note(&self, more: &[&str]) -> CommandResult {
        let mut all = vec!["--operator", "张三"];
        all.extend(more);
        self.run("note", &all)
    }

    fn noted(&self, kind: &str, on: &str, set: &[&str]) {
        let mut all = vec!["--lead", LEAD, "--kind", kind, "--on", on];
        for field in set {
            all.extend(["--set", field]);
        }
        let noted = self.note(&all);
        assert_eq!(noted.code, 0, "{kind}: {}{}", noted.stdout, noted.stderr);
    }

    fn json(&self, verb: &str, more: &[&str]) -> Value {
        let mut all = more.to_vec();
        all.push("--json");
        let answer = self.run(verb, &all);
        serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr))
    }
}

fn mode(path: &Path) -> u32 {
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
    assert_eq!(made["last"].as_str().unwrap().len(), 64);
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
            vec!["--lead", LEAD, "--kind", "snt"],
            "did you mean `sent`?",
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
        let fields: Vec<&str> = noted["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["field"].as_str().unwrap_or(""))
            .collect();
        assert_eq!(fields, ["/fields/remark", "/fields/reason", "", "on"]);
    }
    let gb18030 = encoding_rs::GB18030.encode(rows).0.into_owned();
    fs::write(file, gb18030).unwrap();
    kept.note(&["--csv", file])
        .assert_error(1, "not text in UTF-8");
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
        "no deadline set",
        "1 late, 2 without a deadline",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
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
    let last = verified["head"]["last"].as_str().unwrap().to_owned();
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
    assert_eq!(wrong.code, 4);
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
    let mut bytes = fs::read(kept.file("")).unwrap();
    let at = bytes.len() / 2;
    for byte in &mut bytes[at..at + 64] {
        *byte ^= 0x55;
    }
    fs::write(kept.file(""), bytes).unwrap();
    let told = kept.run("verify", &[]);
    assert!(told.code == 4 || told.code == 0, "{}", told.stderr);
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
