//! The procuratorate's side of aidlink: resolves screened leads to persons with
//! the procuratorate's own export, and writes the lists that a person checks.

pub mod ledger;
pub mod lists;
pub mod register;
pub mod resolve;
mod screened;
pub mod step;
pub mod summary;
