//! The data that crosses from one office to another: tokens with the outcomes
//! of rules, references to leads, and the files that carry them.
//!
//! Nothing in this crate handles an ID number, a key or a policy.

pub mod grade;
pub mod hexadecimal;
pub mod leads_file;
pub mod outcome;
pub mod screened_lead;
pub mod token;
pub mod token_file;
pub mod token_table;
