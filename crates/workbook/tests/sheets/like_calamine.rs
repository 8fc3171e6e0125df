//! Compares the cells with those that calamine reads, on generated workbooks: from a
//! spreadsheet library, and from raw XML as other programs write it.

use std::io::Cursor;

use aidlink_workbook::{NumberFormat, TextBudget, Value, Workbook};
use calamine::{Data, Reader, Xlsx};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula};

use crate::made::{Made, letters};

/// A value in a form to which the values of both readers can be converted.
#[derive(Clone, Debug, PartialEq)]
enum Common {
    Text(String),
    Number(f64),
    Moment(f64),
    Elapsed(f64),
    Boolean(bool),
    Error,
}

/// Row and column, counted from 1, and the value.
type Cells = Vec<(u32, u32, Common)>;

fn ours(bytes: &[u8], sheet: usize) -> Cells {
    let mut workbook = Workbook::open(Cursor::new(bytes)).expect("a workbook");
    let mut cells = Vec::new();
    let mut rows = workbook
        .rows(sheet, TextBudget::bytes(u64::MAX))
        .expect("a sheet");
    while let Some(row) = rows.next_row().expect("a row") {
        for cell in row.cells() {
            let value = match cell.value {
                Value::Text(text) | Value::IsoDate(text) => Common::Text(text.to_owned()),
                Value::Number(number) => match number.format {
                    NumberFormat::General | NumberFormat::Text => Common::Number(number.to_f64()),
                    NumberFormat::Elapsed => Common::Elapsed(number.to_f64()),
                    _ => Common::Moment(number.to_f64()),
                },
                Value::Boolean(truth) => Common::Boolean(truth),
                Value::Error(_) => Common::Error,
                Value::FormulaWithoutValue => continue,
            };
            cells.push((row.number(), cell.column, value));
        }
    }
    cells
}

fn calamines(bytes: &[u8], sheet: usize) -> Cells {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let range = workbook
        .worksheet_range_at(sheet)
        .expect("a sheet")
        .expect("a sheet");
    let (row, column) = range.start().unwrap_or_default();
    let cells = range.used_cells().filter_map(|(down, right, value)| {
        let value = match value {
            Data::Empty => return None,
            Data::String(text) if text.is_empty() => return None,
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
                Common::Text(text.clone())
            }
            Data::Int(number) => Common::Number(*number as f64),
            Data::Float(number) => Common::Number(*number),
            Data::Bool(truth) => Common::Boolean(*truth),
            Data::DateTime(moment) if moment.is_duration() => Common::Elapsed(moment.as_f64()),
            Data::DateTime(moment) => Common::Moment(moment.as_f64()),
            Data::Error(_) => Common::Error,
        };
        Some((row + down as u32 + 1, column + right as u32 + 1, value))
    });
    cells.collect()
}

/// A value that the spreadsheet library writes into a cell.
#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Number(f64),
    Date(f64),
    Elapsed(f64),
    Boolean(bool),
    Blank,
    Formula(String),
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        "[a-c &<>'\"_x0-9\n\t城关镇😀]{1,12}".prop_map(Given::Text),
        Just(Given::Text("_x0041_".to_owned())),
        any::<i32>().prop_map(|number| Given::Number(f64::from(number) / 100.0)),
        (0_u32..60_000).prop_map(|number| Given::Date(f64::from(number))),
        (0_u32..1000).prop_map(|number| Given::Elapsed(f64::from(number) / 8.0)),
        any::<bool>().prop_map(Given::Boolean),
        Just(Given::Blank),
        "[0-9]{1,6}|[a-z ]{0,5}|#N/A|TRUE".prop_map(Given::Formula),
    ]
}

fn written_by_library(sheets: &[Vec<((u32, u16), Given)>]) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let date = Format::new().set_num_format("yyyy\"年\"m\"月\"d\"日\";@");
    let elapsed = Format::new().set_num_format("[h]:mm");
    for cells in sheets {
        let sheet = workbook.add_worksheet();
        for ((row, column), given) in cells {
            let (row, column) = (*row, *column);
            let written = match given {
                Given::Text(text) => sheet.write_string(row, column, text),
                Given::Number(number) => sheet.write_number(row, column, *number),
                Given::Date(number) => {
                    let day = ExcelDateTime::from_serial_datetime(*number).expect("a day");
                    sheet.write_datetime_with_format(row, column, &day, &date)
                }
                Given::Elapsed(number) => {
                    sheet.write_number_with_format(row, column, *number, &elapsed)
                }
                Given::Boolean(truth) => sheet.write_boolean(row, column, *truth),
                Given::Blank => sheet.write_blank(row, column, &date),
                Given::Formula(result) => {
                    sheet.write_formula(row, column, Formula::new("=A1").set_result(result))
                }
            };
            written.expect("a cell");
        }
    }
    workbook.save_to_buffer().expect("memory")
}

