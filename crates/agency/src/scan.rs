//! Reading an export: bytes, encoding, header, rows.

mod compound_file;
mod encoding;
mod file_stamp;
mod header;
mod limits;
mod parquet_rows;
pub mod pass;
mod record;
mod refusal;
mod source;
#[cfg(test)]
mod workbook_tests;
mod written_out;
mod xls;
mod xlsx;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use encoding::Encoding;
pub use header::ColumnMatch;
pub use record::{Cells, Dialect};
pub use source::Format;

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_policy::reading::{DateEpoch, ReadingChoice};
use aidlink_policy::schema::ExportSchema;
use file_stamp::FileStamp;
use limits::HEAD;
use pass::{Counts, Pass, SourceRead, Tally};
use source::Source;

/// An export whose encoding and header were found and whose columns were
/// matched to its schema. Its rows are read by [`Export::read`].
pub struct Export {
    path: PathBuf,
    source: Source,
    encoding: Encoding,
    epoch: DateEpoch,
    header: header::Header,
    stamp: FileStamp,
}

/// The result of a pass over a whole file.
pub struct WholeFile<T> {
    /// What the tally gathered from the rows.
    pub tally: T,
    /// The numbers of rows and of other lines.
    pub counts: Counts,
    /// BLAKE3 digest of the file's bytes, hexadecimal.
    pub digest: String,
    /// Bytes of the file.
    pub byte_length: u64,
}

impl Export {
    /// Finds a file's encoding and header.
    ///
    /// # Errors
    /// When the file cannot be read as an export of this schema: as many faults
    /// at once as can be found.
    pub fn open(
        path: &Path,
        schema: &ExportSchema,
        choice: &ReadingChoice,
    ) -> Result<Self, Faults> {
        let unreadable = |error: io::Error| Fault::unreadable(path, &error);
        let stamp = FileStamp::of(path).map_err(unreadable)?;
        let source = Source::open(path, choice.sheet.as_deref())?;
        let mut head = Vec::new();
        source
            .text()
            .and_then(|text| text.take(HEAD).read_to_end(&mut head))
            .map_err(unreadable)?;
        if head.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("导出文件是空的", "the export is empty"),
                Text::new("请重新导出", "export it again"),
            )
            .into());
        }
        let encoding = match source.format() {
            // Their rows are written out in UTF-8.
            Format::Xlsx | Format::Xls | Format::Parquet => Encoding::Utf8,
            _ => encoding::detect(path, &head, choice.encoding)?,
        };
        let skip = match encoding {
            Encoding::Utf8WithMark => encoding::UTF8_MARK.len(),
            _ => 0,
        };
        let header = header::find(path, &head, skip, encoding, schema, &choice.headers)?;
        Ok(Export {
            path: path.to_path_buf(),
            source,
            encoding,
            epoch: choice.epoch,
            header,
            stamp,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of file.
    pub fn format(&self) -> Format {
        self.source.format()
    }

    /// The encoding it is read in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The day from which dates written as serial numbers count.
    pub fn epoch(&self) -> DateEpoch {
        self.epoch
    }

    /// How its columns were matched.
    pub fn columns(&self) -> &ColumnMatch {
        &self.header.columns
    }

    /// How its records are written.
    pub fn dialect(&self) -> Dialect {
        self.header.dialect
    }

    /// Lines above the header.
    pub fn title_lines(&self) -> u64 {
        self.header.title_lines
    }

    /// The line of the first record below the header, from 1.
    pub fn body_line(&self) -> u64 {
        self.header.body_line
    }

    /// Reads every row.
    ///
    /// # Errors
    /// When the file cannot be read, or has changed since it was opened.
    pub fn read<C: Sync, T: Tally<C>>(
        &self,
        pass: Pass,
        check: &C,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<WholeFile<T>, Fault> {
        let unreadable = |error: io::Error| Fault::unreadable(&self.path, &error);
        let plain = self.source.format() == Format::Text;
        let mut source = Digesting {
            inner: self.source.text().map_err(unreadable)?,
            digest: blake3::Hasher::new(),
            byte_length: 0,
        };
        let above = self.header.body_start as u64;
        io::copy(&mut (&mut source).take(above), &mut io::sink()).map_err(unreadable)?;
        let (tally, counts) = pass::run(pass, &mut source, self.header.dialect, check, progress)
            .map_err(unreadable)?;
        let digest = match self.source.digest_at_opening() {
            Some(digest) => digest,
            None => {
                if !plain {
                    // The digest is that of the file, not of what it unpacks to.
                    let file = std::fs::File::open(&self.path).map_err(unreadable)?;
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

/// Digests what is read through it.
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
        fn append(&mut self, _: Self, _: u64, _: u64) {}
    }

    /// A file that grows, shrinks or is replaced while its rows are read, the
    /// last with the same length.
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
            assert_eq!(fault.message.en, "the file was changed while it was read");
        }
    }
}
