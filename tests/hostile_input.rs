//! Malicious input is refused or made harmless, within limits of time and memory. Inputs
//! found by fuzzing are included.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use crate::review::parts;
use crate::support::{CommandResult, Round, command_result};

/// Runs the round with limited memory, so that unbounded growth fails.
fn run_limited(round: &Round, megabytes: u64) -> CommandResult {
    let output: Output = Command::new("bash")
        .args([
            "-c",
            &format!(
                "ulimit -v {}; exec \"$0\" run \"$1\" --lang en --threads 2",
                megabytes << 10
            ),
        ])
        .arg(env!("CARGO_BIN_EXE_aidlink"))
        .arg(round.path("round.toml"))
        .output()
        .unwrap();
    command_result(output)
}

fn assert_refused(round: &Round, code: i32, message: &str) {
    let names = round.names();
    let result = run_limited(round, 3000);
    assert_eq!(result.code, code, "{}{}", result.stdout, result.stderr);
    assert!(result.stderr.contains(message), "{}", result.stderr);
    assert!(
        !result.stderr.contains("internal error"),
        "{}",
        result.stderr
    );
    assert_eq!(round.names(), names, "something was left behind");
}

#[test]
fn a_rule_nested_nearly_a_million_deep() {
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-", "")] {
        let round = Round::sample();
        let policy = round.root().join("policies/national.toml");
        let text = fs::read_to_string(&policy).unwrap();
        let nested = format!("{}sealed{}", open.repeat(900_000), close.repeat(900_000));
        let text = text.replacen("when = 'sealed'", &format!("when = '{nested}'"), 1);
        fs::write(&policy, &text).unwrap();
        assert_refused(&round, 2, "the expression is longer than 8 KiB");
        // Nested as deeply as the length limit allows.
        let nested = format!(
            "{}sealed{}",
            open.repeat(8000 / (open.len() + close.len())),
            close.repeat(8000 / (open.len() + close.len()))
        );
        let policy_text = fs::read_to_string(&policy).unwrap();
        let start = policy_text
            .find(&format!("when = '{}", open.repeat(10)))
            .unwrap();
        let end = start + policy_text[start..].find('\n').unwrap();
        let text = format!(
            "{}when = '{nested}'{}",
            &policy_text[..start],
            &policy_text[end..]
        );
        fs::write(&policy, text).unwrap();
        assert_refused(&round, 2, "policies/national.toml:");
    }
}

#[test]
fn configuration_nested_a_million_deep() {
    let deep = "[".repeat(1_000_000);
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = ",
        &format!("x = {deep}\nretention_until = "),
    );
    assert_refused(&round, 2, "round.toml:");
    let round = Round::sample();
    fs::write(
        round.root().join("calendars/china.toml"),
        format!("x = {deep}"),
    )
    .unwrap();
    assert_refused(&round, 2, "china.toml:");
    let round = Round::sample();
    fs::write(round.root().join("schemas/veterans.persons.json"), &deep).unwrap();
    assert_refused(&round, 2, "veterans.persons.json:1:");
    let dotted = format!("{}x = 1", "a.".repeat(500_000));
    let round = Round::sample();
    round.replace(
        "round.toml",
        "retention_until = ",
        &format!("{dotted}\nretention_until = "),
    );
    assert_refused(&round, 2, "round.toml:");
}

