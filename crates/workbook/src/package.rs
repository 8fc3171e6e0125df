//! The package of a workbook: an archive of parts, and the relationships between
//! parts (ECMA-376-2). Part names are compared without case, and some writers use
//! backslashes in them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::error::{BeyondSize, Bound, Fault, OtherFile, Place, Problem, WorkbookError};
use crate::limits::{MOST_ATTRIBUTE_BYTES, MOST_RELATIONSHIPS, Unpacked};
use crate::xml::{Attribute, Scanner, Token};

const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The list of parts of an OpenDocument file.
const OPEN_DOCUMENT_MANIFEST: &str = "META-INF/manifest.xml";

/// The format of the parts of a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkbookFormat {
    /// XML (ECMA-376).
    Xlsx,
    /// Binary records (\[MS-XLSB\]). The package and its relationships are those of XLSX.
    Xlsb,
}

/// An opened archive.
pub(crate) struct Package<R> {
    archive: ZipArchive<BufReader<R>>,
    /// The index in the archive by name; `None` if two parts have the name.
    parts: HashMap<String, Option<usize>>,
    pub(crate) byte_length: u64,
    /// What all parts together may still unpack to.
    together: Allowance,
}

/// A relationship from the workbook to another part.
#[derive(Debug, Default)]
pub(crate) struct Relationship {
    pub(crate) id: String,
    /// The last segment of its type, which is the same in Transitional and Strict.
    pub(crate) kind: String,
    pub(crate) target: String,
}

