//! `aidlink identity`: the identity by which this office opens sealed files.

use aidlink_contract::text::{Language, Text};
use aidlink_office::sealed::new_identity;
use aidlink_office::terminal;

use super::Ending;
use crate::cli::{IdentityArguments, IdentityCommand};

/// Makes an identity and prints its recipient.
pub fn run(arguments: IdentityArguments, language: Language) -> Ending {
    let IdentityCommand::New { file } = arguments.command;
    match new_identity(&file) {
        Ok(recipient) => {
            let (file, recipient) = (file.display(), recipient.to_string());
            terminal::say(
                &Text::new(
                    format!(
                        "已生成身份文件 {file}，仅限本人读取。收件人公钥（可公开）：{recipient}"
                    ),
                    format!(
                        "made the identity {file}, owner-only. Its recipient, which may be public: {recipient}"
                    ),
                ),
                language,
            );
            Ending::Done
        }
        Err(faults) => Ending::Failed(faults),
    }
}
