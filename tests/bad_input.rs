//! Bad input gets a message with its place and a hint, the right exit code, and leaves
//! no partial output behind.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::{CommandResult, Round, command_result, csv_records, csv_rows, set_mode};

/// Runs the round and asserts the exit code, the words in the error output, and that
/// nothing was left behind.
fn assert_refused(round: &Round, code: i32, words: &[&str]) -> CommandResult {
    let before = round.names();
    let result = round.run();
    assert_eq!(result.code, code, "{}{}", result.stdout, result.stderr);
    for word in words {
        assert!(
            result.stderr.contains(word),
            "{word:?} is not in: {}",
            result.stderr
        );
    }
    assert_eq!(round.names(), before, "something was left behind");
    // No message may contain an ID number.
    let has_long_number = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .any(|run| run.len() >= 15)
    };
    assert!(!has_long_number(&result.stderr), "{}", result.stderr);
    result
}

const CASES: &str = "procuratorate.case-parties.csv";
const VETERANS: &str = "veterans.persons.csv";
const STUDENTS: &str = "education.students.csv";

#[test]
fn a_missing_export_file() {
    let round = Round::sample();
    std::fs::remove_file(round.path(VETERANS)).unwrap();
    assert_refused(
        &round,
        2,
        &[
            "round.toml:",
            "the export file `veterans.persons.csv` does not exist",
        ],
    );
}

#[test]
fn a_missing_required_column_and_a_missing_id_column_are_reported_together() {
    let round = Round::sample();
    round.replace(CASES, "诉讼地位", "备注");
    round.replace(VETERANS, "\"身份证号\"", "\"编号\"");
    assert_refused(
        &round,
        1,
        &[
            "case-parties.csv (line 1): the required column `role`",
            "veterans.persons.csv (line 1): the header has no ID column",
            "add the column; its header may be",
        ],
    );
}

#[test]
fn a_file_without_a_header() {
    let round = Round::sample();
    let text = round.read(VETERANS);
    let (_, body) = text.split_once('\n').unwrap();
    round.write(VETERANS, body);
    assert_refused(
        &round,
        1,
        &["veterans.persons.csv: no header was found in the first 30 lines"],
    );
}

#[test]
fn an_unknown_encoding() {
    let round = Round::sample();
    // Every line has bytes that are invalid in both known encodings.
    let text = round.read(VETERANS);
    let lines: Vec<Vec<u8>> = text
        .lines()
        .map(|line| [line.as_bytes(), b"\xff\x80"].concat())
        .collect();
    round.write(VETERANS, lines.join(&b'\n'));
    assert_refused(&round, 1, &["(line 1)", "unknown encoding", "CSV UTF-8"]);
}

#[test]
fn a_file_of_mixed_encodings_is_read_in_full() {
    let round = Round::sample();
    let text = round.read(STUDENTS);
    // Every third line is in the other encoding.
    let mut bytes = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match index % 3 {
            2 => bytes.extend_from_slice(&encoding_rs::GB18030.encode(line).0),
            _ => bytes.extend_from_slice(line.as_bytes()),
        }
    }
    assert!(String::from_utf8(bytes.clone()).is_err());
    round.write(STUDENTS, bytes);
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(
        result.stdout.contains(&leads_line(&round, 0)),
        "{}",
        result.stdout
    );
    assert!(
        !result.stdout.contains("could not be read"),
        "{}",
        result.stdout
    );
}

#[test]
fn an_unclosed_quote_in_the_header_does_not_make_rows_part_of_it() {
    let round = Round::sample();
    round.replace(STUDENTS, "学籍状态", "\"学籍状态");
    let result = round.run();
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("students.csv: no header was found"),
        "{}",
        result.stderr
    );
}

#[test]
fn an_encoding_in_the_round_file_that_does_not_match_the_export() {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "encoding = \"gb18030\"",
        "encoding = \"utf-8\"",
    );
    let words = [
        "assistance.csv (line 1)",
        "`encoding` in the round file is UTF-8, but this line is not valid UTF-8",
        "remove `encoding` from the export",
    ];
    assert_refused(&round, 1, &words);
    // Without it, the encoding is detected.
    round.replace("round.toml", "encoding = \"utf-8\"", "");
    assert_eq!(round.run().code, 0);
}

