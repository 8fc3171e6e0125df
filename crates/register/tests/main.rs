//! The register as its users see it: files, events, decisions, what is refused.

mod damage;
mod folding;
mod support;
mod workflow;
