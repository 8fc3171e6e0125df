//! Compliance audit of the output folders of a round.
//!
//! [`checks`] makes the 30 checks of the compliance officer on the [`evidence`].
//! [`minimisation`] works out which columns were read and why; [`minimisation_page`]
//! writes this for people. [`proof`] proves by execution that columns are not used.
//! [`report_page`] writes the result of an audit for the file.

pub mod checks;
pub mod evidence;
pub mod minimisation;
pub mod minimisation_page;
pub mod proof;
mod register_bytes;
pub mod register_evidence;
pub mod report_page;
