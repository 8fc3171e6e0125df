//! The command line.

use std::path::PathBuf;

use aidlink_faults::text::Language;
use aidlink_office::purging::PurgeArguments;
use aidlink_office::signing::SigningCommand;
use aidlink_office::terminal::LanguageChoice;
use aidlink_policy::reading::DateEpoch;
use clap::{Args, Parser, Subcommand};

use aidlink_sample::dirt::{DirtChoice, REALISTIC};

/// Find people who qualify for judicial and social aid and were never referred
/// / 找出同时符合司法救助与社会救助条件而从未转介的人
#[derive(Debug, Parser)]
#[command(name = "aidlink", version, propagate_version = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,

    /// Language of messages; else from the locale / 提示语言，默认随系统
    #[arg(long, global = true, value_enum)]
    lang: Option<LanguageChoice>,
}

impl Cli {
    /// The language asked for, or that of the locale: Chinese for `zh`, else English.
    pub fn language(&self) -> Language {
        LanguageChoice::or_locale(self.lang)
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one round of joint screening, from raw exports to match lists / 运行一轮联合筛查，从原始导出到核查清单
    Run(RunArguments),
    /// Tokenise one export of a split round, for the centre / 在本机构把导出变成令牌文件（分步模式）
    Tokenise(TokeniseArguments),
    /// Resolve screened leads to match lists, at the procuratorate / 在检察机关把筛查线索还原为核查清单（分步模式）
    Resolve(ResolveArguments),
    /// Check what a step wrote, for the compliance officer / 核查某一步骤的输出（供合规人员）
    Audit(AuditArguments),
    /// Delete a round's data when it is due, by a signed record / 到期删除轮次数据并签署删除记录
    Purge(PurgeArguments),
    /// Make the key with which this office signs / 生成本机构的签名私钥
    #[command(subcommand)]
    Signing(SigningCommand),
    /// What the offices of a round agree on, to compare by telephone / 各机构对本轮的约定，供电话核对
    #[command(subcommand)]
    Round(RoundCommand),
    /// Make, identify, seal and open round keys / 生成、识别、密封、打开轮次密钥
    Key(KeyArguments),
    /// Make the identity by which this office opens sealed files / 生成本机构打开密封文件的身份
    Identity(IdentityArguments),
    /// Check, test and explain a policy / 检查、测试、说明规则文件
    Policy(PolicyArguments),
    /// Look an export over before the round, without a key / 轮次之前核查导出，不需要密钥
    Schema(SchemaArguments),
    /// Make a synthetic round / 生成合成数据的样例轮次
    Sample(SampleArguments),
    /// Print shell completions / 输出命令行补全脚本
    Completions(CompletionsArguments),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// This office's signing key instead of the round file's / 本机构的签名私钥，替代轮次文件的 key
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder instead of the round file's `output` / 输出文件夹，替代轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Threads; else one for each core / 线程数，默认每核一个
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
}

/// Arguments of `tokenise`.
#[derive(Debug, Args)]
pub struct TokeniseArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// The export, by the name of its schema / 导出的模式名称
    #[arg(long)]
    pub export: String,
    /// This office's signing key instead of the round file's / 本机构的签名私钥，替代轮次文件的 key
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder instead of the round file's `output` / 输出文件夹，替代轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Threads; else one for each core / 线程数，默认每核一个
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
}

/// Arguments of `resolve`.
#[derive(Debug, Args)]
pub struct ResolveArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// The screened leads from the centre / 筛查机构发来的线索文件
    #[arg(long)]
    pub leads: PathBuf,
    /// The identity file that opens them; none for plain ones / 打开密封文件的身份文件
    #[arg(long)]
    pub identity: Option<PathBuf>,
    /// This office's signing key instead of the round file's / 本机构的签名私钥，替代轮次文件的 key
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder instead of the round file's `output` / 输出文件夹，替代轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AuditArguments {
    /// What to look at; all checks without one
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// An output folder, or the folder of the round file / 输出文件夹，或轮次文件所在文件夹
    #[arg(required = true)]
    pub folder: Option<PathBuf>,
    /// Where trust comes from
    #[command(flatten)]
    pub trust: TrustArguments,
    /// Run the round again in memory and compare the lists / 在内存中重新运行并比较清单
    #[arg(long)]
    pub rerun: bool,
    /// Print JSON / 输出JSON
    #[arg(long)]
    pub json: bool,
}

/// Whose signature counts, and which round it should be.
#[derive(Debug, Args)]
pub struct TrustArguments {
    /// A public key whose signature counts: a file, or its line that begins with RW; may be repeated
    /// / 认可的公钥，可多次指明
    #[arg(long = "public-key")]
    pub public_keys: Vec<String>,
    /// The round file; else the one beside the output folder / 轮次文件，默认在输出文件夹旁
    #[arg(long)]
    pub round: Option<PathBuf>,
}

