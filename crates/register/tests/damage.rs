//! What is not as the register left it is told, and nothing is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use aidlink_office::signing::SigningKey;
use aidlink_register::event::Direction;
use aidlink_register::items::{Appended, NewItem};
use aidlink_register::register::Register;
use jiff::civil::date;
use rusqlite::Connection;

use crate::support::{Place, act, added, append, append_one, found, new_register};

const LEAD: &str = "04HM-ASW9-dibao";

fn filled() -> (Place, Register) {
    let place = Place::new();
    let mut register = place.create();
    let leads = (1..20_u8).map(|token| {
        let number = format!("04HM-ASW{}", char::from(b'A' + token % 8));
        let number = format!("{number}-{token}");
        NewItem::Found(found(
            token,
            &number,
            "dibao",
            Direction::ToSocial,
            date(2026, 3, 2),
        ))
    });
    let mut items: Vec<NewItem> = leads.collect();
    items.push(NewItem::Found(found(
        99,
        "04HM-ASW9",
        "dibao",
        Direction::ToSocial,
        date(2026, 3, 2),
    )));
    for answer in append(&mut register, items) {
        added(&answer);
    }
    (place, register)
}

fn confirm(register: &mut Register) {
    let fields = r#"{"kind":"checked","fields":{"finding":"confirmed"}}"#;
    added(&append_one(register, LEAD, date(2026, 3, 5), fields));
}

#[test]
fn only_its_owner_may_read_any_of_its_files() {
    let (place, register) = filled();
    let mut seen = 0;
    for entry in fs::read_dir(place.folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("register.db") {
            let mode = entry.metadata().expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            seen += 1;
        }
    }
    // The database, its two files beside while it is open, lock, head and signature.
    assert_eq!(seen, 6);
    drop(register);
    for suffix in ["", ".head.json", ".head.json.minisig"] {
        assert!(place.beside(suffix).exists(), "{suffix}");
    }
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o640)).expect("changed");
    let told = place.refusal();
    assert!(
        told.contains("others may read or change the register"),
        "{told}"
    );
}

#[test]
fn what_is_no_register_is_told_and_left_alone() {
    let place = Place::new();
    place.create();
    let whole = fs::read(place.file()).expect("bytes");
    let other = |change: &dyn Fn(&Connection)| {
        fs::write(place.file(), &whole).expect("written");
        let connection = Connection::open(place.file()).expect("opens");
        change(&connection);
        drop(connection);
        let bytes = fs::read(place.file()).expect("bytes");
        let told = place.refusal();
        assert_eq!(fs::read(place.file()).expect("bytes"), bytes, "{told}");
        told
    };
    let newer = other(&|database| {
        database
            .pragma_update(None, "user_version", 2)
            .expect("set")
    });
    assert!(
        newer.contains("a newer aidlink made the register (version 2"),
        "{newer}"
    );
    let foreign = other(&|database| {
        database
            .pragma_update(None, "application_id", 1)
            .expect("set")
    });
    assert!(foreign.contains("a file of another program"), "{foreign}");
    for content in [
        &b""[..],
        b"SQLite",
        b"not a database, but long enough to be taken for one? no",
    ] {
        fs::write(place.file(), content).expect("written");
        let told = place.refusal();
        assert!(
            told.contains("not a register"),
            "{} bytes: {told}",
            content.len()
        );
    }
    fs::remove_file(place.file()).expect("removed");
    let told = place.refusal();
    assert!(told.contains("there is no such file"), "{told}");
    assert!(!place.file().exists(), "opening makes no file");
    let elsewhere = place.folder.path().join("elsewhere.db");
    fs::write(&elsewhere, &whole).expect("written");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).expect("changed");
    std::os::unix::fs::symlink(&elsewhere, place.file()).expect("a link");
    let told = place.refusal();
    assert!(told.contains("it is a link"), "{told}");
}

#[test]
fn a_register_is_never_made_over_another() {
    let place = Place::new();
    place.create();
    for gone in [".head.json", ""] {
        let fault = Register::create(&place.file(), &new_register(), place.key());
        let fault = fault.err().expect("it is refused");
        assert!(
            fault
                .iter()
                .any(|fault| fault.message.en.contains("exists"))
        );
        fs::remove_file(place.beside(gone)).expect("removed");
    }
    // Only when both are gone.
    let signature = place.beside(".head.json.minisig");
    assert!(signature.exists());
    place.create();
}