/// A cell as XML, without its reference: attributes and content.
fn raw_cell() -> impl Strategy<Value = (String, String)> {
    let text = "([a-c ]|城|&amp;|&lt;|&#20013;|_x0009_|_x|\n|\r\n){1,8}";
    prop_oneof![
        "-?[0-9]{1,9}(\\.[0-9]{1,4})?([eE][+-]?[0-9])?"
            .prop_map(|number| (String::new(), format!("<v>{number}</v>"))),
        (0_u32..6, "[0-9]{1,5}")
            .prop_map(|(style, number)| (format!(" s=\"{style}\""), format!("<v>{number}</v>"))),
        (0_u32..4).prop_map(|index| (" t=\"s\"".to_owned(), format!("<v>{index}</v>"))),
        text.prop_map(|text| (
            " t=\"inlineStr\"".to_owned(),
            format!("<is><t xml:space=\"preserve\">{text}</t></is>")
        )),
        text.prop_map(|text| (
            " s='1' t='inlineStr'".to_owned(),
            format!("<is><r><rPr/><t>{text}</t></r><r><t>{text}</t></r></is>")
        )),
        text.prop_map(|text| (
            " t=\"str\"".to_owned(),
            format!("<f>A1&amp;\"x\"</f><v>{text}</v>")
        )),
        Just((" t=\"b\"".to_owned(), "<v>1</v>".to_owned())),
        Just((" t=\"e\"".to_owned(), "<f>1/0</f><v>#DIV/0!</v>".to_owned())),
        Just((" s=\"2\"".to_owned(), String::new())),
    ]
}

fn raw_sheet() -> impl Strategy<Value = String> {
    let row = prop::collection::vec((1_u32..4, raw_cell()), 0..8);
    (
        prop::collection::vec((1_u32..4, row), 0..8),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(rows, are_numbered, has_references)| {
            let mut number = 0;
            let rows: String = rows
                .into_iter()
                .map(|(step, cells)| {
                    number += if are_numbered { step } else { 1 };
                    let mut column = 0;
                    let cells: String = cells
                        .into_iter()
                        .map(|(step, (attributes, content))| {
                            column += if has_references { step } else { 1 };
                            let reference = match has_references {
                                true => format!(" r=\"{}{number}\"", letters(column)),
                                false => String::new(),
                            };
                            match content.is_empty() {
                                true => format!("<c{reference}{attributes}/>"),
                                false => format!("<c{reference}{attributes}>{content}</c>"),
                            }
                        })
                        .collect();
                    match are_numbered {
                        true => format!("<row r=\"{number}\" spans=\"1:9\">{cells}</row>\n"),
                        false => format!("<row>{cells}</row>"),
                    }
                })
                .collect();
            rows
        })
}

proptest! {
    #[test]
    fn cells_of_library_workbooks_are_equal(
        sheets in prop::collection::vec(
            prop::collection::btree_map((0_u32..40, 0_u16..30), given(), 0..40),
            1..4,
        )
    ) {
        let sheets: Vec<Vec<_>> = sheets.into_iter().map(|cells| cells.into_iter().collect()).collect();
        let bytes = written_by_library(&sheets);
        for sheet in 0..sheets.len() {
            prop_assert_eq!(ours(&bytes, sheet), calamines(&bytes, sheet));
        }
    }

    #[test]
    fn cells_of_raw_sheets_are_equal(rows in raw_sheet()) {
        let made = Made::of_rows(&rows)
            .with_strings(&["<t>a</t>", "<t xml:space='preserve'> b\r\n</t>", "<r><t>c_x4E2D_</t></r>", "<t/>"])
            .with_styles(&[(164, "yyyy&quot;年&quot;m"), (165, "[h]:mm"), (166, "0.00E+00")], &[0, 164, 165, 166, 22, 31]);
        let bytes = made.packed();
        prop_assert_eq!(ours(&bytes, 0), calamines(&bytes, 0));
    }
}

#[test]
fn merged_areas_of_library_workbooks_are_found() {
    let areas = [
        (0, 0, 0, 5),
        (1, 0, 4, 0),
        (1, 2, 3, 3),
        (6, 6, 1_048_575, 16_383),
    ];
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (first_row, first_column, last_row, last_column) in areas {
        sheet
            .merge_range(
                first_row,
                first_column,
                last_row.min(900),
                last_column.min(90),
                "a",
                &Format::new(),
            )
            .expect("an area");
    }
    let bytes = workbook.save_to_buffer().expect("memory");
    let merged = Workbook::open(Cursor::new(bytes.as_slice()))
        .and_then(|mut workbook| workbook.merged_areas(0))
        .expect("areas");
    let found: Vec<_> = merged
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
    let expected: Vec<_> = areas
        .iter()
        .map(|(first_row, first_column, last_row, last_column)| {
            (
                first_row + 1,
                u32::from(*first_column) + 1,
                last_row.min(&900) + 1,
                u32::from(*last_column.min(&90)) + 1,
            )
        })
        .collect();
    assert_eq!(found, expected);
}
