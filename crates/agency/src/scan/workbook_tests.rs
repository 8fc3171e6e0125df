//! Workbooks through the whole way of an export: XLSX sheets give the text that
//! another reader gives, and small files that ask for much are refused.

use std::io::{Cursor, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use calamine::{Reader, Xlsx};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Language;
use aidlink_policy::reading::ReadingChoice;
use aidlink_policy::schema::ExportSchema;
use aidlink_workbook::{MergedAreas, TextBudget};

use super::Export;
use super::as_ods;
use super::compound_file::container_of;
use super::sheet_reader::{SheetReader, Visited};
use super::written_out::{SheetText, write_cell};
use super::xls::cell_text;
use super::xlsx;

const NAME: &str = "名册.xlsx";

/// The text of the named sheet, or of the first with content, by calamine alone,
/// as a full grid.
fn by_calamine(bytes: &[u8], named: Option<&str>) -> String {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let names = workbook.sheet_names();
    let mut first_with_content = || {
        let holds_something = |name: &&String| {
            let range = workbook.worksheet_range(name);
            !range.expect("a sheet").is_empty()
        };
        names.iter().find(holds_something).cloned()
    };
    let name = match named {
        Some(name) => name.to_owned(),
        None => first_with_content().expect("a sheet with content"),
    };
    let range = workbook.worksheet_range(&name).expect("a sheet");
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut csv = vec![b'\n'; first_row as usize];
    for row in range.rows() {
        csv.extend(std::iter::repeat_n(b',', first_column as usize));
        for (column, value) in row.iter().enumerate() {
            if column > 0 {
                csv.push(b',');
            }
            write_cell(&mut csv, cell_text(value).as_bytes());
        }
        csv.push(b'\n');
    }
    String::from_utf8(csv).expect("UTF-8")
}

/// The text of the named sheet, or of the first with content, by our reader.
fn by_us(bytes: &[u8], named: Option<&str>) -> String {
    let mut reader = xlsx::open(Path::new(NAME), bytes.to_vec()).expect("a workbook");
    let names: Vec<String> = reader
        .sheets()
        .iter()
        .map(|sheet| sheet.name.clone())
        .collect();
    let texts = names.iter().enumerate().filter_map(|(sheet, name)| {
        let is_wanted = named.is_none_or(|named| named == name);
        is_wanted.then(|| text_of(reader.as_mut(), sheet))
    });
    let mut texts = texts.filter(|text| named.is_some() || !text.is_empty());
    texts.next().expect("a sheet")
}

fn text_of(reader: &mut dyn SheetReader, sheet: usize) -> String {
    let budget = TextBudget::bytes(u64::MAX);
    let mut csv = SheetText::new(budget);
    let visited = Visited {
        filled: &MergedAreas::default(),
        last_row: None,
        budget,
    };
    let visited = reader.visit(sheet, visited, &mut |row, column, text| {
        let added = csv.add(row, column, text.expect("a result"));
        added.expect("within the budget");
        ControlFlow::Continue(())
    });
    visited.expect("a sheet");
    String::from_utf8(csv.finish().expect("near cells")).expect("UTF-8")
}

/// What a cell is given through the library.
#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Number(f64),
    /// With the format of this number in [`CODES`].
    Formatted(f64, usize),
    Date(u32),
    Boolean(bool),
    Blank,
    Formula(String),
}

const CODES: [&str; 9] = [
    "yyyy-mm-dd",
    "yyyy\"年\"m\"月\"d\"日\";@",
    "[$-804]yyyy\"年\"m\"月\"d\"日\"",
    "h:mm",
    "yyyy/m/d h:mm",
    "[h]:mm",
    "0.00E+00",
    "@",
    "G/通用格式\"元\"",
];

