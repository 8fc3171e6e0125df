//! `aidlink-screen` runs at the centre of a split round: it reads token files and
//! writes screened leads. It holds no round key and sees no ID number.

use std::process::ExitCode;

use aidlink_centre::cli::{Cli, Command, RunArguments, VERBS};
use aidlink_centre::screening::{self, Screened};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::command_line;
use aidlink_office::ending::Ending;
use aidlink_office::identity;
use aidlink_office::manifest::StepKind;
use aidlink_office::purging;
use aidlink_office::round::Round;
use aidlink_office::sealed::Opener;
use aidlink_office::signing;
use aidlink_office::step::{Step, StepOptions};
use aidlink_office::terminal::{self, Output};
use aidlink_office::terms;

/// The name of this program in manifests.
const PROGRAM: &str = "aidlink-screen";

fn main() -> ExitCode {
    terminal::begin();
    let cli: Cli = match command_line::parse(VERBS) {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    let output = cli.common.output();
    let ending = match cli.command {
        Command::Run(arguments) => Ending::of(run(&arguments, output)),
        Command::Identity(command) => identity::run(&command, output),
        Command::Signing(command) => signing::run(&command, output),
        Command::Round(command) => terms::run(&command, output),
        Command::Purge(arguments) => purging::run(&arguments, PROGRAM, &|_, _| None, output),
    };
    command_line::end(&ending, output)
}

fn run(arguments: &RunArguments, output: Output) -> Result<Ending, Ending> {
    let step = Step::begin(StepOptions {
        kind: StepKind::Screen,
        program: PROGRAM,
        round: &arguments.round,
        output: arguments.output.as_deref(),
        signing_key: arguments.signing_key.as_deref(),
        export: None,
        known_answers: None,
    })?;
    let round = step.round();
    let (screened, finished) = step.perform(|step| {
        let opener = arguments.identity.as_deref().map(Opener::read_identity);
        let opener = opener.transpose()?;
        let files = screening::token_files(&arguments.tokens)?;
        screening::screen_files(step, &round.terms, &files, opener.as_ref())
    })?;
    if let Some(text) = finished.key_made() {
        output.say(&text);
    }
    say(&round, &screened, output);
    finished.print_json(&round.paths.output, None::<&()>, output);
    Ok(Ending::done(!screened.provisional.is_empty()))
}

fn say(round: &Round, screened: &Screened, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let (id, screening) = (&round.terms.round, &screened.screening);
    let screening = screening.get(..12).unwrap_or(screening);
    say(
        format!("轮次 {id}，筛查 {screening}"),
        format!("Round {id}, screening {screening}"),
    );
    let (rows, parties) = (screened.case_rows, screened.case_parties);
    say(
        format!("  案件当事人：{rows}行，{parties}人"),
        format!("  case parties: {rows} rows, {parties} persons"),
    );
    for (export, (matched, unmatched)) in &screened.matched {
        let tokens = matched + unmatched;
        say(
            format!("  {export}：令牌{tokens} = 匹配{matched} + 未匹配{unmatched}"),
            format!("  {export}: {tokens} tokens = {matched} matched + {unmatched} unmatched"),
        );
    }
    for (export, reason) in &screened.not_verified_by {
        let text = screening::not_verified_text(&round.terms, export, *reason);
        say(format!("  {}", text.zh), format!("  {}", text.en));
    }
    for reason in &screened.provisional {
        let text = reason.text();
        say(
            format!("清单将为暂定：{}", text.zh),
            format!("The lists will be provisional: {}", text.en),
        );
    }
    if let Some(received) = screened.received {
        say(
            format!("  检察机关询问：已转介且正在领取的{received}项，随线索一并告知"),
            format!(
                "  asked by the procuratorate: {received} aids are received after a referral, told with the leads"
            ),
        );
    }
    let leads = screened.leads;
    let file = round.paths.output.join(&screened.crossed.written.path);
    let file = shown_path(&file);
    say(
        format!("线索{leads}条，请送检察机关：{file}"),
        format!("{leads} leads, send them to the procuratorate: {file}"),
    );
}
