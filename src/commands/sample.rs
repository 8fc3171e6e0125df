//! `aidlink sample`: a synthetic round.

use aidlink_faults::text::{Language, Text};

use super::Ending;
use crate::cli::SampleArguments;
use aidlink_office::terminal;

use aidlink_sample::SampleChoice;

/// Makes a synthetic round in a new folder.
pub fn run(arguments: SampleArguments, language: Language) -> Ending {
    let choice = SampleChoice {
        seed: arguments.seed,
        out: arguments.out.clone(),
        scale: arguments.scale,
        dirt: arguments.dirt,
    };
    match aidlink_sample::write(&choice) {
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
