//! Reading an export: bytes, encoding, header, records.
//!
//! The plain reading: the file is read whole and every record is split. What
//! it promises (records, rejects, places) is what a faster pass must give.

mod encoding;
mod header;
mod records;

use std::path::{Path, PathBuf};

pub use encoding::{Encoding, EncodingChoice};
pub use header::ColumnMatch;
pub use records::{Record, RecordFault, Records};

use aidlink_contract::fault::{Fault, Faults};
use aidlink_contract::schema::ExportSchema;
use aidlink_contract::text::Text;

/// An export that was read and whose columns were matched to its schema.
pub struct Export {
    path: PathBuf,
    digest: String,
    byte_length: u64,
    encoding: Encoding,
    text: String,
    header: header::Header,
}

impl Export {
    /// Reads a file, finds its encoding and its header.
    ///
    /// # Errors
    /// When the file cannot be read as an export of this schema: every fault
    /// that can be told at once.
    pub fn open(
        path: &Path,
        schema: &ExportSchema,
        choice: EncodingChoice,
    ) -> Result<Self, Faults> {
        let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
        if bytes.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("导出文件是空的", "the export is empty"),
                Text::new("请重新导出", "export it again"),
            )
            .into());
        }
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let byte_length = bytes.len() as u64;
        let (text, encoding) = encoding::decode(path, bytes, choice)?;
        let header = header::find(path, &text, schema)?;
        Ok(Export {
            path: path.to_path_buf(),
            digest,
            byte_length,
            encoding,
            text,
            header,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 digest of the file's bytes, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Bytes of the file.
    pub fn byte_length(&self) -> u64 {
        self.byte_length
    }

    /// The encoding it was read in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How its columns were matched.
    pub fn columns(&self) -> &ColumnMatch {
        &self.header.columns
    }

    /// The column of the ID number, from 0.
    pub fn id_column(&self) -> usize {
        self.header.id_column
    }

    /// Lines above the header.
    pub fn title_lines(&self) -> u64 {
        self.header.title_lines
    }

    /// The records below the header.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.text, &self.header)
    }
}
