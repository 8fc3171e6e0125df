//! Opens any bytes as a sealed file, identity file or plain file. Each must be accepted or
//! refused without a panic. A sealed file with a changed, added or missing byte must not
//! open. A plain file must be refused unless its sender signed it and its checksum matches.
//!
//! The first byte chooses what the rest is.

#![no_main]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_fuzz::{FOLDER, ignore_guarded_panics, shipped, write_input};
use aidlink_office::crossing::{CHECKSUM_SUFFIX, Expected, receive};
use aidlink_office::round::{Mode, Reads, RoundTerms, WrittenRound};
use aidlink_office::sealed::{Opener, Recipient, is_sealed};
use aidlink_office::signing::{SIGNATURE_SUFFIX, SigningKey};
use aidlink_office::statement::{Content, Statement, TO_PLAIN, split_signature};
use libfuzzer_sys::fuzz_target;

/// An identity made for the tests. The seed files are sealed to it.
const IDENTITY: &str = include_str!("../seeds/identity");
/// The content is longer than one chunk of a sealed file (64 KiB).
const CONTENT_LENGTH: usize = 66_000;
const LONGEST: u64 = 1 << 20;

static OPENER: LazyLock<Opener> = LazyLock::new(|| {
    let opener = Opener::read_identity(&write_owner_only("identity", IDENTITY.as_bytes()));
    opener.ok().expect("the identity is valid")
});

/// A file sealed to that identity.
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let recipient = IDENTITY
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let recipient = recipient
        .and_then(Recipient::parse)
        .expect("the recipient is valid");
    let mut writer = recipient.seal(Vec::new()).expect("memory can be written");
    writer
        .write_all(&[7; CONTENT_LENGTH])
        .expect("memory can be written");
    writer.finish().expect("memory can be written")
});

/// A split round with plain files, and the signing key of its veterans agency.
static ROUND: LazyLock<(RoundTerms, SigningKey)> = LazyLock::new(|| {
    let folder = FOLDER.path().join("tests/rounds/round");
    std::fs::create_dir_all(&folder).expect("room in the temporary folder");
    for part in ["policies", "schemas", "calendars"] {
        std::os::unix::fs::symlink(shipped(part), FOLDER.path().join(part))
            .expect("a link can be made");
    }
    let made = shipped("tests/rounds/hand-made/round.toml");
    let made = std::fs::read_to_string(made).expect("the hand-made round");
    let mut text = made.replace("mode = \"pooled\"", "mode = \"split\"");
    text.push_str("\n[sealing]\nplain = [\"tokens\", \"leads\"]\n\n[signing.signers]\n");
    let key = |office: &str| SigningKey::make(&folder.join(format!("{office}.key")));
    let veterans = key("veterans").ok().expect("a key can be made");
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
        let key = key(office).ok().expect("a key can be made");
        text.push_str(&format!("{office} = \"{}\"\n", key.public().to_base64()));
    }
    let file = folder.join("round.toml");
    std::fs::write(&file, text).expect("room in the temporary folder");
    let written = WrittenRound::read(&file);
    let planned = written.and_then(|written| written.planned(Mode::Split, Reads::Nothing));
    let (terms, _) = planned.ok().expect("the round file is valid");
    (terms, veterans)
});

fn write_owner_only(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("the file is our own");
    path
}

/// Opens the file in both ways, which must agree. Returns whether it opened.
fn opens(path: &Path) -> bool {
    let sealed = is_sealed(path).expect("just written");
    let in_memory = OPENER.open_to_memory(path, LONGEST);
    let unnamed = OPENER.open_to_unnamed_file(path, FOLDER.path());
    let is_open = match (&in_memory, unnamed) {
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
    assert!(sealed || !is_open, "opened a file that is not sealed");
    is_open
}

/// Applies changes to the sealed file, which must then not open. A change has four bytes:
/// position (two), kind of change, new byte.
fn check_changed(changes: &[u8]) {
    let sealed = &*SEALED;
    let mut bytes = sealed.clone();
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        // Positions count from the start or the end, because head and tail matter most.
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
    let opened = opens(&write_input(&bytes));
    assert_eq!(opened, bytes == *sealed);
}

/// Receives a plain file, first unsigned and then signed. The first line of the input is
/// the checksum file, and the rest is the file.
fn check_plain(input: &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let bytes = input.get(end + 1..).unwrap_or_default();
    let path = write_input(bytes);
    let path_with = |suffix: &str| {
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
    let signature = signature.ok().expect("signing needs only randomness");
    std::fs::write(path_with(CHECKSUM_SUFFIX), &input[..end])
        .expect("room in the temporary folder");
    let receive_file = |opener| receive(&path, terms, Expected::Tokens, opener, FOLDER.path());
    assert!(receive_file(None).is_err(), "accepted an unsigned file");
    std::fs::write(path_with(SIGNATURE_SUFFIX), signature).expect("room in the temporary folder");
    let received = receive_file(None);
    let _ = std::fs::remove_file(path_with(CHECKSUM_SUFFIX));
    if received.is_ok() {
        let stated = String::from_utf8_lossy(&input[..end]).to_lowercase();
        let stated = stated.split_whitespace().next().unwrap_or_default();
        assert!(stated.len() == 64 && stated.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert!(receive_file(Some(&*OPENER)).is_err() || opens(&path));
    let _ = std::fs::remove_file(path_with(SIGNATURE_SUFFIX));
}

fuzz_target!(|input: &[u8]| {
    ignore_guarded_panics();
    match input.split_first() {
        Some((0, bytes)) => {
            opens(&write_input(bytes));
        }
        Some((1, text)) => {
            let _ = Opener::read_identity(&write_owner_only("other-identity", text));
        }
        Some((2, changes)) => check_changed(changes),
        Some((_, input)) => check_plain(input),
        None => {}
    }
});
