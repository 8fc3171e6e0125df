//! Merged areas below the header of a sheet: which cells get the value of an area, and
//! which rows have no ID number because it is merged with another row's.

use std::collections::BTreeSet;

use aidlink_policy::schema::ExportSchema;
use aidlink_workbook::{Area, MergedAreas};

use super::header::Header;

/// The ID cell of a row whose ID number is in a merged cell of another row. It is not the
/// row's own number: it would make one person of several.
pub(crate) const MERGED_ID_TEXT: &str = "#MERGED";

/// What the merged areas of a sheet mean for its rows.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// The areas whose value counts for all their rows.
    pub(super) filled: MergedAreas,
    /// The column of the ID number, from 1.
    id_column: u32,
    /// Rows, first and last, whose ID cell is merged with the one above. Sorted, without
    /// overlaps.
    without_id: Vec<(u32, u32)>,
}

impl Merging {
    /// Works out what the merged areas of a sheet mean.
    ///
    /// A value of a person's household (kind, status, district) counts for all rows of its
    /// area. An ID number, a name and a birth date belong to one row.
    pub(super) fn new(merged: &MergedAreas, header: &Header, schema: &ExportSchema) -> Self {
        let number = |column: usize| column as u32 + 1;
        let id_column = number(header.dialect.id_column);
        let columns = &header.columns.index;
        let fields = schema.fields.iter();
        let shared: BTreeSet<u32> = fields
            .filter(|field| !field.tells_persons_apart())
            .filter_map(|field| columns.get(&field.name).copied().map(number))
            .collect();
        let below = |area: &&Area| u64::from(area.first_row) >= header.body_line;
        let areas = merged.areas().iter().filter(below);
        let filled = areas
            .clone()
            .filter(|area| area.last_row > area.first_row && shared.contains(&area.first_column))
            .copied()
            .collect();
        // An area in one row is a title or a line of totals.
        let without_id = areas
            .filter(|area| area.first_column <= id_column && id_column <= area.last_column)
            .map(|area| (area.first_row + 1, area.last_row))
            .filter(|(first, last)| first <= last)
            .collect();
        Merging {
            filled: MergedAreas::of(filled),
            id_column,
            without_id,
        }
    }

    /// Returns whether the sheet is read as if it had no merged areas.
    pub(super) fn is_nothing(&self) -> bool {
        self.filled.areas().is_empty() && self.without_id.is_empty()
    }

    /// Returns the column of the ID number, from 1, if the row's ID cell is merged with
    /// another cell.
    pub(super) fn merged_id_of(&self, row: u32) -> Option<u32> {
        let after = self.without_id.partition_point(|(first, _)| *first <= row);
        let (_, last) = self.without_id.get(after.checked_sub(1)?)?;
        (row <= *last).then_some(self.id_column)
    }
}