impl<R: Read + Seek> Package<R> {
    /// Opens an archive.
    ///
    /// # Errors
    /// If the file cannot be read, is not an archive or is damaged.
    pub(crate) fn open(mut file: R) -> Result<Self, WorkbookError> {
        let byte_length = file
            .seek(SeekFrom::End(0))
            .and_then(|length| file.rewind().map(|()| length))
            .map_err(WorkbookError::Unreadable)?;
        let mut start = Vec::new();
        (&mut file)
            .take(8)
            .read_to_end(&mut start)
            .and_then(|_| file.rewind())
            .map_err(WorkbookError::Unreadable)?;
        if start.is_empty() {
            return Err(WorkbookError::Other(OtherFile::Empty));
        }
        if start == COMPOUND_FILE {
            let kind = kind_of_compound_file(file).map_err(WorkbookError::Unreadable)?;
            return Err(WorkbookError::Other(kind));
        }
        if !start.starts_with(b"PK\x03\x04") {
            return Err(WorkbookError::Other(OtherFile::Unknown));
        }
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
            ZipError::Io(error) => match Fault::from(error) {
                Fault::Unreadable(error) => WorkbookError::Unreadable(error),
                _ => WorkbookError::DamagedArchive,
            },
            _ => WorkbookError::DamagedArchive,
        })?;
        if archive.has_duplicate_names() {
            return Err(WorkbookError::PartTwice(None));
        }
        let mut parts = HashMap::with_capacity(archive.len());
        for (index, name) in archive.file_names().enumerate() {
            let Ok(name) = name else { continue };
            match parts.entry(as_key(&name)) {
                Entry::Vacant(place) => {
                    place.insert(Some(index));
                }
                Entry::Occupied(mut place) => *place.get_mut() = None,
            }
        }
        Ok(Package {
            archive,
            parts,
            byte_length,
            together: Allowance::new(Unpacked::TOGETHER.allowed(byte_length)),
        })
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.contains_key(&as_key(part))
    }

    /// Opens a part; `unpacked` limits its unpacked size.
    ///
    /// # Errors
    /// If there is no such part, there are two, or it is encrypted.
    pub(crate) fn part(
        &mut self,
        part: &str,
        unpacked: Unpacked,
    ) -> Result<Part<'_, BufReader<R>>, WorkbookError> {
        let place = *self
            .parts
            .get(&as_key(part))
            .ok_or_else(|| WorkbookError::NoPart(part.to_owned()))?;
        let index = place.ok_or_else(|| WorkbookError::PartTwice(Some(part.to_owned())))?;
        let is_encrypted = self
            .archive
            .by_index_data(index)
            .is_ok_and(|entry| entry.encrypted());
        if is_encrypted {
            return Err(WorkbookError::Other(OtherFile::Protected));
        }
        let inner = self.archive.by_index(index).map_err(|error| {
            let fault = match error {
                ZipError::Io(error) => Fault::from(error),
                ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
                    Problem::Packing.into()
                }
                _ => Problem::Damaged.into(),
            };
            fault.at(Place::of_part(part))
        })?;
        let own = Allowance::new(unpacked.allowed(inner.compressed_size()));
        Ok(Part {
            inner,
            own,
            together: &mut self.together,
        })
    }

    /// Returns the name of the workbook part, and the format.
    ///
    /// # Errors
    /// If this is not an XLSX or XLSB workbook.
    pub(crate) fn workbook_part(&mut self) -> Result<(String, WorkbookFormat), WorkbookError> {
        if self.is_open_document() {
            return Err(WorkbookError::Other(OtherFile::OpenDocument));
        }
        let mut found = None;
        if self.has("_rels/.rels") {
            let relationships = self.relationships_in("_rels/.rels")?;
            found = relationships
                .iter()
                .filter(|relationship| relationship.kind == "officeDocument")
                .find_map(|relationship| self.resolve("", &relationship.target));
        }
        let usual = ["xl/workbook.xml", "xl/workbook.bin"];
        let part = found
            .or_else(|| {
                let usual = usual.into_iter().find(|part| self.has(part));
                usual.map(str::to_owned)
            })
            .ok_or(WorkbookError::Other(OtherFile::Archive))?;
        let format = match part.to_ascii_lowercase().ends_with(".bin") {
            true => WorkbookFormat::Xlsb,
            false => WorkbookFormat::Xlsx,
        };
        Ok((part, format))
    }

    fn is_open_document(&self) -> bool {
        self.has("mimetype") && (self.has("content.xml") || self.has(OPEN_DOCUMENT_MANIFEST))
    }

    /// Checks that this is an OpenDocument spreadsheet that is not encrypted (ODF 1.3,
    /// part 2).
    ///
    /// # Errors
    /// If it is another file or an encrypted one, or its list of parts is damaged.
    pub(crate) fn check_open_document(&mut self) -> Result<(), WorkbookError> {
        let has_manifest = self.has(OPEN_DOCUMENT_MANIFEST);
        if !has_manifest && !self.is_open_document() {
            return Err(WorkbookError::Other(OtherFile::Archive));
        }
        if has_manifest && self.lists_an_encrypted_part()? {
            return Err(WorkbookError::Other(OtherFile::Protected));
        }
        if self.has("mimetype") {
            let mut kind = Vec::new();
            let part = self.part("mimetype", Unpacked::OTHER)?;
            part.take(MOST_ATTRIBUTE_BYTES as u64)
                .read_to_end(&mut kind)
                .map_err(|error| Fault::from(error).at(Place::of_part("mimetype")))?;
            // Templates have a longer type.
            if !kind
                .trim_ascii_start()
                .starts_with(b"application/vnd.oasis.opendocument.spreadsheet")
            {
                return Err(WorkbookError::Other(OtherFile::OtherOpenDocument));
            }
        }
        Ok(())
    }

    /// Returns whether the list of parts of an OpenDocument file says how one of them is
    /// encrypted. A file is encrypted part by part, or as one part with all others inside.
    fn lists_an_encrypted_part(&mut self) -> Result<bool, WorkbookError> {
        let source = self.part(OPEN_DOCUMENT_MANIFEST, Unpacked::OTHER)?;
        let search = |source| -> Result<bool, Fault> {
            let mut scanner = Scanner::new(source)?;
            loop {
                match scanner.token()? {
                    Token::Start(tag) if tag.local_name() == b"encryption-data" => return Ok(true),
                    Token::Finished => return Ok(false),
                    _ => {}
                }
            }
        };
        search(source).map_err(|fault| fault.at(Place::of_part(OPEN_DOCUMENT_MANIFEST)))
    }

    /// Returns the relationships of a part; empty if it has none.
    pub(crate) fn relationships_of(
        &mut self,
        part: &str,
    ) -> Result<Vec<Relationship>, WorkbookError> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let part = format!("{folder}/_rels/{name}.rels");
        match self.has(&part) {
            true => self.relationships_in(part.trim_start_matches('/')),
            false => Ok(Vec::new()),
        }
    }

    fn relationships_in(&mut self, part: &str) -> Result<Vec<Relationship>, WorkbookError> {
        let source = self.part(part, Unpacked::OTHER)?;
        read_relationships(source).map_err(|fault| fault.at(Place::of_part(part)))
    }

    /// Returns the part that a relationship target names. A target is relative to the
    /// folder or absolute; some writers make it relative to the root. `None` if there
    /// is no such part.
    pub(crate) fn resolve(&self, folder: &str, target: &str) -> Option<String> {
        let target = target.replace('\\', "/");
        let target = target.as_str();
        let unescaped = without_percents(target);
        [Some(target), unescaped.as_deref()]
            .into_iter()
            .flatten()
            .flat_map(|target| [joined(folder, target), joined("", target)])
            .find(|part| self.has(part))
    }
}

