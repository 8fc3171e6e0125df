//! Writes synthetic token files of any size for benchmarks of the centre. The
//! tokens are not made from ID numbers; those of the register ascend by
//! construction and need no sorting.
//!
//! `made_token_files ROUND.toml CASE_PARTIES PERSONS FOLDER` writes the case
//! parties and the civil affairs register; one case party in four is in the
//! register. The files are plain and signed with each agency's key, which must
//! be `AGENCY.key` beside the round file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_contract::token_file::{SentAccount, TokenFileHead, TokenFileWriter};
use aidlink_contract::token_table::Origin;
use aidlink_office::round::{ExportTerms, Mode, Reads, RoundTerms, WrittenRound};
use aidlink_office::signing::{SIGNATURE_SUFFIX, SigningKey};
use aidlink_office::statement::{Content, Statement, TO_PLAIN};
use sha2::{Digest, Sha256};

type Failure = Box<dyn std::error::Error>;

/// A placeholder: the tokens were made without a key.
const KEY_ID: &str = "0000000000000000";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [round, parties, persons, folder] = arguments.as_slice() else {
        return Err("usage: made_token_files ROUND.toml CASE_PARTIES PERSONS FOLDER".into());
    };
    let written = WrittenRound::read(Path::new(round));
    let planned = written.and_then(|written| written.planned(Mode::Split, Reads::Nothing));
    let (terms, _) = planned.map_err(|_| "the round file has faults")?;
    let (parties, persons): (u64, u64) = (parties.parse()?, persons.parse()?);
    let register = terms
        .export("civil-affairs.assistance")
        .ok_or("the round has no civil affairs export")?;
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    // Every `every`th person of the register is a case party too.
    let every = (persons / (parties / 4).max(1)).max(1);
    write(&terms, register, folder, persons, |index| {
        token(index, persons)
    })?;
    let shared = parties / 4;
    let own = parties - shared;
    let mut tokens: Vec<Token> = (0..shared)
        .map(|index| token(index * every, persons))
        .chain((0..own).map(|index| odd_token(index, own)))
        .collect();
    tokens.sort_unstable();
    write(&terms, &terms.cases, folder, parties, |index| {
        tokens[usize::try_from(index).unwrap_or(0)]
    })
}

/// Returns evenly spread tokens with pseudo-random low bits.
fn token(index: u64, of: u64) -> Token {
    spread(index, of, 0)
}

/// Returns tokens that are not in the register: their last bit is set.
fn odd_token(index: u64, of: u64) -> Token {
    spread(index, of, 1)
}

fn spread(index: u64, of: u64, last_bit: u128) -> Token {
    let step = u128::MAX / u128::from(of + 1);
    let low = u128::from(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)) & !1;
    Token::from_bytes((u128::from(index) * step + low + last_bit).to_be_bytes())
}

fn write(
    terms: &RoundTerms,
    export: &ExportTerms,
    folder: &Path,
    rows: u64,
    token: impl Fn(u64) -> Token,
) -> Result<(), Failure> {
    let name = &export.schema.name;
    let rules: Vec<&str> = terms
        .policy
        .outcome_rules(name)
        .map(|rule| rule.id.as_str())
        .collect();
    let path = folder.join(format!("{name}.tokens.parquet"));
    let mut writer = TokenFileWriter::begin(BufWriter::new(File::create(&path)?), &rules)?;
    for row in 0..rows {
        // As in a real round, few rows are leads: each rule is yes for about two
        // rows in a thousand.
        let outcome = |rule: usize| match (row * 31 + rule as u64 * 97) % 499 {
            0 => Outcome::Yes,
            1 => Outcome::Unknown,
            _ => Outcome::No,
        };
        writer.push(token(row), (0..rules.len()).map(outcome))?;
    }
    let head = TokenFileHead {
        origin: Origin {
            round: terms.round.clone(),
            as_of: terms.as_of,
            policy_digest: terms.policy.digest.clone(),
            key_id: KEY_ID.to_owned(),
            algorithm: terms.algorithm,
            export: name.clone(),
            snapshot: export.snapshot,
        },
        schema_digest: export.schema.digest.clone(),
        reading_digest: None,
        fields_missing: Vec::new(),
        sources: Vec::new(),
        account: SentAccount {
            rows,
            sent: rows,
            ..SentAccount::default()
        },
        asks_who_receives: false,
    };
    writer.finish(&head)?.flush()?;
    let bytes = std::fs::read(&path)?;
    let hex = hex::encode(Sha256::digest(&bytes));
    let base = format!("{name}.tokens.parquet");
    std::fs::write(
        folder.join(format!("{base}.sha256")),
        format!("{hex}  {base}\n"),
    )?;
    let key = format!("{}.key", export.schema.agency);
    let key = SigningKey::read(&terms.file.with_file_name(key))
        .map_err(|_| "cannot read the agency's signing key beside the round file")?;
    let statement = Statement {
        round: terms.round.clone(),
        terms: terms.terms_digest(),
        content: Content::Tokens(name.clone()),
        key_id: KEY_ID.to_owned(),
        to: TO_PLAIN.to_owned(),
    };
    let signature = key
        .sign(&bytes, &statement.to_comment(), &path)
        .map_err(|_| "cannot sign the token file")?;
    std::fs::write(folder.join(format!("{base}{SIGNATURE_SUFFIX}")), signature)?;
    Ok(())
}
