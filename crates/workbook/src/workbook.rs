//! A workbook and its list of sheets; opens the rows of a sheet.

use std::io::{Read, Seek};

use crate::date::DateEpoch;
use crate::error::{Fault, Place, Problem, WorkbookError};
use crate::limits::{TextBudget, Unpacked};
use crate::merged::{MergedAreas, mentions_merged_areas, read_merged_areas};
use crate::package::{Package, WorkbookFormat, owned_value};
use crate::rows::Rows;
use crate::shared_strings::SharedStrings;
use crate::sheet::{Listed, ListedSheet, Sheet, SheetKind, Visibility};
use crate::styles::{CellFormats, read_styles};
use crate::xlsb;
use crate::xml::{Scanner, Tag, Token};

/// The number of rows with content in a sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCount {
    /// Rows in which at least one cell has a value.
    pub rows: u32,
    /// The number of the last such row, counted from 1; 0 if there is none.
    pub last: u32,
}

/// An open XLSX or XLSB workbook. Sheets are read on demand.
///
/// ```no_run
/// use std::fs::File;
///
/// use aidlink_workbook::{Fill, TextBudget, Workbook};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut workbook = Workbook::open(File::open("register.xlsx")?)?;
/// let merged = workbook.merged_areas(0)?;
/// let budget = TextBudget::usual(workbook.byte_length());
/// let mut rows = workbook.rows(0, budget)?.filled(&merged, Fill::Down);
/// while let Some(row) = rows.next_row()? {
///     for cell in row.cells() {
///         // row.number(), cell.column, cell.value
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Workbook<R> {
    package: Package<R>,
    format: WorkbookFormat,
    sheets: Vec<Sheet>,
    date_epoch: DateEpoch,
    styles_part: Option<String>,
    strings_part: Option<String>,
    /// `None` until the first sheet is read.
    shared: Option<Shared>,
}

/// The strings and formats to which the cells of all sheets refer.
struct Shared {
    strings: SharedStrings,
    formats: CellFormats,
}

impl<R: Read + Seek> Workbook<R> {
    /// Opens a workbook and reads its list of sheets.
    ///
    /// # Errors
    /// If the file cannot be read, is not an XLSX or XLSB workbook ([`WorkbookError::Other`]
    /// names its kind), is damaged or exceeds a limit.
    pub fn open(file: R) -> Result<Self, WorkbookError> {
        let mut package = Package::open(file)?;
        let (workbook_part, format) = package.workbook_part()?;
        let folder = workbook_part
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let relationships = package.relationships_of(&workbook_part)?;
        let source = package.part(&workbook_part, Unpacked::OTHER)?;
        let listed = match format {
            WorkbookFormat::Xlsx => read_workbook(source),
            WorkbookFormat::Xlsb => xlsb::read_workbook(source),
        };
        let listed = listed.map_err(|fault| fault.at(Place::of_part(&workbook_part)))?;
        let sheets = listed.sheets.into_iter().map(|sheet| {
            let relationship = relationships
                .iter()
                .find(|relationship| relationship.id == sheet.relationship);
            Sheet {
                name: sheet.name,
                visibility: sheet.visibility,
                kind: relationship.map_or(SheetKind::Other, |to| SheetKind::of(&to.kind)),
                part: relationship.and_then(|to| package.resolve(folder, &to.target)),
            }
        });
        let sheets = sheets.collect();
        let part_of_kind = |kind: &str| {
            relationships
                .iter()
                .filter(|to| to.kind == kind)
                .find_map(|to| package.resolve(folder, &to.target))
        };
        let (styles_part, strings_part) = (part_of_kind("styles"), part_of_kind("sharedStrings"));
        Ok(Workbook {
            format,
            sheets,
            date_epoch: listed.date_epoch,
            styles_part,
            strings_part,
            package,
            shared: None,
        })
    }

    /// Returns the format of the workbook.
    pub fn format(&self) -> WorkbookFormat {
        self.format
    }

    /// Returns the sheets in the order of their tabs.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// Returns the day from which the workbook counts its dates.
    pub fn date_epoch(&self) -> DateEpoch {
        self.date_epoch
    }

    /// Returns the size of the file in bytes.
    pub fn byte_length(&self) -> u64 {
        self.package.byte_length
    }

    /// Returns the merged areas of a sheet. The file lists them after the rows, so this
    /// reads the whole part; it is fast if there are none.
    ///
    /// # Errors
    /// If there is no such sheet, or its part is missing, damaged or wrong or exceeds a
    /// limit.
    pub fn merged_areas(&mut self, sheet: usize) -> Result<MergedAreas, WorkbookError> {
        let (sheet, part) = sheet_and_part(&self.sheets, sheet)?;
        let place = || Place {
            sheet: Some(sheet.name.clone()),
            ..Place::of_part(part)
        };
        let source = self.package.part(part, Unpacked::SHEET)?;
        if self.format == WorkbookFormat::Xlsb {
            return xlsb::read_merged_areas(source).map_err(|fault| fault.at(place()));
        }
        match mentions_merged_areas(source).map_err(|fault| fault.at(place()))? {
            true => {
                let source = self.package.part(part, Unpacked::SHEET)?;
                read_merged_areas(source).map_err(|fault| fault.at(place()))
            }
            false => Ok(MergedAreas::default()),
        }
    }

