//! The configuration of screening: schemas of exports, policy packs with rules
//! and aids, the rule language, and the calendar of working days.
//!
//! This crate reads and checks a policy. Agencies apply its rules to rows, and
//! the centre combines the outcomes.

pub mod answer;
pub mod calendar;
pub mod constant;
pub mod pack;
pub mod period;
pub mod reading;
pub mod rule_language;
pub mod schema;
pub mod shipped;
pub mod value;
