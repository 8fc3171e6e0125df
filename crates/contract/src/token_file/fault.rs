//! Why a token file was refused.

use aidlink_faults::text::Text;
use aidlink_files::document::DocumentFault;
use parquet::errors::ParquetError;

use crate::token_table::TableFault;

/// Why a token file was refused. No variant holds a token or text from the file.
#[derive(Debug)]
pub enum TokenFileFault {
    /// The file is damaged or not a Parquet file.
    Unreadable,
    /// The metadata does not describe a token file, or has another version.
    Metadata(DocumentFault),
    /// A digest or the key id in the metadata is malformed.
    Identifiers,
    /// The token column is missing, is not 16 bytes wide, or has empty cells.
    TokenColumn,
    /// The column for a rule of the policy on this export is missing.
    RuleMissing(String),
    /// The column at this position, from 1, is not a rule of the policy on this
    /// export. Its name is not shown, because it is arbitrary text.
    ColumnBeyondPolicy(usize),
    /// The rules' columns are not in the policy's order.
    Order,
    /// An outcome column does not hold outcomes: unsigned 8-bit integers from 0 to 3,
    /// none missing.
    NotOutcomes(String),
    /// The token table violates its contract.
    Table(TableFault),
    /// The row account does not add up, or states fewer sent rows than the
    /// file has tokens.
    Account,
}

impl TokenFileFault {
    /// Returns the message for a user.
    pub fn text(&self) -> Text {
        match self {
            TokenFileFault::Unreadable => Text::new(
                "令牌文件已损坏、不完整，或不是 Parquet 文件",
                "the token file is damaged, truncated or not a Parquet file",
            ),
            TokenFileFault::Metadata(
                fault @ (DocumentFault::Newer { .. } | DocumentFault::Older { .. }),
            ) => fault.text(&Text::new("令牌文件", "token file")),
            TokenFileFault::Metadata(_) => Text::new(
                "文件的元数据不完整，或不是令牌文件的元数据",
                "the file's metadata is incomplete or does not describe a token file",
            ),
            TokenFileFault::Identifiers => Text::new(
                "文件的元数据中，摘要或密钥编号格式不符",
                "a digest or the key id in the file's metadata is malformed",
            ),
            TokenFileFault::TokenColumn => Text::new(
                "“token”列缺失、宽度不是16字节或有空值",
                "the column `token` is missing, is not 16 bytes wide, or has empty cells",
            ),
            TokenFileFault::RuleMissing(rule) => Text::new(
                format!("缺少规则 {rule} 的结果列"),
                format!("the column for rule {rule} is missing"),
            ),
            TokenFileFault::ColumnBeyondPolicy(place) => Text::new(
                format!("第{place}列不是规则文件中针对该导出的规则，不得传送"),
                format!(
                    "column {place} is not a rule of the policy for this export and must not be sent"
                ),
            ),
            TokenFileFault::Order => Text::new(
                "结果列的顺序与规则文件不同",
                "the outcome columns are not in the policy's order",
            ),
            TokenFileFault::NotOutcomes(column) => Text::new(
                format!("列“{column}”不是判断结果（0至3的8位无符号整数）"),
                format!(
                    "the column `{column}` does not hold outcomes (unsigned 8-bit integers from 0 to 3)"
                ),
            ),
            TokenFileFault::Table(fault) => fault.text(),
            TokenFileFault::Account => Text::new(
                "文件中的行数核对不符",
                "the row account in the file does not add up",
            ),
        }
    }

    /// Returns what the receiver must do; `None` if the sender must send the
    /// file again.
    pub fn hint(&self) -> Option<Text> {
        match self {
            TokenFileFault::Metadata(fault @ DocumentFault::Newer { .. }) => Some(fault.hint()),
            _ => None,
        }
    }
}

impl From<ParquetError> for TokenFileFault {
    // The library's message may quote the file, so it is dropped.
    fn from(_: ParquetError) -> Self {
        TokenFileFault::Unreadable
    }
}

impl From<TableFault> for TokenFileFault {
    fn from(fault: TableFault) -> Self {
        TokenFileFault::Table(fault)
    }
}
