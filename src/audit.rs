//! What is written for the compliance officer, and what is checked for him.

pub mod checks;
pub mod evidence;
pub mod manifest;
pub mod minimisation;
pub mod minimisation_page;
