//! What an audit finds of the register that a round read: each check is violated and must be
//! reported. Everything goes through the commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::audit::FinishedRound;
use crate::register_rounds::{DECIDED, Office};
use crate::support::{Round, aidlink, files_below, set_mode};

/// Persons with a lead for dibao in the hand-made round.
const APPROVED: &str = "J6-disabled";
const OTHER: &str = "J5-expert";

/// The state of each check, and what is said of it.
pub type Checks = BTreeMap<u64, (String, String)>;

pub fn audit(office: &Office, round: &str) -> (i32, Checks) {
    let folder = office.path(round, "");
    let key = office.path(round, "signing.pub");
    let result = aidlink(&[
        "audit",
        folder.to_str().unwrap(),
        "--public-key",
        key.to_str().unwrap(),
        "--json",
    ]);
    let json: Value = serde_json::from_str(&result.stdout).unwrap();
    let checks = json[0]["checks"].as_array().unwrap().iter();
    let checks = checks.map(|check| {
        let evidence = check["evidence"].as_array().unwrap().iter();
        let evidence: Vec<&str> = evidence.map(|text| text["en"].as_str().unwrap()).collect();
        let number = check["number"].as_u64().unwrap();
        let state = check["state"].as_str().unwrap().to_owned();
        (number, (state, evidence.join("; ")))
    });
    (result.code, checks.collect())
}

/// The checks of the register.
pub const OF_REGISTER: [u64; 6] = [21, 26, 27, 28, 29, 30];

fn states(checks: &Checks) -> [&str; 6] {
    OF_REGISTER.map(|number| checks[&number].0.as_str())
}

fn lead(office: &Office, name: &str) -> String {
    let listed = office.listed("R1");
    listed[&(name.to_owned(), "dibao".to_owned())]["Lead number"].clone()
}

/// Records an event of a lead, with who records and who approves it. Returns the exit code and
/// what is said.
fn note(
    office: &Office,
    lead: &str,
    kind: &str,
    operator: &str,
    approver: Option<&str>,
    set: &[&str],
) -> (i32, String) {
    let mut all = vec!["--operator", operator, "--lead", lead, "--kind", kind];
    all.extend(["--on", DECIDED]);
    for field in set {
        all.extend(["--set", field]);
    }
    if let Some(approver) = approver {
        all.extend(["--approver", approver]);
    }
    let noted = office.command("note", &all);
    (noted.code, noted.stdout + &noted.stderr)
}

/// A register, and a round that read it.
pub fn finished() -> Office {
    let office = Office::new();
    office.make("R1", "2026-09-30");
    office.ran("R1");
    office
}

#[test]
fn a_round_without_a_register_has_nothing_to_check() {
    let round = Round::hand_made();
    let result = round.run();
    assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
    let result = aidlink(&[
        "audit",
        round.path("").to_str().unwrap(),
        "--public-key",
        round.path("signing.pub").to_str().unwrap(),
        "--json",
    ]);
    let json: Value = serde_json::from_str(&result.stdout).unwrap();
    let checks = json[0]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 30);
    for check in checks {
        if OF_REGISTER.contains(&check["number"].as_u64().unwrap()) {
            assert_eq!(check["state"], "not_applicable", "{check}");
            assert!(check.to_string().contains("reads no register"), "{check}");
        }
    }
}

