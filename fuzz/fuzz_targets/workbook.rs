//! Opens and reads workbooks of any content as an export. Reading must end with rows or a
//! fault.
//!
//! Changing bytes of an archive mostly breaks the archive. So the input holds the parts of
//! an XLSX or XLSB, the records of an XLS or the content of an ODS, and the target packs
//! them. The first byte chooses between these and a complete file.

#![no_main]

use std::io::{Cursor, Write};

use aidlink_agency::inspect::inspect;
use aidlink_agency::scan::Export;
use aidlink_fuzz::{AS_OF, ignore_guarded_panics, schema, write_input};
use aidlink_policy::reading::{ReadingChoice, SheetChoice};
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

/// The parts of an XLSX in the order of the input, where NUL separates them, with the
/// default for an empty or missing part.
const PARTS: [(&str, &str); 6] = [
    ("xl/worksheets/sheet1.xml", SHEET),
    (
        "xl/sharedStrings.xml",
        "<sst><si><t>national_id</t></si></sst>",
    ),
    (
        "xl/styles.xml",
        "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>",
    ),
    ("xl/workbook.xml", WORKBOOK),
    ("xl/_rels/workbook.xml.rels", RELATIONS),
    ("_rels/.rels", PACKAGE),
];
const SHEET: &str = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c>\
    <c r=\"B1\" t=\"inlineStr\"><is><t>kind</t></is></c></row></sheetData></worksheet>";
const WORKBOOK: &str = "<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
    <sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\" \
    Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\"/>\
    <Relationship Id=\"rId2\" Target=\"sharedStrings.xml\" \
    Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\"/>\
    <Relationship Id=\"rId3\" Target=\"styles.xml\" \
    Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\"/></Relationships>";
const PACKAGE: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" Target=\"xl/workbook.xml\" \
    Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\"/></Relationships>";
const CONTENT_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>";

/// The parts of an ODS in the order of the input, where NUL separates them.
const ODS_PARTS: [(&str, &str); 3] = [
    (
        "content.xml",
        "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"S\">\
         <table:table-row><table:table-cell><text:p>national_id</text:p></table:table-cell>\
         <table:table-cell><text:p>kind</text:p></table:table-cell></table:table-row></table:table>\
         </office:spreadsheet></office:body></office:document-content>",
    ),
    ("META-INF/manifest.xml", "<manifest:manifest/>"),
    ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
];

/// The parts of an XLSB in the order of the input, each with its default. The relationships
/// are those of the XLSX.
const XLSB_PARTS: [(&str, &[u8]); 4] = [
    // One row with a shared text.
    (
        "xl/worksheets/sheet1.bin",
        b"\x81\x01\0\x91\x01\0\0\x04\0\0\0\0\x07\x0c\0\0\0\0\0\0\0\0\0\0\0\0\
          \x92\x01\0\x82\x01\0",
    ),
    // The text `id`.
    (
        "xl/sharedStrings.bin",
        b"\x9f\x01\0\x13\x09\0\x02\0\0\0i\0d\0\xa0\x01\0",
    ),
    // A number and a date.
    (
        "xl/styles.bin",
        b"\x96\x02\0\xe9\x04\0\x2f\x04\0\0\0\0\x2f\x04\0\0\x0e\0\xea\x04\0\x97\x02\0",
    ),
    // The sheet `S`.
    (
        "xl/workbook.bin",
        b"\x83\x01\0\x9c\x01\x1a\0\0\0\0\x01\0\0\0\x04\0\0\0r\0I\0d\x001\0\
          \x01\0\0\0S\0\x84\x01\0",
    ),
];

/// Packs an XLSB. Each part is preceded by its length in two bytes, because its records
/// hold any byte.
fn pack_xlsb(mut input: &[u8]) -> Vec<u8> {
    let relations = RELATIONS.replace(".xml\"", ".bin\"");
    let package = PACKAGE.replace(".xml\"", ".bin\"");
    let fixed = [
        ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
        ("_rels/.rels", package.as_bytes()),
        ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
    ];
    let parts = XLSB_PARTS.map(|(name, default)| {
        let Some((length, rest)) = input.split_first_chunk() else {
            return (name, default);
        };
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        input = rest;
        (name, if part.is_empty() { default } else { part })
    });
    archive_of(fixed.into_iter().chain(parts))
}

