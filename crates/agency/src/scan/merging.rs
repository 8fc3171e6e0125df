//! Merged areas of a sheet: what they mean for the cells below its header.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use aidlink_policy::schema::ExportSchema;
use aidlink_workbook::{Area, MergedAreas};

use super::header::Header;

/// What the merged areas of a sheet mean for its rows. Columns count from 1.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// The areas whose value counts for all their rows, in their first column.
    pub(super) filled: MergedAreas,
    /// The areas with cells that have no value of their own, although a field reads them.
    covering: Vec<Area>,
    /// The columns of fields.
    of_fields: BTreeSet<u32>,
    id_column: u32,
    /// The columns of each field whose header is merged over several.
    of_wide_headers: Vec<RangeInclusive<u32>>,
    /// The first line below the header.
    body_line: u64,
}

impl Merging {
    /// Works out what the merged areas of a sheet mean.
    ///
    /// A value of a person's household (kind, status, district) counts for all rows of its
    /// area. An ID number, a name and a birth date belong to one row. Whether a value counts
    /// for several columns too, nobody knows.
    pub(super) fn new(merged: &MergedAreas, header: &Header, schema: &ExportSchema) -> Self {
        let number = |column: usize| column as u32 + 1;
        let id_column = number(header.dialect.id_column);
        let columns = &header.columns.index;
        let fields = schema.fields.iter();
        let mut shared: BTreeSet<u32> = fields
            .filter(|field| !field.tells_persons_apart())
            .filter_map(|field| columns.get(&field.name).copied().map(number))
            .collect();
        let of_fields: BTreeSet<u32> = columns.values().copied().map(number).collect();
        let is_header = |area: &&Area| {
            u64::from(area.last_row) + 1 == header.body_line
                && of_fields.contains(&area.first_column)
        };
        // A column that has a header of its own all the same is another one.
        let has_header = |column: &u32| {
            let headers = &header.columns.headers;
            let own = headers.get(*column as usize - 1);
            own.is_some_and(|header| !header.is_empty())
        };
        let headers = merged.areas().iter().filter(is_header);
        let of_wide_headers: Vec<RangeInclusive<u32>> = headers
            .map(|area| {
                let mut others = area.first_column + 1..=area.last_column;
                let next = others.find(has_header);
                area.first_column..=next.map_or(area.last_column, |next| next - 1)
            })
            .filter(|columns| columns.start() < columns.end())
            .collect();
        for columns in &of_wide_headers {
            if shared.contains(columns.start()) {
                shared.extend(columns.clone());
            }
        }
        let below = |area: &&Area| u64::from(area.first_row) >= header.body_line;
        let areas = merged.areas().iter().filter(below);
        let filled = areas
            .clone()
            .filter(|area| area.last_row > area.first_row && shared.contains(&area.first_column))
            .copied()
            .collect();
        let covers = |area: &&Area| {
            let covered = area.first_column + 1..=area.last_column;
            let has_fields = !covered.is_empty() && of_fields.range(covered).next().is_some();
            has_fields || (area.first_column == id_column && area.last_row > area.first_row)
        };
        Merging {
            filled: MergedAreas::of(filled),
            covering: areas.filter(covers).copied().collect(),
            of_fields,
            id_column,
            of_wide_headers,
            body_line: header.body_line,
        }
    }

    /// Returns what the merged areas of a sheet without a schema mean: the value counts for
    /// all rows in the first column of an area. Whether it counts for further columns too,
    /// nobody knows.
    pub(super) fn of_all_columns(merged: &MergedAreas) -> Self {
        let areas = merged.areas().iter();
        let wide = areas
            .clone()
            .filter(|area| area.first_column < area.last_column);
        let tall = areas.filter(|area| area.first_row < area.last_row);
        let columns = wide
            .clone()
            .flat_map(|area| [area.first_column, area.last_column]);
        let last = columns.max().unwrap_or(0);
        Merging {
            filled: MergedAreas::of(tall.copied().collect()),
            covering: wide.copied().collect(),
            of_fields: (1..=last).collect(),
            ..Merging::default()
        }
    }

    /// Returns whether the sheet is read as if it had no merged areas.
    pub(super) fn is_nothing(&self) -> bool {
        self.filled.areas().is_empty()
            && self.covering.is_empty()
            && self.of_wide_headers.is_empty()
    }

    /// Adds the columns of fields whose cells in a row are covered by an area.
    fn add_covered(&self, area: &Area, row: u32, columns: &mut Vec<u32>) {
        if area.first_column < area.last_column {
            columns.extend(
                self.of_fields
                    .range(area.first_column + 1..=area.last_column),
            );
        }
        if area.first_column == self.id_column && area.first_row < row {
            columns.push(self.id_column);
        }
    }

    /// Returns the first column of the field whose header is merged over this column too, if
    /// the row is below the header.
    pub(super) fn wide_header_over(&self, row: u32, column: u32) -> Option<u32> {
        let is_below = u64::from(row) >= self.body_line;
        let mut wide = self.of_wide_headers.iter().filter(|_| is_below);
        wide.find(|columns| columns.contains(&column))
            .map(|columns| *columns.start())
    }
}

/// The cells of fields that are covered by a merged area with a value. Cells with a value
/// must be passed in order.
pub(super) struct Covered<'m> {
    merging: &'m Merging,
    /// The areas that begin after the current cell.
    ahead: &'m [Area],
    /// The areas with a value that reach the current row.
    reaching: Vec<Area>,
    /// The columns of the covered cells after the current cell of the row, from right to
    /// left.
    columns: Vec<u32>,
}

impl<'m> Covered<'m> {
    pub(super) fn new(merging: &'m Merging) -> Self {
        Covered {
            merging,
            ahead: &merging.covering,
            reaching: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Begins a row, after [`Covered::next_before`] has returned all columns of the row
    /// before.
    pub(super) fn begin_row(&mut self, row: u32) {
        self.reaching.retain(|area| area.last_row >= row);
        for area in &self.reaching {
            self.merging.add_covered(area, row, &mut self.columns);
        }
        self.columns.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Returns the next column with a covered cell before another column.
    pub(super) fn next_before(&mut self, column: u32) -> Option<u32> {
        self.columns.pop_if(|covered| *covered < column)
    }

    /// Takes a cell that has a value of its own, after those before it.
    pub(super) fn pass(&mut self, row: u32, column: u32) {
        self.columns.pop_if(|covered| *covered == column);
        let place = |area: &Area| (area.first_row, area.first_column);
        let passed = |area: &Area| place(area) < (row, column);
        self.ahead = &self.ahead[self.ahead.partition_point(passed)..];
        if let Some(area) = self
            .ahead
            .first()
            .filter(|area| place(area) == (row, column))
        {
            self.reaching.push(*area);
            self.merging.add_covered(area, row, &mut self.columns);
            self.columns.sort_unstable_by(|one, other| other.cmp(one));
        }
    }
}
