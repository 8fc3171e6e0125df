//! Token files as the centre opens them: what it refuses, each with the sentence
//! that a user reads.

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
/// Rules of the policy read it, and the round does not have it.
const ASSISTANCE: &str = "civil-affairs.assistance";

/// A split round in plain files.
struct Place {
    folder: tempfile::TempDir,
    terms: RoundTerms,
    /// The key that each office signs with.
    keys: Vec<(&'static str, SigningKey)>,
}

impl Place {
    fn new() -> Self {
        // By the variable at run time: binaries of two checkouts may share a target folder.
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
            let key = SigningKey::make(&path).expect("a fresh folder");
            text += &format!("{office} = \"{}\"\n", key.public().to_base64());
            keys.push((office, key));
        }
        let file = folder.path().join("round.toml");
        fs::write(&file, text).expect("a fresh folder");
        let round = match Round::read(&file, None, Mode::Split, Reads::Nothing) {
            Ok(round) => round,
            Err(faults) => panic!("{:?}", sentences(faults)),
        };
        Place {
            folder,
            terms: round.terms,
            keys,
        }
    }

    /// What an agency's file says that is right in everything.
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
            sources: Vec::new(),
            account: SentAccount {
                rows,
                sent: rows,
                ..SentAccount::default()
            },
        }
    }

    /// A token file with these tokens, its checksum and signature beside it.
    fn written(&self, name: &str, head: &TokenFileHead, tokens: &[u8]) -> PathBuf {
        let rules = self.terms.policy.rule_ids(&head.origin.export);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let path = self.folder.path().join(name);
        let file = File::create(&path).expect("the test's folder");
        let mut writer = TokenFileWriter::begin(file, &rules).expect("room");
        for byte in tokens {
            let outcomes = rules.iter().map(|_| Outcome::Unknown);
            let token = Token::from_bytes([*byte; Token::LENGTH]);
            writer.push(token, outcomes).expect("room");
        }
        writer.finish(head).expect("room");
        self.sign(&path, head);
        path
    }

    /// Writes checksum and signature beside a file, as its agency would. What is
    /// of no export of the round is signed as the veterans' tokens.
    fn sign(&self, path: &Path, head: &TokenFileHead) {
        add_checksum(path);
        let export = match self.terms.export(&head.origin.export) {
            Some(export) => &export.schema,
            None => &self.terms.export(VETERANS).expect("it is there").schema,
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
        let bytes = fs::read(path).expect("the test's file");
        let signature = key
            .sign(&bytes, &statement.to_comment(), path)
            .expect("it is signed");
        fs::write(format!("{}.minisig", path.display()), signature).expect("the test's folder");
    }

    /// A good file of an export, under its usual name.
    fn good(&self, export: &str) -> PathBuf {
        let name = format!("{export}.tokens.parquet");
        self.written(&name, &self.head(export, 2), &[3, 7])
    }

    /// A file that is right but for one change.
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
            Ok(_) => panic!("the files were taken"),
            Err(faults) => sentences(faults),
        }
    }

    fn agency(&self, export: &str) -> String {
        let schema = self.terms.schemas.get(export).expect("a shipped schema");
        self.terms.policy.agency_name(&schema.agency).en
    }
}

fn add_checksum(path: &Path) {
    let bytes = fs::read(path).expect("the test's file");
    let sum: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let beside = format!("{}.sha256", path.display());
    fs::write(beside, format!("{sum}  x\n")).expect("the test's folder");
}

/// What happened and what to do, of each fault.
fn sentences(faults: Faults) -> Vec<(String, String)> {
    let faults = faults.into_iter();
    faults
        .map(|fault| (fault.message.en, fault.hint.en))
        .collect()
}

