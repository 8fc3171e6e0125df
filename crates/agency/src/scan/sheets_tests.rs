//! Workbooks with several sheets, merged areas and headers of two lines, through the
//! whole way of an export.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use jiff::civil::date;
use rust_xlsxwriter::{Chart, Format as CellFormat, Workbook, Worksheet};

use aidlink_faults::text::Language;
use aidlink_policy::reading::{ReadingChoice, SheetChoice};
use aidlink_policy::schema::ExportSchema;

use super::as_ods::as_ods;
use super::as_xlsb::as_xlsb;
use super::format::Format;
use super::pass::{Pass, Place, RowFault, RowView, Tally};
use super::{Export, RowsNotRead, WhyNotRead};
use crate::inspect::inspect;
use crate::national_id::IdFault;
use crate::reject::RejectReason;

const IDS: [&str; 5] = [
    "449901198505050014",
    "449901198505050022",
    "449901198505050030",
    "449901198505050049",
    "449901198505050057",
];
const HEADER: [&str; 4] = ["身份证号", "姓名", "救助类别", "在保状态"];

fn schema() -> ExportSchema {
    let schema = include_bytes!("../../../../schemas/civil-affairs.assistance.json");
    let name = Path::new("civil-affairs.assistance.json");
    ExportSchema::parse(name, schema).expect("the shipped schema")
}

/// The tables of a file. The folder is deleted with them.
struct Opened {
    tables: Vec<Export>,
    _folder: tempfile::TempDir,
}

/// Opens a file as an export of civil affairs. Faults are in English. A workbook is read
/// as ODS and as XLSB too, with the same result.
fn open(bytes: &[u8], sheets: SheetChoice) -> Result<Opened, Vec<String>> {
    let opened = open_alone(bytes, sheets.clone());
    let others = [(as_ods(bytes), Format::Ods), (as_xlsb(bytes), Format::Xlsb)];
    for (other, format) in others {
        let Some(other) = other else { continue };
        match (&opened, &open_alone(&other, sheets.clone())) {
            (Ok(opened), Ok(other)) => {
                assert_eq!(opened.summary(), other.summary());
                assert!(other.tables.iter().all(|table| table.format() == format));
            }
            (Err(faults), Err(other)) => assert_eq!(faults, other),
            (Ok(_), Err(faults)) => panic!("only {format:?} is refused: {faults:?}"),
            (Err(faults), Ok(_)) => panic!("{format:?} is not refused: {faults:?}"),
        }
    }
    opened
}

fn open_alone(bytes: &[u8], sheets: SheetChoice) -> Result<Opened, Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("名册");
    std::fs::write(&path, bytes).expect("writable");
    let choice = ReadingChoice {
        sheets,
        ..ReadingChoice::default()
    };
    let tables = Export::open(&path, 0, &schema(), &choice);
    let tables = tables.map_err(|faults| {
        let folder = folder.path().display().to_string();
        let said = faults
            .iter()
            .map(|fault| fault.render(Language::English).replace(&folder, ""));
        said.collect::<Vec<String>>()
    })?;
    Ok(Opened {
        tables,
        _folder: folder,
    })
}

