//! Takes the workbook out of the container of an XLS file ([MS-CFB]), and puts it into
//! a container of its own for the XLS reader.
//!
//! Programs write containers that contradict themselves: chains of sectors that go on
//! beyond the stated size, counts that are 0. Such a file is read by the sizes, which
//! bound everything. And the XLS reader finds exactly the bytes that were checked.

/// Sector numbers from this one are special values, not sectors ([MS-CFB] 2.1).
const FIRST_MARK: u32 = 0xffff_fffa;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const FREE_SECTOR: u32 = 0xffff_ffff;
/// A sector of the FAT itself.
const FAT_SECTOR: u32 = 0xffff_fffd;
/// Number of FAT sectors that the header lists.
const IN_HEADER: usize = 109;
const DIRECTORY_ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// Streams shorter than this are stored in mini sectors ([MS-CFB] 2.2).
const CUTOFF: usize = 4096;
/// Kinds of directory entries.
const STREAM: u8 = 2;
const ROOT: u8 = 5;
/// Sectors of the container for the reader, and how often 2 is multiplied for it.
const SECTOR: usize = 1 << SHIFT;
const SHIFT: u16 = 12;
/// Numbers of the FAT in a sector.
const FAT_ENTRIES: usize = SECTOR / 4;

/// Why a file has no workbook that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWorkbook {
    /// The container is damaged or cut short.
    Damaged,
    /// It holds a workbook that is encrypted with a password.
    Encrypted,
    /// It holds something else, such as a text document.
    Other,
}

/// Returns the stream of the workbook.
///
/// # Errors
/// If there is none, or if it is not whole.
pub(super) fn workbook_stream(bytes: &[u8]) -> Result<Vec<u8>, NoWorkbook> {
    let container = Container::open(bytes).ok_or(NoWorkbook::Damaged)?;
    // A workbook of Excel 97 comes before one of Excel 5, which a file may hold too.
    let workbook = container
        .find("Workbook")
        .or_else(|| container.find("Book"));
    match workbook {
        Some(entry) => container.stream(&entry).ok_or(NoWorkbook::Damaged),
        None if container.find("EncryptedPackage").is_some() => Err(NoWorkbook::Encrypted),
        None => Err(NoWorkbook::Other),
    }
}

/// Returns a container with this stream as its workbook, and nothing else. `None` if
/// the stream is too long for it (448 MiB).
pub(super) fn container_of(stream: &[u8]) -> Option<Vec<u8>> {
    // A shorter stream would be stored in mini sectors.
    let length = stream.len().max(CUTOFF);
    let of_stream = length.div_ceil(SECTOR);
    // One more for the directory.
    let of_fat = (of_stream + 2).div_ceil(FAT_ENTRIES - 1);
    (of_fat <= IN_HEADER).then_some(())?;
    let (directory, start) = (of_fat, of_fat + 1);

    let mut bytes = Vec::with_capacity((start + of_stream + 1) * SECTOR);
    bytes.extend_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    bytes.resize(24, 0);
    // Minor and major version, byte order, size of sectors and of mini sectors.
    for half in [0x3e, 4, 0xfffe, SHIFT, 6] {
        bytes.extend_from_slice(&half.to_le_bytes());
    }
    bytes.resize(40, 0);
    let numbers = [
        1,
        of_fat as u32,
        directory as u32,
        0,
        CUTOFF as u32,
        END_OF_CHAIN,
        0,
        END_OF_CHAIN,
        0,
    ];
    let listed = (0..IN_HEADER).map(|sector| match sector < of_fat {
        true => sector as u32,
        false => FREE_SECTOR,
    });
    for number in numbers.into_iter().chain(listed) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.resize(SECTOR, 0);

    for sector in 0..of_fat * FAT_ENTRIES {
        let next = if sector < of_fat {
            FAT_SECTOR
        } else if sector == directory || sector + 1 == start + of_stream {
            END_OF_CHAIN
        } else if sector < start + of_stream {
            sector as u32 + 1
        } else {
            FREE_SECTOR
        };
        bytes.extend_from_slice(&next.to_le_bytes());
    }
    let entries = [
        ("Root Entry", ROOT, 0, 0),
        ("Workbook", STREAM, start, length),
    ];
    for (name, kind, start, length) in entries {
        let end = bytes.len() + DIRECTORY_ENTRY;
        bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        bytes.resize(end - 64, 0);
        let length_of_name = 2 * (name.len() as u16 + 1);
        bytes.extend_from_slice(&length_of_name.to_le_bytes());
        bytes.extend_from_slice(&[kind, 1]);
        // The siblings and the child.
        let child = if kind == ROOT { 1 } else { FREE_SECTOR };
        for entry in [FREE_SECTOR, FREE_SECTOR, child] {
            bytes.extend_from_slice(&entry.to_le_bytes());
        }
        bytes.resize(end - 12, 0);
        bytes.extend_from_slice(&(start as u32).to_le_bytes());
        bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }
    bytes.resize((start + 1) * SECTOR, 0);
    bytes.extend_from_slice(stream);
    bytes.resize((start + 1 + of_stream) * SECTOR, 0);
    Some(bytes)
}

