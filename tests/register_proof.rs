//! What the next round shows of leads that are open in the register: registers that show that an
//! aid is received, case rows of persons who have died or moved. Everything goes through the
//! commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::register_rounds::{DECIDED, Office, Record, set_case};
use crate::split_round::{EXPORTS, SplitRound, send_leads, sign_again};
use crate::support::{CommandResult, Round, aidlink, csv_records, files_below};

const CIVIL: &str = "civil-affairs.assistance";
const DISABLED: &str = "disabled-federation.persons";
const DELIVERED: &str = "output/lists/for-register/delivered.csv";

/// Persons with a lead for dibao in the first round, by what becomes of it and what the registers
/// say in the second: with the number of the case and the ID number.
const SENT: &str = "J6-disabled";
const SENT_ID: &str = "449901198505050057";
const WITH_AGENCY: &str = "J5-expert";
const WITH_AGENCY_ID: &str = "449909198505050058";
const UNDECIDED: &str = "J1-dibao-margin";
const UNDECIDED_ID: &str = "449901198505050014";
const DECLINED: &str = "J3-spouse";
const DECLINED_ID: &str = "449901198505050030";
const APPLIED: &str = "J4-case-hardship";
const UNKNOWN: &str = "J6-other-tort";
const CONFIRMED: &str = "J1-grade-6";

/// Returns the ID number of a case party.
fn id_of(office: &Office, name: &str) -> String {
    let path = office.path("R1", "procuratorate.case-parties.csv");
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let line = lines.find(|line| line.split(',').nth(2) == Some(name));
    line.unwrap().split(',').next().unwrap().to_owned()
}

/// Adds rows to an export of a round.
fn append(office: &Office, round: &str, file: &str, rows: &[String]) {
    let path = office.path(round, file);
    let text = fs::read_to_string(&path).unwrap();
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(path, text + &rows).unwrap();
}

fn number(listed: &BTreeMap<(String, String), Record>, name: &str, aid: &str) -> String {
    let row = listed.get(&(name.to_owned(), aid.to_owned()));
    let row = row.unwrap_or_else(|| panic!("{name} is no lead for {aid}"));
    row["Lead number"].clone()
}

/// Runs a first round, takes it, and records what becomes of some leads: two are sent, one is with
/// the agency, one is confirmed, one declined, the others are as they were. Returns the numbers of
/// the leads for dibao by name, and that of another lead of a person who is sent.
fn first_round(office: &Office) -> (BTreeMap<&'static str, String>, String) {
    office.make("R1", "2026-09-30");
    set_case(office, "R1", SENT, "registered_place", "甲县乙镇");
    set_case(office, "R1", WITH_AGENCY, "registered_place", "甲县丙镇");
    office.ran("R1");
    office.take("R1");
    let listed = office.listed("R1");
    let names = [
        SENT,
        WITH_AGENCY,
        UNDECIDED,
        DECLINED,
        APPLIED,
        UNKNOWN,
        CONFIRMED,
    ];
    let dibao: BTreeMap<&str, String> = names
        .map(|name| (name, number(&listed, name, "dibao")))
        .into();
    let subsidy = number(&listed, SENT, "disabled_living_subsidy");
    let confirm = |lead: &str| office.note(lead, "checked", DECIDED, &["finding=confirmed"]);
    let send = |lead: &str| {
        confirm(lead);
        office.note(lead, "sent", DECIDED, &["as=ordinary"]);
    };
    for name in [SENT, WITH_AGENCY, APPLIED, UNKNOWN] {
        send(&dibao[name]);
    }
    send(&subsidy);
    confirm(&dibao[CONFIRMED]);
    office.note(&dibao[WITH_AGENCY], "signed_for", DECIDED, &[]);
    office.note(
        &dibao[DECLINED],
        "consent",
        DECIDED,
        &["answer=refused", "by=person"],
    );
    (dibao, subsidy)
}

