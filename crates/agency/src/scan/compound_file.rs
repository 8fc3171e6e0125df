//! Checks the container of an XLS workbook ([MS-CFB]) before the XLS reader opens it.
//! A crafted file could otherwise use all memory or time. Every chain of sectors must
//! end. No cell may be outside a sheet, because the reader holds a sheet as a full
//! grid. Shared texts are counted once for each cell that shows them, because the
//! reader copies them.

use super::limits::largest_grid;

/// Sector numbers from this one are special values, not sectors ([MS-CFB] 2.1).
const FIRST_MARK: u32 = 0xffff_fffa;
/// Number of FAT sectors that the header lists.
const IN_HEADER: usize = 109;
const DIRECTORY_ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// Streams shorter than this are stored in mini sectors ([MS-CFB] 2.2).
const CUTOFF: u32 = 4096;
/// Kinds of directory entries.
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// An XLS sheet has 256 columns ([MS-XLS] 2.5.51).
const MOST_COLUMNS: u16 = 256;
/// Cell records; each begins with row and column: FORMULA, NUMBER, LABEL,
/// BOOLERR, RK, LABELSST, MULRK, BLANK, MULBLANK, RSTRING ([MS-XLS] 2.3.2).
const CELL_RECORDS: [u16; 10] = [
    0x0006, 0x0203, 0x0204, 0x0205, 0x027e, 0x00fd, 0x00bd, 0x0201, 0x00be, 0x00d6,
];

/// A file divided into sectors.
struct Sectors<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl<'b> Sectors<'b> {
    fn get(&self, sector: u32) -> Option<&'b [u8]> {
        let start = (sector as usize).checked_add(1)?.checked_mul(self.size)?;
        // The last sector may be incomplete.
        let end = start.checked_add(self.size)?.min(self.bytes.len());
        self.bytes.get(start..end)
    }

    /// Returns the sectors of a chain; `None` if it does not end.
    fn chain(&self, table: &[u32], start: u32, seen: &mut [bool]) -> Option<Vec<u32>> {
        let mut chain = Vec::new();
        let mut sector = start;
        while sector < FIRST_MARK {
            let seen = seen.get_mut(sector as usize)?;
            if std::mem::replace(seen, true) {
                return None;
            }
            chain.push(sector);
            sector = *table.get(sector as usize)?;
        }
        Some(chain)
    }

    fn words(&self, sectors: &[u32]) -> Option<Vec<u32>> {
        let mut words = Vec::new();
        for sector in sectors {
            let whole = self.get(*sector)?.chunks_exact(4);
            words
                .extend(whole.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
        }
        Some(words)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    let half = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_le_bytes([half[0], half[1]])))
}

/// BOUNDSHEET: the name of a sheet and the byte at which it begins.
const BOUND_SHEET: u16 = 0x0085;
/// BOF and EOF, which can be nested.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
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

/// Returns whether the reader takes a directory entry for the workbook. It looks at the
/// name only, and a byte-order mark at the start of the name chooses its encoding.
fn has_name_of_workbook(entry: &[u8]) -> bool {
    let name = encoding_rs::UTF_16LE.decode(&entry[..64]).0;
    let name = name.split('\0').next().unwrap_or_default();
    ["Workbook", "Book"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Returns the number of bytes that shared texts take in the cells of a stream of
/// records; `None` if its sheets are too large. The reader holds every sheet as a full
/// grid, and starts it at the byte that the list of sheets names, even inside another
/// record.
fn shared_text_of_sheets(stream: &[u8]) -> Option<u64> {
    let texts = shared_texts(stream)?;
    let mut total = Grid::default();
    // Sheets that do not overlap are together no longer than the stream.
    let mut left = stream.len().saturating_mul(2);
    for (kind, record, _) in records(stream) {
        if kind == BOUND_SHEET {
            let start = usize::try_from(word(record, 0)?).ok()?;
            let grid = Grid::of_sheet(stream.get(start..)?, &texts, &mut left)?;
            total.add(&grid);
        }
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

/// Iterates over the records: kind, content, and length including the header.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8], usize)> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let [kind_low, kind_high, low, high, content @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let record = content.get(..length).unwrap_or(content);
        rest = content.get(length..).unwrap_or_default();
        let kind = u16::from_le_bytes([*kind_low, *kind_high]);
        Some((kind, record, 4 + record.len()))
    })
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

    /// Returns the grid of a sheet; `None` if a cell is outside a sheet, a formula is
    /// too long, or more than `left` bytes were read. `texts` are the lengths of the
    /// shared texts.
    fn of_sheet(sheet: &[u8], texts: &[u64], left: &mut usize) -> Option<Grid> {
        let (mut rows, mut columns, mut filled, mut depth) = (0, 0, 0, 0_u64);
        let mut characters = 0_u64;
        for (kind, record, length) in records(sheet) {
            *left = left.checked_sub(length)?;
            match kind {
                BEGIN => depth += 1,
                END if depth <= 1 => break,
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
                        let length = texts.get(index as usize).copied().unwrap_or_default();
                        characters = characters.saturating_add(length);
                    }
                    rows = rows.max(u64::from(half(record, 0)?) + 1);
                    columns = columns.max(u64::from(last) + 1);
                    filled += u64::from(last - first) + 1;
                }
                _ => {}
            }
        }
        Some(Grid {
            cells: rows * columns,
            filled,
            shared_text: characters.saturating_mul(CHARACTER_BYTES),
        })
    }
}

