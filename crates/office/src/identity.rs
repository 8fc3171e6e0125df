//! The command that makes an office's identity, the same at every office.

use std::path::Path;

use aidlink_faults::text::{Language, Text};

use crate::ending::Ending;
use crate::sealed::new_identity;
use crate::terminal;

/// Makes an identity file and says its recipient.
pub fn make(file: &Path, language: Language) -> Ending {
    match new_identity(file) {
        Ok(recipient) => {
            let file = file.display();
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
