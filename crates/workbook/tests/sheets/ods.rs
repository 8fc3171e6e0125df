//! OpenDocument spreadsheets: values, sheets, merged areas, repetitions and hostile files.

use std::io::Cursor;
use std::time::Instant;

use aidlink_workbook::limits::{MOST_CELL_CHARACTERS, MOST_DEPTH, MOST_SHEETS};
use aidlink_workbook::{
    Area, Bound, DateEpoch, Fill, NumberFormat, OpenDocument, OtherFile, Problem, TextBudget,
    Value, Visibility, WorkbookError,
};
use calamine::{Data, ExcelDateTime, ExcelDateTimeType, Ods, Reader};
use proptest::prelude::*;

use crate::made::{MadeOds, in_short, ods_rows};

const CELL: &str =
    "<table:table-cell office:value-type='string'><text:p>a</text:p></table:table-cell>";

/// Returns the cells of a row as short text, without the number of the row.
fn cells(cells: &str) -> String {
    let rows = MadeOds::of_cells(cells).rows().expect("a row");
    match rows.as_slice() {
        [] => String::new(),
        [row] => row.strip_prefix("1: ").expect("the first row").to_owned(),
        rows => panic!("{} rows", rows.len()),
    }
}

fn text(paragraphs: &str) -> String {
    let cell =
        format!("<table:table-cell office:value-type='string'>{paragraphs}</table:table-cell>");
    let text = cells(&cell);
    text.strip_prefix("A=").unwrap_or(&text).to_owned()
}

fn fault(made: &MadeOds) -> WorkbookError {
    made.rows().expect_err("a fault")
}

#[test]
fn every_type_of_value_is_read() {
    for (cell, value) in [
        (
            "office:value-type='float' office:value='12.50'><text:p>12.5</text:p>",
            "#12.50",
        ),
        ("office:value-type='float' office:value=' -1e3 '>", "#-1e3"),
        ("office:value='7'>", "#7"),
        ("office:value-type='float' office:value='NaN'>", "NaN"),
        ("office:value-type='float'><text:p>12</text:p>", "12"),
        (
            "office:value-type='percentage' office:value='0.35'><text:p>35%</text:p>",
            "#0.35",
        ),
        (
            "office:value-type='currency' office:currency='CNY' office:value='5000'><text:p>￥5,000</text:p>",
            "#5000",
        ),
        (
            "office:value-type='date' office:date-value='2024-01-31'><text:p>2024年1月31日</text:p>",
            "date 45322",
        ),
        (
            "office:value-type='date' office:date-value='2024-01-31T12:00:00'>",
            "moment 45322.5",
        ),
        (
            "office:value-type='date' office:date-value='1753-01-01'>",
            "iso 1753-01-01",
        ),
        (
            "office:value-type='date' office:date-value='2024-01-30T16:00:00Z'>",
            "iso 2024-01-30T16:00:00Z",
        ),
        (
            "office:value-type='date'><text:p>2024/1/31</text:p>",
            "2024/1/31",
        ),
        (
            "office:value-type='time' office:time-value='PT12H00M00S'>",
            "elapsed 0.5",
        ),
        ("office:value-type='time' office:time-value='noon'>", "noon"),
        (
            "office:value-type='boolean' office:boolean-value='true'><text:p>是</text:p>",
            "true",
        ),
        (
            "office:value-type='boolean' office:boolean-value='false'>",
            "false",
        ),
        (
            "office:value-type='boolean' office:boolean-value='perhaps'>",
            "perhaps",
        ),
        (
            "office:value-type='string'><text:p>449901198001011216</text:p>",
            "449901198001011216",
        ),
        (
            "office:value-type='string' office:string-value='given'><text:p>shown</text:p>",
            "given",
        ),
        ("><text:p>without a type</text:p>", "without a type"),
        // A number in a date format is a number: only the type counts.
        (
            "table:style-name='date' office:value-type='float' office:value='45322'><text:p>2024-01-31</text:p>",
            "#45322",
        ),
        (
            "office:value-type='string' calcext:value-type='error'><text:p>#N/A</text:p>",
            "#N/A",
        ),
        (
            "table:formula='of:=1/0' office:value-type='string' office:string-value='' calcext:value-type='error'><text:p>#DIV/0!</text:p>",
            "#DIV/0!",
        ),
        (
            "table:formula='of:=1/0' office:value-type='float' office:value='0'><text:p>#DIV/0!</text:p>",
            "#DIV/0!",
        ),
        (
            "table:formula='of:=A1' office:value-type='string' office:string-value=''><text:p>Err:502</text:p>",
            "#ERROR",
        ),
        ("calcext:value-type='error'>", "#ERROR"),
        ("office:value-type='string'><text:p>#N/A</text:p>", "#N/A"),
        (
            "table:formula='of:=1+1' office:value-type='float' office:value='2'><text:p>2</text:p>",
            "#2",
        ),
        ("table:formula='of:=A1'>", "?"),
        ("table:formula='of:=A1' office:value-type='float'>", "?"),
    ] {
        let cell = format!("<table:table-cell {cell}</table:table-cell>");
        assert_eq!(cells(&cell), format!("A={value}"), "{cell}");
    }
    // A formula whose saved value is the empty text has a value.
    for empty in [
        "<table:table-cell/>",
        "<table:table-cell table:style-name='ce1' table:number-columns-repeated='9'/>",
        "<table:table-cell office:value-type='string'><text:p/></table:table-cell>",
        "<table:table-cell office:value-type='void'><text:p>a</text:p></table:table-cell>",
        "<table:table-cell table:formula='of:=\"\"' office:value-type='string' office:string-value=''/>",
        "<table:table-cell><office:annotation><text:p>note</text:p></office:annotation></table:table-cell>",
    ] {
        assert_eq!(cells(empty), "", "{empty}");
    }
    assert!(matches!(
        fault(&MadeOds::of_cells("<table:table-cell office:value-type='colour'/>")),
        WorkbookError::Wrong(Problem::CellKind, place)
            if place.row == Some(1) && place.sheet.as_deref() == Some("名册")
    ));
}

