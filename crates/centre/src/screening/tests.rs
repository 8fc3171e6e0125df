//! Tests which token files the centre opens and which it refuses, with the
//! messages that users read.

use std::fs::{self, File};

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::{Token, TokenAlgorithm};
use aidlink_contract::token_file::{SentAccount, TokenFileWriter};
use aidlink_contract::token_table::{CASE_EXPORT, Origin};
use aidlink_office::round::{Mode, Reads, Round};
use aidlink_office::signing::SigningKey;
use aidlink_office::statement::TO_PLAIN;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::*;

const VETERANS: &str = "veterans.persons";
const STUDENTS: &str = "education.students";
/// An export that rules of the policy read but the round does not have.
const ASSISTANCE: &str = "civil-affairs.assistance";

/// A split round whose files cross in plain form.
struct TestRound {
    folder: tempfile::TempDir,
    terms: RoundTerms,
    /// The signing key of each office.
    keys: Vec<(&'static str, SigningKey)>,
}

impl TestRound {
    fn new() -> Self {
        // Read the variable at run time: two checkouts may share a target folder.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).join("../..");
        let shipped = |path: &str| root.join(path).display().to_string();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut text = format!(
            r#"round = "2026Q3"
as_of = 2026-09-30
purpose = "joint-screening"
mode = "split"
operator = "an operator"
retention_until = 2026-12-31
policy = '{}'
schemas = '{}'
calendar = '{}'
output = "output"
[impact_assessment]
id = "PIA-1"
valid_until = 2027-06-30
[key]
file = "round.key"
algorithm = "hmac-sha256"
[sealing]
plain = ["tokens", "leads"]
[thresholds]
snapshot_age_days = 92
reject_rate = 0.05
"#,
            shipped("policies/shaoguan.toml"),
            shipped("schemas"),
            shipped("calendars/china.toml"),
        );
        for export in [CASE_EXPORT, VETERANS, STUDENTS] {
            text += &format!(
                "[[export]]\nschema = \"{export}\"\npath = \"{export}.csv\"\nsnapshot = 2026-09-28\nlegal_basis = \"synthetic\"\n"
            );
        }
        text += "[signing.signers]\n";
        let mut keys = Vec::new();
        for office in ["centre", "procuratorate", "veterans", "education"] {
            let path = folder.path().join(format!("{office}.key"));
            let key = SigningKey::make(&path).expect("a writable folder");
            text += &format!("{office} = \"{}\"\n", key.public().to_base64());
            keys.push((office, key));
        }
        let file = folder.path().join("round.toml");
        fs::write(&file, text).expect("a writable folder");
        let round = match Round::read(&file, None, Mode::Split, Reads::Nothing) {
            Ok(round) => round,
            Err(faults) => panic!("{:?}", sentences(faults)),
        };
        TestRound {
            folder,
            terms: round.terms,
            keys,
        }
    }

    /// A head that matches the round in every field.
    fn head(&self, export: &str, rows: u64) -> TokenFileHead {
        let terms = &self.terms;
        let schema = terms.schemas.get(export).expect("a shipped schema");
        TokenFileHead {
            origin: Origin {
                round: terms.round.clone(),
                as_of: terms.as_of,
                policy_digest: terms.policy.digest.clone(),
                key_id: "0".repeat(16),
                algorithm: terms.algorithm,
                export: export.to_owned(),
                snapshot: Date::constant(2026, 9, 28),
            },
            schema_digest: schema.digest.clone(),
            reading_digest: None,
            fields_missing: Vec::new(),
            sources: Vec::new(),
            account: SentAccount {
                rows,
                sent: rows,
                ..SentAccount::default()
            },
            asks_who_receives: false,
        }
    }

