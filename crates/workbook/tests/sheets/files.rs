//! Kinds of files, how the parts of a workbook are found, and the list of sheets.

use std::io::{Cursor, Read, Write};

use aidlink_workbook::{
    DateEpoch, OtherFile, Problem, RowCount, Sheet, SheetKind, Visibility, Workbook, WorkbookError,
};
use zip::CompressionMethod;

use crate::made::{Made, relationships, rows_of};

const ROWS: &str = "<row><c><v>1</v></c></row>";

fn other(bytes: &[u8]) -> OtherFile {
    match Workbook::open(Cursor::new(bytes)).err() {
        Some(WorkbookError::Other(kind)) => kind,
        error => panic!("{error:?}"),
    }
}

/// Returns a compound file with these names in its directory.
fn compound(names: &[&str]) -> Vec<u8> {
    let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    bytes.resize(1024, 0);
    for name in names {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(length.to_le_bytes());
        entry.resize(128, 0);
        bytes.extend(entry);
    }
    bytes
}

#[test]
fn other_kinds_of_files_are_recognised() {
    for (names, kind) in [
        (
            vec!["Root Entry", "EncryptionInfo", "EncryptedPackage"],
            OtherFile::Protected,
        ),
        (
            vec!["Root Entry", "EncryptedPackage", "DRMEncryptedDataSpace"],
            OtherFile::RightsManaged,
        ),
        (
            vec!["Root Entry", "Workbook", "\tDRMContent"],
            OtherFile::RightsManaged,
        ),
        (vec!["Root Entry", "Workbook"], OtherFile::Xls),
        (vec!["Root Entry", "Book"], OtherFile::Xls),
        (vec!["Root Entry", "WordDocument"], OtherFile::CompoundFile),
        (vec![], OtherFile::CompoundFile),
    ] {
        assert_eq!(other(&compound(&names)), kind, "{names:?}");
    }
    let xls = include_bytes!("../../../../tests/files/veterans.xls");
    assert_eq!(other(xls), OtherFile::Xls);
    assert_eq!(other(b""), OtherFile::Empty);
    assert_eq!(other(b"a,b\n1,2\n"), OtherFile::Unknown);
    assert_eq!(other(b"PK"), OtherFile::Unknown);

    let made = |parts: &[(&str, &str)]| {
        let parts = parts
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()));
        Made {
            parts: parts.collect(),
            method: CompressionMethod::Stored,
        }
        .packed()
    };
    assert_eq!(other(&made(&[("register.csv", "a,b")])), OtherFile::Archive);
    assert_eq!(
        other(&made(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", "<a/>")
        ])),
        OtherFile::OpenDocument
    );
    let word = Made::of_rows(ROWS)
        .with(
            "_rels/.rels",
            relationships(&[("rId1", "officeDocument", "word/document.xml")]),
        )
        .with("word/document.xml", "<w:document/>");
    assert!(matches!(
        word.open().err(),
        Some(WorkbookError::Wrong(Problem::OtherContent, place)) if place.part == "word/document.xml"
    ));
}

#[test]
fn every_error_has_a_sentence_and_a_remedy_in_both_languages() {
    for kind in [
        OtherFile::Empty,
        OtherFile::Protected,
        OtherFile::RightsManaged,
        OtherFile::Xls,
        OtherFile::OpenDocument,
        OtherFile::OtherOpenDocument,
        OtherFile::CompoundFile,
        OtherFile::Archive,
        OtherFile::Unknown,
    ] {
        let error = WorkbookError::Other(kind);
        assert!(!error.sentence().zh.is_ascii() && error.sentence().en.is_ascii());
        assert!(!error.remedy().zh.is_ascii() && error.remedy().en.is_ascii());
    }
    let error = Made::of_rows("<row><c t='str'><v>secret</v><v>secret</v></c></row>")
        .rows()
        .expect_err("two values");
    assert_eq!(
        error.to_string(),
        "sheet `名册`, row 1, column 1: a cell has two values"
    );
    assert_eq!(
        error.sentence().zh,
        "工作表“名册”第1行第1列：单元格有两个值"
    );
    assert_eq!(error.place().and_then(|place| place.row), Some(1));
}

