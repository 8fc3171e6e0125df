//! The match lists, which a person at the procuratorate checks.

pub mod columns;
pub mod match_list;
