//! The rule language: SQL Boolean expressions that are checked against the
//! columns of an export before any row is read.
//!
//! [`parse()`] turns text into a typed [`Expression`], which agencies apply to
//! rows, or into faults with their offsets. Terms and aids are [`Combination`]s
//! of rule outcomes and need no rows.

mod combination;
mod parse;
mod tree;

pub use combination::{Combination, Negation, NodeBudget, TooLarge};
pub use parse::{ExpressionFault, names_in, parse};
pub use tree::{
    Comparison, DERIVED_AGE, DERIVED_AS_OF, DERIVED_MINOR, DERIVED_SEX, Expression, NamedValue,
    Operand, Scope, ScopeColumn, moved,
};
