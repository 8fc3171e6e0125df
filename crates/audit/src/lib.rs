//! What a compliance officer checks: what was read and why, whether a folder is
//! what a step wrote, what is left to delete.

pub mod checks;
pub mod evidence;
pub mod minimisation;
pub mod minimisation_page;