/// A container whose FAT and directory have been read.
struct Container<'b> {
    sectors: Sectors<'b>,
    fat: Vec<u32>,
    directory: Vec<u8>,
}

/// A stream of the directory.
struct Entry {
    start: u32,
    size: usize,
}

impl<'b> Container<'b> {
    fn open(bytes: &'b [u8]) -> Option<Self> {
        let shift = u32::from(*bytes.get(30)?);
        (9..=12).contains(&shift).then_some(())?;
        let sectors = Sectors {
            bytes,
            size: 1 << shift,
        };
        // The header lists the first FAT sectors; a chain of further sectors lists the
        // rest.
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
            let mut list = words(sectors.get(next)?);
            next = list.pop()?;
            of_fat.extend(list.into_iter().filter(|sector| *sector < FIRST_MARK));
            (of_fat.len() <= most).then_some(())?;
        }
        let mut fat = Vec::new();
        for sector in of_fat {
            fat.extend(words(sectors.get(sector)?));
        }
        // It has no size: it ends, or the file is damaged.
        let directory = sectors.whole_chain(&fat, word(bytes, 48)?)?;
        Some(Container {
            sectors,
            fat,
            directory,
        })
    }

    /// Finds a stream by its name, in which case does not count.
    fn find(&self, name: &str) -> Option<Entry> {
        let mut entries = self.directory.chunks_exact(DIRECTORY_ENTRY);
        let entry = entries.find(|entry| {
            let letters = entry[..64].chunks_exact(2);
            let letters = letters.map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let found: Vec<u16> = letters.take_while(|letter| *letter != 0).collect();
            entry[66] == STREAM && String::from_utf16_lossy(&found).eq_ignore_ascii_case(name)
        })?;
        Some(Entry {
            start: word(entry, 116)?,
            // Upper half: no file is so long, and with sectors of 512 bytes it is
            // undefined.
            size: word(entry, 120)? as usize,
        })
    }

    /// Returns a stream; `None` if it is not whole.
    fn stream(&self, entry: &Entry) -> Option<Vec<u8>> {
        if entry.size >= CUTOFF {
            return self.sectors.chain(&self.fat, entry.start, entry.size);
        }
        // The stream of the root holds the mini sectors. Some programs give it the size
        // 0.
        let root = self.directory.get(..DIRECTORY_ENTRY)?;
        let (start, size) = (word(root, 116)?, word(root, 120)? as usize);
        let small = match size {
            0 => self.sectors.whole_chain(&self.fat, start)?,
            size => self.sectors.chain(&self.fat, start, size)?,
        };
        let mini_fat = word(self.sectors.bytes, 60)?;
        let mini_fat = words(&self.sectors.whole_chain(&self.fat, mini_fat)?);
        let mini_sectors = Sectors {
            bytes: &small,
            size: MINI_SECTOR,
        };
        mini_sectors.chain_from(&mini_fat, entry.start, entry.size, 0)
    }
}

