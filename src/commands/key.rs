//! `aidlink key`: the round's key, made, identified, sealed to an agency and
//! opened by it.

use std::io::Write;
use std::path::Path;

use aidlink_agency::key::RoundKey;
use aidlink_faults::fault::{Fault, Faults, io_reason};
use aidlink_faults::text::{Language, Text};
use aidlink_files::owner_only::write_new_owner_only;
use aidlink_office::round::{KeyTerms, WrittenRound};
use aidlink_office::sealed::{Opener, Passphrase, Recipient};
use aidlink_office::terminal;

use super::Ending;
use crate::cli::{KeyArguments, KeyCommand};

/// A sealed key is a few lines.
const LONGEST_SEALED_KEY: u64 = 64 << 10;

/// Does what was asked with the key that a round names.
pub fn run(arguments: KeyArguments, language: Language) -> Ending {
    let round = match &arguments.command {
        KeyCommand::New { round }
        | KeyCommand::Id { round }
        | KeyCommand::Seal { round, .. }
        | KeyCommand::Open { round, .. } => round,
    };
    let terms = match WrittenRound::read(round).and_then(|round| round.key_terms()) {
        Ok(terms) => terms,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let said = match arguments.command {
        KeyCommand::New { .. } => make(&terms),
        KeyCommand::Id { .. } => RoundKey::read(&terms.file, &terms.round, &terms.purpose)
            .map(|key| Text::new(key.id(), key.id())),
        KeyCommand::Seal {
            recipient,
            passphrase_file,
            out,
            ..
        } => seal(
            &terms,
            recipient.as_deref(),
            passphrase_file.as_deref(),
            &out,
        ),
        KeyCommand::Open {
            sealed,
            identity,
            passphrase_file,
            ..
        } => open(
            &terms,
            &sealed,
            identity.as_deref(),
            passphrase_file.as_deref(),
        ),
    };
    match said {
        Ok(text) => {
            terminal::say(&text, language);
            Ending::Done
        }
        Err(faults) => Ending::Failed(faults),
    }
}

fn make(terms: &KeyTerms) -> Result<Text, Faults> {
    let key = RoundKey::create(&terms.file, &terms.round, &terms.purpose)?;
    let file = terms.file.display();
    let id = key.id();
    Ok(Text::new(
        format!("已生成密钥 {file}，编号 {id}。请勿与各机构的令牌放在一处。"),
        format!(
            "made the key {file}, id {id}. Never keep it where the tokens of several agencies are."
        ),
    ))
}

fn seal(
    terms: &KeyTerms,
    recipient: Option<&str>,
    passphrase_file: Option<&Path>,
    out: &Path,
) -> Result<Text, Faults> {
    if recipient.is_some() && recipient == terms.centre.as_deref() {
        return Err(Fault::of_file(
            out,
            Text::new(
                "这是筛查机构的收件人：筛查机构不得持有密钥",
                "this is the recipient of the centre, which must not have the key",
            ),
            Text::new(
                "请核对是哪个机构的收件人",
                "check whose recipient it should be",
            ),
        )
        .into());
    }
    let key = RoundKey::read(&terms.file, &terms.round, &terms.purpose)?;
    let text = key.to_text();
    let mut sealed = Vec::new();
    let written = match passphrase_file {
        Some(file) => Passphrase::read(file)?.seal(&mut sealed),
        None => Recipient::parse(recipient.unwrap_or_default())
            .ok_or_else(|| {
                Fault::of_file(
                    out,
                    Text::new(
                        "--recipient 不是age收件人",
                        "--recipient is no age recipient",
                    ),
                    Text::new(
                        "应为 age1 开头的公钥，由 identity new 给出",
                        "it begins with age1 and is given by `identity new`",
                    ),
                )
            })?
            .seal(&mut sealed),
    };
    let written = written.and_then(|mut writer| {
        writer.write_all(text.as_bytes())?;
        writer.finish().map(|_| ())
    });
    written.map_err(|error| {
        let reason = io_reason(&error);
        Fault::of_file(
            out,
            Text::new(
                format!("无法密封：{}", reason.zh),
                format!("it cannot be sealed: {}", reason.en),
            ),
            Text::new("请重试", "try again"),
        )
    })?;
    let what = Text::new("文件", "the file");
    write_new_owner_only(out, &sealed, &what)?;
    let (out, id) = (out.display(), key.id());
    Ok(Text::new(
        format!("已密封密钥 {id}：{out}。可发给该机构，由其用 key open 打开。"),
        format!(
            "sealed the key {id}: {out}. Send it to the agency, which opens it with `key open`."
        ),
    ))
}

fn open(
    terms: &KeyTerms,
    sealed: &Path,
    identity: Option<&Path>,
    passphrase_file: Option<&Path>,
) -> Result<Text, Faults> {
    let opener = match identity {
        Some(file) => Opener::read_identity(file)?,
        // The command line asks for one of the two.
        None => Opener::Passphrase(Passphrase::read(passphrase_file.unwrap_or(Path::new("")))?),
    };
    let text = opener.open_to_memory(sealed, LONGEST_SEALED_KEY)?;
    let key = RoundKey::parse(&text, sealed, &terms.round, &terms.purpose)?;
    key.write_new(&terms.file)?;
    let (file, id) = (terms.file.display(), key.id());
    Ok(Text::new(
        format!("已写入密钥 {file}，编号 {id}，仅限本人读取。请与发送方核对编号。"),
        format!("wrote the key {file}, id {id}, owner-only. Compare the id with its sender."),
    ))
}