/// Makes a round in which the registers say that the persons receive aids.
fn later_round(office: &Office, round: &str, as_of: &str) {
    office.make(round, as_of);
    set_case(office, round, SENT, "registered_place", "甲县乙镇");
    set_case(office, round, WITH_AGENCY, "registered_place", "甲县丙镇");
    let row = |id: &str, kind: &str, status: &str| format!("{id},x,{kind},{status},2026-10-10,,,");
    append(
        office,
        round,
        &format!("{CIVIL}.csv"),
        &[
            row(SENT_ID, "dibao", "active"),
            // What takes the place of the aid of the lead.
            row(WITH_AGENCY_ID, "tekun", "active"),
            row(UNDECIDED_ID, "dibao", "active"),
            row(DECLINED_ID, "dibao", "active"),
            row(&id_of(office, CONFIRMED), "dibao", "active"),
            // An application settles the lead, and shows nothing of the aid.
            row(&id_of(office, APPLIED), "dibao", "applied"),
            // Nobody knows whether this one is received.
            row(&id_of(office, UNKNOWN), "dibao", ""),
        ],
    );
    let path = office.path(round, &format!("{DISABLED}.csv"));
    let text = fs::read_to_string(&path).unwrap();
    let from = format!("{SENT_ID},{SENT},4,3,valid,false,");
    assert!(text.contains(&from));
    fs::write(
        &path,
        text.replace(&from, &format!("{SENT_ID},{SENT},4,3,valid,true,")),
    )
    .unwrap();
}

fn json_of(result: &CommandResult) -> Value {
    serde_json::from_str(&result.stdout).unwrap_or_else(|_| panic!("{}", result.stderr))
}

