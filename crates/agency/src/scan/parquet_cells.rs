//! Converts the columns of a Parquet batch to the text of their cells.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float16Type, Float32Type, Float64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, BinaryViewArray, PrimitiveArray, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use encoding_rs::GB18030;

use super::china_time::{Clock, date};
use super::encoding::Encoding;
use super::written_out::{ERROR_TEXT, float_text};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes that are marked as text, which should be UTF-8.
    Text,
    /// Bytes without a mark. Older systems write texts so, some in GBK.
    Bytes,
    /// Other values; moments are meant by this clock.
    Values(Clock),
}

/// A byte that is valid in no encoding. It stands for a text that cannot be decoded,
/// so that the cell is reported.
const UNDECODABLE: &[u8] = b"\xff";

/// The encodings of the texts and of the bytes of a file; `None` as long as all have
/// been ASCII.
#[derive(Default)]
pub(super) struct Encodings {
    of_texts: Option<Encoding>,
    of_bytes: Option<Encoding>,
}

impl Encodings {
    /// Decides the encodings from the first batch that shows them: the one in which
    /// more cells are valid. A single cell is not enough: 路 in GBK is also valid UTF-8,
    /// and a UTF-8 text that was cut off may be valid GBK.
    pub(super) fn decide(&mut self, columns: &[(Kind, BinaryViewArray)]) {
        for (kind, encoding) in [
            (Kind::Text, &mut self.of_texts),
            (Kind::Bytes, &mut self.of_bytes),
        ] {
            if encoding.is_none() {
                let columns = columns.iter().filter(|(other, _)| *other == kind);
                *encoding = detected(columns.flat_map(|(_, cells)| cells.iter().flatten()));
            }
        }
    }

    /// Returns the bytes of a cell in UTF-8.
    pub(super) fn decoded<'c>(&self, kind: Kind, cell: &'c [u8]) -> std::borrow::Cow<'c, [u8]> {
        let encoding = match kind {
            Kind::Text => self.of_texts,
            Kind::Bytes => self.of_bytes,
            Kind::Values(_) => return cell.into(),
        };
        let valid = match encoding {
            Some(Encoding::Gb18030) if !cell.is_ascii() => {
                let text = GB18030.decode_without_bom_handling_and_without_replacement(cell);
                return match text {
                    Some(text) => text.into_owned().into_bytes().into(),
                    None => UNDECODABLE.into(),
                };
            }
            _ => std::str::from_utf8(cell).is_ok(),
        };
        if valid { cell } else { UNDECODABLE }.into()
    }
}

fn detected<'c>(cells: impl Iterator<Item = &'c [u8]>) -> Option<Encoding> {
    let (mut utf8, mut gb18030) = (0_u64, 0_u64);
    for cell in cells.filter(|cell| !cell.is_ascii()) {
        if std::str::from_utf8(cell).is_ok() {
            utf8 += 1;
        } else if GB18030
            .decode_without_bom_handling_and_without_replacement(cell)
            .is_some()
        {
            gb18030 += 1;
        }
    }
    match (utf8, gb18030) {
        (0, 0) => None,
        _ if gb18030 > utf8 => Some(Encoding::Gb18030),
        _ => Some(Encoding::Utf8),
    }
}

/// Converts the cells of a column to text: numbers and days as a CSV export has them.
/// Texts and bytes stay as they are. A value that cannot be converted becomes
/// [`ERROR_TEXT`] and not an empty cell.
///
/// Returns `None` if the column has another type than `kind` says.
pub(super) fn cells(column: &ArrayRef, kind: Kind) -> Option<BinaryViewArray> {
    let Kind::Values(clock) = kind else {
        return bytes(column);
    };
    let texts = match column.data_type() {
        DataType::Null => return Some(BinaryViewArray::new_null(column.len())),
        DataType::Float64 => texts::<Float64Type>(column, |number| Some(float_text(number)))?,
        // Through the shortest text, to get 0.1 and not 0.10000000149.
        DataType::Float32 => texts::<Float32Type>(column, |number| {
            number.to_string().parse().ok().map(float_text)
        })?,
        DataType::Float16 => texts::<Float16Type>(column, |number| {
            number.to_string().parse().ok().map(float_text)
        })?,
        DataType::Date32 => texts::<Date32Type>(column, |days| {
            date(days.into()).map(|date| date.to_string())
        })?,
        DataType::Timestamp(TimeUnit::Second, _) => days::<TimestampSecondType>(column, clock, 1)?,
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            days::<TimestampMillisecondType>(column, clock, 1_000)?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            days::<TimestampMicrosecondType>(column, clock, 1_000_000)?
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            days::<TimestampNanosecondType>(column, clock, 1_000_000_000)?
        }
        other => {
            let is_decimal = other.is_decimal();
            let texts = cast(column, &DataType::Utf8).ok();
            let texts = texts
                .as_ref()
                .and_then(|texts| downcast::<StringArray>(texts));
            let text = |row: usize| {
                let text = texts.filter(|texts| texts.is_valid(row))?.value(row);
                Some(
                    if is_decimal {
                        plain_decimal(text)
                    } else {
                        text
                    }
                    .to_owned(),
                )
            };
            rows(column, |row| text(row))
        }
    };
    Some(texts)
}

fn bytes(column: &ArrayRef) -> Option<BinaryViewArray> {
    let bytes = match column.data_type() {
        DataType::BinaryView => Arc::clone(column),
        DataType::FixedSizeBinary(_) => {
            let bytes = cast(column, &DataType::Binary).ok()?;
            cast(&bytes, &DataType::BinaryView).ok()?
        }
        _ => return None,
    };
    downcast::<BinaryViewArray>(&bytes).cloned()
}

/// Returns a decimal without the zeros at the end of its fraction: a whole number as
/// such.
fn plain_decimal(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

fn days<T>(column: &ArrayRef, clock: Clock, units_per_second: i64) -> Option<BinaryViewArray>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    texts::<T>(column, |moment| {
        let day = clock.day(moment, units_per_second)?;
        Some(day.to_string())
    })
}

fn texts<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    text: impl Fn(T::Native) -> Option<String>,
) -> Option<BinaryViewArray> {
    let values = downcast::<PrimitiveArray<T>>(column)?;
    Some(rows(column, |row| text(values.value(row))))
}

/// Writes the rows that have a value.
fn rows(column: &ArrayRef, text: impl Fn(usize) -> Option<String>) -> BinaryViewArray {
    let text = |row: usize| text(row).unwrap_or_else(|| ERROR_TEXT.to_owned());
    (0..column.len())
        .map(|row| column.is_valid(row).then(|| text(row)))
        .collect()
}

fn downcast<A: Array + 'static>(column: &ArrayRef) -> Option<&A> {
    column.as_any().downcast_ref::<A>()
}