fn read_relationships<R: Read>(source: R) -> Result<Vec<Relationship>, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut relationships = Vec::new();
    loop {
        match scanner.token()? {
            Token::Start(tag) if tag.local_name() == b"Relationship" => {
                let mut relationship = Relationship::default();
                let mut is_external = false;
                for attribute in tag.attributes() {
                    let attribute = attribute?;
                    match attribute.name {
                        b"Id" => relationship.id = owned_value(&attribute)?,
                        b"Type" => {
                            let kind = owned_value(&attribute)?;
                            relationship.kind =
                                kind.rsplit('/').next().unwrap_or_default().to_owned();
                        }
                        b"Target" => relationship.target = owned_value(&attribute)?,
                        b"TargetMode" => is_external = attribute.raw == b"External",
                        _ => {}
                    }
                }
                if relationships.len() == MOST_RELATIONSHIPS {
                    return Err(Bound::Relationships.into());
                }
                if !is_external {
                    relationships.push(relationship);
                }
            }
            Token::Finished => return Ok(relationships),
            _ => {}
        }
    }
}

/// Returns the value of an attribute that is stored, within its limit.
pub(crate) fn owned_value(attribute: &Attribute<'_>) -> Result<String, Fault> {
    if attribute.raw.len() > MOST_ATTRIBUTE_BYTES {
        return Err(Bound::AttributeBytes.into());
    }
    Ok(attribute.text()?.into_owned())
}

fn as_key(name: &str) -> String {
    let name = name.replace('\\', "/");
    let mut name = name.as_str();
    while let Some(rest) = name.strip_prefix('/').or_else(|| name.strip_prefix("./")) {
        name = rest;
    }
    name.to_lowercase()
}

/// Joins a folder and a target, and resolves `.` and `..`.
fn joined(folder: &str, target: &str) -> String {
    let mut pieces: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').collect(),
    };
    for piece in target.split('/') {
        match piece {
            ".." => {
                pieces.pop();
            }
            "." => {}
            piece => pieces.push(piece),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.join("/")
}

/// Decodes percent escapes: a target is a URI. `None` if it has none or they are
/// wrong.
fn without_percents(target: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (first, rest) = target.split_once('%')?;
    bytes.extend_from_slice(first.as_bytes());
    for piece in rest.split('%') {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Bytes that may be unpacked, and how many of them are left.
#[derive(Clone, Copy)]
struct Allowance {
    limit: u64,
    left: u64,
}

impl Allowance {
    fn new(limit: u64) -> Self {
        Allowance { limit, left: limit }
    }

    /// Takes bytes off; `None` when there are not as many left.
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes as u64)?;
        Some(())
    }
}

/// A part as it unpacks, which ends in an error beyond its bound and beyond the
/// bound of all parts. At its end the checksum is compared.
pub(crate) struct Part<'p, R: Read> {
    inner: ZipFile<'p, R>,
    own: Allowance,
    together: &'p mut Allowance,
}

impl<R: Read> Read for Part<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let beyond = |bound| io::Error::other(BeyondSize(bound));
        self.own
            .take(read)
            .ok_or_else(|| beyond(Bound::PartBytes(self.own.limit)))?;
        self.together
            .take(read)
            .ok_or_else(|| beyond(Bound::PartsTogether(self.together.limit)))?;
        Ok(read)
    }
}

