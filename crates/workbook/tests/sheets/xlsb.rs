//! XLSB workbooks: every type of record, the structure of the parts, limits, and damage.

use std::io::Cursor;

use aidlink_workbook::limits::{MOST_ATTRIBUTE_BYTES, MOST_SHEETS};
use aidlink_workbook::{
    Bound, DateEpoch, Fill, Problem, SheetKind, TextBudget, Value, Visibility, Workbook,
    WorkbookError, WorkbookFormat,
};
use calamine::{Data, Reader, Xlsb};
use proptest::prelude::*;

use crate::made::{in_short, rows_of};
use crate::made_xlsb::{
    MadeSheet, MadeXlsb, cell, packed, record, record_of_size, row, text, wide,
};

/// Returns the record of a cell without a column.
fn short_cell(kind: u16, format: u32, value: &[u8]) -> Vec<u8> {
    record(kind, &[&format.to_le_bytes(), value].concat())
}

/// Returns the record of a cell with a number.
fn number(column: u32, format: u32, number: f64) -> Vec<u8> {
    cell(5, column, format, &number.to_le_bytes())
}

/// Returns a workbook of one sheet with these records in its table.
fn of_table(table: &[Vec<u8>]) -> MadeXlsb {
    MadeXlsb {
        sheets: vec![MadeSheet {
            name: "名册".to_owned(),
            table: table.concat(),
            ..MadeSheet::default()
        }],
        ..MadeXlsb::default()
    }
}

fn open(bytes: Vec<u8>) -> Result<Workbook<Cursor<Vec<u8>>>, WorkbookError> {
    Workbook::open(Cursor::new(bytes))
}

fn rows(made: &MadeXlsb) -> Result<Vec<String>, WorkbookError> {
    rows_of(&mut open(made.packed())?, 0)
}

/// Returns the workbook with another part in place of the part of this name.
fn with_part(made: &MadeXlsb, name: &str, content: &[u8]) -> Vec<u8> {
    let mut parts = made.parts();
    let part = parts.iter_mut().find(|(other, _)| other == name);
    part.expect("the part").1 = content.to_vec();
    packed(&parts)
}

const SHEET: &str = "xl/worksheets/sheet1.bin";

