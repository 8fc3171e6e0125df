//! Limits for workbooks. A file of a few kilobytes can unpack to gigabytes or repeat
//! one text millions of times; these limits stop that. Real registers stay far below
//! all of them.

/// Characters of a cell, counted as Excel counts (UTF-16 units); Excel's own limit.
pub const MOST_CELL_CHARACTERS: usize = 32_767;
/// Columns of a sheet (`XFD`); Excel's own limit.
pub const MOST_COLUMNS: u32 = 16_384;
/// Rows of a sheet; Excel's own limit.
pub const MOST_ROWS: u32 = 1_048_576;
/// Sheets of a workbook. Excel is limited only by memory; offices use a sheet per town.
pub const MOST_SHEETS: usize = 4_096;
/// Relationships of the workbook part: one for each sheet, and a few more.
pub const MOST_RELATIONSHIPS: usize = 2 * MOST_SHEETS;
/// Cell formats, and number formats that the file defines. Excel allows 65,490.
pub const MOST_STYLES: usize = 65_536;
/// Merged areas of a sheet: one for each row. Memory holds 16 bytes for each.
pub const MOST_MERGED_AREAS: usize = 1_048_576;
/// Total bytes of all shared strings, which stay in memory while sheets are read. A
/// million rows of ten columns without any repeated text take a third of this.
pub const MOST_SHARED_BYTES: usize = 1 << 30;
/// Number of shared strings; memory holds four more bytes for each. Enough for a
/// million rows of 32 columns without any repeated text.
pub const MOST_SHARED_STRINGS: usize = 1 << 25;
/// Bytes of the texts of one row, without shared strings. Memory holds them. Enough
/// for a thousand bytes in each column.
pub const MOST_ROW_BYTES: usize = 16 << 20;
/// Bytes of the texts that merged areas carry to later rows at one time, without
/// shared strings. Memory holds them.
pub const MOST_CARRIED_BYTES: usize = 16 << 20;

/// Depth of nested elements. Excel's own files stay below twenty.
pub const MOST_DEPTH: usize = 256;
/// Bytes of one tag, comment or text between two tags, and of a text that consists
/// of several such pieces. Memory holds them. The longest cell fits even if each
/// character is written as a numeric entity.
pub const MOST_TOKEN_BYTES: usize = 512 << 10;
/// Bytes of the name of an element, and of a stored attribute as written: the name
/// of a sheet, a path or a number format. Excel allows 31 characters in the name of
/// a sheet and 255 in a format.
pub const MOST_ATTRIBUTE_BYTES: usize = 2 << 10;

/// A part may unpack to this many times its size in the archive, beyond
/// [`ALWAYS_UNPACKED`]. Sheets of real exports stay below 50; deflate reaches 1,032.
pub const MOST_RATIO: u64 = 400;
/// Every part may unpack to this size, however small it is in the archive.
pub const ALWAYS_UNPACKED: u64 = 256 << 20;
/// The part of shared strings may unpack to this many times its size in the
/// archive, beyond [`ALWAYS_SHARED`]. The ratio is lower because memory holds the
/// strings. Texts without repetition stay below 20.
pub const MOST_SHARED_RATIO: u64 = 100;
/// The part of shared strings may unpack to this size, however small it is.
pub const ALWAYS_SHARED: u64 = 64 << 20;
/// Maximum unpacked size of a sheet. A sheet is read as a stream, so this limits
/// time and not memory. Enough for a million rows of 150 columns.
pub const MOST_SHEET_BYTES: u64 = 8 << 30;
/// Maximum unpacked size of the part of shared strings: texts and their XML tags.
pub const MOST_SHARED_PART_BYTES: u64 = 4 << 30;
/// Maximum unpacked size of any other part that is read. Styles grow to 100 MiB in
/// workbooks into which others were copied for years.
pub const MOST_OTHER_BYTES: u64 = 256 << 20;

/// What all parts that are read may unpack to together, however small the file
/// is; a larger file may unpack to [`MOST_RATIO`] times its size. A part counts
/// each time it is read: thousands of sheets may share one part, or lie over one
/// another in the archive.
pub const ALWAYS_TOGETHER: u64 = 1 << 30;

