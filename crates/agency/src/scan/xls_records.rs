//! Checks the records of an XLS workbook ([MS-XLS]) before the XLS reader reads them. A
//! crafted file could otherwise use all memory or time, and a file that was cut short
//! would lose its last rows. Every sheet must have its end. No cell may be outside a
//! sheet, because the reader holds a sheet as a full grid. Shared texts are counted once
//! for each cell that shows them, because the reader copies them.

use super::limits::largest_grid;

/// An XLS sheet has 256 columns ([MS-XLS] 2.5.51).
const MOST_COLUMNS: u16 = 256;
/// Cell records; each begins with row and column: FORMULA, NUMBER, LABEL,
/// BOOLERR, RK, LABELSST, MULRK, BLANK, MULBLANK, RSTRING ([MS-XLS] 2.3.2).
const CELL_RECORDS: [u16; 10] = [
    0x0006, 0x0203, 0x0204, 0x0205, 0x027e, 0x00fd, 0x00bd, 0x0201, 0x00be, 0x00d6,
];
/// BOUNDSHEET: the name of a sheet and the byte at which it begins.
const BOUND_SHEET: u16 = 0x0085;
/// BOF and EOF, which can be nested. BOF begins with the version.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
/// Versions: Excel 97 to 2003, and Excel 5 and 95.
const EXCEL_97: u32 = 0x0600;
const EXCEL_5: u32 = 0x0500;
/// FILEPASS: the records after it are encrypted.
const PASSWORD: u16 = 0x002f;
/// CODEPAGE: the encoding of the texts of Excel 5. Excel 97 writes UTF-16 and the
/// number of that.
const CODE_PAGE: u16 = 0x0042;
const CODE_PAGE_UTF_16: u32 = 1200;
/// MULRK: cells from a first column to a last.
const MULTIPLE: u16 = 0x00bd;
/// FORMULA: a cell with its value and its formula.
const FORMULA: u16 = 0x0006;
/// LABELSST: a cell with the number of a shared text.
const SHARED_LABEL: u16 = 0x00fd;
/// SST: the shared texts; CONTINUE: the rest of the record before it.
const SHARED_TEXTS: u16 = 0x00fc;
const CONTINUE: u16 = 0x003c;
/// Maximum length of a record's content in bytes ([MS-XLS] 2.1.4).
const LONGEST_RECORD: usize = 8224;
/// Maximum number of CONTINUE records before the sheets. The reader's time grows with
/// the square of their number. This many hold 256 MiB.
const MOST_CONTINUED: usize = 1 << 15;
/// Maximum number of spaces in a formula. A formula of Excel 97 to 2003 has at most
/// 1,024 characters.
const MOST_SPACES: usize = 1024;
/// Bytes counted for a UTF-16 unit: the most that one takes in UTF-8.
const CHARACTER_BYTES: u64 = 3;
/// DIMENSIONS: the extent of a sheet ([MS-XLS] 2.4.90).
const DIMENSIONS: u16 = 0x0200;
/// An XLS sheet has 65,536 rows.
const MOST_ROWS: u32 = 1 << 16;

/// Returns whether a sheet can have the extent that it states. The reader allocates the
/// whole extent before it reads a cell, and itself refuses records of other lengths.
fn extent_is_possible(record: &[u8]) -> bool {
    let numbers = match record.len() {
        10 => [
            half(record, 0),
            half(record, 2),
            half(record, 4),
            half(record, 6),
        ],
        14 | 16 => [
            word(record, 0),
            word(record, 4),
            half(record, 8),
            half(record, 10),
        ],
        _ => return true,
    };
    let [Some(first_row), Some(rows), Some(_), Some(columns)] = numbers else {
        return true;
    };
    // The extent of a sheet without cells is 0.
    rows == 0
        || columns == 0
        || (first_row < rows && rows <= MOST_ROWS && columns <= u32::from(MOST_COLUMNS))
}

/// Why a workbook is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordFault {
    /// A record or a sheet is not whole, a cell is outside a sheet, or the reader would
    /// need more time or memory than in proportion to the file.
    Damaged,
    /// The workbook is protected by a password.
    Password,
    /// The workbook is older than Excel 5.
    Older,
    /// The workbook of Excel 5 does not say how its texts are encoded.
    NoCodePage,
}

/// Returns the number of bytes that the shared texts take in the cells of all sheets
/// together, at three bytes per character.
///
/// # Errors
/// If the workbook must not be given to the reader. It holds every sheet as a full grid,
/// and starts it at the byte that the list of sheets names.
pub(super) fn shared_text_in_cells(stream: &[u8]) -> Result<u64, RecordFault> {
    let starts = sheets(stream)?;
    shared_text_of_sheets(stream, &starts).ok_or(RecordFault::Damaged)
}

