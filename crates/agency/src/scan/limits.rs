//! Limits on how much of a file is read or held in memory. They keep a crafted
//! file of a few kilobytes from using all memory or running for hours. No real
//! export comes near them.

/// Bytes at the start of a file that are searched for the header.
pub(super) const HEAD_BYTES: u64 = 1 << 20;
/// Records at the start of a file that are searched for the header.
pub(super) const HEADER_SEARCH_RECORDS: usize = 30;
/// Records below the header in which the usual number of fields is counted.
pub(super) const WIDTH_SEARCH_RECORDS: usize = 1000;
/// Maximum length of a header cell in bytes. A longer cell is text, not a column name.
pub(super) const MAX_HEADER_BYTES: usize = 200;

/// Maximum number of columns of a header, as in an XLSX sheet.
pub(super) const MAX_COLUMNS: usize = 16_384;

/// Maximum length of a record in bytes. A longer one is rejected, so that a file
/// without line breaks is never held in memory as a whole.
pub(super) const MAX_RECORD_BYTES: usize = 1 << 20;
/// Maximum length of a quoted field in bytes. A longer one must have begun with a
/// stray quote, which would swallow the rows after it.
const MAX_QUOTED_FIELD_BYTES: usize = 64 * 1024;

/// The limits on one record. Tests use small ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordLimits {
    /// Maximum length of a record in bytes.
    pub(super) record_bytes: usize,
    /// Maximum length of a quoted field in bytes.
    pub(super) quoted_field_bytes: usize,
}

impl RecordLimits {
    /// The limits on the records of an export.
    pub(super) const DEFAULT: RecordLimits = RecordLimits {
        record_bytes: MAX_RECORD_BYTES,
        quoted_field_bytes: MAX_QUOTED_FIELD_BYTES,
    };
}

/// Maximum ratio of unpacked to packed size of an archive or Parquet file that unpacks
/// to more than [`ALWAYS_UNPACKED_BYTES`]. Deflate reaches at most 1,032, on one
/// repeated byte; real exports stay far below this limit.
pub(super) const MAX_UNPACK_RATIO: u64 = 400;
/// Size in bytes to which any archive or Parquet file may unpack, however small it is.
pub(super) const ALWAYS_UNPACKED_BYTES: u64 = 256 << 20;

/// Maximum size of a workbook file in bytes. It is held in memory. A sheet of a million
/// rows takes about a tenth of this.
pub(super) const MAX_WORKBOOK_BYTES: u64 = 1 << 30;

/// Maximum number of cells in a sheet's grid, about a million rows of a hundred columns.
const MAX_GRID_CELLS: u64 = 1 << 27;
/// Number of cells that any grid may have, however few are filled.
const ALWAYS_ALLOWED_CELLS: u64 = 1 << 22;
/// Number of cells that a larger grid may have for each filled cell.
const CELLS_PER_FILLED_CELL: u64 = 64;

/// Returns how many cells the grid of a sheet may have, given its number of filled
/// cells. A sheet is written out as a full grid up to its outermost cell, and the XLS
/// reader holds it as one, so a single cell far outside the table must not decide how
/// much memory is used.
pub(super) fn largest_grid(filled_cells: u64) -> u64 {
    let for_filled = filled_cells.saturating_mul(CELLS_PER_FILLED_CELL);
    MAX_GRID_CELLS.min(ALWAYS_ALLOWED_CELLS.max(for_filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_grows_with_its_filled_cells_between_a_floor_and_a_ceiling() {
        for (filled, cells) in [
            (0, ALWAYS_ALLOWED_CELLS),
            (1, ALWAYS_ALLOWED_CELLS),
            (ALWAYS_ALLOWED_CELLS / 64, ALWAYS_ALLOWED_CELLS),
            (ALWAYS_ALLOWED_CELLS / 64 + 1, ALWAYS_ALLOWED_CELLS + 64),
            (MAX_GRID_CELLS / 64, MAX_GRID_CELLS),
            (MAX_GRID_CELLS / 64 + 1, MAX_GRID_CELLS),
            (u64::MAX, MAX_GRID_CELLS),
        ] {
            assert_eq!(largest_grid(filled), cells, "{filled} filled cells");
        }
    }
}
