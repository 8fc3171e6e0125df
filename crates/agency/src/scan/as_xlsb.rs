//! Writes the sheets of an XLSX workbook as an XLSB workbook, so that tests can read the
//! same content in both formats.

use std::io::Cursor;

use aidlink_workbook::{
    DateEpoch, ErrorValue, NumberFormat, Row, SheetKind, TextBudget, Value, Visibility, Workbook,
    WorkbookError,
};

use super::made_xlsb::{MadeSheet, MadeXlsb, cell, row, text};

/// The formats of cells: the id of a built-in number format for each.
const FORMATS: [(NumberFormat, u16); 6] = [
    (NumberFormat::General, 0),
    (NumberFormat::Date, 14),
    (NumberFormat::Time, 20),
    (NumberFormat::DateTime, 22),
    (NumberFormat::Elapsed, 46),
    (NumberFormat::Text, 49),
];

/// Returns the workbook as XLSB; `None` if a sheet cannot be read, or has a formula without a
/// value, which XLSB cannot hold.
pub(super) fn as_xlsb(xlsx: &[u8]) -> Option<Vec<u8>> {
    let mut workbook = Workbook::open(Cursor::new(xlsx)).ok()?;
    let mut made = MadeXlsb {
        is_1904: workbook.date_epoch() == DateEpoch::Year1904,
        cell_formats: FORMATS.iter().map(|(_, id)| *id).collect(),
        ..MadeXlsb::default()
    };
    for (index, sheet) in workbook.sheets().to_vec().into_iter().enumerate() {
        // It has no rows.
        if sheet.kind == SheetKind::Chartsheet {
            continue;
        }
        let (table, merged) = table_of(&mut workbook, index).ok()?;
        made.sheets.push(MadeSheet {
            name: sheet.name,
            state: match sheet.visibility {
                Visibility::Visible => 0,
                Visibility::Hidden => 1,
                Visibility::VeryHidden => 2,
            },
            table: table?,
            merged,
        });
    }
    Some(made.packed())
}

/// The records of a table, `None` if it has a formula without a value; and the merged areas.
type Table = (Option<Vec<u8>>, Vec<[u32; 4]>);

fn table_of(workbook: &mut Workbook<Cursor<&[u8]>>, sheet: usize) -> Result<Table, WorkbookError> {
    let merged = workbook.merged_areas(sheet)?;
    let corners = merged.areas().iter().map(|area| {
        [
            area.first_row - 1,
            area.last_row - 1,
            area.first_column - 1,
            area.last_column - 1,
        ]
    });
    let mut rows = workbook.rows(sheet, TextBudget::bytes(1 << 20))?;
    let mut table = Some(Vec::new());
    while let Some(row) = rows.next_row()? {
        let records = records_of(&row);
        table = table
            .zip(records)
            .map(|(table, records)| [table, records].concat());
    }
    Ok((table, corners.collect()))
}

/// Returns the records of a row; `None` for a formula without a value.
fn records_of(line: &Row<'_>) -> Option<Vec<u8>> {
    let mut records = row(line.number() - 1);
    for each in line.cells() {
        let column = each.column - 1;
        records.extend(match each.value {
            Value::Text(value) | Value::IsoDate(value) => text(column, value),
            Value::Number(value) => {
                let format = FORMATS
                    .iter()
                    .position(|(format, _)| *format == value.format)?;
                cell(5, column, format as u32, &value.to_f64().to_le_bytes())
            }
            Value::Boolean(truth) => cell(4, column, 0, &[u8::from(truth)]),
            Value::Error(error) => cell(3, column, 0, &[code_of(error)]),
            Value::FormulaWithoutValue => return None,
        });
    }
    Some(records)
}

fn code_of(error: ErrorValue) -> u8 {
    match error {
        ErrorValue::Null => 0x00,
        ErrorValue::DivisionByZero => 0x07,
        ErrorValue::Value => 0x0f,
        ErrorValue::Reference => 0x17,
        ErrorValue::Name => 0x1d,
        ErrorValue::Number => 0x24,
        ErrorValue::NotAvailable => 0x2a,
        ErrorValue::GettingData => 0x2b,
        _ => 0xff,
    }
}
