//! How the systems of agencies write an export.

/// The style of an agency's exports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// UTF-8, canonical headers and codes.
    Plain,
    /// UTF-8 with byte-order mark, CR LF, labels.
    Labels,
    /// A workbook with a merged title and date cells.
    Workbook,
    /// GB18030, two title lines, a total line, dates as 2024年5月1日.
    Gb18030WithTitle,
    /// UTF-8 with byte-order mark, CR LF, empty trailing columns, dates as 2024/5/1.
    Excel,
    /// UTF-8, certificate numbers in the ID column, dates as 20240501.
    CertificateNumbers,
    /// UTF-8, semicolons, every field quoted, columns in reverse order.
    Semicolons,
}

impl Style {
    /// Returns the file extension.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Style::Workbook => "xlsx",
            _ => "csv",
        }
    }

    /// Returns whether its files are UTF-8 text.
    pub(super) fn is_utf8_text(self) -> bool {
        !matches!(self, Style::Gb18030WithTitle | Style::Workbook)
    }

    /// Returns whether its files start with a byte-order mark.
    pub(super) fn starts_with_mark(self) -> bool {
        matches!(self, Style::Excel | Style::Labels)
    }
}