/// Returns the bytes at which the sheets begin.
fn sheets(stream: &[u8]) -> Result<Vec<usize>, RecordFault> {
    let damaged = RecordFault::Damaged;
    let mut all = records(stream);
    let version = match all.next() {
        Some((BEGIN, record, _)) => half(record, 0).ok_or(damaged)?,
        // BOF of Excel 2 to 4.
        Some((0x0009 | 0x0209 | 0x0409, ..)) => return Err(RecordFault::Older),
        _ => return Err(damaged),
    };
    let mut code_page = None;
    let mut starts = Vec::new();
    for (kind, record, _) in all {
        match kind {
            PASSWORD => return Err(RecordFault::Password),
            CODE_PAGE => code_page = half(record, 0),
            BOUND_SHEET => starts.push(word(record, 0).ok_or(damaged)? as usize),
            END => {
                let has_code_page = code_page.is_some_and(|page| page != CODE_PAGE_UTF_16);
                return match version {
                    EXCEL_97 => Ok(starts),
                    EXCEL_5 if has_code_page => Ok(starts),
                    EXCEL_5 => Err(RecordFault::NoCodePage),
                    _ => Err(damaged),
                };
            }
            _ => {}
        }
    }
    Err(damaged)
}

fn shared_text_of_sheets(stream: &[u8], starts: &[usize]) -> Option<u64> {
    let texts = shared_texts(stream)?;
    let mut total = Grid::default();
    // Sheets that do not overlap are together no longer than the stream.
    let mut left = stream.len().saturating_mul(2);
    for start in starts {
        let grid = Grid::of_sheet(stream.get(*start..)?, &texts, &mut left)?;
        total.add(&grid);
    }
    (total.cells <= largest_grid(total.filled)).then_some(total.shared_text)
}

/// Returns the length of each shared text in characters ([MS-XLS] 2.4.265). Like the
/// reader, it stops at the first EOF and uses the last of several SST records.
fn shared_texts(stream: &[u8]) -> Option<Vec<u64>> {
    let mut texts = Vec::new();
    let mut continued = 0;
    let mut all = records(stream).peekable();
    while let Some((kind, record, _)) = all.next() {
        let mut pieces = vec![record];
        while let Some((_, piece, _)) = all.next_if(|(kind, ..)| *kind == CONTINUE) {
            pieces.push(piece);
        }
        continued += pieces.len() - 1;
        (continued <= MOST_CONTINUED).then_some(())?;
        match kind {
            SHARED_TEXTS => texts = Pieces::after_counts(&pieces)?.lengths()?,
            END => break,
            _ => {}
        }
    }
    Some(texts)
}

/// The unread part of a record that continues in others.
struct Pieces<'b> {
    piece: &'b [u8],
    next: std::slice::Iter<'b, &'b [u8]>,
}

