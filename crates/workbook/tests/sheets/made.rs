//! Builds workbooks from raw XML, and formats the rows read from them as short lines.

use std::io::{Cursor, Write};

use aidlink_workbook::{
    Cell, NumberFormat, OpenDocument, Row, TextBudget, Value, Workbook, WorkbookError,
};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

const CONTENT_TYPES: &str = "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>\
    <Default Extension='xml' ContentType='application/xml'/></Types>";
const PACKAGE: &str = "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>\
    <Relationship Id='rId1' Target='xl/workbook.xml' \
    Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument'/></Relationships>";
const WORKBOOK: &str = "<workbook xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main' \
    xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'>\
    <sheets><sheet name='名册' sheetId='1' r:id='rId1'/></sheets></workbook>";
const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The parts of a workbook, in the order in which they are packed.
#[derive(Clone)]
pub struct Made {
    pub parts: Vec<(String, Vec<u8>)>,
    pub method: CompressionMethod,
}

impl Made {
    /// Returns a workbook of one sheet with these rows, without shared strings or styles.
    pub fn of_rows(rows: &str) -> Self {
        Self::of_sheet(&format!(
            "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>\
             <sheetData>{rows}</sheetData></worksheet>"
        ))
    }

    /// Returns a workbook of one sheet, whose part is this XML.
    pub fn of_sheet(sheet: &str) -> Self {
        let relationships = relationships(&[("rId1", "worksheet", "worksheets/sheet1.xml")]);
        Made {
            parts: [
                ("[Content_Types].xml", CONTENT_TYPES),
                ("_rels/.rels", PACKAGE),
                ("xl/workbook.xml", WORKBOOK),
                ("xl/_rels/workbook.xml.rels", &relationships),
                ("xl/worksheets/sheet1.xml", sheet),
            ]
            .map(|(name, content)| (name.to_owned(), content.into()))
            .to_vec(),
            method: CompressionMethod::Deflated,
        }
    }

    /// Adds a part, or replaces the part of this name.
    pub fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        match self.parts.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = content,
            None => self.parts.push((name.to_owned(), content)),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.parts.retain(|(other, _)| other != name);
        self
    }

    /// Counts days from 1904.
    pub fn of_1904(self) -> Self {
        let workbook = WORKBOOK.replace("<sheets>", "<workbookPr date1904='1'/><sheets>");
        self.with("xl/workbook.xml", workbook)
    }

    /// Renames a part.
    pub fn renamed(mut self, name: &str, new: &str) -> Self {
        for (other, _) in &mut self.parts {
            if other == name {
                *other = new.to_owned();
            }
        }
        self
    }

    /// Adds shared strings; each is the content of an `si` element.
    pub fn with_strings(self, strings: &[&str]) -> Self {
        let strings: String = strings
            .iter()
            .map(|content| format!("<si>{content}</si>"))
            .collect();
        self.with_relationship("rId8", "sharedStrings", "sharedStrings.xml")
            .with("xl/sharedStrings.xml", format!("<sst>{strings}</sst>"))
    }

    /// Adds styles: number formats (id and code), and cell formats (the id of the number
    /// format of each).
    pub fn with_styles(self, codes: &[(u32, &str)], cells: &[u32]) -> Self {
        let codes: String = codes
            .iter()
            .map(|(id, code)| format!("<numFmt numFmtId='{id}' formatCode='{code}'/>"))
            .collect();
        let cells: String = cells
            .iter()
            .map(|id| format!("<xf numFmtId='{id}'><alignment/></xf>"))
            .collect();
        self.with_relationship("rId9", "styles", "styles.xml").with(
            "xl/styles.xml",
            format!(
                "<styleSheet><numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId='14'/>\
                 </cellStyleXfs><cellXfs>{cells}</cellXfs><cellStyles/>\
                 <extLst><xf numFmtId='14'/></extLst></styleSheet>"
            ),
        )
    }

    fn with_relationship(self, id: &str, kind: &str, target: &str) -> Self {
        let name = "xl/_rels/workbook.xml.rels";
        let old = self.parts.iter().find(|(other, _)| other == name);
        let old = String::from_utf8(old.expect("relationships").1.clone()).expect("UTF-8");
        let new = format!(
            "<Relationship Id='{id}' Type='{KINDS}/{kind}' Target='{target}'/></Relationships>"
        );
        let relationships = old.replace("</Relationships>", &new);
        self.with(name, relationships)
    }

    pub fn packed(&self) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(self.method);
        for (name, content) in &self.parts {
            archive.start_file(name.as_str(), options).expect("a name");
            archive.write_all(content).expect("memory can be written");
        }
        archive
            .finish()
            .expect("memory can be written")
            .into_inner()
    }

    pub fn open(&self) -> Result<Workbook<Cursor<Vec<u8>>>, WorkbookError> {
        Workbook::open(Cursor::new(self.packed()))
    }

    /// Returns the rows of the first sheet as short lines ([`in_short`]).
    pub fn rows(&self) -> Result<Vec<String>, WorkbookError> {
        rows_of(&mut self.open()?, 0)
    }
}

/// Returns the XML of relationships with these ids, kinds and targets.
pub fn relationships(all: &[(&str, &str, &str)]) -> String {
    let all: String = all
        .iter()
        .map(|(id, kind, target)| {
            format!("<Relationship Id='{id}' Type='{KINDS}/{kind}' Target='{target}'/>")
        })
        .collect();
    format!(
        "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>{all}</Relationships>"
    )
}

