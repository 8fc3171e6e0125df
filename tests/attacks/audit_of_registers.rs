//! What an audit says of a register that somebody does not want it to look at, of keys that are
//! hidden, of lists that were added, and of registers that are in a round after all.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::audit::FinishedRound;
use crate::register_audit::{Checks, OF_REGISTER, audit, finished};
use crate::register_rounds::Office;
use crate::support::{Round, aidlink, command_result, files_below, set_mode};

/// A register, and the files that it has.
struct Register {
    office: Office,
    folder: PathBuf,
    whole: BTreeMap<String, Vec<u8>>,
}

impl Register {
    fn new() -> Self {
        let office = finished();
        let folder = office.base.root().join("register");
        let whole = files_below(&folder);
        Register {
            office,
            folder,
            whole,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts everything back.
    fn restore(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
        fs::create_dir(&self.folder).unwrap();
        for (name, bytes) in &self.whole {
            fs::write(self.path(name), bytes).unwrap();
            set_mode(&self.path(name), 0o600);
        }
    }

    fn pragma(&self, pragma: &str) {
        let connection = rusqlite::Connection::open(self.path("register.db")).unwrap();
        connection
            .execute_batch(&format!("PRAGMA {pragma}"))
            .unwrap();
    }

    /// Changes an event, without the trigger that refuses it.
    fn change_an_event(&self) {
        let connection = rusqlite::Connection::open(self.path("register.db")).unwrap();
        connection
            .execute_batch("DROP TRIGGER event_stays; UPDATE event SET operator = 'x';")
            .unwrap();
    }
}

fn state(checks: &Checks, number: u64) -> &str {
    &checks[&number].0
}

/// A pipe, at which nobody writes.
fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR).unwrap();
}

/// A change of the files of a register.
type Change = Box<dyn Fn(&Register)>;

/// A register that cannot be verified proves nothing, for whatever reason: the audit never says
/// that there is nothing to check.
#[test]
fn a_register_that_cannot_be_verified_is_not_held() {
    let register = Register::new();
    let (code, checks) = audit(&register.office, "R1");
    assert_eq!(code, 0, "{checks:?}");
    let write = |name: &'static str, bytes: &'static str| -> Change {
        Box::new(move |register| fs::write(register.path(name), bytes).unwrap())
    };
    let remove = |names: &'static [&'static str]| -> Change {
        Box::new(move |register| {
            for name in names {
                fs::remove_file(register.path(name)).unwrap();
            }
        })
    };
    let changes: Vec<(&str, Change)> = vec![
        ("emptied", write("register.db", "")),
        ("a text", write("register.db", "not a register")),
        ("a key that is none", write("signing.key", "not a key")),
        ("removed", remove(&["register.db"])),
        ("no public key", remove(&["signing.key", "signing.pub"])),
        ("no head", remove(&["register.db.head.json"])),
        (
            "a pipe",
            Box::new(|register| pipe(&register.path("register.db"))),
        ),
        (
            "a pipe beside it",
            Box::new(|register| pipe(&register.path("register.db-wal"))),
        ),
        (
            "a pipe as lock",
            Box::new(|register| pipe(&register.path("register.db.lock"))),
        ),
        (
            "a folder",
            Box::new(|register| {
                fs::remove_file(register.path("register.db")).unwrap();
                fs::create_dir(register.path("register.db")).unwrap();
            }),
        ),
        (
            "a link",
            Box::new(|register| {
                fs::rename(register.path("register.db"), register.path("real.db")).unwrap();
                symlink("real.db", register.path("register.db")).unwrap();
            }),
        ),
        (
            "a link to nothing",
            Box::new(|register| {
                fs::remove_file(register.path("register.db")).unwrap();
                symlink("nothing", register.path("register.db")).unwrap();
            }),
        ),
        (
            "of a newer version",
            Box::new(|register| register.pragma("user_version=2")),
        ),
        (
            "of another program",
            Box::new(|register| register.pragma("application_id=1")),
        ),
        (
            "changed, and of a newer version",
            Box::new(|register| {
                register.change_an_event();
                register.pragma("user_version=2");
            }),
        ),
    ];
    for (name, change) in &changes {
        change(&register);
        let (code, checks) = audit(&register.office, "R1");
        assert_eq!(code, 4, "{name}: {checks:?}");
        for number in [21, 26, 27] {
            assert_eq!(state(&checks, number), "not_held", "{name}: {checks:?}");
        }
        for number in [28, 29, 30] {
            assert_ne!(
                state(&checks, number),
                "not_applicable",
                "{name}: {checks:?}"
            );
        }
        for number in OF_REGISTER {
            assert!(!checks[&number].1.is_empty(), "{name}: {number}");
        }
        register.restore();
    }
    // What is removed is told wherever somebody looks for it.
    remove(&["register.db"])(&register);
    let (_, checks) = audit(&register.office, "R1");
    for number in OF_REGISTER {
        assert_eq!(state(&checks, number), "not_held", "{number}: {checks:?}");
    }
    assert!(checks[&26].1.contains("it was removed"), "{checks:?}");
    register.restore();
    assert_eq!(audit(&register.office, "R1").0, 0);
}

