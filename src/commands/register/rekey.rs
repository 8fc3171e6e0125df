//! `aidlink register rekey`: gives the persons of a register new tokens, under a new key.

use std::path::Path;

use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;
use aidlink_office::round::round_around;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::register::id_column;
use aidlink_procuratorate::register::in_round::other_key;
use aidlink_register::event::Event;
use aidlink_register::number::PersonNumber;
use aidlink_register::register::{Act, Register};
use aidlink_register::token::RegisterToken;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::init::in_a_round;
use super::refused::wrong_option;
use crate::cli::RegisterRekeyArguments;
use crate::commands::Ending;

/// The answer of `register rekey`.
#[derive(Serialize)]
struct Rekeyed {
    key: String,
    key_id: String,
    /// Persons with new tokens.
    persons: u64,
    /// Rows of the exports without an ID number that can be used.
    unusable: u64,
    /// Persons whom no export has: no round finds them again.
    not_found: Vec<NotFound>,
}

#[derive(Serialize)]
struct NotFound {
    person: PersonNumber,
    names: Vec<String>,
}

/// Returns the old and the new tokens of the persons of the exports, and how many rows have no
/// ID number that can be used.
fn read_tokens(
    arguments: &RegisterRekeyArguments,
    (old, new): (&RegisterKey, &RegisterKey),
    act: &Act,
) -> Result<(Vec<(RegisterToken, RegisterToken)>, u64), Faults> {
    let (before, after) = (old.tokeniser(), new.tokeniser());
    let mut tokens = Vec::new();
    let mut unusable = 0;
    for export in &arguments.export {
        let read = id_column::read(export, &before, &after, act.today)?;
        let pairs = read.tokens.into_iter();
        tokens.extend(pairs.map(|(old, new)| (RegisterToken(old), RegisterToken(new))));
        unusable += read.unusable;
    }
    Ok((tokens, unusable))
}

/// Says what to do with a new key that the register may have or not.
fn kept(new_file: &Path, faults: Faults) -> Faults {
    let mut all = FaultCollector::new();
    for fault in faults.iter() {
        all.push(fault.clone());
    }
    all.push(Fault::of_file(
        new_file,
        Text::new(
            "新密钥文件仍保留：不能确定登记簿是否已改用新密钥",
            "the new key is kept: nobody can say whether the register has it now",
        ),
        Text::new(
            "请以相同的文件再执行一次：会继续使用它，或说明登记簿已改用它",
            "run again with the same files: it goes on with this key, or says that the register uses it",
        ),
    ));
    all.into_faults()
}

/// Returns the new key that an interrupted command left: one of the register that it never used.
/// The key must be on the disk before the register uses it, so it may be there too early.
///
/// # Errors
/// If the register uses the key: then the command had done its work.
fn left_over(file: &Path, register: &Register) -> Result<Option<RegisterKey>, Fault> {
    let Some(key) = RegisterKey::read(file, &register.head().register).ok() else {
        return Ok(None);
    };
    if key.id() == register.key_id() {
        return Err(Fault::of_file(
            file,
            Text::new(
                "登记簿已在使用此密钥：上次的更换已经完成",
                "the register uses this key already: the earlier command did its work",
            ),
            Text::new(
                "请用它替换原密钥文件，另存备份后销毁原密钥",
                "put it in the place of the old one, keep a copy, and destroy the old key",
            ),
        ));
    }
    let was_used = |event: &Event| match event {
        Event::Created(created) => created.key_id == key.id(),
        Event::Rekeyed(rekeyed) => rekeyed.key_id == key.id(),
        _ => false,
    };
    let mut events = register.book().events().iter();
    Ok(match events.any(|recorded| was_used(&recorded.event)) {
        true => None,
        false => Some(key),
    })
}

/// Makes a new key, and the tokens of all persons whom the exports have.
pub(super) fn run(arguments: &RegisterRekeyArguments, output: Output) -> Result<Ending, Ending> {
    let today = Zoned::now().date();
    let act = Act {
        today,
        recorded_at: Timestamp::now(),
        operator: arguments.operator.clone(),
        because: Some(arguments.because.clone()),
    };
    act.check().map_err(|refused| wrong_option(&refused))?;
    if let Some(round) = round_around(&arguments.new_key, None) {
        return Err(Ending::WrongConfiguration(
            in_a_round(&arguments.new_key, &round).into(),
        ));
    }
    let mut register = arguments.file.open(output)?;
    let beside = |name: &str| parent_of(&arguments.file.register).join(name);
    let old_file = arguments.register_key.clone();
    let old_file = old_file.unwrap_or_else(|| beside("register.key"));
    let id = register.head().register;
    let wrong = |fault: Fault| Ending::WrongConfiguration(fault.into());
    let new_file = &arguments.new_key;
    let left = left_over(new_file, &register)?;
    let old = RegisterKey::read(&old_file, &id).map_err(wrong)?;
    if old.id() != register.key_id() {
        return Err(wrong(other_key(&old_file)));
    }
    let left = left.filter(|left| left.algorithm() == old.algorithm());
    let is_there = left.is_some();
    let new = match left {
        Some(left) => left,
        None => RegisterKey::generate(new_file, &id, old.algorithm())?,
    };
    let (tokens, unusable) = read_tokens(arguments, (&old, &new), &act)?;
    // The key must be on the disk before the register uses it, and it stays there: after a fault
    // of the disk the register may have it, and another command may have given it to the register.
    if !is_there {
        new.write_new(new_file)?;
    }
    let missing = register
        .rekey(&tokens, &new.id(), &act)
        .map_err(|faults| kept(new_file, faults))?;
    let book = register.book();
    let rekeyed = Rekeyed {
        key: shown_path(new_file),
        key_id: new.id(),
        persons: register.head().persons - missing.len() as u64,
        unusable,
        not_found: missing
            .into_iter()
            .map(|person| NotFound {
                names: book.names_of(&person),
                person,
            })
            .collect(),
    };
    for not_found in &rekeyed.not_found {
        let (person, names) = (&not_found.person, not_found.names.join("、"));
        output.say(&Text::new(
            format!("  ! {person} {names}：导出中没有，以后的轮次不能自动认出"),
            format!("  ! {person} {names}: in no export, so later rounds cannot find the person"),
        ));
    }
    let (key, persons, unusable) = (&rekeyed.key, rekeyed.persons, rekeyed.unusable);
    let not_found = rekeyed.not_found.len();
    output.answer(
        &Text::new(
            format!(
                "已更换登记簿的密钥：{persons}人有新令牌，{not_found}人未找到，导出中{unusable}行没有可用的身份号码。\n  新密钥 {key}（编号 {}）：请替换原密钥文件，另存备份后销毁原密钥。",
                rekeyed.key_id
            ),
            format!(
                "the register has a new key: {persons} persons with new tokens, {not_found} not found, {unusable} rows of the exports without a usable ID number.\n  new key {key}, id {}: put it in the place of the old one, keep a copy, and destroy the old key.",
                rekeyed.key_id
            ),
        ),
        key,
        &rekeyed,
    );
    Ok(Ending::done(!rekeyed.not_found.is_empty()))
}
