//! The aidlink command. Each office's work is done in its own crate; here the
//! command line is read, the steps of a pooled round are composed, and what came
//! of a step is said.

pub mod cli;
pub mod commands;
mod lists_report;
mod matrix;
pub mod pooled;
