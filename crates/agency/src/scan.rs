//! Reads exports: finds format, encoding and header, then splits the rows.

#[cfg(test)]
mod as_ods;
#[cfg(test)]
mod as_xlsb;
mod cell_ends;
mod compound_file;
#[cfg(test)]
mod damaged_workbook_tests;
mod encoding;
pub mod exchange;
mod file_stamp;
mod format;
mod header;
mod header_lines;
pub mod headings;
mod id_headers;
mod limits;
#[cfg(test)]
#[path = "../../workbook/tests/sheets/made_xlsb.rs"]
mod made_xlsb;
mod merging;
mod not_read;
mod ods;
mod other_formats;
mod parquet_cells;
mod parquet_rows;
pub mod pass;
pub mod plain_rows;
mod record;
mod refusal;
mod sheet_reader;
mod sheets;
#[cfg(test)]
mod sheets_tests;
mod source;
mod text_form;
#[cfg(test)]
mod workbook_tests;
mod written_out;
mod xls;
mod xls_records;
mod xlsx;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use encoding::Encoding;
pub use format::Format;
pub use header::ColumnMatch;
pub use not_read::{RowsNotRead, SheetNotRead, WhyNotRead};
pub use record::{Cells, Dialect};

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;
use aidlink_policy::constant::Constant;
use aidlink_policy::reading::{DateEpoch, ReadingChoice};
use aidlink_policy::schema::{ExportSchema, Field};
use exchange::Exchange;
use file_stamp::FileStamp;
use header::{Header, Layout};
use limits::HEAD_BYTES;
use pass::{Counts, Pass, SourceRead, Tally};
use sheets::OpenWorkbook;
use source::Source;
use text_form::TextForm;

use crate::cell::ColumnForm;

/// A table of an export: a text or Parquet file, or a sheet of a workbook. Its encoding
/// and header are known and its columns are matched to the schema; [`Export::read`] reads
/// the rows.
pub struct Export {
    path: PathBuf,
    file: usize,
    sheet: Option<String>,
    sheets_not_read: Arc<[SheetNotRead]>,
    source: Source,
    form: TextForm,
    encoding: Encoding,
    epoch: DateEpoch,
    schema: Arc<ExportSchema>,
    constants: Vec<Constant>,
    header: Header,
    /// The state of the file; `None` of a table that is only in memory.
    stamp: Option<FileStamp>,
    /// The cells that are exchanged between rows; `None` except in a proof.
    exchange: Option<Arc<Exchange>>,
}

/// How far the reading of a table has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Rows so far.
    pub rows: u64,
    /// Bytes so far; of a workbook or Parquet file those of the text that is made of it.
    pub bytes: u64,
}

impl Advance {
    /// Returns the progress over all tables, if those before came to this.
    pub fn after(self, before: Advance) -> Advance {
        Advance {
            rows: before.rows + self.rows,
            bytes: before.bytes + self.bytes,
        }
    }
}

/// The result of a pass over a whole file.
pub struct WholeFile<T> {
    /// The tally of all rows.
    pub tally: T,
    /// The number of rows and of other lines.
    pub counts: Counts,
    /// BLAKE3 digest of the file's bytes, hexadecimal.
    pub digest: String,
    /// Size of the file in bytes.
    pub byte_length: u64,
}

/// An open file of an export. It is matched to one schema or to several.
pub struct ExportFile {
    path: PathBuf,
    stamp: FileStamp,
    content: FileContent,
}

enum FileContent {
    /// A file with one table.
    Table(OpenTable),
    /// A workbook.
    Workbook(OpenWorkbook),
}

impl ExportFile {
    /// Opens a file and finds its format.
    ///
    /// # Errors
    /// If the file cannot be read or is empty, protected, damaged or of no known format.
    pub fn open(path: &Path) -> Result<Self, Faults> {
        let unreadable = |error: io::Error| Fault::unreadable(path, &error);
        let stamp = FileStamp::of(path).map_err(unreadable)?;
        let format = source::format_of(path)?;
        let content = match format {
            Format::Xlsx | Format::Xlsb | Format::Xls | Format::Ods => {
                FileContent::Workbook(OpenWorkbook::open(path, format)?)
            }
            Format::Text | Format::Gzip | Format::Zip | Format::Parquet => {
                FileContent::Table(OpenTable::open(path, format)?)
            }
        };
        Ok(ExportFile {
            path: path.to_path_buf(),
            stamp,
            content,
        })
    }

    /// Returns the number of fields of a schema that have a column; 0 if the file has no
    /// header by this schema.
    pub fn known_columns(&mut self, schema: &ExportSchema, choice: &ReadingChoice) -> usize {
        match &mut self.content {
            FileContent::Table(file) => {
                let schema = choice.schema_of_file(schema.clone());
                let found = file.header(&self.path, &schema, choice);
                found.map_or(0, |(_, header)| header.columns.index.len())
            }
            FileContent::Workbook(workbook) => {
                workbook.known_columns(&choice.schema_of_file(schema.clone()), choice)
            }
        }
    }

