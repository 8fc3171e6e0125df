//! A round's leads go into a register, and decisions come back from its lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use aidlink_agency::register_token::RegisterKey;
use aidlink_agency::spreadsheet_csv::read_csv;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_office::signing::SigningKey;
use aidlink_register::event::{Event, Found};
use aidlink_register::register::{NewRegister, Register};
use calamine::{Data, Reader, Xlsx};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::support::{CommandResult, Round, aidlink, csv_records, csv_rows};

const DAY: &str = "2026-10-08";

/// A round that was run, and a register beside it.
struct Desk {
    round: Round,
}

impl Desk {
    fn new() -> Self {
        let desk = Desk {
            round: Round::hand_made(),
        };
        let run = desk.round.run();
        assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
        desk.make_register();
        desk
    }

    fn make_register(&self) {
        fs::create_dir(self.folder()).unwrap();
        let id = [7; 16];
        let key = self.folder().join("register.key");
        let key = RegisterKey::create(&key, &"07".repeat(16), TokenAlgorithm::HmacSha256);
        let new = NewRegister {
            id,
            key_id: key.unwrap().id(),
            today: Date::constant(2026, 10, 1),
            recorded_at: Timestamp::UNIX_EPOCH,
            operator: "test operator".to_owned(),
        };
        Register::create(&self.register(), &new, self.signing_key()).unwrap();
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::read(&self.round.path("signing.key")).unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.round.root().join("register")
    }

    fn register(&self) -> PathBuf {
        self.folder().join("register.db")
    }

    fn open(&self) -> Register {
        Register::open(&self.register(), self.signing_key()).unwrap()
    }

    fn command(&self, verb: &str, round_file: &str, more: &[&str]) -> CommandResult {
        let (round, register) = (self.round.path(round_file), self.register());
        let (round, register) = (round.to_str().unwrap(), register.to_str().unwrap());
        let key = self.round.path("signing.key");
        let key = ["--signing-key", key.to_str().unwrap()];
        let first = [
            "register",
            verb,
            round,
            "--register",
            register,
            "--lang",
            "en",
        ];
        let first = [&first[..], &key].concat();
        aidlink(&[&first[..], more].concat())
    }

    fn take(&self, more: &[&str]) -> CommandResult {
        self.command("take", "round.toml", more)
    }

    fn decide(&self, files: &[&Path], more: &[&str]) -> CommandResult {
        let files = files.iter().map(|file| file.to_str().unwrap());
        let arguments: Vec<&str> = files.chain(more.iter().copied()).collect();
        self.command("decide", "round.toml", &arguments)
    }

    fn decide_json(&self, files: &[&Path], more: &[&str]) -> (i32, Value) {
        let result = self.decide(files, &[&["--json"], more].concat());
        let json = serde_json::from_str(&result.stdout);
        (
            result.code,
            json.unwrap_or_else(|_| panic!("{}{}", result.stdout, result.stderr)),
        )
    }

    /// Returns the records of the match lists, each with the name of its list.
    fn listed(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let lists = self.round.match_lists("output").into_iter();
        let records = lists.flat_map(|(name, bytes)| {
            let records = csv_records(&bytes).into_iter();
            records
                .map(move |record| (name.clone(), record))
                .collect::<Vec<_>>()
        });
        records.collect()
    }
}

/// Returns the leads of a register by their number on a round's lists.
fn found(register: &Register, round: &str) -> BTreeMap<String, (String, Found)> {
    let book = register.book();
    let mut leads = BTreeMap::new();
    for lead in book.leads() {
        for (event, _) in book.events_of(lead).filter_map(|event| event.effective()) {
            if let Event::Found(found) = event
                && let Some(by) = found.round.as_ref().filter(|by| by.id == round)
            {
                let number = by.lead.as_str().to_owned();
                leads.insert(number, (lead.number.as_str().to_owned(), found.clone()));
            }
        }
    }
    leads
}

