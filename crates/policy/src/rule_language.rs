//! The rule language: a SQL boolean expression, checked against the columns of
//! one export before any row is read.
//!
//! `parse` turns text into a typed [`Expression`] or a fault with its place;
//! agencies apply it to rows. Terms and aids are [`Combination`]s of the rules'
//! outcomes, which need no row.

mod combination;
mod parse;
mod tree;

pub use combination::{Combination, Negation};
pub use parse::{ExpressionFault, parse};
pub use tree::{
    Comparison, DERIVED_AGE, DERIVED_AS_OF, DERIVED_MINOR, DERIVED_SEX, Expression, Operand, Scope,
    ScopeColumn, moved,
};