    /// Writes a token file with these tokens, and its checksum and signature
    /// beside it.
    fn written(&self, name: &str, head: &TokenFileHead, tokens: &[u8]) -> PathBuf {
        let rules = self.terms.policy.rule_ids(&head.origin.export);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let path = self.folder.path().join(name);
        let file = File::create(&path).expect("a writable folder");
        let mut writer = TokenFileWriter::begin(file, &rules).expect("a writable file");
        for byte in tokens {
            let outcomes = rules.iter().map(|_| Outcome::Unknown);
            let token = Token::from_bytes([*byte; Token::LENGTH]);
            writer.push(token, outcomes).expect("a writable file");
        }
        writer.finish(head).expect("a writable file");
        self.sign(&path, head);
        path
    }

    /// Writes the checksum and the signature beside a file, as its agency would.
    /// A file of an export outside the round is signed as the veterans' tokens.
    fn sign(&self, path: &Path, head: &TokenFileHead) {
        add_checksum(path);
        let export = match self.terms.export(&head.origin.export) {
            Some(export) => &export.schema,
            None => {
                &self
                    .terms
                    .export(VETERANS)
                    .expect("the export is in the round")
                    .schema
            }
        };
        let statement = Statement {
            round: self.terms.round.clone(),
            terms: self.terms.terms_digest(),
            content: Content::Tokens(export.name.clone()),
            key_id: head.origin.key_id.clone(),
            to: TO_PLAIN.to_owned(),
        };
        let mut keys = self.keys.iter();
        let (_, key) = keys
            .find(|(office, _)| *office == export.agency)
            .expect("every agency has a key");
        let bytes = fs::read(path).expect("a readable file");
        let signature = key
            .sign(&bytes, &statement.to_comment(), path)
            .expect("the file can be signed");
        fs::write(format!("{}.minisig", path.display()), signature).expect("a writable folder");
    }

    /// Writes a valid file of an export under its usual name.
    fn valid(&self, export: &str) -> PathBuf {
        let name = format!("{export}.tokens.parquet");
        self.written(&name, &self.head(export, 2), &[3, 7])
    }

    /// Writes a file whose head is valid except for one change.
    fn with(&self, export: &str, change: impl Fn(&mut TokenFileHead)) -> PathBuf {
        let mut head = self.head(export, 2);
        change(&mut head);
        self.written("changed.tokens.parquet", &head, &[3, 7])
    }

    fn open(&self, paths: &[PathBuf]) -> Result<Vec<OpenedFile>, Faults> {
        open_files(&self.terms, paths, None, self.folder.path())
    }

    fn refused(&self, paths: &[PathBuf]) -> Vec<(String, String)> {
        match self.open(paths) {
            Ok(_) => panic!("the files were accepted"),
            Err(faults) => sentences(faults),
        }
    }

