//! What every office of a round needs on its own machine: the round file, the
//! output folder and its record, the audit log, files that cross sealed, what
//! is signed, verified and deleted, what is said.
//!
//! It knows no round key, no ID number and no lead; agency, centre and
//! procuratorate all build on it.

pub mod audit_log;
pub mod command_line;
pub mod confinement;
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
pub mod output_folder;
pub mod purging;
pub mod round;
pub mod round_folder;
pub mod sealed;
pub mod signing;
pub mod statement;
pub mod step;
pub mod terminal;
pub mod terms;
pub mod verification;