#[test]
fn a_file_with_an_encrypted_part_is_protected() {
    // The flag is one bit in the header of the part and in the directory.
    let mut bytes = Made::of_rows(ROWS).packed();
    for (signature, flags) in [(&b"PK\x03\x04"[..], 6), (&b"PK\x01\x02"[..], 8)] {
        let headers: Vec<usize> = bytes
            .windows(4)
            .enumerate()
            .filter(|(_, window)| *window == signature)
            .map(|(at, _)| at)
            .collect();
        for at in headers {
            bytes[at + flags] |= 1;
        }
    }
    assert_eq!(other(&bytes), OtherFile::Protected);
}

#[test]
fn sheets_are_listed_in_order_with_their_kinds() {
    let sheets = "<workbook xmlns:q='http://purl.oclc.org/ooxml/officeDocument/relationships'>\
        <workbookPr date1904='1'/><sheets>\
        <sheet name='城关镇' sheetId='7' q:id='a'/>\
        <sheet name='A &amp; B' sheetId='2' state='hidden' q:id='b'/>\
        <sheet name='C' sheetId='3' state='veryHidden' q:id='c'/>\
        <sheet name='D' sheetId='4' state='visible' q:id='d'/>\
        <sheet name='E' sheetId='5' q:id='e'/>\
        <sheet name='F' sheetId='6' q:id='nowhere'/>\
        <sheet name='G' sheetId='8' q:id='g'/></sheets></workbook>";
    let made = Made::of_rows(ROWS)
        .with("xl/workbook.xml", sheets)
        .with(
            "xl/_rels/workbook.xml.rels",
            relationships(&[
                ("g", "worksheet", "worksheets/missing.xml"),
                ("e", "xlMacrosheet", "e.xml"),
                ("d", "dialogsheet", "d.xml"),
                ("c", "chartsheet", "c.xml"),
                ("b", "worksheet", "b.xml"),
                ("a", "worksheet", "worksheets/sheet1.xml"),
            ]),
        )
        .with("xl/b.xml", "<worksheet><sheetData/></worksheet>")
        .with("xl/c.xml", "<chartsheet><drawing/></chartsheet>")
        .with("xl/d.xml", "<dialogsheet><sheetData/></dialogsheet>")
        .with("xl/e.xml", "<m:macrosheet xmlns:m='m'><sheetData><row><c><v>5</v></c></row></sheetData></m:macrosheet>");
    let mut workbook = made.open().expect("a workbook");
    let sheet = |name: &str, visibility, kind, part: Option<&str>| Sheet {
        name: name.to_owned(),
        visibility,
        kind,
        part: part.map(str::to_owned),
    };
    use SheetKind::{Chartsheet, DialogSheet, MacroSheet, Other, Worksheet};
    use Visibility::{Hidden, VeryHidden, Visible};
    assert_eq!(
        workbook.sheets(),
        [
            sheet(
                "城关镇",
                Visible,
                Worksheet,
                Some("xl/worksheets/sheet1.xml")
            ),
            sheet("A & B", Hidden, Worksheet, Some("xl/b.xml")),
            sheet("C", VeryHidden, Chartsheet, Some("xl/c.xml")),
            sheet("D", Visible, DialogSheet, Some("xl/d.xml")),
            sheet("E", Visible, MacroSheet, Some("xl/e.xml")),
            sheet("F", Visible, Other, None),
            sheet("G", Visible, Worksheet, None),
        ]
    );
    assert_eq!(workbook.date_epoch(), DateEpoch::Year1904);
    assert_eq!(rows_of(&mut workbook, 0).expect("rows"), ["1: A=#1"]);
    assert_eq!(rows_of(&mut workbook, 1).expect("no rows"), [""; 0]);
    assert!(matches!(
        rows_of(&mut workbook, 2),
        Err(WorkbookError::Wrong(Problem::OtherContent, _))
    ));
    assert_eq!(rows_of(&mut workbook, 4).expect("rows"), ["1: A=#5"]);
    assert!(matches!(
        rows_of(&mut workbook, 6),
        Err(WorkbookError::NoPartOfSheet(name)) if name == "G"
    ));
    assert!(matches!(
        rows_of(&mut workbook, 7),
        Err(WorkbookError::NoSheet(7))
    ));
    assert!(workbook.merged_areas(7).is_err() && workbook.count_rows(7).is_err());
}