/// Bytes divided into sectors.
struct Sectors<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl<'b> Sectors<'b> {
    /// Returns a sector of the file, in which the header comes before the first one.
    fn get(&self, sector: u32) -> Option<&'b [u8]> {
        self.get_from(sector, self.size)
    }

    /// Returns a sector; the first one begins at the byte `first`.
    fn get_from(&self, sector: u32, first: usize) -> Option<&'b [u8]> {
        let start = (sector as usize)
            .checked_mul(self.size)?
            .checked_add(first)?;
        // The last sector may be incomplete.
        let end = start.checked_add(self.size)?.min(self.bytes.len());
        self.bytes.get(start..end)
    }

    /// Returns the content of a chain up to its end; `None` if it does not end.
    fn whole_chain(&self, table: &[u32], start: u32) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut sector = start;
        while sector < FIRST_MARK {
            content.extend_from_slice(self.get(sector)?);
            // More bytes than the file has: a circle.
            (content.len() <= self.bytes.len()).then_some(())?;
            sector = *table.get(sector as usize)?;
        }
        Some(content)
    }

    /// Returns `size` bytes of a chain, which may go on; `None` if it has fewer.
    fn chain(&self, table: &[u32], start: u32, size: usize) -> Option<Vec<u8>> {
        self.chain_from(table, start, size, self.size)
    }

    fn chain_from(&self, table: &[u32], start: u32, size: usize, first: usize) -> Option<Vec<u8>> {
        (size <= self.bytes.len()).then_some(())?;
        let mut content = Vec::with_capacity(size);
        let mut seen = vec![false; self.bytes.len() / self.size + 1];
        let mut sector = start;
        while content.len() < size {
            let seen = seen.get_mut(sector as usize)?;
            if std::mem::replace(seen, true) {
                return None;
            }
            content.extend_from_slice(self.get_from(sector, first)?);
            if content.len() < size {
                sector = *table.get(sector as usize)?;
            }
        }
        content.truncate(size);
        Some(content)
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let whole = bytes.chunks_exact(4);
    let word = |word: &[u8]| u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
    whole.map(word).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
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

    /// The byte at which the directory begins.
    fn directory(file: &[u8]) -> usize {
        (word(file, 48).expect("a directory") as usize + 1) << file[30]
    }

    fn set(file: &mut [u8], at: usize, number: u32) {
        file[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    #[test]
    fn a_stream_survives_its_container() {
        for length in [1, 4095, 4096, 4097, 9 << 20] {
            let mut stream: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let container = container_of(&stream).expect("short enough");
            stream.resize(length.max(4096), 0);
            assert!(workbook_stream(&container) == Ok(stream), "{length} bytes");
        }
    }

    #[test]
    fn a_chain_in_a_circle_is_damaged() {
        let sound = workbook();
        // The first sector of the FAT lies where the header says.
        let fat = (word(&sound, 76).expect("a FAT") as usize + 1) * 512;
        let mut circles = 0;
        for entry in 0..sound.len() / 512 {
            let mut circular = sound.clone();
            let at = fat + 4 * entry;
            if word(&circular, at).is_some_and(|next| next < FIRST_MARK) {
                // A sector in the middle of a chain leads back to itself.
                set(&mut circular, at, entry as u32);
                assert_eq!(workbook_stream(&circular), Err(NoWorkbook::Damaged));
                circles += 1;
            }
        }
        assert!(circles > 2, "{circles} sectors");
    }

    #[test]
    fn a_chain_counts_as_far_as_the_size_of_its_stream() {
        // Three sectors, of which the last is not full.
        let stream: Vec<u8> = (0..9000_u32).map(|at| (at % 251) as u8).collect();
        let sound = container_of(&stream).expect("short enough");
        let (root, entry) = (directory(&sound), directory(&sound) + DIRECTORY_ENTRY);
        let last = word(&sound, entry + 116).expect("a start") + 2;
        // The chain goes on beyond the size: into itself, or into anything.
        for next in [0, 1, last, 0x00ff_ffff] {
            let mut longer = sound.clone();
            set(&mut longer, SECTOR + 4 * last as usize, next);
            assert!(workbook_stream(&longer).as_ref() == Ok(&stream), "{next}");
        }
        // The root has no size, or leads into the workbook.
        for (start, size) in [(0, 0), (last, 640), (last, u32::MAX)] {
            let mut odd = sound.clone();
            set(&mut odd, root + 116, start);
            set(&mut odd, root + 120, size);
            assert!(workbook_stream(&odd).as_ref() == Ok(&stream), "{start}");
        }
        // The chain is shorter than the size.
        for size in [3 * SECTOR as u32 + 1, u32::MAX] {
            let mut shorter = sound.clone();
            set(&mut shorter, entry + 120, size);
            assert_eq!(workbook_stream(&shorter), Err(NoWorkbook::Damaged));
        }
    }

    #[test]
    fn a_small_workbook_lies_in_the_stream_of_the_root() {
        // Root of three sectors, of which the workbook has the mini sectors 2 and 1.
        let small: Vec<u8> = (0..1200_u32).map(|at| (at / 64) as u8).collect();
        let mut file = container_of(&small).expect("short enough");
        let directory = directory(&file);
        let mini_fat = file.len() / SECTOR - 1;
        let mut numbers = vec![END_OF_CHAIN; FAT_ENTRIES];
        numbers[2] = 1;
        file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let start = word(&file, directory + DIRECTORY_ENTRY + 116).expect("a start");
        set(&mut file, 60, mini_fat as u32);
        set(&mut file, SECTOR + 4 * mini_fat, END_OF_CHAIN);
        set(&mut file, directory + DIRECTORY_ENTRY + 116, 2);
        set(&mut file, directory + DIRECTORY_ENTRY + 120, 100);
        set(&mut file, directory + 116, start);
        // The size of the root may be missing.
        for size in [0, 1200] {
            set(&mut file, directory + 120, size);
            let expected = [[2; 64], [1; 64]].concat()[..100].to_vec();
            assert_eq!(workbook_stream(&file), Ok(expected), "{size}");
        }
    }

    #[test]
    fn a_container_of_something_else_is_no_workbook() {
        let renamed = |name: &str| {
            let mut file = workbook();
            let at = directory(&file) + DIRECTORY_ENTRY;
            file[at..at + 64].fill(0);
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            file[at..at + name.len()].copy_from_slice(&name);
            workbook_stream(&file).map(|_| ())
        };
        assert_eq!(renamed("BOOK"), Ok(()));
        assert_eq!(renamed("WordDocument"), Err(NoWorkbook::Other));
        assert_eq!(renamed("EncryptedPackage"), Err(NoWorkbook::Encrypted));
    }

    #[test]
    fn a_file_cut_anywhere_is_damaged() {
        let sound = workbook();
        for length in 0..sound.len() {
            let cut = workbook_stream(&sound[..length]);
            assert!(cut.is_err() || cut == workbook_stream(&sound), "{length}");
        }
    }
}