#[test]
fn dates_are_counted_as_in_the_file() {
    let row = "<table:table-row><table:table-cell office:value-type='date' \
        office:date-value='1904-02-15'/></table:table-row>";
    let sheet = format!("<table:table table:name='a'>{row}</table:table>");
    let document = MadeOds::of_sheets(&sheet).open().expect("a document");
    assert_eq!(document.date_epoch(), DateEpoch::Year1900);
    assert_eq!(ods_rows(&document, 0).expect("rows"), ["1: A=date 1507"]);
    // The number 45, with the date format of a workbook that counts from 1904.
    let settings = "<table:calculation-settings><table:null-date table:date-value='1904-01-01'/>\
        </table:calculation-settings>";
    let document = MadeOds::of_sheets(&format!("{settings}{sheet}")).open();
    let document = document.expect("a document");
    assert_eq!(document.date_epoch(), DateEpoch::Year1904);
    assert_eq!(ods_rows(&document, 0).expect("rows"), ["1: A=date 45"]);
    // After the dates it comes too late.
    assert!(matches!(
        MadeOds::of_sheets(&format!("{sheet}{settings}"))
            .open()
            .err(),
        Some(WorkbookError::Wrong(Problem::OtherContent, _))
    ));
}

#[test]
fn texts_are_read_as_they_are_shown() {
    for (paragraphs, expected) in [
        ("<text:p>a</text:p><text:p/><text:p>b</text:p>", "a\n\nb"),
        (
            "<text:p>a<text:line-break/>b<text:tab/>c</text:p>",
            "a\nb\tc",
        ),
        (
            "<text:p>a<text:s/>b<text:s text:c='3'/>c</text:p>",
            "a b   c",
        ),
        (
            "<text:p>  a \n\t b <text:span> c</text:span></text:p>",
            "a b c",
        ),
        ("<text:p><text:s/> a</text:p>", "  a"),
        (
            "<text:p><text:span text:style-name='T1'>城<text:span>关</text:span></text:span>镇</text:p>",
            "城关镇",
        ),
        (
            "<text:p><text:a xlink:href='http://a'>link</text:a></text:p>",
            "link",
        ),
        ("<text:p>&lt;&#20013;<![CDATA[&amp;]]></text:p>", "<中&amp;"),
        ("<text:p>a_x0041_</text:p>", "a_x0041_"),
        (
            "<text:h>a</text:h><text:list><text:list-item><text:p>b</text:p></text:list-item></text:list>",
            "a\nb",
        ),
        (
            "<text:p><text:ruby><text:ruby-base>赵</text:ruby-base><text:ruby-text>zhào</text:ruby-text></text:ruby></text:p>",
            "赵",
        ),
        (
            "<office:annotation><dc:creator>b</dc:creator><text:p>note</text:p></office:annotation><text:p>a</text:p>",
            "a",
        ),
        (
            "<text:p>a<office:annotation><text:p>note</text:p></office:annotation>b</text:p>",
            "ab",
        ),
        (
            "<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame><text:p>a</text:p>",
            "a",
        ),
        (
            "<text:p>a<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame></text:p>",
            "a",
        ),
    ] {
        assert_eq!(text(paragraphs), expected, "{paragraphs}");
    }
}