/// tests/faults.py tests a line of a thousand million columns.
#[test]
fn a_line_of_a_hundred_million_columns() {
    let write = |path: &Path, before: &str, after: &str| {
        let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
        file.write_all(before.as_bytes()).unwrap();
        let commas = vec![b','; 1 << 20];
        for _ in 0..96 {
            file.write_all(&commas).unwrap();
        }
        file.write_all(after.as_bytes()).unwrap();
        file.flush().unwrap();
    };
    // As a row it is one reject.
    let round = Round::sample();
    let path = round.path("veterans.persons.csv");
    let text = round.read("veterans.persons.csv");
    let (header, rows) = text.split_once('\n').unwrap();
    write(&path, &format!("{header}\n"), &format!("\n{rows}"));
    let result = run_limited(&round, 3000);
    assert!([0, 3].contains(&result.code), "{}", result.stderr);
    let rejects =
        String::from_utf8(round.output("output")["rejects/veterans.csv"].clone()).unwrap();
    assert!(rejects.contains("record_too_long"), "{rejects}");
    // As the header line it is refused.
    let round = Round::sample();
    write(
        &round.path("veterans.persons.csv"),
        "national_id",
        &format!("\n{rows}"),
    );
    assert_refused(&round, 1, "no header was found");
}

#[test]
fn paths_and_links_that_lead_out_of_the_rounds_folder() {
    for path in [
        "../secret.csv",
        "/etc/passwd",
        "a/../../secret.csv",
        "..",
        "a\\u0000b",
    ] {
        let round = Round::sample();
        fs::write(round.path("../secret.csv"), "national_id\n").unwrap();
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = \"{path}\""),
        );
        let result = round.run();
        assert_eq!(result.code, 2, "{path}: {}", result.stderr);
    }
    for target in ["file", "folder"] {
        let round = Round::sample();
        fs::write(round.path("../secret.csv"), "national_id\n").unwrap();
        let link = round.path("link");
        let export_path = match target {
            "file" => {
                std::os::unix::fs::symlink(round.path("../secret.csv"), &link).unwrap();
                "link"
            }
            _ => {
                std::os::unix::fs::symlink(round.path(".."), &link).unwrap();
                "link/secret.csv"
            }
        };
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = \"{export_path}\""),
        );
        assert_refused(
            &round,
            2,
            "the path leads outside the folder of the round file",
        );
        let round = Round::sample();
        std::os::unix::fs::symlink(round.path(".."), round.path("out")).unwrap();
        round.replace(
            "round.toml",
            "output = \"output\"",
            "output = \"out/output\"",
        );
        assert_refused(
            &round,
            2,
            "the path leads outside the folder of the round file",
        );
        let round = Round::sample();
        std::os::unix::fs::symlink("/dev/null", round.path("key-link")).unwrap();
        round.replace("round.toml", "file = \"round.key\"", "file = \"key-link\"");
        assert_refused(
            &round,
            2,
            "the path leads outside the folder of the round file",
        );
    }
}

/// The names and handlers of case parties contain formulas, escape codes and markup.
#[test]
fn formulas_escape_codes_and_markup_in_cells() {
    let round = Round::hand_made();
    let text = round.read("procuratorate.case-parties.csv");
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (name, handler) = (at("name"), at("handler"));
    let hostile = [
        "=HYPERLINK(1)",
        "+1+1",
        "@SUM(1)",
        "-2",
        "＝1",
        "\u{1b}]0;owned\u{7}",
        "\u{1b}[2J\u{9b}31m",
        "<script>x</script>",
    ];
    let mut lines = vec![text.lines().next().unwrap().to_owned()];
    for (index, line) in text.lines().skip(1).enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        cells[name] = hostile[index % hostile.len()].to_owned();
        cells[handler] = hostile[(index + 1) % hostile.len()].to_owned();
        lines.push(cells.join(","));
    }
    round.write("procuratorate.case-parties.csv", lines.join("\n") + "\n");
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let mut cells = 0;
    for (path, bytes) in round.output("output") {
        if !path.starts_with("configuration/") {
            // Workbooks are packed.
            let texts = match path.ends_with(".xlsx") {
                true => parts(&bytes).into_values().collect(),
                false => vec![bytes.clone()],
            };
            for text in texts {
                let text = String::from_utf8_lossy(&text);
                let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
                assert!(
                    !text.contains(control),
                    "{path} contains a control character"
                );
            }
        }
        if path.starts_with("lists/") {
            for row in crate::support::csv_rows(&bytes) {
                for cell in row {
                    let starts = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r'];
                    assert!(!cell.starts_with(starts), "{path}: a cell starts a formula");
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 500);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!result.stdout.contains(control) && !result.stderr.contains(control));
}

/// File names and headers are printed, but must not control the terminal.
#[test]
fn escape_codes_in_headers_and_in_the_round_file() {
    let round = Round::hand_made();
    let text = round.read("veterans.persons.csv");
    let (header, rows) = text.split_once('\n').unwrap();
    round.write(
        "veterans.persons.csv",
        format!("{},\u{1b}[31mred\u{7}<b>\n{rows}", header.trim_end()),
    );
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let files = round.output("output");
    for path in ["minimisation/matrix.zh.html", "minimisation/matrix.en.csv"] {
        assert!(!files[path].contains(&0x1b), "{path}");
    }
    assert!(!String::from_utf8_lossy(&files["minimisation/matrix.en.html"]).contains("<b>"));
    let round = Round::sample();
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        "path = \"\\u001b[31mx.csv\"",
    );
    let result = round.run();
    assert_eq!(result.code, 2);
    assert!(!result.stderr.contains('\u{1b}'), "{:?}", result.stderr);
}