/// Returns the kind of a compound file by the names in its directory ([MS-CFB]
/// 2.6.1). Directory entries are 128 bytes long and begin at multiples of 128, so
/// the whole file is searched for them.
fn kind_of_compound_file<R: Read>(file: R) -> io::Result<OtherFile> {
    let mut file = BufReader::new(file);
    let mut entry = [0; 128];
    let (mut is_package, mut is_managed, mut is_xls) = (false, false, false);
    loop {
        match file.read_exact(&mut entry) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        match name_of_entry(&entry).as_deref() {
            Some("EncryptedPackage") => is_package = true,
            // Names that a rights service adds ([MS-OFFCRYPTO] 2.2.4).
            Some("DRMEncryptedDataSpace" | "DRMEncryptedTransform" | "\tDRMContent") => {
                is_managed = true;
            }
            Some("Workbook" | "Book") => is_xls = true,
            _ => {}
        }
    }
    Ok(match (is_managed, is_package, is_xls) {
        (true, ..) => OtherFile::RightsManaged,
        (_, true, _) => OtherFile::Protected,
        (.., true) => OtherFile::Xls,
        _ => OtherFile::CompoundFile,
    })
}

fn name_of_entry(entry: &[u8; 128]) -> Option<String> {
    // The length in bytes includes the zero at the end.
    let length = usize::from(u16::from_le_bytes([entry[64], entry[65]]));
    if !(4..=64).contains(&length) || length % 2 == 1 {
        return None;
    }
    let units = entry[..length - 2].chunks_exact(2);
    let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};

    use super::{Allowance, Package, Part, as_key, joined, without_percents};
    use crate::error::{Bound, Fault};
    use crate::limits::Unpacked;

    #[test]
    fn reading_stops_at_the_limit_of_a_part() {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        archive.start_file("part", options).expect("a name");
        archive.write_all(&[b' '; 100_000]).expect("memory");
        let bytes = archive.finish().expect("memory").into_inner();
        for (most, is_within) in [(99_999, false), (100_000, true)] {
            let mut package = Package::open(Cursor::new(bytes.as_slice())).expect("an archive");
            let part = package.part("PART", Unpacked::OTHER).expect("the part");
            let mut part = Part {
                own: Allowance::new(most),
                ..part
            };
            let mut unpacked = Vec::new();
            let read = part.read_to_end(&mut unpacked);
            match read.map_err(Fault::from) {
                Ok(length) => assert!(is_within && length == 100_000),
                Err(Fault::Beyond(bound)) => {
                    assert_eq!(bound, Bound::PartBytes(99_999));
                    assert!(!is_within && unpacked.len() <= 99_999);
                }
                Err(fault) => panic!("{fault:?}"),
            }
        }
    }

    #[test]
    fn parts_that_are_read_again_and_again_end_at_the_bound_of_all_of_them() {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file("part", options).expect("a name");
        archive.write_all(&[b' '; 1000]).expect("memory");
        let bytes = archive.finish().expect("memory").into_inner();
        let mut package = Package::open(Cursor::new(bytes.as_slice())).expect("an archive");
        package.together = Allowance::new(2_500);
        let mut read = || {
            let mut part = package.part("part", Unpacked::OTHER).expect("the part");
            part.read_to_end(&mut Vec::new()).map_err(Fault::from)
        };
        assert!(matches!(read(), Ok(1000)) && matches!(read(), Ok(1000)));
        assert!(matches!(
            read(),
            Err(Fault::Beyond(Bound::PartsTogether(2_500)))
        ));
    }

    #[test]
    fn targets_are_resolved_as_writers_write_them() {
        for (folder, target, part) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            (
                "xl",
                "/xl/worksheets/sheet1.xml",
                "xl/worksheets/sheet1.xml",
            ),
            ("xl", "./a.xml", "xl/a.xml"),
            ("xl/deep", "../a.xml", "xl/a.xml"),
            ("xl", "../../../a.xml", "a.xml"),
            ("", "xl//workbook.xml", "xl/workbook.xml"),
        ] {
            assert_eq!(joined(folder, target), part, "{target}");
        }
        assert_eq!(as_key("\\XL\\Sheet1.XML"), "xl/sheet1.xml");
        assert_eq!(as_key("./xl/a.xml"), "xl/a.xml");
        assert_eq!(without_percents("a%20b%E4%B8%AD"), Some("a b中".to_owned()));
        for target in ["a", "a%2", "a%zz", "a%ff"] {
            assert_eq!(without_percents(target), None, "{target}");
        }
    }
}
