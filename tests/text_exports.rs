//! Text exports as offices have them: every container of the same text gives the same
//! rows, no row is read by the wrong columns, and what cannot be read is reported by line.

use std::io::Write;

use serde_json::Value;

use crate::formats::{assert_same_lists, replace_veterans};
use crate::support::{Round, gzip, id_number};

/// Returns a synthetic ID number with this sequence number.
fn id(sequence: u32) -> String {
    id_number(&format!("44990119850505{sequence:03}"))
}

const HEADER: [&str; 6] = [
    "身份证号",
    "姓名",
    "救助类别",
    "在保状态",
    "开始日期",
    "结束日期",
];

fn rows() -> Vec<Vec<String>> {
    let row = |sequence| {
        let cells = [&id(sequence), "赵某", "低保", "在保", "2024-05-01", ""];
        cells.map(str::to_owned).to_vec()
    };
    (1..4).map(row).collect()
}

/// Returns the header and the rows as text.
fn text(delimiter: &str, line_end: &str, cell: impl Fn(&str) -> String) -> String {
    let header = HEADER.map(str::to_owned).to_vec();
    let mut text = String::new();
    for row in [header].into_iter().chain(rows()) {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        text += &cells.join(delimiter);
        text += line_end;
    }
    text
}

fn plain(cell: &str) -> String {
    cell.to_owned()
}

fn quoted(cell: &str) -> String {
    format!("\"{cell}\"")
}

fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

struct Checked {
    code: i32,
    report: Value,
    stderr: String,
}

/// Runs `schema check` on a file with these bytes.
fn check(round: &Round, name: &str, bytes: &[u8], schema: &str) -> Checked {
    round.write(name, bytes);
    let result = round.check(name, &["--schema", schema, "--json"]);
    let long = |text: &str| {
        let mut runs = text.split(|c: char| !c.is_ascii_digit());
        runs.any(|run| run.len() >= 15)
    };
    assert!(!long(&result.stderr) && !long(&result.stdout), "{name}");
    Checked {
        code: result.code,
        report: serde_json::from_str(&result.stdout).unwrap_or_default(),
        stderr: result.stderr,
    }
}

fn check_assistance(round: &Round, name: &str, bytes: &[u8]) -> Checked {
    check(round, name, bytes, "civil-affairs.assistance")
}

/// Asserts that all three rows are read, each value in its column.
fn assert_read(round: &Round, name: &str, bytes: &[u8]) {
    let Checked {
        code,
        report,
        stderr,
    } = check_assistance(round, name, bytes);
    assert_eq!(code, 0, "{name}: {stderr}{report:#}");
    assert_eq!(report["rows"], 3, "{name}");
    let columns: Vec<(&str, Option<u64>)> = report["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let field = column["field"].as_str().unwrap();
            (field, column["filled"].as_u64())
        })
        .collect();
    let expected = [
        ("national_id", None),
        ("name", Some(3)),
        ("kind", Some(3)),
        ("status", Some(3)),
        ("started_on", Some(3)),
        ("ended_on", None),
    ];
    assert_eq!(columns, expected, "{name}");
}

