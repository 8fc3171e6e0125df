//! Writes a workbook with one large sheet, for measuring readers.
//!
//! Usage: `write_sheet FILE [ROWS]`. The ten columns hold repeated texts, unique texts,
//! numbers, dates and empty cells, like a register of an agency. The rows are the
//! same each time; the default is 400,000 rows.

use std::error::Error;

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

const COLUMNS: [&str; 10] = [
    "序号",
    "姓名",
    "身份证号",
    "性别",
    "乡镇",
    "类别",
    "金额",
    "起始日期",
    "复核日期",
    "备注",
];
const TOWNS: [&str; 6] = ["城关镇", "太平镇", "红星街道", "大桥镇", "沙溪乡", "小坑镇"];
const KINDS: [&str; 4] = ["城市低保", "农村低保", "特困供养", "临时救助"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: write_sheet FILE [ROWS]")?;
    let rows: u32 = arguments.next().map_or(Ok(400_000), |rows| rows.parse())?;

    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(COLUMNS) {
        sheet.write_string(0, column, name)?;
    }
    for row in 1..=rows {
        // A fixed pseudo-random sequence. The high bits are more random than the low ones.
        let draw = u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let pick = |of: u64| usize::try_from(draw % of).unwrap_or_default();
        sheet.write_number(row, 0, row)?;
        sheet.write_string(row, 1, format!("测试{}", draw % 50_000))?;
        // Regions 449901 to 449910 were never assigned.
        let id = format!("4499{:02}1990{:08}", 1 + draw % 10, row);
        sheet.write_string(row, 2, id)?;
        sheet.write_string(row, 3, if draw % 2 == 0 { "男" } else { "女" })?;
        sheet.write_string(row, 4, TOWNS[pick(6)])?;
        sheet.write_string(row, 5, KINDS[pick(4)])?;
        sheet.write_number(row, 6, (draw % 200_000) as f64 / 100.0)?;
        let started = ExcelDateTime::from_serial_datetime(40_000.0 + (draw % 5_000) as f64)?;
        sheet.write_datetime_with_format(row, 7, &started, &date)?;
        if draw % 3 > 0 {
            let checked = ExcelDateTime::from_serial_datetime(45_000.0 + (draw % 600) as f64)?;
            sheet.write_datetime_with_format(row, 8, &checked, &date)?;
        }
        if draw % 10 == 0 {
            sheet.write_string(row, 9, format!("第{row}户"))?;
        }
    }
    workbook.save(file)?;
    Ok(())
}
