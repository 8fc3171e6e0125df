//! The aidlink command: a round of joint screening from raw exports to match
//! lists. The work is done in three crates that the wall divides; here the
//! steps are composed and what they give is written.

pub mod audit;
pub mod cli;
pub mod commands;
pub mod exports;
pub mod lists;
pub mod round;
pub mod run;
pub mod sample;
