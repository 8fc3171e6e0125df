//! Converts the rows of a Parquet file to CSV text, batch by batch, so that memory
//! use does not grow with the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::guarded::guarded;
use aidlink_files::parquet_file::ParquetFile;
use aidlink_files::regular_file;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, Date32Array, Float32Array, Float64Array,
    PrimitiveArray, RecordBatch,
};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::limits::{MAX_RECORD_BYTES, MAX_ROW_GROUP_BYTES};
use super::refusal::damaged;
use super::written_out::{float_text, write_cell};

/// The first bytes of a Parquet file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// The first bytes of a Parquet file with an encrypted footer.
pub(super) const MAGIC_ENCRYPTED: &[u8] = b"PARE";

const ROWS_PER_BATCH: usize = 4096;
/// Approximate number of bytes of CSV text that is produced at a time.
const PIECE_BYTES: usize = 1 << 20;
/// Offset of China Standard Time, which has no daylight saving time.
const SECONDS_EAST_OF_UTC: i64 = 8 * 3600;

/// Checks the footer of a file.
///
/// # Errors
/// If the file is damaged, uses an unsupported compression or has a row group that
/// is too large, or if a column is nested.
pub(super) fn check(path: &Path) -> Result<(), Faults> {
    let file = regular_file::open(path).map_err(|error| Fault::unreadable(path, &error))?;
    let metadata = load(&file).map_err(|_| broken(path))?;
    let groups = metadata.metadata().row_groups();
    let chunks = groups.iter().flat_map(|group| group.columns());
    let unsupported = |chunk: &ColumnChunkMetaData| {
        matches!(
            chunk.compression(),
            Compression::BROTLI(_) | Compression::LZO
        )
    };
    if chunks.into_iter().any(unsupported) {
        return Err(Fault::of_file(
            path,
            Text::new(
                "Parquet 文件以 brotli 或 lzo 压缩，不支持读取",
                "the Parquet file is compressed with brotli or lzo, which is not supported",
            ),
            Text::new(
                "请改用 snappy、zstd、lz4 或 gzip 压缩后重新导出",
                "export it again with snappy, zstd, lz4 or gzip compression",
            ),
        )
        .into());
    }
    if groups
        .iter()
        .any(|group| group.total_byte_size() > MAX_ROW_GROUP_BYTES)
    {
        return Err(damaged(
            path,
            "行组解压后超过4 GiB，拒绝读取",
            "a row group unpacks to more than 4 GiB and is refused",
        )
        .into());
    }
    let mut faults = FaultCollector::new();
    for field in metadata.schema().fields() {
        if is_nested(field.data_type()) {
            let name = field.name();
            faults.push(Fault::of_file(
                path,
                Text::new(
                    format!("列“{name}”是嵌套类型"),
                    format!("the column `{name}` is nested"),
                ),
                Text::new(
                    "请导出为每行一个值的列，或去掉该列",
                    "export it as a column with one value per row, or leave it out",
                ),
            ));
        }
    }
    faults.or_value(Some(()))
}

fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => value.is_nested(),
        other => other.is_nested(),
    }
}

fn broken(path: &Path) -> Fault {
    damaged(
        path,
        "Parquet 文件已损坏或不完整",
        "the Parquet file is damaged or cut short",
    )
}

/// Loads a file's metadata. Guarded, because a hostile file can make the reader
/// panic.
fn load(file: &File) -> io::Result<ArrowReaderMetadata> {
    guarded(|| ArrowReaderMetadata::load(file, options()))
        .and_then(Result::ok)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new()
}

/// Reads a file's rows as CSV text. The first line is the header.
pub(super) struct ParquetText {
    batches: ParquetRecordBatchReader,
    batch: Option<Batch>,
    /// CSV text that was produced last.
    piece: Vec<u8>,
    /// Bytes of the piece that have been read.
    consumed: usize,
}

/// Columns as bytes, and the next row to write.
struct Batch {
    columns: Vec<BinaryViewArray>,
    rows: usize,
    next: usize,
}

