//! The checks of the compliance officer. Each check is mechanical and finds held, not
//! held or not applicable, with its evidence. Their numbers and order are those in
//! docs/compliance.md.

mod as_configured;
mod basis;
mod finding;
mod keeping;
mod key;
mod lists;
mod register;
mod rows;

use aidlink_faults::text::Text;
use serde::Serialize;

use super::evidence::Evidence;
pub use finding::{Finding, State};

/// A check and its result.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its number.
    pub number: usize,
    /// The requirement that it checks.
    pub title: Text,
    /// Its result.
    #[serde(flatten)]
    pub finding: Finding,
}

type CheckFn = fn(&Evidence) -> Finding;

/// The titles (Chinese, English) and functions of the checks. PIPL: Personal Information
/// Protection Law; DSL: Data Security Law; LPM: Law on the Protection of Minors; CPL:
/// Criminal Procedure Law.
const CHECKS: [(&str, &str, CheckFn); 30] = [
    (
        "影响评估编号齐全，未过期（个保法55）",
        "an impact assessment, not expired (PIPL 55)",
        basis::impact_assessment,
    ),
    (
        "每个来源有法律依据（个保法13、34）",
        "a legal basis for each source (PIPL 13, 34)",
        basis::legal_basis,
    ),
    (
        "只读取已声明且需要的列（个保法6）",
        "only columns that are declared and needed were read (PIPL 6)",
        basis::only_needed_columns,
    ),
    (
        "存在而未读取的列已列明（个保法6）",
        "columns present and not read are listed (PIPL 6)",
        basis::unread_columns,
    ),
    (
        "输出和日志中没有证件号码、电话号码、银行卡号（个保法51）",
        "no ID, telephone or bank card number in any output or log (PIPL 51)",
        keeping::no_numbers,
    ),
    (
        "密钥至少128位，仅限本人，只记其编号",
        "the key has at least 128 bits, is owner-only, and only its id is written",
        key::key_file,
    ),
    (
        "写明算法，且通过已知答案测试（GB/T 39786）",
        "the algorithm is named and passed its known-answer test (GB/T 39786)",
        key::algorithm,
    ),
    (
        "所有来源用同一密钥",
        "one key for all sources",
        key::one_key,
    ),
    (
        "输入有摘要、行数、提取日",
        "inputs with digest, rows and snapshot",
        rows::inputs,
    ),
    (
        "每个来源的行数核对相符",
        "the account of each source adds up",
        rows::accounts,
    ),
    (
        "拒收按原因列出，不含原值",
        "rejects by reason, without values",
        rows::rejects,
    ),
    (
        "提取日未超过阈值",
        "snapshots within the limit",
        rows::snapshots,
    ),
    (
        "每份清单只含其接收方的行（个保法6）",
        "each list contains only its recipient's rows (PIPL 6)",
        lists::recipients,
    ),
    (
        "未成年人单列清单（未保法103、111）",
        "minors on lists of their own (LPM 103, 111)",
        lists::minors,
    ),
    (
        "只处理规则文件允许的诉讼地位（刑诉法286）",
        "only roles that the policy allows are processed (CPL 286)",
        rows::roles,
    ),
    (
        "封存记录和死者不予处理（刑诉法286，个保法6）",
        "sealed records and the dead are withheld (CPL 286, PIPL 6)",
        rows::seal_and_death,
    ),
    (
        "过小的统计数已隐去",
        "small cells are suppressed",
        keeping::small_cells,
    ),
    (
        "文件仅限本人访问，已密封，标明保密（个保法51）",
        "files owner-only, sealed, marked confidential (PIPL 51)",
        keeping::protected,
    ),
    (
        "有删除期限，删除有证明（个保法19、47）",
        "a day of deletion is set, and deletion is proven (PIPL 19, 47)",
        keeping::retention,
    ),
    (
        "日志以摘要相连，与运行记录一同签名，运行记录与所用配置一致（个保法54）",
        "the log is hash-chained and signed with the manifest, which says what was configured (PIPL 54)",
        keeping::log,
    ),
    (
        "经办人与批准人不同",
        "operator and approver differ",
        register::approver,
    ),
    (
        "每条线索有规则、版本和核查事项",
        "each lead names its rules, their version and what to check",
        lists::rules,
    ),
    (
        "重新运行逐字节相同",
        "byte-identical on a second run",
        lists::second_run,
    ),
    (
        "不使用网络（数安法27）",
        "no network was used (DSL 27)",
        key::network,
    ),
    (
        "日历涵盖每个期限，否则标为暂定",
        "the calendar covers every deadline, or it is marked provisional",
        lists::deadlines,
    ),
    (
        "登记簿完整，已签名（个保法51、54）",
        "the register is whole and signed (PIPL 51, 54)",
        register::whole,
    ),
    (
        "登记簿就是本轮所读的那一本（个保法54）",
        "the register is the one that the round read (PIPL 54)",
        register::as_read,
    ),
    (
        "登记簿及其密钥仅限本人，密钥不在轮次文件夹中（个保法51）",
        "register and keys owner-only, the key in no round's folder (PIPL 51)",
        register::protected,
    ),
    (
        "登记簿中没有证件号码、电话号码、银行卡号（个保法6、51）",
        "no ID, telephone or bank card number in the register (PIPL 6, 51)",
        register::no_numbers,
    ),
    (
        "登记簿与轮次分开保存（个保法19、47）",
        "the register is kept apart from the round (PIPL 19, 47)",
        register::retention,
    ),
];

/// Makes all checks, in order.
pub fn all(evidence: &Evidence) -> Vec<Check> {
    CHECKS
        .iter()
        .enumerate()
        .map(|(index, (zh, en, check))| Check {
            number: index + 1,
            title: Text::new(*zh, *en),
            finding: check(evidence).shown(),
        })
        .collect()
}
