//! How an office reads its own export may be in `reading/SCHEMA.toml` beside the round
//! file. The round file that the offices share then names no file.

use std::path::Path;

use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{Round, aidlink};

const KEYS: [&str; 9] = [
    "path",
    "encoding",
    "sheet",
    "sheets",
    "date_epoch",
    "headers",
    "values",
    "constants",
    "because",
];

/// Moves the lines of each export that say how it is read from the round file to a
/// reading file, with these lines added.
pub fn with_reading_files(round: Round, more: &[(&str, &str)]) -> Round {
    std::fs::create_dir(round.path("reading")).unwrap();
    let text = round.read("round.toml");
    let mut kept = String::new();
    let mut reading = String::new();
    let mut schema: Option<String> = None;
    let mut in_table = false;
    let write = |schema: &Option<String>, reading: &str| {
        if let Some(schema) = schema {
            round.write(&format!("reading/{schema}.toml"), reading);
        }
    };
    for line in text.lines() {
        let key = line.split(" = ").next().unwrap_or_default();
        if line.starts_with("[[export]]") {
            write(&schema, &reading);
            reading.clear();
            in_table = false;
        }
        in_table |= line.starts_with("[export.") || line.starts_with("[[export.");
        if schema.is_some() && (in_table || KEYS.contains(&key)) {
            reading.push_str(&line.replace("[export.", "["));
            reading.push('\n');
            continue;
        }
        if let Some(name) = line.strip_prefix("schema = ") {
            let name = name.trim_matches('"');
            let added = more.iter().filter(|(of, _)| *of == name);
            reading.extend(added.map(|(_, line)| format!("{line}\n")));
            schema = Some(name.to_owned());
        }
        kept.push_str(line);
        kept.push('\n');
    }
    write(&schema, &reading);
    assert!(!kept.contains("path = "), "{kept}");
    round.write("round.toml", kept);
    round
}

fn blake3_of(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).unwrap())
        .to_hex()
        .to_string()
}

#[test]
fn a_pooled_round_with_reading_files_gives_the_same_lists() {
    for make in [Round::sample, Round::minimal_sample, Round::hand_made] {
        let plain = make();
        let code = plain.run().code;
        let round = with_reading_files(make(), &[]);
        let result = round.run();
        assert_eq!(result.code, code, "{}", result.stderr);
        assert!(plain.lists("output") == round.lists("output"));
        let output = round.output("output");
        for export in EXPORTS {
            let file = format!("reading/{export}.toml");
            if !round.path(&file).is_file() {
                continue;
            }
            let read = round.export_in_manifest(export);
            assert_eq!(
                read["reading_blake3"],
                blake3_of(&round.path(&file)),
                "{export}"
            );
            let copy = &output[&format!("configuration/{file}")];
            assert!(
                *copy == std::fs::read(round.path(&file)).unwrap(),
                "{export}"
            );
        }
        assert!(plain.export_in_manifest(EXPORTS[0])["reading_blake3"].is_null());
        // A reading file belongs to the round's folder.
        let (folder, key) = (round.path(""), round.path("signing.pub"));
        let audit = aidlink(&[
            "audit",
            folder.to_str().unwrap(),
            "--rerun",
            "--public-key",
            key.to_str().unwrap(),
            "--lang",
            "en",
        ]);
        assert!(!audit.stdout.contains("  reading/"), "{}", audit.stdout);
        assert!(!audit.stdout.contains("NOT HELD"), "{}", audit.stdout);
    }
}

#[test]
fn each_office_of_a_split_round_has_its_own_reading_file() {
    let pooled = Round::sample();
    assert_eq!(pooled.run().code, 0);
    let split = SplitRound::sealed(with_reading_files(Round::sample(), &[]));
    // An office sees its own reading file and no other.
    let reading = split.round.path("reading");
    let elsewhere = split.round.path("elsewhere");
    std::fs::rename(&reading, &elsewhere).unwrap();
    for export in EXPORTS {
        let _ = std::fs::remove_dir_all(&reading);
        std::fs::create_dir(&reading).unwrap();
        let name = format!("{export}.toml");
        std::fs::copy(elsewhere.join(&name), reading.join(&name)).unwrap();
        let result = split.tokenise(export);
        assert!([0, 3].contains(&result.code), "{export}: {}", result.stderr);
        let tokens = std::fs::read(split.round.path(&format!("at-{export}/manifest.json")));
        let manifest: serde_json::Value = serde_json::from_slice(&tokens.unwrap()).unwrap();
        assert_eq!(
            manifest["exports"][0]["reading_blake3"],
            blake3_of(&elsewhere.join(&name)),
        );
    }
    // The centre has none.
    std::fs::remove_dir_all(&reading).unwrap();
    let screened = split.screen(&EXPORTS, "at-centre");
    assert_eq!(screened.code, 0, "{}", screened.stderr);
    std::fs::rename(&elsewhere, &reading).unwrap();
    let resolved = split.resolve("at-centre", "at-procuratorate");
    assert_eq!(resolved.code, 0, "{}", resolved.stderr);
    assert!(pooled.lists("output") == split.round.lists("at-procuratorate"));
}

