//! Reads the table of cells of an XLSB sheet from the records of its part.

use std::io::{Read, Write};

use crate::error::{Bound, Fault, Problem};
use crate::format::NumberFormat;
use crate::limits::{MOST_COLUMNS, MOST_ROWS};
use crate::merged::MergeList;
use crate::row::{ErrorValue, Kind, Line, as_range};
use crate::styles::CellFormats;
use crate::xlsb::{kind, read_area};
use crate::xlsb_records::{Fields, Records};

// The types of records of the table ([MS-XLSB] 2.3).
const ROW_HDR: u16 = 0;
const BEGIN_SHEET_DATA: u16 = 145;
const END_SHEET_DATA: u16 = 146;

/// The table of cells of a sheet. Records that do not affect the values are skipped, and
/// so is the extent that the sheet states.
pub(crate) struct XlsbTable<'w, R> {
    records: Records<R>,
    formats: &'w CellFormats,
    next: Next,
}

/// What comes next in the part.
#[derive(Clone, Copy)]
enum Next {
    /// The table.
    Table,
    /// The cells of the row of this number.
    Row(u32),
    /// The end of the part.
    End,
}

/// The content of a cell.
#[derive(Clone, Copy)]
enum Content {
    Blank,
    PackedNumber,
    Error,
    Boolean,
    Number,
    Text,
    Shared,
    RichText,
}

/// Whether a record states the column of its cell; if not, it is the next one.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Stated,
    Next,
}

/// Returns what the cell of a record holds, if it is a cell. The value that was saved with
/// a formula comes first in its record, so it is read as any other.
fn cell_of(kind: u16) -> Option<(Content, Column)> {
    Some(match kind {
        1 => (Content::Blank, Column::Stated),
        2 => (Content::PackedNumber, Column::Stated),
        3 | 11 => (Content::Error, Column::Stated),
        4 | 10 => (Content::Boolean, Column::Stated),
        5 | 9 => (Content::Number, Column::Stated),
        6 | 8 => (Content::Text, Column::Stated),
        7 => (Content::Shared, Column::Stated),
        62 => (Content::RichText, Column::Stated),
        12 => (Content::Blank, Column::Next),
        13 => (Content::PackedNumber, Column::Next),
        14 => (Content::Error, Column::Next),
        15 => (Content::Boolean, Column::Next),
        16 => (Content::Number, Column::Next),
        17 => (Content::Text, Column::Next),
        18 => (Content::Shared, Column::Next),
        _ => return None,
    })
}

impl<'w, R: Read> XlsbTable<'w, R> {
    pub(crate) fn new(source: R, formats: &'w CellFormats) -> Result<Self, Fault> {
        Ok(XlsbTable {
            records: Records::new(source, kind::BEGIN_SHEET, kind::END_SHEET)?,
            formats,
            next: Next::Table,
        })
    }

    /// Reads the next row with content; `false` if there is none up to the row `last_row`.
    /// Merged areas on the way are added to `merges`.
    pub(crate) fn read_row(
        &mut self,
        line: &mut Line<'_>,
        merges: &mut MergeList,
        last_row: u32,
    ) -> Result<bool, Fault> {
        line.column = 0;
        loop {
            match self.next {
                Next::Table => {
                    if !self.find_table(merges)? {
                        return Err(Problem::OtherContent.into());
                    }
                }
                Next::Row(number) if number > last_row && last_row < MOST_ROWS => {
                    return Ok(false);
                }
                Next::Row(number) => line.begin_row(number)?,
                Next::End => {
                    line.row = 0;
                    return match self.find_table(merges)? {
                        true => Err(Problem::SecondTable.into()),
                        false => Ok(false),
                    };
                }
            }
            self.next = self.read_cells(line)?;
            if !line.cells.is_empty() {
                line.fill()?;
                return Ok(true);
            }
        }
    }