/// Returns the rows of a sheet as short lines ([`in_short`]).
pub fn rows_of<R: std::io::Read + std::io::Seek>(
    workbook: &mut Workbook<R>,
    sheet: usize,
) -> Result<Vec<String>, WorkbookError> {
    let budget = TextBudget::usual(workbook.byte_length());
    let mut rows = workbook.rows(sheet, budget)?;
    let mut short = Vec::new();
    while let Some(row) = rows.next_row()? {
        short.push(in_short(&row));
    }
    assert!(rows.next_row()?.is_none(), "nothing comes after the end");
    Ok(short)
}

/// Formats a row as `2: A=text B=#1 C=date 45322`.
pub fn in_short(row: &Row<'_>) -> String {
    let cells: Vec<String> = row.cells().map(|cell| cell_in_short(&cell)).collect();
    format!("{}: {}", row.number(), cells.join(" "))
}

fn cell_in_short(cell: &Cell<'_>) -> String {
    let value = match cell.value {
        Value::Text(text) => text.to_owned(),
        Value::Number(number) => {
            let format = match number.format {
                NumberFormat::General => "#",
                NumberFormat::Date => "date ",
                NumberFormat::Time => "time ",
                NumberFormat::DateTime => "moment ",
                NumberFormat::Elapsed => "elapsed ",
                NumberFormat::Text => "@",
            };
            format!("{format}{}", number.text)
        }
        Value::Boolean(truth) => truth.to_string(),
        Value::IsoDate(text) => format!("iso {text}"),
        Value::Error(error) => error.as_str().to_owned(),
        Value::FormulaWithoutValue => "?".to_owned(),
    };
    let filled = if cell.is_filled { "^" } else { "" };
    format!("{}{filled}={value}", letters(cell.column))
}

/// Returns the letters of a column, counted from 1.
pub fn letters(mut column: u32) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        letters.push(char::from(b'A' + ((column - 1) % 26) as u8));
        column = (column - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// An OpenDocument spreadsheet.
pub struct MadeOds {
    /// The content of `office:automatic-styles`.
    pub styles: String,
    /// The part of the styles that have a name; no such part if it is empty.
    pub common_styles: String,
    /// The content of `office:spreadsheet`.
    pub sheets: String,
    pub mimetype: &'static str,
    pub manifest: &'static str,
}

impl MadeOds {
    /// Returns a spreadsheet with this content of `office:spreadsheet`.
    pub fn of_sheets(sheets: &str) -> Self {
        MadeOds {
            styles: String::new(),
            common_styles: String::new(),
            sheets: sheets.to_owned(),
            mimetype: "application/vnd.oasis.opendocument.spreadsheet",
            manifest: "<manifest:manifest><manifest:file-entry manifest:full-path='content.xml'/>\
                </manifest:manifest>",
        }
    }

    /// Returns a spreadsheet of one sheet with these rows.
    pub fn of_rows(rows: &str) -> Self {
        Self::of_sheets(&format!(
            "<table:table table:name='名册'><table:table-column/>{rows}</table:table>"
        ))
    }

    /// Returns a spreadsheet of one row with these cells.
    pub fn of_cells(cells: &str) -> Self {
        Self::of_rows(&format!("<table:table-row>{cells}</table:table-row>"))
    }

    pub fn content(&self) -> String {
        format!(
            "<?xml version='1.0' encoding='UTF-8'?><office:document-content \
             xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' \
             xmlns:style='urn:oasis:names:tc:opendocument:xmlns:style:1.0' \
             xmlns:table='urn:oasis:names:tc:opendocument:xmlns:table:1.0' \
             xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0' \
             xmlns:calcext='urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0' \
             office:version='1.3'><office:scripts/><office:automatic-styles>{}\
             </office:automatic-styles><office:body><office:spreadsheet>{}</office:spreadsheet>\
             </office:body></office:document-content>",
            self.styles, self.sheets
        )
    }

    pub fn packed(&self) -> Vec<u8> {
        self.packed_with(self.content().as_bytes())
    }

    /// Returns the file with another part of content.
    pub fn packed_with(&self, content: &[u8]) -> Vec<u8> {
        Made {
            parts: [
                ("mimetype", self.mimetype.as_bytes()),
                ("META-INF/manifest.xml", self.manifest.as_bytes()),
                ("content.xml", content),
                ("styles.xml", self.common_styles.as_bytes()),
            ]
            .into_iter()
            .filter(|(_, content)| !content.is_empty())
            .map(|(name, content)| (name.to_owned(), content.to_vec()))
            .collect(),
            method: CompressionMethod::Deflated,
        }
        .packed()
    }

    pub fn open(&self) -> Result<OpenDocument, WorkbookError> {
        OpenDocument::open(Cursor::new(self.packed()))
    }

    /// Returns the rows of the first sheet as short lines ([`in_short`]).
    pub fn rows(&self) -> Result<Vec<String>, WorkbookError> {
        ods_rows(&self.open()?, 0)
    }
}

/// Returns the rows of a sheet as short lines ([`in_short`]).
pub fn ods_rows(document: &OpenDocument, sheet: usize) -> Result<Vec<String>, WorkbookError> {
    let mut rows = document.rows(sheet, TextBudget::usual(document.byte_length()))?;
    let mut short = Vec::new();
    while let Some(row) = rows.next_row()? {
        short.push(in_short(&row));
    }
    assert!(rows.next_row()?.is_none(), "nothing comes after the end");
    Ok(short)
}
