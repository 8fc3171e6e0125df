//! The command line of `aidlink-screen`. Each help text holds both languages, as
//! `English / 中文`.

use std::path::PathBuf;

use aidlink_office::command_line::{CommonArguments, VerbHelp};
use aidlink_office::identity::IdentityCommand;
use aidlink_office::purging::PurgeArguments;
use aidlink_office::signing::SigningCommand;
use aidlink_office::terms::RoundCommand;
use clap::{Args, Parser, Subcommand};

/// Screen the token files of a split round, at a centre that holds no key
/// / 在不持有密钥的筛查机构筛查各机构的令牌文件（分步模式）
#[derive(Debug, Parser)]
#[command(name = "aidlink-screen", version, propagate_version = true)]
pub struct Cli {
    /// The verb
    #[command(subcommand)]
    pub command: Command,
    /// The options of every command
    #[command(flatten)]
    pub common: CommonArguments,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
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
pub const VERBS: &[VerbHelp] = &[
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

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// Token files, or folders of them / 令牌文件或其所在文件夹
    #[arg(long, required = true, num_args = 1..)]
    pub tokens: Vec<PathBuf>,
    /// The centre's identity file; plain files need none / 筛查机构的身份文件，明文文件不需要
    #[arg(long)]
    pub identity: Option<PathBuf>,
    /// The centre's signing key [default: the round file's] / 筛查机构的签名私钥，默认按轮次文件
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder [default: the round file's `output`] / 输出文件夹，默认按轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
}
