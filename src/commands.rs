//! The verbs of the command line, a file each.

pub mod completions;
pub mod key;
pub mod policy;
pub mod run;
pub mod sample;
pub mod schema;

pub use aidlink_office::ending::Ending;