/// The verbs of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Whether anything was changed, removed or added since it was signed / 签名后是否被改动、删去或添加
    Verify {
        /// An output folder, or the folder of the round file / 输出文件夹，或轮次文件所在文件夹
        folder: PathBuf,
        /// Where trust comes from
        #[command(flatten)]
        trust: TrustArguments,
    },
    /// Before the run: what would be read and why, by the round file / 运行之前：按轮次文件将读取什么、为何读取
    Matrix {
        /// The round file / 轮次文件
        round: PathBuf,
        /// A folder to write the matrix into (CSV, JSON, pages to print) / 写出核对表的文件夹
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

/// The verbs of `round`, the same at every office.
#[derive(Debug, Subcommand)]
pub enum RoundCommand {
    /// Print the digest of the terms / 输出轮次约定的摘要
    Terms {
        /// The round file / 轮次文件
        round: PathBuf,
    },
}

/// Arguments of `identity`.
#[derive(Debug, Args)]
pub struct IdentityArguments {
    /// What to do with an identity
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// The verbs of `identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Make an identity file and print its recipient / 生成身份文件并输出收件人公钥
    New {
        /// The file to make; it must not exist / 要生成的文件，不得已存在
        file: PathBuf,
    },
}

/// Arguments of `key`.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// What to do with a key
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// The verbs of `key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make the key file that a round names / 生成轮次文件所指的密钥文件
    New {
        /// The round file / 轮次文件
        round: PathBuf,
    },
    /// Print the id of the key that a round names / 输出轮次密钥的编号
    Id {
        /// The round file / 轮次文件
        round: PathBuf,
    },
    /// Seal the key that a round names, to send it to an agency / 密封密钥以便发给机构
    Seal {
        /// The round file / 轮次文件
        round: PathBuf,
        /// The agency's recipient, `age1...` / 机构的收件人公钥
        #[arg(long, required_unless_present = "passphrase_file")]
        recipient: Option<String>,
        /// A file whose first line is the passphrase, instead of a recipient / 口令文件
        #[arg(long, conflicts_with = "recipient")]
        passphrase_file: Option<PathBuf>,
        /// The sealed file to make / 要生成的密封文件
        #[arg(long)]
        out: PathBuf,
        /// The procuratorate's signing key instead of the round file's / 检察机关的签名私钥
        #[arg(long)]
        signing_key: Option<PathBuf>,
    },
    /// Open a sealed key and write the key file that a round names / 打开密封的密钥
    Open {
        /// The round file / 轮次文件
        round: PathBuf,
        /// The sealed key / 密封的密钥文件
        #[arg(long)]
        sealed: PathBuf,
        /// This agency's identity file / 本机构的身份文件
        #[arg(long, required_unless_present = "passphrase_file")]
        identity: Option<PathBuf>,
        /// A file whose first line is the passphrase / 口令文件
        #[arg(long, conflicts_with = "identity")]
        passphrase_file: Option<PathBuf>,
    },
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// What to do with a policy
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// Where a policy and its schemas are.
#[derive(Debug, Args)]
pub struct PolicyFile {
    /// The policy file / 规则文件
    pub policy: PathBuf,
    /// Folder of export schemas; else `../schemas` beside the policy's folder / 导出模式文件夹
    #[arg(long)]
    pub schemas: Option<PathBuf>,
}

/// The verbs of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check a policy and report every fault at once / 检查规则文件，一次列出全部错误
    Check(PolicyFile),
    /// Run the cases that the rules carry / 运行规则自带的测试用例
    Test(PolicyFile),
    /// Explain a rule, a term or an aid; all aids without --id / 说明一条规则、术语或救助项目
    Explain {
        /// The policy
        #[command(flatten)]
        file: PolicyFile,
        /// Id of a rule, term or aid / 规则、术语或救助项目的编号
        #[arg(long)]
        id: Option<String>,
    },
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// What to do with a schema
    #[command(subcommand)]
    pub command: SchemaCommand,
}

/// The verbs of `schema`.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// What is recognised in an export, what will be read, and what to correct / 核查一份导出
    Check(SchemaCheckArguments),
}

/// Arguments of `schema check`.
#[derive(Debug, Args)]
pub struct SchemaCheckArguments {
    /// The export / 导出文件
    pub export: PathBuf,
    /// Name of its schema; else the one that fits its header best / 模式名称，默认按表头识别
    #[arg(long)]
    pub schema: Option<String>,
    /// Folder of export schemas / 导出模式文件夹
    #[arg(long, default_value = "schemas")]
    pub schemas: PathBuf,
    /// Policy, to say which columns a round would read / 规则文件，用于说明将读取哪些列
    #[arg(long)]
    pub policy: Option<PathBuf>,
    /// The as-of date; else today / 基准日，默认今天
    #[arg(long)]
    pub as_of: Option<jiff::civil::Date>,
    /// The sheet of a workbook / 工作表名称
    #[arg(long)]
    pub sheet: Option<String>,
    /// The year from which serial numbers that stand for dates count, 1900 or 1904 / 日期序列号的起算年
    #[arg(long, default_value = "1900", value_parser = date_epoch)]
    pub date_epoch: DateEpoch,
    /// Print JSON / 输出JSON
    #[arg(long)]
    pub json: bool,
}

fn date_epoch(year: &str) -> Result<DateEpoch, String> {
    let epoch = year.parse().ok().and_then(DateEpoch::of_year);
    epoch.ok_or_else(|| "it is 1900 or 1904".to_owned())
}

/// Arguments of `sample`.
#[derive(Debug, Args)]
pub struct SampleArguments {
    /// Seed of the generator; the same seed gives the same files / 随机种子，相同种子生成相同文件
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder to make; it must not exist / 要生成的文件夹，不得已存在
    #[arg(long)]
    pub out: PathBuf,
    /// How many times 40,000 register rows / 登记行数为四万的多少倍
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2500))]
    pub scale: u32,
    /// `realistic` (as agencies write) or `none`, then kinds with their shares of
    /// the rows, as in `none,masked=0.02,mixed_dates=0.5` / 脏数据种类与比例
    #[arg(long, default_value = REALISTIC, value_parser = DirtChoice::parse)]
    pub dirt: DirtChoice,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell / 命令行外壳
    pub shell: clap_complete::Shell,
}
