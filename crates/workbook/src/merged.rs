//! Merged areas: several cells shown as one; the first cell holds the value.

use std::collections::BTreeMap;
use std::io::Read;

use memchr::memmem;

use crate::error::{Bound, Fault, Problem};
use crate::limits::{MOST_COLUMNS, MOST_MERGED_AREAS, MOST_ROWS};
use crate::reference::{Area, parse_area};
use crate::xml::{Scanner, Tag, Token};

/// The merged areas of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergedAreas {
    areas: Vec<Area>,
    overlapping: Vec<Area>,
}

impl MergedAreas {
    /// Returns the areas, sorted by first row and then by first column. No two of them
    /// overlap.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Returns the areas that overlap one of [`MergedAreas::areas`] and are left out
    /// there. Excel treats a file with such areas as damaged.
    pub fn overlapping(&self) -> &[Area] {
        &self.overlapping
    }

    /// Sorts the areas, and separates those that overlap.
    pub fn of(mut all: Vec<Area>) -> Self {
        all.sort_unstable();
        let mut merged = MergedAreas::default();
        // Areas by first column that reach the current row, and some that ended above
        // it: those are removed when the search meets them.
        let mut reaching: BTreeMap<u32, Area> = BTreeMap::new();
        'areas: for area in all {
            // No two of them share a column, so among those that begin further left
            // only the last can reach this far to the right.
            let overlapped = |reaching: &BTreeMap<u32, Area>| {
                let (_, other) = reaching.range(..=area.last_column).next_back()?;
                (other.last_column >= area.first_column).then_some(*other)
            };
            while let Some(other) = overlapped(&reaching) {
                if other.last_row >= area.first_row {
                    merged.overlapping.push(area);
                    continue 'areas;
                }
                reaching.remove(&other.first_column);
            }
            reaching.insert(area.first_column, area);
            merged.areas.push(area);
        }
        merged
    }
}

/// Searches a sheet for the word `mergeCell`. Most sheets have no merged areas, and
/// this search is as fast as unpacking: the XML need not be parsed.
pub(crate) fn mentions_merged_areas<R: Read>(mut source: R) -> Result<bool, Fault> {
    const NAME: &[u8] = b"mergeCell";
    let finder = memmem::Finder::new(NAME);
    let mut window = vec![0; 256 << 10];
    // The bytes kept from the last block, in case it ended inside the word.
    let mut kept = 0;
    loop {
        match source.read(&mut window[kept..]) {
            Ok(0) => return Ok(false),
            Ok(read) => {
                let filled = kept + read;
                if finder.find(&window[..filled]).is_some() {
                    return Ok(true);
                }
                kept = filled.min(NAME.len() - 1);
                window.copy_within(filled - kept..filled, 0);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Collects the merged areas from the tokens of a sheet. Their list is usually after the
/// rows, but is also found before them.
#[derive(Default)]
pub(crate) struct MergeList {
    areas: Vec<Area>,
    is_open: bool,
}

impl MergeList {
    /// Takes the start of an element. Elements inside the rows need not be passed.
    pub(crate) fn start(&mut self, tag: &Tag<'_>) -> Result<(), Fault> {
        match tag.local_name() {
            b"mergeCells" if tag.depth == 1 => self.is_open = !tag.is_empty,
            b"mergeCell" if self.is_open => {
                let mut reference = None;
                for attribute in tag.attributes() {
                    let attribute = attribute?;
                    if attribute.name == b"ref" {
                        reference = parse_area(attribute.text()?.as_bytes());
                    }
                }
                self.add(reference.ok_or(Problem::Reference)?)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the end of an element at this depth.
    pub(crate) fn end(&mut self, depth: usize) {
        self.is_open &= depth != 1;
    }

    pub(crate) fn add(&mut self, area: Area) -> Result<(), Fault> {
        if area.last_row > MOST_ROWS {
            return Err(Bound::Rows.into());
        }
        if area.last_column > MOST_COLUMNS {
            return Err(Bound::Columns.into());
        }
        if self.areas.len() == MOST_MERGED_AREAS {
            return Err(Bound::MergedAreas.into());
        }
        let is_one_cell = (area.first_row, area.first_column) == (area.last_row, area.last_column);
        if !is_one_cell {
            self.areas.push(area);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> MergedAreas {
        MergedAreas::of(self.areas)
    }
}

/// Reads the merged areas of a sheet.
pub(crate) fn read_merged_areas<R: Read>(source: R) -> Result<MergedAreas, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut list = MergeList::default();
    loop {
        match scanner.token()? {
            Token::Start(tag) => list.start(&tag)?,
            Token::End(depth) => list.end(depth),
            Token::Finished => return Ok(list.finish()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::MergedAreas;
    use crate::reference::Area;

    fn overlap(one: &Area, other: &Area) -> bool {
        one.first_row <= other.last_row
            && other.first_row <= one.last_row
            && one.first_column <= other.last_column
            && other.first_column <= one.last_column
    }

    #[test]
    fn many_overlapping_areas_are_sorted_out_quickly() {
        let area = |first_row, first_column, last_row, last_column| Area {
            first_row,
            first_column,
            last_row,
            last_column,
        };
        let tall = (1..=8_000).map(|column| area(1, 2 * column, 1_000_000, 2 * column));
        let wide = (2..=300_000).map(|row| area(row, 1, row, 16_384));
        let merged = MergedAreas::of(tall.chain(wide).collect());
        assert_eq!(merged.areas().len(), 8_000);
        assert_eq!(merged.overlapping().len(), 299_999);
    }

    proptest! {
        #[test]
        fn areas_are_sorted_and_overlapping_ones_are_separate(
            corners in prop::collection::vec((1_u32..30, 1_u32..30, 0_u32..6, 0_u32..6), 0..40)
        ) {
            let mut all: Vec<Area> = corners
                .into_iter()
                .map(|(first_row, first_column, rows, columns)| Area {
                    first_row,
                    first_column,
                    last_row: first_row + rows,
                    last_column: first_column + columns,
                })
                .collect();
            let merged = MergedAreas::of(all.clone());
            all.sort_unstable();
            let (mut areas, mut overlapping): (Vec<Area>, Vec<Area>) = Default::default();
            for area in all {
                match areas.iter().any(|other| overlap(&area, other)) {
                    true => overlapping.push(area),
                    false => areas.push(area),
                }
            }
            prop_assert_eq!(merged.areas(), areas);
            prop_assert_eq!(merged.overlapping(), overlapping);
        }
    }
}
