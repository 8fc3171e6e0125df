//! Workbooks in each format, damaged at random from a fixed seed: reading ends with an
//! error that names the file, or no row is lost without a word.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use rust_xlsxwriter::{Format as CellFormat, Workbook};

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Language;
use aidlink_policy::reading::ReadingChoice;
use aidlink_policy::schema::ExportSchema;

use super::Export;
use super::as_ods::as_ods;
use super::as_xlsb::as_xlsb;
use super::made_xlsb::packed;
use super::pass::{Pass, Place, RowFault, RowView, Tally};

const ROWS: u64 = 6;
const VARIANTS: usize = 180;

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    /// Returns a number below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % end.max(1) as u64) as usize
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    /// A part is missing.
    Missing,
    /// Two parts have names that differ in case.
    Twice,
    /// A part ends early.
    Cut,
    /// Two parts have each other's content.
    Swapped,
    /// A part has a document type declaration, and entities in place of texts.
    DocumentType,
    /// A byte of the archive is changed, which its checksums cover.
    Archive,
    /// Bytes of a part are changed; the archive is right.
    Bytes,
    /// A number in an attribute, or four bytes of a binary part, are another number.
    Number,
    /// A tag is missing.
    NoTag,
    /// A tag is repeated.
    Tags,
    /// A stretch of a part is missing.
    Hole,
    /// A stretch of a part is repeated.
    Again,
}

const DAMAGES: [Damage; 12] = [
    Damage::Missing,
    Damage::Twice,
    Damage::Cut,
    Damage::Swapped,
    Damage::DocumentType,
    Damage::Archive,
    Damage::Bytes,
    Damage::Number,
    Damage::NoTag,
    Damage::Tags,
    Damage::Hole,
    Damage::Again,
];

impl Damage {
    /// Returns whether the file still shows that there were more rows. The other kinds can
    /// make a well-formed file of fewer rows.
    fn is_apparent(self) -> bool {
        matches!(
            self,
            Damage::Missing
                | Damage::Twice
                | Damage::Cut
                | Damage::Swapped
                | Damage::DocumentType
                | Damage::Archive
        )
    }

    /// Returns the archive of these parts with damage.
    fn done(self, mut parts: Vec<(String, Vec<u8>)>, random: &mut Random) -> Vec<u8> {
        let part = random.below(parts.len());
        let bytes = parts[part].1.clone();
        let tags = tags_of(&bytes);
        let cut = random.below(bytes.len());
        let end = bytes.len().min(cut + 1 + random.below(64));
        parts[part].1 = match self {
            Damage::Missing => {
                parts.remove(part);
                return packed(&parts);
            }
            Damage::Twice => {
                let name = parts[part].0.to_uppercase();
                let other = random.below(parts.len());
                parts.push((name, parts[other].1.clone()));
                return packed(&parts);
            }
            Damage::Swapped => {
                let other = random.below(parts.len());
                parts[part].1 = std::mem::replace(&mut parts[other].1, bytes);
                return packed(&parts);
            }
            Damage::Archive => {
                let mut archive = packed(&parts);
                let at = random.below(archive.len());
                archive[at] ^= 1 << random.below(8);
                return archive;
            }
            Damage::Cut => bytes[..cut].to_vec(),
            Damage::DocumentType => {
                let text = String::from_utf8_lossy(&bytes).replace("张三", "&a;");
                let start = text.find("?>").map_or(0, |start| start + 2);
                let (before, after) = text.split_at(start);
                format!("{before}<!DOCTYPE x [<!ENTITY a \"b\">]>{after}").into_bytes()
            }
            Damage::Bytes => {
                let mut bytes = bytes;
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len());
                    bytes[at] = random.below(256) as u8;
                }
                bytes
            }
            Damage::Number => {
                let numbers = numbers_of(&bytes);
                let (start, end, other) = match numbers.is_empty() {
                    true => {
                        let other = random.one_of(&BINARY_NUMBERS).to_le_bytes();
                        (cut, bytes.len().min(cut + other.len()), other.to_vec())
                    }
                    false => {
                        let (start, end) = *random.one_of(&numbers);
                        (start, end, random.one_of(&NUMBERS).as_bytes().to_vec())
                    }
                };
                [&bytes[..start], &other, &bytes[end..]].concat()
            }
            Damage::NoTag | Damage::Tags if tags.is_empty() => bytes,
            Damage::NoTag => {
                let (start, end) = *random.one_of(&tags);
                [&bytes[..start], &bytes[end..]].concat()
            }
            Damage::Tags => {
                let (start, end) = *random.one_of(&tags);
                let times = *random.one_of(&[2, 300, 20_000]);
                [
                    &bytes[..start],
                    &bytes[start..end].repeat(times),
                    &bytes[end..],
                ]
                .concat()
            }
            Damage::Hole => [&bytes[..cut], &bytes[end..]].concat(),
            Damage::Again => {
                let times = *random.one_of(&[2, 300, 20_000]);
                [&bytes[..cut], &bytes[cut..end].repeat(times), &bytes[end..]].concat()
            }
        };
        packed(&parts)
    }
}

const NUMBERS: [&str; 7] = [
    "",
    "0",
    "-1",
    "1048577",
    "2147483648",
    "4294967296",
    "99999999999999999999",
];

