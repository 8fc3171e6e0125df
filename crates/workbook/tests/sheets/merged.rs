//! Merged areas, and the cells that they fill.

use aidlink_workbook::{Area, Bound, Fill, Problem, TextBudget, WorkbookError};

use crate::made::{Made, in_short};

fn sheet(rows: &str, areas: &[&str]) -> Made {
    let areas: String = areas
        .iter()
        .map(|area| format!("<mergeCell ref='{area}'/>"))
        .collect();
    Made::of_sheet(&format!(
        "<worksheet><sheetData>{rows}</sheetData><mergeCells count='1'>{areas}</mergeCells></worksheet>"
    ))
}

fn filled(made: &Made, how: Fill, budget: TextBudget) -> Result<Vec<String>, WorkbookError> {
    let mut workbook = made.open()?;
    let areas = workbook.merged_areas(0)?;
    let mut rows = workbook.rows(0, budget)?.filled(&areas, how);
    let mut short = Vec::new();
    while let Some(row) = rows.next_row()? {
        short.push(in_short(&row));
    }
    Ok(short)
}

fn area(first_row: u32, first_column: u32, last_row: u32, last_column: u32) -> Area {
    Area {
        first_row,
        first_column,
        last_row,
        last_column,
    }
}

#[test]
fn areas_are_sorted_and_single_cells_and_overlaps_are_left_out() {
    let made = sheet(
        "",
        &["C5:D9", "A1:F1", "B2:B2", "B4:C5", "A3:A2", "$E$5:$E$6"],
    );
    let merged = made
        .open()
        .and_then(|mut workbook| workbook.merged_areas(0));
    let merged = merged.expect("areas");
    assert_eq!(
        merged.areas(),
        [
            area(1, 1, 1, 6),
            area(2, 1, 3, 1),
            area(4, 2, 5, 3),
            area(5, 5, 6, 5)
        ]
    );
    assert_eq!(merged.overlapping(), [area(5, 3, 9, 4)]);
}

#[test]
fn areas_are_found_before_the_rows_and_with_any_prefix() {
    for (sheet, expected) in [
        (
            "<worksheet><mergeCells><mergeCell ref='A1:B1'/></mergeCells><sheetData/></worksheet>",
            1,
        ),
        (
            "<x:worksheet xmlns:x='a'><x:sheetData/><x:mergeCells><x:mergeCell ref='A1:B1'></x:mergeCell>\
             </x:mergeCells></x:worksheet>",
            1,
        ),
        (
            "<worksheet><sheetData/><!-- <mergeCells><mergeCell ref='A1:B1'/></mergeCells> --></worksheet>",
            0,
        ),
        (
            "<worksheet><sheetData><row><c t='str'><v>mergeCell</v></c></row></sheetData></worksheet>",
            0,
        ),
        (
            "<worksheet><sheetData/><mergeCells/><a><mergeCell ref='A1:B1'/></a></worksheet>",
            0,
        ),
        ("<worksheet><sheetData/></worksheet>", 0),
    ] {
        let mut workbook = Made::of_sheet(sheet).open().expect("a workbook");
        let merged = workbook.merged_areas(0).expect("areas");
        assert_eq!(merged.areas().len(), expected, "{sheet}");
        let mut rows = workbook.rows(0, TextBudget::bytes(100)).expect("rows");
        while rows.next_row().expect("a row").is_some() {}
        assert_eq!(rows.into_merged_areas(), merged, "{sheet}");
    }
}

#[test]
fn rows_end_after_the_last_one_that_is_wanted() {
    // What is behind it is not even read.
    let rows = "<row r='2'><c><v>2</v></c></row><row r='3'><c s='0'/></row>\
        <row r='7'><c><v>7</v></c></row><row r='9'><c t='nonsense'><v>9</v></c></row>";
    let made = sheet(rows, &[]);
    for (last, numbers) in [
        (1, &[][..]),
        (2, &[2]),
        (6, &[2]),
        (7, &[2, 7]),
        (8, &[2, 7]),
    ] {
        let mut workbook = made.open().expect("a workbook");
        let rows = workbook.rows(0, TextBudget::bytes(100));
        let mut rows = rows.expect("rows").up_to(last);
        let mut read = Vec::new();
        while let Some(row) = rows.next_row().expect("a row") {
            read.push(row.number());
        }
        assert_eq!(read, numbers, "{last}");
    }
}

