//! Tests what becomes of labels that the schemas do not have.

use crate::support::{Round, id_number};

const CASES: &str = "procuratorate.case-parties.csv";

/// The sample with one wording of the case parties' injuries replaced by another that
/// no schema has.
fn with_local_label() -> (Round, String) {
    let round = Round::sample();
    // Some rows are in another encoding, and change when the file is read as text.
    let text = round.read(CASES);
    let rows = text.matches("重伤二级").count();
    assert!(rows >= 5, "{rows}");
    round.write(CASES, text.replace("重伤二级", "重伤乙等"));
    (
        round,
        format!("values.injury_level.\"重伤乙等\" = \"?\" # {rows} rows"),
    )
}

#[test]
fn a_run_prints_the_lines_that_map_local_labels() {
    let plain = Round::sample();
    plain.write(CASES, plain.read(CASES));
    assert_eq!(plain.run().code, 0);

    let (round, line) = with_local_label();
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(result.stdout.contains(&line), "{}", result.stdout);
    assert!(
        result
            .stdout
            .contains("serious_2 (Serious injury, grade 2)"),
        "{}",
        result.stdout
    );
    assert!(round.lists("output") != plain.lists("output"));

    // The line is refused until its code is chosen.
    let path = format!("path = \"{CASES}\"\n");
    round.replace("round.toml", &path, &format!("{path}{line}\n"));
    let result = round.run_with(&["--output", round.path("second").to_str().unwrap()]);
    result.assert_error(2, "the code `?` is not in the code list of `injury_level`");
    result.assert_error(2, "serious_1, serious_2");

    round.replace(
        "round.toml",
        "\"重伤乙等\" = \"?\"",
        "\"重伤乙等\" = \"serious_2\"",
    );
    let result = round.run_with(&["--output", round.path("second").to_str().unwrap()]);
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(!result.stdout.contains("重伤乙等"), "{}", result.stdout);
    assert!(round.lists("second") == plain.lists("output"));
}

#[test]
fn wrong_values_are_refused_with_their_places() {
    let round = Round::sample();
    let path = format!("path = \"{CASES}\"\n");
    let text = round.read("round.toml");
    let lines_before = text.lines().position(|line| line == path.trim_end());
    let place = format!("round.toml:{}:", lines_before.unwrap() + 2);
    for (line, message) in [
        ("values.injury = { a = \"none\" }", "has no field `injury`"),
        (
            "values.injury_level = \"none\"",
            "`injury_level` must be a table",
        ),
        ("values.injury_level.a = 1.5", "expected a code"),
        (
            "values.changed_on.a = \"none\"",
            "the field `changed_on` has no code list",
        ),
        (
            "values.case_number.a = \"none\"",
            "the field `case_number` has no code list",
        ),
        (
            "values.sealed.a = \"yes\"",
            "the code `yes` is not in the code list of `sealed`",
        ),
        // A site cannot let suspects, sealed records or empty cells pass.
        (
            "values.role.\"犯罪嫌疑人\" = \"victim\"",
            "this label of `role` already has a meaning",
        ),
        (
            "values.role.suspect = \"victim\"",
            "this label of `role` already has a meaning",
        ),
        (
            "values.sealed.\"已 封存\" = false",
            "this label of `sealed` already has a meaning",
        ),
        (
            "values.sealed.\" \" = false",
            "this label of `sealed` already has a meaning",
        ),
        (
            "values.sealed.\"不详\" = false",
            "this label of `sealed` already has a meaning",
        ),
        ("values = 1", "`values` must be a table"),
    ] {
        round.replace("round.toml", &path, &format!("{path}{line}\n"));
        let result = round.run();
        result.assert_error(2, message);
        result.assert_error(2, &place);
        round.write("round.toml", &text);
    }
}

/// Returns an ID number for each row. Nobody has it: region 449901 was never assigned.
fn number(row: usize) -> String {
    id_number(&format!("44990119900101{:03}", 101 + row))
}

/// Five rows have the first label; one row each has a name; a number is never shown.
#[test]
fn the_check_shows_labels_and_never_what_could_be_a_persons() {
    let round = Round::sample();
    let labels = ["\"军\u{202e}休\"\"家属\""; 5]
        .map(str::to_owned)
        .into_iter()
        .chain(["王小二", "449901199001010119", "王小二"].map(str::to_owned))
        .chain(["449901199001010119"; 5].map(str::to_owned));
    let rows: Vec<String> = labels
        .enumerate()
        .map(|(row, label)| format!("{},{label},在册", number(row)))
        .collect();
    let text = format!("身份证号,对象类别,对象状态\n{}\n", rows.join("\n"));
    round.write("veterans.persons.csv", text);
    let check = |more: &[&str]| {
        let result = round.check("veterans.persons.csv", more);
        assert_eq!(result.code, 3);
        for hidden in ["王小二", "4499011990", "\u{202e}"] {
            assert!(!result.stdout.contains(hidden), "{}", result.stdout);
            assert!(!result.stderr.contains(hidden), "{}", result.stderr);
        }
        result.stdout
    };
    let text = check(&[]);
    let line = r#"values.kind."军休家属" = "?" # 5 rows"#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains("or with a number): 8\n"), "{text}");
    let report: serde_json::Value = serde_json::from_str(&check(&["--json"])).unwrap();
    let kind = &report["labels_without_code"]["kind"];
    assert_eq!(kind["labels"][0]["label"], "军休家属");
    assert_eq!(kind["labels"][0]["rows"], 5);
    assert_eq!(kind["labels"].as_array().unwrap().len(), 1);
    assert_eq!(kind["not_shown"], 8);
}
