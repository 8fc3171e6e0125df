//! The checks that every row goes through: record, ID number and birth date.
//! Rejects depend only on these checks, so they do not reveal whether a person
//! matches a case.

use jiff::civil::Date;

use aidlink_faults::uniform_text::uniform;
use aidlink_policy::reading::DateEpoch;
use aidlink_policy::schema::{ExportSchema, Role};

use crate::cell::date::stated_day;
use crate::error_value::MERGED_TEXT;
use crate::national_id::{CheckedId, IdFault, InCertificate, NationalId};
use crate::reject::{Reject, RejectReason};
use crate::scan::pass::{Place, RowFault, RowView};
use crate::scan::{Encoding, Export};

/// The checks for the rows of one file.
pub struct IdentityCheck {
    as_of: Date,
    encoding: Encoding,
    epoch: DateEpoch,
    /// Column of the birth date, if the file has one.
    birth_date: Option<usize>,
    /// Columns with the number of a certificate, which contains the ID number.
    certificates: Vec<usize>,
}

impl IdentityCheck {
    /// Creates the checks for the rows of `export`.
    pub fn new(export: &Export, schema: &ExportSchema, as_of: Date) -> Self {
        let columns = export.columns();
        let birth_date = schema
            .fields
            .iter()
            .find(|field| field.role == Role::BirthDate)
            .and_then(|field| columns.index.get(&field.name).copied());
        IdentityCheck {
            as_of,
            encoding: export.encoding(),
            epoch: export.epoch(),
            birth_date,
            certificates: columns.certificates.clone(),
        }
    }

    /// Returns the as-of date.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// Checks a row and returns it with its ID number.
    ///
    /// # Errors
    /// The row as a reject, with the record and line number of `place`.
    pub(crate) fn check<'v>(
        &self,
        place: Place,
        row: Result<RowView<'v>, RowFault>,
    ) -> Result<(RowView<'v>, CheckedId), Reject> {
        row.map_err(|fault| match fault {
            RowFault::FieldCount => RejectReason::FieldCount,
            RowFault::Quote => RejectReason::Quote,
            RowFault::LineBreak => RejectReason::LineBreak,
            RowFault::TooLong => RejectReason::TooLong,
        })
        .and_then(|row| self.check_id(&row).map(|checked| (row, checked)))
        .map_err(|reason| Reject {
            record: place.record,
            line: place.line,
            reason,
        })
    }

    fn check_id(&self, row: &RowView<'_>) -> Result<CheckedId, RejectReason> {
        let cell = row.id_cell();
        let mut checked = match NationalId::parse_plain(cell, self.as_of) {
            Some(checked) => checked,
            None if cell == MERGED_TEXT.as_bytes() => {
                return Err(RejectReason::Id(IdFault::Merged));
            }
            None => {
                let encoding = row.encoding(self.encoding, cell);
                let cell = encoding.decode(cell).ok_or(RejectReason::Encoding)?;
                NationalId::parse(&cell, self.as_of).map_err(RejectReason::Id)?
            }
        };
        if let Some(column) = self.birth_date
            && !checked.id.states_birth_date(row.cell(column))
            && let cell = row.cell(column)
            && let Some(cell) = row.encoding(self.encoding, cell).decode(cell)
            // An unreadable birth date is not a contradiction.
            && let Some(stated) = stated_day(&uniform(&cell), self.epoch)
            && let Some(birth) = checked.id.birth_date()
            && stated != birth
        {
            return Err(RejectReason::BirthDateContradicts);
        }
        let (mut stated, mut differ) = (None, false);
        for column in &self.certificates {
            match self.in_certificate(row, *column, &checked.id) {
                InCertificate::Another => return Err(RejectReason::CertificateContradicts),
                InCertificate::Own(Some(tail)) => {
                    differ |= stated.is_some_and(|before| before != tail);
                    stated = Some(tail);
                }
                InCertificate::Own(None) | InCertificate::None => {}
            }
        }
        // Two certificates that differ state nothing.
        checked.certificate = checked.certificate.or(stated.filter(|_| !differ));
        Ok(checked)
    }

    /// Returns what the cell of a certificate's number says.
    fn in_certificate(&self, row: &RowView<'_>, column: usize, id: &NationalId) -> InCertificate {
        let cell = row.cell(column);
        if cell.is_empty() {
            return InCertificate::None;
        }
        id.plain_certificate(cell).unwrap_or_else(|| {
            let cell = row.encoding(self.encoding, cell).decode(cell);
            cell.map_or(InCertificate::None, |cell| {
                id.in_certificate(&cell, self.as_of)
            })
        })
    }
}
