//! Reads any bytes as the head of a register, its key, numbers and days that people write, and as
//! a register itself. What was read must be written as it was; no register may verify that nobody
//! signed, and no message may show a key.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use aidlink_agency::register_token::RegisterKey;
use aidlink_faults::text::Language;
use aidlink_files::document::Document;
use aidlink_fuzz::FOLDER;
use aidlink_office::signing::SigningKey;
use aidlink_register::form::day;
use aidlink_register::head::Head;
use aidlink_register::number::{EventId, LeadNumber, PersonNumber};
use aidlink_register::register::Register;
use libfuzzer_sys::fuzz_target;

const REGISTER: &str = "07070707070707070707070707070707";

/// A key with which nothing was signed.
static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| {
    let path = FOLDER.path().join("signing.key");
    SigningKey::read_or_make(&path).expect("a signing key")
});

fn check_text(text: &str) {
    if let Some(lead) = LeadNumber::parse(text) {
        assert_eq!(lead.person().lead(lead.aid()), Some(lead.clone()));
        assert_eq!(LeadNumber::parse(lead.as_str()), Some(lead));
    }
    if let Some(person) = PersonNumber::parse(text) {
        assert_eq!(PersonNumber::parse(person.as_str()), Some(person));
    }
    if let Some(event) = EventId::parse(text) {
        assert_eq!(EventId::parse(event.as_str()), Some(event));
    }
    if let Some(day) = day(text) {
        assert_eq!(day.to_string().parse().ok(), Some(day));
    }
}

fn check_key(bytes: &[u8]) {
    match RegisterKey::parse(bytes, Path::new("register.key"), REGISTER) {
        Ok(key) => {
            let text = key.to_text();
            let again = RegisterKey::parse(text.as_bytes(), Path::new("register.key"), REGISTER);
            assert!(again.is_ok_and(|again| again.id() == key.id()));
        }
        Err(fault) => {
            let text = String::from_utf8_lossy(bytes);
            let secret = text
                .split("key-v1:")
                .nth(1)
                .and_then(|after| after.get(..64));
            let is_secret = |hex: &&str| hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            if let Some(secret) = secret.filter(is_secret) {
                // The id of another register may be shown, whatever it is.
                let is_id = text
                    .lines()
                    .any(|line| line.starts_with("register") && line.contains(secret));
                assert!(is_id || !fault.render(Language::English).contains(secret));
            }
        }
    }
}

/// The file is owner-only, as a register is; otherwise it is refused unread.
fn check_register(bytes: &[u8]) {
    let path = FOLDER.path().join("register.db");
    for suffix in ["-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(FOLDER.path().join(format!("register.db{suffix}")));
    }
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, owner_only).expect("an own file");
    }
    let _ = Register::look(&path);
    assert!(
        Register::verify(&path, SIGNER.public()).is_err(),
        "nobody signed it"
    );
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = Head::parse(bytes) {
        assert_eq!(Head::parse(&head.to_bytes()).expect("a head"), head);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_text(text);
    }
    check_key(bytes);
    check_register(bytes);
});
