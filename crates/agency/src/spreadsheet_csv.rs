//! Writes CSV for Excel and WPS, and reads it back: UTF-8 with byte-order mark, CR LF line ends, and
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

/// The header of a CSV file, and its rows, each with the line on which it begins.
pub type Csv = (Vec<String>, Vec<(u64, Vec<String>)>);

/// Reads a CSV file that a step wrote. Returns the header and the rows, each row with the
/// line on which it begins. Lines count from 1, the header included.
pub fn read_csv(bytes: &[u8]) -> Option<Csv> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let mut lines = Lines::of(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.line_of_record(usize::try_from(start).ok()?);
        rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    let header = if rows.is_empty() {
        Vec::new()
    } else {
        rows.remove(0).1
    };
    Some((header, rows))
}

/// Counts lines as an editor does. The `csv` crate ends a record after the CR of a CR LF,
/// so its position and line of the next record are one line break too early.
struct Lines<'b> {
    bytes: &'b [u8],
    /// The number of bytes counted so far.
    counted: usize,
    line: u64,
}

impl<'b> Lines<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Lines {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// Returns the line on which the record at a byte position begins. Positions must
    /// not decrease from call to call.
    fn line_of_record(&mut self, position: usize) -> u64 {
        let rest = self.bytes.get(position..).unwrap_or_default();
        // The position may be before empty lines, which are not records.
        let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = position + breaks.count();
        for at in self.counted..start.min(self.bytes.len()) {
            let ends_a_line = match self.bytes[at] {
                b'\n' => true,
                b'\r' => self.bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(ends_a_line);
        }
        self.counted = self.counted.max(start);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines on which the rows begin.
    fn lines(text: &str) -> Vec<u64> {
        let (_, rows) = read_csv(text.as_bytes()).unwrap_or_default();
        rows.iter().map(|(line, _)| *line).collect()
    }

    #[test]
    fn rows_have_the_line_numbers_of_an_editor() {
        for end in ["\r\n", "\n", "\r"] {
            let text = |lines: &[&str]| lines.join("\u{0}").replace('\u{0}', end) + end;
            assert_eq!(lines(&text(&["a,b", "1,2", "3,4", "5,6"])), [2, 3, 4]);
            let marked = format!("\u{feff}{}", text(&["a,b", "1,2", "3,4"]));
            assert_eq!(lines(&marked), [2, 3]);
            // A row with a quoted line break spans several lines.
            let quoted = text(&["a,\"b", "c\"", "1,\"2", "", "3\"", "4,5", "", "6,7"]);
            assert_eq!(lines(&quoted), [3, 6, 8], "{end:?}");
            // Without a line break at the end.
            assert_eq!(lines(text(&["a,b", "1,2"]).trim_end()), [2]);
        }
        assert_eq!(lines(""), [0; 0]);
        assert_eq!(lines("a,b\r\n"), [0; 0]);
    }

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
