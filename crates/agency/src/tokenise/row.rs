//! A row of an export after tokenising: a token and outcomes.

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;

use crate::national_id::Sex;
use crate::tokeniser::Fingerprint;

/// One tokenised row.
pub(super) struct TokenisedRow {
    pub(super) token: Token,
    pub(super) fingerprint: Fingerprint,
    /// Outcomes, in the order of the policy's outcome rules on this export.
    pub(super) outcomes: Vec<Outcome>,
    /// The token of its person in the procuratorate's register, if it is asked for.
    pub(super) in_register: Option<[u8; Token::LENGTH]>,
    pub(super) listed: Listed,
}

/// The data of a row that the procuratorate's lists show.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The values of the schema's list fields, in schema order.
    pub fields: Vec<String>,
    /// The values of the fields for reviewers, in schema order.
    pub for_reviewers: Vec<String>,
    /// The sex that the ID number states.
    pub sex: Option<Sex>,
    /// The age in whole years at the as-of date.
    pub age: Option<i64>,
    /// Whether the person is a minor at the as-of date. A person of unknown age counts
    /// as one, because the minors' list is better protected.
    pub minor: bool,
    /// Names of the fields that could not be read.
    pub unreadable: Vec<String>,
    /// Positions in the schema of the fields that rules read and that have no value, in
    /// ascending order. Only of case rows for which the outcome of a rule is unknown.
    pub empty: Vec<usize>,
}
