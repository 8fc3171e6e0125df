//! `aidlink sample`: makes a synthetic round.

use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::output_folder::OutputFolder;
use serde::Serialize;

use super::Ending;
use crate::cli::SampleArguments;
use aidlink_office::terminal::Output;

use aidlink_sample::SampleChoice;

/// The answer of `sample`.
#[derive(Serialize)]
struct MadeSample<'a> {
    folder: &'a str,
    planted_leads: usize,
}

/// Makes a synthetic round in a new folder.
pub fn run(arguments: SampleArguments, output: Output) -> Ending {
    let choice = SampleChoice {
        seed: arguments.seed,
        out: arguments.out.clone(),
        scale: arguments.scale,
        dirt: arguments.dirt,
        columns: arguments.columns,
    };
    // The folder is named by another option than that of the steps.
    if let Err(fault) = OutputFolder::check_absent(&arguments.out) {
        let hint = Text::new(
            "请先移走或删除，或用 --out 指定其他文件夹",
            "move or remove it, or choose another folder with --out",
        );
        return Ending::Failed(Fault { hint, ..fault }.into());
    }
    match aidlink_sample::write(&choice) {
        Ok(leads) => {
            let out = shown_path(&arguments.out);
            output.say(&Text::new(
                format!("已生成 {out}，其中植入线索{leads}条（见 truth/planted-leads.csv）"),
                format!("made {out} with {leads} planted leads (see truth/planted-leads.csv)"),
            ));
            output.json(&MadeSample {
                folder: &out,
                planted_leads: leads,
            });
            Ending::Done
        }
        Err(fault) => Ending::Failed(fault.into()),
    }
}
