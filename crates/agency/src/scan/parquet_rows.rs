//! Converts the rows of a Parquet file to CSV text, batch by batch, so that memory
//! use does not grow with the file.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::guarded::guarded;
use aidlink_files::parquet_file::{Footer, PageBudget, ParquetFile};
use aidlink_files::regular_file;
use arrow_array::{Array, BinaryViewArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, Type as PhysicalType};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::header::ColumnMatch;
use super::limits::MAX_RECORD_BYTES;
use super::parquet_cells::{Encodings, Kind, cells};
use super::refusal::damaged;
use super::written_out::write_cell;
use crate::china_time::Clock;

/// The first bytes of a Parquet file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// The first bytes of a Parquet file with an encrypted footer.
pub(super) const MAGIC_ENCRYPTED: &[u8] = b"PARE";

/// Maximum number of rows that are read at a time.
const ROWS_PER_BATCH: usize = 4096;
/// Bytes that the library may take for the cells of a batch, besides their texts.
const BATCH_BYTES: usize = 32 << 20;
/// Bytes that it takes for a cell, and for a value of a fixed length this length too.
const CELL_BYTES: usize = 16;
/// All cells of a file may take this many times its size, beyond
/// [`ALWAYS_TAKEN_BYTES`]. Empty cells take hardly any space in the file.
const MOST_TAKEN_RATIO: u64 = 4000;
const ALWAYS_TAKEN_BYTES: u64 = 4 << 30;
/// Approximate number of bytes of CSV text that is produced at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A Parquet file whose footer has been read.
pub(super) struct ParquetRows {
    metadata: ArrowReaderMetadata,
    columns: Vec<Column>,
}

/// A column that has a header.
struct Column {
    name: String,
    content: Content,
}

/// What is read of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Cells(Kind),
    /// Nothing, because its values are lists, structures or maps.
    Nested,
    /// Nothing, because of its encoding, which is refused in
    /// [`parquet_file`](aidlink_files::parquet_file).
    Encoded(Encoding),
}

