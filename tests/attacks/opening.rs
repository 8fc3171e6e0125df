//! Files that would block a command, take all memory, or take minutes to open: pipes,
//! devices and huge files under any name that aidlink reads, and hostile sealed files.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use aidlink_office::signing::SigningKey;

use crate::audit::FinishedRound;
use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{CommandResult, Round, aidlink, command_result, set_mode};

/// Runs a program of this project that may use little memory. A command that blocks ends
/// with code 124.
fn run_guarded(program: &str, arguments: &[&str]) -> CommandResult {
    let program = Path::new(env!("CARGO_BIN_EXE_aidlink")).with_file_name(program);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4000000; exec timeout 120 \"$0\" \"$@\""]);
    command.arg(program).args(arguments).args(["--lang", "en"]);
    command_result(command.output().unwrap())
}

/// What may lie in place of a file.
const INSTEAD: [&str; 5] = ["pipe", "link to a pipe", "device", "socket", "huge file"];

/// Puts something else in place of a file, runs `check` with its name, and puts the file
/// back. A file that does not exist is made.
fn replaced(file: &Path, instead: &[&str], check: impl Fn(&str)) {
    let aside = tempfile::tempdir_in(file.parent().unwrap().parent().unwrap()).unwrap();
    let (original, pipe) = (aside.path().join("original"), aside.path().join("pipe"));
    let had_file = fs::rename(file, &original).is_ok();
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for what in instead {
        match *what {
            "pipe" => fs::hard_link(&pipe, file).unwrap(),
            "link to a pipe" => symlink(&pipe, file).unwrap(),
            "device" => symlink("/dev/zero", file).unwrap(),
            "socket" => drop(UnixListener::bind(file).unwrap()),
            // It takes no room on the disk.
            "huge file" => fs::File::create(file).unwrap().set_len(1 << 40).unwrap(),
            _ => panic!("{what}"),
        }
        if *what == "huge file" {
            set_mode(file, 0o600);
        }
        check(what);
        fs::remove_file(file).unwrap();
    }
    if had_file {
        fs::rename(&original, file).unwrap();
    }
}

/// Checks that a command ended by itself, did not succeed, and named the file, alone or
/// at the end of a path.
fn assert_named(result: &CommandResult, file: &Path, what: &str) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let output = format!("{}{}", result.stdout, result.stderr);
    assert!(
        (1..=4).contains(&result.code),
        "{what}: {} {output}",
        result.code
    );
    assert!(
        output.match_indices(name).any(|(at, _)| {
            let (before, after) = (&output[..at], &output[at + name.len()..]);
            (before.is_empty() || before.ends_with(['/', ' ', '`', '\n']))
                && after.starts_with([':', '`'])
        }),
        "{what} as {name}: {output}"
    );
}

#[test]
fn nothing_in_a_finished_folder_blocks_its_verification_or_fills_the_memory() {
    let finished = FinishedRound::new();
    let (output, key) = (finished.path(""), finished.round.path("signing.pub"));
    let (output, key) = (output.to_str().unwrap(), key.to_str().unwrap());
    for file in [
        "manifest.json",
        "manifest.json.minisig",
        "audit.jsonl",
        "summary.json",
        "lists/for-review/to-civil-affairs.csv",
        "rejects/civil-affairs.csv",
        "minimisation/matrix.json",
        "configuration/round.toml",
        "configuration/policy.toml",
        "configuration/calendar.toml",
        "configuration/schemas/veterans.persons.json",
        "added.csv",
    ] {
        let file = finished.path(file);
        replaced(&file, &INSTEAD, |what| {
            for verb in [
                &["audit", "verify"][..],
                &["audit"],
                &["purge", "--dry-run"],
            ] {
                let mut arguments = [verb, &[output]].concat();
                if verb[0] == "audit" {
                    arguments.extend(["--public-key", key]);
                }
                let reads_digests = verb != ["audit", "verify"];
                if what == "huge file" && reads_digests && file != finished.path("added.csv") {
                    continue;
                }
                let result = run_guarded("aidlink", &arguments);
                match verb[0] {
                    "audit" => assert_named(&result, &file, what),
                    // Nothing is due yet.
                    _ => assert!((0..=4).contains(&result.code), "{what}: {}", result.stderr),
                }
            }
        });
    }
    assert_eq!(finished.verify().code, 0);
}

