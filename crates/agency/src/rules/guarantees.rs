//! Checks guarantees: runs the withhold rules of a guarantee on its cases and, for
//! roles, on every code in the code list.

use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Text;
use aidlink_policy::pack::{
    CASE_AS_OF, CaseRow, Guarantee, Guaranteed, PassingCodes, Policy, Spot,
};
use aidlink_policy::value::Value;

use super::cases::outcome_of;
use super::evaluate::EvaluationError;

/// The result of checking a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Number of cases that were checked.
    pub cases: usize,
    /// Number of rows with a code and an age that were checked.
    pub codes: usize,
    /// Rows that pass but must be withheld, or are withheld but must pass.
    pub breaches: Vec<Breach>,
}

/// A row for which a guarantee does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The id of the guarantee.
    pub guarantee: String,
    /// Where the case or the guarantee is.
    pub at: Spot,
    /// The row.
    pub row: TriedRow,
    /// Whether the row must be withheld.
    pub must_be_withheld: bool,
}

/// The cell of a role with which a guarantee was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriedCell {
    /// A code.
    Code(String),
    /// An empty cell.
    Empty,
    /// A cell that cannot be read.
    Unreadable,
}

/// A row on which a guarantee was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriedRow {
    /// A case of the guarantee.
    Case,
    /// A row that has only a code and an age.
    Code {
        /// The column.
        column: String,
        /// The cell.
        cell: TriedCell,
        /// The age; `None` if it is unknown.
        age: Option<i64>,
    },
}

impl Breach {
    /// Returns the message for the user.
    pub fn text(&self) -> Text {
        let row = match &self.row {
            TriedRow::Case => Text::new(
                format!("第{}行的用例", self.at.line),
                format!("the case on line {}", self.at.line),
            ),
            TriedRow::Code { column, cell, age } => {
                let code = match cell {
                    TriedCell::Code(code) => Text::new(
                        format!("{column} 为 {code}"),
                        format!("a row with {column} {code}"),
                    ),
                    TriedCell::Empty => {
                        Text::new(format!("{column} 为空"), format!("a row without {column}"))
                    }
                    TriedCell::Unreadable => Text::new(
                        format!("{column} 无法读取"),
                        format!("a row with an unreadable {column}"),
                    ),
                };
                let age = match age {
                    Some(age) => Text::new(format!("{age}岁"), format!("aged {age}")),
                    None => Text::new("年龄不明", "of unknown age"),
                };
                Text::new(
                    format!("{}、{}的行", code.zh, age.zh),
                    format!("{}, {}", code.en, age.en),
                )
            }
        };
        let id = &self.guarantee;
        if self.must_be_withheld {
            Text::new(
                format!("保证“{id}”：{}应不予处理，但规则放行", row.zh),
                format!(
                    "guarantee `{id}`: {} must be withheld, but its rules let it pass",
                    row.en
                ),
            )
        } else {
            Text::new(
                format!("保证“{id}”：{}应放行，但规则不予处理", row.zh),
                format!(
                    "guarantee `{id}`: {} must pass, but its rules withhold it",
                    row.en
                ),
            )
        }
    }
}

/// Checks a guarantee on its cases. A guarantee of roles is also checked on every
/// code in the code list, on an empty cell and on one that cannot be read, at each of
/// its ages and without an age.
///
/// # Errors
/// If a rule cannot be evaluated; see [`EvaluationError`].
pub fn try_guarantee(policy: &Policy, guarantee: &Guarantee) -> Result<Trial, EvaluationError> {
    let mut trial = Trial {
        cases: 0,
        codes: 0,
        breaches: Vec::new(),
    };
    for case in &guarantee.cases {
        trial.cases += 1;
        if is_withheld(policy, guarantee, &case.row)? != case.withheld {
            trial.breaches.push(Breach {
                guarantee: guarantee.id.clone(),
                at: case.row.at.clone(),
                row: TriedRow::Case,
                must_be_withheld: case.withheld,
            });
        }
    }
    let Guaranteed::Role(codes) = &guarantee.of else {
        return Ok(trial);
    };
    for (cell, must_be_withheld) in cells_to_check(codes) {
        for age in codes.ages.iter().copied().map(Some).chain([None]) {
            trial.codes += 1;
            let column = codes.column.clone();
            let (columns, unreadable) = match &cell {
                TriedCell::Code(code) => (vec![(column, Value::String(code.clone()))], vec![]),
                TriedCell::Empty => (vec![], vec![]),
                TriedCell::Unreadable => (vec![], vec![column]),
            };
            let row = CaseRow {
                at: guarantee.at.clone(),
                columns,
                unreadable,
                age,
                sex: None,
                as_of: CASE_AS_OF,
            };
            if is_withheld(policy, guarantee, &row)? != must_be_withheld {
                trial.breaches.push(Breach {
                    guarantee: guarantee.id.clone(),
                    at: guarantee.at.clone(),
                    row: TriedRow::Code {
                        column: codes.column.clone(),
                        cell: cell.clone(),
                        age,
                    },
                    must_be_withheld,
                });
            }
        }
    }
    Ok(trial)
}

/// Returns each cell to check with whether it must be withheld.
fn cells_to_check(codes: &PassingCodes) -> impl Iterator<Item = (TriedCell, bool)> {
    let code = |code: &String| TriedCell::Code(code.clone());
    let withheld = codes.withheld.iter().map(code);
    let withheld = withheld.chain([TriedCell::Empty, TriedCell::Unreadable]);
    let passes = codes.passes.iter().map(code);
    withheld
        .map(|cell| (cell, true))
        .chain(passes.map(|cell| (cell, false)))
}

/// Returns whether any of the guarantee's rules gives yes.
fn is_withheld(
    policy: &Policy,
    guarantee: &Guarantee,
    row: &CaseRow,
) -> Result<bool, EvaluationError> {
    for rule in policy.rules_of(guarantee) {
        if outcome_of(rule, row)? == Outcome::Yes {
            return Ok(true);
        }
    }
    Ok(false)
}