/// Bytes that are text in neither encoding.
#[test]
fn an_export_in_no_known_encoding() {
    let bytes = [
        &b"national_id,kind\n"[..],
        &b"\xff\xff\xff,\xff\n".repeat(3),
    ]
    .concat();
    for encoding in ["utf-8", "gb18030", "detect"] {
        let round = Round::sample();
        round.write(VETERANS, &bytes);
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = \"veterans.persons.csv\"\nencoding = \"{encoding}\""),
        );
        let result = round.run();
        assert_eq!(result.code, 1, "{encoding}");
        assert!(result.stderr.contains("(line 2)"), "{}", result.stderr);
        let said = |words: &str| result.stderr.contains(words);
        let is_set = encoding != "detect";
        assert_eq!(said("unknown encoding"), !is_set, "{}", result.stderr);
        assert_eq!(said("remove `encoding`"), is_set, "{}", result.stderr);
        assert!(!said("set `encoding`"), "{}", result.stderr);
    }
}

#[test]
fn other_formats_named_csv_are_refused() {
    for (bytes, words) in [
        (
            &b"a\0,\0b\0"[..],
            "the file is binary (it contains a NUL byte), not CSV",
        ),
        (
            b"a,b\nc,\0d\n",
            "the file is binary (it contains a NUL byte), not CSV",
        ),
    ] {
        let round = Round::sample();
        round.write(VETERANS, bytes);
        assert_refused(&round, 1, &["veterans.persons.csv", words]);
    }
}

#[test]
fn an_empty_file_and_a_file_with_only_a_header() {
    let round = Round::sample();
    round.write(VETERANS, "");
    assert_refused(&round, 1, &["veterans.persons.csv: the export is empty"]);
    round.write(VETERANS, "national_id,kind,status\n");
    assert_refused(
        &round,
        1,
        &[
            "there are no records below the header",
            "may_be_empty = true",
        ],
    );
    let text = round.read("round.toml");
    round.write(
        "round.toml",
        text.trim_end().to_owned() + "\nmay_be_empty = true\n",
    );
    assert_eq!(round.run().code, 0, "the round file allows an empty export");
}

#[test]
fn a_stray_quote_rejects_only_its_own_row() {
    let round = Round::sample();
    let text = round.read(STUDENTS);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let school = lines[100].find("样例学校").unwrap() - "第一".len();
    lines[100].insert(school, '"');
    round.write(STUDENTS, lines.join("\r\n") + "\r\n");
    let rejects = |round: &Round| {
        assert_eq!(round.run().code, 0);
        csv_rows(&round.output("output")["rejects/education.csv"])
    };
    let without = Round::sample();
    without.write(STUDENTS, text);
    let (before, after) = (rejects(&without), rejects(&round));
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(new.len(), 1, "only one row is rejected: {new:?}");
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(new[0][3], "101", "the line of the quote");
    assert_eq!(new[0][5], "quote");
}

#[test]
fn an_as_of_date_before_every_record() {
    let round = Round::sample();
    round.replace("round.toml", "as_of = 2026-09-30", "as_of = 1890-01-01");
    assert_refused(
        &round,
        2,
        &[
            "the snapshot is after the as-of date",
            "correct the as-of date",
        ],
    );
    let text = round.read("round.toml");
    round.write(
        "round.toml",
        text.replace("snapshot = 2026-09-28", "snapshot = 1889-12-31"),
    );
    assert_refused(
        &round,
        1,
        &[
            "rows were rejected, so none can be used",
            "after the as-of date",
        ],
    );
}

#[test]
fn a_key_file_that_others_can_read_and_a_key_of_another_round() {
    let round = Round::sample();
    set_mode(&round.path("round.key"), 0o644);
    assert_refused(
        &round,
        1,
        &["others may read or change the key file", "chmod 600"],
    );
    set_mode(&round.path("round.key"), 0o600);
    round.replace("round.key", "2026Q3", "2026Q2");
    assert_refused(
        &round,
        1,
        &["round.key:1:1: the key is for another round, `2026Q2`"],
    );
}