/// Fills a workbook in: `fill` gets the name of the sheet, the header and each row below it.
pub fn fill_in(from: &Path, to: &Path, mut fill: impl FnMut(&str, &[String], &mut Vec<String>)) {
    let bytes = fs::read(from).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let mut made = rust_xlsxwriter::Workbook::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).unwrap();
        let sheet = made.add_worksheet();
        sheet.set_name(&name).unwrap();
        let text = |cell: &Data| match cell {
            Data::DateTime(day) => {
                let (year, month, day, ..) = day.to_ymd_hms_milli();
                format!("{year:04}-{month:02}-{day:02}")
            }
            cell => cell.to_string(),
        };
        let grid: Vec<Vec<String>> = range
            .rows()
            .map(|row| row.iter().map(text).collect())
            .collect();
        for (row, cells) in (0..).zip(&grid) {
            let mut cells = cells.clone();
            if row >= 2 {
                fill(&name, &grid[1], &mut cells);
            }
            for (column, cell) in (0..).zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
                sheet.write_string(row, column, cell).unwrap();
            }
        }
    }
    made.save(to).unwrap();
}

/// Returns the rows of a CSV file, the header included.
pub fn table(path: &Path) -> Vec<Vec<String>> {
    let (header, rows) = read_csv(&fs::read(path).unwrap()).unwrap();
    let rows = rows.into_iter().map(|(_, cells)| cells);
    std::iter::once(header).chain(rows).collect()
}

pub fn set(header: &[String], cells: &mut [String], column: &str, value: &str) {
    let at = header.iter().position(|name| name == column);
    cells[at.unwrap_or_else(|| panic!("no column {column}"))] = value.to_owned();
}

