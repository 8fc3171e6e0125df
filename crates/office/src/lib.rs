//! The parts that agency, centre and procuratorate share: the round file, the
//! output folder with its manifest and audit log, sealing and signing of files
//! that cross between offices, verification, deletion, and terminal messages.
//!
//! This crate handles no round key, no ID number and no lead.

pub mod accounted;
pub mod as_written;
pub mod aside;
pub mod audit_log;
pub mod command_line;
pub mod confinement;
pub mod content;
pub mod crossing;
pub mod deletion;
pub mod deletion_record;
pub mod ending;
#[cfg(test)]
mod finished_round;
pub mod identity;
pub mod interruption;
pub mod leak_scan;
pub mod manifest;
pub mod needed;
pub mod open_leftovers;
pub mod other_outputs;
pub mod output_folder;
pub mod page;
mod places;
pub mod purging;
pub mod remains;
pub mod round;
pub mod round_folder;
pub mod sealed;
pub mod shell;
pub mod signing;
pub mod standing;
pub mod statement;
pub mod step;
pub mod step_outputs;
pub mod terminal;
pub mod terms;
pub mod text_table;
pub mod unknown_files;
pub mod unread;
pub mod verification;
mod written_path;
