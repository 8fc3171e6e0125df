//! The command `identity`, which is the same at every office.

use std::path::PathBuf;

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use serde::Serialize;

use crate::ending::Ending;
use crate::sealed::new_identity;
use crate::terminal::Output;

/// The verbs of `identity`.
#[derive(Debug, clap::Subcommand)]
pub enum IdentityCommand {
    /// Make an identity file and print its recipient / 生成身份文件并输出收件人公钥
    New {
        /// The file to make; it must not exist / 要生成的文件，须尚不存在
        file: PathBuf,
    },
}

/// The answer of `identity new`.
#[derive(Serialize)]
struct MadeIdentity<'a> {
    file: &'a str,
    recipient: &'a str,
}

/// Makes an identity file and prints its recipient.
pub fn run(command: &IdentityCommand, output: Output) -> Ending {
    let IdentityCommand::New { file } = command;
    let recipient = match new_identity(file) {
        Ok(recipient) => recipient.to_string(),
        Err(faults) => return Ending::Failed(faults),
    };
    let shown = shown_path(file);
    let text = Text::new(
        format!("已生成身份文件 {shown}，仅限本人读取。收件人公钥（可公开）：{recipient}"),
        format!(
            "made the identity {shown}, owner-only. Its recipient (may be public): {recipient}"
        ),
    );
    let made = MadeIdentity {
        file: &shown,
        recipient: &recipient,
    };
    output.answer(&text, &recipient, &made);
    Ending::Done
}
