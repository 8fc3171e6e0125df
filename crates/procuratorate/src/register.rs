//! What goes between files, rounds and the register: what a round reads of it, the leads that a
//! round's lists issued, the decisions that come back on them, and tables of events.

pub mod case_numbers;
pub mod filled;
pub mod id_column;
pub mod in_round;
pub mod ledger_plan;
pub mod ledger_table;
pub mod noted;
pub mod shown;
pub mod table;
pub mod taking;