#[test]
fn nothing_beside_a_finished_folder_blocks_its_audit_or_fills_the_memory() {
    let finished = FinishedRound::new();
    let folder = finished.round.path("");
    let key = finished.round.path("signing.pub");
    fs::copy(&key, finished.round.root().join("minutes.pub")).unwrap();
    let key = finished.round.root().join("minutes.pub");
    for file in [
        "a.toml",
        "z.toml",
        "round.toml",
        "round.key",
        "signing.key",
        "notes.csv",
    ] {
        let file = finished.round.path(file);
        replaced(&file, &INSTEAD, |what| {
            let audit = ["audit", folder.to_str().unwrap(), "--public-key"];
            let result = run_guarded("aidlink", &[&audit[..], &[key.to_str().unwrap()]].concat());
            let output = format!("{}{}", result.stdout, result.stderr);
            assert!(
                [0, 4].contains(&result.code),
                "{what}: {} {output}",
                result.code
            );
            let purge = ["purge", folder.to_str().unwrap(), "--dry-run"];
            let result = run_guarded("aidlink", &purge);
            assert!((0..=4).contains(&result.code), "{what}: {}", result.stderr);
        });
    }
}

#[test]
fn nothing_that_a_round_reads_blocks_it_or_fills_the_memory() {
    let round = Round::sample();
    let path = |file: &str| round.path(file).to_str().unwrap().to_owned();
    SigningKey::make(&round.path("signing.key")).unwrap();
    let file = round.path("round.toml");
    let (policy, schemas) = ("../../policies/shaoguan.toml", "../../schemas");
    let schema = format!("{schemas}/veterans.persons.json");
    for (file, instead) in [
        ("round.toml", &INSTEAD[..]),
        (policy, &INSTEAD),
        ("../../calendars/china.toml", &INSTEAD),
        (&schema, &INSTEAD),
        // Links out of the round's folder are refused in the round file.
        ("round.key", &["pipe", "socket", "huge file"]),
        ("signing.key", &INSTEAD),
        // A CSV file may have any size.
        ("veterans.persons.csv", &["pipe", "socket"]),
    ] {
        let file = round.path(file);
        replaced(&file, instead, |what| {
            assert_named(
                &run_guarded("aidlink", &["run", &path("round.toml")]),
                &file,
                what,
            );
            assert!(!round.path("output").exists());
        });
    }
    let export = round.path("export");
    replaced(&export, &INSTEAD[..4], |what| {
        let check = [
            "schema",
            "check",
            &path("export"),
            "--schemas",
            &path(schemas),
        ];
        assert_named(&run_guarded("aidlink", &check), &export, what);
    });
    // A workbook is held in memory.
    let workbook = round.path("procuratorate.referrals.xlsx");
    fs::File::options()
        .write(true)
        .open(&workbook)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert_named(
        &run_guarded("aidlink", &["run", &path("round.toml")]),
        &workbook,
        "huge",
    );
    assert!(file.exists());
}