#[test]
fn the_epoch_is_1900_unless_the_workbook_sets_1904() {
    for (property, epoch) in [
        ("", DateEpoch::Year1900),
        ("<workbookPr/>", DateEpoch::Year1900),
        ("<workbookPr date1904='0'/>", DateEpoch::Year1900),
        ("<workbookPr date1904='false'/>", DateEpoch::Year1900),
        ("<workbookPr date1904='true'/>", DateEpoch::Year1904),
    ] {
        let made = Made::of_rows(ROWS).with(
            "xl/workbook.xml",
            format!("<workbook>{property}</workbook>"),
        );
        let workbook = made.open().expect("a workbook");
        assert_eq!(workbook.date_epoch(), epoch, "{property}");
    }
}

#[test]
fn parts_are_found_by_every_usual_spelling_of_their_name() {
    let made = Made::of_rows(ROWS).with_strings(&["<t>a</t>"]);
    let target = |target: &str| {
        made.clone().with(
            "xl/_rels/workbook.xml.rels",
            relationships(&[("rId1", "worksheet", target)]),
        )
    };
    for made in [
        target("worksheets/sheet1.xml"),
        target("/xl/worksheets/sheet1.xml"),
        target("\\xl\\worksheets\\sheet1.xml"),
        target("worksheets\\sheet1.xml"),
        target("./worksheets/../worksheets/sheet1.xml"),
        target("../xl/worksheets/sheet1.xml"),
        target("xl/worksheets/sheet1.xml"),
        target("Worksheets/Sheet1.xml"),
        target("worksheets/sheet%31.xml"),
        target("worksheets/sheet 1.xml")
            .renamed("xl/worksheets/sheet1.xml", "xl/worksheets/sheet 1.xml"),
        made.clone()
            .renamed("[Content_Types].xml", "[content_types].xml"),
        made.clone().without("[Content_Types].xml"),
        made.clone().without("_rels/.rels"),
        made.clone().without("xl/sharedStrings.xml"),
        made.clone()
            .renamed("xl/worksheets/sheet1.xml", "XL/WORKSHEETS/SHEET1.XML"),
        made.clone()
            .renamed("xl/worksheets/sheet1.xml", "xl\\worksheets\\sheet1.xml"),
        made.clone().renamed("xl/workbook.xml", "XL\\Workbook.xml"),
        made.clone()
            .renamed("xl/_rels/workbook.xml.rels", "xl\\_rels\\Workbook.xml.rels"),
    ] {
        let names: Vec<&String> = made.parts.iter().map(|(name, _)| name).collect();
        assert_eq!(made.rows().expect("found"), ["1: A=#1"], "{names:?}");
    }
    let strict = String::from_utf8(target("worksheets/sheet1.xml").parts[3].1.clone())
        .expect("UTF-8")
        .replace(
            "http://schemas.openxmlformats.org/officeDocument/2006",
            "http://purl.oclc.org/ooxml/officeDocument",
        );
    let strict = made.clone().with("xl/_rels/workbook.xml.rels", strict);
    assert_eq!(strict.rows().expect("found"), ["1: A=#1"]);
}

#[test]
fn a_sheet_on_another_machine_has_no_part() {
    let external = relationships(&[("rId1", "worksheet", "worksheets/sheet1.xml")])
        .replace("Target=", "TargetMode='External' Target=");
    let made = Made::of_rows(ROWS).with("xl/_rels/workbook.xml.rels", external);
    assert!(matches!(made.rows(), Err(WorkbookError::NoPartOfSheet(_))));
}

#[test]
fn two_parts_of_the_same_name_are_refused() {
    let made = Made::of_rows(ROWS).with("xl\\Worksheets\\sheet1.xml", "<worksheet/>");
    assert!(matches!(
        made.rows(),
        Err(WorkbookError::PartTwice(Some(part))) if part == "xl/worksheets/sheet1.xml"
    ));
    // The zip library does not write the same name twice, so the bytes are changed
    // afterwards.
    let mut bytes = Made::of_rows(ROWS)
        .with("xl/worksheets/sheet2.xml", "<worksheet/>")
        .packed();
    for at in 0..bytes.len() - 10 {
        if bytes[at..].starts_with(b"sheet2.xml") {
            bytes[at + 5] = b'1';
        }
    }
    assert!(matches!(
        Workbook::open(Cursor::new(bytes)).err(),
        Some(WorkbookError::PartTwice(None))
    ));
}

