//! Attempts to pass as another office, with files that are unsigned, signed by the
//! wrong office, or signed for another purpose.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{Array as _, FixedSizeBinaryArray, RecordBatch, UInt8Array};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use aidlink_office::crossing::{Expected, receive};
use aidlink_office::round::{Mode, Reads, WrittenRound};
use aidlink_office::signing::{Signature, SigningKey};
use serde_json::Value;

use crate::split_round::{EXPORTS, SplitRound, aidlink_screen, write_checksum};
use crate::support::{CommandResult, Round, aidlink, set_mode};

const CASES: &str = "procuratorate.case-parties";
const VETERANS: &str = "veterans.persons";
const STUDENTS: &str = "education.students";

/// Returns a plain split round after the `tokenise` steps of these exports.
fn tokenised_round(exports: &[&str]) -> SplitRound {
    let split = SplitRound::plain(Round::sample());
    for export in exports {
        assert_eq!(split.tokenise(export).code, 0, "{export}");
    }
    split
}

fn assert_refused(result: &CommandResult, words: &str) {
    result.assert_error(1, words);
}

fn signature_of(file: &Path) -> Signature {
    let beside = format!("{}.minisig", file.display());
    Signature::parse(&fs::read_to_string(beside).unwrap()).unwrap()
}

/// Replaces a file's signature by one with an office's key and a changed statement.
fn replace_signature(
    split: &SplitRound,
    file: &Path,
    office: &str,
    change: impl Fn(&str) -> String,
) {
    let comment = change(&signature_of(file).comment());
    let key = SigningKey::read(Path::new(&split.signing_key(office))).unwrap();
    let signed = key.sign(&fs::read(file).unwrap(), &comment, file).unwrap();
    fs::write(format!("{}.minisig", file.display()), signed).unwrap();
}

fn screen(split: &SplitRound, exports: &[&str]) -> CommandResult {
    split.screen(exports, "at-centre")
}

#[test]
fn tokens_of_an_export_signed_by_another_agency_are_refused() {
    let split = tokenised_round(&[CASES, VETERANS]);
    for office in ["education", "centre", "procuratorate"] {
        replace_signature(&split, &split.tokens(VETERANS), office, str::to_owned);
        assert_refused(&screen(&split, &[CASES, VETERANS]), "was not signed by");
    }
}

#[test]
fn tokens_signed_by_a_key_that_the_round_does_not_name_are_refused() {
    let split = tokenised_round(&[CASES, VETERANS]);
    let stranger = split.round.path("stranger.signing.key");
    SigningKey::make(&stranger).unwrap();
    replace_signature(&split, &split.tokens(VETERANS), "stranger", str::to_owned);
    assert_refused(&screen(&split, &[CASES, VETERANS]), "was not signed by");
}

#[test]
fn a_signature_made_for_something_else_is_refused() {
    let split = tokenised_round(&[CASES, VETERANS]);
    let file = split.tokens(VETERANS);
    let whole = fs::read_to_string(format!("{}.minisig", file.display())).unwrap();
    let comment = signature_of(&file).comment();
    let value = |start: &str| {
        let part = comment
            .split("; ")
            .find_map(|part| part.strip_prefix(start));
        part.unwrap().to_owned()
    };
    let (terms, key_id) = (value("terms "), value("key id "));
    let changes: [(&str, String, &str); 8] = [
        ("round 2026Q3", "round 2026Q2".to_owned(), "the wrong round"),
        (&terms, "0".repeat(64), "the wrong terms"),
        (
            "tokens veterans.persons",
            "tokens education.students".to_owned(),
            "was not signed by",
        ),
        (
            "tokens veterans.persons",
            "leads".to_owned(),
            "the wrong content",
        ),
        (
            "tokens veterans.persons",
            "key".to_owned(),
            "the wrong content",
        ),
        (
            &key_id,
            "0".repeat(16),
            "a different export or key than the token file",
        ),
        (
            "to plain",
            "to passphrase".to_owned(),
            "the wrong recipient",
        ),
        (
            "aidlink crossing",
            "aidlink manifest".to_owned(),
            "does not state the round",
        ),
    ];
    for (from, to, words) in &changes {
        replace_signature(&split, &file, "veterans", |comment| {
            comment.replacen(from, to, 1)
        });
        assert_refused(&screen(&split, &[CASES, VETERANS]), words);
        fs::write(format!("{}.minisig", file.display()), &whole).unwrap();
    }
    // The other registers did not come, so the lists would be provisional.
    assert_eq!(screen(&split, &[CASES, VETERANS]).code, 3);
}

