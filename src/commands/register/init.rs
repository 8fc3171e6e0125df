//! `aidlink register init`: makes a register with its own key, in a new folder.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::fault::{Fault, Faults, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::round::round_around;
use aidlink_office::signing::SigningKey;
use aidlink_office::terminal::Output;
use aidlink_register::head::head_path;
use aidlink_register::register::{NewRegister, Register};
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::opening::SIGNING_KEY;
use super::refused::wrong_option;
use crate::cli::RegisterInitArguments;
use crate::commands::Ending;

/// The file of the register in its folder.
const REGISTER: &str = "register.db";
/// The register's key in its folder.
const KEY: &str = "register.key";

/// The answer of `register init`.
#[derive(Serialize)]
struct Made<'a> {
    register: &'a str,
    key: &'a str,
    key_id: &'a str,
    signing_public_key: &'a str,
    digest: &'a str,
}

/// Makes a register.
pub(super) fn run(arguments: &RegisterInitArguments, output: Output) -> Result<Ending, Ending> {
    let folder = &arguments.folder;
    if fs::symlink_metadata(folder).is_ok() {
        return Err(Fault::of_file(
            folder,
            Text::new("文件夹已存在", "the folder exists already"),
            Text::new("请换一个名称", "choose another name"),
        )
        .into());
    }
    if let Some(round) = round_around(folder, None) {
        return Err(Ending::WrongConfiguration(
            in_a_round(folder, &round).into(),
        ));
    }
    let new = NewRegister {
        id: [0; 16],
        key_id: String::new(),
        today: Zoned::now().date(),
        recorded_at: Timestamp::now(),
        operator: arguments.operator.clone(),
    };
    // Before anything is made.
    new.check().map_err(|refused| wrong_option(&refused))?;
    let given = match &arguments.signing_key {
        Some(file) => {
            Some(SigningKey::read(file).map_err(|fault| Ending::WrongConfiguration(fault.into()))?)
        }
        None => None,
    };
    // Everything is made under another name, so that the folder is there only when complete.
    let mut unfinished = folder.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    fs::create_dir(&unfinished).map_err(|error| not_made(&unfinished, &error))?;
    let made = make(&unfinished, arguments, new, given).inspect_err(|_| {
        // What is left holds no person yet; a second try tells of it.
        let _ = fs::remove_dir_all(&unfinished);
    });
    let (key_id, public, digest) = made?;
    fs::rename(&unfinished, folder).map_err(|error| not_made(folder, &error))?;
    let register = shown_path(&folder.join(REGISTER));
    let key = shown_path(&folder.join(KEY));
    let text = Text::new(
        format!(
            "已建立登记簿 {register}。\n  密钥 {key}（编号 {key_id}）：没有它，新的轮次无法登记。请另存备份，与登记簿分开保管。\n  签名公钥（请记入会议记录）：{public}\n  签名文件 {}：与登记簿一同备份。",
            shown_path(&head_path(&folder.join(REGISTER)))
        ),
        format!(
            "made the register {register}.\n  key {key}, id {key_id}: without it no round can be taken into the register. Keep a copy, apart from the register.\n  public key (record it in the minutes): {public}\n  head {}: back it up with the register.",
            shown_path(&head_path(&folder.join(REGISTER)))
        ),
    );
    output.answer(
        &text,
        &register,
        &Made {
            register: &register,
            key: &key,
            key_id: &key_id,
            signing_public_key: &public,
            digest: &digest,
        },
    );
    Ok(Ending::Done)
}

/// Makes the files of a register. Returns key id, public key and the digest of its only event.
fn make(
    folder: &Path,
    arguments: &RegisterInitArguments,
    new: NewRegister,
    given: Option<SigningKey>,
) -> Result<(String, String, String), Faults> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| {
        Fault::of_file(
            folder,
            Text::new(
                "系统无法提供随机数",
                "the system cannot provide random numbers",
            ),
            Text::new(
                "请检查系统的随机数生成器",
                "check the random number generator of the system",
            ),
        )
    })?;
    let signing_key = match given {
        Some(key) => key,
        None => SigningKey::make(&folder.join(SIGNING_KEY))?,
    };
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = RegisterKey::create(&folder.join(KEY), &hex, arguments.algorithm)?;
    let new = NewRegister {
        id,
        key_id: key.id(),
        ..new
    };
    let public = signing_key.public().to_base64();
    let register = Register::create(&folder.join(REGISTER), &new, signing_key)?;
    Ok((key.id(), public, register.head().digest()))
}

pub(super) fn in_a_round(folder: &Path, round: &Path) -> Fault {
    let shown = shown_path(round);
    Fault::of_file(
        folder,
        Text::new(
            format!(
                "该位置在轮次文件夹 {shown} 中：轮次到期删除时会连带登记簿，且两种密钥不得放在一处"
            ),
            format!(
                "this is in the folder of a round, {shown}: a register outlives its rounds, and the two keys must not be in one place"
            ),
        ),
        Text::new("请选择轮次文件夹以外的位置", "choose a place outside"),
    )
}

fn not_made(path: &Path, error: &std::io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        path,
        Text::new(
            format!("无法建立文件夹：{}", reason.zh),
            format!("the folder cannot be made: {}", reason.en),
        ),
        Text::new(
            "请检查位置和权限；若有上次中断留下的 .unfinished 文件夹，请删除",
            "check the place and its permissions; delete an .unfinished folder that an interrupted command left",
        ),
    )
}