#[test]
fn a_round_is_taken_once_with_all_that_its_lists_say() {
    let desk = Desk::new();
    let listed = desk.listed();
    let taken = desk.take(&["--json"]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    let json: Value = serde_json::from_str(&taken.stdout).unwrap();
    let leads = listed.len() as u64;
    assert!(leads > 300);
    for (what, count) in [
        ("leads", leads),
        ("new", leads),
        ("carried", 0),
        ("already_there", 0),
    ] {
        assert_eq!(json[what], count, "{what}");
    }
    let register = desk.open();
    let found = found(&register, "HAND");
    assert_eq!(found.len() as u64, leads);
    let manifest: Value = serde_json::from_str(&desk.round.read("output/manifest.json")).unwrap();
    for (list, record) in &listed {
        let number = &record["线索编号"];
        let (own, found) = &found[number];
        assert_eq!(own, number, "the first round numbers the register's leads");
        assert_eq!(found.about.names.join("；"), record["姓名"]);
        assert_eq!(found.about.case_numbers.join("；"), record["案号"]);
        assert_eq!(
            found.about.handler.as_deref().unwrap_or(""),
            record["承办人"]
        );
        assert_eq!(found.minor, Some(list.ends_with(".minors.csv")), "{list}");
        let act_by = found.act_by.map(|day| day.to_string()).unwrap_or_default();
        assert_eq!(act_by, record["办理期限"]);
        let rules: Vec<&str> = found.evidence.iter().map(|one| one.rule.as_str()).collect();
        let listed_rules = record["规则"].split_once(": ").unwrap().1;
        assert_eq!(rules.join(" "), listed_rules);
        for evidence in &found.evidence {
            let exports = manifest["exports"].as_array().unwrap().iter();
            let mut exports = exports.filter(|export| export["export"] == evidence.register);
            let snapshot = exports
                .next()
                .map(|export| export["snapshot"].as_str().unwrap());
            assert_eq!(
                evidence.snapshot.map(|day| day.to_string()).as_deref(),
                snapshot
            );
        }
    }
    // One token a person, whatever the number of leads.
    let persons: BTreeSet<&str> = found.keys().map(|number| &number[..9]).collect();
    assert_eq!(register.head().persons, persons.len() as u64);
    // No ID number of the export is in the file, in any form.
    let bytes = fs::read(desk.register()).unwrap();
    let export = desk.round.read("procuratorate.case-parties.csv");
    let rows = csv_rows(export.as_bytes());
    let is_id =
        |cell: &&String| cell.len() == 18 && cell.as_bytes()[..17].iter().all(u8::is_ascii_digit);
    let ids = rows.iter().flatten().filter(is_id);
    let mut searched = 0;
    for id in ids {
        searched += 1;
        assert!(!bytes.windows(18).any(|window| window == id.as_bytes()));
    }
    assert!(searched > 100);
    drop(register);
    // A second time changes nothing.
    let before = desk.open().head();
    let again: Value = serde_json::from_str(&desk.take(&["--json"]).stdout).unwrap();
    assert_eq!(
        (&again["already_there"], &again["new"]),
        (&leads.into(), &0.into())
    );
    assert_eq!(desk.open().head(), before);
    let said = desk.take(&[]);
    assert!(
        said.stdout.contains(&format!("{leads} taken before")),
        "{}",
        said.stdout
    );
}

/// Decisions from the workbook of adults, and from a CSV list of minors.
#[test]
fn decisions_come_back_from_workbooks_and_lists_and_change_nothing_the_second_time() {
    let desk = Desk::new();
    let adults = desk.round.path("adults.xlsx");
    let mut persons = 0;
    let mut expected: BTreeMap<String, &str> = BTreeMap::new();
    let numbers = |header: &[String], cells: &[String]| -> Vec<String> {
        let at = header.iter().position(|name| name == "线索编号").unwrap();
        cells[at].split_whitespace().map(str::to_owned).collect()
    };
    fill_in(
        &desk.round.path("output/review/adults.xlsx"),
        &adults,
        |sheet, header, cells| {
            if sheet == "人员" {
                persons += 1;
                let (finding, reason) = match persons % 3 {
                    0 => ("确认", ""),
                    1 => ("不予移送", "收入超标"),
                    _ => return,
                };
                set(header, cells, "核查结论", finding);
                set(header, cells, "理由", reason);
                set(header, cells, "核查人", "张核");
                set(header, cells, "核查日期", DAY);
                let finding = if reason.is_empty() {
                    "confirmed"
                } else {
                    "rejected"
                };
                expected.extend(
                    numbers(header, cells)
                        .into_iter()
                        .map(|number| (number, finding)),
                );
            }
        },
    );
    // A minors' list as CSV, with three decisions: one of them without a reason.
    let name = "to-education.minors.csv";
    let mut rows = table(&desk.round.path(&format!("output/lists/for-review/{name}")));
    let at = |header: &str| rows[0].iter().position(|name| name == header).unwrap();
    let (number, decision, by, on) = (at("线索编号"), at("核查结论"), at("核查人"), at("核查日期"));
    for (row, word) in (1..).zip(["confirmed", "需补充核实", "rejected"]) {
        rows[row][decision] = word.to_owned();
        rows[row][by] = "李查".to_owned();
        rows[row][on] = "2026年10月9日".to_owned();
    }
    expected.insert(rows[1][number].clone(), "confirmed");
    expected.insert(rows[2][number].clone(), "needs_more");
    let refused_lead = rows[3][number].clone();
    let listed_minors = rows.len() - 1;
    let minors = desk.round.path(name);
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            cells.collect::<Vec<_>>().join(",") + "\r\n"
        })
        .collect();
    fs::write(&minors, lines.concat()).unwrap();
    assert!(persons > 50 && expected.len() > 100 && listed_minors > 3);

    let refused = desk.round.path("refused.csv");
    let refused_path = refused.to_str().unwrap();
    // The round is taken first.
    let (code, json) = desk.decide_json(&[&adults, &minors], &["--refused", refused_path]);
    assert_eq!(code, 3);
    let leads = desk.listed().len();
    assert_eq!(json["taken"]["new"], leads as u64);
    let recorded: u64 = json["recorded"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(recorded, expected.len() as u64);
    assert_eq!(
        json["open"].as_array().unwrap().len(),
        leads - expected.len() - 1
    );
    let rows = json["refused"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["why"], &rows[0]["row"]),
        (&"no_reason".into(), &4.into())
    );
    assert_eq!(rows[0]["lead"], refused_lead.as_str());
    let told = table(&refused);
    assert_eq!((told.len(), told[1][5].as_str()), (2, "no_reason"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&refused).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let register = desk.open();
    for (number, (own, _)) in found(&register, "HAND") {
        let lead = register
            .book()
            .leads()
            .find(|lead| lead.number.as_str() == own)
            .unwrap();
        let decision = lead
            .state
            .as_ref()
            .and_then(|state| state.decision.as_ref());
        let found = decision.map(|decision| decision.finding.name());
        assert_eq!(found, expected.get(&number).copied(), "{number}");
    }
    let before = register.head();
    drop(register);

    // The same files again, and the workbook in its place in the output folder.
    fs::copy(&adults, desk.round.path("output/review/adults.xlsx")).unwrap();
    let in_place = desk.round.path("output/review/adults.xlsx");
    for first in [&adults, &in_place] {
        let (code, json) = desk.decide_json(&[first, &minors], &[]);
        assert_eq!(code, 3, "the row without a reason is told again");
        assert_eq!(json["already_there"], expected.len() as u64);
        assert_eq!(json["recorded"], serde_json::json!({}));
        assert!(json.get("taken").is_none());
    }
    assert_eq!(desk.open().head(), before);
    let said = desk.decide(&[&adults], &[]);
    assert_eq!(said.code, 0, "{}", said.stdout);
    assert!(
        said.stdout
            .contains(&format!("still open: {}", leads - expected.len()))
    );
    // A file of refused rows is never overwritten.
    let again = desk.decide(&[&minors], &["--refused", refused_path]);
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert_eq!(table(&refused), told);
}

