//! Writes an export as a workbook: a merged title, the header, the rows.

use aidlink_policy::schema::Field;
use aidlink_policy::value::FieldType;
use csv::StringRecord;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Worksheet};

/// A workbook that is being written.
pub(super) struct Workbook {
    sheet: Worksheet,
    date: Format,
    next: u32,
}

impl Workbook {
    pub(super) fn new(title: &str, header: &[String]) -> Self {
        let mut sheet = Worksheet::new();
        let last = header.len().saturating_sub(1) as u16;
        let title = format!("{title}（合成数据）");
        // Errors are ignored: all texts and widths are far below the limits of XLSX.
        let _ = sheet.set_name("名单");
        let _ = sheet.merge_range(0, 0, 0, last, &title, &Format::new());
        for (column, name) in header.iter().enumerate() {
            let _ = sheet.write_string(1, column as u16, name);
        }
        Workbook {
            sheet,
            date: Format::new().set_num_format("yyyy/m/d"),
            next: 2,
        }
    }

    /// Adds a row. Dates are written as date cells.
    pub(super) fn row(&mut self, fields: &[&Field], cells: &StringRecord) {
        for (column, cell) in cells.iter().enumerate() {
            let field = fields.get(column);
            let column = column as u16;
            let date = field
                .is_some_and(|field| field.field_type == FieldType::Date)
                .then(|| ExcelDateTime::parse_from_str(cell))
                .and_then(Result::ok);
            let _ = match date {
                Some(date) => {
                    let format = &self.date;
                    self.sheet
                        .write_datetime_with_format(self.next, column, &date, format)
                }
                None if cell.is_empty() => continue,
                None => self.sheet.write_string(self.next, column, cell),
            };
        }
        self.next += 1;
    }

    /// Returns the file. The same rows give the same bytes.
    pub(super) fn bytes(self) -> Vec<u8> {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        // The default is the current time, which would make every file different.
        if let Ok(created) = ExcelDateTime::from_ymd(2026, 9, 28) {
            workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        }
        workbook.push_worksheet(self.sheet);
        workbook.save_to_buffer().unwrap_or_default()
    }
}
