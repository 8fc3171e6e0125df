//! Rounds that read the register: what is listed again and why, the numbers of persons, split
//! rounds, second runs, and what is refused. Everything goes through the commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{CommandResult, Round, aidlink, csv_records, files_below};

/// The day of decisions: after the first round, before the second.
pub const DECIDED: &str = "2026-10-08";
const REFERRALS: &str = "procuratorate.referrals";

/// A register, and rounds that read it, each with a key of its own.
pub struct Office {
    pub base: Round,
}

/// A row of a list.
pub type Record = BTreeMap<String, String>;

impl Office {
    /// Makes the register by the command, in a temporary folder with policies and schemas.
    pub fn new() -> Self {
        let office = Office {
            base: Round::hand_made(),
        };
        let folder = office.base.root().join("register");
        let made = aidlink(&[
            "register",
            "init",
            folder.to_str().unwrap(),
            "--operator",
            "test operator",
            "--lang",
            "en",
        ]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        office
    }

    pub fn register(&self) -> PathBuf {
        self.base.root().join("register/register.db")
    }

    /// Returns a file in the folder of a round.
    pub fn path(&self, round: &str, file: &str) -> PathBuf {
        self.base.root().join("tests/rounds").join(round).join(file)
    }

    /// Makes a round without a key, which reads the register. The exports are those of the
    /// hand-made round.
    pub fn make(&self, round: &str, as_of: &str) {
        let from = self.base.path("");
        let to = self.path(round, "");
        fs::create_dir_all(&to).unwrap();
        for (name, bytes) in files_below(&from) {
            if name != "round.key" {
                fs::write(to.join(name), bytes).unwrap();
            }
        }
        let file = to.join("round.toml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text
            .replace("round = \"HAND\"", &format!("round = \"{round}\""))
            .replace("2026-09-30", as_of)
            .replace("2026-09-28", as_of)
            .replace("list_language = \"zh\"", "list_language = \"en\"")
            .replace("path = \"procuratorate.referrals.csv\"\n", "")
            .replacen(
                "[[export]]",
                "[register]\nfile = \"../../../register/register.db\"\n\n[[export]]",
                1,
            );
        fs::write(file, text).unwrap();
    }

    pub fn edit(&self, round: &str, file: &str, from: &str, to: &str) {
        let path = self.path(round, file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not contain {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    pub fn run(&self, round: &str) -> CommandResult {
        let file = self.path(round, "round.toml");
        aidlink(&["run", file.to_str().unwrap(), "--lang", "en"])
    }

    pub fn ran(&self, round: &str) {
        let result = self.run(round);
        assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
    }

    /// Returns the rows of the match lists of a round, by the name of the person and the aid.
    pub fn listed(&self, round: &str) -> BTreeMap<(String, String), Record> {
        let lists = files_below(&self.path(round, "output/lists/for-review"));
        let rows = lists.values().flat_map(|bytes| csv_records(bytes));
        rows.map(|row| {
            let (_, aid) = row["Lead number"].rsplit_once('-').unwrap();
            ((row["Name"].clone(), aid.to_owned()), row.clone())
        })
        .collect()
    }

    pub fn take(&self, round: &str) -> Value {
        let file = self.path(round, "round.toml");
        let key = self.path(round, "signing.pub");
        let result = self.command(
            "take",
            &[
                file.to_str().unwrap(),
                "--public-key",
                key.to_str().unwrap(),
                "--json",
            ],
        );
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        serde_json::from_str(&result.stdout).unwrap()
    }

    pub fn command(&self, verb: &str, more: &[&str]) -> CommandResult {
        let register = self.register();
        let first = ["register", verb];
        let last = ["--register", register.to_str().unwrap(), "--lang", "en"];
        aidlink(&[&first[..], more, &last[..]].concat())
    }

    pub fn note(&self, lead: &str, kind: &str, on: &str, set: &[&str]) {
        let mut all = vec!["--operator", "test operator", "--lead", lead];
        all.extend(["--kind", kind, "--on", on]);
        for field in set {
            all.extend(["--set", field]);
        }
        let noted = self.command("note", &all);
        assert_eq!(noted.code, 0, "{kind}: {}{}", noted.stdout, noted.stderr);
    }

    /// Audits a round with a second run. Returns the state of the check that compares it, and
    /// what is said.
    pub fn second_run(&self, round: &str) -> (String, String) {
        let folder = self.path(round, "");
        let key = self.path(round, "signing.pub");
        let audit = |more: &[&str]| {
            let first = ["audit", folder.to_str().unwrap(), "--rerun"];
            let key = ["--lang", "en", "--public-key", key.to_str().unwrap()];
            aidlink(&[&first[..], &key, more].concat())
        };
        let json = audit(&["--json"]);
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        let checks = json[0]["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["number"] == 23).unwrap();
        let state = check["state"].as_str().unwrap().to_owned();
        (state, audit(&[]).stdout)
    }
}

/// Returns the number of the person in the number of a lead.
fn person(row: &Record) -> &str {
    row["Lead number"].rsplit_once('-').unwrap().0
}

/// Returns the numbers of persons by name.
fn persons(listed: &BTreeMap<(String, String), Record>) -> BTreeMap<&str, &str> {
    let rows = listed.iter();
    rows.map(|((name, _), row)| (name.as_str(), person(row)))
        .collect()
}

fn by_status(listed: &BTreeMap<(String, String), Record>) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::from([("new", 0), ("carried", 0), ("open again", 0)]);
    for row in listed.values() {
        *counts.entry(row["Status"].as_str()).or_default() += 1;
    }
    counts
}

/// Sets a cell of a person's row in the case export of a round.
pub fn set_case(office: &Office, round: &str, name: &str, column: &str, value: &str) {
    let path = office.path(round, "procuratorate.case-parties.csv");
    let text = fs::read_to_string(&path).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |column: &str| header.iter().position(|name| *name == column).unwrap();
    let mut changed = 0;
    let lines = text.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[at("name")] == name {
            assert_eq!(cells.len(), header.len());
            cells[at(column)] = value;
            changed += 1;
        }
        cells.join(",") + "\n"
    });
    let lines: String = lines.collect();
    assert_eq!(changed, 1, "{name}");
    fs::write(path, lines).unwrap();
}

/// Persons with a lead for dibao, by what becomes of it after the first round.
const UNDECIDED: &str = "J1-dibao-margin";
const DECLINED: &str = "J3-spouse";
const INCOME: &str = "J4-case-hardship";
const PROPERTY: &str = "J6-other-tort";
const NOT_OUR_DUTY: &str = "J1-grade-6";
const DELIVERED: &str = "J5-expert";
const UNDER_WAY: &str = "J6-disabled";

/// Records what becomes of leads of the round `R1`.
fn decide(office: &Office) {
    let listed = office.listed("R1");
    let lead = |name: &str| {
        let row = &listed[&(name.to_owned(), "dibao".to_owned())];
        row["Lead number"].clone()
    };
    let rejected = |name: &str, reason: &str| {
        let reason = format!("reason={reason}");
        office.note(
            &lead(name),
            "checked",
            DECIDED,
            &["finding=rejected", &reason],
        );
    };
    office.note(
        &lead(DECLINED),
        "consent",
        DECIDED,
        &["answer=refused", "by=person"],
    );
    rejected(INCOME, "income");
    rejected(PROPERTY, "property");
    rejected(NOT_OUR_DUTY, "not_our_duty");
    for name in [DELIVERED, UNDER_WAY] {
        office.note(&lead(name), "checked", DECIDED, &["finding=confirmed"]);
        office.note(&lead(name), "sent", DECIDED, &["as=ordinary"]);
    }
    office.note(&lead(DELIVERED), "signed_for", DECIDED, &[]);
    office.note(&lead(DELIVERED), "replied", DECIDED, &["reply=eligible"]);
    office.note(&lead(DELIVERED), "granted", "2026-10-09", &[]);
}

#[test]
fn rounds_list_what_is_open_say_why_and_keep_the_numbers() {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    let first = office.listed("R1");
    let leads = first.len() as u64;
    assert!(leads > 300);
    assert_eq!(by_status(&first)["new"], leads);
    assert!(first.values().all(|row| row["Why listed again"].is_empty()));
    assert_eq!(office.take("R1")["new"], leads);
    decide(&office);

    // The next round has another key, and finds the same persons.
    office.make("R2", "2026-10-31");
    office.ran("R2");
    let second = office.listed("R2");
    let row = |listed: &BTreeMap<(String, String), Record>, name: &str| {
        listed.get(&(name.to_owned(), "dibao".to_owned())).cloned()
    };
    let carried = row(&second, UNDECIDED).unwrap();
    assert_eq!(carried["Status"], "carried");
    assert_eq!(
        (&*carried["Why listed again"], &*carried["Last decision"]),
        ("", "")
    );
    for name in [DECLINED, INCOME, PROPERTY, DELIVERED, UNDER_WAY] {
        assert_eq!(row(&second, name), None, "{name}");
    }
    let returned = row(&second, NOT_OUR_DUTY).unwrap();
    assert_eq!(returned["Status"], "open again");
    assert_eq!(
        returned["Last decision"],
        "2026-10-08 rejected (another office's duty)"
    );
    let why = &returned["Why listed again"];
    assert!(
        why.starts_with("2026-10-08: rejected on checking (another office's duty); "),
        "{why}"
    );
    let numbers = persons(&first);
    for (name, number) in persons(&second) {
        if let Some(known) = numbers.get(name) {
            assert_eq!(*known, number, "{name}");
        }
    }
    // What `take` makes of the leads is what the lists said.
    let status = by_status(&second);
    let taken = office.take("R2");
    for (counted, listed) in [
        ("new", "new"),
        ("carried", "carried"),
        ("reopened", "open again"),
    ] {
        assert_eq!(taken[counted], status[listed], "{counted}");
    }
    assert!(status["carried"] > 300);
    assert_eq!(taken["already_there"], 0);

    // The day of the next standard is known, and has not come.
    office.make("R2b", "2026-11-01");
    let own = office.base.root().join("policies/r2b.toml");
    fs::write(
        own,
        "id = \"r2b\"\nversion = \"1\"\ntitle = { zh = \"县\", en = \"County\" }\n\
         extends = \"shaoguan.toml\"\n[parameters]\n\
         dibao_standard_from = { value = 2026-12-01, source = \"local\" }\n",
    )
    .unwrap();
    office.edit(
        "R2b",
        "round.toml",
        "policies/shaoguan.toml",
        "policies/r2b.toml",
    );
    office.ran("R2b");
    assert_eq!(row(&office.listed("R2b"), INCOME), None);

    // The case of some persons changed, the standard of dibao was raised, and time went by.
    office.make("R3", "2026-11-15");
    for name in [DECLINED, PROPERTY] {
        set_case(&office, "R3", name, "changed_on", "2026-11-02");
    }
    let own = office.base.root().join("policies/r3.toml");
    fs::write(
        own,
        "id = \"r3\"\nversion = \"1\"\ntitle = { zh = \"县\", en = \"County\" }\n\
         extends = \"shaoguan.toml\"\n[parameters]\n\
         done_period = { value = \"10 days\", source = \"local\" }\n\
         dibao_standard_from = { value = 2026-11-01, source = \"local\" }\n",
    )
    .unwrap();
    office.edit(
        "R3",
        "round.toml",
        "policies/shaoguan.toml",
        "policies/r3.toml",
    );
    office.ran("R3");
    let third = office.listed("R3");
    for (name, why, decision) in [
        (
            DECLINED,
            "2026-10-08: declined; The case changed materially of late",
            "",
        ),
        (
            INCOME,
            "2026-10-08: rejected on checking (income over the line); the standard changed on 2026-11-01",
            "2026-10-08 rejected (income over the line)",
        ),
        (
            PROPERTY,
            "2026-10-08: rejected on checking (property over the line); The case changed materially of late",
            "2026-10-08 rejected (property over the line)",
        ),
        (
            DELIVERED,
            "2026-10-09: delivered; the period of 10 days without a new lead is over",
            "2026-10-08 confirmed",
        ),
    ] {
        let row = row(&third, name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert_eq!(row["Status"], "open again", "{name}");
        assert_eq!(row["Why listed again"], why, "{name}");
        assert_eq!(row["Last decision"], decision, "{name}");
        assert_eq!(person(&row), numbers[name]);
    }
    assert_eq!(row(&third, UNDER_WAY), None);
    assert_eq!(row(&third, NOT_OUR_DUTY).unwrap()["Status"], "carried");
    let taken = office.take("R3");
    assert_eq!(taken["reopened"], by_status(&third)["open again"]);

    // Every lead has one history, under the number of the first round.
    let lead = &row(&third, DECLINED).unwrap()["Lead number"];
    let shown = office.command("show", &["--lead", lead, "--events", "--json"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let text = shown.to_string();
    for round in ["R1", "R2", "R3"] {
        let is_there = text.contains(&format!("\"{round}\""));
        assert_eq!(is_there, round != "R2", "{round}: {text}");
    }
    // The pages and the workbook say it too.
    let pages = fs::read_to_string(office.path("R3", "output/review/persons.html")).unwrap();
    assert!(pages.contains("the standard changed on 2026-11-01"));
}

#[test]
fn a_second_run_reads_events_up_to_the_head_of_the_first() {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    office.take("R1");
    office.make("R2", "2026-10-31");
    office.ran("R2");
    let folder = office.path("R2", "output");
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let verified = office.command("verify", &["--json"]);
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    for what in ["register", "last", "events"] {
        assert_eq!(manifest["register"][what], verified["head"][what], "{what}");
    }
    let exports = manifest["exports"].as_array().unwrap();
    let referrals = exports
        .iter()
        .find(|one| one["export"] == REFERRALS)
        .unwrap();
    assert_eq!(referrals["files"].as_array().unwrap().len(), 0);
    assert!(referrals["account"]["rows"].as_u64().unwrap() > 300);
    // The audit of a round that read the register finds nothing wrong.
    let (state, said) = office.second_run("R2");
    assert_eq!(state, "held", "{said}");
    assert!(!said.contains("NOT HELD"), "{said}");

    // An older register, put back with its own head; then events that the round did not read.
    let copy = office.base.root().join("older");
    fs::create_dir(&copy).unwrap();
    let all = files_below(&office.base.root().join("register"));
    for (name, bytes) in &all {
        fs::write(copy.join(name), bytes).unwrap();
    }
    decide(&office);
    office.take("R2");
    let (state, said) = office.second_run("R2");
    assert_eq!(state, "held", "{said}");

    // A later round read what is no longer there.
    office.make("R3", "2026-11-15");
    office.ran("R3");
    let newest = files_below(&office.base.root().join("register"));
    let put = |files: &BTreeMap<String, Vec<u8>>| {
        for name in ["register.db-wal", "register.db-shm"] {
            let _ = fs::remove_file(office.base.root().join("register").join(name));
        }
        for (name, bytes) in files {
            fs::write(office.base.root().join("register").join(name), bytes).unwrap();
        }
    };
    put(&all);
    let (state, said) = office.second_run("R3");
    assert_eq!(state, "not_held", "{said}");
    assert!(said.contains("older than when the round read it"), "{said}");
    put(&newest);
    assert_eq!(office.second_run("R3").0, "held");
    // Without the register nobody can run it again.
    fs::rename(office.register(), office.base.root().join("elsewhere.db")).unwrap();
    assert_eq!(office.second_run("R3").0, "not_applicable");
}

#[test]
fn a_split_round_gives_the_lists_of_a_pooled_one_and_sends_nothing_else() {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    office.take("R1");
    decide(&office);
    office.make("R2", "2026-10-31");
    office.ran("R2");
    let pooled = files_below(&office.path("R2", "output/lists"));
    let manifest = fs::read_to_string(office.path("R2", "output/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let lead = office.listed("R1")[&(UNDECIDED.to_owned(), "dibao".to_owned())].clone();

    // The same round in steps, with the same key.
    let split = office.base.root().join("sample_data/split");
    fs::create_dir_all(&split).unwrap();
    for entry in fs::read_dir(office.path("R2", "")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), split.join(entry.file_name())).unwrap();
        }
    }
    for name in ["signing.key", "signing.pub"] {
        fs::remove_file(split.join(name)).unwrap();
    }
    let file = split.join("round.toml");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("../../../", "../../");
    let register = "[register]\nfile = \"../../register/register.db\"\n\n";
    assert!(text.contains(register));
    fs::write(&file, text.replace(register, "")).unwrap();
    let register_file = office.register();
    let split = SplitRound::plain(office.base.sibling("split"));
    let own =
        split
            .round
            .read("round.toml")
            .replacen("[[export]]", &format!("{register}[[export]]"), 1);
    split.round.write("own.toml", own);
    let path = |name: &str| split.round.path(name).to_str().unwrap().to_owned();
    let key = split.signing_key("procuratorate");
    let own_step = |verb: &str, more: &[&str], output: &str| {
        let (round, output) = (path("own.toml"), path(output));
        let first = [verb, &round, "--output", &output, "--signing-key", &key];
        aidlink(&[&first[..], &["--lang", "en"], more].concat())
    };
    // Other offices must not have it.
    let key_of_schools = split.signing_key("education");
    let refused = aidlink(&[
        "tokenise",
        &path("own.toml"),
        "--export",
        "education.students",
        "--output",
        &path("refused"),
        "--signing-key",
        &key_of_schools,
        "--lang",
        "en",
    ]);
    refused.assert_error(2, "only the procuratorate's round file may have [register]");
    for export in EXPORTS {
        let done = match export.starts_with("procuratorate.") {
            true => own_step("tokenise", &["--export", export], &format!("at-{export}")),
            false => split.tokenise(export),
        };
        assert!(matches!(done.code, 0 | 3), "{export}: {}", done.stderr);
    }
    let screened = split.screen(&EXPORTS, "at-centre");
    assert!(matches!(screened.code, 0 | 3), "{}", screened.stderr);
    // What is recorded after the tokens were made does not change the lists.
    let noted = aidlink(&[
        "register",
        "note",
        "--register",
        register_file.to_str().unwrap(),
        "--operator",
        "test operator",
        "--lead",
        &lead["Lead number"],
        "--kind",
        "consent",
        "--on",
        DECIDED,
        "--set",
        "answer=refused",
        "--set",
        "by=person",
    ]);
    assert_eq!(noted.code, 0, "{}", noted.stderr);
    let leads = path("at-centre/to-procuratorate/leads.json");
    let resolved = own_step("resolve", &["--leads", &leads], "at-procuratorate");
    assert!(matches!(resolved.code, 0 | 3), "{}", resolved.stderr);
    let lists = files_below(&split.round.path("at-procuratorate/lists"));
    assert_eq!(lists, pooled);
    let resolved = split.round.read("at-procuratorate/manifest.json");
    let resolved: Value = serde_json::from_str(&resolved).unwrap();
    for what in ["register", "events", "last"] {
        assert_eq!(resolved["register"][what], manifest["register"][what]);
    }

    // Nothing of the register is at the centre.
    let secrets: Vec<String> = [
        manifest["register"]["register"].as_str().unwrap(),
        manifest["register"]["last"].as_str().unwrap(),
        &lead["Lead number"],
        "carried",
    ]
    .map(str::to_owned)
    .into();
    let tokens = fs::read(split.tokens(REFERRALS)).unwrap();
    let mut at_centre = files_below(&split.round.path("at-centre"));
    at_centre.retain(|name, _| !name.starts_with("configuration/"));
    for bytes in at_centre.values().chain([&tokens]) {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret}");
        }
    }

    // Without the folder of the tokens nobody knows up to which event they were made.
    let folder = split.round.path(&format!("at-{REFERRALS}"));
    fs::rename(&folder, split.round.root().join("moved")).unwrap();
    let refused = own_step("resolve", &["--leads", &leads], "again");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("nobody knows up to which event"),
        "{}",
        refused.stderr
    );
    assert!(!split.round.path("again").exists());
}

#[test]
fn a_register_that_is_not_right_is_refused_and_nothing_is_written() {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    let folder = office.base.root().join("register");
    let before = files_below(&folder);
    office.take("R1");
    let after = files_below(&folder);
    let other = office.base.root().join("other");
    let made = aidlink(&[
        "register",
        "init",
        other.to_str().unwrap(),
        "--operator",
        "x",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let line = "file = \"../../../register/register.db\"";
    let export = format!("schema = \"{REFERRALS}\"\n");
    // How the round file is changed, or how the register is, and what is said.
    type Harm<'h> = (&'h str, Box<dyn Fn(&str) + 'h>, i32, &'h str);
    let edit = |from: &'static str, to: &'static str| {
        let office = &office;
        move |round: &str| office.edit(round, "round.toml", from, to)
    };
    let harms: Vec<Harm<'_>> = vec![
        (
            "no such file",
            Box::new(edit("register.db", "nothing.db")),
            2,
            "does not exist",
        ),
        (
            "in the round",
            Box::new(|round| {
                for (name, bytes) in after.iter().filter(|(name, _)| !name.contains("signing")) {
                    fs::write(office.path(round, name), bytes).unwrap();
                }
                office.edit(round, "round.toml", line, "file = \"register.db\"");
            }),
            2,
            "the register is in the folder of a round",
        ),
        (
            "the key in the round",
            Box::new(|round| {
                office.edit(
                    round,
                    "round.toml",
                    line,
                    &format!("{line}\nkey = \"register.key\""),
                );
            }),
            2,
            "the key of the register is in the folder of a round",
        ),
        (
            "a file, too",
            Box::new(|round| {
                let both = format!("{export}path = \"procuratorate.referrals.csv\"\n");
                office.edit(round, "round.toml", &export, &both);
            }),
            2,
            "the register of [register] stands in its place",
        ),
        (
            "no export",
            Box::new(edit(
                "schema = \"procuratorate.referrals\"\nsnapshot = 2026-10-31\n",
                "schema = \"procuratorate.referral\"\nsnapshot = 2026-10-31\n",
            )),
            2,
            "but no [[export]] of procuratorate.referrals",
        ),
        (
            "an unknown key",
            Box::new(|round| {
                office.edit(round, "round.toml", line, &format!("{line}\nkeys = \"x\""));
            }),
            2,
            "unknown key `keys`",
        ),
        (
            "no file",
            Box::new(|round| office.edit(round, "round.toml", line, "key = \"x\"")),
            2,
            "file",
        ),
        (
            "no key",
            Box::new(|_| fs::remove_file(folder.join("register.key")).unwrap()),
            1,
            "register.key",
        ),
        (
            "the key of another register",
            Box::new(|_| {
                fs::copy(other.join("register.key"), folder.join("register.key")).unwrap();
            }),
            1,
            "the key is that of another register",
        ),
        (
            "signed by another key",
            Box::new(|round| {
                let with = format!("{line}\npublic_key = \"../../../other/signing.pub\"");
                office.edit(round, "round.toml", line, &with);
            }),
            1,
            "another key signed the register",
        ),
        (
            "damaged",
            Box::new(|_| {
                let mut bytes = fs::read(office.register()).unwrap();
                let half = bytes.len() / 2;
                bytes[half..].fill(0x55);
                fs::write(office.register(), bytes).unwrap();
            }),
            1,
            "damaged",
        ),
        (
            "older than its head",
            Box::new(|_| {
                fs::write(office.register(), &before["register.db"]).unwrap();
            }),
            1,
            "older than its head",
        ),
    ];
    for (number, (what, harm, code, words)) in harms.into_iter().enumerate() {
        let round = format!("X{number}");
        office.make(&round, "2026-10-31");
        harm(&round);
        let result = office.run(&round);
        assert_eq!(
            result.code, code,
            "{what}: {}{}",
            result.stdout, result.stderr
        );
        assert!(result.stderr.contains(words), "{what}: {}", result.stderr);
        for name in ["output", "round.key", "signing.key"] {
            assert!(!office.path(&round, name).exists(), "{what}: {name}");
        }
        for name in ["register.db-wal", "register.db-shm", "register.key"] {
            let _ = fs::remove_file(folder.join(name));
        }
        for (name, bytes) in &after {
            fs::write(folder.join(name), bytes).unwrap();
        }
        crate::support::set_mode(&folder.join("register.key"), 0o600);
    }
    // Put back, it is read again.
    office.make("R2", "2026-10-31");
    office.ran("R2");
}

#[test]
fn a_purge_leaves_the_register_and_its_key() {
    let office = Office::new();
    for round in ["R1", "R2"] {
        office.make(round, "2026-09-30");
        office.ran(round);
        if round == "R1" {
            office.take(round);
        }
    }
    let folder = office.base.root().join("register");
    let before = files_below(&folder);
    let output = office.path("R2", "output");
    let purge = aidlink(&[
        "purge",
        output.to_str().unwrap(),
        "--early",
        "test of the register",
    ]);
    assert_eq!(purge.code, 0, "{}{}", purge.stdout, purge.stderr);
    assert!(!office.path("R2", "round.key").exists());
    let names =
        |files: &BTreeMap<String, Vec<u8>>| -> BTreeSet<String> { files.keys().cloned().collect() };
    let after = files_below(&folder);
    assert_eq!(names(&after), names(&before));
    for name in ["register.db", "register.key"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    let lead = office.listed("R1")[&(UNDECIDED.to_owned(), "dibao".to_owned())].clone();
    let shown = office.command("show", &["--lead", &lead["Lead number"]]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
}

#[test]
fn a_dry_run_and_the_matrix_read_the_register_without_writing() {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    office.take("R1");
    office.make("R2", "2026-10-31");
    let file = office.path("R2", "round.toml");
    let file = file.to_str().unwrap();
    let before = files_below(&office.path("R2", ""));
    let dry = aidlink(&["run", file, "--dry-run", "--json"]);
    assert!(matches!(dry.code, 0 | 3), "{}", dry.stderr);
    let json: Value = serde_json::from_str(&dry.stdout).unwrap();
    let exports = json["exports"].as_array().unwrap();
    let referrals = exports
        .iter()
        .find(|one| one["export"] == REFERRALS)
        .unwrap();
    assert!(referrals["account"]["rows"].as_u64().unwrap() > 300);
    assert_eq!(referrals["notes"].as_array().unwrap().len(), 0);
    let matrix = aidlink(&["audit", "matrix", file, "--json"]);
    assert_eq!(matrix.code, 0, "{}", matrix.stderr);
    let json: Value = serde_json::from_str(&matrix.stdout).unwrap();
    let exports = json["exports"].as_array().unwrap();
    let referrals = exports
        .iter()
        .find(|one| one["export"] == REFERRALS)
        .unwrap();
    let read = referrals["columns"].as_array().unwrap().iter();
    let read: Vec<&str> = read
        .filter(|column| column["read"] == true)
        .map(|column| column["field"].as_str().unwrap())
        .collect();
    assert_eq!(read, ["national_id", "aid", "state", "state_on"]);
    assert_eq!(files_below(&office.path("R2", "")), before);
}

#[test]
fn lists_of_a_round_without_a_register_have_the_columns_empty() {
    let round = Round::hand_made();
    let result = round.run();
    assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
    let mut rows = 0;
    for bytes in round.match_lists("output").values() {
        for row in csv_records(bytes) {
            rows += 1;
            for column in ["线索状态", "重新列出原因", "上次核查结论"] {
                assert_eq!(row[column], "", "{column}");
            }
        }
    }
    assert!(rows > 300);
    let summary: Value = serde_json::from_str(&round.read("output/summary.json")).unwrap();
    assert!(summary.get("leads_by_status").is_none());
}