#[test]
fn approvals_and_sendings_need_a_second_person() {
    let office = finished();
    let (_, checks) = audit(&office, "R1");
    assert!(checks[&21].1.contains("it was not taken"), "{checks:?}");
    office.take("R1");
    let (_, checks) = audit(&office, "R1");
    assert_eq!(checks[&21].0, "not_applicable");
    assert!(checks[&21].1.contains("none was approved or sent yet"));

    let (one, other) = (lead(&office, APPROVED), lead(&office, OTHER));
    let confirmed = ["finding=confirmed"];
    for lead in [&one, &other] {
        assert_eq!(
            note(&office, lead, "checked", "clerk", None, &confirmed).0,
            0
        );
    }
    // One person cannot be both, however the name is written.
    for approver in ["clerk", "CLERK", " ｃｌｅｒｋ ", "cl erk"] {
        let (code, said) = note(&office, &one, "approved", "clerk", Some(approver), &[]);
        assert_eq!(code, 3, "{approver}: {said}");
        assert!(said.contains("two persons"), "{said}");
    }
    assert_eq!(
        note(&office, &one, "approved", "clerk", Some("chief"), &[]).0,
        0
    );
    assert_eq!(
        note(&office, &one, "sent", "clerk", None, &["as=ordinary"]).0,
        0
    );
    let (code, checks) = audit(&office, "R1");
    assert_eq!(checks[&21].0, "held", "{checks:?}");
    assert!(checks[&21].1.contains("2 approvals and sendings"));
    assert_eq!(code, 0, "{checks:?}");

    // Sent, and nobody approved it.
    assert_eq!(
        note(&office, &other, "sent", "clerk", None, &["as=ordinary"]).0,
        0
    );
    let (code, checks) = audit(&office, "R1");
    let (state, said) = &checks[&21];
    assert_eq!((code, state.as_str()), (4, "not_held"));
    assert!(said.contains("nobody had approved it"), "{said}");
    assert!(said.contains(&other) && !said.contains(&one), "{said}");
    // An approver of its own is enough, and has to be somebody else than who sends.
    let sent = |office: &Office| -> String {
        let shown = office.command("show", &["--lead", &other, "--events", "--json"]);
        let text = shown.stdout;
        let at = text.rfind("\"sent\"").unwrap();
        let from = text[..at].rfind("\"E-").unwrap() + 1;
        text[from..from + 11].to_owned()
    };
    let correct = |operator: &str, approver: &str| {
        let id = sent(&office);
        let done = office.command(
            "note",
            &[
                "--correct",
                &id,
                "--kind",
                "sent",
                "--set",
                "as=ordinary",
                "--operator",
                operator,
                "--approver",
                approver,
                "--because",
                "approved on paper",
            ],
        );
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    };
    correct("clerk", "chief");
    assert_eq!(audit(&office, "R1").1[&21].0, "held");

    // The one who approved it sends it.
    let returned = ["why=incomplete"];
    assert_eq!(
        note(&office, &one, "returned", "clerk", None, &returned).0,
        0
    );
    let again = ["as=ordinary", "letter=second"];
    assert_eq!(note(&office, &one, "sent", "Chief", None, &again).0, 0);
    let (state, said) = &audit(&office, "R1").1[&21];
    assert_eq!(state, "not_held");
    assert!(
        said.contains("the only one who had approved it") && said.contains(&one),
        "{said}"
    );
}

