//! An export in another format gives the same lists. A damaged file is refused with a
//! message that describes the damage.

use std::io::{Read, Write};

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use crate::made_xlsb::{self, MadeSheet, MadeXlsb};
use crate::support::{CommandResult, Round, csv_rows, gzip, project};

const VETERANS: &str = "veterans.persons.csv";

/// Returns the rows of the sample's veterans export, with the header.
pub fn veterans_rows(round: &Round) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(b';')
        .from_reader(round.read(VETERANS).as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// Replaces the veterans export by a file of this name and content.
pub fn replace_veterans(round: &Round, name: &str, bytes: &[u8]) {
    std::fs::remove_file(round.path(VETERANS)).unwrap();
    round.write(name, bytes);
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        &format!("path = \"{name}\""),
    );
}

/// Asserts that the lists are byte for byte those of the unchanged sample.
pub fn assert_same_lists(round: &Round) -> CommandResult {
    let plain = Round::sample();
    assert_eq!(plain.run().code, 0);
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert!(plain.lists("output") == round.lists("output"));
    result
}

pub fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    // Exports often have an empty first sheet.
    workbook.add_worksheet().set_name("说明").unwrap();
    let sheet = workbook.add_worksheet().set_name("名单").unwrap();
    sheet
        .merge_range(0, 0, 0, 5, "优抚对象名单（合成数据）", &Format::new())
        .unwrap();
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            if !cell.is_empty() {
                sheet
                    .write_string(row as u32 + 1, column as u16, cell)
                    .unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn an_xlsx_workbook_with_a_merged_title() {
    let round = Round::sample();
    replace_veterans(&round, "veterans.xlsx", &workbook(&veterans_rows(&round)));
    assert_same_lists(&round);
    let veterans = round.export_in_manifest("veterans.persons");
    assert_eq!(veterans["files"][0]["format"], "xlsx");
}

/// Returns an ODS spreadsheet with the sheets of [`towns`], as LibreOffice writes it.
pub fn ods_of_towns(rows: &[Vec<String>]) -> Vec<u8> {
    let (header, rows) = rows.split_first().unwrap();
    let (north, south) = rows.split_at(rows.len() / 2);
    let mut content = String::new();
    for (name, rows, style) in [
        ("江口镇", north, "ta1"),
        ("城关镇", south, "ta1"),
        ("旧表", &rows[..3], "ta2"),
    ] {
        content += &format!(
            "<table:table table:name=\"{name}\" table:style-name=\"{style}\">\
             <table:table-column table:number-columns-repeated=\"16384\"/>"
        );
        for cells in std::iter::once(header).chain(rows) {
            content += "<table:table-row>";
            for cell in cells {
                let text = cell.replace('&', "&amp;").replace('<', "&lt;");
                content += &match cell.is_empty() {
                    true => "<table:table-cell/>".to_owned(),
                    false => format!(
                        "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p>\
                         </table:table-cell>"
                    ),
                };
            }
            content +=
                "<table:table-cell table:number-columns-repeated=\"16370\"/></table:table-row>";
        }
        content += "<table:table-row table:number-rows-repeated=\"1040000\"><table:table-cell \
            table:number-columns-repeated=\"16384\"/></table:table-row></table:table>";
    }
    packed_ods(
        "<style:style style:name=\"ta2\" style:family=\"table\">\
         <style:table-properties table:display=\"false\"/></style:style>",
        &content,
    )
}

/// Returns an ODS spreadsheet with these styles of sheets and these sheets.
pub fn packed_ods(styles: &str, tables: &str) -> Vec<u8> {
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content \
         xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" office:version=\"1.3\">\
         <office:automatic-styles>{styles}</office:automatic-styles>\
         <office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>\
         </office:document-content>"
    );
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_str()),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
    ] {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn an_ods_spreadsheet_gives_the_same_lists() {
    let round = Round::sample();
    let bytes = ods_of_towns(&veterans_rows(&round));
    replace_veterans(&round, "veterans.ods", &bytes);
    round.replace(
        "round.toml",
        "path = \"veterans.ods\"",
        "path = \"veterans.ods\"\nsheets = \"all\"",
    );
    let result = assert_same_lists(&round);
    let note = "note: sheet `旧表` was not read (hidden): 3 rows";
    assert!(result.stdout.contains(note), "{}", result.stdout);
    let veterans = round.export_in_manifest("veterans.persons");
    for (file, sheet) in [(0, "江口镇"), (1, "城关镇")] {
        assert_eq!(veterans["files"][file]["format"], "ods");
        assert_eq!(veterans["files"][file]["sheet"], sheet);
    }
}

/// Returns an XLSB workbook with the sheets of [`towns`].
pub fn xlsb_of_towns(rows: &[Vec<String>]) -> Vec<u8> {
    let (header, rows) = rows.split_first().unwrap();
    let (north, south) = rows.split_at(rows.len() / 2);
    let mut made = MadeXlsb::default();
    for (name, rows, state) in [
        ("江口镇", north, 0),
        ("城关镇", south, 0),
        ("旧表", &rows[..3], 1),
    ] {
        let mut sheet = MadeSheet {
            name: name.to_owned(),
            state,
            ..MadeSheet::default()
        };
        for (row, cells) in (0..).zip(std::iter::once(header).chain(rows)) {
            sheet.table.extend(made_xlsb::row(row));
            for (column, text) in (0..).zip(cells) {
                // Every second text is a shared one.
                if column % 2 == 0 {
                    let index = made.strings.len() as u32;
                    made.strings.push(text.clone());
                    let shared = made_xlsb::cell(7, column, 0, &index.to_le_bytes());
                    sheet.table.extend(shared);
                } else {
                    sheet.table.extend(made_xlsb::text(column, text));
                }
            }
        }
        made.sheets.push(sheet);
    }
    made.packed()
}

#[test]
fn an_xlsb_workbook_gives_the_same_lists() {
    let round = Round::sample();
    let bytes = xlsb_of_towns(&veterans_rows(&round));
    replace_veterans(&round, "veterans.xlsb", &bytes);
    round.replace(
        "round.toml",
        "path = \"veterans.xlsb\"",
        "path = \"veterans.xlsb\"\nsheets = \"all\"",
    );
    let result = assert_same_lists(&round);
    let note = "note: sheet `旧表` was not read (hidden): 3 rows";
    assert!(result.stdout.contains(note), "{}", result.stdout);
    let veterans = round.export_in_manifest("veterans.persons");
    for (file, sheet) in [(0, "江口镇"), (1, "城关镇")] {
        assert_eq!(veterans["files"][file]["format"], "xlsb");
        assert_eq!(veterans["files"][file]["sheet"], sheet);
    }
}

#[test]
fn a_sheet_is_chosen_by_name_and_an_unknown_name_is_refused() {
    let round = Round::sample();
    replace_veterans(&round, "veterans.xlsx", &workbook(&veterans_rows(&round)));
    let with_sheet = |name: &str| format!("path = \"veterans.xlsx\"\nsheet = \"{name}\"");
    round.replace(
        "round.toml",
        "path = \"veterans.xlsx\"",
        &with_sheet("名单"),
    );
    assert_same_lists(&round);
    round.replace("round.toml", "sheet = \"名单\"", "sheet = \"名册\"");
    let again = round.path("again");
    let result = round.run_with(&["--output", again.to_str().unwrap()]);
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("the workbook has no sheet `名册`"),
        "{}",
        result.stderr
    );
    assert!(result.stderr.contains("`名单`"), "{}", result.stderr);
}