#[test]
fn the_signature_of_one_file_is_refused_for_another() {
    let split = tokenised_round(&[CASES, VETERANS, STUDENTS]);
    let (veterans, students) = (split.tokens(VETERANS), split.tokens(STUDENTS));
    // The bytes of the students' file, with the veterans' file name and signature.
    fs::copy(&students, &veterans).unwrap();
    write_checksum(&veterans);
    assert_refused(&screen(&split, &[CASES, VETERANS]), "was not signed by");
}

#[test]
fn a_missing_or_truncated_signature_is_refused() {
    let split = tokenised_round(&[CASES, VETERANS]);
    let signature = format!("{}.minisig", split.tokens(VETERANS).display());
    let whole = fs::read(&signature).unwrap();
    for bytes in [
        &b""[..],
        &whole[..whole.len() / 2],
        b"untrusted comment: x\n",
    ] {
        fs::write(&signature, bytes).unwrap();
        assert_refused(
            &screen(&split, &[CASES, VETERANS]),
            "veterans.persons.tokens.parquet",
        );
    }
    fs::remove_file(&signature).unwrap();
    assert_refused(
        &screen(&split, &[CASES, VETERANS]),
        "has no sender's signature",
    );
}

#[test]
fn leads_that_the_centre_did_not_sign_are_refused() {
    let split = tokenised_round(&EXPORTS);
    assert_eq!(screen(&split, &EXPORTS).code, 0);
    let leads = split.round.path("at-centre/to-procuratorate/leads.json");
    for office in ["veterans", "procuratorate"] {
        replace_signature(&split, &leads, office, str::to_owned);
        assert_refused(&split.resolve("at-centre", "lists"), "was not signed by");
    }
}

#[test]
fn text_injected_into_screened_leads_reaches_no_output() {
    let split = tokenised_round(&EXPORTS);
    assert_eq!(screen(&split, &EXPORTS).code, 0);
    let leads = split.round.path("at-centre/to-procuratorate/leads.json");
    let good = fs::read_to_string(&leads).unwrap();
    let text = "ring 13800001234 and ask for the money";
    let with = |change: fn(&mut Value, &str)| {
        let mut document: Value = serde_json::from_str(&good).unwrap();
        change(&mut document, text);
        document.to_string()
    };
    for forged in [
        with(|document, text| document["screening"] = text.into()),
        with(|document, text| document["key_id"] = text.into()),
        with(|document, text| document["note"] = text.into()),
        with(|document, text| document["not_verified_by"][text] = "absent".into()),
        with(|document, text| document["provisional"] = serde_json::json!([{ "reason": text }])),
        with(|document, text| document["case_sources"][0]["file"] = text.into()),
        with(|document, text| document["leads"][0]["aid"] = text.into()),
    ] {
        let unchanged: Value = serde_json::from_str(&good).unwrap();
        assert_ne!(forged, unchanged.to_string());
        fs::write(&leads, &forged).unwrap();
        write_checksum(&leads);
        replace_signature(&split, &leads, "centre", str::to_owned);
        let result = split.resolve("at-centre", "lists");
        assert_eq!(result.code, 1, "{forged:.200}");
        for output in [&result.stdout, &result.stderr] {
            assert!(
                !output.contains("ring") && !output.contains("13800001234"),
                "{output}"
            );
        }
        assert!(!split.round.path("lists").exists());
    }
}

