//! The round file: one and the same for every office of a round, and read in
//! one place.
//!
//! | file | what it holds |
//! |---|---|
//! | `written.rs` | [`WrittenRound`]: the file as it is written, every key of it; and what single questions need, such as [`KeyTerms`] |
//! | `terms.rs` | [`RoundTerms`]: what all offices of the round agree on |
//! | `agreed.rs` | the digest of the terms |
//! | `checking.rs` | from the file as it is written to the terms: every check |
//! | `planning.rs` | [`Round`]: the terms, this office's own paths, the exports whose files it reads |
//! | `paths.rs` | paths that must stay inside the round's folder |

mod agreed;
mod checking;
mod own;
mod paths;
mod planning;
mod terms;
mod written;

#[cfg(test)]
mod tests;

pub use own::{OfficePaths, Reads};
pub use paths::{inside, relative_to};
pub use planning::Round;
pub use terms::{ConfigurationFile, Crossing, ExportTerms, Mode, RoundTerms, Sealing, Thresholds};
pub use written::{KeyTerms, WrittenRound};

/// The folder of an output folder that holds the round's documents.
pub const CONFIGURATION: &str = "configuration";

/// Where the signing key lies when a round does not say so.
pub const SIGNING_KEY: &str = "signing.key";
