//! Tests of the round file as each command reads it, and of the digest of the terms.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Language;
use aidlink_policy::reading::{DateEpoch, EncodingChoice, SheetChoice};
use aidlink_policy::value::Value;

use super::{Mode, Reads, Round, RoundTerms, WrittenRound};
use crate::signing::SigningKey;

const CENTRE: &str = "age1w75s39argttf5htrf6jvvndkcrtcd7d6dxrsa4d96gzvwyaul57sslq2zr";
const PROCURATORATE: &str = "age1uwhwklhakktdd6gqeyv5mye9dhnjh4m33jgk2y0u9e6kx77m44yqtxa9ty";
const SIGNER: &str = "RWQXcmbb1vxFIyzUhee/SLjgQsZswDjeeUQSpZaAOXb63OfgxW2LSeR6";

/// A split round without its exports. [`Place::new`] inserts the recipients and the
/// signers' public keys.
const HEAD: &str = r#"round = "2026Q3"
as_of = 2026-09-30
issued_on = 2026-10-08
purpose = "joint-screening"
mode = "split"
operator = "an operator"
retention_until = 2026-12-31
list_language = "zh"
policy = "policy.toml"
schemas = "schemas"
calendar = "calendar.toml"
output = "output"

[impact_assessment]
id = "PIA-1"
valid_until = 2027-06-30

[key]
file = "round.key"
algorithm = "hmac-sha256"

[sealing]
centre = "@centre"
procuratorate = "@procuratorate"

[signing]
key = "signing.key"
# The public keys of the offices
# are at the end.

[thresholds]
snapshot_age_days = 92
reject_rate = 0.05
rare_pattern = 5
"#;

/// Exports that are not joined, out of the order of their names.
const NOT_JOINED: &str = r#"
not_joined = [
    { schema = "procuratorate.referrals", because = "first round" },
    { schema = "civil-affairs.assistance", because = "no agreement yet" },
]
"#;

/// The offices that sign files.
const SIGNERS: &str = r#"
[signing.signers]
procuratorate = "@procuratorate.key"
centre = "@centre.key"
civil-affairs = "@civil-affairs.key"
disabled-federation = "@disabled-federation.key"
education = "@education.key"
veterans = "@veterans.key"
"#;

const STUDENTS: &str = r#"
[[export]]
schema = "education.students"
path = "students.csv"
snapshot = 2026-09-28
legal_basis = "agreement 1"
"#;

const CASES: &str = r#"
[[export]]
schema = "procuratorate.case-parties"
path = ["north.csv", "south.csv"]
snapshot = 2026-09-27
legal_basis = "agreement 2"
encoding = "gb18030"
"#;

const VETERANS: &str = r#"
[[export]]
schema = "veterans.persons"
path = "veterans.xlsx"
snapshot = 2026-09-26
legal_basis = "agreement 3"
sheet = "名单"
headers = { "证号" = "national_id" }
date_epoch = 1904
may_be_empty = true
"#;

const DISABLED: &str = r#"
[[export]]
schema = "disabled-federation.persons"
path = "disabled.csv"
snapshot = 2026-09-28
legal_basis = "agreement 4"
"#;

/// A folder with the round file, the policy, schemas and calendar of this
/// repository, and the files of all exports.
struct Place {
    folder: tempfile::TempDir,
    text: String,
}

fn shipped(path: &str) -> PathBuf {
    // Read at run time, because two checkouts may share a target folder.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    Path::new(&package).join("../..").join(path)
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("schemas")).expect("a fresh folder");
        for entry in fs::read_dir(shipped("schemas")).expect("the shipped schemas") {
            let file = entry.expect("a schema").path();
            let name = file.file_name().expect("a name");
            fs::copy(&file, at("schemas").join(name)).expect("a fresh file");
        }
        for (from, to) in [
            ("policies/shaoguan.toml", "policy.toml"),
            ("calendars/china.toml", "calendar.toml"),
        ] {
            fs::copy(shipped(from), at(to)).expect("a fresh file");
        }
        for file in ["students.csv", "north.csv", "south.csv", "veterans.xlsx"] {
            fs::write(at(file), "").expect("a fresh file");
        }
        let mut text = [HEAD, STUDENTS, CASES, VETERANS, SIGNERS]
            .concat()
            .replace("@procuratorate.key", SIGNER);
        for office in [
            "centre",
            "civil-affairs",
            "disabled-federation",
            "education",
            "veterans",
        ] {
            let file = format!("{office}.key");
            let key = SigningKey::make(&at(&file)).expect("a fresh key");
            text = text.replace(&format!("@{file}"), &key.public().to_base64());
        }
        let text = text
            .replace("@centre", CENTRE)
            .replace("@procuratorate", PROCURATORATE);
        Place { folder, text }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the round file with this text.
    fn with(&self, text: &str) -> PathBuf {
        let file = self.path("round.toml");
        fs::write(&file, text).expect("the test's folder");
        file
    }

    /// Returns the line with the public key of an office.
    fn signer(&self, office: &str) -> String {
        let start = format!("{office} = \"RW");
        let mut lines = self.text.lines();
        let line = lines.find(|line| line.starts_with(&start));
        format!("{}\n", line.expect("a key for every office"))
    }

    /// Writes the round file with these texts replaced; each must occur in it.
    fn edited(&self, edits: &[(&str, &str)]) -> PathBuf {
        let mut text = self.text.clone();
        for (from, to) in edits {
            assert!(
                text.contains(from),
                "the round file does not contain {from}"
            );
            text = text.replacen(from, to, 1);
        }
        self.with(&text)
    }

    fn terms(&self, file: &Path, mode: Mode) -> RoundTerms {
        match planned(file, mode, Reads::Nothing) {
            Ok((terms, _)) => terms,
            Err(faults) => panic!("{:?}", messages(&faults)),
        }
    }

    fn digest(&self, edits: &[(&str, &str)]) -> String {
        let file = self.edited(edits);
        self.terms(&file, Mode::Split).terms_digest()
    }

    /// Appends text to a file beside the round file.
    fn append(&self, name: &str, more: &str) {
        let file = self.path(name);
        let text = fs::read_to_string(&file).expect("a document");
        fs::write(file, text + more).expect("the test's folder");
    }
}

fn written(file: &Path) -> WrittenRound {
    WrittenRound::read(file).expect("readable")
}

