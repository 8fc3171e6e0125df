//! Small sealed files that would take all memory or minutes to open.

use std::fs;

use crate::split_round::SplitRound;
use crate::support::{CommandResult, Round, aidlink, set_mode};

/// A stanza of a recipient, as age writes it, with rubbish for key and body.
fn stanza() -> String {
    let rubbish = "A".repeat(43);
    format!("-> X25519 {rubbish}\n{rubbish}\n")
}

fn header(stanzas: &str) -> Vec<u8> {
    let end = "A".repeat(43);
    let text = format!("age-encryption.org/v1\n{stanzas}--- {end}\n");
    [text.as_bytes(), &[0; 200]].concat()
}

struct Office(SplitRound);

impl Office {
    fn new() -> Self {
        let split = SplitRound::plain(Round::sample());
        fs::remove_file(split.round.path("round.key")).unwrap();
        let identity = split.round.path("office.identity");
        let made = aidlink(&["identity", "new", identity.to_str().unwrap()]);
        assert_eq!(made.code, 0);
        split.round.write("passphrase", "correct horse\n");
        set_mode(&split.round.path("passphrase"), 0o600);
        Office(split)
    }

    fn open(&self, bytes: &[u8], option: &str, file: &str) -> CommandResult {
        let round = &self.0.round;
        round.write("received.age", bytes);
        let path = |name: &str| round.path(name).to_str().unwrap().to_owned();
        aidlink(&[
            "key",
            "open",
            &path("round.toml"),
            "--sealed",
            &path("received.age"),
            option,
            &path(file),
            "--lang",
            "en",
        ])
    }
}

#[test]
fn a_header_of_many_recipients_is_refused_before_it_is_read() {
    let office = Office::new();
    let most = (16 << 10) / stanza().len();
    for (count, words) in [
        (
            most + 2,
            "the header of the sealed file is longer than 16 KiB",
        ),
        (
            60_000,
            "the header of the sealed file is longer than 16 KiB",
        ),
        (most - 2, "its header is damaged"),
    ] {
        let result = office.open(
            &header(&stanza().repeat(count)),
            "--identity",
            "office.identity",
        );
        assert_eq!(result.code, 1);
        assert!(result.stderr.contains(words), "{count}: {}", result.stderr);
        assert!(result.stderr.contains("received.age"), "{}", result.stderr);
    }
}

#[test]
fn a_header_without_an_end_is_refused_before_it_is_read() {
    let office = Office::new();
    let endless = [
        b"age-encryption.org/v1\n-> X25519 ",
        "A".repeat(8 << 20).as_bytes(),
    ]
    .concat();
    let result = office.open(&endless, "--identity", "office.identity");
    assert_eq!(result.code, 1);
    assert!(
        result.stderr.contains("longer than 16 KiB"),
        "{}",
        result.stderr
    );
}

#[test]
fn a_passphrase_that_would_take_gigabytes_is_refused() {
    let office = Office::new();
    for factor in [21, 30, 63] {
        let salt = "A".repeat(22);
        let body = "A".repeat(43);
        let stanza = format!("-> scrypt {salt} {factor}\n{body}\n");
        let result = office.open(&header(&stanza), "--passphrase-file", "passphrase");
        assert_eq!(result.code, 1);
        assert!(
            result.stderr.contains("the work factor"),
            "{factor}: {}",
            result.stderr
        );
    }
}