/// Returns a lead as `register show` gives it.
fn shown(office: &Office, lead: &str) -> Value {
    let shown = office.command("show", &["--lead", lead, "--events", "--json"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    json_of(&shown)
}

/// Returns the id of the first event of a kind of a lead.
fn event_of(office: &Office, lead: &str, kind: &str) -> String {
    let text = shown(office, lead).to_string();
    let at = text.find(&format!("\"{kind}\""));
    let at = at.unwrap_or_else(|| panic!("{lead} has no {kind}: {text}"));
    let id = text[..at]
        .rfind("\"E-")
        .map(|from| &text[from + 1..from + 12]);
    id.filter(|id| id.starts_with("E-")).unwrap().to_owned()
}

/// Returns the number of events of the register, and the digest of the last.
fn head(office: &Office) -> Value {
    let verified = office.command("verify", &["--json"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    json_of(&verified)["head"].clone()
}

/// Returns the rows of the table of received aids of a round, by lead.
fn delivered(office: &Office, round: &str) -> BTreeMap<String, Record> {
    let rows = match fs::read(office.path(round, DELIVERED)) {
        Ok(bytes) => csv_records(&bytes),
        Err(_) => Vec::new(),
    };
    rows.into_iter()
        .map(|row| (row["lead"].clone(), row))
        .collect()
}

#[test]
fn leads_whose_aid_registers_show_are_delivered_with_register_and_day() {
    let office = Office::new();
    let (dibao, subsidy) = first_round(&office);
    later_round(&office, "R2", "2026-10-31");
    let ran = office.run("R2");
    assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
    let expected: BTreeMap<String, (&str, &str)> = [
        (dibao[SENT].clone(), (CIVIL, "Receives dibao")),
        (dibao[CONFIRMED].clone(), (CIVIL, "Receives dibao")),
        (
            subsidy.clone(),
            (
                DISABLED,
                "Receives the living subsidy for disabled persons in hardship",
            ),
        ),
    ]
    .into();
    let rows = delivered(&office, "R2");
    for (lead, (register, what)) in &expected {
        let row = rows.get(lead).unwrap_or_else(|| panic!("{lead}: {rows:?}"));
        assert_eq!(row["kind"], "granted");
        assert_eq!(row["on"], "2026-10-31");
        assert_eq!(row["what"], *what);
        assert_eq!(row["shown_by.register"], *register);
        assert_eq!(row["shown_by.snapshot"], "2026-10-31");
        assert_eq!(row["remark"], "round R2");
    }
    // Another aid in its place is named as what it is.
    let row = &rows[&dibao[WITH_AGENCY]];
    assert!(row["what"].contains("tekun"), "{row:?}");
    let leads: BTreeSet<&String> = rows.keys().collect();
    let mut all: BTreeSet<&String> = expected.keys().collect();
    all.insert(&dibao[WITH_AGENCY]);
    // Neither who declined, nor who only applied, nor what nobody knows, nor a lead that nobody
    // has checked: the centre is not told that these are open.
    assert_eq!(leads, all);
    let summary: Value =
        serde_json::from_slice(&fs::read(office.path("R2", "output/summary.json")).unwrap())
            .unwrap();
    assert_eq!(
        summary["open_leads"],
        json!({ "delivered": 4, "dead": 0, "moved": 0 })
    );
    let said = "leads that are open in the register: 4 whose aid is received, as registers show";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    assert!(ran.stdout.contains("lists/for-register/delivered.csv: 4"));
    // None of them is on a list.
    let listed = office.listed("R2");
    for name in [SENT, WITH_AGENCY, CONFIRMED] {
        assert!(!listed.contains_key(&(name.to_owned(), "dibao".to_owned())));
    }

    // One lead is closed before the round is taken.
    let closed = &dibao[CONFIRMED];
    office.note(closed, "closed", "2026-11-01", &["reason=no_contact"]);
    let taken = office.take("R2");
    let recorded: BTreeSet<&str> = taken["delivered"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lead| lead["lead"].as_str().unwrap())
        .collect();
    let expected_recorded: BTreeSet<&str> = all
        .iter()
        .map(|lead| lead.as_str())
        .filter(|lead| lead != closed)
        .collect();
    assert_eq!(recorded, expected_recorded);
    assert_eq!(taken["ended_meanwhile"], json!([closed]));
    for lead in &recorded {
        let text = shown(&office, lead).to_string();
        assert!(text.contains("\"delivered\""), "{text}");
        assert!(
            text.contains("\"snapshot\":\"2026-10-31\"") && text.contains("\"shown_by\""),
            "{text}"
        );
    }
    assert!(!shown(&office, closed).to_string().contains("shown_by"));
    assert!(
        !shown(&office, &dibao[APPLIED])
            .to_string()
            .contains("shown_by")
    );

    // Taken once more, nothing changes.
    let before = head(&office);
    let again = office.take("R2");
    assert_eq!(again["delivered"], json!([]));
    assert_eq!(again["delivered_before"], 3);
    assert_eq!(head(&office), before);
    // Nor does the table that the clerk may read in instead.
    let table = office.path("R2", DELIVERED);
    let arguments = [
        "--csv",
        table.to_str().unwrap(),
        "--operator",
        "test operator",
    ];
    let noted = office.command("note", &[&arguments[..], &["--json"]].concat());
    let noted_json = json_of(&noted);
    assert_eq!(noted_json["already_there"].as_array().unwrap().len(), 3);
    assert_eq!(noted_json["refused"].as_array().unwrap().len(), 1);
    assert_eq!(head(&office), before);
    // What a clerk withdrew does not come back.
    let noted = |arguments: &[&str]| {
        let by = ["--operator", "x", "--because", "another person"];
        let noted = office.command("note", &[arguments, &by[..]].concat());
        assert_eq!(noted.code, 0, "{}{}", noted.stdout, noted.stderr);
    };
    noted(&["--withdraw", &event_of(&office, &subsidy, "granted")]);
    let again = office.take("R2");
    assert_eq!(again["delivered_before"], 2);
    assert!(again["ended_meanwhile"].to_string().contains(&subsidy));

    // Nor what was corrected first, and withdrawn then.
    let granted = event_of(&office, &dibao[SENT], "granted");
    noted(&[
        "--correct",
        &granted,
        "--kind",
        "granted",
        "--set",
        "what=x",
    ]);
    noted(&["--withdraw", &event_of(&office, &dibao[SENT], "corrected")]);
    let again = office.take("R2");
    assert_eq!(again["delivered_before"], 1);
    assert!(again["ended_meanwhile"].to_string().contains(&dibao[SENT]));

    // The audit makes the same files again, although the register has more events now.
    let (state, said) = office.second_run("R2");
    assert_eq!(state, "held", "{said}");
    assert!(!said.contains("NOT HELD"), "{said}");

    // The next round says nothing of what is delivered, and of what was withdrawn again.
    later_round(&office, "R3", "2026-11-15");
    office.ran("R3");
    let before_third = shown(&office, &subsidy);
    let rows = delivered(&office, "R3");
    assert_eq!(
        rows.keys().collect::<BTreeSet<_>>(),
        BTreeSet::from([&dibao[SENT], &subsidy])
    );
    // They stay withdrawn, although the round, the day and the remark are others.
    let third = office.take("R3");
    assert_eq!(third["delivered"], json!([]), "{third}");
    assert!(third["ended_meanwhile"].to_string().contains(&subsidy));
    assert_eq!(shown(&office, &subsidy), before_third, "{subsidy}");
}

#[test]
fn a_stale_register_and_a_round_without_a_register_prove_nothing() {
    let office = Office::new();
    let (dibao, subsidy) = first_round(&office);
    later_round(&office, "R2", "2026-10-31");
    let civil = format!("schema = \"{CIVIL}\"\npath = \"{CIVIL}.csv\"\nsnapshot = ");
    office.edit(
        "R2",
        "round.toml",
        &format!("{civil}2026-10-31"),
        &format!("{civil}2026-05-01"),
    );
    office.ran("R2");
    let rows = delivered(&office, "R2");
    assert_eq!(rows.keys().collect::<Vec<_>>(), [&subsidy]);
    let taken = office.take("R2");
    assert_eq!(taken["delivered"].as_array().unwrap().len(), 1);
    assert!(
        !shown(&office, &dibao[SENT])
            .to_string()
            .contains("shown_by")
    );

    let round = Round::hand_made();
    let result = round.run();
    assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
    let files = round.output("output");
    assert!(files.keys().all(|name| !name.contains("for-register")));
    let summary: Value = serde_json::from_str(&round.read("output/summary.json")).unwrap();
    assert!(summary.get("open_leads").is_none());
}

#[test]
fn deaths_and_moves_are_told_with_the_command_and_not_closed() {
    let office = Office::new();
    let (dibao, subsidy) = first_round(&office);
    later_round(&office, "R2", "2026-10-31");
    set_case(&office, "R2", SENT, "deceased", "true");
    set_case(&office, "R2", WITH_AGENCY, "registered_place", "丁县戊镇");
    // Who is not in the register, or has no open lead, is nothing new.
    set_case(&office, "R2", DECLINED, "deceased", "true");
    let ran = office.run("R2");
    assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
    let table = |name: &str| -> BTreeMap<String, Record> {
        let path = office.path("R2", &format!("output/lists/for-register/{name}.csv"));
        let rows = csv_records(&fs::read(path).unwrap());
        rows.into_iter()
            .map(|row| (row["lead"].clone(), row))
            .collect()
    };
    let dead = table("dead");
    // Every open lead of the person, also those that nobody has checked.
    let open: BTreeSet<String> = office
        .listed("R1")
        .into_iter()
        .filter(|((name, _), _)| name == SENT || name == DECLINED)
        .map(|(_, row)| row["Lead number"].clone())
        .filter(|lead| *lead != dibao[DECLINED])
        .collect();
    assert_eq!(dead.keys().cloned().collect::<BTreeSet<_>>(), open);
    assert!(open.contains(&subsidy));
    for row in dead.values() {
        assert_eq!((&*row["kind"], &*row["reason"]), ("closed", "dead"));
        assert_eq!(row["shown_by.register"], "procuratorate.case-parties");
        assert_eq!(row["shown_by.snapshot"], "2026-10-31");
    }
    let moved = table("moved");
    let of_expert: BTreeSet<String> = office
        .listed("R1")
        .into_iter()
        .filter(|((name, _), _)| name == WITH_AGENCY)
        .map(|(_, row)| row["Lead number"].clone())
        .collect();
    assert_eq!(moved.keys().cloned().collect::<BTreeSet<_>>(), of_expert);
    // Of the dead nothing is recorded as received.
    let received = delivered(&office, "R2");
    assert!(received.keys().all(|lead| !open.contains(lead)));
    let summary: Value =
        serde_json::from_slice(&fs::read(office.path("R2", "output/summary.json")).unwrap())
            .unwrap();
    assert_eq!(summary["open_leads"]["dead"], open.len());
    assert_eq!(summary["open_leads"]["moved"], of_expert.len());

    let taken = office.take("R2");
    assert_eq!(taken["dead"].as_array().unwrap().len(), open.len());
    for lead in &open {
        let text = shown(&office, lead).to_string();
        assert!(!text.contains("\"closed\""), "{text}");
    }
    // The command that is told closes the lead.
    let told = taken["dead"].as_array().unwrap();
    let told = told.iter().find(|one| one["lead"] == dibao[SENT].as_str());
    let command = told.unwrap()["command"].as_str().unwrap();
    let words = command.strip_prefix("aidlink ").unwrap();
    let words: Vec<String> = words
        .split('\'')
        .enumerate()
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let closed = aidlink(&words);
    assert_eq!(closed.code, 0, "{}{}", closed.stdout, closed.stderr);
    let text = shown(&office, &dibao[SENT]).to_string();
    assert!(text.contains("\"dead\""), "{text}");
    let taken = office.take("R2");
    assert_eq!(taken["dead"].as_array().unwrap().len(), open.len() - 1);
    // A table closes all of them; the other one needs an office first.
    let note = |name: &str| {
        let path = office.path("R2", &format!("output/lists/for-register/{name}.csv"));
        office.command(
            "note",
            &[
                "--csv",
                path.to_str().unwrap(),
                "--operator",
                "test operator",
            ],
        )
    };
    assert_eq!(note("dead").code, 0);
    let refused = note("moved");
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    let taken = office.take("R2");
    assert_eq!(taken["dead"], json!([]));
    assert!(!taken["moved"].as_array().unwrap().is_empty());
    let said = office.command(
        "take",
        &[
            office.path("R2", "round.toml").to_str().unwrap(),
            "--public-key",
            office.path("R2", "signing.pub").to_str().unwrap(),
        ],
    );
    assert!(
        said.stdout.contains("another place of registration"),
        "{}",
        said.stdout
    );
    // The tables are evidence: the second run makes them again.
    assert_eq!(office.second_run("R2").0, "held");
}

/// Makes the round R2 of an office a split one, with the same key, in which only the procuratorate
/// has the register.
fn split_of(office: Office) -> SplitRound {
    let folder = office.base.root().join("sample_data/split");
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(office.path("R2", "")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    for name in ["signing.key", "signing.pub"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let file = folder.join("round.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("../../../", "../../");
    let register = "[register]\nfile = \"../../register/register.db\"\n\n";
    assert!(text.contains(register));
    fs::write(&file, text.replace(register, "")).unwrap();
    let split = SplitRound::plain(office.base.sibling("split"));
    let own = split.round.read("round.toml");
    let own = own.replacen("[[export]]", &format!("{register}[[export]]"), 1);
    split.round.write("own.toml", own);
    split
}

/// Runs a step of the procuratorate with its own round file.
fn own_step(split: &SplitRound, verb: &str, more: &[&str], output: &str) -> CommandResult {
    let path = |name: &str| split.round.path(name).to_str().unwrap().to_owned();
    let (round, output) = (path("own.toml"), path(output));
    let key = split.signing_key("procuratorate");
    let first = [verb, &round, "--output", &output, "--signing-key", &key];
    aidlink(&[&first[..], &["--lang", "en"], more].concat())
}

#[test]
fn a_split_round_says_the_same_and_no_more_crosses_than_was_asked() {
    let office = Office::new();
    let (dibao, _) = first_round(&office);
    later_round(&office, "R2", "2026-10-31");
    set_case(&office, "R2", APPLIED, "deceased", "true");
    office.ran("R2");
    let pooled = files_below(&office.path("R2", "output/lists"));
    assert!(pooled.contains_key("for-register/delivered.csv"));
    assert!(pooled.contains_key("for-register/dead.csv"));
    let expected = delivered(&office, "R2");
    let split = split_of(office);
    for export in EXPORTS {
        let done = match export.starts_with("procuratorate.") {
            true => own_step(
                &split,
                "tokenise",
                &["--export", export],
                &format!("at-{export}"),
            ),
            false => split.tokenise(export),
        };
        assert!(matches!(done.code, 0 | 3), "{export}: {}", done.stderr);
    }
    let screened = split.screen(&EXPORTS, "at-centre");
    assert!(matches!(screened.code, 0 | 3), "{}", screened.stderr);
    let name = "at-centre/to-procuratorate/leads.json";
    let leads = split.round.path(name).to_str().unwrap().to_owned();
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "at-procuratorate");
    assert!(matches!(resolved.code, 0 | 3), "{}", resolved.stderr);
    let lists = files_below(&split.round.path("at-procuratorate/lists"));
    assert_eq!(lists, pooled);

    // What crosses: of persons who were referred to an aid and receive it, the aid, a row and a
    // rule. Of those who were not referred, nothing.
    let good = split.round.read(name);
    let file: Value = serde_json::from_str(&good).unwrap();
    assert_eq!(file["version"], 4);
    let received = file["received"].as_array().unwrap();
    for one in received {
        let keys: BTreeSet<&str> = one
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, BTreeSet::from(["aid", "reference", "rule"]));
    }
    // Those that are open, and the one who declined: the centre cannot tell them apart.
    assert_eq!(received.len(), expected.len() + 1);
    let undecided = dibao[UNDECIDED].split("-dibao").next().unwrap();
    assert!(!good.contains(undecided));
    assert!(screened.stdout.contains(&format!(
        "asked by the procuratorate: {} aids are received after a referral",
        received.len()
    )));

    // A centre that says more than it can know is refused.
    let write = |text: String| {
        assert_ne!(text, good);
        send_leads(&split, name, &text);
    };
    let assert_refused = |text: String, words: &str| {
        write(text);
        let result = own_step(&split, "resolve", &["--leads", &leads], "refused");
        assert_eq!(result.code, 1, "{}", result.stdout);
        assert!(result.stderr.contains(words), "{words}: {}", result.stderr);
        assert!(!split.round.path("refused").exists());
    };
    let with = |one: Value| {
        let mut file = file.clone();
        file["received"].as_array_mut().unwrap().push(one);
        format!("{file}\n")
    };
    let one = received[0].clone();
    let changed = |key: &str, value: Value| {
        let mut one = one.clone();
        one[key] = value;
        with(one)
    };
    let no_receipt =
        "the file says that an aid is received by a rule of which the policy does not say so";
    assert_refused(changed("rule", json!("dibao_applied")), no_receipt);
    assert_refused(changed("rule", json!("no_rule")), no_receipt);
    assert_refused(changed("aid", json!("judicial_aid")), no_receipt);
    assert_refused(changed("aid", json!("no_aid")), no_receipt);
    assert_refused(
        changed("rule", json!("veteran_benefit_receiving")),
        no_receipt,
    );
    assert_refused(with(one.clone()), "a lead appears twice");
    assert_refused(
        changed("reference", json!(999_999)),
        "this export is not the one that was screened",
    );
    // How old a register is, the round file says.
    let mut aged = file.clone();
    aged["received"] = json!([]);
    aged["not_verified_by"][CIVIL] = json!("stale");
    assert_refused(
        format!("{aged}\n"),
        "which exports the file calls too old, absent",
    );
    let stale = json!({ "reason": "stale", "export": CIVIL });
    aged["provisional"].as_array_mut().unwrap().push(stale);
    assert_refused(
        format!("{aged}\n"),
        "which exports the file calls too old, absent",
    );
    // A person who is a lead for the aid does not receive it.
    let lead = &file["leads"]
        .as_array()
        .unwrap()
        .iter()
        .find(|lead| lead["aid"] == "dibao");
    let lead = &lead.unwrap()["cases"][0]["reference"];
    let both = json!({ "aid": "dibao", "reference": lead, "rule": "dibao_receiving" });
    assert_refused(with(both), "twice");

    // A centre that takes leads which nobody has sent from the lists, and says that their aid is
    // received, proves nothing of them.
    let mut unsent = file.clone();
    let all = std::mem::take(unsent["leads"].as_array_mut().unwrap());
    let (dibao, others): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|lead| lead["aid"] == "dibao");
    assert!(dibao.len() > 10);
    unsent["leads"] = Value::Array(others);
    for lead in &dibao {
        let reference = &lead["cases"][0]["reference"];
        let one = json!({ "aid": "dibao", "reference": reference, "rule": "dibao_receiving" });
        unsent["received"].as_array_mut().unwrap().push(one);
    }
    write(format!("{unsent}\n"));
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "unsent");
    assert!(matches!(resolved.code, 0 | 3), "{}", resolved.stderr);
    let lists = files_below(&split.round.path("unsent/lists"));
    assert_eq!(
        lists["for-register/delivered.csv"],
        pooled["for-register/delivered.csv"]
    );

    // Who may write in the round's folder, and cannot sign, does not make `resolve` read less of
    // the register.
    let manifest = "at-procuratorate.referrals/manifest.json";
    let signed = split.round.read(manifest);
    let mut changed: Value = serde_json::from_str(&signed).unwrap();
    let events = changed["register"]["events"].as_u64().unwrap();
    changed["register"]["events"] = json!(events - 1);
    write(format!("{file} \n"));
    split.round.write(manifest, format!("{changed}\n"));
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "less");
    assert_eq!(resolved.code, 1, "{}", resolved.stdout);
    let told = &resolved.stderr;
    assert!(told.contains("has no valid signature"), "{told}");
    assert!(told.contains(manifest), "{told}");
    split.round.write(manifest, signed);
    // Nor does another agency, which signs what it tokenises.
    let other = format!("at-{CIVIL}");
    let mut said: Value =
        serde_json::from_str(&split.round.read(&format!("{other}/manifest.json"))).unwrap();
    said["register"] = changed["register"].clone();
    split
        .round
        .write(&format!("{other}/manifest.json"), format!("{said}\n"));
    sign_again(&split, &format!("{other}/manifest.json"), "civil-affairs");
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "more");
    assert!(matches!(resolved.code, 0 | 3), "{}", resolved.stderr);
    let lists = files_below(&split.round.path("more/lists"));
    assert_eq!(
        lists["for-register/delivered.csv"],
        pooled["for-register/delivered.csv"]
    );

    // A file of an older centre says nothing of it, and the step says so.
    let mut older = file.clone();
    older["version"] = json!(3);
    older.as_object_mut().unwrap().remove("received");
    write(format!("{older}\n"));
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "older");
    assert!(matches!(resolved.code, 0 | 3), "{}", resolved.stderr);
    assert!(
        resolved
            .stdout
            .contains("the centre had no referrals of the register"),
        "{}",
        resolved.stdout
    );
    let lists = files_below(&split.round.path("older/lists"));
    assert!(!lists.contains_key("for-register/delivered.csv"));
    assert_eq!(
        lists["for-register/dead.csv"],
        pooled["for-register/dead.csv"]
    );
}