#[test]
fn every_type_of_cell_is_read() {
    let mut rich = vec![3];
    rich.extend(wide("富文本"));
    rich.extend([1, 0, 0, 0, 0, 0, 1, 0]);
    let formula = |value: &[u8]| [value, &[0, 0, 1, 0, 0, 0, 0x17]].concat();
    let long = "长".repeat(200);
    for (cell_record, expected) in [
        (cell(1, 0, 0, &[]), None),
        (cell(2, 0, 0, &(7_u32 << 2 | 2).to_le_bytes()), Some("#7")),
        (
            cell(2, 0, 0, &(12_345_u32 << 2 | 3).to_le_bytes()),
            Some("#123.45"),
        ),
        (cell(2, 0, 0, &0x3ff0_0000_u32.to_le_bytes()), Some("#1")),
        (cell(3, 0, 0, &[0x00]), Some("#NULL!")),
        (cell(3, 0, 0, &[0x07]), Some("#DIV/0!")),
        (cell(3, 0, 0, &[0x0f]), Some("#VALUE!")),
        (cell(3, 0, 0, &[0x17]), Some("#REF!")),
        (cell(3, 0, 0, &[0x1d]), Some("#NAME?")),
        (cell(3, 0, 0, &[0x24]), Some("#NUM!")),
        (cell(3, 0, 0, &[0x2a]), Some("#N/A")),
        (cell(3, 0, 0, &[0x2b]), Some("#GETTING_DATA")),
        (cell(3, 0, 0, &[0x99]), Some("#ERROR")),
        (cell(4, 0, 0, &[1]), Some("true")),
        (cell(4, 0, 0, &[0]), Some("false")),
        (number(0, 0, 1.5), Some("#1.5")),
        (number(0, 0, -0.0), Some("#-0")),
        (number(0, 0, 44_990_119_850_505.0), Some("#44990119850505")),
        (number(0, 0, 4.5e300), Some("#4.5e300")),
        (number(0, 0, 4.5e-300), Some("#4.5e-300")),
        (number(0, 0, f64::NAN), Some("#NUM!")),
        (number(0, 0, f64::INFINITY), Some("#NUM!")),
        (text(0, "张三 😀"), Some("张三 😀")),
        (text(0, "_x0041_"), Some("_x0041_")),
        (text(0, &long), Some(long.as_str())),
        (text(0, ""), None),
        (cell(7, 0, 0, &1_u32.to_le_bytes()), Some("共享")),
        (cell(7, 0, 0, &0_u32.to_le_bytes()), None),
        (cell(8, 0, 0, &formula(&wide("结果"))), Some("结果")),
        (cell(8, 0, 0, &formula(&wide(""))), None),
        (
            cell(9, 0, 0, &formula(&2.5_f64.to_le_bytes())),
            Some("#2.5"),
        ),
        (cell(10, 0, 0, &formula(&[1])), Some("true")),
        (cell(11, 0, 0, &formula(&[0x2a])), Some("#N/A")),
        (cell(62, 0, 0, &rich), Some("富文本")),
        (short_cell(12, 0, &[]), None),
        (
            short_cell(13, 0, &(7_u32 << 2 | 2).to_le_bytes()),
            Some("#7"),
        ),
        (short_cell(14, 0, &[0x2a]), Some("#N/A")),
        (short_cell(15, 0, &[1]), Some("true")),
        (short_cell(16, 0, &1.5_f64.to_le_bytes()), Some("#1.5")),
        (short_cell(17, 0, &wide("短")), Some("短")),
        (short_cell(18, 0, &1_u32.to_le_bytes()), Some("共享")),
    ] {
        let mut made = of_table(&[row(4), cell_record.clone()]);
        made.strings = vec![String::new(), "共享".to_owned()];
        let expected: Vec<String> = expected.iter().map(|cell| format!("5: A={cell}")).collect();
        assert_eq!(rows(&made).expect("readable"), expected, "{cell_record:?}");
        // Anything else after the cell is read as before.
        made.sheets[0].table.extend(text(1, "后"));
        let read = rows(&made).expect("readable");
        assert!(read[0].ends_with("B=后"), "{read:?}");
    }
}

#[test]
fn a_cell_without_a_column_is_in_the_one_after_the_cell_before() {
    let made = of_table(&[
        row(0),
        short_cell(17, 0, &wide("a")),
        short_cell(12, 0, &[]),
        short_cell(17, 0, &wide("c")),
        text(5, "f"),
        short_cell(17, 0, &wide("g")),
        cell(1, 9, 0, &[]),
        short_cell(16, 0, &1_f64.to_le_bytes()),
        row(1),
        short_cell(17, 0, &wide("a")),
    ]);
    let expected = ["1: A=a C=c F=f G=g K=#1", "2: A=a"];
    assert_eq!(rows(&made).expect("readable"), expected);
}

#[test]
fn half_of_a_pair_of_units_becomes_a_replacement_character() {
    let mut units = 3_u32.to_le_bytes().to_vec();
    units.extend([0x3d, 0xd8, 0x41, 0x00, 0x00, 0xde]);
    let made = of_table(&[row(0), cell(6, 0, 0, &units)]);
    assert_eq!(rows(&made).expect("readable"), ["1: A=\u{fffd}A\u{fffd}"]);
}

