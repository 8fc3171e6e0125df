//! The values of cells, in all the ways in which files write them.

use aidlink_workbook::{Problem, WorkbookError};

use crate::made::Made;

fn rows(rows: &str) -> Vec<String> {
    Made::of_rows(rows).rows().expect("a sound sheet")
}

fn cell(content: &str) -> Vec<String> {
    rows(&format!("<row>{content}</row>"))
}

fn problem(made: &Made) -> (Problem, Option<u32>, Option<u32>) {
    match made.rows() {
        Err(WorkbookError::Wrong(problem, place)) => {
            assert_eq!(place.sheet.as_deref(), Some("名册"));
            (problem, place.row, place.column)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_type_of_cell_is_read() {
    let made = Made::of_rows(
        "<row r='1'><c r='A1' t='s'><v>1</v></c><c r='B1' t='str'><v>结果</v></c>\
         <c r='C1' t='inlineStr'><is><t>行内</t></is></c><c r='D1' t='b'><v>1</v></c>\
         <c r='E1' t='b'><v>0</v></c><c r='F1' t='n'><v>12.50</v></c><c r='G1'><v>-3E-2</v></c>\
         <c r='H1' t='e'><v>#N/A</v></c><c r='I1' t='d'><v>2024-01-31T00:00:00</v></c></row>",
    )
    .with_strings(&["<t>first</t>", "<t>second</t>"]);
    assert_eq!(
        made.rows().expect("a sound sheet"),
        [
            "1: A=second B=结果 C=行内 D=true E=false F=#12.50 G=#-3E-2 H=#N/A I=iso 2024-01-31T00:00:00"
        ]
    );
}

#[test]
fn known_and_unknown_error_values_are_read() {
    for error in [
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#N/A",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
    ] {
        let content = format!("<c t='e'><v>{error}</v></c>");
        assert_eq!(cell(&content), [format!("1: A={error}")]);
    }
    assert_eq!(cell("<c t='e'><v>#FIELD!</v></c>"), ["1: A=#ERROR"]);
}

#[test]
fn numbers_keep_their_text_and_other_content_is_text() {
    for number in [
        "0",
        "1",
        "007",
        "-0",
        "+1",
        "1.",
        ".5",
        "1e5",
        "1E+05",
        "440203199001011234",
        "0.1000",
        "1.7976931348623157E+308",
    ] {
        let content = format!("<c><v>{number}</v></c>");
        assert_eq!(cell(&content), [format!("1: A=#{number}")]);
    }
    for text in [
        "张三", "1 2", "1-2", "--1", "1e", "e5", ".", "-", "0x1F", "NaN", "INF", "1,000", "１",
    ] {
        let content = format!("<c><v>{text}</v></c>");
        assert_eq!(cell(&content), [format!("1: A={text}")]);
    }
    assert_eq!(cell("<c><v> 12\n</v></c>"), ["1: A=#12"]);
    assert_eq!(cell("<c><v>1&#50;</v></c>"), ["1: A=#12"]);
}

#[test]
fn invalid_booleans_and_dates_are_text() {
    assert_eq!(cell("<c t='b'><v>yes</v></c>"), ["1: A=yes"]);
    assert_eq!(cell("<c t='b'><v>true</v></c>"), ["1: A=true"]);
    assert_eq!(cell("<c t='d'><v>昨天</v></c>"), ["1: A=昨天"]);
}

#[test]
fn empty_cells_and_rows_of_empty_cells_are_left_out() {
    assert_eq!(
        rows(
            "<row r='1'><c r='A1'/><c r='B1' s='3'/><c r='C1'><v/></c><c r='D1'><v></v></c>\
             <c r='E1' t='inlineStr'><is><t/></is></c><c r='F1' t='str'><v></v></c>\
             <c r='G1' t='s'><v></v></c><c r='H1' t='inlineStr'/><c r='I1' t='e'><v/></c></row>\
             <row r='2'/><row r='3'><c r='XFD3' s='1'/></row>\
             <row r='5'><c r='B5'><v>1</v></c></row><row r='1048576'><c r='XFD1048576' s='1'/></row>"
        ),
        ["5: B=#1"]
    );
    let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>").with_strings(&["<t></t>"]);
    assert_eq!(made.rows().expect("a sound sheet"), [""; 0]);
}

#[test]
fn rows_and_cells_may_lack_their_position() {
    assert_eq!(
        rows(
            "<row><c><v>1</v></c><c/><c><v>3</v></c></row><row/>\
             <row><c r='C3'><v>1</v></c><c><v>2</v></c></row>\
             <row r='7'><c><v>1</v></c></row><row><c><v>2</v></c></row>\
             <row><c r='B20'><v>3</v></c></row><row><c><v>4</v></c></row>"
        ),
        [
            "1: A=#1 C=#3",
            "3: C=#1 D=#2",
            "7: A=#1",
            "8: A=#2",
            "20: B=#3",
            "21: A=#4"
        ]
    );
}

#[test]
fn cells_are_sorted_by_column() {
    assert_eq!(
        rows(
            "<row r='1'><c r='C1'><v>3</v></c><c r='A1'><v>1</v></c><c><v>2</v></c>\
             <c r='AA1'><v>27</v></c><c r='E1'/></row>"
        ),
        ["1: A=#1 B=#2 C=#3 AA=#27"]
    );
}

#[test]
fn contradicting_positions_are_refused_with_row_and_column() {
    for (rows, expected, row, column) in [
        ("<row r='2'/><row r='2'/>", Problem::RowOrder, 2, None),
        ("<row r='5'/><row r='3'/>", Problem::RowOrder, 3, None),
        ("<row r='x'/>", Problem::Reference, 0, None),
        ("<row r='1'><c r='1A'/></row>", Problem::Reference, 1, None),
        (
            "<row r='1'><c r='B2'/></row>",
            Problem::CellOfOtherRow,
            1,
            None,
        ),
        (
            "<row><c/><c r='B2'/></row>",
            Problem::CellOfOtherRow,
            1,
            Some(1),
        ),
        (
            "<row r='4'/><row><c r='B2'/></row>",
            Problem::CellOfOtherRow,
            5,
            None,
        ),
        (
            "<row><c r='B1'><v>1</v></c><c r='A1'><v>1</v></c><c r='B1'><v>2</v></c></row>",
            Problem::CellTwice,
            1,
            Some(2),
        ),
        (
            "<row><c><v>1</v><v>2</v></c></row>",
            Problem::ValueTwice,
            1,
            Some(1),
        ),
        (
            "<row><c t='inlineStr'><is><t>1</t></is><is><t>2</t></is></c></row>",
            Problem::ValueTwice,
            1,
            Some(1),
        ),
        ("<row><c/><c t='z'/></row>", Problem::CellKind, 1, Some(1)),
        (
            "<row><c t='s'><v>0</v></c></row>",
            Problem::NoSharedString,
            1,
            Some(1),
        ),
        (
            "<row><c t='s'><v>-1</v></c></row>",
            Problem::NoSharedString,
            1,
            Some(1),
        ),
    ] {
        let place = (row > 0).then_some(row);
        assert_eq!(
            problem(&Made::of_rows(rows)),
            (expected, place, column),
            "{rows}"
        );
    }
}

#[test]
fn formulas_have_their_saved_value_or_none() {
    assert_eq!(
        rows(
            "<row><c><f>1+1</f><v>2</v></c><c t='str'><f>A1&amp;\"x\"</f><v>2x</v></c>\
             <c t='str'><f>\"\"</f><v></v></c><c><f>1+1</f></c><c><f>1+1</f><v/></c>\
             <c t='str'><f>NOW()</f></c><c t='e'><f>1/0</f><v>#DIV/0!</v></c>\
             <c t='b'><f>TRUE()</f><v>1</v></c><c><f t='shared' si='0'/></c>\
             <c><f t='array' ref='A1:B2'>A1</f><v>7</v></c></row>"
        ),
        ["1: A=#2 B=2x D=? E=? F=? G=#DIV/0! H=true I=? J=#7"]
    );
}

#[test]
fn runs_of_rich_text_are_joined_without_phonetic_readings() {
    let rich = "<r><rPr><b/></rPr><t>东京</t></r><r><t xml:space='preserve".to_owned()
        + "'> 都</t></r><rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/>";
    let made = Made::of_rows(&format!(
        "<row><c t='s'><v>0</v></c><c t='inlineStr'><is>{rich}</is></c></row>"
    ))
    .with_strings(&[&rich]);
    assert_eq!(
        made.rows().expect("a sound sheet"),
        ["1: A=东京 都 B=东京 都"]
    );
}

#[test]
fn a_text_that_is_written_inline_and_as_a_value_is_the_inline_one() {
    for content in [
        "<is><t>张三</t></is><v>0</v>",
        "<v>0</v><is><t>张三</t></is>",
    ] {
        assert_eq!(
            cell(&format!("<c t='inlineStr'>{content}</c>")),
            ["1: A=张三"],
            "{content}"
        );
    }
}

#[test]
fn white_space_is_kept_where_the_file_says_so_and_for_results_of_formulas() {
    for (content, text) in [
        ("<t xml:space='preserve'> a  b\n</t>", " a  b\n"),
        ("<t> a  b\n</t>", "a  b"),
        ("<t xml:space='default'>\ta\t</t>", "a"),
        ("<t xml:space='preserve'>a\r\nb\rc</t>", "a\nb\nc"),
        ("<t>a&#13;&#10;b</t>", "a\r\nb"),
        ("<t>　全角　</t>", "　全角　"),
    ] {
        let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>").with_strings(&[content]);
        let expected = format!("1: A={text}");
        assert_eq!(made.rows().expect("a sound sheet"), [expected], "{content}");
    }
    assert_eq!(cell("<c t='str'><v> a </v></c>"), ["1: A= a "]);
}

#[test]
fn escaped_characters_are_decoded_in_every_kind_of_text() {
    let made = Made::of_rows(
        "<row><c t='s'><v>0</v></c><c t='inlineStr'><is><t>a_x0009_b</t></is></c>\
         <c t='str'><v>_x4E2D__x005F_x0041_</v></c><c t='inlineStr'><v>_x0041_</v></c></row>",
    )
    .with_strings(&["<r><t>_x000D_</t></r><r><t>&amp;&#20013;<![CDATA[<&>]]></t></r>"]);
    assert_eq!(
        made.rows().expect("a sound sheet"),
        ["1: A=\r&中<&> B=a\tb C=中_x0041_ D=A"]
    );
}

#[test]
fn numbers_have_the_format_of_their_cell() {
    let codes = [
        (164, "yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;;@"),
        (165, "[$-804]h:mm"),
        (166, "[h]:mm"),
        // A code in the file overrides the built-in format of the same id.
        (14, "0.00"),
    ];
    let cells = [0, 164, 165, 22, 166, 49, 31, 14, 9];
    let content: String = (0..cells.len())
        .map(|style| format!("<c s='{style}'><v>45322</v></c>"))
        .collect();
    let made = Made::of_rows(&format!("<row>{content}<c><v>45322</v></c></row>"))
        .with_styles(&codes, &cells);
    assert_eq!(
        made.rows().expect("a sound sheet"),
        [
            "1: A=#45322 B=date 45322 C=time 45322 D=moment 45322 E=elapsed 45322 F=@45322 \
          G=date 45322 H=#45322 I=#45322 J=#45322"
        ]
    );
}

/// Nobody knows whether such a number is a day, counted from the workbook's own epoch.
#[test]
fn a_number_without_its_format_is_refused() {
    let no_format = Some((Problem::NoFormat, Some(1), Some(2)));
    let codes = [(164, "yyyy-mm-dd"), (70, "0.00")];
    let ids = [0, 14, 164, 165, 59, 70, 81, u32::MAX];
    let is_known = [true, true, true, false, false, true, false, false, false];
    for (style, is_known) in is_known.into_iter().enumerate() {
        for (content, is_number) in [
            ("<v>45322</v>", true),
            ("<v> 1.5e3 </v>", true),
            ("<f>A1</f><v>45322</v>", true),
            ("", false),
            ("<v></v>", false),
        ] {
            let cells = format!(
                "<row><c t='str'><v>a</v></c><c s='{style}'>{content}</c>\
                 <c s='{style}' t='str'><v>b</v></c><c s='{style}' t='b'><v>1</v></c>\
                 <c s='{style}' t='d'><v>2024-01-31</v></c></row>"
            );
            let with = Made::of_rows(&cells).with_styles(&codes, &ids);
            let without = Made::of_rows(&cells);
            for (made, is_known) in [(with, is_known), (without, style == 0)] {
                // With the usual epoch it is no day that could be four years off.
                assert!(made.rows().is_ok(), "{style} {content}");
                let made = made.of_1904();
                let refused = made.rows().is_err().then(|| problem(&made));
                let expected = no_format.filter(|_| is_number && !is_known);
                assert_eq!(refused, expected, "{style} {content}");
            }
        }
    }
    // An id that is no number.
    let styles = "<styleSheet><cellXfs><xf numFmtId='x'/><xf/></cellXfs></styleSheet>";
    let made = |style: u32| {
        Made::of_rows(&format!(
            "<row><c t='str'><v>a</v></c><c s='{style}'><v>1</v></c></row>"
        ))
        .with_styles(&[], &[])
        .with("xl/styles.xml", styles)
        .of_1904()
    };
    assert_eq!(Some(problem(&made(0))), no_format);
    assert_eq!(made(1).rows().expect("a sound sheet"), ["1: A=a B=#1"]);
}

#[test]
fn elements_with_prefixes_are_read_and_foreign_elements_are_skipped() {
    let made = Made::of_sheet(
        "<x:worksheet xmlns:x='http://purl.oclc.org/ooxml/spreadsheetml/main'>\
         <x:sheetPr><x:outlinePr/></x:sheetPr><x:sheetData>\
         <x:row x:r='9' r='2' xmlns:r='a' ><x:c xmlns:t='b' r='B2' t='inlineStr'><x:is><x:t>名</x:t></x:is>\
         <x:extLst><x:ext><x:v>no</x:v></x:ext></x:extLst></x:c>\
         <x:extLst><x:c><x:v>no</x:v></x:c></x:extLst></x:row>\
         <!-- <row><c><v>no</v></c></row> --></x:sheetData>\
         <x:extLst><y:sheetData><row><c><v>no</v></c></row></y:sheetData></x:extLst></x:worksheet>",
    );
    assert_eq!(made.rows().expect("a sound sheet"), ["2: B=名"]);
}

#[test]
fn alternative_content_is_refused_because_it_may_contain_cells() {
    let alternatives = |content: &str| {
        format!(
            "<m:AlternateContent xmlns:m='m'><m:Choice>{content}</m:Choice></m:AlternateContent>"
        )
    };
    for (rows, row, column) in [
        (alternatives("<row><c><v>1</v></c></row>"), None, None),
        (
            format!("<row>{}</row>", alternatives("<c><v>1</v></c>")),
            Some(1),
            None,
        ),
        (
            format!("<row><c>{}</c></row>", alternatives("<v>1</v>")),
            Some(1),
            Some(1),
        ),
        (
            format!(
                "<row><c t='inlineStr'><is>{}</is></c></row>",
                alternatives("<t>1</t>")
            ),
            Some(1),
            Some(1),
        ),
        (
            format!(
                "<row><c t='inlineStr'><is><r>{}</r></is></c></row>",
                alternatives("<t>1</t>")
            ),
            Some(1),
            Some(1),
        ),
        (
            format!("<row><c t='str'><v>1{}</v></c></row>", alternatives("2")),
            Some(1),
            Some(1),
        ),
    ] {
        assert_eq!(
            problem(&Made::of_rows(&rows)),
            (Problem::Alternatives, row, column),
            "{rows}"
        );
    }
    let text = "<t>1</t>";
    for strings in [
        format!("<sst>{}</sst>", alternatives(&format!("<si>{text}</si>"))),
        format!("<sst><si>{}</si></sst>", alternatives(text)),
        format!("<sst><si><r>{}</r></si></sst>", alternatives(text)),
        format!("<sst><si><t>1{}</t></si></sst>", alternatives("2")),
    ] {
        let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>")
            .with_strings(&[])
            .with("xl/sharedStrings.xml", strings.clone().into_bytes());
        assert!(
            matches!(
                made.rows(),
                Err(WorkbookError::Wrong(Problem::Alternatives, _))
            ),
            "{strings}"
        );
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_row_and_column() {
    let rows = b"<worksheet><sheetData><row><c t='str'><v>ok</v></c><c t='str'><v>\xb3\xc7</v></c></row></sheetData></worksheet>";
    let made = Made::of_rows("").with("xl/worksheets/sheet1.xml", rows.to_vec());
    assert_eq!(problem(&made), (Problem::Encoding, Some(1), Some(2)));
    let mut strings = b"<sst><si><t>\xe5</t></si><si><t>\x9f\x8e</t></si></sst>".to_vec();
    let made = Made::of_rows("<row><c t='s'><v>0</v></c></row>")
        .with_strings(&[])
        .with("xl/sharedStrings.xml", strings.clone());
    // The two texts are valid UTF-8 only together.
    assert!(matches!(
        made.rows(),
        Err(WorkbookError::Wrong(Problem::Encoding, _))
    ));
    strings.retain(u8::is_ascii);
    assert!(made.with("xl/sharedStrings.xml", strings).rows().is_ok());
}

#[test]
fn debug_output_of_a_row_hides_its_cells() {
    let mut workbook = Made::of_rows("<row><c t='str'><v>secret</v></c></row>")
        .open()
        .expect("a workbook");
    let budget = aidlink_workbook::TextBudget::bytes(100);
    let mut rows = workbook.rows(0, budget).expect("a sheet");
    let row = rows.next_row().expect("a row").expect("a row");
    assert_eq!(format!("{row:?}"), "Row { number: 1, cells: 1, .. }");
}