/// A centre that hides that a register is too old, and lets it prove what it cannot.
#[test]
fn a_register_that_is_too_old_proves_nothing_whatever_the_centre_says() {
    let office = Office::new();
    first_round(&office);
    later_round(&office, "R2", "2026-10-31");
    office.ran("R2");
    let split = split_of(office);
    let mut aged = 0;
    for name in ["round.toml", "own.toml"] {
        let text = split.round.read(name);
        let mut exports = text.split("[[export]]").map(str::to_owned);
        let mut aged_text = exports.next().unwrap();
        for export in exports {
            let is_it = export.contains(&format!("\"{CIVIL}\""));
            let lines = export.lines().map(|line| match line.split(" = ").next() {
                Some("snapshot") if is_it => {
                    aged += 1;
                    "snapshot = 2026-05-01".to_owned()
                }
                _ => line.to_owned(),
            });
            let lines: Vec<String> = lines.collect();
            aged_text += &format!("[[export]]{}\n", lines.join("\n"));
        }
        split.round.write(name, aged_text);
    }
    assert_eq!(aged, 2);
    for export in EXPORTS {
        let done = match export.starts_with("procuratorate.") {
            true => own_step(
                &split,
                "tokenise",
                &["--export", export],
                &format!("at-{export}"),
            ),
            false => split.tokenise(export),
        };
        assert!(matches!(done.code, 0 | 3), "{export}: {}", done.stderr);
    }
    let screened = split.screen(&EXPORTS, "at-centre");
    assert_eq!(screened.code, 3, "{}", screened.stderr);
    let name = "at-centre/to-procuratorate/leads.json";
    let leads = split.round.path(name).to_str().unwrap().to_owned();
    let resolved = own_step(&split, "resolve", &["--leads", &leads], "honest");
    assert_eq!(resolved.code, 3, "{}", resolved.stderr);
    // The other register is not too old.
    let lists = files_below(&split.round.path("honest/lists"));
    let rows = String::from_utf8_lossy(&lists["for-register/delivered.csv"]);
    assert!(rows.contains("disabled_living_subsidy") && !rows.contains("dibao"));

    let good: Value = serde_json::from_str(&split.round.read(name)).unwrap();
    assert_eq!(good["not_verified_by"][CIVIL], "stale");
    let without = |not_verified: bool, provisional: bool| {
        let mut file = good.clone();
        if not_verified {
            let registers = file["not_verified_by"].as_object_mut().unwrap();
            registers.remove(CIVIL);
        }
        if provisional {
            let reasons = file["provisional"].as_array_mut().unwrap();
            reasons.retain(|reason| reason["export"] != CIVIL);
        }
        file
    };
    let mut absent = without(false, true);
    absent["not_verified_by"][CIVIL] = json!("absent");
    for file in [
        without(true, true),
        without(true, false),
        without(false, true),
        absent,
    ] {
        send_leads(&split, name, &format!("{file}\n"));
        let result = own_step(&split, "resolve", &["--leads", &leads], "refused");
        assert_eq!(result.code, 1, "{}", result.stdout);
        let told = "which exports the file calls too old, absent";
        assert!(result.stderr.contains(told), "{}", result.stderr);
        assert!(!split.round.path("refused").exists());
    }
}

#[test]
fn nothing_crosses_if_the_referrals_are_an_export() {
    let split = SplitRound::plain(Round::sample());
    for export in EXPORTS {
        assert_eq!(split.tokenise(export).code, 0);
    }
    let screened = split.screen(&EXPORTS, "at-centre");
    assert_eq!(screened.code, 0, "{}", screened.stderr);
    assert!(!screened.stdout.contains("asked by the procuratorate"));
    let leads = split.round.read("at-centre/to-procuratorate/leads.json");
    let leads: Value = serde_json::from_str(&leads).unwrap();
    // As an older aidlink reads it.
    assert_eq!(leads["version"], 3);
    assert!(leads.get("received").is_none());
}
