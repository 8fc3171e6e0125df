//! The command line. Each help text holds both languages, as `English / 中文`.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use aidlink_office::command_line::{CommonArguments, VerbHelp};
use aidlink_office::identity::IdentityCommand;
use aidlink_office::purging::PurgeArguments;
use aidlink_office::signing::SigningCommand;
use aidlink_office::terms::RoundCommand;
use aidlink_policy::reading::DateEpoch;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};

use aidlink_sample::columns::Columns;
use aidlink_sample::dirt::{DirtChoice, REALISTIC};

/// Find people who qualify for judicial aid and social aid and were never referred
/// / 找出同时符合司法救助与社会救助条件而从未转介的人
#[derive(Debug, Parser)]
#[command(name = "aidlink", version, propagate_version = true)]
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
    /// Run a round of joint screening, from exports to match lists / 运行一轮联合筛查，从导出到匹配清单
    Run(RunArguments),
    /// Turn one export of a split round into a token file for the centre / 由一份导出生成令牌文件，送筛查机构（分步模式）
    Tokenise(TokeniseArguments),
    /// Turn screened leads into match lists, at the procuratorate / 在检察机关把线索还原为匹配清单（分步模式）
    Resolve(ResolveArguments),
    /// Check the output of a step, for the compliance officer / 核查某一步骤的输出，供合规人员使用
    Audit(AuditArguments),
    /// Delete the data of a round that is due, with a signed record / 到期删除轮次数据，并签署删除记录
    Purge(PurgeArguments),
    /// Make this office's signing key / 生成本机构的签名私钥
    #[command(subcommand)]
    Signing(SigningCommand),
    /// Write a round file, or show what the offices of a split round must agree on / 新建轮次文件，或显示各机构须一致的轮次约定
    #[command(subcommand)]
    Round(RoundVerb),
    /// Make, identify, seal and open round keys / 生成、识别、密封、打开轮次密钥
    Key(KeyArguments),
    /// Make the identity with which this office opens sealed files / 生成本机构打开密封文件的身份文件
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Check, test, explain and compare policies / 检查、测试、说明和比较规则文件
    Policy(PolicyArguments),
    /// Check an export before the round, without a key / 在轮次开始前核查导出，不需要密钥
    Schema(SchemaArguments),
    /// Keep the register: what becomes of each lead / 登记簿：记录每条线索的后续办理
    Register(RegisterArguments),
    /// Make a synthetic round / 生成合成数据的样例轮次
    Sample(SampleArguments),
    /// Print shell completions / 输出命令行补全脚本
    Completions(CompletionsArguments),
}

