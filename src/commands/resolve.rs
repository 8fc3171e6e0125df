//! `aidlink resolve`: at the procuratorate, screened leads and its own export
//! of case parties become the match lists.

use aidlink_agency::known_answers;
use aidlink_faults::text::{Language, Text};
use aidlink_office::manifest::StepKind;
use aidlink_office::step::{Beginning, Finished, Step};
use aidlink_office::terminal::{self, Progress};
use aidlink_procuratorate::step::{Resolved, resolve_leads};

use super::{Ending, PROGRAM};
use crate::cli::ResolveArguments;
use crate::lists_report::say_lists;
use crate::matrix::write_matrix;
use crate::round::ExportPlan;

/// Resolves screened leads and writes the lists.
pub fn run(arguments: ResolveArguments, language: Language) -> Ending {
    let plan = match ExportPlan::read_cases(&arguments.round, arguments.output.as_deref()) {
        Ok(plan) => plan,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let terms = &plan.terms;
    let step = Step::begin(Beginning {
        kind: StepKind::Resolve,
        program: PROGRAM,
        terms,
        output: &terms.output,
        signing_key: &terms.signing.key,
        export: None,
        known_answers: Some(known_answers::holds(terms.algorithm)),
    });
    let step = match step {
        Ok(step) => step,
        Err(ending) => return ending,
    };
    let progress = Progress::new(language);
    let done = step.perform(|step| {
        let (leads, identity) = (&arguments.leads, arguments.identity.as_deref());
        let (manifest, resolved) =
            resolve_leads(step, terms, &plan.export, leads, identity, &progress)?;
        write_matrix(&mut step.folder, terms, &manifest)?;
        Ok((manifest, resolved))
    });
    progress.finish();
    match done {
        Err(faults) => Ending::Failed(faults),
        Ok((resolved, finished)) => {
            say(&plan, &resolved, &finished, language);
            if resolved.file.provisional.is_empty() {
                Ending::Done
            } else {
                Ending::ThresholdPassed
            }
        }
    }
}

fn say(plan: &ExportPlan, resolved: &Resolved, finished: &Finished, language: Language) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
    let (round, screening) = (&plan.terms.round, short(&resolved.file.screening));
    let leads = resolved.leads.len();
    say(
        format!("轮次 {round}，筛查 {screening}：线索{leads}条"),
        format!("Round {round}, screening {screening}: {leads} leads"),
    );
    if let Some(text) = finished.key_made() {
        terminal::say(&text, language);
    }
    say_lists(
        &plan.terms,
        &resolved.file.not_verified_by,
        &resolved.lists,
        &resolved.file.provisional,
        language,
    );
}

/// The beginning of a digest, to tell screenings apart by eye.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