    /// Returns the rows of a sheet. The first call also reads the shared strings and
    /// the styles.
    ///
    /// # Errors
    /// If there is no such sheet, or a part is missing, damaged or wrong or exceeds a
    /// limit.
    pub fn rows(&mut self, sheet: usize, budget: TextBudget) -> Result<Rows<'_, R>, WorkbookError> {
        self.read_shared()?;
        let (sheet, part) = sheet_and_part(&self.sheets, sheet)?;
        let source = self.package.part(part, Unpacked::SHEET)?;
        // `read_shared` has set it.
        let shared = self.shared.get_or_insert_with(|| Shared {
            strings: SharedStrings::default(),
            formats: CellFormats::default(),
        });
        Rows::new(
            source,
            self.format,
            &shared.strings,
            &shared.formats,
            &sheet.name,
            part,
            budget,
        )
    }

    /// Counts the rows of a sheet that have content. Reads the part once and copies no
    /// shared string.
    ///
    /// # Errors
    /// Those of [`Workbook::rows`] and [`Rows::next_row`].
    pub fn count_rows(&mut self, sheet: usize) -> Result<RowCount, WorkbookError> {
        let mut count = RowCount::default();
        let mut rows = self.rows(sheet, TextBudget::bytes(u64::MAX))?;
        while let Some(row) = rows.next_row()? {
            count.rows += 1;
            count.last = row.number();
        }
        Ok(count)
    }

    fn read_shared(&mut self) -> Result<(), WorkbookError> {
        if self.shared.is_some() {
            return Ok(());
        }
        let formats = match &self.styles_part {
            Some(part) => {
                let source = self.package.part(part, Unpacked::OTHER)?;
                let formats = match self.format {
                    WorkbookFormat::Xlsx => read_styles(source),
                    WorkbookFormat::Xlsb => xlsb::read_styles(source),
                };
                formats.map_err(|fault| fault.at(Place::of_part(part)))?
            }
            None => CellFormats::default(),
        };
        let strings = match &self.strings_part {
            Some(part) => {
                let source = self.package.part(part, Unpacked::SHARED_STRINGS)?;
                let strings = match self.format {
                    WorkbookFormat::Xlsx => SharedStrings::read(source),
                    WorkbookFormat::Xlsb => xlsb::read_shared_strings(source),
                };
                strings.map_err(|fault| fault.at(Place::of_part(part)))?
            }
            None => SharedStrings::default(),
        };
        let formats = formats.of_epoch(self.date_epoch);
        self.shared = Some(Shared { strings, formats });
        Ok(())
    }
}

fn sheet_and_part(sheets: &[Sheet], index: usize) -> Result<(&Sheet, &str), WorkbookError> {
    let sheet = sheets.get(index).ok_or(WorkbookError::NoSheet(index))?;
    match &sheet.part {
        Some(part) => Ok((sheet, part)),
        None => Err(WorkbookError::NoPartOfSheet(sheet.name.clone())),
    }
}

fn read_workbook<R: Read>(source: R) -> Result<Listed, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut listed = Listed::default();
    let mut has_root = false;
    loop {
        match scanner.token()? {
            Token::Start(tag) => {
                let name = tag.local_name();
                if !has_root && name != b"workbook" {
                    return Err(Problem::OtherContent.into());
                }
                has_root = true;
                match name {
                    b"sheet" => listed.add(read_sheet(&tag)?)?,
                    b"workbookPr" => {
                        for attribute in tag.attributes() {
                            let attribute = attribute?;
                            if attribute.name == b"date1904"
                                && matches!(attribute.raw, b"1" | b"true" | b"on")
                            {
                                listed.date_epoch = DateEpoch::Year1904;
                            }
                        }
                    }
                    _ => {}
                }
            }
            Token::Finished => return Ok(listed),
            _ => {}
        }
    }
}

fn read_sheet(tag: &Tag<'_>) -> Result<ListedSheet, Fault> {
    let (mut name, mut relationship) = (String::new(), String::new());
    let mut visibility = Visibility::Visible;
    for attribute in tag.attributes() {
        let attribute = attribute?;
        match attribute.name {
            b"name" => name = owned_value(&attribute)?,
            b"state" => {
                visibility = match attribute.raw {
                    b"hidden" => Visibility::Hidden,
                    b"veryHidden" => Visibility::VeryHidden,
                    _ => Visibility::Visible,
                };
            }
            _ if attribute.is_prefixed(b"id") => relationship = owned_value(&attribute)?,
            _ => {}
        }
    }
    Ok(ListedSheet {
        name,
        visibility,
        relationship,
    })
}