#[test]
fn files_that_are_of_the_round_are_opened() {
    let place = Place::new();
    let paths = [CASE_EXPORT, VETERANS, STUDENTS].map(|export| place.good(export));
    let opened = place.open(&paths).expect("good files");
    let exports = opened.iter().map(|file| &file.received.head.origin.export);
    assert_eq!(
        exports.collect::<Vec<_>>(),
        [CASE_EXPORT, VETERANS, STUDENTS]
    );
    let (files, cases, registers) = read_tables(&place.terms, opened).expect("good files");
    assert_eq!(cases.tokens().len(), 2);
    assert_eq!(files.len(), 3);
    assert!(registers.iter().all(|register| register.matched() == 2));
}

#[test]
fn a_file_that_is_not_of_this_round_is_refused_by_what_differs() {
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
    let place = Place::new();
    for export in [CASE_EXPORT, VETERANS] {
        for (change, what) in changes {
            let told = place.refused(&[place.with(export, change)]);
            let agency = place.agency(export);
            assert_eq!(
                told,
                [(
                    format!("the token file is of another {what} than this round"),
                    format!("ask {agency} to tokenise and send again")
                )]
            );
        }
    }
    // All files are looked at, and every fault is told.
    let paths = [
        place.with(VETERANS, |head| head.origin.round = "2026Q2".into()),
        place.folder.path().join("nowhere.parquet"),
    ];
    assert_eq!(place.refused(&paths).len(), 2);
}

#[test]
fn a_file_of_an_export_that_the_round_does_not_have_is_refused() {
    let place = Place::new();
    let told = place.refused(&[place.good(CASE_EXPORT), place.good(ASSISTANCE)]);
    let again = "ask its agency to tokenise and send again";
    let other = "the token file is of another export than this round";
    assert_eq!(told, [(other.to_owned(), again.to_owned())]);
    // One that the policy does not know either; its name is not shown.
    let named = place.with(VETERANS, |head| head.origin.export = "张某".into());
    let told = place.refused(&[place.good(CASE_EXPORT), named]);
    assert_eq!(told, [(other.to_owned(), again.to_owned())]);
}

#[test]
fn a_file_of_another_key_is_refused_with_both_keys() {
    let place = Place::new();
    let other = place.with(VETERANS, |head| head.origin.key_id = "1".repeat(16));
    let told = place.refused(&[place.good(CASE_EXPORT), place.good(STUDENTS), other]);
    assert_eq!(
        told,
        [(
            "veterans.persons was tokenised with the key 1111111111111111, the case parties with 0000000000000000".to_owned(),
            "ask the agency to tokenise again with the key of this round".to_owned()
        )]
    );
    // What is no key's id is not shown.
    let named = place.with(VETERANS, |head| head.origin.key_id = "张某".into());
    let told = place.refused(&[place.good(CASE_EXPORT), named]);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].0,
        "a digest or the key id in the file's metadata is malformed"
    );
}

