//! `aidlink purge`: deletes a round's data when it is due, by a signed record.

use aidlink_contract::text::Language;
use aidlink_office::ending::Ending;
use aidlink_office::purging::{self, Asked};

use crate::audit::manifest::PROGRAM;
use crate::cli::PurgeArguments;

/// Deletes what is due of a round.
pub fn run(arguments: &PurgeArguments, language: Language) -> Ending {
    let asked = Asked {
        folder: &arguments.folder,
        round: arguments.round.as_deref(),
        signing_key: arguments.signing_key.as_deref(),
        early: arguments.early.as_deref(),
        dry_run: arguments.dry_run,
        program: PROGRAM,
    };
    purging::run(&asked, language)
}