#[test]
fn sheets_are_listed_with_their_names_and_hidden_ones_as_such() {
    let mut made = MadeOds::of_sheets(
        "<table:tracked-changes><table:deletion><table:cell-content-deletion><table:change-track-table-cell>\
         <text:p>old</text:p></table:change-track-table-cell></table:cell-content-deletion></table:deletion>\
         </table:tracked-changes>\
         <table:table table:name='甲 &amp; 乙' table:style-name='ta1'><table:table-row>\
         <table:table-cell office:value='1'/></table:table-row></table:table>\
         <table:table table:name='旧表' table:style-name='ta2'><table:shapes><draw:frame><table:table table:name='inner'>\
         <table:table-row><table:table-cell office:value='9'/></table:table-row></table:table></draw:frame>\
         </table:shapes><table:table-header-rows><table:table-row>\
         <table:table-cell office:value='2'/></table:table-row></table:table-header-rows><table:table-row-group>\
         <table:table-rows><table:table-row table:visibility='collapse'><table:table-cell office:value='3'/>\
         </table:table-row></table:table-rows></table:table-row-group></table:table>\
         <table:table table:name='空'/><table:named-expressions/>",
    );
    made.styles = "<style:style style:name='ta1' style:family='table'><style:table-properties \
        table:display='true'/></style:style><style:style style:name='ta2' style:family='table'>\
        <style:table-properties table:display='false'/></style:style>\
        <style:style style:name='ta1' style:family='table-cell'><style:table-properties \
        table:display='false'/></style:style>"
        .to_owned();
    let document = made.open().expect("a document");
    let sheets: Vec<_> = document
        .sheets()
        .iter()
        .map(|sheet| (sheet.name.as_str(), sheet.visibility))
        .collect();
    assert_eq!(
        sheets,
        [
            ("甲 & 乙", Visibility::Visible),
            ("旧表", Visibility::Hidden),
            ("空", Visibility::Visible),
        ]
    );
    assert_eq!(ods_rows(&document, 0).expect("rows"), ["1: A=#1"]);
    assert_eq!(
        ods_rows(&document, 1).expect("rows"),
        ["1: A=#2", "2: A=#3"]
    );
    assert!(ods_rows(&document, 2).expect("rows").is_empty());
    let budget = TextBudget::bytes(0);
    assert!(matches!(
        document.rows(3, budget),
        Err(WorkbookError::NoSheet(3))
    ));
    assert!(matches!(
        document.merged_areas(3),
        Err(WorkbookError::NoSheet(3))
    ));
}

#[test]
fn a_sheet_is_hidden_by_its_style_by_one_that_it_inherits_from_or_by_the_default() {
    let style = |name: &str, parent: &str, display: &str| {
        let attribute = |name: &str, value: &str| match value.is_empty() {
            true => String::new(),
            false => format!(" {name}='{value}'"),
        };
        let element = if name.is_empty() {
            "default-style"
        } else {
            "style"
        };
        let (name, parent) = (
            attribute("style:name", name),
            attribute("style:parent-style-name", parent),
        );
        let display = attribute("table:display", display);
        format!(
            "<style:{element}{name}{parent} style:family='table'>\
             <style:table-properties{display}/></style:{element}>"
        )
    };
    let common = |styles: &[String]| {
        format!(
            "<office:document-styles><office:font-face-decls/><office:styles>{}</office:styles>\
             <office:automatic-styles>{}</office:automatic-styles></office:document-styles>",
            styles.concat(),
            // Those of page headers and the like.
            style("ta1", "", "false"),
        )
    };
    let deep: Vec<String> = (0..200)
        .map(|level| style(&format!("L{level}"), &format!("L{}", level + 1), ""))
        .collect();
    use Visibility::{Hidden, Visible};
    for (own, common, expected) in [
        (vec![], String::new(), Visible),
        (vec![], common(&[]), Visible),
        (vec![style("ta1", "", "false")], String::new(), Hidden),
        (vec![], common(&[style("ta1", "", "false")]), Hidden),
        (vec![], common(&[style("ta1", "", "true")]), Visible),
        // The sheet's own style comes before one of the same name.
        (
            vec![style("ta1", "", "true")],
            common(&[style("ta1", "", "false")]),
            Visible,
        ),
        (
            vec![style("ta1", "Old", "")],
            common(&[style("Old", "", "false")]),
            Hidden,
        ),
        (
            vec![style("ta1", "Old", "true")],
            common(&[style("Old", "", "false")]),
            Visible,
        ),
        (
            vec![style("ta1", "Old", "false")],
            common(&[style("Old", "", "true")]),
            Hidden,
        ),
        (
            vec![style("ta1", "New", "")],
            common(&[style("New", "Old", ""), style("Old", "", "false")]),
            Hidden,
        ),
        // Parents are styles with a name.
        (
            vec![style("ta1", "ta2", ""), style("ta2", "", "false")],
            String::new(),
            Visible,
        ),
        (vec![], common(&[style("", "", "false")]), Hidden),
        (
            vec![style("ta1", "", "true")],
            common(&[style("", "", "false")]),
            Visible,
        ),
        // In a circle, and beyond what is followed.
        (
            vec![style("ta1", "A", "")],
            common(&[style("A", "B", ""), style("B", "A", "")]),
            Visible,
        ),
        (vec![style("ta1", "L0", "")], common(&deep), Visible),
    ] {
        let mut made = MadeOds::of_sheets(
            "<table:table table:name='旧表' table:style-name='ta1'><table:table-row>\
             <table:table-cell office:value='1'/></table:table-row></table:table>",
        );
        (made.styles, made.common_styles) = (own.concat(), common);
        let document = made.open().expect("a document");
        let case = (&made.styles, &made.common_styles);
        assert_eq!(document.sheets()[0].visibility, expected, "{case:?}");
    }
}

