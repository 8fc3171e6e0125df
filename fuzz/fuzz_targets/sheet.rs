//! Reads XLSX workbooks with parts of any content. Reading must end with rows or an error,
//! in time and memory proportional to the input. Rows and columns must ascend, and counting
//! rows must give the same number as reading them.
//!
//! Changing bytes of an archive mostly breaks the archive. So the input holds the parts,
//! separated by NUL, and the target packs them. The first byte chooses between parts and a
//! complete file.

#![no_main]

use std::io::{Cursor, Write};

use aidlink_workbook::{Fill, TextBudget, Value, Workbook};
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

/// The parts in the order of the input, with the default for an empty or missing part.
const PARTS: [(&str, &str); 6] = [
    (
        "xl/worksheets/sheet1.xml",
        "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData>\
         <mergeCells><mergeCell ref=\"A1:B2\"/></mergeCells></worksheet>",
    ),
    ("xl/sharedStrings.xml", "<sst><si><t>a</t></si></sst>"),
    (
        "xl/styles.xml",
        "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>",
    ),
    (
        "xl/workbook.xml",
        "<workbook><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
    ),
    (
        "xl/_rels/workbook.xml.rels",
        "<Relationships><Relationship Id=\"rId1\" Type=\"r/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
         <Relationship Id=\"rId2\" Type=\"r/sharedStrings\" Target=\"sharedStrings.xml\"/>\
         <Relationship Id=\"rId3\" Type=\"r/styles\" Target=\"styles.xml\"/></Relationships>",
    ),
    (
        "_rels/.rels",
        "<Relationships><Relationship Id=\"rId1\" Type=\"r/officeDocument\" Target=\"xl/workbook.xml\"/>\
         </Relationships>",
    ),
];

/// More text than an input contains, unless it repeats shared strings.
const BUDGET: u64 = 1 << 20;

fn pack(input: &[u8]) -> Vec<u8> {
    let mut given = input.split(|byte| *byte == 0);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, default) in PARTS {
        let part = given.next().filter(|part| !part.is_empty());
        archive.start_file(name, stored).expect("part names differ");
        archive
            .write_all(part.unwrap_or(default.as_bytes()))
            .expect("memory can be written");
    }
    archive
        .finish()
        .expect("memory can be written")
        .into_inner()
}

/// Reads all rows, checks them, and returns their number. Returns `None` on an error.
fn read_rows(
    workbook: &mut Workbook<Cursor<Vec<u8>>>,
    sheet: usize,
    fill: Option<Fill>,
) -> Option<u32> {
    let areas = workbook.merged_areas(sheet).unwrap_or_default();
    let mut rows = workbook.rows(sheet, TextBudget::bytes(BUDGET)).ok()?;
    if let Some(fill) = fill {
        rows = rows.filled(&areas, fill);
    }
    let (mut count, mut row_before, mut bytes) = (0, 0, 0);
    while let Some(row) = rows.next_row().ok()? {
        assert!(row.number() > row_before, "rows do not ascend");
        row_before = row.number();
        count += 1;
        let mut column_before = 0;
        for cell in row.cells() {
            assert!(cell.column > column_before, "columns do not ascend");
            column_before = cell.column;
            bytes += 1 + match cell.value {
                Value::Text(text) | Value::IsoDate(text) => {
                    assert!(!text.is_empty(), "a cell has an empty text");
                    text.len() as u64
                }
                Value::Number(number) => {
                    assert!(!number.to_f64().is_nan(), "a number cell is NaN");
                    number.text.len() as u64
                }
                _ => 0,
            };
        }
        assert!(column_before > 0, "a row has no cells");
        assert!(bytes <= BUDGET, "the text budget is exceeded");
    }
    Some(count)
}

fuzz_target!(|input: &[u8]| {
    let Some((first, input)) = input.split_first() else {
        return;
    };
    let bytes = match first % 2 {
        0 => input.to_vec(),
        _ => pack(input),
    };
    let Ok(mut workbook) = Workbook::open(Cursor::new(bytes)) else {
        return;
    };
    for sheet in 0..workbook.sheets().len().min(4) {
        let counted = workbook.count_rows(sheet).ok();
        for fill in [None, Some(Fill::Down), Some(Fill::Whole)] {
            if let Some(rows) = read_rows(&mut workbook, sheet, fill) {
                assert_eq!(counted.map(|count| count.rows), Some(rows));
            }
        }
    }
});
