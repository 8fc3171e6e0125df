//! What proves a run: the manifest and the hash-chained log.

pub mod log;
pub mod manifest;