impl ParquetText {
    /// Opens a file and writes the header as the first piece.
    ///
    /// # Errors
    /// If the file is damaged.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let metadata = load(&file)?;
        // Read texts as views into their pages, so that a long text in a dictionary
        // is not copied for each row.
        let fields: Vec<Field> = metadata
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let data_type = match field.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
                    DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
                    DataType::Dictionary(_, value) if **value == DataType::Utf8 => {
                        DataType::Utf8View
                    }
                    other => other.clone(),
                };
                field.as_ref().clone().with_data_type(data_type)
            })
            .collect();
        let mut piece = Vec::new();
        for (column, field) in fields.iter().enumerate() {
            if column > 0 {
                piece.push(b',');
            }
            write_cell(&mut piece, field.name().as_bytes());
        }
        piece.push(b'\n');
        let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
        let with_views = options().with_schema(Arc::new(schema));
        let batches = guarded(|| {
            let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), with_views)?;
            ParquetRecordBatchReaderBuilder::new_with_metadata(ParquetFile(file), metadata)
                .with_batch_size(ROWS_PER_BATCH)
                .build()
        });
        let batches = batches
            .ok_or(io::ErrorKind::InvalidData)?
            .map_err(invalid)?;
        Ok(ParquetText {
            batches,
            batch: None,
            piece,
            consumed: 0,
        })
    }

    /// Writes rows to the piece until it is full or the file ends.
    fn fill(&mut self) -> io::Result<()> {
        self.piece.clear();
        self.consumed = 0;
        while self.piece.len() < PIECE_BYTES {
            match &mut self.batch {
                Some(batch) if batch.next < batch.rows => {
                    write_row(&mut self.piece, &batch.columns, batch.next);
                    batch.next += 1;
                }
                _ => {
                    let batches = &mut self.batches;
                    let batch = guarded(|| {
                        let batch = batches.next()?.map_err(invalid);
                        Some(batch.and_then(|batch| Batch::new(&batch)))
                    });
                    match batch {
                        None => return Err(io::ErrorKind::InvalidData.into()),
                        Some(None) => return Ok(()),
                        Some(Some(batch)) => self.batch = Some(batch?),
                    }
                }
            }
        }
        Ok(())
    }
}

impl Read for ParquetText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.consumed == self.piece.len() {
            self.fill()?;
        }
        let left = self.piece.get(self.consumed..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.consumed += length;
        Ok(length)
    }
}

/// Drops the library's own message, which may contain a value.
fn invalid<E>(_: E) -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn write_row(text: &mut Vec<u8>, columns: &[BinaryViewArray], row: usize) {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        if column.is_valid(row) {
            let cell = column.value(row);
            // One byte above the limit is enough for the row to be rejected.
            let length = cell.len().min(MAX_RECORD_BYTES + 1);
            write_cell(text, &cell[..length]);
        }
    }
    text.push(b'\n');
}

impl Batch {
    fn new(batch: &RecordBatch) -> io::Result<Self> {
        let columns: io::Result<Vec<BinaryViewArray>> =
            batch.columns().iter().map(column_text).collect();
        Ok(Batch {
            columns: columns?,
            rows: batch.num_rows(),
            next: 0,
        })
    }
}

/// Converts the cells of a column to text. Byte columns are read as text too,
/// because older systems do not mark text columns as UTF-8.
fn column_text(column: &ArrayRef) -> io::Result<BinaryViewArray> {
    let texts = match column.data_type() {
        DataType::Float64 => floats(downcast::<Float64Array>(column)?.iter()),
        DataType::Float32 => {
            let numbers = downcast::<Float32Array>(column)?.iter();
            // Convert through the shortest text to get 0.1, not 0.10000000149.
            floats(numbers.map(|number| number.and_then(|n| n.to_string().parse().ok())))
        }
        DataType::Timestamp(unit, zone) => {
            let east = if zone.is_some() {
                SECONDS_EAST_OF_UTC
            } else {
                0
            };
            let days = match unit {
                TimeUnit::Second => days::<TimestampSecondType>(column, 1, east),
                TimeUnit::Millisecond => days::<TimestampMillisecondType>(column, 1_000, east),
                TimeUnit::Microsecond => days::<TimestampMicrosecondType>(column, 1_000_000, east),
                TimeUnit::Nanosecond => {
                    days::<TimestampNanosecondType>(column, 1_000_000_000, east)
                }
            };
            as_text(&days?)?
        }
        _ => as_text(column)?,
    };
    Ok(downcast::<BinaryViewArray>(&texts)?.clone())
}

