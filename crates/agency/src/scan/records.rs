//! Splitting an export into records, with their places.
//!
//! A quote counts only at the start of a field. A quoted field may hold line
//! breaks, but one longer than 64 KiB, or one that runs to the end of the file
//! or into records of another width, is a stray quote: its line is a reject
//! and reading goes on with the next line, so it costs one row and not the
//! rest of the file.

use super::header::Header;

/// A quoted field longer than this is a stray quote.
const LONGEST_QUOTED_FIELD: usize = 64 * 1024;

/// One record below the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Record number below the header, from 1; blank lines are not counted.
    pub number: u64,
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its fields.
    pub fields: csv::StringRecord,
}

/// A record that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// Another number of fields than the header.
    FieldCount {
        /// Record number below the header, from 1.
        number: u64,
        /// The line it begins on, from 1.
        line: u64,
    },
    /// A quote that is not closed.
    Quote {
        /// Record number below the header, from 1.
        number: u64,
        /// The line it begins on, from 1.
        line: u64,
    },
}

/// The records below a header.
pub struct Records<'t> {
    text: &'t str,
    delimiter: u8,
    width: usize,
    /// Byte of the text at which `csv` began.
    start: usize,
    /// A byte of the text and its line, from which lines are counted on.
    cursor: usize,
    cursor_line: u64,
    csv: csv::Reader<&'t [u8]>,
    number: u64,
    blank_lines: u64,
    total_lines: u64,
    id_column: usize,
}

pub(super) fn reader(bytes: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes)
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str, header: &Header) -> Self {
        Records {
            text,
            delimiter: header.delimiter,
            width: header.columns.headers.len(),
            start: header.body_start,
            cursor: header.body_start,
            cursor_line: header.body_line,
            csv: reader(
                text.get(header.body_start..).unwrap_or_default().as_bytes(),
                header.delimiter,
            ),
            number: 0,
            blank_lines: 0,
            total_lines: 0,
            id_column: header.id_column,
        }
    }

    /// Lines without content that were passed over so far.
    pub fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Lines of totals that were passed over so far.
    pub fn total_lines(&self) -> u64 {
        self.total_lines
    }

    /// Goes on with the line after the one that begins at `byte`.
    fn resume_after_line(&mut self, byte: usize) {
        let rest = self.text.get(byte..).unwrap_or_default();
        let next = rest
            .find('\n')
            .map_or(self.text.len(), |newline| byte + newline + 1);
        self.start = next;
        self.csv = reader(
            self.text.get(next..).unwrap_or_default().as_bytes(),
            self.delimiter,
        );
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, RecordFault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut fields = csv::StringRecord::new();
            // Reading UTF-8 from memory with a flexible reader cannot fail.
            if !self.csv.read_record(&mut fields).unwrap_or(false) {
                return None;
            }
            let position = fields.position().map_or(0, csv::Position::byte);
            // The place that the reader gives lies before the line breaks of
            // wholly empty lines, and before the second half of a CR LF.
            let before = self.start + usize::try_from(position).unwrap_or(usize::MAX);
            let skipped = line_breaks_at(self.text, before);
            let byte = before + skipped.bytes;
            self.blank_lines += skipped.blank_lines;
            self.cursor_line += newlines(self.text, self.cursor..byte);
            self.cursor = byte;
            let line = self.cursor_line;
            let end = self.start + usize::try_from(self.csv.position().byte()).unwrap_or(0);
            let raw = self.text.get(byte..end).unwrap_or_default();
            let spans_lines = raw.trim_end_matches(['\r', '\n']).contains('\n');
            let overlong = fields
                .iter()
                .any(|field| field.len() > LONGEST_QUOTED_FIELD);
            let ends_file = end >= self.text.len();
            let malformed = (spans_lines || ends_file) && !well_quoted(raw, self.delimiter);
            if overlong || malformed || (spans_lines && fields.len() != self.width) {
                self.number += 1;
                let number = self.number;
                self.resume_after_line(byte);
                return Some(Err(RecordFault::Quote { number, line }));
            }
            if fields.iter().all(|field| field.trim().is_empty()) {
                self.blank_lines += 1;
                continue;
            }
            if is_total_line(&fields, self.id_column) {
                self.total_lines += 1;
                continue;
            }
            self.number += 1;
            let number = self.number;
            let surplus = fields
                .iter()
                .skip(self.width)
                .any(|field| !field.trim().is_empty());
            if fields.len() < self.width || surplus {
                return Some(Err(RecordFault::FieldCount { number, line }));
            }
            return Some(Ok(Record {
                number,
                line,
                fields,
            }));
        }
    }
}

