//! `aidlink key`: makes and identifies the round's key, seals it to an agency and
//! opens it there.

use std::io::Write;
use std::path::{Path, PathBuf};

use aidlink_agency::key::{LARGEST_KEY_FILE, RoundKey};
use aidlink_faults::fault::{Fault, Faults, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::write_new_owner_only;
use aidlink_office::crossing::verify_key;
use aidlink_office::round::{KeyTerms, Mode, Reads, WrittenRound};
use aidlink_office::sealed::{Opener, Passphrase, Recipient};
use aidlink_office::signing::SigningKey;
use aidlink_office::statement::{Content, LARGEST_TRAILER, Statement, TO_PASSPHRASE, trailer};
use aidlink_office::terminal::Output;
use serde::Serialize;

use super::Ending;
use crate::cli::{KeyArguments, KeyCommand};

/// The largest content of a sealed key, in bytes: a key file and its signature.
const LARGEST_SEALED_KEY: u64 = LARGEST_KEY_FILE + LARGEST_TRAILER;

/// Runs a verb of `key` on the key that a round file names.
pub fn run(arguments: KeyArguments, output: Output) -> Ending {
    let file = match &arguments.command {
        KeyCommand::New { round }
        | KeyCommand::Id { round }
        | KeyCommand::Seal { round, .. }
        | KeyCommand::Open { round, .. } => round,
    };
    let written = WrittenRound::read(file);
    let key_terms = written.as_ref().map_err(Clone::clone);
    let (written, terms) = match key_terms.and_then(|written| Ok((written, written.key_terms()?))) {
        Ok(read) => read,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let done = match arguments.command {
        KeyCommand::New { .. } => make(&terms),
        KeyCommand::Id { .. } => id(&terms),
        KeyCommand::Seal {
            recipient,
            passphrase_file,
            out,
            signing_key,
            ..
        } => {
            let to = SealTo {
                recipient: recipient.as_deref(),
                passphrase_file: passphrase_file.as_deref(),
            };
            seal(written, &terms, to, signing_key, &out)
        }
        KeyCommand::Open {
            sealed,
            identity,
            passphrase_file,
            ..
        } => open(
            written,
            &terms,
            &sealed,
            identity.as_deref(),
            passphrase_file.as_deref(),
        ),
    };
    match done {
        Ok(KeyResult { key_id, file, text }) => {
            let json = KeyReport {
                key_id: &key_id,
                file: &shown_path(&file),
            };
            output.answer(&text, &key_id, &json);
            Ending::Done
        }
        Err(faults) => Ending::Failed(faults),
    }
}

/// The result of a verb of `key`.
struct KeyResult {
    key_id: String,
    /// The file that was written, or the key file that was read.
    file: PathBuf,
    text: Text,
}

/// The answer of every verb of `key` as JSON.
#[derive(Serialize)]
struct KeyReport<'a> {
    key_id: &'a str,
    file: &'a str,
}

fn id(terms: &KeyTerms) -> Result<KeyResult, Faults> {
    let key_id = RoundKey::read(&terms.file, &terms.round, &terms.purpose)?.id();
    Ok(KeyResult {
        text: Text::new(key_id.clone(), key_id.clone()),
        file: terms.file.clone(),
        key_id,
    })
}

/// How a key is sealed. The command line requires exactly one of the two.
struct SealTo<'a> {
    recipient: Option<&'a str>,
    passphrase_file: Option<&'a Path>,
}

fn make(terms: &KeyTerms) -> Result<KeyResult, Faults> {
    let key = RoundKey::create(&terms.file, &terms.round, &terms.purpose)?;
    let (shown, id) = (shown_path(&terms.file), key.id());
    Ok(KeyResult {
        text: Text::new(
            format!("已生成密钥 {shown}，编号 {id}。请勿存放在有多个机构令牌的地方。"),
            format!(
                "made the key {shown}, id {id}. Never keep it where the tokens of several agencies are."
            ),
        ),
        file: terms.file.clone(),
        key_id: id,
    })
}