impl ParquetRows {
    /// Reads the footer of a file.
    ///
    /// # Errors
    /// If the file is damaged or uses an unsupported compression.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = regular_file::open(path).map_err(|error| Fault::unreadable(path, &error))?;
        let footer = Footer::read(&file).and_then(|footer| {
            let as_written = footer.decode(None)?;
            let as_written = as_written.file_metadata().schema_descr_ptr();
            let schema = without_text_marks(&as_written).ok_or(io::ErrorKind::InvalidData)?;
            Ok((as_written, footer.decode(Some(Arc::new(schema)))?))
        });
        let (as_written, footer) = footer.map_err(|_| broken(path))?;
        let chunks = footer.row_groups().iter().flat_map(|group| group.columns());
        let unsupported =
            |codec: Compression| matches!(codec, Compression::BROTLI(_) | Compression::LZO);
        if chunks
            .into_iter()
            .any(|chunk| unsupported(chunk.compression()))
        {
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
            ));
        }
        // A hostile file can make the library panic.
        let rows = guarded(|| Self::of_footer(&footer, &as_written));
        rows.and_then(Result::ok).ok_or_else(|| broken(path))
    }

    /// `as_written` is the schema with the marks of texts.
    fn of_footer(
        footer: &Arc<ParquetMetaData>,
        as_written: &SchemaDescriptor,
    ) -> ParquetResult<Self> {
        // What Arrow adds to the metadata is not needed: the Parquet types say it.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
        let roots = as_written.root_schema().get_fields();
        let fields = metadata.schema().fields().iter().zip(roots);
        let fields: Vec<Field> = fields
            .map(|(field, root)| for_reading(field, root))
            .collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
        let mut columns: Vec<Column> = metadata
            .schema()
            .fields()
            .iter()
            .zip(roots)
            .map(|(field, root)| Column {
                name: field.name().clone(),
                content: content(field, root, footer.file_metadata().created_by()),
            })
            .collect();
        for group in footer.row_groups() {
            for (leaf, chunk) in group.columns().iter().enumerate() {
                let column = columns.get_mut(as_written.get_column_root_idx(leaf));
                let refused = chunk.encodings().find(|encoding| {
                    matches!(
                        encoding,
                        Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
                    )
                });
                if let (Some(column), Some(encoding)) = (column, refused)
                    && column.content != Content::Nested
                {
                    column.content = Content::Encoded(encoding);
                }
            }
        }
        Ok(ParquetRows { metadata, columns })
    }

    /// Checks that the columns which are matched to a field can be read.
    ///
    /// # Errors
    /// If one of them is nested or in an encoding that is not read.
    pub(super) fn check(&self, path: &Path, columns: &ColumnMatch) -> Result<(), Faults> {
        let mut faults = FaultCollector::new();
        for index in columns.index.values() {
            if let Some(column) = self.columns.get(*index) {
                faults.extend(column.fault(path));
            }
        }
        faults.or_value(Some(()))
    }

    /// Returns a reader of the rows as CSV text. The first line is the header.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn text(&self, file: File) -> io::Result<ParquetText<'_>> {
        let mut piece = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                piece.push(b',');
            }
            write_cell(&mut piece, column.name.as_bytes());
        }
        piece.push(b'\n');
        let most_taken = file.metadata()?.len().saturating_mul(MOST_TAKEN_RATIO);
        Ok(ParquetText {
            rows: self,
            file,
            taken_left: most_taken.max(ALWAYS_TAKEN_BYTES),
            groups: 0..self.metadata.metadata().num_row_groups(),
            group: None,
            batch: Batch::default(),
            encodings: Encodings::default(),
            piece,
            consumed: 0,
        })
    }

    /// Returns a reader of a row group. Each has its own budget of pages.
    fn group(&self, file: &File, group: usize) -> io::Result<Group> {
        let file = ParquetFile::new(file.try_clone()?)?;
        let budget = file.budget();
        let read = |(index, column): (usize, &Column)| {
            matches!(column.content, Content::Cells(_)).then_some(index)
        };
        let roots = self.columns.iter().enumerate().filter_map(read);
        let projection = ProjectionMask::roots(self.metadata.parquet_schema(), roots);
        let batches = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(projection)
                .with_batch_size(self.rows_per_batch())
                .build()
        });
        let batches = batches.and_then(Result::ok);
        let rows = self.metadata.metadata().row_group(group).num_rows();
        Ok(Group {
            batches: batches.ok_or(io::ErrorKind::InvalidData)?,
            rows_left: u64::try_from(rows).map_err(|_| io::ErrorKind::InvalidData)?,
            budget,
        })
    }

    fn rows_per_batch(&self) -> usize {
        (BATCH_BYTES / self.row_bytes()).clamp(1, ROWS_PER_BATCH)
    }

    /// Returns the bytes that the library takes for a row, without texts.
    fn row_bytes(&self) -> usize {
        let fields = self.metadata.schema().fields().iter();
        let bytes = fields.map(|field| match field.data_type() {
            DataType::FixedSizeBinary(length) => CELL_BYTES + usize::try_from(*length).unwrap_or(0),
            _ => CELL_BYTES,
        });
        bytes.sum::<usize>().max(1)
    }
}

impl Column {
    fn fault(&self, path: &Path) -> Option<Fault> {
        let name = shown_name(&self.name);
        match self.content {
            Content::Cells(_) => None,
            Content::Nested => Some(Fault::of_file(
                path,
                Text::new(
                    format!("列“{name}”是嵌套类型"),
                    format!("the column `{name}` is nested"),
                ),
                Text::new(
                    "请导出为每行一个值的列",
                    "export it as a column with one value per row",
                ),
            )),
            Content::Encoded(encoding) => Some(Fault::of_file(
                path,
                Text::new(
                    format!("列“{name}”采用 {encoding} 编码，不支持读取"),
                    format!(
                        "the column `{name}` has the encoding {encoding}, which is not supported"
                    ),
                ),
                Text::new(
                    "请以 PLAIN 或字典编码重新导出（Spark 中设置 parquet.writer.version=v1）",
                    "export it again with the encoding PLAIN or a dictionary (in Spark set parquet.writer.version=v1)",
                ),
            )),
        }
    }
}