#[test]
fn nothing_that_an_office_receives_blocks_it_or_fills_the_memory() {
    let split = SplitRound::plain(Round::sample());
    for export in EXPORTS {
        assert_eq!(split.tokenise(export).code, 0);
    }
    assert_eq!(split.screen(&EXPORTS, "at-centre").code, 0);
    let path = |file: &str| split.round.path(file).to_str().unwrap().to_owned();
    let tokens = split.tokens(EXPORTS[5]);
    let leads = split.round.path("at-centre/to-procuratorate/leads.json");
    let beside = |file: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    let screen = || {
        let files: Vec<_> = EXPORTS.map(|export| split.tokens(export)).into();
        let (round, output, key) = (
            path("round.toml"),
            path("none"),
            split.signing_key("centre"),
        );
        let mut arguments = vec!["run", &round, "--output", &output, "--signing-key", &key];
        arguments.push("--tokens");
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        run_guarded("aidlink-screen", &arguments)
    };
    let resolve = || {
        let (round, output) = (path("round.toml"), path("none"));
        let (leads, key) = (leads.to_str().unwrap(), split.signing_key("procuratorate"));
        let arguments = [
            "resolve",
            &round,
            "--output",
            &output,
            "--signing-key",
            &key,
        ];
        run_guarded("aidlink", &[&arguments[..], &["--leads", leads]].concat())
    };
    let small = [".sha256", ".minisig"];
    for file in small.map(|suffix| beside(&tokens, suffix)) {
        replaced(&file, &INSTEAD, |what| assert_named(&screen(), &file, what));
    }
    for file in small.map(|suffix| beside(&leads, suffix)) {
        replaced(&file, &INSTEAD, |what| {
            assert_named(&resolve(), &file, what)
        });
    }
    replaced(&tokens, &INSTEAD[..4], |what| {
        assert_named(&screen(), &tokens, what)
    });
    replaced(&leads, &INSTEAD[..4], |what| {
        assert_named(&resolve(), &leads, what)
    });
    // Secrets and public keys.
    for (file, command) in [
        (
            "x.identity",
            "resolve ROUND --leads LEADS --signing-key KEY --identity",
        ),
        ("x.identity", "key open ROUND --sealed ROUND --identity"),
        (
            "x.phrase",
            "key open ROUND --sealed ROUND --passphrase-file",
        ),
        ("x.key", "resolve ROUND --leads LEADS --signing-key"),
        ("x.pub", "audit verify FOLDER --public-key"),
    ] {
        let file = split.round.path(file);
        let arguments = command.split(' ').map(|word| match word {
            "ROUND" => path("round.toml"),
            "LEADS" => leads.to_str().unwrap().to_owned(),
            "KEY" => split.signing_key("procuratorate"),
            "FOLDER" => path("at-centre"),
            _ => word.to_owned(),
        });
        let mut arguments: Vec<String> = arguments.collect();
        arguments.push(file.to_str().unwrap().to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        replaced(&file, &INSTEAD, |what| {
            assert_named(&run_guarded("aidlink", &arguments), &file, what);
        });
    }
    assert!(!split.round.path("none").exists());
}

#[test]
fn a_key_file_or_an_identity_that_is_another_file_than_it_seems_is_not_printed() {
    let round = Round::sample();
    let hex = "0123456789abcdef".repeat(4);
    let id = "449901199001011234";
    for field in [
        &format!("aidlink-round-key-v2:{hex}"),
        &hex,
        id,
        &"名".repeat(1 << 14),
    ] {
        for name in ["round", "purpose"] {
            let other = if name == "round" {
                "purpose = 'joint-screening'"
            } else {
                "round = '2026Q3'"
            };
            let text = format!("{name} = '{field}'\n{other}\nkey = 'aidlink-round-key-v2:{hex}'\n");
            round.write("round.key", text);
            set_mode(&round.path("round.key"), 0o600);
            for form in ["--json", "--quiet"] {
                let result = round.run_with(&[form]);
                assert_eq!(result.code, 1);
                let output = result.stdout + &result.stderr;
                assert!(output.contains("the key is for another"), "{output}");
                assert!(
                    !output.contains(&hex[..16]) && !output.contains(id),
                    "{output}"
                );
                assert!(!output.contains(&"名".repeat(80)), "{output}");
            }
        }
    }
    // Secrets under the name of a document.
    let identity = round.path("x.identity");
    assert_eq!(
        aidlink(&["identity", "new", identity.to_str().unwrap()]).code,
        0
    );
    SigningKey::make(&round.path("x.key")).unwrap();
    let secrets = [
        format!("round = '2026Q3'\nkey = 'aidlink-round-key-v2:{hex}'\n"),
        format!("{hex} = 1\n[{hex}]\n"),
        fs::read_to_string(&identity).unwrap(),
        fs::read_to_string(round.path("x.key")).unwrap(),
    ];
    let (folder, document) = (round.path(""), round.path("x.toml"));
    let (folder, document) = (folder.to_str().unwrap(), document.to_str().unwrap());
    for secret in secrets {
        round.write("x.toml", &secret);
        let words: Vec<&str> = secret
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.len() >= 32)
            .collect();
        assert!(!words.is_empty());
        for arguments in [
            &["run", document][..],
            &["policy", "test", document, "--schemas", folder],
            &["key", "id", document],
            &["round", "terms", document],
            &["audit", "verify", folder, "--public-key", document],
            &["audit", "matrix", document],
        ] {
            let result = aidlink(&[arguments, &["--lang", "en"]].concat());
            let output = result.stdout + &result.stderr;
            assert_ne!(result.code, 0, "{arguments:?} {output}");
            for word in &words {
                assert!(!output.contains(word), "{arguments:?}: {output}");
            }
        }
    }
}

#[test]
fn a_step_that_would_write_what_it_cannot_read_fails_before_it_writes() {
    let round = Round::sample();
    let file = round.path("round.toml");
    let file = file.to_str().unwrap();
    round.replace("round.toml", "synthetic operator", &"o".repeat(2 << 20));
    let result = round.run();
    assert_eq!(result.code, 1);
    assert!(
        result
            .stderr
            .contains("audit.jsonl: a line of the log would be longer than 1 MiB")
    );
    assert!(result.stderr.contains("such as `operator`"));
    round.replace("round.toml", "joint-screening", &"p".repeat(1 << 17));
    fs::remove_file(round.path("round.key")).unwrap();
    for arguments in [&["key", "new", file][..], &["run", file]] {
        let result = aidlink(&[arguments, &["--lang", "en"]].concat());
        assert_eq!(result.code, 1);
        assert!(
            result
                .stderr
                .contains("the key file would be larger than 64 KiB")
        );
        assert!(result.stderr.contains("shorten `purpose`"));
        assert!(!round.path("round.key").exists());
    }
    assert!(!round.path("output").exists());
}

