//! Reads the first sheet of a workbook, and prints the numbers of its rows and cells
//! and a checksum.
//!
//! Usage: `read_sheet FILE [--no-merged]`. With `--no-merged`, the pass that looks for
//! merged areas is left out.

use std::error::Error;
use std::fs::File;
use std::io::Write;

use aidlink_workbook::{ErrorValue, Fill, MergedAreas, TextBudget, Value, Workbook};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .ok_or("usage: read_sheet FILE [--no-merged]")?;
    let looks_for_merged = arguments.next().is_none();

    let mut workbook = Workbook::open(File::open(file)?)?;
    let merged = match looks_for_merged {
        true => workbook.merged_areas(0)?,
        false => MergedAreas::default(),
    };
    let budget = TextBudget::usual(workbook.byte_length());
    let mut rows = workbook.rows(0, budget)?.filled(&merged, Fill::Down);
    let (mut count, mut cells, mut texts, mut numbers) = (0_u64, 0_u64, 0_u64, 0_u64);
    // Depends on every byte and its position.
    let mut checksum = 0_u64;
    let mut add = |bytes: &[u8]| {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            checksum = (checksum.rotate_left(5) ^ u64::from_le_bytes(word))
                .wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    };
    while let Some(row) = rows.next_row()? {
        count += 1;
        for cell in row.cells() {
            cells += 1;
            match cell.value {
                Value::Text(text) | Value::IsoDate(text) => {
                    texts += 1;
                    add(text.as_bytes());
                }
                Value::Number(number) => {
                    numbers += 1;
                    add(number.text.as_bytes());
                }
                Value::Boolean(truth) => add(&[u8::from(truth)]),
                Value::Error(error) => add(error.as_str().as_bytes()),
                Value::FormulaWithoutValue => add(ErrorValue::Other.as_str().as_bytes()),
            }
        }
    }
    writeln!(
        std::io::stdout(),
        "{count} rows, {cells} cells ({texts} texts, {numbers} numbers), \
         {} merged areas, checksum {checksum:016x}",
        merged.areas().len()
    )?;
    Ok(())
}