/// Returns the schema with all texts as bytes. The library refuses a file for a single
/// text that is not UTF-8.
fn without_text_marks(schema: &SchemaDescriptor) -> Option<SchemaDescriptor> {
    let root = schema.root_schema();
    let bare = |field: &TypePtr| {
        if !is_text(field) {
            return Some(Arc::clone(field));
        }
        let info = field.get_basic_info();
        let bare = Type::primitive_type_builder(info.name(), PhysicalType::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .with_id(info.has_id().then(|| info.id()));
        Some(Arc::new(bare.build().ok()?))
    };
    let fields: Option<Vec<TypePtr>> = root.get_fields().iter().map(bare).collect();
    let root = Type::group_type_builder(root.name()).with_fields(fields?);
    Some(SchemaDescriptor::new(Arc::new(root.build().ok()?)))
}

/// Returns whether a column is marked as text.
fn is_text(column: &Type) -> bool {
    let info = column.get_basic_info();
    let is_marked = matches!(
        info.logical_type_ref(),
        Some(LogicalType::String | LogicalType::Json | LogicalType::Enum)
    ) || matches!(
        info.converted_type(),
        ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM
    );
    column.is_primitive() && column.get_physical_type() == PhysicalType::BYTE_ARRAY && is_marked
}

/// Returns a field with the type in which it is read.
fn for_reading(field: &Field, root: &Type) -> Field {
    let data_type = match field.data_type() {
        // Views into the pages, so that a long text in a dictionary is not copied for
        // each row.
        DataType::Binary => DataType::BinaryView,
        // In nanoseconds, a day after 2262 would come out as any other.
        DataType::Timestamp(..) if is_int96(root) => {
            DataType::Timestamp(TimeUnit::Millisecond, None)
        }
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

fn content(field: &Field, root: &Type, created_by: Option<&str>) -> Content {
    match field.data_type() {
        nested if nested.is_nested() => Content::Nested,
        DataType::BinaryView if is_text(root) => Content::Cells(Kind::Text),
        DataType::BinaryView | DataType::FixedSizeBinary(_) => Content::Cells(Kind::Bytes),
        DataType::Timestamp(_, Some(_)) => Content::Cells(Kind::Values(Clock::Utc)),
        _ if is_int96(root) => Content::Cells(Kind::Values(clock_of_int96(created_by))),
        _ => Content::Cells(Kind::Values(Clock::Local)),
    }
}

fn is_int96(column: &Type) -> bool {
    column.is_primitive() && column.get_physical_type() == PhysicalType::INT96
}

/// Returns how the program that wrote a file means INT96, which the format leaves open.
/// parquet-mr (Spark, Hive) converts to UTC, Impala does not (Apache Impala, "TIMESTAMP
/// Data Type"). Others write what they are given.
fn clock_of_int96(created_by: Option<&str>) -> Clock {
    match created_by {
        Some(program) if program.starts_with("parquet-mr") => Clock::Utc,
        Some(program) if program.starts_with("impala") => Clock::Local,
        _ => Clock::Unknown,
    }
}

/// Returns the fault for an error while rows were read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidData => broken(path),
        io::ErrorKind::FileTooLarge => damaged(
            path,
            "Parquet 文件解压后过大",
            "the Parquet file unpacks to too many bytes",
        ),
        _ => Fault::unreadable(path, error),
    }
}

fn broken(path: &Path) -> Fault {
    damaged(
        path,
        "Parquet 文件已损坏或不完整",
        "the Parquet file is damaged or cut short",
    )
}

/// Reads a file's rows as CSV text. The first line is the header.
pub(super) struct ParquetText<'r> {
    rows: &'r ParquetRows,
    file: File,
    /// Bytes that cells may still take.
    taken_left: u64,
    /// Row groups that have not been read.
    groups: Range<usize>,
    group: Option<Group>,
    batch: Batch,
    encodings: Encodings,
    /// CSV text that was produced last.
    piece: Vec<u8>,
    /// Bytes of the piece that have been read.
    consumed: usize,
}

