//! What proves a run: the manifest.

pub mod manifest;