fn as_text(column: &ArrayRef) -> io::Result<ArrayRef> {
    let text = match column.data_type() {
        DataType::BinaryView | DataType::Utf8View => Arc::clone(column),
        DataType::Utf8 | DataType::Binary | DataType::LargeBinary | DataType::LargeUtf8 => {
            cast(column, &DataType::BinaryView).map_err(invalid)?
        }
        DataType::FixedSizeBinary(_) => {
            let bytes = cast(column, &DataType::Binary).map_err(invalid)?;
            return cast(&bytes, &DataType::BinaryView).map_err(invalid);
        }
        _ => cast(column, &DataType::Utf8).map_err(invalid)?,
    };
    cast(&text, &DataType::BinaryView).map_err(invalid)
}

fn floats(numbers: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    let texts = numbers.map(|number| number.map(|number| float_text(number).into_bytes()));
    Arc::new(texts.collect::<BinaryViewArray>())
}

/// Converts timestamps with `units_per_second` to dates at an offset of `east` seconds
/// from UTC.
fn days<T>(column: &ArrayRef, units_per_second: i64, east: i64) -> io::Result<ArrayRef>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let moments = downcast::<PrimitiveArray<T>>(column)?.iter();
    let day = |moment: i64| {
        i32::try_from((moment.div_euclid(units_per_second) + east).div_euclid(86_400))
    };
    let days = moments.map(|moment| moment.and_then(|moment| day(moment).ok()));
    Ok(Arc::new(days.collect::<Date32Array>()))
}

fn downcast<A: Array + 'static>(column: &ArrayRef) -> io::Result<&A> {
    column
        .as_any()
        .downcast_ref::<A>()
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::StringDictionaryBuilder;
    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Int64Array, StringArray,
        TimestampMicrosecondArray, TimestampNanosecondArray,
    };

    use super::*;

    fn texts(column: impl Array + 'static) -> Vec<Option<String>> {
        let column: ArrayRef = Arc::new(column);
        let texts = column_text(&column).expect("the column is not nested");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        texts.iter().map(|cell| cell.map(text)).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn every_type_gives_the_same_text_as_a_csv_export() {
        let names = StringArray::from(vec![Some("甲"), None]);
        assert_eq!(texts(names), [Some("甲".to_owned()), None]);
        let bytes = BinaryArray::from_vec(vec!["甲".as_bytes()]);
        assert_eq!(texts(bytes), some(&["甲"]));
        let fixed = FixedSizeBinaryArray::try_from_iter([b"44990119900101011X"].into_iter());
        assert_eq!(
            texts(fixed.expect("18 bytes")),
            some(&["44990119900101011X"])
        );
        let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
        dictionary.append_value("低保");
        assert_eq!(texts(dictionary.finish()), some(&["低保"]));
        assert_eq!(
            texts(BooleanArray::from(vec![true, false])),
            some(&["true", "false"])
        );
        // Whole numbers and decimals of eighteen digits are exact.
        let number = 449_901_199_001_010_119;
        assert_eq!(
            texts(Int64Array::from(vec![number])),
            some(&["449901199001010119"])
        );
        let decimal = Decimal128Array::from(vec![i128::from(number)])
            .with_precision_and_scale(18, 0)
            .expect("18 digits");
        assert_eq!(texts(decimal), some(&["449901199001010119"]));
        // Floating-point numbers of eighteen digits are not.
        let floats = Float64Array::from(vec![4.499_011_990_010_101e17, 449_901_900_101_011.0, 0.5]);
        let [damaged, exact, half] = &texts(floats)[..] else {
            panic!("three cells")
        };
        assert!(
            damaged
                .as_deref()
                .is_some_and(|text| text.ends_with("E+17"))
        );
        assert_eq!(exact.as_deref(), Some("449901900101011"));
        assert_eq!(half.as_deref(), Some("0.5"));
        assert_eq!(texts(Float32Array::from(vec![0.1])), some(&["0.1"]));
    }

    #[test]
    fn a_timestamp_with_time_zone_becomes_its_date_in_china() {
        // 2024-01-30 16:00 in UTC is midnight of the 31st in China.
        let seconds = 1_706_630_400;
        assert_eq!(
            texts(Date32Array::from(vec![19_753])),
            some(&["2024-01-31"])
        );
        let local = TimestampMicrosecondArray::from(vec![seconds * 1_000_000]);
        assert_eq!(texts(local.clone()), some(&["2024-01-30"]));
        let zoned = local.with_timezone("UTC");
        assert_eq!(texts(zoned), some(&["2024-01-31"]));
        let early = TimestampNanosecondArray::from(vec![Some(-1), None]);
        assert_eq!(texts(early), [Some("1969-12-31".to_owned()), None]);
    }
}
