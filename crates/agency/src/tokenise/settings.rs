//! The settings for tokenising an export.

use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::schema::ExportSchema;
use jiff::civil::Date;

use super::evaluate::Keep;
use crate::case_parties::CaseParties;
use crate::register_token::RegisterTokeniser;
use crate::rejects_file::{ExportRejects, TableRejects};
use crate::scan::pass::Pass;
use crate::scan::{Advance, Export};
use crate::tokeniser::Tokeniser;

/// The settings for tokenising an export.
#[derive(Clone, Copy)]
pub struct Tokenising<'a> {
    /// The schema of the export.
    pub schema: &'a ExportSchema,
    /// The policy whose rules are evaluated.
    pub policy: &'a Policy,
    /// The round's as-of date.
    pub as_of: Date,
    /// The round's tokeniser.
    pub tokeniser: &'a Tokeniser,
    /// The tokeniser of the procuratorate's register, if its tokens are asked for too.
    pub register: Option<&'a RegisterTokeniser>,
    /// In pooled mode, the case parties. Rows of other persons are counted but not
    /// evaluated.
    pub probe: Option<&'a CaseParties>,
    /// Where the rejected rows are listed. `None`: they are only counted.
    pub rejects: Option<ExportRejects<'a>>,
    /// The pass with which rows are read. Both give the same result.
    pub pass: Pass,
    /// Called with how far the reading of the export has come.
    pub progress: &'a (dyn Fn(Advance) + Sync),
}

impl<'a> Tokenising<'a> {
    /// Creates the settings for an export of a round, without a probe and a rejects file.
    pub fn of(
        terms: &'a RoundTerms,
        planned: &'a PlannedExport,
        tokeniser: &'a Tokeniser,
        progress: &'a (dyn Fn(Advance) + Sync),
    ) -> Self {
        Tokenising {
            schema: &planned.schema,
            policy: &terms.policy,
            as_of: terms.as_of,
            tokeniser,
            register: None,
            probe: None,
            rejects: None,
            pass: Pass::DEFAULT,
            progress,
        }
    }

    /// Returns the rejects file for the rows of a table of the export.
    pub(super) fn rejects_of(&self, export: &Export) -> Option<TableRejects<'a>> {
        Some(self.rejects?.of_table(export))
    }

    /// Returns which of the evaluated rows are kept.
    pub(super) fn keep(&self) -> Keep {
        match self.probe {
            Some(_) => Keep::All,
            None => Keep::WithOutcome,
        }
    }
}
