//! The round file. The offices of a round agree on its terms; paths and how an
//! export is read are each office's own.
//!
//! | file | contents |
//! |---|---|
//! | `written.rs` | [`WrittenRound`]: the parsed file with every key, and the parts that single commands need, such as [`KeyTerms`] |
//! | `parts.rs` | the files of an export and how they are read, as they are written |
//! | `reading_file.rs` | `reading/SCHEMA.toml`, where an office may write how it reads its own export |
//! | `terms.rs` | [`RoundTerms`]: what all offices of the round agree on |
//! | `agreed.rs` | the digest of the terms |
//! | `checking.rs` | every check between [`WrittenRound`] and [`RoundTerms`] |
//! | `checking_parts.rs` | the checks of the files of an export |
//! | `register.rs` | the checks of `[register]` |
//! | `planning.rs` | [`Round`]: the terms, this office's own paths, and the exports it reads |
//! | `own.rs` | this office's own paths, and which exports it reads |
//! | `values.rs` | the values that manifests repeat, for whoever compares the two |
//! | `paths.rs` | paths that must stay inside the round's folder |

mod agreed;
mod checking;
mod checking_parts;
mod own;
mod parts;
mod paths;
mod planning;
mod reading_file;
mod register;
pub mod site_words;
mod terms;
mod values;
mod written;

#[cfg(test)]
mod tests;

pub use own::{OfficePaths, Reads};
pub(crate) use paths::place_in;
pub use paths::{inside, relative_to};
pub use planning::Round;
pub use register::round_around;
pub use terms::{
    CENTRE, ConfigurationFile, Crossing, ExportTerms, Mode, RoundTerms, Sealing, Thresholds,
};
pub use values::{CROSSES_PLAIN, WrittenValue, in_one_form};
pub(crate) use written::StatedRound;
pub use written::{KeyTerms, WrittenRound};

/// The subfolder of an output folder that holds copies of the configuration files.
pub const CONFIGURATION: &str = "configuration";

/// How the places begin that a person must fill in, in Chinese and in English.
pub const TO_FILL_IN: [&str; 2] = ["【待填写", "【FILL IN"];

/// The folder beside a round file in which an office may describe how it reads its own
/// exports: `reading/SCHEMA.toml`.
pub const READING: &str = "reading";

/// The path of the signing key if the round file does not give one.
pub const SIGNING_KEY: &str = "signing.key";
