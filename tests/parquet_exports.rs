//! Tests exports in Parquet files.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray,
    types::Int32Type,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::formats::{assert_same_lists, replace_veterans, veterans_rows};
use crate::support::{Round, csv_rows};

pub fn parquet(columns: Vec<(String, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        // Several row groups, as in large exports.
        .set_max_row_group_row_count(Some(400))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Returns the sample's veterans as columns of text; empty cells are null.
pub fn text_columns(round: &Round) -> Vec<(String, Vec<Option<String>>)> {
    let rows = veterans_rows(round);
    let (header, rows) = rows.split_first().unwrap();
    let column = |index: usize| {
        let cells = rows.iter().map(|row| row[index].clone());
        cells
            .map(|cell| (!cell.is_empty()).then_some(cell))
            .collect()
    };
    let columns = header.iter().enumerate();
    columns
        .map(|(index, name)| (name.clone(), column(index)))
        .collect()
}

pub fn string_array(cells: Vec<Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from(cells))
}

#[test]
fn a_parquet_export_gives_the_same_lists() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(Default::default()),
        Compression::LZ4_RAW,
        Compression::GZIP(Default::default()),
    ] {
        let round = Round::sample();
        let columns = text_columns(&round).into_iter();
        let columns = columns
            .map(|(name, cells)| (name, string_array(cells)))
            .collect();
        replace_veterans(&round, "veterans.parquet", &parquet(columns, compression));
        assert_same_lists(&round);
        let veterans = round.export_in_manifest("veterans.persons");
        assert_eq!(veterans["files"][0]["format"], "parquet");
    }
}

#[test]
fn binary_and_boolean_columns_are_read_as_text() {
    let round = Round::sample();
    let columns = text_columns(&round)
        .into_iter()
        .map(|(name, cells)| {
            let array: ArrayRef = match name.as_str() {
                "身份证号" => Arc::new(BinaryArray::from_iter(cells)),
                "生活困难" => {
                    let truth =
                        |cell: Option<String>| cell.map(|cell| cell == "是" || cell == "true");
                    Arc::new(cells.into_iter().map(truth).collect::<BooleanArray>())
                }
                _ => string_array(cells),
            };
            (name, array)
        })
        .collect();
    replace_veterans(
        &round,
        "veterans.parquet",
        &parquet(columns, Compression::SNAPPY),
    );
    assert_same_lists(&round);
}

#[test]
fn id_numbers_stored_as_floats_are_rejected() {
    let round = Round::sample();
    let columns = text_columns(&round)
        .into_iter()
        .map(|(name, cells)| match name.as_str() {
            "身份证号" => {
                let number = |index| 449_901_198_001_011_216.0 + f64::from(index);
                let numbers = (0..cells.len() as u32).map(number);
                let numbers: ArrayRef = Arc::new(numbers.map(Some).collect::<Float64Array>());
                (name, numbers)
            }
            _ => (name, string_array(cells)),
        })
        .collect();
    replace_veterans(
        &round,
        "veterans.parquet",
        &parquet(columns, Compression::SNAPPY),
    );
    let result = round.run();
    result.assert_error(1, "rows were rejected, so none can be used");
    result.assert_error(1, "scientific");
}

#[test]
fn damaged_encrypted_and_unrelated_files_are_refused() {
    let columns = text_columns(&Round::sample())
        .into_iter()
        .map(|(name, cells)| (name, string_array(cells)))
        .collect();
    let intact = parquet(columns, Compression::SNAPPY);
    let half = intact[..intact.len() / 2].to_vec();
    // The footer is intact, but a page is damaged.
    let mut damaged_page = intact.clone();
    for byte in &mut damaged_page[100..4000] {
        *byte ^= 0x5a;
    }
    let unrelated = parquet(
        vec![(
            "metric".to_owned(),
            Arc::new(Float64Array::from(vec![1.0])) as ArrayRef,
        )],
        Compression::SNAPPY,
    );
    let nested = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let nested = parquet(
        vec![
            (
                "身份证号".to_owned(),
                string_array(vec![Some("x".to_owned())]),
            ),
            ("生活困难".to_owned(), Arc::new(nested) as ArrayRef),
        ],
        Compression::SNAPPY,
    );
    for (bytes, words) in [
        (half, "the Parquet file is damaged or cut short"),
        (
            b"PAR1rest".to_vec(),
            "the Parquet file is damaged or cut short",
        ),
        (
            b"PAREencrypted footer".to_vec(),
            "the file is protected by a password",
        ),
        (damaged_page, "the Parquet file is damaged or cut short"),
        (unrelated, "no header was found"),
        (nested, "the column `生活困难` is nested"),
    ] {
        let round = Round::sample();
        replace_veterans(&round, "veterans.parquet", &bytes);
        let result = round.run();
        result.assert_error(1, words);
        result.assert_error(1, "veterans.parquet");
        assert!(!result.stderr.contains("panicked"), "{}", result.stderr);
        assert!(!round.names().contains(&"output".to_owned()));
    }
}

#[test]
fn a_record_number_leads_back_to_the_row() {
    let round = Round::sample();
    let columns = text_columns(&round)
        .into_iter()
        .map(|(name, mut cells)| {
            if name == "身份证号" {
                cells[41] = Some("不详".to_owned());
            }
            // A line break inside a cell must not count as a new record.
            if name == "对象类别" {
                cells[7] = cells[7].as_ref().map(|cell| format!("{cell}\n"));
            }
            (name, string_array(cells))
        })
        .collect();
    replace_veterans(
        &round,
        "veterans.parquet",
        &parquet(columns, Compression::SNAPPY),
    );
    assert_eq!(round.run().code, 0);
    let rejects = csv_rows(&round.output("output")["rejects/veterans.csv"]);
    assert!(
        rejects
            .iter()
            .any(|row| row[2] == "42" && row[5] == "id_placeholder"),
        "{rejects:?}"
    );
}