impl<'b> Pieces<'b> {
    /// Starts after the two counts of the SST record. The counts are not used: the
    /// texts themselves are counted.
    fn after_counts(pieces: &'b [&'b [u8]]) -> Option<Self> {
        let (first, next) = pieces.split_first()?;
        Some(Pieces {
            piece: first.get(8..)?,
            next: next.iter(),
        })
    }

    fn lengths(mut self) -> Option<Vec<u64>> {
        let mut lengths = Vec::new();
        while !self.piece.is_empty() || self.go_on() {
            lengths.push(self.text()?);
        }
        Some(lengths)
    }

    /// Moves to the next record. Returns `false` at the end.
    fn go_on(&mut self) -> bool {
        match self.next.next() {
            Some(next) => {
                self.piece = next;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, bytes: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.piece.split_at_checked(bytes)?;
        self.piece = rest;
        Some(taken)
    }

    /// Skips bytes that may continue in the next record.
    fn skip(&mut self, mut bytes: usize) -> Option<()> {
        while bytes > 0 {
            if self.piece.is_empty() && !self.go_on() {
                return None;
            }
            let taken = bytes.min(self.piece.len());
            self.take(taken)?;
            bytes -= taken;
        }
        Some(())
    }

    /// Skips a text and returns its length ([MS-XLS] 2.5.293). If the text continues in
    /// the next record, a byte there states the width of its characters again.
    fn text(&mut self) -> Option<u64> {
        if self.piece.is_empty() {
            // The reader takes an empty record for an empty text.
            return Some(0);
        }
        let head = self.take(3)?;
        let length = half(head, 0)?;
        let (mut flags, has_runs, has_more) = (head[2], head[2] & 8 != 0, head[2] & 4 != 0);
        let runs = match has_runs {
            true => half(self.take(2)?, 0)?,
            false => 0,
        };
        let more = match has_more {
            true => word(self.take(4)?, 0)?,
            false => 0,
        };
        let mut left = length as usize;
        loop {
            let width = 1 + usize::from(flags & 1);
            let here = left.min(self.piece.len() / width);
            self.take(here * width)?;
            left -= here;
            if left == 0 {
                break;
            }
            self.go_on().then_some(())?;
            flags = self.take(1)?[0];
        }
        self.skip(4 * runs as usize)?;
        self.skip(more as usize)?;
        Some(u64::from(length))
    }
}

/// Returns whether a formula has a permitted length and number of spaces. The reader
/// writes formulas out as text, and moves the whole text for each space.
fn formula_is_bounded(record: &[u8]) -> bool {
    // PtgAttrSpace and PtgAttrSpaceSemi ([MS-XLS] 2.5.198.36).
    let spaces = |token: &[u8]| match token {
        [0x19, 0x40 | 0x41, _, count] => usize::from(*count),
        _ => 0,
    };
    record.len() <= LONGEST_RECORD && record.windows(4).map(spaces).sum::<usize>() <= MOST_SPACES
}

/// The area that a sheet's cells span, and their number.
#[derive(Default)]
struct Grid {
    cells: u64,
    filled: u64,
    /// Bytes of the shared texts in the cells.
    shared_text: u64,
}

impl Grid {
    fn add(&mut self, other: &Grid) {
        self.cells = self.cells.saturating_add(other.cells);
        self.filled = self.filled.saturating_add(other.filled);
        self.shared_text = self.shared_text.saturating_add(other.shared_text);
    }

    /// Returns the grid of a sheet; `None` if it has no end, a cell is outside a sheet
    /// or shows a shared text that does not exist, a formula is too long, or more than
    /// `left` bytes were read. `texts` are the lengths of the shared texts.
    fn of_sheet(sheet: &[u8], texts: &[u64], left: &mut usize) -> Option<Grid> {
        let (mut rows, mut columns, mut filled, mut depth) = (0, 0, 0, 0_u64);
        let mut characters = 0_u64;
        for (kind, record, length) in records(sheet) {
            *left = left.checked_sub(length)?;
            match kind {
                BEGIN => depth += 1,
                // A sheet begins with BOF.
                _ if depth == 0 => return None,
                END if depth == 1 => {
                    return Some(Grid {
                        cells: rows * columns,
                        filled,
                        shared_text: characters.saturating_mul(CHARACTER_BYTES),
                    });
                }
                END => depth -= 1,
                DIMENSIONS if !extent_is_possible(record) => return None,
                FORMULA if !formula_is_bounded(record) => return None,
                _ if CELL_RECORDS.contains(&kind) => {
                    let Some(first) = half(record, 2) else {
                        continue;
                    };
                    let last = match kind {
                        MULTIPLE => half(record, record.len().checked_sub(2)?)?,
                        _ => first,
                    };
                    let last = first.max(last);
                    (last < u32::from(MOST_COLUMNS)).then_some(())?;
                    if let (SHARED_LABEL, Some(index)) = (kind, word(record, 6)) {
                        // The reader would leave the cell out.
                        let length = *texts.get(index as usize)?;
                        characters = characters.saturating_add(length);
                    }
                    rows = rows.max(u64::from(half(record, 0)?) + 1);
                    columns = columns.max(u64::from(last) + 1);
                    filled += u64::from(last - first) + 1;
                }
                _ => {}
            }
        }
        None
    }
}

/// Iterates over the records: kind, content, and length including the header. A record
/// that is not whole ends the iteration.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8], usize)> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let [kind_low, kind_high, low, high, content @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (record, after) = content.split_at_checked(length)?;
        rest = after;
        let kind = u16::from_le_bytes([*kind_low, *kind_high]);
        Some((kind, record, 4 + length))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    let half = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_le_bytes([half[0], half[1]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, content: &[u8]) -> Vec<u8> {
        let head = [kind, content.len() as u16].map(u16::to_le_bytes);
        [head.concat().as_slice(), content].concat()
    }

    /// A workbook of this version with these records and a sheet.
    fn workbook(version: u16, globals: &[Vec<u8>], sheet: &[Vec<u8>]) -> Vec<u8> {
        let begin = record(BEGIN, &[version.to_le_bytes(), [5, 0]].concat());
        let globals = globals.concat();
        // BOUNDSHEET has 4 bytes of head, and EOF.
        let start = (begin.len() + globals.len() + 4 + 9 + 4) as u32;
        let bound = [&start.to_le_bytes()[..], &[0, 0, 1, 0, b'a']].concat();
        [
            begin.as_slice(),
            &globals,
            &record(BOUND_SHEET, &bound),
            &record(END, &[]),
            &record(BEGIN, &[version.to_le_bytes(), [0x10, 0]].concat()),
            &sheet.concat(),
        ]
        .concat()
    }

    fn number(row: u8) -> Vec<u8> {
        record(0x0203, &[row, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    }

    #[test]
    fn a_workbook_cut_between_or_within_records_is_damaged() {
        let sheet = [number(0), number(1), record(END, &[])];
        let sound = workbook(0x0600, &[], &sheet);
        assert_eq!(shared_text_in_cells(&sound), Ok(0));
        for length in 0..sound.len() {
            let cut = shared_text_in_cells(&sound[..length]);
            assert_eq!(cut, Err(RecordFault::Damaged), "{length} bytes");
        }
        // The end of a chart in the sheet is not the end of the sheet.
        let chart = [record(BEGIN, &[0, 6, 0x20, 0]), record(END, &[])].concat();
        let open = workbook(0x0600, &[], &[chart.clone(), number(0)]);
        assert_eq!(shared_text_in_cells(&open), Err(RecordFault::Damaged));
        let closed = workbook(0x0600, &[], &[chart, number(0), record(END, &[])]);
        assert_eq!(shared_text_in_cells(&closed), Ok(0));
    }

    #[test]
    fn a_cell_without_its_shared_text_is_damaged() {
        let texts = record(SHARED_TEXTS, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, b'a']);
        let shows = |text: u8| record(SHARED_LABEL, &[0, 0, 0, 0, 0, 0, text, 0, 0, 0]);
        let with = |text| {
            let sheet = [shows(text), record(END, &[])];
            shared_text_in_cells(&workbook(0x0600, std::slice::from_ref(&texts), &sheet))
        };
        assert_eq!(with(0), Ok(CHARACTER_BYTES));
        assert_eq!(with(1), Err(RecordFault::Damaged));
    }

    #[test]
    fn protected_and_older_workbooks_are_told_from_damaged_ones() {
        let sheet = [record(END, &[])];
        let code_page = |page: u16| record(CODE_PAGE, &page.to_le_bytes());
        let of = |version, globals: &[Vec<u8>]| {
            shared_text_in_cells(&workbook(version, globals, &sheet))
        };
        // With an empty key too, which is an older encryption.
        for key in [&[0, 0, 1, 2, 3, 4][..], &[1, 0, 1, 0], &[]] {
            for version in [0x0500, 0x0600] {
                let protected = of(version, &[record(PASSWORD, key)]);
                assert_eq!(protected, Err(RecordFault::Password));
            }
        }
        assert_eq!(of(0x0500, &[code_page(936)]), Ok(0));
        assert_eq!(of(0x0600, &[code_page(1200)]), Ok(0));
        for pages in [&[][..], &[code_page(1200)]] {
            assert_eq!(of(0x0500, pages), Err(RecordFault::NoCodePage));
        }
        for begin in [0x0009, 0x0209, 0x0409] {
            let older = record(begin, &[0, 0, 0x10, 0]);
            assert_eq!(shared_text_in_cells(&older), Err(RecordFault::Older));
        }
    }

    #[test]
    fn a_shared_text_is_as_long_as_the_pieces_in_which_it_is_written() {
        // Counts of all; "abc" in one byte each; two wide characters, the second in
        // the next record after its own width, with a run and something more.
        let sst = [
            &[0; 8][..],
            &[3, 0, 0, b'a', b'b', b'c'],
            &[2, 0, 0b1101, 1, 0, 3, 0, 0, 0, 0x2d, 0x4e],
        ];
        let rest = [&[0, b'x', 9, 9][..], &[9, 9, 1, 2, 3, 1, 0, 0, b'z']];
        let all = |texts: &[u8]| {
            [
                record(SHARED_TEXTS, texts),
                record(CONTINUE, rest[0]),
                record(CONTINUE, rest[1]),
                record(END, &[]),
                record(SHARED_TEXTS, &[1; 20]),
            ]
            .concat()
        };
        let stream = all(&sst.concat());
        assert_eq!(shared_texts(&stream), Some(vec![3, 2, 1]));
        // One that is longer than what follows.
        assert_eq!(shared_texts(&all(&[9; 40])), None);
        let pieces = [
            record(SHARED_TEXTS, &[0; 8]),
            record(CONTINUE, &[]).repeat(9),
        ]
        .concat();
        assert_eq!(shared_texts(&pieces), Some(vec![0; 9]));
        let many = record(CONTINUE, &[]).repeat(MOST_CONTINUED + 1);
        assert_eq!(
            shared_texts(&[record(SHARED_TEXTS, &[0; 8]), many].concat()),
            None
        );
    }

    #[test]
    fn a_formula_has_as_many_spaces_as_it_may_show() {
        let space = |count: u8| [0x19, 0x40, 0, count];
        assert!(formula_is_bounded(&[space(255); 4].concat()));
        assert!(!formula_is_bounded(&[space(255); 5].concat()));
        assert!(formula_is_bounded(&[0x1e; LONGEST_RECORD]));
        assert!(!formula_is_bounded(&[0x1e; LONGEST_RECORD + 1]));
    }
}