#[test]
fn styles_that_are_damaged_or_too_many_refuse_the_file() {
    let refused = |common_styles: &str| {
        let mut made = MadeOds::of_cells(CELL);
        made.common_styles = common_styles.to_owned();
        let error = fault(&made);
        let place = error.place().expect("a place").part.clone();
        (error, place)
    };
    let many = |count: usize| {
        let styles: String = (0..count)
            .map(|each| format!("<style:style style:name='{each}' style:family='table'/>"))
            .collect();
        format!(
            "<office:document-styles><office:styles>{styles}</office:styles></office:document-styles>"
        )
    };
    for (styles, problem) in [
        ("<office:document-styles><office:styles>", Problem::CutShort),
        ("<office:document-content/>", Problem::OtherContent),
        ("<!DOCTYPE x><office:document-styles/>", Problem::Doctype),
    ] {
        let (error, part) = refused(styles);
        assert!(
            matches!(error, WorkbookError::Wrong(found, _) if found == problem),
            "{error:?}"
        );
        assert_eq!(part, "styles.xml");
    }
    let (error, part) = refused(&many(MOST_SHEETS + 1));
    assert!(matches!(error, WorkbookError::Beyond(Bound::Styles, _)));
    assert_eq!(part, "styles.xml");
    let mut made = MadeOds::of_cells(CELL);
    made.common_styles = many(MOST_SHEETS);
    assert_eq!(made.rows().expect("readable"), ["1: A=a"]);
}

#[test]
fn names_are_known_with_any_prefix() {
    let made = MadeOds::of_cells(CELL);
    let content = made
        .content()
        .replace("table:", "t:")
        .replace("xmlns:table", "xmlns:t")
        .replace("<text:", "<x:")
        .replace("</text:", "</x:");
    let document = OpenDocument::open(Cursor::new(made.packed_with(content.as_bytes())));
    assert_eq!(
        ods_rows(&document.expect("a document"), 0).expect("rows"),
        ["1: A=a"]
    );
}

