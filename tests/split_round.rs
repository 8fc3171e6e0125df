//! Tests split rounds: agencies tokenise, a centre without the key screens, the
//! procuratorate resolves, and the lists equal those of a pooled run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use aidlink_office::signing::{Signature, SigningKey};
use serde_json::Value;

use crate::support::{
    CommandResult, Round, aidlink, command_result, csv_records, files_below, set_mode,
};

pub const EXPORTS: [&str; 6] = [
    "procuratorate.case-parties",
    "procuratorate.referrals",
    "civil-affairs.assistance",
    "education.students",
    "disabled-federation.persons",
    "veterans.persons",
];

/// The offices that sign files for each other.
const OFFICES: [&str; 6] = [
    "procuratorate",
    "centre",
    "civil-affairs",
    "education",
    "disabled-federation",
    "veterans",
];

/// Runs the centre's command, which is built into the same folder as aidlink.
pub fn aidlink_screen(arguments: &[&str]) -> CommandResult {
    let command = Path::new(env!("CARGO_BIN_EXE_aidlink")).with_file_name("aidlink-screen");
    assert!(
        command.is_file(),
        "aidlink-screen is not built: use --workspace"
    );
    command_result(Command::new(command).args(arguments).output().unwrap())
}

/// A split round made from a pooled one. Every step writes its own output folder in the
/// round's folder.
pub struct SplitRound {
    pub round: Round,
}

impl SplitRound {
    /// Makes a split round that seals files to the centre and the procuratorate.
    pub fn sealed(round: Round) -> Self {
        let recipient = |office: &str| {
            let file = round.path(office);
            let made = aidlink(&["identity", "new", file.to_str().unwrap(), "--lang", "en"]);
            assert_eq!(made.code, 0, "{}", made.stderr);
            made.stdout.split_whitespace().last().unwrap().to_owned()
        };
        let centre = recipient("centre.identity");
        let procuratorate = recipient("procuratorate.identity");
        Self::with(
            round,
            &format!("centre = \"{centre}\"\nprocuratorate = \"{procuratorate}\""),
        )
    }

    /// Makes a split round whose token files and leads are plain.
    pub fn plain(round: Round) -> Self {
        Self::with(round, "plain = [\"tokens\", \"leads\"]")
    }

    fn with(round: Round, sealing: &str) -> Self {
        round.replace("round.toml", "mode = \"pooled\"", "mode = \"split\"");
        let text = round.read("round.toml");
        let split = SplitRound { round };
        let signers: String = OFFICES.map(|office| split.make_signer(office)).concat();
        split.round.write(
            "round.toml",
            format!("{text}\n[sealing]\n{sealing}\n\n[signing.signers]\n{signers}"),
        );
        split
    }

    /// Copies the round file and signing keys of `other` to a new folder.
    pub fn copy_of(other: &SplitRound) -> Self {
        let split = SplitRound {
            round: Round::sample(),
        };
        split
            .round
            .write("round.toml", other.round.read("round.toml"));
        for office in OFFICES {
            std::fs::copy(other.signing_key(office), split.signing_key(office)).unwrap();
        }
        split
    }

