//! Files as every office handles them.
//!
//! Secrets are owner-only and appear whole or not at all ([`owner_only`],
//! [`partial`]). Folders are walked and emptied without following links
//! ([`folder`]). JSON documents have types ([`document`]). Libraries that read
//! hostile files are called under guard ([`guarded`], [`parquet_file`]).

pub mod document;
pub mod folder;
pub mod guarded;
pub mod owner_only;
pub mod parquet_file;
pub mod partial;
