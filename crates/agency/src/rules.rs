//! Rules applied to rows: the rule language evaluated column by column, and the
//! cases that rules and guarantees carry.

mod cases;
mod evaluate;
mod guarantees;

pub use cases::{CaseFailure, test_cases};
pub use evaluate::{EvaluationError, evaluate};
pub use guarantees::{Breach, Trial, TriedRow, try_guarantee};