#[test]
fn number_formats_and_epochs_are_those_of_the_file() {
    let mut made = of_table(&[
        row(0),
        number(0, 0, 45_000.0),
        number(1, 1, 45_000.0),
        number(2, 2, 45_000.0),
        number(3, 3, 45_000.0),
        number(4, 4, 0.5),
        number(5, 5, 1.5),
        // Flags in the upper byte.
        number(6, 0x0100_0001, 45_000.0),
        cell(2, 7, 1, &(45_000_u32 << 2 | 2).to_le_bytes()),
        cell(9, 8, 2, &45_000_f64.to_le_bytes()),
    ]);
    made.codes = vec![
        (176, "yyyy\"年\"m\"月\"d\"日\"".to_owned()),
        (177, "yyyy-mm-dd hh:mm".to_owned()),
        (178, "[h]:mm".to_owned()),
    ];
    made.cell_formats = vec![0, 14, 176, 177, 20, 178];
    let expected = "1: A=#45000 B=date 45000 C=date 45000 D=moment 45000 E=time 0.5 \
        F=elapsed 1.5 G=date 45000 H=date 45000 I=date 45000";
    for (is_1904, epoch) in [(false, DateEpoch::Year1900), (true, DateEpoch::Year1904)] {
        made.is_1904 = is_1904;
        // The counts that the parts state are not used.
        made.count = is_1904.then_some(u32::MAX);
        let mut workbook = open(made.packed()).expect("a workbook");
        assert_eq!(workbook.format(), WorkbookFormat::Xlsb);
        assert_eq!(workbook.date_epoch(), epoch);
        assert_eq!(rows_of(&mut workbook, 0).expect("readable"), [expected]);
    }
}

#[test]
fn a_number_without_its_format_is_refused() {
    let refused = |made: &MadeXlsb| {
        let parts: Vec<_> = made.parts();
        let without_styles: Vec<_> = parts
            .iter()
            .filter(|(name, _)| name != "xl/styles.bin")
            .cloned()
            .collect();
        [parts, without_styles].map(|parts| {
            let read = open(packed(&parts)).and_then(|mut workbook| rows_of(&mut workbook, 0));
            read.err().map(|error| wrong(Err(error)))
        })
    };
    let no_format = Some((Problem::NoFormat, Some(1), Some(2)));
    for (format, expected) in [
        (0, [None, None]),
        (1, [None, no_format]),
        (2, [no_format, no_format]),
    ] {
        for value in [
            number(1, format, 45_000.0),
            cell(2, 1, format, &(45_000_u32 << 2 | 2).to_le_bytes()),
            cell(9, 1, format, &45_000_f64.to_le_bytes()),
        ] {
            let mut made = of_table(&[row(0), text(0, "a"), value]);
            made.cell_formats = vec![0, 14];
            // With the usual epoch it is no day that could be four years off.
            assert_eq!(refused(&made), [None, None], "{format}");
            made.is_1904 = true;
            assert_eq!(refused(&made), expected, "{format}");
        }
        // It says nothing about other values.
        let mut made = of_table(&[row(0), cell(6, 1, format, &wide("b"))]);
        made.cell_formats = vec![0, 14];
        assert_eq!(refused(&made), [None, None], "{format}");
    }
}

#[test]
fn sheets_are_listed_with_their_visibility() {
    let sheet = |name: &str, state: u32| MadeSheet {
        name: name.to_owned(),
        state,
        table: [row(0), text(0, name)].concat(),
        merged: Vec::new(),
    };
    let made = MadeXlsb {
        sheets: vec![
            sheet("江口镇", 0),
            sheet("旧表", 1),
            sheet("参数", 2),
            sheet("别的", 7),
        ],
        ..MadeXlsb::default()
    };
    let mut workbook = open(made.packed()).expect("a workbook");
    let listed: Vec<_> = workbook.sheets().to_vec();
    let seen: Vec<_> = listed
        .iter()
        .map(|sheet| (sheet.name.as_str(), sheet.visibility))
        .collect();
    assert_eq!(
        seen,
        [
            ("江口镇", Visibility::Visible),
            ("旧表", Visibility::Hidden),
            ("参数", Visibility::VeryHidden),
            ("别的", Visibility::Visible),
        ]
    );
    for (index, sheet) in listed.iter().enumerate() {
        assert_eq!(sheet.kind, SheetKind::Worksheet);
        let rows = rows_of(&mut workbook, index).expect("readable");
        assert_eq!(rows, [format!("1: A={}", sheet.name)]);
    }
}