#[test]
fn an_export_twice_and_a_round_without_case_parties_are_refused() {
    let place = Place::new();
    let again = place.with(VETERANS, |_| {});
    let told = place.refused(&[place.good(CASE_EXPORT), place.good(VETERANS), again]);
    assert_eq!(
        told,
        [(
            "there is already a token file of veterans.persons, veterans.persons.tokens.parquet"
                .to_owned(),
            "keep one of them".to_owned()
        )]
    );
    let without = [(
        "there is no token file of the case parties".to_owned(),
        "ask the procuratorate for its token file".to_owned(),
    )];
    for paths in [vec![], vec![place.good(VETERANS)]] {
        assert_eq!(place.refused(&paths), without);
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_with_both_versions() {
    let place = Place::new();
    let path = place.good(VETERANS);
    let mut bytes = fs::read(&path).expect("the test's file");
    let version = b"\"version\":1";
    let at = bytes
        .windows(version.len())
        .position(|part| part == version);
    bytes[at.expect("metadata") + version.len() - 1] = b'2';
    fs::write(&path, bytes).expect("the test's folder");
    place.sign(&path, &place.head(VETERANS, 2));
    let told = place.refused(&[place.good(CASE_EXPORT), path]);
    assert_eq!(
        told,
        [(
            "a newer aidlink wrote it (token file version 2; this one reads up to 1)".to_owned(),
            "use the aidlink version that wrote it, or a newer one".to_owned()
        )]
    );
}

#[test]
fn rows_that_break_the_contract_are_refused_with_the_agency_that_must_send_again() {
    let place = Place::new();
    let rows = |export: &str, tokens: &[u8]| {
        let head = place.head(export, tokens.len() as u64);
        place.written(&format!("{export}.rows.parquet"), &head, tokens)
    };
    let told = |paths: &[PathBuf]| {
        let opened = place.open(paths).expect("good heads");
        match read_tables(&place.terms, opened) {
            Ok(_) => panic!("the rows were taken"),
            Err(faults) => sentences(faults),
        }
    };
    let again = |export: &str| format!("ask {} to tokenise and send again", place.agency(export));
    let unsorted = "the token table is not sorted by token (row 1)".to_owned();
    let cases = rows(CASE_EXPORT, &[3, 3, 7]);
    assert_eq!(
        told(&[cases, rows(VETERANS, &[7, 3]), rows(STUDENTS, &[1, 3, 3]),]),
        [
            (unsorted.clone(), again(VETERANS)),
            (
                "a token stands twice in the token table (row 2)".to_owned(),
                again(STUDENTS)
            ),
        ]
    );
    // Registers are looked at also where the case parties cannot be read.
    assert_eq!(
        told(&[rows(CASE_EXPORT, &[7, 3]), rows(VETERANS, &[9, 3])]),
        [
            (unsorted.clone(), again(CASE_EXPORT)),
            (unsorted, again(VETERANS)),
        ]
    );
}

#[test]
fn token_files_are_those_named_and_those_of_folders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("received")).expect("a fresh folder");
    fs::create_dir(at("empty")).expect("a fresh folder");
    for name in [
        "b.parquet.age",
        "a.parquet",
        "a.parquet.sha256",
        "notes.txt",
    ] {
        fs::write(at("received").join(name), "").expect("a fresh file");
    }
    fs::write(at("empty/notes.txt"), "").expect("a fresh file");
    let in_folder = ["a.parquet", "b.parquet.age"].map(|name| at("received").join(name));
    assert_eq!(token_files(&[at("received")]), Ok(in_folder.to_vec()));
    // A file that is named is taken whatever its name, also one that is not there.
    let named = [at("received/notes.txt"), at("nowhere"), at("received")];
    let mut expected = named[..2].to_vec();
    expected.extend(in_folder);
    assert_eq!(token_files(&named), Ok(expected));
    assert_eq!(token_files(&[]), Ok(Vec::new()));
    let fault = token_files(&[at("received"), at("empty")]).expect_err("no token file in it");
    assert_eq!(fault.file, at("empty"));
    assert_eq!(fault.message.en, "there is no token file in the folder");
    assert_eq!(fault.hint.en, "token files end in .parquet or .parquet.age");
}

#[test]
fn the_id_of_a_screening_depends_on_the_order_of_exports_and_on_digests_only() {
    let place = Place::new();
    let received = |export: &str, digit: &str| ReceivedFile {
        name: String::new(),
        path: PathBuf::new(),
        digest: digit.repeat(64),
        byte_length: 0,
        head: place.head(export, 0),
    };
    let id = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(export, digit)| received(export, digit));
        screening_id(&files.collect::<Vec<_>>())
    };
    // The text is that of docs/formats.md.
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
    // Nothing else counts: not the file's name, place or length, nor what it says.
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
fn an_export_that_did_not_come_is_late_or_not_of_the_round() {
    let place = Place::new();
    let told = |export, reason| not_verified_text(&place.terms, export, reason);
    for (export, reason, zh, en) in [
        (
            VETERANS,
            NotVerified::Absent,
            "尚未送来",
            "is not there yet",
        ),
        (
            ASSISTANCE,
            NotVerified::Absent,
            "不在本轮之内",
            "is not part of this round",
        ),
        (VETERANS, NotVerified::Stale, "过旧", "is stale"),
    ] {
        let text = told(export, reason);
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
        // Nothing comes of waiting for what the round does not have.
        assert_eq!(text.en.contains("screen again"), export == VETERANS);
    }
}