#[test]
fn an_output_folder_that_exists() {
    let round = Round::sample();
    std::fs::create_dir(round.path("output")).unwrap();
    assert_refused(
        &round,
        2,
        &[
            "the output folder already exists and will not be overwritten",
            "choose another folder with --output",
        ],
    );
}

/// Writes fail as on a full disk, because files may not grow beyond 8 KiB.
#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let round = Round::sample();
    let before = round.names();
    let output = Command::new("bash")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" run \"$1\" --lang en",
        ])
        .arg(env!("CARGO_BIN_EXE_aidlink"))
        .arg(round.path("round.toml"))
        .output()
        .unwrap();
    let result = command_result(output);
    assert_eq!(result.code, 1, "{}", result.stderr);
    assert!(
        result.stderr.contains("cannot write the output"),
        "{}",
        result.stderr
    );
    assert!(result.stderr.contains("no result was left behind"));
    assert_eq!(round.names(), before);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let round = Round::sample();
    let nowhere = round.path("no/such/folder/output");
    let result = round.run_with(&["--output", nowhere.to_str().unwrap()]);
    assert_eq!(result.code, 2);
    assert!(
        result
            .stderr
            .contains("the parent folder of the output folder does not exist"),
        "{}",
        result.stderr
    );
}

/// Of a key that is in a schema twice a reader could believe the other one: wherever it is.
#[test]
fn a_key_that_a_schema_has_twice_is_refused() {
    let round = Round::sample();
    let root = round.root().to_path_buf();
    let schema = root.join("schemas/procuratorate.case-parties.json");
    let whole = std::fs::read_to_string(&schema).unwrap();
    for (from, to) in [
        ("\"嫌疑人\":", "\"嫌疑人\": \"victim\", \"嫌疑人\":"),
        ("\"title\":", "\"title\": \"x\", \"title\":"),
        ("\"fields\":", "\"fields\": [], \"fields\":"),
        ("\"role\":", "\"role\": \"x\", \"role\":"),
        ("\"constraints\":", "\"constraints\": {}, \"constraints\":"),
    ] {
        assert!(whole.contains(from), "{from}");
        std::fs::write(&schema, whole.replacen(from, to, 1)).unwrap();
        assert_refused(
            &round,
            2,
            &["procuratorate.case-parties.json:", "a key is there twice"],
        );
    }
}

#[test]
fn faults_of_round_schema_and_policy_are_reported_together() {
    let round = Round::sample();
    round.replace("round.toml", "operator =", "oprator =");
    round.replace("round.toml", "as_of = 2026-09-30", "as_of = \"soon\"");
    let root = round.root().to_path_buf();
    let schema = root.join("schemas/veterans.persons.json");
    let text = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(
        &schema,
        text.replacen("\"role\": \"national_id\"", "\"role\": \"nationalid\"", 1),
    )
    .unwrap();
    assert_refused(
        &round,
        2,
        &[
            "`operator` is missing",
            "unknown key `oprator`\n  did you mean `operator`?",
            "expected a date",
            "veterans.persons.json#/fields/0/aidlink/role: unknown role\n  did you mean `national_id`?",
            "exactly one field must have the role national_id, not 0",
        ],
    );
    std::fs::write(&schema, text).unwrap();
    let policy = root.join("policies/national.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let text = text
        .replacen(
            "injury_level IN ('serious_1','serious_2')",
            "injry_level IN ('serious_1','serious_9')",
            1,
        )
        .replacen(
            "settled = 'temporary_relief_recent AND",
            "settled = 'temporary_relief_resent AND",
            1,
        );
    std::fs::write(&policy, text).unwrap();
    assert_refused(
        &round,
        2,
        &[
            "`operator` is missing",
            "unknown column `injry_level`\n  did you mean `injury_level`?",
            "undefined rule `temporary_relief_resent`\n  did you mean `temporary_relief_recent`?",
        ],
    );
}

#[test]
fn paths_that_leave_the_rounds_folder() {
    for path in ["../veterans.persons.csv", "/etc/passwd", "x/../../y.csv"] {
        let round = Round::sample();
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = \"{path}\""),
        );
        assert_refused(
            &round,
            2,
            &["the path leads outside the folder of the round file"],
        );
    }
    let round = Round::sample();
    std::fs::remove_file(round.path(VETERANS)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", round.path(VETERANS)).unwrap();
    assert_refused(
        &round,
        2,
        &["the path leads outside the folder of the round file"],
    );
}