/// The rest of a row group.
struct Group {
    batches: ParquetRecordBatchReader,
    /// The rows that the footer says are left.
    rows_left: u64,
    budget: PageBudget,
}

impl Group {
    /// Reads the next batch; `None` at the end.
    fn next(&mut self) -> io::Result<Option<RecordBatch>> {
        // A hostile page can make the library panic. Its own message may contain a
        // value.
        match guarded(|| self.batches.next()) {
            // The library ends where pages end, also before the last row.
            Some(None) if self.rows_left == 0 => Ok(None),
            Some(Some(Ok(batch))) if batch.num_rows() as u64 <= self.rows_left => {
                self.rows_left -= batch.num_rows() as u64;
                Ok(Some(batch))
            }
            _ if self.budget.is_exceeded() => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The columns that are read, as bytes, and the next row to write.
#[derive(Default)]
struct Batch {
    columns: Vec<(Kind, BinaryViewArray)>,
    rows: usize,
    next: usize,
}

impl ParquetText<'_> {
    /// Writes rows to the piece until it is full or the file ends.
    fn fill(&mut self) -> io::Result<()> {
        self.piece.clear();
        self.consumed = 0;
        while self.piece.len() < PIECE_BYTES {
            if self.batch.next < self.batch.rows {
                self.write_row();
            } else if !self.read_batch()? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the next batch. Returns `false` at the end.
    fn read_batch(&mut self) -> io::Result<bool> {
        // Release the pages of the last batch first.
        self.batch = Batch::default();
        loop {
            let group = match &mut self.group {
                Some(group) => group,
                None => match self.groups.next() {
                    Some(group) => self.group.insert(self.rows.group(&self.file, group)?),
                    None => return Ok(false),
                },
            };
            match group.next()? {
                Some(batch) => {
                    let taken = (batch.num_rows() as u64) * (self.rows.row_bytes() as u64);
                    let left = self.taken_left.checked_sub(taken);
                    self.taken_left = left.ok_or(io::ErrorKind::FileTooLarge)?;
                    let batch = guarded(|| Batch::new(&batch, &self.rows.columns)).flatten();
                    self.batch = batch.ok_or(io::ErrorKind::InvalidData)?;
                    self.encodings.decide(&self.batch.columns);
                    return Ok(true);
                }
                None => self.group = None,
            }
        }
    }

    fn write_row(&mut self) {
        let mut cells = self.batch.columns.iter();
        for (index, column) in self.rows.columns.iter().enumerate() {
            if index > 0 {
                self.piece.push(b',');
            }
            if !matches!(column.content, Content::Cells(_)) {
                continue;
            }
            if let Some((kind, cells)) = cells.next()
                && cells.is_valid(self.batch.next)
            {
                let cell = cells.value(self.batch.next);
                match cell.get(..MAX_RECORD_BYTES + 1) {
                    // One byte above the limit is enough for the row to be rejected.
                    Some(start) => write_cell(&mut self.piece, start),
                    None => write_cell(&mut self.piece, &self.encodings.decoded(*kind, cell)),
                }
            }
        }
        self.piece.push(b'\n');
        self.batch.next += 1;
    }
}

impl Read for ParquetText<'_> {
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

impl Batch {
    /// Converts a batch; `None` if it does not have these columns.
    fn new(batch: &RecordBatch, columns: &[Column]) -> Option<Self> {
        let kinds = columns.iter().filter_map(|column| match column.content {
            Content::Cells(kind) => Some(kind),
            _ => None,
        });
        let columns: Option<Vec<_>> = kinds
            .zip(batch.columns())
            .map(|(kind, column)| Some((kind, cells(column, kind)?)))
            .collect();
        Some(Batch {
            columns: columns?,
            rows: batch.num_rows(),
            next: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};
    use std::path::PathBuf;

    use aidlink_faults::text::Language;
    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, Date32Array, Int32Array, ListArray, StringArray, StructArray,
        TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Repetition;
    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArrayType, Int96, Int96Type};
    use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
    use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::types::PrimitiveTypeBuilder;

    use super::super::format::Format;
    use super::super::source::Source;
    use super::*;

    struct Made {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Made {
        fn new(bytes: &[u8]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("a.parquet");
            std::fs::write(&path, bytes).expect("writable");
            Made {
                _folder: folder,
                path,
            }
        }

        fn of(columns: Vec<(&str, ArrayRef)>, properties: WriterPropertiesBuilder) -> Self {
            let batch = RecordBatch::try_from_iter(columns).expect("equal lengths");
            let mut writer =
                ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()))
                    .expect("a schema");
            writer.write(&batch).expect("memory");
            Made::new(&writer.into_inner().expect("memory"))
        }

        /// A file with one column of this type, without empty cells, written by this
        /// program.
        fn of_values<T: parquet::data_type::DataType>(
            created_by: &str,
            mark: ConvertedType,
            values: &[T::T],
        ) -> Self {
            let column = Type::primitive_type_builder("a", T::get_physical_type())
                .with_repetition(Repetition::REQUIRED)
                .with_converted_type(mark);
            Made::of_column::<T>(created_by, column, values, None)
        }

        fn of_column<T: parquet::data_type::DataType>(
            created_by: &str,
            column: PrimitiveTypeBuilder<'_>,
            values: &[T::T],
            levels: Option<&[i16]>,
        ) -> Self {
            let column = column.build();
            let schema = Type::group_type_builder("root")
                .with_fields(vec![Arc::new(column.expect("a column"))])
                .build();
            let properties = WriterProperties::builder().set_created_by(created_by.to_owned());
            let schema = Arc::new(schema.expect("a schema"));
            let properties = Arc::new(properties.build());
            let mut writer =
                SerializedFileWriter::new(Vec::new(), schema, properties).expect("memory");
            let mut group = writer.next_row_group().expect("memory");
            let mut column = group.next_column().expect("memory").expect("a column");
            let written = column.typed::<T>().write_batch(values, levels, None);
            written.expect("memory");
            column.close().expect("memory");
            group.close().expect("memory");
            Made::new(&writer.into_inner().expect("memory"))
        }

        fn read(&self) -> Result<Vec<u8>, String> {
            let rendered = |fault: Fault| fault.render(Language::English);
            let source = Source::of_file(&self.path, Format::Parquet)
                .map_err(|faults| faults.iter().cloned().map(rendered).collect::<String>())?;
            let mut text = Vec::new();
            let read = source
                .text()
                .and_then(|mut rows| rows.read_to_end(&mut text));
            match read {
                Ok(_) => Ok(text),
                Err(error) => Err(rendered(source.unreadable(&error))),
            }
        }

        fn lines(&self) -> Vec<String> {
            let text = self.read().expect("a sound file");
            let text = String::from_utf8(text).expect("UTF-8");
            text.lines().map(str::to_owned).collect()
        }
    }

    fn strings(texts: impl Iterator<Item = String>) -> ArrayRef {
        Arc::new(texts.map(Some).collect::<StringArray>())
    }

    #[test]
    fn int96_is_read_as_its_writer_means_it() {
        // Noon, midnight, and midnight in China; days of Julius begin at noon.
        const NANOS: i64 = 3_600_000_000_000;
        let moment = |day: u32, hour: i64| {
            let nanos = hour * NANOS;
            let mut value = Int96::new();
            value.set_data(nanos as u32, (nanos >> 32) as u32, day);
            value
        };
        // 2024-01-31, the last day of 9999, and one far beyond.
        let day = 2_440_588 + 19_753;
        let values = [
            moment(day, 12),
            moment(day, 0),
            moment(day - 1, 16),
            moment(2_440_588 + 2_932_896, 0),
            moment(u32::MAX, 0),
        ];
        let end = ["9999-12-31", "#ERROR"];
        for (created_by, days) in [
            ("parquet-mr version 1.12.3 (build a)", ["2024-01-31"; 3]),
            (
                "impala version 4.1.0-RELEASE (build a)",
                ["2024-01-31", "2024-01-31", "2024-01-30"],
            ),
            // Where both readings agree.
            (
                "parquet-cpp-arrow version 9",
                ["2024-01-31", "2024-01-31", "#ERROR"],
            ),
        ] {
            let made = Made::of_values::<Int96Type>(created_by, ConvertedType::NONE, &values);
            let expected: Vec<&str> = ["a"].into_iter().chain(days).chain(end).collect();
            assert_eq!(made.lines(), expected, "{created_by}");
        }
    }

    #[test]
    fn timestamps_of_every_unit_are_read_as_days() {
        // 2024-01-30 16:00
        let seconds = 1_706_630_400;
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "ms",
                Arc::new(TimestampMillisecondArray::from(vec![seconds * 1_000])),
            ),
            (
                "us",
                Arc::new(TimestampMicrosecondArray::from(vec![seconds * 1_000_000])),
            ),
            (
                "ns",
                Arc::new(TimestampNanosecondArray::from(vec![
                    seconds * 1_000_000_000,
                ])),
            ),
            (
                "ms utc",
                Arc::new(
                    TimestampMillisecondArray::from(vec![seconds * 1_000]).with_timezone("UTC"),
                ),
            ),
            (
                "ns of elsewhere",
                Arc::new(
                    TimestampNanosecondArray::from(vec![seconds * 1_000_000_000])
                        .with_timezone("America/New_York"),
                ),
            ),
            ("date", Arc::new(Date32Array::from(vec![19_752]))),
        ];
        let made = Made::of(columns, WriterProperties::builder());
        let days = "2024-01-30,2024-01-30,2024-01-30,2024-01-31,2024-01-31,2024-01-30";
        assert_eq!(made.lines()[1], days);
    }

    #[test]
    fn texts_that_are_marked_as_utf_8_and_are_not_are_reported_cell_by_cell() {
        let texts = ["张三", "李四", "王五"].map(str::as_bytes);
        let values: Vec<ByteArray> = texts
            .into_iter()
            .chain([&"赵六".as_bytes()[..5], b"abc"])
            .map(|text| ByteArray::from(text.to_vec()))
            .collect();
        for mark in [ConvertedType::UTF8, ConvertedType::NONE] {
            let made = Made::of_values::<ByteArrayType>("a", mark, &values);
            let text = made.read().expect("a sound file");
            let expected = ["a\n张三\n李四\n王五\n".as_bytes(), b"\xff\nabc\n"].concat();
            assert_eq!(text, expected, "{mark}");
        }
        let gbk = |text: &str| ByteArray::from(encoding_rs::GB18030.encode(text).0.into_owned());
        let values: Vec<ByteArray> = ["张三", "李,四"].map(gbk).into();
        for mark in [ConvertedType::UTF8, ConvertedType::NONE] {
            let made = Made::of_values::<ByteArrayType>("a", mark, &values);
            assert_eq!(made.lines(), ["a", "张三", "\"李,四\""]);
        }
    }

    #[test]
    fn large_pages_pages_of_version_2_and_full_dictionaries_are_read() {
        // ID numbers of a region that was never assigned.
        let id = |row: usize| format!("449901{:012}", row * 7919);
        for (page_bytes, rows) in [(1 << 20, 300_000), (64 << 20, 3_200_000)] {
            let ids = || strings((0..rows).map(id));
            let plain = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_data_page_size_limit(page_bytes)
                .set_data_page_row_count_limit(usize::MAX);
            let version_2 = plain
                .clone()
                .set_writer_version(WriterVersion::PARQUET_2_0)
                .set_encoding(Encoding::PLAIN)
                .set_compression(Compression::SNAPPY);
            // The dictionary is given up after the first pages.
            let dictionary = WriterProperties::builder()
                .set_dictionary_page_size_limit(page_bytes / 8)
                .set_max_row_group_row_count(Some(rows / 2 + 1));
            for properties in [plain, version_2, dictionary] {
                let made = Made::of(vec![("身份证号", ids())], properties);
                let text = made.read().expect("a sound file");
                assert_eq!(text.len(), "身份证号\n".len() + rows * 19);
                let end = format!("\n{}\n", id(rows - 1));
                assert!(text.ends_with(end.as_bytes()));
            }
        }
    }

    /// A column match with these columns.
    fn matched(columns: &[usize]) -> ColumnMatch {
        let index = columns.iter().map(|index| (index.to_string(), *index));
        ColumnMatch {
            index: index.collect(),
            ..ColumnMatch::default()
        }
    }

    #[test]
    fn nested_and_delta_encoded_columns_are_refused_only_if_they_are_needed() {
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        let field = Arc::new(Field::new("数", DataType::Int32, false));
        let structs = StructArray::from(vec![(field, Arc::clone(&numbers))]);
        let texts = || strings(["甲", "乙"].map(str::to_owned).into_iter());
        let properties = |encoding| {
            WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_column_encoding("类别".into(), encoding)
        };
        for encoding in [
            Encoding::DELTA_BYTE_ARRAY,
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
        ] {
            let made = Made::of(
                vec![
                    ("附件", Arc::new(lists.clone()) as ArrayRef),
                    ("姓名", texts()),
                    ("类别", texts()),
                    ("44990119900101011X", Arc::new(structs.clone())),
                    ("数", Arc::clone(&numbers)),
                ],
                properties(encoding),
            );
            assert_eq!(
                made.lines(),
                ["附件,姓名,类别,44990119900101011X,数", ",甲,,,1", ",乙,,,2"]
            );
            let source = Source::of_file(&made.path, Format::Parquet).expect("a sound file");
            assert!(source.check(&matched(&[1, 4])).is_ok());
            let said = |column: usize| {
                let faults = source.check(&matched(&[1, column])).expect_err("needed");
                let said: String = faults
                    .iter()
                    .map(|fault| fault.render(Language::English))
                    .collect();
                said
            };
            assert!(said(0).contains("the column `附件` is nested"));
            assert!(said(2).contains(&format!("`类别` has the encoding {encoding}")));
            assert!(
                said(3).contains("the column `***` is nested"),
                "{}",
                said(3)
            );
        }
    }

    /// A footer with other rows than the pages have, and one with other rows in the file than in
    /// its row groups.
    #[test]
    fn a_file_with_other_rows_than_its_footer_says_is_refused() {
        let bytes = |rows: i64, values: i64| {
            let numbers = (0..40).map(|row| format!("{row}"));
            let batch = RecordBatch::try_from_iter(vec![("a", strings(numbers))]);
            let batch = batch.expect("equal lengths");
            let file = tempfile::tempfile().expect("a temporary file");
            let copy = file.try_clone().expect("a temporary file");
            let mut writer = ArrowWriter::try_new(copy, batch.schema(), None).expect("writable");
            writer.write(&batch).expect("writable");
            writer.close().expect("writable");
            let read = ParquetMetaDataReader::new().parse_and_finish(&file);
            let read = read.expect("a valid file");
            let column = read.row_group(0).column(0).clone().into_builder();
            let column = column.set_num_values(values).build().expect("a column");
            let group = read.row_group(0).clone().into_builder().set_num_rows(rows);
            let group = group.set_column_metadata(vec![column]).build();
            let group = group.expect("a row group");
            let changed = read.into_builder().set_row_groups(vec![group]).build();
            let mut file = file;
            file.seek(SeekFrom::End(0)).expect("a file");
            let writer = ParquetMetaDataWriter::new(&mut file, &changed);
            writer.finish().expect("writable");
            file.seek(SeekFrom::Start(0)).expect("a file");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("readable");
            bytes
        };
        let good = bytes(40, 40);
        assert_eq!(Made::new(&good).lines().len(), 41);
        let footers = [(0, 40), (39, 40), (41, 40), (40, 41), (41, 41), (80, 80)];
        let mut others: Vec<Vec<u8>> = footers.map(|(rows, values)| bytes(rows, values)).into();
        // The number of rows of the file, then the list of its row groups: the fields 3 and 4 in
        // the compact protocol of Thrift.
        let at = good.windows(3).rposition(|bytes| bytes == [0x16, 80, 0x19]);
        for rows in [39, 41] {
            let mut other = good.clone();
            other[at.expect("a footer") + 1] = 2 * rows;
            others.push(other);
        }
        for (index, other) in others.iter().enumerate() {
            let told = Made::new(other).read().expect_err("other rows");
            assert!(told.contains("damaged or cut short"), "{index}: {told}");
        }
    }

    #[test]
    fn a_small_file_that_unpacks_to_gigabytes_is_refused() {
        // A dictionary of one text, which 300,000 rows show.
        let text = "a".repeat(1000);
        let rows = (0..300_000).map(|_| text.clone());
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()));
        let made = Made::of(vec![("a", strings(rows))], properties);
        assert!(std::fs::metadata(&made.path).expect("a file").len() < 10_000);
        let said = made.read().expect_err("beyond the limit");
        assert!(said.contains("unpacks to too many bytes"), "{said}");
        assert!(!said.contains("that you may read it"), "{said}");
    }