    /// Returns the tables of the file: the whole file, or the sheets that the choice names.
    /// `file` is the index of the file within the export.
    ///
    /// # Errors
    /// If the file is not an export of this schema. Reports as many faults as possible at
    /// once.
    pub fn tables(
        &mut self,
        file: usize,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Vec<Export>, Faults> {
        let (path, stamp) = (&self.path, &self.stamp);
        let schema = &Arc::new(choice.schema_of_file(schema.clone()));
        let table = |source, encoding, mut header: Header| {
            let absent = &mut header.columns.absent;
            absent.retain(|field| !choice.gives(field));
            Export {
                path: path.clone(),
                file,
                sheet: None,
                sheets_not_read: Arc::new([]),
                source,
                encoding,
                epoch: choice.epoch,
                schema: Arc::clone(schema),
                constants: choice.constants.clone(),
                header,
                form: TextForm::default(),
                stamp: Some(stamp.clone()),
                exchange: None,
            }
        };
        let tables: Vec<Export> = match &mut self.content {
            FileContent::Table(file) => {
                let (encoding, header) = file.header(path, schema, choice)?;
                let source = Source::of_file(path, file.format)?;
                source.check(&header.columns)?;
                vec![Export {
                    form: file.form,
                    ..table(source, encoding, header)
                }]
            }
            FileContent::Workbook(workbook) => {
                let format = workbook.format();
                let tables = workbook.tables(schema, choice)?;
                let not_read: Arc<[SheetNotRead]> = tables.not_read.into();
                let sheets = tables.read.into_iter().map(|sheet| {
                    let source = Source::of_sheet(path, format, sheet.csv, workbook.digest());
                    Export {
                        sheet: Some(sheet.sheet),
                        sheets_not_read: Arc::clone(&not_read),
                        ..table(source, Encoding::Utf8, sheet.header)
                    }
                });
                sheets.collect()
            }
        };
        let mut faults = FaultCollector::new();
        for table in &tables {
            table.check_constants(&mut faults);
        }
        faults.or_value(Some(tables))
    }
}

/// A text or Parquet file whose first lines have been read.
struct OpenTable {
    format: Format,
    form: TextForm,
    head: Vec<u8>,
}

impl OpenTable {
    fn open(path: &Path, format: Format) -> Result<Self, Faults> {
        let source = Source::of_file(path, format)?;
        let read = match format {
            // The rows are converted to UTF-8 text.
            Format::Parquet => TextForm::unconverted(|| source.text(), HEAD_BYTES),
            _ => TextForm::of(|| source.text(), HEAD_BYTES),
        };
        let (form, head) = read.map_err(|error| source.unreadable(&error))?;
        if head.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("导出为空", "the export is empty"),
                Text::new("请重新导出", "export it again"),
            )
            .into());
        }
        let file = OpenTable { format, form, head };
        if file.is_text() {
            other_formats::refuse(path, &file.head)?;
        }
        Ok(file)
    }

    fn is_text(&self) -> bool {
        self.format != Format::Parquet
    }

    /// Finds the encoding and the header.
    fn header(
        &self,
        path: &Path,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<(Encoding, Header), Faults> {
        let encoding = match (self.is_text(), self.form.is_utf16()) {
            (false, _) => Encoding::Utf8,
            (true, true) => Encoding::Utf16,
            (true, false) => encoding::detect(path, &self.head, choice.encoding)?,
        };
        let layout = match self.is_text() {
            true => Layout::Text,
            false => Layout::Parquet,
        };
        let header = header::find(path, &self.head, layout, encoding, schema, &choice.headers)?;
        Ok((encoding, header))
    }
}