fn given() -> impl Strategy<Value = Given> {
    let number = prop_oneof![
        any::<i32>().prop_map(|number| f64::from(number) / 100.0),
        any::<i32>().prop_map(f64::from),
        (100_000_000_000_000_u64..999_999_999_999_999_999).prop_map(|number| number as f64),
        -1e-7..1e-7_f64,
        0.0..100_000.0_f64,
    ];
    prop_oneof![
        "[a-c &<>'\",;_x0-9\n\t城关镇　😀]{1,12}".prop_map(Given::Text),
        number.clone().prop_map(Given::Number),
        (number, 0..CODES.len()).prop_map(|(number, code)| Given::Formatted(number, code)),
        (0_u32..60_000).prop_map(Given::Date),
        any::<bool>().prop_map(Given::Boolean),
        Just(Given::Blank),
        "[0-9]{1,18}|[a-z,]{1,5}|#N/A|#DIV/0!|TRUE".prop_map(Given::Formula),
    ]
}

type Cells = Vec<((u32, u16), Given)>;

fn written(sheets: &[Cells]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy/m/d");
    for cells in sheets {
        let sheet = workbook.add_worksheet();
        for ((row, column), given) in cells {
            let (row, column) = (*row, *column);
            let added = match given {
                Given::Text(text) => sheet.write_string(row, column, text),
                Given::Number(number) => sheet.write_number(row, column, *number),
                Given::Formatted(number, code) => {
                    let format = Format::new().set_num_format(CODES[*code]);
                    sheet.write_number_with_format(row, column, *number, &format)
                }
                Given::Date(number) => {
                    let day = ExcelDateTime::from_serial_datetime(*number).expect("a day");
                    sheet.write_datetime_with_format(row, column, &day, &date)
                }
                Given::Boolean(truth) => sheet.write_boolean(row, column, *truth),
                Given::Blank => sheet.write_blank(row, column, &date),
                Given::Formula(result) => {
                    sheet.write_formula(row, column, Formula::new("=A1").set_result(result))
                }
            };
            added.expect("a cell");
        }
    }
    workbook.save_to_buffer().expect("memory")
}

proptest! {
    #[test]
    fn sheets_are_written_out_byte_for_byte_as_another_reader_reads_them(
        sheets in prop::collection::vec(
            prop::collection::btree_map((0_u32..40, 0_u16..30), given(), 0..40),
            1..4,
        ),
    ) {
        let mut sheets: Vec<Cells> = sheets
            .into_iter()
            .map(|cells| cells.into_iter().collect())
            .collect();
        // One sheet has content.
        sheets.push(vec![((7, 3), Given::Text("a".to_owned()))]);
        let bytes = written(&sheets);
        prop_assert_eq!(by_us(&bytes, None), by_calamine(&bytes, None));
        for index in 1..=sheets.len() {
            let name = format!("Sheet{index}");
            prop_assert_eq!(by_us(&bytes, Some(&name)), by_calamine(&bytes, Some(&name)));
        }
    }
}

#[test]
fn the_sample_workbook_is_written_out_byte_for_byte_as_another_reader_reads_it() {
    let bytes = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sample_data/2026Q3/procuratorate.referrals.xlsx"
    ));
    let bytes = bytes.expect("the sample's workbook");
    let csv = by_us(&bytes, None);
    assert!(csv.lines().count() > 100);
    assert_eq!(csv, by_calamine(&bytes, None));
}