/// A sheet for each of two towns, and an old copy that is hidden.
fn towns(rows: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let (header, rows) = rows.split_first().unwrap();
    let (north, south) = rows.split_at(rows.len() / 2);
    for (name, rows, is_hidden) in [
        ("江口镇", north, false),
        ("城关镇", south, false),
        ("旧表", &rows[..3], true),
    ] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.set_hidden(is_hidden);
        for (row, cells) in (0..).zip(std::iter::once(header).chain(rows)) {
            for (column, cell) in (0..).zip(cells) {
                sheet.write_string(row, column, cell).unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn a_workbook_with_a_sheet_for_each_town_gives_the_same_lists() {
    let round = Round::sample();
    let rows = veterans_rows(&round);
    let rejected_before = {
        let plain = Round::sample();
        assert_eq!(plain.run().code, 0);
        csv_rows(&plain.output("output")["rejects/veterans.csv"]).len()
    };
    replace_veterans(&round, "veterans.xlsx", &towns(&rows));
    let refused = round.run();
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    for words in ["`江口镇` (", "`城关镇` (", "`sheets = \"all\"`"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    round.replace(
        "round.toml",
        "path = \"veterans.xlsx\"",
        "path = \"veterans.xlsx\"\nsheets = \"all\"",
    );
    let result = assert_same_lists(&round);
    let note = "note: sheet `旧表` was not read (hidden): 3 rows";
    assert!(result.stdout.contains(note), "{}", result.stdout);

    let output = round.output("output");
    let veterans = round.export_in_manifest("veterans.persons");
    let files = veterans["files"].as_array().unwrap();
    let sheets: Vec<&str> = files
        .iter()
        .filter_map(|file| file["sheet"].as_str())
        .collect();
    assert_eq!(sheets, ["江口镇", "城关镇"]);
    let counted: Vec<u64> = files
        .iter()
        .filter_map(|file| file["rows"].as_u64())
        .collect();
    assert!(counted.iter().all(|rows| *rows > 0), "{counted:?}");
    assert_eq!(veterans["account"]["rows"], counted.iter().sum::<u64>());
    assert_eq!(files.len(), 2);
    assert_eq!(files[0]["sheets_not_read"][0]["sheet"], "旧表");
    assert_eq!(files[1]["sheets_not_read"], serde_json::Value::Null);

    // A line number counts in the sheet of the last column.
    let rejects = csv_rows(&output["rejects/veterans.csv"]);
    assert_eq!(rejects.len(), rejected_before);
    let longest_sheet = rows.len().div_ceil(2) + 1;
    for row in &rejects {
        let line: usize = row[3].parse().unwrap();
        assert!(sheets.contains(&row[8].as_str()), "{row:?}");
        assert!((2..=longest_sheet).contains(&line), "{row:?}");
    }
}

#[test]
fn numeric_id_cells_are_read_up_to_fifteen_digits_and_rejected_beyond() {
    let round = Round::sample();
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy/m/d");
    let sheet = workbook.add_worksheet();
    for (column, header) in ["身份证号", "对象状态", "生活困难", "待遇开始日期"]
        .iter()
        .enumerate()
    {
        sheet.write_string(0, column as u16, *header).unwrap();
    }
    // A number cell keeps fifteen digits exactly, but not eighteen.
    for (row, id) in [449_901_800_101_121_f64, 449_901_198_001_011_216_f64]
        .iter()
        .enumerate()
    {
        let row = row as u32 + 1;
        sheet.write_number(row, 0, *id).unwrap();
        sheet.write_string(row, 1, "健在").unwrap();
        sheet.write_string(row, 2, "是").unwrap();
        let day = ExcelDateTime::from_ymd(2024, 1, 31).unwrap();
        sheet
            .write_datetime_with_format(row, 3, &day, &date)
            .unwrap();
    }
    let bytes = workbook.save_to_buffer().unwrap();
    replace_veterans(&round, "veterans.xlsx", &bytes);
    round.replace("round.toml", "reject_rate = 0.05", "reject_rate = 0.6");
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let rejects = csv_rows(&round.output("output")["rejects/veterans.csv"]);
    assert_eq!(rejects.len(), 1);
    assert_eq!(
        (rejects[0][3].as_str(), rejects[0][5].as_str()),
        ("3", "id_scientific_notation")
    );
}

#[test]
fn an_old_xls_workbook() {
    let round = Round::sample();
    let bytes = std::fs::read(project().join("tests/files/veterans.xls")).unwrap();
    replace_veterans(&round, "veterans.xls", &bytes);
    let result = round.run();
    assert_eq!(result.code, 0, "{}", result.stderr);
    let summary: serde_json::Value =
        serde_json::from_slice(&round.output("output")["summary.json"]).unwrap();
    let account = &summary["exports"]["veterans.persons"];
    assert_eq!(
        (&account["rows"], &account["rejected"]),
        (&5.into(), &0.into())
    );
}

#[test]
fn a_formula_without_a_saved_result() {
    let round = Round::sample();
    let mut rows = veterans_rows(&round);
    rows.truncate(4);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write_string(row as u32, column as u16, cell).unwrap();
        }
    }
    sheet
        .write_formula(2, 1, Formula::new("=A1").set_result("7654321"))
        .unwrap();
    let bytes = without_saved_results(&workbook.save_to_buffer().unwrap());
    replace_veterans(&round, "veterans.xlsx", &bytes);
    let result = round.run();
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert!(
        result
            .stderr
            .contains("row 3, column 2 is a formula without a saved result"),
        "{}",
        result.stderr
    );
}

/// Returns the workbook as written by a program that does not calculate formulas.
fn without_saved_results(bytes: &[u8]) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut to = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut member = from.by_index(index).unwrap();
        let name = member.name().unwrap().into_owned();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        if name.contains("worksheets/") {
            let text = String::from_utf8(content).unwrap();
            assert!(text.contains("<v>7654321</v>"));
            content = text.replace("<v>7654321</v>", "").into_bytes();
        }
        to.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        to.write_all(&content).unwrap();
    }
    to.finish().unwrap().into_inner()
}

