//! The command that prints the digest of a round's terms, the same at every
//! office: the offices compare it by telephone before anything crosses.

use std::path::Path;

use aidlink_faults::fault::Faults;
use aidlink_faults::text::{Language, Text};

use crate::ending::Ending;
use crate::round::{Reads, RoundTerms, WrittenRound};
use crate::terminal;

/// Prints the digest of a round's terms, and its short form in groups of four.
pub fn print(round: &Path, language: Language) -> Ending {
    let terms = match read(round) {
        Ok(terms) => terms,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let (id, digest) = (&terms.round, terms.terms_digest());
    let short = terms.terms_digest_short();
    terminal::say(
        &Text::new(
            format!("轮次 {id} 的约定：{digest}\n请各机构用电话核对前32位：{short}"),
            format!(
                "terms of round {id}: {digest}\ncompare by telephone, the first 32 digits: {short}"
            ),
        ),
        language,
    );
    Ending::Done
}

fn read(round: &Path) -> Result<RoundTerms, Faults> {
    let written = WrittenRound::read(round)?;
    let (terms, _) = written.planned(written.mode()?, Reads::Nothing)?;
    Ok(terms)
}
