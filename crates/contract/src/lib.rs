//! What crosses from one office to another, and nothing else: tokens with the
//! outcomes of rules, and references to leads, with the files they travel in.
//!
//! Nothing here knows an ID number, a key or a policy.

pub mod hexadecimal;
pub mod leads_file;
pub mod outcome;
pub mod screened_lead;
pub mod token;
pub mod token_file;
pub mod token_table;
