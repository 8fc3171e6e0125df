//! The container of XLS workbooks ([MS-CFB]): before its reader may follow the
//! chains of sectors, each is walked here and must end; and no cell of the
//! workbook may stand where no sheet has one, since the reader holds a sheet as
//! a full grid. A crafted file would else take all memory.

/// Sector numbers from here on are marks, not sectors ([MS-CFB] 2.1).
const FIRST_MARK: u32 = 0xffff_fffa;
/// Sectors of the FAT that the header itself names.
const IN_HEADER: usize = 109;
const DIRECTORY_ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;

/// An XLS sheet has 256 columns ([MS-XLS] 2.5.51).
const MOST_COLUMNS: u16 = 256;
/// Records of cells, each with row and column first: FORMULA, NUMBER, LABEL,
/// BOOLERR, RK, LABELSST, MULRK, BLANK, MULBLANK, RSTRING ([MS-XLS] 2.3.2).
const CELL_RECORDS: [u16; 10] = [
    0x0006, 0x0203, 0x0204, 0x0205, 0x027e, 0x00fd, 0x00bd, 0x0201, 0x00be, 0x00d6,
];

/// Whether every chain of sectors ends, no two share a sector, and every cell
/// stands within a sheet.
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

/// Whether the cells of a stream of records stand within a sheet. A stream that
/// is none, and that its reader will not take for one, has no cells.
fn cells_stand_within(stream: &[u8]) -> bool {
    let mut rest = stream;
    while let [kind_low, kind_high, low, high, content @ ..] = rest {
        let kind = u16::from_le_bytes([*kind_low, *kind_high]);
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if CELL_RECORDS.contains(&kind)
            && let [_, _, low, high, ..] = content
            && u16::from_le_bytes([*low, *high]) >= MOST_COLUMNS
        {
            return false;
        }
        rest = content.get(length..).unwrap_or_default();
    }
    true
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
    let cutoff = word(bytes, 56)?;
    let mut small: Vec<u8> = Vec::new();
    for sector in directory {
        for entry in sectors.get(sector)?.chunks_exact(DIRECTORY_ENTRY) {
            let kind = entry[66];
            let start = word(entry, 116)?;
            let size = word(entry, 120)?;
            match kind {
                // The root's stream holds the small streams.
                5 => {
                    let chain = sectors.chain(&fat, start, &mut seen)?;
                    let parts: Option<Vec<&[u8]>> =
                        chain.iter().map(|sector| sectors.get(*sector)).collect();
                    small = parts?.concat();
                }
                2 if size == 0 => {}
                2 => {
                    let parts: Option<Vec<&[u8]>> = if size >= cutoff {
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
                    cells_stand_within(&parts?.concat()).then_some(())?;
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
