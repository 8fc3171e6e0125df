//! aidlink-screen: at the centre of a split round, token files in, screened
//! leads out. It holds no key of a round and sees no ID number.

use std::path::PathBuf;
use std::process::ExitCode;

use aidlink_centre::screening::{self, Screened};
use aidlink_faults::text::{Language, Text};
use aidlink_office::ending::Ending;
use aidlink_office::manifest::StepKind;
use aidlink_office::purging::{self, PurgeArguments};
use aidlink_office::round::Round;
use aidlink_office::sealed::Opener;
use aidlink_office::signing::{self, SigningCommand};
use aidlink_office::step::{Step, StepOptions};
use aidlink_office::terminal::{self, LanguageChoice};
use aidlink_office::{identity, terms};
use clap::{Args, Parser, Subcommand};

/// The name of this program in manifests.
const PROGRAM: &str = "aidlink-screen";

/// Screen the token files of a split round, at a centre that holds no key
/// / 筛查机构：汇合各机构的令牌文件，不持有密钥
#[derive(Debug, Parser)]
#[command(name = "aidlink-screen", version, propagate_version = true)]
struct Cli {
    /// What to do
    #[command(subcommand)]
    command: Command,
    /// Language of messages; else from the locale / 提示语言，默认随系统
    #[arg(long, global = true, value_enum)]
    lang: Option<LanguageChoice>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Screen token files and seal the leads to the procuratorate / 筛查令牌文件，把线索密封给检察机关
    Run(RunArguments),
    /// Make the identity by which the centre opens token files / 生成筛查机构打开令牌文件的身份
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Make the key with which the centre signs / 生成筛查机构的签名私钥
    #[command(subcommand)]
    Signing(SigningCommand),
    /// What the offices of a round agree on, to compare by telephone / 各机构对本轮的约定，供电话核对
    #[command(subcommand)]
    Round(RoundCommand),
    /// Delete a round's data when it is due, by a signed record / 到期删除轮次数据并签署删除记录
    Purge(PurgeArguments),
}

#[derive(Debug, Subcommand)]
enum IdentityCommand {
    /// Make an identity file and print its recipient / 生成身份文件并输出收件人公钥
    New {
        /// The file to make; it must not exist / 要生成的文件，不得已存在
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum RoundCommand {
    /// Print the digest of the terms / 输出轮次约定的摘要
    Terms {
        /// The round file / 轮次文件
        round: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The round file / 轮次文件
    round: PathBuf,
    /// Token files, or folders of them / 令牌文件或其所在文件夹
    #[arg(long, required = true, num_args = 1..)]
    tokens: Vec<PathBuf>,
    /// The centre's identity file; none for plain files / 筛查机构的身份文件
    #[arg(long)]
    identity: Option<PathBuf>,
    /// The centre's signing key instead of the round file's / 筛查机构的签名私钥
    #[arg(long)]
    signing_key: Option<PathBuf>,
    /// Output folder instead of the round file's `output` / 输出文件夹，替代轮次文件的 output
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    terminal::begin();
    let cli = Cli::parse();
    let language = LanguageChoice::or_locale(cli.lang);
    let ending = match cli.command {
        Command::Run(arguments) => Ending::of(run(&arguments, language)),
        Command::Identity(IdentityCommand::New { file }) => identity::make(&file, language),
        Command::Signing(SigningCommand::New { file }) => signing::make(&file, language),
        Command::Round(RoundCommand::Terms { round }) => terms::print(&round, language),
        Command::Purge(arguments) => purging::run(&arguments, PROGRAM, &|_, _| None, language),
    };
    if let Ending::Failed(faults) | Ending::WrongConfiguration(faults) = &ending {
        terminal::print_faults(faults, language);
    }
    ExitCode::from(ending.exit_code())
}

fn run(arguments: &RunArguments, language: Language) -> Result<Ending, Ending> {
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
    say(&round, &screened, language);
    if let Some(text) = finished.key_made() {
        terminal::say(&text, language);
    }
    Ok(Ending::done(!screened.provisional.is_empty()))
}

fn say(round: &Round, screened: &Screened, language: Language) {
    let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
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
    let file = file.display();
    say(
        format!("线索{leads}条，请送检察机关：{file}"),
        format!("{leads} leads, to be sent to the procuratorate: {file}"),
    );
}
