//! The command `round terms`, which is the same at every office. The offices
//! compare the digest of the terms by telephone before they send anything.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use serde::Serialize;

use crate::ending::Ending;
use crate::round::{Reads, RoundTerms, WrittenRound};
use crate::terminal::Output;

/// The verbs of `round`.
#[derive(Debug, clap::Subcommand)]
pub enum RoundCommand {
    /// Print the digest of the terms, to compare by telephone / 输出轮次约定的摘要，供电话核对
    Terms {
        /// The round file / 轮次文件
        round: PathBuf,
    },
}

/// The answer of `round terms`.
#[derive(Serialize)]
struct TermsDigest<'a> {
    round: &'a str,
    terms_blake3: &'a str,
    /// The first 32 digits in groups of four.
    short: &'a str,
}

/// Prints the digest of a round's terms, and its short form in groups of four.
pub fn run(command: &RoundCommand, output: Output) -> Ending {
    let RoundCommand::Terms { round } = command;
    let terms = match read(round) {
        Ok(terms) => terms,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let (id, digest) = (&terms.round, terms.terms_digest());
    let short = terms.terms_digest_short();
    let text = Text::new(
        format!("轮次约定（{id}）：{digest}\n请各机构用电话核对前32位：{short}"),
        format!("terms of round {id}: {digest}\ncompare the first 32 digits by telephone: {short}"),
    );
    let json = TermsDigest {
        round: id,
        terms_blake3: &digest,
        short: &short,
    };
    output.answer(&text, &digest, &json);
    Ending::Done
}

fn read(round: &Path) -> Result<RoundTerms, Faults> {
    let written = WrittenRound::read(round)?;
    let (terms, _) = written.planned(written.mode()?, Reads::Nothing)?;
    Ok(terms)
}
