//! Evaluates rules on rows, and runs the cases of rules and guarantees.

mod cases;
mod evaluate;
mod guarantees;

pub use cases::{CaseFailure, test_cases};
pub use evaluate::{EvaluationError, evaluate, evaluate_rules};
pub use guarantees::{Breach, Trial, TriedCell, TriedRow, try_guarantee};