/// Line breaks that lie before a record.
pub(super) struct LineBreaks {
    pub(super) bytes: usize,
    blank_lines: u64,
}

/// The line breaks at a byte of the text.
pub(super) fn line_breaks_at(text: &str, byte: usize) -> LineBreaks {
    let rest = text.get(byte..).unwrap_or_default();
    let bytes = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let half = byte > 0 && rest.starts_with('\n') && text.as_bytes().get(byte - 1) == Some(&b'\r');
    LineBreaks {
        bytes,
        blank_lines: newlines(text, byte..byte + bytes).saturating_sub(u64::from(half)),
    }
}

/// Line feeds in a part of the text.
pub(super) fn newlines(text: &str, range: std::ops::Range<usize>) -> u64 {
    let part = text.as_bytes().get(range).unwrap_or_default();
    part.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Whether every quoted field of a raw record is closed, and closed where a
/// field ends: what looks like the end of a stray quote's field is in truth
/// the opening quote of a later one, with text behind it.
fn well_quoted(raw: &str, delimiter: u8) -> bool {
    let mut bytes = raw.bytes().peekable();
    let mut at_field_start = true;
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        if quoted {
            if byte == b'"' {
                match bytes.peek() {
                    Some(b'"') => {
                        bytes.next();
                    }
                    None | Some(b'\r' | b'\n') => quoted = false,
                    Some(next) if *next == delimiter => quoted = false,
                    Some(_) => return false,
                }
            }
        } else if at_field_start && byte == b'"' {
            quoted = true;
            at_field_start = false;
        } else {
            at_field_start = byte == delimiter || byte == b'\n' || byte == b'\r';
        }
    }
    !quoted
}

