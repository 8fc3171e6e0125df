//! Tests `aidlink schema check`: what it reports is what a round does with the export.

use serde_json::{Value, json};

use crate::support::{Round, id_number};

#[test]
fn the_check_predicts_the_rejects_of_the_round() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    let summary: Value = serde_json::from_slice(&round.output("output")["summary.json"]).unwrap();
    for export in [
        "procuratorate.case-parties",
        "procuratorate.referrals",
        "civil-affairs.assistance",
        "education.students",
        "disabled-federation.persons",
        "veterans.persons",
    ] {
        let kind = match export {
            "procuratorate.referrals" => "xlsx",
            _ => "csv",
        };
        let result = round.check(&format!("{export}.{kind}"), &["--json"]);
        let report: Value = serde_json::from_str(&result.stdout).unwrap();
        assert_eq!(
            report["schema"], export,
            "the schema must be recognised by the header"
        );
        let account = &summary["exports"][export];
        for (checked, counted) in [
            (&report["rows"], &account["rows"]),
            (&report["blank_lines"], &account["not_rows"]["blank_lines"]),
        ] {
            assert!(checked.is_u64(), "{export}: {report:#}");
            assert_eq!(checked, counted, "{export}");
        }
        let counts: serde_json::Map<String, Value> = report["rejects"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(reason, rows)| (reason.clone(), rows["count"].clone()))
            .collect();
        assert_eq!(Value::from(counts.clone()), account["rejected_by_reason"]);
        assert_eq!(report["unreadable"], json!({}));
        assert_eq!(
            result.code,
            if counts.is_empty() { 0 } else { 3 },
            "{export}"
        );
    }
}

#[test]
fn unreadable_cells_are_reported_by_line_and_column_without_their_value() {
    let round = Round::sample();
    let text = round.read("veterans.persons.csv");
    let lines: Vec<&str> = text.lines().collect();
    // The first two columns are 就业 and 生活困难.
    let line = lines
        .iter()
        .position(|line| line.starts_with("\"否\";\"否\";"));
    let line = line.unwrap();
    let changed = lines[line].replacen("\"否\"", "\"xyzzy\"", 1);
    round.replace("veterans.persons.csv", lines[line], &changed);
    let result = round.check("veterans.persons.csv", &[]);
    assert_eq!(result.code, 3);
    let words = format!(
        "Cannot be read: 1 rows (column `就业`, such as line {})",
        line + 1
    );
    assert!(result.stdout.contains(&words), "{}", result.stdout);
    assert_eq!(result.stdout.matches("Cannot be read").count(), 1);
    assert!(!result.stderr.contains("xyzzy"));
    assert!(!result.stdout.contains("xyzzy"));
}

#[test]
fn with_a_policy_the_check_shows_which_columns_a_round_would_read() {
    let round = Round::sample();
    let policy = round.root().join("policies/shaoguan.toml");
    let more = ["--policy", policy.to_str().unwrap()];
    let result = round.check("civil-affairs.assistance.csv", &more);
    assert!(
        result
            .stdout
            .contains("  救助类别 -> kind (Kind of assistance), read\n"),
        "{}",
        result.stdout
    );
    assert!(
        result.stdout.contains("  姓名 -> name (Name), not read\n"),
        "{}",
        result.stdout
    );
    round
        .check(
            "civil-affairs.assistance.csv",
            &["--schema", "civil-affairs.asistance"],
        )
        .assert_error(2, "did you mean `civil-affairs.assistance`?");
}

#[test]
fn a_file_that_is_not_an_export_is_refused() {
    let round = Round::sample();
    round.write(
        "letter.txt",
        "dear colleague,\nplease find the list attached\n",
    );
    round
        .check("letter.txt", &[])
        .assert_error(1, "letter.txt: no header was found");
}

