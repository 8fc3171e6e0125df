//! A row of an export after both steps: its person is a token, its facts are
//! outcomes.

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;

/// One row that became a token.
pub(super) struct TokenisedRow {
    pub(super) token: Token,
    /// Outcomes in the order of the policy's outcome rules on this export.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) listed: Listed,
}

/// What the procuratorate's lists show of its own row.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The schema's list fields, in the schema's order.
    pub fields: Vec<String>,
    /// Whether the person is a minor at the as-of date; a person whose age is
    /// not known counts as one, since a minors' list is the more protected.
    pub minor: bool,
    /// Fields of the row that could not be read.
    pub unreadable: Vec<String>,
}