impl Export {
    /// Opens a file. `file` is its index within the export. Returns its tables: one, or
    /// one for each sheet of a workbook that is read.
    ///
    /// # Errors
    /// Those of [`ExportFile::open`] and [`ExportFile::tables`].
    pub fn open(
        path: &Path,
        file: usize,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Vec<Self>, Faults> {
        ExportFile::open(path)?.tables(file, schema, choice)
    }

    /// Returns a table that is only in memory, as the rows of CSV with a header. `path` is used
    /// in messages.
    ///
    /// # Errors
    /// If its header is none by this schema.
    pub(crate) fn in_memory(
        path: &Path,
        schema: &ExportSchema,
        csv: Vec<u8>,
    ) -> Result<Self, Faults> {
        let head = csv.get(..HEAD_BYTES as usize).unwrap_or(&csv);
        let encoding = Encoding::Utf8;
        let header = header::find(path, head, Layout::Sheet, encoding, schema, &[])?;
        let digest = (String::new(), 0);
        Ok(Export {
            path: path.to_path_buf(),
            file: 0,
            sheet: None,
            sheets_not_read: Arc::new([]),
            source: Source::of_sheet(path, Format::Text, csv, digest),
            form: TextForm::default(),
            encoding,
            epoch: DateEpoch::default(),
            schema: Arc::new(schema.clone()),
            constants: Vec::new(),
            header,
            stamp: None,
            exchange: None,
        })
    }

    /// Refuses a column whose field has a constant.
    fn check_constants(&self, faults: &mut FaultCollector) {
        for Constant { field, .. } in &self.constants {
            if let Some(header) = self.columns().header_of(field) {
                let header = header.trim();
                faults.push(self.in_sheet(Fault::of_file(
                    &self.path,
                    Text::new(
                        format!("列“{header}”就是字段“{field}”，而轮次文件又为该字段写了固定值"),
                        format!(
                            "the column `{header}` holds the field `{field}`, for which the round file gives a constant"
                        ),
                    ),
                    Text::new(
                        format!("请从 constants 中删去 {field}；只有部分文件有此列的，请分别写 [[export.file]]"),
                        format!(
                            "remove `{field}` from `constants`; if only some of the files have the column, write an [[export.file]] for each kind"
                        ),
                    ),
                )));
            }
        }
    }

    /// Exchanges cells between the rows from now on.
    pub fn exchange_cells(&mut self, exchange: Arc<Exchange>) {
        self.exchange = Some(exchange);
    }

    /// Returns the values of fields in every row.
    pub fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// Returns whether a field has a column or a constant.
    pub fn has_field(&self, field: &str) -> bool {
        let mut constants = self.constants.iter();
        self.columns().index.contains_key(field) || constants.any(|given| given.field == field)
    }

    /// Returns the schema as it is for this file, with the site's labels.
    pub fn schema(&self) -> &ExportSchema {
        &self.schema
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the index of the file within the export, from 0.
    pub fn file(&self) -> usize {
        self.file
    }

    /// Returns the name of the sheet, in a form that may be shown; `None` if the file is
    /// not a workbook.
    pub fn sheet(&self) -> Option<&str> {
        self.sheet.as_deref()
    }

    /// Returns the other sheets of the workbook that have content and are not read.
    pub fn sheets_not_read(&self) -> &[SheetNotRead] {
        &self.sheets_not_read
    }

    /// Puts the name of the sheet before the message of a fault, if there is one.
    pub fn in_sheet(&self, fault: Fault) -> Fault {
        match &self.sheet {
            Some(sheet) => refusal::in_sheet(sheet, fault),
            None => fault,
        }
    }

    /// Returns the file format.
    pub fn format(&self) -> Format {
        self.source.format()
    }

    /// Returns the encoding of the file.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the epoch of dates that are written as serial numbers.
    pub fn epoch(&self) -> DateEpoch {
        self.epoch
    }

    /// Returns how the cells of a field's column are written.
    pub fn form_of(&self, field: &Field) -> ColumnForm {
        let units = &self.header.columns.units;
        ColumnForm {
            epoch: self.epoch,
            unit: units.get(&field.name).copied().unwrap_or_default(),
        }
    }

    /// Returns the columns and the fields they are matched to.
    pub fn columns(&self) -> &ColumnMatch {
        &self.header.columns
    }

    /// Returns the dialect of the records.
    pub fn dialect(&self) -> Dialect {
        self.header.dialect
    }

    /// Returns the number of lines above the header.
    pub fn title_lines(&self) -> u64 {
        self.header.title_lines
    }

    /// Returns the line number, from 1, of the first record below the header.
    pub fn body_line(&self) -> u64 {
        self.header.body_line
    }

    /// Returns the bytes that the reading will come to ([`Advance::bytes`]); `None` of a
    /// workbook or Parquet file, of which nobody knows before.
    pub fn text_length(&self) -> Option<u64> {
        let stamp = self.stamp.as_ref();
        let stamp = stamp.filter(|_| self.source.format() == Format::Text);
        stamp.map(FileStamp::byte_length)
    }

    /// Reads every row.
    ///
    /// # Errors
    /// If the file cannot be read, has changed since it was opened, has a second header
    /// with other columns, or a line without an ID number with another unit of money.
    pub fn read<C: Sync, T: Tally<C>>(
        &self,
        pass: Pass,
        context: &C,
        progress: &(dyn Fn(Advance) + Sync),
    ) -> Result<WholeFile<T>, Fault> {
        let unreadable = |error: io::Error| Fault::unreadable(&self.path, &error);
        let plain = self.source.format() == Format::Text;
        let unreadable_text = |error: io::Error| self.source.unreadable(&error);
        let (read, of_file) = (AtomicU64::new(0), AtomicU64::new(0));
        let mut source = Digesting {
            inner: self.source.text().map_err(unreadable_text)?,
            digest: blake3::Hasher::new(),
            byte_length: &read,
        };
        let progress = |rows| {
            progress(Advance {
                rows,
                bytes: read.load(Ordering::Relaxed),
            });
        };
        let mut text = self.form.converted(Box::new(&mut source));
        let above = self.header.body_start as u64;
        io::copy(&mut (&mut text).take(above), &mut io::sink()).map_err(unreadable_text)?;
        let Header {
            dialect, headings, ..
        } = &self.header;
        let read = match &self.exchange {
            None => pass::run(pass, &mut text, *dialect, headings, context, &progress),
            Some(exchange) => exchange.run(pass, &mut text, *dialect, headings, context, &progress),
        };
        let (tally, counts) = read.map_err(unreadable_text)?;
        drop(text);
        if let Some(line) = counts.other_header {
            let line = self.header.body_line - 1 + line;
            return Err(self.in_sheet(header::another_header(&self.path, line)));
        }
        if let Some(line) = counts.other_unit {
            let line = self.header.body_line - 1 + line;
            let amounts = headings.amounts();
            return Err(self.in_sheet(header::another_unit(&self.path, amounts, line)));
        }
        let digest = match self.source.digest_at_opening() {
            Some(digest) => digest,
            None => {
                if !plain {
                    // Digest the file itself, not its unpacked content.
                    let file = regular_file::open(&self.path).map_err(unreadable)?;
                    source = Digesting {
                        inner: Box::new(file),
                        digest: blake3::Hasher::new(),
                        byte_length: &of_file,
                    };
                    io::copy(&mut source, &mut io::sink()).map_err(unreadable)?;
                }
                let digest = source.digest.finalize().to_hex().to_string();
                (digest, source.byte_length.load(Ordering::Relaxed))
            }
        };
        if let Some(stamp) = &self.stamp
            && FileStamp::of(&self.path).map_err(unreadable)? != *stamp
        {
            return Err(Fault::changed_while_read(&self.path));
        }
        Ok(WholeFile {
            tally,
            counts,
            digest: digest.0,
            byte_length: digest.1,
        })
    }
}

/// A reader that computes the digest of everything read through it.
struct Digesting<'s> {
    inner: Box<dyn SourceRead + 's>,
    digest: blake3::Hasher,
    /// The number of bytes so far. Atomic, because the reader is on another thread than
    /// what shows the progress.
    byte_length: &'s AtomicU64,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.digest.update(bytes);
        self.byte_length
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use pass::{Place, RowFault, RowView};

    #[derive(Default)]
    struct Nothing;

    impl Tally<()> for Nothing {
        fn row(&mut self, _: &(), _: Place, _: Result<RowView<'_>, RowFault>) {}
        fn append(&mut self, _: &(), _: Self, _: u64, _: u64) {}
    }

    /// The file grows, shrinks, or is replaced by one of the same length.
    #[test]
    fn an_export_that_changes_while_it_is_read_is_refused() {
        let schema = include_bytes!("../../../schemas/veterans.persons.json");
        let schema = ExportSchema::parse(Path::new("veterans.persons.json"), schema)
            .expect("the shipped schema");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("veterans.csv");
        let text = format!(
            "national_id,kind\n{}",
            "44990119900101011X,veteran\n".repeat(9)
        );
        type Change = fn(&Path);
        let change: [(&str, Change); 3] = [
            ("grows", |path| {
                let file = std::fs::OpenOptions::new().append(true).open(path);
                file.and_then(|mut file| file.write_all(b"x,veteran\n"))
                    .expect("writable");
            }),
            ("shrinks", |path| {
                let file = std::fs::OpenOptions::new().write(true).open(path);
                file.and_then(|file| file.set_len(40)).expect("writable");
            }),
            ("replaced", |path| {
                let bytes = std::fs::read(path).expect("readable");
                let other = path.with_extension("new");
                std::fs::write(&other, bytes).expect("writable");
                std::fs::rename(&other, path).expect("writable");
            }),
        ];
        for (what, change) in change {
            std::fs::write(&path, &text).expect("writable");
            let tables = Export::open(&path, 0, &schema, &ReadingChoice::default());
            let export = tables.expect("readable").pop().expect("a table");
            let read = export.read::<_, Nothing>(Pass::DEFAULT, &(), &|_| {});
            assert!(read.is_ok(), "{what}");
            change(&path);
            let Err(fault) = export.read::<_, Nothing>(Pass::DEFAULT, &(), &|_| {}) else {
                panic!("{what} was not noticed");
            };
            assert_eq!(fault.message.en, "the file changed while it was being read");
        }
    }
}
