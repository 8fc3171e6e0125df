//! The formats of files that are read.

/// The format of a file, found from its first bytes and not from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// A text compressed with gzip.
    Gzip,
    /// A zip archive with one text.
    Zip,
    /// An XLSX workbook.
    Xlsx,
    /// An XLSB workbook.
    Xlsb,
    /// An XLS workbook.
    Xls,
    /// An ODS spreadsheet.
    Ods,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// Returns the name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Gzip => "gzip",
            Format::Zip => "zip",
            Format::Xlsx => "xlsx",
            Format::Xlsb => "xlsb",
            Format::Xls => "xls",
            Format::Ods => "ods",
            Format::Parquet => "parquet",
        }
    }
}