#[test]
fn a_head_that_does_not_fit_is_told() {
    let (place, mut register) = filled();
    let earlier_head = fs::read(place.beside(".head.json")).expect("head");
    let earlier_signature = fs::read(place.beside(".head.json.minisig")).expect("signature");
    drop(register);
    let earlier = fs::read(place.file()).expect("register");
    register = place.open();
    confirm(&mut register);
    let head = register.head();
    drop(register);
    let newest = fs::read(place.file()).expect("register");
    let newest_head = fs::read(place.beside(".head.json")).expect("head");
    let newest_signature = fs::read(place.beside(".head.json.minisig")).expect("signature");

    // Yesterday's register put back.
    fs::write(place.file(), &earlier).expect("written");
    let told = place.refusal();
    assert!(told.contains("older than its head: 1 events"), "{told}");
    // Yesterday's head put back: the register has its own, signed.
    fs::write(place.file(), &newest).expect("written");
    fs::write(place.beside(".head.json"), &earlier_head).expect("written");
    fs::write(place.beside(".head.json.minisig"), &earlier_signature).expect("written");
    let register = place.open();
    assert_eq!(register.notices().len(), 1);
    assert_eq!(register.head(), head);
    drop(register);
    assert!(
        place.open().notices().is_empty(),
        "the head is up to date again"
    );
    assert_eq!(
        fs::read(place.beside(".head.json")).expect("head"),
        newest_head
    );
    // A kill between document and signature.
    fs::write(place.beside(".head.json.minisig"), &earlier_signature).expect("written");
    assert_eq!(place.open().notices().len(), 1);
    assert_eq!(
        fs::read(place.beside(".head.json.minisig")).expect("signature"),
        newest_signature
    );
    // A head that nobody signed.
    let forged = String::from_utf8_lossy(&newest_head).replace("\"events\": 22", "\"events\": 21");
    assert_ne!(forged.as_bytes(), newest_head, "the figure is there");
    fs::write(place.beside(".head.json"), &forged).expect("written");
    let told = place.refusal();
    assert!(told.contains("does not verify"), "{told}");
    fs::remove_file(place.beside(".head.json")).expect("removed");
    let told = place.refusal();
    assert!(told.contains("is missing"), "{told}");
    fs::write(place.beside(".head.json"), &newest_head).expect("written");
    place.open();
    // Another signing key.
    let other = place.folder.path().join("other.key");
    let other = SigningKey::make(&other).expect("a key");
    let fault = Register::open(&place.file(), other).err().expect("refused");
    assert!(
        fault
            .iter()
            .any(|fault| fault.message.en.contains("another key signed"))
    );
}

#[test]
fn a_register_is_accepted_as_it_is_only_by_its_digest() {
    let (place, register) = filled();
    let last = register.head().digest();
    drop(register);
    fs::remove_file(place.beside(".head.json")).expect("removed");
    let wrong = Register::accept(&place.file(), place.key(), &"0".repeat(64), &act());
    assert!(wrong.is_err());
    let register = Register::accept(&place.file(), place.key(), &last, &act()).expect("accepted");
    assert_eq!(register.head().events, 22);
    assert!(
        register
            .book()
            .events()
            .last()
            .is_some_and(|event| event.operator == "张三")
    );
    drop(register);
    place.open();
}