/// A register that others may read is told by the check of who may read it, with what to do, also
/// if it is refused for that very reason.
#[test]
fn a_register_that_others_may_read_is_told() {
    let register = Register::new();
    let files = [
        ("register.db", true),
        ("signing.key", true),
        ("register.key", false),
        ("register.db.head.json", false),
        ("register.db.lock", false),
    ];
    for (name, is_refused) in files {
        for mode in [0o644, 0o640, 0o666, 0o620] {
            set_mode(&register.path(name), mode);
            let (code, checks) = audit(&register.office, "R1");
            let (found, said) = &checks[&28];
            assert_eq!((code, found.as_str()), (4, "not_held"), "{name}: {said}");
            assert!(
                said.contains("chmod 600") && said.contains(name),
                "{name}: {said}"
            );
            if is_refused {
                for number in [21, 26, 27] {
                    assert_eq!(state(&checks, number), "not_held", "{name}: {checks:?}");
                }
            }
            for number in [29, 30] {
                assert_eq!(state(&checks, number), "held", "{name}: {checks:?}");
            }
            set_mode(&register.path(name), 0o600);
        }
    }
}

/// Who may change the round file, or removes it, hides no register: the copy of it is signed.
#[test]
fn a_round_file_that_was_changed_hides_no_register() {
    let register = Register::new();
    let office = &register.office;
    let file = office.path("R1", "round.toml");
    let text = fs::read_to_string(&file).unwrap();
    let named = "[register]\nfile = \"../../../register/register.db\"\n";
    assert!(text.contains(named));
    let changed = [
        text.replace(named, ""),
        text.replace("register/register.db", "nowhere/register.db"),
        "not a round file [".to_owned(),
    ];
    set_mode(&register.path("register.db"), 0o644);
    for text in &changed {
        fs::write(&file, text).unwrap();
        let (_, checks) = audit(office, "R1");
        assert_eq!(state(&checks, 28), "not_held", "{text}: {checks:?}");
        assert_eq!(state(&checks, 26), "not_held", "{text}: {checks:?}");
    }
    fs::remove_file(&file).unwrap();
    let (_, checks) = audit(office, "R1");
    assert_eq!(state(&checks, 28), "not_held", "{checks:?}");
    // Nor does it make one that is gone a thing of no account.
    fs::remove_dir_all(&register.folder).unwrap();
    for text in &changed[..2] {
        fs::write(&file, text).unwrap();
        let (code, checks) = audit(office, "R1");
        assert_eq!(code, 4, "{text}");
        for number in OF_REGISTER {
            assert_eq!(state(&checks, number), "not_held", "{text}: {checks:?}");
        }
    }
    // With neither, as where an auditor has only the round's output, nothing was checked.
    fs::remove_file(&file).unwrap();
    let (_, checks) = audit(office, "R1");
    for number in OF_REGISTER {
        let (state, said) = &checks[&number];
        assert_eq!(state, "not_applicable", "{checks:?}");
        assert!(said.starts_with("not checked: "), "{number}: {said}");
    }
}

