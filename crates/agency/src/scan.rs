//! Reads exports: finds format, encoding and header, then splits the rows.

mod china_time;
mod compound_file;
mod encoding;
mod file_stamp;
mod header;
pub mod headings;
mod limits;
mod other_formats;
mod parquet_cells;
mod parquet_rows;
pub mod pass;
mod record;
mod refusal;
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

pub use encoding::Encoding;
pub use header::ColumnMatch;
pub use record::{Cells, Dialect};
pub use source::Format;

use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;
use aidlink_policy::reading::{DateEpoch, ReadingChoice};
use aidlink_policy::schema::{ExportSchema, Field};
use file_stamp::FileStamp;
use header::Header;
use limits::HEAD_BYTES;
use pass::{Counts, Pass, SourceRead, Tally};
use source::Source;
use text_form::TextForm;

use crate::cell::ColumnForm;

/// An open export. Its encoding and header are known and its columns are matched
/// to the schema; [`Export::read`] reads the rows.
pub struct Export {
    path: PathBuf,
    source: Source,
    form: TextForm,
    encoding: Encoding,
    epoch: DateEpoch,
    header: Header,
    stamp: FileStamp,
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

impl Export {
    /// Opens a file and finds its encoding and header.
    ///
    /// # Errors
    /// If the file cannot be read as an export of this schema. Reports as many
    /// faults as possible at once.
    pub fn open(
        path: &Path,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Self, Faults> {
        let (_, export) = Self::open_by_best_schema(path, [schema], choice)?;
        Ok(export)
    }

    /// Opens a file once and matches its header to each schema. Returns the first of the
    /// schemas that know most of its columns.
    ///
    /// # Errors
    /// If the file cannot be read as an export of any of the schemas. Returns the faults
    /// for the first schema: those for the others are mostly the same.
    pub fn open_by_best_schema<'s>(
        path: &Path,
        schemas: impl IntoIterator<Item = &'s ExportSchema>,
        choice: &ReadingChoice,
    ) -> Result<(&'s ExportSchema, Self), Faults> {
        let unreadable = |error: io::Error| Fault::unreadable(path, &error);
        let stamp = FileStamp::of(path).map_err(unreadable)?;
        let source = Source::open(path, choice.sheet.as_deref())?;
        let is_text = matches!(source.format(), Format::Text | Format::Gzip | Format::Zip);
        let (form, head) = match is_text {
            true => TextForm::of(|| source.text(), HEAD_BYTES),
            false => TextForm::unconverted(|| source.text(), HEAD_BYTES),
        }
        .map_err(|error| source.unreadable(&error))?;
        if head.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("导出为空", "the export is empty"),
                Text::new("请重新导出", "export it again"),
            )
            .into());
        }
        let encoding = match is_text {
            // The rows of the other formats are converted to UTF-8 text.
            false => Encoding::Utf8,
            true => {
                other_formats::refuse(path, &head)?;
                match form.is_utf16() {
                    true => Encoding::Utf16,
                    false => encoding::detect(path, &head, choice.encoding)?,
                }
            }
        };
        let mut best: Option<(&ExportSchema, Header)> = None;
        let mut faults = FaultCollector::new();
        for schema in schemas {
            match header::find(path, &head, is_text, encoding, schema, &choice.headers) {
                Ok(header) => {
                    let known = |header: &Header| header.columns.index.len();
                    if best
                        .as_ref()
                        .is_none_or(|(_, best)| known(&header) > known(best))
                    {
                        best = Some((schema, header));
                    }
                }
                Err(found) if faults.is_empty() => faults.extend(found),
                Err(_) => {}
            }
        }
        let (schema, header) = match best {
            Some(best) => best,
            None => return faults.or_value(None),
        };
        source.check(&header.columns)?;
        let export = Export {
            path: path.to_path_buf(),
            source,
            form,
            encoding,
            epoch: choice.epoch,
            header,
            stamp,
        };
        Ok((schema, export))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
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

    /// Reads every row.
    ///
    /// # Errors
    /// If the file cannot be read, has changed since it was opened, or has a second
    /// header with other columns.
    pub fn read<C: Sync, T: Tally<C>>(
        &self,
        pass: Pass,
        context: &C,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<WholeFile<T>, Fault> {
        let unreadable = |error: io::Error| Fault::unreadable(&self.path, &error);
        let plain = self.source.format() == Format::Text;
        let unreadable_text = |error: io::Error| self.source.unreadable(&error);
        let mut source = Digesting {
            inner: self.source.text().map_err(unreadable_text)?,
            digest: blake3::Hasher::new(),
            byte_length: 0,
        };
        let mut text = self.form.converted(Box::new(&mut source));
        let above = self.header.body_start as u64;
        io::copy(&mut (&mut text).take(above), &mut io::sink()).map_err(unreadable_text)?;
        let Header {
            dialect, headings, ..
        } = &self.header;
        let (tally, counts) = pass::run(pass, &mut text, *dialect, headings, context, progress)
            .map_err(unreadable_text)?;
        drop(text);
        if let Some(line) = counts.other_header {
            return Err(header::another_header(
                &self.path,
                self.header.body_line - 1 + line,
            ));
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
                        byte_length: 0,
                    };
                    io::copy(&mut source, &mut io::sink()).map_err(unreadable)?;
                }
                let digest = source.digest.finalize().to_hex().to_string();
                (digest, source.byte_length)
            }
        };
        if FileStamp::of(&self.path).map_err(unreadable)? != self.stamp {
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
    byte_length: u64,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.digest.update(bytes);
        self.byte_length += bytes.len() as u64;
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
            let export = Export::open(&path, &schema, &ReadingChoice::default()).expect("readable");
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
