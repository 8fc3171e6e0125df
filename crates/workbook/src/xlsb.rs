//! The parts of an XLSB workbook beside its sheets: the list of sheets, the styles and the
//! shared strings; and the merged areas of a sheet.

use std::io::Read;

use crate::date::DateEpoch;
use crate::error::Fault;
use crate::merged::{MergeList, MergedAreas};
use crate::reference::Area;
use crate::shared_strings::{SharedStrings, SharedTexts};
use crate::sheet::{Listed, ListedSheet, Visibility};
use crate::styles::{CellFormats, Styles};
use crate::xlsb_records::{Fields, Records};

/// The types of records (\[MS-XLSB\] 2.3).
pub(crate) mod kind {
    pub(crate) const SST_ITEM: u16 = 19;
    pub(crate) const FMT: u16 = 44;
    pub(crate) const XF: u16 = 47;
    pub(crate) const BEGIN_SHEET: u16 = 129;
    pub(crate) const END_SHEET: u16 = 130;
    pub(crate) const BEGIN_BOOK: u16 = 131;
    pub(crate) const END_BOOK: u16 = 132;
    pub(crate) const WB_PROP: u16 = 153;
    pub(crate) const BUNDLE_SH: u16 = 156;
    pub(crate) const BEGIN_SST: u16 = 159;
    pub(crate) const END_SST: u16 = 160;
    pub(crate) const MERGE_CELL: u16 = 176;
    pub(crate) const BEGIN_STYLE_SHEET: u16 = 278;
    pub(crate) const END_STYLE_SHEET: u16 = 279;
    pub(crate) const BEGIN_CELL_XFS: u16 = 617;
    pub(crate) const END_CELL_XFS: u16 = 618;
}

/// Reads the workbook part.
pub(crate) fn read_workbook<R: Read>(source: R) -> Result<Listed, Fault> {
    let mut records = Records::new(source, kind::BEGIN_BOOK, kind::END_BOOK)?;
    let mut listed = Listed::default();
    while let Some(mut record) = records.next()? {
        let fields = &mut record.fields;
        match record.kind {
            // Bit 0 of the flags.
            kind::WB_PROP if fields.u32()? & 1 == 1 => listed.date_epoch = DateEpoch::Year1904,
            kind::BUNDLE_SH => listed.add(read_sheet(fields)?)?,
            _ => {}
        }
    }
    Ok(listed)
}

fn read_sheet(fields: &mut Fields<'_>) -> Result<ListedSheet, Fault> {
    let visibility = match fields.u32()? {
        1 => Visibility::Hidden,
        2 => Visibility::VeryHidden,
        _ => Visibility::Visible,
    };
    let _id = fields.u32()?;
    let relationship = fields.optional_name()?.unwrap_or_default();
    Ok(ListedSheet {
        name: fields.name()?,
        visibility,
        relationship,
    })
}

/// Returns the number formats of the cell formats.
pub(crate) fn read_styles<R: Read>(source: R) -> Result<CellFormats, Fault> {
    let mut records = Records::new(source, kind::BEGIN_STYLE_SHEET, kind::END_STYLE_SHEET)?;
    let mut styles = Styles::default();
    let mut is_in_cell_formats = false;
    while let Some(mut record) = records.next()? {
        let fields = &mut record.fields;
        match record.kind {
            kind::FMT => {
                let id = fields.u16()?;
                styles.add_number_format(id.into(), &fields.name()?)?;
            }
            kind::BEGIN_CELL_XFS => is_in_cell_formats = true,
            kind::END_CELL_XFS => is_in_cell_formats = false,
            // The formats of named styles are records of this type too, and do not count.
            kind::XF if is_in_cell_formats => {
                let _parent = fields.u16()?;
                styles.add_cell_format(Some(fields.u16()?.into()))?;
            }
            _ => {}
        }
    }
    Ok(styles.formats())
}

/// Reads the shared strings. Ignores the count that the part states, and the formatting
/// and phonetic readings after each text.
pub(crate) fn read_shared_strings<R: Read>(source: R) -> Result<SharedStrings, Fault> {
    let mut records = Records::new(source, kind::BEGIN_SST, kind::END_SST)?;
    let mut texts = SharedTexts::default();
    while let Some(mut record) = records.next()? {
        if record.kind == kind::SST_ITEM {
            let _flags = record.fields.u8()?;
            record.fields.text(texts.begin()?)?;
            texts.end()?;
        }
    }
    texts.finish()
}

/// Reads the merged areas of a sheet.
pub(crate) fn read_merged_areas<R: Read>(source: R) -> Result<MergedAreas, Fault> {
    let mut records = Records::new(source, kind::BEGIN_SHEET, kind::END_SHEET)?;
    let mut merges = MergeList::default();
    while let Some(mut record) = records.next()? {
        if record.kind == kind::MERGE_CELL {
            merges.add(read_area(&mut record.fields)?)?;
        }
    }
    Ok(merges.finish())
}

/// Reads an area (`UncheckedRfX`, 2.5.154). Its rows and columns count from 0, and may be
/// in any order.
pub(crate) fn read_area(fields: &mut Fields<'_>) -> Result<Area, Fault> {
    let mut range = || -> Result<(u32, u32), Fault> {
        let (one, other) = (fields.u32()?, fields.u32()?);
        let number = |index: u32| index.saturating_add(1);
        Ok((number(one.min(other)), number(one.max(other))))
    };
    let ((first_row, last_row), (first_column, last_column)) = (range()?, range()?);
    Ok(Area {
        first_row,
        first_column,
        last_row,
        last_column,
    })
}
