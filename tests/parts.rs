//! Tests exports that come in parts, and constants: lists without columns for the kind
//! and the state of assistance.

use std::collections::BTreeSet;
use std::path::Path;

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{CommandResult, Round, aidlink, id_number};

const ASSISTANCE: &str = "civil-affairs.assistance";

/// The lines of the sample's round file that say how the export of civil affairs is read.
const PATH: &str = "path = \"civil-affairs.assistance.csv\"\n";
const ENCODING: &str = "encoding = \"gb18030\"     # detected if not set\n";

const HEADER: &str = "公民身份号码,姓名,开始日期";

/// A family's row on a list of dibao or tekun.
#[derive(Clone)]
struct Recipient {
    id: String,
    started_on: &'static str,
}

impl Recipient {
    fn cells(&self) -> [&str; 3] {
        [&self.id, "某人", self.started_on]
    }

    fn line(&self) -> String {
        self.cells().join(",")
    }
}

/// The recipients of dibao and of tekun.
struct Recipients {
    dibao: Vec<Recipient>,
    tekun: Vec<Recipient>,
}

impl Recipients {
    /// Case parties of the sample, some on both lists, and persons who are none.
    fn of(round: &Round) -> Self {
        let cases = round.read("procuratorate.case-parties.csv");
        let is_valid = |cell: &&str| {
            let digits = cell.as_bytes().iter().take(17);
            cell.len() == 18
                && digits.clone().all(u8::is_ascii_digit)
                && id_number(&cell[..17]) == **cell
        };
        let ids = cases
            .split([',', '\n'])
            .filter(|cell| cell.starts_with("4499"))
            .filter(is_valid);
        let ids: BTreeSet<&str> = ids.collect();
        assert!(ids.len() > 500, "{}", ids.len());
        let mut recipients = Recipients {
            dibao: Vec::new(),
            tekun: Vec::new(),
        };
        for (place, id) in ids.into_iter().enumerate() {
            let recipient = Recipient {
                id: id.to_owned(),
                // Some receive it only later.
                started_on: if place % 7 == 0 {
                    "2026-12-01"
                } else {
                    "2024-05-01"
                },
            };
            if place % 3 == 0 || place % 10 == 0 {
                recipients.dibao.push(recipient.clone());
            }
            if place % 5 == 0 {
                recipients.tekun.push(recipient);
            }
        }
        for number in 101..140 {
            let others = match number % 2 {
                0 => &mut recipients.dibao,
                _ => &mut recipients.tekun,
            };
            others.push(Recipient {
                id: id_number(&format!("44990119530101{number}")),
                started_on: "2020-01-01",
            });
        }
        recipients
    }

    /// One file that has columns for the kind and the state.
    fn with_columns(&self) -> String {
        let dibao = self.dibao.iter().map(|row| (row, "低保"));
        let tekun = self.tekun.iter().map(|row| (row, "特困供养"));
        let rows = dibao.chain(tekun);
        let lines = rows.map(|(row, kind)| format!("{},{kind},正常在保\n", row.line()));
        format!("{HEADER},救助类别,在保状态\n{}", lines.collect::<String>())
    }
}

fn list(rows: &[Recipient]) -> String {
    let lines = rows.iter().map(|row| row.line() + "\n");
    format!("{HEADER}\n{}", lines.collect::<String>())
}

