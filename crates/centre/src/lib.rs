//! The centre side of aidlink: token tables in, references to leads out.
//!
//! The centre holds no export, no key and no ID number. It does not build on
//! the agency crate, so it cannot name them: the compiler is the wall.
//!
//! ```compile_fail
//! use aidlink_agency::national_id::NationalId;
//! ```
//! ```compile_fail
//! use aidlink_agency::key::RoundKey;
//! ```
//! What it does build on:
//! ```
//! use aidlink_contract::token_table::CaseTable;
//! ```

pub mod join;
pub mod screen;
pub mod screening;