#[test]
fn rows_with_content_are_counted() {
    for (rows, count, last) in [
        ("", 0, 0),
        ("<row><c/></row>", 0, 0),
        (
            "<row r='3'><c><v>1</v></c></row><row r='9'><c s='1'/></row>",
            1,
            3,
        ),
        (
            "<row><c><v>1</v></c></row><row r='9'><c t='str'><v>a</v></c></row>",
            2,
            9,
        ),
    ] {
        let mut workbook = Made::of_rows(rows).open().expect("a workbook");
        let counted = workbook.count_rows(0).expect("a sheet");
        assert_eq!(counted, RowCount { rows: count, last }, "{rows}");
    }
}

#[test]
fn sheets_with_two_tables_or_none_and_wrong_xml_are_refused() {
    for (sheet, problem) in [
        ("<worksheet/>", Problem::OtherContent),
        (
            "<worksheet><sheetData/><sheetData/></worksheet>",
            Problem::SecondTable,
        ),
        (
            "<worksheet><sheetData></sheetData><sheetData><row/></sheetData></worksheet>",
            Problem::SecondTable,
        ),
        (
            "<worksheet><row/><sheetData/></worksheet>",
            Problem::OutsideTable,
        ),
        (
            "<worksheet><sheetData/><row><c><v>1</v></c></row></worksheet>",
            Problem::OutsideTable,
        ),
        ("<worksheet><sheetData><row>", Problem::CutShort),
        (
            "<worksheet><sheetData></row></sheetData></worksheet>",
            Problem::NotXml,
        ),
        ("", Problem::CutShort),
        (
            "<!DOCTYPE a><worksheet><sheetData/></worksheet>",
            Problem::Doctype,
        ),
        (
            "<?xml version='1.0' encoding='GBK'?><worksheet><sheetData/></worksheet>",
            Problem::Encoding,
        ),
    ] {
        match Made::of_sheet(sheet).rows() {
            Err(WorkbookError::Wrong(found, place)) => {
                assert_eq!(found, problem, "{sheet}");
                assert_eq!(place.part, "xl/worksheets/sheet1.xml");
            }
            other => panic!("{sheet}: {other:?}"),
        }
    }
}

#[test]
fn a_part_with_a_wrong_checksum_is_damaged() {
    for (method, problems) in [
        (CompressionMethod::Stored, vec![Problem::Damaged]),
        (
            CompressionMethod::Deflated,
            vec![Problem::Damaged, Problem::NotXml, Problem::CutShort],
        ),
    ] {
        let mut made = Made::of_rows("<row><c><v>123</v></c></row><row><c><v>456</v></c></row>");
        made.method = method;
        let bytes = made.packed();
        let name = b"xl/worksheets/sheet1.xml";
        let at = bytes
            .windows(name.len())
            .position(|window| window == name)
            .expect("the part")
            + name.len();
        let at = match method {
            CompressionMethod::Stored => {
                at + bytes[at..]
                    .windows(3)
                    .position(|text| text == b"456")
                    .expect("a number")
            }
            _ => at + 40,
        };
        let mut bytes = bytes;
        bytes[at] ^= 1;
        let mut workbook = Workbook::open(Cursor::new(bytes)).expect("the other parts");
        match rows_of(&mut workbook, 0) {
            Err(WorkbookError::Wrong(problem, _)) => assert!(problems.contains(&problem)),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            workbook.merged_areas(0),
            Err(WorkbookError::Wrong(Problem::Damaged, _))
        ));
    }
}

#[test]
fn a_failing_reader_is_reported_as_unreadable_and_not_as_damaged() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.position() {
                0..2000 => self.0.read(buffer),
                _ => Err(std::io::Error::other("the disk is gone")),
            }
        }
    }
    impl std::io::Seek for Failing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let mut made = Made::of_rows(&ROWS.repeat(100));
    made.method = CompressionMethod::Stored;
    let mut file = Cursor::new(Vec::new());
    file.write_all(&made.packed()).expect("memory");
    file.set_position(0);
    assert!(made.packed().len() > 2000, "beyond the readable part");
    assert!(matches!(
        Workbook::open(Failing(file)).err(),
        Some(WorkbookError::Unreadable(_))
    ));
}
