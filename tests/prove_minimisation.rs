//! Tests `aidlink audit --prove-minimisation`: the cells of unread columns are exchanged between
//! rows, the step is run again, and nothing that leaves changes. A column that is used in secret
//! is found.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::audit::FinishedRound;
use crate::deletion::{overdue_round, purge};
use crate::formats::{ods_of_towns, replace_veterans, veterans_rows, workbook, xlsb_of_towns};
use crate::parquet_exports::{parquet, string_array, text_columns};
use crate::split_round::{EXPORTS, SplitRound};
use crate::support::{CommandResult, Round, aidlink, project};

const PROVE: &str = "--prove-minimisation";
const VETERANS: &str = "veterans.persons";

fn prove(finished: &FinishedRound, more: &[&str]) -> CommandResult {
    finished.audit(&[&[PROVE][..], more].concat())
}

/// Returns the proof of the only output folder, and the exit code.
fn proof_of(finished: &FinishedRound) -> (i32, Value) {
    let result = prove(finished, &["--json"]);
    (result.code, proof_in(&result))
}

fn proof_in(result: &CommandResult) -> Value {
    let documents: Value = serde_json::from_str(&result.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", result.stdout, result.stderr));
    assert_eq!(documents.as_array().unwrap().len(), 1);
    documents[0]["minimisation_proof"].clone()
}

fn export<'p>(proof: &'p Value, name: &str) -> &'p Value {
    let mut exports = proof["exports"].as_array().unwrap().iter();
    let found = exports.find(|export| export["export"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {proof:#}"))
}

fn column<'p>(proof: &'p Value, name: &str, header: &str) -> &'p Value {
    let columns = export(proof, name)["columns"].as_array().unwrap();
    let found = columns.iter().find(|column| column["header"] == header);
    found.unwrap_or_else(|| panic!("{name} has no {header} in {proof:#}"))
}

/// Returns the headers of the columns with a result, each with its export.
fn with_result(proof: &Value, result: &str) -> BTreeSet<(String, String)> {
    let exports = proof["exports"].as_array().unwrap().iter();
    let columns = exports.flat_map(|export| {
        let columns = export["columns"].as_array().unwrap().iter();
        columns.map(move |column| (export["export"].as_str().unwrap(), column))
    });
    columns
        .filter(|(_, column)| column["result"] == result)
        .map(|(export, column)| {
            let header = column["header"].as_str().unwrap();
            (export.to_owned(), header.to_owned())
        })
        .collect()
}

/// Appends a column to every row of the veterans export, with a cell made of its row's number.
fn with_column(
    rows: &[Vec<String>],
    header: &str,
    cell: impl Fn(usize) -> String,
) -> Vec<Vec<String>> {
    let rows = rows.iter().enumerate();
    rows.map(|(row, cells)| {
        let more = match row {
            0 => header.to_owned(),
            row => cell(row),
        };
        cells.iter().cloned().chain([more]).collect()
    })
    .collect()
}

fn csv_of(rows: &[Vec<String>]) -> Vec<u8> {
    let lines = rows.iter().map(|cells| cells.join(";") + "\n");
    lines.collect::<String>().into_bytes()
}

/// The exports of the sample are in GB18030 below title lines, in UTF-8 with a mark, with
/// semicolons and quotes, and in a workbook; some rows are in another encoding, short, shifted
/// or rejected, and a header is repeated.
#[test]
fn no_unread_column_of_the_sample_changes_what_leaves() {
    let finished = FinishedRound::new();
    let (code, proof) = proof_of(&finished);
    assert_eq!(code, 0, "{proof:#}");
    assert_eq!(proof["state"], "equal");
    assert!(proof["files_compared"].as_u64().unwrap() > 20, "{proof:#}");
    // Every column that the matrix calls present and not read is in it, and no other.
    let matrix = fs::read(finished.path("minimisation/matrix.json")).unwrap();
    let matrix: Value = serde_json::from_slice(&matrix).unwrap();
    let mut stated = BTreeSet::new();
    for export in matrix["exports"].as_array().unwrap() {
        for column in export["columns"].as_array().unwrap() {
            if column["verdict"] == "present_not_read" {
                for header in column["headers"].as_array().unwrap() {
                    let export = export["export"].as_str().unwrap().to_owned();
                    stated.insert((export, header.as_str().unwrap().to_owned()));
                }
            }
        }
    }
    assert!(stated.len() >= 10, "{stated:?}");
    let mut seen = with_result(&proof, "equal");
    assert!(!seen.is_empty());
    seen.extend(with_result(&proof, "not_tested"));
    seen.retain(|(_, header)| !header.is_empty());
    assert_eq!(seen, stated);
    for export in proof["exports"].as_array().unwrap() {
        for column in export["columns"].as_array().unwrap() {
            let differed = column["rows_differed"].as_u64().unwrap();
            assert!(differed <= column["rows"].as_u64().unwrap(), "{column:#}");
            assert_eq!(differed > 0, column["result"] == "equal", "{column:#}");
        }
        // The exchange reaches the step: columns that are used do change the result.
        assert_eq!(export["control"]["changes"], true, "{export:#}");
    }
    // Names in registers are as different as names are.
    let name = column(&proof, "civil-affairs.assistance", "姓名");
    assert_eq!(name["use"], "present_not_read");
    assert!(name["rows_differed"].as_u64() > Some(1000), "{name:#}");
}