#[test]
fn a_register_that_is_not_as_it_was_is_reported() {
    let office = finished();
    let (code, checks) = audit(&office, "R1");
    let held = ["not_applicable", "held", "held", "held", "held", "held"];
    assert_eq!(states(&checks), held, "{checks:?}");
    assert_eq!(code, 0, "{checks:?}");
    let folder = office.base.root().join("register");
    let before = files_below(&folder);
    office.take("R1");
    assert_eq!(audit(&office, "R1").0, 0);
    let whole = files_below(&folder);
    let put = |files: &BTreeMap<String, Vec<u8>>| {
        for name in files_below(&folder).keys() {
            fs::remove_file(folder.join(name)).unwrap();
        }
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
            set_mode(&folder.join(name), 0o600);
        }
    };
    let state = |number: usize| {
        let (code, checks) = audit(&office, "R1");
        let found = checks[&OF_REGISTER[number]].clone();
        assert_eq!(
            code == 4,
            checks.values().any(|(state, _)| state == "not_held")
        );
        found
    };
    let of = |number: u64| OF_REGISTER.iter().position(|one| *one == number).unwrap();

    // 26: damaged; older than its head; another key signed it. Then nothing in it is believed.
    let mut damaged = whole.clone();
    let bytes = damaged.get_mut("register.db").unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x55);
    put(&damaged);
    assert_eq!(state(of(26)).0, "not_held");
    let (found, said) = state(of(27));
    assert_eq!(found, "not_held");
    assert!(said.contains("cannot be checked"), "{said}");
    let mut older = whole.clone();
    older.insert("register.db".to_owned(), before["register.db"].clone());
    put(&older);
    let (found, said) = state(of(26));
    assert_eq!(found, "not_held");
    assert!(said.contains("older than its head"), "{said}");
    put(&whole);

    // 27: another register in its place is whole, and not the one that the round read.
    let other = office.base.root().join("other");
    let made = aidlink(&[
        "register",
        "init",
        other.to_str().unwrap(),
        "--operator",
        "x",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    put(&files_below(&other));
    assert_eq!(state(of(26)).0, "held");
    let (found, said) = state(of(27));
    assert_eq!(found, "not_held");
    assert!(
        said.contains("not the register that the round read"),
        "{said}"
    );
    put(&whole);

    // 28: others may read the key; a copy of it is in the round's folder.
    set_mode(&folder.join("register.key"), 0o640);
    let (found, said) = state(of(28));
    assert_eq!(found, "not_held");
    assert!(said.contains("others may read or change"), "{said}");
    put(&whole);
    let copy = office.path("R1", "notes.txt");
    let key = String::from_utf8(whole["register.key"].clone()).unwrap();
    fs::write(&copy, format!("the key is\n{key}")).unwrap();
    let (found, said) = state(of(28));
    assert_eq!(found, "not_held");
    assert!(
        said.contains("notes.txt contains the key of the register"),
        "{said}"
    );
    fs::remove_file(copy).unwrap();
    assert_eq!(state(of(28)).0, "held");

    // 29: a number where no table shows it: between the cells of a page.
    let mut leaking = whole.clone();
    let bytes = leaking.get_mut("register.db").unwrap();
    let runs = bytes.chunk_by(|one, next| (*one == 0) == (*next == 0));
    let (mut at, mut longest) = (0, (0, 0));
    for run in runs {
        if run[0] == 0 && run.len() > longest.1 {
            longest = (at, run.len());
        }
        at += run.len();
    }
    assert!(longest.1 > 100);
    let from = longest.0 + longest.1 / 2;
    bytes[from..from + 11].copy_from_slice(b"13800001234");
    put(&leaking);
    assert_eq!(state(of(26)).0, "held");
    let (found, said) = state(of(29));
    assert_eq!(found, "not_held");
    assert!(
        said.contains("the bytes of") && said.contains("telephone"),
        "{said}"
    );
    assert!(!said.contains("13800001234"));
    put(&whole);

    // 28 and 30: the register's folder is that of a round.
    fs::write(folder.join("round.toml"), "").unwrap();
    assert_eq!(state(of(28)).0, "not_held");
    let (found, said) = state(of(30));
    assert_eq!(found, "not_held");
    assert!(said.contains("is in the folder of a round"), "{said}");
    put(&whole);

    // Not there: nobody can look, and the audit of the round says so and goes on.
    fs::rename(&folder, office.base.root().join("elsewhere")).unwrap();
    let (code, checks) = audit(&office, "R1");
    assert_eq!(states(&checks), ["not_applicable"; 6], "{checks:?}");
    for number in OF_REGISTER {
        let said = &checks[&number].1;
        assert!(said.starts_with("not checked: "), "{number}: {said}");
        assert!(said.contains("not where the round file says"), "{number}");
    }
    assert_eq!(code, 0);
}

#[test]
fn a_manifest_that_states_another_register_is_reported() {
    let office = finished();
    office.take("R1");
    let finished = FinishedRound::at(office.base.at("tests/rounds/R1"), "output");
    assert!(finished.not_held(&[]).is_empty());
    for (key, value) in [
        ("events", Value::from(99_999)),
        ("last", Value::from("0".repeat(64))),
        ("register", Value::from("0".repeat(32))),
    ] {
        let was = fs::read(finished.path("manifest.json")).unwrap();
        let was: Value = serde_json::from_slice(&was).unwrap();
        finished.sign_again(|manifest| manifest["register"][key] = value.clone());
        assert!(finished.not_held(&[]).contains(&27), "{key}");
        finished.sign_again(|manifest| manifest["register"] = was["register"].clone());
        assert!(!finished.not_held(&[]).contains(&27), "{key}");
    }
}

#[test]
fn a_purge_says_that_the_register_stays_and_the_audit_finds_it() {
    let office = finished();
    office.take("R1");
    let output: PathBuf = office.path("R1", "output");
    let purge = aidlink(&[
        "purge",
        output.to_str().unwrap(),
        "--early",
        "test",
        "--lang",
        "en",
    ]);
    assert_eq!(purge.code, 0, "{}{}", purge.stdout, purge.stderr);
    assert!(
        purge
            .stdout
            .contains("register.db is not part of the round and stays"),
        "{}",
        purge.stdout
    );
    let (_, checks) = audit(&office, "R1");
    let (state, said) = &checks[&30];
    assert_eq!(state, "held", "{checks:?}");
    assert!(said.contains("the round's data was deleted, and register and key are there"));
    for number in [26, 27, 28, 29] {
        assert_eq!(checks[&number].0, "held", "{checks:?}");
    }
}