fn planned(
    file: &Path,
    mode: Mode,
    reads: Reads<'_>,
) -> Result<(RoundTerms, Vec<aidlink_policy::reading::PlannedExport>), Faults> {
    WrittenRound::read(file).and_then(|written| written.planned(mode, reads))
}

/// Returns the faults as `line:column: message`.
fn messages(faults: &Faults) -> Vec<String> {
    let rendered = faults.iter().map(|fault| {
        let text = fault.render(Language::English);
        let first = text.lines().next().unwrap_or_default();
        let name = first.rsplit('/').next().unwrap_or_default();
        name.trim_start_matches("round.toml:").to_owned()
    });
    rendered.collect()
}

fn refused<T>(result: Result<T, Faults>) -> Vec<String> {
    match result {
        Ok(_) => panic!("expected faults"),
        Err(faults) => messages(&faults),
    }
}

#[test]
fn values_that_may_differ_between_offices_do_not_change_the_digest() {
    let place = Place::new();
    let digest = place.digest(&[]);
    let signer = format!("procuratorate = \"{SIGNER}\"\n");
    let centre_signer = place.signer("centre");
    let signer_last = format!("{centre_signer}{signer}");
    let spaced = format!(" {CENTRE}\\n");
    let cases_first = [CASES, STUDENTS].concat();
    let assessment = "[impact_assessment]\nid = \"PIA-1\"\nvalid_until = 2027-06-30\n";
    let assessment_last = format!("{assessment}\n[[export]]");
    type Edits<'e> = &'e [(&'e str, &'e str)];
    let edits: [(&str, Edits<'_>); 25] = [
        ("a comment", &[("as_of", "# the day 基准日\nas_of")]),
        (
            "a comment behind a value",
            &[("\"split\"", "\"split\" # we")],
        ),
        ("space", &[("as_of = ", "\n\nas_of   =   ")]),
        (
            "line ends of Windows",
            &[("2026-09-30\n", "2026-09-30\r\n")],
        ),
        (
            "keys in another order",
            &[
                ("round = \"2026Q3\"\n", ""),
                ("output =", "round = \"2026Q3\"\noutput ="),
            ],
        ),
        (
            "tables in another order",
            &[(assessment, ""), ("[[export]]", &assessment_last)],
        ),
        (
            "the case parties first",
            &[(CASES, ""), (STUDENTS, &cases_first)],
        ),
        (
            "signers in another order",
            &[(&signer, ""), (&centre_signer, &signer_last)],
        ),
        ("a date as a string", &[("2026-09-30", "\"2026-09-30\"")]),
        ("another way to write a number", &[("0.05", "5.0e-2")]),
        ("a default left out", &[("rare_pattern = 5\n", "")]),
        (
            "a default written out",
            &[("agreement 1\"", "agreement 1\"\nmay_be_empty = false")],
        ),
        ("a recipient with space around it", &[(CENTRE, &spaced)]),
        ("another operator", &[("an operator", "another")]),
        ("another language of the lists", &[("\"zh\"", "\"en\"")]),
        ("another output", &[("\"output\"", "\"elsewhere/output\"")]),
        (
            "another key file",
            &[("\"round.key\"", "\"keys/round.key\"")],
        ),
        (
            "another signing key",
            &[("\"signing.key\"", "\"/keys/signing.key\"")],
        ),
        ("another file", &[("\"students.csv\"", "\"学生.parquet\"")]),
        (
            "one file for two",
            &[("[\"north.csv\", \"south.csv\"]", "\"all.csv\"")],
        ),
        ("another sheet", &[("\"名单\"", "\"Sheet1\"")]),
        ("all sheets", &[("sheet = \"名单\"", "sheets = \"all\"")]),
        ("other headers", &[("\"证号\"", "\"身份证\"")]),
        ("another encoding", &[("\"gb18030\"", "\"detect\"")]),
        ("another epoch", &[("1904", "1900")]),
    ];
    for (what, edits) in edits {
        assert_eq!(place.digest(edits), digest, "{what}");
    }
    // The policy may be at another path; only its content counts.
    fs::rename(place.path("policy.toml"), place.path("p.toml")).expect("a move");
    assert_eq!(place.digest(&[("policy.toml", "p.toml")]), digest);
}

#[test]
fn every_value_of_the_terms_changes_the_digest() {
    let place = Place::new();
    SigningKey::make(&place.path("other.key")).expect("a fresh key");
    let other = fs::read_to_string(place.path("other.pub")).expect("a public key");
    let other = other.lines().last().expect("the key").to_owned();
    let assistance = place.signer("civil-affairs");
    let mut seen = BTreeMap::from([(place.digest(&[]), "no change".to_owned())]);
    let mut check_new = |what: &str, digest: String| {
        let earlier = seen.insert(digest, what.to_owned());
        assert_eq!(earlier, None, "{what} gives the same digest");
    };
    let centre = format!("centre = \"{CENTRE}\"\n");
    let procuratorate = format!("procuratorate = \"{PROCURATORATE}\"\n");
    let one_more = [STUDENTS, DISABLED].concat();
    let students_last = [VETERANS, STUDENTS].concat();
    let other_words = STUDENTS.replace("agreement 1", "agreement 3");
    let not_empty = VETERANS.replace("may_be_empty = true\n", "");
    type Edits<'e> = &'e [(&'e str, &'e str)];
    let left_out = format!("output = \"output\"{NOT_JOINED}");
    let other_reason = left_out.replace("first round", "no record");
    let (_, one_left_out) = left_out.split_once("not_joined").expect("the key");
    let one_left_out =
        one_left_out.replacen("procuratorate.referrals", "disabled-federation.persons", 1);
    let one_left_out = format!("output = \"output\"\nnot_joined{one_left_out}");
    let output = "output = \"output\"\n";
    let edits: [(&str, Edits<'_>); 31] = [
        ("not joined", &[(output, &left_out)]),
        ("not joined for another reason", &[(output, &other_reason)]),
        ("others not joined", &[(output, &one_left_out)]),
        ("id", &[("2026Q3", "2026Q4")]),
        ("as-of date", &[("2026-09-30", "2026-09-29")]),
        ("date of issue", &[("2026-10-08", "2026-10-09")]),
        ("no date of issue", &[("issued_on = 2026-10-08\n", "")]),
        ("purpose", &[("joint-screening", "another purpose")]),
        (
            "a space in the purpose",
            &[("joint-screening", "joint-screening ")],
        ),
        ("assessment", &[("PIA-1", "PIA-2")]),
        ("end of the assessment", &[("2027-06-30", "2027-07-01")]),
        ("end of retention", &[("2026-12-31", "2027-01-01")]),
        ("algorithm", &[("hmac-sha256", "hmac-sm3")]),
        ("age of snapshots", &[("= 92", "= 93")]),
        ("reject rate", &[("0.05", "0.0500001")]),
        ("rare pattern", &[("rare_pattern = 5", "rare_pattern = 6")]),
        (
            "recipients swapped",
            &[(CENTRE, "@"), (PROCURATORATE, CENTRE), ("@", PROCURATORATE)],
        ),
        ("plain tokens", &[(&centre, "plain = [\"tokens\"]\n")]),
        ("plain leads", &[(&procuratorate, "plain = [\"leads\"]\n")]),
        (
            "all plain",
            &[
                (&centre, "plain = [\"leads\", \"tokens\"]\n"),
                (&procuratorate, ""),
            ],
        ),
        ("key of a signer", &[(SIGNER, &other)]),
        ("one signer less", &[(&assistance, "")]),
        (
            "another export",
            &[("education.students", "civil-affairs.assistance")],
        ),
        ("one export more", &[(STUDENTS, &one_more)]),
        ("one export less", &[(STUDENTS, "")]),
        (
            "registers in another order",
            &[(STUDENTS, ""), (VETERANS, &students_last)],
        ),
        ("snapshot", &[("2026-09-28", "2026-09-25")]),
        (
            "snapshot of the case parties",
            &[("2026-09-27", "2026-09-25")],
        ),
        ("legal basis", &[(STUDENTS, &other_words)]),
        ("may not be empty", &[(VETERANS, &not_empty)]),
        (
            "may be empty",
            &[("agreement 1\"", "agreement 1\"\nmay_be_empty = true")],
        ),
    ];
    for (what, edits) in edits {
        check_new(what, place.digest(edits));
    }
    let sealing = format!("[sealing]\n{centre}{procuratorate}");
    let pooled = place.edited(&[("\"split\"", "\"pooled\""), (&sealing, "")]);
    check_new("mode", place.terms(&pooled, Mode::Pooled).terms_digest());
    for (document, more) in [
        (
            "policy.toml",
            "[[source]]\nid = \"NEW\"\ntitle = { zh = \"新\", en = \"new\" }\n",
        ),
        ("calendar.toml", "# more\n"),
        ("schemas/veterans.persons.json", "\n"),
        ("schemas/procuratorate.case-parties.json", "\n"),
    ] {
        place.append(document, more);
        check_new(document, place.digest(&[]));
    }
    // Of the policy, what it says is agreed upon and not its bytes.
    let before = place.digest(&[]);
    place.append("policy.toml", "# more\n");
    assert_eq!(place.digest(&[]), before);
    // A schema without an export in the round is not part of the terms.
    place.append("schemas/civil-affairs.assistance.json", "\n");
    assert_eq!(place.digest(&[]), before);
}

#[test]
fn an_export_that_is_not_joined_is_named_once_with_its_reason() {
    let place = Place::new();
    let with = |items: &str| {
        place.edited(&[(
            "output = \"output\"\n",
            &format!("output = \"output\"\nnot_joined = [{items}]\n"),
        )])
    };
    let item = |schema: &str, because: &str| {
        format!("{{ schema = \"{schema}\", because = \"{because}\" }}")
    };
    for (items, expected) in [
        (
            item("education.students", "x"),
            "13:26: this export is also in [[export]]",
        ),
        (
            item("health.patients", "x"),
            "13:26: the policy uses no register of this name",
        ),
        (
            item("procuratorate.referrals", " "),
            "13:63: `because` must be a non-empty string",
        ),
        (
            format!(
                "{}, {}",
                item("procuratorate.referrals", "x"),
                item("procuratorate.referrals", "y")
            ),
            "13:81: this export is listed twice",
        ),
        (
            "{ schema = \"procuratorate.referrals\" }".to_owned(),
            "13:15: `because` is missing",
        ),
    ] {
        let found = refused(planned(&with(&items), Mode::Split, Reads::Nothing));
        assert_eq!(found, [expected], "{items}");
    }
    let terms = place.terms(&with(""), Mode::Split);
    assert_eq!(terms.not_joined, []);
}

#[test]
fn a_reject_rate_of_zero_has_no_sign() {
    let place = Place::new();
    let zero = place.digest(&[("0.05", "0")]);
    for written in ["0.0", "-0.0", "0e5"] {
        assert_eq!(place.digest(&[("0.05", written)]), zero, "{written}");
    }
}

#[test]
fn the_digest_is_computed_over_the_documented_json() {
    let place = Place::new();
    let sealing = format!("centre = \"{CENTRE}\"");
    let file = place.edited(&[
        (&sealing, "plain = [\"tokens\"]"),
        (STUDENTS, ""),
        (
            "output = \"output\"\n",
            &format!("output = \"output\"{NOT_JOINED}"),
        ),
    ]);
    let terms = place.terms(&file, Mode::Split);
    let schema = |name: &str| terms.schemas.0[name].digest.clone();
    let (policy, calendar) = (&terms.policy.digest, terms.calendar.digest());
    let (cases, veterans) = (
        schema("procuratorate.case-parties"),
        schema("veterans.persons"),
    );
    let keys: BTreeMap<&str, String> = terms
        .signers
        .iter()
        .map(|(office, key)| (office.as_str(), key.to_base64()))
        .collect();
    let signer = |office: &str| format!(r#"{{"name":"{office}","public_key":"{}"}}"#, keys[office]);
    let text = [
        r#"{"format":"aidlink-round-terms","version":2,"round":"2026Q3","mode":"split","#
            .to_owned(),
        r#""as_of":"2026-09-30","issued_on":"2026-10-08","purpose":"joint-screening","#.to_owned(),
        r#""impact_assessment":{"id":"PIA-1","valid_until":"2027-06-30"},"#.to_owned(),
        r#""retention_until":"2026-12-31","algorithm":"hmac-sha256","#.to_owned(),
        r#""thresholds":{"snapshot_age_days":92,"reject_rate":0.05,"rare_pattern":5},"#.to_owned(),
        format!(r#""sealing":{{"tokens":"plain","leads":{{"sealed_to":"{PROCURATORATE}"}}}},"#),
        format!(
            r#""signers":[{},{},"#,
            signer("centre"),
            signer("civil-affairs")
        ),
        format!("{},{},", signer("disabled-federation"), signer("education")),
        format!("{},{}],", signer("procuratorate"), signer("veterans")),
        format!(r#""policy_blake3":"{policy}","calendar_blake3":"{calendar}","exports":["#),
        format!(r#"{{"schema":"procuratorate.case-parties","schema_blake3":"{cases}","#),
        r#""snapshot":"2026-09-27","legal_basis":"agreement 2","may_be_empty":false},"#.to_owned(),
        format!(r#"{{"schema":"veterans.persons","schema_blake3":"{veterans}","#),
        r#""snapshot":"2026-09-26","legal_basis":"agreement 3","may_be_empty":true}],"#.to_owned(),
        r#""not_joined":[{"schema":"civil-affairs.assistance","because":"no agreement yet"},"#
            .to_owned(),
        r#"{"schema":"procuratorate.referrals","because":"first round"}]}"#.to_owned(),
    ]
    .concat();
    let digest = blake3::hash(text.as_bytes()).to_hex();
    assert_eq!(terms.terms_digest(), digest.as_str());
    let short = terms.terms_digest_short();
    assert_eq!(short.replace(' ', ""), digest[..32]);
    let groups: Vec<usize> = short.split(' ').map(str::len).collect();
    assert_eq!(groups, [4; 8]);
}

#[test]
fn a_command_is_stopped_only_by_faults_in_the_keys_that_it_needs() {
    let place = Place::new();
    let part = "round = \"2026Q3\"\npurpose = \"joint-screening\"\n[key]\nfile = \"round.key\"\n";
    // Valid: all that `aidlink key` needs. The rest is missing or invalid.
    let rest = format!(
        "unknown = 1\nalgorithm = 5\n[sealing]\ncentre = \" {CENTRE} \"\nplain = 3\n[thresholds]\nreject_rate = 7\n[[export]]\nschema = 5\n"
    );
    let file = place.with(&format!("{part}{rest}"));
    let key = written(&file).key_terms().expect("a valid part");
    assert_eq!(
        (key.round.as_str(), key.purpose.as_str()),
        ("2026Q3", "joint-screening")
    );
    assert_eq!(key.file, place.path("round.key"));
    let centre = key.centre.map(|recipient| recipient.to_string());
    assert_eq!(centre.as_deref(), Some(CENTRE));

    let file = place.with("round = \"=1\"\n[key]\nfile = \"../k\"\n[sealing]\ncentre = 5\n");
    assert_eq!(
        refused(written(&file).key_terms()),
        [
            "1:9: invalid round id",
            "1:1: `purpose` is missing",
            "3:8: the path leads outside the folder of the round file",
            "5:10: `centre` must be a string",
        ]
    );
    let faulty = written(&file);
    assert_eq!(refused(faulty.round_id()), ["1:9: invalid round id"]);
    assert_eq!(refused(faulty.mode()), ["1:1: `mode` is missing"]);
    assert_eq!(
        refused(faulty.key_file()),
        ["3:8: the path leads outside the folder of the round file"]
    );
    assert!(!faulty.names_a_round());
    // The file names no signing key, so the default applies.
    let signing_key = faulty.signing_key_file().expect("the default");
    assert_eq!(signing_key, place.path("signing.key"));

    let whole = written(&place.edited(&[]));
    assert!(whole.names_a_round());
    assert_eq!(whole.round_id().ok().as_deref(), Some("2026Q3"));
    assert_eq!(whole.mode().ok(), Some(Mode::Split));
    assert_eq!(whole.key_file().ok(), Some(place.path("round.key")));
    let modes = place.edited(&[("\"split\"", "\"both\"")]);
    assert_eq!(
        refused(written(&modes).mode()),
        ["5:8: `mode` must be `pooled` or `split`"]
    );
}

#[test]
fn a_signing_key_may_be_outside_the_folder_and_must_be_a_string() {
    let place = Place::new();
    for (word, file) in [
        ("\"keys/own.key\"", place.path("keys/own.key")),
        ("\"../own.key\"", place.path("../own.key")),
        ("\"/keys/own.key\"", PathBuf::from("/keys/own.key")),
    ] {
        let round = place.edited(&[("\"signing.key\"", word)]);
        assert_eq!(written(&round).signing_key_file().ok(), Some(file.clone()));
        let step = Round::read(&round, None, Mode::Split, Reads::Nothing);
        assert_eq!(step.ok().map(|round| round.paths.signing_key), Some(file));
    }
    let round = place.edited(&[("\"signing.key\"", "5")]);
    assert_eq!(
        refused(written(&round).signing_key_file()),
        ["27:7: `key` must be a string"]
    );
    let round = place.with("signing = 5\n");
    assert_eq!(
        refused(written(&round).signing_key_file()),
        ["1:11: `signing` must be a table"]
    );
}

#[test]
fn an_invalid_signer_is_left_out_for_verification_and_refused_by_a_step() {
    let place = Place::new();
    let signer = format!("\"{SIGNER}\"");
    let faulty = format!("{signer}\ncentre2 = \"RWno\"\nthird = 5");
    let file = place.edited(&[(&signer, &faulty)]);
    let names: Vec<String> = written(&file)
        .signers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "procuratorate",
            "centre",
            "civil-affairs",
            "disabled-federation",
            "education",
            "veterans"
        ]
    );
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::Nothing)),
        [
            "61:11: this is not a minisign public key",
            "62:9: this is not a minisign public key",
            "61:11: `centre2` is not an office of this round",
            "62:9: `third` is not an office of this round",
        ]
    );
    for text in [
        "",
        "signing = 5\n",
        "[signing]\nsigners = 5\n",
        "[signing]\nkey = \"k\"\n",
    ] {
        assert!(written(&place.with(text)).signers().is_empty(), "{text}");
    }
}

#[test]
fn every_sending_office_of_a_split_round_needs_its_own_key() {
    let place = Place::new();
    let missing = |offices: &str| {
        vec![format!(
            "26:1: public keys are missing in [signing.signers]: {offices}"
        )]
    };
    for office in ["centre", "procuratorate", "education", "veterans"] {
        let file = place.edited(&[(&place.signer(office), "")]);
        assert_eq!(
            refused(planned(&file, Mode::Split, Reads::Nothing)),
            missing(office)
        );
    }
    // An agency without an export needs no key.
    let file = place.edited(&[(&place.signer("disabled-federation"), "")]);
    assert!(planned(&file, Mode::Split, Reads::Nothing).is_ok());
    // In a pooled round no office needs one.
    let sealing =
        format!("[sealing]\ncentre = \"{CENTRE}\"\nprocuratorate = \"{PROCURATORATE}\"\n");
    let file = place.edited(&[
        ("\"split\"", "\"pooled\""),
        (&sealing, ""),
        (&place.signer("centre"), ""),
    ]);
    assert!(planned(&file, Mode::Pooled, Reads::Nothing).is_ok());
    // Two offices must not share a key, and every signer must be an office.
    let own = place.signer("education");
    let of_another = own.replace(own.split('"').nth(1).expect("the key"), SIGNER);
    let stranger = own.replace("education", "educatoin");
    let file = place.edited(&[(&own, &of_another)]);
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::Nothing)),
        ["64:13: this is also the public key of `procuratorate`"]
    );
    let file = place.edited(&[(&own, &stranger)]);
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::Nothing)),
        ["64:13: `educatoin` is not an office of this round".to_owned()]
            .into_iter()
            .chain(missing("education"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn output_and_key_are_required_only_for_a_step() {
    let place = Place::new();
    let file = place.edited(&[
        ("output = \"output\"\n", ""),
        ("file = \"round.key\"\n", ""),
    ]);
    assert!(planned(&file, Mode::Split, Reads::All).is_ok());
    let expected = ["17:1: `file` is missing", "1:1: `output` is missing"];
    let output = place.path("elsewhere");
    for output in [None, Some(output.as_path())] {
        let step = Round::read(&file, output, Mode::Split, Reads::Nothing);
        assert_eq!(refused(step), expected);
    }
    // Invalid values are reported only for a step too.
    let file = place.edited(&[("\"output\"", "\"../out\""), ("\"round.key\"", "5")]);
    assert!(planned(&file, Mode::Split, Reads::All).is_ok());
    let step = Round::read(&file, None, Mode::Split, Reads::Nothing);
    assert_eq!(
        refused(step),
        [
            "19:8: `file` must be a string",
            "12:10: the path leads outside the folder of the round file"
        ]
    );
    let round = Round::read(&place.edited(&[]), None, Mode::Split, Reads::Nothing);
    let paths = round.expect("a valid round").paths;
    assert_eq!(paths.output, place.path("output"));
    assert_eq!(paths.key_file, place.path("round.key"));
    let round = Round::read(
        &place.edited(&[]),
        Some(&output),
        Mode::Split,
        Reads::Nothing,
    );
    assert_eq!(round.expect("a valid round").paths.output, output);
}

#[test]
fn an_export_file_name_with_a_personal_number_is_refused() {
    let place = Place::new();
    for name in [
        "李某44990119900101011X.csv",
        "13800001234/学生.csv",
        "449901_19900101_011X.csv",
        "学生\u{202e}.csv",
    ] {
        let path = place.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the test's folder");
        fs::write(path, "").expect("the test's folder");
        let file = place.edited(&[("\"students.csv\"", &format!("\"{name}\""))]);
        let faults = planned(&file, Mode::Split, Reads::All).map(|_| ());
        let faults = faults.expect_err("a personal number");
        for language in [Language::Chinese, Language::English] {
            let text: String = faults.iter().map(|fault| fault.render(language)).collect();
            let expected = ["控制字符", "a control character"];
            assert!(
                expected.iter().any(|part| text.contains(part)),
                "{name}: {text}"
            );
            assert!(!text.contains("011X") && !text.contains("1234"), "{text}");
        }
    }
    for name in [
        "学生 2026-09-30.csv",
        "20240131-20240229.csv",
        "韶检〔2026〕123号.csv",
    ] {
        fs::write(place.path(name), "").expect("the test's folder");
        let file = place.edited(&[("\"students.csv\"", &format!("\"{name}\""))]);
        assert!(planned(&file, Mode::Split, Reads::All).is_ok(), "{name}");
    }
}

#[test]
fn faults_of_all_parts_are_reported_together_in_a_fixed_order() {
    let place = Place::new();
    let file = place.edited(&[
        ("\"2026Q3\"", "\"2026 Q3\""),
        ("2026-10-08", "2026-09-01"),
        ("\"split\"", "\"pooled\""),
        ("operator", "oprator"),
        ("\"zh\"", "\"fr\""),
        ("\"hmac-sha256\"", "\"hmac-sha1\""),
        (CENTRE, "age1nonsense"),
        ("= 92", "= -1"),
        ("rare_pattern = 5", "rare_pattern = \"few\""),
        ("\"students.csv\"", "\"pupils.csv\""),
        ("\"gb18030\"", "\"gb2313\""),
        ("1904", "1970"),
        ("\"national_id\" }", "\"name_of_cat\" }"),
        ("2026-09-26", "2026-10-26"),
        ("calendar.toml", "no-calendar.toml"),
    ]);
    let text = fs::read_to_string(place.path("policy.toml")).expect("the policy");
    let rule = "id = \"j4_property_loss\"\n";
    let condition = "when = \"property_los >= 1\"\n";
    let wrong = text.replacen(rule, &format!("{rule}{condition}"), 1);
    assert_ne!(wrong, text);
    fs::write(place.path("policy.toml"), wrong).expect("the test's folder");
    let reported = refused(Round::read(&file, None, Mode::Split, Reads::All));
    // Positions in the policy file are left out: they change with the policy.
    let reported: Vec<&str> = reported
        .iter()
        .map(|line| match line.strip_prefix("policy.toml:") {
            Some(rest) => rest.split_once(": ").map_or(rest, |(_, message)| message),
            None => line,
        })
        .collect();
    assert_eq!(
        reported,
        [
            "1:9: invalid round id",
            "5:8: this round is `pooled`; `run` does all its steps",
            "1:1: `operator` is missing",
            "8:17: unknown language",
            "20:13: unknown token algorithm",
            "23:10: this is not an age recipient",
            "34:16: `rare_pattern` must be a whole number",
            "31:1: a number of days cannot be negative",
            "6:1: unknown key `oprator`",
            "38:8: the export file `pupils.csv` does not exist",
            "47:12: unknown encoding",
            "56:14: unknown date epoch",
            "no-calendar.toml: the file cannot be read: there is no such file or folder",
            "unknown column `property_los`",
            "3:13: `issued_on` is before `as_of`",
            "52:12: the snapshot is after the as-of date",
            "55:20: the schema `veterans.persons` has no field `name_of_cat`",
        ]
    );
}

#[test]
fn sealing_is_refused_in_a_pooled_round_and_required_in_a_split_one() {
    let place = Place::new();
    let file = place.edited(&[("\"split\"", "\"pooled\"")]);
    assert_eq!(
        refused(planned(&file, Mode::Pooled, Reads::Nothing)),
        ["22:2: unknown key `sealing`"]
    );
    let file = place.edited(&[("[sealing]", "[sealed]")]);
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::Nothing)),
        ["1:1: `sealing` is missing", "22:2: unknown key `sealed`"]
    );
}

