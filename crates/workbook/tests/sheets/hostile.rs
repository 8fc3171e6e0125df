//! Small files that ask for much memory or time, and truncated or changed files.

use std::io::Cursor;

use aidlink_workbook::limits::{
    ALWAYS_SHARED, MOST_ATTRIBUTE_BYTES, MOST_CELL_CHARACTERS, MOST_DEPTH, MOST_MERGED_AREAS,
    MOST_RELATIONSHIPS, MOST_ROW_BYTES, MOST_SHEETS, MOST_STYLES, MOST_TOKEN_BYTES,
};
use aidlink_workbook::{Bound, Fill, Problem, TextBudget, Workbook, WorkbookError};
use proptest::prelude::*;
use zip::CompressionMethod;

use crate::made::{Made, letters, relationships, rows_of};

/// Returns the limit that a file exceeds, and the row and column of the error.
fn bound(made: &Made) -> (Bound, Option<u32>, Option<u32>) {
    match made.rows() {
        Err(WorkbookError::Beyond(bound, place)) => (bound, place.row, place.column),
        Err(other) => panic!("{other:?}"),
        Ok(rows) => panic!("{} rows", rows.len()),
    }
}

#[test]
fn a_cell_has_at_most_as_many_characters_as_in_excel() {
    // Characters of one byte, of three bytes, and of two UTF-16 units.
    for (character, count) in [("a", 32_767), ("城", 32_767), ("😀", 16_383)] {
        for (more, is_within) in [(0, true), (1, false)] {
            let text = character.repeat(count + more);
            let inline = Made::of_rows(&format!(
                "<row/><row><c/><c t='inlineStr'><is><t>{text}</t></is></c></row>"
            ));
            let shared = Made::of_rows("<row/><row><c/><c t='s'><v>0</v></c></row>")
                .with_strings(&[&format!("<t>{text}</t>")]);
            for made in [inline, shared] {
                match is_within {
                    true => assert_eq!(made.rows().expect("within").len(), 1),
                    false => assert_eq!(bound(&made), (Bound::CellCharacters, Some(2), Some(2))),
                }
            }
        }
    }
    // A numeric entity for each character is the longest way to write a cell.
    let text = "&#x4E2D;".repeat(MOST_CELL_CHARACTERS);
    let made = Made::of_rows(&format!("<row><c t='str'><v>{text}</v></c></row>"));
    assert_eq!(
        made.rows().expect("within")[0].chars().count(),
        5 + MOST_CELL_CHARACTERS
    );
    // A shared text that no cell uses may be longer.
    let made = Made::of_rows("<row><c><v>1</v></c></row>")
        .with_strings(&[&format!("<t>{}</t>", "a".repeat(40_000))]);
    assert!(made.rows().is_ok());
}

#[test]
fn cells_and_rows_beyond_a_sheet_are_refused() {
    for (rows, expected) in [
        (
            "<row><c r='XFD1'><v>1</v></c><c><v>1</v></c></row>",
            (Bound::Columns, Some(1), Some(16_385)),
        ),
        (
            "<row><c r='XFE1'/></row>",
            (Bound::Columns, Some(1), Some(16_385)),
        ),
        (
            "<row><c r='ZZZZZZZZ1'/></row>",
            (Bound::Columns, Some(1), Some(u32::MAX)),
        ),
        ("<row r='1048577'/>", (Bound::Rows, Some(1_048_577), None)),
        (
            "<row r='1048576'/><row/>",
            (Bound::Rows, Some(1_048_577), None),
        ),
        (
            "<row r='99999999999'/>",
            (Bound::Rows, Some(u32::MAX), None),
        ),
        (
            "<row><c r='A1048577'/></row>",
            (Bound::Rows, Some(1_048_577), None),
        ),
    ] {
        assert_eq!(bound(&Made::of_rows(rows)), expected, "{rows}");
    }
    let made = Made::of_rows("<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>");
    assert_eq!(made.rows().expect("the last cell"), ["1048576: XFD=#1"]);
}