#[test]
fn merged_areas_are_found_and_fill_their_rows() {
    let mut made = of_table(&[
        row(0),
        text(0, "户主"),
        text(1, "甲"),
        row(1),
        text(1, "乙"),
        row(3),
        text(1, "丙"),
    ]);
    // The second one is turned around, and the third one is a single cell.
    made.sheets[0].merged = vec![[0, 2, 0, 0], [5, 4, 3, 2], [7, 7, 7, 7]];
    let mut workbook = open(made.packed()).expect("a workbook");
    let merged = workbook.merged_areas(0).expect("readable");
    let corners: Vec<_> = merged
        .areas()
        .iter()
        .map(|area| {
            (
                area.first_row,
                area.first_column,
                area.last_row,
                area.last_column,
            )
        })
        .collect();
    assert_eq!(corners, [(1, 1, 3, 1), (5, 3, 6, 4)]);
    let mut filled = workbook
        .rows(0, TextBudget::bytes(1 << 20))
        .expect("readable")
        .filled(&merged, Fill::Down);
    let mut short = Vec::new();
    while let Some(row) = filled.next_row().expect("a row") {
        short.push(in_short(&row));
    }
    assert_eq!(short, ["1: A=户主 B=甲", "2: A^=户主 B=乙", "4: B=丙"]);
    assert_eq!(filled.into_merged_areas(), merged);
}

#[test]
fn rows_end_at_the_last_one_asked_for() {
    let made = of_table(&[row(0), text(0, "a"), row(4), text(0, "b"), row(5)]);
    for (last, expected) in [(1, 1), (4, 1), (5, 2)] {
        let mut workbook = open(made.packed()).expect("a workbook");
        let rows = workbook.rows(0, TextBudget::bytes(1 << 20));
        let mut rows = rows.expect("readable").up_to(last);
        let mut count = 0;
        while rows.next_row().expect("a row").is_some() {
            count += 1;
        }
        assert_eq!(count, expected);
    }
}

fn wrong(read: Result<Vec<String>, WorkbookError>) -> (Problem, Option<u32>, Option<u32>) {
    match read {
        Err(WorkbookError::Wrong(problem, place)) => (problem, place.row, place.column),
        other => panic!("{other:?}"),
    }
}