/// The digests that are compared with the minutes are shown in full, wherever the audit writes.
#[test]
fn the_digests_for_the_minutes_are_shown() {
    let register = Register::new();
    let office = &register.office;
    let verified = office.command("verify", &["--json"]);
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    let digest = verified["digest"].as_str().unwrap();
    let last = verified["head"]["last"].as_str().unwrap();
    let (_, checks) = audit(office, "R1");
    assert!(checks[&26].1.contains(digest) && checks[&26].1.contains(last));
    assert!(checks[&27].1.contains(last), "{checks:?}");
    let report = office.base.root().join("report.html");
    let folder = office.path("R1", "");
    let key = office.path("R1", "signing.pub");
    for language in ["en", "zh"] {
        let _ = fs::remove_file(&report);
        let printed = aidlink(&[
            "audit",
            folder.to_str().unwrap(),
            "--public-key",
            key.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
            "--lang",
            language,
        ]);
        assert_eq!(printed.code, 0, "{}{}", printed.stdout, printed.stderr);
        for text in [printed.stdout, fs::read_to_string(&report).unwrap()] {
            assert!(text.contains(digest), "{language}: {text}");
            assert!(text.matches(last).count() >= 2, "{language}: {text}");
        }
    }
}

/// Gives a folder to somebody who is not root, to whom permissions mean something.
fn give_away(folder: &Path, owner: u32) {
    chown(folder, Some(owner), Some(owner)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => give_away(&path, owner),
            false => chown(&path, Some(owner), Some(owner)).unwrap(),
        }
    }
}