#[test]
fn a_text_is_read_in_every_container() {
    const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
    const GB18030_MARK: &[u8] = b"\x84\x31\x95\x33";
    let utf16 = |text: &str, mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        [
            mark,
            &text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>(),
        ]
        .concat()
    };
    let excel = |cell: &str| format!("=\"{cell}\"");
    let excel_quoted = |cell: &str| format!("\"=\"\"{cell}\"\"\"");
    let broken = |cell: &str| match HEADER.contains(&cell) {
        true => format!(
            "\"{}\"",
            cell.replacen('份', "份\r\n", 1).replacen('助', "助\n", 1)
        ),
        false => cell.to_owned(),
    };
    let lf = text(",", "\n", plain);
    let crlf = text(",", "\r\n", plain);
    let marks = |marks: &[&[u8]], text: &[u8]| [&marks.concat(), text].concat();
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("lf.csv", lf.clone().into()),
        ("no-last-line-end.csv", lf.trim_end().into()),
        ("cr.csv", text(",", "\r", plain).into()),
        (
            "cr-quoted.csv",
            text(",", "\r", |cell| format!("\"{cell}\n\"")).into(),
        ),
        ("cr-crlf.csv", (text(",", "\r", plain) + "\r\n").into()),
        ("cr-cr-lf.csv", text(",", "\r\r\n", plain).into()),
        ("cr-cr-lf-quoted.csv", text(",", "\r\r\n", quoted).into()),
        ("ctrl-z.csv", (crlf.clone() + "\u{1a}").into()),
        ("ctrl-z-line.csv", (crlf.clone() + "\u{1a}\r\n").into()),
        (
            "ctrl-z-in-line.csv",
            (lf.trim_end().to_owned() + "\u{1a}").into(),
        ),
        ("mark.csv", marks(&[UTF8_MARK], crlf.as_bytes())),
        ("two-marks.csv", marks(&[UTF8_MARK; 2], crlf.as_bytes())),
        (
            "mark-quoted.csv",
            marks(&[UTF8_MARK], text(",", "\n", quoted).as_bytes()),
        ),
        ("gb.csv", gb18030(&crlf)),
        ("gb-mark.csv", marks(&[GB18030_MARK], &gb18030(&crlf))),
        (
            "gb-mark-quoted.csv",
            marks(&[GB18030_MARK], &gb18030(&text(";", "\r\n", quoted))),
        ),
        (
            "gb-two-marks.csv",
            marks(&[GB18030_MARK; 2], &gb18030(&crlf)),
        ),
        ("gb-wrong-mark.csv", marks(&[UTF8_MARK], &gb18030(&crlf))),
        ("gb-ctrl-z.csv", [&gb18030(&crlf)[..], b"\x1a"].concat()),
        ("gb-cr.csv", gb18030(&text("\t", "\r", plain))),
        (
            "utf16le.txt",
            utf16(&text("\t", "\r\n", plain), b"\xff\xfe", u16::to_le_bytes),
        ),
        (
            "utf16be.txt",
            utf16(&text(",", "\n", quoted), b"\xfe\xff", u16::to_be_bytes),
        ),
        (
            "utf16-cr.txt",
            utf16(&text("\t", "\r", plain), b"\xff\xfe", u16::to_le_bytes),
        ),
        (
            "utf16-two-marks.txt",
            utf16(&lf, b"\xff\xfe\xff\xfe", u16::to_le_bytes),
        ),
        ("formula.csv", text(",", "\r\n", excel).into()),
        ("formula-quoted.csv", text(",", "\n", excel_quoted).into()),
        ("formula-gb.csv", gb18030(&text(";", "\n", excel_quoted))),
        (
            "sep.csv",
            ("sep=;\r\n".to_owned() + &text(";", "\r\n", plain)).into(),
        ),
        (
            "sep-quoted.csv",
            ("\"sep=;\"\r\n".to_owned() + &text(";", "\r\n", plain)).into(),
        ),
        ("header-lines.csv", text(",", "\r\n", broken).into()),
        ("header-lines-gb.csv", gb18030(&text("\t", "\n", broken))),
    ];
    let round = Round::sample();
    for (name, bytes) in &texts {
        assert_read(&round, name, bytes);
        assert_read(&round, &format!("{name}.gz"), &gzip(bytes));
    }
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in members {
        match name.strip_suffix('/') {
            Some(folder) => zip.add_directory(folder, options).unwrap(),
            None => {
                zip.start_file(*name, options).unwrap();
                zip.write_all(bytes).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_is_read_if_it_has_one_file_and_the_message_fits_otherwise() {
    let round = Round::sample();
    let csv = text(",", "\r\n", plain);
    let csv = csv.as_bytes();
    let whole = gzip(csv);
    assert_read(
        &round,
        "members.gz",
        &[gzip(&csv[..50]), gzip(&csv[50..])].concat(),
    );
    assert_read(&round, "padded.gz", &[&whole[..], &[0; 20_000]].concat());
    for (name, members) in [
        (
            "finder.zip",
            &[
                ("a.csv", csv),
                ("__MACOSX/", b""),
                ("__MACOSX/._a.csv", b"x"),
            ][..],
        ),
        (
            "folder.zip",
            &[
                ("名单/", b""),
                ("名单/a.csv", csv),
                ("名单/.DS_Store", b"x"),
            ],
        ),
        (
            "explorer.zip",
            &[
                ("a/Thumbs.db", b"x"),
                ("a/desktop.ini", b"x"),
                ("a/b.txt", csv),
            ],
        ),
    ] {
        assert_read(&round, name, &zip(members));
    }
    // As Explorer packs large files; the method is in both heads of the member.
    let mut deflate64 = zip(&[("a.csv", csv)]);
    for at in 0..deflate64.len() - 4 {
        let offset = match &deflate64[at..at + 4] {
            b"PK\x03\x04" => 8,
            b"PK\x01\x02" => 10,
            _ => continue,
        };
        deflate64[at + offset] = 9;
    }
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let cut = "the compressed file is damaged or cut short";
    for (name, bytes, words) in [
        ("cut.gz", whole[..whole.len() / 2].to_vec(), cut),
        ("cut-head.gz", whole[..7].to_vec(), cut),
        ("cut-end.gz", whole[..whole.len() - 3].to_vec(), cut),
        (
            "cut-member.gz",
            [&whole, &whole[..whole.len() - 9]].concat(),
            cut,
        ),
        ("trailing.gz", [&whole[..], b"more"].concat(), cut),
        (
            "padded-trailing.gz",
            [&whole[..], &[0; 9], b"more"].concat(),
            cut,
        ),
        (
            "deflate64.zip",
            deflate64,
            "a compression method that is not supported (Deflate64",
        ),
        (
            "two.zip",
            zip(&[("a.csv", csv), ("b.csv", csv)]),
            "the archive contains 2 files",
        ),
        (
            "none.zip",
            zip(&[("a/", b""), ("__MACOSX/._a", b"x")]),
            "the archive contains 0 files",
        ),
        (
            "nested.zip",
            zip(&[("a.xlsx", &zip(&[("b", csv)]))]),
            "a workbook or an archive inside",
        ),
        (
            "xls.zip",
            zip(&[("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")]),
            "a workbook (XLS)",
        ),
        ("twice.gz", gzip(&whole), "compressed twice"),
        ("a.tar.gz", gzip(&tar), "a tar archive"),
        (
            "a.ods",
            zip(&[
                ("mimetype", b"application/vnd.oasis"),
                ("content.xml", b"<x/>"),
            ]),
            "the file is an OpenDocument file, but not an ODS spreadsheet\n  save it as \"Excel Workbook (*.xlsx)\"",
        ),
    ] {
        let checked = check_assistance(&round, name, &bytes);
        assert_eq!(checked.code, 1, "{name}");
        assert!(checked.stderr.contains(words), "{name}: {}", checked.stderr);
        assert!(!checked.stderr.contains("you may read it"), "{name}");
    }
}

#[test]
fn a_file_of_another_format_is_named_whatever_its_own_name_says() {
    let round = Round::sample();
    let utf16 = |text: &str| -> Vec<u8> {
        let bytes = text.encode_utf16().flat_map(u16::to_le_bytes);
        b"\xff\xfe".iter().copied().chain(bytes).collect()
    };
    for (start, words) in [
        ("<html><body>", "a web page or XML"),
        ("\u{feff}<!DOCTYPE html>", "a web page or XML"),
        ("\u{feff}\u{feff} \r\n<table>", "a web page or XML"),
        ("<meta charset=gbk>", "a web page or XML"),
        ("<div>", "a web page or XML"),
        (
            "\u{feff}<?xml version=\"1.0\"?><Workbook>",
            "a web page or XML",
        ),
        (
            "<?xml version=\"1.0\"?>\n<office:document xmlns:x=\"a\" \
             xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\">",
            "a flat OpenDocument file (FODS, XML)",
        ),
        ("MIME-Version: 1.0\r\n", "a web archive (MHT)"),
        ("{\"rows\": [1]}", "JSON"),
        ("[ {\"a\": 1} ]", "JSON"),
        ("ID;PWXL;N;E\r\n", "a SYLK spreadsheet"),
        ("%PDF-1.7\n", "a PDF document"),
        ("{\\rtf1\\ansi", "an RTF document"),
    ] {
        for bytes in [start.as_bytes().to_vec(), utf16(start)] {
            let checked = check_assistance(&round, "page.xls", &bytes);
            assert_eq!(checked.code, 1, "{start}");
            assert!(
                checked.stderr.contains(words),
                "{start}: {}",
                checked.stderr
            );
        }
    }
    // Titles that begin alike.
    for title in ["<2026年>", "[内部] 名单", "{名单}"] {
        let bytes = format!("{title}\n{}", text(",", "\n", plain));
        assert_read(&round, "titles.csv", bytes.as_bytes());
    }
}

/// A name is cut after each number of bytes, at its end or its beginning, in both
/// encodings: it is unreadable, or is part of the name, and never other characters.
#[test]
fn a_cell_cut_inside_a_character_is_unreadable_and_not_other_characters() {
    let round = Round::sample();
    for (label, encode) in [
        (
            "UTF-8",
            (|text: &str| text.as_bytes().to_vec()) as fn(&str) -> Vec<u8>,
        ),
        ("GB18030", gb18030),
    ] {
        for name in ["赵某", "赵", "欧阳某某", "陈女士（孤儿）"] {
            let (whole, other) = (encode(name), encode("李某"));
            // In the last of the rows the name is the only cell beyond ASCII.
            for (columns, values) in [
                ("身份证号,救助类别,姓名", "低保"),
                ("身份证号,户编号,姓名", "H1"),
            ] {
                for cut in 1..whole.len() {
                    for part in [&whole[..cut], &whole[cut..]] {
                        let is_text = match label {
                            "UTF-8" => std::str::from_utf8(part).is_ok(),
                            _ => encoding_rs::GB18030
                                .decode_without_bom_handling_and_without_replacement(part)
                                .is_some(),
                        };
                        let line = |id: &str, name: &[u8]| {
                            [&encode(&format!("{id},{values},")), name, b"\n"].concat()
                        };
                        let file = [
                            encode(&format!("{columns}\n")),
                            line(&id(1), &other),
                            line(&id(2), part),
                            line(&id(3), &other),
                        ]
                        .concat();
                        let report = check_assistance(&round, "cut.csv", &file).report;
                        let unreadable = report["unreadable"].as_object().unwrap();
                        let lines = &report["unreadable"]["name: encoding"]["first_lines"];
                        match is_text {
                            true => assert_eq!(unreadable.len(), 0, "{label} {name} {cut}"),
                            false => assert_eq!(lines[0], 3, "{label} {name} {cut}: {report:#}"),
                        }
                        assert_eq!(report["rejects"], serde_json::json!({}));
                    }
                }
            }
        }
    }
    let mut broken = format!("身份证号,姓名\n{},赵某\n{},李某\n", id(1), id(2)).into_bytes();
    let place = broken
        .windows(4)
        .position(|bytes| bytes == b"4499")
        .unwrap();
    broken.splice(place..place, "，".bytes().take(2));
    let report = check_assistance(&round, "id.csv", &broken).report;
    assert_eq!(report["rejects"]["encoding"]["first_lines"][0], 2);
}

#[test]
fn records_in_the_other_encoding_are_read_in_it() {
    let round = Round::sample();
    let line = |sequence, name| format!("{},低保,{name},在保\n", id(sequence));
    let names = ["赵某", "璧某某", "欧阳璐宝", "小学"];
    for in_gb18030 in [false, true] {
        let encode = |own: bool, text: &str| match own == in_gb18030 {
            true => gb18030(text),
            false => text.as_bytes().to_vec(),
        };
        let mut file = encode(true, "身份证号,救助类别,姓名,在保状态\n");
        for (sequence, name) in (1..).zip(names) {
            file.extend(encode(true, &line(sequence, name)));
            file.extend(encode(true, &line(sequence + 100, name)));
            file.extend(encode(false, &line(sequence + 200, name)));
        }
        let Checked { code, report, .. } = check_assistance(&round, "both.csv", &file);
        assert_eq!((code, &report["rows"]), (0, &Value::from(12)), "{report:#}");
    }
}

#[test]
fn two_id_columns_are_an_error_that_names_both_unless_one_is_of_a_certificate() {
    let round = Round::sample();
    for (schema, header, outcome) in [
        (
            "civil-affairs.assistance",
            "身份证号,家庭成员身份证号",
            Err("身份证号(1), 家庭成员身份证号(2)"),
        ),
        (
            "civil-affairs.assistance",
            "成员身份证号,证件号码",
            Err("成员身份证号(1), 证件号码(2)"),
        ),
        (
            "civil-affairs.assistance",
            "national_id,身份证号",
            Ok("national_id"),
        ),
        (
            "education.students",
            "学生身份证号,身份证件号码",
            Err("学生身份证号(1), 身份证件号码(2)"),
        ),
        (
            "disabled-federation.persons",
            "残疾人证号,身份证号",
            Ok("身份证号"),
        ),
        (
            "disabled-federation.persons",
            "残疾证号,持证人身份证号",
            Ok("持证人身份证号"),
        ),
        (
            "disabled-federation.persons",
            "残疾人证号,残疾证编号",
            Err("残疾人证号(1), 残疾证编号(2)"),
        ),
        (
            "disabled-federation.persons",
            "残疾人证号,姓名",
            Ok("残疾人证号"),
        ),
    ] {
        let file = format!("{header},就业,备注\n{},{},是,\n", id(1), id(2));
        let checked = check(&round, "two.csv", file.as_bytes(), schema);
        match outcome {
            Err(names) => {
                assert_eq!(checked.code, 1, "{header}");
                let words = format!("several columns match the field `national_id`: {names}");
                assert!(
                    checked.stderr.contains(&words),
                    "{header}: {}",
                    checked.stderr
                );
                assert!(
                    checked
                        .stderr
                        .contains("headers = { \"HEADER\" = \"national_id\" }")
                );
            }
            Ok(chosen) => {
                assert_eq!(checked.report["columns"][0]["header"], chosen, "{header}");
                // A known header is not called unknown.
                let unknown = &checked.report["headers_not_known"];
                let other = header.split(',').find(|header| *header != chosen).unwrap();
                let (over, compared): (&[&str], &[&str]) = match other {
                    "姓名" => (&[], &[]),
                    other if other.contains("残疾") => (&[], &[other]),
                    other => (&[other], &[]),
                };
                for (key, expected) in [
                    ("headers_passed_over", over),
                    ("headers_compared", compared),
                ] {
                    assert_eq!(checked.report[key], serde_json::json!(expected), "{header}");
                }
                assert!(!unknown.to_string().contains(other), "{header}: {unknown}");
            }
        }
    }
}

/// The own column has a header that is not known, or known but for a number or a mark, and
/// the known one is that of a parent, a head of household or an agent.
#[test]
fn an_unknown_header_of_an_id_number_beside_the_known_one_is_an_error_that_names_both() {
    let round = Round::sample();
    for (schema, own, others, lists) in [
        (
            "education.students",
            "学生身份证号（必填）",
            ["证件号码", "身份证号"],
            "*,就读状态,就读学段",
        ),
        (
            "education.students",
            "在读学生证件编号",
            ["证件号码", "②身份证号"],
            "*,就读状态,就读学段",
        ),
        (
            "civil-affairs.assistance",
            "2.成员身份证号码",
            ["身份证号", "证件号"],
            "*,救助类别,在保状态",
        ),
        (
            "civil-affairs.assistance",
            "被保障人证件号码（18位）",
            ["身份证号", "*身份证号（必填）"],
            "*,救助类别,在保状态",
        ),
        (
            "procuratorate.case-parties",
            "被害人证件号",
            ["身份证号", "3、公民身份号码"],
            "*,案号,诉讼地位,案件类别",
        ),
    ] {
        for other in others {
            for columns in [format!("{own},姓名,{other}"), format!("{other},姓名,{own}")] {
                let header = lists.replace('*', &columns);
                let file = format!("{header}\n{},赵某,{},,\n", id(1), id(2));
                let checked = check(&round, "own.csv", file.as_bytes(), schema);
                assert_eq!(checked.code, 1, "{header}: {}", checked.stderr);
                for name in [own, other] {
                    assert!(
                        checked.stderr.contains(name),
                        "{header}: {}",
                        checked.stderr
                    );
                }
                assert!(
                    checked.stderr.contains("headers = { "),
                    "{}",
                    checked.stderr
                );
            }
        }
        // The column of another person, or of another paper, leaves no doubt.
        for other in [
            "监护人身份证号",
            "家长证件号码",
            "配偶身份证号",
            "身份证类型",
            "结婚证号",
        ] {
            let header = lists.replace('*', &format!("{other},姓名,身份证号"));
            let file = format!("{header}\n{},赵某,{},,\n", id(1), id(2));
            let checked = check(&round, "other.csv", file.as_bytes(), schema);
            assert_eq!(
                checked.report["columns"][0]["header"], "身份证号",
                "{header}"
            );
        }
    }
    // The line that the message proposes settles it.
    let twice = "\"身份证号\";\"证件编号\"";
    round.replace("veterans.persons.csv", "\"身份证号\"", twice);
    let refused = round.run();
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let line = "headers = { \"身份证号\" = \"national_id\" }";
    assert!(refused.stderr.contains(line), "{}", refused.stderr);
    round.replace(
        "round.toml",
        "path = \"veterans.persons.csv\"",
        &format!("path = \"veterans.persons.csv\"\n{line}"),
    );
    assert_same_lists(&round);
}

/// The number of a disability certificate is the ID number, a digit of the class and one of
/// the grade. Contradicting numbers may be a guardian's and a child's.
#[test]
fn a_certificate_of_another_person_rejects_the_row() {
    let round = Round::sample();
    let certificate = |sequence| id(sequence) + "43";
    let lower = |number: String| number.replace('X', "x");
    let spaced = |number: String| format!("{} {}", &number[..6], &number[6..]);
    let wide = |number: String| -> String {
        let digits = number.chars();
        let wide = |c: char| char::from_u32(c as u32 + 0xfee0).unwrap();
        digits.map(wide).collect()
    };
    // Rows whose certificate is not of the person, whatever is around its number.
    let mut of_others = vec![certificate(2), spaced(certificate(2)), wide(certificate(2))];
    for tail in [
        "",
        "40",
        "99",
        "4",
        "41B",
        "4100",
        "41（补）",
        "肢体一级",
        "-41",
        " 41",
        "*41",
        "/41",
        "B1",
    ] {
        for head in ["", "粤", "证号：", "No.", "(", "0-"] {
            of_others.push(format!("{head}{}{tail}", id(2)));
        }
    }
    of_others.push(format!("{} {}", certificate(2), certificate(3)));
    // Rows whose certificate is, or cannot be compared.
    let accepted = [
        certificate(1),
        lower(certificate(1)),
        spaced(certificate(1)),
        wide(certificate(1)),
        id(1),
        String::new(),
        "无".to_owned(),
        "补办中".to_owned(),
        certificate(2)[..17].to_owned(),
        format!("{}****{}", &certificate(1)[..10], &certificate(1)[14..]),
        // A number beside the person's own may be that of a guardian.
        format!("{} {}", certificate(2), certificate(1)),
        format!("{}（监护人{}）", certificate(1), id(2)),
        format!("{}40", id(1)),
        format!("粤{}肢体", id(1)),
    ];
    for header in ["身份证号,残疾人证号", "残疾人证号,身份证号"] {
        for (cells, rejected) in [(&of_others[..], true), (&accepted[..], false)] {
            for cell in cells {
                let row = match header.starts_with("身份证号") {
                    true => format!("{},{cell}", id(1)),
                    false => format!("{cell},{}", id(1)),
                };
                let file = format!("{header},就业\n{row},是\n");
                let schema = "disabled-federation.persons";
                let report = check(&round, "d.csv", file.as_bytes(), schema).report;
                let rejects = &report["rejects"];
                let expected = match rejected {
                    true => &serde_json::json!([2]),
                    false => &Value::Null,
                };
                let lines = &rejects["certificate_contradicts"]["first_lines"];
                assert_eq!(lines, expected, "{header}: {cell}");
                assert_eq!(rejects.as_object().unwrap().len(), usize::from(rejected));
            }
        }
    }
}

#[test]
fn a_header_that_the_round_file_names_is_used_whatever_its_form() {
    for (written, in_file) in [
        ("截至20260928对象状态", "\"截至20260928对象状态\""),
        ("截至 2026 0928 状态", "\"截至\n20260928\n状态\""),
        ("状态（\"在册\"）", "\"状态（\"\"在册\"\"）\""),
        ("电话13800001234状态", "\"电话13800001234状态\""),
    ] {
        let round = Round::sample();
        round.replace("veterans.persons.csv", "\"对象状态\"", in_file);
        round.replace(
            "round.toml",
            "path = \"veterans.persons.csv\"",
            &format!("path = \"veterans.persons.csv\"\nheaders = {{ '{written}' = \"status\" }}"),
        );
        assert_same_lists(&round);
        let columns = round.export_in_manifest("veterans.persons").to_string();
        assert!(columns.contains("\"field\":\"status\""), "{written}");
        assert!(!columns.contains("13800001234"));
    }
}

#[test]
fn a_second_header_is_no_row_and_one_with_other_columns_refuses_the_file() {
    let round = Round::sample();
    let first = text(",", "\n", plain);
    let header = HEADER.join(",");
    for again in [
        header.clone(),
        format!("\u{feff}{header}\r"),
        header.replace("身份证号", "\"公民\n身份号码\""),
        HEADER.map(quoted).join(","),
        format!("\u{feff}{}", HEADER.map(quoted).join(",")),
        format!("{header},,"),
        // The same columns without the last ones.
        HEADER[..5].join(","),
        HEADER[..4].join(","),
        format!("县低保名单,,\n{header}"),
    ] {
        let file = format!("县低保名单\n{first}{again}\n{},李某,低保,在保,,\n", id(9));
        let Checked {
            code,
            report,
            stderr,
        } = check_assistance(&round, "again.csv", file.as_bytes());
        assert_eq!(code, 0, "{again}: {stderr}{report:#}");
        assert_eq!(report["rows"], 4, "{again}");
        let repeated = 1 + again.matches("县低保名单").count();
        assert_eq!(report["repeated_header_lines"], repeated, "{again}");
    }
    let mut in_gb18030 = first.clone().into_bytes();
    in_gb18030.extend(gb18030(&first));
    let report = check_assistance(&round, "gb.csv", &in_gb18030).report;
    assert_eq!(
        (&report["rows"], &report["repeated_header_lines"]),
        (&6.into(), &1.into())
    );
    for other in [
        "姓名,身份证号,救助类别,在保状态,开始日期,结束日期",
        "身份证号,姓名,在保状态,救助类别,开始日期,结束日期",
        "序号,身份证号,姓名,救助类别,在保状态,开始日期",
        "身份证号,姓名,救助类别,在保状态,结束日期,开始日期",
        "身份证号,姓名,救助类别,开始日期,结束日期",
        "身份证号,姓名,救助类别,在保状态,,结束日期",
    ] {
        let file = format!("{first}\n{other}\n{},李某,低保,在保,,\n", id(9));
        let checked = check_assistance(&round, "other.csv", file.as_bytes());
        assert_eq!(checked.code, 1, "{other}");
        let words = "other.csv (line 6): this line is another header, and its columns differ";
        assert!(
            checked.stderr.contains(words),
            "{other}: {}",
            checked.stderr
        );
    }
}

/// Titles of groups may have titles of their own, above or below them.
#[test]
fn a_header_of_three_lines_is_put_together() {
    let round = Round::sample();
    let (own, guardian) = (id(1), id(2));
    for (name, header, row, read) in [
        (
            "names below two lines of titles",
            "基本信息,,救助信息,\n本人,,对象,状态\n姓名,身份证号,救助类别,在保状态\n",
            format!("赵某,{own},低保,在保\n"),
            true,
        ),
        (
            "the upper title names another person",
            "本人,,监护人,,救助,\n信息,,资料,,内容,\n姓名,身份证号,姓名,身份证号,救助类别,在保状态\n",
            format!("赵某,{own},钱某,{guardian},低保,在保\n"),
            true,
        ),
        (
            "only the other person has an ID column",
            "监护人,,救助,\n信息,,内容,\n姓名,身份证号,救助类别,在保状态\n",
            format!("钱某,{guardian},低保,在保\n"),
            false,
        ),
        (
            "names of columns in each of the three lines",
            "姓名,身份证号,救助情况,,\n,,对象,,在保状态\n,,救助类别,经办单位,\n",
            format!("赵某,{own},低保,某镇,在保\n"),
            true,
        ),
    ] {
        let checked = check_assistance(&round, "lines.csv", format!("{header}{row}").as_bytes());
        let report = &checked.report;
        if !read {
            assert_eq!(checked.code, 1, "{name}: {report:#}");
            assert!(
                checked.stderr.contains("监护人"),
                "{name}: {}",
                checked.stderr
            );
            continue;
        }
        assert_eq!(report["rows"], 1, "{name}: {}", checked.stderr);
        assert_eq!(report["rejects"], serde_json::json!({}), "{name}");
        let filled = |field: &str| {
            let columns = report["columns"].as_array().unwrap();
            let column = columns.iter().find(|column| column["field"] == field);
            column.map(|column| column["filled"].clone())
        };
        for field in ["name", "kind", "status"] {
            assert_eq!(filled(field), Some(serde_json::json!(1)), "{name}: {field}");
        }
    }
}

/// A list of ID numbers, of which the round file says what it is.
#[test]
fn a_header_that_names_only_the_id_column_is_found_above_id_numbers() {
    let round = Round::sample();
    let constants = ["--constant", "kind=dibao", "--constant", "status=active"];
    let checked = |text: &str| {
        round.write("numbers.csv", text);
        let schema = ["--schema", "civil-affairs.assistance", "--json"];
        let result = round.check("numbers.csv", &[&schema[..], &constants].concat());
        let report: Value = serde_json::from_str(&result.stdout).unwrap_or_default();
        (report["header_line"].as_u64(), report["rows"].as_u64())
    };
    let rows = format!("1,{},甲\n2,{},\n", id(1), id(2));
    let found = |line| (Some(line), Some(2));
    assert_eq!(checked(&format!("序号,身份证号,备注\n{rows}")), found(1));
    assert_eq!(
        checked(&format!("花名册,,\n序号,身份证号,备注\n{rows}")),
        found(2)
    );
    // An explanation of columns comes before the header.
    let explained = "列名,身份证号,说明\n序号,身份证号,备注\n";
    assert_eq!(checked(&format!("{explained}{rows}")), found(2));
    // A header with more known names counts more, and explanations alone are no header.
    let both = format!("说明,身份证号,填写\n姓名,身份证号,备注\n{rows}");
    assert_eq!(checked(&both), found(2));
    assert_eq!(
        checked("列名,说明\n身份证号,十八位\n姓名,汉字\n"),
        (None, None)
    );
}

/// An unquoted delimiter in the name shifts a row by one field.
#[test]
fn a_shifted_row_is_rejected_wherever_its_surplus_field_is() {
    let round = Round::sample();
    for (header_end, row_end) in [("", ""), (",", ""), (",,", ""), ("", ","), ("", ",,")] {
        for last in ["2025-01-01", ""] {
            let mut file = format!("{}{header_end}\n", HEADER.join(","));
            for sequence in 1..6 {
                let name = if sequence == 3 {
                    "赵某,又名乙"
                } else {
                    "赵某"
                };
                let id = id(sequence);
                file += &format!("{id},{name},低保,在保,2024-05-01,{last}{row_end}\n");
            }
            let report = check_assistance(&round, "shifted.csv", file.as_bytes()).report;
            assert_eq!(report["rows"], 5, "{header_end:?} {row_end:?} {last}");
            // Where the header has blank columns, a blank surplus field may be one of them.
            if header_end.is_empty() || !last.is_empty() {
                let lines = &report["rejects"]["field_count"]["first_lines"];
                assert_eq!(
                    *lines,
                    serde_json::json!([4]),
                    "{header_end:?} {row_end:?} {last}"
                );
            }
        }
    }
}

#[test]
fn utf16_and_carriage_returns_give_the_same_lists_as_the_plain_file() {
    let text = Round::sample().read("veterans.persons.csv");
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = b"\xff\xfe".iter().copied().chain(utf16).collect();
    let carriage_returns = text.replace("\r\n", "\n").replace('\n', "\r");
    for (name, bytes, encoding) in [
        ("a.txt", utf16, "utf-16 with byte-order mark"),
        ("b.csv", carriage_returns.into_bytes(), "utf-8"),
    ] {
        let round = Round::sample();
        replace_veterans(&round, name, &bytes);
        assert_same_lists(&round);
        let file = &round.export_in_manifest("veterans.persons")["files"][0];
        assert_eq!(file["encoding"], encoding);
        // The digest is of the file itself.
        assert_eq!(file["blake3"], blake3::hash(&bytes).to_hex().as_str());
    }
}

/// A text cut inside a character, half of a character, a byte lost or added in the middle.
#[test]
fn utf16_that_is_not_valid_is_refused_as_damaged() {
    let round = Round::sample();
    let text = text("\t", "\r\n", plain);
    for (mark, to_bytes) in [
        (b"\xff\xfe", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (b"\xfe\xff", u16::to_be_bytes),
    ] {
        let encoded = |text: &[u16]| -> Vec<u8> {
            let bytes = text.iter().flat_map(|unit| to_bytes(*unit));
            mark.iter().copied().chain(bytes).collect()
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        assert_read(&round, "whole.txt", &encoded(&units));
        let whole = encoded(&units);
        let replaced = |at: usize, unit: u16| {
            let mut units = units.clone();
            units[at] = unit;
            encoded(&units)
        };
        let row = units
            .iter()
            .rposition(|unit| *unit == u16::from(b'\n'))
            .unwrap()
            - 20;
        // 𠮷 is a pair of units.
        let pair: Vec<u16> = text.replace("赵某", "赵𠮷").encode_utf16().collect();
        assert_read(&round, "pair.txt", &encoded(&pair));
        let first_half = pair.iter().rposition(|unit| *unit == 0xd842).unwrap();
        let damaged = [
            ("cut", whole[..whole.len() - 1].to_vec()),
            ("cut", whole[..whole.len() - 41].to_vec()),
            ("added", [&whole[..], b"\0"].concat()),
            ("first half", replaced(row, 0xd842)),
            ("second half", replaced(row, 0xdfb7)),
            ("first half in the header", replaced(1, 0xd842)),
            ("cut in a pair", encoded(&pair[..=first_half])),
            (
                "lost",
                [&whole[..whole.len() / 2], &whole[whole.len() / 2 + 1..]].concat(),
            ),
        ];
        for (what, bytes) in damaged {
            for name in ["damaged.txt", "damaged.gz"] {
                let bytes = match name {
                    "damaged.gz" => gzip(&bytes),
                    _ => bytes.clone(),
                };
                let checked = check_assistance(&round, name, &bytes);
                assert_eq!(checked.code, 1, "{what}: {}", checked.stderr);
                let words = "the file is in UTF-16, but is damaged or cut short";
                assert!(checked.stderr.contains(words), "{what}: {}", checked.stderr);
            }
        }
    }
}

#[test]
fn a_file_with_an_unknown_delimiter_is_refused_with_the_known_ones() {
    let round = Round::sample();
    for delimiter in ["，", "^", "~", "；", "||", " "] {
        let text = text(delimiter, "\n", plain);
        let gb18030 = gb18030(&text);
        for bytes in [text.as_bytes(), &gb18030] {
            // In UTF-8, two bars are delimiters around empty columns.
            if delimiter == "||" && bytes == text.as_bytes() {
                continue;
            }
            let checked = check_assistance(&round, "other.csv", bytes);
            assert_eq!(checked.code, 1, "{delimiter:?}");
            let words =
                "columns must be separated by commas, tabs or semicolons, in UTF-8 also by |";
            assert!(checked.stderr.contains(words), "{}", checked.stderr);
        }
    }
}
