//! Finds the person of a row. This is the first of two steps towards a token and
//! uses no key. The second step,
//! [`Tokeniser::token`](crate::tokeniser::Tokeniser::token), takes only the
//! [`NationalId`], so the way tokens are made can be replaced.

use std::collections::BTreeMap;

use crate::identity_check::IdentityCheck;
use crate::national_id::{CertificateTail, CheckedId, IdWarning, NationalId};
use crate::reject::{Reject, RejectReason};
use crate::scan::Cells;
use crate::scan::pass::{Place, RowFault, RowView};

/// A row whose ID number passed every check. It borrows the cells from the block
/// being read and allocates nothing.
pub struct IdentifiedRow<'v> {
    row: RowView<'v>,
    checked: CheckedId,
}

impl IdentifiedRow<'_> {
    /// Returns the person's ID number.
    pub fn id(&self) -> &NationalId {
        &self.checked.id
    }

    /// Returns the warning about the ID number, if any. The row is used anyway.
    pub fn warning(&self) -> Option<IdWarning> {
        self.checked.warning
    }

    /// Returns what follows the ID number in the number of the person's disability
    /// certificate.
    pub fn certificate(&self) -> Option<CertificateTail> {
        self.checked.certificate
    }

    /// Returns the row.
    pub fn row(&self) -> &RowView<'_> {
        &self.row
    }

    /// Copies the cells, so that the row outlives its block.
    pub fn into_owned(self) -> OwnedRow {
        OwnedRow {
            cells: self.row.to_cells(),
            id: self.checked.id,
            certificate: self.checked.certificate,
        }
    }
}

/// An identified row that owns its cells.
pub struct OwnedRow {
    /// The cells as bytes in the file's encoding.
    pub cells: Cells,
    /// The person's ID number.
    pub id: NationalId,
    /// What follows it in the number of the person's disability certificate.
    pub certificate: Option<CertificateTail>,
}

/// Checks a row and finds its person.
///
/// # Errors
/// The row as a reject, with the record and line number of `place`.
pub fn identify<'v>(
    check: &IdentityCheck,
    place: Place,
    row: Result<RowView<'v>, RowFault>,
) -> Result<IdentifiedRow<'v>, Reject> {
    let (row, checked) = check.check(place, row)?;
    Ok(IdentifiedRow { row, checked })
}

/// The rejects and warnings found while identifying the rows of a file or a part
/// of it.
#[derive(Debug, Default)]
pub struct IdentifyFindings {
    /// The rows rejected by [`IdentifyFindings::identify`], in file order.
    rejects: Vec<Reject>,
    /// Number of rejected rows by reason.
    rejected: BTreeMap<RejectReason, u64>,
    /// Number of rows with each warning, in the order of [`IdWarning::ALL`].
    id_warnings: [u64; IdWarning::ALL.len()],
}

impl IdentifyFindings {
    /// Identifies a row. Stores a reject and returns `None`; counts a warning.
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
                *self.rejected.entry(reject.reason).or_default() += 1;
                self.rejects.push(reject);
                None
            }
        }
    }

    /// Adds the counts of the rows that follow. Returns their rejects, with `records` and
    /// `lines` added to the record and line numbers. They are not kept, because memory
    /// must not grow with the number of rejects.
    pub fn append(
        &mut self,
        next: Self,
        records: u64,
        lines: u64,
    ) -> impl Iterator<Item = Reject> + use<> {
        for (reason, rows) in next.rejected {
            *self.rejected.entry(reason).or_default() += rows;
        }
        for (count, more) in self.id_warnings.iter_mut().zip(next.id_warnings) {
            *count += more;
        }
        next.rejects.into_iter().map(move |reject| Reject {
            record: reject.record + records,
            line: reject.line + lines,
            ..reject
        })
    }

    /// Returns the number of rejects in memory.
    #[cfg(test)]
    pub(crate) fn held_rejects(&self) -> usize {
        self.rejects.capacity()
    }

    /// Returns the number of rejected rows by reason.
    pub fn rejected(&self) -> &BTreeMap<RejectReason, u64> {
        &self.rejected
    }

    /// Returns each warning that occurred, with its number of rows.
    pub fn id_warnings(&self) -> impl Iterator<Item = (IdWarning, u64)> {
        let counted = IdWarning::ALL.into_iter().zip(self.id_warnings);
        counted.filter(|(_, rows)| *rows > 0)
    }
}