/// Examples and exit codes of each verb, for its help.
pub const VERBS: &[VerbHelp] = &[
    VerbHelp {
        verb: "",
        examples: &[
            "aidlink run sample_data/2026Q3/round.toml",
            "aidlink run --help",
        ],
        exit_codes: &[0, 1, 2, 3, 4],
    },
    VerbHelp {
        verb: "run",
        examples: &[
            "aidlink run sample_data/2026Q3/round.toml",
            "aidlink run round.toml --dry-run",
            "aidlink run round.toml --output output-2 --threads 4 --lang zh",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "tokenise",
        examples: &["aidlink tokenise round.toml --export civil-affairs.assistance"],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "resolve",
        examples: &["aidlink resolve round.toml --leads leads.json.age --identity office.identity"],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "audit",
        examples: &[
            "aidlink audit sample_data/2026Q3 --public-key sample_data/2026Q3/signing.pub",
            "aidlink audit sample_data/2026Q3 --rerun --json",
            "aidlink audit sample_data/2026Q3 --prove-minimisation",
        ],
        exit_codes: &[0, 1, 2, 4],
    },
    VerbHelp {
        verb: "audit verify",
        examples: &[
            "aidlink audit verify sample_data/2026Q3 --public-key sample_data/2026Q3/signing.pub",
        ],
        exit_codes: &[0, 1, 2, 4],
    },
    VerbHelp {
        verb: "audit matrix",
        examples: &["aidlink audit matrix sample_data/2026Q3/round.toml --output matrix"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "purge",
        examples: &[
            "aidlink purge sample_data/2026Q3 --dry-run",
            "aidlink purge sample_data/2026Q3 --early \"round withdrawn\"",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register take",
        examples: &["aidlink register take round.toml --register register/register.db"],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register decide",
        examples: &[
            "aidlink register decide round.toml --register register/register.db output/review/adults.xlsx",
            "aidlink register decide round.toml --register register/register.db adults.xlsx minors.ods --refused refused.csv",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "signing new",
        examples: &["aidlink signing new signing.key"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "round new",
        examples: &[
            "aidlink round new 2026Q4",
            "aidlink round new 2026Q4 --split --as-of 2026-12-31",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "round terms",
        examples: &["aidlink round terms round.toml"],
        exit_codes: &[0, 2],
    },
    VerbHelp {
        verb: "key new",
        examples: &["aidlink key new round.toml"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "key id",
        examples: &["aidlink key id round.toml"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "key seal",
        examples: &["aidlink key seal round.toml --recipient age1... --out civil-affairs.key.age"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "key open",
        examples: &[
            "aidlink key open round.toml --sealed civil-affairs.key.age --identity office.identity",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "identity new",
        examples: &["aidlink identity new office.identity"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "policy check",
        examples: &["aidlink policy check policies/shaoguan.toml"],
        exit_codes: &[0, 2],
    },
    VerbHelp {
        verb: "policy test",
        examples: &["aidlink policy test policies/shaoguan.toml"],
        exit_codes: &[0, 1, 2, 4],
    },
    VerbHelp {
        verb: "policy explain",
        examples: &[
            "aidlink policy explain policies/shaoguan.toml",
            "aidlink policy explain policies/shaoguan.toml --id dibao",
        ],
        exit_codes: &[0, 2],
    },
    VerbHelp {
        verb: "policy diff",
        examples: &["aidlink policy diff shaoguan my-city.toml"],
        exit_codes: &[0, 2],
    },
    VerbHelp {
        verb: "schema check",
        examples: &[
            "aidlink schema check students.xlsx",
            "aidlink schema check students.xlsx --policy policies/shaoguan.toml --json",
            "aidlink schema check dibao.xlsx --constant kind=dibao --constant status=active",
            "aidlink schema check dibao.xlsx --round round.toml",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register",
        examples: &[
            "aidlink register init register --operator zhang",
            "aidlink register show --register register/register.db --stage to_send",
        ],
        exit_codes: &[0, 1, 2, 3, 4],
    },
    VerbHelp {
        verb: "register init",
        examples: &["aidlink register init register --operator zhang --signing-key signing.key"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "register note",
        examples: &[
            "aidlink register note --register register/register.db --operator zhang --lead 04HM-ASW9-dibao --kind sent --on 2026-10-12 --set as=ordinary --set letter=12",
            "aidlink register note --register register/register.db --operator zhang --csv replies.csv",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register import",
        examples: &[
            "aidlink register import ledger.xlsx --register register/register.db --policy shaoguan --operator zhang",
            "aidlink register import ledger.xlsx --register register/register.db --policy shaoguan --operator zhang --reading ledger.toml --refused refused.csv",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register show",
        examples: &["aidlink register show --register register/register.db --name LI --events"],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "register due",
        examples: &[
            "aidlink register due --register register/register.db --policy shaoguan --as-of 2026-11-30",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "register export",
        examples: &[
            "aidlink register export --register register/register.db --policy shaoguan --out ledger.xlsx",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "register backup",
        examples: &[
            "aidlink register backup --register register/register.db --out backup/register.db",
            "aidlink register backup --register register/register.db --out register.age --seal-to age1...",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "register rekey",
        examples: &[
            "aidlink register rekey --register register/register.db --export cases.csv --new-key register/new.key --operator zhang --because lost",
        ],
        exit_codes: &[0, 1, 2, 3],
    },
    VerbHelp {
        verb: "register verify",
        examples: &["aidlink register verify --register register/register.db"],
        exit_codes: &[0, 1, 2, 4],
    },
    VerbHelp {
        verb: "sample",
        examples: &[
            "aidlink sample --out sample",
            "aidlink sample --out sample --scale 10 --dirt none,masked=0.02",
            "aidlink sample --out sample --columns minimal",
        ],
        exit_codes: &[0, 1, 2],
    },
    VerbHelp {
        verb: "completions",
        examples: &["aidlink completions bash"],
        exit_codes: &[0, 2],
    },
];

/// The verbs of `round`.
#[derive(Debug, Subcommand)]
pub enum RoundVerb {
    /// Look at the files of a folder and write a round file to fill in / 查看文件夹中的导出，生成待填写的轮次文件
    New(RoundNewArguments),
    /// What every office can do with a round file
    #[command(flatten)]
    OfOffice(RoundCommand),
}

/// Arguments of `round new`.
#[derive(Debug, Args)]
pub struct RoundNewArguments {
    /// The folder with the exports / 存放导出的文件夹
    pub folder: PathBuf,
    /// The round's id [default: the quarter of the as-of date] / 轮次编号，默认为基准日所在季度
    #[arg(long)]
    pub id: Option<String>,
    /// The as-of date [default: asked on a terminal, otherwise today] / 基准日，在终端上会提问，否则默认今天
    #[arg(long, value_parser = date)]
    pub as_of: Option<jiff::civil::Date>,
    /// For a split round, with the offices' public keys to fill in / 分步模式，须填写各机构的公钥
    #[arg(long)]
    pub split: bool,
    /// The register that is read in place of the export of referrals / 登记簿，代替移送登记的导出
    #[arg(long)]
    pub register: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// This office's signing key [default: the round file's] / 本机构的签名私钥，默认按轮次文件
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder [default: the round file's `output`] / 输出文件夹，默认按轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Number of threads [default: one per core] / 线程数，默认每核一个
    #[arg(long, value_parser = threads)]
    pub threads: Option<u16>,
    /// Only say what the exports would give; write nothing and use no key / 只说明各导出的结果，不写任何文件，不用密钥
    #[arg(long, conflicts_with_all = ["signing_key", "output"])]
    pub dry_run: bool,
}

/// Arguments of `tokenise`.
#[derive(Debug, Args)]
pub struct TokeniseArguments {
    /// The round file / 轮次文件
    pub round: PathBuf,
    /// The export, named by its schema / 导出，以其模式名称指明
    #[arg(long)]
    pub export: String,
    /// This office's signing key [default: the round file's] / 本机构的签名私钥，默认按轮次文件
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder [default: the round file's `output`] / 输出文件夹，默认按轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Number of threads [default: one per core] / 线程数，默认每核一个
    #[arg(long, value_parser = threads)]
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
    /// The identity file that opens sealed leads; plain leads need none / 用于打开密封的线索文件的身份文件，明文线索文件不需要
    #[arg(long)]
    pub identity: Option<PathBuf>,
    /// This office's signing key [default: the round file's] / 本机构的签名私钥，默认按轮次文件
    #[arg(long)]
    pub signing_key: Option<PathBuf>,
    /// Output folder [default: the round file's `output`] / 输出文件夹，默认按轮次文件的 output
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AuditArguments {
    /// The verb; without one, all checks are made
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// An output folder, or the folder of the round file / 输出文件夹，或轮次文件所在文件夹
    #[arg(required = true)]
    pub folder: Option<PathBuf>,
    /// Which signatures to trust
    #[command(flatten)]
    pub trust: TrustArguments,
    /// Run the round again in memory and compare the lists / 在内存中重新运行并比对清单
    #[arg(long)]
    pub rerun: bool,
    /// Run the step again with the cells of unread columns exchanged between rows: nothing that leaves may change
    /// / 把未读取各列的单元格在行间对调后重新运行，离开本机构的内容须不变
    #[arg(long)]
    pub prove_minimisation: bool,
    /// The identity that opens sealed leads, to run `resolve` again / 打开密封线索的身份文件（重新运行 resolve 时）
    #[arg(long, value_name = "FILE", requires = "prove_minimisation")]
    pub identity: Option<PathBuf>,
    /// Write the result as a printable page (HTML), to be signed and filed; outside the output folders
    /// / 把结果写成可打印、可签字归档的网页（HTML），放在输出文件夹之外
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Which signatures to trust, and which round file to compare with.
#[derive(Debug, Args)]
pub struct TrustArguments {
    /// A public key to trust: a file, or the line that begins with RW; may be repeated
    /// / 指明的公钥：文件，或以 RW 开头的一行；可多次使用
    #[arg(long = "public-key")]
    pub public_keys: Vec<String>,
    /// The round file [default: the one beside the output folder] / 轮次文件，默认为输出文件夹旁的轮次文件
    #[arg(long)]
    pub round: Option<PathBuf>,
}

/// The verbs of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check whether files were changed, removed or added after signing / 核对签名后有无文件被改动、删除或添加
    Verify {
        /// An output folder, or the folder of the round file / 输出文件夹，或轮次文件所在文件夹
        folder: PathBuf,
        /// Which signatures to trust
        #[command(flatten)]
        trust: TrustArguments,
    },
    /// Show before a run which columns it would read, and why / 在运行前显示将读取哪些列、为何读取
    Matrix {
        /// The round file / 轮次文件
        round: PathBuf,
        /// Folder to write the matrix to (CSV, JSON, printable pages) / 存放核对表的文件夹（CSV、JSON、可打印页面）
        #[arg(long)]
        output: Option<PathBuf>,
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
    /// Make the round's key file / 生成轮次密钥文件
    New {
        /// The round file / 轮次文件
        round: PathBuf,
    },
    /// Print the id of the round's key / 输出轮次密钥的编号
    Id {
        /// The round file / 轮次文件
        round: PathBuf,
    },
    /// Seal the round's key to an agency / 把轮次密钥密封给某一机构
    #[command(group(ArgGroup::new("to").required(true)))]
    Seal {
        /// The round file / 轮次文件
        round: PathBuf,
        /// The agency's recipient, age1... / 该机构的收件人公钥（以 age1 开头）
        #[arg(long, group = "to")]
        recipient: Option<String>,
        /// A file with a passphrase on its first line, instead of a recipient / 口令文件（首行为口令），替代收件人公钥
        #[arg(long, group = "to")]
        passphrase_file: Option<PathBuf>,
        /// The sealed file to write / 要写出的密封文件
        #[arg(long)]
        out: PathBuf,
        /// The procuratorate's signing key [default: the round file's] / 检察机关的签名私钥，默认按轮次文件
        #[arg(long)]
        signing_key: Option<PathBuf>,
    },
    /// Open a sealed key and write the round's key file / 打开密封的密钥，写入轮次密钥文件
    #[command(group(ArgGroup::new("opener").required(true)))]
    Open {
        /// The round file / 轮次文件
        round: PathBuf,
        /// The sealed key / 密封的密钥
        #[arg(long)]
        sealed: PathBuf,
        /// This agency's identity file / 本机构的身份文件
        #[arg(long, group = "opener")]
        identity: Option<PathBuf>,
        /// A file with the passphrase on its first line / 口令文件（首行为口令）
        #[arg(long, group = "opener")]
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

/// The files of a policy and of its export schemas.
#[derive(Debug, Args)]
pub struct PolicyFile {
    /// The policy file, or the name of one that comes with the program / 规则文件，或程序自带规则文件的名称
    pub policy: String,
    /// Folder of export schemas [default: ../schemas, seen from the policy, or those that come with the program] / 导出模式文件夹，默认为相对于规则文件的 ../schemas，没有则用程序自带的模式
    #[arg(long)]
    pub schemas: Option<PathBuf>,
}

/// The verbs of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check a policy and list all of its errors / 检查规则文件，一次列出全部错误
    Check(PolicyFile),
    /// Run the cases in a policy and try its guarantees / 运行规则文件中的用例，并试验各项保证
    Test(PolicyFile),
    /// Explain a rule, term, aid, guarantee or parameter, and where it comes from / 说明规则、术语、救助项目、保证或参数及其来源
    Explain {
        /// The policy
        #[command(flatten)]
        file: PolicyFile,
        /// Its id [default: all aids, guarantees and parameters] / 编号，默认为全部救助项目、保证和参数
        #[arg(long)]
        id: Option<String>,
    },
    /// Say what differs between two policies / 说明两份规则文件有何不同
    Diff {
        /// The policy
        #[command(flatten)]
        file: PolicyFile,
        /// The other policy, named likewise / 另一份规则文件，写法相同
        other: String,
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
    /// Show what aidlink recognises in an export and what to correct / 核查一份导出：识别出什么、须更正什么
    Check(SchemaCheckArguments),
}

/// Arguments of `schema check`.
#[derive(Debug, Args)]
pub struct SchemaCheckArguments {
    /// The export / 导出
    pub export: PathBuf,
    /// A round file that names the export: reads it as the round does / 写有此导出的轮次文件：按该轮次的规定读取
    #[arg(
        long,
        conflicts_with_all = [
            "schema", "schemas", "policy", "as_of", "sheet", "sheets", "date_epoch", "constants",
        ],
    )]
    pub round: Option<PathBuf>,
    /// Name of its schema [default: the schema that fits the header best] / 模式名称，默认按表头识别
    #[arg(long)]
    pub schema: Option<String>,
    /// Folder of export schemas [default: `schemas`, or those that come with the program] / 导出模式文件夹，默认为 schemas，没有则用程序自带的模式
    #[arg(long)]
    pub schemas: Option<PathBuf>,
    /// The policy by which a round would read the export [default: the one that comes with the program] / 轮次所用的规则文件，默认用程序自带的规则文件
    #[arg(long)]
    pub policy: Option<PathBuf>,
    /// The as-of date [default: today] / 基准日，默认今天
    #[arg(long, value_parser = date)]
    pub as_of: Option<jiff::civil::Date>,
    /// The sheet to read, for a workbook / 工作表名称（用于工作簿）
    #[arg(long, conflicts_with = "sheets")]
    pub sheet: Option<String>,
    /// The sheets to read, for a workbook: `all`, or names separated by commas / 要读取的工作表（用于工作簿）：all，或以逗号分隔的名称
    #[arg(long, value_delimiter = ',')]
    pub sheets: Vec<String>,
    /// The year from which date serial numbers count, 1900 or 1904 / 日期序列号的起算年，1900或1904
    #[arg(long, default_value = "1900", value_parser = date_epoch)]
    pub date_epoch: DateEpoch,
    /// A value that a field has in every row; may be repeated / 每一行的固定值，可重复
    #[arg(long = "constant", value_name = "FIELD=VALUE", value_parser = constant)]
    pub constants: Vec<(String, String)>,
}

// The parsers of clap and jiff explain a wrong value in English only.

fn threads(number: &str) -> Result<u16, String> {
    whole_number(number, 1, 512)
}

fn scale(number: &str) -> Result<u32, String> {
    whole_number(number, 1, 2500)
}

fn seed(number: &str) -> Result<u64, String> {
    whole_number(number, 0, u64::MAX)
}

fn whole_number<N>(number: &str, least: N, most: N) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = number.parse().ok();
    let number = number.filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| {
        format!("expected a whole number from {least} to {most} / 应为{least}至{most}的整数")
    })
}

fn date(day: &str) -> Result<jiff::civil::Date, String> {
    let day = aidlink_register::form::day(day);
    day.ok_or_else(|| "expected a date such as 2026-09-30 / 应为日期，如 2026-09-30".to_owned())
}

fn constant(written: &str) -> Result<(String, String), String> {
    let parts = written.split_once('=');
    let parts = parts.map(|(field, value)| (field.trim(), value.trim()));
    let parts = parts.filter(|(field, value)| !field.is_empty() && !value.is_empty());
    parts
        .map(|(field, value)| (field.to_owned(), value.to_owned()))
        .ok_or_else(|| {
            "expected FIELD=VALUE, such as kind=dibao / 应为 字段=值，如 kind=dibao".to_owned()
        })
}

fn date_epoch(year: &str) -> Result<DateEpoch, String> {
    let epoch = year.parse().ok().and_then(DateEpoch::of_year);
    epoch.ok_or_else(|| "expected 1900 or 1904 / 应为1900或1904".to_owned())
}

/// Arguments of `sample`.
#[derive(Debug, Args)]
pub struct SampleArguments {
    /// Seed of the generator; equal seeds give equal files / 随机种子，相同种子生成相同文件
    #[arg(long, default_value_t = 1, value_parser = seed)]
    pub seed: u64,
    /// The folder to make; it must not exist / 要生成的文件夹，须尚不存在
    #[arg(long)]
    pub out: PathBuf,
    /// Size: 40,000 register rows times this number / 规模：名册行数为此数乘以四万
    #[arg(long, default_value_t = 1, value_parser = scale)]
    pub scale: u32,
    /// Dirt in the data: realistic or none, then kinds with their shares of rows
    /// / 脏数据：realistic 或 none，其后可写种类及所占行数比例
    #[arg(long, default_value = REALISTIC, value_parser = DirtChoice::parse)]
    pub dirt: DirtChoice,
    /// Columns of the exports: the fewest that give leads, those that offices usually have, or all
    /// / 导出所含的列：能得出线索的最少列、各机构通常具备的列、全部列
    #[arg(long, default_value = "all", value_parser = columns())]
    pub columns: Columns,
}

/// Parses a choice of columns, and lists the choices in the help.
fn columns() -> impl TypedValueParser<Value = Columns> {
    let names = Columns::ALL.map(Columns::name);
    PossibleValuesParser::new(names).try_map(|name| Columns::parse(&name))
}

/// Arguments of `register`.
#[derive(Debug, Args)]
pub struct RegisterArguments {
    /// What to do with the register
    #[command(subcommand)]
    pub command: RegisterCommand,
}

/// The verbs of `register`.
#[derive(Debug, Subcommand)]
pub enum RegisterCommand {
    /// Make a register with its own key, in a new folder / 在新文件夹中建立登记簿及其密钥
    Init(RegisterInitArguments),
    /// Record the leads of a finished round / 登记已完成轮次的线索
    Take(RoundInRegister),
    /// Take in decisions from lists that were filled in / 收录填写后的清单中的核查结论
    Decide(DecideArguments),
    /// Record what happened to a lead or a person / 登记线索或人员的办理事项
    Note(Box<RegisterNoteArguments>),
    /// Take in a ledger that was kept before, or an export of referrals / 收录以前的台账或移送登记导出
    Import(RegisterImportArguments),
    /// Show leads and their events / 查看线索及其事项
    Show(RegisterShowArguments),
    /// Show what is late or due / 查看逾期和待办
    Due(RegisterDueArguments),
    /// Write the ledger, one row a lead / 输出台账，每条线索一行
    Export(RegisterExportArguments),
    /// Copy the register while it may be in use / 备份登记簿，使用中也可备份
    Backup(RegisterBackupArguments),
    /// Make a new key, and the persons' tokens anew from an export / 更换密钥，并从导出重新生成人员令牌
    Rekey(RegisterRekeyArguments),
    /// Verify the register against its signed head / 核验登记簿与其签名
    Verify(RegisterVerifyArguments),
}

/// A register.
#[derive(Debug, Args)]
pub struct RegisterFile {
    /// The register / 登记簿文件
    #[arg(long, value_name = "FILE")]
    pub register: PathBuf,
    /// The office's signing key [default: signing.key beside the register] / 本机构的签名私钥，默认为登记簿旁的 signing.key
    #[arg(long, value_name = "FILE")]
    pub signing_key: Option<PathBuf>,
}

/// The policy and the calendar by which periods count.
#[derive(Debug, Args)]
pub struct RegisterTerms {
    /// The policy file, or the name of one that comes with the program: it sets the periods / 规则文件，或程序自带规则文件的名称，期限以其为准
    #[arg(long)]
    pub policy: String,
    /// Folder of export schemas [default: ../schemas, seen from the policy, or those that come with the program] / 导出模式文件夹，默认为相对于规则文件的 ../schemas，没有则用程序自带的模式
    #[arg(long)]
    pub schemas: Option<PathBuf>,
    /// The calendar of working days [default: the one that comes with the program] / 工作日日历，默认用程序自带的日历
    #[arg(long)]
    pub calendar: Option<PathBuf>,
    /// The day of reckoning [default: today] / 计算日，默认今天
    #[arg(long, value_parser = date)]
    pub as_of: Option<jiff::civil::Date>,
}

/// Arguments of `register init`.
#[derive(Debug, Args)]
pub struct RegisterInitArguments {
    /// The folder to make; it must not exist, and not be in a round's folder / 要建立的文件夹，须尚不存在，且不在轮次文件夹中
    pub folder: PathBuf,
    /// The office's signing key [default: a new one in the folder] / 本机构的签名私钥，默认在文件夹中新建
    #[arg(long, value_name = "FILE")]
    pub signing_key: Option<PathBuf>,
    /// Who makes it / 建立人
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// The token algorithm / 令牌算法
    #[arg(long, default_value = "hmac-sha256", value_parser = token_algorithm())]
    pub algorithm: aidlink_contract::token::TokenAlgorithm,
}

/// Parses a token algorithm, and lists them in the help.
fn token_algorithm() -> impl TypedValueParser<Value = aidlink_contract::token::TokenAlgorithm> {
    use aidlink_contract::token::TokenAlgorithm;
    let names = TokenAlgorithm::ALL.map(TokenAlgorithm::name);
    PossibleValuesParser::new(names)
        .try_map(|name| TokenAlgorithm::named(&name).ok_or("no such algorithm"))
}

/// Arguments of `register note`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true)))]
pub struct RegisterNoteArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The lead's number / 线索编号
    #[arg(long, value_name = "NUMBER", conflicts_with = "person")]
    pub lead: Option<String>,
    /// The person's number, if the event concerns no single lead / 人员编号（事项不限于某条线索时）
    #[arg(long, value_name = "NUMBER")]
    pub person: Option<String>,
    /// What happened: sent, signed_for, replied ... / 事项种类：移送、签收、反馈等
    #[arg(long, group = "what")]
    pub kind: Option<String>,
    /// The event that did not happen / 要撤销的事项编号
    #[arg(long, value_name = "EVENT", group = "what")]
    pub withdraw: Option<String>,
    /// A CSV file or workbook with an event in each row / CSV 文件或工作簿，每行一个事项
    #[arg(long, value_name = "FILE", visible_alias = "table", group = "what", conflicts_with_all = ["lead", "person", "on", "set", "correct"])]
    pub csv: Option<PathBuf>,
    /// The event that was wrong: --kind, --on and --set say what is right / 要更正的事项编号，正确内容由 --kind、--on、--set 给出
    #[arg(long, value_name = "EVENT", requires = "kind")]
    pub correct: Option<String>,
    /// The day on which it happened [default: today, of a correction the day of the event] / 发生日期，默认今天；更正时默认为原事项的日期
    #[arg(long, value_parser = date)]
    pub on: Option<jiff::civil::Date>,
    /// A field of the event, as NAME=TEXT; repeat it / 事项的一项内容，写作 名称=内容，可重复
    #[arg(long, value_name = "NAME=TEXT")]
    pub set: Vec<String>,
    /// Who records it; of a table, the rows that name nobody / 登记人；登记表格时，为未写登记人的各行的登记人
    #[arg(long, value_name = "NAME", required_unless_present = "csv")]
    pub operator: Option<String>,
    /// Who approved it, another person / 审批人，须为另一人
    #[arg(long, value_name = "NAME")]
    pub approver: Option<String>,
    /// Why it is recorded, if that is not plain / 登记原因（不言自明时可省略）
    #[arg(long, value_name = "TEXT")]
    pub because: Option<String>,
    /// Record nothing if one row is refused / 有一行被退回则全部不登记
    #[arg(long, requires = "csv")]
    pub all_or_nothing: bool,
}

/// Arguments of `register import`.
#[derive(Debug, Args)]
pub struct RegisterImportArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The ledger or the export of referrals: a CSV file or a workbook / 台账或移送登记导出，CSV 文件或工作簿
    #[arg(value_name = "FILE")]
    pub table: PathBuf,
    /// Who records it / 登记人
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// The policy file, or the name of one that comes with the program: it names aids and agencies / 规则文件，或程序自带规则文件的名称，救助项目和单位以其为准
    #[arg(long)]
    pub policy: String,
    /// Folder of export schemas [default: ../schemas, seen from the policy, or those that come with the program] / 导出模式文件夹，默认为相对于规则文件的 ../schemas，没有则用程序自带的模式
    #[arg(long)]
    pub schemas: Option<PathBuf>,
    /// Headers and labels of your own: a file with the keys `headers` and `values` of a reading file / 本地的表头和用语：以读取文件的 headers 和 values 两项写成的文件
    #[arg(long, value_name = "FILE")]
    pub reading: Option<PathBuf>,
    /// The register's key file, if the ledger has ID numbers [default: register.key beside the register] / 登记簿的密钥文件（台账有身份号码时需要），默认为登记簿旁的 register.key
    #[arg(long, value_name = "FILE")]
    pub register_key: Option<PathBuf>,
    /// Write what is not taken in to this new CSV file, owner-only / 把未收录的内容写入此新 CSV 文件，仅限本人读取
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
}

/// Arguments of `register show`.
#[derive(Debug, Args)]
pub struct RegisterShowArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// Part of a name / 姓名（可只写一部分）
    #[arg(long)]
    pub name: Option<String>,
    /// Part of a case number / 案号（可只写一部分）
    #[arg(long)]
    pub case: Option<String>,
    /// The lead's number / 线索编号
    #[arg(long, value_name = "NUMBER")]
    pub lead: Option<String>,
    /// The person's number / 人员编号
    #[arg(long, value_name = "NUMBER")]
    pub person: Option<String>,
    /// The id of the agency / 单位代号
    #[arg(long)]
    pub agency: Option<String>,
    /// The stage: lead, to_send ... / 阶段：lead、to_send 等
    #[arg(long)]
    pub stage: Option<String>,
    /// The policy file, or the name of one that comes with the program: it names the agencies / 规则文件，或程序自带规则文件的名称，各单位名称以其为准
    #[arg(long, default_value = "national")]
    pub policy: String,
    /// Folder of export schemas [default: ../schemas, seen from the policy, or those that come with the program] / 导出模式文件夹，默认为相对于规则文件的 ../schemas，没有则用程序自带的模式
    #[arg(long)]
    pub schemas: Option<PathBuf>,
    /// Show the events of each lead, also those that were corrected or withdrawn / 显示每条线索的全部事项，包括已更正和已撤销的
    #[arg(long)]
    pub events: bool,
}

/// Arguments of `register due`.
#[derive(Debug, Args)]
pub struct RegisterDueArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The periods
    #[command(flatten)]
    pub terms: RegisterTerms,
    /// Show also what is not late / 也显示未逾期的
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `register export`.
#[derive(Debug, Args)]
pub struct RegisterExportArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The periods
    #[command(flatten)]
    pub terms: RegisterTerms,
    /// The form of the file / 文件格式
    #[arg(long, default_value = "xlsx", value_parser = ["xlsx", "csv", "json"])]
    pub format: String,
    /// The file to write; it must not exist / 要写出的文件，须尚不存在
    #[arg(long)]
    pub out: PathBuf,
}

/// Arguments of `register backup`.
#[derive(Debug, Args)]
pub struct RegisterBackupArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The file to write; it must not exist / 要写出的文件，须尚不存在
    #[arg(long)]
    pub out: PathBuf,
    /// Seal register and key together to this recipient, age1... / 把登记簿和密钥一并密封给此收件人（age1…）
    #[arg(long, value_name = "RECIPIENT")]
    pub seal_to: Option<String>,
    /// The register's key file [default: register.key beside the register] / 登记簿的密钥文件，默认为登记簿旁的 register.key
    #[arg(long, value_name = "FILE", requires = "seal_to")]
    pub register_key: Option<PathBuf>,
}

/// Arguments of `register rekey`.
#[derive(Debug, Args)]
pub struct RegisterRekeyArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// An export with the ID numbers of the persons; repeat it / 有人员身份号码的导出，可重复
    #[arg(long, value_name = "FILE", required = true)]
    pub export: Vec<PathBuf>,
    /// The new key file; it must not exist / 新密钥文件，须尚不存在
    #[arg(long, value_name = "FILE")]
    pub new_key: PathBuf,
    /// The register's present key file [default: register.key beside the register] / 登记簿现用的密钥文件，默认为登记簿旁的 register.key
    #[arg(long, value_name = "FILE")]
    pub register_key: Option<PathBuf>,
    /// Who does it / 经办人
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// Why / 原因
    #[arg(long, value_name = "TEXT")]
    pub because: String,
}

/// Arguments of `register verify`.
#[derive(Debug, Args)]
pub struct RegisterVerifyArguments {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// Accept the register as it is, by the digest that `verify` prints / 按 verify 显示的登记簿摘要接受其现状
    #[arg(long, value_name = "DIGEST", requires_all = ["operator", "because"])]
    pub accept: Option<String>,
    /// Who accepts it / 接受人
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Why / 原因
    #[arg(long, value_name = "TEXT")]
    pub because: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell / 命令行解释器（shell）
    pub shell: clap_complete::Shell,
}

/// The register, and a finished round.
#[derive(Debug, Args)]
pub struct RoundInRegister {
    /// The register and its signing key
    #[command(flatten)]
    pub file: RegisterFile,
    /// The round file of a finished round / 已完成轮次的轮次文件
    pub round: PathBuf,
    /// The register's key file [default: register.key beside the register] / 登记簿的密钥文件，默认为登记簿旁的 register.key
    #[arg(long, value_name = "FILE")]
    pub register_key: Option<PathBuf>,
    /// The round's output folder, if there are several / 本轮的输出文件夹（有多个时须指明）
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// A public key that signed the round: a .pub file, or the line in it. Repeatable [default: the register's, and those of the procuratorate in the round file] / 签署本轮结果的公钥：.pub 文件，或其中一行。可多次给出，默认为登记簿的公钥和轮次文件所列检察机关的公钥
    #[arg(long = "public-key", value_name = "KEY")]
    pub public_keys: Vec<String>,
    /// Who records it [default: the operator of the round] / 登记人，默认为本轮的经办人
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
}

/// Arguments of `register decide`.
#[derive(Debug, Args)]
pub struct DecideArguments {
    /// The round and the register
    #[command(flatten)]
    pub round: RoundInRegister,
    /// Review workbooks and lists that were filled in / 填写后的核查工作簿和清单
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Who decided, for rows that do not say it / 未填写核查人的行，核查人为此人
    #[arg(long, value_name = "NAME")]
    pub decided_by: Option<String>,
    /// When, for rows that do not say it / 未填写核查日期的行，核查日期为此日
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub decided_on: Option<jiff::civil::Date>,
    /// Write the rows that are not taken in to this new CSV file, owner-only / 把未收录的行写入此新 CSV 文件，仅限本人读取
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
}