fn seal(
    written: &WrittenRound,
    terms: &KeyTerms,
    to: SealTo<'_>,
    signing_key: Option<PathBuf>,
    out: &Path,
) -> Result<KeyResult, Faults> {
    let recipient = match to.passphrase_file {
        Some(_) => None,
        None => Some(parse_recipient(to.recipient.unwrap_or_default(), out)?),
    };
    if recipient.is_some() && recipient == terms.centre {
        return Err(Fault::of_file(
            out,
            Text::new(
                "这是筛查机构的收件人公钥：筛查机构不得持有密钥",
                "this is the recipient of the centre, which must not have the key",
            ),
            Text::new(
                "请核对应为哪个机构的收件人公钥",
                "check whose recipient it should be",
            ),
        )
        .into());
    }
    let (agreed, _) = written.planned(Mode::Split, Reads::Nothing)?;
    let key = RoundKey::read(&terms.file, &terms.round, &terms.purpose)?;
    let signing_key = match signing_key {
        Some(file) => file,
        None => written.signing_key_file()?,
    };
    let sender = SigningKey::read(&signing_key)?;
    let office = &agreed.cases.schema.agency;
    let mut signers = agreed.signers.iter();
    if !signers.any(|(name, signer)| name == office && signer == sender.public()) {
        return Err(not_the_procuratorates_key(&signing_key, office).into());
    }
    let statement = Statement {
        round: agreed.round.clone(),
        terms: agreed.terms_digest(),
        content: Content::Key,
        key_id: key.id(),
        to: recipient
            .as_ref()
            .map_or(TO_PASSPHRASE.to_owned(), Recipient::to_string),
    };
    let text = key.to_text();
    let signature = sender.sign(text.as_bytes(), &statement.to_comment(), out)?;
    let mut sealed = Vec::new();
    let written = match (&recipient, to.passphrase_file) {
        (Some(recipient), _) => recipient.seal(&mut sealed),
        (None, file) => Passphrase::read(file.unwrap_or(Path::new("")))?.seal(&mut sealed),
    };
    let written = written.and_then(|mut writer| {
        writer.write_all(text.as_bytes())?;
        writer.write_all(trailer(&signature).as_bytes())?;
        writer.finish().map(|_| ())
    });
    written.map_err(|error| {
        let reason = io_reason(&error);
        Fault::of_file(
            out,
            Text::new(
                format!("无法密封密钥：{}", reason.zh),
                format!("cannot seal the key: {}", reason.en),
            ),
            Text::new("请重试", "try again"),
        )
    })?;
    let what = Text::new("文件", "the file");
    write_new_owner_only(out, &sealed, &what)?;
    let (shown, id) = (shown_path(out), key.id());
    Ok(KeyResult {
        text: Text::new(
            format!("已密封密钥 {id}：{shown}。可发给该机构，由其用 key open 打开。"),
            format!(
                "sealed the key {id}: {shown}. Send it to the agency, which opens it with `key open`."
            ),
        ),
        file: out.to_path_buf(),
        key_id: id,
    })
}

fn parse_recipient(recipient: &str, out: &Path) -> Result<Recipient, Fault> {
    Recipient::parse(recipient).ok_or_else(|| {
        Fault::of_file(
            out,
            Text::new(
                "--recipient 不是 age 收件人公钥",
                "--recipient is not an age recipient",
            ),
            Text::new(
                "请用该机构 identity new 输出的公钥，以 age1 开头",
                "give the recipient that `identity new` printed at that agency; it begins with age1",
            ),
        )
    })
}

fn not_the_procuratorates_key(path: &Path, office: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("签名私钥与轮次文件中 {office} 的公钥不符；轮次密钥只能由 {office} 发送"),
            format!(
                "the signing key does not match the public key of {office} in the round file; only {office} may send the round's key"
            ),
        ),
        Text::new(
            "请用 --signing-key 指明正确的签名私钥",
            "give the right key with --signing-key",
        ),
    )
}

fn open(
    written: &WrittenRound,
    terms: &KeyTerms,
    sealed: &Path,
    identity: Option<&Path>,
    passphrase_file: Option<&Path>,
) -> Result<KeyResult, Faults> {
    let opener = match identity {
        Some(file) => Opener::read_identity(file)?,
        // The command line requires one of the two.
        None => Opener::Passphrase(Passphrase::read(passphrase_file.unwrap_or(Path::new("")))?),
    };
    let text = opener.open_to_memory(sealed, LARGEST_SEALED_KEY)?;
    let (agreed, _) = written.planned(Mode::Split, Reads::Nothing)?;
    let (plain, statement) = verify_key(sealed, &agreed, &text, &opener.to())?;
    let key = RoundKey::parse(plain, sealed, &terms.round, &terms.purpose)?;
    if key.id() != statement.key_id {
        return Err(Fault::of_file(
            sealed,
            Text::new(
                "签名中注明的密钥编号与此密钥不符",
                "the signature names another key id than this key's",
            ),
            Text::new("请发送方重新密封", "ask the sender to seal it again"),
        )
        .into());
    }
    key.write_new(&terms.file)?;
    let (shown, id) = (shown_path(&terms.file), key.id());
    Ok(KeyResult {
        text: Text::new(
            format!("已写入密钥 {shown}，编号 {id}，仅限本人读取。请与发送方核对编号。"),
            format!("wrote the key {shown}, id {id}, owner-only. Compare the id with the sender."),
        ),
        file: terms.file.clone(),
        key_id: id,
    })
}