    /// Reads up to the table of cells; `false` if there is none.
    fn find_table(&mut self, merges: &mut MergeList) -> Result<bool, Fault> {
        while let Some(mut record) = self.records.next()? {
            match record.kind {
                BEGIN_SHEET_DATA => return Ok(true),
                kind::MERGE_CELL => merges.add(read_area(&mut record.fields)?)?,
                kind if kind == ROW_HDR || cell_of(kind).is_some() => {
                    return Err(Problem::OutsideTable.into());
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// Reads the cells of the current row, and returns what comes after them.
    fn read_cells(&mut self, line: &mut Line<'_>) -> Result<Next, Fault> {
        let mut is_sorted = true;
        line.column = 0;
        let next = loop {
            let record = self.records.next()?.ok_or(Problem::CutShort)?;
            let mut fields = record.fields;
            let (content, column) = match record.kind {
                ROW_HDR => break Next::Row(fields.u32()?.saturating_add(1)),
                END_SHEET_DATA => break Next::End,
                kind => match cell_of(kind) {
                    Some(cell) => cell,
                    None => continue,
                },
            };
            // A cell before the first row.
            if line.row == 0 {
                return Err(Problem::Reference.into());
            }
            let before = line.column;
            line.column = match column {
                Column::Stated => fields.u32()?.saturating_add(1),
                Column::Next => before + 1,
            };
            if line.column > MOST_COLUMNS {
                return Err(Bound::Columns.into());
            }
            is_sorted &= line.column > before;
            // The upper byte holds flags.
            let format = self.formats.get(fields.u32()? & 0x00ff_ffff);
            read_value(line, content, format, &mut fields)?;
        };
        if !is_sorted {
            line.sort()?;
        }
        line.column = 0;
        Ok(next)
    }
}

/// Reads the value of a cell after its position and format.
#[inline]
fn read_value(
    line: &mut Line<'_>,
    content: Content,
    format: Option<NumberFormat>,
    fields: &mut Fields<'_>,
) -> Result<(), Fault> {
    let start = line.text.len();
    match content {
        Content::Blank => Ok(()),
        Content::PackedNumber => store_number(line, unpacked(fields.u32()?), format),
        Content::Number => store_number(line, fields.f64()?, format),
        Content::Error => {
            let error = ErrorValue::of_code(fields.u8()?);
            line.store(Kind::Error(error), start, 0..0)
        }
        Content::Boolean => match fields.u8()? {
            truth @ (0 | 1) => line.store(Kind::Boolean(truth == 1), start, 0..0),
            _ => Err(Problem::Record.into()),
        },
        Content::Shared => line.store_shared(fields.u32()?, start),
        Content::Text | Content::RichText => {
            if let Content::RichText = content {
                let _flags = fields.u8()?;
            }
            fields.text(&mut line.text)?;
            match line.text.len() == start {
                true => Ok(()),
                false => line.store_text(start),
            }
        }
    }
}

/// Stores a number. Infinity and NaN, which no program writes, count as `#NUM!`. Without
/// its format nobody knows whether a number is a day of the workbook's epoch.
fn store_number(
    line: &mut Line<'_>,
    number: f64,
    format: Option<NumberFormat>,
) -> Result<(), Fault> {
    let format = format.ok_or(Problem::NoFormat)?;
    let start = line.text.len();
    if !number.is_finite() {
        return line.store(Kind::Error(ErrorValue::Number), start, 0..0);
    }
    // With an exponent, numbers that are very large or small are no longer than others.
    let size = number.abs();
    match size == 0.0 || (1e-5..1e17).contains(&size) {
        true => write!(line.text, "{number}")?,
        false => write!(line.text, "{number:e}")?,
    }
    let range = as_range(start, line.text.len() - start)?;
    line.store(Kind::Number(format), range.end as usize, range)
}

/// Returns the number that is packed into four bytes (`RkNumber`, 2.5.122): a whole number
/// of 30 bits or the upper 30 bits of a double; and possibly 100 times the number.
fn unpacked(packed: u32) -> f64 {
    const HUNDREDFOLD: u32 = 1;
    const WHOLE: u32 = 2;
    let number = match packed & WHOLE {
        0 => f64::from_bits(u64::from(packed & !(HUNDREDFOLD | WHOLE)) << 32),
        _ => f64::from(packed.cast_signed() >> 2),
    };
    match packed & HUNDREDFOLD {
        0 => number,
        _ => number / 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn packed_numbers_are_those_of_the_specification() {
        for (packed, number) in [
            (0x0000_0002, 0.0),
            (0x0000_0006, 1.0),
            (0x0000_0007, 0.01),
            (0xffff_fffe, -1.0),
            (0xffff_ffff, -0.01),
            (0x7fff_fffe, 536_870_911.0),
            (0x8000_0002, -536_870_912.0),
            (45_000 << 2 | 2, 45_000.0),
            (12_345 << 2 | 3, 123.45),
            (0x3ff0_0000, 1.0),
            (0x3ff0_0001, 0.01),
            (0xbff8_0000, -1.5),
            (0x40e5_f900, 45_000.0),
            (0x0000_0000, 0.0),
        ] {
            assert_eq!(unpacked(packed), number, "{packed:#x}");
        }
    }
}
