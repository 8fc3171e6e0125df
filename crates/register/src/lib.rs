//! The procuratorate's register: what becomes of each lead after a round's lists are out.
//!
//! Events are recorded ([`event`]); stages, what is owed and what is late are derived from
//! them. [`register::Register::append`] is the only way in.
//!
//! This crate knows persons by a token under the register's own key and by number. It does
//! not depend on the agency crate, so code that uses ID numbers or round keys does not
//! compile:
//!
//! ```compile_fail
//! use aidlink_agency::national_id::NationalId;
//! ```
//! ```compile_fail
//! use aidlink_agency::key::RoundKey;
//! ```
//! Types of the office crate are available:
//! ```
//! use aidlink_office::signing::SigningKey;
//! ```

pub mod amount;
mod appending;
pub mod approval;
pub mod book;
pub mod chain;
mod checks;
pub mod decision;
pub mod due;
mod earlier;
pub mod event;
pub mod fold;
pub mod form;
pub mod head;
pub mod items;
pub mod ledger;
pub mod not_verified;
pub mod number;
pub mod referrals;
pub mod register;
mod store;
pub mod texts;
pub mod token;
pub mod workflow;