fn opened(bytes: &[u8], sheets: SheetChoice) -> Opened {
    open(bytes, sheets).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn refused(bytes: &[u8], sheets: SheetChoice) -> String {
    let Err(faults) = open(bytes, sheets) else {
        panic!("it was opened")
    };
    faults.join("\n")
}

fn named(names: &[&str]) -> SheetChoice {
    SheetChoice::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The cells of some fields in each row.
#[derive(Default)]
struct Values(Vec<String>);

impl Tally<Vec<Option<usize>>> for Values {
    fn row(&mut self, columns: &Vec<Option<usize>>, _: Place, row: Result<RowView<'_>, RowFault>) {
        let row = row.expect("a row");
        let cells = columns.iter().map(|column| {
            let cell = column.map_or(&b"-"[..], |column| row.cell(column));
            String::from_utf8_lossy(cell).into_owned()
        });
        self.0.push(cells.collect::<Vec<String>>().join(" "));
    }

    fn append(&mut self, _: &Vec<Option<usize>>, next: Self, _: u64, _: u64) {
        self.0.extend(next.0);
    }
}

/// The cells of these fields in each row of a table, `-` where it has no such column.
fn values(table: &Export, fields: &[&str]) -> Vec<String> {
    let index = &table.columns().index;
    let columns: Vec<Option<usize>> = fields
        .iter()
        .map(|field| index.get(*field).copied())
        .collect();
    let read = table.read::<_, Values>(Pass::DEFAULT, &columns, &|_| {});
    let Ok(read) = read else {
        panic!("it cannot be read")
    };
    read.tally.0
}

/// The rows of a table, or why each is rejected.
#[derive(Default)]
struct All(Vec<String>);

impl Tally<Vec<Option<usize>>> for All {
    fn row(
        &mut self,
        columns: &Vec<Option<usize>>,
        place: Place,
        row: Result<RowView<'_>, RowFault>,
    ) {
        let cells = row.map(|row| {
            let cells = columns.iter().flatten().map(|column| row.cell(*column));
            cells
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect::<Vec<_>>()
        });
        self.0.push(format!("{} {:?}", place.line, cells.ok()));
    }

    fn append(&mut self, _: &Vec<Option<usize>>, next: Self, _: u64, _: u64) {
        self.0.extend(next.0);
    }
}

fn all_rows(table: &Export, fields: &[&str]) -> Vec<String> {
    let index = &table.columns().index;
    let columns: Vec<Option<usize>> = fields
        .iter()
        .map(|field| index.get(*field).copied())
        .collect();
    match table.read::<_, All>(Pass::DEFAULT, &columns, &|_| {}) {
        Ok(read) => read.tally.0,
        Err(_) => vec!["it cannot be read".to_owned()],
    }
}

impl Opened {
    /// The name of each sheet that is read, with its rows.
    fn read(&self) -> Vec<(&str, usize)> {
        let tables = self.tables.iter();
        let read = tables.map(|table| {
            let sheet = table.sheet().expect("a sheet");
            (sheet, values(table, &["national_id"]).len())
        });
        read.collect()
    }

    /// Everything that the tests look at.
    fn summary(&self) -> Vec<String> {
        let tables = self.tables.iter().map(|table| {
            let fields: Vec<&str> = table.columns().index.keys().map(String::as_str).collect();
            let others = table.sheets_not_read().iter();
            let others: Vec<_> = others
                .map(|other| (&other.sheet, other.why, other.has_header, &other.holds))
                .collect();
            let rows = all_rows(table, &fields);
            let width = table.dialect().width;
            format!("{:?} {fields:?} {width} {rows:?} {others:?}", table.sheet())
        });
        tables.collect()
    }

    /// The name of each sheet with content that is not read, why, its rows, and those with
    /// an ID number.
    fn not_read(&self) -> Vec<(&str, WhyNotRead, u64, u64)> {
        let sheets = self.tables[0].sheets_not_read().iter();
        let sheets = sheets.map(|sheet| {
            let RowsNotRead { rows, with_id } = sheet.holds.expect("readable");
            (sheet.sheet.as_str(), sheet.why, rows, with_id)
        });
        sheets.collect()
    }
}

fn write_lines(sheet: &mut Worksheet, first_row: u32, lines: &[&[&str]]) {
    for (row, line) in (first_row..).zip(lines) {
        for (column, cell) in (0..).zip(*line) {
            if !cell.is_empty() {
                sheet.write_string(row, column, *cell).expect("a cell");
            }
        }
    }
}

/// Adds a sheet with a header and a row for each ID number.
fn add_town<'w>(workbook: &'w mut Workbook, name: &str, ids: &[&str]) -> &'w mut Worksheet {
    let sheet = add_sheet(workbook, name, &[&HEADER]);
    for (row, id) in (1..).zip(ids) {
        write_lines(sheet, row, &[&[id, "赵某", "低保", "在保"]]);
    }
    sheet
}

fn add_sheet<'w>(workbook: &'w mut Workbook, name: &str, lines: &[&[&str]]) -> &'w mut Worksheet {
    let sheet = workbook.add_worksheet().set_name(name).expect("a name");
    write_lines(sheet, 0, lines);
    sheet
}

fn saved(mut workbook: Workbook) -> Vec<u8> {
    workbook.save_to_buffer().expect("memory")
}

/// A workbook as offices put it together: notes, a chart, towns, a summary, a list of
/// codes, an old copy that is hidden.
fn county() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let notes = [&["填报说明：身份证号须为文本格式"][..], &["示例", IDS[4]]];
    add_sheet(&mut workbook, "说明", &notes);
    let chart = workbook.add_chartsheet();
    chart.set_name("图").expect("a name");
    let mut column = Chart::new(rust_xlsxwriter::ChartType::Column);
    column.add_series().set_values("说明!$A$1:$A$2");
    chart.insert_chart(0, 0, &column).expect("a chart");
    add_town(&mut workbook, "江口镇", &IDS[..2]);
    add_sheet(&mut workbook, "汇总", &[&["镇", "人数"], &["江口镇", "2"]]);
    add_town(&mut workbook, "城关镇13800001234", &IDS[2..3]);
    add_sheet(&mut workbook, "空表", &[]);
    add_town(&mut workbook, "旧表", &IDS[3..]).set_hidden(true);
    let codes = [&["类别", "状态"][..], &["低保", "在保"]];
    add_sheet(&mut workbook, "代码", &codes).set_very_hidden(true);
    saved(workbook)
}