#[test]
fn gzip_and_zip_of_one_csv() {
    let plain = Round::sample().read(VETERANS);
    let round = Round::sample();
    replace_veterans(&round, "veterans.csv.gz", &gzip(plain.as_bytes()));
    assert_same_lists(&round);

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("名单.csv", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(plain.as_bytes()).unwrap();
    let round = Round::sample();
    replace_veterans(&round, "veterans.zip", &zip.finish().unwrap().into_inner());
    assert_same_lists(&round);
}

#[test]
fn several_files_of_one_export_are_one_source() {
    let round = Round::sample();
    let rows = veterans_rows(&round);
    let half = rows.len() / 2;
    let write = |rows: &[Vec<String>], columns: &[usize]| {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer
                .write_record(columns.iter().map(|column| &row[*column]))
                .unwrap();
        }
        writer.into_inner().unwrap()
    };
    // The two files have their columns in different orders.
    let all: Vec<usize> = (0..rows[0].len()).collect();
    let reversed: Vec<usize> = all.iter().rev().copied().collect();
    round.write("north.csv", write(&rows[..half], &all));
    let south = [&rows[..1], &rows[half..]].concat();
    round.write("south.csv", write(&south, &reversed));
    std::fs::remove_file(round.path(VETERANS)).unwrap();
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        "path = [\"north.csv\", \"south.csv\"]",
    );
    assert_same_lists(&round);
}

