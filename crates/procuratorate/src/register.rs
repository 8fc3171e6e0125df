//! What goes between a round's lists and the register: what a round reads of it, the leads that
//! the lists issued, and the decisions that come back on them.

pub mod filled;
pub mod in_round;
pub mod taking;
