//! File handling that all offices share.
//!
//! - [`owner_only`] writes secrets that only their owner can read.
//! - [`partial`] names and locks files that are still being written, so that a file
//!   appears completely or not at all.
//! - [`folder`] walks and empties folders without following links.
//! - [`regular_file`] opens all other files that are read.
//! - [`document`] reads and writes typed, versioned JSON documents.
//! - [`guarded`] and [`parquet_file`] protect against hostile files that are read by
//!   libraries.

pub mod document;
pub mod folder;
pub mod guarded;
pub mod owner_only;
pub mod parquet_file;
pub mod partial;
pub mod regular_file;
