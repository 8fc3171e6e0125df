//! A date, a number, a boolean, a percentage or an error in a cell means the same in every
//! format.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use rust_xlsxwriter::{Format, Formula, Workbook};

use crate::cells::{REGISTER_HEADER, Receives, assert_receives, parquet, register_row};
use crate::formats::packed_ods;
use crate::made_xlsb::{self, MadeSheet, MadeXlsb};

/// A cell of the end of a person's assistance.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Empty,
    Text(&'static str),
    /// A day, as serial number and in ISO 8601.
    Date(f64, &'static str),
    /// A moment, likewise.
    Moment(f64, &'static str),
    Number(f64),
    Percentage(f64),
    Boolean(bool),
    Error,
}

const CELLS: [(Cell, Receives); 16] = {
    use Cell::{Boolean, Date, Empty, Error, Moment, Number, Percentage, Text};
    use Receives::{No, Unknown, Yes};
    [
        (Empty, Yes),
        (Text("2024-05-01"), No),
        (Text("2026-10-01"), Yes),
        (Text("长期"), Unknown),
        (Date(45_413.0, "2024-05-01"), No),
        (Date(46_296.0, "2026-10-01"), Yes),
        (Date(2_958_465.0, "9999-12-31"), Yes),
        (Moment(45_413.5, "2024-05-01T12:00:00"), No),
        (Moment(46_296.25, "2026-10-01T06:00:00"), Yes),
        (Number(20_240_501.0), No),
        (Number(45_413.0), No),
        (Number(19_999.0), Unknown),
        (Percentage(0.35), Unknown),
        (Boolean(true), Unknown),
        (Boolean(false), Unknown),
        (Error, Unknown),
    ]
};

fn xlsx() -> Vec<u8> {
    let format = |code: &str| Format::new().set_num_format(code);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, REGISTER_HEADER).unwrap();
    for (row, (cell, _)) in (1_u32..).zip(CELLS) {
        sheet.write_row(row, 0, register_row(row as usize)).unwrap();
        match cell {
            Cell::Empty => continue,
            Cell::Text(text) => sheet.write_string(row, 4, text),
            Cell::Date(serial, _) => {
                sheet.write_number_with_format(row, 4, serial, &format("yyyy-mm-dd"))
            }
            Cell::Moment(serial, _) => {
                sheet.write_number_with_format(row, 4, serial, &format("yyyy/m/d h:mm"))
            }
            Cell::Number(number) => sheet.write_number(row, 4, number),
            Cell::Percentage(number) => {
                sheet.write_number_with_format(row, 4, number, &format("0%"))
            }
            Cell::Boolean(truth) => sheet.write_boolean(row, 4, truth),
            Cell::Error => sheet.write_formula(row, 4, Formula::new("=NA()").set_result("#N/A")),
        }
        .unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

fn xlsb() -> Vec<u8> {
    use made_xlsb::{cell, row, text};
    let mut sheet = MadeSheet {
        name: "名册".to_owned(),
        ..MadeSheet::default()
    };
    sheet.table.extend(row(0));
    for (column, header) in (0..).zip(REGISTER_HEADER) {
        sheet.table.extend(text(column, header));
    }
    for (number, (end, _)) in (1..).zip(CELLS) {
        sheet.table.extend(row(number));
        for (column, value) in (0..).zip(register_row(number as usize)) {
            sheet.table.extend(text(column, &value));
        }
        // Formats: general, date, moment, percentage.
        let numeric = |format: u32, value: f64| cell(5, 4, format, &value.to_le_bytes());
        sheet.table.extend(match end {
            Cell::Empty => cell(1, 4, 0, &[]),
            Cell::Text(value) => text(4, value),
            Cell::Date(serial, _) => numeric(1, serial),
            Cell::Moment(serial, _) => numeric(2, serial),
            Cell::Number(value) => numeric(0, value),
            Cell::Percentage(value) => numeric(3, value),
            Cell::Boolean(truth) => cell(4, 4, 0, &[u8::from(truth)]),
            Cell::Error => cell(3, 4, 0, &[0x2a]),
        });
    }
    let made = MadeXlsb {
        sheets: vec![sheet],
        codes: vec![(176, "yyyy\"年\"m\"月\"d\"日\"".to_owned())],
        cell_formats: vec![0, 176, 22, 9],
        ..MadeXlsb::default()
    };
    made.packed()
}

fn ods() -> Vec<u8> {
    let text = |text: &str| format!(" office:value-type=\"string\"><text:p>{text}</text:p>");
    let row = |cells: &[String]| {
        let cells = cells.iter();
        let cells = cells.map(|cell| format!("<table:table-cell{cell}</table:table-cell>"));
        format!(
            "<table:table-row>{}</table:table-row>",
            cells.collect::<String>()
        )
    };
    let mut rows = row(&REGISTER_HEADER.map(text));
    for (sequence, (end, _)) in (1..).zip(CELLS) {
        let mut cells: Vec<String> = register_row(sequence)
            .iter()
            .map(|cell| text(cell))
            .collect();
        let typed = |kind: &str, attribute: &str, value: &str| {
            format!(
                " office:value-type=\"{kind}\" office:{attribute}=\"{value}\"><text:p>?</text:p>"
            )
        };
        cells.push(match end {
            Cell::Empty => ">".to_owned(),
            Cell::Text(value) => text(value),
            Cell::Date(_, day) | Cell::Moment(_, day) => typed("date", "date-value", day),
            Cell::Number(value) => typed("float", "value", &value.to_string()),
            Cell::Percentage(value) => typed("percentage", "value", &value.to_string()),
            Cell::Boolean(truth) => typed("boolean", "boolean-value", &truth.to_string()),
            Cell::Error => {
                format!(" table:formula=\"of:=NA()\"{}", text("#N/A"))
            }
        });
        rows += &row(&cells);
    }
    packed_ods(
        "",
        &format!("<table:table table:name=\"名册\">{rows}</table:table>"),
    )
}

#[test]
fn a_cell_of_each_type_means_the_same_in_every_workbook() {
    let expected = CELLS.map(|(_, receives)| receives);
    for (name, bytes) in [("a.xlsx", xlsx()), ("a.xlsb", xlsb()), ("a.ods", ods())] {
        assert_receives(name, &bytes, &expected);
    }
}

/// In Parquet all cells of a column have one type, so there is a file for each cell. An error
/// does not exist there.
#[test]
fn a_column_of_each_type_means_the_same_in_parquet() {
    const EPOCH: f64 = 25_569.0;
    const MICROSECONDS_OF_DAY: f64 = 86_400e6;
    for (cell, receives) in CELLS {
        let columns: Vec<ArrayRef> = match cell {
            Cell::Error => continue,
            Cell::Empty => vec![
                Arc::new(StringArray::from(vec![None::<&str>])),
                Arc::new(Date32Array::from(vec![None])),
                Arc::new(BooleanArray::from(vec![None])),
            ],
            Cell::Text(text) => vec![Arc::new(StringArray::from(vec![text]))],
            Cell::Date(serial, text) => vec![
                Arc::new(Date32Array::from(vec![(serial - EPOCH) as i32])),
                Arc::new(StringArray::from(vec![text])),
            ],
            Cell::Moment(serial, text) => {
                let moment = ((serial - EPOCH) * MICROSECONDS_OF_DAY) as i64;
                vec![
                    Arc::new(TimestampMicrosecondArray::from(vec![moment])),
                    Arc::new(StringArray::from(vec![text])),
                ]
            }
            Cell::Number(number) => vec![
                Arc::new(Float64Array::from(vec![number])),
                Arc::new(Int64Array::from(vec![number as i64])),
            ],
            Cell::Percentage(number) => vec![Arc::new(Float64Array::from(vec![number]))],
            Cell::Boolean(truth) => vec![Arc::new(BooleanArray::from(vec![truth]))],
        };
        for column in columns {
            assert_receives("a.parquet", &parquet(1, column), &[receives]);
        }
    }
}