#[test]
fn only_the_files_of_exports_that_an_office_reads_must_exist() {
    let place = Place::new();
    let names = |reads| -> Vec<String> {
        let (_, exports) = planned(&place.edited(&[]), Mode::Split, reads).expect("a valid round");
        exports
            .iter()
            .map(|export| export.schema.name.clone())
            .collect()
    };
    let (cases, students) = ("procuratorate.case-parties", "education.students");
    let veterans = "veterans.persons";
    assert_eq!(names(Reads::Nothing), [""; 0]);
    assert_eq!(names(Reads::One(veterans)), [veterans]);
    assert_eq!(names(Reads::One("no.such")), [""; 0]);
    assert_eq!(names(Reads::All), [cases, students, veterans]);
    assert_eq!(names(Reads::Present), [cases, students, veterans]);

    // One of two files is missing, so the export is not present.
    fs::remove_file(place.path("south.csv")).expect("the file");
    assert_eq!(names(Reads::Nothing), [""; 0]);
    assert_eq!(names(Reads::One(veterans)), [veterans]);
    assert_eq!(names(Reads::Present), [students, veterans]);
    for reads in [Reads::All, Reads::One(cases)] {
        assert_eq!(
            refused(planned(&place.edited(&[]), Mode::Split, reads)),
            ["44:22: the export file `south.csv` does not exist"]
        );
    }
    // How another office's export is read is not checked.
    let file = place.edited(&[
        ("\"gb18030\"", "\"gb2313\""),
        ("1904", "1970"),
        ("\"students.csv\"", "\"../s\""),
    ]);
    assert!(planned(&file, Mode::Split, Reads::Nothing).is_ok());
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::Present)),
        ["56:14: unknown date epoch"]
    );
}