    #[test]
    fn empty_cells_of_a_fixed_length_have_a_limit() {
        // Of a kilobyte: empty cells of 64 KiB each.
        let made = |rows: usize| {
            let column = Type::primitive_type_builder("a", PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_length(64 << 10)
                .with_repetition(Repetition::OPTIONAL);
            let levels = vec![0; rows];
            Made::of_column::<FixedLenByteArrayType>("a", column, &[], Some(&levels))
        };
        assert_eq!(made(5000).lines().len(), 5001);
        let rows = ParquetRows::open(&made(5000).path).expect("a sound file");
        assert!(rows.rows_per_batch() * (64 << 10) <= BATCH_BYTES);
        let said = made(70_000).read().expect_err("beyond the limit");
        assert!(said.contains("unpacks to too many bytes"), "{said}");
    }

    #[test]
    fn a_file_with_many_columns_is_read_in_small_batches() {
        let columns: Vec<(String, ArrayRef)> = (0..3000)
            .map(|column| {
                let numbers = (0..20).map(|row| Some(row + column));
                let numbers: ArrayRef = Arc::new(numbers.collect::<Int32Array>());
                (format!("c{column}"), numbers)
            })
            .collect();
        let columns = columns
            .iter()
            .map(|(name, numbers)| (name.as_str(), Arc::clone(numbers)));
        let made = Made::of(columns.collect(), WriterProperties::builder());
        let lines = made.lines();
        assert_eq!(lines.len(), 21);
        assert!(lines[20].starts_with("19,20,") && lines[20].ends_with(",3018"));
    }
}