#[test]
fn offices_with_other_reading_files_agree_on_the_terms() {
    let terms = |round: &Round| {
        let file = round.path("round.toml");
        let result = aidlink(&["round", "terms", file.to_str().unwrap(), "--lang", "en"]);
        assert_eq!(result.code, 0, "{}", result.stderr);
        result.stdout
    };
    let split = SplitRound::plain(Round::sample());
    let text = split.round.read("round.toml");
    let plain = terms(&split.round);
    let with = with_reading_files(split.round, &[(EXPORTS[3], "date_epoch = 1900")]);
    assert_ne!(with.read("round.toml"), text);
    assert_eq!(terms(&with), plain);
    with.write(
        "reading/education.students.toml",
        "path = \"elsewhere.xlsx\"\nsheets = \"all\"\n",
    );
    assert_eq!(terms(&with), plain);
}

#[test]
fn a_token_file_names_the_digest_of_the_reading_file() {
    let split = SplitRound::plain(with_reading_files(Round::sample(), &[]));
    let export = "veterans.persons";
    assert_eq!(split.tokenise(export).code, 0);
    let bytes = std::fs::read(split.tokens(export)).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let digest = blake3_of(&split.round.path("reading/veterans.persons.toml"));
    assert!(text.contains(&format!("\"reading_blake3\":\"{digest}\"")));
}

#[test]
fn each_fault_of_a_reading_file_names_its_place() {
    let export = "education.students";
    let own = "path = \"education.students.csv\"\n";
    let cases: [(&str, &str, &str, &str); 12] = [
        (
            "both",
            own,
            own,
            "the files of this export are given here and in reading/education.students.toml",
        ),
        (
            "headers in the round file",
            "headers = { \"学生\" = \"name\" }\n",
            own,
            "education.students.toml",
        ),
        (
            "neither",
            "",
            "",
            "the round file names no file of this export",
        ),
        (
            "an unknown key",
            "",
            "path = \"education.students.csv\"\nsnapshot = 2026-09-28\n",
            "reading/education.students.toml:2:1: unknown key `snapshot`",
        ),
        (
            "not filled in",
            "",
            "path = \"【待填写：文件】\"\n",
            "reading/education.students.toml:1:8: path is not filled in",
        ),
        ("no path", "", "encoding = \"gb18030\"\n", "`path`"),
        (
            "an unknown field",
            "",
            "path = \"education.students.csv\"\nheaders = { \"学生\" = \"nobody\" }\n",
            "reading/education.students.toml:2:",
        ),
        (
            "a role",
            "",
            "path = \"education.students.csv\"\nconstants = { enrolment_status = \"away\" }\n",
            "reading/education.students.toml:2:",
        ),
        (
            "a file that is not there",
            "",
            "path = \"students.csv\"\n",
            "reading/education.students.toml:1:8: the export file `students.csv` does not exist",
        ),
        (
            "a path that leads outside",
            "",
            "path = \"../students.csv\"\n",
            "reading/education.students.toml:1:8: the path leads outside",
        ),
        (
            "no TOML",
            "",
            "path = \n",
            "reading/education.students.toml:1:",
        ),
        (
            "two ways",
            "",
            "path = \"education.students.csv\"\n[[file]]\npath = \"education.students.csv\"\n",
            "`path` and [[file]] exclude each other",
        ),
    ];
    for (case, in_round, in_file, words) in cases {
        let round = with_reading_files(Round::sample(), &[]);
        let schema = format!("schema = \"{export}\"\n");
        round.replace("round.toml", &schema, &format!("{schema}{in_round}"));
        let file = round.path(&format!("reading/{export}.toml"));
        match in_file {
            "" => std::fs::remove_file(file).unwrap(),
            text => std::fs::write(file, text).unwrap(),
        }
        let result = round.run();
        assert_eq!(result.code, 2, "{case}: {}", result.stderr);
        assert!(result.stderr.contains(words), "{case}: {}", result.stderr);
    }
}

#[test]
fn a_reading_file_that_is_no_plain_file_is_refused() {
    let round = with_reading_files(Round::sample(), &[]);
    let file = round.path("reading/education.students.toml");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let result = round.run();
    assert_eq!(result.code, 2, "{}", result.stderr);
    assert!(
        result.stderr.contains("education.students.toml"),
        "{}",
        result.stderr
    );
}
