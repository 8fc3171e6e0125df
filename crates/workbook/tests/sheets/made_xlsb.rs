//! Builds XLSB workbooks from records, for the tests of this crate and of others.

use std::io::{Cursor, Write};

const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A workbook.
#[derive(Clone, Default)]
pub struct MadeXlsb {
    pub sheets: Vec<MadeSheet>,
    pub strings: Vec<String>,
    /// The ids and codes of number formats.
    pub codes: Vec<(u16, String)>,
    /// The number format of each cell format.
    pub cell_formats: Vec<u16>,
    pub is_1904: bool,
    /// Stated as the number of strings and formats, in place of the true one.
    pub count: Option<u32>,
}

/// A sheet of a workbook.
#[derive(Clone, Default)]
pub struct MadeSheet {
    pub name: String,
    /// 0 if it is visible, 1 if it is hidden, 2 if only a program can show it.
    pub state: u32,
    /// The records of the table.
    pub table: Vec<u8>,
    /// First and last row, first and last column, from 0.
    pub merged: Vec<[u32; 4]>,
}

/// Returns a record.
pub fn record(kind: u16, fields: &[u8]) -> Vec<u8> {
    record_of_size(kind, fields.len(), fields)
}

/// Returns a record that states this size.
pub fn record_of_size(kind: u16, mut size: usize, fields: &[u8]) -> Vec<u8> {
    let mut record = match u8::try_from(kind) {
        Ok(kind) if kind < 0x80 => vec![kind],
        _ => vec![kind as u8 | 0x80, (kind >> 7) as u8],
    };
    while size >= 0x80 {
        record.push(size as u8 | 0x80);
        size >>= 7;
    }
    record.push(size as u8);
    record.extend_from_slice(fields);
    record
}

/// Returns a text as records hold it.
pub fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut bytes = (units.len() as u32).to_le_bytes().to_vec();
    bytes.extend(units.into_iter().flat_map(u16::to_le_bytes));
    bytes
}

/// Returns the record that begins a row, which counts from 0.
pub fn row(number: u32) -> Vec<u8> {
    let mut fields = number.to_le_bytes().to_vec();
    fields.extend([0; 13]);
    record(0, &fields)
}

/// Returns the record of a cell. Its column counts from 0.
pub fn cell(kind: u16, column: u32, format: u32, value: &[u8]) -> Vec<u8> {
    let fields = [&column.to_le_bytes(), &format.to_le_bytes(), value].concat();
    record(kind, &fields)
}

/// Returns the record of a cell with a text of its own.
pub fn text(column: u32, text: &str) -> Vec<u8> {
    cell(6, column, 0, &wide(text))
}

impl MadeXlsb {
    /// Returns the names and contents of the parts.
    pub fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let relationships = |all: &str| {
            format!(
                "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>\
                 {all}</Relationships>"
            )
        };
        let to = |id: &str, kind: &str, target: &str| {
            format!("<Relationship Id='{id}' Type='{KINDS}/{kind}' Target='{target}'/>")
        };
        let mut targets =
            to("rIdT", "sharedStrings", "sharedStrings.bin") + &to("rIdS", "styles", "styles.bin");
        let mut parts = Vec::new();
        let mut book = [record(131, &[]), self.properties()].concat();
        book.extend(record(143, &[]));
        for (index, sheet) in self.sheets.iter().enumerate() {
            let (id, number) = (format!("rId{index}"), index as u32 + 1);
            targets += &to(&id, "worksheet", &format!("worksheets/sheet{number}.bin"));
            let mut fields = sheet.state.to_le_bytes().to_vec();
            fields.extend(number.to_le_bytes());
            fields.extend([wide(&id), wide(&sheet.name)].concat());
            book.extend(record(156, &fields));
            parts.push((format!("xl/worksheets/sheet{number}.bin"), sheet.part()));
        }
        book.extend([record(144, &[]), record(132, &[])].concat());
        let types = "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>\
            <Default Extension='bin' ContentType=\
            'application/vnd.ms-excel.sheet.binary.macroEnabled.main'/></Types>";
        let package = relationships(&to("rId1", "officeDocument", "xl/workbook.bin"));
        parts.extend([
            ("[Content_Types].xml".to_owned(), types.into()),
            ("_rels/.rels".to_owned(), package.into()),
            (
                "xl/_rels/workbook.bin.rels".to_owned(),
                relationships(&targets).into(),
            ),
            ("xl/workbook.bin".to_owned(), book),
            ("xl/sharedStrings.bin".to_owned(), self.shared_strings()),
            ("xl/styles.bin".to_owned(), self.styles()),
        ]);
        parts
    }

    fn properties(&self) -> Vec<u8> {
        let mut fields = u32::from(self.is_1904).to_le_bytes().to_vec();
        fields.extend([0; 4]);
        fields.extend(wide("ThisWorkbook"));
        record(153, &fields)
    }

    fn stated(&self, count: usize) -> [u8; 4] {
        self.count.unwrap_or(count as u32).to_le_bytes()
    }

    fn shared_strings(&self) -> Vec<u8> {
        let count = self.stated(self.strings.len());
        let mut part = record(159, &[count, count].concat());
        for string in &self.strings {
            part.extend(record(19, &[vec![0], wide(string)].concat()));
        }
        part.extend(record(160, &[]));
        part
    }

    fn styles(&self) -> Vec<u8> {
        let mut part = [
            record(278, &[]),
            record(615, &self.stated(self.codes.len())),
        ]
        .concat();
        for (id, code) in &self.codes {
            part.extend(record(
                44,
                &[&id.to_le_bytes(), wide(code).as_slice()].concat(),
            ));
        }
        let format = |id: u16| record(47, &[&[0; 2][..], &id.to_le_bytes(), &[0; 12]].concat());
        // The formats of named styles, which come first, are no cell formats.
        part.extend(
            [
                record(616, &[]),
                record(626, &[0; 4]),
                format(14),
                record(627, &[]),
            ]
            .concat(),
        );
        part.extend(record(617, &self.stated(self.cell_formats.len())));
        part.extend(self.cell_formats.iter().flat_map(|id| format(*id)));
        part.extend([record(618, &[]), record(279, &[])].concat());
        part
    }

    pub fn packed(&self) -> Vec<u8> {
        packed(&self.parts())
    }
}

impl MadeSheet {
    fn part(&self) -> Vec<u8> {
        let mut part = [
            record(129, &[]),
            record(147, &[0; 15]),
            // The extent of the sheet is wrong: it is not used.
            record(148, &[0; 16]),
            record(145, &[]),
        ]
        .concat();
        part.extend_from_slice(&self.table);
        part.extend(record(146, &[]));
        if !self.merged.is_empty() {
            part.extend(record(177, &[0; 4]));
            for area in &self.merged {
                let fields: Vec<u8> = area.iter().flat_map(|end| end.to_le_bytes()).collect();
                part.extend(record(176, &fields));
            }
            part.extend(record(178, &[]));
        }
        part.extend(record(130, &[]));
        part
    }
}

/// Packs parts into an archive.
pub fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name.as_str(), options).expect("a name");
        archive.write_all(content).expect("memory can be written");
    }
    archive
        .finish()
        .expect("memory can be written")
        .into_inner()
}