/// A copy of the key that the auditor may not open is not told to be absent.
#[test]
fn a_copy_of_the_key_that_nobody_may_open_is_told() {
    const SOMEBODY: u32 = 65534;
    let register = Register::new();
    let root = register.office.base.root();
    let program = root.join("aidlink");
    fs::copy(env!("CARGO_BIN_EXE_aidlink"), &program).unwrap();
    set_mode(&program, 0o755);
    let is_root = fs::metadata(root).unwrap().uid() == 0;
    let of_key = || -> (String, String) {
        if is_root {
            give_away(root, SOMEBODY);
        }
        let mut command = Command::new(&program);
        command
            .args(["audit", register.office.path("R1", "").to_str().unwrap()])
            .arg("--public-key")
            .arg(register.office.path("R1", "signing.pub"))
            .arg("--json");
        if is_root {
            command.uid(SOMEBODY).gid(SOMEBODY);
        }
        let result = command_result(command.output().unwrap());
        let json: Value = serde_json::from_str(&result.stdout).unwrap();
        let checks = json[0]["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["number"] == 28).unwrap();
        (
            check["state"].as_str().unwrap().to_owned(),
            check["evidence"].to_string(),
        )
    };
    assert_eq!(of_key().0, "held");
    let round = |name: &str| register.office.path("R1", name);
    let key = &register.whole["register.key"];
    fs::write(round("copy.txt"), key).unwrap();
    let (found, said) = of_key();
    assert_eq!(found, "not_held");
    assert!(
        said.contains("copy.txt contains the key of the register"),
        "{said}"
    );
    set_mode(&round("copy.txt"), 0);
    let (found, said) = of_key();
    assert_eq!(found, "not_held");
    assert!(
        said.contains("cannot be opened") && said.contains("copy.txt"),
        "{said}"
    );
    fs::remove_file(round("copy.txt")).unwrap();
    fs::create_dir(round("inner")).unwrap();
    fs::write(round("inner/copy.txt"), key).unwrap();
    set_mode(&round("inner"), 0);
    let (found, said) = of_key();
    set_mode(&round("inner"), 0o700);
    assert_eq!(found, "not_held");
    assert!(
        said.contains("cannot be opened") && said.contains("inner"),
        "{said}"
    );
    fs::remove_dir_all(round("inner")).unwrap();
    assert_eq!(of_key().0, "held");
}

/// Returns the hexadecimal digits of a key.
fn digits(key_file: &str) -> String {
    let line = key_file.lines().find(|line| line.starts_with("key"));
    let line = line.unwrap().trim_end_matches('\'');
    line.rsplit(':').next().unwrap().to_owned()
}

/// A key file that was moved into the folder of a round is told, although the key is in its place
/// no more, and nobody knows its digits.
#[test]
fn a_key_that_was_moved_into_the_folder_of_a_round_is_told() {
    let register = Register::new();
    let (_, checks) = audit(&register.office, "R1");
    assert_eq!(state(&checks, 28), "held", "{checks:?}");
    for name in ["notes.txt", "output/leaked.key"] {
        let moved = register.office.path("R1", name);
        fs::rename(register.path("register.key"), &moved).unwrap();
        let (_, checks) = audit(&register.office, "R1");
        assert_eq!(state(&checks, 28), "not_held", "{checks:?}");
        let said = &checks[&28].1;
        assert!(said.contains(&format!("{name} contains the key")), "{said}");
        fs::rename(&moved, register.path("register.key")).unwrap();
    }
    // Nor does it help that everything else of the register is elsewhere.
    let moved = register.office.path("R1", "notes.txt");
    fs::rename(register.path("register.key"), &moved).unwrap();
    let elsewhere = register.path("../elsewhere");
    fs::rename(register.path(""), &elsewhere).unwrap();
    let (_, checks) = audit(&register.office, "R1");
    assert_eq!(state(&checks, 26), "not_applicable", "{checks:?}");
    assert_eq!(state(&checks, 28), "not_held", "{checks:?}");
    fs::remove_file(moved).unwrap();
    assert_eq!(
        state(&audit(&register.office, "R1").1, 28),
        "not_applicable"
    );
}

/// What stands in the place of a round's key, and is no key, is not taken for a key that is gone.
#[test]
fn what_stands_in_the_place_of_a_key_is_told() {
    let round = Round::hand_made();
    let result = round.run();
    assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
    let finished = FinishedRound::at(round, "output");
    assert!(!finished.not_held(&[]).contains(&6));
    let path = finished.round.path("round.key");
    let elsewhere = finished.round.path("elsewhere.key");
    fs::rename(&path, &elsewhere).unwrap();
    set_mode(&elsewhere, 0o644);
    assert!(!finished.not_held(&[]).contains(&6), "it is gone");
    symlink(&elsewhere, &path).unwrap();
    assert!(finished.not_held(&[]).contains(&6), "a link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(finished.not_held(&[]).contains(&6), "a folder");
    fs::remove_dir(&path).unwrap();
    pipe(&path);
    assert!(finished.not_held(&[]).contains(&6), "a pipe");
}

/// The digits of a key are searched for wherever the key may be: where the round file says, and
/// beside the register, where `register init` puts it.
#[test]
fn a_key_beside_the_register_is_known_although_the_round_file_names_another_place() {
    let register = Register::new();
    let key = register.whole["register.key"].clone();
    let hex = digits(&String::from_utf8(key.clone()).unwrap());
    let file = "file = \"../../../register/register.db\"";
    let named = format!("{file}\nkey = \"../../../medium/register.key\"");
    register.office.edit("R1", "round.toml", file, &named);
    let medium = register.path("../medium");
    fs::create_dir(&medium).unwrap();
    let write = |content: &[u8]| {
        let path = medium.join("register.key");
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
    };
    let copy = register.office.path("R1", "notes.txt");
    type Place<'p> = (&'p str, &'p dyn Fn());
    let places: [Place<'_>; 4] = [
        ("the medium is not here", &|| {}),
        ("something else is there", &|| write(b"rubbish")),
        ("the key is there, too", &|| write(&key)),
        ("the key is only there", &|| {
            fs::remove_file(register.path("register.key")).unwrap()
        }),
    ];
    for (what, change) in places {
        change();
        for hex in [&hex, &hex.to_uppercase()] {
            fs::write(&copy, format!("it is {hex}.")).unwrap();
            let (_, checks) = audit(&register.office, "R1");
            assert_eq!(state(&checks, 28), "not_held", "{what}: {checks:?}");
            let said = &checks[&28].1;
            assert!(said.contains("notes.txt contains the key"), "{said}");
        }
        fs::remove_file(&copy).unwrap();
        let (_, checks) = audit(&register.office, "R1");
        let expected = match what {
            "something else is there" => "not_held",
            _ => "held",
        };
        assert_eq!(state(&checks, 28), expected, "{what}: {checks:?}");
    }
}

/// A key is found whatever the case of its digits, and however its file writes it.
#[test]
fn a_key_is_found_in_either_case_and_however_its_file_is_written() {
    // Of a register, in the folder of a round.
    let register = Register::new();
    let key = String::from_utf8(register.whole["register.key"].clone()).unwrap();
    let hex = digits(&key);
    let mixed: String = hex
        .char_indices()
        .map(|(at, digit)| match at % 2 {
            0 => digit.to_ascii_uppercase(),
            _ => digit,
        })
        .collect();
    let as_written = [
        key.clone(),
        key.replace("key = ", "key  =  "),
        key.replace(&hex, &hex.to_uppercase()),
    ];
    let copy = register.office.path("R1", "notes.txt");
    for as_written in as_written {
        fs::write(register.path("register.key"), as_written).unwrap();
        for found in [&hex, &hex.to_uppercase(), &mixed] {
            fs::write(&copy, format!("it is {found}.")).unwrap();
            let (_, checks) = audit(&register.office, "R1");
            assert_eq!(state(&checks, 28), "not_held", "{checks:?}");
            assert!(checks[&28].1.contains("notes.txt contains the key"));
        }
        fs::remove_file(&copy).unwrap();
        assert_eq!(state(&audit(&register.office, "R1").1, 28), "held");
    }
    // Of a round, in its output: the round file is copied there.
    let round = Round::hand_made();
    let key = round.read("round.key");
    let hex = digits(&key);
    for leaked in [hex.clone(), hex.to_uppercase()] {
        let round = Round::hand_made();
        let text = round.read("round.toml");
        round.write("round.toml", format!("{text}\n# {leaked}\n"));
        let result = round.run();
        assert!(matches!(result.code, 0 | 3), "{}", result.stderr);
        let finished = FinishedRound::at(round, "output");
        for as_written in [
            key.clone(),
            key.replace("key = ", "key  =  "),
            key.replace(&hex, &hex.to_uppercase()),
        ] {
            finished.round.write("round.key", &as_written);
            assert!(finished.not_held(&[]).contains(&6), "{leaked} {as_written}");
        }
    }
}

/// What the second run does not make did not come from the round, whoever signed it, and the
/// register takes nothing from lists that contradict the summary.
#[test]
fn files_that_somebody_added_and_signed_are_found_and_not_taken() {
    let office = finished();
    office.take("R1");
    let lead = office.listed("R1").into_values().next().unwrap()["Lead number"].clone();
    let root = office.base.root().to_path_buf();
    let finished = FinishedRound::at(office.base.at("tests/rounds/R1"), "output");
    let take = || {
        aidlink(&[
            "register",
            "take",
            finished.round.path("round.toml").to_str().unwrap(),
            "--register",
            root.join("register/register.db").to_str().unwrap(),
            "--public-key",
            finished.round.path("signing.pub").to_str().unwrap(),
            "--lang",
            "en",
        ])
    };
    finished.sign_again(|_| {});
    assert!(!finished.not_held(&["--rerun"]).contains(&23));
    assert_eq!(take().code, 0);
    let tables = [
        (
            "delivered",
            format!(
                "lead,kind,on,what,shown_by.register,shown_by.snapshot,remark\r\n{lead},granted,2026-09-30,received,civil-affairs.assistance,2026-09-28,round R1\r\n"
            ),
        ),
        (
            "dead",
            format!(
                "lead,kind,on,reason,shown_by.register,shown_by.snapshot,remark\r\n{lead},closed,2026-09-30,dead,procuratorate.case-parties,2026-09-30,round R1\r\n"
            ),
        ),
        (
            "moved",
            format!("lead,kind,on,office,remark\r\n{lead},moved,2026-09-30,,round R1\r\n"),
        ),
    ];
    let mut added: Vec<(String, String, bool)> = tables
        .into_iter()
        .map(|(name, text)| {
            let path = format!("lists/for-register/{name}.csv");
            (path, format!("\u{feff}{text}"), true)
        })
        .collect();
    for path in ["lists/more.csv", "lists/for-review/inner/x.csv", "more.csv"] {
        added.push((path.to_owned(), "a\r\n".to_owned(), false));
    }
    added.push(("rejects/somebody.csv".to_owned(), "a\r\n".to_owned(), false));
    for (path, text, is_taken) in added {
        let file = finished.path(&path);
        let folder = file.parent().unwrap();
        let is_new = !folder.exists();
        fs::create_dir_all(folder).unwrap();
        set_mode(folder, 0o700);
        fs::write(&file, text).unwrap();
        set_mode(&file, 0o600);
        finished.sign_again(|_| {});
        assert!(finished.not_held(&["--rerun"]).contains(&23), "{path}");
        if is_taken {
            let taken = take();
            assert_ne!(taken.code, 0, "{path}: {}", taken.stdout);
            let said = "states other numbers of leads";
            assert!(taken.stderr.contains(said), "{path}: {}", taken.stderr);
        }
        fs::remove_file(&file).unwrap();
        if is_new {
            fs::remove_dir(folder).unwrap();
        }
    }
    // Rejects that somebody changed.
    let rejects = files_below(&finished.path("rejects"));
    let name = rejects.keys().next().unwrap();
    let path = finished.path("rejects").join(name);
    let more = [rejects[name].as_slice(), b"a\r\n"].concat();
    fs::write(&path, more).unwrap();
    finished.sign_again(|_| {});
    assert!(finished.not_held(&["--rerun"]).contains(&23));
    fs::write(&path, &rejects[name]).unwrap();
    finished.sign_again(|_| {});
    assert!(!finished.not_held(&["--rerun"]).contains(&23));
    assert_eq!(take().code, 0);
}

fn init(folder: &Path, from: &Path) -> i32 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aidlink"));
    command
        .args(["register", "init", folder.to_str().unwrap()])
        .args(["--operator", "x"])
        .current_dir(from);
    command_result(command.output().unwrap()).code
}

/// The folder of a round is one whatever the name of its round file, and so is what a step wrote.
#[test]
fn the_folder_of_a_round_is_known_by_what_is_in_it() {
    let register = Register::new();
    let office = &register.office;
    let root = office.base.root();
    let round_file = fs::read(office.path("R1", "round.toml")).unwrap();
    let named = root.join("named-otherwise");
    fs::create_dir(&named).unwrap();
    fs::write(named.join("q2.toml"), round_file).unwrap();
    let apart = root.join("apart");
    for (path, bytes) in files_below(&office.path("R1", "output")) {
        let file = apart.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    for folder in [&named, &apart, &apart.join("lists")] {
        assert_ne!(init(&folder.join("new"), root), 0, "{folder:?}");
        assert!(!folder.join("new").exists());
        let place = folder.join("register");
        fs::rename(&register.folder, &place).unwrap();
        office.edit(
            "R1",
            "round.toml",
            "../../../register/register.db",
            place.join("register.db").to_str().unwrap(),
        );
        let (_, checks) = audit(office, "R1");
        for number in [28, 30] {
            assert_eq!(state(&checks, number), "not_held", "{folder:?}: {checks:?}");
            assert!(checks[&number].1.contains("in the folder of a round"));
        }
        office.edit(
            "R1",
            "round.toml",
            place.join("register.db").to_str().unwrap(),
            "../../../register/register.db",
        );
        fs::rename(&place, &register.folder).unwrap();
    }
    // A draft, and one that somebody has called otherwise.
    for name in ["round.toml", "2026Q3.toml"] {
        let draft = root.join(format!("draft-{name}"));
        fs::create_dir(&draft).unwrap();
        let text = fs::read_to_string(office.path("R1", "round.toml")).unwrap();
        let (before, after) = text.split_once("operator = ").unwrap();
        let after = after.split_once('\n').unwrap().1;
        let text = format!("{before}operator = \"【FILL IN】\"\n{after}");
        fs::write(draft.join(name), text).unwrap();
        assert_ne!(init(&draft.join("new"), root), 0, "{name}");
        assert!(!draft.join("new").exists());
    }
    // Other TOML files make no round.
    let other = root.join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("settings.toml"), "mode = 1\n").unwrap();
    fs::write(other.join("manifest.json"), "{}").unwrap();
    assert_eq!(init(&other.join("new"), root), 0);
}

/// A link leads into the round that is behind it, and `..` leads out of one.
#[test]
fn where_a_new_register_would_be_is_its_real_place() {
    let register = Register::new();
    let root = register.office.base.root();
    let round = register.office.path("R1", "");
    symlink(&round, root.join("to-round")).unwrap();
    symlink(round.join("output"), root.join("to-output")).unwrap();
    for link in ["to-round", "to-output"] {
        let place = root.join(link).join("new");
        assert_ne!(init(&place, root), 0, "{link}");
        assert_ne!(init(Path::new(link).join("new").as_path(), root), 0);
        assert!(!place.exists());
        // A new key likewise.
        fs::write(root.join("people.csv"), "national_id\n").unwrap();
        let rekeyed = register.office.command(
            "rekey",
            &[
                "--export",
                root.join("people.csv").to_str().unwrap(),
                "--operator",
                "x",
                "--because",
                "x",
                "--new-key",
                root.join(link).join("new.key").to_str().unwrap(),
            ],
        );
        assert_ne!(rekeyed.code, 0, "{}", rekeyed.stdout);
        assert!(
            rekeyed.stderr.contains("in the folder of a round"),
            "{}",
            rekeyed.stderr
        );
    }
    assert_ne!(init(Path::new("new"), &round), 0);
    assert_ne!(init(Path::new("output/../new"), &round), 0);
    assert_eq!(init(Path::new("../outside"), &round), 0);
    assert!(round.join("../outside/register.db").exists());
    assert_eq!(init(Path::new("output/../../again"), &round), 0);
}

/// Whoever signs the manifest cannot leave out that a register was read: the log says so.
#[test]
fn a_manifest_that_states_no_register_is_reported() {
    let register = Register::new();
    let root = register.office.base.root().to_path_buf();
    let round = register.office.path("R1", "");
    let inner = round
        .strip_prefix(&root)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let finished = FinishedRound::at(register.office.base.at(&inner), "output");
    let before = finished.not_held(&[]);
    for number in 26..=30 {
        assert!(!before.contains(&number), "{before:?}");
    }
    finished.sign_again(|manifest| {
        assert!(
            manifest
                .as_object_mut()
                .unwrap()
                .remove("register")
                .is_some()
        );
    });
    let after = finished.not_held(&[]);
    assert!(after.contains(&26), "{after:?}");
}