/// The parts of a workbook of one sheet, and others instead or besides.
fn packed(sheet: &str, others: &[(&str, &str)]) -> Vec<u8> {
    const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relationship = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id='{id}' Type='{KINDS}/{kind}' Target='{target}'/>")
    };
    let relationships = |all: &[String]| {
        let all = all.concat();
        format!(
            "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>\
             {all}</Relationships>"
        )
    };
    let package = relationships(&[relationship("rId1", "officeDocument", "xl/workbook.xml")]);
    let of_workbook = relationships(&[
        relationship("rId1", "worksheet", "worksheets/sheet1.xml"),
        relationship("rId2", "sharedStrings", "sharedStrings.xml"),
        relationship("rId3", "styles", "styles.xml"),
    ]);
    let usual = [
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", &package),
        ("xl/_rels/workbook.xml.rels", &of_workbook),
        ("xl/workbook.xml", &listed(1, "")),
        ("xl/sharedStrings.xml", "<sst/>"),
        ("xl/styles.xml", "<styleSheet/>"),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    for (name, content) in usual {
        let other = others.iter().find(|(other, _)| *other == name);
        let content = other.map_or(content, |(_, content)| content);
        archive.start_file(name, options).expect("a name");
        archive.write_all(content.as_bytes()).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

/// The workbook's part, with so many sheets that are one.
fn listed(sheets: usize, properties: &str) -> String {
    let sheets: String = (1..=sheets)
        .map(|number| format!("<sheet name='名册{number}' sheetId='{number}' r:id='rId1'/>"))
        .collect();
    format!(
        "<workbook xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'>\
         {properties}<sheets>{sheets}</sheets></workbook>"
    )
}

fn sheet(rows: &str) -> String {
    format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")
}

#[test]
fn every_kind_of_cell_in_both_epochs_is_written_out_as_another_reader_reads_it() {
    let kinds = [
        "<c t='s'><v>0</v></c>",
        "<c t='s'><v>1</v></c>",
        "<c t='str'><f>A1</f><v>结果</v></c>",
        "<c t='inlineStr'><is><r><t>行</t></r><r><t>内</t></r></is></c>",
        "<c t='b'><v>1</v></c>",
        "<c t='b'><f>A1</f><v>0</v></c>",
        "<c t='e'><v>#N/A</v></c>",
        "<c t='d'><v>2024-01-31T00:00:00</v></c>",
        "<c t='n'><v>12.50</v></c>",
        "<c><v>-3E-2</v></c>",
        "<c><v>440203199001011234</v></c>",
        "<c><v>123456789012345</v></c>",
        "<c><f t='shared' ref='A1:B9' si='0'>A1</f><v>7</v></c>",
        "<c><f t='shared' si='0'/><v>8</v></c>",
        "<c s='1'/>",
        "<c><v/></c>",
    ];
    // Days, and numbers that are none, in every format.
    let numbers = [
        "0", "0.5", "1", "59", "60", "61", "366", "45322", "45322.75", "-1", "2958465", "20240131",
    ];
    let dates: String = (0..6)
        .map(|style| {
            let cells: String = numbers
                .iter()
                .map(|number| format!("<c s='{style}'><v>{number}</v></c>"))
                .collect();
            format!("<row>{cells}</row>")
        })
        .collect();
    let rows = sheet(&format!(
        "<row r='3'><c r='C3'><v>1</v></c></row><row r='4'>{}</row>{dates}",
        kinds.concat()
    ));
    let strings = "<sst><si><t>a,b \"c\"</t></si><si><t xml:space='preserve'> d\n</t></si></sst>";
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='[h]:mm'/></numFmts>\
        <cellXfs><xf/><xf numFmtId='14'/><xf numFmtId='22'/><xf numFmtId='20'/>\
        <xf numFmtId='164'/><xf numFmtId='31'/></cellXfs></styleSheet>";
    for (properties, day) in [
        ("", "2024-01-31"),
        ("<workbookPr date1904='0'/>", "2024-01-31"),
        ("<workbookPr date1904='1'/>", "2028-02-01"),
    ] {
        let bytes = packed(
            &rows,
            &[
                ("xl/sharedStrings.xml", strings),
                ("xl/styles.xml", styles),
                ("xl/workbook.xml", &listed(1, properties)),
            ],
        );
        let csv = by_us(&bytes, None);
        assert!(csv.starts_with("\n\n,,1,,"), "{csv}");
        assert!(csv.contains(day), "{csv}");
        assert_eq!(csv, by_calamine(&bytes, None));
    }
}

#[test]
fn a_day_of_the_week_and_the_year_of_an_era_are_days() {
    // The other reader takes these formats for those of numbers.
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='aaaa'/>\
        <numFmt numFmtId='165' formatCode='[&lt;100]0;yyyy'/></numFmts>\
        <cellXfs><xf numFmtId='164'/><xf numFmtId='165'/></cellXfs></styleSheet>";
    let rows = "<row><c s='0'><v>45322</v></c><c s='1'><v>45322</v></c></row>";
    let bytes = packed(&sheet(rows), &[("xl/styles.xml", styles)]);
    assert_eq!(by_us(&bytes, None), "2024-01-31,2024-01-31\n");
    assert_eq!(by_calamine(&bytes, None), "45322,45322\n");
}

/// Opens a file as an export of the veterans' office. Faults are what is said
/// behind the file's name, in English and in Chinese.
fn open(path: &Path) -> Result<Vec<Export>, Vec<[String; 2]>> {
    let schema = include_bytes!("../../../../schemas/veterans.persons.json");
    let schema = ExportSchema::parse(Path::new("veterans.persons.json"), schema)
        .expect("the shipped schema");
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("a name in UTF-8");
    Export::open(path, 0, &schema, &ReadingChoice::default()).map_err(|faults| {
        let said = |fault: Fault| {
            [Language::English, Language::Chinese].map(|language| {
                let said = fault.render(language);
                let (_, said) = said.rsplit_once(name).expect("the file's name");
                said.to_owned()
            })
        };
        faults.into_iter().map(said).collect()
    })
}

/// The faults of a workbook that is not opened.
fn faults_of(bytes: &[u8]) -> Vec<[String; 2]> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(NAME);
    std::fs::write(&path, bytes).expect("writable");
    open(&path).map(|_| ()).expect_err("a fault")
}

#[test]
fn a_fault_names_sheet_row_and_column_and_no_value() {
    let header = "<row><c t='inlineStr'><is><t>national_id</t></is></c></row>";
    let id = "44990119900101011X";
    let rows = format!("{header}<row><c><v>1</v></c><c t='str'><v>{id}</v><v>{id}</v></c></row>");
    let workbook = listed(1, "").replace("名册1", &format!("{id}名册"));
    assert_eq!(
        faults_of(&packed(&sheet(&rows), &[("xl/workbook.xml", &workbook)])),
        [[
            ": sheet `***名册`, row 2, column 2: a cell has two values\n  \
             open it in a spreadsheet program and save it as a new XLSX file, \
             or export it again from the source system"
                .to_owned(),
            ": 工作表“***名册”第2行第2列：单元格有两个值\n  \
             请用表格软件打开并另存为新的 XLSX 文件，或用原系统重新导出"
                .to_owned(),
        ]]
    );
    let rows = format!("{header}<row/><row r='5'><c r='C5'><f>A1</f></c></row>");
    let said = &faults_of(&packed(&sheet(&rows), &[]))[0][0];
    assert!(
        said.starts_with(": sheet `名册1`, row 5, column 3 is a formula without a saved result"),
        "{said}"
    );
}

fn record(kind: u16, content: &[u8]) -> Vec<u8> {
    let head = [kind, content.len() as u16].map(u16::to_le_bytes);
    [head.concat().as_slice(), content].concat()
}

/// A sheet of an XLS workbook: its name, visibility and kind ([MS-XLS] 2.4.28), and
/// records.
struct XlsSheet {
    name: &'static str,
    state: [u8; 2],
    records: Vec<u8>,
}

/// An XLS workbook of one sheet: records before the sheets, records of the sheet.
fn xls(before: &[u8], cells: &[u8]) -> Vec<u8> {
    let sheet = XlsSheet {
        name: "S",
        state: [0, 0],
        records: cells.to_vec(),
    };
    xls_of(before, &[sheet])
}

fn xls_of(before: &[u8], sheets: &[XlsSheet]) -> Vec<u8> {
    let begin = record(0x0809, &[0, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let end = record(0x000a, &[]);
    let bodies = sheets
        .iter()
        .map(|sheet| [&begin[..], &sheet.records, &end].concat());
    let bodies: Vec<Vec<u8>> = bodies.collect();
    let listed = |start: usize| {
        let mut start = start;
        let listed = sheets.iter().zip(&bodies).map(|(sheet, body)| {
            let head = [&(start as u32).to_le_bytes()[..], &sheet.state].concat();
            start += body.len();
            let name = [&[sheet.name.len() as u8, 0], sheet.name.as_bytes()].concat();
            record(0x0085, &[head, name].concat())
        });
        listed.collect::<Vec<_>>().concat()
    };
    // Where the first sheet begins: behind the list of sheets, and the records around it.
    let start = begin.len() + listed(0).len() + before.len() + end.len();
    let globals = [&begin[..], &listed(start), before, &end].concat();
    container_of(&[globals, bodies.concat()].concat()).expect("a short stream")
}

/// The texts of an XLS workbook that cells share, and cells that show one.
fn shared_texts(texts: &[&str]) -> Vec<u8> {
    let mut content = vec![0; 8];
    for text in texts {
        content.extend((text.len() as u16).to_le_bytes());
        content.push(0);
        content.extend(text.as_bytes());
    }
    record(0x00fc, &content)
}

fn showing(cells: impl Iterator<Item = (u16, u16, u32)>) -> Vec<u8> {
    let cell = |(row, column, text): (u16, u16, u32)| {
        let place = [row, column, 0].map(u16::to_le_bytes).concat();
        record(0x00fd, &[&place[..], &text.to_le_bytes()].concat())
    };
    cells.flat_map(cell).collect()
}

#[test]
fn sheets_and_merged_areas_of_an_xls_workbook_are_those_of_an_xlsx_workbook() {
    // Name and kind are merged over both rows: B2:B3 and C2:C3, or B2:C3 together.
    assert_xls_is_read(&[2, 1, 2, 1, 1, 1, 2, 2, 2], ["x,x", ",x"]);
    assert_xls_is_read(&[1, 1, 2, 1, 2], ["x,x", ",#MERGED"]);
}

/// Asserts that a workbook with these merged areas (their number, and for each the first and
/// last row and column) has these names and kinds in its two rows.
fn assert_xls_is_read(areas: &[u16], [first, second]: [&str; 2]) {
    let areas: Vec<u8> = areas.iter().copied().flat_map(u16::to_le_bytes).collect();
    let texts = [
        "national_id",
        "name",
        "kind",
        "44990119900101011X",
        "44990119900101021X",
        "x",
    ];
    let cell = |row, column, text| showing([(row, column, text)].into_iter());
    let header: Vec<u8> = (0..3)
        .flat_map(|column| cell(0, column, column.into()))
        .collect();
    let rows = [cell(1, 0, 3), cell(1, 1, 5), cell(1, 2, 5), cell(2, 0, 4)].concat();
    let town = [&header[..], &rows, &record(0x00e5, &areas)].concat();
    let sheet = |name, state, records: &[u8]| XlsSheet {
        name,
        state,
        records: records.to_vec(),
    };
    const VISIBLE: [u8; 2] = [0, 0];
    let sheets = [
        sheet("Notes", VISIBLE, &cell(0, 0, 5)),
        sheet("Chart", [0, 2], &[]),
        sheet("Old", [1, 0], &[&header[..], &rows].concat()),
        sheet("Town", VISIBLE, &town),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("名册.xls");
    std::fs::write(&path, xls_of(&shared_texts(&texts), &sheets)).expect("writable");
    let tables = open(&path).expect("one table");
    let [table] = tables.as_slice() else {
        panic!("one table")
    };
    assert_eq!(table.sheet(), Some("Town"));
    let mut text = String::new();
    let source = table
        .source
        .text()
        .and_then(|mut source| source.read_to_string(&mut text));
    source.expect("memory");
    let merged =
        format!("national_id,name,kind\n44990119900101011X,{first}\n44990119900101021X,{second}\n");
    assert_eq!(text, merged);
    let not_read = table.sheets_not_read().iter();
    let not_read: Vec<_> = not_read
        .map(|sheet| (sheet.sheet.as_str(), sheet.why.code(), sheet.has_header))
        .collect();
    assert_eq!(
        not_read,
        [("Notes", "no_header", false), ("Old", "hidden", true)]
    );
    let both = [sheet("A", VISIBLE, &town), sheet("B", VISIBLE, &town)];
    std::fs::write(&path, xls_of(&shared_texts(&texts), &both)).expect("writable");
    let faults = open(&path).map(|_| ()).expect_err("two tables");
    let [[english, _]] = faults.as_slice() else {
        panic!("{faults:?}")
    };
    assert!(
        english.starts_with(": 2 sheets of the workbook have a header: `A` (2 rows), `B` (2 rows)"),
        "{english}"
    );
}

/// A small file that asks for much, and the words of the fault by which it is
/// refused; none when it is opened.
struct Hostile {
    name: &'static str,
    most_bytes: usize,
    words: &'static str,
    made: fn() -> Vec<u8>,
}

/// Kilobytes that ask for gigabytes or hours. They are opened in a process of its
/// own that has 1 GB of memory and a minute of processor time.
#[test]
fn small_workbooks_that_ask_for_much_take_little() {
    const FOLDER: &str = "AIDLINK_TEST_HOSTILE_WORKBOOKS";
    if let Some(folder) = std::env::var_os(FOLDER) {
        for Hostile { name, words, .. } in HOSTILE {
            let opened = open(&Path::new(&folder).join(name)).map(|_| ());
            match opened {
                Ok(()) => assert_eq!(*words, "", "{name} was opened"),
                Err(faults) => {
                    assert_eq!(faults.len(), 1, "{name}: {faults:?}");
                    let [english, chinese] = &faults[0];
                    assert!(
                        !words.is_empty() && english.starts_with(words),
                        "{name}: {english}"
                    );
                    assert!(!chinese.is_ascii(), "{name}: {chinese}");
                }
            }
        }
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in HOSTILE {
        let bytes = (file.made)();
        assert!(
            bytes.len() < file.most_bytes,
            "{}: {} bytes",
            file.name,
            bytes.len()
        );
        std::fs::write(folder.path().join(file.name), bytes).expect("writable");
    }
    let output = Command::new("bash")
        .args([
            "-c",
            "ulimit -v 1000000 -t 60; exec \"$0\" --exact \"$1\" --test-threads 1",
        ])
        .arg(std::env::current_exe().expect("this program"))
        .arg("scan::workbook_tests::small_workbooks_that_ask_for_much_take_little")
        .env(FOLDER, folder.path())
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{errors}"
    );
}

const HEADER: &str = "<row r='1'><c r='A1' t='inlineStr'><is><t>national_id</t></is></c>\
    <c r='B1' t='inlineStr'><is><t>kind</t></is></c></row>";

/// A thousand cells in each of twenty rows, all of which show the first shared text.
fn one_text_in_many_cells(text: &str) -> Vec<u8> {
    let rows = format!("<row>{}</row>", "<c t='s'><v>0</v></c>".repeat(1000)).repeat(20);
    let texts = format!("<sst><si><t>{text}</t></si></sst>");
    let rows = format!("{HEADER}<row r='40'/>{rows}");
    packed(&sheet(&rows), &[("xl/sharedStrings.xml", &texts)])
}

/// Half a megabyte that means nothing and packs to nearly nothing, so many times.
fn nothing(times: usize) -> String {
    format!("<!--{}-->", " ".repeat(500_000)).repeat(times)
}

const ODS_HEADER: &str = "<table:table-row><table:table-cell><text:p>national_id</text:p>\
    </table:table-cell><table:table-cell><text:p>kind</text:p></table:table-cell></table:table-row>";

/// An ODS spreadsheet of one sheet with these rows.
fn ods(rows: &str) -> Vec<u8> {
    as_ods::packed(&format!(
        "<table:table table:name='名册1'>{rows}</table:table>"
    ))
}

const HOSTILE: &[Hostile] = &[
    Hostile {
        name: "index.xlsx",
        most_bytes: 2_000,
        words: "",
        // Kept by its number, the formula would be at place 4,294,967,295.
        made: || {
            let formula = "<f t='shared' ref='A2:A9' si='4294967295'>A1</f>";
            packed(
                &sheet(&format!("{HEADER}<row><c>{formula}<v>1</v></c></row>")),
                &[],
            )
        },
    },
    Hostile {
        name: "formulas.xlsx",
        most_bytes: 200_000,
        words: "",
        // 60,000 characters in each of 20,000 cells.
        made: || {
            let formula = format!("<f t='shared' si='0'>{}1</f>", "A1+".repeat(20_000));
            let cells = (3..=20_000).map(|row| {
                format!("<row r='{row}'><c r='A{row}'><f t='shared' si='0'/><v>{row}</v></c></row>")
            });
            let cells: String = cells.collect();
            packed(
                &sheet(&format!(
                    "{HEADER}<row><c>{formula}<v>1</v></c></row>{cells}"
                )),
                &[],
            )
        },
    },
    Hostile {
        name: "lying.xlsx",
        most_bytes: 2_000,
        words: "",
        made: || {
            let lying = "<dimension ref='A1:XFD1048576'/><cols><col min='1' max='4294967295'/></cols>\
                <sheetData>";
            let lying = sheet(HEADER).replace("<sheetData>", lying);
            let texts = "<sst count='18446744073709551615' uniqueCount='18446744073709551615'/>";
            packed(&lying, &[("xl/sharedStrings.xml", texts)])
        },
    },
    Hostile {
        name: "long.xlsx",
        most_bytes: 4_000,
        words: ": sheet `名册1`, row 49, column 192: written out, its text is more than 268435456 bytes",
        made: || one_text_in_many_cells(&"a".repeat(32_767)),
    },
    Hostile {
        name: "quotes.xlsx",
        most_bytes: 4_000,
        words: ": sheet `名册1`, row 45, column 96: written out, its text is more than 268435456 bytes",
        // Two are written for each.
        made: || one_text_in_many_cells(&"\"".repeat(32_767)),
    },
    Hostile {
        name: "wide.xlsx",
        most_bytes: 120_000,
        words: ": sheet `名册1`, row 16384, column 16384: written out, its text is more than 268435456 bytes",
        made: || {
            let rows = (2..=20_000)
                .map(|row| format!("<row r='{row}'><c r='XFD{row}'><v>1</v></c></row>"));
            packed(
                &sheet(&format!("{HEADER}{}", rows.collect::<String>())),
                &[],
            )
        },
    },
    Hostile {
        name: "far.xlsx",
        most_bytes: 2_000,
        words: ": sheet `名册1` is too large: a cell is far outside the table",
        made: || {
            let far = "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>";
            packed(&sheet(&format!("{HEADER}{far}")), &[])
        },
    },
    Hostile {
        name: "deep.xlsx",
        most_bytes: 10_000,
        words: ": sheet `名册1`, row 1: XML of more than 256 levels",
        made: || {
            let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
            packed(&sheet(&format!("<row>{deep}</row>")), &[])
        },
    },
    Hostile {
        name: "bomb.xlsx",
        most_bytes: 400_000,
        words: ": sheet `名册1`: it unpacks to more than 268435456 bytes",
        made: || packed(&sheet(&nothing(600)), &[]),
    },
    Hostile {
        name: "texts.xlsx",
        most_bytes: 100_000,
        words: ": xl/sharedStrings.xml: it unpacks to more than 67108864 bytes",
        made: || {
            let texts = format!("<sst>{}</sst>", nothing(150));
            packed(&sheet(HEADER), &[("xl/sharedStrings.xml", &texts)])
        },
    },
    Hostile {
        name: "again.xlsx",
        most_bytes: 400_000,
        words: ": sheet `名册5`: the parts of the workbook unpack to more than 1073741824 bytes together",
        // Four thousand sheets that are one part, which holds nothing.
        made: || {
            packed(
                &sheet(&nothing(500)),
                &[("xl/workbook.xml", &listed(4_096, ""))],
            )
        },
    },
    Hostile {
        name: "repeated.ods",
        most_bytes: 2_000,
        words: "",
        // More empty cells than any machine can hold.
        made: || {
            let times = "table:number-columns-repeated='2147483648'";
            ods(&format!(
                "{ODS_HEADER}<table:table-row table:number-rows-repeated='2147483648'>\
                 <table:table-cell {times}/><table:covered-table-cell {times}/></table:table-row>"
            ))
        },
    },
    Hostile {
        name: "full.ods",
        most_bytes: 2_000,
        words: ": sheet `名册1`, row 2: written out, its text is more than 268435456 bytes",
        made: || {
            ods(&format!(
                "{ODS_HEADER}<table:table-row table:number-rows-repeated='1048575'>\
                 <table:table-cell office:value='1' table:number-columns-repeated='16384'/>\
                 </table:table-row>"
            ))
        },
    },
    Hostile {
        name: "again.ods",
        most_bytes: 20_000,
        words: "",
        // Thousands of sheets, each within the limits of one.
        made: || {
            let cell = ODS_HEADER.replacen(
                "<table:table-cell>",
                "<table:table-cell table:number-columns-repeated='9'>",
                1,
            );
            let rows = cell.replace(
                "<table:table-row>",
                "<table:table-row table:number-rows-repeated='1000000'>",
            );
            let other =
                format!("<table:table table:name='乙' table:style-name='ta2'>{rows}</table:table>");
            let first = format!("<table:table table:name='名册1'>{ODS_HEADER}</table:table>");
            as_ods::packed(&format!("{first}{}", other.repeat(4_000)))
        },
    },
    Hostile {
        name: "deep.ods",
        most_bytes: 20_000,
        words: ": content.xml: XML of more than 256 levels",
        made: || ods(&("<table:table-row-group>".repeat(100_000))),
    },
    Hostile {
        name: "bomb.ods",
        most_bytes: 400_000,
        words: ": content.xml: it unpacks to more than 268435456 bytes",
        made: || ods(&nothing(600)),
    },
    Hostile {
        name: "row.ods",
        most_bytes: 400_000,
        words: ": sheet `名册1`, row 2, column ",
        // A row of many texts of the greatest length.
        made: || {
            let cell = format!(
                "<table:table-cell><text:p>{}</text:p></table:table-cell>",
                "a".repeat(32_767)
            );
            ods(&format!(
                "{ODS_HEADER}<table:table-row>{}</table:table-row>",
                cell.repeat(1_000)
            ))
        },
    },
    Hostile {
        name: "sound.xls",
        most_bytes: 20_000,
        words: "",
        made: || {
            let cells = showing([(0, 0, 0), (0, 1, 1)].into_iter());
            xls(&shared_texts(&["national_id", "kind"]), &cells)
        },
    },
    Hostile {
        name: "long.xls",
        most_bytes: 100_000,
        words: ": Workbook: written out, its text is more than 268435456 bytes",
        made: || {
            let cells = showing((0..2_800).map(|row| (row, 0, 0)));
            xls(&shared_texts(&[&"a".repeat(32_767)]), &cells)
        },
    },
    Hostile {
        name: "spaces.xls",
        most_bytes: 40_000,
        words: ": the archive or workbook is damaged or cut short",
        // A formula that is shown with a million spaces before it.
        made: || {
            let spaces = [0x19, 0x40, 0, 255].repeat(4_000);
            let length = (spaces.len() as u16 + 3).to_le_bytes();
            let formula = [&[0; 20][..], &length, &[0x1e, 1, 0], &spaces].concat();
            xls(&[], &record(0x0006, &formula))
        },
    },
    Hostile {
        name: "pieces.xls",
        most_bytes: 500_000,
        words: ": the archive or workbook is damaged or cut short",
        // Shared texts in more records than the reader can move up one by one.
        made: || {
            let pieces = [record(0x00fc, &[0; 8]), record(0x003c, &[]).repeat(100_000)];
            xls(&pieces.concat(), &[])
        },
    },
];
