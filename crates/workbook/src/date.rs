//! The day from which the dates of a workbook are counted.

/// The day from which a workbook counts its dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEpoch {
    /// 1 is 1900-01-01, and 60 is 1900-02-29, a day that did not exist.
    #[default]
    Year1900,
    /// 0 is 1904-01-01. Excel for the Macintosh used it before 2011.
    Year1904,
}