#[test]
fn a_decision_that_was_made_otherwise_is_told_and_does_not_win() {
    let desk = Desk::new();
    let lead = desk.listed()[0].1["线索编号"].clone();
    let list = |finding: &str, reason: &str| {
        let text = format!(
            "线索编号,核查结论,理由,核查人,核查日期\n{lead},{finding},{reason},张核,{DAY}\n"
        );
        let path = desk.round.path("list.csv");
        fs::write(&path, text).unwrap();
        path
    };
    let (code, json) = desk.decide_json(&[&list("确认", "")], &[]);
    assert_eq!((code, &json["recorded"]["confirmed"]), (0, &1.into()));
    let before = desk.open().head();
    let (code, json) = desk.decide_json(&[&list("不予移送", "已死亡")], &[]);
    assert_eq!((code, json["refused"].as_array().unwrap().len()), (3, 1));
    let refused = &json["refused"][0];
    assert_eq!(
        (&refused["why"], &refused["row"]),
        (&"register".into(), &2.into())
    );
    assert_eq!(refused["lead"], lead.as_str());
    assert!(
        refused["en"]
            .as_str()
            .unwrap()
            .contains("was decided otherwise")
    );
    assert_eq!(desk.open().head(), before);
    // A field that the register refuses is told with its column.
    let other = desk.listed()[1].1["线索编号"].clone();
    let path = desk.round.path("other.csv");
    fs::write(
        &path,
        format!("线索编号,核查结论,核查日期\n{other},确认,{DAY}\n"),
    )
    .unwrap();
    let by = ["--decided-by", "张核13800001234"];
    let (code, json) = desk.decide_json(&[&path], &by);
    assert_eq!(code, 3);
    assert_eq!(json["refused"][0]["column"], "decided_by", "{json}");
    let said = desk.decide(&[&path], &by);
    assert!(said.stdout.contains("row 2, column `"), "{}", said.stdout);
    let said = desk.decide(&[&list("不予移送", "已死亡")], &[]);
    assert!(
        said.stdout.contains(&lead) && said.stdout.contains("row 2"),
        "{}",
        said.stdout
    );
    // Somebody finds out that the list is right and corrects the register: from then on its
    // row is there, and the one that was wrong is told.
    let file = desk.register();
    let file = file.to_str().unwrap();
    let key = desk.round.path("signing.key");
    let key = key.to_str().unwrap();
    let shown = [
        "register",
        "show",
        "--register",
        file,
        "--signing-key",
        key,
        "--lead",
        &lead,
        "--events",
        "--json",
    ];
    let shown: Value = serde_json::from_str(&aidlink(&shown).stdout).unwrap();
    let events = shown["leads"][0]["events"].as_array().unwrap();
    let wrong = events
        .iter()
        .find(|event| event["kind"] == "checked")
        .unwrap();
    let id = wrong["id"].as_str().unwrap();
    let corrected = aidlink(&[
        "register",
        "note",
        "--register",
        file,
        "--signing-key",
        key,
        "--operator",
        "李四",
        "--correct",
        id,
        "--kind",
        "checked",
        "--set",
        "finding=rejected",
        "--set",
        "reason=dead",
        "--because",
        "看错了行",
    ]);
    assert_eq!(
        corrected.code, 0,
        "{}{}",
        corrected.stdout, corrected.stderr
    );
    let (code, json) = desk.decide_json(&[&list("不予移送", "已死亡")], &[]);
    assert_eq!((code, &json["already_there"]), (0, &1.into()), "{json}");
    let (code, json) = desk.decide_json(&[&list("需补充核实", "")], &[]);
    assert_eq!((code, &json["refused"][0]["why"]), (3, &"register".into()));
    // Who decided is who decided, and not who put it right.
    let ledger = desk.round.path("ledger.json");
    let ledger = ledger.to_str().unwrap();
    let exported = aidlink(&[
        "register",
        "export",
        "--register",
        file,
        "--signing-key",
        key,
        "--policy",
        "policies/shaoguan.toml",
        "--format",
        "json",
        "--out",
        ledger,
    ]);
    assert_eq!(exported.code, 0, "{}{}", exported.stdout, exported.stderr);
    let ledger: Value = serde_json::from_str(&fs::read_to_string(ledger).unwrap()).unwrap();
    let rows = ledger["leads"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["lead"] == lead.as_str())
        .unwrap();
    assert_eq!(row["decided_by"], "张核");
    assert_eq!(row["reason"]["en"], "dead");
    // Found again, it is decided anew: what was corrected before does not answer for that.
    let of = |field: &str| format!("{field}={}", shown["leads"][0][field].as_str().unwrap());
    let (direction, agency) = (of("direction"), of("agency"));
    let found = ["source=applicant", &direction, &agency];
    for (kind, on, fields) in [
        ("found", "2026-11-02", &found[..]),
        ("checked", "2026-11-03", &["finding=confirmed"]),
    ] {
        let mut all = vec![
            "register",
            "note",
            "--register",
            file,
            "--signing-key",
            key,
            "--operator",
            "李四",
            "--lead",
            &lead,
            "--kind",
            kind,
            "--on",
            on,
        ];
        all.extend(fields.iter().flat_map(|field| ["--set", field]));
        let noted = aidlink(&all);
        assert_eq!(noted.code, 0, "{}{}", noted.stdout, noted.stderr);
    }
    let later = desk.round.path("later.csv");
    fs::write(
        &later,
        format!("线索编号,核查结论,理由,核查人,核查日期\n{lead},不予移送,已死亡,张核,2026-11-04\n"),
    )
    .unwrap();
    let (code, json) = desk.decide_json(&[&later], &[]);
    assert_eq!(
        (code, &json["refused"][0]["why"]),
        (3, &"register".into()),
        "{json}"
    );
}

