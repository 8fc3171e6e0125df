//! The lists that a person at the procuratorate checks.

pub mod match_list;
