//! The procuratorate's register: what becomes of each lead after a round's lists are out.
//!
//! This crate handles no ID number and no round key.

pub mod decision;