/// A decision is somebody's. Who takes the list in is another person.
#[test]
fn a_decision_without_a_name_is_told_and_can_be_given_one() {
    let desk = Desk::new();
    let lead = desk.listed()[0].1["线索编号"].clone();
    let path = desk.round.path("list.csv");
    fs::write(
        &path,
        format!("线索编号,核查结论,核查日期\n{lead},确认,{DAY}\n"),
    )
    .unwrap();
    let (code, json) = desk.decide_json(&[&path], &[]);
    assert_eq!(code, 3);
    let refused = &json["refused"][0];
    assert_eq!(
        (&refused["why"], &refused["column"]),
        (&"no_name".into(), &"decided_by".into())
    );
    assert!(refused["zh"].as_str().unwrap().contains("--decided-by"));
    let (code, json) = desk.decide_json(&[&path], &["--decided-by", "张核"]);
    assert_eq!((code, &json["recorded"]["confirmed"]), (0, &1.into()));
}

#[test]
fn what_is_no_list_of_the_round_takes_nothing_in() {
    let desk = Desk::new();
    assert_eq!(desk.take(&[]).code, 0);
    let before = desk.open().head();
    let lead = desk.listed()[0].1["线索编号"].clone();
    let good = desk.round.path("good.csv");
    fs::write(
        &good,
        format!("线索编号,核查结论,核查日期\n{lead},确认,{DAY}\n"),
    )
    .unwrap();
    let other = desk.round.path("veterans.persons.csv");
    // Nothing of a command with a file that cannot be read.
    let result = desk.decide(&[&good, &other], &[]);
    result.assert_error(1, "this is no list of this program");
    let missing = desk.round.path("missing.xlsx");
    desk.decide(&[&good, &missing], &[])
        .assert_error(1, "missing.xlsx");
    assert_eq!(desk.open().head(), before);
    let (code, json) = desk.decide_json(&[&good], &["--decided-by", "张核"]);
    assert_eq!((code, &json["recorded"]["confirmed"]), (0, &1.into()));
}