/// No rows, no usable rows, or columns missing: the check says so, and a round refuses.
#[test]
fn an_export_that_a_round_refuses_is_never_reported_as_clean() {
    const VETERANS: &str = "veterans.persons.csv";
    const NO_ROWS: &str = "there are no records below the header";
    const REJECTED: &str = "rows were rejected, so none can be used";
    let id = "449901198505050014";
    let header = "身份证号,对象类别,对象状态\n";
    for (bytes, words) in [
        (header.to_owned(), NO_ROWS),
        (header.trim_end().to_owned(), NO_ROWS),
        (format!("{header}\n,,\n合计,,\n填表人：,,\n"), NO_ROWS),
        // Other delimiters than in the header.
        (format!("{header}{id};退役军人;在册\n"), REJECTED),
        (format!("{header}退役军人\t{id}\t在册\n"), REJECTED),
        (
            format!("{header}不详,退役军人,在册\n,退役军人,在册\n"),
            REJECTED,
        ),
    ] {
        let round = Round::sample();
        round.write(VETERANS, &bytes);
        let result = round.check(VETERANS, &["--schema", "veterans.persons"]);
        assert_eq!(result.code, 3, "{bytes}: {}", result.stdout);
        let line = result.stdout.lines().find(|line| line.contains("refuses"));
        let line = line.unwrap_or_else(|| panic!("{bytes}: {}", result.stdout));
        assert!(line.starts_with("A round refuses this export: "), "{line}");
        assert!(line.contains(words), "{line}");
        assert!(!result.stdout.contains("Nothing to correct"), "{bytes}");
        let more = ["--schema", "veterans.persons", "--json"];
        let report = round.check(VETERANS, &more).stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let said = report["refused_by_a_round"][0]["en"].as_str().unwrap();
        assert!(said.contains(words), "{said}");
        let run = round.run();
        assert_eq!(run.code, 1, "{bytes}");
        assert!(run.stderr.contains(words), "{bytes}: {}", run.stderr);
    }
    // Beside a file with rows, one without any is accepted, and the check says so.
    let round = Round::sample();
    round.write("more.csv", header);
    let result = round.check("more.csv", &["--schema", "veterans.persons"]);
    let unless = "(unless another file of the export has usable rows)";
    assert!(result.stdout.contains(unless), "{}", result.stdout);
    let one = "path = \"veterans.persons.csv\"";
    let both = "path = [\"veterans.persons.csv\", \"more.csv\"]";
    round.replace("round.toml", one, both);
    assert_eq!(round.run().code, 0);
    // Columns that the policy needs.
    let round = Round::sample();
    round.write(VETERANS, format!("身份证号,姓名\n{id},赵某\n"));
    let policy = round.root().join("policies/shaoguan.toml");
    let more = ["--schema", "veterans.persons", "--policy"];
    let result = round.check(VETERANS, &[&more[..], &[policy.to_str().unwrap()]].concat());
    let run = round.run();
    assert_eq!((result.code, run.code), (3, 1), "{}", run.stderr);
    assert!(!result.stdout.contains(unless), "{}", result.stdout);
    let refusal = result.stdout.lines().find(|line| line.contains("refuses"));
    let refusal = refusal.unwrap().split_once(": ").unwrap().1;
    assert!(run.stderr.contains(refusal), "{refusal}: {}", run.stderr);
    // The policy that comes with the program is the default.
    assert_eq!(round.check(VETERANS, &more[..2]).code, 3);
}

#[test]
fn serial_dates_follow_the_date_epoch_option() {
    let round = Round::sample();
    // 43860 is 2024-01-31 in the 1904 epoch and 2020-01-30 in the 1900 epoch.
    let id = id_number("44990120240131001");
    let text = format!("身份证号,出生日期,对象状态\n{id},43860,享受\n");
    round.write("serials.csv", text);
    let check_with = |epoch: &str| {
        let arguments = [
            "--schema",
            "civil-affairs.assistance",
            "--date-epoch",
            epoch,
        ];
        round.check("serials.csv", &arguments)
    };
    assert_eq!(check_with("1904").code, 0, "{}", check_with("1904").stdout);
    let mismatch = check_with("1900");
    assert_eq!(mismatch.code, 3);
    assert!(
        mismatch.stdout.contains("birth date"),
        "{}",
        mismatch.stdout
    );
    assert_eq!(check_with("1901").code, 2);
}

