//! Writes CSV for Excel and WPS: UTF-8 with byte-order mark, CR LF line ends, and
//! no cell that a spreadsheet would run as a formula.

use std::io::{self, Write};

use aidlink_faults::personal_number::black_out;

/// Writes a CSV file row by row.
pub struct SpreadsheetWriter<W: Write>(csv::Writer<W>);

impl<W: Write> SpreadsheetWriter<W> {
    /// Begins a file with the byte-order mark.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(b"\xef\xbb\xbf")?;
        let writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .flexible(true)
            .from_writer(to);
        Ok(SpreadsheetWriter(writer))
    }

    /// Writes a row. Each cell is made safe by [`safe_cell`].
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let cells = cells.into_iter().map(safe_cell);
        self.0.write_record(cells).map_err(io::Error::from)
    }

    /// Writes the buffered rows and returns the writer below.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(|error| error.into_error())
    }
}

/// Returns the rows as the bytes of a CSV file.
pub fn to_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let written = SpreadsheetWriter::begin(Vec::new()).and_then(|mut writer| {
        for row in rows {
            writer.write_row(row.iter().map(String::as_str))?;
        }
        writer.finish()
    });
    // Writing to memory cannot fail.
    written.unwrap_or_default()
}

/// Returns the cell with numbers blacked out ([`black_out`]) and with an apostrophe
/// before anything that a spreadsheet would run as a formula, also in full-width
/// form. The formula check comes second, when tabs have already become spaces. A
/// cell that is safe already is not changed.
pub fn safe_cell(cell: &str) -> String {
    let plain = black_out(cell);
    let starts_a_formula = plain
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    if starts_a_formula {
        format!("'{plain}")
    } else {
        plain.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_starts_a_formula_or_holds_a_control_character() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@x",
            "\t=1",
            " =1",
            "＝1",
            "\r=cmd|'/c calc'!A0",
        ] {
            assert!(safe_cell(cell).starts_with('\''), "{cell:?}");
        }
        assert_eq!(safe_cell("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(safe_cell("故意伤害案"), "故意伤害案");
    }

    #[test]
    fn a_number_split_by_control_characters_is_blacked_out() {
        for (cell, shown) in [
            ("449901\t19900101\t011X", "***"),
            ("名单13800001234.csv", "名单***.csv"),
            ("138\r\n0000\r\n1234", "***"),
            ("\t+86 138 0000 1234", "' +***"),
        ] {
            let bytes = to_bytes(&[vec![cell.to_owned()]]);
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert_eq!(text, format!("\u{feff}{shown}\r\n"), "{cell:?}");
        }
    }
}
