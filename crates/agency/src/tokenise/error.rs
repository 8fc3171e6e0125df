//! Errors of tokenising an export.

use std::path::Path;

use aidlink_contract::token_table::TableFault;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;

use super::spill::SpillFault;
use crate::rules::EvaluationError;
use crate::scan::Export;

/// The reason why an export could not be tokenised.
#[derive(Debug)]
pub enum TokeniseError {
    /// A rule could not be evaluated.
    Evaluation(EvaluationError),
    /// The token table is not valid, which is a bug.
    Table(TableFault),
    /// A file could not be read to its end.
    Unreadable(Fault),
    /// No row of the export could be used.
    NothingUsable(Fault),
    /// Tokens could not be written to a spill file or to the token file.
    Spill(SpillFault),
}

impl TokeniseError {
    /// Converts the error to faults of the export's first file.
    pub fn into_faults(self, exports: &[Export]) -> Faults {
        let path = exports.first().map(Export::path).unwrap_or(Path::new(""));
        let internal = |message: Text| {
            Fault::of_file(
                path,
                message,
                Text::new("请报告此问题", "please report this"),
            )
        };
        match self {
            TokeniseError::Evaluation(error) => internal(error.text()).into(),
            TokeniseError::Table(fault) => internal(fault.text()).into(),
            TokeniseError::NothingUsable(fault) | TokeniseError::Unreadable(fault) => fault.into(),
            TokeniseError::Spill(fault) => fault.into_fault(path).into(),
        }
    }
}
