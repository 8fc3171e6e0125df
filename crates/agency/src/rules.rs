//! Rules applied to rows: the rule language evaluated column by column, and the
//! cases that rules carry.

mod cases;
mod evaluate;

pub use cases::{CaseFailure, is_withheld, test_cases};
pub use evaluate::{EvaluationError, evaluate};
