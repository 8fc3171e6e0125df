//! What every office of a round needs on its own machine, be it an agency, the
//! centre or the procuratorate: the round file, the output folder, the audit
//! log, sealed files, and what is said on the terminal. It knows no key of a
//! round, no ID number and no lead.

pub mod audit_log;
pub mod crossing;
pub mod ending;
pub mod identity;
pub mod output_folder;
pub mod round;
pub mod sealed;
pub mod terminal;
