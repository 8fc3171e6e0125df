//! Reads any bytes as a token file or as screened leads. Reading must end with a table or a
//! fault. Tables must be sorted and complete, and leads must be the same after writing and
//! reading them again.
//!
//! The first byte chooses what the rest is.

#![no_main]

use std::fs::File;

use aidlink_centre::join::JoinedRegister;
use aidlink_contract::hexadecimal::is_digest;
use aidlink_contract::leads_file::{ExpectedRound, LeadsFile};
use aidlink_contract::screened_lead::Provisional;
use aidlink_contract::token::Token;
use aidlink_contract::token_file::{TokenFile, is_of_case_parties};
use aidlink_files::document::Document as _;
use aidlink_fuzz::{POLICY, ignore_guarded_panics, write_input};
use libfuzzer_sys::fuzz_target;

/// Files whose account states more rows are skipped, because they only cost memory.
const MOST_ROWS: u64 = 1 << 20;

/// The exports of the round.
const EXPORTS: [&str; 2] = ["veterans.persons", "education.students"];

fn check_token_file(bytes: &[u8], as_cases: bool) {
    let open = || {
        let file = File::open(write_input(bytes)).expect("just written");
        TokenFile::open(file, |export| POLICY.rule_ids(export))
    };
    let Ok(opened) = open() else { return };
    let head = opened.head().clone();
    assert!(head.account.adds_up());
    if head.account.sent > MOST_ROWS {
        return;
    }
    if as_cases || is_of_case_parties(&head) {
        if let Ok(table) = opened.read_cases() {
            assert!(table.tokens().is_sorted());
            assert_eq!(table.tokens().len() as u64, head.account.sent);
        }
        return;
    }
    // First join with no parties, which counts all rows as unmatched.
    let Ok(none) = JoinedRegister::of_file(&[], opened.into_register()) else {
        return;
    };
    assert!(none.matched() == 0 && none.unmatched() <= head.account.sent);
    let mut parties: Vec<Token> = bytes
        .windows(Token::LENGTH)
        .step_by(Token::LENGTH)
        .skip(1)
        .take(64)
        .flat_map(|window| <[u8; Token::LENGTH]>::try_from(window).map(Token::from_bytes))
        .collect();
    // The tokens of the first page follow a page header of unknown length.
    parties.extend((4..80).filter_map(|at| {
        let window = bytes.get(at..at + Token::LENGTH)?;
        <[u8; Token::LENGTH]>::try_from(window)
            .map(Token::from_bytes)
            .ok()
    }));
    parties.sort_unstable();
    parties.dedup();
    let joined = open().and_then(|file| JoinedRegister::of_file(&parties, file.into_register()));
    if let Ok(joined) = joined {
        let rows = joined.case_rows();
        assert!(
            rows.iter()
                .all(|rows| rows.len() == 1 && rows.end <= parties.len())
        );
        assert!(rows.is_sorted_by(|one, next| one.end <= next.start));
        assert!(joined.outcomes().check_lengths(rows.len()).is_ok());
        assert_eq!(joined.matched() + joined.unmatched(), none.unmatched());
    }
}

/// Clears the reject rates, whose last bit may be rounded differently.
fn without_rates(mut leads: LeadsFile) -> LeadsFile {
    for reason in &mut leads.provisional {
        if let Provisional::RejectRate { rate, .. } = reason {
            *rate = 0.0;
        }
    }
    leads
}

fn check_leads_file(bytes: &[u8]) {
    let Ok(leads) = LeadsFile::parse(bytes) else {
        return;
    };
    let expected = ExpectedRound {
        round: &leads.round,
        policy_digest: &leads.policy_digest,
        key_id: &leads.key_id,
        algorithm: leads.algorithm,
        exports: &EXPORTS,
        exports_of_the_policy: &EXPORTS,
        not_joined: &["education.students"],
    };
    if leads.check(&expected).is_ok() {
        assert!(is_digest(&leads.screening));
        let named = leads.provisional.iter().map(Provisional::export);
        let others = leads.not_verified_by.keys();
        let others = others.chain(leads.fields_missing.keys());
        let mut named = named.chain(others.map(String::as_str));
        assert!(named.all(|export| EXPORTS.contains(&export)));
    }
    let again = LeadsFile::parse(&leads.to_bytes()).expect("what was written can be read");
    assert!(without_rates(again) == without_rates(leads));
}

fuzz_target!(|input: &[u8]| {
    ignore_guarded_panics();
    match input.split_first() {
        Some((0, bytes)) => check_leads_file(bytes),
        Some((first, bytes)) => check_token_file(bytes, *first == 2),
        None => {}
    }
});
