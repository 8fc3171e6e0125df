//! What crosses the walls of aidlink: tokens and outcomes, and the documents
//! that say how they are made (schema, policy, calendar), and the files in which
//! they travel.
//!
//! Nothing here knows an ID number or a key. The agency side
//! (`aidlink-agency`) and the centre side (`aidlink-centre`) both build on this
//! crate and not on each other.

pub mod calendar;
pub mod configuration;
pub mod expression;
pub mod fault;
pub mod guarded;
pub mod leads_file;
pub mod outcome;
pub mod owner_only;
pub mod parquet_file;
pub mod partial;
pub mod personal_number;
pub mod policy;
pub mod schema;
pub mod screened_lead;
pub mod text;
pub mod token;
pub mod token_file;
pub mod token_table;
pub mod value;

/// The name that the rule language gives to the age in whole years at the as-of date.
pub const DERIVED_AGE: &str = "age";
/// The name that the rule language gives to "under 18 at the as-of date"
/// (Law on the Protection of Minors, article 2).
pub const DERIVED_MINOR: &str = "minor";
/// The name that the rule language gives to the sex that an ID number states (GB 11643).
pub const DERIVED_SEX: &str = "sex";
/// The name that the rule language gives to the round's as-of date.
pub const DERIVED_AS_OF: &str = "as_of";