/// Returns the number of bytes that the shared texts take in all cells together, at
/// three bytes per character. Returns `None` if the file is not safe to read: a chain
/// of sectors does not end, two chains share a sector, a cell is outside a sheet, or
/// the reader would need more time or memory than in proportion to the file.
pub(super) fn shared_text_in_cells(bytes: &[u8]) -> Option<u64> {
    let shift = u32::from(*bytes.get(30)?);
    (9..=12).contains(&shift).then_some(())?;
    let sectors = Sectors {
        bytes,
        size: 1 << shift,
    };
    // The header lists the first FAT sectors; a chain of further sectors lists the rest.
    let most = bytes.len() / sectors.size + 1;
    let mut of_fat: Vec<u32> = (0..IN_HEADER)
        .filter_map(|index| word(bytes, 76 + 4 * index))
        .filter(|sector| *sector < FIRST_MARK)
        .collect();
    let mut next = word(bytes, 68)?;
    let mut lists = 0;
    while next < FIRST_MARK {
        lists += 1;
        (lists <= most).then_some(())?;
        let mut list = sectors.words(&[next])?;
        next = list.pop()?;
        of_fat.extend(list.into_iter().filter(|sector| *sector < FIRST_MARK));
        (of_fat.len() <= most).then_some(())?;
    }
    let fat = sectors.words(&of_fat)?;
    let mut seen = vec![false; most];
    let directory = sectors.chain(&fat, word(bytes, 48)?, &mut seen)?;
    let mini_fat = sectors.chain(&fat, word(bytes, 60)?, &mut seen)?;
    let mini_fat = sectors.words(&mini_fat)?;
    let mut mini_seen = vec![false; mini_fat.len()];
    // The reader uses this number and ignores the one in the header.
    (word(bytes, 56)? == CUTOFF).then_some(())?;
    let mut small: Vec<u8> = Vec::new();
    let mut entries = 0_u64;
    let mut shared_text = 0_u64;
    for sector in directory {
        for entry in sectors.get(sector)?.chunks_exact(DIRECTORY_ENTRY) {
            let kind = entry[66];
            let start = word(entry, 116)?;
            let size = word(entry, 120)?;
            // With 512-byte sectors the upper half of the size is undefined.
            let is_too_long = shift > 9 && word(entry, 124)? > 0;
            let is_workbook = has_name_of_workbook(entry);
            // The reader takes the first entry for the root and a name for a stream.
            let is_odd = (kind == ROOT) != (entries == 0) || (is_workbook && kind != STREAM);
            let is_refused = is_odd || is_too_long && kind == STREAM;
            (!is_refused).then_some(())?;
            entries += 1;
            match kind {
                // The root's stream holds the small streams.
                ROOT => {
                    let chain = sectors.chain(&fat, start, &mut seen)?;
                    let parts: Option<Vec<&[u8]>> =
                        chain.iter().map(|sector| sectors.get(*sector)).collect();
                    small = parts?.concat();
                }
                STREAM if size == 0 => {}
                STREAM => {
                    let parts: Option<Vec<&[u8]>> = if size >= CUTOFF {
                        let chain = sectors.chain(&fat, start, &mut seen)?;
                        chain.iter().map(|sector| sectors.get(*sector)).collect()
                    } else {
                        let chain = sectors.chain(&mini_fat, start, &mut mini_seen)?;
                        let part = |sector: &u32| {
                            let at = (*sector as usize).checked_mul(MINI_SECTOR)?;
                            small.get(at..(at + MINI_SECTOR).min(small.len()))
                        };
                        chain.iter().map(part).collect()
                    };
                    let mut stream = parts?.concat();
                    stream.truncate(size as usize);
                    if is_workbook {
                        let text = shared_text_of_sheets(&stream)?;
                        shared_text = shared_text.saturating_add(text);
                    }
                }
                _ => {}
            }
        }
    }
    Some(shared_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workbook() -> Vec<u8> {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/files/veterans.xls"
        );
        std::fs::read(file).expect("the workbook of the tests")
    }

    #[test]
    fn a_sound_workbook_passes_and_a_chain_in_a_circle_does_not() {
        let sound = workbook();
        assert!(shared_text_in_cells(&sound).is_some());
        // The first sector of the FAT lies where the header says.
        let fat = (word(&sound, 76).expect("a FAT") as usize + 1) * 512;
        let mut circles = 0;
        for entry in 0..sound.len() / 512 {
            let mut circular = sound.clone();
            let at = fat + 4 * entry;
            if word(&circular, at).is_some_and(|next| next == 0xffff_fffe) {
                // The end of a chain leads back to its own sector.
                circular[at..at + 4].copy_from_slice(&(entry as u32).to_le_bytes());
                assert_eq!(shared_text_in_cells(&circular), None, "entry {entry}");
                circles += 1;
            }
        }
        assert!(circles >= 2, "{circles} chains");
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
        let record = |kind: u16, content: &[u8]| {
            let head = [kind, content.len() as u16].map(u16::to_le_bytes);
            [head.concat().as_slice(), content].concat()
        };
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

    #[test]
    fn a_file_cut_anywhere_is_no_panic() {
        let sound = workbook();
        for length in 0..sound.len() {
            let _ = shared_text_in_cells(&sound[..length]);
        }
    }
}