    /// Makes an office's signing key and returns its line for the round file.
    fn make_signer(&self, office: &str) -> String {
        let file = self.signing_key(office);
        let made = aidlink(&["signing", "new", &file, "--lang", "en"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let public = std::fs::read_to_string(Path::new(&file).with_extension("pub")).unwrap();
        format!("{office} = \"{}\"\n", public.lines().last().unwrap())
    }

    /// Returns the path of an office's signing key.
    pub fn signing_key(&self, office: &str) -> String {
        self.file(&format!("{office}.signing.key"))
    }

    fn file(&self, name: &str) -> String {
        self.round.path(name).to_str().unwrap().to_owned()
    }

    pub fn tokenise(&self, export: &str) -> CommandResult {
        let (round, output) = (self.file("round.toml"), self.file(&format!("at-{export}")));
        let office = export.split('.').next().unwrap_or_default();
        let key = self.signing_key(office);
        aidlink(&[
            "tokenise",
            &round,
            "--export",
            export,
            "--output",
            &output,
            "--signing-key",
            &key,
            "--lang",
            "en",
        ])
    }

    /// Returns the path of the token file of an export.
    pub fn tokens(&self, export: &str) -> PathBuf {
        let folder = self.round.path(&format!("at-{export}/to-centre"));
        let name = format!("{export}.tokens.parquet");
        let sealed = folder.join(format!("{name}.age"));
        if sealed.is_file() {
            sealed
        } else {
            folder.join(name)
        }
    }

    pub fn screen(&self, exports: &[&str], output: &str) -> CommandResult {
        let files: Vec<String> = exports
            .iter()
            .map(|export| self.tokens(export).to_str().unwrap().to_owned())
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.screen_files(&files, output)
    }

    pub fn screen_files(&self, files: &[&str], output: &str) -> CommandResult {
        let (round, output) = (self.file("round.toml"), self.file(output));
        let identity = self.file("centre.identity");
        let key = self.signing_key("centre");
        let mut arguments = vec!["run", &round, "--output", &output, "--lang", "en"];
        arguments.extend(["--signing-key", &key]);
        if Path::new(&identity).is_file() {
            arguments.extend(["--identity", &identity]);
        }
        arguments.push("--tokens");
        arguments.extend(files);
        aidlink_screen(&arguments)
    }

    pub fn resolve(&self, screening: &str, output: &str) -> CommandResult {
        let sealed = self.file(&format!("{screening}/to-procuratorate/leads.json.age"));
        let plain = self.file(&format!("{screening}/to-procuratorate/leads.json"));
        let is_sealed = Path::new(&sealed).is_file();
        let leads = if is_sealed { sealed } else { plain };
        let (round, output) = (self.file("round.toml"), self.file(output));
        let identity = self.file("procuratorate.identity");
        let mut arguments = vec![
            "resolve", &round, "--leads", &leads, "--output", &output, "--lang", "en",
        ];
        let key = self.signing_key("procuratorate");
        arguments.extend(["--signing-key", &key]);
        if is_sealed {
            arguments.extend(["--identity", &identity]);
        }
        aidlink(&arguments)
    }

    /// Runs every step and returns the lists.
    pub fn lists(&self, exports: &[&str], expected_code: i32) -> BTreeMap<String, Vec<u8>> {
        for export in exports {
            let result = self.tokenise(export);
            assert!([0, 3].contains(&result.code), "{export}: {}", result.stderr);
        }
        let screened = self.screen(exports, "at-centre");
        assert_eq!(screened.code, expected_code, "{}", screened.stderr);
        let resolved = self.resolve("at-centre", "at-procuratorate");
        assert_eq!(resolved.code, expected_code, "{}", resolved.stderr);
        self.round.lists("at-procuratorate")
    }
}

/// Returns the lists of a pooled run, which must have leads of both grades.
fn pooled_lists(round: &Round, expected_code: i32) -> BTreeMap<String, Vec<u8>> {
    let result = round.run();
    assert_eq!(result.code, expected_code, "{}", result.stderr);
    let lists = round.lists("output");
    let rows = round.match_lists("output").into_values();
    let rows = rows.flat_map(|bytes| csv_records(&bytes));
    let grades: BTreeSet<String> = rows.map(|row| row["依据程度"].clone()).collect();
    assert_eq!(
        grades,
        BTreeSet::from(["已有依据", "待核实"].map(str::to_owned))
    );
    lists
}

// Results

#[test]
fn the_sealed_split_sample_gives_the_lists_of_the_pooled_run() {
    let pooled = pooled_lists(&Round::sample(), 0);
    let split = SplitRound::sealed(Round::sample());
    let lists = split.lists(&EXPORTS, 0);
    assert!(pooled.len() >= 10);
    assert!(pooled == lists);
}

#[test]
fn the_plain_split_hand_made_round_gives_the_lists_of_the_pooled_run() {
    let pooled = pooled_lists(&Round::hand_made(), 0);
    let split = SplitRound::plain(Round::hand_made());
    assert!(pooled == split.lists(&EXPORTS, 0));
}

#[test]
fn with_sm3_the_tokens_differ_and_the_leads_do_not() {
    let with_sm3 = || {
        let round = Round::sample();
        round.replace("round.toml", "hmac-sha256", "hmac-sm3");
        round
    };
    let pooled = pooled_lists(&with_sm3(), 0);
    assert!(pooled == SplitRound::sealed(with_sm3()).lists(&EXPORTS, 0));
    // Lead numbers depend on the tokens, so only cases, aids and grades are compared.
    let cases = |lists: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
        let lists = lists.iter();
        let mut cases: Vec<String> = lists
            .filter(|(name, _)| name.starts_with("lists/for-review/"))
            .flat_map(|(_, bytes)| csv_records(bytes))
            .map(|row| format!("{} {} {}", row["案号"], row["救助项目"], row["依据程度"]))
            .collect();
        cases.sort();
        cases
    };
    let sha256 = pooled_lists(&Round::sample(), 0);
    assert!(pooled != sha256);
    assert_eq!(cases(&pooled), cases(&sha256));
}

#[test]
fn random_split_rounds_give_the_lists_of_the_pooled_run() {
    for (seed, dirt) in [
        (11, "realistic"),
        (12, "none"),
        (13, "realistic,masked=0.3"),
    ] {
        let made = |name: &str| {
            let round = Round::sample();
            let folder = round.root().join("sample_data").join(name);
            let seed = seed.to_string();
            let result = aidlink(&[
                "sample",
                "--seed",
                &seed,
                "--dirt",
                dirt,
                "--out",
                folder.to_str().unwrap(),
            ]);
            assert_eq!(result.code, 0, "{}", result.stderr);
            std::fs::copy(round.path("round.key"), folder.join("round.key")).unwrap();
            set_mode(&folder.join("round.key"), 0o600);
            round.sibling(name)
        };
        // If a threshold is passed, both rounds must end with code 3 and mark the lists.
        let code = if dirt.contains("masked") { 3 } else { 0 };
        let pooled = pooled_lists(&made("pooled"), code);
        assert!(pooled == SplitRound::sealed(made("split")).lists(&EXPORTS, code));
    }
}

#[test]
fn a_late_agency_is_added_by_screening_again() {
    let split = SplitRound::sealed(Round::sample());
    for export in EXPORTS {
        assert_eq!(split.tokenise(export).code, 0);
    }
    let without: Vec<&str> = EXPORTS
        .into_iter()
        .filter(|export| *export != "civil-affairs.assistance")
        .collect();
    let first = split.screen(&without, "first");
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert!(
        first.stdout.contains("civil-affairs.assistance is missing"),
        "{}",
        first.stdout
    );
    let second = split.screen(&EXPORTS, "second");
    assert_eq!(second.code, 0);
    assert_eq!(split.resolve("first", "lists-first").code, 3);
    assert_eq!(split.resolve("second", "lists-second").code, 0);
    // Leads for an aid of the late agency.
    let not_verified = |output: &str| -> usize {
        let lists = split.round.lists(output);
        let of_agency = |name: &str| name.contains("to-civil-affairs");
        let lists = lists.iter().filter(|(name, _)| of_agency(name));
        let rows = lists.flat_map(|(_, bytes)| csv_records(bytes));
        rows.filter(|row| row["核查事项"].contains("是否已在领取未能核实"))
            .count()
    };
    assert!(not_verified("lists-first") > 0);
    assert_eq!(not_verified("lists-second"), 0);
    assert!(split.round.lists("lists-second") == pooled_lists(&Round::sample(), 0));
    // The manifests record which screening was resolved.
    let screening = |output: &str| {
        let bytes = &split.round.output(output)["manifest.json"];
        let manifest: Value = serde_json::from_slice(bytes).unwrap();
        manifest["screening"].as_str().unwrap().to_owned()
    };
    assert_ne!(screening("first"), screening("second"));
    assert_eq!(screening("second"), screening("lists-second"));
}

#[test]
fn an_export_that_the_round_does_not_have_is_not_reported_as_late() {
    let round = Round::sample();
    let text = round.read("round.toml");
    let at = text
        .find("[[export]]\nschema = \"disabled-federation.persons\"")
        .unwrap();
    let next = text[at + 5..].find("\n[[export]]");
    let end = next.map_or(text.len(), |next| at + 5 + next);
    round.write("round.toml", format!("{}{}", &text[..at], &text[end..]));
    let split = SplitRound::plain(round);
    let sent = ["procuratorate.case-parties", "veterans.persons"];
    for export in sent {
        assert_eq!(split.tokenise(export).code, 0);
    }
    let result = split.screen(&sent, "at-centre");
    assert_eq!(result.code, 3, "{}", result.stderr);
    let line_about = |export: &str| {
        let mut lines = result.stdout.lines().map(str::trim);
        lines.find(|line| line.starts_with(&format!("{export} is")))
    };
    assert_eq!(
        line_about("disabled-federation.persons"),
        Some(
            "disabled-federation.persons is not part of this round: leads that need it are marked \"not verified\""
        )
    );
    assert_eq!(
        line_about("civil-affairs.assistance"),
        Some(
            "civil-affairs.assistance is missing: leads that need it are marked \"not verified\"; screen again when it arrives"
        )
    );
    assert_eq!(line_about("veterans.persons"), None);
    // The procuratorate accepts leads that name such an export.
    assert_eq!(split.resolve("at-centre", "at-procuratorate").code, 3);
}

#[test]
fn an_agency_sends_only_tokens_and_keeps_the_rest() {
    let split = SplitRound::plain(Round::sample());
    let thresholds = "reject_rate = 0.05\n";
    let with_rare = format!("{thresholds}rare_pattern = 500\n");
    split.round.replace("round.toml", thresholds, &with_rare);
    let result = split.tokenise("civil-affairs.assistance");
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(result.stdout.contains("% of the rows"), "{}", result.stdout);
    assert!(
        result
            .stdout
            .contains("a pattern of outcomes that fewer than 500"),
        "{}",
        result.stdout
    );
    let files = split.round.output("at-civil-affairs.assistance");
    let documents = ["configuration/", "minimisation/"];
    let is_document = |name: &&str| documents.iter().any(|folder| name.starts_with(folder));
    let names = files.keys().map(String::as_str);
    let names: Vec<&str> = names.filter(|name| !is_document(name)).collect();
    assert_eq!(
        names,
        [
            "audit.jsonl",
            "manifest.json",
            "manifest.json.minisig",
            "rejects/civil-affairs.csv",
            "to-centre/civil-affairs.assistance.tokens.parquet",
            "to-centre/civil-affairs.assistance.tokens.parquet.minisig",
            "to-centre/civil-affairs.assistance.tokens.parquet.sha256",
        ]
    );
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let account = &manifest["exports"][0]["account"];
    let figure = |key: &str| account[key].as_u64().unwrap();
    assert_eq!(
        figure("rows"),
        figure("rejected") + figure("withheld") + figure("without_outcome") + figure("sent")
    );
    assert!(figure("without_outcome") > 0 && figure("sent") > 0);
    // Tokenising the same export again gives the same bytes.
    let again = split.round.path("again");
    let round = split.file("round.toml");
    let arguments = [
        "tokenise",
        &round,
        "--export",
        "civil-affairs.assistance",
        "--output",
        again.to_str().unwrap(),
        "--signing-key",
        &split.signing_key("civil-affairs"),
    ];
    assert_eq!(aidlink(&arguments).code, 0);
    let name = "to-centre/civil-affairs.assistance.tokens.parquet";
    assert!(split.round.output("again")[name] == files[name]);
}

// Refused files

/// Asserts that the centre refuses these files with these words.
fn assert_refused(split: &SplitRound, files: &[&str], words: &[&str]) {
    let result = split.screen_files(files, "refused");
    assert_eq!(result.code, 1, "{}", result.stdout);
    for word in words {
        assert!(
            result.stderr.contains(word),
            "\"{word}\" is not in: {}",
            result.stderr
        );
    }
    assert!(
        !result.stderr.contains("internal error"),
        "{}",
        result.stderr
    );
    assert!(!split.round.path("refused").exists());
}

#[test]
fn the_centre_refuses_files_that_do_not_match_the_round() {
    const CASES: &str = "procuratorate.case-parties";
    const VETERANS: &str = "veterans.persons";
    let split = SplitRound::plain(Round::sample());
    for export in [CASES, VETERANS] {
        assert_eq!(split.tokenise(export).code, 0);
    }
    let path = |export: &str| split.tokens(export).to_str().unwrap().to_owned();
    let (cases, veterans) = (path(CASES), path(VETERANS));
    assert_eq!(split.screen_files(&[&cases, &veterans], "good").code, 3);
    assert_refused(&split, &[&veterans], &["no token file of the case parties"]);
    assert_refused(
        &split,
        &[&cases, &veterans, &veterans],
        &["already a token file of veterans.persons"],
    );

    // Signed by an office other than the sender, and unsigned.
    let intruder = split.round.path("intruder.parquet");
    std::fs::copy(&veterans, &intruder).unwrap();
    for part in ["sha256", "minisig"] {
        std::fs::copy(
            format!("{veterans}.{part}"),
            format!("{}.{part}", intruder.display()),
        )
        .unwrap();
    }
    sign_again(&split, "intruder.parquet", "education");
    let intruder_text = intruder.to_str().unwrap();
    assert_refused(
        &split,
        &[&cases, intruder_text],
        &["intruder.parquet", "the file was not signed by"],
    );
    std::fs::remove_file(format!("{intruder_text}.minisig")).unwrap();
    assert_refused(
        &split,
        &[&cases, intruder_text],
        &["the file has no sender's signature"],
    );

    // A missing checksum file, and a changed byte.
    let bytes = std::fs::read(&veterans).unwrap();
    let changed = split.round.path("changed.parquet");
    let mut changed_bytes = bytes.clone();
    changed_bytes[bytes.len() / 2] ^= 1;
    std::fs::write(&changed, &changed_bytes).unwrap();
    let changed = changed.to_str().unwrap();
    assert_refused(
        &split,
        &[&cases, changed],
        &["the checksum file (.sha256) is missing"],
    );
    std::fs::copy(format!("{veterans}.sha256"), format!("{changed}.sha256")).unwrap();
    assert_refused(
        &split,
        &[&cases, changed],
        &["changed.parquet", "does not match its checksum"],
    );

    // Another round, algorithm, snapshot, key, policy or schema. The message names the file
    // and the difference.
    let assert_change_is_refused = |from: &str, to: &str, words: &str| {
        let other = SplitRound::copy_of(&split);
        other.round.replace("round.toml", from, to);
        if from.starts_with("round =") {
            let key = other.round.read("round.key").replace("2026Q3", "2026Q4");
            other.round.write("round.key", key);
        }
        if from.starts_with("key =") {
            let key = other.round.read("round.key").replace("0123", "3210");
            other.round.write("round.key", key);
        }
        let result = other.tokenise(VETERANS);
        assert_eq!(result.code, 0, "{}", result.stderr);
        assert_refused(
            &split,
            &[&cases, other.tokens(VETERANS).to_str().unwrap()],
            &["veterans.persons.tokens.parquet", words],
        );
    };
    assert_change_is_refused(
        "round = \"2026Q3\"",
        "round = \"2026Q4\"",
        "the wrong round",
    );
    assert_change_is_refused("hmac-sha256", "hmac-sm3", "the wrong terms");
    assert_change_is_refused(
        "snapshot = 2026-09-28\nlegal_basis = \"synthetic data, no legal basis needed\"\n\n[sealing]",
        "snapshot = 2026-09-27\nlegal_basis = \"synthetic data, no legal basis needed\"\n\n[sealing]",
        "the wrong terms",
    );
    let with_other_key = SplitRound::copy_of(&split);
    let key = with_other_key
        .round
        .read("round.key")
        .replace("0123", "3210");
    with_other_key.round.write("round.key", key);
    assert_eq!(with_other_key.tokenise(VETERANS).code, 0);
    assert_refused(
        &split,
        &[&cases, with_other_key.tokens(VETERANS).to_str().unwrap()],
        &[
            "was tokenised with the key",
            "ask the agency to tokenise again",
        ],
    );
    let with_other_policy = SplitRound::copy_of(&split);
    let policy = with_other_policy
        .round
        .root()
        .join("policies/shaoguan.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let source = "\n[[source]]\nid = \"NEW\"\ntitle = { zh = \"新\", en = \"new\" }\n";
    std::fs::write(&policy, text + source).unwrap();
    assert_eq!(with_other_policy.tokenise(VETERANS).code, 0);
    assert_refused(
        &split,
        &[&cases, with_other_policy.tokens(VETERANS).to_str().unwrap()],
        &["the wrong terms"],
    );
    let with_other_schema = SplitRound::copy_of(&split);
    let schema = with_other_schema
        .round
        .root()
        .join("schemas/veterans.persons.json");
    let text = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(&schema, text + "\n").unwrap();
    assert_eq!(with_other_schema.tokenise(VETERANS).code, 0);
    assert_refused(
        &split,
        &[&cases, with_other_schema.tokens(VETERANS).to_str().unwrap()],
        &["the wrong terms"],
    );
}

#[test]
fn sealed_files_that_cannot_be_opened_are_refused() {
    const CASES: &str = "procuratorate.case-parties";
    let split = SplitRound::sealed(Round::sample());
    assert_eq!(split.tokenise(CASES).code, 0);
    let sealed = split.tokens(CASES);
    let bytes = std::fs::read(&sealed).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    // Truncated, and with a changed byte.
    for (name, bytes) in [
        ("short.parquet.age", bytes[..bytes.len() - 20].to_vec()),
        ("head.parquet.age", bytes[..60].to_vec()),
        ("changed.parquet.age", {
            let mut changed = bytes.clone();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            changed
        }),
    ] {
        split.round.write(name, &bytes);
        let file = split.round.path(name);
        let words = match name {
            "head.parquet.age" => "not a file sealed with age",
            _ => "was changed or is incomplete",
        };
        assert_refused(&split, &[file.to_str().unwrap()], &[name, words]);
    }
    // Sealed to another recipient.
    let other = SplitRound::sealed(Round::sample());
    assert_eq!(other.tokenise(CASES).code, 0);
    assert_refused(
        &split,
        &[other.tokens(CASES).to_str().unwrap()],
        &["sealed to another recipient"],
    );
    // Plain, although the round seals its files.
    let plain = SplitRound::plain(Round::sample());
    assert_eq!(plain.tokenise(CASES).code, 0);
    assert_refused(
        &split,
        &[plain.tokens(CASES).to_str().unwrap()],
        &["is not sealed, but this round requires sealed files"],
    );
    // No identity given, and an identity that others may read.
    let round = split.file("round.toml");
    let file = sealed.to_str().unwrap();
    let signing_key = split.signing_key("centre");
    let result = aidlink_screen(&[
        "run",
        &round,
        "--tokens",
        file,
        "--signing-key",
        &signing_key,
        "--lang",
        "en",
    ]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("give this office's identity file"),
        "{}",
        result.stderr
    );
    set_mode(&split.round.path("centre.identity"), 0o644);
    assert_refused(&split, &[file], &["others may read or change the file"]);
}

#[test]
fn the_procuratorate_resolves_only_its_own_screening() {
    let split = SplitRound::sealed(Round::sample());
    for export in EXPORTS {
        assert_eq!(split.tokenise(export).code, 0);
    }
    assert_eq!(split.screen(&EXPORTS, "at-centre").code, 0);
    let assert_refused = |words: &str| {
        let result = split.resolve("at-centre", "refused");
        assert_eq!(result.code, 1, "{}", result.stdout);
        assert!(
            result.stderr.contains(words),
            "\"{words}\" is not in: {}",
            result.stderr
        );
        assert!(!split.round.path("refused").exists());
    };
    // With another key, and with a case export that was changed after screening.
    let key = split.round.read("round.key");
    split.round.write("round.key", key.replace("0123", "3210"));
    assert_refused("the key of the screened leads");
    split.round.write("round.key", key);
    let cases = std::fs::read(split.round.path("procuratorate.case-parties.csv")).unwrap();
    let mut changed = cases.clone();
    changed.extend_from_slice(b"\r\n");
    split
        .round
        .write("procuratorate.case-parties.csv", &changed);
    assert_refused("not the one that was screened");
    split.round.write("procuratorate.case-parties.csv", &cases);
    assert_eq!(split.resolve("at-centre", "at-procuratorate").code, 0);
}

// Round files and keys

#[test]
fn the_mode_of_a_round_and_its_sealing_are_checked() {
    let pooled = Round::sample();
    let file = pooled.path("round.toml");
    let result = aidlink(&[
        "tokenise",
        file.to_str().unwrap(),
        "--export",
        "veterans.persons",
        "--lang",
        "en",
    ]);
    assert_eq!(result.code, 2);
    assert!(
        result.stderr.contains("this round is `pooled`"),
        "{}",
        result.stderr
    );
    let split = SplitRound::sealed(Round::sample());
    let result = split.round.run();
    assert_eq!(result.code, 2);
    assert!(
        result.stderr.contains("this round is `split`"),
        "{}",
        result.stderr
    );
    for (sealing, words) in [
        ("plain = []", "the recipient `centre` is missing"),
        ("plain = [\"everything\"]", "unknown kind of file"),
        (
            "centre = \"age1nonsense\"\nplain = [\"leads\"]",
            "this is not an age recipient",
        ),
    ] {
        let split = SplitRound::with(Round::sample(), sealing);
        let result = split.tokenise("veterans.persons");
        assert_eq!(result.code, 2, "{}", result.stdout);
        assert!(
            result.stderr.contains(words),
            "\"{words}\" is not in: {}",
            result.stderr
        );
        assert!(result.stderr.contains("round.toml"));
    }
    let result = SplitRound::plain(Round::sample()).tokenise("veterans.person");
    assert_eq!(result.code, 2);
    assert!(
        result.stderr.contains("has no export `veterans.person`"),
        "{}",
        result.stderr
    );
}

#[test]
fn no_office_both_holds_the_key_and_opens_tokens() {
    let split = SplitRound::sealed(Round::sample());
    let text = split.round.read("round.toml");
    let recipient = |office: &str| {
        let start = format!("{office} = \"age1");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (centre, procuratorate) = (recipient("centre"), recipient("procuratorate"));
    // The key cannot be sealed to the centre.
    let (round, out) = (split.file("round.toml"), split.file("sealed.age"));
    let key = split.signing_key("procuratorate");
    let seal = |recipient: &str| {
        aidlink(&[
            "key",
            "seal",
            &round,
            "--signing-key",
            &key,
            "--recipient",
            recipient,
            "--out",
            &out,
            "--lang",
            "en",
        ])
    };
    let result = seal(&centre);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("which must not have the key"),
        "{}",
        result.stderr
    );
    assert!(!Path::new(&out).exists());
    assert_eq!(seal(&procuratorate).code, 0);
    // The centre and the procuratorate cannot have one recipient, and `plain` cannot list
    // files that have a recipient.
    for (from, to, words) in [
        (&procuratorate, &centre, "are the same recipient"),
        (
            &centre,
            &format!("{centre}\"\nplain = [\"tokens\"] # \""),
            "`plain` lists `tokens`",
        ),
    ] {
        split
            .round
            .write("round.toml", text.replacen(from.as_str(), to, 1));
        let result = split.tokenise("veterans.persons");
        assert_eq!(result.code, 2, "{}", result.stdout);
        assert!(
            result.stderr.contains(words),
            "\"{words}\" is not in: {}",
            result.stderr
        );
    }
}

#[test]
fn a_sealed_key_opens_at_its_recipient_and_for_its_round_only() {
    let sender = SplitRound::sealed(Round::sample());
    let receiver = SplitRound::sealed(Round::sample());
    // Both offices have the same round file.
    receiver
        .round
        .write("round.toml", sender.round.read("round.toml"));
    let identity_file = receiver.round.path("agency.identity");
    let made = aidlink(&[
        "identity",
        "new",
        identity_file.to_str().unwrap(),
        "--lang",
        "en",
    ]);
    let recipient = made.stdout.split_whitespace().last().unwrap().to_owned();
    let sealed = sender.file("to-agency.age");
    let sender_round = sender.file("round.toml");
    let signing_key = sender.signing_key("procuratorate");
    let result = aidlink(&[
        "key",
        "seal",
        &sender_round,
        "--signing-key",
        &signing_key,
        "--recipient",
        &recipient,
        "--out",
        &sealed,
    ]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    let bytes = std::fs::read(&sealed).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("0123456789abcdef"));

    let receiver_round = receiver.file("round.toml");
    let open = |identity: &str| {
        aidlink(&[
            "key",
            "open",
            &receiver_round,
            "--sealed",
            &sealed,
            "--identity",
            identity,
            "--lang",
            "en",
        ])
    };
    let identity_file = identity_file.to_str().unwrap();
    // An existing key is not overwritten.
    assert!(open(identity_file).stderr.contains("is not overwritten"));
    std::fs::remove_file(receiver.round.path("round.key")).unwrap();
    let wrong = open(&receiver.file("centre.identity"));
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stderr.contains("sealed to another recipient"),
        "{}",
        wrong.stderr
    );
    assert!(!receiver.round.path("round.key").exists());
    assert_eq!(open(identity_file).code, 0);
    let opened = receiver.round.read("round.key");
    assert!(opened.ends_with(&sender.round.read("round.key")));
    // With the round file of another round.
    std::fs::remove_file(receiver.round.path("round.key")).unwrap();
    receiver
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    let other = open(identity_file);
    assert_eq!(other.code, 1);
    assert!(
        other
            .stderr
            .contains("the signature states the wrong round"),
        "{}",
        other.stderr
    );
    assert!(!receiver.round.path("round.key").exists());
    // CR LF line ends and an empty last line are accepted.
    let text = sender.round.read("round.key").replace('\n', "\r\n") + "\r\n\n";
    sender.round.write("round.key", text);
    assert_eq!(sender.tokenise("veterans.persons").code, 0);
}

#[test]
fn a_key_sealed_with_a_passphrase_opens_with_it_only() {
    let split = SplitRound::sealed(Round::sample());
    let key = split.round.read("round.key");
    for (name, words) in [
        ("right", "correct horse\n"),
        ("wrong", "wrong horse\n"),
        ("none", "\n"),
    ] {
        split.round.write(name, words);
        set_mode(&split.round.path(name), 0o600);
    }
    let (round, sealed) = (split.file("round.toml"), split.file("key.age"));
    let signing_key = split.signing_key("procuratorate");
    let seal = |passphrase: &str| {
        let file = split.file(passphrase);
        aidlink(&[
            "key",
            "seal",
            &round,
            "--signing-key",
            &signing_key,
            "--passphrase-file",
            &file,
            "--out",
            &sealed,
            "--lang",
            "en",
        ])
    };
    assert!(seal("none").stderr.contains("the passphrase file is empty"));
    assert_eq!(seal("right").code, 0);
    std::fs::remove_file(split.round.path("round.key")).unwrap();
    let open = |passphrase: &str| {
        let file = split.file(passphrase);
        aidlink(&[
            "key",
            "open",
            &round,
            "--sealed",
            &sealed,
            "--passphrase-file",
            &file,
            "--lang",
            "en",
        ])
    };
    let wrong = open("wrong");
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stderr.contains("the passphrase is wrong"),
        "{}",
        wrong.stderr
    );
    set_mode(&split.round.path("right"), 0o640);
    assert!(
        open("right")
            .stderr
            .contains("others may read or change the file")
    );
    set_mode(&split.round.path("right"), 0o600);
    assert_eq!(open("right").code, 0);
    assert!(split.round.read("round.key").ends_with(&key));
}

