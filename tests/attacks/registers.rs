//! The register: keys that change meanwhile, numbers in disguise, files of somebody else.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use aidlink_office::signing::SigningKey;
use jiff::civil::date;

use crate::cells::id;
use crate::register::Kept;
use crate::support::aidlink;

/// Writes an export with the ID numbers of people whom the register may know.
pub(super) fn export(kept: &Kept, name: &str) -> String {
    let path = kept.path(name);
    let rows: String = (1..=400)
        .map(|number| format!("{}\n", id(number)))
        .collect();
    fs::write(&path, format!("身份证号\n{rows}")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Imports people by their ID numbers, so that they have tokens.
pub(super) fn with_people(kept: &Kept) {
    let rows: String = (1..=300)
        .map(|number| format!("{},甲某{number},低保,2026-09-01\n", id(number)))
        .collect();
    let ledger = kept.path("ledger.csv");
    fs::write(
        &ledger,
        format!("公民身份号码,姓名,拟救助项目,发现日期\n{rows}"),
    )
    .unwrap();
    let imported = kept.run(
        "import",
        &[
            ledger.to_str().unwrap(),
            "--policy",
            "shaoguan",
            "--operator",
            "张三",
        ],
    );
    assert_eq!(imported.code, 0, "{}{}", imported.stdout, imported.stderr);
}

/// Two new keys at once: one of them is the register's afterwards, and finds the people. The
/// other is refused, and never says that it has given tokens.
#[test]
fn of_two_new_keys_at_once_one_is_refused() {
    let kept = Kept::new();
    with_people(&kept);
    let export = export(&kept, "people.csv");
    let file = kept.file("");
    let start = |key: &str| {
        Command::new(env!("CARGO_BIN_EXE_aidlink"))
            .args(["register", "rekey", "--register", file.to_str().unwrap()])
            .args([
                "--export",
                &export,
                "--operator",
                "张三",
                "--because",
                "换密钥",
            ])
            .args(["--new-key", kept.path(key).to_str().unwrap(), "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both = ["one.key", "two.key"].map(|key| (key, start(key)));
    let mut done = Vec::new();
    for (key, child) in both {
        let output = child.wait_with_output().unwrap();
        if output.status.success() || output.status.code() == Some(3) {
            let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(answer["persons"], 300, "{answer}");
            done.push((key, answer["key_id"].clone()));
        }
    }
    // One after the other both can be right; then the second began after the first had ended.
    assert!(!done.is_empty());
    let verified = kept.json("verify", &[]);
    assert_eq!(verified["held"], true);
    let of_register = verified["head"]["key_id"].clone();
    let (key, _) = done.iter().find(|(_, id)| *id == of_register).unwrap();
    let again = kept.run(
        "rekey",
        &[
            "--export",
            &export,
            "--operator",
            "张三",
            "--because",
            "再换",
            "--register-key",
            kept.path(key).to_str().unwrap(),
            "--new-key",
            kept.path("three.key").to_str().unwrap(),
            "--json",
        ],
    );
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["persons"], 300, "{again}");
}

/// A number of a person or lead is of random characters. An ID or telephone number in groups is
/// none, wherever it is written.
#[test]
fn id_and_telephone_numbers_in_groups_are_no_numbers_of_persons() {
    let grouped = |number: &str| -> String {
        let groups: Vec<&str> = (0..number.len())
            .step_by(4)
            .map(|at| &number[at..number.len().min(at + 4)])
            .collect();
        groups.join("-")
    };
    let numbers = [
        grouped(&id(7)),
        grouped(&id(8)[..15]),
        "138-1234-5678".to_owned(),
        "1381-2345-678".to_owned(),
    ];
    for number in numbers {
        let kept = Kept::new().with_leads(1, date(2026, 9, 28));
        let ledger = kept.path("ledger.csv");
        fs::write(
            &ledger,
            format!("人员编号,姓名,拟救助项目,发现日期\n{number},甲某,低保,2026-09-01\n"),
        )
        .unwrap();
        kept.run(
            "import",
            &[
                ledger.to_str().unwrap(),
                "--policy",
                "shaoguan",
                "--operator",
                "张三",
            ],
        );
        for verb in [
            vec![
                "--person",
                &number,
                "--kind",
                "told_rights",
                "--set",
                "way=call",
            ],
            vec!["--kind", "found", "--lead"],
        ] {
            let lead = format!("{number}-dibao");
            let mut all = verb;
            if all.last() == Some(&"--lead") {
                all.push(&lead);
            }
            assert_ne!(kept.note(&all).code, 0);
        }
        let digits: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
        let shown = kept.json("show", &["--events"]).to_string();
        let bytes = fs::read(kept.file("")).unwrap();
        for text in [shown, String::from_utf8_lossy(&bytes).into_owned()] {
            let characters: String = text.chars().filter(|c| *c != '-').collect();
            assert!(!characters.contains(&digits), "{number}");
        }
    }
}

/// A number that is divided over the texts of a list is a number.
#[test]
fn a_number_that_is_divided_over_a_list_is_refused() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    for field in [
        "about.names=138；1234；5678",
        "about.case_numbers=4499；0119；9001；0101；1X",
    ] {
        let noted = kept.note(&[
            "--lead",
            "04HM-ASW9-dibao",
            "--kind",
            "found",
            "--on",
            "2026-10-09",
            "--set",
            "source=colleague",
            "--set",
            "direction=to_social",
            "--set",
            "agency=civil-affairs",
            "--set",
            field,
        ]);
        assert_eq!(noted.code, 3, "{field}: {}", noted.stdout);
    }
}

/// The public key beside the register is that of the signing key, or it is told.
#[test]
fn a_public_key_that_somebody_exchanged_is_not_trusted() {
    let kept = Kept::new().with_leads(1, date(2026, 9, 28));
    let other = kept.path("other.key");
    SigningKey::read_or_make(&other).unwrap();
    fs::copy(kept.path("other.pub"), kept.path("register/signing.pub")).unwrap();
    for verb in ["verify", "show"] {
        let told = kept.run(verb, &[]);
        assert_ne!(told.code, 0, "{verb}: {}", told.stdout);
        assert!(
            told.stderr.contains("is not the public key"),
            "{verb}: {}",
            told.stderr
        );
    }
    // Without the signing key, as at a colleague who reads, the key is shown.
    fs::remove_file(kept.path("register/signing.pub")).unwrap();
    let verified = kept.json("verify", &[]);
    let public = SigningKey::read(&kept.path("register/signing.key")).unwrap();
    assert_eq!(verified["signer"], public.public().to_base64());
}

/// A pipe in the place of a file is told, and nobody waits for it.
#[test]
fn a_pipe_in_the_place_of_a_file_beside_the_register_is_told() {
    for suffix in [".lock", "-journal", "-wal"] {
        let kept = Kept::new().with_leads(1, date(2026, 9, 28));
        let place = kept.file(suffix);
        let _ = fs::remove_file(&place);
        rustix::fs::mkfifoat(rustix::fs::CWD, &place, rustix::fs::Mode::RUSR).unwrap();
        let verified = kept.run("verify", &[]);
        assert_ne!(verified.code, 0, "{suffix}: {}", verified.stdout);
    }
}

/// Changes a register as another program could, without the trigger that refuses it.
fn changed_elsewhere(kept: &Kept, trigger: &str, change: impl FnOnce(&rusqlite::Connection)) {
    let connection = rusqlite::Connection::open(kept.file("")).unwrap();
    let sql: String = connection
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1",
            [trigger],
            |row| row.get(0),
        )
        .unwrap();
    connection
        .execute_batch(&format!("DROP TRIGGER {trigger}"))
        .unwrap();
    change(&connection);
    connection.execute_batch(&sql).unwrap();
}

/// What another program respells is no longer what this one wrote.
#[test]
fn events_that_are_spelled_otherwise_are_told() {
    for (column, sql) in [
        ("day", "'20260928'"),
        ("place", "-1"),
        ("id", "lower(id)"),
        ("fields", "' ' || fields"),
        ("recorded_at", "replace(recorded_at, 'Z', '+00:00')"),
    ] {
        let kept = Kept::new().with_leads(1, date(2026, 9, 28));
        changed_elsewhere(&kept, "event_stays", |connection| {
            let sql = format!("UPDATE event SET {column} = {sql} WHERE seq = 2");
            assert_eq!(connection.execute(&sql, []).unwrap(), 1);
        });
        let verified = kept.run("verify", &[]);
        assert_eq!(verified.code, 4, "{column}: {}", verified.stdout);
    }
}

/// The digest for the minutes changes with the tokens of persons.
#[test]
fn the_digest_for_the_minutes_covers_the_tokens_of_persons() {
    let kept = Kept::new();
    with_people(&kept);
    let before = kept.json("verify", &[])["digest"].clone();
    changed_elsewhere(&kept, "person_stays", |connection| {
        let numbers: Vec<(String, Vec<u8>)> = connection
            .prepare("SELECT number, token FROM person LIMIT 2")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (number, token) in [
            (&numbers[0].0, vec![0; 16]),
            (&numbers[1].0, numbers[0].1.clone()),
            (&numbers[0].0, numbers[1].1.clone()),
        ] {
            connection
                .execute(
                    "UPDATE person SET token = ?2 WHERE number = ?1",
                    (number, token),
                )
                .unwrap();
        }
    });
    let told = kept.run("verify", &["--json"]);
    assert_eq!(told.code, 4, "{}", told.stdout);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_ne!(told["digest"], before);
    let accepted = kept.run(
        "verify",
        &[
            "--accept",
            before.as_str().unwrap(),
            "--operator",
            "张三",
            "--because",
            "核对过",
        ],
    );
    assert_ne!(accepted.code, 0, "{}", accepted.stdout);
}

/// Numbers that would get into files of the round.
#[test]
fn round_new_writes_no_number_of_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("案件当事人.csv"), "案号,身份证号,诉讼地位\n").unwrap();
    let number = id(3);
    let place = folder.join("13812345678");
    fs::create_dir(&place).unwrap();
    let file = place.join("register.db");
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .unwrap();
    for more in [
        ["--id", number.as_str()],
        ["--register", file.to_str().unwrap()],
    ] {
        let mut all = vec![
            "round",
            "new",
            folder.to_str().unwrap(),
            "--as-of",
            "2026-09-30",
        ];
        all.extend(more);
        let made = aidlink(&all);
        assert_ne!(made.code, 0, "{}", made.stdout);
        assert!(!made.stderr.contains(&number), "{}", made.stderr);
        assert!(!Path::new(&folder.join("round.toml")).exists());
    }
}
