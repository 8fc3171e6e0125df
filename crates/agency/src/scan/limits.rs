//! How much of a file is read or held, and why no more. A crafted file of a few
//! kilobytes must not take all memory or run for hours, and no real export
//! comes near these bounds.

/// The bytes at the start of a file in which the header is searched.
pub(super) const HEAD: u64 = 1 << 20;
/// The header is among the first records: title lines above it are few.
pub(super) const FURTHEST_HEADER: usize = 30;
/// Bytes of a header's cell: it is a name and not a text.
pub(super) const LONGEST_HEADER: usize = 200;

/// Bytes of a record. A longer one is a reject, so that a file without line
/// breaks is not held whole.
pub(super) const LONGEST_RECORD: usize = 1 << 20;
/// Bytes of a quoted field. A longer one began with a stray quote, which would
/// take the rows behind it for its text.
pub(super) const LONGEST_QUOTED_FIELD: usize = 64 * 1024;

/// How many times its own size an archive may unpack to, where that is more
/// than [`ALWAYS_UNPACKED`]. Deflate reaches 1,032 at most, on one repeated
/// byte; real exports stay far below this bound.
pub(super) const LARGEST_RATIO: u64 = 400;
/// Bytes that every archive may unpack to, however small it is.
pub(super) const ALWAYS_UNPACKED: u64 = 256 << 20;
/// Bytes that a row group of a Parquet file may unpack to: its pages are held
/// together.
pub(super) const LARGEST_ROW_GROUP: i64 = 4 << 30;

/// Cells of a sheet's grid: a million rows of a hundred columns.
const LARGEST_GRID: u64 = 1 << 27;
/// Cells that every grid may have, however few are filled.
const ALWAYS_HELD: u64 = 1 << 22;
/// A larger grid may have this many cells for each cell that is filled.
const CELLS_A_FILLED_ONE: u64 = 64;

/// How many cells the grid of a sheet with so many filled cells may have. A sheet
/// is written out as a full grid up to its outermost cell, and the reader of XLS
/// holds it as one, so memory must grow with what the file holds: a table does,
/// one cell far out does not.
pub(super) fn largest_grid(filled_cells: u64) -> u64 {
    let for_filled = filled_cells.saturating_mul(CELLS_A_FILLED_ONE);
    LARGEST_GRID.min(ALWAYS_HELD.max(for_filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_grows_with_its_filled_cells_between_a_floor_and_a_ceiling() {
        for (filled, cells) in [
            (0, ALWAYS_HELD),
            (1, ALWAYS_HELD),
            (ALWAYS_HELD / 64, ALWAYS_HELD),
            (ALWAYS_HELD / 64 + 1, ALWAYS_HELD + 64),
            (LARGEST_GRID / 64, LARGEST_GRID),
            (LARGEST_GRID / 64 + 1, LARGEST_GRID),
            (u64::MAX, LARGEST_GRID),
        ] {
            assert_eq!(largest_grid(filled), cells, "{filled} filled cells");
        }
    }
}