#[test]
fn an_expired_impact_assessment() {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "valid_until = 2027-06-30",
        "valid_until = 2026-09-29",
    );
    assert_refused(
        &round,
        2,
        &["the impact assessment expires before `issued_on`"],
    );
}

#[test]
fn a_reject_rate_over_the_threshold_makes_the_lists_provisional() {
    let round = Round::sample();
    round.replace("round.toml", "reject_rate = 0.05", "reject_rate = 0.005");
    let result = round.run();
    assert_eq!(result.code, 3, "{}", result.stderr);
    assert!(
        result
            .stdout
            .contains("The lists are provisional: civil-affairs.assistance: ")
    );
    for (name, bytes) in round.output("output") {
        if name.starts_with("lists/") {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().next().unwrap().contains("暂定"), "{name}");
        }
    }
}

#[test]
fn a_formula_in_a_name_is_written_as_text() {
    let round = Round::sample();
    let text = round.read(CASES);
    let planted = csv_records(round.read("truth/planted-leads.csv").as_bytes())[0].clone();
    let line = text
        .lines()
        .find(|line| line.contains(&format!("{},", planted["cases"])))
        .unwrap();
    let changed = line.replacen(&planted["person"], "=HYPERLINK(1)", 1);
    round.write(CASES, text.replacen(line, &changed, 1));
    assert_eq!(round.run().code, 0);
    let mut count = 0;
    for (name, bytes) in round.output("output") {
        if name.starts_with("lists/") {
            for row in csv_rows(&bytes) {
                assert!(!row.iter().any(|cell| cell.starts_with('=')));
                count += usize::from(row.iter().any(|cell| cell == "'=HYPERLINK(1)"));
            }
        }
    }
    assert_eq!(count, 6, "the six leads of the first planted person");
}

#[test]
fn a_missing_column_that_would_withhold_every_row() {
    let round = Round::sample();
    round.replace(CASES, "封存标志", "备注一");
    assert_refused(
        &round,
        1,
        &["the column `sealed`", "so every row would be withheld"],
    );
}

/// As a missing column; a single row that states something is enough.
#[test]
fn an_empty_column_that_would_withhold_every_row() {
    for (header, field) in [("封存标志", "sealed"), ("诉讼地位", "role")] {
        for empty in ["", "-", " ", "/"] {
            let round = Round::sample();
            let text = round.read(CASES);
            let text = text.trim_start_matches('\u{feff}');
            let headers = text.lines().next().unwrap().to_owned();
            let column = headers.split(',').position(|name| name == header).unwrap();
            let with = |of_row: &dyn Fn(usize) -> Option<&'static str>| {
                let mut settings = csv::WriterBuilder::new();
                let written = format!("{headers}\n").into_bytes();
                let mut writer = settings.flexible(true).from_writer(written);
                for (index, mut row) in csv_rows(text.as_bytes()).into_iter().enumerate() {
                    if let (Some(cell), Some(text)) = (row.get_mut(column), of_row(index)) {
                        *cell = text.to_owned();
                    }
                    writer.write_record(row).unwrap();
                }
                writer.into_inner().unwrap()
            };
            round.write(CASES, with(&|_| Some(empty)));
            let words = [
                &*format!("the column `{field}`"),
                "is empty in every row, so every row would be withheld",
            ];
            assert_refused(&round, 1, &words);
            let policy = round.root().join("policies/shaoguan.toml");
            let more = ["--schema", "procuratorate.case-parties", "--policy"];
            let more = [&more[..], &[policy.to_str().unwrap()]].concat();
            let check = round.check(CASES, &more);
            assert_eq!(check.code, 3, "{}", check.stdout);
            assert!(check.stdout.contains(words[1]), "{}", check.stdout);
            round.write(CASES, with(&|row| (row > 0).then_some(empty)));
            let run = round.run();
            assert_ne!(run.code, 1, "{header}: {}", run.stderr);
        }
    }
}

