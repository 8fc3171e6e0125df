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

use super::encoding::Encoding;
use super::written_out::{ERROR_TEXT, float_text};
use crate::china_time::{Clock, date};

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
    /// more cells are valid. A single cell is not enough: a UTF-8 text that was cut off
    /// may be valid GBK.
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
        if let Ok(text) = std::str::from_utf8(cell) {
            // Characters below are no Chinese ones. Chinese in GBK may be valid UTF-8
            // for them, such as 卢露 for `¬¶`, so they count for neither.
            utf8 += u64::from(text.chars().any(|character| character >= '\u{800}'));
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
            rows(column, text)
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

#[cfg(test)]
mod tests {
    use arrow_array::{
        BooleanArray, Date32Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
        Float32Array, Float64Array, Int64Array, NullArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt64Array,
    };

    use super::*;

    fn texts(kind: Kind, column: impl Array + 'static) -> Vec<Option<String>> {
        let column: ArrayRef = Arc::new(column);
        let texts = cells(&column, kind).expect("a column of this kind");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        texts.iter().map(|cell| cell.map(text)).collect()
    }

    fn values(column: impl Array + 'static) -> Vec<Option<String>> {
        texts(Kind::Values(Clock::Local), column)
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn every_type_gives_the_same_text_as_a_csv_export() {
        let names = BinaryViewArray::from(vec![Some("甲".as_bytes()), None]);
        assert_eq!(texts(Kind::Text, names), [Some("甲".to_owned()), None]);
        let fixed = FixedSizeBinaryArray::try_from_iter([b"44990119900101011X"].into_iter());
        assert_eq!(
            texts(Kind::Bytes, fixed.expect("18 bytes")),
            some(&["44990119900101011X"])
        );
        assert_eq!(
            values(BooleanArray::from(vec![true, false])),
            some(&["true", "false"])
        );
        assert_eq!(values(NullArray::new(2)), [None, None]);
        // Whole numbers of eighteen digits are exact.
        let number = 449_901_199_001_010_119;
        assert_eq!(
            values(Int64Array::from(vec![number])),
            some(&["449901199001010119"])
        );
        assert_eq!(
            values(UInt64Array::from(vec![u64::MAX])),
            some(&["18446744073709551615"])
        );
        assert_eq!(
            values(Date32Array::from(vec![Some(19_753), None])),
            [Some("2024-01-31".to_owned()), None]
        );
    }

    #[test]
    fn whole_numbers_are_written_as_such_in_every_type() {
        let number = 449_901_199_001_010_119_i128;
        for (digits, scale, value, text) in [
            (18, 0, number, "449901199001010119"),
            (38, 10, number * 10_i128.pow(10), "449901199001010119"),
            (38, 10, 4 * 10_i128.pow(10), "4"),
            (38, 10, 0, "0"),
            (38, 10, -25 * 10_i128.pow(9), "-2.5"),
            (38, 10, 1, "0.0000000001"),
            (38, 0, 20_240_100, "20240100"),
            (4, 4, 5000, "0.5"),
        ] {
            let decimals = Decimal128Array::from(vec![Some(value), None])
                .with_precision_and_scale(digits, scale)
                .expect("such a decimal");
            let long = Decimal256Array::from(vec![Some(value.into()), None])
                .with_precision_and_scale(digits + 38, scale)
                .expect("such a decimal");
            let expected = [Some(text.to_owned()), None];
            assert_eq!(values(decimals), expected);
            assert_eq!(values(long), expected);
        }
        assert_eq!(
            values(Float32Array::from(vec![4.0, 0.1])),
            some(&["4", "0.1"])
        );
        // Floating-point numbers of eighteen digits are not exact.
        let floats = Float64Array::from(vec![4.0, 449_901_900_101_011.0, 0.5, 4.499_011_99e17]);
        assert_eq!(
            values(floats),
            some(&["4", "449901900101011", "0.5", "4.49901199E+17"])
        );
    }

    #[test]
    fn a_moment_is_its_day_by_the_clock_of_the_file() {
        // 2024-01-30 16:00, and a value that is none.
        let seconds = 1_706_630_400;
        let moments = TimestampMicrosecondArray::from(vec![Some(seconds * 1_000_000), None]);
        let nanos = TimestampNanosecondArray::from(vec![Some(seconds * 1_000_000_000), None]);
        for (clock, text) in [
            (Clock::Local, "2024-01-30"),
            (Clock::Utc, "2024-01-31"),
            (Clock::Unknown, ERROR_TEXT),
        ] {
            let expected = [Some(text.to_owned()), None];
            assert_eq!(texts(Kind::Values(clock), moments.clone()), expected);
            assert_eq!(texts(Kind::Values(clock), nanos.clone()), expected);
        }
    }

    #[test]
    fn a_day_beyond_the_calendar_is_an_error_and_not_empty() {
        let days = Date32Array::from(vec![i32::MIN, -800_000, 2_932_897, i32::MAX]);
        assert_eq!(values(days), some(&[ERROR_TEXT; 4]));
        let moments = TimestampMicrosecondArray::from(vec![i64::MIN, i64::MAX]);
        assert_eq!(values(moments), some(&[ERROR_TEXT; 2]));
    }

    #[test]
    fn most_cells_decide_the_encoding_of_texts_and_of_bytes() {
        let gbk = |text: &str| GB18030.encode(text).0.into_owned();
        let utf8 = |text: &str| text.as_bytes().to_vec();
        // 陆 and 卢露 in GBK are valid UTF-8 for other characters.
        let of_gbk = ["张三", "陆", "卢露", "陆", "abc"].map(gbk);
        let mut of_utf8 = ["张三", "陆", "李四", "王五", "abc"].map(utf8);
        // Cut within a character; valid GBK.
        of_utf8[3].truncate(4);
        let column = |cells: &[Vec<u8>]| BinaryViewArray::from_iter_values(cells);
        let decoded = |encodings: &Encodings, kind, cells: &[Vec<u8>]| -> Vec<String> {
            let text = |cell: &Vec<u8>| {
                let text = encodings.decoded(kind, cell).into_owned();
                String::from_utf8(text).unwrap_or_else(|_| "broken".to_owned())
            };
            cells.iter().map(text).collect()
        };
        let as_gbk = ["张三", "陆", "卢露", "陆", "abc"];
        let as_utf8 = ["张三", "陆", "李四", "broken", "abc"];
        for (texts, bytes, of_texts, of_bytes) in [
            (&of_utf8, &of_gbk, as_utf8, as_gbk),
            (&of_gbk, &of_utf8, as_gbk, as_utf8),
        ] {
            let mut encodings = Encodings::default();
            // Nothing is decided by ASCII.
            encodings.decide(&[(Kind::Text, column(&[b"abc".to_vec()]))]);
            encodings.decide(&[(Kind::Text, column(texts)), (Kind::Bytes, column(bytes))]);
            assert_eq!(decoded(&encodings, Kind::Text, texts), of_texts);
            assert_eq!(decoded(&encodings, Kind::Bytes, bytes), of_bytes);
        }
    }
}
