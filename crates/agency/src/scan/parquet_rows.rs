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

use super::china_time::Clock;
use super::header::ColumnMatch;
use super::limits::MAX_RECORD_BYTES;
use super::parquet_cells::{Encodings, Kind, cells};
use super::refusal::damaged;
use super::written_out::write_cell;

/// The first bytes of a Parquet file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// The first bytes of a Parquet file with an encrypted footer.
pub(super) const MAGIC_ENCRYPTED: &[u8] = b"PARE";

/// Rows that are read at a time, of a file with up to [`USUAL_COLUMNS`].
const ROWS_PER_BATCH: usize = 4096;
/// A file with more columns is read in smaller batches, because the library takes
/// memory for each cell.
const USUAL_COLUMNS: usize = 512;
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
        let file = File::open(path).map_err(|error| Fault::unreadable(path, &error))?;
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
        let fields = metadata.schema().fields().iter();
        let fields: Vec<Field> = fields.map(|field| for_reading(field)).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
        let roots = as_written.root_schema().get_fields();
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
        Ok(ParquetText {
            rows: self,
            file,
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
        let wide = self.columns.len().div_ceil(USUAL_COLUMNS).max(1);
        let batches = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(projection)
                .with_batch_size((ROWS_PER_BATCH / wide).max(1))
                .build()
        });
        let batches = batches.and_then(Result::ok);
        Ok(Group {
            batches: batches.ok_or(io::ErrorKind::InvalidData)?,
            budget,
        })
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
fn for_reading(field: &Field) -> Field {
    let data_type = match field.data_type() {
        // Views into the pages, so that a long text in a dictionary is not copied for
        // each row.
        DataType::Binary => DataType::BinaryView,
        // INT96. Nanoseconds end in 2262, and others would come out as any day.
        DataType::Timestamp(TimeUnit::Nanosecond, None) => {
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
        _ if root.get_physical_type() == PhysicalType::INT96 => {
            Content::Cells(Kind::Values(clock_of_int96(created_by)))
        }
        _ => Content::Cells(Kind::Values(Clock::Local)),
    }
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
    budget: PageBudget,
}

impl Group {
    /// Reads the next batch; `None` at the end.
    fn next(&mut self) -> io::Result<Option<RecordBatch>> {
        // A hostile page can make the library panic. Its own message may contain a
        // value.
        match guarded(|| self.batches.next()) {
            Some(None) => Ok(None),
            Some(Some(Ok(batch))) => Ok(Some(batch)),
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
                // One byte above the limit is enough for the row to be rejected.
                let length = cell.len().min(MAX_RECORD_BYTES + 1);
                let cell = self.encodings.decoded(*kind, &cell[..length]);
                write_cell(&mut self.piece, &cell);
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