/// A file or sheet without rows beside others with rows is no error, but it is reported:
/// a district may be missing.
#[test]
fn a_file_or_sheet_without_rows_beside_others_is_reported() {
    let header = "身份证号,对象类别,对象状态\n";
    for (name, content) in [
        ("bare.csv", header.to_owned()),
        (
            "foot.csv",
            format!("名册\n{header}\n,,\n合计,,\n填表人：,,\n"),
        ),
    ] {
        let round = Round::sample();
        round.write(name, content);
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = [\"veterans.persons.csv\", \"{name}\"]"),
        );
        let result = assert_same_lists(&round);
        let note = format!("note: {name}: there are no records below the header\n");
        assert!(result.stdout.contains(&note), "{}", result.stdout);
        assert_eq!(result.stdout.matches("no records below").count(), 1);
        let rows = veterans_rows(&round).len() - 1;
        assert_eq!(rows_of_veterans(&round), [rows as u64, 0]);
    }
    let round = Round::sample();
    let mut workbook = Workbook::new();
    let rows = veterans_rows(&round);
    for (sheet, rows) in [("江口镇", &rows[..]), ("城关镇", &rows[..1])] {
        let sheet = workbook.add_worksheet().set_name(sheet).unwrap();
        for (row, cells) in (0..).zip(rows) {
            sheet.write_row(row, 0, cells).unwrap();
        }
    }
    replace_veterans(&round, "towns.xlsx", &workbook.save_to_buffer().unwrap());
    round.replace(
        "round.toml",
        "path = \"towns.xlsx\"",
        "path = \"towns.xlsx\"\nsheets = \"all\"",
    );
    let result = assert_same_lists(&round);
    let note = "note: towns.xlsx, sheet `城关镇`: there are no records below the header\n";
    assert!(result.stdout.contains(note), "{}", result.stdout);
    assert_eq!(rows_of_veterans(&round)[1], 0);
}