#[test]
fn a_number_in_the_name_of_a_file_is_not_printed() {
    let round = Round::sample();
    let number = "449901199001011234";
    let named = |ending: &str| {
        let file = round.path(&format!("{number}{ending}"));
        file.to_str().unwrap().to_owned()
    };
    fs::copy(round.path("round.toml"), named(".toml")).unwrap();
    fs::create_dir(named("")).unwrap();
    let round_file = named(".toml");
    let schemas = round.root().join("schemas");
    let schemas = schemas.to_str().unwrap();
    for arguments in [
        &["identity", "new", &named(".identity")][..],
        &["signing", "new", &named(".key")],
        &["run", &round_file, &named(".surplus")],
        &["run", &round_file, "--threads", number],
        &["run", &named(".missing")],
        &["run", &round_file, "--output", &named(".output")],
        &["audit", "verify", &named(".output")],
        &["audit", &named(".output")],
        &["audit", "verify", &named("")],
        &[
            "audit",
            "matrix",
            &round_file,
            "--output",
            &named(".matrix"),
        ],
        &["key", "id", &named(".missing")],
        &["schema", "check", &named(".missing"), "--schemas", schemas],
        &["sample", "--out", &named(".sample")],
    ] {
        for form in [&[][..], &["--json"], &["--lang", "zh"]] {
            let result = aidlink(&[arguments, form].concat());
            let output = result.stdout + &result.stderr;
            assert!(!output.contains(number), "{arguments:?} {form:?}: {output}");
        }
    }
}

/// A stanza of a recipient, as age writes it, with rubbish for key and body.
fn stanza() -> String {
    let rubbish = "A".repeat(43);
    format!("-> X25519 {rubbish}\n{rubbish}\n")
}

fn header(stanzas: &str) -> Vec<u8> {
    let end = "A".repeat(43);
    let text = format!("age-encryption.org/v1\n{stanzas}--- {end}\n");
    [text.as_bytes(), &[0; 200]].concat()
}

struct Office(SplitRound);

impl Office {
    fn new() -> Self {
        let split = SplitRound::plain(Round::sample());
        fs::remove_file(split.round.path("round.key")).unwrap();
        let identity = split.round.path("office.identity");
        let made = aidlink(&["identity", "new", identity.to_str().unwrap()]);
        assert_eq!(made.code, 0);
        split.round.write("passphrase", "correct horse\n");
        set_mode(&split.round.path("passphrase"), 0o600);
        Office(split)
    }

    fn open(&self, bytes: &[u8], option: &str, file: &str) -> CommandResult {
        let round = &self.0.round;
        round.write("received.age", bytes);
        let path = |name: &str| round.path(name).to_str().unwrap().to_owned();
        aidlink(&[
            "key",
            "open",
            &path("round.toml"),
            "--sealed",
            &path("received.age"),
            option,
            &path(file),
            "--lang",
            "en",
        ])
    }
}

#[test]
fn a_header_of_many_recipients_is_refused_before_it_is_read() {
    let office = Office::new();
    let most = (16 << 10) / stanza().len();
    let long = |lines: usize| {
        let line = "A".repeat(64) + "\n";
        format!("-> X25519 {}\n{}", "A".repeat(43), line.repeat(lines))
    };
    let several = "the file is sealed to more than one recipient";
    let too_long = "the header of the sealed file is longer than 16 KiB";
    let damaged = "its header is damaged";
    for (stanzas, words) in [
        (stanza(), damaged),
        (stanza().repeat(2), several),
        (stanza().repeat(most - 2), several),
        (stanza().repeat(most + 2), several),
        (stanza().repeat(60_000), several),
        // One recipient, whose part of the header does not end.
        (long(200), damaged),
        (long(300), too_long),
        (long(100_000), too_long),
    ] {
        let result = office.open(&header(&stanzas), "--identity", "office.identity");
        let length = stanzas.len();
        assert_eq!(result.code, 1);
        assert!(result.stderr.contains(words), "{length}: {}", result.stderr);
        assert!(result.stderr.contains("received.age"), "{}", result.stderr);
    }
}

#[test]
fn a_header_without_an_end_is_refused_before_it_is_read() {
    let office = Office::new();
    let endless = [
        b"age-encryption.org/v1\n-> X25519 ",
        "A".repeat(8 << 20).as_bytes(),
    ]
    .concat();
    let result = office.open(&endless, "--identity", "office.identity");
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("longer than 16 KiB"),
        "{}",
        result.stderr
    );
}

#[test]
fn a_passphrase_that_would_take_gigabytes_is_refused() {
    let office = Office::new();
    for factor in [21, 30, 63] {
        let salt = "A".repeat(22);
        let body = "A".repeat(43);
        let stanza = format!("-> scrypt {salt} {factor}\n{body}\n");
        let result = office.open(&header(&stanza), "--passphrase-file", "passphrase");
        assert_eq!(result.code, 1);
        assert!(
            result.stderr.contains("the work factor"),
            "{factor}: {}",
            result.stderr
        );
    }
}
