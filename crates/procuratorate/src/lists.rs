//! The lists that a person at the procuratorate checks.

pub mod columns;
pub mod match_list;
