//! Opens a token file of two kilobytes, found by fuzzing, whose token column
//! claims more values than memory can hold. Allocating them would abort the
//! centre's program, and this test.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs::File;
use std::path::Path;

use aidlink_centre::join::JoinedRegister;
use aidlink_contract::token::Token;
use aidlink_contract::token_file::TokenFile;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::Schemas;

#[test]
fn a_token_file_that_claims_too_many_values_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&root.join("schemas")).unwrap();
    let policy = Policy::read(&root.join("policies/shaoguan.toml"), &schemas).unwrap();
    let path = root.join("tests/files/hostile/delta.tokens.parquet");
    let open = || TokenFile::open(File::open(&path).unwrap(), |export| policy.rule_ids(export));
    let cases = open().and_then(TokenFile::read_cases);
    assert!(cases.is_err());
    let parties = [Token::from_bytes([7; 16])];
    let register = open().and_then(|file| JoinedRegister::of_file(&parties, file.into_register()));
    assert!(register.is_err());
}
