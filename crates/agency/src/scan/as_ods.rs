//! Writes the sheets of an XLSX workbook as an ODS spreadsheet, so that tests can read the
//! same content in both formats.

use std::io::{Cursor, Write};

use aidlink_workbook::{
    DateEpoch, MergedAreas, NumberFormat, Sheet, SheetKind, TextBudget, Value, Visibility,
    Workbook, WorkbookError,
};
use calamine::{ExcelDateTime, ExcelDateTimeType};
use zip::write::SimpleFileOptions;

/// Returns the workbook as ODS; `None` if a sheet cannot be read.
pub(super) fn as_ods(xlsx: &[u8]) -> Option<Vec<u8>> {
    let mut workbook = Workbook::open(Cursor::new(xlsx)).ok()?;
    let sheets = workbook.sheets().to_vec();
    let mut tables = String::new();
    // Charts are drawings on a sheet there.
    let has_rows = |sheet: &Sheet| sheet.kind != SheetKind::Chartsheet;
    for (index, sheet) in sheets
        .iter()
        .enumerate()
        .filter(|(_, sheet)| has_rows(sheet))
    {
        let style = match sheet.visibility {
            Visibility::Visible => "ta1",
            _ => "ta2",
        };
        let rows = rows_of(&mut workbook, index).ok()?;
        let name = escaped(&sheet.name);
        tables.push_str(&format!(
            "<table:table table:name=\"{name}\" table:style-name=\"{style}\">{rows}</table:table>"
        ));
    }
    Some(packed(&tables))
}

const STYLES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-styles \
    xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><office:styles/>\
    </office:document-styles>";

/// Packs the content of `office:spreadsheet`. The style `ta2` hides a sheet.
pub(super) fn packed(tables: &str) -> Vec<u8> {
    let style = |name: &str, display: bool| {
        format!(
            "<style:style style:name=\"{name}\" style:family=\"table\">\
             <style:table-properties table:display=\"{display}\"/></style:style>"
        )
    };
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content \
         xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.3\">\
         <office:automatic-styles>{}{}</office:automatic-styles><office:body><office:spreadsheet>\
         {tables}</office:spreadsheet></office:body></office:document-content>",
        style("ta1", true),
        style("ta2", false)
    );
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_str()),
        ("styles.xml", STYLES),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
    ] {
        let options = SimpleFileOptions::default();
        archive.start_file(name, options).expect("a name");
        archive.write_all(content.as_bytes()).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

fn rows_of(workbook: &mut Workbook<Cursor<&[u8]>>, sheet: usize) -> Result<String, WorkbookError> {
    let merged = workbook.merged_areas(sheet)?;
    let epoch = workbook.date_epoch();
    let mut rows = workbook.rows(sheet, TextBudget::bytes(1 << 20))?;
    // The cells of each row that have a value or are the first of a merged area.
    let mut cells: std::collections::BTreeMap<(u32, u32), String> = Default::default();
    while let Some(row) = rows.next_row()? {
        for cell in row.cells() {
            cells.insert((row.number(), cell.column), attributes(cell.value, epoch));
        }
    }
    for area in merged.areas() {
        cells
            .entry((area.first_row, area.first_column))
            .or_insert(">".to_owned());
    }
    let mut xml = String::new();
    let (mut row, mut column) = (0, 0);
    for ((next_row, next_column), cell) in &cells {
        if *next_row > row {
            if row > 0 {
                xml.push_str("</table:table-row>");
            }
            if *next_row > row + 1 {
                xml.push_str(&format!(
                    "<table:table-row table:number-rows-repeated=\"{}\"><table:table-cell \
                     table:number-columns-repeated=\"16384\"/></table:table-row>",
                    next_row - row - 1
                ));
            }
            xml.push_str("<table:table-row>");
            (row, column) = (*next_row, 0);
        }
        if *next_column > column + 1 {
            xml.push_str(&format!(
                "<table:table-cell table:number-columns-repeated=\"{}\"/>",
                next_column - column - 1
            ));
        }
        column = *next_column;
        let spans = spans(&merged, row, column);
        xml.push_str(&format!(
            "<table:table-cell{spans}{cell}</table:table-cell>"
        ));
    }
    if row > 0 {
        xml.push_str("</table:table-row>");
    }
    Ok(xml)
}

fn spans(merged: &MergedAreas, row: u32, column: u32) -> String {
    let first =
        |area: &&aidlink_workbook::Area| (area.first_row, area.first_column) == (row, column);
    match merged.areas().iter().find(first) {
        Some(area) => format!(
            " table:number-rows-spanned=\"{}\" table:number-columns-spanned=\"{}\"",
            area.last_row - row + 1,
            area.last_column - column + 1
        ),
        None => String::new(),
    }
}

/// Returns the attributes and the content of a cell.
fn attributes(value: Value<'_>, epoch: DateEpoch) -> String {
    match value {
        Value::Text(text) => format!(" office:value-type=\"string\">{}", paragraphs(text)),
        Value::Number(number) => match number.format {
            NumberFormat::Date | NumberFormat::DateTime => {
                let is_1904 = epoch == DateEpoch::Year1904;
                let kind = ExcelDateTimeType::DateTime;
                let day = ExcelDateTime::new(number.to_f64(), kind, is_1904);
                let (year, month, day, ..) = day.to_ymd_hms_milli();
                format!(
                    " office:value-type=\"date\" office:date-value=\"{year:04}-{month:02}-{day:02}\">"
                )
            }
            _ => format!(
                " office:value-type=\"float\" office:value=\"{}\">",
                number.text
            ),
        },
        Value::Boolean(truth) => {
            format!(" office:value-type=\"boolean\" office:boolean-value=\"{truth}\">")
        }
        Value::IsoDate(text) => {
            format!(" office:value-type=\"date\" office:date-value=\"{text}\">")
        }
        Value::Error(error) => format!(
            " table:formula=\"of:=A1\" office:value-type=\"string\"><text:p>{}</text:p>",
            error.as_str()
        ),
        Value::FormulaWithoutValue => " table:formula=\"of:=A1\">".to_owned(),
    }
}

fn paragraphs(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let line = escaped(line).replace('\t', "<text:tab/>");
        format!("<text:p>{}</text:p>", line.replace(' ', "<text:s/>"))
    });
    lines.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