#[test]
fn repeated_cells_and_rows_with_a_value_are_expanded() {
    let rows = "<table:table-row table:number-rows-repeated='2'>\
        <table:table-cell table:number-columns-repeated='3'/>\
        <table:table-cell office:value='1' table:number-columns-repeated='2'/>\
        <table:covered-table-cell office:value='2'/>\
        <table:table-cell table:number-columns-repeated='16378'/></table:table-row>\
        <table:table-row table:number-rows-repeated='1048573'><table:table-cell/></table:table-row>\
        <table:table-row><table:table-cell office:value='3'/></table:table-row>";
    assert_eq!(
        MadeOds::of_rows(rows).rows().expect("rows"),
        ["1: D=#1 E=#1 F=#2", "2: D=#1 E=#1 F=#2", "1048576: A=#3"]
    );
    let document = MadeOds::of_rows(rows).open().expect("a document");
    let mut first = document
        .rows(0, TextBudget::bytes(100))
        .expect("rows")
        .up_to(1);
    assert!(first.next_row().expect("a row").is_some());
    assert!(first.next_row().expect("the end").is_none());
    for (rows, bound, row, column) in [
        (
            "<table:table-row table:number-rows-repeated='1048576'/><table:table-row>CELL</table:table-row>",
            Bound::Rows,
            1_048_577,
            None,
        ),
        (
            "<table:table-row table:number-rows-repeated='1048577'>CELL</table:table-row>",
            Bound::Rows,
            1_048_577,
            None,
        ),
        (
            "<table:table-row><table:table-cell table:number-columns-repeated='16384'/>CELL</table:table-row>",
            Bound::Columns,
            1,
            Some(16_385),
        ),
        (
            "<table:table-row><table:table-cell office:value='1' table:number-columns-repeated='16385'/></table:table-row>",
            Bound::Columns,
            1,
            Some(16_385),
        ),
    ] {
        match fault(&MadeOds::of_rows(&rows.replace("CELL", CELL))) {
            WorkbookError::Beyond(found, place) => {
                assert_eq!(
                    (found, place.row, place.column),
                    (bound, Some(row), column),
                    "{rows}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    for times in ["", "-1", "1.5", "x"] {
        let rows = format!("<table:table-row table:number-rows-repeated='{times}'/>");
        assert!(matches!(
            fault(&MadeOds::of_rows(&rows)),
            WorkbookError::Wrong(Problem::Reference, _)
        ));
    }
}

/// Two to the 31 and more, of everything that can be repeated.
#[test]
fn enormous_repetitions_cost_nothing() {
    let began = Instant::now();
    for times in [
        "2147483648",
        "18446744073709551615",
        "99999999999999999999999",
    ] {
        let rows = format!(
            "<table:table-row>{CELL}</table:table-row>\
             <table:table-row table:number-rows-repeated='{times}'>\
             <table:table-cell table:number-columns-repeated='{times}'/>\
             <table:table-cell table:number-columns-repeated='{times}'/></table:table-row>\
             <table:table-row table:number-rows-repeated='{times}'/><table:table-row/>"
        );
        assert_eq!(MadeOds::of_rows(&rows).rows().expect("rows"), ["1: A=a"]);
        let with_value = rows.replace(
            "<table:table-cell table",
            "<table:table-cell office:value='1' table",
        );
        assert!(matches!(
            fault(&MadeOds::of_rows(&with_value)),
            WorkbookError::Beyond(Bound::Columns, _)
        ));
        let merged = format!(
            "<table:table-row table:number-rows-repeated='{times}'><table:table-cell \
             table:number-columns-spanned='2'/></table:table-row>"
        );
        assert!(matches!(
            fault(&MadeOds::of_rows(&merged)),
            WorkbookError::Beyond(_, _)
        ));
        let spaces = format!(
            "<table:table-cell><text:p><text:s text:c='{times}'/></text:p></table:table-cell>"
        );
        assert!(matches!(
            fault(&MadeOds::of_cells(&spaces)),
            WorkbookError::Beyond(Bound::CellCharacters, _)
        ));
    }
    // A full sheet of a hundred bytes: seventeen thousand million cells.
    let full = "<table:table-row table:number-rows-repeated='1048576'>\
        <table:table-cell office:value='1' table:number-columns-repeated='16384'/></table:table-row>";
    let made = MadeOds::of_rows(full);
    assert!(matches!(
        fault(&made),
        WorkbookError::Beyond(Bound::Text(_), _)
    ));
    // Just within the limit of one sheet, but not in each of many.
    let rows = "<table:table-row table:number-rows-repeated='1048576'>\
        <table:table-cell office:value='1' table:number-columns-repeated='20'/></table:table-row>";
    let sheets = format!("<table:table>{rows}</table:table>").repeat(MOST_SHEETS);
    let document = MadeOds::of_sheets(&sheets).open().expect("a document");
    assert!(document.merged_areas(MOST_SHEETS - 1).is_ok());
    let mut last = document
        .rows(MOST_SHEETS - 1, TextBudget::bytes(u64::MAX))
        .expect("rows");
    assert!(matches!(
        last.next_row(),
        Err(WorkbookError::Beyond(Bound::Text(_), _))
    ));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn merged_areas_are_found_and_filled() {
    let rows = "<table:table-row><table:table-cell office:value='1' table:number-rows-spanned='3' \
        table:number-columns-spanned='2'/><table:covered-table-cell/><table:table-cell office:value='5'/>\
        </table:table-row><table:table-row table:number-rows-repeated='2'>\
        <table:covered-table-cell table:number-columns-repeated='2'/><table:table-cell office:value='6' \
        table:number-columns-spanned='2' table:number-rows-spanned='1'/><table:covered-table-cell/></table:table-row>";
    let document = MadeOds::of_rows(rows).open().expect("a document");
    let merged = document.merged_areas(0).expect("areas");
    let area = |first_row, first_column, last_row, last_column| Area {
        first_row,
        first_column,
        last_row,
        last_column,
    };
    assert_eq!(
        merged.areas(),
        [area(1, 1, 3, 2), area(2, 3, 2, 4), area(3, 3, 3, 4)]
    );
    let filled = |how| {
        let budget = TextBudget::bytes(1000);
        let mut rows = document.rows(0, budget).expect("rows").filled(merged, how);
        let mut found = Vec::new();
        while let Some(row) = rows.next_row().expect("a row") {
            found.push(in_short(&row));
        }
        found
    };
    assert_eq!(
        filled(Fill::Down),
        ["1: A=#1 C=#5", "2: A^=#1 C=#6", "3: A^=#1 C=#6"]
    );
    assert_eq!(
        filled(Fill::Whole),
        [
            "1: A=#1 B^=#1 C=#5",
            "2: A^=#1 B^=#1 C=#6 D^=#6",
            "3: A^=#1 B^=#1 C=#6 D^=#6"
        ]
    );
    let far = "<table:table-row><table:table-cell table:number-rows-spanned='1048577'/></table:table-row>";
    assert!(matches!(
        fault(&MadeOds::of_rows(far)),
        WorkbookError::Beyond(Bound::Rows, _)
    ));
}

/// The other sheets of the file stay readable.
#[test]
fn a_limit_that_one_sheet_exceeds_concerns_no_other_sheet() {
    let long = "a".repeat(MOST_CELL_CHARACTERS + 1);
    let sheet = |rows: &str| format!("<table:table>{rows}</table:table>");
    let row = format!("<table:table-row>{CELL}</table:table-row>");
    let too_long = format!(
        "<table:table-row><table:table-cell><text:p>{long}</text:p></table:table-cell></table:table-row>"
    );
    let far = format!(
        "<table:table-row><table:table-cell table:number-columns-repeated='20000'/>{CELL}<table:table-cell/></table:table-row>"
    );
    let sheets = [
        sheet(&format!("{row}{too_long}{row}")),
        sheet(&format!("{row}{far}{row}")),
        sheet(&row),
    ];
    let document = MadeOds::of_sheets(&sheets.concat())
        .open()
        .expect("a document");
    for (sheet, bound) in [(0, Bound::CellCharacters), (1, Bound::Columns)] {
        let mut rows = document.rows(sheet, TextBudget::usual(0)).expect("rows");
        assert_eq!(
            in_short(&rows.next_row().expect("the first row").expect("a row")),
            "1: A=a"
        );
        match rows.next_row() {
            Err(WorkbookError::Beyond(found, place)) => {
                assert_eq!((found, place.row), (bound, Some(2)));
            }
            _ => panic!("sheet {sheet}"),
        }
        assert!(rows.next_row().expect("nothing").is_none());
    }
    assert_eq!(ods_rows(&document, 2).expect("rows"), ["1: A=a"]);
}

#[test]
fn small_files_that_demand_much_are_refused() {
    let deep = "<text:span>".repeat(MOST_DEPTH);
    let close = "</text:span>".repeat(MOST_DEPTH);
    let nested = format!("<table:table-cell><text:p>{deep}{close}</text:p></table:table-cell>");
    assert!(matches!(
        MadeOds::of_cells(&nested).open().err(),
        Some(WorkbookError::Beyond(Bound::Depth, _))
    ));
    let groups = "<table:table-row-group>".repeat(100_000);
    assert!(matches!(
        MadeOds::of_rows(&groups).open().err(),
        Some(WorkbookError::Beyond(Bound::Depth, _))
    ));
    let sheets = "<table:table/>".repeat(MOST_SHEETS + 1);
    assert!(matches!(
        MadeOds::of_sheets(&sheets).open().err(),
        Some(WorkbookError::Beyond(Bound::Sheets, _))
    ));
    // Every paragraph is short, but the cell is not.
    let paragraphs = "<text:p>aaaaaaaa</text:p>".repeat(100_000);
    assert!(matches!(
        fault(&MadeOds::of_cells(&format!(
            "<table:table-cell>{paragraphs}</table:table-cell>"
        ))),
        WorkbookError::Beyond(Bound::CellCharacters, _)
    ));
    let empty = format!(
        "<table:table-cell>{}</table:table-cell>",
        "<text:p/>".repeat(1_000_000)
    );
    assert!(matches!(
        fault(&MadeOds::of_cells(&empty)),
        WorkbookError::Beyond(Bound::CellCharacters, _)
    ));
    let doctype = "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>";
    let made = MadeOds::of_rows("");
    assert!(matches!(
        OpenDocument::open(Cursor::new(made.packed_with(doctype.as_bytes()))).err(),
        Some(WorkbookError::Wrong(Problem::Doctype, _))
    ));
    // 300 MiB of white space in 300 KB.
    let bomb = made
        .content()
        .replace("<office:scripts/>", &" ".repeat(300 << 20));
    let packed = made.packed_with(bomb.as_bytes());
    assert!(packed.len() < 400_000, "{}", packed.len());
    assert!(matches!(
        OpenDocument::open(Cursor::new(packed)).err(),
        Some(WorkbookError::Beyond(
            Bound::PartBytes(_) | Bound::TokenBytes,
            _
        ))
    ));
}

#[test]
fn other_files_and_encrypted_ones_are_named() {
    let other = |bytes: Vec<u8>| match OpenDocument::open(Cursor::new(bytes)).err() {
        Some(WorkbookError::Other(kind)) => kind,
        error => panic!("{error:?}"),
    };
    let mut made = MadeOds::of_cells(CELL);
    made.mimetype = "application/vnd.oasis.opendocument.text";
    assert_eq!(other(made.packed()), OtherFile::OtherOpenDocument);
    made.mimetype = "application/vnd.oasis.opendocument.spreadsheet-template\n";
    assert_eq!(made.rows().expect("a template"), ["1: A=a"]);
    made.mimetype = "";
    assert_eq!(made.rows().expect("no type"), ["1: A=a"]);
    let text = made.content().replace("office:spreadsheet", "office:text");
    assert_eq!(
        other(made.packed_with(text.as_bytes())),
        OtherFile::OtherOpenDocument
    );
    made.manifest = "";
    assert_eq!(other(made.packed()), OtherFile::Archive);
    assert_eq!(other(b"a,b\n".to_vec()), OtherFile::Unknown);

    // Encrypted part by part, and as a whole.
    let mut made = MadeOds::of_cells(CELL);
    made.manifest = "<manifest:manifest><manifest:file-entry manifest:full-path='content.xml' manifest:size='3'>\
        <manifest:encryption-data manifest:checksum='a'/></manifest:file-entry></manifest:manifest>";
    assert_eq!(
        other(made.packed_with(b"\x01\x02\x03")),
        OtherFile::Protected
    );
    assert_eq!(other(made.packed_with(b"")), OtherFile::Protected);
    made.manifest = "<manifest:manifest/>";
    assert!(matches!(
        OpenDocument::open(Cursor::new(made.packed_with(b""))).err(),
        Some(WorkbookError::NoPart(part)) if part == "content.xml"
    ));
    assert!(matches!(
        OpenDocument::open(Cursor::new(made.packed_with(b"<a/>"))).err(),
        Some(WorkbookError::Wrong(Problem::OtherContent, _))
    ));
}

#[test]
fn truncated_and_changed_files_cause_no_panic() {
    let rows = format!("<table:table-row>{CELL}</table:table-row>").repeat(3);
    let made = MadeOds::of_rows(&rows);
    let content = made.content();
    for length in 1..content.len() {
        if content.is_char_boundary(length) {
            let packed = made.packed_with(&content.as_bytes()[..length]);
            let error = OpenDocument::open(Cursor::new(packed))
                .err()
                .expect("a fault");
            assert!(
                matches!(error, WorkbookError::Wrong(..)),
                "{length}: {error:?}"
            );
        }
    }
    let packed = made.packed();
    for length in 0..packed.len() {
        assert!(
            OpenDocument::open(Cursor::new(&packed[..length])).is_err(),
            "{length}"
        );
    }
    for at in 0..packed.len() {
        let mut changed = packed.clone();
        changed[at] ^= 0x11;
        if let Ok(document) = OpenDocument::open(Cursor::new(changed)) {
            let _ = ods_rows(&document, 0);
        }
    }
}

/// A value in a form to which the values of both readers can be converted.
#[derive(Clone, Debug, PartialEq)]
enum Common {
    Text(String),
    Number(f64),
    Day(String),
    Boolean(bool),
}

type Cells = Vec<(u32, u32, Common)>;

fn ours(bytes: &[u8], sheet: usize) -> Cells {
    let document = OpenDocument::open(Cursor::new(bytes)).expect("a document");
    let mut rows = document
        .rows(sheet, TextBudget::bytes(u64::MAX))
        .expect("a sheet");
    let mut cells = Vec::new();
    while let Some(row) = rows.next_row().expect("a row") {
        for cell in row.cells() {
            let value = match cell.value {
                Value::Text(text) => Common::Text(text.to_owned()),
                Value::IsoDate(text) => Common::Day(text.to_owned()),
                Value::Number(number) if number.format == NumberFormat::Date => {
                    let day =
                        ExcelDateTime::new(number.to_f64(), ExcelDateTimeType::DateTime, false);
                    let (year, month, day, ..) = day.to_ymd_hms_milli();
                    Common::Day(format!("{year:04}-{month:02}-{day:02}"))
                }
                Value::Number(number) => Common::Number(number.to_f64()),
                Value::Boolean(truth) => Common::Boolean(truth),
                Value::Error(_) | Value::FormulaWithoutValue => panic!("neither is written"),
            };
            cells.push((row.number(), cell.column, value));
        }
    }
    cells
}

fn calamines(bytes: &[u8], sheet: usize) -> Cells {
    let mut workbook = Ods::new(Cursor::new(bytes)).expect("a workbook");
    let range = workbook
        .worksheet_range_at(sheet)
        .expect("a sheet")
        .expect("a sheet");
    let (row, column) = range.start().unwrap_or_default();
    let cells = range.used_cells().filter_map(|(down, right, value)| {
        let value = match value {
            Data::Empty => return None,
            Data::String(text) if text.is_empty() => return None,
            Data::String(text) => Common::Text(text.clone()),
            Data::Float(number) => Common::Number(*number),
            Data::Bool(truth) => Common::Boolean(*truth),
            Data::DateTimeIso(text) => Common::Day(text.clone()),
            other => panic!("{other:?}"),
        };
        Some((row + down as u32 + 1, column + right as u32 + 1, value))
    });
    cells.collect()
}

/// Attributes and content of a cell.
fn raw_cell() -> impl Strategy<Value = String> {
    let text = "[a-c城&]([a-c城关镇😀]| ){0,6}[a-c]";
    let escaped = |text: String| text.replace('&', "&amp;").replace("  ", " <text:s/>");
    prop_oneof![
        "-?[0-9]{1,9}(\\.[0-9]{1,4})?([eE][+-]?[0-9])?".prop_map(|number| format!(
            " office:value-type='float' office:value='{number}'><text:p>{number}</text:p>"
        )),
        "0\\.[0-9]{1,3}".prop_map(|number| format!(
            " office:value-type='percentage' office:value='{number}'><text:p>a</text:p>"
        )),
        (1900_u32..2200, 3_u32..13, 1_u32..29).prop_map(|(year, month, day)| format!(
            " office:value-type='date' office:date-value='{year}-{month:02}-{day:02}'>"
        )),
        any::<bool>().prop_map(|truth| format!(
            " office:value-type='boolean' office:boolean-value='{truth}'><text:p>{truth}</text:p>"
        )),
        text.prop_map(move |text| format!(
            " office:value-type='string' calcext:value-type='string'><text:p>{}</text:p>",
            escaped(text)
        )),
        (text, text).prop_map(move |(one, other)| format!(
            " office:value-type='string'><text:p>{}</text:p><text:p><text:span>{}</text:span></text:p>",
            escaped(one),
            escaped(other)
        )),
        Just(" table:style-name='ce1'>".to_owned()),
    ]
}

fn raw_rows() -> impl Strategy<Value = String> {
    let cell = (1_u32..4, raw_cell()).prop_map(|(times, cell)| {
        format!(
            "<table:table-cell table:number-columns-repeated='{times}'{cell}</table:table-cell>"
        )
    });
    let row = (1_u32..4, prop::collection::vec(cell, 0..6)).prop_map(|(times, cells)| {
        format!(
            "<table:table-row table:number-rows-repeated='{times}'>{}</table:table-row>",
            cells.concat()
        )
    });
    prop::collection::vec(row, 0..8).prop_map(|rows| rows.concat())
}

proptest! {
    #[test]
    fn cells_are_those_of_another_reader(sheets in prop::collection::vec(raw_rows(), 1..3)) {
        let tables: String = sheets
            .iter()
            .enumerate()
            .map(|(index, rows)| format!("<table:table table:name='s{index}'>{rows}</table:table>"))
            .collect();
        let bytes = MadeOds::of_sheets(&tables).packed();
        for sheet in 0..sheets.len() {
            prop_assert_eq!(ours(&bytes, sheet), calamines(&bytes, sheet));
        }
    }
}
