//! What a round writes for people: match lists for review and rejects for agencies.

pub(crate) mod csv_file;
pub mod match_list;
pub mod rejects;
