//! The agency side of aidlink, which handles ID numbers and the round key.
//!
//! The crate reads an export, turns each ID number into a token and evaluates
//! the policy's rules on each row. Only tokens and outcomes leave the agency.
//! The centre does not depend on this crate, so its code cannot use an ID
//! number or a key.

pub mod account;
pub mod case_parties;
pub mod cell;
mod china_time;
mod error_value;
pub mod exports;
pub mod identify;
pub mod identity_check;
pub mod inspect;
pub mod key;
pub mod known_answers;
pub mod label;
pub mod national_id;
pub mod person_mark;
pub mod reading_progress;
pub mod recognise;
pub mod register_export;
pub mod register_token;
pub mod reject;
pub mod rejects_file;
pub mod rules;
pub mod scan;
pub mod spreadsheet_csv;
pub mod step;
pub mod tokenise;
pub mod tokeniser;
pub mod unmapped;
