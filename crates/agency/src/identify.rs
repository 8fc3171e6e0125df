//! From a row to the person it is about: the first of the two steps on the way
//! to a token. This step knows no key and no token. The second step,
//! [`Tokeniser::token`](crate::tokeniser::Tokeniser::token), takes the
//! [`NationalId`] alone, so another way of making tokens can replace it.

use crate::identity_check::IdentityCheck;
use crate::national_id::{CheckedId, IdWarning, NationalId};
use crate::reject::Reject;
use crate::scan::Cells;
use crate::scan::pass::{Place, RowFault, RowView};

/// A row whose ID number passed every check. It borrows the row's cells from
/// the block that is being read and allocates nothing.
pub struct IdentifiedRow<'v> {
    row: RowView<'v>,
    checked: CheckedId,
}

impl IdentifiedRow<'_> {
    /// The person's ID number.
    pub fn id(&self) -> &NationalId {
        &self.checked.id
    }

    /// What to warn of; the row is used all the same.
    pub fn warning(&self) -> Option<IdWarning> {
        self.checked.warning
    }

    /// The row as it was read.
    pub fn row(&self) -> &RowView<'_> {
        &self.row
    }

    /// The ID number and a copy of the cells, to keep when the block is gone.
    pub fn into_owned(self) -> OwnedRow {
        OwnedRow {
            cells: self.row.to_cells(),
            id: self.checked.id,
        }
    }
}

/// An identified row that was copied out of its block, to be evaluated.
pub struct OwnedRow {
    /// The cells as bytes in the file's encoding.
    pub cells: Cells,
    /// The person's ID number.
    pub id: NationalId,
}

/// Checks a row and finds whose it is.
///
/// # Errors
/// The row as a reject; its record and line count as `place` does.
pub fn identify<'v>(
    check: &IdentityCheck,
    place: Place,
    row: Result<RowView<'v>, RowFault>,
) -> Result<IdentifiedRow<'v>, Reject> {
    let (row, checked) = check.check(place, row)?;
    Ok(IdentifiedRow { row, checked })
}

/// What identifying the rows of one file, or of a part of it, found besides
/// persons.
#[derive(Debug, Default)]
pub struct IdentifyFindings {
    /// Rejected rows, in the order of the file.
    pub rejects: Vec<Reject>,
    /// Rows with each warning, in the order of [`IdWarning::ALL`].
    id_warnings: [u64; IdWarning::ALL.len()],
}

impl IdentifyFindings {
    /// Identifies a row. A reject is kept, a warning counted.
    pub fn identify<'v>(
        &mut self,
        check: &IdentityCheck,
        place: Place,
        row: Result<RowView<'v>, RowFault>,
    ) -> Option<IdentifiedRow<'v>> {
        match identify(check, place, row) {
            Ok(row) => {
                if let Some(warning) = row.warning() {
                    self.id_warnings[warning as usize] += 1;
                }
                Some(row)
            }
            Err(reject) => {
                self.rejects.push(reject);
                None
            }
        }
    }

    /// Adds the findings of the rows that follow, whose places count from
    /// `records` and `lines` on.
    pub fn append(&mut self, next: Self, records: u64, lines: u64) {
        let rejects = next.rejects.into_iter().map(|mut reject| {
            reject.record += records;
            reject.line += lines;
            reject
        });
        self.rejects.extend(rejects);
        for (count, more) in self.id_warnings.iter_mut().zip(next.id_warnings) {
            *count += more;
        }
    }

    /// The warnings that were given, each with its number of rows.
    pub fn id_warnings(&self) -> impl Iterator<Item = (IdWarning, u64)> {
        let counted = IdWarning::ALL.into_iter().zip(self.id_warnings);
        counted.filter(|(_, rows)| *rows > 0)
    }
}