#[test]
fn one_long_text_in_many_cells_exceeds_the_budget() {
    let cells = "<c t='s'><v>0</v></c>".repeat(1000);
    let rows = format!("<row>{cells}</row>").repeat(20);
    let text = format!("<t>{}</t>", "a".repeat(MOST_CELL_CHARACTERS));
    let made = Made::of_rows(&rows).with_strings(&[&text]);
    let packed = made.packed();
    assert!(
        packed.len() < 4_000,
        "{} bytes that show 655 MB",
        packed.len()
    );
    // 8,192 cells with their separators have 256 MiB, so the ninth row exceeds it.
    assert_eq!(bound(&made), (Bound::Text(256 << 20), Some(9), Some(193)));
    let mut workbook = made.open().expect("a workbook");
    let mut rows = workbook
        .rows(0, TextBudget::bytes(32_768_000))
        .expect("a sheet");
    assert_eq!(
        rows.next_row().expect("a row").map(|row| row.cells().len()),
        Some(1000)
    );
    match rows.next_row() {
        Err(WorkbookError::Beyond(Bound::Text(32_768_000), place)) => {
            assert_eq!((place.row, place.column), (Some(2), Some(1)));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        rows.next_row().is_ok_and(|row| row.is_none()),
        "nothing comes after an error"
    );
    drop(rows);
    // Counting rows needs no budget.
    assert_eq!(workbook.count_rows(0).expect("counted").rows, 20);
}

#[test]
fn shared_strings_that_unpack_to_too_many_bytes_are_refused() {
    let strings = format!("<si><t>{}</t></si>", "a".repeat(8_000)).repeat(8_400);
    let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>")
        .with_strings(&[])
        .with("xl/sharedStrings.xml", format!("<sst>{strings}</sst>"));
    assert!(made.packed().len() < 300_000);
    match made.rows() {
        Err(WorkbookError::Beyond(bound, place)) => {
            assert_eq!(bound, Bound::PartBytes(ALWAYS_SHARED));
            assert_eq!(place.part, "xl/sharedStrings.xml");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn formulas_are_skipped() {
    let long = "A1+".repeat(20_000);
    let members: String = (2..=2000)
        .map(|row| {
            format!(
                "<row r='{row}'><c r='A{row}'><f t='shared' si='4294967295'/><v>{row}</v></c></row>"
            )
        })
        .collect();
    let made = Made::of_rows(&format!(
        "<row r='1'><c r='A1'><f t='shared' ref='A1:XFD1048576' si='4294967295'>{long}1</f><v>1</v></c></row>{members}"
    ));
    let rows = made.rows().expect("rows");
    assert_eq!((rows.len(), rows[1999].as_str()), (2000, "2000: A=#2000"));
}

#[test]
fn sizes_that_a_file_states_are_ignored() {
    let made = Made::of_sheet(
        "<worksheet><dimension ref='A1:XFD1048576'/><cols><col min='1' max='4294967295'/></cols>\
         <sheetData><row r='1' spans='1:4294967295'><c r='A1' t='s'><v>0</v></c></row></sheetData></worksheet>",
    )
    .with_strings(&["<t>a</t>"])
    .with(
        "xl/sharedStrings.xml",
        "<sst count='18446744073709551615' uniqueCount='18446744073709551615'><si><t>a</t></si></sst>",
    );
    assert_eq!(made.rows().expect("rows"), ["1: A=a"]);
}

#[test]
fn a_row_with_too_many_bytes_is_refused() {
    let cells = "<c t='str'><v>".to_owned() + &"a".repeat(32_767) + "</v></c>";
    let fitting = MOST_ROW_BYTES / 32_767;
    let mut made = Made::of_rows(&format!("<row>{}</row>", cells.repeat(fitting + 1)));
    made.method = CompressionMethod::Stored;
    assert_eq!(
        bound(&made),
        (Bound::RowBytes, Some(1), Some(fitting as u32 + 1))
    );
}

#[test]
fn merged_areas_with_too_many_bytes_are_refused() {
    // Two rows, each within the limit of a row.
    let text = "a".repeat(32_767);
    let row = |row: u32, columns: std::ops::Range<u32>| {
        let cells: String = columns
            .map(|column| format!("<c r='{}{row}' t='str'><v>{text}</v></c>", letters(column)))
            .collect();
        format!("<row r='{row}'>{cells}</row>")
    };
    let areas: String = (1..=600)
        .map(|column| {
            format!(
                "<mergeCell ref='{0}{1}:{0}99'/>",
                letters(column),
                1 + (column - 1) / 300
            )
        })
        .collect();
    let mut made = Made::of_sheet(&format!(
        "<worksheet><sheetData>{}{}</sheetData><mergeCells>{areas}</mergeCells></worksheet>",
        row(1, 1..301),
        row(2, 301..601)
    ));
    made.method = CompressionMethod::Stored;
    let mut workbook = made.open().expect("a workbook");
    let areas = workbook.merged_areas(0).expect("areas");
    assert_eq!(areas.areas().len(), 600);
    let mut rows = workbook
        .rows(0, TextBudget::bytes(u64::MAX))
        .expect("a sheet")
        .filled(&areas, Fill::Down);
    assert!(rows.next_row().is_ok());
    match rows.next_row() {
        Err(WorkbookError::Beyond(Bound::CarriedBytes, place)) => assert_eq!(place.row, Some(2)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_area_over_a_whole_sheet_exceeds_the_budget() {
    let rows: String = (1..=2000)
        .map(|row| format!("<row><c r='A{row}'><v>1</v></c></row>"))
        .collect();
    let made = Made::of_sheet(&format!(
        "<worksheet><sheetData>{rows}</sheetData><mergeCells><mergeCell ref='A1:XFD1048576'/></mergeCells></worksheet>"
    ));
    let mut workbook = made.open().expect("a workbook");
    let areas = workbook.merged_areas(0).expect("areas");
    let mut rows = workbook
        .rows(0, TextBudget::bytes(100_000))
        .expect("a sheet")
        .filled(&areas, Fill::Whole);
    let mut read = 0;
    let error = loop {
        match rows.next_row() {
            Ok(Some(row)) => {
                assert_eq!(row.cells().len(), 16_384);
                read += 1;
            }
            Ok(None) => panic!("{read} rows"),
            Err(error) => break error,
        }
    };
    assert_eq!(read, 3);
    assert!(matches!(
        error,
        WorkbookError::Beyond(Bound::Text(100_000), _)
    ));
}

#[test]
fn too_many_sheets_relationships_styles_or_areas_are_refused() {
    let one = Made::of_rows("<row><c><v>1</v></c></row>").with_styles(&[], &[]);
    let sheets = |count: usize| {
        let sheets = "<sheet name='a' sheetId='1' xmlns:r='r' r:id='rId1'/>".repeat(count);
        one.clone().with(
            "xl/workbook.xml",
            format!("<workbook><sheets>{sheets}</sheets></workbook>"),
        )
    };
    let related = |count: usize| {
        let all = vec![("rId1", "worksheet", "worksheets/sheet1.xml"); count];
        one.clone()
            .with("xl/_rels/workbook.xml.rels", relationships(&all))
    };
    let styles = |count: usize| {
        let styles = "<xf/>".repeat(count);
        let styles = format!("<styleSheet><cellXfs>{styles}</cellXfs></styleSheet>");
        one.clone().with("xl/styles.xml", styles)
    };
    let formats = |count: usize| {
        let formats: String = (0..count)
            .map(|id| format!("<numFmt numFmtId='{id}' formatCode='0'/>"))
            .collect();
        one.clone().with(
            "xl/styles.xml",
            format!("<styleSheet>{formats}</styleSheet>"),
        )
    };
    for (made, most, expected) in [
        (
            &sheets as &dyn Fn(usize) -> Made,
            MOST_SHEETS,
            Bound::Sheets,
        ),
        (&related, MOST_RELATIONSHIPS, Bound::Relationships),
        (&styles, MOST_STYLES, Bound::Styles),
        (&formats, MOST_STYLES, Bound::Styles),
    ] {
        assert!(made(most).rows().is_ok(), "{expected:?}");
        assert_eq!(bound(&made(most + 1)), (expected, None, None));
    }
    let areas = "<mergeCell ref='A1:B2'/>".repeat(MOST_MERGED_AREAS + 1);
    let made = Made::of_sheet(&format!(
        "<worksheet><sheetData/><mergeCells>{areas}</mergeCells></worksheet>"
    ));
    let merged = made
        .open()
        .and_then(|mut workbook| workbook.merged_areas(0));
    assert!(matches!(
        merged,
        Err(WorkbookError::Beyond(Bound::MergedAreas, _))
    ));
}

#[test]
fn xml_that_is_too_deep_or_has_too_long_tokens_is_refused() {
    let nested = |depth: usize| {
        // Around them: worksheet, sheetData, row, c.
        let (open, close) = ("<a>".repeat(depth - 4), "</a>".repeat(depth - 4));
        Made::of_rows(&format!("<row><c>{open}{close}<v>1</v></c></row>"))
    };
    assert_eq!(
        nested(MOST_DEPTH).rows().expect("as deep as can be"),
        ["1: A=#1"]
    );
    assert_eq!(
        bound(&nested(MOST_DEPTH + 1)),
        (Bound::Depth, Some(1), Some(1))
    );

    let long = "a".repeat(MOST_TOKEN_BYTES);
    for content in [
        format!("<c x='{long}'/>"),
        format!("<{long}/>"),
        format!("<c><v>{long}</v></c>"),
        format!("<c t='str'><v><![CDATA[{long}]]></v></c>"),
        format!("<!--{long}-->"),
        format!("<?a {long}?>"),
    ] {
        let (found, row, _) = bound(&Made::of_rows(&format!("<row>{content}</row>")));
        assert_eq!((found, row), (Bound::TokenBytes, Some(1)));
    }

    // The pieces of a text count together.
    let pieces = "<![CDATA[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]]>".repeat(12_000);
    let runs = format!("<r><t>{}</t></r>", "a".repeat(1_000)).repeat(600);
    for content in [
        format!("<c><v>{pieces}</v></c>"),
        format!("<c t='inlineStr'><is>{runs}</is></c>"),
        format!("<c t='inlineStr'><is><t>{pieces}</t></is></c>"),
    ] {
        let made = Made::of_rows(&format!("<row>{content}</row>"));
        assert_eq!(bound(&made), (Bound::TokenBytes, Some(1), Some(1)));
    }
    let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>").with_strings(&[&runs]);
    assert_eq!(bound(&made), (Bound::TokenBytes, None, None));

    let element = |length: usize| {
        let name = "a".repeat(length);
        Made::of_rows(&format!("<row><{name}></{name}><c><v>1</v></c></row>"))
    };
    assert!(element(MOST_ATTRIBUTE_BYTES).rows().is_ok());
    let (found, row, _) = bound(&element(MOST_ATTRIBUTE_BYTES + 1));
    assert_eq!((found, row), (Bound::AttributeBytes, Some(1)));

    let name = |length: usize| {
        let name = "a".repeat(length);
        Made::of_rows("").with(
            "xl/workbook.xml",
            format!("<workbook><sheets><sheet name='{name}' xmlns:r='r' r:id='rId1'/></sheets></workbook>"),
        )
    };
    assert!(name(MOST_ATTRIBUTE_BYTES).rows().is_ok());
    let (found, ..) = bound(&name(MOST_ATTRIBUTE_BYTES + 1));
    assert_eq!(found, Bound::AttributeBytes);
}

#[test]
fn cells_at_the_same_position_are_refused_before_they_pile_up() {
    let cell = "<c r='B1'><v>1</v></c>";
    for (count, column) in [(2, 2), (16_384, 2), (100_000, 2)] {
        match Made::of_rows(&format!("<row>{}</row>", cell.repeat(count))).rows() {
            Err(WorkbookError::Wrong(Problem::CellTwice, place)) => {
                assert_eq!((place.row, place.column), (Some(1), Some(column)));
            }
            other => panic!("{other:?}"),
        }
    }
    let row = format!("<row>{}</row>", "<c><v>1</v></c>".repeat(16_384));
    assert_eq!(Made::of_rows(&row).rows().expect("a full row").len(), 1);
}

#[test]
fn a_merged_text_is_copied_only_into_rows_that_show_it() {
    let text = "a".repeat(32_000);
    let rows: String = (2..=3000)
        .map(|row| format!("<row><c r='A{row}'><v>1</v></c><c r='B{row}'><v>2</v></c></row>"))
        .collect();
    let made = Made::of_sheet(&format!(
        "<worksheet><sheetData><row><c t='str'><v>{text}</v></c></row>{rows}</sheetData>\
         <mergeCells><mergeCell ref='A1:A3000'/></mergeCells></worksheet>"
    ));
    let mut workbook = made.open().expect("a workbook");
    let areas = workbook.merged_areas(0).expect("areas");
    // No other cell shows the text, so it counts once.
    let budget = TextBudget::bytes(32_001 + 2 * 2 * 2999);
    let mut rows = workbook
        .rows(0, budget)
        .expect("a sheet")
        .filled(&areas, Fill::Down);
    let mut count = 0;
    while rows.next_row().expect("within the budget").is_some() {
        count += 1;
    }
    assert_eq!(count, 3000);
}

/// Reads everything that can be read of a file; nothing may panic.
fn read_all(bytes: &[u8]) {
    let Ok(mut workbook) = Workbook::open(Cursor::new(bytes)) else {
        return;
    };
    let _ = workbook.date_epoch();
    for sheet in 0..workbook.sheets().len().min(3) {
        let areas = workbook.merged_areas(sheet).unwrap_or_default();
        let _ = workbook.count_rows(sheet);
        for how in [Fill::Down, Fill::Whole] {
            let Ok(rows) = workbook.rows(sheet, TextBudget::bytes(1 << 20)) else {
                continue;
            };
            let mut rows = rows.filled(&areas, how);
            let (mut row_before, mut bytes) = (0, 0);
            while let Ok(Some(row)) = rows.next_row() {
                assert!(row.number() > row_before);
                row_before = row.number();
                let mut column_before = 0;
                for cell in row.cells() {
                    assert!(cell.column > column_before);
                    column_before = cell.column;
                    bytes += format!("{:?}", cell.value).len();
                }
                assert!(column_before > 0 && bytes < 1 << 30);
            }
        }
    }
}

fn sample() -> Made {
    Made::of_sheet(
        "<?xml version='1.0' encoding='UTF-8'?><worksheet><dimension ref='A1:D4'/><sheetData>\
         <row r='1' spans='1:4'><c r='A1' t='s'><v>0</v></c><c r='B1' t='inlineStr'><is><r><t>b_x0009_</t></r></is></c></row>\
         <row r='2'><c r='A2' s='1'><v>45322</v></c><c r='B2' t='b'><v>1</v></c><c r='C2' t='e'><v>#N/A</v></c>\
         <c r='D2' t='str'><f>A1&amp;B1</f><v>x&amp;y</v></c></row><row><c><v>1.5E+3</v></c></row>\
         <row r='4'><c r='D4' t='d'><v>2024-01-31</v></c></row></sheetData>\
         <mergeCells count='2'><mergeCell ref='A2:A4'/><mergeCell ref='B1:C1'/></mergeCells></worksheet>",
    )
    .with_strings(&["<t xml:space='preserve'> a </t>", "<r><t>b</t></r>"])
    .with_styles(&[(164, "yyyy\\-mm\\-dd")], &[0, 164])
}

#[test]
fn truncated_files_cause_no_panic() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut made = sample();
        made.method = method;
        let bytes = made.packed();
        assert_eq!(made.rows().expect("a sound file").len(), 4);
        for length in (0..bytes.len()).step_by(64) {
            // The directory of an archive is at its end.
            assert!(
                Workbook::open(Cursor::new(&bytes[..length])).is_err(),
                "{length}"
            );
        }
    }
    // A longer file, written by a spreadsheet library.
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for row in 0..500 {
        sheet
            .write_string(row, 0, format!("文本{row}"))
            .expect("a cell");
        sheet.write_number(row, 1, f64::from(row)).expect("a cell");
    }
    let bytes = workbook.save_to_buffer().expect("memory");
    for length in (0..bytes.len()).step_by(64) {
        read_all(&bytes[..length]);
    }
    read_all(&bytes);
}

#[test]
fn truncated_parts_are_refused() {
    let sound = sample();
    for part in [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
    ] {
        let content = sound.parts.iter().find(|(name, _)| name == part);
        let content = &content.expect("a part").1;
        for length in 0..content.len() {
            let cut = sound.clone().with(part, &content[..length]);
            assert!(cut.rows().is_err(), "{part} {length}");
            read_all(&cut.packed());
        }
    }
}

proptest! {
    #[test]
    fn changed_files_cause_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = sample().packed();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes);
    }

    #[test]
    fn changed_parts_cause_no_panic(
        part in 2_usize..7,
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"<>/='\"&;_x019aAr \n\0\xff".to_vec())),
            1..6,
        ),
    ) {
        let mut made = sample();
        let content = &mut made.parts[part].1;
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        read_all(&made.packed());
    }
}

#[test]
fn the_workbook_of_the_synthetic_round_is_read() {
    let bytes = include_bytes!("../../../../sample_data/2026Q3/procuratorate.referrals.xlsx");
    let mut workbook = Workbook::open(Cursor::new(bytes.as_slice())).expect("a workbook");
    let rows = rows_of(&mut workbook, 0).expect("rows");
    let counted = workbook.count_rows(0).expect("counted");
    assert!(rows.len() > 10 && rows.len() == counted.rows as usize);
}