#[test]
fn a_wrong_schema_is_told() {
    let round = Round::sample();
    let students = "education.students.csv";
    let right = round.check(students, &["--schema", "education.students"]);
    assert!(
        !right.stdout.contains("looks like another"),
        "{}",
        right.stdout
    );
    let wrong = round.check(students, &["--schema", "veterans.persons"]);
    assert!(
        wrong
            .stdout
            .contains("looks like another export, education.students"),
        "{}{}",
        wrong.stdout,
        wrong.stderr
    );
    // Also where the file cannot be opened by the named schema.
    let wrong = round.check(students, &["--schema", "procuratorate.case-parties"]);
    assert_eq!(wrong.code, 1);
    assert!(
        wrong
            .stderr
            .contains("looks like another export, education.students"),
        "{}",
        wrong.stderr
    );
}

/// A row without a role, or with one in words that nobody mapped, may be a victim's.
#[test]
fn rows_withheld_for_want_of_a_role_are_told_apart_from_roles_that_are_withheld() {
    let round = round_of_roles();
    let run = round.run();
    let check = round.check("cases.csv", &["--schema", "procuratorate.case-parties"]);
    let dry = round.run_with(&["--dry-run"]);
    for result in [&run, &check, &dry] {
        for words in [
            "8 rows withheld: Role is not on the list of permitted roles",
            "only because a cell is empty, and may be a victim's: Role in the case in 2 rows",
            "only because a cell cannot be read, and may be a victim's: Role in the case in 5 rows",
            "values.role.\"受害单位负责人\" = \"?\" # 5 rows",
        ] {
            let said = &result.stdout;
            assert!(said.contains(words), "{words}: {said}{}", result.stderr);
        }
    }
}

fn round_of_roles() -> Round {
    let round = crate::cells::round(&[("procuratorate.case-parties", "cases.csv")]);
    let mut cases = "身份证号,案号,姓名,诉讼地位,封存标志\n".to_owned();
    let roles = [
        "被害人",
        "",
        "",
        "受害单位负责人",
        "受害单位负责人",
        "受害单位负责人",
    ];
    let roles = roles
        .into_iter()
        .chain(["受害单位负责人", "受害单位负责人"]);
    for (number, role) in roles.enumerate() {
        let id = crate::cells::id(number + 1);
        cases += &format!("{id},C{number},赵某,{role},否\n");
    }
    // It would be withheld with a role, too.
    cases += &format!("{},C9,赵某,,是\n", crate::cells::id(9));
    round.write("cases.csv", cases);
    round
}

/// A field that no rule and no list needs is not asked for.
#[test]
fn only_fields_that_something_reads_are_listed_as_missing() {
    let round = crate::cells::round(&[("procuratorate.case-parties", "cases.csv")]);
    let id = crate::cells::id(1);
    let cases = format!("身份证号,案号,姓名,诉讼地位,封存标志\n{id},C1,赵某,被害人,否\n");
    round.write("cases.csv", cases);
    let check = round.check("cases.csv", &["--schema", "procuratorate.case-parties"]);
    let mut lines = check.stdout.lines();
    let missing = lines
        .find(|line| line.contains("Schema fields without a column: "))
        .unwrap_or_else(|| panic!("{}{}", check.stdout, check.stderr));
    for title in ["In hardship", "Level of injury", "Cause of action"] {
        assert!(missing.contains(title), "{title}: {missing}");
    }
    for title in ["Guardian", "Place of registration", "guardian"] {
        assert!(!missing.contains(title), "{title}: {missing}");
    }
}
