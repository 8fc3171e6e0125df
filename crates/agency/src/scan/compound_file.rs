//! The container of XLS workbooks ([MS-CFB]): before its reader may follow the
//! chains of sectors, each is walked here and must end; and no cell of the
//! workbook may lie outside a sheet, since the reader holds a sheet as a full
//! grid. Otherwise a crafted file could take all memory.

use super::limits::largest_grid;

/// Sector numbers from here on are marks, not sectors ([MS-CFB] 2.1).
const FIRST_MARK: u32 = 0xffff_fffa;
/// Sectors of the FAT that the header itself names.
const IN_HEADER: usize = 109;
const DIRECTORY_ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// Shorter streams are stored in small sectors ([MS-CFB] 2.2).
const CUTOFF: u32 = 4096;
/// Kinds of directory entries.
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// An XLS sheet has 256 columns ([MS-XLS] 2.5.51).
const MOST_COLUMNS: u16 = 256;
/// Records of cells, each with row and column first: FORMULA, NUMBER, LABEL,
/// BOOLERR, RK, LABELSST, MULRK, BLANK, MULBLANK, RSTRING ([MS-XLS] 2.3.2).
const CELL_RECORDS: [u16; 10] = [
    0x0006, 0x0203, 0x0204, 0x0205, 0x027e, 0x00fd, 0x00bd, 0x0201, 0x00be, 0x00d6,
];

/// Whether every chain of sectors ends, no two share a sector, and every cell
/// lies within a sheet.
pub(super) fn is_bounded(bytes: &[u8]) -> bool {
    check(bytes).is_some()
}

/// A file by its sectors.
struct Sectors<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl<'b> Sectors<'b> {
    fn get(&self, sector: u32) -> Option<&'b [u8]> {
        let start = (sector as usize).checked_add(1)?.checked_mul(self.size)?;
        // The last sector may be cut short.
        let end = start.checked_add(self.size)?.min(self.bytes.len());
        self.bytes.get(start..end)
    }

    /// The sectors of a chain; `None` where it does not end.
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

/// The record that names a sheet and the byte where it begins: BOUNDSHEET.
const BOUND_SHEET: u16 = 0x0085;
/// BOF and EOF, which may be nested.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
/// MULRK: cells from a first column to a last.
const MULTIPLE: u16 = 0x00bd;
/// The record that says how far a sheet reaches: DIMENSIONS ([MS-XLS] 2.4.90).
const DIMENSIONS: u16 = 0x0200;
/// An XLS sheet has 65,536 rows.
const MOST_ROWS: u32 = 1 << 16;

/// Whether a sheet can have the extent that it states: the reader allocates all
/// of it before it has seen a cell. The reader itself refuses records of other
/// lengths.
fn extent_is_one(record: &[u8]) -> bool {
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
    // A sheet without cells says 0.
    rows == 0
        || columns == 0
        || (first_row < rows && rows <= MOST_ROWS && columns <= u32::from(MOST_COLUMNS))
}

/// Whether an entry is what the reader takes for the workbook: it decodes names
/// by their first bytes, and goes by the name alone.
fn has_name_of_workbook(entry: &[u8]) -> bool {
    let name = encoding_rs::UTF_16LE.decode(&entry[..64]).0;
    let name = name.split('\0').next().unwrap_or_default();
    ["Workbook", "Book"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the sheets of a stream of records can be held. The reader holds every
/// sheet as a full grid, and begins it where the stream's list of sheets says,
/// which may be inside another record.
fn sheets_can_be_held(stream: &[u8]) -> bool {
    let mut total = Grid::default();
    // Sheets that lie beside each other are as long as the stream together.
    let mut left = stream.len().saturating_mul(2);
    for (kind, record, _) in records(stream) {
        if kind != BOUND_SHEET {
            continue;
        }
        let start = word(record, 0).and_then(|start| usize::try_from(start).ok());
        let sheet = start.and_then(|start| stream.get(start..));
        match sheet.and_then(|sheet| Grid::of_sheet(sheet, &mut left)) {
            Some(grid) => total.add(&grid),
            None => return false,
        }
    }
    total.cells <= largest_grid(total.filled)
}

/// Kind, content and length with head of each record.
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

/// What a sheet's cells span, and how many there are.
#[derive(Default)]
struct Grid {
    cells: u64,
    filled: u64,
}

impl Grid {
    fn add(&mut self, other: &Grid) {
        self.cells = self.cells.saturating_add(other.cells);
        self.filled = self.filled.saturating_add(other.filled);
    }

    /// The grid of a sheet, up to the end of the sheet; `None` where a cell
    /// lies outside a sheet, or more than `left` bytes were walked.
    fn of_sheet(sheet: &[u8], left: &mut usize) -> Option<Grid> {
        let (mut rows, mut columns, mut filled, mut depth) = (0, 0, 0, 0_u64);
        for (kind, record, length) in records(sheet) {
            *left = left.checked_sub(length)?;
            match kind {
                BEGIN => depth += 1,
                END if depth <= 1 => break,
                END => depth -= 1,
                DIMENSIONS if !extent_is_one(record) => return None,
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
        })
    }
}

fn check(bytes: &[u8]) -> Option<()> {
    let shift = u32::from(*bytes.get(30)?);
    (9..=12).contains(&shift).then_some(())?;
    let sectors = Sectors {
        bytes,
        size: 1 << shift,
    };
    // Where the FAT lies: named by the header, and by sectors that form a list.
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
    // The reader goes by this number and does not look at the header's.
    (word(bytes, 56)? == CUTOFF).then_some(())?;
    let mut small: Vec<u8> = Vec::new();
    let mut entries = 0_u64;
    for sector in directory {
        for entry in sectors.get(sector)?.chunks_exact(DIRECTORY_ENTRY) {
            let kind = entry[66];
            let start = word(entry, 116)?;
            let size = word(entry, 120)?;
            // Of small sectors the upper half of the size says nothing.
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
                    (!is_workbook || sheets_can_be_held(&stream)).then_some(())?;
                }
                _ => {}
            }
        }
    }
    Some(())
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
        assert!(is_bounded(&sound));
        // The first sector of the FAT lies where the header says.
        let fat = (word(&sound, 76).expect("a FAT") as usize + 1) * 512;
        let mut circles = 0;
        for entry in 0..sound.len() / 512 {
            let mut circular = sound.clone();
            let at = fat + 4 * entry;
            if word(&circular, at).is_some_and(|next| next == 0xffff_fffe) {
                // The end of a chain leads back to its own sector.
                circular[at..at + 4].copy_from_slice(&(entry as u32).to_le_bytes());
                assert!(!is_bounded(&circular), "entry {entry}");
                circles += 1;
            }
        }
        assert!(circles >= 2, "{circles} chains");
    }

    #[test]
    fn a_file_cut_anywhere_is_no_panic() {
        let sound = workbook();
        for length in 0..sound.len() {
            let _ = is_bounded(&sound[..length]);
        }
    }
}
