//! `aidlink resolve`: turns screened leads and the procuratorate's own export of
//! case parties into match lists.

use aidlink_agency::known_answers;
use aidlink_faults::text::Text;
use aidlink_office::manifest::StepKind;
use aidlink_office::round::Round;
use aidlink_office::step::{Finished, Step, StepOptions};
use aidlink_office::terminal::{Output, Progress};
use aidlink_procuratorate::step::{Resolved, resolve_leads};

use super::{Ending, PROGRAM};
use crate::cli::ResolveArguments;
use crate::lists_report::say_lists;
use crate::matrix::write_matrix;

/// Resolves screened leads and writes the lists.
pub fn run(arguments: &ResolveArguments, output: Output) -> Result<Ending, Ending> {
    let step = Step::begin(StepOptions {
        kind: StepKind::Resolve,
        program: PROGRAM,
        round: &arguments.round,
        output: arguments.output.as_deref(),
        signing_key: arguments.signing_key.as_deref(),
        export: None,
        known_answers: Some(known_answers::holds),
    })?;
    let round = step.round();
    let progress = Progress::new(output);
    let result = step.perform(|step| {
        let (leads, identity) = (&arguments.leads, arguments.identity.as_deref());
        let (manifest, resolved) = resolve_leads(step, &round, leads, identity, &progress)?;
        write_matrix(&mut step.folder, &round.terms, &manifest)?;
        Ok((manifest, resolved))
    });
    progress.finish();
    let (resolved, finished) = result?;
    say(&round, &resolved, &finished, output);
    finished.print_json(&round.paths.output, Some(&resolved.summary), output);
    Ok(Ending::done(!resolved.round.provisional.is_empty()))
}

fn say(round: &Round, resolved: &Resolved, finished: &Finished, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let (id, screening) = (&round.terms.round, short(&resolved.screening));
    let leads = resolved.round.leads.len();
    say(
        format!("轮次 {id}，筛查 {screening}：线索{leads}条"),
        format!("Round {id}, screening {screening}: {leads} leads"),
    );
    if let Some(text) = finished.key_made() {
        output.say(&text);
    }
    say_lists(
        round,
        &resolved.round,
        &resolved.lists,
        &resolved.summary,
        output,
    );
}

/// Returns the first 12 digits of a digest, enough for a person to tell
/// screenings apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