#[test]
fn a_key_sealed_by_a_stranger_is_refused() {
    // The stranger knows the round file and the agency's recipient. Their own round
    // file differs only in one signer, whose key they hold.
    let agency = SplitRound::plain(Round::sample());
    let stranger = SplitRound::copy_of(&agency);
    let own = stranger.signing_key("procuratorate");
    fs::remove_file(&own).unwrap();
    let own = SigningKey::make(Path::new(&own))
        .unwrap()
        .public()
        .to_base64();
    let text = stranger.round.read("round.toml");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let signer = lines
        .iter()
        .position(|line| line.starts_with("procuratorate = "));
    lines[signer.unwrap()] = format!("procuratorate = \"{own}\"");
    stranger.round.write("round.toml", lines.join("\n"));
    let identity = agency.round.path("agency.identity");
    let made = aidlink(&["identity", "new", identity.to_str().unwrap(), "-q"]);
    let recipient = made.stdout.trim().to_owned();
    let sealed = agency.round.path("received.age");
    let seal = aidlink(&[
        "key",
        "seal",
        stranger.round.path("round.toml").to_str().unwrap(),
        "--signing-key",
        &stranger.signing_key("procuratorate"),
        "--recipient",
        &recipient,
        "--out",
        sealed.to_str().unwrap(),
    ]);
    assert_eq!(seal.code, 0, "{}", seal.stderr);
    fs::remove_file(agency.round.path("round.key")).unwrap();
    let round = agency.round.path("round.toml");
    let open = aidlink(&[
        "key",
        "open",
        round.to_str().unwrap(),
        "--sealed",
        sealed.to_str().unwrap(),
        "--identity",
        identity.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_refused(&open, "the signature states the wrong terms");
    assert!(!agency.round.path("round.key").exists());
}

#[test]
fn the_centres_recipient_is_recognised_however_it_is_written() {
    let split = SplitRound::sealed(Round::sample());
    let text = split.round.read("round.toml");
    let centre = text
        .lines()
        .find_map(|line| line.strip_prefix("centre = \"age1"))
        .map(|rest| format!("age1{}", rest.trim_end_matches('"')))
        .unwrap();
    for recipient in [
        centre.clone(),
        format!("{centre} "),
        format!(" {centre}"),
        format!("{centre}\n"),
        centre.to_uppercase(),
    ] {
        let out = split.round.path("sealed.age");
        let result = aidlink(&[
            "key",
            "seal",
            split.round.path("round.toml").to_str().unwrap(),
            "--signing-key",
            &split.signing_key("procuratorate"),
            "--recipient",
            &recipient,
            "--out",
            out.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        assert_refused(&result, "this is the recipient of the centre");
        assert!(!out.exists(), "{recipient:?}");
    }
    // Written in capital letters, the centre's recipient cannot serve as the procuratorate's.
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.starts_with("procuratorate = \"age1") {
            true => format!("procuratorate = \"{}\"", centre.to_uppercase()),
            false => line.to_owned(),
        })
        .collect();
    split.round.write("round.toml", lines.join("\n"));
    let words = "`centre` and `procuratorate` are the same recipient";
    split.tokenise(VETERANS).assert_error(2, words);
}

#[test]
fn editing_the_round_file_cannot_give_two_rounds_the_same_tokens() {
    let split = tokenised_round(&[VETERANS]);
    let before = split.round.path("before.parquet");
    fs::copy(split.tokens(VETERANS), &before).unwrap();
    let tokenise_after = |from: &str, to: &str| {
        split.round.replace("round.toml", from, to);
        let _ = fs::remove_dir_all(split.round.path(&format!("at-{VETERANS}")));
        split.tokenise(VETERANS)
    };
    // The key file names its round. Editing that too changes the tokens.
    assert_ne!(
        tokenise_after("round = \"2026Q3\"", "round = \"2026Q4\"").code,
        0
    );
    let key = split.round.read("round.key").replace("2026Q3", "2026Q4");
    split.round.write("round.key", key);
    assert_eq!(split.tokenise(VETERANS).code, 0);
    let shared = read_tokens(&before)
        .intersection(&read_tokens(&split.tokens(VETERANS)))
        .count();
    assert_eq!(shared, 0, "two rounds must not share tokens");
}

fn read_tokens(file: &Path) -> BTreeSet<Vec<u8>> {
    let file = fs::File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut tokens = BTreeSet::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let column = batch.column_by_name("token").unwrap();
        let column = column.as_any().downcast_ref::<FixedSizeBinaryArray>();
        tokens.extend(column.unwrap().iter().flatten().map(<[u8]>::to_vec));
    }
    assert!(!tokens.is_empty());
    tokens
}

#[test]
fn a_step_refuses_the_signing_key_of_another_office() {
    let split = tokenised_round(&[CASES]);
    let round = split.round.path("round.toml");
    let output = split.round.path("at-nowhere");
    let result = aidlink_screen(&[
        "run",
        round.to_str().unwrap(),
        "--tokens",
        split.tokens(CASES).to_str().unwrap(),
        "--signing-key",
        &split.signing_key("veterans"),
        "--output",
        output.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_refused(
        &result,
        "does not match the public key of centre in the round file",
    );
    assert!(!output.exists());
}

#[test]
fn changing_a_plain_file_after_its_verification_changes_nothing() {
    let split = tokenised_round(&[CASES]);
    let (terms, _) = WrittenRound::read(&split.round.path("round.toml"))
        .and_then(|written| written.planned(Mode::Split, Reads::Nothing))
        .unwrap();
    let file = split.tokens(CASES);
    let sent = fs::read(&file).unwrap();
    let beside = tempfile::tempdir().unwrap();
    let mut received = receive(&file, &terms, Expected::Tokens, None, beside.path()).unwrap();
    // Nobody can change the copy either: it has no name.
    assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0);
    // In the same file, and by another file.
    let mut open = fs::File::options().write(true).open(&file).unwrap();
    open.write_all(&vec![0; sent.len()]).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "another file").unwrap();
    let mut read = Vec::new();
    received.plain.file.read_to_end(&mut read).unwrap();
    assert!(read == sent);
    assert_eq!(received.plain.digest, blake3::hash(&sent).to_hex().as_str());
    let as_received = &received.plain.digest_as_received;
    assert_eq!(*as_received, received.plain.digest);
}

/// What the manifest says of a received file is true of the bytes that were verified, and
/// not of what is at its path when the step ends: a purge deletes what has this digest.
#[cfg(unix)]
#[test]
fn the_digest_of_a_received_file_is_that_of_the_opened_one() {
    let split = SplitRound::sealed(Round::sample());
    for export in [CASES, VETERANS] {
        assert_eq!(split.tokenise(export).code, 0);
    }
    let sealed = split.tokens(VETERANS);
    let digest = |path: &Path| blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
    // A link is opened, and its file has a digest like any other.
    let real = split.round.path("real.age");
    fs::rename(&sealed, &real).unwrap();
    std::os::unix::fs::symlink(&real, &sealed).unwrap();
    assert_eq!(split.screen(&[CASES, VETERANS], "at-centre").code, 3);
    let manifest = fs::read(split.round.path("at-centre/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for received in manifest["received"].as_array().unwrap() {
        let path = match received["export"].as_str() {
            Some(VETERANS) => real.clone(),
            _ => split.tokens(CASES),
        };
        assert_eq!(received["blake3"], digest(&path), "{received}");
        assert_ne!(received["blake3"], received["plain_blake3"]);
    }
    let screened = split.screen(&[CASES, VETERANS], "again");
    assert_eq!(screened.code, 3, "{}", screened.stderr);
    assert_eq!(split.resolve("again", "lists").code, 3);
    let manifest = fs::read(split.round.path("lists/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let leads = split.round.path("again/to-procuratorate/leads.json.age");
    assert_eq!(manifest["received"][0]["blake3"], digest(&leads));
}

#[test]
fn nobody_can_exchange_a_public_key_for_a_link_to_a_secret_while_it_is_made() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let secret = path("secret");
    fs::write(&secret, "of somebody else").unwrap();
    set_mode(&secret, 0o600);
    for key in 0..100 {
        let (key, public) = (path(&format!("{key}.key")), path(&format!("{key}.pub")));
        let is_made = AtomicBool::new(false);
        let mode = |file: &Path| Some(fs::metadata(file).ok()?.permissions().mode() & 0o777);
        let mode_at_first = std::thread::scope(|scope| {
            let attacker = scope.spawn(|| {
                while !is_made.load(Ordering::Relaxed) {
                    let Some(mode) = mode(&public) else { continue };
                    fs::remove_file(&public).unwrap();
                    symlink(&secret, &public).unwrap();
                    return Some(mode);
                }
                mode(&public)
            });
            SigningKey::make(&key).unwrap();
            is_made.store(true, Ordering::Relaxed);
            attacker.join().unwrap()
        });
        // It had its mode when it got its name.
        assert_eq!(mode_at_first, Some(0o644));
        assert_eq!(mode(&secret), Some(0o600));
    }
}

#[test]
fn a_received_file_with_a_personal_number_in_its_name_is_refused() {
    let split = tokenised_round(&EXPORTS);
    let renamed = |file: &Path, name: &str| {
        let to = split.round.path(name);
        for suffix in ["", ".sha256", ".minisig"] {
            let from = format!("{}{suffix}", file.display());
            fs::copy(from, format!("{}{suffix}", to.display())).unwrap();
        }
        write_checksum(&to);
        to.to_str().unwrap().to_owned()
    };
    let words = "the file name contains digits in the form of an ID";
    let cases = split.tokens(CASES).to_str().unwrap().to_owned();
    let tokens = renamed(&split.tokens(VETERANS), "13800001234.tokens.parquet");
    let done = split.screen_files(&[&cases, &tokens], "at-centre");
    assert_refused(&done, words);
    assert!(!done.stderr.contains("13800001234"), "{}", done.stderr);
    assert!(!split.round.path("at-centre").exists());
    assert_eq!(screen(&split, &EXPORTS).code, 0);
    let folder = split.round.path("449901 19900101 011X/to-procuratorate");
    fs::create_dir_all(&folder).unwrap();
    renamed(
        &split.round.path("at-centre/to-procuratorate/leads.json"),
        "449901 19900101 011X/to-procuratorate/leads.json",
    );
    let done = split.resolve("449901 19900101 011X", "lists");
    assert_refused(&done, words);
    assert!(!done.stderr.contains("011X"), "{}", done.stderr);
}

/// Names are text in manifest and log, and a purge finds the files by them.
#[test]
fn a_received_file_with_a_name_that_is_not_text_is_refused_for_it() {
    use std::os::unix::ffi::OsStrExt as _;
    let split = tokenised_round(&EXPORTS);
    for place in ["received", "received/inner"] {
        let tokens = split.tokens(VETERANS);
        let folder = split.round.path(place);
        fs::create_dir_all(&folder).unwrap();
        let name = |suffix: &str| {
            let name = [b"b\xff.tokens.parquet", suffix.as_bytes()].concat();
            folder.join(std::ffi::OsStr::from_bytes(&name))
        };
        for suffix in ["", ".sha256", ".minisig"] {
            fs::copy(format!("{}{suffix}", tokens.display()), name(suffix)).unwrap();
        }
        let program = Path::new(env!("CARGO_BIN_EXE_aidlink")).with_file_name("aidlink-screen");
        let output = std::process::Command::new(program)
            .arg("run")
            .arg(split.round.path("round.toml"))
            .args([
                "--lang",
                "en",
                "--signing-key",
                &split.signing_key("centre"),
            ])
            .arg("--output")
            .arg(split.round.path("at-centre"))
            .arg("--tokens")
            .args([split.tokens(CASES), name("")])
            .output()
            .unwrap();
        let refused = crate::support::command_result(output);
        assert_refused(&refused, "is not UTF-8 text");
        assert!(!split.round.path("at-centre").exists());
    }
}

/// Points of low order, each also with the highest bit, which does not count.
const OPEN_TO_ALL: [&str; 14] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1anllllllllllllllllllllllllllllllllllllllllllllllllls3hcv9z",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllllsh3g6la",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllllsam3fc4",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhzqqxqejhu",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz8ts72fzt7",
];

#[test]
fn nothing_is_sealed_to_a_recipient_that_everybody_can_open() {
    let split = SplitRound::plain(Round::sample());
    for recipient in OPEN_TO_ALL {
        let out = split.round.path("key.age");
        let round_file = split.round.path("round.toml");
        let result = aidlink(&[
            "key",
            "seal",
            round_file.to_str().unwrap(),
            "--recipient",
            recipient,
            "--out",
            out.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        assert!(
            [1, 2].contains(&result.code),
            "{recipient}: {}",
            result.stderr
        );
        assert!(!result.stderr.contains("panicked"), "{}", result.stderr);
        assert!(
            result.stderr.contains("recipient") && !out.exists(),
            "{}",
            result.stderr
        );
    }
}

/// The other recipient can open the file too.
#[test]
fn a_file_that_is_sealed_to_several_recipients_is_refused() {
    let split = SplitRound::plain(Round::sample());
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("identity");
    let made = aidlink(&["identity", "new", identity.to_str().unwrap(), "-q"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let sealed = folder.path().join("key.age");
    for (kinds, is_refused) in [
        (&["X25519"][..], false),
        (&["X25519", "abc-grease"], false),
        (&["abc-grease", "X25519"], false),
        (&["X25519"; 2], true),
        (&["X25519"; 3], true),
        (&["X25519", "ssh-ed25519"], true),
        (&["ssh-rsa", "X25519"], true),
        (&["X25519", "piv-p256"], true),
        (&["X25519", "mlkem768x25519"], true),
        (&["X25519", "scrypt"], true),
        (&["ssh-ed25519"], true),
        (&["X25519", "grease"], true),
        (&["X25519", "a-grease", "b-grease"], true),
    ] {
        let stanzas = kinds.iter().map(|kind| format!("-> {kind} AAAA\nBBBB\n"));
        let stanzas: String = stanzas.collect();
        let header = format!("age-encryption.org/v1\n{stanzas}--- mac\n");
        fs::write(&sealed, header + "content").unwrap();
        let result = aidlink(&[
            "key",
            "open",
            split.round.path("round.toml").to_str().unwrap(),
            "--sealed",
            sealed.to_str().unwrap(),
            "--identity",
            identity.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        assert_ne!(result.code, 0);
        let is_told = result.stderr.contains("sealed to more than one recipient");
        assert_eq!(is_told, is_refused, "{kinds:?}: {}", result.stderr);
    }
}

/// Numbers from the prime on, or with the highest bit: each is the same key as a smaller number.
const SECOND_SPELLINGS: [&str; 5] = [
    "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqyr3apl",
    "age17mlllllllllllllllllllllllllllllllllllllllllllllllalsxajvgg",
    "age1allllllllllllllllllllllllllllllllllllllllllllllllalslencen",
    "age1lllllllllllllllllllllllllllllllllllllllllllllllllalsjzdrvv",
    "age1a0lllllllllllllllllllllllllllllllllllllllllllllllllsr9n43d",
];
/// The first spelling of the first and of the last of them.
const FIRST_SPELLINGS: [&str; 2] = [
    "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq8r66x",
    "age1a0lllllllllllllllllllllllllllllllllllllllllllllllals8ppj25",
];

/// Otherwise two recipients that differ as text could be the same, and the key could be sealed to
/// the centre.
#[test]
fn a_recipient_has_one_spelling() {
    let split = SplitRound::sealed(Round::sample());
    let text = split.round.read("round.toml");
    let seal = |recipient: &str| {
        let out = split.round.path("sealed.age");
        let round_file = split.round.path("round.toml");
        let result = aidlink(&[
            "key",
            "seal",
            round_file.to_str().unwrap(),
            "--signing-key",
            &split.signing_key("procuratorate"),
            "--recipient",
            recipient,
            "--out",
            out.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        (result, out)
    };
    for recipient in FIRST_SPELLINGS {
        let (result, out) = seal(recipient);
        let text = "is not an age recipient";
        assert!(!result.stderr.contains(text), "{}", result.stderr);
        let _ = fs::remove_file(out);
    }
    for recipient in SECOND_SPELLINGS {
        let (result, out) = seal(recipient);
        assert_refused(&result, "is not an age recipient");
        assert!(!out.exists());
        for office in ["centre", "procuratorate"] {
            let start = format!("{office} = \"age1");
            let lines: Vec<String> = text
                .lines()
                .map(|line| match line.starts_with(&start) {
                    true => format!("{office} = \"{recipient}\""),
                    false => line.to_owned(),
                })
                .collect();
            split.round.write("round.toml", lines.join("\n"));
            let result = split.tokenise(VETERANS);
            assert_eq!(result.code, 2, "{office} {recipient}: {}", result.stderr);
            assert!(result.stderr.contains("recipient"), "{}", result.stderr);
        }
        split.round.write("round.toml", &text);
    }
}

/// An agency that damages a single row of its file and asks to have it screened learns from the
/// answer whether the person is a case party, if only their rows are looked at.
#[test]
fn a_damaged_row_is_refused_alike_whether_it_is_of_a_case_party_or_not() {
    for of_case_party in [true, false] {
        let split = tokenised_round(&[CASES, VETERANS]);
        let parties = read_tokens(&split.tokens(CASES));
        let file = split.tokens(VETERANS);
        let read =
            ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&file).unwrap()).unwrap();
        let metadata = read
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .cloned();
        let schema = read.schema().clone();
        let batches: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
        let mut damaged = false;
        let properties = WriterProperties::builder()
            .set_key_value_metadata(metadata)
            .build();
        let output = fs::File::create(&file).unwrap();
        let mut writer = ArrowWriter::try_new(output, schema, Some(properties)).unwrap();
        for batch in batches {
            let tokens = batch
                .column(0)
                .as_any()
                .downcast_ref::<FixedSizeBinaryArray>();
            let mut tokens = tokens.unwrap().iter().flatten();
            let row = tokens.position(|token| parties.contains(token) == of_case_party);
            let mut columns = batch.columns().to_vec();
            if let Some(row) = row.filter(|_| !damaged) {
                let outcomes = columns[1].as_any().downcast_ref::<UInt8Array>().unwrap();
                let mut outcomes = outcomes.values().to_vec();
                outcomes[row] = 4;
                columns[1] = std::sync::Arc::new(UInt8Array::from(outcomes));
                damaged = true;
            }
            let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
            writer.write(&batch).unwrap();
        }
        writer.close().unwrap();
        assert!(damaged, "{of_case_party}");
        replace_signature(&split, &file, "veterans", str::to_owned);
        write_checksum(&file);
        let result = split.screen(&[CASES, VETERANS], "screened");
        assert_refused(&result, "does not hold outcomes");
    }
}