#[test]
fn an_export_is_planned_as_in_the_round_file() {
    let place = Place::new();
    let round = Round::read(&place.edited(&[]), None, Mode::Split, Reads::All);
    let round = round.expect("a valid round");
    let cases = round.cases().expect("this office reads it");
    let files: Vec<(PathBuf, &str)> = cases
        .files
        .iter()
        .map(|file| (file.path.clone(), file.written_path.as_str()))
        .collect();
    let (north, south) = (place.path("north.csv"), place.path("south.csv"));
    assert_eq!(files, [(north, "north.csv"), (south, "south.csv")]);
    assert_eq!(cases.files[0].reading.encoding, EncodingChoice::Gb18030);
    assert_eq!(cases.files[0].reading.epoch, DateEpoch::Year1900);
    assert!(!cases.may_be_empty);
    let registers: Vec<&str> = round
        .registers()
        .map(|export| export.schema.name.as_str())
        .collect();
    assert_eq!(registers, ["education.students", "veterans.persons"]);
    let veterans = round
        .export("veterans.persons")
        .expect("this office reads it");
    let named = SheetChoice::Named(vec!["名单".to_owned()]);
    assert_eq!(veterans.files[0].reading.sheets, named);
    assert_eq!(
        veterans.files[0].reading.headers,
        [("证号".to_owned(), "national_id".to_owned())]
    );
    assert_eq!(veterans.files[0].reading.epoch, DateEpoch::Year1904);
    assert_eq!(veterans.legal_basis, "agreement 3");
    assert_eq!(veterans.snapshot, jiff::civil::Date::constant(2026, 9, 26));
    assert!(veterans.may_be_empty);
}

