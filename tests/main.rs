//! End-to-end tests of the aidlink command.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod attacks;
mod audit;
mod bad_input;
mod causes;
mod cells;
mod command_line;
mod contracts;
mod decide;
mod deletion;
mod finished_by_0_1;
mod formats;
mod grades;
mod guide;
mod hand_made_round;
mod hostile_input;
mod labels;
mod layers;
#[path = "../crates/workbook/tests/sheets/made_xlsb.rs"]
mod made_xlsb;
mod membership_lists;
mod minimum;
mod not_judged;
mod parquet_exports;
mod parts;
mod person_pages;
mod policy_pages;
mod prove_minimisation;
mod reading_files;
mod register;
mod register_audit;
mod register_import;
mod register_proof;
mod register_rounds;
mod review;
mod round_new;
mod sample_round;
mod schema_check;
mod split_round;
mod support;
mod text_exports;
mod typed_cells;
mod year;