/// A column that only one of several files or sheets lacks is no error, but the rows of that
/// file or sheet have no outcome by it.
#[test]
fn a_column_that_one_file_or_sheet_lacks_is_reported_with_its_rows() {
    let lacking = |rows: &[Vec<String>], lacks: &str| -> Vec<Vec<String>> {
        let at = rows[0].iter().position(|header| header == lacks).unwrap();
        let without = |row: &Vec<String>| {
            let cells = row.iter().enumerate().filter(|(column, _)| *column != at);
            cells.map(|(_, cell)| cell.clone()).collect()
        };
        rows.iter().map(without).collect()
    };
    for (lacks, title) in [
        ("对象类别", "Kind of person"),
        ("对象状态", "Status"),
        ("生活困难", "In hardship"),
        ("优抚待遇", "Preferential treatment"),
    ] {
        for in_sheets in [false, true] {
            let round = Round::sample();
            let rows = veterans_rows(&round);
            let south = lacking(&[&rows[..1], &rows[101..201]].concat(), lacks);
            let place = match in_sheets {
                true => {
                    let mut workbook = Workbook::new();
                    for (name, rows) in [("北镇", &rows[..101]), ("南镇", &south)] {
                        let sheet = workbook.add_worksheet().set_name(name).unwrap();
                        for (row, cells) in (0..).zip(rows) {
                            sheet.write_row(row, 0, cells).unwrap();
                        }
                    }
                    let bytes = workbook.save_to_buffer().unwrap();
                    replace_veterans(&round, "towns.xlsx", &bytes);
                    round.replace(
                        "round.toml",
                        "path = \"towns.xlsx\"",
                        "path = \"towns.xlsx\"\nsheets = \"all\"",
                    );
                    "towns.xlsx, sheet `南镇`"
                }
                false => {
                    for (name, rows) in [("north.csv", &rows[..101]), ("south.csv", &south)] {
                        let mut writer = csv::Writer::from_writer(Vec::new());
                        for row in rows {
                            writer.write_record(row).unwrap();
                        }
                        round.write(name, writer.into_inner().unwrap());
                    }
                    round.replace(
                        "round.toml",
                        "path = \"veterans.persons.csv\"",
                        "path = [\"north.csv\", \"south.csv\"]",
                    );
                    "south.csv"
                }
            };
            let note = format!(
                "note: {place} (100 rows) lacks columns that other files or sheets have: {title}"
            );
            let result = round.run();
            assert!(result.stdout.contains(&note), "{note}: {}", result.stdout);
            assert_eq!(result.stdout.matches("lacks columns").count(), 1);
            let files = &round.export_in_manifest("veterans.persons")["files"];
            let absent = |file: usize| files[file]["fields_absent"].as_array().unwrap().len();
            assert_eq!(
                (files[1]["rows"].as_u64(), absent(1)),
                (Some(100), absent(0) + 1)
            );
            if in_sheets {
                let more = ["--schema", "veterans.persons", "--sheets", "all"];
                let check = round.check("towns.xlsx", &more).stdout;
                let note = "Note: this sheet (100 rows) lacks columns that other sheets have: ";
                assert_eq!(check.matches(note).count(), 1, "{check}");
            }
        }
    }
}

/// The rows of each file of the veterans export, from the manifest.
fn rows_of_veterans(round: &Round) -> Vec<u64> {
    let manifest = &round.output("output")["manifest.json"];
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let exports = manifest["exports"].as_array().unwrap().iter();
    let mut exports = exports.filter(|export| export["export"] == "veterans.persons");
    let files = exports.next().unwrap()["files"].as_array().unwrap();
    let rows = files.iter().map(|file| file["rows"].as_u64().unwrap());
    rows.collect()
}

#[test]
fn headers_assigned_in_the_round_file() {
    let round = Round::sample();
    round.replace(VETERANS, "\"身份证号\"", "\"证号X\"");
    round.replace(VETERANS, "\"生活困难\"", "\"困难情况\"");
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        "path = \"veterans.persons.csv\"\nheaders = { \"证号X\" = \"national_id\", \"困难情况\" = \"hardship\" }",
    );
    assert_same_lists(&round);
    round.replace("round.toml", "= \"hardship\"", "= \"hardshp\"");
    let result = round.run();
    assert_eq!(result.code, 2);
    assert!(
        result
            .stderr
            .contains("has no field `hardshp`\n  did you mean `hardship`?"),
        "{}",
        result.stderr
    );
}

