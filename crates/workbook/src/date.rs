//! The day from which numbers that stand for days count.

/// The day from which a workbook counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEpoch {
    /// 1 is 1900-01-01, and 60 is 1900-02-29, which was no day.
    #[default]
    Year1900,
    /// 0 is 1904-01-01: Excel on the Macintosh before 2011.
    Year1904,
}
