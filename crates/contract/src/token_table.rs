//! Token tables: each row has a token and an outcome for each rule. This is
//! all that an agency sends to the centre about a person.

use jiff::civil::Date;

use crate::outcome::Outcome;
use crate::token::{Token, TokenAlgorithm};
use aidlink_faults::text::Text;

/// The export of case parties; its rows are the unit of screening.
pub const CASE_EXPORT: &str = "procuratorate.case-parties";

/// Where a token table comes from. Two tables can be joined only if their
/// round, as-of date, policy, key and algorithm are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The round's id.
    pub round: String,
    /// The as-of date at which the rules were evaluated.
    pub as_of: Date,
    /// The digest of the policy whose rules produced the outcomes.
    pub policy_digest: String,
    /// The id of the key that made the tokens; it reveals nothing about the key.
    pub key_id: String,
    /// The token algorithm.
    pub algorithm: TokenAlgorithm,
    /// The export's schema name.
    pub export: String,
    /// The day on which the agency took the export.
    pub snapshot: Date,
}

/// Why a token table was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableFault {
    /// The token in this row (from 0) is smaller than the one before it.
    Unsorted(usize),
    /// The token in this row (from 0) of a register's table repeats the one
    /// before it.
    RepeatedToken(usize),
    /// An outcome column and the token column differ in length.
    Length {
        /// The rule of the outcome column.
        rule: String,
    },
}

impl TableFault {
    /// Returns the message for a user.
    pub fn text(&self) -> Text {
        match self {
            TableFault::Unsorted(row) => Text::new(
                format!("令牌表未按令牌排序（第{row}行）"),
                format!("the token table is not sorted by token (row {row})"),
            ),
            TableFault::RepeatedToken(row) => Text::new(
                format!("令牌表中同一令牌出现两次（第{row}行）"),
                format!("a token appears twice in the token table (row {row})"),
            ),
            TableFault::Length { rule } => Text::new(
                format!("规则 {rule} 的结果列与令牌列长度不同"),
                format!("the outcome column of rule {rule} and the token column differ in length"),
            ),
        }
    }
}

/// A column of outcomes for each rule, with one outcome for each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeColumns(pub Vec<(String, Vec<Outcome>)>);

impl OutcomeColumns {
    /// Returns the outcomes of one rule, one for each row.
    pub fn of(&self, rule: &str) -> Option<&[Outcome]> {
        self.0
            .iter()
            .find(|(id, _)| id == rule)
            .map(|(_, outcomes)| outcomes.as_slice())
    }

    /// Checks that every column has `rows` outcomes.
    ///
    /// # Errors
    /// The first rule whose column has another length.
    pub fn check_lengths(&self, rows: usize) -> Result<(), TableFault> {
        match self.0.iter().find(|(_, outcomes)| outcomes.len() != rows) {
            Some((rule, _)) => Err(TableFault::Length { rule: rule.clone() }),
            None => Ok(()),
        }
    }
}

/// The token table of the case parties: one row for each case row, in token
/// order. A row's index is its reference: the centre refers to case rows by
/// it, and the procuratorate finds the row by tokenising its own export again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseTable {
    origin: Origin,
    tokens: Vec<Token>,
    outcomes: OutcomeColumns,
}

/// The token table of a register: one row for each person, in token order. A
/// person's outcomes are those of the person's rows combined by OR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterTable {
    origin: Origin,
    tokens: Vec<Token>,
    outcomes: OutcomeColumns,
}

impl CaseTable {
    /// Creates a table of case rows.
    ///
    /// # Errors
    /// When the tokens do not ascend (they may repeat) or a column's length differs.
    pub fn new(
        origin: Origin,
        tokens: Vec<Token>,
        outcomes: OutcomeColumns,
    ) -> Result<Self, TableFault> {
        if let Some(row) = tokens.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(TableFault::Unsorted(row + 1));
        }
        outcomes.check_lengths(tokens.len())?;
        Ok(CaseTable {
            origin,
            tokens,
            outcomes,
        })
    }

    /// Returns where the table comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the tokens in ascending order; a person with several case rows
    /// appears several times.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Returns the outcomes of each case row.
    pub fn outcomes(&self) -> &OutcomeColumns {
        &self.outcomes
    }
}

impl RegisterTable {
    /// Creates a table of a register's persons.
    ///
    /// # Errors
    /// When the tokens do not strictly ascend or a column's length differs.
    pub fn new(
        origin: Origin,
        tokens: Vec<Token>,
        outcomes: OutcomeColumns,
    ) -> Result<Self, TableFault> {
        if let Some(row) = tokens.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(if tokens[row] == tokens[row + 1] {
                TableFault::RepeatedToken(row + 1)
            } else {
                TableFault::Unsorted(row + 1)
            });
        }
        outcomes.check_lengths(tokens.len())?;
        Ok(RegisterTable {
            origin,
            tokens,
            outcomes,
        })
    }

    /// Returns where the table comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the tokens in strictly ascending order.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Returns the outcomes of each person.
    pub fn outcomes(&self) -> &OutcomeColumns {
        &self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            round: "2026Q3".into(),
            as_of: Date::constant(2026, 9, 30),
            policy_digest: "0".into(),
            key_id: "k".into(),
            algorithm: TokenAlgorithm::HmacSha256,
            export: "civil-affairs.assistance".into(),
            snapshot: Date::constant(2026, 9, 28),
        }
    }

    fn tokens(bytes: &[u8]) -> Vec<Token> {
        bytes.iter().map(|b| Token::from_bytes([*b; 16])).collect()
    }

    #[test]
    fn a_register_with_a_token_out_of_order_or_twice_is_refused() {
        let columns = OutcomeColumns::default;
        assert_eq!(
            RegisterTable::new(origin(), tokens(&[1, 3, 2]), columns()),
            Err(TableFault::Unsorted(2))
        );
        assert_eq!(
            RegisterTable::new(origin(), tokens(&[1, 3, 3]), columns()),
            Err(TableFault::RepeatedToken(2))
        );
        assert!(RegisterTable::new(origin(), tokens(&[1, 2, 3]), columns()).is_ok());
    }

    #[test]
    fn a_case_table_may_repeat_a_token_but_not_descend() {
        let columns = OutcomeColumns::default;
        assert!(CaseTable::new(origin(), tokens(&[1, 1, 2]), columns()).is_ok());
        assert_eq!(
            CaseTable::new(origin(), tokens(&[2, 1]), columns()),
            Err(TableFault::Unsorted(1))
        );
    }

    #[test]
    fn a_short_outcome_column_is_refused() {
        let columns = OutcomeColumns(vec![("dibao_receiving".into(), vec![Outcome::Yes])]);
        assert_eq!(
            CaseTable::new(origin(), tokens(&[1, 2]), columns),
            Err(TableFault::Length {
                rule: "dibao_receiving".into()
            })
        );
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", Token::from_bytes([7; 16])), "Token(..)");
    }
}