#[test]
fn sheets_are_all_or_named() {
    let place = Place::new();
    let names =
        |names: &[&str]| SheetChoice::Named(names.iter().map(|name| (*name).to_owned()).collect());
    for (written, sheets) in [
        ("sheets = \"all\"", SheetChoice::All),
        ("sheets = [\"all\"]", names(&["all"])),
        ("sheets = [\"甲\", \"乙\"]", names(&["甲", "乙"])),
        ("sheet = \"all\"", names(&["all"])),
        ("", SheetChoice::Only),
    ] {
        let file = place.edited(&[("sheet = \"名单\"", written)]);
        let round = Round::read(&file, None, Mode::Split, Reads::All).expect("a valid round");
        let veterans = round.export("veterans.persons").expect("it is read");
        assert_eq!(veterans.files[0].reading.sheets, sheets, "{written}");
    }
    let neither = "`sheets` must be \"all\" or a list of sheet names";
    for (written, fault) in [
        ("sheets = \"甲\"", neither),
        ("sheets = []", neither),
        ("sheets = true", neither),
        ("sheets = [1]", "expected a string"),
        (
            "sheet = \"甲\"\nsheets = \"all\"",
            "`sheet` and `sheets` exclude each other",
        ),
    ] {
        let file = place.edited(&[("sheet = \"名单\"", written)]);
        let faults = refused(planned(&file, Mode::Split, Reads::All));
        assert!(
            matches!(faults.as_slice(), [one] if one.ends_with(fault)),
            "{written}: {faults:?}"
        );
    }
}