/// Packs an XLSX.
fn pack(input: &[u8]) -> Vec<u8> {
    pack_parts(&[("[Content_Types].xml", CONTENT_TYPES)], &PARTS, input)
}

/// Packs fixed parts, and others with the content of the input or their default.
fn pack_parts(fixed: &[(&str, &str)], parts: &[(&str, &str)], input: &[u8]) -> Vec<u8> {
    let mut given = input.split(|byte| *byte == 0);
    let fixed = fixed.iter().map(|(name, part)| (*name, part.as_bytes()));
    let parts = parts.iter().map(|(name, default)| {
        let part = given.next().filter(|part| !part.is_empty());
        (*name, part.unwrap_or(default.as_bytes()))
    });
    archive_of(fixed.chain(parts))
}

fn archive_of<'p>(parts: impl Iterator<Item = (&'p str, &'p [u8])>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, part) in parts {
        archive.start_file(name, stored).expect("part names differ");
        archive.write_all(part).expect("memory can be written");
    }
    archive
        .finish()
        .expect("memory can be written")
        .into_inner()
}

const SECTOR: usize = 512;
/// The number of sectors that one sector of the allocation table describes.
const MOST_SECTORS: usize = SECTOR / 4;
/// Shorter streams would be stored in mini sectors.
const CUTOFF: usize = 4096;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const FREE: u32 = 0xffff_ffff;

/// Returns a minimal compound file with one stream ([MS-CFB]): header, allocation table,
/// directory, stream. Returns `None` if the stream is too long.
fn compound_file(stream: &[u8]) -> Option<Vec<u8>> {
    let length = stream.len().max(CUTOFF).next_multiple_of(SECTOR);
    let sectors = length / SECTOR;
    (2 + sectors <= MOST_SECTORS).then_some(())?;
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(24, 0);
    for half in [0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // One sector of allocation table, the directory in sector 1, no mini sectors and no
    // further list.
    for word in [1, 1, 0, CUTOFF as u32, END_OF_CHAIN, 0, END_OF_CHAIN, 0, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    file.resize(SECTOR, 0xff);
    let chain = (3..2 + sectors as u32).chain([END_OF_CHAIN]);
    let table = [0xffff_fffd, END_OF_CHAIN].into_iter().chain(chain);
    for word in table.chain(std::iter::repeat(FREE)).take(MOST_SECTORS) {
        file.extend(word.to_le_bytes());
    }
    for (name, kind, child, start, size) in [
        ("Root Entry", 5, 1, END_OF_CHAIN, 0),
        ("Workbook", 2, FREE, 2, length as u32),
    ] {
        let entry = file.len();
        file.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        file.resize(entry + 64, 0);
        file.extend((2 * name.len() as u16 + 2).to_le_bytes());
        file.extend([kind, 1]);
        file.extend([FREE, FREE, child].into_iter().flat_map(u32::to_le_bytes));
        file.resize(entry + 116, 0);
        file.extend(start.to_le_bytes());
        file.extend(u64::from(size).to_le_bytes());
    }
    file.resize(3 * SECTOR, 0);
    file.extend(stream);
    file.resize(3 * SECTOR + length, 0);
    Some(file)
}

fuzz_target!(|input: &[u8]| {
    ignore_guarded_panics();
    let Some((first, input)) = input.split_first() else {
        return;
    };
    // Bytes from 252 on choose the ODS, and those from 248 on the XLSB; the other ones keep
    // what they meant before.
    let bytes = match first % 4 {
        _ if *first >= 252 => pack_parts(&[], &ODS_PARTS, input),
        _ if *first >= 248 => pack_xlsb(input),
        0 => input.to_vec(),
        1 => match compound_file(input) {
            Some(bytes) => bytes,
            None => return,
        },
        _ => pack(input),
    };
    let path = write_input(&bytes);
    let choice = ReadingChoice {
        sheets: match first % 4 {
            3 => SheetChoice::Named(vec!["S".to_owned()]),
            2 => SheetChoice::All,
            _ => SheetChoice::Only,
        },
        ..ReadingChoice::default()
    };
    let schema = schema("veterans.persons");
    for export in Export::open(&path, 0, schema, &choice).into_iter().flatten() {
        let _ = inspect(&export, AS_OF, &|_| {});
    }
});