// Changed leads

/// Signs a changed plain file again, with the statement of its old signature.
pub fn sign_again(split: &SplitRound, name: &str, office: &str) {
    let file = split.round.path(name);
    let signature_file = format!("{name}.minisig");
    let old = Signature::parse(&split.round.read(&signature_file)).unwrap();
    let key = SigningKey::read(Path::new(&split.signing_key(office))).unwrap();
    let signed = key
        .sign(&std::fs::read(&file).unwrap(), &old.comment(), &file)
        .unwrap();
    split.round.write(&signature_file, signed);
}

/// Writes screened leads in place of those of the centre, with its checksum and signature.
pub fn send_leads(split: &SplitRound, name: &str, text: &str) {
    split.round.write(name, text);
    write_checksum(&split.round.path(name));
    sign_again(split, name, "centre");
}

/// Writes the checksum of a file beside it.
pub fn write_checksum(file: &Path) {
    let sum = Command::new("sha256sum").arg(file).output().unwrap();
    let beside = format!("{}.sha256", file.display());
    std::fs::write(beside, sum.stdout).unwrap();
}

/// How many rows of its own export are rejected, the procuratorate knows.
#[test]
fn the_rejects_of_its_own_export_make_lists_provisional_whatever_the_centre_says() {
    let split = SplitRound::plain(Round::sample());
    let cases = "procuratorate.case-parties.csv";
    let text = split.round.read(cases);
    let columns = text.lines().nth(1).unwrap().matches(',').count();
    let bad = format!("不详{}\n", ",".repeat(columns)).repeat(300);
    split.round.write(cases, text + &bad);
    for export in EXPORTS {
        let done = split.tokenise(export);
        assert!(matches!(done.code, 0 | 3), "{export}: {}", done.stderr);
    }
    let screened = split.screen(&EXPORTS, "at-centre");
    assert_eq!(screened.code, 3, "{}", screened.stderr);
    let name = "at-centre/to-procuratorate/leads.json";
    let mut leads: Value = serde_json::from_str(&split.round.read(name)).unwrap();
    let honest = split.resolve("at-centre", "honest");
    assert_eq!(honest.code, 3, "{}", honest.stderr);
    let reasons = leads["provisional"].as_array_mut().unwrap();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    let honest_reasons = reasons.clone();
    let lists = |output: &str| files_below(&split.round.path(&format!("{output}/lists")));
    let said = |rate: f64| serde_json::json!({"reason": "reject_rate", "export": "procuratorate.case-parties", "rate": rate});
    for (output, said) in [
        ("hidden", Vec::new()),
        ("greater", vec![said(0.97)]),
        ("smaller", vec![said(0.06)]),
    ] {
        leads["provisional"] = said.into();
        send_leads(&split, name, &format!("{leads}\n"));
        let resolved = split.resolve("at-centre", output);
        assert_eq!(resolved.code, 3, "{}{}", resolved.stdout, resolved.stderr);
        assert_eq!(lists(output), lists("honest"), "{output}");
    }
    let of_veterans = |rate: f64| serde_json::json!({"reason": "reject_rate", "export": "veterans.persons", "rate": rate});
    for said in [
        vec![said(0.97), said(0.96)],
        vec![of_veterans(0.5), of_veterans(0.6)],
        vec![of_veterans(0.01)],
        [honest_reasons.clone(), honest_reasons].concat(),
    ] {
        leads["provisional"] = said.into();
        send_leads(&split, name, &format!("{leads}\n"));
        let refused = split.resolve("at-centre", "refused");
        assert_eq!(refused.code, 1, "{}", leads["provisional"]);
        assert!(
            refused.stderr.contains("too many rejects"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn leads_that_this_round_cannot_have_produced_are_refused() {
    let split = SplitRound::plain(Round::sample());
    for export in EXPORTS {
        assert_eq!(split.tokenise(export).code, 0);
    }
    assert_eq!(split.screen(&EXPORTS, "at-centre").code, 0);
    let name = "at-centre/to-procuratorate/leads.json";
    let good = split.round.read(name);
    assert!(
        !good.contains("4499"),
        "the leads must not contain ID numbers"
    );
    let assert_refused = |text: String, words: &str| {
        assert_ne!(text, good);
        send_leads(&split, name, &text);
        let result = split.resolve("at-centre", "refused");
        assert_eq!(result.code, 1, "{}", result.stdout);
        assert!(
            result.stderr.contains(words),
            "\"{words}\" is not in: {}",
            result.stderr
        );
        assert!(!result.stderr.contains("张某"), "{}", result.stderr);
        assert!(!split.round.path("refused").exists());
    };
    let replaced = |from: &str, to: &str| good.replacen(from, to, 1);
    assert_refused(replaced("{", "["), "not a file of screened leads");
    assert_refused(
        replaced("\"version\":3", "\"version\":5"),
        "a newer aidlink wrote it (file of screened leads version 5; this one reads up to 4)",
    );
    assert_refused(
        replaced("\"version\":3", "\"version\":2"),
        "an older aidlink wrote it (file of screened leads version 2; this one reads from 3 on)",
    );
    assert_refused(
        replaced("\"grade\":\"established\"", "\"grade\":\"certain\""),
        "not a file of screened leads",
    );
    // Text that would otherwise reach lists, terminal and log.
    let name_of_a_person = "张某";
    let twice = format!("\"screening\":\"{name_of_a_person}\",\"was\":");
    assert_refused(
        replaced("\"screening\":", &twice),
        "not a file of screened leads",
    );
    let screening = &good[good.find("\"screening\":\"").unwrap() + 13..][..64];
    assert_refused(
        good.replacen(screening, name_of_a_person, 1),
        "is not 64 hexadecimal digits",
    );
    let entry = format!("\"not_verified_by\":{{\"{name_of_a_person}\":\"absent\"");
    assert_refused(
        replaced("\"not_verified_by\":{", &entry),
        "an export that is not in this round",
    );
    for (reason, words) in [
        (
            format!("{{\"reason\":\"stale\",\"export\":\"{name_of_a_person}\"}}"),
            "an export that is not in this round",
        ),
        (
            "{\"reason\":\"reject_rate\",\"export\":\"veterans.persons\",\"rate\":4.5}".to_owned(),
            "is not between 0 and 1",
        ),
    ] {
        let list = format!("\"provisional\":[{reason}");
        assert_refused(replaced("\"provisional\":[", &list), words);
    }
    assert_refused(
        replaced("\"2026Q3\"", "\"2026Q2\""),
        "the round of the screened leads",
    );
    assert_refused(
        replaced("\"hmac-sha256\"", "\"hmac-sm3\""),
        "the token algorithm of the screened leads",
    );
    assert_refused(
        replaced("\"aid\":\"", "\"aid\":\"no_"),
        "an aid that the policy does not have",
    );
    assert_refused(
        replaced("\"yes\":[\"", "\"yes\":[\"no_"),
        "cannot follow from the policy",
    );
    let (leads, not_judged) = good.split_once("\"not_judged\":").unwrap();
    let changed = |from: &str, to: &str| {
        assert!(not_judged.contains(from), "{not_judged}");
        format!("{leads}\"not_judged\":{}", not_judged.replacen(from, to, 1))
    };
    assert_refused(
        changed("\"aids\":[\"", "\"aids\":[\"no_"),
        "cannot follow from the policy",
    );
    assert_refused(
        changed("\"unknown\":[\"", "\"unknown\":[\"no_"),
        "cannot follow from the policy",
    );
    // An answer to what the round file does not ask.
    let answers = "],\"received\":[]}\n";
    let answered = good.trim_end().strip_suffix("]}").unwrap().to_owned() + answers;
    let version = |text: &str| text.replacen("\"version\":3", "\"version\":4", 1);
    assert_refused(version(&answered), "did not ask");
    // Only a file of version 4 answers, and it always does.
    for other in [answered, version(&good)] {
        assert_refused(other, "the version of the screened leads");
    }
    let reference = |text: &str| {
        let (_, after) = text.split_once("\"reference\":").unwrap();
        after.split_once(',').unwrap().0.to_owned()
    };
    let own = format!("\"reference\":{},", reference(not_judged));
    let of_a_lead = format!("\"reference\":{},", reference(leads));
    assert_refused(changed(&own, &of_a_lead), "appears twice, or has a lead");
    let first = &not_judged[1..not_judged.find("]},").unwrap() + 2];
    assert_refused(
        changed("[", &format!("[{first},")),
        "appears twice, or has a lead",
    );
    assert_refused(
        changed(&own, "\"reference\":99999999,"),
        "this export is not the one that was screened",
    );
    for outcome in ["indicated", "unknown"] {
        assert_refused(
            replaced(
                &format!("\"{outcome}\":["),
                &format!("\"{outcome}\":[\"no_rule\","),
            )
            .replace("[\"no_rule\",]", "[\"no_rule\"]"),
            "cannot follow from the policy",
        );
    }
    assert_refused(
        replaced("\"reference\":", "\"reference\":99999"),
        "not the one that was screened",
    );
    let (_, from_lead) = good.split_once("\"leads\":[").unwrap();
    let lead = &from_lead[..from_lead.find("},{\"aid\"").unwrap() + 1];
    let twice = format!("\"leads\":[{lead},");
    assert_refused(replaced("\"leads\":[", &twice), "a lead appears twice");
}

/// The rules of a case row of a lead that have an outcome.
fn rules_of<'c>(case: &'c mut Value, outcome: &str) -> &'c mut Vec<Value> {
    case[outcome].as_array_mut().unwrap()
}

/// A screened split round and the leads as the centre sent them.
struct Screened {
    split: SplitRound,
    leads: Value,
}

impl Screened {
    const LEADS: &'static str = "at-centre/to-procuratorate/leads.json";

    /// Without an export that did not come.
    fn without(late: &str) -> Self {
        Self::of(Round::sample(), |export| export != late)
    }

    /// With an export that is too old.
    fn with_old(export: &str) -> Self {
        let round = Round::sample();
        let text = round.read("round.toml");
        let (before, after) = text.split_once(&format!("schema = \"{export}\"")).unwrap();
        let after = after.replacen("snapshot = 2026-09-28", "snapshot = 2026-01-31", 1);
        round.write(
            "round.toml",
            format!("{before}schema = \"{export}\"{after}"),
        );
        Self::of(round, |_| true)
    }

    fn of(round: Round, comes: impl Fn(&str) -> bool) -> Self {
        let split = SplitRound::plain(round);
        let came: Vec<&str> = EXPORTS.into_iter().filter(|export| comes(export)).collect();
        for export in &came {
            assert_eq!(split.tokenise(export).code, 0);
        }
        assert_eq!(split.screen(&came, "at-centre").code, 3);
        let leads = serde_json::from_str(&split.round.read(Self::LEADS)).unwrap();
        Screened { split, leads }
    }

    /// Sends leads in place of those of the centre.
    fn resolve(&self, document: &Value, output: &str) -> CommandResult {
        send_leads(&self.split, Self::LEADS, &format!("{document}\n"));
        self.split.resolve("at-centre", output)
    }
}

/// What policy, round file and the procuratorate's own export decide is not believed to the
/// centre: which rules can be named, what they give together, and what its own rows say.
#[test]
fn reasons_that_no_screening_of_the_round_can_give_are_refused() {
    let screened = Screened::without("veterans.persons");
    let (split, good) = (&screened.split, &screened.leads);
    let resolved = |document: &Value, output: &str| screened.resolve(document, output);
    let honest = resolved(good, "honest");
    assert_eq!(honest.code, 3, "{}", honest.stderr);
    let (not_of_policy, not_of_export) = ("cannot follow from the policy", "what they do not say");
    // The first case row of a lead for which something holds, changed.
    type Holds = fn(&Value) -> bool;
    let changed = |holds: Holds, change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        let leads = document["leads"].as_array_mut().unwrap();
        let mut cases = leads
            .iter_mut()
            .flat_map(|lead| lead["cases"].as_array_mut().unwrap());
        let case = cases
            .find(|case| holds(case))
            .expect("a case row of this kind");
        change(case);
        assert_ne!(document, *good);
        document
    };
    let any: Holds = |_| true;
    let established: Holds = |case| case["grade"] == "established";
    let open: Holds = |case| case["grade"] == "to_be_clarified";
    let two: Holds = |case| case["yes"].as_array().unwrap().len() > 1;
    let unknown: Holds = |case| !case["unknown"].as_array().unwrap().is_empty();
    let mut documents = vec![
        (
            changed(two, &|case| rules_of(case, "yes").reverse()),
            not_of_policy,
        ),
        (
            changed(any, &|case| {
                let first = rules_of(case, "yes")[0].clone();
                rules_of(case, "yes").insert(0, first);
            }),
            not_of_policy,
        ),
        (
            changed(open, &|case| {
                let first = rules_of(case, "yes")[0].clone();
                rules_of(case, "unknown").insert(0, first);
            }),
            not_of_policy,
        ),
        (
            changed(established, &|case| rules_of(case, "yes").clear()),
            not_of_policy,
        ),
        (
            changed(established, &|case| {
                case["grade"] = "to_be_clarified".into()
            }),
            not_of_policy,
        ),
        (
            changed(open, &|case| case["grade"] = "established".into()),
            not_of_policy,
        ),
    ];
    // Rules that withhold, of another aid, of an export that did not come, of none.
    for rule in [
        "withhold_role",
        "withhold_sealed",
        "priority_military_family",
        "no_rule",
    ] {
        for outcome in ["yes", "indicated", "unknown"] {
            let document = changed(any, &|case| rules_of(case, outcome).push(rule.into()));
            documents.push((document, not_of_policy));
        }
    }
    // What the own export says of priorities changes no grade.
    for rule in ["priority_minor", "priority_disabled_by_case"] {
        let mut document = good.clone();
        let leads = document["leads"].as_array_mut().unwrap();
        let cases = leads
            .iter_mut()
            .flat_map(|lead| lead["cases"].as_array_mut().unwrap());
        let named = |case: &mut Value| {
            let rules = rules_of(case, "yes");
            let before = rules.len();
            rules.retain(|named| named != rule);
            rules.len() < before
        };
        assert_eq!(
            cases.map(named).filter(|named| *named).take(1).count(),
            1,
            "{rule}"
        );
        documents.push((document, not_of_export));
    }
    documents.push((
        changed(unknown, &|case| rules_of(case, "unknown").clear()),
        "",
    ));
    // Persons of whom nothing is known.
    let person = |change: fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document["not_judged"][0]);
        assert_ne!(document, *good);
        document
    };
    for change in [
        |person: &mut Value| {
            let first = person["aids"][0].clone();
            person["aids"].as_array_mut().unwrap().push(first);
        },
        |person: &mut Value| rules_of(&mut person["cases"][0], "unknown").reverse(),
        |person: &mut Value| rules_of(&mut person["cases"][0], "unknown").clear(),
        |person: &mut Value| {
            rules_of(&mut person["cases"][0], "unknown").push("withhold_role".into())
        },
        |person: &mut Value| {
            rules_of(&mut person["cases"][0], "unknown").push("priority_military_family".into())
        },
    ] {
        documents.push((person(change), not_of_policy));
    }
    // Of rows of which the own export says enough.
    let used: BTreeSet<u64> = ["leads", "not_judged"]
        .iter()
        .flat_map(|list| good[list].as_array().unwrap())
        .flat_map(|one| one["cases"].as_array().unwrap())
        .map(|case| case["reference"].as_u64().unwrap())
        .collect();
    let others = (0..*used.last().unwrap()).filter(|reference| !used.contains(reference));
    for reference in others.take(8) {
        let mut document = good.clone();
        document["not_judged"][0]["cases"][0]["reference"] = reference.into();
        documents.push((document, not_of_export));
    }
    for (document, words) in documents {
        let refused = resolved(&document, "refused");
        assert_eq!(refused.code, 1, "{words}: {}", refused.stdout);
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
        assert!(!split.round.path("refused").exists());
    }
    // The file as the centre sent it is still accepted.
    assert_eq!(resolved(good, "again").code, 3);
}

/// Where a register that would show receipt, or the referrals, did not come or are too old,
/// nobody's are verified, whatever the centre says.
#[test]
fn what_is_not_verified_is_marked_whatever_the_centre_says() {
    let (receipt, referral) = ("receipt_not_verified", "referral_not_verified");
    for (screened, flag) in [
        (Screened::without("civil-affairs.assistance"), receipt),
        (Screened::without("procuratorate.referrals"), referral),
        (Screened::with_old("civil-affairs.assistance"), receipt),
        (Screened::with_old("procuratorate.referrals"), referral),
    ] {
        let mut document = screened.leads.clone();
        let mut marked = 0;
        for lead in document["leads"].as_array_mut().unwrap() {
            marked += u32::from(lead[flag] == true);
            lead[flag] = false.into();
        }
        assert!(marked > 50, "{flag}: {marked}");
        assert_eq!(screened.resolve(&screened.leads, "honest").code, 3);
        let refused = screened.resolve(&document, "refused");
        assert_eq!(refused.code, 1, "{flag}: {}", refused.stdout);
        let words = "leaves out that receipt or referral could not be verified";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}
