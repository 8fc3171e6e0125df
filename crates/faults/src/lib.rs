//! What is wrong, where, and what to do about it.
//!
//! Every message exists in Chinese and in English ([`text`]). A [`fault`] names a
//! file, a place and the next step, and never a cell's value. TOML is read so
//! that every fault of a file is reported at once, each with its line and column
//! ([`configuration`]). Numbers that identify a person are found by their form,
//! so that they can be blacked out ([`personal_number`]).

pub mod configuration;
pub mod fault;
pub mod personal_number;
pub mod text;
