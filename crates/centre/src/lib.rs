//! The centre side of aidlink: reads token tables and returns references to
//! leads.
//!
//! The centre holds no export, no key and no ID number. This crate does not
//! depend on the agency crate, so code that uses those types does not compile:
//!
//! ```compile_fail
//! use aidlink_agency::national_id::NationalId;
//! ```
//! ```compile_fail
//! use aidlink_agency::key::RoundKey;
//! ```
//! Types of the contract crate are available:
//! ```
//! use aidlink_contract::token_table::CaseTable;
//! ```

pub mod cli;
pub mod join;
pub mod screen;
pub mod screening;
