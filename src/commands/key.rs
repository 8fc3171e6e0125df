//! `aidlink key`: the round's key.

use aidlink_agency::key::RoundKey;
use aidlink_contract::text::{Language, Text};

use super::Ending;
use crate::cli::{KeyArguments, KeyCommand};
use aidlink_office::round::KeyTerms;
use aidlink_office::terminal;

/// Makes the key that a round names, or prints its id.
pub fn run(arguments: KeyArguments, language: Language) -> Ending {
    let (round, make) = match arguments.command {
        KeyCommand::New { round } => (round, true),
        KeyCommand::Id { round } => (round, false),
    };
    let terms = match KeyTerms::read(&round) {
        Ok(terms) => terms,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let key = if make {
        RoundKey::create(&terms.file, &terms.round, &terms.purpose)
    } else {
        RoundKey::read(&terms.file, &terms.round, &terms.purpose)
    };
    match key {
        Ok(key) if make => {
            let file = terms.file.display();
            let id = key.id();
            terminal::say(
                &Text::new(
                    format!("已生成密钥 {file}，编号 {id}。请勿与各机构的令牌放在一处。"),
                    format!(
                        "made the key {file}, id {id}. Never keep it where the tokens of several agencies are."
                    ),
                ),
                language,
            );
            Ending::Done
        }
        Ok(key) => {
            terminal::say(&Text::new(key.id(), key.id()), language);
            Ending::Done
        }
        Err(faults) => Ending::Failed(faults),
    }
}