#[test]
fn a_missing_column_that_rules_need_is_reported() {
    let round = Round::sample();
    round.replace("disabled-federation.persons.csv", "家庭经济困难", "备注一");
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let note = "note: columns that rules need and the export lacks: Household in hardship";
    assert!(result.stdout.contains(note), "{}", result.stdout);
}

#[test]
fn the_export_of_another_agency() {
    let round = Round::sample();
    round.write(VETERANS, "national_id,name\n44990119900101011X,x\n");
    assert_refused(&round, 1, &["the export has no column that a rule needs"]);
}

#[test]
fn a_schema_fault_does_not_hide_policy_faults() {
    let round = Round::sample();
    let schema = round.root().join("schemas/veterans.persons.json");
    let text = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(&schema, text.replacen("\"boolean\"", "\"bolean\"", 1)).unwrap();
    let policy = round.root().join("policies/national.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let wrong = text.replacen("property_loss >=", "property_los >=", 1);
    assert_ne!(wrong, text);
    std::fs::write(&policy, wrong).unwrap();
    let result = assert_refused(
        &round,
        2,
        &["unknown type `bolean`", "unknown column `property_los`"],
    );
    assert_eq!(
        result.stderr.matches("error: ").count(),
        2,
        "{}",
        result.stderr
    );
}

#[test]
fn rows_without_trailing_empty_cells_are_read_in_full() {
    let round = Round::sample();
    // A row is in another encoding, so the bytes are kept.
    let bytes = std::fs::read(round.path(CASES)).unwrap();
    let shortened: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let is_kept = |byte: &u8| !b",\r".contains(byte);
            let end = line.iter().rposition(is_kept).map_or(0, |last| last + 1);
            &line[..end]
        })
        .collect();
    assert!(shortened.iter().map(|line| line.len()).sum::<usize>() + 1000 < bytes.len());
    round.write(CASES, shortened.join(&b'\n'));
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let account = crate::sample_round::account_line(&result.stdout, "Procuratorate: parties");
    assert_eq!(account, "2005 21 818 886 280");
    assert!(
        result.stdout.contains(&leads_line(&round, 0)),
        "{}",
        result.stdout
    );
}

#[test]
fn a_failed_run_leaves_its_key_for_the_next_one() {
    let round = Round::sample();
    std::fs::remove_file(round.path("round.key")).unwrap();
    let whole = round.read(VETERANS);
    round.write(VETERANS, "national_id,kind,status\n");
    let failed = round.run();
    assert_eq!(failed.code, 1, "{}", failed.stdout);
    assert!(
        failed
            .stderr
            .contains("there are no records below the header")
    );
    assert!(!round.path("output").exists());
    let key = std::fs::read(round.path("round.key")).ok();
    round.write(VETERANS, whole);
    let done = round.run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    if let Some(key) = key {
        assert_eq!(std::fs::read(round.path("round.key")).unwrap(), key);
    }
}