/// The person keeps the number of the first round; each round's lists are known by their own.
#[test]
fn a_second_round_has_other_numbers_for_the_same_leads() {
    let desk = Desk::new();
    assert_eq!(desk.take(&[]).code, 0);
    let first = found(&desk.open(), "HAND");
    // The same exports under another key, as the next round.
    let text = desk.round.read("round.toml");
    let text = text
        .replace("\"HAND\"", "\"HAND2\"")
        .replace("round.key", "round2.key");
    let text = text.replace("\"output\"", "\"output2\"");
    desk.round.write("round2.toml", &text);
    let run = aidlink(&["run", desk.round.path("round2.toml").to_str().unwrap()]);
    assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
    let taken = desk.command("take", "round2.toml", &["--json"]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    let json: Value = serde_json::from_str(&taken.stdout).unwrap();
    assert_eq!(
        (&json["new"], &json["carried"]),
        (&0.into(), &(first.len() as u64).into())
    );
    let register = desk.open();
    let second = found(&register, "HAND2");
    let own = |leads: &BTreeMap<String, (String, Found)>| -> BTreeSet<String> {
        leads.values().map(|(own, _)| own.clone()).collect()
    };
    assert_eq!(
        own(&first),
        own(&second),
        "the register's numbers are those of the first round"
    );
    let numbers: BTreeSet<&String> = second.keys().collect();
    assert!(first.keys().all(|number| !numbers.contains(number)));
    drop(register);
    // A list of the first round is not one of the second.
    let (old, new) = (first.keys().next().unwrap(), second.keys().next().unwrap());
    let list = desk.round.path("list.csv");
    let text = format!(
        "线索编号,核查结论,核查人,核查日期\n{old},确认,张核,{DAY}\n{new},确认,张核,{DAY}\n"
    );
    fs::write(&list, text).unwrap();
    let arguments = [list.to_str().unwrap(), "--json"];
    let result = desk.command("decide", "round2.toml", &arguments);
    let json: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(
        (result.code, &json["recorded"]["confirmed"]),
        (3, &1.into())
    );
    assert_eq!(json["refused"][0]["why"], "of_another_round");
    assert!(json["refused"][0]["en"].as_str().unwrap().contains("HAND"));
}

/// A round is run again after a case number and a name were corrected. The lists of both runs come
/// back.
#[test]
fn lists_of_every_run_of_a_round_are_taken_in() {
    let desk = Desk::new();
    assert_eq!(desk.take(&[]).code, 0);
    let export = "procuratorate.case-parties.csv";
    desk.round.replace(export, "H005", "H955");
    desk.round
        .replace(export, "J5-poor-student", "J5-corrected");
    let text = desk.round.read("round.toml");
    let text = text.replace("\"output\"", "\"output2\"");
    desk.round.write("round2.toml", &text);
    let run = aidlink(&["run", desk.round.path("round2.toml").to_str().unwrap()]);
    assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
    let output = desk.round.path("output2");
    let output = ["--output", output.to_str().unwrap(), "--json"];
    let taken = desk.command("take", "round2.toml", &output);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    let lead_of = |aid: &str| {
        let of_person = |(number, (_, found)): (&String, &(String, Found))| {
            let is_it = found.about.names.iter().any(|name| name.starts_with("J5-"))
                && (number.ends_with(aid) && found.about.case_numbers[0].starts_with('H'));
            let case = &found.about.case_numbers[0];
            (is_it && ["H005", "H955"].contains(&case.as_str())).then(|| number.clone())
        };
        let leads = found(&desk.open(), "HAND");
        leads.iter().find_map(of_person).expect("a lead")
    };
    let header = "线索编号,姓名,案号,核查结论,核查人,核查日期";
    for (aid, name, case, code) in [
        ("-dibao", "J5-poor-student", "H005", None),
        ("-judicial_aid", "J5-corrected", "H955", None),
        (
            "-education_assistance",
            "J5-corrected",
            "H006",
            Some("other_case"),
        ),
        (
            "-education_assistance",
            "J6-disabled",
            "H005",
            Some("other_name"),
        ),
        ("-education_assistance", "J5-poor-student", "H995", None),
    ] {
        let list = desk.round.path("list.csv");
        let row = format!("{},{name},{case},确认,张核,{DAY}", lead_of(aid));
        fs::write(&list, format!("{header}\n{row}\n")).unwrap();
        let arguments = [&[list.to_str().unwrap()], &output[..]].concat();
        let result = desk.command("decide", "round2.toml", &arguments);
        let json = serde_json::from_str(&result.stdout);
        let json: Value = json.unwrap_or_else(|_| panic!("{}", result.stderr));
        let why = json["refused"].as_array().unwrap().iter();
        let why: Vec<&str> = why.map(|row| row["why"].as_str().unwrap()).collect();
        assert_eq!(why, Vec::from_iter(code), "{name} {case}");
        let recorded = json["recorded"]["confirmed"].as_u64().unwrap_or_default();
        assert_eq!(recorded, u64::from(code.is_none()), "{name} {case}");
    }
}

#[test]
fn a_round_is_taken_only_as_it_was_issued() {
    type Change = fn(&Desk);
    let changes: [(&str, &str, Change); 9] = [
        ("a list was changed", "the file was changed", |desk| {
            let name = "output/lists/for-review/to-civil-affairs.csv";
            let text = desk.round.read(name);
            desk.round.write(name, text.replacen("dibao", "tekun", 1));
        }),
        ("a list is gone", "missing", |desk| {
            fs::remove_file(desk.round.path("output/lists/for-review/to-veterans.csv")).unwrap();
        }),
        (
            "the export was changed",
            "the case export is not the one",
            |desk| {
                let name = "procuratorate.case-parties.csv";
                let text = desk.round.read(name);
                desk.round.write(name, text + "\n");
            },
        ),
        (
            "the export is gone",
            "procuratorate.case-parties.csv",
            |desk| {
                fs::remove_file(desk.round.path("procuratorate.case-parties.csv")).unwrap();
            },
        ),
        (
            "the key is gone",
            "the key of the round is not here, or was purged",
            |desk| {
                fs::remove_file(desk.round.path("round.key")).unwrap();
            },
        ),
        (
            "the key is another one",
            "the key of the round is not the one",
            |desk| {
                desk.round.replace("round.key", "0123", "3210");
            },
        ),
        (
            "the round file was changed",
            "the round file was changed after the run",
            |desk| {
                desk.round
                    .replace("round.toml", "reject_rate = 0.05", "reject_rate = 0.06");
            },
        ),
        (
            "the register's key is gone",
            "register/register.key",
            |desk| {
                fs::remove_file(desk.folder().join("register.key")).unwrap();
            },
        ),
        (
            "the register's key is that of the round",
            "not the key file of a register",
            |desk| {
                fs::copy(
                    desk.round.path("round.key"),
                    desk.folder().join("register.key"),
                )
                .unwrap();
            },
        ),
    ];
    for (what, words, change) in changes {
        let desk = Desk::new();
        let before = desk.open().head();
        change(&desk);
        let result = desk.take(&[]);
        assert_eq!(result.code, 1, "{what}: {}", result.stdout);
        assert!(result.stderr.contains(words), "{what}: {}", result.stderr);
        assert_eq!(desk.open().head(), before, "{what}");
    }
}

/// After the purge, decisions on leads that were taken are still taken in.
#[test]
fn decisions_on_a_purged_round_are_still_taken_in() {
    let desk = Desk::new();
    let lead = desk.listed()[0].1["线索编号"].clone();
    let list = desk.round.root().join("list.csv");
    fs::write(
        &list,
        format!("线索编号,核查结论,核查日期\n{lead},确认,{DAY}\n"),
    )
    .unwrap();
    assert_eq!(desk.take(&[]).code, 0);
    let folder = desk.round.path("output");
    let purge = aidlink(&[
        "purge",
        folder.to_str().unwrap(),
        "--early",
        "test of the register",
    ]);
    assert_eq!(purge.code, 0, "{}{}", purge.stdout, purge.stderr);
    let result = desk.take(&[]);
    assert_eq!(result.code, 1);
    assert!(result.stderr.contains("purged"), "{}", result.stderr);
    let (code, json) = desk.decide_json(&[&list], &["--decided-by", "张核"]);
    assert_eq!((code, &json["recorded"]["confirmed"]), (0, &1.into()));
}
