//! The procuratorate's side of aidlink: references to leads become people again,
//! by its own export, and the leads become lists that a person checks.

pub mod lists;
pub mod resolve;
pub mod step;
pub mod summary;
