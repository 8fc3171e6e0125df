//! `aidlink sample`: a synthetic round.

use aidlink_contract::text::{Language, Text};

use super::Ending;
use crate::cli::SampleArguments;
use aidlink_office::terminal;

use crate::sample;

/// Makes a synthetic round in a new folder.
pub fn run(arguments: SampleArguments, language: Language) -> Ending {
    match sample::write(&arguments) {
        Ok(leads) => {
            let out = arguments.out.display();
            terminal::say(
                &Text::new(
                    format!("已生成 {out}，其中植入线索{leads}条（见 truth/planted-leads.csv）"),
                    format!("made {out} with {leads} planted leads (see truth/planted-leads.csv)"),
                ),
                language,
            );
            Ending::Done
        }
        Err(fault) => Ending::Failed(fault.into()),
    }
}