#[test]
fn an_unknown_export_is_reported_with_the_nearest_name() {
    let place = Place::new();
    let read = |name| Round::read(&place.edited(&[]), None, Mode::Split, Reads::One(name));
    let round = read("veterans.persons").expect("a valid round");
    assert!(round.export("veterans.persons").is_ok());
    assert!(round.cases().is_err(), "this office does not read it");
    let faults = read("veterans.person")
        .map(|_| ())
        .expect_err("no such export");
    let fault = faults
        .iter()
        .next()
        .map(|fault| fault.render(Language::English));
    let fault = fault.unwrap_or_default();
    assert!(
        fault.contains("the round has no export `veterans.person`"),
        "{fault}"
    );
    assert!(
        fault.contains("did you mean `veterans.persons`?"),
        "{fault}"
    );
}

/// The export of veterans in two files: a list of disabled veterans and one of others.
const VETERANS_IN_PARTS: &str = r#"
[[export]]
schema = "veterans.persons"
snapshot = 2026-09-26
legal_basis = "agreement 3"
[[export.file]]
path = "veterans.xlsx"
sheet = "伤残"
constants = { kind = "伤残军人", status = "active", hardship = true, benefit_started_on = 2026-01-31 }
date_epoch = 1904
[export.file.headers]
"证号" = "national_id"
[[export.file]]
path = ["students.csv", "veterans.xlsx"]
sheets = ["其他"]
encoding = "gb18030"
values.kind."老兵" = "veteran"
"#;

