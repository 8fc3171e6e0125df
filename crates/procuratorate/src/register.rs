//! What goes between a round's lists and the register: the leads that the lists issued, and
//! the decisions that come back on them.

pub mod filled;
pub mod taking;