const BINARY_NUMBERS: [u32; 6] = [0, 1, 0xff, 1_048_577, 1 << 31, u32::MAX];

/// Returns where each tag begins and ends.
fn tags_of(bytes: &[u8]) -> Vec<(usize, usize)> {
    let starts = memchr::memchr_iter(b'<', bytes);
    let tags = starts.filter_map(|start| {
        let length = memchr::memchr(b'>', &bytes[start..])?;
        Some((start, start + length + 1))
    });
    tags.collect()
}

/// Returns where each attribute that is a number begins and ends.
fn numbers_of(bytes: &[u8]) -> Vec<(usize, usize)> {
    let quotes: Vec<usize> = memchr::memchr_iter(b'"', bytes).collect();
    let between = quotes.windows(2).map(|pair| (pair[0] + 1, pair[1]));
    between
        .filter(|(start, end)| start < end && bytes[*start..*end].iter().all(u8::is_ascii_digit))
        .collect()
}

/// A register in XLSX, with shared texts, dates, and an area that is merged.
fn register() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let date = CellFormat::new().set_num_format("yyyy-mm-dd");
    let header = ["身份证号", "姓名", "救助类别", "在保状态", "开始日期"];
    for (column, name) in (0..).zip(header) {
        sheet.write_string(0, column, name).expect("a text");
    }
    let area = sheet.merge_range(2, 2, 3, 2, "低保", &CellFormat::new());
    area.expect("an area");
    for row in 1..=ROWS as u32 {
        let id = format!("44990119850505{row:04}");
        sheet.write_string(row, 0, id).expect("a text");
        sheet.write_string(row, 1, "张三").expect("a text");
        if row != 2 && row != 3 {
            sheet.write_string(row, 2, "低保").expect("a text");
        }
        sheet.write_string(row, 3, "在保").expect("a text");
        let written = sheet.write_number_with_format(row, 4, 45_000 + row, &date);
        written.expect("a number");
    }
    workbook.save_to_buffer().expect("a workbook")
}

fn parts_of(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let parts = (0..archive.len()).map(|index| {
        let mut part = archive.by_index(index).expect("a part");
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("readable");
        (part.name().expect("a name").into_owned(), content)
    });
    parts.collect()
}

/// Counts the rows, also those that are rejected.
#[derive(Default)]
struct Count(u64);

impl Tally<()> for Count {
    fn row(&mut self, (): &(), _: Place, _: Result<RowView<'_>, RowFault>) {
        self.0 += 1;
    }

    fn append(&mut self, (): &(), next: Self, _: u64, _: u64) {
        self.0 += next.0;
    }
}

fn rows_of(path: &Path) -> Result<u64, Faults> {
    let schema = include_bytes!("../../../../schemas/civil-affairs.assistance.json");
    let schema = ExportSchema::parse(Path::new("civil-affairs.assistance.json"), schema);
    let schema = schema.expect("the shipped schema");
    let mut rows = 0;
    for table in Export::open(path, 0, &schema, &ReadingChoice::default())? {
        let read = table.read::<_, Count>(Pass::DEFAULT, &(), &|_| {});
        rows += read?.tally.0;
    }
    Ok(rows)
}

#[test]
fn a_damaged_workbook_is_refused_by_name_or_loses_no_row() {
    let xlsx = register();
    let ods = as_ods(&xlsx).expect("readable");
    let xlsb = as_xlsb(&xlsx).expect("readable");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("名册");
    let mut random = Random(14);
    for (format, bytes) in [("XLSX", xlsx), ("ODS", ods), ("XLSB", xlsb)] {
        let write = |bytes: &[u8]| {
            let mut file = std::fs::File::create(&path).expect("writable");
            file.write_all(bytes).expect("writable");
        };
        write(&bytes);
        assert_eq!(rows_of(&path).expect("undamaged"), ROWS, "{format}");
        let parts = parts_of(&bytes);
        let sound = packed(&parts);
        let (mut read, mut refused) = (0, 0);
        for variant in 0..VARIANTS {
            let damage = DAMAGES[variant % DAMAGES.len()];
            // Some change nothing, such as a tag that a binary part does not have.
            const TRIES: usize = 200;
            let mut tries = (0..TRIES).map(|_| damage.done(parts.clone(), &mut random));
            let damaged = tries.find(|damaged| *damaged != sound);
            write(&damaged.unwrap_or_else(|| panic!("{format}: {damage:?} changes nothing")));
            match rows_of(&path) {
                Ok(rows) => {
                    read += 1;
                    assert!(
                        rows == ROWS || !damage.is_apparent(),
                        "{format} {variant} {damage:?}: {rows} rows"
                    );
                }
                Err(faults) => {
                    refused += 1;
                    for fault in faults.iter() {
                        let said = fault.render(Language::English);
                        assert!(said.contains("名册"), "{format} {variant}: {said}");
                        assert!(!said.contains("449901"), "{format} {variant}: {said}");
                    }
                }
            }
        }
        // The damage reaches the reader, and not everything is refused.
        assert!(
            read > VARIANTS / 10 && refused > VARIANTS / 4,
            "{format}: {read}, {refused}"
        );
    }
}