impl Place {
    /// Writes the round file with another export of veterans.
    fn with_veterans(&self, export: &str) -> PathBuf {
        self.edited(&[(VETERANS, export)])
    }

    /// Returns line and column of a text in the round file.
    fn place_of(&self, text: &str) -> String {
        let file = fs::read_to_string(self.path("round.toml")).expect("the round file");
        let (before, _) = file.split_once(text).expect("the text is in it");
        let line = before.matches('\n').count() + 1;
        let start = before.rsplit('\n').next().unwrap_or_default();
        format!("{line}:{}", start.chars().count() + 1)
    }
}

#[test]
fn the_files_of_an_export_have_their_own_ways_of_reading() {
    let place = Place::new();
    let file = place.with_veterans(VETERANS_IN_PARTS);
    let round = Round::read(&file, None, Mode::Split, Reads::All).expect("a valid round");
    let veterans = round.export("veterans.persons").expect("it is read");
    let [disabled, students, others] = veterans.files.as_slice() else {
        panic!("{:?}", veterans.files);
    };
    let named = |sheet: &str| SheetChoice::Named(vec![sheet.to_owned()]);
    assert_eq!(disabled.written_path, "veterans.xlsx");
    assert_eq!(disabled.reading.sheets, named("伤残"));
    assert_eq!(disabled.reading.epoch, DateEpoch::Year1904);
    assert_eq!(disabled.reading.encoding, EncodingChoice::Detect);
    assert_eq!(
        disabled.reading.headers,
        [("证号".to_owned(), "national_id".to_owned())]
    );
    let constants: Vec<(&str, Value)> = disabled
        .reading
        .constants
        .iter()
        .map(|given| (given.field.as_str(), given.value.clone()))
        .collect();
    assert_eq!(
        constants,
        [
            ("kind", Value::String("disabled".to_owned())),
            ("status", Value::String("active".to_owned())),
            ("hardship", Value::Boolean(true)),
            (
                "benefit_started_on",
                Value::Date(jiff::civil::Date::constant(2026, 1, 31))
            ),
        ]
    );
    assert_eq!(students.written_path, "students.csv");
    assert_eq!(others.written_path, "veterans.xlsx");
    assert_eq!(students.reading, others.reading);
    assert_eq!(others.reading.sheets, named("其他"));
    assert_eq!(others.reading.encoding, EncodingChoice::Gb18030);
    assert_eq!(others.reading.constants, []);
    assert_eq!(others.reading.values.len(), 1);

    // How an office reads its files is not agreed upon.
    let digest = place.terms(&file, Mode::Split).terms_digest();
    let may_be_empty = VETERANS.replace("may_be_empty = true\n", "");
    let plain = place.with_veterans(&may_be_empty);
    assert_eq!(place.terms(&plain, Mode::Split).terms_digest(), digest);
    // Deletion looks for the files of every part.
    let names = written(&place.with_veterans(VETERANS_IN_PARTS)).named_files();
    let is_veterans = |path: &&PathBuf| path.ends_with("veterans.xlsx");
    assert_eq!(names.iter().filter(is_veterans).count(), 2);
}

#[test]
fn a_table_of_files_excludes_the_keys_of_a_single_file() {
    let place = Place::new();
    let head = "[[export]]\nschema = \"veterans.persons\"\n";
    for (key, line, message) in [
        (
            "path",
            "path = \"single.csv\"",
            "`path` and [[export.file]] exclude each other",
        ),
        ("sheet", "sheet = \"A\"", ""),
        ("sheets", "sheets = \"all\"", ""),
        ("encoding", "encoding = \"utf-8\"", ""),
        ("date_epoch", "date_epoch = 1904", ""),
        ("headers", "headers = { a = \"kind\" }", ""),
        ("values", "values.kind.a = \"veteran\"", ""),
        ("constants", "constants = { kind = \"veteran\" }", ""),
        ("because", "because = \"a letter\"", ""),
    ] {
        let export = VETERANS_IN_PARTS.replacen(head, &format!("{head}{line}\n"), 1);
        let file = place.with_veterans(&export);
        let message = match message {
            "" => format!("`{key}` belongs in [[export.file]], if there is one"),
            own => own.to_owned(),
        };
        assert_eq!(
            refused(planned(&file, Mode::Split, Reads::All)),
            [format!("{}: {message}", place.place_of(line))]
        );
    }
    for (files, message) in [
        ("file = []", "`file` must not be empty"),
        (
            "file = \"a.csv\"",
            "`file` must be an array of tables ([[...]])",
        ),
        ("[[export.file]]\nencoding = \"utf-8\"", "`path` is missing"),
        (
            "[[export.file]]\npath = \"students.csv\"\nsnapshot = 2026-09-26",
            "unknown key `snapshot`",
        ),
        (
            "[[export.file]]\npath = \"absent.csv\"",
            "the export file `absent.csv` does not exist",
        ),
        (
            "[[export.file]]\npath = [\"students.csv\", \"./students.csv\"]",
            // The messages of these tests begin after the last slash.
            "students.csv` twice",
        ),
        (
            "[[export.file]]\npath = \"veterans.xlsx\"\nsheets = [\"A\", \"B\"]\n\
             [[export.file]]\npath = \"veterans.xlsx\"\nsheet = \"B\"",
            "the export names `veterans.xlsx` twice",
        ),
        (
            "[[export.file]]\npath = \"veterans.xlsx\"\nsheet = \"A\"\n\
             [[export.file]]\npath = \"veterans.xlsx\"",
            "the export names `veterans.xlsx` twice",
        ),
    ] {
        let (head, _) = VETERANS_IN_PARTS
            .split_once("[[export.file]]")
            .expect("it has files");
        let file = place.with_veterans(&format!("{head}{files}\n"));
        let faults = refused(planned(&file, Mode::Split, Reads::All));
        assert!(
            matches!(faults.as_slice(), [one] if one.ends_with(message)),
            "{files}: {faults:?}"
        );
    }
}