/// A caller may get this many times the size of the file as text, beyond
/// [`ALWAYS_WRITTEN`], when it asks for [`TextBudget::usual`].
pub const USUAL_TEXT_RATIO: u64 = 400;
/// The text that [`TextBudget::usual`] always allows.
pub const ALWAYS_WRITTEN: u64 = 256 << 20;
/// The text that [`TextBudget::usual`] allows at most, however large the file is:
/// the caller holds it. A million rows of 100 columns of 20 bytes.
pub const MOST_WRITTEN: u64 = 2 << 30;

/// The allowed unpacked size of a part, by its size in the archive.
#[derive(Clone, Copy)]
pub(crate) struct Unpacked {
    /// The allowed multiple of the packed size.
    ratio: u64,
    /// Allowed even if the part is smaller than that.
    always: u64,
    /// The maximum, however large the part is.
    most: u64,
}

impl Unpacked {
    pub(crate) const SHEET: Self = Unpacked {
        ratio: MOST_RATIO,
        always: ALWAYS_UNPACKED,
        most: MOST_SHEET_BYTES,
    };
    pub(crate) const SHARED_STRINGS: Self = Unpacked {
        ratio: MOST_SHARED_RATIO,
        always: ALWAYS_SHARED,
        most: MOST_SHARED_PART_BYTES,
    };
    pub(crate) const OTHER: Self = Unpacked {
        ratio: MOST_RATIO,
        always: ALWAYS_UNPACKED,
        most: MOST_OTHER_BYTES,
    };

    /// For the whole file, and all parts that are read.
    pub(crate) const TOGETHER: Self = Unpacked {
        ratio: MOST_RATIO,
        always: ALWAYS_TOGETHER,
        most: u64::MAX,
    };

    /// For a part of this size.
    pub(crate) fn allowed(self, packed: u64) -> u64 {
        let by_ratio = packed.saturating_mul(self.ratio);
        by_ratio.max(self.always).min(self.most)
    }
}

/// The total bytes of text that the cells of a sheet may have, with one byte for
/// each cell as a separator. A shared string counts in each cell that shows it, and
/// the value of a merged area in each cell that it fills: the size of the file
/// limits neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextBudget(u64);

impl TextBudget {
    /// Returns a budget of this many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        TextBudget(bytes)
    }

    /// What is usual for a file of this many bytes: what a packed text file of
    /// the size may unpack to, up to [`MOST_WRITTEN`].
    pub fn usual(file_bytes: u64) -> Self {
        let by_ratio = file_bytes.saturating_mul(USUAL_TEXT_RATIO);
        TextBudget(by_ratio.clamp(ALWAYS_WRITTEN, MOST_WRITTEN))
    }

    /// Returns the budget in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_SHARED_PART_BYTES, MOST_SHEET_BYTES, MOST_WRITTEN, TextBudget, Unpacked};

    #[test]
    fn unpacked_size_is_limited_by_ratio_and_by_the_kind_of_part() {
        for (kind, packed, allowed) in [
            (Unpacked::SHEET, 0, 256 << 20),
            (Unpacked::SHEET, 1 << 20, 400 << 20),
            (Unpacked::SHEET, u64::MAX, MOST_SHEET_BYTES),
            (Unpacked::SHARED_STRINGS, 254_000, 64 << 20),
            (Unpacked::SHARED_STRINGS, 1 << 20, 100 << 20),
            (Unpacked::SHARED_STRINGS, u64::MAX, MOST_SHARED_PART_BYTES),
            (Unpacked::OTHER, 1, 256 << 20),
            (Unpacked::OTHER, 1 << 30, 256 << 20),
        ] {
            assert_eq!(kind.allowed(packed), allowed, "{packed}");
        }
    }

    #[test]
    fn the_usual_budget_grows_with_the_file_up_to_what_can_be_held() {
        assert_eq!(TextBudget::usual(0).get(), 256 << 20);
        assert_eq!(TextBudget::usual(1 << 20).get(), 400 << 20);
        assert_eq!(TextBudget::usual(u64::MAX).get(), MOST_WRITTEN);
    }
}
