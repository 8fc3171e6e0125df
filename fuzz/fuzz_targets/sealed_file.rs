//! Whatever a file holds that is said to be sealed, it opens or is refused; a
//! sealed file of which a byte was changed, added or cut off does not open; an
//! identity file of any content is one or is refused; and a plain file that its
//! sender signed is taken with its own checksum alone, an unsigned one never.
//!
//! The first byte says what the rest is.

#![no_main]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_fuzz::{FOLDER, file_of, let_guarded_panics_pass, shipped};
use aidlink_office::crossing::{CHECKSUM_SUFFIX, Expected, receive};
use aidlink_office::round::{Mode, Reads, RoundTerms, WrittenRound};
use aidlink_office::sealed::{Opener, Recipient, is_sealed};
use aidlink_office::signing::{SIGNATURE_SUFFIX, SigningKey};
use aidlink_office::statement::{Content, Statement, TO_PLAIN, split_signature};
use libfuzzer_sys::fuzz_target;

/// An identity of nobody: the files of the corpus are sealed to it.
const IDENTITY: &str = include_str!("../seeds/identity");
/// More than one part of a sealed file, which has parts of 64 KiB.
const LETTER: usize = 66_000;
const MOST: u64 = 1 << 20;

static OPENER: LazyLock<Opener> = LazyLock::new(|| {
    let opener = Opener::read_identity(&owner_only("identity", IDENTITY.as_bytes()));
    opener.ok().expect("an identity")
});

/// A letter sealed to that identity.
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let recipient = IDENTITY
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let recipient = recipient.and_then(Recipient::parse).expect("a recipient");
    let mut writer = recipient.seal(Vec::new()).expect("memory can be written");
    writer
        .write_all(&[7; LETTER])
        .expect("memory can be written");
    writer.finish().expect("memory can be written")
});

/// A split round whose files cross plain, and the signing key of its veterans
/// agency.
static ROUND: LazyLock<(RoundTerms, SigningKey)> = LazyLock::new(|| {
    let folder = FOLDER.path().join("tests/rounds/round");
    std::fs::create_dir_all(&folder).expect("room in the temporary folder");
    for part in ["policies", "schemas", "calendars"] {
        std::os::unix::fs::symlink(shipped(part), FOLDER.path().join(part)).expect("a link");
    }
    let made = shipped("tests/rounds/hand-made/round.toml");
    let made = std::fs::read_to_string(made).expect("the hand-made round");
    let mut text = made.replace("mode = \"pooled\"", "mode = \"split\"");
    text.push_str("\n[sealing]\nplain = [\"tokens\", \"leads\"]\n\n[signing.signers]\n");
    let key = |office: &str| SigningKey::make(&folder.join(format!("{office}.key")));
    let veterans = key("veterans").ok().expect("a key");
    text.push_str(&format!(
        "veterans = \"{}\"\n",
        veterans.public().to_base64()
    ));
    for office in [
        "procuratorate",
        "civil-affairs",
        "education",
        "disabled-federation",
        "centre",
    ] {
        let key = key(office).ok().expect("a key");
        text.push_str(&format!("{office} = \"{}\"\n", key.public().to_base64()));
    }
    let file = folder.join("round.toml");
    std::fs::write(&file, text).expect("room in the temporary folder");
    let written = WrittenRound::read(&file);
    let planned = written.and_then(|written| written.planned(Mode::Split, Reads::Nothing));
    let (terms, _) = planned.ok().expect("a round without faults");
    (terms, veterans)
});

fn owner_only(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("own file");
    path
}

/// Both ways of opening agree; gives whether the file opened.
fn open(path: &Path) -> bool {
    let sealed = is_sealed(path).expect("just written");
    let in_memory = OPENER.open_to_memory(path, MOST);
    let unnamed = OPENER.open_to_unnamed_file(path, FOLDER.path());
    let opened = match (&in_memory, unnamed) {
        (Ok(memory), Ok(mut unnamed)) => {
            let mut content = Vec::new();
            unnamed
                .file
                .read_to_end(&mut content)
                .expect("just written");
            assert!(content == **memory && unnamed.byte_length == content.len() as u64);
            if let Some((plain, _)) = split_signature(&content) {
                assert!(content.starts_with(plain));
            }
            true
        }
        (Err(_), Err(_)) => false,
        _ => panic!("the two ways of opening disagree"),
    };
    assert!(sealed || !opened, "opened what does not look sealed");
    opened
}

/// Changes of the sealed letter, of four bytes each: where, what is done, and a byte.
fn changed(changes: &[u8]) {
    let sealed = &*SEALED;
    let mut bytes = sealed.clone();
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        // Heads and ends are what is worth changing, so places count from both.
        let at = if change[2] & 1 == 0 {
            at % 300
        } else {
            bytes.len().saturating_sub(at % 700 + 1)
        };
        match change[2] >> 1 & 3 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), change[3]),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = change[3];
                }
            }
        }
    }
    let opened = open(&file_of(&bytes));
    assert_eq!(opened, bytes == *sealed);
}

/// A plain file behind the first line, which stands in the checksum file; its
/// sender's signature is beside it.
fn plain(input: &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let bytes = input.get(end + 1..).unwrap_or_default();
    let path = file_of(bytes);
    let beside = |suffix: &str| {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (terms, key) = &*ROUND;
    let statement = Statement {
        round: terms.round.clone(),
        terms: terms.terms_digest(),
        content: Content::Tokens("veterans.persons".to_owned()),
        key_id: "0000000000000000".to_owned(),
        to: TO_PLAIN.to_owned(),
    };
    let signature = key.sign(bytes, &statement.to_comment(), &path);
    let signature = signature.ok().expect("randomness");
    std::fs::write(beside(CHECKSUM_SUFFIX), &input[..end]).expect("room in the temporary folder");
    let came = |opener| receive(&path, terms, Expected::Tokens, opener, FOLDER.path());
    assert!(came(None).is_err(), "took what nobody signed");
    std::fs::write(beside(SIGNATURE_SUFFIX), signature).expect("room in the temporary folder");
    let plain = came(None);
    let _ = std::fs::remove_file(beside(CHECKSUM_SUFFIX));
    if plain.is_ok() {
        let stated = String::from_utf8_lossy(&input[..end]).to_lowercase();
        let stated = stated.split_whitespace().next().unwrap_or_default();
        assert!(stated.len() == 64 && stated.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert!(came(Some(&*OPENER)).is_err() || open(&path));
    let _ = std::fs::remove_file(beside(SIGNATURE_SUFFIX));
}

fuzz_target!(|input: &[u8]| {
    let_guarded_panics_pass();
    match input.split_first() {
        Some((0, bytes)) => {
            open(&file_of(bytes));
        }
        Some((1, text)) => {
            let _ = Opener::read_identity(&owner_only("other-identity", text));
        }
        Some((2, changes)) => changed(changes),
        Some((_, input)) => plain(input),
        None => {}
    }
});
