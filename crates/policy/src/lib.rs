//! What is judged and by what: the schemas of exports, the policy packs with
//! their rules and aids, the rule language, and the working days.
//!
//! A pack says which rules there are. Applying them to rows is the agencies'
//! work, combining their outcomes the centre's.

pub mod calendar;
pub mod pack;
pub mod reading;
pub mod rule_language;
pub mod schema;
pub mod value;