/// Asserts that the run fails with exit code 1 and these words, and writes no output.
fn assert_refused(name: &str, bytes: &[u8], words: &str) {
    let round = Round::sample();
    replace_veterans(&round, name, bytes);
    let before = round.names();
    let result = round.run();
    result.assert_error(1, words);
    result.assert_error(1, name);
    assert_eq!(round.names(), before);
}

#[test]
fn damaged_and_disguised_files() {
    let xlsx = workbook(&veterans_rows(&Round::sample()));
    assert_refused(
        "cut.xlsx",
        &xlsx[..xlsx.len() / 2],
        "the archive or workbook is damaged or cut short",
    );
    assert_refused(
        "page.xls",
        b"<html><table><tr><td>1</td></tr></table></html>",
        "the file is a web page or XML",
    );
    // A workbook with a password is a container with a stream of this name.
    let sound = std::fs::read(project().join("tests/files/veterans.xls")).unwrap();
    let named = |name: &str| {
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let mut file = sound.clone();
        let workbook = utf16("Workbook");
        let mut places = file.windows(workbook.len());
        let at = places.position(|place| place == workbook).unwrap();
        file[at..at + 2 * name.len()].copy_from_slice(&utf16(name));
        file
    };
    for name in ["locked.xlsx", "locked.xls"] {
        assert_refused(
            name,
            &named("EncryptedPackage"),
            "the file is protected by a password",
        );
    }
    assert_refused(
        "letter.xls",
        &named("WordDocument"),
        "the file is not an Excel workbook",
    );
    assert_refused(
        "old.xls",
        b"\x09\x04\x06\x00\x00\x04\x10\x00\x00\x00\x0a\x00\x00\x00",
        "the workbook is of Excel 2, 3 or 4",
    );
    // The last sector is missing.
    assert_refused(
        "cut.xls",
        &sound[..sound.len() / 1024 * 512],
        "the archive or workbook is damaged or cut short",
    );
    assert_refused(
        "broken.xls",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest",
        "the archive or workbook is damaged or cut short",
    );
    // Found by fuzzing: the XLS reader panics on the first file, and requests all memory
    // for the second.
    for name in ["hostile.xls", "wide.xls"] {
        let file = project().join("tests/files").join(name);
        assert_refused(
            name,
            &std::fs::read(file).unwrap(),
            "the archive or workbook is damaged or cut short",
        );
    }

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"x").unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    assert_refused(
        "two.zip",
        &zip,
        "the archive contains 2 files; expected one CSV file",
    );

    let gzip = gzip(Round::sample().read(VETERANS).as_bytes());
    assert_refused(
        "cut.csv.gz",
        &gzip[..gzip.len() / 2],
        "the compressed file is damaged or cut short",
    );
}

#[test]
fn a_changed_byte_of_an_archive_is_detected() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("a.csv", options).unwrap();
    let text = Round::sample().read(VETERANS);
    zip.write_all(text.as_bytes()).unwrap();
    let mut zip = zip.finish().unwrap().into_inner();
    let place = zip.len() / 2;
    let digit = (place..).find(|at| zip[*at].is_ascii_digit()).unwrap();
    zip[digit] ^= 1;
    assert_refused(
        "changed.zip",
        &zip,
        "the compressed file is damaged or cut short",
    );
}

#[test]
fn a_cell_far_outside_the_table_is_refused() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "身份证号").unwrap();
    sheet.write_string(1_048_575, 16_383, "x").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    assert_refused("far.xlsx", &bytes, "a cell is far outside the table");
}

#[test]
fn a_gzip_bomb_is_refused() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all("身份证号,对象状态,生活困难\n".as_bytes())
        .unwrap();
    let line = "x".repeat(1 << 20);
    for _ in 0..400 {
        gzip.write_all(line.as_bytes()).unwrap();
    }
    let gzip = gzip.finish().unwrap();
    assert!(gzip.len() < 4 << 20);
    assert_refused("bomb.csv.gz", &gzip, "file too large");
}
