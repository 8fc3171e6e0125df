//! `aidlink-screen` runs at the centre of a split round: it reads token files and
//! writes screened leads. It holds no round key and sees no ID number.

use std::path::PathBuf;
use std::process::ExitCode;

use aidlink_centre::screening::{self, Screened};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::command_line::{self, CommonArguments, VerbHelp};
use aidlink_office::ending::Ending;
use aidlink_office::identity::{self, IdentityCommand};
use aidlink_office::manifest::StepKind;
use aidlink_office::purging::{self, PurgeArguments};
use aidlink_office::round::Round;
use aidlink_office::sealed::Opener;
use aidlink_office::signing::{self, SigningCommand};
use aidlink_office::step::{Step, StepOptions};
use aidlink_office::terminal::{self, Output};
use aidlink_office::terms::{self, RoundCommand};
use clap::{Args, Parser, Subcommand};

/// The name of this program in manifests.
const PROGRAM: &str = "aidlink-screen";

/// Screen the token files of a split round, at a centre that holds no key
/// / 在不持有密钥的筛查机构筛查各机构的令牌文件（分步模式）
#[derive(Debug, Parser)]
#[command(name = "aidlink-screen", version, propagate_version = true)]
struct Cli {
    /// The verb
    #[command(subcommand)]
    command: Command,
    /// The options of every command
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Screen token files and seal the leads to the procuratorate / 筛查令牌文件，把线索密封给检察机关
    Run(RunArguments),
    /// Make the identity with which the centre opens token files / 生成筛查机构打开令牌文件的身份文件
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Make the centre's signing key / 生成筛查机构的签名私钥
    #[command(subcommand)]
    Signing(SigningCommand),
    /// Show what the offices of a split round must agree on / 显示各机构须一致的轮次约定
    #[command(subcommand)]
    Round(RoundCommand),
    /// Delete the data of a round that is due, with a signed record / 到期删除轮次数据，并签署删除记录
    Purge(PurgeArguments),
}

/// Examples and exit codes of each verb, for its help.
const VERBS: &[VerbHelp] = &[
    VerbHelp {
        verb: "",
        examples: &["aidlink-screen run round.toml --tokens received --identity centre.identity"],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "run",
        examples: &["aidlink-screen run round.toml --tokens received --identity centre.identity"],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "identity new",
        examples: &["aidlink-screen identity new centre.identity"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "signing new",
        examples: &["aidlink-screen signing new signing.key"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "round terms",
        examples: &["aidlink-screen round terms round.toml"],
        exit_codes: &[0, 2],
    },
    VerbHelp {
        verb: "purge",
        examples: &["aidlink-screen purge at-centre --dry-run"],
        exit_codes: &[0, 1, 2, 3],
    },
];

#[derive(Debug, Args)]
struct RunArguments {
    /// The round file / 轮次文件
    round: PathBuf,
    /// Token files, or folders of them / 令牌文件或其所在文件夹
    #[arg(long, required = true, num_args = 1..)]
    tokens: Vec<PathBuf>,
    /// The centre's identity file; plain files need none / 筛查机构的身份文件，明文文件不需要
    #[arg(long)]
    identity: Option<PathBuf>,
    /// The centre's signing key [default: the round file's] / 筛查机构的签名私钥，默认按轮次文件
    #[arg(long)]
    signing_key: Option<PathBuf>,
    /// Output folder [default: the round file's `output`] / 输出文件夹，默认按轮次文件的 output
    #[arg(long)]
    output: Option<PathBuf>,
}

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
    let leads = screened.leads;
    let file = round.paths.output.join(&screened.crossed.written.path);
    let file = shown_path(&file);
    say(
        format!("线索{leads}条，请送检察机关：{file}"),
        format!("{leads} leads, send them to the procuratorate: {file}"),
    );
}
