//! The agency side of aidlink: it knows people and holds the key.
//!
//! An export's rows come in, their ID numbers become tokens, the policy's
//! rules become outcomes, and only token and outcomes leave. The centre does
//! not build on this crate, so it cannot name an ID number or a key.

pub mod account;
pub mod cell;
pub mod exports;
pub mod identify;
pub mod identity_check;
pub mod inspect;
pub mod key;
pub mod known_answers;
pub mod national_id;
pub mod reject;
pub mod rejects_file;
pub mod rules;
pub mod scan;
pub mod spreadsheet_csv;
pub mod step;
pub mod token_set;
pub mod tokenise;
pub mod tokeniser;