#[test]
fn what_another_program_changes_is_told() {
    let (place, mut register) = filled();
    confirm(&mut register);
    drop(register);
    let whole = fs::read(place.file()).expect("bytes");
    for (change, words) in [
        (
            "UPDATE person SET token = zeroblob(16) WHERE number = '04HM-ASW9'",
            "persons stay",
        ),
        ("DELETE FROM event WHERE seq = 22", "events stay"),
        (
            "UPDATE event SET day = '2026-03-04' WHERE seq = 22",
            "events stay",
        ),
        ("UPDATE lead SET agency = 'education'", "leads stay"),
        (
            "INSERT INTO event SELECT 40, 'E-0000-0000', 40, NULL, kind, lead, person, day, recorded_at, fields, operator, approver, because, previous, 'x' FROM event WHERE seq = 22",
            "events are appended",
        ),
    ] {
        let database = Connection::open(place.file()).expect("opens");
        let error = database.execute_batch(change).expect_err(change);
        assert!(error.to_string().contains(words), "{error}");
    }
    place.open();
    // Whoever takes the triggers away changes the schema.
    for (change, words) in [
        ("DROP TRIGGER event_stays", "a table, view or trigger"),
        ("CREATE TABLE other (x)", "a table, view or trigger"),
        (
            "DROP TRIGGER event_stays; UPDATE event SET day = '2026-03-04' WHERE seq = 22; RESTORE",
            "breaks at event 22",
        ),
        (
            "DROP TRIGGER event_stays; UPDATE event SET operator = '王五' WHERE seq = 3; RESTORE",
            "breaks at event 3",
        ),
        (
            "DROP TRIGGER event_stays; UPDATE event SET place = 1 WHERE seq = 22; RESTORE",
            "breaks at event 22",
        ),
        (
            "DROP TRIGGER event_remains; DELETE FROM event WHERE seq = 22; RESTORE",
            "did not sign",
        ),
        (
            "DROP TRIGGER event_remains; DELETE FROM event WHERE seq = 5; RESTORE",
            "breaks at event 6",
        ),
        (
            "DROP TRIGGER person_stays; UPDATE person SET token = zeroblob(16) WHERE number = '04HM-ASW9'; RESTORE",
            "did not sign",
        ),
        (
            "DROP TRIGGER lead_stays; UPDATE lead SET agency = 'education'; RESTORE",
            "somebody changed",
        ),
        (
            "DROP TRIGGER lead_stays; UPDATE lead SET direction = 'to_judicial'; RESTORE",
            "",
        ),
        (
            "INSERT INTO person VALUES ('0000-0000', zeroblob(16))",
            "somebody changed",
        ),
        (
            "UPDATE head SET document = document || ' '",
            "does not verify",
        ),
        (
            "UPDATE head SET signature = ''",
            "signature of the register is damaged",
        ),
    ] {
        fs::write(place.file(), &whole).expect("written");
        let database = Connection::open(place.file()).expect("opens");
        let triggers: Vec<String> = database
            .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .expect("triggers");
        for step in change.split("; ") {
            match step {
                "RESTORE" => {
                    for trigger in &triggers {
                        // Those that are still there are refused.
                        let _ = database.execute_batch(trigger);
                    }
                }
                step => database.execute_batch(step).expect(step),
            }
        }
        drop(database);
        let told = place.refusal();
        assert!(told.contains(words), "{change}: {told}");
    }
}

#[test]
fn flipped_bits_are_told_or_change_nothing() {
    let (place, register) = filled();
    let events = register.book().events().to_vec();
    drop(register);
    let whole = fs::read(place.file()).expect("bytes");
    let mut told = 0;
    for at in (0..whole.len()).step_by(211) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(place.file(), &bytes).expect("written");
        match Register::open(&place.file(), place.key()) {
            Ok(register) => assert_eq!(register.book().events(), events, "byte {at}"),
            Err(_) => told += 1,
        }
    }
    assert!(told > whole.len() / 2000, "{told} of {}", whole.len());
    for length in [1, 16, 100, 4096, 5000, whole.len() / 2, whole.len() - 1] {
        fs::write(place.file(), &whole[..length]).expect("written");
        place.refusal();
    }
    fs::write(place.file(), &whole).expect("written");
    assert_eq!(place.open().book().events(), events);
}

