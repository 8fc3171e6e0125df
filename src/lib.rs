//! The `aidlink` command. The work of each office is in a crate of its own. This
//! crate parses the command line, composes the steps of a pooled round and prints
//! the results.

pub mod cli;
pub mod commands;
mod export_report;
mod labels_report;
mod lists_report;
mod matrix;
mod open_register;
mod policy_file;
pub mod pooled;
mod proof_report;
mod rerun;
mod round_draft;
