//! What a condition gives on a row.

/// What a condition gives on a row. The rule turns it into an outcome; see
/// [`Rule::outcome`](crate::pack::Rule::outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It rests on an empty cell.
    Empty,
    /// It rests on a cell that cannot be read, and perhaps on empty ones too.
    Unreadable,
}