#[test]
fn a_torn_or_lost_write_ahead_file_is_told_or_loses_nothing() {
    let (place, mut register) = filled();
    confirm(&mut register);
    let events = register.book().events().to_vec();
    // As the files are while the command runs: the last events are only in the -wal file.
    let main = fs::read(place.file()).expect("bytes");
    let wal = fs::read(place.beside("-wal")).expect("the file is in use");
    assert!(!wal.is_empty());
    drop(register);
    for kept in (0..=wal.len()).step_by(997).chain([wal.len()]) {
        for suffix in ["-shm", "-wal"] {
            let _ = fs::remove_file(place.beside(suffix));
        }
        fs::write(place.file(), &main).expect("written");
        fs::write(place.beside("-wal"), &wal[..kept]).expect("written");
        fs::set_permissions(place.beside("-wal"), fs::Permissions::from_mode(0o600)).expect("set");
        match Register::open(&place.file(), place.key()) {
            Ok(register) => assert_eq!(register.book().events(), events, "{kept} bytes"),
            Err(faults) => {
                assert!(kept < wal.len(), "the whole file is enough");
                let told = faults.iter().any(|fault| {
                    fault.message.en.contains("older than its head")
                        || fault.message.en.contains("not a register")
                });
                assert!(told, "{kept}: {faults:?}");
            }
        }
    }
}

#[test]
fn two_writers_wait_for_each_other_and_nothing_is_lost() {
    let (place, register) = filled();
    drop(register);
    let before = place.open().book().events().len();
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let place = &place;
            scope.spawn(move || {
                for turn in 0..5_u8 {
                    let mut register = place.open();
                    let token = 100 + writer * 10 + turn;
                    let number = format!("04HM-A{token}");
                    let lead = found(
                        token,
                        &number,
                        "dibao",
                        Direction::ToSocial,
                        date(2026, 4, 1),
                    );
                    let answers = append(&mut register, vec![NewItem::Found(lead)]);
                    assert!(matches!(answers[0], Appended::Added(_)), "{answers:?}");
                }
            });
        }
    });
    let register = place.open();
    assert_eq!(register.book().events().len(), before + 20);
    assert!(register.notices().is_empty());
}

#[test]
fn a_register_opened_before_another_appended_goes_on_after_it() {
    let (place, mut one) = filled();
    let mut other = place.open();
    confirm(&mut one);
    let answer = append_one(
        &mut other,
        LEAD,
        date(2026, 3, 6),
        r#"{"kind":"checked","fields":{"finding":"needs_more"}}"#,
    );
    // It sees what the first one appended, and refuses the step.
    assert!(matches!(answer, Appended::Refused(_)), "{answer:?}");
    let answer = append_one(
        &mut other,
        LEAD,
        date(2026, 3, 6),
        r#"{"kind":"sent","fields":{"as":"ordinary"}}"#,
    );
    added(&answer);
}

#[test]
fn a_register_that_another_program_holds_is_told() {
    let (place, mut register) = filled();
    let other = Connection::open(place.file()).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let items = vec![NewItem::Found(found(
        50,
        "04HM-5555",
        "dibao",
        Direction::ToSocial,
        date(2026, 4, 1),
    ))];
    let begun = std::time::Instant::now();
    let faults = register
        .append(&crate::support::batch(items.clone()))
        .expect_err("it is held");
    assert!(
        faults
            .iter()
            .any(|fault| fault.message.en.contains("another command is using"))
    );
    assert!(begun.elapsed().as_secs() < 30);
    other.execute_batch("ROLLBACK").expect("let go");
    added(&append(&mut register, items)[0]);
}

#[test]
fn a_backup_is_a_register_and_is_never_written_over() {
    let (place, mut register) = filled();
    let to = place.folder.path().join("backup.db");
    let head = register.backup(&to).expect("a backup");
    assert_eq!(head, register.head());
    assert!(register.backup(&to).is_err());
    confirm(&mut register);
    let copy = Register::open(&to, place.key()).expect("the backup opens");
    assert_eq!(copy.head(), head);
    assert_eq!(copy.head().events + 1, register.head().events);
    let mode = fs::metadata(&to).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_rekeyed_register_knows_the_persons_by_their_new_tokens() {
    use aidlink_register::token::RegisterToken;
    let (place, mut register) = filled();
    let tokens: Vec<_> = (1..20_u8)
        .map(|token| (RegisterToken([token; 16]), RegisterToken([token + 100; 16])))
        .collect();
    let missing = register.rekey(&tokens, "key-2", &act()).expect("rekeyed");
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["04HM-ASW9"]);
    drop(register);
    let register = place.open();
    assert_eq!(register.key_id(), "key-2");
    for (old, new) in tokens {
        assert_eq!(register.person_of(&old), None);
        assert!(register.person_of(&new).is_some());
    }
}