    fn agency(&self, export: &str) -> String {
        let schema = self.terms.schemas.get(export).expect("a shipped schema");
        self.terms.policy.agency_name(&schema.agency).en
    }
}

fn add_checksum(path: &Path) {
    let bytes = fs::read(path).expect("a readable file");
    let sum = hex::encode(Sha256::digest(bytes));
    let beside = format!("{}.sha256", path.display());
    fs::write(beside, format!("{sum}  x\n")).expect("a writable folder");
}

/// Returns the message and the hint of each fault, in English.
fn sentences(faults: Faults) -> Vec<(String, String)> {
    let faults = faults.into_iter();
    faults
        .map(|fault| (fault.message.en, fault.hint.en))
        .collect()
}

#[test]
fn files_of_the_round_are_opened() {
    let round = TestRound::new();
    let paths = [CASE_EXPORT, VETERANS, STUDENTS].map(|export| round.valid(export));
    let opened = round.open(&paths).expect("valid files");
    let exports = opened.iter().map(|file| &file.received.head.origin.export);
    assert_eq!(
        exports.collect::<Vec<_>>(),
        [CASE_EXPORT, VETERANS, STUDENTS]
    );
    let (files, cases, registers) = read_tables(&round.terms, opened).expect("valid files");
    assert_eq!(cases.tokens().len(), 2);
    assert_eq!(files.len(), 3);
    assert!(registers.iter().all(|register| register.matched() == 2));
}

#[test]
fn a_file_of_another_round_is_refused_and_the_difference_is_named() {
    type Change = fn(&mut TokenFileHead);
    let changes: [(Change, &str); 6] = [
        (|head| head.origin.round = "2026Q2".into(), "round"),
        (
            |head| head.origin.as_of = Date::constant(2026, 9, 29),
            "as-of date",
        ),
        (|head| head.origin.policy_digest = "0".repeat(64), "policy"),
        (|head| head.schema_digest = "0".repeat(64), "schema"),
        (
            |head| head.origin.algorithm = TokenAlgorithm::HmacSm3,
            "token algorithm",
        ),
        (
            |head| head.origin.snapshot = Date::constant(2026, 9, 27),
            "snapshot",
        ),
    ];
    let round = TestRound::new();
    for export in [CASE_EXPORT, VETERANS] {
        for (change, what) in changes {
            let faults = round.refused(&[round.with(export, change)]);
            let agency = round.agency(export);
            assert_eq!(
                faults,
                [(
                    format!("the {what} of the token file does not match this round"),
                    format!("ask {agency} to tokenise and send again")
                )]
            );
        }
    }
    // All files are checked, and every fault is reported.
    let paths = [
        round.with(VETERANS, |head| head.origin.round = "2026Q2".into()),
        round.folder.path().join("nowhere.parquet"),
    ];
    assert_eq!(round.refused(&paths).len(), 2);
}

#[test]
fn a_file_of_an_export_outside_the_round_is_refused() {
    let round = TestRound::new();
    let faults = round.refused(&[round.valid(CASE_EXPORT), round.valid(ASSISTANCE)]);
    let again = "ask the agency to tokenise and send again";
    let other = "the export of the token file does not match this round";
    assert_eq!(faults, [(other.to_owned(), again.to_owned())]);
    // An export that is not in the policy either; its name is not shown.
    let named = round.with(VETERANS, |head| head.origin.export = "张某".into());
    let faults = round.refused(&[round.valid(CASE_EXPORT), named]);
    assert_eq!(faults, [(other.to_owned(), again.to_owned())]);
}

#[test]
fn a_file_made_with_another_key_is_refused_and_both_key_ids_are_shown() {
    let round = TestRound::new();
    let other = round.with(VETERANS, |head| head.origin.key_id = "1".repeat(16));
    let faults = round.refused(&[round.valid(CASE_EXPORT), round.valid(STUDENTS), other]);
    assert_eq!(
        faults,
        [(
            "veterans.persons was tokenised with the key 1111111111111111, the case parties with 0000000000000000".to_owned(),
            "ask the agency to tokenise again with the key of this round".to_owned()
        )]
    );
    // Text in place of the key id is not shown.
    let named = round.with(VETERANS, |head| head.origin.key_id = "张某".into());
    let faults = round.refused(&[round.valid(CASE_EXPORT), named]);
    assert_eq!(faults.len(), 1);
    assert_eq!(
        faults[0].0,
        "a digest or the key id in the file's metadata is malformed"
    );
}

#[test]
fn two_files_of_an_export_and_missing_case_parties_are_refused() {
    let round = TestRound::new();
    let again = round.with(VETERANS, |_| {});
    let faults = round.refused(&[round.valid(CASE_EXPORT), round.valid(VETERANS), again]);
    assert_eq!(
        faults,
        [(
            "there is already a token file of veterans.persons, veterans.persons.tokens.parquet"
                .to_owned(),
            "keep one of them".to_owned()
        )]
    );
    let without = [(
        "there is no token file of the case parties".to_owned(),
        "ask the procuratorate to send its token file".to_owned(),
    )];
    for paths in [vec![], vec![round.valid(VETERANS)]] {
        assert_eq!(round.refused(&paths), without);
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_both_versions_are_named() {
    let round = TestRound::new();
    let path = round.valid(VETERANS);
    let mut bytes = fs::read(&path).expect("a readable file");
    let version = b"\"version\":2";
    let at = bytes
        .windows(version.len())
        .position(|part| part == version);
    bytes[at.expect("metadata") + version.len() - 1] = b'4';
    fs::write(&path, bytes).expect("a writable folder");
    round.sign(&path, &round.head(VETERANS, 2));
    let faults = round.refused(&[round.valid(CASE_EXPORT), path]);
    assert_eq!(
        faults,
        [(
            "a newer aidlink wrote it (token file version 4; this one reads up to 3)".to_owned(),
            "use the aidlink version that wrote it, or a newer one".to_owned()
        )]
    );
}

#[test]
fn tables_that_violate_the_contract_are_refused_and_the_agency_is_named() {
    let round = TestRound::new();
    let rows = |export: &str, tokens: &[u8]| {
        let head = round.head(export, tokens.len() as u64);
        round.written(&format!("{export}.rows.parquet"), &head, tokens)
    };
    let faults = |paths: &[PathBuf]| {
        let opened = round.open(paths).expect("valid heads");
        match read_tables(&round.terms, opened) {
            Ok(_) => panic!("the rows were accepted"),
            Err(faults) => sentences(faults),
        }
    };
    let again = |export: &str| format!("ask {} to tokenise and send again", round.agency(export));
    let unsorted = "the token table is not sorted by token (row 1)".to_owned();
    let cases = rows(CASE_EXPORT, &[3, 3, 7]);
    assert_eq!(
        faults(&[cases, rows(VETERANS, &[7, 3]), rows(STUDENTS, &[1, 3, 3]),]),
        [
            (unsorted.clone(), again(VETERANS)),
            (
                "a token appears twice in the token table (row 2)".to_owned(),
                again(STUDENTS)
            ),
        ]
    );
    // Registers are checked even if the case parties cannot be read.
    assert_eq!(
        faults(&[rows(CASE_EXPORT, &[7, 3]), rows(VETERANS, &[9, 3])]),
        [
            (unsorted.clone(), again(CASE_EXPORT)),
            (unsorted, again(VETERANS)),
        ]
    );
}

#[test]
fn token_files_are_named_files_and_the_files_in_named_folders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("received")).expect("a writable folder");
    fs::create_dir(at("empty")).expect("a writable folder");
    for name in [
        "b.parquet.age",
        "a.parquet",
        "a.parquet.sha256",
        "notes.txt",
    ] {
        fs::write(at("received").join(name), "").expect("a writable file");
    }
    fs::write(at("empty/notes.txt"), "").expect("a writable file");
    let in_folder = ["a.parquet", "b.parquet.age"].map(|name| at("received").join(name));
    assert_eq!(token_files(&[at("received")]), Ok(in_folder.to_vec()));
    // A named file is taken whatever its name, even if it does not exist.
    let named = [at("received/notes.txt"), at("nowhere"), at("received")];
    let mut expected = named[..2].to_vec();
    expected.extend(in_folder.clone());
    assert_eq!(token_files(&named), Ok(expected));
    assert_eq!(token_files(&[]), Ok(Vec::new()));
    // A mail program, a browser or a person changed the name.
    for name in [
        "a.parquet (1).age",
        "a.parquet(1)",
        "b.parquet.AGE",
        "A.PARQUET",
        "b.parquet.age.bin",
        "b_parquet.age",
        "attachment-1",
        "b.parquet．age",
        "._b.parquet.age",
        "._a.parquet",
    ] {
        let renamed = at("received").join(name);
        for content in ["PAR1 and more", "age-encryption.org/v1\n-> X25519"] {
            fs::write(&renamed, content).expect("a writable file");
            let fault = token_files(&[at("received")]).expect_err("a changed name");
            assert_eq!(fault.file, renamed);
        }
        // What people and programs put beside it.
        for content in [
            "",
            "PAR",
            "digest by telephone",
            "[ZoneTransfer]",
            "\0\u{5}\u{16}\u{7}",
        ] {
            fs::write(&renamed, content).expect("a writable file");
            assert_eq!(token_files(&[at("received")]), Ok(in_folder.to_vec()));
        }
        fs::remove_file(renamed).expect("just written");
    }
    fs::create_dir(at("received/old.parquet.d")).expect("a writable folder");
    assert_eq!(token_files(&[at("received")]), Ok(in_folder.to_vec()));
    let fault = token_files(&[at("received"), at("empty")]).expect_err("no token file in it");
    assert_eq!(fault.file, at("empty"));
    assert_eq!(fault.message.en, "the folder has no token file");
    assert_eq!(
        fault.hint.en,
        "name a folder with token files (.parquet or .parquet.age)"
    );
}

#[test]
fn the_screening_id_depends_only_on_the_order_of_exports_and_the_digests() {
    let round = TestRound::new();
    let received = |export: &str, digit: &str| ReceivedFile {
        name: String::new(),
        path: PathBuf::new(),
        digest: digit.repeat(64),
        digest_as_received: digit.repeat(64),
        byte_length: 0,
        head: round.head(export, 0),
    };
    let id = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(export, digit)| received(export, digit));
        screening_id(&files.collect::<Vec<_>>())
    };
    // The hashed text is documented in docs/formats.md.
    let text = format!(
        "procuratorate.case-parties\n{}\nveterans.persons\n{}\n",
        "a".repeat(64),
        "b".repeat(64)
    );
    let expected = blake3::hash(text.as_bytes()).to_hex().to_string();
    assert_eq!(id(&[(CASE_EXPORT, "a"), (VETERANS, "b")]), expected);
    for other in [
        &[(CASE_EXPORT, "a")][..],
        &[(CASE_EXPORT, "a"), (VETERANS, "c")],
        &[(CASE_EXPORT, "a"), (STUDENTS, "b")],
        &[(CASE_EXPORT, "b"), (VETERANS, "a")],
        &[(VETERANS, "b"), (CASE_EXPORT, "a")],
    ] {
        assert_ne!(id(other), expected);
    }
    // Name, path, length and the rest of the head do not change the id.
    let changes: [fn(&mut ReceivedFile); 5] = [
        |file| file.name = "renamed.parquet".into(),
        |file| file.path = "elsewhere/a.parquet".into(),
        |file| file.byte_length = 11,
        |file| file.head.origin.key_id = "1".repeat(16),
        |file| file.head.account.rows = 11,
    ];
    for change in changes {
        let mut files = [received(CASE_EXPORT, "a"), received(VETERANS, "b")];
        files.iter_mut().for_each(change);
        assert_eq!(screening_id(&files), expected);
    }
}

#[test]
fn an_absent_export_is_described_as_late_or_outside_the_round() {
    let round = TestRound::new();
    let message = |export, reason| not_verified_text(&round.terms, export, reason);
    for (export, reason, zh, en) in [
        (VETERANS, NotVerified::Absent, "尚未送达", "is missing"),
        (
            ASSISTANCE,
            NotVerified::Absent,
            "不在本轮之内",
            "is not part of this round",
        ),
        (VETERANS, NotVerified::Stale, "过旧", "is stale"),
    ] {
        let text = message(export, reason);
        assert!(
            text.zh.starts_with(&format!("{export} {zh}：")),
            "{}",
            text.zh
        );
        assert!(
            text.en.starts_with(&format!("{export} {en}: ")),
            "{}",
            text.en
        );
        // Only an export of the round can arrive later.
        assert_eq!(text.en.contains("screen again"), export == VETERANS);
    }
}