#[test]
fn areas_are_found_at_any_position_in_a_long_part() {
    // The name may be split between two of the blocks in which a part is read.
    for length in (256 << 10) - 40..(256 << 10) + 2 {
        let head = "<worksheet><sheetData/>";
        let sheet = format!(
            "{head}{}<mergeCells><mergeCell ref='A1:B1'/></mergeCells></worksheet>",
            " ".repeat(length - head.len())
        );
        let mut workbook = Made::of_sheet(&sheet).open().expect("a workbook");
        let merged = workbook.merged_areas(0).expect("areas");
        assert_eq!(merged.areas().len(), 1, "{length}");
    }
}

#[test]
fn a_value_fills_its_column_or_the_whole_area() {
    let rows = "<row r='1'><c r='A1' t='str'><v>名册</v></c></row>\
        <row r='2'><c r='A2' t='str'><v>一户</v></c><c r='B2'><v>1</v></c><c r='C2'><v>7</v></c></row>\
        <row r='3'><c r='A3'/><c r='B3'><v>2</v></c></row>\
        <row r='5'><c r='B5'><v>3</v></c><c r='D5'><v>own</v></c></row>\
        <row r='6'><c r='A6'/></row>\
        <row r='7'><c r='B7'><v>4</v></c></row>";
    let made = sheet(rows, &["A1:D1", "A2:A6", "C2:D5"]);
    let budget = TextBudget::bytes(1000);
    assert_eq!(
        filled(&made, Fill::Down, budget).expect("rows"),
        [
            "1: A=名册",
            "2: A=一户 B=#1 C=#7",
            "3: A^=一户 B=#2 C^=#7",
            "5: A^=一户 B=#3 C^=#7 D=own",
            "7: B=#4",
        ]
    );
    assert_eq!(
        filled(&made, Fill::Whole, budget).expect("rows"),
        [
            "1: A=名册 B^=名册 C^=名册 D^=名册",
            "2: A=一户 B=#1 C=#7 D^=#7",
            "3: A^=一户 B=#2 C^=#7 D^=#7",
            "5: A^=一户 B=#3 C^=#7 D=own",
            "7: B=#4",
        ]
    );
}

#[test]
fn every_kind_of_value_fills_its_area_and_no_value_fills_nothing() {
    let rows = "<row><c t='s'><v>0</v></c><c t='b'><v>1</v></c><c t='e'><v>#N/A</v></c>\
        <c><f>1</f></c><c/><c t='d'><v>2024-01-31</v></c><c s='1'><v>45322</v></c><c><v>1</v></c></row>\
        <row><c r='H2'><v>2</v></c></row><row><c r='H3'><v>3</v></c></row>";
    let areas = [
        "A1:A2", "B1:B2", "C1:C3", "D1:D2", "E1:E3", "F1:F2", "G1:G2",
    ];
    let made = sheet(rows, &areas)
        .with_strings(&["<t>共享</t>"])
        .with_styles(&[], &[0, 14]);
    assert_eq!(
        filled(&made, Fill::Down, TextBudget::bytes(1000)).expect("rows"),
        [
            "1: A=共享 B=true C=#N/A D=? F=iso 2024-01-31 G=date 45322 H=#1",
            "2: A^=共享 B^=true C^=#N/A D^=? F^=iso 2024-01-31 G^=date 45322 H=#2",
            "3: C^=#N/A H=#3",
        ]
    );
}

#[test]
fn filled_values_count_against_the_budget() {
    let rows: String = (1..=100)
        .map(|row| match row {
            1 => "<row><c t='str'><v>ten bytes.</v></c><c><v>1</v></c></row>".to_owned(),
            _ => format!("<row><c r='B{row}'><v>1</v></c></row>"),
        })
        .collect();
    let made = sheet(&rows, &["A1:A1048576"]);
    // With the separator, two bytes for each number and eleven for each text.
    let rows = filled(&made, Fill::Down, TextBudget::bytes(1300)).expect("within the budget");
    assert_eq!(rows.len(), 100);
    match filled(&made, Fill::Down, TextBudget::bytes(1299)) {
        Err(WorkbookError::Beyond(Bound::Text(1299), place)) => {
            assert_eq!((place.row, place.column), (Some(100), Some(1)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn areas_outside_a_sheet_are_refused() {
    for (reference, beyond) in [
        ("A1:A1048577", Some(Bound::Rows)),
        ("A1:XFE1", Some(Bound::Columns)),
        ("A1:B", None),
        ("", None),
    ] {
        let merged = sheet("", &[reference])
            .open()
            .and_then(|mut workbook| workbook.merged_areas(0));
        match (merged, beyond) {
            (Err(WorkbookError::Beyond(found, _)), Some(bound)) => assert_eq!(found, bound),
            (Err(WorkbookError::Wrong(Problem::Reference, _)), None) => {}
            (other, _) => panic!("{reference}: {other:?}"),
        }
    }
}