#[test]
fn the_proof_is_printed_column_by_column_in_both_languages() {
    let finished = FinishedRound::new();
    let report = finished.round.root().join("report.html");
    let path = report.to_str().unwrap();
    let result = prove(&finished, &["--report", path]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let page = fs::read_to_string(&report).unwrap();
    for words in [
        "columns that were not read: ",
        "present, not read; ",
        "This proves use, not splitting",
        "the result changes, as it must",
    ] {
        assert!(result.stdout.contains(words), "{words}: {}", result.stdout);
    }
    for words in [
        "<h2>Proof by execution</h2>",
        "<td>学校</td><td>present, not read</td>",
        "This proves use, not splitting",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Check 23 is made, too.
    assert!(result.stdout.contains("23 held "), "{}", result.stdout);
    let folder = finished.round.path("");
    let key = finished.round.path("signing.pub");
    let (folder, key) = (folder.to_str().unwrap(), key.to_str().unwrap());
    let result = aidlink(&["audit", folder, PROVE, "--public-key", key, "--lang", "zh"]);
    for words in [
        "运行证明：未读取的列：相同",
        "这证明各列未被使用，不涉及拆分",
    ] {
        assert!(result.stdout.contains(words), "{words}: {}", result.stdout);
    }
    // Nothing is written beside the report.
    assert!(
        !finished
            .round
            .names()
            .iter()
            .any(|name| name.starts_with('.'))
    );
}

#[test]
fn an_audit_without_the_option_proves_nothing() {
    let finished = FinishedRound::new();
    let result = finished.audit(&["--json"]);
    assert!(proof_in(&result).is_null());
    let result = finished.audit(&["--identity", "x"]);
    result.assert_error(2, PROVE);
}

/// The unread columns are the name and a remark that is another one in each row.
#[test]
fn every_format_is_proven_alike() {
    let plain = veterans_rows(&Round::sample());
    let rows = with_column(&plain, "备注", |row| format!("备注{row}"));
    let columns = |round: &Round| {
        let mut columns = text_columns(round);
        let cells = (1..plain.len()).map(|row| Some(format!("备注{row}")));
        columns.push(("备注".to_owned(), cells.collect()));
        let columns = columns.into_iter();
        columns
            .map(|(name, cells)| (name, string_array(cells)))
            .collect()
    };
    let text = String::from_utf8(csv_of(&rows)).unwrap();
    let cases: [(&str, Vec<u8>); 7] = [
        ("veterans.csv", text.clone().into_bytes()),
        (
            "gb18030.csv",
            encoding_rs::GB18030.encode(&text).0.into_owned(),
        ),
        (
            "utf16.csv",
            std::iter::once(0xfeff)
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
        ("veterans.xlsx", workbook(&rows)),
        ("veterans.xlsb", xlsb_of_towns(&rows)),
        ("veterans.ods", ods_of_towns(&rows)),
        (
            "veterans.parquet",
            parquet(
                columns(&Round::sample()),
                parquet::basic::Compression::SNAPPY,
            ),
        ),
    ];
    for (name, bytes) in cases {
        let round = Round::sample();
        replace_veterans(&round, name, &bytes);
        if name.ends_with("xlsb") || name.ends_with("ods") {
            let path = format!("path = \"{name}\"");
            round.replace("round.toml", &path, &format!("{path}\nsheets = \"all\""));
        }
        let (code, proof) = proof_of(&FinishedRound::of(round));
        assert_eq!(code, 0, "{name}: {proof:#}");
        for header in ["姓名", "备注"] {
            let column = column(&proof, VETERANS, header);
            assert_eq!(column["result"], "equal", "{name}: {column:#}");
        }
        let remark = column(&proof, VETERANS, "备注");
        let rows = (plain.len() - 1) as u64;
        // A few rows of the sample are shifted by a delimiter too many, or are in blocks alone.
        let differed = remark["rows_differed"].as_u64().unwrap();
        assert!(differed + 50 > rows, "{name}: {remark:#}");
        assert_eq!(export(&proof, VETERANS)["control"]["changes"], true);
    }
}

#[test]
fn a_workbook_of_excel_97_is_proven() {
    let round = Round::sample();
    let bytes = fs::read(project().join("tests/files/veterans.xls")).unwrap();
    replace_veterans(&round, "veterans.xls", &bytes);
    let (code, proof) = proof_of(&FinishedRound::of(round));
    assert_eq!(code, 0, "{proof:#}");
    let tested = with_result(&proof, "equal");
    assert!(tested.iter().any(|(export, _)| export == VETERANS));
}

/// A column of equal cells, one without cells, one with another cell in a single row, and one
/// without a header.
#[test]
fn a_column_of_equal_cells_is_not_tested() {
    let round = Round::sample();
    let rows = veterans_rows(&round);
    let rows = with_column(&rows, "地区", |_| "甲县".to_owned());
    let rows = with_column(&rows, "空列", |_| String::new());
    let rows = with_column(&rows, "标记", |row| match row {
        7 => "是".to_owned(),
        _ => "否".to_owned(),
    });
    let rows = with_column(&rows, "", |row| format!("无名{row}"));
    let rows = with_column(&rows, "末列", |row| format!("末{row}"));
    replace_veterans(&round, "veterans.csv", &csv_of(&rows));
    let finished = FinishedRound::of(round);
    let (code, proof) = proof_of(&finished);
    assert_eq!(code, 0, "{proof:#}");
    for (header, result) in [
        ("地区", "not_tested"),
        ("空列", "not_tested"),
        ("标记", "equal"),
        ("末列", "equal"),
    ] {
        let column = column(&proof, VETERANS, header);
        assert_eq!(column["result"], result, "{column:#}");
        assert_eq!(column["use"], "present_not_read");
        // One cell that differs from all others is enough for every row.
        let differed = match result {
            "equal" => column["rows"].clone(),
            _ => 0.into(),
        };
        assert_eq!(column["rows_differed"], differed, "{column:#}");
    }
    let unnamed = column(&proof, VETERANS, "");
    assert_eq!(unnamed["result"], "equal");
    assert_eq!(unnamed["place"], rows[0].len() as u64 - 1);
    assert!(unnamed["use"].is_null());
    let result = prove(&finished, &[]);
    for words in [
        "not tested  地区 (present, not read; 0 of ",
        "no row could be given a cell that differs from its own",
        "without a header) (not in the matrix; ",
    ] {
        assert!(result.stdout.contains(words), "{words}: {}", result.stdout);
    }
}

/// Calls columns unread in a manifest, as a program would that reads them in secret, and signs
/// the folder again.
fn call_unread(finished: &FinishedRound, of: &str, is_called: impl Fn(&str) -> bool) {
    finished.sign_again(|manifest| {
        let mut exports = manifest["exports"].as_array_mut().unwrap().iter_mut();
        let export = exports.find(|export| export["export"] == of).unwrap();
        for file in export["files"].as_array_mut().unwrap() {
            for column in file["columns"].as_array_mut().unwrap() {
                let field = column["field"].as_str().unwrap_or_default().to_owned();
                if column["read"] == true && is_called(&field) {
                    column["read"] = false.into();
                }
            }
        }
    });
}

/// Each column is called unread in turn. A use that changes nothing in this round stays unseen:
/// docs/compliance.md says so.
#[test]
fn a_column_that_is_used_in_secret_is_found() {
    for (export, field, header, leaves) in [
        // Shown on lists and in review workbooks.
        ("procuratorate.case-parties", "name", "姓名", "review/"),
        // Read by rules on the case, on registers, and by rules that withhold rows.
        ("procuratorate.case-parties", "role", "诉讼地位", "lists/"),
        ("civil-affairs.assistance", "kind", "", "lists/"),
        // It decides nothing but which rows are rejected.
        (
            "education.students",
            "birth_date",
            "出生日期",
            "rejects/education.csv",
        ),
    ] {
        let finished = FinishedRound::new();
        call_unread(&finished, export, |called| called == field);
        let (code, proof) = proof_of(&finished);
        assert_eq!(code, 4, "{field}: {proof:#}");
        assert_eq!(proof["state"], "differs", "{field}");
        let found = with_result(&proof, "differs");
        assert_eq!(found.len(), 1, "{field}: {found:?}");
        let (of, found) = found.into_iter().next().unwrap();
        assert_eq!(of, export);
        assert!(header.is_empty() || found == header, "{found}");
        let column = column(&proof, export, &found);
        assert_eq!(column["field"], field);
        assert_eq!(column["use"], "needed_not_read");
        let differ = column["differ"].as_array().unwrap().iter();
        let mut differ = differ.map(|path| path.as_str().unwrap());
        assert!(differ.any(|path| path.starts_with(leaves)), "{column:#}");
        // The columns that are not used are told apart from it.
        assert!(!with_result(&proof, "equal").is_empty());
        let result = prove(&finished, &[]);
        assert_eq!(result.code, 4);
        let words = format!("DIFFERS     {found} (needed, present, NOT READ; ");
        assert!(result.stdout.contains(&words), "{}", result.stdout);
    }
}

#[test]
fn a_folder_that_a_second_run_does_not_give_proves_nothing() {
    let finished = FinishedRound::new();
    // A list, and an export.
    finished.round.replace(
        "output/lists/for-review/to-veterans.csv",
        "\r\n",
        "\r\n\r\n",
    );
    finished.sign_again(|_| {});
    let (code, proof) = proof_of(&finished);
    assert_eq!((code, &proof["state"]), (4, &"second_run_differs".into()));
    assert_eq!(
        proof["differ"],
        serde_json::json!(["lists/for-review/to-veterans.csv"])
    );
    assert_eq!(proof["exports"], serde_json::json!([]));
    let finished = FinishedRound::new();
    finished
        .round
        .replace("veterans.persons.csv", "\"否\"", "\"是\"");
    let result = prove(&finished, &[]);
    assert_eq!(result.code, 4);
    let words = "says nothing: run again without any exchange, the step differs from the folder: \
                 veterans.persons.csv";
    assert!(result.stdout.contains(words), "{}", result.stdout);
}

#[test]
fn without_its_inputs_a_step_cannot_be_proven_and_the_message_says_why() {
    let finished = overdue_round();
    assert_eq!(purge(&finished, &[]).code, 0);
    let result = prove(&finished, &[]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    for words in [
        "the proof by execution is not possible: the round's data was deleted at 20",
        "with a signed record (the key file is no longer here)",
        "make it before data is deleted",
    ] {
        assert!(result.stderr.contains(words), "{}", result.stderr);
    }
    for (file, words) in [
        ("round.key", "the key file is no longer here"),
        ("veterans.persons.csv", "veterans.persons.csv"),
    ] {
        let finished = FinishedRound::new();
        fs::remove_file(finished.round.path(file)).unwrap();
        let (code, proof) = proof_of(&finished);
        // 4 if a check found that it is missing, which comes before the proof.
        assert!([1, 4].contains(&code), "{file}: {proof:#}");
        assert_eq!(proof["state"], "not_possible", "{file}");
        let why = proof["why"]["en"].as_str().unwrap();
        assert!(why.contains(words), "{file}: {why}");
    }
    let finished = FinishedRound::new();
    let text = finished.round.read("round.toml");
    finished.round.write("round.toml", text + "# edited\n");
    let result = prove(&finished, &[]);
    let words = "the round file was changed after the step";
    assert!(result.stdout.contains(words), "{}", result.stdout);
}

/// In a split round each office proves its own step.
#[test]
fn each_step_of_a_split_round_is_proven() {
    let split = SplitRound::sealed(Round::sample());
    split.lists(&EXPORTS, 0);
    let audit = |folder: &str, more: &[&str]| {
        let folder = split.round.path(folder);
        let arguments = [
            "audit",
            folder.to_str().unwrap(),
            PROVE,
            "--json",
            "--lang",
            "en",
        ];
        aidlink(&[&arguments[..], more].concat())
    };
    for export in EXPORTS {
        let result = audit(&format!("at-{export}"), &[]);
        assert_eq!(
            result.code, 0,
            "{export}: {}{}",
            result.stdout, result.stderr
        );
        let proof = proof_in(&result);
        assert_eq!(proof["state"], "equal", "{export}: {proof:#}");
        // The token file and the rejects.
        assert_eq!(proof["files_compared"], 2, "{export}");
        assert_eq!(proof["exports"][0]["export"], export);
        assert_eq!(proof["exports"][0]["control"]["changes"], true, "{proof:#}");
    }
    let centre = audit("at-centre", &[]);
    assert_eq!(centre.code, 0, "{}", centre.stderr);
    assert_eq!(proof_in(&centre)["state"], "not_applicable");
    let sealed = audit("at-procuratorate", &[]);
    sealed.assert_error(1, "the screened leads are sealed: add --identity");
    let identity = split.round.path("procuratorate.identity");
    let resolved = audit(
        "at-procuratorate",
        &["--identity", identity.to_str().unwrap()],
    );
    assert_eq!(resolved.code, 0, "{}{}", resolved.stdout, resolved.stderr);
    let proof = proof_in(&resolved);
    assert_eq!(proof["state"], "equal", "{proof:#}");
    assert_eq!(proof["exports"][0]["control"]["changes"], true, "{proof:#}");
    assert!(proof["files_compared"].as_u64() > Some(10), "{proof:#}");
}
