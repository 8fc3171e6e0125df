//! Error messages: what is wrong, where, and what to do about it.
//!
//! Every message exists in Chinese and in English ([`text`]). A [`fault`] names a
//! file, a place in it and the next step, and never contains a cell's value.
//! [`configuration`] reads TOML and reports all faults of a file at once, each
//! with its line and column. [`personal_number`] finds numbers that have the form
//! of an ID, telephone or bank card number, and blacks them out; [`secret`] does so with
//! keys. [`uniform_text`] brings text from exports into the form in which it is compared.

pub mod configuration;
pub mod fault;
pub mod personal_number;
pub mod secret;
pub mod text;
pub mod uniform_text;
