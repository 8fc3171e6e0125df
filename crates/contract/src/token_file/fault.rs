//! Why a token file was refused.

use aidlink_faults::text::Text;
use aidlink_files::document::DocumentFault;
use parquet::errors::ParquetError;

use crate::token_table::TableFault;

/// Why a token file was refused. None shows a token or any text of the file.
#[derive(Debug)]
pub enum TokenFileFault {
    /// No Parquet file, or damaged.
    Unreadable,
    /// Its metadata is not that of a token file, or is of another version.
    Metadata(DocumentFault),
    /// Its metadata has something else where a digest or the key id belongs.
    Identifiers,
    /// The token column is missing, or is not 16 bytes wide, or has empty cells.
    TokenColumn,
    /// A column of a rule that the policy has on this export is missing.
    RuleMissing(String),
    /// The column at this place, from 1, is not a rule of the policy on this
    /// export. Its name is text from outside and is not shown.
    ColumnBeyondPolicy(usize),
    /// The rules' columns are not in the policy's order.
    Order,
    /// A column of outcomes is not Boolean.
    NotBoolean(String),
    /// The table breaks its own contract.
    Table(TableFault),
    /// The account does not add up, or says that fewer rows were sent than
    /// there are tokens.
    Account,
}

impl TokenFileFault {
    /// The sentence for a user.
    pub fn text(&self) -> Text {
        match self {
            TokenFileFault::Unreadable => Text::new(
                "令牌文件已损坏、不完整，或不是Parquet文件",
                "the token file is damaged, cut short, or no Parquet file",
            ),
            TokenFileFault::Metadata(
                fault @ (DocumentFault::Newer { .. } | DocumentFault::Older { .. }),
            ) => fault.text(&Text::new("令牌文件", "token file")),
            TokenFileFault::Metadata(_) => Text::new(
                "文件的元数据不是令牌文件的元数据，或不完整",
                "the file's metadata is not that of a token file, or is incomplete",
            ),
            TokenFileFault::Identifiers => Text::new(
                "文件的元数据中有摘要或密钥编号格式不符",
                "a digest or the key id in the file's metadata is malformed",
            ),
            TokenFileFault::TokenColumn => Text::new(
                "令牌列缺失，或不是每个16字节，或有空值",
                "the column `token` is missing, is not 16 bytes wide, or has empty cells",
            ),
            TokenFileFault::RuleMissing(rule) => Text::new(
                format!("缺少规则 {rule} 的结果列"),
                format!("the column of rule {rule} is missing"),
            ),
            TokenFileFault::ColumnBeyondPolicy(place) => Text::new(
                format!("第{place}列不是该导出的规则，不应传送"),
                format!(
                    "column {place} is not a rule of the policy on this export and must not be sent"
                ),
            ),
            TokenFileFault::Order => Text::new(
                "结果列的顺序与规则文件不同",
                "the columns of outcomes are not in the order of the policy",
            ),
            TokenFileFault::NotBoolean(column) => Text::new(
                format!("列“{column}”不是布尔型"),
                format!("the column `{column}` is not Boolean"),
            ),
            TokenFileFault::Table(fault) => fault.text(),
            TokenFileFault::Account => Text::new(
                "文件中的行数核对不平",
                "the account in the file does not add up",
            ),
        }
    }

    /// What the receiver itself must do; `None` where the sender must send again.
    pub fn hint(&self) -> Option<Text> {
        match self {
            TokenFileFault::Metadata(fault @ DocumentFault::Newer { .. }) => Some(fault.hint()),
            _ => None,
        }
    }
}

impl From<ParquetError> for TokenFileFault {
    // The library's own words may quote the file, so they are not kept.
    fn from(_: ParquetError) -> Self {
        TokenFileFault::Unreadable
    }
}

impl From<TableFault> for TokenFileFault {
    fn from(fault: TableFault) -> Self {
        TokenFileFault::Table(fault)
    }
}