#[test]
fn wrong_constants_are_refused_with_their_places() {
    let place = Place::new();
    let veterans = |constants: &str| {
        VETERANS.replace("date_epoch = 1904\n", &format!("constants = {constants}\n"))
    };
    for (constants, at, message) in [
        (
            "{ knd = \"veteran\" }",
            "knd =",
            "the schema `veterans.persons` has no field `knd`",
        ),
        (
            "{ kind = \"dibao\" }",
            "\"dibao\"",
            "`dibao` is not a value of `kind`",
        ),
        ("{ kind = \"\" }", "\"\" }", "`` is not a value of `kind`"),
        ("{ kind = 3 }", "3 }", "`3` is not a value of `kind`"),
        (
            "{ hardship = \"maybe\" }",
            "\"maybe\"",
            "`maybe` is not a value of `hardship`",
        ),
        (
            "{ benefit_started_on = \"2026\" }",
            "\"2026\"",
            "`2026` is not a value of `benefit_started_on`",
        ),
        (
            "{ benefit_started_on = 9999-12-31 }",
            "9999-12-31",
            "`9999-12-31` is not a value of `benefit_started_on`",
        ),
        (
            "{ kind = [\"veteran\"] }",
            "[\"veteran\"]",
            "expected one value",
        ),
        ("{ kind = 12:00:00 }", "12:00:00", "expected one value"),
        (
            "{ national_id = \"1\" }",
            "national_id = \"1\"",
            "the field `national_id` differs from row to row and cannot be a constant",
        ),
        (
            "{ name = \"1\" }",
            "name = \"1\"",
            "no rule needs `name`; it must not be read",
        ),
        ("\"kind\"", "\"kind\"", "`constants` must be a table"),
        (
            "{}\nbecause = \"a letter\"",
            "\"a letter\"",
            "`because` is the reason for `constants`, and there are none here",
        ),
    ] {
        let file = place.with_veterans(&veterans(constants));
        assert_eq!(
            refused(planned(&file, Mode::Split, Reads::All)),
            [format!("{}: {message}", place.place_of(at))],
            "{constants}"
        );
        // Every office checks them.
        assert!(planned(&file, Mode::Split, Reads::Nothing).is_err());
    }
    let file = place.with_veterans(&veterans("{ kind = \"dibao\" }"));
    let faults = planned(&file, Mode::Split, Reads::All).expect_err("no code");
    let fault = faults.iter().next().map(|fault| fault.hint.en.clone());
    let fault = fault.unwrap_or_default();
    assert!(fault.contains("disabled, ill_returned,"), "{fault}");

    let birth_date = STUDENTS.replace(
        "path = \"students.csv\"",
        "path = \"students.csv\"\nconstants = { birth_date = 2010-01-01 }",
    );
    let file = place.edited(&[(STUDENTS, &birth_date)]);
    assert_eq!(
        refused(planned(&file, Mode::Split, Reads::All)),
        [format!(
            "{}: the field `birth_date` differs from row to row and cannot be a constant",
            place.place_of("birth_date =")
        )]
    );
}

#[test]
fn what_withholds_rows_is_a_constant_only_with_a_reason() {
    let place = Place::new();
    let cases = |more: &str| CASES.replace("encoding = \"gb18030\"", more);
    for (more, at, message) in [
        (
            "constants = { role = \"victim\" }\nbecause = \"a letter\"",
            "role =",
            "the field `role` decides for each person whether the row may be used, and cannot be a constant",
        ),
        (
            "constants = { case_number = \"1\" }",
            "case_number =",
            "the field `case_number` differs from row to row and cannot be a constant",
        ),
        (
            "constants = { sealed = false }",
            "sealed =",
            "rows without `sealed` are withheld, so a constant for it needs a reason",
        ),
        (
            "constants = { sealed = false }\nbecause = \" \"",
            "\" \"",
            "`because` must be a non-empty string",
        ),
    ] {
        let file = place.edited(&[(CASES, &cases(more))]);
        let faults = refused(planned(&file, Mode::Split, Reads::All));
        let expected = format!("{}: {message}", place.place_of(at));
        assert!(faults.contains(&expected), "{more}: {faults:?}");
    }
    let with_reason = cases("constants = { sealed = \"否\" }\nbecause = \"a letter\"");
    let file = place.edited(&[(CASES, &with_reason)]);
    let round = Round::read(&file, None, Mode::Split, Reads::All).expect("a valid round");
    for file in &round.cases().expect("they are read").files {
        assert_eq!(file.reading.because.as_deref(), Some("a letter"));
        let constants = file.reading.constants.iter();
        let values: Vec<&Value> = constants.map(|given| &given.value).collect();
        assert_eq!(values, [&Value::Boolean(false)]);
    }
    // Death withholds only where it is known, so `deceased` needs no reason.
    let file = place.edited(&[(CASES, &cases("constants = { deceased = false }"))]);
    assert!(planned(&file, Mode::Split, Reads::All).is_ok());
}

#[test]
fn the_export_of_a_file_is_found_by_its_path() {
    let place = Place::new();
    let round = written(&place.with_veterans(VETERANS_IN_PARTS));
    let schema = |name: &str| round.schema_of_file(&place.path(name));
    assert_eq!(schema("veterans.xlsx"), Some("veterans.persons"));
    assert_eq!(schema("north.csv"), Some("procuratorate.case-parties"));
    assert_eq!(schema("policy.toml"), None);
    assert_eq!(schema("absent.csv"), None);
}