/// Writes a workbook with a sheet for each part of the rows.
fn workbook(sheets: &[(&str, &[Recipient])]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    for (name, rows) in sheets {
        let sheet = workbook.add_worksheet().set_name(*name).unwrap();
        for (column, header) in HEADER.split(',').enumerate() {
            sheet.write_string(0, column as u16, header).unwrap();
        }
        for (row, recipient) in rows.iter().enumerate() {
            for (column, cell) in recipient.cells().into_iter().enumerate() {
                sheet
                    .write_string(row as u32 + 1, column as u16, cell)
                    .unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// The sample without the export of civil affairs, which is read as `files` say.
fn with_files(files: &str) -> (Round, Recipients) {
    let round = Round::sample();
    std::fs::remove_file(round.path("civil-affairs.assistance.csv")).unwrap();
    round.replace("round.toml", PATH, "");
    round.replace("round.toml", ENCODING, files);
    let recipients = Recipients::of(&round);
    (round, recipients)
}

fn in_one_file() -> Round {
    let (round, recipients) = with_files("path = \"all.csv\"\n");
    round.write("all.csv", recipients.with_columns());
    round
}

const TWO_LISTS: &str = r#"
[[export.file]]
path = "低保.csv"
constants = { kind = "dibao", status = "active" }
[[export.file]]
path = "特困.xlsx"
sheets = "all"
constants = { kind = "特困供养", status = "正常在保" }
"#;

/// A list of dibao as CSV, and one of tekun as a workbook with a sheet per town.
fn in_two_lists() -> Round {
    let (round, recipients) = with_files(TWO_LISTS);
    round.write("低保.csv", list(&recipients.dibao));
    let (north, south) = recipients.tekun.split_at(recipients.tekun.len() / 3);
    let sheets = [("城关镇", north), ("江口镇", south)];
    round.write("特困.xlsx", workbook(&sheets));
    round
}

/// Both lists as sheets of one workbook, beside a sheet of notes.
fn in_one_workbook() -> Round {
    let (round, recipients) = with_files(
        r#"
[[export.file]]
path = "名单.xlsx"
sheet = "低保"
constants.kind = "dibao"
constants.status = "active"
[[export.file]]
path = "名单.xlsx"
sheet = "特困"
[export.file.constants]
kind = "tekun"
status = "active"
"#,
    );
    let sheets = [
        ("低保", recipients.dibao.as_slice()),
        ("特困", recipients.tekun.as_slice()),
        ("往年", &recipients.dibao[..3]),
    ];
    round.write("名单.xlsx", workbook(&sheets));
    round
}

fn run(round: &Round) -> CommandResult {
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    result
}

#[test]
fn two_lists_with_constants_give_the_lists_of_one_export_with_columns() {
    let whole = in_one_file();
    run(&whole);
    let parts = in_two_lists();
    run(&parts);
    assert!(parts.lists("output") == whole.lists("output"));

    // The kind decides.
    let other = in_two_lists();
    other.replace("round.toml", "kind = \"dibao\"", "kind = \"tekun\"");
    run(&other);
    assert!(other.lists("output") != whole.lists("output"));

    // The constants are the same for every row, so they are counted like its cells.
    let account = |round: &Round| round.export_in_manifest(ASSISTANCE)["account"].clone();
    let rows = |round: &Round| account(round)["rows"].clone();
    assert_eq!(rows(&parts), rows(&whole));
    assert_eq!(account(&parts)["matched"], account(&whole)["matched"]);
}

#[test]
fn two_sheets_of_one_workbook_may_have_different_constants() {
    let whole = in_one_file();
    run(&whole);
    let parts = in_one_workbook();
    let result = run(&parts);
    assert!(parts.lists("output") == whole.lists("output"));
    // Only the sheet that no part reads is reported.
    assert!(result.stdout.contains("`往年`"), "{}", result.stdout);
    assert!(!result.stdout.contains("`特困`"), "{}", result.stdout);
    let files = parts.export_in_manifest(ASSISTANCE)["files"].clone();
    let sheets: Vec<&Value> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["sheet"])
        .collect();
    assert_eq!(sheets, ["低保", "特困"]);
    assert_eq!(files[0]["sheets_not_read"][0]["sheet"], "往年");
    assert_eq!(files[0]["sheets_not_read"].as_array().unwrap().len(), 1);
    assert_eq!(files[1].get("sheets_not_read"), None);
    assert_eq!(files[0]["blake3"], files[1]["blake3"]);
}

#[test]
fn a_split_round_reads_parts_and_constants() {
    let whole = in_one_file();
    run(&whole);
    let split = SplitRound::sealed(in_two_lists());
    assert!(split.lists(&EXPORTS, 0) == whole.lists("output"));
}

#[test]
fn constants_are_recorded_in_manifest_and_matrix() {
    let round = in_two_lists();
    run(&round);
    let export = round.export_in_manifest(ASSISTANCE);
    let files = export["files"].as_array().unwrap();
    assert_eq!(files.len(), 3);
    for (file, kind) in files.iter().zip(["dibao", "tekun", "tekun"]) {
        assert_eq!(
            file["constants"],
            json!({ "kind": kind, "status": "active" })
        );
        assert_eq!(file.get("because"), None);
        assert_eq!(file.get("values"), None);
        let absent = file["fields_absent"].as_array().unwrap();
        assert!(!absent.contains(&json!("kind")), "{absent:?}");
        assert!(absent.contains(&json!("died_on")), "{absent:?}");
    }
    assert!(
        !export["fields_read"]
            .as_array()
            .unwrap()
            .contains(&json!("kind"))
    );

    let files = round.output("output");
    let matrix: Value = serde_json::from_slice(&files["minimisation/matrix.json"]).unwrap();
    let exports = matrix["exports"].as_array().unwrap();
    let part = exports.iter().find(|part| part["export"] == ASSISTANCE);
    let columns = part.unwrap()["columns"].as_array().unwrap();
    let kind = columns
        .iter()
        .find(|column| column["field"] == "kind")
        .unwrap();
    assert_eq!(kind["verdict"], "given_by_round_file");
    assert_eq!(kind["present_in_files"], 0);
    assert_eq!(kind["read"], false);
    assert_eq!(
        kind["constants"],
        json!([{ "value": "dibao", "files": 1 }, { "value": "tekun", "files": 2 }])
    );
    assert!(
        kind["leaves"]
            .as_array()
            .unwrap()
            .contains(&json!("outcomes"))
    );
    for (page, words) in [
        ("minimisation/matrix.en.html", "constant tekun (files: 2)"),
        ("minimisation/matrix.zh.csv", "固定值 tekun（文件数：2）"),
        (
            "minimisation/matrix.en.csv",
            "needed, given by the round file",
        ),
    ] {
        let text = String::from_utf8_lossy(&files[page]);
        assert!(text.contains(words), "{page}: {text}");
    }

    // The compliance officer's checks hold, and the matrix before a run says the same.
    let (folder, key) = (round.path(""), round.path("signing.pub"));
    let audit = aidlink(&[
        "audit",
        folder.to_str().unwrap(),
        "--rerun",
        "--public-key",
        key.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_eq!(audit.code, 0, "{}{}", audit.stdout, audit.stderr);
    let file = round.path("round.toml");
    let before = aidlink(&["audit", "matrix", file.to_str().unwrap(), "--lang", "en"]);
    assert_eq!(before.code, 0, "{}", before.stderr);
    assert!(
        before
            .stdout
            .contains("given by the round file: kind = dibao, kind = tekun, status = active"),
        "{}",
        before.stdout
    );
}

#[test]
fn labels_of_a_site_count_for_their_file_alone() {
    let (round, recipients) = with_files(
        r#"
[[export.file]]
path = "北.csv"
constants.kind = "dibao"
values.status."丁级" = "active"
[[export.file]]
path = "南.csv"
constants.kind = "tekun"
values.status."丁级" = "ended"
"#,
    );
    for (name, rows) in [("北.csv", &recipients.dibao), ("南.csv", &recipients.tekun)] {
        let lines = rows.iter().map(|row| format!("{},丁级\n", row.line()));
        let text = format!("{HEADER},在保状态\n{}", lines.collect::<String>());
        round.write(name, text);
    }
    run(&round);
    let (whole, _) = with_files("path = \"all.csv\"\n");
    let dibao = recipients.dibao.iter().map(|row| (row, "低保,正常在保"));
    let tekun = recipients.tekun.iter().map(|row| (row, "特困供养,ended"));
    let lines = dibao.chain(tekun);
    let lines = lines.map(|(row, rest)| format!("{},{rest}\n", row.line()));
    let text = format!("{HEADER},救助类别,在保状态\n{}", lines.collect::<String>());
    whole.write("all.csv", text);
    run(&whole);
    assert!(round.lists("output") == whole.lists("output"));
    let files = round.export_in_manifest(ASSISTANCE)["files"].clone();
    assert_eq!(
        files[0]["values"],
        json!({ "status": { "丁级": "active" } })
    );
    assert_eq!(files[1]["values"], json!({ "status": { "丁级": "ended" } }));
}

/// Asserts that a run ends with an error and leaves nothing behind.
fn assert_refused(round: &Round, code: i32, words: &[&str]) {
    let before: BTreeSet<String> = round.names().into_iter().collect();
    let result = round.run();
    for words in words {
        result.assert_error(code, words);
    }
    let after = round.names().into_iter();
    let added: Vec<String> = after.filter(|name| !before.contains(name)).collect();
    assert!(
        added.iter().all(|name| name.starts_with("signing.")),
        "{added:?}"
    );
}

#[test]
fn a_column_beside_a_constant_is_refused_with_file_and_column() {
    let round = in_two_lists();
    let text = round.read("低保.csv");
    round.write("低保.csv", text.replacen("姓名", "救助类别", 1));
    assert_refused(
        &round,
        1,
        &[
            "低保.csv: the column `救助类别` holds the field `kind`, for which the round file gives a constant",
            "remove `kind` from `constants`",
        ],
    );
    // The value of a cell is not shown.
    assert!(!round.run().stderr.contains("某人"));

    let (round, recipients) = with_files(TWO_LISTS);
    round.write("低保.csv", list(&recipients.dibao));
    let mut workbook = Workbook::new();
    for (name, header) in [("城关镇", "姓名"), ("江口镇", "对象类别")] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        for (column, header) in ["公民身份号码", header].into_iter().enumerate() {
            sheet.write_string(0, column as u16, header).unwrap();
        }
        sheet.write_string(1, 0, &recipients.tekun[0].id).unwrap();
    }
    round.write("特困.xlsx", workbook.save_to_buffer().unwrap());
    assert_refused(
        &round,
        1,
        &["特困.xlsx: sheet `江口镇`: the column `对象类别` holds the field `kind`"],
    );
}

#[test]
fn a_text_is_not_read_twice_as_two_sheets() {
    let (round, recipients) = with_files(
        r#"
[[export.file]]
path = "名单.csv"
sheet = "低保"
constants = { kind = "dibao", status = "active" }
[[export.file]]
path = "名单.csv"
sheet = "特困"
constants = { kind = "tekun", status = "active" }
"#,
    );
    round.write("名单.csv", list(&recipients.dibao));
    assert_refused(
        &round,
        1,
        &["名单.csv: the file is named twice with different sheets, and it is not a workbook"],
    );
}

#[test]
fn wrong_parts_and_constants_are_refused_with_their_places() {
    for (from, to, message) in [
        (
            "kind = \"dibao\"",
            "kind = \"dibaoo\"",
            "`dibaoo` is not a value of `kind`",
        ),
        ("kind = \"dibao\"", "knd = \"dibao\"", "has no field `knd`"),
        (
            "kind = \"dibao\"",
            "monthly_amount = 600",
            "no rule needs `monthly_amount`; it must not be read",
        ),
        (
            "kind = \"dibao\"",
            "household_number = \"1\"",
            "no rule needs `household_number`; it must not be read",
        ),
        (
            "kind = \"dibao\"",
            "national_id = \"1\"",
            "the field `national_id` differs from row to row",
        ),
        (
            "path = \"低保.csv\"",
            "path = \"特困.xlsx\"",
            "the export names `特困.xlsx` twice",
        ),
        (
            "\n[[export.file]]",
            "path = \"低保.csv\"\n[[export.file]]",
            "`path` and [[export.file]] exclude each other",
        ),
        (
            "\n[[export.file]]",
            "encoding = \"utf-8\"\n[[export.file]]",
            "`encoding` belongs in [[export.file]]",
        ),
    ] {
        let round = in_two_lists();
        let text = round.read("round.toml");
        let (before, after) = text.split_once(TWO_LISTS).unwrap();
        let changed = TWO_LISTS.replacen(from, to, 1);
        round.write("round.toml", format!("{before}{changed}{after}"));
        assert_refused(&round, 2, &[message, "round.toml:"]);
    }
}

/// A constant for the seal lets rows pass, so its reason is shown to everybody.
#[test]
fn a_constant_that_lets_rows_pass_is_reported_with_its_reason() {
    const CASES: &str = "procuratorate.case-parties.csv";
    let round = Round::hand_made();
    let text = round.read(CASES);
    assert!(text.contains(",sealed,"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let sealed = header.iter().position(|header| header == "sealed").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = reader.records().map(Result::unwrap);
    for row in [header].into_iter().chain(rows) {
        let cells = row.iter().enumerate();
        let cells = cells.filter(|(column, _)| *column != sealed);
        writer.write_record(cells.map(|(_, cell)| cell)).unwrap();
    }
    round.write(CASES, writer.into_inner().unwrap());
    let missing = "the column `sealed` (Record sealed) is missing, so every row would be withheld";
    let result = round.run();
    assert_eq!(result.code, 1, "{missing}: {}", result.stderr);
    assert!(result.stderr.contains("so every row would be withheld"));

    let path = format!("path = \"{CASES}\"\n");
    let constants = "constants = { sealed = false }\n";
    round.replace("round.toml", &path, &format!("{path}{constants}"));
    assert_refused(
        &round,
        2,
        &["rows without `sealed` are withheld, so a constant for it needs a reason"],
    );
    let because = "because = \"office letter 7\"\n";
    round.replace("round.toml", constants, &format!("{constants}{because}"));
    let result = run(&round);
    let note = "procuratorate.case-parties.csv: the round file gives sealed = false for every row, because: office letter 7";
    assert!(result.stdout.contains(note), "{}", result.stdout);
    let file = round.export_in_manifest("procuratorate.case-parties")["files"][0].clone();
    assert_eq!(file["constants"], json!({ "sealed": "false" }));
    assert_eq!(file["because"], "office letter 7");
    let files = round.output("output");
    let page = String::from_utf8_lossy(&files["minimisation/matrix.en.html"]);
    assert!(
        page.contains("constant false (files: 1, because: office letter 7)"),
        "{page}"
    );

    let role = constants.replace("sealed = false", "role = \"victim\"");
    round.replace("round.toml", constants, &role);
    let again = round.path("again");
    let result = round.run_with(&["--output", again.to_str().unwrap()]);
    result.assert_error(
        2,
        "the field `role` decides for each person whether the row may be used, and cannot be a constant",
    );
}

// schema check

fn check(round: &Round, file: &str, more: &[&str]) -> CommandResult {
    let policy = round.root().join("policies/shaoguan.toml");
    let mut arguments = vec!["--policy", policy.to_str().unwrap()];
    arguments.extend(more);
    round.check(file, &arguments)
}

#[test]
fn the_check_takes_constants_from_the_command_line() {
    let round = in_two_lists();
    let constants = ["--constant", "kind=dibao", "--constant", "status=active"];
    let result = check(&round, "低保.csv", &constants);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    for line in [
        "  constant dibao -> kind (Kind of assistance)",
        "(civil-affairs.assistance)",
    ] {
        assert!(result.stdout.contains(line), "{}", result.stdout);
    }
    // Of the schemas that know the columns equally well, the one with these values is used.
    let veteran = ["--constant", "kind=veteran", "--constant", "status=active"];
    round.write(
        "退役.csv",
        format!(
            "公民身份号码,姓名\n{},某人\n",
            id_number("44990119530101101")
        ),
    );
    let result = check(&round, "退役.csv", &veteran);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    assert!(
        result.stdout.contains("(veterans.persons)"),
        "{}",
        result.stdout
    );

    let json = check(&round, "低保.csv", &[&constants[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        report["constants"],
        json!({ "kind": "dibao", "status": "active" })
    );
    let schema = ["--schema", ASSISTANCE];
    for (constant, message) in [
        (
            "kind=dibaoo",
            "--constant: `dibaoo` is not a value of `kind`",
        ),
        ("knd=dibao", "has no field `knd`"),
        ("name=x", "no rule needs `name`"),
        ("kind", "expected FIELD=VALUE"),
    ] {
        let arguments = [&schema[..], &["--constant", constant]].concat();
        check(&round, "低保.csv", &arguments).assert_error(2, message);
    }
    let twice = ["--constant", "kind=dibao", "--constant", "kind=tekun"];
    let arguments = [&schema[..], &twice].concat();
    check(&round, "低保.csv", &arguments).assert_error(2, "the field `kind` has two constants");
}

#[test]
fn the_check_reads_an_export_as_the_round_does() {
    let round = in_two_lists();
    let file = round.path("round.toml");
    let check = |export: &Path| {
        let (export, file) = (export.to_str().unwrap(), file.to_str().unwrap());
        aidlink(&[
            "schema", "check", export, "--round", file, "--json", "--lang", "en",
        ])
    };
    let result = check(&round.path("特困.xlsx"));
    assert_eq!(result.code, 0, "{}", result.stderr);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    let sheets = report["sheets"].as_array().unwrap();
    assert_eq!(sheets.len(), 2);
    for sheet in sheets {
        assert_eq!(sheet["schema"], ASSISTANCE);
        assert_eq!(
            sheet["constants"],
            json!({ "kind": "tekun", "status": "active" })
        );
    }
    round.write("other.csv", "公民身份号码,姓名\n");
    check(&round.path("other.csv")).assert_error(2, "the round file does not name");
    check(&round.path("absent.csv")).assert_error(2, "absent.csv");
    // Two sheets of one workbook, each as its part says.
    let round = in_one_workbook();
    let file = round.path("round.toml");
    let export = round.path("名单.xlsx");
    let result = aidlink(&[
        "schema",
        "check",
        export.to_str().unwrap(),
        "--round",
        file.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    for line in ["constant dibao -> kind", "constant tekun -> kind", "`往年`"] {
        assert!(result.stdout.contains(line), "{}", result.stdout);
    }
    let result = aidlink(&[
        "schema",
        "check",
        export.to_str().unwrap(),
        "--round",
        file.to_str().unwrap(),
        "--constant",
        "kind=dibao",
    ]);
    assert_eq!(result.code, 2, "{}", result.stdout);
}

/// A copy that was left in the folder, also under another name.
#[test]
fn files_with_the_same_content_are_named() {
    let round = Round::sample();
    std::fs::copy(
        round.path("civil-affairs.assistance.csv"),
        round.path("copy.csv"),
    )
    .unwrap();
    let alone = round.run();
    assert!(
        !alone.stdout.contains("the same content"),
        "{}",
        alone.stdout
    );
    let path = "path = \"civil-affairs.assistance.csv\"";
    let both = "path = [\"civil-affairs.assistance.csv\", \"copy.csv\"]";
    round.replace("round.toml", path, both);
    let lists = round.lists("output");
    std::fs::remove_dir_all(round.path("output")).unwrap();
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let words = "these files have the same content: civil-affairs.assistance.csv, copy.csv; if one is a copy, keep one of them";
    assert!(result.stdout.contains(words), "{}", result.stdout);
    assert!(lists == round.lists("output"));
}