fn beyond(read: Result<Vec<String>, WorkbookError>) -> (Bound, Option<u32>, Option<u32>) {
    match read {
        Err(WorkbookError::Beyond(bound, place)) => (bound, place.row, place.column),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_that_are_wrong_are_refused_with_their_place() {
    for (table, expected) in [
        (vec![text(0, "a")], (Problem::Reference, None, None)),
        (
            vec![row(1), text(0, "a"), row(1)],
            (Problem::RowOrder, Some(2), None),
        ),
        (
            vec![row(1), text(0, "a"), row(0)],
            (Problem::RowOrder, Some(1), None),
        ),
        (
            vec![row(0), text(1, "a"), text(1, "b")],
            (Problem::CellTwice, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(4, 0, 0, &[2])],
            (Problem::Record, Some(1), Some(1)),
        ),
        (
            vec![row(0), cell(4, 1, 0, &[])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(5, 1, 0, &[0; 7])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(2, 1, 0, &[0; 3])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(3, 1, 0, &[])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(7, 1, 0, &[0; 3])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(6, 1, 0, &[2, 0, 0, 0, 65, 0, 66])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), cell(6, 1, 0, &[0xff; 4])],
            (Problem::Record, Some(1), Some(2)),
        ),
        (
            vec![row(0), record(6, &[0; 3])],
            (Problem::Record, Some(1), None),
        ),
        (vec![record(0, &[0; 3])], (Problem::Record, None, None)),
        (
            vec![row(0), cell(7, 1, 0, &[0; 4])],
            (Problem::NoSharedString, Some(1), Some(2)),
        ),
        (
            vec![row(0), text(0, "a"), record(146, &[]), record(145, &[])],
            (Problem::SecondTable, None, None),
        ),
        (
            vec![row(0), text(0, "a"), record(146, &[]), row(1)],
            (Problem::OutsideTable, None, None),
        ),
        (
            vec![row(0), record(146, &[]), text(0, "a")],
            (Problem::OutsideTable, None, None),
        ),
        // The size of a record reaches beyond the part.
        (
            vec![row(0), record_of_size(6, (1 << 28) - 1, &[0; 8])],
            (Problem::CutShort, Some(1), None),
        ),
        (
            vec![row(0), record_of_size(500, (1 << 28) - 1, &[0; 8])],
            (Problem::CutShort, Some(1), None),
        ),
    ] {
        assert_eq!(wrong(rows(&of_table(&table))), expected, "{table:?}");
    }
    // Cells out of order are sorted, as in an XLSX workbook.
    let made = of_table(&[row(0), text(3, "d"), text(0, "a")]);
    assert_eq!(rows(&made).expect("readable"), ["1: A=a D=d"]);
}

#[test]
fn what_exceeds_a_limit_is_refused_with_its_place() {
    let long = "长".repeat(32_768);
    for (table, expected) in [
        (vec![row(1_048_576)], (Bound::Rows, Some(1_048_577), None)),
        (vec![row(u32::MAX)], (Bound::Rows, Some(u32::MAX), None)),
        (
            vec![row(0), text(16_384, "a")],
            (Bound::Columns, Some(1), Some(16_385)),
        ),
        (
            vec![row(0), text(u32::MAX, "a")],
            (Bound::Columns, Some(1), Some(u32::MAX)),
        ),
        (
            vec![row(0), text(16_383, "a"), short_cell(17, 0, &wide("b"))],
            (Bound::Columns, Some(1), Some(16_385)),
        ),
        (
            vec![row(2), text(1, &long)],
            (Bound::CellCharacters, Some(3), Some(2)),
        ),
        (
            vec![row(2), text(1, &long.repeat(9))],
            (Bound::TokenBytes, Some(3), Some(2)),
        ),
    ] {
        assert_eq!(beyond(rows(&of_table(&table))), expected);
    }
    let made = of_table(&[row(1_048_575), text(16_383, &long[3..])]);
    assert_eq!(rows(&made).expect("within the limits").len(), 1);
    // A shared text counts in each cell that shows it.
    let shared = |cells: u32| {
        let mut table = vec![row(0)];
        table.extend((0..cells).map(|column| cell(7, column, 0, &[0; 4])));
        let mut made = of_table(&table);
        made.strings = vec!["a".repeat(32_767)];
        open(made.packed()).and_then(|mut workbook| {
            let mut rows = workbook.rows(0, TextBudget::bytes(3 * 32_768))?;
            rows.next_row().map(|row| row.is_some())
        })
    };
    assert!(shared(3).expect("within the limits"));
    assert!(matches!(
        shared(4),
        Err(WorkbookError::Beyond(Bound::Text(98_304), _))
    ));
    let mut made = of_table(&[]);
    made.sheets[0].merged = vec![[0, u32::MAX, 0, 0]];
    assert_eq!(beyond(rows(&made)).0, Bound::Rows);
    made.sheets = vec![made.sheets[0].clone(); MOST_SHEETS + 1];
    assert_eq!(beyond(rows(&made)).0, Bound::Sheets);
    let mut made = of_table(&[]);
    made.sheets[0].name = "表".repeat(MOST_ATTRIBUTE_BYTES + 1);
    assert_eq!(beyond(rows(&made)).0, Bound::AttributeBytes);
    let mut made = of_table(&[]);
    made.cell_formats = vec![0; 65_537];
    assert_eq!(beyond(rows(&made)).0, Bound::Styles);
}

/// A workbook with something of everything.
fn full() -> MadeXlsb {
    let mut made = of_table(&[
        row(0),
        cell(7, 0, 0, &0_u32.to_le_bytes()),
        text(1, "姓名"),
        row(1),
        number(0, 1, 45_000.0),
        cell(2, 1, 0, &6_u32.to_le_bytes()),
        cell(3, 2, 0, &[0x2a]),
        cell(4, 3, 0, &[1]),
    ]);
    made.strings = vec!["身份证号".to_owned()];
    made.codes = vec![(176, "yyyy-mm-dd".to_owned())];
    made.cell_formats = vec![0, 176];
    made.sheets[0].merged = vec![[5, 6, 0, 0]];
    made
}

#[test]
fn a_part_that_is_cut_short_anywhere_or_goes_on_is_an_error() {
    let made = full();
    let all = rows(&made).expect("readable");
    assert_eq!(all.len(), 2);
    for (name, content) in made.parts() {
        if !name.ends_with(".bin") {
            continue;
        }
        for length in 0..content.len() {
            let bytes = with_part(&made, &name, &content[..length]);
            let read = open(bytes).and_then(|mut workbook| rows_of(&mut workbook, 0));
            match read {
                Err(WorkbookError::Wrong(Problem::CutShort, place)) => assert_eq!(place.part, name),
                other => panic!("{name} of {length} bytes: {other:?}"),
            }
        }
        for rest in [&[0], content.as_slice()] {
            let longer = with_part(&made, &name, &[content.as_slice(), rest].concat());
            let read = open(longer).and_then(|mut workbook| rows_of(&mut workbook, 0));
            assert_eq!(wrong(read).0, Problem::AfterEnd, "{name}");
        }
        let other = with_part(&made, &name, b"<worksheet/>");
        let read = open(other).and_then(|mut workbook| rows_of(&mut workbook, 0));
        assert_eq!(wrong(read).0, Problem::OtherContent, "{name}");
    }
    // A sheet without a table.
    let bytes = with_part(&made, SHEET, &[record(129, &[]), record(130, &[])].concat());
    let read = open(bytes).and_then(|mut workbook| rows_of(&mut workbook, 0));
    assert_eq!(wrong(read).0, Problem::OtherContent);
}

#[test]
fn a_small_file_cannot_unpack_without_end() {
    let zeros = record(1000, &vec![0; 1 << 20]).repeat(257);
    let made = of_table(&[row(0), text(0, "a"), zeros]);
    assert!(matches!(beyond(rows(&made)).0, Bound::PartBytes(_)));
    let mut workbook = open(made.packed()).expect("a workbook");
    let merged = workbook.merged_areas(0);
    assert!(matches!(
        merged,
        Err(WorkbookError::Beyond(Bound::PartBytes(_), _))
    ));
}

#[test]
fn shared_strings_are_limited_by_what_they_unpack_to() {
    let part = [
        record(159, &[0; 8]),
        record(19, &[0, 0, 0, 0, 0]).repeat(10 << 20),
        record(160, &[]),
    ];
    let bytes = with_part(&full(), "xl/sharedStrings.bin", &part.concat());
    let read = open(bytes).and_then(|mut workbook| rows_of(&mut workbook, 0));
    assert!(matches!(beyond(read).0, Bound::PartBytes(_)));
}

#[test]
fn parts_are_found_as_in_an_xlsx_workbook() {
    let parts = full().parts();
    // Without the relationships of the package, and with names in another case.
    let fewer: Vec<_> = parts
        .iter()
        .filter(|(name, _)| name != "_rels/.rels")
        .map(|(name, content)| (name.to_uppercase(), content.clone()))
        .collect();
    let read = open(packed(&fewer)).and_then(|mut workbook| rows_of(&mut workbook, 0));
    assert_eq!(read.expect("readable").len(), 2);
    let without_sheet: Vec<_> = parts
        .iter()
        .filter(|(name, _)| name != SHEET)
        .cloned()
        .collect();
    let read = open(packed(&without_sheet)).and_then(|mut workbook| rows_of(&mut workbook, 0));
    assert!(matches!(read, Err(WorkbookError::NoPartOfSheet(name)) if name == "名册"));
}

/// Reads everything; any error is fine.
fn read_all(bytes: Vec<u8>) {
    if let Ok(mut workbook) = open(bytes) {
        for sheet in 0..workbook.sheets().len() {
            let merged = workbook.merged_areas(sheet).unwrap_or_default();
            if let Ok(rows) = workbook.rows(sheet, TextBudget::bytes(1 << 20)) {
                let mut rows = rows.filled(&merged, Fill::Whole);
                while let Ok(Some(row)) = rows.next_row() {
                    in_short(&row);
                }
            }
        }
    }
}

/// A value that is written into a cell.
#[derive(Clone, Debug)]
enum Given {
    Packed(u32),
    Number(f64),
    Text(String),
    Shared(String),
    Boolean(bool),
    Error(u8),
    FormulaText(String),
    FormulaNumber(f64),
}

fn given() -> impl Strategy<Value = Given> {
    let text = "[ -~一-龥😀]{1,12}";
    prop_oneof![
        any::<u32>().prop_map(Given::Packed),
        (-1e12..1e12).prop_map(Given::Number),
        text.prop_map(Given::Text),
        text.prop_map(Given::Shared),
        any::<bool>().prop_map(Given::Boolean),
        prop::sample::select(vec![0_u8, 7, 15, 23, 29, 36, 42]).prop_map(Given::Error),
        text.prop_map(Given::FormulaText),
        (-1e12..1e12).prop_map(Given::FormulaNumber),
    ]
}

/// Writes a value as both readers can be compared.
fn common(value: Value<'_>) -> String {
    match value {
        Value::Number(number) if number.to_f64().is_finite() => format!("{:?}", number.to_f64()),
        Value::Error(error) => error.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

fn calamines(value: &Data) -> String {
    match value {
        Data::Float(number) if !number.is_finite() => "#NUM!".to_owned(),
        Data::Float(number) => format!("{number:?}"),
        Data::Int(number) => format!("{:?}", *number as f64),
        Data::Bool(truth) => format!("{:?}", Value::Boolean(*truth)),
        Data::String(text) => format!("{:?}", Value::Text(text)),
        Data::Error(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn cells_are_those_that_calamine_reads(
        cells in prop::collection::btree_map((0_u32..40, 0_u32..20), given(), 1..60)
    ) {
        let mut made = of_table(&[]);
        let mut current = None;
        for ((down, right), value) in &cells {
            let table = &mut made.sheets[0].table;
            if current != Some(*down) {
                table.extend(row(*down));
                current = Some(*down);
            }
            let right = *right;
            let formula = |value: &[u8]| [value, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
            table.extend(match value {
                Given::Packed(packed) => cell(2, right, 0, &packed.to_le_bytes()),
                Given::Number(value) => number(right, 0, *value),
                Given::Text(value) => text(right, value),
                Given::Shared(value) => {
                    made.strings.push(value.clone());
                    cell(7, right, 0, &(made.strings.len() as u32 - 1).to_le_bytes())
                }
                Given::Boolean(truth) => cell(4, right, 0, &[u8::from(*truth)]),
                Given::Error(code) => cell(3, right, 0, &[*code]),
                Given::FormulaText(value) => cell(8, right, 0, &formula(&wide(value))),
                Given::FormulaNumber(value) => cell(9, right, 0, &formula(&value.to_le_bytes())),
            });
        }
        let bytes = made.packed();
        let mut theirs = Xlsb::new(Cursor::new(bytes.clone())).expect("a workbook");
        let range = theirs.worksheet_range("名册").expect("a sheet");
        let (row, column) = range.start().unwrap_or_default();
        let mut expected = Vec::new();
        for (down, right, value) in range.used_cells() {
            let at = (row + down as u32 + 1, column + right as u32 + 1);
            expected.push((at, calamines(value)));
        }
        let mut workbook = open(bytes).expect("a workbook");
        let mut rows = workbook.rows(0, TextBudget::bytes(1 << 20)).expect("a sheet");
        let mut ours = Vec::new();
        while let Some(row) = rows.next_row().expect("a row") {
            for cell in row.cells() {
                ours.push(((row.number(), cell.column), common(cell.value)));
            }
        }
        prop_assert_eq!(ours, expected);
    }

    #[test]
    fn changed_records_never_panic(
        part in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let name = [SHEET, "xl/workbook.bin", "xl/styles.bin", "xl/sharedStrings.bin"][part];
        let made = full();
        let part = made.parts().into_iter().find(|(other, _)| other == name);
        let (_, mut content) = part.expect("the part");
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        read_all(with_part(&made, name, &content));
    }
}