#[test]
fn a_referral_dated_after_the_as_of_date_suppresses_nothing() {
    let round = Round::hand_made();
    let leads = |round: &Round, output: &str| {
        let folder = round.path(output);
        let result = round.run_with(&["--output", folder.to_str().unwrap()]);
        assert_eq!(result.code, 0, "{}", result.stderr);
        let line = result.stdout.lines().find(|line| line.ends_with(" leads:"));
        line.unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let before = leads(&round, "before");
    // A refusal two months ago suppresses the lead; dated a year later it does not.
    let text = round.read("procuratorate.referrals.csv");
    let line = text
        .lines()
        .find(|line| line.contains("not_eligible,2026-07"))
        .or_else(|| text.lines().find(|line| line.contains("not_eligible")));
    let line = line.unwrap();
    let date = line
        .split(',')
        .find(|cell| cell.starts_with("2026-"))
        .unwrap();
    let slipped = line.replacen(date, &date.replacen("2026", "2027", 1), 1);
    round.write(
        "procuratorate.referrals.csv",
        text.replacen(line, &slipped, 1),
    );
    assert_eq!(leads(&round, "after"), before + 1);
}

/// Returns the line of the summary for the planted leads without so many of them.
fn leads_line(round: &Round, without: usize) -> String {
    let planted = csv_records(round.read("truth/planted-leads.csv").as_bytes());
    assert!(planted.len() > 200);
    format!("\n{} leads:\n", planted.len() - without)
}

/// Returns the case number and the case row of the first person planted for a scenario.
fn planted_case(round: &Round, scenario: &str) -> (String, String) {
    let rows = csv_records(round.read("truth/planted-leads.csv").as_bytes());
    let planted = rows.iter().find(|row| row["scenario"] == scenario).unwrap();
    let case = &planted["cases"];
    let text = round.read(CASES);
    let line = text
        .lines()
        .find(|line| line.contains(&format!(",{case},")))
        .unwrap();
    (case.clone(), line.to_owned())
}

/// Returns the rows of all lists that name a case.
fn list_rows(round: &Round, case: &str) -> Vec<BTreeMap<String, String>> {
    let files = round.output("output").into_iter();
    files
        .filter(|(name, _)| name.starts_with("lists/"))
        .flat_map(|(_, bytes)| csv_records(&bytes))
        .filter(|row| row["案号"] == case)
        .collect()
}

#[test]
fn the_common_word_for_defendant_is_recognised_and_withheld() {
    let round = Round::sample();
    let scenario = "major property loss, receives dibao, never referred";
    let (case, line) = planted_case(&round, scenario);
    // The role is the fifth column and may be written as any of several words.
    let role = line.split(',').nth(4).unwrap();
    let accused = line.replacen(&format!(",{role},"), ",被告,", 1);
    assert_ne!(accused, line);
    round.replace(CASES, &line, &accused);
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(
        result.stdout.contains(&leads_line(&round, 1)),
        "{}",
        result.stdout
    );
    assert_eq!(list_rows(&round, &case), []);
    assert!(
        !result.stdout.contains("could not be read"),
        "the word must be recognised"
    );
}

#[test]
fn a_lead_stays_urgent_when_a_cell_cannot_be_read() {
    let round = Round::sample();
    let (case, line) = planted_case(&round, "urgent treatment at own cost");
    let unreadable = line.replacen(",36500,", ",xyzzy,", 1);
    assert_ne!(unreadable, line);
    round.replace(CASES, &line, &unreadable);
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let mut rows = list_rows(&round, &case);
    rows.retain(|row| row["救助项目"].starts_with("临时救助"));
    assert_eq!(rows.len(), 1, "the lead must be kept");
    assert_eq!(rows[0]["轻重缓急"], "1 紧急");
    assert_eq!(rows[0]["依据程度"], "待核实");
    let check = &rows[0]["核查事项"];
    assert!(
        check.contains("案件导出中无法读取的列：自付医疗费"),
        "{check}"
    );
    for bytes in round.output("output").values() {
        assert!(!String::from_utf8_lossy(bytes).contains("xyzzy"));
    }
}

#[test]
fn paths_of_windows_are_explained() {
    let one = "path = \"veterans.persons.csv\"";
    for (written, code, words) in [
        (
            "path = \"data\\veterans.csv\"",
            2,
            "in double quotes a backslash",
        ),
        (
            "path = 'data\\veterans.csv'",
            2,
            "write the path with / and not with backslashes",
        ),
        (
            "path = 'C:\\data\\veterans.csv'",
            2,
            "write the path with /",
        ),
    ] {
        let round = Round::sample();
        round.replace("round.toml", one, written);
        let result = round.run();
        assert_eq!(result.code, code, "{}", result.stderr);
        assert!(
            result.stderr.contains(words),
            "{written}: {}",
            result.stderr
        );
    }
}