/// Found in review: one distant cell made a grid of 134 million cells.
#[test]
fn a_workbook_with_one_cell_far_out() {
    let round = Round::sample();
    let path = round.path("veterans.xlsx");
    let sheet = r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>national_id</t></is></c></row><row r="1048576"><c r="DX1048576"><v>1</v></c></row></sheetData></worksheet>"#;
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [
        (
            "[Content_Types].xml",
            r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#,
        ),
        (
            "_rels/.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        "path = \"veterans.xlsx\"",
    );
    assert_refused(&round, 1, "` is too large: a cell is far outside the table");
}

/// Found in review: a sign was parsed as a hexadecimal digit.
#[test]
fn a_key_file_whose_digits_are_signs() {
    let round = Round::sample();
    let digits = "0123456789abcdef".repeat(4);
    round.replace("round.key", &digits, &"+f".repeat(32));
    assert_refused(&round, 1, "this is not a valid key file");
}

/// Found by fuzzing: workbooks and Parquet files of a few kilobytes that made their
/// readers request terabytes (which aborts the program), hold grids of gigabytes, or loop
/// for hours. The file names say what each one does.
#[test]
fn small_files_that_demand_unbounded_memory_or_time_are_refused() {
    let folder = crate::support::project().join("tests/files/hostile");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".tokens.parquet") {
            continue;
        }
        let output = Command::new("bash")
            .args([
                "-c",
                "ulimit -v 3000000; exec timeout 60 \"$0\" schema check \"$1\" --schema veterans.persons --schemas \"$2\" --lang en",
            ])
            .arg(env!("CARGO_BIN_EXE_aidlink"))
            .arg(&path)
            .arg(crate::support::project().join("schemas"))
            .output()
            .unwrap();
        let result = command_result(output);
        assert_eq!(result.code, 1, "{name}: {}{}", result.stdout, result.stderr);
        assert!(
            result.stderr.starts_with("error: "),
            "{name}: {}",
            result.stderr
        );
        assert!(
            !result.stderr.contains("internal error"),
            "{name}: {}",
            result.stderr
        );
        count += 1;
    }
    assert_eq!(count, 10);
}

/// Found by fuzzing: a fault that quotes a line of the key file may show the key.
#[test]
fn a_key_file_fault_does_not_show_the_line() {
    let round = Round::sample();
    let digits = "0123456789abcdef".repeat(4);
    let line = "purpose = 'joint-screening'";
    round.replace(
        "round.key",
        line,
        &format!("purpose = 'other' key = '{digits}'"),
    );
    let result = round.run();
    assert_eq!(result.code, 1);
    assert!(!result.stderr.contains(&digits), "{}", result.stderr);
}