#[test]
fn several_sheets_with_a_header_are_read_only_if_the_round_says_which() {
    let bytes = county();
    let said = refused(&bytes, SheetChoice::Only);
    for words in [
        "2 sheets of the workbook have a header: `江口镇` (2 rows), `城关镇***` (1 row)",
        "sheets = \"all\"",
        "--sheets all",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let notes = ("说明", WhyNotRead::NoHeader, 2, 1);
    let summary = ("汇总", WhyNotRead::NoHeader, 2, 0);
    let old = ("旧表", WhyNotRead::Hidden, 2, 2);
    let codes = ("代码", WhyNotRead::Hidden, 2, 0);
    let (river, town) = (("江口镇", 2), ("城关镇***", 1));
    let town_not_read = ("城关镇***", WhyNotRead::NotNamed, 1, 1);
    for (choice, read, not_read) in [
        (
            SheetChoice::All,
            vec![river, town],
            vec![notes, summary, old, codes],
        ),
        (
            named(&["城关镇13800001234", "江口镇", "江口镇"]),
            vec![river, town],
            vec![notes, summary, old, codes],
        ),
        (
            named(&["江口镇"]),
            vec![river],
            vec![notes, summary, town_not_read, old, codes],
        ),
        // By its name, a hidden sheet is read.
        (
            named(&["江口镇", "旧表"]),
            vec![river, ("旧表", 2)],
            vec![notes, summary, town_not_read, codes],
        ),
    ] {
        let opened = opened(&bytes, choice);
        assert_eq!(opened.read(), read);
        assert_eq!(opened.not_read(), not_read);
        let told: Vec<&str> = opened.tables[0]
            .sheets_not_read()
            .iter()
            .filter(|sheet| sheet.may_hold_persons())
            .map(|sheet| sheet.sheet.as_str())
            .collect();
        // Sheets without anything like a person need not be mentioned.
        assert!(told.contains(&"说明") && !told.contains(&"汇总") && !told.contains(&"代码"));
    }
    for (names, words) in [
        (&["江口镇", "城关"][..], "the workbook has no sheet `城关`"),
        (
            &["说明"],
            "sheet `说明`: no header was found in the first 30 lines",
        ),
        (
            &["空表"],
            "sheet `空表`: no header was found in the first 30 lines",
        ),
    ] {
        let said = refused(&bytes, named(names));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn the_only_visible_sheet_with_a_header_and_rows_is_read() {
    let mut workbook = Workbook::new();
    add_sheet(&mut workbook, "说明", &[&["填报说明"]]);
    add_sheet(&mut workbook, "模板", &[&HEADER]);
    add_town(&mut workbook, "旧表", &IDS[..1]).set_hidden(true);
    let lines: [&[&str]; 3] = [&["名册"], &HEADER, &[IDS[1], "赵某", "低保", "在保"]];
    add_sheet(&mut workbook, "名册", &lines);
    let opened = opened(&saved(workbook), SheetChoice::Only);
    assert_eq!(opened.read(), [("名册", 1)]);
    assert_eq!(opened.tables[0].body_line(), 3);
    assert_eq!(
        opened.not_read(),
        [
            ("说明", WhyNotRead::NoHeader, 1, 0),
            ("旧表", WhyNotRead::Hidden, 1, 1)
        ]
    );
}

#[test]
fn a_workbook_without_a_visible_header_is_refused_with_the_names_of_its_sheets() {
    let mut workbook = Workbook::new();
    add_sheet(&mut workbook, "说明", &[&["填报说明"]]);
    add_sheet(&mut workbook, "汇总", &[&["镇", "人数"]]);
    add_town(&mut workbook, "名册", &IDS[..3]).set_hidden(true);
    let said = refused(&saved(workbook), SheetChoice::Only);
    for words in [
        "no sheet has a header with an ID column in its first 30 lines: `说明`, `汇总`",
        "sheet `名册` was not read (hidden): 3 rows, 3 of them with an ID number",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // The message has the line for the round file, which reads the sheet.
    for (name, line) in [
        ("数据", "sheets = [\"数据\"]"),
        ("2026年\"低保\"", "sheets = [\"2026年\\\"低保\\\"\"]"),
        (
            "城关13800001234",
            "sheets = [\"城关***\"] (with the number in place of ***)",
        ),
    ] {
        for is_alone in [false, true] {
            let mut workbook = Workbook::new();
            let notes = [&["填报说明"][..]];
            add_sheet(&mut workbook, "说明", if is_alone { &[] } else { &notes });
            add_town(&mut workbook, name, &IDS[..2]).set_hidden(true);
            let bytes = saved(workbook);
            let said = refused(&bytes, SheetChoice::Only);
            let hint = said.lines().last().expect("a hint");
            assert!(hint.ends_with(line), "{said}");
            assert_eq!(opened(&bytes, named(&[name])).read()[0].1, 2);
        }
    }
    // Without a header, naming the sheet would not help.
    let mut workbook = Workbook::new();
    add_sheet(&mut workbook, "说明", &[&["填报说明"]]);
    add_sheet(&mut workbook, "数据", &[&[IDS[0], "赵某"]]).set_hidden(true);
    let said = refused(&saved(workbook), SheetChoice::Only);
    assert!(
        said.contains("sheet `数据` was not read (hidden)"),
        "{said}"
    );
    assert!(!said.contains("sheets = "), "{said}");
    // A fault in the only table is told as such.
    let mut workbook = Workbook::new();
    add_sheet(&mut workbook, "说明", &[]);
    add_sheet(&mut workbook, "名册", &[&["姓名", "救助类别"]]);
    let said = refused(&saved(workbook), SheetChoice::Only);
    assert!(
        said.contains("sheet `名册`: the header has no ID column"),
        "{said}"
    );
}

#[test]
fn each_sheet_has_a_header_of_its_own() {
    let mut workbook = Workbook::new();
    add_town(&mut workbook, "甲", &IDS[..1]);
    let lines: [&[&str]; 4] = [
        &["名册"],
        &["序号", "救助类别", "姓名", "公民身份号码"],
        &["1", "特困", "赵某", IDS[1]],
        &["2", "低保", "赵某", "不详"],
    ];
    add_sheet(&mut workbook, "乙", &lines);
    let opened = opened(&saved(workbook), SheetChoice::All);
    let [first, second] = opened.tables.as_slice() else {
        panic!("two sheets")
    };
    let fields = ["national_id", "kind", "status"];
    assert_eq!(values(first, &fields), [format!("{} 低保 在保", IDS[0])]);
    assert_eq!(
        values(second, &fields),
        [format!("{} 特困 -", IDS[1]), "不详 低保 -".to_owned()]
    );
    // Lines are those of the sheet.
    let inspection = inspect(second, date(2026, 9, 30), &|_| {}).expect("readable");
    let lines: Vec<&[u64]> = inspection
        .rejects
        .values()
        .map(|rows| rows.first_lines.as_slice())
        .collect();
    assert_eq!(lines, [[4]]);
}

/// The parts of a workbook, changed.
fn changed(bytes: &[u8], change: impl Fn(&str, String) -> Option<(String, String)>) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut member = from.by_index(index).expect("a part");
        let name = member.name().expect("a name").into_owned();
        let mut content = String::new();
        member.read_to_string(&mut content).expect("UTF-8");
        if let Some((name, content)) = change(&name, content) {
            let options = zip::write::SimpleFileOptions::default();
            to.start_file(name, options).expect("a name");
            to.write_all(content.as_bytes()).expect("memory");
        }
    }
    to.finish().expect("memory").into_inner()
}

/// A visible sheet that cannot be read may be the table, so it is not passed over. A hidden
/// one is never a reason to refuse the others.
#[test]
fn only_a_visible_sheet_that_cannot_be_read_is_an_error() {
    for (is_hidden, is_missing) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut workbook = Workbook::new();
        add_town(&mut workbook, "甲", &IDS[..1]);
        add_town(&mut workbook, "乙", &IDS[1..2]).set_hidden(is_hidden);
        let bytes = changed(&saved(workbook), |name, content| {
            match (name.ends_with("sheet2.xml"), is_missing) {
                (true, true) => None,
                (true, false) => Some((name.to_owned(), content[..400].to_owned())),
                (false, _) => Some((name.to_owned(), content)),
            }
        });
        let of_first = opened(&bytes, named(&["甲"]));
        assert_eq!(of_first.read(), [("甲", 1)]);
        let [second] = of_first.tables[0].sheets_not_read() else {
            panic!("one other sheet")
        };
        let why = match is_hidden {
            true => WhyNotRead::Hidden,
            false => WhyNotRead::NotNamed,
        };
        assert_eq!((second.why, second.holds), (why, None));
        assert!(second.may_hold_persons());
        for names in [&["乙"][..], &["甲", "乙"]] {
            let said = refused(&bytes, named(names));
            assert_eq!(said.matches("sheet `乙`").count(), 1, "{said}");
            assert!(!said.contains("header"), "{said}");
        }
        for choice in [SheetChoice::Only, SheetChoice::All] {
            match is_hidden {
                true => assert_eq!(opened(&bytes, choice).read(), [("甲", 1)]),
                false => assert!(refused(&bytes, choice).contains("sheet `乙`")),
            }
        }
    }
}

#[test]
fn packages_of_unusual_writers_are_workbooks() {
    let mut workbook = Workbook::new();
    add_town(&mut workbook, "名册", &IDS[..2]);
    let bytes = saved(workbook);
    let lower = |name: &str| name.to_lowercase();
    let backslashes = |name: &str| name.replace('/', "\\");
    let both = |name: &str| lower(&backslashes(name));
    let as_it_is = |name: &str| name.to_owned();
    type Renamed<'r> = &'r dyn Fn(&str) -> String;
    for renamed in [&as_it_is as Renamed<'_>, &lower, &backslashes, &both] {
        let packed = changed(&bytes, |name, content| Some((renamed(name), content)));
        assert_eq!(opened(&packed, SheetChoice::Only).read(), [("名册", 2)]);
    }
    // The stated extent, and cells without a value, say nothing.
    for dimension in ["A1:XFD1048576", "1:1048576", "A:XFD", "B7", ""] {
        let packed = changed(&bytes, |name, content| {
            let stated = content.replace("ref=\"A1:D3\"", &format!("ref=\"{dimension}\""));
            let far = "<row r=\"1048576\"><c r=\"A1048576\" s=\"0\"/><c r=\"XFD1048576\" s=\"0\"/></row></sheetData>";
            let content = stated.replace("</sheetData>", far);
            Some((name.to_owned(), content))
        });
        let opened = opened(&packed, SheetChoice::Only);
        assert_eq!(opened.read(), [("名册", 2)]);
        assert_eq!(opened.tables[0].dialect().width, 4);
    }
}

/// The relationship says what a sheet is, and may be wrong.
#[test]
fn a_chart_dialog_or_sheet_of_macros_that_has_rows_is_reported() {
    let mut workbook = Workbook::new();
    add_town(&mut workbook, "名册", &IDS[..2]);
    add_town(&mut workbook, "另表", &IDS[2..3]);
    let bytes = saved(workbook);
    let worksheet = "relationships/worksheet\" Target=\"worksheets/sheet2.xml\"";
    for kind in [
        "chartsheet",
        "dialogsheet",
        "xlMacrosheet",
        "xlIntlMacrosheet",
    ] {
        let other = worksheet.replacen("worksheet", kind, 1);
        let packed = changed(&bytes, |name, content| {
            Some((name.to_owned(), content.replace(worksheet, &other)))
        });
        let opened = open_alone(&packed, SheetChoice::Only);
        let opened = opened.unwrap_or_else(|said| panic!("{kind}: {said:?}"));
        assert_eq!(opened.read(), [("名册", 2)], "{kind}");
        let not_read = [("另表", WhyNotRead::NotNamed, 1, 1)];
        assert_eq!(opened.not_read(), not_read, "{kind}");
    }
}

#[test]
fn other_office_files_are_told_as_such() {
    for (parts, words) in [
        (
            &["mimetype", "content.xml"][..],
            "the file is an OpenDocument file, but not an ODS spreadsheet",
        ),
        (
            &["[Content_Types].xml", "word/document.xml"],
            "the file is not a workbook",
        ),
    ] {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for part in parts {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(*part, options).expect("a name");
            archive.write_all(b"<a/>").expect("memory");
        }
        let bytes = archive.finish().expect("memory").into_inner();
        let said = refused(&bytes, SheetChoice::Only);
        assert!(
            said.contains(words) && said.contains("Excel Workbook (*.xlsx)"),
            "{said}"
        );
    }
}

/// A register of two households and a footnote. Columns: household, ID, name, kind,
/// status, and one that no field has.
fn households(merged: &[[u32; 4]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let header = ["户编号", "身份证号", "姓名", "救助类别", "在保状态", "备注"];
    let lines: [&[&str]; 7] = [
        &["低保花名册"],
        &header,
        &["H1", IDS[0], "赵甲", "低保", "在保", "困难"],
        &["", IDS[1], "赵乙", "", "", ""],
        &["", IDS[2], "赵丙", "", "停保", ""],
        &["H2", IDS[3], "钱甲", "特困", "在保", ""],
        &["合计", "", "", "", "", "4"],
    ];
    let sheet = add_sheet(&mut workbook, "名册", &lines);
    let format = CellFormat::new();
    for [first_row, first_column, last_row, last_column] in merged {
        let column = |column: u32| column as u16 - 1;
        let (row, first_column) = (first_row - 1, column(*first_column));
        let text = lines[row as usize].get(usize::from(first_column)).copied();
        let last_column = column(*last_column);
        // It writes blanks over the other cells, so that these are written again.
        let text = text.unwrap_or_default();
        sheet
            .merge_range(row, first_column, last_row - 1, last_column, text, &format)
            .expect("an area");
        for (line, cells) in (0..).zip(&lines) {
            for (column, cell) in (0..).zip(*cells) {
                let is_first = (line, column) == (row, first_column);
                if !cell.is_empty() && !is_first {
                    sheet.write_string(line, column, *cell).expect("a cell");
                }
            }
        }
    }
    saved(workbook)
}

#[test]
fn the_value_of_a_merged_area_counts_for_all_its_rows() {
    let fields = ["household_number", "name", "kind", "status"];
    let plain = [
        "H1 赵甲 低保 在保",
        " 赵乙  ",
        " 赵丙  停保",
        "H2 钱甲 特困 在保",
    ];
    for (merged, rows) in [
        (&[][..], plain),
        (
            // A cell with a value of its own keeps it.
            &[[3, 1, 5, 1], [3, 4, 5, 4], [3, 5, 5, 5]],
            [
                "H1 赵甲 低保 在保",
                "H1 赵乙 低保 在保",
                "H1 赵丙 低保 停保",
                "H2 钱甲 特困 在保",
            ],
        ),
        (
            // Nobody knows whether the value of an area is that of its other columns too.
            &[[3, 4, 4, 5]],
            [
                "H1 赵甲 低保 在保",
                " 赵乙 低保 #MERGED",
                " 赵丙  停保",
                "H2 钱甲 特困 在保",
            ],
        ),
        (
            &[[3, 3, 5, 4]],
            [
                "H1 赵甲 低保 在保",
                " 赵乙 #MERGED ",
                " 赵丙 #MERGED 停保",
                "H2 钱甲 特困 在保",
            ],
        ),
        // An area without a value says nothing, and a line of totals is none of a person.
        (&[[4, 4, 4, 5], [7, 1, 7, 5]], plain),
        // A title, a name and a column that no field has.
        (&[[1, 1, 1, 6], [3, 3, 5, 3], [3, 6, 5, 6]], plain),
    ] {
        let opened = opened(&households(merged), SheetChoice::Only);
        assert_eq!(values(&opened.tables[0], &fields), rows, "{merged:?}");
    }
}

/// What is read of the sheets of a register with these lines and merged areas: the cells of
/// ID, name, kind and status of each row, and the rejects.
fn read_merged(lines: &[&[&str]], areas: &[[u32; 4]]) -> (Vec<String>, Vec<(IdFault, Vec<u64>)>) {
    let mut workbook = Workbook::new();
    let sheet = add_sheet(&mut workbook, "名册", lines);
    for [first_row, first_column, last_row, last_column] in areas {
        let first = lines[*first_row as usize - 1].get(*first_column as usize - 1);
        let column = |column: u32| column as u16 - 1;
        sheet
            .merge_range(
                first_row - 1,
                column(*first_column),
                last_row - 1,
                column(*last_column),
                first.copied().unwrap_or_default(),
                &CellFormat::new(),
            )
            .expect("an area");
        // It writes blanks over the other cells.
        for (row, cells) in (0..).zip(lines) {
            for (column, cell) in (0..).zip(*cells).filter(|(_, cell)| !cell.is_empty()) {
                let is_first = [row + 1, u32::from(column) + 1] == [*first_row, *first_column];
                if !is_first {
                    sheet.write_string(row, column, *cell).expect("a cell");
                }
            }
        }
    }
    let opened = opened(&saved(workbook), SheetChoice::Only);
    let fields = ["national_id", "name", "kind", "status"];
    let values = values(&opened.tables[0], &fields);
    let inspection = inspect(&opened.tables[0], date(2026, 9, 30), &|_| {}).expect("readable");
    let rejects = inspection.rejects.into_iter();
    let rejects = rejects.map(|(reason, rows)| match reason {
        RejectReason::Id(fault) => (fault, rows.first_lines),
        other => panic!("{other:?}"),
    });
    (values, rejects.collect())
}

#[test]
fn an_area_over_the_id_column_and_others_gives_no_row_the_value_of_another_cell() {
    let (a, b) = (IDS[0], IDS[1]);
    let header: [&str; 5] = ["姓名", "身份证号", "救助类别", "在保状态", "备注"];
    let read = |rows: &[[&str; 5]], areas: &[[u32; 4]]| {
        let mut lines: Vec<&[&str]> = vec![&header];
        lines.extend(rows.iter().map(|row| &row[..]));
        read_merged(&lines, areas)
    };
    let row = |id: &str, rest: &str| format!("{id} {rest}");
    // The ID number over its own column and those to its right.
    let (values, rejects) = read(
        &[["赵甲", a, "", "", ""], ["赵乙", "", "", "停保", ""]],
        &[[2, 2, 3, 3]],
    );
    assert_eq!(
        values,
        [row(a, "赵甲 #MERGED "), row("#MERGED", "赵乙 #MERGED 停保")]
    );
    assert_eq!(rejects, [(IdFault::Merged, vec![3])]);
    // In one row alone.
    let (values, rejects) = read(&[["赵甲", a, "", "", ""]], &[[2, 2, 2, 4]]);
    assert_eq!(values, [row(a, "赵甲 #MERGED #MERGED")]);
    assert!(rejects.is_empty());
    // From a column on its left, in one row or several.
    for (last_row, rejected) in [(2, vec![2]), (3, vec![2, 3])] {
        let (_, rejects) = read(
            &[[a, "", "低保", "在保", ""], ["", "", "特困", "在保", ""]],
            &[[2, 1, last_row, 2]],
        );
        let mut expected = vec![(IdFault::Merged, rejected)];
        if last_row == 2 {
            expected.insert(0, (IdFault::Empty, vec![3]));
        }
        assert_eq!(rejects, expected);
    }
    // Lines that are not rows: titles, totals, units and the header again.
    let (values, rejects) = read(
        &[
            ["单位：元", "", "", "", ""],
            ["赵甲", a, "低保", "在保", ""],
            ["合计", "", "", "", "1"],
            header,
            ["赵乙", b, "低保", "在保", ""],
            ["填表人：", "", "", "", ""],
        ],
        &[[2, 1, 2, 5], [4, 1, 4, 4], [7, 1, 7, 5]],
    );
    assert_eq!(values, [row(a, "赵甲 低保 在保"), row(b, "赵乙 低保 在保")]);
    assert!(rejects.is_empty());
}

/// Cells below a header that is merged over their columns are one cell.
#[test]
fn a_header_over_several_columns_names_the_cells_of_all() {
    let (a, b) = (IDS[0], IDS[1]);
    let both = format!("{a} / {b}");
    for (header, areas, row, expected, reject) in [
        // The value in the first column, in another, in both.
        (
            ["身份证号", "姓名", "救助类别", "", "在保状态"],
            vec![[1, 3, 1, 4]],
            [a, "赵甲", "低保", "", "在保"],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
        (
            ["身份证号", "姓名", "救助类别", "", "在保状态"],
            vec![[1, 3, 1, 4]],
            [a, "赵甲", "", "低保", "在保"],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
        (
            ["身份证号", "姓名", "救助类别", "", "在保状态"],
            vec![[1, 3, 1, 4]],
            [a, "赵甲", "低保", "2024", "在保"],
            format!("{a} 赵甲 低保 / 2024 在保"),
            None,
        ),
        // The rows are merged as the header is.
        (
            ["身份证号", "姓名", "救助类别", "", "在保状态"],
            vec![[1, 3, 1, 4], [2, 3, 2, 4]],
            [a, "赵甲", "低保", "", "在保"],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
        // Without the area, the column has no header.
        (
            ["身份证号", "姓名", "救助类别", "", "在保状态"],
            vec![],
            [a, "赵甲", "", "低保", "在保"],
            format!("{a} 赵甲  在保"),
            None,
        ),
        (
            ["身份证号", "", "姓名", "救助类别", "在保状态"],
            vec![[1, 1, 1, 2]],
            ["", a, "赵甲", "低保", "在保"],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
        (
            ["身份证号", "", "姓名", "救助类别", "在保状态"],
            vec![[1, 1, 1, 2]],
            [a, b, "赵甲", "低保", "在保"],
            format!("{both} 赵甲 低保 在保"),
            Some(IdFault::TwoInCell),
        ),
        // A header that the area hides.
        (
            ["身份证号", "姓名", "救助类别", "在保状态", ""],
            vec![[1, 3, 1, 5]],
            [a, "赵甲", "低保", "在保", ""],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
        // At the end of the sheet.
        (
            ["身份证号", "姓名", "救助类别", "在保状态", ""],
            vec![[1, 4, 1, 5]],
            [a, "赵甲", "低保", "", "在保"],
            format!("{a} 赵甲 低保 在保"),
            None,
        ),
    ] {
        let (values, rejects) = read_merged(&[&header, &row], &areas);
        assert_eq!(values, [expected], "{areas:?} {row:?}");
        let rejects: Vec<IdFault> = rejects.into_iter().map(|(fault, _)| fault).collect();
        assert_eq!(rejects, Vec::from_iter(reject), "{areas:?} {row:?}");
    }
}

/// A title over the columns of a group is no header of one field.
#[test]
fn a_title_of_a_group_over_several_columns_makes_no_cell_of_them() {
    let lines: [&[&str]; 4] = [
        &["身份证号", "姓名", "救助情况", ""],
        &["", "", "类别", "在保状态"],
        &[IDS[0], "赵甲", "低保", "在保"],
        &["", "", "", "停保"],
    ];
    let areas = [[1, 1, 2, 1], [1, 2, 2, 2], [1, 3, 1, 4], [3, 1, 4, 1]];
    let (values, rejects) = read_merged(&lines, &areas);
    assert_eq!(
        values,
        [
            format!("{} 赵甲 低保 在保", IDS[0]),
            "#MERGED   停保".to_owned()
        ]
    );
    assert_eq!(rejects, [(IdFault::Merged, vec![4])]);
}

#[test]
fn an_id_number_belongs_to_one_row() {
    let mut workbook = Workbook::new();
    let lines: [&[&str]; 5] = [
        &HEADER,
        &[IDS[0], "赵甲", "低保", "在保"],
        &["", "赵乙", "低保", "在保"],
        &["", "赵丙", "低保", "在保"],
        &["合计", "", "", "3"],
    ];
    let sheet = add_sheet(&mut workbook, "名册", &lines);
    let format = CellFormat::new();
    sheet
        .merge_range(1, 0, 3, 0, IDS[0], &format)
        .and_then(|sheet| sheet.merge_range(4, 0, 4, 1, "合计", &format))
        .expect("areas");
    let opened = opened(&saved(workbook), SheetChoice::Only);
    let table = &opened.tables[0];
    let inspection = inspect(table, date(2026, 9, 30), &|_| {}).expect("readable");
    let rejects: Vec<(RejectReason, Vec<u64>)> = inspection
        .rejects
        .into_iter()
        .map(|(reason, rows)| (reason, rows.first_lines))
        .collect();
    assert_eq!(rejects, [(RejectReason::Id(IdFault::Merged), vec![3, 4])]);
    assert_eq!(
        (inspection.counts.rows, inspection.counts.total_lines),
        (3, 1)
    );
}

/// The second line of a header is in every format that lines may come in.
#[test]
fn a_header_of_two_lines_is_put_together() {
    let fields = ["national_id", "name", "kind", "status", "birth_date"];
    let row: [&str; 6] = ["1", IDS[0], "赵某", "低保", "在保", "1985-05-05"];
    let as_read = format!("{} 赵某 低保 在保", IDS[0]);
    for (lines, birth_date) in [
        // A group below the ID's line.
        (
            [
                ["序号", "身份证号", "姓名", "救助情况", "", "出生日期"],
                ["", "", "", "类别", "在保状态", ""],
            ],
            "1985-05-05",
        ),
        // The ID in a group; the others have their names in the line above.
        (
            [
                ["序号", "基本信息", "", "救助类别", "在保状态", "出生日期"],
                ["", "身份证号", "姓名", "", "", ""],
            ],
            "1985-05-05",
        ),
        // Both together are the name of a field.
        (
            [
                ["序号", "身份证号", "姓名", "救助", "", "出生日期"],
                ["", "", "", "类别", "在保状态", ""],
            ],
            "1985-05-05",
        ),
        // The date is another person's.
        (
            [
                ["序号", "基本信息", "", "救助信息", "", "监护人"],
                ["", "身份证号", "姓名", "救助类别", "在保状态", "出生日期"],
            ],
            "-",
        ),
    ] {
        let mut workbook = Workbook::new();
        let title: &[&str] = &["2026年第三季度低保花名册"];
        add_sheet(&mut workbook, "名册", &[title, &lines[0], &lines[1], &row]);
        let csv = [title, &lines[0], &lines[1], &row].map(|line| line.join(","));
        for bytes in [saved(workbook), csv.join("\n").into_bytes()] {
            let opened = opened(&bytes, SheetChoice::Only);
            let table = &opened.tables[0];
            assert_eq!(
                values(table, &fields),
                [format!("{as_read} {birth_date}")],
                "{lines:?}"
            );
            assert_eq!(table.body_line(), 4);
        }
    }
}

/// White space around the name of a sheet cannot be seen. Excel keeps it.
#[test]
fn a_sheet_is_found_by_its_name_without_the_white_space_around_it() {
    let row = [IDS[0], "赵甲", "低保", "在保"];
    for in_book in ["甲", "甲 ", " 甲", "\u{3000}甲\u{a0}"] {
        for in_round in ["甲", " 甲", "甲\u{3000}"] {
            let mut workbook = Workbook::new();
            add_sheet(&mut workbook, in_book, &[&HEADER, &row]);
            add_sheet(&mut workbook, "乙", &[&HEADER, &row, &row]);
            let opened = opened(&saved(workbook), named(&[in_round]));
            let read: Vec<usize> = opened.read().iter().map(|(_, rows)| *rows).collect();
            assert_eq!(read, [1], "{in_book:?}, {in_round:?}");
        }
    }
    // It counts where two sheets differ by nothing else.
    let mut workbook = Workbook::new();
    add_sheet(&mut workbook, "甲", &[&HEADER, &row]);
    add_sheet(&mut workbook, "甲 ", &[&HEADER, &row, &row]);
    let bytes = saved(workbook);
    for (name, rows) in [("甲", 1), ("甲 ", 2)] {
        let opened = opened(&bytes, named(&[name]));
        assert_eq!(opened.read(), [(name, rows)]);
    }
}

/// The rows of a sheet whose header, or whose cells, are shifted have content beyond the
/// last column with a header. As in a text, they are rejected and not read by the wrong
/// columns.
#[test]
fn a_row_with_content_beyond_the_last_header_is_rejected() {
    let row = [IDS[0], "赵甲", "低保", "在保"];
    let shifted = ["", IDS[0], "赵甲", "低保", "在保"];
    let no_status = [IDS[0], "赵甲", "低保", ""];
    let remark = [IDS[0], "赵甲", "低保", "在保", "困难"];
    let far = [IDS[0], "赵甲", "低保", "在保", "", "", "1"];
    let total = ["合计", "", "", "", "1"];
    let without_name: Vec<&str> = HEADER
        .iter()
        .copied()
        .filter(|name| *name != "姓名")
        .collect();
    for (header, lines, rejected) in [
        // Nothing is shifted.
        (&HEADER[..], &[&row[..], &row][..], &[][..]),
        (&HEADER, &[&row, &no_status, &total], &[]),
        // Cells were inserted before or in a row, or a remark is beside it.
        (&HEADER, &[&row, &shifted, &row], &[3]),
        (&HEADER, &[&row, &remark, &far], &[3, 4]),
        // A cell of the header was deleted.
        (&without_name, &[&row, &row, &row], &[2, 3, 4]),
        (&HEADER[..3], &[&row, &no_status], &[2]),
    ] {
        let csv = [&[header], lines]
            .concat()
            .iter()
            .map(|line| line.join(","))
            .collect::<Vec<_>>();
        let mut workbook = Workbook::new();
        let lines = [&[header], lines].concat();
        let sheet = add_sheet(&mut workbook, "名册", &lines);
        // Blank cells with a format are no content.
        let format = CellFormat::new().set_bold();
        sheet.write_blank(1, 9, &format).expect("a cell");
        for (form, bytes) in [
            ("xlsx", saved(workbook)),
            ("csv", csv.join("\n").into_bytes()),
        ] {
            let opened = opened(&bytes, SheetChoice::Only);
            let table = &opened.tables[0];
            let inspection = inspect(table, date(2026, 9, 30), &|_| {});
            let rejects = inspection.expect("readable").rejects;
            let lines = rejects.get(&RejectReason::FieldCount);
            let lines = lines.map_or(&[][..], |rows| &rows.first_lines);
            assert_eq!(lines, rejected, "{form}: {header:?}");
        }
    }
}

/// A header cell that is merged over several columns names all of them.
#[test]
fn a_merged_header_at_the_end_of_a_sheet_names_its_columns() {
    for (merged, rejected) in [(true, 0), (false, 1)] {
        let mut workbook = Workbook::new();
        let row = [IDS[0], "赵甲", "低保", "在保", "城关镇", "东街"];
        let header = [&HEADER[..], &["地址"]].concat();
        let sheet = add_sheet(&mut workbook, "名册", &[&header, &row]);
        if merged {
            let area = sheet.merge_range(0, 4, 0, 5, "地址", &CellFormat::new());
            area.expect("an area");
        }
        let opened = opened(&saved(workbook), SheetChoice::Only);
        let inspection = inspect(&opened.tables[0], date(2026, 9, 30), &|_| {});
        assert_eq!(inspection.expect("readable").rejects.len(), rejected);
    }
}

/// A row is never taken for a line of the header.
#[test]
fn a_row_below_the_header_is_a_row() {
    let header = ["身份证号", "姓名", "地址", "", "救助类别"];
    for row in [
        [IDS[0], "", "城关镇", "东街", ""],
        ["不详", "", "城关镇", "东街", ""],
        ["", "赵某", "城关镇", "东街", ""],
        ["", "", "城关镇", "东街", "低保"],
    ] {
        let csv = [header, row].map(|line| line.join(",")).join("\n");
        let opened = opened(csv.as_bytes(), SheetChoice::Only);
        assert_eq!(
            values(&opened.tables[0], &["national_id"]),
            [row[0]],
            "{row:?}"
        );
    }
}

/// The title of a group reaches to the next title. Known columns below the title of another
/// person are listed, so that nobody wonders where they are.
#[test]
fn columns_below_the_title_of_another_person_are_listed() {
    for (titles, listed) in [
        (["本人", "", "户主信息", "", "", ""], &[2, 3, 4, 5][..]),
        (["本人", "", "监护人", "", "本人", ""], &[2, 3]),
        (["本人", "", "户主", "", "救助信息", ""], &[2, 3]),
        (["本人", "", "救助信息", "", "", "联系人"], &[5]),
        (["基本信息", "", "救助信息", "", "", ""], &[]),
    ] {
        let names = match titles[2] {
            "救助信息" => [
                "姓名",
                "身份证号",
                "救助类别",
                "户编号",
                "城乡类别",
                "在保状态",
            ],
            _ => [
                "姓名",
                "身份证号",
                "姓名",
                "身份证号",
                "救助类别",
                "在保状态",
            ],
        };
        let row = ["赵甲", IDS[0], "赵乙", IDS[1], "低保", "在保"];
        let csv = [titles, names, row].map(|line| line.join(",")).join("\n");
        let opened = opened(csv.as_bytes(), SheetChoice::Only);
        let columns = opened.tables[0].columns();
        assert_eq!(columns.of_other_persons, listed, "{titles:?}");
        assert_eq!(columns.index["national_id"], 1, "{titles:?}");
    }
}

/// The number of another person is not taken for that of the row's person.
#[test]
fn the_id_number_of_another_person_is_no_id_column() {
    for title in ["监护人", "监护人信息", "户主", "法定代理人情况"] {
        let csv = format!(
            "姓名,{title},,救助类别\n,姓名,身份证号,\n赵甲,赵乙,{},低保\n",
            IDS[0]
        );
        let said = refused(csv.as_bytes(), SheetChoice::Only);
        assert!(
            said.contains(&format!("`{title} 身份证号`, is another person's")),
            "{title}: {said}"
        );
    }
}