/// 合计, 总计 and the like in a row whose ID cell holds no digits.
fn is_total_line(fields: &csv::StringRecord, id_column: usize) -> bool {
    const WORDS: [&str; 6] = ["合计", "总计", "小计", "共计", "总数", "累计"];
    let id_has_digits = fields
        .get(id_column)
        .is_some_and(|cell| cell.chars().filter(char::is_ascii_digit).count() >= 15);
    !id_has_digits
        && fields
            .iter()
            .map(str::trim)
            .find(|cell| !cell.is_empty())
            .is_some_and(|first| {
                let compact: String = first.chars().filter(|c| !c.is_whitespace()).collect();
                WORDS.iter().any(|word| {
                    compact.strip_prefix(word).is_some_and(|rest| {
                        rest.chars()
                            .all(|c| !c.is_alphabetic() || "人户条名共数".contains(c))
                    })
                })
            })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aidlink_contract::schema::ExportSchema;

    use super::super::header;
    use super::*;

    fn schema() -> ExportSchema {
        let json = r#"{"name": "veterans.persons", "title": "t",
            "aidlink": {"agency": "veterans", "title_en": "t"},
            "fields": [
              {"name": "national_id", "type": "string", "title": "身份证号",
               "aidlink": {"title_en": "ID", "role": "national_id"}},
              {"name": "name", "type": "string", "title": "姓名", "aidlink": {"title_en": "Name"}},
              {"name": "kind", "type": "string", "title": "类别", "aidlink": {"title_en": "Kind"}}]}"#;
        ExportSchema::parse(Path::new("s.json"), json.as_bytes()).expect("a valid schema")
    }

    fn read(text: &str) -> (Vec<Result<Vec<String>, RecordFault>>, u64, u64) {
        let header = header::find(Path::new("e.csv"), text, &schema());
        let Ok(header) = header else {
            panic!("no header")
        };
        let mut records = Records::new(text, &header);
        let read = records
            .by_ref()
            .map(|record| {
                record.map(|record| {
                    let mut cells = vec![format!("{}@{}", record.number, record.line)];
                    cells.extend(record.fields.iter().map(str::to_owned));
                    cells
                })
            })
            .collect();
        (read, records.blank_lines(), records.total_lines())
    }

    fn row(cells: &[&str]) -> Result<Vec<String>, RecordFault> {
        Ok(cells.iter().map(|cell| cell.to_string()).collect())
    }

    #[test]
    fn title_lines_blank_lines_and_totals_are_no_rows() {
        let text = "退役军人花名册,,\r\n制表：某局,,\r\n身份证号,姓名,类别\r\n1,甲,x\r\n\r\n,,\r\n2,乙,y\r\n合计：,2人,\r\n";
        let (rows, blank, totals) = read(text);
        assert_eq!(
            rows,
            [row(&["1@4", "1", "甲", "x"]), row(&["2@7", "2", "乙", "y"])]
        );
        assert_eq!((blank, totals), (2, 1));
    }

    #[test]
    fn a_quoted_field_may_hold_separators_quotes_and_line_breaks() {
        let text = "类别;身份证号;姓名\n\"a;\"\"b\"\"\nc\";1;甲\nz;2;乙\n";
        let (rows, _, _) = read(text);
        assert_eq!(
            rows,
            [
                row(&["1@2", "a;\"b\"\nc", "1", "甲"]),
                row(&["2@4", "z", "2", "乙"])
            ]
        );
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_and_no_other() {
        for stray in ["2,\"乙,y", "2,乙,\"y"] {
            let text = format!("身份证号,姓名,类别\n1,甲,x\n{stray}\n3,丙,z\n4,\"丁\",w\n5,戊,v\n");
            let (rows, _, _) = read(&text);
            assert_eq!(
                rows,
                [
                    row(&["1@2", "1", "甲", "x"]),
                    Err(RecordFault::Quote { number: 2, line: 3 }),
                    row(&["3@4", "3", "丙", "z"]),
                    row(&["4@5", "4", "丁", "w"]),
                    row(&["5@6", "5", "戊", "v"]),
                ],
                "{stray}"
            );
        }
        // No other quote follows, to the end of a large file.
        let many: String = (0..20_000).map(|n| format!("{n},名,k\n")).collect();
        let text = format!("身份证号,姓名,类别\n1,\"甲,x\n{many}");
        let (rows, _, _) = read(&text);
        assert_eq!(rows.len(), 20_001);
        assert_eq!(rows.iter().filter(|row| row.is_err()).count(), 1);
    }

    #[test]
    fn a_quote_inside_a_field_is_a_character() {
        let (rows, _, _) = read("身份证号,姓名,类别\n1,甲\"乙\",x\n");
        assert_eq!(rows, [row(&["1@2", "1", "甲\"乙\"", "x"])]);
    }

    #[test]
    fn a_shifted_row_is_a_fault_and_empty_trailing_columns_are_not() {
        let (rows, _, _) = read("身份证号,姓名,类别\n1,甲,x,,\n2,乙\n3,丙,z,surplus\n");
        assert_eq!(
            rows,
            [
                row(&["1@2", "1", "甲", "x", "", ""]),
                Err(RecordFault::FieldCount { number: 2, line: 3 }),
                Err(RecordFault::FieldCount { number: 3, line: 4 }),
            ]
        );
    }
}
